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
 * of a crash in between or of a split that has come first, recall suffers.  VACUUM
 * computes those of leaves anew when it adapts trees.
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

/* A spread that is less is noted if it is at most so much of that before. */
#define SPREAD_LESS			0.95f

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
 * Is a point that far from a node's centre, squared, an outlier there?
 */
bool
AnnoyIsOutlier(float distance2, const AnnoyPointer *pointer)
{
	float		reach = OUTLIER_SPREADS * AnnoyPointerSpread(pointer);

	return distance2 > reach * reach;
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

			if (scores[i] < leaf->score && !AnnoyIsOutlier(scores[i], &pointer))
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
		!AnnoyIsOutlier(leaves->candidates[0].score, &leaves->candidates[0].pointer) ||
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
 * Write a spread into a locked node's entry for a child.
 */
static void
put_spread(Relation rel, const AnnoyIndex *index, Buffer buffer, int i, double spread)
{
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	AnnoyEntry	entry;

	AnnoyNodeGet(index, AnnoyPageGetNode(page), i, &entry);
	entry.pointer.ip_posid = AnnoySpreadOffset(index, spread);
	AnnoyNodePut(index, page, i, &entry);
	GenericXLogFinish(xlog);
}

/*
 * The spread that a node has because of its child at i, which has that one.
 */
static double
spread_above(const AnnoyIndex *index, AnnoyNode node, int i, double spread)
{
	AnnoyEntry	entry;
	double		offset;

	AnnoyNodeGet(index, node, i, &entry);
	offset = entry.offset;
	/* take back what a node near the origin has in its offsets, 2 alpha S(c) */
	if ((node->flags & ANNOY_NODE_NEAR) != 0)
	{
		float	   *centre = palloc(sizeof(float) * 2 * index->space_dim);
		float	   *decoded = centre + index->space_dim;

		AnnoyNodeReadCentre(index, node, centre);
		AnnoyDecode(index, &index->inner, &entry, centre, decoded);
		offset -= 2 * annoy_kernels->dot_from(decoded, centre, centre, index->space_dim);
		pfree(centre);
	}
	return sqrt(Max(offset, 0) + spread * spread);
}

/*
 * A locked node's child at i has at least that spread: note it, if it is more than is
 * noted, and set *spread to what the node has because of that.  Returns whether it is.
 */
static bool
raise_spread(Relation rel, const AnnoyIndex *index, Buffer buffer, int i, double *spread)
{
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
	AnnoyPointer pointer = AnnoyNodePointer(index, node, i);

	if (AnnoySpreadOffset(index, *spread) <= pointer.ip_posid)
		return false;
	put_spread(rel, index, buffer, i, *spread);
	*spread = spread_above(index, node, i, *spread);
	return true;
}

/*
 * A node that is on a level has at least that spread: note it, and let those of the
 * nodes above grow, if need be.  The caller holds no locks.
 */
static void
grow_above(Relation rel, const AnnoyIndex *index, int tree, int level, BlockNumber block,
		   double spread, const AnnoyPath *path)
{
	bool		grows = true;

	while (grows && block != AnnoyRootBlock(tree))
	{
		Buffer		buffer = AnnoyFindParent(rel, index, tree, ++level, block, path,
											BUFFER_LOCK_EXCLUSIVE);
		AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

		grows = raise_spread(rel, index, buffer, AnnoyNodeFindChild(index, node, block), &spread);
		block = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
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
	bool		grows = false;
	double		spread;
	Buffer		buffer;
	BlockNumber block;
	AnnoyNode	node;
	AnnoyPointer pointer;
	int			i;

	if (index->metric != ANNOY_IP)
		return;

	/* for most points, this is all */
	for (int j = 0; j < leaves->count && !grows; j++)
	{
		const AnnoyPointer *found = &leaves->candidates[j].pointer;

		grows = ItemPointerGetBlockNumberNoCheck(found) == leaf &&
			AnnoySpreadOffset(index, spread_with(found, offset, count)) > found->ip_posid;
	}
	if (!grows)
		return;

	buffer = AnnoyFindParent(rel, index, tree, 1, leaf, path, BUFFER_LOCK_EXCLUSIVE);
	block = BufferGetBlockNumber(buffer);
	node = AnnoyPageGetNode(BufferGetPage(buffer));
	i = AnnoyNodeFindChild(index, node, leaf);
	pointer = AnnoyNodePointer(index, node, i);
	spread = spread_with(&pointer, offset, count);
	grows = raise_spread(rel, index, buffer, i, &spread);
	UnlockReleaseBuffer(buffer);
	if (grows)
		grow_above(rel, index, tree, 1, block, spread, path);
}

/*
 * The spread of a leaf has been computed anew: note it, and let those of the nodes above
 * grow, if need be.  A lesser one is noted only if the pointer to the leaf still is the
 * given one, which the caller has read before the leaf: otherwise a point may have come
 * meanwhile.  The path has the parent.  The caller holds no locks.
 */
void
AnnoySetSpread(Relation rel, const AnnoyIndex *index, int tree, BlockNumber leaf,
			   double spread, const AnnoyPointer *wider, const AnnoyPath *path)
{
	Buffer		buffer = AnnoyFindParent(rel, index, tree, 1, leaf, path, BUFFER_LOCK_EXCLUSIVE);
	BlockNumber block = BufferGetBlockNumber(buffer);
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
	int			i = AnnoyNodeFindChild(index, node, leaf);
	AnnoyPointer pointer = AnnoyNodePointer(index, node, i);
	bool		grows = raise_spread(rel, index, buffer, i, &spread);

	if (!grows && wider != NULL && wider->ip_posid == pointer.ip_posid &&
		spread < SPREAD_LESS * AnnoyPointerSpread(&pointer))
		put_spread(rel, index, buffer, i, spread);
	UnlockReleaseBuffer(buffer);
	if (grows)
		grow_above(rel, index, tree, 1, block, spread, path);
}
