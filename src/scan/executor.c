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
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/executor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

#include "scan/scan.h"

/* The query that is being executed, NULL if there is none. */
static QueryDesc *running = NULL;

static ExecutorRun_hook_type next_run = NULL;

static void
run_query(QueryDesc *query, ScanDirection direction,
		  uint64 count ANNOY_RUN_ONCE_PARAMETER)
{
	QueryDesc  *outer = running;

	running = query;
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

/* Look for the node that has given these keys. */
typedef struct NodeSearch
{
	ScanKey		orderbys;
	AnnoyDemand demand;
} NodeSearch;

static inline bool
is_node_of(const NodeSearch *search, PlanState *node)
{
	return node != NULL && IsA(node, IndexScanState) &&
		((IndexScanState *) node)->iss_OrderByKeys == search->orderbys;
}

/*
 * The node whose rows a node returns, one for each; NULL if it is not of that kind.
 */
static PlanState *
passes_rows_of(PlanState *node)
{
	if (node->qual != NULL)
		return NULL;
	if (IsA(node, SubqueryScanState))
		return ((SubqueryScanState *) node)->subplan;
	if (IsA(node, ResultState) || IsA(node, LockRowsState))
		return outerPlanState(node);
	return NULL;
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

static bool
find_node(PlanState *node, void *arg)
{
	NodeSearch *search = arg;

	if (is_node_of(search, node))
	{
		search->demand.filtered = node->qual != NULL;
		return true;
	}
	if (IsA(node, LimitState) && !((LimitState *) node)->noCount)
	{
		const		LimitState *limit = (LimitState *) node;
		PlanState  *below = outerPlanState(node);

		while (below != NULL && !is_node_of(search, below))
			below = passes_rows_of(below);
		if (below != NULL)
		{
			search->demand.limit = ((double) limit->offset + limit->count) *
				rows_per_passing(below);
			search->demand.is_page = limit->offset > 0;
		}
	}
	return planstate_tree_walker(node, find_node, arg);
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
		(void) find_node(running->planstate, &search);
	return search.demand;
}
