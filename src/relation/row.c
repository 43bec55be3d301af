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
