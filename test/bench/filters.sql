-- Searches with a condition, in the index and on the table: see filters.sh.
--
-- Copyright (c) 2026, the annoy developers
--
-- There are tables base and queries (id, embedding).  Variables of psql: op, an
-- operator with its metric's operator class; parts; limit; passes.
--
-- A condition is column = value, where one row of so many has each value,
-- wherever its vector is.  On the table it is column + 0 = value.

\set ON_ERROR_STOP 1
\set QUIET 1
SET client_min_messages = warning;
\o /dev/null

CREATE FUNCTION add_columns(parts integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER TABLE base ' || (
		SELECT string_agg(format('ADD part%1$s integer GENERATED ALWAYS AS ((hashint4(id) & 2147483647) %% %1$s) STORED',
								 part), ', ')
		FROM unnest(parts) part);
END $$;
SELECT add_columns(:'parts');
VACUUM (FREEZE, ANALYZE) base;
SELECT format('CREATE INDEX base_idx ON base USING annoy (embedding %s, %s)', :'opclass', string_agg('part' || part, ', '))
FROM unnest(:'parts'::int[]) part \gexec
VACUUM ANALYZE base;
CHECKPOINT;

CREATE TABLE answers (part integer, query integer, way text, rows integer[], us double precision);

-- A function for each column that has the statements as they are, so that they
-- are planned once.  The fastest of some executions counts.
CREATE FUNCTION make_measure(part integer, op text, rows integer, passes integer) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
	EXECUTE format($text$
		CREATE FUNCTION measure%1$s() RETURNS void LANGUAGE plpgsql AS $body$
		DECLARE
			query record;
			value integer;
			started timestamptz;
			middle timestamptz;
			ended timestamptz;
			in_table integer[];
			in_index integer[];
			table_us double precision;
			index_us double precision;
		BEGIN
			FOR query IN SELECT id, embedding FROM queries LOOP
				value := query.id %% %1$s;
				table_us := 'inf';
				index_us := 'inf';
				FOR pass IN 0 .. %4$s LOOP
					started := clock_timestamp();
					in_table := ARRAY(SELECT id FROM base WHERE part%1$s + 0 = value
									  ORDER BY embedding %2$s query.embedding LIMIT %3$s);
					middle := clock_timestamp();
					in_index := ARRAY(SELECT id FROM base WHERE part%1$s = value
									  ORDER BY embedding %2$s query.embedding LIMIT %3$s);
					ended := clock_timestamp();
					IF pass > 0 THEN
						table_us := least(table_us, extract(epoch FROM middle - started) * 1e6);
						index_us := least(index_us, extract(epoch FROM ended - middle) * 1e6);
					END IF;
				END LOOP;
				INSERT INTO answers VALUES (%1$s, query.id, 'table', in_table, table_us),
					(%1$s, query.id, 'index', in_index, index_us);
			END LOOP;
		END $body$;
		CREATE FUNCTION exact%1$s() RETURNS void LANGUAGE plpgsql SET enable_indexscan = off AS $body$
		DECLARE
			query record;
			value integer;
		BEGIN
			FOR query IN SELECT id, embedding FROM queries LOOP
				value := query.id %% %1$s;
				INSERT INTO answers SELECT %1$s, query.id, 'exact',
					ARRAY(SELECT id FROM base WHERE part%1$s = value
						  ORDER BY embedding %2$s query.embedding LIMIT %3$s);
			END LOOP;
		END $body$ $text$, part, op, rows, passes);
END $make$;

SET jit = off;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT make_measure(part, :'op', :limit, :passes) FROM unnest(:'parts'::int[]) part;
SELECT format('SELECT measure%s()', part), format('SELECT exact%s()', part)
FROM unnest(:'parts'::int[]) part \gexec

RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_sort;
ANALYZE answers;

-- a row is right if it is no farther than the last one that is wanted
CREATE TABLE distances AS
SELECT a.part, a.query, a.way, b.embedding OPERATOR(:op) q.embedding AS distance
FROM answers a JOIN queries q ON q.id = a.query, unnest(a.rows) AS row JOIN base b ON b.id = row;
CREATE TABLE figures AS
WITH wanted AS (
	SELECT part, query, count(*) AS rows, max(distance) AS distance FROM distances WHERE way = 'exact' GROUP BY part, query
), found AS (
	SELECT a.part, a.query, a.way, a.us, w.rows AS wanted, cardinality(a.rows) AS rows,
		(SELECT count(*) FROM distances d
		 WHERE (d.part, d.query, d.way) = (a.part, a.query, a.way) AND d.distance <= w.distance + 1e-6 * abs(w.distance)) AS right
	FROM answers a JOIN wanted w USING (part, query) WHERE a.way <> 'exact'
)
SELECT part, way, avg(us) AS us, sum(rows) AS rows, sum(wanted) AS wanted, sum("right") / sum(wanted) AS recall
FROM found GROUP BY part, way;

\o
SELECT '1 in ' || to_char(part, 'FM999,999') AS condition,
	i.wanted, t.rows AS table_rows, i.rows AS index_rows,
	round(t.recall, 4) AS table_recall, round(i.recall, 4) AS index_recall,
	round(t.us::numeric) AS table_us, round(i.us::numeric) AS index_us,
	round((t.us / i.us)::numeric, 1) AS ratio
FROM figures t JOIN figures i USING (part) WHERE t.way = 'table' AND i.way = 'index' ORDER BY part;
