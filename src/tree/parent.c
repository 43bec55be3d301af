/*-------------------------------------------------------------------------
 *
 * parent.c
 *	  Finding the parent of a node.
 *
 * Nodes do not know their parents.  src/README says, under "Finding the parent", why
 * this finds them while others split nodes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/parent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* So many nodes that were split from one are looked at, before all are. */
#define MAX_RIGHT_MOVES	16

/*
 * Lock a node in a mode if it is on that level and has the entry for a child.
 * Otherwise returns false, with the buffer locked one way or the other.
 */
static bool
lock_parent(Relation rel, const AnnoyIndex *index, Buffer buffer, int level,
			BlockNumber child, int mode)
{
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckNode(rel, index, buffer);
	if (node->level != level || AnnoyNodeFindChild(index, node, child) < 0)
		return false;
	if (mode == BUFFER_LOCK_SHARE)
		return true;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	LockBuffer(buffer, mode);
	return node->level == level && AnnoyNodeFindChild(index, node, child) >= 0;
}

/*
 * Look for the parent of a child in a node that was read on the way down, and in
 * what was split from it since.  The result is that of AnnoyFindParent, or
 * an invalid buffer.
 */
static Buffer
find_from(Relation rel, const AnnoyIndex *index, BlockNumber block,
		  uint32 nsn, int level, BlockNumber child, int mode)
{
	for (int i = 0; i < MAX_RIGHT_MOVES && block != InvalidBlockNumber; i++)
	{
		Buffer		buffer = AnnoyReadBuffer(rel, block, NULL);
		AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

		if (lock_parent(rel, index, buffer, level, child, mode))
			return buffer;
		block = node->level == level && node->nsn > nsn ? node->right :
			InvalidBlockNumber;
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/*
 * Find the node one level up that has the entry for a child.  Returns its
 * buffer, locked in a mode.  The caller holds no locks.
 *
 * Usually it is on the path, which tells only where to look first.  If not,
 * entries of inner nodes move to the right only, so one walk from the left finds
 * the parent, whatever is split meanwhile.
 */
Buffer
AnnoyFindParent(Relation rel, const AnnoyIndex *index, int tree, int level,
				BlockNumber child, const AnnoyPath *path, int mode)
{
	AnnoyWalk	walk;
	AnnoyNode	node;

	if (level >= ANNOY_MAX_LEVEL)
		AnnoyReportCorruption(rel, child, "The node, on level %d, is not the root.", level - 1);

	for (int i = 0; i < path->count[level]; i++)
	{
		Buffer		buffer = find_from(rel, index, path->block[level][i],
									   path->nsn[level][i], level, child, mode);

		if (BufferIsValid(buffer))
			return buffer;
	}

	AnnoyWalkBegin(&walk, rel, index, tree, level);
	while ((node = AnnoyWalkNext(&walk)) != NULL)
	{
		Buffer		buffer;

		if (AnnoyNodeFindChild(index, node, child) < 0)
			continue;
		buffer = AnnoyReadBuffer(rel, walk.block, NULL);
		if (lock_parent(rel, index, buffer, level, child, mode))
			return buffer;
		/* the entry has gone since: to the right or, from the root, down */
		UnlockReleaseBuffer(buffer);
		AnnoyWalkAgain(&walk);
	}

	AnnoyReportCorruption(rel, child, "No node on level %d of tree %d has an entry for this one.",
						  level, tree);
}
