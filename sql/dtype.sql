--
-- The storage parameter dtype: how precisely an index stores vectors
--
\set schema annoy_dtype
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
-- fractions that need all digits of a double
CREATE FUNCTION fractions(i integer, dims integer) RETURNS double precision[]
IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
	$$ SELECT array_agg((number(i, j) - 0.4) * pi() ORDER BY j) FROM generate_series(1, dims) j $$;
CREATE TABLE items (id integer PRIMARY KEY, v real[], d double precision[], b bit varying);
INSERT INTO items SELECT i, fractions(i, 16), fractions(i, 16), bitvec(i, 16) FROM generate_series(1, 1500) i;
ANALYZE items;

--
-- Names
--
-- Wrong ones are refused before the table is looked at, which would fail too.
CREATE FUNCTION not_called(v real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN RAISE 'the table is being read'; END $$;
SELECT o, failure(format('CREATE INDEX ON items USING annoy (not_called(v)) WITH (dtype = %s)', o))
FROM unnest(ARRAY['float80', 'float96', 'float128', 'longdouble', '''long double''', '''Float128''',
	'float8', 'float', 'real', 'double precision', 'half', '16', '''float16 ''', 'bit', 'float16', 'int', 'smallint', 'bigint', 'numeric', 'int8', 'pg_catalog.int8']) o;
SELECT o, failure(format('CREATE INDEX ON items USING annoy (not_called(v) real_hamming_ops) WITH (dtype = %s)', o))
FROM unnest(ARRAY['int8', 'float16', 'float32', 'float64', 'bit']) o;
SELECT failure(format('CREATE INDEX ON items USING annoy (b) WITH (dtype = %s)', o))
FROM unnest(ARRAY['int8', 'float16', 'float32', 'float64', 'float80', 'bits']) o;
-- right ones, in any case; the default is the column's type
CREATE INDEX v_default ON items USING annoy (v);
CREATE INDEX v_empty ON items USING annoy (v) WITH (dtype = '');
CREATE INDEX v_8 ON items USING annoy (v) WITH (dtype = int8);
CREATE INDEX v_16 ON items USING annoy (v) WITH (dtype = float16);
CREATE INDEX v_32 ON items USING annoy (v) WITH (dtype = FLOAT32);
CREATE INDEX v_64 ON items USING annoy (v) WITH (dtype = 'Float64');
CREATE INDEX v_hamming ON items USING annoy (v real_hamming_ops);
CREATE INDEX v_bit ON items USING annoy (v real_hamming_ops) WITH (dtype = bit);
CREATE INDEX d_default ON items USING annoy (d);
CREATE INDEX d_8 ON items USING annoy (d) WITH (dtype = 'INT8');
CREATE INDEX d_16 ON items USING annoy (d) WITH (dtype = 'float16');
CREATE INDEX d_32 ON items USING annoy (d) WITH (dtype = 'float32');
CREATE INDEX d_64 ON items USING annoy (d) WITH (dtype = 'float64');
CREATE INDEX b_default ON items USING annoy (b);
CREATE INDEX b_bit ON items USING annoy (b) WITH (dtype = 'bit');
SELECT c.relname, reloptions, type, dtype, items
FROM pg_class c JOIN pg_am a ON a.oid = relam, annoy_index_info(c.oid)
WHERE amname = 'annoy' AND relnamespace = 'annoy_dtype'::regnamespace ORDER BY 1;
-- with the definition that pg_dump writes
SELECT pg_get_indexdef('v_bit'::regclass) AS definition \gset
DROP INDEX v_bit;
:definition;
SELECT dtype FROM annoy_index_info('v_bit');
DROP INDEX v_default, v_empty, v_8, v_16, v_32, v_64, v_hamming, v_bit, d_default, d_8, d_16, d_32, d_64, b_default, b_bit;

--
-- Every type, metric and dtype: the rows come in the order of the distances of
-- the vectors as they are stored; or as they are, if that is int8.
--
-- the half nearest to a number, and of two the even one
CREATE FUNCTION to_half(x double precision) RETURNS double precision IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
	step double precision := 2.0::double precision ^ -24;
BEGIN
	-- a number of 11 digits and a power of two
	WHILE abs(x) / step >= 2048 LOOP
		step := step * 2;
	END LOOP;
	RETURN round(x / step) * step;
END $$;
CREATE FUNCTION stored(v double precision[], dtype text) RETURNS double precision[] IMMUTABLE LANGUAGE sql AS $$
	SELECT CASE dtype
		WHEN 'float64' THEN v
		WHEN 'int8' THEN v
		WHEN 'float32' THEN v::real[]::double precision[]
		ELSE (SELECT array_agg(to_half(x) ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n)) END $$;
-- Read all rows in the order of an index: how many there are, and how often one
-- comes before a nearer one.
CREATE FUNCTION ordered(col text, op text, query text, dtype text, OUT rows bigint, OUT different bigint, OUT inversions bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off SET annoy.search_k = 1000000 AS $$
BEGIN
	EXECUTE format($query$
		WITH scanned AS MATERIALIZED (SELECT id, %1$I AS v FROM items ORDER BY %1$I %2$s %3$s),
		distances AS MATERIALIZED (
			SELECT id, row_number() OVER () AS n, stored(v, %4$L) %2$s %3$s AS d FROM scanned)
		SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before)
		FROM (SELECT *, lag(d) OVER (ORDER BY n) AS before FROM distances) s $query$,
		col, op, query, dtype) INTO rows, different, inversions;
END $$;
CREATE TABLE results (type text, metric text, dtype text, rows bigint, different bigint, inversions bigint, exact boolean);
DO $$
#variable_conflict use_variable
DECLARE
	col record;
	metric record;
	dtype text;
	query text;
BEGIN
	FOR col IN SELECT * FROM (VALUES ('v', 'real', 'real[]'), ('d', 'double', 'double precision[]')) c (name, opclass, type) LOOP
		query := format('%L::%s', fractions(100000, 16), col.type);
		FOR metric IN SELECT * FROM (VALUES ('l2', '<->'), ('cosine', '<=>'), ('ip', '<#>'), ('l1', '<+>')) m (opclass, op) LOOP
			FOREACH dtype IN ARRAY ARRAY['int8', 'float16', 'float32', 'float64'] LOOP
				EXECUTE format('CREATE INDEX i ON items USING annoy (%s %s_%s_ops) WITH (dtype = %s)',
					col.name, col.opclass, metric.opclass, dtype);
				PERFORM annoy_index_check('i', true);
				INSERT INTO results
					SELECT info.type, info.metric, info.dtype, o.*,
						(ordered(col.name, metric.op, query, 'float64')).inversions = 0
					FROM annoy_index_info('i') info, ordered(col.name, metric.op, query, dtype) o;
				DROP INDEX i;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT * FROM results;

-- Rows find themselves, and queries may be of every type.
CREATE INDEX i ON items USING annoy (v) WITH (dtype = float16);
SELECT count(*) AS rows, count(*) FILTER (WHERE nearest = i.id) AS found
FROM items i, LATERAL (SELECT id AS nearest FROM items ORDER BY v <-> i.v LIMIT 1) n;
SELECT id FROM items ORDER BY v <-> ARRAY[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] LIMIT 1 \gset integer_
SELECT id FROM items ORDER BY v <-> ARRAY[1.0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] LIMIT 1 \gset numeric_
SELECT id FROM items ORDER BY v <-> '{1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}'::double precision[] LIMIT 1 \gset double_
SELECT id FROM items ORDER BY v <-> '{1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}' LIMIT 1 \gset real_
SELECT :integer_id = :real_id AS integer, :numeric_id = :real_id AS numeric, :double_id = :real_id AS double;
DROP INDEX i;

--
-- int8: rows that differ by less than rounding come in the order of their distances,
-- by every metric, whatever the components.
--
CREATE TABLE bytes (id integer PRIMARY KEY, v double precision[]);
CREATE FUNCTION vectors(kind text, n integer, dims integer) RETURNS TABLE (id integer, v double precision[])
LANGUAGE sql AS $$
	SELECT i, CASE kind
		-- around one vector, nearer to each other than steps are long
		WHEN 'close' THEN (SELECT array_agg(number(0, j) - 0.5 + 0.002 * number(i, j) ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'far off' THEN (SELECT array_agg(1000 + 0.01 * number(i, j) ORDER BY j) FROM generate_series(1, dims) j)
		-- one component is much larger than all others
		WHEN 'spike' THEN (SELECT array_agg(number(i, j) - 0.5 + CASE WHEN j = 2 THEN 500 ELSE 0 END ORDER BY j) FROM generate_series(1, dims) j)
		-- nothing is lost
		WHEN 'whole' THEN (SELECT array_agg(round(number(i, j) * 255) - 100 ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'quarters' THEN (SELECT array_agg(round(number(i, j) * 255) / 4 ORDER BY j) FROM generate_series(1, dims) j)
		-- with zero, its negative, copies, and what is nearly a copy
		WHEN 'zeroes' THEN (SELECT array_agg(CASE WHEN i % 5 = 0 THEN 0 WHEN i % 5 = 1 THEN -0.0::double precision
				WHEN i % 5 = 2 THEN number(7, j) WHEN i % 5 = 3 THEN number(7, j) * (1 + 1e-12 * i) ELSE number(i, j) - 0.5 END ORDER BY j)
			FROM generate_series(1, dims) j)
		-- of every length
		WHEN 'floats' THEN (SELECT array_agg((number(i, j) - 0.5) * 10.0::double precision ^ (i % 70 - 35) ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'doubles' THEN (SELECT array_agg((number(i, j) - 0.5) * 10.0::double precision ^ (i % 600 - 300) ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'mixed' THEN (SELECT array_agg((number(i, j) - 0.5) * 10.0::double precision ^ ((i * j) % 600 - 300) ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'largest' THEN (SELECT array_agg((number(i, j) - 0.5) * 2 * 1.7976931348623157e308 ORDER BY j) FROM generate_series(1, dims) j)
		WHEN 'smallest' THEN (SELECT array_agg(round(number(i, j) * 1000) * 4.9406564584124654e-324 ORDER BY j) FROM generate_series(1, dims) j)
		END
	FROM generate_series(1, n) i $$;
-- The distances of the nearest rows, as an index or a sequential scan has them
CREATE FUNCTION nearest(op text, query double precision[], type text, n integer) RETURNS double precision[]
LANGUAGE plpgsql AS $$
DECLARE
	result double precision[];
BEGIN
	EXECUTE format('SELECT array_agg(d) FROM (SELECT (v::%1$s[]) %2$s %3$L::%1$s[] AS d FROM bytes ORDER BY 1 LIMIT %4$s) s',
		type, op, query, n) INTO result;
	RETURN result;
END $$;
-- Of how many answers of an index the rows are in order, in rounds and at the end of a
-- scan, and are all rows if so many are wanted
CREATE FUNCTION answers(kind text, dims integer, type text) RETURNS TABLE (metric text, answers bigint, in_order bigint)
LANGUAGE plpgsql SET annoy.search_k = 1000000 SET client_min_messages = warning AS $$
DECLARE
	m record;
BEGIN
	TRUNCATE bytes;
	INSERT INTO bytes SELECT * FROM vectors(kind, 400, dims);
	ANALYZE bytes;
	FOR m IN SELECT * FROM (VALUES ('l2', '<->'), ('cosine', '<=>'), ('ip', '<#>'), ('l1', '<+>')) m (opclass, op) LOOP
		EXECUTE format('CREATE INDEX bytes_v ON bytes USING annoy ((v::%s[]) %s_%s_ops) WITH (dtype = int8)',
			type, split_part(type, ' ', 1), m.opclass);
		PERFORM annoy_index_check('bytes_v', true);
		metric := m.opclass;
		answers := 0;
		in_order := 0;
		FOR i IN 1..5 LOOP
			DECLARE
				query double precision[] := (SELECT v FROM vectors(CASE WHEN i = 5 THEN 'close' ELSE kind END, 400, dims) WHERE id = 75 * i);
				n integer := (ARRAY[3, 40, 400, 1, 40])[i];
				indexed double precision[];
				exact double precision[];
			BEGIN
				SET LOCAL enable_seqscan = off;
				SET LOCAL enable_sort = off;
				indexed := nearest(m.op, query, type, n);
				SET LOCAL enable_seqscan = on;
				SET LOCAL enable_sort = on;
				SET LOCAL enable_indexscan = off;
				exact := nearest(m.op, query, type, n);
				RESET enable_indexscan;
				answers := answers + 1;
				in_order := in_order + (indexed = CASE n WHEN 400 THEN exact ELSE
					(SELECT array_agg(x ORDER BY x) FROM unnest(indexed) x) END)::integer;
			END;
		END LOOP;
		DROP INDEX bytes_v;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT kind, dims, type, d.* FROM (VALUES
	(1, 'close', 24, 'real'), (2, 'close', 24, 'double precision'), (3, 'close', 1, 'real'), (4, 'far off', 17, 'double precision'),
	(5, 'spike', 16, 'real'), (6, 'whole', 9, 'real'), (7, 'quarters', 8, 'double precision'), (8, 'zeroes', 7, 'double precision'),
	(9, 'floats', 5, 'real'), (10, 'doubles', 12, 'double precision'), (11, 'mixed', 12, 'double precision'),
	(12, 'largest', 10, 'double precision'), (13, 'smallest', 10, 'double precision')) k (n, kind, dims, type),
	answers(kind, dims, type) d
ORDER BY n, metric;
-- the most dimensions there may be
TRUNCATE bytes;
INSERT INTO bytes SELECT * FROM vectors('close', 30, 8192);
CREATE INDEX bytes_v ON bytes USING annoy (v double_cosine_ops) WITH (dtype = int8);
SELECT annoy_index_check('bytes_v', true);
SELECT array_agg(d) = array_agg(d ORDER BY d) AS in_order
FROM (SELECT id, v <=> (SELECT v FROM bytes WHERE id = 5) AS d FROM bytes ORDER BY d) s;
-- Rows are read from the table as they are visible: deleted ones, other versions.
TRUNCATE bytes;
INSERT INTO bytes SELECT * FROM vectors('close', 500, 10);
DELETE FROM bytes WHERE id % 3 = 0;
UPDATE bytes SET v = (SELECT array_agg(x + 1) FROM unnest(v) x) WHERE id % 3 = 1;
UPDATE bytes SET id = id + 10000 WHERE id % 2 = 0;
-- the nearest by inner product; distances of rows behind it are negative, then not
CREATE INDEX bytes_ip ON bytes USING annoy (v double_ip_ops) WITH (dtype = int8);
DELETE FROM bytes WHERE id IN (SELECT id FROM bytes ORDER BY v <#> '{2,-1,2,-1,2,-1,2,-1,2,-8}' LIMIT 3);
SELECT count(*), array_agg(d) = array_agg(d ORDER BY d) AS in_order, min(d) < 0 AS negative, max(d) > 0 AS positive,
	min(d) = (SELECT min(v <#> '{2,-1,2,-1,2,-1,2,-1,2,-8}') FROM bytes) AS nearest
FROM (SELECT v <#> '{2,-1,2,-1,2,-1,2,-1,2,-8}' AS d FROM bytes ORDER BY d LIMIT 200) s;
DROP INDEX bytes_ip;
SELECT annoy_index_check('bytes_v', true);
-- lag, as rows may be sorted by id for count(DISTINCT id) since 16
SELECT count(*), count(DISTINCT id), bool_and(d >= before) AS in_order
FROM (SELECT id, d, lag(d) OVER () AS before FROM (
		SELECT id, v <=> '{1,2,3,4,5,6,7,8,9,10}' AS d FROM bytes ORDER BY d) scanned) s;
-- Functions return exact distances, and the vector of the table.
SELECT count(*), count(*) FILTER (WHERE g.distance = annoy_get_distance('bytes_v', g.item, g.neighbour)) AS exact
FROM annoy_knn_graph('bytes_v', 4) g;
SELECT count(*) AS itself FROM bytes b, annoy_get_nns_by_item('bytes_v', b.ctid, 1) n WHERE n.item = b.ctid;
SELECT count(*) AS exact FROM bytes b WHERE annoy_get_item('bytes_v', ctid) = v;
SELECT count(*) = (SELECT count(*) FROM bytes WHERE v <=> '{1,2,3,4,5,6,7,8,9,10}' <= 0.3) AS all_within
FROM annoy_search_radius('bytes_v', '{1,2,3,4,5,6,7,8,9,10}', 0.3);
SELECT dtype, dimensions FROM annoy_index_info('bytes_v');
DROP TABLE bytes;

--
-- Rounding to halves: numbers of every size, and those between two halves
--
CREATE TABLE numbers (v double precision[]);
INSERT INTO numbers SELECT ARRAY[x * sign] FROM unnest(ARRAY[1, -1]) sign, (
	SELECT 2.0::double precision ^ e * (1 + m / 4096.0)
	FROM generate_series(-30, 15) e, unnest(ARRAY[0, 1, 2, 3, 6, 1023, 1026, 4093]) m
	UNION SELECT 2.0::double precision ^ -25 * m FROM unnest(ARRAY[1, 2, 3, 4, 5, 2046, 2047, 2048]) m
	UNION SELECT 1 + 2.0::double precision ^ -11 + 2.0::double precision ^ -40
	UNION SELECT unnest(ARRAY[0, 65504, 65519.99, 65519.9999999])) x (x);
INSERT INTO numbers SELECT stored(v, 'float16') FROM numbers;
CREATE TABLE shuffled AS SELECT v FROM numbers ORDER BY hashfloat8(v[1]), v;
CREATE INDEX shuffled_v ON shuffled USING annoy (v double_l1_ops) WITH (dtype = float16);
SET annoy.search_k = 1000000;
SELECT count(*), count(DISTINCT d) AS different, count(*) FILTER (WHERE d < before) AS inversions
FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM (
		SELECT stored(v, 'float16') <+> '{-70000}' AS d, row_number() OVER () AS n
		FROM (SELECT v FROM shuffled ORDER BY v <+> '{-70000}') scanned) numbered) s;
RESET annoy.search_k;
SELECT annoy_index_check('shuffled_v', true);
DROP TABLE numbers, shuffled;

--
-- Numbers for which a dtype has no room: an error that says so, and nothing is
-- lost
--
CREATE TABLE small (id integer, v double precision[]);
INSERT INTO small SELECT i, fractions(i, 3) FROM generate_series(1, 100) i;
CREATE INDEX small_16 ON small USING annoy (v) WITH (dtype = float16);
SELECT x, failure(format('INSERT INTO small VALUES (100 + %s, ARRAY[0, %s, 1])', n, x))
FROM unnest(ARRAY['65504', '-65519.99', '-65520', '65520', '1e300']) WITH ORDINALITY u (x, n);
SELECT failure('UPDATE small SET v = ARRAY[1,2,1e5] WHERE id = 1');
SELECT full_scan('small', '<->', '''{1e4,2,3}''');
SELECT annoy_index_check('small_16', true);
-- a build
DROP INDEX small_16;
INSERT INTO small VALUES (-1, '{1,1e39,0}');
SELECT failure(format('CREATE INDEX ON small USING annoy (v) WITH (dtype = %s)', d)) FROM unnest(ARRAY['float16', 'float32', 'float64']) d;
SELECT full_scan('small', '<->', '''{1,2,3}''');
DROP INDEX small_v_idx;
DELETE FROM small WHERE id = -1;
CREATE INDEX small_32 ON small USING annoy (v) WITH (dtype = float32);
SELECT failure(format('INSERT INTO small VALUES (-2, ARRAY[%s,0,0])', x)) FROM unnest(ARRAY['-1e39', '3.4e38']) x;
DROP INDEX small_32;
DELETE FROM small WHERE id = -2;
-- queries are not stored
CREATE INDEX small_16 ON small USING annoy (v) WITH (dtype = float16);
SELECT count(*) FROM (SELECT id FROM small ORDER BY v <-> '{1e300,1e5,-1e30}' LIMIT 200) s;
-- an empty index does not get its dimensions from what it refuses
CREATE TABLE empty (id integer, v real[]);
CREATE INDEX empty_v ON empty USING annoy (v) WITH (dtype = float16);
INSERT INTO empty VALUES (1, '{1e5,0}');
SELECT dtype, dimensions FROM annoy_index_info('empty_v');
INSERT INTO empty VALUES (1, '{1e4,0,0}');
SELECT dtype, dimensions FROM annoy_index_info('empty_v');
DROP TABLE small, empty;

--
-- Size: halves take half of what floats take, and bytes a quarter
--
CREATE TABLE wide AS SELECT i AS id, fractions(i, 200)::real[] AS v FROM generate_series(1, 1000) i;
CREATE INDEX wide_8 ON wide USING annoy (v) WITH (dtype = int8);
CREATE INDEX wide_16 ON wide USING annoy (v) WITH (dtype = float16);
CREATE INDEX wide_32 ON wide USING annoy (v) WITH (dtype = float32);
CREATE INDEX wide_64 ON wide USING annoy (v) WITH (dtype = float64);
SELECT i8.item_bytes < 0.3 * i32.item_bytes AS quarter, i16.item_bytes < 0.54 * i32.item_bytes AS half, i64.item_bytes > 1.9 * i32.item_bytes AS double,
	abs(i16.tree_bytes - i32.tree_bytes) < 0.1 * i32.tree_bytes AS same_trees
FROM annoy_index_info('wide_8') i8, annoy_index_info('wide_16') i16, annoy_index_info('wide_32') i32, annoy_index_info('wide_64') i64;
DROP TABLE wide;

--
-- Inserts, VACUUM and REINDEX: vectors of odd length, and some that run over
-- pages. What VACUUM can remove from a temporary table does not depend on others.
--
CREATE TEMP TABLE odd (id integer, v real[]);
CREATE TEMP TABLE long (id integer, v double precision[]);
CREATE INDEX odd_8 ON odd USING annoy (v real_l1_ops) WITH (dtype = int8);
CREATE INDEX odd_16 ON odd USING annoy (v) WITH (dtype = float16, n_trees = 2);
CREATE INDEX odd_64 ON odd USING annoy (v real_cosine_ops) WITH (dtype = float64);
CREATE INDEX long_8 ON long USING annoy (v double_cosine_ops) WITH (dtype = int8);
CREATE INDEX long_16 ON long USING annoy (v) WITH (dtype = float16);
CREATE INDEX long_32 ON long USING annoy (v double_ip_ops) WITH (dtype = float32);
CREATE VIEW lived AS
SELECT c.relname, dtype, dimensions, items, dead_items, annoy_index_check(c.oid, true) IS NOT NULL AS checked
FROM pg_class c JOIN pg_am a ON a.oid = relam, annoy_index_info(c.oid)
WHERE amname = 'annoy' AND relname ~ '^(odd|long)_' ORDER BY 1;
INSERT INTO odd SELECT i, fractions(i, 33) FROM generate_series(1, 2000) i;
INSERT INTO long SELECT i, fractions(i, 2501) FROM generate_series(1, 120) i;
INSERT INTO odd VALUES (0, NULL);
SELECT * FROM lived;
DELETE FROM odd WHERE id % 3 = 1;
DELETE FROM long WHERE id % 3 = 1;
VACUUM odd, long;
SELECT * FROM lived;
INSERT INTO odd SELECT i, fractions(i, 33) FROM generate_series(2001, 2300) i;
INSERT INTO long SELECT i, fractions(i, 2501) FROM generate_series(121, 150) i;
SELECT * FROM lived;
CREATE TEMP VIEW themselves AS
SELECT count(*) AS rows, count(*) FILTER (WHERE nearest = id) AS found
FROM odd, LATERAL (SELECT n.id AS nearest FROM odd n ORDER BY n.v <-> odd.v LIMIT 1) n WHERE v IS NOT NULL
UNION ALL SELECT count(*), count(*) FILTER (WHERE nearest = id)
FROM long, LATERAL (SELECT n.id AS nearest FROM long n ORDER BY n.v <-> long.v LIMIT 1) n;
SELECT * FROM themselves;
REINDEX TABLE odd;
REINDEX TABLE long;
SELECT * FROM lived;
SELECT * FROM themselves;
-- when all vectors are gone, others may follow, in the same dtype
DELETE FROM odd;
VACUUM odd;
INSERT INTO odd SELECT i, fractions(i, 7) FROM generate_series(1, 10) i;
SELECT * FROM lived WHERE relname ~ 'odd';
DROP VIEW themselves, lived;
DROP TABLE odd, long;

--
-- ALTER INDEX: the next REINDEX applies it, and until then the index is what it
-- was built as.
--
CREATE INDEX i ON items USING annoy (v) WITH (dtype = float32);
CREATE VIEW shown AS SELECT dtype, items, annoy_index_check(o, true) IS NOT NULL AS checked
FROM (SELECT 'i'::text::regclass AS o) i, annoy_index_info(o);
SELECT item_bytes AS before FROM annoy_index_info('i') \gset
ALTER INDEX i SET (dtype = float80);
ALTER INDEX i SET (dtype = float16);
SELECT * FROM shown;
INSERT INTO items (id, v, d) SELECT 10000 + i, ARRAY[1e10] || fractions(i, 15), NULL FROM generate_series(1, 100) i;
SELECT * FROM shown;
SELECT (ordered('v', '<->', quote_literal(fractions(5, 16)), 'float32')).*;
REINDEX INDEX i;
SELECT * FROM shown;
DELETE FROM items WHERE id > 10000;
REINDEX INDEX i;
SELECT * FROM shown;
SELECT item_bytes < 0.7 * :before AS smaller FROM annoy_index_info('i');
SELECT (ordered('v', '<->', quote_literal(fractions(5, 16)), 'float16')).*;
ALTER INDEX i SET (dtype = float32);
SELECT * FROM shown;
REINDEX INDEX CONCURRENTLY i;
SELECT * FROM shown;
ALTER INDEX i SET (dtype = bit);
REINDEX INDEX i;
SELECT * FROM shown;
DROP VIEW shown;
DROP INDEX i;

--
-- annoy_recall() compares with the vectors of the table, not with what is left
-- of them: between 2,048 and 4,096, halves are 2 apart.
--
CREATE TABLE coarse AS SELECT i AS id, ARRAY[2050 + number(i, 1) * 20]::double precision[] AS v FROM generate_series(1, 1000) i;
CREATE FUNCTION measured(dtype text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	result double precision;
BEGIN
	EXECUTE format('CREATE INDEX coarse_v ON coarse USING annoy ((v || 0::double precision)) WITH (dtype = %s) WHERE id > 10', dtype);
	SELECT recall INTO result FROM annoy_recall('coarse_v');
	DROP INDEX coarse_v;
	RETURN result;
END $$;
SELECT measured('int8') > 0.99 AS int8, measured('float16') BETWEEN 0.02 AND 0.3 AS float16, measured('float32') > 0.99 AS float32, measured('float64') AS float64;

-- What is stored if nothing is declared: no vectors if they are in the rows; bytes if
-- they are not, or are values of an expression.  The first row decides; before the
-- index is built, by its length.
SET client_min_messages = warning;
CREATE TABLE chosen (id integer, v real[], d double precision[], note text);
CREATE FUNCTION chosen(col text, opclass text, dims integer, note integer DEFAULT 0, OUT before text, OUT grown text, OUT built text)
LANGUAGE plpgsql AS $$
DECLARE
	insert text := format('INSERT INTO chosen SELECT i, fractions(i, %1$s), fractions(i, %1$s), %2$s FROM generate_series(1, 20) i', dims,
		CASE WHEN note > 0 THEN format('(SELECT string_agg(md5((i * j)::text), NULL) FROM generate_series(1, %s) j)', note) ELSE 'NULL' END);
BEGIN
	TRUNCATE chosen;
	EXECUTE format('CREATE INDEX chosen_i ON chosen USING annoy (%s %s)', col, opclass);
	SELECT dtype || ' ' || (annoy_index_params('chosen_i') ->> 'dtype') INTO before FROM annoy_index_info('chosen_i');
	before := coalesce(before, annoy_index_params('chosen_i') ->> 'dtype');
	EXECUTE insert;
	SELECT dtype || ' ' || (annoy_index_params('chosen_i') ->> 'dtype') INTO grown FROM annoy_index_info('chosen_i');
	PERFORM annoy_index_check('chosen_i', true);
	REINDEX INDEX chosen_i;
	SELECT dtype || ' ' || (annoy_index_params('chosen_i') ->> 'dtype') INTO built FROM annoy_index_info('chosen_i');
	PERFORM annoy_index_check('chosen_i', true);
	DELETE FROM chosen;
	DROP INDEX chosen_i;
END $$;
SELECT col, opclass, dims, note, c.*
FROM (VALUES ('v', 'real_l2_ops', 8, 0), ('v', 'real_l2_ops', 480, 0), ('v', 'real_l2_ops', 520, 0),
		('d', 'double_l2_ops', 240, 0), ('d', 'double_l2_ops', 260, 0),
		-- the other column makes the row too long
		('v', 'real_ip_ops', 300, 35),
		('(v::double precision[])', 'double_l2_ops', 8, 0),
		('v', 'real_hamming_ops', 8, 0), ('v', 'real_hamming_ops', 520, 0)) t (col, opclass, dims, note),
	chosen(col, opclass, dims, note) c;
ALTER TABLE chosen ALTER v SET STORAGE PLAIN, ALTER d SET STORAGE MAIN;
SELECT col, opclass, dims, c.*
FROM (VALUES ('v', 'real_l2_ops', 1900), ('d', 'double_l2_ops', 520)) t (col, opclass, dims), chosen(col, opclass, dims) c;
-- when the rows are gone, others decide anew
ALTER TABLE chosen ALTER v SET STORAGE EXTERNAL;
CREATE INDEX chosen_i ON chosen USING annoy (v);
INSERT INTO chosen SELECT i, fractions(i, 600) FROM generate_series(1, 20) i;
SELECT dtype FROM annoy_index_info('chosen_i');
DELETE FROM chosen;
VACUUM chosen;
SELECT dtype FROM annoy_index_info('chosen_i');
INSERT INTO chosen SELECT i, fractions(i, 600) FROM generate_series(1, 20) i;
SELECT dtype, items FROM annoy_index_info('chosen_i');
DELETE FROM chosen;
VACUUM chosen;
INSERT INTO chosen SELECT i, fractions(i, 6) FROM generate_series(1, 20) i;
SELECT dtype, items FROM annoy_index_info('chosen_i');
SELECT annoy_index_check('chosen_i', true);
-- what is declared stays
ALTER INDEX chosen_i SET (dtype = float32);
REINDEX INDEX chosen_i;
DELETE FROM chosen;
VACUUM chosen;
SELECT dtype FROM annoy_index_info('chosen_i');

SET client_min_messages = warning;
DROP SCHEMA annoy_dtype CASCADE;
