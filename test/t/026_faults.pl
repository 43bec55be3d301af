
# Copyright (c) 2026, the annoy developers

# A search does not ask the operating system for memory: it has what the session
# has kept of the searches before, whose pages are there.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no /proc to count page faults with'
  unless -r '/proc/self/stat';

plan skip_all => 'version 14 has no memory context that keeps its memory'
  if major_version() < 15;

my $node = annoy_node('main');
load_vectors($node, 'many', 'real[]', 10000, clustered(32));
$node->safe_psql('postgres', 'CREATE INDEX ON many USING annoy (v)');

# How many page faults does a session have in 1,000 queries, after 200 of them?
# What takes a page of the server's buffers for the first time counts as well, so
# these are the same.
sub faults_of
{
	my ($query) = @_;
	my $count =
	  "(regexp_split_to_array(pg_read_file('/proc/' || pg_backend_pid() || '/stat'), ' '))[10]";
	my $warm_up = join '', map { "EXECUTE ask($_);\n" } 1 .. 200;
	my $result = $node->safe_psql(
		'postgres', "
		SET enable_seqscan = off;
		SET enable_sort = off;
		SET jit = off;
		SET plan_cache_mode = force_generic_plan;
		PREPARE ask(integer) AS $query;
		$warm_up
		SELECT $count AS before \\gset
		" . $warm_up x 5 . "
		SELECT 'faults', (${count})::bigint - :before");

	return $result =~ /^faults\|(\d+)$/m ? $1 : undef;
}

# 'ask' by the vector of a row, for the ids of the nearest
my $ordered = 'FROM many ORDER BY v <-> (SELECT v FROM many WHERE id = $1) LIMIT';
my $nearest = "$ordered 10";

cmp_ok(faults_of("SELECT id $nearest"), '<', 50, 'a search');
cmp_ok(faults_of("SELECT id $ordered 1000"), '<', 500, 'many rows');
# three scans at the same time, of which two begin again and again
cmp_ok(
	faults_of(
		"SELECT count(*) FROM (SELECT v $nearest) a,
			LATERAL (SELECT v FROM many ORDER BY v <-> a.v LIMIT 2) b,
			LATERAL (SELECT v FROM many ORDER BY v <-> b.v LIMIT 2) c"
	),
	'<', 50,
	'three at the same time');

done_testing();
