
# Copyright (c) 2026, the annoy developers

# What can be damaged of items, NULLs and attributes, and of the lists of their
# pages: a part of Damage.pm, which says what a kind of damage consists of.

package DamageItems;

use strict;
use warnings;

use Exporter 'import';
use IndexFile;

our @EXPORT = qw(@damage_of_items);

# Add a free page to the end of a file, which goes on in the list of these at a
# block.
sub add_free
{
	my ($file, $next) = @_;
	my $block = $file->blocks;

	$file->{bytes} .= substr($file->page(1), 0, 32) . "\0" x ($page_size - 32);
	$file->set($block, lower => 32);
	$file->set($block, kind => $kind{free});
	$file->set($block, next_free => $next);
	return $block;
}

our @damage_of_items = (
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
		qr/block 0\n.*The metapage has/,
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
			my @slots = (0, 0, 1, 2) x ($nulls_per_page - 20);
			$_->set($null, [ slot(20)->[0], 'S*' ], @slots);
			$_->set(0, vacuum => 1);
		}
	],
	[
		'list of free pages goes on at a leaf',
		qr/block (\d+)\n.*points to block \d+, which does not follow in the list of free pages/,
		sub { my ($leaf) = @_; $_->set(0, node_free => add_free($_, $leaf)) }
	],
	[
		'list of free pages goes round',
		qr/block (\d+)\n.*points to block \1, which does not follow in the list of free pages/,
		sub { $_->set(0, node_free => add_free($_, $_->blocks)) }
	],
	[
		'free page that was taken off the list, but is the first one',
		qr/block 0\n.*points to block \d+, which does not follow in the list of free pages/,
		sub { $_->set(0, node_free => add_free($_, 0)) }
	],
	[
		'free page that the list has lost',
		qr/block \d+\n.*missing in the list of free pages/,
		sub { add_free($_, $none) }
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
		qr/block \d+|\n.*which does not exist/,
		sub { substr($_->{bytes}, -3 * $page_size) = '' }
	],
	[
		'file cut in half',
		qr/block \d+|\n.*which does not exist/,
		sub {
			substr($_->{bytes}, int($_->blocks / 2) * $page_size) = '';
		}
	],
	[
		'metapage and nothing else',
		qr/block 0\n.*The metapage has/,
		sub { substr($_->{bytes}, $page_size) = '' }
	],
	[
		'lost row with NULL',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
		sub {
			my ($null) = $_->all('nulls');
			$_->set($null, slot(3), 0, 0, 0, 0);
		},
		'heap'
	],
	[
		'lost page of rows with NULL',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
		sub {
			my ($null) = $_->all('nulls');
			$_->page($null, "\0" x $page_size);
			$_->set(0, null_free => $none);
		},
		'heap'
	],
	[
		'row marked as dead, and VACUUM said to be done',
		qr/block \d+, offset 2\n.*slot is marked by VACUUM, which is said to be done/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 2);
		}
	],
	[
		'lost row',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), @slot[ 0 .. 2 ], 2);
			$_->set(0, vacuum => 1);
		},
		'heap'
	],
	# as by a VACUUM that did not get further: splits have to do with such items
	[
		'all rows marked as dead',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
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
		qr/\n.*points to block 1000000, which does not exist/,
		sub {
			my ($leaf, $inner, $item) = @_;
			$_->set($item, attributes_of(0), 1_000_000 >> 16, 1_000_000 & 0xFFFF, 1);
		}
	],
	# a process that locks both would wait for itself
	[
		'attributes on the page of the item',
		qr/block \d+\n.*The page is of kind 4 instead of 7/,
		sub {
			my $file = $_;
			foreach my $item ($file->all('item'))
			{
				$file->set($item, attributes_of($_), $item >> 16, $item & 0xFFFF, 1)
				  foreach (0 .. $slots_per_page - 1);
			}
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
		sub {
			my $file = $_;
			my ($page) = $file->all('attributes');
			$file->set($page, number(2), 0);
			$file->set($page, signature_of(2, $_), 0) foreach 0 .. $file->signature_bytes - 1;
		}
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
		# with the signature of that value
		'value of a column',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
		sub {
			my $file = $_;
			my ($page) = $file->all('attributes');
			my ($to, $from) = map { tuple($file, $page, $_, 'id') } 0, 1;
			my @items =
			  map { join(',', item_of($file, $page, $_)) } 0, 1;
			my %entries = $file->entries_of(@items);
			my @bytes = 0 .. $file->signature_bytes - 1;
			my @signature = map {
				$file->get($entries{$items[1]}[0][0],
					byte_of($entries{$items[1]}[0][1], 'signature', $_))
			} @bytes;

			$file->set($page, $to, scalar $file->get($page, $from));
			$file->set($page, signature_of(0, $_), $signature[$_]) foreach @bytes;
			foreach my $entry (@{ $entries{$items[0]} })
			{
				$file->set($entry->[0], byte_of($entry->[1], 'signature', $_),
					$signature[$_])
				  foreach @bytes;
			}
		},
		'heap'
	],
	[
		'value of a column far from what the signature says',
		qr/block \d+, offset \d+\n.*have the signature \w+ for column 2 instead of FE/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, tuple($_, $page, 1, 'id'), 1_000_000);
		}
	],
	[
		'signature of attributes',
		qr/block \d+, offset 3\n.*The attributes have the signature/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, signature_of(2, 0), $_->get($page, signature_of(2, 0)) ^ 1);
		}
	],
	[
		'signature of no attributes',
		qr/block \d+, offset \d+\n.*The attributes have the signature 01 for column 2 instead of 00/,
		sub {
			my $file = $_;
			my ($page) = grep { $file->get($_, 'numbers') % 16 } $file->all('attributes');
			$_->set($page, signature_of($_->get($page, 'numbers'), 0), 1);
		}
	],
	[
		'signatures of another generation',
		qr/block \d+\n.*The page has signatures of generation 7, but the trees are of \d+/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, attributes_generation => 7);
		}
	],
	[
		'signatures of another length',
		qr/block \d+\n.*The page has signatures of 5 bytes instead of \d/,
		sub {
			my ($page) = $_->all('attributes');
			$_->set($page, attributes_bytes => 5);
		}
	],
	[
		'last bit of a vector',
		qr/\n.*(lacks row \(\d+,\d+\) of table|The entry for)/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my $place = [ component(1, 9)->[0], 'C' ];
			$_->set($item, $place, $_->get($item, $place) ^ 1);
		},
		'heap'
	],
	[
		'rows of two items swapped',
		qr/\n.*lacks row \(\d+,\d+\) of table/,
		sub {
			my ($leaf, $inner, $item) = @_;
			my @slot = $_->get($item, slot(1));
			$_->set($item, slot(1), $_->get($item, slot(2)));
			$_->set($item, slot(2), @slot);
		},
		'heap'
	],);

1;
