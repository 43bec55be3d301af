/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Keeping the best of many candidates.
 *
 * A search scores thousands of entries and wants a few hundred of them.
 * Putting each into a heap costs more than scoring it; so candidates below a
 * limit are appended to an array, and when that is full, quickselect keeps the
 * wanted number and the worst of those becomes the new limit.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/collect.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "annoy.h"

/*
 * Order of candidates: by score, then by pointer to make it total.
 */
static inline bool
candidate_less(const AnnoyCandidate *a, const AnnoyCandidate *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return ItemPointerCompare((ItemPointer) &a->pointer,
							  (ItemPointer) &b->pointer) < 0;
}

#define ST_SORT sort_candidates
#define ST_ELEMENT_TYPE AnnoyCandidate
#define ST_COMPARE(a, b) (candidate_less(a, b) ? -1 : candidate_less(b, a) ? 1 : 0)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Allocate a collector in the current memory context.
 */
void
AnnoyCollectorInit(AnnoyCollector *collector)
{
	collector->candidates = NULL;
	collector->allocated = 0;
	AnnoyCollectorReset(collector, 1);
}

/*
 * Empty a collector that is to keep that many candidates.  keep = INT_MAX
 * keeps all.
 */
void
AnnoyCollectorReset(AnnoyCollector *collector, int keep)
{
	Assert(keep > 0);
	collector->count = 0;
	collector->keep = keep;
	collector->limit = INFINITY;
}

/*
 * Quickselect: move the `keep' best candidates to the front, drop the rest.
 */
static void
prune(AnnoyCollector *collector)
{
	AnnoyCandidate *a = collector->candidates;
	int			left = 0;
	int			right = collector->count - 1;
	int			k = collector->keep;

	Assert(collector->count > k);

	while (left < right)
	{
		float		pivot = a[left + (right - left) / 2].score;
		int			i = left;
		int			j = right;

		while (i <= j)
		{
			while (a[i].score < pivot)
				i++;
			while (a[j].score > pivot)
				j--;
			if (i <= j)
			{
				AnnoyCandidate swap = a[i];

				a[i++] = a[j];
				a[j--] = swap;
			}
		}
		if (k <= j)
			right = j;
		else if (k >= i)
			left = i;
		else
			break;
	}

	collector->count = k;
	collector->limit = a[0].score;
	for (int i = 1; i < k; i++)
		collector->limit = Max(collector->limit, a[i].score);
}

/*
 * Make room for n more candidates.
 */
static void
reserve(AnnoyCollector *collector, int n)
{
	int			wanted = collector->count + n;

	if (wanted <= collector->allocated)
		return;
	wanted = Max(wanted, 2 * collector->allocated);
	wanted = Max(wanted, 1024);
	if (collector->candidates == NULL)
		collector->candidates =
			MemoryContextAllocHuge(CurrentMemoryContext,
								   sizeof(AnnoyCandidate) * wanted);
	else
		collector->candidates =
			repalloc_huge(collector->candidates,
						  sizeof(AnnoyCandidate) * (Size) wanted);
	collector->allocated = wanted;
}

/*
 * Add a candidate, whatever its score.
 */
void
AnnoyCollectorAdd(AnnoyCollector *collector, const AnnoyCandidate *candidate)
{
	reserve(collector, 1);
	collector->candidates[collector->count++] = *candidate;
}

/*
 * Add entries of a node, as found by AnnoyNodeScore with the collector's
 * limit.
 */
void
AnnoyCollect(AnnoyCollector *collector, const AnnoyIndex *index,
			 AnnoyNode node, int nhits, const uint16 *hits,
			 const float *scores)
{
	AnnoyCandidate *candidate;

	reserve(collector, nhits);
	candidate = collector->candidates + collector->count;
	for (int i = 0; i < nhits; i++, candidate++)
	{
		candidate->score = scores[i];
		candidate->nsn = node->child_nsn;
		candidate->pointer = *AnnoyNodePointer(index, node, hits[i]);
	}
	collector->count += nhits;

	if (collector->keep < PG_INT32_MAX / 4 &&
		collector->count > 3 * collector->keep + ANNOY_BLOCK_ENTRIES)
		prune(collector);
}

/*
 * Drop what is too much, and sort the rest.
 */
void
AnnoyCollectorFinish(AnnoyCollector *collector)
{
	if (collector->count > collector->keep)
		prune(collector);
	if (collector->count > 1)
		sort_candidates(collector->candidates, collector->count);
}
