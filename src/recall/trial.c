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

#include "recall/recall.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "type/type.h"

/* By how much more candidates are kept, if those of a search did not do. */
#define KEEP_GROWTH		4

typedef struct TrialState
{
	const AnnoyIndex *index;
	AnnoyTrial *trials;
	int			n;
} TrialState;

/*
 * Add a distance to those of the nearest, if it is one of them: they are in order,
 * and *count is their number.
 */
static void
add_nearest(double *nearest, int *count, double distance)
{
	int			i;

	if (!isfinite(distance) ||
		(*count == ANNOY_TRIAL_ROWS && distance >= nearest[*count - 1]))
		return;
	if (*count < ANNOY_TRIAL_ROWS)
		(*count)++;
	for (i = *count - 1; i > 0 && nearest[i - 1] > distance; i--)
		nearest[i] = nearest[i - 1];
	nearest[i] = distance;
}

static inline bool
is_live(const AnnoyItem *item)
{
	return AnnoySlotState(item) == ANNOY_SLOT_LIVE && item->vector.data != NULL;
}

/* Is a pointer that of an item, which may be that of none? */
static inline bool
is_self(const AnnoyTrial *trial, const AnnoyPointer *pointer)
{
	return ItemPointerIsValid(&trial->self) &&
		ItemPointerEquals(unconstify(AnnoyPointer *, &trial->self),
						  unconstify(AnnoyPointer *, pointer));
}

/* AnnoyItemWalk callback: compare an item with all queries. */
static void
compare_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	TrialState *state = arg;

	if (!is_live(item))
		return;
	for (int i = 0; i < state->n; i++)
	{
		AnnoyTrial *trial = &state->trials[i];

		if (!is_self(trial, pointer))
			add_nearest(trial->nearest, &trial->count,
						AnnoyStoredDistance(state->index->metric, &item->vector,
											&trial->vector));
	}
}

/*
 * Find the nearest items of some queries, by a walk over all items.
 */
void
AnnoyTrialAnswers(Relation rel, const AnnoyIndex *index, AnnoyTrial *trials, int n)
{
	TrialState	state = {.index = index,.trials = trials,.n = n};
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);

	AnnoyItemWalk(rel, index, strategy, compare_item, &state);
	FreeAccessStrategy(strategy);
}

/*
 * Look at the candidates of a search as a scan does, until those that are found
 * are sure to be the nearest there.  Returns false if that would take candidates
 * that were not kept.
 */
static bool
look_at_candidates(AnnoySearch *search, AnnoyItemReader *reader,
				   const AnnoyTrial *trial, double *nearest, int *count)
{
	const AnnoyCollector *items = &search->items;
	bool		bounds = search->index->metric != ANNOY_L1;

	*count = 0;
	for (int i = 0; i < items->count; i++)
	{
		const AnnoyPointer *pointer = &items->candidates[i].pointer;
		AnnoyItem	item;

		if (bounds && *count == ANNOY_TRIAL_ROWS &&
			AnnoySearchScore(search, nearest[*count - 1]) <= items->candidates[i].score)
			return true;
		if (is_self(trial, pointer))
			continue;
		AnnoyVacuumDelay();
		AnnoyItemFetch(reader, AnnoyItemPin(reader, pointer), pointer, &item);
		if (is_live(&item))
			add_nearest(nearest, count,
						AnnoyStoredDistance(search->index->metric, &item.vector, &trial->vector));
		AnnoyItemRelease(reader);
	}
	return !bounds || items->limit == INFINITY ||
		(*count == ANNOY_TRIAL_ROWS &&
		 AnnoySearchScore(search, nearest[*count - 1]) <= items->limit);
}

/*
 * Which part of a query's nearest items does a search with that effort find?  There
 * is at least one.
 */
double
AnnoyTrialRecall(Relation rel, const AnnoyIndex *index, const AnnoyTrial *trial,
				 double effort)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy trial",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	AnnoySearch *search = AnnoySearchInit(rel, index, &trial->vector,
										  ANNOY_DEFAULT_EPSILON);
	int			keep = AnnoySearchKeep(index->metric, effort, ANNOY_TRIAL_ROWS);
	double		nearest[ANNOY_TRIAL_ROWS];
	int			count;
	int			found = 0;
	AnnoyItemReader reader;

	Assert(trial->count > 0);

	AnnoyItemReaderInit(&reader, rel, index, NULL);
	for (;;)
	{
		AnnoySearchForest(search, effort, keep);
		if (look_at_candidates(search, &reader, trial, nearest, &count) ||
			keep > PG_INT32_MAX / 8 / KEEP_GROWTH)
			break;
		keep *= KEEP_GROWTH;
	}
	AnnoyItemReaderEnd(&reader);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);

	for (int i = 0; i < count; i++)
		found += nearest[i] <= trial->nearest[trial->count - 1];
	return (double) Min(found, trial->count) / trial->count;
}
