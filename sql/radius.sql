--
-- Rows within a distance
--
\set schema annoy_radius
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

CREATE TABLE items (id integer PRIMARY KEY, v real[], d double precision[], b bit(32));
INSERT INTO items SELECT i, vec(i, 32), vec(i, 32), bitvec(i, 32) FROM generate_series(1, 1500) i;
INSERT INTO items VALUES (2000);
CREATE INDEX v_l2 ON items USING annoy (v);
CREATE INDEX v_cosine ON items USING annoy (v real_cosine_ops) WITH (n_trees = 3);
CREATE INDEX v_ip ON items USING annoy (v real_ip_ops);
CREATE INDEX v_l1 ON items USING annoy (v real_l1_ops);
CREATE INDEX v_hamming ON items USING annoy (v real_hamming_ops);
CREATE INDEX d_l2 ON items USING annoy (d);
CREATE INDEX d_cosine ON items USING annoy (d double_cosine_ops);
CREATE INDEX d_ip ON items USING annoy (d double_ip_ops);
CREATE INDEX d_l1 ON items USING annoy (d double_l1_ops);
CREATE INDEX d_hamming ON items USING annoy (d double_hamming_ops);
CREATE INDEX b_hamming ON items USING annoy (b);
ANALYZE items;

--
-- All rows whose distance, the operator's, is at most that of the k-th nearest:
-- with the effort for everything, those that the table has, in order
--
CREATE FUNCTION same_answers(index regclass, col text, operator text, query text, k integer) RETURNS text LANGUAGE plpgsql
SET enable_indexscan = off AS $$
DECLARE
	radius double precision;
	wanted text;
	found text;
BEGIN
	EXECUTE format('SELECT %s %s %s AS d FROM items ORDER BY d OFFSET %s LIMIT 1', col, operator, query, k - 1) INTO radius;
	EXECUTE format('SELECT string_agg(concat(d, ctid), '' '' ORDER BY d, ctid) FROM (SELECT ctid, %s %s %s AS d FROM items) s WHERE d <= %L',
		col, operator, query, radius) INTO wanted;
	EXECUTE format('SELECT string_agg(concat(distance, item), '' '' ORDER BY o) FROM annoy_search_radius(%L, %s, %L, 100000) WITH ORDINALITY f (item, distance, o)',
		index, query, radius) INTO found;
	RETURN CASE WHEN found = wanted THEN 'same' ELSE 'not the same' END;
END $$;
SET annoy.epsilon = 10;
SELECT index, string_agg(same_answers(index::regclass, left(index, 1), operator,
	CASE WHEN index LIKE 'b%' THEN format('B%L', bitvec(-5, 32)) WHEN index LIKE 'v%' THEN format('%L::real[]', vec(-5, 32)::real[])
		ELSE format('%L::double precision[]', vec(-5, 32)) END, k), ', ' ORDER BY k)
FROM (VALUES ('v_l2', '<->'), ('v_cosine', '<=>'), ('v_ip', '<#>'), ('v_l1', '<+>'), ('v_hamming', '<~>'),
	('d_l2', '<->'), ('d_cosine', '<=>'), ('d_ip', '<#>'), ('d_l1', '<+>'), ('d_hamming', '<~>'), ('b_hamming', '<~~>')) i (index, operator),
	unnest(ARRAY[1, 10, 100, 1500]) k
GROUP BY index ORDER BY index;
RESET annoy.epsilon;

-- the radius itself is within; queries of all types, and without one
CREATE TABLE small (id integer, v real[], b bit(4));
INSERT INTO small VALUES (0, '{0,0}', B'0000'), (3, '{3,0}', B'0111'), (-4, '{0,4}', B'1111'), (5, '{3,4}', B'0001'), (NULL, NULL, NULL);
CREATE INDEX small_v ON small USING annoy (v);
CREATE INDEX small_ip ON small USING annoy (v real_ip_ops);
CREATE INDEX small_b ON small USING annoy (b);
CREATE FUNCTION near(radius double precision, query real[] DEFAULT '{0,0}') RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(id::text, ' ' ORDER BY o) FROM annoy_search_radius('small_v', query, radius) WITH ORDINALITY f (item, distance, o) JOIN small ON ctid = item $$;
SELECT radius, near(radius) FROM unnest(ARRAY['-Infinity', -1, 0, 2.999, 3, 3.999, 4, 5, 'Infinity', NULL]::double precision[]) radius;
SELECT radius, string_agg(id || ' ' || distance, ', ' ORDER BY distance, id)
FROM unnest(ARRAY[-25, -16, -9, 0]) radius, annoy_search_radius('small_ip', '{3,4}', radius) JOIN small ON ctid = item
GROUP BY radius ORDER BY radius;
SELECT string_agg(id || ' ' || distance, ', ' ORDER BY distance, id) FROM annoy_search_radius('small_b', B'1111', 1) JOIN small ON ctid = item;
SELECT string_agg(id || ' ' || distance, ', ' ORDER BY distance, id) FROM annoy_search_radius('small_b', '1111', 3) JOIN small ON ctid = item;
SELECT count(*) FROM annoy_search_radius('small_v', '{0,0}', 4) NATURAL JOIN annoy_search_radius('small_v', ARRAY[0, 0.0], 4) b
	NATURAL JOIN annoy_search_radius('small_v', ARRAY[0, 0], 4) c NATURAL JOIN annoy_search_radius('small_v', ARRAY[0, 0]::double precision[], 4.0) d;
PREPARE within AS SELECT id FROM annoy_search_radius('small_v', $1, $2) JOIN small ON ctid = item ORDER BY distance;
EXECUTE within('{0,1}', 1);
SELECT (SELECT count(*) FROM annoy_search_radius(NULL, '{0,0}', 4)), (SELECT count(*) FROM annoy_search_radius('small_v', NULL::real[], 4)),
	(SELECT count(*) FROM annoy_search_radius('small_v', '{0,0}', NULL)), (SELECT count(*) FROM annoy_search_radius('small_v', '{0,0}', 4, NULL));
SELECT call, failure('SELECT * FROM ' || call) FROM unnest(ARRAY[
	$$annoy_search_radius('small_v', '{0,0}', 'NaN')$$,
	$$annoy_search_radius('small_v', '{0,0}', 'far')$$,
	$$annoy_search_radius('small_v', '{0,0}', 1, 0)$$,
	$$annoy_search_radius('small_v', '{0,0,0}', 1)$$,
	$$annoy_search_radius('small_v', '{0,NaN}', 1)$$,
	$$annoy_search_radius('small_v', 'zero', 1)$$,
	$$annoy_search_radius('small_v', B'00', 1)$$,
	$$annoy_search_radius('small_b', ARRAY[0, 0], 1)$$,
	$$annoy_search_radius('small', '{0,0}', 1)$$]) call;

-- which rows: those that the snapshot sees
BEGIN;
INSERT INTO small VALUES (1, '{1,0}');
UPDATE small SET v = '{9,9}' WHERE id = 3;
UPDATE small SET id = 7 WHERE id = 5;
DELETE FROM small WHERE id = 0;
SELECT near(5);
ROLLBACK;
SELECT near(5);

--
-- A search ends where the radius does; a condition above the index does not end it.
--
CREATE TABLE many AS SELECT i AS id, vec(i, 8)::real[] AS v FROM generate_series(1, 10000) i;
CREATE INDEX many_v ON many USING annoy (v) WITH (search_k = 300);
ANALYZE many;
SELECT vec(20000, 8)::text AS q \gset
SELECT max(d) AS radius FROM (SELECT v <-> :'q' AS d FROM many ORDER BY v <-> :'q' LIMIT 20) s \gset
SELECT count(*) > 15 AS found FROM annoy_search_radius('many_v', :'q', :radius);
SELECT drained, entries < 1000 AS few FROM annoy_last_scan();
SELECT count(*) FROM annoy_search_radius('many_v', :'q', 0);
SELECT drained, entries < 1000 AS few FROM annoy_last_scan();
SET enable_seqscan = off;
SELECT count(*) > 15 AS found FROM (SELECT FROM many WHERE v <-> :'q' <= :radius ORDER BY v <-> :'q' LIMIT 100) s;
SELECT drained FROM annoy_last_scan();
RESET enable_seqscan;
-- unless it is far, where everything comes; in little memory, too
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT item), bool_and(distance >= before) AS in_order
FROM (SELECT item, distance, lag(distance, 1, -1.0) OVER (ORDER BY o) AS before
	FROM annoy_search_radius('many_v', :'q', 'Infinity') WITH ORDINALITY f (item, distance, o)) s;
RESET work_mem;
SELECT drained FROM annoy_last_scan();
-- search_k is for one call, and counts
SELECT count(*) > 15 AS found FROM annoy_search_radius('many_v', :'q', :radius, 5000);
SELECT entries >= 5000 AS many FROM annoy_last_scan();
SHOW annoy.search_k;

-- At the effort that the index chooses by itself, most rows within any radius are
-- found, whatever their number.
ALTER INDEX many_v RESET (search_k);
CREATE TABLE queries AS SELECT i AS id, vec(20000 + i, 8)::real[] AS q FROM generate_series(1, 40) i;
CREATE TABLE radii AS SELECT id, q, k, d AS radius FROM queries,
	LATERAL (SELECT row_number() OVER (ORDER BY v <-> q) AS k, v <-> q AS d FROM many) s WHERE k IN (1, 10, 100, 1000);
SELECT k, sum(found) >= 0.93 * 40 * k AS most, sum(found) >= sum(by_limit) AS not_fewer_than_by_limit
FROM radii, LATERAL (SELECT count(*) AS found FROM annoy_search_radius('many_v', q, radius)) n,
	LATERAL (SELECT count(*) FILTER (WHERE d <= radius) AS by_limit FROM (SELECT v <-> q AS d FROM many ORDER BY v <-> q LIMIT k) s) l
GROUP BY k ORDER BY k;

-- Within a distance of each of some rows: joins
SELECT q.id, count(*) > 1 AS others, bool_or(m.id = q.id) AS itself, count(*) FILTER (WHERE (m.v <-> q.v) IS DISTINCT FROM n.distance) AS wrong
FROM many q, annoy_search_radius('many_v', q.v, 0.5) n JOIN many m ON m.ctid = n.item
WHERE q.id <= 3 GROUP BY q.id ORDER BY q.id;

--
-- Who may read the table may search it, but not around row-level security.
--
CREATE ROLE regress_annoy_radius;
GRANT USAGE ON SCHEMA annoy_radius TO regress_annoy_radius;
SET ROLE regress_annoy_radius;
SELECT failure($$SELECT * FROM annoy_search_radius('small_v', '{0,0}', 1)$$);
RESET ROLE;
GRANT SELECT ON small TO regress_annoy_radius;
SET ROLE regress_annoy_radius;
SELECT near(3);
RESET ROLE;
ALTER TABLE small ENABLE ROW LEVEL SECURITY;
SET ROLE regress_annoy_radius;
SELECT failure($$SELECT * FROM annoy_search_radius('small_v', '{0,0}', 1)$$);
RESET ROLE;
REVOKE ALL ON small FROM regress_annoy_radius;
REVOKE ALL ON SCHEMA annoy_radius FROM regress_annoy_radius;
DROP ROLE regress_annoy_radius;

-- Many rows by manhattan distance, of which scores only hint: candidates follow
-- the rows that are wanted.
CREATE TABLE evenly AS
	SELECT i AS id, ARRAY(SELECT number(i, j)::real FROM generate_series(1, 10) j) AS v FROM generate_series(1, 12000) i;
CREATE INDEX evenly_v ON evenly USING annoy (v real_l1_ops);
SELECT k, round(recall::numeric, 2) >= 0.94 AS enough
FROM unnest(ARRAY[10, 300, 1000, 2000]) k, annoy_recall('evenly_v', k => k, queries => 20);
SELECT avg(found / rows) >= 0.94 AS enough FROM evenly q,
	LATERAL (SELECT count(*)::float8 AS found FROM annoy_search_radius('evenly_v', q.v, 2.2)) f,
	LATERAL (SELECT count(*)::float8 AS rows FROM evenly WHERE v <+> q.v <= 2.2) r
WHERE id % 1000 = 0;

SET client_min_messages = warning;
DROP SCHEMA annoy_radius CASCADE;
