--
-- When the planner uses an index, and when it does not
--
\set schema annoy_plans
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

--
-- Tables of various sizes, at default settings and with statistics: a few
-- hundred rows are enough.  100 rows of so few that there is no recall curve take
-- a walk over all items, and only large vectors make a sort more expensive.
--
CREATE TABLE noise AS
	SELECT array_agg(number(1, i)::real ORDER BY i) AS v,
		string_agg((hashint8(i) & 1)::text, '' ORDER BY i) AS bits
	FROM generate_series(1, 4000) i;
CREATE FUNCTION used(type text, opclass text, operator text, dims integer, nrows integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	part text := CASE WHEN type LIKE 'bit%' THEN 'substr(bits, 1 + %s, %s)' ELSE 'v[1 + %1$s:%1$s + %2$s]' END;
	scans text[] := '{}';
	query text;
	rows integer;
BEGIN
	EXECUTE format('CREATE TEMP TABLE sized (id integer, v %s)', type);
	EXECUTE format('INSERT INTO sized SELECT i, %s::%s FROM noise, generate_series(1, %s) i',
		format(part, 'i % 2400', dims), type, nrows);
	EXECUTE format('CREATE INDEX sized_v ON sized USING annoy (v %s)', opclass);
	ANALYZE sized;
	EXECUTE format('SELECT %s FROM noise', format(part, '1000', dims)) INTO query;
	FOREACH rows IN ARRAY ARRAY[1, 10, 100] LOOP
		scans := scans || (SELECT format('LIMIT %s %s', rows, split_part(plan, ' ', 1))
			FROM plan(format('SELECT id FROM sized ORDER BY v %s %L::%s LIMIT %s',
				operator, query, type, rows)) plan
			WHERE plan LIKE '% Scan %' AND (rows < 100 OR nrows >= 1000));
	END LOOP;
	DROP TABLE sized;
	RETURN array_to_string(scans, ', ');
END $$;
SELECT dims, nrows, used('real[]', 'real_l2_ops', '<->', dims, nrows)
FROM (VALUES (3, 300), (3, 1000), (3, 5000), (64, 300), (64, 1000), (64, 2000), (64, 5000),
	(384, 500), (384, 2000), (1536, 500), (1536, 2000)) s (dims, nrows);
SELECT dims, nrows, used('double precision[]', 'double_l2_ops', '<->', dims, nrows)
FROM (VALUES (3, 300), (3, 5000), (64, 2000), (384, 2000), (1536, 500)) s (dims, nrows);
SELECT opclass, used('real[]', opclass, operator, 64, 500)
FROM (VALUES ('real_cosine_ops', '<=>'), ('real_ip_ops', '<#>'), ('real_l1_ops', '<+>'),
	('real_hamming_ops', '<~>')) o (opclass, operator);
SELECT dims, nrows, used('bit varying', 'bit_hamming_ops', '<~~>', dims, nrows)
FROM (VALUES (64, 300), (64, 5000), (1000, 500), (1000, 2000)) s (dims, nrows);

--
-- All that can be compared with the column
--
CREATE TABLE items (id integer PRIMARY KEY, r real[], d double precision[], b bit(4), vb bit varying, note text);
INSERT INTO items SELECT i, vec(i, 2), vec(i, 2), bitvec(i, 4), bitvec(i, 4), 'x' FROM generate_series(1, 1000) i;
CREATE INDEX items_r ON items USING annoy (r);
CREATE INDEX items_d ON items USING annoy (d);
CREATE INDEX items_b ON items USING annoy (b);
CREATE INDEX items_vb ON items USING annoy (vb);
ANALYZE items;
SELECT plan(format('SELECT id FROM items ORDER BY r <-> %s LIMIT 5', q)) FROM unnest(ARRAY[
	'''{1,2}''', 'ARRAY[1,2]', 'ARRAY[0.1,0.2]', 'ARRAY[1,0.2]', 'ARRAY[1,2e0]', 'ARRAY[1,3000000000]',
	'''{1,2}''::real[]', '''{1,2}''::double precision[]', '''{1,2}''::numeric[]', '''{1,2}''::integer[]',
	'''{1,2}''::smallint[]', '''{1,2}''::bigint[]', '(SELECT r FROM items WHERE id = 1)',
	'(SELECT d FROM items WHERE id = 1)', '(SELECT array_agg(x) FROM generate_series(1, 2) x)',
	'annoy_normalize(''{1,2}''::real[])', 'CAST(ARRAY[1,2] AS real[])']) q;
SELECT plan(format('SELECT id FROM items ORDER BY d <-> %s LIMIT 5', q)) FROM unnest(ARRAY[
	'''{1,2}''', 'ARRAY[1,2]', 'ARRAY[0.1,0.2]', '''{1,2}''::real[]', '''{1,2}''::double precision[]',
	'''{1,2}''::numeric[]', '''{1,2}''::integer[]', '''{1,2}''::smallint[]', '''{1,2}''::bigint[]',
	'(SELECT r FROM items WHERE id = 1)']) q;
SELECT plan(format('SELECT id FROM items ORDER BY %s LIMIT 5', q)) FROM unnest(ARRAY[
	'b <~~> ''0101''', 'b <~~> B''0101''', 'b <~~> ''0101''::bit varying', 'vb <~~> ''0101''',
	'vb <~~> B''0101''', 'vb <~~> (SELECT b FROM items WHERE id = 7)', 'B''0101'' <~~> vb']) q;
-- all operators on all types, each with its index
CREATE TABLE metrics (id integer, r real[], d double precision[]);
INSERT INTO metrics SELECT id, r, d FROM items;
DO $$
DECLARE
	class text;
BEGIN
	FOREACH class IN ARRAY ARRAY['l2', 'cosine', 'ip', 'l1', 'hamming'] LOOP
		EXECUTE format('CREATE INDEX %1$s_r ON metrics USING annoy (r real_%1$s_ops)', class);
		EXECUTE format('CREATE INDEX %1$s_d ON metrics USING annoy (d double_%1$s_ops)', class);
	END LOOP;
END $$;
ANALYZE metrics;
SELECT operator, col, type, regexp_replace(string_agg(plan, ' '), ' on metrics Order By: ', ' ') AS scan
FROM (VALUES (1, 'r'), (2, 'd')) t (t, col),
	(VALUES (1, '<->'), (2, '<=>'), (3, '<#>'), (4, '<+>'), (5, '<~>')) o (o, operator),
	unnest(ARRAY['real', 'double precision', 'numeric', 'integer', 'smallint', 'bigint']) WITH ORDINALITY x (type, n),
	LATERAL plan(format('SELECT id FROM metrics ORDER BY %s %s ''{1,2}''::%s[] LIMIT 5', col, operator, type)) plan
GROUP BY o, t, n, operator, col, type ORDER BY o, t, n;

-- commuted arguments
SELECT plan(format('SELECT id FROM items ORDER BY %s LIMIT 5', q)) FROM unnest(ARRAY[
	'''{1,2}'' <-> r', '''{1,2}''::double precision[] <-> r', '''{1,2}''::real[] <-> d', '(SELECT r FROM items WHERE id = 1) <-> r']) q;
-- Parameters, of a generic plan and of a plan made for them.  A LIMIT that is not
-- known is taken for 20, though the planner takes it for a tenth of the rows; but not
-- where all rows are needed.
PREPARE by_real (real[]) AS SELECT id FROM items ORDER BY r <-> $1 LIMIT 5;
PREPARE by_double (double precision[]) AS SELECT id FROM items ORDER BY r <-> $1 LIMIT 5;
PREPARE by_double_limit (double precision[], bigint) AS SELECT id FROM items ORDER BY r <-> $1 LIMIT $2;
PREPARE counted_limit (double precision[], bigint) AS SELECT id, count(*) OVER () FROM items ORDER BY r <-> $1 LIMIT $2;
PREPARE double_by_real (real[]) AS SELECT id FROM items ORDER BY $1 <-> d LIMIT 5;
PREPARE by_unknown AS SELECT id FROM items ORDER BY d <-> $1 LIMIT 5;
PREPARE by_bits (bit varying) AS SELECT id FROM items ORDER BY b <~~> $1 LIMIT 5;
SET plan_cache_mode = force_generic_plan;
\set executions 'SELECT plan(''EXECUTE by_real(''''{1,2}'''')''); SELECT plan(''EXECUTE by_double(''''{1,2}'''')''); SELECT plan(''EXECUTE by_double_limit(''''{1,2}'''', 3)''); SELECT plan(''EXECUTE double_by_real(''''{1,2}'''')''); SELECT plan(''EXECUTE by_unknown(''''{1,2}'''')''); SELECT plan(''EXECUTE by_bits(''''0101'''')'')'
\t on
:executions;
SELECT plan('EXECUTE counted_limit(''{1,2}'', 3)');
SET plan_cache_mode = force_custom_plan;
:executions;
\t off
RESET plan_cache_mode;
-- left to itself, the server goes on making plans for the limit
DO $$
BEGIN
	FOR i IN 1..8 LOOP
		EXECUTE 'EXECUTE by_double_limit(''{1,2}'', 3)';
	END LOOP;
END $$;
SELECT plan('EXECUTE by_double_limit(''{1,2}'', 3)');
DEALLOCATE ALL;
-- columns of other tables
SELECT plan('SELECT * FROM (SELECT id, r, d FROM items WHERE id <= 3) q, LATERAL (SELECT id FROM items ORDER BY r <-> q.d LIMIT 2) n');

--
-- Conditions on the table, with and without an index on the column: the fewer rows
-- meet one, the more have to be fetched in the order of the distance.
--
CREATE TABLE filtered AS
	SELECT i AS id, i % 2 AS a2, i % 1000 AS a1000, i % 1000 AS b1000, vec(i, 2)::real[] AS r
	FROM generate_series(1, 9000) i;
CREATE INDEX filtered_r ON filtered USING annoy (r);
CREATE INDEX filtered_b1000 ON filtered (b1000);
CREATE INDEX filtered_part ON filtered USING annoy (r) WHERE a1000 = 8;
VACUUM ANALYZE filtered;
SELECT condition, rows, string_agg(regexp_replace(plan, ' on filtered.*', ''), ', ') AS scan
FROM unnest(ARRAY['true', 'a2 = 0', 'a1000 < 300', 'a1000 = 7', 'b1000 = 7', 'a1000 = 8']) WITH ORDINALITY c (condition, n),
	unnest(ARRAY['1', '10', '100', 'ALL']) WITH ORDINALITY l (rows, m),
	LATERAL plan(format('SELECT id FROM filtered WHERE %s ORDER BY r <-> ''{1,2}'' LIMIT %s', condition, rows)) plan
WHERE plan LIKE '% Scan %'
GROUP BY n, m, condition, rows ORDER BY n, m;
-- Conditions in the index: the planner goes through the rounds that a scan would
-- make, and rounding must not keep it there.
CREATE TABLE parts AS
	SELECT i AS id, width_bucket(i, ARRAY[1, 301, 610]) AS part, vec(i, 2)::real[] AS r FROM generate_series(1, 1000) i;
CREATE INDEX ON parts USING annoy (r, part) WITH (search_k = 100);
ANALYZE parts;
SELECT n, count(*) > 0 AS planned FROM generate_series(1, 3) n,
	LATERAL plan(format('SELECT id FROM parts WHERE part = %s ORDER BY r <-> ''{1,2}''', n)) plan
GROUP BY n ORDER BY n;

--
-- What a distance costs
--
CREATE FUNCTION cost(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan->0->'Plan'->'Total Cost';
END $$;
CREATE TABLE stored (id integer, short real[], long real[], toasted real[]);
ALTER TABLE stored ALTER long SET STORAGE plain, ALTER toasted SET STORAGE external;
INSERT INTO stored SELECT i, v[1:3], v[1:800], v[1:800] FROM noise, generate_series(1, 100) i;
VACUUM ANALYZE stored;
-- in units of cpu_operator_cost, for each row
CREATE FUNCTION cost_of(distance text) RETURNS double precision LANGUAGE sql AS
	$$ SELECT (cost(format('SELECT %s FROM stored', distance)) - cost('SELECT id FROM stored')) / 100 /
		current_setting('cpu_operator_cost')::float $$;
SELECT cost_of(short) BETWEEN 10 AND 30 AS short, cost_of(long) > 4 * cost_of(short) AS longer,
	cost_of(toasted) > 3 * cost_of(long) AS toasted, cost_of(toasted) < 2000 AS not_too_much,
	cost_of(function) = cost_of(toasted) AS function
FROM (SELECT format('short <-> %L', v[1:3]), format('long <-> %L', v[1:800]), format('toasted <-> %L', v[1:800]),
	format('annoy_cosine_distance(%L::real[], toasted)', v[1:800]) FROM noise) d (short, long, toasted, function);
-- what is known of a column if the other argument is not
SELECT cost_of('long <-> (SELECT long FROM stored LIMIT 0)') > 3 * cost_of('short <-> (SELECT short FROM stored LIMIT 0)') AS wide;
SELECT cost_of('toasted <-> (SELECT NULL::real[])') < 100 AS unknown;
CREATE INDEX ON stored USING annoy (toasted);
SELECT cost_of('toasted <-> (SELECT NULL::real[])') > 500 AS as_in_index;
-- so is sorting by it
SELECT cost(format('SELECT id FROM stored ORDER BY toasted <=> %L', v[1:800])) >
	2 * cost(format('SELECT id FROM stored ORDER BY long <=> %L', v[1:800])) AS sort FROM noise;

--
-- An index is for one order only, and for nothing else: not even when there is
-- no other choice.
--
SET enable_seqscan = off;
SET enable_sort = off;
CREATE TABLE only_vectors AS SELECT id, r FROM items;
CREATE INDEX only_r ON only_vectors USING annoy (r, id);
ANALYZE only_vectors;
SELECT query, string_agg(plan, ', ') AS plan FROM unnest(ARRAY[
	'SELECT count(*) FROM only_vectors',
	'SELECT id FROM only_vectors',
	'SELECT r FROM only_vectors LIMIT 1',
	'SELECT id FROM only_vectors WHERE r IS NULL',
	'SELECT id FROM only_vectors WHERE r IS NOT NULL',
	'SELECT id FROM only_vectors WHERE r = ''{1,2}''',
	'SELECT id FROM only_vectors WHERE r <-> ''{1,2}'' < 1',
	'SELECT id FROM only_vectors WHERE r <-> ''{1,2}'' = 0',
	'SELECT id FROM only_vectors ORDER BY r LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY id LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' DESC LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' NULLS FIRST LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <=> ''{1,2}'' LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY (r <-> ''{1,2}'') + 1 LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <-> r LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY id, r <-> ''{1,2}'' LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'', r <-> ''{2,1}'' LIMIT 5',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'', r <-> ''{2,1}'', id LIMIT 5',
	'SELECT id FROM only_vectors WHERE id = 3',
	'SELECT id FROM only_vectors WHERE id = 3 AND r IS NULL',
	'SELECT max(id) FROM only_vectors',
	'SELECT avg(r <-> ''{1,2}'') FROM only_vectors',
	'SELECT DISTINCT r FROM only_vectors',
	'DELETE FROM only_vectors WHERE r = ''{1,2}''',
	'UPDATE only_vectors SET id = id + 1',
	'SELECT a.id FROM only_vectors a JOIN only_vectors b ON a.r = b.r'])
	WITH ORDINALITY q (query, n), LATERAL plan(query) plan
GROUP BY n, query HAVING string_agg(plan, ', ') LIKE '%Index%' OR string_agg(plan, ', ') LIKE '%Bitmap%' ORDER BY n;
-- These it can answer.
SELECT plan(query) FROM unnest(ARRAY[
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}''',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' ASC NULLS LAST LIMIT 5',
	'SELECT r <-> ''{1,2}'' AS distance FROM only_vectors ORDER BY distance LIMIT 5',
	'SELECT id FROM only_vectors WHERE id % 2 = 0 ORDER BY r <-> ''{1,2}'' LIMIT 5',
	'SELECT id FROM only_vectors WHERE r <-> ''{1,2}'' < 0.5 ORDER BY r <-> ''{1,2}'' LIMIT 5',
	'SELECT id FROM only_vectors WHERE r IS NOT NULL ORDER BY r <-> ''{1,2}'' LIMIT 5',
	'SELECT id FROM (SELECT id, r <-> ''{1,2}'' AS d FROM only_vectors ORDER BY d LIMIT 5) s ORDER BY id',
	'SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' LIMIT 5 FOR UPDATE']) query;
RESET enable_seqscan;
RESET enable_sort;
SELECT p AS property, pg_index_has_property('only_r', p) FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) p;
SELECT p AS property, pg_index_column_has_property('only_r', 1, p)
FROM unnest(ARRAY['asc', 'desc', 'nulls_first', 'nulls_last', 'orderable', 'distance_orderable',
	'returnable', 'search_array', 'search_nulls']) p;
SELECT p AS property, pg_indexam_has_property(oid, p)
FROM pg_am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p
WHERE amname = 'annoy';

-- A table that has grown since it was analyzed, and one that is empty
TRUNCATE only_vectors;
SELECT count(*) FROM (SELECT FROM only_vectors ORDER BY r <-> '{1,2}' LIMIT 5) s;
SELECT count(*) FROM plan('SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' LIMIT 5');
INSERT INTO only_vectors SELECT id, r FROM items;
SELECT plan('SELECT id FROM only_vectors ORDER BY r <-> ''{1,2}'' LIMIT 5');

SET client_min_messages = warning;
DROP SCHEMA annoy_plans CASCADE;
