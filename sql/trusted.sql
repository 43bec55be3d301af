--
-- The extension is trusted: somebody who is no superuser, but owns the database, or
-- may create in it, creates and uses it, and gets nothing else by it
--
\set VERBOSITY terse
SELECT current_database() AS home \gset
CREATE ROLE regress_annoy_dba;
CREATE ROLE regress_annoy_guest;
CREATE DATABASE regress_annoy_trusted OWNER regress_annoy_dba TEMPLATE template0;
GRANT CREATE ON DATABASE regress_annoy_trusted TO regress_annoy_guest;
\c regress_annoy_trusted

--
-- What somebody has put into the schema is neither taken over nor referred to.
--
SET SESSION AUTHORIZATION regress_annoy_guest;
CREATE SCHEMA trap;
-- a function and an operator that are to be created
CREATE FUNCTION trap.annoy_norm(double precision[]) RETURNS double precision LANGUAGE sql AS 'SELECT 0::double precision';
CREATE EXTENSION annoy SCHEMA trap;
DROP FUNCTION trap.annoy_norm;
CREATE FUNCTION trap.minus(real[], real[]) RETURNS double precision LANGUAGE sql AS 'SELECT 0::double precision';
CREATE OPERATOR trap.<-> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = trap.minus);
CREATE EXTENSION annoy SCHEMA trap;
-- a shell of one
DROP OPERATOR trap.<-> (real[], real[]);
CREATE FUNCTION trap.minus(double precision[], real[]) RETURNS double precision LANGUAGE sql AS 'SELECT 0::double precision';
CREATE OPERATOR trap.<|> (LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = trap.minus, COMMUTATOR = OPERATOR(trap.<->));
DO $$
BEGIN
	CREATE EXTENSION annoy SCHEMA trap;
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state THEN
	RAISE NOTICE 'refused';		-- for one of several reasons
END $$;
DROP OPERATOR trap.<|> (double precision[], real[]);
DROP OPERATOR trap.<-> (real[], double precision[]);
-- names that are in pg_catalog, too: types, and operators of conditions
CREATE FUNCTION trap.less(date, timestamp) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR trap.< (LEFTARG = date, RIGHTARG = timestamp, FUNCTION = trap.less);
CREATE FUNCTION trap.overlap(anyarray, anyarray) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR trap.&& (LEFTARG = anyarray, RIGHTARG = anyarray, FUNCTION = trap.overlap);
CREATE TYPE trap.regclass AS (i integer);
CREATE TYPE trap.tid AS (i integer);
CREATE TEMP TABLE jsonb (i integer);
CREATE EXTENSION annoy SCHEMA trap;
RESET SESSION AUTHORIZATION;
-- what the members are, or refer to, belongs to the superuser of initdb
SELECT count(*) > 100 AS members, count(*) FILTER (WHERE owner <> 10) AS of_others
FROM pg_depend d CROSS JOIN LATERAL (
	SELECT proowner FROM pg_proc WHERE d.classid = tableoid AND d.objid = oid UNION ALL
	SELECT oprowner FROM pg_operator WHERE d.classid = tableoid AND d.objid = oid UNION ALL
	SELECT opcowner FROM pg_opclass WHERE d.classid = tableoid AND d.objid = oid UNION ALL
	SELECT opfowner FROM pg_opfamily WHERE d.classid = tableoid AND d.objid = oid) o (owner)
WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annoy');
SELECT count(*) > 100 AS operators, count(*) FILTER (WHERE oprowner <> 10) AS of_others
FROM pg_amop JOIN pg_am a ON a.oid = amopmethod JOIN pg_operator o ON o.oid = amopopr WHERE amname = 'annoy';
SELECT count(*) > 50 AS functions, count(t.oid) AS with_others_types
FROM pg_depend d JOIN pg_proc p ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
	LEFT JOIN pg_type t ON t.oid = ANY (p.proargtypes || p.proallargtypes || p.prorettype) AND t.typnamespace <> 'pg_catalog'::regnamespace
WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annoy');
-- The extension is his, so he may drop it, but his rights are those of others.
SET SESSION AUTHORIZATION regress_annoy_guest;
SELECT extowner::regrole FROM pg_extension WHERE extname = 'annoy';
SELECT trap.annoy_index_check(0);
DROP EXTENSION annoy;
DROP SCHEMA trap CASCADE;
DROP TABLE jsonb;
RESET SESSION AUTHORIZATION;

--
-- The database's owner
--
GRANT CREATE ON SCHEMA public TO regress_annoy_dba;
SET SESSION AUTHORIZATION regress_annoy_dba;
CREATE EXTENSION annoy VERSION '1.0.0';
ALTER EXTENSION annoy UPDATE;
CREATE TABLE items (id integer, v real[], kind integer);
INSERT INTO items SELECT i, ARRAY[i, i % 7, 1], i % 3 FROM generate_series(1, 2000) i;
CREATE INDEX items_v ON items USING annoy (v, kind);
INSERT INTO items VALUES (2001, '{0,0,1}', 0);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id FROM items WHERE kind = 0 ORDER BY v <-> '{0,0,1}' LIMIT 3;
DELETE FROM items WHERE id = 2001;
VACUUM items;
SELECT id FROM items WHERE kind = 0 ORDER BY v <-> '{0,0,1}' LIMIT 3;
SELECT count(*) FROM annoy_get_nns_by_vector('items_v', ARRAY[0,0,1], 3);
SELECT recall > .9 AS found FROM annoy_recall('items_v');
SELECT annoy_calibrate('items_v') > 0 AS calibrated;
SELECT annoy_set_params('items_v', '{"seed": 5}');
REINDEX INDEX items_v;
SELECT annoy_clone_index('items_v', 'cosine_v', '{"metric": "angular"}');
SELECT items FROM annoy_index_info('cosine_v');
SELECT annoy_simd_check('cosine_v') > 0 AS checked;
SELECT annoy_prewarm('cosine_v') > 0 AS read;
-- He verifies indexes, and lets others do so.
SELECT annoy_index_check('items_v', true);
GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO regress_annoy_guest;
SET SESSION AUTHORIZATION regress_annoy_guest;
SELECT annoy_index_check('items_v', true);
SELECT annoy_prewarm('items_v');
SET SESSION AUTHORIZATION regress_annoy_dba;
REVOKE EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) FROM regress_annoy_guest;

-- Files of the server take more than that.
SELECT * FROM annoy_import_items('/etc/passwd', 'dot', 2);
SELECT annoy_export('items_v', 'id', '/tmp/regress_annoy_trusted.ann');

-- What was created for him is not his.
CREATE FUNCTION mine(internal) RETURNS internal AS '$libdir/annoy', 'annoyhandler' LANGUAGE c;
CREATE ACCESS METHOD mine TYPE INDEX HANDLER annoyhandler;
CREATE OPERATOR CLASS mine FOR TYPE real[] USING annoy AS OPERATOR 1 <-> FOR ORDER BY float_ops, FUNCTION 1 annoy_l1_metric();
CREATE FUNCTION metric() RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 99';
ALTER OPERATOR FAMILY real_l2_ops USING annoy ADD FUNCTION 1 (bit, bit) metric();
ALTER OPERATOR FAMILY real_l2_ops USING annoy DROP FUNCTION 1 (real[], real[]);
ALTER FUNCTION annoy_l2_metric() OWNER TO regress_annoy_dba;
ALTER FUNCTION annoy_l2_metric() CALLED ON NULL INPUT;
CREATE OR REPLACE FUNCTION annoy_l2_metric() RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 99';
-- who owns a database owns its schema public, too, from 15 on, and is told something else
DO $$ BEGIN
	DROP FUNCTION annoy_l2_metric();
EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN
	RAISE WARNING 'cannot drop it';
END $$;
ALTER EXTENSION annoy DROP FUNCTION annoy_l2_metric();
CREATE FUNCTION supported(real[]) RETURNS integer LANGUAGE sql SUPPORT annoy_distance_support AS 'SELECT 1';
SET annoy.simd = 'none';

-- Every function can be called with anything: NULLs, or values that are no index,
-- no row and no vector.  The outcome is a value or an error that is the user's.
CREATE FUNCTION call(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RETURN 'a value';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN sqlstate ~ '^(XX|53|57|58)' THEN format('%s: %s', sqlstate, sqlerrm) ELSE 'an error' END;
END $$;
CREATE TABLE odd AS
SELECT format('SELECT * FROM %s(%s)', p.oid::regproc, string_agg(value, ', ' ORDER BY n)) AS sql
FROM pg_depend d JOIN pg_proc p ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
	CROSS JOIN generate_series(0, 3) variant
	LEFT JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY u (type, n) ON true
	LEFT JOIN LATERAL (SELECT format('%s::%s', CASE
		WHEN variant = 0 OR type = 'internal'::regtype THEN 'NULL'
		WHEN type IN ('regclass'::regtype, 'tid'::regtype, 'jsonb'::regtype) THEN
			quote_literal((CASE type WHEN 'regclass'::regtype THEN '{items_v,items,4294967295}'
				WHEN 'tid'::regtype THEN '{"(0,1)","(4294967295,65535)","(1,0)"}'
				ELSE E'{"{}","[{\\"f\\": {}}]","{\\"seed\\": {\\"a\\": 1}}"}' END::text[])[variant])
		WHEN type IN ('integer'::regtype, 'double precision'::regtype) THEN
			quote_literal((ARRAY['1', '-2147483648', '2147483647'])[variant])
		WHEN type = 'boolean'::regtype THEN 'true'
		WHEN type IN ('bit'::regtype) THEN quote_literal((ARRAY['101', '', repeat('1', 9000)])[variant])
		WHEN type IN ('text'::regtype, 'name'::regtype) THEN quote_literal((ARRAY['dot', '', repeat('{', 10000)])[variant])
		ELSE quote_literal((ARRAY['{1,2,3}', '{}', '[-1:1]={1,NULL,3}'])[variant]) END,
		CASE type WHEN 'anyarray'::regtype THEN (ARRAY['date[]', 'text[]', 'numeric[]', 'numeric[]'])[variant + 1]
			WHEN 'anycompatiblearray'::regtype THEN 'real[]' WHEN 'anyelement'::regtype THEN 'text[]'
			ELSE CASE type WHEN 'bit'::regtype THEN 'varbit' ELSE format_type(type, NULL) END END) AS value) v ON true
WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annoy')
GROUP BY p.oid, variant;
SET client_min_messages = error;
SELECT count(*) > 200 AS calls FROM odd;
SELECT outcome, count(*) > 10 AS many, CASE WHEN outcome LIKE 'a%' THEN '' ELSE string_agg(left(sql, 100), '; ') END AS calls
FROM odd, call(sql) AS outcome GROUP BY outcome ORDER BY outcome;
RESET client_min_messages;

DROP EXTENSION annoy;
DROP EXTENSION annoy CASCADE;
RESET SESSION AUTHORIZATION;

\c :home
DROP DATABASE regress_annoy_trusted;
DROP ROLE regress_annoy_dba, regress_annoy_guest;
