--
-- EXPLAIN (ANALYZE, ANNOY), from PostgreSQL 18 on; before, there are no such options, and
-- every check here passes
--
\set schema annoy_explain
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
CREATE TABLE items AS SELECT i AS id, i % 4 AS kind, vec(i, 16) AS v FROM generate_series(1, 20000) i;
CREATE INDEX items_v ON items USING annoy (v, kind);
CREATE TABLE few AS SELECT * FROM items WHERE id <= 500;
CREATE INDEX few_v ON few USING annoy (v);
CREATE INDEX few_id ON few (id);
ANALYZE items, few;

CREATE FUNCTION explains() RETURNS boolean LANGUAGE sql AS
	$$ SELECT current_setting('server_version_num')::integer >= 180000 $$;
-- What is told of the nodes of a plan, in their order
CREATE FUNCTION told(query text, property text, options text DEFAULT '') RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	IF NOT explains() THEN
		RETURN NULL;
	END IF;
	EXECUTE format('EXPLAIN (ANALYZE, ANNOY, FORMAT json %s) %s', options, query) INTO plan;
	RETURN ARRAY(SELECT jsonb_path_query(plan, format('strict $.** ? (exists (@.%1$I)).%1$I', property)::jsonpath));
END $$;
CREATE FUNCTION scans(query text, options text DEFAULT '') RETURNS jsonb[] LANGUAGE sql AS
	$$ SELECT told(query, 'Annoy', options) $$;
CREATE FUNCTION failed(VARIADIC checks boolean[]) RETURNS integer[] LANGUAGE sql AS
	$$ SELECT array_agg(n) FROM unnest(checks) WITH ORDINALITY c (passed, n) WHERE explains() AND passed IS NOT TRUE $$;

-- Everything that annoy_last_scan() tells is the same, but for times
CREATE FUNCTION differences(query text) RETURNS TABLE (property text, explained text, last text) LANGUAGE plpgsql AS $$
DECLARE
	s jsonb;
BEGIN
	/* what is read only once is not to be counted */
	EXECUTE query;
	s := (scans(query))[1];
	IF s IS NULL THEN
		RETURN;
	END IF;
	EXECUTE query;
	RETURN QUERY SELECT p.name, s->>p.name, p.value FROM annoy_last_scan() l, LATERAL (VALUES
		('Searches', '1'),
		('Target Recall', to_char(l.target_recall, 'FM0.0000')),
		('Predicted Recall', to_char(l.predicted_recall, 'FM0.0000')),
		('Effort', round(coalesce(l.effort, 0))::text),
		('Rounds', l.rounds::text),
		('Rounds Ended by Effort', (SELECT count(*) FROM unnest(l.ended) e WHERE e = 'effort')::text),
		('Rounds Ended by Distance', (SELECT count(*) FROM unnest(l.ended) e WHERE e = 'distance')::text),
		('Rounds Ended by Everything', (SELECT count(*) FROM unnest(l.ended) e WHERE e = 'everything')::text),
		('Searches Drained', l.drained::integer::text),
		('Inner Nodes', l.inner_nodes::text),
		('Leaves', l.leaves::text),
		('Entries', l.entries::text),
		('Pages', l.pages::text),
		('Rows Tested', l.tested::text),
		('Rows Looked At', l.items::text),
		('Rows Returned', l.rows::text)) p (name, value)
	WHERE s->>p.name IS DISTINCT FROM p.value;
END $$;
SELECT d.*, query FROM unnest(ARRAY[
	'SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10',
	'SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 300',
	'SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10 OFFSET 100',
	'SELECT id FROM items WHERE kind = 2 ORDER BY v <-> vec(7, 16) LIMIT 10',
	'SELECT id FROM items ORDER BY v <-> vec(7, 16)',
	'SELECT id FROM items ORDER BY v <-> NULL::real[] LIMIT 1',
	'SELECT id FROM few ORDER BY v <-> vec(7, 16) LIMIT 10']) query, differences(query) d;

-- What else there is to it: times, unless they are not wanted; and a search_k instead of a
-- target
SELECT failed(
	s->'Routing Time' > '0', s->'Scanning Time' > '0', s->'Distances Time' > '0',
	NOT untimed ? 'Routing Time', untimed->'Entries' = s->'Entries')
FROM (VALUES ('SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10')) q (query),
	LATERAL (SELECT (scans(query))[1] AS s, (scans(query, ', TIMING off'))[1] AS untimed) s;
SET annoy.search_k = 3000;
SELECT failed(s->'Effort' = '3000', NOT s ? 'Target Recall', s->'Predicted Recall' BETWEEN '0.5' AND '1')
FROM CAST((scans('SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10'))[1] AS jsonb) s;
RESET annoy.search_k;

-- A scan in a nested loop tells of all its searches, those that were not read to the end, too.
SELECT failed(array_length(s, 1) = 1, s[1]->'Searches' = '8', s[1]->'Rows Returned' = '40',
	s[1]->'Rounds' = '8', s[1]->'Rounds Ended by Distance' = '8', s[1]->'Target Recall' = '0.95',
	s[1]->'Predicted Recall' BETWEEN '0.95' AND '1')
FROM CAST(scans('SELECT n.id FROM generate_series(1, 8) i,
	LATERAL (SELECT id FROM items ORDER BY v <-> vec(i, 16) LIMIT 5) n') AS jsonb[]) s;
-- Each node of a plan tells of its own scan.
SELECT failed(array_length(s, 1) = 3, s[1]->'Rows Returned' = '3', s[2]->'Rows Returned' = '7', s[2]->'Searches Drained' = '0',
	s[3]->'Searches Drained' = '1', s[3]->'Predicted Recall' = '1')
FROM CAST(scans('(SELECT id FROM items ORDER BY v <-> vec(1, 16) LIMIT 3) UNION ALL (SELECT id FROM items ORDER BY v <-> vec(1, 16) LIMIT 7)
	UNION ALL (SELECT id FROM few ORDER BY v <-> vec(1, 16))') AS jsonb[]) s;
CREATE TABLE parts (id integer, v real[]) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (3000);
INSERT INTO parts SELECT id, v FROM items WHERE id < 3000;
CREATE INDEX ON parts USING annoy (v);
ANALYZE parts;
-- pages, too, although the scans take turns
SELECT failed(array_length(s, 1) = 2, s[1]->'Searches' = '1', s[2]->'Searches' = '1',
	(s[1]->'Rows Returned')::integer + (s[2]->'Rows Returned')::integer BETWEEN 10 AND 11,
	(s[1]->'Entries')::integer > 0 AND (s[2]->'Entries')::integer > 0, (s[1]->'Pages')::integer > 0 AND (s[2]->'Pages')::integer > 0)
FROM CAST(scans('SELECT id FROM parts ORDER BY v <-> vec(1, 16) LIMIT 10') AS jsonb[]) s;
-- Nothing is told of scans of other indexes, of those that were not made, and without the option.
SELECT failed(scans('SELECT v FROM few WHERE id = 4') = '{}',
	scans('SELECT id FROM items WHERE id = (SELECT id FROM few ORDER BY v <-> vec(1, 16) LIMIT 1) AND 1 > length(version())') = '{}',
	scans('SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10', ', ANNOY off') = '{}');
-- Workers keep to themselves what they have done.
SELECT count(set_config(name, 'on', false)) <= 1 AS set FROM pg_settings WHERE name = 'debug_parallel_query';
SELECT failed(scans(query) = '{}', told(query, 'Annoy Searches in Workers, Not Shown') = '{1}')
FROM (VALUES ('SELECT id FROM items ORDER BY v <-> array_fill(0.5::real, ARRAY[16]) LIMIT 10')) q (query);
SELECT count(set_config(name, 'off', false)) <= 1 AS reset FROM pg_settings WHERE name = 'debug_parallel_query';

-- As text
CREATE FUNCTION lines(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, ANNOY) %s', query) LOOP
		IF line ~ '^ *Annoy ' THEN
			RETURN NEXT regexp_replace(ltrim(line), '\d+(\.\d+)?', 'N', 'g');
		END IF;
	END LOOP;
EXCEPTION WHEN syntax_error THEN
	RETURN QUERY SELECT unnest(ARRAY[
		'Annoy Search: effort=N target recall=N predicted recall=N',
		'Annoy Rounds: N by distance=N',
		'Annoy Visits: inner nodes=N leaves=N entries=N pages=N read=N',
		'Annoy Rows: looked at=N returned=N',
		'Annoy Times: routing=N scanning=N distances=N us']);
END $$;
SELECT * FROM lines('SELECT id FROM items ORDER BY v <-> vec(7, 16) LIMIT 10');

-- It tells of what was done.
CREATE FUNCTION failure_of(options text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('EXPLAIN (%s) SELECT 1', options);
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT failed(failure_of('ANNOY') = '22023 EXPLAIN option ANNOY requires ANALYZE', failure_of('ANNOY off') = 'none',
	failure_of('ANALYZE, ANNOY 7') LIKE '42601 %');

SET client_min_messages = warning;
DROP SCHEMA annoy_explain CASCADE;
