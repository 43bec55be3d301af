--
-- dtype = none: an index without vectors, which reads them from the table
--
\set schema annoy_none
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
CREATE TABLE items (id integer, v real[], note text);
ALTER TABLE items SET (autovacuum_enabled = off);
INSERT INTO items SELECT i, CASE WHEN i % 100 > 0 THEN hard(i, 24) END FROM generate_series(1, 3000) i;
-- Is an index right, and does a scan of it give all rows, in order?
CREATE FUNCTION right_rows(index regclass, tab regclass, operator text DEFAULT '<->', query text DEFAULT $$'{.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5,.5}'$$, OUT checked boolean, OUT full_scan text)
LANGUAGE sql AS $$ SELECT annoy_index_check(index, true) IS NOT NULL, full_scan(tab, operator, query) $$;
-- The part of the nearest ten of some rows that LIMIT 10 finds
CREATE FUNCTION found(tab regclass, operator text DEFAULT '<->') RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	queries text[];
BEGIN
	EXECUTE format('SELECT array_agg(quote_literal(v)) FROM %s WHERE id %% 300 = 7 AND v IS NOT NULL', tab) INTO queries;
	RETURN recall(tab, operator, queries, 10);
END $$;

-- Declared
CREATE INDEX items_v ON items USING annoy (v) WITH (dtype = none);
SELECT dtype, dimensions, items, vectors, item_bytes < 50000 AS small FROM annoy_index_info('items_v');
SELECT annoy_index_params('items_v') -> 'dtype' AS params, annoy_repr('items_v') ~ 'dtype=''none''' AS repr;
SELECT right_rows('items_v', 'items');
SELECT found('items') > .9 AS found;
ALTER INDEX items_v SET (dtype = float32);
SELECT dtype FROM annoy_index_info('items_v');
REINDEX INDEX items_v;
SELECT dtype, item_bytes < 50000 AS small FROM annoy_index_info('items_v');
ALTER INDEX items_v SET (dtype = none);
REINDEX INDEX CONCURRENTLY items_v;
SELECT dtype, item_bytes < 50000 AS small FROM annoy_index_info('items_v');
SELECT right_rows('items_v', 'items');

-- What tests use to have all indexes be like this
SET annoy.default_dtype = none;
CREATE TABLE declared (v real[], b bit varying);
CREATE INDEX declared_v ON declared USING annoy (v);
CREATE INDEX declared_b ON declared USING annoy (b);
CREATE INDEX declared_16 ON declared USING annoy (v) WITH (dtype = float16);
SET annoy.default_dtype = float16;
CREATE INDEX declared_default ON declared USING annoy (v);
CREATE INDEX declared_bits ON declared USING annoy (b);
RESET annoy.default_dtype;
SELECT relname, dtype FROM pg_class, annoy_index_info(oid)
WHERE relnamespace = 'annoy_none'::regnamespace AND relkind = 'i' AND relname LIKE 'declared%' ORDER BY 1;
DROP TABLE declared;

-- Every type and metric
CREATE TABLE types (id integer, r real[], d double precision[], b bit varying);
INSERT INTO types SELECT i, vec(i, 12)::real[], vec(i, 12), bitvec(i, 40) FROM generate_series(1, 1500) i;
CREATE FUNCTION of_type(col text, opclass text, op text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TABLE one AS SELECT id, %s AS v FROM types', col);
	EXECUTE format('CREATE INDEX one_v ON one USING annoy (v %s) WITH (dtype = none)', opclass);
	SELECT full_scan || ', found ' || (found('one', op) > .9) INTO result FROM right_rows('one_v', 'one', op, query);
	DROP TABLE one;
	-- and grown from nothing
	EXECUTE format('CREATE TABLE one AS SELECT id, %s AS v FROM types WHERE false', col);
	EXECUTE format('CREATE INDEX one_v ON one USING annoy (v %s) WITH (dtype = none)', opclass);
	EXECUTE format('INSERT INTO one SELECT id, %s FROM types', col);
	SELECT result || '; grown: ' || full_scan || ', found ' || (found('one', op) > .9) INTO result FROM right_rows('one_v', 'one', op, query);
	DROP TABLE one;
	RETURN result;
END $$;
SELECT col, op, of_type(col, CASE col WHEN 'r' THEN 'real' ELSE 'double' END || opclass, op, quote_literal(vec(3, 12)))
FROM unnest(ARRAY['r', 'd']) col, (VALUES ('_l2_ops', '<->'), ('_cosine_ops', '<=>'), ('_ip_ops', '<#>'), ('_l1_ops', '<+>'), ('_hamming_ops', '<~>')) m (opclass, op)
ORDER BY col, op;
SELECT of_type('b', 'bit_hamming_ops', '<~~>', quote_literal(bitvec(3, 40)) || '::bit varying');
DROP TABLE types;

-- HOT updates, and updates that move a row, of the vector or of something else
UPDATE items SET note = 'hot' WHERE id % 3 = 0;
UPDATE items SET note = 'hot, again' WHERE id % 6 = 0;
UPDATE items SET note = repeat(md5(id::text), 40) WHERE id % 7 = 0;
UPDATE items SET v = hard(id + 10000, 24) WHERE id % 5 = 0;
SELECT right_rows('items_v', 'items');
SELECT found('items') > .9 AS found;
VACUUM items;
SELECT right_rows('items_v', 'items');
-- chains that were broken before the index was there
CREATE TABLE broken (id integer, v real[]) WITH (fillfactor = 50);
INSERT INTO broken SELECT i, hard(i, 24) FROM generate_series(1, 500) i;
UPDATE broken SET v = hard(id + 10000, 24) WHERE id % 2 = 0;
BEGIN;
UPDATE broken SET v = NULL WHERE id % 3 = 0;
ROLLBACK;
CREATE INDEX broken_v ON broken USING annoy (v) WITH (dtype = none);
SELECT right_rows('broken_v', 'broken');
INSERT INTO broken SELECT i, hard(i, 24) FROM generate_series(501, 2000) i;
SELECT right_rows('broken_v', 'broken');
DROP TABLE broken;

-- Insertions that fail, and splits of leaves that have their entries
BEGIN;
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(3001, 4000) i;
ROLLBACK;
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(3001, 5000) i;
SELECT right_rows('items_v', 'items');
-- rows that are deleted, and what their leaves are divided by is left of their codes
DELETE FROM items WHERE id % 4 > 0 AND id > 1000;
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(5001, 7000) i;
SELECT right_rows('items_v', 'items');
SELECT found('items') > .9 AS found;
VACUUM items;
SELECT right_rows('items_v', 'items'), dead_items FROM annoy_index_info('items_v');
-- a deletion of our own may be undone, after leaves were divided
BEGIN;
SAVEPOINT before;
DELETE FROM items WHERE id % 2 = 0;
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(7001, 11000) i;
SELECT count(*) FROM (SELECT FROM items WHERE v IS NOT NULL ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 100000) s;
ROLLBACK TO before;
COMMIT;
SELECT right_rows('items_v', 'items');
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(8001, 9000) i;
SELECT right_rows('items_v', 'items');
VACUUM items;
SELECT right_rows('items_v', 'items'), found('items') > .9 AS found;

-- A table that is rewritten, a column dropped and another added
VACUUM FULL items;
SELECT dtype, item_bytes < 100000 AS small FROM annoy_index_info('items_v');
SELECT right_rows('items_v', 'items');
ALTER TABLE items DROP COLUMN note, ADD COLUMN more integer DEFAULT 7;
UPDATE items SET more = 8 WHERE id % 2 = 0;
INSERT INTO items SELECT i, hard(i, 24) FROM generate_series(9001, 9500) i;
SELECT right_rows('items_v', 'items');

-- The functions
SELECT recall > .9 AS found FROM annoy_recall('items_v', 10, 50);
SELECT annoy_calibrate('items_v') >= 0 AS calibrated;
SELECT count(*) > 1000 AS graph, count(DISTINCT (item, neighbour)) = count(*) AS different FROM annoy_knn_graph('items_v', 3);
SELECT bool_and(annoy_get_item('items_v', ctid, NULL::real[]) = v AND annoy_get_distance('items_v', ctid, ctid) = 0) AS items FROM items WHERE id % 100 = 7;
SELECT annoy_prewarm('items_v', 'trees') > 10 AS trees, annoy_prewarm('items_v', 'all') > 10 AS everything;
SELECT count(*) FROM items i, LATERAL (SELECT item FROM annoy_get_nns_by_item('items_v', i.ctid, 1)) n WHERE id % 500 = 7 AND n.item = i.ctid;

-- The rows are others by and by: VACUUM makes trees anew
DELETE FROM items WHERE id > 300;
INSERT INTO items SELECT i, (SELECT array_agg(1000 + x) FROM unnest(hard(i, 24)) x) FROM generate_series(10001, 14000) i;
DELETE FROM items WHERE id <= 300;
VACUUM items;
SELECT right_rows('items_v', 'items', '<->', quote_literal(array_fill(1000.5, '{24}')));
INSERT INTO items SELECT i, (SELECT array_agg(1000 + x) FROM unnest(hard(i, 24)) x) FROM generate_series(14001, 15000) i;
SELECT right_rows('items_v', 'items', '<->', quote_literal(array_fill(1000.5, '{24}'))), found('items') > .9 AS found;
-- and when all are gone, the dimensions are forgotten
DELETE FROM items;
VACUUM items;
SELECT dtype, dimensions, items FROM annoy_index_info('items_v');
INSERT INTO items SELECT i, hard(i, 8) FROM generate_series(1, 2000) i;
SELECT dtype, dimensions, items FROM annoy_index_info('items_v');
SELECT right_rows('items_v', 'items', '<->', quote_literal(hard(5, 8)));
DROP TABLE items;

-- Long vectors, out of line or compressed, and stored in another way later on
CREATE TABLE long (id integer, v real[]);
ALTER TABLE long SET (autovacuum_enabled = off);
CREATE FUNCTION repeating(i integer) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_agg((number(i, j % 7) * 100)::integer::real ORDER BY j) FROM generate_series(1, 1100) j $$;
DO $$ BEGIN
	ALTER TABLE long ALTER COLUMN v SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
INSERT INTO long SELECT i, repeating(i) FROM generate_series(1, 150) i;
INSERT INTO long SELECT i, hard(i, 1100) FROM generate_series(151, 300) i;
SELECT count(*) FILTER (WHERE pg_column_size(v) < 2000) > 100 AS compressed, count(*) FILTER (WHERE pg_column_size(v) > 4000) > 100 AS out_of_line FROM long;
CREATE INDEX long_v ON long USING annoy (v) WITH (dtype = none);
SELECT right_rows('long_v', 'long', '<->', quote_literal(repeating(7)));
ALTER TABLE long ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO long SELECT i, repeating(i) FROM generate_series(301, 400) i;
ALTER TABLE long ALTER COLUMN v SET STORAGE MAIN;
INSERT INTO long SELECT i, repeating(i) FROM generate_series(401, 500) i;
DELETE FROM long WHERE id % 3 = 0;
INSERT INTO long SELECT i, hard(i, 1100) FROM generate_series(501, 700) i;
SELECT right_rows('long_v', 'long', '<->', quote_literal(repeating(7)));
VACUUM FULL long;
SELECT right_rows('long_v', 'long', '<->', quote_literal(repeating(7)));
DROP TABLE long;

-- Expressions, conditions, further columns
CREATE TABLE parts (id integer, a real[], b real[], kind integer);
ALTER TABLE parts SET (autovacuum_enabled = off);
INSERT INTO parts SELECT i, hard(i, 6), hard(-i, 6), i % 10 FROM generate_series(1, 2000) i;
CREATE INDEX parts_ab ON parts USING annoy ((a || b), kind) WITH (dtype = none) WHERE kind > 0;
CREATE FUNCTION near_parts(low int, high int) RETURNS TABLE (rows bigint, wrong bigint) LANGUAGE sql AS $$
	WITH near AS MATERIALIZED (SELECT id, a || b <-> (SELECT hard(5, 12)) AS d, row_number() OVER () AS n FROM
			(SELECT id, a, b FROM parts WHERE kind > 0 AND kind BETWEEN low AND high ORDER BY a || b <-> (SELECT hard(5, 12)) LIMIT 5000) s),
		exact AS MATERIALIZED (SELECT id, (a || b <-> (SELECT hard(5, 12))) + 0 AS d, row_number() OVER (ORDER BY (a || b <-> (SELECT hard(5, 12))) + 0) AS n
			FROM parts WHERE kind > 0 AND kind BETWEEN low AND high)
	SELECT count(*), count(*) FILTER (WHERE near.id IS DISTINCT FROM exact.id) FROM near FULL JOIN exact USING (n)
$$;
SELECT * FROM plan('SELECT id FROM parts WHERE kind > 0 AND kind BETWEEN 3 AND 4 ORDER BY a || b <-> (SELECT hard(5, 12)) LIMIT 5000');
SELECT near_parts(3, 4), near_parts(1, 9);
UPDATE parts SET b = hard(id + 5000, 6) WHERE id % 3 = 0;
UPDATE parts SET kind = 0 WHERE id % 7 = 0;
DELETE FROM parts WHERE id % 5 = 0;
INSERT INTO parts SELECT i, hard(i, 6), hard(-i, 6), i % 10 FROM generate_series(2001, 4000) i;
SELECT near_parts(3, 4), near_parts(1, 9), annoy_index_check('parts_ab', true);
VACUUM parts;
SELECT near_parts(3, 4), near_parts(1, 9), annoy_index_check('parts_ab', true);
SELECT recall > .8 AS found FROM annoy_recall('parts_ab', 10, 50);
-- the owner's functions are called as the owner
CREATE FUNCTION as_owner(v real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'annoy_none.parts'::regclass) THEN
		RAISE 'called as %', current_user;
	END IF;
	RETURN v;
END $$;
CREATE INDEX parts_owner ON parts USING annoy (as_owner(a)) WITH (dtype = none);
CREATE ROLE regress_annoy_none;
GRANT USAGE ON SCHEMA annoy_none TO regress_annoy_none;
GRANT SELECT ON parts TO regress_annoy_none;
GRANT EXECUTE ON FUNCTION public.annoy_index_check(regclass, boolean) TO regress_annoy_none;
SET ROLE regress_annoy_none;
SELECT recall > .8 AS found FROM annoy_recall('parts_owner', 10, 5);
SELECT annoy_index_check('parts_owner', true);
RESET ROLE;
DROP TABLE parts;
DROP OWNED BY regress_annoy_none;
DROP ROLE regress_annoy_none;

-- Temporary and unlogged tables
CREATE TEMP TABLE temporary AS SELECT i AS id, hard(i, 24) AS v FROM generate_series(1, 500) i;
CREATE INDEX temporary_v ON temporary USING annoy (v) WITH (dtype = none);
INSERT INTO temporary SELECT i, hard(i, 24) FROM generate_series(501, 1500) i;
SELECT right_rows('temporary_v', 'temporary');
CREATE UNLOGGED TABLE unlogged (id integer, v real[]);
CREATE INDEX unlogged_v ON unlogged USING annoy (v) WITH (dtype = none);
INSERT INTO unlogged SELECT i, hard(i, 24) FROM generate_series(1, 1500) i;
SELECT right_rows('unlogged_v', 'unlogged');
DROP TABLE temporary;

-- Builds by several processes give the same pages
CREATE TABLE many AS SELECT i AS id, hard(i, 24) AS v FROM generate_series(1, 6000) i;
ALTER TABLE many SET (parallel_workers = 3);
SET max_parallel_maintenance_workers = 0;
CREATE INDEX many_alone ON many USING annoy (v) WITH (dtype = none);
SET max_parallel_maintenance_workers = 3;
CREATE INDEX many_together ON many USING annoy (v) WITH (dtype = none);
SELECT pg_relation_size('many_alone') = pg_relation_size('many_together') AS same_size,
	(SELECT a.* IS NOT DISTINCT FROM t.* FROM annoy_index_info('many_alone') a, annoy_index_info('many_together') t) AS same;
SELECT annoy_index_check('many_together', true);

SET client_min_messages = warning;
DROP SCHEMA annoy_none CASCADE;
