/*-------------------------------------------------------------------------
 *
 * insert.c
 *	  Adding a row to an index.
 *
 * The item is written first, then an entry in each tree, each as an atomic
 * action of its own.  If something fails in between, the item belongs to a row
 * whose transaction does not commit, and VACUUM removes it with the row.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/insert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "error.h"
#include "relation/relation.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Nodes expanded above the leaves to find some; see AnnoyPlace. */
#define INSERT_BEAM		ANNOY_PATH_WIDTH

/* Splits do not move an item's first entry to the leaf for its second one so often. */
#define MOST_MOVES		100

typedef struct InsertState
{
	Relation	rel;
	const AnnoyIndex *index;
	const AnnoyVector *vec;		/* to be inserted */
	AnnoyPointer pointer;		/* to its item */
	AnnoySignature signature;	/* of its attributes */
	AnnoyTarget target;			/* likewise, in the search space */
	PGAlignedBlock page;		/* copy of the node being looked at */
	AnnoyPath	path;			/* inner nodes looked at */
	AnnoyCollector leaves;		/* of a tree, the nearest first */
	BlockNumber first;			/* the leaf of the item's first entry */
	int			moves;			/* how often that was found to be another one */
} InsertState;

/*
 * Map the vector into the index's search space; again, when that has been decided
 * meanwhile, and the index opened again.
 */
static void
use_space(InsertState *state, const AnnoyIndex *index)
{
	state->index = index;
	AnnoyTargetInit(&state->target, state->index, false);
	AnnoyMapItem(state->index, state->vec, state->target.x);
	AnnoyTargetSet(&state->target);
}

/*
 * AnnoyReadNode callback: copy the node, so that no lock is held on it.
 */
static AnnoyNode
read_node(BlockNumber block, void *arg)
{
	InsertState *state = arg;
	AnnoyPath  *path = &state->path;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);

	AnnoyCopyNode(state->rel, state->index, block, state->page.data);
	if (node->level > 0 && path->count[node->level] < ANNOY_PATH_WIDTH)
	{
		path->block[node->level][path->count[node->level]] = block;
		path->nsn[node->level][path->count[node->level]++] = node->nsn;
	}
	return node;
}

static BlockNumber
leaf_block(InsertState *state, int i)
{
	return ItemPointerGetBlockNumberNoCheck(&state->leaves.candidates[i].pointer);
}

/*
 * Find the leaves of a tree whose centres are nearest to the vector, by estimate.
 * Returns the nearest.
 */
static BlockNumber
find_leaves(InsertState *state, int tree)
{
	BlockNumber root = AnnoyRootBlock(tree);

	/* others may be splitting leaves all the time */
	CHECK_FOR_INTERRUPTS();

	memset(state->path.count, 0, sizeof(state->path.count));
	AnnoyPlace(state->rel, &state->target, root, INSERT_BEAM,
			   state->index->n_entries > 1 ? 1 + ANNOY_SECOND_CANDIDATES : INSERT_BEAM,
			   read_node, state, &state->leaves);
	AnnoyPreferWideLeaf(&state->target, root, read_node, state, &state->leaves);
	/* the root may itself be a leaf */
	return state->leaves.count == 0 ? root : leaf_block(state, 0);
}

/*
 * Read the centre of a leaf.  Returns its flags.
 */
static uint8
read_centre(InsertState *state, BlockNumber block, float *centre)
{
	Buffer		buffer = AnnoyReadBuffer(state->rel, block, NULL);
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
	uint8		flags;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckNode(state->rel, state->index, buffer);
	AnnoyNodeReadCentre(state->index, node, centre);
	flags = node->flags;
	UnlockReleaseBuffer(buffer);
	return flags;
}

/*
 * Choose the leaf for the item's second entry among those that were found, but for
 * that of the first one.  Unless the item must have a second entry, the block may be
 * invalid: if there are few leaves, or nothing but copies of one vector near by.
 *
 * Centres are read in the order of estimated distances, until these alone are worse
 * than the best score so far.
 */
static BlockNumber
choose_second(InsertState *state, bool must)
{
	int			dim = state->index->space_dim;
	float	   *first_centre;
	float	   *centre;
	float		first;
	float		best_score = INFINITY;
	BlockNumber best = InvalidBlockNumber;

	if (state->index->n_entries < 2 ||
		(!must && state->leaves.count < ANNOY_MIN_SECOND_LEAVES))
		return InvalidBlockNumber;

	first_centre = palloc(sizeof(float) * 2 * dim);
	centre = first_centre + dim;
	if ((read_centre(state, state->first, first_centre) & ANNOY_NODE_UNIFORM) == 0 || must)
	{
		first = annoy_kernels->l2(state->target.x, first_centre, dim);
		for (int i = 0; i < state->leaves.count &&
			 state->leaves.candidates[i].score < best_score; i++)
		{
			BlockNumber block = leaf_block(state, i);
			float		score;

			if (block == state->first ||
				((read_centre(state, block, centre) & ANNOY_NODE_UNIFORM) != 0 && !must))
				continue;
			score = AnnoySecondScore(first, annoy_kernels->l2(state->target.x, centre, dim),
									 annoy_kernels->l2(first_centre, centre, dim));
			if (score < best_score)
			{
				best_score = score;
				best = block;
			}
		}
	}
	pfree(first_centre);

	/* there are more leaves, and none of them is better than any other */
	if (must && best == InvalidBlockNumber)
		AnnoyReportCorruption(state->rel, state->first,
							  "No other leaf was found.");
	return best;
}

/*
 * The number of the entry that a leaf has of an item, or -1.
 */
int
AnnoyLeafFindItem(const AnnoyIndex *index, AnnoyNode leaf, const AnnoyPointer *item)
{
	for (int i = 0; i < leaf->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, leaf, i);

		if (AnnoyPointersEqual(&pointer, item))
			return i;
	}
	return -1;
}

/*
 * Add an entry with those flags to a locked leaf, which has room for it.  Returns the
 * squared distance from the leaf's centre.
 */
static double
write_entry(InsertState *state, Buffer buffer, uint16 flags)
{
	const AnnoyIndex *index = state->index;
	GenericXLogState *xlog = GenericXLogStart(state->rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	AnnoyNode	node = AnnoyPageGetNode(page);
	AnnoyEntry	entry = {0};

	if ((node->flags & ANNOY_NODE_PLAIN) == 0)
	{
		float	   *centre = palloc(sizeof(float) * index->space_dim);

		AnnoyNodeReadCentre(index, node, centre);
		AnnoyEncode(index, &index->leaf, state->target.x, centre, &entry);
		pfree(centre);
	}
	entry.pointer = state->pointer;
	entry.flags = flags;
	entry.signature = state->signature;
	AnnoyNodeAppend(index, page, &entry);
	if ((node->flags & ANNOY_NODE_UNIFORM) != 0 &&
		!AnnoyNodeSameCode(index, node, 0, node->count - 1))
		node->flags &= ~ANNOY_NODE_UNIFORM;
	GenericXLogFinish(xlog);
	return entry.offset;
}

/*
 * Add an entry to a leaf, which may be a root.  Returns false if another leaf has to
 * be found: the leaf was full and has been split, it is none any more, or it has got
 * the item's first entry, which state->first says then.
 *
 * By the time the leaf is locked it may have been split, and a new sibling may
 * be nearer.  That does not matter: where an entry is decides how soon a search
 * finds it, not whether it may be there.
 */
static bool
insert_entry(InsertState *state, BlockNumber block, uint16 flags)
{
	const AnnoyIndex *index = state->index;
	Buffer		buffer = AnnoyReadBuffer(state->rel, block, NULL);
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	AnnoyCheckNode(state->rel, index, buffer);

	/* what was read so far was not understood, either */
	if (!AnnoyNodeIsKnown(index, node))
	{
		UnlockReleaseBuffer(buffer);
		use_space(state, AnnoyOpenSpace(state->rel));
		return false;
	}
	/* the root may have become an inner node meanwhile */
	if (node->level > 0 && state->leaves.count > 0)
		AnnoyReportCorruption(state->rel, block, "The node is on level %u instead of 0.",
							  node->level);
	if ((flags & ANNOY_ENTRY_SECOND) != 0 && AnnoyLeafFindItem(index, node, &state->pointer) >= 0)
	{
		/* a split, together with the leaf where it was, has moved it */
		state->first = block;
		if (++state->moves > MOST_MOVES)
			AnnoyReportCorruption(state->rel, block,
								  "The leaf and others have entries for (%u,%u), which was a free slot.",
								  ItemPointerGetBlockNumberNoCheck(&state->pointer),
								  ItemPointerGetOffsetNumberNoCheck(&state->pointer));
		UnlockReleaseBuffer(buffer);
		return false;
	}
	if (node->level == 0 && !AnnoyNodeIsFull(index, node))
	{
		double		offset = write_entry(state, buffer, flags);
		int			tree = node->tree;
		int			count = node->count;

		UnlockReleaseBuffer(buffer);
		/* a second entry is not what a leaf is visited for */
		if ((flags & ANNOY_ENTRY_SECOND) == 0)
			AnnoyGrowSpread(state->rel, index, tree, block, &state->leaves, offset, count,
							&state->path);
		return true;
	}
	UnlockReleaseBuffer(buffer);

	if (index->has_space)
		AnnoySplitNode(state->rel, index, block, &state->path);
	else
	{
		AnnoyDecideSpace(state->rel, index, block);
		use_space(state, AnnoyOpenSpace(state->rel));
	}
	return false;
}

/*
 * Add the entries for an item to one tree: one, or two if the index is to have
 * second entries and there are leaves for them.
 */
static void
insert_entries(InsertState *state, int tree)
{
	BlockNumber second;

	state->moves = 0;
	do
	{
		state->first = find_leaves(state, tree);
		second = choose_second(state, false);
	} while (!insert_entry(state, state->first,
						   second != InvalidBlockNumber ? ANNOY_ENTRY_PAIRED : 0));

	while (second != InvalidBlockNumber &&
		   !insert_entry(state, second, ANNOY_ENTRY_PAIRED | ANNOY_ENTRY_SECOND))
	{
		(void) find_leaves(state, tree);
		second = choose_second(state, true);
	}
}

/*
 * Insert a row.
 */
bool
annoyinsert(Relation rel, Datum *values, bool *isnull, ItemPointer tid,
			Relation heap,
			IndexUniqueCheck check_unique pg_attribute_unused(),
			bool index_unchanged pg_attribute_unused(),
			IndexInfo *index_info)
{
	MemoryContext context;
	MemoryContext old_context;
	const AnnoyIndex *index;
	IndexTuple	attributes = NULL;

	context = AllocSetContextCreate(CurrentMemoryContext, "annoy insert",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);

	if (isnull[0])
	{
		(void) AnnoyOpen(rel);	/* is this an index of ours? */
		AnnoyNullsInsert(rel, tid);
	}
	else
	{
		AnnoyVector vec;
		InsertState *state;
		AnnoySigner *signer;
		AnnoyRowErrors *errors = NULL;

		/* a build that adds a row its scan did not see */
		if (index_info->ii_Concurrent)
		{
			errors = AnnoyRowErrorsMake(heap, rel);
			AnnoyRowErrorsBegin(errors, rel, AnnoyOpen(rel), tid, true);
		}

		/* reading may process invalidation messages, so it comes first */
		vec = AnnoyReadColumn(rel, values[0]);
		index = AnnoyOpen(rel);
		if (errors != NULL)
			AnnoyCheckDimensions(rel, index, &vec);
		else
			AnnoyCheckNewDimensions(rel, index, &vec);
		vec = AnnoyConvertVector(&vec, index->dtype);
		if (errors != NULL)
		{
			AnnoyRowErrorsEnd(errors);
			AnnoyRowErrorsBegin(errors, rel, index, tid, false);
		}
		if (IndexRelationGetNumberOfAttributes(rel) > 1)
			attributes = AnnoyFormAttributes(rel, AnnoyAttributesDesc(rel), values, isnull);
		if (errors != NULL)
			AnnoyRowErrorsEnd(errors);
		if (index->dim == 0)
		{
			index = AnnoySetDimensions(rel, &vec);
			AnnoyCheckNewDimensions(rel, index, &vec);
			vec = AnnoyConvertVector(&vec, index->dtype);
		}

		state = palloc0(sizeof(InsertState));
		state->rel = rel;
		state->vec = &vec;
		signer = AnnoySignerMake(rel, index, NULL);
		if (signer != NULL)
			state->signature = AnnoySign(signer, attributes);
		state->pointer = AnnoyItemInsert(rel, index, tid, &vec, attributes,
											 &state->signature);
		AnnoyCollectorInit(&state->leaves);
		use_space(state, index);
		for (int tree = 0; tree < index->n_trees; tree++)
			insert_entries(state, tree);
	}

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return false;
}
