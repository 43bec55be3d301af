#!/bin/bash
# make demo: nearest-neighbour search in PostgreSQL, from nothing to answers.
#
# Copyright (c) 2026, the annoy developers
#
# Without arguments the word embeddings in test/data; with DATA (and QUERIES,
# TRUTH, METRIC) in the environment, TEXMEX files of the caller's.

. "$(dirname "$0")/lib.sh"

data=${DATA:-}
queries=${QUERIES:-}
truth=${TRUTH:-}
metric=${METRIC:-}

# As many queries are answered by a sequential scan, to be compared.
sample=200

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

# Tables items (id, v) and queries (id, v) are loaded: build the index, and
# answer the same queries with it and without.
#
# A function does the asking, so that the times are the server's and know
# nothing of psql.  The other half runs in a session of its own, because a plan
# once cached would not notice that enable_indexscan has changed.
measure()
{
	run_psql <<SQL
CREATE TABLE answers (by_index boolean, query int, ms float8, distances float8[]);
CREATE TABLE facts (build interval);

CREATE FUNCTION answer(by_index boolean, n int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	q record;
	started timestamptz;
	answer float8[];
BEGIN
	FOR q IN SELECT id, v FROM queries ORDER BY id LIMIT n LOOP
		started := clock_timestamp();
		SELECT array_agg(d) INTO answer
		FROM (SELECT v $operator q.v AS d FROM items ORDER BY v $operator q.v LIMIT 10) AS nearest;
		INSERT INTO answers VALUES (by_index, q.id,
			1000 * extract(epoch FROM clock_timestamp() - started), answer);
	END LOOP;
END \$\$;

SELECT clock_timestamp() AS started \gset
CREATE INDEX items_v_idx ON items USING annoy (v real_${metric}_ops);
INSERT INTO facts SELECT clock_timestamp() - :'started';
VACUUM ANALYZE items;
ANALYZE queries;
SQL

	# does the planner see it that way?
	run_psql -At <<SQL >"$scratch/plan"
EXPLAIN SELECT id FROM items ORDER BY v $operator (SELECT v FROM queries LIMIT 1) LIMIT 10;
SQL
	if ! grep -q 'Index Scan using items_v_idx' "$scratch/plan"
	then
		cat "$scratch/plan" >&2
		die "the planner did not choose the index"
	fi

	run_psql -c 'SELECT answer(true, NULL)' -o /dev/null
	PGOPTIONS='-c enable_indexscan=off -c jit=off' \
		run_psql -c "SELECT answer(false, $sample)" -o /dev/null

	run_psql -P format=aligned -P border=0 -P tuples_only <<'SQL'
WITH recall AS (
	SELECT count(*) AS queries, avg(hits) / 10 AS recall
	FROM answers AS e JOIN answers AS a USING (query),
	LATERAL (SELECT count(*) FILTER (WHERE d <= e.distances[10]) AS hits
			 FROM unnest(a.distances) AS d) AS counted
	WHERE a.by_index AND NOT e.by_index),
speed AS (
	SELECT by_index, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
	FROM answers GROUP BY by_index)
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
