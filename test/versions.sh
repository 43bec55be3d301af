#!/bin/bash
# make test-versions: the tests on other major versions of PostgreSQL.
#
# Copyright (c) 2026, the annoy developers
#
# Each version comes from the suite of Debian that has it.  The suite is installed
# into the scratch directory, and the tests run there as an ordinary user, all in
# namespaces of their own: when the last command there ends, or this script does,
# nothing is left of what was mounted or started.  For the versions that are in no
# suite, or instead of one, there may be a server that was built elsewhere.
#
# A version prints one line at its end: "17: 100 passed, 0 failed", or "19: not
# tested: " and why.  What cannot be installed is no failure.  The last line is
# "N passed, N failed" over all, and the exit status is zero if nothing failed.
#
# From the environment:
#
# ANNOY_VERSIONS	which versions; default: all
# ANNOY_JOBS		how many of them at the same time; default: 1
# ANNOY_SUITES, ANNOY_TAP	which tests, see run.sh; default: all
# ANNOY_ROOTS		a directory that keeps installed suites, to use them again
# ANNOY_PG_CONFIG_14, and likewise	pg_config of a server built elsewhere
# MIRROR		Debian's mirror; default: the one that apt uses here
# KEEP=1			keeps the scratch directory, with the output of each version

. "$(dirname "$0")/lib.sh"

# ---- one version, as root in namespaces of its own ----

# Where a major version is: the suite, and what apt is to look at besides.
describe_version()
{
	suite=
	further=
	case $1 in
		14 | 16) ;;
		15) suite=bookworm ;;
		17) suite=trixie ;;
		18) suite=forky ;;
		19) suite=sid further=experimental ;;
		*) return 1 ;;
	esac
}

# Run a command in the suite, as root or as another user.
in_root()
{
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} "$@"
}

as_user()
{
	in_root setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all \
		--no-new-privs "$@"
}

# What apt and dpkg are to know there.  A suite that changes daily may have expired
# on a mirror; PostgreSQL alone is taken from one that is incomplete.
configure_root()
{
	local name

	for name in $suite $further
	do
		echo "deb $mirror $name main"
	done >"$root/etc/apt/sources.list"
	rm -f "$root"/etc/apt/sources.list.d/*
	cat >"$root/etc/apt/apt.conf.d/99annoy" <<-EOF
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		APT::Install-Recommends "false";
		DPkg::Options:: "--force-unsafe-io";
	EOF
	if [ "$further" = experimental ]
	then
		cat >"$root/etc/apt/preferences.d/annoy" <<-EOF
			Package: src:postgresql-$version
			Pin: release a=experimental
			Pin-Priority: 990
		EOF
	fi
	quiet_root "$root"
}

# Install the suite and what the tests need, unless that has been done; a file says
# that it has.
install_suite()
{
	local done=$root/var/lib/annoy-installed

	if ! [ -e "$done" ]
	then
		mirror=$(debian_mirror)
		if [ -z "$mirror" ]
		then
			say "MIRROR says no mirror of Debian, and apt knows none"
			return 1
		fi
		rm -rf --one-file-system "$root"
		debootstrap --variant=minbase "$suite" "$root" "$mirror" \
			/usr/share/debootstrap/scripts/sid || return
		configure_root || return
	fi
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || return
	mkdir -p "$root/dev/shm"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || return
	[ ! -e "$done" ] || return 0

	in_root apt-get -q update || return
	in_root apt-get -q -y install make gcc libc6-dev clang perl libipc-run-perl libpq-dev \
		"postgresql-$version" "postgresql-server-dev-$version" || return
	# not every suite has it, and its tests skip what is not there
	in_root apt-get -q -y install "postgresql-$version-pgvector" || true
	in_root apt-get clean
	# annoy is installed into the server itself, as the one of 14 has no private copy
	in_root chown postgres "/usr/share/postgresql/$version/extension" \
		"/usr/lib/postgresql/$version/lib" || return
	touch "$done"
}

# Install a version, and test it.  The exit status is 3 if it could not be installed.
test_version()
{
	trap - EXIT
	version=$1
	root=$2
	describe_version "$version"
	install_suite || exit 3

	rm -rf --one-file-system "$root/tmp/annoy"
	copy_tree "$root/tmp/annoy"
	as_user env ANNOY_IN_PLACE=1 "ANNOY_SUITES=${ANNOY_SUITES:-}" "ANNOY_TAP=${ANNOY_TAP:-}" \
		"ANNOY_TAP_JOBS=${ANNOY_TAP_JOBS:-}" \
		"PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config" /tmp/annoy/test/run.sh
}

# ---- all of them ----

result=

last_words()
{
	local passed=0 failed=1

	[ -z "$result" ] || read -r passed failed <<<"$result"
	say "$passed passed, $failed failed"
	[ "$1" -eq 0 ] && [ "$failed" -eq 0 ]
}

# Say why no suite can be installed here, if that is so.
obstacle()
{
	local command

	if [ "$(id -u)" -ne 0 ]
	then
		say "that is for root"
		return
	fi
	for command in debootstrap unshare setpriv
	do
		if ! command -v $command >/dev/null
		then
			say "there is no $command"
			return
		fi
	done
	unshare --mount --pid --ipc --fork true 2>/dev/null || say "there are no namespaces here"
}

# Test one version, with its output in a file; say how it has ended, and add its
# counts to another file.
run_version()
{
	local version=$1 log=$scratch/$1.log status=0 config=ANNOY_PG_CONFIG_$1 why counts passed failed

	describe_version "$version"
	config=${!config:-}
	if [ -n "$config" ]
	then
		PG_CONFIG=$config "$top/test/run.sh" >"$log" 2>&1 </dev/null || status=$?
	else
		why=$(obstacle)
		[ -n "$suite" ] || why="it is in no suite of Debian, and PG_CONFIG_$version names no server"
		if [ -n "$why" ]
		then
			say "$version: not tested: $why"
			return
		fi
		unshare --mount --propagation private --pid --ipc --fork --kill-child \
			"$top/test/versions.sh" --inside "$version" "$roots/$version" >"$log" 2>&1 </dev/null ||
			status=$?
		[ -n "${ANNOY_ROOTS:-}" ] || rm -rf --one-file-system "${roots:?}/$version"
	fi
	if [ "$status" -eq 3 ]
	then
		say "$version: not tested: $(tail -n 1 "$log")"
		return
	fi

	# without its last line, or with an exit status, it is a failure
	counts=$(sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log")
	read -r passed failed <<<"${counts:-0 1}"
	[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	if [ "$failed" -gt 0 ]
	then
		say "---- output of $version ----"
		tail -n 600 "$log"
	fi
	say "$version: $passed passed, $failed failed"
	echo "$passed $failed" >>"$scratch/counts"
}

run_versions()
{
	local version

	for version in $versions
	do
		[ "$(jobs -rp | wc -l)" -lt "$jobs" ] || wait -n || true
		run_version "$version" &
	done
	wait
}

if [ "${1:-}" = --inside ]
then
	test_version "$2" "$3"
	exit
fi

versions=${ANNOY_VERSIONS:-14 15 16 17 18 19}
jobs=${ANNOY_JOBS:-1}
[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "ANNOY_JOBS must be a whole number, not \"$jobs\""
for version in $versions
do
	describe_version "$version" || die "no suite with version \"$version\" is known"
done
# the versions share the processors
[ "$jobs" -eq 1 ] || export ANNOY_TAP_JOBS=${ANNOY_TAP_JOBS:-$((($(nproc) + jobs - 1) / jobs))}
make_scratch
roots=${ANNOY_ROOTS:-$scratch/roots}
mkdir -p "$roots"
: >"$scratch/counts"
run_job run_versions
result=$(awk '{ passed += $1; failed += $2 } END { print passed + 0, failed + 0 }' "$scratch/counts")
