/*-------------------------------------------------------------------------
 *
 * levels.c
 *	  The inner nodes of a tree being made, level by level.
 *
 * The centres of leaves, and of each level of inner nodes, make the level above;
 * those that do not fit into memory wait in a temporary file, and are divided in
 * runs.  Leaves come in the order of the skeleton, so that a run holds leaves that
 * are near to each other.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/levels.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "annoy.h"
#include "build/state.h"
#include "space/space.h"
#include "storage/storage.h"

/* How full, at most, divisions make inner nodes. */
#define INNER_FILL			0.9

/* The most nodes of one level that are kept in memory. */
int
AnnoyLevelMax(const AnnoyIndex *index)
{
	double		room = AnnoyBuildBytes(ANNOY_LEVEL_MEMORY) /
	(sizeof(float) * index->space_dim + sizeof(AnnoyPointer));

	return (int) Min(Max(room, 2 * index->inner.capacity), PG_INT32_MAX / 2);
}

/*
 * Add a node to a level.
 */
void
AnnoyLevelAdd(AnnoyLevel *level, int dim, const float *centre,
			  const AnnoyPointer *pointer)
{
	if (level->count == level->max)
	{
		if (level->file == NULL)
			level->file = BufFileCreateTemp(false);
		AnnoyWriteFile(level->file, level->centres, sizeof(float) * dim * level->count);
		AnnoyWriteFile(level->file, level->pointers, sizeof(AnnoyPointer) * level->count);
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

void
AnnoyLevelFree(AnnoyLevel *level)
{
	if (level->centres != NULL && !level->borrowed)
		pfree(level->centres);
	if (level->pointers != NULL)
		pfree(level->pointers);
	if (level->file != NULL)
		BufFileClose(level->file);
	memset(level, 0, sizeof(AnnoyLevel));
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
	AnnoyPointSet rows = AnnoyDividedPoints(index, level->centres);
	AnnoyPieces pieces = {.progress = AnnoyBuildProgress,.progress_arg = sink->build};
	int		   *order = palloc_extended(sizeof(int) * level->count, MCXT_ALLOC_HUGE);
	float	   *centre = palloc(sizeof(float) * dim);
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	BlockNumber root = InvalidBlockNumber;

	for (int i = 0; i < level->count; i++)
		order[i] = i;
	AnnoyPartition(&rows, order, 0, level->count,
				   is_root ? capacity : (int) (capacity * INNER_FILL), true,
				   AnnoyRandomNext(random), &pieces);
	for (int i = 0; i < pieces.count; i++)
	{
		for (int start = pieces.start[i]; start < pieces.start[i + 1]; start += capacity)
		{
			int			n = Min(pieces.start[i + 1] - start, capacity);
			AnnoyPointer pointer;
			OffsetNumber spread;

			CHECK_FOR_INTERRUPTS();
			spread = AnnoyFillNode(index, page->data, sink->build->shared->tree.number, height, level->centres,
								   order + start, n, level->pointers, centre);
			if (is_root)
				root = AnnoySinkAddRoot(sink, page->data);
			else
			{
				pointer = AnnoySinkAdd(sink, page->data, spread);
				AnnoyLevelAdd(above, dim, centre, &pointer);
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
		AnnoyLevel	above = {.max = sink->in_memory ? PG_INT32_MAX / 2 : AnnoyLevelMax(index)};
		int			last_count = level->count;
		bool		is_root = level->n_runs == 0 && level->count <= index->inner.capacity;
		BlockNumber root = InvalidBlockNumber;

		if (height >= ANNOY_MAX_LEVEL)
			elog(ERROR, "tree has too many levels");

		if (level->file != NULL)
		{
			AnnoyWriteFile(level->file, level->centres, sizeof(float) * dim * last_count);
			AnnoyWriteFile(level->file, level->pointers, sizeof(AnnoyPointer) * last_count);
			AnnoyRewindFile(level->file);
		}
		for (int run = 0; run <= level->n_runs; run++)
		{
			if (level->file != NULL)
			{
				level->count = run < level->n_runs ? level->max : last_count;
				AnnoyReadFile(level->file, level->centres, sizeof(float) * dim * level->count);
				AnnoyReadFile(level->file, level->pointers, sizeof(AnnoyPointer) * level->count);
			}
			root = make_inner_nodes(sink, level, height, is_root, random, &above);
		}
		if (!sink->in_memory)
			AnnoySinkFlush(sink, InvalidBlockNumber);
		AnnoyLevelFree(level);
		if (is_root)
			return root;
		*level = above;
	}
}
