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

#include "utils/memutils.h"

#include "error.h"
#include "relation/relation.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Nodes expanded above the leaves to find one; see AnnoyPlace. */
#define INSERT_BEAM		ANNOY_PATH_WIDTH

typedef struct InsertState
{
	Relation	rel;
	const AnnoyIndex *index;
	const AnnoyVector *vec;		/* to be inserted */
	AnnoyTarget target;			/* likewise, in the search space */
	PGAlignedBlock page;		/* copy of the node being looked at */
	AnnoyPath	path;			/* inner nodes looked at */
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

/*
 * Find the leaf of a tree whose centre is nearest to the vector, by estimate.
 */
static BlockNumber
choose_leaf(InsertState *state, int tree, AnnoyCollector *leaves)
{
	BlockNumber root = AnnoyRootBlock(tree);

	memset(state->path.count, 0, sizeof(state->path.count));
	AnnoyPlace(state->rel, &state->target, root, INSERT_BEAM, read_node, state, leaves);
	AnnoyPreferWideLeaf(&state->target, root, read_node, state, leaves);
	if (leaves->count == 0)
		return root;			/* which is itself a leaf */
	return ItemPointerGetBlockNumberNoCheck(&leaves->candidates[0].pointer);
}

/*
 * Add an entry for an item to one tree.
 *
 * By the time the leaf is locked it may have been split, and a new sibling may
 * be nearer.  That does not matter: where an entry is decides how soon a search
 * finds it, not whether it may be there.
 */
static void
insert_entry(InsertState *state, int tree, const AnnoyPointer *pointer,
			 AnnoyCollector *leaves)
{
	float	   *centre = palloc(sizeof(float) * state->index->space_dim);

	for (;;)
	{
		const AnnoyIndex *index = state->index;
		BlockNumber block = choose_leaf(state, tree, leaves);
		Buffer		buffer = AnnoyReadBuffer(state->rel, block, NULL);
		AnnoyNode	node;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		AnnoyCheckNode(state->rel, index, buffer);
		node = AnnoyPageGetNode(BufferGetPage(buffer));

		/* what was read so far was not understood, either */
		if (!AnnoyNodeIsKnown(index, node))
		{
			UnlockReleaseBuffer(buffer);
			use_space(state, AnnoyOpenSpace(state->rel));
			continue;
		}

		/* the root may have become an inner node meanwhile */
		if (node->level == 0 && !AnnoyNodeIsFull(index, node))
		{
			GenericXLogState *xlog = GenericXLogStart(state->rel);
			Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
			AnnoyEntry	entry = {0};
			int			count;

			if ((node->flags & ANNOY_NODE_PLAIN) == 0)
			{
				AnnoyNodeReadCentre(index, node, centre);
				AnnoyEncode(index, &index->leaf, state->target.x, centre, &entry);
			}
			entry.pointer = *pointer;
			AnnoyNodeAppend(index, page, &entry);
			if ((node->flags & ANNOY_NODE_UNIFORM) != 0 &&
				!AnnoyNodeSameCode(index, AnnoyPageGetNode(page), 0, node->count))
				AnnoyPageGetNode(page)->flags &= ~ANNOY_NODE_UNIFORM;
			count = AnnoyPageGetNode(page)->count;
			GenericXLogFinish(xlog);
			UnlockReleaseBuffer(buffer);
			AnnoyGrowSpread(state->rel, index, tree, block, leaves, entry.offset, count,
							&state->path);
			break;
		}

		if (node->level > 0 && leaves->count > 0)
			AnnoyReportCorruption(state->rel, block, "The node is on level %u instead of 0.",
								  node->level);
		UnlockReleaseBuffer(buffer);
		if (index->has_space)
			AnnoySplitNode(state->rel, index, block, &state->path);
		else
		{
			AnnoyDecideSpace(state->rel, index, block);
			use_space(state, AnnoyOpenSpace(state->rel));
		}
	}
	pfree(centre);
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
		AnnoyPointer pointer;
		AnnoyCollector leaves;
		InsertState *state;
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
		}

		pointer = AnnoyItemInsert(rel, index, tid, &vec, attributes);

		AnnoyCollectorInit(&leaves);
		state = palloc(sizeof(InsertState));
		state->rel = rel;
		state->vec = &vec;
		use_space(state, index);
		for (int tree = 0; tree < index->n_trees; tree++)
			insert_entry(state, tree, &pointer, &leaves);
	}

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return false;
}
