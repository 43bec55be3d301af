--
-- Cases of Annoy's own test-suite, for the functions named after its methods
--
-- Grouped as there, under the names that they have there.  Items are rows whose
-- id is the item's number; of rows at the same distance, the lower id is first.
--
\set schema annoy_upstream
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`
SET client_min_messages = warning;

-- A new AnnoyIndex: add_item for each of some vectors, and build.
CREATE FUNCTION build(metric text, VARIADIC vectors text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS items;
	CREATE TABLE items (id integer, v real[]);
	INSERT INTO items SELECT n - 1, vector::real[] FROM unnest(vectors) WITH ORDINALITY u (vector, n);
	EXECUTE format('CREATE INDEX items_v ON items USING annoy (v real_%s_ops) WITH (n_trees = 10)',
		CASE annoy_metric(metric) WHEN 'angular' THEN 'cosine' WHEN 'euclidean' THEN 'l2' WHEN 'manhattan' THEN 'l1'
			WHEN 'dot' THEN 'ip' ELSE annoy_metric(metric) END);
END $$;
SELECT build('angular', '{1}');
-- What get_nns_by_vector and get_nns_by_item return, and with include_distances.
CREATE FUNCTION nns_by_vector(query real[], k integer) RETURNS integer[] LANGUAGE sql AS $$
	SELECT array_agg(id ORDER BY distance, id) FROM annoy_get_nns_by_vector('items_v', query, k) JOIN items ON ctid = item $$;
CREATE FUNCTION nns_by_item(i integer, k integer) RETURNS integer[] LANGUAGE sql AS $$
	SELECT array_agg(id ORDER BY distance, id)
	FROM annoy_get_nns_by_item('items_v', (SELECT ctid FROM items WHERE id = i), k) JOIN items ON ctid = item $$;
-- the same, the largest first, as Annoy has it for dot
CREATE FUNCTION nns_by_product(query real[], k integer) RETURNS integer[] LANGUAGE sql AS $$
	SELECT array_agg(id ORDER BY distance DESC, id) FROM annoy_get_nns_by_vector('items_v', query, k) JOIN items ON ctid = item $$;
CREATE FUNCTION distances_by_vector(query real[], k integer) RETURNS numeric[] LANGUAGE sql AS $$
	SELECT array_agg(round(distance::numeric, 5) ORDER BY o) FROM annoy_get_nns_by_vector('items_v', query, k) WITH ORDINALITY u (item, distance, o) $$;
CREATE FUNCTION distance(i integer, j integer) RETURNS numeric LANGUAGE sql AS $$
	SELECT round(annoy_get_distance('items_v', a.ctid, b.ctid)::numeric, 6) FROM items a, items b WHERE a.id = i AND b.id = j $$;
-- A normal deviate, nearly.
CREATE FUNCTION gauss(i bigint, j bigint) RETURNS double precision IMMUTABLE LANGUAGE sql AS $$
	SELECT number(i, 4 * j) + number(i, 4 * j + 1) + number(i, 4 * j + 2) + number(i, 4 * j + 3) - 2 $$;

--
-- angular
--
-- get_nns_by_vector
SELECT build('angular', '{0,0,1}', '{0,1,0}', '{1,0,0}');
SELECT nns_by_vector('{3,2,1}', 3), nns_by_vector('{1,2,3}', 3), nns_by_vector('{2,0,1}', 3);
-- get_nns_by_item
SELECT build('angular', '{2,1,0}', '{1,2,0}', '{0,0,1}');
SELECT nns_by_item(0, 3), nns_by_item(1, 3), (nns_by_item(2, 3))[1];
-- dist
SELECT build('angular', '{0,1}', '{1,1}', '{1000,0}', '{10,0}', '{97,0}', '{42,42}', '{1,0}', '{0,0}');
SELECT distance(0, 1), distance(2, 3) = 0 AS dist_2, abs(distance(4, 5)::numeric - 0.765367) < 1e-6 AS dist_3, distance(6, 7) AS dist_degen;
-- distance_consistency
CREATE TABLE consistent AS SELECT i AS id, ARRAY(SELECT number(i, j) FROM generate_series(1, 10) j)::real[] AS v FROM generate_series(1, 1000) i;
CREATE INDEX consistent_v ON consistent USING annoy (v real_cosine_ops) WITH (n_trees = 10);
SELECT count(*), max(abs(n.distance - annoy_angular_distance(a.v, b.v))) < 1e-6 AS by_operator,
	max(abs(n.distance - annoy_get_distance('consistent_v', a.ctid, b.ctid))) < 1e-6 AS by_function,
	max(abs(n.distance - annoy_get_distance('consistent_v', b.ctid, a.ctid))) < 1e-6 AS symmetric
FROM consistent a, annoy_get_nns_by_item('consistent_v', a.ctid, 100) n JOIN consistent b ON b.ctid = n.item WHERE a.id % 10 = 0;
-- include_dists
CREATE FUNCTION opposite(sign integer) RETURNS text LANGUAGE sql AS $$ SELECT array_agg(sign * gauss(1, j))::text FROM generate_series(1, 40) j $$;
SELECT build('angular', opposite(1), opposite(-1));
SELECT nns_by_item(0, 2), distances_by_vector(opposite(1)::real[], 2), nns_by_item(1, 2);
-- only_returns_self, of vectors that differ in length alone
SELECT build('angular', '{1,1,1}', '{2,2,2}');
SELECT nns_by_item(0, 100), distances_by_vector('{5,5,5}', 100);
-- large_index
-- pairs of rows in nearly the same direction, of different lengths
SELECT build('angular', VARIADIC array_agg(v ORDER BY id)) FROM generate_series(0, 9999) id,
	LATERAL (SELECT array_agg((1 + number(id, 0)) * gauss(id / 2, j) + 0.01 * gauss(20000 + id, j) ORDER BY j)::text AS v
		FROM generate_series(1, 10) j) v;
SELECT count(*), count(*) FILTER (WHERE n.ids = ARRAY[i.id, i.id # 1]) AS itself_and_its_pair
FROM items i, LATERAL (SELECT array_agg(n.id ORDER BY distance) AS ids FROM annoy_get_nns_by_item('items_v', i.ctid, 2) JOIN items n ON n.ctid = item) n;
-- precision_1, _10, _100, _1000, with the search_k that Annoy has for 10 trees
CREATE FUNCTION precise(metric text) RETURNS void LANGUAGE sql AS $$
	SELECT build(metric, VARIADIC array_agg(v ORDER BY id))
	FROM generate_series(0, 9999) id,
		LATERAL (SELECT sqrt(sum(gauss(id, j) ^ 2)) AS norm FROM generate_series(2, 10) j) n,
		LATERAL (SELECT array_agg(CASE WHEN j = 1 AND metric = 'angular' THEN 1000 ELSE gauss(id, j) / norm * id END ORDER BY j)::text AS v
			FROM generate_series(CASE WHEN metric = 'angular' THEN 1 ELSE 2 END, 10) j) v $$;
CREATE FUNCTION precision_of(query real[]) RETURNS TABLE (n integer, enough boolean, sorted boolean) LANGUAGE sql AS $$
	SELECT k, (SELECT count(*) FROM unnest(ids) id WHERE id < k) >= 0.98 * k, ids = ARRAY(SELECT id FROM unnest(ids) id ORDER BY 1)
	FROM unnest(ARRAY[1, 10, 100, 1000]) k, LATERAL (SELECT array_agg(id ORDER BY o) AS ids
		FROM annoy_get_nns_by_vector('items_v', query, k, 10 * k) WITH ORDINALITY u (item, distance, o) JOIN items ON ctid = item) x $$;
SELECT precise('angular');
SELECT * FROM precision_of('{1000,0,0,0,0,0,0,0,0,0}');

--
-- euclidean
--
-- get_nns_by_vector, get_nns_by_item
SELECT build('euclidean', '{2,2}', '{3,2}', '{3,3}');
SELECT nns_by_vector('{4,4}', 3), nns_by_vector('{1,1}', 3), nns_by_vector('{4,2}', 3), nns_by_item(0, 3), nns_by_item(2, 3);
-- dist
SELECT build('euclidean', '{0,1}', '{1,1}', '{0,0}');
SELECT distance(0, 1), distance(1, 2) ^ 2 AS squared, distance(0, 2);
-- include_dists: squares
SELECT build('euclidean', '{0,0,2}', '{0,1,1}', '{1,0,0}');
SELECT nns_by_item(0, 3), (SELECT array_agg(round((distance ^ 2)::numeric, 5) ORDER BY distance) FROM annoy_get_nns_by_vector('items_v', '{0,0,2}', 3)) AS from_0,
	nns_by_vector('{2,2,2}', 3), (SELECT array_agg(round((distance ^ 2)::numeric, 5) ORDER BY distance) FROM annoy_get_nns_by_vector('items_v', '{2,2,2}', 3)) AS from_222;
-- precision_1, _10, _100, _1000
SELECT precise('euclidean');
SELECT * FROM precision_of('{0,0,0,0,0,0,0,0,0}');
-- rounding_error
SELECT build('euclidean', '{0.7125930}', '{0.7123166}', '{0.7136471}');
SELECT min(distance) >= 0 AS never_negative, count(*) FROM items i, annoy_get_nns_by_item('items_v', i.ctid, 3);

--
-- manhattan
--
SELECT build('manhattan', '{2,2}', '{3,2}', '{3,3}');
SELECT nns_by_vector('{4,4}', 3), nns_by_vector('{1,1}', 3), nns_by_vector('{5,3}', 3), nns_by_item(0, 3), nns_by_item(2, 3);
-- dist
SELECT build('manhattan', '{0,1}', '{1,1}', '{0,0}');
SELECT distance(0, 1), distance(1, 2), distance(0, 2);
-- include_dists
SELECT build('manhattan', '{0,0,2}', '{0,1,1}', '{1,0,0}');
SELECT nns_by_item(0, 3), distances_by_vector('{0,0,2}', 3), nns_by_vector('{2,2,1}', 3), distances_by_vector('{2,2,1}', 3);

--
-- dot
--
SELECT build('dot', '{2,2}', '{3,2}', '{3,3}');
SELECT nns_by_product('{4,4}', 3), nns_by_product('{1,1}', 3), nns_by_product('{4,2}', 3);
-- the function itself returns the largest first
SELECT array_agg(id ORDER BY o), array_agg(distance ORDER BY o)
FROM annoy_get_nns_by_vector('items_v', '{4,4}', 3) WITH ORDINALITY u (item, distance, o) JOIN items ON ctid = item;
-- dist
SELECT build('dot', '{0,1}', '{1,1}', '{0,0}');
SELECT distance(0, 1), distance(1, 2);
-- include_dists
SELECT build('dot', '{0,0,2}', '{0,1,1}', '{1,0,0}');
SELECT nns_by_product('{0,0,2}', 3), distances_by_vector('{0,0,2}', 3);
-- distance_consistency
CREATE INDEX consistent_ip ON consistent USING annoy (v real_ip_ops) WITH (n_trees = 10);
SELECT count(*), max(abs(n.distance - annoy_inner_product(a.v, b.v))) < 1e-6 AS by_operator,
	max(abs(n.distance - annoy_get_distance('consistent_ip', a.ctid, b.ctid))) < 1e-6 AS by_function
FROM consistent a, annoy_get_nns_by_item('consistent_ip', a.ctid, 100) n JOIN consistent b ON b.ctid = n.item WHERE a.id % 10 = 0;

--
-- hamming
--
-- basic_conversion
CREATE FUNCTION bits(i integer, f integer) RETURNS real[] LANGUAGE sql AS $$ SELECT array_agg(round(number(i, j)) ORDER BY j)::real[] FROM generate_series(1, f) j $$;
SELECT build('hamming', bits(1, 100)::text, bits(2, 100)::text);
SELECT id, annoy_get_item('items_v', ctid) = bits(id + 1, 100)::double precision[] AS round_trip FROM items ORDER BY id;
SELECT distance(0, 1) = (SELECT count(*) FROM unnest(bits(1, 100), bits(2, 100)) u (x, y) WHERE x <> y) AS exact, distance(0, 0), distance(1, 1);
-- basic_nns
SELECT nns_by_item(0, 99), nns_by_item(1, 99), distances_by_vector(bits(1, 100), 99) = ARRAY[0, distance(0, 1)] AS exact;
-- large_index
CREATE TABLE large_hamming AS SELECT i AS id, (i * 2654435761 % 1024)::integer::bit(10) AS v FROM generate_series(0::bigint, 99999) i;
CREATE INDEX large_hamming_v ON large_hamming USING annoy (v);
SELECT count(*), min(distance), max(distance) <= 10 AS at_most_f FROM annoy_get_nns_by_vector('large_hamming_v', B'1010101010', 1000);
SELECT bool_and(distance BETWEEN 0 AND 10) AS in_range, count(DISTINCT distance) FROM annoy_get_nns_by_vector('large_hamming_v', B'1010101010', 100000);

--
-- holes
--
-- random_holes
CREATE TABLE holes AS SELECT (number(i, 0) * 1000000)::integer AS id, ARRAY(SELECT number(i, j) FROM generate_series(1, 10) j)::real[] AS v FROM generate_series(1, 1000) i;
CREATE INDEX holes_v ON holes USING annoy (v real_cosine_ops) WITH (n_trees = 10);
SELECT count(*), bool_and(all_of_them) AS all_of_them FROM holes h,
	LATERAL (SELECT count(*) = 1000 AND count(DISTINCT item) = 1000 AS all_of_them FROM annoy_get_nns_by_item('holes_v', h.ctid, 10000) JOIN holes i ON i.ctid = item) a
WHERE number(id, 1) < 0.01;
SELECT count(*), count(DISTINCT item) FROM annoy_get_nns_by_vector('holes_v', ARRAY(SELECT number(0, j) FROM generate_series(1, 10) j), 10000);
-- root_one_child: one row; no rows
SELECT build('angular', opposite(1));
SELECT nns_by_vector(opposite(-1)::real[], 50), nns_by_item(0, 50);
DELETE FROM items;
SELECT nns_by_vector(opposite(-1)::real[], 50);

--
-- seed
--
-- seeding: a clone with the same seed has the same answers
SELECT annoy_clone_index('holes_v', 'holes_clone');
SELECT count(*) AS queries, count(*) FILTER (WHERE a.answers = b.answers) AS same
FROM generate_series(1, 50) q, LATERAL (SELECT ARRAY(SELECT number(-q, j) FROM generate_series(1, 10) j) AS query) x,
	LATERAL (SELECT array_agg(n::text) AS answers FROM annoy_get_nns_by_vector('holes_v', query, 100) n) a,
	LATERAL (SELECT array_agg(n::text) AS answers FROM annoy_get_nns_by_vector('holes_clone', query, 100) n) b;

--
-- types
--
SELECT call, regexp_replace(failure('SELECT * FROM ' || call), ' \| No function .*', '') AS failure FROM unnest(ARRAY[
	$$annoy_get_nns_by_vector('holes_v', '{1,2,3}')$$, $$annoy_get_nns_by_vector('holes_v', '{}'::real[])$$,
	$$annoy_get_nns_by_vector('holes_v', ARRAY['a', 'b'])$$, $$annoy_get_nns_by_vector('holes_v', 'xxxxxxxxxx')$$,
	$$annoy_get_nns_by_vector('holes_v', 3)$$, $$annoy_get_nns_by_item('holes_v', '(-1,1)')$$, $$annoy_get_nns_by_item('holes_v', 1)$$]) call;

--
-- dtype, for what columns have: an item is its own nearest, at hardly any distance
--
CREATE TABLE typed AS SELECT i AS id, vec(i, 16)::real[] AS r, vec(i, 16) AS d FROM generate_series(1, 500) i;
CREATE INDEX typed_r ON typed USING annoy (r) WITH (n_trees = 10);
CREATE INDEX typed_d ON typed USING annoy (d) WITH (n_trees = 10);
SELECT index, count(*) FILTER (WHERE n.item = t.ctid) AS itself, max(abs(n.distance)) < 1e-4 AS near,
	max(abs(annoy_get_distance(index::regclass, t.ctid, o.ctid) - annoy_get_distance(index::regclass, o.ctid, t.ctid))) <= 1e-6 AS symmetric,
	count(*) FILTER (WHERE n.distance IN ('NaN', 'Infinity')) AS not_finite
FROM unnest(ARRAY['typed_r', 'typed_d']) index, typed t, typed o, annoy_get_nns_by_item(index::regclass, t.ctid, 1) n
WHERE o.id = t.id % 500 + 1 GROUP BY 1 ORDER BY 1;

DROP SCHEMA annoy_upstream CASCADE;
