--
-- Functions that take an index: what they accept, whom they let, what they lock
--
\set schema annoy_privileges
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`
\set ECHO none
\i `echo "$PG_ABS_SRCDIR"/test/regress/calls.sql`
\set ECHO all
SET client_min_messages = warning;

\pset format unaligned

CREATE ROLE regress_annoy_owner;
CREATE ROLE regress_annoy_reader;
CREATE ROLE regress_annoy_nobody;
-- they may write files, and so get as far as the index
GRANT pg_write_server_files TO regress_annoy_owner, regress_annoy_reader, regress_annoy_nobody;
GRANT USAGE, CREATE ON SCHEMA annoy_privileges TO regress_annoy_owner, regress_annoy_reader, regress_annoy_nobody;
SET ROLE regress_annoy_owner;
CREATE TABLE items (id integer PRIMARY KEY, v real[]);
INSERT INTO items SELECT i, ARRAY[i, 1] FROM generate_series(1, 300) i;
CREATE INDEX items_v ON items USING annoy (v);
GRANT SELECT ON items TO regress_annoy_reader;
RESET ROLE;

-- There is a call of each function, so that none is forgotten here.
SELECT signature AS "add arguments to calls()" FROM calls('items_v') WHERE call IS NULL;
-- Workers have no temporary indexes.
CREATE TEMP TABLE mine (id integer, v real[]);
INSERT INTO mine VALUES (1, '{1,1}');
CREATE INDEX mine_v ON mine USING annoy (v);
SELECT * FROM summary('mine_v');
SELECT proname FROM pg_proc p, calls('items_v') WHERE p.oid = signature::regprocedure AND proparallel = 's';

--
-- Who may, and which locks are held until the transaction ends: those on what
-- rows that are returned refer to, and what is changed
--
SET ROLE regress_annoy_owner;
SELECT * FROM outcomes('items_v');
SET ROLE regress_annoy_reader;
SELECT * FROM outcomes('items_v');
SET ROLE regress_annoy_nobody;
SELECT * FROM outcomes('items_v');
RESET ROLE;
-- one column is not enough, nor are other privileges
GRANT SELECT (v), INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON items TO regress_annoy_nobody;
SET ROLE regress_annoy_nobody;
SELECT * FROM summary('items_v');
RESET ROLE;
REVOKE ALL ON items FROM regress_annoy_nobody;
-- who may check indexes may do nothing else
GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO regress_annoy_nobody;
SET ROLE regress_annoy_nobody;
SELECT * FROM summary('items_v');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) FROM regress_annoy_nobody;
-- From version 17 on, who may maintain the table may measure recall.
DO $$
BEGIN
	IF current_setting('server_version_num')::int >= 170000 THEN
		EXECUTE 'GRANT MAINTAIN ON items TO regress_annoy_nobody';
	END IF;
END $$;
SET ROLE regress_annoy_nobody;
SELECT (outcome($$annoy_calibrate('items_v')$$) LIKE 'no error%') = (current_setting('server_version_num')::int >= 170000)
	AS "from 17";
RESET ROLE;
REVOKE ALL ON items FROM regress_annoy_nobody;
-- in a transaction that is read-only
BEGIN READ ONLY;
SET LOCAL ROLE regress_annoy_owner;
SELECT * FROM outcomes('items_v') WHERE outcome LIKE '25006%';
COMMIT;

--
-- Row-level security: rows do not get around it
--
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
SET ROLE regress_annoy_reader;
SELECT * FROM outcomes('items_v');
SET row_security = off;
SELECT * FROM summary('items_v');
RESET row_security;
RESET ROLE;
SELECT * FROM summary('items_v');
ALTER TABLE items FORCE ROW LEVEL SECURITY;
SET ROLE regress_annoy_owner;
SELECT * FROM summary('items_v');
RESET ROLE;
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
ALTER TABLE items DISABLE ROW LEVEL SECURITY;

--
-- What is not an annoy index, has no contents, or is not there any more
--
CREATE VIEW a_view AS SELECT * FROM items;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM items;
CREATE INDEX a_matview_v ON a_matview USING annoy (v);
CREATE SEQUENCE a_sequence;
CREATE TABLE parted (id integer, v real[]) PARTITION BY LIST (id);
CREATE INDEX parted_v ON parted USING annoy (v);
CREATE INDEX parted_id ON parted (id);
CREATE TABLE invalid (id integer, v real[]);
INSERT INTO invalid VALUES (1, '{1,1}');
CREATE INDEX CONCURRENTLY invalid_v ON invalid USING annoy ((v[1:0]));
CREATE TABLE dropped (id integer, v real[]);
CREATE INDEX dropped_v ON dropped USING annoy (v);
SELECT 'dropped_v'::regclass::oid AS dropped_oid \gset
DROP TABLE dropped;
SELECT name, s.* FROM unnest(ARRAY['items', 'parted', 'a_matview', 'a_view', 'a_sequence', 'items_pkey', 'parted_id', 'pg_toast.pg_toast_2618',
	'parted_v', 'invalid_v']) name, summary(name::regclass) s;
SELECT oid, s.* FROM unnest(ARRAY[0, 4294967295]::oid[]) oid, summary(oid) s;
SELECT part, replace(outcome, :'dropped_oid', 'N') AS outcome FROM summary(:dropped_oid::regclass);
-- nor does anybody without privileges learn or lock more
SET ROLE regress_annoy_nobody;
SELECT name, s.* FROM unnest(ARRAY['items', 'a_matview_v', 'items_pkey', 'parted_v', 'invalid_v']) name, summary(name::regclass) s;
RESET ROLE;

--
-- An index that does not know what an older snapshot sees
--
CREATE TABLE versions (id integer, v real[]);
CREATE INDEX ON versions (id);
INSERT INTO versions SELECT i, ARRAY[i, 1] FROM generate_series(1, 20) i;
BEGIN;
UPDATE versions SET v = '{2,2}' WHERE id = 1;
CREATE INDEX versions_v ON versions USING annoy (v);
SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'versions_v'::regclass;
SELECT split_part(outcome, ' locks ', 1) AS outcome, functions FROM outcomes('versions_v') WHERE outcome LIKE '4%';
SELECT annoy_index_check('versions_v', true);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE versions SET v = '{2,2}' WHERE id = 1;
CREATE INDEX versions_v ON versions USING annoy (v);
SELECT annoy_index_check('versions_v', true);
ROLLBACK;

--
-- What the index evaluates, it evaluates as the table's owner
--
SET ROLE regress_annoy_owner;
CREATE FUNCTION as_owner(v real[]) RETURNS real[] IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'regress_annoy_owner' THEN
		RAISE EXCEPTION 'I am %', current_user;
	END IF;
	RETURN v;
END $$;
CREATE TABLE spied (id integer, v real[]);
INSERT INTO spied SELECT i, ARRAY[i, 1] FROM generate_series(1, 300) i;
CREATE INDEX spied_v ON spied USING annoy (as_owner(v)) WITH (dtype = float16) WHERE as_owner(v) IS NOT NULL;
RESET ROLE;
SELECT * FROM outcomes('spied_v');
SELECT current_user = session_user AS myself;

--
-- The queries of a calibration: who may not read them does not lock them
--
CREATE TABLE queries (id integer, v real[]);
INSERT INTO queries SELECT i, ARRAY[i, 2] FROM generate_series(1, 20) i;
SET ROLE regress_annoy_owner;
SELECT name, outcome(format('annoy_calibrate(%L, %L)', 'items_v', name)) FROM unnest(ARRAY['queries', '4294967295', 'items', 'items_pkey']) name;
SELECT outcome(format('annoy_recall%s(''items_v'', 10, ''queries'')', f)) FROM unnest(ARRAY['', '_queries']) f;
RESET ROLE;
GRANT SELECT (id) ON queries TO regress_annoy_owner;
SET ROLE regress_annoy_owner;
SELECT outcome($$annoy_calibrate('items_v', 'queries')$$);
RESET ROLE;
GRANT SELECT (v) ON queries TO regress_annoy_owner;
SET ROLE regress_annoy_owner;
SELECT outcome($$annoy_calibrate('items_v', 'queries')$$);
RESET ROLE;

DROP SCHEMA annoy_privileges CASCADE;
DROP OWNED BY regress_annoy_owner, regress_annoy_reader, regress_annoy_nobody;
DROP ROLE regress_annoy_owner, regress_annoy_reader, regress_annoy_nobody;
