
# Copyright (c) 2026, the annoy developers

# A build logs whole pages at its end, and nothing that changes one before that:
# without full_page_writes, a standby would be told of a change of a page that it
# does not have.  The index has enough rows for a recall curve, which is the last
# thing that a build writes.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = annoy_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "full_page_writes = off\nwal_consistency_checking = 'all'\n");
my $standby = annoy_standby($primary);

load_vectors($primary, 'rows', 'real[]', 20000, clustered(16, intrinsic => 8));

# What a node answers, and what the index knows of itself.
sub answers
{
	my ($node) = @_;

	return $node->safe_psql(
		'postgres', q{
		SET enable_seqscan = off;
		SELECT q.id, array_agg((a.id, a.d)::text)
		FROM (SELECT id, v FROM rows WHERE id % 1000 = 1) q,
			 LATERAL (SELECT t.id, t.v <-> q.v AS d FROM rows t
					  ORDER BY t.v <-> q.v LIMIT 20) a
		GROUP BY q.id ORDER BY q.id;
		SELECT * FROM annoy_recall_curve('rows_idx');
		SELECT * FROM annoy_index_info('rows_idx')});
}

# The pages of the standby are those of the primary, and it goes on.
sub check
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;
	my $log = slurp_file($standby->logfile);
	my $lsn = $primary->lsn('insert');
	my $replayed = $log !~ /PANIC|FATAL:  WAL/ && $standby->poll_query_until('postgres',
		"SELECT pg_last_wal_replay_lsn() >= '$lsn'");

	ok($replayed, "$name: the standby has replayed it");
	die "the standby is down:\n" . slurp_file($standby->logfile) unless $replayed;
	my $answers = answers($primary);
	is(answers($standby), $answers, "$name: both give the same answers");
	is( $primary->safe_psql('postgres',
			q{SELECT count(*) > 5 FROM annoy_recall_curve('rows_idx')}),
		't',
		"$name: there is a curve");
	is( $standby->safe_psql('postgres',
			q{SELECT annoy_index_check('rows_idx')}),
		'',
		"$name: the standby's index is whole");
	return;
}

$primary->safe_psql('postgres', 'CREATE INDEX rows_idx ON rows USING annoy (v)');
check('CREATE INDEX');
$primary->safe_psql('postgres', 'CHECKPOINT; REINDEX INDEX rows_idx');
check('REINDEX');
$primary->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY rows_idx');
check('REINDEX CONCURRENTLY');
$primary->safe_psql(
	'postgres', q{
	INSERT INTO rows SELECT id + 20000, v FROM rows WHERE id <= 8000;
	CHECKPOINT;
	VACUUM rows});
check('a new curve by VACUUM');
$primary->safe_psql(
	'postgres', q{
	CREATE TABLE queries AS SELECT v FROM rows WHERE id <= 100;
	SELECT annoy_calibrate('rows_idx', 'queries')});
check('a new curve by annoy_calibrate()');

# The build is the last thing before a crash.
$primary->safe_psql('postgres', 'CHECKPOINT; REINDEX INDEX rows_idx');
my $answers = answers($primary);
$primary->stop('immediate');
$primary->start;
is(answers($primary), $answers, 'the same answers after a crash');
check('a crash');

$primary->stop;
$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|inconsistent page/, $_->name . ': no crash')
  foreach ($primary, $standby);

done_testing();
