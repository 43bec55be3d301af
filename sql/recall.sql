--
-- Recall as the knob: annoy.target_recall, annoy_recall(), annoy_calibrate()
--
\set schema annoy_recall
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
-- Vectors without much structure, which are hard to find
CREATE FUNCTION hard(i integer) RETURNS real[] LANGUAGE sql AS
	$$ SELECT array_agg((number(i, j) + number(i % 50, j))::real ORDER BY j) FROM generate_series(1, 16) j $$;
CREATE TABLE items AS SELECT i AS id, hard(i) AS v FROM generate_series(1, 10000) i;
CREATE INDEX items_v ON items USING annoy (v);
ANALYZE items;

--
-- A build measures the recall curve: more effort finds more, in the end all.
--
SELECT k, count(*) AS points, min(asked) >= 19 AS asked, min(search_k) < 1000 AS first,
	max(search_k) >= 5000 AS last, min(recall) < 0.9 AS low, max(recall) > 0.99 AS high,
	bool_and(recall BETWEEN 0 AND 1) AS valid
FROM annoy_recall_curve('items_v') GROUP BY k ORDER BY k;
SELECT bool_and(recall >= before) AS ascending
FROM (SELECT recall, lag(recall) OVER (PARTITION BY k ORDER BY search_k) AS before
	FROM annoy_recall_curve('items_v')) c WHERE before IS NOT NULL;

-- It depends on nothing but the index, so that of an equal one is the same,
-- whatever is set.
CREATE TABLE curves AS SELECT 'built' AS what, c.* FROM annoy_recall_curve('items_v') c;
SET annoy.search_k = 1;
SET annoy.epsilon = 0;
SELECT annoy_calibrate('items_v') > 50 AS asked;
SHOW annoy.epsilon;
RESET annoy.search_k;
RESET annoy.epsilon;
SELECT count(*) AS differences FROM (
	SELECT c.* FROM annoy_recall_curve('items_v') c EXCEPT SELECT k, search_k, recall, asked FROM curves) d;

--
-- What a search does with it: the first round scans what the curve says
--
CREATE FUNCTION entries() RETURNS double precision LANGUAGE sql AS
	$$ SELECT entries FROM annoy_recall('items_v', queries => 30) $$;
CREATE TABLE efforts (what text, entries double precision);
INSERT INTO efforts VALUES ('default', entries());
SET annoy.target_recall = 0.7;
INSERT INTO efforts VALUES ('.7', entries());
SET annoy.target_recall = 0.95;
INSERT INTO efforts VALUES ('.95', entries());
SET annoy.target_recall = 0.99;
INSERT INTO efforts VALUES ('.99', entries());
SET annoy.target_recall = 1;
INSERT INTO efforts VALUES ('1', entries());
SELECT recall FROM annoy_recall('items_v');
RESET annoy.target_recall;
SELECT (SELECT entries FROM efforts WHERE what = 'default') = (SELECT entries FROM efforts WHERE what = '.95') AS is_default,
	string_agg(what, ' < ' ORDER BY entries) AS ascending
FROM efforts WHERE what <> 'default';
SELECT entries FROM efforts WHERE what = '1';

-- Whose word counts: search_k before target_recall; of each, the setting before
-- the storage parameter.
CREATE FUNCTION chosen() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT what FROM efforts e WHERE e.entries = entries() ORDER BY what LIMIT 1), 'another') $$;
SELECT chosen();
ALTER INDEX items_v SET (target_recall = 0.99);
SELECT chosen() AS parameter;
SET annoy.target_recall = 0.7;
SELECT chosen() AS setting;
SET annoy.target_recall = 0.95;
SELECT chosen() AS setting_of_default;
ALTER INDEX items_v SET (search_k = 20000);
SELECT entries() AS search_k_parameter;
SET annoy.search_k = 1;
SELECT entries() < 500 AS search_k_setting;
RESET annoy.search_k;
ALTER INDEX items_v RESET (search_k);
RESET annoy.target_recall;
SELECT chosen() AS parameter;
BEGIN;
SET LOCAL annoy.target_recall = 1;
SELECT chosen() AS local;
COMMIT;
SELECT chosen() AS parameter;
ALTER INDEX items_v SET (target_recall = -1);
SELECT chosen() AS none;
ALTER INDEX items_v RESET (target_recall);

-- The planner knows.
CREATE FUNCTION search_cost() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM items ORDER BY v <-> array_fill(0::real, ARRAY[16]) LIMIT 10' INTO plan;
	RETURN plan->0->'Plan'->'Total Cost';
END $$;
CREATE TABLE costs (n integer, cost double precision);
INSERT INTO costs VALUES (2, search_cost());
SET annoy.target_recall = 0.6;
INSERT INTO costs VALUES (1, search_cost());
SET annoy.target_recall = 0.999;
INSERT INTO costs VALUES (3, search_cost());
SET annoy.target_recall = 1;
INSERT INTO costs VALUES (4, search_cost());
RESET annoy.target_recall;
SELECT string_agg(n::text, ' < ' ORDER BY cost, n) AS costs, count(DISTINCT cost) FROM costs;

--
-- annoy_recall()
--
SELECT recall > 0.9 AS recall, latency_ms > 0 AS latency, entries > 100 AS entries, asked FROM annoy_recall('items_v');
SELECT recall < 0.9 AS recall, entries < 500 AS entries, asked FROM annoy_recall('items_v', search_k => 1);
SELECT recall, entries >= 10000 AS entries, asked > 45 AS asked FROM annoy_recall('items_v', 1, 50, 2147483647);
SHOW annoy.search_k;
-- Rows that nobody sees do not count, in the answers or among the queries.
CREATE TABLE few AS SELECT * FROM items WHERE id <= 20;
CREATE INDEX few_v ON few USING annoy (v);
SELECT recall, asked FROM annoy_recall('few_v', 10000, 1000);
DELETE FROM few WHERE id > 1;
INSERT INTO few VALUES (1000, NULL);
SELECT recall, asked <= 1 AS asked FROM annoy_recall('few_v');
INSERT INTO few SELECT 100 + id, v FROM items WHERE id <= 3;
SELECT recall, asked BETWEEN 1 AND 4 AS asked FROM annoy_recall('few_v', 2, 1000);
DELETE FROM few;
SELECT recall, latency_ms, entries, asked FROM annoy_recall('few_v');
TRUNCATE few;
SELECT recall, latency_ms, entries, asked FROM annoy_recall('few_v');
-- all types and metrics
CREATE TABLE kinds AS SELECT id, v AS r, v::double precision[] AS d, bitvec(id, 100)::bit(100) AS b FROM items WHERE id <= 500;
CREATE FUNCTION recall_of(col text, opclass text) RETURNS double precision LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX kind ON kinds USING annoy (%s %s)', col, opclass);
	RETURN (SELECT recall FROM annoy_recall('kind', 5, 20));
END $$;
DO $$
DECLARE
	opclass text;
	recall double precision;
	n integer := 0;
BEGIN
	FOR opclass IN SELECT opcname FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod AND amname = 'annoy'
		WHERE opcnamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'annoy')
			AND EXISTS (SELECT FROM pg_amproc WHERE amprocfamily = opcfamily) LOOP
		recall := recall_of(left(opclass, 1), opclass);
		IF recall IS NULL OR recall < 0.99 THEN
			RAISE WARNING '%: %', opclass, recall;
		END IF;
		DROP INDEX kind;
		n := n + 1;
	END LOOP;
	RAISE NOTICE '% operator classes', n;
END $$;

--
-- Small indexes have no curve, and are searched as a whole.
--
CREATE TABLE small AS SELECT * FROM items WHERE id <= 7000;
CREATE INDEX small_v ON small USING annoy (v);
SELECT count(*) FROM annoy_recall_curve('small_v');
SELECT annoy_calibrate('small_v');
SELECT recall, entries FROM annoy_recall('small_v');
CREATE TABLE nothing (id integer, v real[]);
CREATE INDEX nothing_v ON nothing USING annoy (v);
SELECT count(*) FROM annoy_recall_curve('nothing_v');
SELECT annoy_calibrate('nothing_v');

--
-- annoy_last_scan() tells what was wanted, and what the curve predicts of the effort: a
-- little more, for the number of rows that were taken
--
CREATE FUNCTION predicted(query text, target text DEFAULT '.95',
	OUT target_recall double precision, OUT predicted double precision, OUT effort double precision) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('annoy.target_recall', target, false);
	EXECUTE query;
	SELECT s.target_recall, s.predicted_recall, s.effort INTO target_recall, predicted, effort FROM annoy_last_scan() s;
END $$;
SELECT t AS wanted, k, target_recall = t AS target, predicted BETWEEN t AND t + .03 AS predicted
FROM unnest(ARRAY[.9, .95, .98]) t, unnest(ARRAY[10, 40, 100, 600, 1000]) k,
	predicted(format('SELECT id FROM items ORDER BY v <-> (SELECT hard(5)) LIMIT %s', k), t::text)
WHERE predicted BETWEEN t AND t + .03 IS NOT TRUE;
SET annoy.search_k = 2500;
SELECT target_recall, predicted BETWEEN .5 AND 1 AS predicted, effort FROM predicted('SELECT id FROM items ORDER BY v <-> (SELECT hard(5)) LIMIT 10');
SET annoy.search_k = 1;
SELECT target_recall, predicted, effort FROM predicted('SELECT id FROM items ORDER BY v <-> (SELECT hard(5)) LIMIT 10');
SET annoy.search_k = 10000000;
SELECT target_recall, predicted > .99 AS predicted, effort < 100000 AS less FROM predicted('SELECT id FROM items ORDER BY v <-> (SELECT hard(5)) LIMIT 10');
RESET annoy.search_k;
SELECT target_recall, predicted, effort FROM predicted('SELECT id FROM items ORDER BY v <-> (SELECT hard(5))');
SELECT target_recall, predicted, effort > 0 AS effort FROM predicted('SELECT id FROM small ORDER BY v <-> (SELECT hard(5)) LIMIT 10');
RESET annoy.target_recall;

--
-- VACUUM makes a curve where there is none, and a new one when there are a third
-- more rows, or much fewer; neither INSERT nor ANALYZE do.
--
CREATE TEMP TABLE changing AS SELECT * FROM items LIMIT 0;
CREATE INDEX changing_v ON changing USING annoy (v);
INSERT INTO changing SELECT * FROM items;
CREATE FUNCTION same_curve() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	same boolean;
	curve text := (SELECT string_agg(c::text, ' ') FROM annoy_recall_curve('changing_v') c);
BEGIN
	same := curve IS NOT DISTINCT FROM nullif(current_setting('regress.curve', true), '');
	PERFORM set_config('regress.curve', curve, false);
	RETURN same;
END $$;
SELECT same_curve(), (SELECT count(*) > 0 FROM annoy_recall_curve('changing_v')) AS curve;
VACUUM changing;
SELECT same_curve() AS vacuumed;
SELECT annoy_calibrate('changing_v') > 50 AS asked;
SELECT same_curve() AS after_calibrate;
INSERT INTO changing SELECT 10000 + i, hard(10000 + i) FROM generate_series(1, 2000) i;
VACUUM changing;
SELECT same_curve() AS not_grown;
INSERT INTO changing SELECT 20000 + i, hard(20000 + i) FROM generate_series(1, 1500) i;
ANALYZE changing;
SELECT same_curve() AS grown_analyze;
VACUUM changing;
SELECT same_curve() AS grown;
INSERT INTO changing SELECT 30000 + i, hard(30000 + i) FROM generate_series(1, 10000) i;
SELECT same_curve() AS outgrown;
VACUUM changing;
SELECT same_curve() \gset
VACUUM changing;
SELECT same_curve() AS nothing_new;
DELETE FROM changing WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP on) changing;
SELECT same_curve() AS halved;

--
-- A user's own queries: the first column that can be compared.
--
CREATE TABLE queries (note text, ids integer, q double precision[], other real[]);
INSERT INTO queries SELECT 'x', i, hard(50000 + i), '{1,2}' FROM generate_series(1, 70) i;
INSERT INTO queries VALUES ('a NULL is no query');
SELECT annoy_calibrate('items_v', 'queries');
SELECT count(*) AS differences FROM (
	SELECT k, search_k, recall FROM annoy_recall_curve('items_v') c EXCEPT SELECT k, search_k, recall FROM curves) d \gset
SELECT :differences > 5 AS other_curve;
-- far away from all rows, where nothing is easy to find
CREATE VIEW far AS SELECT ARRAY(SELECT 100::numeric * x::numeric FROM unnest(q) x) AS q FROM queries WHERE q IS NOT NULL;
SELECT annoy_calibrate('items_v', 'far');
-- of many, a thousand
CREATE TABLE many AS SELECT v FROM items LIMIT 1500;
SELECT annoy_calibrate('items_v', 'many');
-- integers
CREATE TABLE "whole numbers" (id integer, "the query" smallint[]);
INSERT INTO "whole numbers" SELECT i, ARRAY(SELECT round(x)::smallint FROM unnest(hard(i)) x) FROM generate_series(1, 20) i;
SELECT annoy_calibrate('items_v', '"whole numbers"');
SELECT annoy_calibrate('items_v') > 50 AS own;
SELECT count(*) AS differences FROM (
	SELECT c.* FROM annoy_recall_curve('items_v') c EXCEPT SELECT k, search_k, recall, asked FROM curves) d;

-- Their recall, with the answers that a sequential scan gives them, and that of each
SELECT recall > 0.9 AS recall, latency_ms > 0 AS latency, entries > 100 AS entries, asked
FROM annoy_recall('items_v', 10, queries => 'queries');
SELECT recall < 0.9 AS recall, entries < 1000 AS entries, asked FROM annoy_recall('items_v', 10, 'queries', search_k => 1);
SELECT recall, asked FROM annoy_recall('items_v', 10, 'annoy_recall.queries', search_k => 2147483647);
SELECT recall > 0.9 AS recall, asked FROM annoy_recall('items_v', 10, 'many');
SELECT asked FROM annoy_recall('items_v', 10, '"whole numbers"');
-- in double precision: what a query on this column asks is rounded
CREATE TABLE fine AS SELECT ARRAY(SELECT x::double precision + 1e-9 * id FROM unnest(v) x) AS q FROM items WHERE id <= 100;
SELECT recall, asked FROM annoy_recall('items_v', 10, 'fine', search_k => 2147483647);
CREATE FUNCTION found_of(query real[], k integer) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	last double precision := (SELECT annoy_l2_distance(v, query) d FROM items ORDER BY 1 LIMIT 1 OFFSET k - 1);
BEGIN
	RETURN (SELECT count(*) FILTER (WHERE d <= last) / k::float8 FROM (SELECT v <-> query AS d FROM items ORDER BY 1 LIMIT k) n);
END $$;
SET annoy.search_k = 700;
SELECT count(*) AS queries, count(DISTINCT r.recall) > 3 AS vary, bool_and(r.recall = found_of(q.q::real[], 10)) AS same,
	min(r.latency_ms) > 0 AS latency, min(r.entries) >= 700 AS entries,
	abs(avg(r.recall) - (SELECT recall FROM annoy_recall('items_v', 10, 'queries'))) < 1e-9 AS average
FROM annoy_recall_queries('items_v', 10, 'queries') r JOIN queries q ON q.ctid = r.query;
-- rows of the table, without themselves
SELECT count(*) > 90 AS rows, bool_and((r.recall * 4 + 1) / 5 = found_of(i.v, 5)) AS same,
	abs(avg(r.recall) - (SELECT recall FROM annoy_recall('items_v', 4))) < 1e-9 AS average
FROM annoy_recall_queries('items_v', 4) r JOIN items i ON i.ctid = r.query;
RESET annoy.search_k;
-- nobody knows where those of a view are
SELECT count(*), count(query) AS known, count(recall) FROM annoy_recall_queries('items_v', 10, 'far');
-- the number of rows, by a client that does not tell its type
SELECT (SELECT asked FROM annoy_recall('items_v', 10, '30')) = (SELECT asked FROM annoy_recall('items_v', 10, 30)) AS same;
SELECT recall, latency_ms, entries, asked FROM annoy_recall('nothing_v', 10, 'queries');
SELECT count(*) FROM annoy_recall_queries('nothing_v');

--
-- Errors
--
SELECT failure(f) FROM unnest(ARRAY[
	'SET annoy.target_recall = 0.4',
	'SET annoy.target_recall = 1.1',
	'SET annoy.target_recall = ''high''',
	'ALTER INDEX items_v SET (target_recall = 0.4)',
	'ALTER INDEX items_v SET (target_recall = 0)',
	'ALTER INDEX items_v SET (target_recall = 1.1)',
	'ALTER INDEX items_v SET (target_recall = -2)',
	'ALTER INDEX items_v SET (target_recall = high)',
	'SELECT annoy_recall(''items_v'', 0)',
	'SELECT annoy_recall(''items_v'', 10001)',
	'SELECT annoy_recall(''items_v'', 10, 0)',
	'SELECT annoy_recall(''items_v'', 10, 10001)',
	'SELECT annoy_recall(''items_v'', 10, ''0'')',
	'SELECT annoy_recall(''items_v'', 10, ''-1'')',
	'SELECT annoy_recall(''items_v'', 10, ''99999999999999999999'')',
	'SELECT annoy_recall(''items_v'', 10, ''nowhere'')',
	'SELECT annoy_recall(''items_v'', 10, ''efforts'')',
	'SELECT annoy_recall_queries(''items_v'', 10, ''nothing'')',
	'SELECT annoy_recall_queries(''items_v'', 0)',
	'SELECT annoy_recall(''items_v'', search_k => 0)',
	'SELECT annoy_recall(''items_v'', search_k => -2)',
	'SELECT annoy_recall(''items'')',
	'SELECT annoy_recall_curve(''items'')',
	'SELECT annoy_calibrate(''items'')',
	'SELECT annoy_calibrate(''pg_class_oid_index'')',
	'SELECT annoy_calibrate(''items_v'', ''efforts'')',
	'SELECT annoy_calibrate(''items_v'', ''nothing'')',
	'CREATE TEMP TABLE short AS SELECT ''{1,2}''::real[] AS v; SELECT annoy_calibrate(''items_v'', ''short'')',
	'SET TRANSACTION READ ONLY; SELECT annoy_calibrate(''items_v'')']) f;
SELECT annoy_recall(NULL) IS NULL AS recall, annoy_calibrate(NULL) IS NULL AS calibrate, annoy_calibrate(NULL, 'queries') IS NULL AS calibrate;

-- Who may: readers of the table, and the owner of the index
CREATE ROLE regress_annoy_reader;
GRANT USAGE ON SCHEMA annoy_recall TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT failure(f) FROM unnest(ARRAY['SELECT annoy_recall(''items_v'')', 'SELECT annoy_recall_curve(''items_v'')',
	'SELECT annoy_calibrate(''items_v'')']) f;
RESET ROLE;
GRANT SELECT ON items TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT recall > 0.9 AS recall FROM annoy_recall('items_v', 10, 50);
SELECT count(*) > 5 AS points FROM annoy_recall_curve('items_v');
SELECT failure('SELECT annoy_calibrate(''items_v'')');
SELECT failure(f) FROM unnest(ARRAY['SELECT annoy_recall(''items_v'', 10, ''queries'')',
	'SELECT annoy_recall_queries(''items_v'', 10, ''queries'')']) f;
RESET ROLE;
-- nor by the way of the table's owner, who may; a column is enough, but for where it is
GRANT SELECT (q) ON queries TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT asked FROM annoy_recall('items_v', 10, 'queries');
SELECT failure('SELECT annoy_recall_queries(''items_v'', 10, ''queries'')');
RESET ROLE;
GRANT SELECT ON queries TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT count(query) FROM annoy_recall_queries('items_v', 10, 'queries');
RESET ROLE;
REVOKE ALL ON queries FROM regress_annoy_reader;
REVOKE ALL (q) ON queries FROM regress_annoy_reader;
-- row-level security: rows are not told of
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
SET ROLE regress_annoy_reader;
SELECT recall > 0.9 AS recall FROM annoy_recall('items_v', 10, 50);
SELECT failure('SELECT annoy_recall_queries(''items_v'', 10, 50)');
RESET ROLE;
ALTER TABLE items DISABLE ROW LEVEL SECURITY;
ALTER TABLE items OWNER TO regress_annoy_reader;
SET ROLE regress_annoy_reader;
SELECT annoy_calibrate('items_v') > 50 AS owner;
SELECT failure('SELECT annoy_calibrate(''items_v'', ''queries'')');
RESET ROLE;
ALTER TABLE items OWNER TO CURRENT_USER;
REVOKE ALL ON items FROM regress_annoy_reader;
REVOKE ALL ON SCHEMA annoy_recall FROM regress_annoy_reader;
DROP ROLE regress_annoy_reader;

--
-- Queries unlike any row, such as means, take more entries, and find as much
--
CREATE TABLE words AS SELECT i AS id, (SELECT array_agg((number(i, j) - 0.5 + (number(i % 200, j) - 0.5) * 1.2)::real ORDER BY j) FROM generate_series(1, 32) j) AS v
FROM generate_series(1, 12000) i;
CREATE INDEX words_v ON words USING annoy (v);
CREATE TABLE asked AS
	SELECT 'rows' AS kind, id AS n, v FROM words WHERE id <= 40
	UNION ALL
	SELECT 'means', n, array_agg(m ORDER BY j)::real[] FROM (
		SELECT id % 40 AS n, j, avg(x) AS m FROM words, unnest(v) WITH ORDINALITY u (x, j) WHERE id <= 200 GROUP BY 1, 2) c
	GROUP BY n;
CREATE FUNCTION found(q real[], k integer, OUT part double precision, OUT entries bigint, OUT rounds bigint) LANGUAGE plpgsql AS $$
DECLARE
	last double precision := (SELECT annoy_l2_distance(v, q) d FROM words ORDER BY 1 LIMIT 1 OFFSET k - 1);
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE d <= $2 + 1e-6) FROM (SELECT v <-> $1 AS d FROM words ORDER BY v <-> $1 LIMIT %s) n', k)
	INTO part USING q, last;
	part := part / k;
	SELECT s.entries, s.rounds INTO entries, rounds FROM annoy_last_scan() s;
END $$;
CREATE TABLE answers AS SELECT kind, k, part, entries, rounds FROM asked, unnest(ARRAY[10, 13, 100]) k, found(v, k);
SELECT k, kind, avg(part) >= 0.9 AS found, max(rounds) AS rounds FROM answers GROUP BY 1, 2 ORDER BY 1, 2;
SELECT k, avg(entries) FILTER (WHERE kind = 'means') > 2 * avg(entries) FILTER (WHERE kind = 'rows') AS more
FROM answers GROUP BY k ORDER BY k;
-- but no more than half of all entries, but for the last leaf; and those like the rows have a bound
SELECT max(a.entries) FILTER (WHERE kind = 'means') BETWEEN .4 * i.entries AND .5 * i.entries + 200 AS half,
	max(a.entries) FILTER (WHERE kind = 'rows' AND k = 10) <=
	2.5 * percentile_disc(.5) WITHIN GROUP (ORDER BY a.entries) FILTER (WHERE kind = 'rows' AND k = 10) AS bound
FROM answers a, annoy_index_info('words_v') i GROUP BY i.entries;

-- Where estimates tell little apart, the first round keeps candidates enough, and is
-- not made again.
CREATE TABLE blurred AS SELECT i AS id,
	(SELECT array_agg(number(i, j)::real ORDER BY j) FROM generate_series(1, 160) j) AS v
FROM generate_series(1, 8000) i;
CREATE INDEX blurred_v ON blurred USING annoy (v);
SELECT count(*) AS rows FROM (SELECT id FROM blurred
	ORDER BY v <-> (SELECT v FROM blurred WHERE id = 17) LIMIT 10) n;
SELECT rounds, items > 192 AS blurred FROM annoy_last_scan();

SET client_min_messages = warning;
DROP SCHEMA annoy_recall CASCADE;
