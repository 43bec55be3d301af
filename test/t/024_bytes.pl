
# Copyright (c) 2026, the annoy developers

# The bytes of indexes: a build writes what it has always written, and so do
# insertions and VACUUM.
#
# Whoever changes these bytes changes what the indexes of users are made of, and
# what a standby or another machine makes of the same rows.  If that is intended,
# record the hash that the failed test prints.  If indexes written before can no
# longer be read, or are read as something else, raise ANNOY_FORMAT_VERSION, too,
# which is in the metapage and changes all hashes.

use strict;
use warnings;

use Digest::SHA;
use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The number of pages of each index, and a hash of them.
my %recorded = (
	'words' => '251 7a0193954ce3412ed7ea65c6dc2caebe',
	'cosine, two trees' => '115 8f73f428ea6b13eb6d733c2c5e55a979',
	'inner product' => '37 72fe8356b549490103e51dd076f5ded8',
	'manhattan, float64' => '136 9bbaea52877c38cacee54042c5233507',
	'hamming' => '41 d9d4ae6b0d12e82217078fa21fed2786',
	'float16' => '58 5be247b7dc68b622e1745fde29af1f65',
	'further columns' => '50 6f452092c80915a84cda9d040ddc1d36',
	'many dimensions' => '50 95ce0975ff1d96c875b8200f8da1d53a',
	'no rows' => '2 fc6a83b13d0c19222a4657553a2e5b6e',
	'grown' => '123 b6528e59dfa1c17902d4e93bc1176b77',
	'grown, vacuumed, grown again' => '127 325b83335454e871bbea4eb2b6bb83a2',);

# maintenance_work_mem decides how large a sample is.
my $node = annoy_node(
	'bytes',
	conf => q{
	maintenance_work_mem = 64MB
	max_worker_processes = 8
	max_parallel_workers = 8
	dynamic_shared_memory_type = mmap
});

# Pages are in the form of the machine, and rows are where they fit.
my $form = $node->safe_psql('postgres',
	'SELECT database_block_size, max_data_alignment FROM pg_control_init()')
  . '|'
  . (unpack('C', pack('S', 1)) == 1 ? 'little' : 'big');
plan skip_all =>
  "hashes are recorded for pages of 8192 bytes, alignment 8 and little endian, not $form"
  unless $form eq '8192|8|little';

# A hash of an index's pages.  LSNs and checksums, the first ten bytes of a page,
# do not count.
sub pages_hash
{
	my ($index) = @_;
	my $sha = Digest::SHA->new(256);
	my $path = $node->safe_psql('postgres',
		"CHECKPOINT; SELECT pg_relation_filepath('$index')");
	my $pages = 0;
	my $page;

	open(my $fh, '<:raw', $node->data_dir . "/$path")
	  or die "could not open $path: $!";
	while (my $n = read($fh, $page, 8192))
	{
		die "$path ends within a page" if $n != 8192;
		$sha->add(substr($page, 10));
		$pages++;
	}
	close($fh);
	return "$pages " . substr($sha->hexdigest, 0, 32);
}

# Test that an index has the pages recorded under a name.
sub bytes_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($index, $name, $how) = @_;

	is(pages_hash($index), $recorded{$name} // 'none', "$name, $how");
	return;
}

# All vectors come from the shipped words, and no computation is in between that
# machines could differ in.
load_words($node, 'words', 'queries');
$node->safe_psql(
	'postgres', q{
	CREATE TABLE small AS
		SELECT id, CASE WHEN id % 13 > 0 THEN v END AS v, v::double precision[] AS d,
			(SELECT string_agg(CASE WHEN x < 0 THEN '0' ELSE '1' END, '' ORDER BY n)
				FROM unnest(v) WITH ORDINALITY u (x, n))::bit varying AS b,
			id % 7 AS category, 'word ' || id AS name
		FROM words WHERE id <= 1500 ORDER BY id;
	CREATE TABLE wide (id integer, v real[]);
	ALTER TABLE wide ALTER COLUMN v SET STORAGE EXTERNAL;
	INSERT INTO wide
		SELECT id, four || four || four || four || half
		FROM (SELECT w.id, w.v || x.v || y.v || z.v AS four, w.v || x.v AS half
			FROM words w JOIN words x ON x.id = w.id + 300 JOIN words y ON y.id = w.id + 600
				JOIN words z ON z.id = w.id + 900
			WHERE w.id <= 200) parts
		ORDER BY id;
	ANALYZE small, wide;});

#
# Builds: each metric, type and shape of codes, centres and items.
#
foreach my $case (
	[ 'words', 'words', 'v' ],
	[ 'cosine, two trees', 'small', 'v real_cosine_ops', 'n_trees = 2, dtype = float32' ],
	[ 'inner product', 'small', 'v real_ip_ops' ],
	[ 'manhattan, float64', 'small', 'd double_l1_ops', 'dtype = float64' ],
	[ 'hamming', 'small', 'b bit_hamming_ops' ],
	[ 'float16', 'small', 'v', 'dtype = float16' ],
	[ 'further columns', 'small', 'v, category, name' ],
	[ 'many dimensions', 'wide', 'v' ],
	[ 'no rows', 'small', 'v', undef, 'WHERE id < 0' ])
{
	my ($name, $table, $columns, $with, $where) = @$case;

	$with = defined $with ? "seed = 7, $with" : 'seed = 7';
	$where //= '';
	foreach my $how ([ 'portable', 0 ], [ 'auto', 0 ], [ 'auto', 2 ])
	{
		my ($simd, $workers) = @$how;

		my $stderr = '';

		$node->psql(
			'postgres', qq{
			SET annoy."verbose" = 1;
			SET annoy.simd = $simd;
			SET max_parallel_maintenance_workers = $workers;
			ALTER TABLE $table SET (parallel_workers = $workers);
			CREATE INDEX built ON $table USING annoy ($columns) WITH ($with) $where;},
			stderr => \$stderr,
			on_error_die => 1);
		like($stderr, qr/2 of 2 workers launched/, "$name, 2 workers")
		  if $workers > 0 && $name eq 'words';
		bytes_ok('built', $name, "$simd kernels, $workers workers");
		$node->safe_psql('postgres', 'DROP INDEX built');
	}
}

#
# Insertions, from the first row on, and VACUUM: plain roots, the search space, splits,
# lists of pages, slots that are used again.
#
foreach my $simd ('portable', 'auto')
{
	$node->safe_psql(
		'postgres', qq{
		SET annoy.simd = $simd;
		CREATE TABLE grown (id integer, v real[], category integer);
		CREATE INDEX grown_idx ON grown USING annoy (v, category) WITH (seed = 7, n_trees = 2, dtype = float32);
		INSERT INTO grown SELECT id, v, category FROM small ORDER BY id;});
	bytes_ok('grown_idx', 'grown', "$simd kernels");

	# FREEZE, so that VACUUM passes over no page which somebody has pinned
	$node->safe_psql('postgres', 'DELETE FROM grown WHERE id % 3 = 0');
	$node->safe_psql(
		'postgres', qq{
		SET annoy.simd = $simd;
		VACUUM (FREEZE, INDEX_CLEANUP ON) grown;
		INSERT INTO grown SELECT id + 2000, v, category FROM small WHERE id < 400 ORDER BY id;});
	bytes_ok('grown_idx', 'grown, vacuumed, grown again', "$simd kernels");
	$node->safe_psql('postgres', 'DROP TABLE grown');
}

$node->stop;
done_testing();
