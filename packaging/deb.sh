#!/bin/bash
# make deb: build Debian packages for the versions of PostgreSQL whose server
# headers are installed, in a scratch directory, and put them into packaging/out
# or the directory that OUT names.
#
# Copyright (c) 2026, the annoy developers

. "$(dirname "$0")/../test/lib.sh"

out=${OUT:-$top/packaging/out}

# What building packages needs; need_packages calls it.
list_missing()
{
	missing=()
	command -v make >/dev/null || missing+=(make)
	command -v dpkg-buildpackage >/dev/null || missing+=(dpkg-dev)
	command -v dh >/dev/null || missing+=(debhelper)
	command -v pg_buildext >/dev/null || missing+=(postgresql-common)
	compgen -G '/usr/include/postgresql/*/server/postgres.h' >/dev/null ||
		missing+=(postgresql-server-dev-all)
}

# debian/ has to be at the top of the sources, and the control file to name the
# versions.  Server headers may be those of another package than
# postgresql-server-dev-all.
build_packages()
{
	local source=$scratch/build/annoy

	copy_tree "$source"
	mv "$source/packaging/debian" "$source/debian"
	cd "$source"
	export PG_SUPPORTED_VERSIONS=installed
	pg_buildext updatecontrol
	dpkg-buildpackage --build=binary --no-sign --no-check-builddeps
	mkdir -p "$out"
	cp "$scratch"/build/*.deb "$out/"
}

need_packages deb
make_scratch
run_job build_packages
for package in "$scratch"/build/*.deb
do
	say "$out/${package##*/}"
done
