#!/bin/bash
# Cold queries: index and table are in no cache when each of them begins.
#
# Usage: cold.sh DATABASE TABLE QUERIES [N]
#
# TABLE has columns id and v, and an annoy index; so has QUERIES a column v.  For N of
# its rows (20), the pages of the table, its TOAST table and its indexes are evicted
# from shared buffers, by reading as many others, and from the operating system's cache.
# Then the ten nearest rows are fetched.  Prints one line for each setting of
# effective_io_concurrency, off and on in turns: pages read, milliseconds, and of these
# the ones in which the server has waited for reads, each the median and the mean.
#
# The server runs on this machine and as the user who runs this, or as one whose files
# GNU dd, started by the server, may open; psql connects as a superuser.  Needs
# pg_prewarm.
#
# Copyright (c) 2026, the annoy developers

set -e
database=$1 table=$2 queries=$3 n=${4:-20}
psql=(${PSQL:-psql} -X -q -A -t -d "$database")
script=$(mktemp)
trap 'rm -f "$script"' EXIT

"${psql[@]}" <<SQL
CREATE EXTENSION IF NOT EXISTS pg_prewarm;
CREATE TABLE IF NOT EXISTS cold_filler AS
	SELECT repeat('x', 2000) AS x
	FROM generate_series(1, (SELECT 6 * setting::bigint FROM pg_settings WHERE name = 'shared_buffers'));
CHECKPOINT;
SQL
evict=$("${psql[@]}" <<SQL
SELECT format('COPY (SELECT 1) TO PROGRAM %L;',
	string_agg(format('cat >/dev/null; for f in \$PWD/%s \$PWD/%1\$s.[0-9]*; do [ ! -e \$f ] || dd of=\$f oflag=nocache conv=notrunc,fdatasync count=0 status=none; done', pg_relation_filepath(o)), ';'))
FROM (SELECT '$table'::regclass::oid AS o
	UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid = '$table'::regclass AND reltoastrelid > 0
	UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = '$table'::regclass
	UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT reltoastrelid FROM pg_class WHERE oid = '$table'::regclass)) f;
SQL
)
{
	echo 'SET track_io_timing = on; SET jit = off; SET enable_seqscan = off;'
	echo "SELECT v AS warm FROM $queries LIMIT 1 \\gset"
	echo "SELECT id FROM $table ORDER BY v ${OPERATOR:-<->} :'warm' LIMIT ${LIMIT:-10};"
	for i in $(seq 1 "$n"); do
		for concurrency in ${CONCURRENCY:-0 1}; do
			echo "SET effective_io_concurrency = $concurrency;"
			echo "SELECT v AS query FROM $queries ORDER BY id OFFSET $i LIMIT 1 \\gset"
			echo "SELECT pg_prewarm('cold_filler') \\g /dev/null"
			echo "$evict"
			echo "\\echo concurrency $concurrency"
			echo "EXPLAIN (ANALYZE, BUFFERS, TIMING off) SELECT id FROM $table ORDER BY v ${OPERATOR:-<->} :'query' LIMIT ${LIMIT:-10};"
		done
	done
} >"$script"
"${psql[@]}" <"$script" | perl -ne '
	if (/^concurrency (\d+)/) { $c = $1; $buffers = 0; push @{$run{$c}}, {} }
	next unless defined $c;
	my $r = $run{$c}[-1];
	# the first line of each is that of the whole query
	$r->{reads} = $1 if !defined $r->{reads} && /Buffers: .*read=(\d+)/;
	$r->{waits} = $1 if !defined $r->{waits} && /I\/O Timings: .*read=([\d.]+)/;
	$r->{ms} = $1 if /Execution Time: ([\d.]+)/;
	END {
		foreach my $c (sort keys %run) {
			print "effective_io_concurrency $c:";
			foreach my $what (qw(reads ms waits)) {
				my @x = sort { $a <=> $b } map { $_->{$what} // 0 } @{$run{$c}};
				my $sum = 0; $sum += $_ foreach @x;
				printf " %s %.2f (mean %.2f)", $what, $x[$#x / 2], $sum / @x;
			}
			print "\n";
		}
	}'
