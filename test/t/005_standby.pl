
# Copyright (c) 2026, the annoy developers

# Replication: a standby has the same index, byte by byte, gives the same
# answers, and goes on with it when it is promoted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The standby compares each page that it changes with the primary's.
my $primary = annoy_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "wal_consistency_checking = 'all'\n");
my $standby = annoy_standby($primary);

# Few of the long vectors fit a page, so there are splits on two levels.
load_vectors($primary, 'vectors', 'real[]', 1500, clustered(64));
load_vectors($primary, 'long_vectors', 'real[]', 1500, clustered(1030));
load_vectors($primary, 'bits', 'bit varying', 1500, prototypes(256));

# Tables, with the operator class, options and source of each.
my %table = (
	plain => [ 'real_l2_ops', '', 'vectors' ],
	from_table => [ 'real_l2_ops', 'WITH (dtype = none)', 'vectors' ],
	forest => [ 'real_cosine_ops', 'WITH (n_trees = 3)', 'vectors' ],
	products => [ 'real_ip_ops', '', 'vectors' ],
	long => [ 'real_l1_ops', '', 'long_vectors' ],
	flags => [ 'bit_hamming_ops', '', 'bits' ],);
my @tables = sort keys %table;

# Run SQL on the primary for each table, with :table, :opclass, :options and
# :source replaced.
sub for_each_table
{
	my ($sql) = @_;

	foreach my $table (@tables)
	{
		my ($opclass, $options, $source) = @{ $table{$table} };
		my $command = $sql;

		$command =~ s/:table/$table/g;
		$command =~ s/:opclass/$opclass/g;
		$command =~ s/:options/$options/g;
		$command =~ s/:source/$source/g;
		$primary->safe_psql('postgres', $command);
	}
	return;
}

# What a node answers: the nearest rows of some vectors with their distances, a
# scan of the whole index in its order, and what annoy_index_info() says.
sub answers
{
	my ($node, $table) = @_;
	my ($opclass, $options, $source) = @{ $table{$table} };
	my $op = $operator{$opclass};
	my $queries = qq{
		SELECT q.id, array_agg((a.id, a.d)::text)
		FROM (SELECT id, v FROM $source WHERE id % 50 = 1) q,
			 LATERAL (SELECT t.id, t.v $op q.v AS d FROM $table t
					  ORDER BY t.v $op q.v LIMIT 20) a
		GROUP BY q.id ORDER BY q.id};
	my $scan = qq{
		SELECT array_agg(id)
		FROM (SELECT id FROM $table
			  ORDER BY v $op (SELECT v FROM $source WHERE id = 7)) scan};
	my $answers = $node->safe_psql(
		'postgres', qq{
		SET enable_seqscan = off;
		SET enable_bitmapscan = off;
		$queries;
		$scan;
		SELECT * FROM annoy_index_info('${table}_idx');
		EXPLAIN (COSTS OFF) $queries;
		EXPLAIN (COSTS OFF) $scan;});
	my $scans = () = $answers =~ /Index Scan using ${table}_idx/g;

	die "the index is not used:\n$answers\n" if $scans != 2;
	return $answers;
}

# A session on the standby that lives through everything: what it knows of an
# index must not become outdated.
# It lasts for the whole test, so its timeout is for each query.
my $session = $standby->background_psql('postgres');
$session->set_query_timer_restart();
$session->query_safe('SET enable_seqscan = off');

# That the standby agrees with the primary, and with itself.  Where there are
# dead rows, the primary knows them and does not count them as answers, but the
# standby does and searches harder: then they need not find the same.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, %params) = @_;

	$primary->wait_for_catchup($standby);
	foreach my $table (@tables)
	{
		my ($opclass, $options, $source) = @{ $table{$table} };
		my $op = $operator{$opclass};
		my $one = qq{
			SELECT array_agg((id, d)::text)
			FROM (SELECT id, v $op (SELECT v FROM $source WHERE id = 5) AS d
				  FROM $table
				  ORDER BY v $op (SELECT v FROM $source WHERE id = 5)
				  LIMIT 10) nearest};

		same_rows_ok($standby, $table, $op,
			"$name: on the standby, $table");
		index_check_ok($standby, "${table}_idx",
			"$name: on the standby, $table");
		next if $params{dead_rows};
		ok(answers($standby, $table) eq answers($primary, $table),
			"$name: the standby gives the same answers, $table");
		is( $session->query_safe($one),
			$primary->safe_psql('postgres', "SET enable_seqscan = off; $one"),
			"$name: an old session gives the same answers, $table");
	}
	return;
}

for_each_table(
	q{
	CREATE TABLE :table (LIKE :source INCLUDING ALL);
	CREATE INDEX :table_idx ON :table USING annoy (v :opclass) :options;});
check('empty indexes');

for_each_table('INSERT INTO :table SELECT * FROM :source WHERE id = 1');
check('one row');

for_each_table('INSERT INTO :table SELECT * FROM :source WHERE id > 1');
for_each_table(
	'INSERT INTO :table SELECT -id, NULL FROM :source WHERE id <= 20');
check('inserts and splits');
is( $standby->safe_psql(
		'postgres', "SELECT height FROM annoy_index_info('long_idx')"),
	'3',
	'inserts and splits: there are three levels');

# Some of these rows go into pages that the checkpoint has made clean.
$primary->safe_psql('postgres', 'CHECKPOINT');
foreach my $round (1 .. 3)
{
	for_each_table(
		qq{
		DELETE FROM :table WHERE id % 5 = $round;
		VACUUM :table;
		INSERT INTO :table SELECT * FROM :source WHERE id % 10 = $round;
		UPDATE :table SET v = (SELECT v FROM :source WHERE id = $round)
			WHERE id % 50 = 4;});
	check("deletes, VACUUM, inserts and updates, round $round");
}

# All rows go, but for one.
for_each_table(
	q{
	DELETE FROM :table WHERE id <> 14;
	VACUUM :table;});
check('one survivor');
for_each_table('INSERT INTO :table SELECT * FROM :source WHERE id <> 14');
check('rows in free space');

# A transaction that aborts, and VACUUM of what it leaves.
for_each_table(
	q{
	BEGIN;
	INSERT INTO :table SELECT id + 10000, v FROM :source WHERE id <= 500;
	ROLLBACK;});
check('rows of an aborted transaction', dead_rows => 1);
for_each_table('VACUUM :table');
check('rows of an aborted transaction, after VACUUM');

# Dimensions that are forgotten, those of transactions that abort as well: the old
# session on the standby has seen each of them.
$primary->safe_psql(
	'postgres', q{
	CREATE TABLE changing (id int, v real[]);
	CREATE INDEX changing_idx ON changing USING annoy (v);});
foreach my $dims (2, 3, 4)
{
	foreach my $sql (
		"BEGIN; INSERT INTO changing SELECT id, v[1:$dims + 10] FROM vectors; ROLLBACK",
		'VACUUM (INDEX_CLEANUP ON) changing',
		"BEGIN; INSERT INTO changing SELECT id, v[1:$dims + 20] FROM vectors; ROLLBACK",
		'VACUUM (INDEX_CLEANUP ON) changing',
		"INSERT INTO changing SELECT id, v[1:$dims] FROM vectors; SELECT pg_switch_wal()")
	{
		$primary->safe_psql('postgres', $sql);
	}
	$primary->wait_for_catchup($standby);
	is( $session->query_safe(
			"SELECT id FROM changing ORDER BY v <-> (SELECT v FROM changing WHERE id = 7) LIMIT 1"
		),
		'7',
		"standby: index with $dims dimensions, after others");
	same_rows_ok($standby, 'changing', '<->', "standby: $dims dimensions");
	$primary->safe_psql('postgres', 'DELETE FROM changing');
	$primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) changing');
}

# A snapshot on the standby sees rows that are dead to everybody on the primary.
# The index does not lose them before the snapshot is gone, whoever prunes the
# table, and whatever is inserted there.  That the snapshot comes first, and not
# the changes, is a setting.
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = -1');
$standby->reload;

sub replay_waits
{
	$standby->poll_query_until(
		'postgres', q{
		SELECT wait_event LIKE 'RecoveryConflict%' FROM pg_stat_activity
		WHERE backend_type = 'startup'}) or die 'replay does not wait';
	return;
}

foreach my $case ('built', 'grown', 'pruned by a query')
{
	# a page that is not full is pruned by nobody but VACUUM
	my $rows = $case =~ /pruned/ ? 1500 : 20;
	my $expected = "$rows|" . $rows * ($rows + 1) / 2;
	my $insert = "INSERT INTO held SELECT id, v[1:2] FROM vectors WHERE id <= $rows;";
	my $index = 'CREATE INDEX held_idx ON held USING annoy (v);';
	my $name = "snapshot on the standby, $case";
	my $old = q{
		SELECT count(*), sum(id) FROM (
			SELECT id FROM held
			ORDER BY v <-> (SELECT v[1:2] FROM vectors WHERE id = 5)) scan};

	$primary->safe_psql('postgres',
		'CREATE TABLE held (id int, v real[]);' . ($case eq 'built' ? $insert . $index : $index . $insert));
	$primary->wait_for_catchup($standby);

	# it has not touched the index: a lock would do as well
	my $reader = $standby->background_psql('postgres');
	$reader->query_safe('SET enable_seqscan = off; SET enable_sort = off');
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$reader->query_safe('SELECT count(*) FROM pg_class');

	$primary->safe_psql('postgres', 'DELETE FROM held');
	my ($ret, $stdout, $stderr) = $primary->psql('postgres',
		'INSERT INTO held SELECT id, v[1:3] FROM vectors');
	like($stderr, qr/expected 2 dimensions, not 3.*VACUUM \(INDEX_CLEANUP ON, PARALLEL 0\) public.held/s,
		"$name: other dimensions have to wait for VACUUM");
	if ($case =~ /pruned/)
	{
		$primary->safe_psql('postgres', 'SELECT count(*) FROM held');
		replay_waits();
	}
	else
	{
		$primary->wait_for_catchup($standby);
	}
	is($reader->query_safe($old), $expected, "$name: it sees its rows");

	$primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON, PARALLEL 0) held');
	$primary->safe_psql('postgres', 'INSERT INTO held SELECT -id, v[1:3] FROM vectors');
	replay_waits();
	is($reader->query_safe($old), $expected,
		"$name: it does so when VACUUM has been on the primary, and others came");
	$reader->query_safe('COMMIT');
	$reader->quit;

	$primary->wait_for_catchup($standby);
	same_rows_ok($standby, 'held', '<->', "$name: others have come");
	self_found_ok($standby, 'held', '<->', "$name: others have come");
	index_check_ok($standby, 'held_idx', "$name: others have come");
	$primary->safe_psql('postgres', 'DROP TABLE held');
}

# Builds.
for_each_table('REINDEX INDEX :table_idx');
check('REINDEX');
for_each_table('REINDEX INDEX CONCURRENTLY :table_idx');
check('REINDEX CONCURRENTLY');
for_each_table('DELETE FROM :table WHERE id % 3 = 0; VACUUM FULL :table');
check('VACUUM FULL');
for_each_table('INSERT INTO :table SELECT * FROM :source WHERE id % 3 = 0');
check('inserts after a build');
for_each_table(
	q{
	TRUNCATE :table;
	INSERT INTO :table SELECT * FROM :source WHERE id % 2 = 0;});
check('TRUNCATE and inserts');

# The standby recovers from a crash of its own.
$session->quit;
$standby->stop('immediate');
for_each_table('INSERT INTO :table SELECT * FROM :source WHERE id % 4 = 1');
$standby->start;
$session = $standby->background_psql('postgres');
$session->set_query_timer_restart();
$session->query_safe('SET enable_seqscan = off');
check('crash of the standby');

# An unlogged table is not there before promotion, and empty after.
$primary->safe_psql(
	'postgres', q{
	CREATE UNLOGGED TABLE unlogged (LIKE vectors INCLUDING ALL);
	CREATE INDEX unlogged_idx ON unlogged USING annoy (v);
	INSERT INTO unlogged SELECT * FROM vectors;
});
$primary->wait_for_catchup($standby);

# What all functions say that take an index: those that read it work on the
# standby, those that change it do not, and neither do any if it is unlogged.
$primary->safe_psql(
	'postgres', q{
	CREATE SCHEMA functions;
	SET search_path = functions, public;
	} . slurp_file("$FindBin::RealBin/../regress/calls.sql") . q{
	CREATE TABLE logged (id int, v real[]);
	CREATE UNLOGGED TABLE not_logged (id int, v real[]);
	INSERT INTO logged SELECT i, ARRAY[i, 1] FROM generate_series(1, 300) i;
	INSERT INTO not_logged SELECT * FROM logged;
	CREATE INDEX logged_v ON logged USING annoy (v);
	CREATE INDEX not_logged_v ON not_logged USING annoy (v);});
$primary->wait_for_catchup($standby);

sub outcomes
{
	my ($node, $index, $before) = @_;

	return $node->safe_psql(
		'postgres', 'SET search_path = functions, public; '
		  . ($before // '')
		  . "SELECT part, outcome FROM summary($index)");
}

my $changes = join "\n",
  map { "1 of 29|25006 | cannot execute annoy_$_() during recovery" }
  qw(calibrate clone_index set_params);
is( outcomes($standby, "'not_logged_v'"),
	"26 of 29|0A000 | cannot access unlogged index \"not_logged_v\" during recovery"
	  . " | What is unlogged is not there on a standby.\n$changes",
	'standby: functions on an unlogged index');
is( outcomes($standby, "'logged_v'"),
	"$changes\n"
	  . "2 of 29|42804 | the query is a bit string, but index \"logged_v\" is on arrays\n"
	  . '1 of 29|58P01 | could not create file "/nowhere/x.ann.N.tmp": No such file or directory'
	  . " | The file is written by the server process, on the server's machine.\n"
	  . "9 of 29|no error\n"
	  . '14 of 29|no error locks logged AccessShareLock, logged_v AccessShareLock',
	'standby: functions on another one');
unlike(outcomes($primary, "'not_logged_v'"),
	qr/0A000|25006/, 'primary: functions on an unlogged index');

# One of another session's temporary table.
my $other = $primary->background_psql('postgres');
$other->query_safe(
	q{
	CREATE TEMP TABLE theirs (id int, v real[]);
	CREATE INDEX theirs_v ON theirs USING annoy (v);});
is( outcomes($primary, $other->query_safe(q{SELECT 'theirs_v'::regclass::oid})),
	'29 of 29|0A000 | cannot access temporary index "theirs_v" of another session',
	'functions on a temporary index of another session');

# Who may not use an index does not wait for those who have locked it: any wait
# is an error here.
$other->query_safe(
	q{
	CREATE ROLE nobody;
	GRANT USAGE ON SCHEMA functions TO nobody;
	GRANT pg_write_server_files TO nobody;
	BEGIN;
	DROP INDEX functions.logged_v;});
is( outcomes(
		$primary, "'logged_v'", 'SET lock_timeout = 1; SET ROLE nobody; '),
	join("\n",
		'2 of 29|42501 | must be owner of index logged_v',
		'1 of 29|42501 | must be owner of table logged',
		'1 of 29|42501 | permission denied for function annoy_index_check',
		'25 of 29|42501 | permission denied for table logged'),
	'without privileges nobody waits for a lock');
is( outcomes($primary, "'logged_v'", 'SET lock_timeout = 1; '),
	'29 of 29|55P03 | canceling statement due to lock timeout',
	'with privileges everybody does');
$other->query_safe('ROLLBACK');
$other->quit;

# Promotion: the index goes on, and so does the session.
my %before = map { $_ => answers($primary, $_) } @tables;
$standby->promote;
$primary->stop;
foreach my $table (@tables)
{
	my $op = $operator{ $table{$table}[0] };
	my $source = $table{$table}[2];

	ok(answers($standby, $table) eq $before{$table},
		"promoted: same answers, $table");
	$session->query_safe(
		qq{
		DELETE FROM $table WHERE id % 5 = 0;
		INSERT INTO $table SELECT id + 10000, v FROM $source WHERE id % 7 = 0});
	$session->query_safe("VACUUM (INDEX_CLEANUP on) $table");
	$session->query_safe(
		"INSERT INTO $table SELECT id + 20000, v FROM $source WHERE id % 4 = 0"
	);
	same_rows_ok($standby, $table, $op, "promoted: $table");
	index_check_ok($standby, "${table}_idx", "promoted: $table");
	nothing_dead_ok($standby, $table, "promoted, VACUUM of $table");
}
self_found_ok($standby, 'plain', '<->', 'promoted');
is(same_rows_ok($standby, 'unlogged', '<->', 'promoted: unlogged table'),
	0, 'promoted: unlogged table is empty');
$session->query_safe('INSERT INTO unlogged SELECT * FROM vectors');
is(same_rows_ok($standby, 'unlogged', '<->', 'promoted: unlogged table, filled'),
	1500, 'promoted: unlogged table can be filled');
self_found_ok($standby, 'unlogged', '<->', 'promoted: unlogged table, filled');
$session->quit;

no_corruption_ok($_) foreach ($primary, $standby);

$standby->stop;

done_testing();
