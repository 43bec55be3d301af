/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  annoy_index_check(): does each row have one item, with its values?
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/bloomfilter.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "bits.h"
#include "check/check.h"
#include "error.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/*
 * The Bloom filter is made for so many times the number of items: with ten hash
 * functions and 64 bits for each item, it takes a missing row for one that is
 * there once in 10^8 times, as long as maintenance_work_mem has room for it.
 */
#define BLOOM_ROOM		4

/*
 * Copy a page if it has slots.  Returns their number.
 */
static int
read_slots(const AnnoyCheck *check, BlockNumber block, Page page)
{
	if ((AnnoyBitsTest(&check->groups, block) || AnnoyBitsTest(&check->nulls, block)) &&
		AnnoyCheckReadPage(check, block, page))
		return AnnoyPageSlotCount(check->index, page);
	return 0;
}

/* A TID as a number, from which it can be made again. */
static int64
row_number(const ItemPointerData *tid)
{
	return ((int64) ItemPointerGetBlockNumberNoCheck(tid) << 16) |
		ItemPointerGetOffsetNumberNoCheck(tid);
}

/*
 * Report the second item of a row.
 */
static void
report_second(const AnnoyCheck *check, const ItemPointerData *tid)
{
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	bool		found = false;

	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		int			nslots = read_slots(check, block, page->data);
		AnnoySlot	slots = AnnoyPageGetSlots(page->data);

		for (int i = 0; i < nslots; i++)
		{
			if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_LIVE ||
				row_number(&slots[i].tid) != row_number(tid))
				continue;
			if (found)
				AnnoyReport(check, block, i + 1, "The item is the second one of row (%u,%u).",
							ItemPointerGetBlockNumberNoCheck(tid),
							ItemPointerGetOffsetNumberNoCheck(tid));
			found = true;
		}
	}
	pfree(page);
}

/*
 * Check that no row has two items.
 *
 * The TIDs of all are sorted.  (A bit for each possible row takes less, but how
 * many rows are possible in a block is known only of heap tables.)
 */
void
AnnoyCheckRows(const AnnoyCheck *check)
{
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	Tuplesortstate *sort;
	int64		last = -1;
	Datum		value;
	bool		isnull;

	sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
								 maintenance_work_mem, NULL, ANNOY_TUPLESORT_NONE);
	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		int			nslots = read_slots(check, block, page->data);
		AnnoySlot	slots = AnnoyPageGetSlots(page->data);

		for (int i = 0; i < nslots; i++)
		{
			if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE)
				tuplesort_putdatum(sort, Int64GetDatum(row_number(&slots[i].tid)), false);
		}
	}
	pfree(page);
	tuplesort_performsort(sort);
	while (AnnoyGetSorted(sort, &value, &isnull))
	{
		int64		number = DatumGetInt64(value);
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();

		/* what we do not see may have been removed, and its TID be used again */
		ItemPointerSet(&tid, (BlockNumber) (number >> 16), (OffsetNumber) (number & 0xFFFF));
		if (number == last && AnnoyCheckRowVisible(check, &tid))
			report_second(check, &tid);
		last = number;
	}
	tuplesort_end(sort);
}

/* Rows of the table. */

typedef struct HeapCheck
{
	const AnnoyCheck *check;
	bloom_filter *filter;
	MemoryContext context;		/* of one row */
	uint8	   *element;		/* of the filter: a TID, a hash of the
								 * attributes and a vector's bytes */
	Size		vector_size;	/* 0 if vectors are in the table */
	TupleDesc	attributes_desc;	/* NULL if there are no further columns */
} HeapCheck;

/*
 * Make an element of the filter.  A NULL has no attributes, and no data.  Returns its
 * size.
 */
static Size
make_element(HeapCheck *state, const ItemPointerData *tid, bool is_null, const void *data,
			 uint64 attributes)
{
	uint8	   *end = state->element;

	memcpy(end, tid, sizeof(ItemPointerData));
	end += sizeof(ItemPointerData);
	if (!is_null)
	{
		memcpy(end, &attributes, sizeof(attributes));
		end += sizeof(attributes);
		if (state->vector_size > 0)
			memcpy(end, data, state->vector_size);
		end += state->vector_size;
	}
	return end - state->element;
}

/*
 * A hash of attributes, the same whether they are compressed or not.
 */
static uint64
hash_attributes(TupleDesc desc, const Datum *values, const bool *isnull)
{
	uint64		hash = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		hash = hash_combine64(hash, isnull[i] ? 0 :
							  (uint64) 1 + datum_image_hash(values[i], attribute->attbyval,
															attribute->attlen));
	}
	return hash;
}

/*
 * A hash of an item's attributes.  Returns false if the item has changed.
 */
static bool
hash_item(const AnnoyCheck *check, TupleDesc desc, const AnnoyPointer *pointer,
		  const AnnoyItem *item, uint64 *hash)
{
	Buffer		buffer = AnnoyAttributesLock(check->rel,
											 ItemPointerGetBlockNumberNoCheck(&item->attributes),
											 InvalidBlockNumber, BUFFER_LOCK_SHARE);
	IndexTuple	tuple = AnnoyAttributesGet(BufferGetPage(buffer),
										   ItemPointerGetOffsetNumberNoCheck(&item->attributes));
	bool		found = tuple != NULL && AnnoyPointersEqual(&tuple->t_tid, pointer);
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	if (found)
	{
		index_deform_tuple(tuple, desc, values, isnull);
		*hash = hash_attributes(desc, values, isnull);
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/* AnnoyItemWalk callback. */
static void
add_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	HeapCheck  *state = arg;
	uint64		attributes = 0;
	MemoryContext old_context;

	if ((item->state & ANNOY_SLOT_STATE_MASK) != ANNOY_SLOT_LIVE)
		return;
	old_context = MemoryContextSwitchTo(state->context);
	/* what has lost its attributes meanwhile is no row that we see */
	if (state->attributes_desc == NULL || item->is_null ||
		hash_item(state->check, state->attributes_desc, pointer, item, &attributes))
		bloom_add_element(state->filter, state->element,
						  make_element(state, &item->tid, item->is_null, item->vector.data,
									   attributes));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->context);
}

/* Callback of the scan of the table. */
static void
check_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive pg_attribute_unused(), void *arg)
{
	HeapCheck  *state = arg;
	const AnnoyIndex *index = state->check->index;
	MemoryContext old_context = MemoryContextSwitchTo(state->context);
	const void *data = NULL;
	uint64		attributes = 0;
	bool		found = true;

	CHECK_FOR_INTERRUPTS();

	if (!isnull[0])
	{
		AnnoyVector vec = AnnoyReadColumn(rel, values[0]);

		found = vec.dim == index->dim && AnnoyVectorFits(&vec, index->dtype);
		if (found)
			data = AnnoyConvertVector(&vec, index->dtype).data;
		if (state->attributes_desc != NULL)
			attributes = hash_attributes(state->attributes_desc, values + 1, isnull + 1);
	}
	if (!found ||
		bloom_lacks_element(state->filter, state->element,
							make_element(state, tid, isnull[0], data, attributes)))
		AnnoyReportCorruption(rel, InvalidBlockNumber,
							  "It lacks row (%u,%u) of table \"%s\": there is no item for it that has its values.",
							  ItemPointerGetBlockNumber(tid),
							  ItemPointerGetOffsetNumber(tid),
							  RelationGetRelationName(state->check->heap));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->context);
}

/*
 * Check that all rows that our snapshot sees are in the index, with the values
 * that the table has.
 */
void
AnnoyCheckHeap(const AnnoyCheck *check)
{
	const AnnoyIndex *index = check->index;
	IndexInfo  *info = BuildIndexInfo(check->rel);
	HeapCheck	state = {0};
	TableScanDesc scan;
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		elog(ERROR, "could not generate a random number");
	state.check = check;
	state.vector_size = index->dim > 0 && !index->in_table ?
		AnnoyVectorSize(index->dtype, index->dim) : 0;
	state.element = palloc(sizeof(ItemPointerData) + sizeof(uint64) + state.vector_size);
	if (index->attributes_size > 0)
		state.attributes_desc = AnnoyAttributesDesc(check->rel);
	state.context = AllocSetContextCreate(CurrentMemoryContext, "annoy check row",
										  ALLOCSET_DEFAULT_SIZES);
	state.filter = bloom_create(Max(check->live, 1) * BLOOM_ROOM, maintenance_work_mem, seed);
	AnnoyItemWalk(check->rel, index, NULL, check->strategy, add_item, &state);

	/* as in CREATE INDEX CONCURRENTLY: what a snapshot sees */
	info->ii_Concurrent = true;
	scan = AnnoyBeginTableScan(check->heap, check->snapshot);
	(void) table_index_build_scan(check->heap, check->rel, info, true, false,
								  check_row, &state, scan);
	bloom_free(state.filter);
	MemoryContextDelete(state.context);
}
