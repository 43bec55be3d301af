/* sql/annoy--1.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION annoy" to load this file. \quit

--
-- The extension is trusted: this is run as a superuser, for somebody who is none,
-- in a schema that may be another's.  So everything is made by CREATE, which fails
-- if it is there already, and names refer to what has been made above or is in
-- pg_catalog, which comes first in search_path.  Nothing is looked up that converts
-- arguments, and no expression is evaluated.
--

--
-- Distances
--
-- The left-hand argument, which an index can be on, is real[] or
-- double precision[].  The right-hand one is any array of numbers: drivers send
-- lists of numbers as double precision[] or as the smallest integers that fit,
-- ARRAY[0.1, 0.2] is numeric[], and ARRAY[1, 2] is integer[].  With operators
-- of their own these neither convert the indexed column nor are ambiguous.
-- Two arrays of numeric or integer are there for ARRAY[1, 2] <-> ARRAY[3, 4].
-- A literal without a type is of the other side's type for an operator, but text
-- for a function.
--
-- The costs are for some hundred dimensions, in units of cpu_operator_cost, if
-- nothing is known of the arguments.
--

CREATE FUNCTION annoy_distance_support(internal)
	RETURNS internal AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Euclidean distance

CREATE FUNCTION annoy_l2_distance(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(real[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_l2_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(double precision[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_l2_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(text, real[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_l2_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l2_distance(text, double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_l2_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;

CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = real[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = double precision[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = numeric[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = integer[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = smallint[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = real[], RIGHTARG = bigint[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = double precision[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = numeric[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = integer[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = smallint[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = double precision[], RIGHTARG = bigint[], FUNCTION = annoy_l2_distance
);
CREATE OPERATOR <-> (
	LEFTARG = numeric[], RIGHTARG = numeric[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = numeric[], RIGHTARG = integer[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = integer[], RIGHTARG = numeric[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);
CREATE OPERATOR <-> (
	LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = annoy_l2_distance,
	COMMUTATOR = <->
);

-- cosine distance

CREATE FUNCTION annoy_cosine_distance(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(real[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_cosine_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(double precision[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_cosine_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(text, real[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_cosine_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_cosine_distance(text, double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_cosine_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;

CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = real[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = double precision[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = numeric[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = integer[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = smallint[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = real[], RIGHTARG = bigint[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = double precision[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = numeric[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = integer[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = smallint[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = double precision[], RIGHTARG = bigint[], FUNCTION = annoy_cosine_distance
);
CREATE OPERATOR <=> (
	LEFTARG = numeric[], RIGHTARG = numeric[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = numeric[], RIGHTARG = integer[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = integer[], RIGHTARG = numeric[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);
CREATE OPERATOR <=> (
	LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = annoy_cosine_distance,
	COMMUTATOR = <=>
);

-- negative inner product

CREATE FUNCTION annoy_negative_inner_product(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(real[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_negative_inner_product_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(double precision[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_negative_inner_product_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(text, real[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_negative_inner_product'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_negative_inner_product(text, double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_negative_inner_product'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;

CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = real[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = double precision[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = numeric[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = integer[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = smallint[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = real[], RIGHTARG = bigint[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = double precision[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = numeric[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = integer[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = smallint[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = double precision[], RIGHTARG = bigint[], FUNCTION = annoy_negative_inner_product
);
CREATE OPERATOR <#> (
	LEFTARG = numeric[], RIGHTARG = numeric[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = numeric[], RIGHTARG = integer[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = integer[], RIGHTARG = numeric[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);
CREATE OPERATOR <#> (
	LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = annoy_negative_inner_product,
	COMMUTATOR = <#>
);

-- Manhattan distance

CREATE FUNCTION annoy_l1_distance(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(real[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_l1_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(double precision[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_l1_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(text, real[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_l1_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_l1_distance(text, double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_l1_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;

CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = real[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = double precision[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = numeric[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = integer[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = smallint[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = real[], RIGHTARG = bigint[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = double precision[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = numeric[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = integer[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = smallint[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = double precision[], RIGHTARG = bigint[], FUNCTION = annoy_l1_distance
);
CREATE OPERATOR <+> (
	LEFTARG = numeric[], RIGHTARG = numeric[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = numeric[], RIGHTARG = integer[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = integer[], RIGHTARG = numeric[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);
CREATE OPERATOR <+> (
	LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = annoy_l1_distance,
	COMMUTATOR = <+>
);

-- Hamming distance of the components greater than 0.5

CREATE FUNCTION annoy_hamming_distance(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], smallint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], bigint[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(real[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_hamming_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(double precision[], text)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_hamming_distance_text'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(text, real[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_hamming_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_hamming_distance(text, double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_text_hamming_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;

CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = real[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = double precision[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = numeric[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = integer[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = smallint[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = real[], RIGHTARG = bigint[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = real[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = double precision[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = numeric[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = integer[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = smallint[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = double precision[], RIGHTARG = bigint[], FUNCTION = annoy_hamming_distance
);
CREATE OPERATOR <~> (
	LEFTARG = numeric[], RIGHTARG = numeric[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = numeric[], RIGHTARG = integer[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = integer[], RIGHTARG = numeric[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);
CREATE OPERATOR <~> (
	LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~>
);

-- Hamming distance of bit strings
--
-- The operator's name is not that of arrays because pgvector has <~> on bit.

CREATE FUNCTION annoy_hamming_distance(bit, bit)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_hamming_distance_bit'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

CREATE OPERATOR <~~> (
	LEFTARG = bit, RIGHTARG = bit, FUNCTION = annoy_hamming_distance,
	COMMUTATOR = <~~>
);

--
-- Other functions on vectors
--

CREATE FUNCTION annoy_angular_distance(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(real[], real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(double precision[], double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_norm(real[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_norm(double precision[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_norm(numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_norm(integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_normalize(real[])
	RETURNS real[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_normalize(double precision[])
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_normalize(numeric[])
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_normalize(integer[])
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_dims(real[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION annoy_dims(double precision[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION annoy_dims(numeric[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION annoy_dims(integer[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION annoy_dims(bit)
	RETURNS integer AS 'MODULE_PATHNAME', 'annoy_dims_bit'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

--
-- What Annoy calls the metrics and their distances
--
-- The types of the two arrays have nothing to do with each other, so the second
-- is of another family of polymorphic types.
--

CREATE FUNCTION annoy_metric(name text)
	RETURNS text AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION annoy_distance(metric text, a anyarray, b anycompatiblearray)
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
CREATE FUNCTION annoy_distance(metric text, a bit, b bit)
	RETURNS double precision AS 'MODULE_PATHNAME', 'annoy_distance_bit'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

--
-- Access method
--

CREATE FUNCTION annoyhandler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD annoy TYPE INDEX HANDLER annoyhandler;

--
-- Operator classes
--
-- Support function 1 says which metric it is.
--

CREATE FUNCTION annoy_l2_metric()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION annoy_cosine_metric()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION annoy_ip_metric()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION annoy_l1_metric()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION annoy_hamming_metric()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

-- What values of another type look like: see docs/reference.md

CREATE FUNCTION annoy_vector_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION annoy_halfvec_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR CLASS real_l2_ops
	DEFAULT FOR TYPE real[] USING annoy AS
	OPERATOR 1 <-> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();

ALTER OPERATOR FAMILY real_l2_ops USING annoy ADD
	OPERATOR 1 <-> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (real[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (real[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (real[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (real[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS real_cosine_ops
	FOR TYPE real[] USING annoy AS
	OPERATOR 1 <=> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_cosine_metric();

ALTER OPERATOR FAMILY real_cosine_ops USING annoy ADD
	OPERATOR 1 <=> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (real[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (real[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (real[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (real[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS real_ip_ops
	FOR TYPE real[] USING annoy AS
	OPERATOR 1 <#> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_ip_metric();

ALTER OPERATOR FAMILY real_ip_ops USING annoy ADD
	OPERATOR 1 <#> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (real[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (real[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (real[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (real[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS real_l1_ops
	FOR TYPE real[] USING annoy AS
	OPERATOR 1 <+> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l1_metric();

ALTER OPERATOR FAMILY real_l1_ops USING annoy ADD
	OPERATOR 1 <+> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (real[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (real[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (real[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (real[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS real_hamming_ops
	FOR TYPE real[] USING annoy AS
	OPERATOR 1 <~> (real[], real[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_hamming_metric();

ALTER OPERATOR FAMILY real_hamming_ops USING annoy ADD
	OPERATOR 1 <~> (real[], double precision[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (real[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (real[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (real[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (real[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS double_l2_ops
	DEFAULT FOR TYPE double precision[] USING annoy AS
	OPERATOR 1 <-> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l2_metric();

ALTER OPERATOR FAMILY double_l2_ops USING annoy ADD
	OPERATOR 1 <-> (double precision[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (double precision[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (double precision[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (double precision[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <-> (double precision[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS double_cosine_ops
	FOR TYPE double precision[] USING annoy AS
	OPERATOR 1 <=> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_cosine_metric();

ALTER OPERATOR FAMILY double_cosine_ops USING annoy ADD
	OPERATOR 1 <=> (double precision[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (double precision[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (double precision[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (double precision[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <=> (double precision[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS double_ip_ops
	FOR TYPE double precision[] USING annoy AS
	OPERATOR 1 <#> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_ip_metric();

ALTER OPERATOR FAMILY double_ip_ops USING annoy ADD
	OPERATOR 1 <#> (double precision[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (double precision[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (double precision[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (double precision[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <#> (double precision[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS double_l1_ops
	FOR TYPE double precision[] USING annoy AS
	OPERATOR 1 <+> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_l1_metric();

ALTER OPERATOR FAMILY double_l1_ops USING annoy ADD
	OPERATOR 1 <+> (double precision[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (double precision[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (double precision[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (double precision[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <+> (double precision[], bigint[]) FOR ORDER BY float_ops;

CREATE OPERATOR CLASS double_hamming_ops
	FOR TYPE double precision[] USING annoy AS
	OPERATOR 1 <~> (double precision[], double precision[]) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_hamming_metric();

ALTER OPERATOR FAMILY double_hamming_ops USING annoy ADD
	OPERATOR 1 <~> (double precision[], real[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (double precision[], numeric[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (double precision[], integer[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (double precision[], smallint[]) FOR ORDER BY float_ops,
	OPERATOR 1 <~> (double precision[], bigint[]) FOR ORDER BY float_ops;

-- Also for bit varying, which is binary compatible.
CREATE OPERATOR CLASS bit_hamming_ops
	DEFAULT FOR TYPE bit USING annoy AS
	OPERATOR 1 <~~> (bit, bit) FOR ORDER BY float_ops,
	FUNCTION 1 annoy_hamming_metric();

--
-- Conditions on further columns of an index
--
-- An operator class for these has operators that return boolean, with whatever
-- numbers, and no support function.  Here they are numbered as in B-trees.
--

CREATE OPERATOR FAMILY integer_ops USING annoy;

CREATE OPERATOR CLASS int2_ops
	DEFAULT FOR TYPE smallint USING annoy FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS int4_ops
	DEFAULT FOR TYPE integer USING annoy FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS int8_ops
	DEFAULT FOR TYPE bigint USING annoy FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

ALTER OPERATOR FAMILY integer_ops USING annoy ADD
	OPERATOR 1 < (smallint, integer),
	OPERATOR 2 <= (smallint, integer),
	OPERATOR 3 = (smallint, integer),
	OPERATOR 4 >= (smallint, integer),
	OPERATOR 5 > (smallint, integer),
	OPERATOR 1 < (smallint, bigint),
	OPERATOR 2 <= (smallint, bigint),
	OPERATOR 3 = (smallint, bigint),
	OPERATOR 4 >= (smallint, bigint),
	OPERATOR 5 > (smallint, bigint),
	OPERATOR 1 < (integer, smallint),
	OPERATOR 2 <= (integer, smallint),
	OPERATOR 3 = (integer, smallint),
	OPERATOR 4 >= (integer, smallint),
	OPERATOR 5 > (integer, smallint),
	OPERATOR 1 < (integer, bigint),
	OPERATOR 2 <= (integer, bigint),
	OPERATOR 3 = (integer, bigint),
	OPERATOR 4 >= (integer, bigint),
	OPERATOR 5 > (integer, bigint),
	OPERATOR 1 < (bigint, smallint),
	OPERATOR 2 <= (bigint, smallint),
	OPERATOR 3 = (bigint, smallint),
	OPERATOR 4 >= (bigint, smallint),
	OPERATOR 5 > (bigint, smallint),
	OPERATOR 1 < (bigint, integer),
	OPERATOR 2 <= (bigint, integer),
	OPERATOR 3 = (bigint, integer),
	OPERATOR 4 >= (bigint, integer),
	OPERATOR 5 > (bigint, integer);

CREATE OPERATOR FAMILY float_ops USING annoy;

CREATE OPERATOR CLASS float4_ops
	DEFAULT FOR TYPE real USING annoy FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS float8_ops
	DEFAULT FOR TYPE double precision USING annoy FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

ALTER OPERATOR FAMILY float_ops USING annoy ADD
	OPERATOR 1 < (real, double precision),
	OPERATOR 2 <= (real, double precision),
	OPERATOR 3 = (real, double precision),
	OPERATOR 4 >= (real, double precision),
	OPERATOR 5 > (real, double precision),
	OPERATOR 1 < (double precision, real),
	OPERATOR 2 <= (double precision, real),
	OPERATOR 3 = (double precision, real),
	OPERATOR 4 >= (double precision, real),
	OPERATOR 5 > (double precision, real);

CREATE OPERATOR FAMILY datetime_ops USING annoy;

CREATE OPERATOR CLASS date_ops
	DEFAULT FOR TYPE date USING annoy FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS timestamp_ops
	DEFAULT FOR TYPE timestamp USING annoy FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS timestamptz_ops
	DEFAULT FOR TYPE timestamp with time zone USING annoy FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

ALTER OPERATOR FAMILY datetime_ops USING annoy ADD
	OPERATOR 1 < (date, timestamp),
	OPERATOR 2 <= (date, timestamp),
	OPERATOR 3 = (date, timestamp),
	OPERATOR 4 >= (date, timestamp),
	OPERATOR 5 > (date, timestamp),
	OPERATOR 1 < (date, timestamp with time zone),
	OPERATOR 2 <= (date, timestamp with time zone),
	OPERATOR 3 = (date, timestamp with time zone),
	OPERATOR 4 >= (date, timestamp with time zone),
	OPERATOR 5 > (date, timestamp with time zone),
	OPERATOR 1 < (timestamp, date),
	OPERATOR 2 <= (timestamp, date),
	OPERATOR 3 = (timestamp, date),
	OPERATOR 4 >= (timestamp, date),
	OPERATOR 5 > (timestamp, date),
	OPERATOR 1 < (timestamp, timestamp with time zone),
	OPERATOR 2 <= (timestamp, timestamp with time zone),
	OPERATOR 3 = (timestamp, timestamp with time zone),
	OPERATOR 4 >= (timestamp, timestamp with time zone),
	OPERATOR 5 > (timestamp, timestamp with time zone),
	OPERATOR 1 < (timestamp with time zone, date),
	OPERATOR 2 <= (timestamp with time zone, date),
	OPERATOR 3 = (timestamp with time zone, date),
	OPERATOR 4 >= (timestamp with time zone, date),
	OPERATOR 5 > (timestamp with time zone, date),
	OPERATOR 1 < (timestamp with time zone, timestamp),
	OPERATOR 2 <= (timestamp with time zone, timestamp),
	OPERATOR 3 = (timestamp with time zone, timestamp),
	OPERATOR 4 >= (timestamp with time zone, timestamp),
	OPERATOR 5 > (timestamp with time zone, timestamp);

CREATE OPERATOR CLASS numeric_ops
	DEFAULT FOR TYPE numeric USING annoy AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

-- Also for character varying, which is binary compatible.
CREATE OPERATOR CLASS text_ops
	DEFAULT FOR TYPE text USING annoy AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS bool_ops
	DEFAULT FOR TYPE boolean USING annoy AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

CREATE OPERATOR CLASS uuid_ops
	DEFAULT FOR TYPE uuid USING annoy AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;

-- For arrays of any type, but those that are vectors by default.
CREATE OPERATOR CLASS array_ops
	DEFAULT FOR TYPE anyarray USING annoy AS
	OPERATOR 1 &&,
	OPERATOR 2 @>,
	OPERATOR 3 <@,
	OPERATOR 4 =;

--
-- Information about an index
--
-- What reads an index is not for parallel workers, which have no temporary ones.
--

CREATE FUNCTION annoy_index_info(
	index regclass,
	OUT metric text,
	OUT type text,
	OUT dimensions integer,
	OUT dtype text,
	OUT n_trees integer,
	OUT n_entries integer,
	OUT signatures integer,
	OUT height integer,
	OUT items bigint,
	OUT vectors bigint,
	OUT entries bigint,
	OUT dead_items bigint,
	OUT leaf_pages bigint,
	OUT inner_pages bigint,
	OUT leaf_fill double precision,
	OUT seed numeric,
	OUT format_version integer,
	OUT item_bytes bigint,
	OUT tree_bytes bigint,
	OUT stale double precision)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION annoy_last_scan(
	OUT target_recall double precision,
	OUT predicted_recall double precision,
	OUT effort double precision,
	OUT rounds bigint,
	OUT ended text[],
	OUT drained boolean,
	OUT inner_nodes bigint,
	OUT leaves bigint,
	OUT entries bigint,
	OUT tested bigint,
	OUT items bigint,
	OUT rows bigint,
	OUT pages bigint,
	OUT pages_read bigint,
	OUT routing double precision,
	OUT scanning double precision,
	OUT reranking double precision)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED;

-- Reads the whole index, or the whole table: not for everybody.  The functions
-- are a superuser's, so that the database's owner could not let himself do it.
CREATE FUNCTION annoy_index_check(index regclass, heapallindexed boolean DEFAULT false)
	RETURNS void AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION annoy_index_check(regclass, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO pg_database_owner WITH GRANT OPTION;

--
-- Recall
--

CREATE FUNCTION annoy_recall(
	index regclass,
	k integer DEFAULT 10,
	queries integer DEFAULT 100,
	search_k integer DEFAULT -1,
	OUT recall double precision,
	OUT latency_ms double precision,
	OUT entries double precision,
	OUT asked integer)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

-- The user's own queries: in the table or view of that name.  It is text, lest a
-- literal be taken for either.
CREATE FUNCTION annoy_recall(
	index regclass,
	k integer,
	queries text,
	search_k integer DEFAULT -1,
	OUT recall double precision,
	OUT latency_ms double precision,
	OUT entries double precision,
	OUT asked integer)
	AS 'MODULE_PATHNAME', 'annoy_recall_table' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION annoy_recall_queries(
	index regclass,
	k integer DEFAULT 10,
	queries integer DEFAULT 100,
	search_k integer DEFAULT -1,
	OUT query tid,
	OUT recall double precision,
	OUT latency_ms double precision,
	OUT entries double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
CREATE FUNCTION annoy_recall_queries(
	index regclass,
	k integer,
	queries text,
	search_k integer DEFAULT -1,
	OUT query tid,
	OUT recall double precision,
	OUT latency_ms double precision,
	OUT entries double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'annoy_recall_queries_table' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION annoy_recall_curve(
	index regclass,
	OUT k integer,
	OUT search_k integer,
	OUT recall double precision,
	OUT asked integer)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION annoy_calibrate(index regclass, queries regclass DEFAULT NULL)
	RETURNS integer
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

--
-- Instruction sets
--

CREATE FUNCTION annoy_simd_paths()
	RETURNS SETOF text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 3;

CREATE FUNCTION annoy_simd_check(index regclass)
	RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

--
-- Annoy's methods
--
-- n is annoy.n_neighbors if it is NULL.  The functions for text take literals and
-- parameters without a type.
--

CREATE FUNCTION annoy_nns_support(internal)
	RETURNS internal AS 'MODULE_PATHNAME' LANGUAGE C STRICT;

CREATE FUNCTION annoy_get_nns_by_vector(
	index regclass,
	query anyarray,
	n integer DEFAULT NULL,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 SUPPORT annoy_nns_support;
CREATE FUNCTION annoy_get_nns_by_vector(
	index regclass,
	query bit,
	n integer DEFAULT NULL,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'annoy_get_nns_by_vector_bit'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 SUPPORT annoy_nns_support;
CREATE FUNCTION annoy_get_nns_by_vector(
	index regclass,
	query text,
	n integer DEFAULT NULL,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'annoy_get_nns_by_vector_text'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 SUPPORT annoy_nns_support;
CREATE FUNCTION annoy_get_nns_by_item(
	index regclass,
	item tid,
	n integer DEFAULT NULL,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 SUPPORT annoy_nns_support;

CREATE FUNCTION annoy_knn_graph(
	index regclass,
	k integer DEFAULT NULL,
	OUT item tid,
	OUT neighbour tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT annoy_nns_support;

CREATE FUNCTION annoy_get_item(index regclass, item tid)
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100;
-- The third argument is NULL: only its type counts.
CREATE FUNCTION annoy_get_item(index regclass, item tid, type anyelement)
	RETURNS anyelement AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100;
CREATE FUNCTION annoy_get_distance(index regclass, i tid, j tid)
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 200;

CREATE FUNCTION annoy_index_params(index regclass)
	RETURNS jsonb AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
CREATE FUNCTION annoy_repr(index regclass)
	RETURNS text AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
CREATE FUNCTION annoy_set_params(index regclass, params jsonb)
	RETURNS void AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
CREATE FUNCTION annoy_clone_index(index regclass, name text, overrides jsonb DEFAULT '{}')
	RETURNS regclass AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
CREATE FUNCTION annoy_prewarm(index regclass, what text DEFAULT 'all')
	RETURNS bigint AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

--
-- Rows within a distance, which is the operator's
--

CREATE FUNCTION annoy_search_radius(
	index regclass,
	query anyarray,
	radius double precision,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 ROWS 100;
CREATE FUNCTION annoy_search_radius(
	index regclass,
	query bit,
	radius double precision,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'annoy_search_radius_bit'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 ROWS 100;
CREATE FUNCTION annoy_search_radius(
	index regclass,
	query text,
	radius double precision,
	search_k integer DEFAULT -1,
	OUT item tid,
	OUT distance double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'annoy_search_radius_text'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 ROWS 100;

--
-- Is a vector within a distance of a query, which is the operator's?
--
-- The planner makes a condition for an index of this, with the operator <<@, whose
-- right-hand argument has query, radius and metric.  A query without a type is text,
-- and read as a value of the vector's type.
--

CREATE FUNCTION annoy_within_support(internal)
	RETURNS internal AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION annoy_within(embedding anyarray, query anycompatiblearray, radius double precision, metric text DEFAULT 'euclidean')
	RETURNS boolean AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_within_support;
CREATE FUNCTION annoy_within(embedding anyarray, query text, radius double precision, metric text DEFAULT 'euclidean')
	RETURNS boolean AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_within_support;
CREATE FUNCTION annoy_within(embedding bit, query bit, radius double precision, metric text DEFAULT 'hamming')
	RETURNS boolean AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_within_support;
CREATE FUNCTION annoy_within(embedding bit, query text, radius double precision, metric text DEFAULT 'hamming')
	RETURNS boolean AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_within_support;

CREATE FUNCTION annoy_within(real[], record)
	RETURNS boolean AS 'MODULE_PATHNAME', 'annoy_within_record' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
CREATE FUNCTION annoy_within(double precision[], record)
	RETURNS boolean AS 'MODULE_PATHNAME', 'annoy_within_record' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
CREATE FUNCTION annoy_within(bit, record)
	RETURNS boolean AS 'MODULE_PATHNAME', 'annoy_within_record' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;

CREATE OPERATOR <<@ (LEFTARG = real[], RIGHTARG = record, FUNCTION = annoy_within, RESTRICT = areasel);
CREATE OPERATOR <<@ (LEFTARG = double precision[], RIGHTARG = record, FUNCTION = annoy_within, RESTRICT = areasel);
CREATE OPERATOR <<@ (LEFTARG = bit, RIGHTARG = record, FUNCTION = annoy_within, RESTRICT = areasel);

ALTER OPERATOR FAMILY real_l2_ops USING annoy ADD OPERATOR 3 <<@ (real[], record);
ALTER OPERATOR FAMILY real_cosine_ops USING annoy ADD OPERATOR 3 <<@ (real[], record);
ALTER OPERATOR FAMILY real_ip_ops USING annoy ADD OPERATOR 3 <<@ (real[], record);
ALTER OPERATOR FAMILY real_l1_ops USING annoy ADD OPERATOR 3 <<@ (real[], record);
ALTER OPERATOR FAMILY real_hamming_ops USING annoy ADD OPERATOR 3 <<@ (real[], record);
ALTER OPERATOR FAMILY double_l2_ops USING annoy ADD OPERATOR 3 <<@ (double precision[], record);
ALTER OPERATOR FAMILY double_cosine_ops USING annoy ADD OPERATOR 3 <<@ (double precision[], record);
ALTER OPERATOR FAMILY double_ip_ops USING annoy ADD OPERATOR 3 <<@ (double precision[], record);
ALTER OPERATOR FAMILY double_l1_ops USING annoy ADD OPERATOR 3 <<@ (double precision[], record);
ALTER OPERATOR FAMILY double_hamming_ops USING annoy ADD OPERATOR 3 <<@ (double precision[], record);
ALTER OPERATOR FAMILY bit_hamming_ops USING annoy ADD OPERATOR 3 <<@ (bit, record);

COMMENT ON FUNCTION annoy_within_support(internal) IS 'planner support for annoy_within';
COMMENT ON FUNCTION annoy_within(anyarray, anycompatiblearray, double precision, text) IS 'is a vector within a distance of another?';
COMMENT ON FUNCTION annoy_within(anyarray, text, double precision, text) IS 'is a vector within a distance of another, which is given as text?';
COMMENT ON FUNCTION annoy_within(bit, bit, double precision, text) IS 'is a bit string within a distance of another?';
COMMENT ON FUNCTION annoy_within(bit, text, double precision, text) IS 'is a bit string within a distance of another, which is given as text?';
COMMENT ON OPERATOR <<@ (real[], record) IS 'what an index is asked for annoy_within';
COMMENT ON OPERATOR <<@ (double precision[], record) IS 'what an index is asked for annoy_within';
COMMENT ON OPERATOR <<@ (bit, record) IS 'what an index is asked for annoy_within';

CREATE FUNCTION annoy_any_support(internal)
	RETURNS internal AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION annoy_any(value anycompatible, "values" anycompatiblearray)
	RETURNS boolean AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT annoy_any_support;

COMMENT ON FUNCTION annoy_any_support(internal) IS 'planner support for annoy_any';
COMMENT ON FUNCTION annoy_any(anycompatible, anycompatiblearray) IS 'is a value one of an array''s?';

--
-- Files of the Annoy library
--

CREATE FUNCTION annoy_import_items(
	filename text,
	metric text,
	f integer,
	OUT item bigint,
	OUT vector real[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION annoy_import_bytes(
	file bytea,
	metric text,
	f integer,
	OUT item bigint,
	OUT vector real[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

CREATE FUNCTION annoy_export(
	index regclass,
	item_column name,
	filename text,
	n_trees integer DEFAULT 10,
	layout text DEFAULT 'annoy')
	RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

CREATE FUNCTION annoy_export_bytes(
	index regclass,
	item_column name,
	n_trees integer DEFAULT 10,
	layout text DEFAULT 'annoy')
	RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000000;

--
-- An index as one value
--

CREATE FUNCTION annoy_serialize(index regclass, item_column name DEFAULT NULL, n_trees integer DEFAULT 10)
	RETURNS bytea AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000;
CREATE FUNCTION annoy_deserialize(value bytea, OUT item bigint, OUT vector real[])
	RETURNS SETOF record AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION annoy_state(index regclass, item_column name DEFAULT NULL, n_trees integer DEFAULT 10)
	RETURNS jsonb AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000;
CREATE FUNCTION annoy_restore(state jsonb, table_name text, index_name text DEFAULT NULL)
	RETURNS regclass AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION annoy_restore_bytes(value bytea, table_name text, index_name text DEFAULT NULL)
	RETURNS regclass AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION annoy_import_items(text, text, integer) IS 'items of a file of the Annoy library';
COMMENT ON FUNCTION annoy_export(regclass, name, text, integer, text) IS 'write a file that the Annoy library can load';
COMMENT ON FUNCTION annoy_import_bytes(bytea, text, integer) IS 'items of what a file of the Annoy library has';
COMMENT ON FUNCTION annoy_export_bytes(regclass, name, integer, text) IS 'what a file has that the Annoy library can load';
COMMENT ON FUNCTION annoy_serialize(regclass, name, integer) IS 'an annoy index as one value';
COMMENT ON FUNCTION annoy_deserialize(bytea) IS 'items of an annoy index that is one value';
COMMENT ON FUNCTION annoy_state(regclass, name, integer) IS 'an annoy index as JSON';
COMMENT ON FUNCTION annoy_restore(jsonb, text, text) IS 'create a table and an annoy index from JSON';
COMMENT ON FUNCTION annoy_restore_bytes(bytea, text, text) IS 'create a table and an annoy index from one value';

--
-- Comments
--

COMMENT ON ACCESS METHOD annoy IS 'approximate nearest-neighbour index access method';
COMMENT ON FUNCTION annoyhandler(internal) IS 'annoy index access method handler';
COMMENT ON FUNCTION annoy_index_info(regclass) IS 'metric, shape and size of an annoy index';
COMMENT ON FUNCTION annoy_last_scan() IS 'what the last scan of an annoy index in this session did';
COMMENT ON FUNCTION annoy_index_check(regclass, boolean) IS 'raise an error if an annoy index is corrupted';
COMMENT ON FUNCTION annoy_recall(regclass, integer, integer, integer) IS 'recall and latency of an annoy index, as measured now';
COMMENT ON FUNCTION annoy_recall(regclass, integer, text, integer) IS 'recall and latency of an annoy index for queries of a table';
COMMENT ON FUNCTION annoy_recall_queries(regclass, integer, integer, integer) IS 'recall and latency of an annoy index, for each of the rows asked';
COMMENT ON FUNCTION annoy_recall_queries(regclass, integer, text, integer) IS 'recall and latency of an annoy index, for each query of a table';
COMMENT ON FUNCTION annoy_recall_curve(regclass) IS 'recall of an annoy index by entries scanned, as measured when it was built or calibrated';
COMMENT ON FUNCTION annoy_calibrate(regclass, regclass) IS 'measure the recall curve of an annoy index anew';
COMMENT ON FUNCTION annoy_simd_paths() IS 'values of annoy.simd that this machine supports';
COMMENT ON FUNCTION annoy_simd_check(regclass) IS 'raise an error if they do not compute the same from an annoy index';
COMMENT ON FUNCTION annoy_metric(text) IS 'the name that Annoy has for a metric, given any name that it takes';
COMMENT ON FUNCTION annoy_distance(text, anyarray, anycompatiblearray) IS 'the distance that Annoy returns for a metric';
COMMENT ON FUNCTION annoy_distance(text, bit, bit) IS 'the distance that Annoy returns for a metric';
COMMENT ON FUNCTION annoy_distance_support(internal) IS 'planner support for distances';
COMMENT ON FUNCTION annoy_nns_support(internal) IS 'planner support for annoy_get_nns_by_vector, annoy_get_nns_by_item and annoy_knn_graph';
COMMENT ON FUNCTION annoy_get_nns_by_vector(regclass, anyarray, integer, integer) IS 'nearest rows of a vector, with the distances that Annoy returns';
COMMENT ON FUNCTION annoy_get_nns_by_vector(regclass, bit, integer, integer) IS 'nearest rows of a bit string, with the distances that Annoy returns';
COMMENT ON FUNCTION annoy_get_nns_by_vector(regclass, text, integer, integer) IS 'nearest rows of a vector or bit string given as text, with the distances that Annoy returns';
COMMENT ON FUNCTION annoy_get_nns_by_item(regclass, tid, integer, integer) IS 'nearest rows of a row, with the distances that Annoy returns';
COMMENT ON FUNCTION annoy_search_radius(regclass, anyarray, double precision, integer) IS 'rows within a distance of a vector, with the distances that the operator returns';
COMMENT ON FUNCTION annoy_search_radius(regclass, bit, double precision, integer) IS 'rows within a distance of a bit string, with the distances that the operator returns';
COMMENT ON FUNCTION annoy_search_radius(regclass, text, double precision, integer) IS 'rows within a distance of a vector or bit string given as text, with the distances that the operator returns';
COMMENT ON FUNCTION annoy_knn_graph(regclass, integer) IS 'nearest other rows of each row, with the distances that Annoy returns';
COMMENT ON FUNCTION annoy_get_item(regclass, tid) IS 'vector of a row as an annoy index stores it';
COMMENT ON FUNCTION annoy_get_item(regclass, tid, anyelement) IS 'vector of a row as an annoy index stores it, as a value of a given type';
COMMENT ON FUNCTION annoy_get_distance(regclass, tid, tid) IS 'distance of two rows, as Annoy returns it';
COMMENT ON FUNCTION annoy_index_params(regclass) IS 'parameters of an annoy index';
COMMENT ON FUNCTION annoy_repr(regclass) IS 'an annoy index in one line';
COMMENT ON FUNCTION annoy_set_params(regclass, jsonb) IS 'change storage parameters of an annoy index';
COMMENT ON FUNCTION annoy_clone_index(regclass, text, jsonb) IS 'create an index like another, with changed parameters';
COMMENT ON FUNCTION annoy_prewarm(regclass, text) IS 'read an annoy index into shared buffers';
COMMENT ON OPERATOR <-> (real[], real[]) IS 'Euclidean distance';
COMMENT ON OPERATOR <=> (real[], real[]) IS 'cosine distance';
COMMENT ON OPERATOR <#> (real[], real[]) IS 'negative inner product';
COMMENT ON OPERATOR <+> (real[], real[]) IS 'Manhattan distance';
COMMENT ON OPERATOR <~> (real[], real[]) IS 'Hamming distance of the components greater than 0.5';
COMMENT ON OPERATOR <-> (double precision[], double precision[]) IS 'Euclidean distance';
COMMENT ON OPERATOR <=> (double precision[], double precision[]) IS 'cosine distance';
COMMENT ON OPERATOR <#> (double precision[], double precision[]) IS 'negative inner product';
COMMENT ON OPERATOR <+> (double precision[], double precision[]) IS 'Manhattan distance';
COMMENT ON OPERATOR <~> (double precision[], double precision[]) IS 'Hamming distance of the components greater than 0.5';
COMMENT ON OPERATOR <~~> (bit, bit) IS 'Hamming distance of bit strings';
COMMENT ON FUNCTION annoy_angular_distance(real[], real[]) IS 'Euclidean distance of the normalized vectors';
COMMENT ON FUNCTION annoy_inner_product(real[], real[]) IS 'inner product';
COMMENT ON FUNCTION annoy_norm(real[]) IS 'Euclidean norm';
COMMENT ON FUNCTION annoy_normalize(real[]) IS 'vector of norm 1 in the same direction';
COMMENT ON FUNCTION annoy_dims(real[]) IS 'number of dimensions';
COMMENT ON FUNCTION annoy_angular_distance(double precision[], double precision[]) IS 'Euclidean distance of the normalized vectors';
COMMENT ON FUNCTION annoy_inner_product(double precision[], double precision[]) IS 'inner product';
COMMENT ON FUNCTION annoy_norm(double precision[]) IS 'Euclidean norm';
COMMENT ON FUNCTION annoy_normalize(double precision[]) IS 'vector of norm 1 in the same direction';
COMMENT ON FUNCTION annoy_dims(double precision[]) IS 'number of dimensions';
COMMENT ON FUNCTION annoy_dims(bit) IS 'number of dimensions';
COMMENT ON OPERATOR CLASS real_l2_ops USING annoy IS 'nearest by <->, Euclidean distance';
COMMENT ON OPERATOR CLASS real_cosine_ops USING annoy IS 'nearest by <=>, cosine distance';
COMMENT ON OPERATOR CLASS real_ip_ops USING annoy IS 'nearest by <#>, negative inner product';
COMMENT ON OPERATOR CLASS real_l1_ops USING annoy IS 'nearest by <+>, Manhattan distance';
COMMENT ON OPERATOR CLASS real_hamming_ops USING annoy IS 'nearest by <~>, Hamming distance of the components greater than 0.5';
COMMENT ON OPERATOR CLASS double_l2_ops USING annoy IS 'nearest by <->, Euclidean distance';
COMMENT ON OPERATOR CLASS double_cosine_ops USING annoy IS 'nearest by <=>, cosine distance';
COMMENT ON OPERATOR CLASS double_ip_ops USING annoy IS 'nearest by <#>, negative inner product';
COMMENT ON OPERATOR CLASS double_l1_ops USING annoy IS 'nearest by <+>, Manhattan distance';
COMMENT ON OPERATOR CLASS double_hamming_ops USING annoy IS 'nearest by <~>, Hamming distance of the components greater than 0.5';
COMMENT ON OPERATOR CLASS bit_hamming_ops USING annoy IS 'nearest by <~~>, Hamming distance of bit strings';
COMMENT ON OPERATOR CLASS int2_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS int4_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS int8_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS float4_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS float8_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS numeric_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS text_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS bool_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS date_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS timestamp_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS timestamptz_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS uuid_ops USING annoy IS 'conditions with < <= = >= > on a further column';
COMMENT ON OPERATOR CLASS array_ops USING annoy IS 'conditions with && @> <@ = on a further column';
