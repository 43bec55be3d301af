/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Rows in the order of their distance, for a scan.
 *
 * As long as a scan goes in rounds, rows come and go: they are a heap in memory.
 * When it has walked over all items, what is left is sorted by tuplesort.c, in
 * memory and on disk.
 *
 * PostgreSQL takes the order of the rows for exact.  So a row that is found when
 * a farther one has been returned comes at the very end: who reads that far gets
 * all rows, and who does not gets them in order.  If groups are made of them below
 * a LIMIT, late rows are left out, lest a group comes twice (executor.c).
 * annoy.strict_order = off returns them at once.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "executor/tuptable.h"
#include "utils/float.h"

#include "relation/relation.h"
#include "scan/state.h"

static inline bool
row_less(const AnnoyRow *a, const AnnoyRow *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind;
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid) < 0;
}

/* Add a row to those in memory. */
static void
push(AnnoyRows *rows, const AnnoyRow *row)
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

/* Take the first row of those in memory. */
static AnnoyRow
pop(AnnoyRows *rows)
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
 * Add a row to those to be sorted.
 *
 * The first column decides about nearly all: the distance, NaN if there is none,
 * which sorts behind all numbers, and NULL for a row that is late, which sorts
 * behind that.
 */
static void
put(AnnoyRows *rows, const AnnoyRow *row)
{
	TupleTableSlot *slot = rows->put_slot;
	double		key = row->kind == ANNOY_ROW_NULL ? get_float8_nan() : row->distance;

	ExecClearTuple(slot);
	slot->tts_values[0] = Float8GetDatum(key);
	slot->tts_isnull[0] = row->kind == ANNOY_ROW_LATE;
	slot->tts_values[1] = Float8GetDatum(row->distance);
	slot->tts_isnull[1] = row->kind == ANNOY_ROW_NULL;
	slot->tts_values[2] = PointerGetDatum(&row->tid);
	slot->tts_isnull[2] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(rows->sort, slot);
}

/* Add a row, to those to be sorted if there are such. */
void
AnnoyRowsAdd(AnnoyRows *rows, const AnnoyRow *row)
{
	if (rows->sort != NULL)
		put(rows, row);
	else
		push(rows, row);
}

/*
 * Add a row to those in memory although others have been sorted.
 */
void
AnnoyRowsPutBack(AnnoyRows *rows, const AnnoyRow *row)
{
	push(rows, row);
}

/*
 * Say of what kind a row is whose exact distance is known.  Returns false if it is not
 * to be returned at all.
 */
bool
AnnoyScanPlace(AnnoyScanState *state, AnnoyRow *row)
{
	bool		is_late = state->strict && row->distance < state->last_distance;

	row->kind = is_late ? ANNOY_ROW_LATE : ANNOY_ROW_IN_ORDER;
	state->has_late |= is_late;
	return !is_late || !state->task.demand.relies;
}

/*
 * Add an item's row to those to be returned: with its distance from the query, or a
 * lower bound of it if the index stores less than the column has; or without one if
 * either is NULL.
 */
void
AnnoyScanAdd(AnnoyScanState *state, const AnnoyPointer *pointer,
			 const AnnoyItem *item)
{
	AnnoyRow	row = {.tid = item->tid,.kind = ANNOY_ROW_NULL};

	if (item->vector.data != NULL && state->query.data != NULL)
	{
		double		distance;

		state->search->stats.items++;
		row.distance = AnnoyLowerBound(state->search->index->metric, &item->vector,
									   &state->query, state->query_norm, &distance);
		if (unlikely(isnan(distance)))
			AnnoyCheckVector(state->search->rel, pointer, &item->vector);
		row.is_bound = AnnoyVectorIsRounded(&item->vector);
		if (unlikely(AnnoyHasNoDistance(state->search->index, &item->vector, &state->query,
										distance)))
		{
			row.distance = INFINITY;
			row.is_bound = false;
		}
		if (row.is_bound)
		{
			row.kind = ANNOY_ROW_IN_ORDER;
			state->rows.bounds = true;
			state->slack = Max(state->slack, distance - row.distance);
		}
		else if (!AnnoyScanPlace(state, &row))
			return;
	}
	AnnoyRowsAdd(&state->rows, &row);
}

/*
 * Add the rows of items that were read without their vectors, which are in the table, and
 * notice whether pages had to be read for that.  A row that the snapshot does not see is
 * none.
 *
 * Rows are read in the order of the table, so that those of one page are read together.
 */
static void
add_from_table(AnnoyScanState *state, const AnnoyPointer *pointers, AnnoyItem *items, int n)
{
	int64		reads = pgBufferUsage.shared_blks_read;
	int			order[ANNOY_LOOK_BATCH];
	Buffer		buffers[ANNOY_LOOK_BATCH];

	for (int i = 0; i < n; i++)
	{
		int			j = i;

		for (; j > 0 && ItemPointerCompare(&items[order[j - 1]].tid, &items[i].tid) > 0; j--)
			order[j] = order[j - 1];
		order[j] = i;
		buffers[i] = AnnoySourcePin(state->source, &items[i].tid);
	}
	for (int i = 0; i < n; i++)
		AnnoySourceTouch(buffers[i], &items[i].tid);
	for (int i = 0; i < n; i++)
	{
		AnnoyItem  *item = &items[order[i]];
		const AnnoyPointer *pointer = &pointers[order[i]];

		if (state->source->read(state->source, pointer, &item->tid, &item->vector))
		{
			AnnoyScanAdd(state, pointer, item);
			state->visible++;
		}
		else
			state->unseen++;
	}
	for (int i = 0; i < n; i++)
	{
		if (BufferIsValid(buffers[i]))
			ReleaseBuffer(buffers[i]);
	}
	AnnoySourcePause(state->source);
	AnnoyNoteRows(n, pgBufferUsage.shared_blks_read > reads);
}

/*
 * Add the rows of items, at most ANNOY_LOOK_BATCH, that are live.  The first pages of
 * their groups are pinned, and released here; pointers[] is overwritten.
 */
void
AnnoyScanAddItems(AnnoyScanState *state, AnnoyPointer *pointers, const Buffer *buffers, int n)
{
	AnnoyItem	items[ANNOY_LOOK_BATCH];	/* whose rows are to be read */
	int			n_items = 0;

	Assert(n <= ANNOY_LOOK_BATCH);
	for (int i = 0; i < n; i++)
	{
		AnnoyPointer pointer = pointers[i];
		AnnoyItem  *item = &items[n_items];

		AnnoyItemFetch(&state->reader, buffers[i], &pointer, item);
		if (AnnoySlotState(item) == ANNOY_SLOT_LIVE && state->source != NULL)
			pointers[n_items++] = pointer;
		else if (AnnoySlotState(item) == ANNOY_SLOT_LIVE)
			AnnoyScanAdd(state, &pointer, item);
		AnnoyItemRelease(&state->reader);
	}
	if (n_items > 0)
		add_from_table(state, pointers, items, n_items);
}

/*
 * Begin to sort, with the rows that are in memory.  The sort may use so many kB.
 */
void
AnnoyRowsBeginSort(AnnoyRows *rows, int memory)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);
	AttrNumber	attributes[] = {1, 2, 3};
	Oid			operators[] = {Float8LessOperator, Float8LessOperator, TIDLessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false, false};

	TupleDescInitEntry(desc, 1, "key", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "distance", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 3, "tid", TIDOID, -1, 0);
	TupleDescFinalize(desc);
	rows->put_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	rows->get_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	rows->sort = tuplesort_begin_heap(desc, 3, attributes, operators, collations,
									  nulls_first, memory, NULL,
									  ANNOY_TUPLESORT_NONE);
	for (int i = 0; i < rows->count; i++)
		put(rows, &rows->rows[i]);
	if (rows->rows != NULL)
		pfree(rows->rows);
	rows->rows = NULL;
	rows->count = rows->allocated = 0;
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
 * Know the next of the sorted rows, unless none is left.
 */
static void
read_sorted(AnnoyRows *rows)
{
	AnnoyRow   *row = &rows->sorted;
	bool		is_late;
	bool		isnull;

	if (rows->has_sorted || rows->sort == NULL ||
		!tuplesort_gettupleslot(rows->sort, true, false, rows->get_slot, NULL))
		return;
	(void) slot_getattr(rows->get_slot, 1, &is_late);
	row->distance = DatumGetFloat8(slot_getattr(rows->get_slot, 2, &isnull));
	row->kind = is_late ? ANNOY_ROW_LATE : isnull ? ANNOY_ROW_NULL : ANNOY_ROW_IN_ORDER;
	if (isnull)
		row->distance = 0;
	row->tid = *(ItemPointer) DatumGetPointer(slot_getattr(rows->get_slot, 3, &isnull));
	row->prefetched = false;
	row->is_bound = rows->bounds && row->kind == ANNOY_ROW_IN_ORDER;
	rows->has_sorted = true;
}

/*
 * Take the first row.  Returns false if none is left.
 */
bool
AnnoyRowsNext(AnnoyRows *rows, AnnoyRow *row)
{
	read_sorted(rows);
	if (rows->count > 0 &&
		!(rows->has_sorted && row_less(&rows->sorted, &rows->rows[0])))
	{
		*row = pop(rows);
		return true;
	}
	*row = rows->sorted;
	if (!rows->has_sorted)
		return false;
	rows->has_sorted = false;
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
