/*-------------------------------------------------------------------------
 *
 * nearest.c
 *	  The items nearest to queries, by their codes.
 *
 * One walk over the leaves of a tree scores all codes of a leaf for all queries.
 * What a short search finds for a query tells how near an entry has to be to count,
 * so of most leaves nothing does.  Then the exact distances of each query's nearest by
 * estimate are computed, item by item in the order of their pages: each is read once
 * for all queries that it is near to.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/nearest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "recall/calibrate.h"
#include "recall/leaves.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Items kept by estimate, beyond the rows asked for: a part of these, and so many. */
#define KEEP_PART		8
#define KEEP_MORE		60

/* A short search scans so many times the entries that are kept. */
#define SHORT_SEARCH	2

/*
 * Tell the task's owner of work to be done, and of work that is.
 */
void
AnnoyReportMeasured(const AnnoyMeasurement *measurement, uint64 more, uint64 done)
{
	if (measurement->task->progress != NULL)
		measurement->task->progress(more, done, measurement->task->progress_arg);
}

/*
 * Neighbours by estimate of which the exact distance is computed, as entries.
 * Scores say less about manhattan distances.
 */
static int
neighbours_kept(const AnnoyIndex *index, int rows)
{
	int			keep = index->n_entries * (rows + rows / KEEP_PART + KEEP_MORE);

	return index->metric == ANNOY_L1 ? 8 * keep : keep;
}

/*
 * Prepare to collect the entries nearest to a query.  If leaves are known, no
 * search will be made for it, and as many entries as are to be kept are not farther
 * than the limit.
 */
static void
begin_query(const AnnoyMeasurement *measurement, AnnoySampleQuery *query)
{
	const AnnoyIndex *index = measurement->index;
	int			keep = neighbours_kept(index, AnnoyCurveRows(query->rank));
	bool		known = measurement->leaves != NULL;
	float		limit = INFINITY;

	query->search = AnnoySearchInit(measurement->rel, index, &query->vector,
									known ? 0 : ANNOY_DEFAULT_EPSILON);
	if (known)
	{
		AnnoySearchForest(query->search, SHORT_SEARCH * keep, 0, 0, keep);
		limit = nextafterf(query->search->items.limit, INFINITY);
		AnnoySearchForget(query->search);
	}
	AnnoyCollectorReset(&query->search->items, keep);
	query->search->items.limit = limit;
}

/*
 * Drop a query's own entries from those collected; and what is too much of these, if
 * there was no limit in the beginning.
 */
static void
end_query(const AnnoyMeasurement *measurement, const AnnoySampleQuery *query)
{
	AnnoyCollector *nearest = &query->search->items;
	int			count = 0;

	if (measurement->leaves == NULL)
		AnnoyCollectorFinish(nearest);
	for (int i = 0; i < nearest->count; i++)
	{
		if (AnnoyPointerKey(&nearest->candidates[i].pointer) != AnnoyPointerKey(&query->self))
			nearest->candidates[count++] = nearest->candidates[i];
	}
	nearest->count = count;
}

/*
 * Estimate the distances of all items from all queries, and keep the nearest but
 * themselves: they are in no order, and may be up to three times as many as are
 * needed.  Count items and entries, and note leaves.
 */
void
AnnoyFindNearest(AnnoyMeasurement *measurement)
{
	Relation	rel = measurement->rel;
	const AnnoyIndex *index = measurement->index;
	AnnoyWalk	walk;
	AnnoyNode	node;

	for (int i = 0; i < measurement->nqueries; i++)
		begin_query(measurement, &measurement->queries[i]);
	measurement->items = 0;
	AnnoyWalkBegin(&walk, rel, index, 0, 0);
	while ((node = AnnoyWalkNext(&walk)) != NULL)
	{
		int			nitems = 0;

		if (measurement->leaves != NULL)
			AnnoyLeavesNote(measurement->leaves, walk.block, node);

		/* candidates get this from the node: let it tell their leaf */
		node->child_nsn = walk.block;
		for (int i = 0; i < measurement->nqueries; i++)
			AnnoySearchEstimate(measurement->queries[i].search, node);
		for (int i = 0; i < node->count; i++)
			nitems += (AnnoyNodeEntryFlags(index, node, i) & ANNOY_ENTRY_SECOND) == 0;
		measurement->items += nitems;
		measurement->entries += node->count;
		AnnoyReportMeasured(measurement, 0, nitems);
	}
	for (int i = 0; i < measurement->nqueries; i++)
		end_query(measurement, &measurement->queries[i]);
}

/* How neighbours are put in order of their items, nearly. */
typedef struct Buckets
{
	const AnnoyIndex *index;
	uint64		slots;			/* there may be in the index */
	int			count;
	int		   *end;			/* of each bucket, as far as it is filled */
} Buckets;

/* The bucket of an item: it has no other item in it, if there are buckets enough. */
static inline int
bucket_of(const Buckets *buckets, const AnnoyPointer *pointer)
{
	uint64		slot = (uint64) ItemPointerGetBlockNumberNoCheck(pointer) * buckets->index->group_slots +
		ItemPointerGetOffsetNumberNoCheck(pointer) - FirstOffsetNumber;

	return (double) Min(slot, buckets->slots - 1) / buckets->slots * buckets->count;
}

/*
 * Prepare buckets for the nearest of all queries.  Returns how many these are.
 */
static int
make_buckets(const AnnoyMeasurement *measurement, Buckets *buckets)
{
	int			total = 0;
	int			start = 0;

	for (int i = 0; i < measurement->nqueries; i++)
		total += measurement->queries[i].search->items.count;
	buckets->index = measurement->index;
	buckets->slots = (uint64) RelationGetNumberOfBlocks(measurement->rel) *
		measurement->index->group_slots;
	buckets->count = Max(Min(total, buckets->slots), 1);
	buckets->end = MemoryContextAllocExtended(CurrentMemoryContext,
											  sizeof(int) * (Size) buckets->count,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < measurement->nqueries; i++)
	{
		const AnnoyCollector *nearest = &measurement->queries[i].search->items;

		for (int j = 0; j < nearest->count; j++)
			buckets->end[bucket_of(buckets, &nearest->candidates[j].pointer)]++;
	}
	for (int i = 0; i < buckets->count; i++)
	{
		int			size = buckets->end[i];

		buckets->end[i] = start;
		start += size;
	}
	return total;
}

/* Put the nearest of all queries into buckets, in the order of queries. */
static void
fill_buckets(const AnnoyMeasurement *measurement, Buckets *buckets, AnnoyNeighbour *sorted)
{
	for (int i = 0; i < measurement->nqueries; i++)
	{
		const AnnoyCollector *nearest = &measurement->queries[i].search->items;

		for (int j = 0; j < nearest->count; j++)
		{
			const AnnoyCandidate *candidate = &nearest->candidates[j];
			int			place = buckets->end[bucket_of(buckets, &candidate->pointer)]++;

			sorted[place].pointer = candidate->pointer;
			sorted[place].query = i;
			sorted[place].leaves[0] = candidate->nsn;
			sorted[place].leaves[1] = InvalidBlockNumber;
		}
	}
}

static inline bool
is_same_item(const AnnoyNeighbour *a, const AnnoyNeighbour *b)
{
	return AnnoyPointerKey(&a->pointer) == AnnoyPointerKey(&b->pointer);
}

/*
 * Has the query met the item before in the bucket that begins there?  Then it has
 * two entries, of which one is kept.
 */
static bool
is_second(AnnoyNeighbour *first, AnnoyNeighbour *neighbour)
{
	for (AnnoyNeighbour *other = neighbour; other > first && other[-1].query == neighbour->query;)
	{
		other--;
		if (is_same_item(other, neighbour))
		{
			other->leaves[1] = neighbour->leaves[0];
			return true;
		}
	}
	return false;
}

/*
 * Compute the distances of a bucket's neighbours from their queries.  Those that
 * count come first then; returns their number.
 */
static int
measure_bucket(const AnnoyMeasurement *measurement, AnnoyItemReader *reader,
			   AnnoyNeighbour *first, int count)
{
	int			kept = 0;
	AnnoyPointer fetched;
	AnnoyItem	item;

	ItemPointerSetInvalid(&fetched);
	for (int i = 0; i < count; i++)
	{
		AnnoyNeighbour *neighbour = &first[kept];

		*neighbour = first[i];
		if (is_second(first, neighbour))
			continue;
		if (AnnoyPointerKey(&fetched) != AnnoyPointerKey(&neighbour->pointer))
		{
			if (ItemPointerIsValid(&fetched))
				AnnoyItemRelease(reader);
			AnnoyVacuumDelay();
			fetched = neighbour->pointer;
			AnnoyItemFetch(reader, AnnoyItemPin(reader, &fetched), &fetched, &item);
		}
		if (AnnoySlotState(&item) != ANNOY_SLOT_LIVE || item.vector.data == NULL)
			continue;
		neighbour->distance =
			AnnoyStoredDistance(measurement->index->metric, &item.vector,
								&measurement->queries[neighbour->query].vector);
		if (unlikely(isnan(neighbour->distance)))
			AnnoyCheckVector(measurement->rel, &fetched, &item.vector);
		/* one too large to be told from others orders nothing */
		if (isfinite(neighbour->distance))
			kept++;
	}
	if (ItemPointerIsValid(&fetched))
		AnnoyItemRelease(reader);
	return kept;
}

/*
 * Compute the exact distances of all queries' nearest items by estimate, which
 * become their neighbours, each once.
 */
void
AnnoyMeasureNearest(AnnoyMeasurement *measurement)
{
	Buckets		buckets;
	AnnoyItemReader reader;
	int			total = make_buckets(measurement, &buckets);
	Size		size = sizeof(AnnoyNeighbour) * (Size) Max(total, 1);
	AnnoyNeighbour *sorted = MemoryContextAllocHuge(CurrentMemoryContext, size);
	AnnoyNeighbour *neighbours = MemoryContextAllocHuge(CurrentMemoryContext, size);

	fill_buckets(measurement, &buckets, sorted);
	for (int i = 0; i < measurement->nqueries; i++)
	{
		measurement->queries[i].neighbours = neighbours;
		neighbours += measurement->queries[i].search->items.count;
	}
	AnnoyItemReaderInit(&reader, measurement->rel, measurement->index, NULL);
	for (int i = 0; i < buckets.count; i++)
	{
		int			start = i > 0 ? buckets.end[i - 1] : 0;
		int			kept = measure_bucket(measurement, &reader, &sorted[start],
										  buckets.end[i] - start);

		for (int j = start; j < start + kept; j++)
		{
			AnnoySampleQuery *query = &measurement->queries[sorted[j].query];

			query->neighbours[query->nneighbours++] = sorted[j];
		}
	}
	AnnoyItemReaderEnd(&reader);
	pfree(sorted);
	pfree(buckets.end);
}
