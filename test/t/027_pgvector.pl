
# Copyright (c) 2026, the annoy developers

# annoy_vector: indexes on pgvector's types answer as pgvector does, whatever the order
# and the schemas in which the extensions were created.
#
# Versions of pgvector before 0.7.0 have the type "vector" alone.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use AnnoyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = annoy_node('main', conf => "jit = off\nmax_parallel_workers_per_gather = 0");
my $version = $node->safe_psql('postgres',
	q{SELECT default_version FROM pg_available_extensions WHERE name = 'vector'});
plan skip_all => 'pgvector is not installed' if $version eq '';
note("pgvector $version");

$node->safe_psql('postgres', 'CREATE EXTENSION vector; CREATE EXTENSION annoy_vector');
my $has_all = $node->safe_psql('postgres', q{SELECT to_regtype('halfvec') IS NOT NULL}) eq 't';
note('this version has no halfvec, and not all operators: these are not tested') unless $has_all;

my @types = $has_all ? qw(vector halfvec) : qw(vector);
my %metric_operator = (l2 => '<->', ip => '<#>', cosine => '<=>', $has_all ? (l1 => '<+>') : ());

is( $node->safe_psql(
		'postgres', q{
		SELECT count(*) FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
		WHERE a.amname = 'annoy' AND NOT amvalidate(c.oid)}),
	'0',
	'all operator classes are valid');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(opcname, ' ' ORDER BY opcname) FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
		WHERE a.amname = 'annoy' AND opcname ~ '^(vector|halfvec)_'}),
	join(' ', sort map { my $type = $_; map { "${type}_${_}_ops" } keys %metric_operator } @types),
	'they have the names that they have in pgvector');

# Whole numbers, so that single precision computes what double precision does.  Some
# vectors are zero, and some are NULL.
load_vectors($node, 'reals', 'real[]', 3000, clustered(24));
my $half_column = $has_all ? ', v::halfvec AS h, binary_quantize(v::vector)::bit(24) AS b' : '';
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE items AS SELECT id, v::vector(24) AS v $half_column, id % 7 AS kind
	FROM (SELECT id, CASE WHEN id % 100 = 0 THEN NULL WHEN id % 100 = 50 THEN array_fill(0::real, ARRAY[24]) ELSE v END AS v
		FROM reals) r;
	ANALYZE items;});
my %column = (vector => 'v', halfvec => 'h');

# All rows in order, with the distances that the operator returns, by one kind of scan.
sub ordered
{
	my ($order, $by, $where) = @_;
	my $set = $by eq 'index' ? 'SET enable_seqscan = off; SET enable_sort = off' :
	  'SET enable_indexscan = off; SET enable_bitmapscan = off';
	my $query = "SELECT id, $order AS d FROM items " . ($where // '') . " ORDER BY $order";

	like($node->safe_psql('postgres', "$set; EXPLAIN (COSTS OFF) $query"),
		qr/Index Scan using items_idx/, "$order: the index is used")
	  if $by eq 'index';
	return $node->safe_psql(
		'postgres', qq{
		$set;
		WITH answers AS MATERIALIZED ($query)
		SELECT count(DISTINCT id), md5(string_agg(coalesce(d::text, 'NULL'), ' ')),
			string_agg(DISTINCT id::text, ' ') FILTER (WHERE d = 'NaN') FROM answers});
}

foreach my $type (@types)
{
	my $column = $column{$type};

	foreach my $metric (sort keys %metric_operator)
	{
		my $query = "'[" . join(',', map { ($_ * 37) % 200 - 90 } 1 .. 24) . "]'";
		my $order = "$column $metric_operator{$metric} $query";

		$node->safe_psql('postgres',
			"CREATE INDEX items_idx ON items USING annoy ($column ${type}_${metric}_ops)");
		is(ordered($order, 'index'), ordered($order, 'table'), "$type, $metric: all rows as in a sequential scan");
		is( ordered($order, 'index', 'WHERE kind IN (2, 3)'),
			ordered($order, 'table', 'WHERE kind IN (2, 3)'),
			"$type, $metric: with a condition");
		if ($metric eq 'cosine')
		{
			my $zero = "$column <=> '[" . join(',', (0) x 24) . "]'";

			is(ordered($zero, 'index'), ordered($zero, 'table'), "$type: from a zero vector");
			foreach my $scan ('enable_seqscan', 'enable_indexscan')
			{
				is( $node->safe_psql(
						'postgres', qq{
						SET $scan = off;
						SELECT count(*) FROM items WHERE annoy_within($column, $query, 'Infinity', 'angular');
						SELECT count(*) FROM items WHERE annoy_within($column, } . $zero =~ s/.*<=> //r . ", 'Infinity', 'angular')"),
					"2940\n0", "$type: a zero vector is within no distance, $scan off");
			}
		}

		# the rows within the distance of the 20th, for which the index is asked
		my $name = { l2 => 'euclidean', ip => 'dot', cosine => 'angular', l1 => 'manhattan' }->{$metric};
		my $radius = $node->safe_psql('postgres', "SELECT $order AS d FROM items ORDER BY d OFFSET 19 LIMIT 1");
		my $within = "SELECT id FROM items WHERE annoy_within($column, $query, $radius, '$name')";
		like($node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN $within"), qr/Index Cond: \($column <<@/, "$type, $metric: within");
		is( $node->safe_psql('postgres', "SET enable_seqscan = off; SET annoy.search_k = 100000; SELECT array_agg(id ORDER BY id) FROM ($within OFFSET 0) i"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; SELECT array_agg(id ORDER BY id) FROM items WHERE $order <= $radius"),
			'as the operator says');
		is( $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT array_agg(id ORDER BY id) FROM ($within OFFSET 0) i"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; SELECT array_agg(id ORDER BY id) FROM items WHERE $order <= $radius"),
			'also in a sequential scan');
		is($node->safe_psql('postgres', q{SELECT annoy_index_check('items_idx', true)}), '', 'the index is whole');
		cmp_ok($node->safe_psql('postgres', q{SELECT recall FROM annoy_recall('items_idx')}), '>=', 0.9, 'recall');
		$node->safe_psql('postgres', 'DROP INDEX items_idx');
	}
}

if ($has_all)
{
	$node->safe_psql('postgres', 'CREATE INDEX items_idx ON items USING annoy (b bit_hamming_ops)');
	my $query = "B'" . '0110' x 6 . "'";
	is(ordered("b <~> $query", 'index'), ordered("b <~> $query", 'table'), 'bit: all rows as in a sequential scan');
	is(ordered("b <~~> $query", 'index'), ordered("b <~> $query", 'table'), q{bit: by annoy's operator, too});
	$node->safe_psql('postgres', 'DROP INDEX items_idx');
	is( $node->safe_psql(
			'postgres', q{
			CREATE INDEX items_idx ON items USING annoy (h) WITH (dtype = float16);
			CREATE INDEX reals_idx ON items USING annoy ((v::real[])) WITH (dtype = float16);
			SELECT h.dtype, h.item_bytes = r.item_bytes FROM annoy_index_info('items_idx') h, annoy_index_info('reals_idx') r;
			DROP INDEX reals_idx}),
		'float16|t',
		'a halfvec is stored as it is');
	$node->safe_psql('postgres', 'DROP INDEX items_idx');
}

# What is asked, with an index for it, and what the plan has to name.
my $literal = '[' . join(',', map { $_ % 5 * 20 } 1 .. 24) . ']';
my $array = "{" . join(',', map { $_ % 5 * 20 } 1 .. 24) . "}";
sub uses_index
{
	my ($what, $index, $query, @before) = @_;
	my $set = join '', map { "$_;" } 'SET enable_seqscan = off', @before;
	my $plan = $node->safe_psql('postgres',
		"CREATE INDEX items_idx ON items USING annoy ($index); $set EXPLAIN (COSTS OFF) $query");
	like($plan, qr/Index Scan using items_idx/, $what);
	$node->safe_psql('postgres', "$set $query");
	$node->safe_psql('postgres', 'DROP INDEX items_idx');
	return;
}
uses_index('a literal without a type', 'v', "SELECT id FROM items ORDER BY v <-> '$literal' LIMIT 5");
uses_index('a literal with a cast', 'v', "SELECT id FROM items ORDER BY v <-> '$literal'::vector(24) LIMIT 5");
uses_index('an array with a cast', 'v', "SELECT id FROM items ORDER BY v <-> '$array'::real[]::vector LIMIT 5");
foreach my $plans (qw(force_custom_plan force_generic_plan))
{
	foreach my $parameter ('(vector)', '(unknown)', '')
	{
		uses_index("a parameter $parameter, $plans", 'v', "EXECUTE ask('$literal')", "SET plan_cache_mode = $plans",
			"PREPARE ask$parameter AS SELECT id FROM items ORDER BY v <-> \$1 LIMIT 5");
	}
}
uses_index('a subquery', 'v vector_cosine_ops',
	'SELECT id FROM items ORDER BY v <=> (SELECT v FROM items WHERE id = 7) LIMIT 5');
uses_index('columns for conditions', 'v vector_ip_ops, kind',
	"SELECT id FROM items WHERE kind = 3 ORDER BY v <#> '$literal' LIMIT 5");
if ($has_all)
{
	uses_index('halves of a vector', '(v::halfvec(24)) halfvec_l2_ops',
		"SELECT id FROM items ORDER BY v::halfvec(24) <-> '$literal' LIMIT 5");
	uses_index('a part of a vector', '(subvector(v, 1, 8)::vector(8)) vector_cosine_ops',
		"SELECT id FROM items ORDER BY subvector(v, 1, 8)::vector(8) <=> '[1,2,3,4,5,6,7,8]' LIMIT 5");
	uses_index('bits of a vector', '(binary_quantize(v)::bit(24)) bit_hamming_ops',
		"SELECT id FROM items ORDER BY binary_quantize(v)::bit(24) <~> binary_quantize('$literal'::vector) LIMIT 5");
}

# Domains; a column of several lengths, with an index for each
$node->safe_psql('postgres', 'CREATE DOMAIN embedding AS vector(24); CREATE TABLE domains AS SELECT id, v::embedding AS v FROM items; CREATE INDEX domains_idx ON domains USING annoy (v)');
foreach my $query ("'$literal'", "'$literal'::embedding", "'$literal'::vector")
{
	my $ask = "SELECT v <-> $query FROM domains WHERE annoy_within(v, $query, 800) ORDER BY v <-> $query LIMIT 40";
	like($node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN $ask"), qr/Index Cond:.*<<@.*Order By/s, "a domain, and $query");
	is( $node->safe_psql('postgres', "SET enable_seqscan = off; SET annoy.search_k = 100000; $ask"),
		$node->safe_psql('postgres', "SELECT v <-> '$literal' FROM items WHERE v <-> '$literal' <= 800 ORDER BY v <-> '$literal' LIMIT 40"),
		'the same rows');
}
$node->safe_psql(
	'postgres', q{
	CREATE TABLE lengths (model int, id int, v vector);
	INSERT INTO lengths SELECT 1, i, ARRAY[i, 1, 2] FROM generate_series(1, 1000) i;
	INSERT INTO lengths SELECT 2, i, ARRAY[i, 1] FROM generate_series(1, 1000) i;
	CREATE INDEX lengths_1 ON lengths USING annoy ((v::vector(3)) vector_l2_ops) WHERE model = 1;
	CREATE INDEX lengths_2 ON lengths USING annoy (v) WHERE model = 2;});
is( $node->safe_psql(
		'postgres', q{
		SET enable_seqscan = off;
		SELECT id FROM lengths WHERE model = 1 ORDER BY v::vector(3) <-> '[500,1,2]' LIMIT 1;
		SELECT id FROM lengths WHERE model = 2 ORDER BY v <-> '[700,1]' LIMIT 1;
		SELECT count(*) FROM lengths WHERE model = 1 AND annoy_within(v::vector(3), '[500,1,2]', 2)}),
	"500\n700\n5",
	'vectors of several lengths in a column');

# The planner is told by us what pgvector's operators do not tell: that a sequential scan of
# wide vectors is expensive.  For a rare value of another index it is not.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE wide AS SELECT i AS id, i % 100 AS kind, (SELECT array_agg(random()) FROM generate_series(1, 1536 + 0 * i))::vector(1536) AS v
		FROM generate_series(1, 2000) i;
	CREATE INDEX wide_v ON wide USING annoy (v vector_cosine_ops);
	CREATE INDEX wide_kind ON wide (kind);
	VACUUM ANALYZE wide;});
my $wide = q{v <=> (SELECT v FROM wide WHERE id = 7 AND kind = 7)};
foreach my $limit (10, 100)
{
	like($node->safe_psql('postgres', "EXPLAIN SELECT id FROM wide ORDER BY $wide LIMIT $limit"),
		qr/Index Scan using wide_v/, "2,000 rows of 1,536 dimensions, LIMIT $limit: the index");
}
unlike($node->safe_psql('postgres', "EXPLAIN SELECT id FROM wide ORDER BY $wide"), qr/Index Scan using wide_v/, 'all of them: not');
unlike($node->safe_psql('postgres', "EXPLAIN SELECT id FROM wide WHERE kind = 3 ORDER BY $wide LIMIT 10"),
	qr/Index Scan using wide_v/, 'of a rare value: not');
$node->safe_psql('postgres', 'DROP TABLE wide');

# Every dtype, insertions, VACUUM, other vectors than the index has.
foreach my $type (@types)
{
	foreach my $dtype (qw(none int8 float16 float32 float64))
	{
		my $column = $column{$type};
		$node->safe_psql('postgres', "CREATE INDEX items_idx ON items USING annoy ($column) WITH (dtype = $dtype)");
		cmp_ok($node->safe_psql('postgres', q{SELECT recall FROM annoy_recall('items_idx')}), '>=', 0.9, "$type as $dtype");
		is( $node->safe_psql('postgres',
				"SELECT bool_and(annoy_get_item('items_idx', ctid, NULL::$type) = $column) FROM items WHERE $column IS NOT NULL"),
			't', "$type as $dtype: vectors come back");
		$node->safe_psql('postgres', 'DROP INDEX items_idx');
	}
}
$node->safe_psql(
	'postgres', q{
	CREATE TABLE grown (id int, v vector) PARTITION BY RANGE (id);
	CREATE TABLE grown_1 PARTITION OF grown FOR VALUES FROM (0) TO (1000);
	CREATE TABLE grown_2 PARTITION OF grown FOR VALUES FROM (1000) TO (9999);
	CREATE INDEX ON grown USING annoy (v vector_cosine_ops);
	INSERT INTO grown SELECT id, v FROM items;
	DELETE FROM grown WHERE id % 4 = 0;});
$node->safe_psql('postgres', 'VACUUM grown');
$node->safe_psql('postgres', 'INSERT INTO grown SELECT id, v FROM items WHERE id % 4 = 0');
is( $node->safe_psql(
		'postgres', qq{
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM grown ORDER BY v <=> '$literal') g}),
	'3000|3000', 'all rows of a partitioned table that has grown');
is( $node->safe_psql(
		'postgres', q{SELECT annoy_index_check('grown_1_v_idx', true), annoy_index_check('grown_2_v_idx', true)}), '|', 'whole');
my ($status, $stdout, $stderr) = $node->psql('postgres', q{INSERT INTO grown VALUES (1, '[1,2,3]')});
like($stderr, qr/expected 24 dimensions, not 3/, 'other dimensions are refused');
($status, $stdout, $stderr) = $node->psql('postgres',
	q{CREATE TABLE mixed AS SELECT '[1,2]'::vector AS v UNION ALL SELECT '[1,2,3]'; CREATE INDEX ON mixed USING annoy (v)});
my ($rows) = $stderr =~ /finds all rows that do not fit: (.*;)/;
is($node->safe_psql('postgres', $rows // 'SELECT 1'), '(0,2)', 'and found by the query of the hint');

# Functions with queries of these types
$node->safe_psql('postgres', 'CREATE INDEX items_idx ON items USING annoy (v)');
foreach my $query ("'$literal'::vector", $has_all ? "'$literal'::halfvec" : (), "'$literal'", "'$array'", "'$array'::real[]")
{
	is( $node->safe_psql(
			'postgres', qq{
			SELECT (SELECT array_agg(item) FROM annoy_get_nns_by_vector('items_idx', $query, 10))
				= (SELECT array_agg(ctid) FROM (SELECT ctid FROM items ORDER BY v <-> '$literal' LIMIT 10) i),
			(SELECT count(*) FROM annoy_search_radius('items_idx', $query, 500))
				= (SELECT count(*) FROM items WHERE v <-> '$literal' <= 500)}),
		't|t', "functions take $query");
}
is($node->safe_psql('postgres', q{SELECT count(*) > 5000 FROM annoy_knn_graph('items_idx', 2)}), 't', 'annoy_knn_graph');
is($node->safe_psql('postgres', q{SELECT annoy_prewarm('items_idx') > 10}), 't', 'annoy_prewarm');
is($node->safe_psql('postgres', q{SELECT annoy_clone_index('items_idx', 'items_clone', '{"metric": "angular"}')}), 'items_clone', 'annoy_clone_index');
$node->safe_psql('postgres', q{CREATE TABLE queries AS SELECT v FROM items WHERE v IS NOT NULL LIMIT 300});
is($node->safe_psql('postgres', q{SELECT annoy_calibrate('items_idx', 'queries') >= 0}), 't', 'annoy_calibrate');
my $file = PostgreSQL::Test::Utils::tempdir() . '/items.ann';
is($node->safe_psql('postgres', qq{CREATE TABLE numbered AS SELECT id, v FROM items WHERE v IS NOT NULL;
	CREATE INDEX numbered_idx ON numbered USING annoy (v); SELECT annoy_export('numbered_idx', 'id', '$file') > 0}), 't', 'annoy_export');

# What depends on what
($status, $stdout, $stderr) = $node->psql('postgres', 'DROP EXTENSION vector');
like($stderr, qr/extension annoy_vector depends on extension vector/, 'DROP EXTENSION vector says what depends on it');
($status, $stdout, $stderr) = $node->psql('postgres', 'DROP EXTENSION annoy_vector');
like($stderr, qr/index items_idx depends on operator class/, 'DROP EXTENSION annoy_vector as well');
$node->safe_psql('postgres', 'SET client_min_messages = warning; DROP EXTENSION annoy_vector CASCADE; CREATE EXTENSION annoy_vector');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'items_idx'}), '0', 'it can be dropped and created again');

# Any order, any schemas: those of no search_path, with names that have to be quoted
my $number = 0;
foreach my $order (
	[ 'CREATE EXTENSION vector', 'CREATE EXTENSION annoy', 'CREATE EXTENSION annoy_vector' ],
	[ 'CREATE EXTENSION annoy', 'CREATE EXTENSION vector', 'CREATE EXTENSION annoy_vector' ],
	['CREATE EXTENSION annoy_vector CASCADE'],
	[ 'CREATE SCHEMA "An ""A"', 'CREATE SCHEMA "the V"', 'CREATE SCHEMA own', 'CREATE EXTENSION annoy SCHEMA "An ""A"',
		'CREATE EXTENSION vector SCHEMA "the V"', 'CREATE EXTENSION annoy_vector SCHEMA own' ],
	# names of others do not get in the way
	[ 'CREATE SCHEMA s', 'CREATE SCHEMA v', 'CREATE DOMAIN s.vector AS real[]', 'CREATE DOMAIN s.name AS text', 'CREATE FUNCTION s.format(text, name, text) RETURNS text LANGUAGE sql AS $$SELECT 1/0$$',
		'CREATE EXTENSION annoy SCHEMA s', 'CREATE EXTENSION vector SCHEMA v', 'CREATE EXTENSION annoy_vector SCHEMA s' ])
{
	my $database = 'order_' . ++$number;
	my $first = $number == 4 ? 'own' : $number == 5 ? 's' : 'public';

	$node->safe_psql('template1', "CREATE DATABASE $database TEMPLATE template0");
	$node->safe_psql($database, "SET client_min_messages = warning; $_") foreach @$order;
	my $vector = $node->safe_psql($database, q{SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'});
	$node->safe_psql(
		$database, qq{
		CREATE TABLE public.t (id int, v $vector.vector(3));
		INSERT INTO public.t SELECT i, ARRAY[i, sin(i), 1] FROM generate_series(1, 500) i;
		CREATE INDEX t_idx ON public.t USING annoy (v $first.vector_cosine_ops);
		CREATE INDEX t_l2 ON public.t USING annoy (v);});
	my $ask = "SET search_path = $vector; SET enable_seqscan = off; EXPLAIN (COSTS OFF) SELECT * FROM public.t ORDER BY v <=> '[1,2,3]' LIMIT 3;";
	like($node->safe_psql($database, $ask), qr/Index Scan using t_idx/, "$database: made in that order");

	# dumped, and restored by sections
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/$database.dump";
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $database ], "$database: dumped");
	$node->safe_psql('template1', "CREATE DATABASE ${database}_copy TEMPLATE template0");
	foreach my $section (qw(pre-data data post-data))
	{
		$node->command_ok([ 'pg_restore', '--exit-on-error', "--section=$section", '-d', "${database}_copy", $dump ],
			"restored, $section");
	}
	like($node->safe_psql("${database}_copy", $ask), qr/Index Scan using t_idx/, 'and used');

	# moved
	$node->safe_psql($database, 'CREATE SCHEMA elsewhere; ALTER EXTENSION annoy_vector SET SCHEMA elsewhere; ALTER EXTENSION vector SET SCHEMA elsewhere');
	like($node->safe_psql($database, $ask =~ s/search_path = .*?;/search_path = elsewhere;/r), qr/Index Scan using t_idx/, 'moved');
}

# With annoy in the same schema, operators are those that they are with pgvector alone; only
# where neither side has a type, <~> might be of bits or of arrays.
$node->safe_psql('template1', 'CREATE DATABASE alone TEMPLATE template0');
$node->safe_psql('alone', 'CREATE EXTENSION vector');
$node->safe_psql('template1', 'CREATE DATABASE beside TEMPLATE template0');
$node->safe_psql('beside', 'CREATE EXTENSION vector; CREATE EXTENSION annoy; CREATE EXTENSION annoy_vector');
my $resolve = q{
	SET client_min_messages = warning;
	CREATE TABLE resolved (expression text, operator text);
	DO $$
	DECLARE
		vals text[] := '{"''[1,2,3]''::vector","''[1,2,3]''::vector(3)","''[1,2,4]''","NULL","''{1,2}''::real[]","''{1,2}''::double precision[]","ARRAY[1,2]","B''101''","''110''::bit varying","''101''"}'
			|| CASE WHEN to_regtype('halfvec') IS NOT NULL THEN '{"''[1,2,3]''::halfvec","''{1:1}/3''::sparsevec"}'::text[] END;
		x text;
		y text;
		op text;
	BEGIN
		FOREACH x IN ARRAY vals LOOP
			FOREACH y IN ARRAY vals LOOP
				FOREACH op IN ARRAY '{<->,<=>,<#>,<+>,<~>,<%>,<,=,+,||}'::text[] LOOP
					BEGIN
						EXECUTE format('CREATE VIEW w AS SELECT %s %s %s AS d', x, op, y);
						INSERT INTO resolved SELECT format('%s %s %s', x, op, y), string_agg(o.oid::regoperator::text, ' ')
						FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_operator o ON o.oid = d.refobjid
						WHERE r.ev_class = 'w'::regclass AND d.refclassid = 'pg_operator'::regclass;
						DROP VIEW w;
					EXCEPTION WHEN undefined_function OR ambiguous_function OR invalid_text_representation OR undefined_object OR datatype_mismatch OR data_exception THEN
						NULL;
					END;
				END LOOP;
			END LOOP;
		END LOOP;
	END $$;};
$node->safe_psql($_, $resolve) foreach qw(alone beside);
my %resolved = map { $_ => { map { split(/\|/, $_, 2) } split(/\n/, $node->safe_psql($_, 'SELECT replace(expression, $$|$$, $$!$$), operator FROM resolved')) } } qw(alone beside);
cmp_ok(scalar(keys %{ $resolved{alone} }), '>', 100, 'operators of pgvector');
is( join(', ', grep { ($resolved{beside}{$_} // '') ne $resolved{alone}{$_} } grep { !/^(NULL|'[^:]*') <~> (NULL|'[^:]*')$/ } sort keys %{ $resolved{alone} }),
	'', 'are the same beside annoy');

# The owner of a database, who is no superuser, creates it if he may create pgvector.
$node->safe_psql('postgres', q{CREATE ROLE someone LOGIN; CREATE DATABASE owned TEMPLATE template0 OWNER someone});
$node->safe_psql('owned', 'CREATE EXTENSION vector');
$node->safe_psql('owned', 'SET ROLE someone; CREATE EXTENSION annoy; CREATE EXTENSION annoy_vector');
is($node->safe_psql('owned', q{SELECT count(*) FROM pg_extension WHERE extname = 'annoy_vector'}), '1', 'created by the owner of a database');

# An annoy that was never updated has not what it takes.
$node->safe_psql('template1', 'CREATE DATABASE former TEMPLATE template0');
$node->safe_psql('former', q{CREATE EXTENSION vector; CREATE EXTENSION annoy VERSION '1.0.0'});
($status, $stdout, $stderr) = $node->psql('former', 'CREATE EXTENSION annoy_vector');
like($stderr, qr/annoy is of a version before 1\.1\.0\n.*HINT:  Use ALTER EXTENSION annoy UPDATE/s, 'a former version of annoy');
$node->safe_psql('former', 'ALTER EXTENSION annoy UPDATE; CREATE EXTENSION annoy_vector');

# What older versions of pgvector lack is left out, and said.
if ($has_all)
{
	$node->safe_psql('template1', 'CREATE DATABASE older TEMPLATE template0');
	$node->safe_psql(
		'older', q{
		SET client_min_messages = warning;
		CREATE EXTENSION annoy;
		CREATE EXTENSION vector;
		DELETE FROM pg_depend WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector');
		DROP TYPE halfvec CASCADE;
		DROP OPERATOR <+> (vector, vector) CASCADE;
		DROP OPERATOR <~> (bit, bit) CASCADE;});
	($status, $stdout, $stderr) = $node->psql('older', 'CREATE EXTENSION annoy_vector');
	like($stderr, qr/WARNING:  the version of pgvector in this database lacks operator <\+> on vector, type halfvec, operator <~> on bit\n/,
		'an older pgvector');
	is( $node->safe_psql('older', q{SELECT string_agg(opcname, ' ' ORDER BY opcname) FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
			WHERE a.amname = 'annoy' AND opcname ~ '^(vector|halfvec)_'}),
		'vector_cosine_ops vector_ip_ops vector_l2_ops', 'its operator classes');
}

# What the documentation says
if ($has_all)
{
	my $document = slurp_file("$FindBin::RealBin/../../docs/from-pgvector.md");
	my @blocks = $document =~ /^```sql\n(.*?)^```$/msg;

	cmp_ok(scalar(@blocks), '>=', 3, 'docs/from-pgvector.md has examples');
	$node->safe_psql('template1', 'CREATE DATABASE docs TEMPLATE template0');
	($status, $stdout, $stderr) = $node->psql('docs', join('', @blocks), on_error_stop => 1);
	is($status, 0, 'they work');
	diag($stderr) if $status != 0;
}

done_testing();
