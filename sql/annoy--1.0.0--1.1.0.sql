/* sql/annoy--1.0.0--1.1.0.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION annoy UPDATE TO '1.1.0'" to load this file. \quit

-- What reads an index is not for parallel workers, which have no temporary ones.

ALTER FUNCTION annoy_index_info(regclass) PARALLEL RESTRICTED;
ALTER FUNCTION annoy_recall_curve(regclass) PARALLEL RESTRICTED;
ALTER FUNCTION annoy_simd_check(regclass) PARALLEL RESTRICTED;

-- The functions of a trusted extension are a superuser's, so that the database's
-- owner could not let himself do it.

GRANT EXECUTE ON FUNCTION annoy_index_check(regclass, boolean) TO pg_database_owner WITH GRANT OPTION;
