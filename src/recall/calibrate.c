/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *	  An index measures itself: what recall comes from what effort.
 *
 * Some of the items are asked as queries, each without itself; or a user's own
 * queries are.  The right answers come from the codes of a tree's leaves, and from the
 * exact distances of each query's best by estimate (nearest.c).  Copies and ties count
 * by distance: what is as near as the last of the right answers is as good.
 *
 * In a large index, only some of the queries are asked thoroughly, that is, of all
 * leaves.  The others, and the same ones once more, are asked quickly, of the leaves
 * near to them (average.c).
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

/* Queries are quick if they scan but one of so many entries. */
#define QUICK_SAVES			6

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

/*
 * Candidates that a measured search keeps, for each row and besides, so that all
 * neighbours in the leaves visited are among them.
 */
#define MEASURED_PER_ROW	2
#define MEASURED_MORE		200

#define ST_SORT sort_by_key
#define ST_ELEMENT_TYPE AnnoyNeighbour
#define ST_COMPARE(a, b) \
	(AnnoyPointerKey(&(a)->pointer) < AnnoyPointerKey(&(b)->pointer) ? -1 : \
	 AnnoyPointerKey(&(a)->pointer) > AnnoyPointerKey(&(b)->pointer))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

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
 * Ask only those queries thoroughly that are asked for most rows, and all of them
 * quickly.
 */
static void
ask_quickly(AnnoyMeasurement *measurement)
{
	int			n = measurement->nqueries;
	int			nthorough = 0;
	AnnoySampleQuery *queries;

	while (nthorough < n && measurement->queries[nthorough].rank == ANNOY_CURVE_RANKS - 1)
		nthorough++;
	if (nthorough == 0 || nthorough == n ||
		QUICK_SAVES * AnnoyQuickEntries(measurement) > measurement->items * measurement->index->n_entries)
		return;
	queries = palloc(sizeof(AnnoySampleQuery) * (nthorough + n));
	memcpy(queries, measurement->queries, sizeof(AnnoySampleQuery) * nthorough);
	memcpy(queries + nthorough, measurement->queries, sizeof(AnnoySampleQuery) * n);
	for (int i = 0; i < n; i++)
	{
		AnnoySampleQuery *query = &queries[nthorough + i];

		query->quick = true;
		query->rank = Min(query->rank, ANNOY_CURVE_RANKS - 2);
		if (i < nthorough)
			query->recall = palloc0(sizeof(*query->recall) * ANNOY_RECALL_KINDS);
	}
	measurement->queries = queries;
	measurement->nqueries = nthorough + n;
	measurement->nthorough = nthorough;
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

		if (AnnoyPointerKey(&neighbours[middle].pointer) < key)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && AnnoyPointerKey(&neighbours[low].pointer) == key; low++)
	{
		if (neighbours[low].found == point)
			continue;
		neighbours[low].found = point;
		for (int i = least; i <= rank; i++)
			found->count[i] += neighbours[low].distance <= found->cutoff[i];
	}
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
		round.keep = Max(round.keep, MEASURED_PER_ROW * AnnoyCurveRows(rank) + MEASURED_MORE);
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
	int			first = measurement->nthorough < measurement->nqueries ? measurement->nthorough : 0;

	for (int i = first; i < measurement->nqueries; i++)
	{
		const AnnoySampleQuery *other = &measurement->queries[i];
		int			j = 0;

		if (AnnoyPointerKey(&other->self) == AnnoyPointerKey(&query->self) ||
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
 * Find out what searches find of a query's neighbours, of which there are some.
 */
static void
ask_query(AnnoyMeasurement *measurement, const AnnoySampleQuery *query)
{
	AnnoyNeighbour *neighbours = query->neighbours;
	double	   *distances = palloc(sizeof(double) * query->nneighbours);
	int			left = query->nneighbours;
	int			count = 0;
	AnnoyFound	found = {0};

	for (int i = 0; i < left; i++)
		distances[i] = neighbours[i].distance;
	for (int rank = query->rank; rank >= 0; rank--)
	{
		left = Min(AnnoyCurveRows(rank), left);
		found.wanted[rank] = left;
		found.cutoff[rank] = AnnoyNthValue(distances, rank == query->rank ? query->nneighbours :
										   found.wanted[rank + 1], left);
		if (query->quick || rank == ANNOY_CURVE_RANKS - 1 ||
			measurement->nthorough == measurement->nqueries)
			measurement->curve.queries[rank]++;
	}
	if (measurement->task->queries == NULL && !query->quick)
		compare_queries(measurement, query, found.cutoff[0]);
	for (int i = 0; i < query->nneighbours; i++)
	{
		if (neighbours[i].distance <= found.cutoff[query->rank])
			neighbours[count++] = neighbours[i];
	}
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
		if (measurement->queries[i].nneighbours == 0 || nearest->count == 0 ||
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
	bool		shared;

	/* scores say less about manhattan distances; a walk sees but one tree */
	if (index->metric != ANNOY_L1 && index->n_trees == 1)
		measurement->leaves = AnnoyLeavesMake(nblocks);
	for (int i = 0; i < measurement->nqueries; i++)
		measurement->queries[i].rank = rank_of_query(measurement, i);
	measurement->nthorough = measurement->nqueries;
	if (measurement->leaves != NULL)
		ask_quickly(measurement);
	AnnoyReportMeasured(measurement, measurement->nqueries, 0);
	shared = AnnoyShareNearest(measurement);
	if (!shared)
		AnnoyFindNearest(measurement);
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

	if (!shared)
		AnnoyMeasureNearest(measurement);
	/* quick ones come before the same asked thoroughly */
	for (int i = measurement->nqueries - 1; i >= 0; i--)
	{
		const AnnoySampleQuery *query = &measurement->queries[i];
		MemoryContext old_context = MemoryContextSwitchTo(context);

		if (query->nneighbours > 0)
			ask_query(measurement, query);
		AnnoySearchForget(query->search);
		AnnoyReportMeasured(measurement, 0, 1);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(context);
	}

	if (curve->queries[0] == 0)
	{
		measurement->task->result = ANNOY_CURVE_NO_ANSWERS;
		return;
	}
	AnnoyAverageRecalls(measurement);
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
