/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Moving entries between leaves, after a split.
 *
 * A split moves centres, so items of leaves around may be nearer to one of the new
 * centres than to their own, and items of the new leaves nearer to a centre around.
 * Such an item's first entry moves, as a search for it looks in the nearest leaf first.
 * Second entries stay: they are not meant to be in the nearest leaf.
 *
 * Leaves are compared by the codes of their entries; only items that these take for
 * misplaced are read.
 *
 * Searches read the parent, which stays as it is, and is locked for that, but not
 * exclusively.  Each leaf counts the moves that it has had a part in.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/move.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* Leaves around those of a split that it exchanges entries with. */
#define LEAVES_AROUND	12

/* A leaf gives so many entries at a time, and keeps at least this part of a page. */
#define MOST_MOVED		32
#define LEAST_KEPT		0.125

/* A copied leaf. */
typedef struct Leaf
{
	BlockNumber block;
	AnnoyTarget target;			/* its centre */
	float		own[ANNOY_MAX_ENTRIES]; /* estimated distance of each entry
										 * from it */
	PGAlignedBlock copy;
} Leaf;

/* Entries that are to move from one leaf to another. */
typedef struct Moves
{
	int			count;
	int			from[MOST_MOVED];	/* numbers of entries, rising */
	AnnoyEntry	entries[MOST_MOVED];	/* what they are to be */
} Moves;

typedef struct MoveState
{
	Relation	rel;
	const AnnoyIndex *index;
	int			tree;
	const AnnoyPath *path;
	AnnoyItemReader reader;
	float	   *point;
	Leaf		split[ANNOY_SPLIT_LEAVES];	/* that the split has left */
	int			n_split;
	Leaf		around;			/* one of those around them */
	Moves		to_split;
	Moves		to_around;
} MoveState;

/*
 * Copy a leaf.  Returns false if it is none that could exchange entries.
 */
static bool
read_leaf(MoveState *state, Leaf *leaf, BlockNumber block)
{
	AnnoyNode	node = AnnoyPageGetNode(leaf->copy.data);
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	int			nhits;

	leaf->block = block;
	AnnoyCopyNode(state->rel, state->index, block, leaf->copy.data);
	if (node->tree != state->tree || node->level > 0 ||
		(node->flags & ANNOY_NODE_UNIFORM) != 0)
		return false;

	AnnoyNodeReadCentre(state->index, node, leaf->target.x);
	AnnoyTargetSet(&leaf->target);
	nhits = AnnoyNodeScore(&leaf->target, node, 0, INFINITY, hits, scores);
	for (int i = 0; i < node->count; i++)
		leaf->own[i] = -INFINITY;
	for (int i = 0; i < nhits; i++)
		leaf->own[hits[i]] = scores[i];
	return true;
}

/*
 * Find first entries of a leaf that are nearer to another one, which has no entry
 * of their items and has room.
 */
static void
find_moves(MoveState *state, Leaf *from, Leaf *to, Moves *moves)
{
	const AnnoyIndex *index = state->index;
	AnnoyNode	from_node = AnnoyPageGetNode(from->copy.data);
	AnnoyNode	to_node = AnnoyPageGetNode(to->copy.data);
	int			most = Min(MOST_MOVED, to_node->room - to_node->count);
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	int			nhits = AnnoyNodeScore(&to->target, from_node, 0, INFINITY, hits, scores);

	most = Min(most, from_node->count - (int) (LEAST_KEPT * index->leaf.capacity));
	moves->count = 0;
	for (int i = 0; i < nhits && moves->count < most; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, from_node, hits[i]);
		uint16		flags = AnnoyNodeEntryFlags(index, from_node, hits[i]);
		AnnoyEntry *entry = &moves->entries[moves->count];

		if (scores[i] >= from->own[hits[i]] || (flags & ANNOY_ENTRY_SECOND) != 0 ||
			AnnoyLeafFindItem(index, to_node, &pointer) >= 0 ||
			!AnnoyReadPoint(state->rel, index, &state->reader, from->block, from_node, hits[i],
							state->point) ||
			annoy_kernels->l2(state->point, to->target.x, index->space_dim) >=
			annoy_kernels->l2(state->point, from->target.x, index->space_dim))
			continue;
		AnnoyEncode(index, &index->leaf, state->point, to->target.x, entry);
		entry->pointer = pointer;
		entry->flags = flags;
		entry->signature = AnnoyNodeSignature(index, from_node, hits[i]);
		moves->from[moves->count++] = hits[i];
	}
}

/* Drop entries from a page, and add those that come to it. */
static void
exchange(const AnnoyIndex *index, Page page, const Moves *leave, const Moves *come)
{
	/* from the last one on, as each leaves its place to the last */
	for (int i = leave->count - 1; i >= 0; i--)
		AnnoyNodeRemove(index, page, leave->from[i]);
	for (int i = 0; i < come->count; i++)
		AnnoyNodeAppend(index, page, &come->entries[i]);
	AnnoyLeafMoves(AnnoyPageGetNode(page))++;
}

/*
 * Make the moves that were found between two leaves, one of the split and the one
 * around.  Nothing moves if one of them has changed meanwhile, or has another parent,
 * or if VACUUM is dropping entries, which must not move to a leaf that it has passed.
 */
static void
make_moves(MoveState *state, Leaf *split)
{
	Relation	rel = state->rel;
	const AnnoyIndex *index = state->index;
	Leaf	   *around = &state->around;
	Buffer		parent = AnnoyFindParent(rel, index, state->tree, 1, split->block, state->path,
										 BUFFER_LOCK_SHARE);
	AnnoyNode	parent_node = AnnoyPageGetNode(BufferGetPage(parent));
	uint32		split_changes = AnnoyPageGetNode(split->copy.data)->changes;
	uint32		around_changes = AnnoyPageGetNode(around->copy.data)->changes;
	Buffer		split_buffer;
	Buffer		around_buffer;
	bool		unchanged = true;

	if (AnnoyNodeFindChild(index, parent_node, around->block) < 0)
	{
		UnlockReleaseBuffer(parent);
		return;
	}

	/* siblings are locked in the order of blocks */
	split_buffer = ReadBuffer(rel, split->block);
	around_buffer = ReadBuffer(rel, around->block);
	if (around->block < split->block)
		unchanged = AnnoyLockUnchanged(rel, index, around_buffer, around_changes);
	unchanged = AnnoyLockUnchanged(rel, index, split_buffer, split_changes) && unchanged;
	if (around->block > split->block)
		unchanged = AnnoyLockUnchanged(rel, index, around_buffer, around_changes) && unchanged;
	if (unchanged && AnnoyGetVacuumPhase(rel) != ANNOY_VACUUM_DROPS)
	{
		GenericXLogState *xlog = GenericXLogStart(rel);
		Page		split_page = GenericXLogRegisterBuffer(xlog, split_buffer, 0);
		Page		around_page = GenericXLogRegisterBuffer(xlog, around_buffer, 0);

		exchange(index, split_page, &state->to_around, &state->to_split);
		exchange(index, around_page, &state->to_split, &state->to_around);
		GenericXLogFinish(xlog);
	}
	UnlockReleaseBuffer(split_buffer);
	UnlockReleaseBuffer(around_buffer);
	UnlockReleaseBuffer(parent);
}

/*
 * Choose the leaves around those of the split: siblings whose centres are nearest to
 * one of these.  Returns their number.
 */
static int
choose_around(MoveState *state, BlockNumber *around)
{
	const AnnoyIndex *index = state->index;
	PGAlignedBlock copy;
	AnnoyNode	node = AnnoyPageGetNode(copy.data);
	Buffer		parent = AnnoyFindParent(state->rel, index, state->tree, 1,
										 state->split[0].block, state->path,
										 BUFFER_LOCK_SHARE);
	float		nearest[ANNOY_MAX_ENTRIES];
	int			n = 0;

	memcpy(copy.data, BufferGetPage(parent), BLCKSZ);
	UnlockReleaseBuffer(parent);

	/* how near the children are, as far as they were not taken */
	for (int i = 0; i < node->count; i++)
		nearest[i] = INFINITY;
	for (int j = 0; j < state->n_split; j++)
	{
		uint16		hits[ANNOY_MAX_ENTRIES];
		float		scores[ANNOY_MAX_ENTRIES];
		int			nhits = AnnoyNodeScore(&state->split[j].target, node, 0, INFINITY,
										   hits, scores);

		for (int i = 0; i < nhits; i++)
			nearest[hits[i]] = Min(nearest[hits[i]], scores[i]);
	}

	while (n < LEAVES_AROUND)
	{
		int			best = 0;
		AnnoyPointer pointer;
		bool		is_new = false;

		for (int i = 1; i < node->count; i++)
		{
			if (nearest[i] < nearest[best])
				best = i;
		}
		if (nearest[best] == INFINITY)
			break;
		nearest[best] = INFINITY;
		pointer = AnnoyNodePointer(index, node, best);
		around[n] = ItemPointerGetBlockNumberNoCheck(&pointer);
		for (int j = 0; j < state->n_split; j++)
			is_new = is_new || around[n] == state->split[j].block;
		/* no root has a parent, but a damaged pointer may lead there */
		if (!is_new && around[n] >= AnnoyRootBlock(index->n_trees))
			n++;
	}
	return n;
}

/*
 * After a split that has made these leaves, move first entries between them and the
 * leaves around to where their items are nearer to the centre.  The caller holds no
 * locks; the path is that of its descent.
 *
 * In an index for inner product, the nearest leaf is not always the right one, see
 * spread.c.
 */
void
AnnoyMoveEntries(Relation rel, const AnnoyIndex *index, int tree, const BlockNumber *leaves,
				 int n_leaves, const AnnoyPath *path)
{
	MoveState  *state;
	AnnoyVectorSource *source;
	BlockNumber around[LEAVES_AROUND];
	int			n_around;
	bool		usable = true;	/* the copies of the split's leaves */

	if (index->metric == ANNOY_IP || AnnoyGetVacuumPhase(rel) == ANNOY_VACUUM_DROPS)
		return;

	state = palloc(sizeof(MoveState));
	state->rel = rel;
	state->index = index;
	state->tree = tree;
	state->path = path;
	state->point = palloc(sizeof(float) * index->space_dim);
	state->n_split = 0;
	source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReaderInit(&state->reader, rel, index, source, NULL);
	AnnoyTargetInit(&state->around.target, index, false);
	for (int i = 0; i < n_leaves; i++)
	{
		AnnoyTargetInit(&state->split[state->n_split].target, index, false);
		if (read_leaf(state, &state->split[state->n_split], leaves[i]))
			state->n_split++;
	}
	n_around = state->n_split > 0 ? choose_around(state, around) : 0;
	for (int i = 0; i < n_around && usable; i++)
	{
		for (int j = 0; j < state->n_split && usable; j++)
		{
			Leaf	   *split = &state->split[j];

			CHECK_FOR_INTERRUPTS();
			if (j == 0 && !read_leaf(state, &state->around, around[i]))
				break;
			find_moves(state, &state->around, split, &state->to_split);
			find_moves(state, split, &state->around, &state->to_around);
			if (state->to_split.count > 0 || state->to_around.count > 0)
			{
				make_moves(state, split);
				/* somebody else may have split it, and left copies only */
				usable = read_leaf(state, split, split->block);
				if (usable && !read_leaf(state, &state->around, around[i]))
					break;
			}
		}
	}
	AnnoyItemReaderEnd(&state->reader);
	AnnoySourceClose(source);
	pfree(state);
}
