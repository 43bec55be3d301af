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
 *	  src/drain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "scan.h"

/* AnnoyItemWalk callback. */
static void
drain_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	AnnoyScanState *state = arg;
	AnnoyFilter *filter = state->filter;
	double		distance;

	state->scanned++;

	if ((item->state & ANNOY_SLOT_STATE_MASK) != ANNOY_SLOT_LIVE ||
		(filter != NULL && !(item->vector.data == NULL ? filter->nulls : filter->vectors)) ||
		AnnoyScanHasSeen(state, pointer))
		return;
	if (item->vector.data == NULL || state->query.data == NULL)
		AnnoyRowsPut(&state->rows, &item->tid, NULL);
	else
	{
		distance = AnnoyScanDistance(state, pointer, item);
		AnnoyRowsPut(&state->rows, &item->tid, &distance);
	}
}

/*
 * Compute the distances of items that have passed.  Their rows stay in memory as
 * long as there is room: few of them will be wanted, most likely.
 */
static void
drain_passed(AnnoyScanState *state)
{
	Buffer		buffers[ANNOY_LOOK_BATCH];

	for (int i = 0; i < state->n_passed; i++)
		buffers[i] = AnnoyItemPin(&state->reader, &state->passed[i]);
	for (int i = 0; i < state->n_passed; i++)
	{
		AnnoyItem	item;

		AnnoyItemFetch(&state->reader, buffers[i], &state->passed[i], &item);
		if (state->rows.sort != NULL)
			drain_item(&state->passed[i], &item, state);
		else if ((item.state & ANNOY_SLOT_STATE_MASK) == ANNOY_SLOT_LIVE)
		{
			AnnoyRow	row;

			row.tid = item.tid;
			row.prefetched = false;
			row.distance = AnnoyScanDistance(state, &state->passed[i], &item);
			AnnoyRowsPush(&state->rows, &row);
		}
		AnnoyItemRelease(&state->reader);
	}
	state->n_passed = 0;
	if (state->rows.sort == NULL &&
		state->rows.count * sizeof(AnnoyRow) > work_mem * (Size) 1024)
		AnnoyRowsBeginSort(&state->rows);
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
	if (state->n_passed == ANNOY_LOOK_BATCH)
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

	if (state->query.data == NULL)
		AnnoyRowsBeginSort(&state->rows);
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
	state->drained = true;
	if (AnnoyScanTests(state))
	{
		drain_filtered(state);
		return;
	}
	AnnoyRowsBeginSort(&state->rows);
	AnnoyItemWalk(rel, index, GetAccessStrategy(BAS_BULKREAD), drain_item, state);
	AnnoyRowsSort(&state->rows);
}

/*
 * Go on to the rows without a vector, which have no attributes in the index.
 */
static void
drain_nulls(Relation rel, AnnoyScanState *state)
{
	AnnoyRowsEndSort(&state->rows);
	AnnoyRowsBeginSort(&state->rows);
	AnnoyNullsWalk(rel, GetAccessStrategy(BAS_BULKREAD), drain_item, state);
	AnnoyRowsSort(&state->rows);
	state->nulls_follow = false;
	state->recheck = true;
}

/*
 * Return the next row of a scan that has been drained.
 */
bool
AnnoyNextDrained(Relation rel, AnnoyScanState *state, AnnoyRow *row, bool *isnull)
{
	if (AnnoyRowsNext(&state->rows, row, isnull))
		return true;
	if (!state->nulls_follow)
		return false;
	drain_nulls(rel, state);
	return AnnoyRowsNext(&state->rows, row, isnull);
}
