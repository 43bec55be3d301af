--
-- Operators and functions on vectors
--
\set schema annoy_operators
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

--
-- All operators on all pairs of types
--
\set operators 'pg_typeof(x) AS x, pg_typeof(y) AS y, x <-> y AS l2, x <=> y AS cosine, x <#> y AS ip, x <+> y AS l1, x <~> y AS hamming'
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::real[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::double precision[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::numeric[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::integer[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::smallint[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::real[] AS x, '{4,3,0}'::bigint[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::real[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::double precision[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::numeric[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::integer[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::smallint[] AS y) v
UNION ALL
SELECT :operators FROM (SELECT '{0,4,3}'::double precision[] AS x, '{4,3,0}'::bigint[] AS y) v;

-- The functions of the same meaning
SELECT annoy_l2_distance(x, y) AS l2, annoy_cosine_distance(x, y) AS cosine,
	annoy_negative_inner_product(x, y) AS ip, annoy_l1_distance(x, y) AS l1,
	annoy_hamming_distance(x, y) AS hamming
FROM (VALUES ('{0,4,3}'::real[], '{4,3,0}'::double precision[])) v (x, y);

-- No other type of result, and nothing that a planner could not use freely
SELECT DISTINCT oprname, oprresult::regtype, count(*)
FROM pg_operator JOIN pg_proc p ON p.oid = oprcode
WHERE proname LIKE 'annoy\_%'
GROUP BY 1, 2 ORDER BY 1;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE proname LIKE 'annoy\_%' AND proname !~ '^annoy_(index|recall|calibrate|last_scan|simd|get|knn|nns|repr|set|clone|prewarm|import|export|search|serialize|state|restore)'
	AND NOT (provolatile = 'i' AND proisstrict AND proparallel = 's')
ORDER BY 1;

-- Commutators exist wherever both orders of the arguments do.
SELECT o.oid::regoperator, o.oprcom::regoperator
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE proname LIKE 'annoy\_%' AND o.oprcom <> (
	SELECT coalesce(max(c.oid::int8), 0)::oid FROM pg_operator c
	WHERE c.oprname = o.oprname AND c.oprleft = o.oprright AND c.oprright = o.oprleft
		AND c.oprcode IN (SELECT oid FROM pg_proc WHERE proname = p.proname));

--
-- Constants of various types resolve to an operator
--
CREATE TABLE vectors (r real[], d double precision[]);
INSERT INTO vectors VALUES ('{1,2}', '{1,2}');
SELECT r <-> '{4,6}' AS literal, r <-> ARRAY[4, 6] AS integers,
	r <-> ARRAY[4.0, 6.0] AS numerics, r <-> ARRAY[4, 6.0] AS mixed,
	r <-> ARRAY[4, 6e0] AS exponent, r <-> ARRAY[4, 3000000000] > 1e9 AS bigints,
	r <-> d AS col
FROM vectors;
SELECT d <-> '{4,6}' AS literal, d <-> ARRAY[4, 6] AS integers,
	d <-> ARRAY[4.0, 6.0] AS numerics, d <-> ARRAY[4, 6.0] AS mixed,
	d <-> ARRAY[4, 6e0] AS exponent, d <-> ARRAY[4, 3000000000] > 1e9 AS bigints,
	d <-> r AS col
FROM vectors;
SELECT '{4,6}' <-> r AS r, '{4,6}' <-> d AS d FROM vectors;
-- neither side a vector
SELECT ARRAY[1, 2] <-> ARRAY[4, 6] AS integers, ARRAY[1.0, 2.0] <-> ARRAY[4.0, 6.0] AS numerics,
	ARRAY[1, 2] <-> ARRAY[4.0, 6.0] AS mixed, ARRAY[1.0, 2.0] <-> ARRAY[4, 6] AS mixed,
	ARRAY[1, 2] <-> '{4,6}' AS literal, ARRAY[0, 3] <=> ARRAY[4, 4.0] AS cosine, ARRAY[1, 2] <#> ARRAY[4, 6] AS ip,
	ARRAY[1.5, 2] <+> ARRAY[4.0, 6] AS l1, ARRAY[1, 0] <~> ARRAY[0, 0] AS hamming;
-- functions, which take literals as text
SELECT annoy_l2_distance(r, '{4.1,6}') = r <-> '{4.1,6}' AS l2, annoy_cosine_distance(r, '{4.1,6}') = r <=> '{4.1,6}' AS cosine,
	annoy_negative_inner_product(r, '{4.1,6}') = r <#> '{4.1,6}' AS ip, annoy_l1_distance(r, '{4.1,6}') = r <+> '{4.1,6}' AS l1,
	annoy_hamming_distance(r, '{4.1,0}') = r <~> '{4.1,0}' AS hamming
FROM vectors;
SELECT annoy_l2_distance(d, '{4.1,6}') = d <-> '{4.1,6}' AS l2, annoy_cosine_distance(d, '{4.1,6}') = d <=> '{4.1,6}' AS cosine,
	annoy_negative_inner_product(d, '{4.1,6}') = d <#> '{4.1,6}' AS ip, annoy_l1_distance(d, '{4.1,6}') = d <+> '{4.1,6}' AS l1,
	annoy_hamming_distance(d, '{4.1,0}') = d <~> '{4.1,0}' AS hamming
FROM vectors;
SELECT annoy_l2_distance(r, ARRAY[4, 6]) AS integers, annoy_l2_distance(r, ARRAY[4.0, 6.0]) AS numerics,
	annoy_l2_distance(ARRAY[1, 2], ARRAY[4, 6]) AS both, annoy_inner_product(r, '{4,6}') AS product,
	annoy_angular_distance(r, '{4,6}') = annoy_angular_distance(r, '{4,6}'::real[]) AS angular
FROM vectors;
-- the first argument likewise, in any notation that clients have
SELECT annoy_l2_distance('[4.1,6]', r) = r <-> '{4.1,6}' AS l2, annoy_cosine_distance('{4.1,6}', r) = r <=> '{4.1,6}' AS cosine,
	annoy_negative_inner_product('4.1,6', r) = r <#> '{4.1,6}' AS ip, annoy_l1_distance(' [4.1, 6] ', r) = r <+> '{4.1,6}' AS l1,
	annoy_hamming_distance('{4.1,0}', r) = r <~> '{4.1,0}' AS hamming, annoy_inner_product('{4.1,6}', r) = -(r <#> '{4.1,6}') AS product,
	annoy_angular_distance('{4.1,6}', r) = annoy_angular_distance(r, '{4.1,6}') AS angular
FROM vectors;
SELECT annoy_l2_distance('[4.1,6]', d) = d <-> '{4.1,6}' AS l2, annoy_cosine_distance('{4.1,6}', d) = d <=> '{4.1,6}' AS cosine,
	annoy_negative_inner_product('4.1,6', d) = d <#> '{4.1,6}' AS ip, annoy_l1_distance(' [4.1, 6] ', d) = d <+> '{4.1,6}' AS l1,
	annoy_hamming_distance('{4.1,0}', d) = d <~> '{4.1,0}' AS hamming, annoy_l2_distance(t, d) = annoy_l2_distance(d, t) AS "varchar"
FROM vectors, CAST('{4.1,6}' AS varchar) t;
SELECT annoy_hamming_distance('101', B'111') AS bits, annoy_hamming_distance(B'101', '111') AS bits;
-- nothing tells the type
SELECT call, left(failure('SELECT ' || call), 5) FROM unnest(ARRAY[$$annoy_l2_distance('{1,2}', '{4,6}')$$,
	$$annoy_l2_distance('{1,2}', ARRAY[4, 6])$$, $$annoy_l2_distance(ARRAY[4, 6], '{1,2}')$$]) call;
-- text that changes from row to row, and what is no vector
SELECT t, annoy_l2_distance(r, t) FROM vectors, (VALUES (1, '{4,6}'), (2, '{4,6}'), (3, '{4,5}'), (4, NULL), (5, '{4,6}')) v (n, t) ORDER BY n;
SELECT t, left(failure(format('SELECT annoy_l2_distance(r, %L) FROM vectors', t)), 5) AS state
FROM unnest('{"{4,6","{4,x}","{4,NULL}","{4,6,8}","{}","[1,2","[[1,2]]","{4,NaN}"}'::text[]) t;
PREPARE by_real AS SELECT r <-> $1 FROM vectors;
PREPARE by_double AS SELECT d <-> $1 FROM vectors;
PREPARE by_function AS SELECT annoy_l2_distance(d, $1) FROM vectors;
PREPARE by_function_left AS SELECT annoy_l2_distance($1, d) FROM vectors;
EXECUTE by_real('{4,6}');
EXECUTE by_double('{4,6}');
EXECUTE by_function('{4,6}');
EXECUTE by_function_left('[4,6]');
SELECT name, parameter_types FROM pg_prepared_statements ORDER BY 1;
DEALLOCATE ALL;

-- Domains, other lower bounds, null bitmaps without nulls
CREATE DOMAIN embedding AS real[] CHECK (annoy_dims(VALUE) = 2);
SELECT failure(format('SELECT %L::embedding', v)) FROM unnest('{"{1,2,3}","{{1,2}}","{}"}'::text[]) v;
SELECT NULL::embedding, embedding '[0:1]={1,2}';
SELECT embedding '{1,2}' <-> '{4,6}' AS literal,
	embedding '{1,2}' <-> embedding '{4,6}' AS both,
	embedding '{1,2}' <-> ARRAY[4, 6] AS integers;
SELECT '[0:1]={1,2}'::real[] <-> '[7:8]={4,6}' AS bounds;
INSERT INTO vectors VALUES ('{1,NULL}', '{1,NULL}');
UPDATE vectors SET r[2] = 2, d[2] = 2 WHERE r[2] IS NULL;
SELECT pg_column_size(r) AS size, r <-> '{4,6}' AS r, d <-> '{4,6}' AS d,
	r <-> d AS both
FROM vectors;

-- The components count, not the types: a real is not the decimal number.
SELECT '{0.1}'::real[] <-> '{0.1}'::real[] AS real,
	'{0.1}'::real[] <-> '{0.1}'::double precision[] AS double,
	'{0.1}'::real[] <-> '{0.1}'::numeric[] AS "numeric",
	'{0.1}'::double precision[] <-> '{0.1}'::numeric[] AS exact;

-- Numeric arguments that change from row to row
SELECT r <-> n AS distance
FROM (VALUES ('{1,2}'::real[])) v (r),
	(VALUES (ARRAY[4.0, 6.0]), (ARRAY[4.0, 6.0]), (ARRAY[1.0, 3.5]),
			(ARRAY[1.0, 3.50]), (NULL), (ARRAY[4.0, 6.0])) w (n);

-- Null is null.
SELECT r <-> NULL::real[] AS r, NULL::real[] <=> d AS d, annoy_norm(NULL::real[]) AS norm,
	NULL::bit <~~> B'1' AS bit
FROM vectors LIMIT 1;

--
-- Special vectors
--
-- zero
SELECT z <-> z AS l2, z <-> x AS l2, z <=> z AS cosine, z <=> x AS cosine,
	z <#> x AS ip, z <+> x AS l1, z <~> x AS hamming,
	annoy_angular_distance(z, x) AS angular, annoy_angular_distance(z, z) AS angular
FROM (VALUES ('{0,0}'::real[], '{3,4}'::real[])) v (z, x);
SELECT z <-> z AS l2, z <-> x AS l2, z <=> z AS cosine, z <=> x AS cosine,
	z <#> x AS ip, z <+> x AS l1, z <~> x AS hamming,
	annoy_angular_distance(z, x) AS angular, annoy_angular_distance(z, z) AS angular
FROM (VALUES ('{0,-0}'::double precision[], '{3,4}'::double precision[])) v (z, x);

-- opposite, parallel, orthogonal
SELECT x <=> y AS cosine, annoy_angular_distance(x, y) AS angular
FROM (VALUES ('{3,4}'::real[], '{-3,-4}'::real[]), ('{3,4}', '{6,8}'), ('{3,4}', '{-4,3}')) v (x, y);

-- identical: exactly 0, and never negative
SELECT count(*) FILTER (WHERE x <-> x <> 0) AS l2, count(*) FILTER (WHERE x <+> x <> 0) AS l1,
	count(*) FILTER (WHERE x <=> x <> 0) AS cosine,
	count(*) FILTER (WHERE x <=> y < 0) AS negative,
	count(*) FILTER (WHERE x <=> y > 1e-13) AS parallel
FROM (SELECT array_agg(sin(i * n)::real ORDER BY i) AS x,
		array_agg(3 * sin(i * n)::real ORDER BY i) AS y
	FROM generate_series(1, 100) n, generate_series(1, n) i GROUP BY n) v;

-- Squares that a float would cancel
SELECT '{0.7125930}'::real[] <-> '{0.7123166}' > 0 AS l2,
	'{0.7125930}'::real[] <=> '{0.7123166}' AS cosine,
	annoy_angular_distance('{0.7125930}'::real[], '{0.7123166}') AS angular,
	'{0.7125930}'::real[] <=> '{-0.7123166}' AS opposite;

-- The largest and the smallest numbers of a float are no problem in a double.
SELECT '{3e38,3e38,3e38,3e38}'::real[] <-> '{-3e38,-3e38,-3e38,-3e38}' AS l2,
	'{3e38,3e38}'::real[] <=> '{3e38,-3e38}' AS cosine,
	'{3e38,3e38}'::real[] <#> '{3e38,3e38}' AS ip,
	'{3e38,3e38}'::real[] <+> '{-3e38,-3e38}' AS l1,
	'{1e-45,0}'::real[] <-> '{0,0}' AS small_l2,
	'{1e-45,1e-45}'::real[] <=> '{1e-45,0}' AS small_cosine;

-- Doubles overflow to infinity only if the result does, and never to NaN.
SELECT x <-> y AS l2, x <=> y AS cosine, x <#> y AS ip, x <+> y AS l1, x <~> y AS hamming
FROM (VALUES ('{1e200,1e200}'::double precision[], '{1e200,-1e200}'::double precision[]),
	('{1e200,1e200}', '{-1e200,-1e200}'), ('{1e200,1e200}', '{1e200,2e200}'),
	('{1e308,1e308}', '{-1e308,-1e308}'), ('{1e308,1e308}', '{1e308,1e308}'),
	('{1e308,0}', '{0,1e308}'), ('{1e-200,0}', '{1e-200,1e-200}'),
	('{1e-300,0}', '{0,0}'), ('{1e300,1e300}', '{1e-300,-1e-300}')) v (x, y);

--
-- Results do not depend on the order or the type of the arguments
--
CREATE TABLE pairs AS
SELECT n, array_agg((10 * sin(i * n))::real ORDER BY i) AS x,
	array_agg((cos(i * (n + 3)))::real ORDER BY i) AS y
FROM generate_series(1, 150) n, generate_series(1, n) i GROUP BY n;
SELECT op, count(*) AS pairs,
	count(*) FILTER (WHERE NOT same) AS different,
	count(*) FILTER (WHERE abs(distance - expected) > 1e-13 * scale) AS inexact
FROM pairs,
	LATERAL (SELECT sum(power(a - b, 2)) AS d2, sum(abs(a - b)) AS d1, sum(a * b) AS ab,
			sum(a * a) AS aa, sum(b * b) AS bb, count(*) FILTER (WHERE (a > 0.5) <> (b > 0.5)) AS h
		FROM unnest(x::double precision[], y::double precision[]) u (a, b)) s,
	LATERAL (VALUES
		('l2', x <-> y, sqrt(d2), sqrt(d2),
			x <-> y = ALL (ARRAY[x <-> y::float8[], x::float8[] <-> y, x::float8[] <-> y::float8[],
				y <-> x, y <-> x::float8[], y::float8[] <-> x, y::float8[] <-> x::float8[]])),
		('cosine', x <=> y, 1 - ab / sqrt(aa * bb), 1,
			x <=> y = ALL (ARRAY[x <=> y::float8[], x::float8[] <=> y, x::float8[] <=> y::float8[],
				y <=> x, y <=> x::float8[], y::float8[] <=> x, y::float8[] <=> x::float8[]])),
		('ip', x <#> y, -ab, sqrt(aa * bb),
			x <#> y = ALL (ARRAY[x <#> y::float8[], x::float8[] <#> y, x::float8[] <#> y::float8[],
				y <#> x, y <#> x::float8[], y::float8[] <#> x, y::float8[] <#> x::float8[]])),
		('l1', x <+> y, d1, d1,
			x <+> y = ALL (ARRAY[x <+> y::float8[], x::float8[] <+> y, x::float8[] <+> y::float8[],
				y <+> x, y <+> x::float8[], y::float8[] <+> x, y::float8[] <+> x::float8[]])),
		('hamming', x <~> y, h, h,
			x <~> y = ALL (ARRAY[x <~> y::float8[], x::float8[] <~> y, x::float8[] <~> y::float8[],
				y <~> x, y <~> x::float8[], y::float8[] <~> x, y::float8[] <~> x::float8[]]))
	) v (op, distance, expected, scale, same)
GROUP BY op ORDER BY op;

-- ... nor on how they are stored
CREATE TABLE stored (how text, x real[], d double precision[], b bit varying);
ALTER TABLE stored ALTER x SET STORAGE EXTERNAL, ALTER d SET STORAGE EXTENDED,
	ALTER b SET STORAGE EXTERNAL;
INSERT INTO stored
SELECT n, array_agg(i % 7 ORDER BY i), array_agg(i % 7 ORDER BY i), repeat('1001', n / 4)::varbit
FROM (VALUES (4), (100), (8000)) v (n), generate_series(1, n) i GROUP BY n;
SELECT how, x <-> d AS same, x <+> array_fill(0::real, ARRAY[annoy_dims(x)]) AS l1,
	d <#> x = -annoy_inner_product(x, x) AS product, annoy_dims(d) AS dims,
	b <~~> (~ b) AS bits
FROM stored ORDER BY how::int;

--
-- Hamming: components greater than 0.5 are 1
--
SELECT '{0,0.5,0.50001,1,-1,100}'::real[] <~> '{0,0,0,0,0,0}' AS r,
	'{0,0.5,0.50000000001,1,-1,100}'::double precision[] <~> '{0,0,0,0,0,0}' AS d,
	'{0,1,0,1}'::real[] <~> ARRAY[1, 1, 1, 1] AS i;

-- Bit strings
CREATE TABLE bits (b bit(12), v bit varying);
INSERT INTO bits VALUES ('101010101010', '101010101010'), ('000000000001', '000000000001');
SELECT b <~~> '111111111111' AS b, v <~~> '111111111111' AS v, b <~~> v AS both,
	v <~~> b AS both, b <~~> B'101010101011' AS bit, v <~~> X'FF0' AS hex,
	'111111111111' <~~> b AS left, annoy_hamming_distance(b, v) AS function
FROM bits;
SELECT repeat('10', n)::varbit <~~> repeat('01', n)::varbit AS bits,
	repeat('10', n)::varbit <~~> (repeat('10', n - 1) || '11')::varbit AS bit,
	repeat('110', n)::varbit <~~> repeat('000', n)::varbit AS bits
FROM (VALUES (1), (4), (31), (32), (33), (1000)) v (n);

--
-- Other functions
--
SELECT annoy_inner_product('{1,2,3}'::real[], '{4,5,6}') AS r,
	annoy_inner_product('{1,2,3}'::double precision[], '{4,5,6}') AS d,
	annoy_inner_product('{1,2,3}'::real[], '{4,5,6}'::double precision[]) AS mixed,
	annoy_inner_product('{1,0}'::real[], '{0,1}') AS orthogonal;
SELECT annoy_norm('{3,4}'::real[]) AS r, annoy_norm('{5,-12}'::double precision[]) AS d,
	annoy_norm('{0,0}'::real[]) AS zero, annoy_norm('{3e200,4e200}'::double precision[]) AS large,
	annoy_norm('{3e-200,4e-200}'::double precision[]) AS small,
	annoy_norm('{1.7e308,1.7e308}'::double precision[]) AS overflow;
SELECT annoy_normalize('{3,4}'::real[]) AS r, annoy_normalize('{3,-4}'::double precision[]) AS d,
	annoy_normalize('{0,0}'::real[]) AS zero, annoy_normalize('{3e200,4e200}'::double precision[]) AS large,
	annoy_normalize('{3e-320,4e-320}'::double precision[]) AS small,
	annoy_normalize('{1.7e308,0,0,1.7e308}'::double precision[]) AS overflow,
	annoy_normalize('[5:6]={3,4}'::real[]) AS bounds;
SELECT pg_typeof(annoy_normalize('{1}'::real[])) AS r, pg_typeof(annoy_normalize('{1}'::double precision[])) AS d;
SELECT annoy_dims('{1,2,3}'::real[]) AS r, annoy_dims('{1}'::double precision[]) AS d,
	annoy_dims(B'10101') AS b, annoy_dims(bit varying '101') AS v;
-- of other numbers
SELECT annoy_norm(ARRAY[3, 4]) AS norm, annoy_norm(ARRAY[0.3, 0.4]) AS "numeric",
	annoy_normalize(ARRAY[3, 4]) AS normalized, annoy_normalize(ARRAY[0.3, 0.4]) AS "numeric",
	annoy_dims(ARRAY[1, 2, 3]) AS dims, annoy_dims(ARRAY[0.1]) AS "numeric";
SELECT annoy_inner_product(ARRAY[1, 2], ARRAY[3, 4]) AS integers, annoy_inner_product(ARRAY[0.5, 2], ARRAY[3, 0.5]) AS numerics,
	annoy_inner_product(ARRAY[1, 2], ARRAY[0.5, 4]) AS mixed, annoy_inner_product(ARRAY[0.5, 4], ARRAY[1, 2]) AS mixed,
	annoy_angular_distance(ARRAY[1, 0], ARRAY[0, 1]) AS integers, annoy_angular_distance(ARRAY[0.5, 0], ARRAY[0, 1.5]) AS numerics,
	annoy_angular_distance(ARRAY[1, 0], ARRAY[0.5, 0]) AS mixed, annoy_angular_distance(ARRAY[0.5, 0], ARRAY[1, 0]) AS mixed;

-- The metrics' numbers are part of the index format.
SELECT annoy_l2_metric() AS l2, annoy_cosine_metric() AS cosine, annoy_ip_metric() AS ip,
	annoy_l1_metric() AS l1, annoy_hamming_metric() AS hamming;

--
-- Distances in the tests of the Annoy library
--
-- angular
SELECT round(annoy_angular_distance(x, y)::numeric, 5) AS angular
FROM (VALUES ('{0,1}'::real[], '{1,1}'::real[]), ('{1000,0}', '{10,0}'), ('{1,0}', '{0,0}')) v (x, y);
SELECT n, round(annoy_angular_distance(x, x)::numeric, 6) AS same,
	round(annoy_angular_distance(x, (SELECT array_agg(-c) FROM unnest(x) c))::numeric, 6) AS opposite
FROM pairs WHERE n = 40;
SELECT q, array_agg(id ORDER BY x <=> q) AS angular
FROM (VALUES (0, '{0,0,1}'::real[]), (1, '{0,1,0}'), (2, '{1,0,0}')) v (id, x),
	(VALUES ('{3,2,1}'::real[]), ('{1,2,3}'), ('{2,0,1}')) w (q)
GROUP BY q ORDER BY q;
SELECT q.id, array_agg(v.id ORDER BY v.x <=> q.x) AS angular
FROM (VALUES (0, '{2,1,0}'::real[]), (1, '{1,2,0}'), (2, '{0,0,1}')) v (id, x),
	(VALUES (0, '{2,1,0}'::real[]), (1, '{1,2,0}')) q (id, x)
GROUP BY q.id ORDER BY q.id;
-- euclidean, manhattan, dot
CREATE TABLE points AS
SELECT * FROM (VALUES (0, '{2,2}'::real[]), (1, '{3,2}'), (2, '{3,3}')) v (id, x);
SELECT q, array_agg(id ORDER BY x <-> q, id) AS euclidean, array_agg(x <-> q ORDER BY x <-> q, id) AS distances,
	array_agg(id ORDER BY x <+> q, id) AS manhattan, array_agg(x <+> q ORDER BY x <+> q, id) AS distances,
	array_agg(id ORDER BY x <#> q, id) AS dot, array_agg(annoy_inner_product(x, q) ORDER BY x <#> q, id) AS products
FROM points, (VALUES (1, '{4,4}'::real[]), (2, '{1,1}'), (3, '{4,2}'), (4, '{5,3}')) w (n, q)
GROUP BY n, q ORDER BY n;
SELECT array_agg(round((x <-> '{0,0,2}')::numeric ^ 2, 6) ORDER BY id) AS l2_squared,
	array_agg(round((x <-> '{2,2,2}')::numeric ^ 2, 6) ORDER BY x <-> '{2,2,2}') AS l2_squared,
	array_agg(id ORDER BY x <-> '{2,2,2}') AS ids,
	array_agg(x <+> '{0,0,2}' ORDER BY id) AS l1,
	array_agg(annoy_inner_product(x, '{0,0,2}') ORDER BY id) AS products
FROM (VALUES (0, '{0,0,2}'::real[]), (1, '{0,1,1}'), (2, '{1,0,0}')) v (id, x);
SELECT array_agg(id ORDER BY x <+> '{2,2,1}') AS manhattan, array_agg(x <+> '{2,2,1}' ORDER BY x <+> '{2,2,1}') AS distances
FROM (VALUES (0, '{0,0,2}'::real[]), (1, '{0,1,1}'), (2, '{1,0,0}')) v (id, x);
-- hamming: all that two rows of 99 dimensions can differ in
SELECT count(*) AS rows, sum((x <~> y)::int) AS counts
FROM (SELECT array_agg((i % 2)::real ORDER BY i) AS x, array_agg((i > n)::int::real ORDER BY i) AS y
	FROM generate_series(0, 99) n, generate_series(1, 99) i GROUP BY n) v;

--
-- Errors
--
SELECT query, failure('SELECT ' || query)
FROM (VALUES
	($$'{1,NULL}'::real[] <-> '{1,2}'$$),
	($$'{1,2}'::real[] <=> ARRAY[1,NULL]$$),
	($$'{1,2}'::double precision[] <+> ARRAY[NULL,0.5]$$),
	($$'{{1,2},{3,4}}'::real[] <-> '{1,2}'$$),
	($$'{1,2}'::double precision[] <#> ARRAY[[1,2]]$$),
	($$'{}'::real[] <-> '{}'$$),
	($$'{1}'::double precision[] <~> '{}'$$),
	($$'{1,2}'::real[] <-> '{1}'$$),
	($$'{1,2,3}'::real[] <=> '{1,2}'::double precision[]$$),
	($$'{1}'::real[] <#> '{1,2}'$$),
	($$'{1}'::double precision[] <+> ARRAY[1,2,3]$$),
	($$'{1,2}'::real[] <~> '{1}'$$),
	($$annoy_inner_product('{1,2}'::real[], '{1}')$$),
	($$annoy_angular_distance('{1,2}'::real[], '{1}')$$),
	($$B'1' <~~> B'11'$$),
	($$B'' <~~> B''$$),
	($$annoy_dims(B'')$$),
	($$annoy_dims('{}'::real[])$$),
	($$annoy_norm('{}'::real[])$$),
	($$annoy_normalize('{{1}}'::real[])$$),
	($$annoy_normalize('{1,NaN}'::real[])$$),
	($$annoy_norm('{1,-Infinity}'::double precision[])$$),
	($$'{1,2}'::real[] <-> '{1,NaN}'::numeric[]$$),
	($$annoy_dims(array_fill(1::real, ARRAY[8192]))$$),
	($$annoy_dims(array_fill(1::real, ARRAY[8193]))$$),
	($$annoy_dims(repeat('1', 8192)::varbit)$$),
	($$annoy_dims(repeat('1', 8193)::varbit)$$)
) v (query);
SELECT left(failure($$SELECT '{1,2}'::real[] <-> ARRAY[1, 1e400]$$), 5) AS state;

-- A function of someone else that passes another type of array
DO $$ BEGIN
	EXECUTE (SELECT format('CREATE FUNCTION pg_temp.dims(text[]) RETURNS integer
		AS %L, %L LANGUAGE C STRICT', probin, prosrc)
		FROM pg_proc WHERE oid = 'annoy_dims(real[])'::regprocedure);
END $$;
SELECT failure($$SELECT pg_temp.dims('{1,2}')$$);

-- Components that are not finite, wherever they are and whatever the metric
SELECT failure, count(*)
FROM (VALUES ('NaN'), ('Infinity'), ('-Infinity')) v (bad),
	generate_series(1, 11) i,
	LATERAL (SELECT array_agg(CASE WHEN i = j THEN bad ELSE j::text END ORDER BY j) AS a,
			array_agg(CASE WHEN i = j THEN '0' ELSE j::text END ORDER BY j) AS b
		FROM generate_series(1, 11) j) w,
	unnest(ARRAY['<->', '<=>', '<#>', '<+>', '<~>']) op,
	unnest(ARRAY['real', 'double precision']) x_type,
	unnest(ARRAY['real', 'double precision']) y_type,
	LATERAL (VALUES (a, b), (b, a)) x (x, y),
	failure(format('SELECT %L::%s[] %s %L::%s[]', x, x_type, op, y, y_type))
GROUP BY 1 ORDER BY failure COLLATE "C";
SELECT '{1,2,NaN}'::real[] <=> '{1,2,3}';
SELECT '{1,2,3}'::real[] <~> '{1,2,-Infinity}';

SET client_min_messages = warning;
DROP SCHEMA annoy_operators CASCADE;
