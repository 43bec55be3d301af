#!/bin/bash
# make try-deb: build Debian packages, install the one for this release's own
# PostgreSQL with apt-get into a new root of the same release, and run the
# package's tests there: the README's SQL, or those that TESTS names.
#
# This takes root, debootstrap and a mirror, MIRROR.
#
# Copyright (c) 2026, the annoy developers

. "$(dirname "$0")/../test/lib.sh"

list_missing()
{
	missing=()
	command -v debootstrap >/dev/null || missing+=(debootstrap)
}

# What is run in the new root.
# shellcheck disable=SC2016
in_root='
	set -e
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update
	for deb in /debs/*.deb
	do
		server=$(dpkg-deb -f "$deb" Package | sed "s/-annoy$//")
		if apt-cache show "$server" >/dev/null 2>&1; then debs="$debs $deb"; fi
	done
	[ -n "$debs" ]
	apt-get -q -y install --no-install-recommends $debs
	case $* in
		*installcheck*) apt-get -q -y install --no-install-recommends make postgresql-server-dev-all ;;
	esac
	cd /annoy
	for test in "$@"
	do
		packaging/debian/tests/"$test"
	done
'

# To be called in namespaces of its own: what debootstrap and this mount, and what
# is started, is gone when it ends.
try_packages()
{
	local root=$scratch/root suite

	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	debootstrap --variant=minbase "$suite" "$root" "$(debian_mirror)"
	quiet_root "$root"
	cp -R "$scratch/debs" "$root/debs"
	copy_tree "$root/annoy"
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/dev/shm"
	# shellcheck disable=SC2086
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
		chroot "$root" sh -c "$in_root" sh ${TESTS:-readme}
}

if [ "${1:-}" = --inside ]
then
	# the caller cleans up
	trap - EXIT HUP INT TERM
	scratch=$2
	try_packages
	exit
fi

[ "$(id -u)" -eq 0 ] || die "this needs to be run as root"
need_packages deb
make_scratch
OUT=$scratch/debs run_job "$top/packaging/deb.sh"
rm -f "$scratch"/debs/*-dbgsym_*
run_job unshare --mount --pid --fork --kill-child "$0" --inside "$scratch"
say "Installed and tried: $(cd "$scratch/debs" && echo *.deb)"
