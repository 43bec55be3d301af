/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *	  What calibrate.c is made of: see nearest.c, share.c, follow.c,
 *	  average.c and trial.c.
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
	AnnoyPointer pointer;
	BlockNumber leaves[2];		/* of its entries, the second may be invalid */
	double		distance;
	int			next;			/* in a list of neighbours, or -1 */
	int			found;			/* by the search with that effort, or -1 */
} AnnoyNeighbour;

/*
 * What is averaged over queries, for each point: the recalls for the ranks, and that
 * for the first rank of searches that end when they have done enough.
 */
#define ANNOY_RECALL_ENDED		ANNOY_CURVE_RANKS
#define ANNOY_RECALL_KINDS		(ANNOY_CURVE_RANKS + 1)

typedef struct AnnoySampleQuery
{
	AnnoyVector vector;
	AnnoyPointer self;			/* invalid if it is not an item */
	bool		quick;			/* its answers are from the nearest leaves */
	AnnoySearch *search;		/* its items are the nearest by estimate,
								 * until searches are made */
	int			rank;			/* asked for AnnoyCurveRows(rank) rows */
	AnnoyNeighbour *neighbours; /* of these items, those with a distance */
	int			nneighbours;
	/* of a quick one that is asked thoroughly, too: its recalls */
	float		(*recall)[ANNOY_CURVE_POINTS];
} AnnoySampleQuery;

/* What a search has found of a query's neighbours. */
typedef struct AnnoyFound
{
	int			wanted[ANNOY_CURVE_RANKS];
	double		cutoff[ANNOY_CURVE_RANKS];	/* distance of the last neighbour */
	int			count[ANNOY_CURVE_RANKS];
} AnnoyFound;

/*
 * Sums over queries: y is a recall, and x one that is connected with it and known of
 * more queries.
 */
typedef struct AnnoyRecallPairs
{
	double		n;
	double		x;
	double		y;
	double		xx;
	double		xy;
} AnnoyRecallPairs;

typedef struct AnnoyRecallSums
{
	AnnoyRecallPairs pairs[ANNOY_RECALL_KINDS][ANNOY_CURVE_POINTS];
	double		quick[ANNOY_RECALL_KINDS][ANNOY_CURVE_POINTS];	/* of quick queries */
} AnnoyRecallSums;

/* A curve that is being measured. */
typedef struct AnnoyMeasurement
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyCalibration *task;
	double		items;			/* vectors in the index */
	double		entries;		/* of the leaves of a tree */

	/*
	 * The queries.  If not all of them are asked thoroughly, the first are,
	 * and are quick ones once more behind, with all others.
	 */
	AnnoySampleQuery *queries;
	int			nqueries;
	int			nthorough;

	/*
	 * If a search finds what is in the leaves that it visits, they need not
	 * be scanned.
	 */
	AnnoyLeaves *leaves;		/* or NULL */
	AnnoyCurve	curve;
	AnnoyRecallSums sums;
	/* of searches that end when they have done so much, for all queries */
	double		scanned[ANNOY_CURVE_POINTS];	/* entries */

	/* is it to be believed? */
	AnnoyAsked *trials;			/* the first queries, or NULL */
	int			ntrials;
	double		trial_sum[ANNOY_CURVE_POINTS];	/* of their recalls */
	double		answers;		/* pairs of queries that should be answers */
	double		missed;			/* of these, that are not */
} AnnoyMeasurement;

/* Searches that end by themselves may scan so many times what they do on average. */
#define ANNOY_MOST_EFFORT		1.9

/* nearest.c */
extern void AnnoyReportMeasured(const AnnoyMeasurement *measurement, uint64 more,
								uint64 done);
extern double AnnoyQuickEntries(const AnnoyMeasurement *measurement);
extern int	AnnoyNeighboursKept(const AnnoyIndex *index, int rows);
extern void AnnoyFindNearest(AnnoyMeasurement *measurement);
extern void AnnoyMeasureNearest(AnnoyMeasurement *measurement);

/* share.c */
extern bool AnnoyShareNearest(AnnoyMeasurement *measurement);

/* average.c */
extern void AnnoyAddPoint(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
						  int point, const AnnoyFound *found);
extern void AnnoyAddEnded(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
						  int point, const AnnoyFound *found, double scanned);
extern void AnnoyAverageRecalls(AnnoyMeasurement *measurement);
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
