/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  EXPLAIN (ANALYZE, ANNOY): what the scans of a plan have done.
 *
 * There are such options since PostgreSQL 18.  Before, annoy_last_scan() tells as
 * much of one scan.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/explain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scan/scan.h"

#if PG_VERSION_NUM >= 180000

#include <math.h>

#include "access/relscan.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "nodes/execnodes.h"

/* Our number among the extensions that have options. */
static int	extension_id;

static explain_per_node_hook_type next_per_node;
static explain_validate_options_hook_type next_validate_options;

/* Is the option on? */
static bool
is_on(ExplainState *es)
{
	return GetExplainExtensionState(es, extension_id) != NULL;
}

/* ExplainOptionHandler: the option is a boolean. */
static void
read_option(ExplainState *es, DefElem *option, ParseState *pstate pg_attribute_unused())
{
	static bool on;				/* has an address */

	SetExplainExtensionState(es, extension_id, defGetBoolean(option) ? &on : NULL);
}

/* explain_validate_options_hook: nothing is known of what has not been done. */
static void
validate_options(ExplainState *es, List *options, ParseState *pstate)
{
	if (next_validate_options != NULL)
		next_validate_options(es, options, pstate);
	if (is_on(es) && !es->analyze)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("EXPLAIN option %s requires ANALYZE", "ANNOY")));
}

/*
 * How many searches workers have made.  PostgreSQL counts them, and no more.
 */
static int64
searches_of_workers(const IndexScanState *node)
{
	int64		searches = 0;

	for (int i = 0; node->iss_SharedInfo != NULL && i < node->iss_SharedInfo->num_workers; i++)
		searches += node->iss_SharedInfo->winstrument[i].nsearches;
	return searches;
}

/* Microseconds. */
static double
microseconds(instr_time time)
{
	return INSTR_TIME_GET_DOUBLE(time) * 1e6;
}

/*
 * In text: a line for each subject, without what is zero and need not be told.
 */
static void
show_text(ExplainState *es, const AnnoyScanReport *report, double predicted)
{
	const AnnoyScanStats *stats = &report->stats;
	const int64 *ended = stats->ended;

	ExplainIndentText(es);
	appendStringInfo(es->str, "Annoy Search: effort=%.0f", stats->effort / stats->searches);
	if (report->recall > 0)
		appendStringInfo(es->str, " target recall=%g", report->recall);
	if (!isnan(predicted))
		appendStringInfo(es->str, " predicted recall=%.3f", predicted);
	appendStringInfoChar(es->str, '\n');

	ExplainIndentText(es);
	appendStringInfo(es->str, "Annoy Rounds: " INT64_FORMAT, stats->rounds);
	if (ended[ANNOY_END_EFFORT] > 0)
		appendStringInfo(es->str, " by effort=" INT64_FORMAT, ended[ANNOY_END_EFFORT]);
	if (ended[ANNOY_END_DISTANCE] > 0)
		appendStringInfo(es->str, " by distance=" INT64_FORMAT, ended[ANNOY_END_DISTANCE]);
	if (ended[ANNOY_END_EVERYTHING] > 0)
		appendStringInfo(es->str, " by everything=" INT64_FORMAT, ended[ANNOY_END_EVERYTHING]);
	if (stats->drained > 0)
		appendStringInfo(es->str, " drained=" INT64_FORMAT, stats->drained);
	appendStringInfoChar(es->str, '\n');

	ExplainIndentText(es);
	appendStringInfo(es->str, "Annoy Visits: inner nodes=" INT64_FORMAT " leaves=" INT64_FORMAT
					 " entries=" INT64_FORMAT " pages=" INT64_FORMAT " read=" INT64_FORMAT "\n",
					 stats->inner_nodes, stats->leaves, stats->entries,
					 stats->pages, stats->pages_read);

	ExplainIndentText(es);
	appendStringInfoString(es->str, "Annoy Rows:");
	if (stats->tested > 0)
		appendStringInfo(es->str, " tested=" INT64_FORMAT, stats->tested);
	appendStringInfo(es->str, " looked at=" INT64_FORMAT " returned=" INT64_FORMAT "\n",
					 stats->items, stats->rows);

	if (es->timing)
	{
		ExplainIndentText(es);
		appendStringInfo(es->str, "Annoy Times: routing=%.1f scanning=%.1f distances=%.1f us\n",
						 microseconds(stats->routing), microseconds(stats->scanning),
						 microseconds(stats->reranking));
	}
}

/*
 * In the other formats: a group, with the same properties in each plan, but for what is
 * not known.
 */
static void
show_group(ExplainState *es, const AnnoyScanReport *report, double predicted)
{
	const AnnoyScanStats *stats = &report->stats;

	ExplainOpenGroup("Annoy", "Annoy", true, es);
	ExplainPropertyInteger("Searches", NULL, stats->searches, es);
	if (report->recall > 0)
		ExplainPropertyFloat("Target Recall", NULL, report->recall, 4, es);
	if (!isnan(predicted))
		ExplainPropertyFloat("Predicted Recall", NULL, predicted, 4, es);
	ExplainPropertyFloat("Effort", NULL, stats->effort / stats->searches, 0, es);
	ExplainPropertyInteger("Rounds", NULL, stats->rounds, es);
	ExplainPropertyInteger("Rounds Ended by Effort", NULL, stats->ended[ANNOY_END_EFFORT], es);
	ExplainPropertyInteger("Rounds Ended by Distance", NULL, stats->ended[ANNOY_END_DISTANCE], es);
	ExplainPropertyInteger("Rounds Ended by Everything", NULL,
						   stats->ended[ANNOY_END_EVERYTHING], es);
	ExplainPropertyInteger("Searches Drained", NULL, stats->drained, es);
	ExplainPropertyInteger("Inner Nodes", NULL, stats->inner_nodes, es);
	ExplainPropertyInteger("Leaves", NULL, stats->leaves, es);
	ExplainPropertyInteger("Entries", NULL, stats->entries, es);
	ExplainPropertyInteger("Pages", NULL, stats->pages, es);
	ExplainPropertyInteger("Pages Read", NULL, stats->pages_read, es);
	ExplainPropertyInteger("Rows Tested", NULL, stats->tested, es);
	ExplainPropertyInteger("Rows Looked At", NULL, stats->items, es);
	ExplainPropertyInteger("Rows Returned", NULL, stats->rows, es);
	if (es->timing)
	{
		ExplainPropertyFloat("Routing Time", "us", microseconds(stats->routing), 1, es);
		ExplainPropertyFloat("Scanning Time", "us", microseconds(stats->scanning), 1, es);
		ExplainPropertyFloat("Distances Time", "us", microseconds(stats->reranking), 1, es);
	}
	ExplainCloseGroup("Annoy", "Annoy", true, es);
}

/*
 * explain_per_node_hook: tell what the scan of a node has done, if it is ours.  It is
 * still open, unless it was never begun.
 */
static void
explain_node(PlanState *planstate, List *ancestors, const char *relationship,
			 const char *plan_name, ExplainState *es)
{
	const IndexScanState *node = (IndexScanState *) planstate;
	AnnoyScanReport report = {0};
	int64		by_workers;

	if (next_per_node != NULL)
		next_per_node(planstate, ancestors, relationship, plan_name, es);
	if (!is_on(es) || !es->analyze || !IsA(planstate, IndexScanState) ||
		node->iss_RelationDesc->rd_indam->ambeginscan != annoybeginscan)
		return;

	by_workers = searches_of_workers(node);
	if (by_workers > 0)
		ExplainPropertyInteger("Annoy Searches in Workers, Not Shown", NULL, by_workers, es);
	if (node->iss_ScanDesc != NULL)
		AnnoyReportScan(node->iss_ScanDesc, &report);
	if (report.stats.searches > 0)
	{
		double		predicted = AnnoyPredictedRecall(&report);

		if (es->format == EXPLAIN_FORMAT_TEXT)
			show_text(es, &report, predicted);
		else
			show_group(es, &report, predicted);
	}
}

/* Let EXPLAIN have the option. */
void
AnnoyDefineExplain(void)
{
	extension_id = GetExplainExtensionId("annoy");
	AnnoyRegisterExplainOption("annoy", read_option);
	next_per_node = explain_per_node_hook;
	explain_per_node_hook = explain_node;
	next_validate_options = explain_validate_options_hook;
	explain_validate_options_hook = validate_options;
}

#else

/* Let EXPLAIN have the option, which it cannot. */
void
AnnoyDefineExplain(void)
{
}

#endif
