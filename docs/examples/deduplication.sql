/*
 * Deduplication: rows that are nearly the same, by the graph of nearest neighbours.
 */
CREATE EXTENSION annoy;

CREATE TABLE pictures (id integer PRIMARY KEY, embedding real[] NOT NULL);

/* 2,000 pictures; and of each of the first hundred two more, scaled and a little changed. */
INSERT INTO pictures
	SELECT id, (SELECT array_agg(sin(id % 10000 * n * 0.7 + n * n) * (1 + id / 10000) + 0.001 * sin(id * n) ORDER BY n)
		FROM generate_series(1, 24) AS n)
	FROM (SELECT generate_series(0, 1999) UNION ALL SELECT generate_series(10000, 10099)
		UNION ALL SELECT generate_series(20000, 20099)) AS ids (id);
CREATE INDEX pictures_embedding ON pictures USING annoy (embedding real_cosine_ops);

/*
 * Pairs that are nearer than a threshold.  annoy_knn_graph() returns rows by their ctid, and
 * Annoy's distance, which by cosine is sqrt(2 * (1 - cos)).  The table must not change
 * between the two: that is so within one statement.
 */
CREATE TABLE pairs AS
	SELECT a.id, b.id AS other FROM annoy_knn_graph('pictures_embedding', 5) AS g
		JOIN pictures AS a ON a.ctid = g.item JOIN pictures AS b ON b.ctid = g.neighbour
	WHERE distance < 0.01 AND b.id < a.id;
SELECT count(*), count(DISTINCT id) AS copies, count(DISTINCT other) FROM pairs;
-- 300 | 200 | 200

/* A copy of a copy belongs to the first of them. */
CREATE TABLE firsts AS
	WITH RECURSIVE reached AS (
		SELECT id, other FROM pairs
		UNION SELECT reached.id, pairs.other FROM reached JOIN pairs ON pairs.id = reached.other)
	SELECT id, min(other) AS first FROM reached GROUP BY id;
SELECT count(*), count(DISTINCT first), bool_and(id % 10000 = first) AS all_right FROM firsts;
-- 200 | 100 | t

DELETE FROM pictures USING firsts WHERE pictures.id = firsts.id;
SELECT count(*) FROM pictures;
-- 2000

/*
 * Keep it so: look before a row is added.  The index ends its search at the distance, here that
 * of the operator.
 */
SELECT count(*) FROM pictures AS asked, LATERAL (
	SELECT FROM pictures WHERE annoy_within(embedding, asked.embedding, 0.00005, 'cosine') LIMIT 1) AS there
WHERE asked.id = 7;
-- 1
