/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Building an index: CREATE INDEX and REINDEX.
 *
 * Load (load.c): one scan of the table writes all items.
 *
 * Then each tree is made, on its own (grow.c):
 *
 * Sample (sample.c): vectors chosen by a hash of the heap TID are read into memory.
 *
 * Skeleton (skeleton.c): the sample is divided by 2-means until the pieces would
 * fit a page each.  The pieces' means are the centres of leaves, which Lloyd steps
 * over the sample improve (lloyd.c).
 *
 * Refine (refine.c): all items are placed in the leaf whose centre is nearest, and
 * the centres become the means of what was placed there.
 *
 * Assign (assign.c): another walk over the items takes for every item the nearest of
 * the leaves that were found before, and another one for its second entry, encodes
 * the item relative to their centres and passes the entries to a sort by leaf.
 *
 * Write (write.c): leaves are written in the order of the sort.  Where more entries
 * came together than fit a page, the items are read again and divided further.  The
 * levels above are made by dividing the centres of the nodes below (levels.c).
 *
 * In most of this workers take part, see parallel.c and team.c.
 *
 * Pages are not WAL-logged as they change; once they do not any more, they are, as a
 * whole.  While the leader writes a tree, and while it measures recall, workers log
 * what is complete.
 *
 * maintenance_work_mem bounds what all participants use together, see state.h
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

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/state.h"
#include "recall/recall.h"
#include "relation/relation.h"
#include "storage/storage.h"

/* Trees that n_trees = -1 gives; see docs/measurements.md. */
#define AUTOMATIC_TREES		1

/*
 * The description of an index as it was declared, without dimensions.
 */
static AnnoyIndex *
declared_index(Relation rel, bool *seed_is_zero)
{
	int			n_trees = AnnoyOptionTrees(rel);
	int			n_entries = AnnoyOptionEntries(rel);
	AnnoyIndex	declared = {0};

	declared.metric = AnnoyIndexMetric(rel);
	AnnoyDeclareDtype(rel, &declared);
	declared.zeros_last = AnnoyZerosAreLast(rel);
	declared.n_trees = n_trees > 0 ? n_trees : AUTOMATIC_TREES;
	declared.n_entries = n_entries > 0 ? n_entries : ANNOY_AUTOMATIC_ENTRIES;
	declared.seed = AnnoyOptionSeed(rel, seed_is_zero);
	declared.attributes_size = AnnoyAttributesSize(rel);
	AnnoyChooseSignatures(rel, declared.signature_columns);
	return AnnoyMakeIndex(&declared, 0, 0, NULL);
}

/*
 * Write metapage and roots of an index that has no vectors yet: the roots
 * become nodes when the first vector comes, see AnnoySetDimensions.
 */
static void
write_empty(Relation rel, const AnnoyIndex *index, ForkNumber fork)
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

/* AnnoyCurveTeam callback. */
static void *
alloc_for_curve(Size size, void *arg)
{
	AnnoyBuild *build = arg;

	if (size > AnnoyBuildBytes(ANNOY_CURVE_MEMORY))
		return NULL;
	build->curve = AnnoyBuildAlloc(build, size);
	return AnnoyBuildAddress(build, build->curve);
}

/*
 * AnnoyCurveTeam callback: all look for the nearest of queries.  What comes then is for
 * the leader alone, so workers begin to write WAL: all is complete but the metapage.
 */
static void
run_for_curve(uint64 units, void *arg)
{
	AnnoyBuild *build = arg;

	AnnoyBuildRun(build, ANNOY_STEP_CURVE, build->curve, units);
	if (AnnoyLogsEarly(build))
		AnnoyLogBlocks(build, RelationGetNumberOfBlocks(build->rel));
}

static bool
claim_for_curve(void *arg, uint64 *unit)
{
	return AnnoyBuildClaim(arg, unit);
}

/*
 * Take part in measuring the curve.
 */
void
AnnoyStepCurve(AnnoyBuild *build, void *state)
{
	AnnoyCurveHelp(build->rel, state, claim_for_curve, build);
}

/*
 * Measure the recall curve of an index that is complete otherwise, and write it to
 * the metapage.  No page of the index has been logged yet, nor is this one: a
 * record of what changes on it would mean nothing to a standby.
 */
static void
store_curve(AnnoyBuild *build)
{
	AnnoyCurveTeam team = {
		.participants = build->participants,
		.alloc = alloc_for_curve,
		.run = run_for_curve,
		.arg = build
	};
	AnnoyCalibration calibration = {
		.vectors = build->shared->items.count,
		.progress = AnnoyBuildProgress,
		.progress_arg = build,
		.team = build->participants > 1 ? &team : NULL
	};
	Buffer		buffer;

	AnnoyCalibrate(build->rel, &calibration);
	AnnoyBuildFree(build, &build->curve);
	AnnoyWarnOfDoubt(build->rel, &calibration,
					 "Queries get the default effort. annoy_recall() tells what they find.");
	buffer = ReadBuffer(build->rel, ANNOY_METAPAGE_BLKNO);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	AnnoyPageGetMeta(BufferGetPage(buffer))->curve = calibration.curve;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * Make all trees and the metapage, from the items that have been loaded.
 */
static void
make_forest(AnnoyBuild *build)
{
	double		items = build->shared->items.count;
	MemoryContext tree_context = AllocSetContextCreate(build->context, "annoy build tree",
													   ALLOCSET_DEFAULT_SIZES);
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	AnnoyMetaPage meta = AnnoyPageGetMeta(page->data);

	for (int tree = 0; tree < build->index->n_trees; tree++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(tree_context);

		AnnoyGrowTree(build, tree);
		if (tree == 0)
		{
			/* the search space is known */
			build->index->built_items = items;
			AnnoyInitMetaPage(page->data, build->index);
		}
		/* items are complete */
		if (tree == 0 && AnnoyLogsEarly(build))
			AnnoyLogBlocks(build, build->shared->items.end);
		AnnoyFinishTree(build, meta->leftmost[tree]);
		AnnoyLogWait(build);

		MemoryContextSwitchTo(old_context);
		MemoryContextReset(tree_context);
	}
	AnnoyWriteMean(build->rel, build->index, &meta->mean, &meta->n_mean);
	AnnoyWritePages(build->rel, ANNOY_METAPAGE_BLKNO, page->data, 1);

	AnnoyBuildPhase(build, ANNOY_PHASE_CALIBRATE, items, 0);
	store_curve(build);
	AnnoyBuildPhaseDone(build, "measuring recall", items, "items");
}

/*
 * Tell the metapage of pages of NULLs and of attributes.  Only the last page of
 * either kind has room.
 */
static void
set_lists(Relation rel, const AnnoyLoadResult *loaded)
{
	Buffer		buffer = ReadBuffer(rel, ANNOY_METAPAGE_BLKNO);
	AnnoyMetaPage meta = AnnoyPageGetMeta(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (loaded->null_count > 0)
		meta->flags |= ANNOY_META_NULLS;
	/* VACUUM counts these, too */
	meta->adapt_from += loaded->null_count;
	meta->null_free = loaded->null_free;
	meta->attributes = loaded->attributes;
	meta->attributes_free = loaded->attributes;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * WAL-log what is not logged yet, the metapage last.
 */
static void
log_index(AnnoyBuild *build)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->rel);

	AnnoyBuildPhase(build, ANNOY_PHASE_LOG, 0, nblocks);
	AnnoyLogWait(build);
	AnnoyLogBlocks(build, nblocks);
	AnnoyLogWait(build);
	log_newpage_range(build->rel, MAIN_FORKNUM, 0, build->shared->items.first, true);
	AnnoyBuildPhaseDone(build, "writing WAL", nblocks, "pages");
}

/*
 * Build an index.
 */
IndexBuildResult *
annoybuild(Relation heap, Relation rel, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	PGAlignedBlock *zeroes = palloc0(sizeof(PGAlignedBlock));
	bool		seed_is_zero;
	AnnoyIndex *declared;
	AnnoyBuild *build;
	AnnoyLoadResult loaded;
	MemoryContext old_context;

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(rel));

	AnnoyCheckColumns(rel);
	declared = declared_index(rel, &seed_is_zero);
	if (seed_is_zero)
		AnnoyWarnOfSeed(RelationGetRelationName(rel));

	/* metapage and roots have their fixed places */
	for (int i = 0; i <= declared->n_trees; i++)
		AnnoyWriteNewPage(rel, zeroes->data);

	build = AnnoyBuildBegin(heap, rel, index_info, declared);
	old_context = MemoryContextSwitchTo(build->context);
	AnnoyLoadItems(build, &loaded);
	build->logged = build->shared->items.first;
	if (build->index->dim > 0)
	{
		AnnoyChooseBounds(build);
		make_forest(build);
	}
	else
		write_empty(rel, build->index, MAIN_FORKNUM);
	set_lists(rel, &loaded);
	IndexFreeSpaceMapVacuum(rel);
	if (RelationNeedsWAL(rel))
		log_index(build);
	result->heap_tuples = loaded.heap_tuples;
	result->index_tuples = build->shared->items.count + loaded.null_count;
	MemoryContextSwitchTo(old_context);
	AnnoyBuildEnd(build);
	return result;
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

	write_empty(rel, index, INIT_FORKNUM);
	log_newpage_range(rel, INIT_FORKNUM, 0,
					  RelationGetNumberOfBlocksInFork(rel, INIT_FORKNUM), true);
}
