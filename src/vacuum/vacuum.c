/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *	  Removing dead rows.
 *
 * There are three passes.  The first reads the whole index: it asks about every
 * item's row, marks the dead ones' slots, and notes which blocks are leaves.
 * The second visits the leaves and drops the entries of dead items.  The third
 * visits the pages of these items and frees the slots.  So a slot is free only
 * when no entry points to it any more, and what a crash leaves behind is marked
 * for the next VACUUM.
 *
 * Dead items are remembered in memory between the passes.  When there is no
 * room for more, the first pass stops until the other two are done with those.
 *
 * The metapage says that there are marks, before the first one is made and until
 * the last one is gone.  So a VACUUM that is not told of dead rows reads the
 * index only if another one did not get to its end.  It also says that the
 * second pass is under way: splits heed that, see src/README.
 *
 * Pages are looked at under a share lock.  Only a page that is to change is
 * locked exclusively, and then looked at again.
 *
 * The first pass also finds pages that nothing leads to, as a crash or an error has
 * come between adding them and their use, and makes free pages of them.  It does not
 * read the pages of a group behind the first, on which there are vectors only.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/vacuum.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "postmaster/autovacuum.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/relcache.h"

#include "bits.h"
#include "error.h"
#include "recall/recall.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "vacuum/vacuum.h"

/* Blocks ahead of the one being read that are asked for, where not all are wanted. */
#define BLOCKS_AHEAD	64

/* So many times the rows that VACUUM knows of are many more. */
#define MANY_MORE		1.5

typedef struct VacuumState
{
	IndexVacuumInfo *info;
	Relation	rel;
	const AnnoyIndex *index;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;	/* NULL if no row is known to be dead */
	void	   *callback_state;
	AnnoyVacuumPhase phase;		/* as the metapage says */
	BlockNumber mean;			/* first page of the mean, or invalid */
	uint32		n_mean;			/* and how many these are */

	/* dead items to deal with, in the order of their pointers */
	AnnoyPointer *dead;
	Size		ndead;
	Size		dead_allocated;
	Size		max_dead;

	AnnoyBits	leaves;			/* blocks that may be leaves, of those seen */
	BlockNumber seen;			/* blocks from here on were not seen yet */
	AnnoyBits	empty;			/* leaves without entries ... */
	BlockNumber n_empty;		/* ... and how many these are */
} VacuumState;

static void
set_phase(VacuumState *state, AnnoyVacuumPhase phase)
{
	if (state->phase == phase)
		return;
	AnnoySetVacuumPhase(state->rel, phase);
	state->phase = phase;
}

/*
 * Read a page and lock it for looking at it.
 */
static Buffer
read_page(VacuumState *state, BlockNumber block)
{
	Buffer		buffer = ReadBufferExtended(state->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, state->info->strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

/*
 * Lock a page that was looked at for changing it.  Whatever was seen may have
 * changed when this returns.
 */
static void
lock_for_change(Buffer buffer)
{
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
}

/*
 * Is that page a leaf?  The caller holds a lock on it.
 *
 * Not if we know of no dimensions: should the first vector have come after we
 * looked, it is not dead.
 */
static bool
is_leaf(VacuumState *state, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);

	if (state->index->dim == 0 || !AnnoyPageIsValid(page) ||
		AnnoyPageGetTag(page)->kind != ANNOY_PAGE_NODE)
		return false;
	if (state->index->has_old_nodes &&
		!AnnoyNodeIsCurrent(state->index, AnnoyPageGetNode(page)))
		return false;
	AnnoyCheckNode(state->rel, state->index, buffer);
	return AnnoyPageGetNode(page)->level == 0;
}

/* Note a leaf without entries.  A root that is one has no parent to be told. */
static void
note_empty(VacuumState *state, BlockNumber leaf)
{
	if (leaf >= AnnoyRootBlock(state->index->n_trees) &&
		AnnoyBitsAdd(&state->empty, leaf))
		state->n_empty++;
}

/*
 * Note whether a page may be a leaf when a second pass comes to it.  A new page may:
 * somebody who splits a leaf has just added it.  Blocks come in order, and the first
 * one that was not seen yet is `next' then.
 */
static void
note_leaf(VacuumState *state, Buffer buffer, BlockNumber next)
{
	BlockNumber block = BufferGetBlockNumber(buffer);

	if (block < state->seen)
		return;
	if (PageIsNew(BufferGetPage(buffer)))
		(void) AnnoyBitsAdd(&state->leaves, block);
	else if (is_leaf(state, buffer))
	{
		(void) AnnoyBitsAdd(&state->leaves, block);
		if (AnnoyPageGetNode(BufferGetPage(buffer))->count == 0)
			note_empty(state, block);
	}
	state->seen = next;
}

/*
 * Is that a page that nothing leads to, nor ever will?  The caller holds a lock on it.
 *
 * It is one of those that settled_blocks() has counted, so that who has added it, or
 * the pages before it that were added together, has done with them.  Nobody takes
 * pages off the list of free ones meanwhile.  As long as an index has no dimensions,
 * what a reset has left over is not our concern; nor are means as long as there is no
 * search space, since somebody may be about to decide on it.
 */
static bool
is_lost(VacuumState *state, BlockNumber block, Page page)
{
	if (state->index->dim == 0)
		return false;
	if (PageIsNew(page))
		return true;
	switch (AnnoyPageGetTag(page)->kind)
	{
		case ANNOY_PAGE_FREE:
			return !AnnoyPageIsListed(page);
		case ANNOY_PAGE_ITEM_DATA:
			/* that of a group is passed over with the group's first page */
			return true;
		case ANNOY_PAGE_MEAN:
			return state->mean != InvalidBlockNumber &&
				(block < state->mean || block - state->mean >= state->n_mean);
		default:
			return false;
	}
}

static bool
may_be_leaf(VacuumState *state, BlockNumber block)
{
	return block >= state->seen || AnnoyBitsTest(&state->leaves, block);
}

/*
 * Does a page have a slot of a row that is dead, but not marked so?
 */
static bool
has_unmarked(VacuumState *state, BlockNumber block, Page page)
{
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(state->index, page);
	bool		found = false;

	for (int i = 0; state->callback != NULL && i < nslots; i++)
	{
		if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_LIVE)
			continue;
		if (!ItemPointerIsValid(&slots[i].tid))
			AnnoyReportCorruption(state->rel, block, "The item in slot %d is that of row (%u,%u), which cannot exist.",
								  i + 1, ItemPointerGetBlockNumberNoCheck(&slots[i].tid),
								  ItemPointerGetOffsetNumberNoCheck(&slots[i].tid));
		/* CREATE INDEX CONCURRENTLY wants to be told of every row */
		found |= state->callback(&slots[i].tid, state->callback_state);
	}
	return found;
}

static void
mark_slots(VacuumState *state, Buffer buffer)
{
	GenericXLogState *xlog = GenericXLogStart(state->rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(state->index, page);

	for (int i = 0; i < nslots; i++)
	{
		if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE &&
			state->callback(&slots[i].tid, state->callback_state))
			slots[i].state = ANNOY_SLOT_DEAD;
	}
	GenericXLogFinish(xlog);
}

static void
remember_dead(VacuumState *state, BlockNumber block, OffsetNumber slot)
{
	if (state->ndead == state->dead_allocated)
	{
		state->dead_allocated = Min(state->max_dead, 2 * state->dead_allocated);
		state->dead = repalloc_huge(state->dead,
									sizeof(AnnoyPointer) * state->dead_allocated);
	}
	ItemPointerSet(&state->dead[state->ndead], block, slot);
	state->ndead++;
}

/*
 * Put a page of NULLs in the list of those with free slots.
 */
static void
link_nulls(VacuumState *state, Buffer buffer)
{
	GenericXLogState *xlog = GenericXLogStart(state->rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	Buffer		meta_buffer = AnnoyListPut(state->rel, xlog, page,
										   BufferGetBlockNumber(buffer));

	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(meta_buffer);
}

/*
 * Pass 1, one page: mark the slots of dead rows, remember those that are marked,
 * count the others, and note if it is a leaf.  Returns the block to go on with.
 */
static BlockNumber
survey_page(VacuumState *state, BlockNumber block)
{
	Buffer		buffer = read_page(state, block);
	Page		page = BufferGetPage(buffer);
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	BlockNumber next = block + 1;
	int			nslots;
	int			nfree = 0;
	bool		is_nulls;

	/* what is skipped here would still point to slots that are freed */
	if (!PageIsNew(page) && !AnnoyPageIsValid(page))
		AnnoyReportPage(state->rel, block, page, 0);

	if (is_lost(state, block, page))
	{
		lock_for_change(buffer);
		if (is_lost(state, block, page))
			AnnoyFreePage(state->rel, buffer);
	}
	if (AnnoyPageIsValid(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_FREE)
		state->stats->pages_free++;

	nslots = AnnoyPageSlotCount(state->index, page);
	is_nulls = nslots > 0 && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
	if (nslots > 0 && !is_nulls)
		next = block + state->index->group_pages;
	note_leaf(state, buffer, next);
	if (has_unmarked(state, block, page))
	{
		lock_for_change(buffer);
		mark_slots(state, buffer);
	}

	for (int i = 0; i < nslots; i++)
	{
		switch (AnnoySlotState(&slots[i]))
		{
			case ANNOY_SLOT_FREE:
				nfree++;
				break;
			case ANNOY_SLOT_LIVE:
				state->stats->num_index_tuples++;
				break;
			case ANNOY_SLOT_DEAD:
				remember_dead(state, block, FirstOffsetNumber + i);
				break;
		}
	}

	/* a crash while the index was reset may have left it out of the list */
	if (is_nulls && nfree > 0 && !AnnoyPageIsListed(page))
	{
		lock_for_change(buffer);
		if (!AnnoyPageIsListed(page))
			link_nulls(state, buffer);
	}
	UnlockReleaseBuffer(buffer);

	/* the free space map is not WAL-logged and may have lost it */
	if (!is_nulls && nfree > 0)
		AnnoyItemRecordFree(state->rel, block);
	return next;
}

/*
 * The number of blocks of the index.  Those who have added them have locked each that
 * they are about to use, or the first of several, since none of them holds the lock
 * for extending the index.
 */
static BlockNumber
settled_blocks(Relation rel)
{
	BlockNumber nblocks;

	LockRelationForExtension(rel, ExclusiveLock);
	nblocks = RelationGetNumberOfBlocks(rel);
	UnlockRelationForExtension(rel, ExclusiveLock);
	return nblocks;
}

/*
 * Pass 1, from a block on.  Stops when another page might have more dead items
 * than there is room for.  Returns where to go on.
 */
static BlockNumber
survey(VacuumState *state, BlockNumber block)
{
	BlockNumber nblocks = settled_blocks(state->rel);
	BlockNumber asked = block;

	while (block < nblocks)
	{
		BlockNumber next;

		if (state->ndead + ANNOY_NULL_SLOTS > state->max_dead)
			return block;
		AnnoyVacuumDelay();
		next = survey_page(state, block);
		/* more groups follow, most likely */
		if (next > block + 1)
		{
			for (asked = Max(asked, next); asked < Min(next + BLOCKS_AHEAD, nblocks);
				 asked += next - block)
				AnnoyAskForPage(state->rel, asked);
		}
		block = next;
	}
	return InvalidBlockNumber;
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

static bool
has_dead_entries(VacuumState *state, AnnoyNode node)
{
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(state->index, node, i);

		if (is_dead(state, &pointer))
			return true;
	}
	return false;
}

/*
 * Pass 2, one leaf.
 */
static void
drop_entries_of_leaf(VacuumState *state, Buffer buffer)
{
	GenericXLogState *xlog = GenericXLogStart(state->rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	AnnoyNode	node = AnnoyPageGetNode(page);

	for (int i = node->count - 1; i >= 0; i--)
	{
		AnnoyPointer pointer = AnnoyNodePointer(state->index, node, i);

		if (is_dead(state, &pointer))
			AnnoyNodeRemove(state->index, page, i);
	}
	if (node->count == 0)
		note_empty(state, BufferGetBlockNumber(buffer));
	GenericXLogFinish(xlog);
}

/*
 * Pass 2: drop the entries of dead items.  Splits move those to new pages at the
 * end only, so we look at all that were added, up to the end of the index as it
 * is when we get there.
 */
static void
drop_entries(VacuumState *state)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(state->rel);
	BlockNumber asked = ANNOY_FIRST_ROOT_BLKNO;

	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO;; block++)
	{
		Buffer		buffer;
		AnnoyNode	node;

		if (block >= nblocks)
		{
			nblocks = RelationGetNumberOfBlocks(state->rel);
			if (block >= nblocks)
				break;
		}
		if (!may_be_leaf(state, block))
			continue;

		AnnoyVacuumDelay();

		/* leaves in a row the operating system reads ahead by itself */
		for (asked = Max(asked, block + 1); asked < Min(block + BLOCKS_AHEAD, nblocks); asked++)
		{
			if (may_be_leaf(state, asked) && !may_be_leaf(state, asked - 1))
				AnnoyAskForPage(state->rel, asked);
		}
		buffer = read_page(state, block);
		note_leaf(state, buffer, block + 1);
		node = AnnoyPageGetNode(BufferGetPage(buffer));
		if (is_leaf(state, buffer) && has_dead_entries(state, node))
		{
			lock_for_change(buffer);
			if (is_leaf(state, buffer) && has_dead_entries(state, node))
				drop_entries_of_leaf(state, buffer);
		}
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Pass 3: free the slots of dead items, and delete their attributes.
 */
static void
free_slots(VacuumState *state)
{
	Size		i = 0;

	while (i < state->ndead)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&state->dead[i]);
		Buffer		buffer;
		Buffer		meta_buffer = InvalidBuffer;
		Buffer		attributes_buffer = InvalidBuffer;
		GenericXLogState *xlog;
		Page		page;
		Page		attributes_page = NULL;
		bool		is_nulls;
		bool		has_attributes;

		AnnoyVacuumDelay();

		buffer = ReadBufferExtended(state->rel, MAIN_FORKNUM, block, RBM_NORMAL,
									state->info->strategy);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		xlog = GenericXLogStart(state->rel);
		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
		is_nulls = AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
		has_attributes = !is_nulls && state->index->attributes_size > 0;
		for (; i < state->ndead &&
			 ItemPointerGetBlockNumberNoCheck(&state->dead[i]) == block; i++)
		{
			int			slot_no = ItemPointerGetOffsetNumberNoCheck(&state->dead[i]) -
			FirstOffsetNumber;

			if (has_attributes)
			{
				AnnoyPointer pointer = AnnoySlotAttributes(state->index, page, slot_no);
				BlockNumber pointer_block = ItemPointerGetBlockNumberNoCheck(&pointer);
				Buffer		linked;

				/* those on another page are for the next record */
				if (!BufferIsValid(attributes_buffer))
				{
					attributes_buffer = AnnoyAttributesLock(state->rel, pointer_block, block,
															BUFFER_LOCK_EXCLUSIVE);
					attributes_page = GenericXLogRegisterBuffer(xlog, attributes_buffer, 0);
				}
				else if (BufferGetBlockNumber(attributes_buffer) != pointer_block)
					break;
				linked = AnnoyAttributesDelete(state->rel, xlog, attributes_page, pointer_block,
											   ItemPointerGetOffsetNumberNoCheck(&pointer),
											   &state->dead[i]);
				if (BufferIsValid(linked))
					meta_buffer = linked;
			}
			AnnoySlotClear(state->index, page, slot_no);
			state->stats->tuples_removed++;
		}
		if (is_nulls && !AnnoyPageIsListed(page))
			meta_buffer = AnnoyListPut(state->rel, xlog, page, block);
		GenericXLogFinish(xlog);
		if (BufferIsValid(meta_buffer))
			UnlockReleaseBuffer(meta_buffer);
		if (BufferIsValid(attributes_buffer))
			UnlockReleaseBuffer(attributes_buffer);
		UnlockReleaseBuffer(buffer);
		if (!is_nulls)
			AnnoyItemRecordFree(state->rel, block);
	}
}

/*
 * How many dead items may be remembered.
 */
static Size
max_dead_items(void)
{
	int			memory = maintenance_work_mem;

	if (AnnoyIsAutovacuumWorker() && autovacuum_work_mem >= 0)
		memory = autovacuum_work_mem;
	return Max((Size) memory * 1024 / sizeof(AnnoyPointer), ANNOY_NULL_SLOTS);
}

/*
 * Make all passes, and count what remains.
 */
static void
vacuum_index(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			 IndexBulkDeleteCallback callback, void *callback_state)
{
	VacuumState state = {0};
	AnnoyMetaPageData meta;
	BlockNumber block = ANNOY_FIRST_ROOT_BLKNO;

	state.info = info;
	state.rel = info->index;
	state.index = AnnoyOpen(info->index);
	state.stats = stats;
	state.callback = callback;
	state.callback_state = callback_state;
	state.max_dead = max_dead_items();
	state.dead_allocated = ANNOY_NULL_SLOTS;
	state.dead = palloc(sizeof(AnnoyPointer) * state.dead_allocated);

	/*
	 * Before there are marks, and before a page is looked at: the second pass
	 * relies on it that new leaves are at the end.  One that was cancelled,
	 * or met by a crash, does not drop entries any more.
	 */
	state.phase = AnnoyGetVacuumPhase(state.rel);
	set_phase(&state, ANNOY_VACUUM_BEGUN);
	AnnoyReadMeta(state.rel, &meta);
	state.mean = meta.mean;
	state.n_mean = meta.n_mean;

	stats->num_index_tuples = 0;
	stats->pages_free = 0;
	do
	{
		state.ndead = 0;
		block = survey(&state, block);
		if (state.ndead > 0)
		{
			set_phase(&state, ANNOY_VACUUM_DROPS);
			drop_entries(&state);
			set_phase(&state, ANNOY_VACUUM_BEGUN);
			free_slots(&state);
		}
	} while (block != InvalidBlockNumber);
	set_phase(&state, ANNOY_VACUUM_DONE);
	if (state.n_empty > 0)
		AnnoyTellParents(state.rel, state.index, &state.empty);
	stats->pages_deleted = state.n_empty;
	stats->estimated_count = false;

	pfree(state.dead);
	AnnoyBitsFree(&state.leaves);
	AnnoyBitsFree(&state.empty);
}

/*
 * Delete all index entries of rows that the callback calls dead.
 */
IndexBulkDeleteResult *
annoybulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vacuum_index(info, stats, callback, callback_state);
	return stats;
}

/*
 * Estimate the number of items, to know whether the curve is out of date.
 *
 * There is one for each row.  But if the index is partial, or VACUUM has not read
 * the whole table, we know only what the last ANALYZE or VACUUM found, and how much
 * larger the index is than it was when the curve was measured.
 */
static double
estimate_items(IndexVacuumInfo *info)
{
	Relation	rel = info->index;
	const AnnoyIndex *index = AnnoyOpen(rel);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	double		by_size;

	if (RelationGetIndexPredicate(rel) == NIL && !info->estimated_count)
		return info->num_heap_tuples;
	if (index->curve.points > 0)
		by_size = index->curve.items * nblocks / index->curve.blocks;
	else
		by_size = AnnoyEstimateItems(index, nblocks);
	return Max(by_size, Max(rel->rd_rel->reltuples, 0));
}

/*
 * How many rows the table has.  A VACUUM that has read no more than a page tells what the
 * last one, or ANALYZE, has found, however much larger the table is by now.  So what the
 * planner would think counts if it is many more: few more may be pages with dead rows.
 * Where there was neither, the planner has nothing to go by.
 */
static double
estimate_rows(IndexVacuumInfo *info)
{
	Relation	table;
	double		rows = info->num_heap_tuples;

	if (!info->estimated_count)
		return rows;
	table = table_open(info->index->rd_index->indrelid, NoLock);
	if (table->rd_rel->reltuples > 0)
	{
		BlockNumber pages;
		double		tuples;
		double		all_visible;

		table_relation_estimate_size(table, NULL, &pages, &tuples, &all_visible);
		if (tuples > MANY_MORE * rows)
			rows = tuples;
	}
	table_close(table, NoLock);
	return rows;
}

/*
 * May vectors be read, be it from the table?  In parallel mode, not by calling functions
 * that are not known to allow that.
 */
static bool
may_read_vectors(Relation rel)
{
	return !IsInParallelMode() || rel->rd_index->indkey.values[0] != 0 ||
		!AnnoyOpen(rel)->in_table;
}

/*
 * Finish.  If annoybulkdelete was not called, no row is dead, and there is no
 * need to read the index, unless an earlier VACUUM has left something to do.
 * An index without vectors starts afresh.
 */
IndexBulkDeleteResult *
annoyvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	bool		surveyed = stats != NULL;

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		surveyed = AnnoyGetVacuumPhase(info->index) != ANNOY_VACUUM_DONE;
		if (surveyed)
			vacuum_index(info, stats, NULL, NULL);
		else
		{
			stats->num_index_tuples = estimate_items(info);
			stats->estimated_count = info->estimated_count ||
				RelationGetIndexPredicate(info->index) != NIL;
		}
	}

	/* without dimensions there is nothing to forget, nor a curve */
	if ((surveyed || AnnoyOpen(info->index)->dim > 0) &&
		!AnnoyResetIfEmpty(info->index, info->strategy))
	{
		if (stats->tuples_removed > 0)
			AnnoyCountRemoved(info->index, stats->tuples_removed);
		if (may_read_vectors(info->index))
		{
			double		items = stats->num_index_tuples;
			bool		changed;

			AnnoyCorrectSpace(info->index, items, stats->pages_deleted);

			/*
			 * the size of an index, from which items may be estimated, tells
			 * nothing of what was removed, and too much of what was split
			 */
			if (stats->estimated_count)
			{
				double		rows = estimate_rows(info);

				items = Min(items, rows);
			}
			changed = AnnoyAdaptTrees(info->index, items, !surveyed || stats->estimated_count);
			AnnoyRefreshCurve(info->index, stats->num_index_tuples, changed);
		}
	}
	IndexFreeSpaceMapVacuum(info->index);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
