#!/bin/bash
# make bench: measure annoy beside an exact scan and its peers, on one data set.
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
#	MAX_QUERIES	use only so many queries
#	SIZES		measure on so many rows, too: "" for none, by default 10000,
#			31000, 100000 and so on
#	PEERS		which of "seqscan pgvector hnswlib faiss annoylib" to measure:
#			by default those that are here
#	PGVECTOR	directory where pgvector was installed by "make install
#			DESTDIR=...", if it is not where PostgreSQL looks for it
#	AT		recalls at which engines are compared
#	THREADS		threads of each build, 1 by default
#	PASSES		times the queries are run for each figure
#	CPU		processor that queries are pinned to
#	OUT		where results go, test/bench/out by default
#	FRESH		measure what has been measured already: "all", or engines' names
#
# A peer is measured if it is installed, and never installed from here.

# lib.sh clears all names that begin with PG
pgvector_dir=${PGVECTOR:-}

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

max_queries=${MAX_QUERIES:-0}
at=${AT:-.90,.95,.98}
threads=${THREADS:-1}
passes=${PASSES:-3}
cpus=$(nproc)
cpu=${CPU:-$((cpus - 1))}
fresh=${FRESH:-}
annoylib_headers=${ANNOYLIB:-/usr/lib/R/site-library/RcppAnnoy/include}
k=10

# ---- measuring ----

# Run annoybench, with the server, on processors $1.
client()
{
	local where=$1 status=0

	shift
	pin_server "$where"
	taskset -c "$where" "$annoybench" --base "$base" --rows "$n" --metric "$metric" "$@" || status=$?
	pin_server "0-$((cpus - 1))"
	return "$status"
}

# Load the table of real[], if this set's rows are not in it.
load_table()
{
	[ "$loaded" != "$n" ] || return 0
	run_psql -c 'DROP TABLE IF EXISTS rows_vector'
	client "0-$((cpus - 1))" --load --drop --table rows_real
	loaded=$n
}

# Create an index, with options to come, and begin the file of results.
create_index()
{
	run_psql -c CHECKPOINT
	client "0-$((cpus - 1))" --create-index --drop --csv "$result" "$@"
	run_psql -c CHECKPOINT
}

# Run the queries on processors $1 and add to the file of results.
query()
{
	local where=$1

	shift
	client "$where" --queries "$queries" "${query_options[@]}" "${truth_options[@]}" --limit "$k" \
		--passes "$passes" --csv "$scratch/csv" "$@"
	if [ -s "$result" ]
	then
		tail -n +2 "$scratch/csv" >>"$result"
	else
		cp "$scratch/csv" "$result"
	fi
}

# Measure an index, even where the planner thinks that few rows need none.
query_index()
{
	PGOPTIONS='-c enable_seqscan=off' query "$@" --require-index
}

# Those of the values $2 that are not above $1.
up_to()
{
	printf '%s\n' "$2" | tr ',' '\n' | awk -v most="$1" '$1 <= most' | paste -s -d ,
}

annoy()
{
	load_table
	create_index --table rows_real
	query_index "$cpu" --table rows_real --set annoy.search_k \
		--values "$(up_to "$n" 250,500,1000,1400,2000,2800,4000,5600,8000,11000,16000,23000,32000,64000)"
	if [ "$(run_psql -At -c "LOAD 'annoy'" \
		-c "SELECT count(*) FROM pg_settings WHERE name = 'annoy.target_recall'")" = 1 ]
	then
		query_index "$cpu" --table rows_real \
			--set annoy.target_recall --values .8,.9,.94,.95,.96,.97,.98,.99
	fi
}

# One and more clients, on all processors.
clients()
{
	local value

	load_table
	if [ -z "$(run_psql -At -c "SELECT to_regclass('rows_real_annoy_idx')")" ]
	then
		create_index --table rows_real
	fi
	: >"$result"
	# the least effort that reaches the first recall of AT
	value=$(awk -F , -v at="${at%%,*}" '$11 == "annoy.search_k" && $13 >= at {print $12; exit}' "$dir/annoy.csv")
	# one client and its server share a processor, as in the other measurements
	query_index "$cpu" --table rows_real --clients 1 --set annoy.search_k --values "${value:-8000}"
	query_index "0-$((cpus - 1))" --table rows_real --clients "$cpus" \
		--set annoy.search_k --values "${value:-8000}"
}

seqscan()
{
	local few=(--max-queries 20 --passes 1)

	# a cache is of all queries, a file may have more than are asked for
	if [ "$truth_file" != "$truth" ]
	then
		few+=(--truth-cache "$dir/truth.20")
	fi
	load_table
	: >"$result"
	query "$cpu" --table rows_real --set enable_indexscan --values off "${few[@]}"
}

# Let pgvector have a table of its own, as its type is not ours.
vector_table()
{
	load_table
	run_psql -c 'DROP TABLE IF EXISTS rows_vector' \
		-c "CREATE TABLE rows_vector AS SELECT id, embedding::vector($dim) AS embedding FROM rows_real" \
		-c 'VACUUM (FREEZE, ANALYZE) rows_vector'
}

pgvector()
{
	local method=$1 setting=$2 values=$3 with=$4

	vector_table
	create_index --table rows_vector --method "$method" --opclass "vector_${metric}_ops" --with "$with"
	# shellcheck disable=SC2016
	query_index "$cpu" --table rows_vector --method "$method" --parameter '$1::real[]::vector' \
		--set "$setting" --values "$values"
	run_psql -c 'DROP TABLE rows_vector'
}

inprocess()
{
	OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=1 \
		"$python" "$bench/inprocess.py" "$1" "$base" "$queries" "${query_options[@]}" --rows "$n" --metric "$metric" \
		--truth "$truth_file" --limit "$k" --values "$2" --passes "$passes" --threads "$threads" \
		--cpu "$cpu" --csv "$result"
}

annoylib()
{
	taskset -c "$cpu" "$scratch/src/test/bench/annoylib" "$base" "$queries" "$n" "$metric" \
		"$truth_file" "$1" "$2" "$passes" "$result" "$max_queries"
}

# Measure engine $1 of version $2 by a command, unless that has been done.
engine()
{
	local name=$1 key

	key="$2; $k; $max_queries queries; $passes passes; $threads threads; at $at; $base; $(stat -c %s "$base"); ${*:3}"
	result=$dir/$name.csv
	if [ -f "$dir/$name.key" ] && [ "$(cat "$dir/$name.key")" = "$key" ]
	then
		case " $fresh " in
			*" $name "* | *" all "*) ;;
			*)
				say "$set, $n rows, $name: measured $(date -r "$result" '+%F %H:%M')"
				return 0
				;;
		esac
	fi
	say "$set, $n rows, $name"
	rm -f "$dir/$name.key"
	"${@:3}"
	printf '%s\n' "$key" >"$dir/$name.key"
}

wanted()
{
	case " ${PEERS-$1} " in
		*" $1 "*) return 0 ;;
	esac
	return 1
}

package_version()
{
	"$python" -c "import importlib.metadata as m; import $1; print(m.version('$1'))" 2>/dev/null
}

# Measure everything on the first $n rows.
measure_rows()
{
	local efs=10,20,30,40,60,80,120,160,240,320 lists version

	dir=$out/$set-$n
	query_options=()
	if [ "$max_queries" -gt 0 ]
	then
		query_options=(--max-queries "$max_queries")
	fi
	mkdir -p "$dir"
	lists=$(awk -v n="$n" 'BEGIN {printf "%d", sqrt(n) + 0.5}')
	truth_file=$dir/truth
	truth_options=(--truth-cache "$dir/truth" --threads "$cpus")
	if [ -n "$truth" ] && [ "$n" -eq "$rows" ]
	then
		truth_file=$truth
		truth_options=(--truth "$truth")
	fi

	engine annoy "$annoy_version" annoy
	if [ "$n" -eq "$rows" ]
	then
		engine annoy-clients "$annoy_version" clients
		if wanted seqscan
		then
			engine seqscan "$annoy_version" seqscan
		fi
	fi
	if wanted pgvector && [ -n "$vector_version" ]
	then
		engine pgvector-hnsw "$vector_version" pgvector hnsw hnsw.ef_search "$efs" \
			"m = 16, ef_construction = 64"
		if [ "$metric" != l1 ] && [ "$n" -eq "$rows" ]
		then
			engine pgvector-ivfflat "$vector_version" pgvector ivfflat ivfflat.probes \
				2,4,8,16,32,64 "lists = $lists"
		fi
	fi
	if [ "$metric" != l1 ]
	then
		if wanted hnswlib && version=$(package_version hnswlib)
		then
			engine hnswlib "$version" inprocess hnswlib "$efs"
		fi
		if wanted faiss && version=$(package_version faiss)
		then
			engine faiss-hnsw "$version" inprocess faiss-hnsw "$efs"
			if [ "$n" -eq "$rows" ]
			then
				engine faiss-ivf "$version" inprocess faiss-ivf 2,4,8,16,32,64
			fi
		fi
	fi
	if wanted annoylib && [ -x "$scratch/src/test/bench/annoylib" ]
	then
		engine annoylib "$annoylib_version" annoylib 10 250,1000,2000,4000,8000,16000,32000,64000
	fi
}

bench()
{
	build_release
	annoylib_version=
	if [ -f "$annoylib_headers/annoylib.h" ] && command -v g++ >/dev/null
	then
		make -s -C "$scratch/src/test/bench" annoylib "ANNOYLIB=$annoylib_headers"
		annoylib_version=$(sha256sum "$annoylib_headers/annoylib.h" | cut -c 1-16)
	fi

	start_server "$threads"
	annoy_version=$(cat "$top"/src/*.[ch] "$top"/src/*/*.[ch] "$top"/sql/annoy--*.sql | sha256sum | cut -c 1-16)
	vector_version=
	if run_psql -c 'CREATE EXTENSION vector' 2>/dev/null
	then
		vector_version=$(run_psql -At -c "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
	fi

	# recalls for the report
	printf '%s\n' "$at" >"$out/$set.at"
	loaded=
	for n in $sizes
	do
		measure_rows
	done
	"$python" "$bench/report.py" "$out"
}

# ---- what to do ----

need_packages demo
"$python" -c 'import numpy' 2>/dev/null || die "Please install python3-numpy"
command -v taskset >/dev/null || die "Please install util-linux"
make_scratch
choose_set
sizes=
for n in ${SIZES-10000 31000 100000 310000 1000000 3100000}
do
	[ "$n" -ge "$rows" ] || sizes+="$n "
done
sizes+=$rows

run_job bench
