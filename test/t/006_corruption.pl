
# Copyright (c) 2026, the annoy developers

# Damaged pages: annoy_index_check() finds each kind of damage, and whoever uses
# a damaged index gets an answer or an error, but never a crash or an endless
# loop.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Damage;
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The table and the index that the others are copies of: there are three levels,
# a page of NULLs, and free space in most leaves.
# without checksums, which would notice
my $node = annoy_node('corruption', init => [ no_data_checksums => 1 ]);
load_vectors($node, 'source', 'real[]', 20000, clustered($dims, intrinsic => 8));
$node->safe_psql(
	'postgres', q{
	INSERT INTO source SELECT -i, NULL FROM generate_series(1, 20) i;
	CREATE INDEX source_idx ON source USING annoy (v, id) WITH (n_trees = 2, n_entries = 2, dtype = float32);});
# one tree, whose leaves are ranked for a recall curve, not searched
$node->safe_psql(
	'postgres', q{
	CREATE TABLE single AS SELECT * FROM source WHERE v IS NOT NULL;
	CREATE INDEX single_idx ON single USING annoy (v) WITH (dtype = float32);});
my $tables = 12;
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE copy$_ (id int, v real[]);
	ALTER TABLE copy$_ ALTER COLUMN v SET STORAGE EXTERNAL;
	CREATE INDEX copy${_}_idx ON copy$_ USING annoy (v, id) WITH (n_trees = 2, n_entries = 2, dtype = float32);})
  foreach (1 .. $tables);
my %path = map { split(/\|/) } split(
	/\n/,
	$node->safe_psql(
		'postgres', q{
		VACUUM FREEZE source;
		SELECT relname, pg_relation_filepath(oid) FROM pg_class
		WHERE relname ~ '^(source|single|copy)[0-9]*(_idx)?$'}));

sub read_file
{
	my ($name) = @_;
	open(my $fh, '<:raw', $node->data_dir . "/$path{$name}") or die "$name: $!";
	local $/ = undef;
	my $bytes = <$fh>;
	close($fh);
	return $bytes;
}

sub write_file
{
	my ($name, $bytes) = @_;
	open(my $fh, '>:raw', $node->data_dir . "/$path{$name}") or die "$name: $!";
	print $fh $bytes;
	close($fh) or die "$name: $!";
	# these belong to what was there before
	unlink(map { $node->data_dir . "/$path{$name}_$_" } qw(fsm vm));
	return;
}

$node->stop;
my $table = read_file('source');
my $index = IndexFile->new(read_file('source_idx'));
is($index->get(1, 'level'), 2, 'there are three levels');
my ($inner) = $index->all(node => 1);
my ($leaf) = grep {
	my $used = $index->get($_, 'count') % 16;
	$used > 1 && $used < 15
	  && $index->get($_, 'right') != $none
	  && $index->get(0, leftmost(0, 0)) != $_
} $index->all(node => 0);
my ($item) = ($index->pointers($leaf))[3]->[0];
# a row whose vector belongs into the leaf
my ($pointer) = $index->pointers($leaf);
my ($high, $low, $offset) =
  $index->get($pointer->[0], slot($pointer->[1] - 1));
my $row = '(' . ($high << 16 | $low) . ",$offset)";

# Use an index in every way.  What is inserted goes to the damaged leaf, until it
# has to be split.
sub use_index
{
	my ($table) = @_;
	my $search = qq{
		SELECT count(*) FROM (
			SELECT id FROM $table
			ORDER BY v <-> (SELECT v FROM source WHERE ctid = '$row') LIMIT 20) s;};

	my $filtered = qq{
		SELECT count(*) FROM (
			SELECT id FROM $table WHERE id > 10
			ORDER BY v <-> (SELECT v FROM source WHERE ctid = '$row') LIMIT 20) s;
		SELECT count(*) FROM (
			SELECT id FROM $table WHERE id BETWEEN 1000 AND 1100
			ORDER BY v <-> (SELECT v FROM source WHERE ctid = '$row') LIMIT 20) s;};

	return $node->psql(
		'postgres', qq{
		\\set VERBOSITY verbose
		SET statement_timeout = '${PostgreSQL::Test::Utils::timeout_default}s';
		SET enable_seqscan = off;
		$search
		SET annoy.search_k = 2147483647;
		$search
		RESET annoy.search_k;
		$filtered
		SELECT count(*) FROM (
			SELECT id FROM $table ORDER BY v <-> (SELECT v FROM source WHERE id = 7)) s;
		SELECT items FROM annoy_index_info('${table}_idx');
		DO \$\$
			BEGIN
				FOR i IN 1 .. 120 LOOP
					BEGIN
						INSERT INTO $table
							SELECT 20000 + i, array_agg(x + i % 17) FROM (
								SELECT unnest(v) AS x FROM source WHERE ctid = '$row') s;
						INSERT INTO $table
							SELECT 30000 + i, v FROM source WHERE id = i;
					EXCEPTION
						WHEN internal_error OR data_exception OR index_corrupted OR data_corrupted THEN
							NULL;
					END;
				END LOOP;
			END \$\$;
		DELETE FROM $table WHERE id % 3 = 0;
		VACUUM (INDEX_CLEANUP on) $table;
		$search
		$filtered
		INSERT INTO $table SELECT id, NULL FROM source WHERE id <= 20;
		SELECT count(*) FROM (
			SELECT id FROM $table ORDER BY v <-> (SELECT v FROM source WHERE id = 7)) s;
		SELECT annoy_index_check('${table}_idx');
	},
		on_error_stop => 0);
}

my @cases = ([ 'no damage', undef, sub { } ], @damage);
while (my @batch = splice(@cases, 0, $tables))
{
	my $n = 0;

	foreach my $case (@batch)
	{
		my $copy = IndexFile->new($index->{bytes});

		$case->[2]->($leaf, $inner, $item) for $copy;
		$n++;
		write_file("copy$n", $table);
		write_file("copy${n}_idx", $copy->{bytes});
	}
	$node->start;

	$n = 0;
	foreach my $case (@batch)
	{
		my ($name, $message, undef, $heap) = @$case;
		my $found = '';
		my ($status, $output, $errors);

		$n++;
		foreach my $heapallindexed ('false', 'true')
		{
			next if $heapallindexed eq 'true' && defined $message && !$heap;
			$node->psql(
				'postgres', qq{
				\\set VERBOSITY verbose
				SELECT annoy_index_check('copy${n}_idx', $heapallindexed)},
				stderr => \$found);
			last if $found ne '';
		}
		if (defined $message)
		{
			like($found, qr/ERROR:  XX002: .*?$message/, "$name: is found");
		}
		else
		{
			is($found, '', "$name: nothing is found");
		}

		($status, $output, $errors) = use_index("copy$n");
		is($status, 0, "$name: no crash");
		unlike($errors, qr/timeout|connection|57014/, "$name: no endless loop");
		if (!defined $message)
		{
			is($errors, '', "$name: no errors");
		}
		elsif ($ENV{ANNOY_SHOW_ERRORS})
		{
			diag("$name: $found\n$errors");
		}
	}
	$node->stop;
}

# A recall curve that is damaged is none, and is mended by the next one that is
# measured; one that the index cannot keep, as its codes are no good, is not
# believed.
my @curves = (
	[ 'copy1', sub { $_->set(0, curve('effort', 0) => 'nan') } ],
	[ 'copy2', sub { $_->set(0, curve('points') => 1_000_000) } ],
	[ 'copy3', sub { $_->set(0, scale_exponent => $_->get(0, 'scale_exponent') - 10) } ]);
foreach my $case (@curves)
{
	my $copy = IndexFile->new($index->{bytes});

	$case->[1]->() for $copy;
	write_file($case->[0], $table);
	write_file("$case->[0]_idx", $copy->{bytes});
}
my $single = IndexFile->new(read_file('single_idx'));
is($single->get(1, 'level'), 2, 'there are three levels of one tree');
$single->set($_, entry(0, 'offset') => 'nan')
  foreach (1, $single->all(node => 1));
write_file('single_idx', $single->{bytes});
$node->start;

# The result and the messages of an SQL query.
sub ask
{
	my ($sql) = @_;
	my ($result, $messages);

	$node->psql('postgres', "SET enable_seqscan = off; $sql",
		stdout => \$result, stderr => \$messages);
	return "$result $messages";
}

foreach my $copy ('copy1', 'copy2')
{
	is(ask("SELECT count(*) FROM annoy_recall_curve('${copy}_idx')"),
		'0 ', "$copy: a damaged curve is none");
	is(ask("SELECT recall > 0.9 FROM annoy_recall('${copy}_idx', 10, 50)"),
		't ', "$copy: and searches do without");
	is(ask("INSERT INTO $copy SELECT id + 50000, v FROM source WHERE id = 1"),
		' ', "$copy: so do insertions");
}
is(ask('VACUUM copy1'), ' ', 'VACUUM measures a new one');
is(ask("SELECT annoy_calibrate('copy2_idx') > 0"),
	't ', 'so does annoy_calibrate()');
foreach my $copy ('copy1', 'copy2')
{
	is(ask("SELECT count(*) > 0 FROM annoy_recall_curve('${copy}_idx')"),
		't ', "$copy: there is a curve again");
	is(ask("SELECT annoy_index_check('${copy}_idx')"),
		' ', "$copy: the index is whole again");
}

my $doubt = qr/WARNING:  recall of index "copy3_idx" could not be measured\nDETAIL:  .* finds \d+ %, and was expected to find \d+ %\./;
like(ask("SELECT count(*) > 0 FROM annoy_recall_curve('copy3_idx')"),
	qr/^t/, 'a curve that is not kept');
like(
	ask(q{
		CREATE TABLE queries AS SELECT v FROM source WHERE id <= 100;
		SELECT annoy_calibrate('copy3_idx', 'queries')}),
	qr/^0 .*$doubt\nHINT:  The curve is as before/,
	'is noticed with queries');
like(ask("SELECT annoy_calibrate('copy3_idx')"),
	qr/^0 .*$doubt\nHINT:  Please REINDEX/, 'and without');
is(ask("SELECT count(*) FROM annoy_recall_curve('copy3_idx')"),
	'0 ', 'and is forgotten');
is(ask('VACUUM copy3'), ' ', 'VACUUM does not try again');
is(ask("REINDEX INDEX copy3_idx; SELECT annoy_calibrate('copy3_idx') > 0"),
	't ', 'REINDEX mends it');

unlike(
	ask(q{
		SET statement_timeout = '60s';
		SELECT annoy_calibrate('single_idx') >= 0}),
	qr/timeout|connection/,
	'nodes that cannot be ranked make no endless loop');
$node->stop;

unlike(slurp_file($node->logfile),
	qr/PANIC|TRAP|terminated by signal/, 'the server has not crashed');

done_testing();
