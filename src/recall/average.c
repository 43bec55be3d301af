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

/*
 * Add what a query's search with the effort of a point has found of a number of
 * rows: y, where it has found x of the number before.
 */
void
AnnoyRecallAdd(AnnoyRecallSums *sums, int rank, int point, double x, double y)
{
	AnnoyRecallPairs *pairs = &sums->pairs[rank][point];

	pairs->x += x;
	pairs->y += y;
	pairs->xx += x * x;
	pairs->xy += x * y;
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
