#!/bin/bash
# make check-build: compile with gcc and clang, with and without assertions,
# and let no warning pass.  Before that, see that no room of the sources depends
# on one above it, and that META.json is right.
#
# Copyright (c) 2026, the annoy developers
#
# What is compiled against the headers of one minor release is to be loaded by all of
# them.  So no symbol may be needed that only the newest ones have: their macros for
# composite values call functions, for one.

. "$(dirname "$0")/lib.sh"

late_symbols='heap_datum_check|DatumGetHeapTupleHeader[A-Za-z]*'

check_symbols()
{
	local needed

	needed=$(nm -D --undefined-only "$1/annoy.so")
	if grep -wE "$late_symbols" <<<"$needed"
	then
		die "not every minor release has these"
	fi
}

check_build()
{
	local cc assert dir flags

	# PostgreSQL's own headers are not ours to judge
	flags="-Wall -Wextra -Werror -isystem $("$pg_config" --includedir-server)"
	for cc in gcc "$(find_clang)"
	do
		case $cc in
			# PGXS passes the options of the compiler PostgreSQL was built with
			*clang*) flags+=" -Wno-unknown-warning-option -Wno-ignored-optimization-argument" ;;
		esac
		for assert in "" -DUSE_ASSERT_CHECKING
		do
			dir=$scratch/${cc##*/}$assert
			copy_tree "$dir"
			say "${cc##*/} -Wall -Wextra -Werror $assert"
			make -s -k -j "$(nproc)" -C "$dir" "PG_CONFIG=$pg_config" with_llvm=no \
				"CC=$cc" "COPT=$flags $assert"
			check_symbols "$dir"
		done
		make -s -C "$dir/test/bench" "PG_CONFIG=$pg_config" "CC=$cc"
	done
}

"$top/test/check-rooms.pl"
"$top/test/check-meta.pl"
need_packages test
make_scratch
run_job check_build
