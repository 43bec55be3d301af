/*-------------------------------------------------------------------------
 *
 * access.c
 *	  The rows of an index, as functions use them that are called with its name.
 *
 * What these functions return is what a query would: the rows that the active
 * snapshot sees.
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

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
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

/*
 * How many rows a search of an index returns if it is not told.
 */
int
AnnoyDefaultNeighbors(Relation rel)
{
	int			n_neighbors = AnnoyOptionNeighbors(rel);

	return annoy_n_neighbors_is_set || n_neighbors < 0 ? annoy_n_neighbors : n_neighbors;
}

/*
 * Raise the error that a function is called without an item.  Where Annoy raises one
 * for an item that there is not, a subquery finds no row, which is NULL in SQL.
 */
void
AnnoyNoItem(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("item is null"),
			 errhint("A subquery that finds no row gives null.")));
}

/*
 * Prepare to read rows of the table.
 */
void
AnnoyRowReaderInit(AnnoyRowReader *reader, const AnnoyAccess *access)
{
	reader->access = access;
	reader->info = BuildIndexInfo(access->rel);
	reader->estate = CreateExecutorState();
	reader->predicate = ExecPrepareQual(reader->info->ii_Predicate, reader->estate);
	reader->slot = table_slot_create(access->heap, NULL);
	GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
}

/*
 * Evaluate what the row in the reader's slot has in the indexed column.  Returns
 * false if the row does not satisfy the condition of the index.  If it has no
 * vector, *vec has no data.  Otherwise the vector is of that dtype, and lives until
 * the next row is read.
 */
bool
AnnoyReadRow(AnnoyRowReader *reader, AnnoyDtype dtype, AnnoyVector *vec)
{
	const AnnoyAccess *access = reader->access;
	ExprContext *econtext = GetPerTupleExprContext(reader->estate);
	MemoryContext old_context;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	ResetExprContext(econtext);
	vec->data = NULL;
	if (!ExecQual(reader->predicate, econtext))
		return false;
	old_context = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	FormIndexDatum(reader->info, reader->slot, reader->estate, values, isnull);
	if (!isnull[0])
	{
		AnnoyVector column = AnnoyReadColumn(access->rel, values[0]);

		AnnoyCheckDimensions(access->rel, access->index, &column);
		*vec = AnnoyConvertVector(&column, dtype);
	}
	MemoryContextSwitchTo(old_context);
	return true;
}

void
AnnoyRowReaderEnd(AnnoyRowReader *reader)
{
	ExecDropSingleTupleTableSlot(reader->slot);
	FreeExecutorState(reader->estate);
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
 * Get a row's vector, as the index stores it; or the column's, if the index has not
 * more than an idea of that.  Returns false if the row has none, and raises an error
 * if there is no such row that the snapshot sees.
 *
 * It comes from the table, since nothing leads from a TID to an item.
 */
bool
AnnoyFetchRow(const AnnoyAccess *access, ItemPointer tid, AnnoyVector *vec)
{
	TableScanDesc scan = table_beginscan_tid(access->heap, access->snapshot);
	AnnoyRowReader reader;
	AnnoyDtype	dtype = access->index->dtype;
	bool		found;

	if (dtype == ANNOY_INT8)
		dtype = access->rel->rd_opcintype[0] == FLOAT8ARRAYOID ? ANNOY_FLOAT64 : ANNOY_FLOAT32;
	AnnoyRowReaderInit(&reader, access);
	if (!table_tuple_tid_valid(scan, tid) ||
		!table_tuple_fetch_row_version(access->heap, tid, access->snapshot, reader.slot))
		no_such_row(access, tid, "The table has no such row, or it is not visible.");
	table_endscan(scan);
	if (!AnnoyReadRow(&reader, dtype, vec))
		no_such_row(access, tid, "The row does not satisfy the condition of the index.");
	found = vec->data != NULL;
	if (found)
		*vec = AnnoyCopyVector(vec);
	AnnoyRowReaderEnd(&reader);
	return found;
}
