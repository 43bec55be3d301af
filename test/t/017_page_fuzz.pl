
# Copyright (c) 2026, the annoy developers

# Pages damaged at random: whatever an index's pages say, using it gives answers
# or errors that say that it is damaged, but no crash, no failed assertion, no
# endless loop, and no allocation of memory that there is not.
#
# What is done to a page depends on the seed and the number of the damage alone:
# ANNOY_FUZZ_SEED chooses the seed, ANNOY_FUZZ_PAGES how many damages there are,
# and ANNOY_FUZZ_ONLY is the number of the one that is to be repeated.  With
# ANNOY_SHOW_ERRORS, what each of them leads to is shown.

use strict;
use warnings;

# All processes of the server have so little memory, in kB, that what a damaged
# page asks for is not to be had.  This comes before anything is done with the
# output.
BEGIN
{
	my $memory_limit = 1_000_000;

	unless (defined $ENV{ANNOY_FUZZ_LIMITED})
	{
		local $ENV{ANNOY_FUZZ_LIMITED} = 1;
		exec('sh', '-c', "ulimit -v $memory_limit && exec \"\$@\"",
			'sh', $^X, map({ "-I$_" } @INC), $0, @ARGV)
		  or die "exec: $!";
	}
}

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use IndexFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{ANNOY_FUZZ_SEED} // int(rand(1_000_000));
my $damages = $ENV{ANNOY_FUZZ_PAGES} // 2000;
my @numbers =
  defined $ENV{ANNOY_FUZZ_ONLY}
  ? split(/,/, $ENV{ANNOY_FUZZ_ONLY})
  : 1 .. $damages;
my $copies = 16;    # of each table
my $timeout = 30;    # seconds for a statement that takes milliseconds

note("ANNOY_FUZZ_SEED=$seed ANNOY_FUZZ_PAGES=$damages");

# without checksums, which would notice before we do
my $node = annoy_node(
	'page_fuzz',
	init => [ no_data_checksums => 1 ],
	conf => qq{
	shared_buffers = 64MB
	maintenance_work_mem = 8MB
	max_parallel_maintenance_workers = 0
	jit = off
	restart_after_crash = off
	log_min_messages = warning
	statement_timeout = '${timeout}s'
});

# Kinds of indexes; those without a dtype have no vectors.  A centre takes so many bytes, and a code; pages of zeroes at
# the end, as a crash may leave them, make an index look large enough to have a
# recall curve.
my %shape = (
	several => {
		type => 'real[]', dim => 16, rows => 500, nulls => 30,
		operator => '<->', index => '(v, id, name)', with => 'n_trees = 2, dtype = float32',
		copies => 200, centre => 32, code => 16, pad => 120, filter => 1,
	},
	rounded => {
		type => 'real[]', dim => 24, rows => 400, nulls => 5,
		operator => '<=>', index => '(v real_cosine_ops)',
		with => 'n_trees = 1, dtype = float16',
		centre => 64, code => 32, pad => 150,
	},
	eight => {
		type => 'double precision[]', dim => 6, rows => 400, nulls => 0,
		operator => '<#>', index => '(v double_ip_ops, id)',
		with => 'n_trees = 1, dtype = float64', centre => 32, code => 16, pad => 120,
		filter => 1,
	},
	manhattan => {
		type => 'real[]', dim => 8, rows => 300, nulls => 0,
		operator => '<+>', index => '(v real_l1_ops)', with => 'n_trees = 2',
		copies => 100, centre => 32, code => 16, pad => 150,
	},
	bits => {
		type => 'bit(1024)', dim => 1024, rows => 1500, nulls => 0,
		operator => '<~~>', index => '(v bit_hamming_ops)',
		with => 'n_trees = 1', centre => 1024, code => 128, pad => 0,
		slow => 1,
	},
	wide => {
		type => 'real[]', dim => 1100, rows => 60, nulls => 3,
		operator => '<->', index => '(v, id)', with => 'n_trees = 1, dtype = float32',
		centre => 552, code => 128, pad => 0, filter => 1, slow => 1,
	},
	# its roots are leaves
	small => {
		type => 'real[]', dim => 8, rows => 70, nulls => 0,
		operator => '<->', index => '(v)', with => 'n_trees = 4',
		centre => 32, code => 16, pad => 0,
	},
	late => {
		type => 'real[]', dim => 4, rows => 200, nulls => 1500,
		operator => '<->', index => '(v, name)', with => 'n_trees = 2',
		centre => 32, code => 16, pad => 200, late => 1, name => 1,
	},
);
my @shapes = sort keys %shape;

sub vector_sql
{
	my ($shape) = @_;

	# volatile and correlated, so that each row gets another
	return "(SELECT string_agg((random() < .5)::int::text, '') FROM generate_series(1, $shape->{dim} + 0 * i))::bit($shape->{dim})"
	  if $shape->{type} =~ /^bit/;
	return "(SELECT array_agg((i % 7 * 3 + random())::real ORDER BY j) FROM generate_series(1, $shape->{dim}) j)::$shape->{type}";
}

foreach my $name (@shapes)
{
	my $shape = $shape{$name};
	my $vector = vector_sql($shape);
	my $index = "CREATE INDEX %s_idx ON %s USING annoy $shape->{index} WITH ($shape->{with});";
	my $table = qq{
		CREATE TABLE %s (id int, name text COLLATE "C", v $shape->{type})
			WITH (autovacuum_enabled = off);
		ALTER TABLE %s ALTER COLUMN v SET STORAGE PLAIN;
		ALTER TABLE %s ALTER COLUMN name SET STORAGE PLAIN;};
	my $sql = qq{
		SELECT setseed(.5);
		$table
		} . ($shape->{late} ? $index : '') . qq{
		INSERT INTO %s SELECT i, 'name ' || repeat(chr(97 + i % 26), i % 40), $vector
			FROM generate_series(1, $shape->{rows}) i;
		INSERT INTO %s SELECT 1000000 + i, 'copy', v FROM %s, generate_series(1, }
	  . ($shape->{copies} // 0) . qq{) i WHERE id = 7;
		INSERT INTO %s SELECT -i, 'null', NULL FROM generate_series(1, $shape->{nulls}) i;
		} . ($shape->{late} ? '' : $index) . qq{
		CREATE TABLE %s_queries AS
			SELECT i AS id, $vector AS v FROM generate_series(1, 200) i;
		INSERT INTO %s_queries SELECT 1000, v FROM %s WHERE id = 7;
		VACUUM (FREEZE) %s;
	};
	$sql =~ s/%s/$name/g;
	$node->safe_psql('postgres', $sql);
	foreach my $copy (1 .. $copies)
	{
		($sql = $table . $index) =~ s/%s/$name$copy/g;
		$node->safe_psql('postgres', $sql);
	}
}

# What is done with an index.  Errors are caught one by one, and noted unless
# they are expected.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION try(what text, sql text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE sql;
	EXCEPTION WHEN OTHERS THEN
		IF SQLSTATE <> 'P0001' THEN
			RAISE NOTICE 'got % %: %', SQLSTATE, what, SQLERRM;
		END IF;
	END $$;

	-- rows of the queries' table; copies of one vector make a leaf overflow
	CREATE FUNCTION insert_some(name text, queries text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 0 .. 9 LOOP
			PERFORM try('insert', format(
				'INSERT INTO %s SELECT 2000000 + q.id, ''new'', q.v FROM %s q
				 WHERE q.id BETWEEN %s AND %s', name, queries, 20 * i + 1, 20 * i + 20));
		END LOOP;
		PERFORM try('insert copies', format(
			'INSERT INTO %s SELECT 3000000 + i, ''same'', q.v FROM %s q, generate_series(1, 60) i
			 WHERE q.id = 1000', name, queries));
		PERFORM try('insert null', format(
			'INSERT INTO %s SELECT -2000 - i, NULL, NULL FROM generate_series(1, 5) i', name));
	END $$;

	CREATE FUNCTION search(name text, queries text, operator text, filter bool) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		ordered text := format('ORDER BY v %s (SELECT v FROM %s WHERE id = ', operator, queries);
	BEGIN
		PERFORM try('search', format('SELECT id FROM %s %s 1000) LIMIT 10', name, ordered));
		PERFORM try('search', format('SELECT id FROM %s %s 3) LIMIT 40', name, ordered));
		PERFORM set_config('annoy.search_k', '60', false);
		PERFORM try('little search', format('SELECT id FROM %s %s 4) LIMIT 30', name, ordered));
		PERFORM set_config('annoy.search_k', '2147483647', false);
		PERFORM try('full search', format('SELECT id FROM %s %s 1000) LIMIT 10', name, ordered));
		PERFORM set_config('annoy.search_k', '-1', false);
		PERFORM try('drain', format('SELECT id FROM %s %s 5)', name, ordered));
		IF filter THEN
			PERFORM try('filter', format('SELECT id FROM %s WHERE id > 10 %s 6) LIMIT 10', name, ordered));
			PERFORM try('filter', format('SELECT id FROM %s WHERE id BETWEEN 20 AND 25 %s 8) LIMIT 10', name, ordered));
		END IF;
	END $$;

	CREATE FUNCTION search_names(name text, queries text, operator text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		ordered text := format('ORDER BY v %s (SELECT v FROM %s WHERE id = ', operator, queries);
	BEGIN
		PERFORM try('filter', format('SELECT id FROM %s WHERE name > ''name c'' %s 9) LIMIT 10', name, ordered));
		PERFORM try('filter', format('SELECT id FROM %s WHERE name = ''null'' AND v IS NULL %s 9)', name, ordered));
	END $$;

	CREATE FUNCTION look(name text, graph bool, clone bool) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM try('check', format('SELECT annoy_index_check(''%s_idx'', true)', name));
		PERFORM try('info', format('SELECT annoy_index_info(''%s_idx'')', name));
		PERFORM try('info', format('SELECT annoy_index_params(''%s_idx''), annoy_repr(''%s_idx'')', name, name));
		PERFORM try('info', format('SELECT annoy_recall_curve(''%s_idx'')', name));
		PERFORM try('prewarm', format('SELECT annoy_prewarm(''%s_idx'', ''trees'')', name));
		PERFORM try('prewarm', format('SELECT annoy_prewarm(''%s_idx'')', name));
		PERFORM try('calibrate', format('SELECT annoy_calibrate(''%s_idx'')', name));
		IF graph THEN
			PERFORM try('graph', format('SELECT annoy_knn_graph(''%s_idx'', 3)', name));
			PERFORM try('recall', format('SELECT annoy_recall(''%s_idx'', 3)', name));
		END IF;
		IF clone THEN
			PERFORM try('clone', format(
				'DO $do$ BEGIN
					PERFORM annoy_clone_index(''%s_idx'', ''%s_clone'');
					RAISE ''rolled back'';
				END $do$', name, name));
			PERFORM try('simd', format('SELECT annoy_simd_check(''%s_idx'')', name));
		END IF;
	END $$;});

my %path = map { split(/\|/) } split(
	/\n/,
	$node->safe_psql(
		'postgres', q{
		SELECT relname, pg_relation_filepath(oid) FROM pg_class
		WHERE relname ~ '^(} . join('|', @shapes) . q{)[0-9]*(_idx)?$'}));
$node->stop;

sub read_file
{
	my ($name) = @_;
	return slurp_file($node->data_dir . "/$path{$name}");
}

# The file of a relation, followed by so many pages of zeroes.
sub write_file
{
	my ($name, $bytes, $pad) = @_;
	my $file = $node->data_dir . "/$path{$name}";

	open(my $fh, '>:raw', $file) or die "$name: $!";
	print $fh $bytes;
	truncate($fh, length($bytes) + $pad * $page_size) or die "$name: $!"
	  if $pad;
	close($fh) or die "$name: $!";
	# these belong to what was there before
	unlink(map { "${file}_$_" } qw(fsm vm));
	return;
}

foreach my $name (@shapes)
{
	$shape{$name}{table} = read_file($name);
	$shape{$name}{file} = read_file("${name}_idx");
	my $index = IndexFile->new($shape{$name}{file});
	my ($item) = $index->all('item');
	my $slots = 0;
	my %kinds;

	# of a group, if the first one is full
	$slots++ while (($index->get($item, slot($slots)))[3] == 1);
	$shape{$name}{slots} = $slots;
	$kinds{ $index->get($_, 'kind') }++ foreach (0 .. $index->blocks - 1);
	note("$name: "
		  . join(', ', map { "$kinds{$_} pages of kind $_" } sort keys %kinds));
}

# Damage.

sub pick { return $_[ int(rand(@_)) ]; }

# A value for a field that is wrong, most likely.
sub wrong_value
{
	my ($index, $block, $place) = @_;
	my $format = $place->[1];

	return pick('nan', '-nan', 'inf', '-inf', -1, 0, 1e-38, 1e10, 1e20, 1e38, rand())
	  if $format =~ /[fd]/;
	my %bits = (C => 8, S => 16, L => 32, l => 31, Q => 48, s => 15);
	my $most = 2**$bits{$format} - 1;
	my $value = pick(
		0, 1, 2, $most, $most - 1, int(rand($most)), int(rand(300)),
		$block, int(rand($index->blocks)), $index->blocks,
		$index->get($block, $place) + 1,
		$index->get($block, $place) - 1);
	return $value < 0 ? $most : $value > $most ? $most : $value;
}

# A random page, of a random kind.
sub random_page
{
	my ($index) = @_;
	my %blocks;

	push @{ $blocks{ $index->get($_, 'kind') } }, $_
	  foreach (0 .. $index->blocks - 1);
	delete $blocks{1} if rand() < .5;    # or it were too often
	return pick(@{ $blocks{ pick(sort { $a <=> $b } keys %blocks) } });
}

# A number of a page of attributes, of those that there may be.
sub random_number
{
	my ($index, $block) = @_;
	my $numbers = $index->get($block, 'numbers');
	return number(int(rand($numbers > 200 ? 200 : $numbers || 1)));
}

# A field of a page, depending on its kind.
sub random_place
{
	my ($shape, $index, $block) = @_;
	my $kind = $index->get($block, 'kind');

	return pick(header_fields()) if rand() < .15;
	return pick(meta_fields()) if $kind == $kind{meta};
	if ($kind == $kind{node})
	{
		my $entry = int(rand($index->get($block, 'count') + 1));
		my $start = 64 + $shape->{centre} +
		  int($entry / 16) * 16 * ($shape->{code} + 16);
		my $lane = $entry % 16;
		my $factors = $start + 16 * $shape->{code};

		return pick(node_fields()) if rand() < .5;
		return pick(
			[ $factors + 4 * $lane, 'f' ],
			[ $factors + 64 + 4 * $lane, 'f' ],
			[ $factors + 128 + 2 * $lane, 'S' ],
			map({ [ $factors + 160 + 6 * $lane + $_, 'S' ] } 0, 2, 4));
	}
	if ($kind == $kind{item} || $kind == $kind{nulls})
	{
		return [ 32 + 8 * int(rand(60)) + pick(0, 2, 4, 6), 'S' ] if rand() < .5;
		return [ 32 + 2 * int(rand(1000)), 'S' ] if rand() < .5;
		return [ 32 + 4 * int(rand(2000)), 'f' ];
	}
	if ($kind == $kind{attributes})
	{
		my $start = 0;

		return pick(attributes_fields()) if rand() < .3;
		return number(int(rand(100))) if rand() < .3;
		return signature_of(int(rand(100)), int(rand(4))) if rand() < .2;
		$start = $index->get($block, random_number($index, $block));
		return [ $start + pick(0, 2, 4, 6, 6, 8, 10, 12), 'S' ]
		  if $start >= 40 && $start < $page_size - 16;
		return number(0);
	}
	return [ 32 + 4 * int(rand(2000)), 'f' ];
}

# Where a pointer to an item or to a node is, and one from an item to attributes or
# back.
sub pointer_place
{
	my ($shape, $index, $block) = @_;
	my $kind = $index->get($block, 'kind');

	if ($kind == $kind{node})
	{
		my $entry = int(rand($index->get($block, 'count') || 1));

		return 64 + $shape->{centre} +
		  int($entry / 16) * 16 * ($shape->{code} + 16) +
		  16 * ($shape->{code} + 10) + 6 * ($entry % 16);
	}
	return 32 + 8 * $shape->{slots} + 6 * int(rand($shape->{slots}))
	  if $kind == $kind{item} && $shape->{index} =~ /,/;
	return $index->get($block, random_number($index, $block))
	  if $kind == $kind{attributes};
	return 32 + 8 * int(rand(60)) if $kind == $kind{item} || $kind == $kind{nulls};
	return 24 + 8 * int(rand(1000));
}

# Each returns what it did.
my @ways = (
	(
		sub {
			my ($shape, $index) = @_;
			my $block = random_page($index);
			my $at = pointer_place($shape, $index, $block);
			my $to = pick(0, 1, $block, $block, int(rand($index->blocks)),
				int(rand($index->blocks)), $index->blocks, 1_000_000_000,
				$none - 1, $none);
			my $offset = pick(0, 1, 1, 1, int(rand(300)), 65535);
			$at = 100 if $at > $page_size - 6;
			$index->set($block, [ $at, 'SSS' ], $to >> 16, $to & 0xFFFF, $offset);
			return "pointer to ($to,$offset) at $at of block $block";
		}) x 3,
	sub {
		my ($shape, $index) = @_;
		my $block = random_page($index);
		my $at = int(rand() < .5 ? rand($page_size) : 24 + rand(100));
		my $bit = int(rand(8));
		my $place = [ $at, 'C' ];
		$index->set($block, $place, $index->get($block, $place) ^ (1 << $bit));
		return "bit $bit of byte $at of block $block";
	},
	(
		sub {
			my ($shape, $index) = @_;
			my $block = random_page($index);
			my $place = random_place($shape, $index, $block);
			my $old = $index->get($block, $place);
			my $value = wrong_value($index, $block, $place);
			$index->set($block, $place, $value);
			return "$old -> $value ($place->[1]) at $place->[0] of block $block";
		}) x 4,
	sub {
		my ($shape, $index) = @_;
		my $block = random_page($index);
		my $at = 24 + int(rand($page_size - 24));
		my $length = 1 + int(rand(pick(8, 64, 512)));
		my $how = pick('random', 'zero', 'ones');
		$length = $page_size - $at if $at + $length > $page_size;
		$index->set($block, [ $at, "C$length" ],
			map { $how eq 'random' ? int(rand(256)) : $how eq 'zero' ? 0 : 255 }
			  1 .. $length);
		return "$length bytes ($how) at $at of block $block";
	},
	sub {
		my ($shape, $index) = @_;
		my ($x, $y) = (random_page($index), random_page($index));
		my $page = $index->page($x);
		$index->page($x, $index->page($y));
		$index->page($y, $page);
		return "blocks $x and $y swapped";
	},
	sub {
		my ($shape, $index) = @_;
		my ($x, $y) = (random_page($index), random_page($index));
		$index->page($x, $index->page($y));
		return "block $y copied to $x";
	},
	sub {
		my ($shape, $index) = @_;
		my $block = random_page($index);
		my $from = pick(0, 0, 24, 32, 32 + int(rand(8000)));
		$index->page($block,
			substr($index->page($block), 0, $from) . "\0" x ($page_size - $from));
		return "block $block zeroed from $from on";
	},
	sub {
		my ($shape, $index) = @_;
		my $block = pick($index->all('node'));
		my $part = pick(0, 64);
		my $value = pick('nan', 'inf', '-inf', 1e30);
		foreach my $i (0 .. $index->get($block, 'count') - 1)
		{
			my $at = 64 + $shape->{centre} +
			  int($i / 16) * 16 * ($shape->{code} + 16) + 16 * $shape->{code};
			$index->set($block, [ $at + $part + 4 * ($i % 16), 'f' ], $value)
			  if $at + 300 < $page_size;
		}
		return "factors of block $block are $value";
	},
	sub {
		my ($shape, $index) = @_;
		my $block = 1 + int(rand($index->blocks - 1));
		substr($index->{bytes}, $block * $page_size) = '';
		return "cut off at block $block";
	});

sub damage
{
	my ($shape, $index) = @_;
	my $n = pick(1, 1, 1, 2, 3);
	my @done;

	push @done, pick(@ways)->($shape, $index) foreach (1 .. $n);
	return join('; ', @done);
}

# What was found first, by reading or by this test, is done in any case.
my @known = (
	# roots that are leaves: one has no distance from a query, others have
	# different ones
	[
		'small',
		'scale of a root',
		sub {
			$_->set(2, centre_scale => 'nan');
			$_->set(3, centre_scale => 2 * $_->get(3, 'centre_scale'));
		}
	],
	# a set of items that were met was as large as that
	[
		'several',
		'item that is far away',
		sub {
			foreach my $leaf ($_->all(node => 0))
			{
				my $at = 64 + 32 + 16 * (16 + 10);
				$_->set($leaf, [ $at, 'SSS' ], 0xFFFF, 0xFFF0, 1);
			}
		}
	],
	# an insertion looked for the leaf of a second entry for ever: each of them had
	# an entry for its item, in the slot that it takes when there is none free
	[
		'several',
		'entries of all leaves for the next new slot',
		sub {
			my $end = $_->blocks + $shape{several}{pad};
			foreach my $leaf ($_->all(node => 0))
			{
				my $at = 64 + 32 + 16 * (16 + 10);
				$_->set($leaf, [ $at, 'SSS' ], $end >> 16, $end & 0xFFFF, 1);
			}
		}
	],
	# VACUUM waited for itself, and so did an insertion
	[
		'several',
		'attributes on the pages of the items',
		sub {
			my $file = $_;
			foreach my $item ($file->all('item'))
			{
				$file->set($item,
					[ 32 + 8 * $shape{several}{slots} + 6 * $_, 'SSS' ],
					0, $item, 1)
				  foreach (0 .. $shape{several}{slots} - 1);
			}
		}
	],
	[
		'several',
		'list of attributes with the next page of items',
		sub {
			$_->set(0, attributes_free => $_->blocks + $shape{several}{pad});
		}
	],
	# no number of leaves that were ranked was enough
	(
		map {
			my $value = $_;
			[
				'rounded',
				"factors that are $value",
				sub {
					foreach my $node ($_->all(node => 0), $_->all(node => 1))
					{
						my $at = 64 + 64 + 16 * 32;
						$_->set($node, [ $at, 'f' ], $value);
						$_->set($node, [ $at + 64, 'f' ], $value);
					}
				}
			]
		} 'nan', 'inf', 1e38),
	# a split looked for the median of these for ever
	[
		'small',
		'codes that are no numbers, of rows that are gone',
		sub {
			my $file = $_;
			foreach my $leaf ($file->all('node'))
			{
				foreach my $i (0 .. int($file->get($leaf, 'count') / 16) * 16 - 1)
				{
					my $at = 64 + 32 + int($i / 16) * 16 * (16 + 16) + 16 * (16 + 4);
					$file->set($leaf, [ $at + 4 * ($i % 16), 'f' ], 'nan');
				}
			}
			foreach my $item ($file->all('item'))
			{
				foreach my $i (0 .. $shape{small}{slots} - 1)
				{
					$file->set($item, [ 32 + 8 * $i, 'SSS' ], 0, 0, 200);
				}
			}
		}
	],
	# what a prefetch computed from this was out of range
	[
		'wide',
		'slot that does not exist',
		sub {
			my ($leaf) = $_->all(node => 0);
			my ($item) = $_->all('item');
			$_->set($leaf, [ 64 + 552 + 16 * (128 + 10), 'SSS' ],
				0, $item, 65535);
		}
	]);

# What may be said of an index that is damaged, but does not show it at once.
my @expected = (
	qr/^XX002 /,
	# PostgreSQL's own checks of pages, and of what compressed values are
	qr/^XX001 /,
	# the metapage tells of another format, or of other vectors
	qr/^0A000 .*has format version/,
	qr/^22(000|026) .*expected \d+ dimensions, not \d+/,
	# the metapage tells of another type: a vector is out of its range
	qr/^22003 .*float16/,
	# a root says that it is on the highest level
	qr/^54000 .*cannot have more than \d+ levels/,
	# what a column is said to contain does not
	qr/^22021 /,);

my %seen;
my @faults;
my %what;

sub examine
{
	my ($number, $line) = @_;
	my ($state, $text) = $line =~ /^(?:.*NOTICE:\s+(?:[0-9A-Z]{5}: )?got|.*ERROR:\s+) ?([0-9A-Z]{5}):? (.*)/ or return;

	$seen{$state}++;
	diag("$number: $state $text") if $ENV{ANNOY_SHOW_ERRORS};
	return if ($number > 0 || $number < -100) && grep { "$state $text" =~ $_ } @expected;
	push @faults, "damage $number ($what{$number}): $state $text";
	return;
}

# Use the damaged copies: [number, name of the copy, name of the shape].
sub use_copies
{
	my (@batch) = @_;
	my $sql = "\\set VERBOSITY verbose\nSET enable_seqscan = off;\nSET enable_sort = off;\nSET enable_bitmapscan = off;\n";
	my $number = 0;
	my ($status, $output, $errors, $timed_out);
	my $file = $node->basedir . "/use$batch[0][0].sql";
	my %ended;

	foreach my $use (@batch)
	{
		my ($number, $name, $kind) = @$use;
		my $shape = $shape{$kind};
		my $filter = $shape->{filter} ? 'true' : 'false';
		my $graph = $shape->{slow} ? 'false' : 'true';
		my $clone = $number % 16 == 0 ? 'true' : 'false';
		my $names = $shape->{name} || $kind eq 'several' ?
		  "SELECT search_names('$name', '${kind}_queries', '$shape->{operator}');" : '';

		$sql .= qq{
			\\warn begin $number
			SELECT search('$name', '${kind}_queries', '$shape->{operator}', $filter);
			$names
			SELECT look('$name', $graph, $clone);
			SELECT insert_some('$name', '${kind}_queries');
			DELETE FROM $name WHERE id % 3 = 0;
			VACUUM (INDEX_CLEANUP on) $name;
			SELECT search('$name', '${kind}_queries', '$shape->{operator}', $filter);
			$names
			SELECT insert_some('$name', '${kind}_queries');
			SELECT try('check', 'SELECT annoy_index_check(''${name}_idx'', true)');
			DELETE FROM $name;
			VACUUM (INDEX_CLEANUP on, TRUNCATE off) $name;
			SELECT try('insert', 'INSERT INTO $name SELECT q.id, ''x'', q.v FROM ${kind}_queries q WHERE id < 5');
			\\warn end $number
		};
	}
	# a process that waits for itself knows of no timeout of a statement; and psql
	# may go away with the server before it has read everything
	PostgreSQL::Test::Utils::append_to_file($file, $sql);
	$status = $node->psql(
		'postgres', '',
		extra_params => [ '-f', $file ],
		on_error_stop => 0, on_error_die => 0,
		timeout => $PostgreSQL::Test::Utils::timeout_default,
		timed_out => \$timed_out,
		stdout => \$output, stderr => \$errors);
	$status = -1 if $timed_out;
	foreach my $line (split(/\n/, $errors))
	{
		if ($line =~ /^begin (-?\d+)$/) { $number = $1; }
		elsif ($line =~ /^end (-?\d+)$/) { $ended{$number} = 1; }
		else { examine($number, $line); }
	}
	foreach my $use (@batch)
	{
		my ($number) = @$use;

		next if $ended{$number};
		push @faults, "damage $number ($what{$number}): "
		  . ($timed_out ? 'no end' : 'the server crashed');
		last;
	}
	return $status;
}

# The first batch has indexes without damage, in which nothing must be found.
my @work = map { -1 - $_ } 0 .. $#shapes;
push @work, map { -101 - $_ } 0 .. $#known;
push @work, @numbers;
my $start = time;
my $used = 0;
while (@work)
{
	my %next;
	my @batch;

	while (@work)
	{
		my $number = $work[0];
		my $kind;
		my $index;

		srand($seed + $number);
		$kind =
			$number > 0 ? pick(@shapes)
		  : $number < -100 ? $known[ -101 - $number ][0]
		  : $shapes[ -1 - $number ];
		last if ++$next{$kind} > $copies;
		shift @work;

		$index = IndexFile->new($shape{$kind}{file});
		if ($number > 0)
		{
			$what{$number} = "$kind: " . damage($shape{$kind}, $index);
		}
		elsif ($number < -100)
		{
			$what{$number} = "$kind: $known[ -101 - $number ][1]";
			$known[ -101 - $number ][2]->() for $index;
		}
		else
		{
			$what{$number} = "$kind: none";
		}
		diag("$number: $what{$number}") if $ENV{ANNOY_SHOW_ERRORS};
		write_file("$kind$next{$kind}", $shape{$kind}{table}, 0);
		write_file("$kind$next{$kind}_idx", $index->{bytes},
			$what{$number} =~ /cut off/ ? 0 : $shape{$kind}{pad});
		push @batch, [ $number, "$kind$next{$kind}", $kind ];
	}
	$node->start;
	if (use_copies(@batch) == 0)
	{
		$node->stop;
	}
	else
	{
		# let it recover before its files are replaced
		my $crashed = $faults[-1];

		$node->stop('immediate', fail_ok => 1);
		$node->start;
		$node->stop;
		# those after it were not reached
		my ($number) = $crashed =~ /^damage (-?\d+)/;
		my @rest = map { $_->[0] } @batch;
		shift @rest while ($rest[0] != $number);
		shift @rest;
		unshift @work, @rest;
	}
	$used += @batch;
	note(sprintf('%d indexes used in %d s', $used, time - $start));
}

note("errors: " . join(', ', map { "$seen{$_} of $_" } sort keys %seen));
is(scalar(@faults), 0, "no faults with ANNOY_FUZZ_SEED=$seed");
diag($_) foreach @faults;
ok(@numbers < 100 || defined $ENV{ANNOY_FUZZ_ONLY} || ($seen{XX002} // 0) > @numbers / 2,
	'damage is noticed');
unlike(slurp_file($node->logfile),
	qr/PANIC|TRAP|terminated by signal/, 'the server has not crashed');

done_testing();
