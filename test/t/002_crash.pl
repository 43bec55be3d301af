
# Copyright (c) 2026, the annoy developers

# Crashes: whatever the server was doing, after recovery an index has exactly
# the rows of its table, and finds them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $everything = 'SET annoy.search_k = 2147483647; SET enable_seqscan = off';
my $node = annoy_node('crash');

# Take the server down the hard way, and start it again.
sub crash
{
	my ($how) = @_;

	if (defined $how)
	{
		# the postmaster alone: its children go when they notice
		$node->kill9;
		foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			last if $node->start(fail_ok => 1);
			usleep(100_000);
			$node->stop('fast', fail_ok => 1);
		}
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	return;
}

# Start a command that will not see its end.
sub start_doomed
{
	my (@command) = @_;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';

	return IPC::Run::start(\@command, '<', '/dev/null', '>', '/dev/null',
		'2>', '/dev/null');
}

# The same for SQL commands.
sub start_doomed_psql
{
	return start_doomed('psql', '-X', map { ('-c', $_) } @_);
}

sub finish_doomed
{
	my ($doomed) = @_;

	# whatever became of it
	eval { $doomed->finish; };
	return;
}

# That an index is right: it has the rows of the table, the trees have entries
# for all of them, and rows can be added, found and removed.
my $next_id = 1_000_000;

sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $name) = @_;

	index_check_ok($node, "${table}_idx", $name);
	index_check_ok($node, 'grown_none', "$name, without vectors")
	  if $table eq 'grown';
	same_rows_ok($node, $table, '<->', $name);
	self_found_ok($node, $table, '<->', $name, where => 'id % 3 = 0');

	my $id = $next_id++;
	my $dims = $node->safe_psql('postgres',
		"SELECT annoy_dims(v) FROM $table WHERE v IS NOT NULL LIMIT 1");
	is( $node->safe_psql(
			'postgres', qq{
			SET enable_seqscan = off;
			INSERT INTO $table
				SELECT $id, array_agg($id % 100 + i) FROM generate_series(1, $dims) i;
			SELECT id FROM $table
			ORDER BY v <-> (SELECT v FROM $table WHERE id = $id) LIMIT 1;}),
		$id,
		"$name: a new row is found");
	index_check_ok($node, "${table}_idx", "$name, with the new row");
	return;
}

#
# Crashes during inserts, by several clients at once, into several trees, with
# vectors long enough for splits to be frequent.  Some transactions abort, some
# vectors are NULL.
#
load_vectors($node, 'source', 'real[]', 5000, clustered(300));
load_vectors($node, 'queries', 'real[]', 100, clustered(300));
$node->safe_psql(
	'postgres', q{
	CREATE SEQUENCE ids;
	CREATE TABLE grown (id int PRIMARY KEY, v real[]);
	CREATE INDEX grown_idx ON grown USING annoy (v) WITH (n_trees = 2, dtype = float32);
	-- no query uses this one, which has its vectors in the table
	CREATE INDEX grown_none ON grown USING annoy (v) WITH (dtype = none) WHERE id > 0;
});
my $insert = $node->basedir . '/insert.sql';
append_to_file(
	$insert, q{
	\set aborts random(1, 20)
	BEGIN;
	INSERT INTO grown
		SELECT i, CASE WHEN i % 50 > 0 THEN v END
		FROM source, nextval('ids') i WHERE id = i % 5000 + 1;
	\if :aborts = 1
		ROLLBACK;
	\else
		COMMIT;
	\endif
});

foreach my $goal (1, 500, 1000, 1700, 2500)
{
	full_page_writes($node, 0) if $goal == 1000;
	my $doomed = start_doomed('pgbench', '-n', '-c', '4', '-T', '600',
		'-f', $insert);

	$node->poll_query_until('postgres',
		"SELECT count(*) >= $goal FROM grown")
	  or die "there are no inserts";
	# the last one by killing the postmaster only
	crash($goal == 2500 ? 'kill9' : undef);
	finish_doomed($doomed);
	check('grown', "crash after $goal inserts");
}

# Its trees find everything, and a crash costs no recall.
my $set = exact_answers($node, 'grown', 'queries', '<->');
recall_ok($set, 10, 0.999, 'after five crashes, everything', $everything);
my $before = recall($set, 10);
crash();
is(recall($set, 10), $before, 'recall is the same after a crash');

#
# Crashes in each pass of VACUUM, which is slowed down to be met there: while it
# marks items, while it drops entries, and while it frees items.  The next
# VACUUM finishes what was begun.
#
my @passes = (
	'dead_items > 0',
	'dead_items = :deleted AND leaf_fill < 0.8 * :fill',
	'leaf_fill < 0.6 * :fill AND dead_items < 0.8 * :deleted');
foreach my $pass (1 .. 3)
{
	my $name = "crash in pass $pass of VACUUM";
	my ($fill, $deleted) = split(
		/\n/,
		$node->safe_psql(
			'postgres', q{
			SELECT leaf_fill FROM annoy_index_info('grown_idx');
			WITH deleted AS (
				DELETE FROM grown
				WHERE id IN (
					SELECT id
					FROM (SELECT id, row_number() OVER (ORDER BY id) AS n
						  FROM grown) numbered
					WHERE n % 2 = 0)
				RETURNING id)
			SELECT count(*) FROM deleted}));
	my $there = $passes[ $pass - 1 ];

	$there =~ s/:fill/$fill/;
	$there =~ s/:deleted/$deleted/;
	my $doomed = start_doomed_psql(
		"SET vacuum_cost_delay = '10ms'",
		'SET vacuum_cost_limit = 1',
		'VACUUM (INDEX_CLEANUP ON) grown');
	$node->poll_query_until('postgres',
		"SELECT $there FROM annoy_index_info('grown_idx')")
	  or die "there is no VACUUM";
	is( $node->safe_psql(
			'postgres', 'SELECT phase FROM pg_stat_progress_vacuum'),
		'vacuuming indexes',
		"$name: it is there");
	crash();
	finish_doomed($doomed);
	check('grown', $name);

	$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) grown');
	nothing_dead_ok($node, 'grown', "$name, and another VACUUM");
	$node->safe_psql('postgres',
		"INSERT INTO grown SELECT nextval('ids'), v FROM source WHERE id <= $deleted"
	);
	check('grown', "$name, and inserts into free space");
}

full_page_writes($node, 1);

# A crash right after VACUUM and inserts into the space it has freed.
$node->safe_psql(
	'postgres', q{
	DELETE FROM grown WHERE id % 3 > 0;
	VACUUM grown;
	INSERT INTO grown SELECT nextval('ids'), v FROM source;});
crash();
check('grown', 'crash after inserts into free space');

# A crash after an index has forgotten its dimensions: those of rows that are
# gone, and of an insertion that did not commit, with NULLs around.
full_page_writes($node, 0);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE forgetful (id int PRIMARY KEY, v real[]);
	CREATE INDEX forgetful_idx ON forgetful USING annoy (v);
	INSERT INTO forgetful SELECT id, v FROM source;
	DELETE FROM forgetful;});
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) forgetful');
crash();
is( $node->safe_psql(
		'postgres',
		"SELECT dimensions IS NULL, items FROM annoy_index_info('forgetful_idx')"
	),
	't|0',
	'an index that VACUUM has emptied is empty after a crash');
$node->safe_psql(
	'postgres', q{
	INSERT INTO forgetful SELECT -id, NULL FROM source;
	BEGIN;
	INSERT INTO forgetful SELECT id, v FROM source;
	ROLLBACK;
	CHECKPOINT;});
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) forgetful');
$node->safe_psql(
	'postgres', q{
	BEGIN;
	INSERT INTO forgetful SELECT id, v[1:10] FROM source WHERE id <= 1000;
	ROLLBACK;});
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) forgetful');
crash();
index_check_ok($node, 'forgetful_idx', 'crash after dimensions were forgotten twice');
$node->safe_psql('postgres',
	'INSERT INTO forgetful SELECT id, v[1:20] FROM source WHERE id <= 2000');
crash();
check('forgetful', 'crash after dimensions were forgotten twice, and set again');
$node->safe_psql('postgres', 'DELETE FROM forgetful WHERE v IS NOT NULL');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) forgetful');
crash();
is( $node->safe_psql(
		'postgres',
		"SELECT dimensions IS NULL, items, dead_items FROM annoy_index_info('forgetful_idx')"
	),
	't|5000|0',
	'an index that has nothing left but NULLs is as it was after a crash');
$node->safe_psql('postgres',
	'INSERT INTO forgetful SELECT id, v[1:30] FROM source WHERE id <= 500');
check('forgetful', 'crash after nothing but NULLs was left');
full_page_writes($node, 1);

#
# Crashes during a build.  The index is on an expression that waits for a lock,
# so we know where the build is.
#
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION wait_at(v real[], i int) RETURNS real[] IMMUTABLE AS $$
	BEGIN
		IF i = 3000 AND current_setting('application_name') = 'doomed' THEN
			PERFORM pg_advisory_lock(1);
		END IF;
		RETURN v;
	END $$ LANGUAGE plpgsql;
});
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $doomed = start_doomed_psql("SET application_name = 'doomed'",
	'CREATE INDEX source_idx ON source USING annoy (wait_at(v, id))');
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
) or die "there is no build";
$node->safe_psql('postgres', 'CHECKPOINT');
crash();
finish_doomed($doomed);
eval { $lock->quit; };
is( $node->safe_psql(
		'postgres',
		"SELECT count(*) FROM pg_class WHERE relname = 'source_idx'"),
	'0',
	'crash in a build leaves no index');
$node->safe_psql('postgres',
	'CREATE INDEX source_idx ON source USING annoy (v)');
crash();
check('source', 'crash after a build');

# Crashes in the last phase of CREATE INDEX CONCURRENTLY leave an invalid index
# that inserts maintain all the same, and that REINDEX makes valid.
$node->safe_psql('postgres', 'DROP INDEX source_idx');
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$doomed = start_doomed_psql(
	'CREATE INDEX CONCURRENTLY source_idx ON source USING annoy (v)');
$node->poll_query_until('postgres',
	"SELECT phase = 'waiting for old snapshots' FROM pg_stat_progress_create_index"
) or die "there is no CREATE INDEX CONCURRENTLY";
$node->safe_psql('postgres',
	'INSERT INTO source SELECT id + 10000, v FROM source WHERE id <= 500');
crash();
finish_doomed($doomed);
eval { $old->quit; };
$node->safe_psql('postgres',
	'INSERT INTO source SELECT id + 20000, v FROM source WHERE id <= 500');
is( $node->safe_psql(
		'postgres', q{
		SELECT indisvalid, indisready FROM pg_index
		WHERE indexrelid = 'source_idx'::regclass}),
	'f|t',
	'crash in CREATE INDEX CONCURRENTLY leaves an invalid index');
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY source_idx');
check('source', 'REINDEX of an invalid index');

#
# A table that was created, truncated or whose index was rebuilt in the same
# transaction: with wal_level = minimal, the index is not logged as it changes.
# At the end it is synced; or logged, if it is small.
#
is($node->safe_psql('postgres', 'SHOW wal_level'),
	'minimal', 'wal_level is minimal');
foreach my $threshold ('0', '1GB')
{
	my $name = "wal_skip_threshold = $threshold";

	full_page_writes($node, $threshold eq '0');
	$node->safe_psql(
		'postgres', qq{
		SET wal_skip_threshold = '$threshold';
		DROP TABLE IF EXISTS filled, empty, truncated, rebuilt;
		BEGIN;
		CREATE TABLE filled (id int PRIMARY KEY, v real[]);
		INSERT INTO filled SELECT id, v FROM source WHERE id <= 1000;
		CREATE INDEX filled_idx ON filled USING annoy (v);
		INSERT INTO filled SELECT id, v FROM source WHERE id > 1000 AND id <= 4000;
		COMMIT;
		BEGIN;
		CREATE TABLE empty (id int PRIMARY KEY, v real[]);
		CREATE INDEX empty_idx ON empty USING annoy (v);
		COMMIT;
		BEGIN;
		CREATE TABLE truncated (id int PRIMARY KEY, v real[]);
		INSERT INTO truncated VALUES (1, '{1}');
		CREATE INDEX truncated_idx ON truncated USING annoy (v);
		COMMIT;
		BEGIN;
		TRUNCATE truncated;
		INSERT INTO truncated SELECT id, v FROM source WHERE id <= 1000;
		SAVEPOINT one;
		TRUNCATE truncated;
		INSERT INTO truncated VALUES (1, '{1}');
		ROLLBACK TO one;
		INSERT INTO truncated SELECT id, v FROM source WHERE id > 1000 AND id <= 1500;
		COMMIT;
		CREATE TABLE rebuilt (id int PRIMARY KEY, v real[]);
		CREATE INDEX rebuilt_idx ON rebuilt USING annoy (v) WITH (n_trees = 2);
		INSERT INTO rebuilt SELECT id, v FROM source WHERE id <= 300;
		CHECKPOINT;
		BEGIN;
		INSERT INTO rebuilt SELECT id, v FROM source WHERE id > 300 AND id <= 1500;
		REINDEX INDEX rebuilt_idx;
		INSERT INTO rebuilt SELECT id, v FROM source WHERE id > 1500 AND id <= 3000;
		COMMIT;
	});
	crash();
	check('filled', "index created with its table, $name");
	check('truncated', "index truncated and filled, $name");
	check('rebuilt', "index rebuilt between inserts, $name");
	same_rows_ok($node, 'empty', '<->', "index created empty with its table, $name");
	index_check_ok($node, 'empty_idx', "index created empty with its table, $name");
	$node->safe_psql(
		'postgres', q{
		INSERT INTO empty SELECT id, v FROM source;
		DELETE FROM filled WHERE id % 3 > 0;});
	$node->safe_psql('postgres', 'VACUUM filled');
	crash();
	check('empty', "index created empty, and filled, $name");
	check('filled', "index created with its table, after VACUUM, $name");
}
full_page_writes($node, 1);

#
# Unlogged tables come back empty and usable, with vectors of other dimensions
# too; after a clean shutdown they come back as they were.
#
$node->safe_psql(
	'postgres', q{
	CREATE UNLOGGED TABLE lost (id int PRIMARY KEY, v real[]);
	CREATE INDEX lost_idx ON lost USING annoy (v) WITH (n_trees = 3);
	INSERT INTO lost SELECT id, v FROM source;
	INSERT INTO lost VALUES (-1, NULL);
	CREATE UNLOGGED TABLE lost2 (id int PRIMARY KEY, v real[]);
	INSERT INTO lost2 SELECT id, v FROM source;
	CREATE INDEX lost2_idx ON lost2 USING annoy (v);
	CREATE UNLOGGED TABLE lost3 (id int PRIMARY KEY, v real[]);
	CREATE INDEX lost3_idx ON lost3 USING annoy (v);
});
check($_, "unlogged table $_") foreach qw(lost lost2);
$node->restart;
check($_, "unlogged table $_ after a restart") foreach qw(lost lost2);

foreach my $round (1 .. 2)
{
	$node->safe_psql('postgres', 'CHECKPOINT') if $round == 2;
	crash();
	foreach my $table (qw(lost lost2 lost3))
	{
		is(same_rows_ok(
				$node, $table, '<->', "unlogged table $table after a crash"),
			0,
			"unlogged table $table is empty after a crash");
		index_check_ok($node, "${table}_idx",
			"unlogged table $table after a crash");
		is( $node->safe_psql(
				'postgres', qq{
				SELECT dimensions IS NULL, items, n_trees
				FROM annoy_index_info('${table}_idx')}),
			't|0|' . ($table eq 'lost' ? 3 : 1),
			"unlogged index ${table}_idx is empty after a crash");
		is( $node->safe_psql(
				'postgres', qq{
				SET enable_seqscan = off;
				SELECT count(*)
				FROM (SELECT id FROM $table ORDER BY v <-> '{1,2,3}' LIMIT 10) t}
			),
			'0',
			"unlogged table $table can be searched after a crash");
		$node->safe_psql(
			'postgres', qq{
			INSERT INTO $table SELECT id, v[1:150] FROM source;
			INSERT INTO $table SELECT -id, NULL FROM source LIMIT 10;
			DELETE FROM $table WHERE id % 4 = 0;
			VACUUM $table;
			INSERT INTO $table SELECT id, v[1:150] FROM source WHERE id % 4 = 0;}
		);
		check($table, "unlogged table $table, crash $round");
	}
}
$node->safe_psql('postgres', 'ALTER TABLE lost SET LOGGED');
$node->safe_psql('postgres', 'ALTER TABLE grown SET UNLOGGED');
crash();
check('lost', 'table that was unlogged');
is(same_rows_ok($node, 'grown', '<->', 'table that was logged'),
	0, 'table that was logged');

#
# Vectors that take several pages.
#
load_vectors($node, 'long', 'real[]', 200, clustered(3000));
$node->safe_psql(
	'postgres', q{
	CREATE TABLE long_grown (id int PRIMARY KEY, v real[]);
	CREATE INDEX long_grown_idx ON long_grown USING annoy (v);
	CREATE INDEX long_idx ON long USING annoy (v);
	CHECKPOINT;
	INSERT INTO long_grown SELECT id, v FROM long;
	DELETE FROM long WHERE id % 2 = 0;
	VACUUM long;
	INSERT INTO long SELECT id + 1000, v FROM long WHERE id <= 50;
});
crash();
check($_, "table $_") foreach qw(long long_grown);

# Nothing of all this left a trace of corruption in the log.
no_corruption_ok($node);

$node->stop;

done_testing();
