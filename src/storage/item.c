/*-------------------------------------------------------------------------
 *
 * item.c
 *	  Items: for each row its heap TID and its vector, stored once for all
 *	  trees.  Here is where vectors are in a group, and how items are read.
 *	  An index may leave vectors to the table; then readers have a source of them.
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

#include "error.h"
#include "storage/storage.h"
#include "type/type.h"

/* Bytes a row may take in a group, in relation to those of its vector. */
#define MAX_BLOAT		1.15
/* ... or to those of vector and slot, where the slot weighs more than that. */
#define MAX_SLOT_BLOAT	1.03

/*
 * Decide how many slots on how many pages make a group, for the vectors of an
 * index: the smallest group that does not waste much at its end.
 */
void
AnnoyItemGeometry(AnnoyIndex *index)
{
	Size		size = index->in_table ? 0 : AnnoyVectorSize(index->dtype, index->dim);
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
 * Prepare to read items.  The reader allocates in the current memory context.  If
 * vectors are not stored, and no source of them is given, items are read without.
 */
void
AnnoyItemReaderInit(AnnoyItemReader *reader, Relation rel,
					const AnnoyIndex *index, AnnoyVectorSource *source,
					BufferAccessStrategy strategy)
{
	reader->rel = rel;
	reader->index = index;
	reader->source = source;
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
	item->is_null = AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
	if (item->is_null || AnnoySlotState(slot) == ANNOY_SLOT_FREE)
		return false;
	if (index->attributes_size > 0)
		item->attributes = AnnoySlotAttributes(index, page, slot_no);
	if (index->in_table)
		return false;

	part = stream_part(index, page, 0);
	if (start + index->item_size > part.length)
		return true;
	item->vector.data = part.data + start;
	return false;
}

/*
 * Have the vector of an item that has been read come from a source.  The caller holds
 * no locks.
 */
static void
get_from_source(AnnoyVectorSource *source, const AnnoyPointer *pointer, AnnoyItem *item)
{
	if (source == NULL || item->is_null || AnnoySlotState(item) == ANNOY_SLOT_FREE)
		return;
	if (!source->read(source, pointer, &item->tid, &item->vector))
	{
		item->state = ANNOY_SLOT_DEAD;
		item->vector.data = NULL;
	}
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
	int			slot_no = offset - FirstOffsetNumber;

	if (!is_slot(index, offset))
		return;
	AnnoyPrefetchBuffer(reader->rel, block);
	for (int i = Max(AnnoyItemFirstPage(index, slot_no), 1);
		 i <= AnnoyItemLastPage(index, slot_no); i++)
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
	int			slot_no = offset - FirstOffsetNumber;
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
	__builtin_prefetch(AnnoyPageGetSlots(BufferGetPage(buffer)) + slot_no);
	if (reader->tests_first)
	{
		__builtin_prefetch(AnnoyAttributePointers(index, BufferGetPage(buffer)) + slot_no);
		return buffer;
	}

	if (index->in_table)
		return buffer;
	start = slot_no * index->item_size;
	end = start + index->item_size;
	for (int i = AnnoyItemFirstPage(index, slot_no); i <= AnnoyItemLastPage(index, slot_no); i++)
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
 * Read an item whose page was pinned by AnnoyItemPin.  The page stays locked, and the
 * item's vector valid, until AnnoyItemRelease.  If vectors are not stored, the page is
 * released at once, since no lock on it may be held while the table is read.
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
		Assert(!index->in_table);
		for (int i = AnnoyItemFirstPage(index, slot_no); i <= AnnoyItemLastPage(index, slot_no); i++)
		{
			Buffer		data = buffer;

			if (i > 0)
				data = AnnoyLockPage(reader->rel, BufferGetBlockNumber(buffer) + i,
									 ANNOY_PAGE_ITEM_DATA, BUFFER_LOCK_SHARE,
									 reader->strategy);
			get_part(index, BufferGetPage(data), i, slot_no, reader->scratch);
			if (i > 0)
				UnlockReleaseBuffer(data);
		}
		item->vector.data = reader->scratch;
	}
	if (index->in_table)
	{
		AnnoyItemRelease(reader);
		get_from_source(reader->source, pointer, item);
	}
}

void
AnnoyItemRelease(AnnoyItemReader *reader)
{
	if (BufferIsValid(reader->buffer))
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
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
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
				Buffer		data = AnnoyLockPage(rel, block + i, ANNOY_PAGE_ITEM_DATA,
												 BUFFER_LOCK_SHARE, strategy);

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
 * meanwhile.  If vectors are not stored, items have those of the source, or none.
 */
void
AnnoyItemWalkRange(Relation rel, const AnnoyIndex *index, AnnoyVectorSource *source,
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
			if (index->in_table)
				get_from_source(source, &pointer, &item);
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
AnnoyItemWalk(Relation rel, const AnnoyIndex *index, AnnoyVectorSource *source,
			  BufferAccessStrategy strategy, AnnoyItemCallback callback,
			  void *arg)
{
	AnnoyItemWalkRange(rel, index, source, strategy, ANNOY_FIRST_ROOT_BLKNO,
					   RelationGetNumberOfBlocks(rel), callback, arg);
}
