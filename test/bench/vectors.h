/*-------------------------------------------------------------------------
 *
 * vectors.h
 *	  TEXMEX files, exact distances and exact neighbours for annoybench.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/vectors.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stddef.h>
#include <stdint.h>

/* Exit codes of annoybench; 0 is success.  Scripts rely on them. */
#define EXIT_USAGE		1		/* wrong options */
#define EXIT_DATABASE	2		/* no connection, or a statement failed */
#define EXIT_FILES		3		/* a file is unreadable, damaged or unfit */
#define EXIT_PLAN		4		/* --require-index, and no index scan */
#define EXIT_SYSTEM		5		/* out of memory, no threads */

typedef enum Metric
{
	METRIC_L2,
	METRIC_COSINE,
	METRIC_IP,					/* the negative inner product */
	METRIC_L1,
	METRIC_HAMMING				/* of components greater than 0.5 */
} Metric;

/*
 * An open TEXMEX file.  Its first "rows" records have been checked: each has
 * "dim" components, and all floats are finite.
 */
typedef struct VectorFile
{
	const char *path;
	char		kind;			/* 'b' bytes, 'f' float4, 'i' int4 */
	int			dim;
	int64_t		rows;			/* those in use, maybe fewer than there are */
	size_t		stride;			/* bytes per record */
	const unsigned char *data;	/* the file, mapped */
} VectorFile;

/*
 * The exact neighbours of each query, nearest first: k distances a query.
 */
typedef struct Truth
{
	int			k;
	double	   *distances;
} Truth;

extern void fatal(int code, const char *fmt,...)
			__attribute__((format(printf, 2, 3), noreturn));
extern void *allocate(size_t count, size_t size);

extern void vectors_open(VectorFile *file, const char *path, const char *kinds,
						 int64_t max_rows, int exact);
extern void vectors_read(const VectorFile *file, int64_t row, float *out);
extern void vectors_image(const VectorFile *file, int64_t row, Metric metric,
						  double *out);
extern double vectors_distance(Metric metric, const double *x, const double *y,
							   int dim);
extern int	vectors_no_farther(Metric metric, double distance, double limit);

extern void truth_from_file(Truth *truth, const VectorFile *neighbours,
							const VectorFile *base, const VectorFile *queries,
							Metric metric, int k);
extern void truth_compute(Truth *truth, const VectorFile *base,
						  const VectorFile *queries, Metric metric, int k,
						  int threads, const char *cache);

#endif							/* VECTORS_H */
