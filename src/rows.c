/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Rows in the order of their distance, for a scan.
 *
 * As long as a scan goes in rounds, rows come and go: they are a heap in memory.
 * When it has walked over all items, what is left is sorted by tuplesort.c, in
 * work_mem and on disk.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "scan.h"

static inline bool
row_less(const AnnoyRow *a, const AnnoyRow *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid) < 0;
}

/* Add a row to those in memory. */
void
AnnoyRowsPush(AnnoyRows *rows, const AnnoyRow *row)
{
	int			i;

	if (rows->count == rows->allocated)
	{
		rows->allocated = Max(256, 2 * rows->allocated);
		rows->rows = rows->rows == NULL ?
			palloc(sizeof(AnnoyRow) * rows->allocated) :
			repalloc_huge(rows->rows, sizeof(AnnoyRow) * rows->allocated);
	}
	i = rows->count++;
	while (i > 0 && row_less(row, &rows->rows[(i - 1) / 2]))
	{
		rows->rows[i] = rows->rows[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	rows->rows[i] = *row;
}

/* Take the nearest row of those in memory. */
AnnoyRow
AnnoyRowsPop(AnnoyRows *rows)
{
	AnnoyRow	top = rows->rows[0];
	AnnoyRow	last = rows->rows[--rows->count];
	int			n = rows->count;
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && row_less(&rows->rows[child + 1], &rows->rows[child]))
			child++;
		if (!row_less(&rows->rows[child], &last))
			break;
		rows->rows[i] = rows->rows[child];
		i = child;
	}
	if (n > 0)
		rows->rows[i] = last;
	return top;
}

/*
 * Begin to sort, with the rows that are in memory.
 */
void
AnnoyRowsBeginSort(AnnoyRows *rows)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	attributes[] = {1, 2};
	Oid			operators[] = {Float8LessOperator, TIDLessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};

	TupleDescInitEntry(desc, 1, "distance", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "tid", TIDOID, -1, 0);
	rows->put_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	rows->get_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	rows->sort = tuplesort_begin_heap(desc, 2, attributes, operators, collations,
									  nulls_first, work_mem, NULL,
									  ANNOY_TUPLESORT_NONE);
	for (int i = 0; i < rows->count; i++)
		AnnoyRowsPut(rows, &rows->rows[i].tid, &rows->rows[i].distance);
	rows->count = 0;
}

/* Add a row to those to be sorted, with a NULL distance if distance is NULL. */
void
AnnoyRowsPut(AnnoyRows *rows, const ItemPointerData *tid, const double *distance)
{
	TupleTableSlot *slot = rows->put_slot;

	ExecClearTuple(slot);
	slot->tts_values[0] = distance != NULL ? Float8GetDatum(*distance) : (Datum) 0;
	slot->tts_isnull[0] = distance == NULL;
	slot->tts_values[1] = PointerGetDatum(tid);
	slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(rows->sort, slot);
}

/*
 * Sort, if there is something to sort.
 */
void
AnnoyRowsSort(AnnoyRows *rows)
{
	if (rows->sort != NULL)
		tuplesort_performsort(rows->sort);
}

/*
 * Take the nearest row, of those in memory first.  Returns false if none is left.
 */
bool
AnnoyRowsNext(AnnoyRows *rows, AnnoyRow *row, bool *isnull)
{
	bool		tid_isnull;

	*isnull = false;
	if (rows->count > 0)
	{
		*row = AnnoyRowsPop(rows);
		return true;
	}
	if (rows->sort == NULL ||
		!tuplesort_gettupleslot(rows->sort, true, false, rows->get_slot, NULL))
		return false;
	row->distance = DatumGetFloat8(slot_getattr(rows->get_slot, 1, isnull));
	row->tid = *(ItemPointer) DatumGetPointer(slot_getattr(rows->get_slot, 2,
														   &tid_isnull));
	if (*isnull)
		row->distance = 0;
	return true;
}

void
AnnoyRowsEndSort(AnnoyRows *rows)
{
	if (rows->sort == NULL)
		return;
	tuplesort_end(rows->sort);
	ExecDropSingleTupleTableSlot(rows->get_slot);
	ExecDropSingleTupleTableSlot(rows->put_slot);
	rows->sort = NULL;
}
