-- Calls of all functions of the extension that take an index, and what comes of
-- them.

-- A call of each function with a regclass among its arguments, with arguments
-- chosen by their types and names: NULL if there is one that is not known here.
-- The table has a column id and rows with two-dimensional vectors.
CREATE FUNCTION calls(index regclass) RETURNS TABLE (signature text, call text)
STABLE LANGUAGE sql AS $$
	WITH arguments AS (
		SELECT p.oid, p.proname, a.n, p.proargnames[a.n] AS name, a.type::regtype::text AS type
		FROM pg_depend d
			JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'annoy'
			JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
			CROSS JOIN unnest(p.proargtypes) WITH ORDINALITY a (type, n)
		WHERE 'regclass'::regtype = ANY (p.proargtypes)),
	literals AS (
		SELECT *, CASE
			WHEN type = 'regclass' AND name = 'index' THEN format('%s::oid::regclass', index::oid)
			WHEN type = 'regclass' AND name = 'queries' THEN 'NULL'
			WHEN type = 'anyarray' THEN quote_literal('{1,1}') || '::real[]'
			WHEN type = 'bit' THEN 'B''11'''
			WHEN type = 'anyelement' THEN 'NULL::real[]'
			WHEN type = 'tid' THEN quote_literal('(0,1)')
			WHEN type = 'jsonb' THEN quote_literal('{"search_k": 9}')
			WHEN type = 'name' AND name = 'item_column' THEN quote_literal('id')
			WHEN type = 'text' THEN quote_literal(CASE name WHEN 'query' THEN '{1,1}'
				WHEN 'queries' THEN '1' WHEN 'what' THEN 'all' WHEN 'name' THEN 'a_clone' WHEN 'filename' THEN '/nowhere/x.ann'
				WHEN 'layout' THEN 'annoy' END)
			WHEN type IN ('integer', 'double precision') THEN '1'
			WHEN type = 'boolean' THEN 'true'
			END AS literal
		FROM arguments)
	SELECT oid::regprocedure::text, CASE WHEN count(literal) = count(*)
		THEN format('%s(%s)', oid::regproc, string_agg(literal, ', ' ORDER BY n)) END
	FROM literals GROUP BY oid $$;

-- What comes of a call, which is undone: how it fails, if it does, and the locks
-- that are held after it on relations of this schema.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	locks_held text := $sql$
		SELECT coalesce(' locks ' || string_agg(c.relname || ' ' || mode, ', ' ORDER BY c.relname, mode), '')
		FROM pg_locks l JOIN pg_class c ON l.relation = c.oid
		WHERE pid = pg_backend_pid() AND c.relnamespace = current_schema()::regnamespace $sql$;
	result text;
	locks text;
	message text;
	detail text;
	hint text;
BEGIN
	BEGIN
		EXECUTE 'SELECT * FROM ' || call;
		EXECUTE locks_held INTO locks;
		RAISE EXCEPTION USING ERRCODE = 'UNDO0';
	EXCEPTION
		WHEN SQLSTATE 'UNDO0' THEN
			result := 'no error';
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			result := concat_ws(' | ', SQLSTATE, regexp_replace(message, '[0-9]+\.tmp', 'N.tmp'),
				nullif(detail, ''), nullif(hint, ''));
			EXECUTE locks_held INTO locks;
	END;
	RETURN result || locks;
END $$;

-- The outcomes of all calls, and which have each of them.
CREATE FUNCTION outcomes(index regclass) RETURNS TABLE (outcome text, functions text) LANGUAGE sql AS $$
	SELECT o, string_agg(replace(signature, 'annoy_', ''), E'\n' ORDER BY signature COLLATE "C")
	FROM (SELECT signature, outcome(call) AS o FROM calls(index)) s GROUP BY o ORDER BY o COLLATE "C" $$;

-- The same in one line: which part of the functions has each of them.
CREATE FUNCTION summary(index regclass) RETURNS TABLE (part text, outcome text) LANGUAGE sql AS $$
	SELECT count(*) || ' of ' || sum(count(*)) OVER (), o
	FROM (SELECT outcome(call) AS o FROM calls(index)) s GROUP BY o ORDER BY o COLLATE "C" $$;
