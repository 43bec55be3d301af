/*-------------------------------------------------------------------------
 *
 * nulls.c
 *	  Rows whose vector is NULL.
 *
 * They have pages of slots alone, and those of these pages that have a free slot
 * are in a list (list.c).  An insertion takes the first free slot of the first
 * page, and the page off the list when it is full.  VACUUM puts it back when it
 * frees slots.  The free space map, which item groups are in, is not for these
 * pages: it cannot be asked for either kind without being offered the other.
 *
 * The list is exact, as the WAL record that takes the last free slot of a page, or
 * frees the first one, also changes the list.  But a reset takes pages off the
 * list before it cuts them off the file; if a crash comes in between, VACUUM finds
 * them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/nulls.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"

/*
 * Make an empty page of NULLs.
 */
void
AnnoyNullsInit(Page page)
{
	AnnoyPageInit(page, ANNOY_PAGE_NULLS);
	AnnoyPageSetEnd(page, AnnoyPageGetSlots(page) + ANNOY_NULL_SLOTS);
}

/*
 * Make a page an empty one of NULLs, and list it, as a part of the WAL record in
 * which it was registered.  Returns the buffer of the metapage, locked, as
 * AnnoyListPut does.
 */
Buffer
AnnoyNullsAdd(Relation rel, GenericXLogState *xlog, Page page, BlockNumber block)
{
	Buffer		meta_buffer;

	AnnoyNullsInit(page);
	meta_buffer = AnnoyListPut(rel, xlog, page, block);
	AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0))->flags |= ANNOY_META_NULLS;
	return meta_buffer;
}

static void
set_slot(Page page, int slot_no, ItemPointer tid)
{
	AnnoySlot	slot = AnnoyPageGetSlots(page) + slot_no;

	slot->tid = *tid;
	slot->state = ANNOY_SLOT_LIVE;
}

/*
 * Store a NULL on a new page.
 */
static void
insert_on_new_page(Relation rel, ItemPointer tid)
{
	Buffer		buffer = AnnoyExtend(rel, MAIN_FORKNUM, 1);
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
	Buffer		meta_buffer;

	meta_buffer = AnnoyNullsAdd(rel, xlog, page, BufferGetBlockNumber(buffer));
	set_slot(page, 0, tid);
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
}

/* The number of the first free slot of a page, from a number on. */
static int
find_free_slot(Page page, int slot_no)
{
	while (slot_no < ANNOY_NULL_SLOTS &&
		   AnnoySlotState(AnnoyPageGetSlots(page) + slot_no) != ANNOY_SLOT_FREE)
		slot_no++;
	return slot_no;
}

/*
 * Store a NULL on the page that was first in the list.  Returns false if that
 * page is to be taken off the list, or was, but is not the first one any more.
 */
static bool
insert_on_head(Relation rel, BlockNumber head, ItemPointer tid)
{
	Buffer		buffer = AnnoyLockPage(rel, head, ANNOY_PAGE_NULLS,
									   BUFFER_LOCK_EXCLUSIVE, NULL);
	Buffer		meta_buffer = InvalidBuffer;
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	int			slot_no = find_free_slot(page, 0);
	bool		is_head = true;

	if (find_free_slot(page, slot_no + 1) >= ANNOY_NULL_SLOTS)
	{
		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
		is_head = AnnoyListTake(rel, xlog, meta_buffer, page, head);
		if (is_head && slot_no >= ANNOY_NULL_SLOTS)
			AnnoyReportCorruption(rel, head,
								  "The page is in the list of pages of NULLs with free slots, but has none.");
	}

	if (is_head)
	{
		set_slot(page, slot_no, tid);
		GenericXLogFinish(xlog);
	}
	else
		GenericXLogAbort(xlog);
	if (BufferIsValid(meta_buffer))
		UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
	return is_head;
}

/*
 * Store a row whose vector is NULL.
 */
void
AnnoyNullsInsert(Relation rel, ItemPointer tid)
{
	BlockNumber head;

	/* each time, somebody else has changed the list */
	while ((head = AnnoyListHead(rel, ANNOY_PAGE_NULLS, NULL)) != InvalidBlockNumber)
	{
		CHECK_FOR_INTERRUPTS();
		if (insert_on_head(rel, head, tid))
			return;
	}
	insert_on_new_page(rel, tid);
}

/*
 * Call a function for every row whose vector is NULL, live or dead.  No locks are
 * held meanwhile.
 */
void
AnnoyNullsWalk(Relation rel, BufferAccessStrategy strategy,
			   AnnoyItemCallback callback, void *arg)
{
	AnnoyMetaPageData meta;
	BlockNumber nblocks;
	PGAlignedBlock *copy;

	AnnoyReadMeta(rel, &meta);
	if ((meta.flags & ANNOY_META_NULLS) == 0)
		return;
	nblocks = RelationGetNumberOfBlocks(rel);
	copy = palloc(sizeof(PGAlignedBlock));
	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
		Buffer		buffer;
		bool		found;

		CHECK_FOR_INTERRUPTS();

		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		found = AnnoyPageIsValid(BufferGetPage(buffer)) &&
			AnnoyPageGetTag(BufferGetPage(buffer))->kind == ANNOY_PAGE_NULLS;
		if (found)
			memcpy(copy->data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);

		for (int i = 0; found && i < ANNOY_NULL_SLOTS; i++)
		{
			AnnoySlot	slot = AnnoyPageGetSlots(copy->data) + i;
			AnnoyItem	item = {0};
			AnnoyPointer pointer;

			if (AnnoySlotState(slot) == ANNOY_SLOT_FREE)
				continue;
			item.tid = slot->tid;
			item.state = slot->state;
			item.is_null = true;
			ItemPointerSet(&pointer, block, FirstOffsetNumber + i);
			callback(&pointer, &item, arg);
		}
	}
	pfree(copy);
}
