
# Copyright (c) 2026, the annoy developers

# The recall that is asked for is the recall that comes out: for queries that
# are not rows, at several targets and numbers of rows, when an index was built,
# when it has grown to three times its size, before and after VACUUM, and when
# half of it was deleted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Test::More;

# By how much it may be below or above.  About ten thousand rows are asked few
# queries to make the curve, and search harder to be on the safe side; likewise
# if they have become many more.
my ($below, $above, $above_few) = (0.01, 0.03, 0.06);

my $node = annoy_node('target_recall');
my $index_only = 'SET enable_seqscan = off; SET enable_sort = off';

# Measure at some targets and numbers of rows, each a [target, k].
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $set, $above, @wanted) = @_;

	foreach (@wanted)
	{
		my ($target, $k) = @$_;
		my $found = eval {
			recall($set, $k,
				"$index_only; SET annoy.target_recall = $target");
		};

		diag($@) unless defined $found;
		$found //= 0;
		cmp_ok($found, '>=', $target - $below,
			"$name: recall\@$k at target $target is not too low");
		cmp_ok($found, '<=', $target + $above,
			"$name: recall\@$k at target $target is not too high");
		diag("$name: recall\@$k at target $target: $found");
	}
	return;
}

# How often the curve was made is seen from the number of rows it knows.
sub curve
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(c::text, ' ') FROM annoy_recall_curve('rows_idx') c"
	);
}

my @all = ([ 0.9, 10 ], [ 0.95, 10 ], [ 0.99, 10 ], [ 0.95, 100 ]);

# Real word embeddings.

load_words($node, 'words', 'words_queries');
$node->safe_psql('postgres',
	'CREATE INDEX ON words USING annoy (v real_cosine_ops)');
check('words', exact_answers($node, 'words', 'words_queries', '<=>'),
	$above_few, @all);

# Many clusters that overlap.

my $vectors = clustered(32, clusters => 300, intrinsic => 24);
load_vectors($node, 'queries', 'real[]', 300, $vectors);
load_vectors($node, 'source', 'real[]', 30000, $vectors);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE rows (LIKE source INCLUDING ALL);
	INSERT INTO rows SELECT * FROM source WHERE id <= 10000;
	CREATE INDEX rows_idx ON rows USING annoy (v);
	ANALYZE rows;
});
my $built = curve();
check('built', exact_answers($node, 'rows', 'queries', '<->'),
	$above_few, @all);

$node->safe_psql(
	'postgres', q{
	INSERT INTO rows SELECT * FROM source WHERE id > 10000;
	ANALYZE rows;
});
my $all = exact_answers($node, 'rows', 'queries', '<->');
is(curve(), $built, 'inserts do not make a new curve');
check('three times as large', $all, $above_few, @all);

$node->safe_psql('postgres', 'VACUUM rows');
my $grown = curve();
isnt($grown, $built, 'VACUUM does');
check('three times as large, after VACUUM', $all, $above, @all);

$node->safe_psql(
	'postgres', q{
	DELETE FROM rows WHERE id % 2 = 0;
	VACUUM ANALYZE rows;
});
isnt(curve(), $grown, 'VACUUM makes a new one when half is gone');
check('half deleted',
	exact_answers($node, 'rows', 'queries', '<->'), $above_few, @all);

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
check('own queries', exact_answers($node, 'rows', 'queries', '<->'),
	$above, @all);

$node->stop;

done_testing();
