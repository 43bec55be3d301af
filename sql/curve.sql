--
-- Recall curves are advice: whatever they were measured with, and whatever has
-- become of the rows, an index can be used
--
\set schema annoy_curve
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
-- Vectors without much structure, which are hard to find
CREATE FUNCTION hard(i integer) RETURNS real[] LANGUAGE sql AS
	$$ SELECT array_agg((number(i, j) + number(i % 50, j))::real ORDER BY j) FROM generate_series(1, 8) j $$;
CREATE TABLE items WITH (autovacuum_enabled = off) AS SELECT i AS id, hard(i) AS v FROM generate_series(1, 9000) i;
CREATE INDEX items_v ON items USING annoy (v);
CREATE TABLE changing WITH (autovacuum_enabled = off) AS SELECT * FROM items;
CREATE INDEX changing_v ON changing USING annoy (v);

-- Searches and insertions go on, all that is to be known of the curve is in order,
-- and the index is whole.
CREATE FUNCTION usable(index regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tab regclass := (SELECT indrelid FROM pg_index WHERE indexrelid = index);
	curve text := (SELECT string_agg(DISTINCT k || ' rows, ' || c.asked || ' queries', '; ')
		FROM annoy_recall_curve(index) c);
	wrong integer;
BEGIN
	SELECT count(*) INTO wrong FROM (
		SELECT search_k, recall, lag(search_k) OVER w AS less, lag(recall) OVER w AS lower
		FROM annoy_recall_curve(index) WINDOW w AS (PARTITION BY k ORDER BY search_k)) c
	WHERE search_k < 1 OR search_k <= less OR NOT recall BETWEEN 0 AND 1 OR recall < lower;
	EXECUTE format('INSERT INTO %s SELECT -1, v FROM items WHERE id = 1', tab);
	EXECUTE format('SELECT FROM %s ORDER BY v <-> array_fill(1.5::real, ARRAY[8]) LIMIT 10', tab);
	EXECUTE format('DELETE FROM %s WHERE id = -1', tab);
	PERFORM annoy_index_check(index, true);
	RETURN concat_ws(' | ', coalesce(curve, 'no curve'), nullif(wrong, 0) || ' points are wrong');
END $$;

--
-- Queries of all kinds
--
CREATE TABLE q (v real[]);
CREATE FUNCTION calibrated(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE q;
	EXECUTE 'INSERT INTO q ' || query;
	RETURN annoy_calibrate('items_v', 'q') || ' asked: ' || usable('items_v');
END $$;
-- one; the same again and again; of a row; NULLs between
SELECT calibrated('SELECT hard(20000)');
SELECT calibrated('SELECT hard(20000) FROM generate_series(1, 100)');
SELECT calibrated('SELECT v FROM items WHERE id = 7');
SELECT calibrated('SELECT CASE WHEN i % 2 = 0 THEN hard(20000 + i) END FROM generate_series(1, 100) i');
SELECT failure($$SELECT calibrated('SELECT NULL FROM generate_series(1, 100)')$$);
-- more than are kept
SELECT calibrated('SELECT hard(20000 + i) FROM generate_series(1, 1500) i');
-- in an order: those in the middle of all rows come first, and have more in common
SELECT calibrated('SELECT v FROM items WHERE id <= 400 ORDER BY v <-> array_fill(1::real, ARRAY[8])');
SELECT calibrated('SELECT v FROM items WHERE id <= 400 ORDER BY (v <-> array_fill(1::real, ARRAY[8])) + 0 DESC');
SELECT calibrated('SELECT array_fill(i::real, ARRAY[8]) FROM generate_series(-500, 500) i');
-- far away, and farther
SELECT calibrated('SELECT array_fill(1000::real, ARRAY[8]) FROM generate_series(1, 100) i');
SET client_min_messages = error;
SELECT calibrated('SELECT array_fill((10 ^ (i / 4))::real, ARRAY[8]) FROM generate_series(1, 148) i')
	~ '^\d+ asked: 10 rows, \d+ queries; 100 rows, \d+ queries; 1000 rows, \d+ queries$' AS usable;
RESET client_min_messages;
SELECT calibrated('SELECT array_fill(1e-30::real, ARRAY[8]) FROM generate_series(1, 100) i');
-- The order in which they come makes no difference to what 1,000 rows take.
CREATE TABLE tenants WITH (autovacuum_enabled = off) AS SELECT i, CASE WHEN i <= 250 THEN array_fill(1::real, ARRAY[8]) ELSE hard(20000 + i) END AS v
	FROM generate_series(1, 1000) i;
CREATE FUNCTION deep(direction text) RETURNS TABLE (search_k integer, recall double precision) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM calibrated('SELECT v FROM tenants ORDER BY i ' || direction);
	RETURN QUERY SELECT c.search_k, c.recall FROM annoy_recall_curve('items_v') c WHERE k = 1000;
END $$;
CREATE TABLE there AS SELECT * FROM deep('ASC');
CREATE TABLE back AS SELECT * FROM deep('DESC');
SELECT max(abs(t.recall - b.recall)) < 0.05 AS same FROM there t JOIN back b USING (search_k);

--
-- Rows that are gone
--
CREATE TABLE forty AS SELECT v FROM items WHERE id <= 40;
SELECT usable('changing_v');
DELETE FROM changing WHERE id > 1;
VACUUM (INDEX_CLEANUP on) changing;
SELECT usable('changing_v');
SELECT annoy_calibrate('changing_v', 'forty');
SELECT annoy_calibrate('changing_v');
SELECT usable('changing_v');
INSERT INTO changing SELECT * FROM items WHERE id > 1;
DELETE FROM changing;
VACUUM (INDEX_CLEANUP on) changing;
SELECT annoy_calibrate('changing_v', 'forty');
SELECT usable('changing_v');
-- with less talk
SET annoy."verbose" = -1;
SELECT annoy_calibrate('changing_v');
RESET annoy."verbose";
-- copies of one vector: all are the nearest
INSERT INTO changing SELECT i, (SELECT v FROM items WHERE id = 5) FROM generate_series(1, 10000) i;
SELECT annoy_calibrate('changing_v', 'forty');
SELECT usable('changing_v');
SELECT annoy_calibrate('changing_v') BETWEEN 1 AND 2 AS few;
SELECT usable('changing_v') ~ '^10 rows, [12] queries; 100 rows, [12] queries; 1000 rows, [12] queries$' AS usable;

--
-- Indexes that have grown: insertions do not measure, and searches scan more until
-- VACUUM does.
--
CREATE TEMP TABLE grown AS SELECT * FROM items;
CREATE INDEX grown_v ON grown USING annoy (v);
CREATE FUNCTION entries(target double precision) RETURNS double precision LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('annoy.target_recall', target::text, true);
	RETURN (SELECT entries FROM annoy_recall('grown_v', queries => 30));
END $$;
CREATE TABLE curve AS SELECT c.* FROM annoy_recall_curve('grown_v') c;
CREATE TABLE efforts AS SELECT target, entries(target) AS built FROM unnest(ARRAY[0.8, 0.9, 0.99]) target;
INSERT INTO grown SELECT 20000 + i, hard(20000 + i) FROM generate_series(1, 9000) i;
SELECT count(*) AS differences FROM (SELECT c.* FROM annoy_recall_curve('grown_v') c EXCEPT SELECT * FROM curve) d;
SELECT target, entries(target) / built BETWEEN 1.2 AND 4 AS more FROM efforts ORDER BY target;
SELECT recall >= 0.93 AS recall FROM annoy_recall('grown_v', 10, 200);
SELECT recall >= 0.93 AS recall FROM annoy_recall('grown_v', 100, 200);
VACUUM grown;
SELECT count(*) > 0 AS differences FROM (SELECT c.* FROM annoy_recall_curve('grown_v') c EXCEPT SELECT * FROM curve) d;
-- without a curve, too, more is scanned for more recall
TRUNCATE grown;
INSERT INTO grown SELECT * FROM items;
INSERT INTO grown SELECT 20000 + i, hard(20000 + i) FROM generate_series(1, 9000) i;
SELECT count(*) AS points FROM annoy_recall_curve('grown_v');
SELECT entries(0.9) = entries(0.95) AS default, entries(0.99) > 1.5 * entries(0.95) AS more;
SELECT recall >= 0.93 AS recall FROM annoy_recall('grown_v', 100, 200);
VACUUM grown;
SELECT count(*) > 0 AS points FROM annoy_recall_curve('grown_v');

--
-- In a large index most queries are asked quickly, of the leaves nearest to them.  Of
-- these vectors many neighbours are elsewhere, and are reckoned with.
--
SELECT FROM setseed(0.5);
CREATE TABLE many WITH (autovacuum_enabled = off) AS
	SELECT ARRAY(SELECT random() FROM generate_series(1, 64) WHERE i > 0)::real[] AS v FROM generate_series(1, 46000) i;
CREATE INDEX many_v ON many USING annoy (v);
SELECT DISTINCT k, asked FROM annoy_recall_curve('many_v') ORDER BY k;
SET annoy.target_recall = 0.9;
SELECT k, recall BETWEEN 0.87 AND 0.95 AS as_asked_for FROM unnest(ARRAY[10, 100]) k, annoy_recall('many_v', k, 200) ORDER BY k;
RESET annoy.target_recall;

--
-- A quarter of these rows are not in clusters, and take more entries than the others, but
-- hardly more than 1.9 times the average; but for a few that are unlike any row.
--
CREATE FUNCTION mixed(i integer) RETURNS real[] LANGUAGE sql AS $$
	SELECT array_agg((CASE WHEN i % 4 = 0 THEN number(i, j) ELSE number(i % 400, j) + 0.3 * number(i, j) END)::real ORDER BY j)
	FROM generate_series(1, 16) j $$;
CREATE TABLE mixed AS SELECT mixed(i) AS v FROM generate_series(1, 10000) i;
CREATE INDEX mixed_v ON mixed USING annoy (v);
CREATE FUNCTION entries_scanned(q real[]) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM mixed ORDER BY v <-> q LIMIT 10;
	RETURN (SELECT s.entries FROM annoy_last_scan() s);
END $$;
SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY n) <= 2.1 * avg(n) AS bounded
FROM (SELECT entries_scanned(mixed(i)) FROM generate_series(10001, 10400) i) e (n);

--
-- Reading queries takes no memory for each, though these are stored out of line.
--
CREATE TABLE long (v double precision[]);
ALTER TABLE long ALTER v SET STORAGE EXTERNAL;
INSERT INTO long SELECT vec(1, 4000);
CREATE INDEX long_v ON long USING annoy (v);
CREATE VIEW same AS SELECT v FROM long, generate_series(1, 4000);
-- kilobytes, where Linux tells
CREATE FUNCTION peak() RETURNS bigint LANGUAGE sql AS
	$$ SELECT (regexp_match(pg_read_file('/proc/self/status', 0, 100000, true), 'VmHWM:\s+(\d+) kB'))[1]::bigint $$;
SELECT annoy_calibrate('long_v', 'long');
SELECT peak() AS before \gset
SELECT annoy_calibrate('long_v', 'same');
SELECT coalesce(peak() - nullif(:'before', '')::bigint, 0) < 60000 AS little;

SET client_min_messages = warning;
DROP SCHEMA annoy_curve CASCADE;
