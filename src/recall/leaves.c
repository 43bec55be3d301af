/*-------------------------------------------------------------------------
 *
 * leaves.c
 *	  In which order does a search visit leaves?  To know what it finds, they need
 *	  not be read, if it is known how many entries each of them has.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/leaves.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "recall/leaves.h"
#include "scan/scan.h"
#include "storage/storage.h"

/* The part of maintenance_work_mem that what is known of leaves may take. */
#define LEAF_MEMORY			0.5

/*
 * Prepare to know the leaves of an index with so many blocks; NULL if that would
 * take too much memory.
 */
AnnoyLeaves *
AnnoyLeavesMake(BlockNumber nblocks)
{
	Size		size = offsetof(AnnoyLeaves, leaves) + sizeof(AnnoyLeaf) * (Size) nblocks;
	AnnoyLeaves *leaves;

	if (size > LEAF_MEMORY * maintenance_work_mem * 1024.0)
		return NULL;
	leaves = MemoryContextAllocExtended(CurrentMemoryContext, size,
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	leaves->nblocks = nblocks;
	return leaves;
}

/*
 * Note a leaf.  One behind the last of the blocks that there were is but counted.
 */
void
AnnoyLeavesNote(AnnoyLeaves *leaves, BlockNumber block, AnnoyNode node)
{
	if (block < leaves->nblocks)
		leaves->leaves[block].entries = AnnoySearchLeafEntries(node);
	leaves->count++;
}

/*
 * Rank leaves as a search with that effort does, and note their places.  Returns
 * true if these are all.
 */
bool
AnnoyLeavesRank(AnnoyLeaves *leaves, AnnoySearch *search, double effort)
{
	const AnnoyCollector *ranked = &search->nodes[0];
	bool		all = AnnoySearchRank(search, effort);

	/* all nodes above leaves are visited: so they are with any effort */
	if (!all && search->ranked[0] >= leaves->count)
	{
		(void) AnnoySearchRank(search, INFINITY);
		all = true;
	}
	for (int i = 0; i < ranked->count; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&ranked->candidates[i].pointer);

		if (block < leaves->nblocks)
			leaves->leaves[block].place = i;
	}
	/* if nodes cannot be ranked, there is no effort for all */
	return all || effort >= PG_INT32_MAX;
}
