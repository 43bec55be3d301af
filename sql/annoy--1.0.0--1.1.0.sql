/* sql/annoy--1.0.0--1.1.0.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION annoy UPDATE TO '1.1.0'" to load this file. \quit

-- These return other columns: none says what another one does, and each has the
-- name that its subject has everywhere.

DROP FUNCTION annoy_index_info(regclass);
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
COMMENT ON FUNCTION annoy_index_info(regclass) IS 'metric, shape and size of an annoy index';

DROP FUNCTION annoy_last_scan();
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
COMMENT ON FUNCTION annoy_last_scan() IS 'what the last scan of an annoy index in this session did';

-- What reads an index is not for parallel workers, which have no temporary ones.

ALTER FUNCTION annoy_recall_curve(regclass) PARALLEL RESTRICTED;
ALTER FUNCTION annoy_simd_check(regclass) PARALLEL RESTRICTED;

-- What is asked of an item that there is not, is an error.

ALTER FUNCTION annoy_get_item(regclass, tid) CALLED ON NULL INPUT;
ALTER FUNCTION annoy_get_distance(regclass, tid, tid) CALLED ON NULL INPUT;

-- The functions of a trusted extension are a superuser's, so that the database's
-- owner could not let himself do it.

GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO pg_database_owner WITH GRANT OPTION;

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
COMMENT ON FUNCTION annoy_recall(regclass, integer, text, integer) IS 'recall and latency of an annoy index for queries of a table';
COMMENT ON FUNCTION annoy_recall_queries(regclass, integer, integer, integer) IS 'recall and latency of an annoy index, for each of the rows asked';
COMMENT ON FUNCTION annoy_recall_queries(regclass, integer, text, integer) IS 'recall and latency of an annoy index, for each query of a table';

-- What values of another type look like: see docs/reference.md

CREATE FUNCTION annoy_vector_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION annoy_halfvec_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

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

-- Two arrays of numeric or integer, such as ARRAY[1, 2] <-> ARRAY[3, 4], and literals
-- as one argument of a function, which are text, are not ambiguous any more.

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
CREATE FUNCTION annoy_angular_distance(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_angular_distance(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(numeric[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(numeric[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(integer[], numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_inner_product(integer[], integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 SUPPORT annoy_distance_support;
CREATE FUNCTION annoy_norm(numeric[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_norm(integer[])
	RETURNS double precision AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION annoy_normalize(numeric[])
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_normalize(integer[])
	RETURNS double precision[] AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
CREATE FUNCTION annoy_dims(numeric[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION annoy_dims(integer[])
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

-- The planner knows how many rows a graph has.
ALTER FUNCTION annoy_knn_graph(regclass, integer) SUPPORT annoy_nns_support;
COMMENT ON FUNCTION annoy_nns_support(internal) IS 'planner support for annoy_get_nns_by_vector, annoy_get_nns_by_item and annoy_knn_graph';

--
-- Files of the Annoy library
--

CREATE FUNCTION annoy_import_bytes(
	file bytea,
	metric text,
	f integer,
	OUT item bigint,
	OUT vector real[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

DROP FUNCTION annoy_export(regclass, name, text, integer);
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

COMMENT ON FUNCTION annoy_export(regclass, name, text, integer, text) IS 'write a file that the Annoy library can load';
COMMENT ON FUNCTION annoy_import_bytes(bytea, text, integer) IS 'items of what a file of the Annoy library has';
COMMENT ON FUNCTION annoy_export_bytes(regclass, name, integer, text) IS 'what a file has that the Annoy library can load';
COMMENT ON FUNCTION annoy_serialize(regclass, name, integer) IS 'an annoy index as one value';
COMMENT ON FUNCTION annoy_deserialize(bytea) IS 'items of an annoy index that is one value';
COMMENT ON FUNCTION annoy_state(regclass, name, integer) IS 'an annoy index as JSON';
COMMENT ON FUNCTION annoy_restore(jsonb, text, text) IS 'create a table and an annoy index from JSON';
COMMENT ON FUNCTION annoy_restore_bytes(bytea, text, text) IS 'create a table and an annoy index from one value';
