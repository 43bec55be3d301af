/*-------------------------------------------------------------------------
 *
 * average.c
 *	  A recall curve is made of the recalls of queries.
 *
 * Few queries are enough to know the recall of many rows, which differs less
 * between queries, and costs more to find out.  So all queries count for the 10
 * and the 100 nearest, and the first of them for 1,000.  What these have more of
 * the 100 nearest than all, they will also have more of the 1,000.
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
 * Add what a query's search with the effort of a point has found of a number of
 * rows: y, where it has found x of the number before.
 */
static void
add_recall(AnnoyRecallSums *sums, int rank, int point, double x, double y)
{
	AnnoyRecallPairs *pairs = &sums->pairs[rank][point];

	pairs->x += x;
	pairs->y += y;
	pairs->xx += x * x;
	pairs->xy += x * y;
}

/*
 * The part of a query's neighbours that a search has found.
 */
double
AnnoyFoundPart(const AnnoyFound *found, int rank)
{
	return (double) Min(found->count[rank], found->wanted[rank]) / found->wanted[rank];
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
		double		y = AnnoyFoundPart(found, rank);

		if (rank == 0 && query < measurement->queries + measurement->ntrials)
			measurement->trial_sum[point] += y;
		add_recall(&measurement->sums, rank, point, x, y);
		x = y;
	}
}

/*
 * Average the recalls.  If all queries were asked for 100 rows, say, and some of
 * these for 1,000, linear regression tells what the others' recall would be.
 */
void
AnnoyRecallAverage(const AnnoyRecallSums *sums, AnnoyCurve *curve)
{
	for (int rank = 0; rank < ANNOY_CURVE_RANKS && curve->queries[rank] > 0; rank++)
	{
		double		n = curve->queries[rank];
		float	   *recall = curve->recall[rank];

		for (int i = 0; i < (int) curve->points; i++)
		{
			const AnnoyRecallPairs *pairs = &sums->pairs[rank][i];
			double		sum_xx = pairs->xx - pairs->x * pairs->x / n;
			double		sum_xy = pairs->xy - pairs->x * pairs->y / n;

			recall[i] = pairs->y / n;
			if (rank > 0 && n >= MIN_PAIRS && sum_xx > MIN_VARIATION && sum_xy > 0)
				recall[i] += sum_xy / sum_xx * (curve->recall[rank - 1][i] - pairs->x / n);
			recall[i] = Min(Max(recall[i], 0), 1);
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
		float		found = measurement->found[i] / queries;

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
