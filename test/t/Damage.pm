
# Copyright (c) 2026, the annoy developers

# What can be damaged in an index, for 006_corruption.pl.

package Damage;

use strict;
use warnings;

use Exporter 'import';
use IndexFile;

our @EXPORT = qw(@damage);

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
		qr/block \d+, offset 2\n.*second one in tree 0 for item/,
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
			my ($leaf) = @_;
			my $last = $_->get($leaf, 'count') - 1;
			$_->set($leaf, count => $last);
			$_->set_entry($leaf, $last);
		}
	],
	[
		'item with two entries',
		qr/block \d+, offset \d+\n.*second one in tree 0 for item/,
		sub {
			my ($leaf) = @_;
			my $count = $_->get($leaf, 'count');
			$_->set_entry($leaf, $count, $_->get_entry($leaf, 0));
			$_->set($leaf, count => $count + 1);
		}
	],
	[
		'code of an item',
		qr/block \d+, offset 3\n.*entry for \(\d+,\d+\) has a wrong code/,
		sub {
			my ($leaf) = @_;
			$_->set($leaf, entry(2, 'code'),
				$_->get($leaf, entry(2, 'code')) ^ 16);
		}
	],
	[
		'code of a child',
		qr/block \d+, offset 2\n.*entry for \(\d+,0\) has a wrong code/,
		sub {
			my ($leaf, $inner) = @_;
			$_->set($inner, entry(1, 'code'),
				$_->get($inner, entry(1, 'code')) ^ 1);
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
		qr/block \d+, offset \d+\n.*The entry for/,
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
		qr/block \d+, offset \d+\n.*The entry for/,
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
		qr/unexpected zero page at block 0/,
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
		qr/corrupted metapage/,
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
		qr/corrupted metapage/,
		sub { $_->set(0, dim => 100_000) }
	],
	[
		'many dimensions',
		qr/corrupted metapage/,
		sub { $_->set(0, dim => 8192) }
	],
	[
		'type of vectors',
		qr/corrupted metapage/,
		sub { $_->set(0, dtype => 3) }
	],
	[ 'wider vectors', qr/block \d+/, sub { $_->set(0, dtype => 2) } ],
	[ 'narrower vectors', qr/block \d+/, sub { $_->set(0, dtype => 4) } ],
	[
		'unknown type of vectors',
		qr/corrupted metapage/,
		sub { $_->set(0, dtype => 5) }
	],
	[ 'seed', qr/block \d+, offset 1\n.*The entry for/, sub { $_->set(0, seed => 42) } ],
	[
		'scale',
		qr/block 0\n.*has the scale 3/,
		sub { $_->set(0, scale => 3) }
	],
	[
		'other scale',
		qr/block \d+, offset 1\n.*The entry for/,
		sub { $_->set(0, scale => 2 * $_->get(0, 'scale')) }
	],
	[
		'number of items at the build',
		qr/corrupted metapage/,
		sub { $_->set(0, built_items => 'nan') }
	],
	[
		'place of the mean',
		qr/corrupted page at block/,
		sub { my ($leaf) = @_; $_->set(0, mean => $leaf) }
	],
	[
		'place of the mean out of range',
		qr/corrupted metapage/,
		sub { $_->set(0, mean => 1_000_000) }
	],
	[
		'no mean',
		qr/corrupted metapage/,
		sub { $_->set(0, mean => $none) }
	],
	[
		'size of the mean',
		qr/corrupted metapage/,
		sub { $_->set(0, n_mean => 2) }
	],
	[
		'mean that is no numbers',
		qr/block \d+\n.*Component 7 of the mean is not finite/,
		sub { $_->set($_->get(0, 'mean'), [ 32 + 4 * 7, 'f' ], 'nan') }
	],
	[
		'row with two items',
		qr/block \d+, offset 2\n.*the second one of row/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, slot(1), $_->get($item, slot(0)));
		}
	],
	[
		'row that cannot exist',
		qr/block \d+, offset 2\n.*row \(0,0\), which cannot exist/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, slot(1), 0, 0, 0, 1);
		}
	],
	[
		'row beyond the end of the table',
		qr/block \d+, offset 2\n.*row \(65536,1\), which cannot exist/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, slot(1), 1, 0, 1, 1);
		}
	],
	[
		'row in no block',
		qr/block \d+, offset 2\n.*row \(4294967295,1\), which cannot exist/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, slot(1), 0xFFFF, 0xFFFF, 1, 1);
		}
	],
	[
		'row of NULL in no block',
		qr/block \d+, offset 1\n.*row \(4294967295,1\), which cannot exist/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, slot(0), 0xFFFF, 0xFFFF, 1, 1);
		}
	],
	[
		'free slot with an entry',
		qr/block \d+, offset \d+\n.*slot \(\d+,2\), which is free/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, slot(1), 0, 0, 0, 0);
		}
	],
	[
		'free slot that is not empty',
		qr/block \d+, offset 2\n.*is free, but not empty/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 0);
		}
	],
	[
		'unknown state of a slot of a NULL',
		qr/block \d+, offset 1\n.*slot is in the state 0005/,
		sub {
			my ($null) = $_->all('nulls');
			my @slot = $_->get($null, slot(0));
			$_->set($null, slot(0), @slot[ 0 .. 2 ], 5);
		}
	],
	[
		'list of pages of NULLs begins at a root',
		qr/corrupted metapage/,
		sub { $_->set(0, null_free => 1) }
	],
	[
		'list of pages of NULLs begins at a leaf',
		qr/block 0\n.*points to block \d+, which does not follow/,
		sub { my ($leaf) = @_; $_->set(0, null_free => $leaf) }
	],
	[
		'list of pages of NULLs begins beyond the end',
		qr/block 0\n.*points to block 1000000, which does not follow/,
		sub { $_->set(0, null_free => 1_000_000) }
	],
	[
		'list of pages of NULLs goes on at an item',
		qr/block \d+\n.*points to block \d+, which does not follow/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my ($null) = $_->all('nulls');
			$_->set($null, next_free => $item);
		}
	],
	[
		'list of pages of NULLs goes round',
		qr/block (\d+)\n.*points to block \1, which does not follow/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, next_free => $null);
		}
	],
	[
		'page of NULLs that was taken off the list, but is the first one',
		qr/block 0\n.*points to block \d+, which does not follow/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, next_free => 0);
		}
	],
	[
		'page of NULLs that the list has lost',
		qr/block \d+\n.*missing in the list/,
		sub { $_->set(0, null_free => $none) }
	],
	[
		'full page in the list of pages of NULLs',
		qr/block \d+\n.*in the list of pages of NULLs with free slots, but has none/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set(0, vacuum => 1);
			my @slots = (0, 0, 1, 2) x ($nulls_per_page - 20);
			$_->set($null, [ slot(20)->[0], 'S*' ], @slots);
		}
	],
	[
		'item linked in the list of pages of NULLs',
		qr/block \d+\n.*has the tag FFA9, kind 4, 5/,
		sub { my ($leaf, $inner, $item) = @_; $_->set($item, next_free => 5) }
	],
	[
		'unknown state of a slot',
		qr/block \d+, offset 2\n.*slot is in the state 0F03/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 0x0F03);
		}
	],
	[
		'page of items that belongs to a group',
		qr/block \d+\n.*belongs to no item group/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, kind => $kind{data});
			$_->set($null, next_free => 0);
		}
	],
	[
		'file cut off',
		qr/block \d+|corrupted metapage/,
		sub { substr($_->{bytes}, -3 * $page_size) = '' }
	],
	[
		'file cut in half',
		qr/block \d+|corrupted metapage/,
		sub {
			substr($_->{bytes}, int($_->blocks / 2) * $page_size) = '';
		}
	],
	[
		'metapage and nothing else',
		qr/corrupted metapage/,
		sub { substr($_->{bytes}, $page_size) = '' }
	],
	[
		'lost row with NULL',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, slot(3), 0, 0, 0, 0);
		},
		'heap'
	],
	[
		'lost page of rows with NULL',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			my ($null) = $_->all('nulls');
			$_->page($null, "\0" x $page_size);
			$_->set(0, null_free => $none);
		},
		'heap'
	],
	[
		'lost row',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set(0, vacuum => 1);
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 2);
		},
		'heap'
	],
	[
		'row marked as dead, by no VACUUM',
		qr/block \d+, offset 2\n.*slot is marked by VACUUM, which is said to be done/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 2);
		}
	],
	# as by a VACUUM that did not get further: splits have to do with such items
	[
		'all rows marked as dead',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			$_->set(0, vacuum => 1);
			foreach my $item ($_->all('item'))
			{
				foreach my $i (0 .. $slots_per_page - 1)
				{
					my @slot = $_->get($item, slot($i));
					$_->set($item, slot($i), @slot[ 0 .. 2 ], 2)
					  if $slot[3] == 1;
				}
			}
		},
		'heap'
	],
	[
		'attributes of another item',
		qr/block \d+, offset \d+\n.*(The attributes are of item \(\d+,\d+\), which has others|The item has its attributes at)/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, attributes_of(0), $_->get($item, attributes_of(1)));
		}
	],
	[
		'attributes out of range',
		qr/block \d+, offset \d+\n.*(The attributes are of item \(\d+,\d+\), which has others|The item has its attributes at)/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, attributes_of(0), 1_000_000 >> 16, 1_000_000 & 0xFFFF, 1);
		}
	],
	[
		'attributes of an item that cannot exist',
		qr/block \d+, offset \d+\n.*(The item has its attributes at \(\d+,4\), where there are none|which cannot exist)/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 3, 'item'), 1_000_000 >> 16, 1_000_000 & 0xFFFF, 1);
		}
	],
	[
		'attributes of an item that has others',
		qr/block \d+, offset \d+\n.*(The item has its attributes at \(\d+,4\), where there are none|which has others)/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 3, 'item'), $_->get($page, tuple($_, $page, 5, 'item')));
		}
	],
	[
		'attributes that begin too early',
		qr/block \d+\n.*The page has \d+ numbers for tuples that begin at 50/,
		sub { my ($page) = $_->all('attributes'); $_->set($page, start => 50) }
	],
	[
		'attributes that begin too late',
		qr/block \d+\n.*The page has \d+ numbers for tuples that begin at 60000/,
		sub { my ($page) = $_->all('attributes'); $_->set($page, start => 60000) }
	],
	[
		'too many attributes',
		qr/block \d+\n.*The page has 50000 numbers for tuples/,
		sub { my ($page) = $_->all('attributes'); $_->set($page, numbers => 50000) }
	],
	[
		'attributes that are too long',
		qr/block \d+, offset 2\n.*There are no attributes at/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 1, 'info'), 0x1FFF);
		}
	],
	[
		'attributes of no length',
		qr/block \d+, offset 2\n.*There are no attributes at/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 1, 'info'), 0);
		}
	],
	[
		'attributes twice',
		qr/block \d+, offset 3\n.*The attributes are also those at offset 2/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, number(2), $_->get($page, number(1)));
		}
	],
	[
		'attributes without a number',
		qr/block \d+\n.*The page has \d+ bytes of attributes in \d+/,
		sub { my ($page) = $_->all('attributes'); $_->set($page, number(2), 0) }
	],
	[
		'chain of pages of attributes with a gap',
		qr/block \d+\n.*missing in the chain of pages of attributes/,
		sub {
			my $page = $_->get(0, 'attributes');
			$_->set(0, attributes => $_->get($page, 'next'));
		}
	],
	[
		'chain of pages of attributes that is a circle',
		qr/block (\d+)\n.*points to block \1, which does not follow in the chain/,
		sub { my ($page) = $_->all('attributes'); $_->set($page, next => $page) }
	],
	[
		'chain of pages of attributes that leads elsewhere',
		qr/block \d+\n.*points to block \d+, which does not follow in the chain/,
		sub {
			my ($leaf) = @_;
			my ($page) = $_->all('attributes');
			$_->set($page, next => $leaf);
		}
	],
	[
		'list of pages of attributes that leads elsewhere',
		qr/block 0\n.*points to block \d+, which does not follow in the list of pages of attributes/,
		sub { my ($leaf) = @_; $_->set(0, attributes_free => $leaf) }
	],
	[
		'list of pages of attributes lost',
		qr/block \d+\n.*missing in the list of pages of attributes/,
		sub { $_->set(0, attributes_free => $none) }
	],
	[
		'value of a column',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 1, 'id'), 1_000_000);
		},
		'heap'
	],
	[
		'last bit of a vector',
		qr/lacks row \(\d+,\d+\) of table|\n.*The entry for/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my $place = [ component(1, 9)->[0], 'C' ];
			$_->set($item, $place, $_->get($item, $place) ^ 1);
		},
		'heap'
	],
	[
		'rows of two items swapped',
		qr/lacks row \(\d+,\d+\) of table/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), $_->get($item, slot(2)));
			$_->set($item, slot(2), @slot);
		},
		'heap'
	],);

1;
