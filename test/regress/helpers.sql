-- Functions that several tests use, created in the test's own schema: setup.sql
-- reads this file.

-- The j-th pseudo-random number that belongs to i, from 0 to 1.
CREATE FUNCTION number(i bigint, j bigint) RETURNS double precision
IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
	$$ SELECT (hashint8extended(i, j) & 1048575) / 1048576.0::double precision $$;

-- The i-th pseudo-random vector, which is in one of 20 clusters.
CREATE FUNCTION vec(i integer, dims integer) RETURNS double precision[]
IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
	$$ SELECT array_agg(2 * number(i % 20, j) + number(1000 + i, j) - 1 ORDER BY j)
		FROM generate_series(1, dims) j $$;

-- The i-th vector without any structure, which is hard to find.
CREATE FUNCTION hard(i integer, dims integer) RETURNS real[] LANGUAGE sql AS
	$$ SELECT array_agg(number(i, j)::real ORDER BY j) FROM generate_series(1, dims) j $$;

-- The i-th pseudo-random bit string: 0s and 1s in the places where the vector
-- is negative or not.
CREATE FUNCTION bitvec(i integer, dims integer) RETURNS bit varying
IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
	$$ SELECT string_agg(CASE WHEN x < 0 THEN '0' ELSE '1' END, '' ORDER BY n)::bit varying
		FROM unnest(vec(i, dims)) WITH ORDINALITY u (x, n) $$;

-- The part of a plan that says how a table is scanned.  What a subquery returns is
-- $0, its name before version 17.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		line := regexp_replace(line, '^[ ]*(->[ ]*)?', '');
		line := regexp_replace(line, '\(InitPlan (expr_)?1\)\.col1', '$0');
		IF line ~ ' Scan| By: |Filter: |^Sort$|^Incremental Sort$|^Merge Append$' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;

-- Read all of a table (which has columns id and v) in the order of an index,
-- and say what is wrong with that.  Rows that are late, nearer than one before
-- them or behind a NULL, should all be at the end, and there in order.
CREATE FUNCTION full_scan(tab regclass, operator text, query text) RETURNS text
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off SET jit = off AS $$
DECLARE
	scan text := format('SELECT id, v %s %s AS d FROM %s ORDER BY v %1$s %2$s',
						operator, query, tab);
	found record;
BEGIN
	IF NOT EXISTS (SELECT FROM plan(scan) p WHERE p LIKE 'Index Scan using %')
		OR EXISTS (SELECT FROM plan(scan) p WHERE p LIKE '%Sort') THEN
		RETURN 'not an index scan';
	END IF;
	EXECUTE format($query$
		WITH scanned AS MATERIALIZED (%s),
		numbered AS (
			SELECT id, d, row_number() OVER () AS n, lag(d) OVER () AS before
			FROM scanned),
		judged AS (
			SELECT *, d IS NOT NULL AND coalesce(d < max(d) OVER preceding, false)
				OR d IS NOT NULL AND coalesce(bool_or(d IS NULL) OVER preceding, false) AS late
			FROM numbered
			WINDOW preceding AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
		ended AS (
			SELECT *, late AND lag(late) OVER (ORDER BY n) AS later FROM judged)
		SELECT count(*) AS rows, count(DISTINCT id) AS different,
			(SELECT count(*) FROM %s t WHERE NOT EXISTS (SELECT FROM scanned s WHERE s.id = t.id)) AS missing,
			count(*) FILTER (WHERE d < before) AS inversions,
			count(*) FILTER (WHERE late) AS late,
			coalesce(max(n) FILTER (WHERE NOT late) < min(n) FILTER (WHERE late), true)
				AND count(*) FILTER (WHERE later AND d < before) = 0 AS late_at_end,
			coalesce(max(n) FILTER (WHERE d IS NOT NULL)
				> min(n) FILTER (WHERE d IS NULL), false) AS early_nulls
		FROM ended $query$, scan, tab) INTO found;
	RETURN concat_ws(', ', found.rows || ' rows',
		nullif(found.missing, 0) || ' missing',
		nullif(found.rows - found.different, 0) || ' twice',
		CASE WHEN found.late = 0 THEN 'in order'
			WHEN found.late_at_end THEN 'in order, ' || found.late || ' late'
			ELSE found.inversions || ' not in order' END,
		CASE WHEN found.early_nulls AND NOT found.late_at_end THEN 'NULL before others' END);
END $$;

-- The part of the k nearest neighbours that an index scan finds, over some
-- queries: a row is right if it is no farther than the k-th nearest.
CREATE FUNCTION recall(tab regclass, operator text, queries text[], k integer)
RETURNS numeric LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
	query text;
	wanted integer := 0;
	found integer := 0;
	right_ones integer;
	exact_ones integer;
BEGIN
	FOREACH query IN ARRAY queries LOOP
		EXECUTE format($query$
			WITH exact AS MATERIALIZED (
				SELECT (v %1$s %2$s) + 0 AS d FROM %3$s ORDER BY 1 LIMIT %4$s),
			near AS MATERIALIZED (
				SELECT v %1$s %2$s AS d FROM %3$s ORDER BY v %1$s %2$s LIMIT %4$s)
			SELECT (SELECT count(*) FROM near WHERE d <= (SELECT max(d) FROM exact)),
				(SELECT count(*) FROM exact)
			$query$, operator, query, tab, k) INTO right_ones, exact_ones;
		found := found + right_ones;
		wanted := wanted + exact_ones;
	END LOOP;
	RETURN round(found::numeric / wanted, 3);
END $$;

-- Run a query that fails, and return how.
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif(detail, ''), nullif(hint, ''));
END $$;
