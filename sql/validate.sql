--
-- Validation of operator classes
--
\set schema annoy_validate
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

-- All that come with the extension are valid.
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'annoy' ORDER BY opcname COLLATE "C";

-- Every family has its operator for all types.
SELECT opfname, string_agg(DISTINCT oprname, ' ') AS operator, count(*),
	count(DISTINCT oprright) AS right_types,
	bool_and(amoppurpose = 'o' AND amopstrategy = 1) FILTER (WHERE oprname <> '<<@') AS ordering
FROM pg_opfamily f JOIN pg_am a ON a.oid = opfmethod JOIN pg_amop ON amopfamily = f.oid
	JOIN pg_operator o ON o.oid = amopopr
WHERE amname = 'annoy' GROUP BY opfname ORDER BY opfname COLLATE "C";

CREATE FUNCTION valid(name) RETURNS boolean LANGUAGE sql AS
	$$ SELECT amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
		WHERE amname = 'annoy' AND opcname = $1 $$;

--
-- Operator classes of one's own, which are valid
--
CREATE OPERATOR CLASS own_l2_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('own_l2_ops');

-- Two types in one family, with operators between them
CREATE OPERATOR FAMILY own_array_ops USING annoy;
CREATE OPERATOR CLASS own_real_ops FOR TYPE real[] USING annoy FAMILY own_array_ops AS
	OPERATOR 1 <+> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l1_metric();
CREATE OPERATOR CLASS own_double_ops FOR TYPE double precision[] USING annoy FAMILY own_array_ops AS
	OPERATOR 1 <+> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l1_metric();
ALTER OPERATOR FAMILY own_array_ops USING annoy ADD
	OPERATOR 1 <+> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (double precision[], real[]) FOR ORDER BY float_ops;
SELECT valid('own_real_ops'), valid('own_double_ops');

--
-- Support functions
--
-- missing
CREATE OPERATOR CLASS no_function_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops;
SELECT valid('no_function_ops');

-- wrong result
CREATE FUNCTION metric_bigint() RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT 1::bigint';
CREATE OPERATOR CLASS function_result_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 metric_bigint();
SELECT valid('function_result_ops');

-- wrong arguments
CREATE FUNCTION metric_of(real[], real[]) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR CLASS function_argument_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 metric_of(real[], real[]);
SELECT valid('function_argument_ops');

-- a set of them
CREATE FUNCTION metrics() RETURNS SETOF integer IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR CLASS function_set_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 metrics();
SELECT valid('function_set_ops');

-- for two types, and for another type than that of the class
CREATE OPERATOR CLASS function_types_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops;
ALTER OPERATOR FAMILY function_types_ops USING annoy ADD
	FUNCTION 1 (real[], double precision[]) annoy_l2_metric();
SELECT valid('function_types_ops');
CREATE OPERATOR CLASS function_type_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops;
ALTER OPERATOR FAMILY function_type_ops USING annoy ADD
	FUNCTION 1 (double precision[]) annoy_l2_metric();
SELECT valid('function_type_ops');

-- unknown number, which the command refuses
CREATE OPERATOR CLASS function_number_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 3 annoy_l2_metric();
BEGIN;
UPDATE pg_amproc SET amprocnum = 3
WHERE amprocfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'own_l2_ops');
SELECT valid('own_l2_ops');
ROLLBACK;

--
-- Operators
--
-- missing
CREATE OPERATOR CLASS no_operator_ops FOR TYPE real[] USING annoy AS
	FUNCTION 1 annoy_l2_metric();
SELECT valid('no_operator_ops');

-- missing for the type of the class
CREATE OPERATOR CLASS operator_type_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_type_ops');

-- wrong result
CREATE FUNCTION distance_real(real[], real[]) RETURNS real IMMUTABLE LANGUAGE sql
	AS 'SELECT ($1 <-> $2)::real';
CREATE OPERATOR <->> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = distance_real);
CREATE OPERATOR CLASS operator_result_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <->> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_result_ops');

-- wrong order
CREATE OPERATOR CLASS operator_order_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY text_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_order_ops');

-- no ordering operator at all
CREATE FUNCTION near(real[], real[]) RETURNS boolean IMMUTABLE LANGUAGE sql
	AS 'SELECT $1 <-> $2 < 1';
CREATE OPERATOR <-?> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = near);
CREATE OPERATOR CLASS operator_search_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-?> (real[], real[]),
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_search_ops');

-- compares with something that is no vector
CREATE FUNCTION distance_text(real[], text) RETURNS double precision IMMUTABLE LANGUAGE sql
	AS 'SELECT $1 <-> $2::real[]';
CREATE OPERATOR <-> (LEFTARG = real[], RIGHTARG = text, FUNCTION = distance_text);
CREATE OPERATOR CLASS operator_right_ops FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (real[], text) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_right_ops');

-- unknown number
CREATE OPERATOR CLASS operator_number_ops FOR TYPE real[] USING annoy AS
	OPERATOR 4 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('operator_number_ops');
BEGIN;
UPDATE pg_amop SET amopstrategy = 4
WHERE amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'own_l2_ops');
SELECT valid('own_l2_ops');
ROLLBACK;

-- other types than the operator's
BEGIN;
UPDATE pg_amop SET amoprighttype = 'double precision[]'::regtype
WHERE amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'own_l2_ops');
SELECT valid('own_l2_ops');
ROLLBACK;

--
-- A type that cannot be stored
--
CREATE OPERATOR CLASS type_ops FOR TYPE point USING annoy AS
	OPERATOR 1 <-> (point, point) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();
SELECT valid('type_ops');

--
-- Operator classes for conditions
--
CREATE OPERATOR CLASS own_text_ops FOR TYPE text USING annoy AS
	OPERATOR 1 ~~ (text, text), OPERATOR 20 = (text, text);
SELECT valid('own_text_ops');
CREATE OPERATOR CLASS condition_type_ops FOR TYPE integer USING annoy AS
	OPERATOR 1 = (bigint, bigint);
SELECT valid('condition_type_ops');
CREATE OPERATOR CLASS condition_result_ops FOR TYPE integer USING annoy AS
	OPERATOR 1 + (integer, integer);
CREATE OPERATOR CLASS condition_order_ops FOR TYPE text USING annoy AS
	OPERATOR 1 = (text, text), OPERATOR 2 <-> (point, point) FOR ORDER BY float_ops;
SELECT valid('condition_order_ops');

-- Several problems at once are all reported.
CREATE OPERATOR CLASS everything_ops FOR TYPE text USING annoy AS
	OPERATOR 1 <-> (real[], text) FOR ORDER BY text_ops,
	FUNCTION 1 metric_bigint();
SELECT valid('everything_ops');

SELECT amvalidate(0);

SET client_min_messages = warning;
DROP SCHEMA annoy_validate CASCADE;
