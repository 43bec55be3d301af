/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Loading: the items of an index being built.
 *
 * One scan of the table writes all items.  The leader alone begins, until a live row
 * has decided on the dimensions.  Then participants take chunks of the table in
 * turn.  They read and convert rows at the same time, but write items in turn, chunk
 * by chunk: so items are in the order of the table, whoever has read them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/load.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "annoy.h"
#include "build/state.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/* Blocks of the table that a participant takes at a time. */
#define CHUNK_BLOCKS		128
#define MIN_WAITING			((Size) 64 * 1024)

/* Rows loaded between two reports of progress: they may be long. */
#define REPORT_ROWS			100

/* What participants share while they load. */
typedef struct Load
{
	/* set by the leader, before the step */
	BlockNumber heap_blocks;
	BlockNumber chunk_blocks;	/* of the table */
	uint64		n_chunks;
	uint64		first_chunk;	/* that is the workers' too */

	/* under the team's mutex: the unit of the step whose items are next */
	uint64		turn;

	/*
	 * The rest belongs to the participant whose turn it is, and to the leader
	 * before and after the step.
	 */
	double		heap_tuples;
	bool		broken_hot_chain;
	double		item_count;		/* vectors, without NULLs */
	double		null_count;

	BlockNumber items_block;	/* of the group being filled */
	int			items_used;		/* slots of it */
	PGAlignedBlock items[ANNOY_MAX_GROUP_PAGES];	/* its pages */

	int			nulls_used;		/* slots of the page of NULLs being filled */
	BlockNumber null_free;		/* the page of NULLs with free slots */
	PGAlignedBlock nulls;		/* the page being filled */

	BlockNumber attributes_block;	/* of the page being filled, or invalid */
	BlockNumber last_attributes;	/* the one before, or invalid */
	PGAlignedBlock attributes;	/* the page being filled */
} Load;

/* A row that waits for its turn; its vector follows, then its attributes. */
typedef struct WaitingRow
{
	ItemPointerData tid;
	bool		is_null;
	Size		size;			/* of all together */
} WaitingRow;

/* What a participant has of its own. */
typedef struct Loader
{
	AnnoyBuild *build;
	Load	   *load;
	Relation	rel;			/* the index */
	AnnoyRowErrors *errors;
	TupleDesc	attributes_desc;	/* NULL if there are no further columns */
	MemoryContext row_context;
	int			rows_loaded;	/* since progress was reported */
	AnnoyVectorWriter vectors;	/* if the index does not store them */

	/* its turn, and rows that wait for it */
	uint64		unit;
	bool		has_turn;
	char	   *waiting;
	Size		waiting_used;
	Size		waiting_size;

	/* of the leader, while there are no dimensions */
	Tuplestorestate *dead_rows; /* TID, vector and attributes; or NULL */
	TupleTableSlot *dead_slot;
} Loader;

/*
 * Write the item group being filled.
 */
static void
flush_items(Loader *loader)
{
	const AnnoyIndex *index = loader->build->index;
	Load	   *load = loader->load;

	if (load->items_used == 0)
		return;
	AnnoyWritePages(loader->rel, load->items_block, load->items[0].data, index->group_pages);
	if (load->items_used < index->group_slots)
		AnnoyItemRecordFree(loader->rel, load->items_block);
	load->items_used = 0;
}

/*
 * Write the page of attributes being filled.
 */
static void
flush_attributes(Loader *loader)
{
	Load	   *load = loader->load;

	AnnoyWritePages(loader->rel, load->attributes_block, load->attributes.data, 1);
	load->last_attributes = load->attributes_block;
	load->attributes_block = InvalidBlockNumber;
}

/*
 * Write the page of NULLs being filled.  Only the last one has free slots.
 */
static void
flush_nulls(Loader *loader)
{
	Load	   *load = loader->load;

	if (load->nulls_used == 0)
		return;
	if (load->nulls_used == ANNOY_NULL_SLOTS)
		(void) AnnoyWriteNewPage(loader->rel, load->nulls.data);
	else
	{
		AnnoyPageGetTag(load->nulls.data)->next_free = InvalidBlockNumber;
		load->null_free = AnnoyWriteNewPage(loader->rel, load->nulls.data);
	}
	load->nulls_used = 0;
}

static void
store_null(Loader *loader, ItemPointer tid)
{
	Load	   *load = loader->load;
	Page		page = load->nulls.data;

	if (load->nulls_used == 0)
		AnnoyNullsInit(page);
	AnnoyPageGetSlots(page)[load->nulls_used].tid = *tid;
	AnnoyPageGetSlots(page)[load->nulls_used++].state = ANNOY_SLOT_LIVE;
	if (load->nulls_used == ANNOY_NULL_SLOTS)
		flush_nulls(loader);
	load->null_count++;
}

/*
 * Store the attributes of an item.  They are signed when there are bounds, and the item
 * is assigned to leaves.
 */
static AnnoyPointer
store_attributes(Loader *loader, IndexTuple attributes, const AnnoyPointer *item)
{
	Load	   *load = loader->load;
	Page		page = load->attributes.data;
	AnnoyPointer pointer;

	if (load->attributes_block != InvalidBlockNumber && !AnnoyAttributesFit(page, attributes))
		flush_attributes(loader);
	if (load->attributes_block == InvalidBlockNumber)
	{
		load->attributes_block = AnnoyReserveBlocks(loader->rel, 1);
		AnnoyAttributesInit(loader->build->index, page);
		AnnoyPageGetAttributes(page)->next = load->last_attributes;
	}
	attributes->t_tid = *item;
	ItemPointerSet(&pointer, load->attributes_block, AnnoyAttributesAdd(page, attributes, NULL));
	return pointer;
}

static void
store_item(Loader *loader, ItemPointer tid, const AnnoyVector *vec,
		   IndexTuple attributes)
{
	const AnnoyIndex *index = loader->build->index;
	Load	   *load = loader->load;
	AnnoyPointer item;
	AnnoyPointer pointer = {0};

	if (load->items_used == 0)
	{
		load->items_block = AnnoyReserveBlocks(loader->rel, index->group_pages);
		for (int i = 0; i < index->group_pages; i++)
		{
			Page		page = load->items[i].data;

			AnnoyPageInit(page, i == 0 ? ANNOY_PAGE_ITEM : ANNOY_PAGE_ITEM_DATA);
			if (i == 0)
				AnnoyPageSetEnd(page, AnnoyPageGetData(page) + index->group_head);
		}
	}
	for (int i = 0; i < index->group_pages; i++)
		AnnoyItemPut(index, load->items[i].data, i, load->items_used, vec);
	AnnoyVectorsPut(&loader->vectors, loader->build, (int64) load->item_count, vec);
	ItemPointerSet(&item, load->items_block, FirstOffsetNumber + load->items_used);
	if (attributes != NULL)
		pointer = store_attributes(loader, attributes, &item);
	AnnoySlotSet(index, load->items[0].data, load->items_used++, tid, &pointer);
	if (load->items_used == index->group_slots)
		flush_items(loader);
	load->item_count++;
}

/*
 * With the first vector of a live row, the dimensions are known, and whether vectors
 * are in the rows.
 */
static void
start_items(Loader *loader, const AnnoyVector *vec, bool in_row)
{
	AnnoySharedIndex *index = &loader->build->shared->index;

	Assert(!loader->build->is_worker);
	AnnoyChooseDtype(loader->rel, &index->declared, in_row);
	index->dim = vec->dim;
	index->scale_exponent = 0;	/* until there is a sample */
	index->version++;
	AnnoyBuildSyncIndex(loader->build);
	AnnoyVectorsBegin(loader->build);
}

/*
 * Have the chunks before ours been written?
 */
static bool
is_turn(Loader *loader)
{
	AnnoySharedTeam *team = &loader->build->shared->team;
	bool		result;

	SpinLockAcquire(&team->mutex);
	result = loader->load->turn == loader->unit;
	SpinLockRelease(&team->mutex);
	return result;
}

/*
 * Wait until the chunks before ours are written, then write what we have of
 * ours.
 */
static void
take_turn(Loader *loader)
{
	while (!is_turn(loader))
		AnnoyBuildWait(loader->build);
	ConditionVariableCancelSleep();
	loader->has_turn = true;

	for (Size position = 0; position < loader->waiting_used;)
	{
		WaitingRow *row = (WaitingRow *) (loader->waiting + position);
		AnnoyVector vec;
		char	   *end;

		CHECK_FOR_INTERRUPTS();
		vec.dtype = loader->build->index->dtype;
		vec.dim = loader->build->index->dim;
		vec.data = (char *) row + MAXALIGN(sizeof(WaitingRow));
		end = (char *) vec.data + MAXALIGN(AnnoyVectorSize(vec.dtype, vec.dim));
		if (row->is_null)
			store_null(loader, &row->tid);
		else
			store_item(loader, &row->tid, &vec,
					   loader->attributes_desc != NULL ? (IndexTuple) end : NULL);
		position += row->size;
	}
	loader->waiting_used = 0;
}

/*
 * Write a row, or keep it until it is our turn; vec is NULL for a NULL, whose
 * attributes are not stored.
 */
static void
add_row(Loader *loader, ItemPointer tid, const AnnoyVector *vec,
		IndexTuple attributes)
{
	Size		vector_size = vec == NULL ? 0 : AnnoyVectorSize(vec->dtype, vec->dim);
	Size		attributes_size = attributes == NULL ? 0 : IndexTupleSize(attributes);
	Size		size = MAXALIGN(sizeof(WaitingRow)) + MAXALIGN(vector_size);
	WaitingRow *row;

	if (!loader->has_turn &&
		loader->waiting_used + size + MAXALIGN(attributes_size) > loader->waiting_size)
		take_turn(loader);
	if (loader->has_turn)
	{
		if (vec == NULL)
			store_null(loader, tid);
		else
			store_item(loader, tid, vec, attributes);
		return;
	}
	row = (WaitingRow *) (loader->waiting + loader->waiting_used);
	row->tid = *tid;
	row->is_null = vec == NULL;
	row->size = size + MAXALIGN(attributes_size);
	if (vec != NULL)
		memcpy((char *) row + MAXALIGN(sizeof(WaitingRow)), vec->data, vector_size);
	if (attributes != NULL)
		memcpy((char *) row + size, attributes, attributes_size);
	loader->waiting_used += row->size;
}

/*
 * Load a vector and its attributes; raises an error if it is not fit for the
 * index.  If it is the first one it decides on the dimensions.
 */
static void
load_vector(Loader *loader, ItemPointer tid, Datum value, IndexTuple attributes)
{
	MemoryContext old_context = MemoryContextSwitchTo(loader->row_context);
	AnnoyVector vec;

	AnnoyRowErrorsBegin(loader->errors, loader->rel, loader->build->index, tid, true);
	vec = AnnoyReadColumn(loader->rel, value);
	AnnoyCheckDimensions(loader->rel, loader->build->index, &vec);
	vec = AnnoyConvertVector(&vec, loader->build->index->dtype);
	AnnoyRowErrorsEnd(loader->errors);
	MemoryContextSwitchTo(old_context);

	if (loader->build->index->dim == 0)
	{
		start_items(loader, &vec,
					!VARATT_IS_EXTERNAL(DatumGetPointer(value)) &&
					!VARATT_IS_COMPRESSED(DatumGetPointer(value)));
		MemoryContextSwitchTo(loader->row_context);
		vec = AnnoyConvertVector(&vec, loader->build->index->dtype);
		MemoryContextSwitchTo(old_context);
	}
	add_row(loader, tid, &vec, attributes);
	MemoryContextReset(loader->row_context);
}

/*
 * Load the vector of a row that is dead, but that an old snapshot may see.  It
 * cannot make the build fail: if it does not fit, it is left out, and the index
 * is not for those who may see it.  A broken HOT chain means just that, see
 * README.HOT in PostgreSQL's sources.
 */
static void
load_dead_vector(Loader *loader, ItemPointer tid, Datum value, IndexTuple attributes)
{
	MemoryContext old_context = MemoryContextSwitchTo(loader->row_context);
	bool		fits = AnnoyColumnFits(loader->rel, loader->build->index, value);

	MemoryContextSwitchTo(old_context);
	if (fits)
		load_vector(loader, tid, value, attributes);
	else
	{
		loader->build->index_info->ii_BrokenHotChain = true;
		MemoryContextReset(loader->row_context);
	}
}

/*
 * Put a dead row aside, until a live one has decided on the dimensions.
 */
static void
keep_dead_row(Loader *loader, ItemPointer tid, Datum value, IndexTuple attributes)
{
	Datum		values[3] = {PointerGetDatum(tid), value, (Datum) 0};
	bool		nulls[3] = {false, false, attributes == NULL};

	if (attributes != NULL)
	{
		Size		size = IndexTupleSize(attributes);
		bytea	   *copy = MemoryContextAlloc(loader->row_context, VARHDRSZ + size);

		SET_VARSIZE(copy, VARHDRSZ + size);
		memcpy(VARDATA(copy), attributes, size);
		values[2] = PointerGetDatum(copy);
	}
	if (loader->dead_rows == NULL)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(lengthof(values));

		TupleDescInitEntry(desc, 1, "tid", TIDOID, -1, 0);
		TupleDescInitEntry(desc, 2, "vector",
						   TupleDescAttr(RelationGetDescr(loader->rel), 0)->atttypid,
						   -1, 0);
		TupleDescInitEntry(desc, 3, "attributes", BYTEAOID, -1, 0);
		TupleDescFinalize(desc);
		loader->dead_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		loader->dead_rows = tuplestore_begin_heap(false, false, work_mem);
	}
	tuplestore_putvalues(loader->dead_rows, loader->dead_slot->tts_tupleDescriptor,
						 values, nulls);
	MemoryContextReset(loader->row_context);
}

/*
 * Load the dead rows that were put aside.
 */
static void
load_dead_rows(Loader *loader)
{
	Tuplestorestate *rows = loader->dead_rows;
	TupleTableSlot *slot = loader->dead_slot;

	loader->dead_rows = NULL;
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		IndexTuple	attributes = NULL;

		slot_getallattrs(slot);
		if (!slot->tts_isnull[2])
		{
			bytea	   *stored = DatumGetByteaPP(slot->tts_values[2]);

			/* VARDATA is not aligned */
			attributes = MemoryContextAlloc(loader->row_context, VARSIZE_ANY_EXHDR(stored));
			memcpy(attributes, VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored));
		}
		load_dead_vector(loader, (ItemPointer) DatumGetPointer(slot->tts_values[0]),
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
	Loader	   *loader = arg;
	IndexTuple	attributes = NULL;

	if (!isnull[0] && loader->attributes_desc != NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(loader->row_context);

		AnnoyRowErrorsBegin(loader->errors, loader->rel, loader->build->index, tid, false);
		attributes = AnnoyFormAttributes(loader->rel, loader->attributes_desc, values, isnull);
		AnnoyRowErrorsEnd(loader->errors);
		MemoryContextSwitchTo(old_context);
	}

	if (isnull[0])
		add_row(loader, tid, NULL, NULL);
	else if (alive)
		load_vector(loader, tid, values[0], attributes);
	else if (loader->build->index->dim > 0)
		load_dead_vector(loader, tid, values[0], attributes);
	else
		keep_dead_row(loader, tid, values[0], attributes);

	/* in the order of the table, but for the row that sets the dimensions */
	if (loader->build->index->dim > 0 && loader->dead_rows != NULL)
		load_dead_rows(loader);

	/* a scan of the whole table reports its blocks itself */
	if (loader->load->n_chunks > 1 && ++loader->rows_loaded == REPORT_ROWS)
	{
		AnnoyBuildAdvance(loader->build, REPORT_ROWS, 0);
		loader->rows_loaded = 0;
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
load_only_dead_rows(Loader *loader)
{
	if (loader->rel->rd_createSubid != InvalidSubTransactionId)
		loader->build->index_info->ii_BrokenHotChain = true;
	else
		load_dead_rows(loader);
}

/*
 * Load a chunk of the table, or all of it.
 */
static void
load_chunk(Loader *loader, uint64 chunk)
{
	AnnoyBuild *build = loader->build;
	Load	   *load = loader->load;
	BlockNumber first = chunk * load->chunk_blocks;
	BlockNumber count = Min(load->chunk_blocks, load->heap_blocks - first);
	double		tuples;

	/* no synchronised scan: the same table is to give the same index */
	if (load->n_chunks == 1)
		tuples = table_index_build_scan(build->heap, build->rel, build->index_info,
										false, true, load_row, loader, NULL);
	else
	{
		tuples = table_index_build_range_scan(build->heap, build->rel,
											  build->index_info, false, false,
											  false, first, count, load_row,
											  loader, NULL);
		AnnoyBuildAdvance(build, loader->rows_loaded, count);
		loader->rows_loaded = 0;
	}
	if (!loader->has_turn)
		take_turn(loader);
	load->heap_tuples += tuples;
	if (build->index_info->ii_BrokenHotChain)
		load->broken_hot_chain = true;
}

static void
init_loader(Loader *loader, AnnoyBuild *build, Load *load)
{
	memset(loader, 0, sizeof(Loader));
	loader->build = build;
	loader->load = load;
	loader->rel = build->rel;
	loader->errors = AnnoyRowErrorsMake(build->heap, build->rel);
	if (IndexRelationGetNumberOfAttributes(build->rel) > 1)
		loader->attributes_desc = AnnoyAttributesDesc(build->rel);
	loader->row_context = AllocSetContextCreate(CurrentMemoryContext, "annoy build row",
												ALLOCSET_DEFAULT_SIZES);
}

/*
 * Take part in the load.
 */
void
AnnoyStepLoad(AnnoyBuild *build, void *state)
{
	AnnoySharedTeam *team = &build->shared->team;
	Load	   *load = state;
	Loader		loader;

	init_loader(&loader, build, load);

	/* whoever is alone always has its turn */
	if (build->participants > 1)
	{
		loader.waiting_size = Min(Max(AnnoyBuildBytes(ANNOY_LOAD_MEMORY) / build->participants,
									  MIN_WAITING),
								  MaxAllocSize);
		loader.waiting = palloc(loader.waiting_size);
	}

	while (AnnoyBuildClaim(build, &loader.unit))
	{
		loader.has_turn = is_turn(&loader);
		load_chunk(&loader, load->first_chunk + loader.unit);

		SpinLockAcquire(&team->mutex);
		load->turn++;
		SpinLockRelease(&team->mutex);
		ConditionVariableBroadcast(&team->changed);
	}
	AnnoyVectorsFlush(&loader.vectors);
}

/*
 * Write what is not full.
 */
static void
flush_all(Loader *loader)
{
	Load	   *load = loader->load;

	flush_nulls(loader);
	flush_items(loader);
	AnnoyVectorsFlush(&loader->vectors);
	if (load->attributes_block != InvalidBlockNumber)
	{
		AnnoyPageGetTag(load->attributes.data)->next_free = InvalidBlockNumber;
		flush_attributes(loader);
	}
}

/*
 * Write all items, and what else is stored of a row.
 */
void
AnnoyLoadItems(AnnoyBuild *build, AnnoyLoadResult *result)
{
	AnnoySharedItems *items = &build->shared->items;
	AnnoyShare	state = AnnoyBuildAllocZero(build, sizeof(Load));
	Load	   *load = AnnoyBuildAddress(build, state);
	Loader		loader;

	init_loader(&loader, build, load);
	load->null_free = InvalidBlockNumber;
	load->attributes_block = InvalidBlockNumber;
	load->last_attributes = InvalidBlockNumber;

	/* only of the heap we know that it can be read by ranges of blocks */
	load->heap_blocks = RelationGetNumberOfBlocks(build->heap);
	load->n_chunks = 1;
	load->chunk_blocks = load->heap_blocks;
	if (build->heap->rd_rel->relam == HEAP_TABLE_AM_OID)
	{
		load->chunk_blocks = CHUNK_BLOCKS;
		load->n_chunks = ((uint64) load->heap_blocks + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
	}
	AnnoyBuildPhase(build, ANNOY_PHASE_LOAD, 0, load->heap_blocks);
	items->first = RelationGetNumberOfBlocks(build->rel);

	/* until the dimensions are known */
	loader.has_turn = true;
	while (load->first_chunk < load->n_chunks && build->index->dim == 0)
		load_chunk(&loader, load->first_chunk++);
	if (loader.dead_rows != NULL)
		load_only_dead_rows(&loader);
	if (load->first_chunk < load->n_chunks)
		AnnoyBuildRun(build, ANNOY_STEP_LOAD, state, load->n_chunks - load->first_chunk);

	flush_all(&loader);
	items->count = load->item_count;
	items->end = RelationGetNumberOfBlocks(build->rel);
	AnnoyVectorsLoaded(build);
	result->heap_tuples = load->heap_tuples;
	result->null_count = load->null_count;
	result->null_free = load->null_free;
	result->attributes = load->last_attributes;
	if (load->broken_hot_chain)
		build->index_info->ii_BrokenHotChain = true;
	AnnoyBuildFree(build, &state);
	AnnoyBuildPhaseDone(build, "storing items", items->count, "items");
}
