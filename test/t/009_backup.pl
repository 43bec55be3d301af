
# Copyright (c) 2026, the annoy developers

# Indexes that move: by pg_dump and pg_restore, by pg_basebackup while others
# write, and by pg_upgrade, which needs an index not to know its database's OIDs.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Digest::MD5 qw(md5_hex);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node('backup', init => [ allows_streaming => 1 ]);

load_vectors($node, 'reals', 'real[]', 2000, clustered(32));
load_vectors($node, 'doubles', 'double precision[]',
	2000, clustered(32, scale => 700));
load_vectors($node, 'bits', 'bit(128)', 2000, prototypes(128));
load_vectors($node, 'varbits', 'bit varying', 2000, prototypes(256));
load_vectors($node, 'long', 'real[]', 200, clustered(3000));

# What is asked: the table, the expression that is indexed, its operator and
# the condition, by index.
my %query;

sub create_index
{
	my ($index, $table, $opclass, %params) = @_;
	my $expression = $params{expression} // 'v';
	my $where = $params{where} // 'true';
	my $with = $params{with} ? "WITH ($params{with})" : '';

	$node->safe_psql('postgres',
		"CREATE INDEX $index ON $table USING annoy (($expression) $opclass) $with"
		  . ($params{where} ? " WHERE $where" : ''));
	$query{$index} = [ $table, $expression, $operator{$opclass}, $where ];
	return;
}

foreach my $metric (qw(l2 cosine ip l1 hamming))
{
	create_index("reals_$metric", 'reals', "real_${metric}_ops");
	create_index("doubles_$metric", 'doubles', "double_${metric}_ops");
}
create_index('bits_idx', 'bits', 'bit_hamming_ops');
create_index('varbits_idx', 'varbits', 'bit_hamming_ops', with => 'n_trees = 4');
create_index('long_idx', 'long', 'real_l2_ops');

# tables of their own, lest the planner have a choice
$node->safe_psql(
	'postgres', q{
	CREATE TABLE options (id int PRIMARY KEY, v real[]);
	INSERT INTO options SELECT * FROM reals;
	CREATE TABLE partial (id int PRIMARY KEY, v real[]);
	INSERT INTO partial SELECT * FROM reals;
	CREATE TABLE expressions (id int PRIMARY KEY, v real[]);
	INSERT INTO expressions SELECT * FROM reals;
	CREATE TABLE nulls (id int PRIMARY KEY, v real[]);
	INSERT INTO nulls SELECT id, CASE WHEN id % 5 > 0 THEN v END FROM reals;
	CREATE TABLE parted (id int, v real[]) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (700);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (700) TO (9999);
	INSERT INTO parted SELECT * FROM reals;
	CREATE TABLE nothing (id int PRIMARY KEY, v real[]);
	CREATE MATERIALIZED VIEW matview AS SELECT id, v FROM reals;
	ANALYZE;
});
create_index('options_idx', 'options', 'real_cosine_ops',
	with => q{n_trees = 3, search_k = 700, seed = 42, dimensions = 32});
create_index('partial_idx', 'partial', 'real_l2_ops', where => 'id % 3 = 0');
create_index('expressions_idx', 'expressions', 'real_ip_ops',
	expression => 'annoy_normalize(v[5:20])');
create_index('nulls_idx', 'nulls', 'real_l2_ops');
create_index('parted_idx', 'parted', 'real_l2_ops');
create_index('nothing_idx', 'nothing', 'real_l2_ops', with => 'dimensions = 5');
create_index('matview_idx', 'matview', 'real_l1_ops');

# What there is to be known of all indexes in a database: their definitions, and
# what they answer, distances included.
sub definitions
{
	my ($node, $database) = @_;

	return $node->safe_psql(
		$database, q{
		SELECT pg_get_indexdef(indexrelid), indisvalid, reloptions
		FROM pg_index JOIN pg_class c ON c.oid = indexrelid
			 JOIN pg_am a ON a.oid = relam
		WHERE amname = 'annoy' ORDER BY 1;
		SELECT parent.relname, child.relname
		FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent
			 JOIN pg_class child ON child.oid = inhrelid ORDER BY 1, 2});
}

sub answers
{
	my ($node, $database) = @_;
	my $answers = '';

	foreach my $index (sort keys %query)
	{
		my ($table, $expression, $op, $where) = @{ $query{$index} };
		my $query = qq{
			SELECT q.id, array_agg((a.id, a.d)::text)
			FROM (SELECT id, $expression AS v FROM $table
				  WHERE id % 20 = 1 ORDER BY id) q,
				 LATERAL (SELECT id, ($expression) $op q.v AS d FROM $table t
						  WHERE $where ORDER BY ($expression) $op q.v LIMIT 10) a
			GROUP BY q.id ORDER BY q.id};
		my $result = $node->safe_psql(
			$database, qq{
			SET enable_seqscan = off;
			SET enable_bitmapscan = off;
			SET enable_sort = off;
			$query;
			EXPLAIN (COSTS OFF) $query;});

		die "$index is not used:\n$result\n"
		  unless $result =~ /Index Scan using \w+ on \w+(?: \w+)?\s+Order By/;
		$answers .= "$index\n$result\n";
	}
	return $answers;
}

# The pages of all indexes, without the LSNs and checksums in their headers.
sub pages
{
	my ($node, $database) = @_;
	my %pages;
	my $files = $node->safe_psql(
		$database, q{
		CHECKPOINT;
		SELECT c.relname, pg_relation_filepath(c.oid)
		FROM pg_class c JOIN pg_am a ON a.oid = relam
		WHERE amname = 'annoy' AND relkind = 'i'});

	foreach my $file (split(/\n/, $files))
	{
		my ($index, $path) = split(/\|/, $file);
		my $pages = slurp_file($node->data_dir . "/$path");

		for (my $at = 0; $at < length($pages); $at += 8192)
		{
			substr($pages, $at, 10) = "\0" x 10;
		}
		$pages{$index} = md5_hex($pages);
	}
	return \%pages;
}

# Rows are added and removed, after all.
sub alive_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($node, $database, $name) = @_;

	$node->safe_psql(
		$database, qq{
		INSERT INTO $_ SELECT 5000 + id, v FROM $_ WHERE id <= 100;
		DELETE FROM $_ WHERE id % 7 = 0;
		VACUUM (INDEX_CLEANUP on) $_;
		INSERT INTO $_ SELECT 6000 + id, v FROM $_ WHERE id <= 100;})
	  foreach (qw(options parted));
	is( $node->safe_psql(
			$database, q{
			SET enable_seqscan = off;
			SELECT bool_and(found)
			FROM options o,
				 LATERAL (SELECT v <=> o.v < 1e-6 AS found FROM options
						  ORDER BY v <=> o.v LIMIT 1) nearest
			WHERE id > 5000}),
		't',
		"$name: new rows are found");
	return;
}

my $definitions = definitions($node, 'postgres');
my $answers = answers($node, 'postgres');
my $pages = pages($node, 'postgres');

# two partitions have an index each, and there are four lines of inheritance
is(scalar(split(/\n/, $definitions)),
	keys(%query) + 2 + 4, 'all indexes are there');

#
# pg_dump, pg_restore: the indexes are built anew, and equal the old ones byte
# by byte, though the OIDs of everything are others.
#
my $dump = $node->basedir . '/dump';

$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ],
	'pg_restore');
$node->safe_psql('restored', 'ANALYZE');
is(definitions($node, 'restored'), $definitions,
	'restored indexes have the same definitions');
ok(answers($node, 'restored') eq $answers,
	'restored indexes give the same answers');
is_deeply(pages($node, 'restored'), $pages,
	'restored indexes have the same pages');
isnt(
	$node->safe_psql('restored', q{SELECT 'reals_l2'::regclass::oid}),
	$node->safe_psql('postgres', q{SELECT 'reals_l2'::regclass::oid}),
	'restored indexes have other OIDs');
alive_ok($node, 'restored', 'restored');

#
# pg_basebackup, while rows come and go and are vacuumed.
#
$node->safe_psql(
	'postgres', q{
	CREATE SEQUENCE ids START 1000000;
	CREATE TABLE t (id int PRIMARY KEY, v real[]);
	INSERT INTO t SELECT * FROM reals;
	CREATE INDEX t_idx ON t USING annoy (v);
});
my %script = (
	insert => q{
		\set n random(1, 2000)
		INSERT INTO t SELECT nextval('ids'), v FROM reals WHERE id = :n;
	},
	update => q{
		\set n random(1, 2000)
		UPDATE t SET v = (SELECT v FROM reals WHERE id = :n)
		WHERE id = (SELECT id FROM t OFFSET :n LIMIT 1 FOR UPDATE SKIP LOCKED);
	},
	delete => q{
		\set n random(1, 2000)
		DELETE FROM t
		WHERE id = (SELECT id FROM t OFFSET :n LIMIT 1 FOR UPDATE SKIP LOCKED);
	},
	vacuum => 'VACUUM (INDEX_CLEANUP on, TRUNCATE false) t;');
my %weight = (insert => 20, update => 10, delete => 10, vacuum => 1);
my @scripts;

foreach my $script (sort keys %script)
{
	my $file = $node->basedir . "/$script.sql";

	append_to_file($file, $script{$script});
	push @scripts, '-f', "$file\@$weight{$script}";
}

sub written
{
	return $node->safe_psql('postgres', 'SELECT last_value FROM ids');
}

my $writers = IPC::Run::start(
	[
		'pgbench', '-n', '-c', 4, '-T', 86400, @scripts,
		$node->connstr('postgres')
	],
	'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
$node->poll_query_until('postgres', 'SELECT last_value > 1000100 FROM ids')
  or die 'nobody writes';
my $before = written();
$node->backup('live', backup_options => [ '--max-rate', '32M' ]);
cmp_ok(written(), '>', $before, 'there were inserts during the backup');
$writers->kill_kill;

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'live');
$copy->start;
index_check_ok($copy, 't_idx', 'base backup');
cmp_ok(same_rows_ok($copy, 't', '<->', 'base backup'),
	'>', 100, 'base backup: there are rows');
self_found_ok($copy, 't', '<->', 'base backup', where => 'id % 10 = 0');
is(definitions($copy, 'restored'), $definitions,
	'base backup: other indexes have the same definitions');
ok(answers($copy, 'postgres') eq $answers,
	'base backup: other indexes give the same answers');
alive_ok($copy, 'postgres', 'base backup');
$copy->stop;

#
# pg_upgrade, to the same version: files are copied to a cluster whose catalogs
# are made anew.
#
$node->safe_psql('postgres', 'DROP DATABASE restored');
$node->safe_psql('postgres', 'DROP TABLE t; DROP SEQUENCE ids');
$node->stop;

my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
my $bindir = installed('--bindir');
$upgraded->init(allows_streaming => 1);
$upgraded->append_conf('postgresql.conf', "autovacuum = off\n");
chdir($upgraded->basedir) or die "could not change directory: $!";
command_ok(
	[
		'pg_upgrade', (major_version() >= 15 ? '--no-sync' : ()),
		'-d', $node->data_dir,
		'-D', $upgraded->data_dir,
		'-b', $bindir,
		'-B', $bindir,
		'-s', $upgraded->host,
		'-p', $node->port,
		'-P', $upgraded->port
	],
	'pg_upgrade');
$upgraded->start;
$upgraded->safe_psql('postgres', 'ANALYZE');
is(definitions($upgraded, 'postgres'),
	$definitions, 'upgraded indexes have the same definitions');
ok(answers($upgraded, 'postgres') eq $answers,
	'upgraded indexes give the same answers');
is_deeply(pages($upgraded, 'postgres'),
	$pages, 'upgraded indexes have the same pages');
index_check_ok($upgraded, $_, 'upgraded') foreach qw(options_idx partial_idx);
alive_ok($upgraded, 'postgres', 'upgraded');
$upgraded->stop;

done_testing();
