--
-- Second entries: the storage parameter n_entries
--
\set schema annoy_entries
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
CREATE TABLE items AS SELECT i AS id, hard(i, 24) AS v FROM generate_series(1, 4000) i;
CREATE TABLE queries AS SELECT hard(10000 + i, 24) AS q FROM generate_series(1, 20) i;
-- The part of vectors that have two entries
CREATE FUNCTION paired(index regclass) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((entries - n_trees * vectors) / (n_trees * vectors)::numeric, 2) FROM annoy_index_info(index)
$$;

-- Declared
CREATE TABLE declared (v real[]);
CREATE INDEX none ON declared USING annoy (v) WITH (n_entries = -1);
CREATE INDEX one ON declared USING annoy (v) WITH (n_entries = 1);
CREATE INDEX two ON declared USING annoy (v) WITH (n_entries = 2);
SELECT annoy_clone_index('two', 'automatic', '{"n_entries": null}');
SELECT o.n_entries AS one, t.n_entries AS two, n.n_entries = a.n_entries AS automatic
FROM annoy_index_info('one') o, annoy_index_info('two') t, annoy_index_info('none') n, annoy_index_info('automatic') a;
SELECT annoy_index_params('two') -> 'n_entries' AS params, annoy_repr('two') ~ 'n_entries=2' AS repr;
DO $$ BEGIN PERFORM annoy_set_params('one', '{"n_entries": 2}'); END $$;
SELECT n_entries AS not_yet FROM annoy_index_info('one');
REINDEX INDEX one;
SELECT n_entries FROM annoy_index_info('one');
\set VERBOSITY terse
CREATE INDEX ON declared USING annoy (v) WITH (n_entries = 0);
CREATE INDEX ON declared USING annoy (v) WITH (n_entries = -2);
CREATE INDEX ON declared USING annoy (v) WITH (n_entries = 3);
\set VERBOSITY default
SELECT failure('CREATE INDEX ON declared USING annoy (v) WITH (n_entries = 0)');
DROP TABLE declared;

-- An index that is made before its rows: those of the first leaf have one entry.
CREATE TABLE grown (LIKE items);
CREATE INDEX grown_1 ON grown USING annoy (v) WITH (n_entries = 1);
CREATE INDEX grown_2 ON grown USING annoy (v) WITH (n_entries = 2);
CREATE INDEX grown_3 ON grown USING annoy (v) WITH (n_entries = 2, n_trees = 3);
INSERT INTO grown SELECT * FROM items WHERE id <= 40;
SELECT i, paired(i), annoy_index_check(i, true) FROM unnest(ARRAY['grown_1', 'grown_2', 'grown_3']::regclass[]) i;
INSERT INTO grown SELECT * FROM items WHERE id > 40;
SELECT i, paired(i) > .8 AS paired, annoy_index_check(i, true) FROM unnest(ARRAY['grown_1', 'grown_2', 'grown_3']::regclass[]) i;
-- each row comes once, in rounds and when the index is drained
DROP INDEX grown_1, grown_3;
SELECT DISTINCT full_scan('grown', '<->', quote_literal(q)) FROM queries;
SELECT count(*) AS rows, count(DISTINCT (q, id)) AS different FROM queries, LATERAL (SELECT id FROM grown ORDER BY v <-> q LIMIT 300) n;
SELECT count(*) AS rows, count(DISTINCT (item, neighbour)) AS different FROM annoy_knn_graph('grown_2', 5);
-- so it is under conditions in the index, and for manhattan
CREATE INDEX grown_id ON grown USING annoy (v, id) WITH (n_entries = 2);
SELECT count(*) AS rows, count(DISTINCT (q, id)) AS different FROM queries, LATERAL (SELECT id FROM grown WHERE id BETWEEN 100 AND 900 ORDER BY v <-> q LIMIT 50) n;
CREATE INDEX grown_l1 ON grown USING annoy (v real_l1_ops) WITH (n_entries = 2);
SELECT count(*) AS rows, count(DISTINCT (q, id)) AS different FROM queries, LATERAL (SELECT id FROM grown ORDER BY v <+> q LIMIT 300) n;
DROP INDEX grown_id, grown_l1;

-- They find more in as many entries.
CREATE INDEX grown_1 ON grown USING annoy (v) WITH (n_entries = 1);
SELECT t.recall > o.recall + .02 AS better FROM annoy_recall('grown_2', 10, 400, 400) t, annoy_recall('grown_1', 10, 400, 400) o;
DROP INDEX grown_1;

-- VACUUM drops both, and nothing is left of them.
DELETE FROM grown WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP on) grown;
SELECT entries <= 2 * vectors AS dropped, vectors, annoy_index_check('grown_2', true) FROM annoy_index_info('grown_2');
INSERT INTO grown SELECT * FROM items WHERE id % 2 = 0;
SELECT paired('grown_2') > .8 AS paired, annoy_index_check('grown_2', true);
DELETE FROM grown;
VACUUM (INDEX_CLEANUP on) grown;
SELECT vectors, entries, annoy_index_check('grown_2', true) FROM annoy_index_info('grown_2');
INSERT INTO grown SELECT id, hard(id, 6) FROM items;
SELECT paired('grown_2') > .4 AS paired, annoy_index_check('grown_2', true);

-- Copies of one vector, among others or not, have one entry each.
CREATE TABLE copies (id integer, v real[]);
CREATE INDEX copies_v ON copies USING annoy (v) WITH (n_entries = 2);
INSERT INTO copies SELECT i, hard(1, 24) FROM generate_series(1, 3000) i;
SELECT paired('copies_v'), annoy_index_check('copies_v', true);
TRUNCATE copies;
INSERT INTO copies SELECT id, v FROM items WHERE id <= 1000;
INSERT INTO copies SELECT i, hard(1, 24) FROM generate_series(1, 3000) i;
SELECT paired('copies_v') BETWEEN .2 AND .3 AS few, annoy_index_check('copies_v', true);
SELECT count(DISTINCT id) FROM (SELECT id FROM copies ORDER BY v <-> hard(1, 24) LIMIT 3001) s WHERE id > 0;

RESET enable_seqscan;

-- A search knows that it has met an item twice: an item with copies does not make it
-- end before the other rows are found.
CREATE TABLE copied AS SELECT i AS id, hard(CASE WHEN i <= 20000 THEN i ELSE (i - 20000) % 60 + 1 END, 24) AS v
	FROM generate_series(1, 20300) i;
CREATE INDEX copied_v ON copied USING annoy (v);
CREATE FUNCTION copied_found(q real[], OUT part double precision) LANGUAGE plpgsql AS $$
DECLARE
	tenth double precision := (SELECT annoy_l2_distance(v, q) AS d FROM copied ORDER BY 1 LIMIT 1 OFFSET 9);
BEGIN
	SELECT count(*) FILTER (WHERE d <= tenth + 1e-6) / 10.0 INTO part
	FROM (SELECT v <-> q AS d FROM copied ORDER BY v <-> q LIMIT 10) n;
END $$;
SELECT avg(part) >= 0.98 AS found FROM copied, copied_found(v) WHERE id <= 60;
-- Candidates by manhattan distance fit into the least memory.
CREATE INDEX copied_l1 ON copied USING annoy (v real_l1_ops);
SELECT count(*) FROM (SELECT FROM copied ORDER BY v <+> hard(-1, 24) LIMIT 1000) s;
SELECT rounds, drained FROM annoy_last_scan();
DROP TABLE copied;

SET client_min_messages = warning;
DROP SCHEMA annoy_entries CASCADE;
