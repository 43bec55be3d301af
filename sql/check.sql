--
-- annoy_index_check()
--
\set schema annoy_check
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- Whatever happens to an index, nothing is wrong with it: all operator classes,
-- vectors that take several pages, several trees, copies of one vector, NULLs.
\set dims 40
\i `echo "$PG_ABS_SRCDIR"/test/regress/every_class.sql`
ALTER TABLE items ALTER b TYPE bit varying, ADD long real[];
CREATE INDEX long_l2 ON items USING annoy (long);
CREATE INDEX partial ON items USING annoy (v) WHERE id % 3 = 0;
CREATE INDEX expression ON items USING annoy ((d[1:3]));
CREATE FUNCTION check_all() RETURNS bigint LANGUAGE sql AS
	$$ SELECT count(annoy_index_check(c.oid, true)) FROM pg_class c JOIN pg_am a ON a.oid = relam
		WHERE amname = 'annoy' AND relkind = 'i' AND relnamespace = 'annoy_check'::regnamespace $$;
SELECT check_all();
TRUNCATE items;
SELECT check_all();
INSERT INTO items VALUES (0);
SELECT check_all();
INSERT INTO items SELECT i, vec(i, 40), vec(i, 40), bitvec(i, 40), CASE WHEN i % 4 = 0 THEN vec(i, 2100) END
	FROM generate_series(1, 600) i;
INSERT INTO items SELECT 1000 + i, array_fill(1, ARRAY[40]), array_fill(1, ARRAY[40]), B'1'::bit(40) FROM generate_series(1, 500) i;
INSERT INTO items SELECT 2000 + i FROM generate_series(1, 10) i;
SELECT check_all();
DELETE FROM items WHERE id % 2 = 0;
SELECT check_all();
VACUUM (INDEX_CLEANUP on) items;
SELECT check_all();
BEGIN;
INSERT INTO items SELECT 3000 + id, v, d, b, long FROM items;
SELECT check_all();
ROLLBACK;
SELECT check_all();
UPDATE items SET v = d, id = id + 1 WHERE id % 3 = 0;
SELECT check_all();
REINDEX TABLE items;
SELECT check_all();
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT check_all();
COMMIT;
VACUUM (FULL) items;
SELECT check_all();
DELETE FROM items;
VACUUM (INDEX_CLEANUP on) items;
SELECT check_all();
TRUNCATE items;
SELECT check_all();
-- a temporary table, and an unlogged one
CREATE TEMP TABLE temporary (v real[]);
CREATE INDEX temporary_v ON temporary USING annoy (v);
INSERT INTO temporary SELECT vec(i, 10) FROM generate_series(1, 300) i;
SELECT annoy_index_check('temporary_v', true);
CREATE UNLOGGED TABLE unlogged (v real[]);
CREATE INDEX unlogged_v ON unlogged USING annoy (v);
INSERT INTO unlogged SELECT vec(i, 10) FROM generate_series(1, 300) i;
SELECT annoy_index_check('unlogged_v', true);

-- An expression that is not what it was: the vectors differ from the table's.
CREATE FUNCTION twice(real[]) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_agg(2 * x)::real[] FROM unnest($1) x $$;
CREATE TABLE deceived (v real[]);
INSERT INTO deceived SELECT vec(i, 10) FROM generate_series(1, 300) i;
CREATE INDEX deceived_v ON deceived USING annoy (twice(v)) WITH (dtype = float32);
SELECT annoy_index_check('deceived_v', true);
CREATE OR REPLACE FUNCTION twice(real[]) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT array_agg(3 * x)::real[] FROM unnest($1) x $$;
SELECT annoy_index_check('deceived_v');
SELECT failure('SELECT annoy_index_check(''deceived_v'', true)');
CREATE OR REPLACE FUNCTION twice(real[]) RETURNS real[] IMMUTABLE LANGUAGE sql AS
	$$ SELECT ARRAY[1, 2]::real[] $$;
SELECT failure('SELECT annoy_index_check(''deceived_v'', true)');
-- It runs as the table's owner, who is not who asks.
CREATE ROLE regress_annoy_owner;
GRANT ALL ON SCHEMA annoy_check TO regress_annoy_owner;
ALTER TABLE deceived OWNER TO regress_annoy_owner;
CREATE OR REPLACE FUNCTION twice(real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'I am %', current_user; END $$;
SELECT annoy_index_check('deceived_v', true);
SELECT current_user = session_user AS back;

-- Who may: superusers, and whom they let
SET ROLE regress_annoy_owner;
SELECT annoy_index_check('unlogged_v');
RESET ROLE;
GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO regress_annoy_owner;
SET ROLE regress_annoy_owner;
SELECT annoy_index_check('unlogged_v');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) FROM regress_annoy_owner;

-- What is not an annoy index
CREATE TABLE partitioned (id integer, v real[]) PARTITION BY LIST (id);
CREATE INDEX partitioned_v ON partitioned USING annoy (v);
SELECT relation, failure(format('SELECT annoy_index_check(%L)', relation))
FROM unnest(ARRAY['items', 'partitioned', 'partitioned_v', 'pg_class_oid_index', 'nowhere']) relation;
SELECT annoy_index_check(NULL), annoy_index_check('unlogged_v', NULL);
-- one that a failed CREATE INDEX CONCURRENTLY has left
CREATE INDEX CONCURRENTLY invalid ON unlogged USING annoy ((v[1:0]));
SELECT annoy_index_check('invalid');

SET client_min_messages = warning;
DROP SCHEMA annoy_check CASCADE;
DROP ROLE regress_annoy_owner;
