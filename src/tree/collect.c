/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Keeping the best of many candidates.
 *
 * A search scores thousands of entries and wants a few hundred of them.
 * Putting each into a heap costs more than scoring it; so candidates below a
 * limit are appended to an array, and when that is full, the wanted number is
 * kept and the worst of those becomes the new limit.
 *
 * Both that and the sorting in the end distribute candidates over buckets by
 * their scores, which takes no branches that a processor cannot foresee.  What
 * falls into one bucket is sorted by comparisons, if its order matters.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/collect.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "storage/storage.h"
#include "tree/tree.h"

/* Buckets for few candidates, and for many. */
#define FEW_BUCKETS		32
#define MANY_BUCKETS	256
#define MANY			128

/* Candidates that there is room for, at least. */
#define MIN_ALLOCATED	1024

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

/* Give the memory of a collector back. */
void
AnnoyCollectorFree(AnnoyCollector *collector)
{
	if (collector->candidates != NULL)
		pfree(collector->candidates);
	AnnoyCollectorInit(collector);
}

/* So many candidates a collector has at most before it drops the worst. */
static inline Size
most_candidates(int keep)
{
	return 3 * (Size) keep + ANNOY_BLOCK_ENTRIES + ANNOY_MAX_ENTRIES;
}

/* The bytes that a collector which is to keep so many candidates may take. */
Size
AnnoyCollectorMemory(int keep)
{
	return 2 * sizeof(AnnoyCandidate) * Max(most_candidates(keep), MIN_ALLOCATED);
}

/*
 * Bucket of a score, which is not NaN.  Never decreases as scores increase.
 */
static inline int
bucket_of(float score, float lowest, float factor, int buckets)
{
	return Min((int) ((score - lowest) * factor), buckets - 1);
}

/*
 * Put the candidates into the order of buckets, and sort those of the buckets
 * that the array is cut in after `keep' of them; or of all up to there.  Drop
 * what is behind.
 */
static int
distribute(AnnoyCollector *collector, bool sort_all)
{
	AnnoyCandidate *a = collector->candidates;
	AnnoyCandidate *sorted = a + collector->allocated;
	int			n = 0;
	int			keep;
	int			buckets;
	int			end[MANY_BUCKETS] = {0};
	int			start = 0;
	float		lowest = INFINITY;
	float		highest = -INFINITY;
	float		factor;

	/* leave out those that came before the limit was lowered */
	for (int i = 0; i < collector->count; i++)
	{
		float		score = a[i].score;

		a[n] = a[i];
		n += score <= collector->limit;
		lowest = Min(lowest, score);
		highest = Max(highest, score);
	}
	highest = Min(highest, collector->limit);
	keep = Min(collector->keep, n);
	buckets = n < MANY ? FEW_BUCKETS : MANY_BUCKETS;
	factor = buckets / (highest - lowest);
	if (!(factor > 0 && factor < FLT_MAX))
	{
		/* all the same, nearly, or infinitely far apart */
		sort_candidates(a, n);
		collector->count = keep;
		return n;
	}

	for (int i = 0; i < n; i++)
		end[bucket_of(a[i].score, lowest, factor, buckets)]++;
	for (int i = 0; i < buckets; i++)
	{
		int			size = end[i];

		end[i] = start;
		start += size;
	}
	for (int i = 0; i < n; i++)
		sorted[end[bucket_of(a[i].score, lowest, factor, buckets)]++] = a[i];

	start = 0;
	for (int i = 0; start < keep; start = end[i++])
	{
		if (end[i] - start > 1 && (sort_all || end[i] > keep))
			sort_candidates(sorted + start, end[i] - start);
	}
	memcpy(a, sorted, sizeof(AnnoyCandidate) * keep);
	collector->count = keep;
	return n;
}

/*
 * Keep the best candidates, if there are many more than these; the next must be better
 * than the worst of them.
 */
static void
prune(AnnoyCollector *collector)
{
	if (collector->keep >= PG_INT32_MAX / 4 ||
		collector->count <= 3 * collector->keep + ANNOY_BLOCK_ENTRIES)
		return;

	if (distribute(collector, false) <= collector->keep)
		return;
	collector->limit = collector->candidates[0].score;
	for (int i = 1; i < collector->count; i++)
		collector->limit = Max(collector->limit, collector->candidates[i].score);
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
	if (collector->keep < PG_INT32_MAX / 4)
		wanted = Min(wanted, (int) most_candidates(collector->keep));
	wanted = Max(wanted, MIN_ALLOCATED);
	Assert(wanted >= collector->count + n);
	if (collector->candidates == NULL)
		collector->candidates =
			MemoryContextAllocHuge(CurrentMemoryContext,
								   sizeof(AnnoyCandidate) * 2 * (Size) wanted);
	else
		collector->candidates =
			repalloc_huge(collector->candidates,
						  sizeof(AnnoyCandidate) * 2 * (Size) wanted);
	collector->allocated = wanted;
}

/*
 * Add a candidate, whatever its score.  One that has NaN comes last: no order
 * and no bucket is known for it otherwise.
 */
void
AnnoyCollectorAdd(AnnoyCollector *collector, const AnnoyCandidate *candidate)
{
	AnnoyCandidate *added;

	reserve(collector, 1);
	added = &collector->candidates[collector->count++];
	*added = *candidate;
	if (isnan(added->score))
		added->score = INFINITY;
}

/*
 * Add entries of a node, as found by AnnoyNodeScore with the collector's
 * limit.  So none has NaN for a score, whatever the node's page says.
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
		candidate->pointer = AnnoyNodePointer(index, node, hits[i]);
	}
	collector->count += nhits;
	prune(collector);
}

/*
 * From now on, keep that many candidates, which must not be more than before: what was
 * dropped is lost.
 */
void
AnnoyCollectorKeep(AnnoyCollector *collector, int keep)
{
	Assert(keep > 0 && keep <= collector->keep);

	collector->keep = keep;
	prune(collector);
}

/*
 * Drop what is too much, and sort the rest.
 */
void
AnnoyCollectorFinish(AnnoyCollector *collector)
{
	int			wanted = distribute(collector, true);

	if (wanted > collector->count)
		collector->limit = collector->candidates[collector->count - 1].score;
}

/*
 * Drop candidates that another collector has as well.  Both have been finished.
 */
void
AnnoyCollectorSubtract(AnnoyCollector *collector, const AnnoyCollector *other)
{
	AnnoyCandidate *a = collector->candidates;
	const AnnoyCandidate *b = other->candidates;
	int			n = 0;
	int			j = 0;

	if (other->count == 0)
		return;
	for (int i = 0; i < collector->count; i++)
	{
		while (j < other->count && candidate_less(&b[j], &a[i]))
			j++;
		if (j == other->count || candidate_less(&a[i], &b[j]))
			a[n++] = a[i];
	}
	collector->count = n;
}
