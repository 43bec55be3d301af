
# Copyright (c) 2026, the annoy developers

=pod

=head1 NAME

AnnoyTest - data and measurements for annoy's TAP tests

=head1 DESCRIPTION

Vectors are generated in Perl, from srand() with a fixed seed and without any
transcendental function, so that they are the same on every machine.  They are
clustered and of low intrinsic dimension, as embeddings are: uniform noise in
many dimensions has no near neighbours worth looking for.

A table of vectors has the columns "id" and "v"; its queries are in a table of
the same form, and the exact answers (the distances of the 100 nearest rows, by
a sequential scan) in a table of "id" and "d".

=cut

package AnnoyTest;

use strict;
use warnings;

use Exporter qw(import);
use FindBin;
use IO::Uncompress::Gunzip qw($GunzipError);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# What a session in the background answers ends with the end of a line in some
# minor releases.
if (my $query = PostgreSQL::Test::BackgroundPsql->can('query'))
{
	no warnings 'redefine';
	*PostgreSQL::Test::BackgroundPsql::query = sub {
		my ($output, @status) = $query->(@_);

		chomp($output);
		return wantarray ? ($output, @status) : $output;
	};
}

our @EXPORT = qw(
  installed
  major_version
  annoy_node
  annoy_standby
  clustered
  prototypes
  load_vectors
  load_words
  exact_answers
  recall
  recall_ok
  same_rows_ok
  self_found_ok
  index_check_ok
  nothing_dead_ok
  no_corruption_ok
  start_psql
  kill_server
  full_page_writes
  %operator
);

# The operator of each operator class.
our %operator = (
	real_l2_ops => '<->',
	real_cosine_ops => '<=>',
	real_ip_ops => '<#>',
	real_l1_ops => '<+>',
	real_hamming_ops => '<~>',
	double_l2_ops => '<->',
	double_cosine_ops => '<=>',
	double_ip_ops => '<#>',
	double_l1_ops => '<+>',
	double_hamming_ops => '<~>',
	bit_hamming_ops => '<~~>',);

# A name for each file of vectors.
my $files = 0;

=pod

=head1 FUNCTIONS

=over

=item installed($option)

What pg_config says of the PostgreSQL that is tested, when asked with an option such as
"--bindir".

=cut

sub installed
{
	my ($option) = @_;
	my $said = `pg_config $option`;

	chomp($said);
	return $said;
}

=pod

=item major_version()

Its major version.

=cut

sub major_version
{
	my ($major) = installed('--version') =~ /^PostgreSQL (\d+)/;

	return $major;
}

=pod

=item annoy_node($name, init => [...], conf => '...')

A new node that is running and has the extension.  Autovacuum is off: these
tests say themselves when to vacuum.

=cut

sub annoy_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(@{ $params{init} // [] });
	$node->append_conf('postgresql.conf', "autovacuum = off\n");
	# see test/run.sh
	$node->append_conf('postgresql.conf',
		"annoy.default_dtype = $ENV{ANNOY_DTYPE}\n")
	  if $ENV{ANNOY_DTYPE};
	$node->append_conf('postgresql.conf', $params{conf})
	  if defined $params{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION annoy');
	return $node;
}

=pod

=item annoy_standby($primary, conf => '...')

A standby of a node that allows streaming.  It is running, and the primary keeps
the WAL that it has yet to get.

=cut

sub annoy_standby
{
	my ($primary, %params) = @_;
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	$primary->backup('backup');
	$primary->safe_psql('postgres',
		"SELECT pg_create_physical_replication_slot('standby')");
	$standby->init_from_backup($primary, 'backup', has_streaming => 1);
	$standby->append_conf('postgresql.conf',
		"primary_slot_name = 'standby'\n" . ($params{conf} // ''));
	$standby->start;
	return $standby;
}

=pod

=item clustered($dim, seed => 1, clusters => 50, intrinsic => 16, ...)

A function that returns one vector after the other, as an array literal, from a
mixture: around the centre of a cluster that many factors vary, each component
depends on two of them, and a little noise comes on top.  Clusters differ in
size and in which factors act together, and they overlap: with the defaults, in
64 and more dimensions, a true neighbour is nearer than an average row by a
factor of about 1.8, as it is in sentence embeddings.

Components are whole numbers of some hundreds.  "spread" is the size of the box
that the centres are in.  "norms" multiplies each vector by a number between
1/norms and norms; "scale" divides all components, to get fractions.

=cut

sub clustered
{
	my ($dim, %params) = @_;
	my $clusters = $params{clusters} // 50;
	my $intrinsic = $params{intrinsic} // 16;
	my $spread = $params{spread} // 500;
	my $norms = $params{norms} // 1;
	my $scale = $params{scale};
	my (@centre, @first, @second, @weight, @cluster);

	srand($params{seed} // 1);
	for my $c (0 .. $clusters - 1)
	{
		$centre[$c] = [ map { int($spread * (rand() - 0.5)) } 1 .. $dim ];
		# shares go down as 1 / (c + 4)
		push @cluster, ($c) x (1 + int(1000 / ($c + 4)));
	}
	for my $j (0 .. $dim - 1)
	{
		push @first, $j % $intrinsic;
		push @second, int(rand($intrinsic));
		push @weight, rand();
	}

	return sub {
		my $c = $cluster[ int(rand(@cluster)) ];
		my $centre = $centre[$c];
		my $factor = 1;
		my @z;

		# nearly normal, with a standard deviation of 150
		push @z, 300 * (rand() + rand() + rand() - 1.5)
		  foreach (1 .. $intrinsic);
		push @z, splice(@z, 0, $c % $intrinsic);

		if ($norms > 1)
		{
			$factor = 1 + ($norms - 1) * rand();
			$factor = 1 / $factor if rand() < 0.5;
		}
		my @v = map {
			int($factor * ($centre->[$_] + $z[ $first[$_] ] +
					  $weight[$_] * $z[ $second[$_] ] + 20 * rand()))
		} 0 .. $dim - 1;
		@v = map { $_ / $scale } @v if defined $scale;
		return '{' . join(',', @v) . '}';
	};
}

=pod

=item prototypes($dim, seed => 1, prototypes => 200, flips => 0.1, array => 0)

The same for strings of bits: one of some random strings, with that part of its
bits drawn anew.  With "array", an array of components around 0.3 and 0.7.

=cut

sub prototypes
{
	my ($dim, %params) = @_;
	my $n = $params{prototypes} // 200;
	my $flips = $params{flips} // 0.1;
	my @prototype;

	srand($params{seed} // 1);
	push @prototype, [ map { int(rand(2)) } 1 .. $dim ] foreach (1 .. $n);

	return sub {
		my @v = @{ $prototype[ int(rand($n)) ] };

		foreach (1 .. $flips * $dim)
		{
			$v[ int(rand($dim)) ] = int(rand(2));
		}
		return join('', @v) unless $params{array};
		return '{'
		  . join(',',
			map { sprintf('%.3f', 0.1 + 0.4 * rand() + 0.401 * $_) } @v)
		  . '}';
	};
}

=pod

=item load_vectors($node, $table, $type, $n, $vectors)

Create a table and fill it with so many vectors, with an "id" from 1.

=cut

sub load_vectors
{
	my ($node, $table, $type, $n, $vectors) = @_;
	my $file = $node->basedir . '/vectors' . $files++;

	open(my $fh, '>', $file) or die "could not open $file: $!";
	print $fh "$_\t", $vectors->(), "\n" foreach (1 .. $n);
	close($fh) or die "could not write $file: $!";
	_copy($node, $table, $type, $file);
	return;
}

sub _copy
{
	my ($node, $table, $type, $file) = @_;

	# vectors do not compress, and decompressing them takes longer than
	# anything that is tested here
	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $table (id int PRIMARY KEY, v $type);
		ALTER TABLE $table ALTER COLUMN v SET STORAGE EXTERNAL;
		COPY $table FROM '$file';
		ANALYZE $table;
	});
	unlink($file);
	return;
}

=pod

=item load_words($node, $table, $queries)

Load the shipped word embeddings: one in 50 into a table of queries, the others
into another.

=cut

sub load_words
{
	my ($node, $table, $queries) = @_;
	my $data = "$FindBin::RealBin/../data/words.csv.gz";
	my $words = IO::Uncompress::Gunzip->new($data)
	  or die "could not read $data: $GunzipError";
	my @file = map { $node->basedir . "/words$_" } (0 .. 1);
	my $n = 0;

	my @fh = map { open(my $fh, '>', $_) or die "could not open $_: $!"; $fh } @file;
	while (my $line = $words->getline)
	{
		my ($vector) = $line =~ /"(\{.*\})"/ or next;
		my $fh = $fh[ ++$n % 50 == 0 ];
		print $fh "$n\t$vector\n";
	}
	close($_) or die "could not write: $!" foreach @fh;

	_copy($node, $table, 'real[]', $file[0]);
	_copy($node, $queries, 'real[]', $file[1]);
	return;
}

=pod

=item exact_answers($node, $table, $queries, $op, $rows)

Find the exact answers to all queries by sequential scans, and return a
reference to what the functions below want to know.  The queries may be rows
of the table.  The answers have 100 rows each, unless another number is given.

=cut

sub exact_answers
{
	my ($node, $table, $queries, $op, $rows) = @_;
	$rows //= 100;
	# one table for each operator
	my $answers = "${table}_answers_" . unpack('H*', $op);
	my $toasted = $node->safe_psql('postgres',
		"SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = '$table'::regclass"
	);
	my $with = '';
	my $from = $table;

	if ($toasted eq 't')
	{
		# fetch vectors from the TOAST table once, not for each query
		$with = "WITH flat AS MATERIALIZED (SELECT v || '{}' AS v FROM $table)";
		$from = 'flat';
	}

	$node->safe_psql(
		'postgres', qq{
		SET enable_indexscan = off;
		SET max_parallel_workers_per_gather = 0;
		SET work_mem = '64MB';
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS $answers;
		CREATE TABLE $answers AS
			$with
			SELECT q.id,
				   (SELECT array_agg(d ORDER BY d)
					FROM (SELECT t.v $op q.v AS d FROM $from t
						  ORDER BY 1 LIMIT $rows) nearest) AS d
			FROM $queries q;
		ANALYZE $answers;
	});
	return {
		node => $node,
		table => $table,
		queries => $queries,
		answers => $answers,
		op => $op,
	};
}

=pod

=item recall($set, $k, $settings)

The recall@k of all queries together: the part of the rows returned that are no
farther than the k-th true neighbour.  In list context, also the recall@1 of
the first rows of the same answers.  Dies if the answers are no answers: if the
index is not used, a row comes twice, or there are too few of them.

$settings are SQL commands to run before, none by default: the planner has to
choose the index by itself then.

=cut

sub recall
{
	my ($set, $k, $settings) = @_;
	my $node = $set->{node};
	my $query = qq{
		SELECT round(avg(found)::numeric, 4), round(avg(first_found::int), 4),
			   bool_and(proper)
		FROM (
			SELECT sum((a.d <= q.wanted + 1e-9 * abs(q.wanted))::int)::float8 / q.n AS found,
				   min(a.d) <= q.first + 1e-9 * abs(q.first) AS first_found,
				   count(*) = q.n AND count(DISTINCT a.id) = q.n AS proper
			FROM (SELECT q.id, q.v, t.n, t.d[t.n] AS wanted, t.d[1] AS first
				  FROM $set->{queries} q
					   JOIN (SELECT id, d, least($k, cardinality(d)) AS n
							 FROM $set->{answers}) t ON q.id = t.id) q,
				 LATERAL (SELECT t.id, t.v $set->{op} q.v AS d
						  FROM $set->{table} t
						  ORDER BY t.v $set->{op} q.v LIMIT $k) a
			GROUP BY q.id, q.n, q.wanted, q.first) per_query};

	$settings //= '';
	my $plan =
	  $node->safe_psql('postgres', "$settings; EXPLAIN (COSTS OFF) $query");
	die "the index is not used:\n$plan\n"
	  unless $plan =~ /Index Scan using \w+ on $set->{table}\b/;

	my ($found, $first_found, $proper) =
	  split(/\|/, $node->safe_psql('postgres', "$settings; $query"));
	die "a row came twice, or there were too few of them\n"
	  unless $proper eq 't';
	return wantarray ? ($found, $first_found) : $found;
}

=pod

=item recall_ok($set, $k, $threshold, $name, $settings)

Test that the recall is not below a threshold, and return it, as above.

=cut

sub recall_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($set, $k, $threshold, $name, $settings) = @_;
	my ($found, $first_found) = eval { recall($set, $k, $settings) };

	if (defined $found)
	{
		cmp_ok($found, '>=', $threshold, "$name: recall\@$k");
	}
	else
	{
		fail("$name: recall\@$k");
		diag($@);
		$found = $first_found = 0;
	}
	return wantarray ? ($found, $first_found) : $found;
}

=pod

=item same_rows_ok($node, $table, $op, $name)

Test that a scan of the whole index returns each row of the table once and no
other.  Returns the number of rows.

=cut

sub same_rows_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $table, $op, $name) = @_;
	# a row that comes twice makes a difference
	my $fingerprint = q{count(*), md5(string_agg(id::text, ',' ORDER BY id))};
	my $scan = qq{
		WITH scan AS MATERIALIZED (
			SELECT id FROM $table
			ORDER BY v $op (SELECT v FROM $table WHERE v IS NOT NULL LIMIT 1))
		SELECT $fingerprint FROM scan;};
	my ($heap, $index, $plan) = split(
		/\n/,
		$node->safe_psql(
			'postgres', qq{
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SET LOCAL enable_bitmapscan = off;
			SET LOCAL enable_indexonlyscan = off;
			SET LOCAL enable_indexscan = off;
			SELECT $fingerprint FROM $table;
			SET LOCAL enable_indexscan = on;
			SET LOCAL enable_seqscan = off;
			SET LOCAL enable_sort = off;
			$scan
			EXPLAIN (COSTS OFF) $scan
			COMMIT;}),
		3);

	if ($plan =~ /Index Scan using \w+ on $table(?: \w+)?\s+Order By/)
	{
		is($index, $heap, "$name: the index has each row once");
	}
	else
	{
		fail("$name: the index has each row once");
		diag($plan);
	}
	return (split(/\|/, $heap))[0];
}

=pod

=item self_found_ok($node, $table, $op, $name, where => '...', settings => '...')

Test that a search for the vector of each row finds it.  A scan of the whole
index does not need the trees, so this is how an entry that is missing from
them shows: unless said otherwise, it searches all of them.  As that may miss a
row too, one in a thousand, the threshold is .999.

=cut

sub self_found_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $table, $op, $name, %params) = @_;
	my $settings = $params{settings} // 'SET annoy.search_k = 2147483647';
	my $where = $params{where} // 'true';
	my $query = qq{
		SELECT round(coalesce(avg((a.d = 0)::int), 1), 4)
		FROM (SELECT v FROM $table WHERE v IS NOT NULL AND $where) q,
			 LATERAL (SELECT t.v $op q.v AS d FROM $table t
					  ORDER BY t.v $op q.v LIMIT 1) a;};
	my ($found, $plan) = split(
		/\n/,
		$node->safe_psql(
			'postgres', qq{
		$settings;
		SET enable_seqscan = off;
		SET enable_sort = off;
		$query
		EXPLAIN (COSTS OFF) $query}),
		2);

	if ($plan =~ /Index Scan using \w+ on $table(?: \w+)?\s+Order By/)
	{
		cmp_ok($found, '>=', 0.999, "$name: rows find themselves");
	}
	else
	{
		fail("$name: rows find themselves");
		diag($plan);
	}
	return;
}

=pod

=item index_check_ok($node, $index, $name)

Test that annoy_index_check() finds nothing wrong with an index, and that all
rows of its table are in it.

=cut

sub index_check_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $index, $name) = @_;
	my $errors = '';

	$node->psql('postgres', "SELECT annoy_index_check('$index', true)",
		stderr => \$errors);
	is($errors, '', "$name: annoy_index_check() finds nothing");
	return;
}

=pod

=item nothing_dead_ok($node, $table, $name)

Test that the index of a table has the rows that the table has, after VACUUM, and
no other.

=cut

sub nothing_dead_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $table, $name) = @_;

	is( $node->safe_psql(
			'postgres', qq{
			SELECT items = (SELECT count(*) FROM $table), dead_items
			FROM annoy_index_info('${table}_idx')}),
		't|0',
		"$name: nothing is left of dead rows");
	return;
}

=pod

=item no_corruption_ok($node)

Test that nothing in a server's log says that something was corrupted, or that the
server has come to a stop by itself.

=cut

sub no_corruption_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node) = @_;

	unlike(
		slurp_file($node->logfile),
		qr/PANIC|TRAP|inconsistent page|invalid pages|(?<!data might be )corrupt|unexpected zero page|Please REINDEX/,
		'no corruption was seen on the ' . $node->name);
	return;
}

=pod

=item full_page_writes($node, $on)

Turn full_page_writes on or off.  Off, the first change of a page after a
checkpoint is not made good by an image of the page: whatever WAL lacks of it
shows after a crash, and on a standby.

=cut

sub full_page_writes
{
	my ($node, $on) = @_;
	my $value = $on ? 'on' : 'off';

	$node->safe_psql('postgres', "ALTER SYSTEM SET full_page_writes = $value");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('full_page_writes') = '$value'")
	  or die "full_page_writes does not change";

	# it holds from the next checkpoint on
	$node->safe_psql('postgres', 'CHECKPOINT');
	return;
}

=pod

=item start_psql($node, \$error, @statements)

Start a psql that runs the statements one after the other, and goes on in the background.
What it says of errors goes to $error.  Returns the handle of IPC::Run.

=cut

sub start_psql
{
	my ($node, $error, @statements) = @_;

	return IPC::Run::start(
		[
			'psql', '-X', '-d', $node->connstr('postgres'), map { ('-c', $_) } @statements
		],
		'<', '/dev/null', '>', '/dev/null', '2>', $error);
}

=pod

=item kill_server($node)

Kill all of a server's processes at once with signal 9, and wait until they are
gone, so that it can be started again.

=cut

sub kill_server
{
	my ($node) = @_;
	my ($postmaster) =
	  split(/\n/, slurp_file($node->data_dir . '/postmaster.pid'));
	my @children;

	# halted first, so that it starts no other and does not notice the end of
	# the first one
	kill('STOP', $postmaster) or die "could not halt the server: $!";
	foreach my $file (glob('/proc/[0-9]*/stat'))
	{
		# processes come and go
		open(my $fh, '<', $file) or next;
		my $stat = <$fh> // '';
		close($fh);
		push @children, $1 if $stat =~ /^(\d+) \(.*\) \S $postmaster /s;
	}
	@children > 0 && kill('KILL', @children) == @children
	  or die "could not kill the server's processes";
	$node->kill9;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if kill(0, @children, $postmaster) == 0;
		sleep(0.1);
	}
	die "the server's processes are still there";
}

=pod

=back

=cut

1;
