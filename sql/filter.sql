--
-- Conditions on further columns of an index
--
\set schema annoy_filter
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET timezone = 'UTC';

CREATE FUNCTION vec(i integer) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_agg((sin(i * j) * 100)::real ORDER BY j) FROM generate_series(1, 8) j $$;

-- each column is NULL in some rows, and so is the vector
CREATE TABLE items AS
SELECT i AS id,
	CASE WHEN i % 211 <> 0 THEN vec(i) END AS v,
	nullif(i % 40, 7)::int2 AS i2,
	nullif(i % 50, 7)::int4 AS i4,
	nullif(i % 60, 7)::int8 AS i8,
	nullif(i % 30, 7)::float4 AS f4,
	nullif(i % 31, 7)::float8 AS f8,
	nullif(i % 32, 7)::numeric / 10 AS n,
	'name ' || nullif(i % 33, 7) AS t,
	('name ' || nullif(i % 34, 7))::varchar(20) AS vc,
	nullif(i % 3, 2)::boolean AS b,
	date '2026-01-01' + nullif(i % 35, 7) AS d,
	timestamp '2026-01-01' + nullif(i % 36, 7) * interval '1 hour' AS ts,
	timestamptz '2026-01-01' + nullif(i % 37, 7) * interval '1 hour' AS tstz,
	md5(nullif(i % 38, 7)::text)::uuid AS u,
	ARRAY[nullif(i % 5, 1), i % 7] AS i4a,
	ARRAY[nullif(i % 5, 1), i % 7]::int8[] AS i8a,
	CASE WHEN i % 11 > 0 THEN ARRAY['a' || i % 5, 'b' || i % 7] END AS ta
FROM generate_series(1, 1500) i;
CREATE INDEX items_idx ON items USING annoy
	(v, i2, i4, i8, f4, f8, n, t, vc, b, d, ts, tstz, u, i4a, i8a, ta);
ANALYZE items;
SELECT annoy_index_check('items_idx', true);

-- Does a scan with a condition test it from the index alone, and return what a
-- sequential scan does?  The first rows are the nearest, and as many as wanted.
CREATE FUNCTION same(condition text, OUT "index" boolean, OUT "rows" bigint, OUT same boolean,
	OUT nearest boolean) LANGUAGE plpgsql
AS $$
DECLARE
	line text;
	filter boolean := false;
	query text := format('SELECT id, v <-> vec(5) AS d FROM items WHERE %s ORDER BY v <-> vec(5)', condition);
	found integer[];
	wanted integer[];
	found_d float8[];
	wanted_d float8[];
BEGIN
	"index" := false;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		"index" := "index" OR line LIKE '%Index Cond:%';
		filter := filter OR line LIKE '%Filter:%';
	END LOOP;
	"index" := "index" AND NOT filter;
	EXECUTE format('WITH s AS MATERIALIZED (%s) SELECT array_agg(id ORDER BY id) FROM s', query) INTO found;
	EXECUTE format('WITH s AS MATERIALIZED (%s LIMIT 5) SELECT array_agg(d ORDER BY d) FROM s', query) INTO found_d;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('WITH s AS MATERIALIZED (%s) SELECT array_agg(id ORDER BY id) FROM s', query) INTO wanted;
	EXECUTE format('WITH s AS MATERIALIZED (%s LIMIT 5) SELECT array_agg(d ORDER BY d) FROM s', query) INTO wanted_d;
	SET LOCAL enable_indexscan = on;
	"rows" := coalesce(cardinality(wanted), 0);
	same := found IS NOT DISTINCT FROM wanted;
	nearest := found_d IS NOT DISTINCT FROM wanted_d;
END
$$;

-- Every type and operator
SELECT c, s.* FROM (
	SELECT format('%s %s %s', col, op, value) AS c, n
	FROM (VALUES (1, 'i2', '20'), (2, 'i4', '20'), (3, 'i8', '20'), (4, 'f4', '20'), (5, 'f8', '20'),
		(6, 'n', '2.0'), (7, 't', '''name 20'''), (8, 'vc', '''name 20'''), (9, 'd', '''2026-01-21'''),
		(10, 'ts', '''2026-01-01 20:00'''), (11, 'tstz', '''2026-01-01 20:00'''), (12, 'u', quote_literal(md5('20'))))
		AS cols(n, col, value),
		unnest(ARRAY['<', '<=', '=', '>=', '>']) WITH ORDINALITY AS ops(op, m)
	ORDER BY n, m) conditions, same(c) s;
SELECT c, s.* FROM unnest(ARRAY['b >= true', 'b < true', 'b <= false', 'b > false']) c, same(c) s;
SELECT c, s.* FROM (
	SELECT format('%s %s %s', col, op, value) AS c
	FROM (VALUES (1, 'i4a', '''{3}'''), (2, 'i8a', '''{3,6}'''), (3, 'ta', '''{a3,b6}'''))
		AS cols(n, col, value),
		unnest(ARRAY['&&', '@>', '<@', '=']) WITH ORDINALITY AS ops(op, m)
	ORDER BY n, m) conditions, same(c) s;

-- Other types than the column's
SELECT c, s.* FROM unnest(ARRAY['i2 = 20::int4', 'i2 > 20::int8', 'i4 <= 20::int2', 'i4 = 20::int8',
	'i8 = 20::int4', 'f4 < 20::float8', 'f8 > 20::float4', 'd > timestamp ''2026-01-20''',
	'd < timestamptz ''2026-01-20''', 'ts > date ''2026-01-02''', 'tstz > timestamp ''2026-01-02''']) c,
	same(c) s;

-- Lists, which an index tests from version 17 on
SELECT c, "index" = (current_setting('server_version_num')::int >= 170000) AS "index from 17", "rows", same, nearest
FROM unnest(ARRAY['i4 IN (1, 2, 3)', 'i4 = ANY (''{1,NULL,3}'')', 'i4 = ANY (''{}''::int4[])',
	'i4 = ANY (NULL::int4[])', 'i4 = ANY (''{NULL}''::int4[])', 'i4 > ANY (''{30,40}'')',
	't IN (''name 1'', ''name 2'')', 'u = ANY (ARRAY[md5(''1''), md5(''2'')]::uuid[])']) c, same(c) s;

-- annoy_any() says the same, and an index tests it in any version.  A B-tree does not:
-- the planner would take its rows to be in order.
CREATE TABLE ordered AS SELECT i AS a, i % 4 AS b FROM generate_series(1, 2000) i;
CREATE INDEX ordered_idx ON ordered (a, b);
ANALYZE ordered;
SELECT array_agg(a) FROM (SELECT a FROM ordered WHERE annoy_any(b, '{1,2}') ORDER BY a LIMIT 6) s;
SELECT min(a) FROM ordered WHERE annoy_any(b, '{0,1}');
DROP TABLE ordered;
SELECT c, s.* FROM unnest(ARRAY['annoy_any(i4, ''{1,2,3}'')', 'annoy_any(i4, ''{1,NULL,3}'')', 'annoy_any(i4, ''{}'')', 'annoy_any(i4, ''{NULL}'')',
	'annoy_any(i2, ''{1,2}'')', 'annoy_any(i8, ARRAY[1,2])', 'annoy_any(n, ''{0.5,1.7}'')', 'annoy_any(t, ''{name 1,name 2}'')',
	'annoy_any(vc, ARRAY[''name 1'', ''name 2''])', 'annoy_any(b, ''{true}'')', 'annoy_any(u, ARRAY[md5(''1''), md5(''2'')]::uuid[])',
	'annoy_any(d, ARRAY[date ''2026-01-03'', ''2026-01-05''])', 'annoy_any(i4, ''{1,2,3}'') AND annoy_any(i2, ''{2}'')']) c, same(c) s;
SELECT count(*) FROM (SELECT id FROM items WHERE annoy_any(i4, NULL) ORDER BY v <-> vec(5)) s;
SELECT c, s.* FROM unnest(ARRAY['NOT annoy_any(i4, ''{1,2,3}'')', 'annoy_any(t COLLATE "C", ''{name 1}'')', 'annoy_any(i2, ARRAY[1,2])', 'annoy_any(i4, ARRAY[i2, 3])']) c, same(c) s;
SELECT bool_and(coalesce(annoy_any(i4, a), false) = coalesce(i4 = ANY (a), false)) AS same
FROM items, (VALUES ('{1,2}'::int[]), ('{1,NULL}'), ('{NULL}'), ('{}'), ('{{1,2},{3,4}}')) v(a);
SELECT annoy_any('(1,2)'::point, '{"(1,2)"}');
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE annoy_any(i4, '{1,2}') ORDER BY v <-> vec(5) LIMIT 3;

-- Parameters, another row, and policies
SET plan_cache_mode = force_generic_plan;
PREPARE any_of(int[], int) AS SELECT id FROM items WHERE annoy_any(i4, $1) AND i2 < $2 ORDER BY v <-> vec(5) LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE any_of('{1,2}', 20);
CREATE TEMP TABLE generic AS EXECUTE any_of('{1,2}', 20);
SET enable_indexscan = off;
SELECT array_agg(id ORDER BY id) = (SELECT array_agg(id ORDER BY id) FROM generic) AS same
FROM (SELECT id FROM items WHERE i4 IN (1, 2) AND i2 < 20 ORDER BY v <-> vec(5) LIMIT 3) s;
RESET enable_indexscan;
RESET plan_cache_mode;
CREATE TABLE outer_rows AS SELECT q, ARRAY[q, q + 1] AS wanted, q * 4 AS least FROM generate_series(1, 5) q;
SET enable_seqscan = on;	-- or 18 says that it is disabled
EXPLAIN (COSTS OFF) SELECT q, id FROM outer_rows,
	LATERAL (SELECT id FROM items WHERE annoy_any(i4, wanted) AND i2 > least ORDER BY v <-> vec(q) LIMIT 2) s;
SET enable_seqscan = off;
CREATE TEMP TABLE lateral_rows AS SELECT q, id FROM outer_rows,
	LATERAL (SELECT id FROM items WHERE annoy_any(i4, wanted) AND i2 > least ORDER BY v <-> vec(q) LIMIT 2) s;
SET enable_indexscan = off;
SELECT count(*), array_agg((q, id)::text ORDER BY q, id) = (SELECT array_agg((q, id)::text ORDER BY q, id) FROM lateral_rows) AS same FROM outer_rows,
	LATERAL (SELECT id FROM items WHERE i4 = ANY (wanted) AND i2 > least ORDER BY v <-> vec(q) LIMIT 2) s;
RESET enable_indexscan;
CREATE TABLE tenants AS SELECT id, v, i4 AS tenant, t AS owner FROM items WHERE v IS NOT NULL;
CREATE INDEX tenants_idx ON tenants USING annoy (v, tenant, owner);
ANALYZE tenants;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tenants USING (tenant = current_setting('annoy_test.tenant')::int);
CREATE ROLE regress_annoy_tenant;
GRANT USAGE ON SCHEMA annoy_filter TO regress_annoy_tenant;
GRANT SELECT ON tenants TO regress_annoy_tenant;
SET ROLE regress_annoy_tenant;
SET annoy_test.tenant = 3;
EXPLAIN (COSTS OFF) SELECT id FROM tenants ORDER BY v <-> vec(5) LIMIT 3;
SELECT array_agg(tenant) FROM (SELECT tenant FROM tenants ORDER BY v <-> vec(5) LIMIT 3) s;
RESET ROLE;
DROP POLICY of_tenant ON tenants;
CREATE POLICY of_tenants ON tenants USING (annoy_any(tenant, string_to_array(current_setting('annoy_test.tenant'), ',')::int[]));
SET ROLE regress_annoy_tenant;
SET annoy_test.tenant = '3,4';
EXPLAIN (COSTS OFF) SELECT id FROM tenants WHERE owner > 'name 2' ORDER BY v <-> vec(5) LIMIT 3;
SELECT count(*), min(tenant), max(tenant) FROM (SELECT tenant FROM tenants ORDER BY v <-> vec(5)) s;
RESET ROLE;
SELECT count(*) FROM tenants WHERE tenant IN (3, 4);
DROP TABLE tenants;
DROP OWNED BY regress_annoy_tenant;
DROP ROLE regress_annoy_tenant;

-- NULL
SELECT c, s.* FROM unnest(ARRAY['i4 IS NULL', 'i4 IS NOT NULL', 'ta IS NULL', 'i4 IS NULL AND ta IS NOT NULL',
	'v IS NULL', 'v IS NOT NULL', 'v IS NULL AND i4 < 20', 'v IS NOT NULL AND i4 < 20', 'v IS NULL AND v IS NOT NULL',
	'i4 = 3 AND i4 IS NULL']) c, same(c) s;
SELECT count(*) FROM (SELECT id FROM items WHERE i4 = NULL::int4 ORDER BY v <-> vec(5)) s;

-- Several at once, and with conditions that are not for the index
SELECT c, s.* FROM unnest(ARRAY['i4 = 3 AND i8 > 10 AND ta && ''{a3}'' AND n < 3', 'i4 BETWEEN 3 AND 9 AND b >= true',
	'i4 = 3 AND id % 2 = 1', 'i4 = 3 OR i8 = 4', 'i4 <> 3', 't LIKE ''name 1%''', '3 = ANY (i4a)']) c,
	same(c) s;
-- a column that is a condition is one for the index from version 16 on
SELECT c, "index" = (current_setting('server_version_num')::int >= 160000) AS "index from 16", "rows", same, nearest
FROM unnest(ARRAY['b', 'NOT b']) c, same(c) s;
EXPLAIN (COSTS OFF)
SELECT id FROM items WHERE i4 = 3 AND ta @> '{a3}' AND id % 2 = 1 ORDER BY v <-> vec(5) LIMIT 3;

-- NULL as the query: all rows that qualify, in any order
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items WHERE i4 < 10 ORDER BY v <-> NULL::real[]) s;
SELECT count(*) FROM items WHERE i4 < 10;

--
-- Changes
--
INSERT INTO items SELECT (i + 2000) AS id, vec(i + 2000), i2, i4, i8, f4, f8, n, t, vc, b, d, ts, tstz, u, i4a, i8a, ta
FROM (SELECT items.*, items.id AS i FROM items WHERE id <= 500) i;
UPDATE items SET i4 = 100 WHERE id % 10 = 0;
DELETE FROM items WHERE id % 3 = 0;
SELECT c, s.* FROM unnest(ARRAY['i4 = 100', 'i4 = 20', 'ta && ''{a1}''']) c, same(c) s;
SELECT annoy_index_check('items_idx', true);
VACUUM items;
SELECT c, s.* FROM unnest(ARRAY['i4 = 100', 'i4 = 20', 'ta && ''{a1}''']) c, same(c) s;
SELECT annoy_index_check('items_idx', true);
-- what was freed is used again
SELECT pg_relation_size('items_idx') AS size \gset
INSERT INTO items SELECT 3 * i, vec(3 * i), i % 40, i % 50, i % 60, i % 30, i % 31, i % 32, 'name ' || i % 33, 'name ' || i % 34,
	i % 2 = 0, '2026-01-01', '2026-01-01', '2026-01-01', md5(i::text)::uuid, ARRAY[i], ARRAY[i], ARRAY['a1']
FROM generate_series(1, 400) i;
SELECT pg_relation_size('items_idx') = :size AS same_size;
SELECT c, s.* FROM unnest(ARRAY['i4 = 100', 'i4 = 20', 'ta && ''{a1}''']) c, same(c) s;
SELECT annoy_index_check('items_idx', true);
REINDEX INDEX items_idx;
SELECT c, s.* FROM unnest(ARRAY['i4 = 100', 'i4 = 20', 'ta && ''{a1}''']) c, same(c) s;
SELECT annoy_index_check('items_idx', true);

-- An update of a column in the index is not HOT
CREATE TABLE hot (id integer, v real[], category integer, other integer) WITH (fillfactor = 50);
INSERT INTO hot SELECT i, vec(i), i % 5, 0 FROM generate_series(1, 20) i;
CREATE INDEX hot_idx ON hot USING annoy (v, category);
UPDATE hot SET other = 1 WHERE id = 3;
SELECT items FROM annoy_index_info('hot_idx');
UPDATE hot SET category = 9 WHERE id = 3;
SELECT items FROM annoy_index_info('hot_idx');
SELECT id FROM hot WHERE category = 9 ORDER BY v <-> vec(1);
SELECT id FROM hot WHERE category = 3 ORDER BY v <-> vec(3) LIMIT 1;
SELECT id FROM hot WHERE category = 9 ORDER BY v <-> vec(1) FOR UPDATE;

--
-- Keys that change: joins, prepared statements, cursors
--
EXPLAIN (COSTS OFF)
SELECT c, array_agg(id) FROM generate_series(1, 3) c,
	LATERAL (SELECT id FROM items WHERE i4 = c ORDER BY v <-> vec(c) LIMIT 3) s GROUP BY c;
SELECT count(*) AS rows, bool_and(right_one) FROM generate_series(0, 6) c,
	LATERAL (SELECT i4 = c AS right_one FROM items WHERE i4 = c ORDER BY v <-> vec(c) LIMIT 3) s;
SELECT c, count(s.id) FROM unnest(ARRAY[NULL, 3, 10000]) c
	LEFT JOIN LATERAL (SELECT id FROM items WHERE i4 = c ORDER BY v <-> vec(1) LIMIT 2) s ON true GROUP BY c ORDER BY c;

SET plan_cache_mode = force_generic_plan;
PREPARE nearest(integer, integer[], real[]) AS
	SELECT count(*), bool_and(i4 = $1 OR i8 = ANY ($2)) FROM
		(SELECT i4, i8 FROM items WHERE i4 >= $1 AND i8 = ANY ($2) ORDER BY v <-> $3 LIMIT 4) s;
SELECT p FROM plan('EXECUTE nearest(3, ''{3,4}'', vec(1))') p WHERE p ~ 'Scan|Order';
EXECUTE nearest(3, '{3,4}', vec(1));
EXECUTE nearest(30, '{50}', vec(2));
EXECUTE nearest(NULL, '{50}', vec(2));
EXECUTE nearest(3, NULL, vec(2));
EXECUTE nearest(3, '{3,4}', NULL);
DEALLOCATE nearest;
RESET plan_cache_mode;

BEGIN;
DECLARE c CURSOR FOR SELECT i4 FROM items WHERE i4 = 20 ORDER BY v <-> vec(1);
FETCH 2 FROM c;
DELETE FROM items WHERE i4 = 20;
MOVE FORWARD ALL IN c;
ROLLBACK;

--
-- Expressions, part of a table, collations
--
CREATE INDEX ON items USING annoy (v, (i4 + i8), lower(t), (vc COLLATE "C")) WHERE i2 < 20;
DROP INDEX items_idx;
SELECT c, s.* FROM unnest(ARRAY['i2 < 20 AND i4 + i8 = 20', 'i2 < 20 AND lower(t) = ''name 3''',
	'i2 < 20 AND vc COLLATE "C" > ''name 3''', 'i2 < 20 AND vc > ''name 3''']) c, same(c) s;

-- A vector of another kind, and values of some length
CREATE TABLE bits (id integer, v bit(64), t text, a integer[]);
INSERT INTO bits SELECT i, ('x' || left(md5(i::text), 16))::bit(64), repeat(chr(97 + i % 3), 1 + i * 7 % 2500),
	array_agg(j) FROM generate_series(1, 300) i, generate_series(1, 1 + i % 300) j GROUP BY i;
CREATE INDEX bits_idx ON bits USING annoy (v, t, a);
SELECT annoy_index_check('bits_idx', true);
SELECT count(*) FROM (SELECT id FROM bits WHERE t > 'b' AND a @> '{100}' ORDER BY v <~~> 0::bit(64)) s;
SELECT count(*) FROM bits WHERE t > 'b' AND a @> '{100}';
UPDATE bits SET t = t || 'x';
VACUUM bits;
SELECT annoy_index_check('bits_idx', true);
SELECT count(*) FROM (SELECT id FROM bits WHERE t > 'b' AND a @> '{100}' ORDER BY v <~~> 0::bit(64)) s;

-- Too long, in an insertion and in a build
CREATE TABLE long (v real[], t text);
CREATE INDEX long_idx ON long USING annoy (v, t);
INSERT INTO long SELECT '{1,2}', string_agg(md5(i::text), '') FROM generate_series(1, 84) i;
INSERT INTO long SELECT '{1,2}', string_agg(md5(i::text), '') FROM generate_series(1, 100) i;
INSERT INTO long SELECT NULL, string_agg(md5(i::text), '') FROM generate_series(1, 100) i;
INSERT INTO long SELECT '{1,2}', repeat('a', 100000);
SELECT length(t) FROM long WHERE t > 'a' ORDER BY v <-> '{1,2}';
DROP INDEX long_idx;
INSERT INTO long SELECT '{1,2}', string_agg(md5(i::text), '') FROM generate_series(1, 100) i;
CREATE INDEX long_idx ON long USING annoy (v, t);

-- Indexes that lose their vectors, and get others
CREATE TABLE few (v real[], category integer);
CREATE INDEX few_idx ON few USING annoy (v, category);
INSERT INTO few VALUES ('{1,2}', 1), (NULL, 1), ('{1,3}', 2);
SELECT v FROM few WHERE category = 1 ORDER BY v <-> '{1,2}';
DELETE FROM few WHERE v IS NOT NULL;
VACUUM few;
SELECT annoy_index_check('few_idx', true);
SELECT v FROM few WHERE category = 1 ORDER BY v <-> '{1,2}';
INSERT INTO few VALUES ('{1,2,3}', 1);
SELECT v FROM few WHERE category = 1 ORDER BY v <-> '{1,2,3}';
SELECT annoy_index_check('few_idx', true);

--
-- What cannot be
--
CREATE INDEX ON few USING annoy (category, v);
CREATE INDEX ON few USING annoy (v, category, v);
CREATE INDEX ON few USING annoy (v, category real_l2_ops);
SELECT failure('CREATE INDEX ON few USING annoy (v, category DESC)');
CREATE INDEX ON few USING annoy (v) INCLUDE (category);
CREATE TABLE points (v real[], p point);
CREATE INDEX ON points USING annoy (v, p);

-- An operator class of one's own is SQL alone.
CREATE OPERATOR CLASS point_ops DEFAULT FOR TYPE point USING annoy AS
	OPERATOR 1 <@ (point, box),
	OPERATOR 7 ~= (point, point);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'point_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'annoy');
INSERT INTO points SELECT vec(i), point(i % 10, i % 11) FROM generate_series(1, 300) i;
CREATE INDEX ON points USING annoy (v, p);
EXPLAIN (COSTS OFF) SELECT p FROM points WHERE p <@ box '(4,4),(5,5)' ORDER BY v <-> vec(1);
SELECT DISTINCT p::text, count(*) FROM (SELECT p FROM points WHERE p <@ box '(4,4),(5,5)' ORDER BY v <-> vec(1)) s
GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT p FROM points WHERE p ~= '(4,5)' ORDER BY v <-> vec(1)) s;

-- A list on any version of PostgreSQL, and as a parameter of a generic plan.
CREATE TABLE lists AS SELECT vec(i) AS v, nullif(i % 7, 5) AS kind FROM generate_series(1, 350) i;
CREATE INDEX ON lists USING annoy (v, (ARRAY[kind]));
SET plan_cache_mode = force_generic_plan;
PREPARE list(integer[]) AS SELECT kind FROM lists WHERE ARRAY[kind] && $1 ORDER BY v <-> vec(1);
EXPLAIN (COSTS OFF) EXECUTE list('{2,3}');
CREATE TABLE listed AS EXECUTE list('{2,3,NULL,8}');
SELECT kind, count(*) FROM listed GROUP BY kind ORDER BY kind;
RESET plan_cache_mode;

SET client_min_messages = warning;
DROP SCHEMA annoy_filter CASCADE;
