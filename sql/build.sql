--
-- Building an index on a table with data, and without
--
\set schema annoy_build
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- All operator classes, with a query for each
CREATE TABLE classes (n serial, type text, opclass text, operator text, query text);
INSERT INTO classes (type, opclass, operator, query)
SELECT type, left(type, 4) || '_' || metric, operator,
	quote_literal('{' || repeat('0.3,-0.2,1.1,0,', 2) || '0.7,2}') || '::' || type
FROM (VALUES ('real[]'), ('double precision[]')) t (type),
	(VALUES (1, 'l2_ops', '<->'), (2, 'cosine_ops', '<=>'), (3, 'ip_ops', '<#>'),
		(4, 'l1_ops', '<+>'), (5, 'hamming_ops', '<~>')) o (o, metric, operator)
ORDER BY type DESC, o;
UPDATE classes SET opclass = replace(opclass, 'doub_', 'double_');
INSERT INTO classes (type, opclass, operator, query) VALUES
	('bit(10)', 'bit_hamming_ops', '<~~>', 'B''1011001110'''),
	('bit varying', 'bit_hamming_ops', '<~~>', 'B''1011001110''');

-- Build an index of a class on the rows that a query gives, and look at it:
-- what annoy_index_info says, and what a scan that leaves nothing to chance
-- returns.
CREATE FUNCTION build(class classes, rows text, OUT dimensions integer, OUT height integer,
	OUT items bigint, OUT leaf_pages bigint, OUT scan text) LANGUAGE plpgsql
SET client_min_messages = warning AS $$
BEGIN
	DROP TABLE IF EXISTS items;
	EXECUTE format('CREATE TABLE items (id integer, v %s)', class.type);
	EXECUTE 'INSERT INTO items ' || rows;
	EXECUTE format('CREATE INDEX items_v ON items USING annoy (v %s)', class.opclass);
	SELECT i.dimensions, i.height, i.items, i.leaf_pages
	INTO build.dimensions, build.height, build.items, build.leaf_pages
	FROM annoy_index_info('items_v') i;
	scan := full_scan('items', class.operator, class.query);
END $$;

SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;

-- no row, one row, some rows, a few hundred rows: more than a page of entries
SELECT type, opclass, b.* FROM classes c,
	build(c, 'SELECT 1, NULL WHERE false') b ORDER BY n;
SELECT type, opclass, b.* FROM classes c,
	build(c, format('SELECT 1, %s', query)) b ORDER BY n;
SELECT type, opclass, b.* FROM classes c,
	build(c, format('SELECT i, %s(i, 10) FROM generate_series(1, 5) i',
		CASE WHEN type LIKE 'bit%' THEN 'bitvec' ELSE 'vec' END)) b ORDER BY n;
SELECT type, opclass, dimensions, height, items, leaf_pages > 1 AS leaf_pages, scan
FROM classes c, build(c, format('SELECT i, %s(i, 10) FROM generate_series(1, 800) i',
		CASE WHEN type LIKE 'bit%' THEN 'bitvec' ELSE 'vec' END)) b ORDER BY n;

-- the same with NULLs in between, and nothing but NULLs
SELECT type, opclass, dimensions, height, items, leaf_pages > 1 AS leaf_pages, scan
FROM classes c, build(c, format('SELECT i, CASE WHEN i %% 3 > 0 THEN %s(i, 10) END FROM generate_series(1, 900) i',
		CASE WHEN type LIKE 'bit%' THEN 'bitvec' ELSE 'vec' END)) b ORDER BY n;
SELECT type, opclass, b.* FROM classes c,
	build(c, 'SELECT i, NULL FROM generate_series(1, 2000) i') b ORDER BY n;

-- identical rows, also with some others, and only zeroes
SELECT type, opclass, dimensions, height, items, leaf_pages > 1 AS leaf_pages, scan
FROM classes c, build(c, format('SELECT i, %s FROM generate_series(1, 1000) i', query)) b ORDER BY n;
SELECT type, opclass, dimensions, height, items, leaf_pages > 1 AS leaf_pages, scan
FROM classes c, build(c, format('SELECT i, CASE WHEN i %% 5 = 0 THEN %s(i, 10) ELSE %s END FROM generate_series(1, 1000) i',
		CASE WHEN type LIKE 'bit%' THEN 'bitvec' ELSE 'vec' END, query)) b ORDER BY n;
SELECT type, opclass, dimensions, height, items, leaf_pages > 1 AS leaf_pages, scan
FROM classes c, build(c, format('SELECT i, %L::%s FROM generate_series(1, 1000) i',
		CASE WHEN type LIKE 'bit%' THEN repeat('0', 10) ELSE '{0,0,0,0,0,0,0,0,0,0}' END, type)) b ORDER BY n;

-- one dimension
SET enable_seqscan = off;
CREATE TABLE narrow (id integer, v real[]);
INSERT INTO narrow SELECT i, ARRAY[i % 1000] FROM generate_series(1, 3000) i;
CREATE INDEX ON narrow USING annoy (v);
SELECT full_scan('narrow', '<->', '''{500.5}''');
SELECT array_agg(v[1] ORDER BY v[1])
FROM (SELECT v FROM narrow ORDER BY v <-> '{500.6}' LIMIT 6) s;

-- many dimensions, up to the limit; also more than a page holds
CREATE TABLE wide (id integer, v double precision[]);
INSERT INTO wide
	SELECT i, array_agg(sin(i * j) ORDER BY j) FROM generate_series(1, 40) i, generate_series(1, 8192) j
	GROUP BY i ORDER BY i;
CREATE FUNCTION wide(dims integer, opclass text, operator text, OUT dimensions integer,
	OUT items bigint, OUT scan text, OUT nearest integer) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('(SELECT v[:%s] FROM wide WHERE id = 23)', dims);
BEGIN
	CREATE TEMP TABLE part AS SELECT id, v[:dims] FROM wide;
	EXECUTE format('CREATE INDEX part_v ON part USING annoy (v %s)', opclass);
	SELECT i.dimensions, i.items INTO wide.dimensions, wide.items FROM annoy_index_info('part_v') i;
	scan := full_scan('part', operator, query);
	EXECUTE format('SELECT id FROM part ORDER BY v %s %s LIMIT 1', operator, query) INTO nearest;
	DROP TABLE part;
END $$;
SELECT w.* FROM unnest(ARRAY[250, 1000, 1024, 1025, 2039, 2040, 2041, 3000, 4000, 4096, 8191, 8192]) d,
	wide(d, 'double_l2_ops', '<->') w;
SELECT opclass, w.*
FROM (VALUES ('double_cosine_ops', '<=>'), ('double_ip_ops', '<#>'), ('double_l1_ops', '<+>')) o (opclass, operator),
	wide(4000, opclass, operator) w;

-- many trees
CREATE TABLE trees AS SELECT i AS id, vec(i, 5)::real[] AS v FROM generate_series(1, 500) i;
CREATE INDEX trees_v ON trees USING annoy (v) WITH (n_trees = 100);
SELECT n_trees, height, items, leaf_pages >= 200 AS leaf_pages, inner_pages
FROM annoy_index_info('trees_v');
SELECT full_scan('trees', '<->', '''{1,1,1,1,1}''');

-- a sample that does not have room for all vectors, leaves that get more
-- entries than a page holds
SET maintenance_work_mem = '1MB';
CREATE TABLE large AS SELECT i AS id, vec(i, 40)::real[] AS v FROM generate_series(1, 6000) i;
INSERT INTO large SELECT 6000 + i, (SELECT v FROM large WHERE id = 77) FROM generate_series(1, 1000) i;
CREATE INDEX large_v ON large USING annoy (v);
RESET maintenance_work_mem;
SELECT height, items, leaf_fill BETWEEN 0.1 AND 1 AS leaf_fill FROM annoy_index_info('large_v');
SELECT full_scan('large', '<->', '(SELECT v FROM large WHERE id = 5)');
RESET annoy.search_k;
RESET annoy.epsilon;
SELECT recall('large', '<->', (SELECT array_agg(quote_literal(vec(100000 + i, 40)) ORDER BY i)
	FROM generate_series(1, 50) i), 10) >= 0.95 AS recall;

-- extreme values
CREATE TABLE extreme (id integer, v double precision[]);
INSERT INTO extreme VALUES (1, '{0,0}'), (2, '{1e-300,-1e-300}'), (3, '{4e-320,0}'),
	(4, '{1e300,1e300}'), (5, '{-1e300,1e300}'), (6, '{1.7e308,-1.7e308}'), (7, '{1,1}');
INSERT INTO extreme SELECT 10 + i, ARRAY[power(10, i % 600 - 300), -power(10, 300 - i)]
	FROM generate_series(1, 600) i;
CREATE INDEX extreme_l2 ON extreme USING annoy (v);
SELECT full_scan('extreme', '<->', '''{0,0}'''), full_scan('extreme', '<->', '''{1e308,1e308}''');
DROP INDEX extreme_l2;
CREATE INDEX ON extreme USING annoy (v double_cosine_ops);
CREATE INDEX ON extreme USING annoy (v double_ip_ops);
CREATE INDEX ON extreme USING annoy (v double_l1_ops);
SELECT full_scan('extreme', '<=>', '''{0,0}'''), full_scan('extreme', '<#>', '''{0,0}'''),
	full_scan('extreme', '<+>', '''{1e308,1e308}''');

-- Rows that are dead, but that old snapshots (or here: our own, before we have
-- deleted them) see, are in the index if they fit. If not, they do not matter,
-- and old snapshots do not use the index.
CREATE TEMP TABLE passed (id integer, v real[]);
\set passed 'SELECT dimensions, items, indcheckxmin FROM annoy_index_info(''passed_v''), pg_index WHERE indexrelid = ''passed_v''::regclass'
BEGIN;
INSERT INTO passed VALUES (1, '{1,2}'), (2, '{3,4}'), (3, '{5,6}');
DELETE FROM passed WHERE id < 3;
CREATE INDEX passed_v ON passed USING annoy (v);
:passed;
ROLLBACK;
BEGIN;
INSERT INTO passed VALUES (1, '{1}'), (2, '{1,2,3}'), (3, '{1,NaN,3}'), (4, '{1,NULL,3}'), (5, '{{1,2,3}}'),
	(6, '{}'), (7, NULL), (8, '{1,2,3}'), (9, '{1,2}'), (10, '{2,3,Infinity}'), (11, '{2,3,4}');
DELETE FROM passed WHERE id NOT IN (8, 11);
CREATE INDEX passed_v ON passed USING annoy (v);
:passed;
COMMIT;
DROP INDEX passed_v;
TRUNCATE passed;
BEGIN;
INSERT INTO passed VALUES (1, '{1}');
DELETE FROM passed;
CREATE INDEX passed_v ON passed USING annoy (v);
:passed;
INSERT INTO passed VALUES (2, '{1,2,3}');
:passed;
COMMIT;
DROP INDEX passed_v;
CREATE TEMP TABLE passed_bits (v bit varying);
BEGIN;
INSERT INTO passed_bits VALUES (''), ('1'), ('101'), ('111');
DELETE FROM passed_bits WHERE v <> B'111';
CREATE INDEX passed_bits_v ON passed_bits USING annoy (v);
SELECT dimensions, items FROM annoy_index_info('passed_bits_v');
ROLLBACK;
-- An index that is rebuilt is for old snapshots too. The dead rows' dimensions
-- do not outlive them.
TRUNCATE passed;
INSERT INTO passed SELECT i, ARRAY[i] FROM generate_series(1, 5) i;
CREATE INDEX passed_v ON passed USING annoy (v);
BEGIN;
DELETE FROM passed;
REINDEX INDEX passed_v;
:passed;
SELECT failure('INSERT INTO passed VALUES (6, ''{6,7}'')');
COMMIT;
SELECT failure('INSERT INTO passed VALUES (6, ''{6,7}'')');
VACUUM passed;
INSERT INTO passed VALUES (6, '{6,7}');
:passed;
-- Rows that are alive do not pass.
BEGIN;
INSERT INTO passed VALUES (7, '{6}');
ROLLBACK;
DROP INDEX passed_v;
INSERT INTO passed VALUES (7, '{6}');
CREATE INDEX passed_v ON passed USING annoy (v);
DROP TABLE passed, passed_bits;

SET client_min_messages = warning;
DROP SCHEMA annoy_build CASCADE;
