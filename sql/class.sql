--
-- What else Annoy's class says of itself: parameters that come back as they were,
-- items that there are not, numbers at the ends of their ranges
--
\set schema annoy_class
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

CREATE TABLE items AS SELECT i AS id, vec(i, 4)::real[] AS v FROM generate_series(1, 300) i;
CREATE INDEX items_v ON items USING annoy (v real_cosine_ops) WITH (n_neighbors = 7, target_recall = 0.987654321);
CREATE TABLE empty (v real[]);
CREATE INDEX empty_v ON empty USING annoy (v);

--
-- n_neighbors: the argument, what is set, what the index has, 5
--
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', vec(3, 4), 9);
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', vec(3, 4));
SELECT count(*) FROM items i, annoy_get_nns_by_item('items_v', i.ctid) WHERE i.id = 3;
SELECT count(*) = 300 * 7 AS of_index FROM annoy_knn_graph('items_v');
SET annoy.n_neighbors = 5;
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', vec(3, 4));
RESET annoy.n_neighbors;
ALTER INDEX items_v SET (n_neighbors = 3);
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', vec(3, 4));
ALTER INDEX items_v SET (n_neighbors = -1);
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', vec(3, 4));
SELECT failure('ALTER INDEX items_v SET (n_neighbors = ' || n || ')') FROM unnest(ARRAY['0', '-2', '2147483648']) n;
ALTER INDEX items_v SET (n_neighbors = 20000);
SELECT failure($$SELECT count(*) FROM annoy_knn_graph('items_v')$$);
ALTER INDEX items_v SET (n_neighbors = 7);

-- The planner expects as many rows as will come, without opening the index.
CREATE FUNCTION planned(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM ' || call INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT planned($$annoy_get_nns_by_vector('items_v', vec(3, 4))$$) AS of_index, planned($$annoy_get_nns_by_item('items_v', '(0,1)')$$) AS of_index,
	planned($$annoy_get_nns_by_vector('items_v', vec(3, 4), 9)$$) AS told, planned($$annoy_get_nns_by_vector('empty_v', vec(3, 4))$$) AS not_declared,
	planned($$annoy_get_nns_by_vector('items', vec(3, 4))$$) AS no_index, planned($$annoy_get_nns_by_vector(1, vec(3, 4))$$) AS nothing,
	planned($$annoy_get_nns_by_vector(NULL, vec(3, 4))$$) AS "null";
SET annoy.n_neighbors = 11;
SELECT planned($$annoy_get_nns_by_vector('items_v', vec(3, 4))$$) AS "set", planned($$annoy_get_nns_by_vector('empty_v', vec(3, 4))$$) AS "set";
RESET annoy.n_neighbors;
SELECT planned($$annoy_knn_graph('items_v')$$) AS of_index, planned($$annoy_knn_graph('items_v', 4)$$) AS told,
	planned($$annoy_knn_graph('items')$$) AS no_index, planned($$annoy_knn_graph(NULL, 4)$$) AS "null";

--
-- Parameters make the round trip, in any session, and whatever reads JSON
--
CREATE TABLE params AS SELECT annoy_index_params('items_v') AS p;
SELECT p FROM params;
SET annoy.n_neighbors = 11;
SET annoy.search_k = 99;
SET annoy.target_recall = 0.6;
SELECT annoy_index_params('items_v') = p AS same FROM params;
-- nothing changes
SELECT annoy_set_params('items_v', p) FROM params;
SELECT annoy_clone_index('items_v', 'clone_v', p) FROM params;
SELECT annoy_index_params('clone_v') = p AS same, reloptions FROM params, pg_class WHERE oid = 'clone_v'::regclass;
-- everything does
SELECT annoy_set_params('items_v', '{"n_neighbors": 3, "seed": 18446744073709551615, "search_k": 70, "target_recall": 0.7, "n_trees": 2, "verbose": -1}');
SELECT annoy_index_params('items_v') = p AS same FROM params;
SELECT annoy_set_params('items_v', p) FROM params;
SELECT annoy_index_params('items_v') = p AS same FROM params;
DROP INDEX clone_v;
RESET annoy.n_neighbors;
RESET annoy.search_k;
RESET annoy.target_recall;
-- a reader with nothing but doubles writes whole numbers as it likes, and strings as they are
CREATE FUNCTION by_doubles(params jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(key, CASE jsonb_typeof(value) WHEN 'number' THEN to_jsonb((value::text::double precision)::numeric + 0.000) ELSE value END)
	FROM jsonb_each(params) $$;
ALTER INDEX items_v SET (seed = 18446744073709551615);
SELECT annoy_index_params('items_v') -> 'seed' AS seed, by_doubles(annoy_index_params('items_v')) ->> 'n_neighbors' AS by_doubles;
SELECT annoy_set_params('items_v', by_doubles(annoy_index_params('items_v')));
SELECT reloptions FROM pg_class WHERE oid = 'items_v'::regclass;
ALTER INDEX items_v SET (seed = 9007199254740992);
SELECT annoy_index_params('items_v') -> 'seed' AS seed;
ALTER INDEX items_v RESET (seed);
-- verbose is the session's: set with the parameters, for a clone while it is made
SELECT annoy_set_params('items_v', '{"verbose": -3}');
SHOW annoy."verbose";
SELECT annoy_set_params('items_v', '{"verbose": true}');
SHOW annoy."verbose";
SELECT annoy_set_params('items_v', '{"verbose": null}');
SHOW annoy."verbose";
SET annoy."verbose" = -2;
SELECT annoy_clone_index('items_v', 'quiet', '{"verbose": -1, "seed": 0}');
SELECT annoy_clone_index('items_v', 'silent', '{"verbose": -2, "seed": 0}');
SHOW annoy."verbose";
RESET annoy."verbose";
SELECT failure($$SELECT annoy_set_params('items_v', '{"verbose": "much"}')$$);
-- levels beyond the last are the last, as in Annoy
SET annoy."verbose" = 3;
SHOW annoy."verbose";
SET annoy."verbose" = -2147483647;
SHOW annoy."verbose";
RESET annoy."verbose";

--
-- Seeds are numbers of 64 bits; 0 is none, with a warning
--
CREATE INDEX seeded ON items USING annoy (v) WITH (seed = 18446744073709551615);
SELECT seed FROM annoy_index_info('seeded');
ALTER INDEX seeded SET (seed = 0);
ALTER INDEX seeded SET (seed = '000');
ALTER INDEX seeded SET (seed = 10);
ALTER INDEX seeded RESET (seed);
SET annoy."verbose" = -2;
ALTER INDEX seeded SET (seed = 0);
RESET annoy."verbose";

--
-- Dimensions are what they are once there is a vector
--
SELECT failure($$CREATE INDEX ON items USING annoy (v) WITH (dimensions = -1)$$);
SELECT failure($$ALTER INDEX items_v SET (dimensions = 0)$$);
SELECT failure($$SELECT annoy_set_params('items_v', '{"f": 0}')$$);
ALTER INDEX items_v SET (dimensions = 4);
ALTER INDEX items_v RESET (dimensions);
ALTER INDEX empty_v SET (dimensions = 3);
ALTER INDEX empty_v SET (dimensions = 0);

--
-- An item that there is not is an error, also if it is a subquery that finds none
--
SELECT call, failure('SELECT * FROM ' || call) FROM unnest(ARRAY[
	$$annoy_get_nns_by_item('items_v', '(0,0)')$$,
	$$annoy_get_nns_by_item('items_v', (SELECT ctid FROM items WHERE id = 301))$$,
	$$annoy_get_item('items_v', '(9,1)')$$,
	$$annoy_get_item('items_v', (SELECT ctid FROM items WHERE id = 301))$$,
	$$annoy_get_item('items_v', NULL, NULL::real[])$$,
	$$annoy_get_distance('items_v', '(0,1)', '(9,1)')$$,
	$$annoy_get_distance('items_v', '(0,1)', (SELECT ctid FROM items WHERE id = 301))$$,
	$$annoy_get_distance('items_v', NULL, '(0,1)')$$]) call;

--
-- One line about an index: items without those that VACUUM has removed
--
CREATE FUNCTION said(index regclass, what text) RETURNS text LANGUAGE sql AS
	$$ SELECT substring(annoy_repr(index) FROM what || '=([^,)]+)') $$;
SELECT said('items_v', 'n_items') AS n_items, said('items_v', 'n_trees') AS n_trees, said('items_v', 'n_neighbors') AS n_neighbors,
	said('items_v', 'memory_mb')::numeric = round(pg_relation_size('items_v') / 1048576.0, 2) AS memory,
	said('empty_v', 'n_items') AS empty;
DELETE FROM items WHERE id > 200;
SELECT vectors, vectors + dead_items AS with_dead, said('items_v', 'n_items') AS n_items FROM annoy_index_info('items_v');
VACUUM items;
SELECT vectors, dead_items, said('items_v', 'n_items') AS n_items FROM annoy_index_info('items_v');

SELECT vectors = 0 AS is_empty, NOT EXISTS (SELECT FROM empty WHERE v IS NOT NULL) AS is_empty FROM annoy_index_info('empty_v');

--
-- Items by number: some, the last, whether there is one
--
SELECT id, annoy_get_item('items_v', ctid, NULL::real[]) = v AS same FROM items WHERE id >= 10 AND id < 13 ORDER BY id;
SELECT max(id) AS last, EXISTS (SELECT FROM items WHERE id = 200) AS is_there, EXISTS (SELECT FROM items WHERE id = 201) AS is_not FROM items;

--
-- Where it is on disk
--
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_annoy LOCATION '';
CREATE INDEX elsewhere ON items USING annoy (v) TABLESPACE regress_annoy;
SELECT annoy_clone_index('elsewhere', 'there_too');
SELECT relname, spcname FROM pg_class c JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname IN ('elsewhere', 'there_too') ORDER BY 1;
SELECT count(*) FROM annoy_get_nns_by_vector('elsewhere', vec(3, 4), 9);
DROP INDEX elsewhere, there_too;
DROP TABLESPACE regress_annoy;

--
-- What it takes instead of unbuild() and unload(): nothing, REINDEX or DROP INDEX
--
INSERT INTO items VALUES (201, vec(201, 4));
SELECT id FROM items i, annoy_get_nns_by_item('items_v', i.ctid, 1) n WHERE id = 201 AND n.item = i.ctid;
REINDEX INDEX items_v;
SELECT vectors FROM annoy_index_info('items_v');
DROP INDEX items_v;
SELECT count(v) FROM items;

SET client_min_messages = warning;
DROP SCHEMA annoy_class CASCADE;
