
# Copyright (c) 2026, the annoy developers

# Citus: tables whose rows are distributed over workers, and their indexes.  This is
# the recipe of docs/scale.md.
#
# This needs Citus in the server's directories, where "make test-citus" puts it; it is
# no package of Debian's.  One coordinator and two workers, which know each other by
# the directory of their sockets.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($sharedir) = run_command([ 'pg_config', '--sharedir' ]);
plan skip_all => 'Citus is not installed'
  unless -e "$sharedir/extension/citus.control";

my $shards = 4;
my $tenants = 16;
my $rows = 8000;

#
# Three servers, of which one knows the others.  Extensions are created there as well.
#
my %node;
foreach my $name ('coordinator', 'worker1', 'worker2')
{
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->append_conf(
		'postgresql.conf', qq{
		shared_preload_libraries = 'citus'
		autovacuum = off
		max_connections = 100
		citus.local_hostname = '} . $node->host . qq{'
		citus.node_conninfo = 'sslmode=disable'
		citus.shard_count = $shards
		citus.explain_all_tasks = on
	});
	$node->append_conf('postgresql.conf', "annoy.default_dtype = $ENV{ANNOY_DTYPE}\n")
	  if $ENV{ANNOY_DTYPE};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	$node{$name} = $node;
}
my $node = $node{coordinator};
my @workers = @node{ 'worker1', 'worker2' };
my $host = $node->host;

# A query on the coordinator.
sub ask
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

note('Citus ' . ask('SELECT citus_version()'));
ask("SELECT citus_set_coordinator_host('$host', " . $node->port . ')');
ask("SELECT citus_add_node('$host', " . $_->port . ')') foreach (@workers);

# The same on all servers.
sub everywhere
{
	my ($query) = @_;

	return join(' ', map { $_->safe_psql('postgres', $query) } $node, @workers);
}

# What a query says of each shard of a table, in which %s stands for the shard.  That it
# could be asked is a test.
sub of_shards
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($table, $query, $name) = @_;
	my $results =
	  ask("SELECT success, result FROM run_command_on_shards('$table', \$q\$$query\$q\$) ORDER BY shardid");
	my @failed = grep { !/^t\|/ } split(/\n/, $results);

	is("@failed", '', $name);
	return map { s/^t\|//r } split(/\n/, $results);
}

# The index of a shard has the shard's number as well.
my $index_of_shard = q{replace('%s', 'items', 'items_v')::regclass};

#
# The extension goes to the workers, and so do its versions and its schema
#
my $version = "SELECT extversion, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
	WHERE extname = 'annoy'";
my ($default) = slurp_file("$sharedir/extension/annoy.control") =~ /^default_version = '(.*)'/m;
ask("CREATE EXTENSION annoy VERSION '1.0.0'");
is(everywhere($version), join(' ', ('1.0.0|public') x 3), 'CREATE EXTENSION goes to the workers');
ask('ALTER EXTENSION annoy UPDATE');
is(everywhere($version), join(' ', ("$default|public") x 3), 'and an update');

#
# A distributed table, with further columns in its index
#
load_vectors($node, 'source', 'real[]', $rows, clustered(24));
load_vectors($node, 'asked', 'real[]', 20, clustered(24, seed => 2));
ask(qq{
	CREATE TABLE items (tenant integer, id integer, kind integer, v real[], PRIMARY KEY (tenant, id));
	SELECT create_distributed_table('items', 'tenant');
	INSERT INTO items SELECT id % $tenants, id, id / $tenants % 10, v FROM source;
	CREATE INDEX items_v ON items USING annoy (v, tenant, kind);
	VACUUM ANALYZE items;
});
my @counts = of_shards('items', 'SELECT count(*) FROM %s', 'shards are counted');
is(scalar(@counts), $shards, 'there are so many shards');
is(eval(join('+', @counts)), $rows, 'which have all rows');

sub check_shards
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;

	of_shards('items', "SELECT annoy_index_check($index_of_shard, true)::text", "$name: indexes are whole");
	return;
}

check_shards('CREATE INDEX');

# Each tells of its own recall.
my @recalls = of_shards('items', "SELECT recall FROM annoy_recall($index_of_shard)", 'shards tell their recall');
is(scalar(grep { $_ >= .9 } @recalls), $shards, 'and it is as asked for');

#
# Plans: each shard is searched for as many rows as are wanted
#
my $some = ask('SELECT v FROM asked WHERE id = 1');
my $nearest = "SELECT id FROM items ORDER BY v <-> '$some' LIMIT 10";

sub shards_by_index
{
	my ($plan) = @_;

	return scalar(() = $plan =~ /->  Limit\s+(?:InitPlan .*\s+->  Function Scan .*\s+)?->  Index Scan using items_v_\d+ on items_\d+ items\s+(?:Index Cond:.*\s+)?Order By: \(v (?:OPERATOR\(ann\.<->\)|<->) /g);
}

my $plan = ask("EXPLAIN (COSTS OFF) $nearest");
is(shards_by_index($plan), $shards, 'a search with LIMIT on each shard') or diag($plan);

# That was the planner's own choice.  Where a condition leaves a few hundred rows, it had
# better sort these.
foreach my $setting ('enable_seqscan', 'enable_bitmapscan', 'enable_sort')
{
	everywhere("ALTER SYSTEM SET $setting = off");
}
everywhere('SELECT pg_reload_conf()');
$_->poll_query_until('postgres', q{SELECT current_setting('enable_sort') = 'off'}) foreach ($node, @workers);
$plan = ask("EXPLAIN (COSTS OFF) SELECT id FROM items WHERE kind < 5 ORDER BY v <-> '$some' LIMIT 10");
is(shards_by_index($plan), $shards, 'with a condition') or diag($plan);
like($plan, qr/Index Cond: \(kind < 5\)/, 'which the index tests');
$plan = ask("EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 3 ORDER BY v <-> '$some' LIMIT 10");
is(shards_by_index($plan), 1, 'a condition on the distribution column leaves one') or diag($plan);
like($plan, qr/Index Cond: \(tenant = 3\)/, 'and is for the index, too');
$plan = ask("EXPLAIN (COSTS OFF) SELECT id FROM items WHERE annoy_within(v, '$some', 300)");
is(scalar(() = $plan =~ /Index Scan using items_v_\d+/g), $shards, 'rows within a distance') or diag($plan);

#
# Answers: to literals, and to parameters.  Citus makes generic plans of queries of one
# shard only; for others it has the planner make one for each execution.
#
# The distances of the nearest rows of each query that is asked, in a line.  They come of
# literals, or of parameters, by what the form says of plans.
sub distances
{
	my ($form, $condition, %params) = @_;
	my $from = $params{node} // $node;
	my $query = "SELECT v <-> Q FROM items WHERE $condition ORDER BY v <-> Q LIMIT 10";
	my $batch = '';

	if ($form eq 'literal')
	{
		$batch .= ($query =~ s/Q/'$_'/gr) . ";\n\\echo\n" foreach (split(/\n/, ask('SELECT v FROM asked ORDER BY id')));
	}
	else
	{
		$batch = "SET plan_cache_mode = $form; PREPARE near(real[]) AS " . ($query =~ s/Q/\$1/gr) . ";\n";
		$batch .= "EXECUTE near('$_');\n\\echo\n" foreach (split(/\n/, ask('SELECT v FROM asked ORDER BY id')));
	}
	my $out = $from->safe_psql('postgres', $batch,
		extra_params => $params{user} ? [ '-U', $params{user} ] : []);
	return map { join(' ', split(/\n/)) } split(/\n\n/, $out);
}

# The part of the right answers that is among them.
sub recall_of
{
	my ($condition, @found) = @_;
	my @tenth = split(
		/\n/,
		ask(qq{
			SELECT (SELECT max(d) FROM (SELECT v <-> q.v AS d FROM rows WHERE $condition ORDER BY 1 LIMIT 10) e)
			FROM asked q ORDER BY q.id}));
	my $right = 0;

	return 0 if @found != @tenth;
	foreach my $tenth (@tenth)
	{
		$right += grep { $_ <= $tenth } split(/ /, shift @found);
	}
	return $right / 10 / @tenth;
}

# The rows of all shards, in a table that is here.
sub gather_rows
{
	ask('DROP TABLE IF EXISTS rows; CREATE TABLE rows AS SELECT * FROM items');
	return;
}

# How often the indexes of shards were asked.
sub index_scans
{
	return ask(qq{
		SELECT sum(result::bigint) FROM run_command_on_shards('items',
			\$q\$SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelid = $index_of_shard\$q\$)});
}

gather_rows();
foreach my $condition ('true', 'kind < 5', 'tenant = 3', 'tenant IN (3, 5) AND kind <> 2')
{
	my @answers = distances('literal', $condition);

	cmp_ok(recall_of($condition, @answers), '>=', .95, "$condition: recall");
	is_deeply([ distances('auto', $condition) ], \@answers, "$condition: with parameters");
	is_deeply([ distances('force_generic_plan', $condition) ], \@answers, "$condition: in a generic plan")
	  if $condition eq 'tenant = 3';
	is_deeply([ distances('literal', $condition, node => $workers[0]) ], \@answers, "$condition: asked on a worker");
}

# A LIMIT that is a parameter goes to the shards as well, however often.
my $page = 'PREPARE page(real[], integer) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;';
$plan = ask($page . "EXECUTE page('$some', 5);" x 8 . "EXPLAIN (COSTS OFF) EXECUTE page('$some', 5)");
is(shards_by_index($plan), $shards, 'LIMIT with a parameter') or diag($plan);

# The vector of another row has to be found first.
my $other = 'WITH q AS MATERIALIZED (SELECT v FROM items WHERE tenant = 3 AND id = 35)
	SELECT id FROM items ORDER BY v <-> (SELECT v FROM q) LIMIT 1';
$plan = ask("EXPLAIN (COSTS OFF) $other");
is(shards_by_index($plan), $shards, 'rows like another row') or diag($plan);
is(ask($other), '35', 'of which it is the nearest');
is( ask(q{SELECT count(*) FROM items i, LATERAL
		(SELECT id FROM items WHERE tenant = i.tenant ORDER BY v <-> i.v LIMIT 1) n
		WHERE i.id <= 200 AND n.id = i.id}),
	'200', 'the nearest of its tenant for each row');

# Indexes are used by generic plans, too.
my $scans = index_scans();
distances('force_generic_plan', 'tenant = 3');
ok( $node->poll_query_until('postgres',
		"SELECT sum(result::bigint) >= $scans + 20 FROM run_command_on_shards('items',
			\$q\$SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelid = $index_of_shard\$q\$)"),
	'a generic plan uses the index');

# Another user, who sees neither shards nor indexes
ask('CREATE ROLE reader LOGIN; GRANT SELECT ON items TO reader');
is_deeply([ distances('auto', 'kind < 5', user => 'reader') ],
	[ distances('literal', 'kind < 5') ], 'another user gets the same');

#
# Other types
#
SKIP:
{
	skip 'pgvector is not installed', 3 unless -e "$sharedir/extension/vector.control";
	ask(qq{
		CREATE EXTENSION vector;
		CREATE EXTENSION annoy_vector;
		CREATE TABLE documents (id integer PRIMARY KEY, v vector(24));
		SELECT create_distributed_table('documents', 'id');
		INSERT INTO documents SELECT id, v::vector FROM source;
		CREATE INDEX documents_v ON documents USING annoy (v vector_cosine_ops);
		ANALYZE documents});
	my $vector = $some =~ tr/{}/[]/r;
	my $query = "SELECT id FROM documents ORDER BY v <=> Q LIMIT 10";
	my $literal = $query =~ s/Q/'$vector'/r;

	like(ask("EXPLAIN (COSTS OFF) $literal"), qr/Index Scan using documents_v_\d+/, 'a column of type vector');
	is( ask('PREPARE near(vector) AS ' . ($query =~ s/Q/\$1/r) . "; EXECUTE near('$vector')"),
		ask($literal), 'and a parameter of it');
	my %near = map { $_ => 1 } split(/\n/, ask("SELECT id FROM source ORDER BY (v <=> '$some') + 0 LIMIT 10"));
	cmp_ok(scalar(grep { $near{$_} } split(/\n/, ask($literal))), '>=', 9, 'with the right answers');
}

#
# Reference tables are whole everywhere
#
ask(q{
	CREATE TABLE labels (id integer PRIMARY KEY, v real[]);
	SELECT create_reference_table('labels');
	INSERT INTO labels SELECT id, v FROM source WHERE id <= 3000;
	CREATE INDEX labels_v ON labels USING annoy (v);
	ANALYZE labels});
my $label = "SELECT id FROM labels ORDER BY v <-> '$some' LIMIT 10";
foreach my $from ($node, @workers)
{
	like($from->safe_psql('postgres', "EXPLAIN (COSTS OFF) $label"), qr/Index Scan using labels_v_\d+/,
		'a reference table, on ' . $from->name);
	is($from->safe_psql('postgres', $label), ask($label), 'which has the same answers');
}
# They can be searched for each row of a distributed table.
my $labelled = 'SELECT i.id, l.id FROM items i, LATERAL (SELECT id FROM labels ORDER BY v <-> i.v LIMIT 1) l';
like(ask("EXPLAIN (COSTS OFF) $labelled"), qr/Index Scan using labels_v_\d+/, 'the nearest for each row');
is(ask("SELECT count(*) FROM ($labelled) s(id, label) WHERE id = label"), '3000', 'rows find themselves');

#
# Changes
#
ask(qq{
	UPDATE items SET v = '$some' WHERE tenant = 17 % $tenants AND id = 17;
	DELETE FROM items WHERE id = 18;
	INSERT INTO items VALUES (5, 100000, 1, '$some');
});
is(ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM items ORDER BY v <-> '$some' LIMIT 2) a"),
	'17 100000', 'rows that were changed are found');
ask('VACUUM items');
check_shards('VACUUM');

sub files_of_indexes
{
	return join(' ', of_shards('items', "SELECT pg_relation_filenode($index_of_shard)", 'shards have files'));
}

foreach my $reindex ('REINDEX INDEX items_v', 'REINDEX TABLE items', 'REINDEX INDEX CONCURRENTLY items_v')
{
	my $files = files_of_indexes();

	ask($reindex);
	isnt(files_of_indexes(), $files, $reindex);
	check_shards($reindex);
}
ask('DROP INDEX items_v');
ask('CREATE INDEX CONCURRENTLY items_v ON items USING annoy (v, tenant, kind)');
check_shards('CREATE INDEX CONCURRENTLY');
ask('ALTER INDEX items_v SET (target_recall = 0.99)');
ask(q{SELECT annoy_set_params('items_v', '{"seed": 7}')});
my $parameters = "SELECT reloptions FROM pg_class WHERE oid = $index_of_shard";
is(join(' ', of_shards('items', $parameters, 'shards have parameters')),
	join(' ', ('{target_recall=0.99,seed=7}') x $shards), 'which were changed everywhere');

#
# Shards move from one worker to the other, while they are asked and written to
#
my %script = (
	search => q{
		\set n random(1, 20)
		SELECT v AS q FROM asked WHERE id = :n \gset
		SELECT 1 / (count(*) = 10)::int FROM (SELECT id FROM items ORDER BY v <-> :q::real[] LIMIT 10) s;
	},
	change => qq{
		\\set n random(1, 20)
		\\set id random(1, $rows)
		\\set tenant :id % $tenants
		SELECT v AS q FROM asked WHERE id = :n \\gset
		UPDATE items SET v = :q::real[] WHERE tenant = :tenant AND id = :id;
	},
	insert => qq{
		\\set n random(1, 20)
		\\set id random(200000, 2000000000)
		\\set tenant random(0, $tenants - 1)
		SELECT v AS q FROM asked WHERE id = :n \\gset
		INSERT INTO items VALUES (:tenant, :id, 3, :q::real[]) ON CONFLICT DO NOTHING;
	});
my @load = ('pgbench', '-n', '-M', 'prepared', '-c', 2, '-t', 300, '-h', $host, '-p', $node->port);
foreach my $name (sort keys %script)
{
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, $script{$name});
	push @load, '-f', $file;
}
my ($load_out, $load_err) = ('', '');
my $load = IPC::Run::start([ @load, 'postgres' ], '>', \$load_out, '2>', \$load_err);
my $moves = 0;
do
{
	my $mode = $moves % 2 == 0 ? 'block_writes' : 'force_logical';
	my ($shard, $from) = split(/\|/,
		ask("SELECT shardid, nodeport FROM citus_shards WHERE table_name = 'items'::regclass ORDER BY shardid LIMIT 1"));
	my ($to) = grep { $_ != $from } map { $_->port } @workers;

	ask("SELECT citus_move_shard_placement($shard, '$host', $from, '$host', $to, '$mode')");
	is(ask("SELECT nodeport FROM citus_shards WHERE shardid = $shard"), $to, "a shard has moved, $mode");
	ask('CALL citus_cleanup_orphaned_resources()');
	$moves++;
	$load->pump_nb;
} while ($moves < 2 || $load->pumpable);
ok($load->finish, "searches and changes go on during $moves moves");
is($load_err, '', 'without errors');
like($load_out, qr{processed: 600/600\n}, 'to the last') or diag($load_out);

check_shards('moved shards');
gather_rows();
foreach my $condition ('true', 'kind < 5', 'tenant = 3')
{
	my @answers = distances('literal', $condition);

	cmp_ok(recall_of($condition, @answers), '>=', .95, "$condition: recall after moves");
	is_deeply([ distances('auto', $condition) ], \@answers, "$condition: with parameters");
}
$plan = ask("EXPLAIN (COSTS OFF) $nearest");
is(shards_by_index($plan), $shards, 'indexes that were moved are used') or diag($plan);
is(join(' ', of_shards('items', $parameters, 'shards that were moved have parameters')),
	join(' ', ('{target_recall=0.99,seed=7}') x $shards), 'which have stayed');

# A setting for all shards, in a transaction
like( ask(q{
		BEGIN;
		SET LOCAL citus.propagate_set_commands = local;
		SET LOCAL annoy.target_recall = 0.5;
		SELECT DISTINCT current_setting('annoy.target_recall', true) || ' ' || id * 0 FROM items;
		COMMIT}),
	qr/^0\.50? 0$/, 'SET LOCAL reaches the shards');

#
# The extension in another schema, which no search path has
#
ask('CREATE SCHEMA ann; ALTER EXTENSION annoy SET SCHEMA ann');
is(everywhere($version), join(' ', ("$default|ann") x 3), 'the schema of the extension changes everywhere');
my $qualified = "SELECT v OPERATOR(ann.<->) Q FROM items WHERE kind < 5 ORDER BY v OPERATOR(ann.<->) Q LIMIT 10";
$plan = ask('EXPLAIN (COSTS OFF) ' . ($qualified =~ s/Q/'$some'/gr));
is(shards_by_index($plan), $shards, 'its operators are found') or diag($plan);
is( ask('PREPARE near(real[]) AS ' . ($qualified =~ s/Q/\$1/gr) . "; EXECUTE near('$some')"),
	ask($qualified =~ s/Q/'$some'/gr), 'with a parameter, too');
$plan = ask("EXPLAIN (COSTS OFF) SELECT id FROM items WHERE ann.annoy_within(v, '$some', 300)");
is(scalar(() = $plan =~ /Index Scan using items_v_\d+/g), $shards, 'and so are rows within a distance') or diag($plan);

#
# The end
#
ask('DROP INDEX items_v');
is(join(' ', of_shards('items', q{SELECT count(*) FROM pg_index WHERE indrelid = '%s'::regclass}, 'shards have indexes')),
	join(' ', (1) x $shards), 'DROP INDEX drops those of shards');
ask('DROP TABLE items');
ask('DROP EXTENSION annoy CASCADE');
is(everywhere($version), '  ', 'DROP EXTENSION goes to the workers');
foreach my $name (sort keys %node)
{
	no_corruption_ok($node{$name});
	$node{$name}->stop;
}

done_testing();
