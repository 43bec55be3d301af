/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *	  What calibrate.c is made of: see average.c and trial.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/calibrate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RECALL_CALIBRATE_H
#define ANNOY_RECALL_CALIBRATE_H

#include "recall/exact.h"

/* average.c */

/* Sums over queries: x is the recall for a number of rows, y that for the next. */
typedef struct AnnoyRecallPairs
{
	double		x;
	double		y;
	double		xx;
	double		xy;
} AnnoyRecallPairs;

typedef struct AnnoyRecallSums
{
	AnnoyRecallPairs pairs[ANNOY_CURVE_RANKS][ANNOY_CURVE_POINTS];
} AnnoyRecallSums;

extern void AnnoyRecallAdd(AnnoyRecallSums *sums, int rank, int point, double x, double y);
extern void AnnoyRecallAverage(const AnnoyRecallSums *sums, AnnoyCurve *curve);

/* trial.c */

/* So many queries are tried, for so many rows. */
#define ANNOY_TRIAL_QUERIES		20
#define ANNOY_TRIAL_ROWS		10

extern double AnnoyTrialRecall(Relation rel, const AnnoyIndex *index,
							   const AnnoyAsked *asked, double effort);

#endif							/* ANNOY_RECALL_CALIBRATE_H */
