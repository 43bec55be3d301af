/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  One round of a search: see search.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SEARCH_H
#define ANNOY_SEARCH_H

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

extern AnnoySearch *AnnoySearchInit(Relation rel, const AnnoyIndex *index,
									const AnnoyVector *query, double epsilon);
extern int	AnnoySearchKeep(const AnnoyIndex *index, double effort, double rows);
extern void AnnoySearchForget(AnnoySearch *search);
extern bool AnnoySearchRank(AnnoySearch *search, double effort);
extern void AnnoySearchForest(AnnoySearch *search, double effort, int keep);

#endif							/* ANNOY_SEARCH_H */
