/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *	  An index measures itself: what recall comes from what effort.
 *
 * Some of the items are asked as queries, each without itself; or a user's own
 * queries are.  The right answers come from one walk over the leaves of a tree:
 * all codes of a leaf are scored for all queries, and of each query's best by
 * estimate the exact distances are computed.  Copies and ties count by distance:
 * what is as near as the last of the right answers is as good.
 *
 * If a search looks at everything that may be near in the leaves it visits, as
 * it does but for manhattan, leaves need only be ranked to know what it finds, and
 * when it ends (leaves.c).  So one pass over the leaves in order tells, for each
 * point of the curve, how many entries a search scans and how many neighbours it
 * finds.  That takes eight bytes for each block of the index, if there is so much
 * memory.
 *
 * Otherwise each query is searched for with one effort after the other, and each
 * time is counted how many of its neighbours are among the candidates.
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

#define ST_SORT sort_by_distance
#define ST_ELEMENT_TYPE AnnoyNeighbour
#define ST_COMPARE(a, b) ((a)->distance < (b)->distance ? -1 : (a)->distance > (b)->distance)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_by_key
#define ST_ELEMENT_TYPE AnnoyNeighbour
#define ST_COMPARE(a, b) ((a)->key < (b)->key ? -1 : (a)->key > (b)->key)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static inline void
report(const AnnoyMeasurement *measurement, uint64 more, uint64 done)
{
	if (measurement->task->progress != NULL)
		measurement->task->progress(more, done, measurement->task->progress_arg);
}

/*
 * The highest rank that makes sense for a query, given its number.
 */
static int
rank_of_query(const AnnoyMeasurement *measurement, int number)
{
	int			rank = ANNOY_CURVE_RANKS - 1;

	while (rank > 0 &&
		   (number >= Max(rank_part[rank] * measurement->nqueries, MIN_RANK_QUERIES) ||
			measurement->items < AnnoyCurveRows(rank) * ITEMS_PER_ROW))
		rank--;
	return rank;
}

/*
 * Neighbours by estimate of which the exact distance is computed, as entries.
 * Scores say less about manhattan distances.
 */
static int
neighbours_kept(const AnnoyIndex *index, int rows)
{
	int			keep = index->n_entries * (rows + rows / 4 + 125);

	return index->metric == ANNOY_L1 ? 8 * keep : keep;
}

/*
 * Take items as queries.
 */
static void
take_items(AnnoyMeasurement *measurement, int wanted)
{
	AnnoySample *sample = AnnoySampleItems(measurement->rel, measurement->index,
										   measurement->index->seed + 2, wanted, true);

	measurement->nqueries = sample->count;
	measurement->queries = palloc0(sizeof(AnnoySampleQuery) * Max(sample->count, 1));
	for (int i = 0; i < sample->count; i++)
	{
		measurement->queries[i].vector = sample->items[i].vector;
		measurement->queries[i].self = sample->items[i].pointer;
	}
}

/*
 * Take a user's queries, in an order that has nothing to do with the user's: the
 * first ones are asked for more than the others.
 */
static void
take_queries(AnnoyMeasurement *measurement)
{
	AnnoyRandom random = measurement->index->seed + 4;
	int			n = measurement->task->nqueries;

	measurement->nqueries = n;
	measurement->queries = palloc0(sizeof(AnnoySampleQuery) * n);
	for (int i = 0; i < n; i++)
	{
		int			place = AnnoyRandomBelow(&random, i + 1);

		measurement->queries[i].vector = measurement->queries[place].vector;
		measurement->queries[place].vector = measurement->task->queries[i];
		ItemPointerSetInvalid(&measurement->queries[i].self);
	}
}

/*
 * Estimate the distances of all items from all queries, and keep the nearest.
 */
static void
find_nearest(AnnoyMeasurement *measurement)
{
	Relation	rel = measurement->rel;
	const AnnoyIndex *index = measurement->index;
	AnnoyWalk	walk;
	AnnoyNode	node;

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
		report(measurement, 0, nitems);
	}
	for (int i = 0; i < measurement->nqueries; i++)
		AnnoyCollectorFinish(&measurement->queries[i].search->items);
}

/*
 * The search with the effort of a point has found everything with that key.
 * Count which of it are neighbours, which are in order of keys, for some of the
 * ranks; once each, if several trees find it.
 */
static void
count_found(AnnoyNeighbour *neighbours, int count, uint64 key, int least, int rank,
			int point, AnnoyFound *found)
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
 * The items whose entries are the nearest by estimate, each once, in order of
 * keys.  Returns their number.
 */
static int
nearest_items(const AnnoyCollector *nearest, AnnoyNeighbour *neighbours)
{
	int			count = 0;

	for (int i = 0; i < nearest->count; i++)
	{
		const AnnoyCandidate *candidate = &nearest->candidates[i];

		neighbours[i].key = AnnoyPointerKey(&candidate->pointer);
		neighbours[i].pointer = candidate->pointer;
		neighbours[i].leaves[0] = candidate->nsn;
		neighbours[i].leaves[1] = InvalidBlockNumber;
	}
	sort_by_key(neighbours, nearest->count);
	for (int i = 0; i < nearest->count; i++)
	{
		if (count > 0 && neighbours[count - 1].key == neighbours[i].key)
			neighbours[count - 1].leaves[1] = neighbours[i].leaves[0];
		else
			neighbours[count++] = neighbours[i];
	}
	return count;
}

/*
 * Compute the exact distances of a query's nearest items by estimate.  Returns
 * their number; they are in order of keys.  A distance too large to be told from
 * others orders nothing.
 */
static int
measure_nearest(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
				AnnoyItemReader *reader, AnnoyNeighbour *neighbours)
{
	Buffer		buffers[READ_BATCH];
	int			nitems = nearest_items(&query->search->items, neighbours);
	int			count = 0;

	for (int start = 0; start < nitems; start += READ_BATCH)
	{
		int			n = Min(nitems - start, READ_BATCH);

		AnnoyVacuumDelay();
		for (int i = 0; i < n; i++)
			buffers[i] = AnnoyItemPin(reader, &neighbours[start + i].pointer);
		for (int i = 0; i < n; i++)
		{
			AnnoyNeighbour *neighbour = &neighbours[count];
			AnnoyItem	item;

			*neighbour = neighbours[start + i];
			AnnoyItemFetch(reader, buffers[i], &neighbour->pointer, &item);
			if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE && item.vector.data != NULL &&
				neighbour->key != AnnoyPointerKey(&query->self))
			{
				neighbour->distance =
					AnnoyStoredDistance(measurement->index->metric, &item.vector,
										&query->vector);
				if (unlikely(isnan(neighbour->distance)))
					AnnoyCheckVector(measurement->rel, &neighbour->pointer, &item.vector);
				if (isfinite(neighbour->distance))
					count++;
			}
			AnnoyItemRelease(reader);
		}
	}
	return count;
}

/*
 * Search, and count the neighbours among the candidates.  Returns true if all
 * leaves were visited.
 */
static bool
search_leaves(AnnoyMeasurement *measurement, AnnoySearch *search, int point,
			  AnnoyNeighbour *neighbours, int count, int rank, AnnoyFound *found)
{
	double		effort = measurement->curve.effort[point];
	bool		l1 = measurement->index->metric == ANNOY_L1;
	AnnoyRound	round = {.effort = effort,
		.keep = AnnoySearchKeep(measurement->index->metric, measurement->index->n_entries,
								effort, AnnoyCurveRows(rank))};
	int			least = 0;

	if (!l1)
		round.keep = Max(round.keep, KEEP_PER_ROW * AnnoyCurveRows(rank) + KEEP_MORE);
	AnnoySearchForest(search, &round);
	for (int i = 0; i < search->items.count; i++)
	{
		/*
		 * manhattan: what a search for fewer rows does not keep, it does not
		 * find
		 */
		while (l1 && least < rank &&
			   i >= AnnoySearchKeep(measurement->index->metric,
									measurement->index->n_entries, effort, AnnoyCurveRows(least)))
			least++;
		count_found(neighbours, count,
					AnnoyPointerKey(&search->items.candidates[i].pointer), least, rank,
					point, found);
	}
	return search->ended == ANNOY_END_EVERYTHING;
}

/*
 * Which of the other items asked are nearer to a query than the tenth of its right
 * answers, and are not among them?
 */
static void
compare_queries(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, double cutoff)
{
	const AnnoyCollector *nearest = &query->search->items;

	for (int i = 0; i < measurement->nqueries; i++)
	{
		const AnnoySampleQuery *other = &measurement->queries[i];
		int			j = 0;

		if (other == query ||
			!(AnnoyStoredDistance(measurement->index->metric, &other->vector,
								  &query->vector) < cutoff))
			continue;
		while (j < nearest->count &&
			   AnnoyPointerKey(&nearest->candidates[j].pointer) != AnnoyPointerKey(&other->self))
			j++;
		measurement->answers++;
		measurement->missed += j == nearest->count;
	}
}

/*
 * Search for a query with one effort after the other, and add what is found.
 */
static void
search_query(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
			 AnnoyNeighbour *neighbours, int count, AnnoyFound *found)
{
	bool		done = false;

	sort_by_key(neighbours, count);
	for (int i = 0; i < count; i++)
		neighbours[i].found = -1;
	for (int i = 0; i < (int) measurement->curve.points; i++)
	{
		if (!done)
		{
			AnnoyVacuumDelay();
			memset(found->count, 0, sizeof(found->count));
			done = search_leaves(measurement, query->search, i, neighbours, count,
								 query->rank, found) ||
				found->count[query->rank] >= ENOUGH_FOUND * found->wanted[query->rank];
		}
		AnnoyAddPoint(measurement, query, i, found);
	}
}

/*
 * Find out what searches find of a query's neighbours.
 */
static void
ask_query(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
		  AnnoyNeighbour *neighbours, int count)
{
	AnnoyFound	found = {0};

	sort_by_distance(neighbours, count);
	for (int rank = 0; rank <= query->rank; rank++)
	{
		found.wanted[rank] = Min(AnnoyCurveRows(rank), count);
		found.cutoff[rank] = neighbours[found.wanted[rank] - 1].distance;
		measurement->curve.queries[rank]++;
	}
	if (measurement->task->queries == NULL)
		compare_queries(measurement, query, found.cutoff[0]);
	/* ends at the cutoff itself, as all are finite */
	while (neighbours[count - 1].distance > found.cutoff[query->rank])
		count--;
	if (measurement->leaves != NULL)
		AnnoyFollowQuery(measurement, query, neighbours, count, &found);
	else
		search_query(measurement, query, neighbours, count, &found);
}

/* The curve is not to be believed: that part of what is near was to be found. */
static void
doubt(AnnoyMeasurement *measurement, double predicted, double found)
{
	measurement->task->result = ANNOY_CURVE_DOUBTFUL;
	measurement->task->predicted = predicted;
	measurement->task->found = found;
}

/*
 * Make searches for some of the queries, whose nearest are known from a look at
 * every item, and compare what they find with what the curve's answers predict.
 * For the same queries, so that these differ from others does not matter.
 */
static void
try_searches(AnnoyMeasurement *measurement)
{
	const AnnoyCurve *curve = &measurement->curve;
	int			point = 0;
	int			n = 0;
	double		predicted;
	double		found = 0;

	while (point < (int) curve->points - 1 && curve->recall[0][point] < TRIAL_RECALL)
		point++;
	for (int i = 0; i < measurement->ntrials; i++)
	{
		const AnnoyDistances *nearest = &measurement->trials[i].nearest;

		/* a distance too large to be told from others orders nothing */
		if (!measurement->queries[i].answered || nearest->count == 0 ||
			!isfinite(nearest->heap[0]))
			continue;
		found += AnnoyTrialRecall(measurement->rel, measurement->index,
								  &measurement->trials[i], curve->effort[point]);
		n++;
	}
	if (n == 0)
		return;
	predicted = measurement->trial_sum[point] / n;
	found /= n;
	if (found < predicted - TRIAL_MARGIN)
		doubt(measurement, predicted, found);
}

/*
 * Find the nearest of the first queries by looking at every item.
 */
static void
find_trial_answers(AnnoyMeasurement *measurement)
{
	measurement->ntrials = Min(measurement->nqueries, ANNOY_TRIAL_QUERIES);
	measurement->trials = palloc0(sizeof(AnnoyAsked) * measurement->ntrials);
	for (int i = 0; i < measurement->ntrials; i++)
	{
		measurement->trials[i].vector = measurement->queries[i].vector;
		measurement->trials[i].self = measurement->queries[i].self;
		AnnoyDistancesInit(&measurement->trials[i].nearest, ANNOY_TRIAL_ROWS);
	}
	AnnoyFindAnswers(measurement->rel, measurement->index, measurement->trials,
					 measurement->ntrials, NULL, NULL);
}

/*
 * The efforts of the curve: a ladder that ends with everything.  They are stored
 * as floats, and no two may be the same.
 */
static void
choose_efforts(AnnoyMeasurement *measurement)
{
	AnnoyCurve *curve = &measurement->curve;
	double		entries = measurement->entries * measurement->index->n_trees;
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
measure(AnnoyMeasurement *measurement)
{
	AnnoyCurve *curve = &measurement->curve;
	const AnnoyIndex *index = measurement->index;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy calibration query",
												  ALLOCSET_DEFAULT_SIZES);
	BlockNumber nblocks = RelationGetNumberOfBlocks(measurement->rel);
	AnnoyItemReader reader;

	report(measurement, measurement->nqueries, 0);
	for (int i = 0; i < measurement->nqueries; i++)
	{
		AnnoySampleQuery *query = &measurement->queries[i];

		query->rank = rank_of_query(measurement, i);
		query->search = AnnoySearchInit(measurement->rel, index, &query->vector,
										ANNOY_DEFAULT_EPSILON);
		AnnoyCollectorReset(&query->search->items,
							neighbours_kept(index, AnnoyCurveRows(query->rank)));
	}

	/* scores say less about manhattan distances; a walk sees but one tree */
	if (index->metric != ANNOY_L1 && index->n_trees == 1)
		measurement->leaves = AnnoyLeavesMake(nblocks);
	find_nearest(measurement);
	if (measurement->items < ANNOY_CURVE_MIN_ITEMS)
		return;
	if (measurement->task->try_searches)
		find_trial_answers(measurement);
	curve->blocks = nblocks;
	curve->items = measurement->items;
	choose_efforts(measurement);
	/* estimates of inner products are no distances */
	if (measurement->leaves != NULL && index->metric != ANNOY_IP)
		AnnoyChooseGoals(measurement);

	AnnoyItemReaderInit(&reader, measurement->rel, index, NULL);
	for (int i = 0; i < measurement->nqueries; i++)
	{
		AnnoySampleQuery *query = &measurement->queries[i];
		MemoryContext old_context = MemoryContextSwitchTo(context);
		AnnoyNeighbour *neighbours = palloc(sizeof(AnnoyNeighbour) * Max(query->search->items.count, 1));
		int			count = measure_nearest(measurement, query, &reader, neighbours);

		query->answered = count > 0;
		if (query->answered)
			ask_query(measurement, query, neighbours, count);
		AnnoySearchForget(query->search);
		report(measurement, 0, 1);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(context);
	}
	AnnoyItemReaderEnd(&reader);

	if (curve->queries[0] == 0)
	{
		measurement->task->result = ANNOY_CURVE_NO_ANSWERS;
		return;
	}
	AnnoyRecallAverage(&measurement->sums, curve);
	AnnoyAverageEfforts(measurement);
	measurement->task->result = ANNOY_CURVE_MEASURED;
	if (measurement->missed > MISSED_ANSWERS + MISSED_PART * measurement->answers)
		doubt(measurement, 1, 1 - measurement->missed / measurement->answers);
	if (measurement->trials != NULL)
		try_searches(measurement);
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
	AnnoyMeasurement measurement = {.rel = rel,.task = task,.items = task->vectors};

	measurement.index = AnnoyOpen(rel);
	task->result = ANNOY_CURVE_TOO_SMALL;
	memset(&task->curve, 0, sizeof(AnnoyCurve));
	if (measurement.index->has_space && task->vectors >= ANNOY_CURVE_MIN_ITEMS)
	{
		if (task->queries != NULL)
			take_queries(&measurement);
		else
			take_items(&measurement,
					   Min(Max(task->vectors / ITEMS_PER_QUERY, MIN_QUERIES), MAX_QUERIES));
		measure(&measurement);
		task->vectors = measurement.items;
	}
	if (task->result == ANNOY_CURVE_MEASURED)
	{
		if (AnnoyCurveIsValid(&measurement.curve))
			task->curve = measurement.curve;
		else
			task->result = ANNOY_CURVE_NO_ANSWERS;
	}
	if (task->result == ANNOY_CURVE_DOUBTFUL)
		task->curve.items = task->vectors;
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
