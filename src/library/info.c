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

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/regproc.h"

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "type/type.h"
#include "vacuum/vacuum.h"

#define MAX_COLUMNS		20

/* A row that is returned. */
typedef struct ResultRow
{
	int			n;				/* columns so far */
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} ResultRow;

static inline void
put(ResultRow *row, Datum value, bool isnull)
{
	Assert(row->n < MAX_COLUMNS);
	row->nulls[row->n] = isnull;
	row->values[row->n++] = value;
}

/*
 * Return a row, which has to have as many columns as the function's result type.
 * It has not if the library is of a later version than the extension's objects in
 * this database.
 */
static Datum
return_row(FunctionCallInfo fcinfo, ResultRow *row)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (desc->natts != row->n)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"annoy\" and its library are of different versions"),
				 errdetail("%s returns %d columns in this database, and %d in the library.",
						   format_procedure(fcinfo->flinfo->fn_oid), desc->natts, row->n),
				 errhint("Run ALTER EXTENSION annoy UPDATE.")));
	desc = BlessTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, row->values, row->nulls)));
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

/*
 * The number of live vectors, of rows not yet removed by VACUUM.  Reads every page.
 */
int64
AnnoyCountLiveVectors(Relation rel, const AnnoyIndex *index)
{
	PageCounts	counts = {0};

	count_pages(rel, index, &counts);
	return counts.vectors;
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
	ResultRow	row = {0};
	bool		no_vectors;
	bool		known_dtype;

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

	no_vectors = meta.dim == 0;
	known_dtype = meta.dtype >= ANNOY_FLOAT32 && meta.dtype <= ANNOY_INT8 &&
		(other_format || !no_vectors || !index->auto_dtype);

	put(&row, CStringGetTextDatum(AnnoyMetricName(AnnoyIndexMetric(rel))), false);
	put(&row, CStringGetTextDatum(format_type_be(TupleDescAttr(RelationGetDescr(rel), 0)->atttypid)), false);
	put(&row, Int32GetDatum(meta.dim), no_vectors);
	put(&row, known_dtype ? CStringGetTextDatum(AnnoyStoredName(meta.dtype, !other_format && index->in_table)) : (Datum) 0,
		!known_dtype);
	put(&row, Int32GetDatum(meta.n_trees), false);
	put(&row, Int32GetDatum(other_format ? 0 : index->n_entries), other_format);
	put(&row, Int32GetDatum(other_format ? 0 : index->leaf.signature_bytes), other_format);
	put(&row, Int32GetDatum(counts.height), other_format);
	put(&row, Int64GetDatum(counts.items), other_format);
	put(&row, Int64GetDatum(counts.vectors), other_format);
	put(&row, Int64GetDatum(counts.entries), other_format);
	put(&row, Int64GetDatum(counts.dead), other_format);
	put(&row, Int64GetDatum(counts.leaf_pages), other_format);
	put(&row, Int64GetDatum(counts.inner_pages), other_format);
	if (other_format || no_vectors)
		put(&row, (Datum) 0, true);
	else
		put(&row, Float8GetDatum(counts.entries /
								 ((double) counts.leaf_pages * index->leaf.capacity)), false);
	put(&row, DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf(UINT64_FORMAT, meta.seed)),
								  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)), false);
	put(&row, Int32GetDatum((int32) meta.version), false);
	put(&row, Int64GetDatum(counts.item_pages * BLCKSZ), other_format);
	put(&row, Int64GetDatum((counts.leaf_pages + counts.inner_pages) * BLCKSZ), other_format);
	if (other_format || no_vectors || counts.items == 0)
		put(&row, (Datum) 0, true);
	else
		put(&row, Float8GetDatum(AnnoyStalePart(rel, index, counts.items)), false);

	AnnoyCloseIndex(&access);
	return return_row(fcinfo, &row);
}

/* Why the rounds of a search have ended, in their order, as an array of text. */
static Datum
round_ends(const AnnoyScanStats *stats)
{
	static const char *const words[] = {
		[ANNOY_END_NONE] = "",
		[ANNOY_END_EFFORT] = "effort",
		[ANNOY_END_DISTANCE] = "distance",
		[ANNOY_END_EVERYTHING] = "everything"
	};
	Datum		ends[ANNOY_NOTED_ROUNDS];
	int			n = (int) Min(stats->rounds, ANNOY_NOTED_ROUNDS);

	for (int i = 0; i < n; i++)
		ends[i] = CStringGetTextDatum(words[stats->ends[i]]);
	return PointerGetDatum(construct_array(ends, n, TEXTOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(annoy_last_scan);

/*
 * Returns what the last scan of an annoy index did that this session has ended.
 * Times are in microseconds.
 */
Datum
annoy_last_scan(PG_FUNCTION_ARGS)
{
	const AnnoyScanReport *report = AnnoyLastScan();
	const AnnoyScanStats *stats = &report->stats;
	double		predicted = AnnoyPredictedRecall(report);
	ResultRow	row = {0};

	put(&row, Float8GetDatum(report->recall), report->recall == 0);
	put(&row, Float8GetDatum(predicted), isnan(predicted));
	put(&row, Float8GetDatum(stats->effort), stats->rounds == 0);
	put(&row, Int64GetDatum(stats->rounds), false);
	put(&row, round_ends(stats), stats->rounds == 0);
	put(&row, BoolGetDatum(stats->drained > 0), false);
	put(&row, Int64GetDatum(stats->inner_nodes), false);
	put(&row, Int64GetDatum(stats->leaves), false);
	put(&row, Int64GetDatum(stats->entries), false);
	put(&row, Int64GetDatum(stats->tested), false);
	put(&row, Int64GetDatum(stats->items), false);
	put(&row, Int64GetDatum(stats->rows), false);
	put(&row, Int64GetDatum(stats->pages), false);
	put(&row, Int64GetDatum(stats->pages_read), false);
	put(&row, Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->routing) * 1e6), false);
	put(&row, Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->scanning) * 1e6), false);
	put(&row, Float8GetDatum(INSTR_TIME_GET_DOUBLE(stats->reranking) * 1e6), false);
	return return_row(fcinfo, &row);
}
