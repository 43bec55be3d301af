/*-------------------------------------------------------------------------
 *
 * grow.c
 *	  A tree of an index being built: its steps, one after the other.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/grow.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "annoy.h"
#include "build/state.h"

/*
 * Make a tree up to the entries of its leaves, which are not sorted yet.  It is the
 * tree at work then.
 */
void
AnnoyGrowTree(AnnoyBuild *build, int number)
{
	AnnoySharedTree *tree = &build->shared->tree;

	tree->number = number;
	AnnoyTakeSample(build);
	AnnoyMakeSkeleton(build);
	AnnoyRefineSkeleton(build);
	AnnoyAssignItems(build);
	AnnoyBuildFree(build, &tree->candidates);
	tree->n_kept = 0;
}

/*
 * Write the tree at work, and free what was kept of it.
 */
void
AnnoyFinishTree(AnnoyBuild *build, BlockNumber *leftmost)
{
	AnnoyShared *shared = build->shared;
	AnnoySharedTree *tree = &shared->tree;
	AnnoyTreeStats stats = {0};
	AnnoyEntries entries;

	AnnoySortEntries(build, &entries);
	AnnoyBuildPhase(build, ANNOY_PHASE_WRITE,
					shared->items.count * AnnoyItemEntries(build), 0);
	AnnoyWriteTree(build, &entries, leftmost, &stats);
	AnnoyEndEntries(build, &entries);
	AnnoyBuildPhaseDone(build, "writing a tree", stats.leaves + stats.inner, "pages");

	AnnoyFreeSample(build);
	AnnoyBuildFree(build, &tree->inner);
	AnnoyBuildFree(build, &tree->centres);

	if (annoy_verbose >= 2)
		ereport(INFO,
				(errmsg("index \"%s\": tree %d has height %d, %.0f leaves with %.1f entries each, and %.0f inner nodes",
						RelationGetRelationName(build->rel), tree->number + 1,
						stats.height, stats.leaves,
						stats.entries / stats.leaves, stats.inner),
				 errdetail("Of %d leaves assigned to, %.0f were divided further.",
						   tree->n_leaves, stats.divided)));
}
