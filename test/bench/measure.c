/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  Runs the queries, judges the answers and reports.
 *
 * Each client is a thread with a connection of its own.  All of them run all
 * queries, each beginning elsewhere, and the time of every single query is
 * kept.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/measure.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annoybench.h"

#define QUERY_NAME		"annoybench_query"
#define FLOOR_NAME		"annoybench_floor"

/* How often a client executes the latter at least. */
#define FLOOR_SAMPLES	2000

/* How often a single client turns from queries to the floor in one pass. */
#define TURNS			10

/* A query vector as a binary parameter. */
typedef struct Parameter
{
	char	   *data;
	int			length;
} Parameter;

/*
 * One connection, and what it is to do with it: execute a statement "count"
 * times, for the queries in turn, beginning with query number "first".
 */
typedef struct Client
{
	PGconn	   *conn;
	const Parameter *parameters;
	int64_t		nqueries;
	int			k;

	const char *statement;		/* name of the prepared statement */
	int64_t		first;
	int64_t		count;
	bool		keep_rows;		/* is "ids" to be filled? */

	double	   *latencies;		/* "count" of them, in seconds */
	int64_t    *ids;			/* k for each query, of its last execution */
	int		   *nids;			/* how many of them there are */
	char	   *error;			/* NULL if all went well */
	pthread_t	thread;
} Client;

/* The times of all executions of a statement. */
typedef struct Samples
{
	double	   *latencies;		/* seconds */
	int64_t		count;
} Samples;

/* What is reported of them. */
typedef struct Timing
{
	double		mean;			/* microseconds, as are the others */
	double		p50;
	double		p99;
} Timing;

/* What is reported of the answers. */
typedef struct Quality
{
	double		recall;
	double		returned;		/* rows per query */
	int64_t		repeated;		/* rows returned twice for one query */
	int64_t		better;			/* queries answered better than "truth" */
} Quality;

/* Held while clients are being started, so that they begin together. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

/*
 * Does what the client is to do.
 */
static void *
client_main(void *arg)
{
	Client	   *client = arg;
	int			binary = 1;

	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);

	for (int64_t i = 0; i < client->count; i++)
	{
		int64_t		q = (client->first + i) % client->nqueries;
		const Parameter *parameter = &client->parameters[q];
		const char *value = parameter->data;
		double		start = now();
		PGresult   *result;
		int			rows;

		result = PQexecPrepared(client->conn, client->statement, 1, &value,
								&parameter->length, &binary, 1);
		client->latencies[i] = now() - start;
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
		{
			client->error = format("%s", PQerrorMessage(client->conn));
			PQclear(result);
			break;
		}

		/* LIMIT sees to it that there are no more than k. */
		rows = PQntuples(result);
		for (int r = 0; client->keep_rows && r < rows; r++)
		{
			const unsigned char *id = (unsigned char *) PQgetvalue(result, r, 0);
			int			length = PQgetlength(result, r, 0);
			uint64_t	number = length == 0 ? UINT64_MAX : 0;

			for (int b = 0; b < length; b++)
				number = number << 8 | id[b];
			client->ids[q * client->k + r] = number;
		}
		if (client->keep_rows)
			client->nids[q] = rows;
		PQclear(result);
	}
	return NULL;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t		x = *(const int64_t *) a;
	int64_t		y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/*
 * Lets each client execute one prepared statement "count" times, and appends
 * the times to the samples.  Clients begin with query number "first", plus an
 * offset that keeps them from going in step.  keep_rows leaves the rows' ids
 * in the clients.
 */
static void
run_clients(Client *clients, int nclients, const char *statement,
			int64_t first, int64_t count, bool keep_rows, Samples *samples)
{
	int64_t		nqueries = clients[0].nqueries;

	samples->latencies = realloc(samples->latencies, sizeof(double) *
								 (samples->count + nclients * count + 1));
	if (samples->latencies == NULL)
		fatal(EXIT_SYSTEM, "out of memory");
	for (int i = 0; i < nclients; i++)
	{
		clients[i].statement = statement;
		clients[i].first = first + nqueries * i / nclients;
		clients[i].count = count;
		clients[i].keep_rows = keep_rows;
		clients[i].latencies = samples->latencies + samples->count;
		samples->count += count;
	}

	if (nclients == 1)
		client_main(&clients[0]);
	else
	{
		pthread_mutex_lock(&gate);
		for (int i = 0; i < nclients; i++)
			if (pthread_create(&clients[i].thread, NULL, client_main,
							   &clients[i]) != 0)
				fatal(EXIT_SYSTEM, "could not start a thread");
		pthread_mutex_unlock(&gate);
		for (int i = 0; i < nclients; i++)
			pthread_join(clients[i].thread, NULL);
	}

	for (int i = 0; i < nclients; i++)
		if (clients[i].error != NULL)
			database_error(clients[i].error, NULL);
}

/*
 * Sums up, and frees the samples.
 */
static Timing
summarize(Samples *samples)
{
	int64_t		count = samples->count;
	double		sum = 0;
	Timing		timing;

	for (int64_t i = 0; i < count; i++)
		sum += samples->latencies[i];
	qsort(samples->latencies, count, sizeof(double), compare_doubles);
	timing.mean = 1e6 * sum / count;
	timing.p50 = 1e6 * samples->latencies[(count - 1) / 2];
	timing.p99 = 1e6 * samples->latencies[(count * 99 + 99) / 100 - 1];
	free(samples->latencies);
	return timing;
}

/*
 * Queries per second of all clients together.  Whatever else the machine does
 * can only slow a query down, so each client counts with the fastest execution
 * of each query, of which there is one in every pass.
 */
static double
throughput(const Samples *samples, int64_t nqueries, int nclients, int passes)
{
	double		per_second = 0;

	for (int client = 0; client < nclients; client++)
	{
		double		sum = 0;

		for (int64_t q = 0; q < nqueries; q++)
		{
			double		fastest = INFINITY;

			for (int pass = 0; pass < passes; pass++)
				fastest = fmin(fastest,
							   samples->latencies[(pass * nclients + client) * nqueries + q]);
			sum += fastest;
		}
		per_second += nqueries / sum;
	}
	return per_second;
}

/*
 * Compares the rows that the clients got with the exact neighbours.  Sorts
 * the clients' ids.
 */
static Quality
judge_rows(const Client *clients, const Options *options,
		   const VectorFile *base, const VectorFile *queries,
		   const Truth *truth)
{
	Metric		metric = options->metric;
	int			k = options->k;
	double	   *query = allocate(base->dim, sizeof(double));
	double	   *vector = allocate(base->dim, sizeof(double));
	double	   *distances = allocate(k, sizeof(double));
	int64_t		asked = queries->rows * options->clients;
	int64_t		right = 0;
	int64_t		returned = 0;
	Quality		quality = {0};

	for (int64_t i = 0; i < asked; i++)
	{
		const Client *client = &clients[i / queries->rows];
		int64_t		q = i % queries->rows;
		int64_t    *ids = client->ids + q * k;
		const double *exact = truth->distances + q * k;
		int			count = 0;
		bool		better = false;

		returned += client->nids[q];
		vectors_image(queries, q, metric, query);
		qsort(ids, client->nids[q], sizeof(int64_t), compare_ids);
		for (int r = 0; r < client->nids[q]; r++)
		{
			if (ids[r] < 0 || ids[r] >= base->rows)
				fatal(EXIT_FILES, "a query returned row %lld, which \"%s\" does not have",
					  (long long) ids[r], base->path);
			if (r > 0 && ids[r] == ids[r - 1])
			{
				quality.repeated++;
				continue;
			}
			vectors_image(base, ids[r], metric, vector);
			distances[count] = vectors_distance(metric, query, vector, base->dim);
			if (vectors_no_farther(metric, distances[count], exact[k - 1]))
				right++;
			count++;
		}

		qsort(distances, count, sizeof(double), compare_doubles);
		for (int r = 0; r < count; r++)
			better |= !vectors_no_farther(metric, exact[r], distances[r]);
		quality.better += better;
	}
	quality.recall = (double) right / (asked * k);
	quality.returned = (double) returned / asked;
	free(query);
	free(vector);
	free(distances);
	return quality;
}

static void
change_setting(PGconn *conn, const Options *options, const char *value)
{
	PQclear(execute(conn, "SELECT set_config($1, $2, false)",
					options->setting, value));
}

/*
 * Prepares both statements.  This is done afresh for each value of the
 * setting, because a plan once made outlives a change of a setting.
 */
static void
prepare_client(PGconn *conn, const Options *options, const char *value)
{
	Oid			type = options->is_double ? FLOAT8ARRAYOID : FLOAT4ARRAYOID;
	const char *cast = options->is_double ? "double precision[]" : "real[]";
	const char *names[] = {QUERY_NAME, FLOOR_NAME};
	char	   *texts[2];
	PGresult   *result;

	command(conn, format("DEALLOCATE ALL"));
	if (value != NULL)
		change_setting(conn, options, value);

	texts[0] = format("SELECT %s FROM %s ORDER BY %s %s %s LIMIT %d",
					  options->id, options->table, options->column,
					  options->operator, options->parameter, options->k);
	texts[1] = format("SELECT cardinality($1::%s)", cast);
	for (int i = 0; i < 2; i++)
	{
		result = PQprepare(conn, names[i], texts[i], 1, &type);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			database_error(PQerrorMessage(conn), texts[i]);
		PQclear(result);
		free(texts[i]);
	}

	result = PQdescribePrepared(conn, QUERY_NAME);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		database_error(PQerrorMessage(conn), NULL);
	if (PQftype(result, 0) != INT4OID && PQftype(result, 0) != INT8OID)
		fatal(EXIT_DATABASE, "column %s is not of type integer or bigint",
			  options->id);
	PQclear(result);
}

/*
 * Explains the prepared statement, prints the plan on request, and tells
 * whether an index gives the order.
 */
static bool
explain_query(PGconn *conn, const VectorFile *queries, bool print)
{
	float	   *vector = allocate(queries->dim, sizeof(float));
	char	   *text = allocate(queries->dim + 1, 20);
	char	   *p = text;
	char	   *statement;
	PGresult   *result;
	bool		index_scan = false;
	bool		order_by = false;
	bool		other = false;

	vectors_read(queries, 0, vector);
	for (int i = 0; i < queries->dim; i++)
		p += sprintf(p, "%c%.9g", i == 0 ? '{' : ',', vector[i]);
	statement = format("EXPLAIN (COSTS OFF) EXECUTE %s ('%s}')", QUERY_NAME,
					   text);
	result = execute(conn, statement, NULL, NULL);
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *line = PQgetvalue(result, row, 0);

		/* Custom plans show the vector, which is of no interest. */
		if (print && strlen(line) <= 200)
			printf("    %s\n", line);
		else if (print)
			printf("    %.200s...\n", line);
		index_scan |= strstr(line, "Index Scan using ") != NULL;
		order_by |= strstr(line, "  Order By: ") != NULL;
		other |= strstr(line, "Seq Scan on ") != NULL;
	}
	fflush(stdout);
	PQclear(result);
	free(vector);
	free(text);
	free(statement);
	return index_scan && order_by && !other;
}

static void
csv_string(FILE *csv, const char *value)
{
	bool		quote = strpbrk(value, ",\"\n\r") != NULL;

	if (quote)
		putc('"', csv);
	for (; *value != '\0'; value++)
	{
		if (*value == '"')
			putc('"', csv);
		putc(*value, csv);
	}
	if (quote)
		putc('"', csv);
}

FILE *
csv_create(const char *path)
{
	FILE	   *csv = fopen(path, "w");

	if (csv == NULL)
		fatal(EXIT_FILES, "could not create \"%s\": %s", path, strerror(errno));
	fprintf(csv, "table,rows,dimensions,metric,load_s,build_s,index_bytes,"
			"k,queries,clients,setting,value,recall,returned,qps,"
			"mean_us,p50_us,p99_us,floor_us,p50_per_floor\n");
	return csv;
}

/*
 * Begins a line with what is known before any query.
 */
static void
csv_begin(FILE *csv, const Options *options, const VectorFile *base,
		  const Costs *costs)
{
	csv_string(csv, options->table);
	fprintf(csv, ",%lld,%d,%s,", (long long) base->rows, base->dim,
			metric_names[options->metric]);
	if (costs->load_seconds >= 0)
		fprintf(csv, "%.3f", costs->load_seconds);
	putc(',', csv);
	if (costs->build_seconds >= 0)
		fprintf(csv, "%.3f", costs->build_seconds);
	putc(',', csv);
	if (costs->index_bytes >= 0)
		fprintf(csv, "%lld", (long long) costs->index_bytes);
}

static void
csv_end(FILE *csv, const char *path)
{
	putc('\n', csv);
	if (fflush(csv) != 0 || ferror(csv))
		fatal(EXIT_FILES, "could not write \"%s\": %s", path, strerror(errno));
}

/*
 * Writes the only line of a run without queries.
 */
void
csv_costs(FILE *csv, const Options *options, const VectorFile *base,
		  const Costs *costs)
{
	csv_begin(csv, options, base, costs);
	fprintf(csv, ",,,,,,,,,,,,,");
	csv_end(csv, options->csv);
}

/*
 * Measures one value of the setting, which is NULL if there is none.
 */
static void
measure_value(Client *clients, const Options *options, const VectorFile *base,
			  const VectorFile *queries, const Truth *truth, const Costs *costs,
			  const char *value, int width, FILE *csv)
{
	PGconn	   *conn = clients[0].conn;
	Timing		timing;
	Timing		floor;
	Samples		query_samples = {0};
	Samples		floor_samples = {0};
	Samples		unused = {0};
	int64_t		rows = queries->rows;
	int64_t		turns = options->clients > 1 ? 1 : rows < TURNS ? rows : TURNS;
	double		per_second;
	Quality		quality;

	for (int i = 0; i < options->clients; i++)
		prepare_client(clients[i].conn, options, value);

	/*
	 * A prepared statement begins with custom plans and may get a generic one
	 * later: the first must be an index scan lest the warm-up take for ever,
	 * the last because it is the one that is measured.
	 */
	for (int i = 0; i < 2; i++)
	{
		if (!explain_query(conn, queries, false) && options->require_index)
		{
			explain_query(conn, queries, true);
			fatal(EXIT_PLAN, "the plan is not an index scan in order");
		}

		/*
		 * Planning has loaded the library that defines the setting, if need
		 * be, and only now is the server sure to refuse a wrong value.
		 */
		if (value != NULL)
			change_setting(conn, options, value);
		if (i == 0)
			run_clients(clients, options->clients, QUERY_NAME, 0,
						rows * options->warmup, false, &unused);
	}

	/*
	 * A round trip takes so little that its time depends on where the
	 * scheduler has put client and server.  So a single client takes turns
	 * between queries and the floor, which see the same conditions then.
	 */
	for (int64_t turn = 0; turn < turns * options->passes; turn++)
	{
		int64_t		first = rows * (turn % turns) / turns;
		int64_t		next = rows * (turn % turns + 1) / turns;

		run_clients(clients, options->clients, QUERY_NAME, first, next - first,
					true, &query_samples);
		run_clients(clients, options->clients, FLOOR_NAME, first,
					1 + FLOOR_SAMPLES / (turns * options->passes), false,
					&floor_samples);
	}
	per_second = throughput(&query_samples, rows, options->clients,
							options->passes);
	free(unused.latencies);
	timing = summarize(&query_samples);
	floor = summarize(&floor_samples);
	quality = judge_rows(clients, options, base, queries, truth);

	printf("%*s  %11.4f  %9.1f  %9.1f  %9.1f  %9.1f  %8.1f  %8.2f  %6.1f\n",
		   width, value != NULL ? value : "default", quality.recall,
		   per_second, timing.mean, timing.p50, timing.p99,
		   floor.p50, timing.p50 / floor.p50, quality.returned);
	fflush(stdout);
	if (csv != NULL)
	{
		csv_begin(csv, options, base, costs);
		fprintf(csv, ",%d,%lld,%d,", options->k, (long long) queries->rows,
				options->clients);
		csv_string(csv, value != NULL ? options->setting : "");
		putc(',', csv);
		csv_string(csv, value != NULL ? value : "");
		fprintf(csv, ",%.6f,%.3f,%.1f,%.2f,%.2f,%.2f,%.2f,%.3f",
				quality.recall, quality.returned, per_second,
				timing.mean, timing.p50, timing.p99, floor.p50,
				timing.p50 / floor.p50);
		csv_end(csv, options->csv);
	}

	if (quality.repeated > 0)
		fprintf(stderr, "annoybench: warning: %lld rows were returned twice for one query\n",
				(long long) quality.repeated);
	if (quality.better > 0)
		fprintf(stderr, "annoybench: warning: %lld queries found nearer rows than the exact neighbours: are these of the same rows and metric?\n",
				(long long) quality.better);
}

/*
 * Runs the queries with each value of the setting.
 */
void
measure(PGconn *conn, const Options *options, const VectorFile *base,
		const VectorFile *queries, const Truth *truth, const Costs *costs,
		FILE *csv)
{
	const char *heading = options->setting != NULL ? options->setting : "setting";
	Client	   *clients = allocate(options->clients, sizeof(Client));
	Parameter  *parameters = allocate(queries->rows, sizeof(Parameter));
	float	   *vector = allocate(queries->dim, sizeof(float));
	char	   *recall = format("recall@%d", options->k);
	int			width = strlen(heading);

	for (int i = 0; i < options->nvalues; i++)
		if ((int) strlen(options->values[i]) > width)
			width = strlen(options->values[i]);
	for (int64_t q = 0; q < queries->rows; q++)
	{
		vectors_read(queries, q, vector);
		parameters[q].length = array_length(queries->dim, options->is_double);
		parameters[q].data = allocate(parameters[q].length, 1);
		put_array(parameters[q].data, vector, queries->dim, options->is_double);
	}
	for (int i = 0; i < options->clients; i++)
	{
		clients[i].conn = i == 0 ? conn : connect_database(options);
		clients[i].parameters = parameters;
		clients[i].nqueries = queries->rows;
		clients[i].k = options->k;
		clients[i].ids = allocate((size_t) queries->rows * options->k,
								  sizeof(int64_t));
		clients[i].nids = allocate(queries->rows, sizeof(int));
	}

	printf("%s: %lld rows, %d dimensions, %s, %lld queries, %d pass%s, %d client%s\n",
		   options->table, (long long) base->rows, base->dim,
		   metric_names[options->metric], (long long) queries->rows,
		   options->passes, options->passes == 1 ? "" : "es",
		   options->clients, options->clients == 1 ? "" : "s");
	if (options->explain)
	{
		prepare_client(conn, options,
					   options->setting != NULL ? options->values[0] : NULL);
		explain_query(conn, queries, true);
	}
	printf("%*s  %11s  %9s  %9s  %9s  %9s  %8s  %8s  %6s\n", width, heading,
		   recall, "qps", "mean us", "p50 us", "p99 us", "floor us",
		   "p50/flr", "rows");
	fflush(stdout);
	if (options->setting == NULL)
		measure_value(clients, options, base, queries, truth, costs, NULL,
					  width, csv);
	for (int i = 0; i < options->nvalues; i++)
		measure_value(clients, options, base, queries, truth, costs,
					  options->values[i], width, csv);

	for (int i = 1; i < options->clients; i++)
		PQfinish(clients[i].conn);
}
