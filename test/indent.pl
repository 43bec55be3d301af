#!/usr/bin/perl
#
# indent.pl
#	  Format C sources as PostgreSQL's are, with pg_bsd_indent.
#
# Usage: indent.pl [--check] FILE...
#
# With --check the files stay as they are; what would change is printed, and
# the exit status is 1 if there is anything.  The options are those of
# PostgreSQL's pgindent, and so is what is done before and after: without that,
# pg_bsd_indent reflows comments that begin with a row of dashes.
#
# Copyright (c) 2026, the annoy developers

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use File::Temp;

my @indent = qw(pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0
  -di12 -nfc1 -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4);
my $typedefs = abs_path(dirname(__FILE__) . '/../typedefs.list');
my $check = @ARGV && $ARGV[0] eq '--check' ? shift @ARGV : undef;
my $differ = 0;

die "usage: indent.pl [--check] FILE...\n" unless @ARGV;
die "pg_bsd_indent is not installed (Debian package pg-bsd-indent)\n"
  unless grep { -x "$_/pg_bsd_indent" } split(/:/, $ENV{PATH});

my $dir = File::Temp->newdir();

foreach my $file (@ARGV)
{
	my $before = slurp($file);
	my $after = indent($before, $file);

	next if $after eq $before;
	$differ = 1;
	spew($check ? "$dir/indented.c" : $file, $after);
	system('diff', '-u', $file, "$dir/indented.c") if $check;
	print "$file\n" unless $check;
}

exit($check ? $differ : 0);

sub slurp
{
	my ($file) = @_;

	open(my $fh, '<', $file) || die "could not open \"$file\": $!\n";
	local $/;
	return <$fh>;
}

sub spew
{
	my ($file, $text) = @_;

	open(my $fh, '>', $file) || die "could not write \"$file\": $!\n";
	print $fh $text;
	close($fh) || die "could not write \"$file\": $!\n";
	return;
}

sub indent
{
	my ($text, $file) = @_;
	my $work = "$dir/work.c";

	# It leaves a comment alone if the first character is a dash.
	$text =~ s{/\* +---}{/*---KEEP}g;
	spew($work, $text);

	# It edits the file in place, and prints only complaints.
	my $complaints = qx(cd $dir && @indent -U$typedefs work.c 2>&1);
	die "pg_bsd_indent failed on \"$file\": $complaints\n"
	  if $? != 0 || $complaints ne '';

	$text = slurp($work);
	$text =~ s{/\*---KEEP}{/* ---}g;

	# two comments on one line, and the * of a function's result type
	$text =~ s{\*/(/\*.*\*/)$}{*/\t$1}gm;
	$text =~ s{^([A-Za-z_]\S*)[ \t]+\*$}{$1 *}gm;
	return $text;
}
