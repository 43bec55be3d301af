
# Copyright (c) 2026, the annoy developers

# The examples in README.md and docs work, and return what they say.
#
# All SQL of a document runs in its order, in one session, in a new database of its
# own: so each document is complete.  Lines that are comments are the result of the
# statement before them, with columns separated by " | ".  Files in /srv are in a
# directory of the test.  In docs/examples a whole file is SQL, and what is said of it
# is in comments of the other kind.  What needs pgvector is skipped where that is
# missing.
#
# Links lead to files that are there, and to headings of these.

use strict;
use warnings;

use File::Basename;
use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $node = annoy_node('docs');
my $has_pgvector = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'});
my $directory = PostgreSQL::Test::Utils::tempdir();

# The file that the documentation imports.
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE words (id integer, v real[]);
	INSERT INTO words SELECT i, array_agg(sin(i * j)) FROM generate_series(1, 500) i, generate_series(1, 64) j GROUP BY i;
	CREATE INDEX words_v ON words USING annoy (v real_cosine_ops);
	SELECT annoy_export('words_v', 'id', '$directory/words.ann');
});

# The examples of a document: for each a line on which it is, its SQL, and the
# result that it should have, if the document says so.
sub examples
{
	my ($document) = @_;
	my $text = slurp_file("$top/$document");
	$text =~ s{'/srv/}{'$directory/}g;
	$text = "```sql\n$text```\n" if $document =~ /\.sql$/;
	my @examples;

	while ($text =~ /^```sql\n(.*?)^```$/msg)
	{
		my $block = $1;
		my $line = 1 + (substr($text, 0, $-[1]) =~ tr/\n//);

		while ($block =~ /\G((?:(?!--[ ]).*\n)+)((?:--[ ].*\n)*)/g)
		{
			my ($sql, $result) = ($1, $2);

			push @examples,
			  [ $line, $sql, $result eq '' ? undef : $result =~ s/^-- //mgr ];
			$line += ("$sql$result" =~ tr/\n//);
		}
	}
	return @examples;
}

# What links can lead to within a document: its headings, as GitHub and others name
# them.
sub anchors
{
	my ($file) = @_;
	my %anchors;

	foreach (slurp_file($file) =~ /^#+ (.*)$/mg)
	{
		my $anchor = lc($_) =~ s/[^\w\- ]//gr =~ tr/ /-/r;

		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

# Links of a document that lead nowhere.
sub broken_links
{
	my ($document) = @_;
	my $directory = dirname("$top/$document");
	my @broken;

	foreach (slurp_file("$top/$document") =~ /\]\(([^()\s]+)\)/g)
	{
		next if /^https?:/;
		my ($path, $anchor) = /^([^#]*)#?(.*)$/;
		my $file = $path eq '' ? "$top/$document" : "$directory/$path";

		push @broken, $_
		  if !-e $file || ($anchor ne '' && !anchors($file)->{$anchor});
	}
	return @broken;
}

# Each line of Annoy's class has a test, which exists.
my $class = slurp_file("$top/docs/from-annoy.md");
my ($lines, @without) = (0);
while ($class =~ /^\| Annoy \| SQL \| test \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/mg)
{
	foreach my $line (split(/\n/, $1))
	{
		my ($kind, $name) = $line =~ m{\| `(sql|t)/(\w+)` \|$};

		$lines++;
		next if $line =~ /\| none: they are Python's \| \|$/;
		my ($test) = !defined $name ? () :
		  $kind eq 't' ? glob("$FindBin::RealBin/${name}_*.pl") : "$top/sql/$name.sql";
		push @without, $line unless defined $test && -f $test;
	}
}
cmp_ok($lines, '>=', 73, "from-annoy.md has the lines of Annoy's class");
is("@without", '', 'with their tests');

my @documents = ('README.md', map { s{^\Q$top/}{}r } sort glob("$top/docs/*.md"));

foreach my $document (@documents, 'CHANGELOG.md', 'packaging/README.md', 'test/README.md',
	'test/bench/README.md')
{
	is(join(' ', broken_links($document)), '', "$document: links lead somewhere");
}

my $documents = 0;
foreach my $document (@documents,
	map { s{^\Q$top/}{}r } sort glob("$top/docs/examples/*.sql"))
{
	my $database = lc($document) =~ s{\W}{_}gr;
	my @examples = examples($document) or next;

	$documents++;
  SKIP:
	{
		skip "$document: pgvector is not installed", 1
		  if !$has_pgvector && grep { $_->[1] =~ /CREATE EXTENSION vector/ } @examples;
		run_examples($document, $database, @examples);
	}
}
cmp_ok($documents, '>=', 12, 'documents have examples');

$node->stop;
done_testing();

# Run the examples of a document, and compare their results.
sub run_examples
{
	my ($document, $database, @examples) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");

	my ($status, $stdout, $stderr) = $node->psql(
		$database,
		join('', map { "\\echo example at line $_->[0]\n$_->[1]" } @examples),
		on_error_stop => 1,
		extra_params => [ '-F', ' | ' ]);
	is($status, 0, "$document: no example fails");
	diag($stderr) if $status != 0;

	my %output =
	  $stdout =~ /^example at line (\d+)\n(.*?)(?=^example at line |\z)/msg;
	foreach (@examples)
	{
		my ($line, undef, $expected) = @$_;

		next unless defined $expected;

		# that of the last statement
		my @lines = split(/\n/, $expected);
		my @found = split(/\n/, $output{$line} // '');
		splice(@found, 0, @found - @lines) if @found > @lines;
		is(join("\n", @found),
			join("\n", @lines),
			"$document: result of the example at line $line");
	}
	return;
}
