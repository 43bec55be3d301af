--
-- NULL vectors: in the index, and last in its order
--
\set schema annoy_nulls
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET enable_sort = off;

-- in a column of each type, few and many, built and inserted
CREATE FUNCTION with_nulls(type text, query text, nulls text, built boolean,
	OUT dimensions integer, OUT items bigint, OUT scan text, OUT null_query text) LANGUAGE plpgsql AS $$
DECLARE
	rows text := CASE WHEN type LIKE 'bit%' THEN 'bitvec' ELSE 'vec' END;
	operator text := CASE WHEN type LIKE 'bit%' THEN '<~~>' ELSE '<->' END;
BEGIN
	DROP TABLE IF EXISTS items;
	EXECUTE format('CREATE TABLE items (id integer, v %s)', type);
	IF NOT built THEN
		CREATE INDEX items_v ON items USING annoy (v);
	END IF;
	EXECUTE format('INSERT INTO items SELECT i, CASE WHEN NOT (%s) THEN %s(i, 5) END FROM generate_series(1, 600) i',
		nulls, rows);
	IF built THEN
		CREATE INDEX items_v ON items USING annoy (v);
	END IF;
	SELECT i.dimensions, i.items INTO with_nulls.dimensions, with_nulls.items FROM annoy_index_info('items_v') i;
	scan := full_scan('items', operator, query);
	null_query := full_scan('items', operator, format('(SELECT NULL::%s)', type));
END $$;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SET client_min_messages = warning;
SELECT type, nulls, built, w.*
FROM (VALUES (1, 'real[]', '''{1,0,1,0,1}'''), (2, 'bit varying', 'B''10101''')) t (t, type, query),
	(VALUES (1, 'false'), (2, 'i = 1'), (3, 'i = 600'), (4, 'i % 2 = 0'), (5, 'i > 3'), (6, 'i <> 500'), (7, 'true')) n (n, nulls),
	(VALUES (true), (false)) b (built),
	with_nulls(type, query, nulls, built) w
ORDER BY t, n, built;
RESET client_min_messages;

-- With the smallest effort NULLs come behind what is in order, all of them, and
-- in front of what is late; and last if such rows come at once.
CREATE TABLE mixed (id integer, v real[]);
CREATE INDEX mixed_v ON mixed USING annoy (v);
INSERT INTO mixed SELECT i, CASE WHEN i % 4 > 0 THEN vec(i, 5) END FROM generate_series(1, 2000) i;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''');
SET annoy.search_k = 1;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''') ~ '^2000 rows, in order, [0-9]+ late$' AS complete;
SET annoy.strict_order = off;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''') ~ '^2000 rows, [0-9]+ not in order$' AS complete;
RESET annoy.strict_order;
RESET annoy.search_k;
RESET annoy.epsilon;

-- LIMIT that ends among them
SELECT count(*), count(v) FROM (SELECT v FROM mixed ORDER BY v <-> '{1,0,1,0,1}' LIMIT 1500) s;
SELECT count(*), count(v) FROM (SELECT v FROM mixed ORDER BY v <-> '{1,0,1,0,1}' LIMIT 1501) s;
SELECT count(*), count(v) FROM (SELECT v FROM mixed ORDER BY v <-> '{1,0,1,0,1}' OFFSET 1400 LIMIT 200) s;
SELECT count(*) FROM (SELECT v FROM mixed WHERE v IS NULL ORDER BY v <-> '{1,0,1,0,1}' LIMIT 10) s;
SELECT count(*) FROM (SELECT v FROM mixed WHERE v IS NOT NULL ORDER BY v <-> '{1,0,1,0,1}' LIMIT 5000) s;

-- A NULL query that is a constant is the planner's business, any other is the
-- index's.
SELECT count(*) FROM (SELECT id FROM mixed ORDER BY v <-> NULL::real[]) s;
SELECT count(*) FROM (SELECT id FROM mixed ORDER BY v <-> NULL::double precision[] LIMIT 7) s;
PREPARE by_null (real[]) AS SELECT count(*) FROM (SELECT id FROM mixed ORDER BY v <-> $1 LIMIT 1999) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_null (NULL);
EXECUTE by_null ('{1,0,1,0,1}');
EXECUTE by_null (NULL);
RESET plan_cache_mode;
DEALLOCATE by_null;

-- NULL becomes a vector, and a vector NULL
UPDATE mixed SET v = '{9,9,9,9,9}' WHERE v IS NULL AND id <= 40;
UPDATE mixed SET v = NULL WHERE id IN (1, 2, 3);
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT count(*) FROM (SELECT v FROM mixed ORDER BY v <-> '{9,9,9,9,9}' LIMIT 10) s WHERE v = '{9,9,9,9,9}';
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''');
SELECT count(*), count(v) FROM (SELECT v FROM mixed ORDER BY v <-> '{1,0,1,0,1}') s;
-- many, over several pages, and then none
INSERT INTO mixed SELECT 2000 + i, NULL FROM generate_series(1, 5000) i;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''');
DELETE FROM mixed WHERE v IS NULL;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''');
REINDEX TABLE mixed;
SELECT full_scan('mixed', '<->', '''{1,0,1,0,1}''');

SET client_min_messages = warning;
DROP SCHEMA annoy_nulls CASCADE;
