/*-------------------------------------------------------------------------
 *
 * executor.c
 *	  What the executor is going to do with the rows of a scan.
 *
 * An access method is not told how many rows are wanted, or whether those it
 * returns are tested for further conditions, but it matters: the hundredth row
 * takes more effort than the tenth, and the tenth that meets a condition may be
 * the thousandth of all.  So note which query runs, and look in its plan for the
 * node that scans, and for a LIMIT above it.
 *
 * A scan has the arrays of keys of its node, which tells whose it is.  What is
 * not found has neither, as far as we know: scans of other code than the
 * executor's, or of what it runs aside, like EvalPlanQual.
 *
 * How many rows of the scan a LIMIT takes if they are tested for conditions, the
 * planner has estimated.
 *
 * If all rows will be read, a scan may as well begin with all of them: then they
 * are in order to the end.  Where groups are made in the order of the scan below a
 * LIMIT, it is not known how many rows they take.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/executor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/parallel.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"

#include "scan/scan.h"
#include "scan/step.h"

/* The query that is being executed, NULL if there is none. */
static QueryDesc *running = NULL;

/* For how many rows is it run?  0 = to its end, as a cursor, for one, is not. */
static uint64 running_count = 1;

static ExecutorRun_hook_type next_run = NULL;

static void
run_query(QueryDesc *query, ScanDirection direction,
		  uint64 count ANNOY_RUN_ONCE_PARAMETER)
{
	QueryDesc  *outer = running;
	uint64		outer_count = running_count;

	running = query;
	running_count = count;
	PG_TRY();
	{
		if (next_run != NULL)
			next_run(query, direction, count ANNOY_RUN_ONCE);
		else
			standard_ExecutorRun(query, direction, count ANNOY_RUN_ONCE);
	}
	PG_FINALLY();
	{
		running = outer;
		running_count = outer_count;
	}
	PG_END_TRY();
}

/* From now on, know what is being executed. */
void
AnnoyWatchExecutor(void)
{
	next_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
}

/* So many times the rows that conditions are expected to take are asked for. */
#define FILTERED_MARGIN		1.5

/* A LIMIT that has so many times the rows there are is taken for none. */
#define ALL_ROWS			1.2

/* An incremental sort reads so many rows more than it returns. */
#define SORT_BATCH			64

/* Look for the node that has given these keys. */
typedef struct NodeSearch
{
	ScanKey		orderbys;
	AnnoyDemand demand;
} NodeSearch;

static inline bool
is_node_of(const NodeSearch *search, PlanState *node)
{
	return IsA(node, IndexScanState) &&
		((IndexScanState *) node)->iss_OrderByKeys == search->orderbys;
}

/*
 * The rows that a node's scan is expected to find for each that meets the node's
 * own conditions.
 */
static double
rows_per_passing(PlanState *node)
{
	const IndexScanState *scan = (IndexScanState *) node;
	double		rows = scan->iss_RelationDesc->rd_rel->reltuples;

	/* it is not known how many pass, or conditions in the index stop others */
	if (node->qual == NULL || rows <= 0 || scan->iss_NumScanKeys > 0)
		return 1;
	return Max(FILTERED_MARGIN * rows / Max(node->plan->plan_rows, 1), 1);
}

/* What is known of how the rows that a node returns are read. */
typedef struct NodePath
{
	bool		everything;		/* to the last */
	double		limit;			/* no more than these; infinite if that is not
								 * known */
	bool		is_page;		/* there is an OFFSET */
	bool		relies;			/* not to the last, by who relies on the order */
	MergeAppendState *merge;	/* the node right above merges these and
								 * others */
} NodePath;

/* What follows for the scan, now that it is found. */
static void
note_path(NodeSearch *search, PlanState *node, const NodePath *path)
{
	const IndexScanState *scan = (IndexScanState *) node;
	double		rows = scan->iss_RelationDesc->rd_rel->reltuples;
	AnnoyDemand *demand = &search->demand;

	demand->filtered = node->qual != NULL;
	demand->everything = path->everything;
	if (path->limit < INFINITY)
	{
		demand->limit = path->limit * rows_per_passing(node);
		demand->is_page = path->is_page;
		if (node->qual == NULL && scan->iss_NumScanKeys == 0 && rows > 0 &&
			ALL_ROWS * path->limit >= rows)
			demand->everything = true;
	}
	demand->relies = path->relies && !demand->everything;
	demand->merge = path->merge;
	demand->merged = path->merge != NULL ? path->merge->ms_nplans : 1;
}

/* Groups of rows are read: that takes more rows than there are groups. */
static void
pass_groups(PlanState *node, NodePath *path)
{
	double		groups = Max(node->plan->plan_rows, 1);

	path->limit *= Max(outerPlan(node->plan)->plan_rows / groups, 1);
	path->relies |= !path->everything;
}

static bool find_scan(NodeSearch *search, PlanState *node, NodePath path);

static bool
find_scan_of_any(NodeSearch *search, PlanState **nodes, int count, NodePath path)
{
	for (int i = 0; i < count; i++)
	{
		if (find_scan(search, nodes[i], path))
			return true;
	}
	return false;
}

/*
 * Look for the scan in nodes that are not part of a path: in a list of subplans, or
 * of nodes.  How often and how far these are read is not known.
 */
static bool
find_scan_aside(NodeSearch *search, List *nodes)
{
	static const NodePath nothing = {.limit = INFINITY};
	ListCell   *cell;

	foreach(cell, nodes)
	{
		PlanState  *node = lfirst(cell);

		if (IsA(node, SubPlanState))
			node = ((SubPlanState *) node)->planstate;
		if (find_scan(search, node, nothing))
			return true;
	}
	return false;
}

/*
 * Look for the scan below a node.
 */
static bool
find_scan(NodeSearch *search, PlanState *node, NodePath path)
{
	static const NodePath all = {.everything = true,.limit = INFINITY};
	static const NodePath nothing = {.limit = INFINITY};
	NodePath	inner = nothing;

	check_stack_depth();

	if (node == NULL)
		return false;
	if (is_node_of(search, node))
	{
		note_path(search, node, &path);
		return true;
	}
	if (find_scan_aside(search, node->initPlan) ||
		find_scan_aside(search, node->subPlan))
		return true;
	if (node->qual != NULL)
		path.limit = INFINITY;
	path.merge = NULL;
	switch (nodeTag(node))
	{
		case T_SubqueryScanState:
			return find_scan(search, ((SubqueryScanState *) node)->subplan, path);
		case T_AppendState:
			return find_scan_of_any(search, ((AppendState *) node)->appendplans,
									((AppendState *) node)->as_nplans, path);
		case T_MergeAppendState:
			path.merge = (MergeAppendState *) node;
			return find_scan_of_any(search, ((MergeAppendState *) node)->mergeplans,
									((MergeAppendState *) node)->ms_nplans, path);
		case T_CustomScanState:
			if (find_scan_aside(search, ((CustomScanState *) node)->custom_ps))
				return true;
			path = nothing;
			break;
		case T_LimitState:
			{
				const LimitState *limit = (LimitState *) node;

				path.is_page = limit->offset > 0;
				if (!limit->noCount)
				{
					path.everything = false;
					path.limit = (double) limit->offset + limit->count;
				}
				break;
			}
		case T_SortState:
		case T_HashState:
			path = all;
			break;
		case T_AggState:
			if (((AggState *) node)->aggstrategy == AGG_PLAIN ||
				((AggState *) node)->aggstrategy == AGG_HASHED)
				path = all;
			else
				pass_groups(node, &path);
			break;
		case T_UniqueState:
		case T_GroupState:
		case T_SetOpState:
			pass_groups(node, &path);
			break;
		case T_IncrementalSortState:
			path.limit += SORT_BATCH;
			break;
		case T_WindowAggState:
			if (AnnoyWindowMayStop(node))
				path = nothing;
			path.limit++;
			break;
		case T_MergeJoinState:
			/* one side may end before the other */
			path.limit = INFINITY;
			path.relies |= !path.everything;
			inner = path;
			break;
		case T_HashJoinState:
			path.limit = INFINITY;
			inner = path;
			break;
		case T_NestLoopState:
			path.limit = INFINITY;
			break;
		case T_GatherState:
		case T_GatherMergeState:
		case T_ResultState:
		case T_LockRowsState:
		case T_ModifyTableState:
			break;
		case T_ProjectSetState:
		case T_MaterialState:
			path.limit = INFINITY;
			break;
		default:
			path = nothing;
			break;
	}
	return find_scan(search, outerPlanState(node), path) ||
		find_scan(search, innerPlanState(node), inner);
}

/*
 * What will be done with the rows of the scan with these keys?  To be asked when
 * the scan begins: a LIMIT has been computed by then.
 */
AnnoyDemand
AnnoyAskExecutor(ScanKey orderbys)
{
	NodeSearch	search = {.orderbys = orderbys};

	if (running != NULL && running->planstate != NULL)
	{
		NodePath	path = {.everything = running_count == 0,.limit = INFINITY};

		/* a worker is told how many rows a LIMIT above it takes */
		if (IsParallelWorker() && running_count > 0)
			path.limit = running_count;
		(void) find_scan(&search, running->planstate, path);
	}
	return search.demand;
}
