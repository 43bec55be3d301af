
# Copyright (c) 2026, the annoy developers

# Without full_page_writes, a page's first record after a checkpoint is no image
# of it, unless the index says so: then WAL has to say all that a standby, or
# recovery, does not know.  The heart of the tests of crashes and of the standby,
# once more.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = annoy_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "full_page_writes = off\n");
my $standby = annoy_standby($primary);

load_vectors($primary, 'source', 'real[]', 1500, clustered(300));

# That both have the same index, and so does the primary after a crash.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $name) = @_;

	$primary->wait_for_catchup($standby);
	foreach my $node ($standby, $primary)
	{
		my $which = "$name: " . $node->name;

		if ($node == $primary)
		{
			$primary->stop('immediate');
			$primary->start;
		}
		same_rows_ok($node, $table, '<->', $which);
		self_found_ok($node, $table, '<->', $which, where => 'id % 20 = 0');
		index_check_ok($node, "${table}_idx", $which);
	}
	return;
}

sub sql
{
	$primary->safe_psql('postgres', $_) foreach @_;
	return;
}

sql('CREATE TABLE t (id int PRIMARY KEY, v real[])',
	'CREATE INDEX t_idx ON t USING annoy (v) WITH (n_trees = 2)',
	'CHECKPOINT',
	'INSERT INTO t SELECT id, v FROM source WHERE id <= 700',
	'INSERT INTO t SELECT -id, NULL FROM source WHERE id <= 1200');
check('t', 'inserts into an empty index');
sql('CHECKPOINT', 'INSERT INTO t SELECT id, v FROM source WHERE id > 700');
check('t', 'more inserts');
sql('CHECKPOINT',
	'DELETE FROM t WHERE id % 3 <> 0',
	'CHECKPOINT',
	'VACUUM (INDEX_CLEANUP ON) t',
	'INSERT INTO t SELECT id, v FROM source WHERE id % 3 = 1');
check('t', 'VACUUM and inserts');
sql('CHECKPOINT',
	'DELETE FROM t WHERE v IS NOT NULL',
	'VACUUM (INDEX_CLEANUP ON) t',
	'CHECKPOINT',
	'INSERT INTO t SELECT id, v[1:30] FROM source');
check('t', 'other dimensions');
sql('CHECKPOINT', 'REINDEX INDEX t_idx');
check('t', 'REINDEX');
sql('TRUNCATE t', 'INSERT INTO t SELECT id, v FROM source WHERE id % 2 = 0');
check('t', 'TRUNCATE and inserts');

# An index that is large enough for a recall curve, which is measured before the
# pages are logged; then grows by half, and gets another curve.
sql(q{CREATE TABLE large (id int PRIMARY KEY, v real[])},
	q{INSERT INTO large SELECT i, ARRAY[i % 101, i % 103, i % 107] FROM generate_series(1, 9000) i},
	'CHECKPOINT',
	'CREATE INDEX large_idx ON large USING annoy (v)');
check('large', 'an index with a recall curve');
sql('CHECKPOINT',
	q{INSERT INTO large SELECT i, ARRAY[i % 101, i % 103, i % 107] FROM generate_series(9001, 14000) i},
	'VACUUM large');
check('large', 'an index that has grown');

no_corruption_ok($_) foreach ($primary, $standby);

$standby->stop;
$primary->stop;

done_testing();
