
# Copyright (c) 2026, the annoy developers

# Recall with default settings and nothing tuned, on clustered data: at least
# .95 of the ten nearest, and .999 if a search visits everything.  Then recall
# of indexes that did not come from one build: made by inserts, and after
# deletions.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Test::More;

my $everything = 'SET annoy.search_k = 2147483647; SET enable_seqscan = off';
my $node = annoy_node('recall');

# The exact answers that have been found so far, by table and operator.
my %answers;

# A table of queries, and tables of the first so many vectors of the same kind.
sub load
{
	my ($name, $type, $vectors, @sizes) = @_;
	my $largest = pop @sizes;
	my $queries = $name =~ /^d\d{4}$/ ? 100 : 200;

	load_vectors($node, "${name}_queries", $type, $queries, $vectors);
	load_vectors($node, "${name}_$largest", $type, $largest, $vectors);
	foreach my $size (@sizes)
	{
		$node->safe_psql(
			'postgres', qq{
			CREATE TABLE ${name}_$size (LIKE ${name}_$largest INCLUDING ALL);
			INSERT INTO ${name}_$size
				SELECT * FROM ${name}_$largest WHERE id <= $size;
			ANALYZE ${name}_$size;
		});
	}
	return;
}

sub create_index
{
	my ($table, $opclass) = @_;

	$node->safe_psql('postgres',
		"CREATE INDEX ${table}_idx ON $table USING annoy (v $opclass)");
	return;
}

sub drop_index
{
	my ($table) = @_;

	$node->safe_psql('postgres', "DROP INDEX ${table}_idx");
	return;
}

# The table of queries that belongs to a table of vectors.
sub queries
{
	my ($table) = @_;
	my ($name) = $table =~ /^(\w+)_\d+$/;

	return "${name}_queries";
}

# Find the exact answers to these queries.
sub answers
{
	my ($table, $opclass) = @_;
	my $op = $operator{$opclass};

	return $answers{"$table $op"} //=
	  exact_answers($node, $table, queries($table), $op);
}

# Index a table and measure.  Answers of a hundred rows are of interest only
# where the table is too large to be read as a whole for each, and visiting
# everything takes long there.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $opclass, $hundred) = @_;
	my ($size) = $table =~ /_(\d+)$/;
	my $name = "$table, $opclass";
	my $set = answers($table, $opclass);

	create_index($table, $opclass);
	my ($ten, $one) = recall_ok($set, 10, 0.95, $name);
	my $report = "\@1 $one, \@10 $ten";
	if ($hundred)
	{
		my $found = recall_ok($set, 100, 0.95, $name);
		$report .= ", \@100 $found";
	}
	if ($size <= 5000)
	{
		my $all =
		  recall_ok($set, 10, 0.999, "$name, everything", $everything);
		$report .= ", \@10 of everything $all";
	}
	diag("$name: recall $report");
	drop_index($table);
	return;
}

# Euclidean distance in 3, 25, 64 and 1,536 dimensions.

load('d3', 'real[]', clustered(3, intrinsic => 2), 1000, 5000, 20000);
check("d3_$_", 'real_l2_ops') foreach (1000, 5000, 20000);

load('d25', 'real[]', clustered(25, intrinsic => 8), 1000, 5000, 20000);
check("d25_$_", 'real_l2_ops') foreach (1000, 5000, 20000);

load('d64', 'real[]', clustered(64), 1000, 5000, 20000);
check("d64_$_", 'real_l2_ops') foreach (1000, 5000);
check('d64_20000', 'real_l2_ops', 1);

load('d1536', 'real[]', clustered(1536), 1000, 5000);
check("d1536_$_", 'real_l2_ops') foreach (1000, 5000);

# More and smaller clusters, which overlap more.

load('many', 'real[]', clustered(64, clusters => 200), 1000, 5000, 20000);
check("many_$_", 'real_l2_ops') foreach (1000, 5000);
check('many_20000', 'real_l2_ops', 1);

# Real word embeddings: 9,800 of them.

load_words($node, 'words_9800', 'words_queries');
check('words_9800', 'real_cosine_ops', 1);
check('words_9800', 'real_l2_ops');

# Vectors stored in half the space, or a quarter, lose next to nothing: if everything
# is visited, where rounding is all that makes a difference, and on average over some
# forests at the same effort, where rounding changes leaves and codes as well.  With
# int8 the order of rows is exact, so that nothing is lost of everything.
sub check_dtypes
{
	my ($table, $opclass) = @_;
	my $set = answers($table, $opclass);
	my (%all, %some);

	foreach my $seed (1 .. 3)
	{
		foreach my $dtype (qw(float32 float16 int8))
		{
			$node->safe_psql(
				'postgres', qq{
				CREATE INDEX ${table}_idx ON $table USING annoy (v $opclass)
				WITH (dtype = $dtype, seed = $seed)});
			$all{$dtype} = recall($set, 100, $everything) if $seed == 1;
			$some{$dtype} += recall($set, 10, 'SET annoy.search_k = 4000') / 3;
			drop_index($table);
		}
	}
	foreach my $dtype (qw(float16 int8))
	{
		cmp_ok($all{$dtype}, '>=', $all{float32} - ($dtype eq 'int8' ? 0 : 0.002),
			"$table, $dtype, everything: recall\@100 as with floats");
		cmp_ok($some{$dtype}, '>=', $some{float32} - 0.002,
			"$table, $dtype: recall\@10 as with floats");
		diag("$table, $dtype instead of float32: "
			  . "recall\@100 of everything $all{$dtype} instead of $all{float32}, "
			  . "recall\@10 $some{$dtype} instead of $some{float32}");
	}
	return;
}

check_dtypes('words_9800', 'real_cosine_ops');

# The other metrics of real arrays.

check("d64_$_", 'real_cosine_ops') foreach (1000, 5000, 20000);
check("d64_$_", 'real_l1_ops') foreach (1000, 5000, 20000);

load('norms', 'real[]', clustered(64, norms => 3), 1000, 5000, 20000);
check("norms_$_", 'real_ip_ops') foreach (1000, 5000);
check('norms_20000', 'real_ip_ops', 1);

load('flags', 'real[]', prototypes(128, array => 1), 1000, 5000, 20000);
check("flags_$_", 'real_hamming_ops') foreach (1000, 5000, 20000);

# Bits.

load('bits', 'bit(128)', prototypes(128), 1000, 20000);
check("bits_$_", 'bit_hamming_ops') foreach (1000, 20000);

load('varbits', 'bit varying', prototypes(1024, flips => 0.3), 5000);
check('varbits_5000', 'bit_hamming_ops');

# Double precision: fractions that are not those of a real.

load('double', 'double precision[]',
	clustered(25, intrinsic => 8, scale => 700, norms => 2), 5000);
check('double_5000', "double_${_}_ops") foreach qw(l2 cosine ip l1);

load('doubleflags', 'double precision[]', prototypes(64, array => 1), 5000);
check('doubleflags_5000', 'double_hamming_ops');

# 4,000 dimensions.

load('d4000', 'real[]', clustered(4000), 500);
check('d4000_500', 'real_l2_ops');

# An index that was made by inserts finds nearly as much as one that was built,
# whatever it began with, and in whatever order rows came.
sub check_inserts
{
	my ($name, $source, $opclass, $first, $order) = @_;
	my $few = 'SET annoy.search_k = 1000';
	my $table = 'grown';

	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $table (LIKE $source INCLUDING ALL);
		INSERT INTO $table SELECT * FROM $source WHERE id <= $first;
		CREATE INDEX ${table}_idx ON $table USING annoy (v $opclass);
		INSERT INTO $table SELECT * FROM $source WHERE id > $first $order;
		ANALYZE $table;
	});
	my $set = { %{ answers($source, $opclass) }, table => $table };
	my $inserted = recall_ok($set, 10, 0.95, "$name, inserted");
	my $inserted_few = eval { recall($set, 10, $few) };
	same_rows_ok($node, $table, $operator{$opclass}, $name);
	$node->safe_psql('postgres', "REINDEX INDEX ${table}_idx");
	my $built = recall_ok($set, 10, 0.95, "$name, built");
	my $built_few = eval { recall($set, 10, $few) };

	cmp_ok($inserted, '>=', $built - 0.03,
		"$name: inserts are as good as a build");
	diag("$name: recall\@10 inserted $inserted, built $built; "
		  . "with search_k = 1000 inserted $inserted_few, built $built_few");
	$node->safe_psql('postgres', "DROP TABLE $table");
	return;
}

check_inserts('from nothing', 'd64_20000', 'real_l2_ops', 0, '');
check_inserts('from 100 rows', 'd64_20000', 'real_l2_ops', 100, '');
check_inserts('sorted rows', 'd64_20000', 'real_l2_ops', 0, 'ORDER BY v');
check_inserts('words', 'words_9800', 'real_cosine_ops', 0, '');
check_inserts('1,536 dimensions', 'd1536_5000', 'real_l2_ops', 0, '');
check_inserts('inner product', 'norms_20000', 'real_ip_ops', 0, '');
check_inserts('inner product, longest last',
	'norms_5000', 'real_ip_ops', 10, 'ORDER BY annoy_norm(v)');
check_inserts('bits', 'bits_20000', 'bit_hamming_ops', 0, '');

# Deleting three rows in four, here and there or all in one region, leaves an
# index that is as good as a new one.
sub check_deletions
{
	my ($name, $source, $opclass, $doomed) = @_;
	my $table = 'shrunk';

	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $table (LIKE $source INCLUDING ALL);
		INSERT INTO $table SELECT * FROM $source;
		CREATE INDEX ${table}_idx ON $table USING annoy (v $opclass);
		DELETE FROM $table WHERE $doomed;
	});
	$node->safe_psql('postgres', "VACUUM ANALYZE $table");
	nothing_dead_ok($node, $table, "$name, after VACUUM");

	my $set =
	  exact_answers($node, $table, queries($source), $operator{$opclass});
	my $left = recall_ok($set, 10, 0.95, "$name, after VACUUM");
	recall_ok($set, 10, 0.999, "$name, after VACUUM, everything",
		$everything);
	same_rows_ok($node, $table, $operator{$opclass}, $name);
	$node->safe_psql('postgres', "REINDEX INDEX ${table}_idx");
	my $built = recall_ok($set, 10, 0.95, "$name, built anew");
	cmp_ok($left, '>=', $built - 0.02, "$name: as good as a new index");
	diag("$name: recall\@10 after VACUUM $left, built anew $built");
	$node->safe_psql('postgres', "DROP TABLE $table");
	return;
}

check_deletions('deletions', 'd64_20000', 'real_l2_ops', 'id % 4 <> 0');
check_deletions('deletions of words',
	'words_9800', 'real_cosine_ops', 'id % 4 <> 0');
check_deletions(
	'deletions in a region', 'd64_20000', 'real_l2_ops', q{
	id IN (SELECT id FROM d64_20000
		   ORDER BY v <-> (SELECT v FROM d64_20000 WHERE id = 1)
		   LIMIT 15000)});

$node->stop;

done_testing();
