#!/bin/bash
# make test-assert: what assertions in the server itself, caches that are never
# valid for long, and valgrind find.  This is not for every day: it builds
# PostgreSQL from the distribution's source package, and takes hours.
#
# Copyright (c) 2026, the annoy developers
#
# From the environment:
#
# PARTS		what is done, of "suite discard valgrind"; default: all
#			suite: what "make test" does, on that server
#			discard: test/assert.sql with debug_discard_caches = 1, which
#			has to say what it says without
#			valgrind: test/assert.sql on a server under valgrind
# DISCARD	SQL tests that are run with debug_discard_caches = 1, too: "metrics
#			operators" for example.  Some take hours.
# SERVER	a directory that keeps the server, or has it from the last time
# PG_CONFIG	tells which major version it is to be
#
# The last line is "N parts passed, N failed".

. "$(dirname "$0")/lib.sh"

parts=${PARTS:-suite discard valgrind}

# What there is besides what tests need: need_packages calls this.
eval "list_missing_for_tests() $(declare -f list_missing | sed 1d)"
list_missing()
{
	list_missing_for_tests test
	command -v dpkg-source >/dev/null || missing+=(dpkg-dev)
	command -v bzip2 >/dev/null || missing+=(bzip2)
	command -v valgrind >/dev/null || missing+=(valgrind)
}

# ---- the server ----

# Download the newest source package that the mirrors have, without a change to
# what apt-get knows of this machine.
download_source()
{
	local apt=$scratch/apt options version

	mkdir -p "$apt/sources" "$apt/lists/partial" "$scratch/source"
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		sed -n 's/^deb /deb-src /p' >"$apt/sources/here.list"
	if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null
	then
		sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/*.sources >"$apt/sources/here.sources"
	fi
	options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
		-o "Dir::State::lists=$apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o APT::Sandbox::User=root)
	cd "$scratch/source"
	apt-get "${options[@]}" update || true
	for version in $(apt-cache "${options[@]}" showsrc --only-source "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -Vru)
	do
		if apt-get "${options[@]}" source --download-only "postgresql-$major=$version"
		then
			break
		fi
	done
	dpkg-source --no-check --skip-patches -x ./*.dsc postgresql
}

# The server knows valgrind, and runs without it as well.  With -O1 valgrind can
# say which variable it speaks of.
build_server()
{
	cd "$scratch/source/postgresql"
	./configure --quiet --prefix="$server" --enable-cassert --enable-debug --enable-tap-tests \
		--without-readline --without-zlib $([ "$major" -lt 16 ] || echo --without-icu) \
		CPPFLAGS=-DUSE_VALGRIND CFLAGS='-O1 -fno-omit-frame-pointer'
	make -s -j "$(nproc)"
	make -s install
	cp src/tools/valgrind.supp "$server/"
}

make_server()
{
	major=$("$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	server=${SERVER:-$scratch/pgsql}-$major
	if ! [ -e "$server/valgrind.supp" ]
	then
		say "== PostgreSQL $major with assertions, into $server"
		(download_source && build_server) >"$scratch/server.log" 2>&1 || {
			tail -n 50 "$scratch/server.log"
			die "could not build PostgreSQL $major"
		}
	fi
	pg_config=$server/bin/pg_config
}

# ---- the parts ----

# A copy of the sources in $1, and what is built of them in the private copy of
# the server.
prepare()
{
	copy_tree "$1" "${as_server[@]}"
	private_postgres "$scratch/root"
	"${as_server[@]}" make -s -C "$1" "PG_CONFIG=$pg_config" with_llvm=no -j "$(nproc)"
	make -s -C "$1" "PG_CONFIG=$pg_config" with_llvm=no install >/dev/null
}

suite()
{
	PG_CONFIG=$server/bin/pg_config "$top/test/run.sh"
}

# Run what there is for slow servers, with options for psql to come.
run_sql()
{
	"$bindir/psql" -X -a -v ON_ERROR_STOP=1 -v directory="$scratch/server" -f "$top/test/assert.sql" "$@" 2>&1
}

discard()
{
	local src=$scratch/server/discard discard='-c debug_discard_caches=1'

	prepare "$src"
	start_cluster </dev/null
	"$bindir/createdb" plain
	if ! run_sql -d plain >"$scratch/plain.out" ||
		! PGOPTIONS=$discard run_sql >"$scratch/discard.out"
	then
		tail "$scratch"/*.out
		return 1
	fi
	diff "$scratch/plain.out" "$scratch/discard.out" || return
	[ -n "${DISCARD:-}" ] || return 0
	"${as_server[@]}" env "PGOPTIONS=$discard" make -s -C "$src" installcheck "PG_CONFIG=$pg_config" \
		ISOLATION= TAP_TESTS= "REGRESS=$DISCARD" || {
		cat "$src/regression.diffs"
		return 1
	}
}

# Leaks are none of valgrind's business: memory contexts are given back as a whole.
valgrind_part()
{
	local src=$scratch/server/valgrind logs=$scratch/server/logs postmaster status=0

	prepare "$src"
	start_cluster <<<'shared_buffers = 16MB'
	"${as_server[@]}" "$bindir/pg_ctl" -w -D "$scratch/server/data" stop >/dev/null
	"${as_server[@]}" mkdir -p "$logs"
	"${as_server[@]}" env TMPDIR="$scratch/server" valgrind --quiet --leak-check=no --trace-children=yes --track-origins=yes \
		--read-var-info=no --suppressions="$server/valgrind.supp" --log-file="$logs/%p" \
		"$bindir/postgres" -D "$scratch/server/data" >"$scratch/postgres.log" 2>&1 &
	postmaster=$!
	until "$bindir/psql" -X -q -c 'SELECT 1' >/dev/null 2>&1
	do
		if ! kill -0 "$postmaster" 2>/dev/null
		then
			cat "$scratch/postgres.log"
			return 1
		fi
		sleep 1
	done
	run_sql || status=1
	kill -INT "$postmaster"
	wait "$postmaster" || status=1
	if [ -n "$(find "$logs" -type f -size +0)" ]
	then
		cat "$logs"/*
		status=1
	fi
	return "$status"
}

run_part()
{
	case $1 in
		suite | discard) "$1" ;;
		valgrind) valgrind_part ;;
		*) die "unknown part \"$1\"" ;;
	esac
}

need_packages test
make_scratch
make_server
passed=0
failed=0
for part in $parts
do
	say "== $part"
	if run_job run_part "$part"
	then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	stop_servers
	rm -rf "$scratch/server" "$scratch/root"
	mkdir "$scratch/server"
	[ "$(id -u)" -ne 0 ] || chown "$server_user" "$scratch/server"
done
say "$passed parts passed, $failed failed"
[ "$failed" -eq 0 ]
