/*-------------------------------------------------------------------------
 *
 * leaves.c
 *	  Which leaves does a search visit?  To know that, they need not be read, if
 *	  it is known how many entries each of them has.
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
 * Find out which leaves a search with that effort would visit.  Returns true if
 * these are all.
 *
 * For one query, efforts are tried from the least to the greatest: *all_ranked,
 * at first false, says whether all leaves have been ranked already.
 */
bool
AnnoyLeavesVisit(AnnoyLeaves *leaves, AnnoySearch *search, double effort, bool *all_ranked)
{
	const AnnoyCollector *ranked = &search->nodes[0];
	double		scanned = 0;
	int			visited = 0;

	if (leaves->visit == PG_UINT16_MAX)
	{
		for (BlockNumber block = 0; block < leaves->nblocks; block++)
			leaves->leaves[block].visit = 0;
		leaves->visit = 0;
	}
	leaves->visit++;

	/* as in AnnoySearchForest, if leaves are emptier than thought */
	for (double rank_for = effort; scanned < effort; rank_for *= 4)
	{
		if (!*all_ranked)
		{
			*all_ranked = AnnoySearchRank(search, rank_for);

			/* all nodes above leaves are visited: so they are with any effort */
			if (!*all_ranked && search->ranked[0] >= leaves->count)
			{
				(void) AnnoySearchRank(search, INFINITY);
				*all_ranked = true;
			}
		}
		scanned = 0;
		for (visited = 0; visited < ranked->count && scanned < effort; visited++)
		{
			BlockNumber block =
			ItemPointerGetBlockNumberNoCheck(&ranked->candidates[visited].pointer);

			if (block < leaves->nblocks)
			{
				leaves->leaves[block].visit = leaves->visit;
				scanned += leaves->leaves[block].entries;
			}
		}
		/* if nodes cannot be ranked, there is no effort for all */
		if (*all_ranked || rank_for >= PG_INT32_MAX)
			break;
	}
	return *all_ranked && visited == ranked->count;
}
