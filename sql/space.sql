--
-- The search space: scale and origin, which no single row decides
--
\set schema annoy_space
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- Vectors like those that random() makes, but always the same ones.
CREATE FUNCTION point(i integer, dims integer) RETURNS double precision[] IMMUTABLE LANGUAGE sql AS $$
	SELECT array_agg(hashint8extended(i, j) / 2.0 ^ 64 ORDER BY j) FROM generate_series(1, dims) j
$$;
CREATE TABLE many WITH (autovacuum_enabled = off) AS SELECT i AS id, point(i, 8) AS v FROM generate_series(-1000, 6500) i;
CREATE TABLE points WITH (autovacuum_enabled = off) AS SELECT * FROM many WHERE id BETWEEN 1 AND 1200 ORDER BY id;

-- Whatever the size of components, a table that has been filled can be dumped,
-- restored and indexed again, and either index finds what a sequential scan does.
CREATE FUNCTION at_scale(type text, metric text, factor double precision,
	OUT grown double precision, OUT built double precision)
LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
	DROP TABLE IF EXISTS filled, restored;
	EXECUTE format('CREATE TABLE filled (id integer, v %s[])', type);
	EXECUTE format('CREATE INDEX filled_v ON filled USING annoy (v %s_%s_ops)',
		split_part(type, ' ', 1), metric);
	EXECUTE format('INSERT INTO filled
		SELECT id, (SELECT array_agg((round(c * 1000) * $1)::%s ORDER BY j) FROM unnest(v) WITH ORDINALITY u (c, j))
		FROM points WHERE id <= 600', type) USING factor;
	EXECUTE 'SELECT annoy_index_check(''filled_v'', true)';
	CREATE TABLE restored AS SELECT * FROM filled;
	EXECUTE format('CREATE INDEX restored_v ON restored USING annoy (v %s_%s_ops)',
		split_part(type, ' ', 1), metric);
	EXECUTE 'SELECT annoy_index_check(''restored_v'', true)';
	SELECT recall INTO grown FROM annoy_recall('filled_v', 10, 30, 450);
	SELECT recall INTO built FROM annoy_recall('restored_v', 10, 30, 450);
END $$;
SELECT type, metric, factor, grown >= 0.95 AS grown, built >= 0.95 AS built
FROM (VALUES ('real', '2e-45'), ('real', '1e-42'), ('real', '1e-30'), ('real', '1'), ('real', '1e30'), ('real', '6e35'),
		('double precision', '5e-324'), ('double precision', '1e-303'), ('double precision', '1e-44'),
		('double precision', '1e45'), ('double precision', '1e100'), ('double precision', '3e305')) f (type, factor),
	unnest(ARRAY['l2', 'cosine', 'ip', 'l1']) metric,
	at_scale(type, metric, factor::double precision) a
ORDER BY type DESC, factor::double precision, metric;

-- Different sizes in one table: most rows decide, wherever they are in it, and
-- those that are hundreds of powers of ten away are found, too.
CREATE TABLE sizes (id integer, v double precision[]) WITH (autovacuum_enabled = off);
INSERT INTO sizes SELECT id, (SELECT array_agg(c * 1e-290) FROM unnest(v) c) FROM points WHERE id <= 100;
INSERT INTO sizes SELECT id, (SELECT array_agg(c * 1e90) FROM unnest(v) c) FROM points WHERE id BETWEEN 101 AND 200;
INSERT INTO sizes SELECT id, array_fill(0, ARRAY[8]) FROM points WHERE id BETWEEN 201 AND 400;
INSERT INTO sizes SELECT id, v FROM points WHERE id > 400;
CREATE INDEX sizes_v ON sizes USING annoy (v);
SELECT recall >= 0.95 AS recall FROM annoy_recall('sizes_v', 10, 200, 700);
SELECT annoy_index_check('sizes_v', true);
DROP INDEX sizes_v;

-- A scale that does not come from the first row, nor an origin from the mean: a
-- sentinel changes nothing, wherever it is.  By inner product it is the nearest row
-- to many, so that its leaf is visited as well.
CREATE FUNCTION with_sentinel(opclass text, sentinel integer, place integer) RETURNS double precision
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	total double precision := 0;
BEGIN
	DROP TABLE IF EXISTS marked;
	CREATE TABLE marked (id integer, v real[]);
	INSERT INTO marked SELECT id, v FROM points WHERE id < place;
	INSERT INTO marked SELECT -i, array_fill(3.4e38::real, ARRAY[8]) FROM generate_series(1, sentinel) i;
	INSERT INTO marked SELECT id, v FROM points WHERE id >= place;
	-- one index more or less is chance
	FOR seed IN 1..3 LOOP
		EXECUTE format('CREATE INDEX marked_v ON marked USING annoy (v %s) WITH (seed = %s)', opclass, seed);
		total := total + recall FROM annoy_recall('marked_v', 10, 100,
			CASE WHEN opclass = 'real_ip_ops' AND sentinel > 0 THEN 520 ELSE 400 END);
		DROP INDEX marked_v;
	END LOOP;
	RETURN total / 3;
END $$;
SELECT opclass, sentinel, place,
	with_sentinel(opclass, sentinel, place) > with_sentinel(opclass, 0, 0) - 0.05 AS as_without
FROM unnest(ARRAY['real_l2_ops', 'real_ip_ops', 'real_l1_ops']) opclass,
	(VALUES (1, 1), (1, 600), (1, 2000), (400, 1)) s (sentinel, place);

-- An index that is made before its rows is not at the mercy of the first ones:
-- the first page of them decides, without those that are far away.  What it finds
-- is nearly what it would find if it were built.
CREATE FUNCTION grow(opclass text, trees integer, first text, OUT grown boolean, OUT plain boolean)
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE found double precision;
BEGIN
	DROP TABLE IF EXISTS young;
	CREATE TABLE young (id integer, v real[]);
	EXECUTE format('CREATE INDEX young_v ON young USING annoy (v %s) WITH (n_trees = %s)', opclass, trees);
	EXECUTE format('INSERT INTO young SELECT -i, %s FROM generate_series(1, 40) i', first);
	PERFORM annoy_index_check('young_v', true);
	-- in one page, everything is found whatever the effort
	SELECT recall = 1 INTO plain FROM annoy_recall('young_v', 10, 40, 1);
	INSERT INTO young SELECT * FROM many WHERE id BETWEEN 1 AND 3000 ORDER BY id;
	PERFORM annoy_index_check('young_v', true);
	SELECT recall INTO found FROM annoy_recall('young_v', 10, 100, 800 * trees);
	REINDEX INDEX young_v;
	SELECT found > recall - 0.06 INTO grown FROM annoy_recall('young_v', 10, 100, 800 * trees);
END $$;
SELECT opclass, trees, first, g.*
FROM unnest(ARRAY['real_l2_ops', 'real_cosine_ops', 'real_ip_ops', 'real_l1_ops']) opclass,
	(VALUES (2, 'point(-i, 8)'), (1, 'array_fill(0, ARRAY[8])'),
		(1, 'CASE WHEN i > 10 THEN point(-i, 8) ELSE array_fill(3.4e38::real, ARRAY[8]) END')) f (trees, first),
	grow(opclass, trees, first) g
WHERE opclass <> 'real_cosine_ops' OR first !~ 'e38'
ORDER BY opclass, trees, first;
-- copies of one vector fill the page
INSERT INTO points SELECT -i, point(0, 8) FROM generate_series(1, 1500) i;
CREATE TABLE copies (id integer, v real[]) WITH (autovacuum_enabled = off);
CREATE INDEX copies_v ON copies USING annoy (v);
INSERT INTO copies SELECT id, v FROM points ORDER BY id;
SELECT annoy_index_check('copies_v', true);
SELECT recall > 0.95 AS recall FROM annoy_recall('copies_v', 10, 200, 1000);
-- nothing is left of it when all rows are gone
DELETE FROM copies;
VACUUM copies;
SELECT annoy_index_check('copies_v', true);
INSERT INTO copies SELECT i, point(i, 3) FROM generate_series(1, 1000) i;
SELECT annoy_index_check('copies_v', true);
SELECT recall > 0.95 AS recall FROM annoy_recall('copies_v', 10, 200, 500);
DROP TABLE copies;

-- Where the first rows were, and most others are not, is no place for the origin.
-- VACUUM makes the trees anew, if it matters; the pages of the old ones are used
-- again.
CREATE TABLE moved (id integer, kind integer, v real[]) WITH (autovacuum_enabled = off);
CREATE PROCEDURE fill_moved(columns text, opclass text, trees integer, source text, first text, n integer)
LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
	DROP INDEX IF EXISTS moved_v;
	TRUNCATE moved;
	EXECUTE format('CREATE INDEX moved_v ON moved USING annoy (v %s %s) WITH (n_trees = %s)', opclass, columns, trees);
	EXECUTE format('INSERT INTO moved
		SELECT id, id %% 3, (SELECT array_agg(%s ORDER BY j) FROM unnest(v) WITH ORDINALITY u (c, j))
		FROM %s WHERE id BETWEEN $1 AND -1 ORDER BY id DESC', first, source) USING -n;
	EXECUTE format('INSERT INTO moved SELECT id, id %% 3, CASE WHEN id %% 100 > 0 THEN v END
		FROM %s WHERE id BETWEEN 1 AND 3000 ORDER BY id', source);
	DELETE FROM moved WHERE id < 0 OR id BETWEEN 100 AND 150;
END $$;
CREATE FUNCTION pages() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_relation_size('moved_v') / current_setting('block_size')::bigint;
END $$;
CREATE PROCEDURE compare(entries integer, INOUT same boolean, INOUT close boolean) LANGUAGE plpgsql
SET client_min_messages = warning AS $$
DECLARE
	before record;
	after record;
BEGIN
	PERFORM annoy_index_check('moved_v', true);
	SELECT * INTO before FROM annoy_recall('moved_v', 10, 600, entries);
	REINDEX INDEX moved_v;
	SELECT * INTO after FROM annoy_recall('moved_v', 10, 600, entries);
	close := before.recall > after.recall - 0.01;
	same := before.entries < 1.3 * after.entries;
	IF NOT close OR NOT same THEN
		RAISE WARNING 'recall %, entries % instead of %, %', before.recall, before.entries, after.recall, after.entries;
	END IF;
END $$;

-- far away
CALL fill_moved('', 'real_l2_ops', 1, 'many', 'c + 1e4', 1000);
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() > :before AS made_anew;
SELECT annoy_index_check('moved_v', true);
SELECT pages() AS before \gset
INSERT INTO moved SELECT id, 0, v FROM many WHERE id BETWEEN 3001 AND 3100;
CALL compare(1200, NULL, NULL);
-- once is enough
CALL fill_moved('', 'real_l2_ops', 1, 'many', 'c + 1e4', 1000);
VACUUM (PARALLEL 0) moved;
SELECT pages() AS before \gset
DELETE FROM moved WHERE id % 10 = 3;
VACUUM (PARALLEL 0) moved;
SELECT pages() = :before AS as_it_was;
SELECT annoy_index_check('moved_v', true);
-- rows that make leaves split use the old pages, and VACUUM does not mind
INSERT INTO moved SELECT id, 0, v FROM many WHERE id BETWEEN 3001 AND 6000;
SELECT annoy_index_check('moved_v', true);
DELETE FROM moved WHERE id % 3 = 0;
VACUUM (PARALLEL 0) moved;
SELECT annoy_index_check('moved_v', true);
CALL compare(2000, NULL, NULL);
-- much larger, with two trees
CALL fill_moved('', 'real_l2_ops', 2, 'many', 'c * 1e6', 1000);
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() > :before AS made_anew;
CALL compare(1600, NULL, NULL);
-- by a hundred powers of ten: they were so large that all others were one point
ALTER TABLE moved ALTER v TYPE double precision[];
CALL fill_moved('', 'double_l2_ops', 1, 'many', 'c * 1e100', 1000);
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() > :before AS made_anew;
CALL compare(800, NULL, NULL);
-- other metrics, further columns, more dimensions
CALL fill_moved('', 'double_l1_ops', 1, 'many', 'c + 1e4', 1000);
VACUUM (PARALLEL 0) moved;
CALL compare(1000, NULL, NULL);
CALL fill_moved(', kind', 'double_ip_ops', 1, 'many', 'c + 1e4', 1000);
VACUUM (PARALLEL 0) moved;
CALL compare(1000, NULL, NULL);
CREATE TABLE wide WITH (autovacuum_enabled = off) AS SELECT i AS id, point(i, 8) || point(i + 10000, 8) || array_fill(0::float8, ARRAY[244]) AS v
	FROM generate_series(-200, 3000) i;
CALL fill_moved(', kind', 'double_l2_ops', 1, 'wide', 'c + 100', 200);
VACUUM (PARALLEL 0) moved;
CALL compare(2000, NULL, NULL);
-- not worth while: rows that are near, or not the most
CALL fill_moved('', 'double_l2_ops', 1, 'many', 'c + 0.3', 1000);
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() = :before AS as_it_was;
CALL fill_moved('', 'double_l2_ops', 1, 'many', 'c * 4', 1000);
INSERT INTO moved SELECT id, 0, (SELECT array_agg(c + 1e4) FROM unnest(v) c) FROM many WHERE id BETWEEN 4001 AND 6500;
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() = :before AS as_it_was;
-- it is looked at again when what was misplaced is gone
TRUNCATE moved;
INSERT INTO moved SELECT id, 0, (SELECT array_agg(c + 1e4) FROM unnest(v) c) FROM many WHERE id < 0;
INSERT INTO moved SELECT id, 0, v FROM many WHERE id BETWEEN 1 AND 2000;
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() = :before AS as_it_was;
DELETE FROM moved WHERE id < 0;
VACUUM (PARALLEL 0) moved;
SELECT pages() > :before AS made_anew;
CALL compare(800, NULL, NULL);
-- or when others have come in its place, a quarter at a time; and what is made anew
-- again and again uses the pages of what it replaces
\set replace 'SELECT unnest(ARRAY[format(''DELETE FROM moved WHERE id %% 4 = %s'', p), format(''INSERT INTO moved SELECT id, 0, (SELECT array_agg(c + %s) FROM unnest(v) c) FROM many WHERE id BETWEEN 1 AND 2000 AND id %% 4 = %s'', :distance, p), ''VACUUM (PARALLEL 0) moved'']) FROM generate_series(0, 3) p'
\set distance 1e4
:replace \gexec
CALL compare(800, NULL, NULL);
\set distance 0
:replace \gexec
SELECT pages() AS before \gset
\set distance 1e4
:replace \gexec
\set distance 0
:replace \gexec
SELECT pages() < 1.1 * :before AS no_larger;
CALL compare(800, NULL, NULL);
-- so far away that all are the same, as float4 has it
ALTER TABLE moved ALTER v TYPE double precision[];
CALL fill_moved('', 'double_l2_ops', 1, 'many', 'c + 1e9', 1000);
SELECT pages() AS before \gset
VACUUM (PARALLEL 0) moved;
SELECT pages() > :before AS made_anew;
CALL compare(800, NULL, NULL);
-- where items are few of all pages
CALL fill_moved('', 'double_l2_ops', 31, 'many', 'c + 1e4', 1000);
DELETE FROM moved WHERE id > 1000;
VACUUM (PARALLEL 0) moved;
CALL compare(4000, NULL, NULL);
DROP TABLE moved;
SET client_min_messages = warning;
DROP SCHEMA annoy_space CASCADE;
