--
-- Builds: little memory, workers, what they tell, what is refused early
--
\set schema annoy_memory
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
CREATE TABLE items AS SELECT i AS id, vec(i, 1000)::real[] AS v FROM generate_series(1, 4000) i;
UPDATE items SET v = NULL WHERE id % 100 = 0;
\set scan 'SELECT full_scan(''items'', ''<->'', ''(SELECT v FROM items WHERE id = 5)'')'

-- The least memory there can be.  The sample is too small, which is worth a
-- notice, but a build needs no more.
SET maintenance_work_mem = '1MB';
CREATE INDEX items_v ON items USING annoy (v);
:scan;
SELECT height, items FROM annoy_index_info('items_v');
-- less talk
SET annoy."verbose" = -1;
REINDEX INDEX items_v;
CREATE INDEX items_zero ON items USING annoy (v) WITH (seed = 0);
DROP INDEX items_zero;
SET annoy."verbose" = -2;
CREATE INDEX items_zero ON items USING annoy (v) WITH (seed = 0);
DROP INDEX items_zero;
SET annoy."verbose" = 3;
SET annoy."verbose" = 0;
RESET maintenance_work_mem;

-- With and without workers
ALTER TABLE items SET (parallel_workers = 2);
SET max_parallel_maintenance_workers = 0;
REINDEX INDEX items_v;
:scan;
SET max_parallel_maintenance_workers = 2;
REINDEX INDEX items_v;
:scan;
-- an expression, a predicate, a temporary table, which workers cannot read
CREATE INDEX items_expression ON items USING annoy ((v[1:10]::double precision[])) WHERE id % 2 = 0;
SELECT dtype, dimensions, items FROM annoy_index_info('items_expression');
CREATE INDEX items_normal ON items USING annoy (annoy_normalize(v)) WHERE v IS NOT NULL;
SELECT dimensions, items FROM annoy_index_info('items_normal');
CREATE TEMP TABLE mine AS SELECT * FROM items WHERE id <= 500;
ALTER TABLE mine SET (parallel_workers = 2);
CREATE INDEX mine_v ON mine USING annoy (v);
SELECT dimensions, items FROM annoy_index_info('mine_v');
-- no rows, no vectors
CREATE TABLE empty (id integer, v real[]) WITH (parallel_workers = 2);
CREATE INDEX empty_v ON empty USING annoy (v);
INSERT INTO empty SELECT i, NULL FROM generate_series(1, 3000) i;
REINDEX INDEX empty_v;
SELECT dimensions, items FROM annoy_index_info('empty_v');
INSERT INTO empty VALUES (-1, '{1,2}'), (-2, '{1,2,3}');
INSERT INTO empty VALUES (-1, '{1,2}');
REINDEX INDEX empty_v;
SELECT dimensions, items FROM annoy_index_info('empty_v');
-- Partitions
CREATE TABLE parts (id integer, v real[]) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (1000) WITH (parallel_workers = 2);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
INSERT INTO parts SELECT id, v FROM items WHERE id < 1500;
CREATE INDEX parts_v ON parts USING annoy (v);
SELECT c.relname, i.dimensions, i.items FROM pg_inherits, pg_class c, annoy_index_info(c.oid) i
WHERE inhparent = 'parts_v'::regclass AND c.oid = inhrelid ORDER BY 1;
CREATE TABLE parts3 PARTITION OF parts FOR VALUES FROM (2000) TO (3000);
INSERT INTO parts SELECT id, v FROM items WHERE id BETWEEN 2000 AND 2500;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM parts ORDER BY v <-> ('{1}'::real[] || array_fill(0::real, ARRAY[999]))) s;
REINDEX TABLE parts;

-- A cursor that reads all of a table takes no more than work_mem and a little,
-- however many rows it has read.
CREATE TABLE many AS SELECT i AS id, ARRAY[hashint4(i), hashint4(-i)]::real[] AS v FROM generate_series(1, 150000) i;
CREATE INDEX many_v ON many USING annoy (v);
CREATE FUNCTION memory_of_cursor(OUT most bigint) LANGUAGE plpgsql AS $$
DECLARE
	vectors CURSOR FOR SELECT id FROM many ORDER BY v <-> '{0,0}';
	before bigint := sum(total_bytes) FROM pg_backend_memory_contexts;
BEGIN
	OPEN vectors;
	most := 0;
	FOR i IN 1 .. 30 LOOP
		MOVE FORWARD 5000 FROM vectors;
		most := greatest(most, sum(total_bytes) - before) FROM pg_backend_memory_contexts;
	END LOOP;
END $$;
RESET annoy.search_k;
RESET annoy.epsilon;
SET work_mem = '1MB';
SELECT memory_of_cursor() < 5 * 1024 * 1024 AS bounded;
SELECT rows, drained FROM annoy_last_scan();
RESET work_mem;

-- What is refused is refused before a row is read
CREATE FUNCTION seen(v real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'a row is read'; END $$;
CREATE INDEX ON items USING annoy (seen(v)) WITH (n_trees = 0);
CREATE INDEX ON items USING annoy (seen(v)) WITH (n_trees = 101);
CREATE INDEX ON items USING annoy (seen(v)) WITH (seed = none);
CREATE INDEX ON items USING annoy (seen(v)) WITH (dimensions = 100000);
CREATE INDEX ON items USING annoy (seen(v)) WITH (lists = 10);
CREATE INDEX ON items USING annoy (seen(v) bit_hamming_ops);
CREATE UNIQUE INDEX ON items USING annoy (seen(v));
CREATE INDEX ON items USING annoy (seen(v));

SET client_min_messages = warning;
DROP SCHEMA annoy_memory CASCADE;
