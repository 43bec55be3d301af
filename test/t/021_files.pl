
# Copyright (c) 2026, the annoy developers

# Files of the Annoy library: what annoy_import_items() takes and refuses, what
# annoy_export() writes and when it does not, and round trips with the library
# itself, if its header files and a C++ compiler are here.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my %opclass = (
	angular => 'real_cosine_ops',
	euclidean => 'real_l2_ops',
	manhattan => 'real_l1_ops',
	dot => 'real_ip_ops',
	hamming => 'real_hamming_ops',);
my @metrics = sort keys %opclass;

my $node = annoy_node('files');
my $dir = $node->basedir;
my $peer;

sub sql
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

# Test that SQL fails with a message, or message and detail.
sub fails_like
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($query, $expected, $name) = @_;
	my ($status, $out, $errors) =
	  $node->psql('postgres', "\\set VERBOSITY verbose\n$query");
	like($errors, $expected, $name);
	return;
}

sub write_file
{
	my ($name, $content) = @_;
	open(my $fh, '>:raw', "$dir/$name") or die "could not open $name: $!";
	print $fh $content;
	close($fh) or die "could not write $name: $!";
	return;
}

sub read_file
{
	my ($name) = @_;
	open(my $fh, '<:raw', "$dir/$name") or die "could not open $name: $!";
	local $/ = undef;
	my $content = <$fh>;
	close($fh);
	return $content;
}

# A copy of a file with some bytes replaced, or cut off at a size.
sub changed_file
{
	my ($name, $offset, $bytes) = @_;
	my $content = read_file($name);

	if (defined $bytes)
	{
		substr($content, $offset, length($bytes)) = $bytes;
	}
	else
	{
		$content = substr($content, 0, $offset);
	}
	write_file('changed.ann', $content);
	return;
}

sub refused
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($name, $expected, $metric, $dim, $file) = @_;
	$metric //= 'euclidean';
	$dim //= 3;
	$file //= 'changed.ann';
	fails_like("SELECT count(*) FROM annoy_import_items('$dir/$file', '$metric', $dim)",
		qr/ERROR:  22P03: .*not an Annoy index.*$expected/s, $name);
	return;
}

# Files left behind by an export.
sub left_behind
{
	my @files = glob("$dir/*.tmp");
	return "@files";
}

#
# A file and what can be wrong with it: 300 items, a hole in each tenth.
#

sql(q{
	CREATE TABLE small (item bigint, v real[]);
	INSERT INTO small SELECT i, ARRAY[i, sin(i), 1] FROM generate_series(0, 299) i
		WHERE i % 10 <> 5;
	CREATE INDEX small_l2 ON small USING annoy (v);
	CREATE INDEX small_cosine ON small USING annoy (v real_cosine_ops);
	CREATE INDEX small_ip ON small USING annoy (v real_ip_ops);
});
my $same = sub {
	my ($file, $metric, $dim) = @_;
	return sql(qq{
		SELECT count(*), count(*) FILTER (WHERE s.v = i.vector)
		FROM annoy_import_items('$dir/$file', '$metric', $dim) i
			 FULL JOIN small s USING (item)});
};

is(sql("SELECT annoy_export('small_l2', 'item', '$dir/l2.ann')"), '270', 'rows exported');
is($same->('l2.ann', 'euclidean', 3), '270|270', 'they come back');
is(sql("SELECT annoy_export('small_l2', 'item', '$dir/l2.ann', 3)"),
	'270', 'a file is replaced');
is($same->('l2.ann', ' LSTSQ ', 3), '270|270', 'other names of a metric');
is((stat("$dir/l2.ann"))[2] & 0777, 0644, 'everybody may read it');
my $first = read_file('l2.ann');
sql("SELECT annoy_export('small_l2', 'item', '$dir/l2.ann', 3)");
ok($first eq read_file('l2.ann'), 'the same rows give the same file');
is(left_behind(), '', 'no temporary file is left');

my $size = length($first);
my $node_size = 16 + 4 * 3;
my $item = sub { my ($i) = @_; return $node_size * $i };
my $tree_node = $item->(300);
my $int = sub { my ($i) = @_; return pack('l', $i) };

changed_file('l2.ann', $size - 1);
refused('a byte less', qr/and 27 bytes/);
changed_file('l2.ann', 0);
refused('an empty file', qr/ends after 0 nodes/);
changed_file('l2.ann', $size - $node_size);
refused('a node less', qr/copies of the roots/);
changed_file('l2.ann', $item->(300));
refused('items only', qr/the last of 300 nodes, a root, has 1 descendants|node \d+ has/);
changed_file('l2.ann', $item->(400));
refused('the trees cut off', qr/At byte/);
write_file('changed.ann', "\0" x $size);
refused('all zeros', qr/has 0 descendants/);
write_file('changed.ann', "\xff" x $size);
refused('all ones', qr/has -1 descendants/);
write_file('changed.ann', 'id,vector' x $node_size);
refused('a text', qr/descendants/);

changed_file('l2.ann', $size - $node_size, $int->(2_000_000_000));
refused('more items than nodes', qr/has 2000000000 descendants/);
changed_file('l2.ann', $size - $node_size, $int->(299));
refused('another number of items', qr/At byte/);
changed_file('l2.ann', $item->(7), $int->(2));
refused('an item that is none', qr/item 7 has 2 descendants/);
changed_file('l2.ann', $item->(7), $int->(0));
refused('an item lost', qr/byte 214.*item 7 is absent, but has a vector/s);
changed_file('l2.ann', $item->(299), $int->(0));
refused('the last item lost', qr/the last item, 299, is absent/);
changed_file('l2.ann', $item->(7) + 12, $int->(4));
refused('an item with a child', qr/item 7 has the children 0 and 4/);
changed_file('l2.ann', $item->(7) + 20, pack('f', 9**9**9));
refused('infinity', qr/component 1 of item 7 is not finite/);
changed_file('l2.ann', $item->(7) + 20, pack('L', 0x7fc00000));
refused('NaN', qr/component 1 of item 7 is not finite/);

foreach my $n (0, 1, -3, 301, 2147483647, -2147483648)
{
	changed_file('l2.ann', $tree_node, $int->($n));
	refused("a node of $n", qr/node 300 has $n descendants, of 300/);
}
foreach my $n (-1, 300, 301, 2147483647)
{
	changed_file('l2.ann', $tree_node + 8, $int->($n));
	refused("a list with item $n", qr/node 300 has item $n, which is not below 300/);
}
my $root = $size - $node_size;
my $last = $size / $node_size - 1;
foreach my $n (-1, $last, $last + 1, 2147483647)
{
	changed_file('l2.ann', $root + 12, $int->($n));
	refused("a child $n", qr/node $last has child $n, which is not below $last/);
}
changed_file('l2.ann', $root + 12, $int->(7));
refused('another child of a root', qr/copies of the roots/);
changed_file('l2.ann', $root + 16, 'a');
refused('another plane of a root', qr/copies of the roots/);

refused('wrong dimensions', qr/At byte/, 'euclidean', $_, 'l2.ann') foreach (1, 2, 4, 8192);
refused('wrong metric', qr/At byte/, $_, 3, 'l2.ann') foreach qw(angular dot hamming);
refused('wrong metric, same size of nodes', qr/At byte/, 'angular', 4, 'l2.ann');
is($same->('l2.ann', 'manhattan', 3), '270|270',
	'manhattan cannot be told from euclidean');

sql("SELECT annoy_export('small_cosine', 'item', '$dir/cosine.ann', 2)");
is($same->('cosine.ann', 'Cosine', 3), '270|270', 'angular');
refused('angular taken for euclidean', qr/At byte/, 'euclidean', 2, 'cosine.ann');
changed_file('cosine.ann', 7 * 24 + 4, pack('f', 48.5));
refused('another norm', qr/item 7 has the squared norm 48.5 instead of 50/, 'angular');
is(substr(read_file('cosine.ann'), 7 * 24 + 4, 4), $int->(0), 'norms are left to the library');
changed_file('cosine.ann', 7 * 24 + 4, pack('f', 50 + sin(7)**2));
is($same->('changed.ann', 'angular', 3), '270|270', 'the norm that the library stores');
sql("SELECT annoy_export('small_ip', 'item', '$dir/dot.ann', 2)");
is($same->('dot.ann', '@', 3), '270|270', 'dot');
refused('dot taken for euclidean', qr/At byte/, 'euclidean', 5, 'dot.ann');

#
# Dot as it was before 1.17.3, without two of the fields.
#

my $dot = read_file('dot.ann');
my $old = '';
for (my $at = 0; $at < length($dot); $at += 36)
{
	my $n = unpack('l', substr($dot, $at, 4));
	# lists are shorter there by two, so make the file of items and roots
	$old .= substr($dot, $at, 16) . substr($dot, $at + 24, 12) if $at < 36 * 300;
}
my $old_root = pack('l3f4', 300, 3, 4, 0, 1, 0, 0);
write_file('changed.ann', $old . $old_root . $old_root);
is($same->('changed.ann', 'dot', 3), '270|270', 'dot before version 1.17.3');
sql("SELECT annoy_export('small_ip', 'item', '$dir/dot_old.ann', 2, 'annoy-1.16')");
is($same->('dot_old.ann', 'dot', 3), '270|270', 'export: dot before version 1.17.3');
ok(index(read_file('dot_old.ann'), $old) == 0, 'with the items of that version');
fails_like("SELECT annoy_export('small_ip', 'item', '$dir/x.ann', 2, 'pickle')",
	qr/ERROR:  22023: unrecognized layout "pickle".*"annoy-1.16" for versions before/s, 'export: no such layout');

#
# The header of scikit-plots.
#

sub fnv
{
	my ($name) = @_;
	my $hash = 2166136261;
	$hash = (($hash ^ ord($_)) * 16777619) & 0xffffffff foreach split(//, $name);
	return $hash;
}

sub header
{
	my (%with) = @_;
	my %field = (
		magic => 0x414E4958, version => 1, component => 4, id => 4,
		node_size => $node_size, dim => 3, items => 300, hash => fnv('euclidean'),
		zeros => "\0" x 36,
		%with);
	write_file('changed.ann',
		pack('LSCCLLQL',
			@field{qw(magic version component id node_size dim items hash)})
		  . $field{zeros}
		  . ($with{nodes} // $first));
	return;
}

header();
is($same->('changed.ann', 'euclidean', 3), '270|270', 'a header');
sql("SELECT annoy_export('small_l2', 'item', '$dir/headed.ann', 3, 'scikit-plots')");
ok(read_file('headed.ann') eq read_file('changed.ann'), 'export: a header');
header(hash => 0);
is($same->('changed.ann', 'euclidean', 3), '270|270', 'a header without the metric');
header(magic => 0x58494E41);
refused('the other byte order', qr/byte order/);
header(version => 2);
refused('header: version', qr/byte 4: the header has version 2/);
header(component => 8);
refused('header: double precision', qr/byte 6: components have 8 bytes/);
header(id => 8);
refused('header: large ids', qr/byte 7: numbers of items have 8 bytes/);
foreach my $lie (0, 24, 29, 0xffffffff)
{
	header(node_size => $lie);
	refused("header: nodes of $lie", qr/byte 8: nodes have/);
}
header(dim => 4);
refused('header: dimensions', qr/byte 12: the header says 4 dimensions/);
foreach my $lie (0, 299, 301, 4294967596, ~0)
{
	header(items => $lie);
	refused("header: $lie items", qr/byte 16: the header says $lie items/);
}
header(hash => fnv('manhattan'));
refused('header: metric', qr/byte 24: the header has/);
header(zeros => "\0" x 35 . "\1");
refused('header: not zero', qr/byte 60: 01000000 instead of zero/);
header(nodes => '');
refused('a header and nothing else', qr/ends after 0 nodes/);
header(nodes => substr($first, 0, -64));
refused('a header on top of what has lost as much', qr/ends after/);

#
# What is no such file at all, and who may read and write one.
#

my $import = sub { my ($file) = @_; "SELECT count(*) FROM annoy_import_items('$file', 'euclidean', 3)" };
fails_like($import->("$dir/none.ann"),
	qr/ERROR:  58P01: could not open file.*No such file.*HINT:  The file is read by the server/s,
	'import: no such file');
fails_like($import->($dir), qr/ERROR:  42809: ".*" is a directory/, 'import: a directory');
system('mkfifo', "$dir/fifo") == 0 or die "could not make a FIFO";
fails_like($import->("$dir/fifo"), qr/ERROR:  42809: ".*" is not a regular file/, 'import: a FIFO');
fails_like($import->('/dev/zero'), qr/ERROR:  42809/, 'import: a device');
fails_like($import->(''), qr/ERROR:  58P01/, 'import: no name');
fails_like("SELECT annoy_import_items('$dir/l2.ann', '$_->[0]', $_->[1])", $_->[2],
	"import: metric $_->[0], f $_->[1]")
  foreach (
	[ 'cosin', 3, qr/ERROR:  22023: unrecognized metric "cosin".*DETAIL:.*angular/s ],
	[ '', 3, qr/ERROR:  22023: unrecognized metric ""/ ],
	[ 'dot', 0, qr/ERROR:  22023: f must be between 1 and 8192/ ],
	[ 'dot', -1, qr/ERROR:  22023/ ],
	[ 'dot', 8193, qr/ERROR:  22023/ ],
	[ 'dot', 2147483647, qr/ERROR:  22023/ ]);
is(sql("SELECT count(*) FROM annoy_import_items(NULL, 'dot', 3)"), '0', 'import: NULL');
write_file('../files_relative.ann', $first);
link("$dir/l2.ann", $node->data_dir . '/relative.ann') or die "could not link: $!";
is(sql(q{SELECT count(*) FROM annoy_import_items('relative.ann', 'euclidean', 3)}),
	'270', 'import: relative to the data directory, as COPY');

my $export = sub {
	my ($file, $column, $trees) = @_;
	$column //= 'item';
	$trees //= 2;
	return "SELECT annoy_export('small_l2', '$column', '$file', $trees)";
};
fails_like($export->('relative.ann'), qr/ERROR:  42602: relative path not allowed/, 'export: relative');
fails_like($export->($dir), qr/ERROR:  42809: ".*" is a directory/, 'export: a directory');
fails_like($export->("$dir/fifo"), qr/ERROR:  42809: ".*" is not a regular file/, 'export: a FIFO');
fails_like($export->("$dir/none/x.ann"), qr/ERROR:  58P01: could not create file/, 'export: no directory');
fails_like($export->("$dir/" . 'x' x 1020), qr/ERROR:  42602: file name ".*" is too long/, 'export: a long name');
fails_like($export->("$dir/x.ann", 'item', $_), qr/ERROR:  22023: n_trees must be/, "export: $_ trees")
  foreach (0, -2, 10001);
fails_like($export->("$dir/x.ann", 'none'), qr/ERROR:  42703: column "none" of relation "small" does not exist/, 'export: no such column');
fails_like($export->("$dir/x.ann", $_), qr/ERROR:  42804: column "$_" is not of an integer type/, "export: column $_")
  foreach qw(v tableoid ctid);
fails_like("SELECT annoy_export('small', 'item', '$dir/x.ann')",
	qr/ERROR:  42809: "small" is not an annoy index/, 'export: a table');

sql(q{
	CREATE ROLE nobody;
	CREATE ROLE reader;
	CREATE ROLE writer;
	CREATE ROLE limited;
	GRANT pg_read_server_files TO reader;
	GRANT pg_write_server_files TO writer, limited;
	GRANT SELECT ON small TO nobody;
	GRANT SELECT ON small TO limited;
});
fails_like("SET ROLE nobody; " . $import->("$dir/l2.ann"),
	qr/ERROR:  42501: permission denied to read a file.*pg_read_server_files/s, 'import: role');
is(sql("SET ROLE reader; " . $import->("$dir/l2.ann")), '270', 'import: role with the privilege');
fails_like("SET ROLE nobody; " . $export->("$dir/x.ann"),
	qr/ERROR:  42501: permission denied to write a file.*pg_write_server_files/s, 'export: role');
fails_like("SET ROLE writer; " . $export->("$dir/x.ann"),
	qr/ERROR:  42501: permission denied for table small/, 'export: not without SELECT');
is(sql("SET ROLE limited; " . $export->("$dir/x.ann")), '270', 'export: role with both');
sql(q{
	ALTER TABLE small ENABLE ROW LEVEL SECURITY;
	CREATE POLICY few ON small USING (item < 10)});
fails_like("SET ROLE limited; " . $export->("$dir/x.ann"),
	qr/ERROR:  0A000: rows of table "small", which has row-level security, cannot be taken from index/, 'export: row-level security');
is(sql($export->("$dir/x.ann")), '270', 'export: row-level security does not apply to superusers');
sql('ALTER TABLE small DISABLE ROW LEVEL SECURITY');

#
# What rows there are, and which are exported.
#

sub exported
{
	my ($index, $column, $file) = @_;
	return sql(qq{
		SELECT annoy_export('$index', '$column', '$dir/rows.ann');
		SELECT string_agg(item::text, ',' ORDER BY item) FROM annoy_import_items('$dir/rows.ann', 'euclidean', 2)});
}

sql(q{
	CREATE TABLE few (id smallint, n int, v double precision[], keep boolean DEFAULT true);
	INSERT INTO few SELECT i, 100 - i, ARRAY[i, 1] FROM generate_series(1, 5) i;
	INSERT INTO few VALUES (6, 6, NULL), (NULL, 7, NULL);
	CREATE INDEX few_v ON few USING annoy (v);
	CREATE INDEX few_partial ON few USING annoy (v) WHERE keep;
	CREATE INDEX few_expression ON few USING annoy ((ARRAY[n, n + 1]::real[]));
});
is(exported('few_v', 'id'), "5\n1,2,3,4,5", 'export: rows without a vector are left out');
is(exported('few_v', 'n'), "5\n95,96,97,98,99", 'export: another column');
sql('UPDATE few SET keep = false WHERE id = 3; DELETE FROM few WHERE id = 4');
is(exported('few_v', 'id'), "4\n1,2,3,5", 'export: deleted rows are gone, and updated ones there once');
is(exported('few_partial', 'id'), "3\n1,2,5", 'export: a partial index');
fails_like("SELECT annoy_export('few_expression', 'id', '$dir/rows.ann')",
	qr/ERROR:  22004: item number in column "id" is null/, 'export: a row without number');
sql('DELETE FROM few WHERE id IS NULL');
is(sql(qq{
		SELECT annoy_export('few_expression', 'id', '$dir/rows.ann');
		SELECT vector FROM annoy_import_items('$dir/rows.ann', 'euclidean', 2) WHERE item = 2}),
	"5\n{98,99}", 'export: an index on an expression');
is(sql(qq{
		BEGIN;
		INSERT INTO few VALUES (8, 8, '{8,8}');
		SELECT annoy_export('few_v', 'id', '$dir/rows.ann');
		ROLLBACK}), '5', 'export: what the transaction has done');
is(sql(qq{BEGIN READ ONLY; SELECT annoy_export('few_v', 'id', '$dir/rows.ann'); COMMIT}),
	'4', 'export: read only');

my $before = read_file('rows.ann');
my $bad = sub {
	my ($change, $expected, $name) = @_;
	fails_like("BEGIN; $change; SELECT annoy_export('few_v', 'id', '$dir/rows.ann'); ROLLBACK",
		$expected, "export: $name");
};
$bad->('UPDATE few SET id = 5 WHERE id = 1', qr/ERROR:  23505: item number 5 is not unique/, 'numbers twice');
$bad->('UPDATE few SET id = -1 WHERE id = 1', qr/ERROR:  22003: item number -1 in column "id" is out of range/, 'negative numbers');
$bad->('UPDATE few SET id = NULL WHERE id = 1', qr/ERROR:  22004: item number in column "id" is null/, 'no number');
$bad->('ALTER TABLE few ALTER id TYPE bigint; UPDATE few SET id = 2147483647 WHERE id = 1', qr/ERROR:  22003: item number 2147483647/, 'large numbers');
$bad->('ALTER TABLE few ALTER id TYPE bigint; UPDATE few SET id = 2147483646 WHERE id = 1', qr/ERROR:  54000: item number 2147483646 is too large for 4 rows/, 'large gaps');
$bad->('UPDATE few SET id = 10000 WHERE id = 1', qr/ERROR:  54000: item number 10000 is too large for 4 rows/, 'gaps, limit');
$bad->(q{UPDATE few SET v = '{1e39,1}' WHERE id = 1}, qr/ERROR:  22003: "1e\+39" is out of range for float32/, 'what single precision has not');
$bad->('DELETE FROM few', qr/ERROR:  55000: index "few_v" has no vectors/, 'no rows');
ok($before eq read_file('rows.ann'), 'export: a failure leaves the file as it was');
is(sql(qq{
		BEGIN;
		UPDATE few SET id = 9999 WHERE id = 1;
		SELECT annoy_export('few_v', 'id', '$dir/rows.ann');
		SELECT string_agg(item::text, ',' ORDER BY item) FROM annoy_import_items('$dir/rows.ann', 'euclidean', 2);
		ROLLBACK}), "4\n2,3,5,9999", 'export: gaps below the limit');
sql('CREATE TABLE none (id int, v real[]); CREATE INDEX none_v ON none USING annoy (v)');
fails_like("SELECT annoy_export('none_v', 'id', '$dir/rows.ann')", qr/ERROR:  55000: index "none_v" has no vectors/, 'export: an empty index');

# memory, and ends before the end
load_vectors($node, 'large', 'real[]', 20000, clustered(64));
sql('CREATE INDEX large_v ON large USING annoy (v)');
fails_like("SET maintenance_work_mem = '2MB'; SELECT annoy_export('large_v', 'id', '$dir/rows.ann')",
	qr/ERROR:  54000: vectors to export do not fit into maintenance_work_mem.*DETAIL:.*272 bytes for each.*HINT:  For about 20000 rows, set maintenance_work_mem to 11 MB/s,
	'export: more than maintenance_work_mem');
is(sql("SET maintenance_work_mem = '11MB'; SELECT annoy_export('large_v', 'id', '$dir/large.ann', 1)"),
	'20000', 'export: with as much as was asked for');
write_file('large.ann', 'before');
fails_like("SET statement_timeout = '1s'; SELECT annoy_export('large_v', 'id', '$dir/large.ann', 10000)",
	qr/ERROR:  57014: canceling statement/, 'export: cancelled');
is(left_behind(), '', 'export: cancelled, no temporary file is left');
my $session = $node->background_psql('postgres');
$session->{stdin} .= "SELECT annoy_export('large_v', 'id', '$dir/large.ann', 10000);\n";
$session->{run}->pump_nb;
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_ls_dir('} . $dir . q{') f WHERE f ~ 'large.*tmp'})
  or die 'the export did not begin';
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT annoy_export'});
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query ~ '^SELECT annoy_export'})
  or die 'the export did not end';
is(left_behind(), '', 'export: terminated, no temporary file is left');
is(read_file('large.ann'), 'before', 'export: the file is as it was');
$session->{run}->kill_kill;

#
# A file that somebody writes to while it is read: rows, or an error.
#

sql(qq{SELECT annoy_export('large_v', 'id', '$dir/large.ann', 1)});
my $large = read_file('large.ann');
my $writer = fork() // die "could not fork: $!";
if ($writer == 0)
{
	open(my $fh, '+<:raw', "$dir/large.ann") or POSIX::_exit(1);
	while (-f "$dir/large.ann")
	{
		truncate($fh, int(rand(length($large))));
		seek($fh, 0, 0);
		syswrite($fh, $large);
		select(undef, undef, undef, 0.02 * rand());
	}
	POSIX::_exit(0);
}
my %seen = map { $_ => 1 } split(
	/\n/,
	sql(qq{
		CREATE FUNCTION try() RETURNS text LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM count(*) FROM annoy_import_items('$dir/large.ann', 'euclidean', 64);
			RETURN 'rows';
		EXCEPTION WHEN OTHERS THEN
			RETURN SQLSTATE;
		END \$\$;
		SELECT DISTINCT try() FROM generate_series(1, 50)}));
unlink("$dir/large.ann");
waitpid($writer, 0);
delete @seen{qw(rows 22P03 55006)};
is_deeply(\%seen, {}, 'import: a file that changes');

#
# Round trips.
#

sub find_peer
{
	my $headers = $ENV{ANNOYLIB} // '/usr/lib/R/site-library/RcppAnnoy/include';
	my $out = "$dir/annoypeer";

	unless (-f "$headers/annoylib.h")
	{
		diag("$headers/annoylib.h is not here (Debian: r-cran-rcppannoy, or ANNOYLIB=DIRECTORY)");
		return;
	}
	foreach my $compiler (grep { defined } $ENV{CXX}, qw(g++ c++ clang++), map { "clang++-$_" } reverse 14 .. 25)
	{
		next unless grep { -x "$_/$compiler" } split(/:/, $ENV{PATH});
		my @command = ($compiler, '-std=c++11', '-O2', '-isystem', $headers, '-o', $out,
			"$FindBin::RealBin/../peer/annoypeer.cc");
		system(@command) == 0 or die "could not compile: @command";
		$peer = $out;
		return;
	}
	diag('there is no C++ compiler (Debian: g++)');
	return;
}

sub run_peer
{
	my ($input, @arguments) = @_;
	my ($out, $errors) = ('', '');

	IPC::Run::run([ $peer, @arguments ], '<', \$input, '>', \$out, '2>', \$errors)
	  or die "annoypeer @arguments: $errors";
	return $out;
}

# The vectors of a table as the peer reads them.
sub lines_of
{
	my ($columns, $table) = @_;
	return sql("SELECT concat_ws(' ', $columns array_to_string(v, ' ')) FROM $table ORDER BY id") . "\n";
}

# The recall@10 of what the peer has found.
sub peer_recall
{
	my ($set, $metric, $dim, $file, $search_k) = @_;
	my $found = run_peer(lines_of('', $set->{queries}), 'search', $metric, $dim, "$dir/$file", 10, $search_k);
	my $n = 0;
	my $rows = join("\n", map { $n++; my $q = $n; map { "$q\t$_" } split } split(/\n/, $found));

	write_file('found', "$rows\n");
	return sql(qq{
		CREATE TEMP TABLE found (q int, id int);
		COPY found FROM '$dir/found';
		SELECT round(count(*) / (10.0 * (SELECT count(*) FROM $set->{queries})), 4)
		FROM found f JOIN $set->{queries} q ON f.q = q.id
			 JOIN $set->{answers} a ON a.id = q.id
			 JOIN $set->{table} t ON t.id = f.id
		WHERE t.v $set->{op} q.v <= a.d[10] + 1e-6 * abs(a.d[10])});
}

# Both ways, for a table with ids from 1: item 0 is absent.
sub round_trip
{
	my ($metric, $dim, $table) = @_;
	my $rows = sql("SELECT count(*) FROM $table");
	my $items = sql("SELECT max(id) + 1 FROM $table");

	sql("DROP INDEX IF EXISTS trip; CREATE INDEX trip ON $table USING annoy (v $opclass{$metric})");

	# theirs to us
	run_peer(lines_of('id,', $table), 'build', $metric, $dim, 10, "$dir/theirs.ann");
	# of trees that are one node each, the library counts the copies, too
	my $info = run_peer('', 'info', $metric, $dim, "$dir/theirs.ann");
	my ($n, $trees, $bytes) = split(/\s+/, $info);
	my $layout = $metric eq 'dot' && $bytes != 24 + 4 * $dim ? 'annoy-1.16' : 'annoy';
	is(sql(qq{
			SELECT count(*), count(*) FILTER (WHERE i.vector = t.v)
			FROM annoy_import_items('$dir/theirs.ann', '$metric', $dim) i FULL JOIN $table t ON i.item = t.id}),
		"$rows|$rows", "$metric, $table: items of the library's file");

	# ours to them
	is(sql("SELECT annoy_export('trip', 'id', '$dir/ours.ann', 10, '$layout')"), $rows, "$metric, $table: export as $layout");
	is(sql(qq{
			SELECT count(*), count(*) FILTER (WHERE i.vector = t.v)
			FROM annoy_import_items('$dir/ours.ann', '$metric', $dim) i FULL JOIN $table t ON i.item = t.id}),
		"$rows|$rows", "$metric, $table: items of our file");
	is($n, $items, "$metric, $table: number of items");
	is(run_peer('', 'info', $metric, $dim, "$dir/ours.ann"), $info, "$metric, $table: the library loads it");
	my $loaded = run_peer('', 'items', $metric, $dim, "$dir/ours.ann");
	my $saved = run_peer('', 'items', $metric, $dim, "$dir/theirs.ann");
	ok($loaded eq $saved, "$metric, $table: the library finds the items");
	is(run_peer('', 'self', $metric, $dim, "$dir/ours.ann"), "0\n", "$metric, $table: items are at no distance from themselves")
	  if $metric ne 'dot';
	return;
}

find_peer();
SKIP:
{
	skip 'no Annoy library to compare with', 1 unless defined $peer;

	my %dims = (angular => 24, euclidean => 25, manhattan => 8, dot => 17, hamming => 100);
	foreach my $metric (@metrics)
	{
		my $dim = $dims{$metric};
		my $vectors = sub {
			my ($seed) = @_;
			my $next = $metric eq 'hamming' ? prototypes($dim, seed => $seed) :
			  clustered($dim, seed => $seed, scale => 300, intrinsic => 8, norms => $metric eq 'dot' ? 2 : 1);
			return $next unless $metric eq 'hamming';
			return sub { return '{' . join(',', split(//, $next->())) . '}' };
		};
		my $generate = $vectors->(1);
		load_vectors($node, "queries_$metric", 'real[]', 200, $generate);
		load_vectors($node, "rows_$metric", 'real[]', 5000, $generate);
		sql("DELETE FROM rows_$metric WHERE id % 100 = 50");

		round_trip($metric, $dim, "rows_$metric");
		my $set = exact_answers($node, "rows_$metric", "queries_$metric", $operator{ $opclass{$metric} });
		foreach my $search_k (-1, 1000)
		{
			my $theirs = peer_recall($set, $metric, $dim, 'theirs.ann', $search_k);
			my $ours = peer_recall($set, $metric, $dim, 'ours.ann', $search_k);
			cmp_ok($ours, '>=', $theirs - 0.02, "$metric: the library's recall with search_k $search_k");
			diag("$metric, search_k $search_k: recall\@10 on our file $ours, on the library's $theirs");
		}
	}

	# few rows: in one list, in one with holes, alone
	sql(qq{
		CREATE TABLE tiny_$_->[0] (id int, v real[]);
		INSERT INTO tiny_$_->[0] SELECT i * $_->[2], ARRAY[i, 1, i % 3] FROM generate_series(1, $_->[1]) i})
	  foreach ([ 'list', 4, 1 ], [ 'holes', 4, 7 ], [ 'one', 1, 1 ], [ 'one_far', 1, 1000 ]);
	foreach my $table (qw(tiny_list tiny_holes tiny_one tiny_one_far))
	{
		round_trip($_, 3, $table) foreach qw(angular euclidean);
		my $rows = sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $table");
		my @found = sort { $a <=> $b } split(/\s+/, run_peer("1 1 1\n", 'search', 'euclidean', 3, "$dir/ours.ann", 10, 1000));
		is("@found", $rows, "$table: the library finds all rows");
	}

	# copies: 5,000 of one vector, and 100 others, which find themselves
	sql(q{
		CREATE TABLE copies (id int, v real[]);
		INSERT INTO copies SELECT i, ARRAY[1, 2, 3, 4, 5, 6, 7, 8] FROM generate_series(1, 5000) i;
		INSERT INTO copies SELECT i, ARRAY[sin(i), sin(2 * i), sin(3 * i), sin(5 * i), sin(7 * i), cos(i), cos(2 * i), cos(3 * i)] FROM generate_series(5001, 5100) i;
	});
	round_trip('euclidean', 8, 'copies');
	my $others = sql("SELECT array_to_string(v, ' ') FROM copies WHERE id > 5000 ORDER BY id");
	my @nearest = split(/\s+/, run_peer("$others\n", 'search', 'euclidean', 8, "$dir/ours.ann", 1, 100));
	is("@nearest", join(' ', 5001 .. 5100), 'copies do not hide other rows');
}

#
# One value, from one database to another, by way of a client: rows, parameters and
# answers are the same.
#

sql(q{
	CREATE TABLE source (id int PRIMARY KEY, v real[]);
	INSERT INTO source SELECT i * 3, ARRAY[sin(i), cos(i), sin(2 * i), i % 7] FROM generate_series(1, 2000) i;
	CREATE INDEX source_v ON source USING annoy (v real_cosine_ops) WITH (n_neighbors = 8, seed = 18446744073709551615, target_recall = 0.99);
	CREATE DATABASE other});
$node->safe_psql('other', 'CREATE EXTENSION annoy');
my %value = (
	annoy_restore_bytes => "decode('" . sql(q{SELECT encode(annoy_serialize('source_v'), 'hex')}) . "', 'hex')",
	annoy_restore => "'" . sql(q{SELECT annoy_state('source_v')}) . "'");
my $said = sub {
	my ($index, $table, $id) = @_;
	return qq{
		SELECT annoy_index_params('$index');
		SELECT md5(string_agg($table.*::text, ' ' ORDER BY $id)) FROM $table;
		SELECT q, string_agg($id || ' ' || distance, ', ' ORDER BY distance, $id) FROM generate_series(1, 50) q,
			annoy_get_nns_by_vector('$index', ARRAY[sin(q), cos(3 * q), 1, q % 5], search_k => 100000) n JOIN $table ON $table.ctid = n.item GROUP BY 1 ORDER BY 1};
};
foreach my $function (sort keys %value)
{
	write_file('restore.sql', "SELECT $function($value{$function}, '$function', 'i_$function')");
	is($node->safe_psql('other', "\\i $dir/restore.sql"), "i_$function", "$function in another database");
	is($node->safe_psql('other', $said->("i_$function", $function, "$function.item")),
		sql($said->('source_v', 'source', 'id')), "$function: the same");
}

$node->stop;

done_testing();
