/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  Pages of bounds: values that divide those of an index's further columns.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/bounds.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"

/* More pages than this an index does not have: one for each bound. */
#define MAX_PAGES		256

/*
 * The size of the description of an index.  It is one piece of memory: the structure,
 * then mean and signs, then bounds.
 */
Size
AnnoyIndexSize(const AnnoyIndex *index)
{
	return MAXALIGN(sizeof(AnnoyIndex)) +
		MAXALIGN(sizeof(float) * index->space_dim * (ANNOY_ROTATION_ROUNDS + 1)) +
		index->bounds_size;
}

/*
 * Set the pointers of a description to what is behind it.
 */
void
AnnoyIndexSetPointers(AnnoyIndex *index)
{
	index->mean = (float *) ((char *) index + MAXALIGN(sizeof(AnnoyIndex)));
	index->signs = index->mean + index->space_dim;
	index->bounds = (char *) index + AnnoyIndexSize(index) - index->bounds_size;
}

/*
 * How many of these tuples one page has room for.
 */
static int
fitting(const IndexTuple *tuples, int count)
{
	Size		size = 0;
	int			n = 0;

	while (n < count)
	{
		size += MAXALIGN(IndexTupleSize(tuples[n]));
		if (size > ANNOY_PAGE_CAPACITY)
			break;
		n++;
	}
	return n;
}

/*
 * Write bounds to new pages.
 */
void
AnnoyWriteBounds(Relation rel, const IndexTuple *tuples, int count,
				 BlockNumber *first, uint32 *pages)
{
	int			done = 0;

	*first = InvalidBlockNumber;
	*pages = 0;
	for (int n = 0; n < count; n += fitting(tuples + n, count - n))
		(*pages)++;
	for (uint32 i = 0; i < *pages; i++)
	{
		int			end = done + fitting(tuples + done, count - done);
		Buffer		buffer;
		GenericXLogState *state;
		Page		page;
		char	   *at;

		if (i == 0)
		{
			buffer = AnnoyExtend(rel, MAIN_FORKNUM, *pages);
			*first = BufferGetBlockNumber(buffer);
		}
		else
		{
			buffer = ReadBuffer(rel, *first + i);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		}
		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
		AnnoyPageInit(page, ANNOY_PAGE_BOUNDS);
		at = AnnoyPageGetData(page);
		for (; done < end; done++)
		{
			memcpy(at, tuples[done], IndexTupleSize(tuples[done]));
			at += MAXALIGN(IndexTupleSize(tuples[done]));
		}
		AnnoyPageSetEnd(page, at);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Raise an error unless what a page of bounds has are tuples that can be read.
 */
static void
check_bounds(Relation rel, BlockNumber block, TupleDesc desc, const char *data, Size size)
{
	Size		start = 0;

	while (start < size)
	{
		IndexTuple	tuple = (IndexTuple) (data + start);

		if (start + sizeof(IndexTupleData) > size ||
			IndexTupleSize(tuple) < sizeof(IndexTupleData) ||
			start + MAXALIGN(IndexTupleSize(tuple)) > size ||
			!AnnoyAttributesAreSound(desc, tuple))
			AnnoyReportCorruption(rel, block, "The bounds at %zu are no values of the index's columns.",
								  start);
		start += MAXALIGN(IndexTupleSize(tuple));
	}
}

/*
 * Read bounds from their pages, and add them to a description, which may get another
 * place in memory.
 */
AnnoyIndex *
AnnoyAttachBounds(Relation rel, AnnoyIndex *index, BlockNumber first, uint32 pages)
{
	TupleDesc	desc;
	char	   *data;
	Size		size = 0;

	if (first == InvalidBlockNumber || pages == 0)
		return index;
	if (index->leaf.signature_bytes == 0 || pages > MAX_PAGES ||
		(uint64) first + pages > RelationGetNumberOfBlocks(rel))
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has bounds of columns at %u of %u pages, but the index ends at %u.",
							  first, pages, RelationGetNumberOfBlocks(rel));
	desc = AnnoyAttributesDesc(rel);
	data = palloc((Size) pages * BLCKSZ);
	for (uint32 i = 0; i < pages; i++)
	{
		Buffer		buffer = AnnoyLockPage(rel, first + i, ANNOY_PAGE_BOUNDS,
										   BUFFER_LOCK_SHARE, NULL);
		Page		page = BufferGetPage(buffer);
		char	   *start = AnnoyPageGetData(page);
		int			used = page + ((PageHeader) page)->pd_lower - start;

		if (used < 0 || used > (int) ANNOY_PAGE_CAPACITY || (Size) used != MAXALIGN(used))
			AnnoyReportCorruption(rel, first + i, "The page of bounds ends at %u.",
								  ((PageHeader) page)->pd_lower);
		memcpy(data + size, start, used);
		UnlockReleaseBuffer(buffer);
		check_bounds(rel, first + i, desc, data + size, used);
		size += used;
	}
	index = repalloc(index, AnnoyIndexSize(index) + size);
	index->bounds_size = size;
	AnnoyIndexSetPointers(index);
	memcpy(index->bounds, data, size);
	index->bounds_block = first;
	index->n_bounds = pages;
	pfree(data);
	FreeTupleDesc(desc);
	return index;
}
