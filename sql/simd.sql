--
-- Instruction sets: whatever path is taken, the results are the same
--
\set schema annoy_simd
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;

--
-- The setting
--
LOAD 'annoy';
SHOW annoy.simd;
SELECT vartype, context, enumvals FROM pg_settings WHERE name = 'annoy.simd';
SET annoy.simd = 'mmx';
CREATE TABLE paths AS SELECT row_number() OVER () AS n, path FROM annoy_simd_paths() path;
SELECT path FROM paths WHERE n = 1;
-- those that the machine has can be set, the others not, which no machine lacks
SELECT available, count(*) > 0 AS some, bool_and(CASE WHEN available THEN failure = 'no error'
	ELSE failure LIKE format('22023 | invalid value for parameter "annoy.simd": "%s" | %%instructions%% | Available values: auto, %s.',
		value, (SELECT string_agg(path, ', ' ORDER BY n) FROM paths)) END) AS as_expected
FROM (SELECT value, value = 'auto' OR value IN (SELECT path FROM paths) AS available,
		failure(format('SET annoy.simd = %L', value)) AS failure
	FROM pg_settings, unnest(enumvals) value WHERE name = 'annoy.simd') s
GROUP BY 1 ORDER BY 1;
RESET annoy.simd;
-- one that is refused leaves the setting as it is
SET annoy.simd = 'portable';
DO $$
BEGIN
	PERFORM set_config('annoy.simd', value, false)
	FROM pg_settings, unnest(enumvals) value
	WHERE name = 'annoy.simd' AND value <> 'auto' AND value NOT IN (SELECT path FROM paths);
EXCEPTION WHEN invalid_parameter_value THEN NULL;
END $$;
SHOW annoy.simd;
RESET annoy.simd;
-- what is compared with the portable path: all others, or auto if there are none
CREATE TABLE others AS SELECT path FROM paths WHERE n > 1;
INSERT INTO others SELECT 'auto' WHERE NOT EXISTS (TABLE others);

--
-- Exact distances, to the last bit: all numbers of components from 1 to 20, and
-- components of every size
--
CREATE FUNCTION component(kind integer, dims integer, j integer) RETURNS double precision LANGUAGE sql AS $$
	SELECT CASE kind WHEN 1 THEN number(dims, j) - 0.5
		WHEN 2 THEN number(dims + 10000, j) * 3
		WHEN 3 THEN 0
		WHEN 4 THEN (number(dims + 20000, j) - 0.5) * 1e38
		WHEN 5 THEN number(dims + 30000, j) * 1e-38
		ELSE exp(160 * number(dims + 40000, j) - 80) END $$;
CREATE TABLE points AS
	SELECT dims, kind, array_agg(component(kind, dims, j) ORDER BY j) AS d
	FROM (SELECT generate_series(1, 20) UNION ALL SELECT unnest(ARRAY[63, 64, 65, 100, 128, 257, 768, 1536, 8191])) s (dims),
		generate_series(1, 6) kind, LATERAL generate_series(1, dims) j
	GROUP BY dims, kind;
ALTER TABLE points ADD r real[], ADD b bit varying;
UPDATE points SET r = d::real[],
	b = (SELECT string_agg((x > 0.25)::integer::text, '' ORDER BY n) FROM unnest(d) WITH ORDINALITY u (x, n))::bit varying;
CREATE FUNCTION distances(path text) RETURNS TABLE (dims integer, x integer, y integer, what text, distance bytea)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('annoy.simd', path, true);
	RETURN QUERY
		SELECT x.dims, x.kind, y.kind, d.what, float8send(d.distance)
		FROM points x JOIN points y ON x.dims = y.dims AND (x.kind <= y.kind OR x.dims < 20), LATERAL (VALUES
			('l2 r r', x.r <-> y.r), ('l2 r d', x.r <-> y.d), ('l2 d r', x.d <-> y.r), ('l2 d d', x.d <-> y.d),
			('cos r r', x.r <=> y.r), ('cos r d', x.r <=> y.d), ('cos d r', x.d <=> y.r), ('cos d d', x.d <=> y.d),
			('ip r r', x.r <#> y.r), ('ip r d', x.r <#> y.d), ('ip d r', x.d <#> y.r), ('ip d d', x.d <#> y.d),
			('l1 r r', x.r <+> y.r), ('l1 r d', x.r <+> y.d), ('l1 d r', x.d <+> y.r), ('l1 d d', x.d <+> y.d),
			('ham r r', x.r <~> y.r), ('ham r d', x.r <~> y.d), ('ham d r', x.d <~> y.r), ('ham d d', x.d <~> y.d),
			('bits', x.b <~~> y.b), ('norm r', annoy_norm(x.r)), ('norm d', annoy_norm(x.d))) d (what, distance);
END $$;
CREATE TABLE portable AS SELECT * FROM distances('portable');
SELECT count(*), count(DISTINCT distance) > 1000 AS many FROM portable;
SELECT path, count(*), min(d.dims), max(d.dims), array_agg(DISTINCT d.what) AS what
FROM (TABLE others UNION SELECT 'auto') o, LATERAL (SELECT * FROM distances(path) EXCEPT TABLE portable) d
GROUP BY 1;
-- components that are no numbers are found wherever they are
CREATE FUNCTION not_finite(path text, dims integer, at integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('annoy.simd', path, true);
	RETURN left(failure(format('SELECT (array_fill(1, ARRAY[%s]) || ''{NaN}''::real[] || array_fill(1, ARRAY[%s])) <-> array_fill(2, ARRAY[%s])',
		at - 1, dims - at, dims)), 47);
END $$;
SELECT DISTINCT not_finite(path, dims, at)
FROM (SELECT path FROM paths UNION TABLE others) p, generate_series(1, 33) dims, generate_series(1, dims, 5) at;

--
-- Indexes: the same bytes, the same rows at the same distances
--
-- Vectors in clusters; some far away, some copies, some zeroes
CREATE TABLE vectors AS SELECT id, array_agg(CASE WHEN id % 50 = 7 THEN 0
		ELSE (2 * number(id % 20, j) + number(1000 + CASE WHEN id % 9 = 1 THEN 1 ELSE id END, j) - 1)
			* CASE WHEN id % 40 = 3 THEN 1000 ELSE 1 END END ORDER BY j) AS v
	FROM generate_series(1, 300) id, generate_series(1, 1536) j GROUP BY id ORDER BY id;
ALTER TABLE vectors ADD b bit varying;
UPDATE vectors
	SET b = (SELECT string_agg((x > 0)::integer::text, '' ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n))::bit varying;
CREATE TABLE cases (n serial, dims integer, type text, opclass text, operator text, inserted boolean);
INSERT INTO cases (dims, type, opclass, operator, inserted)
	SELECT dims, 'real[]', 'real_l2_ops', '<->', false
	FROM unnest(ARRAY[1, 2, 17, 40, 64, 80, 96, 128, 144, 250, 257, 400, 528, 768, 1000, 1025, 1536]) dims
	UNION ALL SELECT dims, 'real[]', 'real_' || opclass, operator, false
	FROM unnest(ARRAY[3, 100, 1030]) dims, (VALUES ('ip_ops', '<#>'), ('cosine_ops', '<=>')) o (opclass, operator)
	UNION ALL SELECT dims, 'double precision[]', 'double_' || opclass, operator, false
	FROM unnest(ARRAY[48, 260]) dims, (VALUES ('ip_ops', '<#>'), ('l1_ops', '<+>'), ('hamming_ops', '<~>')) o (opclass, operator)
	UNION ALL SELECT dims, 'bit varying', 'bit_hamming_ops', '<~~>', false FROM unnest(ARRAY[7, 128, 1530]) dims
	UNION ALL SELECT dims, 'double precision[]', 'double_l2_ops', '<->', true FROM unnest(ARRAY[20, 300]) dims;
-- each path has a table of its own, all with the same rows
CREATE PROCEDURE build(c cases, path text) LANGUAGE plpgsql AS $$
DECLARE
	tab text := format('case_%s_%s', c.n, path);
	fill text := format('INSERT INTO %I SELECT id, %s FROM vectors ORDER BY id', tab,
		format(CASE c.type WHEN 'bit varying' THEN 'substring(b, 1, %s)' ELSE 'v[:%s]' END, c.dims));
BEGIN
	PERFORM set_config('annoy.simd', path, true);
	EXECUTE format('CREATE TABLE %I (id integer, v %s)', tab, c.type);
	IF NOT c.inserted THEN
		EXECUTE fill;
	END IF;
	EXECUTE format('CREATE INDEX %I ON %I USING annoy (v %s)', tab || '_v', tab, c.opclass);
	IF c.inserted THEN
		EXECUTE fill;
	END IF;
	EXECUTE format('ANALYZE %I (id)', tab);
END $$;
DO $$
DECLARE
	c cases;
	path text;
BEGIN
	FOR c IN SELECT * FROM cases ORDER BY n LOOP
		FOR path IN SELECT 'portable' UNION ALL SELECT o.path FROM others o LOOP
			CALL build(c, path);
		END LOOP;
	END LOOP;
END $$;
CHECKPOINT;
-- a checksum of an index's pages, without LSNs and page checksums
CREATE FUNCTION pages(index regclass) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(md5(substring(bytes FROM n * size + 11 FOR size - 10)), '' ORDER BY n))
	FROM pg_read_binary_file(pg_relation_filepath(index)) bytes,
		CAST(current_setting('block_size') AS integer) size,
		generate_series(0, length(bytes) / size - 1) n $$;
SELECT count(DISTINCT n) AS cases,
	array_agg(format('%s %s %s', path, opclass, dims)) FILTER (WHERE portable <> other) AS different
FROM cases, others, LATERAL pages(format('case_%s_portable_v', n)::regclass) portable,
	LATERAL pages(format('case_%s_%s_v', n, path)::regclass) other;

-- searches for some of the rows
CREATE FUNCTION search(c cases, path text, query integer, search_k integer, k integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	sql text;
	result text;
BEGIN
	EXECUTE format('SELECT format(''%%L::%s'', v) FROM case_%s_portable WHERE id = %s', c.type, c.n, query) INTO sql;
	sql := format('SELECT id, v %1$s %2$s AS d FROM case_%3$s_portable ORDER BY v %1$s %2$s LIMIT %4$s',
		c.operator, sql, c.n, k);
	PERFORM set_config('annoy.simd', path, true), set_config('annoy.search_k', search_k::text, true);
	EXECUTE 'SELECT string_agg(format(''%s %s'', id, float8send(d)), '', '') FROM (' || sql || ') s' INTO result;
	RETURN result;
END $$;
SELECT count(DISTINCT n) AS cases, count(DISTINCT portable) > 50 AS many,
	array_agg(format('%s %s %s', path, opclass, dims)) FILTER (WHERE portable <> other) AS different
FROM cases c, (VALUES (1, 50, 5), (3, 200, 20), (7, 200, 20), (222, 100000, 40)) q (query, search_k, k), others,
	LATERAL search(c, 'portable', query, search_k, k) portable, LATERAL search(c, path, query, search_k, k) other;

-- codes are what another path makes of the vectors
SET annoy.simd = 'portable';
SELECT count(DISTINCT n) AS cases, count(annoy_index_check(format('case_%s_%s_v', n, path)::regclass)) > 0 AS checked
FROM cases, others;
RESET annoy.simd;
SELECT count(annoy_index_check(format('case_%s_portable_v', n)::regclass)) AS cases FROM cases;

--
-- Each kernel by itself, on the nodes of these indexes
--
SELECT count(*) AS cases, bool_and(annoy_simd_check(format('case_%s_portable_v', n)::regclass) = leaf_pages + inner_pages) AS all_nodes
FROM cases, annoy_index_info(format('case_%s_portable_v', n)::regclass);
-- what is no index has no nodes, and neither has one without vectors
SELECT annoy_simd_check('case_1_portable');
CREATE TABLE empty (v real[]);
CREATE INDEX empty_v ON empty USING annoy (v);
SELECT annoy_simd_check('empty_v');

SET client_min_messages = warning;
DROP SCHEMA annoy_simd CASCADE;
