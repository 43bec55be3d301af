#!/usr/bin/perl
# META.json is what the PGXN Meta Spec, version 1, wants, and the version of the
# extension is the same wherever it is written.
#
# Copyright (c) 2026, the annoy developers

use strict;
use warnings;

use FindBin;
use JSON::PP;

chdir "$FindBin::RealBin/.." or die "$!\n";

# One of the values that the specification lists.
my %licenses = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd
  gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5
  postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown);

my $errors = 0;

sub check
{
	my ($good, $what) = @_;

	return $good if $good;
	print "$what\n";
	$errors++;
	return;
}

sub contents
{
	my ($file) = @_;

	open(my $fh, '<', $file) or die "could not open $file: $!\n";
	local $/ = undef;
	return scalar <$fh>;
}

# Does the value have that form?  A regular expression is that of a string.
sub has_form
{
	my ($value, $form) = @_;

	return 0 if !defined $value;
	return ref $value eq $form if $form eq 'HASH' || $form eq 'ARRAY';
	return !ref $value && $value =~ $form ? 1 : 0;
}

# Check the keys of an object: the form of each, and which must be there.
sub check_object
{
	my ($name, $object, $required, $optional) = @_;
	my %form = (%$required, %$optional);

	check(has_form($object, 'HASH'), "META.json: $name is no object") or return;
	check(defined $object->{$_}, "META.json: $name has no \"$_\"")
	  for sort keys %$required;
	for my $key (sort keys %$object)
	{
		next if $key =~ /^x_/i;
		check($form{$key}, "META.json: $name has an unknown key \"$key\"") or next;
		check(has_form($object->{$key}, $form{$key}),
			"META.json: \"$key\" of $name is not of the form $form{$key}");
	}
	return;
}

my $text = qr/\S/;
my $semver = qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?$/;
my $term = qr/^[^\s\/\\\p{Cntrl}]{2,}$/;
my $uri = qr/^https?:\/\/\S+$/;

my $meta = decode_json(contents('META.json'));

check_object(
	'it', $meta,
	{
		name => $term,
		version => $semver,
		abstract => $text,
		maintainer => $text,
		license => $text,
		provides => 'HASH',
		'meta-spec' => 'HASH'
	},
	{
		description => $text,
		generated_by => $text,
		tags => 'ARRAY',
		no_index => 'HASH',
		prereqs => 'HASH',
		release_status => qr/^(?:stable|testing|unstable)$/,
		resources => 'HASH'
	});
check($licenses{ $meta->{license} // '' }, 'META.json: unknown license');
check_object('meta-spec', $meta->{'meta-spec'}, { version => qr/^1\.0\.\d$/ }, { url => $uri });
check_object('resources', $meta->{resources} // {},
	{ }, { homepage => $uri, bugtracker => 'HASH', repository => 'HASH' });
check_object('bugtracker', $meta->{resources}{bugtracker} // {},
	{ }, { web => $uri, mailto => qr/^\S+@\S+$/ });
check_object('repository', $meta->{resources}{repository} // {},
	{ }, { url => qr/^\w+:\/\/\S+$/, web => $uri, type => qr/^[a-z]+$/ });
for my $tag (@{ $meta->{tags} // [] })
{
	check(has_form($tag, qr/^[^\/\\\p{Cntrl}]{1,255}$/), "META.json: bad tag \"$tag\"");
}
for my $phase (sort keys %{ $meta->{prereqs} // {} })
{
	check(has_form($phase, qr/^(?:configure|build|test|runtime|develop)$/), "META.json: unknown phase \"$phase\"");
	for my $relation (sort keys %{ $meta->{prereqs}{$phase} })
	{
		check(has_form($relation, qr/^(?:requires|recommends|suggests|conflicts)$/),
			"META.json: unknown relation \"$relation\"");
		my $needs = $meta->{prereqs}{$phase}{$relation};
		check(has_form($needs->{$_}, $semver), "META.json: bad version of $_")
		  for sort keys %$needs;
	}
}
for my $name (sort keys %{ $meta->{provides} })
{
	my $provided = $meta->{provides}{$name};

	check_object("provides of $name", $provided,
		{ file => $text, version => $semver }, { abstract => $text, docfile => $text });
	for my $key ('file', 'docfile')
	{
		check(-f $provided->{$key}, "META.json: there is no $provided->{$key}") if $provided->{$key};
	}
}

# The version

my ($version) = contents('annoy.control') =~ /^default_version = '(.+)'$/m
  or die "annoy.control has no default_version\n";
my %found = (
	'META.json' => $meta->{version},
	'META.json, provides' => $meta->{provides}{annoy}{version},
	'META.json, provides annoy_vector' => $meta->{provides}{annoy_vector}{version},
	'META.json, file of annoy_vector' =>
	  ($meta->{provides}{annoy_vector}{file} // '') =~ /^sql\/annoy_vector--(.+)\.sql$/,
	'annoy_vector.control' => contents('annoy_vector.control') =~ /^default_version = '(.+)'$/m,
	'META.json, file' => ($meta->{provides}{annoy}{file} // '') =~ /^sql\/annoy--(.+)\.sql$/,
	'packaging/annoy.spec' => contents('packaging/annoy.spec') =~ /^Version:\s+(\S+)$/m,
	'packaging/debian/changelog' => contents('packaging/debian/changelog') =~ /^\S+ \((.+)-\d+\)/,
	'CHANGELOG.md' => contents('CHANGELOG.md') =~ /^## \[(.+?)\]/m);
for my $where (sort keys %found)
{
	check(($found{$where} // '') eq $version,
		"$where: version " . ($found{$where} // 'unknown') . " instead of $version of annoy.control");
}

# Each version has a script, and one that leads to the version after it.
my @versions = sort { pack('C3', split(/\./, $a)) cmp pack('C3', split(/\./, $b)) }
  map { /^sql\/annoy--([\d.]+)\.sql$/ ? $1 : () } glob('sql/annoy--*.sql');
check(@versions && $versions[-1] eq $version, "sql: there is no script of version $version, or one of a later one");
for my $i (1 .. $#versions)
{
	my $update = "sql/annoy--$versions[$i - 1]--$versions[$i].sql";
	check(-f $update, "sql: there is no $update");
}

exit($errors > 0);
