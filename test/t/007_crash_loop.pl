
# Copyright (c) 2026, the annoy developers

# The server is killed again and again while eight clients search and write and
# a ninth vacuums and builds.  After each recovery the indexes are right, and
# the table has exactly what was committed.
#
# There are three rounds of some seconds, or as many as fill the minutes that
# the environment variable ANNOY_SOAK_MINUTES says: that is "make soak".
#
# What was committed is known from outside of the server.  What a client writes
# follows from what it wrote before, and pgbench's log names the transactions
# whose end it has seen, in order; so they can be done again here.  Of each
# client there may be one transaction more, the one that was under way.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IPC::Run;
use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $minutes = $ENV{ANNOY_SOAK_MINUTES} // 0;
my $rounds = max(3, int(2.4 * $minutes));
my $seconds = $minutes > 0 ? 60 * $minutes / $rounds : 4;
my $rows = $minutes > 0 ? 20000 : 5000;
my $clients = 8;

# Small buffers and short distances between checkpoints, so that much is
# written early and recovery begins in many places.  Builds are logged.
my $node = annoy_node(
	'crash_loop', conf => q{
	log_statement = none
	wal_level = replica
	shared_buffers = 8MB
	checkpoint_timeout = 30s
	max_wal_size = 64MB
});

load_vectors($node, 'source', 'real[]', 2 * $rows, clustered(64));
load_vectors($node, 'queries', 'real[]', 200, clustered(64));

# Each client has rows of its own, numbered from 1 on, and deletes the oldest
# ones.  A vector follows from the row's id and version; one in 50 is NULL.
$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION vector(id int, version int) RETURNS real[]
	STABLE LANGUAGE sql AS
		'SELECT v FROM source
		 WHERE source.id = abs(hashint8(\$1::bigint << 20 | \$2)::bigint) % @{[ int(2.04 * $rows) ]} + 1';
	CREATE TABLE state (client int, inserted int, deleted int, updated int);
	CREATE TABLE t (id int PRIMARY KEY, version int, v real[]);
	INSERT INTO t SELECT i, 0, vector(i, 0)
		FROM generate_series($clients, $clients + $rows - 1) i;
	CREATE INDEX t_idx ON t USING annoy (v);
	VACUUM ANALYZE t;
});

my @state;
foreach my $client (0 .. $clients - 1)
{
	my $n = $rows / $clients;

	$state[$client] = {
		client => $client,
		inserted => $n,
		deleted => 0,
		updated => 0,
		version => { map { ($_ * $clients + $client => 0) } 1 .. $n } };
}

#
# What clients do, as pgbench scripts; and, where that changes rows, the same
# again for a client's state.  What scripts find wrong is a division by zero.
#
my $enough = int(0.7 * $rows / $clients);

sub apply_insert
{
	my ($state, $n) = @_;

	$state->{version}{ ++$state->{inserted} * $clients + $state->{client} } = 0
	  foreach (1 .. $n);
	return;
}

my %apply = (
	insert => sub { apply_insert($_[0], 1) },
	insert_many => sub { apply_insert($_[0], 5) },
	update => sub {
		my ($state) = @_;
		my $n = ++$state->{updated} * 7919 %
		  ($state->{inserted} - $state->{deleted});

		$state->{version}
		  { ($state->{deleted} + 1 + $n) * $clients + $state->{client} }++;
	},
	delete => sub {
		my ($state) = @_;

		delete $state->{version}
		  { ++$state->{deleted} * $clients + $state->{client} }
		  if $state->{inserted} - $state->{deleted} > $enough;
	});

my $id = "* $clients + :client_id";
my $begin = q{
	\if :begun = 0
		SELECT inserted, deleted, updated FROM state WHERE client = :client_id \gset
		\set begun 1
	\endif
};
my %script = (
	search => qq{
		\\set n random(1, 2 * $rows)
		SELECT 1 / (count(*) = 10 AND count(DISTINCT id) = 10)::int
		FROM (SELECT id FROM t
			  ORDER BY v <-> (SELECT v FROM source WHERE id = :n) LIMIT 10) nearest;
	},
	insert => qq{
		$begin
		\\set inserted :inserted + 1
		INSERT INTO t SELECT i, 0, vector(i, 0) FROM CAST(:inserted $id AS int) i;
	},
	insert_many => qq{
		$begin
		\\set first :inserted + 1
		\\set inserted :inserted + 5
		BEGIN;
		INSERT INTO t SELECT i, 0, vector(i, 0)
			FROM generate_series(:first $id, (:inserted - 1) $id, $clients) i;
		INSERT INTO t SELECT i, 0, vector(i, 0) FROM CAST(:inserted $id AS int) i;
		COMMIT;
	},
	insert_aborted => q{
		BEGIN;
		INSERT INTO t SELECT -1 - :client_id, 0, vector(-nextval('aborted')::int, 0);
		ROLLBACK;
	},
	update => qq{
		$begin
		\\set updated :updated + 1
		\\set n :deleted + 1 + :updated * 7919 % (:inserted - :deleted)
		UPDATE t SET version = version + 1, v = vector(id, version + 1)
		WHERE id = :n $id;
	},
	delete => qq{
		$begin
		\\if :inserted - :deleted > $enough
			\\set deleted :deleted + 1
			DELETE FROM t WHERE id = :deleted $id;
		\\endif
	},
	# cutting off the end of the table would make everybody wait
	vacuum => 'VACUUM (INDEX_CLEANUP on, TRUNCATE false) t;',
	checkpoint => 'CHECKPOINT;',
	create_index => q{
		DROP INDEX CONCURRENTLY IF EXISTS t_extra;
		CREATE INDEX CONCURRENTLY t_extra ON t USING annoy (v) WITH (n_trees = 2);
	},
	reindex => 'REINDEX INDEX CONCURRENTLY t_idx;',);
$node->safe_psql('postgres', 'CREATE SEQUENCE aborted');

# Two runs of pgbench, with the weights of their scripts.
my %run = (
	clients => {
		options => [ '-c', $clients, '-j', 2 ],
		weight => {
			search => 15,
			insert => 5,
			insert_many => 1,
			insert_aborted => 1,
			update => 8,
			delete => 10,
		} },
	maintenance => {
		options => [ '-c', 1 ],
		weight =>
		  { vacuum => 6, checkpoint => 2, create_index => 2, reindex => 2 } });
my (%done, @trouble);

sub start_run
{
	my ($run, $round) = @_;
	my $weight = $run{$run}{weight};
	my $prefix = $node->basedir . "/$run.$round";
	my @scripts;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGOPTIONS} = '-c enable_seqscan=off';

	foreach my $script (sort keys %$weight)
	{
		my $file = $node->basedir . "/$script.sql";

		append_to_file($file, $script{$script}) unless -e $file;
		push @scripts, '-f', "$file\@$weight->{$script}";
	}
	my $handle = IPC::Run::start(
		[
			'pgbench', '-n', '-T', 86400, '-l', "--log-prefix=$prefix", '-D',
			'begun=0', @{ $run{$run}{options} }, @scripts, 'postgres'
		],
		'<', '/dev/null', '>&', "$prefix.out");
	return { name => $run, prefix => $prefix, handle => $handle };
}

# Wait for the end of a run whose server is gone.  Returns for each client the
# scripts that it has finished; what else it has to say is trouble.
sub finish_run
{
	my ($run) = @_;
	my @scripts = sort keys %{ $run{ $run->{name} }{weight} };
	my @finished;

	eval { $run->{handle}->finish; };
	foreach my $file (glob("$run->{prefix}.[0-9]*"))
	{
		foreach my $line (split(/\n/, slurp_file($file)))
		{
			my ($client, $n, $time, $script) = split(/ /, $line);

			push @trouble, "$run->{name}: $line" if $time eq 'failed';
			push @{ $finished[$client] }, $scripts[$script];
			$done{ $scripts[$script] }++;
		}
	}
	push @trouble, grep {
		/ERROR|FATAL|PANIC|WARNING|error:/
		  && !/Run was aborted|closed the connection|could not (?:receive|send) data|backend died/
	} split(/\n/, slurp_file("$run->{prefix}.out"));
	unlink(glob("$run->{prefix}.*"));
	return @finished;
}

sub versions
{
	my ($version) = @_;

	return join("\n",
		map { "$_ $version->{$_}" } sort { $a <=> $b } keys %$version);
}

# That the table has what the clients have committed; and perhaps what they
# were about to commit, which is found out here.
sub committed_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, @finished) = @_;
	my @found = map { {} } (0 .. $clients - 1);
	my @wrong;
	my $rows = $node->safe_psql('postgres', 'SELECT id, version FROM t');

	foreach my $row (split(/\n/, $rows))
	{
		my ($id, $version) = split(/\|/, $row);

		$found[ $id % $clients ]{$id} = $version;
	}
	foreach my $client (0 .. $clients - 1)
	{
		my $found = versions($found[$client]);
		my $state = $state[$client];

		($apply{$_} // sub { })->($state) foreach @{ $finished[$client] };
		foreach my $under_way (sort keys %apply)
		{
			last if versions($state->{version}) eq $found;

			my $next = { %$state, version => { %{ $state->{version} } } };
			$apply{$under_way}->($next);
			$state = $next if versions($next->{version}) eq $found;
		}
		if (versions($state->{version}) ne $found)
		{
			my %all = (%{ $state->{version} }, %{ $found[$client] });

			foreach my $id (sort { $a <=> $b } keys %all)
			{
				my $is = $found[$client]{$id} // 'none';
				my $should_be = $state->{version}{$id} // 'none';

				push @wrong,
				  "client $client, row $id: version $is instead of $should_be"
				  if $is ne $should_be;
			}
			$state->{version} = $found[$client];
		}
		$state[$client] = $state;
	}
	ok(@wrong == 0, "$name: the table has what was committed")
	  or diag(scalar(@wrong) . " rows are wrong\n"
		  . join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));
	is( $node->safe_psql(
			'postgres',
			'SELECT count(*) FROM t WHERE v IS DISTINCT FROM vector(id, version)'
		),
		'0',
		"$name: vectors are what they were");
	return;
}

# That the indexes are right.  Those that were being built are invalid, and can
# be dropped as PostgreSQL's documentation says.
sub indexes_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name) = @_;
	my %index = map { split(/\|/) } split(
		/\n/,
		$node->safe_psql(
			'postgres', q{
			SELECT relname, indisvalid
			FROM pg_index JOIN pg_class c ON c.oid = indexrelid
				 JOIN pg_am a ON a.oid = relam
			WHERE indrelid = 't'::regclass AND amname = 'annoy'}));

	is($index{t_idx}, 't', "$name: the index is valid");
	index_check_ok($node, $_, $name)
	  foreach grep { $index{$_} eq 't' } sort keys %index;
	$node->safe_psql('postgres', "DROP INDEX $_")
	  foreach grep { $_ ne 't_idx' } sort keys %index;
	same_rows_ok($node, 't', '<->', $name);
	self_found_ok($node, 't', '<->', $name, where => 'id % 40 = 0');
	return;
}

# Recall of a search that sees a small part of the index.
sub exact
{
	$node->safe_psql('postgres', 'ANALYZE t');
	return exact_answers($node, 't', 'queries', '<->');
}

sub recall_of_few
{
	return scalar(recall($_[0], 10,
			'SET annoy.search_k = 2000; SET enable_seqscan = off'));
}

my $recall = recall_of_few(exact());
my $start = time;

foreach my $round (1 .. $rounds)
{
	my $name = "crash $round";

	$node->safe_psql('postgres',
		'TRUNCATE state; INSERT INTO state VALUES '
		  . join(', ',
			map { "($_->{client}, $_->{inserted}, $_->{deleted}, $_->{updated})" }
			  @state));
	# without them, WAL alone has to do
	full_page_writes($node, $round % 2);
	my $last = max(map { $_->{inserted} } @state) * $clients;
	my @runs = map { start_run($_, $round) } qw(clients maintenance);

	sleep(max(1, $start + $round * $seconds - time));
	$node->poll_query_until('postgres',
		"SELECT max(id) > $last + 10 * $clients FROM t")
	  or die "there are no inserts";
	kill_server($node);

	my ($finished) = map { [ finish_run($_) ] } @runs;
	$node->start;
	committed_ok($name, @$finished);
	indexes_ok($name);
}

# What has gone through all this.
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) t');
nothing_dead_ok($node, 't', 'after VACUUM');
index_check_ok($node, 't_idx', 'in the end');
my $set = exact();
my $recall_left = recall_of_few($set);
$node->safe_psql('postgres', 'REINDEX INDEX t_idx');
my $recall_built = recall_of_few($set);
cmp_ok($recall_left, '>=', $recall_built - 0.02,
	'recall is that of an index built anew');

push @trouble, grep {
	/(?:ERROR|FATAL|PANIC|WARNING):|TRAP|Please REINDEX/
	  && !/the database system is|not yet accepting/
} split(/\n/, slurp_file($node->logfile));
is(scalar(@trouble), 0, 'there were no errors')
  or diag(join("\n", @trouble[ 0 .. ($#trouble < 19 ? $#trouble : 19) ]));

foreach my $script (map { sort keys %{ $_->{weight} } } values %run)
{
	cmp_ok($done{$script} // 0, '>', 0, "$script was done")
	  if exists $apply{$script} || $minutes > 0;
}
diag("crashes: $rounds");
diag('operations: ' . sum(values %done));
diag(sprintf('%18s: %d', $_, $done{$_})) foreach sort keys %done;
diag('errors: ' . scalar(@trouble));
diag("recall\@10 of 2,000 entries: $recall at the start, "
	  . "$recall_left at the end, $recall_built built anew");

$node->stop;

done_testing();
