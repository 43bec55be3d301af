
# Copyright (c) 2026, the annoy developers

# The file of an index, as an object, and where things are on its pages.

package IndexFile;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(
  $dims
  $none
  $nulls_per_page
  $page_size
  $slots_per_page
  %kind
  attributes_of
  component
  entry
  leftmost
  number
  slot
  tuple
);

# Where things are on a page; see annoy_page.h.  Vectors have 32 dimensions of
# type real, so that a centre takes 64 bytes and a code 32, in leaves and inner
# nodes.
our $page_size = 8192;
our $dims = 32;
my %at = (
	lower => [ 12, 'S' ],
	upper => [ 14, 'S' ],
	special => [ 16, 'S' ],
	page_id => [ 24, 'S' ],
	kind => [ 26, 'S' ],
	next_free => [ 28, 'L' ],
	# the metapage
	dtype => [ 42, 'S' ],
	n_trees => [ 44, 'S' ],
	seed => [ 48, 'Q' ],
	dim => [ 56, 'l' ],
	scale_exponent => [ 60, 'l' ],
	mean => [ 64, 'L' ],
	n_mean => [ 68, 'L' ],
	built_items => [ 72, 'd' ],
	null_free => [ 88, 'L' ],
	attributes => [ 96, 'L' ],
	attributes_free => [ 100, 'L' ],
	generation => [ 108, 'L' ],
	grown_from => [ 112, 'd' ],
	node_free => [ 120, 'L' ],
	# pages of attributes
	next => [ 32, 'L' ],
	numbers => [ 36, 'S' ],
	start => [ 38, 'S' ],
	# nodes
	tree => [ 32, 'C' ],
	node_generation => [ 33, 'C' ],
	level => [ 34, 'C' ],
	flags => [ 35, 'C' ],
	count => [ 36, 'S' ],
	room => [ 38, 'S' ],
	nsn => [ 44, 'L' ],
	child_nsn => [ 48, 'L' ],
	right => [ 52, 'L' ],
	centre_scale => [ 56, 'f' ],
	centre => [ 64, 's' ],);
our %kind = (
	meta => 1,
	mean => 2,
	node => 3,
	item => 4,
	data => 5,
	nulls => 6,
	attributes => 7,
	free => 8);
our $none = 0xFFFFFFFF;
our $nulls_per_page = int((8192 - 32) / 8);
# with a pointer to attributes
our $slots_per_page = int((8192 - 32) / (4 * $dims + 14));
my $slots_size = 8 * int(($slots_per_page * 14 + 7) / 8);

sub leftmost
{
	my ($tree, $level) = @_;
	return [ 124 + 4 * (8 * $tree + $level), 'L' ];
}

# Parts of entry i of a node.
sub entry
{
	my ($i, $part) = @_;
	my $block = 128 + int($i / 16) * 16 * ($dims + 16);
	my $lane = $i % 16;
	my %part = (
		code => [ $block + $lane, 'C' ],
		offset => [ $block + 16 * $dims + 4 * $lane, 'f' ],
		slope => [ $block + 16 * ($dims + 4) + 4 * $lane, 'f' ],
		error => [ $block + 16 * ($dims + 8) + 2 * $lane, 'S' ],
		# block, high and low half, and offset
		pointer => [ $block + 16 * ($dims + 10) + 6 * $lane, 'SSS' ]);
	return $part{$part};
}

# Slot i of a page of items: row, and state; and component j of its vector.
sub slot
{
	my ($i) = @_;
	return [ 32 + 8 * $i, 'SSSS' ];
}

sub component
{
	my ($i, $j) = @_;
	return [ 32 + $slots_size + 4 * ($dims * $i + $j), 'f' ];
}

# Where the attributes of the item in slot i are: block, high and low half, and
# offset.
sub attributes_of
{
	my ($i) = @_;
	return [ 32 + 8 * $slots_per_page + 6 * $i, 'SSS' ];
}

# Where tuple i of a page of attributes begins; and a part of it.
sub number
{
	my ($i) = @_;
	return [ 40 + 2 * $i, 'S' ];
}

sub tuple
{
	my ($file, $block, $i, $part) = @_;
	my $start = $file->get($block, number($i));
	my %part = (
		item => [ $start, 'SSS' ],
		info => [ $start + 6, 'S' ],
		id => [ $start + 8, 'l' ]);
	return $part{$part};
}

sub new
{
	my ($class, $bytes) = @_;
	return bless { bytes => $bytes }, $class;
}

sub blocks { my ($self) = @_; return length($self->{bytes}) / $page_size; }

sub get
{
	my ($self, $block, $place) = @_;
	my ($offset, $format) =
	  @{ ref $place ? $place : $at{$place} || die $place };
	my $size = length(pack($format, (0) x length($format)));
	my @values = unpack($format,
		substr($self->{bytes}, $block * $page_size + $offset, $size));
	return wantarray ? @values : $values[0];
}

sub set
{
	my ($self, $block, $place, @values) = @_;
	my ($offset, $format) =
	  @{ ref $place ? $place : $at{$place} || die $place };
	my $bytes = pack($format, @values);
	substr($self->{bytes}, $block * $page_size + $offset, length($bytes)) =
	  $bytes;
	return;
}

sub page
{
	my ($self, $block, $page) = @_;
	return substr($self->{bytes}, $block * $page_size, $page_size)
	  unless defined $page;
	substr($self->{bytes}, $block * $page_size, $page_size) = $page;
	return;
}

# Blocks of pages of a kind; of nodes, those on a level of tree 0.
sub all
{
	my ($self, $kind, $level) = @_;
	return grep {
		$self->get($_, 'kind') == $kind{$kind}
		  && (!defined $level
			|| ($self->get($_, 'level') == $level
				&& $self->get($_, 'tree') == 0))
	} 0 .. $self->blocks - 1;
}

# Children of an inner node, and items of a leaf: [block, offset].
sub pointers
{
	my ($self, $block) = @_;
	return map {
		my ($high, $low, $offset) =
		  $self->get($block, entry($_, 'pointer'));
		[ $high << 16 | $low, $offset ]
	} 0 .. $self->get($block, 'count') - 1;
}

# All bytes of an entry; zeroes if none are given.
sub get_entry
{
	my ($self, $block, $i) = @_;
	my ($code) = @{ entry($i, 'code') };
	return [
		map({ $self->get($block, [ $code + 16 * $_, 'C' ]) } 0 .. $dims - 1),
		map({ $self->get($block, entry($i, $_)) }
			qw(offset slope error pointer)) ];
}

sub set_entry
{
	my ($self, $block, $i, $bytes) = @_;
	my @bytes = defined $bytes ? @$bytes : (0) x ($dims + 6);
	my ($code) = @{ entry($i, 'code') };
	$self->set($block, [ $code + 16 * $_, 'C' ], shift @bytes)
	  foreach (0 .. $dims - 1);
	$self->set($block, entry($i, $_), shift @bytes)
	  foreach qw(offset slope error);
	$self->set($block, entry($i, 'pointer'), @bytes);
	return;
}

sub set_pointer
{
	my ($self, $block, $i, $to, $offset) = @_;
	$self->set($block, entry($i, 'pointer'),
		$to >> 16, $to & 0xFFFF, $offset);
	return;
}

1;
