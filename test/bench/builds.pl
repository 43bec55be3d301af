#!/usr/bin/perl

# Copyright (c) 2026, the annoy developers

# Measures builds of an index: how long, how much memory, disk and WAL, what
# users see of them meanwhile, and how soon they can be stopped.  See README.md.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Getopt::Long;
use IPC::Open2;
use IO::Select;
use List::Util qw(max min sum0);
use POSIX      qw(sysconf _SC_CLK_TCK);
use Time::HiRes qw(time);

my $usage = <<'END';
Usage: builds.pl MODE [OPTION]...

Modes:
  progress    how long no counter of pg_stat_progress_create_index moves
  cancel      how long a build goes on after pg_cancel_backend, and what it leaves
  memory      time, memory and recall for values of maintenance_work_mem
  scale       time by phases, processor time, memory, index, temporary files and
              WAL, for numbers of rows
  parallel    the fastest of several builds, by numbers of processes

Options:
  --table NAME       table to index, which is there unless --base is given
  --column NAME      its column, by default "embedding"
  --base FILE        .fvecs or .bvecs file to load into the table
  --rows N,...       so many rows of the file; 0 for all
  --processes N,...  by default 1,2
  --memory SIZE,...  maintenance_work_mem, by default as set;
                     mode memory: 16MB,64MB,256MB,4GB
  --opclass NAME     operator class
  --with OPTIONS     storage parameters
  --passes N         mode parallel: builds of each kind (3);
                     mode cancel: in each phase (3)
  --search-k N       mode memory: entries to scan (16000)
  --queries FILE     mode memory: queries for the recall, with --base and
  --truth FILE       their exact neighbours; otherwise annoy_recall() asks rows
  --ask N            mode memory: how many (1000)
  --csv FILE         mode scale: figures of each build
  --keep             leave the last index
END

my %opt = (
	table => 'builds',
	column => 'embedding',
	rows => '0',
	processes => '1,2',
	passes => 3,
	'search-k' => 16000,
	ask => 1000);
GetOptions(\%opt, 'table=s', 'column=s', 'base=s', 'rows=s', 'processes=s',
	'memory=s', 'opclass=s', 'with=s', 'passes=i', 'search-k=i', 'queries=s',
	'truth=s', 'ask=i', 'csv=s', 'keep', 'help')
  && ($opt{help} || @ARGV == 1)
  or die $usage;
if ($opt{help})
{
	print $usage;
	exit;
}

my %modes = (
	progress => \&progress,
	cancel => \&cancel,
	memory => \&memory,
	scale => \&scale,
	parallel => \&parallel);
my $run = $modes{ $ARGV[0] } // die $usage;
my @processes = split(/,/, $opt{processes});
my @memory = split(/,/,
	$opt{memory} // ($ARGV[0] eq 'memory' ? '16MB,64MB,256MB,4GB' : ''));
@memory = ('') if !@memory;

# Seconds between two looks at a build.
my $interval = 0.05;

#
# Sessions
#

# A session of psql, which answers one command after the other.
sub session
{
	my $pid = open2(
		my $out, my $in, 'psql', '-X', '-q', '-A', '-t', '-F', '|',
		'-v', 'ON_ERROR_STOP=0');
	my $self = { in => $in, out => $out, process => $pid };

	$in->autoflush(1);
	$self->{pid} = ask($self, 'SELECT pg_backend_pid()');
	die "cannot connect\n" if $self->{pid} !~ /^\d+$/;
	return $self;
}

sub send_command
{
	my ($session, $sql) = @_;

	print { $session->{in} } "$sql;\n\\echo :SQLSTATE done\n";
	return;
}

# Whether there is an answer, after so many seconds at most.
sub answered
{
	my ($session, $seconds) = @_;

	return IO::Select->new($session->{out})->can_read($seconds);
}

# The answer to the last command; its SQLSTATE goes into the session.
sub answer
{
	my ($session) = @_;
	my @lines;

	while (defined(my $line = readline($session->{out})))
	{
		chomp($line);
		if ($line =~ /^(\w*) done$/)
		{
			$session->{state} = $1;
			return join("\n", @lines);
		}
		push(@lines, $line);
	}
	die "the connection was lost\n";
}

sub ask
{
	my ($session, $sql) = @_;

	send_command($session, $sql);
	my $answer = answer($session);
	die "$sql: SQLSTATE $session->{state}\n" if $session->{state} ne '00000';
	return $answer;
}

# psql's complaints, and what a build tells, go to a file.
my $messages = File::Temp->new;
open(my $stderr, '>&', \*STDERR) or die "could not duplicate stderr: $!\n";
open(STDERR, '>>', $messages->filename) or die "could not write to a file: $!\n";
$SIG{__DIE__} = sub { print $stderr @_; exit(2); };
$SIG{$_} = sub { exit(2); }
  foreach (qw(HUP INT TERM));

my $builder = session();
my $watcher = session();

sub read_messages
{
	open(my $file, '<', $messages->filename) or die "could not read a file: $!\n";
	my @lines = readline($file);

	close($file);
	truncate($messages->filename, 0);
	return @lines;
}

#
# Processes
#

# Processor time of a process, in seconds.
sub processor_time
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/stat") or return 0;
	my $line = readline($file) // return 0;

	$line =~ s/^.*\) //;
	my @fields = split(/ /, $line);
	return ($fields[11] + $fields[12]) / sysconf(_SC_CLK_TCK);
}

# Memory of processes, in MB: what is private, and of segments of dynamic shared
# memory each one's part.  What the server has started with is not.
sub memory_of
{
	my $kb = 0;

	foreach my $pid (@_)
	{
		my $counts = 0;

		open(my $file, '<', "/proc/$pid/smaps") or next;
		while (defined(my $line = readline($file)))
		{
			if ($line =~ /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)/)
			{
				my $name = $1;

				$counts = $name eq '' || $name =~ /^\[/ || $name =~ m{/dev/shm/|pg_dynshmem};
			}
			elsif ($counts && $line =~ /^Pss:\s+(\d+)/)
			{
				$kb += $1;
			}
		}
	}
	return $kb / 1024;
}

#
# Builds
#

# What the server knows of a build: phase, counters, workers, temporary files.
my $look = q{
	SELECT phase, tuples_done, blocks_done, tuples_total, blocks_total,
		(SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE leader_pid = p.pid)
	FROM pg_stat_progress_create_index p WHERE pid = };
my $temporary = q{
	WITH names AS MATERIALIZED (SELECT pg_ls_dir('base/pgsql_tmp', true, false) AS name),
	sets AS MATERIALIZED (SELECT name FROM names WHERE name LIKE '%.fileset'),
	files AS (
		SELECT name FROM names WHERE name NOT LIKE '%.fileset'
		UNION ALL
		SELECT name || '/' || pg_ls_dir('base/pgsql_tmp/' || name, true, false) FROM sets)
	SELECT coalesce(sum((pg_stat_file('base/pgsql_tmp/' || name, true)).size), 0) FROM files};

sub index_name
{
	return "$opt{table}_builds_idx";
}

# Start a build.
sub start_build
{
	my ($processes, $memory) = @_;
	my $workers = $processes - 1;
	my $opclass = $opt{opclass} // '';
	my $with = defined $opt{with} ? "WITH ($opt{with})" : '';

	ask($builder, 'DROP INDEX IF EXISTS ' . index_name());
	ask($builder, "SET maintenance_work_mem = '$memory'") if $memory ne '';
	ask($builder, "SET max_parallel_maintenance_workers = $workers");
	ask($builder, "ALTER TABLE $opt{table} SET (parallel_workers = $workers)");
	ask($builder, 'SET annoy."verbose" = 1');
	ask($builder, 'CHECKPOINT');
	read_messages();
	send_command($builder,
			'CREATE INDEX '
		  . index_name()
		  . " ON $opt{table} USING annoy ($opt{column} $opclass) $with");
	return;
}

# Look at a build that goes on.  Returns nothing if there is nothing to be seen.
sub look
{
	my @state = split(/\|/, ask($watcher, $look . $builder->{pid}), -1);

	return if !@state;
	return {
		time => time(),
		phase => $state[0] =~ s/^building index: //r,
		counters => "$state[0] $state[1] $state[2]",
		tuples => "$state[1]/$state[3]",
		blocks => "$state[2]/$state[4]",
		workers => [ split(/,/, $state[5] // '') ]
	};
}

# Build, and call a function every now and then with what is to be seen.
sub build
{
	my ($processes, $memory, $watch) = @_;
	my $lsn = ask($watcher, 'SELECT pg_current_wal_insert_lsn()');

	start_build($processes, $memory);
	my $started = time();
	while (!answered($builder, $watch ? $interval : undef))
	{
		my $state = look();

		$watch->($state) if $state;
	}
	my $elapsed = time() - $started;
	my @said;

	answer($builder);
	@said = read_messages();
	die "the build failed: @said\n" if $builder->{state} ne '00000';
	my ($launched) = map { /: (\d+) of \d+ workers launched/ } @said;
	die "there were " . ($launched // 0) . " workers\n"
	  if $processes > 1 && ($launched // 0) != $processes - 1;

	my ($wal, $size) = split(/\|/,
		ask($watcher, "SELECT pg_current_wal_insert_lsn() - '$lsn', pg_relation_size('"
			  . index_name() . "')"));
	return {
		time => $elapsed,
		phases => [ map { /: ([^:]+): \d+ \w+ in ([\d.]+) s/ ? [ $1, $2 ] : () } @said ],
		wal => $wal,
		size => $size
	};
}

# Load so many rows.  Returns their number.
sub load
{
	my ($rows) = @_;

	if (defined $opt{base})
	{
		my @command = (
			"$FindBin::RealBin/annoybench", '--load', '--drop', '--base', $opt{base},
			'--table', $opt{table}, '--column', $opt{column});

		push(@command, '--rows', $rows) if $rows > 0;
		open(my $pipe, '-|', @command) or die "could not run annoybench: $!\n";
		1 while defined readline($pipe);
		close($pipe) or die "could not load $opt{base}: " . join('', read_messages());
	}
	return ask($watcher, "SELECT count(*) FROM $opt{table}");
}

#
# Tables
#

sub row
{
	print '| ', join(' | ', @_), " |\n";
	return;
}

sub header
{
	row(@_);
	print '|', '---|' x @_, "\n";
	return;
}

sub seconds
{
	return sprintf('%.2f', $_[0]);
}

sub describe
{
	my ($processes, $memory) = @_;

	return "$processes process" . ($processes > 1 ? 'es' : '')
	  . ($memory ne '' ? ", $memory" : '');
}

#
# Modes
#

# For each phase, the longest time in which neither counter moved, and how much
# processor time the leader has had in it: a busy machine makes all waits long.
sub progress
{
	load((split(/,/, $opt{rows}))[0]);
	foreach my $memory (@memory)
	{
		foreach my $processes (@processes)
		{
			my (%phases, @order, $last);
			my $note = sub {
				my ($state) = @_;
				my $now = time();
				my $used = processor_time($builder->{pid});

				return if $last && $state && $state->{counters} eq $last->{counters};
				if ($last)
				{
					my $phase = $phases{ $last->{phase} };

					$phase->{silence} = max($phase->{silence}, $now - $last->{since});
					$phase->{used} = max($phase->{used}, $used - $last->{used});
					$phase->{time} += $now - $last->{since};
					$phase->{tuples} = $last->{tuples};
					$phase->{blocks} = $last->{blocks};
				}
				return if !$state;
				if (!$phases{ $state->{phase} })
				{
					push(@order, $state->{phase});
					$phases{ $state->{phase} } = { silence => 0, used => 0, time => 0 };
				}
				$last = { %$state, since => $now, used => $used };
			};
			my $build = build($processes, $memory, $note);

			$note->();
			print "\n", describe($processes, $memory), ': ', seconds($build->{time}), " s\n\n";
			header('phase', 'time, s', 'longest silence, s', 'processor time in one, s',
				'tuples', 'blocks');
			foreach my $name (@order)
			{
				my $phase = $phases{$name};

				row($name, (map { seconds($phase->{$_}) } qw(time silence used)),
					$phase->{tuples}, $phase->{blocks});
			}
		}
	}
	return;
}

# What a build that was stopped has left behind.
sub leftovers
{
	my $name = index_name();

	return ask(
		$watcher, qq{
		SELECT coalesce(string_agg(what, ', '), '') FROM (
			SELECT 'worker ' || pid FROM pg_stat_activity WHERE leader_pid = $builder->{pid}
			UNION ALL
			SELECT 'temporary file ' || pg_ls_dir('base/pgsql_tmp', true, false)
			UNION ALL
			SELECT 'index ' || relname FROM pg_class WHERE relname = '$name'
			UNION ALL
			SELECT 'file ' || name FROM (
				SELECT 'base/' || d.oid || '/' || pg_ls_dir('base/' || d.oid) AS name
				FROM pg_database d WHERE datname = current_database()) f
			WHERE pg_filenode_relation(0, substring(name FROM '/(\\d+)[^/]*\$')::oid) IS NULL
				AND name ~ '/\\d+(_[a-z]+)?(\\.\\d+)?\$'
				AND (pg_stat_file(name, true)).size > 0) l (what)});
}

# Stop builds in each phase, some time after it has begun.
sub cancel
{
	my $longest = 0;

	load((split(/,/, $opt{rows}))[0]);
	foreach my $memory (@memory)
	{
		foreach my $processes (@processes)
		{
			my (%starts, %ends, @order);

			build(
				$processes, $memory,
				sub {
					my ($state) = @_;

					push(@order, $state->{phase}) if !$starts{ $state->{phase} };
					$starts{ $state->{phase} } //= $state->{time};
					$ends{ $state->{phase} } = $state->{time};
				});
			print "\n", describe($processes, $memory), "\n\n";
			header('phase', 'builds cancelled', 'longest time to the end, s',
				'processor time of the leader, s', 'left behind');
			foreach my $phase (@order)
			{
				my @times;
				my @used;
				my @left;

				foreach my $pass (1 .. $opt{passes})
				{
					my $wait = rand($ends{$phase} - $starts{$phase});
					my $due;

					start_build($processes, $memory);
					while (!answered($builder, $interval / 5))
					{
						my $state = look() // next;

						$due //= time() + $wait if $state->{phase} eq $phase;
						next if !defined $due || time() < $due;

						my $used = processor_time($builder->{pid});
						my $cancelled = time();

						ask($watcher, "SELECT pg_cancel_backend($builder->{pid})");
						answered($builder, undef);
						push(@times, time() - $cancelled);
						push(@used, processor_time($builder->{pid}) - $used);
						last;
					}
					answer($builder);
					if ($builder->{state} eq '00000')
					{
						pop(@times);
						pop(@used);
						next;
					}
					my $left = leftovers();

					push(@left, $left) if $left ne '';
				}
				row($phase, scalar(@times), seconds(max(@times) // 0), seconds(max(@used) // 0),
					join('; ', @left) || 'nothing');
			}
		}
	}
	return;
}

# Recall@10 of the index.
sub recall
{
	my ($rows) = @_;
	my $name = index_name();
	my $recall;

	return ask($watcher,
		"SELECT recall FROM annoy_recall('$name', 10, $opt{ask}, $opt{'search-k'})")
	  if !defined $opt{queries};

	open(
		my $pipe, '-|', "$FindBin::RealBin/annoybench", '--base', $opt{base} // '',
		'--rows', $rows, '--table', $opt{table}, '--column', $opt{column}, '--queries', $opt{queries},
		'--truth', $opt{truth} // '', '--max-queries', $opt{ask}, '--limit', 10,
		'--passes', 1, '--warmup', 0, '--require-index', '--set', 'annoy.search_k',
		'--values', $opt{'search-k'})
	  or die "could not run annoybench: $!\n";
	while (defined(my $line = readline($pipe)))
	{
		$recall = $1 if $line =~ /^\s*$opt{'search-k'}\s+([\d.]+)/;
	}
	close($pipe) && defined $recall
	  or die 'annoybench: ' . join('', read_messages());
	return $recall;
}

# Time, memory over that before the build, and recall.
sub memory
{
	my $rows = load((split(/,/, $opt{rows}))[0]);

	header('`maintenance_work_mem`', 'processes', 'time', 'memory',
		"recall\@10, `search_k` = $opt{'search-k'}");
	foreach my $memory (@memory)
	{
		foreach my $processes (@processes)
		{
			my $before = memory_of($builder->{pid});
			my $peak = 0;
			my $build = build(
				$processes, $memory,
				sub {
					my ($state) = @_;

					$peak = max($peak, memory_of($builder->{pid}, @{ $state->{workers} }));
				});
			my $recall = recall($rows);

			row($memory || 'as set', $processes, sprintf('%.1f s', $build->{time}),
				sprintf('%.0f MB', $peak - $before),
				sprintf('%.4f', $recall));
		}
	}
	return;
}

# Times by phases, and what is written, for tables of several sizes.
sub scale
{
	my (@builds, @names, %seen);

	foreach my $rows (split(/,/, $opt{rows}))
	{
		my $n = load($rows);

		foreach my $memory (@memory)
		{
			foreach my $processes (@processes)
			{
				my ($files, $peak, $looked, %used) = (0, 0, 0);
				my $before = memory_of($builder->{pid});
				my $used_before = processor_time($builder->{pid});
				my $build = build(
					$processes, $memory,
					sub {
						my ($state) = @_;
						my @pids = ($builder->{pid}, @{ $state->{workers} });

						$files = max($files, ask($watcher, $temporary));
						$used{$_} = processor_time($_) foreach (@pids);
						# this takes milliseconds for each GB of shared buffers
						return if $state->{time} < $looked + 0.5;
						$looked = $state->{time};
						$peak = max($peak, memory_of(@pids));
					});

				$used{ $builder->{pid} } = processor_time($builder->{pid});
				$build->{rows} = $n;
				$build->{files} = $files;
				$build->{memory} = max($peak - $before, 0);
				$build->{used} = sum0(values %used) - $used_before;
				$build->{setting} = $memory;
				$build->{name} = "$n rows, " . describe($processes, $memory);
				push(@builds, $build);
				push(@names, grep { !$seen{$_}++ } map { $_->[0] } @{ $build->{phases} });
			}
		}
	}

	write_csv(@builds) if defined $opt{csv};
	header(
		'rows', 'time', 'processor time', 'processor time / n log2 n', 'memory', 'index',
		'WAL / index', 'temporary files, bytes a row');
	foreach my $build (@builds)
	{
		row($build->{name}, sprintf('%.2f s', $build->{time}),
			sprintf('%.2f s', $build->{used}),
			sprintf('%.0f ns', 1e9 * $build->{used} / n_log_n($build)),
			sprintf('%.0f MB', $build->{memory}),
			sprintf('%.1f MB', $build->{size} / 1e6),
			sprintf('%.3f', $build->{wal} / $build->{size}),
			sprintf('%.0f', $build->{files} / $build->{rows}));
	}
	print "\n";
	header('', map { $_->{name} } @builds);
	foreach my $name (@names)
	{
		row($name, map { share($_, sum0(map { $_->[0] eq $name ? $_->[1] : 0 } @{ $_->{phases} })) }
			  @builds);
	}
	row('the rest',
		map { share($_, $_->{time} - sum0(map { $_->[1] } @{ $_->{phases} })) } @builds);
	return;
}

sub n_log_n
{
	my ($build) = @_;

	return $build->{rows} * log($build->{rows}) / log(2);
}

# The figures of builds, for other programs: sizes in bytes.
sub write_csv
{
	my (@builds) = @_;

	open(my $file, '>', $opt{csv}) or die "could not write $opt{csv}: $!\n";
	print $file
	  "rows,maintenance_work_mem,time_s,processor_s,memory,index,wal,temporary\n";
	foreach my $build (@builds)
	{
		printf $file "%d,%s,%.2f,%.2f,%.0f,%d,%d,%d\n",
		  @$build{qw(rows setting time used)}, 1048576 * $build->{memory},
		  @$build{qw(size wal files)};
	}
	close($file) or die "could not write $opt{csv}: $!\n";
	return;
}

sub share
{
	my ($build, $time) = @_;

	return sprintf('%.1f %%', 100 * $time / $build->{time});
}

# Builds in turn, so that whatever else the machine does slows all of them.
sub parallel
{
	my %fastest;

	load((split(/,/, $opt{rows}))[0]);
	foreach my $memory (@memory)
	{
		foreach my $pass (1 .. $opt{passes})
		{
			foreach my $processes (@processes)
			{
				my $time = build($processes, $memory)->{time};

				push(@{ $fastest{$memory}{$processes} }, $time);
			}
		}
	}
	header('', 'fastest', 'all', "ratio to $processes[0]");
	foreach my $memory (@memory)
	{
		my $reference = min(@{ $fastest{$memory}{ $processes[0] } });

		foreach my $processes (@processes)
		{
			my @times = @{ $fastest{$memory}{$processes} };

			row(describe($processes, $memory), sprintf('%.2f s', min(@times)),
				join(' ', map { seconds($_) } @times),
				sprintf('%.2f', $reference / min(@times)));
		}
	}
	return;
}

$| = 1;
$run->();
ask($builder, 'DROP INDEX IF EXISTS ' . index_name()) if !$opt{keep};
