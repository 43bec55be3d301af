#!/bin/bash
# Measure searches with conditions, with their columns in the index and without, on one data
# set, and those of pgvector's hnsw index with iterative scans.
#
# Copyright (c) 2026, the annoy developers
#
#	BASE, QUERIES	TEXMEX files
#
# These are optional:
#
#	METRIC		l2 (the default), cosine, ip or l1
#	ROWS		use only so many rows, 100000 by default
#	MAX_QUERIES	use only so many queries, 200 by default
#	PARTS		conditions that one row of so many meets: by default
#			2,10,100,1000,10000
#	LIMIT		rows that are wanted, 10 by default
#	PASSES		executions of which the fastest counts, behind one that warms; 1 by
#			default
#	TABLE		1: measure conditions on the table, too, which takes a while if
#			few rows meet them
#	PGVECTOR	directory where pgvector was installed by "make install
#			DESTDIR=...": measure its index, too
#	PROCESSES	processes of each build, as many as there are processors by default
#	CPU		processor that the queries are pinned to
#	OPTIONS		settings for the server, as in "-c annoy.target_recall=.9"
#
# Prints a table in Markdown: for each condition recall against the exact answers, and the
# median time of a search inside of the server.  Besides PARTS there are a range of 5 % of the
# rows and a tag that 2 % of the rows have.

# lib.sh forgets variables that begin with PG
pgvector_dir=${PGVECTOR:-}

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

base=${BASE:-}
queries=${QUERIES:-}
metric=${METRIC:-l2}
rows=${ROWS:-100000}
max_queries=${MAX_QUERIES:-200}
parts=${PARTS:-2,10,100,1000,10000}
limit=${LIMIT:-10}
passes=${PASSES:-1}
table=${TABLE:-0}
processes=${PROCESSES:-$(nproc)}
processor=${CPU:-$(($(nproc) - 1))}
options=${OPTIONS:-}

measure()
{
	local pgvector=0

	[ -z "$pgvector_dir" ] || pgvector=1
	build_release
	start_server "$processes"
	"$annoybench" --load --base "$base" --rows "$rows" --table base
	"$annoybench" --load --base "$queries" --rows "$max_queries" --table queries
	say "Measuring: recall@$limit of $max_queries queries on $rows rows"
	PROCESSOR=$processor PGOPTIONS=$options "$bindir/psql" -X -q -v op="$operator" -v opclass="real_${metric}_ops" \
		-v vector_opclass="vector_${metric}_ops" -v parts="{$parts}" -v limit="$limit" \
		-v passes="$passes" -v table="$table" -v pgvector="$pgvector" -f "$bench/filters.sql"
}

choose_operator
for file in "$base" "$queries"
do
	[ -r "$file" ] || die "BASE and QUERIES must be files: cannot read \"$file\""
done
need_packages demo
make_scratch
run_job measure
