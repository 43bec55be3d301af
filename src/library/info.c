/*-------------------------------------------------------------------------
 *
 * info.c
 *	  annoy_index_info(): what is in an index; annoy_last_scan(): what the last
 *	  scan of one did.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/info.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/regproc.h"

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "type/type.h"

/*
 * The type of a function's result, which has to have as many columns as there are
 * values.  It has not if the library is of a later version than the extension's
 * objects in this database.
 */
static TupleDesc
result_type(FunctionCallInfo fcinfo, int nvalues)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (desc->natts != nvalues)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"annoy\" and its library are of different versions"),
				 errdetail("%s returns %d columns in this database, and %d in the library.",
						   format_procedure(fcinfo->flinfo->fn_oid), desc->natts, nvalues),
				 errhint("Run ALTER EXTENSION annoy UPDATE.")));
	return BlessTupleDesc(desc);
}

PG_FUNCTION_INFO_V1(annoy_index_info);

/*
 * Reads every page of the index.
 */
Datum
annoy_index_info(PG_FUNCTION_ARGS)
{
	static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess access;
	Relation	rel;
	const AnnoyIndex *index;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber nblocks;
	int64		items = 0;
	int64		vectors = 0;
	int64		dead = 0;
	int64		item_pages = 0;
	int64		leaf_pages = 0;
	int64		inner_pages = 0;
	int64		entries = 0;
	int			height = 0;
	Datum		values[16];
	bool		nulls[16] = {0};
	TupleDesc	desc = result_type(fcinfo, lengthof(values));
	int			n = 0;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	rel = access.rel;
	index = access.index;
	nblocks = RelationGetNumberOfBlocks(rel);
	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();

		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		if (PageIsNew(page))
		{
			UnlockReleaseBuffer(buffer);
			continue;
		}
		switch (AnnoyPageGetTag(page)->kind)
		{
			case ANNOY_PAGE_NODE:
				{
					AnnoyNode	node = AnnoyPageGetNode(page);

					if (index->dim == 0)
						leaf_pages++;
					else if (AnnoyNodeIsCurrent(index, node))
					{
						AnnoyCheckNode(rel, index, buffer);
						height = Max(height, node->level + 1);
						if (node->level > 0)
							inner_pages++;
						else
						{
							leaf_pages++;
							entries += node->count;
						}
					}
					break;
				}
			case ANNOY_PAGE_ITEM:
			case ANNOY_PAGE_NULLS:
				{
					int			nslots = AnnoyPageSlotCount(index, page);
					AnnoySlot	slots = AnnoyPageGetSlots(page);

					for (int i = 0; i < nslots; i++)
					{
						if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE)
						{
							items++;
							vectors += AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM;
						}
						dead += AnnoySlotState(&slots[i]) == ANNOY_SLOT_DEAD;
					}
					item_pages++;
					break;
				}
			case ANNOY_PAGE_ITEM_DATA:
			case ANNOY_PAGE_ATTRIBUTES:
				item_pages++;
				break;
			default:
				break;
		}
		UnlockReleaseBuffer(buffer);
	}

	values[n++] = CStringGetTextDatum(AnnoyMetricName(index->metric));
	values[n++] = ObjectIdGetDatum(TupleDescAttr(RelationGetDescr(rel), 0)->atttypid);
	nulls[n] = index->dim == 0;
	values[n++] = Int32GetDatum(index->dim);
	values[n++] = CStringGetTextDatum(AnnoyDtypeName(index->dtype));
	values[n++] = Int32GetDatum(index->n_trees);
	values[n++] = Int32GetDatum(height);
	values[n++] = Int64GetDatum(items);
	values[n++] = Int64GetDatum(vectors);
	values[n++] = Int64GetDatum(dead);
	values[n++] = Int64GetDatum(leaf_pages);
	values[n++] = Int64GetDatum(inner_pages);
	nulls[n] = index->dim == 0;
	values[n++] = Float8GetDatum(index->dim == 0 ? 0 :
								 (double) entries / ((double) leaf_pages * index->leaf.capacity));
	values[n++] = Int64GetDatum((int64) index->seed);
	values[n++] = Int32GetDatum(ANNOY_FORMAT_VERSION);
	values[n++] = Int64GetDatum(item_pages * BLCKSZ);
	values[n++] = Int64GetDatum((leaf_pages + inner_pages) * BLCKSZ);
	Assert(n == lengthof(values));

	AnnoyCloseIndex(&access);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

PG_FUNCTION_INFO_V1(annoy_last_scan);

/*
 * What the last scan of an annoy index by this session that has ended did.  Times
 * are in microseconds.
 */
Datum
annoy_last_scan(PG_FUNCTION_ARGS)
{
	const AnnoyScanStats *stats = AnnoyLastScan();
	Datum		values[12];
	bool		nulls[12] = {0};
	TupleDesc	desc = result_type(fcinfo, lengthof(values));
	int			n = 0;

	values[n++] = Int64GetDatum(stats->rounds);
	values[n++] = Int64GetDatum(stats->inner_nodes);
	values[n++] = Int64GetDatum(stats->leaves);
	values[n++] = Int64GetDatum(stats->entries);
	values[n++] = Int64GetDatum(stats->items);
	values[n++] = Int64GetDatum(stats->rows);
	values[n++] = BoolGetDatum(stats->walked);
	values[n++] = Int64GetDatum(stats->pages);
	values[n++] = Int64GetDatum(stats->pages_read);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->routing) * 1e6);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->scanning) * 1e6);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->reranking) * 1e6);
	Assert(n == lengthof(values));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
