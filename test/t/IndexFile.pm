
# Copyright (c) 2026, the annoy developers

# The file of an index, as an object, and where things are on its pages.

package IndexFile;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max);

our @EXPORT = qw(
  $dims
  $none
  $nulls_per_page
  $page_size
  $slots_per_page
  %kind
  attributes_fields
  attributes_of
  byte_of
  component
  curve
  entry
  header_fields
  item_of
  leftmost
  meta_fields
  node_fields
  number
  signature_of
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
	meta_flags => [ 46, 'S' ],
	seed => [ 48, 'Q' ],
	dim => [ 56, 'l' ],
	scale_exponent => [ 60, 'l' ],
	mean => [ 64, 'L' ],
	n_mean => [ 68, 'L' ],
	built_items => [ 72, 'd' ],
	null_free => [ 88, 'L' ],
	attributes => [ 96, 'L' ],
	attributes_free => [ 100, 'L' ],
	vacuum => [ 108, 'L' ],
	generation => [ 116, 'L' ],
	grown_from => [ 120, 'd' ],
	node_free => [ 128, 'L' ],
	bounds => [ 136, 'L' ],
	n_bounds => [ 140, 'L' ],
	adapt_from => [ 152, 'd' ],
	adapt_due => [ 160, 'd' ],
	adapt_next => [ 172, 'L' ],
	moves => [ 176, 'L' ],
	# pages of attributes
	next => [ 32, 'L' ],
	numbers => [ 36, 'S' ],
	start => [ 38, 'S' ],
	attributes_bytes => [ 40, 'C' ],
	attributes_generation => [ 41, 'C' ],
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
	free => 8,
	bounds => 9);
our $none = 0xFFFFFFFF;
our $nulls_per_page = int((8192 - 32) / 8);
# with a pointer to attributes
our $slots_per_page = int((8192 - 32) / (4 * $dims + 14));
my $slots_size = 8 * int(($slots_per_page * 14 + 7) / 8);

# The metapage's columns that signatures are for, its leftmost nodes, of 100 trees, and its curve, which begins with a
# double.
my $columns_at = 144;
my $leftmost_at = 180;
my $curve_at = 8 * int(($leftmost_at + 4 * 8 * 100 + 7) / 8);

sub leftmost
{
	my ($tree, $level) = @_;
	return [ $leftmost_at + 4 * (8 * $tree + $level), 'L' ];
}

# Fields of pages of some kinds, whatever the vectors are, for whoever does not
# care what they mean.
sub header_fields
{
	return @at{qw(lower upper special page_id kind next_free)};
}

sub meta_fields
{
	return (
		(map { [ 32 + 4 * $_, 'L' ] } 0, 1),
		(map { [ 40 + 2 * $_, 'S' ] } 0 .. 3),
		(map { [ 80 + 4 * $_, 'L' ] } 0 .. 17),
		@at{
			qw(dtype n_trees seed dim scale_exponent mean n_mean built_items null_free
			  attributes attributes_free vacuum generation grown_from node_free bounds n_bounds
			  adapt_from adapt_due adapt_next moves)
		},
		(map { leftmost(int($_ / 4), $_ % 4) } 0 .. 7),
		[ $curve_at, 'd' ],
		(map { [ $curve_at + 8 + 4 * $_, 'L' ] } 0 .. 4),
		(map { [ $curve_at + 32 + 4 * int(rand(193)), 'f' ] } 0 .. 3));
}

sub node_fields
{
	return (
		@at{
			qw(tree node_generation level flags count room nsn child_nsn right centre_scale
			  centre)
		},
		[ 40, 'L' ],
		[ 60, 'f' ]);
}

sub attributes_fields
{
	return @at{qw(next numbers start attributes_bytes attributes_generation next_free)};
}

# Parts of the recall curve, which follows the leftmost nodes: the i-th effort, or
# recall of ten rows.
sub curve
{
	my ($part, $i) = @_;
	my $start = 8 * int((leftmost(100, 0)->[0] + 7) / 8);
	my %part = (
		items => [ 0, 'd' ],
		blocks => [ 8, 'L' ],
		points => [ 12, 'L' ],
		queries => [ 16, 'L' ],
		effort => [ 32, 'f' ],
		recall => [ 128, 'f' ]);
	my ($offset, $type) = @{ $part{$part} };

	return [ $start + $offset + 4 * ($i // 0), $type ];
}

# Parts of entry i of a node: where they are if its block is full, and in a row.  In a
# leaf, blocks before it are longer by signatures, which get and set know of, as on
# pages of attributes.
sub entry
{
	my ($i, $part) = @_;
	my $block = 128 + int($i / 16) * 16 * ($dims + 16);
	my $lane = $i % 16;
	my $row = $block + $lane * ($dims + 16);
	my %part = (
		# the first byte
		code => [ $block + $lane, 'C', $row ],
		offset => [ $block + 16 * $dims + 4 * $lane, 'f', $row + $dims ],
		slope => [ $block + 16 * ($dims + 4) + 4 * $lane, 'f', $row + $dims + 4 ],
		error => [ $block + 16 * ($dims + 8) + 2 * $lane, 'S', $row + $dims + 8 ],
		# block, high and low half, and offset
		pointer => [ $block + 16 * ($dims + 10) + 6 * $lane, 'SSS', $row + $dims + 10 ],
		# its first byte, never in a row
		signature => [ $block + 16 * ($dims + 16) + $lane, 'C' ]);
	my ($offset, $format, $in_row) = @{ $part{$part} };
	return [ $offset, $format, int($i / 16), $in_row ];
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
	return [ 48 + 32 * int($i / 16) + 2 * ($i % 16), 'S', int($i / 16) ];
}

# Byte n of its signature.
sub signature_of
{
	my ($i, $n) = @_;
	return [ 80 + 32 * int($i / 16) + 16 * $n + $i % 16, 'C', int($i / 16) ];
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

# The item of the tuple.
sub item_of
{
	my ($file, $block, $i) = @_;
	my ($high, $low, $offset) =
	  $file->get($block, tuple($file, $block, $i, 'item'));
	return ($high << 16 | $low, $offset);
}

sub new
{
	my ($class, $bytes) = @_;
	return bless { bytes => $bytes }, $class;
}

# Bytes of a signature.
sub signature_bytes
{
	my ($self) = @_;
	return scalar(grep { $_ } unpack('C8', substr($self->{bytes}, $columns_at, 8)));
}

# A place on a page: offset and format.
sub place
{
	my ($self, $block, $place) = @_;
	my ($offset, $format, $blocks, $in_row) = @{ ref $place ? $place : $at{$place} || die $place };
	$offset = $in_row if defined $in_row && $blocks >= int($self->get($block, 'count') / 16);
	$offset += 16 * $self->signature_bytes * $blocks
	  if $blocks && ($self->get($block, 'kind') == $kind{attributes}
		|| $self->get($block, 'level') == 0);
	return ($offset, $format);
}

sub blocks { my ($self) = @_; return length($self->{bytes}) / $page_size; }

sub get
{
	my ($self, $block, $place) = @_;
	my ($offset, $format) = $self->place($block, $place);
	my $size = length(pack($format, (0) x length($format)));
	my @values = unpack($format,
		substr($self->{bytes}, $block * $page_size + $offset, $size));
	return wantarray ? @values : $values[0];
}

sub set
{
	my ($self, $block, $place, @values) = @_;
	my ($offset, $format) = $self->place($block, $place);
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

# Children of an inner node, and items of a leaf: [block, offset, flags of the entry].
sub pointers
{
	my ($self, $block) = @_;
	return map {
		my ($high, $low, $offset) =
		  $self->get($block, entry($_, 'pointer'));
		[ $high << 16 | $low, $offset & 0x3FFF, $offset & 0xC000 ]
	} 0 .. $self->get($block, 'count') - 1;
}

# An entry with those flags, of a leaf of tree 0 but for the first: its leaf, its
# number there, and what it points to.
sub entry_with
{
	my ($self, $flags) = @_;
	foreach my $leaf ($self->all(node => 0))
	{
		my @pointers = $self->pointers($leaf);
		my ($i) = grep { $pointers[$_]->[2] == $flags } 1 .. $#pointers;
		return ($leaf, $i, @{ $pointers[$i] }[ 0, 1 ]) if defined $i;
	}
	die "no entry with flags $flags";
}

# The entries of items in all trees, by "block,offset": leaves, and numbers there.
sub entries_of
{
	my ($self, @items) = @_;
	my %entries = map { $_ => [] } @items;
	foreach my $leaf (grep { $self->get($_, 'level') == 0 } $self->all('node'))
	{
		my $i = 0;
		foreach my $pointer ($self->pointers($leaf))
		{
			my $item = "$pointer->[0],$pointer->[1]";
			push @{ $entries{$item} }, [ $leaf, $i ] if exists $entries{$item};
			$i++;
		}
	}
	return %entries;
}

# Remove an entry of a leaf; the last one takes its place.
sub remove_entry
{
	my ($self, $leaf, $i) = @_;
	my $last = $self->get($leaf, 'count') - 1;
	$self->set_entry($leaf, $i, $self->get_entry($leaf, $last));
	$self->set_entry($leaf, $last);
	$self->set_count($leaf, $last);
	return;
}

# Set the number of entries of a node, from one more or less: a block is in rows until it
# is full.
sub set_count
{
	my ($self, $block, $count) = @_;
	my $first = 16 * int((max($count, $self->get($block, 'count')) - 1) / 16);
	my @entries = map { $self->get_entry($block, $_) } $first .. $first + 15;
	$self->set($block, count => $count);
	$self->set_entry($block, $first + $_, $entries[$_]) foreach 0 .. 15;
	return;
}

# Remove all entries of an item from tree 0.
sub remove_entries
{
	my ($self, $to, $offset) = @_;
	foreach my $leaf ($self->all(node => 0))
	{
		my @pointers = $self->pointers($leaf);
		$self->remove_entry($leaf, $_)
		  foreach grep { $pointers[$_]->[0] == $to && $pointers[$_]->[1] == $offset } 0 .. $#pointers;
	}
	return;
}

# All bytes of an entry; zeroes if none are given.
sub get_entry
{
	my ($self, $block, $i) = @_;
	return [
		map({ $self->get($block, byte_of($i, 'code', $_)) } 0 .. $dims - 1),
		map({ $self->get($block, byte_of($i, 'signature', $_)) } 0 .. $self->signature_bytes - 1),
		map({ $self->get($block, entry($i, $_)) }
			qw(offset slope error pointer)) ];
}

sub set_entry
{
	my ($self, $block, $i, $bytes) = @_;
	my @bytes = defined $bytes ? @$bytes : (0) x ($dims + $self->signature_bytes + 6);
	$self->set($block, byte_of($i, 'code', $_), shift @bytes)
	  foreach (0 .. $dims - 1);
	$self->set($block, byte_of($i, 'signature', $_), shift @bytes)
	  foreach (0 .. $self->signature_bytes - 1);
	$self->set($block, entry($i, $_), shift @bytes)
	  foreach qw(offset slope error);
	$self->set($block, entry($i, 'pointer'), @bytes);
	return;
}

# A further byte of entry i's code or signature.
sub byte_of
{
	my ($i, $part, $n) = @_;
	my ($offset, $format, $blocks, $in_row) = @{ entry($i, $part) };
	return [ $offset + 16 * $n, $format, $blocks, defined $in_row ? $in_row + $n : undef ];
}

sub set_pointer
{
	my ($self, $block, $i, $to, $offset, $flags) = @_;
	$self->set($block, entry($i, 'pointer'),
		$to >> 16, $to & 0xFFFF, $offset | ($flags // 0));
	return;
}

1;
