--
-- Annoy's own tests, the small ones: orders and distances by metric.  The large
-- ones are in test/t/020_upstream.pl, and test/README.md has the list of all.
--
\set schema annoy_upstream
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;

-- The ids of the n nearest, in order, by an index.
CREATE FUNCTION nearest(tab regclass, operator text, query text, n integer DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	search text := format('SELECT id FROM %s ORDER BY v %s %L LIMIT %s', tab, operator, query, n);
	found text;
BEGIN
	IF NOT EXISTS (SELECT FROM plan(search) p WHERE p LIKE 'Index Scan using %') THEN
		RETURN 'not an index scan';
	END IF;
	EXECUTE format('SELECT string_agg(id::text, '' '') FROM (%s) s', search) INTO found;
	RETURN found;
END $$;

-- angular_index_test: get_nns_by_vector, get_nns_by_item
CREATE TABLE angular (id integer, v real[]);
CREATE INDEX angular_v ON angular USING annoy (v real_cosine_ops) WITH (n_trees = 10);
INSERT INTO angular VALUES (0, '{0,0,1}'), (1, '{0,1,0}'), (2, '{1,0,0}');
SELECT nearest('angular', '<=>', '{3,2,1}') AS q321, nearest('angular', '<=>', '{1,2,3}') AS q123,
	nearest('angular', '<=>', '{2,0,1}') AS q201;
TRUNCATE angular;
INSERT INTO angular VALUES (0, '{2,1,0}'), (1, '{1,2,0}'), (2, '{0,0,1}');
SELECT id, nearest('angular', '<=>', v::text) FROM angular ORDER BY id LIMIT 2;
-- distances: dist, dist_2, dist_3, dist_degen
SELECT round(annoy_angular_distance('{0,1}'::real[], '{1,1}'::real[])::numeric, 5) AS dist,
	round(annoy_angular_distance('{1000,0}'::real[], '{10,0}'::real[])::numeric, 7) AS dist_2,
	round(annoy_angular_distance('{97,0}'::real[], '{42,42}'::real[])::numeric ^ 2, 5) AS dist_3,
	round(annoy_angular_distance('{1,0}'::real[], '{0,0}'::real[])::numeric, 5) AS dist_degen,
	round(annoy_angular_distance('{0,0}'::real[], '{0,0}'::real[])::numeric, 5) AS zero;
-- distance_consistency: from 0 to 2
CREATE TABLE opposite (id integer, v real[]);
INSERT INTO opposite SELECT 0, vec(7, 40);
INSERT INTO opposite SELECT 1, array_agg(-x ORDER BY n) FROM opposite, unnest(v) WITH ORDINALITY u (x, n);
INSERT INTO opposite SELECT i, vec(i, 40) FROM generate_series(10, 1009) i;
CREATE INDEX opposite_v ON opposite USING annoy (v real_cosine_ops);
SELECT id, round(annoy_angular_distance(v, (SELECT v FROM opposite WHERE id = 0))::numeric, 5) AS d
FROM (SELECT id, v FROM opposite ORDER BY v <=> (SELECT v FROM opposite WHERE id = 0)) s WHERE id < 2;
SELECT count(*) AS asymmetric
FROM opposite a JOIN opposite b ON b.id = a.id + 1
WHERE annoy_angular_distance(a.v, b.v) <> annoy_angular_distance(b.v, a.v)
	OR abs(annoy_angular_distance(a.v, b.v) - annoy_l2_distance(annoy_normalize(a.v), annoy_normalize(b.v))) > 1e-6;
-- only_one_item, no_items, get_nns_with_distances
CREATE TABLE one (id integer, v real[]);
CREATE INDEX one_v ON one USING annoy (v real_cosine_ops) WITH (dimensions = 100);
SELECT nearest('one', '<=>', (SELECT array_agg(i) FROM generate_series(1, 100) i)::text, 50) AS no_items;
INSERT INTO one SELECT 0, array_agg(i) FROM generate_series(1, 100) i;
SELECT nearest('one', '<=>', (SELECT v FROM one)::text, 50) AS one_item;
SELECT nearest('one', '<=>', (SELECT array_agg(-i * i) FROM generate_series(1, 100) i)::text, 50) AS one_item;

-- euclidean_index_test
CREATE TABLE points (id integer, v real[]);
INSERT INTO points VALUES (0, '{2,2}'), (1, '{3,2}'), (2, '{3,3}');
CREATE INDEX points_l2 ON points USING annoy (v);
CREATE INDEX points_l1 ON points USING annoy (v real_l1_ops);
CREATE INDEX points_ip ON points USING annoy (v real_ip_ops);
SELECT nearest('points', '<->', '{4,4}') AS q44, nearest('points', '<->', '{1,1}') AS q11,
	nearest('points', '<->', '{4,2}') AS q42;
SELECT id, nearest('points', '<->', v::text) FROM points WHERE id <> 1 ORDER BY id;
CREATE TABLE corners (id integer, v real[]);
INSERT INTO corners VALUES (0, '{0,0,2}'), (1, '{0,1,1}'), (2, '{1,0,0}');
CREATE INDEX corners_l2 ON corners USING annoy (v);
CREATE INDEX corners_l1 ON corners USING annoy (v real_l1_ops);
CREATE INDEX corners_ip ON corners USING annoy (v real_ip_ops);
SELECT id, round((v <-> '{0,0,2}')::numeric ^ 2, 5) AS square FROM corners ORDER BY v <-> '{0,0,2}' LIMIT 3;
SELECT id, round((v <-> '{2,2,2}')::numeric ^ 2, 5) AS square FROM corners ORDER BY v <-> '{2,2,2}' LIMIT 3;
-- rounding_error: no negative squares
CREATE TABLE rounding (id integer, v real[]);
INSERT INTO rounding VALUES (0, '{0.7125930}'), (1, '{0.7123166}');
CREATE INDEX rounding_v ON rounding USING annoy (v);
SELECT id, d >= 0 AND d < 0.0003 AS near FROM (SELECT id, v <-> '{0.7123166}' AS d FROM rounding ORDER BY v <-> '{0.7123166}' LIMIT 2) s;

-- manhattan_index_test
SELECT nearest('points', '<+>', '{4,4}') AS q44, nearest('points', '<+>', '{5,3}') AS q53;
SELECT id, v <+> '{0,0,2}' AS d FROM corners ORDER BY v <+> '{0,0,2}' LIMIT 3;
SELECT id, v <+> '{2,2,1}' AS d FROM corners ORDER BY v <+> '{2,2,1}' LIMIT 3;

-- dot_index_test
SELECT nearest('points', '<#>', '{4,4}') AS q44, nearest('points', '<#>', '{1,1}') AS q11,
	nearest('points', '<#>', '{4,2}') AS q42;
SELECT id, annoy_inner_product(v, '{0,0,2}'::real[]) AS product FROM corners ORDER BY v <#> '{0,0,2}' LIMIT 3;

-- hamming_index_test: basic_conversion, basic_nns
CREATE TABLE flags (id integer, v real[]);
INSERT INTO flags SELECT i, (SELECT array_agg(CASE WHEN number(i, j) > 0.5 THEN 1 ELSE 0 END ORDER BY j) FROM generate_series(1, 100) j)
FROM generate_series(0, 1) i;
CREATE INDEX flags_v ON flags USING annoy (v real_hamming_ops);
SELECT q.id AS query, nearest('flags', '<~>', q.v::text, 99), (SELECT count(*) FROM unnest(f0.v, f1.v) u (x, y) WHERE x <> y) =
	f0.v <~> f1.v AS exact
FROM flags q, flags f0, flags f1 WHERE f0.id = 0 AND f1.id = 1 ORDER BY 1;
SELECT count(*) FROM (SELECT id FROM flags ORDER BY v <~> (SELECT v FROM flags WHERE id = 0) LIMIT 99) s;
-- zero_vectors: near, and far, with zeroes among them
CREATE TABLE codes (id integer, v bit(64));
CREATE INDEX codes_v ON codes USING annoy (v);
INSERT INTO codes
	SELECT 0, bitvec(3, 64) UNION ALL
	SELECT 1, overlay(bitvec(3, 64)::text PLACING CASE substr(bitvec(3, 64)::text, 9, 1) WHEN '0' THEN '1' ELSE '0' END FROM 9)::bit(64) UNION ALL
	SELECT 2, overlay(bitvec(3, 64)::text PLACING CASE substr(bitvec(3, 64)::text, 60, 1) WHEN '0' THEN '1' ELSE '0' END FROM 60)::bit(64) UNION ALL
	SELECT 3, bitvec(3, 64)::bit(64) # (repeat('1', 22) || repeat('0', 42))::bit(64) UNION ALL
	SELECT i, repeat('0', 64)::bit(64) FROM generate_series(4, 40) i UNION ALL
	SELECT i, bitvec(3, 64)::bit(64) # (repeat('1', i) || repeat('0', 64 - i))::bit(64) FROM generate_series(41, 60) i;
SELECT v <~~> (SELECT v FROM codes WHERE id = 0) AS d FROM codes ORDER BY v <~~> (SELECT v FROM codes WHERE id = 0) LIMIT 4;
SELECT v <~~> repeat('0', 64)::bit(64) AS d FROM codes ORDER BY v <~~> repeat('0', 64)::bit(64) LIMIT 5;

-- holes_test: ids far apart, and more rows asked for than there are
CREATE TABLE holes (id integer, v real[]);
INSERT INTO holes SELECT i, vec(i, 10) FROM unnest('{1000,2000,1999,77777777}'::integer[]) i;
CREATE INDEX holes_v ON holes USING annoy (v real_cosine_ops) WITH (n_trees = 10);
SELECT count(*), array_agg(id ORDER BY id) FROM (SELECT id FROM holes ORDER BY v <=> vec(5, 10) LIMIT 100) s;
SELECT nearest('holes', '<=>', v::text, 1) FROM holes WHERE id = 1999;
DELETE FROM holes WHERE id = 2000;
SELECT count(*), array_agg(id ORDER BY id) FROM (SELECT id FROM holes ORDER BY v <=> vec(5, 10) LIMIT 100) s;
-- a root of many holes, single rows, and none
DELETE FROM holes WHERE id < 2000;
SELECT count(*), array_agg(id ORDER BY id) FROM (SELECT id FROM holes ORDER BY v <=> vec(5, 10) LIMIT 100) s;
DELETE FROM holes;
SELECT count(*) FROM (SELECT id FROM holes ORDER BY v <=> vec(5, 10) LIMIT 100) s;

-- types_test: what cannot be a vector of this index
SELECT failure($$SELECT id FROM points ORDER BY v <-> '{1,2,3}' LIMIT 1$$);
SELECT failure($$SELECT id FROM points ORDER BY v <-> '{1}' LIMIT 1$$);
SELECT failure($$SELECT id FROM points ORDER BY v <-> '{}' LIMIT 1$$);
SELECT failure($$SELECT id FROM points ORDER BY v <-> '{a,b}' LIMIT 1$$);
SELECT failure($$SELECT id FROM points ORDER BY v <-> 'ab' LIMIT 1$$);
SELECT failure($$INSERT INTO points VALUES (3, '{1,2,3}')$$);
SELECT failure($$INSERT INTO points VALUES (3, '{}')$$);
SELECT failure($$INSERT INTO points VALUES (3, '{1,x}')$$);
SELECT failure($$INSERT INTO points VALUES (-1, '{1,NaN}')$$);
SELECT failure($$SELECT id FROM points ORDER BY v <-> '{1,2}' LIMIT -1$$);
-- more decimals than a component has, and numbers of every kind
SELECT nearest('points', '<->', '{3.9999999999999999,4.0}') AS literal;
SELECT id FROM points ORDER BY v <-> ARRAY[4, 4.5] LIMIT 1;
SELECT id FROM points ORDER BY v <-> ARRAY[4, 4] LIMIT 1;
SELECT id FROM points ORDER BY v <-> ARRAY[4, 4]::bigint[] LIMIT 1;

-- dtype: a row is its own nearest, at a distance that is zero and finite
CREATE TABLE doubles (id integer, v double precision[]);
INSERT INTO doubles SELECT i, vec(i, 16) FROM generate_series(1, 500) i;
CREATE TABLE reals AS SELECT id, v::real[] AS v FROM doubles;
CREATE INDEX doubles_v ON doubles USING annoy (v);
CREATE INDEX reals_v ON reals USING annoy (v);
SELECT 'doubles' AS type, count(*) FILTER (WHERE n.id = t.id AND n.d = 0) AS first FROM doubles t,
	LATERAL (SELECT id, v <-> t.v AS d FROM doubles ORDER BY v <-> t.v LIMIT 1) n
UNION ALL
SELECT 'reals', count(*) FILTER (WHERE n.id = t.id AND n.d = 0) FROM reals t,
	LATERAL (SELECT id, v <-> t.v AS d FROM reals ORDER BY v <-> t.v LIMIT 1) n;
SELECT min(same) >= 4 AS same_neighbours FROM (
	SELECT t.id, (SELECT count(*) FROM (SELECT id FROM doubles ORDER BY v <-> t.v LIMIT 5) d
		JOIN (SELECT id FROM reals ORDER BY v <-> t.v::real[] LIMIT 5) r USING (id)) AS same
	FROM doubles t WHERE id <= 50) s;

SET client_min_messages = warning;
DROP SCHEMA annoy_upstream CASCADE;
