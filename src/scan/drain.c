/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  The end of a scan: all rows that are left.
 *
 * When it is cheaper than another round, a scan walks over all items, computes
 * the distances that are not known yet, and sorts.  That depends on nothing but
 * the items, and leaves nothing out.
 *
 * With conditions on further columns the walk is over the attributes alone, and
 * only the items that pass are read.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/drain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "relation/relation.h"
#include "scan/state.h"
#include "storage/storage.h"

/* The least memory of a sort, in kB, as work_mem has it. */
#define MIN_SORT_MEMORY		64

/* The part of work_mem that rows may take before they are sorted. */
#define ROWS_MEMORY			0.5

/* AnnoyItemWalk callback. */
static void
drain_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	AnnoyScanState *state = arg;
	AnnoyFilter *filter = state->filter;

	state->scanned++;

	if ((item->state & ANNOY_SLOT_STATE_MASK) != ANNOY_SLOT_LIVE ||
		(filter != NULL && !(item->is_null ? filter->nulls : filter->vectors)) ||
		AnnoyScanHasSeen(state, pointer))
		return;
	AnnoyScanAdd(state, pointer, item);
}

/*
 * What is left of work_mem for a sort, in kB: the items that were looked at have
 * to be known until the walk is over.
 */
static int
sort_memory(const AnnoyScanState *state)
{
	Size		used = AnnoyWorkspaceMemory(state->context) / 1024;

	return Max(work_mem - (int) Min(used, (Size) work_mem), MIN_SORT_MEMORY);
}

/*
 * Compute the distances of items that have passed.  Their rows stay in memory as
 * long as there is room: few of them will be wanted, most likely.
 */
static void
drain_passed(AnnoyScanState *state)
{
	for (int first = 0; first < state->n_passed; first += ANNOY_LOOK_BATCH)
	{
		AnnoyPointer *passed = state->passed + first;
		int			n = Min(state->n_passed - first, ANNOY_LOOK_BATCH);
		Buffer		buffers[ANNOY_LOOK_BATCH];

		for (int i = 0; i < n; i++)
			buffers[i] = AnnoyItemPin(&state->reader, &passed[i]);
		AnnoyScanAddItems(state, passed, buffers, n);
	}
	state->n_passed = 0;
	if (state->rows.sort == NULL &&
		state->rows.count * sizeof(AnnoyRow) > ROWS_MEMORY * work_mem * 1024.0)
		AnnoyRowsBeginSort(&state->rows, sort_memory(state));
}

/* AnnoyFilterWalk callback. */
static void
drain_if_passed(const AnnoyPointer *item, void *arg)
{
	AnnoyScanState *state = arg;

	if (AnnoyScanHasSeen(state, item))
		return;
	AnnoyItemPrefetch(&state->reader, item);
	state->passed[state->n_passed++] = *item;
	if (state->n_passed == lengthof(state->passed))
		drain_passed(state);
}

/*
 * Test all items, and compute the distances of those that pass.  Only attributes
 * and the latter are read.  Where the rows without a vector are, all pages would
 * have to be asked, so that is put off until they are wanted.
 */
static void
drain_filtered(AnnoyScanState *state)
{
	AnnoyFilter *filter = state->filter;

	if (filter->vectors && filter->index->dim > 0)
	{
		state->reader.tests_first = false;
		state->scanned += AnnoyFilterWalk(filter, drain_if_passed, state);
		drain_passed(state);
	}
	state->nulls_follow = filter->nulls;
	AnnoyRowsSort(&state->rows);
}

/*
 * Walk over all items and sort what was not returned yet.  NULLs come last.
 */
void
AnnoyDrain(Relation rel, AnnoyScanState *state, const AnnoyIndex *index)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	state->drained = true;
	if (state->search != NULL)
		AnnoySearchForget(state->search);
	if (state->task.tests)
		drain_filtered(state);
	else
	{
		AnnoyRowsBeginSort(&state->rows, sort_memory(state));
		AnnoyItemWalk(rel, index, state->source, GetAccessStrategy(BAS_BULKREAD), drain_item,
					  state);
		if (state->source != NULL)
			AnnoySourcePause(state->source);
		AnnoyRowsSort(&state->rows);
	}
	if (state->seen != NULL)
		seen_destroy(state->seen);
	state->seen = NULL;
	INSTR_TIME_SET_CURRENT(end);
	if (state->search != NULL)
		INSTR_TIME_ACCUM_DIFF(state->search->stats.reranking, end, start);
}

/*
 * Go on to the rows without a vector, which have no attributes in the index.
 * `late' is the first of the rows that come behind them, or NULL if there are
 * none.
 */
static void
drain_nulls(Relation rel, AnnoyScanState *state, const AnnoyRow *late)
{
	AnnoyRows	rest = state->rows;
	AnnoyRow	row;

	memset(&state->rows, 0, sizeof(AnnoyRows));
	state->rows.bounds = rest.bounds;
	AnnoyRowsBeginSort(&state->rows, sort_memory(state));
	if (late != NULL)
	{
		AnnoyRowsAdd(&state->rows, late);
		while (AnnoyRowsNext(&rest, &row))
			AnnoyRowsAdd(&state->rows, &row);
	}
	AnnoyRowsEndSort(&rest);
	AnnoyNullsWalk(rel, GetAccessStrategy(BAS_BULKREAD), drain_item, state);
	AnnoyRowsSort(&state->rows);
	state->nulls_follow = false;
	state->recheck = true;
}

/*
 * Return the next row of a scan that has been drained.
 */
bool
AnnoyNextDrained(Relation rel, AnnoyScanState *state, AnnoyRow *row)
{
	bool		found = AnnoyRowsNext(&state->rows, row);

	if (state->nulls_follow && (!found || row->kind == ANNOY_ROW_LATE))
	{
		drain_nulls(rel, state, found ? row : NULL);
		found = AnnoyRowsNext(&state->rows, row);
	}
	return found;
}
