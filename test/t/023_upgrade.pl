
# Copyright (c) 2026, the annoy developers

# pg_upgrade from an older major version of PostgreSQL: every kind of index gives
# the same answers afterwards, and is whole.
#
# ANNOY_OLD_BINDIR has the old server's programs; without it, the newest that is
# older than ours is taken, of those in Debian's directories.  It needs annoy, too.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Does an installation have an extension?
sub has_extension
{
	my ($bindir, $name) = @_;
	my $sharedir = `$bindir/pg_config --sharedir`;

	chomp($sharedir);
	return -e "$sharedir/extension/$name.control";
}

# The major version of an installation that has annoy, or 0.
sub version_with_annoy
{
	my ($bindir) = @_;

	return 0 unless -x "$bindir/postgres" && -x "$bindir/pg_config";
	return 0 unless has_extension($bindir, 'annoy');
	return `$bindir/pg_config --version` =~ /^PostgreSQL (\d+)/ ? $1 : 0;
}

my $ours = major_version();
my $old_bindir = $ENV{ANNOY_OLD_BINDIR};
if (!defined $old_bindir)
{
	my %version = map { $_ => version_with_annoy($_) } glob('/usr/lib/postgresql/*/bin');

	($old_bindir) = sort { $version{$b} <=> $version{$a} }
	  grep { $version{$_} && $version{$_} < $ours } keys %version;
	plan skip_all => "no PostgreSQL before $ours with annoy" unless $old_bindir;
}
my $theirs = version_with_annoy($old_bindir)
  or die "$old_bindir does not belong to a PostgreSQL with annoy\n";
my $old_install = $old_bindir =~ s/\/bin\/*$//r;
note("from $theirs to $ours");

# Clusters of both have to be alike.
my @init = (extra => [ '--data-checksums', '--locale=C', '--encoding=UTF8' ]);
my $conf = "autovacuum = off\njit = off\nenable_seqscan = off\nenable_bitmapscan = off\n"
  . "enable_sort = off\n";

my $old = PostgreSQL::Test::Cluster->new('old', install_path => $old_install);
$old->init(@init);
$old->append_conf('postgresql.conf', $conf);
$old->start;
$old->safe_psql('postgres', 'CREATE EXTENSION annoy');
load_vectors($old, 'reals', 'real[]', 3000, clustered(24));
load_vectors($old, 'doubles', 'double precision[]', 1000, clustered(24, scale => 700));
load_vectors($old, 'bits', 'bit(96)', 1000, prototypes(96));

# Tables by name: where rows come from, how the index is made, and its operator
my %table = (
	options => [ 'TABLE reals', q{USING annoy (v real_cosine_ops) WITH (n_trees = 3, search_k = 700, seed = 42, dimensions = 24)}, '<=>' ],
	halves => [ 'TABLE reals', 'USING annoy (v real_l1_ops) WITH (dtype = float16)', '<+>' ],
	doubles => [ undef, 'USING annoy (v double_ip_ops)', '<#>' ],
	bits => [ undef, 'USING annoy (v)', '<~~>' ],
	flags => [ 'TABLE reals', 'USING annoy (v real_hamming_ops)', '<~>' ],
	filters => [
		q{SELECT *, (id % 7)::smallint AS kind, id / 10.0 AS price, 'n' || id % 50 AS name, ARRAY[id % 3, id % 5] AS tags,
			timestamptz '2026-01-01' + id * interval '1 hour' AS at FROM reals},
		'USING annoy (v, kind, price, name, tags, at)', '<->',
		q{kind IN (2, 5) AND price > 20 AND name < 'n3' AND tags && '{1}' AND at > '2026-01-02'} ],
	partial => [ 'TABLE reals', 'USING annoy (v) WHERE id % 3 = 0', '<->', 'id % 3 = 0' ],
	expressions => [ 'TABLE reals', 'USING annoy ((annoy_normalize(v[3:20])) real_ip_ops)', '<#>' ],
	nulls => [ 'SELECT id, CASE WHEN id % 5 > 0 THEN v END AS v FROM reals', 'USING annoy (v)', '<->' ],
	grown => [ 'SELECT * FROM reals LIMIT 0', 'USING annoy (v)', '<->' ],
	changed => [ 'TABLE reals', 'USING annoy (v, id)', '<->' ],
	unlogged => [ 'TABLE reals', 'USING annoy (v)', '<->' ],
	parted => [ undef, 'USING annoy (v)', '<->' ],
	nothing => [ 'SELECT * FROM reals LIMIT 0', 'USING annoy (v) WITH (dimensions = 5)', '<->' ]);

$old->safe_psql(
	'postgres', q{
	CREATE TABLE parted (id int, v real[]) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (700);
	CREATE UNLOGGED TABLE parted_2 PARTITION OF parted FOR VALUES FROM (700) TO (9999);
	INSERT INTO parted TABLE reals;});
foreach my $name (sort keys %table)
{
	my ($rows, $index) = @{ $table{$name} };
	my $kind = $name eq 'unlogged' ? 'UNLOGGED' : '';

	$old->safe_psql('postgres', "CREATE $kind TABLE $name AS $rows") if $rows;
	$old->safe_psql('postgres', "CREATE INDEX ${name}_idx ON $name $index");
}
$old->safe_psql(
	'postgres', q{
	INSERT INTO grown TABLE reals;
	DELETE FROM changed WHERE id % 3 = 0;
	VACUUM changed;
	INSERT INTO changed SELECT 5000 + id, v FROM reals WHERE id % 4 = 0;
	UPDATE changed SET id = 10000 + id WHERE id % 5 = 0;
	ANALYZE;});

# An extension that was never updated
$old->safe_psql('postgres', 'CREATE DATABASE first');
$old->safe_psql(
	'first', q{
	CREATE EXTENSION annoy VERSION '1.0.0';
	CREATE TABLE t AS SELECT i AS id, ARRAY[i, i % 9, 1]::real[] AS v FROM generate_series(1, 1000) i;
	CREATE INDEX t_idx ON t USING annoy (v);});

# Columns of pgvector's types, with the three extensions in schemas of their own
my $bindir = `pg_config --bindir`;
chomp($bindir);
my $has_pgvector = has_extension($old_bindir, 'vector') && has_extension($bindir, 'vector');
note('pgvector is not installed for both: its types are not tested') unless $has_pgvector;
my @vectors = ([ 'v <=>', q{'[1,2,3]'} ], [ 'h <->', q{'[1,2,3]'} ], [ 'b <~>', q{B'101'} ], [ 'v::halfvec(3) <#>', q{'[1,2,3]'} ]);
if ($has_pgvector)
{
	$old->safe_psql('postgres', 'CREATE DATABASE vectors');
	$old->safe_psql(
		'vectors', q{
		CREATE SCHEMA types;
		CREATE SCHEMA "its classes";
		CREATE EXTENSION annoy;
		CREATE EXTENSION vector SCHEMA types;
		CREATE EXTENSION annoy_vector SCHEMA "its classes";
		SET search_path = public, types, "its classes";
		CREATE TABLE t AS SELECT i AS id, ARRAY[i, i % 9, 1]::vector(3) AS v, ARRAY[i % 50, i % 9, 1]::halfvec(3) AS h, (i % 8)::bit(3) AS b
			FROM generate_series(1, 1000) i;
		CREATE INDEX t_v ON t USING annoy (v vector_cosine_ops, id);
		CREATE INDEX t_h ON t USING annoy (h);
		CREATE INDEX t_b ON t USING annoy (b bit_hamming_ops);
		CREATE INDEX t_e ON t USING annoy ((v::halfvec(3)) halfvec_ip_ops);});
}

sub vector_answers
{
	my ($node) = @_;
	my $set = 'SET search_path = public, types, "its classes"; SET enable_seqscan = off; SET enable_sort = off;';
	my @answers;

	foreach my $order ($has_pgvector ? @vectors : ())
	{
		my $query = "SELECT id, @$order FROM t WHERE v IS NOT NULL ORDER BY @$order LIMIT 10";

		push @answers, $node->safe_psql('vectors', "$set $query");
		like($node->safe_psql('vectors', "$set EXPLAIN $query"), qr/Index Scan using t_/, "$order->[0]: the index is used");
	}
	push @answers,
	  $node->safe_psql('vectors',
		q{SELECT c.relname, annoy_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'annoy' AND relkind = 'i' ORDER BY 1})
	  if $has_pgvector;
	return \@answers;
}
my $vector_answers = vector_answers($old);

# What each index answers, distances included; and that it is the index that does.
sub answers
{
	my ($node) = @_;
	my %answers;

	foreach my $name (sort keys %table)
	{
		my (undef, undef, $op, $where) = @{ $table{$name} };
		my $expression = $name eq 'expressions' ? 'annoy_normalize(v[3:20])' : 'v';
		my $query = "SELECT id, $expression $op q AS d FROM $name WHERE "
		  . ($where // 'true') . " ORDER BY $expression $op q LIMIT 10";
		my $all = qq{
			SELECT p.id, a.id, a.d
			FROM (SELECT id, $expression AS q FROM $name WHERE v IS NOT NULL ORDER BY id LIMIT 20) p,
				 LATERAL ($query) a};

		$answers{$name} = $node->safe_psql('postgres', $all);
		like($node->safe_psql('postgres', "EXPLAIN (COSTS OFF) $all"),
			qr/Index Scan using \w+ on \w+(?: \w+)?\s+(?:Index Cond: .*\s+)?Order By/, "$name: the index is used");
	}
	return \%answers;
}

sub check
{
	my ($node) = @_;

	return $node->safe_psql(
		'postgres', q{
		SELECT c.relname, annoy_index_check(c.oid, true), to_jsonb(i) - 'metric'
		FROM pg_class c JOIN pg_am a ON a.oid = relam, annoy_index_info(c.oid) i
		WHERE amname = 'annoy' AND relkind = 'i' ORDER BY 1});
}

my $answers = answers($old);
my $checked = check($old);
is(scalar(split(/\n/, $checked)), keys(%table) + 1, 'all indexes are there');
$old->stop;

# Make a cluster of our version from another one, which is not running.
sub upgraded
{
	my ($from, $name) = @_;
	my $to = PostgreSQL::Test::Cluster->new($name);

	$to->init(@init);
	$to->append_conf('postgresql.conf', $conf);
	chdir($to->basedir) or die "could not change directory: $!";
	return run_log(
		[
			'pg_upgrade', '--no-sync',
			'-d', $from->data_dir,
			'-D', $to->data_dir,
			'-b', $old_bindir,
			'-B', installed('--bindir'),
			'-s', $to->host,
			'-p', $from->port,
			'-P', $to->port
		]) ? $to : undef;
}

# Some releases of two versions do not go together, whatever the tables are.
sub plain_table_fails
{
	my $plain = PostgreSQL::Test::Cluster->new('plain', install_path => $old_install);

	$plain->init(@init);
	$plain->start;
	$plain->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS i');
	$plain->stop;
	return !upgraded($plain, 'plain_new');
}

my $new = upgraded($old, 'new');
if (!$new)
{
	ok(plain_table_fails(), "pg_upgrade from $theirs to $ours fails without annoy, too");
	done_testing();
	exit;
}
$new->start;
$new->safe_psql('postgres', 'ANALYZE');
is(check($new), $checked, 'indexes are whole, and what they were');
is_deeply(answers($new), $answers, 'answers are the same');
is_deeply(vector_answers($new), $vector_answers, "those on pgvector's types as well");

# They go on being used.
foreach my $name (grep { $_ ne 'nothing' } sort keys %table)
{
	my (undef, undef, $op, $where) = @{ $table{$name} };

	$where //= 'true';
	$new->safe_psql(
		'postgres', qq{
		CREATE TABLE copy AS SELECT * FROM $name WHERE v IS NOT NULL AND $where ORDER BY id LIMIT 5;
		UPDATE copy SET id = id + 6000;
		INSERT INTO $name SELECT * FROM copy;
		DELETE FROM $name WHERE id % 7 = 0;
		DROP TABLE copy;});
	$new->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) $name");
}
isnt(check($new), '', 'indexes are whole after changes');
is( $new->safe_psql(
		'first', q{
		ALTER EXTENSION annoy UPDATE;
		SELECT annoy_index_check('t_idx', true);
		SELECT id FROM t ORDER BY v <-> '{500,5,1}' LIMIT 1;}),
	"\n500",
	'an extension of version 1.0.0 is updated');
if ($has_pgvector)
{
	$new->safe_psql(
		'vectors', q{
		SET search_path = public, types;
		INSERT INTO t SELECT 2000 + id, v, h, b FROM t WHERE id % 3 = 0;
		DELETE FROM t WHERE id % 5 = 0;});
	$new->safe_psql('vectors', 'VACUUM (INDEX_CLEANUP ON) t');
	is(vector_answers($new)->[-1], $vector_answers->[-1], 'they go on being used');
	$new->safe_psql('vectors', 'DROP EXTENSION annoy_vector CASCADE; CREATE EXTENSION annoy_vector SCHEMA types');
}
$new->stop;

done_testing();
