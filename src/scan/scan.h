/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Scans, and the searches that they are made of.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_H
#define ANNOY_SCAN_H

#include <float.h>
#include <math.h>

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "portability/instr_time.h"

#include "relation/relation.h"
#include "simd/simd.h"
#include "tree/tree.h"

/* Why a round has scanned no more leaves. */
typedef enum AnnoyRoundEnd
{
	ANNOY_END_NONE,				/* there was no round */
	ANNOY_END_EFFORT,			/* it has scanned as many entries as it may */
	ANNOY_END_DISTANCE,			/* those left are too far away */
	ANNOY_END_EVERYTHING		/* none is left */
} AnnoyRoundEnd;

/* A search whose reasons to end rounds are noted has so many rounds at most. */
#define ANNOY_NOTED_ROUNDS	16

/*
 * What searches have done, a sum if there were several.  A scan makes one each time
 * that it is started.
 */
typedef struct AnnoyScanStats
{
	int64		searches;
	int64		rounds;
	int64		ended[ANNOY_END_EVERYTHING + 1];	/* rounds, by why they did */
	uint8		ends[ANNOY_NOTED_ROUNDS];	/* of the first rounds of a search */
	double		effort;			/* of the last round */
	double		reach;			/* down to which row it was asked */
	bool		is_average;		/* the effort of the last round of all is one */
	int64		inner_nodes;	/* visited, roots included */
	int64		leaves;
	int64		entries;		/* of leaves */
	int64		tested;			/* items, for conditions on further columns */
	int64		items;			/* whose exact distance was computed */
	int64		rows;			/* returned */
	int64		drained;		/* searches that looked at all items in the
								 * end */
	int64		pages;			/* accessed: of the index, and of the table if
								 * vectors are there */
	int64		pages_read;		/* of these, not found in shared buffers */
	instr_time	routing;		/* ranking leaves */
	instr_time	scanning;		/* leaves */
	instr_time	reranking;		/* items */
} AnnoyScanStats;

/* What searches have done, and what was expected of the last one. */
typedef struct AnnoyScanReport
{
	AnnoyScanStats stats;
	double		recall;			/* to be found; 0 = search_k decides */
	double		growth;			/* of the index since the curve was measured */
	AnnoyCurve	curve;
} AnnoyScanReport;

/* A round: that of a scan so far, or the next one. */
typedef struct AnnoyRound
{
	double		effort;			/* entries to scan; 0 = there was none yet */
	double		done;			/* 0, or else the effort is an average, and
								 * the round ends when it has done so much
								 * (which it never has if it is infinite), */
	double		most;			/* or has scanned so many; or if the query is
								 * unlike the rows, some times as many, ... */
	double		bound;			/* ... but not more than that */
	int			keep;			/* candidates to keep ... */
	int			most_keep;		/* ... and if the query is unlike the rows */
	bool		close;			/* only those that may be among the nearest
								 * ANNOY_BEST */
	bool		goes_on;		/* from where the last one has ended, with
								 * what that one has found */
	double		enough_for;		/* rows; with conditions in the index, those
								 * that fail included */
	double		limit;			/* rows of the LIMIT that it is for, or 0 */
	bool		knows_dead;		/* that many of the rows are dead */
} AnnoyRound;

/* So many of the nearest items that a search has met are known to it. */
#define ANNOY_BEST			16

/* A query that is unlike the rows takes up to so many times as many entries. */
#define ANNOY_MOST_UNLIKE		8.0

/*
 * Leaves are ranked as for so many entries at least: nodes above them tell less well
 * than these which are near.
 */
#define ANNOY_RANKED_EFFORT		4096.0

/* Fewer entries take no less time. */
#define ANNOY_LEAST_EFFORT		500.0

/* The best items of all entries scanned, each once, by their estimates, in order. */
typedef struct AnnoyBest
{
	float		estimate[ANNOY_BEST];
	AnnoyPointer item[ANNOY_BEST];
} AnnoyBest;

/* The estimate for the tenth of them. */
#define AnnoyBestTenth(best)	((best)->estimate[9])

/* One round of a search, see search.c. */
typedef struct AnnoySearch
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyVector query;			/* whose data are the caller's */
	AnnoyTarget target;
	double		epsilon;		/* see annoy.epsilon */
	const		AnnoySieve *sieve;	/* see AnnoySearchSetSieve */
	const AnnoyRound *round;	/* that is being made, or NULL */
	bool		has_others;		/* see AnnoySearchLearn: */
	AnnoyBest	others;			/* the best of other searches; no items */
	float		others_margin;	/* these are not farther by more */
	float		others_first;	/* score of the first leaf of all */
	double		mean_shift;		/* inner product: score less that of x - mean */
	double		score_factor;	/* see AnnoySearchScore */

	/* results of AnnoySearchForest */
	AnnoyCollector items;		/* candidates, by lower bound */
	AnnoyBest	best;
	AnnoyBest	merged;			/* of these and the others */
	AnnoyRoundEnd ended;		/* why it did */
	float		margin;			/* none of the best is farther than estimated
								 * by more */
	double		unlike;			/* see AnnoySearchUnlike */
	double		scanned;		/* entries */
	double		sifted;			/* entries, by the sieve ... */
	double		sieve_passed;	/* ... and those that have passed it */
	double		scanned_before; /* of these, by rounds that this one has gone
								 * on from */
	double		sifted_before;
	double		passed_before;
	float		first;			/* score of the first leaf */
	BlockNumber root_split;		/* a root that was not what it was when
								 * ranked, or invalid */
	bool		space_decided;	/* a node was not understood */
	AnnoyScanStats stats;

	/* work space: nodes to visit by level, leaves at 0 */
	AnnoyCollector nodes[ANNOY_MAX_LEVEL];
	AnnoyCollector visited;		/* leaves, if they were ranked again */
	int			n_visited;		/* of those ranked last */
	double		ranked[ANNOY_MAX_LEVEL];	/* nodes scored so far */
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
} AnnoySearch;

/*
 * The score that corresponds to an exact distance, where there is one: not for
 * manhattan.  A scale, being at most 2^1022, is multiplied by one factor at a time.
 */
static inline double
AnnoySearchScore(const AnnoySearch *search, double distance)
{
	double		scaled = search->score_factor * distance;

	switch (search->index->metric)
	{
		case ANNOY_L2:
			return scaled * scaled;
		case ANNOY_IP:
			return 2 * search->index->scale * scaled + search->mean_shift;
		default:
			return scaled;
	}
}

/* search.c */
extern AnnoySearch *AnnoySearchInit(Relation rel, const AnnoyIndex *index,
									const AnnoyVector *query, double epsilon);
extern void AnnoySearchSetSieve(AnnoySearch *search, const AnnoySieve * sieve);
extern bool AnnoySearchLearn(AnnoySearch *search, const AnnoySearch *other);
extern int	AnnoySearchKeep(AnnoyMetric metric, int n_entries, double effort,
							double rows);
extern void AnnoySearchForget(AnnoySearch *search);
extern bool AnnoySearchRank(AnnoySearch *search, double effort);
extern int	AnnoySearchLeafEntries(AnnoyNode node);
extern void AnnoySearchEstimate(AnnoySearch *search, AnnoyNode node);
extern void AnnoySearchForest(AnnoySearch *search, const AnnoyRound *round);

static inline void
AnnoyBestReset(AnnoyBest *best)
{
	for (int i = 0; i < ANNOY_BEST; i++)
	{
		best->estimate[i] = INFINITY;
		ItemPointerSetInvalid(&best->item[i]);
	}
}

static inline void
AnnoyBestAdd(AnnoyBest *best, float estimate, const AnnoyPointer *item)
{
	int			i = 0;

	if (!(estimate < best->estimate[ANNOY_BEST - 1]))
		return;
	/* it takes the place of the item's other entry, or else of the last item */
	while (i < ANNOY_BEST - 1 && !AnnoyPointersEqual(&best->item[i], item))
		i++;
	if (!(estimate < best->estimate[i]))
		return;
	for (; i > 0 && estimate < best->estimate[i - 1]; i--)
	{
		best->estimate[i] = best->estimate[i - 1];
		best->item[i] = best->item[i - 1];
	}
	best->estimate[i] = estimate;
	best->item[i] = *item;
}

/*
 * How like the rows is a query?  A row is nearer to its neighbours than to the middle
 * of all rows, where the origin is.  A mean of rows is not, nor is what has little to
 * do with any of them: more leaves are about as near as the first.  Besides, a mean is
 * nearer to the middle than most rows are, which counts twice.  Distances are squared.
 */
static inline double
AnnoySearchLike(const AnnoyBest *best, double norm2)
{
	return norm2 * norm2 * norm2 / Max(AnnoyBestTenth(best), FLT_MIN);
}

/*
 * How many times as much a query takes as one that is as `like' the rows as nearly
 * all of them are: the eighth power of how much less it is like them.  As a search
 * goes on, this never increases.
 */
static inline double
AnnoySearchUnlike(const AnnoyBest *best, double norm2, double like)
{
	double		ratio = like / Max(AnnoySearchLike(best, norm2), FLT_MIN);

	if (!(ratio > 1))
		return 1;
	ratio *= ratio;
	ratio *= ratio;
	return Min(ratio * ratio, ANNOY_MOST_UNLIKE);
}

/*
 * How much a search has done that has scanned so many entries of the leaves before
 * the next one; `first' and `next' are squared distances of centres.  It is a
 * number of entries, which counts the more, the farther away the next leaf is: by
 * how much farther than the first one it is, compared with the tenth of the entries
 * found.  So it never decreases.
 *
 * If the tenth is a copy of the query, or nearly so, hardly anything is nearer.
 */
static inline double
AnnoySearchDone(const AnnoyBest *best, double scanned, float first, float next)
{
	double		tenth = AnnoyBestTenth(best);

	if (scanned < ANNOY_LEAST_EFFORT || tenth == INFINITY || !(next > first))
		return 0;
	return scanned * ((double) next - first) / Max(tenth, FLT_MIN);
}

/* Searches that functions make, see ask.c. */
typedef struct AnnoyNearest
{
	const AnnoyAccess *access;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	RegProcedure distance;
} AnnoyNearest;

/* scan.c */
extern IndexScanDesc annoybeginscan(Relation rel, int nkeys, int norderbys);
extern void annoyrescan(IndexScanDesc scan, ScanKey keys, int nkeys,
						ScanKey orderbys, int norderbys);
extern bool annoygettuple(IndexScanDesc scan, ScanDirection dir);
extern void annoyendscan(IndexScanDesc scan);
extern void AnnoyScanRelax(IndexScanDesc scan);
extern double AnnoyScanEntries(IndexScanDesc scan);
extern void AnnoyScanSetSearchK(IndexScanDesc scan, int search_k);

/* stats.c */
extern const AnnoyScanReport *AnnoyLastScan(void);
extern void AnnoyReportScan(IndexScanDesc scan, AnnoyScanReport *report);
extern double AnnoyPredictedRecall(const AnnoyScanReport *report);

/* explain.c */
extern void AnnoyDefineExplain(void);

/* ask.c */
extern void AnnoyBeginNearest(AnnoyNearest *nearest, const AnnoyAccess *access,
							  int search_k);
extern void AnnoyAskNearest(AnnoyNearest *nearest, Datum query);
extern bool AnnoyNextNearest(AnnoyNearest *nearest, double *distance,
							 ItemPointer tid);
extern void AnnoyEndNearest(AnnoyNearest *nearest);

/* executor.c */
extern void AnnoyWatchExecutor(void);

/* sieve.c */
extern bool AnnoySieveKnows(Oid type, Oid operator);

/* cost.c */
extern void annoycostestimate(PlannerInfo *root, IndexPath *path,
							  double loop_count, Cost *startup_cost,
							  Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);
extern double AnnoyPlannedDims(IndexOptInfo *info);

/* distance.c */
extern Cost AnnoyDistanceCost(double dims);
extern Cost AnnoyColumnCost(Oid table, AttrNumber attribute, double bytes);
extern Datum annoy_distance_support(PG_FUNCTION_ARGS);

#endif							/* ANNOY_SCAN_H */
