--
-- Inner product: the order of rows does not depend on the length of the query
--
\set schema annoy_lengths
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
-- Directions without structure, of that length
CREATE FUNCTION vector(i integer, length double precision) RETURNS real[] LANGUAGE sql AS
	$$ SELECT array_agg(((number(i, j) - 0.5) * length)::real ORDER BY j) FROM generate_series(1, 32) j $$;
CREATE FUNCTION nearest(query double precision[], type text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
	rows integer[];
BEGIN
	EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM asked_%s ORDER BY v <#> $1::%s[] LIMIT 10) s',
		split_part(type, ' ', 1), type) INTO rows USING query;
	RETURN rows;
END $$;
CREATE TABLE asked_real AS SELECT i AS id, vector(i, 1) AS v FROM generate_series(1, 5000) i;
CREATE INDEX ON asked_real USING annoy (v real_ip_ops);
CREATE TABLE asked_double AS SELECT id, v::double precision[] FROM asked_real;
CREATE INDEX ON asked_double USING annoy (v double_ip_ops);
SET annoy.search_k = 1000;
SELECT type, power, nearest(q, type) = nearest(scaled, type) AS same
FROM (VALUES ('real', -114), ('real', -50), ('real', 50), ('real', 126),
		('double precision', -1000), ('double precision', -200), ('double precision', 200), ('double precision', 1020)) p (type, power),
	(SELECT v::double precision[] AS q FROM asked_real WHERE id = 7) a,
	LATERAL (SELECT array_agg(x * 2.0::double precision ^ power ORDER BY n) AS scaled FROM unnest(q) WITH ORDINALITY u (x, n)) b;
-- a query that is zero has all rows equally near
SELECT cardinality(nearest(array_fill(0::double precision, ARRAY[32]), 'real'));

SET client_min_messages = warning;
DROP SCHEMA annoy_lengths CASCADE;
