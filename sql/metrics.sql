--
-- What each metric returns, to the last bit
--
\set schema annoy_metrics
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

--
-- Distances that differ only by rounding: rows are permutations of the same
-- numbers, and all components of the query are the same, so that only the order
-- of summation tells the rows apart. An index that computed anything but the
-- operator's own distance would put some of them in the wrong order. (Sums of
-- differences of reals are exact; there is nothing to tell rows apart.)
--
CREATE TABLE numbers AS
	SELECT j, ((number(7, j) - 0.3) * 3)::real AS r, sin(j) * exp(j % 17 - 8) AS d FROM generate_series(1, 141) j;
CREATE TABLE permuted AS
	SELECT i AS id, array_agg(r ORDER BY number(i, j)) AS r, array_agg(d ORDER BY number(i, j)) AS d
	FROM generate_series(1, 400) i, numbers GROUP BY i ORDER BY i;
CREATE FUNCTION rounding(type text, opclass text, operator text, query text,
	OUT different boolean, OUT close boolean, OUT scan text) LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS items;
	EXECUTE format('CREATE TABLE items AS SELECT id, %s AS v FROM permuted', left(type, 1));
	EXECUTE format('CREATE INDEX items_v ON items USING annoy (v %s)', opclass);
	EXECUTE format('SELECT count(DISTINCT v %1$s %2$s) > 1, max(v %1$s %2$s) - min(v %1$s %2$s) < 1e-6 FROM items',
		operator, query) INTO different, close;
	scan := full_scan('items', operator, query);
END $$;
SET client_min_messages = warning;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT type, operator, query_type, r.*
FROM (VALUES (1, 'real[]', 'real'), (2, 'double precision[]', 'double')) t (t, type, prefix),
	(VALUES (1, '<->', 'l2_ops'), (2, '<=>', 'cosine_ops'), (3, '<#>', 'ip_ops'), (4, '<+>', 'l1_ops')) o (o, operator, opclass),
	(VALUES (1, 'real[]'), (2, 'double precision[]'), (3, 'numeric[]')) q (q, query_type),
	LATERAL rounding(type, prefix || '_' || opclass, operator,
		format('array_fill(-9.7::numeric, ARRAY[141])::%s', query_type)) r
ORDER BY t, o, q;
-- the arguments the other way round
SELECT type, operator, r.*
FROM (VALUES (1, 'real[]', 'real'), (2, 'double precision[]', 'double')) t (t, type, prefix),
	(VALUES (1, '<->', 'l2_ops'), (2, '<=>', 'cosine_ops'), (3, '<#>', 'ip_ops'), (4, '<+>', 'l1_ops')) o (o, operator, opclass),
	LATERAL rounding(type, prefix || '_' || opclass, operator, 'array_fill(-9.7::double precision, ARRAY[141])') r
ORDER BY t, o;
RESET client_min_messages;

--
-- What an index returns is what a sequential scan returns, bit by bit.
--
CREATE TABLE items_2 AS SELECT i AS id, vec(i, 21)::real[] AS r, vec(i, 21) AS d FROM generate_series(1, 1500) i;
CREATE TABLE queries AS SELECT i AS id, vec(100000 + i, 21)::real[] AS r, vec(100000 + i, 21) AS d FROM generate_series(1, 4) i;
CREATE TYPE hit AS (id integer, distance double precision);
CREATE FUNCTION nearest(col text, operator text, query text, k integer, index boolean) RETURNS hit[]
LANGUAGE plpgsql SET enable_sort = on AS $$
DECLARE
	result hit[];
	sql text := format('SELECT id, v %1$s %2$s AS distance FROM (SELECT id, %3$s AS v FROM items_2) i ORDER BY v %1$s %2$s LIMIT %4$s',
		operator, query, col, k);
BEGIN
	PERFORM set_config('enable_seqscan', (NOT index)::text, true), set_config('enable_indexscan', index::text, true);
	IF EXISTS (SELECT FROM plan(sql) p WHERE p LIKE 'Index Scan%') <> index THEN
		RAISE EXCEPTION 'wrong plan';
	END IF;
	EXECUTE 'SELECT array_agg((id, distance)::hit) FROM (' || sql || ') s' INTO result;
	RETURN result;
END $$;
DO $$
DECLARE
	class text;
BEGIN
	FOREACH class IN ARRAY ARRAY['l2', 'cosine', 'ip', 'l1', 'hamming'] LOOP
		EXECUTE format('CREATE INDEX ON items_2 USING annoy (r real_%1$s_ops)', class);
		EXECUTE format('CREATE INDEX ON items_2 USING annoy (d double_%1$s_ops)', class);
	END LOOP;
END $$;
-- the same distances in the same order; for Hamming, where many are the same,
-- rows may change places
SELECT operator, col, count(*),
	bool_and(ARRAY(SELECT distance FROM unnest(by_index)) = ARRAY(SELECT distance FROM unnest(by_table))) AS same_distances,
	bool_and(by_index = by_table) OR operator = '<~>' AS same_rows
FROM (VALUES (1, '<->'), (2, '<=>'), (3, '<#>'), (4, '<+>'), (5, '<~>')) o (o, operator),
	unnest(ARRAY['r', 'd']) WITH ORDINALITY c (col, c), queries, unnest(ARRAY[r::text || '::real[]', d::text || '::double precision[]']) WITH ORDINALITY q (query, q),
	LATERAL (SELECT regexp_replace(query, '^(.*)::', '''\1''::') AS quoted) x,
	nearest(col, operator, quoted, 200, true) by_index,
	nearest(col, operator, quoted, 200, false) by_table
GROUP BY o, c, operator, col ORDER BY o, c;
RESET annoy.search_k;
RESET annoy.epsilon;

--
-- Recall at default settings, on a few thousand rows
--
CREATE TABLE points AS SELECT i AS id, vec(i, 64) AS v FROM generate_series(1, 2050) i;
ALTER TABLE points ADD bits text;
UPDATE points SET bits = (SELECT string_agg(CASE WHEN x < 0 THEN '0' ELSE '1' END, '' ORDER BY n)
	FROM unnest(v) WITH ORDINALITY u (x, n));
CREATE FUNCTION default_recall(type text, opclass text, operator text, dims integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	value text := CASE WHEN type LIKE 'bit%' THEN 'left(bits, %s)' ELSE 'v[:%s]' END;
	queries text[];
	result numeric;
BEGIN
	value := format(value, dims) || '::' || type;
	DROP TABLE IF EXISTS items;
	EXECUTE format('CREATE TABLE items AS SELECT id, %s AS v FROM points WHERE id <= 2000', value);
	EXECUTE format('CREATE INDEX items_v ON items USING annoy (v %s)', opclass);
	EXECUTE format('SELECT array_agg(format(''%%L::%%s'', %s, $1)) FROM points WHERE id > 2000', value)
		USING type INTO queries;
	result := recall('items', operator, queries, 10);
	IF result < 0.95 THEN
		RAISE WARNING 'recall is %', result;
	END IF;
	RETURN result >= 0.95;
END $$;
SET client_min_messages = warning;
SELECT type, operator, dims, default_recall(type, opclass, operator, dims)
FROM (VALUES (1, 'real[]', 'real_l2_ops', '<->', 25), (2, 'real[]', 'real_cosine_ops', '<=>', 25),
	(3, 'real[]', 'real_ip_ops', '<#>', 25), (4, 'real[]', 'real_l1_ops', '<+>', 25),
	(5, 'real[]', 'real_hamming_ops', '<~>', 64), (6, 'double precision[]', 'double_l2_ops', '<->', 64),
	(7, 'double precision[]', 'double_cosine_ops', '<=>', 64), (8, 'double precision[]', 'double_ip_ops', '<#>', 64),
	(9, 'double precision[]', 'double_l1_ops', '<+>', 64), (10, 'double precision[]', 'double_hamming_ops', '<~>', 25),
	(11, 'bit(64)', 'bit_hamming_ops', '<~~>', 64), (12, 'bit varying', 'bit_hamming_ops', '<~~>', 50)) o (n, type, opclass, operator, dims)
ORDER BY n;
RESET client_min_messages;

--
-- What a metric does not depend on
--
SET enable_seqscan = off;
-- cosine: lengths; zero vectors are at distance 1 from everything
CREATE TABLE scaled (id integer, v double precision[]);
INSERT INTO scaled SELECT i, ARRAY(SELECT x * power(10::double precision, i % 61 - 30) FROM unnest(vec(i, 5)) x) FROM generate_series(1, 600) i;
INSERT INTO scaled VALUES (0, '{0,0,0,0,0}');
CREATE INDEX ON scaled USING annoy (v double_cosine_ops);
SELECT count(*) FROM generate_series(1, 600) i,
	LATERAL (SELECT id FROM scaled ORDER BY v <=> vec(i, 5) LIMIT 1) n WHERE n.id = i;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;
SELECT full_scan('scaled', '<=>', 'vec(77, 5)'), full_scan('scaled', '<=>', '''{0,0,0,0,0}''');
SELECT v <=> '{1,2,3,4,5}' AS zero FROM scaled WHERE id = 0;
-- inner product: the longest vectors are the best, however far away
CREATE TABLE lengths (id integer, v real[]);
INSERT INTO lengths SELECT i, vec(i, 5) FROM generate_series(1, 600) i;
INSERT INTO lengths VALUES (1000, '{100,0,0,0,0}'), (1001, '{-100,0,0,0,0}'), (1002, '{0,0,0,0,0}');
CREATE INDEX ON lengths USING annoy (v real_ip_ops);
SELECT id, v <#> '{1,0,0,0,0}' AS product FROM lengths ORDER BY v <#> '{1,0,0,0,0}' LIMIT 1;
SELECT id, v <#> '{-1,0,0,0,0}' AS product FROM lengths ORDER BY v <#> '{-1,0,0,0,0}' LIMIT 1;
SELECT full_scan('lengths', '<#>', '''{1,0,0,0,0}'''), full_scan('lengths', '<#>', '''{0,0,0,0,0}''');
-- Hamming distance: everything but whether a component is greater than 0.5
CREATE TABLE bits (id integer, v real[]);
INSERT INTO bits SELECT i, ARRAY(SELECT CASE WHEN i >> j & 1 = 1 THEN 0.6 + i ELSE 0.5 - i END FROM generate_series(0, 9) j)
	FROM generate_series(0, 1023) i;
CREATE INDEX bits_v ON bits USING annoy (v real_hamming_ops);
SELECT full_scan('bits', '<~>', '''{1,1,1,0,0,0,1,0,0,0}''');
SELECT v <~> '{1,1,1,1,1,1,1,1,1,1}' AS distance, count(*)
FROM (SELECT v FROM bits ORDER BY v <~> '{1,1,1,1,1,1,1,1,1,1}') s GROUP BY 1 ORDER BY 1;
SELECT id FROM bits ORDER BY v <~> '{9,0.5,7e30,0.50001,0,0,0,-3,0.49999,0}' LIMIT 1;
SELECT type, dtype FROM annoy_index_info('bits_v');

SET client_min_messages = warning;
DROP SCHEMA annoy_metrics CASCADE;
