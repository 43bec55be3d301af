
# Copyright (c) 2026, the annoy developers

# The examples in the documentation work, and return what they say.
#
# All SQL of a document runs in its order, in one session, in a database of its
# own.  Lines that are comments are the result of the statement before them,
# with columns separated by " | ".  Files in /srv are in a directory of the test.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node('docs');
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
	my $text = slurp_file("$FindBin::RealBin/../../docs/$document");
	$text =~ s{'/srv/}{'$directory/}g;
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

# Each line of Annoy's class has a test, which exists.
my $class = slurp_file("$FindBin::RealBin/../../docs/from-annoy.md");
my ($lines, @without) = (0);
while ($class =~ /^\| Annoy \| SQL \| test \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/mg)
{
	foreach my $line (split(/\n/, $1))
	{
		my ($kind, $name) = $line =~ m{\| `(sql|t)/(\w+)` \|$};

		$lines++;
		next if $line =~ /\| none: they are Python's \| \|$/;
		my ($test) = !defined $name ? () :
		  $kind eq 't' ? glob("$FindBin::RealBin/${name}_*.pl") : "$FindBin::RealBin/../../sql/$name.sql";
		push @without, $line unless defined $test && -f $test;
	}
}
cmp_ok($lines, '>=', 73, "from-annoy.md has the lines of Annoy's class");
is("@without", '', 'with their tests');

foreach my $document ('reference.md', 'from-annoy.md')
{
	my $database = $document =~ s/\W/_/gr;
	my @examples = examples($document);

	cmp_ok(scalar(@examples), '>=', 5, "$document has examples");
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
}

$node->stop;
done_testing();
