/*-------------------------------------------------------------------------
 *
 * item.c
 *	  Items: for each row its heap TID and its vector, stored once for all
 *	  trees.
 *
 * Items are in groups of consecutive pages, see annoy_page.h.  The lock on a
 * group's first page covers the whole group: whoever reads or writes a vector
 * on a further page holds the lock on the first one and then locks the further
 * page as well.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/item.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"

#include "error.h"
#include "storage/storage.h"
#include "type/type.h"

/* Bytes a row may take in a group, in relation to those of its vector. */
#define MAX_BLOAT		1.15
/* ... or to those of vector and slot, where the slot weighs more than that. */
#define MAX_SLOT_BLOAT	1.03

/* What the free space map says of a group that has a free slot. */
#define FSM_ITEM_SPACE	((Size) 1024)

/*
 * Decide how many slots on how many pages make a group, for the vectors of an
 * index: the smallest group that does not waste much at its end.
 */
void
AnnoyItemGeometry(AnnoyIndex *index)
{
	Size		size = AnnoyVectorSize(index->dtype, index->dim);
	Size		slot_size = sizeof(AnnoySlotData) +
	(index->attributes_size > 0 ? sizeof(AnnoyPointer) : 0);
	double		enough = Max(MAX_BLOAT * size, MAX_SLOT_BLOAT * (size + slot_size));
	double		best = 0;

	index->item_size = size;
	for (int n = 1; n <= ANNOY_MAX_GROUP_PAGES; n++)
	{
		int			fit = n * ANNOY_PAGE_CAPACITY / (size + slot_size);
		double		bytes;

		fit = Min(fit, (int) (MAXALIGN_DOWN(ANNOY_PAGE_CAPACITY) / slot_size));
		if (fit > 0 && MAXALIGN(fit * slot_size) + fit * size > n * ANNOY_PAGE_CAPACITY)
			fit--;
		if (fit == 0)
			continue;
		bytes = (double) n * BLCKSZ / fit;
		if (best == 0 || bytes < best)
		{
			best = bytes;
			index->group_slots = fit;
			index->group_pages = n;
			index->group_head = MAXALIGN(fit * slot_size);
		}
		if (bytes <= enough)
			break;
	}
	Assert(best > 0);
}

/* The pointers to the attributes of a group's items, on its first page. */
static AnnoyPointer *
attribute_pointers(const AnnoyIndex *index, Page page)
{
	Assert(index->attributes_size > 0);
	return (AnnoyPointer *) (AnnoyPageGetSlots(page) + index->group_slots);
}

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
		attribute_pointers(index, page)[slot_no] = *attributes;
}

/*
 * Free a slot (counted from 0) of a group's first page, or of a page of NULLs.
 */
void
AnnoySlotClear(const AnnoyIndex *index, Page page, int slot_no)
{
	memset(AnnoyPageGetSlots(page) + slot_no, 0, sizeof(AnnoySlotData));
	if (index->attributes_size > 0 && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM)
		memset(attribute_pointers(index, page) + slot_no, 0, sizeof(AnnoyPointer));
}

/*
 * Where the attributes of the item in a slot (counted from 0) of a group's first
 * page are.
 */
AnnoyPointer
AnnoySlotAttributes(const AnnoyIndex *index, Page page, int slot_no)
{
	return attribute_pointers(index, page)[slot_no];
}

/* Where on a group's pages the stream of vectors continues. */
typedef struct StreamPart
{
	int			start;			/* stream position of the page's first byte */
	int			length;
	char	   *data;
} StreamPart;

static StreamPart
stream_part(const AnnoyIndex *index, Page page, int page_no)
{
	int			head = index->group_head;
	StreamPart	part;

	if (page_no == 0)
	{
		part.start = 0;
		part.length = ANNOY_PAGE_CAPACITY - head;
		part.data = AnnoyPageGetData(page) + head;
	}
	else
	{
		part.start = page_no * ANNOY_PAGE_CAPACITY - head;
		part.length = ANNOY_PAGE_CAPACITY;
		part.data = AnnoyPageGetData(page);
	}
	return part;
}

/* The first page of a group that holds a byte of the stream. */
static int
stream_page(const AnnoyIndex *index, int position)
{
	return (position + index->group_head) / (int) ANNOY_PAGE_CAPACITY;
}

/*
 * Copy to one page of a group what belongs there of the vector of a slot
 * (counted from 0).
 */
void
AnnoyItemPut(const AnnoyIndex *index, Page page, int page_no, int slot,
			 const AnnoyVector *vec)
{
	StreamPart	part = stream_part(index, page, page_no);
	int			start = slot * index->item_size;
	int			from = Max(start, part.start);
	int			to = Min(start + index->item_size, part.start + part.length);

	Assert(vec->dtype == index->dtype && vec->dim == index->dim);

	if (from < to)
	{
		char	   *end = part.data + to - part.start;

		memcpy(part.data + from - part.start,
			   (const char *) vec->data + from - start, to - from);
		if (end > (char *) page + ((PageHeader) page)->pd_lower)
			AnnoyPageSetEnd(page, end);
	}
}

/*
 * Where on one page of a group its part of the vector of a slot (counted from
 * 0) ends; 0 if it has no part of it.
 */
int
AnnoyItemEnd(const AnnoyIndex *index, Page page, int page_no, int slot)
{
	StreamPart	part = stream_part(index, page, page_no);
	int			start = slot * index->item_size;
	int			from = Max(start, part.start);
	int			to = Min(start + index->item_size, part.start + part.length);

	return from < to ? part.data + to - part.start - page : 0;
}

/*
 * Number of slots on a page: 0 unless it is the first page of an item group or
 * a page of NULLs.
 */
int
AnnoyPageSlotCount(const AnnoyIndex *index, Page page)
{
	if (!AnnoyPageIsValid(page))
		return 0;
	switch (AnnoyPageGetTag(page)->kind)
	{
		case ANNOY_PAGE_ITEM:
			return index->group_slots;
		case ANNOY_PAGE_NULLS:
			return ANNOY_NULL_SLOTS;
		default:
			return 0;
	}
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

/*
 * Find a group with a free slot.  Returns its first page's buffer, locked
 * exclusively, the first free slot (counted from 0), how many there are, and
 * whether the group is new to the free space map.
 */
static Buffer
find_free_slot(Relation rel, const AnnoyIndex *index, int *slot, int *nfree,
			   bool *added)
{
	BlockNumber block = RelationGetTargetBlock(rel);
	BlockNumber full = InvalidBlockNumber;
	Buffer		buffer;

	*added = false;
	for (;;)
	{
		AnnoySlot	slots;
		int			nslots;

		CHECK_FOR_INTERRUPTS();

		if (block == InvalidBlockNumber)
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
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
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
 * Store an item that has a vector, and its attributes if the index has further
 * columns.  Returns a pointer to it.
 *
 * The parts of the vector on further pages are written and logged first, each
 * on its own, under the lock on the first page: until that page's slot is set,
 * nobody looks at them.
 */
AnnoyPointer
AnnoyItemInsert(Relation rel, const AnnoyIndex *index, ItemPointer tid,
				const AnnoyVector *vec, IndexTuple attributes)
{
	Buffer		attributes_buffer = InvalidBuffer;
	Buffer		meta_buffer = InvalidBuffer;
	AnnoyPointer attributes_pointer = {0};
	AnnoyPointer pointer;
	Buffer		buffer;
	BlockNumber block;
	GenericXLogState *state;
	Page		page;
	int			slot_no = 0;
	int			start;
	int			last;
	int			nfree;
	bool		added;

	buffer = find_free_slot(rel, index, &slot_no, &nfree, &added);
	block = BufferGetBlockNumber(buffer);
	ItemPointerSet(&pointer, block, FirstOffsetNumber + slot_no);

	start = slot_no * index->item_size;
	last = stream_page(index, start + index->item_size - 1);
	for (int i = Max(stream_page(index, start), 1); i <= last; i++)
	{
		Buffer		data = AnnoyReadBuffer(rel, block + i, NULL);

		LockBuffer(data, BUFFER_LOCK_EXCLUSIVE);
		AnnoyCheckPage(rel, data, ANNOY_PAGE_ITEM_DATA);
		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, data, 0);
		AnnoyItemPut(index, page, i, slot_no, vec);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(data);
	}

	if (attributes != NULL)
	{
		attributes->t_tid = pointer;
		attributes_buffer = AnnoyAttributesRoom(rel, attributes, block);
	}
	state = GenericXLogStart(rel);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	AnnoyItemPut(index, page, 0, slot_no, vec);
	if (attributes != NULL)
		meta_buffer = AnnoyAttributesPut(rel, state, attributes_buffer, attributes,
										 &attributes_pointer);
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

/*
 * Prepare to read items.  The reader allocates in the current memory context.
 */
void
AnnoyItemReaderInit(AnnoyItemReader *reader, Relation rel,
					const AnnoyIndex *index, BufferAccessStrategy strategy)
{
	reader->rel = rel;
	reader->index = index;
	reader->strategy = strategy;
	reader->buffer = InvalidBuffer;
	reader->scratch = palloc(MAXALIGN(Max(index->item_size, 1)));
	reader->tests_first = false;
}

void
AnnoyItemReaderEnd(AnnoyItemReader *reader)
{
	Assert(!BufferIsValid(reader->buffer));
	pfree(reader->scratch);
}

/*
 * Copy from one page of a group what is there of the vector of a slot.
 */
static void
get_part(const AnnoyIndex *index, Page page, int page_no, int slot_no,
		 char *vector)
{
	StreamPart	part = stream_part(index, page, page_no);
	int			start = slot_no * index->item_size;
	int			from = Max(start, part.start);
	int			to = Min(start + index->item_size, part.start + part.length);

	if (from < to)
		memcpy(vector + from - start, part.data + from - part.start, to - from);
}

/*
 * Begin to read the item in a slot (counted from 0) of a group's first page, or
 * of a page of NULLs.  Returns true if the vector remains to be collected from
 * several pages; otherwise it is found on this one, or there is none.
 */
static bool
read_slot(const AnnoyIndex *index, Page page, int slot_no, AnnoyItem *item)
{
	AnnoySlot	slot = AnnoyPageGetSlots(page) + slot_no;
	StreamPart	part;
	int			start = slot_no * index->item_size;

	item->tid = slot->tid;
	item->state = slot->state;
	item->vector.dtype = index->dtype;
	item->vector.dim = index->dim;
	item->vector.data = NULL;
	if (AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS ||
		AnnoySlotState(slot) == ANNOY_SLOT_FREE)
		return false;
	if (index->attributes_size > 0)
		item->attributes = AnnoySlotAttributes(index, page, slot_no);

	part = stream_part(index, page, 0);
	if (start + index->item_size > part.length)
		return true;
	item->vector.data = part.data + start;
	return false;
}

/* Do groups have a slot of that number, counted from FirstOffsetNumber? */
static inline bool
is_slot(const AnnoyIndex *index, OffsetNumber offset)
{
	return offset >= FirstOffsetNumber && offset <= index->group_slots;
}

/*
 * May there be an item where a pointer from a page points to?  If so, the numbers
 * in it are not too large for what the index has.
 */
bool
AnnoyItemMayExist(Relation rel, const AnnoyIndex *index, const AnnoyPointer *pointer)
{
	return is_slot(index, ItemPointerGetOffsetNumberNoCheck(pointer)) &&
		AnnoyBlockExists(rel, ItemPointerGetBlockNumberNoCheck(pointer));
}

/*
 * May there be a row with a TID that an item has?  A table access method of
 * another kind may number its rows as it likes.
 */
bool
AnnoyRowMayExist(Relation heap, const ItemPointerData *tid)
{
	if (!ItemPointerIsValid(tid) ||
		ItemPointerGetBlockNumberNoCheck(tid) == InvalidBlockNumber)
		return false;
	return heap->rd_tableam != GetHeapamTableAmRoutine() ||
		AnnoyBlockExists(heap, ItemPointerGetBlockNumberNoCheck(tid));
}

/*
 * Raise an error unless there may be a row with a TID that an item has.
 */
void
AnnoyCheckRow(Relation rel, Relation heap, const ItemPointerData *tid)
{
	if (unlikely(!AnnoyRowMayExist(heap, tid)))
		AnnoyReportCorruption(rel, InvalidBlockNumber,
							  "There is an item of row (%u,%u), which cannot exist.",
							  ItemPointerGetBlockNumberNoCheck(tid),
							  ItemPointerGetOffsetNumberNoCheck(tid));
}

/*
 * Raise an error if an item's vector has components that are not finite, which is
 * true of no vector that was inserted.  This is for when a distance is NaN, and
 * where it takes no time to speak of.
 */
void
AnnoyCheckVector(Relation rel, const AnnoyPointer *pointer, const AnnoyVector *vec)
{
	double		value;
	int			i = AnnoyFindNotFinite(vec, &value);

	if (unlikely(i >= 0))
		AnnoyReportCorruption(rel, ItemPointerGetBlockNumberNoCheck(pointer),
							  "Component %d of the vector in slot %u is %g.", i + 1,
							  ItemPointerGetOffsetNumberNoCheck(pointer), value);
}

/*
 * Have the processor fetch what AnnoyItemPin will need, which reports a pointer
 * that is wrong.
 */
void
AnnoyItemPrefetch(AnnoyItemReader *reader, const AnnoyPointer *pointer)
{
	const AnnoyIndex *index = reader->index;
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(pointer);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(pointer);
	int			start;
	int			last;

	if (!is_slot(index, offset))
		return;
	start = (offset - FirstOffsetNumber) * index->item_size;
	last = stream_page(index, start + index->item_size - 1);
	AnnoyPrefetchBuffer(reader->rel, block);
	for (int i = Max(stream_page(index, start), 1); i <= last; i++)
		AnnoyPrefetchBuffer(reader->rel, block + i);
}

/*
 * Pin the page of an item that an entry points to, and have the processor
 * fetch the item: several items that are pinned before the first is read take
 * little longer than one.
 */
Buffer
AnnoyItemPin(AnnoyItemReader *reader, const AnnoyPointer *pointer)
{
	const AnnoyIndex *index = reader->index;
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(pointer);
	Buffer		buffer;
	int			start;
	int			end;

	if (unlikely(!is_slot(index, offset)))
		AnnoyReportCorruption(reader->rel, InvalidBlockNumber,
							  "A page points to the item in slot %u of block %u, of at most %d.",
							  offset, ItemPointerGetBlockNumberNoCheck(pointer),
							  index->group_slots);

	buffer = AnnoyReadBuffer(reader->rel, ItemPointerGetBlockNumberNoCheck(pointer),
							 reader->strategy);
	__builtin_prefetch(BufferGetPage(buffer));
	__builtin_prefetch(AnnoyPageGetSlots(BufferGetPage(buffer)) + offset - FirstOffsetNumber);
	if (reader->tests_first)
	{
		__builtin_prefetch(attribute_pointers(index, BufferGetPage(buffer)) +
						   offset - FirstOffsetNumber);
		return buffer;
	}

	start = (offset - FirstOffsetNumber) * index->item_size;
	end = start + index->item_size;
	for (int i = stream_page(index, start); i <= stream_page(index, end - 1); i++)
	{
		Page		page = BufferGetPage(buffer);
		StreamPart	part = stream_part(index, page, i);
		int			from = Max(start, part.start);
		int			to = Min(end, part.start + part.length);

		AnnoyPrefetchPage(reader->rel, ItemPointerGetBlockNumberNoCheck(pointer) + i,
						  part.data - page + from - part.start, to - from);
	}
	return buffer;
}

/*
 * Read an item whose page was pinned by AnnoyItemPin.  The page stays locked,
 * and the item's vector valid, until AnnoyItemRelease.
 */
void
AnnoyItemFetch(AnnoyItemReader *reader, Buffer buffer,
			   const AnnoyPointer *pointer, AnnoyItem *item)
{
	const AnnoyIndex *index = reader->index;
	int			slot_no = ItemPointerGetOffsetNumberNoCheck(pointer) - FirstOffsetNumber;

	Assert(!BufferIsValid(reader->buffer));

	reader->buffer = buffer;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckPage(reader->rel, buffer, ANNOY_PAGE_ITEM);
	if (read_slot(index, BufferGetPage(buffer), slot_no, item))
	{
		int			start = slot_no * index->item_size;
		int			last = stream_page(index, start + index->item_size - 1);

		for (int i = stream_page(index, start); i <= last; i++)
		{
			Buffer		data = buffer;

			if (i > 0)
			{
				data = AnnoyReadBuffer(reader->rel, BufferGetBlockNumber(buffer) + i,
									   reader->strategy);
				LockBuffer(data, BUFFER_LOCK_SHARE);
				AnnoyCheckPage(reader->rel, data, ANNOY_PAGE_ITEM_DATA);
			}
			get_part(index, BufferGetPage(data), i, slot_no, reader->scratch);
			if (i > 0)
				UnlockReleaseBuffer(data);
		}
		item->vector.data = reader->scratch;
	}
}

void
AnnoyItemRelease(AnnoyItemReader *reader)
{
	UnlockReleaseBuffer(reader->buffer);
	reader->buffer = InvalidBuffer;
}

/*
 * Copy a whole group, given its first block, or a page of NULLs.  Returns the
 * number of its slots, which is 0 if there is no group at that block.
 */
static int
copy_group(Relation rel, const AnnoyIndex *index, BlockNumber block,
		   BufferAccessStrategy strategy, char *group)
{
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL,
											strategy);
	int			nslots;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	nslots = AnnoyPageSlotCount(index, BufferGetPage(buffer));
	if (nslots > 0)
	{
		memcpy(group, BufferGetPage(buffer), BLCKSZ);
		if (AnnoyPageGetTag(group)->kind == ANNOY_PAGE_ITEM)
		{
			for (int i = 1; i < index->group_pages; i++)
			{
				Buffer		data = AnnoyReadBuffer(rel, block + i, strategy);

				LockBuffer(data, BUFFER_LOCK_SHARE);
				AnnoyCheckPage(rel, data, ANNOY_PAGE_ITEM_DATA);
				memcpy(group + (Size) i * BLCKSZ, BufferGetPage(data), BLCKSZ);
				UnlockReleaseBuffer(data);
			}
		}
	}
	UnlockReleaseBuffer(buffer);
	return nslots;
}

/*
 * Call a function for every item, live or dead, NULL or not, of the groups
 * that begin in a range of blocks, in their order.  No locks are held
 * meanwhile.
 */
void
AnnoyItemWalkRange(Relation rel, const AnnoyIndex *index,
				   BufferAccessStrategy strategy, BlockNumber first,
				   BlockNumber end, AnnoyItemCallback callback, void *arg)
{
	char	   *group = palloc((Size) Max(index->group_pages, 1) * BLCKSZ);
	char	   *vector = palloc(Max(index->item_size, 1));

	for (BlockNumber block = first; block < end; block++)
	{
		int			nslots = copy_group(rel, index, block, strategy, group);

		CHECK_FOR_INTERRUPTS();

		for (int i = 0; i < nslots; i++)
		{
			AnnoyPointer pointer;
			AnnoyItem	item;

			if (AnnoySlotState(AnnoyPageGetSlots(group) + i) == ANNOY_SLOT_FREE)
				continue;
			if (read_slot(index, group, i, &item))
			{
				for (int j = 0; j < index->group_pages; j++)
					get_part(index, group + (Size) j * BLCKSZ, j, i, vector);
				item.vector.data = vector;
			}
			ItemPointerSet(&pointer, block, FirstOffsetNumber + i);
			callback(&pointer, &item, arg);
		}
	}
	pfree(group);
	pfree(vector);
}

/*
 * Call a function for every item of the index.
 */
void
AnnoyItemWalk(Relation rel, const AnnoyIndex *index,
			  BufferAccessStrategy strategy, AnnoyItemCallback callback,
			  void *arg)
{
	AnnoyItemWalkRange(rel, index, strategy, ANNOY_FIRST_ROOT_BLKNO,
					   RelationGetNumberOfBlocks(rel), callback, arg);
}
