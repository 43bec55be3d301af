/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  From lower bounds to distances: rows whose vectors the index has rounded.
 *
 * An index with the dtype int8 knows a lower bound of a row's distance, which is what
 * its rows wait by.  Before such a row is returned, its vector is read from the table,
 * and it waits on, by its distance.  So rows come in the order of distances, and few
 * are read from the table that are not returned.
 *
 * PostgreSQL's executor could put rows in order, too, if it was given lower bounds.
 * But then nobody would know how many of the rows that it has taken it still holds
 * back; and a scan searches as hard as the number of rows says that are wanted.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/settle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "compat.h"
#include "relation/relation.h"
#include "scan/state.h"

struct AnnoySettler
{
	Relation	heap;
	Relation	rel;
	Snapshot	snapshot;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	MemoryContext context;		/* of one row */
	AttrNumber	column;			/* of the table; or 0, and then the value is
								 * computed: */
	IndexInfo  *info;
	EState	   *estate;
};

/*
 * Prepare to settle rows.  Allocates in the current memory context, and holds nothing
 * else between calls of amgettuple.
 */
void
AnnoySettleBegin(IndexScanDesc scan, AnnoyScanState *state)
{
	AnnoySettler *settler = palloc0(sizeof(AnnoySettler));

	settler->heap = scan->heapRelation;
	settler->rel = scan->indexRelation;
	settler->snapshot = scan->xs_snapshot;
	settler->fetch = AnnoyBeginFetch(settler->heap);
	/* a copy of the descriptor is not counted as a reference */
	settler->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(settler->heap)),
											 table_slot_callbacks(settler->heap));
	settler->context = AllocSetContextCreate(CurrentMemoryContext, "annoy scan row",
											 ALLOCSET_DEFAULT_SIZES);
	settler->column = settler->rel->rd_index->indkey.values[0];
	if (settler->column == 0)
	{
		settler->info = BuildIndexInfo(settler->rel);
		settler->estate = CreateExecutorState();
		GetPerTupleExprContext(settler->estate)->ecxt_scantuple = settler->slot;
	}
	state->settler = settler;
}

/*
 * The value of the indexed column in the row that has been read.
 */
static Datum
row_value(AnnoySettler *settler, bool *isnull)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	if (settler->column != 0)
		return slot_getattr(settler->slot, settler->column, isnull);
	ResetPerTupleExprContext(settler->estate);
	FormIndexDatum(settler->info, settler->slot, settler->estate, values, nulls);
	*isnull = nulls[0];
	return values[0];
}

/*
 * Replace the lower bound of a row's distance by the distance.  Returns false if the
 * row is not to be returned.  Then it is late, and no such rows are wanted; or the
 * snapshot does not see it, and it counts like one that the executor finds to be so.
 */
bool
AnnoySettleRow(AnnoyScanState *state, AnnoyRow *row)
{
	AnnoySettler *settler = state->settler;
	MemoryContext old_context;
	ItemPointerData tid = row->tid;
	bool		call_again = false;
	bool		all_dead = false;
	bool		isnull = true;

	AnnoyCheckRow(settler->rel, settler->heap, &tid);
	old_context = MemoryContextSwitchTo(settler->context);
	if (table_index_fetch_tuple(settler->fetch, &tid, settler->snapshot, settler->slot,
								&call_again, &all_dead))
	{
		Datum		value = row_value(settler, &isnull);

		if (!isnull)
		{
			/* whether it is finite, the distance will tell */
			AnnoyVector vec = AnnoyReadArray(value);

			AnnoyCheckDimensions(settler->rel, state->search->index, &vec);
			row->distance = AnnoyDistance(state->search->index->metric, &vec, &state->query);
			row->is_bound = false;
		}
		ExecClearTuple(settler->slot);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(settler->context);
	if (isnull)
	{
		state->returned++;
		state->dead += all_dead;
		return false;
	}
	return AnnoyScanPlace(state, row);
}

/*
 * Give up the pin on the page of the table that was read last.
 */
void
AnnoySettleRelease(AnnoyScanState *state)
{
	if (state->settler != NULL)
		table_index_fetch_reset(state->settler->fetch);
}

void
AnnoySettleEnd(AnnoyScanState *state)
{
	AnnoySettler *settler = state->settler;

	if (settler == NULL)
		return;
	table_index_fetch_end(settler->fetch);
	ExecDropSingleTupleTableSlot(settler->slot);
	if (settler->estate != NULL)
		FreeExecutorState(settler->estate);
}
