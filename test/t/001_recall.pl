
# Copyright (c) 2026, the annoy developers

# Recall with default settings and nothing tuned, on clustered data: at least
# .95 of the ten nearest, and .999 if a search visits everything.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Test::More;

my $everything = 'SET annoy.search_k = 2147483647; SET enable_seqscan = off';
my $node = annoy_node('recall');

# Index a table, and measure.  The answers for one, ten and a hundred rows.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $queries, $opclass) = @_;
	my $name = "$table, $opclass";
	my $set =
	  exact_answers($node, $table, $queries, $operator{$opclass});

	$node->safe_psql('postgres',
		"CREATE INDEX ${table}_idx ON $table USING annoy (v $opclass)");
	my $one = eval { recall($set, 1) } // $@;
	my $ten = recall_ok($set, 10, 0.95, $name);
	my $hundred = recall_ok($set, 100, 0.95, $name);
	my $all =
	  recall_ok($set, 10, 0.999, "$name, everything visited", $everything);
	diag(sprintf('%-36s recall@1 %s, @10 %s, @100 %s; everything %s',
		$name, $one, $ten, $hundred, $all));
	$node->safe_psql('postgres', "DROP INDEX ${table}_idx");
	return;
}

# A table of queries, and tables of the first 1,000, 5,000 and 20,000 vectors of
# the same kind.
sub load
{
	my ($name, $type, $vectors, @sizes) = @_;
	my $largest = pop @sizes;

	load_vectors($node, "${name}_queries", $type, 200, $vectors);
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

# Euclidean distance in 3, 25, 64 and 1,536 dimensions.

load('d3', 'real[]', clustered(3, intrinsic => 2), 1000, 5000, 20000);
check("d3_$_", 'd3_queries', 'real_l2_ops') foreach (1000, 5000, 20000);

load('d25', 'real[]', clustered(25), 1000, 5000, 20000);
check("d25_$_", 'd25_queries', 'real_l2_ops') foreach (1000, 5000, 20000);

load('d64', 'real[]', clustered(64), 1000, 5000, 20000);
check("d64_$_", 'd64_queries', 'real_l2_ops') foreach (1000, 5000, 20000);

load('d1536', 'real[]', clustered(1536, intrinsic => 12), 1000, 5000);
check("d1536_$_", 'd1536_queries', 'real_l2_ops') foreach (1000, 5000);

# Real word embeddings.

load_words($node, 'words', 'words_queries');
check('words', 'words_queries', $_) foreach qw(real_cosine_ops real_l2_ops);

# The other metrics of real arrays.

check("d64_$_", 'd64_queries', 'real_cosine_ops') foreach (1000, 5000, 20000);
check("d64_$_", 'd64_queries', 'real_l1_ops') foreach (1000, 5000, 20000);

load('norms', 'real[]', clustered(64, norms => 3), 1000, 5000, 20000);
check("norms_$_", 'norms_queries', 'real_ip_ops') foreach (1000, 5000, 20000);

load('flags', 'real[]', prototypes(128, array => 1), 1000, 5000, 20000);
check("flags_$_", 'flags_queries', 'real_hamming_ops')
  foreach (1000, 5000, 20000);

# Bits.

load('bits', 'bit(128)', prototypes(128), 1000, 20000);
check("bits_$_", 'bits_queries', 'bit_hamming_ops') foreach (1000, 20000);

load('varbits', 'bit varying', prototypes(1024, flips => 0.3), 5000);
check('varbits_5000', 'varbits_queries', 'bit_hamming_ops');

# Double precision: fractions that a real cannot tell apart from others.

load('double', 'double precision[]', clustered(25, scale => 700, norms => 2),
	5000);
check('double_5000', 'double_queries', "double_${_}_ops")
  foreach qw(l2 cosine ip l1);
load('doubleflags', 'double precision[]', prototypes(64, array => 1), 5000);
check('doubleflags_5000', 'doubleflags_queries', 'double_hamming_ops');

$node->stop;

done_testing();
