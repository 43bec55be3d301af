--
-- annoy_index_info()
--
\set schema annoy_info
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
\set dims 64
\i `echo "$PG_ABS_SRCDIR"/test/regress/every_class.sql`

SELECT c.relname, metric, type, dimensions, dtype, n_trees, height, items, dead_items,
	leaf_pages >= n_trees * 2 AS leaves, inner_pages = n_trees AS inner, leaf_fill > 0.2 AND leaf_fill <= 1 AS fill, format_version
FROM pg_class c JOIN pg_am a ON a.oid = relam, annoy_index_info(c.oid)
WHERE amname = 'annoy' AND relnamespace = 'annoy_info'::regnamespace ORDER BY 1;
SELECT p.proargnames[2:], array_agg(t::regtype ORDER BY n) AS types
FROM pg_proc p, unnest(proallargtypes[2:]) WITH ORDINALITY u (t, n)
WHERE oid = 'annoy_index_info'::regproc GROUP BY 1;

-- Items and trees take the whole index, but for a few pages; items take little
-- more than their vectors.
SELECT c.relname,
	(pg_relation_size(c.oid) - item_bytes - tree_bytes) / current_setting('block_size')::integer BETWEEN 1 AND 2 AS rest,
	tree_bytes = (leaf_pages + inner_pages) * current_setting('block_size')::integer AS trees,
	item_bytes::numeric / 1500
		< 1.15 * CASE dtype WHEN 'float64' THEN 512 WHEN 'float32' THEN 256 ELSE 8 END
			+ CASE WHEN dtype = 'bit' THEN 20 ELSE 8 END AS items
FROM pg_class c JOIN pg_am a ON a.oid = relam, annoy_index_info(c.oid)
WHERE amname = 'annoy' AND relnamespace = 'annoy_info'::regnamespace ORDER BY 1;
-- bytes of an item in relation to those of its vector, for dimensions that do
-- not divide a page well, too
CREATE FUNCTION bloat(dims integer) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	nrows integer := greatest(150000 / dims, 200);
	result numeric;
BEGIN
	CREATE TEMP TABLE sized AS SELECT array_fill(i::real, ARRAY[dims]) AS v FROM generate_series(1, nrows) i;
	CREATE INDEX sized_v ON sized USING annoy (v);
	SELECT item_bytes / (4.0 * dims * nrows) INTO result FROM annoy_index_info('sized_v');
	DROP TABLE sized;
	RETURN result;
END $$;
SELECT dims, bloat(dims) <= 1.2 AS small
FROM unnest(ARRAY[64, 128, 300, 384, 700, 768, 949, 1000, 1024, 1200, 1536, 2000, 2041, 3072, 4000, 8192]) dims;

-- Who may ask: whoever may read the table
CREATE ROLE regress_annoy_reader;
GRANT USAGE ON SCHEMA annoy_info TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT items FROM annoy_index_info('v_l2');
RESET ROLE;
GRANT SELECT (id) ON items TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT items FROM annoy_index_info('v_l2');
RESET ROLE;
GRANT SELECT ON items TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT items FROM annoy_index_info('v_l2');
RESET ROLE;
REVOKE ALL ON items FROM regress_annoy_reader;
REVOKE ALL ON SCHEMA annoy_info FROM regress_annoy_reader;
DROP ROLE regress_annoy_reader;

-- What is not an annoy index
CREATE VIEW a_view AS SELECT 1;
CREATE TABLE partitioned (id integer, v real[]) PARTITION BY LIST (id);
CREATE INDEX partitioned_v ON partitioned USING annoy (v);
SELECT failure('SELECT * FROM annoy_index_info(4294967295::oid)');
SELECT relation, failure(format('SELECT * FROM annoy_index_info(%L)', relation))
FROM unnest(ARRAY['items', 'items_pkey', 'a_view', 'partitioned', 'partitioned_v', 'pg_class_oid_index', 'pg_class', 'nowhere']) relation;
SELECT annoy_index_info(NULL);

-- What the last scan did: one round for LIMIT 10, several and a walk over all
-- items for everything, and nothing but the walk for a NULL query
SET enable_seqscan = off;
CREATE FUNCTION last_scan(query text) RETURNS record LANGUAGE plpgsql AS $$
DECLARE
	s record;
BEGIN
	EXECUTE query;
	SELECT rounds > 0, rounds > 1, inner_nodes > 0, leaves > 0, entries >= items, items >= rows,
		rows, drained, pages > inner_nodes + leaves, pages_read <= pages,
		routing > 0 AND scanning > 0 AND reranking > 0 INTO s FROM annoy_last_scan();
	RETURN s;
END $$;
SELECT last_scan('SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 10');
SELECT last_scan('SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7)');
SELECT last_scan('SELECT id FROM items ORDER BY v <-> (SELECT NULL::real[]) LIMIT 3');

-- Why it scanned no more leaves: what is left is too far away, if the curve decides;
-- else as much was scanned as was to be
CREATE FUNCTION ended(query text, OUT ended text[]) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SELECT s.ended INTO ended FROM annoy_last_scan() s;
END $$;
CREATE TABLE many AS SELECT i AS id, vec(i, 16) AS v FROM generate_series(1, 20000) i;
CREATE INDEX many_v ON many USING annoy (v);
SELECT ended('SELECT id FROM many ORDER BY v <-> vec(5, 16) LIMIT 10');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM many ORDER BY v <-> vec(5, 16);
MOVE 200 FROM c;
CLOSE c;
SELECT rounds > 1 AS several, array_length(ended, 1) = rounds AS each, ended <@ '{effort,distance,everything}' AS known FROM annoy_last_scan();
COMMIT;
SET annoy.search_k = 1000;
SELECT ended('SELECT id FROM many ORDER BY v <-> vec(5, 16) LIMIT 10');
SET annoy.search_k = 100000;
SELECT ended('SELECT id FROM many ORDER BY v <-> vec(5, 16) LIMIT 10');
RESET annoy.search_k;
SELECT ended('SELECT id FROM many ORDER BY v <-> (SELECT NULL::real[]) LIMIT 10') IS NULL AS no_round;
DROP TABLE many;

-- A leaf full of copies counts as one entry.  So more leaves have to be ranked than it
-- takes otherwise; none is visited twice in a round.
CREATE TABLE copies AS SELECT i AS id, vec(greatest(i, 10000), 16) AS v FROM generate_series(1, 15000) i;
CREATE INDEX copies_v ON copies USING annoy (v) WITH (n_entries = 1);
SET annoy.search_k = 1000;
CREATE FUNCTION visited(query text, OUT visited record) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SELECT s.ended <@ '{effort}', s.entries / s.rounds BETWEEN 10000 AND 12000
	INTO visited FROM annoy_last_scan() s;
END $$;
SELECT visited('SELECT id FROM copies ORDER BY v <-> vec(10000, 16) LIMIT 10');
RESET annoy.search_k;
DROP TABLE copies;

-- Exact distances are computed only of rows that meet the conditions on columns
-- of the index, in a search through the trees and in a walk over all rows
CREATE TABLE kinds AS SELECT i AS id, vec(i, 16) AS v, i / 20 % 4 AS kind, i % 1000 AS rare FROM generate_series(1, 20000) i;
CREATE INDEX kinds_v ON kinds USING annoy (v, kind, rare);
ANALYZE kinds;
CREATE FUNCTION distances(query text, OUT items bigint, OUT drained boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SELECT s.items, s.drained INTO items, drained FROM annoy_last_scan() s;
END $$;
SET annoy.search_k = 500;
SELECT items BETWEEN 50 AND 150 AS fewer_than_tested, drained
FROM distances('SELECT id FROM kinds WHERE kind = 1 ORDER BY v <-> vec(5, 16) LIMIT 50');
SELECT * FROM distances('SELECT id FROM kinds WHERE rare = 1 ORDER BY v <-> vec(5, 16) LIMIT 50');
RESET annoy.search_k;

-- A search takes more effort if the executor has conditions of its own, wherever
-- the plan has it: those that return everything show it best
CREATE FUNCTION entries(query text, OUT entries bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SELECT s.entries INTO entries FROM annoy_last_scan() s;
END $$;
CREATE FUNCTION nearest(q real[]) RETURNS SETOF integer LANGUAGE sql AS
	'SELECT id FROM kinds WHERE id > 0 ORDER BY v <-> q LIMIT 50';
WITH without AS MATERIALIZED (
	SELECT entries('SELECT id FROM kinds ORDER BY v <-> vec(5, 16) LIMIT 50'))
SELECT entries(query) > 1.3 * without.entries AS more, query FROM without, unnest(ARRAY[
	'SELECT id FROM kinds ORDER BY v <-> vec(5, 16) LIMIT 50',
	'SELECT id FROM kinds WHERE id > 0 ORDER BY v <-> vec(5, 16) LIMIT 50',
	'SELECT ARRAY(SELECT id FROM kinds WHERE id > 0 ORDER BY v <-> vec(5, 16) LIMIT 50)',
	'SELECT n.* FROM (VALUES (5)) q(i), LATERAL (SELECT id FROM kinds WHERE id > i - 5 ORDER BY v <-> vec(i, 16) LIMIT 50) n',
	'WITH n AS MATERIALIZED (SELECT id FROM kinds WHERE id > 0 ORDER BY v <-> vec(5, 16) LIMIT 50) SELECT sum(id) FROM n',
	'SELECT nearest(vec(5, 16)::real[])',
	'CREATE TEMP TABLE made AS SELECT id FROM kinds WHERE id > 0 ORDER BY v <-> vec(5, 16) LIMIT 50']) AS query;

-- One round is enough where a LIMIT tells how many rows are wanted
CREATE FUNCTION rounds(query text, OUT rounds bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SELECT s.rounds INTO rounds FROM annoy_last_scan() s;
END $$;
SELECT rounds(query), query FROM unnest(ARRAY[
	'SELECT id FROM kinds ORDER BY v <-> vec(5, 16) LIMIT 100',
	'SELECT id FROM kinds ORDER BY v <-> vec(5, 16) LIMIT 60 OFFSET 40',
	'SELECT id FROM kinds ORDER BY v <-> vec(5, 16) LIMIT 100 FOR UPDATE',
	'SELECT id + 1 FROM (SELECT id, random() FROM kinds ORDER BY v <-> vec(5, 16) OFFSET 0) n LIMIT 100',
	'SELECT n.* FROM (VALUES (5), (100)) q(i), LATERAL (SELECT id FROM kinds ORDER BY v <-> vec(i, 16) LIMIT i) n',
	'SELECT id FROM kinds WHERE id % 1000 >= 0 ORDER BY v <-> vec(5, 16) LIMIT 100',
	'SELECT id FROM (SELECT id, random() AS r FROM kinds ORDER BY v <-> vec(5, 16) OFFSET 0) n WHERE r >= 0 LIMIT 100'
	]) AS query;
DROP TABLE kinds;
RESET enable_seqscan;

-- All indexes at once, as a monitoring query would
SELECT count(*), sum(items), bool_and(i IS NOT NULL)
FROM pg_class c JOIN pg_am a ON a.oid = relam, LATERAL annoy_index_info(c.oid) i
WHERE amname = 'annoy' AND relkind = 'i' AND relnamespace = 'annoy_info'::regnamespace;

-- Operator classes validate, and order by distance.
SELECT count(*), bool_and(amvalidate(c.oid)) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'annoy' AND opcnamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'annoy');
SELECT bool_and(pg_index_column_has_property(c.oid, 1, 'distance_orderable')) AS distance_orderable
FROM pg_class c JOIN pg_am a ON a.oid = relam
WHERE amname = 'annoy' AND relnamespace = 'annoy_info'::regnamespace AND relkind = 'i';

SET client_min_messages = warning;
DROP SCHEMA annoy_info CASCADE;
