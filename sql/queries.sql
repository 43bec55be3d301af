--
-- Queries of all kinds: with an index they return what they do without
--
\set schema annoy_queries
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- versions differ in what they take for cheaper
SET enable_hashagg = off;
CREATE TABLE items (id integer PRIMARY KEY, v real[], category integer, owner text, note text);
-- each vector three times, and some rows without one
INSERT INTO items SELECT i, vec(i / 3, 8), i % 50, 'role' || i % 7, 'x' FROM generate_series(1, 3000) i;
INSERT INTO items SELECT i, NULL, i % 50, 'role0', 'x' FROM generate_series(3001, 3010) i;
CREATE INDEX items_v ON items USING annoy (v);
CREATE TABLE more (id integer, v real[]);
INSERT INTO more SELECT i, vec(i, 8) FROM generate_series(10001, 12000) i;
CREATE INDEX more_v ON more USING annoy (v);
CREATE TABLE parts (id integer, v real[]) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (20000);
INSERT INTO parts SELECT id, v FROM items UNION ALL SELECT id, v FROM more;
CREATE INDEX parts_v ON parts USING annoy (v);
CREATE TABLE questions AS SELECT i AS id, vec(-i, 8)::real[] AS q FROM generate_series(1, 5) i;
CREATE TABLE categories AS SELECT i AS category, 'c' || i AS name FROM generate_series(0, 49) i;
ANALYZE;
SELECT vec(-1, 8)::text AS q \gset

-- Run a query with an index, where one can be used, and without: the same rows in
-- the same order.  To be compared, the answer has to be exact.
CREATE FUNCTION with_and_without(query text, OUT plan text, OUT result text) LANGUAGE plpgsql
SET annoy.search_k = 1000000 SET annoy.epsilon = 10 SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	expected text[];
	found text[];
	line text;
	lines text[] := '{}';
BEGIN
	query := replace(query, ':q', (SELECT quote_literal(q) FROM questions WHERE id = 1));
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		lines := lines || substring(line, 'Index Scan using \w*_v\w* on \w+|Merge Append|Merge Join|Unique$|GroupAggregate|WindowAgg');
	END LOOP;
	plan := array_to_string(lines, ', ');
	EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO found;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO expected;
	SET LOCAL enable_indexscan = on;
	result := CASE WHEN found = expected THEN format('%s rows', array_length(found, 1)) ELSE format('%s instead of %s', found, expected) END;
END $$;

SELECT query, w.* FROM unnest(ARRAY[
	-- limits
	'SELECT v <-> :q AS d FROM items ORDER BY d LIMIT 10',
	'SELECT v <-> :q AS d FROM items ORDER BY d OFFSET 5 FETCH FIRST 10 ROWS ONLY',
	'SELECT v <-> :q AS d FROM items ORDER BY d FETCH FIRST 10 ROWS WITH TIES',
	'SELECT v <-> :q AS d FROM items ORDER BY d LIMIT (SELECT 7)',
	'SELECT id, d FROM (SELECT id, v <-> :q AS d FROM more ORDER BY d LIMIT 20) s WHERE d < 2.5 ORDER BY id',
	'SELECT id FROM more WHERE id IN (SELECT id FROM more ORDER BY v <-> :q LIMIT 5) ORDER BY id',
	'SELECT ARRAY(SELECT id FROM more ORDER BY v <-> :q LIMIT 5) AS ids',
	'SELECT min(v <-> :q) FROM items',
	'SELECT max(d) FROM (SELECT v <-> :q AS d FROM items ORDER BY d LIMIT 10) s',
	'WITH near AS (SELECT id, v <-> :q AS d FROM more ORDER BY d LIMIT 10) SELECT a.id, b.d FROM near a JOIN near b USING (id) ORDER BY d',
	-- the nearest of each
	'SELECT q.id, n.* FROM questions q, LATERAL (SELECT id, v <-> q.q AS d FROM more ORDER BY d LIMIT 4) n ORDER BY q.id, d',
	'SELECT q.id, n.* FROM questions q LEFT JOIN LATERAL (SELECT id FROM more WHERE id = q.id ORDER BY v <-> q.q LIMIT 4) n ON true ORDER BY q.id',
	'SELECT id, (SELECT m.id FROM more m ORDER BY m.v <-> q.q LIMIT 1) FROM questions q ORDER BY q.id',
	'SELECT q.id, count(*) FROM questions q, LATERAL (SELECT FROM parts ORDER BY v <-> q.q LIMIT q.id) n GROUP BY q.id ORDER BY q.id',
	-- of several tables
	'SELECT * FROM (SELECT id, v <-> :q AS d FROM more UNION ALL SELECT id, v <-> :q FROM more WHERE id < 11000) s ORDER BY d LIMIT 10',
	'SELECT d FROM (SELECT v <-> :q AS d FROM more UNION ALL SELECT v <-> :q FROM items) s ORDER BY d LIMIT 10',
	'(SELECT id FROM more ORDER BY v <-> :q LIMIT 3) UNION ALL (SELECT id FROM more ORDER BY v <-> ARRAY[0,0,0,0,0,0,0,0] LIMIT 3)',
	'SELECT v <-> :q AS d FROM parts ORDER BY d LIMIT 10',
	'SELECT v <-> :q AS d FROM parts WHERE id < 900 ORDER BY d LIMIT 10',
	'SELECT v <-> :q AS d FROM parts ORDER BY d LIMIT 10 OFFSET 100',
	-- windows
	'SELECT id, row_number() OVER (ORDER BY v <-> :q) FROM more LIMIT 10',
	'SELECT rank() OVER (ORDER BY v <-> :q), dense_rank() OVER (ORDER BY v <-> :q) FROM items LIMIT 10',
	'SELECT v <-> :q AS d, lag(v <-> :q) OVER (ORDER BY v <-> :q) FROM items ORDER BY 1 LIMIT 10',
	-- joins
	'SELECT name, m.id FROM more m JOIN categories ON category = m.id % 50 ORDER BY v <-> :q LIMIT 10',
	'SELECT m.id FROM more m LEFT JOIN categories ON category = m.id ORDER BY v <-> :q LIMIT 10',
	'SELECT m.id FROM more m WHERE EXISTS (SELECT FROM categories WHERE category = m.id % 100) ORDER BY v <-> :q LIMIT 10',
	'SELECT m.id FROM more m WHERE NOT EXISTS (SELECT FROM categories WHERE category = m.id % 100) ORDER BY v <-> :q LIMIT 10']) WITH ORDINALITY u (query, n),
	with_and_without(query) w ORDER BY n;

-- Other keys behind the distance: from version 17 on the index gives the order of
-- the first, and rows of the same distance are sorted by the others.
SET enable_sort = off;
SELECT query, plan = CASE WHEN current_setting('server_version_num')::int >= 170000
		THEN 'Index Scan using items_v on items' ELSE '' END AS "index from 17", result
FROM unnest(ARRAY[
	'SELECT id FROM items ORDER BY v <-> :q, id LIMIT 10',
	'SELECT id FROM items ORDER BY v <-> :q, id DESC OFFSET 100 LIMIT 100',
	'SELECT id FROM items ORDER BY v <-> :q, v <=> :q, id LIMIT 10']) WITH ORDINALITY u (query, n),
	with_and_without(query) w ORDER BY n;
-- Not by the index, whatever is switched off: its order is that of one distance,
-- ascending, with NULLs last.
SELECT query, w.* FROM unnest(ARRAY[
	'SELECT id FROM items ORDER BY v <=> :q, id LIMIT 10',
	'SELECT v <-> :q FROM items WHERE v IS NOT NULL ORDER BY v <-> :q DESC LIMIT 10',
	'SELECT v <-> :q FROM items ORDER BY v <-> :q NULLS FIRST LIMIT 12',
	'SELECT v <-> :q FROM items ORDER BY 2 * (v <-> :q) LIMIT 10',
	'SELECT v <-> :q FROM items ORDER BY annoy_l2_distance(v, :q::real[]) LIMIT 10',
	'SELECT v <-> :q FROM items ORDER BY -(v <-> :q) DESC LIMIT 10']) WITH ORDINALITY u (query, n),
	with_and_without(query) w ORDER BY n;
-- What relies on the order: grouping, and merging
SET enable_hashagg = off;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT query, w.* FROM unnest(ARRAY[
	'SELECT DISTINCT v <-> :q AS d FROM items ORDER BY d LIMIT 10',
	'SELECT v <-> :q AS d, count(*) FROM items GROUP BY d ORDER BY d LIMIT 10',
	'SELECT DISTINCT ON (v <-> :q) v <-> :q AS d, v FROM items ORDER BY v <-> :q LIMIT 10',
	'SELECT m.id, x.d FROM more m JOIN (SELECT v <-> :q AS d FROM more WHERE id % 5 = 0) x ON x.d = m.v <-> :q ORDER BY m.v <-> :q LIMIT 10']) WITH ORDINALITY u (query, n),
	with_and_without(query) w ORDER BY n;
RESET enable_sort;
RESET enable_hashagg;
RESET enable_hashjoin;
RESET enable_nestloop;

-- A search that goes on finds some rows late, and keeps them for the end.  If they
-- come at once, who sorts by the distance again gets them as they come; by an
-- expression, in order.
CREATE FUNCTION late(expression text) RETURNS bigint LANGUAGE plpgsql SET annoy.search_k = 1 SET enable_seqscan = off AS $$
DECLARE
	late bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT d, lag(d) OVER () AS before
		FROM (SELECT d FROM (SELECT id, v <-> %L AS d FROM more ORDER BY d LIMIT 200) s ORDER BY %s) t) u WHERE d < before',
		vec(20000, 8), expression) INTO late;
	RETURN late;
END $$;
SELECT late('d') AS d, late('d, id') AS d_id, late('d + 0') AS "d + 0", late('d + 0, id') AS "d + 0, id";
SET annoy.strict_order = off;
SELECT late('d') > 0 AS d, late('d, id') > 0 AS d_id, late('d + 0') AS "d + 0", late('d + 0, id') AS "d + 0, id";
RESET annoy.strict_order;
DROP FUNCTION late;
-- Without index scans: a sort
SET enable_indexscan = off;
SELECT plan(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 5', :'q'));
RESET enable_indexscan;

-- What EXPLAIN says: how often the index was searched, from version 18 on, which
-- counts rows with two decimals
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		line := regexp_replace(line, '\{[^}]*\}', '{...}', 'g');
		line := replace(line, '.00 loops', ' loops');
		EXIT WHEN line ~ 'Planning';
		RETURN NEXT regexp_replace(line, '[1-9][0-9]*( read=[0-9]+)?$', 'N');
	END LOOP;
END $$;
SELECT explained FROM explained(format('SELECT id FROM more ORDER BY v <-> %L LIMIT 7', :'q')) WHERE explained !~ 'Searches';
SET enable_seqscan = off;
SELECT explained FROM explained(format('SELECT id FROM more WHERE id %% 2 = 0 ORDER BY v <-> %L LIMIT 7', :'q'))
WHERE explained !~ 'Searches';
SELECT count(*) = CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 1 ELSE 0 END AS "searches from 18"
FROM explained(format('SELECT id FROM more ORDER BY v <-> %L LIMIT 7', :'q')) WHERE explained ~ 'Index Searches: N';

-- Generic plans, over partitions and in joins; parameters of other types
SET plan_cache_mode = force_generic_plan;
PREPARE of_parts (real[], integer) AS SELECT v <-> $1 AS d FROM parts ORDER BY d LIMIT $2;
PREPARE of_doubles (double precision[]) AS SELECT id FROM more ORDER BY v <-> $1 LIMIT 3;
PREPARE of_unknown AS SELECT id FROM more ORDER BY v <-> $1 LIMIT 3;
PREPARE of_each (integer) AS SELECT q.id, n.id FROM questions q, LATERAL (SELECT id FROM more ORDER BY v <-> q.q LIMIT $1) n ORDER BY q.id LIMIT 4;
SELECT plan('EXECUTE of_parts (NULL, 3)');
SELECT plan('EXECUTE of_each (2)');
CREATE FUNCTION executed(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	row text;
	rows text[] := '{}';
BEGIN
	FOR row IN EXECUTE 'EXECUTE ' || statement LOOP
		rows := rows || row;
	END LOOP;
	RETURN array_to_string(rows, ' ');
END $$;
SELECT executed(format('of_parts (%L, 3)', q)) = (SELECT string_agg(d::text, ' ' ORDER BY d) FROM (SELECT v <-> q AS d FROM parts ORDER BY d LIMIT 3) s) AS parts,
	executed(format('of_doubles (%L)', q)) = executed(format('of_unknown (%L)', q)) AS types FROM questions;
SELECT count(*) FROM questions, LATERAL (SELECT id FROM more ORDER BY v <-> q::double precision[] LIMIT 3) a
	JOIN LATERAL (SELECT id FROM more ORDER BY v <-> q LIMIT 3) b USING (id);
DEALLOCATE ALL;
RESET plan_cache_mode;

--
-- Row-level security: as many rows as the policy lets one see, by an index
--
CREATE ROLE regress_annoy_role3;
GRANT USAGE ON SCHEMA annoy_queries TO regress_annoy_role3;
GRANT SELECT, UPDATE ON items TO regress_annoy_role3;
UPDATE items SET owner = 'regress_annoy_role3' WHERE owner = 'role3' AND category < 10;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON items USING (owner = current_user);
SET ROLE regress_annoy_role3;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> :'q' LIMIT 10;
SELECT count(*), count(DISTINCT id), bool_and(owner = current_user) FROM (SELECT * FROM items ORDER BY v <-> :'q' LIMIT 10) s;
SELECT count(*) = (SELECT count(*) FROM items) AS all FROM (SELECT FROM items ORDER BY v <-> :'q' LIMIT 10000) s;
SELECT count(*) FROM (SELECT FROM items WHERE category = 3 ORDER BY v <-> :'q' LIMIT 5) s;
RESET ROLE;
-- with the column of the policy in the index; current_user has another collation
DROP INDEX items_v;
CREATE INDEX items_v ON items USING annoy (v, owner);
ALTER POLICY own ON items USING (owner = current_user::text COLLATE "default");
SET ROLE regress_annoy_role3;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> :'q' LIMIT 10;
SELECT count(*), count(DISTINCT id), bool_and(owner = current_user) FROM (SELECT * FROM items ORDER BY v <-> :'q' LIMIT 10) s;
SELECT count(*) = (SELECT count(*) FROM items) AS all FROM (SELECT FROM items ORDER BY v <-> :'q' LIMIT 10000) s;
RESET enable_seqscan;
RESET ROLE;
REVOKE ALL ON items FROM regress_annoy_role3;
REVOKE ALL ON SCHEMA annoy_queries FROM regress_annoy_role3;
DROP POLICY own ON items;
DROP ROLE regress_annoy_role3;

SET client_min_messages = warning;
DROP SCHEMA annoy_queries CASCADE;
