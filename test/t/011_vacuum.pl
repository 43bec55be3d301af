
# Copyright (c) 2026, the annoy developers

# What VACUUM says, what it leaves in the catalog, and what it does when it is
# short of memory, has help, or is cancelled.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# without checksums, as it changes pages
my $node = annoy_node(
	'vacuum',
	init => [ no_data_checksums => 1 ],
	conf => 'max_worker_processes = 4');

sub sql
{
	return (map { $node->safe_psql('postgres', $_) } @_)[-1];
}

# A table of so many rows, one in ten of them NULL, with some indexes.
sub create_table
{
	my ($table, $rows, @indexes) = @_;

	sql(qq{
		DROP TABLE IF EXISTS $table;
		CREATE TABLE $table (id int PRIMARY KEY, v real[]);
		INSERT INTO $table
			SELECT i, CASE WHEN i % 10 > 0 THEN ARRAY[i % 100, i / 100, i % 7] END
			FROM generate_series(1, $rows) i;
		@indexes});
	return;
}

# What a verbose VACUUM says of an index, in the words of version 15 and later.
sub report_of
{
	my ($said, $index) = @_;

	return $1 if $said =~ /^(?:\w+:  )?index "$index": (pages: .*)$/m;
	return $said =~
	  /index "$index" now contains .* in (\d+) pages\n(?:.*\n)*?(\d+) index pages were newly deleted\.\n(\d+) index pages are currently deleted, of which (\d+) are currently reusable/
	  ? "pages: $1 in total, $2 newly deleted, $3 currently deleted, $4 reusable"
	  : '';
}

# Run VACUUM and return what it says of an index.
sub vacuum_report
{
	my ($command, $index) = @_;
	my ($ret, $stdout, $stderr) = $node->psql('postgres', $command);

	is($ret, 0, $command);
	return report_of($stderr, $index);
}

sub pages
{
	my ($index) = @_;

	return sql(
		"SELECT pg_relation_size('$index') / current_setting('block_size')::int");
}

sub info
{
	my ($index) = @_;

	return sql("SELECT items, dead_items FROM annoy_index_info('$index')");
}

sub statistics
{
	my ($index) = @_;

	return sql("SELECT reltuples, relpages FROM pg_class WHERE relname = '$index'");
}

# Table and index have the same rows, and searches find them.
sub intact_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $rows, $name) = @_;

	is(same_rows_ok($node, $table, '<->', $name), $rows, "$name: rows");
	self_found_ok($node, $table, '<->', $name, where => 'id % 100 = 1');
	return;
}

# A hash of the index as it is on disk.
sub contents
{
	my ($index) = @_;

	sql('CHECKPOINT');
	return sql(
		"SELECT md5(pg_read_binary_file(pg_relation_filepath('$index')))");
}

# Blocks read so far, by sessions that have ended, and told what they have read:
# psql may end before they have.  Before version 15, statistics may be older than
# that by half a second.
sub reads
{
	my ($index) = @_;

	$node->poll_query_until(
		'postgres', q{
		SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()})
	  or die 'sessions do not end';
	sleep(1) if major_version() < 15;
	return sql(
		"SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes WHERE indexrelname = '$index'");
}

#
# Statistics
#
create_table('t', 5000, 'CREATE INDEX t_idx ON t USING annoy (v) WITH (n_trees = 2)');
my $pages = pages('t_idx');
is(statistics('t_idx'), "5000|$pages", 'statistics after CREATE INDEX');

sql('DELETE FROM t WHERE id % 4 = 0');
is(info('t_idx'), '5000|0', 'nobody has marked deleted rows in the index');
my $contents = contents('t_idx');
my $reads = reads('t_idx');
sql('ANALYZE t');
is(reads('t_idx'), $reads, 'ANALYZE does not read the index');
is(contents('t_idx'), $contents, 'ANALYZE does nothing to the index');
is(statistics('t_idx'), "3750|$pages", 'statistics after ANALYZE');

like(
	vacuum_report('VACUUM (VERBOSE) t', 't_idx'),
	qr/^pages: $pages in total, 0 newly deleted, 0 currently deleted, 0 reusable$/,
	'report: the pages');
is(info('t_idx'), '3750|0', 'VACUUM removes what is dead');
is(pages('t_idx'), $pages, 'VACUUM adds no pages');
is(statistics('t_idx'), "3750|$pages", 'statistics after VACUUM');
intact_ok('t', 3750, 'VACUUM');

# Without a dead row, and told not to look at indexes.
sql('INSERT INTO t SELECT i, ARRAY[i % 100, i / 100, i % 7] FROM generate_series(10001, 10400) i');
sql('VACUUM (DISABLE_PAGE_SKIPPING) t');
is(statistics('t_idx'), '4150|' . pages('t_idx'),
	'statistics after VACUUM without a dead row');
sql('DELETE FROM t WHERE id = 10001');
sql('VACUUM (INDEX_CLEANUP off) t');
is(info('t_idx'), '4150|0', 'INDEX_CLEANUP off: the index is as it was');
intact_ok('t', 4149, 'INDEX_CLEANUP off');
sql('VACUUM (INDEX_CLEANUP on) t');
is(info('t_idx'), '4149|0', 'INDEX_CLEANUP on: the row is gone');
is(statistics('t_idx'), '4149|' . pages('t_idx'),
	'statistics after INDEX_CLEANUP on');

# Rows that are dead, but not to everybody, stay; so do those in progress.
my $reader = $node->background_psql('postgres', on_error_stop => 1);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t');
my $writer = $node->background_psql('postgres', on_error_stop => 1);
$writer->query_safe(
	q{BEGIN; INSERT INTO t SELECT i, ARRAY[i % 100, i / 100, i % 7] FROM generate_series(20001, 20100) i});
sql('DELETE FROM t WHERE id % 2 = 0');
my $left = sql('SELECT count(*) FROM t');
sql('VACUUM (INDEX_CLEANUP on) t');
is(info('t_idx'), '4249|0', 'VACUUM keeps rows that somebody may see');
is($reader->query_safe(
		q{SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
		SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '{1,1,1}') scan}),
	'4149', 'and who may see them does');
$writer->query_safe('ROLLBACK');
$writer->quit;
$reader->query_safe('COMMIT');
$reader->quit;
sql('VACUUM (INDEX_CLEANUP on) t');
is(info('t_idx'), "$left|0", 'and removes them when nobody may');
intact_ok('t', $left, 'VACUUM after others');

# There is nothing to write in an index in which nothing is dead.
$contents = contents('t_idx');
sql('VACUUM (INDEX_CLEANUP on, FREEZE) t');
is(contents('t_idx'), $contents, 'VACUUM writes what changes, and nothing else');

#
# Without a dead row, VACUUM does not read the index, unless another one was
# cancelled in it: the metapage says so.
#
sub vacuum_reads
{
	my $before = reads('t_idx');

	sql('VACUUM (INDEX_CLEANUP on, DISABLE_PAGE_SKIPPING) t');
	return reads('t_idx') - $before;
}

# Change the file of the index while the server is down.
sub change_index
{
	my ($change) = @_;
	my $file = $node->data_dir . '/' . sql("SELECT pg_relation_filepath('t_idx')");

	$node->stop;
	my $index = IndexFile->new(slurp_file($file));
	$change->($index);
	open(my $fh, '+<:raw', $file) or die "could not open $file: $!";
	print $fh $index->{bytes};
	close($fh) or die "could not write $file: $!";
	$node->start;
	return;
}

# Mark the first three slots of a page of items.
sub mark
{
	my ($index) = @_;
	my ($block) = $index->all('item');

	$index->set($block, [ 32 + 8 * $_ + 6, 'S' ], 2) foreach (0 .. 2);
	return;
}

create_table('t', 20000, 'CREATE INDEX t_idx ON t USING annoy (v)');
$pages = pages('t_idx');
cmp_ok($pages, '>', 100, 'the index has many pages');
cmp_ok(vacuum_reads(), '<', 20, 'VACUUM without a dead row reads few of them');
is(statistics('t_idx'), "20000|$pages", 'and knows how many rows there are');
is(info('t_idx'), '20000|0', 'as the index does');
sql('DELETE FROM t WHERE id = 7');
cmp_ok(vacuum_reads(), '>=', $pages, 'with a dead row it reads them all');
cmp_ok(vacuum_reads(), '<', 20, 'and then few again');

change_index(\&mark);
$node->psql('postgres', "SELECT annoy_index_check('t_idx')", stderr => \my $stderr);
like($stderr, qr/slot is marked by VACUUM, which is said to be done/,
	'annoy_index_check() knows that marks cannot be there');
change_index(sub { $_[0]->set(0, vacuum => 2) });
index_check_ok_without_heap();
is(info('t_idx'), '19996|3', 'slots are marked');
cmp_ok(vacuum_reads(), '>=', $pages, 'after a VACUUM that was cancelled, the next one reads all pages');
is(info('t_idx'), '19996|0', 'and frees the slots');
index_check_ok_without_heap();
cmp_ok(vacuum_reads(), '<', 20, 'once');

# the rows are still there
sub index_check_ok_without_heap
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(sql("SELECT annoy_index_check('t_idx')"), '', 'the index is in order');
	return;
}

#
# Pages that a crash, or an error, has left between adding them and their use, or
# between taking one off the list of free pages and making a node of it: VACUUM makes
# free pages of them, and new nodes take them.
#
sub add_page
{
	my ($index, $kind) = @_;
	my $block = $index->blocks;

	if (!$kind)
	{
		$index->{bytes} .= "\0" x $page_size;
		return;
	}
	$index->{bytes} .= substr($index->page(1), 0, 32) . "\0" x ($page_size - 32);
	$index->set($block, lower => 32);
	$index->set($block, kind => $kind);
	$index->set($block, next_free => 0);
	return;
}

sub reusable
{
	my ($report) = $_[0] =~ /(\d+) reusable/;
	return $report;
}

change_index(
	sub {
		my ($index) = @_;
		add_page($index, $_) foreach (0, $kind{free}, $kind{mean}, 0);
	});
is(pages('t_idx'), $pages + 4, 'the index has pages that nothing leads to');
index_check_ok_without_heap();
cmp_ok(vacuum_reads(), '<', 20, 'VACUUM without a dead row leaves them alone');
sql('DELETE FROM t WHERE id = 8');
is(reusable(vacuum_report('VACUUM (VERBOSE, INDEX_CLEANUP on) t', 't_idx')),
	4, 'one that reads the index makes them free pages');
index_check_ok_without_heap();
# VACUUM's last record, that it is done, is flushed by the next commit; without that,
# free pages would be for nobody until another VACUUM.
sql('CREATE TABLE flushed ()');
$node->stop('immediate');
$node->start;
index_check_ok_without_heap();
sql('INSERT INTO t SELECT i, ARRAY[5.5 + i / 1e6, 5.5, 5.5] FROM generate_series(50001, 51000) i');
is( sql("SELECT sum(item_bytes + tree_bytes) / $page_size FROM annoy_index_info('t_idx')") + 1 + 1,
	pages('t_idx'), 'and new nodes take them');
sql('DELETE FROM t WHERE id = 9');
is(reusable(vacuum_report('VACUUM (VERBOSE, INDEX_CLEANUP on) t', 't_idx')),
	0, 'all of them');
index_check_ok_without_heap();

# An index that is empty, but was in use.
sql('DELETE FROM t');
$reader = $node->background_psql('postgres', on_error_stop => 1);
$reader->query_safe('BEGIN; SET LOCAL enable_seqscan = off');
$reader->query_safe(q{SELECT id FROM t ORDER BY v <-> '{1,2,3}' LIMIT 1});
sql('VACUUM t');
is(sql("SELECT dimensions, items FROM annoy_index_info('t_idx')"),
	'3|0', 'an index in use does not forget its dimensions');
$reader->query_safe('COMMIT');
$reader->quit;
sql('VACUUM t');
is(sql("SELECT dimensions IS NULL, items FROM annoy_index_info('t_idx')"),
	't|0', 'the next VACUUM sees to that, though no row is dead');

# Pages of a group of which the first one is missing, as after a crash.
create_table('t', 0, 'CREATE INDEX t_idx ON t USING annoy (v) WITH (dtype = float32)');
sql('INSERT INTO t SELECT i, array_agg(i * j % 97) FROM generate_series(1, 20) i, generate_series(1, 3000) j GROUP BY i');
change_index(sub { add_page($_[0], $_) foreach (0, 0, $kind{data}, $kind{data}); });
index_check_ok_without_heap();
sql('DELETE FROM t WHERE id = 20');
is(reusable(vacuum_report('VACUUM (VERBOSE, INDEX_CLEANUP on) t', 't_idx')),
	4, 'pages of an unfinished group become free pages');
index_check_ok_without_heap();
intact_ok('t', 19, 'after that');

#
# Little memory: more dead rows than can be remembered, by the table's VACUUM as
# well as by the index's.
#
create_table('t', 200000, 'CREATE INDEX t_idx ON t USING annoy (v)');
sql('DELETE FROM t WHERE id % 100 <> 1');
$pages = pages('t_idx');
my $item_bytes = sql("SELECT item_bytes FROM annoy_index_info('t_idx')");
like(
	vacuum_report(
		"SET maintenance_work_mem = '1MB'; VACUUM (VERBOSE) t", 't_idx'),
	qr/^pages: $pages in total/,
	'little memory: the pages');
is(info('t_idx'), '2000|0', 'little memory: 198,000 rows are gone');
is(statistics('t_idx'), "2000|$pages", 'little memory: statistics');
is(same_rows_ok($node, 't', '<->', 'little memory'), 2000, 'little memory: rows');
self_found_ok($node, 't', '<->', 'little memory', where => 'id % 1000 = 1');
sql(q{INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN ARRAY[i % 100, i / 100, i % 7] END
	  FROM generate_series(1, 20000) i WHERE i % 100 <> 1});
is(sql("SELECT item_bytes FROM annoy_index_info('t_idx')"),
	$item_bytes, 'little memory: new rows take the places of old ones');
is(same_rows_ok($node, 't', '<->', 'little memory, more rows'),
	2000 + 19800, 'little memory, more rows: rows');

#
# Help: several indexes, one worker for each
#
create_table('t', 3000,
	'CREATE INDEX t_idx ON t USING annoy (v);',
	'CREATE INDEX t_cosine ON t USING annoy (v real_cosine_ops) WITH (n_trees = 3);',
	'CREATE INDEX t_l1 ON t USING annoy (v real_l1_ops);');
foreach my $round (1 .. 2)
{
	sql("DELETE FROM t WHERE id % 4 = $round");
	my ($ret, $stdout, $stderr) = $node->psql('postgres',
		'SET min_parallel_index_scan_size = 0; VACUUM (PARALLEL 2, VERBOSE) t');
	like($stderr, qr/launched [12] parallel vacuum workers? for index vacuuming/,
		"parallel VACUUM, round $round: has help");
	foreach my $index (qw(t_idx t_cosine t_l1))
	{
		my $rows = 3000 - 750 * $round;
		my $size = pages($index);

		like(report_of($stderr, $index), qr/^pages: $size in total/,
			"parallel VACUUM, round $round: pages of $index");
		is(info($index), "$rows|0", "parallel VACUUM, round $round: rows of $index");
		is(statistics($index), "$rows|$size",
			"parallel VACUUM, round $round: statistics of $index");
	}
}
intact_ok('t', 1500, 'parallel VACUUM');
same_rows_ok($node, 't', $_, "parallel VACUUM, $_") foreach qw(<=> <+>);

#
# Cancelled: VACUUM leaves an index that is as good as before, and another VACUUM
# finishes the work.
#
create_table('t', 20000, 'CREATE INDEX t_idx ON t USING annoy (v) WITH (n_trees = 2)');
sql('CHECKPOINT');
sql('DELETE FROM t WHERE id % 2 = 0');

# Only the first change of a page costs something, and the table's pages have
# been changed: so this VACUUM sleeps in the index.
my $slow = q{
	SET vacuum_cost_page_hit = 0;
	SET vacuum_cost_page_miss = 0;
	SET vacuum_cost_limit = 1;
	SET vacuum_cost_delay = 100;};
my $error = '';
my $vacuum = start_psql($node, \$error, "$slow SET application_name = 'slow'", 'VACUUM (INDEX_CLEANUP on) t');
# it has marked a page, or is done; if it sleeps there it is not for a long time
$node->poll_query_until(
	'postgres', q{
	SELECT (SELECT dead_items > 0 FROM annoy_index_info('t_idx'))
		OR EXISTS (SELECT FROM pg_stat_user_tables WHERE relname = 't' AND last_vacuum IS NOT NULL)})
  or die 'VACUUM has not come to the index';
sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'slow'});
$vacuum->finish;
like($error, qr/ERROR:  canceling statement due to user request/,
	'VACUUM sleeps in the index, and can be cancelled');
intact_ok('t', 10000, 'VACUUM was cancelled in the index');
index_check_ok($node, 't_idx', 'VACUUM was cancelled in the index');
sql('INSERT INTO t SELECT i, ARRAY[i % 100, i / 100, i % 7] FROM generate_series(30001, 31000) i');
intact_ok('t', 11000, 'VACUUM was cancelled, rows were added');

# wherever it is after some time
foreach my $timeout (5, 10, 20, 30, 40, 60)
{
	$node->psql('postgres',
		"SET vacuum_cost_limit = 100; SET vacuum_cost_delay = 1; "
		. "SET statement_timeout = $timeout; VACUUM (INDEX_CLEANUP on) t");
	is(same_rows_ok($node, 't', '<->', "VACUUM for $timeout ms"),
		11000, "VACUUM for $timeout ms: rows");
}
sql('VACUUM (INDEX_CLEANUP on) t');
is(info('t_idx'), '11000|0', 'another VACUUM finishes the work');
intact_ok('t', 11000, 'another VACUUM');

#
# Rows come, and leaves are split, while VACUUM takes its time: no entry is moved to
# where it has been, to point to a slot that it frees.
#
create_table('t', 20000, 'CREATE INDEX t_idx ON t USING annoy (v)');
sql('CHECKPOINT', 'DELETE FROM t WHERE id % 2 = 0');
$vacuum = start_psql(
	$node, \$error,
	'SET vacuum_cost_page_hit = 5; SET vacuum_cost_page_miss = 5;',
	'SET vacuum_cost_limit = 20; SET vacuum_cost_delay = 20;',
	"SET application_name = 'slow'",
	'VACUUM (INDEX_CLEANUP on, TRUNCATE off) t');
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_progress_vacuum WHERE phase = 'vacuuming indexes'")
  or die 'VACUUM has not come to the index';
my $batches = 0;
do
{
	my $first = 100000 + 1000 * $batches++;

	sql("INSERT INTO t SELECT i, ARRAY[i * 7 % 100, i * 13 % 200, i % 7] FROM generate_series($first, $first + 999) i");
} while ($batches < 40
	&& sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slow'") > 0);
$vacuum->finish;
cmp_ok($batches, '>', 10, 'rows came while VACUUM was in the index');
index_check_ok($node, 't_idx', 'rows came meanwhile');
intact_ok('t', 10000 + 1000 * $batches, 'rows came meanwhile');

# Signatures beside attributes are by other bounds, as if VACUUM had made trees anew and
# crashed.
sub sign_otherwise
{
	my ($index) = @_;

	foreach my $page ($index->all('attributes'))
	{
		$index->set($page, attributes_generation => 7);
		$index->set($page, signature_of($_, 0), 1) foreach (0 .. $index->get($page, 'numbers') - 1);
	}
	$index->set(0, meta_flags => $index->get(0, 'meta_flags') | 2);
	return;
}

# More rows than a round finds, which a walk over all attributes finds.
sub many_rows
{
	return sql(
		q{
		SET enable_seqscan = off;
		SET enable_sort = off;
		SET annoy.search_k = 100;
		SELECT count(*) FROM (
			SELECT id FROM t WHERE id BETWEEN 1001 AND 6000
			ORDER BY v <-> ARRAY[0, 0, 0]::real[] LIMIT 7000) s});
}

create_table('t', 20000, 'CREATE INDEX t_idx ON t USING annoy (v, id) WITH (signatures = 1)');
is(many_rows(), '5000', 'a walk finds rows by signatures');
change_index(\&sign_otherwise);
is(many_rows(), '5000', 'and without those of another generation');
index_check_ok($node, 't_idx', 'signatures of another generation');
sql('VACUUM t');
is(many_rows(), '5000', 'and by those that VACUUM has made');
index_check_ok($node, 't_idx', 'signatures that VACUUM has made');
intact_ok('t', 20000, 'signatures that VACUUM has made');

#
# VACUUM calls functions of types while it holds no lock: one that takes its time keeps
# nobody from the page, and VACUUM can be cancelled meanwhile.
#
sql(
	q{
	DROP TABLE t;
	CREATE FUNCTION hash_quickly(money) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint8';
	CREATE FUNCTION hash_slowly(price money) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$
	BEGIN
		IF current_setting('application_name') = 'slow' THEN
			PERFORM pg_advisory_xact_lock_shared(1);
		END IF;
		RETURN public.hash_quickly(price);
	END $$;
	CREATE OPERATOR CLASS money_hash DEFAULT FOR TYPE money USING hash AS OPERATOR 1 =, FUNCTION 1 hash_slowly(money);
	CREATE OPERATOR CLASS money_annoy DEFAULT FOR TYPE money USING annoy AS OPERATOR 1 =;
	CREATE TABLE t (id int PRIMARY KEY, v real[], price money);
	INSERT INTO t SELECT i, ARRAY[i % 100, i / 100, i % 7], (i % 50)::money FROM generate_series(1, 2000) i;
	CREATE INDEX t_idx ON t USING annoy (v, price) WITH (signatures = 2);});
change_index(\&sign_otherwise);

my $lock = $node->background_psql('postgres');
my $rows = 2000;
foreach my $cancelled (1, 0)
{
	my $what = $cancelled ? 'to be cancelled' : 'that goes on';

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	$vacuum = start_psql($node, \$error, "SET application_name = 'slow'", 'VACUUM (PARALLEL 0) t');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	  or die 'VACUUM does not sign';
	my $timed_out = 0;
	$node->psql(
		'postgres',
		"INSERT INTO t SELECT i, ARRAY[i % 90, i % 80, i % 7], (i % 50)::money FROM generate_series($rows + 1, $rows + 20) i",
		timeout => $PostgreSQL::Test::Utils::timeout_default,
		timed_out => \$timed_out);
	ok(!$timed_out, "rows come during a VACUUM $what")
	  or $lock->query_safe('SELECT pg_advisory_unlock(1)');
	$rows += 20;
	sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'slow'}) if $cancelled;
	$vacuum->finish if $cancelled;
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	$vacuum->finish if !$cancelled;
	like($error, $cancelled ? qr/canceling statement due to user request/ : qr/^$/, "a VACUUM $what");
	index_check_ok($node, 't_idx', "a VACUUM $what");
	is( sql(
			q{
			SET enable_seqscan = off;
			SET enable_sort = off;
			SELECT count(*) FROM (
				SELECT id FROM t WHERE price = 7::money
				ORDER BY v <-> ARRAY[0, 0, 0]::real[] LIMIT 1000) s}),
		sql('SELECT count(*) FROM t WHERE id % 50 = 7'),
		"a VACUUM $what: signatures do not hide rows");
}
$lock->quit;
intact_ok('t', $rows, 'signatures made while rows came');

my $log = slurp_file($node->logfile);

# but for the marks that were put there
$log =~ s/ERROR:  index "t_idx" is corrupted at block \d+, offset 3\n.*?HINT:  Please REINDEX it\.//s;
unlike($log, qr/PANIC|TRAP|(?<!data might be )corrupt|Please REINDEX/,
	'no corruption was seen');

$node->stop;

done_testing();
