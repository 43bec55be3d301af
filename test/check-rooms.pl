#!/usr/bin/perl
#
# check-rooms.pl
#	  Check that the sources are as "Where to find what" in src/README says.
#
# The list there has the rooms from the ground up, with their files.  A file may
# include headers of its own room, and the one header of each room below.  What a
# header declares is defined in its room.
#
# Copyright (c) 2026, the annoy developers

use strict;
use warnings;

use File::Basename;

# annoy.h is what everybody reads first.
my $max_lines = 200;

my (%floor, %includes, $room);
my $floor = 0;
my $faults = 0;

chdir(dirname(__FILE__) . '/../src') || die "could not find the sources: $!\n";

# Read the list: files in src/ itself, rooms, and, further to the right, files in
# these.
my ($list) = slurp('README') =~ /^Where to find what\n-+\n(.*?)^[^\n]+\n---/ms;
foreach (split(/\n/, $list // die "src/README has no list of rooms\n"))
{
	next unless /^(\t\t?)(\w+\/|\w+\.[ch](?:, \w+\.[ch])*)(?:\t|$)/;
	my ($is_inside, $names) = ($1 eq "\t\t", $2);

	($room, $floor) = ('', $floor + 1) unless $is_inside;
	if ($names =~ /^(\w+)\/$/)
	{
		$room = $names;
		$floor{"$room$1.h"} = $floor;
	}
	else
	{
		$floor{"$room$_"} = $floor foreach split(/, /, $names);
	}
}

my @files = (glob('*.[ch]'), glob('*/*.[ch]'));
foreach my $file (@files)
{
	fault("$file is not in the list of src/README") unless $floor{$file};
}
foreach my $file (sort keys %floor)
{
	fault("$file is in the list of src/README, but does not exist") unless -f $file;
}
exit(1) if $faults;

my %source = map { $_ => slurp($_) } @files;
foreach my $file (@files)
{
	my $dir = dirname($file);

	foreach my $header ($source{$file} =~ /^#include "(.*)"/gm)
	{
		if (!$floor{$header})
		{
			# one of PostgreSQL's, unless the compiler finds one of ours first
			fault("$file includes $header without naming the room") if -f "$dir/$header";
			next;
		}
		push @{ $includes{$file} }, $header;
		fault("$file includes $header, which is above it")
		  if $floor{$header} > $floor{$file};
		fault("$file includes $header, which is private to its room")
		  if $floor{$header} != $floor{$file} && $header =~ /^(.*)\/(.*)\.h/ && $1 ne $2;
	}
}

# With no include upwards, a circle can only be within a room.
foreach my $file (@files)
{
	my %seen;
	my @next = @{ $includes{$file} // [] };

	while (defined(my $header = pop @next))
	{
		push @next, @{ $includes{$header} // [] } unless $seen{$header}++;
	}
	fault("$file includes itself, by way of others") if $seen{$file};
}

# Comments mention functions, too.
s{/\*.*?\*/}{}gs foreach values %source;
foreach my $header (grep { /\.h$/ } @files)
{
	my $code = join("\n", map { $source{$_} } grep { $floor{$_} == $floor{$header} } @files);

	foreach my $name ($source{$header} =~ /^extern\b[^;(]*?\b(\w+) ?\(/gm)
	{
		fault("$header declares $name, which its room does not define")
		  unless $code =~ /^$name\(/m;
	}
}

my $lines = () = slurp('annoy.h') =~ /\n/g;
fault("annoy.h has $lines lines, more than $max_lines") if $lines > $max_lines;
exit($faults > 0);

sub fault
{
	print "$_[0]\n";
	$faults++;
	return;
}

sub slurp
{
	my ($file) = @_;

	open(my $fh, '<', $file) || die "could not open \"$file\": $!\n";
	local $/;
	return <$fh>;
}
