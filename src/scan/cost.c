/*-------------------------------------------------------------------------
 *
 * cost.c
 *	  What the planner should think of a scan, and of a distance.
 *
 * What a search costs depends on how many rows are taken, and not linearly: it
 * goes in rounds, each of which costs more than the one before, until it is
 * cheaper to walk over all items; and heap pages that were read need not be read
 * again.  A path has but two costs, between which LIMIT interpolates.  So we work
 * out what k rows cost, conditions on the table included; and let the line go
 * through the cost of one row, and of as many as would make sorting the table as
 * cheap, which is where a wrong estimate would lead to a wrong plan.  What lies
 * between is cheaper than the line says by less than that, and what lies beyond
 * is not done with the index.  With conditions, if the LIMIT is known and small, the line
 * goes through the cost of so many instead.  If it is not known, the planner asks for a
 * tenth of the rows, and is told what a usual number of them costs.
 *
 * The unit is cpu_operator_cost, which stands for some 12 ns on a machine where
 * cpu_tuple_cost and seq_page_cost are right for tables that are in memory but
 * not in shared buffers; docs/measurements.md has the measurements.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/cost.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/heaptoast.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "scan/scan.h"
#include "scan/step.h"
#include "storage/storage.h"

/* How full nodes are, roughly. */
#define TYPICAL_FILL	0.5

#define LOG2(x)	(log(x) / 0.693147180559945)

/* Pages that are read for a vector that is not in the row, beside the row's. */
#define TOAST_PAGES		2

/* Cost of a page that is in shared buffers, as a part of random_page_cost. */
#define CACHED_PAGE		0.02

/*
 * Operators' costs of: preparing a query, for each dimension; visiting a leaf;
 * scoring an entry, and each byte of its code.
 */
#define PREPARE_COST	0.5
#define LEAF_COST		5.0
#define ENTRY_COST		0.4
#define CODE_BYTE_COST	0.005

/* What sifting an entry costs, as a part of scoring it. */
#define SIFT_COST		0.5

/* What a code takes in most indexes, for one that only might be. */
#define HYPOTHETICAL_CODE_BYTES	32

/* Looking at an item in a round, and in a walk; for 4 bytes of its vector. */
#define ITEM_COST		5.0
#define WALK_COST		15.0
#define WORD_COST		0.05

/* Items that are looked at, for no row and for each. */
#define LEAST_ITEMS		20.0
#define ITEMS_PER_ROW	2.0

/* Rows that are settled (settle.c), for each one that is returned. */
#define SETTLED_PER_ROW	1.5

/* See filter.c: a test in a walk, for the steps of a scan. */
#define WALK_ENTRIES	1.5

/* Testing the conditions of an item, without the operators; in a walk. */
#define TEST_COST		25.0
#define TEST_WALK_COST	1.5
#define SIFT_WALK_COST	0.15

/* Rows of a query whose LIMIT is not known. */
#define USUAL_LIMIT		20.0

/*
 * The part of the items that passes by mistake a byte of signatures: one of order or
 * hash, or one of the elements of an array.
 */
#define BYTE_MISTAKES		0.01
#define ELEMENTS_MISTAKES	0.4

/* See level_costs: costs are lowered to this part of a sort's, or not at all. */
#define LEVEL_FROM			0.9

/*
 * Of what cannot be done: more than a plan that is disabled, and finite, as the
 * difference of two infinite costs compares with nothing.
 */
#define REFUSED_COST	1e100

/* What the cost of a scan is made from. */
typedef struct ScanCost
{
	PlannerInfo *root;
	const IndexOptInfo *info;
	double		loops;			/* scans, one after the other */

	/* of the index */
	int			n_trees;
	int			dims;			/* 0 = it has no vectors */
	int			item_pages;		/* to read for an item */
	int			item_words;		/* of 4 bytes */
	bool		settles;		/* exact distances come from the table */
	int			component_bytes;	/* of a type whose operators do not say
									 * what a distance costs, or 0 */
	int			attributes_size;
	double		entry_cost;
	double		leaf_entries;
	double		by_mistake[INDEX_MAX_KEYS]; /* part of the items that passes
											 * the sieve, of those that fail a
											 * condition on the column */
	double		items;
	AnnoyScanTask task;			/* without demands: the rows wanted are not
								 * known */

	/* of the query */
	QualCost	qual_cost;		/* of the conditions in the index */
	double		passing;		/* part of the items that meets them */
	double		sifted;			/* part of the items that is tested */
	double		fetched;		/* rows that come from the index if all do */
	double		rows;			/* of these, rows that meet all conditions */
	QualCost	distance_cost;	/* of the operator */
} ScanCost;

/*
 * Cost of touching a number of pages of the index: in shared buffers, as far as
 * these have room for it; in the kernel's cache, which costs as much as the pages
 * of a sequential scan are said to; or on disk.
 */
static Cost
page_cost(const ScanCost *scan, double touched)
{
	double		pages = Max(scan->info->pages, 1);
	double		shared = Min(NBuffers / pages, 1);
	double		cached = Min(effective_cache_size / pages, 1);
	double		random_cost;
	double		seq_cost;
	double		fetched;

	get_tablespace_page_costs(scan->info->reltablespace, &random_cost, &seq_cost);
	fetched = index_pages_fetched(touched * scan->loops, scan->info->pages, pages,
								  scan->root) / scan->loops;
	return touched * random_cost * CACHED_PAGE +
		fetched * (Max(cached - shared, 0) * seq_cost + (1 - cached) * random_cost);
}

/*
 * Cost of a round that scans so many entries, but for the items looked at.  What does
 * not pass a sieve takes hardly anything.
 */
static Cost
round_cost(const ScanCost *scan, double effort)
{
	double		entries = Min(effort, scan->task.efforts.all);
	double		leaves = entries / scan->leaf_entries + 2 * scan->n_trees;

	return page_cost(scan, leaves) +
		cpu_operator_cost * (leaves * LEAF_COST + entries * scan->entry_cost *
							 (SIFT_COST + (1 - SIFT_COST) *
							  Min(ANNOY_BLOCK_ENTRIES * scan->sifted, 1)));
}

static Cost
item_cost(const ScanCost *scan, double items)
{
	return page_cost(scan, items * scan->item_pages) +
		items * cpu_operator_cost * (ITEM_COST + WORD_COST * scan->item_words);
}

/* Cost of walking over so many items, and sorting them. */
static Cost
walk_cost(const ScanCost *scan, double items)
{
	return page_cost(scan, Min(items * scan->item_pages, scan->info->pages)) +
		items * cpu_operator_cost * (WALK_COST + WORD_COST * scan->item_words +
									 2 * LOG2(Max(items, 2)));
}

/*
 * Cost of draining the index: a walk over all items; or, with conditions, over all
 * attributes, which are sifted if there is a sieve, and over the items that pass.
 */
static Cost
drain_cost(const ScanCost *scan)
{
	if (!scan->task.tests)
		return walk_cost(scan, scan->items);
	return page_cost(scan, scan->items * scan->attributes_size / BLCKSZ) +
		(scan->sifted < 1 ? scan->items * cpu_operator_cost * SIFT_WALK_COST : 0) +
		scan->items * scan->sifted *
		(cpu_operator_cost * TEST_WALK_COST + scan->qual_cost.per_tuple) +
		walk_cost(scan, scan->items * scan->passing);
}

/*
 * Cost of the items that a search looks at until it has returned so many rows.
 * With conditions, that many items are tested.
 */
static Cost
look_cost(const ScanCost *scan, double rows, double tested)
{
	if (!scan->task.tests)
		return item_cost(scan, Min(LEAST_ITEMS + ITEMS_PER_ROW * rows, scan->items));
	return item_cost(scan, rows) + page_cost(scan, 2 * tested) +
		tested * (cpu_operator_cost * TEST_COST + scan->qual_cost.per_tuple);
}

/*
 * Cost of a search until it has returned so many rows: that of the steps which a
 * scan takes that finds what it expects to.  It is not expected to run out of
 * memory.
 */
static Cost
search_cost(const ScanCost *scan, double rows)
{
	AnnoyScanProgress progress = {
		.passing = scan->passing,
		.sifted = scan->sifted,
		.row_is_next = true,
		.kept_all = true,
		.memory_limit = SIZE_MAX,
	};
	AnnoyRound	round = {0};
	Cost		cost = cpu_operator_cost * PREPARE_COST * scan->dims;

	if (scan->task.tests)
		cost += scan->qual_cost.startup;
	if (scan->dims == 0)
		return cost + drain_cost(scan);
	while (progress.returned < rows)
	{
		AnnoyRound	last = round;

		switch (AnnoyNextStep(&scan->task, &last, &progress, &round))
		{
			case ANNOY_STEP_ROUND:
				cost += round_cost(scan, round.effort);
				progress.scanned = round.effort;
				break;
			case ANNOY_STEP_RETURN:

				/*
				 * as many as it does without another round; one at least,
				 * which rounding might make none
				 */
				progress.returned = Max(progress.returned + 1,
										scan->task.tests ?
										floor(round.enough_for * scan->passing) :
										round.enough_for);
				break;
			case ANNOY_STEP_LOOK:
			case ANNOY_STEP_DRAIN:
				return cost + drain_cost(scan);
		}
	}
	return cost + look_cost(scan, rows, scan->sifted * Min(round.enough_for, scan->items));
}

/* Pages of the table that are read to fetch so many rows. */
static double
table_pages(const ScanCost *scan, double fetched)
{
	return index_pages_fetched(fetched * scan->loops, scan->info->rel->pages,
							   scan->info->pages, scan->root) / scan->loops;
}

/*
 * Cost of fetching rows from the table and testing them.  Pages cost what they do
 * in a bitmap scan, which is what to compare with: the more of a table is read,
 * the more of it is in memory.
 */
static Cost
fetch_cost(const ScanCost *scan, double fetched)
{
	const RelOptInfo *rel = scan->info->rel;
	double		pages = table_pages(scan, fetched);
	double		random_cost;
	double		seq_cost;

	get_tablespace_page_costs(rel->reltablespace, &random_cost, &seq_cost);
	return pages * (random_cost - (random_cost - seq_cost) *
					sqrt(Min(pages / Max(rel->pages, 1), 1))) +
		fetched * (cpu_tuple_cost + rel->baserestrictcost.per_tuple);
}

/*
 * Cost of fetching all rows, as cost_index has it.
 */
static Cost
planned_fetch_cost(const ScanCost *scan)
{
	const RelOptInfo *rel = scan->info->rel;
	double		random_cost;

	get_tablespace_page_costs(rel->reltablespace, &random_cost, NULL);
	return random_cost * table_pages(scan, scan->fetched) +
		scan->fetched * (cpu_tuple_cost + rel->baserestrictcost.per_tuple);
}

/*
 * Cost of k rows that meet all conditions.  So many have to be fetched that one
 * of them can be expected at each of k evenly spread places.
 */
static Cost
scan_cost(const ScanCost *scan, double k)
{
	double		fetched = k < scan->rows ?
	k * (scan->fetched + 1) / (scan->rows + 1) : scan->fetched;

	return search_cost(scan, fetched) + fetch_cost(scan, fetched) + fetched * cpu_index_tuple_cost +
		(scan->settles ? SETTLED_PER_ROW * fetched * scan->distance_cost.per_tuple : 0) +
		k * scan->distance_cost.per_tuple;
}

/*
 * Cost of the same by reading the table and sorting.
 */
static Cost
sort_cost(const ScanCost *scan, double k)
{
	const RelOptInfo *rel = scan->info->rel;
	double		seq_cost;

	get_tablespace_page_costs(rel->reltablespace, NULL, &seq_cost);
	return seq_cost * rel->pages +
		rel->tuples * (cpu_tuple_cost + rel->baserestrictcost.per_tuple) +
		scan->rows * (scan->distance_cost.per_tuple +
					  2 * cpu_operator_cost * LOG2(Max(Min(2 * k, scan->rows), 2)));
}

/*
 * For how many rows is the index half way between the cost of the first and that
 * of a sort?  At most all.  Another index may be cheaper than a sort.
 */
static double
middle_row(const ScanCost *scan, Cost first_cost)
{
	double		low = 1;
	double		high = scan->rows;

	if (first_cost >= sort_cost(scan, low) ||
		scan_cost(scan, high) <= (first_cost + sort_cost(scan, high)) / 2)
		return high;
	while (high > Max(1.05 * low, low + 1))
	{
		double		k = ceil(sqrt(low * high));

		if (k >= high)
			break;
		if (scan_cost(scan, k) <= (first_cost + sort_cost(scan, k)) / 2)
			low = k;
		else
			high = k;
	}
	return high;
}

/*
 * For how many rows will the planner ask what the path costs, as it does not know the
 * LIMIT?  0 if it does, or there is none, or all rows are needed all the same.
 *
 * A LIMIT that is a parameter of a generic plan is taken for a tenth of the rows.  So
 * many are what nobody wants of nearest rows, and what a sort is cheaper for.
 */
static double
guessed_limit(const ScanCost *scan, const IndexPath *path)
{
	const PlannerInfo *root = scan->root;
	const Query *parse = root->parse;

	if (parse->limitCount == NULL || root->tuple_fraction <= 0 || root->tuple_fraction >= 1 ||
		parse->hasAggs || parse->hasWindowFuncs || parse->groupClause != NIL ||
		parse->distinctClause != NIL ||
		path->indexorderbys == NIL || path->path.param_info != NULL)
		return 0;
	return root->tuple_fraction * scan->rows;
}

/*
 * How many of the rows will be taken at most, if that is known, and are few, and if there
 * are conditions?  Otherwise 0.  With conditions, the line that serves to tell an index
 * from a sort is far off for few rows, and several indexes may be asked, each for other
 * conditions.
 */
static double
known_limit(const ScanCost *scan, const IndexPath *path)
{
	const PlannerInfo *root = scan->root;

	if (root->limit_tuples <= 1 || root->limit_tuples > USUAL_LIMIT ||
		!(scan->task.tests || scan->task.demand.filtered) || path->indexorderbys == NIL ||
		path->path.param_info != NULL || root->parse->rowMarks != NIL ||
		bms_membership(root->all_baserels) != BMS_SINGLETON)
		return 0;
	return Min(root->limit_tuples, scan->rows);
}

/*
 * What is to be known of an index.
 */
static void
describe_index(ScanCost *scan)
{
	const IndexOptInfo *info = scan->info;
	Relation	rel = index_open(info->indexoid, NoLock);
	const AnnoyIndex *index = AnnoyOpen(rel);
	Size		size;

	AnnoyChooseEfforts(rel, index, info->pages, -1, &scan->task.efforts);
	scan->task.metric = index->metric;
	scan->task.n_entries = index->n_entries;
	scan->n_trees = index->n_trees;
	scan->dims = index->dim;
	size = index->dim > 0 ? AnnoyVectorSize(index->dtype, index->dim) : 0;
	scan->item_pages = index->group_pages > 1 ? 2 : 1;

	/*
	 * pages of items without vectors are few; instead, there is that of the
	 * row
	 */
	if (index->in_table && size > TOAST_TUPLE_THRESHOLD)
		scan->item_pages += TOAST_PAGES;
	scan->item_words = size / 4;
	scan->settles = index->dtype == ANNOY_INT8;
	scan->component_bytes = AnnoyIndexLayout(rel) == ANNOY_LAYOUT_VECTOR ? sizeof(float4) :
		AnnoyIndexLayout(rel) == ANNOY_LAYOUT_HALFVEC ? sizeof(AnnoyHalf) : 0;
	scan->task.walk_cost = WALK_ENTRIES;
	scan->attributes_size = index->attributes_size;
	scan->entry_cost = ENTRY_COST + CODE_BYTE_COST * index->leaf.bytes;
	scan->leaf_entries = Max(TYPICAL_FILL * index->leaf.capacity, 1);
	scan->items = Max(AnnoyEstimateItems(index, info->pages), 1);
	for (int i = 0; i < INDEX_MAX_KEYS; i++)
		scan->by_mistake[i] = 1;
	for (int i = 0; i < index->leaf.signature_bytes; i++)
	{
		int			column = ANNOY_SIGNATURE_COLUMN(index->signature_columns[i]);
		Oid			type = TupleDescAttr(RelationGetDescr(rel), column)->atttypid;

		scan->by_mistake[column] *=
			OidIsValid(get_base_element_type(type)) ? ELEMENTS_MISTAKES : BYTE_MISTAKES;
	}
	index_close(rel, NoLock);
}

/*
 * The dimensions of an annoy index, as the planner knows it; 0 if it has none yet.
 */
double
AnnoyPlannedDims(IndexOptInfo *info)
{
	ScanCost	scan = {0};

	scan.info = info;
	describe_index(&scan);
	return scan.dims;
}

/*
 * Does the sieve know what a condition in the index asks for?
 */
static bool
is_sifted(Node *clause)
{
	if (IsA(clause, OpExpr))
		return AnnoySieveKnows(exprType(linitial(((OpExpr *) clause)->args)),
							   ((OpExpr *) clause)->opno);
	if (IsA(clause, ScalarArrayOpExpr))
		return AnnoySieveKnows(exprType(linitial(((ScalarArrayOpExpr *) clause)->args)),
							   ((ScalarArrayOpExpr *) clause)->opno);
	return IsA(clause, NullTest);
}

/*
 * What part of the items passes the sieve?
 */
static double
sifted_part(const ScanCost *scan, List *clauses)
{
	List	   *quals = NIL;
	double		mistakes = 1;
	double		passing;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (scan->by_mistake[clause->indexcol] == 1 ||
			!is_sifted((Node *) linitial_node(RestrictInfo, clause->indexquals)->clause))
			continue;
		quals = list_concat(quals, clause->indexquals);
		mistakes *= scan->by_mistake[clause->indexcol];
	}
	if (quals == NIL)
		return 1;
	passing = clauselist_selectivity(scan->root, quals, scan->info->rel->relid,
									 JOIN_INNER, NULL);
	return Max(passing + (1 - passing) * mistakes, scan->passing);
}

/*
 * Cost of a distance of the indexed column, for an operator of another extension that
 * does not tell.
 */
static Cost
untold_distance_cost(const ScanCost *scan)
{
	const IndexOptInfo *info = scan->info;
	Oid			table = planner_rt_fetch(info->rel->relid, scan->root)->relid;
	AttrNumber	attribute = info->indexkeys[0];

	/* of an expression, whatever it is made of */
	if (attribute == 0)
	{
		List	   *vars = pull_var_clause(linitial(info->indexprs), 0);

		if (vars != NIL)
			attribute = linitial_node(Var, vars)->varattno;
	}
	return AnnoyDistanceCost(scan->dims) +
		(attribute > 0 ? AnnoyColumnCost(table, attribute, (double) scan->dims * scan->component_bytes) : 0);
}

/*
 * The planner takes a distance for cheaper than it is, and so a sequential scan with a
 * sort, against which a path of the index has no chance then.  Lower the path's costs
 * so that it is cheaper than the planner's idea of these for as many rows as it is
 * cheaper than they really are.  What is cheaper than both stays as it is, so that
 * other indexes are compared with what is true.
 */
static void
level_costs(ScanCost *scan, Cost planned, double last, Cost *first_cost, Cost *per_row)
{
	Cost		real_sort = sort_cost(scan, last);
	Cost		real_first = *first_cost;
	Cost		low;
	Cost		sort;

	scan->distance_cost.per_tuple = planned;
	sort = sort_cost(scan, last);
	if (real_first >= real_sort || sort >= real_sort)
		return;
	low = LEVEL_FROM * sort;
	if (real_first > low)
		*first_cost = low + (real_first - low) * (sort - low) / (real_sort - low);
	*per_row *= Max(sort - *first_cost, 0) / (real_sort - real_first);
}

void
annoycostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
				  Cost *startup_cost, Cost *total_cost,
				  Selectivity *selectivity, double *correlation,
				  double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	RelOptInfo *rel = info->rel;
	List	   *quals = get_quals_from_indexclauses(path->indexclauses);
	List	   *predicate = add_predicate_to_index_quals(info, NIL);
	List	   *conditions = NIL;	/* other ones */
	bool		is_within = false;	/* of a query, which orders the scan */
	ScanCost	scan = {0};
	ListCell   *cell;
	double		guessed;
	double		limit;
	double		last;
	Cost		distance_cost;	/* as the planner has it */
	Cost		first_cost;
	Cost		per_row = 0;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);
		Node	   *qual = (Node *) linitial_node(RestrictInfo, clause->indexquals)->clause;

		if (clause->indexcol == 0 && IsA(qual, OpExpr))
			is_within = true;
		else
			conditions = list_concat(conditions, list_copy(clause->indexquals));
	}
	*selectivity = clauselist_selectivity(root, add_predicate_to_index_quals(info, quals),
										  rel->relid, JOIN_INNER, NULL);
	*correlation = 0.0;
	*pages = info->pages;

	/* the method cannot do this: there is always a sequential scan instead */
	if (list_length(path->indexorderbys) > 1 ||
		(path->indexorderbys == NIL && !is_within))
	{
		*startup_cost = REFUSED_COST;
		*total_cost = REFUSED_COST;
		AnnoyDisablePath(&path->path);
		return;
	}

	/*
	 * Of an index that only might be nothing is known, not even its storage
	 * parameters.  It is searched as one that is made without any, before it
	 * has a curve.
	 */
	if (info->hypothetical)
	{
		*startup_cost = cpu_operator_cost * ANNOY_MIN_SEARCH_K * ANNOY_AUTOMATIC_ENTRIES *
			(ENTRY_COST + CODE_BYTE_COST * HYPOTHETICAL_CODE_BYTES);
		*total_cost = *startup_cost + info->tuples * cpu_index_tuple_cost;
		return;
	}

	scan.root = root;
	scan.info = info;
	scan.loops = Max(loop_count, 1);
	foreach(cell, path->indexclauses)
		scan.task.tests |= lfirst_node(IndexClause, cell)->indexcol > 0;
	cost_qual_eval(&scan.qual_cost, conditions, root);
	cost_qual_eval(&scan.distance_cost, path->indexorderbys, root);
	scan.passing = Min(clauselist_selectivity(root, add_predicate_to_index_quals(info, conditions),
											  rel->relid, JOIN_INNER, NULL) /
					   Max(clauselist_selectivity(root, predicate, rel->relid,
												  JOIN_INNER, NULL), 1e-10), 1);
	scan.passing = Max(scan.passing, 1e-10);
	scan.fetched = clamp_row_est(*selectivity * rel->tuples);
	scan.rows = Min(path->path.param_info ? path->path.param_info->ppi_rows : rel->rows,
					scan.fetched);
	describe_index(&scan);
	scan.sifted = sifted_part(&scan, path->indexclauses);
	if (scan.sifted < 1)
		scan.task.walk_sift_cost = AnnoyWalkSiftCost(scan.attributes_size);

	distance_cost = scan.distance_cost.per_tuple;
	if (path->indexorderbys != NIL && scan.component_bytes > 0 && scan.dims > 0)
		scan.distance_cost.per_tuple = Max(distance_cost, untold_distance_cost(&scan));
	/* as the executor's conditions make a search harder */
	scan.task.demand.filtered = scan.rows < scan.fetched;

	first_cost = scan_cost(&scan, 1);
	guessed = guessed_limit(&scan, path);
	limit = known_limit(&scan, path);
	if (guessed > USUAL_LIMIT)
		last = USUAL_LIMIT;
	else
		last = limit > 0 ? limit : middle_row(&scan, first_cost);
	if (last > 1)
		per_row = Max((scan_cost(&scan, last) - first_cost) / (Max(guessed, last) - 1), 0);
	if (scan.distance_cost.per_tuple > distance_cost)
		level_costs(&scan, distance_cost, last, &first_cost, &per_row);
	*startup_cost = Max(first_cost - per_row, 0);

	/* the planner adds what fetching all rows costs, and all distances */
	*total_cost = *startup_cost +
		Max(scan.rows * (per_row - distance_cost) -
			planned_fetch_cost(&scan), 0);
}
