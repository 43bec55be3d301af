--
-- VACUUM
--
\set schema annoy_vacuum
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;

-- What VACUUM can remove from a temporary table does not depend on what others
-- do in the meantime.
CREATE TEMP TABLE items (id integer, v real[]);
INSERT INTO items SELECT i, vec(i, 8) FROM generate_series(1, 3000) i;
INSERT INTO items SELECT 3000 + i, NULL FROM generate_series(1, 200) i;
CREATE INDEX items_v ON items USING annoy (v) WITH (n_trees = 3);
\set info 'SELECT dimensions, items, dead_items FROM annoy_index_info(''items_v'')'
\set scan 'SELECT full_scan(''items'', ''<->'', ''''''{1,1,1,1,0,0,0,0}'''''')'

-- nothing to do
VACUUM items;
:info;
:scan;

-- Deleted rows are in the index until VACUUM, and never in an answer; then the
-- trees lose their entries, too: one of three.
SELECT leaf_fill * leaf_pages AS entries FROM annoy_index_info('items_v') \gset
DELETE FROM items WHERE id % 3 = 0;
:info;
:scan;
VACUUM items;
:info;
:scan;
SELECT round((leaf_fill * leaf_pages / :entries)::numeric, 6) AS entries FROM annoy_index_info('items_v');
SELECT count(*) FROM items i, LATERAL (SELECT id FROM items ORDER BY v <-> i.v LIMIT 1) n
WHERE i.id % 10 = 0 AND n.id = i.id;

-- Their places are taken by new rows, NULL or not. Rows of a failed
-- transaction go away as well.
CREATE TEMP TABLE before AS SELECT pg_relation_size('items_v') AS size;
INSERT INTO items SELECT i, vec(i, 8) FROM generate_series(3, 3000, 3) i;
INSERT INTO items SELECT 3000 + i, NULL FROM generate_series(3, 200, 3) i;
:info;
:scan;
SELECT pg_relation_size('items_v') <= 1.02 * size AS same_size FROM before;
BEGIN;
INSERT INTO items SELECT 10000 + i, vec(i, 8) FROM generate_series(1, 500) i;
INSERT INTO items SELECT 10000 + i, NULL FROM generate_series(501, 600) i;
ROLLBACK;
:info;
:scan;
VACUUM items;
:info;
:scan;

-- It reads a page of the index once, and again where it has found something to
-- remove.  Besides, it tells the free space map once of a page with free slots.
\set blocks 'SELECT pg_stat_get_blocks_fetched(''items_v''::regclass) AS blocks, pg_relation_size(''items_v'') / current_setting(''block_size'')::int AS pages'
-- Before version 15, what was read is counted when half a second has passed.
CREATE FUNCTION flush() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('server_version_num')::int >= 150000 THEN
		PERFORM pg_stat_force_next_flush();
	ELSE
		PERFORM pg_sleep(0.6);
	END IF;
END $$;
DELETE FROM items WHERE id % 100 = 1;
SELECT flush();
:blocks \gset before_
VACUUM items;
SELECT flush();
SELECT blocks > :before_blocks + pages AS once, blocks < :before_blocks + 3 * pages AS again FROM (:blocks) b;
-- and once if there is nothing to do
:blocks \gset before_
VACUUM (INDEX_CLEANUP ON) items;
SELECT flush();
SELECT blocks < :before_blocks + 2 * pages AS once FROM (:blocks) b;
INSERT INTO items SELECT i, vec(i, 8) FROM generate_series(1, 3000, 100) i;
INSERT INTO items SELECT i, NULL FROM generate_series(3001, 3200, 100) i;

-- Updates, round after round
DO $$
BEGIN
	FOR n IN 1..5 LOOP
		UPDATE items SET v = vec(id + 10000 * n, 8) WHERE id % 4 = n % 4;
	END LOOP;
END $$;
:info;
:scan;
VACUUM items;
:info;
:scan;

-- Everything deleted and inserted again: the size stays.
CREATE TEMP TABLE source AS
	SELECT d AS dims, i AS id, vec(i, d)::real[] AS v
	FROM unnest(ARRAY[3, 64]) d, generate_series(1, 2000) i;
INSERT INTO source SELECT 2100, i, array_agg(number(i, j % 111) - 0.5 ORDER BY j)
	FROM generate_series(1, 150) i, generate_series(1, 2100) j GROUP BY i;
CREATE TEMP TABLE refilled (id integer, v real[]);
CREATE INDEX refilled_v ON refilled USING annoy (v) WITH (n_trees = 2);
CREATE TEMP TABLE sizes (n serial, dims integer, start text, size bigint, items bigint);
CREATE FUNCTION measure(dims integer, start text) RETURNS text LANGUAGE sql AS $$
	INSERT INTO sizes (dims, start, size, items)
	SELECT dims, start, pg_relation_size('refilled_v'), items FROM annoy_index_info('refilled_v');
	SELECT full_scan('refilled', '<->', format('(SELECT v FROM source WHERE dims = %s AND id = 7)', dims))
$$;
\set fill 'INSERT INTO refilled SELECT id, v FROM source WHERE dims = :dims ORDER BY id; SELECT measure(:dims, :start);'
\set empty 'DELETE FROM refilled; VACUUM refilled; SELECT measure(:dims, :start);'
\t on
-- an index that grows from nothing
\set start '''grown'''
\set dims 3
:fill :empty :fill :empty :fill
TRUNCATE refilled;
\set dims 64
:fill :empty :fill :empty :fill
TRUNCATE refilled;
\set dims 2100
:fill :empty :fill :empty :fill
TRUNCATE refilled;
-- an index that is built on the rows
\set start '''built'''
\set fill_built 'INSERT INTO refilled SELECT id, v FROM source WHERE dims = :dims ORDER BY id; REINDEX TABLE refilled; SELECT measure(:dims, :start);'
\set dims 3
:fill_built :empty :fill :empty :fill
TRUNCATE refilled;
\set dims 64
:fill_built :empty :fill :empty :fill
TRUNCATE refilled;
\set dims 2100
:fill_built :empty :fill :empty :fill
\t off
-- leaves that were filled by insertions are a little less full than built ones, and an
-- index without vectors has little else
SELECT dims, start, array_agg(items ORDER BY n) AS items,
	bool_and(size <= CASE start WHEN 'built' THEN 1.1 ELSE 1.02 END * first) AS same_size
FROM (SELECT *, first_value(size) OVER (PARTITION BY dims, start ORDER BY n) AS first FROM sizes) s
GROUP BY dims, start ORDER BY min(n);

-- Bit strings
CREATE TEMP TABLE bits (id integer, v bit varying);
CREATE INDEX bits_v ON bits USING annoy (v);
INSERT INTO bits SELECT i, bitvec(i, 30) FROM generate_series(1, 1000) i;
DELETE FROM bits WHERE id % 2 = 0;
VACUUM bits;
INSERT INTO bits SELECT i, bitvec(i + 50000, 30) FROM generate_series(1002, 2000, 2) i;
SELECT items, dead_items FROM annoy_index_info('bits_v');
SELECT full_scan('bits', '<~~>', 'B''111111111111111000000000000000''');

-- An index that does not know its dimensions, and one whose vectors have gone
CREATE TEMP TABLE nulls (id integer, v double precision[]);
CREATE INDEX nulls_v ON nulls USING annoy (v);
VACUUM nulls;
INSERT INTO nulls SELECT i, NULL FROM generate_series(1, 3000) i;
DELETE FROM nulls WHERE id > 100;
VACUUM nulls;
SELECT dimensions, items, dead_items FROM annoy_index_info('nulls_v');
SELECT full_scan('nulls', '<->', '(SELECT ARRAY[1, 2])');
INSERT INTO nulls SELECT i, ARRAY[i, 2] FROM generate_series(101, 1000) i;
SELECT dimensions, items, dead_items FROM annoy_index_info('nulls_v');
SELECT full_scan('nulls', '<->', '(SELECT ARRAY[1, 2])');
DELETE FROM nulls WHERE v IS NOT NULL;
VACUUM nulls;
INSERT INTO nulls SELECT i, NULL FROM generate_series(101, 1000) i;
SELECT dimensions, items, dead_items FROM annoy_index_info('nulls_v');
SELECT full_scan('nulls', '<->', '(SELECT ARRAY[1, 2])');

-- More dead rows than fit in memory at once
INSERT INTO nulls SELECT i, ARRAY[i % 77, i % 1000] FROM generate_series(1001, 1500) i;
DROP INDEX nulls_v;
INSERT INTO nulls SELECT i, NULL FROM generate_series(1501, 200000) i;
CREATE INDEX nulls_v ON nulls USING annoy (v);
DELETE FROM nulls WHERE id > 1500 OR id % 2 = 0;
SET maintenance_work_mem = '1MB';
VACUUM nulls;
RESET maintenance_work_mem;
SELECT dimensions, items, dead_items FROM annoy_index_info('nulls_v');
SELECT full_scan('nulls', '<->', '(SELECT ARRAY[1, 2])');

-- Every dead row is removed only when VACUUM looks at indexes.
CREATE TEMP TABLE careful (id integer, v real[]);
CREATE INDEX careful_v ON careful USING annoy (v);
INSERT INTO careful SELECT i, vec(i, 3) FROM generate_series(1, 1000) i;
DELETE FROM careful WHERE id <= 500;
VACUUM (INDEX_CLEANUP OFF) careful;
SELECT items FROM annoy_index_info('careful_v');
INSERT INTO careful SELECT 1000 + i, vec(1000 + i, 3) FROM generate_series(1, 1000) i;
SELECT full_scan('careful', '<->', '''{1,1,1}''');
VACUUM (INDEX_CLEANUP ON) careful;
SELECT items FROM annoy_index_info('careful_v');
SELECT full_scan('careful', '<->', '''{1,1,1}''');

-- Statistics
VACUUM (ANALYZE) careful;
SELECT reltuples FROM pg_class WHERE relname = 'careful_v';

-- VACUUM FULL, and a table that is not temporary
CREATE TABLE durable (id integer, v real[]);
CREATE INDEX durable_v ON durable USING annoy (v);
INSERT INTO durable SELECT i, vec(i, 3) FROM generate_series(1, 2000) i;
DELETE FROM durable WHERE id % 2 = 0;
VACUUM durable;
SELECT full_scan('durable', '<->', '''{1,1,1}''');
VACUUM FULL durable;
SELECT full_scan('durable', '<->', '''{1,1,1}''');
CLUSTER durable USING durable_v;
-- several indexes at once
CREATE INDEX durable_cosine ON durable USING annoy (v real_cosine_ops);
CREATE INDEX durable_l1 ON durable USING annoy (v real_l1_ops);
DELETE FROM durable WHERE id % 4 = 1;
SET min_parallel_index_scan_size = 0;
VACUUM (PARALLEL 2) durable;
RESET min_parallel_index_scan_size;
SELECT full_scan('durable', '<->', '''{1,1,1}'''), full_scan('durable', '<=>', '''{1,1,1}'''),
	full_scan('durable', '<+>', '''{1,1,1}''');

-- NULLs and vectors do not take each other's places, whichever comes first: the
-- size stays when everything is deleted and inserted again, and when first one
-- kind and then the other is.
CREATE TEMP TABLE half (id integer, v real[]);
INSERT INTO half SELECT i, CASE WHEN i % 2 = 0 THEN vec(i, 64) END FROM generate_series(1, 6000) i;
CREATE INDEX half_v ON half USING annoy (v);
CREATE TEMP TABLE half_source AS TABLE half;
SELECT pg_relation_size('half_v') AS half_size \gset
\set same_size 'SELECT pg_relation_size(''half_v'') <= 1.02 * :half_size AS same_size, full_scan(''half'', ''<->'', ''(SELECT v FROM half_source WHERE id = 8)'');'
DELETE FROM half WHERE id > 2;
VACUUM half;
INSERT INTO half SELECT * FROM half_source WHERE id > 2 AND v IS NULL;
INSERT INTO half SELECT * FROM half_source WHERE id > 2 AND v IS NOT NULL;
:same_size
DELETE FROM half WHERE v IS NULL;
VACUUM half;
INSERT INTO half SELECT * FROM half_source WHERE v IS NULL;
:same_size
SELECT annoy_index_check('half_v', true);
-- A reset cuts pages of NULLs off, but for those before the last one in use.
CREATE TEMP TABLE cut (id integer, v real[]);
CREATE INDEX cut_v ON cut USING annoy (v);
INSERT INTO cut SELECT i, NULL FROM generate_series(1, 5000) i;
SELECT pg_relation_size('cut_v') / current_setting('block_size')::int AS pages;
DELETE FROM cut WHERE id > 1500;
VACUUM cut;
BEGIN;
INSERT INTO cut VALUES (0, '{1,2,3}');
ROLLBACK;
VACUUM cut;
SELECT annoy_index_check('cut_v', true);
INSERT INTO cut VALUES (0, '{1,2}');
SELECT pg_relation_size('cut_v') / current_setting('block_size')::int AS pages;
SELECT annoy_index_check('cut_v', true);
INSERT INTO cut SELECT i, NULL FROM generate_series(1501, 3000) i;
SELECT pg_relation_size('cut_v') / current_setting('block_size')::int AS pages;
SELECT annoy_index_check('cut_v', true);
SELECT full_scan('cut', '<->', '''{1,1}''');

-- Leaves without entries are used again: of rows that come and go, each elsewhere, a
-- tree has no more leaves than of those there are, and some.
CREATE TEMP TABLE ring (id integer, v real[]);
CREATE INDEX ring_v ON ring USING annoy (v);
CREATE FUNCTION on_ring(i integer) RETURNS real[] LANGUAGE sql AS $$
	SELECT ARRAY[cos(i / 2000.0), sin(i / 2000.0), number(i, 1) / 100, number(i, 2) / 100]
$$;
INSERT INTO ring SELECT i, on_ring(i) FROM generate_series(1, 5000) i;
SELECT leaf_pages FROM annoy_index_info('ring_v') \gset
SET client_min_messages = error;
\set turn 'DELETE FROM ring WHERE id <= (SELECT max(id) FROM ring) - 4000; VACUUM ring; INSERT INTO ring SELECT max + i, on_ring(max + i) FROM (SELECT max(id) FROM ring) m, generate_series(1, 1000) i;'
:turn :turn :turn :turn :turn :turn :turn :turn :turn :turn
RESET client_min_messages;
SELECT leaf_pages <= 1.3 * :leaf_pages AS few_leaves, items FROM annoy_index_info('ring_v');
SELECT annoy_index_check('ring_v', true);
SELECT full_scan('ring', '<->', 'on_ring(9000)');

-- Where most are empty, trees are made anew.
CREATE TEMP TABLE mostly (id integer, v real[]);
INSERT INTO mostly SELECT i, on_ring(i * 2) FROM generate_series(1, 6000) i;
CREATE INDEX mostly_v ON mostly USING annoy (v);
SELECT leaf_pages FROM annoy_index_info('mostly_v') \gset
DELETE FROM mostly WHERE id > 1000;
VACUUM mostly;
SELECT leaf_pages < 0.4 * :leaf_pages AS few_leaves, items FROM annoy_index_info('mostly_v');
SELECT annoy_index_check('mostly_v', true);
SELECT full_scan('mostly', '<->', 'on_ring(100)');
SELECT pg_relation_size('mostly_v') AS size \gset
INSERT INTO mostly SELECT i, on_ring(i * 2) FROM generate_series(1001, 4000) i;
SELECT pg_relation_size('mostly_v') = :size AS same_size;

SET client_min_messages = warning;
DROP SCHEMA annoy_vacuum CASCADE;
