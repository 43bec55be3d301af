
# Copyright (c) 2026, the annoy developers

# Many clients at once: whoever looks, whenever, sees in the index exactly the
# rows of the table, and finds them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $everything = 'SET annoy.search_k = 2147483647; SET enable_seqscan = off';
my $node = annoy_node('concurrency', conf => 'max_connections = 50');

load_vectors($node, 'source', 'real[]', 10000, clustered(50, intrinsic => 8));
load_vectors($node, 'queries', 'real[]', 100, clustered(50, intrinsic => 8));
$node->safe_psql(
	'postgres', q{
	CREATE SEQUENCE ids;
	CREATE TABLE t (id int PRIMARY KEY, v real[]);
	CREATE INDEX t_idx ON t USING annoy (v) WITH (n_entries = 2);
});

# pgbench scripts.  What they find wrong is a division by zero.
my %script = (
	insert => q{
		\set n random(1, 10000)
		INSERT INTO t SELECT nextval('ids'), v FROM source WHERE id = :n;
	},
	# several rows, some of them NULL, which may not stay
	insert_many => q{
		\set n random(1, 9990)
		\set stays random(0, 3)
		BEGIN;
		INSERT INTO t SELECT nextval('ids'), CASE WHEN id % 7 > 0 THEN v END
			FROM source WHERE id BETWEEN :n AND :n + 5;
		\if :stays
			COMMIT;
		\else
			ROLLBACK;
		\endif
	},
	update => q{
		\set n random(1, 10000)
		UPDATE t SET v = (SELECT v FROM source WHERE id = :n)
		WHERE id = (SELECT id FROM t OFFSET :n % 500 LIMIT 1 FOR UPDATE SKIP LOCKED);
	},
	delete => q{
		\set n random(1, 500)
		DELETE FROM t
		WHERE id IN (SELECT id FROM t OFFSET :n LIMIT 3 FOR UPDATE SKIP LOCKED);
	},
	nearest => q{
		\set n random(1, 10000)
		SELECT 1 / (count(*) = least(10, (SELECT count(*) FROM t)) AND
					count(DISTINCT id) = count(*))::int
		FROM (SELECT id FROM t
			  ORDER BY v <-> (SELECT v FROM source WHERE id = :n) LIMIT 10) nearest;
	},
	# cutting off the end of the table would make everybody wait
	vacuum => q{
		VACUUM (TRUNCATE false) t;
	},
	check => q{
		SELECT annoy_index_check('t_idx', true);
	},
	# table and index as of the same snapshot
	compare => q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SET LOCAL enable_bitmapscan = off;
		SET LOCAL enable_indexonlyscan = off;
		SET LOCAL enable_indexscan = off;
		SELECT count(*) AS n, coalesce(sum(hashint4(id)::bigint), 0) AS hash FROM t \gset
		SET LOCAL enable_indexscan = on;
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		WITH scan AS MATERIALIZED (
			SELECT id FROM t ORDER BY v <-> (SELECT v FROM source WHERE id = 1))
		SELECT 1 / (count(*) = :n AND coalesce(sum(hashint4(id)::bigint), 0) = :hash)::int
		FROM scan;
		COMMIT;
	},);

# The nearest rows as of the same snapshot, if all are read.  A search_k that is as large
# as can be does not do: every leaf is visited then, but a row may be overlooked whose
# distance is farther below its estimate than annoy.epsilon allows for.
my $distances = q{
	SELECT coalesce(hashtextextended(string_agg(d::text, ','), 0), 0) AS hash
	FROM (SELECT v <-> (SELECT v FROM source WHERE id = :n) AS d FROM t
		  ORDER BY v <-> (SELECT v FROM source WHERE id = :n) LIMIT 50) nearest
};
$script{exact} = qq{
	\\set n random(1, 10000)
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SET LOCAL annoy.target_recall = 1;
	SET LOCAL enable_bitmapscan = off;
	SET LOCAL enable_indexscan = off;
	$distances \\gset
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	SELECT 1 / (scan.hash = :hash)::int FROM ($distances) scan;
	COMMIT;
};

# Run scripts, given with their weights.
my $runs = 0;

sub run_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $clients, $transactions, %weight) = @_;
	my @scripts;

	$runs++;
	foreach my $script (sort keys %weight)
	{
		my $file = $node->basedir . "/$script.$runs.sql";
		append_to_file($file, $script{$script});
		push @scripts, '-f', "$file\@$weight{$script}";
	}
	$node->command_checks_all(
		[
			'pgbench', '-n', '-c', $clients, '-j', 2, '-t', $transactions,
			@scripts, 'postgres'
		],
		0,
		[qr{processed: (\d+)/\1\b}],
		[qr{^(?!.*(?:ERROR|FATAL|WARNING|aborted))}s],
		$name);
	return;
}

# What there is in the end: index and table have the same rows, the trees have
# entries for all of them, and nothing that an aborted transaction or a deleted
# row has left survives VACUUM.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $name) = @_;

	index_check_ok($node, "${table}_idx", $name);
	same_rows_ok($node, $table, '<->', $name);
	self_found_ok($node, $table, '<->', $name, where => 'id % 2 = 0');
	# left to itself, VACUUM does not look at indexes for a few dead rows
	$node->safe_psql('postgres', "VACUUM (INDEX_CLEANUP on) $table");
	nothing_dead_ok($node, $table, "$name, after VACUUM");
	index_check_ok($node, "${table}_idx", "$name, after VACUUM");
	same_rows_ok($node, $table, '<->', "$name, after VACUUM");
	self_found_ok($node, $table, '<->', "$name, after VACUUM",
		where => 'id % 2 = 0');
	return;
}

# The recall of the index as it is, and built anew.
sub check_recall
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;

	$node->safe_psql('postgres', 'ANALYZE t');
	my $set = exact_answers($node, 't', 'queries', '<->');
	# a little more than the threshold, as these are but a few queries
	my $asked = 'SET annoy.target_recall = 0.97;';
	my $grown = recall_ok($set, 10, 0.95, $name, $asked);
	recall_ok($set, 10, 0.999, "$name, everything", $everything);
	$node->safe_psql('postgres', 'REINDEX INDEX t_idx');
	my $built = recall_ok($set, 10, 0.95, "$name, built anew", $asked);
	cmp_ok($grown, '>=', $built - 0.03, "$name: as good as built anew");
	diag("$name: recall\@10 $grown, built anew $built");
	return;
}

# Several clients insert the first rows of all, and so set dimensions and mean.
foreach my $round (1 .. 8)
{
	$node->safe_psql('postgres', 'TRUNCATE t');
	run_ok("first rows, round $round", 8, 4, insert => 1);
	is(same_rows_ok($node, 't', '<->', "first rows, round $round"),
		32, "first rows, round $round: all are there");
}
self_found_ok($node, 't', '<->', 'first rows');
foreach my $round (1 .. 4)
{
	$node->safe_psql('postgres', 'TRUNCATE t');
	run_ok("first rows and checks, round $round",
		8, 8, insert => 1, check => 1);
}

# Ten clients insert into an empty index, which is checked all the time.  Some splits
# move a row's first entry to the leaf that was chosen for its second one.
$node->safe_psql('postgres', 'TRUNCATE t');
run_ok('inserts', 10, 1000, insert => 100, check => 1);
same_rows_ok($node, 't', '<->', 'inserts');
index_check_ok($node, 't_idx', 'inserts');
self_found_ok($node, 't', '<->', 'inserts', where => 'id % 2 = 0');
check_recall('inserts');

# Everything at once; meanwhile somebody's inserts are cancelled, wherever they
# are after some time.
my $cancelled = $node->basedir . '/cancelled.sql';
append_to_file(
	$cancelled,
	"SET statement_timeout = $_;
	INSERT INTO t SELECT nextval('ids'), v FROM source;\n"
) foreach (10 .. 60);
my $canceller = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('postgres'), '-f', $cancelled ],
	'<', '/dev/null', '>&', '/dev/null');
run_ok(
	'everything', 6, 400,
	insert => 6,
	insert_many => 4,
	update => 6,
	delete => 6,
	nearest => 8,
	compare => 1,
	check => 1,
	vacuum => 1);
$canceller->finish;
check('t', 'everything');
check_recall('everything');

# Many splits while a slow VACUUM drops entries: no split may move that of a dead
# row to a page where VACUUM has been already.
my $slow_vacuum = $node->basedir . '/slow_vacuum.sql';
append_to_file(
	$slow_vacuum, q{
	DELETE FROM t WHERE id % 2 = 0;
	SET vacuum_cost_limit = 1;
	SET vacuum_cost_delay = '3ms';
	VACUUM (TRUNCATE false, INDEX_CLEANUP on) t;
});
$node->safe_psql(
	'postgres', q{
	TRUNCATE t;
	INSERT INTO t SELECT nextval('ids'), v FROM source WHERE id <= 4000;});
my $vacuum = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('postgres'), '-f', $slow_vacuum ],
	'<', '/dev/null', '>&', '/dev/null');
run_ok('slow VACUUM', 6, 2500, insert => 100, check => 1);
$vacuum->finish;
check('t', 'slow VACUUM');

# Everything at once, beginning with an empty table, which is emptied from time to time.
$script{delete_all} = q{
	DELETE FROM t WHERE id IN (SELECT id FROM t FOR UPDATE SKIP LOCKED);
	VACUUM (TRUNCATE false) t;
};
$node->safe_psql('postgres', 'TRUNCATE t');
run_ok(
	'small table', 6, 400,
	insert => 6,
	insert_many => 6,
	update => 6,
	delete => 3,
	delete_all => 1,
	nearest => 6,
	check => 3,
	compare => 3);
check('t', 'small table');

# Many splits: long vectors, several trees.
$node->safe_psql(
	'postgres', q{
	DROP TABLE t;
	CREATE TABLE t (id int PRIMARY KEY, v real[]);
	CREATE INDEX t_idx ON t USING annoy (v) WITH (n_trees = 3);
	CREATE TABLE long AS
		SELECT id, v || v || v || v || v || v || v || v || v || v || v || v AS v
		FROM source WHERE id <= 2000;
	DROP TABLE source;
	ALTER TABLE long RENAME TO source;
	CREATE INDEX ON source (id);
});
$script{$_} =~ s/10000/2000/, $script{$_} =~ s/9990/1990/
  foreach qw(insert insert_many update nearest exact);
run_ok(
	'many splits', 6, 250,
	insert => 10,
	insert_many => 10,
	nearest => 5,
	delete => 2,
	check => 1,
	vacuum => 1);
check('t', 'many splits');

# CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY while others write.  One client at
# a time replaces the index.
foreach my $with ('dtype = none', 'n_entries = 2')
{
	$script{replace} = qq{
		SELECT pg_try_advisory_lock(1)::int AS locked \\gset
		\\if :locked
			DROP INDEX CONCURRENTLY t_idx;
			CREATE INDEX CONCURRENTLY t_idx ON t USING annoy (v) WITH ($with);
			$script{compare}
			REINDEX INDEX CONCURRENTLY t_idx;
			$script{compare}
			SELECT pg_advisory_unlock(1);
		\\endif
	};
	run_ok(
		"concurrent builds, $with", 6, 100,
		insert => 6,
		insert_many => 4,
		update => 6,
		delete => 6,
		nearest => 4,
		exact => 4,
		replace => 1);
	check('t', "concurrent builds, $with");
}
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*), bool_and(indisvalid)
		FROM pg_index JOIN pg_class ON oid = indexrelid
		WHERE indrelid = 't'::regclass AND relam <> 403}),
	'1|t',
	'concurrent builds leave one valid index');

# A cursor sees what its snapshot sees, whatever happens to the index between
# two fetches.
$node->safe_psql(
	'postgres', q{
	TRUNCATE t;
	INSERT INTO t SELECT id, v FROM source;
	INSERT INTO t VALUES (0, NULL);
	CREATE TABLE seen (id int);
});
my $cursor = $node->background_psql('postgres', on_error_stop => 0);
$cursor->query_safe(
	q{
	BEGIN;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	DECLARE c CURSOR FOR
		SELECT id FROM t ORDER BY v <-> (SELECT v FROM source WHERE id = 1)});
my @seen = split(/\n/, $cursor->query_safe('FETCH 5 FROM c'));
$node->safe_psql(
	'postgres', q{
	DELETE FROM t WHERE id % 2 = 0;
	VACUUM t;
	INSERT INTO t SELECT id + 10000, v FROM source WHERE id % 2 = 0;});
push @seen, split(/\n/, $cursor->query_safe('FETCH 100 FROM c'));
$node->safe_psql(
	'postgres', q{
	UPDATE t SET v = (SELECT v FROM source LIMIT 1) WHERE id % 4 = 1;
	DELETE FROM t WHERE id > 10000;
	VACUUM t;
	INSERT INTO t SELECT id + 20000, v FROM source;});
push @seen, split(/\n/, $cursor->query_safe('FETCH ALL FROM c'));
$cursor->quit;
is($seen[0], 1, 'a cursor begins with the nearest row');
is($seen[-1], 0, 'a cursor ends with NULL');
is( join(',', sort { $a <=> $b } @seen),
	join(',', 0 .. 2000),
	'a cursor sees each row of its snapshot once');
check('t', 'what a cursor has read');

my $log = slurp_file($node->logfile);
unlike(
	$log,
	qr/PANIC|TRAP|(?<!data might be )corrupt|deadlock|unexpected zero page|Please REINDEX/,
	'no corruption was seen');

$node->stop;

done_testing();
