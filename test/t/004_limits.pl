
# Copyright (c) 2026, the annoy developers

# Little memory, and as many dimensions, trees and copies as there may be.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Test::More;

my $node = annoy_node('limits', conf => "maintenance_work_mem = '1MB'\n");

# What an SQL command is refused with: SQLSTATE and message.
sub refused_ok
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($sql, $state, $message, $name) = @_;
	my ($ret, $stdout, $stderr) = $node->psql('postgres',
		"\\set VERBOSITY verbose\n$sql", on_error_stop => 1);

	like($stderr, qr/ERROR:  $state: $message\n/, $name);
	return;
}

sub info
{
	my ($index, $column) = @_;

	return $node->safe_psql('postgres',
		"SELECT $column FROM annoy_index_info('$index')");
}

#
# A build whose sample and sort do not fit into maintenance_work_mem is as good
# as any other.
#
load_vectors($node, 'queries', 'real[]', 100, clustered(64));
load_vectors($node, 'many', 'real[]', 8000, clustered(64));
$node->safe_psql('postgres', 'CREATE INDEX many_idx ON many USING annoy (v)');
my $many = exact_answers($node, 'many', 'queries', '<->');
# so small an effort that a difference shows
my $few = 'SET annoy.search_k = 1500; SET enable_seqscan = off';
my $small = recall_ok($many, 10, 0.93, 'built in 1 MB', $few);
same_rows_ok($node, 'many', '<->', 'built in 1 MB');
$node->safe_psql('postgres',
	"SET maintenance_work_mem = '256MB'; REINDEX INDEX many_idx");
my $large = recall_ok($many, 10, 0.93, 'built in 256 MB', $few);
cmp_ok($small, '>=', $large - 0.02, 'little memory costs little recall');
diag("recall\@10 built in 1 MB $small, in 256 MB $large");

# A scan of the whole index that has to sort on disk is in order, and complete.
my $order = q{
	SELECT count(*), count(DISTINCT id), bool_and(d >= before)
	FROM (SELECT id, d, lag(d, 1, 0) OVER () AS before
		  FROM (SELECT id, v <-> (SELECT v FROM queries WHERE id = 1) AS d
				FROM many ORDER BY v <-> (SELECT v FROM queries WHERE id = 1)
				OFFSET 0) scan) pairs};
my $settings = q{
	SET work_mem = '64kB';
	SET enable_seqscan = off;
	SET enable_sort = off;
	SET annoy.search_k = 2147483647};
is($node->safe_psql('postgres', "$settings; $order"),
	'8000|8000|t', 'whole index in 64 kB');
like(
	$node->safe_psql('postgres', "$settings; EXPLAIN (COSTS OFF) $order"),
	qr/Index Scan using many_idx/,
	'whole index in 64 kB: it is used');

# Any effort, however small, gives as many rows as are asked for, and more rows
# than there are cannot be had.
foreach my $limit (1, 20, 500, 8000, 9000)
{
	is( $node->safe_psql(
			'postgres', qq{
			SET annoy.search_k = 1;
			SET enable_seqscan = off;
			SET enable_sort = off;
			SELECT count(*), count(DISTINCT id)
			FROM (SELECT id FROM many
				  ORDER BY v <-> (SELECT v FROM queries WHERE id = 1)
				  LIMIT $limit) scan}),
		join('|', ($limit > 8000 ? 8000 : $limit) x 2),
		"LIMIT $limit with the smallest effort");
}

#
# Dimensions, up to the most, by a build and by inserts.
#
# Of long vectors there are so few that the planner may rather read the table,
# and so few that a search visits all leaves.
#
foreach my $dims (1, 2, 4000, 8192)
{
	my $long = $dims > 10;
	my $size = $long ? 200 : 2000;
	my $settings = $long ? 'SET enable_seqscan = off' : '';

	load_vectors($node, "q$dims", 'real[]', 20, clustered($dims));
	load_vectors($node, "d$dims", 'real[]', $size, clustered($dims));
	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE g$dims (id int PRIMARY KEY, v real[]);
		CREATE INDEX g${dims}_idx ON g$dims USING annoy (v) WITH (dimensions = $dims);
		INSERT INTO g$dims SELECT * FROM d$dims;
		CREATE INDEX d${dims}_idx ON d$dims USING annoy (v);
		ANALYZE g$dims;
	});
	my $set = exact_answers($node, "d$dims", "q$dims", '<->');
	foreach my $table ("d$dims", "g$dims")
	{
		recall_ok({ %$set, table => $table }, 10, 0.95, $table, $settings);
		same_rows_ok($node, $table, '<->', $table);
		self_found_ok($node, $table, '<->', $table, where => 'id % 10 = 0');
		is(info("${table}_idx", 'dimensions, items'),
			"$dims|$size", "$table: $dims dimensions");
	}
	$node->safe_psql(
		'postgres', qq{
		DELETE FROM g$dims WHERE id % 2 = 0;
		VACUUM g$dims;
		INSERT INTO g$dims SELECT * FROM d$dims WHERE id % 2 = 0});
	same_rows_ok($node, "g$dims", '<->', "g$dims after VACUUM");
	self_found_ok($node, "g$dims", '<->', "g$dims after VACUUM",
		where => 'id % 10 = 0');
}

# The other metrics with the most dimensions.
load_vectors($node, 'f8192', 'double precision[]', 100, clustered(8192));
load_vectors($node, 'b8192', 'bit varying', 200, prototypes(8192));
$node->safe_psql('postgres', "CREATE TABLE q$_ AS SELECT * FROM $_ WHERE id % 10 = 0")
  foreach qw(f8192 b8192);
foreach my $opclass (
	qw(real_cosine_ops real_ip_ops real_l1_ops real_hamming_ops
	double_l2_ops double_cosine_ops double_ip_ops double_l1_ops
	double_hamming_ops bit_hamming_ops))
{
	my $table =
		$opclass =~ /^bit/ ? 'b8192'
	  : $opclass =~ /^double/ ? 'f8192'
	  : 'd8192';
	my $queries = $table eq 'd8192' ? 'q8192' : "q$table";
	my $op = $operator{$opclass};

	$node->safe_psql('postgres',
		"CREATE INDEX metric_idx ON $table USING annoy (v $opclass)");
	my $set = exact_answers($node, $table, $queries, $op);
	recall_ok($set, 10, 0.95, "$table, $opclass", 'SET enable_seqscan = off');
	same_rows_ok($node, $table, $op, "$table, $opclass");
	$node->safe_psql('postgres', 'DROP INDEX metric_idx');
}

# One more is refused: by a build, by an insert, by a query, and as an option.
my $too_many = '(SELECT array_agg(i::real) FROM generate_series(1, 8193) i)';
my $limit = 'vector cannot have more than 8192 dimensions';
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE d8193 (id int PRIMARY KEY, v real[]);
	INSERT INTO d8193 SELECT 1, $too_many;
	CREATE TABLE bits (id int PRIMARY KEY, v bit varying);
	INSERT INTO bits VALUES (1, repeat('1', 8193)::bit varying);
	CREATE TABLE empty (id int PRIMARY KEY, v real[]);
	CREATE INDEX empty_idx ON empty USING annoy (v);
	CREATE TABLE empty_bits (id int PRIMARY KEY, v bit varying);
	CREATE INDEX empty_bits_idx ON empty_bits USING annoy (v);
});
refused_ok('CREATE INDEX ON d8193 USING annoy (v);',
	'54000', $limit, 'build with 8,193 dimensions');
refused_ok('CREATE INDEX ON bits USING annoy (v);',
	'54000', $limit, 'build with 8,193 bits');
refused_ok('INSERT INTO empty SELECT * FROM d8193;',
	'54000', $limit, 'insert of 8,193 dimensions');
refused_ok('INSERT INTO empty_bits SELECT * FROM bits;',
	'54000', $limit, 'insert of 8,193 bits');
refused_ok(
	"SET enable_seqscan = off; SELECT id FROM d4000 ORDER BY v <-> $too_many LIMIT 1;",
	'54000',
	$limit,
	'query of 8,193 dimensions');
refused_ok(
	'CREATE INDEX ON empty USING annoy (v) WITH (dimensions = 8193);',
	'22023',
	'value 8193 out of bounds for option "dimensions"',
	'option dimensions = 8193');
is(info('empty_idx', 'dimensions IS NULL, items'),
	't|0', 'nothing is left of vectors that were refused');
$node->safe_psql('postgres', "INSERT INTO empty VALUES (1, '{1,2,3}')");
is(same_rows_ok($node, 'empty', '<->', 'after vectors that were refused'),
	1, 'after vectors that were refused, others are welcome');

#
# Trees, up to the most.
#
load_vectors($node, 'forest', 'real[]', 500, clustered(10));
$node->safe_psql(
	'postgres', q{
	CREATE INDEX forest_idx ON forest USING annoy (v) WITH (n_trees = 100);
	INSERT INTO forest SELECT id + 1000, v FROM forest;
	DELETE FROM forest WHERE id % 3 = 0;
	VACUUM forest;
	INSERT INTO forest SELECT id + 2000, v FROM forest;
});
is(info('forest_idx', 'n_trees'), '100', '100 trees');
same_rows_ok($node, 'forest', '<->', '100 trees');
self_found_ok($node, 'forest', '<->', '100 trees', where => 'id % 10 = 0');

#
# Copies of one vector, by far more than fit a page, built and inserted; other
# rows are found among them.
#
$node->safe_psql(
	'postgres', q{
	CREATE TABLE copies (id int PRIMARY KEY, v real[]);
	INSERT INTO copies SELECT i, '{1,2,3}' FROM generate_series(1, 3000) i;
	CREATE INDEX copies_idx ON copies USING annoy (v);
	INSERT INTO copies SELECT i, '{1,2,3}' FROM generate_series(3001, 6000) i;
	INSERT INTO copies SELECT i, ARRAY[1, 2, i] FROM generate_series(6001, 6100) i;
	INSERT INTO copies SELECT i, '{1,2,3}' FROM generate_series(6101, 9000) i;
});
is(same_rows_ok($node, 'copies', '<->', 'copies'), 9000, 'copies: all rows');
self_found_ok($node, 'copies', '<->', 'copies', where => 'id % 50 = 0');
self_found_ok(
	$node, 'copies', '<->', 'others among copies',
	where => 'id BETWEEN 6001 AND 6100',
	settings => 'RESET annoy.search_k');
is( $node->safe_psql(
		'postgres', q{
		SET enable_seqscan = off;
		SET annoy.search_k = 1;
		SELECT count(*), max(d)
		FROM (SELECT v <-> '{1,2,3}' AS d FROM copies
			  ORDER BY v <-> '{1,2,3}' LIMIT 20) nearest}),
	'20|0',
	'20 copies with the smallest effort');
$node->safe_psql(
	'postgres', q{
	DELETE FROM copies WHERE v = '{1,2,3}' AND id % 10 > 0;
	VACUUM copies;});
is(same_rows_ok($node, 'copies', '<->', 'fewer copies'),
	890 + 100, 'fewer copies: one in ten, and all others');
is(info('copies_idx', 'items, dead_items'),
	'990|0', 'fewer copies: no dead rows are left');
self_found_ok(
	$node, 'copies', '<->', 'others among fewer copies',
	where => 'id BETWEEN 6001 AND 6100',
	settings => 'RESET annoy.search_k');
$node->safe_psql('postgres', 'REINDEX INDEX copies_idx');
self_found_ok($node, 'copies', '<->', 'fewer copies, built anew');

$node->stop;

done_testing();
