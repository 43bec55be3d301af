/*-------------------------------------------------------------------------
 *
 * annoybench.c
 *	  Loads vectors, builds an index, measures recall and speed of queries.
 *
 * Queries are prepared once, send their vector as a binary array and ask for
 * binary results, so that what is timed is the server's work and one round
 * trip.  The round trip alone is measured in the same way and the same run,
 * with a statement that takes the same parameter and does nothing with it.
 *
 * Recall goes by distance: a row counts if it is no farther than the k-th of
 * the exact neighbours.  The distances are computed here, from the files.
 *
 * Nothing in here is particular to one index access method.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/annoybench.c
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE				/* asprintf */

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annoybench.h"

/* COPY data are sent in pieces of about this size. */
#define COPY_CHUNK		(256 * 1024)

/*
 * Seconds since some time in the past.
 */
double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/*
 * Like asprintf, but returns the string, and never NULL.
 */
char *
format(const char *fmt,...)
{
	va_list		args;
	char	   *result;

	va_start(args, fmt);
	if (vasprintf(&result, fmt, args) < 0)
		fatal(EXIT_SYSTEM, "out of memory");
	va_end(args);
	return result;
}

/*
 * Reports what libpq said, with the statement at fault unless that is NULL.
 */
void
database_error(const char *message, const char *statement)
{
	int			length = strlen(message);

	while (length > 0 && message[length - 1] == '\n')
		length--;
	if (statement != NULL)
		fatal(EXIT_DATABASE, "%.*s\nstatement was: %s", length, message,
			  statement);
	fatal(EXIT_DATABASE, "%.*s", length, message);
}

/*
 * Runs a statement with up to two text parameters, which may be NULL.
 */
PGresult *
execute(PGconn *conn, const char *statement, const char *param1,
		const char *param2)
{
	const char *values[2] = {param1, param2};
	int			count = param1 == NULL ? 0 : param2 == NULL ? 1 : 2;
	PGresult   *result;

	result = PQexecParams(conn, statement, count, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
		PQresultStatus(result) != PGRES_TUPLES_OK)
		database_error(PQerrorMessage(conn), statement);
	return result;
}

/*
 * Runs a statement for its effect, and frees the statement's text.
 */
void
command(PGconn *conn, char *statement)
{
	PQclear(execute(conn, statement, NULL, NULL));
	free(statement);
}

PGconn *
connect_database(const Options *options)
{
	const char *keywords[] = {"dbname", "fallback_application_name", NULL};
	const char *values[] = {options->conninfo, "annoybench", NULL};
	PGconn	   *conn = PQconnectdbParams(keywords, values, 1);

	if (conn == NULL)
		fatal(EXIT_SYSTEM, "out of memory");
	if (PQstatus(conn) != CONNECTION_OK)
		database_error(PQerrorMessage(conn), NULL);
	/* DROP ... IF EXISTS need not tell what does not exist. */
	command(conn, format("SET client_min_messages = warning"));
	return conn;
}

static char *
put_int16(char *p, uint16_t value)
{
	value = htons(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static char *
put_int32(char *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static char *
put_int64(char *p, uint64_t value)
{
	p = put_int32(p, value >> 32);
	return put_int32(p, (uint32_t) value);
}

/*
 * Size of an array in binary form, and the array itself: the format of
 * array_send, one dimension, no nulls.
 */
int
array_length(int dim, bool is_double)
{
	return 5 * 4 + dim * (4 + (is_double ? 8 : 4));
}

char *
put_array(char *p, const float *vector, int dim, bool is_double)
{
	p = put_int32(p, 1);		/* dimensions of the array */
	p = put_int32(p, 0);		/* no nulls */
	p = put_int32(p, is_double ? FLOAT8OID : FLOAT4OID);
	p = put_int32(p, dim);
	p = put_int32(p, 1);		/* lower bound */
	for (int i = 0; i < dim; i++)
	{
		if (is_double)
		{
			double		value = vector[i];
			uint64_t	bits;

			memcpy(&bits, &value, sizeof(bits));
			p = put_int32(p, 8);
			p = put_int64(p, bits);
		}
		else
		{
			uint32_t	bits;

			memcpy(&bits, &vector[i], sizeof(bits));
			p = put_int32(p, 4);
			p = put_int32(p, bits);
		}
	}
	return p;
}

/*
 * Creates the table and fills it, in one transaction.  COPY can then freeze
 * the rows, and no query that is measured later has hint bits to set.
 */
static void
load_table(PGconn *conn, const Options *options, const VectorFile *base,
		   Costs *costs)
{
	static const char signature[] = "PGCOPY\n\377\r\n"; /* and a zero byte */
	int			length = array_length(base->dim, options->is_double);
	size_t		row_size = 2 + 4 + 8 + 4 + (size_t) length;
	float	   *vector = allocate(base->dim, sizeof(float));
	char	   *buffer = allocate(COPY_CHUNK + row_size, 1);
	char	   *p = buffer;
	char	   *copy;
	double		start;
	PGresult   *result;

	command(conn, format("BEGIN"));
	if (options->drop)
		command(conn, format("DROP TABLE IF EXISTS %s", options->table));
	command(conn, format("CREATE TABLE %s (%s %s NOT NULL, %s %s NOT NULL)",
						 options->table, options->id,
						 options->id_bigint ? "bigint" : "integer",
						 options->column,
						 options->is_double ? "double precision[]" : "real[]"));
	command(conn, format("ALTER TABLE %s ALTER COLUMN %s SET STORAGE %s",
						 options->table, options->column, options->storage));

	start = now();
	copy = format("COPY %s (%s, %s) FROM STDIN (FORMAT binary, FREEZE)",
				  options->table, options->id, options->column);
	result = PQexec(conn, copy);
	if (PQresultStatus(result) != PGRES_COPY_IN)
		database_error(PQerrorMessage(conn), copy);
	PQclear(result);

	memcpy(p, signature, 11);
	p = put_int32(p + 11, 0);	/* flags */
	p = put_int32(p, 0);		/* length of the header's extension */
	for (int64_t row = 0; row < base->rows; row++)
	{
		vectors_read(base, row, vector);
		p = put_int16(p, 2);	/* columns */
		p = put_int32(p, options->id_bigint ? 8 : 4);
		p = options->id_bigint ? put_int64(p, row) : put_int32(p, row);
		p = put_int32(p, length);
		p = put_array(p, vector, base->dim, options->is_double);
		if (p >= buffer + COPY_CHUNK)
		{
			if (PQputCopyData(conn, buffer, p - buffer) != 1)
				database_error(PQerrorMessage(conn), copy);
			p = buffer;
		}
	}
	p = put_int16(p, (uint16_t) -1);
	if (PQputCopyData(conn, buffer, p - buffer) != 1 ||
		PQputCopyEnd(conn, NULL) != 1)
		database_error(PQerrorMessage(conn), copy);
	while ((result = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			database_error(PQerrorMessage(conn), copy);
		PQclear(result);
	}
	command(conn, format("COMMIT"));
	costs->load_seconds = now() - start;

	command(conn, format("VACUUM (ANALYZE) %s", options->table));
	result = execute(conn, "SELECT pg_table_size($1::regclass)",
					 options->table, NULL);
	printf("loaded %lld rows of %d dimensions into %s in %.3f s, %.0f rows/s, table of %.1f MB\n",
		   (long long) base->rows, base->dim, options->table,
		   costs->load_seconds, base->rows / costs->load_seconds,
		   atof(PQgetvalue(result, 0, 0)) / 1e6);
	fflush(stdout);
	PQclear(result);
	free(vector);
	free(buffer);
	free(copy);
}

/*
 * Looks for the index by its name and notes its size.  Returns its name,
 * quoted and with a schema as necessary, or NULL if there is no such index.
 */
static char *
find_index(PGconn *conn, const Options *options, Costs *costs)
{
	PGresult   *result;
	char	   *name = NULL;

	result = execute(conn,
					 "SELECT indexrelid::regclass, pg_relation_size(indexrelid)"
					 " FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
					 " WHERE indrelid = $1::regclass AND relname = $2::name",
					 options->table, options->index_name);
	if (PQntuples(result) > 0)
	{
		name = format("%s", PQgetvalue(result, 0, 0));
		costs->index_bytes = atoll(PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	return name;
}

static void
create_index(PGconn *conn, const Options *options, const VectorFile *base,
			 Costs *costs)
{
	char	   *quoted = PQescapeIdentifier(conn, options->index_name,
											strlen(options->index_name));
	char	   *with;
	char	   *old;
	double		start;

	if (quoted == NULL)
		database_error(PQerrorMessage(conn), NULL);
	with = options->with == NULL ? format("%s", "") :
		format(" WITH (%s)", options->with);

	if (options->drop && (old = find_index(conn, options, costs)) != NULL)
	{
		command(conn, format("DROP INDEX %s", old));
		free(old);
	}
	start = now();
	command(conn, format("CREATE INDEX %s ON %s USING %s (%s %s)%s",
						 quoted, options->table, options->method,
						 options->column, options->opclass, with));
	costs->build_seconds = now() - start;

	free(find_index(conn, options, costs));
	printf("built index %s using %s in %.3f s, %.1f MB, %.1f bytes/row\n",
		   options->index_name, options->method, costs->build_seconds,
		   costs->index_bytes / 1e6,
		   (double) costs->index_bytes / base->rows);
	fflush(stdout);
	PQfreemem(quoted);
	free(with);
}

/*
 * The table must hold the rows that the files say, or recall means nothing.
 */
static void
check_table(PGconn *conn, const Options *options, const VectorFile *base)
{
	char	   *statement = format("SELECT count(*) FROM %s", options->table);
	PGresult   *result = execute(conn, statement, NULL, NULL);
	long long	rows = atoll(PQgetvalue(result, 0, 0));

	if (rows != base->rows)
		fatal(EXIT_FILES, "table %s has %lld rows, but \"%s\" was taken to have %lld: see --rows",
			  options->table, rows, base->path, (long long) base->rows);
	PQclear(result);
	free(statement);
}

int
main(int argc, char **argv)
{
	Options		options = {
		.table = "annoybench",
		.column = "embedding",
		.id = "id",
		.storage = "external",
		.method = "annoy",
		.parameter = "$1",
		.k = 10,
		.clients = 1,
		.passes = 1,
		.warmup = 1
	};
	Costs		costs = {-1, -1, -1};
	long		cpus = sysconf(_SC_NPROCESSORS_ONLN);
	VectorFile	base;
	VectorFile	queries = {0};
	VectorFile	neighbours;
	Truth		truth;
	FILE	   *csv = NULL;
	PGconn	   *conn;

	options.threads = cpus < 1 ? 1 : cpus > 1024 ? 1024 : (int) cpus;
	parse_options(&options, argc, argv);

	/* Find out about bad files before anything is done to the database. */
	vectors_open(&base, options.base, "fb", options.rows, 1);
	if (options.queries != NULL)
	{
		vectors_open(&queries, options.queries, "fb", options.max_queries, 0);
		if (queries.dim != base.dim)
			fatal(EXIT_FILES, "\"%s\" has %d dimensions, but \"%s\" has %d",
				  queries.path, queries.dim, base.path, base.dim);
		if (options.k > base.rows)
			fatal(EXIT_USAGE, "cannot ask for %d of %lld rows", options.k,
				  (long long) base.rows);
		if (options.truth != NULL)
		{
			vectors_open(&neighbours, options.truth, "i", 0, 0);
			truth_from_file(&truth, &neighbours, &base, &queries,
							options.metric, options.k);
		}
		else
			truth_compute(&truth, &base, &queries, options.metric, options.k,
						  options.threads, options.truth_cache);
	}
	if (options.csv != NULL)
		csv = csv_create(options.csv);

	conn = connect_database(&options);
	if (options.load)
		load_table(conn, &options, &base, &costs);
	if (options.create_index)
		create_index(conn, &options, &base, &costs);
	if (options.queries != NULL)
	{
		check_table(conn, &options, &base);
		free(find_index(conn, &options, &costs));
		measure(conn, &options, &base, &queries, &truth, &costs, csv);
	}
	else if (csv != NULL)
		csv_costs(csv, &options, &base, &costs);
	PQfinish(conn);

	if (csv != NULL && fclose(csv) != 0)
		fatal(EXIT_FILES, "could not write \"%s\": %s", options.csv,
			  strerror(errno));
	return 0;
}
