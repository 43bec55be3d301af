#!/bin/bash
# make demo: nearest-neighbour search in PostgreSQL, from nothing to answers.
#
# Copyright (c) 2026, the annoy developers
#
# Without arguments the word embeddings in test/data; with DATA (and QUERIES,
# TRUTH, METRIC) in the environment, TEXMEX files of the caller's.  What is left in
# the end is a picture of recall against time, in the file SVG.

. "$(dirname "$0")/lib.sh"

data=${DATA:-}
queries=${QUERIES:-}
truth=${TRUTH:-}
metric=${METRIC:-}
svg=${SVG:-$PWD/demo.svg}

# As many queries are answered by a sequential scan, to be compared.
sample=200

# For more rows than this, pgvector's index takes too long to build.
pgvector_rows=200000

if [ -n "$data" ]
then
	metric=${metric:-l2}
	sample=50
	for file in "$data" ${queries:+"$queries"} ${truth:+"$truth"}
	do
		[ -r "$file" ] || die "cannot read \"$file\""
	done
	[ -n "$queries" ] || [ -z "$truth" ] || die "TRUTH needs QUERIES"
elif [ -n "$queries$truth" ]
then
	die "QUERIES and TRUTH need DATA"
else
	metric=${metric:-cosine}
fi

case $metric in
	l2) operator='<->' ;;
	cosine) operator='<=>' ;;
	ip) operator='<#>' ;;
	l1) operator='<+>' ;;
	*) die "METRIC must be l2, cosine, ip or l1, not \"$metric\"" ;;
esac

run_psql()
{
	"$bindir/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

# Make the function $1(engine, effort, n): the first n queries are asked in table $2,
# whose column v is of type $3, with the setting $4 at "effort" unless that is NULL.
#
# A function does the asking, so that the times are the server's and know
# nothing of psql.
make_asking()
{
	run_psql <<SQL
CREATE FUNCTION $1(engine text, effort int, n int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	q record;
	started timestamptz;
	answer float8[];
BEGIN
	IF effort IS NOT NULL THEN
		PERFORM set_config('$4', effort::text, false);
	END IF;
	FOR q IN SELECT id, v::$3 AS v FROM queries ORDER BY id LIMIT n LOOP
		started := clock_timestamp();
		SELECT array_agg(d) INTO answer
		FROM (SELECT v $operator q.v AS d FROM $2 ORDER BY v $operator q.v LIMIT 10) AS nearest;
		INSERT INTO answers VALUES (engine, effort, q.id,
			1000 * extract(epoch FROM clock_timestamp() - started), answer);
	END LOOP;
END \$\$;
SQL
}

# Tables items (id, v) and queries (id, v) are loaded: build the index, and
# answer the same queries with it and without.  The second half runs in a session of
# its own, because a plan once cached would not notice that enable_indexscan has
# changed.
measure()
{
	run_psql <<SQL
CREATE TABLE answers (engine text, effort int, query int, ms float8, distances float8[]);
CREATE TABLE facts (build interval);

SELECT clock_timestamp() AS started \gset
CREATE INDEX items_v_idx ON items USING annoy (v real_${metric}_ops);
INSERT INTO facts SELECT clock_timestamp() - :'started';
VACUUM ANALYZE items;
ANALYZE queries;
SQL
	make_asking ask items 'real[]' annoy.search_k

	# does the planner see it that way?
	run_psql -At <<SQL >"$scratch/plan"
EXPLAIN SELECT id FROM items ORDER BY v $operator (SELECT v FROM queries LIMIT 1) LIMIT 10;
SQL
	if ! grep -q 'Index Scan using items_v_idx' "$scratch/plan"
	then
		cat "$scratch/plan" >&2
		die "the planner did not choose the index"
	fi

	run_psql -c "SELECT ask('annoy', NULL, NULL)" -o /dev/null
	PGOPTIONS='-c enable_indexscan=off -c jit=off' \
		run_psql -c "SELECT ask('sequential scan', NULL, $sample)" -o /dev/null

	# pgvector's distances are in single precision
	run_psql -P format=aligned -P border=0 -P tuples_only <<'SQL'
CREATE VIEW points AS
SELECT a.engine, a.effort, count(*) AS queries, avg(hits) / 10 AS recall,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY a.ms) AS ms
FROM answers AS e JOIN answers AS a USING (query),
LATERAL (SELECT count(*) FILTER (WHERE d <= e.distances[10] + 1e-5 * abs(e.distances[10])) AS hits
		 FROM unnest(a.distances) AS d) AS counted
WHERE e.engine = 'sequential scan' AND a.engine <> 'warm-up'
GROUP BY a.engine, a.effort;
WITH recall AS (
	SELECT queries, recall FROM points WHERE engine = 'annoy'),
speed AS (
	SELECT engine = 'annoy' AS by_index, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
	FROM answers GROUP BY engine)
SELECT '  ' || label, value
FROM recall, facts, LATERAL (VALUES
	('rows', (SELECT count(*)::text FROM items)),
	('dimensions', (SELECT cardinality(v)::text FROM items LIMIT 1)),
	('recall@10', format('%s  (%s queries)', round(recall, 4), queries)),
	('index scan', (SELECT round(ms::numeric, 2) || ' ms  (median)' FROM speed WHERE by_index)),
	('sequential scan', (SELECT round(ms::numeric, 2) || ' ms  (median)' FROM speed WHERE NOT by_index)),
	('index build', round(extract(epoch FROM build), 2) || ' s'),
	('index size', pg_size_pretty(pg_relation_size('items_v_idx'))),
	('table size', pg_size_pretty(pg_table_size('items')))) AS t (label, value);
SQL
}

# Ask engine $1 by function $2 with each of the other arguments as the effort, three
# times, in one session, whose first queries do not count.
ask_more()
{
	local engine=$1 function=$2

	shift 2
	PGOPTIONS='-c enable_seqscan=off -c enable_sort=off -c jit=off' run_psql -o /dev/null <<SQL
SELECT $function('warm-up', NULL, 20);
SELECT $function('$engine', effort, $sample)
FROM generate_series(1, 3), unnest('{$(IFS=,; printf '%s' "$*")}'::int[]) AS effort;
SQL
}

# The same queries with other efforts, and by pgvector if it is there: recall against
# time goes into a file.
picture()
{
	local rows dims effort efforts=()

	rows=$(run_psql -Atc 'SELECT count(*) FROM items')
	dims=$(run_psql -Atc 'SELECT cardinality(v) FROM items LIMIT 1')
	for ((effort = 250; effort <= rows; effort *= 2))
	do
		efforts+=("$effort")
	done
	ask_more annoy ask "${efforts[@]}"
	if [ "$rows" -le $pgvector_rows ] && [ "$dims" -le 2000 ] && run_psql -o /dev/null <<SQL 2>/dev/null
CREATE EXTENSION vector;
CREATE TABLE items_pgvector AS SELECT id, v::vector($dims) AS v FROM items;
CREATE INDEX ON items_pgvector USING hnsw (v vector_${metric}_ops);
ANALYZE items_pgvector;
SQL
	then
		make_asking ask_pgvector items_pgvector "vector($dims)" hnsw.ef_search
		ask_more 'pgvector hnsw' ask_pgvector 10 20 40 80 160
	fi
	if run_psql -At -f "$top/test/demo-svg.sql" >"$scratch/demo.svg" && cp "$scratch/demo.svg" "$svg"
	then
		say "Recall against time, of $sample queries with more and less effort, is in"
		say "$svg"
		say
	fi
}

words_demo()
{
	say "Loading 10,000 word embeddings of 64 dimensions"
	gzip -dc "$top/test/data/words.csv.gz" |
		run_psql -c 'CREATE EXTENSION annoy' \
			-c 'CREATE TABLE words (id serial, word text, v real[])' \
			-c '\copy words (word, v) FROM pstdin (FORMAT csv)'
	# every 50th word is a query and not in the index
	run_psql <<'SQL'
CREATE TABLE queries AS SELECT id, word, v FROM words WHERE id % 50 = 0;
CREATE TABLE items AS SELECT id, word, v FROM words WHERE id % 50 <> 0;
SQL
	say "Creating an index, and asking 200 words that are not in it for their 10 nearest"
	say
	measure
	picture
	say "The nearest words, by SELECT word FROM items ORDER BY v $operator (that word's v) LIMIT 7:"
	say
	run_psql -P format=aligned -P border=0 -P tuples_only <<SQL
SELECT '  ' || asked.word, string_agg(format('%s %s', found.word, round(d::numeric, 2)), ', ' ORDER BY d)
FROM unnest('{king,music,physics,bread,ship,blue,law}'::text[]) WITH ORDINALITY AS asked (word, n)
JOIN words USING (word),
LATERAL (SELECT items.word, items.v $operator words.v AS d
	FROM items ORDER BY items.v $operator words.v LIMIT 7) AS found
WHERE found.word <> asked.word
GROUP BY n, asked.word ORDER BY n;
SQL
}

texmex_demo()
{
	local bench=$scratch/src/test/bench/annoybench

	make -s -C "$scratch/src/test/bench" "PG_CONFIG=$pg_config"
	run_psql -c 'CREATE EXTENSION annoy'
	say "Loading $data"
	"$bench" --load --base "$data" --table items --column v
	if [ -n "$queries" ]
	then
		"$bench" --load --base "$queries" --table queries --column v
	else
		say "No QUERIES: taking 1,000 of the rows, each of which will find itself"
		run_psql <<'SQL'
CREATE TABLE queries AS
SELECT id, v FROM items
WHERE id % greatest(1, (SELECT count(*) / 1000 FROM items)) = 0;
SQL
	fi
	say "Creating an index, asking it all queries, and $sample of them without it"
	say
	measure
	if [ -n "$truth" ]
	then
		say "All queries, over the network protocol, compared with the exact answers in"
		say "$truth:"
		say
		"$bench" --base "$data" --queries "$queries" --truth "$truth" --metric "$metric" \
			--table items --column v --index-name items_v_idx --require-index
		say
	fi
	picture
}

demo()
{
	local root=$scratch/root

	say "Making a private copy of $("$pg_config" --version) in $root"
	private_postgres "$root"
	say "Building annoy and installing it there"
	copy_tree "$scratch/src"
	build_and_install "$scratch/src" || die "the build failed"
	say "Starting a private cluster in $scratch/server, as user $server_user"
	start_cluster <<'CONF'
max_wal_size = 4GB
CONF
	if [ -n "$data" ]
	then
		texmex_demo
	else
		words_demo
	fi
}

need_packages demo
make_scratch
run_job demo
say "Stopped the cluster and removed $scratch; nothing of it is left."
