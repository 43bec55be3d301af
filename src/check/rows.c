/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  annoy_index_check(): does each row have one item?
 *
 * See check.c for what is checked when.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/tuplesort.h"

#include "bits.h"
#include "check/check.h"
#include "storage/storage.h"

/*
 * Copy a page if it has slots.  Returns their number.
 */
static int
read_slots(const AnnoyCheck *check, BlockNumber block, Page page)
{
	if ((AnnoyBitsTest(&check->groups, block) || AnnoyBitsTest(&check->nulls, block)) &&
		AnnoyCheckReadPage(check, block, page))
		return AnnoyPageSlotCount(check->index, page);
	return 0;
}

/* A TID as a number, from which it can be made again. */
static int64
row_number(const ItemPointerData *tid)
{
	return ((int64) ItemPointerGetBlockNumberNoCheck(tid) << 16) |
		ItemPointerGetOffsetNumberNoCheck(tid);
}

/*
 * Report the second item of a row.
 */
static void
report_second(const AnnoyCheck *check, const ItemPointerData *tid)
{
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	bool		found = false;

	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		int			nslots = read_slots(check, block, page->data);
		AnnoySlot	slots = AnnoyPageGetSlots(page->data);

		for (int i = 0; i < nslots; i++)
		{
			if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_LIVE ||
				row_number(&slots[i].tid) != row_number(tid))
				continue;
			if (found)
				AnnoyReport(check, block, i + 1, "The item is the second one of row (%u,%u).",
							ItemPointerGetBlockNumberNoCheck(tid),
							ItemPointerGetOffsetNumberNoCheck(tid));
			found = true;
		}
	}
	pfree(page);
}

/*
 * Check that no row has two items.
 *
 * The TIDs of all are sorted.  (A bit for each possible row takes less, but how
 * many rows are possible in a block is known only of heap tables.)
 */
void
AnnoyCheckRows(const AnnoyCheck *check)
{
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	Tuplesortstate *sort;
	int64		last = -1;
	Datum		value;
	bool		isnull;

	sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
								 maintenance_work_mem, NULL, ANNOY_TUPLESORT_NONE);
	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		int			nslots = read_slots(check, block, page->data);
		AnnoySlot	slots = AnnoyPageGetSlots(page->data);

		for (int i = 0; i < nslots; i++)
		{
			if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE)
				tuplesort_putdatum(sort, Int64GetDatum(row_number(&slots[i].tid)), false);
		}
	}
	pfree(page);
	tuplesort_performsort(sort);
	while (AnnoyGetSorted(sort, &value, &isnull))
	{
		int64		number = DatumGetInt64(value);
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();

		/* what we do not see may have been removed, and its TID be used again */
		ItemPointerSet(&tid, (BlockNumber) (number >> 16), (OffsetNumber) (number & 0xFFFF));
		if (number == last && AnnoyCheckRowVisible(check, &tid))
			report_second(check, &tid);
		last = number;
	}
	tuplesort_end(sort);
}
