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

/* What the pages of an index have. */
typedef struct PageCounts
{
	int64		items;
	int64		vectors;
	int64		dead;
	int64		item_pages;
	int64		leaf_pages;
	int64		inner_pages;
	int64		entries;
	int			height;
} PageCounts;

static void
count_page(Relation rel, const AnnoyIndex *index, Buffer buffer, PageCounts *counts)
{
	Page		page = BufferGetPage(buffer);

	if (PageIsNew(page))
		return;
	switch (AnnoyPageGetTag(page)->kind)
	{
		case ANNOY_PAGE_NODE:
			{
				AnnoyNode	node = AnnoyPageGetNode(page);

				if (index->dim == 0)
					counts->leaf_pages++;
				else if (AnnoyNodeIsCurrent(index, node))
				{
					AnnoyCheckNode(rel, index, buffer);
					counts->height = Max(counts->height, node->level + 1);
					if (node->level > 0)
						counts->inner_pages++;
					else
					{
						counts->leaf_pages++;
						counts->entries += node->count;
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
						counts->items++;
						counts->vectors += AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM;
					}
					counts->dead += AnnoySlotState(&slots[i]) == ANNOY_SLOT_DEAD;
				}
				counts->item_pages++;
				break;
			}
		case ANNOY_PAGE_ITEM_DATA:
		case ANNOY_PAGE_ATTRIBUTES:
			counts->item_pages++;
			break;
		default:
			break;
	}
}

static void
count_pages(Relation rel, const AnnoyIndex *index, PageCounts *counts)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);

	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();

		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		count_page(rel, index, buffer, counts);
		UnlockReleaseBuffer(buffer);
	}
}

PG_FUNCTION_INFO_V1(annoy_index_info);

/*
 * Returns what is in an index.  It reads every page.  If the index has another
 * format, the row has what its metapage tells all the same.
 */
Datum
annoy_index_info(PG_FUNCTION_ARGS)
{
	static const AnnoyRequest request = {
		.right = ANNOY_MAY_SELECT,
		.any_format = true,
	};
	AnnoyAccess access;
	Relation	rel;
	AnnoyMetaPageData meta;
	bool		other_format;
	const AnnoyIndex *index = NULL;
	PageCounts	counts = {0};
	Datum		values[16];
	bool		nulls[16] = {0};
	TupleDesc	desc = result_type(fcinfo, lengthof(values));
	int			n = 0;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	rel = access.rel;
	other_format = AnnoyHasOtherFormat(rel, &meta);
	if (!other_format)
	{
		index = AnnoyOpen(rel);
		count_pages(rel, index, &counts);
		meta.dtype = index->dtype;
		meta.n_trees = index->n_trees;
		meta.seed = index->seed;
		meta.dim = index->dim;
	}

	values[n++] = CStringGetTextDatum(AnnoyMetricName(AnnoyIndexMetric(rel)));
	values[n++] = ObjectIdGetDatum(TupleDescAttr(RelationGetDescr(rel), 0)->atttypid);
	nulls[n] = meta.dim == 0;
	values[n++] = Int32GetDatum(meta.dim);
	nulls[n] = meta.dtype < ANNOY_FLOAT32 || meta.dtype > ANNOY_FLOAT16;
	values[n] = nulls[n] ? (Datum) 0 : CStringGetTextDatum(AnnoyDtypeName(meta.dtype));
	n++;
	values[n++] = Int32GetDatum(meta.n_trees);
	memset(&nulls[n], other_format, 7 * sizeof(bool));
	values[n++] = Int32GetDatum(counts.height);
	values[n++] = Int64GetDatum(counts.items);
	values[n++] = Int64GetDatum(counts.vectors);
	values[n++] = Int64GetDatum(counts.dead);
	values[n++] = Int64GetDatum(counts.leaf_pages);
	values[n++] = Int64GetDatum(counts.inner_pages);
	nulls[n] |= meta.dim == 0;
	values[n] = nulls[n] ? (Datum) 0 :
		Float8GetDatum(counts.entries / ((double) counts.leaf_pages * index->leaf.capacity));
	n++;
	values[n++] = Int64GetDatum((int64) meta.seed);
	values[n++] = Int32GetDatum((int32) meta.version);
	memset(&nulls[n], other_format, 2 * sizeof(bool));
	values[n++] = Int64GetDatum(counts.item_pages * BLCKSZ);
	values[n++] = Int64GetDatum((counts.leaf_pages + counts.inner_pages) * BLCKSZ);
	Assert(n == lengthof(values));

	AnnoyCloseIndex(&access);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

PG_FUNCTION_INFO_V1(annoy_last_scan);

/*
 * Returns what the last scan of an annoy index did that this session has ended.
 * Times are in microseconds.
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
	values[n++] = BoolGetDatum(stats->drained);
	values[n++] = Int64GetDatum(stats->pages);
	values[n++] = Int64GetDatum(stats->pages_read);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->routing) * 1e6);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->scanning) * 1e6);
	values[n++] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->reranking) * 1e6);
	Assert(n == lengthof(values));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
