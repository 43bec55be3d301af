/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Making the trees of an index being built; build.c has the overview.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/forest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/build.h"
#include "recall/recall.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* Leaves with a smaller part of what fits a page are dropped. */
#define MIN_LEAF			0.3

/* Beam when items are placed, and leaves whose distance is computed exactly. */
#define BUILD_BEAM			8
#define BUILD_EXACT			4

/* Bytes that a leaf takes in a skeleton beside its centre: mostly its entry. */
#define LEAF_OVERHEAD		160

/* Pieces of a division, as parts of the largest: most are larger than this. */
#define SMALL_PIECE			0.5

/*
 * Components of points are cut off at 2^CUT_BITS times the norm of most points,
 * see sum_component().
 */
#define CUT_BITS			9

/* The skeleton of a tree, as a participant sees it. */
typedef struct Skeleton
{
	Relation	rel;
	int			dim;
	int			n_leaves;
	float	   *centres;
	char	   *inner;			/* pages */
	BlockNumber root;
} Skeleton;

/* State of the Lloyd step. */
typedef struct Refinement
{
	AnnoyBuild *build;
	Skeleton	skeleton;
	AnnoyTarget target;
	AnnoyCollector nearest;
	double		unit;
	double		max;
	pg_atomic_uint64 *sums;
	pg_atomic_uint64 *counts;
	uint64		tuples;			/* since progress was reported */
} Refinement;

/* State of the walk that assigns items to leaves. */
typedef struct Assignment
{
	AnnoyBuild *build;
	Skeleton	skeleton;
	AnnoyTarget target;
	AnnoyCollector nearest;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	char	   *payload;		/* a bytea with an AnnoyEntry */
	uint64		tuples;			/* since progress was reported */
} Assignment;

/*
 * A sort has no more memory than that, in kB, whatever there is: while it sorts
 * what it has in memory, or writes it to a file, it shows no progress.
 */
#define MAX_SORT_MEMORY		(256 * 1024)

/* Items between two reports of progress. */
#define REPORT_TUPLES		1000

static void
get_skeleton(AnnoyBuild *build, Skeleton *skeleton)
{
	AnnoyShared *shared = build->shared;

	skeleton->rel = build->rel;
	skeleton->dim = build->index->space_dim;
	skeleton->n_leaves = shared->n_leaves;
	skeleton->centres = AnnoyBuildAddress(build, shared->centres);
	skeleton->inner = shared->n_leaves > 1 ?
		AnnoyBuildAddress(build, shared->inner) : NULL;
	skeleton->root = shared->root;
}

static AnnoyNode
read_skeleton(BlockNumber block, void *arg)
{
	Skeleton   *skeleton = arg;

	return AnnoyPageGetNode(skeleton->inner + (Size) block * BLCKSZ);
}

/*
 * The number of the leaf of a skeleton whose centre is nearest to the target.
 */
static int
nearest_leaf(Skeleton *skeleton, AnnoyTarget *target, AnnoyCollector *leaves)
{
	int			best = 0;
	float		best_distance = 0;

	if (skeleton->n_leaves == 1)
		return 0;
	AnnoyPlace(skeleton->rel, target, skeleton->root, BUILD_BEAM, read_skeleton, skeleton, leaves);
	for (int i = 0; i < Min(leaves->count, BUILD_EXACT); i++)
	{
		int			leaf = ItemPointerGetBlockNumberNoCheck(&leaves->candidates[i].pointer);
		float		distance = annoy_kernels->l2(target->x,
												 skeleton->centres + (Size) leaf * skeleton->dim,
												 skeleton->dim);

		if (i == 0 || distance < best_distance)
		{
			best = leaf;
			best_distance = distance;
		}
	}
	return best;
}

static void
add_range(AnnoyShared *shared, int start, int count, int depth)
{
	AnnoyRange *range = &shared->ranges[shared->n_ranges++];

	Assert(shared->n_ranges <= ANNOY_MAX_RANGES);
	range->start = start;
	range->count = count;
	range->depth = depth;
}

/* An AnnoyProgress of all participants, for points that have been foreseen. */
static void
count_divided(uint64 more pg_attribute_unused(), uint64 done, void *arg)
{
	AnnoyBuildAdvance(arg, done, 0);
}

/*
 * Take part in dividing the sample.  Ranges that are large are divided once,
 * and whoever is free takes the parts.
 */
void
AnnoyBuildDivide(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	float	   *sample = AnnoyBuildAddress(build, shared->sample);
	int		   *order = AnnoyBuildAddress(build, shared->sample_order);
	char	   *cuts = AnnoyBuildAddress(build, shared->sample_cuts);
	int			dim = build->index->space_dim;
	uint64		seed = shared->seed + shared->tree;
	AnnoyPieces pieces = {0};

	for (;;)
	{
		AnnoyRange	range;
		bool		found = false;
		bool		room;
		bool		wait;
		int			first = 0;

		CHECK_FOR_INTERRUPTS();

		SpinLockAcquire(&shared->mutex);
		if (shared->n_ranges > 0)
		{
			range = shared->ranges[--shared->n_ranges];
			shared->busy++;
			found = true;
		}
		wait = shared->busy > 0;
		room = shared->n_ranges + 2 * shared->busy <= ANNOY_MAX_RANGES;
		SpinLockRelease(&shared->mutex);
		if (!found)
		{
			if (!wait)
				break;
			AnnoyBuildWait(build);
			continue;
		}
		ConditionVariableCancelSleep();

		if (room && range.count > Max(shared->small_range, shared->max_piece))
		{
			bool		counts = range.depth++ < shared->divisions;

			first = AnnoyDivide(sample, dim, order, range.start, range.count,
								shared->max_piece, false, seed,
								counts ? count_divided : NULL, build);
		}
		if (first == 0)
		{
			AnnoyPartition(sample, dim, order, range.start, range.count,
						   shared->max_piece, false, seed, &pieces);
			for (int i = 0; i < pieces.count; i++)
				cuts[pieces.start[i]] = 1;
			AnnoyBuildAdvance(build, (uint64) range.count *
							  Max(shared->divisions - range.depth, 0), 0);
		}

		SpinLockAcquire(&shared->mutex);
		if (first > 0)
		{
			add_range(shared, range.start + first, range.count - first, range.depth);
			add_range(shared, range.start, first, range.depth);
		}
		shared->busy--;
		SpinLockRelease(&shared->mutex);
		ConditionVariableBroadcast(&shared->changed);
	}
	ConditionVariableCancelSleep();
}

/*
 * Make the inner nodes over the leaves of the skeleton, whose centres are
 * quantised on the way.
 */
static void
make_skeleton_inner(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	int			dim = build->index->space_dim;
	int16	   *quantised = palloc(sizeof(int16) * dim);
	float	   *centres = AnnoyBuildAddress(build, shared->centres);
	AnnoyLevel	level = {0};

	for (int i = 0; i < shared->n_leaves; i++)
		(void) AnnoyQuantise(build->index, centres + (Size) i * dim, quantised);
	pfree(quantised);

	AnnoyBuildFree(build, &shared->inner);
	if (shared->n_leaves > 1)
	{
		AnnoySink  *sink = palloc0(sizeof(AnnoySink));
		AnnoyRandom random = shared->seed + shared->tree;

		level.count = shared->n_leaves;
		level.borrowed = true;
		level.centres = centres;
		level.pointers = palloc_extended(sizeof(AnnoyPointer) * level.count,
										 MCXT_ALLOC_HUGE);
		for (int i = 0; i < level.count; i++)
			ItemPointerSet(&level.pointers[i], i, InvalidOffsetNumber);
		sink->build = build;
		sink->in_memory = true;
		shared->root = AnnoyMakeInnerLevels(sink, &level, &random);

		shared->inner = AnnoyBuildAlloc(build, (Size) sink->count * BLCKSZ);
		memcpy(AnnoyBuildAddress(build, shared->inner), sink->pages,
			   (Size) sink->count * BLCKSZ);
		pfree(sink->pages);
		pfree(sink);
	}
}

/*
 * Make the skeleton of a tree from the sample, which is freed.
 */
static void
make_skeleton(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	int			n = shared->sample_count;
	double		room = AnnoyBuildBytes(ANNOY_SKELETON_MEMORY) /
	(sizeof(float) * dim + LEAF_OVERHEAD);
	float	   *sample = AnnoyBuildAddress(build, shared->sample);
	int		   *order = AnnoyBuildAddress(build, shared->sample_order);
	char	   *cuts;
	float	   *centres;
	int			n_pieces = 0;

	/* those of all trees are kept until the trees are written */
	if (build->in_place)
		room /= shared->n_trees;
	room = Min(Max(room, 2), ANNOY_MAX_LEAVES);
	shared->max_piece = ANNOY_LEAF_FILL * index->leaf.capacity * n / shared->item_count;
	shared->max_piece = Max(shared->max_piece, n / (SMALL_PIECE * room));
	shared->max_piece = Max(shared->max_piece, 1);
	/* a table that fits one page needs no division */
	if (shared->item_count <= index->leaf.capacity)
		shared->max_piece = n;

	/* each vector counts in each division, and in the mean of a piece */
	shared->divisions = (int) ceil(log2(n / shared->max_piece));
	AnnoyBuildPhase(build, ANNOY_PHASE_SKELETON, (shared->divisions + 1.0) * n, 0);

	shared->small_range = n / (ANNOY_MAX_RANGES / 2);
	shared->n_ranges = 0;
	add_range(shared, 0, n, 0);
	shared->busy = 0;
	shared->sample_cuts = AnnoyBuildAllocZero(build, (Size) n + 1);
	AnnoyBuildRun(build, ANNOY_STEP_DIVIDE, 0);

	cuts = AnnoyBuildAddress(build, shared->sample_cuts);
	for (int i = 0; i < n; i++)
		n_pieces += cuts[i];
	cuts[n] = 1;
	shared->n_leaves = n_pieces;
	shared->centres = AnnoyBuildAlloc(build, sizeof(float) * dim * (Size) n_pieces);
	centres = AnnoyBuildAddress(build, shared->centres);
	for (int start = 0; start < n;)
	{
		int			end = start + 1;

		while (!cuts[end])
			end++;
		AnnoyMean(sample, dim, order + start, end - start, centres);
		AnnoyBuildAdvance(build, end - start, 0);
		centres += dim;
		start = end;
	}
	AnnoyBuildFree(build, &shared->sample);
	AnnoyBuildFree(build, &shared->sample_order);
	AnnoyBuildFree(build, &shared->sample_cuts);
	make_skeleton_inner(build);
	AnnoyBuildPhaseDone(build, "growing a tree on the sample", n_pieces, "leaves");
}

/*
 * How many bits the integers have that stand for components of points, and for
 * how much 1 stands: so that they can be added up for all items.
 */
static double
sum_unit(AnnoyBuild *build, int *bits)
{
	uint64		count = (uint64) build->shared->item_count;

	*bits = 62 - pg_leftmost_one_pos64(count) - 1;
	return ldexp(build->shared->sum_unit, *bits - CUT_BITS);
}

/*
 * A component of a point as an integer.  Sums of integers do not depend on
 * the order in which they are made.  What is hundreds of times as far away as
 * most points, and would draw the mean from all others, is cut off.
 */
static inline int64
sum_component(float x, double unit, double max)
{
	return (int64) rint(Min(Max(x * unit, -max), max));
}

/* AnnoyItemWalk callback: add an item to the sums of its leaf. */
static void
refine_item(AnnoyPointer *pointer pg_attribute_unused(), const AnnoyItem *item,
			void *arg)
{
	Refinement *refinement = arg;
	AnnoyTarget *target = &refinement->target;
	int			dim = refinement->skeleton.dim;
	int			leaf;
	pg_atomic_uint64 *sums;

	if (item->vector.data == NULL)
		return;
	AnnoyMapItem(refinement->build->index, &item->vector, target->x);
	AnnoyTargetSet(target);
	leaf = nearest_leaf(&refinement->skeleton, target, &refinement->nearest);

	sums = refinement->sums + (Size) leaf * dim;
	if (refinement->build->participants > 1)
	{
		for (int i = 0; i < dim; i++)
			pg_atomic_fetch_add_u64(&sums[i], sum_component(target->x[i], refinement->unit,
															refinement->max));
		pg_atomic_fetch_add_u64(&refinement->counts[leaf], 1);
	}
	else
	{
		for (int i = 0; i < dim; i++)
			sums[i].value += sum_component(target->x[i], refinement->unit,
										   refinement->max);
		refinement->counts[leaf].value++;
	}
	if (++refinement->tuples == REPORT_TUPLES)
	{
		AnnoyBuildAdvance(refinement->build, refinement->tuples, 0);
		refinement->tuples = 0;
	}
}

/*
 * Take part in the Lloyd step.
 */
void
AnnoyBuildRefine(AnnoyBuild *build)
{
	Refinement	refinement = {.build = build};
	int			bits;

	get_skeleton(build, &refinement.skeleton);
	refinement.sums = AnnoyBuildAddress(build, build->shared->sums);
	refinement.counts = AnnoyBuildAddress(build, build->shared->counts);
	refinement.unit = sum_unit(build, &bits);
	refinement.max = ldexp(1.0, bits);
	AnnoyTargetInit(&refinement.target, build->index, false);
	AnnoyCollectorInit(&refinement.nearest);
	AnnoyBuildWalk(build, refine_item, &refinement);
	AnnoyBuildAdvance(build, refinement.tuples, 0);
}

/*
 * One Lloyd step over all leaves: their centres become the means of the items
 * that are nearest to them.
 */
static void
refine_skeleton(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	int			dim = build->index->space_dim;
	double		enough = MIN_LEAF * ANNOY_LEAF_FILL * build->index->leaf.capacity;
	int			bits;
	double		inverse = 1.0 / sum_unit(build, &bits);
	float	   *centres = AnnoyBuildAddress(build, shared->centres);
	pg_atomic_uint64 *sums;
	pg_atomic_uint64 *counts;
	int			fullest = 0;
	int			kept = 0;

	AnnoyBuildPhase(build, ANNOY_PHASE_REFINE, shared->item_count,
					shared->end_items - shared->first_item);
	shared->sums = AnnoyBuildAllocZero(build, sizeof(pg_atomic_uint64) * dim * (Size) shared->n_leaves);
	shared->counts = AnnoyBuildAllocZero(build, sizeof(pg_atomic_uint64) * (Size) shared->n_leaves);
	sums = AnnoyBuildAddress(build, shared->sums);
	counts = AnnoyBuildAddress(build, shared->counts);
	AnnoyBuildRun(build, ANNOY_STEP_REFINE, AnnoyBuildItemUnits(build));

	for (int i = 1; i < shared->n_leaves; i++)
	{
		if (pg_atomic_read_u64(&counts[i]) > pg_atomic_read_u64(&counts[fullest]))
			fullest = i;
	}

	/* leaves that would be nearly empty leave their points to others, if any */
	for (int i = 0; i < shared->n_leaves; i++)
	{
		uint64		count = pg_atomic_read_u64(&counts[i]);
		float	   *to = centres + (Size) kept * dim;

		if (count <= enough && i != fullest)
			continue;
		for (int j = 0; j < dim; j++)
			to[j] = (float) ((int64) pg_atomic_read_u64(&sums[(Size) i * dim + j]) *
							 inverse / count);
		kept++;
	}
	AnnoyBuildFree(build, &shared->sums);
	AnnoyBuildFree(build, &shared->counts);
	shared->n_leaves = kept;
	make_skeleton_inner(build);
	AnnoyBuildPhaseDone(build, "refining leaf centres", kept, "leaves");
}

/*
 * The number of an item, by which entries of a leaf are sorted: numbers of
 * successive items increase.
 */
static int64
item_number(AnnoyBuild *build, const AnnoyPointer *pointer)
{
	const AnnoyIndex *index = build->index;
	uint64		block = ItemPointerGetBlockNumberNoCheck(pointer) - build->shared->first_item;
	uint64		number = block * index->group_slots / index->group_pages +
	ItemPointerGetOffsetNumberNoCheck(pointer) - FirstOffsetNumber;

	if (number >> ANNOY_KEY_ITEM_BITS != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an annoy index cannot be built on more than %lld rows",
						1LL << ANNOY_KEY_ITEM_BITS)));
	return (int64) number;
}

/*
 * Note that an item gets its entry.  Returns false if it has one already.
 */
static bool
include_item(AnnoyBuild *build, int64 number)
{
	uint8		mask = 1 << number % BITS_PER_BYTE;
	uint8	   *byte = &build->included[number / BITS_PER_BYTE];

	Assert(number / BITS_PER_BYTE < (int64) build->included_size);
	if ((*byte & mask) != 0)
		return false;
	*byte |= mask;
	return true;
}

/*
 * AnnoyItemWalk callback: place an item, and pass the entry to the sort.
 */
static void
assign_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	Assignment *assignment = arg;
	AnnoyBuild *build = assignment->build;
	const AnnoyIndex *index = build->index;
	AnnoyTarget *target = &assignment->target;
	TupleTableSlot *slot = assignment->slot;
	AnnoyEntry	entry;
	int64		number;
	int			leaf;

	if (item->vector.data == NULL)
		return;
	number = item_number(build, pointer);
	if (build->in_place && !include_item(build, number))
		return;
	AnnoyMapItem(index, &item->vector, target->x);
	AnnoyTargetSet(target);
	leaf = nearest_leaf(&assignment->skeleton, target, &assignment->nearest);
	AnnoyEncode(index, &index->leaf, target->x,
				assignment->skeleton.centres + (Size) leaf * index->space_dim, &entry);
	entry.pointer = *pointer;
	memcpy(VARDATA(assignment->payload), &entry,
		   offsetof(AnnoyEntry, code) + index->leaf.bytes);

	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum(((int64) leaf << ANNOY_KEY_ITEM_BITS) | number);
	slot->tts_values[1] = PointerGetDatum(assignment->payload);
	slot->tts_isnull[0] = false;
	slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(assignment->sort, slot);
	if (++assignment->tuples == REPORT_TUPLES)
	{
		AnnoyBuildAdvance(build, assignment->tuples, 0);
		assignment->tuples = 0;
	}
}

static TupleDesc
entry_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "entry", BYTEAOID, -1, 0);
	TupleDescFinalize(desc);
	return desc;
}

/*
 * Begin a sort that shares its memory with others.
 */
static Tuplesortstate *
begin_sort(TupleDesc desc, int sorts, SortCoordinate coordinate)
{
	int			memory = Min(ANNOY_SORT_MEMORY * maintenance_work_mem / sorts,
							 MAX_SORT_MEMORY);
	AttrNumber	attribute = 1;
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;

	return tuplesort_begin_heap(desc, 1, &attribute, &less, &collation, &nulls_first,
								Max(memory, 64), coordinate, ANNOY_TUPLESORT_NONE);
}

/*
 * Take part in the assignment.  If there are several participants, each sorts
 * what it has assigned; the leader will merge that.
 */
void
AnnoyBuildAssign(AnnoyBuild *build)
{
	Size		payload_size = VARHDRSZ + offsetof(AnnoyEntry, code) + build->index->leaf.bytes;
	Assignment	assignment = {.build = build};
	TupleDesc	desc = entry_desc();

	get_skeleton(build, &assignment.skeleton);
	AnnoyTargetInit(&assignment.target, build->index, false);
	AnnoyCollectorInit(&assignment.nearest);
	assignment.payload = palloc0(payload_size);
	SET_VARSIZE(assignment.payload, payload_size);
	assignment.slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	if (build->participants > 1)
	{
		SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

		coordinate->isWorker = true;
		coordinate->nParticipants = -1;
		coordinate->sharedsort = build->sorts[build->shared->tree];
		assignment.sort = begin_sort(desc, build->participants, coordinate);
	}
	else
		assignment.sort = build->sort;

	AnnoyBuildWalk(build, assign_item, &assignment);
	AnnoyBuildAdvance(build, assignment.tuples, 0);

	if (build->participants > 1)
	{
		tuplesort_performsort(assignment.sort);
		tuplesort_end(assignment.sort);
	}
	ExecDropSingleTupleTableSlot(assignment.slot);
}

/*
 * Assign all items to leaves.
 */
static void
assign_items(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	AnnoyBuildPhase(build, ANNOY_PHASE_ASSIGN, shared->item_count,
					shared->end_items - shared->first_item);
	if (build->participants == 1)
		build->sort = begin_sort(entry_desc(), build->in_place ? shared->n_trees : 1, NULL);
	AnnoyBuildRun(build, ANNOY_STEP_ASSIGN, AnnoyBuildItemUnits(build));
	AnnoyBuildPhaseDone(build, "assigning items", shared->item_count, "items");
}

/*
 * Make a tree, but do not write it yet.
 */
void
AnnoyGrowTree(AnnoyBuild *build, int tree)
{
	build->shared->tree = tree;
	AnnoyBuildSample(build);
	make_skeleton(build);
	refine_skeleton(build);
	assign_items(build);
}

/*
 * Write the tree at work, to whose leaves items have been assigned.
 */
void
AnnoyFinishTree(AnnoyBuild *build, BlockNumber *leftmost)
{
	AnnoyShared *shared = build->shared;
	TupleDesc	desc = entry_desc();
	AnnoyTreeStats stats = {0};
	Tuplesortstate *sort;

	AnnoyBuildPhase(build, ANNOY_PHASE_SORT, shared->item_count, 0);
	sort = build->sort;
	if (build->participants > 1)
	{
		SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

		coordinate->isWorker = false;
		coordinate->nParticipants = shared->joined + 1;
		coordinate->sharedsort = build->sorts[shared->tree];
		sort = begin_sort(desc, 1, coordinate);
	}
	tuplesort_performsort(sort);
	AnnoyBuildPhaseDone(build, "sorting", shared->item_count, "entries");

	AnnoyBuildPhase(build, ANNOY_PHASE_WRITE, shared->item_count, 0);
	AnnoyWriteTree(build, sort, desc, leftmost, &stats);
	tuplesort_end(sort);
	AnnoyBuildPhaseDone(build, "writing a tree", stats.leaves + stats.inner, "pages");

	AnnoyBuildFree(build, &shared->inner);
	AnnoyBuildFree(build, &shared->centres);

	if (annoy_verbose >= 2)
		ereport(INFO,
				(errmsg("index \"%s\": tree %d has height %d, %.0f leaves with %.1f items each, and %.0f inner nodes",
						RelationGetRelationName(build->rel), shared->tree + 1,
						stats.height, stats.leaves,
						shared->item_count / stats.leaves, stats.inner),
				 errdetail("Of %d leaves assigned to, %.0f were divided further.",
						   shared->n_leaves, stats.divided)));
}

/*
 * Measure the recall curve of an index that is complete otherwise, and write it to
 * the metapage.  No page of the index has been logged yet, nor is this one: a
 * record of what changes on it would mean nothing to a standby.
 */
static void
store_curve(AnnoyBuild *build)
{
	AnnoyCalibration calibration = {
		.vectors = build->shared->item_count,
		.progress = AnnoyBuildProgress,
		.progress_arg = build
	};
	Buffer		buffer;

	AnnoyCalibrate(build->rel, &calibration);
	AnnoyWarnOfDoubt(build->rel, &calibration,
					 "Queries get the default effort. annoy_recall() tells what they find.");
	buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	AnnoyPageGetMeta(BufferGetPage(buffer))->curve = calibration.curve;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * Make all trees and the metapage, from the items that build.c has written.
 */
void
AnnoyBuildForest(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	MemoryContext tree_context = AllocSetContextCreate(build->context, "annoy build tree",
													   ALLOCSET_DEFAULT_SIZES);
	PGAlignedBlock *meta_page = palloc(sizeof(PGAlignedBlock));
	AnnoyMetaPage meta = AnnoyPageGetMeta(meta_page->data);
	Buffer		buffer;

	for (int tree = 0; tree < shared->n_trees; tree++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(tree_context);

		AnnoyGrowTree(build, tree);
		if (tree == 0)
		{
			build->index->built_items = shared->item_count;
			AnnoyInitMetaPage(meta_page->data, build->index);
		}
		AnnoyFinishTree(build, meta->leftmost[tree]);

		MemoryContextSwitchTo(old_context);
		MemoryContextReset(tree_context);
	}

	AnnoyWriteMean(build->rel, build->index, &meta->mean, &meta->n_mean);
	buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(BufferGetPage(buffer), meta_page->data, BLCKSZ);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);

	AnnoyBuildPhase(build, ANNOY_PHASE_CALIBRATE, shared->item_count, 0);
	store_curve(build);
	AnnoyBuildPhaseDone(build, "measuring recall", shared->item_count, "items");
}
