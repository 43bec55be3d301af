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

/*
 * The size of the description of an index.  It is one piece of memory: the structure,
 * then mean and signs, then bounds, then where each of these begins.
 */
Size
AnnoyIndexSize(const AnnoyIndex *index)
{
	return MAXALIGN(sizeof(AnnoyIndex)) +
		MAXALIGN(sizeof(float) * index->space_dim * (ANNOY_ROTATION_ROUNDS + 1)) +
		index->bounds_size + sizeof(uint32) * index->bound_count;
}

/*
 * Set the pointers of a description to what is behind it.
 */
void
AnnoyIndexSetPointers(AnnoyIndex *index)
{
	index->mean = (float *) ((char *) index + MAXALIGN(sizeof(AnnoyIndex)));
	index->signs = index->mean + index->space_dim;
	index->bound_starts = (uint32 *) ((char *) index + AnnoyIndexSize(index)) - index->bound_count;
	index->bounds = (char *) index->bound_starts - index->bounds_size;
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
 * Note where each of the tuples begins that a page of bounds has, from data[start] to
 * data[end].  Raise an error unless these are tuples that can be read, and not too many.
 */
static void
find_bounds(Relation rel, BlockNumber block, TupleDesc desc, const char *data,
			Size start, Size end, uint32 *starts, int *count)
{
	Size		at = start;

	while (at < end)
	{
		IndexTuple	tuple = (IndexTuple) (data + at);

		if (at + sizeof(IndexTupleData) > end ||
			IndexTupleSize(tuple) < sizeof(IndexTupleData) ||
			at + MAXALIGN(IndexTupleSize(tuple)) > end ||
			*count == ANNOY_MOST_BOUNDS ||
			!AnnoyAttributesAreSound(desc, tuple))
			AnnoyReportCorruption(rel, block, "The bounds at %zu are no values of the index's columns.",
								  at - start);
		starts[(*count)++] = at;
		at += MAXALIGN(IndexTupleSize(tuple));
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
	uint32		starts[ANNOY_MOST_BOUNDS];
	int			count = 0;

	if (first == InvalidBlockNumber || pages == 0)
		return index;
	if (index->leaf.signature_bytes == 0 || pages > ANNOY_MOST_BOUNDS ||
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
		find_bounds(rel, first + i, desc, data, size, size + used, starts, &count);
		size += used;
	}
	index = repalloc(index, AnnoyIndexSize(index) + size + sizeof(uint32) * count);
	index->bounds_size = size;
	index->bound_count = count;
	AnnoyIndexSetPointers(index);
	memcpy(index->bounds, data, size);
	memcpy(index->bound_starts, starts, sizeof(uint32) * count);
	index->bounds_block = first;
	index->n_bounds = pages;
	pfree(data);
	FreeTupleDesc(desc);
	return index;
}
