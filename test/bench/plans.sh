#!/bin/bash
# Run plans.py, which says what it does, with the same arguments, on a release
# build and a private cluster with default settings.
#
# Copyright (c) 2026, the annoy developers

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

plans()
{
	build_release
	start_cluster <<CONF
autovacuum = off
wal_level = minimal
max_wal_senders = 0
CONF
	"$bindir/psql" -X -q -c 'CREATE EXTENSION annoy'
	PSQL=$bindir/psql /usr/bin/python3 "$top/test/bench/plans.py" "$@"
}

need_packages demo
/usr/bin/python3 -c 'import numpy' 2>/dev/null || die "Please install python3-numpy"
make_scratch
run_job plans "$@"
