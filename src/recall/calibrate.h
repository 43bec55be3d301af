/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *	  What calibrate.c is made of: see follow.c, average.c and trial.c.
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
#include "recall/leaves.h"
#include "recall/recall.h"

/* An item, and its distance from a query. */
typedef struct AnnoyNeighbour
{
	uint64		key;			/* see AnnoyPointerKey */
	AnnoyPointer pointer;
	BlockNumber leaves[2];		/* of its entries, the second may be invalid */
	int			place;			/* the first of these, among those ranked */
	double		distance;
	int			found;			/* by the search with that effort, or -1 */
} AnnoyNeighbour;

typedef struct AnnoySampleQuery
{
	AnnoyVector vector;
	AnnoyPointer self;			/* invalid if it is not an item */
	AnnoySearch *search;		/* its items are the nearest by estimate,
								 * until searches are made */
	int			rank;			/* asked for AnnoyCurveRows(rank) rows */
	bool		answered;		/* there are such, so it counts */
} AnnoySampleQuery;

/* What a search has found of a query's neighbours. */
typedef struct AnnoyFound
{
	int			wanted[ANNOY_CURVE_RANKS];
	double		cutoff[ANNOY_CURVE_RANKS];	/* distance of the last neighbour */
	int			count[ANNOY_CURVE_RANKS];
} AnnoyFound;

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

/* A curve that is being measured. */
typedef struct AnnoyMeasurement
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyCalibration *task;
	double		items;			/* vectors in the index */
	double		entries;		/* of the leaves of a tree */
	AnnoySampleQuery *queries;
	int			nqueries;

	/*
	 * If a search finds what is in the leaves that it visits, they need not
	 * be scanned.
	 */
	AnnoyLeaves *leaves;		/* or NULL */
	AnnoyCurve	curve;
	AnnoyRecallSums sums;
	/* of searches that end when they have done so much, for all queries */
	double		scanned[ANNOY_CURVE_POINTS];	/* entries */
	double		found[ANNOY_CURVE_POINTS];	/* recalls */

	/* is it to be believed? */
	AnnoyAsked *trials;			/* the first queries, or NULL */
	int			ntrials;
	double		trial_sum[ANNOY_CURVE_POINTS];	/* of their recalls */
	double		answers;		/* pairs of queries that should be answers */
	double		missed;			/* of these, that are not */
} AnnoyMeasurement;

/* Searches that end by themselves may scan so many times what they do on average. */
#define ANNOY_MOST_EFFORT		1.9

/* average.c */
extern double AnnoyFoundPart(const AnnoyFound *found, int rank);
extern void AnnoyAddPoint(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
						  int point, const AnnoyFound *found);
extern void AnnoyRecallAverage(const AnnoyRecallSums *sums, AnnoyCurve *curve);
extern void AnnoyAverageEfforts(AnnoyMeasurement *measurement);

/* follow.c */
extern void AnnoyChooseGoals(AnnoyMeasurement *measurement);
extern void AnnoyFollowQuery(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
							 AnnoyNeighbour *neighbours, int count, AnnoyFound *found);

/* trial.c */

/* So many queries are tried, for so many rows. */
#define ANNOY_TRIAL_QUERIES		20
#define ANNOY_TRIAL_ROWS		10

extern double AnnoyTrialRecall(Relation rel, const AnnoyIndex *index,
							   const AnnoyAsked *asked, double effort);

#endif							/* ANNOY_RECALL_CALIBRATE_H */
