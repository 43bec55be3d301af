#!/bin/bash
# make targets: measure which recall comes out when one is asked for.
#
# Copyright (c) 2026, the annoy developers
#
# The queries ask for annoy.target_recall = .90, .95 and .99 and k = 1, 10, 100
# and 1,000 rows, of an index
#
#	built		on all rows
#	grown		that was built on a third of them, when the rest has been inserted
#	halved		on all rows, when every other one has been deleted
#
# of the latter before and after VACUUM.
#
# All variables are optional:
#
#	BASE, QUERIES	TEXMEX files; otherwise a set is made from the text of
#			Debian's package wordnet-base
#	METRIC		l2, cosine, ip or l1
#	SET		the set's name, by default BASE's
#	ROWS		use only so many rows
#	MAX_QUERIES	use only so many queries, 1,000 by default
#	DEEP_QUERIES	of these for k = 1,000, by default all
#	WITH		storage parameters
#	OUT		where results go, test/bench/out by default
#
# The result is a table in Markdown and a file of CSV.  A recall is bold if it is
# lower than the one asked for by more than .01, or higher by more than .03.
#
# With the argument "trees", it is measured instead what several trees cost, and
# which recall@10 comes of how many entries scanned.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

max_queries=${MAX_QUERIES:-1000}
deep_queries=${DEEP_QUERIES:-$max_queries}
with=${WITH:-}
mode=${1:-targets}
table=rows_real
index=${table}_annoy_idx

# ---- recall asked for and reached ----

# Measure a state of the index, when the table holds the first $3 rows of a file.
# The file's row numbers are the expression $4.
measure_state()
{
	local state=$1 file=$2 n=$3 id=$4 k few

	say "$set, $n rows, $state"
	# what has been computed for a larger k serves for a smaller one
	for k in 1000 100 10 1
	do
		if [ "$k" -gt "$n" ]
		then
			continue
		fi
		few=$max_queries
		if [ "$k" -eq 1000 ]
		then
			few=$deep_queries
		fi
		client --base "$file" --rows "$n" --queries "$queries" --max-queries "$few" --limit "$k" --id "$id" \
			--truth-cache "$out/$set-$rows-$(basename "${file%.*}").truth$few" --warmup 0 --require-index \
			--set annoy.target_recall --values .90,.95,.99
		measured 8,9,12,13 | sed "s/^/$set,$n,$state,/" >>"$csv"
	done
}

# Create the index, and tell what part of the time the recall curve takes.
build()
{
	local all

	processor_time "CREATE INDEX $index ON $table USING annoy (embedding real_${metric}_ops)${with:+ WITH ($with)}"
	all=$cpu
	processor_time "SELECT annoy_calibrate('$index')"
	build=$(awk -v all="$all" -v curve="$cpu" \
		'BEGIN {printf "Build: %.2f s of processor time, of which %.2f (%.1f %%) for the recall curve", all, curve, 100 * curve / all}')
}

# A table: a line for each state, with the recalls of a k in a column.
table_of_recalls()
{
	awk -F , '
		NR > 1 {
			if (!($3 in seen)) {states[++n] = $3; seen[$3] = 1}
			off = $7 - $6
			figure = sprintf("%.3f", $7)
			sub(/^0/, "", figure)
			if (off < -.01005 || off > .03005)
				figure = "**" figure "**"
			cell[$3, $4] = cell[$3, $4] " " figure
		}
		END {
			print "| | `LIMIT 1` | `LIMIT 10` | `LIMIT 100` | `LIMIT 1000` |"
			print "|---|---|---|---|---|"
			for (i = 1; i <= n; i++) {
				line = "| " states[i] " |"
				for (k = 1; k <= 1000; k *= 10)
					line = line cell[states[i], k] " |"
				print line
			}
		}' "$csv"
}

targets()
{
	local third=$((rows / 3)) half=$scratch/half.${base##*.} build

	build_release
	start_server 1
	csv=$out/$set-$rows-targets.csv
	printf 'set,rows,state,k,queries,target,recall\n' >"$csv"

	client --load --base "$base" --rows "$third" --drop
	build
	client --load --base "$base" --rows "$rows" --table all_rows
	run_psql -c "INSERT INTO $table SELECT * FROM all_rows WHERE id >= $third" \
		-c 'DROP TABLE all_rows' -c "ANALYZE $table" -c CHECKPOINT
	measure_state grown "$base" "$rows" id
	run_psql -c "VACUUM $table" -c CHECKPOINT
	measure_state "grown and vacuumed" "$base" "$rows" id

	run_psql -c "DROP INDEX $index"
	build
	measure_state built "$base" "$rows" id

	"$python" -c 'import sys, numpy
base, rows, size, half = sys.argv[1:]
numpy.memmap(base, "u1", "r", shape=(int(rows), int(size)))[1::2].tofile(half)' "$base" "$rows" "$row_bytes" "$half"
	run_psql -c "DELETE FROM $table WHERE id % 2 = 0" -c "ANALYZE $table"
	measure_state halved "$half" $((rows / 2)) '(id / 2)'
	run_psql -c "VACUUM $table"
	measure_state "halved and vacuumed" "$half" $((rows / 2)) '(id / 2)'

	say "$build"
	table_of_recalls | tee "$out/$set-$rows-targets.md"
}

# ---- trees ----

trees()
{
	local n_trees efforts effort bytes entries recall

	build_release
	start_server 1
	csv=$out/$set-$rows-trees.csv
	printf 'set,rows,n_trees,build_s,bytes_per_row,search_k,entries,recall\n' >"$csv"
	efforts=1000,2000,4000,8000,16000,32000

	client --load --base "$base" --rows "$rows" --drop
	for n_trees in 1 2 3 4 8
	do
		say "$set, $rows rows, n_trees = $n_trees"
		run_psql -c "DROP INDEX IF EXISTS $index"
		processor_time "CREATE INDEX $index ON $table USING annoy (embedding real_${metric}_ops) WITH (n_trees = $n_trees)"
		bytes=$(run_psql -At -c "SELECT pg_relation_size('$index') / $rows")
		client --base "$base" --rows "$rows" --queries "$queries" --max-queries "$max_queries" --warmup 0 \
			--truth-cache "$out/$set-$rows-trees.truth" --require-index --set annoy.search_k --values "$efforts"
		measured 12,13 |
			while IFS=, read -r effort recall
			do
				entries=$(run_psql -At -c "SELECT round(entries) FROM annoy_recall('$index', search_k => $effort)")
				printf '%s,%s,%s,%s,%s,%s,%s,%s\n' "$set" "$rows" "$n_trees" "$cpu" "$bytes" "$effort" "$entries" "$recall"
			done >>"$csv"
	done

	awk -F , '
		NR > 1 && !($3 in build) {trees[++n] = $3; build[$3] = $4; bytes[$3] = $5}
		NR > 1 {
			figure = sprintf("%.3f", $8)
			sub(/^0/, "", figure)
			recall[$3] = recall[$3] " " figure " |"
			if (n == 1)
				efforts = efforts " " $6 " |"
		}
		END {
			print "| `n_trees` | bytes a row | build |" efforts
			gsub(/[^|]+/, "---", efforts)
			print "|---|---|---|" efforts
			for (i = 1; i <= n; i++)
				printf "| %d | %d | %.2f |%s\n", trees[i], bytes[trees[i]], build[trees[i]] / build[trees[1]], recall[trees[i]]
		}' "$csv" | tee "$out/$set-$rows-trees.md"
}

# ---- what to do ----

need_packages demo
"$python" -c 'import numpy' 2>/dev/null || die "Please install python3-numpy"
case $mode in
	targets | trees) ;;
	*) die "unknown argument \"$mode\": see the head of $0" ;;
esac
make_scratch
choose_set
run_job "$mode"
