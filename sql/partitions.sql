--
-- Partitions: what merged scans cost, and indexes that come and go
--
\set schema annoy_partitions
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`
SET enable_seqscan = off;
SET max_parallel_workers_per_gather = 0;

-- Pages that a query takes, of index and table
CREATE FUNCTION pages(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::integer + (plan->0->'Plan'->>'Shared Read Blocks')::integer;
END $$;
-- The same for some rows of each partition, one after the other
CREATE FUNCTION pages_of_all(parent regclass, query text, rows integer) RETURNS integer LANGUAGE sql AS $$
	SELECT sum(pages(format('SELECT id FROM %s ORDER BY v <-> %L LIMIT %s', inhrelid::regclass, query, rows)))
	FROM pg_inherits WHERE inhparent = parent
$$;

--
-- The same rows by their clusters, and at random: few of the first partitions have near
-- rows, but all of the others.
--
CREATE TABLE source AS SELECT i AS id, i % 20 / 2 AS cluster, hashint4(i) & 7 AS random, vec(i, 16)::real[] AS v
FROM generate_series(1, 20000) i;
CREATE TABLE clusters (LIKE source) PARTITION BY LIST (cluster);
CREATE TABLE randoms (LIKE source) PARTITION BY LIST (random);
SELECT format('CREATE TABLE clusters_%s PARTITION OF clusters FOR VALUES IN (%1$s)', i) FROM generate_series(0, 9) i \gexec
SELECT format('CREATE TABLE randoms_%s PARTITION OF randoms FOR VALUES IN (%1$s)', i) FROM generate_series(0, 7) i \gexec
INSERT INTO clusters SELECT * FROM source;
INSERT INTO randoms SELECT * FROM source;
CREATE INDEX clusters_v ON clusters USING annoy (v);
CREATE INDEX randoms_v ON randoms USING annoy (v);
VACUUM ANALYZE clusters, randoms;
SELECT array_agg(quote_literal(vec(-i, 16)::text) || '::real[]') AS queries FROM generate_series(1, 25) i \gset
SELECT plan(format('SELECT id FROM %I ORDER BY v <-> %L LIMIT 10', 'randoms', '{0}')) LIMIT 2;

-- never more than one search for each costs, and less where that is enough
CREATE VIEW costs AS
	SELECT tab, rows, sum(pages(format('SELECT id FROM %s ORDER BY v <-> %L LIMIT %s', tab, q.v, rows))) AS merged,
		sum(pages_of_all(tab, q.v, rows)) AS apart
	FROM (SELECT vec(-i, 16)::text AS v FROM generate_series(1, 10) i) q, unnest(ARRAY['clusters', 'randoms']::regclass[]) tab,
		unnest(ARRAY[10, 100]) rows
	GROUP BY tab, rows;
SELECT tab, rows, merged < apart AS less, merged < .6 * apart AS "much less" FROM costs ORDER BY 1, 2;
SELECT tab, rows, recall(tab::regclass, '<->', :'queries', rows) >= .95 AS found
FROM unnest(ARRAY['clusters', 'randoms']) tab, unnest(ARRAY[10, 100]) rows ORDER BY 1, 2;

-- What is known of others may be wrong: the rows nearest to a query are dead, in a
-- partition that is scanned before others.
BEGIN;
DELETE FROM randoms_0 WHERE v IN (SELECT v FROM randoms_0 ORDER BY v <-> vec(-1, 16)::real[] LIMIT 60);
SELECT recall('randoms', '<->', (:'queries'::text[])[:1], 10) >= .9 AS found;
ROLLBACK;
BEGIN;
DELETE FROM randoms_0;
SELECT recall('randoms', '<->', :'queries', 10) >= .95 AS found;
ROLLBACK;

-- Nor does a partition say anything that has hardly any rows, and is read whole.
CREATE TABLE young (LIKE source) PARTITION BY RANGE (id);
CREATE TABLE young_1 PARTITION OF young FOR VALUES FROM (1) TO (6);
CREATE TABLE young_2 PARTITION OF young FOR VALUES FROM (6) TO (30000);
INSERT INTO young SELECT * FROM source;
CREATE INDEX young_v ON young USING annoy (v);
VACUUM ANALYZE young;
SELECT recall('young', '<->', :'queries', 10) >= recall('young_2', '<->', :'queries', 10) - .01 AS found;
-- and rows are not there that have been deleted by this transaction
BEGIN;
DELETE FROM clusters WHERE cluster < 3;
SELECT recall('clusters', '<->', (SELECT array_agg(quote_literal(v::text) || '::real[]') FROM (SELECT v FROM source WHERE cluster < 3 LIMIT 25) s), 10) >= .95 AS found;
ROLLBACK;

-- A query for each row of another table: what was learnt for one says nothing of the next
SELECT count(*) FROM source s, LATERAL (SELECT id FROM clusters ORDER BY v <-> s.v LIMIT 1) n
WHERE s.id % 200 = 0 AND n.id = s.id;

-- A page behind an OFFSET, distances, and a scan to the end
SELECT count(DISTINCT id) FROM (
	(SELECT id FROM clusters ORDER BY v <-> vec(-1, 16)::real[] LIMIT 10)
	UNION ALL (SELECT id FROM clusters ORDER BY v <-> vec(-1, 16)::real[] LIMIT 10 OFFSET 10)) pages;
SELECT full_scan('clusters', '<->', quote_literal(vec(-1, 16)::text));

--
-- A LIMIT is known to scans below Append, and to those of parallel workers
--
CREATE TABLE large AS SELECT id, v FROM source WHERE id <= 10000;
CREATE INDEX large_v ON large USING annoy (v);
VACUUM ANALYZE large;
-- what takes so long is worth a worker
CREATE FUNCTION slow(i integer) RETURNS integer IMMUTABLE PARALLEL SAFE COST 1000000 LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
SELECT format('SELECT slow(id) FROM large ORDER BY v <-> %L', vec(-1, 16)) AS near \gset
\set both '(' :near ') UNION ALL (' :near ') LIMIT 100'
CREATE FUNCTION nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Limit|Gather|Append|Index Scan' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
SELECT nodes(:'both');
SELECT pages(:'both') <= 1.1 * pages(:'near' || ' LIMIT 100') AS one_round;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT nodes(:'both');
CREATE FUNCTION count_rows(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ') q' INTO rows;
	RETURN rows;
END $$;
SELECT count_rows(:'both');
SET max_parallel_workers_per_gather = 0;

--
-- Partitions are attached and detached, and their indexes built concurrently
--
CREATE TABLE logs (id integer, day integer, v real[]) PARTITION BY RANGE (day);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (2);
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (2) TO (3);
INSERT INTO logs SELECT id, 1 + id % 2, v FROM source WHERE id <= 1000;
CREATE INDEX logs_v ON ONLY logs USING annoy (v);
CREATE INDEX CONCURRENTLY logs_1_v ON logs_1 USING annoy (v);
ALTER INDEX logs_v ATTACH PARTITION logs_1_v;
CREATE VIEW indexes AS
	SELECT c.relname, i.indisvalid AS valid, c.relispartition AS part, c.relkind = 'i' AND annoy_index_check(c.oid, true) IS NOT NULL AS sound
	FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE c.relname LIKE 'logs%' ORDER BY 1;
SELECT * FROM indexes;
CREATE INDEX CONCURRENTLY logs_2_v ON logs_2 USING annoy (v);
ALTER INDEX logs_v ATTACH PARTITION logs_2_v;
-- a table with an index of its own, and one without
CREATE TABLE logs_3 AS SELECT id, 3 AS day, v FROM source WHERE id BETWEEN 1001 AND 1500;
CREATE INDEX logs_3_own ON logs_3 USING annoy (v) WITH (seed = 3);
ALTER TABLE logs ATTACH PARTITION logs_3 FOR VALUES FROM (3) TO (4);
CREATE TABLE logs_4 AS SELECT id, 4 AS day, v FROM source WHERE id BETWEEN 1501 AND 2000;
ALTER TABLE logs ATTACH PARTITION logs_4 FOR VALUES FROM (4) TO (5);
SELECT * FROM indexes;
ANALYZE logs;
SELECT recall('logs', '<->', :'queries', 10) >= .95 AS found;
-- a detached one goes on with its index
ALTER TABLE logs DETACH PARTITION logs_2 CONCURRENTLY;
SELECT * FROM indexes;
SELECT recall('logs', '<->', :'queries', 10) >= .95 AS found, recall('logs_2', '<->', :'queries', 10) >= .95 AS alone;
REINDEX INDEX CONCURRENTLY logs_1_v;
DROP TABLE logs_3;
INSERT INTO logs SELECT id, 1, v FROM source WHERE id BETWEEN 2001 AND 2500;
SELECT * FROM indexes;
SELECT recall('logs', '<->', :'queries', 10) >= .95 AS found;

SET client_min_messages = warning;
DROP SCHEMA annoy_partitions CASCADE;
