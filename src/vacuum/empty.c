/*-------------------------------------------------------------------------
 *
 * empty.c
 *	  Leaves that VACUUM has found without entries.
 *
 * They stay where they are.  Insertions near them fill them again.  So do splits of
 * other leaves with the same parent, which use them instead of new ones: the parent is
 * told that it has such children.  Where most leaves are empty, all trees are made anew
 * (respace.c), and all pages of the old ones become free.
 *
 * To take a single leaf out of its tree would need more: searches and insertions keep
 * the blocks of leaves that they are going to visit, on standbys, too, and nothing
 * tells when the last of them has forgotten one.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/empty.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bits.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "vacuum/vacuum.h"

/*
 * Trees most of whose leaves have no entries are made anew, if so many have none: their
 * pages are of more use elsewhere.
 */
#define MOSTLY_EMPTY		0.5
#define MIN_EMPTY_LEAVES	64

/* Does a node have a child that was found without entries? */
static bool
has_empty_child(const AnnoyIndex *index, AnnoyNode node, const AnnoyBits *empty)
{
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, node, i);

		if (AnnoyBitsTest(empty, ItemPointerGetBlockNumberNoCheck(&pointer)))
			return true;
	}
	return false;
}

/*
 * Tell the parents of leaves without entries, so that splits use these.  By then
 * somebody may have filled such a leaf: a split looks for itself.
 */
void
AnnoyTellParents(Relation rel, const AnnoyIndex *index, const AnnoyBits *empty)
{
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		AnnoyWalk	walk;
		AnnoyNode	node;

		AnnoyWalkBegin(&walk, rel, index, tree, 1);
		while ((node = AnnoyWalkNext(&walk)) != NULL)
		{
			Buffer		buffer;

			if ((node->flags & ANNOY_NODE_EMPTY_CHILD) != 0 || !has_empty_child(index, node, empty))
				continue;
			buffer = AnnoyReadBuffer(rel, walk.block, NULL);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			AnnoyCheckNode(rel, index, buffer);
			/* it may have been the root, and be higher up now */
			if (AnnoyPageGetNode(BufferGetPage(buffer))->level == 1)
			{
				GenericXLogState *xlog = GenericXLogStart(rel);
				Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);

				AnnoyPageGetNode(page)->flags |= ANNOY_NODE_EMPTY_CHILD;
				AnnoyPageGetNode(page)->changes++;
				GenericXLogFinish(xlog);
			}
			UnlockReleaseBuffer(buffer);
		}
	}
}

/*
 * Do most leaves have no entries, if so many have none?
 */
bool
AnnoyLeavesAreEmpty(Relation rel, const AnnoyIndex *index, BlockNumber empty)
{
	double		leaves = 0;

	if (empty < MIN_EMPTY_LEAVES)
		return false;
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		AnnoyWalk	walk;
		AnnoyNode	node;

		AnnoyWalkBegin(&walk, rel, index, tree, 1);
		while ((node = AnnoyWalkNext(&walk)) != NULL)
			leaves += node->count;
	}
	return empty > MOSTLY_EMPTY * leaves;
}
