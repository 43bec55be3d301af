--
-- An index as one value, and files of the Annoy library as values
--
\set schema annoy_serialize
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
CREATE TABLE items (id integer PRIMARY KEY, v real[], d double precision[], b bit(12), n bigint UNIQUE, note text);
INSERT INTO items SELECT 3 * i, vec(i, 12), vec(i, 12)::real[], bitvec(i, 12), i * 10000000000 - 700000000000 FROM generate_series(1, 300) i;
INSERT INTO items VALUES (1, NULL);
SET client_min_messages = warning;
CREATE INDEX items_l2 ON items USING annoy (v) WITH (seed = 5, n_neighbors = 6, search_k = 100, n_trees = 2);
CREATE INDEX items_cosine ON items USING annoy (v real_cosine_ops) WITH (target_recall = 0.99, seed = 18446744073709551615);
CREATE INDEX items_l1 ON items USING annoy (v real_l1_ops) WITH (dtype = float16);
CREATE INDEX items_ip ON items USING annoy (v real_ip_ops) WITH (n_entries = 1);
CREATE INDEX items_hamming ON items USING annoy (v real_hamming_ops);
CREATE INDEX items_d ON items USING annoy (d double_cosine_ops) WITH (dtype = none);
CREATE INDEX items_b ON items USING annoy (b);
RESET client_min_messages;

--
-- There and back: the same rows, neighbours and parameters
--
CREATE FUNCTION answers(index regclass, id text, query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[];
BEGIN
	EXECUTE format('SELECT array_agg(concat_ws('' '', t.%s, n.distance) ORDER BY n.distance, t.%1$s)
		FROM annoy_get_nns_by_vector(%L, %s, 300) n JOIN %s t ON t.ctid = n.item',
		id, index, query, (SELECT indrelid::regclass FROM pg_index WHERE indexrelid = index)) INTO result;
	RETURN result;
END $$;
CREATE TABLE made AS SELECT i, annoy_restore_bytes(annoy_serialize(i), 'bytes_' || i) AS from_bytes, annoy_restore(annoy_state(i), 'json_' || i, 'j_' || i) AS from_json
FROM unnest('{items_l2,items_cosine,items_l1,items_ip,items_hamming,items_d,items_b}'::regclass[]) i;
SELECT m.*, annoy_index_params(i) = annoy_index_params(from_bytes) AND annoy_index_params(i) = annoy_index_params(from_json) AS same_params,
	answers(i, 'id', q) = answers(from_bytes, 'item', q) AND answers(i, 'id', q) = answers(from_json, 'item', q) AS same_neighbours,
	cardinality(answers(i, 'id', q)) AS rows
FROM made m, LATERAL (SELECT CASE WHEN i = 'items_b'::regclass THEN quote_literal(bitvec(-5, 12)) ELSE quote_literal(vec(-5, 12)) END) x (q);
SELECT count(*) AS rows, count(*) FILTER (WHERE i.v = l.embedding) AS v, count(*) FILTER (WHERE i.d = d.embedding) AS d, count(*) FILTER (WHERE i.b = b.embedding) AS b
FROM items i JOIN bytes_items_l2 l ON i.id = l.item JOIN json_items_d d USING (item) JOIN bytes_items_b b USING (item);
\d bytes_items_b
SELECT (annoy_state('items_l2') - 'index_data')::text AS state;
SELECT annoy_serialize('items_l2') = decode(annoy_state('items_l2') ->> 'index_data', 'base64') AS same;
-- parameters can be changed on the way
SELECT annoy_restore(jsonb_set(annoy_state('items_l2'), '{params,metric}', '"cosine"') #- '{params,seed}', '"Changed"', 'Its index');
SELECT metric, vectors FROM annoy_index_info('"Its index"');

-- numbers of items: the primary key, another column, or counted
SELECT count(*), min(item), max(item), count(*) FILTER (WHERE i.v = vector) AS same FROM annoy_deserialize(annoy_serialize('items_l2', 'n')) JOIN items i ON i.n = item;
CREATE TABLE unnumbered AS SELECT v FROM items;
CREATE INDEX unnumbered_v ON unnumbered USING annoy (v);
SELECT count(*), min(item), max(item) FROM annoy_deserialize(annoy_serialize('unnumbered_v'));
SELECT failure($$SELECT annoy_serialize('items_l2', 'note')$$), failure($$SELECT annoy_serialize('items_l2', 'nothing')$$);
INSERT INTO unnumbered DEFAULT VALUES;
ALTER TABLE unnumbered ADD n integer;
SELECT failure($$SELECT annoy_serialize('unnumbered_v', 'n')$$);
UPDATE unnumbered SET n = 1;
SELECT failure($$SELECT annoy_serialize('unnumbered_v', 'n')$$);
-- from version 18 on there are columns whose values are not in the rows
CREATE FUNCTION of_virtual() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('server_version_num')::integer < 180000 THEN
		RETURN '0A000 | column "twice" is generated and not stored | Use another column, or one that is GENERATED ALWAYS AS (...) STORED.';
	END IF;
	EXECUTE 'ALTER TABLE unnumbered ADD twice bigint GENERATED ALWAYS AS (2 * n)';
	RETURN failure('SELECT annoy_serialize(''unnumbered_v'', ''twice'')');
END $$;
SELECT of_virtual();
SELECT annoy_serialize(NULL) IS NULL AND annoy_serialize('items_l2', 'id', NULL) IS NULL AND annoy_state(NULL) IS NULL
	AND annoy_restore(NULL, 'x') IS NULL AND annoy_restore_bytes(NULL, 'x') IS NULL AS nulls;

-- without vectors
CREATE TABLE empty (id integer PRIMARY KEY, v real[]);
CREATE INDEX empty_v ON empty USING annoy (v real_l1_ops) WITH (dimensions = 3);
SELECT count(*) FROM annoy_deserialize(annoy_serialize('empty_v'));
SELECT annoy_restore(annoy_state('empty_v'), 'empty_too');
SELECT annoy_index_params('empty_v') = annoy_index_params('empty_too_embedding_idx') AS same_params;
SELECT failure($$SELECT annoy_export_bytes('empty_v', 'id')$$);

--
-- Files as values
--
SELECT layout, metric, count(*), count(*) FILTER (WHERE i.v = f.vector) AS same
FROM (VALUES ('items_l2', 'euclidean'), ('items_cosine', 'angular'), ('items_l1', 'l1'), ('items_ip', 'dot')) m (index, metric),
	unnest(ARRAY['annoy', 'annoy-1.16', 'scikit-plots']) layout,
	annoy_import_bytes(annoy_export_bytes(index::regclass, 'id', 3, layout), metric, 12) f JOIN items i ON i.id = f.item GROUP BY 1, 2 ORDER BY 1, 2;
SELECT (SELECT length(annoy_export_bytes('items_ip', 'id', 3, 'scikit-plots')) - length(annoy_export_bytes('items_ip', 'id', 3))) AS header,
	substr(annoy_export_bytes('items_hamming', 'id', 3, 'scikit-plots'), 1, 64) AS hamming;
SELECT call, failure('SELECT ' || call) FROM unnest(ARRAY[
	$$annoy_export_bytes('items_l2', 'id', 3, 'pickle')$$, $$annoy_export_bytes('items_l2', 'n')$$, $$annoy_export_bytes('items_l2', 'id', 0)$$,
	$$annoy_import_bytes('', 'l2', 3)$$, $$annoy_import_bytes('abc', 'l2', 0)$$, $$annoy_import_bytes('abc', 'l3', 3)$$,
	$$annoy_import_bytes(annoy_export_bytes('items_l2', 'id'), 'dot', 12)$$]) call;
-- too large for JSON, and noticed before all of it has been made
CREATE TABLE wide AS SELECT i AS id, array_fill(i::real, ARRAY[4000]) AS v FROM generate_series(1, 3) i;
CREATE INDEX wide_v ON wide USING annoy (v);
SELECT failure($$SELECT annoy_state('wide_v', 'id', 10000)$$);
SELECT annoy_state('wide_v', 'id', 10) IS NOT NULL AS fits;
-- memory is that of maintenance_work_mem, and the value
SET maintenance_work_mem = '1MB';
CREATE TABLE large AS SELECT i AS id, vec(i % 10, 300)::real[] AS v FROM generate_series(1, 1000) i;
CREATE INDEX large_v ON large USING annoy (v);
SELECT regexp_replace(failure($$SELECT annoy_serialize('large_v')$$), '\d+ (MB|rows)', 'N \1', 'g');
RESET maintenance_work_mem;

--
-- What is no such value
--
CREATE TABLE whole AS SELECT annoy_serialize('items_l2', 'id', 2) AS value;
-- with the digest that goes with it
CREATE FUNCTION sealed(value bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT overlay(value PLACING sha256(substr(value, 41)) FROM 9) $$;
CREATE FUNCTION swapped(value bytea, at integer, bytes bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sealed(overlay(value PLACING bytes FROM at + 1)) $$;
SELECT what, failure(format('SELECT count(*) FROM annoy_deserialize(%L)', changed)) FROM whole, LATERAL (VALUES
	('whole', value), ('sealed', sealed(value)), ('nothing', ''), ('a header less a byte', substr(value, 1, 87)), ('a header', substr(value, 1, 88)),
	('a byte less', substr(value, 1, length(value) - 1)), ('a byte less, sealed', sealed(substr(value, 1, length(value) - 1))),
	('a byte more', sealed(value || '\x00')), ('a bit', set_bit(value, 5000, 1 - get_bit(value, 5000))),
	('magic', overlay(value PLACING 'A' FROM 1)), ('byte order', swapped(value, 40, '\x01020304')), ('byte order', swapped(value, 40, '\x01020305')),
	('version', swapped(value, 44, '\x02')), ('metric', swapped(value, 48, 'E')), ('metric', swapped(value, 63, 'E')), ('another metric', swapped(value, 48, '\x646f7400000000000000')),
	('dimensions', swapped(value, 64, '\x0d')), ('dimensions', swapped(value, 64, '\x00')), ('dimensions', swapped(value, 64, '\xffffff7f')),
	('items', swapped(value, 68, '\x2b')), ('items', swapped(value, 68, '\xffffffff')), ('items', swapped(value, 68, '\xffffff7f')), ('items', swapped(value, 68, '\x00')),
	('parameters', swapped(value, 72, '\xffff')), ('parameters', swapped(value, 72, '\xffffffffffffffff')),
	('a zero in the parameters', swapped(value, 88, '\x00')),
	('file', swapped(value, 80, '\x01')), ('file', swapped(value, 80, '\xffffffffffffffff')),
	('numbers', swapped(value, 96 + get_byte(value, 72) + 256 * get_byte(value, 73), '\x00000000000000f0')) ) c (what, changed);
SELECT what, failure(format('SELECT annoy_restore(%L, ''damaged'')', changed)) FROM (SELECT annoy_state('items_l2', 'id', 2)) s (state), LATERAL (VALUES
	('list', '[1]'::jsonb), ('number', '1'), ('nothing', '{}'), ('no data', state - 'index_data'), ('no type', state - 'type'), ('no params', state - 'params'),
	('no string', state || '{"index_data": 1}'), ('no base64', state || '{"index_data": "abc!"}'), ('empty', state || '{"index_data": ""}'),
	('unknown params', jsonb_set(state, '{params,trees}', '1')), ('a list for params', state || '{"params": [1]}'),
	('wrong f', jsonb_set(state, '{params,f}', '11')), ('another type', state || '{"type": "text; DROP TABLE items"}')) c (what, changed);
-- names are names, and commands are the user's
SELECT failure($$SELECT annoy_restore(annoy_state('items_l2'), 'items')$$), failure($$SELECT annoy_restore(annoy_state('items_l2'), 'nowhere.x')$$),
	failure($$SELECT annoy_restore(annoy_state('items_l2'), 'x (y); --')$$), failure($$SELECT annoy_restore(annoy_state('items_l2'), 'fresh', 'items_l2')$$);
SELECT annoy_restore(annoy_state('items_l2'), '"It''s ""mine"""', 'Its (other) index');
SELECT annoy_restore(annoy_state('items_l2'), 'pg_temp.mine') IS NOT NULL AS temporary;
SELECT relpersistence FROM pg_class WHERE relname = 'mine_embedding_idx';
CREATE ROLE regress_annoy_user;
GRANT USAGE ON SCHEMA annoy_serialize TO regress_annoy_user;
GRANT SELECT ON whole TO regress_annoy_user;
SET ROLE regress_annoy_user;
SELECT count(*) FROM whole, annoy_deserialize(value);
SELECT failure($$SELECT annoy_serialize('items_l2')$$), failure($$SELECT annoy_state('items_l2')$$), failure($$SELECT annoy_export_bytes('items_l2', 'id')$$),
	failure($$SELECT annoy_restore_bytes(value, 'annoy_serialize.mine') FROM whole$$);
SELECT annoy_restore_bytes(value, 'pg_temp.his') IS NOT NULL AS temporary FROM whole;
RESET ROLE;
DROP OWNED BY regress_annoy_user;
DROP ROLE regress_annoy_user;
-- with the search path elsewhere
SET search_path = pg_catalog;
SELECT public.annoy_restore_bytes(value, 'annoy_serialize.elsewhere') FROM annoy_serialize.whole;

SET client_min_messages = warning;
DROP SCHEMA annoy_serialize CASCADE;
