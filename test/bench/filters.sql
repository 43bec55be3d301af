-- Searches with conditions, in the index and on the table: see filters.sh.
--
-- Copyright (c) 2026, the annoy developers
--
-- There are tables base and queries (id, embedding).  Variables of psql: op and opclass, of the
-- metric; table, if conditions on the table are to be measured; parts, the conditions "one row of so many"; limit; passes; pgvector, if its index is
-- to be measured, then vector_opclass.
--
-- Each condition is met by rows wherever their vectors are, and by other rows for each query.
-- On the table an expression keeps it from the index.

\set ON_ERROR_STOP 1
\set QUIET 1
SET client_min_messages = warning;
\o /dev/null

-- column_value of a row's id; test is about "value", an integer of the query's; four columns
-- share an index, as so many have signatures
CREATE TABLE conditions (
	number integer GENERATED ALWAYS AS IDENTITY, name text, column_name text, type text, column_value text,
	value text, test text, test_on_table text);
INSERT INTO conditions (name, column_name, type, column_value, value, test, test_on_table)
SELECT '1 in ' || to_char(part, 'FM999,999'), 'part' || part, 'integer',
	format('(hashint4(id) & 2147483647) %% %s', part), format('id %% %s', part),
	format('part%s = value', part), format('part%s + 0 = value', part)
FROM unnest(:'parts'::int[]) part
UNION ALL
VALUES ('range of 5 %', 'amount', 'double precision', '(hashint4extended(id, 1) & 1048575) / 1048576.0', 'id % 95',
		'amount BETWEEN value / 100.0::float8 AND (value + 5) / 100.0::float8',
		'amount + 0 BETWEEN value / 100.0::float8 AND (value + 5) / 100.0::float8'),
	('tags && 2 %', 'tags', 'integer[]',
		'ARRAY[hashint4extended(id, 2) & 127, hashint4extended(id, 3) & 127, hashint4extended(id, 4) & 127]', 'id % 128',
		'tags && ARRAY[value]', '(tags || ''{}''::int[]) && ARRAY[value]');
CREATE VIEW indexes AS
SELECT (number - 1) / 4 AS number, string_agg(column_name, ', ' ORDER BY number) AS columns FROM conditions GROUP BY 1;

CREATE TABLE items (LIKE base INCLUDING STORAGE);
SELECT format('ALTER TABLE items ADD %I %s', column_name, type) FROM conditions ORDER BY number \gexec
SELECT format('INSERT INTO items SELECT id, embedding, %s FROM base', string_agg(column_value, ', ' ORDER BY number))
FROM conditions \gexec
DROP TABLE base;
VACUUM (FREEZE, ANALYZE) items;

CREATE TABLE answers (condition integer, way text, query integer, rows integer[], us double precision);
CREATE TABLE sizes (way text, bytes bigint, seconds double precision);

-- Ask all queries, with a statement that is planned once; the fastest of some executions
-- counts, behind one that warms.  An empty test is none.
CREATE PROCEDURE measure(condition integer, way text, test text, value text, op text, rows integer, passes integer)
LANGUAGE plpgsql AS $make$
BEGIN
	EXECUTE format($text$
		CREATE OR REPLACE FUNCTION measure_queries() RETURNS void LANGUAGE plpgsql AS $body$
		DECLARE
			query record;
			value integer;
			started timestamptz;
			best double precision;
			found integer[];
		BEGIN
			FOR query IN SELECT * FROM queries LOOP
				value := (SELECT %5$s FROM queries WHERE id = query.id);
				best := 'inf';
				FOR pass IN 0 .. %4$s LOOP
					started := clock_timestamp();
					found := ARRAY(SELECT id FROM %7$s WHERE %1$s ORDER BY embedding %2$s query.%8$s LIMIT %3$s);
					IF pass > 0 OR %4$s = 0 THEN
						best := least(best, extract(epoch FROM clock_timestamp() - started) * 1e6);
					END IF;
				END LOOP;
				INSERT INTO answers VALUES (%6$s, %9$L, query.id, found, best);
			END LOOP;
		END $body$ $text$, CASE test WHEN '' THEN 'true' ELSE test END, op, rows, passes,
		CASE value WHEN '' THEN '0' ELSE value END, condition,
		CASE way WHEN 'hnsw' THEN 'items_vector' ELSE 'items' END,
		CASE way WHEN 'hnsw' THEN 'as_vector' ELSE 'embedding' END, way);
	PERFORM measure_queries();
END $make$;

CREATE PROCEDURE build(way text, definition text) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE 'CREATE INDEX filters_idx ON ' || definition;
	INSERT INTO sizes VALUES (way, pg_relation_size('filters_idx'), extract(epoch FROM clock_timestamp() - started));
END $$;

-- the workers of builds stay free
SELECT pg_backend_pid() AS pid \gset
\setenv BACKEND :pid
\! taskset -cp "$PROCESSOR" "$BACKEND" >/dev/null

SET jit = off;
SET plan_cache_mode = force_generic_plan;

-- what is right
SET enable_indexscan = off;
CALL measure(0, 'exact', '', '', :'op', :limit, 0);
SELECT format('CALL measure(%s, %L, %L, %L, %L, %s, 0)', number, 'exact', test, value, :'op', :limit)
FROM conditions ORDER BY number \gexec
RESET enable_indexscan;

-- each index, with the conditions on its columns, and without any
SET enable_seqscan = off;
SET enable_sort = off;
SELECT statement FROM (
	SELECT number, 0, format('CALL build(%L, %L)', 'columns ' || number, format('items USING annoy (embedding %s, %s)', :'opclass', columns))
	FROM indexes
	UNION ALL SELECT number, 1, 'VACUUM ANALYZE items' FROM indexes
	UNION ALL SELECT number, 2, 'CHECKPOINT' FROM indexes
	UNION ALL SELECT number, 3, format('CALL measure(0, %L, %L, %L, %L, %s, %s)', 'columns ' || number, '', '', :'op', :limit, :passes)
	FROM indexes
	UNION ALL SELECT (number - 1) / 4, 3 + number,
		format('CALL measure(%s, %L, %L, %L, %L, %s, %s)', number, 'columns ' || (number - 1) / 4, test, value, :'op', :limit, :passes)
	FROM conditions
	UNION ALL SELECT number, 1000, 'DROP INDEX filters_idx' FROM indexes) s (number, step, statement)
ORDER BY number, step \gexec

-- without further columns, and the conditions on the table
SELECT format('CALL build(%L, %L)', 'table', format('items USING annoy (embedding %s)', :'opclass')) \gexec
VACUUM ANALYZE items;
CHECKPOINT;
CALL measure(0, 'table', '', '', :'op', :limit, :passes);
\if :table
SELECT format('CALL measure(%s, %L, %L, %L, %L, %s, %s)', number, 'table', test_on_table, value, :'op', :limit, :passes)
FROM conditions ORDER BY number \gexec
\endif
DROP INDEX filters_idx;

\if :pgvector
CREATE EXTENSION vector;
CREATE TABLE items_vector AS SELECT i.*, NULL::vector AS v FROM items i LIMIT 0;
ALTER TABLE items_vector DROP embedding;
ALTER TABLE items_vector RENAME v TO embedding;
SELECT format('INSERT INTO items_vector (id, embedding, %s) SELECT id, embedding::vector, %1$s FROM items',
	string_agg(column_name, ', ')) FROM conditions \gexec
SELECT format('ALTER TABLE items_vector ALTER embedding TYPE vector(%s)', cardinality(embedding)) FROM items LIMIT 1 \gexec
ALTER TABLE queries ADD as_vector vector;
UPDATE queries SET as_vector = embedding::vector;
VACUUM (FREEZE, ANALYZE) items_vector;
SELECT format('CALL build(%L, %L)', 'hnsw', format('items_vector USING hnsw (embedding %s)', :'vector_opclass')) \gexec
VACUUM ANALYZE items_vector;
CHECKPOINT;
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 200000;
CALL measure(0, 'hnsw', '', '', :'op', :limit, :passes);
SELECT format('CALL measure(%s, %L, %L, %L, %L, %s, %s)', number, 'hnsw', test, value, :'op', :limit, :passes)
FROM conditions ORDER BY number \gexec
\endif

RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_sort;
ANALYZE answers;

-- a row is right if it is no farther than the last one that is wanted
CREATE TABLE distances AS
SELECT a.condition, a.way, a.query, i.embedding OPERATOR(:op) q.embedding AS distance
FROM answers a JOIN queries q ON q.id = a.query, unnest(a.rows) AS row JOIN items i ON i.id = row;
CREATE INDEX ON distances (condition, query, way);
ANALYZE distances;
CREATE TABLE figures AS
WITH wanted AS (
	SELECT condition, query, count(*) AS rows, max(distance) AS distance FROM distances
	WHERE way = 'exact' GROUP BY condition, query
), found AS (
	SELECT a.condition, a.way, a.us, w.rows AS wanted,
		(SELECT count(*) FROM distances d
		 WHERE (d.condition, d.query, d.way) = (a.condition, a.query, a.way)
			AND d.distance <= w.distance + 1e-6 * abs(w.distance)) AS right
	FROM answers a JOIN wanted w USING (condition, query) WHERE a.way <> 'exact'
)
SELECT condition, CASE WHEN way LIKE 'columns%' THEN 'columns' ELSE way END AS way,
	CASE WHEN way LIKE 'columns%' THEN split_part(way, ' ', 2)::int END AS index,
	percentile_cont(.5) WITHIN GROUP (ORDER BY us) AS us, sum("right") / sum(wanted) AS recall
FROM found GROUP BY condition, way;

\o
\pset format unaligned
\pset tuples_only on
SELECT '| condition | in the index | × none | on the table | × in the index | hnsw | × in the index |';
SELECT '|---|---|---|---|---|---|---|';
SELECT concat('| ', coalesce(c.name, 'none'), ' | ',
	to_char(i.recall, 'FM0.000'), ' in ', round(i.us), ' µs | ', round((i.us / none.us)::numeric, 2), ' | ',
	to_char(t.recall, 'FM0.000') || ' in ' || round(t.us) || ' µs', ' | ', round((t.us / i.us)::numeric, 2), ' | ',
	to_char(h.recall, 'FM0.000') || ' in ' || round(h.us) || ' µs', ' | ', round((h.us / i.us)::numeric, 1), ' |')
FROM figures i LEFT JOIN figures t ON t.condition = i.condition AND t.way = 'table'
	JOIN figures none ON none.condition = 0 AND none.way = 'columns' AND none.index = i.index
	LEFT JOIN figures h ON h.condition = i.condition AND h.way = 'hnsw'
	LEFT JOIN conditions c ON c.number = i.condition
WHERE i.way = 'columns' AND (i.condition > 0 OR i.index = 0) ORDER BY i.condition;
SELECT '';
SELECT concat(CASE way WHEN 'table' THEN 'annoy without further columns' WHEN 'hnsw' THEN 'hnsw'
		ELSE 'annoy with four columns or fewer' END,
	': ', round(bytes / 1e6, 1), ' MB, built in ', round(seconds::numeric, 1), ' s') FROM sizes;
