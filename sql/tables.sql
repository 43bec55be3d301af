--
-- Kinds of tables and of indexes, and commands that rebuild them
--
\set schema annoy_tables
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;

CREATE TABLE source AS SELECT i AS id, vec(i, 4)::real[] AS v FROM generate_series(1, 600) i;
INSERT INTO source SELECT 600 + i, NULL FROM generate_series(1, 10) i;
\set q '''{0.5,-0.5,1,0}'''
\set scan_items 'SELECT full_scan(''items'', ''<->'', quote_literal(:q))'

--
-- Unlogged tables
--
CREATE UNLOGGED TABLE items (id integer, v real[]);
CREATE INDEX items_v ON items USING annoy (v);
SELECT pg_relation_size('items_v', 'init') > 0 AS init_fork;
INSERT INTO items SELECT * FROM source;
:scan_items;
DELETE FROM items WHERE id % 2 = 0;
VACUUM items;
REINDEX INDEX items_v;
:scan_items;
ALTER TABLE items SET LOGGED;
SELECT pg_relation_size('items_v', 'init') AS init_fork;
:scan_items;
INSERT INTO items SELECT * FROM source WHERE id % 2 = 0;
:scan_items;
ALTER TABLE items SET UNLOGGED;
SELECT pg_relation_size('items_v', 'init') > 0 AS init_fork;
:scan_items;
TRUNCATE items;
:scan_items;
INSERT INTO items SELECT * FROM source;
:scan_items;
DROP TABLE items;

--
-- Temporary tables
--
CREATE TEMP TABLE items (id integer, v real[]);
CREATE INDEX items_v ON items USING annoy (v);
INSERT INTO items SELECT * FROM source;
:scan_items;
DROP TABLE items;
-- ON COMMIT DELETE ROWS empties the index as well, which then takes vectors of
-- other dimensions.
CREATE TEMP TABLE items (id integer, v real[]) ON COMMIT DELETE ROWS;
CREATE INDEX items_v ON items USING annoy (v);
BEGIN;
INSERT INTO items SELECT * FROM source;
:scan_items;
COMMIT;
:scan_items;
SELECT dimensions, items FROM annoy_index_info('items_v');
BEGIN;
INSERT INTO items SELECT id, v[:2] FROM source;
SELECT full_scan('items', '<->', '''{1,2}''');
SELECT dimensions, items FROM annoy_index_info('items_v');
COMMIT;
INSERT INTO items VALUES (1, '{1,2,3}');
DROP TABLE items;

--
-- TRUNCATE
--
CREATE TABLE items (id integer, v real[]);
INSERT INTO items SELECT * FROM source;
CREATE INDEX items_v ON items USING annoy (v);
BEGIN;
TRUNCATE items;
:scan_items;
INSERT INTO items VALUES (1, '{1,2}'), (2, '{2,1}');
SELECT full_scan('items', '<->', '''{1,2}''');
ROLLBACK;
:scan_items;
SELECT dimensions, items FROM annoy_index_info('items_v');
TRUNCATE items;
SELECT dimensions, items FROM annoy_index_info('items_v');
INSERT INTO items VALUES (1, '{1,2}'), (2, '{2,1}');
SELECT full_scan('items', '<->', '''{1,2}''');
-- of a table that was created in the same transaction, which is done in place
BEGIN;
CREATE TABLE short (id integer, v real[]);
CREATE INDEX short_v ON short USING annoy (v) WITH (n_trees = 2);
INSERT INTO short SELECT * FROM source;
SELECT full_scan('short', '<->', quote_literal(:q)) AS scan;
TRUNCATE short;
INSERT INTO short SELECT id, v[:3] FROM source;
SELECT full_scan('short', '<->', '''{1,2,3}''');
TRUNCATE short;
SELECT full_scan('short', '<->', '''{1,2,3}''');
INSERT INTO short VALUES (1, '{1}'), (2, NULL);
SELECT full_scan('short', '<->', '''{1}''');
COMMIT;
SELECT dimensions, items, n_trees FROM annoy_index_info('short_v');
SELECT full_scan('short', '<->', '''{1}''');
DROP TABLE items, short;

--
-- REINDEX, CREATE INDEX CONCURRENTLY
--
CREATE TABLE items (id integer PRIMARY KEY, v real[]);
CREATE INDEX items_v ON items USING annoy (v) WITH (n_trees = 2, seed = 5);
INSERT INTO items SELECT * FROM source;
DELETE FROM items WHERE id % 10 = 0;
REINDEX INDEX items_v;
:scan_items;
REINDEX TABLE items;
:scan_items;
REINDEX INDEX CONCURRENTLY items_v;
SELECT n_trees, seed FROM annoy_index_info('items_v');
:scan_items;
REINDEX TABLE CONCURRENTLY items;
:scan_items;
DROP INDEX CONCURRENTLY items_v;
:scan_items;
CREATE INDEX CONCURRENTLY items_v ON items USING annoy (v);
:scan_items;
INSERT INTO items SELECT id, v FROM source WHERE id % 10 = 0;
:scan_items;
-- A build that fails leaves an index that is not valid; that is not used.
DROP INDEX items_v;
INSERT INTO items VALUES (1000, '{1,2,3}');
CREATE INDEX CONCURRENTLY items_v ON items USING annoy (v);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_v'::regclass;
:scan_items;
SELECT * FROM annoy_index_info('items_v');
DELETE FROM items WHERE id = 1000;
REINDEX INDEX items_v;
:scan_items;
-- a change of type, or of another column
ALTER TABLE items ALTER v TYPE double precision[];
SELECT type, dtype, items FROM annoy_index_info('items_v');
:scan_items;
ALTER TABLE items ADD note text DEFAULT clock_timestamp()::text;
:scan_items;
ALTER TABLE items ALTER v TYPE real[] USING v[:2];
SELECT type, dtype, dimensions, items FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', '''{1,2}''');
ALTER TABLE items ALTER v TYPE text USING v::text;
DROP TABLE items;

--
-- Partial indexes
--
CREATE TABLE items (id integer, v real[], kind text);
INSERT INTO items SELECT id, CASE WHEN id % 3 = 0 THEN v ELSE v[:2] END,
	CASE WHEN id % 3 = 0 THEN 'four' ELSE 'two' END FROM source WHERE id <= 600;
CREATE INDEX items_four ON items USING annoy (v) WHERE kind = 'four';
CREATE INDEX items_two ON items USING annoy (v) WHERE kind = 'two';
SELECT dimensions, items FROM annoy_index_info('items_four');
SELECT dimensions, items FROM annoy_index_info('items_two');
SELECT plan('SELECT id FROM items WHERE kind = ''two'' ORDER BY v <-> ''{1,2}'' LIMIT 3');
SELECT plan('SELECT id FROM items WHERE kind = ''four'' ORDER BY v <-> ''{1,2,3,4}'' LIMIT 3');
SELECT plan('SELECT id FROM items ORDER BY v <-> ''{1,2,3,4}'' LIMIT 3');
SELECT count(*), bool_and(id % 3 = 0) FROM (SELECT id FROM items WHERE kind = 'four' ORDER BY v <-> '{1,2,3,4}') s;
SELECT count(*), bool_and(id % 3 > 0) FROM (SELECT id FROM items WHERE kind = 'two' ORDER BY v <-> '{1,2}') s;
UPDATE items SET v = '{7,7,7,7}', kind = 'four' WHERE id = 1;
SELECT id FROM items WHERE kind = 'four' ORDER BY v <-> '{7,7,7,7}' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM items WHERE kind = 'two' ORDER BY v <-> '{1,2}') s;
UPDATE items SET kind = 'none' WHERE id = 1;
SELECT count(*) FROM (SELECT id FROM items WHERE kind = 'four' ORDER BY v <-> '{7,7,7,7}') s;
INSERT INTO items VALUES (1000, '{1,2,3}', 'two');
DROP TABLE items;

--
-- Indexes on expressions
--
CREATE TABLE items (id integer, v real[], words text);
INSERT INTO items SELECT id, v, array_to_string(v, ' ') FROM source;
CREATE INDEX items_front ON items USING annoy ((v[1:2]));
CREATE INDEX items_normal ON items USING annoy (annoy_normalize(v));
CREATE INDEX items_words ON items USING annoy ((string_to_array(words, ' ')::double precision[]) double_cosine_ops);
SELECT type, dimensions, items FROM annoy_index_info('items_front');
SELECT type, dimensions, items FROM annoy_index_info('items_normal');
SELECT type, dimensions, items FROM annoy_index_info('items_words');
SELECT plan('SELECT id FROM items ORDER BY v[1:2] <-> ''{1,2}'' LIMIT 3');
SELECT plan('SELECT id FROM items ORDER BY annoy_normalize(v) <-> ''{1,0,0,0}'' LIMIT 3');
SELECT plan('SELECT id FROM items ORDER BY string_to_array(words, '' '')::double precision[] <=> ''{1,2,3,4}'' LIMIT 3');
SELECT plan('SELECT id FROM items ORDER BY v[2:3] <-> ''{1,2}'' LIMIT 3');
SELECT count(*) FROM items i, LATERAL (SELECT id FROM items ORDER BY v[1:2] <-> i.v[1:2] LIMIT 1) n
WHERE i.id <= 50 AND n.id = i.id;
SELECT count(*), count(DISTINCT id), max(d) < 2.01 AS near
FROM (SELECT id, annoy_normalize(v) <-> '{1,0,0,0}' AS d FROM items ORDER BY annoy_normalize(v) <-> '{1,0,0,0}') s;
INSERT INTO items VALUES (1000, '{9,9,1,1}', '1 2 3 4');
SELECT id FROM items ORDER BY string_to_array(words, ' ')::double precision[] <=> '{2,4,6,8}' LIMIT 1;
INSERT INTO items VALUES (1001, '{1}', NULL);
DROP TABLE items;
-- a domain
CREATE DOMAIN embedding AS real[] CHECK (cardinality(VALUE) = 4);
CREATE TABLE items (id integer, v embedding);
INSERT INTO items SELECT * FROM source;
CREATE INDEX items_v ON items USING annoy (v);
SELECT type, dimensions, items FROM annoy_index_info('items_v');
SELECT full_scan('items', '<->', quote_literal(:q) || '::embedding');
SELECT full_scan('items', '<->', quote_literal(:q) || '::double precision[]');
DROP TABLE items;

--
-- Partitions: one index each, merged in order
--
CREATE TABLE items (id integer, v real[]) PARTITION BY RANGE (id);
CREATE INDEX items_v ON items USING annoy (v) WITH (n_trees = 2);
CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (0) TO (200);
CREATE TABLE items_2 PARTITION OF items FOR VALUES FROM (200) TO (250);
CREATE TABLE items_3 PARTITION OF items DEFAULT;
INSERT INTO items SELECT * FROM source;
SELECT c.relname, n_trees, dimensions, items
FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid, annoy_index_info(c.oid)
WHERE inhparent = 'items_v'::regclass ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '{1,1,1,1}' LIMIT 5;
SELECT full_scan('items', '<->', quote_literal(:q));
UPDATE items SET id = id + 200 WHERE id < 50;
DROP TABLE items_2;
ANALYZE items;
SELECT full_scan('items', '<->', quote_literal(:q));
SELECT count(*) FROM items i, LATERAL (SELECT id FROM items ORDER BY v <-> i.v LIMIT 1) n
WHERE i.id % 20 = 0 AND n.id = i.id;
SELECT * FROM annoy_index_info('items_v');
DROP TABLE items;
-- inheritance
CREATE TABLE items (id integer, v real[]);
CREATE TABLE items_child () INHERITS (items);
CREATE INDEX items_v ON items USING annoy (v);
CREATE INDEX items_child_v ON items_child USING annoy (v);
INSERT INTO items SELECT * FROM source WHERE id % 2 = 0;
INSERT INTO items_child SELECT * FROM source WHERE id % 2 = 1;
SELECT full_scan('items', '<->', quote_literal(:q));
SELECT count(*) FROM (SELECT FROM ONLY items ORDER BY v <-> :q) s;
DROP TABLE items, items_child;

-- Materialized views, and views
CREATE MATERIALIZED VIEW items AS SELECT id, v FROM source WHERE id % 2 = 0;
CREATE INDEX items_v ON items USING annoy (v);
CREATE UNIQUE INDEX items_id ON items (id);
:scan_items;
REFRESH MATERIALIZED VIEW items;
:scan_items;
UPDATE source SET v = '{0,0,0,0}' WHERE id > 590;
REFRESH MATERIALIZED VIEW CONCURRENTLY items;
:scan_items;
CREATE VIEW looked_at AS SELECT id, v FROM items WHERE id > 100;
SELECT plan('SELECT id FROM looked_at ORDER BY v <-> ''{1,2,3,4}'' LIMIT 3');
SELECT count(*) FROM (SELECT FROM looked_at ORDER BY v <-> :q LIMIT 1000) s;

-- Definitions survive being written down.
CREATE INDEX everything ON source USING annoy (v real_cosine_ops)
	WITH (n_trees = 3, search_k = 5000, seed = 42, dimensions = 4) WHERE id % 2 = 0;
SELECT pg_get_indexdef('everything'::regclass) AS def \gset
SELECT :'def';
DROP INDEX everything;
:def;
SELECT pg_get_indexdef('everything'::regclass) = :'def' AS same;
SELECT metric, n_trees, seed, items FROM annoy_index_info('everything');
CREATE TABLE likewise (LIKE source INCLUDING ALL);
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'likewise'::regclass;

SET client_min_messages = warning;
DROP SCHEMA annoy_tables CASCADE;
