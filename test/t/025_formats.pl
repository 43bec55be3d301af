
# Copyright (c) 2026, the annoy developers

# An index of another version of the format: whoever uses it is told in one
# sentence what to do, annoy_index_info() says what it is, and its owner can drop
# and rebuild it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The metapage's data, from the magic number to what is not in the same place in
# all versions.
my $data = 24 + 8;
my $common = 28;

# without checksums, which would notice
my $node = annoy_node('formats', init => [ no_data_checksums => 1 ]);
load_vectors($node, 'source', 'real[]', 1000, clustered(8));
my @versions = (1, 2, 4);
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE v$_ AS SELECT * FROM source;
	CREATE INDEX v${_}_idx ON v$_ USING annoy (v, id) WITH (n_trees = 2, seed = 5);})
  foreach @versions;
my %path = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('v${_}_idx')") } @versions;
$node->safe_psql(
	'postgres', join(';', 'CREATE ROLE owner', 'GRANT SELECT ON source TO owner',
		map { "ALTER TABLE v$_ OWNER TO owner" } @versions));

# The rest of the metapage is something else in the other versions.
$node->stop;
foreach my $version (@versions)
{
	open(my $fh, '+<:raw', $path{$version}) or die "$path{$version}: $!";
	seek($fh, $data + 4, 0);
	print $fh pack('L', $version);
	seek($fh, $data + $common, 0);
	print $fh "\xA5" x (8192 - $data - $common);
	close($fh) or die "$path{$version}: $!";
}
$node->start;

# The result and the messages of the owner's SQL.
sub ask
{
	my ($sql) = @_;
	my ($result, $messages);

	$node->psql('postgres', "SET ROLE owner; SET enable_seqscan = off; $sql",
		stdout => \$result, stderr => \$messages);
	return "$result $messages";
}

foreach my $version (@versions)
{
	my $nearest = "SELECT id FROM v$version ORDER BY v <-> (SELECT v FROM source WHERE id = 7) LIMIT 1";

	is( ask("SELECT metric, type, dimensions, dtype, n_trees, seed, format_version FROM annoy_index_info('v${version}_idx')"),
		"euclidean|real[]|8|float32|2|5|$version ",
		"version $version: annoy_index_info() tells it");
	is( ask(qq{
			SELECT string_agg(key, ' ' ORDER BY key) FROM annoy_index_info('v${version}_idx') i, jsonb_each_text(to_jsonb(i))
			WHERE value IS NULL}),
		'dead_items entries height inner_pages item_bytes items leaf_fill leaf_pages n_entries signatures stale tree_bytes vectors ',
		"version $version: but not what is in it");
	foreach my $sql ($nearest,
		"INSERT INTO v$version SELECT 0, v FROM source WHERE id = 1",
		"DELETE FROM v$version WHERE id = 1; VACUUM (INDEX_CLEANUP ON) v$version",
		"VACUUM v$version",
		"SELECT annoy_index_params('v${version}_idx')",
		"SELECT * FROM annoy_get_nns_by_item('v${version}_idx', '(0,1)')")
	{
		like(ask($sql),
			qr/^ \S*\s?ERROR:  index "v${version}_idx" has format version $version, but this version of annoy reads version 3\nHINT:  Please REINDEX it\.(?:\nCONTEXT: .*)?$/,
			"version $version: $sql");
	}
	is(ask("SELECT count(*) > 0 FROM v$version"),
		't ', "version $version: the table can be read");
	is(ask("BEGIN; DROP INDEX v${version}_idx; ROLLBACK"),
		' ', "version $version: its owner can drop it");
	is(ask("ALTER INDEX v${version}_idx SET (search_k = 100); REINDEX INDEX v${version}_idx; $nearest"),
		'7 ', "version $version: its owner can rebuild it");
}

done_testing();
