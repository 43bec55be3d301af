# Copyright (c) 2026, the annoy developers

# Shards: a table whose partitions are on other servers, by postgres_fdw.  As these
# here stand three databases, which the coordinator's database knows as nothing but
# servers.  This is the recipe of docs/scale.md.
#
# ANNOY_SHARDS_SECONDS says how long they are written to while they are searched, 3 by
# default.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node('shards');
my $shards = 3;
my $rows = 6000;
my $seconds = $ENV{ANNOY_SHARDS_SECONDS} // 3;

if ($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'"
	) eq '0')
{
	plan skip_all => 'there is no postgres_fdw';
}

# A query on the coordinator, and on a shard.
sub ask
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sub ask_shard
{
	my ($shard, $query) = @_;

	return $node->safe_psql("shard$shard", $query);
}

my $host = $node->host;
my $port = $node->port;
ask('CREATE EXTENSION postgres_fdw');
ask('CREATE TABLE items (id integer, kind integer, v real[]) PARTITION BY HASH (id)'
);
foreach my $i (0 .. $shards - 1)
{
	ask("CREATE DATABASE shard$i");
	ask_shard(
		$i, q{
		CREATE EXTENSION annoy;
		CREATE TABLE items (id integer PRIMARY KEY, kind integer, v real[]);
		CREATE INDEX items_v ON items USING annoy (v, kind);
	});

	# extensions: its operators are the same there.  Rows come by a cursor, of
	# which the server is to think that few are read; and few at a time.
	ask(qq{
		CREATE SERVER shard$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS (
			host '$host', port '$port', dbname 'shard$i', extensions 'annoy',
			options '-c cursor_tuple_fraction=0.0001',
			fetch_size '20', batch_size '500', async_capable 'true');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shard$i;
		CREATE FOREIGN TABLE items_$i PARTITION OF items
			FOR VALUES WITH (MODULUS $shards, REMAINDER $i)
			SERVER shard$i OPTIONS (table_name 'items');
	});
}

#
# Rows go where they belong
#
load_vectors($node, 'source', 'real[]', $rows, clustered(24));
load_vectors($node, 'queries', 'real[]', 60, clustered(24, seed => 2));
ask('INSERT INTO items SELECT id, id % 10, v FROM source');
my @counts = map { ask_shard($_, 'SELECT count(*) FROM items') } 0 .. $shards - 1;
is(eval(join('+', @counts)), $rows, 'all rows are on some shard');
ok(!(grep { $_ < $rows / $shards / 2 } @counts), 'and each has its part');
foreach my $i (0 .. $shards - 1)
{
	ask_shard($i, 'VACUUM ANALYZE items');
}
ask('ANALYZE items');

#
# Plans: each shard returns rows in order, of those that meet the conditions
#
my $some = ask('SELECT v FROM queries WHERE id = 1');
my $nearest = "SELECT id FROM items WHERE kind < 5 ORDER BY v <-> '$some' LIMIT 10";
my $plan = ask("EXPLAIN (VERBOSE, COSTS OFF) $nearest");
like($plan, qr/Merge Append/, 'rows of shards are merged');
my @remote = $plan =~ /Remote SQL: (.*)/g;
is(scalar(@remote), $shards, 'all shards are asked');
is( scalar(
		grep { /WHERE \(\(kind < 5\)\) ORDER BY \(v OPERATOR\(public\.<->\)/ }
		  @remote),
	$shards,
	'condition and order are theirs');

# The other way: a search with LIMIT for each shard, all at the same time
my $union = "SELECT id FROM ("
  . join(
	' UNION ALL ',
	map {
		"(SELECT id, v <-> '$some' AS d FROM items_$_ ORDER BY v <-> '$some' LIMIT 10)"
	} 0 .. $shards - 1) . ") s ORDER BY d + 0 LIMIT 10";

sub remote_estimates
{
	my ($how) = @_;

	ask("ALTER SERVER shard$_ OPTIONS ($how)") foreach (0 .. $shards - 1);
	return;
}

remote_estimates("ADD use_remote_estimate 'true'");
$plan = ask("EXPLAIN (VERBOSE, COSTS OFF) $union");
@remote = $plan =~ /Remote SQL: .* ORDER BY .* LIMIT 10/g;
is(scalar(@remote), $shards, 'LIMIT is shipped with remote estimates');
my @async = $plan =~ /Async Foreign Scan/g;
# below UNION ALL, from version 15 on
is(scalar(@async), major_version() < 15 ? 0 : $shards,
	'and shards are searched at the same time');
my $by_union = ask($union);
remote_estimates('DROP use_remote_estimate');

#
# Recall over all shards
#
sub recall_of_shards
{
	my ($condition) = @_;

	return ask(
		qq{
		SELECT round(avg((SELECT count(*) FROM unnest(n.found) f(d) WHERE d <= n.tenth) / 10.0), 4)
		FROM (SELECT
				(SELECT array_agg(d) FROM (SELECT v <-> q.v AS d FROM items
					WHERE $condition ORDER BY v <-> q.v LIMIT 10) a) AS found,
				(SELECT max(d) FROM (SELECT v <-> q.v AS d FROM rows
					WHERE $condition ORDER BY 1 LIMIT 10) e) AS tenth
			FROM queries q) n});
}

ask('CREATE TABLE rows AS SELECT * FROM items');
cmp_ok(recall_of_shards('true'), '>=', .95, 'recall over all shards');
cmp_ok(recall_of_shards('kind < 5'), '>=', .95, 'recall with a condition');
my @nearest = split(/\n/,
	ask("SELECT id FROM rows WHERE kind >= 0 ORDER BY (v <-> '$some') + 0 LIMIT 10"));
cmp_ok(scalar(grep { $by_union =~ /^$_$/m } @nearest),
	'>=', 9, 'UNION ALL finds the same');

# An index is used there, and hardly more rows are read than are fetched
ask_shard($_, 'SELECT pg_stat_reset()') foreach (0 .. $shards - 1);
ask("SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '$some' LIMIT 10) a");
foreach my $i (0 .. $shards - 1)
{
	ok( $node->poll_query_until(
			"shard$i",
			"SELECT idx_scan > 0 AND idx_tup_read <= 30 FROM pg_stat_user_indexes WHERE indexrelname = 'items_v'"
		),
		"shard $i reads one batch by its index");
}

#
# Changes
#
ask(qq{
	UPDATE items SET v = '$some' WHERE id = 17;
	DELETE FROM items WHERE id = 18;
	INSERT INTO items VALUES (100000, 1, '$some');
});
is( ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM items ORDER BY v <-> '$some' LIMIT 2) a"
	),
	'17 100000',
	'rows that were changed are found');
is(ask('SELECT count(*) FROM items WHERE id = 18'), '0', 'and others are gone');
foreach my $i (0 .. $shards - 1)
{
	ask_shard($i, "SELECT annoy_index_check('items_v', true)");
}

#
# Searches under write load.  Each client of pgbench changes rows of its own: remote
# transactions are REPEATABLE READ, so two that change the same row fail.  A query and
# the exact answer that it is compared with have the same snapshot of each shard.
#
my $clients = 3;
ask(q{
	CREATE FUNCTION near(v real[]) RETURNS real[] LANGUAGE sql AS
		'SELECT array_agg(x + 100 * (random() - 0.5)) FROM unnest(v) x'});
my $script = $node->basedir . '/change.sql';
append_to_file(
	$script, qq{
	\\set n $clients * random(1, @{[ int($rows / $clients) - 1 ]}) + :client_id
	\\set m random(1, $rows)
	\\set new 1000000 + $clients * random(1, 1000) + :client_id
	UPDATE items SET v = (SELECT near(v) FROM source WHERE id = :m) WHERE id = :n;
	BEGIN;
	DELETE FROM items WHERE id = :new;
	INSERT INTO items SELECT :new, id % 10, near(v) FROM source WHERE id = :n;
	COMMIT;
});
my $errors = '';
my $load;
{
	local %ENV = $node->_get_env if $node->can('_get_env');
	$load = IPC::Run::start(
		[
			'pgbench', '-n', '-c', $clients, '-T', $seconds, '-f', $script, '-h', $node->host,
			'-p', $node->port, 'postgres'
		],
		'>',
		\my $told,
		'2>',
		\$errors);
}
my ($found, $answered) = (0, 0);
my $end = time() + $seconds;
for (my $turn = 0; time() < $end; $turn++)
{
	my $first = 1 + $turn % 6 * 10;

	$found += $_
	  foreach split(
		/\n/,
		ask(qq{
		SELECT (SELECT count(*) FROM (SELECT v <-> q.v AS d FROM items ORDER BY v <-> q.v LIMIT 10) a
				WHERE a.d <= e.tenth)
		FROM queries q, LATERAL (SELECT max(d) AS tenth FROM
				(SELECT (v <-> q.v) + 0 AS d FROM items ORDER BY 1 LIMIT 10) n) e
		WHERE q.id BETWEEN $first AND $first + 9}));
	$answered += 10;
	ask_shard($turn % $shards, 'VACUUM items');
}
$load->finish;
is($load->result(0), 0, 'nothing that is written fails');
unlike($errors, qr/ERROR|FATAL|aborted/, 'nor complains');
note("$answered queries under write load");
cmp_ok($found / 10 / ($answered || 1), '>=', .95, 'recall under write load');
is(ask('SELECT count(*) - count(DISTINCT id) FROM items'), '0', 'no row is there twice');
cmp_ok(ask('SELECT count(*) FROM items WHERE id > 1000000'),
	'>', 0, 'rows have been written');
foreach my $i (0 .. $shards - 1)
{
	ask_shard($i, "SELECT annoy_index_check('items_v', true)");
}

#
# A shard that is down
#
ask('ALTER DATABASE shard1 ALLOW_CONNECTIONS false');
ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shard1'"
);
my ($rc, $out, $err) = $node->psql('postgres', $nearest);
isnt($rc, 0, 'a query fails when a shard is down');
like($err, qr/could not connect to server "shard1"/, 'and says which');
my $known = ask_shard(0, 'SELECT min(id) FROM items');
is(ask("SELECT count(*) FROM items WHERE id = $known"),
	'1', 'what is elsewhere is found');
ask('ALTER DATABASE shard1 ALLOW_CONNECTIONS true');
is(scalar(split(/\n/, ask($nearest))), 10, 'the shard is back');

done_testing();
