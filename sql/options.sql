--
-- Storage parameters and settings
--
\set schema annoy_options
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
CREATE TABLE items AS SELECT i AS id, hard(i, 50) AS v FROM generate_series(1, 2000) i;
ANALYZE items;
CREATE TABLE queries AS SELECT i AS id, hard(100000 + i, 50) AS q FROM generate_series(1, 50) i;

--
-- Ranges of storage parameters
--
\set VERBOSITY terse
CREATE INDEX ON items USING annoy (v) WITH (n_trees = 0);
CREATE INDEX ON items USING annoy (v) WITH (n_trees = -2);
CREATE INDEX ON items USING annoy (v) WITH (n_trees = 101);
CREATE INDEX ON items USING annoy (v) WITH (n_trees = 'many');
CREATE INDEX ON items USING annoy (v) WITH (search_k = 0);
CREATE INDEX ON items USING annoy (v) WITH (search_k = -2);
CREATE INDEX ON items USING annoy (v) WITH (search_k = 2147483648);
CREATE INDEX ON items USING annoy (v) WITH (dimensions = -1);
CREATE INDEX ON items USING annoy (v) WITH (dimensions = 8193);
CREATE INDEX ON items USING annoy (v) WITH (dimensions = 49);
CREATE INDEX ON items USING annoy (v) WITH (seed = -1);
CREATE INDEX ON items USING annoy (v) WITH (seed = 18446744073709551616);
CREATE INDEX ON items USING annoy (v) WITH (seed = 1.5);
CREATE INDEX ON items USING annoy (v) WITH (seed = 'x');
CREATE INDEX ON items USING annoy (v) WITH (seed = '12 ');
CREATE INDEX ON items USING annoy (v) WITH (seed = '0x12');
CREATE INDEX ON items USING annoy (v) WITH (fillfactor = 70);
CREATE INDEX ON items USING annoy (v) WITH (trees = 5);
\set VERBOSITY default
-- those of others
CREATE INDEX ON items USING annoy (v) WITH (lists = 1000);
CREATE INDEX ON items USING annoy (v) WITH (n_trees = 2, m = 16, ef_construction = 64);
CREATE INDEX ON items USING annoy (v) WITH (ef_construction = 64);
CREATE INDEX ON items USING annoy (v) WITH (probes = 10);
CREATE INDEX ON items USING annoy (v) WITH (ef_search = 40);
CREATE INDEX ON items USING annoy (v) WITH (metric = angular);
CREATE INDEX ON items USING annoy (v) WITH (f = 50);
CREATE INDEX ON items USING annoy (v) WITH (n_jobs = 4);
CREATE INDEX ON items USING annoy (v) WITH (verbose = true);
SELECT failure('CREATE INDEX ON items USING annoy (v) WITH (probes = 10)');
SELECT failure(format('CREATE INDEX ON items USING annoy (v) WITH (%s)', o))
FROM unnest(ARRAY['n_trees = 0', 'search_k = 0', 'dimensions = 8193', 'seed = -1']) o;
-- the ends of the ranges
CREATE INDEX ON items USING annoy (v) WITH (n_trees = -1, search_k = -1, dimensions = 0, seed = 1);
CREATE INDEX ends ON items USING annoy (v) WITH (n_trees = 1, search_k = 2147483647, dimensions = 50, seed = 18446744073709551615);
SELECT n_trees, dimensions, seed FROM annoy_index_info('ends');
DROP INDEX items_v_idx, ends;
-- without any, and -1 and 0, which mean the same
CREATE INDEX plain ON items USING annoy (v);
CREATE INDEX automatic ON items USING annoy (v) WITH (n_trees = -1, search_k = -1, dimensions = 0);
SELECT p.n_trees > 0 AS n_trees, p.dimensions, p.seed > 0 AS seed, p = a AS same
FROM annoy_index_info('plain') p, annoy_index_info('automatic') a;
DROP INDEX automatic;

-- Seed 0 is not a seed: it means the default, with a warning, whenever the
-- index is built.
CREATE INDEX zero ON items USING annoy (v) WITH (seed = 0);
CREATE UNLOGGED TABLE unlogged (v real[]);
CREATE INDEX unlogged_v ON unlogged USING annoy (v) WITH (seed = 0);
SELECT seed FROM annoy_index_info('unlogged_v');
DROP TABLE unlogged;
SELECT z.seed = p.seed AS same_seed FROM annoy_index_info('zero') z, annoy_index_info('plain') p;
REINDEX INDEX zero;
\set VERBOSITY sqlstate
REINDEX INDEX zero;
\set VERBOSITY default
DROP INDEX zero;

-- ALTER INDEX: what belongs to the index as it was built changes with the next
-- REINDEX, search_k at once.
ALTER INDEX plain SET (n_trees = 3, seed = 77);
SELECT n_trees <> 3 AS not_yet, seed <> 77 AS not_yet FROM annoy_index_info('plain');
SELECT full_scan('items', '<->', quote_literal(q)) ~ '^2000 rows, ' AS complete FROM queries LIMIT 1;
INSERT INTO items SELECT 2000 + i, hard(2000 + i, 50) FROM generate_series(1, 100) i;
REINDEX INDEX plain;
SELECT n_trees, seed, items FROM annoy_index_info('plain');
DELETE FROM items WHERE id > 2000;
ALTER INDEX plain RESET (n_trees, seed);
SELECT n_trees, seed FROM annoy_index_info('plain');
REINDEX INDEX plain;
SELECT n_trees <> 3 AS reset, seed <> 77 AS reset FROM annoy_index_info('plain');
ALTER INDEX plain SET (n_trees = 0);
ALTER INDEX plain SET (seed = -3);
ALTER INDEX plain SET (fillfactor = 50);

--
-- Effort: the setting overrides the storage parameter, which overrides the
-- automatic choice.
-- With so few rows, that is to scan them all.
--
CREATE FUNCTION answers(OUT answers text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE $query$
		SELECT md5(string_agg(n.id::text, ' ' ORDER BY queries.id, n.n))
		FROM queries, LATERAL (
			SELECT id, row_number() OVER () AS n
			FROM (SELECT id FROM items ORDER BY v <-> q LIMIT 10) s) n $query$ INTO answers;
END $$;
CREATE FUNCTION found() RETURNS numeric LANGUAGE sql AS
	$$ SELECT recall('items', '<->', array_agg(quote_literal(q)), 10) FROM queries $$;
CREATE TABLE measured (what text, answers text, recall numeric);
INSERT INTO measured SELECT 'automatic', answers(), found();
SET annoy.search_k = 1;
INSERT INTO measured SELECT 'setting 1', answers(), found();
SET annoy.search_k = 1000000;
INSERT INTO measured SELECT 'setting all', answers(), found();
ALTER INDEX plain SET (search_k = 1);
INSERT INTO measured SELECT 'setting all, parameter 1', answers(), found();
SET annoy.search_k = -1;
INSERT INTO measured SELECT 'parameter 1', answers(), found();
ALTER INDEX plain SET (search_k = 1000000);
INSERT INTO measured SELECT 'parameter all', answers(), found();
SET annoy.search_k = 1;
INSERT INTO measured SELECT 'setting 1, parameter all', answers(), found();
RESET annoy.search_k;
ALTER INDEX plain RESET (search_k);
INSERT INTO measured SELECT 'reset', answers(), found();
SELECT string_agg(what, '; ' ORDER BY what COLLATE "C") AS same, recall >= 0.999 AS all_found
FROM measured GROUP BY answers, recall ORDER BY measured.recall;

-- epsilon: estimates are taken as they are at 0, and hardly anything is missed
-- at 10. The fewer bits a dimension gets, the more it matters.
CREATE TABLE coarse AS SELECT i AS id, hard(i, 200) AS v FROM generate_series(1, 1000) i;
CREATE INDEX ON coarse USING annoy (v);
CREATE FUNCTION found_coarse() RETURNS numeric LANGUAGE sql AS
	$$ SELECT recall('coarse', '<->', array_agg(quote_literal(hard(100000 + i, 200))), 10) FROM generate_series(1, 30) i $$;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 0;
SELECT found_coarse() AS eps_0 \gset
RESET annoy.epsilon;
SELECT found_coarse() AS eps_default \gset
SET annoy.epsilon = 10;
SELECT found_coarse() AS eps_10 \gset
RESET annoy.epsilon;
RESET annoy.search_k;
SELECT :eps_0 < 0.99 AS less, :eps_default >= 0.999 AS enough, :eps_10 = 1 AS all;

--
-- Seeds
--
CREATE FUNCTION with_seed(seed bigint, n_trees integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE INDEX seeded ON items USING annoy (v) WITH (seed = %s, n_trees = %s)', seed, n_trees);
	SET LOCAL annoy.search_k = 60;
	result := answers();
	SET LOCAL annoy.search_k = -1;
	DROP INDEX seeded;
	RETURN result;
END $$;
DROP INDEX plain;
SELECT with_seed(1, 1) = with_seed(1, 1) AS same, with_seed(1, 1) = with_seed(2, 1) AS other_seed,
	with_seed(1, 3) = with_seed(1, 3) AS same, with_seed(1, 1) = with_seed(1, 3) AS more_trees;
-- An index that grows by the same inserts is the same, too.
CREATE TABLE grown_1 (LIKE items);
CREATE TABLE grown_2 (LIKE items);
CREATE INDEX ON grown_1 USING annoy (v) WITH (seed = 5, n_trees = 2);
CREATE INDEX ON grown_2 USING annoy (v) WITH (seed = 5, n_trees = 2);
INSERT INTO grown_1 SELECT * FROM items WHERE id <= 1000 ORDER BY id;
INSERT INTO grown_2 SELECT * FROM items WHERE id <= 1000 ORDER BY id;
SET annoy.search_k = 60;
SELECT bool_and(
	ARRAY(SELECT id FROM grown_1 ORDER BY v <-> q LIMIT 10) = ARRAY(SELECT id FROM grown_2 ORDER BY v <-> q LIMIT 10)) AS same
FROM queries;
RESET annoy.search_k;

--
-- Settings
--
SELECT name, vartype, unit, min_val, max_val, context, short_desc <> '' AND extra_desc <> '' AS described
FROM pg_settings WHERE name LIKE 'annoy.%' ORDER BY name COLLATE "C";
-- EXPLAIN (SETTINGS) lists those that are not at their default.
CREATE FUNCTION settings() RETURNS text LANGUAGE plpgsql
	SET annoy.search_k = 17 SET annoy.target_recall = 0.9 SET annoy.strict_order = off SET annoy.epsilon = 3 AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (SETTINGS, FORMAT JSON) SELECT' INTO plan;
	RETURN (SELECT string_agg(key || ' = ' || value, ', ' ORDER BY key COLLATE "C")
		FROM json_each_text(plan -> 0 -> 'Settings') WHERE key LIKE 'annoy.%');
END $$;
SELECT settings();
SELECT name, boot_val FROM pg_settings WHERE name IN ('annoy.search_k', 'annoy.strict_order') ORDER BY 1;
SELECT boot_val::float8 BETWEEN 2 AND 5 AS sensible FROM pg_settings WHERE name = 'annoy.epsilon';
SET annoy.search_k = -2;
SET annoy.search_k = 2147483648;
SET annoy.search_k = 'all';
SET annoy.epsilon = -0.1;
SET annoy.epsilon = 10.1;
SET annoy.epsilon = 'NaN';
SET annoy.strict_order = 'often';
-- a name that is not known, from version 15 on
SELECT (failure('SET annoy.search_j = 1') LIKE '%"annoy" is a reserved prefix.') = (current_setting('server_version_num')::int >= 150000) AS "from 15";
SELECT failure('SET annoy.search_k = 0');
SET annoy.search_k = 2147483647;
SHOW annoy.search_k;
SET annoy.search_k = -1;
SHOW annoy.search_k;
-- for a function, for a transaction
CREATE FUNCTION setting() RETURNS text LANGUAGE sql SET annoy.search_k = 17 AS
	$$ SELECT current_setting('annoy.search_k') $$;
SELECT setting(), current_setting('annoy.search_k');
BEGIN;
SET LOCAL annoy.strict_order = off;
SHOW annoy.strict_order;
COMMIT;
SHOW annoy.strict_order;


-- Settings are there once the library is loaded, by a function of it for instance, ...
\c -
SHOW annoy.search_k;
SELECT annoy_metric('l2');
SHOW annoy.search_k;
-- ... or from the start.
\c -reuse-previous=on "options='-c session_preload_libraries=annoy'"
SHOW annoy.search_k;

SET client_min_messages = warning;
DROP SCHEMA annoy_options CASCADE;
