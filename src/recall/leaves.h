/*-------------------------------------------------------------------------
 *
 * leaves.h
 *	  Which leaves a search visits: see leaves.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/leaves.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RECALL_LEAVES_H
#define ANNOY_RECALL_LEAVES_H

#include "scan/scan.h"

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
AnnoyLeavesVisited(const AnnoyLeaves *leaves, BlockNumber block)
{
	return block < leaves->nblocks && leaves->leaves[block].visit == leaves->visit;
}

#endif							/* ANNOY_RECALL_LEAVES_H */
