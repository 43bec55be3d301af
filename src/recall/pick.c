/*-------------------------------------------------------------------------
 *
 * pick.c
 *	  Some of the items of an index, chosen at random, to be asked as queries.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/pick.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "annoy.h"
#include "recall/recall.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/* Pages read at random to find an item to ask, before others are read in order. */
#define TRIES_PER_QUERY		256

/* Items drawn for each one that is new, at most. */
#define DRAWS_PER_QUERY		16

/*
 * Find an item to ask: one of those on a page that holds any.
 */
static bool
choose_item(Relation rel, const AnnoyIndex *index, BlockNumber nblocks,
			AnnoyRandom *random, AnnoyPointer *pointer)
{
	BlockNumber block = 0;

	for (uint64 i = 0; i < TRIES_PER_QUERY + (uint64) nblocks; i++)
	{
		Buffer		buffer;
		int			live = 0;
		Page		page;

		AnnoyVacuumDelay();

		/* where items are few, take the next page that has any */
		block = i < TRIES_PER_QUERY ? AnnoyRandomBelow(random, nblocks) : (block + 1) % nblocks;
		buffer = ReadBuffer(rel, block);
		page = BufferGetPage(buffer);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && AnnoyPageIsValid(page) &&
			AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM)
		{
			AnnoySlot	slots = AnnoyPageGetSlots(page);

			/* each replaces the one chosen so far with the same probability */
			for (int j = 0; j < index->group_slots; j++)
			{
				if (AnnoySlotState(&slots[j]) == ANNOY_SLOT_LIVE &&
					AnnoyRandomBelow(random, ++live) == 0)
					ItemPointerSet(pointer, block, FirstOffsetNumber + j);
			}
		}
		UnlockReleaseBuffer(buffer);
		if (live > 0)
			return true;
	}
	return false;
}

static bool
is_in_sample(const AnnoySample *sample, const AnnoyVector *vec)
{
	Size		size = AnnoyVectorSize(vec->dtype, vec->dim);

	for (int i = 0; i < sample->count; i++)
	{
		if (memcmp(sample->items[i].vector.data, vec->data, size) == 0)
			return true;
	}
	return false;
}

/*
 * Choose about that many items with vectors, none twice: which, depends on
 * nothing but the seed and the index's pages.  With `distinct', no vector comes
 * twice: copies of one vector are easy to find, and hide that others are not.
 */
AnnoySample *
AnnoySampleItems(Relation rel, const AnnoyIndex *index, uint64 seed, int wanted,
				 bool distinct)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	AnnoyRandom random = seed;
	AnnoySample *sample = palloc(offsetof(AnnoySample, items) +
								 sizeof(sample->items[0]) * wanted);
	AnnoyVectorSource *source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReader reader;

	AnnoyItemReaderInit(&reader, rel, index, source, NULL);
	sample->count = 0;
	for (int i = 0; i < DRAWS_PER_QUERY * wanted && sample->count < wanted; i++)
	{
		AnnoyPointer pointer;
		AnnoyItem	item;
		bool		again = false;

		if (!choose_item(rel, index, nblocks, &random, &pointer))
			break;
		for (int j = 0; j < sample->count; j++)
			again |= AnnoyPointersEqual(&sample->items[j].pointer, &pointer);
		if (again)
			continue;
		AnnoyItemFetch(&reader, AnnoyItemPin(&reader, &pointer), &pointer, &item);
		if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE && item.vector.data != NULL &&
			!(distinct && is_in_sample(sample, &item.vector)))
		{
			AnnoyCheckVector(rel, &pointer, &item.vector);
			sample->items[sample->count].pointer = pointer;
			sample->items[sample->count].tid = item.tid;
			sample->items[sample->count++].vector = AnnoyCopyVector(&item.vector);
		}
		AnnoyItemRelease(&reader);
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);
	return sample;
}
