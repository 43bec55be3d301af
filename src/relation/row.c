/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows of the table, as far as an item's TID tells.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "relation/relation.h"
#include "storage/storage.h"

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
	return !AnnoyIsHeap(heap) ||
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
 * After a row whose page of the table was not in shared buffers, more of that kind are
 * expected among so many that are read next.
 */
#define COLD_ROWS		40

static int	cold_rows = 0;

/*
 * Note that a row was read, and whether its page had to be.
 */
void
AnnoyNoteRow(bool was_cold)
{
	if (was_cold)
		cold_rows = COLD_ROWS;
	else if (cold_rows > 0)
		cold_rows--;
}

/*
 * Is it worth while to ask for the pages of rows before they are wanted?
 */
bool
AnnoyRowsAreCold(void)
{
	return cold_rows > 0;
}

/*
 * Have the operating system read the page of the table that has a row, unless it is in
 * shared buffers.  What the row has out of line is not known before its page is read.
 *
 * A table of another access method need not have the row in the block of that number, or
 * in that file, and there is no call to ask it to prefetch a row.
 */
void
AnnoyPrefetchRow(Relation heap, const ItemPointerData *tid)
{
	if (AnnoyIsHeap(heap) && AnnoyRowMayExist(heap, tid))
		AnnoyAskForPage(heap, ItemPointerGetBlockNumberNoCheck(tid));
}
