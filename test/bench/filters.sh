#!/bin/bash
# Measure searches with a condition that one row of so many meets, once with the
# column in the index, once without, on one data set.
#
# Copyright (c) 2026, the annoy developers
#
#	BASE, QUERIES	TEXMEX files
#
# These are optional:
#
#	METRIC		l2 (the default), cosine, ip or l1
#	ROWS		use only so many rows, 100000 by default
#	MAX_QUERIES	use only so many queries, 100 by default
#	PARTS		one row of how many: by default 50,100,500,1000,10000
#	LIMIT		rows that are wanted, 10 by default
#	PASSES		executions of which the fastest counts, 3 by default
#	OPTIONS		settings for the server, as in "-c annoy.target_recall=.9"
#
# Prints, for each condition: rows that should be returned and that are, recall
# against the exact answers, and microseconds of a search.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

base=${BASE:-}
queries=${QUERIES:-}
metric=${METRIC:-l2}
rows=${ROWS:-100000}
max_queries=${MAX_QUERIES:-100}
parts=${PARTS:-50,100,500,1000,10000}
limit=${LIMIT:-10}
passes=${PASSES:-3}
options=${OPTIONS:-}

measure()
{
	build_release
	start_server 1
	"$annoybench" --load --base "$base" --rows "$rows" --table base
	"$annoybench" --load --base "$queries" --rows "$max_queries" --table queries
	say "Measuring: recall@$limit of $max_queries queries, times in microseconds"
	PGOPTIONS=$options "$bindir/psql" -X -q -v op="$operator" -v opclass="real_${metric}_ops" -v parts="{$parts}" \
		-v limit="$limit" -v passes="$passes" -f "$bench/filters.sql"
}

choose_operator
for file in "$base" "$queries"
do
	[ -r "$file" ] || die "BASE and QUERIES must be files: cannot read \"$file\""
done
need_packages demo
make_scratch
run_job measure
