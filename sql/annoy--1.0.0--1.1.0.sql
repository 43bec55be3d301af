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
	OUT rounds bigint,
	OUT inner_nodes bigint,
	OUT leaves bigint,
	OUT entries bigint,
	OUT items bigint,
	OUT rows bigint,
	OUT ended text,
	OUT drained boolean,
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

-- What values of another type look like: see docs/reference.md

CREATE FUNCTION annoy_vector_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION annoy_halfvec_layout()
	RETURNS integer AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
