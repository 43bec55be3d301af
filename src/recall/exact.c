/*-------------------------------------------------------------------------
 *
 * exact.c
 *	  The right answers to queries: the distances of the nearest items, from a
 *	  look at every one of them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/exact.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "recall/exact.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/* A walk over all items. */
typedef struct ExactWalk
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyAsked *asked;
	int			n;
	AnnoyItemCounts counts;
	void	   *arg;
} ExactWalk;

/*
 * Prepare to keep that many distances, in the current memory context.
 */
void
AnnoyDistancesInit(AnnoyDistances *nearest, int wanted)
{
	nearest->wanted = wanted;
	nearest->count = 0;
	nearest->heap = palloc(sizeof(double) * wanted);
}

/*
 * Add a distance, or replace the farthest by it, if it is one of the nearest.
 */
void
AnnoyDistancesAdd(AnnoyDistances *nearest, double distance)
{
	double	   *heap = nearest->heap;
	int			i = 0;

	if (nearest->count < nearest->wanted)
	{
		for (i = nearest->count++; i > 0 && heap[(i - 1) / 2] < distance; i = (i - 1) / 2)
			heap[i] = heap[(i - 1) / 2];
	}
	else if (distance < heap[0])
	{
		for (;;)
		{
			int			child = 2 * i + 1;

			if (child + 1 < nearest->count && heap[child + 1] > heap[child])
				child++;
			if (child >= nearest->count || heap[child] <= distance)
				break;
			heap[i] = heap[child];
			i = child;
		}
	}
	else
		return;
	heap[i] = distance;
}

/* AnnoyItemWalk callback: compare an item with all queries. */
static void
compare_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	ExactWalk  *walk = arg;
	bool		known_to_count = walk->counts == NULL;

	if (AnnoySlotState(item) != ANNOY_SLOT_LIVE || item->vector.data == NULL)
		return;
	for (int i = 0; i < walk->n; i++)
	{
		AnnoyAsked *asked = &walk->asked[i];
		double		distance;

		if (AnnoyAskedIs(asked, pointer))
			continue;
		distance = AnnoyItemDistance(walk->index, &item->vector, &asked->vector);
		if (unlikely(isnan(distance)))
			AnnoyCheckVector(walk->rel, pointer, &item->vector);
		if (AnnoyDistancesAreFull(&asked->nearest) && distance >= asked->nearest.heap[0])
			continue;
		if (!known_to_count && !walk->counts(item, walk->arg))
			return;
		known_to_count = true;
		AnnoyDistancesAdd(&asked->nearest, distance);
	}
}

/*
 * Find the nearest of the items that count, or of all, by a walk over them.
 */
void
AnnoyFindAnswers(Relation rel, const AnnoyIndex *index, AnnoyAsked *asked, int n,
				 AnnoyItemCounts counts, void *arg)
{
	ExactWalk	walk = {rel, index, asked, n, counts, arg};
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	AnnoyVectorSource *source = AnnoySourceOpen(rel, index, NULL);

	AnnoyItemWalk(rel, index, source, strategy, compare_item, &walk);
	AnnoySourceClose(source);
	FreeAccessStrategy(strategy);
}
