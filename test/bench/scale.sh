#!/bin/bash
# make bench-scale: measure how builds, queries and changes grow with the number of
# rows, and what many clients wait for.
#
# Copyright (c) 2026, the annoy developers
#
# All variables are optional:
#
#	ROWS		numbers of rows, by default 1000000,5000000,10000000
#	DIMENSIONS	of the vectors that are generated, 96 by default
#	BASE, QUERIES	TEXMEX files to be used instead, with EXTRA more rows than ROWS
#	MEMORY		maintenance_work_mem of builds, by default 64MB,2GB; queries and
#			changes are of the last of them
#	PROCESSES	of a build, by default one for each processor
#	PARTS		what is measured, by default "cold changes clients"; builds and queries
#			always are
#	AT		annoy.target_recall of the queries, .95,.99 by default
#	MAX_QUERIES	use only so many queries, 500 by default
#	EXTRA		rows that are inserted, 100000 by default
#	CLIENTS		numbers of clients, 2,8,32,64 by default
#	MIXES		percents of INSERTs among their statements, 0,10,50 by default
#	DURATION	seconds for each of these, 10 by default
#	WITH		storage parameters of the index
#	OUT		where data and results go, test/bench/out by default
#
# The result is a table in Markdown, one of the clients, and files of CSV.  Ten million
# rows need 20 GB of disk.
#
# For each number of rows and value of MEMORY there are the build's time, processor
# time, memory, size, WAL and temporary files; then recall@10, queries a second of one
# client, and a query's time in round trips, when index and table are in memory.  PARTS:
#
#	cold		the same when shared buffers are a half and a quarter of the
#			index: with the rest in the operating system's cache, and with
#			that emptied of index and table ten times a second, so that
#			shared buffers are all the memory there is
#	changes		rows inserted a second by one statement; and VACUUM when one row in
#			a hundred has been deleted
#	clients		statements a second by pgbench, and waits: see waits.sql

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

sizes=${ROWS:-1000000,5000000,10000000}
dimensions=${DIMENSIONS:-96}
memory=${MEMORY:-64MB,2GB}
processes=${PROCESSES:-$(nproc)}
parts=${PARTS:-cold changes clients}
at=${AT:-.95,.99}
max_queries=${MAX_QUERIES:-500}
extra=${EXTRA:-100000}
clients=${CLIENTS:-2,8,32,64}
mixes=${MIXES:-0,10,50}
duration=${DURATION:-10}
with=${WITH:-}
table=scale
index=${table}_builds_idx

wanted()
{
	[[ " $parts " == *" $1 "* ]]
}

# Add a figure of the present number of rows.
note()
{
	printf '%s,"%s",%s\n' "$n" "$1" "$2" >>"$csv"
}

# Divide, with so many digits.
quotient()
{
	awk -v a="$1" -v b="$2" -v digits="$3" 'BEGIN {printf "%.*f", digits, a / b}'
}

# ---- data ----

# Generate vectors, unless they are there.
make_vectors()
{
	if [ -s "$base" ]
	then
		return 0
	fi
	say "Generating $((largest + extra)) vectors of $dimensions dimensions"
	"$python" "$bench/generate.py" --rows $((largest + extra)) --dimensions "$dimensions" --queries 1000 \
		--clusters $((largest < 100000 ? 100 : largest / 1000)) --groups 100 --tail 0.8 --spread 2 --intrinsic 24 \
		"$scratch/made"
	mv "$scratch/made_query.fvecs" "$queries"
	mv "$scratch/made_base.fvecs" "$base"
}

choose_data()
{
	local size

	largest=0
	for size in ${sizes//,/ }
	do
		[[ $size =~ ^[1-9][0-9]*$ ]] || die "ROWS must be numbers, not \"$sizes\""
		[ "$size" -le "$largest" ] || largest=$size
	done
	mkdir -p "$out"
	out=$(cd "$out" && pwd -P)
	csv=$out/scale.csv
	if [ -n "${BASE:-}" ]
	then
		base=$BASE
		queries=${QUERIES:?BASE needs QUERIES}
	else
		"$python" -c 'import numpy' 2>/dev/null || die "Please install python3-numpy"
		base=$out/scale-$largest-$dimensions.fvecs
		queries=$out/scale-$largest-$dimensions-query.fvecs
		run_job make_vectors
	fi
	look_at "$base"
	[ $((largest + extra)) -le "$file_rows" ] ||
		die "\"$base\" has $file_rows rows, and $((largest + extra)) are needed"
}

# Load rows, and those that follow them in the file into more_rows.
load()
{
	say "$n rows"
	client --load --base "$base" --rows $((n + extra)) --drop
	run_psql <<SQL
DROP TABLE IF EXISTS more_rows;
CREATE TABLE more_rows AS SELECT * FROM $table WHERE id >= $n;
ALTER TABLE more_rows ADD PRIMARY KEY (id);
DELETE FROM $table WHERE id >= $n;
VACUUM ANALYZE $table;
ANALYZE more_rows;
SQL
	note "table, MB" $(($(run_psql -At -c "SELECT pg_table_size('$table')") / 1000000))
}

# ---- the parts ----

build()
{
	local setting time used bytes index_bytes wal files

	for setting in ${memory//,/ }
	do
		run_psql -c CHECKPOINT
		PATH=$bindir:$PATH "$scratch/src/test/bench/builds.pl" scale --table "$table" --processes "$processes" \
			--memory "$setting" ${with:+--with "$with"} --keep --csv "$scratch/build.csv"
		IFS=, read -r _ _ time used bytes index_bytes wal files < <(tail -n 1 "$scratch/build.csv")
		note "$setting: build, s" "$time"
		note "$setting: processor time, s" "$used"
		note "$setting: processor time / n log2 n, ns" \
			"$(awk -v t="$used" -v n="$n" 'BEGIN {printf "%.0f", 1e9 * t / (n * log(n) / log(2))}')"
		note "$setting: memory, MB" $((bytes / 1000000))
		note "$setting: index, MB" "$(quotient "$index_bytes" 1000000 0)"
		note "$setting: WAL / index" "$(quotient "$wal" "$index_bytes" 2)"
		note "$setting: temporary files, bytes a row" $((files / n))
		ask "$setting: " "$at"
	done
}

# Note recall and speed of queries that ask for these recalls.
ask()
{
	client --base "$base" --rows "$n" --queries "$queries" --max-queries "$max_queries" \
		--truth-cache "$out/scale-$n.truth" --require-index --set annoy.target_recall --values "$2"
	while IFS=, read -r value recall qps floor
	do
		note "$1recall@10, asked for $value" "$recall"
		note "$1queries a second, for $value" "$qps"
		note "$1a query in round trips, for $value" "$floor"
	done < <(measured 12,13,15,20)
}

# Set shared buffers to so many bytes, at least 16 MB.
restart_with()
{
	run_psql -c "ALTER SYSTEM SET shared_buffers = '$(($1 / 1048576 > 16 ? $1 / 1048576 : 16))MB'"
	(
		cd "$scratch/server"
		"${as_server[@]}" "$bindir/pg_ctl" -w -t 600 -D "$scratch/server/data" -l "$scratch/server/log" restart
	) >/dev/null
}

pages_read()
{
	# a session that has ended has told what it read
	run_psql -At -c "SELECT pg_sleep(1)" >/dev/null
	run_psql -At -c "SELECT heap_blks_read + coalesce(idx_blks_read, 0) FROM pg_statio_user_tables WHERE relname = '$table'"
}

cold()
{
	local size part before files evictor

	size=$(run_psql -At -c "SELECT pg_relation_size('$index')")
	for part in 2 4
	do
		restart_with $((size / part))
		before=$(pages_read)
		ask "index $part x shared buffers: " .95
		# twice: queries are run once before it counts
		note "index $part x shared buffers: pages read a query" \
			"$(quotient $(($(pages_read) - before)) $((2 * max_queries)) 1)"

		mapfile -t files < <(run_psql -At -c "SELECT pg_relation_filepath(r) FROM (VALUES ('$table'), ('$index')) t(r)" |
			sed "s|^|$scratch/server/data/|" | while read -r file; do ls "$file" "$file".[0-9]* 2>/dev/null || true; done)
		sync "${files[@]}"
		"$python" -c 'import os, sys, time
files = [os.open(name, os.O_RDONLY) for name in sys.argv[1:]]
while True:
    for file in files:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(.1)' "${files[@]}" &
		evictor=$!
		ask "index $part x all memory: " .95
		kill "$evictor"
		wait "$evictor" 2>/dev/null || true
	done
	restart_with "$buffers"
}

# Note what a statement that changes rows takes.
note_statement()
{
	local lsn start end

	lsn=$(run_psql -At -c 'SELECT pg_current_wal_insert_lsn()')
	start=${EPOCHREALTIME/./}
	processor_time "$2"
	end=${EPOCHREALTIME/./}
	note "$1, rows a second" "$(quotient $(($3 * 1000000)) $((end - start)) 0)"
	note "$1, s" "$(quotient $((end - start)) 1000000 2)"
	note "$1, processor time, us a row" "$(awk -v t="$cpu" -v n="$3" 'BEGIN {printf "%.1f", 1e6 * t / n}')"
	note "$1, WAL, bytes a row" $(($(run_psql -At -c "SELECT pg_current_wal_insert_lsn() - '$lsn'") / $3))
}

changes()
{
	run_psql -c CHECKPOINT
	note_statement "INSERT" "INSERT INTO $table SELECT * FROM more_rows" "$extra"
	run_psql -c "DELETE FROM $table WHERE id % 100 = 7" -c CHECKPOINT
	note_statement "VACUUM of 1 %" "VACUUM $table" $((n / 100))
}

# Searches and insertions by many clients, and what they wait for.
clients()
{
	local mix c result

	client --load --base "$queries" --table queries --drop
	run_psql -f "$bench/waits.sql"
	cat >"$scratch/search.sql" <<SQL
\\set q random(0, $max_queries - 1)
SELECT id FROM $table ORDER BY embedding <-> (SELECT embedding FROM queries WHERE id = :q) LIMIT 10;
SQL
	cat >"$scratch/insert.sql" <<SQL
\\set r random($n, $((n + extra - 1)))
INSERT INTO $table SELECT * FROM more_rows WHERE id = :r;
SQL
	run_psql -c 'ALTER TABLE queries ADD PRIMARY KEY (id)' -c 'ANALYZE queries' -c CHECKPOINT
	for mix in ${mixes//,/ }
	do
		for c in ${clients//,/ }
		do
			PGOPTIONS='-c enable_seqscan=off -c enable_sort=off' "$bindir/pgbench" -n -M prepared -c "$c" \
				-j "$(nproc)" -T $((duration + 2)) \
				-f "$scratch/search.sql@$((100 - mix))" -f "$scratch/insert.sql@$mix" >"$scratch/pgbench" 2>&1 &
			sleep 1
			result=$(run_psql -At -c "SELECT samples, round(sessions::numeric, 1), round(100 * waiting::numeric, 2),
				events, round(100 * page::numeric, 2), which FROM sample_waits($duration)")
			wait $! || die "$(cat "$scratch/pgbench")"
			awk -v n="$n" -v mix="$mix" -v c="$c" -v result="$result" '
				/^tps = / {printf "%s|%s|%s|%.0f|%s\n", n, mix, c, $3, result}' "$scratch/pgbench" |
				tee -a "$out/scale-clients.psv"
		done
	done
}

# ---- tables ----

tables()
{
	awk '
		function csv(line) {
			match(line, /,".*",/)
			size = substr(line, 1, RSTART - 1)
			name = substr(line, RSTART + 2, RLENGTH - 4)
			value = substr(line, RSTART + RLENGTH)
		}
		{
			csv($0)
			if (!(size in place)) {place[size] = ++nsizes; sizes[nsizes] = size}
			if (!(name in known)) {known[name] = 1; names[++nnames] = name}
			figure[name, size] = value
		}
		END {
			printf "| |"
			for (s = 1; s <= nsizes; s++) printf " %s rows |", sizes[s]
			printf "\n|---|"
			for (s = 1; s <= nsizes; s++) printf "---|"
			printf "\n"
			for (i = 1; i <= nnames; i++) {
				printf "| %s |", names[i]
				for (s = 1; s <= nsizes; s++) printf " %s |", figure[names[i], sizes[s]]
				printf "\n"
			}
		}' "$csv"
	[ -s "$out/scale-clients.psv" ] || return 0
	echo
	awk -F '|' '
		BEGIN {
			print "| rows | INSERTs | clients | statements a second | at work | waiting for locks | for what | for one page, at most |"
			print "|---|---|---|---|---|---|---|---|"
		}
		{
			printf "| %s | %s %% | %s | %s | %s | %s %% | %s | %s %% %s |\n", $1, $2, $3, $4, $6, $7, $8, $9, $10
			if ($6 == "") unseen++
			if ($9 > highest) {highest = $9; where = $10 ", " $3 " clients, " $2 " % INSERTs"}
		}
		END {
			if (highest > 1)
				print "\nSome page is waited for, " highest " % of the time at most: " where "."
			else
				print "\nNo page is waited for more than 1 % of the time."
			if (unseen)
				print "No session was seen at work in " unseen " of these: too much else is."
		}' "$out/scale-clients.psv"
}

measure()
{
	local n

	build_release
	buffers=$(awk '$1 == "MemTotal:" {printf "%d", $2 * 1024 / 4}' /proc/meminfo)
	start_cluster <<CONF
shared_buffers = $((buffers / 1048576))MB
maintenance_work_mem = ${memory##*,}
max_parallel_maintenance_workers = $((processes - 1))
max_worker_processes = $((processes + 8))
max_parallel_workers = $((processes + 8))
max_parallel_workers_per_gather = 0
max_connections = $((${clients##*,} + 20))
jit = off
autovacuum = off
max_wal_size = 8GB
checkpoint_timeout = 1h
CONF
	run_psql -c 'CREATE EXTENSION annoy'
	metric=l2
	: >"$csv"
	: >"$out/scale-clients.psv"
	for n in ${sizes//,/ }
	do
		load
		build
		! wanted cold || cold
		! wanted changes || changes
		! wanted clients || clients
		tables >"$out/scale.md"
	done
	cat "$out/scale.md"
}

need_packages demo
make_scratch
choose_data
run_job measure
