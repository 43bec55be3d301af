--
-- annoy_within(): a range that the planner sees
--
\set schema annoy_within
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

\set dims 32
\i `echo "$PG_ABS_SRCDIR"/test/regress/every_class.sql`
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
\set q '''{0.5,0.5}'''

-- What an index is asked for
CREATE FUNCTION asked(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Index Cond: %<<@%' THEN
			RETURN regexp_replace(btrim(line), '\(InitPlan (expr_)?1\)\.col1', '$0');
		END IF;
	END LOOP;
	RETURN NULL;
END $$;

-- For every class: with the effort for everything, an index has the rows that the table
-- has, in order, whether there is an ORDER BY or not; and the function says what the
-- operator says.
SET annoy.search_k = 100000;
SET annoy.epsilon = 10;
CREATE FUNCTION answers(index_scan boolean, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	PERFORM set_config('enable_indexscan', index_scan::text, true), set_config('enable_seqscan', (NOT index_scan)::text, true);
	IF (asked(query) IS NOT NULL) <> index_scan OR index_scan AND EXISTS (SELECT FROM plan(query) p WHERE p ~ '^Sort|Filter') THEN
		RETURN 'another plan' || index_scan;
	END IF;
	EXECUTE format('SELECT string_agg(id::text, '' '') FROM (%s) s', query) INTO found;
	RETURN found;
END $$;
CREATE FUNCTION sorted(ids text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(i, ' ' ORDER BY i::integer) FROM unnest(string_to_array(ids, ' ')) i $$;
CREATE FUNCTION compare(col text, operator text, metric text, query text, k integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	radius double precision;
	within text;
	said text;
BEGIN
	EXECUTE format('SELECT d FROM (SELECT %s %s %s AS d FROM items) s ORDER BY d OFFSET %s LIMIT 1', col, operator, query, k - 1) INTO radius;
	within := format('SELECT id FROM items WHERE annoy_within(%s, %s, %L, %L)', col, query, radius, metric);
	said := format('SELECT id FROM items WHERE %s %s %s <= %L', col, operator, query, radius);
	RETURN concat_ws(' ', array_length(string_to_array(answers(true, within), ' '), 1) >= k,
		answers(true, within) = answers(true, within || format(' ORDER BY %s %s %s', col, operator, query)),
		sorted(answers(true, within)) = sorted(answers(false, within)),
		sorted(answers(false, within)) = (SELECT string_agg(id::text, ' ' ORDER BY id) FROM ids_of(said) i (id)));
END $$;
CREATE FUNCTION ids_of(query text) RETURNS SETOF integer LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE query; END $$;
SELECT col, metric, string_agg(compare(col, operator, metric,
	CASE col WHEN 'b' THEN format('B%L', bitvec(-5, 32)) WHEN 'v' THEN format('%L::real[]', vec(-5, 32)::real[]) ELSE format('%L::double precision[]', vec(-5, 32)) END, k), ', ' ORDER BY k)
FROM (VALUES ('v', '<->', 'euclidean'), ('v', '<=>', 'cosine'), ('v', '<#>', 'dot'), ('v', '<+>', 'manhattan'), ('v', '<~>', 'hamming'),
	('d', '<->', 'l2'), ('d', '<=>', 'angular'), ('d', '<#>', 'inner'), ('d', '<+>', 'l1'), ('d', '<~>', 'hamming'), ('b', '<~~>', 'hamming')) i (col, operator, metric),
	unnest(ARRAY[1, 10, 300]) k
GROUP BY col, metric ORDER BY col, metric;
RESET annoy.epsilon;
RESET annoy.search_k;

-- Queries of all types, and without one; the radius itself is within
CREATE TABLE small (id integer, v real[], d double precision[], b bit(4), vb bit varying);
INSERT INTO small VALUES (0, '{0,0}', '{0,0}', B'0000', B'0000'), (3, '{3,0}', '{3,0}', B'0111', B'0111'), (-4, '{0,4}', '{0,4}', B'1111', B'1111'), (5, '{3,4}', '{3,4}', B'0001', B'0001'), (NULL, NULL, NULL, NULL, NULL);
CREATE INDEX small_v ON small USING annoy (v);
CREATE INDEX small_d ON small USING annoy (d double_ip_ops);
CREATE INDEX small_b ON small USING annoy (b);
CREATE INDEX small_vb ON small USING annoy (vb);
CREATE FUNCTION near(condition text, ending text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id FROM small WHERE %s %s', condition, ending);
	found text;
BEGIN
	EXECUTE format('SELECT string_agg(coalesce(id::text, ''NULL''), '' '') FROM (%s) s', query) INTO found;
	RETURN format('%s: %s', CASE WHEN asked(query) IS NOT NULL THEN 'index' ELSE 'table' END, coalesce(found, 'none'));
END $$;
SELECT condition, near(condition) FROM unnest(ARRAY[
	$$annoy_within(v, '{0,0}', 4)$$, $$annoy_within(v, '{0,0}'::real[], 4)$$, $$annoy_within(v, '{0,0}'::float8[], 3.9)$$, $$annoy_within(v, ARRAY[0,0], 5)$$,
	$$annoy_within(v, ARRAY[0.0,0], 2)$$, $$annoy_within(v, '{0,0}'::smallint[], 0)$$, $$annoy_within(v, '{0,0}', -1)$$, $$annoy_within(v, '{0,0}', 'Infinity')$$,
	$$annoy_within(v, NULL::real[], 1)$$, $$annoy_within(v, '{0,0}', NULL)$$, $$annoy_within(radius => 3, query => '{0,0}', embedding => v)$$,
	$$annoy_within(v, '{0,0}', 4, 'l2')$$, $$annoy_within(v, '{0,0}', 4, 'manhattan')$$, $$annoy_within(v, '{0,0}', 4, lower('L2'))$$,
	$$annoy_within(v, '{0,0}', 4) AND annoy_within(v, '{0,0}', 3)$$, $$annoy_within(v, '{0,0}', 4) AND annoy_within(v, '{3,4}', 4)$$,
	$$annoy_within(v, '{0,0}', 4) AND v IS NOT NULL$$, $$annoy_within(v, '{0,0}', 4) AND v IS NULL$$, $$NOT annoy_within(v, '{0,0}', 4)$$,
	$$annoy_within(v, '{0,0}', 4) AND id > 0$$, $$annoy_within(v, v, 4)$$, $$annoy_within('{0,0}'::real[], v, 4)$$,
	$$annoy_within(d, '{3,4}', -9, 'dot')$$, $$annoy_within(d, '{3,4}', -9)$$,
	$$annoy_within(b, B'1111', 1)$$, $$annoy_within(b, '1111', 1)$$, $$annoy_within(vb, B'1111', 1)$$, $$annoy_within(vb, '1111', 3)$$,
	$$v <<@ ROW('{0,0}'::text, 3::float8, 'l2'::text)$$, $$v <<@ ROW('{0,0}'::text, 4::float8, 'l1'::text)$$, $$v <<@ ROW('{0,0}'::text, 4::float8, NULL::text)$$,
	$$v <<@ ANY (ARRAY[ROW('{3,4}'::text, 0::float8, 'l2'::text), ROW('{0,0}'::text, 3::float8, 'l2'::text)])$$]) condition;
-- The order may be from another query than the condition.
SELECT condition, near(condition, $$ORDER BY v <-> '{0,3}'$$) FROM unnest(ARRAY[
	$$v <<@ ANY (ARRAY[ROW('{3,4}'::text, 0::float8, 'l2'::text), ROW('{0,0}'::text, 3::float8, 'l2'::text)])$$,
	$$annoy_within(v, '{0,3}', 3.5)$$, $$annoy_within(v, '{0,0}', 4)$$, $$annoy_within(v, ARRAY[0, 3.0], 3.5)$$, $$annoy_within(v, '{0,3}', 4, 'l1')$$]) condition;
SELECT near($$annoy_within(v, '{0,0}', 4)$$, 'ORDER BY v <-> NULL'), near($$annoy_within(v, '{0,0}', 4)$$, $$ORDER BY v <-> '{0,0}' LIMIT 2$$),
	near($$annoy_within(v, '{0,0}', 4)$$, $$ORDER BY v <-> '{0,0}' OFFSET 1$$);
SELECT asked($$SELECT id FROM small WHERE annoy_within(v, '{0,0}', 4) ORDER BY v <-> '{0,0}' LIMIT 2$$);

PREPARE within AS SELECT id FROM small WHERE annoy_within(v, $1, $2) ORDER BY v <-> '{0,1}';
SET plan_cache_mode = force_generic_plan;
SELECT asked($$EXECUTE within('{0,1}', 1)$$);
EXECUTE within('{0,1}', 1);
EXECUTE within('{0,1}', 4);
EXECUTE within(NULL, 4);
PREPARE reals(real[], double precision) AS SELECT id FROM small WHERE annoy_within(v, $1, $2) ORDER BY v <-> $1;
EXECUTE reals('{3,4}', 3);
EXECUTE reals('{3,4}', 100);
RESET plan_cache_mode;

-- A join: the condition ends each scan.
SELECT asked($$SELECT s.id, t.id FROM small s, LATERAL (SELECT id FROM small WHERE annoy_within(v, s.v, 3.5)) t$$);
SELECT s.id, string_agg(t.id::text, ' ' ORDER BY t.id) FROM small s, LATERAL (SELECT id FROM small WHERE annoy_within(v, s.v, 3.5)) t GROUP BY s.id ORDER BY s.id;
-- Either vector may be the column.
SELECT asked($$SELECT s.id, t.id FROM small s JOIN small t ON annoy_within(t.v, s.v, 3.5) WHERE s.id = 0$$);
SELECT asked($$SELECT s.id, t.id FROM small s JOIN small t ON annoy_within(s.v, t.v, 3.5) WHERE s.id = 0$$);
SELECT s.id, string_agg(t.id::text, ' ' ORDER BY t.id) FROM small s JOIN small t ON annoy_within(s.v, t.v, 3.5) GROUP BY s.id ORDER BY s.id;

SELECT condition, failure('SELECT FROM small WHERE ' || condition), failure($$SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SELECT FROM small WHERE $$ || condition) FROM unnest(ARRAY[
	$$annoy_within(v, '{0,0}', 'NaN')$$, $$annoy_within(v, '{0,0,0}', 1)$$, $$annoy_within(v, '{0,NaN}', 1)$$, $$annoy_within(v, 'near', 1)$$,
	$$annoy_within(v, '{0,0}', 1, 'jaccard')$$, $$annoy_within(b, B'1111', 1, 'l2')$$, $$annoy_within(v, '{a}'::text[], 1)$$,
	$$v <<@ ROW(1)$$, $$v <<@ ROW('{0,0}'::text, 1, 'l2'::text)$$, $$v <<@ ROW(1, 1::float8, 'l2'::text)$$]) condition;

-- The index is one of the metric.
SELECT plan($$SELECT id FROM items WHERE annoy_within(v, (SELECT v FROM items WHERE id = 7), 0.1, 'cosine')$$);
-- None is used if the planner thinks that a sequential scan is cheaper.
ANALYZE small;
-- A join is thought to have one row in 200, too.
CREATE FUNCTION rows_of(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	said json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO said;
	RETURN said->0->'Plan'->>'Plan Rows';
END $$;
SELECT rows_of('SELECT FROM items s JOIN items t ON annoy_within(t.v, s.v, 3.5)') / (rows_of('TABLE items') ^ 2) BETWEEN 0.004 AND 0.006 AS a_few;
RESET enable_seqscan;
SELECT plan($$SELECT id FROM small WHERE annoy_within(v, '{0,0}', 4)$$);
SET enable_seqscan = off;

-- A search ends behind the radius, and says so; without conditions, it would go on.
CREATE TABLE many AS SELECT i AS id, vec(i, 16)::real[] AS v, i % 10 AS kind FROM generate_series(1, 20000) i;
CREATE INDEX many_v ON many USING annoy (v, kind);
ANALYZE many;
\set q '(SELECT v FROM many WHERE id = 7)'
SELECT count(*) > 10 AS enough FROM (SELECT FROM many WHERE annoy_within(v, :q, 1.2) ORDER BY v <-> :q) m;
SELECT NOT drained AND entries < 20000 AS ended FROM annoy_last_scan();
SELECT count(*) > 10 AS enough FROM many WHERE annoy_within(v, :q, 1.2);
SELECT NOT drained AND entries < 20000 AS ended FROM annoy_last_scan();
-- as many as annoy_search_radius() finds; with a condition on a further column, too
SELECT (SELECT count(*) FROM many WHERE annoy_within(v, :q, 1.2)) = (SELECT count(*) FROM annoy_search_radius('many_v', :q, 1.2)) AS same;
SELECT asked($$SELECT id FROM many WHERE annoy_within(v, (SELECT v FROM many WHERE id = 7), 1.2) AND kind = 7$$);
SELECT count(*) > 3 AS enough, count(*) FILTER (WHERE kind <> 7) AS wrong, count(*) FILTER (WHERE NOT annoy_within(v, :q, 1.2)) AS beyond
FROM (SELECT * FROM many WHERE annoy_within(v, :q, 1.2) AND kind = 7 OFFSET 0) m;
-- everything, NULL excepted
INSERT INTO many VALUES (0, NULL, 3);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM many WHERE annoy_within(v, :q, 'Infinity') ORDER BY v <-> :q) m;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM many WHERE annoy_within(v, :q, 1000) AND kind = 3 OFFSET 0) m;
-- rows that are found late are within, and come at the end
SET annoy.search_k = 1;
CREATE TEMP TABLE strict AS SELECT * FROM many WHERE annoy_within(v, :q, 1.6) ORDER BY v <-> :q;
SELECT count(*) > 10 AS enough, count(*) = count(DISTINCT id) AS all_different, bool_and(annoy_within(v, :q, 1.6)) AS within FROM strict;
SET annoy.strict_order = off;
CREATE TEMP TABLE relaxed AS SELECT * FROM many WHERE annoy_within(v, :q, 1.6) ORDER BY v <-> :q;
SELECT (SELECT count(*) FROM strict) >= count(*) AS as_many FROM relaxed;
RESET annoy.strict_order;
-- so do those of an index that learns from the table that they are late
DROP INDEX many_v;
CREATE INDEX many_v ON many USING annoy (v) WITH (dtype = int8);
SET annoy.search_k = 50;
CREATE TEMP TABLE settled AS SELECT * FROM many WHERE annoy_within(v, :q, 1.6) ORDER BY v <-> :q;
SET annoy.strict_order = off;
CREATE TEMP TABLE at_once AS SELECT * FROM many WHERE annoy_within(v, :q, 1.6) ORDER BY v <-> :q;
SELECT count(*) AS missing FROM (SELECT id FROM at_once EXCEPT SELECT id FROM settled) m;
SELECT count(*) > 0 AS some_are_late FROM (SELECT v <-> :q < lag(v <-> :q) OVER () AS is_late FROM settled) s WHERE is_late;
RESET annoy.strict_order;
RESET annoy.search_k;

-- An index that rounds leaves it to the function, which knows the table's vector.
CREATE TABLE rounded AS SELECT i AS id, ARRAY[1 + i / 100000.0, 0]::real[] AS v FROM generate_series(0, 200) i;
CREATE INDEX rounded_v ON rounded USING annoy (v) WITH (dtype = float16);
SELECT max(id) <= 100 AS exactly, count(*) > 30 AS enough FROM (SELECT id FROM rounded WHERE annoy_within(v, '{1,0}', 0.001) OFFSET 0) r;

-- Who calls without an expression, as the planner does to estimate how often an operator is
-- true, does not tell of which types arguments are.
CREATE TABLE few AS SELECT B'0101'::bit(4) AS b FROM generate_series(1, 100);
ANALYZE few;
CREATE OPERATOR <<<@ (LEFTARG = bit, RIGHTARG = record, FUNCTION = annoy_within, RESTRICT = eqsel);
CREATE TYPE near AS (query bit(4), radius double precision, metric text);
SELECT failure($$SELECT count(*) FROM few WHERE b <<<@ '(0111,1,hamming)'::near$$);

SET client_min_messages = warning;
DROP SCHEMA annoy_within CASCADE;
