/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  Scans of partitions whose rows are merged.
 *
 * For the nearest rows of a partitioned table, the executor scans all partitions and
 * merges their rows.  It asks each scan for one row, and then the one for more whose
 * row was the nearest.  So each partition is searched, and in most of them for nothing:
 * what is near is in others.  When a scan begins, those before it have been searched.
 * It learns from the one before, and so from all of these, how far the nearest rows
 * are, and its round ends as soon as none of its own will be nearer.
 *
 * What it learns are estimates, and some of the rows may be invisible.  When the
 * executor comes back for more although the row it got was farther than all of these
 * should be, the scan forgets what it has learnt, and searches as if it was alone.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/merge.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "nodes/execnodes.h"

#include "scan/state.h"

/* The scan below a node that merges, or NULL if it is none of ours. */
static IndexScanDesc
merged_scan(PlanState *node)
{
	IndexScanDesc scan;

	if (!IsA(node, IndexScanState))
		return NULL;
	scan = ((IndexScanState *) node)->iss_ScanDesc;
	if (scan == NULL || scan->indexRelation->rd_indam->amgettuple != annoygettuple)
		return NULL;
	return scan;
}

/*
 * Is a scan for the same query and nothing else, and has its search found anything?  So
 * far one row of each scan has been asked for: if more were taken, some of them are not
 * visible, and others may not be.
 */
static bool
tells_of(const AnnoyScanState *other, const AnnoyScanState *state)
{
	const AnnoySearch *search = other->search;

	return search != NULL && !other->task.tests && !other->task.demand.filtered &&
		!other->ends && !other->retest && other->returned <= 1 &&
		(search->has_others || isfinite(AnnoyBestTenth(&search->best))) &&
		search->index->metric == state->search->index->metric &&
		AnnoySameVector(&other->query, &state->query);
}

/*
 * Before the first round of a scan, which has a search: learn from the last scan before
 * it in the merge that it is a part of, if there is one.
 */
void
AnnoyMergeLearn(IndexScanDesc scan)
{
	AnnoyScanState *state = scan->opaque;
	const MergeAppendState *merge = state->task.demand.merge;
	const AnnoyEfforts *efforts = &state->task.efforts;
	AnnoyMetric metric = state->search->index->metric;
	const AnnoyScanState *before = NULL;

	if (merge == NULL || state->task.tests || state->ends || state->retest ||
		!AnnoyWantsFew(&state->task) || metric == ANNOY_IP ||
		(efforts->done == 0 && !(efforts->guessed && state->search->index->n_trees == 1)))
		return;
	for (int i = 0; i < merge->ms_nplans; i++)
	{
		IndexScanDesc other = merged_scan(merge->mergeplans[i]);

		if (other == scan)
			break;
		if (other != NULL && tells_of(other->opaque, state))
			before = other->opaque;
	}
	if (before != NULL)
		state->task.learns = AnnoySearchLearn(state->search, before->search);
}

/*
 * Has what was learnt turned out to be wrong?  Then forget it, and let the next round be
 * the first one.
 */
void
AnnoyMergeDoubt(AnnoyScanState *state)
{
	AnnoySearch *search = state->search;

	if (!state->task.learns || state->returned == 0 ||
		(search->has_others &&
		 AnnoySearchScore(search, state->last_distance) <=
		 AnnoyBestTenth(&search->others) + search->others_margin))
		return;
	search->has_others = false;
	state->task.learns = false;
	memset(&state->round, 0, sizeof(AnnoyRound));
}
