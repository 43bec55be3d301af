--
-- ALTER EXTENSION annoy UPDATE: what it makes of the objects of version 1.0.0 is
-- what CREATE EXTENSION makes
--
\set schema annoy_upgrade
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- What the extension consists of: a row for each member, and for the operators
-- and functions of its operator families, with all that the catalogs say of it.
-- OIDs of objects that the extension makes are left out, or shown as names; default
-- values of arguments as text, since their trees tell where in a script they were.
CREATE FUNCTION members() RETURNS TABLE (object text, properties jsonb) LANGUAGE sql AS $$
	WITH member AS (
		SELECT d.classid, d.objid
		FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		WHERE e.extname = 'annoy' AND d.deptype = 'e'),
	part AS (
		SELECT * FROM member
		UNION
		SELECT d.classid, d.objid FROM member m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
		WHERE d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)),
	catalog AS (
		SELECT 'pg_proc'::regclass AS class, oid,
			to_jsonb(p) || jsonb_build_object('proargdefaults', pg_get_function_arguments(oid)) AS properties FROM pg_proc p
		UNION ALL
		SELECT 'pg_operator'::regclass, oid,
			to_jsonb(o) || jsonb_build_object('oprcom', oprcom::regoperator, 'oprnegate', oprnegate::regoperator) FROM pg_operator o
		UNION ALL
		SELECT 'pg_am'::regclass, oid, to_jsonb(a) FROM pg_am a
		UNION ALL
		SELECT 'pg_opfamily'::regclass, oid, to_jsonb(f) - 'opfmethod' FROM pg_opfamily f
		UNION ALL
		SELECT 'pg_opclass'::regclass, oid, to_jsonb(c) - '{opcmethod,opcfamily}'::text[] FROM pg_opclass c
		UNION ALL
		SELECT 'pg_amop'::regclass, oid,
			to_jsonb(o) - '{amopmethod,amopfamily}'::text[] || jsonb_build_object('amopopr', amopopr::regoperator) FROM pg_amop o
		UNION ALL
		SELECT 'pg_amproc'::regclass, oid, to_jsonb(p) - 'amprocfamily' FROM pg_amproc p)
	SELECT pg_describe_object(p.classid, p.objid, 0),
		c.properties - 'oid' || jsonb_build_object(
			'comment', obj_description(p.objid, p.classid::regclass::name),
			'initial privileges', (SELECT initprivs FROM pg_init_privs WHERE classoid = p.classid AND objoid = p.objid),
			'depends on', (SELECT array_agg(DISTINCT d.deptype::text || ' ' || pg_describe_object(refclassid, refobjid, refobjsubid))
				FROM pg_depend d WHERE d.classid = p.classid AND d.objid = p.objid))
	FROM part p LEFT JOIN catalog c ON p.classid = c.class AND p.objid = c.oid $$;

CREATE TABLE created AS SELECT * FROM members();
-- no object is of a kind that is not compared
SELECT count(*) > 0 AS compared, count(*) FILTER (WHERE properties IS NULL) AS not_compared FROM created;

-- The library is of the new version, and the objects are of the old one.
SET client_min_messages = warning;
DROP EXTENSION annoy CASCADE;
RESET client_min_messages;
CREATE EXTENSION annoy SCHEMA public VERSION '1.0.0';
SELECT count(*) > 0 AS differ FROM (SELECT * FROM members() EXCEPT SELECT * FROM created) d;
CREATE TABLE items AS SELECT i AS id, vec(i, 8) AS v FROM generate_series(1, 300) i;
CREATE INDEX items_v ON items USING annoy (v) WITH (n_trees = 2);
SET enable_seqscan = off;
CREATE TABLE nearest AS SELECT id FROM items ORDER BY v <-> vec(7, 8) LIMIT 20;
SELECT failure('SELECT * FROM annoy_index_info(''items_v'')');
SELECT failure('SELECT * FROM annoy_last_scan()');

-- The index goes on being used.
ALTER EXTENSION annoy UPDATE;
SELECT extversion = default_version AS up_to_date
FROM pg_extension JOIN pg_available_extensions ON extname = name WHERE extname = 'annoy';
SELECT n_trees, items FROM annoy_index_info('items_v');
SELECT array_agg(n.id) = (SELECT array_agg(id) FROM nearest) AS same_rows
FROM (SELECT id FROM items ORDER BY v <-> vec(7, 8) LIMIT 20) n;
RESET enable_seqscan;

-- No difference
SELECT 'is missing' AS what, object, properties FROM (SELECT * FROM created EXCEPT SELECT * FROM members()) m
UNION ALL
SELECT 'is new', object, properties FROM (SELECT * FROM members() EXCEPT SELECT * FROM created) n
ORDER BY object, what;

SET client_min_messages = warning;
DROP SCHEMA annoy_upgrade CASCADE;
