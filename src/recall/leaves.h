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
	int			place;			/* among those ranked last, if it is */
	int			entries;		/* for so many it counts */
} AnnoyLeaf;

typedef struct AnnoyLeaves
{
	double		count;
	BlockNumber nblocks;		/* of which this is known */
	AnnoyLeaf	leaves[FLEXIBLE_ARRAY_MEMBER];
} AnnoyLeaves;

extern AnnoyLeaves *AnnoyLeavesMake(BlockNumber nblocks);
extern void AnnoyLeavesNote(AnnoyLeaves *leaves, BlockNumber block, AnnoyNode node);
extern bool AnnoyLeavesRank(AnnoyLeaves *leaves, AnnoySearch *search, double effort);

/* The place of a leaf among those ranked, or PG_INT32_MAX. */
static inline int
AnnoyLeavesPlace(const AnnoyLeaves *leaves, const AnnoySearch *search, BlockNumber block)
{
	const AnnoyCollector *ranked = &search->nodes[0];
	int			place;

	if (block >= leaves->nblocks)
		return PG_INT32_MAX;
	place = leaves->leaves[block].place;
	return place < ranked->count &&
		ItemPointerGetBlockNumberNoCheck(&ranked->candidates[place].pointer) == block ?
		place : PG_INT32_MAX;
}

/* The entries of the leaf in a place among those ranked. */
static inline int
AnnoyLeavesEntries(const AnnoyLeaves *leaves, const AnnoySearch *search, int place)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(&search->nodes[0].candidates[place].pointer);

	return block < leaves->nblocks ? leaves->leaves[block].entries : 0;
}

#endif							/* ANNOY_RECALL_LEAVES_H */
