/*-------------------------------------------------------------------------
 *
 * cost.c
 *	  What the planner should think of a scan.
 *
 * LIMIT interpolates between startup and total cost.  A search returns nothing
 * before its first round is over, so that round is the startup cost; the total
 * is that of walking over all items and sorting them.
 *
 * Conditions on further columns are tested in the index.  A round then has to go
 * as far as the rows that fail demand; or all items are tested, if that is
 * cheaper, and the distances of those that pass are computed.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/cost.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"
#include "utils/float.h"
#include "utils/spccache.h"

#include "annoy.h"

/* How full nodes are, roughly. */
#define TYPICAL_FILL	0.5

/* Items whose exact distance the first round computes, at the least. */
#define TYPICAL_ITEMS	120.0

#define LOG2(x)	(log(x) / 0.693147180559945)

/* Least automatic search_k. */
#define MIN_SEARCH_K	8000

/* Cost of a page that is cached, as a part of random_page_cost. */
#define CACHED_PAGE		0.02

/* Scoring an entry, compared with an operator's call. */
#define ENTRY_COST		0.05

/* Preparing a query, in operator calls per dimension. */
#define PREPARE_COST	0.5

/* Rows that a search with conditions goes for at first. */
#define FILTER_ROWS		10.0

/* Effort grows with this power of the rows demanded. */
#define ROWS_POWER		0.6

/*
 * How many entries a search scans if nobody says, and the index has no recall
 * curve: the square root of their number times a factor that gives a recall@10
 * of at least 0.95 on all data that we have, but not fewer than take a fraction
 * of a millisecond anyway.
 * Inner products are harder to find: where vectors differ in length, the best
 * ones are spread over more leaves.
 */
int
AnnoyDefaultSearchK(const AnnoyIndex *index, double items)
{
	double		factor = index->metric == ANNOY_IP ? 65 : 25;

	return (int) Min(Max(ceil(factor * sqrt(items)), MIN_SEARCH_K), 1e9);
}

/*
 * Cost of reading a number of pages of an index, in random order.
 */
static double
page_cost(double pages, double index_pages, Oid tablespace)
{
	double		random_cost;
	double		seq_cost;
	double		cached;

	get_tablespace_page_costs(tablespace, &random_cost, &seq_cost);
	cached = index_pages <= effective_cache_size ? 1.0 :
		effective_cache_size / index_pages;
	return Min(pages, index_pages) * random_cost *
		(CACHED_PAGE * cached + (1.0 - cached));
}

void
annoycostestimate(PlannerInfo *root, IndexPath *path,
				  double loop_count pg_attribute_unused(),
				  Cost *startup_cost, Cost *total_cost,
				  Selectivity *selectivity, double *correlation,
				  double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	const AnnoyIndex *index;
	Relation	rel;
	AnnoyEfforts efforts;
	double		items;
	double		entries;
	double		visited;
	double		dims;
	double		distance;
	double		looked;
	double		walk;
	List	   *quals = get_quals_from_indexclauses(path->indexclauses);
	QualCost	qual_cost;

	*selectivity = quals == NIL ? 1.0 :
		clauselist_selectivity(root, quals, info->rel->relid, JOIN_INNER, NULL);
	cost_qual_eval(&qual_cost, quals, root);
	*correlation = 0.0;
	*pages = info->pages;

	/* the method cannot do this */
	if (path->indexorderbys == NIL)
	{
		*startup_cost = get_float8_infinity();
		*total_cost = get_float8_infinity();
		return;
	}

	/* nothing is known of an index that only might be */
	if (info->hypothetical)
	{
		*startup_cost = page_cost(TYPICAL_ITEMS, info->pages, info->reltablespace);
		*total_cost = *startup_cost + info->tuples * cpu_index_tuple_cost;
		return;
	}

	rel = index_open(info->indexoid, NoLock);
	index = AnnoyOpen(rel);
	AnnoyChooseEfforts(rel, index, info->pages, &efforts);
	index_close(rel, NoLock);

	dims = Max(index->dim, 1);
	items = index->dim > 0 ? AnnoyEstimateItems(index, info->pages) : 1;

	distance = cpu_operator_cost * (1 + dims / 128);

	/* the first round: nodes, then the pages of the items looked at */
	entries = efforts.first;
	looked = TYPICAL_ITEMS;
	if (quals != NIL)
	{
		double		demand = Min(1 / Max(*selectivity, 1e-10), items);

		entries *= pow(demand, ROWS_POWER);
		looked += FILTER_ROWS * demand;
	}
	entries = Min(entries, items * index->n_trees);
	looked = Min(looked, items);
	visited = looked * (index->group_pages > 1 ? 2 : 1);
	if (index->dim > 0)
		visited += entries / (TYPICAL_FILL * index->leaf.capacity) + 2 * index->n_trees;
	*startup_cost = page_cost(visited, info->pages, info->reltablespace) +
		cpu_operator_cost * (PREPARE_COST * dims +
							 ENTRY_COST * entries * (1 + dims / 128)) +
		(quals == NIL ? looked * distance :
		 qual_cost.startup + looked * qual_cost.per_tuple + FILTER_ROWS * distance);

	/* the whole: one walk over all pages, and a sort */
	walk = page_cost(info->pages, info->pages, info->reltablespace) +
		items * (cpu_index_tuple_cost + distance +
				 2 * LOG2(Max(items, 2)) * cpu_operator_cost);

	/* with conditions, over all attributes and what passes */
	if (quals != NIL)
	{
		double		passing = items * *selectivity;
		double		pages_read = items * index->attributes_size / BLCKSZ +
		passing * (index->group_pages > 1 ? 2 : 1);

		walk = page_cost(pages_read, info->pages, info->reltablespace) +
			qual_cost.startup + items * (cpu_index_tuple_cost + qual_cost.per_tuple) +
			passing * (distance + 2 * LOG2(Max(passing, 2)) * cpu_operator_cost);
		*startup_cost = Min(*startup_cost, walk);
	}
	*total_cost = *startup_cost + walk;
}
