/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Searches that functions make, one after the other.
 *
 * They find what a query would: the rows that the snapshot sees, by an index scan
 * of PostgreSQL's own.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/ask.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "relation/relation.h"
#include "scan/scan.h"

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
