
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
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node('following', conf => "synchronous_commit = off\n");

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

	is(stale(), 0, "$what: nothing is stale after VACUUM");
	my ($recall, $entries) = measured();
	index_check_ok($node, 't_idx', $what);
	sql('REINDEX INDEX t_idx');
	my ($built, $built_entries) = measured();
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
	INSERT INTO t SELECT * FROM source WHERE id % 10 <> 0});
cmp_ok(stale(), '>', 0.99, 'grown tenfold: all is stale');
answers("<=>");

# VACUUM is cancelled when it has done a part of it, and the next one does the rest.
my $error = '';
my $vacuum = IPC::Run::start(
	[
		'psql', '-X', '-d', $node->connstr('postgres'),
		'-c', 'SET vacuum_cost_page_hit = 10; SET vacuum_cost_limit = 100; SET vacuum_cost_delay = 10;',
		'-c', "SET application_name = 'slow'",
		'-c', 'VACUUM t'
	],
	'<', '/dev/null', '>', '/dev/null', '2>', \$error);
$node->poll_query_until('postgres', "SELECT stale < 1 FROM annoy_index_info('t_idx')")
  or die 'VACUUM does not come to the trees';
index_check_ok($node, 't_idx', 'while VACUUM moves entries');
sql(q{INSERT INTO t SELECT id + 100000, v FROM source WHERE id % 10 = 1});
sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'slow'});
$vacuum->finish;
like($error, qr/canceling statement due to user request/, 'VACUUM is cancelled while it moves entries');
my $stale = stale();
cmp_ok($stale, '>', 0, 'something is left to do');
cmp_ok($stale, '<', 1, 'something was done');
index_check_ok($node, 't_idx', 'VACUUM was cancelled');
kill_server($node);
$node->start;
index_check_ok($node, 't_idx', 'after a crash');
sql('DELETE FROM t WHERE id > 100000');
sql('VACUUM t');
as_good_ok('grown tenfold');
is(stale(), 0, 'a new index has nothing that is stale');
sql('DROP TABLE t, source, queries');

$node->stop;

done_testing();
