--
-- Vectors of types whose operator class says what they look like.  pgvector need not be
-- there for this: values are bytea, with the bytes that its types have.
--
\set schema annoy_layout
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- The order is that of an index: this is none.
CREATE FUNCTION distance(bytea, bytea) RETURNS double precision IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 0; END';
CREATE OPERATOR <-> (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = distance);
CREATE OPERATOR CLASS floats_l2 FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric(), FUNCTION 2 annoy_vector_layout();
CREATE OPERATOR CLASS floats_cosine FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_cosine_metric(), FUNCTION 2 annoy_vector_layout();
CREATE OPERATOR CLASS floats_hamming FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_hamming_metric(), FUNCTION 2 annoy_vector_layout();
CREATE OPERATOR CLASS halves_l2 FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric(), FUNCTION 2 annoy_halfvec_layout();
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcintype = 'bytea'::regtype AND opcnamespace = :'schema'::regnamespace ORDER BY opcname COLLATE "C";

-- (3, 4), (0, 0), (1, 0), (0, 2), no vector
CREATE TABLE items (id integer, f bytea, h bytea);
INSERT INTO items VALUES
	(34, '\x020000000000404000008040', '\x0200000000420044'),
	(00, '\x020000000000000000000000', '\x0200000000000000'),
	(10, '\x020000000000803f00000000', '\x02000000003c0000'),
	(02, '\x020000000000000000000040', '\x0200000000000040'),
	(NULL, NULL, NULL);
SET enable_seqscan = off;
SET enable_sort = off;
CREATE FUNCTION ids(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE 'SELECT string_agg(coalesce(id::text, ''NULL''), '' '') FROM (SELECT id FROM items ORDER BY ' || query || ') i' INTO found;
	RETURN found;
END $$;

CREATE INDEX items_idx ON items USING annoy (f floats_l2);
SELECT metric, type, dimensions, dtype, items FROM annoy_index_info('items_idx');
SELECT ids($$f <-> '\x020000000000404000008040'$$), ids($$f <-> '\x020000000000000000000040'$$), ids('f <-> NULL');
-- a vector as it is stored, as a value of the column's type and of others
SELECT id, annoy_get_item('items_idx', ctid, NULL::bytea) = f AS same, annoy_get_item('items_idx', ctid), annoy_get_item('items_idx', ctid, NULL::real[])
FROM items ORDER BY id;
-- queries of other types, too
SELECT string_agg(id || ' ' || distance, ', ') FROM annoy_get_nns_by_vector('items_idx', ARRAY[3, 4], 2) JOIN items ON ctid = item;
SELECT string_agg(id || ' ' || distance, ', ') FROM annoy_search_radius('items_idx', '{0,0}'::float8[], 2) JOIN items ON ctid = item;
SELECT string_agg(id || ' ' || distance, ', ') FROM annoy_get_nns_by_vector('items_idx', '\x020000000000000000000000', 4) JOIN items ON ctid = item;
SELECT failure($$SELECT annoy_get_nns_by_vector('items_idx', B'11')$$);
SELECT recall FROM annoy_recall('items_idx', 2);
SELECT count(*) FROM annoy_knn_graph('items_idx', 2);
SELECT annoy_index_check('items_idx', true);
DROP INDEX items_idx;

CREATE INDEX items_idx ON items USING annoy (h halves_l2);
SELECT metric, type, dimensions, dtype, items FROM annoy_index_info('items_idx');
SELECT ids($$h <-> '\x0200000000420044'$$), ids($$h <-> '\x0200000000000040'$$);
SELECT bool_and(annoy_get_item('items_idx', ctid, NULL::bytea) = h) FROM items WHERE h IS NOT NULL;
SELECT annoy_index_check('items_idx', true);
DROP INDEX items_idx;

-- other dtypes
CREATE INDEX items_idx ON items USING annoy (h halves_l2) WITH (dtype = float64);
SELECT ids($$h <-> '\x0200000000420044'$$);
SELECT bool_and(annoy_get_item('items_idx', ctid, NULL::bytea) = h) FROM items WHERE h IS NOT NULL;
DROP INDEX items_idx;
CREATE INDEX items_idx ON items USING annoy (f floats_l2) WITH (dtype = float16);
SELECT bool_and(annoy_get_item('items_idx', ctid, NULL::bytea) = f) FROM items WHERE h IS NOT NULL;
SELECT recall FROM annoy_recall('items_idx', 2);
DROP INDEX items_idx;

-- a bit of each component
CREATE INDEX items_idx ON items USING annoy (f floats_hamming);
SELECT dtype FROM annoy_index_info('items_idx');
SELECT string_agg(id || ' ' || distance, ', ') FROM annoy_get_nns_by_vector('items_idx', '{0,1}'::real[], 4) JOIN items ON ctid = item;
DROP INDEX items_idx;

--
-- By cosine, zeros have no distance: they come when all others have, before NULL
--
CREATE INDEX items_idx ON items USING annoy (f floats_cosine);
SELECT ids($$f <-> '\x020000000000404000008040'$$);
SELECT string_agg(id || ' ' || round(distance::numeric, 3), ', ') FROM annoy_get_nns_by_vector('items_idx', '{3,4}'::real[], 4) JOIN items ON ctid = item;
SELECT string_agg(id || ' ' || distance, ', ' ORDER BY id) FROM annoy_get_nns_by_vector('items_idx', '{0,0}'::real[], 4) JOIN items ON ctid = item;
SELECT count(*) FROM annoy_search_radius('items_idx', '{3,4}'::real[], 'Infinity');
SELECT x.id, y.id, annoy_get_distance('items_idx', x.ctid, y.ctid) FROM items x, items y WHERE x.id = 34 AND y.id IN (0, 34) ORDER BY y.id;
SELECT string_agg(i.id || ' ' || distance, ', ' ORDER BY i.id) FROM annoy_knn_graph('items_idx', 3) g JOIN items i ON ctid = neighbour
	WHERE g.item = (SELECT ctid FROM items WHERE id = 10);
SELECT recall FROM annoy_recall('items_idx', 3);
DROP INDEX items_idx;

-- also if a search has scanned few leaves by then
CREATE TABLE many (id integer, f bytea);
INSERT INTO many SELECT i, CASE WHEN i % 100 = 0 THEN '\x020000000000000000000000' ELSE
	decode('02000000' || '0000803f' || '00' || lpad(to_hex((hashint4(i) & 65535)), 4, '0') || CASE WHEN i % 2 = 0 THEN '40' ELSE 'c0' END, 'hex') END
FROM generate_series(1, 5000) i;
CREATE INDEX many_idx ON many USING annoy (f floats_cosine) WITH (search_k = 10);
SELECT count(*) AS rows, min(n) FILTER (WHERE id % 100 = 0) AS first_zero
FROM (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM many ORDER BY f <-> '\x020000000000803f0000803f') m) m;
SELECT annoy_index_check('many_idx', true);

--
-- Values that are not what the class says
--
CREATE TABLE wrong (f bytea);
CREATE INDEX wrong_idx ON wrong USING annoy (f floats_l2);
INSERT INTO wrong VALUES ('\x020000000000803f00000000');
SELECT value, failure(format('INSERT INTO wrong VALUES (%L)', value)) FROM unnest('{
	"\\x", "\\x020000", "\\x02000000", "\\x02000000000000000000", "\\x0200000000000000000000000000", "\\x020001000000000000000000", "\\xfeff0000",
	"\\x00000000", "\\x010000000000803f", "\\x020000000000803f0000c07f", "\\x02000000000080ff0000803f"}'::bytea[]) value;
SELECT failure($$SELECT FROM wrong ORDER BY f <-> '\x0200'$$);
-- the class decides how many bytes there should be
SELECT failure('CREATE INDEX ON wrong USING annoy (f halves_l2)');

--
-- Operator classes that are not valid
--
CREATE OPERATOR CLASS no_layout FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops, FUNCTION 1 annoy_l2_metric();
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'no_layout';
SELECT failure('CREATE INDEX ON items USING annoy (f no_layout)');
CREATE FUNCTION seven() RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 7';
CREATE OPERATOR CLASS seventh_layout FOR TYPE bytea USING annoy AS
	OPERATOR 1 <-> (bytea, bytea) FOR ORDER BY float_ops, FUNCTION 1 annoy_l2_metric(), FUNCTION 2 seven();
SELECT failure('CREATE INDEX ON items USING annoy (f seventh_layout)');
CREATE OPERATOR CLASS array_layout FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops, FUNCTION 1 annoy_l2_metric(), FUNCTION 2 annoy_vector_layout();
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'array_layout';
CREATE FUNCTION distance(bytea, real[]) RETURNS double precision IMMUTABLE LANGUAGE sql AS 'SELECT 0.0::float8';
CREATE OPERATOR <-> (LEFTARG = bytea, RIGHTARG = real[], FUNCTION = distance);
ALTER OPERATOR FAMILY floats_l2 USING annoy ADD OPERATOR 1 <-> (bytea, real[]) FOR ORDER BY float_ops;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'floats_l2';

-- Another operator with the same distance, as strategy 2, has the index used, too.
CREATE OPERATOR <->> (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = distance);
ALTER OPERATOR FAMILY floats_cosine USING annoy ADD OPERATOR 2 <->> (bytea, bytea) FOR ORDER BY float_ops;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'floats_cosine';
CREATE INDEX items_idx ON items USING annoy (f floats_cosine);
SELECT plan($$SELECT id FROM items ORDER BY f <->> '\x020000000000404000008040'$$);
SELECT ids($$f <->> '\x020000000000404000008040'$$);

SET client_min_messages = warning;
DROP SCHEMA annoy_layout CASCADE;
