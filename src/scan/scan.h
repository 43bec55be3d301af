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

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "portability/instr_time.h"

#include "tree/tree.h"

/* What a scan has done; see annoy_last_scan(). */
typedef struct AnnoyScanStats
{
	int64		rounds;
	int64		inner_nodes;	/* visited, roots included */
	int64		leaves;
	int64		entries;		/* of leaves */
	int64		items;			/* whose exact distance was computed */
	int64		rows;			/* returned */
	bool		drained;		/* all items were looked at in the end */
	int64		pages;			/* of the index and of the server's buffers */
	int64		pages_read;		/* of these, not found in shared buffers */
	instr_time	routing;		/* ranking leaves */
	instr_time	scanning;		/* leaves */
	instr_time	reranking;		/* items */
} AnnoyScanStats;

/* One round of a search, see search.c. */
typedef struct AnnoySearch
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyVector query;			/* whose data are the caller's */
	AnnoyTarget target;
	double		epsilon;		/* see annoy.epsilon */
	double		mean_shift;		/* inner product: score less that of x - mean */
	double		score_factor;	/* see AnnoySearchScore */

	/* results of AnnoySearchForest */
	AnnoyCollector items;		/* candidates, by lower bound */
	bool		complete;		/* every leaf was scanned */
	double		scanned;		/* entries */
	BlockNumber root_split;		/* a root that was not what it was when
								 * ranked, or invalid */
	bool		space_decided;	/* a node was not understood */
	AnnoyScanStats stats;

	/* work space: nodes to visit by level, leaves at 0 */
	AnnoyCollector nodes[ANNOY_MAX_LEVEL];
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
extern int	AnnoySearchKeep(AnnoyMetric metric, int n_entries, double effort,
							double rows);
extern void AnnoySearchForget(AnnoySearch *search);
extern bool AnnoySearchRank(AnnoySearch *search, double effort);
extern int	AnnoySearchLeafEntries(AnnoyNode node);
extern void AnnoySearchEstimate(AnnoySearch *search, AnnoyNode node);
extern void AnnoySearchForest(AnnoySearch *search, double effort, int keep);

/* scan.c */
extern IndexScanDesc annoybeginscan(Relation rel, int nkeys, int norderbys);
extern void annoyrescan(IndexScanDesc scan, ScanKey keys, int nkeys,
						ScanKey orderbys, int norderbys);
extern bool annoygettuple(IndexScanDesc scan, ScanDirection dir);
extern void annoyendscan(IndexScanDesc scan);
extern void AnnoyScanRelax(IndexScanDesc scan);
extern double AnnoyScanEntries(IndexScanDesc scan);
extern void AnnoyScanSetSearchK(IndexScanDesc scan, int search_k);
extern const AnnoyScanStats *AnnoyLastScan(void);

/* executor.c */
extern void AnnoyWatchExecutor(void);

/* cost.c */
extern void annoycostestimate(PlannerInfo *root, IndexPath *path,
							  double loop_count, Cost *startup_cost,
							  Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);

#endif							/* ANNOY_SCAN_H */
