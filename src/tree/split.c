/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Splitting a full node.
 *
 * When the split has been planned (plan.c), there is a new page.  Then the parent
 * (parent.c) and the node are locked, in this order.  If the node has not changed
 * meanwhile, node, new sibling and parent change in one WAL record.  If it has, the
 * new page becomes a free one, which is rare, as a look comes before.  If the parent is
 * full it is split first.
 *
 * All searches read nodes above leaves, so these are locked exclusively for no longer
 * than the record takes.  Adding a page to a file takes longer than all else.
 *
 * The root stays where it is: when it is full, two new nodes take its contents
 * and it becomes their parent, with the metapage's leftmost link as the fourth
 * page of the record.
 *
 * If a sibling of the leaf has no entries any more, it takes the place of the new one,
 * and stays where it is in the chain of right links.
 *
 * When a leaf has been split, the leaves around exchange entries with the new ones
 * (move.c), in records of their own.
 *
 * src/README says why this does not deadlock.
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
#include "space/space.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* After so many vain attempts with a neighbour, a leaf is split by itself. */
#define NEIGHBOUR_TRIES	3

/* Write an entry for a child into an inner node: replace entry i, or append. */
static void
put_child(const AnnoyIndex *index, Page page, int i, const float *child_centre,
		  OffsetNumber child_spread, const float *centre, BlockNumber child)
{
	AnnoyEntry	entry = {0};

	AnnoyEncode(index, &index->inner, child_centre, centre, &entry);
	ItemPointerSet(&entry.pointer, child, child_spread);
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
split_root(Relation rel, const AnnoyIndex *index, AnnoySplitPlan *plan)
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
	node->flags |= old.flags & ANNOY_NODE_EMPTY_CHILD;

	page = GenericXLogRegisterBuffer(state, right, GENERIC_XLOG_FULL_IMAGE);
	memcpy(page, plan->right.data, BLCKSZ);
	node = AnnoyPageGetNode(page);
	node->child_nsn = old.child_nsn;
	node->flags |= old.flags & ANNOY_NODE_EMPTY_CHILD;

	page = GenericXLogRegisterBuffer(state, root, 0);
	AnnoyNodeInit(page, index, plan->tree, old.level + 1, plan->centre);
	put_child(index, page, -1, plan->left_centre, plan->left_spread, plan->centre,
			  BufferGetBlockNumber(left));
	put_child(index, page, -1, plan->right_centre, plan->right_spread, plan->centre,
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

static bool
lock_unchanged(Relation rel, const AnnoyIndex *index, Buffer buffer, uint32 changes,
			   int mode)
{
	LockBuffer(buffer, mode);
	AnnoyCheckNode(rel, index, buffer);
	return AnnoyPageGetNode(BufferGetPage(buffer))->changes == changes;
}

/*
 * Lock a node that a change was planned for, when its change counter was `changes'.
 * Returns false if it has changed since.
 */
bool
AnnoyLockUnchanged(Relation rel, const AnnoyIndex *index, Buffer buffer,
				   uint32 changes)
{
	return lock_unchanged(rel, index, buffer, changes, BUFFER_LOCK_EXCLUSIVE);
}

/*
 * Put a planned page in the place of an old one, which keeps its links.  There is
 * nothing to be gained by comparing the two.
 */
static AnnoyNode
replace_node(GenericXLogState *state, Buffer buffer, Page planned)
{
	Page		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
	AnnoyNode	node = AnnoyPageGetNode(page);
	AnnoyNodeData old = *node;

	memcpy(page, planned, BLCKSZ);
	node->right = old.right;
	node->nsn = old.nsn;
	node->child_nsn = old.child_nsn;
	node->changes = old.changes + 1;
	node->flags |= old.flags & ANNOY_NODE_EMPTY_CHILD;
	return node;
}

/* A node that a split changes, besides the parent and the new one. */
typedef struct Part
{
	BlockNumber block;
	uint32		changes;		/* as it was when the split was planned */
	Buffer		buffer;			/* invalid before it is locked */
} Part;

static void
add_part(Part *parts, int *n, BlockNumber block, uint32 changes)
{
	parts[*n].block = block;
	parts[*n].changes = changes;
	parts[(*n)++].buffer = InvalidBuffer;
}

/*
 * May entries go from one to another of so many parts?
 */
static bool
may_move(Relation rel, int n, AnnoySplitPlan *plan)
{
	if (n == 1 || AnnoyGetVacuumPhase(rel) != ANNOY_VACUUM_DROPS)
		return true;
	/* which lasts until a VACUUM has done so: do not wait for it */
	plan->tries = 0;
	return false;
}

/*
 * Look, before there is a new page for it, whether a split will be made, most likely.
 */
static bool
seems_possible(Relation rel, const AnnoyIndex *index, const Part *parts, int n,
			   AnnoySplitPlan *plan)
{
	for (int i = 0; i < n; i++)
	{
		Buffer		buffer = ReadBuffer(rel, parts[i].block);
		bool		unchanged = lock_unchanged(rel, index, buffer, parts[i].changes,
											   BUFFER_LOCK_SHARE);

		UnlockReleaseBuffer(buffer);
		if (!unchanged)
			return false;
	}
	return may_move(rel, n, plan);
}

/*
 * Lock the parent of a split, which must have room, and the parts, in the order of
 * blocks.  Returns false if the parent is full now or a part is no child of it any more,
 * if a part has changed since it was planned, or if entries must not go from one to
 * another.
 */
static bool
lock_parts(Relation rel, const AnnoyIndex *index, Buffer parent, Part *parts, int n,
		   AnnoySplitPlan *plan)
{
	AnnoyNode	parent_node = AnnoyPageGetNode(BufferGetPage(parent));
	bool		locked[ANNOY_SPLIT_LEAVES] = {false};
	bool		unchanged;

	LockBuffer(parent, BUFFER_LOCK_EXCLUSIVE);
	AnnoyCheckNode(rel, index, parent);
	unchanged = !AnnoyNodeIsFull(index, parent_node);
	for (int i = 0; i < n; i++)
		unchanged = unchanged &&
			AnnoyNodeFindChild(index, parent_node, parts[i].block) >= 0;

	for (int i = 0; i < n && unchanged; i++)
	{
		int			next = -1;

		for (int j = 0; j < n; j++)
		{
			if (!locked[j] && (next < 0 || parts[j].block < parts[next].block))
				next = j;
		}
		locked[next] = true;
		parts[next].buffer = ReadBuffer(rel, parts[next].block);
		unchanged = AnnoyLockUnchanged(rel, index, parts[next].buffer,
									   parts[next].changes);
	}
	return unchanged && may_move(rel, n, plan);
}

/*
 * Give back the locks of lock_parts(), which may have stopped at any of them.  That of
 * the parent is the first: to wake who waits for a leaf may cost us the processor.
 */
static void
unlock_parts(Buffer parent, const Part *parts, int n)
{
	LockBuffer(parent, BUFFER_LOCK_UNLOCK);
	for (int i = 0; i < n; i++)
	{
		if (BufferIsValid(parts[i].buffer))
			UnlockReleaseBuffer(parts[i].buffer);
	}
}

/*
 * Split a node below its parent, which is pinned.  Returns false if the parent is full,
 * or no parent any more, if the node, or a sibling that takes part, has changed since
 * the plan was made, or if VACUUM is dropping entries, which must not move to a leaf
 * that it has passed.
 */
static bool
split_below(Relation rel, const AnnoyIndex *index, AnnoySplitPlan *plan,
			BlockNumber block, Buffer parent)
{
	bool		three = plan->neighbour != InvalidBlockNumber;
	bool		reuses = plan->empty != InvalidBlockNumber;
	Part		parts[ANNOY_SPLIT_LEAVES];
	int			n = 0;
	Buffer		right = InvalidBuffer;
	GenericXLogState *state;
	Page		page;
	AnnoyNode	node;
	AnnoyNode	parent_node;
	AnnoyNodeData old;
	float	   *centre = plan->centre;	/* not needed below the root */

	add_part(parts, &n, block, plan->changes);
	if (three)
		add_part(parts, &n, plan->neighbour, plan->neighbour_changes);
	if (reuses)
		add_part(parts, &n, plan->empty, plan->empty_changes);
	else
	{
		if (!seems_possible(rel, index, parts, n, plan))
			return false;
		right = AnnoyNodeExtend(rel);
	}
	state = GenericXLogStart(rel);
	if (!lock_parts(rel, index, parent, parts, n, plan))
	{
		unlock_parts(parent, parts, n);
		GenericXLogAbort(state);
		if (!reuses)
		{
			/* others were quicker than it has taken to get the page */
			AnnoyFreePage(rel, right);
			UnlockReleaseBuffer(right);
		}
		return false;
	}
	old = *AnnoyPageGetNode(BufferGetPage(parts[0].buffer));
	if (reuses)
		right = parts[n - 1].buffer;
	plan->right_block = BufferGetBlockNumber(right);

	page = GenericXLogRegisterBuffer(state, parent, 0);
	parent_node = AnnoyPageGetNode(page);
	AnnoyNodeReadCentre(index, parent_node, centre);
	put_child(index, page, AnnoyNodeFindChild(index, parent_node, block),
			  plan->left_centre, plan->left_spread, centre, block);
	if (three)
		put_child(index, page, AnnoyNodeFindChild(index, parent_node, plan->neighbour),
				  plan->neighbour_centre, plan->neighbour_spread, centre,
				  plan->neighbour);
	put_child(index, page,
			  reuses ? AnnoyNodeFindChild(index, parent_node, plan->empty) : -1,
			  plan->right_centre, plan->right_spread, centre, plan->right_block);
	if (plan->none_empty)
		parent_node->flags &= ~ANNOY_NODE_EMPTY_CHILD;

	node = replace_node(state, parts[0].buffer, plan->left.data);
	if (three)
		(void) replace_node(state, parts[1].buffer, plan->neighbour_page.data);
	if (reuses)
		(void) replace_node(state, right, plan->right.data);
	else
	{
		parent_node->child_nsn++;
		node->right = plan->right_block;
		node->nsn = parent_node->child_nsn;

		page = GenericXLogRegisterBuffer(state, right, GENERIC_XLOG_FULL_IMAGE);
		memcpy(page, plan->right.data, BLCKSZ);
		node = AnnoyPageGetNode(page);
		node->right = old.right;
		node->nsn = old.nsn;
		node->child_nsn = old.child_nsn;
		node->flags |= old.flags & ANNOY_NODE_EMPTY_CHILD;
	}

	GenericXLogFinish(state);
	unlock_parts(parent, parts, n);
	if (!reuses)
		UnlockReleaseBuffer(right);
	return true;
}

/*
 * Find a sibling of a leaf that has no entries, among those with the same parent, if
 * that says that there are such.  The page is work space.
 */
static void
choose_empty(Relation rel, const AnnoyIndex *index, BlockNumber block, AnnoyNode node,
			 const AnnoyPath *path, AnnoySplitPlan *plan, Page page)
{
	Buffer		parent = AnnoyFindParent(rel, index, node->tree, 1, block, path,
										 BUFFER_LOCK_SHARE);
	AnnoyNode	parent_node = AnnoyPageGetNode(page);

	memcpy(page, BufferGetPage(parent), BLCKSZ);
	UnlockReleaseBuffer(parent);
	if ((parent_node->flags & ANNOY_NODE_EMPTY_CHILD) == 0)
		return;
	for (int i = 0; i < parent_node->count && plan->empty == InvalidBlockNumber; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, parent_node, i);
		BlockNumber child = ItemPointerGetBlockNumberNoCheck(&pointer);
		Buffer		buffer;
		AnnoyNode	child_node;

		/* no root has a parent, but a damaged pointer may lead there */
		if (child == block || child < AnnoyRootBlock(index->n_trees))
			continue;
		buffer = AnnoyReadBuffer(rel, child, NULL);
		child_node = AnnoyPageGetNode(BufferGetPage(buffer));
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		AnnoyCheckNode(rel, index, buffer);
		if (child_node->tree == node->tree && child_node->level == 0 &&
			child_node->count == 0)
		{
			plan->empty = child;
			plan->empty_changes = child_node->changes;
		}
		UnlockReleaseBuffer(buffer);
	}
	plan->none_empty = plan->empty == InvalidBlockNumber;
}

/*
 * Find the sibling of a leaf that is nearest to it, among those with the same
 * parent, and copy it.  Returns false if none will do.
 */
static bool
choose_neighbour(Relation rel, const AnnoyIndex *index, BlockNumber block,
				 AnnoyNode node, const AnnoyPath *path, AnnoySplitPlan *plan,
				 Page copy)
{
	Buffer		parent = AnnoyFindParent(rel, index, node->tree, 1, block, path,
										 BUFFER_LOCK_SHARE);
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
		AnnoyPointer pointer = AnnoyNodePointer(index, parent_node, hits[i]);
		BlockNumber child = ItemPointerGetBlockNumberNoCheck(&pointer);

		/* no root has a parent, but a damaged pointer may lead there */
		if (child != block && child != plan->empty &&
			child >= AnnoyRootBlock(index->n_trees) && scores[i] < best)
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
	AnnoySplitPlan *plan = palloc(sizeof(AnnoySplitPlan));
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
		plan->empty = InvalidBlockNumber;
		plan->none_empty = false;
		if (node->level == 0 && !plan->is_root && plan->tries > 0)
			choose_empty(rel, index, block, node, path, plan, sibling->data);
		if (node->level == 0 && (node->flags & ANNOY_NODE_UNIFORM) == 0 &&
			!plan->is_root && plan->tries-- > 0 &&
			choose_neighbour(rel, index, block, node, path, plan, sibling->data))
			neighbour = sibling->data;
		if (!AnnoyPlanSplit(rel, index, block, copy->data, neighbour, plan))
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
			Buffer		parent = AnnoyFindParent(rel, index, node->tree,
												 node->level + 1, block, path,
												 BUFFER_LOCK_SHARE);
			bool		is_full = AnnoyNodeIsFull(index, AnnoyPageGetNode(BufferGetPage(parent)));

			LockBuffer(parent, BUFFER_LOCK_UNLOCK);
			if (!is_full)
			{
				done = split_below(rel, index, plan, block, parent);
				ReleaseBuffer(parent);
				if (done && node->level == 0)
				{
					BlockNumber leaves[ANNOY_SPLIT_LEAVES] = {block, plan->right_block, plan->neighbour};

					AnnoyMoveEntries(rel, index, node->tree, leaves,
									 plan->neighbour != InvalidBlockNumber ? 3 : 2, path);
				}
			}
			else
			{
				BlockNumber parent_block = BufferGetBlockNumber(parent);

				ReleaseBuffer(parent);
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

/*
 * Have the centre of a leaf, of which that is a copy, go to the middle of its entries,
 * if it is off by so much (see AnnoyPlanCentre).  The path has the parent.  Returns
 * true if it may have.  Leaves its memory to the current context.
 */
bool
AnnoyMoveCentre(Relation rel, const AnnoyIndex *index, BlockNumber block, Page copy,
				double part, const AnnoyPath *path)
{
	AnnoySplitPlan *plan = palloc(sizeof(AnnoySplitPlan));
	float	   *parent_centre = palloc(sizeof(float) * index->space_dim);
	Buffer		parent;
	Buffer		buffer;

	plan->left_centre = palloc(sizeof(float) * index->space_dim);
	if (!AnnoyPlanCentre(rel, index, block, copy, part, plan))
		return false;
	parent = AnnoyFindParent(rel, index, plan->tree, 1, block, path,
							 BUFFER_LOCK_EXCLUSIVE);
	buffer = ReadBuffer(rel, block);
	if (AnnoyLockUnchanged(rel, index, buffer, plan->changes))
	{
		GenericXLogState *state = GenericXLogStart(rel);
		Page		page = GenericXLogRegisterBuffer(state, parent, 0);
		AnnoyNode	parent_node = AnnoyPageGetNode(page);

		AnnoyNodeReadCentre(index, parent_node, parent_centre);
		put_child(index, page, AnnoyNodeFindChild(index, parent_node, block),
				  plan->left_centre, plan->left_spread, parent_centre, block);
		(void) replace_node(state, buffer, plan->left.data);
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(parent);
	UnlockReleaseBuffer(buffer);
	return true;
}
