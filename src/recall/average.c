/*-------------------------------------------------------------------------
 *
 * average.c
 *	  A recall curve is made of the recalls of queries.
 *
 * The right answers to some queries come from all leaves, those to all others only
 * from the leaves that are nearest to them, which is quick, and makes recalls a little
 * too high.  So the first are asked both ways, which tells by how much.
 *
 * These are also the only ones that are asked for 1,000 rows: few queries are enough
 * to know that recall, which differs less between queries, and costs more to find out.
 * What they have more of the 100 nearest than all, they will also have more of the
 * 1,000.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/average.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "recall/calibrate.h"
#include "storage/storage.h"

/*
 * With fewer queries, or if all of them find the same, two recalls are not taken
 * to be connected.
 */
#define MIN_PAIRS			30
#define MIN_VARIATION		1e-9

/* By so much the averages of two points differ at least. */
#define EFFORT_RISE			1.05

/*
 * The part of a query's neighbours that a search has found.
 */
static double
found_part(const AnnoyFound *found, int rank)
{
	return (double) Min(found->count[rank], found->wanted[rank]) / found->wanted[rank];
}

/*
 * Add a recall of a query at a point: y.  If it has not been asked quickly, x is one
 * that is connected with it.
 */
static void
add_recall(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, int kind, int point,
		   double x, double y)
{
	AnnoyRecallPairs *pairs = &measurement->sums.pairs[kind][point];

	if (query->quick)
	{
		measurement->sums.quick[kind][point] += y;
		if (query->recall != NULL)
			query->recall[kind][point] = y;
		return;
	}
	if (measurement->nthorough < measurement->nqueries && kind != ANNOY_CURVE_RANKS - 1)
		x = query[measurement->nthorough].recall[kind][point];
	pairs->n++;
	pairs->x += x;
	pairs->y += y;
	pairs->xx += x * x;
	pairs->xy += x * y;
}

/*
 * Add what a query's search with the effort of a point has found.
 */
void
AnnoyAddPoint(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, int point,
			  const AnnoyFound *found)
{
	double		x = 0;

	for (int rank = 0; rank <= query->rank; rank++)
	{
		double		y = found_part(found, rank);

		if (rank == 0 && query < measurement->queries + measurement->ntrials)
			measurement->trial_sum[point] += y;
		add_recall(measurement, query, rank, point, x, y);
		x = y;
	}
}

/*
 * Add what a query's search has scanned and found that has ended when it had done as
 * much as a point says.
 */
void
AnnoyAddEnded(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, int point,
			  const AnnoyFound *found, double scanned)
{
	if (query->quick || measurement->nthorough == measurement->nqueries)
		measurement->scanned[point] += scanned;
	add_recall(measurement, query, ANNOY_RECALL_ENDED, point, 0, found_part(found, 0));
}

/*
 * The average of a recall over all queries.  It is known of some of these, and one that
 * is connected with it, of all: linear regression tells what the others' would be.
 */
static double
average_recall(const AnnoyMeasurement *measurement, int kind, int point)
{
	const AnnoyRecallPairs *pairs = &measurement->sums.pairs[kind][point];
	const AnnoyCurve *curve = &measurement->curve;
	double		n = Max(pairs->n, 1);
	double		sum_xx = pairs->xx - pairs->x * pairs->x / n;
	double		sum_xy = pairs->xy - pairs->x * pairs->y / n;
	double		recall = pairs->y / n;
	double		x = pairs->x / n;

	if (kind == ANNOY_CURVE_RANKS - 1)
		x = curve->recall[kind - 1][point];
	else if (measurement->nthorough < measurement->nqueries)
		x = measurement->sums.quick[kind][point] / curve->queries[0];
	if (n >= MIN_PAIRS && sum_xx > MIN_VARIATION && sum_xy > 0)
		recall += sum_xy / sum_xx * (x - pairs->x / n);
	return Min(Max(recall, 0), 1);
}

/*
 * Average the recalls for each rank.
 */
void
AnnoyAverageRecalls(AnnoyMeasurement *measurement)
{
	AnnoyCurve *curve = &measurement->curve;

	for (int rank = 0; rank < ANNOY_CURVE_RANKS && curve->queries[rank] > 0; rank++)
	{
		float	   *recall = curve->recall[rank];

		for (int i = 0; i < (int) curve->points; i++)
		{
			recall[i] = average_recall(measurement, rank, i);
			if (i > 0)
				recall[i] = Max(recall[i], recall[i - 1]);
		}
	}
}

/*
 * Average what searches that end when they have done so much have scanned and found.
 * Points that take hardly more than those before them, or nearly everything, are
 * left out.
 */
void
AnnoyAverageEfforts(AnnoyMeasurement *measurement)
{
	AnnoyCurve *curve = &measurement->curve;
	double		queries = curve->queries[0];
	int			kept = 0;

	for (int i = 0; i < ANNOY_CURVE_POINTS && curve->done[i] > 0; i++)
	{
		float		done = curve->done[i];
		float		average = measurement->scanned[i] / queries;
		float		found = average_recall(measurement, ANNOY_RECALL_ENDED, i);

		curve->done[i] = 0;
		if ((kept > 0 && average <= EFFORT_RISE * curve->average[kept - 1]) ||
			EFFORT_RISE * average >= curve->effort[curve->points - 1])
			continue;
		curve->done[kept] = done;
		curve->most[kept] = ANNOY_MOST_EFFORT * average;
		curve->average[kept] = average;
		curve->found[kept] = kept > 0 ? Max(found, curve->found[kept - 1]) : found;
		kept++;
	}
}
