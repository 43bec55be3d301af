/* sql/annoy--1.0.0--1.1.0.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION annoy UPDATE TO '1.1.0'" to load this file. \quit

-- These return other columns: none says what another one does, and each has the
-- name that its subject has everywhere.

DROP FUNCTION annoy_index_info(regclass);
CREATE FUNCTION annoy_index_info(
	index regclass,
	OUT metric text,
	OUT type regtype,
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
	OUT seed bigint,
	OUT format_version integer,
	OUT item_bytes bigint,
	OUT tree_bytes bigint)
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
