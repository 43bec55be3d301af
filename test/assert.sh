#!/bin/bash
# make test-assert: what assertions in the server itself, caches that are never
# valid for long, and valgrind find.  This is not for every day: it builds
# PostgreSQL from the distribution's source package, and takes hours.
#
# Copyright (c) 2026, the annoy developers
#
# PARTS says what is done, of "suite discard valgrind":
#
#	suite		all that "make test" does, on that server
#	discard		SQL tests with debug_discard_caches = 1: all, or those that
#				DISCARD names
#	valgrind	test/valgrind.sql on a server that runs under valgrind
#
# SERVER names a directory where the server is kept, or is found if it has been
# built before; otherwise it goes away in the end.  PG_CONFIG tells which major
# version that is to be.  The last line is "N parts passed, N failed".

. "$(dirname "$0")/lib.sh"

# Replaces lib.sh's: what the server is built with, too.
list_all_missing=$(declare -f list_missing)
eval "${list_all_missing/list_missing/list_missing_for_tests}"
list_missing()
{
	list_missing_for_tests test
	command -v dpkg-source >/dev/null || missing+=(dpkg-dev)
	command -v bzip2 >/dev/null || missing+=(bzip2)
	command -v bison >/dev/null || missing+=(bison)
	command -v flex >/dev/null || missing+=(flex)
	command -v valgrind >/dev/null || missing+=(valgrind)
	[ -e /usr/include/valgrind/memcheck.h ] || missing+=(valgrind)
}

# Download the source package, from where binary packages come from, but without
# a change to what apt-get knows of this machine.
download_source()
{
	local lists=$scratch/apt line options

	mkdir -p "$lists/lists/partial" "$scratch/source"
	if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null
	then
		cat /etc/apt/sources.list.d/*.sources
	fi | sed 's/^Types: .*/Types: deb-src/' >"$lists/distribution.sources"
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		sed -n 's/^deb /deb-src /p' >"$lists/distribution.list"
	options=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$lists"
		-o "Dir::State::lists=$lists/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o APT::Sandbox::User=root)
	cd "$scratch/source"
	apt-get -q "${options[@]}" update || true
	# the newest may have gone from the mirror, while an older one is there
	for version in $(apt-cache "${options[@]}" showsrc --only-source "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -Vru)
	do
		apt-get -q "${options[@]}" source --download-only "postgresql-$major=$version" && break
	done
	dpkg-source --skip-patches -x ./*.dsc "$scratch/source/postgresql"
}

build_server()
{
	(download_source)
	(
		cd "$scratch/source/postgresql"
		# -O1: what valgrind says of variables that are optimised away is of no use
		./configure --quiet --prefix="$server" --enable-cassert --enable-debug --enable-tap-tests \
			--without-readline --without-zlib $([ "$major" -lt 16 ] || echo --without-icu) \
			CPPFLAGS=-DUSE_VALGRIND CFLAGS='-O1 -fno-omit-frame-pointer'
		make -s -j "$(nproc)"
		make -s install
		cp src/tools/valgrind.supp "$server/"
	) >"$scratch/server.log" 2>&1 || { tail -n 50 "$scratch/server.log"; return 1; }
}
