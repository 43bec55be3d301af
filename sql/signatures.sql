--
-- Signatures: what entries tell of further columns
--
\set schema annoy_signatures
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET timezone = 'UTC';
-- so that few rows are searched, and not all tested at once
SET annoy.search_k = 200;

CREATE FUNCTION vec(i integer) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_agg((sin(i * j) * 100)::real ORDER BY j) FROM generate_series(1, 8) j $$;

-- The storage parameter, and what the index tells of it: a byte for each of the first
-- columns of a type with order or hashes; arrays have what is left of four, and two more, up to four each; then
-- the others have a second one
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE OPERATOR CLASS mood_ops FOR TYPE anyenum USING annoy AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, OPERATOR 6 <>;
CREATE OPERATOR CLASS point_ops DEFAULT FOR TYPE point USING annoy AS OPERATOR 1 <@ (point, box);
CREATE OPERATOR CLASS range_ops DEFAULT FOR TYPE anyrange USING annoy AS
	OPERATOR 1 =, OPERATOR 2 &&, OPERATOR 3 <;
CREATE TABLE declared (v real[], a integer, b integer, c integer, d integer, e integer, t text[], p point);
INSERT INTO declared SELECT vec(i), i, i, i, i, i, ARRAY['t' || i], point(i, i) FROM generate_series(1, 200) i;
CREATE FUNCTION bytes(columns text, options text DEFAULT '') RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	result integer;
BEGIN
	EXECUTE format('CREATE INDEX declared_idx ON declared USING annoy (%s) %s', columns, options);
	SELECT signatures INTO result FROM annoy_index_info('declared_idx');
	PERFORM annoy_index_check('declared_idx', true);
	DROP INDEX declared_idx;
	RETURN result;
END $$;
SELECT columns, bytes(columns) FROM unnest(ARRAY['v', 'v, a', 'v, a, b, c, d, e', 'v, t', 'v, a, t', 'v, p', 'v, p, a']) columns;
SELECT n, bytes('v, a, b, c, d, e', 'WITH (signatures = ' || n || ')'),
	bytes('v, a, t', 'WITH (signatures = ' || n || ')') AS with_array
FROM generate_series(-1, 8) n;
CREATE INDEX ON declared USING annoy (v, a) WITH (signatures = 9);
CREATE INDEX ON declared USING annoy (v, a) WITH (signatures = -2);
-- it takes effect with the next build
CREATE INDEX declared_idx ON declared USING annoy (v, a, b);
ALTER INDEX declared_idx SET (signatures = 1);
SELECT signatures FROM annoy_index_info('declared_idx');
INSERT INTO declared SELECT vec(-1), 1000, 1000;
SELECT annoy_index_check('declared_idx', true);
REINDEX INDEX declared_idx;
SELECT signatures FROM annoy_index_info('declared_idx');
SELECT annoy_index_check('declared_idx', true);

-- Values that are equal, but differ; that are not in order at first sight; and NULL
\set ECHO none
DO $$
BEGIN
	CREATE COLLATION nondeterministic (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN
	-- the server was built without ICU
	CREATE COLLATION nondeterministic FROM "C";
END $$;
\set ECHO all
CREATE FUNCTION fill(name text, first integer, last integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($sql$INSERT INTO %I SELECT i AS id, vec(i),
		nullif(i %% 40, 7), nullif(i %% 2000, 7), nullif(i, 1000),
		CASE i %% 5 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN '0' WHEN 3 THEN '-Infinity' ELSE (i %% 300)::text END::float4,
		CASE i %% 5 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN '0' WHEN 3 THEN 'Infinity' ELSE (i %% 300)::text END::float8,
		CASE i %% 4 WHEN 0 THEN '1.0' WHEN 1 THEN '1.00' WHEN 2 THEN 'NaN' ELSE (i %% 500)::text || repeat('0', 2) END::numeric,
		CASE i %% 3 WHEN 0 THEN 'Name ' ELSE 'name ' END || nullif(i %% 333, 7),
		CASE i %% 3 WHEN 0 THEN 'Name ' ELSE 'name ' END || nullif(i %% 333, 7),
		repeat('long ', 30) || i %% 100,
		('name ' || nullif(i %% 34, 7))::varchar(20),
		nullif(i %% 3, 2)::boolean,
		(ARRAY['sad', 'ok', 'happy', NULL])[i %% 4 + 1]::mood,
		date '2026-01-01' + nullif(i %% 700, 7),
		timestamp '2026-01-01' + nullif(i %% 800, 7) * interval '1 hour',
		timestamptz '2026-01-01' + nullif(i %% 900, 7) * interval '1 hour',
		md5(nullif(i %% 38, 7)::text)::uuid,
		int4range(i %% 50, i %% 50 + i %% 7),
		CASE i %% 6 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN ARRAY[NULL::int] ELSE ARRAY[i %% 41, NULL, i %% 7, 100 + i %% 11] END,
		CASE WHEN i %% 11 > 0 THEN ARRAY['a' || i %% 50, 'b' || i %% 7] END,
		CASE WHEN i %% 11 > 0 THEN ARRAY[('1.' || i %% 3 || repeat('0', i %% 4))::numeric] END
	FROM generate_series($1, $2) i$sql$, name) USING first, last;
END $$;
CREATE TABLE items (id integer, v real[], i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text,
	ci text COLLATE nondeterministic, l text, vc varchar(20), b boolean, m mood, d date, ts timestamp, tstz timestamptz, u uuid,
	r int4range, i4a int4[], ta text[], na numeric[]);
SELECT fill('items', 1, 6000);
-- one is made for rows, one is empty at first: then there are hashes instead of order
CREATE TABLE grown (LIKE items);
\set columns1 'v, i2, i4, i8, f4, t'
\set columns2 'v, l, vc, b, m mood_ops, d, ts, tstz'
\set columns4 'v, f8, n, ci, u'
\set columns3 'v, r, i4a, ta, na'
CREATE INDEX items_1 ON items USING annoy (:columns1) WITH (signatures = 8);
CREATE INDEX items_2 ON items USING annoy (:columns2) WITH (signatures = 8);
CREATE INDEX items_3 ON items USING annoy (:columns3) WITH (signatures = 8);
CREATE INDEX items_4 ON items USING annoy (:columns4) WITH (signatures = 8);
CREATE INDEX grown_1 ON grown USING annoy (:columns1) WITH (signatures = 8);
CREATE INDEX grown_2 ON grown USING annoy (:columns2) WITH (signatures = 8);
CREATE INDEX grown_3 ON grown USING annoy (:columns3) WITH (signatures = 8);
CREATE INDEX grown_4 ON grown USING annoy (:columns4) WITH (signatures = 8);
SELECT fill('grown', 1, 40);
SELECT annoy_index_check('grown_' || i, true) FROM generate_series(1, 4) i;	-- a leaf without codes
SELECT fill('grown', 41, 2000);
ANALYZE items;
ANALYZE grown;
SELECT annoy_index_check(name || '_' || i, true) FROM unnest(ARRAY['items', 'grown']) name, generate_series(1, 4) i;

-- Conditions, and the number of rows that meet them
CREATE TABLE conditions (n serial, c text);
INSERT INTO conditions (c) SELECT format('%s %s %s', col, op, value)
FROM (VALUES (1, 'i2', '20'), (1, 'i2', '39'), (2, 'i4', '20'), (2, 'i4', '5000'), (3, 'i8', '20'), (4, 'f4', '0'), (4, 'f4', '-0.0'),
	(4, 'f4', '''NaN'''), (5, 'f8', '0'), (5, 'f8', '''NaN'''), (5, 'f8', '24'), (6, 'n', '1'), (6, 'n', '1.000'), (6, 'n', '''NaN'''),
	(7, 't', '''name 20'''), (8, 'ci', '''NAME 20'''), (9, 'l', repeat('long ', 30) || '7'), (10, 'vc', '''name 20'''), (11, 'b', 'true'),
	(12, 'm', '''ok'''), (13, 'd', '''2026-03-21'''), (14, 'ts', '''2026-01-01 20:00'''), (15, 'tstz', '''2026-01-01 20:00'''),
	(16, 'u', quote_literal(md5('20')))) AS cols(n, col, value),
	unnest(ARRAY['<', '<=', '=', '>=', '>']) WITH ORDINALITY AS ops(op, m)
ORDER BY cols.n, value, m;
UPDATE conditions SET c = replace(c, repeat('long ', 30) || '7', quote_literal(repeat('long ', 30) || '7'));
INSERT INTO conditions (c) SELECT format('%s %s %s', col, op, value)
FROM (VALUES (1, 'i4a', '''{3}'''), (2, 'i4a', '''{}'''), (3, 'i4a', '''{NULL}'''), (4, 'i4a', '''{3,101,20}'''), (5, 'i4a', '''{9,NULL,2,102}'''),
	(6, 'ta', '''{a3,b6}'''), (7, 'ta', '''{a3}'''), (8, 'na', '''{1.0}'''), (9, 'na', '''{1.000000,1.1}''')) AS cols(n, col, value),
	unnest(ARRAY['&&', '@>', '<@', '=']) WITH ORDINALITY AS ops(op, m)
ORDER BY cols.n, m;
INSERT INTO conditions (c) VALUES ('i2 = 20::int4'), ('i2 > 20::int8'), ('i2 < 100000'), ('i2 = 100000'), ('i4 <= 20::int2'), ('i4 = 20::int8'),
	('i4 < 10000000000'), ('i8 = 20::int4'), ('f4 < 20::float8'), ('f4 = 24::float8'), ('f8 > 20::float4'), ('d > timestamp ''2026-01-20'''),
	('d = timestamp ''2026-01-20'''), ('d < timestamptz ''2026-01-20'''), ('ts > date ''2026-01-02'''), ('ts = date ''2026-01-02'''),
	('tstz > timestamp ''2026-01-02'''), ('tstz = date ''2026-01-02'''), ('m <> ''ok'''), ('r = int4range(20, 23)'), ('r = ''empty'''),
	('r && int4range(20, 23)'), ('r < int4range(20, 23)'), ('i4 IN (1, 2, 3)'), ('i4 = ANY (''{1,NULL,3}'')'), ('i4 > ANY (''{1990,1000}'')'),
	('t IN (''name 1'', ''Name 3'')'), ('ci IN (''NAME 1'', ''naMe 3'')'),
	('i4 IS NULL'), ('i4 IS NOT NULL'), ('i4a IS NULL'), ('i4a IS NOT NULL'), ('ta IS NULL AND na IS NULL'), ('l IS NULL'), ('m IS NULL'),
	('i2 = 3 AND i4 < 500 AND t > ''name 3'''), ('i4 > 100 AND i4 < 200'), ('i4 > 200 AND i4 < 100'), ('i4a && ''{3}'' AND ta @> ''{b6}'''),
	('f4 >= ''-0'' AND f4 <= ''0'' AND i2 > 3');

-- A scan that returns all rows tests all attributes; a build with assertions then
-- makes sure that those which qualify have signatures that pass.  A search for the
-- vector of a row that qualifies has to find it.
CREATE FUNCTION check_condition(name text, condition text, OUT all_rows boolean, OUT itself boolean, OUT searched boolean)
LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id FROM %I WHERE %s ORDER BY v <-> vec(5)', name, condition);
	found integer[];
	wanted integer[];
	scan record;
	row record;
BEGIN
	EXECUTE format('WITH s AS MATERIALIZED (%s) SELECT array_agg(id ORDER BY id) FROM s', query) INTO found;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('WITH s AS MATERIALIZED (%s) SELECT array_agg(id ORDER BY id) FROM s', query) INTO wanted;
	SET LOCAL enable_indexscan = on;
	all_rows := found IS NOT DISTINCT FROM wanted;
	itself := true;
	searched := false;
	FOR i IN 0 .. 9 LOOP
		CONTINUE WHEN wanted IS NULL;
		EXECUTE format('SELECT v <-> vec($1) AS d FROM %I WHERE %s ORDER BY v <-> vec($1) LIMIT 1', name, condition)
			INTO row USING wanted[1 + i * cardinality(wanted) / 10];
		itself := itself AND coalesce(row.d < 0.01, false);
		searched := searched OR (SELECT NOT drained FROM annoy_last_scan());
	END LOOP;
END $$;
CREATE TABLE results AS SELECT name, n, c, s.* FROM conditions, unnest(ARRAY['items', 'grown']) name, check_condition(name, c) s;
SELECT * FROM results WHERE NOT (all_rows AND itself);
-- most conditions are not for a walk over all attributes
SELECT name, count(*) > 100 AS many, count(*) FILTER (WHERE searched) > 20 AS searches FROM results GROUP BY name ORDER BY name;

-- Pages of rows that do not qualify are not touched
CREATE TABLE narrow AS SELECT i AS id, vec(i) AS v, i % 40 AS a FROM generate_series(1, 20000) i;
ANALYZE narrow;
CREATE FUNCTION touched(bytes integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('CREATE INDEX narrow_idx ON narrow USING annoy (v, a) WITH (signatures = %s)', bytes);
	PERFORM id FROM narrow WHERE a < 4 ORDER BY v <-> vec(5) LIMIT 3;
	SELECT pages INTO result FROM annoy_last_scan() WHERE NOT drained;
	DROP INDEX narrow_idx;
	RETURN result;
END $$;
SELECT touched(1) < 0.6 * touched(0) AS fewer;

-- Changes
UPDATE items SET i2 = 41, i4 = id, t = 'new', ta = ARRAY['new'] WHERE id % 10 = 0;
DELETE FROM items WHERE id % 7 = 0;
SELECT c, all_rows, itself FROM unnest(ARRAY['i2 = 41', 'i4 > 5000', 't = ''new''', 'ta && ''{new}''', 'i2 = 20']) c, check_condition('items', c);
SELECT annoy_index_check('items_' || i, true) FROM generate_series(1, 4) i;
VACUUM items;
SELECT annoy_index_check('items_' || i, true) FROM generate_series(1, 4) i;
SELECT fill('items', 7001, 9000);	-- splits leaves
SELECT c, all_rows, itself FROM unnest(ARRAY['i2 = 41', 'i4 > 5000', 't = ''new''', 'ta && ''{new}''', 'i2 = 20', 'i8 > 7000']) c, check_condition('items', c);
SELECT annoy_index_check('items_' || i, true) FROM generate_series(1, 4) i;
REINDEX TABLE items;
SELECT annoy_index_check('items_' || i, true) FROM generate_series(1, 4) i;
SELECT c, all_rows, itself FROM unnest(ARRAY['i2 = 41', 'i4 > 5000', 't = ''new''', 'ta && ''{new}''', 'i2 = 20', 'i8 > 7000']) c, check_condition('items', c);
-- When most rows are beyond the bounds, VACUUM chooses others
CREATE TABLE later AS SELECT i AS id, vec(i) AS v, i AS a FROM generate_series(1, 1000) i;
CREATE INDEX later_idx ON later USING annoy (v, a) WITH (signatures = 1);
INSERT INTO later SELECT i, vec(i), i FROM generate_series(1001, 6000) i;
ANALYZE later;
CREATE FUNCTION touched() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM id FROM later WHERE a > 5000 ORDER BY v <-> vec(5) LIMIT 3;
	RETURN (SELECT pages FROM annoy_last_scan() WHERE NOT drained);
END $$;
SELECT touched() AS before \gset
VACUUM later;
SELECT touched() < :before AS fewer;
SELECT annoy_index_check('later_idx', true);
-- Bounds are of all rows even if there is no memory for all values
INSERT INTO later SELECT i, vec(i), i - 3000 FROM generate_series(6001, 9000) i;
REINDEX INDEX later_idx;
SELECT touched() AS enough \gset
SET maintenance_work_mem = '1MB';
REINDEX INDEX later_idx;
RESET maintenance_work_mem;
SELECT touched() < 1.5 * :enough AS as_few;
-- Hashes of a type whose order takes more for equal are not for its arrays, whatever a
-- session knows of the type
SET client_min_messages = warning;
CREATE TYPE tens;
CREATE FUNCTION tens_in(cstring) RETURNS tens STRICT IMMUTABLE LANGUAGE internal AS 'int4in';
CREATE FUNCTION tens_out(tens) RETURNS cstring STRICT IMMUTABLE LANGUAGE internal AS 'int4out';
CREATE TYPE tens (INPUT = tens_in, OUTPUT = tens_out, LIKE = integer);
RESET client_min_messages;
CREATE CAST (tens AS integer) WITHOUT FUNCTION;
CREATE CAST (integer AS tens) WITHOUT FUNCTION;
CREATE FUNCTION tens_same(tens, tens) RETURNS boolean STRICT IMMUTABLE LANGUAGE sql AS 'SELECT $1::integer = $2::integer';
CREATE FUNCTION tens_equal(tens, tens) RETURNS boolean STRICT IMMUTABLE LANGUAGE sql AS 'SELECT $1::integer / 10 = $2::integer / 10';
CREATE FUNCTION tens_compare(tens, tens) RETURNS integer STRICT IMMUTABLE LANGUAGE sql AS 'SELECT btint4cmp($1::integer / 10, $2::integer / 10)';
CREATE FUNCTION tens_hash(tens) RETURNS integer STRICT IMMUTABLE LANGUAGE sql AS 'SELECT hashint4($1::integer)';
CREATE OPERATOR = (LEFTARG = tens, RIGHTARG = tens, FUNCTION = tens_equal);
CREATE OPERATOR === (LEFTARG = tens, RIGHTARG = tens, FUNCTION = tens_same);
CREATE OPERATOR CLASS tens_btree DEFAULT FOR TYPE tens USING btree AS OPERATOR 3 =, FUNCTION 1 tens_compare(tens, tens);
CREATE OPERATOR CLASS tens_hash DEFAULT FOR TYPE tens USING hash AS OPERATOR 1 ===, FUNCTION 1 tens_hash(tens);
CREATE OPERATOR CLASS tens_annoy DEFAULT FOR TYPE tens USING annoy AS OPERATOR 1 =, OPERATOR 2 ===;
CREATE TABLE coarse AS SELECT i AS id, vec(i) AS v, (i % 300)::tens AS a, ARRAY[(i % 300)::tens] AS t FROM generate_series(1, 2000) i;
CREATE INDEX coarse_idx ON coarse USING annoy (v, a, t) WITH (signatures = 8);
SELECT signatures FROM annoy_index_info('coarse_idx');
ANALYZE coarse;
SELECT ARRAY[1::tens] = ARRAY[2::tens] AS equal;
INSERT INTO coarse SELECT i, vec(i), (i % 300)::tens, ARRAY[(i % 300)::tens] FROM generate_series(2001, 2100) i;
SELECT annoy_index_check('coarse_idx', true);
SELECT c, all_rows, itself FROM unnest(ARRAY['t && ''{7}''', 't @> ''{7}''', 't <@ ''{7,18}''', 't = ''{7}''', 'a = ''7''', 'a === ''7''']) c,
	check_condition('coarse', c);
-- A condition may pick what is far from the query: a search finds it, and does not go
-- through all entries more often than a round before it knows takes
CREATE TABLE clusters AS SELECT i AS id, (SELECT array_agg(x + i % 20 * 300) FROM unnest(vec(i)) x) AS v, i % 20 AS c FROM generate_series(1, 6000) i;
CREATE INDEX clusters_idx ON clusters USING annoy (v, c);
ANALYZE clusters;
CREATE FUNCTION search_cluster(wanted integer, OUT same boolean, OUT entries bigint) LANGUAGE plpgsql AS $$
DECLARE
	found real[];
	nearest real[];
BEGIN
	found := ARRAY(SELECT v <-> vec(20) FROM clusters WHERE c = wanted ORDER BY v <-> vec(20) LIMIT 10);
	SELECT s.entries INTO entries FROM annoy_last_scan() s;
	SET LOCAL enable_indexscan = off;
	nearest := ARRAY(SELECT v <-> vec(20) FROM clusters WHERE c = wanted ORDER BY v <-> vec(20) LIMIT 10);
	SET LOCAL enable_indexscan = on;
	same := found = nearest;
END $$;
SELECT count(*) FILTER (WHERE same) >= 18 AS found, bool_and(s.entries <= 1.3 * i.entries) AS once
FROM annoy_index_info('clusters_idx') i, generate_series(0, 19) c, search_cluster(c) s;
-- A type that gets hashes when an index is there has none in it before REINDEX; one that
-- has lost them is not asked for them, and no row is added without
CREATE OPERATOR CLASS money_annoy DEFAULT FOR TYPE money USING annoy AS OPERATOR 1 <, OPERATOR 3 =;
CREATE TABLE prices (id integer, v real[], price money);
CREATE INDEX prices_idx ON prices USING annoy (v, price);
INSERT INTO prices SELECT i, vec(i), (i % 50)::money FROM generate_series(1, 2000) i;
ANALYZE prices;
SELECT signatures FROM annoy_index_info('prices_idx');
CREATE FUNCTION hash_money(money) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'hashint8';
CREATE OPERATOR CLASS money_hash DEFAULT FOR TYPE money USING hash AS OPERATOR 1 =, FUNCTION 1 hash_money(money);
SELECT all_rows, itself FROM check_condition('prices', 'price = 7::money');
INSERT INTO prices SELECT i, vec(i), (i % 50)::money FROM generate_series(2001, 2100) i;
SELECT all_rows, itself FROM check_condition('prices', 'price = 7::money');
SELECT annoy_index_check('prices_idx', true);
REINDEX INDEX prices_idx;
SELECT signatures FROM annoy_index_info('prices_idx');
SELECT all_rows, itself FROM check_condition('prices', 'price = 7::money');
BEGIN;
DROP OPERATOR FAMILY money_hash USING hash;
SELECT all_rows, itself FROM check_condition('prices', 'price = 7::money');
INSERT INTO prices SELECT 0, vec(0), 7::money;
ROLLBACK;
INSERT INTO prices SELECT 0, vec(0), 7::money;
SELECT annoy_index_check('prices_idx', true);
-- what has lost them otherwise: arrays without elements, VACUUM and the check
CREATE TABLE lost AS
SELECT i AS id, vec(i) AS v, CASE WHEN i % 2 = 0 THEN '{}'::money[] ELSE ARRAY[i::money] END AS prices
FROM generate_series(1, 2000) i;
CREATE INDEX lost_idx ON lost USING annoy (v, prices);
ANALYZE lost;
DROP OPERATOR FAMILY money_hash USING hash;
SELECT all_rows, itself FROM check_condition('lost', 'prices IS NOT NULL');
DELETE FROM prices WHERE id % 2 = 0;
VACUUM prices;
SELECT annoy_index_check('prices_idx', true), annoy_index_check('lost_idx', true);
-- Characters are equal whatever blanks they end with
CREATE TABLE blanks AS
SELECT i AS id, vec(i) AS v, ARRAY['a', CASE WHEN i % 2 = 0 THEN 'b' END]::character(3)[] AS tags
FROM generate_series(1, 1000) i;
CREATE INDEX blanks_idx ON blanks USING annoy (v, tags);
ANALYZE blanks;
SELECT all_rows, itself FROM check_condition('blanks', $$tags && '{a}'$$);
SELECT all_rows, itself FROM check_condition('blanks', $$tags @> '{a,b}'$$);
-- order and hashes are the same on all paths
SELECT annoy_simd_check('items_' || i) > 0 AS nodes FROM generate_series(1, 4) i;
\set ECHO none
SET client_min_messages = warning;
DROP SCHEMA annoy_signatures CASCADE;
