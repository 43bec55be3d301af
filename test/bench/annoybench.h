/*-------------------------------------------------------------------------
 *
 * annoybench.h
 *	  What the parts of annoybench share.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/annoybench.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOYBENCH_H
#define ANNOYBENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "libpq-fe.h"

#include "vectors.h"

/* From pg_type.dat; these never change. */
#define INT8OID			20
#define INT4OID			23
#define FLOAT4OID		700
#define FLOAT8OID		701
#define FLOAT4ARRAYOID	1021
#define FLOAT8ARRAYOID	1022

typedef struct Options
{
	const char *conninfo;
	const char *base;
	const char *queries;
	const char *truth;
	const char *truth_cache;
	int			rows;			/* 0 is all */
	int			max_queries;	/* 0 is all */
	int			threads;		/* for brute force */

	const char *table;
	const char *column;
	const char *id;
	bool		load;
	bool		drop;
	bool		is_double;
	bool		id_bigint;
	const char *storage;

	bool		create_index;
	const char *index_name;
	const char *method;
	const char *opclass;		/* "" is the method's default */
	const char *with;

	Metric		metric;
	const char *operator;
	const char *parameter;
	int			k;
	const char *setting;		/* NULL runs once, with what is set */
	char	  **values;
	int			nvalues;
	int			clients;
	int			passes;
	int			warmup;
	bool		explain;
	bool		require_index;
	const char *csv;
} Options;

/* What was measured before the queries; negative if it was not. */
typedef struct Costs
{
	double		load_seconds;
	double		build_seconds;
	int64_t		index_bytes;
} Costs;

/* annoybench.c */
extern double now(void);
extern char *format(const char *fmt,...)
			__attribute__((format(printf, 1, 2)));
extern void database_error(const char *message, const char *statement)
			__attribute__((noreturn));
extern PGconn *connect_database(const Options *options);
extern PGresult *execute(PGconn *conn, const char *statement,
						 const char *param1, const char *param2);
extern void command(PGconn *conn, char *statement);
extern int	array_length(int dim, bool is_double);
extern char *put_array(char *p, const float *vector, int dim, bool is_double);

/* measure.c */
extern FILE *csv_create(const char *path);
extern void csv_costs(FILE *csv, const Options *options,
					  const VectorFile *base, const Costs *costs);
extern void measure(PGconn *conn, const Options *options,
					const VectorFile *base, const VectorFile *queries,
					const Truth *truth, const Costs *costs, FILE *csv);

/* options.c */
extern const char *const metric_names[];
extern void parse_options(Options *options, int argc, char **argv);

#endif							/* ANNOYBENCH_H */
