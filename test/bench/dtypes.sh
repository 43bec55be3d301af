#!/bin/bash
# dtypes.sh: measure what each dtype costs, side by side on one data set.
#
# Copyright (c) 2026, the annoy developers
#
# All variables are optional:
#
#	BASE, QUERIES	TEXMEX files; otherwise a set is made from the text of
#			Debian's package wordnet-base
#	TRUTH		exact neighbours, .ivecs; computed otherwise
#	METRIC		l2, cosine, ip or l1
#	SET		the set's name, by default BASE's
#	ROWS		use only so many rows
#	INSERTS		rows that are inserted afterwards, 5,000 by default
#	DTYPES		storage parameters dtype, by default all that a column of real[]
#			can have
#	AT		annoy.target_recall of the queries, .95,.99 by default
#	STORAGE		of the column: external (the default), plain, extended or main
#	CPU		processor that queries are pinned to
#	OUT		where results go, test/bench/out by default
#
# The result is a table in Markdown: size of the index, seconds of the build and WAL
# that it writes, rows inserted a second and bytes of WAL that the index adds to each,
# then recall@10 and time of queries, in round trips (the median of queries in units of
# the median of SELECT 1, by turns), for each recall that was asked for.  The inserted
# rows are those that follow the rows of the build in the file.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

inserts=${INSERTS:-5000}
dtypes=${DTYPES:-float64 float32 float16 int8 none}
at=${AT:-.95,.99}
storage=${STORAGE:-external}
cpu=${CPU:-$(($(nproc) - 1))}
table=rows_real
index=${table}_annoy_idx

# Set seconds and wal to what a statement takes and writes.
measure_statement()
{
	local result

	result=$(run_psql -At <<SQL
SELECT pg_current_wal_insert_lsn() AS lsn, clock_timestamp() AS start \\gset
$1;
SELECT extract(epoch FROM clock_timestamp() - :'start'::timestamptz),
       pg_current_wal_insert_lsn() - :'lsn'::pg_lsn;
SQL
	)
	seconds=${result%|*}
	wal=${result#*|}
}

# Print a line of the table for a dtype.
measure_dtype()
{
	local size build build_wal

	run_psql -c "DROP INDEX IF EXISTS $index" -c "DELETE FROM $table WHERE id >= $rows" -c "VACUUM $table" -c CHECKPOINT
	measure_statement "CREATE INDEX $index ON $table USING annoy (embedding real_${metric}_ops) WITH (dtype = $1)"
	build=$seconds
	build_wal=$wal
	size=$(run_psql -At -c "SELECT pg_relation_size('$index')")
	run_psql -c CHECKPOINT
	pin_server "$cpu"
	client --base "$base" --rows "$rows" --queries "$queries" ${truth:+--truth "$truth"} \
		--truth-cache "$out/$set-$rows-dtypes.truth" --passes 3 --require-index \
		--set annoy.target_recall --values "$at"
	pin_server "0-$(($(nproc) - 1))"
	awk -F , '
		NR == 1 {for (i = 1; i <= NF; i++) column[$i] = i}
		NR > 1 {printf " %.4f in %.1f |", $(column["recall"]), $(column["p50_us"]) / $(column["floor_us"])}' \
		"$scratch/csv" >"$scratch/queries"
	# full-page images are those of rows that the measured ones follow
	run_psql -c "INSERT INTO $table SELECT * FROM more_rows LIMIT $inserts / 5"
	measure_statement "INSERT INTO $table SELECT * FROM more_rows OFFSET $inserts / 5"
	awk -v dtype="$1" -v size="$size" -v build="$build" -v build_wal="$build_wal" -v seconds="$seconds" -v wal=$((wal - table_wal)) \
		-v inserts=$((inserts - inserts / 5)) 'BEGIN {
			printf "| `%s` | %.1f MB | %.2f s | %.2f | %d | %d |", dtype, size / 1e6, build, build_wal / size,
				inserts / seconds, wal / inserts}'
	cat "$scratch/queries"
	echo
}

measure()
{
	local dtype table_wal

	build_release
	start_cluster <<CONF
shared_buffers = $(awk '$1 == "MemTotal:" {print int($2 / 1024 / 4)}' /proc/meminfo)MB
maintenance_work_mem = 2GB
max_parallel_maintenance_workers = $(($(nproc) - 1))
max_parallel_workers_per_gather = 0
full_page_writes = off
jit = off
autovacuum = off
max_wal_size = 8GB
checkpoint_timeout = 1h
CONF
	run_psql -c 'CREATE EXTENSION annoy'
	client --load --base "$base" --rows $((rows + inserts)) --storage "$storage" --drop
	run_psql -c "CREATE TABLE more_rows AS SELECT * FROM $table WHERE id >= $rows" -c "ANALYZE $table"
	# what the table alone writes
	run_psql -c "CREATE TABLE no_index (LIKE $table)"
	measure_statement "INSERT INTO no_index SELECT * FROM more_rows OFFSET $inserts / 5"
	table_wal=$wal
	{
		echo "| dtype | size | build | WAL of it, index = 1 | rows inserted a second | WAL of each |" \
			"recall@10 in round trips, asked for ${at//,/ | } |"
		echo "|---|---|---|---|---|---|$(sed 's/[^,]*,\?/---|/g' <<<"$at")"
		for dtype in $dtypes
		do
			measure_dtype "$dtype"
		done
	} | tee "$out/$set-$rows-dtypes.md"
}

need_packages demo
make_scratch
choose_set
[ -n "${ROWS:-}" ] || rows=$((rows - inserts))
[ $((rows + inserts)) -le "$file_rows" ] || die "\"$base\" has only $file_rows rows, and $inserts are inserted"
run_job measure
