# shellcheck shell=bash
#
# Shell functions shared by the scripts that measure: the data set, and a release
# of annoy in a private cluster.  To be sourced by bash after lib.sh.
#
# Copyright (c) 2026, the annoy developers

bench=$top/test/bench
python=/usr/bin/python3
out=${OUT:-$bench/out}

# ---- data ----

# Make the set of 768 dimensions, unless it has been made.
make_set()
{
	local wordnet=/usr/share/wordnet

	if [ -f "$out/wordnet_base.fvecs" ]
	then
		return 0
	fi
	if [ ! -f "$wordnet/data.noun" ]
	then
		# its files are enough, it need not be installed
		say "Getting the package wordnet-base"
		mkdir -p "$scratch/wordnet"
		(cd "$scratch/wordnet" && apt-get -q download wordnet-base && dpkg-deb -x wordnet-base_*.deb .) ||
			die "Please install wordnet-base, or give BASE and QUERIES"
		wordnet=$scratch/wordnet/usr/share/wordnet
	fi
	say "Making a set of 100,000 vectors of 768 dimensions (some minutes; less with libopenblas0)"
	"$python" "$bench/textset.py" --wordnet "$wordnet" "$out/wordnet"
}

# Set dim, row_bytes and file_rows to what a TEXMEX file has.
look_at()
{
	local width

	case $1 in
		*.fvecs) width=4 ;;
		*.bvecs) width=1 ;;
		*) die "$1 is not an .fvecs or .bvecs file" ;;
	esac
	dim=$(od -A n -t d4 -N 4 "$1" | tr -d ' ')
	[ "${dim:-0}" -gt 0 ] || die "$1 is damaged"
	row_bytes=$((4 + dim * width))
	file_rows=$(($(stat -c %s "$1") / row_bytes))
}

# Set operator to that of the metric.
choose_operator()
{
	case $metric in
		l2) operator='<->' ;;
		cosine) operator='<=>' ;;
		ip) operator='<#>' ;;
		l1) operator='<+>' ;;
		*) die "METRIC must be l2, cosine, ip or l1, not \"$metric\"" ;;
	esac
}

# Set base, queries, truth, metric, operator, set and rows, from the variables or to the
# set that is made.
choose_set()
{
	local file

	base=${BASE:-}
	queries=${QUERIES:-}
	truth=${TRUTH:-}
	metric=${METRIC:-}
	mkdir -p "$out"
	out=$(cd "$out" && pwd -P)
	if [ -n "$base" ]
	then
		[ -n "$queries" ] || die "BASE needs QUERIES"
		for file in "$base" "$queries" ${truth:+"$truth"}
		do
			[ -r "$file" ] || die "cannot read \"$file\""
		done
		metric=${metric:-l2}
		set=$(basename "${base%.*vecs}")
	elif [ -n "$queries$truth$metric" ]
	then
		die "QUERIES, TRUTH and METRIC need BASE"
	else
		run_job make_set
		base=$out/wordnet_base.fvecs
		queries=$out/wordnet_query.fvecs
		metric=cosine
		set=wordnet
	fi
	set=${SET:-$set}
	choose_operator
	look_at "$base"
	rows=${ROWS:-$file_rows}
	[ "$rows" -le "$file_rows" ] || die "\"$base\" has only $file_rows rows"
}

# ---- the server ----

# Build a release and annoybench, and install the former into a private copy of
# PostgreSQL in $scratch/root; and pgvector, if pgvector_dir is set.
build_release()
{
	say "Building a release of annoy for a private copy of $("$pg_config" --version)"
	private_postgres "$scratch/root" "${pgvector_dir:-}"
	copy_tree "$scratch/src"
	build_and_install "$scratch/src" || die "the build failed"
	make -s -C "$scratch/src/test/bench" "PG_CONFIG=$pg_config"
	annoybench=$scratch/src/test/bench/annoybench
}

# Start a cluster with a quarter of the memory, for builds by $1 processes.
start_server()
{
	local memory

	memory=$(awk '$1 == "MemTotal:" {print int($2 / 1024 / 4)}' /proc/meminfo)
	start_cluster <<CONF
shared_buffers = ${memory}MB
maintenance_work_mem = ${memory}MB
max_parallel_maintenance_workers = $(($1 - 1))
max_parallel_workers_per_gather = 0
jit = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 8GB
checkpoint_timeout = 1h
CONF
	run_psql -c 'CREATE EXTENSION annoy'
}

run_psql()
{
	PGOPTIONS='-c client_min_messages=warning' "$bindir/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

# ---- measuring ----

# Let the server's processes to come run on these processors.
pin_server()
{
	taskset -acp "$1" "$(head -n 1 "$scratch/server/data/postmaster.pid")" >/dev/null
}

# Set cpu to the seconds of processor time that a statement takes.
processor_time()
{
	cpu=$(PGOPTIONS='-c log_statement_stats=on -c client_min_messages=log' \
		"$bindir/psql" -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "$1" 2>&1 |
		awk '$1 == "!" && $3 == "s" && $4 == "user," {print $2 + $5; exit}')
	[ -n "$cpu" ] || die "could not measure: $1"
}

# Run annoybench on the table $table, so that it uses the index.  What it measures is in
# $scratch/csv.
client()
{
	PGOPTIONS='-c enable_seqscan=off -c enable_sort=off' "$annoybench" --table "$table" --metric "$metric" \
		--csv "$scratch/csv" "$@" >"$scratch/annoybench.log" ||
		{
			cat "$scratch/annoybench.log"
			return 1
		}
}

# Columns $1 of what has been measured, without the names.
measured()
{
	cut -d , -f "$1" "$scratch/csv" | tail -n +2
}
