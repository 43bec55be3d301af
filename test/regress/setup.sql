\set ECHO none
-- What a test begins with: the extension, a schema of its own and the functions of
-- helpers.sql in it.  JIT compilation would only take time.
--
--	\set schema annoy_NAME
--	\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`
--
-- The test drops its schema at the end.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS annoy;
RESET client_min_messages;
CREATE SCHEMA :schema;
SET search_path = :schema, public;
SET jit = off;
\ir helpers.sql
\set ECHO all
