
# Copyright (c) 2026, the annoy developers

# Damaged files of the Annoy library, and damaged values of annoy_serialize():
# annoy_import_items(), annoy_import_bytes() and annoy_deserialize() return rows, no
# more than there is room for, or raise one of the errors they are meant to raise;
# the server stays up, and the process does not grow.  Of values with other
# parameters, some of them strange, annoy_restore_bytes() makes an index, or it
# raises an error of the user's input and leaves nothing.
#
# ANNOY_FUZZ_FILES and ANNOY_FUZZ_SEED say how many files, and which.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use Digest::SHA qw(sha256);
use PostgreSQL::Test::Utils;
use Test::More;

my $files = $ENV{ANNOY_FUZZ_FILES} // 10000;
my $seed = $ENV{ANNOY_FUZZ_SEED} // 1;
my $batch = 500;

my $node = annoy_node('fuzz');
my $dir = $node->basedir;

# The files to damage: metric, dimensions, content, bytes of a node.
my @whole;

sub read_file
{
	my ($name) = @_;
	open(my $fh, '<:raw', $name) or die "could not open $name: $!";
	local $/ = undef;
	my $content = <$fh>;
	close($fh);
	return $content;
}

sub fnv
{
	my ($name) = @_;
	my $hash = 2166136261;
	$hash = (($hash ^ ord($_)) * 16777619) & 0xffffffff foreach split(//, $name);
	return $hash;
}

foreach my $kind (
	[ 'angular', 'real_cosine_ops', 12 ],
	[ 'euclidean', 'real_l2_ops', 16 ],
	[ 'manhattan', 'real_l1_ops', 16 ],
	[ 'dot', 'real_ip_ops', 24 ],
	[ 'hamming', 'real_hamming_ops', 16 ])
{
	my ($metric, $opclass, $fields) = @$kind;

	foreach my $dim (1, 3, 70)
	{
		my $vector = $metric eq 'hamming' ? 'round(random())' : 'random() - 0.5';
		my $node_size = $fields + ($metric eq 'hamming' ? 8 * int(($dim + 63) / 64) : 4 * $dim);

		foreach my $rows (1, 5, 200)
		{
			my $trees = $rows > 5 ? 3 : 2;
			$node->safe_psql(
				'postgres', qq{
				SELECT setseed(0.5);
				DROP TABLE IF EXISTS rows;
				CREATE TABLE rows (id int, v real[]);
				INSERT INTO rows SELECT i + i / 3, (SELECT array_agg($vector) FROM generate_series(1, $dim) WHERE i > 0)
					FROM generate_series(1, $rows) i;
				CREATE INDEX rows_v ON rows USING annoy (v $opclass);
				SELECT annoy_export('rows_v', 'id', '$dir/whole.ann', $trees)});
			my $content = read_file("$dir/whole.ann");
			my $items = unpack('l', substr($content, -$node_size, 4));
			my $header = pack('LSCCLLQLx36', 0x414E4958, 1, $metric eq 'hamming' ? 8 : 4, 4,
				$node_size, $metric eq 'hamming' ? int(($dim + 63) / 64) : $dim, $items, fnv($metric));
			my $value = pack('H*', $node->safe_psql('postgres', "SELECT encode(annoy_serialize('rows_v', 'id', $trees), 'hex')"));
			push @whole, [ $metric, $dim, $content, $node_size ], [ $metric, $dim, $header . $content, $node_size ],
			  [ 'value', $dim, $value, $node_size ];
		}
	}
}

# Numbers that are likely to break something.
my @numbers = (
	0, 1, 2, -1, 3, 4, 7, 8, 64, 127, 255, 256, 32767, 65535, 65536, 0x7fffffff,
	-0x80000000, 0x7ffffffe, 0x40000000, 0x3fffffff, 0x10000000, 0x7f800000, 0x7fc00000);

# A value with the digest that goes with it, so that it is looked at.
sub sealed
{
	my ($value) = @_;
	return length($value) < 40 ? $value : substr($value, 0, 8) . sha256(substr($value, 40)) . substr($value, 40);
}

# Some bytes over others, if there are any at that place.
sub overwrite
{
	my ($content, $at, $bytes) = @_;

	substr($content, $at, length($bytes)) = $bytes if $at < length($content);
	return $content;
}

sub damage
{
	my ($content, $node_size) = @_;
	my $size = length($content);
	my $kind = int(rand(9));
	my $at = int(rand($size));

	return $content if $size == 0;

	if ($kind == 0)
	{
		# bits
		foreach (1 .. 1 + int(rand(8)))
		{
			my $byte = int(rand($size));
			my $flipped = chr(ord(substr($content, $byte, 1)) ^ 1 << int(rand(8)));
			$content = overwrite($content, $byte, $flipped);
		}
	}
	elsif ($kind == 1)
	{
		# an end too early, at a node's end or elsewhere
		$at = $node_size * int($at / $node_size) if rand() < 0.5;
		$content = substr($content, 0, $at);
	}
	elsif ($kind == 2)
	{
		# a piece of some file over another
		my $from = $whole[ int(rand(@whole)) ]->[2];
		my $piece = substr($from, int(rand(length($from))), 1 + int(rand(300)));
		$content = overwrite($content, $at, $piece);
	}
	elsif ($kind == 3)
	{
		# a number
		foreach (1 .. 1 + int(rand(3)))
		{
			$content = overwrite($content, 4 * int(rand($size / 4)),
				pack('l', $numbers[ int(rand(@numbers)) ]));
		}
	}
	elsif ($kind == 4)
	{
		# a number in the last node or the first ones
		my $field = rand() < 0.5 ? $size - $node_size : $node_size * int(rand(4));
		$field += 4 * int(rand(5));
		my $number = rand() < 0.5 ? $numbers[ int(rand(@numbers)) ] : int(rand(400));
		$content = overwrite($content, $field, pack('l', $number)) if $field >= 0;
	}
	elsif ($kind == 5)
	{
		# a header, or what is there instead of it
		my $field = 2 * int(rand(48));
		my $bytes = rand() < 0.5 ? pack('q', $numbers[ int(rand(@numbers)) ]) : pack('S', int(rand(65536)));
		$content = overwrite($content, $field, $bytes);
	}
	elsif ($kind == 6)
	{
		# nodes in other places
		my ($from, $to) = map { $node_size * int(rand($size / $node_size)) } (0, 1);
		$content = overwrite($content, $to, substr($content, $from, $node_size));
	}
	elsif ($kind == 7)
	{
		# a piece taken out or put in
		my $length = $node_size * (1 + int(rand(5)));
		$content =
		  rand() < 0.5
		  ? substr($content, 0, $at) . substr($content, $at + $length > $size ? $size : $at + $length)
		  : substr($content, 0, $at) . ("\0" x $length) . substr($content, $at);
	}
	else
	{
		# something else behind it or instead of it
		my $noise = join('', map { chr(int(rand(256))) } 1 .. $node_size * (1 + int(rand(3))));
		$content = rand() < 0.5 ? $content . $noise : $noise;
	}
	return $content;
}

$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION try(file text, metric text, f int, most bigint) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		n bigint;
	BEGIN
		IF metric = 'value' THEN
			SELECT count(*) INTO n FROM annoy_deserialize(pg_read_binary_file(file));
		ELSIF ascii(right(md5(file), 1)) % 2 = 0 THEN
			SELECT count(*) INTO n FROM annoy_import_bytes(pg_read_binary_file(file), metric, f) WHERE item >= 0 AND item < most AND cardinality(vector) = f;
		ELSE
			SELECT count(*) INTO n FROM annoy_import_items(file, metric, f) WHERE item >= 0 AND item < most AND cardinality(vector) = f;
		END IF;
		RETURN CASE WHEN n > most THEN 'too many' ELSE 'rows' END;
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE FUNCTION highest_memory() RETURNS bigint LANGUAGE sql AS $$
		SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+) kB'))[1]::bigint $$;
	CREATE TABLE files (file text, metric text, f int, most bigint, memory bigint);
	CREATE TABLE results (state text, n bigint);
});

srand($seed);
my $done = 0;
my $growth = 0;
my $up = 1;
while ($done < $files && $up)
{
	my $list = '';

	foreach my $n (1 .. ($batch < $files - $done ? $batch : $files - $done))
	{
		my ($metric, $dim, $content, $node_size) = @{ $whole[ int(rand(@whole)) ] };
		$content = damage($content, $node_size);
		$content = damage($content, $node_size) if rand() < 0.2 && length($content) > 100;
		if ($metric eq 'value')
		{
			$content = sealed($content) if rand() < 0.9;
		}
		elsif (rand() < 0.1)
		{
			# the wrong question
			$metric = (qw(angular euclidean manhattan dot hamming))[ int(rand(5)) ];
			$dim = (1, 2, 3, 4, 6, 70, 128, 8192)[ int(rand(8)) ];
		}
		open(my $fh, '>:raw', "$dir/fuzz$n.ann") or die "could not open a file: $!";
		print $fh $content;
		close($fh) or die "could not write a file: $!";
		$list .= "$dir/fuzz$n.ann\t$metric\t$dim\t" . int(length($content) / 12) . "\t0\n";
		$done++;
	}
	open(my $fh, '>', "$dir/list") or die "could not open a file: $!";
	print $fh $list;
	close($fh) or die "could not write a file: $!";

	my ($status, $out, $errors) = $node->psql(
		'postgres', qq{
		TRUNCATE files;
		COPY files FROM '$dir/list';
		SELECT try('$dir/whole.ann', 'hamming', 70, 1000);
		SELECT highest_memory() AS before \\gset
		INSERT INTO results SELECT try(file, metric, f, most), count(*) FROM files GROUP BY 1;
		SELECT highest_memory() - :before});
	$up = $status == 0 && $errors eq '';
	ok($up, "the server is up after $done files");
	diag("$errors") unless $up;
	my ($whole, $grown) = split(/\n/, $out);
	is($whole, 'rows', 'the file that is whole') if $up;
	$growth = $grown if $up && $grown > $growth;
}

if ($up)
{
	my $results = $node->safe_psql('postgres',
		q{SELECT state || ' ' || sum(n) FROM results GROUP BY state ORDER BY state});
	my %results = map { split / / } split(/\n/, $results);
	diag("of $done files: " . join(', ', map { "$_ $results{$_}" } sort keys %results)
		  . "; memory grew by $growth kB");
	my $rows = delete $results{rows} // 0;
	my $refused = delete $results{'22P03'} // 0;
	is_deeply(\%results, {}, 'no other errors');
	is($rows + $refused, $done, 'each file has been tried');
	cmp_ok($refused, '>', $done / 2, 'most are refused');
	cmp_ok($growth, '<', 8192, 'memory is bounded');
}

#
# Values with other parameters
#

# What may be in JSON in the place of another value, or of a name.
my @strange = (
	'null', 'true', '0', '-1', '1', '2', '5', '1e3', '1.0', '0.9', '1e400', '-0', '18446744073709551615', '18446744073709551616',
	'"18446744073709551615"', '2147483648', '9' x 400, '[]', '{}', '[1]', '{"f": 3}', '""', '"auto"', '"none"', '"int8"', '"bit"',
	'"dot"', '"L2"', '"hamming"', '"real[]"', '"double precision[]"', '"text; DROP TABLE rows"', q{"'"}, q{"5') --"}, q{"\\"},
	'"\u0000"', '"\ud800"', '"\u00e9"', "\"\xff\"", '"' . 'x' x 2000 . '"', '', '"', '{"params":');
my @names = qw(f dimensions metric dtype n_trees n_entries signatures seed search_k target_recall n_neighbors verbose type params
  fillfactor item embedding "tab"le);

sub other_parameters
{
	my ($json) = @_;

	foreach (1 .. 1 + int(rand(2)))
	{
		my $strange = $strange[ int(rand(@strange)) ];
		my $name = $names[ int(rand(@names)) ];
		my $kind = int(rand(5));

		if ($kind < 2)
		{
			# one value, of those there are
			my @at;
			push @at, [ $-[1], $+[1] - $-[1] ] while $json =~ /:("[^"]*"|[\w.+-]+)/g;
			my ($at, $length) = @at ? @{ $at[ int(rand(@at)) ] } : (0, 0);
			substr($json, $at, $length) = $strange;
		}
		elsif ($kind == 2)
		{
			$json =~ s/"params":\{/"params":{"$name":$strange,/;
		}
		elsif ($kind == 3)
		{
			my $byte = int(rand(length($json)));
			substr($json, $byte, 1) = chr(32 + int(rand(95))) if $json ne '';
		}
		else
		{
			$json =~ s/"\w+":/"$name":/ for 1 .. int(rand(3));
		}
	}
	return $json;
}

$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION try_restore(file text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		made regclass;
	BEGIN
		made := annoy_restore_bytes(pg_read_binary_file(file), 'restored');
		PERFORM annoy_index_check(made, true);
		DROP TABLE restored;
		RETURN 'made';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE TABLE restorings (state text);});
my @values = grep { $_->[0] eq 'value' } @whole;
my $restorings = 1000;
srand($seed);
my $calls = '';
foreach my $n (1 .. $restorings)
{
	my $value = $values[ int(rand(@values)) ]->[2];
	my $size = unpack('Q', substr($value, 72, 8));
	my $json = other_parameters(substr($value, 88, $size));

	substr($value, 88, $size) = $json;
	substr($value, 72, 8) = pack('Q', length($json));
	open(my $fh, '>:raw', "$dir/restore$n") or die "could not open a file: $!";
	print $fh sealed($value);
	close($fh) or die "could not write a file: $!";
	$calls .= "INSERT INTO restorings SELECT try_restore('$dir/restore$n');\n";
}
my ($status, $out, $errors) =
  $node->psql('postgres', "SET client_min_messages = error;\n$calls");
is("$status $errors", '0 ', 'the server is up after values with other parameters');
my %states = map { split /[|]/ }
  split(/\n/, $node->safe_psql('postgres', 'SELECT state, count(*) FROM restorings GROUP BY state ORDER BY state'));
diag("of $restorings values: " . join(', ', map { "$_ $states{$_}" } sort keys %states));
cmp_ok($states{made} // 0, '>', $restorings / 20, 'some become an index');

# of data, of an operator class that there is not, of what is not supported, of limits
is_deeply([ grep { !/^(made|22...|42704|0A000|54000)$/ } sort keys %states ],
	[], 'no other errors');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ 'restored'}), '0', 'nothing is left of them');

$node->stop;

done_testing();
