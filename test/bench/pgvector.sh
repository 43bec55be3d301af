#!/bin/bash
# pgvector.sh: annoy on columns of pgvector's type, beside annoy on real[] and pgvector's own
# hnsw, on the same rows and queries.
#
# Copyright (c) 2026, the annoy developers
#
# Variables:
#
#	PGVECTOR	directory where pgvector was installed by "make install
#			DESTDIR=...", if it is not in the server's own
#	BASE, QUERIES	TEXMEX files; otherwise a set is made from the text of
#			Debian's package wordnet-base
#	TRUTH		exact neighbours, .ivecs; computed otherwise
#	METRIC		l2, cosine, ip or l1
#	SET		the set's name, by default BASE's
#	ROWS		use only so many rows
#	AT		annoy.target_recall of the queries, .95,.99 by default
#	EFS		hnsw.ef_search, 40,100,200 by default
#	ROUNDS		how often the two kinds of column take turns, 11 by default
#	CPU		processor that queries are pinned to
#	OUT		where results go, test/bench/out by default
#
# The result is a table in Markdown: size and seconds of the build of each index; for each value
# of the setting, recall@10 and the median time of queries in microseconds, where a query for a
# column of vector is sent as an array, and converted by the server.  The line below is for
# what is compared most closely, annoy on vector and on real[]: the server's processor time for
# all queries in one statement, the median of rounds in which the two take turns.

# lib.sh forgets variables that begin with PG
pgvector_dir=${PGVECTOR:-}

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

at=${AT:-.95,.99}
efs=${EFS:-40,100,200}
rounds=${ROUNDS:-11}
processor=${CPU:-$(($(nproc) - 1))}

# Create an index on the table $table, with options to come, and begin its line.
build_index()
{
	local start=$EPOCHREALTIME

	client --base "$base" --rows "$rows" --create-index "$@"
	awk -v start="$start" -v end="$EPOCHREALTIME" \
		-v size="$(run_psql -At -c "SELECT pg_indexes_size('$table')")" \
		'BEGIN {printf " %.1f MB | %.1f s |", size / 1e6, end - start}' >"$scratch/$table.line"
}

# Ask the index for values of a setting, with options to come: lines "value recall time".
ask()
{
	local setting=$1 values=$2

	shift 2
	if [ -n "$truth" ]
	then
		set -- --truth "$truth" "$@"
	else
		set -- --truth-cache "$out/$set-$rows-pgvector.truth" "$@"
	fi
	client --base "$base" --rows "$rows" --queries "$queries" --passes 1 --require-index \
		--set "$setting" --values "$values" "$@"
	awk -F , '
		NR == 1 {for (i = 1; i <= NF; i++) column[$i] = i}
		NR > 1 {print $(column["value"]), $(column["recall"]), $(column["p50_us"])}' "$scratch/csv"
}

# Processor time of queries for all rows of the table of queries, by the index.
time_queries()
{
	processor_time "SET enable_seqscan = off; SET enable_sort = off; \
		SELECT count(*) FROM queries_${table#rows_} q, LATERAL (
			SELECT id FROM $table r ORDER BY r.embedding $operator q.embedding LIMIT 10) n"
	echo "$cpu"
}

# A cell of lines "value recall time".
cell()
{
	awk '{printf "%s%.4f in %.0f", (NR > 1 ? ", " : " "), $2, $3} END {print " |"}'
}

measure()
{
	local round table

	build_release
	start_server "$(nproc)"
	run_psql -c 'CREATE EXTENSION vector' -c 'CREATE EXTENSION annoy_vector'
	table=rows_real
	client --load --base "$base" --rows "$rows" --drop
	# shellcheck disable=SC2154
	run_psql -c "CREATE TABLE rows_vector AS SELECT id, embedding::vector($dim) AS embedding FROM rows_real" \
		-c 'VACUUM (FREEZE, ANALYZE) rows_vector' -c 'VACUUM (FREEZE, ANALYZE) rows_real'
	table=queries_real
	client --load --base "$queries" --drop
	run_psql -c "CREATE TABLE queries_vector AS SELECT id, embedding::vector($dim) AS embedding FROM queries_real"

	table=rows_vector
	say "hnsw on vector"
	build_index --method hnsw --opclass "vector_${metric}_ops"
	pin_server "$processor"
	# shellcheck disable=SC2016
	ask hnsw.ef_search "$efs" --method hnsw --parameter '$1::real[]::vector' >"$scratch/hnsw"
	mv "$scratch/$table.line" "$scratch/hnsw.line"
	run_psql -c 'DROP INDEX rows_vector_hnsw_idx'
	pin_server "0-$(($(nproc) - 1))"

	say "annoy on vector and on real[]"
	build_index --opclass "vector_${metric}_ops"
	table=rows_real
	build_index
	pin_server "$processor"
	ask annoy.target_recall "$at" >"$scratch/real"
	table=rows_vector
	# shellcheck disable=SC2016
	ask annoy.target_recall "$at" --parameter '$1::real[]::vector' >"$scratch/vector"
	for ((round = 0; round <= rounds; round++))
	do
		for table in rows_real rows_vector
		do
			time_queries
		done | paste -s -d ' '
	done | tail -n +2 >"$scratch/times"
	{
		echo "| index | size | build | recall@10 in µs |"
		echo "|---|---|---|---|"
		echo "| annoy on \`real[]\` |$(cat "$scratch/rows_real.line")$(cell <"$scratch/real")"
		echo "| annoy on \`vector\` |$(cat "$scratch/rows_vector.line")$(cell <"$scratch/vector")"
		echo "| hnsw on \`vector\` |$(cat "$scratch/hnsw.line")$(cell <"$scratch/hnsw")"
		echo
		awk '{print $2 / $1}' "$scratch/times" | sort -g | awk '
			{ratio[NR] = $1}
			END {printf "Processor time on vector, real[] = 1: %.3f (%.3f to %.3f in %d rounds)\n",
				ratio[int((NR + 1) / 2)], ratio[1], ratio[NR], NR}'
	} | tee "$out/$set-$rows-pgvector.md"
}

need_packages demo
make_scratch
choose_set
run_job measure
