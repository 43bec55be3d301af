--
-- Annoy's methods as functions
--
\set schema annoy_functions
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

\set dims 32
\i `echo "$PG_ABS_SRCDIR"/test/regress/every_class.sql`

--
-- Names of metrics
--
SELECT name, annoy_metric(name)
FROM unnest(ARRAY['angular', 'cosine', 'euclidean', 'l2', 'lstsq', 'manhattan', 'l1', 'cityblock', 'taxicab',
	'dot', '@', '.', 'dotproduct', 'inner', 'innerproduct', 'hamming', 'Angular', ' EUCLIDEAN ', E'\tL1\n', ' . ']) name;
SELECT name, failure(format('SELECT annoy_metric(%L)', name))
FROM unnest(ARRAY['', ' ', 'l', 'l22', 'angularx', 'in ner', '..', 'jaccard']) name;
SELECT annoy_metric(NULL);

--
-- Distances by the names of metrics: those of the operators, but for two
--
SELECT name, annoy_distance(name, '{0,4,3}'::real[], '{4,3,0}'::real[])
FROM unnest(ARRAY['angular', 'euclidean', 'manhattan', 'dot', 'hamming']) name;
SELECT annoy_distance('angular', v, w) = annoy_angular_distance(v, w) AS angular,
	annoy_distance('l2', v, w) = v <-> w AS euclidean, annoy_distance('dot', v, w) = -(v <#> w) AS dot,
	annoy_distance('l1', v, w) = v <+> w AS manhattan, annoy_distance('hamming', v, w) = v <~> w AS hamming,
	annoy_distance('hamming', a, b) = a <~~> b AS bits
FROM (SELECT i.v, j.v, i.b, j.b FROM items i, items j WHERE i.id = 1 AND j.id = 2) x (v, w, a, b);
-- any arrays of numbers
SELECT annoy_distance('cosine', ARRAY[0, 1], ARRAY[1.0, 1]), annoy_distance('cosine', ARRAY[0, 1]::real[], ARRAY[1, 1]::bigint[]),
	annoy_distance('cosine', ARRAY[0.0, 1], ARRAY[1, 1]::double precision[]), annoy_distance('cosine', ARRAY[0, 1]::smallint[], '{1,1}'::real[]),
	annoy_distance('hamming', B'110', B'011'::bit varying);
SELECT call, failure('SELECT ' || call) FROM unnest(ARRAY[
	$$annoy_distance('cos', '{0,1}'::real[], '{1,1}'::real[])$$,
	$$annoy_distance('l2', '{0,1}'::real[], '{1}'::real[])$$,
	$$annoy_distance('l2', '{0,1}'::real[], '{1,NaN}'::real[])$$,
	$$annoy_distance('l2', '{0,1}'::real[], '{1,NULL}'::real[])$$,
	$$annoy_distance('l2', '{0,1}'::real[], '{}'::real[])$$,
	$$annoy_distance('l2', '{0,1}'::real[], '{a,b}'::text[])$$,
	$$annoy_distance('l2', B'10', B'11')$$,
	$$annoy_distance('hamming', B'10', B'1')$$]) call;
SELECT annoy_distance(NULL, v, v), annoy_distance('l2', v, NULL) FROM items WHERE id = 1;

--
-- Nearest rows of a vector: the rows of the query, in its order
--
CREATE FUNCTION same_answers(index regclass, col text, operator text, metric text, query text, n integer) RETURNS text LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET annoy.search_k = 100000 SET annoy.epsilon = 10 AS $$
DECLARE
	by_query tid[];
	by_function tid[];
	wrong integer;
BEGIN
	EXECUTE format('SELECT array_agg(t ORDER BY d, t) FROM (SELECT ctid AS t, %1$s %2$s %3$s AS d FROM items WHERE %1$s IS NOT NULL ORDER BY %1$s %2$s %3$s LIMIT %4$s) s',
		col, operator, query, n) INTO by_query;
	EXECUTE format('SELECT array_agg(item ORDER BY o), count(*) FILTER (WHERE distance <> annoy_distance(%L, %s, %s))
		FROM annoy_get_nns_by_vector(%L, %3$s, %5$s) WITH ORDINALITY f (item, distance, o) JOIN items ON ctid = item',
		metric, col, query, index, n) INTO by_function, wrong;
	RETURN concat_ws(', ', CASE WHEN by_query = by_function THEN 'same rows' ELSE 'other rows' END,
		CASE WHEN wrong = 0 THEN 'right distances' ELSE wrong || ' wrong distances' END);
END $$;
SELECT index, same_answers(index::regclass, split_part(index, '_', 1), operator, metric,
	CASE WHEN index LIKE 'v%' THEN format('%L::real[]', vec(-5, 32)::real[]) WHEN index LIKE 'd%' THEN format('%L::double precision[]', vec(-5, 32))
		ELSE format('B%L', bitvec(-5, 32)) END, 100)
FROM (VALUES ('v_l2', '<->', 'l2'), ('v_cosine', '<=>', 'cosine'), ('v_ip', '<#>', 'dot'), ('v_l1', '<+>', 'l1'), ('d_l2', '<->', 'l2'),
	('d_cosine', '<=>', 'cosine'), ('d_ip', '<#>', 'dot'), ('d_l1', '<+>', 'l1')) i (index, operator, metric);
-- Hamming distances have many ties, so compare those
SELECT index, (SELECT array_agg(distance) FROM annoy_get_nns_by_vector(index::regclass, vec(-5, 32), 100, 100000))
	= (SELECT array_agg(d) FROM (SELECT v <~> vec(-5, 32) AS d FROM items ORDER BY 1 LIMIT 100) s) AS same
FROM unnest(ARRAY['v_hamming', 'd_hamming']) index;
SELECT (SELECT array_agg(distance) FROM annoy_get_nns_by_vector('b_hamming', bitvec(-5, 32), 100, 100000))
	= (SELECT array_agg(d) FROM (SELECT b <~~> bitvec(-5, 32) AS d FROM items ORDER BY 1 LIMIT 100) s) AS same;

-- queries of all types, and without one
CREATE TABLE small (id integer PRIMARY KEY, v real[], b bit(4));
INSERT INTO small VALUES (0, '{2,2}', B'0011'), (1, '{3,2}', B'0111'), (2, '{3,3}', B'1111');
CREATE INDEX small_v ON small USING annoy (v);
CREATE INDEX small_b ON small USING annoy (b);
SELECT pg_typeof(q), string_agg(id::text, '' ORDER BY distance) AS ids, array_agg(distance ORDER BY distance) AS distances
FROM (SELECT '{4,4}'::real[] AS q, n.* FROM annoy_get_nns_by_vector('small_v', '{4,4}'::real[]) n
	UNION ALL SELECT NULL, n.* FROM annoy_get_nns_by_vector('small_v', ARRAY[4, 4]) n) s JOIN small ON ctid = item GROUP BY 1, q IS NULL;
SELECT count(*) FROM annoy_get_nns_by_vector('small_v', '{4,4}') NATURAL JOIN annoy_get_nns_by_vector('small_v', ARRAY[4, 4.0]) b
	NATURAL JOIN annoy_get_nns_by_vector('small_v', ARRAY[4, 4]::smallint[]) c NATURAL JOIN annoy_get_nns_by_vector('small_v', ARRAY[4, 4]::bigint[]) d
	NATURAL JOIN annoy_get_nns_by_vector('small_v', ARRAY[4, 4]::double precision[]) e;
PREPARE by_vector AS SELECT id, distance FROM annoy_get_nns_by_vector('small_v', $1, $2) JOIN small ON ctid = item ORDER BY distance;
EXECUTE by_vector('{1,1}', 2);
-- as text, in the ways in which clients write a list
SELECT query, (SELECT string_agg(id::text, '' ORDER BY distance) FROM annoy_get_nns_by_vector('small_v', query) JOIN small ON ctid = item) AS nearest,
	(SELECT count(*) FROM annoy_search_radius('small_v', query, 1.5)) AS within, (SELECT count(*) FROM small WHERE annoy_within(v, query, 1.5)) AS within
FROM unnest(ARRAY['{4,4}', '[4,4]', ' [4, 4] ', '4,4', '+4, .4e1', '[1:2]={4,4}']) query;
SELECT query, split_part(failure(format('SELECT * FROM annoy_get_nns_by_vector(''small_v'', %L)', query)), ' | ', 2) AS message
FROM unnest(ARRAY['', ' ', '[', '[]', '[4,4', '4,4]', '4,x', '[[4,4]]', '(4,4)']) query;
SELECT id, distance FROM annoy_get_nns_by_vector('small_b', B'1111') JOIN small ON ctid = item ORDER BY distance;
SELECT id, distance FROM annoy_get_nns_by_vector('small_b', '0000', 2) JOIN small ON ctid = item ORDER BY distance;
SELECT id, distance FROM annoy_get_nns_by_vector('small_b', '0000'::bit varying, 1) JOIN small ON ctid = item;

-- how many: annoy.n_neighbors, n, or as many as there are; rows without a vector are none
SHOW annoy.n_neighbors;
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32));
SET annoy.n_neighbors = 7;
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32));
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32), NULL, NULL);
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32), search_k => 10);
RESET annoy.n_neighbors;
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32), 1);
SELECT count(*), bool_and(distance IS NOT NULL) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32), 2147483647);
SELECT failure('SET annoy.n_neighbors = 0');
-- in order, whatever it takes to find them
SELECT count(*), count(DISTINCT item), bool_and(distance >= before) AS in_order
FROM (SELECT item, distance, lag(distance, 1, -1.0) OVER (ORDER BY o) AS before
	FROM annoy_get_nns_by_vector('v_l2', vec(-5, 32), 1500, 1) WITH ORDINALITY f (item, distance, o)) s;
-- search_k is for this call alone
SET annoy.search_k = 77;
SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', vec(1, 32), 10, 5000);
SHOW annoy.search_k;
SELECT failure($$SELECT * FROM annoy_get_nns_by_vector('v_l2', ARRAY[1], 10, 5000)$$);
SHOW annoy.search_k;
RESET annoy.search_k;
-- and it counts: rows that are hard to find are found with more of it
CREATE TABLE hard AS SELECT i AS id, ARRAY(SELECT number(i, j)::real FROM generate_series(1, 50) j) AS v FROM generate_series(1, 3000) i;
CREATE INDEX hard_v ON hard USING annoy (v);
CREATE FUNCTION found(k integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, 20) q,
		LATERAL (SELECT ARRAY(SELECT number(-q, j) FROM generate_series(1, 50) j) AS query) x,
		LATERAL (SELECT max(d) AS d FROM (SELECT v <-> query AS d FROM hard ORDER BY (v <-> query) + 0 LIMIT 10) s) exact,
		annoy_get_nns_by_vector('hard_v', query, 10, k) n WHERE n.distance <= exact.d $$;
SELECT found(100) < 100 AS few, found(100) < found(1000) AS more, found(100000) AS exact;
SET annoy.search_k = 100;
SELECT found(-1) = found(100) AS of_session;
RESET annoy.search_k;

--
-- Nearest rows of a row: itself first
--
SELECT id, distance = 0 AS zero, n.item = i.ctid AS itself
FROM items i, annoy_get_nns_by_item('v_l2', i.ctid, 1) n WHERE id IN (1, 700, 1500) ORDER BY id;
SELECT index, count(*) AS differences
FROM unnest(ARRAY['v_l2', 'v_cosine', 'v_ip', 'v_l1', 'v_hamming', 'd_l2', 'd_cosine', 'd_ip', 'd_l1', 'd_hamming']) index, items i,
	LATERAL (SELECT * FROM annoy_get_nns_by_item(index::regclass, i.ctid, 3) EXCEPT ALL SELECT * FROM annoy_get_nns_by_vector(index::regclass, i.d, 3)) x
WHERE id % 500 = 3 AND distance > 0.1 GROUP BY 1;
SELECT b.distance = v.distance AS same FROM items i, annoy_get_nns_by_item('b_hamming', i.ctid, 1) b, annoy_get_nns_by_vector('b_hamming', i.b, 1) v WHERE id = 9;
-- a row without a vector has no neighbours
SELECT count(*) FROM items i, annoy_get_nns_by_item('v_l2', i.ctid) WHERE id = 2000;
SELECT (SELECT count(*) FROM annoy_get_nns_by_vector('v_l2', NULL::real[])),
	(SELECT count(*) FROM annoy_get_nns_by_item(NULL, '(0,1)')), (SELECT count(*) FROM annoy_get_nns_by_vector(NULL, '{1}'::real[]));

--
-- Items and their distances
--
SELECT bool_and(annoy_get_item('v_l2', ctid) = v::double precision[]) AS v, bool_and(annoy_get_item('d_ip', ctid) = d) AS d,
	bool_and(annoy_get_item('v_l2', ctid, NULL::real[]) = v) AS real, bool_and(annoy_get_item('b_hamming', ctid, NULL::bit) = b) AS bit,
	bool_and(annoy_get_item('b_hamming', ctid, NULL::bit varying) = b) AS varbit, count(*)
FROM items WHERE id <= 100;
SELECT annoy_get_item('small_b', '(0,2)'), annoy_get_item('small_b', '(0,2)', NULL::real[]), annoy_get_item('small_b', '(0,2)', NULL::bit(4)),
	annoy_get_item('small_v', '(0,2)', NULL::double precision[]);
-- what the index stores, not what the table has: bits
SELECT annoy_get_item('v_hamming', ctid) = ARRAY(SELECT (x > 0.5)::integer FROM unnest(v) x)::double precision[] AS bits,
	annoy_get_item('v_hamming', ctid, NULL::bit varying) IS NOT NULL AS as_bits FROM items WHERE id = 3;
SELECT annoy_get_item('v_l2', ctid) AS of_null, annoy_get_distance('v_l2', ctid, '(0,1)') FROM items WHERE id = 2000;
SELECT annoy_get_item(NULL, '(0,1)'), annoy_get_item(NULL, '(0,1)', NULL::real[]), annoy_get_distance(NULL, '(0,1)', '(0,1)');
SELECT index, annoy_get_distance(index::regclass, i.ctid, j.ctid) = annoy_distance(metric, i.d, j.d) AS same,
	abs(annoy_get_distance(index::regclass, i.ctid, j.ctid) - annoy_get_distance(index::regclass, j.ctid, i.ctid)) = 0 AS symmetric,
	abs(annoy_get_distance(index::regclass, i.ctid, i.ctid)) < 1e-7 AS zero
FROM (VALUES ('d_l2', 'l2'), ('d_cosine', 'cosine'), ('d_l1', 'l1'), ('d_hamming', 'hamming'), ('d_ip', 'dot')) x (index, metric), items i, items j
WHERE i.id = 10 AND j.id = 20;
SELECT call, failure('SELECT ' || call) FROM unnest(ARRAY[
	$$annoy_get_item('v_l2', '(0,1)', NULL::bit)$$,
	$$annoy_get_item('v_l2', '(0,1)', NULL::integer[])$$,
	$$annoy_get_item('v_l2', '(0,1)', 1)$$,
	$$annoy_get_item('v_l2', '(4000000000,1)')$$,
	$$annoy_get_item('v_l2', '(0,0)')$$,
	$$annoy_get_item('v_l2', '(0,291)')$$,
	$$annoy_get_item('v_l2', '(4294967295,0)')$$,
	$$annoy_get_distance('v_l2', '(0,1)', '(0,250)')$$,
	$$annoy_get_nns_by_item('v_l2', '(123456,1)')$$]) call;

--
-- Errors of searches
--
SELECT call, failure('SELECT * FROM ' || call) FROM unnest(ARRAY[
	$$annoy_get_nns_by_vector('small_v', '{1,1}', 0)$$,
	$$annoy_get_nns_by_vector('small_v', '{1,1}', -1)$$,
	$$annoy_get_nns_by_item('small_v', '(0,1)', 0)$$,
	$$annoy_get_nns_by_vector('small_v', '{1,1}', 1, 0)$$,
	$$annoy_get_nns_by_vector('small_v', '{1,1}', 1, -2)$$,
	$$annoy_get_nns_by_vector('small_v', '{1,1,1}')$$,
	$$annoy_get_nns_by_vector('small_v', '{1}'::real[])$$,
	$$annoy_get_nns_by_vector('small_v', '{}')$$,
	$$annoy_get_nns_by_vector('small_v', '{1,NULL}')$$,
	$$annoy_get_nns_by_vector('small_v', '{1,NaN}')$$,
	$$annoy_get_nns_by_vector('small_v', '{1,Infinity}'::real[])$$,
	$$annoy_get_nns_by_vector('small_v', '{{1,1},{1,1}}')$$,
	$$annoy_get_nns_by_vector('small_v', 'one')$$,
	$$annoy_get_nns_by_vector('small_v', '{a,b}'::text[])$$,
	$$annoy_get_nns_by_vector('small_v', B'11')$$,
	$$annoy_get_nns_by_vector('small_b', ARRAY[1, 1])$$,
	$$annoy_get_nns_by_vector('small_b', B'11')$$,
	$$annoy_get_nns_by_vector('small_b', '12')$$,
	$$annoy_get_nns_by_vector('small', '{1,1}')$$,
	$$annoy_get_nns_by_vector('small_pkey', '{1,1}')$$,
	$$annoy_get_nns_by_vector('nowhere', '{1,1}')$$,
	$$annoy_get_nns_by_vector(4294967295, '{1,1}')$$,
	$$annoy_knn_graph('small_v', 0)$$,
	$$annoy_knn_graph('small_v', 10001)$$,
	$$annoy_knn_graph('small_pkey')$$]) call;

--
-- Which rows: those that the snapshot sees
--
CREATE FUNCTION near(query real[]) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(id::text, ' ' ORDER BY distance, id) FROM annoy_get_nns_by_vector('small_v', query, 10) JOIN small ON ctid = item $$;
BEGIN;
INSERT INTO small VALUES (3, '{4,4}');
UPDATE small SET v = '{9,9}' WHERE id = 1;
SELECT near('{4,4}');
DELETE FROM small WHERE id = 2;
SELECT near('{4,4}');
ROLLBACK;
SELECT near('{4,4}');
-- HOT updates do not change the index, only the row's TID
ALTER TABLE small ADD note text;
UPDATE small SET note = 'changed';
UPDATE small SET note = 'again' WHERE id <> 0;
SELECT near('{4,4}');
SELECT s.id, n.item = s.ctid AS itself, annoy_get_item('small_v', ctid) FROM small s, annoy_get_nns_by_item('small_v', s.ctid, 1) n ORDER BY id;
-- the versions before are not visible
SELECT failure($$SELECT annoy_get_item('small_v', '(0,1)')$$);
DELETE FROM small WHERE id = 1;
SELECT near('{4,4}');
SELECT count(*), count(DISTINCT item) FROM annoy_knn_graph('small_v', 10);
VACUUM small;
SELECT near('{4,4}');

--
-- Expressions, predicates, domains, an index without rows
--
CREATE TABLE texts (id integer, v text);
INSERT INTO texts VALUES (0, '{2,2}'), (1, '{3,2}'), (2, '{3,3}'), (3, '{1,2}'), (-1, '{0,0}'), (4, NULL);
CREATE FUNCTION parse(v text) RETURNS real[] IMMUTABLE STRICT LANGUAGE plpgsql AS $$ BEGIN RETURN v::real[]; END $$;
CREATE INDEX texts_v ON texts USING annoy (parse(v)) WHERE id >= 0;
SELECT string_agg(id::text, '' ORDER BY distance, id) FROM annoy_get_nns_by_vector('texts_v', '{4,4}', 10) JOIN texts ON ctid = item;
SELECT string_agg(t.id::text, '' ORDER BY distance, t.id) FROM texts i, annoy_get_nns_by_item('texts_v', i.ctid) JOIN texts t ON t.ctid = item WHERE i.id = 3;
SELECT id, CASE WHEN id >= 0 THEN annoy_get_item('texts_v', ctid, NULL::real[]) END FROM texts ORDER BY id;
SELECT failure(format('SELECT annoy_get_item(''texts_v'', %L)', ctid)) FROM texts WHERE id = -1;
SELECT i.id, n.id, distance FROM annoy_knn_graph('texts_v', 1) JOIN texts i ON i.ctid = item JOIN texts n ON n.ctid = neighbour ORDER BY 1;
CREATE TABLE empty (v real[]);
CREATE INDEX empty_v ON empty USING annoy (v);
SELECT count(*) FROM annoy_get_nns_by_vector('empty_v', '{1,2,3}');
SELECT count(*) FROM annoy_knn_graph('empty_v');
SELECT annoy_prewarm('empty_v'), annoy_prewarm('empty_v', 'trees');
SELECT failure($$SELECT annoy_get_nns_by_item('empty_v', '(0,1)')$$);

--
-- The graph: what each row's nearest others are
--
SELECT count(*) = 1500 * 5 AS edges, count(DISTINCT item) AS items, count(*) FILTER (WHERE item = neighbour) AS loops,
	count(*) - count(DISTINCT (item, neighbour)) AS twice FROM annoy_knn_graph('v_l2');
SELECT index, count(*) AS edges, count(*) FILTER (WHERE g.distance <> annoy_get_distance(index::regclass, g.item, g.neighbour)) AS wrong
FROM unnest(ARRAY['v_cosine', 'd_ip', 'd_l1', 'b_hamming']) index, annoy_knn_graph(index::regclass, 2) g GROUP BY 1;
SELECT count(*) >= 0.95 * 15000 AS recall FROM annoy_knn_graph('d_l2', 10) g,
	LATERAL (SELECT d FROM items WHERE ctid = g.item) i,
	LATERAL (SELECT max(distance) AS most FROM annoy_get_nns_by_vector('d_l2', i.d, 11, 1000000)) m WHERE distance <= most;
SELECT count(*) = 1500 * 1499 AS complete FROM annoy_knn_graph('v_hamming', 10000);
-- which items were asked is remembered in work_mem
CREATE TABLE many AS SELECT ARRAY[i % 1000]::real[] AS v FROM generate_series(1, 15000) i;
CREATE INDEX many_v ON many USING annoy (v) WITH (n_trees = 10, search_k = 10);
SET work_mem = '64kB';
SELECT regexp_replace(failure($$SELECT annoy_knn_graph('many_v', 1)$$), '\d+(?= items| kB|kB")', 'N', 'g');
RESET work_mem;
DROP TABLE many;
SELECT count(*) FROM annoy_knn_graph(NULL);

--
-- The planner knows how many rows come, and joins accordingly.
--
CREATE FUNCTION estimate(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT call, estimate('SELECT * FROM ' || call) FROM unnest(ARRAY[
	$$annoy_get_nns_by_vector('v_l2', '{1}', 33)$$, $$annoy_get_nns_by_vector('v_l2', '{1}')$$,
	$$annoy_get_nns_by_vector('v_l2', '{1}', (random() * 10)::integer)$$, $$annoy_get_nns_by_item('v_l2', '(0,1)', search_k => 7)$$]) call;
SELECT plan($$SELECT id, distance FROM annoy_get_nns_by_vector('hard_v', '{1}', 20) JOIN hard ON ctid = item$$);

--
-- Parameters
--
SELECT annoy_index_params('v_cosine');
SELECT annoy_index_params('empty_v');
-- but for the memory, which depends on the format
CREATE FUNCTION repr(index regclass) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(annoy_repr(index), 'memory_mb=\d+\.\d\d\)', 'memory_mb=M)') $$;
SELECT repr('b_hamming');
SELECT repr('v_cosine');
CREATE INDEX "It's ""mine""" ON small USING annoy (v) WITH (dimensions = 2, search_k = 500, target_recall = 0.9, n_trees = 2);
SELECT repr('"It''s ""mine"""');
SELECT annoy_index_params('"It''s ""mine"""');
SELECT metric, dimensions, dtype, n_trees, seed, items, vectors FROM annoy_index_info('v_cosine');
SELECT metric, dimensions, items, vectors FROM annoy_index_info('empty_v');

-- ALTER INDEX SET: what takes effect at once, and what does not
ALTER INDEX v_cosine SET (search_k = 100, target_recall = 0.9);
ALTER INDEX v_cosine SET (n_trees = 2, seed = 5, search_k = 200);
ALTER INDEX v_cosine SET (n_trees = 2);
SELECT n_trees, seed FROM annoy_index_info('v_cosine');
REINDEX INDEX v_cosine;
SELECT n_trees, seed FROM annoy_index_info('v_cosine');
ALTER INDEX v_cosine RESET (n_trees, target_recall);
SET annoy."verbose" = -1;
ALTER INDEX v_cosine SET (n_trees = 2);
RESET annoy."verbose";
ALTER INDEX v_cosine SET (dimensions = 33);
ALTER INDEX v_cosine SET (dimensions = 32);
ALTER INDEX v_cosine RESET (dimensions);
ALTER INDEX v_cosine SET (metric = 'euclidean');
ALTER INDEX empty_v SET (dimensions = 3);
ALTER INDEX empty_v SET (dimensions = 4);
SELECT failure($$INSERT INTO empty VALUES ('{1,2,3}')$$);
-- other commands, and other indexes, have no such notices
ALTER INDEX v_cosine RENAME TO v_angular;
ALTER INDEX small_pkey SET (fillfactor = 70);
ALTER TABLE small SET (fillfactor = 70);

-- the same as a function
SELECT annoy_set_params('v_angular', '{"search_k": 300, "n_trees": 4, "target_recall": 0.99}');
SELECT annoy_index_params('v_angular');
SELECT annoy_set_params('v_angular', '{"search_k": null, "n_trees": "1"}');
SELECT annoy_set_params('v_angular', '{}');
SELECT annoy_set_params('v_angular', annoy_index_params('v_angular'));
SELECT annoy_set_params('v_angular', '{"f": 32, "metric": "cosine"}');
SELECT reloptions FROM pg_class WHERE oid = 'v_angular'::regclass;
-- minor releases differ in what they say of a name with "=" in it
SELECT params, regexp_replace(failure(format('SELECT annoy_set_params(''v_angular'', %L)', params)),
	'(invalid option name|unrecognized parameter) "(n_trees|seed") .*', 'no such parameter') AS failure
FROM unnest(ARRAY[
	'{"f": 31}', '{"dimensions": 31}', '{"metric": "l2"}', '{"metric": null}', '{"metric": "jaccard"}', '{"trees": 1}', '{"n_neighbors": 0}',
	'{"n_trees": 0}', '{"n_trees": [1]}', '{"n_trees": {"n": 1}}', '[1]', '3', '{"n_trees = 2) ; DROP TABLE small; --": 3}', '{"seed": "2); DROP TABLE small; --"}',
	'{"seed": "2''); DROP TABLE small; --"}', '{"seed\"": 3}']) params;

--
-- Clones
--
SELECT annoy_clone_index('v_angular', 'clone_1');
SELECT annoy_clone_index('v_angular', 'clone_2', '{"n_trees": 2, "search_k": 50, "seed": null}');
SELECT annoy_clone_index('v_angular', 'clone_3', '{"metric": "Manhattan", "f": 32}');
SELECT annoy_clone_index('v_angular', 'clone_4', annoy_index_params('v_angular') || '{"n_trees": 3}');
SELECT annoy_clone_index('texts_v', 'Clone "5"; DROP TABLE small; --', '{"seed": 3}');
SELECT annoy_clone_index('b_hamming', 'clone_6', '{"metric": "hamming"}');
SELECT i.indexrelid::regclass, regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS definition
FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE relname ~* '^clone' AND relnamespace = 'annoy_functions'::regnamespace ORDER BY relname;
SELECT metric, n_trees, dimensions FROM annoy_index_info('clone_3');
-- a clone without changes is the same index
SELECT annoy_clone_index('d_l2', 'clone_8');
SELECT c = d AS same FROM annoy_index_info('clone_8') c, annoy_index_info('d_l2') d;
SELECT array_agg(c.*) = array_agg(d.*) AS same
FROM annoy_get_nns_by_vector('clone_8', vec(-5, 32), 20) WITH ORDINALITY c (item, distance, o)
	FULL JOIN annoy_get_nns_by_vector('d_l2', vec(-5, 32), 20) WITH ORDINALITY d (item, distance, o) USING (o);
SELECT name, overrides, regexp_replace(failure(format('SELECT annoy_clone_index(''v_angular'', %L, %L)', name, overrides)),
	'(invalid option name|unrecognized parameter) "(n_trees|seed") .*', 'no such parameter') AS failure
FROM (VALUES
	('clone_1', '{}'), ('', '{}'), ('x', '{"trees": 1}'), ('x', '{"dimensions": 31}'), ('x', '{"metric": "jaccard"}'), ('x', '{"verbose": "much"}'), ('x', '[]'),
	('x', '{"seed": "1) WHERE false; DROP TABLE small; --"}'), ('x', '{"seed) WHERE (false": 1}'),
	('x', '{"seed": "1'') WHERE false; DROP TABLE small; --"}'), ('x', '{"seed\" = 1) --": 1}')) c (name, overrides);
SELECT failure($$SELECT annoy_clone_index('b_hamming', 'x', '{"metric": "l2"}')$$), failure($$SELECT annoy_clone_index('small_pkey', 'x')$$);
SELECT annoy_clone_index('v_angular', NULL), annoy_clone_index('v_angular', 'x', NULL);
-- a name that is too long
SELECT annoy_clone_index('small_v', repeat('x', 70));
SELECT count(*) FROM pg_class WHERE relname LIKE 'xxxxx%';
-- with the search path elsewhere
SET search_path = pg_catalog;
SELECT public.annoy_clone_index('annoy_functions.texts_v', 'clone_7');
SET search_path = annoy_functions, public;
SELECT pg_get_indexdef('clone_7'::regclass);

--
-- Pages into memory
--
SELECT annoy_prewarm('v_l2') * current_setting('block_size')::integer = pg_relation_size('v_l2') AS all,
	annoy_prewarm('v_l2', 'trees') = leaf_pages + inner_pages + 1 AS trees
FROM annoy_index_info('v_l2');
SELECT failure($$SELECT annoy_prewarm('v_l2', 'everything')$$), failure($$SELECT annoy_prewarm('small_pkey')$$);

--
-- Who may: those who may read the table; its owner may create and alter indexes
--
CREATE TABLE calls (n integer, call text);
INSERT INTO calls VALUES (1, $$annoy_get_nns_by_vector('small_v', '{1,1}')$$), (2, $$annoy_get_nns_by_item('small_v', '(0,1)')$$),
	(3, $$annoy_get_item('small_v', '(0,1)')$$), (4, $$annoy_get_distance('small_v', '(0,1)', '(0,1)')$$), (5, $$annoy_knn_graph('small_v')$$),
	(6, $$annoy_index_params('small_v')$$), (7, $$annoy_repr('small_v')$$), (8, $$annoy_prewarm('small_v')$$),
	(9, $$annoy_set_params('small_v', '{"search_k": 9}')$$), (10, $$annoy_clone_index('small_v', 'x')$$);
CREATE ROLE regress_annoy_user;
GRANT USAGE, CREATE ON SCHEMA annoy_functions TO regress_annoy_user;
GRANT SELECT ON calls TO regress_annoy_user;
GRANT SELECT (id) ON small TO regress_annoy_user;
UPDATE calls SET call = replace(call, '(0,1)', (SELECT min(ctid)::text FROM small));
SET ROLE regress_annoy_user;
SELECT n, failure('SELECT * FROM ' || call) FROM calls ORDER BY n;
RESET ROLE;
GRANT SELECT ON small TO regress_annoy_user;
SET ROLE regress_annoy_user;
SELECT n, failure('SELECT * FROM ' || call) FROM calls ORDER BY n;
RESET ROLE;
-- not around row-level security
ALTER TABLE small ENABLE ROW LEVEL SECURITY;
SET ROLE regress_annoy_user;
SELECT n, failure('SELECT * FROM ' || call) FROM calls WHERE n <= 5 ORDER BY n;
SET row_security = off;
SELECT failure('SELECT * FROM ' || call) FROM calls WHERE n = 1;
RESET row_security;
RESET ROLE;
SELECT count(*) FROM annoy_get_nns_by_vector('small_v', '{1,1}');
ALTER TABLE small DISABLE ROW LEVEL SECURITY;
-- expressions of an index run as the table's owner, not as who reads it
SET ROLE regress_annoy_user;
CREATE FUNCTION spy(v real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run as %', current_user; RETURN v; END $$;
CREATE TABLE trap (v real[]);
INSERT INTO trap VALUES ('{1,2}');
SET client_min_messages = warning;
CREATE INDEX trap_v ON trap USING annoy (spy(v));
RESET client_min_messages;
RESET ROLE;
SELECT annoy_get_item('trap_v', '(0,1)');
SELECT current_user = session_user AS myself;
DROP TABLE trap;
DROP FUNCTION spy;

-- Indexes that cannot be used
BEGIN;
CREATE INDEX invalid_v ON small USING annoy (v);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid_v'::regclass;
SELECT failure('SELECT * FROM ' || replace(call, 'small_v', 'invalid_v')) FROM calls ORDER BY n;
ROLLBACK;
CREATE TABLE parted (v real[]) PARTITION BY LIST (v);
CREATE INDEX parted_v ON parted USING annoy (v);
SELECT failure($$SELECT * FROM annoy_get_nns_by_vector('parted_v', '{1}')$$);
-- one that does not know what an older snapshot sees
CREATE TABLE versions (id integer, v real[], w real[]);
CREATE INDEX ON versions (id);
INSERT INTO versions VALUES (1, '{1,1}', '{1,1}');
BEGIN;
UPDATE versions SET v = '{2,2}';
CREATE INDEX versions_v ON versions USING annoy (v);
SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'versions_v'::regclass;
SELECT failure($$SELECT * FROM annoy_get_nns_by_vector('versions_v', '{1,1}')$$);
ROLLBACK;

REVOKE ALL ON ALL TABLES IN SCHEMA annoy_functions FROM regress_annoy_user;
REVOKE ALL ON SCHEMA annoy_functions FROM regress_annoy_user;
DROP ROLE regress_annoy_user;
SET client_min_messages = warning;
DROP SCHEMA annoy_functions CASCADE;
