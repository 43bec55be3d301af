/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Splitting a full node.
 *
 * A split is planned on a copy of the page, without any lock: the points below
 * it are read and divided by 2-means, and both halves are encoded into new page
 * images.  Then the parent and the page are locked, in this order, and if the
 * page has not changed meanwhile, page, new sibling and parent change in one
 * WAL record.  If the parent is full it is split first.
 *
 * A leaf is divided together with its nearest sibling, if that will do: two
 * leaves become three.
 *
 * The root stays where it is: when it is full, two new nodes take its contents
 * and it becomes their parent, with the metapage's leftmost link as the fourth
 * page of the record.
 *
 * src/README says why this finds parents and does not deadlock.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/split.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "error.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* Neither half of a split node gets less than this part. */
#define MIN_PART		0.3

/* When two are divided in three, none gets fuller than this. */
#define THREE_FILL		0.65

/* So many nodes that were split from one are looked at, before all are. */
#define MAX_RIGHT_MOVES	16

/* After so many vain attempts with a neighbour, a leaf is split by itself. */
#define NEIGHBOUR_TRIES	3

/* A planned split of a node. */
typedef struct SplitPlan
{
	int			tree;
	int			level;
	uint32		changes;		/* of the page the plan was made for */
	float	   *left_centre;
	float	   *right_centre;
	bool		is_root;
	float	   *centre;			/* of both together, for a root */
	PGAlignedBlock left;
	PGAlignedBlock right;

	/* a sibling that takes part, or invalid */
	int			tries;			/* attempts with one that are left */
	BlockNumber neighbour;
	uint32		neighbour_changes;
	float	   *neighbour_centre;
	PGAlignedBlock neighbour_page;
} SplitPlan;

/*
 * Fill a page with a node that has the given points as entries: their
 * centre becomes the node's, and is returned in its quantised form.  points[] and
 * pointers[] are indexed by the elements of order[].  A leaf whose entries are
 * all the same is marked as uniform.
 */
void
AnnoyFillNode(const AnnoyIndex *index, Page page, int tree, int level,
			  const float *points, const int *order, int count,
			  const AnnoyPointer *pointers, float *centre)
{
	const AnnoyCodec *codec = level == 0 ? &index->leaf : &index->inner;
	AnnoyEntry	entry;
	double		offsets = 0;
	bool		uniform = level == 0 && count > 1;

	Assert(count <= codec->capacity);

	/* an inner node may have far clusters below it, in any proportion */
	if (level > 0)
		AnnoyRobustCentre(points, index->space_dim, order, count, centre);
	else
		AnnoyCentre(points, index->space_dim, order, count, centre);
	AnnoyNodeInit(page, index, tree, level, centre);
	for (int i = 0; i < count; i++)
		offsets += annoy_kernels->l2(points + (Size) order[i] * index->space_dim, centre,
									 index->space_dim);
	AnnoyNodeSetNear(AnnoyPageGetNode(page), offsets / Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		AnnoyEncode(index, codec,
					points + (Size) order[i] * index->space_dim, centre, &entry);
		entry.pointer = pointers[order[i]];
		AnnoyNodeAppend(index, page, &entry);
		uniform = uniform && AnnoyNodeSameCode(index, AnnoyPageGetNode(page), 0, i);
	}
	if (uniform)
		AnnoyPageGetNode(page)->flags |= ANNOY_NODE_UNIFORM;
}

/*
 * Read the point that an entry of a node stands for: of a leaf, the item; of
 * an inner node, the child's centre.  Returns false if the item is gone, which
 * it may be if VACUUM has removed the entry since the page was copied.
 */
static bool
read_point(Relation rel, const AnnoyIndex *index, AnnoyItemReader *reader,
		   int level, const AnnoyPointer *pointer, float *point)
{
	if (level == 0)
	{
		AnnoyItem	item;

		AnnoyItemFetch(reader, AnnoyItemPin(reader, pointer), pointer, &item);
		if (item.vector.data != NULL)
		{
			AnnoyCheckVector(rel, pointer, &item.vector);
			AnnoyMapItem(index, &item.vector, point);
		}
		AnnoyItemRelease(reader);
		return item.vector.data != NULL;
	}
	else
	{
		Buffer		buffer = AnnoyReadBuffer(rel, ItemPointerGetBlockNumberNoCheck(pointer),
											 NULL);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		AnnoyCheckNode(rel, index, buffer);
		AnnoyNodeReadCentre(index, AnnoyPageGetNode(BufferGetPage(buffer)), point);
		UnlockReleaseBuffer(buffer);
		return true;
	}
}

/*
 * Read the points that the entries of a copied node stand for.  Returns false
 * if an item is gone.
 */
static bool
read_points(Relation rel, const AnnoyIndex *index, AnnoyNode node,
			float *points, AnnoyPointer *pointers)
{
	AnnoyItemReader reader;
	bool		found = true;

	AnnoyItemReaderInit(&reader, rel, index, NULL);
	for (int i = 0; i < node->count && found; i++)
	{
		pointers[i] = *AnnoyNodePointer(index, node, i);
		found = read_point(rel, index, &reader, node->level, &pointers[i],
						   points + (Size) i * index->space_dim);
	}
	AnnoyItemReaderEnd(&reader);
	return found;
}

/*
 * Plan to divide a leaf and its neighbour in three.  points[] has those of the
 * leaf, of which the first `first' of order[] are the left half of a plain
 * split; then those of the neighbour.  Returns false if that gives no three
 * parts of reasonable size.
 */
static bool
plan_three(const AnnoyIndex *index, AnnoyNode node, AnnoyNode neighbour,
		   const float *points, const AnnoyPointer *pointers, int *order,
		   int first, SplitPlan *plan)
{
	int			dim = index->space_dim;
	int			count = node->count + neighbour->count;
	int		   *part = palloc(sizeof(int) * count);
	float	   *centres = palloc(sizeof(float) * 3 * dim);
	int			starts[4] = {0};
	bool		fits;

	AnnoyMean(points, dim, order, first, centres);
	AnnoyMean(points, dim, order + first, node->count - first, centres + dim);
	AnnoyNodeReadCentre(index, neighbour, centres + 2 * dim);
	fits = AnnoyRefineParts(points, dim, count, 3, centres, part, count / 8,
							index->leaf.capacity * THREE_FILL);
	if (fits)
	{
		int			n = 0;

		for (int j = 0; j < 3; j++)
		{
			starts[j] = n;
			for (int i = 0; i < count; i++)
			{
				if (part[i] == j)
					order[n++] = i;
			}
		}
		starts[3] = n;
		AnnoyFillNode(index, plan->left.data, node->tree, 0, points,
					  order, starts[1], pointers, plan->left_centre);
		AnnoyFillNode(index, plan->right.data, node->tree, 0, points,
					  order + starts[1], starts[2] - starts[1], pointers,
					  plan->right_centre);
		AnnoyFillNode(index, plan->neighbour_page.data, node->tree, 0, points,
					  order + starts[2], count - starts[2], pointers,
					  plan->neighbour_centre);
	}
	pfree(part);
	pfree(centres);
	return fits;
}

/*
 * Plan the split of a copied node, together with a copied neighbour unless that
 * is NULL.  Returns false if an item is gone.
 *
 * A full page changes only by being split or vacuumed, and its children's
 * centres only by a change of this page; so if the page still has the same
 * change count when it is locked, what was read here is still true.
 */
static bool
plan_split(Relation rel, const AnnoyIndex *index, Page page, Page neighbour,
		   SplitPlan *plan)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	int			dim = index->space_dim;
	int			count = node->count;
	int			allocated = count;
	float	   *points;
	AnnoyPointer *pointers;
	int		   *order;
	AnnoyRandom random = index->seed ^ node->changes;
	int			first;
	bool		found;

	if (neighbour != NULL)
		allocated += AnnoyPageGetNode(neighbour)->count;
	points = palloc_extended(sizeof(float) * dim * allocated, MCXT_ALLOC_HUGE);
	pointers = palloc(sizeof(AnnoyPointer) * allocated);
	order = palloc(sizeof(int) * allocated);

	plan->tree = node->tree;
	plan->level = node->level;
	plan->changes = node->changes;

	found = read_points(rel, index, node, points, pointers);
	if (found)
	{
		for (int i = 0; i < count; i++)
			order[i] = i;
		/* of use for a root only, which keeps it for a long time */
		if (plan->is_root)
			AnnoyRobustCentre(points, dim, order, count, plan->centre);
		first = AnnoyTwoMeans(points, dim, order, count, Max(count * MIN_PART, 1), 0, &random,
							  NULL, NULL);
		if (first == 0)
		{
			first = count / 2;	/* nothing to choose between them */
			neighbour = NULL;
		}
		if (neighbour == NULL ||
			!read_points(rel, index, AnnoyPageGetNode(neighbour),
						 points + (Size) count * dim, pointers + count) ||
			!plan_three(index, node, AnnoyPageGetNode(neighbour), points, pointers,
						order, first, plan))
		{
			plan->neighbour = InvalidBlockNumber;
			AnnoyFillNode(index, plan->left.data, node->tree, node->level, points,
						  order, first, pointers, plan->left_centre);
			AnnoyFillNode(index, plan->right.data, node->tree, node->level, points,
						  order + first, count - first, pointers, plan->right_centre);
		}
	}
	pfree(points);
	pfree(pointers);
	pfree(order);
	return found;
}

/* Write an entry for a child into an inner node: replace entry i, or append. */
static void
put_child(const AnnoyIndex *index, Page page, int i, const float *child_centre,
		  const float *centre, BlockNumber child)
{
	AnnoyEntry	entry;

	AnnoyEncode(index, &index->inner, child_centre, centre, &entry);
	ItemPointerSet(&entry.pointer, child, InvalidOffsetNumber);
	if (i >= 0)
		AnnoyNodePut(index, page, i, &entry);
	else
		AnnoyNodeAppend(index, page, &entry);
}

/*
 * Split the root: its contents go to two new children.  Returns false if the
 * root has changed since the plan was made.
 */
static bool
split_root(Relation rel, const AnnoyIndex *index, SplitPlan *plan)
{
	BlockNumber root_block = AnnoyRootBlock(plan->tree);
	Buffer		root = ReadBuffer(rel, root_block);
	Buffer		left;
	Buffer		right;
	Buffer		meta_buffer;
	GenericXLogState *state;
	Page		page;
	AnnoyNode	node;
	AnnoyNodeData old;
	AnnoyMetaPage meta;

	LockBuffer(root, BUFFER_LOCK_EXCLUSIVE);
	AnnoyCheckNode(rel, index, root);
	old = *AnnoyPageGetNode(BufferGetPage(root));
	if (old.changes != plan->changes)
	{
		UnlockReleaseBuffer(root);
		return false;
	}
	if (old.level + 1 >= ANNOY_MAX_LEVEL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tree %d of index \"%s\" cannot have more than %d levels",
						plan->tree, RelationGetRelationName(rel), ANNOY_MAX_LEVEL),
				 errhint("Please REINDEX it.")));

	left = AnnoyNodeExtend(rel);
	right = AnnoyNodeExtend(rel);
	meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);

	state = GenericXLogStart(rel);

	page = GenericXLogRegisterBuffer(state, left, GENERIC_XLOG_FULL_IMAGE);
	memcpy(page, plan->left.data, BLCKSZ);
	node = AnnoyPageGetNode(page);
	node->right = BufferGetBlockNumber(right);
	node->child_nsn = old.child_nsn;

	page = GenericXLogRegisterBuffer(state, right, GENERIC_XLOG_FULL_IMAGE);
	memcpy(page, plan->right.data, BLCKSZ);
	node = AnnoyPageGetNode(page);
	node->child_nsn = old.child_nsn;

	page = GenericXLogRegisterBuffer(state, root, 0);
	AnnoyNodeInit(page, index, plan->tree, old.level + 1, plan->centre);
	put_child(index, page, -1, plan->left_centre, plan->centre,
			  BufferGetBlockNumber(left));
	put_child(index, page, -1, plan->right_centre, plan->centre,
			  BufferGetBlockNumber(right));
	node = AnnoyPageGetNode(page);
	node->child_nsn = old.child_nsn;
	node->changes = old.changes + 1;

	page = GenericXLogRegisterBuffer(state, meta_buffer, 0);
	meta = AnnoyPageGetMeta(page);
	meta->leftmost[plan->tree][old.level] = BufferGetBlockNumber(left);
	meta->leftmost[plan->tree][old.level + 1] = root_block;

	GenericXLogFinish(state);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(right);
	UnlockReleaseBuffer(left);
	UnlockReleaseBuffer(root);
	return true;
}

/*
 * Lock a node exclusively if it is on that level and has the entry for a child.
 * Otherwise returns false, with the buffer locked one way or the other.
 */
static bool
lock_parent(Relation rel, const AnnoyIndex *index, Buffer buffer, int level,
			BlockNumber child)
{
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckNode(rel, index, buffer);
	if (node->level != level || AnnoyNodeFindChild(index, node, child) < 0)
		return false;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	return node->level == level && AnnoyNodeFindChild(index, node, child) >= 0;
}

/*
 * Look for the parent of a child in a node that was read on the way down, and in
 * what was split from it since.  The result is that of find_parent, or an
 * invalid buffer.
 */
static Buffer
find_parent_from(Relation rel, const AnnoyIndex *index, BlockNumber block,
				 uint32 nsn, int level, BlockNumber child)
{
	for (int i = 0; i < MAX_RIGHT_MOVES && block != InvalidBlockNumber; i++)
	{
		Buffer		buffer = AnnoyReadBuffer(rel, block, NULL);
		AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

		if (lock_parent(rel, index, buffer, level, child))
			return buffer;
		block = node->level == level && node->nsn > nsn ? node->right :
			InvalidBlockNumber;
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/*
 * Find the node one level up that has the entry for a child.  Returns its
 * buffer, locked exclusively.  The caller holds no locks.
 *
 * Usually it is on the path, which tells only where to look first.  If not,
 * entries of inner nodes move to the right only, so one walk from the left finds
 * the parent, whatever is split meanwhile; except that the root may gain a level
 * while we look at it, in which case we start again.
 */
static Buffer
find_parent(Relation rel, const AnnoyIndex *index, int tree, int level,
			BlockNumber child, const AnnoyPath *path)
{
	BlockNumber block;
	BlockNumber steps = 0;
	BlockNumber nblocks = 0;

	for (int i = 0; level < ANNOY_MAX_LEVEL && i < path->count[level]; i++)
	{
		Buffer		buffer = find_parent_from(rel, index, path->block[level][i],
											  path->nsn[level][i], level, child);

		if (BufferIsValid(buffer))
			return buffer;
	}

	block = level < ANNOY_MAX_LEVEL ? AnnoyLeftmostNode(rel, tree, level) :
		InvalidBlockNumber;
	while (block != InvalidBlockNumber)
	{
		Buffer		buffer;
		AnnoyNode	node;

		/* more steps than pages: right links or levels are corrupted */
		if (++steps > nblocks)
		{
			nblocks = RelationGetNumberOfBlocks(rel);
			if (steps > nblocks)
				break;
		}

		CHECK_FOR_INTERRUPTS();

		buffer = AnnoyReadBuffer(rel, block, NULL);
		node = AnnoyPageGetNode(BufferGetPage(buffer));
		if (lock_parent(rel, index, buffer, level, child))
			return buffer;
		if (node->level == level)
			block = node->right;
		else
			block = AnnoyLeftmostNode(rel, tree, level);
		UnlockReleaseBuffer(buffer);
	}

	AnnoyReportCorruption(rel, child, "No node on level %d of tree %d has an entry for this one.",
						  level, tree);
}

/*
 * Lock a node for a planned split.  Returns false if it has changed since.
 */
static bool
lock_unchanged(Relation rel, const AnnoyIndex *index, Buffer buffer,
			   uint32 changes)
{
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	AnnoyCheckNode(rel, index, buffer);
	return AnnoyPageGetNode(BufferGetPage(buffer))->changes == changes;
}

/*
 * Put a planned page in the place of an old one, which keeps its links.
 */
static AnnoyNode
replace_node(GenericXLogState *state, Buffer buffer, Page planned)
{
	Page		page = GenericXLogRegisterBuffer(state, buffer, 0);
	AnnoyNode	node = AnnoyPageGetNode(page);
	AnnoyNodeData old = *node;

	memcpy(page, planned, BLCKSZ);
	node->right = old.right;
	node->nsn = old.nsn;
	node->child_nsn = old.child_nsn;
	node->changes = old.changes + 1;
	return node;
}

/*
 * Split a node below its locked parent, which has room.  Returns false if the
 * node, or the neighbour, has changed since the plan was made, or if VACUUM is
 * dropping entries, which must not move to a leaf that it has passed.
 */
static bool
split_below(Relation rel, const AnnoyIndex *index, SplitPlan *plan,
			BlockNumber block, Buffer parent)
{
	bool		three = plan->neighbour != InvalidBlockNumber;
	Buffer		left = ReadBuffer(rel, block);
	Buffer		neighbour = three ? ReadBuffer(rel, plan->neighbour) : InvalidBuffer;
	Buffer		right;
	GenericXLogState *state;
	Page		page;
	AnnoyNode	node;
	AnnoyNode	parent_node = AnnoyPageGetNode(BufferGetPage(parent));
	AnnoyNodeData old;
	float	   *centre = plan->centre;	/* not needed below the root */
	bool		unchanged = true;

	/* siblings are locked in the order of blocks */
	if (three && plan->neighbour < block)
		unchanged = lock_unchanged(rel, index, neighbour, plan->neighbour_changes);
	unchanged = lock_unchanged(rel, index, left, plan->changes) && unchanged;
	if (three && plan->neighbour > block)
		unchanged = lock_unchanged(rel, index, neighbour, plan->neighbour_changes) && unchanged;
	if (three && unchanged &&
		AnnoyNodeFindChild(index, parent_node, plan->neighbour) < 0)
		unchanged = false;
	if (three && unchanged && AnnoyGetVacuumPhase(rel, NULL) == ANNOY_VACUUM_DROPS)
	{
		/* which lasts until a VACUUM has done so: do not wait for it */
		plan->tries = 0;
		unchanged = false;
	}
	if (!unchanged)
	{
		UnlockReleaseBuffer(left);
		if (three)
			UnlockReleaseBuffer(neighbour);
		return false;
	}
	old = *AnnoyPageGetNode(BufferGetPage(left));
	right = AnnoyNodeExtend(rel);

	state = GenericXLogStart(rel);

	page = GenericXLogRegisterBuffer(state, parent, 0);
	parent_node = AnnoyPageGetNode(page);
	AnnoyNodeReadCentre(index, parent_node, centre);
	put_child(index, page, AnnoyNodeFindChild(index, parent_node, block),
			  plan->left_centre, centre, block);
	if (three)
		put_child(index, page, AnnoyNodeFindChild(index, parent_node, plan->neighbour),
				  plan->neighbour_centre, centre, plan->neighbour);
	put_child(index, page, -1, plan->right_centre, centre,
			  BufferGetBlockNumber(right));
	parent_node->child_nsn++;

	node = replace_node(state, left, plan->left.data);
	node->right = BufferGetBlockNumber(right);
	node->nsn = parent_node->child_nsn;
	if (three)
		(void) replace_node(state, neighbour, plan->neighbour_page.data);

	page = GenericXLogRegisterBuffer(state, right, GENERIC_XLOG_FULL_IMAGE);
	memcpy(page, plan->right.data, BLCKSZ);
	node = AnnoyPageGetNode(page);
	node->right = old.right;
	node->nsn = old.nsn;
	node->child_nsn = old.child_nsn;

	GenericXLogFinish(state);
	UnlockReleaseBuffer(right);
	if (three)
		UnlockReleaseBuffer(neighbour);
	UnlockReleaseBuffer(left);
	return true;
}

/*
 * Find the sibling of a leaf that is nearest to it, among those with the same
 * parent, and copy it.  Returns false if none will do.
 */
static bool
choose_neighbour(Relation rel, const AnnoyIndex *index, BlockNumber block,
				 AnnoyNode node, const AnnoyPath *path, SplitPlan *plan,
				 Page copy)
{
	Buffer		parent = find_parent(rel, index, node->tree, 1, block, path);
	AnnoyNode	parent_node = AnnoyPageGetNode(copy);
	AnnoyNode	sibling;
	AnnoyTarget target;
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	float		best = INFINITY;
	int			nhits;

	memcpy(copy, BufferGetPage(parent), BLCKSZ);
	UnlockReleaseBuffer(parent);

	AnnoyTargetInit(&target, index, false);
	AnnoyNodeReadCentre(index, node, target.x);
	AnnoyTargetSet(&target);
	nhits = AnnoyNodeScore(&target, parent_node, 0, INFINITY, hits, scores);
	plan->neighbour = InvalidBlockNumber;
	for (int i = 0; i < nhits; i++)
	{
		BlockNumber child = ItemPointerGetBlockNumberNoCheck(AnnoyNodePointer(index, parent_node, hits[i]));

		/* no root has a parent, but a damaged pointer may lead there */
		if (child != block && child >= AnnoyRootBlock(index->n_trees) &&
			scores[i] < best)
		{
			plan->neighbour = child;
			best = scores[i];
		}
	}
	if (plan->neighbour == InvalidBlockNumber)
		return false;

	AnnoyCopyNode(rel, index, plan->neighbour, copy);
	sibling = AnnoyPageGetNode(copy);
	plan->neighbour_changes = sibling->changes;
	if (sibling->tree == node->tree && sibling->level == 0 &&
		(sibling->flags & ANNOY_NODE_UNIFORM) == 0 && sibling->count > 0)
		return true;
	plan->neighbour = InvalidBlockNumber;
	return false;
}

/*
 * Split a node if it is full.  The caller holds no locks.  The path is that of
 * the caller's descent to the node.
 */
void
AnnoySplitNode(Relation rel, const AnnoyIndex *index, BlockNumber block,
			   const AnnoyPath *path)
{
	SplitPlan  *plan = palloc(sizeof(SplitPlan));
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	PGAlignedBlock *sibling = palloc(sizeof(PGAlignedBlock));
	bool		done = false;
	bool		failed = false;
	uint32		failed_changes = 0;

	Assert(index->has_space);
	plan->tries = NEIGHBOUR_TRIES;
	plan->left_centre = palloc(sizeof(float) * index->space_dim);
	plan->right_centre = palloc(sizeof(float) * index->space_dim);
	plan->neighbour_centre = palloc(sizeof(float) * index->space_dim);
	plan->centre = palloc(sizeof(float) * index->space_dim);

	while (!done)
	{
		AnnoyNode	node = AnnoyPageGetNode(copy->data);
		Page		neighbour = NULL;

		CHECK_FOR_INTERRUPTS();

		AnnoyCopyNode(rel, index, block, copy->data);

		/* somebody else may have split it */
		if (!AnnoyNodeIsFull(index, node))
			break;

		plan->is_root = block == AnnoyRootBlock(node->tree);
		plan->neighbour = InvalidBlockNumber;
		if (node->level == 0 && (node->flags & ANNOY_NODE_UNIFORM) == 0 &&
			!plan->is_root && plan->tries-- > 0 &&
			choose_neighbour(rel, index, block, node, path, plan, sibling->data))
			neighbour = sibling->data;
		if (!plan_split(rel, index, copy->data, neighbour, plan))
		{
			/* VACUUM has come in between, unless the page is as it was */
			if (failed && failed_changes == node->changes)
				AnnoyReportCorruption(rel, block, "An entry points to an item that does not exist.");
			failed = true;
			failed_changes = node->changes;
			continue;
		}
		if (plan->is_root)
			done = split_root(rel, index, plan);
		else
		{
			Buffer		parent = find_parent(rel, index, node->tree,
											 node->level + 1, block, path);
			AnnoyNode	parent_node = AnnoyPageGetNode(BufferGetPage(parent));

			if (!AnnoyNodeIsFull(index, parent_node))
			{
				done = split_below(rel, index, plan, block, parent);
				UnlockReleaseBuffer(parent);
			}
			else
			{
				BlockNumber parent_block = BufferGetBlockNumber(parent);

				UnlockReleaseBuffer(parent);
				AnnoySplitNode(rel, index, parent_block, path);
			}
		}
	}

	pfree(plan->left_centre);
	pfree(plan->right_centre);
	pfree(plan->neighbour_centre);
	pfree(plan->centre);
	pfree(plan);
	pfree(copy);
	pfree(sibling);
}
