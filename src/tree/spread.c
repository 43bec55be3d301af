/*-------------------------------------------------------------------------
 *
 * spread.c
 *	  How far the items below a node are from its centre.
 *
 * The items that a query by inner product looks for are the long ones, and these are
 * where nodes are wide: around a centre that may well be the origin there are items
 * in all directions.  So in an index for inner product the entries of inner nodes
 * have the spread of the child, and searches rank by it, too:
 *
 *	leaf		the fourth root of the mean of |r|^4, which a few long items
 *				decide if there are such, but not a single one as the maximum
 *	inner node	the maximum over its children of the root of |r|^2 + spread^2
 *
 * A spread is a hint.  It is right when a node is made; insertions let it grow, in a
 * record of their own, and no deletion makes it less.  If it is too small, because
 * of a crash in between or of a split that has come first, recall suffers.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/spread.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "simd/simd.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* A point is an outlier of a node if it is farther from the centre than that. */
#define OUTLIER_SPREADS		2.0f

/* A leaf where it is none is better, unless its squared distance is that much more. */
#define WIDE_FARTHER		4.0f

/*
 * The spread of a leaf, from the sum of the fourth powers of its points' distances
 * from the centre.
 */
float
AnnoyLeafSpread(double fourth_powers, int count)
{
	return (float) sqrt(sqrt(fourth_powers / Max(count, 1)));
}

/*
 * Is a point that far from a node's centre, squared, no outlier there?
 */
static bool
is_within(float distance2, const AnnoyPointer *pointer)
{
	float		reach = OUTLIER_SPREADS * AnnoyPointerSpread(pointer);

	return distance2 <= reach * reach;
}

/*
 * Descend to a leaf where the target's point is no outlier: on each level to the
 * nearest of such nodes.  Returns false if there is none.
 */
static bool
find_wide_leaf(AnnoyTarget *target, BlockNumber root, AnnoyReadNode read_node,
			   void *arg, AnnoyCandidate *leaf)
{
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	BlockNumber block = root;
	int			level = ANNOY_MAX_LEVEL;

	for (;;)
	{
		AnnoyNode	node = read_node(block, arg);
		int			nhits;

		/* a damaged index may have any level; AnnoyPlace complains of that */
		if (node->level == 0 || node->level >= level)
			return false;
		level = node->level;

		nhits = AnnoyNodeScore(target, node, 0, INFINITY, hits, scores);
		leaf->score = INFINITY;
		for (int i = 0; i < nhits; i++)
		{
			AnnoyPointer pointer = AnnoyNodePointer(target->index, node, hits[i]);

			if (scores[i] < leaf->score && is_within(scores[i], &pointer))
			{
				leaf->score = scores[i];
				leaf->nsn = node->child_nsn;
				leaf->pointer = pointer;
			}
		}
		if (leaf->score == INFINITY)
			return false;
		block = ItemPointerGetBlockNumberNoCheck(&leaf->pointer);
		if (level == 1)
			return true;
	}
}

/*
 * In an index for inner product, let a point that is much farther from the nearest
 * leaf than what is in there go to a wider leaf, if there is one.  The leaves, as
 * AnnoyPlace has found them with the other arguments, come back with that in front.
 *
 * A point much longer than the others is about as far from one leaf as from any
 * other.  If such points went to the nearest, they would make many leaves wide, and
 * a search could not tell these from one another.  In one leaf they wait for each
 * other until it is split.
 */
void
AnnoyPreferWideLeaf(AnnoyTarget *target, BlockNumber root, AnnoyReadNode read_node,
					void *arg, AnnoyCollector *leaves)
{
	AnnoyCandidate wide;
	AnnoyCandidate *found;

	if (target->index->metric != ANNOY_IP || leaves->count == 0 ||
		is_within(leaves->candidates[0].score, &leaves->candidates[0].pointer) ||
		!find_wide_leaf(target, root, read_node, arg, &wide) ||
		wide.score > WIDE_FARTHER * leaves->candidates[0].score)
		return;

	for (found = leaves->candidates; found < leaves->candidates + leaves->count; found++)
	{
		if (ItemPointerGetBlockNumberNoCheck(&found->pointer) ==
			ItemPointerGetBlockNumberNoCheck(&wide.pointer))
			break;
	}
	if (found == leaves->candidates + leaves->count)
	{
		AnnoyCollectorAdd(leaves, &wide);
		found = &leaves->candidates[leaves->count - 1];
	}
	memmove(leaves->candidates + 1, leaves->candidates,
			(char *) found - (char *) leaves->candidates);
	leaves->candidates[0] = wide;
}

/*
 * The spread of a leaf that has got the last of its `count' points, at the squared
 * distance `offset' from the centre.
 */
static float
spread_with(const AnnoyPointer *leaf, double offset, int count)
{
	double		spread = AnnoyPointerSpread(leaf);

	return AnnoyLeafSpread(spread * spread * spread * spread * (count - 1) + offset * offset,
						   count);
}

/*
 * After a leaf has got a point, as above, let spreads of the leaf and of the nodes
 * above it grow, if need be.  `leaves' are those that the descent has found, with the
 * spreads that they had; the path is that of the descent.  The caller holds no locks.
 */
void
AnnoyGrowSpread(Relation rel, const AnnoyIndex *index, int tree, BlockNumber leaf,
				const AnnoyCollector *leaves, double offset, int count,
				const AnnoyPath *path)
{
	BlockNumber block = leaf;
	bool		grows = false;
	double		spread = 0;
	float	   *centre;
	float	   *child_centre;

	if (index->metric != ANNOY_IP)
		return;

	/* for most points, this is all */
	for (int i = 0; i < leaves->count && !grows; i++)
	{
		const AnnoyPointer *pointer = &leaves->candidates[i].pointer;

		grows = ItemPointerGetBlockNumberNoCheck(pointer) == leaf &&
			AnnoySpreadOffset(index, spread_with(pointer, offset, count)) > pointer->ip_posid;
	}
	if (!grows)
		return;

	centre = palloc(sizeof(float) * index->space_dim);
	child_centre = palloc(sizeof(float) * index->space_dim);
	for (int level = 1; grows; level++)
	{
		Buffer		buffer = AnnoyFindParent(rel, index, tree, level, block, path);
		AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
		AnnoyEntry	entry;
		int			i = AnnoyNodeFindChild(index, node, block);

		AnnoyNodeGet(index, node, i, &entry);
		AnnoyNodeReadCentre(index, node, centre);
		if (level == 1)
			spread = spread_with(&entry.pointer, offset, count);
		else
			spread = sqrt(annoy_kernels->l2(child_centre, centre, index->space_dim) +
						  spread * spread);

		grows = AnnoySpreadOffset(index, spread) > entry.pointer.ip_posid;
		if (grows)
		{
			GenericXLogState *xlog = GenericXLogStart(rel);
			Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);

			entry.pointer.ip_posid = AnnoySpreadOffset(index, spread);
			AnnoyNodePut(index, page, i, &entry);
			GenericXLogFinish(xlog);
		}
		block = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
		memcpy(child_centre, centre, sizeof(float) * index->space_dim);
		grows = grows && block != AnnoyRootBlock(tree);
	}
	pfree(centre);
	pfree(child_centre);
}
