/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *	  An index measures itself: what recall comes from what effort.
 *
 * Some of the items are asked as queries, each without itself; or a user's own
 * queries are.  The right answers come from one walk over the leaves of a tree:
 * all codes of a leaf are scored for all queries, and of each query's best by
 * estimate the exact distances are computed.  Then each query is searched for
 * with one effort after the other, and each time is counted how many of its
 * neighbours are among the candidates.  Copies and ties count by distance: what
 * is as near as the last of the right answers is as good.
 *
 * If a search looks at everything that may be near in the leaves it visits, as
 * it does but for manhattan, leaves need only be ranked to know what it finds
 * (leaves.c).  That takes four bytes for each block of the index, if there is so
 * much memory.
 *
 * The averages are the recall curve (average.c), which the caller keeps in the
 * metapage, and from which scans choose their effort (effort.c).  A build makes
 * it, and it is made anew when it is too old (curve.c).
 *
 * All this believes the codes: if they are no good, neither are the right answers
 * that come from them, and both agree.  So, before a curve is believed, either some
 * queries are tried, with answers from a look at every item (trial.c); that reads
 * the whole index, and is for those who ask for it.  Or, which costs next to
 * nothing, the items asked are compared with each other: if one is nearer to
 * another than its right answers, it has to be one of them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/calibrate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "annoy.h"
#include "recall/calibrate.h"
#include "recall/exact.h"
#include "recall/leaves.h"
#include "recall/recall.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Items asked: one of so many, within limits. */
#define ITEMS_PER_QUERY		100
#define MIN_QUERIES			200
#define MAX_QUERIES			300

/* Parts of them that are asked for 10, 100 and 1,000 neighbours. */
static const double rank_part[ANNOY_CURVE_RANKS] = {1, 1, 0.25};

/* But at least so many. */
#define MIN_RANK_QUERIES	60

/* Neighbours of a query are asked for only if they are a small part of all. */
#define ITEMS_PER_ROW		8

/*
 * The least effort, and by how much each is above the one before, at least:
 * where leaves are few, recall goes up in steps.
 */
#define FIRST_EFFORT		512.0
#define EFFORT_STEP			M_SQRT2

/*
 * A curve is doubtful if searches are tried that are to find so much, and find
 * less by a margin; or if of the items asked, that part of those that should have
 * been right answers of each other were not, and so many more.
 */
#define TRIAL_RECALL		0.95
#define TRIAL_MARGIN		0.05
#define MISSED_ANSWERS		5
#define MISSED_PART			0.1

/* If that part of the neighbours is found, more effort is not tried. */
#define ENOUGH_FOUND		0.995

/* Candidates kept, so that all neighbours in the leaves visited are among them. */
#define KEEP_PER_ROW		2
#define KEEP_MORE			200

/* Items whose pages are pinned before the first is read. */
#define READ_BATCH			8

/* An item: by what it is known to be found, and its distance from a query. */
typedef struct Neighbour
{
	uint64		key;			/* block of its leaf, or see pointer_key */
	double		distance;
	int			found;			/* by the search with that effort, or -1 */
} Neighbour;

#define ST_SORT sort_by_distance
#define ST_ELEMENT_TYPE Neighbour
#define ST_COMPARE(a, b) ((a)->distance < (b)->distance ? -1 : (a)->distance > (b)->distance)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_by_key
#define ST_ELEMENT_TYPE Neighbour
#define ST_COMPARE(a, b) ((a)->key < (b)->key ? -1 : (a)->key > (b)->key)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct SampleQuery
{
	AnnoyVector vector;
	AnnoyPointer self;			/* invalid if it is not an item */
	AnnoySearch *search;		/* its items are the nearest by estimate,
								 * until it is made */
	int			rank;			/* asked for AnnoyCurveRows(rank) rows */
	bool		answered;		/* there are such, so it counts */
} SampleQuery;

typedef struct Calibration
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyCalibration *task;
	double		items;			/* vectors in the index */
	SampleQuery *queries;
	int			nqueries;

	/*
	 * If a search finds what is in the leaves that it visits, they need not
	 * be scanned.
	 */
	AnnoyLeaves *leaves;		/* or NULL */
	AnnoyCurve	curve;
	AnnoyRecallSums sums;

	/* is it to be believed? */
	AnnoyAsked *trials;			/* the first queries, or NULL */
	int			ntrials;
	double		trial_sum[ANNOY_CURVE_POINTS];	/* of their recalls */
	double		answers;		/* pairs of queries that should be answers */
	double		missed;			/* of these, that are not */
} Calibration;

/* What a search has found of a query's neighbours. */
typedef struct Found
{
	double		cutoff[ANNOY_CURVE_RANKS];	/* distance of the last neighbour */
	int			count[ANNOY_CURVE_RANKS];
	bool		all_ranked;		/* nodes[0] of the search has all leaves */
} Found;

static inline uint64
pointer_key(const AnnoyPointer *pointer)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(pointer) << 16 |
		ItemPointerGetOffsetNumberNoCheck(pointer);
}

static inline void
report(const Calibration *calibration, uint64 more, uint64 done)
{
	if (calibration->task->progress != NULL)
		calibration->task->progress(more, done, calibration->task->progress_arg);
}

/*
 * The highest rank that makes sense for a query, given its number.
 */
static int
rank_of_query(const Calibration *calibration, int number)
{
	int			rank = ANNOY_CURVE_RANKS - 1;

	while (rank > 0 &&
		   (number >= Max(rank_part[rank] * calibration->nqueries, MIN_RANK_QUERIES) ||
			calibration->items < AnnoyCurveRows(rank) * ITEMS_PER_ROW))
		rank--;
	return rank;
}

/*
 * Neighbours by estimate of which the exact distance is computed.  Scores say
 * less about manhattan distances.
 */
static int
neighbours_kept(const AnnoyIndex *index, int rows)
{
	int			keep = rows + rows / 4 + 125;

	return index->metric == ANNOY_L1 ? 8 * keep : keep;
}

/*
 * Take items as queries.
 */
static void
take_items(Calibration *calibration, int wanted)
{
	AnnoySample *sample = AnnoySampleItems(calibration->rel, calibration->index,
										   calibration->index->seed + 2, wanted, true);

	calibration->nqueries = sample->count;
	calibration->queries = palloc0(sizeof(SampleQuery) * Max(sample->count, 1));
	for (int i = 0; i < sample->count; i++)
	{
		calibration->queries[i].vector = sample->items[i].vector;
		calibration->queries[i].self = sample->items[i].pointer;
	}
}

/*
 * Take a user's queries, in an order that has nothing to do with the user's: the
 * first ones are asked for more than the others.
 */
static void
take_queries(Calibration *calibration)
{
	AnnoyRandom random = calibration->index->seed + 4;
	int			n = calibration->task->nqueries;

	calibration->nqueries = n;
	calibration->queries = palloc0(sizeof(SampleQuery) * n);
	for (int i = 0; i < n; i++)
	{
		int			place = AnnoyRandomBelow(&random, i + 1);

		calibration->queries[i].vector = calibration->queries[place].vector;
		calibration->queries[place].vector = calibration->task->queries[i];
		ItemPointerSetInvalid(&calibration->queries[i].self);
	}
}

/*
 * Estimate the distances of all items from all queries, and keep the nearest.
 */
static void
find_nearest(Calibration *calibration)
{
	Relation	rel = calibration->rel;
	const AnnoyIndex *index = calibration->index;
	AnnoyWalk	walk;
	AnnoyNode	node;
	double		items = 0;

	AnnoyWalkBegin(&walk, rel, index, 0, 0);
	while ((node = AnnoyWalkNext(&walk)) != NULL)
	{
		if (calibration->leaves != NULL)
			AnnoyLeavesNote(calibration->leaves, walk.block, node);

		/* candidates get this from the node: let it tell their leaf */
		node->child_nsn = walk.block;
		for (int i = 0; i < calibration->nqueries; i++)
			AnnoySearchEstimate(calibration->queries[i].search, node);
		items += node->count;
		report(calibration, 0, node->count);
	}
	for (int i = 0; i < calibration->nqueries; i++)
		AnnoyCollectorFinish(&calibration->queries[i].search->items);
	calibration->items = items;
}

/*
 * The search with the effort of a point has found everything with that key.
 * Count which of it are neighbours, which are in order of keys, for some of the
 * ranks; once each, if several trees find it.
 */
static void
count_found(Neighbour *neighbours, int count, uint64 key, int least, int rank,
			int point, Found *found)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (neighbours[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && neighbours[low].key == key; low++)
	{
		if (neighbours[low].found == point)
			continue;
		neighbours[low].found = point;
		for (int i = least; i <= rank; i++)
			found->count[i] += neighbours[low].distance <= found->cutoff[i];
	}
}

/*
 * Compute the exact distances of a query's nearest items by estimate.  Returns
 * their number.  A distance too large to be told from others orders nothing.
 */
static int
measure_nearest(Calibration *calibration, const SampleQuery *query,
				AnnoyItemReader *reader, Neighbour *neighbours)
{
	const AnnoyCollector *nearest = &query->search->items;
	Buffer		buffers[READ_BATCH];
	int			count = 0;

	for (int start = 0; start < nearest->count; start += READ_BATCH)
	{
		int			n = Min(nearest->count - start, READ_BATCH);

		AnnoyVacuumDelay();
		for (int i = 0; i < n; i++)
			buffers[i] = AnnoyItemPin(reader, &nearest->candidates[start + i].pointer);
		for (int i = 0; i < n; i++)
		{
			const AnnoyPointer *pointer = &nearest->candidates[start + i].pointer;
			AnnoyItem	item;

			AnnoyItemFetch(reader, buffers[i], pointer, &item);
			if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE && item.vector.data != NULL &&
				pointer_key(pointer) != pointer_key(&query->self))
			{
				neighbours[count].key = calibration->leaves != NULL ?
					nearest->candidates[start + i].nsn : pointer_key(pointer);
				neighbours[count].distance =
					AnnoyStoredDistance(calibration->index->metric, &item.vector,
										&query->vector);
				if (unlikely(isnan(neighbours[count].distance)))
					AnnoyCheckVector(calibration->rel, pointer, &item.vector);
				if (isfinite(neighbours[count].distance))
					count++;
			}
			AnnoyItemRelease(reader);
		}
	}
	return count;
}

/*
 * Find out which leaves a search would visit, and count the neighbours in them.
 * Returns true if it would visit all leaves.
 */
static bool
visit_leaves(Calibration *calibration, AnnoySearch *search, int point,
			 const Neighbour *neighbours, int count, int rank, Found *found)
{
	bool		all = AnnoyLeavesVisit(calibration->leaves, search,
									   calibration->curve.effort[point],
									   &found->all_ranked);

	for (int i = 0; i < count; i++)
	{
		if (!AnnoyLeavesVisited(calibration->leaves, neighbours[i].key))
			continue;
		for (int j = 0; j <= rank; j++)
			found->count[j] += neighbours[i].distance <= found->cutoff[j];
	}
	return all;
}

/*
 * Search, and count the neighbours among the candidates.  Returns true if all
 * leaves were visited.
 */
static bool
search_leaves(Calibration *calibration, AnnoySearch *search, int point,
			  Neighbour *neighbours, int count, int rank, Found *found)
{
	double		effort = calibration->curve.effort[point];
	bool		l1 = calibration->index->metric == ANNOY_L1;
	int			keep = AnnoySearchKeep(calibration->index->metric,
								   calibration->index->n_entries, effort, AnnoyCurveRows(rank));
	int			least = 0;

	if (!l1)
		keep = Max(keep, KEEP_PER_ROW * AnnoyCurveRows(rank) + KEEP_MORE);
	AnnoySearchForest(search, effort, keep);
	for (int i = 0; i < search->items.count; i++)
	{
		/*
		 * manhattan: what a search for fewer rows does not keep, it does not
		 * find
		 */
		while (l1 && least < rank &&
			   i >= AnnoySearchKeep(calibration->index->metric,
								   calibration->index->n_entries, effort, AnnoyCurveRows(least)))
			least++;
		count_found(neighbours, count,
					pointer_key(&search->items.candidates[i].pointer), least, rank,
					point, found);
	}
	return search->complete;
}

/*
 * Which of the other items asked are nearer to a query than the tenth of its right
 * answers, and are not among them?
 */
static void
compare_queries(Calibration *calibration, const SampleQuery *query, double cutoff)
{
	const AnnoyCollector *nearest = &query->search->items;

	for (int i = 0; i < calibration->nqueries; i++)
	{
		const SampleQuery *other = &calibration->queries[i];
		int			j = 0;

		if (other == query ||
			!(AnnoyStoredDistance(calibration->index->metric, &other->vector,
								  &query->vector) < cutoff))
			continue;
		while (j < nearest->count &&
			   pointer_key(&nearest->candidates[j].pointer) != pointer_key(&other->self))
			j++;
		calibration->answers++;
		calibration->missed += j == nearest->count;
	}
}

/*
 * Search for a query with one effort after the other, and add the recall to the
 * curve.
 */
static void
search_query(Calibration *calibration, const SampleQuery *query,
			 Neighbour *neighbours, int count)
{
	AnnoyCurve *curve = &calibration->curve;
	AnnoySearch *search = query->search;
	int			wanted[ANNOY_CURVE_RANKS];
	Found		found = {0};
	bool		done = false;

	sort_by_distance(neighbours, count);
	for (int rank = 0; rank <= query->rank; rank++)
	{
		wanted[rank] = Min(AnnoyCurveRows(rank), count);
		found.cutoff[rank] = neighbours[wanted[rank] - 1].distance;
		curve->queries[rank]++;
	}
	if (calibration->task->queries == NULL)
		compare_queries(calibration, query, found.cutoff[0]);
	/* ends at the cutoff itself, as all are finite */
	while (neighbours[count - 1].distance > found.cutoff[query->rank])
		count--;
	if (calibration->leaves == NULL)
		sort_by_key(neighbours, count);
	for (int i = 0; i < count; i++)
		neighbours[i].found = -1;

	for (int i = 0; i < (int) curve->points; i++)
	{
		double		x = 0;
		double		y;

		if (!done)
		{
			AnnoyVacuumDelay();
			memset(found.count, 0, sizeof(found.count));
			if (calibration->leaves != NULL)
				done = visit_leaves(calibration, search, i,
									neighbours, count, query->rank, &found);
			else
				done = search_leaves(calibration, search, i,
									 neighbours, count, query->rank, &found);
			done |= found.count[query->rank] >= ENOUGH_FOUND * wanted[query->rank];
		}
		for (int rank = 0; rank <= query->rank; rank++)
		{
			y = (double) Min(found.count[rank], wanted[rank]) / wanted[rank];
			if (rank == 0 && query < calibration->queries + calibration->ntrials)
				calibration->trial_sum[i] += y;
			AnnoyRecallAdd(&calibration->sums, rank, i, x, y);
			x = y;
		}
	}
}

/* The curve is not to be believed: that part of what is near was to be found. */
static void
doubt(Calibration *calibration, double predicted, double found)
{
	calibration->task->result = ANNOY_CURVE_DOUBTFUL;
	calibration->task->predicted = predicted;
	calibration->task->found = found;
}

/*
 * Make searches for some of the queries, whose nearest are known from a look at
 * every item, and compare what they find with what the curve's answers predict.
 * For the same queries, so that these differ from others does not matter.
 */
static void
try_searches(Calibration *calibration)
{
	const AnnoyCurve *curve = &calibration->curve;
	int			point = 0;
	int			n = 0;
	double		predicted;
	double		found = 0;

	while (point < (int) curve->points - 1 && curve->recall[0][point] < TRIAL_RECALL)
		point++;
	for (int i = 0; i < calibration->ntrials; i++)
	{
		const AnnoyDistances *nearest = &calibration->trials[i].nearest;

		/* a distance too large to be told from others orders nothing */
		if (!calibration->queries[i].answered || nearest->count == 0 ||
			!isfinite(nearest->heap[0]))
			continue;
		found += AnnoyTrialRecall(calibration->rel, calibration->index,
								  &calibration->trials[i], curve->effort[point]);
		n++;
	}
	if (n == 0)
		return;
	predicted = calibration->trial_sum[point] / n;
	found /= n;
	if (found < predicted - TRIAL_MARGIN)
		doubt(calibration, predicted, found);
}

/*
 * Find the nearest of the first queries by looking at every item.
 */
static void
find_trial_answers(Calibration *calibration)
{
	calibration->ntrials = Min(calibration->nqueries, ANNOY_TRIAL_QUERIES);
	calibration->trials = palloc0(sizeof(AnnoyAsked) * calibration->ntrials);
	for (int i = 0; i < calibration->ntrials; i++)
	{
		calibration->trials[i].vector = calibration->queries[i].vector;
		calibration->trials[i].self = calibration->queries[i].self;
		AnnoyDistancesInit(&calibration->trials[i].nearest, ANNOY_TRIAL_ROWS);
	}
	AnnoyFindAnswers(calibration->rel, calibration->index, calibration->trials,
					 calibration->ntrials, NULL, NULL);
}

/*
 * The efforts of the curve: a ladder that ends with everything.  They are stored
 * as floats, and no two may be the same.
 */
static void
choose_efforts(Calibration *calibration)
{
	AnnoyCurve *curve = &calibration->curve;
	double		entries = calibration->items * calibration->index->n_trees;
	double		step = Max(pow(entries / FIRST_EFFORT, 1.0 / (ANNOY_CURVE_POINTS - 1)),
						   EFFORT_STEP);

	for (double effort = FIRST_EFFORT;
		 (float) effort < (float) entries && curve->points < ANNOY_CURVE_POINTS - 1;
		 effort *= step)
		curve->effort[curve->points++] = effort;
	curve->effort[curve->points++] = entries;
}

/*
 * Measure the curve with the queries that have been taken.  What comes of it is
 * in the task's result.
 */
static void
measure(Calibration *calibration)
{
	AnnoyCurve *curve = &calibration->curve;
	const AnnoyIndex *index = calibration->index;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy calibration query",
												  ALLOCSET_DEFAULT_SIZES);
	BlockNumber nblocks = RelationGetNumberOfBlocks(calibration->rel);
	AnnoyItemReader reader;

	report(calibration, calibration->nqueries, 0);
	for (int i = 0; i < calibration->nqueries; i++)
	{
		SampleQuery *query = &calibration->queries[i];

		query->rank = rank_of_query(calibration, i);
		query->search = AnnoySearchInit(calibration->rel, index, &query->vector,
										ANNOY_DEFAULT_EPSILON);
		AnnoyCollectorReset(&query->search->items,
							neighbours_kept(index, AnnoyCurveRows(query->rank)));
	}

	/* scores say less about manhattan distances; a walk sees but one tree */
	if (index->metric != ANNOY_L1 && index->n_trees == 1)
		calibration->leaves = AnnoyLeavesMake(nblocks);
	find_nearest(calibration);
	if (calibration->items < ANNOY_CURVE_MIN_ITEMS)
		return;
	if (calibration->task->try_searches)
		find_trial_answers(calibration);
	curve->blocks = nblocks;
	curve->items = calibration->items;
	choose_efforts(calibration);

	AnnoyItemReaderInit(&reader, calibration->rel, index, NULL);
	for (int i = 0; i < calibration->nqueries; i++)
	{
		SampleQuery *query = &calibration->queries[i];
		MemoryContext old_context = MemoryContextSwitchTo(context);
		Neighbour  *neighbours = palloc(sizeof(Neighbour) * Max(query->search->items.count, 1));
		int			count = measure_nearest(calibration, query, &reader, neighbours);

		query->answered = count > 0;
		if (query->answered)
			search_query(calibration, query, neighbours, count);
		AnnoySearchForget(query->search);
		report(calibration, 0, 1);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(context);
	}
	AnnoyItemReaderEnd(&reader);

	if (curve->queries[0] == 0)
	{
		calibration->task->result = ANNOY_CURVE_NO_ANSWERS;
		return;
	}
	AnnoyRecallAverage(&calibration->sums, curve);
	calibration->task->result = ANNOY_CURVE_MEASURED;
	if (calibration->missed > MISSED_ANSWERS + MISSED_PART * calibration->answers)
		doubt(calibration, 1, 1 - calibration->missed / calibration->answers);
	if (calibration->trials != NULL)
		try_searches(calibration);
}

/*
 * Measure the recall curve of an index, with a user's queries, or with items if
 * there are none.  It is for the caller to store it, or that there is none.
 *
 * Locks are held on one page at a time, so others can read and write meanwhile.
 */
void
AnnoyCalibrate(Relation rel, AnnoyCalibration *task)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy calibration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Calibration calibration = {.rel = rel,.task = task,.items = task->vectors};

	calibration.index = AnnoyOpen(rel);
	task->result = ANNOY_CURVE_TOO_SMALL;
	memset(&task->curve, 0, sizeof(AnnoyCurve));
	if (calibration.index->has_space && task->vectors >= ANNOY_CURVE_MIN_ITEMS)
	{
		if (task->queries != NULL)
			take_queries(&calibration);
		else
			take_items(&calibration,
					   Min(Max(task->vectors / ITEMS_PER_QUERY, MIN_QUERIES), MAX_QUERIES));
		measure(&calibration);
		task->vectors = calibration.items;
	}
	if (task->result == ANNOY_CURVE_MEASURED)
	{
		if (AnnoyCurveIsValid(&calibration.curve))
			task->curve = calibration.curve;
		else
			task->result = ANNOY_CURVE_NO_ANSWERS;
	}
	if (task->result == ANNOY_CURVE_DOUBTFUL)
		task->curve.items = task->vectors;
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
