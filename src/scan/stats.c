/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  What scans have done: for annoy_last_scan(), and for EXPLAIN.
 *
 * A scan counts as it goes, whoever may want to know.  As EXPLAIN shows all that a
 * node of a plan has done, a scan that is started anew, in a nested loop, keeps the
 * sums of its searches before.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/stats.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/float.h"

#include "scan/state.h"

/* Of the last search that this session has ended. */
static AnnoyScanReport last_scan;

/*
 * How far down a search has come, in rows: those that failed the conditions in the
 * index count.
 */
static double
rows_reached(const AnnoyScanState *state)
{
	if (!state->task.tests)
		return state->returned;
	return state->returned /
		(AnnoyFilterSieveRate(state->filter) * AnnoyFilterRate(state->filter));
}

/* Report what the search of a scan that has been started has done so far. */
static void
report_search(const AnnoyScanState *state, AnnoyScanReport *report)
{
	AnnoyScanStats *stats = &report->stats;

	memset(report, 0, sizeof(AnnoyScanReport));
	if (state->search != NULL)
	{
		*stats = state->search->stats;
		stats->reach = rows_reached(state);
		report->recall = state->task.efforts.recall;
		report->growth = state->task.efforts.growth;
		report->curve = state->search->index->curve;
	}
	stats->searches = 1;
	stats->tested = state->task.tests ? (int64) state->filter->tested : 0;
	stats->rows = state->returned;
	stats->drained = state->drained;
	stats->pages = state->hits + state->reads;
	stats->pages_read = state->reads;
}

/* Add what another search has done. */
static void
add_report(AnnoyScanReport *report, const AnnoyScanReport *search)
{
	AnnoyScanStats sum = report->stats;

	*report = *search;
	report->stats.searches += sum.searches;
	report->stats.rounds += sum.rounds;
	for (int i = 0; i < (int) lengthof(sum.ended); i++)
		report->stats.ended[i] += sum.ended[i];
	report->stats.effort += sum.effort;
	report->stats.reach += sum.reach;
	report->stats.inner_nodes += sum.inner_nodes;
	report->stats.leaves += sum.leaves;
	report->stats.entries += sum.entries;
	report->stats.tested += sum.tested;
	report->stats.items += sum.items;
	report->stats.rows += sum.rows;
	report->stats.drained += sum.drained;
	report->stats.pages += sum.pages;
	report->stats.pages_read += sum.pages_read;
	INSTR_TIME_ADD(report->stats.routing, sum.routing);
	INSTR_TIME_ADD(report->stats.scanning, sum.scanning);
	INSTR_TIME_ADD(report->stats.reranking, sum.reranking);
}

/*
 * Note what a search has done that is about to end.
 */
void
AnnoyNoteSearch(AnnoyScanState *state)
{
	report_search(state, &last_scan);
	add_report(state->past, &last_scan);
}

/*
 * What the last search of this session that has ended has done.
 */
const AnnoyScanReport *
AnnoyLastScan(void)
{
	return &last_scan;
}

/*
 * What all searches of a scan have done, that under way included.
 */
void
AnnoyReportScan(IndexScanDesc scan, AnnoyScanReport *report)
{
	const AnnoyScanState *state = scan->opaque;

	*report = *state->past;
	if (state->started)
	{
		AnnoyScanReport search;

		report_search(state, &search);
		add_report(report, &search);
	}
}

/*
 * The part of the nearest rows that, as the curve tells, searches like these find on
 * average, or NaN if it does not tell.  One that has looked at everything has found
 * them all.
 */
double
AnnoyPredictedRecall(const AnnoyScanReport *report)
{
	const AnnoyScanStats *stats = &report->stats;
	double		drained = stats->searches > 0 ? (double) stats->drained / stats->searches : 0;

	if (drained == 1 || stats->searches == 0)
		return drained == 1 ? 1 : get_float8_nan();
	return drained + (1 - drained) *
		AnnoyRecallOf(&report->curve, report->growth, stats->effort / stats->searches,
					  stats->is_average, stats->reach / stats->searches);
}
