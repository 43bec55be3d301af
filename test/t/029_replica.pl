# Copyright (c) 2026, the annoy developers

# A read replica under load: queries on a hot standby while the primary is written to
# and vacuumed.  Each query compares its answer with the exact one of its own snapshot.
# The only errors are conflicts with recovery, those that any query may have.
#
# ANNOY_REPLICA_SECONDS says how long each part takes, 5 by default.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{ANNOY_REPLICA_SECONDS} // 5;
my $primary = annoy_node('primary', init => [ allows_streaming => 1 ]);
my $standby =
  annoy_standby($primary, conf => "max_standby_streaming_delay = '1s'\n");

load_vectors($primary, 'source', 'real[]', 5100, clustered(32));
$primary->safe_psql(
	'postgres', q{
	CREATE TABLE queries AS SELECT id - 5000 AS id, v FROM source WHERE id > 5000;
	DELETE FROM source WHERE id > 5000;
	CREATE FUNCTION near(v real[]) RETURNS real[] LANGUAGE sql AS
		'SELECT array_agg(x + 100 * random()) FROM unnest(v) x';
	CREATE SEQUENCE ids START 10000;
	CREATE TABLE t (id integer PRIMARY KEY, v real[]);
	INSERT INTO t SELECT * FROM source;
	CREATE INDEX t_idx ON t USING annoy (v);
	VACUUM ANALYZE t;
});

my %script = (
	insert => q{
		\set n random(1, 5000)
		INSERT INTO t SELECT nextval('ids'), near(v) FROM source WHERE id = :n;
	},
	change => q{
		\set n random(1, 5000)
		\set m random(1, 5000)
		UPDATE t SET v = (SELECT near(v) FROM source WHERE id = :m) WHERE id = :n;
		DELETE FROM t WHERE id = (SELECT id FROM t WHERE id >= 10000 + :m LIMIT 1);
	},
	vacuum => q{
		VACUUM t;
		\sleep 300 ms
	},);

# Have the primary written to.
sub begin_load
{
	my @command = ('pgbench', '-n', '-c', 3, '-T', $seconds);

	foreach my $name (sort keys %script)
	{
		my $file = $primary->basedir . "/$name.sql";

		append_to_file($file, $script{$name}) unless -e $file;
		push @command, '-f', "$file@" . ($name eq 'vacuum' ? 1 : 100);
	}
	local %ENV = $primary->_get_env if $primary->can('_get_env');
	return IPC::Run::start(
		[
			@command, '-h', $primary->host, '-p', $primary->port, 'postgres'
		],
		'>',
		\my $out,
		'2>',
		\my $err);
}

# Queries on the standby until the load ends, and now and then on the primary, to
# compare.  Returns the recall of each, and how many queries of the standby were
# answered, cancelled, and failed otherwise.
sub query_both
{
	my $load = begin_load();
	my ($found, $answered, $cancelled, $failed) = (0, 0, 0, 0);
	my ($found_there, $answered_there) = (0, 0);
	my $end = time() + $seconds;

	for (my $turn = 1; time() < $end; $turn++)
	{
		my $node = $turn % 4 == 0 ? $primary : $standby;
		my $batch = 'SET enable_seqscan = off; SET jit = off;';
		my ($rc, $out, $err);

		foreach (1 .. 20)
		{
			my $id = 1 + int(rand(100));

			$batch .= qq{
				SELECT (SELECT count(*) FROM
							(SELECT v <-> q.v AS d FROM t ORDER BY v <-> q.v LIMIT 10) a
						WHERE a.d <= e.tenth)
				FROM queries q, LATERAL (SELECT max(d) AS tenth FROM
						(SELECT (v <-> q.v) + 0 AS d FROM t ORDER BY 1 LIMIT 10) n) e
				WHERE q.id = $id;};
		}
		$rc = $node->psql(
			'postgres', $batch,
			stdout => \$out,
			stderr => \$err,
			on_error_stop => 0);
		if ($node eq $primary)
		{
			foreach my $n (split(/\n/, $out))
			{
				$found_there += $n;
				$answered_there++;
			}
			next;
		}
		foreach my $n (split(/\n/, $out))
		{
			$found += $n;
			$answered++;
		}
		my $conflicts =
		  () = $err =~ /due to conflict with recovery/g;
		my $errors = () = $err =~ /(ERROR|FATAL|PANIC):/g;
		$cancelled += $conflicts;
		$failed += $errors - $conflicts;
		diag($err) if $errors > $conflicts;
	}
	$load->finish;
	return (
		$found / 10 / ($answered || 1),
		$found_there / 10 / ($answered_there || 1),
		$answered, $cancelled, $failed);
}

foreach my $feedback ('off', 'on')
{
	$standby->append_conf('postgresql.conf',
		"hot_standby_feedback = $feedback\n");
	$standby->reload;
	my ($recall, $there, $answered, $cancelled, $failed) = query_both();

	note("feedback $feedback: recall $recall, on the primary $there; $answered answered, $cancelled cancelled"
	);
	cmp_ok($recall, '>=', .9, "feedback $feedback: recall on the standby");
	cmp_ok($recall, '>=', $there - .05,
		"feedback $feedback: about what it is on the primary");
	is($failed, 0, "feedback $feedback: no errors but conflicts");
	cmp_ok($cancelled, '<=', .05 * $answered,
		"feedback $feedback: conflicts are few")
	  if $feedback eq 'on';
	$primary->wait_for_catchup($standby);
	index_check_ok($standby, 't_idx', "feedback $feedback: the standby");
}

#
# Failover: the new primary's index is read into memory, and goes on
#
$primary->stop('immediate');
$standby->promote;
cmp_ok($standby->safe_psql('postgres', "SELECT annoy_prewarm('t_idx')"),
	'>', 0, 'the index is read after failover');
$standby->safe_psql('postgres',
	"INSERT INTO t SELECT 100000 + id, v FROM source; VACUUM t");
index_check_ok($standby, 't_idx', 'the new primary');

done_testing();
