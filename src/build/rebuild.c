/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  Making the trees of an index in use anew, in another search space.
 *
 * This is done for VACUUM (respace.c), from the items of the index, by the steps of
 * a build, and by one process.
 *
 * Meanwhile the old trees are searched, and get entries of new items.  At first the
 * new ones are made up to the entries of leaves, which wait in a sort for each tree.
 * When the index is locked, items that have come meanwhile are assigned as well;
 * nodes are written to new pages; then one WAL record has the new roots take the
 * places of the old ones.  Until then a crash, or an error, leaves the old trees as
 * they were, and some pages that are not part of a tree, which the next VACUUM
 * frees (free.c), as it does the old nodes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/rebuild.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "annoy.h"
#include "build/state.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* A tree that is to be written. */
typedef struct NewTree
{
	AnnoySharedTree tree;
	Tuplesortstate *sort;
	AnnoyBits	included;
} NewTree;

struct AnnoyRebuild
{
	AnnoyBuild *build;
	AnnoyInPlace in_place;
	NewTree    *trees;
};

/*
 * Make the trees of an index anew, but for writing them.  What is returned has its
 * memory below the current context, and is to be finished or cancelled.
 */
AnnoyRebuild *
AnnoyRebuildBegin(Relation rel, const AnnoyIndex *index)
{
	AnnoyBuild *build = AnnoyBuildBegin(NULL, rel, NULL, index);
	AnnoyShared *shared = build->shared;
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	AnnoyRebuild *rebuild = palloc0(sizeof(AnnoyRebuild));
	AnnoyInPlace *in_place = &rebuild->in_place;

	rebuild->build = build;
	rebuild->trees = palloc0(sizeof(NewTree) * index->n_trees);
	in_place->roots = palloc0((Size) index->n_trees * BLCKSZ);
	build->in_place = in_place;

	shared->index.generation = index->generation + 1;
	shared->index.dim = index->dim;
	memcpy(shared->index.mean, index->mean, sizeof(float) * index->dim);
	shared->index.version++;
	AnnoyBuildSyncIndex(build);
	shared->items.count = Max(AnnoyCountVectors(rel, index), 1);
	shared->items.first = AnnoyRootBlock(index->n_trees);
	shared->items.end = RelationGetNumberOfBlocks(rel);
	AnnoyChooseBounds(build);

	for (int i = 0; i < index->n_trees; i++)
	{
		NewTree    *tree = &rebuild->trees[i];

		AnnoyGrowTree(build, i);
		tree->tree = shared->tree;
		tree->sort = build->sort;
		tree->included = in_place->included;
		memset(&shared->tree, 0, sizeof(AnnoySharedTree));
		memset(&in_place->included, 0, sizeof(AnnoyBits));
	}
	MemoryContextSwitchTo(old_context);
	return rebuild;
}

/*
 * Write the trees that have been made, with the items that have come meanwhile,
 * and put them in the place of the old ones.  The caller has an AccessExclusiveLock
 * on the index, and says how many items there are.
 */
void
AnnoyRebuildFinish(AnnoyRebuild *rebuild, double items)
{
	AnnoyBuild *build = rebuild->build;
	AnnoyShared *shared = build->shared;
	AnnoyInPlace *in_place = build->in_place;
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	MemoryContext tree_context = AllocSetContextCreate(build->context, "annoy build tree",
													   ALLOCSET_DEFAULT_SIZES);
	BlockNumber (*leftmost)[ANNOY_MAX_LEVEL] =
	palloc(sizeof(BlockNumber) * ANNOY_MAX_LEVEL * build->index->n_trees);

	in_place->locked = true;
	shared->items.end = RelationGetNumberOfBlocks(build->rel);
	(void) AnnoyMarkOldNodes(build->rel, true);
	for (int i = 0; i < build->index->n_trees; i++)
	{
		NewTree    *tree = &rebuild->trees[i];

		shared->tree = tree->tree;
		build->sort = tree->sort;
		in_place->included = tree->included;
		MemoryContextSwitchTo(tree_context);
		AnnoyAssignMore(build);
		AnnoyFinishTree(build, leftmost[i]);
		MemoryContextSwitchTo(build->context);
		MemoryContextReset(tree_context);
	}
	build->index->grown_from = items;
	AnnoyReplaceTrees(build->rel, build->index, leftmost, in_place->roots);
	MemoryContextSwitchTo(old_context);
	AnnoyBuildEnd(build);
}

/*
 * Forget the trees that have been made.
 */
void
AnnoyRebuildCancel(AnnoyRebuild *rebuild)
{
	AnnoyBuild *build = rebuild->build;

	for (int i = 0; i < build->index->n_trees; i++)
		tuplesort_end(rebuild->trees[i].sort);
	AnnoyBuildEnd(build);
}
