#!/bin/bash
# make test: build with assertions, install into a private copy of PostgreSQL,
# and run what "make installcheck" runs on a private cluster.
#
# Copyright (c) 2026, the annoy developers
#
# The last line is "N passed, N failed", whatever happens, and the exit status
# is zero only if something passed and nothing failed.  KEEP=1 leaves the
# scratch directory, with all results, where it is.
#
# ANNOY_DTYPE=none has all indexes that tests declare without a dtype be of that one.
# Then of the SQL tests that tell of it only the names may differ.
#
# ANNOY_SUITES says which suites run, of "compilers sql isolation tap", and ANNOY_TAP
# which TAP tests, by their numbers.  ANNOY_TAP_JOBS of these run at the same time, by
# default as many as there are processors.  ANNOY_PEERS are directories with
# extensions that tests use, such as pgvector, installed by "make install DESTDIR=...".
#
# make soak: with ANNOY_SOAK_MINUTES in the environment, the crash loop, shards and a
# standby under load run at the same time, for that long, and then pages are damaged,
# more than in the tests.

. "$(dirname "$0")/lib.sh"

last_words()
{
	local passed=0 failed=1

	[ -z "$result" ] || read -r passed failed <<<"$result"
	say "$passed passed, $failed failed"
	[ "$1" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# ---- what runs as the server's user, in $scratch/server ----

passed=0
failed=0

# Count the results of a suite: so many tests should have run, so many passed.
# Whatever else happened, a non-zero status is at least one failure.
count()
{
	local suite=$1 expected=$2 ok=$3 status=$4
	local bad=$((expected - ok))

	[ "$bad" -ge 0 ] || bad=0
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$expected" -eq 0 ]; }
	then
		bad=1
	fi
	[ "$expected" -gt 0 ] || say "$suite: there are none"
	say "$suite: $ok passed, $bad failed"
	passed=$((passed + ok))
	failed=$((failed + bad))
	[ "$bad" -eq 0 ]
}

# The number of files that match.
count_files()
{
	local n=0 file

	for file in "$@"
	do
		[ ! -e "$file" ] || n=$((n + 1))
	done
	printf '%s' "$n"
}

# Run one of the suites of installcheck, the others' variables being empty.
# Output goes to the terminal and to $log; sets status.
installcheck()
{
	log=$src/$1.log
	shift
	status=0
	make -s --no-print-directory -C "$src" installcheck "PG_CONFIG=$pg_config" "$@" 2>&1 |
		tee "$log" || status=$?
}

# The number of tests passed by the summary of pg_regress or its isolation
# twin: "All 7 tests passed." or "2 of 7 tests failed.", after a "#" from
# version 16 on.  No summary, no passes.
regress_passed()
{
	sed -nE \
		-e 's/^[# ]*All ([0-9]+) tests? passed.*/\1 0/p' \
		-e 's/^[# ]*([0-9]+) of ([0-9]+) tests? failed.*/\2 \1/p' "$1" |
		awk '{ n = $1 - $2 } END { print n + 0 }'
}

show()
{
	[ -s "$2" ] || return 0
	say "---- $1 ----"
	"${@:3}" "$2"
}

# A test's output without the names of dtypes, and what depends on their lengths.
without_dtypes()
{
	sed -E -e 's/\b(none|int8|float16|float32|float64|bit)\b/DTYPE/g' -e 's/ +/ /g' -e 's/-+/-/g' "$1"
}

# The number of SQL tests that failed, but whose output differs in names of dtypes only.
same_but_for_dtype()
{
	local name n=0

	for name in $(sed -nE 's/^test ([a-z_]+) +\.\.\. FAILED.*/\1/p; s/^not ok [0-9]+ +- ([a-z_]+) .*/\1/p' "$log")
	do
		if diff -q <(without_dtypes "$src/expected/$name.out") \
			<(without_dtypes "$src/results/$name.out") >/dev/null
		then
			n=$((n + 1))
		fi
	done
	printf '%s' "$n"
}

regress()
{
	local tests ok

	say "== SQL tests"
	tests=$(count_files "$src"/sql/*.sql)
	tests=$((tests - $(count_files "$src"/sql/annoy{,_vector}--*.sql)))
	installcheck regress ISOLATION= TAP_TESTS=
	ok=$(regress_passed "$log")
	if [ -n "${ANNOY_DTYPE:-}" ] && [ "$status" -ne 0 ]
	then
		ok=$((ok + $(same_but_for_dtype)))
		[ "$ok" -lt "$tests" ] || status=0
	fi
	count "SQL tests" "$tests" "$ok" "$status" ||
		show regression.diffs "$src/regression.diffs" head -n 500
}

isolation()
{
	say "== isolation tests"
	installcheck isolation REGRESS= TAP_TESTS=
	count "isolation tests" "$(count_files "$src"/test/isolation/specs/*.spec)" \
		"$(regress_passed "$log")" "$status" ||
		show regression.diffs "$src/output_iso/regression.diffs" head -n 500
}

# prove's last lines say how many tests there were ("Files=3, Tests=40, ...")
# and, for each file with trouble, how many of them failed.  A file that died
# or broke off its plan without a failure, and one that did not run at all,
# count as one failure each.
tap()
{
	local expected ran tests bad file

	say "== TAP tests"
	expected=$(count_files "$@")
	# they wait much of the time, and each has servers of its own
	installcheck tap REGRESS= ISOLATION= PROVE_TESTS="${*#"$src"/}" \
		PROVE_FLAGS="--timer ${prove_flags:---jobs ${ANNOY_TAP_JOBS:-$(nproc)}}"
	read -r ran tests bad < <(awk '
		/^Files=[0-9]+, Tests=[0-9]+/ {
			split($1, f, /[=,]/); split($2, t, /[=,]/); files = f[2]; tests = t[2]
		}
		/\(Wstat: .*Tests: [0-9]+ Failed: [0-9]+\)/ {
			match($0, /Failed: [0-9]+/)
			n = substr($0, RSTART + 8, RLENGTH - 8) + 0
			tests -= n; bad += n; counted = n
			if (!counted && $0 !~ /Wstat: 0 /) { bad++; counted = 1 }
		}
		/^  Parse errors:/ && !counted { bad++; counted = 1 }
		END { print files + 0, tests + 0, bad + 0 }' "$log")
	[ "$ran" -ge "$expected" ] || bad=$((bad + expected - ran))
	if ! count "TAP tests" $((tests + bad)) "$tests" "$status"
	then
		for file in "$src"/tmp_check/log/regress_log_*
		do
			show "${file##*/}" "$file" tail -n 40
		done
	fi
}

# The TAP tests that were asked for, or all, into the array tap_files.
list_tap_files()
{
	local number file

	tap_files=("$src"/test/t/*.pl)
	[ -n "${ANNOY_TAP:-}" ] || return 0
	tap_files=()
	for number in $ANNOY_TAP
	do
		file=$(compgen -G "$src/test/t/${number}_*.pl") || die "there is no TAP test $number"
		tap_files+=("$file")
	done
}

# Is this one of the suites that were asked for?
wanted()
{
	[[ " ${ANNOY_SUITES:-compilers sql isolation tap} " == *" $1 "* ]]
}

# An assertion that fails takes the server down; the test that did it may have
# passed all the same.
look_for_crashes()
{
	local crashes

	if crashes=$(grep -rE 'TRAP: |PANIC: ' "$scratch/server/log" "$src"/tmp_check/log 2>/dev/null) ||
		crashes=$(grep -E 'was terminated by signal' "$scratch/server/log")
	then
		say "The server crashed:"
		say "$crashes" | head -n 20
		failed=$((failed + 1))
	fi
}

# The whole run.  The source tree here, $src, is a copy that belongs to the
# user who runs this; the counts go to a file, for the caller to report.
run_tests()
{
	local outside=$1

	pg_config=$2
	scratch=$outside/server/run
	export TMPDIR=$scratch/tmp HOME=$scratch
	# a machine may be busy
	export PG_TEST_TIMEOUT_DEFAULT=900
	choose_server_user
	umask 022
	mkdir -p "$scratch/server" "$TMPDIR"
	cd "$scratch"

	if [ -z "$minutes" ] && wanted compilers
	then
		say "== compilers"
		PG_CONFIG=$pg_config "$src/test/check-build.sh" || count "compilers" 1 0 1 || true
	fi

	say "== build with assertions, and installation into $scratch/root"
	# several, or none
	# shellcheck disable=SC2086
	private_postgres "$scratch/root" ${ANNOY_PEERS:-}
	build_and_install "$src" "COPT=-DUSE_ASSERT_CHECKING"
	# what VACUUM is to remove must not be held by an ANALYZE of another table
	start_cluster <<-END
		autovacuum = off
		${ANNOY_DTYPE:+annoy.default_dtype = $ANNOY_DTYPE}
	END

	if [ -n "$minutes" ]
	then
		export ANNOY_FUZZ_PAGES=${ANNOY_FUZZ_PAGES:-10000}
		export ANNOY_SHARDS_SECONDS=$((60 * minutes))
		# it has two parts
		export ANNOY_REPLICA_SECONDS=$((30 * minutes))
		prove_flags="-j 3" tap "$src"/test/t/{007_crash_loop,028_shards,029_replica,017_page_fuzz}.pl
	else
		list_tap_files
		! wanted sql || regress
		! wanted isolation || isolation
		! wanted tap || tap "${tap_files[@]}"
	fi
	look_for_crashes
	[ "$failed" -eq 0 ] || show "the server's log" "$scratch/server/log" tail -n 60
	echo "$passed $failed" >"$outside/server/count"
}

result=
src=$top
minutes=${ANNOY_SOAK_MINUTES:-}
[[ $minutes =~ ^([1-9][0-9]*)?$ ]] || die "MINUTES must be a whole number, not \"$minutes\""
if [ "${1:-}" = --inside ]
then
	# the caller cleans up, and has the last word
	trap - EXIT HUP INT TERM
	run_tests "$2" "$3" 2>&1
	exit 0
fi

need_packages test
make_scratch
copy_tree "$scratch/server/run/src" "${as_server[@]}"
run_job "${as_server[@]}" "$scratch/server/run/src/test/run.sh" --inside "$scratch" "$pg_config"
result=$(cat "$scratch/server/count")
