# shellcheck shell=bash
#
# Shell functions shared by demo.sh and run.sh: find or install PostgreSQL, run
# a private copy of it, and leave nothing behind.  To be sourced by bash.
#
# Copyright (c) 2026, the annoy developers
#
# "Private copy" means: PostgreSQL finds its files relative to its own
# programs, so a directory that holds copies of the programs and symbolic
# links to everything else is a complete installation.  The extension is
# installed there, by the ordinary "make install" with that directory's
# pg_config.  So neither an installed annoy nor any existing cluster is
# touched, and root is needed only where packages are missing.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# What the caller's environment says of another server, or of the make that
# started us, must not reach the programs started from here.
given_pg_config=${PG_CONFIG:-}
unset "${!PG@}"
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL GNUMAKEFLAGS COPT PROFILE CDPATH
export LC_ALL=C

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s\n' "$*" >&2
	exit 1
}

# ---- packages ----

# Does this pg_config belong to an installation with server and headers?
complete()
{
	local bindir pgxs headers

	bindir=$("$1" --bindir 2>/dev/null) &&
		pgxs=$("$1" --pgxs 2>/dev/null) &&
		headers=$("$1" --includedir-server 2>/dev/null) &&
		[ -x "$bindir/postgres" ] && [ -x "$bindir/initdb" ] &&
		[ -f "$pgxs" ] && [ -f "$headers/postgres.h" ]
}

# Set pg_config to that of a complete installation: the one asked for, else the
# one in PATH, else the newest of Debian's.
find_postgres()
{
	local candidate

	pg_config=
	if [ -n "$given_pg_config" ]
	then
		complete "$given_pg_config" ||
			die "$given_pg_config does not belong to a PostgreSQL installation with server and header files"
		pg_config=$given_pg_config
		return 0
	fi
	for candidate in pg_config $(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -Vr)
	do
		if complete "$candidate"
		then
			pg_config=$candidate
			return 0
		fi
	done
	return 1
}

# The major version whose packages are to be installed: that of the newest
# server that is here, else the distribution's own.
wanted_major()
{
	local major

	major=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1 |
		sed -n 's|^/usr/lib/postgresql/\([0-9][0-9]*\)/bin/postgres$|\1|p')
	[ -n "$major" ] || major=$(apt-cache depends postgresql 2>/dev/null |
		sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	printf '%s' "$major"
}

# Debian's mirror: MIRROR, or the one that apt uses here.
debian_mirror()
{
	local mirror=${MIRROR:-}

	[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 2>/dev/null | sed -n 1p)
	printf '%s' "$mirror"
}

# In a new root of Debian, in directory $1, packages are to start no services and
# make no cluster, and names of hosts are found as here.
quiet_root()
{
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	mkdir -p "$1/etc/postgresql-common/createcluster.d"
	echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.d/annoy.conf"
	cp /etc/resolv.conf "$1/etc/resolv.conf"
}

# The clang to check the build with: Debian's server headers bring one with its
# version in its name.
find_clang()
{
	local candidate

	for candidate in clang $(compgen -c clang- | grep -E '^clang-[0-9]+$' | sort -Vr)
	do
		command -v "$candidate" && return 0
	done
	return 1
}

# Fill the array missing with the Debian packages that are not here.  With the
# argument "test", those that the tests need are looked at too.
list_missing()
{
	local major

	missing=()
	command -v make >/dev/null || missing+=(make)
	command -v gcc >/dev/null || missing+=(gcc)
	[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
	command -v gzip >/dev/null || missing+=(gzip)
	if ! find_postgres
	then
		major=$(wanted_major)
		[ -x "/usr/lib/postgresql/$major/bin/postgres" ] ||
			missing+=("postgresql${major:+-$major}")
		[ -e "/usr/include/postgresql/$major/server/postgres.h" ] ||
			missing+=("postgresql-server-dev-${major:-all}")
		[ -e /usr/include/postgresql/libpq-fe.h ] || missing+=(libpq-dev)
	elif ! [ -e "$("$pg_config" --includedir)/libpq-fe.h" ]
	then
		missing+=(libpq-dev)
	fi
	if [ "$1" = test ]
	then
		command -v prove >/dev/null || missing+=(perl)
		perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl)
		find_clang >/dev/null || missing+=(clang)
	fi
}

# Run a command as root, which may ask for a password.
as_root()
{
	if [ "$(id -u)" -eq 0 ]
	then
		"$@"
	else
		sudo "$@"
	fi
}

# apt-get install, without the cluster "main" that a server package creates and
# starts otherwise: nobody asked for one.  The file that says so is read by
# postgresql-common and is here only for as long as apt-get runs.
# shellcheck disable=SC2016
apt_install='
	confdir=/etc/postgresql-common/createcluster.d
	conf=$confdir/annoy-no-main-cluster.conf
	restore()
	{
		rm -f "$conf"
		rmdir --ignore-fail-on-non-empty -p "$confdir" 2>/dev/null || true
	}
	trap restore EXIT
	trap "exit 1" HUP INT TERM
	mkdir -p "$confdir"
	echo "create_main_cluster = false" >"$conf"
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends --no-upgrade "$@" </dev/null
'

# Install what is missing for "demo" or "test", or say what to install.
need_packages()
{
	list_missing "$1"
	[ ${#missing[@]} -gt 0 ] || return 0

	if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; }
	then
		die "Please install these packages (Debian's names) and try again: ${missing[*]}"
	fi
	say "Missing: ${missing[*]}; installing with apt-get"
	as_root apt-get -q -o DPkg::Lock::Timeout=300 update ||
		die "apt-get update failed; please install these packages and try again: ${missing[*]}"
	list_missing "$1"
	as_root bash -c "$apt_install" bash "${missing[@]}" ||
		die "apt-get install failed; please install these packages and try again: ${missing[*]}"
	hash -r
	list_missing "$1"
	[ ${#missing[@]} -eq 0 ] || die "Still missing: ${missing[*]}"
}

# ---- scratch directory, processes, cleaning up ----

scratch=
job=

# Called as the very last thing, with the exit status; scripts may replace it.
last_words()
{
	return "$1"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Choose who runs the server, which root cannot: the array as_server precedes
# a command to be run by that user.
choose_server_user()
{
	as_server=()
	server_user=$(id -un)
	[ "$(id -u)" -eq 0 ] || return 0
	server_user=postgres
	id -u "$server_user" >/dev/null 2>&1 || server_user=nobody
	command -v setpriv >/dev/null ||
		die "root cannot run PostgreSQL, and there is no setpriv to become $server_user; please run this as another user"
	as_server=(setpriv "--reuid=$server_user" "--regid=$(id -g "$server_user")"
		--clear-groups --inh-caps=-all --no-new-privs --)
}

# Create the scratch directory, which goes away when this shell exits, whatever
# the reason.  It belongs to the caller; $scratch/server to the server's user.
make_scratch()
{
	choose_server_user
	umask 022
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/annoy.XXXXXX")
	scratch=$(cd "$scratch" && pwd -P)
	# a socket's path has to fit into 107 bytes
	if [ ${#scratch} -gt 60 ]
	then
		rmdir "$scratch"
		scratch=$(mktemp -d /tmp/annoy.XXXXXX)
	fi
	chmod 755 "$scratch"
	mkdir "$scratch/server"
	[ "$(id -u)" -ne 0 ] || chown "$server_user" "$scratch/server"
}

# Run a command, function or not, in a process group of its own, and wait for
# it.  A signal ends the waiting at once, whatever the command is doing, and
# clean_up ends the command.
run_job()
{
	local status=0

	set -m
	"$@" </dev/null &
	job=$!
	set +m
	wait "$job" || status=$?
	job=
	return "$status"
}

clean_up()
{
	local status=$?

	trap - EXIT
	trap '' HUP INT TERM
	if [ -n "$job" ]
	then
		kill -TERM -- "-$job" 2>/dev/null || true
		wait_for_end "-$job"
	fi
	if [ -n "$scratch" ] && [ -d "$scratch" ]
	then
		stop_servers
		if [ -n "${KEEP:-}" ]
		then
			say "Kept: $scratch"
		else
			rm -rf "$scratch"
		fi
	fi
	last_words "$status" && exit 0
	exit $((status ? status : 1))
}

# Wait until a process, or a group (negative), has ended; help it after 10 s.
wait_for_end()
{
	local i

	for ((i = 0; i < 100; i++))
	do
		kill -0 -- "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "$1" 2>/dev/null || true
}

# Stop every server whose data directory is in the scratch directory, those of
# interrupted TAP tests too.  A PID file can outlive its server, hence the look
# at the process's command line.
stop_servers()
{
	local file pid

	find "$scratch" -name postmaster.pid -type f 2>/dev/null |
		while read -r file
		do
			pid=$(head -n 1 "$file" 2>/dev/null) || continue
			[ -n "$pid" ] || continue
			case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in
				*"$scratch"*)
					kill -QUIT "$pid" 2>/dev/null || true
					wait_for_end "$pid"
					;;
			esac
		done
}

# ---- building and installing ----

# Copy the source tree, without what has been built in it, into a directory
# that belongs to whom the command given (if any) changes to.
copy_tree()
{
	local to=$1

	shift
	"$@" mkdir -p "$to"
	tar -C "$top" -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		--exclude=./results --exclude=./output_iso --exclude=./tmp_check --exclude=./log \
		--exclude=./regression.diffs --exclude=./regression.out \
		--exclude=./test/bench/annoybench --exclude=./test/bench/annoylib --exclude=./test/bench/out . |
		"$@" tar -C "$to" --no-same-owner -xf -
}

# Fill $1 with links to what is in $2, but for names that begin with annoy.
link_contents()
{
	local entry

	mkdir -p "$1"
	for entry in "$2"/*
	do
		case ${entry##*/} in
			annoy* | '*') ;;
			*) [ -e "$1/${entry##*/}" ] || ln -s "$entry" "$1/" ;;
		esac
	done
}

# Make the private copy of PostgreSQL in directory $1, and let pg_config be its
# pg_config and bindir its programs' directory.  The other arguments that are not empty
# are directories where other extensions are, installed by `make install DESTDIR=...`,
# which get into the copy.  With ANNOY_IN_PLACE, PostgreSQL belongs to nobody else, and
# is taken as it is.
private_postgres()
{
	local root=$1 option dir program peer
	local sharedir pkglibdir

	shift
	bindir=$("$pg_config" --bindir)
	[ -z "${ANNOY_IN_PLACE:-}" ] || return 0
	sharedir=$("$pg_config" --sharedir)
	pkglibdir=$("$pg_config" --pkglibdir)

	mkdir -p "$root$bindir"
	for program in postgres initdb psql pgbench createdb dropdb createuser dropuser vacuumdb reindexdb \
		"$bindir"/pg_*
	do
		program=$bindir/${program##*/}
		[ ! -f "$program" ] || cp "$program" "$root$bindir/"
	done

	# these two get new files, so they are directories and not links
	mkdir -p "$root$sharedir/extension" "$root$pkglibdir/bitcode"
	# first, so that they take the place of what is installed
	for peer in "$@"
	do
		[ -n "$peer" ] || continue
		[ -d "$peer$sharedir/extension" ] || die "there are no extensions in $peer$sharedir"
		link_contents "$root$sharedir/extension" "$peer$sharedir/extension"
		link_contents "$root$pkglibdir" "$peer$pkglibdir"
	done
	link_contents "$root$sharedir/extension" "$sharedir/extension"
	link_contents "$root$pkglibdir/bitcode" "$pkglibdir/bitcode"

	link_contents "$root$sharedir" "$sharedir"
	link_contents "$root$pkglibdir" "$pkglibdir"
	for option in --includedir-server --pkgincludedir --includedir --libdir
	do
		dir=$("$pg_config" $option)
		if [ -d "$root$dir" ]
		then
			link_contents "$root$dir" "$dir"
		else
			mkdir -p "$(dirname "$root$dir")"
			ln -s "$dir" "$root$dir"
		fi
	done

	pg_config=$root$bindir/pg_config
	bindir=$root$bindir
	if [ "$("$pg_config" --sharedir)" != "$root$sharedir" ] ||
		[ "$("$pg_config" --pkglibdir)" != "$root$pkglibdir" ]
	then
		die "this PostgreSQL cannot be run from a copy of its programs"
	fi
}

# Build in directory $1 and install into the private copy; the other arguments
# go to make.
build_and_install()
{
	local dir=$1

	shift
	# bitcode only serves JIT compilation, and doubles the time this takes
	set -- -s -C "$dir" "PG_CONFIG=$pg_config" with_llvm=no "$@"
	make -j "$(nproc)" "$@" && make "$@" install >/dev/null
}

# ---- the cluster ----

# Initialise and start a cluster in $scratch/server, reached through a socket
# there and nowhere else.  More lines for postgresql.conf come from stdin.
start_cluster()
{
	local server=$scratch/server

	if ! (
		cd "$server"
		"${as_server[@]}" "$bindir/initdb" -D "$server/data" -U postgres -A trust \
			-E UTF8 --no-locale --no-sync
		{
			echo "listen_addresses = ''"
			echo "unix_socket_directories = '$server'"
			echo "fsync = off"
			cat
		} | "${as_server[@]}" tee -a "$server/data/postgresql.conf"
		"${as_server[@]}" "$bindir/pg_ctl" -w -t 60 -D "$server/data" -l "$server/log" start
	) >"$scratch/start.log" 2>&1
	then
		cat "$scratch/start.log" "$server/log" >&2 2>/dev/null || true
		die "could not start a private cluster"
	fi
	export PGHOST=$server PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}
