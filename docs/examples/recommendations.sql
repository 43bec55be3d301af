/*
 * Recommendations: what is near the mean of what somebody liked, and was not seen yet.
 */
CREATE EXTENSION annoy;

CREATE TABLE films (id integer PRIMARY KEY, embedding real[] NOT NULL);
CREATE TABLE likes (person integer, film integer REFERENCES films, PRIMARY KEY (person, film));

/* 50 groups of 60 films each: film 123 is of group 2. */
INSERT INTO films
	SELECT id, (SELECT array_agg(sin(id / 60 * n * n) + 0.3 * sin(id * n) ORDER BY n) FROM generate_series(1, 24) AS n)
	FROM generate_series(0, 2999) AS id;
CREATE INDEX films_embedding ON films USING annoy (embedding real_cosine_ops);
ANALYZE films;
INSERT INTO likes VALUES (1, 605), (1, 613), (1, 640), (1, 655), (2, 605), (2, 1205);

/* The mean of the vectors of what a person liked. */
CREATE FUNCTION taste(person integer) RETURNS real[] LANGUAGE sql STABLE AS $$
	SELECT array_agg(mean ORDER BY n) FROM (
		SELECT n, avg(x)::real AS mean FROM likes JOIN films ON film = id, unnest(embedding) WITH ORDINALITY AS u (x, n)
		WHERE likes.person = taste.person GROUP BY n) AS means
$$;

/*
 * In a subquery the mean is computed once, and the index is used.  The scan goes on until
 * enough films have passed.
 */
SELECT count(*), count(*) FILTER (WHERE id / 60 = 10) AS of_their_group FROM (
	SELECT id FROM films
	WHERE NOT EXISTS (SELECT FROM likes WHERE film = films.id AND person = 1)
	ORDER BY embedding <=> (SELECT taste(1)) LIMIT 20) AS recommended;
-- 20 | 20

/*
 * Who likes several kinds is near none of them by the mean: ask for each film that was
 * liked, and take the best of all.
 */
SELECT group_of, count(*) FROM (
	SELECT DISTINCT ON (near.id) near.id / 60 AS group_of, distance
	FROM likes JOIN films ON film = id,
		LATERAL (SELECT f.id, f.embedding <=> films.embedding AS distance FROM films AS f
			ORDER BY f.embedding <=> films.embedding LIMIT 11) AS near
	WHERE person = 2 AND NOT EXISTS (SELECT FROM likes AS l WHERE l.film = near.id AND l.person = 2)
	ORDER BY near.id, distance) AS recommended GROUP BY group_of ORDER BY group_of;
-- 10 | 10
-- 20 | 10
