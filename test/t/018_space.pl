
# Copyright (c) 2026, the annoy developers

# The search space of an index: decided when a root is first split, whoever is
# about, and corrected by VACUUM, which replaces all trees; with crashes, and on a
# standby.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Without full page images in WAL, what a page was before a change matters.
my $node = annoy_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "wal_consistency_checking = 'all'\nfull_page_writes = off\n");
my $standby =
  annoy_standby($node, conf => "max_standby_streaming_delay = -1\n");

load_vectors($node, 'source', 'real[]', 4000, clustered(24));

sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $name) = @_;

	index_check_ok($node, "${table}_idx", $name);
	same_rows_ok($node, $table, '<->', $name);
	$node->wait_for_catchup($standby);
	index_check_ok($standby, "${table}_idx", "$name, standby");
	same_rows_ok($standby, $table, '<->', "$name, standby");
	return;
}

#
# Several sessions insert and search while the space is decided, again and again.
# There are not so many rows that further splits would encode all of them anew.
#
my $insert = $node->basedir . '/insert.sql';
my $search = $node->basedir . '/search.sql';
append_to_file(
	$insert, q{
	\set i random(1, 4000)
	INSERT INTO young SELECT id, v FROM source WHERE id = :i;
});
append_to_file(
	$search, q{
	\set i random(1, 4000)
	SET enable_seqscan = off;
	SELECT id FROM young ORDER BY v <-> (SELECT v FROM source WHERE id = :i) LIMIT 300;
});
foreach my $round (1 .. 6)
{
	my $trees = 1 + $round % 3;
	$node->safe_psql(
		'postgres', qq{
		DROP TABLE IF EXISTS young;
		CREATE TABLE young (id int, v real[]);
		CREATE INDEX young_idx ON young USING annoy (v) WITH (n_trees = $trees);});
	$node->command_ok(
		[
			'pgbench', '-n', '-c', '6', '-t', '42',
			'-f', "$insert\@2", '-f', $search,
			$node->connstr('postgres')
		],
		"round $round: nothing fails while the space is decided");
	index_check_ok($node, 'young_idx', "round $round");
}
check('young', 'after the last round');

# A scan on the standby that has begun before, and an old session after.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE first (id int, v real[]);
	CREATE INDEX first_idx ON first USING annoy (v);
	INSERT INTO first SELECT id, v FROM source WHERE id <= 60;});
$node->wait_for_catchup($standby);
my $session = $standby->background_psql('postgres');
$session->query_safe(
	q{SET enable_seqscan = off;
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	DECLARE c CURSOR FOR SELECT id FROM first ORDER BY v <-> (SELECT v FROM source WHERE id = 7);
	FETCH 2 FROM c});
$node->safe_psql('postgres',
	'INSERT INTO first SELECT id, v FROM source WHERE id > 60');
$node->wait_for_catchup($standby);
my @rows = split(/\n/, $session->query_safe('FETCH ALL FROM c'));
my %rows = map { $_ => 1 } @rows;
is(scalar(@rows), 58, 'a scan that has begun before goes on');
is(scalar(keys %rows), 58, 'and returns no row twice');
is( $session->query_safe(
		'SELECT count(*) FROM (SELECT id FROM first ORDER BY v <-> (SELECT v FROM source WHERE id = 3000)) s'
	),
	'60',
	'another one of the same transaction');
$session->query_safe('COMMIT');
is( $session->query_safe(
		'SELECT id FROM first ORDER BY v <-> (SELECT v FROM source WHERE id = 3000) LIMIT 1'
	),
	'3000',
	'and one that sees the new rows');
check('first', 'first split');

#
# Drift.  The first rows are far away, and deleted.
#
sub drifted
{
	my ($table, $trees) = @_;

	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $table (id int, v real[]);
		CREATE INDEX ${table}_idx ON $table USING annoy (v) WITH (n_trees = $trees);
		INSERT INTO $table SELECT -id, (SELECT array_agg(c + 1e8) FROM unnest(v) c)
			FROM source WHERE id <= 800;
		INSERT INTO $table SELECT id, v FROM source;
		DELETE FROM $table WHERE id < 0;});
	return;
}

sub pages
{
	my ($table) = @_;

	return $node->safe_psql('postgres',
		"SELECT pg_relation_size('${table}_idx')");
}

# The index is in use for as long as VACUUM is willing to wait.
drifted('used', 2);
my $before = pages('used');
my $user = $node->background_psql('postgres');
$user->query_safe(
	q{SET enable_seqscan = off;
	BEGIN;
	DECLARE c CURSOR FOR SELECT id FROM used ORDER BY v <-> (SELECT v FROM source WHERE id = 7);
	FETCH 2 FROM c});
$node->safe_psql('postgres', 'VACUUM used');
is(pages('used'), $before, 'trees of an index in use remain');
is( scalar(split(/\n/, $user->query_safe('FETCH ALL FROM c'))),
	3998, 'and the scan goes on');
$user->query_safe('COMMIT');
check('used', 'in use');

# A session on either server that knows the old trees.
my $one = 'SELECT id FROM used ORDER BY v <-> (SELECT v FROM source WHERE id = 99) LIMIT 1';
$user->query_safe($one);
$session->query_safe($one);
$node->safe_psql('postgres', 'VACUUM used');
cmp_ok(pages('used'), '>', $before, 'VACUUM makes new trees');
is($user->query_safe($one), '99', 'an old session searches them');
$node->wait_for_catchup($standby);
is($session->query_safe($one), '99', 'so does one on the standby');
check('used', 'new trees');

# Rows that come when the new trees have been made, but while VACUUM waits for the
# lock to write them.
drifted('busy', 2);
$before = pages('busy');
$user->query_safe(
	q{BEGIN;
	DECLARE c CURSOR FOR SELECT id FROM busy ORDER BY v <-> (SELECT v FROM source WHERE id = 7);
	FETCH 2 FROM c});
my $error = '';
my $vacuum = start_psql($node, \$error, 'VACUUM busy');
$node->poll_query_until('postgres',
	"SELECT wait_event = 'VacuumDelay' FROM pg_stat_activity WHERE query = 'VACUUM busy'"
) or die 'VACUUM does not wait';
$node->safe_psql('postgres',
	'INSERT INTO busy SELECT 10000 + id, v FROM source WHERE id <= 300');
$user->query_safe('COMMIT');
$vacuum->finish;
cmp_ok(pages('busy'), '>', $before, 'VACUUM makes new trees after a while');
check('busy', 'with rows that came meanwhile');

#
# Crashes while trees are written, or old ones freed, which is slow here.
#
$session->quit;
$user->quit;
foreach my $round (1 .. 2)
{
	my $table = "crash$round";

	drifted($table, $round);
	$node->safe_psql('postgres', 'CHECKPOINT') if $round == 2;
	$before = pages($table);
	my $doomed = start_psql(
		$node, \$error,
		'SET vacuum_cost_limit = 1',
		'SET vacuum_cost_page_hit = 0',
		'SET vacuum_cost_page_dirty = 1',
		"SET vacuum_cost_delay = '2ms'",
		"VACUUM $table");
	$node->poll_query_until('postgres',
		"SELECT pg_relation_size('${table}_idx') > $before")
	  or die 'there are no new trees';
	$node->stop('immediate');
	$node->start;
	eval { $doomed->finish; };
	check($table, "crash $round");
	$node->safe_psql('postgres', "VACUUM $table");
	check($table, "crash $round, and VACUUM");
	$before = pages($table);
	$node->safe_psql('postgres',
		"INSERT INTO $table SELECT 10000 + id, v FROM source");
	check($table, "crash $round, and rows in free pages");
}

done_testing();
