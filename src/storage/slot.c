/*-------------------------------------------------------------------------
 *
 * slot.c
 *	  Slots: of items, filled and freed; of NULLs, freed.  And storing an item,
 *	  which begins with finding a free slot.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/slot.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/freespace.h"
#include "storage/indexfsm.h"

#include "storage/storage.h"

/* What the free space map says of a group that has a free slot. */
#define FSM_ITEM_SPACE	((Size) 1024)

/* After so many attempts to find a group that nobody is at work on, one is added. */
#define MOST_BUSY		4

/*
 * Fill in a slot (counted from 0) of a group's first page.
 */
void
AnnoySlotSet(const AnnoyIndex *index, Page page, int slot_no,
			 const ItemPointerData *tid, const AnnoyPointer *attributes)
{
	AnnoySlot	slot = AnnoyPageGetSlots(page) + slot_no;

	slot->tid = *tid;
	slot->state = ANNOY_SLOT_LIVE;
	if (index->attributes_size > 0)
		AnnoyAttributePointers(index, page)[slot_no] = *attributes;
}

/*
 * Free a slot (counted from 0) of a group's first page, or of a page of NULLs.
 */
void
AnnoySlotClear(const AnnoyIndex *index, Page page, int slot_no)
{
	memset(AnnoyPageGetSlots(page) + slot_no, 0, sizeof(AnnoySlotData));
	if (index->attributes_size > 0 && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM)
		memset(AnnoyAttributePointers(index, page) + slot_no, 0, sizeof(AnnoyPointer));
}

/*
 * Add a new group, and return its first page's buffer, locked exclusively.
 */
static Buffer
add_group(Relation rel, const AnnoyIndex *index)
{
	Buffer		first = AnnoyExtend(rel, MAIN_FORKNUM, index->group_pages);

	/* the first page last: without it, nobody gets to the others */
	for (int i = index->group_pages - 1; i >= 0; i--)
	{
		Buffer		buffer = first;
		GenericXLogState *state;
		Page		page;

		if (i > 0)
		{
			buffer = ReadBuffer(rel, BufferGetBlockNumber(first) + i);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		}
		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
		if (i > 0)
			AnnoyPageInit(page, ANNOY_PAGE_ITEM_DATA);
		else
		{
			AnnoyPageInit(page, ANNOY_PAGE_ITEM);
			AnnoyPageSetEnd(page, AnnoyPageGetData(page) + index->group_head);
		}
		GenericXLogFinish(state);
		if (i > 0)
			UnlockReleaseBuffer(buffer);
	}
	return first;
}

/*
 * Note in the free space map that a group has free slots.  The caller holds no
 * locks.  Insertions may find it when FreeSpaceMapVacuumRange() or
 * IndexFreeSpaceMapVacuum() has been called.
 */
void
AnnoyItemRecordFree(Relation rel, BlockNumber block)
{
	RecordPageWithFreeSpace(rel, block, FSM_ITEM_SPACE);
}

/* The page with the attributes of the item in a slot of a group, which is not free. */
static BlockNumber
attributes_of(const AnnoyIndex *index, Page page, int slot)
{
	return index->attributes_size == 0 ? InvalidBlockNumber :
		ItemPointerGetBlockNumberNoCheck(AnnoyAttributePointers(index, page) + slot);
}

/*
 * Find a group with a free slot.  Returns its first page's buffer, locked
 * exclusively, the first free slot (counted from 0), how many there are, and
 * whether the group is new to the free space map; and the page with the attributes of
 * the item that has come before, here or to the group that was full, if that is known.
 *
 * If others are at work on the group that comes first, and on what the free space map
 * has after it, a new one is added, rather than waited for them.  So those who insert at
 * the same time come to have a group each.  The map has these, too, and so they are
 * filled in the end.
 */
static Buffer
find_free_slot(Relation rel, const AnnoyIndex *index, int *slot, int *nfree,
			   bool *added, BlockNumber *attributes)
{
	BlockNumber block = RelationGetTargetBlock(rel);
	BlockNumber full = InvalidBlockNumber;
	int			busy = 0;
	Buffer		buffer;

	*added = false;
	*attributes = InvalidBlockNumber;
	for (;;)
	{
		AnnoySlot	slots;
		int			nslots;

		CHECK_FOR_INTERRUPTS();

		if (block == InvalidBlockNumber && busy < MOST_BUSY)
			block = full == InvalidBlockNumber ?
				GetPageWithFreeSpace(rel, FSM_ITEM_SPACE) :
				RecordAndGetPageWithFreeSpace(rel, full, 0, FSM_ITEM_SPACE);

		/* after a crash the map may know pages that are not there */
		while (block != InvalidBlockNumber && block >= RelationGetNumberOfBlocks(rel))
			block = RecordAndGetPageWithFreeSpace(rel, block, 0, FSM_ITEM_SPACE);
		if (block == InvalidBlockNumber)
		{
			buffer = add_group(rel, index);
			*added = true;
		}
		else
		{
			buffer = ReadBuffer(rel, block);
			if (!ConditionalLockBuffer(buffer))
			{
				ReleaseBuffer(buffer);
				block = full = InvalidBlockNumber;
				busy++;
				continue;
			}
		}

		/* the free space map may be wrong: it is not WAL-logged */
		slots = AnnoyPageGetSlots(BufferGetPage(buffer));
		nslots = AnnoyPageSlotCount(index, BufferGetPage(buffer));
		if (nslots > 0 &&
			AnnoyPageGetTag(BufferGetPage(buffer))->kind != ANNOY_PAGE_ITEM)
			nslots = 0;
		*nfree = 0;
		for (int i = nslots - 1; i >= 0; i--)
		{
			if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_FREE)
			{
				*slot = i;
				(*nfree)++;
			}
		}
		if (nslots > 0 && (*nfree == 0 || *slot > 0))
			*attributes = attributes_of(index, BufferGetPage(buffer),
										(*nfree == 0 ? nslots : *slot) - 1);
		if (*nfree > 0)
			break;

		full = BufferGetBlockNumber(buffer);
		block = InvalidBlockNumber;
		UnlockReleaseBuffer(buffer);
	}

	RelationSetTargetBlock(rel, BufferGetBlockNumber(buffer));
	return buffer;
}

/*
 * Store an item that has a vector, and its attributes and their signature if the index
 * has further columns.  Returns a pointer to it.
 *
 * The parts of the vector on further pages are written and logged first, each
 * on its own, under the lock on the first page: until that page's slot is set,
 * nobody looks at them.
 */
AnnoyPointer
AnnoyItemInsert(Relation rel, const AnnoyIndex *index, ItemPointer tid,
				const AnnoyVector *vec, IndexTuple attributes,
				const AnnoySignature * signature)
{
	Buffer		attributes_buffer = InvalidBuffer;
	BlockNumber attributes_before;
	Buffer		meta_buffer = InvalidBuffer;
	AnnoyPointer attributes_pointer = {0};
	AnnoyPointer pointer;
	Buffer		buffer;
	BlockNumber block;
	GenericXLogState *state;
	Page		page;
	int			slot_no = 0;
	int			nfree;
	bool		added;

	buffer = find_free_slot(rel, index, &slot_no, &nfree, &added, &attributes_before);
	block = BufferGetBlockNumber(buffer);
	ItemPointerSet(&pointer, block, FirstOffsetNumber + slot_no);

	for (int i = Max(AnnoyItemFirstPage(index, slot_no), 1);
		 i <= AnnoyItemLastPage(index, slot_no); i++)
	{
		Buffer		data = AnnoyLockPage(rel, block + i, ANNOY_PAGE_ITEM_DATA,
										 BUFFER_LOCK_EXCLUSIVE, NULL);

		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, data, 0);
		AnnoyItemPut(index, page, i, slot_no, vec);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(data);
	}

	if (attributes != NULL)
	{
		attributes->t_tid = pointer;
		attributes_buffer = AnnoyAttributesRoom(rel, attributes, block, attributes_before);
	}
	state = GenericXLogStart(rel);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	AnnoyItemPut(index, page, 0, slot_no, vec);
	if (attributes != NULL)
		meta_buffer = AnnoyAttributesPut(rel, index, state, attributes_buffer, attributes,
										 signature, &attributes_pointer);
	AnnoySlotSet(index, page, slot_no, tid, &attributes_pointer);
	GenericXLogFinish(state);
	if (BufferIsValid(meta_buffer))
		UnlockReleaseBuffer(meta_buffer);
	if (BufferIsValid(attributes_buffer))
		UnlockReleaseBuffer(attributes_buffer);
	UnlockReleaseBuffer(buffer);

	if (nfree == 1)
		RecordPageWithFreeSpace(rel, block, 0);
	else if (added)
	{
		AnnoyItemRecordFree(rel, block);
		FreeSpaceMapVacuumRange(rel, block, block + 1);
	}
	return pointer;
}
