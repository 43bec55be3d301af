/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Building an index: CREATE INDEX and REINDEX.
 *
 * Load: one scan of the table writes all items.  Participants (the leader and
 * its workers, see parallel.c) take chunks of the table in turn.  They read and
 * convert rows at the same time, but write items in turn, chunk by chunk: so
 * items are in the order of the table, whoever has read them.  The leader alone
 * begins, until a live row has decided on the dimensions.
 *
 * Then each tree is made, on its own:
 *
 * Sample: vectors chosen by a hash of the heap TID are read into memory.
 *
 * Skeleton: the sample is divided by 2-means until the pieces would fit a page
 * each.  The pieces' means are the centres of leaves.
 *
 * Refine: items are placed in the leaf whose centre is nearest, by the beam
 * search of place.c, and the centres become the means of what was placed there.
 * That one Lloyd step over the whole tree repairs what the divisions from the
 * top down have cut through, and what is random about a small sample; see
 * docs/measurements.md for what it is worth.
 *
 * Assign: another walk over the items places every item, encodes it relative to
 * its leaf's centre and passes the entry to a sort by leaf.
 *
 * Write: leaves are written in the order of the sort.  Where more entries came
 * together than fit a page, the items are read again and divided further.  The
 * levels above are made by dividing the centres of the nodes below.
 *
 * Nothing is WAL-logged on the way; at the end all pages are.
 *
 * maintenance_work_mem bounds what all participants use together, see build.h
 * for its parts.  When the sample or the skeleton would be larger, there are
 * fewer leaves to place items in, and more is left to the divisions at the end.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/build.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/build.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/* Trees that n_trees = -1 gives; see docs/measurements.md. */
#define AUTOMATIC_TREES		1

/* Blocks of the table that a participant takes at a time. */
#define CHUNK_BLOCKS		128
#define MIN_WAITING			((Size) 64 * 1024)

/* Rows loaded between two reports of progress: they may be long. */
#define REPORT_ROWS			100

/* Pages that are logged between two reports of progress. */
#define LOG_BLOCKS			1024

/* A row that waits for its turn; its vector follows, then its attributes. */
typedef struct WaitingRow
{
	ItemPointerData tid;
	bool		is_null;
	Size		size;			/* of all together */
} WaitingRow;

/* Load. */

/*
 * Add blocks to the index.  Returns the first one.
 */
static BlockNumber
reserve_blocks(Relation rel, int n)
{
	Buffer		buffer = AnnoyExtend(rel, MAIN_FORKNUM, n);
	BlockNumber first = BufferGetBlockNumber(buffer);

	UnlockReleaseBuffer(buffer);
	return first;
}

/*
 * Write pages to blocks that have been reserved for them.
 */
static void
write_pages(Relation rel, BlockNumber first, const char *pages, int n)
{
	for (int i = 0; i < n; i++)
	{
		Buffer		buffer = ReadBuffer(rel, first + i);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		memcpy(BufferGetPage(buffer), pages + (Size) i * BLCKSZ, BLCKSZ);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Write pages to new blocks of the index.  Returns the first block.
 */
BlockNumber
AnnoyBuildWrite(Relation rel, const char *pages, int n)
{
	BlockNumber first = reserve_blocks(rel, n);

	write_pages(rel, first, pages, n);
	return first;
}

/*
 * Write a page to a block of an index that others use, or will after a crash.
 */
void
AnnoyBuildWriteLogged(Relation rel, BlockNumber block, const char *page)
{
	Buffer		buffer = ReadBuffer(rel, block);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

/*
 * Write the item group being filled.
 */
static void
flush_items(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	if (shared->items_used == 0)
		return;
	write_pages(build->rel, shared->items_block, build->items, build->index->group_pages);
	if (shared->items_used < build->index->group_slots)
		AnnoyItemRecordFree(build->rel, shared->items_block);
	shared->items_used = 0;
}

/*
 * Write the page of attributes being filled.
 */
static void
flush_attributes(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	write_pages(build->rel, shared->attributes_block, shared->attributes.data, 1);
	shared->last_attributes = shared->attributes_block;
	shared->attributes_block = InvalidBlockNumber;
}

/*
 * Write the page of NULLs being filled.  Only the last one has free slots.
 */
static void
flush_nulls(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	if (shared->nulls_used == 0)
		return;
	if (shared->nulls_used == ANNOY_NULL_SLOTS)
		(void) AnnoyBuildWrite(build->rel, shared->nulls.data, 1);
	else
	{
		AnnoyPageGetTag(shared->nulls.data)->next_free = InvalidBlockNumber;
		shared->null_free = AnnoyBuildWrite(build->rel, shared->nulls.data, 1);
	}
	shared->nulls_used = 0;
}

/*
 * Tell the metapage of pages of NULLs and of attributes.  Only the last page of
 * either kind has room.
 */
static void
set_lists(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	Buffer		buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);
	AnnoyMetaPage meta = AnnoyPageGetMeta(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (shared->null_count > 0)
		meta->flags |= ANNOY_META_NULLS;
	meta->null_free = shared->null_free;
	meta->attributes = shared->last_attributes;
	meta->attributes_free = shared->last_attributes;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

static void
store_null(AnnoyBuild *build, ItemPointer tid)
{
	AnnoyShared *shared = build->shared;
	Page		page = shared->nulls.data;

	if (shared->nulls_used == 0)
		AnnoyNullsInit(page);
	AnnoyPageGetSlots(page)[shared->nulls_used].tid = *tid;
	AnnoyPageGetSlots(page)[shared->nulls_used++].state = ANNOY_SLOT_LIVE;
	if (shared->nulls_used == ANNOY_NULL_SLOTS)
		flush_nulls(build);
	shared->null_count++;
}

/*
 * Store the attributes of an item.
 */
static AnnoyPointer
store_attributes(AnnoyBuild *build, IndexTuple attributes, const AnnoyPointer *item)
{
	AnnoyShared *shared = build->shared;
	Page		page = shared->attributes.data;
	AnnoyPointer pointer;

	if (shared->attributes_block != InvalidBlockNumber && !AnnoyAttributesFit(page, attributes))
		flush_attributes(build);
	if (shared->attributes_block == InvalidBlockNumber)
	{
		shared->attributes_block = reserve_blocks(build->rel, 1);
		AnnoyAttributesInit(page);
		AnnoyPageGetAttributes(page)->next = shared->last_attributes;
	}
	attributes->t_tid = *item;
	ItemPointerSet(&pointer, shared->attributes_block, AnnoyAttributesAdd(page, attributes));
	return pointer;
}

static void
store_item(AnnoyBuild *build, ItemPointer tid, const AnnoyVector *vec,
		   IndexTuple attributes)
{
	const AnnoyIndex *index = build->index;
	AnnoyShared *shared = build->shared;
	AnnoyPointer item;
	AnnoyPointer pointer = {0};

	if (shared->items_used == 0)
	{
		shared->items_block = reserve_blocks(build->rel, index->group_pages);
		for (int i = 0; i < index->group_pages; i++)
		{
			Page		page = build->items + (Size) i * BLCKSZ;

			AnnoyPageInit(page, i == 0 ? ANNOY_PAGE_ITEM : ANNOY_PAGE_ITEM_DATA);
			if (i == 0)
				AnnoyPageSetEnd(page, AnnoyPageGetData(page) + index->group_head);
		}
	}
	for (int i = 0; i < index->group_pages; i++)
		AnnoyItemPut(index, build->items + (Size) i * BLCKSZ, i, shared->items_used,
					 vec);
	ItemPointerSet(&item, shared->items_block, FirstOffsetNumber + shared->items_used);
	if (attributes != NULL)
		pointer = store_attributes(build, attributes, &item);
	AnnoySlotSet(index, build->items, shared->items_used++, tid, &pointer);
	if (shared->items_used == index->group_slots)
		flush_items(build);
	shared->item_count++;
}

/*
 * With the first vector of a live row, the dimensions are known.
 */
static void
start_items(AnnoyBuild *build, const AnnoyVector *vec)
{
	AnnoyShared *shared = build->shared;

	Assert(!build->is_worker);
	shared->dim = vec->dim;
	shared->scale_exponent = 0; /* until there is a sample */
	shared->index_version++;
	AnnoyBuildSyncIndex(build);
}

/*
 * Wait until the chunks before ours are written, then write what we have of
 * ours.
 */
static void
take_turn(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	for (;;)
	{
		uint64		turn;

		SpinLockAcquire(&shared->mutex);
		turn = shared->turn;
		SpinLockRelease(&shared->mutex);
		if (turn == build->unit)
			break;
		AnnoyBuildWait(build);
	}
	ConditionVariableCancelSleep();
	build->has_turn = true;

	for (Size position = 0; position < build->waiting_used;)
	{
		WaitingRow *row = (WaitingRow *) (build->waiting + position);
		AnnoyVector vec;
		char	   *end;

		CHECK_FOR_INTERRUPTS();
		vec.dtype = build->index->dtype;
		vec.dim = build->index->dim;
		vec.data = (char *) row + MAXALIGN(sizeof(WaitingRow));
		end = (char *) vec.data + MAXALIGN(AnnoyVectorSize(vec.dtype, vec.dim));
		if (row->is_null)
			store_null(build, &row->tid);
		else
			store_item(build, &row->tid, &vec,
					   build->attributes_desc != NULL ? (IndexTuple) end : NULL);
		position += row->size;
	}
	build->waiting_used = 0;
}

/*
 * Write a row, or keep it until it is our turn; vec is NULL for a NULL, whose
 * attributes are not stored.
 */
static void
add_row(AnnoyBuild *build, ItemPointer tid, const AnnoyVector *vec,
		IndexTuple attributes)
{
	Size		vector_size = vec == NULL ? 0 : AnnoyVectorSize(vec->dtype, vec->dim);
	Size		attributes_size = attributes == NULL ? 0 : IndexTupleSize(attributes);
	Size		size = MAXALIGN(sizeof(WaitingRow)) + MAXALIGN(vector_size);
	WaitingRow *row;

	if (!build->has_turn &&
		build->waiting_used + size + MAXALIGN(attributes_size) > build->waiting_size)
		take_turn(build);
	if (build->has_turn)
	{
		if (vec == NULL)
			store_null(build, tid);
		else
			store_item(build, tid, vec, attributes);
		return;
	}
	row = (WaitingRow *) (build->waiting + build->waiting_used);
	row->tid = *tid;
	row->is_null = vec == NULL;
	row->size = size + MAXALIGN(attributes_size);
	if (vec != NULL)
		memcpy((char *) row + MAXALIGN(sizeof(WaitingRow)), vec->data, vector_size);
	if (attributes != NULL)
		memcpy((char *) row + size, attributes, attributes_size);
	build->waiting_used += row->size;
}

/*
 * Load a vector and its attributes; raises an error if it is not fit for the
 * index.  If it is the first one it decides on the dimensions.
 */
static void
load_vector(AnnoyBuild *build, ItemPointer tid, Datum value, IndexTuple attributes)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->row_context);
	AnnoyVector vec;

	AnnoyRowErrorsBegin(build->errors, build->rel, build->index, tid, true);
	vec = AnnoyReadColumn(build->rel, value);
	AnnoyCheckDimensions(build->rel, build->index, &vec);
	vec = AnnoyConvertVector(&vec, build->index->dtype);
	AnnoyRowErrorsEnd(build->errors);
	MemoryContextSwitchTo(old_context);

	if (build->index->dim == 0)
		start_items(build, &vec);
	add_row(build, tid, &vec, attributes);
	MemoryContextReset(build->row_context);
}

/*
 * Load the vector of a row that is dead, but that an old snapshot may see.  It
 * cannot make the build fail: if it does not fit, it is left out, and the index
 * is not for those who may see it.  A broken HOT chain means just that, see
 * README.HOT in PostgreSQL's sources.
 */
static void
load_dead_vector(AnnoyBuild *build, ItemPointer tid, Datum value, IndexTuple attributes)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->row_context);
	bool		fits = AnnoyColumnFits(build->rel, build->index, value);

	MemoryContextSwitchTo(old_context);
	if (fits)
		load_vector(build, tid, value, attributes);
	else
	{
		build->index_info->ii_BrokenHotChain = true;
		MemoryContextReset(build->row_context);
	}
}

/*
 * Put a dead row aside, until a live one has decided on the dimensions.
 */
static void
keep_dead_row(AnnoyBuild *build, ItemPointer tid, Datum value, IndexTuple attributes)
{
	Datum		values[3] = {PointerGetDatum(tid), value, (Datum) 0};
	bool		nulls[3] = {false, false, attributes == NULL};

	if (attributes != NULL)
	{
		Size		size = IndexTupleSize(attributes);
		bytea	   *copy = MemoryContextAlloc(build->row_context, VARHDRSZ + size);

		SET_VARSIZE(copy, VARHDRSZ + size);
		memcpy(VARDATA(copy), attributes, size);
		values[2] = PointerGetDatum(copy);
	}
	if (build->dead_rows == NULL)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(lengthof(values));

		TupleDescInitEntry(desc, 1, "tid", TIDOID, -1, 0);
		TupleDescInitEntry(desc, 2, "vector",
						   TupleDescAttr(RelationGetDescr(build->rel), 0)->atttypid,
						   -1, 0);
		TupleDescInitEntry(desc, 3, "attributes", BYTEAOID, -1, 0);
		TupleDescFinalize(desc);
		build->dead_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		build->dead_rows = tuplestore_begin_heap(false, false, work_mem);
	}
	tuplestore_putvalues(build->dead_rows, build->dead_slot->tts_tupleDescriptor,
						 values, nulls);
	MemoryContextReset(build->row_context);
}

/*
 * Load the dead rows that were put aside.
 */
static void
load_dead_rows(AnnoyBuild *build)
{
	Tuplestorestate *rows = build->dead_rows;
	TupleTableSlot *slot = build->dead_slot;

	build->dead_rows = NULL;
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		IndexTuple	attributes = NULL;

		slot_getallattrs(slot);
		if (!slot->tts_isnull[2])
		{
			bytea	   *stored = DatumGetByteaPP(slot->tts_values[2]);

			/* VARDATA is not aligned */
			attributes = MemoryContextAlloc(build->row_context, VARSIZE_ANY_EXHDR(stored));
			memcpy(attributes, VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored));
		}
		load_dead_vector(build, (ItemPointer) DatumGetPointer(slot->tts_values[0]),
						 slot->tts_values[1], attributes);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

/*
 * Callback of the heap scan.
 */
static void
load_row(Relation rel pg_attribute_unused(), ItemPointer tid, Datum *values, bool *isnull,
		 bool alive, void *arg)
{
	AnnoyBuild *build = arg;
	IndexTuple	attributes = NULL;

	if (!isnull[0] && build->attributes_desc != NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(build->row_context);

		AnnoyRowErrorsBegin(build->errors, build->rel, build->index, tid, false);
		attributes = AnnoyFormAttributes(build->rel, build->attributes_desc, values, isnull);
		AnnoyRowErrorsEnd(build->errors);
		MemoryContextSwitchTo(old_context);
	}

	if (isnull[0])
		add_row(build, tid, NULL, NULL);
	else if (alive)
		load_vector(build, tid, values[0], attributes);
	else if (build->index->dim > 0)
		load_dead_vector(build, tid, values[0], attributes);
	else
		keep_dead_row(build, tid, values[0], attributes);

	/* in the order of the table, but for the row that sets the dimensions */
	if (build->index->dim > 0 && build->dead_rows != NULL)
		load_dead_rows(build);

	/* a scan of the whole table reports its blocks itself */
	if (build->shared->n_chunks > 1 && ++build->rows_loaded == REPORT_ROWS)
	{
		AnnoyBuildAdvance(build, REPORT_ROWS, 0);
		build->rows_loaded = 0;
	}
}

/*
 * No live row has a vector.  What is done with dead ones?
 *
 * Old snapshots do not use a new index that leaves them out.  They do use one
 * that is rebuilt, so there the first one decides on the dimensions; as always,
 * these will not outlive the rows.
 */
static void
load_only_dead_rows(AnnoyBuild *build)
{
	if (build->rel->rd_createSubid != InvalidSubTransactionId)
		build->index_info->ii_BrokenHotChain = true;
	else
		load_dead_rows(build);
}

/*
 * Load a chunk of the table, or all of it.
 */
static void
load_chunk(AnnoyBuild *build, uint64 chunk)
{
	AnnoyShared *shared = build->shared;
	BlockNumber first = chunk * shared->chunk_blocks;
	BlockNumber count = Min(shared->chunk_blocks, shared->heap_blocks - first);
	double		tuples;

	if (build->errors == NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(build->context);

		build->errors = AnnoyRowErrorsMake(build->heap, build->rel);
		MemoryContextSwitchTo(old_context);
	}

	/* no synchronised scan: the same table is to give the same index */
	if (shared->n_chunks == 1)
		tuples = table_index_build_scan(build->heap, build->rel, build->index_info,
										false, true, load_row, build, NULL);
	else
	{
		tuples = table_index_build_range_scan(build->heap, build->rel,
											  build->index_info, false, false,
											  false, first, count, load_row,
											  build, NULL);
		AnnoyBuildAdvance(build, build->rows_loaded, count);
		build->rows_loaded = 0;
	}
	if (!build->has_turn)
		take_turn(build);
	shared->heap_tuples += tuples;
	if (build->index_info->ii_BrokenHotChain)
		shared->broken_hot_chain = true;
}

/*
 * Take part in the load.
 */
void
AnnoyBuildLoad(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	/* whoever is alone always has its turn */
	if (build->participants > 1)
	{
		build->waiting_size = Min(Max(AnnoyBuildBytes(ANNOY_LOAD_MEMORY) / shared->max_participants,
									  MIN_WAITING),
								  MaxAllocSize);
		build->waiting = palloc(build->waiting_size);
	}
	build->waiting_used = 0;

	while (AnnoyBuildClaim(build, &build->unit))
	{
		SpinLockAcquire(&shared->mutex);
		build->has_turn = shared->turn == build->unit;
		SpinLockRelease(&shared->mutex);

		load_chunk(build, shared->first_chunk + build->unit);

		SpinLockAcquire(&shared->mutex);
		shared->turn++;
		SpinLockRelease(&shared->mutex);
		ConditionVariableBroadcast(&shared->changed);
	}
}

/*
 * Write all items.
 */
static void
load_items(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	/* only of the heap we know that it can be read by ranges of blocks */
	shared->n_chunks = 1;
	shared->chunk_blocks = shared->heap_blocks;
	if (build->heap->rd_rel->relam == HEAP_TABLE_AM_OID)
	{
		shared->chunk_blocks = CHUNK_BLOCKS;
		shared->n_chunks = ((uint64) shared->heap_blocks + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
	}
	AnnoyBuildPhase(build, ANNOY_PHASE_LOAD, 0, shared->heap_blocks);
	shared->first_item = RelationGetNumberOfBlocks(build->rel);

	/* until the dimensions are known */
	build->has_turn = true;
	while (shared->first_chunk < shared->n_chunks && build->index->dim == 0)
		load_chunk(build, shared->first_chunk++);
	if (build->dead_rows != NULL)
		load_only_dead_rows(build);
	if (shared->first_chunk < shared->n_chunks)
		AnnoyBuildRun(build, ANNOY_STEP_LOAD, shared->n_chunks - shared->first_chunk);

	flush_nulls(build);
	if (shared->dim > 0)
		flush_items(build);
	if (shared->attributes_block != InvalidBlockNumber)
	{
		AnnoyPageGetTag(shared->attributes.data)->next_free = InvalidBlockNumber;
		flush_attributes(build);
	}
	shared->end_items = RelationGetNumberOfBlocks(build->rel);
	if (shared->broken_hot_chain)
		build->index_info->ii_BrokenHotChain = true;
	AnnoyBuildPhaseDone(build, "storing items", shared->item_count, "items");
}

/*
 * WAL-log the index.
 */
static void
log_index(AnnoyBuild *build)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->rel);
	BlockNumber count;

	AnnoyBuildPhase(build, ANNOY_PHASE_LOG, 0, nblocks);
	for (BlockNumber first = 0; first < nblocks; first += count)
	{
		CHECK_FOR_INTERRUPTS();
		count = Min(LOG_BLOCKS, nblocks - first);
		log_newpage_range(build->rel, MAIN_FORKNUM, first, first + count, true);
		AnnoyBuildAdvance(build, 0, count);
	}
	AnnoyBuildPhaseDone(build, "writing WAL", nblocks, "pages");
}

/*
 * The description of an index as it was declared, without dimensions.
 */
static AnnoyIndex *
declared_index(Relation rel, bool *seed_is_zero)
{
	int			n_trees = AnnoyOptionTrees(rel);

	return AnnoyMakeIndex(AnnoyIndexMetric(rel), AnnoyDeclaredDtype(rel), 0,
						  n_trees > 0 ? n_trees : AUTOMATIC_TREES,
						  AnnoyOptionSeed(rel, seed_is_zero), 0, NULL,
						  AnnoyAttributesSize(rel));
}

/*
 * Build an index.
 */
IndexBuildResult *
annoybuild(Relation heap, Relation rel, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	AnnoyBuild *build = palloc0(sizeof(AnnoyBuild));
	PGAlignedBlock *zeroes = palloc0(sizeof(PGAlignedBlock));
	bool		seed_is_zero;
	MemoryContext old_context = CurrentMemoryContext;

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(rel));

	AnnoyCheckColumns(rel);

	build->heap = heap;
	build->rel = rel;
	build->index_info = index_info;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "annoy build",
										   ALLOCSET_DEFAULT_SIZES);
	build->step_context = AllocSetContextCreate(build->context, "annoy build step",
												ALLOCSET_DEFAULT_SIZES);
	build->row_context = AllocSetContextCreate(build->context, "annoy build row",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(build->context);
	build->index = declared_index(rel, &seed_is_zero);
	if (build->index->attributes_size > 0)
		build->attributes_desc = AnnoyAttributesDesc(rel);
	if (seed_is_zero && annoy_verbose > -2)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("seed 0 is not used"),
				 errdetail("Index \"%s\" uses the default seed, " UINT64_FORMAT ".",
						   RelationGetRelationName(rel), build->index->seed)));

	/* metapage and roots have their fixed places */
	for (int i = 0; i <= build->index->n_trees; i++)
		AnnoyBuildWrite(rel, zeroes->data, 1);

	AnnoyBuildBegin(build);
	load_items(build);
	if (build->index->dim > 0)
		AnnoyBuildForest(build);
	else
		AnnoyBuildEmpty(rel, build->index, MAIN_FORKNUM);
	set_lists(build);
	IndexFreeSpaceMapVacuum(rel);
	if (RelationNeedsWAL(rel))
		log_index(build);
	result->heap_tuples = build->shared->heap_tuples;
	result->index_tuples = build->shared->item_count + build->shared->null_count;
	AnnoyBuildEnd(build);

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(build->context);
	return result;
}

/*
 * Write metapage and roots of an index that has no vectors yet: the roots
 * become nodes when the first vector comes, see AnnoySetDimensions.
 */
void
AnnoyBuildEmpty(Relation rel, const AnnoyIndex *index, ForkNumber fork)
{
	for (int i = 0; i <= index->n_trees; i++)
	{
		Buffer		buffer;

		if ((BlockNumber) i < RelationGetNumberOfBlocksInFork(rel, fork))
		{
			buffer = ReadBufferExtended(rel, fork, i, RBM_NORMAL, NULL);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		}
		else
			buffer = AnnoyExtend(rel, fork, 1);
		if (i == ANNOY_METAPAGE_BLKNO)
			AnnoyInitMetaPage(BufferGetPage(buffer), index);
		else
			AnnoyPageInit(BufferGetPage(buffer), ANNOY_PAGE_NODE);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Build the init fork of an unlogged index, from which it is made anew after a
 * crash.  Generic WAL does not cover that fork.
 */
void
annoybuildempty(Relation rel)
{
	bool		seed_is_zero;
	AnnoyIndex *index = declared_index(rel, &seed_is_zero);

	AnnoyBuildEmpty(rel, index, INIT_FORKNUM);
	log_newpage_range(rel, INIT_FORKNUM, 0,
					  RelationGetNumberOfBlocksInFork(rel, INIT_FORKNUM), true);
}
