
# Copyright (c) 2026, the annoy developers

# The recall that is asked for is the recall that comes out: for queries that
# are not rows, at several targets and numbers of rows, when an index was built,
# when it has grown to three times its size and when half of its rows were
# deleted, before and after VACUUM.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Test::More;

# By how much it may be below or above.  Until VACUUM comes to an index that has
# grown, it makes sure that recall is not lower than it is meant to be.
my ($below, $above) = (0.01, 0.03);
my ($below_grown, $above_grown) = (0.02, 1);

my $node = annoy_node('target_recall');
my $index_only = 'SET enable_seqscan = off; SET enable_sort = off';

# Measure at all targets and numbers of rows.
#
# A search does not know that one row is all that is wanted, and makes the
# effort for ten.  So recall@1 is at least what is asked for.
#
# With @made, these make several indexes, one after the other.  Recalls of 10 and of 100
# rows are the mean of theirs; those of others, which cost more or matter less, are the
# last one's.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $table, $queries, $op, $has_grown, @made) = @_;
	my $least = $has_grown ? $below_grown : $below;
	my $most = $has_grown ? $above_grown : $above;
	my $set = exact_answers($node, $table, $queries, $op, 1000);
	my $left = @made || 1;
	my (%sum, %n);

	foreach my $make (@made ? @made : sub { })
	{
		$make->();
		foreach my $k (--$left > 0 ? (10, 100) : (1, 10, 100, 1000))
		{
			foreach my $target (0.9, 0.95, 0.99)
			{
				my $found = eval {
					recall($set, $k,
						"$index_only; SET annoy.target_recall = $target");
				};

				diag($@) unless defined $found;
				$sum{"$k $target"} += $found // 0;
				$n{"$k $target"}++;
			}
		}
	}

	foreach my $k (1, 10, 100, 1000)
	{
		foreach my $target (0.9, 0.95, 0.99)
		{
			my $found = $sum{"$k $target"} / $n{"$k $target"};

			cmp_ok($found, '>=', $target - $least,
				"$name: recall\@$k at target $target is not too low");
			cmp_ok($found, '<=', $target + $most,
				"$name: recall\@$k at target $target is not too high")
			  if $k > 1;
			note("$name: recall\@$k at target $target: $found");
		}
	}
	return;
}

# Make an index with a seed.
sub build
{
	my ($seed, $index) = @_;

	$index //= 'rows_idx';
	$node->safe_psql('postgres',
		"ALTER INDEX $index SET (seed = $seed); REINDEX INDEX $index");
	return;
}

# Likewise on a third of its rows, and insert the others.
sub grow
{
	my ($seed) = @_;

	$node->safe_psql('postgres',
		'TRUNCATE rows; INSERT INTO rows SELECT * FROM source WHERE id <= 10000');
	build($seed);
	$node->safe_psql('postgres',
		'INSERT INTO rows SELECT * FROM source WHERE id > 10000');
	$node->safe_psql('postgres', 'VACUUM ANALYZE rows');
	return;
}

# How often the curve was made is seen from the number of rows it knows.
sub curve
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(c::text, ' ') FROM annoy_recall_curve('rows_idx') c"
	);
}

# Real word embeddings.  At target 0.9, recalls of several seeds vary by 0.009 (one
# standard deviation) around 0.925 with vectors in the index, and 0.93 without: so there
# is the mean of some, and more room for the one whose rows are then deleted.

my @seeds = (1 .. 4, '1234567890987654321');

load_words($node, 'words', 'words_queries');
$node->safe_psql('postgres',
	'CREATE INDEX words_idx ON words USING annoy (v real_cosine_ops)');
$above = 0.04;
check('words', 'words', 'words_queries', '<=>', 0,
	map { my $seed = $_; sub { build($seed, 'words_idx') } } @seeds);
$node->safe_psql('postgres', 'DELETE FROM words WHERE id % 2 = 0');
$above = 0.05;
check('words, half deleted', 'words', 'words_queries', '<=>');
$above = 0.03;

# Many clusters that overlap.  How hard the items are that a curve comes from is
# chance: at target 0.9, recalls of several seeds vary by 0.006 to 0.008 (one standard
# deviation), around what is aimed at or a little more.  So it is the mean of some that
# counts; the last one is the default.

my $vectors = clustered(32, clusters => 300, intrinsic => 24);
load_vectors($node, 'queries', 'real[]', 200, $vectors);
load_vectors($node, 'source', 'real[]', 30000, $vectors);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE rows (LIKE source INCLUDING ALL);
	INSERT INTO rows SELECT * FROM source WHERE id <= 10000;
	CREATE INDEX rows_idx ON rows USING annoy (v);
	ANALYZE rows;
});
check('built', 'rows', 'queries', '<->', 0,
	map { my $seed = $_; sub { build($seed) } } @seeds);
my $built = curve();

$node->safe_psql('postgres',
	'INSERT INTO rows SELECT * FROM source WHERE id BETWEEN 10001 AND 12000');
is(curve(), $built, 'a few inserts do not make a new curve');
$node->safe_psql(
	'postgres', q{
	INSERT INTO rows SELECT * FROM source WHERE id > 12000;
	ANALYZE rows;
});
is(curve(), $built, 'nor do many');
check('three times as large', 'rows', 'queries', '<->', 1);

$node->safe_psql('postgres', 'VACUUM rows');
isnt(curve(), $built, 'VACUUM does when there are many more rows');
check('three times as large, after VACUUM', 'rows', 'queries', '<->', 0,
	map { my $seed = $_; sub { grow($seed) } } @seeds);
my $grown = curve();

$node->safe_psql(
	'postgres', q{
	DELETE FROM rows WHERE id % 2 = 0;
	ANALYZE rows;
});
check('half deleted', 'rows', 'queries', '<->');
$node->safe_psql('postgres', 'VACUUM ANALYZE rows');
isnt(curve(), $grown, 'VACUUM makes a new one when half is gone');
check('half deleted, after VACUUM', 'rows', 'queries', '<->');

# What the index says of itself agrees with what is measured from outside.

my ($inside, $asked) = split(
	/\|/,
	$node->safe_psql(
		'postgres', q{
		SET annoy.target_recall = 0.95;
		SELECT recall, asked FROM annoy_recall('rows_idx', 10, 300)}));
is($asked, 300, 'annoy_recall asks as many queries as it is told to');
cmp_ok(abs($inside - 0.96), '<=', 0.03, 'annoy_recall finds the same recall');

# A curve survives a crash.

my $last = curve();
$node->stop('immediate');
$node->start;
is(curve(), $last, 'the curve is there after a crash');
$node->safe_psql('postgres',
	q{SELECT annoy_calibrate('rows_idx', 'queries')});
my $own = curve();
isnt($own, $last, 'queries of our own make another curve');
$node->stop('immediate');
$node->start;
is($own, curve(), 'and that survives a crash, too');
check('own queries', 'rows', 'queries', '<->');

# An index that was made before all its rows, without VACUUM.

$node->safe_psql(
	'postgres', q{
	CREATE TABLE filled (LIKE rows INCLUDING ALL);
	INSERT INTO filled SELECT * FROM source;
	ANALYZE filled});
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM annoy_recall_curve('filled_v_idx')}),
	0,
	'there is no curve');
check('filled', 'filled', 'queries', '<->', 1);

$node->stop;

done_testing();
