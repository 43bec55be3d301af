/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Writing a tree of an index being built, from sorted entries.
 *
 * Entries come leaf by leaf.  Those that fit a page make one.  Of a leaf with
 * more, only the pointers are kept: the items are read again and divided by
 * 2-means into leaves that fit.  Of a leaf with more than fit into memory, the
 * pointers go to a temporary file; a sample of the items decides how to divide
 * them into several files, each of which is then treated like that.  Copies of
 * one vector make leaves of their own as they are read.
 *
 * The centres of leaves, and of each level of inner nodes, make the level above;
 * those that do not fit into memory wait in a temporary file, too, and are
 * divided in runs.  Leaves come in the order of the skeleton, so that a run
 * holds leaves that are near to each other.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/build.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* How full, at most, divisions make inner nodes. */
#define INNER_FILL			0.9

/* Points divided in memory, at most: more would only be slow. */
#define MAX_POINTS			65536

/* Parts that a leaf too large for memory is divided into: about that many. */
#define FILE_PARTS			8

/* Points read again between two reports of progress. */
#define REPORT_POINTS		1000

/* After so many divisions by files, leaves are cut as the items come. */
#define MAX_FILE_DEPTH		24

/* A tree being written. */
typedef struct Writer
{
	AnnoyBuild *build;
	AnnoySink	sink;
	AnnoyLevel	level;			/* of leaves */
	AnnoyRandom random;
	AnnoyItemReader reader;
	AnnoyTreeStats *stats;
	PGAlignedBlock page;		/* leaf being made */
	float	   *centre;			/* its centre */

	/* the leaf that entries are read for */
	int64		count;
	AnnoyEntry *entries;		/* if they fit a page */
	AnnoyPointer *pointers;		/* if they fit into memory */
	BufFile    *file;			/* of pointers, if not */

	/* dividing it */
	int			max_points;
	float	   *points;
	int		   *order;
	AnnoyPieces pieces;
	int			n_read;			/* points, since progress was reported */
} Writer;

/* Levels. */

static Size
level_row(int dim)
{
	return sizeof(float) * dim + sizeof(AnnoyPointer);
}

static void
write_file(BufFile *file, const void *data, Size size)
{
	BufFileWrite(file, unconstify(void *, data), size);
}

static void
read_file(BufFile *file, void *data, Size size)
{
	if (BufFileRead(file, data, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file: %m")));
}

static void
rewind_file(BufFile *file)
{
	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind temporary file: %m")));
}

/*
 * Add a node to a level.
 */
static void
level_add(AnnoyLevel *level, int dim, const float *centre,
		  const AnnoyPointer *pointer)
{
	if (level->count == level->max)
	{
		if (level->file == NULL)
			level->file = BufFileCreateTemp(false);
		write_file(level->file, level->centres, sizeof(float) * dim * level->count);
		write_file(level->file, level->pointers, sizeof(AnnoyPointer) * level->count);
		level->n_runs++;
		level->count = 0;
	}
	if (level->count == level->allocated)
	{
		level->allocated = Min(Max(64, 2 * level->allocated), level->max);
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
level_free(AnnoyLevel *level)
{
	if (level->centres != NULL && !level->borrowed)
		pfree(level->centres);
	if (level->pointers != NULL)
		pfree(level->pointers);
	if (level->file != NULL)
		BufFileClose(level->file);
	memset(level, 0, sizeof(AnnoyLevel));
}

/* The most nodes of one level that are kept in memory. */
static int
level_max(const AnnoyIndex *index)
{
	double		room = AnnoyBuildBytes(ANNOY_LEVEL_MEMORY) / level_row(index->space_dim);

	return (int) Min(Max(room, 2 * index->inner.capacity), PG_INT32_MAX / 2);
}

/* Sinks. */

/*
 * The block for the next page: in an index in use, a free one if there is any.
 */
static BlockNumber
sink_block(AnnoySink *sink)
{
	Buffer		buffer;
	BlockNumber block;

	if (!sink->build->in_place)
		return sink->end++;
	buffer = AnnoyNodeExtend(sink->build->rel);
	block = BufferGetBlockNumber(buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

/*
 * Write out the page that waits, with a right sibling, or without one if that is
 * invalid.
 */
static void
sink_flush(AnnoySink *sink, BlockNumber right)
{
	if (!sink->waiting)
		return;
	AnnoyPageGetNode(sink->page.data)->right = right;
	if (sink->build->in_place)
		AnnoyBuildWriteLogged(sink->build->rel, sink->block, sink->page.data);
	else
	{
		BlockNumber block = AnnoyBuildWrite(sink->build->rel, sink->page.data, 1);

		if (block != sink->block)
			elog(ERROR, "unexpected block number %u instead of %u in new index",
				 block, sink->block);
	}
	AnnoyBuildAdvance(sink->build, 0, 1);
	sink->written++;
	sink->waiting = false;
}

/*
 * Take a page, which is not the root's.  Returns a pointer to it.
 */
static AnnoyPointer
sink_add(AnnoySink *sink, Page page)
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
		block = sink_block(sink);
		sink_flush(sink, block);
		memcpy(sink->page.data, page, BLCKSZ);
		sink->waiting = true;
		sink->block = block;
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
sink_add_root(AnnoySink *sink, Page page)
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
	if (sink->build->in_place)
		memcpy(sink->build->roots + (Size) sink->tree * BLCKSZ, page, BLCKSZ);
	else
	{
		buffer = ReadBuffer(sink->build->rel, AnnoyRootBlock(sink->tree));
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		memcpy(BufferGetPage(buffer), page, BLCKSZ);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	sink->leftmost[AnnoyPageGetNode(page)->level] = AnnoyRootBlock(sink->tree);
	return AnnoyRootBlock(sink->tree);
}

/*
 * Divide the nodes of a level that are in memory until the pieces fit a node,
 * and make these; a piece of identical centres is cut as needed.  If they are
 * all that there are and fit one node, that is the root, and its block is
 * returned.
 */
static BlockNumber
make_inner_nodes(AnnoySink *sink, AnnoyLevel *level, int height, bool is_root,
				 AnnoyRandom *random, AnnoyLevel *above)
{
	const AnnoyIndex *index = sink->build->index;
	int			dim = index->space_dim;
	int			capacity = index->inner.capacity;
	AnnoyPieces pieces = {.progress = AnnoyBuildProgress,.progress_arg = sink->build};
	int		   *order = palloc_extended(sizeof(int) * level->count, MCXT_ALLOC_HUGE);
	float	   *centre = palloc(sizeof(float) * dim);
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	BlockNumber root = InvalidBlockNumber;

	for (int i = 0; i < level->count; i++)
		order[i] = i;
	AnnoyPartition(level->centres, dim, order, 0, level->count,
				   is_root ? capacity : (int) (capacity * INNER_FILL), true,
				   AnnoyRandomNext(random), &pieces);
	for (int i = 0; i < pieces.count; i++)
	{
		for (int start = pieces.start[i]; start < pieces.start[i + 1]; start += capacity)
		{
			int			n = Min(pieces.start[i + 1] - start, capacity);
			AnnoyPointer pointer;

			CHECK_FOR_INTERRUPTS();
			AnnoyFillNode(index, page->data, sink->tree, height, level->centres,
						  order + start, n, level->pointers, centre);
			if (is_root)
				root = sink_add_root(sink, page->data);
			else
			{
				pointer = sink_add(sink, page->data);
				level_add(above, dim, centre, &pointer);
			}
		}
	}
	Assert(!is_root || pieces.count == 1);
	pfree(order);
	pfree(centre);
	pfree(page);
	pfree(pieces.start);
	return root;
}

/*
 * Make the inner levels of a tree, given its leaves, which are more than one;
 * the leaves are freed.  Returns the block of the root.
 */
BlockNumber
AnnoyMakeInnerLevels(AnnoySink *sink, AnnoyLevel *level, AnnoyRandom *random)
{
	const AnnoyIndex *index = sink->build->index;
	int			dim = index->space_dim;

	for (int height = 1;; height++)
	{
		AnnoyLevel	above = {.max = sink->in_memory ? PG_INT32_MAX / 2 : level_max(index)};
		int			last_count = level->count;
		bool		is_root = level->n_runs == 0 && level->count <= index->inner.capacity;
		BlockNumber root = InvalidBlockNumber;

		if (height >= ANNOY_MAX_LEVEL)
			elog(ERROR, "tree has too many levels");

		if (level->file != NULL)
		{
			write_file(level->file, level->centres, sizeof(float) * dim * last_count);
			write_file(level->file, level->pointers, sizeof(AnnoyPointer) * last_count);
			rewind_file(level->file);
		}
		for (int run = 0; run <= level->n_runs; run++)
		{
			if (level->file != NULL)
			{
				level->count = run < level->n_runs ? level->max : last_count;
				read_file(level->file, level->centres, sizeof(float) * dim * level->count);
				read_file(level->file, level->pointers, sizeof(AnnoyPointer) * level->count);
			}
			root = make_inner_nodes(sink, level, height, is_root, random, &above);
		}
		if (!sink->in_memory)
			sink_flush(sink, InvalidBlockNumber);
		level_free(level);
		if (is_root)
			return root;
		*level = above;
	}
}

/* Leaves. */

static void
add_leaf(Writer *writer)
{
	AnnoyPointer pointer = sink_add(&writer->sink, writer->page.data);

	level_add(&writer->level, writer->build->index->space_dim, writer->centre,
			  &pointer);
	writer->stats->leaves++;
}

/*
 * Read the point of an item.
 */
static void
read_point(Writer *writer, const AnnoyPointer *pointer, float *point)
{
	AnnoyItem	item;

	CHECK_FOR_INTERRUPTS();
	AnnoyItemFetch(&writer->reader, AnnoyItemPin(&writer->reader, pointer), pointer,
				   &item);
	AnnoyMapItem(writer->build->index, &item.vector, point);
	AnnoyItemRelease(&writer->reader);
	if (++writer->n_read == REPORT_POINTS)
	{
		AnnoyBuildProgress(REPORT_POINTS, REPORT_POINTS, writer->build);
		writer->n_read = 0;
	}
}

/*
 * Write leaves for the points whose pointers are in memory.
 */
static void
divide_points(Writer *writer, int count)
{
	const AnnoyIndex *index = writer->build->index;
	int			dim = index->space_dim;
	int			capacity = index->leaf.capacity;

	for (int i = 0; i < count; i++)
	{
		read_point(writer, &writer->pointers[i], writer->points + (Size) i * dim);
		writer->order[i] = i;
	}
	AnnoyPartition(writer->points, dim, writer->order, 0, count,
				   count <= capacity ? capacity : capacity * ANNOY_LEAF_FILL, false,
				   AnnoyRandomNext(&writer->random), &writer->pieces);
	for (int i = 0; i < writer->pieces.count; i++)
	{
		int			end = writer->pieces.start[i + 1];

		/* only vectors that are all the same make a piece too large */
		for (int start = writer->pieces.start[i]; start < end; start += capacity)
		{
			AnnoyFillNode(index, writer->page.data, writer->sink.tree, 0,
						  writer->points, writer->order + start,
						  Min(end - start, capacity), writer->pointers,
						  writer->centre);
			add_leaf(writer);
		}
	}
}

/*
 * Write a leaf of copies of one vector, whose pointers are in memory.
 */
static void
write_copies(Writer *writer, const float *point, int count)
{
	const AnnoyIndex *index = writer->build->index;
	AnnoyEntry	entry;

	if (count == 0)
		return;
	memcpy(writer->centre, point, sizeof(float) * index->space_dim);
	AnnoyNodeInit(writer->page.data, index, writer->sink.tree, 0, writer->centre);
	AnnoyEncode(index, &index->leaf, point, writer->centre, &entry);
	for (int i = 0; i < count; i++)
	{
		entry.pointer = writer->pointers[i];
		AnnoyNodeAppend(index, writer->page.data, &entry);
	}
	if (count > 1)
		AnnoyPageGetNode(writer->page.data)->flags |= ANNOY_NODE_UNIFORM;
	add_leaf(writer);
}

/*
 * Write leaves for all points in a file that equal a given one, and put the
 * others into a new file.  Returns the number of these.
 */
static int64
divide_copies(Writer *writer, BufFile *file, int64 count, const float *copy,
			  BufFile *others)
{
	int			dim = writer->build->index->space_dim;
	int			capacity = writer->build->index->leaf.capacity;
	float	   *point = palloc(sizeof(float) * dim);
	int			n_copies = 0;
	int64		n_others = 0;

	rewind_file(file);
	for (int64 i = 0; i < count; i++)
	{
		AnnoyPointer pointer;

		read_file(file, &pointer, sizeof(pointer));
		read_point(writer, &pointer, point);
		if (memcmp(point, copy, sizeof(float) * dim) != 0)
		{
			write_file(others, &pointer, sizeof(pointer));
			n_others++;
			continue;
		}
		writer->pointers[n_copies++] = pointer;
		if (n_copies == capacity)
		{
			write_copies(writer, copy, n_copies);
			n_copies = 0;
		}
	}
	write_copies(writer, copy, n_copies);
	pfree(point);
	return n_others;
}

/*
 * Distribute the points in a file to files, by the nearest of some centres.
 */
static void
distribute_points(Writer *writer, BufFile *file, int64 count,
				  const float *centres, int n, BufFile **parts, int64 *counts)
{
	int			dim = writer->build->index->space_dim;
	float	   *point = palloc(sizeof(float) * dim);

	rewind_file(file);
	for (int64 i = 0; i < count; i++)
	{
		AnnoyPointer pointer;
		int			best = 0;
		float		best_distance = 0;

		read_file(file, &pointer, sizeof(pointer));
		read_point(writer, &pointer, point);
		for (int j = 0; j < n; j++)
		{
			float		distance = annoy_kernels->l2(point, centres + (Size) j * dim, dim);

			if (j == 0 || distance < best_distance)
			{
				best = j;
				best_distance = distance;
			}
		}
		write_file(parts[best], &pointer, sizeof(pointer));
		counts[best]++;
	}
	pfree(point);
}

/*
 * Read a sample of the points in a file into memory, evenly.
 */
static void
sample_file(Writer *writer, BufFile *file, int64 count, int n)
{
	int			taken = 0;

	rewind_file(file);
	for (int64 i = 0; taken < n; i++)
	{
		AnnoyPointer pointer;

		read_file(file, &pointer, sizeof(pointer));
		if (i < taken * count / n)
			continue;
		read_point(writer, &pointer,
				   writer->points + (Size) taken * writer->build->index->space_dim);
		writer->order[taken] = taken;
		taken++;
	}
}

/*
 * Write leaves for the points whose pointers are in a file, which is closed.
 */
static void
divide_file(Writer *writer, BufFile *file, int64 count, int depth)
{
	int			dim = writer->build->index->space_dim;
	int			n = writer->max_points;
	bool		divided = false;

	if (count > n && depth < MAX_FILE_DEPTH)
	{
		AnnoyPieces *pieces = &writer->pieces;
		int			n_parts;

		sample_file(writer, file, count, n);
		AnnoyPartition(writer->points, dim, writer->order, 0, n,
					   Max((double) n / FILE_PARTS, 1), false,
					   AnnoyRandomNext(&writer->random), pieces);
		n_parts = pieces->count;
		if (n_parts == 1)
		{
			float	   *copy = palloc(sizeof(float) * dim);
			BufFile    *others = BufFileCreateTemp(false);

			memcpy(copy, writer->points, sizeof(float) * dim);
			count = divide_copies(writer, file, count, copy, others);
			pfree(copy);
			BufFileClose(file);
			divide_file(writer, others, count, depth + 1);
			return;
		}
		else
		{
			float	   *centres = palloc(sizeof(float) * dim * n_parts);
			BufFile   **parts = palloc(sizeof(BufFile *) * n_parts);
			int64	   *counts = palloc0(sizeof(int64) * n_parts);

			for (int i = 0; i < n_parts; i++)
			{
				AnnoyMean(writer->points, dim, writer->order + pieces->start[i],
						  pieces->start[i + 1] - pieces->start[i],
						  centres + (Size) i * dim);
				parts[i] = BufFileCreateTemp(false);
			}
			distribute_points(writer, file, count, centres, n_parts, parts, counts);
			pfree(centres);
			for (int i = 0; i < n_parts; i++)
				divided = divided || (counts[i] > 0 && counts[i] < count);
			if (divided)
				BufFileClose(file);
			for (int i = 0; i < n_parts; i++)
			{
				if (divided && counts[i] > 0)
					divide_file(writer, parts[i], counts[i], depth + 1);
				else
					BufFileClose(parts[i]);
			}
			pfree(parts);
			pfree(counts);
		}
	}

	if (!divided)
	{
		/* few enough points, or there is no way to divide them */
		rewind_file(file);
		for (int64 done = 0; done < count; done += n)
		{
			int			part = Min(count - done, n);

			read_file(file, writer->pointers, sizeof(AnnoyPointer) * part);
			divide_points(writer, part);
		}
		BufFileClose(file);
	}
}

/*
 * Add an entry to the leaf that is being read.
 */
static void
add_entry(Writer *writer, const char *data)
{
	const AnnoyIndex *index = writer->build->index;
	AnnoyEntry	entry;

	memcpy(&entry, data, offsetof(AnnoyEntry, code) + index->leaf.bytes);
	if (writer->count < index->leaf.capacity)
		writer->entries[writer->count] = entry;
	if (writer->count == writer->max_points)
	{
		writer->file = BufFileCreateTemp(false);
		write_file(writer->file, writer->pointers,
				   sizeof(AnnoyPointer) * writer->count);
	}
	if (writer->count < writer->max_points)
		writer->pointers[writer->count] = entry.pointer;
	else
		write_file(writer->file, &entry.pointer, sizeof(AnnoyPointer));
	writer->count++;
}

/*
 * Write the leaf whose entries have been read, or the leaves it is divided
 * into.
 */
static void
finish_leaf(Writer *writer, const float *centre)
{
	const AnnoyIndex *index = writer->build->index;
	double		offsets = 0;

	if (writer->count <= index->leaf.capacity)
	{
		/* quantising what was quantised changes nothing */
		memcpy(writer->centre, centre, sizeof(float) * index->space_dim);
		AnnoyNodeInit(writer->page.data, index, writer->sink.tree, 0, writer->centre);
		for (int i = 0; i < writer->count; i++)
			offsets += writer->entries[i].offset;
		AnnoyNodeSetNear(AnnoyPageGetNode(writer->page.data),
						 offsets / Max(writer->count, 1));
		for (int i = 0; i < writer->count; i++)
			AnnoyNodeAppend(index, writer->page.data, &writer->entries[i]);
		add_leaf(writer);
	}
	else if (writer->file == NULL)
	{
		divide_points(writer, writer->count);
		writer->stats->divided++;
	}
	else
	{
		divide_file(writer, writer->file, writer->count, 0);
		writer->file = NULL;
		writer->stats->divided++;
	}
	AnnoyBuildAdvance(writer->build, writer->count, 0);
	writer->count = 0;
}

/*
 * Finish a tree whose leaves are all written but for the one that waits.
 */
static void
finish_tree(Writer *writer)
{
	AnnoySink  *sink = &writer->sink;
	double		leaves;

	if (writer->stats->leaves > 1)
	{
		sink_flush(sink, InvalidBlockNumber);
		leaves = sink->written;
		(void) AnnoyMakeInnerLevels(sink, &writer->level, &writer->random);
		writer->stats->inner = sink->written - leaves + 1;
	}
	else
	{
		/* a single leaf, still waiting: the root, then */
		Assert(sink->waiting);
		sink->waiting = false;
		(void) sink_add_root(sink, sink->page.data);
		level_free(&writer->level);
	}
	for (int i = 0; i < ANNOY_MAX_LEVEL; i++)
	{
		if (sink->leftmost[i] != InvalidBlockNumber)
			writer->stats->height = i + 1;
	}
}

/*
 * Write the tree at work from the sorted entries.
 */
void
AnnoyWriteTree(AnnoyBuild *build, Tuplesortstate *sort, TupleDesc desc,
			   BlockNumber *leftmost, AnnoyTreeStats *stats)
{
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	const float *centres = AnnoyBuildAddress(build, build->shared->centres);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	Writer	   *writer = palloc0(sizeof(Writer));
	double		room = AnnoyBuildBytes(ANNOY_LEAF_MEMORY) /
	(sizeof(float) * dim + sizeof(AnnoyPointer) + 3 * sizeof(int));
	int64		leaf = -1;

	writer->max_points = Min(Max(room, 2 * index->leaf.capacity), MAX_POINTS);
	writer->build = build;
	writer->stats = stats;
	writer->random = (index->seed + build->shared->tree) ^ 1;
	writer->entries = palloc(sizeof(AnnoyEntry) * index->leaf.capacity);
	writer->pointers = palloc(sizeof(AnnoyPointer) * writer->max_points);
	writer->points = palloc_extended(sizeof(float) * dim * writer->max_points,
									 MCXT_ALLOC_HUGE);
	writer->order = palloc(sizeof(int) * writer->max_points);
	writer->centre = palloc(sizeof(float) * dim);
	writer->level.max = level_max(index);
	writer->pieces.progress = AnnoyBuildProgress;
	writer->pieces.progress_arg = build;
	AnnoyItemReaderInit(&writer->reader, build->rel, index, NULL);
	writer->sink.build = build;
	writer->sink.tree = build->shared->tree;
	memset(writer->sink.leftmost, 0xFF, sizeof(writer->sink.leftmost));
	writer->sink.end = RelationGetNumberOfBlocks(build->rel);

	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		bool		isnull;
		int64		next = DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> ANNOY_KEY_ITEM_BITS;

		CHECK_FOR_INTERRUPTS();
		if (leaf >= 0 && next != leaf)
			finish_leaf(writer, centres + (Size) leaf * dim);
		leaf = next;
		add_entry(writer, VARDATA_ANY(DatumGetByteaPP(slot_getattr(slot, 2, &isnull))));
	}
	finish_leaf(writer, centres + (Size) leaf * dim);
	finish_tree(writer);
	memcpy(leftmost, writer->sink.leftmost, sizeof(writer->sink.leftmost));

	AnnoyItemReaderEnd(&writer->reader);
	ExecDropSingleTupleTableSlot(slot);
}
