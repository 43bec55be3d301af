--
-- Bit strings
--
\set schema annoy_bits
\i `echo "$PG_ABS_SRCDIR"/test/regress/setup.sql`

SET enable_seqscan = off;
SET annoy.search_k = 1000000;
SET annoy.epsilon = 10;

-- All strings of eight bits, twice
CREATE TABLE items (id integer, b bit(8), vb bit varying, vb8 bit varying(8));
INSERT INTO items SELECT i, (i % 256)::bit(8), (i % 256)::bit(8), (i % 256)::bit(8) FROM generate_series(0, 511) i;
CREATE INDEX items_b ON items USING annoy (b);
CREATE INDEX items_vb ON items USING annoy (vb);
CREATE INDEX items_vb8 ON items USING annoy (vb8 bit_hamming_ops);
SELECT metric, type, dimensions, dtype, items FROM annoy_index_info('items_b');
SELECT metric, type, dimensions, dtype, items FROM annoy_index_info('items_vb');
SELECT metric, type, dimensions, dtype, items FROM annoy_index_info('items_vb8');
CREATE VIEW b AS SELECT id, b AS v FROM items;
CREATE VIEW vb AS SELECT id, vb AS v FROM items;
CREATE VIEW vb8 AS SELECT id, vb8 AS v FROM items;
SELECT full_scan('b', '<~~>', 'B''11001100'''), full_scan('vb', '<~~>', 'B''11001100'''),
	full_scan('vb8', '<~~>', '''11001100''::bit varying');
SELECT count(*) AS pairs FROM items i, LATERAL (SELECT id, b FROM items ORDER BY b <~~> i.b LIMIT 2) n WHERE n.b = i.b;
SELECT b <~~> B'00000000' AS distance, count(*), min(length(replace(b::text, '0', ''))), max(length(replace(b::text, '0', '')))
FROM (SELECT b FROM items ORDER BY b <~~> B'00000000') s GROUP BY 1 ORDER BY 1;
-- the same as arrays
CREATE TABLE arrays AS
	SELECT id, string_to_array(regexp_replace(b::text, '(.)(?!$)', '\1,', 'g'), ',')::real[] AS v FROM items;
CREATE INDEX arrays_v ON arrays USING annoy (v real_hamming_ops);
SELECT full_scan('arrays', '<~>', '''{1,1,0,0,1,1,0,0}''');
SELECT array_agg(DISTINCT (b <~~> B'01100111') = (v <~> '{0,1,1,0,0,1,1,1}')) FROM items JOIN arrays USING (id);
SELECT ARRAY(SELECT b <~~> B'01100111' FROM items ORDER BY b <~~> B'01100111')
	= ARRAY(SELECT v <~> '{0,1,1,0,0,1,1,1}' FROM arrays ORDER BY v <~> '{0,1,1,0,0,1,1,1}') AS same_distances;

-- Lengths that do and do not fill bytes, words and pages
CREATE FUNCTION of_length(bits integer, OUT dimensions integer, OUT items bigint, OUT scan text,
	OUT selves bigint) LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE sized AS
		SELECT i AS id, left(string_agg(hashint8extended(i, j)::bit(64)::text, '' ORDER BY j), bits)::bit varying AS v
		FROM generate_series(1, 100) i, generate_series(1, (bits + 63) / 64) j GROUP BY i;
	CREATE INDEX sized_v ON sized USING annoy (v);
	INSERT INTO sized SELECT id + 100, v FROM sized WHERE id <= 50;
	SELECT i.dimensions, i.items INTO of_length.dimensions, of_length.items FROM annoy_index_info('sized_v') i;
	scan := full_scan('sized', '<~~>', '(SELECT v FROM sized WHERE id = 3 LIMIT 1)');
	SELECT count(*) INTO selves FROM sized s, LATERAL (SELECT v FROM sized ORDER BY v <~~> s.v LIMIT 1) n WHERE n.v = s.v;
	DROP TABLE sized;
END $$;
SELECT o.* FROM unnest(ARRAY[1, 2, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 1000, 4097, 8191, 8192]) b, of_length(b) o;

-- Lengths that differ
INSERT INTO items (id, vb) VALUES (1000, '101010101');
INSERT INTO items (id, vb) VALUES (1000, '');
SELECT id FROM items ORDER BY vb <~~> B'101' LIMIT 1;
SELECT id FROM items ORDER BY b <~~> B'10101010101' LIMIT 1;
INSERT INTO items (id, b) VALUES (1000, B'101');
CREATE TABLE various (v bit varying);
INSERT INTO various VALUES ('101'), ('10');
CREATE INDEX ON various USING annoy (v);

SET client_min_messages = warning;
DROP SCHEMA annoy_bits CASCADE;
