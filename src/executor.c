/*-------------------------------------------------------------------------
 *
 * executor.c
 *	  What the executor is going to do with the rows of a scan.
 *
 * An access method is not told whether the rows it returns are tested for
 * further conditions, but it matters: the tenth row that meets one may be the
 * thousandth of all, and those who wait for it want it to be the right one.  So
 * note which query runs, and look in its plan for the node that scans.
 *
 * A scan has the arrays of keys of its node, which tells whose it is.  What is
 * not found has no conditions, as far as we know: scans of other code than the
 * executor's, or of what it runs aside, like EvalPlanQual.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/executor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

#include "annoy.h"

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

/* Look for the node that has given these keys, and its conditions. */
typedef struct NodeSearch
{
	ScanKey		orderbys;
	bool		has_conditions;
} NodeSearch;

static bool
find_node(PlanState *node, void *arg)
{
	NodeSearch *search = arg;

	if (IsA(node, IndexScanState) &&
		((IndexScanState *) node)->iss_OrderByKeys == search->orderbys)
	{
		search->has_conditions = node->qual != NULL;
		return true;
	}
	return planstate_tree_walker(node, find_node, arg);
}

/*
 * Are the rows of the scan with these keys going to be tested for conditions that
 * are not the index's?
 */
bool
AnnoyRowsAreFiltered(ScanKey orderbys)
{
	NodeSearch	search = {orderbys, false};

	if (running != NULL && running->planstate != NULL)
		(void) find_node(running->planstate, &search);
	return search.has_conditions;
}
