/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  A walk over the nodes of a level of a tree, along their right links.
 *
 * Every walk over a level goes through here, but for that of annoy_index_check(),
 * which looks at the links themselves.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/walk.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/storage.h"
#include "tree/tree.h"

/*
 * Begin a walk.  The index has dimensions.
 */
void
AnnoyWalkBegin(AnnoyWalk *walk, Relation rel, const AnnoyIndex *index, int tree,
			   int level)
{
	walk->rel = rel;
	walk->index = index;
	walk->tree = tree;
	walk->level = level;
	walk->steps = 0;
	walk->block = InvalidBlockNumber;
	walk->next = AnnoyLeftmostNode(rel, tree, level);
}

/*
 * Copy the next node, whose block is walk->block then.  Returns NULL at the end.
 * No locks are held meanwhile; the caller holds none.
 */
AnnoyNode
AnnoyWalkNext(AnnoyWalk *walk)
{
	AnnoyNode	node = AnnoyPageGetNode(walk->copy.data);

	while (walk->next != InvalidBlockNumber)
	{
		AnnoyVacuumDelay();
		AnnoyCountStep(walk->rel, walk->next, &walk->steps);
		AnnoyCopyNode(walk->rel, walk->index, walk->next, walk->copy.data);
		if (node->level == walk->level)
		{
			walk->block = walk->next;
			walk->next = node->right;
			if (walk->next != InvalidBlockNumber)
				AnnoyPrefetchBuffer(walk->rel, walk->next);
			return node;
		}
		/* it was the root, which has been split, and is a level up now */
		walk->next = AnnoyLeftmostNode(walk->rel, walk->tree, walk->level);
	}
	return NULL;
}

/*
 * Have the walk return the last node once more, as it is now.  Whoever finds that an
 * entry has gone to the right meanwhile meets it then.
 */
void
AnnoyWalkAgain(AnnoyWalk *walk)
{
	walk->next = walk->block;
}

/*
 * Count the vectors of an index: the entries of the first tree that are not second
 * ones.
 */
double
AnnoyCountVectors(Relation rel, const AnnoyIndex *index)
{
	AnnoyWalk	walk;
	AnnoyNode	node;
	double		vectors = 0;

	AnnoyWalkBegin(&walk, rel, index, 0, 0);
	while ((node = AnnoyWalkNext(&walk)) != NULL)
	{
		for (int i = 0; i < node->count; i++)
			vectors += (AnnoyNodeEntryFlags(index, node, i) & ANNOY_ENTRY_SECOND) == 0;
	}
	return vectors;
}
