/*-------------------------------------------------------------------------
 *
 * nulls.c
 *	  Rows whose vector is NULL.
 *
 * They have pages of slots alone.  Those of them that have a free slot form a
 * list, which begins in the metapage and changes only there: an insertion takes
 * the first free slot of the first page, and the page off the list when it is
 * full; VACUUM puts it back in front when it frees slots.  The free space map,
 * which item groups are in, is not for these pages: it cannot be asked for
 * either kind without being offered the other.
 *
 * The metapage is locked after the page that joins or leaves the list, and both
 * are changed in one WAL record.  So a page is in the list if and only if it
 * has a free slot, but for those that a reset takes off to cut them from the
 * file, should a crash come before that: VACUUM finds them.
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

static void
report_list(Relation rel, BlockNumber block)
{
	AnnoyReportCorruption(rel, block, "The list of pages of NULLs is corrupted at this one.");
}

/* Pin and lock a page of NULLs. */
static Buffer
lock_page(Relation rel, BlockNumber block, int mode)
{
	Buffer		buffer = AnnoyReadBuffer(rel, block, NULL);

	LockBuffer(buffer, mode);
	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_NULLS);
	return buffer;
}

static BlockNumber
read_head(Relation rel)
{
	Buffer		buffer = AnnoyLockMeta(rel, BUFFER_LOCK_SHARE);
	BlockNumber head = AnnoyPageGetMeta(BufferGetPage(buffer))->null_free;

	UnlockReleaseBuffer(buffer);
	return head;
}

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
 * Put a page of NULLs in front of the list, as a part of the WAL record in
 * which it was registered.  Returns the buffer of the metapage, locked until
 * the caller has finished the record.
 */
Buffer
AnnoyNullsLink(Relation rel, GenericXLogState *xlog, Page page, BlockNumber block)
{
	Buffer		buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
	AnnoyMetaPage meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, buffer, 0));

	meta->flags |= ANNOY_META_NULLS;
	Assert(AnnoyPageGetTag(page)->next_free == ANNOY_NOT_LISTED);
	AnnoyPageGetTag(page)->next_free = meta->null_free;
	meta->null_free = block;
	meta->null_changes++;
	return buffer;
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

	AnnoyNullsInit(page);
	set_slot(page, 0, tid);
	meta_buffer = AnnoyNullsLink(rel, xlog, page, BufferGetBlockNumber(buffer));
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * Store a NULL on the page that was first in the list.  Returns false if that
 * page is to be taken off the list, or was, but is not the first one any more.
 */
static bool
insert_on_head(Relation rel, BlockNumber head, ItemPointer tid)
{
	Buffer		buffer = lock_page(rel, head, BUFFER_LOCK_EXCLUSIVE);
	Buffer		meta_buffer = InvalidBuffer;
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			slot_no = 0;
	int			next_slot;
	bool		is_head = true;

	while (slot_no < ANNOY_NULL_SLOTS &&
		   AnnoySlotState(&slots[slot_no]) != ANNOY_SLOT_FREE)
		slot_no++;
	next_slot = slot_no + 1;
	while (next_slot < ANNOY_NULL_SLOTS &&
		   AnnoySlotState(&slots[next_slot]) != ANNOY_SLOT_FREE)
		next_slot++;

	if (next_slot >= ANNOY_NULL_SLOTS)
	{
		AnnoyPageTag *tag = AnnoyPageGetTag(page);
		AnnoyMetaPage meta;

		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
		meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0));
		is_head = meta->null_free == head;
		if (is_head)
		{
			if (slot_no >= ANNOY_NULL_SLOTS || tag->next_free == ANNOY_NOT_LISTED)
				report_list(rel, head);
			meta->null_free = tag->next_free;
			meta->null_changes++;
			tag->next_free = ANNOY_NOT_LISTED;
		}
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
	while ((head = read_head(rel)) != InvalidBlockNumber)
	{
		CHECK_FOR_INTERRUPTS();
		if (insert_on_head(rel, head, tid))
			return;
	}
	insert_on_new_page(rel, tid);
}

/*
 * Take the pages from a block on off the list, as they are about to be cut off
 * the file.  The caller has an AccessExclusiveLock on the index.
 */
void
AnnoyNullsCut(Relation rel, BlockNumber end)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	BlockNumber before = ANNOY_METAPAGE_BLKNO;
	BlockNumber block = read_head(rel);

	for (BlockNumber steps = 0; block != InvalidBlockNumber; steps++)
	{
		Buffer		buffer;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();

		buffer = lock_page(rel, block, BUFFER_LOCK_EXCLUSIVE);
		next = AnnoyPageGetTag(BufferGetPage(buffer))->next_free;
		if (steps >= nblocks || next == ANNOY_NOT_LISTED)
			report_list(rel, block);
		if (block < end)
			before = block;
		else
		{
			bool		is_head = before == ANNOY_METAPAGE_BLKNO;
			Buffer		before_buffer = is_head ?
			AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE) :
			lock_page(rel, before, BUFFER_LOCK_EXCLUSIVE);
			GenericXLogState *xlog = GenericXLogStart(rel);
			Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
			Page		before_page = GenericXLogRegisterBuffer(xlog, before_buffer, 0);

			AnnoyPageGetTag(page)->next_free = ANNOY_NOT_LISTED;
			if (is_head)
				AnnoyPageGetMeta(before_page)->null_free = next;
			else
				AnnoyPageGetTag(before_page)->next_free = next;
			GenericXLogFinish(xlog);
			UnlockReleaseBuffer(before_buffer);
		}
		UnlockReleaseBuffer(buffer);
		block = next;
	}
}

/*
 * Call a function for every row whose vector is NULL, live or dead.  No locks are
 * held meanwhile.
 */
void
AnnoyNullsWalk(Relation rel, BufferAccessStrategy strategy,
			   AnnoyItemCallback callback, void *arg)
{
	Buffer		buffer = AnnoyLockMeta(rel, BUFFER_LOCK_SHARE);
	bool		found = (AnnoyPageGetMeta(BufferGetPage(buffer))->flags & ANNOY_META_NULLS) != 0;
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	PGAlignedBlock *copy;

	UnlockReleaseBuffer(buffer);
	if (!found)
		return;
	copy = palloc(sizeof(PGAlignedBlock));
	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
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
			ItemPointerSet(&pointer, block, FirstOffsetNumber + i);
			callback(&pointer, &item, arg);
		}
	}
	pfree(copy);
}
