/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Making the trees of an index being built; build.c has the overview.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/forest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "catalog/pg_operator.h"
#include "executor/tuptable.h"
#include "pgstat.h"
#include "utils/tuplesort.h"

#include "annoy.h"
#include "build.h"

/* How full, at most, divisions of the sample make leaves and inner nodes. */
#define LEAF_FILL			0.8
#define MIN_LEAF			0.3
#define INNER_FILL			0.7

/* Beam when items are placed, and leaves whose distance is computed exactly. */
#define BUILD_BEAM			8
#define BUILD_EXACT			4

/* Parts of a sort key: tree, leaf, and the item's number. */
#define KEY_ITEM_BITS		32
#define KEY_LEAF_BITS		24
#define MAX_LEAVES			(1 << KEY_LEAF_BITS)

/*
 * Nodes of one level while a tree is being made: their centres, as quantised,
 * and pointers to them.
 */
typedef struct Level
{
	int			count;
	int			allocated;
	float	   *centres;
	AnnoyPointer *pointers;
} Level;

/*
 * Where the pages of a tree go: to memory for a skeleton, in which a node's
 * block number is its place in the array; to the index otherwise.
 */
typedef struct Sink
{
	AnnoyBuild *build;
	int			tree;
	bool		in_memory;

	/* in memory */
	char	   *pages;
	int			count;
	int			allocated;

	/* in the index: a page waits until it is known whether one follows */
	bool		waiting;
	PGAlignedBlock page;
	BlockNumber next;			/* block that the page will get */
	BlockNumber leftmost[ANNOY_MAX_LEVEL];
} Sink;

/* The skeleton of one tree. */
typedef struct Skeleton
{
	Level		leaves;
	Sink		inner;			/* inner nodes, in memory */
	BlockNumber root;

	/* in the Lloyd step: of the points in each leaf */
	double	   *sums;
	double	   *counts;
} Skeleton;

/* State of the Lloyd step. */
typedef struct Refinement
{
	AnnoyBuild *build;
	Skeleton   *skeletons;
	AnnoyTarget target;
	AnnoyCollector nearest;
	double		points;
}			Refinement;

/* State of the walk that assigns items to leaves. */
typedef struct Assignment
{
	AnnoyBuild *build;
	Skeleton   *skeletons;
	AnnoyTarget target;
	AnnoyCollector leaves;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	char	   *payload;		/* a bytea with an AnnoyEntry */
	int64		item_no;
} Assignment;

static void
level_add(Level *level, int dim, const float *centre,
		  const AnnoyPointer *pointer)
{
	if (level->count == level->allocated)
	{
		level->allocated = Max(64, 2 * level->allocated);
		if (level->centres == NULL)
		{
			level->centres = palloc_extended(sizeof(float) * dim * level->allocated,
											 MCXT_ALLOC_HUGE);
			level->pointers = palloc_extended(sizeof(AnnoyPointer) * level->allocated,
											  MCXT_ALLOC_HUGE);
		}
		else
		{
			level->centres = repalloc_huge(level->centres,
										   sizeof(float) * dim * level->allocated);
			level->pointers = repalloc_huge(level->pointers,
											sizeof(AnnoyPointer) * level->allocated);
		}
	}
	memcpy(level->centres + (Size) level->count * dim, centre, sizeof(float) * dim);
	level->pointers[level->count++] = *pointer;
}

static void
level_free(Level *level)
{
	if (level->centres != NULL)
	{
		pfree(level->centres);
		pfree(level->pointers);
	}
	memset(level, 0, sizeof(Level));
}

/*
 * Write out the page that waits, with or without a right sibling.
 */
static void
sink_flush(Sink *sink, bool followed)
{
	BlockNumber block;

	if (!sink->waiting)
		return;
	AnnoyPageGetNode(sink->page.data)->right =
		followed ? sink->next + 1 : InvalidBlockNumber;
	block = AnnoyBuildWrite(sink->build->rel, sink->page.data, 1);
	if (block != sink->next)
		elog(ERROR, "unexpected block number %u instead of %u in new index",
			 block, sink->next);
	sink->next++;
	sink->waiting = false;
}

/*
 * Take a page, which is not the root's.  Returns a pointer to it.
 */
static AnnoyPointer
sink_add(Sink *sink, Page page)
{
	int			level = AnnoyPageGetNode(page)->level;
	BlockNumber block;
	AnnoyPointer pointer;

	AnnoyNodeMakeRoom(sink->build->index, AnnoyPageGetNode(page));
	if (sink->in_memory)
	{
		if (sink->count == sink->allocated)
		{
			sink->allocated = Max(16, 2 * sink->allocated);
			sink->pages = sink->pages == NULL ?
				palloc_extended((Size) BLCKSZ * sink->allocated, MCXT_ALLOC_HUGE) :
				repalloc_huge(sink->pages, (Size) BLCKSZ * sink->allocated);
		}
		memcpy(sink->pages + (Size) sink->count * BLCKSZ, page, BLCKSZ);
		block = sink->count++;
	}
	else
	{
		sink_flush(sink, true);
		memcpy(sink->page.data, page, BLCKSZ);
		sink->waiting = true;
		block = sink->next;
		if (sink->leftmost[level] == InvalidBlockNumber)
			sink->leftmost[level] = block;
	}
	ItemPointerSet(&pointer, block, InvalidOffsetNumber);
	return pointer;
}

/*
 * Take the root's page.  Returns its block.
 */
static BlockNumber
sink_add_root(Sink *sink, Page page)
{
	AnnoyPointer pointer;
	Buffer		buffer;

	if (sink->in_memory)
	{
		pointer = sink_add(sink, page);
		return ItemPointerGetBlockNumberNoCheck(&pointer);
	}

	Assert(!sink->waiting);
	AnnoyNodeMakeRoom(sink->build->index, AnnoyPageGetNode(page));
	buffer = ReadBuffer(sink->build->rel, AnnoyRootBlock(sink->tree));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	sink->leftmost[AnnoyPageGetNode(page)->level] = AnnoyRootBlock(sink->tree);
	return AnnoyRootBlock(sink->tree);
}

/*
 * Make the inner levels of a tree, given its leaves, which are more than one;
 * the leaves are freed.  Each level divides the centres of the one below until
 * the pieces fit a node; a piece of identical centres is cut as needed.
 * Returns the block of the root.
 */
static BlockNumber
make_inner_levels(Sink *sink, Level *level, AnnoyRandom *random)
{
	const AnnoyIndex *index = sink->build->index;
	int			dim = index->space_dim;
	int			capacity = index->inner.capacity;
	float	   *centre = palloc(sizeof(float) * dim);
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));

	for (int height = 1;; height++)
	{
		Level		above = {0};
		AnnoyPieces pieces = {0};
		int		   *order = palloc_extended(sizeof(int) * level->count, MCXT_ALLOC_HUGE);
		bool		is_root = level->count <= capacity;

		if (height >= ANNOY_MAX_LEVEL)
			elog(ERROR, "tree has too many levels");

		for (int i = 0; i < level->count; i++)
			order[i] = i;
		AnnoyPartition(level->centres, dim, order, level->count,
					   is_root ? capacity : capacity * INNER_FILL, random, &pieces);
		for (int i = 0; i < pieces.count; i++)
		{
			for (int start = pieces.start[i]; start < pieces.start[i + 1]; start += capacity)
			{
				int			n = Min(pieces.start[i + 1] - start, capacity);
				AnnoyPointer pointer;

				AnnoyFillNode(index, page->data, sink->tree, height,
							  level->centres, order + start, n,
							  level->pointers, centre);
				if (is_root)
				{
					BlockNumber root = sink_add_root(sink, page->data);

					Assert(pieces.count == 1);
					level_free(level);
					pfree(order);
					pfree(pieces.start);
					pfree(centre);
					pfree(page);
					return root;
				}
				pointer = sink_add(sink, page->data);
				level_add(&above, dim, centre, &pointer);
			}
		}
		if (!sink->in_memory)
			sink_flush(sink, false);

		level_free(level);
		*level = above;
		pfree(order);
		pfree(pieces.start);
	}
}

static AnnoyNode
read_skeleton(BlockNumber block, void *arg)
{
	Skeleton   *skeleton = arg;

	return AnnoyPageGetNode(skeleton->inner.pages + (Size) block * BLCKSZ);
}

/*
 * The number of the leaf of a skeleton whose centre is nearest to the target.
 */
static int
nearest_leaf(Skeleton *skeleton, AnnoyTarget *target, AnnoyCollector *leaves)
{
	int			dim = target->index->space_dim;
	int			best = 0;
	float		best_distance = 0;

	if (skeleton->leaves.count == 1)
		return 0;
	AnnoyPlace(target, skeleton->root, BUILD_BEAM, read_skeleton, skeleton, leaves);
	for (int i = 0; i < Min(leaves->count, BUILD_EXACT); i++)
	{
		int			leaf = ItemPointerGetBlockNumberNoCheck(&leaves->candidates[i].pointer);
		float		distance = annoy_kernels->l2(target->x,
												 skeleton->leaves.centres + (Size) leaf * dim,
												 dim);

		if (i == 0 || distance < best_distance)
		{
			best = leaf;
			best_distance = distance;
		}
	}
	return best;
}

/*
 * Make the inner nodes over the leaves of a skeleton, whose centres are
 * quantised on the way.
 */
static void
make_skeleton_inner(AnnoyBuild *build, Skeleton *skeleton, AnnoyRandom *random)
{
	int			dim = build->index->space_dim;
	int16	   *quantised = palloc(sizeof(int16) * dim);
	Level		level = {0};

	for (int i = 0; i < skeleton->leaves.count; i++)
	{
		float	   *centre = skeleton->leaves.centres + (Size) i * dim;
		AnnoyPointer pointer;

		(void) AnnoyQuantise(build->index, centre, quantised);
		ItemPointerSet(&pointer, i, InvalidOffsetNumber);
		level_add(&level, dim, centre, &pointer);
	}
	pfree(quantised);

	skeleton->inner.build = build;
	skeleton->inner.in_memory = true;
	skeleton->inner.count = 0;
	if (level.count > 1)
		skeleton->root = make_inner_levels(&skeleton->inner, &level, random);
	else
		level_free(&level);
}

/*
 * Make the skeleton of a tree from the sample.
 */
static void
make_skeleton(AnnoyBuild *build, Skeleton *skeleton, AnnoyRandom *random)
{
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	int			n = build->sample_count;
	double		max_piece = LEAF_FILL * index->leaf.capacity * n / build->item_count;
	AnnoyPieces pieces = {0};
	int		   *order = palloc_extended(sizeof(int) * n, MCXT_ALLOC_HUGE);
	float	   *centre = palloc(sizeof(float) * dim);
	AnnoyPointer unused;

	for (int i = 0; i < n; i++)
		order[i] = i;
	/* a table that fits one page needs no division */
	if (build->item_count <= index->leaf.capacity)
		max_piece = n;
	AnnoyPartition(build->sample, dim, order, n, Max(max_piece, 1), random, &pieces);
	if (pieces.count > MAX_LEAVES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" would have more than %d leaves in a tree",
						RelationGetRelationName(build->rel), MAX_LEAVES)));

	ItemPointerSetInvalid(&unused);
	for (int i = 0; i < pieces.count; i++)
	{
		AnnoyMean(build->sample, dim, order + pieces.start[i],
				  pieces.start[i + 1] - pieces.start[i], centre);
		level_add(&skeleton->leaves, dim, centre, &unused);
	}
	make_skeleton_inner(build, skeleton, random);

	pfree(pieces.start);
	pfree(order);
	pfree(centre);
}

/*
 * Lloyd step: add the target's point to the sums of the leaves that are
 * nearest.
 */
static void
refine_add(Refinement * refinement)
{
	const AnnoyIndex *index = refinement->build->index;

	AnnoyTargetSet(&refinement->target);
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		Skeleton   *skeleton = &refinement->skeletons[tree];
		int			leaf = nearest_leaf(skeleton, &refinement->target,
										&refinement->nearest);

		annoy_kernels->add(skeleton->sums + (Size) leaf * index->space_dim,
						   refinement->target.x, index->space_dim);
		skeleton->counts[leaf]++;
	}
	refinement->points++;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) refinement->points);
}

/* AnnoyItemWalk callback: the same for an item. */
static void
refine_item(AnnoyPointer *pointer pg_attribute_unused(), const AnnoyItem *item,
			void *arg)
{
	Refinement *refinement = arg;

	if (item->vector.data != NULL)
	{
		AnnoyMapItem(refinement->build->index, &item->vector, refinement->target.x);
		refine_add(refinement);
	}
}

/*
 * One Lloyd step over all leaves of each tree: their centres become the means
 * of the points that are nearest to them.  Points are the items, which takes
 * another walk over them, unless the sample has them all, or the sums do not
 * fit maintenance_work_mem: then the sample has to do.
 */
static void
refine_skeletons(AnnoyBuild *build, Skeleton *skeletons, AnnoyRandom *random)
{
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	Refinement	refinement = {.build = build,.skeletons = skeletons};
	double		leaves = 0;
	bool		all;

	for (int tree = 0; tree < index->n_trees; tree++)
	{
		Skeleton   *skeleton = &skeletons[tree];

		skeleton->sums = palloc_extended(sizeof(double) * dim * skeleton->leaves.count,
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		skeleton->counts = palloc_extended(sizeof(double) * skeleton->leaves.count,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		leaves += skeleton->leaves.count;
	}
	AnnoyTargetInit(&refinement.target, index, false);
	AnnoyCollectorInit(&refinement.nearest);

	all = build->sample_count < build->item_count &&
		leaves * dim * sizeof(double) <= maintenance_work_mem * 1024.0;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_REFINE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 all ? (int64) build->item_count : build->sample_count);
	if (all)
		AnnoyItemWalk(build->rel, index, GetAccessStrategy(BAS_BULKREAD),
					  refine_item, &refinement);
	else
	{
		for (int i = 0; i < build->sample_count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			memcpy(refinement.target.x, build->sample + (Size) i * dim,
				   sizeof(float) * dim);
			refine_add(&refinement);
		}
	}

	for (int tree = 0; tree < index->n_trees; tree++)
	{
		Skeleton   *skeleton = &skeletons[tree];
		double		enough = MIN_LEAF * LEAF_FILL * index->leaf.capacity *
		refinement.points / build->item_count;
		int			kept = 0;

		/* leaves that would be nearly empty leave their points to others */
		for (int i = 0; i < skeleton->leaves.count; i++)
		{
			float	   *to = skeleton->leaves.centres + (Size) kept * dim;

			if (skeleton->counts[i] <= enough && skeleton->leaves.count > 1)
				continue;
			for (int j = 0; j < dim; j++)
				to[j] = (float) (skeleton->sums[(Size) i * dim + j] / skeleton->counts[i]);
			kept++;
		}
		pfree(skeleton->sums);
		pfree(skeleton->counts);
		skeleton->leaves.count = kept;
		make_skeleton_inner(build, skeleton, random);
	}
}

/*
 * AnnoyItemWalk callback: place an item in each tree, and pass the entries to
 * the sort.
 */
static void
assign_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	Assignment *assignment = arg;
	const AnnoyIndex *index = assignment->build->index;
	AnnoyTarget *target = &assignment->target;
	TupleTableSlot *slot = assignment->slot;
	AnnoyEntry	entry;

	if (item->vector.data == NULL)
		return;
	if (assignment->item_no >> KEY_ITEM_BITS != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an annoy index cannot be built on more than %lld rows",
						1LL << KEY_ITEM_BITS)));

	AnnoyMapItem(index, &item->vector, target->x);
	AnnoyTargetSet(target);
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		Skeleton   *skeleton = &assignment->skeletons[tree];
		int			leaf = nearest_leaf(skeleton, target, &assignment->leaves);

		AnnoyEncode(index, &index->leaf, target->x,
					skeleton->leaves.centres + (Size) leaf * index->space_dim,
					&entry);
		entry.pointer = *pointer;
		memcpy(VARDATA(assignment->payload), &entry,
			   offsetof(AnnoyEntry, code) + index->leaf.bytes);

		ExecClearTuple(slot);
		slot->tts_values[0] =
			Int64GetDatum(((int64) tree << (KEY_LEAF_BITS + KEY_ITEM_BITS)) |
						  ((int64) leaf << KEY_ITEM_BITS) | assignment->item_no);
		slot->tts_values[1] = PointerGetDatum(assignment->payload);
		slot->tts_isnull[0] = false;
		slot->tts_isnull[1] = false;
		ExecStoreVirtualTuple(slot);
		tuplesort_puttupleslot(assignment->sort, slot);
	}
	assignment->item_no++;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, assignment->item_no);
}

/*
 * Entries of one leaf, as they come from the sort.
 */
typedef struct LeafEntries
{
	int			count;
	int			allocated;
	AnnoyEntry *entries;
} LeafEntries;

static void
add_leaf(Sink *sink, Level *level, Page page, const float *centre)
{
	AnnoyPointer pointer = sink_add(sink, page);

	level_add(level, sink->build->index->space_dim, centre, &pointer);
}

/*
 * Write a leaf that the sort has put together, or several if there are more
 * entries than fit a page: then the items are read again and divided.
 */
static void
write_leaf(Sink *sink, Level *level, LeafEntries *leaf, const float *centre,
		   AnnoyRandom *random)
{
	const AnnoyIndex *index = sink->build->index;
	int			dim = index->space_dim;
	int			capacity = index->leaf.capacity;
	float	   *page_centre = palloc(sizeof(float) * dim);
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));

	if (leaf->count <= capacity)
	{
		/* quantising what was quantised changes nothing */
		memcpy(page_centre, centre, sizeof(float) * dim);
		AnnoyNodeInit(page->data, index, sink->tree, 0, page_centre);
		for (int i = 0; i < leaf->count; i++)
			AnnoyNodeAppend(index, page->data, &leaf->entries[i]);
		add_leaf(sink, level, page->data, page_centre);
	}
	else
	{
		float	   *points = palloc_extended(sizeof(float) * dim * leaf->count,
											 MCXT_ALLOC_HUGE);
		AnnoyPointer *pointers = palloc(sizeof(AnnoyPointer) * leaf->count);
		int		   *order = palloc(sizeof(int) * leaf->count);
		AnnoyPieces pieces = {0};
		AnnoyItemReader reader;

		AnnoyItemReaderInit(&reader, sink->build->rel, index, NULL);
		for (int i = 0; i < leaf->count; i++)
		{
			AnnoyItem	item;

			CHECK_FOR_INTERRUPTS();
			order[i] = i;
			pointers[i] = leaf->entries[i].pointer;
			AnnoyItemFetch(&reader, AnnoyItemPin(&reader, &pointers[i]),
						   &pointers[i], &item);
			AnnoyMapItem(index, &item.vector, points + (Size) i * dim);
			AnnoyItemRelease(&reader);
		}
		AnnoyItemReaderEnd(&reader);

		AnnoyPartition(points, dim, order, leaf->count, capacity * LEAF_FILL,
					   random, &pieces);
		for (int i = 0; i < pieces.count; i++)
		{
			int			end = pieces.start[i + 1];

			/* only vectors that are all the same make a piece too large */
			for (int start = pieces.start[i]; start < end; start += capacity)
			{
				AnnoyFillNode(index, page->data, sink->tree, 0, points,
							  order + start, Min(end - start, capacity),
							  pointers, page_centre);
				add_leaf(sink, level, page->data, page_centre);
			}
		}
		pfree(points);
		pfree(pointers);
		pfree(order);
		pfree(pieces.start);
	}
	pfree(page_centre);
	pfree(page);
}

/*
 * Finish a tree whose leaves are all written but for the one that waits.
 */
static void
finish_tree(Sink *sink, Level *level, AnnoyRandom *random)
{
	if (level->count > 1)
	{
		sink_flush(sink, false);
		(void) make_inner_levels(sink, level, random);
	}
	else
	{
		/* a single leaf, still waiting: the root, then */
		Assert(level->count == 1 && sink->waiting);
		sink->waiting = false;
		(void) sink_add_root(sink, sink->page.data);
		level_free(level);
	}
}

/*
 * Write the trees from the sorted entries.
 */
static void
write_trees(AnnoyBuild *build, Assignment *assignment, AnnoyMetaPage meta)
{
	const AnnoyIndex *index = build->index;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(assignment->slot->tts_tupleDescriptor,
													&TTSOpsMinimalTuple);
	Sink	   *sink = palloc0(sizeof(Sink));
	Level		level = {0};
	LeafEntries leaf = {0};
	AnnoyRandom random = index->seed + 1;
	int64		leaf_key = -1;
	bool		more;

	leaf.allocated = 4 * index->leaf.capacity;
	leaf.entries = palloc(sizeof(AnnoyEntry) * leaf.allocated);
	sink->build = build;
	memset(sink->leftmost, 0xFF, sizeof(sink->leftmost));
	sink->next = RelationGetNumberOfBlocks(build->rel);

	do
	{
		int64		key = -1;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();

		more = tuplesort_gettupleslot(assignment->sort, true, false, slot, NULL);
		if (more)
			key = DatumGetInt64(slot_getattr(slot, 1, &isnull));

		if (leaf_key >= 0 && (!more || key >> KEY_ITEM_BITS != leaf_key))
		{
			int			tree = leaf_key >> KEY_LEAF_BITS;
			int			leaf_no = leaf_key & (MAX_LEAVES - 1);

			sink->tree = tree;
			write_leaf(sink, &level, &leaf,
					   assignment->skeletons[tree].leaves.centres +
					   (Size) leaf_no * index->space_dim,
					   &random);
			leaf.count = 0;
			if (!more || key >> (KEY_ITEM_BITS + KEY_LEAF_BITS) != tree)
			{
				finish_tree(sink, &level, &random);
				memcpy(meta->leftmost[tree], sink->leftmost, sizeof(sink->leftmost));
				memset(sink->leftmost, 0xFF, sizeof(sink->leftmost));
				sink->next = RelationGetNumberOfBlocks(build->rel);
			}
		}
		if (more)
		{
			bytea	   *payload = DatumGetByteaPP(slot_getattr(slot, 2, &isnull));

			if (leaf.count == leaf.allocated)
			{
				leaf.allocated *= 2;
				leaf.entries = repalloc_huge(leaf.entries,
											 sizeof(AnnoyEntry) * leaf.allocated);
			}
			memcpy(&leaf.entries[leaf.count++], VARDATA_ANY(payload),
				   offsetof(AnnoyEntry, code) + index->leaf.bytes);
			leaf_key = key >> KEY_ITEM_BITS;
		}
	} while (more);

	ExecDropSingleTupleTableSlot(slot);
	pfree(leaf.entries);
	pfree(sink);
}

/*
 * Make all trees and the metapage, from the sample and the items that build.c
 * has written.
 */
void
AnnoyBuildForest(AnnoyBuild *build)
{
	AnnoyIndex *index = build->index;
	Assignment *assignment = palloc0(sizeof(Assignment));
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	key_attribute = 1;
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;
	Size		payload_size = offsetof(AnnoyEntry, code) + index->leaf.bytes;
	AnnoyRandom random = index->seed;
	PGAlignedBlock *meta_page = palloc(sizeof(PGAlignedBlock));
	AnnoyMetaPage meta = AnnoyPageGetMeta(meta_page->data);
	Buffer		buffer;

	AnnoyInitMetaPage(meta_page->data, index);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_SKELETON);
	assignment->build = build;
	assignment->skeletons = palloc0(sizeof(Skeleton) * index->n_trees);
	for (int tree = 0; tree < index->n_trees; tree++)
		make_skeleton(build, &assignment->skeletons[tree], &random);
	refine_skeletons(build, assignment->skeletons, &random);
	pfree(build->sample);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_ASSIGN);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build->item_count);
	TupleDescInitEntry(desc, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "entry", BYTEAOID, -1, 0);
	assignment->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	assignment->sort = tuplesort_begin_heap(desc, 1, &key_attribute, &less, &collation,
											&nulls_first, maintenance_work_mem, NULL,
											ANNOY_TUPLESORT_NONE);
	assignment->payload = palloc(VARHDRSZ + payload_size);
	SET_VARSIZE(assignment->payload, VARHDRSZ + payload_size);
	AnnoyTargetInit(&assignment->target, index, false);
	AnnoyCollectorInit(&assignment->leaves);
	AnnoyItemWalk(build->rel, index, GetAccessStrategy(BAS_BULKREAD), assign_item,
				  assignment);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_WRITE);
	tuplesort_performsort(assignment->sort);
	write_trees(build, assignment, meta);
	tuplesort_end(assignment->sort);
	ExecDropSingleTupleTableSlot(assignment->slot);

	AnnoyWriteMean(build->rel, index, &meta->mean, &meta->n_mean);
	buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(BufferGetPage(buffer), meta_page->data, BLCKSZ);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ANNOY_PHASE_CALIBRATE);
	(void) AnnoyCalibrate(build->rel, build->item_count, NULL, 0);
}
