
# Copyright (c) 2026, the annoy developers

# Searches with conditions, on further columns of the index or on others: they
# return as many rows as are wanted if so many qualify, and the right ones, with
# default settings.  Items and their columns belong together whatever happens:
# changes by several sessions at once, VACUUM, crashes, replication.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = annoy_node('primary', init => [ allows_streaming => 1 ]);

#
# Recall, and never too few rows
#

# Compare searches for ten rows that meet a condition with the exact answers.
sub check_filter
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $table, $op, $condition, $in_index) = @_;
	my $search = qq{
		SELECT q.id AS query, a.* FROM ${table}_queries q,
			LATERAL (SELECT t.id, t.v $op q.v AS d FROM $table t
					 WHERE $condition ORDER BY t.v $op q.v LIMIT 10) a};
	my ($found, $short, $plan) = split(
		/\n/,
		$primary->safe_psql(
			'postgres', qq{
		SET client_min_messages = warning;
		SET enable_seqscan = off;
		SET enable_sort = off;
		CREATE TEMP TABLE found AS $search;
		SET enable_indexscan = off;
		CREATE TEMP TABLE wanted AS $search;
		SELECT round(count(*) FILTER (WHERE f.d <= w.d + 1e-9)::numeric / (SELECT count(*) FROM wanted), 4)
		FROM found f JOIN (SELECT query, max(d) AS d FROM wanted GROUP BY query) w USING (query);
		SELECT count(*) FROM
			(SELECT query, count(*) AS n FROM wanted GROUP BY query) w
			LEFT JOIN (SELECT query, count(DISTINCT id) AS m FROM found GROUP BY query) f USING (query)
		WHERE n IS DISTINCT FROM m;
		SET enable_indexscan = on;
		EXPLAIN (COSTS OFF) $search}),
		3);

	my $where = $in_index ? qr/Index Cond: .*part/ : qr/Filter:/;
	like($plan, qr/Index Scan using \w+ on $table.*$where/s, "$name: plan");
	is($short, 0, "$name: as many rows as are wanted");
	cmp_ok($found, '>=', 0.99, "$name: recall\@10");
	diag("$name: $found");
	return;
}

sub check_filters
{
	my ($name, $table, $op) = @_;

	# the last leaves fewer than ten rows
	foreach my $part (1, 7, 50, 500, 3000)
	{
		foreach my $in_index (1, 0)
		{
			my $column = $in_index ? "part$part" : "(part$part + 0)";

			check_filter(
				"$name, 1 in $part, " . ($in_index ? 'in the index' : 'not in the index'),
				$table, $op, "$column = $part - 1", $in_index);
		}
	}

	# rows of one kind are near each other, and far from the query
	check_filter("$name, rows far away", $table, $op, 'part_far', 0);
	return;
}

my $columns = join(', ', map { "part$_" } (1, 7, 50, 500, 3000));

# Give a table the columns that conditions are on.
sub add_columns
{
	my ($table, $op) = @_;

	$primary->safe_psql('postgres',
		join(';', map { "ALTER TABLE $table ADD part$_ int" } (1, 7, 50, 500, 3000)));
	$primary->safe_psql(
		'postgres', qq{
		ALTER TABLE $table ADD part_far boolean;
		UPDATE $table SET (@{[ $columns ]}) = (SELECT }
		  . join(', ', map { "(hashint4(id) & 1048575) % $_" } (1, 7, 50, 500, 3000))
		  . qq{);
		UPDATE $table SET part_far = d > 0.9 FROM
			(SELECT t.id AS i, percent_rank() OVER (ORDER BY t.v $op q.v) AS d FROM $table t,
				(SELECT v FROM ${table}_queries ORDER BY id LIMIT 1) q) ranks WHERE i = id;
		VACUUM FULL $table;
		ANALYZE $table});
	return;
}

load_words($primary, 'words', 'words_queries');
$primary->safe_psql('postgres', 'DELETE FROM words_queries WHERE id % 20 <> 0');
add_columns('words', '<=>');
$primary->safe_psql('postgres',
	"CREATE INDEX words_idx ON words USING annoy (v real_cosine_ops, $columns)");
index_check_ok($primary, 'words_idx', 'words');
check_filters('words', 'words', '<=>');

load_vectors($primary, 'vectors', 'real[]', 20000, clustered(32));
$primary->safe_psql(
	'postgres', q{
	CREATE TABLE vectors_queries AS SELECT * FROM vectors WHERE id % 1000 = 0;
	DELETE FROM vectors WHERE id % 1000 = 0;});
add_columns('vectors', '<->');
$primary->safe_psql(
	'postgres', qq{
	CREATE TABLE rest AS SELECT * FROM vectors WHERE id % 2 = 0;
	DELETE FROM vectors WHERE id % 2 = 0;
	VACUUM vectors;
	CREATE INDEX vectors_idx ON vectors USING annoy (v, $columns);
	INSERT INTO vectors SELECT * FROM rest;
	ANALYZE vectors;});
index_check_ok($primary, 'vectors_idx', 'grown');
check_filters('grown', 'vectors', '<->');
$primary->safe_psql('postgres', 'DELETE FROM vectors WHERE id % 3 = 0; VACUUM ANALYZE vectors');
index_check_ok($primary, 'vectors_idx', 'shrunk');
check_filters('shrunk', 'vectors', '<->');

#
# The same index for any number of workers
#
my @md5;
foreach my $workers (0, 2)
{
	$primary->safe_psql(
		'postgres', qq{
		SET maintenance_work_mem = '256MB';
		SET max_parallel_maintenance_workers = $workers;
		SET min_parallel_table_scan_size = 0;
		ALTER TABLE vectors SET (parallel_workers = $workers);
		CREATE INDEX workers_idx ON vectors USING annoy (v, $columns);
		CHECKPOINT;});
	my $path = $primary->safe_psql('postgres', "SELECT pg_relation_filepath('workers_idx')");
	my $bytes = slurp_file($primary->data_dir . "/$path");

	# but for LSN and checksum of each page
	push @md5, $primary->safe_psql('postgres',
		"SELECT count(*), annoy_index_check('workers_idx', true) FROM annoy_recall_curve('workers_idx')")
	  . join('', map { substr($bytes, 8192 * $_ + 10, 8182) } 0 .. length($bytes) / 8192 - 1);
	$primary->safe_psql('postgres', 'DROP INDEX workers_idx');
}
ok($md5[0] eq $md5[1], 'workers make no difference');

#
# A standby, which compares each page that it changes with the primary's
#
$primary->safe_psql(
	'postgres', q{
	ALTER SYSTEM SET wal_consistency_checking = 'all';
	SELECT pg_reload_conf();});
my $standby = annoy_standby($primary);

#
# Changes by several sessions at once, with VACUUM and searches
#
$primary->safe_psql(
	'postgres', q{
	CREATE SEQUENCE ids;
	CREATE TABLE busy (id int PRIMARY KEY, v real[], category int, name text) WITH (fillfactor = 90);
	CREATE INDEX busy_idx ON busy USING annoy (v, category, name) WITH (n_trees = 2);});
my $change = $primary->basedir . '/change.sql';
append_to_file(
	$change, q{
	\set r random(1, 100)
	\set source random(1, 10000)
	\set length random(1, 300)
	\set category random(1, 5)
	BEGIN;
	INSERT INTO busy SELECT nextval('ids'), v, :category, repeat('x', :length)
		FROM rest WHERE id = 2 * :source;
	UPDATE busy SET category = :category, name = name || 'y' WHERE id % 200 = :r;
	DELETE FROM busy WHERE id % 150 = :r;
	\if :r <= 10
		INSERT INTO busy VALUES (nextval('ids'), NULL, :category, 'null');
		ROLLBACK;
	\else
		COMMIT;
	\endif
});
my $search = $primary->basedir . '/search.sql';
append_to_file(
	$search, q{
	\set source random(1, 10000)
	\set category random(1, 5)
	SET enable_seqscan = off;
	SET enable_sort = off;
	SELECT 1 / (coalesce(bool_and(category = :category AND name < 'y'), true)::int) FROM
		(SELECT category, name FROM busy WHERE category = :category AND name < 'y'
		 ORDER BY v <-> (SELECT v FROM rest WHERE id = 2 * :source) LIMIT 20) s;
	VACUUM busy;
});
my @clients = ('--no-vacuum', '--client=3', '--transactions=80');

SKIP:
{
	skip('pgbench does not try again what was a deadlock', 3) if major_version() < 15;

	$primary->pgbench(
		join(' ', @clients, '--max-tries=100', '-f', "$change\@6", '-f', "$search\@1"),
		0,
		[qr{actually processed}],
		[qr{^$}],
		'changes and searches');
}

# What a scan without a limit returns, of rows that meet a condition.
sub same_filtered_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $name) = @_;
	my $scan = q{
		WITH scan AS MATERIALIZED (
			SELECT id FROM busy WHERE category = 3 AND name < 'y' ORDER BY v <-> (SELECT v FROM rest LIMIT 1))
		SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id)) FROM scan};
	my ($index, $heap, $plan) = split(
		/\n/,
		$node->safe_psql(
			'postgres', qq{
		SET enable_seqscan = off;
		SET enable_sort = off;
		$scan;
		SET enable_indexscan = off;
		$scan;
		SET enable_indexscan = on;
		EXPLAIN (COSTS OFF) $scan;}),
		3);

	like($plan, qr/Index Cond/, "$name: plan");
	is($index, $heap, "$name: the index has each row that qualifies once");
	return;
}

index_check_ok($primary, 'busy_idx', 'changes');
same_rows_ok($primary, 'busy', '<->', 'changes');
same_filtered_ok($primary, 'changes');

#
# The standby has the same
#
$primary->wait_for_catchup($standby);
index_check_ok($standby, 'busy_idx', 'standby');
index_check_ok($standby, 'vectors_idx', 'standby, vectors');
same_filtered_ok($standby, 'standby');

#
# Crashes
#
foreach my $i (1 .. 3)
{
	my $bench = IPC::Run::start(
		[
			'pgbench', @clients[ 0, 1 ], '--transactions=100000',
			'--host=' . $primary->host, '--port=' . $primary->port,
			'-f', "$change\@6", '-f', "$search\@1", 'postgres'
		],
		'>', '/dev/null', '2>', '/dev/null');
	my $before = $primary->safe_psql('postgres', 'SELECT last_value FROM ids');

	$primary->poll_query_until('postgres', "SELECT last_value > $before + 100 FROM ids")
	  or die 'nothing happens';
	$primary->stop('immediate');
	eval { $bench->finish };
	$primary->start;
	index_check_ok($primary, 'busy_idx', "crash $i");
	same_rows_ok($primary, 'busy', '<->', "crash $i");
	same_filtered_ok($primary, "crash $i");
	$primary->safe_psql('postgres', 'VACUUM busy');
	index_check_ok($primary, 'busy_idx', "crash $i, VACUUM");
}
$primary->wait_for_catchup($standby);
index_check_ok($standby, 'busy_idx', 'standby after crashes');
same_filtered_ok($standby, 'standby after crashes');

# and goes on with it
$standby->promote;
$standby->safe_psql('postgres', q{
	INSERT INTO busy SELECT nextval('ids') + 1000000, v, 3, 'promoted' FROM rest LIMIT 500;
	VACUUM busy;});
index_check_ok($standby, 'busy_idx', 'promoted');
same_filtered_ok($standby, 'promoted');

$primary->stop;
$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|inconsistent page/, $_->name . ': no crash')
  foreach ($primary, $standby);

done_testing();
