/*
 * Hybrid search: full text and vectors, by reciprocal rank fusion.
 *
 * Full text finds the words that were asked for, vectors what is like the question.  Their
 * scores cannot be compared, but ranks can: a row counts 1 / (60 + rank) for each of the two
 * lists in which it is.  Each list is a subquery with ORDER BY and LIMIT of its own, so
 * each uses its index.
 */
CREATE EXTENSION annoy;

/* Stands for a model: the sum of a vector for each word, which its letters decide. */
CREATE FUNCTION embedding_of(body text) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(x ORDER BY n) FROM (
		SELECT n, sum(('x' || substr(md5(word || n), 1, 4))::bit(16)::integer - 32768)::real AS x
		FROM regexp_split_to_table(lower(body), '\W+') AS word, generate_series(1, 32) AS n GROUP BY n) AS sums
$$;

CREATE TABLE documents (
	id integer PRIMARY KEY,
	body text NOT NULL,
	words tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED,
	embedding real[] NOT NULL);
INSERT INTO documents (id, body, embedding)
	SELECT id, body, embedding_of(body) FROM (
		SELECT row_number() OVER (ORDER BY what, how, doing, place) AS id, concat_ws(' ', how, what, doing, place) AS body
		FROM unnest('{cat,dog,horse,sparrow,trout,whale,wolf,mouse,owl,goat}'::text[]) AS what,
			unnest('{old,quick,red,sleepy,tame,hungry,young,quiet,fat,lonely}'::text[]) AS how,
			unnest('{sleeping,jumping,eating,hiding,looking}'::text[]) AS doing,
			unnest('{"under a tree","in the river","near the barn","on the hill"}'::text[]) AS place) AS sentences;
CREATE INDEX documents_words ON documents USING gin (words);
CREATE INDEX documents_embedding ON documents USING annoy (embedding real_cosine_ops);
ANALYZE documents;

PREPARE hybrid (text, real[], integer) AS
	WITH by_words AS (
		SELECT id, row_number() OVER (ORDER BY score DESC, id) AS rank FROM (
			SELECT id, ts_rank(words, websearch_to_tsquery('english', $1)) AS score FROM documents
			WHERE words @@ websearch_to_tsquery('english', $1)
			ORDER BY score DESC, id LIMIT 50) AS found
	), by_vector AS (
		SELECT id, row_number() OVER (ORDER BY distance) AS rank FROM (
			SELECT id, embedding <=> $2 AS distance FROM documents ORDER BY embedding <=> $2 LIMIT 50) AS found
	)
	SELECT max(body) AS body FROM (SELECT * FROM by_words UNION ALL SELECT * FROM by_vector) AS ranks JOIN documents USING (id)
	GROUP BY id ORDER BY sum(1.0 / (60 + rank)) DESC, id LIMIT $3;

/*
 * Each list alone would do less: the words are in 20 sentences, and what is near is so
 * with other words.
 */
SELECT embedding_of('sleepy owl hiding under a tree') AS question \gset
EXECUTE hybrid('sleepy owl', :'question', 1);
-- sleepy owl hiding under a tree
