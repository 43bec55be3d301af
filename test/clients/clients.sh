#!/bin/bash
# make test-clients: drivers, object-relational mappers and a pooler, on arrays and on
# columns of pgvector's type.
#
# Copyright (c) 2026, the annoy developers
#
# Each client makes a table, fills it, indexes it and asks for the nearest rows of one, in a database
# of its own: with plans for the values of the parameters, and with generic ones.
# auto_explain writes the plans to the server's log, and they have to be scans of the index.
#
# Clients come from Debian and npm into a scratch directory; nothing is installed on the
# system.  What cannot be had counts as not installed, and fails nothing.  The server listens
# on the loopback interface, as not all clients know sockets, with a password that is made up.
#
# CLIENTS="psycopg jdbc" chooses among them.  PGVECTOR is a directory where pgvector was
# installed by "make install DESTDIR=...", if it is not in the server's own.

# lib.sh forgets variables that begin with PG
pgvector_dir=${PGVECTOR:-}

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

here=$top/test/clients
wanted=${CLIENTS:-}
debian=(python3-psycopg2 python3-psycopg python3-asyncpg python3-sqlalchemy python3-django
	libpostgresql-jdbc-java pgbouncer)
passed=0
failed=0
absent=0

# ---- installing ----

# Unpack Debian's packages, with what they need, into $scratch/debian.
get_debian()
{
	local options package file

	mkdir -p "$scratch/debs/partial" "$scratch/lists/partial" "$scratch/debian"
	options=(-o "Dir::Cache::archives=$scratch/debs" -o Debug::NoLocking=1 -q -y)
	for package in "${debian[@]}"
	do
		apt-get "${options[@]}" install --download-only --no-install-recommends "$package" ||
			{
				options+=(-o "Dir::State::Lists=$scratch/lists")
				apt-get "${options[@]}" update &&
					apt-get "${options[@]}" install --download-only --no-install-recommends "$package"
			} || true
	done
	for file in "$scratch"/debs/*.deb
	do
		[ ! -e "$file" ] || dpkg -x "$file" "$scratch/debian"
	done
}

# Install packages of npm for a client, in a directory of its own.
get_npm()
{
	local dir=$scratch/npm/$1

	shift
	command -v npm >/dev/null || return 1
	mkdir -p "$dir"
	cp "$here/clients.mjs" "$dir/"
	echo '{"private": true, "type": "module"}' >"$dir/package.json"
	(cd "$dir" && npm install --ignore-scripts --no-audit --no-fund --legacy-peer-deps "$@")
}

# Prisma's client is made from a schema.  The program that it would fetch for that is one
# for changing databases, and not used.
make_prisma()
{
	cat >"$scratch/npm/prisma/schema.prisma" <<'SCHEMA'
generator client {
  provider = "prisma-client-js"
  output   = "./generated"
}
datasource db {
  provider = "postgresql"
}
model Item {
  id Int @id
  @@map("items")
}
SCHEMA
	echo "export default { schema: 'schema.prisma' };" >"$scratch/npm/prisma/prisma.config.ts"
	(cd "$scratch/npm/prisma" && PRISMA_SCHEMA_ENGINE_BINARY=/bin/true CHECKPOINT_DISABLE=1 npx prisma generate)
}

# ---- running ----

run_psql()
{
	PGHOST=$scratch/server PGDATABASE=postgres "$bindir/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

# Start pgbouncer, which hands out connections to the server by transaction.
start_pgbouncer()
{
	local dir=$scratch/server/pgbouncer

	"${as_server[@]}" mkdir -p "$dir"
	printf '"postgres" "%s"\n' "$PGPASSWORD" | "${as_server[@]}" tee "$dir/users" >/dev/null
	"${as_server[@]}" tee "$dir/ini" >/dev/null <<INI
[databases]
* = host=$PGHOST port=$PGPORT
[pgbouncer]
pool_mode = transaction
listen_addr = 127.0.0.1
listen_port = $pooler_port
unix_socket_dir =
auth_type = plain
auth_file = $dir/users
INI
	"${as_server[@]}" "$scratch/debian/usr/sbin/pgbouncer" "$dir/ini" >"$dir.log" 2>&1 &
	pooler=$!
	for _ in {1..100}
	do
		(: >"/dev/tcp/127.0.0.1/$pooler_port") 2>/dev/null && return 0
		kill -0 "$pooler" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir.log"
	return 1
}

run_client()
{
	case $1 in
		psycopg2 | psycopg | asyncpg | sqlalchemy | sqlalchemy_asyncpg | django)
			PYTHONPATH=$scratch/debian/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
				/usr/bin/python3 "$here/clients.py" "$1" "$2"
			;;
		jdbc)
			java -cp "$scratch/debian/usr/share/java/postgresql.jar" "$here/Client.java" "$2"
			;;
		pgbouncer)
			PGPORT=$pooler_port ANNOY_POOLED=1 run_client psycopg "$2"
			;;
		*)
			(cd "$scratch/npm/$1" && node clients.mjs "$1" "$2")
			;;
	esac
}

# What the server did: each query for the nearest rows went to the index, and there were
# plans of that kind.
check_plans()
{
	local log=$1 plans=$2

	! grep -q 'Sort Key:.*<=>' "$log" ||
		{ echo "a sort in place of the index"; return 1; }
	case $plans in
		generic) grep -q 'Order By: (v <=> \$' "$log" ;;
		custom) grep -q "Order By: (v <=> '" "$log" ;;
	esac ||
		{ echo "no $plans plan with the index"; return 1; }
}

# Run a client on a type with a kind of plans.
try_client()
{
	local client=$1 type=$2 plans=$3 title="$1, $2, $3 plans" status=0 position output

	run_psql -c 'DROP DATABASE IF EXISTS clients WITH (FORCE)' -c 'CREATE DATABASE clients TEMPLATE extensions' \
		-c "ALTER DATABASE clients SET plan_cache_mode = force_${plans}_plan" 2>/dev/null
	position=$(wc -c <"$scratch/server/log")
	output=$(run_client "$client" "$type" 2>&1) || status=$?
	tail -c "+$((position + 1))" "$scratch/server/log" >"$scratch/plans"
	if [ $status -eq 0 ]
	then
		output=$(check_plans "$scratch/plans" "$plans") || status=$?
	fi
	if [ $status -eq 0 ]
	then
		passed=$((passed + 1))
		say "$title: passed"
	else
		failed=$((failed + 1))
		say "$title: failed"
		tail -n 40 <<<"$output" | sed 's/^/    /'
		grep 'ERROR:' "$scratch/plans" | cut -c 1-200 | sed 's/^/    /' || true
	fi
}

# Try a client on types, separated by commas, with kinds of plans, if it is installed: the
# other arguments are a command that says so.
client()
{
	local client=$1 types=$2 kinds=$3 type plans

	shift 3
	[ -z "$wanted" ] || [[ " $wanted " == *" $client "* ]] || return 0
	if ! "$@" >"$scratch/$client.log" 2>&1
	then
		absent=$((absent + 1))
		say "$client: not installed: $(grep . "$scratch/$client.log" | tail -n 1 | cut -c 1-150)"
		return 0
	fi
	for type in ${types//,/ }
	do
		[ "$type" != vector ] || $has_vector || continue
		for plans in ${kinds//,/ }
		do
			try_client "$client" "$type" "$plans"
		done
	done
}

has_python()
{
	PYTHONPATH=$scratch/debian/usr/lib/python3/dist-packages /usr/bin/python3 -c "import $1"
}

has_jdbc()
{
	command -v java && ls "$scratch/debian/usr/share/java/postgresql.jar" && javac -version
}

has_prisma()
{
	get_npm prisma @prisma/client prisma @prisma/adapter-pg && make_prisma
}

free_port()
{
	local port

	while port=$((20000 + RANDOM % 20000)) && (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null
	do
		:
	done
	echo "$port"
}

# The server, with a database "extensions" that the clients' are copies of.
start_server()
{
	local port

	private_postgres "$scratch/root" "$pgvector_dir"
	copy_tree "$scratch/src"
	build_and_install "$scratch/src" || die "the build failed"
	port=$(free_port)
	start_cluster <<CONF
listen_addresses = '127.0.0.1'
port = $port
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
CONF
	PGPASSWORD=$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')
	export PGHOST=127.0.0.1 PGPORT=$port PGPASSWORD
	run_psql -c "ALTER ROLE postgres PASSWORD '$PGPASSWORD'"
	"${as_server[@]}" tee "$scratch/server/data/pg_hba.conf" >/dev/null <<'HBA'
local all all trust
host all all 127.0.0.1/32 scram-sha-256
HBA
	run_psql -c 'SELECT pg_reload_conf()' -c 'CREATE DATABASE extensions' >/dev/null
	run_psql -d extensions -c 'CREATE EXTENSION annoy'
	has_vector=true
	run_psql -d extensions -c 'CREATE EXTENSION vector' -c 'CREATE EXTENSION annoy_vector' 2>/dev/null ||
		{
			has_vector=false
			say "pgvector: not installed: clients are tried on arrays only"
		}
}

clients()
{
	say "Building annoy, and starting a private cluster in $scratch/server"
	start_server
	export PGDATABASE=clients
	say "Downloading clients from Debian"
	get_debian >"$scratch/debian.log" 2>&1
	pooler=
	pooler_port=$(free_port)

	# Some send values within the text of the query, so that no plan is generic.
	client psycopg2 'real[],vector' custom,generic has_python psycopg2
	client psycopg 'real[],vector' custom,generic has_python psycopg
	client asyncpg 'real[],vector' custom,generic has_python asyncpg
	client sqlalchemy 'real[],vector' custom has_python 'sqlalchemy, psycopg2'
	client sqlalchemy_asyncpg 'real[],vector' custom,generic has_python 'sqlalchemy, asyncpg, greenlet'
	client django 'real[],vector' custom has_python 'django, psycopg2'
	client jdbc 'real[],vector' custom,generic has_jdbc
	client pg 'real[],vector' custom,generic get_npm pg pg
	client postgres 'real[],vector' custom,generic get_npm postgres postgres
	client drizzle 'real[],vector' custom,generic get_npm drizzle drizzle-orm pg
	client knex 'real[],vector' custom,generic get_npm knex knex pg
	client typeorm 'real[],vector' custom,generic get_npm typeorm typeorm pg reflect-metadata
	client prisma 'real[],vector' custom,generic has_prisma
	client pgvector vector custom,generic get_npm pgvector pgvector pg
	client langchain vector custom,generic get_npm langchain @langchain/community '@langchain/core@^1.1.38' \
		@langchain/classic pg pgvector
	client pgbouncer 'real[],vector' custom,generic start_pgbouncer
	[ -z "$pooler" ] || kill "$pooler" 2>/dev/null || true

	say "$passed passed, $failed failed, $absent not installed"
	[ $failed -eq 0 ] && [ $passed -gt 0 ]
}

need_packages demo
make_scratch
run_job clients
