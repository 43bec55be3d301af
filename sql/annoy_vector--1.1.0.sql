/* sql/annoy_vector--1.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION annoy_vector" to load this file. \quit

--
-- Operator classes of access method annoy for the types of pgvector, under the names
-- that pgvector has, and functions of annoy that take such a value as their query.
--
-- annoy and pgvector may be in any schemas, and others may own these and the one of
-- this extension.  This is run as a superuser, for somebody who is none.  So search_path
-- is set to be safe, and names are written with their schemas, which are looked up: a
-- script can refer to the schema of another extension only from version 16 on.
--
-- Versions of pgvector before 0.7.0 lack some of the types and operators.  What is not
-- there is left out.
--

DO $script$
DECLARE
	target name;	-- the schemas of this extension, of annoy and of pgvector
	annoy name;
	pgvector name;
	type_name text;
	class record;
	missing text := '';
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

	SELECT n.nspname INTO STRICT target FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'annoy_vector'::name;
	SELECT n.nspname INTO STRICT annoy FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'annoy'::name;
	SELECT n.nspname INTO STRICT pgvector FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'vector'::name;

	IF to_regprocedure(format('%I.annoy_within_support(pg_catalog.internal)', annoy)) IS NULL THEN
		RAISE 'extension annoy is of a version before 1.1.0'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use ALTER EXTENSION annoy UPDATE.';
	END IF;

	FOREACH type_name IN ARRAY '{vector,halfvec}'::text[] LOOP
		IF to_regtype(format('%I.%I', pgvector, type_name)) IS NULL THEN
			missing := missing || ', type ' || type_name;
			CONTINUE;
		END IF;

		EXECUTE format(
			'CREATE FUNCTION %1$I.annoy_within(%2$I.%3$I, record) '
			'RETURNS boolean AS ''MODULE_PATHNAME'', %4$L LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20',
			target, pgvector, type_name, 'annoy_within_record_' || type_name);
		EXECUTE format('CREATE OPERATOR %1$I.<<@ (LEFTARG = %2$I.%3$I, RIGHTARG = record, FUNCTION = %1$I.annoy_within, RESTRICT = pg_catalog.areasel)',
			target, pgvector, type_name);
		EXECUTE format('COMMENT ON OPERATOR %I.<<@ (%I.%I, record) IS %L',
			target, pgvector, type_name, 'what an index is asked for annoy_within');

		FOR class IN
			SELECT * FROM (VALUES
				('l2', '<->', 'Euclidean distance', true),
				('ip', '<#>', 'negative inner product', false),
				('cosine', '<=>', 'cosine distance', false),
				('l1', '<+>', 'Manhattan distance', false)) AS c (metric, operator, distance, is_default)
		LOOP
			IF to_regoperator(format('%I.%s(%I.%I,%I.%I)', pgvector, class.operator,
					pgvector, type_name, pgvector, type_name)) IS NULL THEN
				missing := missing || ', operator ' || class.operator || ' on ' || type_name;
				CONTINUE;
			END IF;
			EXECUTE format(
				'CREATE OPERATOR CLASS %1$I.%2$I %3$s FOR TYPE %4$I.%5$I USING annoy AS '
				'OPERATOR 1 %4$I.%6$s (%4$I.%5$I, %4$I.%5$I) FOR ORDER BY pg_catalog.float_ops, '
				'OPERATOR 3 %1$I.<<@ (%4$I.%5$I, record), '
				'FUNCTION 1 %7$I.%8$I(), FUNCTION 2 %7$I.%9$I()',
				target, type_name || '_' || class.metric || '_ops',
				CASE WHEN class.is_default THEN 'DEFAULT' ELSE '' END,
				pgvector, type_name, class.operator,
				annoy, 'annoy_' || class.metric || '_metric', 'annoy_' || type_name || '_layout');
			EXECUTE format('COMMENT ON OPERATOR CLASS %I.%I USING annoy IS %L',
				target, type_name || '_' || class.metric || '_ops',
				'nearest by ' || class.operator || ', ' || class.distance);
		END LOOP;

		EXECUTE format(
			'CREATE FUNCTION %1$I.annoy_get_nns_by_vector(index regclass, query %2$I.%3$I, '
			'n integer DEFAULT NULL, search_k integer DEFAULT -1, OUT item tid, OUT distance double precision) '
			'RETURNS SETOF record AS ''MODULE_PATHNAME'', %4$L '
			'LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 SUPPORT %5$I.annoy_nns_support',
			target, pgvector, type_name, 'annoy_get_nns_by_vector_' || type_name, annoy);
		EXECUTE format('COMMENT ON FUNCTION %I.annoy_get_nns_by_vector(regclass, %I.%I, integer, integer) IS %L',
			target, pgvector, type_name, 'nearest rows of a vector, with the distances that Annoy returns');
		EXECUTE format(
			'CREATE FUNCTION %1$I.annoy_within(embedding %2$I.%3$I, query %2$I.%3$I, '
			'radius double precision, metric text DEFAULT ''euclidean'') '
			'RETURNS boolean AS ''MODULE_PATHNAME'', %4$L '
			'LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT %5$I.annoy_within_support',
			target, pgvector, type_name, 'annoy_within_' || type_name, annoy);
		EXECUTE format('COMMENT ON FUNCTION %1$I.annoy_within(%2$I.%3$I, %2$I.%3$I, double precision, text) IS %4$L',
			target, pgvector, type_name, 'is a vector within a distance of another?');
		EXECUTE format(
			'CREATE FUNCTION %1$I.annoy_search_radius(index regclass, query %2$I.%3$I, '
			'radius double precision, search_k integer DEFAULT -1, OUT item tid, OUT distance double precision) '
			'RETURNS SETOF record AS ''MODULE_PATHNAME'', %4$L '
			'LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 ROWS 100',
			target, pgvector, type_name, 'annoy_search_radius_' || type_name);
		EXECUTE format('COMMENT ON FUNCTION %I.annoy_search_radius(regclass, %I.%I, double precision, integer) IS %L',
			target, pgvector, type_name, 'rows within a distance of a vector, with the distances that the operator returns');
	END LOOP;

	--
	-- annoy's own operator class for bit has the name that pgvector's has, so
	-- pgvector's operator joins it.  It does not leave when this extension is dropped.
	--
	IF to_regoperator(format('%I.<~>(pg_catalog.bit,pg_catalog.bit)', pgvector)) IS NULL THEN
		missing := missing || ', operator <~> on bit';
	ELSIF NOT EXISTS (
			SELECT FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily
				JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
			WHERE m.amname = 'annoy'::name AND f.opfname = 'bit_hamming_ops'::name
				AND n.nspname = annoy AND a.amopstrategy = 2::smallint) THEN
		EXECUTE format(
			'ALTER OPERATOR FAMILY %I.bit_hamming_ops USING annoy ADD '
			'OPERATOR 2 %I.<~> (pg_catalog.bit, pg_catalog.bit) FOR ORDER BY pg_catalog.float_ops',
			annoy, pgvector);
	END IF;

	IF missing <> ''::text THEN
		RAISE WARNING 'the version of pgvector in this database lacks %', substr(missing, 3)
			USING HINT = 'After ALTER EXTENSION vector UPDATE, drop extension annoy_vector and create it again to have operator classes for all.';
	END IF;
END
$script$;
