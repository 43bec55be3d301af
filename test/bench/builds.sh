#!/bin/bash
# builds.sh MODE [OPTION]...: run builds.pl on a private cluster, with a release
# build.  It has what a server with that much memory would be given; --base is
# needed, as the cluster is empty.
#
# Copyright (c) 2026, the annoy developers

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$top/test/bench/common.sh"

run()
{
	build_release
	start_cluster <<CONF
shared_buffers = $(awk '$1 == "MemTotal:" {print int($2 / 1024 / 4)}' /proc/meminfo)MB
max_worker_processes = 64
max_parallel_workers = 64
max_parallel_maintenance_workers = 64
jit = off
autovacuum = off
max_wal_size = 8GB
checkpoint_timeout = 1h
CONF
	"$bindir/psql" -X -q -c 'CREATE EXTENSION annoy'
	PATH=$bindir:$PATH "$scratch/src/test/bench/builds.pl" "$@"
}

need_packages demo
make_scratch
run_job run "$@"
