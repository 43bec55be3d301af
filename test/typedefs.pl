#!/usr/bin/perl
#
# typedefs.pl
#	  Print the typedef names that the sources use, for pg_bsd_indent.
#
# Usage: typedefs.pl PREPROCESSOR [OPTION]... >typedefs.list
#
# pg_bsd_indent has to know which words are types, or it takes the * of a
# declaration for a multiplication.  Every source file is preprocessed, so that
# the typedefs of PostgreSQL and of the system are seen as well as our own;
# those whose names occur in our sources make up the list.
#
# Copyright (c) 2026, the annoy developers

use strict;
use warnings;

my @preprocessor = @ARGV;
die "usage: typedefs.pl PREPROCESSOR [OPTION]...\n" unless @preprocessor;

# bool is a macro in <stdbool.h>
my %typedef = (bool => 1);
my %word;

# PostgreSQL's or the system's types whose names we have for something else
my %excluded = map { $_ => 1 } qw(text);

foreach my $file (glob('src/*.[ch] src/*/*.[ch] test/bench/*.[ch]'))
{
	open(my $fh, '<', $file) || die "could not open \"$file\": $!\n";
	my $source = do { local $/; <$fh> };
	close($fh);

	$source =~ s{/\*.*?\*/}{ }gs;
	$word{$_} = 1 foreach $source =~ /\b([A-Za-z_]\w*)\b/g;
	collect_typedefs($file) if $file =~ /\.c$/;
}

# Types of other processors' vector units are in no header here.
foreach (keys %word)
{
	$typedef{$_} = 1 if /_t$/ || /^__m\d+i?$/;
}

print "$_\n" foreach grep { $word{$_} && !$excluded{$_} } sort keys %typedef;

# Add what is declared by "typedef" in a source file or a file it includes.
sub collect_typedefs
{
	my ($file) = @_;

	open(my $fh, '-|', @preprocessor, $file)
	  || die "could not run \"$preprocessor[0]\": $!\n";
	my $source = do { local $/; <$fh> };
	close($fh) || die "\"$preprocessor[0]\" failed for \"$file\"\n";

	$source =~ s/^#.*$//gm;
	$source =~ s/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/0/g;

	# nested parentheses and braces
	my ($parens, $braces);
	$parens = qr/\((?:[^()]|(??{$parens}))*\)/;
	$braces = qr/\{(?:[^{}]|(??{$braces}))*\}/;

	while ($source =~ /\btypedef\b((?:[^;{}]|$braces)*);/g)
	{
		my $declaration = $1;

		$declaration =~ s/\b__attribute__\s*$parens//g;
		$declaration =~ s/$braces//g;
		$declaration =~ s/\[[^]]*\]//g;

		# a pointer to a function has its name in parentheses
		if ($declaration =~ /\(\s*\*+\s*(\w+)\s*\)/)
		{
			$typedef{$1} = 1;
			next;
		}
		$declaration =~ s/$parens//g;
		$declaration =~ s/,\s*\**\s*(\w+)\s*$// && ($typedef{$1} = 1)
		  while $declaration =~ /,/;
		$typedef{$1} = 1 if $declaration =~ /(\w+)\s*$/;
	}
	return;
}
