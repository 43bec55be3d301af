--
-- Inserting into an index, and growing one from nothing
--
\set schema annoy_insert
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- Only index scans from here on, which leave nothing to chance
SET enable_seqscan = off;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;

--
-- From an empty table, row by row
--
CREATE TABLE items (id integer, v real[]);
CREATE INDEX items_v ON items USING annoy (v);
\set info 'SELECT dimensions, height, items, dead_items, leaf_pages, inner_pages, leaf_fill FROM annoy_index_info(''items_v'')'
:info;
SELECT full_scan('items', '<->', '''{1,2,3}''');

-- NULLs do not tell the dimensions, the first vector does.
INSERT INTO items VALUES (-1, NULL), (-2, NULL);
:info;
SELECT full_scan('items', '<->', '''{1,2,3}''');
INSERT INTO items VALUES (0, '{0,0,0}');
SELECT dimensions, height, items, dead_items, leaf_pages, inner_pages, leaf_fill < 0.01 AS leaf_fill
FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', '''{1,2,3}''');
INSERT INTO items VALUES (-3, '{1,2}');

-- all leaves of a tree with one level, then the root is split
INSERT INTO items SELECT i, vec(i, 3) FROM generate_series(1, 150) i;
SELECT dimensions, height, items, leaf_pages, inner_pages FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', '''{1,2,3}''');
INSERT INTO items SELECT i, vec(i, 3) FROM generate_series(151, 400) i;
SELECT dimensions, height, items, leaf_pages > 1 AS leaf_pages, inner_pages FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', '''{1,2,3}''');
INSERT INTO items SELECT i, vec(i, 3) FROM generate_series(401, 6000) i;
SELECT dimensions, height, items, leaf_pages BETWEEN 24 AND 100 AS leaf_pages, inner_pages,
	leaf_fill BETWEEN 0.25 AND 1 AS leaf_fill FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', '''{1,2,3}'''), full_scan('items', '<->', '(SELECT NULL::real[])');

-- Rows find themselves, and neighbours are found as in an index that was built
-- on the data, also at default settings.
RESET annoy.search_k;
RESET annoy.epsilon;
SELECT count(*) FROM items i, LATERAL (SELECT id FROM items ORDER BY v <-> i.v LIMIT 1) n
WHERE i.id % 10 = 0 AND n.id = i.id;
SELECT recall('items', '<->', (SELECT array_agg(quote_literal(vec(100000 + i, 3)) ORDER BY i)
	FROM generate_series(1, 100) i), 10) >= 0.95 AS recall;

-- Every tree has two entries for every row, or one if the row came when it had one
-- leaf.
CREATE INDEX trees_1 ON items USING annoy (v);
CREATE INDEX trees_5 ON items USING annoy (v) WITH (n_trees = 5);
INSERT INTO items SELECT i, vec(i, 3) FROM generate_series(6001, 8000) i;
SELECT t.entries = 10 * t.vectors AS built_5, o.entries = 2 * o.vectors AS built_1,
	i.entries / i.vectors::float BETWEEN 1.95 AND 1.99 AS grown_1
FROM annoy_index_info('trees_5') t, annoy_index_info('trees_1') o, annoy_index_info('items_v') i;
DROP INDEX trees_1, trees_5;
DELETE FROM items WHERE id > 6000;

-- the same for the other types and operator classes: each row finds itself
-- (with inner products: the row that is best), all rows are there
CREATE FUNCTION grow(type text, opclass text, operator text, rows text, nrows integer, dims integer,
	OUT height integer, OUT items bigint, OUT leaf_pages boolean, OUT recall boolean,
	OUT scan text) LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	queries text[];
BEGIN
	DROP TABLE IF EXISTS grown;
	EXECUTE format('CREATE TABLE grown (id integer, v %s)', type);
	EXECUTE format('CREATE INDEX grown_v ON grown USING annoy (v %s)', opclass);
	EXECUTE format('INSERT INTO grown SELECT i, %s(i, %s) FROM generate_series(1, %s) i',
		rows, dims, nrows);
	SELECT i.height, i.items, i.leaf_pages > 1 INTO grow.height, grow.items, grow.leaf_pages
	FROM annoy_index_info('grown_v') i;
	EXECUTE format('SELECT array_agg(format(''%%L::%%s'', %s(100000 + i, %s), $1)) FROM generate_series(1, 30) i',
		rows, dims) USING type INTO queries;
	recall := recall('grown', operator, queries, 10) >= 0.95;
	SET LOCAL annoy.search_k = 1000000;
	SET LOCAL annoy.epsilon = 10;
	scan := full_scan('grown', operator, queries[1]);
	SET LOCAL annoy.search_k = -1;
	SET LOCAL annoy.epsilon TO DEFAULT;
END $$;
SELECT type, opclass, g.*
FROM (VALUES (1, 'real[]', 'real_cosine_ops', '<=>', 'vec'),
		(2, 'real[]', 'real_ip_ops', '<#>', 'vec'),
		(3, 'real[]', 'real_l1_ops', '<+>', 'vec'),
		(4, 'real[]', 'real_hamming_ops', '<~>', 'vec'),
		(5, 'double precision[]', 'double_l2_ops', '<->', 'vec'),
		(6, 'double precision[]', 'double_cosine_ops', '<=>', 'vec'),
		(7, 'double precision[]', 'double_ip_ops', '<#>', 'vec'),
		(8, 'double precision[]', 'double_l1_ops', '<+>', 'vec'),
		(9, 'double precision[]', 'double_hamming_ops', '<~>', 'vec'),
		(10, 'bit(12)', 'bit_hamming_ops', '<~~>', 'bitvec'),
		(11, 'bit varying', 'bit_hamming_ops', '<~~>', 'bitvec')) o (n, type, opclass, operator, rows),
	grow(type, opclass, operator, rows, 800, 12) g ORDER BY n;

--
-- Several levels: the more dimensions, the fewer entries on a page
--
CREATE TABLE noise AS SELECT array_agg(number(1, i)::real ORDER BY i) AS v FROM generate_series(1, 10000) i;
CREATE TABLE deep (id integer, v real[]);
CREATE INDEX deep_v ON deep USING annoy (v);
INSERT INTO deep SELECT i, (SELECT v[i:i + 7999] FROM noise) FROM generate_series(1, 350) i;
SELECT dimensions, height, items, leaf_pages > inner_pages AS leaf_pages, inner_pages > 2 AS inner_pages
FROM annoy_index_info('deep_v');
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT full_scan('deep', '<->', '(SELECT v[1500:9499] FROM noise)');
RESET annoy.search_k;
RESET annoy.epsilon;
SELECT count(*) FROM deep d, LATERAL (SELECT id FROM deep ORDER BY v <-> d.v LIMIT 1) n
WHERE d.id % 5 = 0 AND n.id = d.id;

CREATE TABLE deep_bits (id integer, v bit(8192));
CREATE INDEX deep_bits_v ON deep_bits USING annoy (v);
WITH centre AS MATERIALIZED (
	SELECT i, string_agg(hashint8extended(i, j)::bit(64)::text, '' ORDER BY j)::bit(8192) AS v
	FROM generate_series(0, 49) i, generate_series(1, 128) j GROUP BY i)
INSERT INTO deep_bits
	SELECT n, v # (repeat('0', n) || repeat('1', 3 * n) || repeat('0', 8192 - 4 * n))::bit(8192)
	FROM generate_series(1, 1600) n JOIN centre ON i = n % 50 ORDER BY n;
SELECT dimensions, height >= 4 AS height, items, leaf_pages > inner_pages AS leaf_pages
FROM annoy_index_info('deep_bits_v');
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT full_scan('deep_bits', '<~~>', 'repeat(''01'', 4096)::bit(8192)');
SELECT count(*) FROM deep_bits d, LATERAL (SELECT id FROM deep_bits ORDER BY v <~~> d.v LIMIT 1) n
WHERE d.id % 16 = 0 AND n.id = d.id;
RESET annoy.search_k;
RESET annoy.epsilon;
SELECT count(*) >= 80 AS found FROM deep_bits d, LATERAL (SELECT id FROM deep_bits ORDER BY v <~~> d.v LIMIT 1) n
WHERE d.id % 16 = 0 AND n.id = d.id;
DROP TABLE deep, deep_bits;

--
-- Duplicates
--
-- A few rows, the smallest effort
CREATE TABLE copies (id integer, v real[]);
CREATE INDEX copies_v ON copies USING annoy (v);
INSERT INTO copies SELECT i, '{1,2,3}' FROM generate_series(1, 20) i;
SET annoy.search_k = 1;
SET annoy.epsilon = 0;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM copies ORDER BY v <-> '{3,2,1}' LIMIT 20) s;
SELECT full_scan('copies', '<->', '''{3,2,1}''');

-- Thousands, inserted, with other rows before and after: each of them finds
-- itself at once.
RESET annoy.search_k;
RESET annoy.epsilon;
INSERT INTO copies SELECT 10000 + i, ARRAY[1 + i, 2, 3] FROM generate_series(1, 100) i;
INSERT INTO copies SELECT i, '{1,2,3}' FROM generate_series(21, 5000) i;
INSERT INTO copies SELECT 20000 + i, ARRAY[1, 2 + i / 100.0, 3] FROM generate_series(1, 100) i;
SELECT height, items FROM annoy_index_info('copies_v');
SELECT count(*) AS found FROM copies c, LATERAL (SELECT id FROM copies ORDER BY v <-> c.v LIMIT 1) n
WHERE c.id > 10000 AND n.id = c.id;
SELECT count(DISTINCT id) FROM (SELECT id FROM copies ORDER BY v <-> '{1,2,3}' LIMIT 5000) s WHERE id <= 5000;
SELECT full_scan('copies', '<->', '''{1,2,3}''');
-- and in an index that is built
REINDEX INDEX copies_v;
SELECT height, items FROM annoy_index_info('copies_v');
SELECT count(*) AS found FROM copies c, LATERAL (SELECT id FROM copies ORDER BY v <-> c.v LIMIT 1) n
WHERE c.id > 10000 AND n.id = c.id;
SELECT count(DISTINCT id) FROM (SELECT id FROM copies ORDER BY v <-> '{1,2,3}' LIMIT 5000) s WHERE id <= 5000;
SELECT full_scan('copies', '<->', '''{1,2,3}''');
-- and when such an index gets more
INSERT INTO copies SELECT 5000 + i, '{1,2,3}' FROM generate_series(1, 1000) i;
INSERT INTO copies SELECT 30000 + i, ARRAY[1, 2, 3 + i / 100.0] FROM generate_series(1, 100) i;
SELECT count(*) AS found FROM copies c, LATERAL (SELECT id FROM copies ORDER BY v <-> c.v LIMIT 1) n
WHERE c.id > 10000 AND n.id = c.id;
SELECT full_scan('copies', '<->', '''{1,2,3}''');

-- Zero vectors, and bit strings of which there are few different ones
CREATE FUNCTION zeroes(i integer, dims integer) RETURNS double precision[] LANGUAGE sql AS
	$$ SELECT array_fill(0::double precision, ARRAY[dims]) $$;
SELECT type, opclass, g.*
FROM (VALUES (1, 'real[]', 'real_l2_ops', '<->', 'zeroes'),
		(2, 'real[]', 'real_cosine_ops', '<=>', 'zeroes'),
		(3, 'real[]', 'real_ip_ops', '<#>', 'zeroes'),
		(4, 'real[]', 'real_l1_ops', '<+>', 'zeroes'),
		(5, 'bit varying', 'bit_hamming_ops', '<~~>', 'bitvec')) o (n, type, opclass, operator, rows),
	grow(type, opclass, operator, rows, 1500, 3) g ORDER BY n;

--
-- A failing INSERT
--
CREATE TABLE failing (id integer UNIQUE, v real[]);
CREATE INDEX failing_v ON failing USING annoy (v);
-- leaves an empty index empty, which then takes other dimensions
SELECT failure('INSERT INTO failing VALUES (1, ''{1,NULL}'')');
SELECT failure('INSERT INTO failing VALUES (1, ''{{1,2}}'')');
SELECT failure('INSERT INTO failing VALUES (1, ''{}'')');
SELECT failure('INSERT INTO failing VALUES (1, ''{1,2,NaN}'')');
SELECT failure('INSERT INTO failing VALUES (1, ''{1,2,-Infinity}'')');
SELECT failure('INSERT INTO failing VALUES (1, array_fill(1, ARRAY[8193]))');
SELECT dimensions, height, items, dead_items, leaf_pages, inner_pages, item_bytes, tree_bytes
FROM annoy_index_info('failing_v');
SELECT full_scan('failing', '<->', '''{1,2,3}''');
INSERT INTO failing SELECT i, vec(i, 2) FROM generate_series(1, 300) i;
SELECT dimensions, items FROM annoy_index_info('failing_v');
-- and one with rows as it is
CREATE TABLE before AS SELECT i::text AS info, pg_relation_size('failing_v') AS size FROM annoy_index_info('failing_v') i;
SELECT failure('INSERT INTO failing VALUES (1001, ''{1,NULL}'')');
SELECT failure('INSERT INTO failing VALUES (1001, ''{{1,2},{3,4}}'')');
SELECT failure('INSERT INTO failing VALUES (1001, ''{}'')');
SELECT failure('INSERT INTO failing VALUES (1001, ''{NaN,1}'')');
SELECT failure('INSERT INTO failing VALUES (1001, ''{1,Infinity}'')');
SELECT failure('INSERT INTO failing VALUES (1001, ''{1,2,3}'')');
SELECT failure('UPDATE failing SET v = ''{1}'' WHERE id = 1');
SELECT failure('INSERT INTO failing VALUES (1001, array_fill(1, ARRAY[8193]))');
SELECT info = i::text AND size = pg_relation_size('failing_v') AS unchanged
FROM before, annoy_index_info('failing_v') i;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT full_scan('failing', '<->', '''{1,1}''');
-- Rows that came before the one that fails are in the index, as in every other,
-- but nobody sees them.
SELECT failure('INSERT INTO failing VALUES (1001, ''{1,1}''), (1002, ''{1,1,1}'')');
SELECT failure('INSERT INTO failing SELECT i, ARRAY[1, 1] FROM generate_series(1000, 1, -1) i');
SELECT full_scan('failing', '<->', '''{1,1}''');
BEGIN;
INSERT INTO failing SELECT i, vec(i, 2) FROM generate_series(1001, 1600) i;
SAVEPOINT one;
INSERT INTO failing SELECT i, vec(i, 2) FROM generate_series(1601, 2200) i;
SELECT full_scan('failing', '<->', '''{1,1}''');
ROLLBACK TO one;
SELECT full_scan('failing', '<->', '''{1,1}''');
ROLLBACK;
SELECT full_scan('failing', '<->', '''{1,1}''');

--
-- Dimensions do not outlive the rows that have them: VACUUM sees to that
--
SET client_min_messages = warning;
CREATE TEMP TABLE forgetful (id integer, v real[]);
CREATE INDEX forgetful_v ON forgetful USING annoy (v) WITH (n_trees = 2);
\set dims 'SELECT dimensions, height, items FROM annoy_index_info(''forgetful_v'')'
\set all 'SELECT full_scan(''forgetful'', ''<->'', ''(SELECT v FROM forgetful WHERE v IS NOT NULL LIMIT 1)'')'
-- a statement that fails
INSERT INTO forgetful VALUES (1, '{1}'), (2, '{1,2}');
INSERT INTO forgetful VALUES (3, '{1,2,3}');
VACUUM forgetful;
INSERT INTO forgetful VALUES (3, '{1,2,3}');
:dims;
:all;
-- those of a row that is there do, also within its transaction
INSERT INTO forgetful VALUES (4, '{1,2}');
SELECT failure('SELECT id FROM forgetful ORDER BY v <-> ''{1,2}''');
TRUNCATE forgetful;
BEGIN;
INSERT INTO forgetful VALUES (5, '{1,2,3}');
SELECT failure('INSERT INTO forgetful VALUES (6, ''{1,2}'')');
DELETE FROM forgetful;
SELECT failure('INSERT INTO forgetful VALUES (7, ''{1,2}'')');
ROLLBACK;
-- a transaction that is rolled back, after splits
BEGIN;
INSERT INTO forgetful SELECT i, vec(i, 3) FROM generate_series(1, 1000) i;
:dims;
ROLLBACK;
VACUUM forgetful;
INSERT INTO forgetful SELECT i, vec(i, 5) FROM generate_series(1, 1000) i;
:dims;
:all;
SELECT pg_size_pretty(pg_relation_size('forgetful_v')) AS size;
TRUNCATE forgetful;
-- a savepoint, where VACUUM cannot be, but REINDEX can
BEGIN;
INSERT INTO forgetful VALUES (-1, NULL);
SAVEPOINT one;
INSERT INTO forgetful SELECT i, vec(i, 3) FROM generate_series(1, 500) i;
INSERT INTO forgetful SELECT -i, NULL FROM generate_series(2, 3000) i;
ROLLBACK TO one;
SELECT failure('INSERT INTO forgetful VALUES (1, ''{1,2}'')');
REINDEX INDEX forgetful_v;
INSERT INTO forgetful SELECT i, vec(i, 2) FROM generate_series(1, 500) i;
COMMIT;
:dims;
:all;
SELECT count(*) FROM forgetful f, LATERAL (SELECT id FROM forgetful ORDER BY v <-> f.v LIMIT 1) n
WHERE f.id % 10 = 0 AND n.id = f.id;
-- VACUUM, when no row is left
DELETE FROM forgetful;
VACUUM forgetful;
:dims;
SELECT pg_relation_size('forgetful_v') = 3 * current_setting('block_size')::integer AS metapage_and_roots;
INSERT INTO forgetful SELECT i, vec(i, 4) FROM generate_series(1, 1000) i;
:dims;
:all;
-- so it does with an index that was built on rows
REINDEX INDEX forgetful_v;
DELETE FROM forgetful;
SELECT failure('INSERT INTO forgetful VALUES (1, ''{1,2}'')');
VACUUM forgetful;
:dims;
INSERT INTO forgetful SELECT i, vec(i, 2) FROM generate_series(1, 1000) i;
:dims;
:all;
-- when all that is left has no vector; what was before it becomes room for such
UPDATE forgetful SET v = NULL WHERE id <= 3;
DELETE FROM forgetful WHERE id > 3;
VACUUM forgetful;
:dims;
SELECT annoy_index_check('forgetful_v', true);
INSERT INTO forgetful SELECT -i, NULL FROM generate_series(1, 2000) i;
SELECT annoy_index_check('forgetful_v', true);
UPDATE forgetful SET v = '{1,2,3,4}' WHERE id > 0;
:dims;
SELECT annoy_index_check('forgetful_v', true);
:all;
-- and when it was told to look at indexes: it may pass over few dead rows
BEGIN;
TRUNCATE forgetful;
INSERT INTO forgetful SELECT i, NULL FROM generate_series(1, 40000) i;
COMMIT;
BEGIN;
INSERT INTO forgetful VALUES (-1, '{1,2}');
ROLLBACK;
VACUUM forgetful;
SELECT failure('INSERT INTO forgetful VALUES (1, ''{1}'')');
VACUUM (INDEX_CLEANUP ON, PARALLEL 0) forgetful;
INSERT INTO forgetful VALUES (-1, '{1}');
:dims;
-- Declared dimensions stay, whatever is inserted.
TRUNCATE forgetful;
BEGIN;
INSERT INTO forgetful VALUES (1, '{1,2}');
ROLLBACK;
ALTER INDEX forgetful_v SET (dimensions = 3);
VACUUM forgetful;
ALTER INDEX forgetful_v SET (dimensions = 3);
SELECT failure('INSERT INTO forgetful VALUES (1, ''{1}'')');
INSERT INTO forgetful VALUES (1, '{1,2,3}');
SELECT failure('INSERT INTO forgetful VALUES (1, ''{1,2}'')');
:dims;
DROP TABLE forgetful;
RESET client_min_messages;

--
-- UPDATE and DELETE, as a scan sees them
--
CREATE TABLE changing (id integer PRIMARY KEY, v real[], note text) WITH (fillfactor = 60);
INSERT INTO changing SELECT i, vec(i, 3) FROM generate_series(1, 500) i;
CREATE INDEX changing_v ON changing USING annoy (v);
UPDATE changing SET v = ARRAY[100 + id, 0, 0] WHERE id % 2 = 0;
SELECT full_scan('changing', '<->', '''{300,0,0}''');
SELECT id FROM changing ORDER BY v <-> '{300.1,0,0}' LIMIT 3;
UPDATE changing SET v = vec(id, 3) WHERE id % 2 = 0;
SELECT full_scan('changing', '<->', '''{300,0,0}''');
SELECT max(v <-> vec(id, 3)::real[]) FROM changing;
UPDATE changing SET v = NULL WHERE id % 7 = 0;
SELECT full_scan('changing', '<->', '''{300,0,0}''');
UPDATE changing SET v = vec(id, 3) WHERE v IS NULL;
SELECT full_scan('changing', '<->', '''{300,0,0}''');
DELETE FROM changing WHERE id % 5 = 0;
SELECT full_scan('changing', '<->', '''{300,0,0}''');
-- the same row many times in one transaction
BEGIN;
UPDATE changing SET v = ARRAY[7, 7, 7] WHERE id = 1;
UPDATE changing SET v = ARRAY[8, 8, 8] WHERE id = 1;
UPDATE changing SET v = ARRAY[7, 7, 7] WHERE id = 1;
SELECT id, v FROM changing ORDER BY v <-> '{8,8,8}' LIMIT 1;
SELECT full_scan('changing', '<->', '''{7,7,7}''');
ROLLBACK;
SELECT full_scan('changing', '<->', '''{7,7,7}''');

-- An update that leaves the vector alone does not touch the index (it is HOT).
CREATE TABLE hot (id integer, v real[], note text) WITH (fillfactor = 40);
INSERT INTO hot SELECT i, vec(i, 3) FROM generate_series(1, 500) i;
CREATE INDEX hot_v ON hot USING annoy (v);
CREATE TABLE before_hot AS SELECT i::text AS info, pg_relation_size('hot_v') AS size FROM annoy_index_info('hot_v') i;
UPDATE hot SET note = 'old' WHERE id <= 100;
UPDATE hot SET note = 'new' WHERE id <= 100;
SELECT info = i::text AND size = pg_relation_size('hot_v') AS unchanged
FROM before_hot, annoy_index_info('hot_v') i;
SELECT full_scan('hot', '<->', '''{7,7,7}''');
SELECT count(*) FROM hot h, LATERAL (SELECT note FROM hot ORDER BY v <-> h.v LIMIT 1) n
WHERE id <= 100 AND n.note = 'new';
-- Indexes that are built on such rows have them.
REINDEX INDEX hot_v;
SELECT items FROM annoy_index_info('hot_v');
SELECT full_scan('hot', '<->', '''{7,7,7}''');

-- Other ways to insert
CREATE TABLE copied (id integer PRIMARY KEY, v double precision[]);
CREATE INDEX copied_v ON copied USING annoy (v);
COPY copied FROM stdin;
1	{1,2}
2	\N
3	{3,4}
\.
COPY copied FROM stdin;
4	{5,6}
5	{7,8,9}
\.
INSERT INTO copied VALUES (1, '{9,9}') ON CONFLICT DO NOTHING;
INSERT INTO copied VALUES (3, '{9,9}'), (6, '{8,8}') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT id, v FROM copied ORDER BY v <-> '{0,0}';

SET client_min_messages = warning;
DROP SCHEMA annoy_insert CASCADE;
