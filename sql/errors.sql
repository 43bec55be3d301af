--
-- Bad input: each kind has its own SQLSTATE, and says what is wrong
--
\set schema annoy_errors
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
CREATE TABLE bad (n serial, type text, value text, what text);
INSERT INTO bad (type, value, what) VALUES
	('real[]', '{1,NULL,3}', 'an element that is NULL'),
	('real[]', '{NULL,NULL,NULL}', 'nothing but NULLs'),
	('real[]', '{{1,2,3}}', 'two dimensions'),
	('real[]', '{{{1},{2},{3}}}', 'three dimensions'),
	('real[]', '{}', 'no elements'),
	('real[]', '{1,NaN,3}', 'NaN'),
	('real[]', '{1,2,Infinity}', 'infinity'),
	('real[]', '{-Infinity,2,3}', 'negative infinity'),
	('real[]', '{1,2}', 'too short'),
	('real[]', '{1,2,3,4}', 'too long'),
	('double precision[]', '{1,NULL,3}', 'an element that is NULL'),
	('double precision[]', '{{1,2,3}}', 'two dimensions'),
	('double precision[]', '{}', 'no elements'),
	('double precision[]', '{1,NaN,3}', 'NaN'),
	('double precision[]', '{1,2,Infinity}', 'infinity'),
	('double precision[]', '{1,2}', 'too short'),
	('bit varying', '', 'no bits'),
	('bit varying', '10', 'too short'),
	('bit varying', '1010', 'too long');
INSERT INTO bad (type, value, what) SELECT t, array_fill(1, ARRAY[8193])::text, 'too many dimensions'
	FROM unnest(ARRAY['real[]', 'double precision[]']) t;
INSERT INTO bad (type, value, what) VALUES ('bit varying', repeat('1', 8193), 'too many dimensions');

-- a table with rows and one without, for each type
CREATE TABLE reals (id integer PRIMARY KEY, v real[]);
CREATE TABLE doubles (id integer PRIMARY KEY, v double precision[]);
CREATE TABLE bits (id integer PRIMARY KEY, v bit varying);
CREATE TABLE no_reals (LIKE reals);
CREATE TABLE no_doubles (LIKE doubles);
CREATE TABLE no_bits (LIKE bits);
INSERT INTO reals SELECT i, vec(i, 3) FROM generate_series(1, 300) i;
INSERT INTO doubles SELECT i, vec(i, 3) FROM generate_series(1, 300) i;
INSERT INTO bits SELECT i, bitvec(i, 3) FROM generate_series(1, 300) i;
CREATE INDEX reals_v ON reals USING annoy (v);
CREATE INDEX doubles_v ON doubles USING annoy (v);
CREATE INDEX bits_v ON bits USING annoy (v);
CREATE INDEX no_reals_v ON no_reals USING annoy (v);
CREATE INDEX no_doubles_v ON no_doubles USING annoy (v);
CREATE INDEX no_bits_v ON no_bits USING annoy (v) WITH (dimensions = 3);
CREATE TABLE tables (type text, tab text, operator text);
INSERT INTO tables VALUES ('real[]', 'reals', '<->'), ('double precision[]', 'doubles', '<->'), ('bit varying', 'bits', '<~~>');
CREATE VIEW bad_values AS
	SELECT n, b.type, tab, operator, what, left(value, 20) AS shown, format('%L::%s', value, b.type) AS value
	FROM bad b JOIN tables t ON t.type = b.type;

-- INSERT, UPDATE, CREATE INDEX, and the query of a scan
SELECT type, what, failure(format('INSERT INTO %s VALUES (1000, %s)', tab, value)) FROM bad_values ORDER BY n;
SELECT type, what, left(failure(format('UPDATE %s SET v = %s WHERE id = 7', tab, value)), 5) AS update,
	left(failure(format('SELECT id FROM %s ORDER BY v %s %s LIMIT 1', tab, operator, value)), 5) AS query,
	left(failure(format('SELECT id FROM %s ORDER BY v %s (SELECT %s) LIMIT 1', tab, operator, value)), 5) AS subquery,
	left(failure(format('CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1 AS id, v FROM %s UNION ALL SELECT 2, %s; CREATE INDEX ON t USING annoy (v)',
		tab, value)), 5) AS build
FROM bad_values ORDER BY n;
-- A query that may have any length because there are no rows yet may not have
-- anything else.
SELECT type, what, left(failure(format('INSERT INTO no_%s VALUES (1, %s)', tab, value)), 5) AS insert,
	left(failure(format('SELECT id FROM no_%s ORDER BY v %s %s LIMIT 1', tab, operator, value)), 5) AS query
FROM bad_values WHERE what NOT LIKE 'too short' AND what NOT LIKE 'too long' ORDER BY n;
-- Nothing has changed.
SELECT items, dead_items FROM annoy_index_info('reals_v');
SELECT items, dead_items FROM annoy_index_info('doubles_v');
SELECT items, dead_items FROM annoy_index_info('bits_v');
SELECT dimensions, items, dead_items FROM annoy_index_info('no_reals_v');
SELECT dimensions, items, dead_items FROM annoy_index_info('no_doubles_v');
SELECT dimensions, items, dead_items FROM annoy_index_info('no_bits_v');
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT full_scan('reals', '<->', '''{1,2,3}'''), full_scan('doubles', '<->', '''{1,2,3}'''),
	full_scan('bits', '<~~>', 'B''101''');
SELECT full_scan('no_reals', '<->', '''{1,2,3}'''), full_scan('no_doubles', '<->', '''{1,2,3}'''),
	full_scan('no_bits', '<~~>', 'B''101''');
RESET annoy.search_k;
RESET annoy.epsilon;

-- The same for all metrics
CREATE FUNCTION metric_errors(opclass text, operator text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[];
BEGIN
	CREATE TEMP TABLE m AS SELECT * FROM reals;
	EXECUTE format('CREATE INDEX m_v ON m USING annoy (v %s)', opclass);
	SELECT array_agg(DISTINCT what || ': ' || left(failure(format('INSERT INTO m VALUES (1000, %s)', value)), 5)
			|| ' ' || left(failure(format('SELECT id FROM m ORDER BY v %s %s LIMIT 1', $2, value)), 5))
	INTO result FROM bad_values b WHERE b.type = 'real[]';
	IF (SELECT items FROM annoy_index_info('m_v')) <> 300 THEN
		RAISE EXCEPTION 'index has changed';
	END IF;
	DROP TABLE m;
	RETURN result;
END $$;
SELECT DISTINCT metric_errors(opclass, operator)
FROM (VALUES ('real_l2_ops', '<->'), ('real_cosine_ops', '<=>'), ('real_ip_ops', '<#>'),
	('real_l1_ops', '<+>'), ('real_hamming_ops', '<~>')) o (opclass, operator);

-- Values of other types that are no vectors
SELECT failure('SELECT id FROM reals ORDER BY v <-> ARRAY[1, NULL, 3] LIMIT 1');
SELECT failure('SELECT id FROM reals ORDER BY v <-> ''{1,2,NaN}''::numeric[] LIMIT 1');
SELECT failure('SELECT id FROM reals ORDER BY v <-> ''{1,2}''::integer[] LIMIT 1');
SELECT failure('SELECT id FROM reals ORDER BY v <-> ''{}''::bigint[] LIMIT 1');
SELECT failure('SELECT id FROM reals ORDER BY v <-> ''{{1,2,3}}''::smallint[] LIMIT 1');
SELECT left(failure('SELECT id FROM reals ORDER BY v <-> ARRAY[1e400, 2, 3] LIMIT 1'), 5);
SELECT split_part(failure('SELECT id FROM reals ORDER BY v <-> ''{a,b,c}''::text[] LIMIT 1'), ' | ', 2) AS message;
SELECT failure('INSERT INTO reals VALUES (1000, ''{1e39,2,3}'')');
-- large ones that are; lower bounds other than 1 do not matter
SELECT count(*) FROM (SELECT id FROM reals ORDER BY v <-> '{1e300,2,3}'::double precision[]) s;
SELECT count(*) FROM (SELECT id FROM reals ORDER BY v <-> '[5:7]={1,2,3}') s;
INSERT INTO reals VALUES (301, '[-1:1]={7,8,9}');
SELECT id, v FROM reals ORDER BY v <-> '{7,8,9}' LIMIT 1;

--
-- Dimensions that an index is declared with
--
CREATE TABLE declared (id integer, v real[]);
INSERT INTO declared VALUES (1, NULL), (2, '{1,2}');
CREATE INDEX ON declared USING annoy (v) WITH (dimensions = 3);
CREATE INDEX declared_v ON declared USING annoy (v) WITH (dimensions = 2);
INSERT INTO declared VALUES (3, '{1,2,3}');
TRUNCATE declared;
INSERT INTO declared VALUES (3, '{1,2,3}');
SELECT id FROM declared ORDER BY v <-> '{1,2,3}';
INSERT INTO declared VALUES (3, NULL), (4, '{3,4}');
SELECT dimensions FROM annoy_index_info('declared_v');
-- They cannot change while there are vectors, but the declaration can be dropped.
ALTER INDEX declared_v SET (dimensions = 3);
INSERT INTO declared VALUES (5, '{5,6}');
INSERT INTO declared VALUES (6, '{5,6,7}');
REINDEX INDEX declared_v;
SELECT failure('SELECT id FROM declared ORDER BY v <-> ''{1,2,3}'' LIMIT 1');
SELECT id FROM declared ORDER BY v <-> '{1,2}';
ALTER INDEX declared_v RESET (dimensions);
REINDEX INDEX declared_v;
SELECT id FROM declared ORDER BY v <-> '{1,2}';

--
-- Which row is it? A build says, and how to find the others. The query must not
-- fail, whatever is in the column.
--
CREATE DOMAIN vectors AS real[];
CREATE TABLE "Odd rows" (id integer, "V v" real[], d double precision[], b bit varying, o vectors, t text)
	WITH (parallel_workers = 2);
CREATE FUNCTION odd_vector(t text) RETURNS real[] IMMUTABLE LANGUAGE sql AS 'SELECT t::real[]';
-- The text is an array only where id > 0.
INSERT INTO "Odd rows" (id, t, b) VALUES (-2, '1,2', '101'), (-1, 'NaN', '111'), (1, '{1,2,3}', '111'), (2, '{}', ''),
	(3, '{1,2}', '11'), (4, '{1,2,3,4}', '1111'), (5, '{1,NaN,3}', NULL), (6, '{1,2,Infinity}', '000'),
	(7, '{-Infinity,2,3}', '001'), (8, '{1,NULL,3}', '100'), (9, '{{1,2,3}}', '110'), (10, '{{1,2},{3,4}}', '1'),
	(11, NULL, NULL), (12, '{1,2,1e5}', '010'), (13, array_fill(1, ARRAY[8193])::text, repeat('1', 8193)::bit varying),
	(14, '{{1},{2},{NULL}}', '011'), (15, '{3,2,1}', '101');
UPDATE "Odd rows" SET "V v" = t::real[], d = t::double precision[], o = t::real[] WHERE id > 0;
INSERT INTO "Odd rows" (id, d) VALUES (20, '{1,2,3.4028235677973366e38}'), (21, '{1,2,3.402823567797336e38}');
CREATE FUNCTION odd_rows(command text, OUT failure text, OUT row_id integer, OUT finds text) LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	context text;
BEGIN
	EXECUTE replace(command, 'CREATE INDEX', 'CREATE INDEX odd');
	failure := 'none';
	DROP INDEX odd;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	SELECT id INTO row_id FROM "Odd rows" WHERE ctid = substring(context FROM 'row (\(\d+,\d+\)) of table "Odd rows"')::tid;
	EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id) FROM "Odd rows" WHERE ctid IN (%s)',
		substring(hint FROM '(SELECT ctid .*);$')) INTO finds;
END $$;
-- from one fault to the next
SELECT n, o.* FROM generate_series(0, 11) n, LATERAL odd_rows(format(
	'CREATE INDEX ON "Odd rows" USING annoy ("V v") WHERE id > 0 AND id <> ALL (%L::integer[])',
	(ARRAY[2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14])[1:n])) o;
-- bits, doubles, other types of components, and a domain
SELECT command, o.* FROM (VALUES
	('(b)'), ('(b) WITH (dimensions = 3)'), ('(b) WHERE length(b) > 0'), ('(b) WHERE length(b) BETWEEN 1 AND 8'),
	('(d) WHERE id > 4'), ('(d) WITH (dtype = float32) WHERE id IN (1, 5, 20, 21)'),
	('(d) WITH (dtype = float32) WHERE id IN (1, 20, 21)'), ('("V v") WITH (dtype = float16) WHERE id IN (1, 12)'),
	('("V v" real_hamming_ops) WHERE id IN (1, 12, 6)'), ('(o)'), ('(o) WITH (dimensions = 2)')) c (command),
	LATERAL odd_rows('CREATE INDEX ON "Odd rows" USING annoy ' || command) o;
-- expressions, which may not be able to take what the condition excludes
SELECT command, o.* FROM (VALUES
	('((odd_vector(t))) WHERE id > 0'), ('((odd_vector(t) || 1::real)) WHERE id IN (1, 3, 15)'),
	('(("V v"[1:2])) WHERE "V v" IS NOT NULL'),
	('((CASE WHEN id % 2 = 0 THEN ''{1,2}'' WHEN id > 0 THEN "V v" END)) WHERE id < 8')) c (command),
	LATERAL odd_rows('CREATE INDEX ON "Odd rows" USING annoy ' || command) o;
-- as users see it
CREATE INDEX ON "Odd rows" USING annoy ("V v") WHERE id > 3;
CREATE INDEX ON "Odd rows" USING annoy ("V v") WITH (dtype = float16) WHERE id IN (1, 12);
CREATE INDEX CONCURRENTLY odd ON "Odd rows" USING annoy (b);
DROP INDEX odd;
-- found by a worker, perhaps, and dead rows that do not matter
DELETE FROM "Odd rows" WHERE id NOT IN (1, 15);
INSERT INTO "Odd rows" (id, "V v") SELECT i, vec(i, 3) FROM generate_series(101, 30000) i;
INSERT INTO "Odd rows" (id, "V v") VALUES (30001, '{1,2}');
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
SELECT * FROM odd_rows('CREATE INDEX ON "Odd rows" USING annoy ("V v") WHERE id < 30000');
SELECT * FROM odd_rows('CREATE INDEX ON "Odd rows" USING annoy ("V v")');
RESET min_parallel_table_scan_size;
RESET max_parallel_maintenance_workers;
DROP TABLE "Odd rows";

--
-- Indexes that cannot be
--
CREATE TABLE others (id integer, t text, i integer[], n numeric[], p point, v real[], w real[], "T t" text[], b bigint[]);
CREATE INDEX ON others USING annoy (id);
CREATE INDEX ON others USING annoy (t);
CREATE INDEX ON others USING annoy (i);
CREATE INDEX ON others USING annoy (n);
CREATE INDEX ON others USING annoy (b);
CREATE DOMAIN numbers AS integer[];
ALTER TABLE others ADD "D d" numbers;
CREATE INDEX ON others USING annoy ("D d");
CREATE INDEX ON others USING annoy ("T t");
CREATE INDEX ON others USING annoy ((i || 1), id);
CREATE INDEX ON others USING annoy (p);
CREATE INDEX ON others USING annoy (i real_l2_ops);
-- what the hint says works
CREATE INDEX cast_i ON others USING annoy ((i::real[]));
CREATE INDEX cast_n ON others USING annoy ((n::real[]));
INSERT INTO others (id, i, n) VALUES (1, '{1,2}', '{1,2}'), (2, '{3,4}', '{3,4}');
EXPLAIN (COSTS OFF) SELECT id FROM others ORDER BY i::real[] <-> ARRAY[3, 3] LIMIT 1;
SELECT id FROM others ORDER BY i::real[] <-> ARRAY[3, 3] LIMIT 1;
SELECT id FROM others ORDER BY n::real[] <-> ARRAY[3, 3] LIMIT 1;
DROP INDEX cast_i, cast_n;
TRUNCATE others;
CREATE INDEX ON others USING annoy (v double_l2_ops);
CREATE INDEX ON others USING annoy (v bit_hamming_ops);
CREATE INDEX ON others USING annoy (v real_l3_ops);
CREATE INDEX ON others USING annoy (v, w);
CREATE INDEX ON others USING annoy (v) INCLUDE (id);
CREATE UNIQUE INDEX ON others USING annoy (v);
SELECT failure('CREATE INDEX ON others USING annoy (v DESC)');
SELECT failure('CREATE INDEX ON others USING annoy (v NULLS FIRST)');
ALTER TABLE others ADD EXCLUDE USING annoy (v WITH =);
-- An operator class for a type that is not supported, which amvalidate rejects.
CREATE FUNCTION text_distance(text, text) RETURNS double precision IMMUTABLE LANGUAGE sql AS 'SELECT 0::double precision';
CREATE OPERATOR <-> (LEFTARG = text, RIGHTARG = text, FUNCTION = text_distance, COMMUTATOR = <->);
CREATE OPERATOR CLASS text_l2_ops FOR TYPE text USING annoy AS
	OPERATOR 1 <-> (text, text) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT left(failure('CREATE INDEX ON others USING annoy (t text_l2_ops)'), 5);
INSERT INTO others (t) VALUES (repeat('a', 100));
SELECT left(failure('CREATE INDEX ON others USING annoy (t text_l2_ops)'), 5);
CREATE OPERATOR CLASS text_hamming_ops FOR TYPE text USING annoy AS
	OPERATOR 1 <-> (text, text) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_hamming_metric();
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname LIKE 'text%ops' AND opcname <> 'text_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'annoy');
SELECT left(failure('CREATE INDEX ON others USING annoy (t text_hamming_ops)'), 5);

-- Codes only, once more, as clients see them
\set VERBOSITY sqlstate
INSERT INTO reals VALUES (1000, '{1,NULL,3}');
INSERT INTO reals VALUES (1000, '{{1,2,3}}');
INSERT INTO reals VALUES (1000, '{}');
INSERT INTO reals VALUES (1000, '{1,NaN,3}');
INSERT INTO reals VALUES (1000, '{1,Infinity,3}');
INSERT INTO reals VALUES (1000, '{1,2}');
INSERT INTO reals VALUES (1000, array_fill(1, ARRAY[8193]));
SELECT id FROM reals ORDER BY v <-> '{1,2}' LIMIT 1;
CREATE INDEX ON declared USING annoy (v) WITH (dimensions = 3);
CREATE INDEX ON others USING annoy (i);
CREATE INDEX ON others USING annoy (t);
CREATE INDEX ON others USING annoy (v) WITH (lists = 100);
CREATE INDEX ON others USING annoy (v) WITH (n_trees = 0);
SET annoy.epsilon = -1;
\set VERBOSITY default

SET client_min_messages = warning;
DROP SCHEMA annoy_errors CASCADE;
