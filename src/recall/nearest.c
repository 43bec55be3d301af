/*-------------------------------------------------------------------------
 *
 * nearest.c
 *	  The items nearest to queries, by their codes.
 *
 * One walk over the leaves of a tree scores all codes of a leaf for all queries that
 * are asked thoroughly.  What is in the leaves nearest to a query tells before how near
 * an entry has to be to count, so of most leaves nothing does.  For a quick query that
 * is all.  Then the exact distances of each query's nearest by estimate are computed,
 * item by item in the order of their pages: each is read once for all queries that it
 * is near to.
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
#define NEAREST_PART		4
#define NEAREST_MORE		125

/*
 * To know how near an entry has to be, so many times the entries that are kept are
 * scanned.
 */
#define SCAN_PER_NEAREST	2

/* For a quick query, so many times the root of all entries. */
#define QUICK_PART		50.0

/*
 * Tell the task's owner of work to be done, and of work that is.
 */
void
AnnoyReportMeasured(const AnnoyMeasurement *measurement, uint64 more, uint64 done)
{
	if (measurement->task->progress != NULL)
		measurement->task->progress(more, done, measurement->task->progress_arg);
}

/* The entries that a quick query scans, about. */
double
AnnoyQuickEntries(const AnnoyMeasurement *measurement)
{
	return QUICK_PART * sqrt(measurement->items * measurement->index->n_entries);
}

/*
 * Neighbours by estimate of which the exact distance is computed, as entries.
 * Scores say less about manhattan distances.
 */
int
AnnoyNeighboursKept(const AnnoyIndex *index, int rows)
{
	int			keep = index->n_entries * (rows + rows / NEAREST_PART + NEAREST_MORE);

	return index->metric == ANNOY_L1 ? 8 * keep : keep;
}

/*
 * Scan the leaves nearest to a query, until there are so many entries.
 */
static void
scan_nearest_leaves(const AnnoyMeasurement *measurement, AnnoySearch *search, double entries)
{
	const AnnoyCollector *leaves = &search->nodes[0];
	double		scanned = 0;
	PGAlignedBlock copy;
	AnnoyNode	node = AnnoyPageGetNode(copy.data);

	(void) AnnoySearchRank(search, entries);
	for (int i = 0; i < leaves->count && scanned < entries; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&leaves->candidates[i].pointer);

		AnnoyVacuumDelay();
		AnnoyCopyNode(measurement->rel, measurement->index, block, copy.data);
		/* it may be a root that has been split */
		if (node->level > 0)
			continue;
		node->child_nsn = block;
		AnnoySearchEstimate(search, node);
		scanned += node->count;
	}
}

/*
 * Among the entries that a query has collected are so many below the limit.
 */
static float
limit_of(const AnnoyCollector *nearest, int keep)
{
	double	   *scores;
	float		limit;

	if (nearest->count < keep)
		return INFINITY;
	scores = palloc(sizeof(double) * nearest->count);
	for (int i = 0; i < nearest->count; i++)
		scores[i] = nearest->candidates[i].score;
	limit = nextafterf(AnnoyNthValue(scores, nearest->count, keep), INFINITY);
	pfree(scores);
	return limit;
}

/*
 * Prepare to collect the entries nearest to a query.  If leaves are known, no search
 * will be made for it.  Then what is in the nearest leaves is all that a quick query
 * takes, and tells for another how near an entry has to be.
 */
static void
begin_query(const AnnoyMeasurement *measurement, AnnoySampleQuery *query)
{
	const AnnoyIndex *index = measurement->index;
	int			keep = AnnoyNeighboursKept(index, AnnoyCurveRows(query->rank));
	double		entries = SCAN_PER_NEAREST * keep;
	AnnoyCollector *nearest;

	query->search = AnnoySearchInit(measurement->rel, index, &query->vector,
									ANNOY_DEFAULT_EPSILON);
	nearest = &query->search->items;
	AnnoyCollectorReset(nearest, keep);
	if (measurement->leaves == NULL)
		return;
	if (query->quick)
		entries = Max(entries, AnnoyQuickEntries(measurement));
	scan_nearest_leaves(measurement, query->search, entries);
	if (!query->quick)
	{
		float		limit = limit_of(nearest, keep);

		AnnoyCollectorReset(nearest, keep);
		nearest->limit = limit;
	}
	for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
		AnnoyCollectorFree(&query->search->nodes[level]);
}

/*
 * Drop what a query has collected too much, and its own entries.
 */
static void
end_query(const AnnoySampleQuery *query)
{
	AnnoyCollector *nearest = &query->search->items;
	float		limit = limit_of(nearest, nearest->keep);
	int			count = 0;

	for (int i = 0; i < nearest->count; i++)
	{
		if (nearest->candidates[i].score < limit &&
			AnnoyPointerKey(&nearest->candidates[i].pointer) != AnnoyPointerKey(&query->self))
			nearest->candidates[count++] = nearest->candidates[i];
	}
	nearest->count = count;
}

/*
 * Estimate the distances of all items from all queries, or of those in the nearest
 * leaves from the quick ones, and keep the nearest but themselves, in no order.  Count
 * items and entries, and note leaves.
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
		for (int i = 0; i < measurement->nthorough; i++)
			AnnoySearchEstimate(measurement->queries[i].search, node);
		for (int i = 0; i < node->count; i++)
			nitems += (AnnoyNodeEntryFlags(index, node, i) & ANNOY_ENTRY_SECOND) == 0;
		measurement->items += nitems;
		measurement->entries += node->count;
		AnnoyReportMeasured(measurement, 0, nitems);
	}
	for (int i = 0; i < measurement->nqueries; i++)
		end_query(&measurement->queries[i]);
}

/* An entry near to a query, and the query's number. */
typedef struct Near
{
	AnnoyPointer item;
	int			query;
	BlockNumber leaf;
} Near;

/* How these are put in order of their items, nearly. */
typedef struct Buckets
{
	const AnnoyIndex *index;
	uint64		slots;			/* there may be in the index */
	int			count;
	int		   *end;			/* of each bucket, as far as it is filled */
} Buckets;

/* The bucket of an item: it has no other item in it, if there are buckets enough. */
static inline int
bucket_of(const Buckets *buckets, const AnnoyPointer *item)
{
	uint64		slot = (uint64) ItemPointerGetBlockNumberNoCheck(item) * buckets->index->group_slots +
	ItemPointerGetOffsetNumberNoCheck(item) - FirstOffsetNumber;

	return (double) Min(slot, buckets->slots - 1) * buckets->count / buckets->slots;
}

/*
 * Prepare buckets for the entries near to all queries.  Returns how many these are.
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
	buckets->count = Max(Min((uint64) total, buckets->slots), 1);
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

/* Put the entries near to all queries into buckets, in the order of queries. */
static void
fill_buckets(const AnnoyMeasurement *measurement, Buckets *buckets, Near *sorted)
{
	for (int i = 0; i < measurement->nqueries; i++)
	{
		const AnnoyCollector *nearest = &measurement->queries[i].search->items;

		for (int j = 0; j < nearest->count; j++)
		{
			const AnnoyCandidate *candidate = &nearest->candidates[j];
			int			place = buckets->end[bucket_of(buckets, &candidate->pointer)]++;

			sorted[place].item = candidate->pointer;
			sorted[place].query = i;
			sorted[place].leaf = candidate->nsn;
		}
	}
}

/*
 * Of the query's neighbours from the first on, is one that item?  Then this is its
 * other entry.
 */
static bool
is_known(AnnoySampleQuery *query, int first, const Near *near)
{
	for (int i = first; i < query->nneighbours; i++)
	{
		if (AnnoyPointerKey(&query->neighbours[i].pointer) == AnnoyPointerKey(&near->item))
		{
			query->neighbours[i].leaves[1] = near->leaf;
			return true;
		}
	}
	return false;
}

/*
 * Compute the distances of a bucket's items from the queries that they are near to.
 */
static void
measure_bucket(const AnnoyMeasurement *measurement, AnnoyItemReader *reader,
			   const Near *near, int count)
{
	const AnnoyPointer *fetched = NULL;
	int			first = 0;		/* neighbour of a query in the bucket */
	AnnoyItem	item;

	for (int i = 0; i < count; i++)
	{
		AnnoySampleQuery *query = &measurement->queries[near[i].query];
		AnnoyNeighbour *neighbour = &query->neighbours[query->nneighbours];

		if (i == 0 || near[i].query != near[i - 1].query)
			first = query->nneighbours;
		if (is_known(query, first, &near[i]))
			continue;
		if (fetched == NULL || AnnoyPointerKey(fetched) != AnnoyPointerKey(&near[i].item))
		{
			if (fetched != NULL)
				AnnoyItemRelease(reader);
			AnnoyVacuumDelay();
			fetched = &near[i].item;
			AnnoyItemFetch(reader, AnnoyItemPin(reader, fetched), fetched, &item);
		}
		if (AnnoySlotState(&item) != ANNOY_SLOT_LIVE || item.vector.data == NULL)
			continue;
		neighbour->pointer = near[i].item;
		neighbour->leaves[0] = near[i].leaf;
		neighbour->leaves[1] = InvalidBlockNumber;
		neighbour->distance = AnnoyItemDistance(measurement->index, &item.vector,
												&query->vector);
		if (unlikely(isnan(neighbour->distance)))
			AnnoyCheckVector(measurement->rel, fetched, &item.vector);
		/* one too large to be told from others orders nothing */
		if (isfinite(neighbour->distance))
			query->nneighbours++;
	}
	if (fetched != NULL)
		AnnoyItemRelease(reader);
}

/*
 * Compute the exact distances of all queries' nearest items by estimate, which
 * become their neighbours, each once.
 */
void
AnnoyMeasureNearest(AnnoyMeasurement *measurement)
{
	Buckets		buckets;
	AnnoyVectorSource *source = AnnoySourceOpen(measurement->rel, measurement->index, NULL);
	AnnoyItemReader reader;
	int			total = make_buckets(measurement, &buckets);
	Near	   *sorted = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(Near) * (Size) Max(total, 1));
	AnnoyNeighbour *neighbours = MemoryContextAllocHuge(CurrentMemoryContext,
														sizeof(AnnoyNeighbour) * (Size) Max(total, 1));

	fill_buckets(measurement, &buckets, sorted);
	for (int i = 0; i < measurement->nqueries; i++)
	{
		measurement->queries[i].neighbours = neighbours;
		neighbours += measurement->queries[i].search->items.count;
	}
	AnnoyItemReaderInit(&reader, measurement->rel, measurement->index, source, NULL);
	for (int i = 0; i < buckets.count; i++)
	{
		int			start = i > 0 ? buckets.end[i - 1] : 0;

		measure_bucket(measurement, &reader, &sorted[start], buckets.end[i] - start);
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);
	pfree(sorted);
	pfree(buckets.end);
}
