/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  A walk over the leaves of a tree, along their right links.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/walk.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* The leaf with which the walk over the leaves of the first tree begins. */
BlockNumber
AnnoyFirstLeaf(Relation rel)
{
	return AnnoyLeftmostNode(rel, 0, 0);
}

/*
 * Copy a leaf.  Returns NULL if it is a root that has been split meanwhile, and
 * is no leaf any more: the walk then starts again.
 */
AnnoyNode
AnnoyReadLeaf(Relation rel, const AnnoyIndex *index, BlockNumber block,
			  PGAlignedBlock *copy, BlockNumber *steps)
{
	AnnoyNode	node = AnnoyPageGetNode(copy->data);

	AnnoyVacuumDelay();
	AnnoyCopyNode(rel, index, block, copy->data);
	if ((*steps)++ > RelationGetNumberOfBlocks(rel))
		AnnoyReportCorruption(rel, block, "Right links form a circle.");
	return node->level == 0 ? node : NULL;
}

/*
 * Count the vectors of an index: the entries of the first tree.
 */
double
AnnoyCountVectors(Relation rel, const AnnoyIndex *index)
{
	BlockNumber block = AnnoyFirstLeaf(rel);
	BlockNumber steps = 0;
	double		vectors = 0;

	while (block != InvalidBlockNumber)
	{
		PGAlignedBlock copy;
		AnnoyNode	node = AnnoyReadLeaf(rel, index, block, &copy, &steps);

		if (node == NULL)
		{
			block = AnnoyFirstLeaf(rel);
			vectors = 0;
			continue;
		}
		vectors += node->count;
		block = node->right;
	}
	return vectors;
}
