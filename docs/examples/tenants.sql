/*
 * One table for many tenants: the tenant is a column of the index, and row security is what
 * keeps them apart.
 */
CREATE EXTENSION annoy;

CREATE TABLE notes (
	id integer PRIMARY KEY,
	tenant integer NOT NULL,
	labels text[] NOT NULL,
	embedding real[] NOT NULL);
INSERT INTO notes
	SELECT id, id % 100, ARRAY['l' || id % 3, 'l' || id % 7], (SELECT array_agg(sin(id * n * n) ORDER BY n) FROM generate_series(1, 24) AS n)
	FROM generate_series(1, 5000) AS id;

/* Conditions on the columns behind the vector are tested in the index. */
CREATE INDEX notes_embedding ON notes USING annoy (embedding real_cosine_ops, tenant, labels);
ANALYZE notes;

/*
 * The policy is a condition like any other: = on an integer may be tested before
 * all conditions of the query, and in the index.
 */
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('notes.tenant')::integer);
CREATE ROLE notes_app;
GRANT SELECT, INSERT ON notes TO notes_app;

/*
 * What the application does for each request.  SET LOCAL ends with the transaction, so a
 * pooler may give the connection to somebody else.
 */
BEGIN;
SET LOCAL ROLE notes_app;
SET LOCAL notes.tenant = 42;
SELECT count(*), bool_and(tenant = 42) AS own FROM (
	SELECT tenant FROM notes ORDER BY embedding <=> (SELECT embedding FROM notes WHERE id = 142) LIMIT 10) AS nearest;
-- 10 | t
COMMIT;

/*
 * The index tests the policy.  Of other conditions, it tests those whose operators are
 * "leakproof", that is, could tell nobody what is in rows that the policy hides: comparisons
 * of numbers, times and uuid, but not of arrays.  The others are tested by the executor.
 */
BEGIN;
SET LOCAL ROLE notes_app;
SET LOCAL notes.tenant = 42;
EXPLAIN (COSTS OFF) SELECT id FROM notes WHERE labels @> '{l1}'
	ORDER BY embedding <=> array_fill(1::real, ARRAY[24]) LIMIT 10;
-- Limit
--   ->  Index Scan using notes_embedding on notes
--         Index Cond: (tenant = (current_setting('notes.tenant'::text))::integer)
--         Order By: (embedding <=> '{1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1}'::real[])
--         Filter: (labels @> '{l1}'::text[])
COMMIT;

/*
 * Functions that read an index past the executor (annoy_get_nns_by_vector and the like) refuse
 * a table with row security to whom it applies: ORDER BY is for applications.
 */
BEGIN;
SET LOCAL ROLE notes_app;
SET LOCAL notes.tenant = 7;
SELECT count(*) FROM notes;
-- 50
COMMIT;
REVOKE ALL ON notes FROM notes_app;
DROP ROLE notes_app;
