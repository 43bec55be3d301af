/*-------------------------------------------------------------------------
 *
 * step.h
 *	  What a scan does next, and how hard it searches: see step.c, effort.c and
 *	  executor.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/step.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_STEP_H
#define ANNOY_SCAN_STEP_H

#include <math.h>

#include "scan/scan.h"

/* executor.c */

/* What the executor is going to do with the rows of a scan. */
typedef struct AnnoyDemand
{
	bool		filtered;		/* rows are tested for more conditions */
	double		limit;			/* rows at most; 0 if that is not known */
	bool		is_page;		/* the first of them are left out */
	bool		everything;		/* all rows will be read */
	bool		relies;			/* not all, and groups rely on the order */
	int			merged;			/* scans whose rows are merged with its own,
								 * itself included */
	struct MergeAppendState *merge; /* the node that does, or NULL; see
									 * merge.c */
} AnnoyDemand;

extern AnnoyDemand AnnoyAskExecutor(ScanKey orderbys);

/* effort.c */

/* Least automatic search_k. */
#define ANNOY_MIN_SEARCH_K		8000

typedef struct AnnoyEfforts
{
	double		first;			/* before any row; infinite = all items */
	double		items;			/* estimate of the vectors in the index ... */
	double		all;			/* ... and of the entries in the forest */
	int			measured;		/* 0 = not from the curve */
	bool		guessed;		/* as there is none, and nobody has said */
	double		effort[ANNOY_CURVE_RANKS];	/* for AnnoyCurveRows */
	double		power;			/* of the rows, for more of them */

	/* for ten rows, a search may have done so much instead; 0 = not known */
	double		done;			/* see AnnoySearchDone */
	double		average;		/* effort */
	double		most;			/* entries */
	bool		adapt;			/* how like the rows a query is can be told */

	/* where they come from */
	double		recall;			/* that is wanted; 0 = search_k decides */
	double		growth;			/* of the index since its curve was measured */
} AnnoyEfforts;

extern void AnnoyChooseEfforts(Relation rel, const AnnoyIndex *index,
							   BlockNumber blocks, int search_k,
							   AnnoyEfforts *efforts);
extern double AnnoyNextEffort(const AnnoyEfforts *efforts, double effort,
							  double row, double items_per_row,
							  double *enough_for);
extern double AnnoyEffortForRows(const AnnoyEfforts *efforts, double rows);
extern double AnnoyRecallOf(const AnnoyCurve *curve, double growth, double effort,
							bool is_average, double rows);

/*
 * What it takes to sift attributes of such a size in a walk, each, in entries scanned:
 * the longer they are, the fewer are on a page.
 */
static inline double
AnnoyWalkSiftCost(int attributes_size)
{
	return 0.05 + 0.005 * attributes_size;
}

/* step.c */

/* What does not change while a scan goes on. */
typedef struct AnnoyScanTask
{
	AnnoyEfforts efforts;
	AnnoyDemand demand;
	AnnoyMetric metric;
	int			n_entries;		/* of an item in a tree, at most */
	bool		tests;			/* conditions on further columns */
	double		walk_cost;		/* of a test in a walk over all; see filter.c */
	double		walk_sift_cost; /* of sifting all before, for each */
	bool		learns;			/* how far the nearest rows are, from others;
								 * see merge.c */
} AnnoyScanTask;

/* What a scan has come to. */
typedef struct AnnoyScanProgress
{
	/* rows */
	double		returned;
	double		dead;			/* of these, rows that nobody sees any more */
	double		tested;			/* rows, for conditions on further columns */
	double		sifted;			/* part of the items that pass the sieve; so
								 * many are tested */
	double		passing;		/* part of the items that meets them ... */
	bool		guesses;		/* ... of which next to nothing is known */
	bool		row_is_next;	/* a row is found, and none will be nearer */

	/* candidates of the round */
	bool		candidates_left;	/* to look at */
	bool		kept_all;
	bool		complete;		/* every leaf was scanned */
	double		scanned;		/* entries, by the round */

	Size		memory;			/* taken, in bytes ... */
	Size		memory_limit;	/* ... and to be taken at most */
} AnnoyScanProgress;

typedef enum AnnoyScanStep
{
	ANNOY_STEP_RETURN,			/* the row that is next */
	ANNOY_STEP_LOOK,			/* at the next candidates */
	ANNOY_STEP_ROUND,			/* search as the next round says */
	ANNOY_STEP_DRAIN			/* look at all there is, and sort */
} AnnoyScanStep;

extern bool AnnoyWantsFew(const AnnoyScanTask *task);
extern AnnoyScanStep AnnoyNextStep(const AnnoyScanTask *task, const AnnoyRound *last,
								   const AnnoyScanProgress *progress, AnnoyRound *next);

/* Is it known from the beginning that a scan looks at all there is? */
static inline bool
AnnoyTaskIsForAll(const AnnoyScanTask *task)
{
	return task->demand.everything || task->efforts.first == INFINITY;
}

#endif							/* ANNOY_SCAN_STEP_H */
