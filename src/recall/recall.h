/*-------------------------------------------------------------------------
 *
 * recall.h
 *	  The recall curve: measuring it, and when.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/recall.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RECALL_H
#define ANNOY_RECALL_H

#include "scan/scan.h"

/* pick.c */

/* Some items of an index, see AnnoySampleItems. */
typedef struct AnnoySample
{
	int			count;
	struct
	{
		AnnoyPointer pointer;
		ItemPointerData tid;
		AnnoyVector vector;
	}			items[FLEXIBLE_ARRAY_MEMBER];
} AnnoySample;

extern AnnoySample *AnnoySampleItems(Relation rel, const AnnoyIndex *index,
									 uint64 seed, int wanted, bool distinct);

/* calibrate.c */

/* What comes of measuring a recall curve. */
typedef enum AnnoyCurveResult
{
	ANNOY_CURVE_MEASURED,
	ANNOY_CURVE_TOO_SMALL,		/* there are too few vectors */
	ANNOY_CURVE_NO_ANSWERS,		/* no query has a nearest vector */
	ANNOY_CURVE_DOUBTFUL		/* it is not what searches find */
} AnnoyCurveResult;

typedef struct AnnoyCalibration
{
	/* set by the caller */
	double		vectors;		/* in the index, about */
	const AnnoyVector *queries; /* NULL = ask items */
	int			nqueries;
	bool		try_searches;	/* look at every item, to be sure */
	AnnoyProgress progress;		/* counts items and queries; or NULL */
	void	   *progress_arg;

	/* results */
	AnnoyCurve	curve;			/* without points unless it was measured */
	AnnoyCurveResult result;
	double		predicted;		/* doubtful: the recall that was expected ... */
	double		found;			/* ... and the one there is */
} AnnoyCalibration;

extern void AnnoyCalibrate(Relation rel, AnnoyCalibration *calibration);

/* leaves.c */

/* A block that is a leaf. */
typedef struct AnnoyLeaf
{
	uint16		entries;		/* for so many it counts */
	uint16		visit;			/* the last search that visits it */
} AnnoyLeaf;

typedef struct AnnoyLeaves
{
	double		count;
	uint16		visit;			/* number of the last search */
	BlockNumber nblocks;		/* of which this is known */
	AnnoyLeaf	leaves[FLEXIBLE_ARRAY_MEMBER];
} AnnoyLeaves;

extern AnnoyLeaves *AnnoyLeavesMake(BlockNumber nblocks);
extern void AnnoyLeavesNote(AnnoyLeaves *leaves, BlockNumber block, AnnoyNode node);
extern bool AnnoyLeavesVisit(AnnoyLeaves *leaves, AnnoySearch *search, double effort,
							 bool *all_ranked);

/* Would the last search have visited a leaf? */
static inline bool
AnnoyLeavesVisited(const AnnoyLeaves *leaves, uint64 block)
{
	return block < leaves->nblocks && leaves->leaves[block].visit == leaves->visit;
}

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

/* exact.c */

/* The smallest of some distances. */
typedef struct AnnoyDistances
{
	int			wanted;
	int			count;
	double	   *heap;			/* the largest first */
} AnnoyDistances;

/* A query, and the distances of its nearest items. */
typedef struct AnnoyAsked
{
	AnnoyVector vector;
	AnnoyPointer self;			/* does not count; invalid if it is not an
								 * item */
	AnnoyDistances nearest;
} AnnoyAsked;

/* Does an item count? */
typedef bool (*AnnoyItemCounts) (const AnnoyItem *item, void *arg);

extern void AnnoyDistancesInit(AnnoyDistances *nearest, int wanted);
extern void AnnoyDistancesAdd(AnnoyDistances *nearest, double distance);
extern void AnnoyFindAnswers(Relation rel, const AnnoyIndex *index, AnnoyAsked *asked,
							 int n, AnnoyItemCounts counts, void *arg);

static inline bool
AnnoyDistancesAreFull(const AnnoyDistances *nearest)
{
	return nearest->count == nearest->wanted;
}

/* Is a pointer that of the item that is asked, which may be none? */
static inline bool
AnnoyAskedIs(const AnnoyAsked *asked, const AnnoyPointer *pointer)
{
	return ItemPointerIsValid(&asked->self) &&
		ItemPointerEquals(unconstify(AnnoyPointer *, &asked->self),
						  unconstify(AnnoyPointer *, pointer));
}

/* trial.c */

/* So many queries are tried, for so many rows. */
#define ANNOY_TRIAL_QUERIES		20
#define ANNOY_TRIAL_ROWS		10

extern double AnnoyTrialRecall(Relation rel, const AnnoyIndex *index,
							   const AnnoyAsked *asked, double effort);

/* curve.c */

/*
 * Indexes with fewer vectors have no curve: without one, a search scans at
 * least as many.
 */
#define ANNOY_CURVE_MIN_ITEMS	8000

extern void AnnoyWarnOfDoubt(Relation rel, const AnnoyCalibration *calibration,
							 const char *hint);
extern void AnnoyRefreshCurve(Relation rel, double items);

#endif							/* ANNOY_RECALL_H */
