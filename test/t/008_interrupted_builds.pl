
# Copyright (c) 2026, the annoy developers

# Builds that do not come to their end, for whatever reason, leave nothing
# behind: no index, no file, and a table that can be indexed the next time.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# WAL segments are smaller than the files that are not to be written.
my $node = annoy_node(
	'interrupted_builds',
	init => [ extra => [ '--wal-segsize', '1' ] ],
	conf => q{
	wal_level = replica
	maintenance_work_mem = 1MB
});

load_vectors($node, 't', 'real[]', 8000, clustered(64));
$node->safe_psql(
	'postgres', q{
	INSERT INTO t SELECT 100000 + i, NULL FROM generate_series(1, 100) i;

	CREATE FUNCTION filenode(file text) RETURNS oid LANGUAGE sql AS
		$$ SELECT substring(file, '^(?:t\d+_)?(\d+)')::oid $$;

	CREATE VIEW lost_files AS
		SELECT file FROM pg_database, pg_ls_dir('base/' || oid) file
		WHERE datname = current_database() AND
			pg_filenode_relation(0, filenode(file)) IS NULL AND
			filenode(file) IS NOT NULL;

	CREATE VIEW leftovers AS
		SELECT 'index ' || relname AS what
		FROM pg_class JOIN pg_am a ON a.oid = relam WHERE amname = 'annoy'
		UNION ALL
		SELECT 'file ' || file FROM lost_files
		UNION ALL
		SELECT 'temporary file ' || pg_ls_dir('base/pgsql_tmp', true, false);

	-- Let go who waits for the advisory lock, and return its process as soon
	-- as it builds an index and is in that phase, or at once if that is NULL; or
	-- NULL if it has ended.
	CREATE FUNCTION builder(wanted text) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		builder int;
	BEGIN
		LOOP
			SELECT pid INTO builder FROM pg_locks
			WHERE locktype = 'advisory' AND NOT granted;
			EXIT WHEN FOUND;
			PERFORM pg_sleep(0.01);
		END LOOP;
		PERFORM pg_advisory_unlock(1);
		LOOP
			PERFORM pg_stat_clear_snapshot();
			IF EXISTS (SELECT FROM pg_stat_progress_create_index
					   WHERE pid = builder AND phase = wanted) THEN
				RETURN builder;
			END IF;
			IF wanted IS NULL THEN
				RETURN builder;
			END IF;
			EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = builder);
		END LOOP;
		RETURN NULL;
	END $$;

	-- Let go who waits for the advisory lock, and note what is to be seen of its
	-- build until there is an index.
	CREATE TABLE seen (phase text PRIMARY KEY, tuples bigint, blocks bigint, too_many boolean);
	CREATE FUNCTION watch() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		builder int := builder(NULL);
	BEGIN
		WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = builder) LOOP
			PERFORM pg_stat_clear_snapshot();
			INSERT INTO seen
				SELECT phase, tuples_done, blocks_done,
					tuples_done > tuples_total AND tuples_total > 0 OR
					blocks_done > blocks_total AND blocks_total > 0
				FROM pg_stat_progress_create_index WHERE pid = builder
			ON CONFLICT (phase) DO UPDATE SET
				tuples = greatest(seen.tuples, excluded.tuples),
				blocks = greatest(seen.blocks, excluded.blocks),
				too_many = seen.too_many OR excluded.too_many;
		END LOOP;
	END $$;
	VACUUM ANALYZE t;
});

my $create = 'CREATE INDEX t_idx ON t USING annoy (v) WITH (n_trees = 10)';
my @phases = map { "building index: $_" } (
	'storing items',
	'taking a sample',
	'growing trees on a sample',
	'refining leaf centres',
	'assigning items to leaves',
	'writing trees',
	'measuring recall',
	'writing WAL');

# The file of a relation that is no more stays, empty, until the next checkpoint.
sub nothing_left_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;

	is( $node->safe_psql(
			'postgres', 'CHECKPOINT; SELECT what FROM leftovers ORDER BY 1'),
		'',
		"$name: nothing is left");
	return;
}

sub index_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;

	index_check_ok($node, 't_idx', $name);
	same_rows_ok($node, 't', '<->', $name);
	self_found_ok($node, 't', '<->', $name, where => 'id % 80 = 0');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
	return;
}

# That the table can be changed, and a build works.
my $next_id = 200000;

sub usable_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;

	$next_id++;
	$node->safe_psql(
		'postgres', qq{
		INSERT INTO t SELECT $next_id, v FROM t WHERE id = 1;
		CREATE INDEX t_idx ON t USING annoy (v);});
	index_ok("$name, next build");
	return;
}

# Start a session that builds as soon as the watcher gives up its lock.  Returns
# the handle and a reference to what psql has to complain of.
my $watcher;

sub start_build
{
	my ($sql) = @_;
	my $stderr = '';

	# a new one each time, as sessions may not live long
	$watcher->quit if $watcher;
	$watcher = $node->background_psql('postgres');
	$watcher->query_safe('SELECT pg_advisory_lock(1)');
	my $handle = IPC::Run::start(
		[
			'psql', '-X', '-d', $node->connstr('postgres'),
			'-c', 'SELECT pg_advisory_lock_shared(1)',
			'-c', 'SELECT pg_advisory_unlock_shared(1)',
			'-c', $sql
		],
		'<', '/dev/null', '>', '/dev/null', '2>', \$stderr);
	return ($handle, \$stderr);
}

# Start a build, and when it is in that phase do something with its process, an
# SQL expression.  Should the phase have been missed, the build is done again.
sub watch_build
{
	my ($sql, $phase, $do) = @_;

	foreach (1 .. 10)
	{
		my ($handle, $stderr) = start_build($sql);

		return ($handle, $stderr)
		  if $watcher->query_safe(
			"SELECT $do FROM builder('$phase') pid WHERE pid IS NOT NULL") ne
		  '';
		$handle->finish;
		$node->safe_psql('postgres', 'DROP INDEX t_idx')
		  if $sql =~ /^CREATE/;
	}
	die "nobody was seen $phase";
}

# Interrupt a build in a phase.
sub interrupted_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($sql, $phase, $how, $complaint) = @_;
	my $said;

	# a build may be over before it is told
	foreach (1 .. 10)
	{
		my ($handle, $stderr) = watch_build($sql, $phase, "$how(pid)");

		eval { $handle->finish; };
		$said = $$stderr;
		last
		  if $sql !~ /^CREATE INDEX t_idx/
		  || $node->safe_psql('postgres', "SELECT to_regclass('t_idx')") eq '';
		$node->safe_psql('postgres', 'DROP INDEX t_idx');
	}
	like($said, $complaint, "$how in phase $phase");
	return;
}

#
# What is to be seen of builds.  Sorting takes no time here.
#
foreach (1 .. 20)
{
	my ($handle) = start_build($create);

	$watcher->query_safe('SELECT watch()');
	$handle->finish;
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
	last
	  if $node->safe_psql('postgres',
		"SELECT count(*) FROM seen WHERE phase ~ 'building' AND tuples + blocks > 0") >= @phases;
}
is( $node->safe_psql(
		'postgres', q{
		SELECT phase FROM seen
		WHERE phase ~ 'building index: ' AND phase !~ 'sorting' AND tuples + blocks > 0
		ORDER BY 1}),
	join("\n", sort @phases),
	'counters move in each phase');
is( $node->safe_psql('postgres', 'SELECT phase FROM seen WHERE too_many'),
	'',
	'there is never more done than there is to do');

#
# Interrupted by somebody else, in each phase.
#
foreach my $phase (@phases)
{
	interrupted_ok($create, $phase, 'pg_cancel_backend',
		qr/canceling statement due to user request/);
	nothing_left_ok("cancelled, $phase");
	usable_ok("cancelled, $phase");

	interrupted_ok($create, $phase, 'pg_terminate_backend',
		qr/terminating connection due to administrator command/);
	nothing_left_ok("terminated, $phase");
}
usable_ok('terminated');

#
# Too slow.
#
my $ms = $node->safe_psql(
	'postgres', qq{
	SELECT clock_timestamp() AS started \\gset
	$create;
	SELECT 1000 * extract(epoch FROM clock_timestamp() - :'started');
	DROP INDEX t_idx;});
my $slow = 0;

foreach my $part (1, 3, 5, 7, 9)
{
	my $stderr;

	$node->psql(
		'postgres',
		'SET statement_timeout = ' . int(1 + $part * $ms / 10) . "; $create",
		stderr => \$stderr);
	if ($stderr =~ /canceling statement due to statement timeout/)
	{
		$slow++;
	}
	else
	{
		is($stderr, '', 'a build is in time');
		$node->safe_psql('postgres', 'DROP INDEX t_idx');
	}
	nothing_left_ok("statement_timeout, part $part");
}
cmp_ok($slow, '>', 0, 'builds run into statement_timeout');
usable_ok('statement_timeout');

#
# No space.  To have a full disk takes root, so there is a limit to the size of
# the process's files instead; for the server it is the same: a write fails.
# Neither is there memory, in the end.
#
my $mb = 1024 * 1024;

# Run SQL in a session with a limit of prlimit's, and return its messages.
sub limited
{
	my ($resource, $limit, @sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	# memory comes on top of what there is
	if ($resource eq 'as')
	{
		my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+)/m;
		$limit += 1024 * $kb;
	}
	system_or_bail('prlimit', '--pid', $pid, "--$resource=$limit:");
	$session->{stderr} = '';
	$session->query($_) foreach @sql;
	my $stderr = $session->{stderr};
	$session->quit;
	return $stderr;
}

SKIP:
{
	skip('there is no prlimit', 1) if system('prlimit >/dev/null 2>&1') != 0;

	like(
		limited('fsize', $mb, $create),
		qr/could not (extend|write to) file/,
		'no space for items, or for the vectors that the build keeps');
	nothing_left_ok('no space for items');

	# short vectors, which take less space than entries
	(my $short = $create) =~ s/\(v\)/((v[1:2]))/;
	like(
		limited('fsize', 400 * 1024, $short),
		qr/could not write to file "base\/pgsql_tmp/,
		'no space for the sort');
	nothing_left_ok('no space for the sort');

	like(
		limited(
			'fsize', 4 * $mb, q{SET maintenance_work_mem = '64MB'}, $create),
		qr/could not extend file/,
		'no space for trees');
	nothing_left_ok('no space for trees');
	usable_ok('no space');

	like(
		limited(
			'as', 6 * $mb, q{SET maintenance_work_mem = '2047GB'}, $create),
		qr/out of memory/,
		'no memory');
	nothing_left_ok('no memory');
	usable_ok('no memory');
}
like(
	($node->psql('postgres', "SET temp_file_limit = '200kB'; $create"))[2],
	qr/temporary file size exceeds "?temp_file_limit/,
	'temp_file_limit');
nothing_left_ok('temp_file_limit');
usable_ok('temp_file_limit');

#
# As little memory as there can be, and more than there is.
#
foreach my $memory ('1MB', '2147483647kB')
{
	$node->safe_psql('postgres', "SET maintenance_work_mem = '$memory'; $create");
	index_ok("maintenance_work_mem = $memory");
	nothing_left_ok("maintenance_work_mem = $memory");
}

#
# A concurrent build leaves an invalid index, as PostgreSQL's documentation
# says, which can be dropped.
#
sub invalid_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $expected) = @_;

	is( $node->safe_psql(
			'postgres', q{
			SELECT relname, indisvalid
			FROM pg_index JOIN pg_class c ON c.oid = indexrelid
				 JOIN pg_am a ON a.oid = relam
			WHERE indrelid = 't'::regclass AND amname = 'annoy' ORDER BY 1}),
		$expected,
		"$name leaves an invalid index");
	$next_id++;
	$node->safe_psql('postgres',
		"INSERT INTO t SELECT $next_id, v FROM t WHERE id = 1");
	return;
}

(my $concurrently = $create) =~ s/INDEX/INDEX CONCURRENTLY/;
foreach my $phase (@phases[ 0, 4, 5 ], 'waiting for old snapshots')
{
	my $old;

	if ($phase =~ /snapshots/)
	{
		$old = $node->background_psql('postgres');
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	}
	interrupted_ok($concurrently, $phase, 'pg_cancel_backend',
		qr/canceling statement due to user request/);
	$old->quit if $old;
	invalid_ok("CREATE INDEX CONCURRENTLY cancelled, $phase", 't_idx|f');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
	nothing_left_ok("CREATE INDEX CONCURRENTLY cancelled, $phase");
}
$node->safe_psql('postgres', $create);
interrupted_ok(
	'REINDEX INDEX CONCURRENTLY t_idx',
	$phases[4], 'pg_cancel_backend',
	qr/canceling statement due to user request/);
invalid_ok('REINDEX CONCURRENTLY cancelled', "t_idx|t\nt_idx_ccnew|f");
$node->safe_psql('postgres', 'DROP INDEX t_idx_ccnew');
index_ok('REINDEX CONCURRENTLY cancelled');
nothing_left_ok('REINDEX CONCURRENTLY cancelled');

#
# A crash.  What it leaves of any relation that was being created is a file
# that nobody knows; all else is gone.
#
foreach my $phase (@phases[ 0, 4, 5 ])
{
	my ($handle) = watch_build($create, $phase, 'pid');

	kill_server($node);
	eval { $handle->finish; };
	eval { $watcher->quit; };
	undef $watcher;
	$node->start;
	is( $node->safe_psql(
			'postgres', q{
			CHECKPOINT;
			SELECT count(DISTINCT filenode(file)) FROM lost_files;
			SELECT what FROM leftovers WHERE what !~ '^file'}),
		'1',
		"crash, $phase: a file is left at most");
	usable_ok("crash, $phase");
	foreach my $file (
		split(/\n/, $node->safe_psql('postgres',
				"SELECT pg_relation_filepath('pg_class'), file FROM lost_files")))
	{
		my ($path, $name) = split(/\|/, $file);

		$path =~ s/[^\/]+$/$name/;
		unlink($node->data_dir . "/$path") or die "could not remove $path: $!";
	}
}

unlike(
	slurp_file($node->logfile),
	qr/PANIC|TRAP|Please REINDEX|temporary file leak|buffer refcount leak|resource was not closed/,
	'nothing else went wrong');

$node->stop;

done_testing();
