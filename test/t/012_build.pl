
# Copyright (c) 2026, the annoy developers

# Builds: the same index whoever builds it, data that is no pleasure to divide,
# workers that are told to stop, and what is written to WAL.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node(
	'build',
	conf => q{
	maintenance_work_mem = 256MB
	max_worker_processes = 8
	max_parallel_workers = 8
	wal_level = minimal
	max_wal_senders = 0
	dynamic_shared_memory_type = mmap
});

# A checksum of an index's pages, without LSNs and page checksums.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION pages(index regclass) RETURNS text LANGUAGE sql AS $$
		SELECT md5(string_agg(md5(substring(bytes FROM n * size + 11 FOR size - 10)),
							  '' ORDER BY n))
		FROM pg_read_binary_file(pg_relation_filepath(index)) bytes,
			 CAST(current_setting('block_size') AS integer) size,
			 generate_series(0, length(bytes) / size - 1) n
	$$;});

# Build an index with so many workers.  Returns the checksum.
sub build
{
	my ($table, $workers, %params) = @_;
	my $column = $params{column} // 'v';
	my $with = $params{with} // 'seed = 7';
	my ($ret, $stdout, $stderr) = $node->psql(
		'postgres', qq{
		SET annoy."verbose" = 1;
		SET max_parallel_maintenance_workers = $workers;
		@{[ $params{settings} // '' ]};
		DROP INDEX IF EXISTS ${table}_idx;
		ALTER TABLE $table SET (parallel_workers = $workers);
		CREATE INDEX ${table}_idx ON $table USING annoy ($column) WITH ($with);
		CHECKPOINT;
		SELECT pages('${table}_idx');},
		on_error_stop => 1);

	is($ret, 0, "$table is built with $workers workers");
	$stderr =~ /(\d+) of (\d+) workers launched/;
	is($1 // 0, $workers, "$table has $workers workers");
	return $stdout;
}

#
# The same bytes for any number of workers: with NULLs and dead rows, vectors on
# several pages, several trees; with an expression and a predicate; when memory
# is short.
#
load_vectors($node, 'items', 'real[]', 20000, clustered(40));
load_vectors($node, 'long', 'real[]', 300, clustered(2500));
$node->safe_psql(
	'postgres', q{
	UPDATE items SET v = NULL WHERE id % 7 = 0;
	DELETE FROM items WHERE id % 11 = 0;
	UPDATE long SET v = v WHERE id % 3 = 0;
	INSERT INTO long SELECT 1000 + i, NULL FROM generate_series(1, 3000) i;});
foreach my $case (
	[ 'items' ],
	[ 'items', with => 'seed = 7, n_trees = 3' ],
	[ 'items', column => '(v[1:20]::double precision[]) double_cosine_ops' ],
	[ 'items', settings => q{SET maintenance_work_mem = '1MB'} ],
	[ 'long' ],
	[ 'long', with => 'seed = 7, dtype = float16' ])
{
	my ($table, %params) = @$case;
	my $name = "$table, " . join(' ', %params);
	my $serial = build($table, 0, %params);

	foreach my $workers (1, 3)
	{
		is(build($table, $workers, %params),
			$serial, "same index with $workers workers: $name");
	}
}
isnt(
	build('items', 1),
	build('items', 1, with => 'seed = 8'),
	'another seed, another index');

# Workers or not, everything is there.
build('items', 3);
index_check_ok($node, 'items_idx', 'built by four');
same_rows_ok($node, 'items', '<->', 'built by four');
self_found_ok($node, 'items', '<->', 'built by four', where => 'id % 20 = 1');

# What a build tells.
my $stderr = '';
$node->psql(
	'postgres', q{
	SET annoy."verbose" = 2;
	DROP INDEX items_idx;
	CREATE INDEX items_idx ON items USING annoy (v);},
	stderr => \$stderr);
like($stderr, qr/INFO:  index "items_idx": $_: \d+ \w+ in \d+\.\d+ s$/m, "verbose: $_")
  foreach (
	'storing items',
	'taking a sample',
	'growing a tree on the sample',
	'refining leaf centres',
	'assigning items',
	'sorting',
	'writing a tree',
	'measuring recall');
like(
	$stderr,
	qr/tree 1 has height \d, \d+ leaves with [\d.]+ entries each, and \d+ inner nodes/,
	'verbose: statistics of a tree');

# A function that only the leader may call.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION restricted(v real[]) RETURNS real[] IMMUTABLE
		PARALLEL RESTRICTED LANGUAGE plpgsql AS 'BEGIN RETURN v; END';
	CREATE FUNCTION divide(v real[], id int) RETURNS real[] IMMUTABLE
		PARALLEL SAFE LANGUAGE plpgsql AS
		$$ BEGIN RETURN (1 / (id - 19000))::text::real * v[1] || v[2:]; END $$;
	ALTER TABLE items SET (parallel_workers = 3);
	SET max_parallel_maintenance_workers = 3;});
(undef, undef, $stderr) = $node->psql(
	'postgres', q{
	SET annoy."verbose" = 1;
	SET max_parallel_maintenance_workers = 3;
	CREATE INDEX restricted_idx ON items USING annoy (restricted(v));});
unlike($stderr, qr/workers launched/, 'no workers for a restricted function');

# An error in a worker is one of the statement.
(undef, undef, $stderr) = $node->psql(
	'postgres', q{
	SET max_parallel_maintenance_workers = 3;
	CREATE INDEX divide_idx ON items USING annoy (divide(v, id));});
like($stderr, qr/division by zero/, 'an error in a worker');

#
# CREATE INDEX CONCURRENTLY and REINDEX with workers.
#
$node->safe_psql(
	'postgres', q{
	SET max_parallel_maintenance_workers = 2;
	DROP INDEX items_idx;
	CREATE INDEX CONCURRENTLY items_idx ON items USING annoy (v);
	REINDEX INDEX CONCURRENTLY items_idx;
	REINDEX TABLE items;});
index_check_ok($node, 'items_idx', 'built concurrently');
same_rows_ok($node, 'items', '<->', 'built concurrently');

#
# Told to stop, at some time or other: nobody is left at work, and nothing on
# disk.
#
my $create = 'CREATE INDEX stopped_idx ON items USING annoy (v) WITH (n_trees = 4)';
my $ms = $node->safe_psql(
	'postgres', qq{
	SET max_parallel_maintenance_workers = 2;
	SELECT clock_timestamp() AS started \\gset
	$create;
	SELECT 1000 * extract(epoch FROM clock_timestamp() - :'started');
	DROP INDEX stopped_idx;});
my $stopped = 0;
my $segments = 'SELECT count(*) FROM pg_ls_dir(\'pg_dynshmem\')';
my $before = $node->safe_psql('postgres', $segments);
foreach my $part (1 .. 9)
{
	(undef, undef, $stderr) = $node->psql(
		'postgres',
		'SET max_parallel_maintenance_workers = 2; SET statement_timeout = '
		  . int(1 + $part * $ms / 10)
		  . "; $create");
	if ($stderr =~ /canceling statement due to statement timeout/)
	{
		$stopped++;
	}
	else
	{
		is($stderr, '', 'a build is in time');
		$node->safe_psql('postgres', 'DROP INDEX stopped_idx');
	}
	is( $node->safe_psql(
			'postgres', qq{
			SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';
			SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false);
			SELECT count(*) FROM pg_class WHERE relname = 'stopped_idx';
			$segments;}),
		"0\n0\n0\n$before",
		"statement_timeout, part $part: nothing is left");
}
cmp_ok($stopped, '>', 0, 'builds with workers run into statement_timeout');

#
# Data that is hard to divide: 20,000 rows and row 0, which is unlike most of
# them; with memory to spare and without.
#
sub filled
{
	my ($component, $dim) = @_;
	return qq{(SELECT array_agg(($component)::real ORDER BY j)
			   FROM generate_series(1, $dim) j)};
}
my %sets = (
	'all equal' => [ filled('CASE WHEN i = 0 THEN 2 ELSE 1 END', 24), 20000 ],
	'half of them equal' =>
	  [ filled('CASE WHEN i % 2 = 1 THEN 3 ELSE sin(i * j) END', 24), 20000 ],
	'two clusters far apart' =>
	  [ filled('1000 * (i % 2) + sin(i * j)', 24), 20000 ],
	'sorted' => [ filled('i / 20000.0 * j', 24), 20000 ],
	'constant dimensions' =>
	  [ filled('CASE WHEN j < 20 THEN 7 ELSE sin(i * j) END', 24), 20000 ],
	'two values' => [ filled('CASE WHEN i % 1000 = 0 THEN 1 ELSE 0 END', 24), 20000 ],
	'1,536 dimensions' => [ filled('sin(i * j)', 1536), 600 ],
	'4,000 dimensions' => [ filled('sin(i * j)', 4000), 300 ]);

foreach my $name (sort keys %sets)
{
	my ($vector, $rows) = @{ $sets{$name} };

	$node->safe_psql(
		'postgres', qq{
		DROP TABLE IF EXISTS hard;
		CREATE TABLE hard AS
			SELECT i AS id, $vector AS v FROM generate_series(0, $rows) i;
		VACUUM ANALYZE hard;});
	foreach my $memory ('1MB', '256MB')
	{
		$node->safe_psql(
			'postgres', qq{
			SET maintenance_work_mem = '$memory';
			DROP INDEX IF EXISTS hard_idx;
			CREATE INDEX hard_idx ON hard USING annoy (v);});
		index_check_ok($node, 'hard_idx', "$name, $memory");
		same_rows_ok($node, 'hard', '<->', "$name, $memory");
		cmp_ok(
			$node->safe_psql(
				'postgres', "SELECT height FROM annoy_index_info('hard_idx')"),
			'<=', 3, "$name, $memory: height");
		is( $node->safe_psql(
				'postgres', q{
				SET enable_seqscan = off;
				SET annoy.search_k = 8000;
				SELECT bool_and(a.d = 0)
				FROM (SELECT v FROM hard WHERE id IN (0, 1, 2, 100, 200)) q,
					 LATERAL (SELECT t.v <-> q.v AS d FROM hard t
							  ORDER BY t.v <-> q.v LIMIT 1) a}),
			't',
			"$name, $memory: rows are found first");
	}
}

#
# Clusters far apart, or of different size, do not matter to each other: each
# row's neighbours are found as in an index of its cluster alone.
#
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION moved(v real[], factor real, shift real) RETURNS real[] LANGUAGE sql AS
		$$ SELECT array_agg((factor * x + shift)::real ORDER BY n)
		   FROM unnest(v) WITH ORDINALITY u (x, n) $$;});
my $vectors = clustered(32);
load_vectors($node, 'asked', 'real[]', 100, $vectors);
load_vectors($node, 'cluster', 'real[]', 10000, $vectors);

sub recall_in_cluster
{
	my ($table, $factor, $shift) = @_;
	my $queries = "${table}_queries";

	$node->safe_psql(
		'postgres', qq{
		DROP TABLE IF EXISTS $queries;
		CREATE TABLE $queries AS SELECT id, moved(v, $factor, $shift) AS v FROM asked;});
	return recall(exact_answers($node, $table, $queries, '<->'),
		10, 'SET annoy.search_k = 1000; SET enable_seqscan = off');
}
$node->safe_psql('postgres', 'CREATE INDEX ON cluster USING annoy (v)');
my $alone = recall_in_cluster('cluster', 1, 0);
cmp_ok($alone, '>', 0.8, 'recall in one cluster');

# components are some hundreds
foreach my $case (
	[ 'far', 1, 30000, 10000 ],
	[ 'very_far', 1, 1000000, 10000 ],
	[ 'small_far', 1, 30000000, 20 ],
	[ 'wide', 30, 0, 10000 ])
{
	my ($name, $factor, $shift, $rows) = @$case;
	my $description = "$rows rows, times $factor, plus $shift";

	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $name AS
			SELECT * FROM cluster
			UNION ALL
			SELECT 10000 + id, moved(v, $factor, $shift) FROM cluster WHERE id <= $rows;
		CREATE INDEX ${name}_idx ON $name USING annoy (v);
		VACUUM ANALYZE $name;});
	index_check_ok($node, "${name}_idx", $description);
	cmp_ok(
		$node->safe_psql(
			'postgres', "SELECT height FROM annoy_index_info('${name}_idx')"),
		'<=', 3, "$description: height");
	cmp_ok(recall_in_cluster($name, 1, 0),
		'>=', $alone - 0.03, "$description: recall in the first cluster");
	if ($rows == 10000)
	{
		# half of what is near to the middle of a wide one is the narrow one
		cmp_ok(recall_in_cluster($name, $factor, $shift),
			'>=', $alone - ($name eq 'wide' ? 0.1 : 0.03),
			"$description: recall in the other");
	}
	else
	{
		self_found_ok($node, $name, '<->', $description, where => 'id > 10000');
	}
}

#
# WAL.  The index of a table that is created in the same transaction is not
# logged with wal_level = minimal.
#
sub wal_of_build
{
	my ($before) = @_;
	my ($wal, $size) = split(
		/\|/,
		$node->safe_psql(
			'postgres', qq{
			BEGIN;
			$before
			SELECT pg_current_wal_insert_lsn() AS lsn \\gset
			CREATE INDEX logged_idx ON logged USING annoy (v);
			SELECT pg_current_wal_insert_lsn() - :'lsn', pg_relation_size('logged_idx');
			COMMIT;}));

	return $wal / $size;
}
my $load = 'CREATE TABLE logged AS SELECT * FROM items;';
my $part = wal_of_build($load);
cmp_ok($part, '<', 0.02, "almost no WAL: $part of the index's size");
$node->safe_psql('postgres', 'DROP TABLE logged');
$node->append_conf('postgresql.conf', 'wal_level = replica');
$node->restart;
$node->safe_psql('postgres', $load);
$part = wal_of_build('');
cmp_ok($part, '<=', 1.05, "WAL: $part of the index's size");
cmp_ok($part, '>', 0.5, 'the index is logged');

unlike(
	slurp_file($node->logfile),
	qr/PANIC|TRAP|Please REINDEX|temporary file leak|buffer refcount leak|resource was not closed/,
	'nothing else went wrong');

$node->stop;

done_testing();
