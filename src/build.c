/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Building an index: CREATE INDEX and REINDEX.
 *
 * A build has five phases.
 *
 * Load: one scan of the table writes all items and keeps a sample of the
 * vectors in memory, chosen by a hash of the heap TID.
 *
 * Skeleton: for each tree the sample is divided by 2-means until the pieces
 * would fit a page each.  The pieces' means are the centres of leaves.
 *
 * Refine: all items are placed in the leaf whose centre is nearest, by the beam
 * search of place.c, and the centres become the means of what was placed there.
 * That one Lloyd step over the whole tree repairs what the divisions from the
 * top down have cut through, and what is random about a small sample; see
 * src/README for what it is worth.
 *
 * Assign: another walk over the items places every item in each tree, encodes it
 * relative to its leaf's centre and passes the entry to a sort by tree and
 * leaf.  So memory is bounded by the sample, then by the sort.
 *
 * Write: leaves are written in the order of the sort.  Where more entries came
 * together than fit a page, the items are read again and divided further.  The
 * levels above are made by dividing the centres of the nodes below.
 *
 * Nothing is WAL-logged on the way; at the end all pages are.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "pgstat.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build.h"

/* Trees that n_trees = -1 gives; see src/README for the measurements. */
#define AUTOMATIC_TREES		1

/* The sample takes at most this part of maintenance_work_mem. */
#define SAMPLE_MEMORY		0.75
#define MIN_SAMPLE			1024

/* A larger sample than this per leaf only costs time. */
#define SAMPLE_PER_LEAF		64
#define MIN_LARGE_SAMPLE	65536

/* Load. */

/*
 * Write pages to new blocks of the index.  Returns the first block.
 */
BlockNumber
AnnoyBuildWrite(Relation rel, const char *pages, int n)
{
	Buffer		buffer = AnnoyExtend(rel, MAIN_FORKNUM, n);
	BlockNumber first = BufferGetBlockNumber(buffer);

	for (int i = 0; i < n; i++)
	{
		if (i > 0)
		{
			buffer = ReadBuffer(rel, first + i);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		}
		memcpy(BufferGetPage(buffer), pages + (Size) i * BLCKSZ, BLCKSZ);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	return first;
}

/*
 * Write the item group being filled.
 */
static void
flush_items(AnnoyBuild *build)
{
	BlockNumber block;

	if (build->items_used == 0)
		return;
	block = AnnoyBuildWrite(build->rel, build->items, build->index->group_pages);
	if (build->items_used < build->index->group_slots)
		AnnoyItemRecordFree(build->rel, block);
	build->items_used = 0;
}

/*
 * Write the page of NULLs being filled.  Only the last one has free slots.
 */
static void
flush_nulls(AnnoyBuild *build)
{
	if (build->nulls_used == 0)
		return;
	if (build->nulls_used == ANNOY_NULL_SLOTS)
		(void) AnnoyBuildWrite(build->rel, build->nulls.data, 1);
	else
	{
		AnnoyPageGetTag(build->nulls.data)->next_free = InvalidBlockNumber;
		build->null_free = AnnoyBuildWrite(build->rel, build->nulls.data, 1);
	}
	build->nulls_used = 0;
}

static void
set_null_free(AnnoyBuild *build)
{
	Buffer		buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	AnnoyPageGetMeta(BufferGetPage(buffer))->null_free = build->null_free;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

static void
set_slot(Page page, int slot, ItemPointer tid)
{
	AnnoyPageGetSlots(page)[slot].tid = *tid;
	AnnoyPageGetSlots(page)[slot].state = ANNOY_SLOT_LIVE;
}

static void
store_null(AnnoyBuild *build, ItemPointer tid)
{
	Page		page = build->nulls.data;

	if (build->nulls_used == 0)
		AnnoyNullsInit(page);
	set_slot(page, build->nulls_used++, tid);
	if (build->nulls_used == ANNOY_NULL_SLOTS)
		flush_nulls(build);
}

static void
store_item(AnnoyBuild *build, ItemPointer tid, const AnnoyVector *vec)
{
	const AnnoyIndex *index = build->index;

	if (build->items_used == 0)
	{
		for (int i = 0; i < index->group_pages; i++)
		{
			Page		page = build->items + (Size) i * BLCKSZ;

			AnnoyPageInit(page, i == 0 ? ANNOY_PAGE_ITEM : ANNOY_PAGE_ITEM_DATA);
			if (i == 0)
				AnnoyPageSetEnd(page, AnnoyPageGetSlots(page) + index->group_slots);
		}
	}
	for (int i = 0; i < index->group_pages; i++)
		AnnoyItemPut(index, build->items + (Size) i * BLCKSZ, i,
					 build->items_used, vec);
	set_slot(build->items, build->items_used++, tid);
	if (build->items_used == index->group_slots)
		flush_items(build);
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Reduce the sample to about that many vectors, those with the lowest hashes,
 * and lower the bar for those to come.
 */
static void
shrink_sample(AnnoyBuild *build, int wanted)
{
	uint64	   *sorted = palloc_extended(sizeof(uint64) * build->sample_count,
										 MCXT_ALLOC_HUGE);
	int			kept = 0;
	int			dim = build->index->space_dim;

	memcpy(sorted, build->sample_hash, sizeof(uint64) * build->sample_count);
	qsort(sorted, build->sample_count, sizeof(uint64), compare_hashes);
	build->sample_limit = sorted[wanted];
	pfree(sorted);

	for (int i = 0; i < build->sample_count; i++)
	{
		if (build->sample_hash[i] >= build->sample_limit)
			continue;
		if (kept < i)
		{
			build->sample_hash[kept] = build->sample_hash[i];
			memcpy(build->sample + (Size) kept * dim,
				   build->sample + (Size) i * dim, sizeof(float) * dim);
		}
		kept++;
	}
	build->sample_count = kept;
}

/*
 * Offer a vector to the sample.  Its hash decides, so that the sample does not
 * depend on the order in which rows come.
 */
static void
sample_item(AnnoyBuild *build, ItemPointer tid, const AnnoyVector *vec)
{
	const AnnoyIndex *index = build->index;
	AnnoyRandom state = index->seed ^
	((uint64) ItemPointerGetBlockNumber(tid) << 16 | ItemPointerGetOffsetNumber(tid));
	uint64		hash = AnnoyRandomNext(&state);
	float	   *image;

	if (hash >= build->sample_limit)
		return;
	if (build->sample_count == build->sample_allocated)
	{
		if (build->sample_allocated == build->sample_max)
		{
			shrink_sample(build, build->sample_max / 2);
			if (hash >= build->sample_limit)
				return;
		}
		else
		{
			build->sample_allocated = Min(build->sample_max,
										  2 * build->sample_allocated);
			build->sample = repalloc_huge(build->sample,
										  sizeof(float) * index->space_dim *
										  build->sample_allocated);
			build->sample_hash = repalloc_huge(build->sample_hash,
											   sizeof(uint64) * build->sample_allocated);
		}
	}
	build->sample_hash[build->sample_count] = hash;
	image = build->sample + (Size) build->sample_count * index->space_dim;
	AnnoyImage(index->metric, index->scale, vec, image);
	memset(image + index->dim, 0, sizeof(float) * (index->space_dim - index->dim));
	build->sample_count++;
}

/*
 * With the first vector of a live row, the dimensions are known and buffers can
 * be made.
 */
static void
start_items(AnnoyBuild *build, const AnnoyVector *vec)
{
	AnnoyIndex *index = build->index;
	float	   *mean = palloc0(sizeof(float) * vec->dim);
	float		scale = 1.0f;
	Size		row;

	if (index->metric != ANNOY_COSINE && index->metric != ANNOY_HAMMING)
		scale = AnnoyChooseScale(AnnoyVectorNorm(vec));
	build->index = AnnoyMakeIndex(index->metric, index->dtype, vec->dim,
								  index->n_trees, index->seed, scale, mean);
	pfree(index);
	pfree(mean);

	build->items = palloc((Size) build->index->group_pages * BLCKSZ);
	row = sizeof(float) * build->index->space_dim + sizeof(uint64);
	build->sample_max = Min(Max(SAMPLE_MEMORY * maintenance_work_mem * 1024.0 / row,
								MIN_SAMPLE),
							PG_INT32_MAX / 2);
	build->sample_allocated = MIN_SAMPLE;
	build->sample = palloc(sizeof(float) * build->index->space_dim * MIN_SAMPLE);
	build->sample_hash = palloc(sizeof(uint64) * MIN_SAMPLE);
	build->sample_limit = PG_UINT64_MAX;
}

/*
 * Load a vector; raises an error if it is not fit for the index.  If it is the
 * first one it decides on the dimensions.
 */
static void
load_vector(AnnoyBuild *build, ItemPointer tid, Datum value)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->row_context);
	AnnoyVector vec = AnnoyReadColumn(build->rel, value);

	AnnoyCheckDimensions(build->rel, build->index, &vec);
	vec = AnnoyConvertVector(&vec, build->index->dtype);
	MemoryContextSwitchTo(old_context);

	if (build->index->dim == 0)
		start_items(build, &vec);
	store_item(build, tid, &vec);
	sample_item(build, tid, &vec);
	build->index->built_items = ++build->item_count;
	MemoryContextReset(build->row_context);
}

/*
 * Load the vector of a row that is dead, but that an old snapshot may see.  It
 * cannot make the build fail: if it does not fit, it is left out, and the index
 * is not for those who may see it.  A broken HOT chain means just that, see
 * README.HOT in PostgreSQL's sources.
 */
static void
load_dead_vector(AnnoyBuild *build, ItemPointer tid, Datum value)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->row_context);
	bool		fits = AnnoyColumnFits(build->rel, build->index, value);

	MemoryContextSwitchTo(old_context);
	if (fits)
		load_vector(build, tid, value);
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
keep_dead_row(AnnoyBuild *build, ItemPointer tid, Datum value)
{
	Datum		values[2] = {PointerGetDatum(tid), value};
	bool		nulls[2] = {false, false};

	if (build->dead_rows == NULL)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(lengthof(values));

		TupleDescInitEntry(desc, 1, "tid", TIDOID, -1, 0);
		TupleDescInitEntry(desc, 2, "vector",
						   TupleDescAttr(RelationGetDescr(build->rel), 0)->atttypid,
						   -1, 0);
		build->dead_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		build->dead_rows = tuplestore_begin_heap(false, false, work_mem);
	}
	tuplestore_putvalues(build->dead_rows, build->dead_slot->tts_tupleDescriptor,
						 values, nulls);
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
		slot_getallattrs(slot);
		load_dead_vector(build, (ItemPointer) DatumGetPointer(slot->tts_values[0]),
						 slot->tts_values[1]);
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

	if (isnull[0])
	{
		store_null(build, tid);
		build->null_count++;
	}
	else if (alive)
		load_vector(build, tid, values[0]);
	else if (build->index->dim > 0)
		load_dead_vector(build, tid, values[0]);
	else
		keep_dead_row(build, tid, values[0]);

	/* in the order of the table, but for the row that sets the dimensions */
	if (build->index->dim > 0 && build->dead_rows != NULL)
		load_dead_rows(build);
}

/*
 * No live row has a vector.  What is done with dead ones?
 *
 * Old snapshots do not use a new index that leaves them out.  They do use one
 * that is rebuilt, so there the first one decides on the dimensions; but like
 * those of a first insertion, they will not outlive the rows.
 */
static void
load_only_dead_rows(AnnoyBuild *build)
{
	if (build->rel->rd_createSubid != InvalidSubTransactionId)
		build->index_info->ii_BrokenHotChain = true;
	else
	{
		load_dead_rows(build);
		build->index->built_items = 0;
	}
}

/*
 * The first vector has set the scale.  Let most vectors of the sample have a
 * say, which matters if the first is unlike the others.
 */
static void
rescale_sample(AnnoyBuild *build)
{
	AnnoyIndex *index = build->index;
	Size		count = (Size) build->sample_count * index->space_dim;
	float	   *norms = palloc_extended(sizeof(float) * build->sample_count,
										MCXT_ALLOC_HUGE);
	float		factor;

	for (int i = 0; i < build->sample_count; i++)
	{
		const float *x = build->sample + (Size) i * index->space_dim;

		norms[i] = sqrtf(annoy_kernels->dot(x, x, index->space_dim));
	}
	factor = AnnoyChooseScale(AnnoyMedian(norms, build->sample_count));
	pfree(norms);

	index->scale *= factor;
	for (Size i = 0; i < count; i++)
		build->sample[i] *= factor;
}

/*
 * The centre of the sample becomes the origin, and the sample moves into the
 * search space.
 */
static void
finish_sample(AnnoyBuild *build)
{
	AnnoyIndex *index = build->index;
	int			leaves = ceil(build->item_count / (0.5 * index->leaf.capacity));
	int			enough = Max(MIN_LARGE_SAMPLE, (double) leaves * SAMPLE_PER_LEAF);
	float	   *centre = palloc(sizeof(float) * index->space_dim);
	int		   *order;

	if (build->sample_count > enough)
		shrink_sample(build, enough);
	if (index->metric != ANNOY_COSINE && index->metric != ANNOY_HAMMING)
		rescale_sample(build);

	order = palloc_extended(sizeof(int) * build->sample_count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < build->sample_count; i++)
		order[i] = i;
	AnnoyCentre(build->sample, index->space_dim, order, build->sample_count, centre);
	memcpy(index->mean, centre, sizeof(float) * index->dim);
	pfree(order);
	pfree(centre);

	for (int i = 0; i < build->sample_count; i++)
	{
		float	   *x = build->sample + (Size) i * index->space_dim;

		AnnoyMapImage(index, x, x);
	}
	pfree(build->sample_hash);
}

/*
 * The description of an index as it was declared, without dimensions.
 */
static AnnoyIndex *
declared_index(Relation rel, bool *seed_is_zero)
{
	int			n_trees = AnnoyOptionTrees(rel);

	return AnnoyMakeIndex(AnnoyIndexMetric(rel), AnnoyIndexDtype(rel), 0,
						  n_trees > 0 ? n_trees : AUTOMATIC_TREES,
						  AnnoyOptionSeed(rel, seed_is_zero), 1.0f, NULL);
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

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(rel));

	build->rel = rel;
	build->null_free = InvalidBlockNumber;
	build->index_info = index_info;
	build->index = declared_index(rel, &seed_is_zero);
	if (seed_is_zero)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("seed 0 is not used"),
				 errdetail("Index \"%s\" uses the default seed, " UINT64_FORMAT ".",
						   RelationGetRelationName(rel), build->index->seed)));
	build->row_context = AllocSetContextCreate(CurrentMemoryContext,
											   "annoy build row",
											   ALLOCSET_DEFAULT_SIZES);

	/* metapage and roots have their fixed places */
	for (int i = 0; i <= build->index->n_trees; i++)
		AnnoyBuildWrite(rel, zeroes->data, 1);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_LOAD);
	/* no synchronised scan: the same table is to give the same index */
	result->heap_tuples = table_index_build_scan(heap, rel, index_info, false,
												 true, load_row, build, NULL);
	if (build->dead_rows != NULL)
		load_only_dead_rows(build);
	flush_nulls(build);
	if (build->index->dim > 0)
	{
		flush_items(build);
		pfree(build->items);
		finish_sample(build);
		AnnoyBuildForest(build);
	}
	else
		AnnoyBuildEmpty(rel, build->index, MAIN_FORKNUM);
	set_null_free(build);
	IndexFreeSpaceMapVacuum(rel);

	if (RelationNeedsWAL(rel))
		log_newpage_range(rel, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(rel), true);

	result->index_tuples = build->item_count + build->null_count;
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
