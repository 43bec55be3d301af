/*-------------------------------------------------------------------------
 *
 * trial.c
 *	  Does an index find what is there?  Searches for a few queries, whose
 *	  nearest items are known from a look at every one of them.
 *
 * Nothing here believes the codes but the searches, which do what scans do.  It is
 * how annoy_calibrate() learns that an index does not keep what its recall curve
 * promises.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/trial.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "recall/calibrate.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "type/type.h"

/* By how much more candidates are kept, if those of a search did not do. */
#define KEEP_GROWTH		4

/*
 * Look at the candidates of a search as a scan does, until those that are found
 * are sure to be the nearest there.  Returns false if that would take candidates
 * that were not kept.
 */
static bool
look_at_candidates(AnnoySearch *search, AnnoyItemReader *reader,
				   const AnnoyAsked *asked, AnnoyDistances *nearest)
{
	const AnnoyCollector *items = &search->items;
	bool		bounds = search->index->metric != ANNOY_L1;

	nearest->count = 0;
	for (int i = 0; i < items->count; i++)
	{
		const AnnoyPointer *pointer = &items->candidates[i].pointer;
		AnnoyItem	item;

		if (bounds && AnnoyDistancesAreFull(nearest) &&
			AnnoySearchScore(search, nearest->heap[0]) <= items->candidates[i].score)
			return true;
		if (AnnoyAskedIs(asked, pointer))
			continue;
		AnnoyVacuumDelay();
		AnnoyItemFetch(reader, AnnoyItemPin(reader, pointer), pointer, &item);
		if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE && item.vector.data != NULL)
			AnnoyDistancesAdd(nearest, AnnoyItemDistance(search->index, &item.vector,
														 &asked->vector));
		AnnoyItemRelease(reader);
	}
	return !bounds || items->limit == INFINITY ||
		(AnnoyDistancesAreFull(nearest) &&
		 AnnoySearchScore(search, nearest->heap[0]) <= items->limit);
}

/*
 * Which part of a query's nearest items does a search with that effort find?  There
 * is at least one.
 */
double
AnnoyTrialRecall(Relation rel, const AnnoyIndex *index, const AnnoyAsked *asked,
				 double effort)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy trial",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	AnnoySearch *search = AnnoySearchInit(rel, index, &asked->vector,
										  ANNOY_DEFAULT_EPSILON);
	AnnoyRound	round = {.effort = effort,
	.keep = AnnoySearchKeep(index->metric, index->n_entries, effort, ANNOY_TRIAL_ROWS)};
	AnnoyDistances nearest;
	int			wanted = asked->nearest.count;
	int			found = 0;
	AnnoyVectorSource *source;
	AnnoyItemReader reader;

	Assert(wanted > 0);

	AnnoyDistancesInit(&nearest, ANNOY_TRIAL_ROWS);
	source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReaderInit(&reader, rel, index, source, NULL);
	for (;;)
	{
		AnnoySearchForest(search, &round);
		if (look_at_candidates(search, &reader, asked, &nearest) ||
			round.keep > PG_INT32_MAX / 8 / KEEP_GROWTH)
			break;
		round.keep *= KEEP_GROWTH;
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);
	for (int i = 0; i < nearest.count; i++)
		found += nearest.heap[i] <= asked->nearest.heap[0];
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (double) Min(found, wanted) / wanted;
}
