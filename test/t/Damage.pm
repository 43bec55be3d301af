
# Copyright (c) 2026, the annoy developers

# What can be damaged in an index, for 006_corruption.pl: here pages of all kinds,
# trees and the metapage; in DamageItems.pm rows and lists of pages.

package Damage;

use strict;
use warnings;

use DamageItems;
use Exporter 'import';
use IndexFile;

our @EXPORT = qw(@damage);

# Flags of entries: of a first one that there is a second to, and of that.
my $paired = 0x4000;
my $second = 0xC000;

# Kinds of damage: what annoy_index_check() says, and how to do it.  $_ is the
# file, and the arguments are the blocks of a leaf, an inner node and a page of
# items of tree 0, but not of the root.  Those with "heap" are noticed only if
# the index is compared with its table.
our @damage = (
	[
		'page of a wrong kind',
		qr/block 1\b.*\n.*page of kind 4 cannot be there/,
		sub { $_->set(1, kind => $kind{item}) }
	],
	[
		'unknown tag',
		qr/block (\d+)\n.*has the tag FFA8, kind 3/,
		sub { my ($leaf) = @_; $_->set($leaf, page_id => 0xFFA8) }
	],
	[
		'unknown kind of page',
		qr/block (\d+)\n.*has the tag FFA9, kind 99/,
		sub { my ($leaf, $inner, $item) = @_; $_->set($item, kind => 99) }
	],
	[
		'item page turned into a tree node',
		qr/block \d+/,
		sub { my ($leaf, $inner, $item) = @_; $_->set($item, kind => $kind{node}) }
	],
	[
		'leaf turned into an item page',
		qr/block \d+/,
		sub { my ($leaf) = @_; $_->set($leaf, kind => $kind{item}) }
	],
	[
		'special space',
		qr/block \d+\n.*The page header/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, upper => 8000);
			$_->set($leaf, special => 8000);
		}
	],
	[
		'special space of items',
		qr/block \d+\n.*The page header/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, lower => 8000);
			$_->set($item, upper => 8000);
			$_->set($item, special => 8000);
		}
	],
	[
		'end of a node',
		qr/block \d+\n.*used part of the page is said to end at 200, but/,
		sub { my ($leaf) = @_; $_->set($leaf, lower => 200) }
	],
	[
		'end of items',
		qr/block \d+\n.*used part of the page is said to end at 3000, but/,
		sub { my ($leaf, $inner, $item) = @_; $_->set($item, lower => 3000) }
	],
	[
		'level of a leaf',
		qr/block \d+/,
		sub { my ($leaf) = @_; $_->set($leaf, level => 1) }
	],
	[
		'level that cannot be',
		qr/block \d+\n.*The node is on level 200/,
		sub { my ($leaf) = @_; $_->set($leaf, level => 200) }
	],
	[
		'level of an inner node',
		qr/block \d+/,
		sub { my ($leaf, $inner) = @_; $_->set($inner, level => 0) }
	],
	[
		'level of the root',
		qr/block \d+/,
		sub { $_->set(1, level => 7) }
	],
	[
		'tree of a leaf',
		qr/block \d+, offset \d+\n.*node on level 1 of tree 0 points to block \d+, which is on level 0 of tree 1/,
		sub { my ($leaf) = @_; $_->set($leaf, tree => 1) }
	],
	[
		'tree that cannot be',
		qr/block \d+\n.*belongs to tree 9, but there are 2 trees/,
		sub { my ($leaf) = @_; $_->set($leaf, tree => 9) }
	],
	[
		'generation of a leaf',
		qr/block \d+\n.*node is of generation 9, but the trees are of 0/,
		sub { my ($leaf) = @_; $_->set($leaf, node_generation => 9) }
	],
	[
		'generation of a root',
		qr/block 1\n.*node is of generation 9, but the trees are of 0/,
		sub { $_->set(1, node_generation => 9) }
	],
	[
		'plain leaf',
		qr/block \d+\n.*on level 0 has the flags/,
		sub { my ($leaf) = @_; $_->set($leaf, flags => 4) }
	],
	[
		'leaf with an empty child',
		qr/block \d+\n.*on level 0 has the flags/,
		sub { my ($leaf) = @_; $_->set($leaf, flags => 8) }
	],
	[
		'plain root',
		qr/block 1\n.*on level \d has the flags/,
		sub { $_->set(1, flags => 4) }
	],
	[
		'count too large',
		qr/block \d+\n.*has 60000 entries, of at most/,
		sub { my ($leaf) = @_; $_->set($leaf, count => 60000) }
	],
	[
		'count one too large',
		qr/block \d+(, offset \d+)?\n/,
		sub { my ($leaf) = @_; $_->set($leaf, count => $_->get($leaf, 'count') + 1) }
	],
	[
		'count one too small',
		qr/block \d+(, offset \d+)?\n/,
		sub { my ($leaf) = @_; $_->set($leaf, count => $_->get($leaf, 'count') - 1) }
	],
	[
		'too much room in a leaf',
		qr/block \d+\n.*has room for 60000 entries, of at most/,
		sub { my ($leaf) = @_; $_->set($leaf, room => 60000) }
	],
	[
		'too much room in an inner node',
		qr/block \d+\n.*has room for 60000 entries, of at most/,
		sub { my ($leaf, $inner) = @_; $_->set($inner, room => 60000) }
	],
	[
		'no room in empty leaves',
		qr/block \d+\n.*has room for 0 entries/,
		sub {
			foreach my $leaf ($_->all(node => 0))
			{
				$_->set($leaf, room => 0);
				$_->set($leaf, count => 0);
			}
		}
	],
	[
		'no entries in an inner node',
		qr/block \d+\n.*level 1 has 0 entries/,
		sub { my ($leaf, $inner) = @_; $_->set($inner, count => 0) }
	],
	[
		'wrong flag',
		qr/block \d+, offset \d+\n.*codes of a leaf of identical vectors differ/,
		sub { my ($leaf) = @_; $_->set($leaf, flags => 1) }
	],
	[
		'child out of range',
		qr/block \d+, offset 1\n.*points to \(1000000,0\), which is not a tree node/,
		sub { my ($leaf, $inner) = @_; $_->set_pointer($inner, 0, 1_000_000, 0) }
	],
	[
		'child that is no block',
		qr/block \d+, offset 1\n.*points to \(4294967295,0\), which is not a tree node/,
		sub { my ($leaf, $inner) = @_; $_->set_pointer($inner, 0, $none, 0) }
	],
	[
		'child is the node itself',
		qr/block (\d+), offset 1\n.*level 1 of tree 0 points to block \1, which is on level 1/,
		sub { my ($leaf, $inner) = @_; $_->set_pointer($inner, 0, $inner, 0) }
	],
	[
		'child is the root',
		qr/block \d+, offset 1\n.*points to \(1,0\), which is not a tree node/,
		sub { my ($leaf, $inner) = @_; $_->set_pointer($inner, 0, 1, 0) }
	],
	[
		'child of the root is the root',
		qr/block 1, offset 1\n.*points to \(1,0\), which is not a tree node/,
		sub { $_->set_pointer(1, 0, 1, 0) }
	],
	[
		'all children are the root',
		qr/block \d+, offset 1\n.*points to \(1,0\), which is not a tree node/,
		sub {
			foreach my $inner ($_->all(node => 1))
			{
				foreach my $i (0 .. $_->get($inner, 'count') - 1)
				{
					$_->set_pointer($inner, $i, 1, 0);
				}
			}
		}
	],
	[
		'child is an item page',
		qr/block \d+, offset 1\n.*which is not a tree node/,
		sub { my ($leaf, $inner, $item) = @_; $_->set_pointer($inner, 0, $item, 0) }
	],
	[
		'child with two entries',
		qr/block \d+, offset \d+\n/,
		sub {
			my ($leaf, $inner) = @_;
			$_->set_pointer($inner, 0, @{ ($_->pointers($inner))[1] });
		}
	],
	[
		'item out of range',
		qr/block \d+, offset 1\n.*points to \(1000000,1\), which is not a slot/,
		sub { my ($leaf) = @_; $_->set_pointer($leaf, 0, 1_000_000, 1) }
	],
	[
		'item that is no block',
		qr/block \d+, offset 1\n.*points to \(4294967295,1\), which is not a slot/,
		sub { my ($leaf) = @_; $_->set_pointer($leaf, 0, $none, 1) }
	],
	[
		'item is a tree node',
		qr/block (\d+), offset 1\n.*points to \(\1,1\), which is not a slot/,
		sub { my ($leaf) = @_; $_->set_pointer($leaf, 0, $leaf, 1) }
	],
	[
		'item with a slot that does not exist',
		qr/block \d+, offset 1\n.*points to \(\d+,5000\), which is not a slot/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set_pointer($leaf, 0, $item, 5000);
		}
	],
	[
		'item without a slot',
		qr/block \d+, offset 1\n.*points to \(\d+,0\), which is not a slot/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set_pointer($leaf, 0, $item, 0);
		}
	],
	[
		'entry for another item',
		qr/block \d+, offset 2\n.*leaf has another entry for item/,
		sub {
			my ($leaf) = @_;
			$_->set_pointer($leaf, 0, @{ ($_->pointers($leaf))[1] });
		}
	],
	[
		'entries for items of each other',
		qr/block \d+, offset 1\n.*entry for \(\d+,\d+\) has a wrong code/,
		sub {
			my ($leaf) = @_;
			my @pointers = $_->pointers($leaf);
			$_->set_pointer($leaf, 0, @{ $pointers[1] });
			$_->set_pointer($leaf, 1, @{ $pointers[0] });
		}
	],
	[
		'item without an entry',
		qr/block \d+, offset \d+\n.*item has no entry in tree 0/,
		sub {
			my ($leaf, $i, @item) = $_->entry_with($paired);
			$_->remove_entries(@item);
		}
	],
	[
		'leaf with two entries of an item',
		qr/block \d+, offset \d+\n.*leaf has another entry for item/,
		sub {
			my ($leaf) = @_;
			my $count = $_->get($leaf, 'count');
			$_->set_entry($leaf, $count, $_->get_entry($leaf, 0));
			$_->set_count($leaf, $count + 1);
		}
	],
	[
		'flag of a second entry only',
		qr/block \d+, offset \d+\n.*entry for \(\d+,\d+\) has the flags 8000/,
		sub {
			my ($leaf, $i, @item) = $_->entry_with($second);
			$_->set_pointer($leaf, $i, @item, $second & ~$paired);
		}
	],
	[
		'flags of entries where there are no second ones',
		qr/block \d+, offset \d+\n.*entry for \(\d+,\d+\) has the flags [4C]000/,
		sub { $_->set(0, meta_flags => $_->get(0, 'meta_flags') & ~4) }
	],
	[
		'flag of a child',
		qr/block \d+, offset 2\n.*which is not a tree node/,
		sub {
			my ($leaf, $inner) = @_;
			my @child = @{ ($_->pointers($inner))[1] };
			$_->set_pointer($inner, 1, @child[ 0, 1 ], $paired);
		}
	],
	[
		'item without its second entry',
		qr/block \d+, offset \d+\n.*item has no second entry, which the first one tells of, in tree 0/,
		sub {
			my ($leaf, $i) = $_->entry_with($second);
			$_->remove_entry($leaf, $i);
		}
	],
	[
		'item without its first entry',
		qr/block \d+, offset \d+\n.*item has a second entry, but no first one, in tree 0/,
		sub {
			my ($leaf, $i) = $_->entry_with($paired);
			$_->remove_entry($leaf, $i);
		}
	],
	[
		'first entry that does not tell of the second one',
		qr/block \d+, offset \d+\n.*item has a second entry, which the first one does not tell of, in tree 0/,
		sub {
			my ($leaf, $i, @item) = $_->entry_with($paired);
			$_->set_pointer($leaf, $i, @item);
		}
	],
	[
		'second entry that is said to be the first',
		qr/block \d+, offset \d+\n.*another first entry in tree 0 for item/,
		sub {
			my ($leaf, $i, @item) = $_->entry_with($second);
			$_->set_pointer($leaf, $i, @item, $paired);
		}
	],
	[
		'first entry that is said to be the second',
		qr/block \d+, offset \d+\n.*another second entry in tree 0 for item/,
		sub {
			my ($leaf, $i, @item) = $_->entry_with($paired);
			$_->set_pointer($leaf, $i, @item, $second);
		}
	],
	[
		'code of an item',
		qr/block \d+, offset 3\n.*entry for \(\d+,\d+\) has a wrong code/,
		sub {
			my ($leaf) = @_;
			my $code = entry(2, 'code');
			$_->set($leaf, $code, $_->get($leaf, $code) ^ 16);
		}
	],
	[
		'signature of an entry',
		qr/block \d+, offset 3\n.*entry for \(\d+,\d+\) has the signature [0-9A-F]{2} for column 2 instead of/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, entry(2, 'signature'), $_->get($leaf, entry(2, 'signature')) ^ 3);
		}
	],
	[
		'bounds that are no values',
		qr/block \d+\n.*bounds at 0 are no values of the index's columns/,
		sub { $_->set($_->get(0, 'bounds'), [ 32 + 6, 'S' ], 7) }
	],
	[
		'end of the bounds',
		qr/block \d+\n.*page of bounds ends at 20/,
		sub { $_->set($_->get(0, 'bounds'), lower => 20) }
	],
	[
		'bounds beyond the end',
		qr/block 0\n.*metapage has bounds of columns at \d+ of 200 pages, but the index ends at/,
		sub { $_->set(0, bounds => $_->blocks - 1); $_->set(0, n_bounds => 200) }
	],
	[
		'bounds that are not in order',
		qr/block \d+\n.*Bound 3 of column 2 is not above the one before it/,
		sub {
			my $block = $_->get(0, 'bounds');
			# tuples of 16 bytes: a header and an integer
			$_->set($block, [ 32 + 16 * 2 + 8, 'l' ], $_->get($block, [ 32 + 16 + 8, 'l' ]));
		}
	],
	[
		'bounds on a page of a wrong kind',
		qr/block \d+\n.*page is of kind 3 instead of 9/,
		sub { my ($leaf) = @_; $_->set(0, bounds => $leaf) }
	],
	[
		'signatures of a column that does not exist',
		qr/block 0\n.*metapage has signatures of column 9 behind the vector, of 1/,
		sub { $_->set(0, [ 144, 'C' ], 9) }
	],
	[
		'code of a child',
		qr/block \d+, offset 2\n.*entry for \(\d+,0\) has a wrong code/,
		sub {
			my ($leaf, $inner) = @_;
			my $code = entry(1, 'code');
			$_->set($inner, $code, $_->get($inner, $code) ^ 1);
		}
	],
	[
		'factor of an entry',
		qr/block \d+, offset 1\n.*has the factors/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, entry(0, 'slope'),
				2 * $_->get($leaf, entry(0, 'slope')));
		}
	],
	[
		'factors that are no numbers',
		qr/block \d+, offset 1\n.*has the factors nan/i,
		sub {
			foreach my $leaf ($_->all(node => 0), $_->all(node => 1))
			{
				foreach my $i (0 .. $_->get($leaf, 'count') - 1)
				{
					$_->set($leaf, entry($i, 'offset'), 'nan');
					$_->set($leaf, entry($i, 'slope'), 'inf');
				}
			}
		}
	],
	[
		'error of an entry',
		qr/block \d+, offset 1\n.*has the factors/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, entry(0, 'error'),
				$_->get($leaf, entry(0, 'error')) + 1);
		}
	],
	[
		'centre of a leaf',
		qr/block \d+, offset \d+\n.*The entry for/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, centre => $_->get($leaf, 'centre') + 1000);
		}
	],
	[
		'scale of a centre',
		qr/block \d+\n.*centre has the scale -?nan/i,
		sub { my ($leaf) = @_; $_->set($leaf, centre_scale => 'nan') }
	],
	[
		'centre far away',
		qr/block \d+\n.*centre has the scale 1e\+30/,
		sub { my ($leaf) = @_; $_->set($leaf, centre_scale => 1e30) }
	],
	[
		'vector of an item',
		qr/block \d+, offset \d+\n.*The entry for/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, component(3, 5), 1e10);
		}
	],
	[
		'vector that is no numbers',
		qr/block \d+\n.*Component 1 of the vector in slot 4 is -?nan/i,
		sub {
			my ($leaf, $inner, $item) = @_;
			foreach my $j (0 .. $dims - 1)
			{
				$_->set($item, component(3, $j), 'nan');
			}
		}
	],
	[
		'right link into nowhere',
		qr/block \d+\n.*link to block 1000000 on level 0 of tree 0 leads nowhere/,
		sub { my ($leaf) = @_; $_->set($leaf, right => 1_000_000) }
	],
	[
		'right link to the node itself',
		qr/block (\d+)\n.*link to block \1 on level 0 of tree 0 is the second one/,
		sub { my ($leaf) = @_; $_->set($leaf, right => $leaf) }
	],
	[
		'right links in a circle',
		qr/block \d+\n.*on level 0 of tree 0 is the second one/,
		sub {
			foreach my $leaf ($_->all(node => 0))
			{
				my $right = $_->get($leaf, 'right');
				$_->set($leaf, right => $_->get(0, leftmost(0, 0)))
				  if $right == $none;
			}
		}
	],
	[
		'right links in a circle that searches follow',
		qr/block \d+/,
		sub {
			foreach my $leaf ($_->all(node => 0))
			{
				$_->set($leaf, nsn => 1000);
				$_->set($leaf, right => $leaf);
			}
		}
	],
	[
		'right links of inner nodes in a circle',
		qr/block \d+/,
		sub {
			foreach my $inner ($_->all(node => 1))
			{
				$_->set($inner, nsn => 1000);
				$_->set($inner, right => $inner);
			}
		}
	],
	[
		'right link cut off',
		qr/block \d+\n.*is not linked to the others of its level/,
		sub { my ($leaf) = @_; $_->set($leaf, right => $none) }
	],
	[
		'right link to a page of items',
		qr/block \d+\n.*The page is not a tree node/,
		sub { my ($leaf, $inner, $item) = @_; $_->set($leaf, right => $item) }
	],
	[
		'split sequence number',
		qr/block \d+, offset \d+\n.*has the split sequence number 77/,
		sub { my ($leaf) = @_; $_->set($leaf, nsn => 77) }
	],
	[
		'root has a sibling',
		qr/block 1\n.*has the right sibling \d+/,
		sub { my ($leaf) = @_; $_->set(1, right => $leaf) }
	],
	[
		'zeroed leaf',
		qr/block \d+, offset \d+\n.*which is not a tree node/,
		sub { my ($leaf) = @_; $_->page($leaf, "\0" x $page_size) }
	],
	[
		'zeroed page of items',
		qr/block \d+, offset \d+\n.*which is not a slot/,
		sub { my ($leaf, $inner, $item) = @_; $_->page($item, "\0" x $page_size) }
	],
	[
		'zeroed root',
		qr/block 1\n.*all zeroes/,
		sub { $_->page(1, "\0" x $page_size) }
	],
	[
		'zeroed metapage',
		qr/block 0\n.*The page is all zeroes/,
		sub { $_->page(0, "\0" x $page_size) }
	],
	[
		'two leaves swapped',
		qr/block \d+(, offset \d+)?\n/,
		sub {
			my ($leaf) = @_;
			my ($other) = grep { $_ != $leaf && $_ > 2 } $_->all(node => 0);
			my $page = $_->page($leaf);
			$_->page($leaf, $_->page($other));
			$_->page($other, $page);
		}
	],
	[
		'two pages of items swapped',
		qr/block \d+, offset \d+\n.*The entry for/,
		sub {
			my @items = $_->all('item');
			my $page = $_->page($items[2]);
			$_->page($items[2], $_->page($items[5]));
			$_->page($items[5], $page);
		}
	],
	[
		'leaf and page of items swapped',
		qr/block \d+/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my $page = $_->page($leaf);
			$_->page($leaf, $_->page($item));
			$_->page($item, $page);
		}
	],
	[
		'copy of a leaf',
		qr/block \d+\n.*is not linked to the others/,
		sub { my ($leaf) = @_; $_->{bytes} .= $_->page($leaf) }
	],
	[
		'leftmost leaf of another level',
		qr/block 0\n.*on level 0 of tree 0 is the second one to that block/,
		sub { my ($leaf, $inner) = @_; $_->set(0, leftmost(0, 0), $inner) }
	],
	[
		'leftmost inner node of another level',
		qr/block \d+\n.*linked from block 0 on level 1 of tree 0/,
		sub { my ($leaf) = @_; $_->set(0, leftmost(0, 1), $leaf) }
	],
	[
		'leftmost leaf of another tree',
		qr/block \d+\n.*linked from block 0 on level 0 of tree 0/,
		sub { $_->set(0, leftmost(0, 0), $_->get(0, leftmost(1, 0))) }
	],
	[
		'leftmost leaf that is not leftmost',
		qr/block \d+\n.*is not linked to the others/,
		sub {
			$_->set(0, leftmost(0, 0),
				$_->get($_->get(0, leftmost(0, 0)), 'right'));
		}
	],
	[
		'no leftmost leaf',
		qr/block 0\n.*link to block 4294967295 on level 0 of tree 0 leads nowhere/,
		sub { $_->set(0, leftmost(0, 0), $none); }
	],
	[
		'leftmost node above the root',
		qr/block 1\n.*The metapage has block \d+ as leftmost node on level 7/,
		sub { my ($leaf) = @_; $_->set(0, leftmost(0, 7), $leaf) }
	],
	[
		'leftmost node of a tree that does not exist',
		qr/block 0\n.*a node of tree 50, but there are 2 trees/,
		sub { my ($leaf) = @_; $_->set(0, leftmost(50, 0), $leaf) }
	],
	[
		'too many trees',
		qr/block 3\n.*page of kind \d cannot be there/,
		sub { $_->set(0, n_trees => 3) }
	],
	[
		'too few trees',
		qr/block \d+\n/,
		sub { $_->set(0, n_trees => 1) }
	],
	[
		'no trees',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, n_trees => 0) }
	],
	[
		'dimensions', qr/block \d+/, sub { $_->set(0, dim => 48) }
	],
	[
		'dimensions lost', qr/block \d+/, sub { $_->set(0, dim => 0) }
	],
	[
		'too many dimensions',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, dim => 100_000) }
	],
	[
		'many dimensions',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, dim => 8192) }
	],
	[
		'type of vectors',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, dtype => 3) }
	],
	[ 'wider vectors', qr/block \d+/, sub { $_->set(0, dtype => 2) } ],
	[ 'narrower vectors', qr/block \d+/, sub { $_->set(0, dtype => 4) } ],
	[ 'vectors of bytes', qr/block \d+/, sub { $_->set(0, dtype => 5) } ],
	[
		'unknown type of vectors',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, dtype => 6) }
	],
	[ 'seed', qr/block \d+, offset 1\n.*The entry for/, sub { $_->set(0, seed => 42) } ],
	[
		'scale',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, scale_exponent => 1023) }
	],
	[
		'other scale',
		qr/block \d+, offset 1\n.*The entry for/,
		sub { $_->set(0, scale_exponent => 1 + $_->get(0, 'scale_exponent')) }
	],
	[
		'other generation',
		qr/block 1\n.*node is of generation 0, but the trees are of 3/,
		sub { $_->set(0, generation => 3) }
	],
	[
		'size of what trees were made of',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, grown_from => -1) }
	],
	[
		'list of free pages begins with a root',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, node_free => 1) }
	],
	[
		'list of free pages begins with a leaf',
		qr/block 0\n.*points to block \d+, which does not follow in the list of free pages/,
		sub { my ($leaf) = @_; $_->set(0, node_free => $leaf) }
	],
	[
		'list of free pages begins nowhere',
		qr/block 0\n.*points to block 1000000, which does not follow in the list of free pages/,
		sub { $_->set(0, node_free => 1_000_000) }
	],
	[
		'no mean at all',
		qr/block 0\n.*knows no mean/,
		sub { $_->set(0, mean => $none); $_->set(0, n_mean => 0) }
	],
	[
		'number of items at the build',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, built_items => 'nan') }
	],
	[
		'points of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('points') => 25) }
	],
	[
		'vectors of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('items') => 'inf') }
	],
	[
		'size of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('blocks') => 0) }
	],
	[
		'queries of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('queries') => 0) }
	],
	[
		'effort of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('effort', 3) => 'nan') }
	],
	[
		'endless effort of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('effort', $_->get(0, curve('points')) - 1) => 1e30) }
	],
	[
		'order of efforts',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('effort', 3) => 1) }
	],
	[
		'recall of the curve',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('recall', 2) => 1.5) }
	],
	[
		'recall that is no number',
		qr/block 0\n.*a recall curve that cannot be used/,
		sub { $_->set(0, curve('recall', 2) => 'nan') }
	],
	[
		'place of the mean',
		qr/block \d+\n.*The page is of kind 3 instead of 2/,
		sub { my ($leaf) = @_; $_->set(0, mean => $leaf) }
	],
	[
		'place of the mean out of range',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, mean => 1_000_000) }
	],
	[
		'no mean',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, mean => $none) }
	],
	[
		'size of the mean',
		qr/block 0\n.*The metapage has/,
		sub { $_->set(0, n_mean => 2) }
	],
	[
		'mean that is no numbers',
		qr/block \d+\n.*Component 8 of the mean is -?nan/i,
		sub { $_->set($_->get(0, 'mean'), [ 32 + 4 * 7, 'f' ], 'nan') }
	],
	@damage_of_items);

1;
