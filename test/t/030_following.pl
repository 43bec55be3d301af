
# Copyright (c) 2026, the annoy developers

# An index that has grown tenfold, or whose rows were replaced by others elsewhere,
# finds as much after VACUUM as one that was just built, and in not many more entries.
# What VACUUM does for that is in proportion to what has come, goes on after it was
# cancelled or met a crash, and is safe while others use the index.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use Time::HiRes qw(sleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node(
	'following',
	init => [ allows_streaming => 1 ],
	conf => "synchronous_commit = off\n");
my $standby = annoy_standby($node);

# VACUUM begins when so much is stale: a fifth of the entries, where all of them may be
# looked at three times.
my $begins = 0.0667;

sub sql
{
	return (map { $node->safe_psql('postgres', $_) } @_)[-1];
}

sub stale
{
	return sql("SELECT stale FROM annoy_index_info('t_idx')");
}

# What searches for the queries find, with the default target, and the entries that
# they scan on average; answers were found by sequential scans before.
sub measured
{
	return split(/\|/, sql('SELECT * FROM measure()'));
}

# The recall with a setting.
sub measured_with
{
	my ($setting) = @_;

	return sql("SET $setting; SELECT round(recall::numeric, 4) FROM measure()");
}

sub answers
{
	my ($op) = @_;

	sql(qq{
		SET enable_indexscan = off;
		SET max_parallel_workers_per_gather = 0;
		DROP TABLE IF EXISTS asked;
		CREATE TABLE asked AS
			SELECT q.v, (SELECT max(d) FROM (SELECT t.v $op q.v AS d FROM t ORDER BY 1 LIMIT 10) n) AS d
			FROM queries q;
		CREATE OR REPLACE FUNCTION measure(OUT recall float8, OUT entries float8) LANGUAGE plpgsql
		SET enable_seqscan = off AS \$\$
		DECLARE
			q record;
			found int;
			n int := 0;
		BEGIN
			recall := 0;
			entries := 0;
			FOR q IN SELECT v, d FROM asked LOOP
				SELECT count(*) INTO found
				FROM (SELECT v $op q.v AS d FROM t ORDER BY v $op q.v LIMIT 10) t
				WHERE d <= q.d + 1e-9;
				recall := recall + found / 10.0;
				entries := entries + (SELECT s.entries FROM annoy_last_scan() s);
				n := n + 1;
			END LOOP;
			recall := recall / n;
			entries := entries / n;
		END \$\$});
	return;
}

# An index after VACUUM is as good as one that is built anew.
sub as_good_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($what) = @_;

	cmp_ok(stale(), '<', $begins, "$what: nothing that matters is stale after VACUUM");
	my ($recall, $entries) = measured();
	my $fixed = measured_with('annoy.search_k = 500');
	index_check_ok($node, 't_idx', $what);
	sql('REINDEX INDEX t_idx');
	my ($built, $built_entries) = measured();
	my $built_fixed = measured_with('annoy.search_k = 500');
	diag("$what: recall with 500 entries $fixed, built anew $built_fixed");
	cmp_ok($fixed, '>=', $built_fixed - 0.01, "$what: recall with 500 entries");
	cmp_ok($recall, '>=', $built - 0.01, "$what: recall");
	cmp_ok($entries, '<=', 1.3 * $built_entries, "$what: entries scanned");
	diag(sprintf('%s: recall %.4f in %.0f entries, built anew %.4f in %.0f',
			$what, $recall, $entries, $built, $built_entries));
	return;
}

#
# Words: built on a tenth, grown tenfold
#
load_words($node, 'source', 'queries');
sql(q{
	CREATE TABLE t (id int PRIMARY KEY, v real[]);
	INSERT INTO t SELECT * FROM source WHERE id % 10 = 0;
	CREATE INDEX t_idx ON t USING annoy (v real_cosine_ops);
	INSERT INTO t SELECT * FROM source WHERE id % 10 <> 0;
	-- from version 19 on, VACUUM may not have to read pages that others have read
	ANALYZE t});
cmp_ok(stale(), '>', 0.99, 'grown tenfold: all is stale');
answers("<=>");

# A VACUUM that takes its time.
my $error = '';

sub begin_vacuum
{
	my ($limit) = @_;

	$error = '';
	return start_psql(
		$node, \$error,
		"SET vacuum_cost_page_hit = 10; SET vacuum_cost_limit = $limit; SET vacuum_cost_delay = 10;",
		"SET application_name = 'slow'; SET client_min_messages = debug1",
		'VACUUM t');
}

# Cancel it when less is stale than that.  Returns whether that was in time.
sub cancel_vacuum
{
	my ($vacuum, $stale) = @_;

	while ($vacuum->pumpable && stale() > $stale - 1e-6)
	{
		$vacuum->pump_nb;
		sleep(0.01);
	}
	sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'slow'});
	$vacuum->finish;
	return $error =~ /canceling statement due to user request/;
}

# Where the last VACUUM has begun to adapt trees.
sub begun_from
{
	return $error =~ /looking at \d+ entries from block (\d+) on/ ? $1 : '';
}

# VACUUM is cancelled when it has done a part of it.
my $vacuum = begin_vacuum(100);
$node->poll_query_until('postgres', "SELECT stale < 1 FROM annoy_index_info('t_idx')")
  or die 'VACUUM does not come to the trees';
index_check_ok($node, 't_idx', 'while VACUUM moves entries');
sql(q{INSERT INTO t SELECT id + 100000, v FROM source WHERE id % 10 = 1});
ok(cancel_vacuum($vacuum, 1), 'VACUUM is cancelled while it moves entries');
my $first = begun_from();
my $stale = stale();
cmp_ok($stale, '>', 0, 'something is left to do');
cmp_ok($stale, '<', 1, 'something was done');
index_check_ok($node, 't_idx', 'VACUUM was cancelled');
sql('SET synchronous_commit = on; CREATE TABLE flushed ()');
kill_server($node);
$node->start;
index_check_ok($node, 't_idx', 'after a crash');
is(stale(), $stale, 'a crash loses nothing of it');
sql('DELETE FROM t WHERE id > 100000');

# Others are cancelled whenever they have done something, until all is done: each goes on
# where the one before it was.
my $cancelled = 0;
my $tries = 0;
do
{
	$stale = stale();
	$cancelled += cancel_vacuum(begin_vacuum(1000), $stale);
	isnt(begun_from(), $first, 'the next one goes on elsewhere') if $tries == 0;
} while (stale() >= $begins && ++$tries < 100);
cmp_ok($cancelled, '>', 2, "VACUUM was cancelled $cancelled times more");
sql('VACUUM t');
as_good_ok('grown tenfold');
is(stale(), 0, 'a new index has nothing that is stale');

#
# Likewise, but VACUUM has no page to read, so that PostgreSQL has no number of rows but
# that of before
#
my $rows = $node->basedir . '/words';
sql(
	"COPY source TO '$rows'",
	qq{
	BEGIN;
	TRUNCATE t;
	COPY t FROM '$rows' (FREEZE);
	COMMIT},
	q{
	-- as CREATE INDEX or ANALYZE would have left it when there was a tenth
	UPDATE pg_class SET relpages = ceil(pg_relation_size('t') / 81920.0), reltuples = (SELECT count(*) FROM t) / 10
	WHERE oid = 't'::regclass});
cmp_ok(stale(), '>', 0.9, 'no page to read: all is stale');
sql('VACUUM t');
cmp_ok(stale(), '<', $begins, 'no page to read: nothing that matters is stale after VACUUM');

#
# Four clients write and search, others search on the standby, and the server crashes
#
my $numbers = $node->basedir . '/writes.sql';
append_to_file(
	$numbers, q{
	\set n random(1, 9000)
	INSERT INTO t SELECT nextval('ids'), v FROM source WHERE id = :n;
	DELETE FROM t WHERE id = (SELECT id FROM t WHERE id > :n + 200000 LIMIT 1);
	SELECT id FROM t ORDER BY v <=> (SELECT v FROM source WHERE id = :n) LIMIT 10;
});
my $reads = $node->basedir . '/reads.sql';
append_to_file(
	$reads, q{
	\set n random(1, 9000)
	SELECT id FROM t ORDER BY v <=> (SELECT v FROM source WHERE id = :n) LIMIT 10;
});

sub begin_load
{
	my ($server, $file, $errors) = @_;
	local %ENV = $server->_get_env if $server->can('_get_env');

	return IPC::Run::start(
		[
			'pgbench', '-n', '-c', 4, '-T', 600, '-f', $file,
			'-h', $server->host, '-p', $server->port, 'postgres'
		],
		'>', '/dev/null', '2>', $errors);
}

sql(q{
	TRUNCATE t;
	INSERT INTO t SELECT * FROM source WHERE id % 10 = 0;
	REINDEX INDEX t_idx;
	INSERT INTO t SELECT * FROM source WHERE id % 10 <> 0;
	ANALYZE t;
	CREATE SEQUENCE ids START 200001});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my %errors = ('writes' => '', 'reads' => '');
foreach my $crash (1, 0)
{
	my $what = $crash ? 'a crash while others write and read' : 'VACUUM while others write and read';
	my $writes = begin_load($node, $numbers, \$errors{writes});
	my $reads_there = begin_load($standby, $reads, \$errors{reads});

	$stale = stale();
	$vacuum = begin_vacuum(1000);
	$node->poll_query_until('postgres', "SELECT stale < $stale - .2 FROM annoy_index_info('t_idx')")
	  or die 'VACUUM does not come to the trees';
	kill_server($node) if $crash;
	$vacuum->finish;
	$writes->signal('TERM') if !$crash;
	$writes->finish;
	$reads_there->signal('TERM');
	$reads_there->finish;
	unlike($errors{reads}, qr/ERROR|PANIC/, "$what: searches on the standby");
	unlike($errors{writes}, qr/ERROR|PANIC/, "$what: writes");
	unlike($error, qr/ERROR/, "$what: VACUUM") if !$crash;
	$node->start if $crash;
	index_check_ok($node, 't_idx', $what);
	same_rows_ok($node, 't', '<=>', $what);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	index_check_ok($standby, 't_idx', "$what, on the standby");
	same_rows_ok($standby, 't', '<=>', "$what, on the standby");
}
sql('DELETE FROM t WHERE id > 200000');
sql('VACUUM t');
as_good_ok('written to meanwhile');
no_corruption_ok($_) foreach ($node, $standby);

$standby->stop;
$node->stop;

done_testing();
