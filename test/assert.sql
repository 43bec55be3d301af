-- What test/assert.sh runs under valgrind, and with caches that are never valid for
-- long: everything that reads or writes pages, on tables that are small, as it is
-- thirty times slower.
SET max_parallel_maintenance_workers = 1;
SET min_parallel_table_scan_size = 0;
SET enable_seqscan = off;
SET jit = off;

CREATE EXTENSION annoy;
CREATE TABLE items (id integer, v real[], kind integer, tags integer[]);
INSERT INTO items
SELECT i, CASE WHEN i % 50 > 0 THEN (SELECT array_agg(sin(i * j)::real) FROM generate_series(1, 19) j) END,
	i % 5, ARRAY[i % 3, i % 7]
FROM generate_series(1, 1500) i;

-- build, with and without a worker, of each metric and dtype
CREATE INDEX items_l2 ON items USING annoy (v, kind, tags) WITH (n_trees = 2);
CREATE INDEX items_cosine ON items USING annoy (v real_cosine_ops) WITH (dtype = float16);
CREATE INDEX items_ip ON items USING annoy (v real_ip_ops) WITH (dtype = float64);
SET max_parallel_maintenance_workers = 0;
CREATE INDEX items_l1 ON items USING annoy (v real_l1_ops);
CREATE INDEX items_hamming ON items USING annoy (v real_hamming_ops);
CREATE INDEX items_bits ON items USING annoy ((CASE WHEN v IS NOT NULL THEN kind::bit(11) END));
CREATE INDEX CONCURRENTLY items_part ON items USING annoy (v) WHERE kind = 1;

-- search: a few rows, all rows, conditions, each instruction set
SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 10) s;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <=> (SELECT v FROM items WHERE id = 7)) s;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <#> (SELECT v FROM items WHERE id = 7) LIMIT 300) s;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <+> (SELECT v FROM items WHERE id = 7) LIMIT 10) s;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <~> (SELECT v FROM items WHERE id = 7) LIMIT 10) s;
SELECT count(*) FROM (SELECT FROM items ORDER BY CASE WHEN v IS NOT NULL THEN kind::bit(11) END <~~> 3::bit(11) LIMIT 10) s;
SELECT count(*) FROM (SELECT FROM items WHERE kind IN (2, 3) AND tags && '{1}' ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 10) s;
SELECT count(*) FROM (SELECT FROM items WHERE kind = 4 ORDER BY v <-> (SELECT v FROM items WHERE id = 7)) s;
SELECT annoy_simd_check('items_l2') > 0;
SET annoy.simd = portable;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 10) s;
RESET annoy.simd;

-- insert, into these and into an empty one, which splits; delete, vacuum
CREATE TABLE grown (v real[], n integer);
CREATE INDEX grown_v ON grown USING annoy (v, n) WITH (n_trees = 2);
INSERT INTO grown SELECT v, id FROM items;
INSERT INTO items SELECT id + 1500, v, kind, tags FROM items WHERE id % 4 = 0;
DELETE FROM items WHERE id % 3 = 0;
DELETE FROM grown WHERE n % 3 > 0;
VACUUM items, grown;
INSERT INTO grown SELECT v, id FROM items WHERE id < 200;
DELETE FROM grown;
VACUUM (INDEX_CLEANUP ON, PARALLEL 0) grown;
INSERT INTO grown VALUES ('{1,2}', 1);
REINDEX INDEX CONCURRENTLY items_l2;

-- functions
SELECT c.relname, annoy_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'annoy' ORDER BY 1;
SELECT count(annoy_index_info(c.oid)) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'annoy';
SELECT recall > 0.5 FROM annoy_recall('items_l2', 5, 10);
SELECT annoy_calibrate('items_l2');
SELECT count(*) FROM annoy_knn_graph('items_part', 2);
SELECT count(*) FROM annoy_search_radius('items_l2', (SELECT v FROM items WHERE id = 7), 1);
SELECT count(*) FROM items, annoy_get_nns_by_item('items_l2', ctid, 2) WHERE id = 7;
SELECT annoy_index_params('items_l2'), annoy_repr('items_l2'), annoy_prewarm('items_l2', 'trees');
SELECT annoy_set_params('items_l2', '{"search_k": 70}');
SELECT annoy_clone_index('items_l2', 'cloned', '{"metric": "dot"}');

-- files
SELECT annoy_export('items_l2', 'id', :'directory' || '/items.ann', 2);
SELECT count(*) FROM annoy_import_items(:'directory' || '/items.ann', 'euclidean', 19);
SELECT annoy_export('items_hamming', 'id', :'directory' || '/items.ann', 2);
SELECT count(*) FROM annoy_import_items(:'directory' || '/items.ann', 'hamming', 19);

DROP TABLE items, grown;
