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
 * The averages are the recall curve, which is kept in the metapage, and from
 * which scans choose their effort (effort.c).  A build makes it, and it is made
 * anew when it is too old (curve.c).
 *
 * Few queries are enough to know the recall of many rows, which differs less
 * between queries, and costs more to find out.  So all queries count for the 10
 * and the 100 nearest, and the first of them for 1,000.  What these have more of
 * the 100 nearest than all, they will also have more of the 1,000.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/calibrate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "annoy.h"
#include "search.h"

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

/* Pages read to find an item to ask, at most. */
#define TRIES_PER_QUERY		256

/* Items drawn for each one that is new, at most. */
#define DRAWS_PER_QUERY		16

/*
 * The least effort, and by how much each is above the one before, at least:
 * where leaves are few, recall goes up in steps.
 */
#define FIRST_EFFORT		512.0
#define EFFORT_STEP			M_SQRT2

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
	double		items;
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

	AnnoyProgress progress;		/* counts items and queries; or NULL */
	void	   *progress_arg;
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
	if (calibration->progress != NULL)
		calibration->progress(more, done, calibration->progress_arg);
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
 * Find an item to ask: one of those on a page that holds any.
 */
static bool
choose_item(Relation rel, const AnnoyIndex *index, BlockNumber nblocks,
			AnnoyRandom *random, AnnoyPointer *pointer)
{
	for (int i = 0; i < TRIES_PER_QUERY; i++)
	{
		BlockNumber block = AnnoyRandomBelow(random, nblocks);
		Buffer		buffer = ReadBuffer(rel, block);
		Page		page = BufferGetPage(buffer);
		int			live = 0;

		AnnoyVacuumDelay();

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && AnnoyPageIsValid(page) &&
			AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM)
		{
			AnnoySlot	slots = AnnoyPageGetSlots(page);

			/* each replaces the one chosen so far with the same probability */
			for (int j = 0; j < index->group_slots; j++)
			{
				if (AnnoySlotState(&slots[j]) == ANNOY_SLOT_LIVE &&
					AnnoyRandomBelow(random, ++live) == 0)
					ItemPointerSet(pointer, block, FirstOffsetNumber + j);
			}
		}
		UnlockReleaseBuffer(buffer);
		if (live > 0)
			return true;
	}
	return false;
}

/*
 * Copy a vector into the current memory context.
 */
AnnoyVector
AnnoyCopyVector(const AnnoyVector *vec)
{
	Size		size = AnnoyVectorSize(vec->dtype, vec->dim);
	AnnoyVector copy = *vec;

	copy.data = memcpy(palloc(size), vec->data, size);
	return copy;
}

static bool
is_in_sample(const AnnoySample *sample, const AnnoyVector *vec)
{
	Size		size = AnnoyVectorSize(vec->dtype, vec->dim);

	for (int i = 0; i < sample->count; i++)
	{
		if (memcmp(sample->items[i].vector.data, vec->data, size) == 0)
			return true;
	}
	return false;
}

/*
 * Choose about that many items with vectors, none twice: which, depends on
 * nothing but the seed and the index's pages.  With `distinct', no vector comes
 * twice: copies of one vector are easy to find, and hide that others are not.
 */
AnnoySample *
AnnoySampleItems(Relation rel, const AnnoyIndex *index, uint64 seed, int wanted,
				 bool distinct)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	AnnoyRandom random = seed;
	AnnoySample *sample = palloc(offsetof(AnnoySample, items) +
								 sizeof(sample->items[0]) * wanted);
	AnnoyItemReader reader;

	AnnoyItemReaderInit(&reader, rel, index, NULL);
	sample->count = 0;
	for (int i = 0; i < DRAWS_PER_QUERY * wanted && sample->count < wanted; i++)
	{
		AnnoyPointer pointer;
		AnnoyItem	item;
		bool		again = false;

		if (!choose_item(rel, index, nblocks, &random, &pointer))
			break;
		for (int j = 0; j < sample->count; j++)
			again |= ItemPointerEquals(&sample->items[j].pointer, &pointer);
		if (again)
			continue;
		AnnoyItemFetch(&reader, AnnoyItemPin(&reader, &pointer), &pointer, &item);
		if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE && item.vector.data != NULL &&
			!(distinct && is_in_sample(sample, &item.vector)))
		{
			sample->items[sample->count].pointer = pointer;
			sample->items[sample->count].tid = item.tid;
			sample->items[sample->count++].vector = AnnoyCopyVector(&item.vector);
		}
		AnnoyItemRelease(&reader);
	}
	AnnoyItemReaderEnd(&reader);
	return sample;
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
 * Take a user's queries.
 */
static void
take_queries(Calibration *calibration, const AnnoyVector *queries, int nqueries)
{
	calibration->nqueries = nqueries;
	calibration->queries = palloc0(sizeof(SampleQuery) * nqueries);
	for (int i = 0; i < calibration->nqueries; i++)
	{
		calibration->queries[i].vector = queries[i];
		ItemPointerSetInvalid(&calibration->queries[i].self);
	}
}

/* The leaf with which the walk over the leaves of the first tree begins. */
BlockNumber
AnnoyFirstLeaf(Relation rel)
{
	Buffer		buffer = ReadBuffer(rel, ANNOY_METAPAGE_BLKNO);
	BlockNumber block;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_META);
	block = AnnoyPageGetMeta(BufferGetPage(buffer))->leftmost[0][0];
	UnlockReleaseBuffer(buffer);
	return block;
}

/*
 * Copy a leaf.  Returns NULL if it is a root that has been split meanwhile, and
 * is no leaf any more: the walk then starts again.
 */
AnnoyNode
AnnoyReadLeaf(Relation rel, const AnnoyIndex *index, BlockNumber block,
			  PGAlignedBlock *copy, BlockNumber *steps)
{
	AnnoyNode	node = AnnoyPageGetNode(copy->data);

	AnnoyVacuumDelay();
	AnnoyCopyNode(rel, index, block, copy->data);
	if ((*steps)++ > RelationGetNumberOfBlocks(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains right links that form a circle at block %u",
						RelationGetRelationName(rel), block),
				 errhint("Please REINDEX it.")));
	return node->level == 0 ? node : NULL;
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
	calibration->curve.items = items;
}

/*
 * The search with the effort of a point has found everything with that key.
 * Count which of it are neighbours, which are in order of keys; once each, if
 * several trees find it.
 */
static void
count_found(Neighbour *neighbours, int count, uint64 key, int rank, int point,
			Found *found)
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
		for (int i = 0; i <= rank; i++)
			found->count[i] += neighbours[low].distance <= found->cutoff[i];
	}
}

/*
 * Compute the exact distances of a query's nearest items by estimate.  Returns
 * their number.
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
				!ItemPointerEquals((ItemPointer) pointer, (ItemPointer) &query->self))
			{
				neighbours[count].key = calibration->leaves != NULL ?
					nearest->candidates[start + i].nsn : pointer_key(pointer);
				neighbours[count++].distance =
					AnnoyDistance(calibration->index->metric, &item.vector,
								  &query->vector);
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
		if (found->all_ranked)
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
	int			keep = AnnoySearchKeep(calibration->index, effort);

	/* manhattan: what is not kept is not looked at */
	if (calibration->index->metric != ANNOY_L1)
		keep = Max(keep, KEEP_PER_ROW * AnnoyCurveRows(rank) + KEEP_MORE);
	AnnoySearchForest(search, effort, keep);
	for (int i = 0; i < search->items.count; i++)
		count_found(neighbours, count,
					pointer_key(&search->items.candidates[i].pointer), rank,
					point, found);
	return search->complete;
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
										  &query->vector);
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
	while (count > 0 && neighbours[count - 1].distance > found.cutoff[query->rank])
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
			recall[i] = Min(recall[i], 1);
			if (i > 0)
				recall[i] = Max(recall[i], recall[i - 1]);
		}
	}
}

/*
 * Measure the curve with the queries that have been taken.
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
	double		entries;
	double		step;

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

	/* a ladder that ends with everything */
	entries = curve->items * index->n_trees;
	step = Max(pow(entries / FIRST_EFFORT, 1.0 / (ANNOY_CURVE_POINTS - 1)), EFFORT_STEP);
	for (double effort = FIRST_EFFORT;
		 effort < entries && curve->points < ANNOY_CURVE_POINTS - 1;
		 effort *= step)
		curve->effort[curve->points++] = effort;
	curve->effort[curve->points++] = entries;

	AnnoyItemReaderInit(&reader, calibration->rel, index, NULL);
	for (int i = 0; i < calibration->nqueries; i++)
	{
		SampleQuery *query = &calibration->queries[i];
		MemoryContext old_context = MemoryContextSwitchTo(context);
		Neighbour  *neighbours = palloc(sizeof(Neighbour) * Max(query->nearest.count, 1));
		int			count = measure_nearest(calibration, query, &reader, neighbours);

		if (count > 0)
			search_query(calibration, query, neighbours, count);
		report(calibration, 0, 1);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(context);
	}
	AnnoyItemReaderEnd(&reader);

	finish_curve(calibration);
}

/*
 * Measure the recall curve of an index that holds about that many vectors, and
 * store it: with a user's queries, or with items if there are none.  Returns the
 * number of queries asked, which is 0 if the index is too small to need a curve,
 * and then has none.
 *
 * Locks are held on one page at a time, so others can read and write meanwhile.
 */
int
AnnoyCalibrate(Relation rel, double items, const AnnoyVector *queries,
			   int nqueries, AnnoyProgress progress, void *progress_arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy calibration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Calibration calibration = {
		.rel = rel,.items = items,.progress = progress,.progress_arg = progress_arg
	};
	int			asked = 0;
	int			nestlevel;

	/* the curve is that of the default, whatever is set at the moment */
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("annoy.epsilon", psprintf("%g", ANNOY_DEFAULT_EPSILON),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);

	calibration.index = AnnoyOpen(rel);
	if (calibration.index->has_space && items >= ANNOY_CURVE_MIN_ITEMS)
	{
		if (queries != NULL)
			take_queries(&calibration, queries, nqueries);
		else
			take_items(&calibration,
					   Min(Max(items / ITEMS_PER_QUERY, MIN_QUERIES), MAX_QUERIES));
	}
	else if (calibration.index->curve.points > 0)
		AnnoyStoreCurve(rel, &calibration.curve);
	if (calibration.nqueries > 0)
	{
		calibration.curve.blocks = RelationGetNumberOfBlocks(rel);
		measure(&calibration);
		AnnoyStoreCurve(rel, &calibration.curve);
		asked = calibration.curve.queries[0];
	}

	AtEOXact_GUC(false, nestlevel);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return asked;
}
