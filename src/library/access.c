/*-------------------------------------------------------------------------
 *
 * access.c
 *	  An index as functions use it that are called with its name: its rows, and
 *	  the nearest of them.
 *
 * What these functions return is what a query would: the rows that the active
 * snapshot sees, found by an index scan of PostgreSQL's own.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/access.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"

#include "library/library.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "type/type.h"

/*
 * Open an index whose rows are to be returned to the user.
 */
void
AnnoyOpenForRows(Oid oid, AnnoyAccess *access)
{
	static const AnnoyRequest request = {
		.right = ANNOY_MAY_SELECT,
		.snapshot = ANNOY_STATEMENT_SNAPSHOT,
		.returns_rows = true,
	};

	AnnoyOpenIndex(oid, &request, access);
}

static void
no_such_row(const AnnoyAccess *access, ItemPointer tid, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("row (%u,%u) is not in index \"%s\"",
					ItemPointerGetBlockNumberNoCheck(tid),
					ItemPointerGetOffsetNumberNoCheck(tid),
					RelationGetRelationName(access->rel)),
			 errdetail_internal("%s", detail)));
}

/*
 * Evaluate what a row has in the indexed column, if it is in the index.
 */
static bool
read_row(const AnnoyAccess *access, ItemPointer tid, TupleTableSlot *slot,
		 MemoryContext context, AnnoyVector *vec)
{
	IndexInfo  *info = BuildIndexInfo(access->rel);
	EState	   *estate = CreateExecutorState();
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	if (!ExecQual(ExecPrepareQual(info->ii_Predicate, estate),
				  GetPerTupleExprContext(estate)))
		no_such_row(access, tid, "The row does not satisfy the condition of the index.");
	FormIndexDatum(info, slot, estate, values, isnull);
	if (!isnull[0])
	{
		AnnoyVector column = AnnoyReadColumn(access->rel, values[0]);
		MemoryContext old_context = MemoryContextSwitchTo(context);

		AnnoyCheckDimensions(access->rel, access->index, &column);
		column = AnnoyConvertVector(&column, access->index->dtype);
		*vec = AnnoyCopyVector(&column);
		MemoryContextSwitchTo(old_context);
	}
	FreeExecutorState(estate);
	return !isnull[0];
}

/*
 * Get a row's vector, as the index stores it.  Returns false if the row has
 * none, and raises an error if there is no such row that the snapshot sees.
 *
 * It comes from the table, since nothing leads from a TID to an item.
 */
bool
AnnoyFetchRow(const AnnoyAccess *access, ItemPointer tid, AnnoyVector *vec)
{
	TupleTableSlot *slot = table_slot_create(access->heap, NULL);
	TableScanDesc scan = table_beginscan_tid(access->heap, access->snapshot);
	bool		found;

	if (!table_tuple_tid_valid(scan, tid) ||
		!table_tuple_fetch_row_version(access->heap, tid, access->snapshot, slot))
		no_such_row(access, tid, "The table has no such row, or it is not visible.");
	table_endscan(scan);

	found = read_row(access, tid, slot, CurrentMemoryContext, vec);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

/*
 * Prepare for searches: as hard as search_k says, or with -1 as session or index
 * do.
 */
void
AnnoyBeginNearest(AnnoyNearest *nearest, const AnnoyAccess *access, int search_k)
{
	Relation	rel = access->rel;
	Oid			type = rel->rd_opcintype[0];

	nearest->access = access;
	nearest->distance = get_opcode(get_opfamily_member(rel->rd_opfamily[0], type, type,
													   ANNOY_DISTANCE_STRATEGY));
	nearest->scan = AnnoyBeginScan(access->heap, rel, access->snapshot, 0, 1);
	AnnoyScanSetSearchK(nearest->scan, search_k);
	nearest->slot = table_slot_create(access->heap, NULL);
}

/*
 * Begin a search for a query, which has to live as long as it goes on.
 */
void
AnnoyAskNearest(AnnoyNearest *nearest, Datum query)
{
	Relation	rel = nearest->access->rel;
	ScanKeyData key;

	ScanKeyEntryInitialize(&key, SK_ORDER_BY, 1, ANNOY_DISTANCE_STRATEGY,
						   rel->rd_opcintype[0], rel->rd_indcollation[0],
						   nearest->distance, query);
	index_rescan(nearest->scan, NULL, 0, &key, 1);
}

/*
 * The next row with a vector: its TID, and the operator's distance from the
 * query.  Returns false if there is none.
 */
bool
AnnoyNextNearest(AnnoyNearest *nearest, double *distance, ItemPointer tid)
{
	IndexScanDesc scan = nearest->scan;

	CHECK_FOR_INTERRUPTS();

	if (!index_getnext_slot(scan, ForwardScanDirection, nearest->slot) ||
		scan->xs_orderbynulls[0])
		return false;
	*distance = DatumGetFloat8(scan->xs_orderbyvals[0]);
	*tid = nearest->slot->tts_tid;
	return true;
}

void
AnnoyEndNearest(AnnoyNearest *nearest)
{
	index_endscan(nearest->scan);
	ExecDropSingleTupleTableSlot(nearest->slot);
}
