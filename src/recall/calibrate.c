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
 * it does but for manhattan, leaves need only be ranked to know what it finds.
 * That takes four bytes for each block of the index, if there is so much memory.
 *
 * The averages are the recall curve, which the caller keeps in the metapage, and
 * from which scans choose their effort (effort.c).  A build makes it, and it is
 * made anew when it is too old (curve.c).
 *
 * Few queries are enough to know the recall of many rows, which differs less
 * between queries, and costs more to find out.  So all queries count for the 10
 * and the 100 nearest, and the first of them for 1,000.  What these have more of
 * the 100 nearest than all, they will also have more of the 1,000.
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
#include "recall/recall.h"
#include "scan/scan.h"
#include "space/space.h"
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

/*
 * With fewer queries, or if all of them find the same, two recalls are not taken
 * to be connected.
 */
#define MIN_PAIRS			30
#define MIN_VARIATION		1e-9

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

/* The part of maintenance_work_mem that what is known of leaves may take. */
#define LEAF_MEMORY			0.5

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
	AnnoyTarget target;
	int			rank;			/* asked for AnnoyCurveRows(rank) rows */
	AnnoyCollector nearest;		/* by estimated distance */
	bool		answered;		/* there are such, so it counts */
} SampleQuery;

/* Sums over queries: x is the recall for a number of rows, y that for the next. */
typedef struct RecallPairs
{
	double		x;
	double		y;
	double		xx;
	double		xy;
} RecallPairs;

/* A block that is a leaf. */
typedef struct Leaf
{
	uint16		entries;		/* for so many it counts */
	uint16		visit;			/* the last search that visits it */
} Leaf;

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
	 * be scanned.  Then this is known of each block.
	 */
	Leaf	   *leaves;
	BlockNumber nblocks;
	double		nleaves;
	uint16		visit;			/* number of the last search */
	AnnoyCurve	curve;
	RecallPairs pairs[ANNOY_CURVE_RANKS][ANNOY_CURVE_POINTS];

	/* is it to be believed? */
	AnnoyTrial *trials;			/* the first queries, or NULL */
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
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	uint16	   *hits = palloc(sizeof(uint16) * ANNOY_MAX_ENTRIES);
	float	   *scores = palloc(sizeof(float) * ANNOY_MAX_ENTRIES);
	BlockNumber block = AnnoyFirstLeaf(rel);
	BlockNumber steps = 0;
	double		items = 0;

	while (block != InvalidBlockNumber)
	{
		AnnoyNode	node = AnnoyReadLeaf(rel, index, block, copy, &steps);

		if (node == NULL)
		{
			block = AnnoyFirstLeaf(rel);
			continue;
		}
		if (calibration->leaves != NULL && block < calibration->nblocks)
			calibration->leaves[block].entries =
				(node->flags & ANNOY_NODE_UNIFORM) != 0 ? 1 : node->count;
		calibration->nleaves++;

		/* candidates get this from the node: let it tell their leaf */
		node->child_nsn = block;
		for (int i = 0; i < calibration->nqueries; i++)
		{
			SampleQuery *query = &calibration->queries[i];
			AnnoyCollector *nearest = &query->nearest;
			int			nhits;

			nhits = AnnoyNodeScore(&query->target, node, 0, nearest->limit, hits, scores);
			AnnoyCollect(nearest, index, node, nhits, hits, scores);
		}
		items += node->count;
		block = node->right;
		report(calibration, 0, node->count);
	}
	for (int i = 0; i < calibration->nqueries; i++)
		AnnoyCollectorFinish(&calibration->queries[i].nearest);
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
	const AnnoyCollector *nearest = &query->nearest;
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
	double		effort = calibration->curve.effort[point];
	const AnnoyCollector *ranked = &search->nodes[0];
	uint16		visit;
	double		scanned = 0;
	int			visited = 0;

	if (calibration->visit == PG_UINT16_MAX)
	{
		for (BlockNumber block = 0; block < calibration->nblocks; block++)
			calibration->leaves[block].visit = 0;
		calibration->visit = 0;
	}
	visit = ++calibration->visit;

	/* as in AnnoySearchForest, if leaves are emptier than thought */
	for (double rank_for = effort; scanned < effort; rank_for *= 4)
	{
		if (!found->all_ranked)
		{
			found->all_ranked = AnnoySearchRank(search, rank_for);

			/* all nodes above leaves are visited: so they are with any effort */
			if (!found->all_ranked && search->ranked[0] >= calibration->nleaves)
			{
				(void) AnnoySearchRank(search, INFINITY);
				found->all_ranked = true;
			}
		}
		scanned = 0;
		for (visited = 0; visited < ranked->count && scanned < effort; visited++)
		{
			BlockNumber block =
			ItemPointerGetBlockNumberNoCheck(&ranked->candidates[visited].pointer);

			if (block < calibration->nblocks)
			{
				calibration->leaves[block].visit = visit;
				scanned += calibration->leaves[block].entries;
			}
		}
		/* if nodes cannot be ranked, there is no effort for all */
		if (found->all_ranked || rank_for >= PG_INT32_MAX)
			break;
	}
	for (int i = 0; i < count; i++)
	{
		if (neighbours[i].key >= calibration->nblocks ||
			calibration->leaves[neighbours[i].key].visit != visit)
			continue;
		for (int j = 0; j <= rank; j++)
			found->count[j] += neighbours[i].distance <= found->cutoff[j];
	}
	return found->all_ranked && visited == ranked->count;
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
	int			keep = AnnoySearchKeep(calibration->index->metric, effort, AnnoyCurveRows(rank));
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
			   i >= AnnoySearchKeep(calibration->index->metric, effort, AnnoyCurveRows(least)))
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
	const AnnoyCollector *nearest = &query->nearest;

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
	AnnoySearch *search = AnnoySearchInit(calibration->rel, calibration->index,
										  &query->vector, ANNOY_DEFAULT_EPSILON);
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
			RecallPairs *pairs = &calibration->pairs[rank][i];

			y = (double) Min(found.count[rank], wanted[rank]) / wanted[rank];
			if (rank == 0 && query < calibration->queries + calibration->ntrials)
				calibration->trial_sum[i] += y;
			pairs->x += x;
			pairs->y += y;
			pairs->xx += x * x;
			pairs->xy += x * y;
			x = y;
		}
	}
}

/*
 * Average the recalls.  If all queries were asked for 100 rows, say, and some of
 * these for 1,000, linear regression tells what the others' recall would be.
 */
static void
finish_curve(Calibration *calibration)
{
	AnnoyCurve *curve = &calibration->curve;

	for (int rank = 0; rank < ANNOY_CURVE_RANKS && curve->queries[rank] > 0; rank++)
	{
		double		n = curve->queries[rank];
		float	   *recall = curve->recall[rank];

		for (int i = 0; i < (int) curve->points; i++)
		{
			const RecallPairs *pairs = &calibration->pairs[rank][i];
			double		sum_xx = pairs->xx - pairs->x * pairs->x / n;
			double		sum_xy = pairs->xy - pairs->x * pairs->y / n;

			recall[i] = pairs->y / n;
			if (rank > 0 && n >= MIN_PAIRS && sum_xx > MIN_VARIATION && sum_xy > 0)
				recall[i] += sum_xy / sum_xx * (curve->recall[rank - 1][i] - pairs->x / n);
			recall[i] = Min(Max(recall[i], 0), 1);
			if (i > 0)
				recall[i] = Max(recall[i], recall[i - 1]);
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
		if (!calibration->queries[i].answered || calibration->trials[i].count == 0)
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
	calibration->trials = palloc0(sizeof(AnnoyTrial) * calibration->ntrials);
	for (int i = 0; i < calibration->ntrials; i++)
	{
		calibration->trials[i].vector = calibration->queries[i].vector;
		calibration->trials[i].self = calibration->queries[i].self;
	}
	AnnoyTrialAnswers(calibration->rel, calibration->index, calibration->trials,
					  calibration->ntrials);
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
		AnnoyTargetInit(&query->target, index, index->metric == ANNOY_IP);
		AnnoyMapQuery(index, &query->vector, query->target.x);
		AnnoyTargetSet(&query->target);
		AnnoyCollectorInit(&query->nearest);
		AnnoyCollectorReset(&query->nearest,
							neighbours_kept(index, AnnoyCurveRows(query->rank)));
	}

	/* scores say less about manhattan distances; a walk sees but one tree */
	if (index->metric != ANNOY_L1 && index->n_trees == 1 &&
		sizeof(Leaf) * (Size) nblocks <= LEAF_MEMORY * maintenance_work_mem * 1024.0)
	{
		calibration->nblocks = nblocks;
		calibration->leaves =
			MemoryContextAllocExtended(CurrentMemoryContext,
									   sizeof(Leaf) * (Size) nblocks,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	}
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
		Neighbour  *neighbours = palloc(sizeof(Neighbour) * Max(query->nearest.count, 1));
		int			count = measure_nearest(calibration, query, &reader, neighbours);

		query->answered = count > 0;
		if (query->answered)
			search_query(calibration, query, neighbours, count);
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
	finish_curve(calibration);
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
