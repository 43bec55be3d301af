/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *	  Removing dead rows.
 *
 * There are three passes over the index, each in the order of blocks.  The
 * first asks about every item's row and marks the dead ones' slots.  The second
 * drops the entries of dead items from the leaves.  The third frees the slots.
 * So a slot is free only when no entry points to it any more, and what a crash
 * leaves behind is marked for the next VACUUM.
 *
 * Dead items are remembered in memory between the first two passes.  If there
 * are more than maintenance_work_mem has room for, the passes are repeated.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "annoy.h"

typedef struct VacuumState
{
	IndexVacuumInfo *info;
	Relation	rel;
	const AnnoyIndex *index;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;

	/* dead items, in the order of their pointers */
	AnnoyPointer *dead;
	int			ndead;
	int			max_dead;
} VacuumState;

/* What a pass does with a page: may change the copy, returns true if it did. */
typedef bool (*PageFunction) (VacuumState *state, BlockNumber block,
							  Page page);

/*
 * Pass 1: mark the slots of dead rows, and collect those to deal with now.
 */
static bool
mark_dead(VacuumState *state, BlockNumber block, Page page)
{
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(state->index, page);
	bool		changed = false;

	for (int i = 0; i < nslots; i++)
	{
		AnnoySlot	slot = &slots[i];

		if (AnnoySlotState(slot) == ANNOY_SLOT_LIVE)
		{
			if (!ItemPointerIsValid(&slot->tid))
				ereport(ERROR,
						(errcode(ERRCODE_INDEX_CORRUPTED),
						 errmsg("index \"%s\" contains an item of a row that cannot exist at block %u",
								RelationGetRelationName(state->rel), block),
						 errhint("Please REINDEX it.")));
			if (state->callback(&slot->tid, state->callback_state))
			{
				slot->state = (slot->state & ~ANNOY_SLOT_STATE_MASK) | ANNOY_SLOT_DEAD;
				state->stats->tuples_removed++;
				changed = true;
			}
			else
				state->stats->num_index_tuples++;
		}
		if (AnnoySlotState(slot) == ANNOY_SLOT_DEAD)
		{
			ItemPointerSet(&state->dead[state->ndead], block, FirstOffsetNumber + i);
			state->ndead++;
		}
	}
	return changed;
}

static int
compare_pointers(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static bool
is_dead(VacuumState *state, const AnnoyPointer *pointer)
{
	return bsearch(pointer, state->dead, state->ndead, sizeof(AnnoyPointer),
				   compare_pointers) != NULL;
}

/*
 * Pass 2: drop entries of dead items.
 */
static bool
drop_entries(VacuumState *state, BlockNumber block, Page page)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	bool		changed = false;

	/* the first vector may have come after we looked: it is not dead */
	if (state->index->dim == 0)
		return false;
	if (AnnoyPageGetTag(page)->kind != ANNOY_PAGE_NODE || node->level > 0)
		return false;
	if (node->count > state->index->leaf.capacity)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains a corrupted tree node at block %u",
						RelationGetRelationName(state->rel), block),
				 errhint("Please REINDEX it.")));

	for (int i = node->count - 1; i >= 0; i--)
	{
		if (is_dead(state, AnnoyNodePointer(state->index, node, i)))
		{
			AnnoyNodeRemove(state->index, page, i);
			changed = true;
		}
	}
	return changed;
}

/*
 * Pass 3: free the slots of the items dealt with.
 */
static bool
free_slots(VacuumState *state, BlockNumber block, Page page)
{
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(state->index, page);
	bool		changed = false;

	for (int i = 0; i < nslots; i++)
	{
		AnnoyPointer pointer;

		if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_DEAD)
			continue;
		ItemPointerSet(&pointer, block, FirstOffsetNumber + i);
		if (is_dead(state, &pointer))
		{
			memset(&slots[i], 0, sizeof(AnnoySlotData));
			changed = true;
		}
	}
	return changed;
}

/*
 * Apply a pass to the pages from a block on, up to the end of the index as it
 * is when we get there: splits move entries to new pages at the end.  Stops
 * early, and returns where to go on, when memory for dead items might not do
 * for another page.
 */
static BlockNumber
pass(VacuumState *state, BlockNumber block, PageFunction function)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(state->rel);
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));

	for (;; block++)
	{
		Buffer		buffer;
		Page		page;

		if (block >= nblocks)
		{
			nblocks = RelationGetNumberOfBlocks(state->rel);
			if (block >= nblocks)
				break;
		}
		if (function == mark_dead && state->ndead + ANNOY_NULL_SLOTS > state->max_dead)
			break;

		AnnoyVacuumDelay();

		buffer = ReadBufferExtended(state->rel, MAIN_FORKNUM, block, RBM_NORMAL,
									state->info->strategy);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		if (!PageIsNew(page))
		{
			/* what is skipped here would still point to slots that are freed */
			if (!AnnoyPageIsValid(page))
				ereport(ERROR,
						(errcode(ERRCODE_INDEX_CORRUPTED),
						 errmsg("index \"%s\" contains a corrupted page at block %u",
								RelationGetRelationName(state->rel), block),
						 errhint("Please REINDEX it.")));

			/* most pages do not change: find out on a copy */
			memcpy(copy->data, page, BLCKSZ);
			if (function(state, block, copy->data))
			{
				GenericXLogState *xlog = GenericXLogStart(state->rel);

				memcpy(GenericXLogRegisterBuffer(xlog, buffer, 0), copy->data, BLCKSZ);
				GenericXLogFinish(xlog);
			}
		}
		UnlockReleaseBuffer(buffer);
	}
	pfree(copy);
	return block;
}

/*
 * Delete all index entries of rows that the callback calls dead.
 */
IndexBulkDeleteResult *
annoybulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	VacuumState state = {0};
	BlockNumber block = ANNOY_FIRST_ROOT_BLKNO;
	Size		memory = (Size) Max(maintenance_work_mem, 1024) * 1024;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;

	state.info = info;
	state.rel = info->index;
	state.index = AnnoyOpen(info->index);
	state.stats = stats;
	state.callback = callback;
	state.callback_state = callback_state;
	state.max_dead = Min(memory / sizeof(AnnoyPointer), MaxAllocSize / sizeof(AnnoyPointer));
	state.max_dead = Min(state.max_dead,
						 Max(ANNOY_NULL_SLOTS,
							 (double) RelationGetNumberOfBlocks(info->index) * ANNOY_NULL_SLOTS));
	state.dead = palloc(sizeof(AnnoyPointer) * state.max_dead);

	do
	{
		state.ndead = 0;
		block = pass(&state, block, mark_dead);
		if (state.ndead > 0)
		{
			(void) pass(&state, ANNOY_FIRST_ROOT_BLKNO, drop_entries);
			(void) pass(&state, ANNOY_FIRST_ROOT_BLKNO, free_slots);
		}
	} while (block < RelationGetNumberOfBlocks(info->index));

	pfree(state.dead);
	return stats;
}

/*
 * Count what is there, if ambulkdelete did not, and tell the free space map
 * which pages have free slots.
 */
IndexBulkDeleteResult *
annoyvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation	rel = info->index;
	const AnnoyIndex *index;
	BlockNumber nblocks;
	double		items = 0;

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));

	index = AnnoyOpen(rel);
	nblocks = RelationGetNumberOfBlocks(rel);
	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
		Buffer		buffer;
		Page		page;
		AnnoySlot	slots;
		int			nslots;
		int			nfree = 0;
		bool		is_null;

		AnnoyVacuumDelay();

		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, info->strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		slots = AnnoyPageGetSlots(page);
		nslots = AnnoyPageSlotCount(index, page);
		is_null = nslots > 0 && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
		for (int i = 0; i < nslots; i++)
		{
			if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_FREE)
				nfree++;
			else if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE)
				items++;
		}
		UnlockReleaseBuffer(buffer);

		if (nfree > 0)
			AnnoyItemRecordFree(rel, block, is_null);
	}

	stats->num_pages = nblocks;
	stats->num_index_tuples = items;
	stats->estimated_count = false;
	return stats;
}
