--
-- Scans
--
\set schema annoy_scan
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;

CREATE TABLE items (id integer PRIMARY KEY, v real[], category integer);
INSERT INTO items SELECT i, vec(i, 6), i % 100 FROM generate_series(1, 5000) i;
INSERT INTO items SELECT 5000 + i, NULL, i FROM generate_series(1, 20) i;
CREATE INDEX items_v ON items USING annoy (v);
ANALYZE items;
CREATE TABLE queries AS SELECT i AS id, vec(100000 + i, 6)::real[] AS q FROM generate_series(1, 40) i;
\set q '''{0.3,1.2,-0.4,0.8,0.1,0.9}'''

-- Whatever the effort, all rows come, each once. They come in order, NULLs last;
-- but if the first round does not look at all of them, a later one may find a row
-- that is nearer than some that have been returned, and that comes behind all.
CREATE FUNCTION all_rows(OUT rows text) RETURNS SETOF text LANGUAGE sql AS
	$$ SELECT regexp_replace(full_scan('items', '<->', quote_literal(q)), '[0-9]+ late', 'some late')
		FROM queries WHERE id <= 3 $$;
SET annoy.search_k = 1;
SELECT all_rows();
SET annoy.epsilon = 0;
SELECT all_rows();
RESET annoy.epsilon;
SET annoy.search_k = 100;
SELECT all_rows();
RESET annoy.search_k;
SELECT all_rows();
SET annoy.search_k = 2147483647;
SELECT all_rows();
SET annoy.epsilon = 10;
SELECT full_scan('items', '<->', quote_literal(q)) FROM queries WHERE id <= 3;
RESET annoy.epsilon;
RESET annoy.search_k;
-- little memory
SET work_mem = '64kB';
SET annoy.search_k = 100;
SELECT all_rows();
RESET annoy.search_k;
RESET work_mem;

-- Hardly any row is late.
SELECT max(coalesce(substring(full_scan('items', '<->', quote_literal(q)), '([0-9]+) late')::integer, 0)) < 50 AS few
FROM queries WHERE id <= 10;

-- Whoever stops before the late rows sees none, whatever is done with the others.
-- PostgreSQL relies on it where it finds the order it wants: a window, groups,
-- DISTINCT ON, a merge of partitions, a merge join.
SET annoy.search_k = 100;
SELECT count(*) FILTER (WHERE d < before) AS inversions, count(*) FROM (
	SELECT d, lag(d) OVER (PARTITION BY queries.id ORDER BY n) AS before
	FROM queries, LATERAL (
		SELECT d, row_number() OVER () AS n FROM (
			SELECT v <-> q AS d FROM items JOIN generate_series(0, 60) c ON c = category
			ORDER BY 1 LIMIT 500) s) t) u;
SELECT max(times) AS groups_of_a_distance FROM (
	SELECT queries.id, d, count(*) AS times FROM queries, LATERAL (
		SELECT v <-> q AS d, count(*) FROM items WHERE category < 60 GROUP BY 1 ORDER BY 1 LIMIT 500) s
	GROUP BY 1, 2) t;
SELECT bool_and(rank = position) AS ranks FROM queries, LATERAL (
	SELECT rank() OVER (ORDER BY v <-> q) AS rank, row_number() OVER (ORDER BY v <-> q) AS position
	FROM items ORDER BY v <-> q LIMIT 1000) s;
CREATE TABLE parts (LIKE items) PARTITION BY HASH (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT * FROM items;
CREATE INDEX parts_v ON parts USING annoy (v);
ANALYZE parts;
SELECT plan('SELECT FROM parts ORDER BY v <-> ' || quote_literal(:q) || ' LIMIT 500');
SELECT count(*) FILTER (WHERE d < before) AS inversions, count(*) FROM (
	SELECT d, lag(d) OVER (PARTITION BY queries.id ORDER BY n) AS before
	FROM queries, LATERAL (
		SELECT d, row_number() OVER () AS n FROM (SELECT v <-> q AS d FROM parts ORDER BY 1 LIMIT 500) s) t) u;
DROP TABLE parts;

-- Who reads everything gets everything in order: then a scan begins with all rows.
CREATE TABLE everything AS SELECT row_number() OVER () AS n, d FROM (SELECT v <-> :q AS d FROM items ORDER BY d) s;
SELECT count(*), count(*) FILTER (WHERE d < before) AS inversions, count(*) FILTER (WHERE d IS NULL AND n <= 5000) AS early_nulls
FROM (SELECT *, lag(d) OVER (ORDER BY n) AS before FROM everything) s;
-- A LIMIT above who relies on the order does not tell how many rows it takes. If
-- that are all, late rows are left out: no group comes twice, and the end of one
-- partition does no harm before that of another.
CREATE TABLE few (id integer, v real[]);
INSERT INTO few SELECT i, ARRAY(SELECT round(x) FROM unnest(vec(i, 6)) x) FROM generate_series(1, 3000) i;
CREATE INDEX few_v ON few USING annoy (v real_l1_ops);
ANALYZE few;
SET enable_sort = off;
SET enable_hashagg = off;
SELECT plan('SELECT v <+> ''{0,1,0,1,0,1}'' AS d, count(*) FROM few GROUP BY d ORDER BY d LIMIT 100');
SELECT count(*) > 5 AS several, count(*) = count(DISTINCT d) AS once, sum(times) > 2500 AS most
FROM (SELECT v <+> '{0,1,0,1,0,1}' AS d, count(*) AS times FROM few GROUP BY d ORDER BY d LIMIT 100) s;
SELECT count(*) = count(DISTINCT d) AS once
FROM (SELECT DISTINCT ON (v <+> '{0,1,0,1,0,1}') v <+> '{0,1,0,1,0,1}' AS d FROM few ORDER BY d LIMIT 100) s;
RESET enable_hashagg;
CREATE TABLE halves (id integer, v real[]) PARTITION BY RANGE (id);
CREATE TABLE halves1 PARTITION OF halves FOR VALUES FROM (0) TO (3000);
CREATE TABLE halves2 PARTITION OF halves FOR VALUES FROM (3000) TO (6000);
INSERT INTO halves SELECT i, ARRAY(SELECT x + i / 3000 * 2 FROM unnest(vec(i, 6)) x) FROM generate_series(1, 5999) i;
CREATE INDEX halves_v ON halves USING annoy (v);
ANALYZE halves;
SELECT count(*), count(*) FILTER (WHERE d < before) AS inversions FROM (
	SELECT d, lag(d) OVER (ORDER BY n) AS before FROM (
		SELECT d, row_number() OVER () AS n FROM (SELECT v <-> :q AS d FROM halves ORDER BY d LIMIT 4500) s) t) u;
RESET enable_sort;
DROP TABLE everything, few, halves;

-- Such rows come at once if that is set: then they are out of order.
SET annoy.strict_order = off;
SET annoy.search_k = 1;
SELECT bool_and(scan ~ '^5020 rows, [0-9]+ not in order$') AS all_rows
FROM queries, full_scan('items', '<->', quote_literal(q)) scan WHERE id <= 10;
SET annoy.search_k = 100000;
SET annoy.epsilon = 10;
SELECT DISTINCT full_scan('items', '<->', quote_literal(q)) FROM queries WHERE id <= 10;
RESET annoy.search_k;
RESET annoy.epsilon;
RESET annoy.strict_order;

-- What a page behind an OFFSET has, no other has, and none is left out between
-- them, whatever their sizes.
CREATE TABLE paged (id integer, v real[]);
INSERT INTO paged SELECT i, vec(i, 12) FROM generate_series(1, 12000) i;
CREATE INDEX paged_v ON paged USING annoy (v);
CREATE FUNCTION pages(q real[], sizes integer[]) RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE
	first integer := 7;
BEGIN
	FOR i IN 1 .. array_length(sizes, 1) LOOP
		RETURN QUERY EXECUTE format('SELECT id FROM paged ORDER BY v <-> %L LIMIT %s OFFSET %s', q, sizes[i], first);
		first := first + sizes[i];
	END LOOP;
END $$;
SELECT count(*) AS rows, count(DISTINCT (query, id)) AS different,
	bool_and(n = m) AS as_one_page
FROM (SELECT queries.id AS query, p.* FROM queries,
		pages((q || q)::real[], '{3,20,20,100,7,1,400,200,1000,249}') WITH ORDINALITY p (id, n)
	WHERE queries.id <= 10) a
	FULL JOIN (SELECT queries.id AS query, p.* FROM queries,
		pages((q || q)::real[], '{2000}') WITH ORDINALITY p (id, m)
	WHERE queries.id <= 10) b USING (query, id);

-- LIMIT, OFFSET, conditions: as many rows as there are
SELECT (SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q LIMIT 0) s) AS "0",
	(SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q LIMIT 1) s) AS "1",
	(SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q LIMIT 4999) s) AS "4999",
	(SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q LIMIT 5020) s) AS "5020",
	(SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q LIMIT 10000) s) AS "10000",
	(SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q OFFSET 5015) s) AS "offset 5015"
FROM queries WHERE id = 1;
SELECT count(*), count(DISTINCT id) FROM (
	SELECT id FROM items WHERE category = 7 ORDER BY v <-> :q LIMIT 51) s;
SELECT count(*) FROM (SELECT id FROM items WHERE id = 4711 ORDER BY v <-> :q LIMIT 1) s;
SELECT id FROM items WHERE v IS NULL AND id % 5 = 0 ORDER BY v <-> :q, id;
SELECT count(*) FROM (SELECT id FROM items WHERE false ORDER BY v <-> :q LIMIT 10) s;

-- Rescans: the neighbours of each of many rows, and the same again
SELECT count(*), count(DISTINCT (queries.id, n.id)), bool_and(n.d = n.v <-> q) AS distances
FROM queries, LATERAL (SELECT id, v, v <-> q AS d FROM items ORDER BY v <-> q LIMIT 7) n;
CREATE TABLE neighbours AS
	SELECT queries.id AS query, n.id, row_number() OVER () AS n
	FROM queries, LATERAL (SELECT id FROM items ORDER BY v <-> q LIMIT 7) n;
DO $$
DECLARE
	query real[];
	found integer[];
BEGIN
	FOR i IN 1..40 LOOP
		SELECT q INTO query FROM queries WHERE id = i;
		found := ARRAY(SELECT id FROM items ORDER BY v <-> query LIMIT 7);
		IF found IS DISTINCT FROM (SELECT array_agg(id ORDER BY n) FROM neighbours n WHERE n.query = i) THEN
			RAISE NOTICE 'query %: % alone, % in a join', i, found,
				(SELECT array_agg(id ORDER BY n) FROM neighbours n WHERE n.query = i);
		END IF;
	END LOOP;
END $$;
-- nested, with a NULL among the queries, and with a scan that is read to its
-- end each time
SELECT o.id, count(i), max(i.n) FROM (SELECT id, q FROM queries WHERE id <= 3 UNION ALL SELECT 0, NULL) o,
	LATERAL (SELECT id, v FROM items ORDER BY v <-> o.q LIMIT 3) m,
	LATERAL (SELECT row_number() OVER () AS n FROM (SELECT FROM items ORDER BY v <-> m.v LIMIT 5) s) i
GROUP BY 1 ORDER BY 1;
SELECT id, (SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> q OFFSET 0) s) FROM queries WHERE id <= 3 ORDER BY 1;
SELECT id, EXISTS (SELECT FROM items WHERE category = -1 ORDER BY v <-> q OFFSET 0) FROM queries WHERE id <= 3 ORDER BY 1;

-- The query may be NULL: all rows are equally far.
SELECT full_scan('items', '<->', '(SELECT NULL::real[])');
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT NULL::double precision[]) LIMIT 10) s;

-- Each scan is counted.
BEGIN;
SELECT pg_stat_get_xact_numscans('items_v'::regclass) AS before \gset
SELECT count(*) FROM queries, LATERAL (SELECT FROM items ORDER BY v <-> q LIMIT 1) n;
SELECT pg_stat_get_xact_numscans('items_v'::regclass) - :before AS scans;
COMMIT;

--
-- Cursors
--
BEGIN;
DECLARE near CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9);
FETCH 1 FROM near;
MOVE ALL IN near;
FETCH 1 FROM near;
CLOSE near;
COMMIT;

-- in portions, which together are all rows
CREATE FUNCTION portions(query text, VARIADIC sizes integer[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	near CURSOR (q real[]) FOR SELECT id, v <-> q AS d FROM items ORDER BY v <-> q;
	ids integer[] := '{}';
	got integer;
	row record;
	n integer := 0;
BEGIN
	OPEN near(query);
	LOOP
		got := 0;
		FOR i IN 1..sizes[1 + n % array_length(sizes, 1)] LOOP
			FETCH near INTO row;
			EXIT WHEN NOT FOUND;
			got := got + 1;
			ids := ids || row.id;
		END LOOP;
		EXIT WHEN got = 0;
		n := n + 1;
		-- other scans of the same index go on meanwhile
		PERFORM id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = n) LIMIT 3;
	END LOOP;
	CLOSE near;
	RETURN format('%s rows, %s different', array_length(ids, 1), (SELECT count(DISTINCT i) FROM unnest(ids) i));
END $$;
SELECT portions('{0,0,0,0,0,0}', 1000), portions('{1,0,1,0,1,0}', 1, 400, 30), portions(NULL, 999);

-- across changes in the same transaction, which the cursor does not see
BEGIN;
DECLARE near CURSOR FOR SELECT id, v <-> '{0,0,0,0,0,0}' AS d FROM items ORDER BY v <-> '{0,0,0,0,0,0}';
CREATE TEMP TABLE fetched (id integer, d double precision);
CREATE FUNCTION pg_temp.fetch(portion integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	near refcursor := 'near';
	row record;
BEGIN
	FOR i IN 1..portion LOOP
		FETCH near INTO row;
		EXIT WHEN NOT FOUND;
		INSERT INTO fetched VALUES (row.id, row.d);
	END LOOP;
END $$;
SELECT pg_temp.fetch(100);
INSERT INTO items SELECT 10000 + i, array_fill(i / 1000.0, ARRAY[6]), 0 FROM generate_series(1, 2000) i;
SELECT pg_temp.fetch(1000);
DELETE FROM items WHERE id % 2 = 0;
SELECT pg_temp.fetch(1000);
UPDATE items SET v = '{0,0,0,0,0,0}' WHERE id % 3 = 0;
SELECT pg_temp.fetch(100000);
SELECT count(*), count(DISTINCT id), max(id), count(d) FROM fetched;
CLOSE near;
-- a new one does
SELECT count(*) AS zeroes FROM items WHERE v = '{0,0,0,0,0,0}';
SELECT count(*) FILTER (WHERE d = 0) AS zeroes, count(*)
FROM (SELECT v <-> '{0,0,0,0,0,0}' AS d FROM items ORDER BY v <-> '{0,0,0,0,0,0}') s;
ROLLBACK;
SELECT all_rows() LIMIT 1;

-- forwards and backwards
BEGIN;
DECLARE near SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9);
MOVE 20 IN near;
FETCH BACKWARD 20 FROM near \g /dev/null
FETCH FIRST FROM near;
FETCH BACKWARD 1 FROM near;
FETCH ABSOLUTE 1 FROM near;
FETCH LAST FROM near \g /dev/null
FETCH RELATIVE 1 FROM near;
ROLLBACK;
BEGIN;
DECLARE near NO SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9);
FETCH 1 FROM near;
FETCH BACKWARD 1 FROM near;
ROLLBACK;
-- beyond the end of the transaction
BEGIN;
DECLARE near CURSOR WITH HOLD FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9) LIMIT 50;
FETCH 1 FROM near;
COMMIT;
MOVE 48 IN near;
MOVE ALL IN near;
CLOSE near;
-- an error in the middle, and what comes after it
BEGIN;
DECLARE near CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9);
FETCH 1 FROM near;
SAVEPOINT one;
SELECT id FROM items ORDER BY v <-> '{1,2}' LIMIT 1;
ROLLBACK TO one;
FETCH 1 FROM near \g /dev/null
MOVE ALL IN near;
COMMIT;
-- rows may be changed where the cursor is
BEGIN;
DECLARE near CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 9) FOR UPDATE;
FETCH 1 FROM near;
UPDATE items SET category = -1 WHERE CURRENT OF near;
SELECT id FROM items WHERE category = -1;
MOVE ALL IN near;
ROLLBACK;

--
-- Prepared statements
--
SET plan_cache_mode = force_generic_plan;
PREPARE by_real (real[], integer) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
PREPARE by_double (double precision[], integer) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
PREPARE by_unknown AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 3;
SELECT plan('EXECUTE by_real (NULL, 3)');
SELECT plan('EXECUTE by_double (NULL, 3)');
SELECT plan('EXECUTE by_unknown (NULL)');
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'by_unknown';
SELECT v::text AS v4711 FROM items WHERE id = 4711 \gset
EXECUTE by_real (:'v4711', 1);
EXECUTE by_double (:'v4711', 1);
EXECUTE by_unknown (:'v4711') \g /dev/null
EXECUTE by_real (NULL, 0);
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'by_real';
-- another query, another limit, a query that fails, and one that does not
SELECT v::text AS v42 FROM items WHERE id = 42 \gset
EXECUTE by_real (:'v42', 1);
EXECUTE by_double (:'v42', 1);
EXECUTE by_real ('{1,2}', 1);
EXECUTE by_double ('{1,2,3,4,5,NaN}', 1);
EXECUTE by_real (:'v42', 1);
EXECUTE by_double (:'v42', 1);
-- the index goes away, and another one comes
BEGIN;
DROP INDEX items_v;
EXECUTE by_real (:'v42', 1);
CREATE INDEX items_v2 ON items USING annoy (v) WITH (n_trees = 2);
EXECUTE by_real (:'v42', 1);
SELECT plan('EXECUTE by_double (NULL, 3)');
ROLLBACK;
EXECUTE by_double (:'v42', 1);
DEALLOCATE ALL;
RESET plan_cache_mode;

-- Several indexes on one column, and several columns
CREATE TABLE several (id integer, v real[], w double precision[]);
INSERT INTO several SELECT i, vec(i, 4), vec(1000 + i, 3) FROM generate_series(1, 600) i;
CREATE INDEX several_l2 ON several USING annoy (v);
CREATE INDEX several_cosine ON several USING annoy (v real_cosine_ops);
CREATE INDEX several_ip ON several USING annoy (v real_ip_ops) WITH (n_trees = 2);
CREATE INDEX several_w ON several USING annoy (w);
SELECT plan('SELECT id FROM several ORDER BY v <-> ''{1,2,3,4}'' LIMIT 5');
SELECT plan('SELECT id FROM several ORDER BY v <=> ''{1,2,3,4}'' LIMIT 5');
SELECT plan('SELECT id FROM several ORDER BY v <#> ''{1,2,3,4}'' LIMIT 5');
SELECT plan('SELECT id FROM several ORDER BY w <-> ''{1,2,3}'' LIMIT 5');
SELECT a.id = b.id AS same, count(*) FROM several s,
	LATERAL (SELECT id FROM several ORDER BY v <-> s.v LIMIT 1) a,
	LATERAL (SELECT id FROM several ORDER BY w <-> s.w LIMIT 1) b
GROUP BY 1;

SET client_min_messages = warning;
DROP SCHEMA annoy_scan CASCADE;
