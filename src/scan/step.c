/*-------------------------------------------------------------------------
 *
 * step.c
 *	  What a scan does next.
 *
 * Scans do what AnnoyNextStep() says, and the planner is told the cost of that
 * (cost.c).  So all that it says follows from its arguments; it reads nothing
 * else.
 *
 * Nobody tells an access method how many rows are wanted.  So effort follows
 * demand: before the r-th row is returned, the effort must have been what r rows
 * take (effort.c).  If it was not, there is another round with a greater effort,
 * and likewise if the candidates of a round have all been looked at, and no row
 * is sure to be the next.  When a round has scanned everything, or more than
 * half of it, the scan drains the index.
 *
 * With conditions on the index's further columns, rows that fail are demanded as
 * well as those that are returned: how many of them there will be, the part that
 * passes tells.  As soon as it is cheaper to test all items there are, the scan
 * drains the index.
 *
 * What a scan knows takes memory.  When another round might need more than there
 * is, the scan drains the index instead.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "scan/rows.h"
#include "scan/step.h"
#include "tree/tree.h"

/* By how much to search harder if all candidates have been returned. */
#define EFFORT_GROWTH		4

/* Likewise for the candidates kept, when those of a round did not do. */
#define KEEP_GROWTH			4

/* The most candidates that are kept. */
#define MAX_KEEP			(PG_INT32_MAX / 8)

/*
 * After a round that has scanned more than this part of all entries, all is; and with
 * conditions, if a round would scan more than so many.
 */
#define LAST_EFFORT			0.5
#define FILTER_LAST_EFFORT	0.8

/*
 * If the executor has conditions of its own, the rows it wants are as hard to
 * find as the last of all that it takes, so an effort that finds the wanted part
 * of all on average is not enough: search harder by a factor.  Who takes so many
 * rows has conditions, most likely, even if none are seen: in a join, say.
 */
#define DEEP_ROWS			1200
#define DEEP_EFFORT			2

/* At most that part of the rows returned need not count because it is dead. */
#define MOST_DEAD			0.5

/* With so many dead rows, and that part of all, more will be. */
#define MIN_DEAD			2
#define MANY_DEAD			0.2

/*
 * With conditions in the index: rows that are thought to be wanted at first, and
 * as many times the rows that will be demanded are searched for; as many times
 * those of the round before at least, and as many candidates kept for each.
 * Before so many tests what part passes is not known better than by the sample.
 */
#define FILTER_ROWS			10
#define FILTER_MARGIN		1.5
#define SIFTED_MARGIN		2.0 /* where most that fail cost little, ... */
#define SIFTED_ROWS			100 /* ... for so many rows or more */
#define FILTER_GROWTH		3
#define FILTER_KEEP			3
#define FILTER_SAMPLE		100

/*
 * Where at least that part of what passes the sieve meets the conditions, what may be
 * among the nearest of these will do, if so many rows are demanded at most.
 */
#define SURE_PART			0.8
#define CLOSE_ROWS			300

/*
 * If these are not many more than ten, such a round may end when it has done so much
 * more as a power of the rows.
 */
#define DONE_ROWS			100
#define DONE_POWER			0.6

/*
 * If next to nothing is known of the part that passes, the first round scans so much,
 * which tells it.
 */
#define GUESS_EFFORT		0.05

/*
 * Farther down than was measured, effort for these grows with so much higher a power
 * of the rows than the curve tells.
 */
#define DEEP_POWER			0.4

/*
 * What testing one of the items demanded takes, and a distance, in entries scanned: see
 * docs/measurements.md.
 */
#define TEST_COST			400.0
#define SIFT_COST			0.5 /* an entry, if it is not scored */
#define DISTANCE_COST		90.0

/* As many rows as a LIMIT says may turn out to be too few: some are not visible. */
#define LIMIT_MARGIN		1.2

/* So many rows the first round is for if it is not known that more are wanted. */
#define FIRST_ROWS			(AnnoyCurveRows(0) * LIMIT_MARGIN)

/*
 * Of many scans that are merged, each is searched for so many times its share of the
 * rows at first: most hardly have more.  A scan that does makes another round for all
 * of them, so that few scans are searched for all at once.
 */
#define MERGE_SHARE			2.0
#define MANY_MERGED			8

/*
 * If it is known from other scans how far the nearest rows are, that much is enough to
 * be done without a curve.
 */
#define LEARNT_DONE			2000.0

/* The first round of a page behind an OFFSET is for so many rows, at least. */
#define PAGE_ROWS			100

/* The effort after which there is no round. */
static inline double
last_effort(const AnnoyScanTask *task)
{
	return LAST_EFFORT * task->efforts.all;
}

/* Might a scan that keeps so many more candidates use too much memory? */
static bool
exceeds_memory(const AnnoyScanTask *task, const AnnoyScanProgress *progress, int keep)
{
	/* hash table and heap double when they are full */
	Size		per_item = 2 * (2 * sizeof(SeenEntry) + sizeof(AnnoyRow));

	return progress->memory + AnnoyCollectorMemory(keep) +
		keep / task->n_entries * per_item > progress->memory_limit;
}

/*
 * A query that is unlike the rows takes more than the next round's effort, and more
 * candidates, up to half of all entries, and what there is memory for.
 */
static void
allow_for_unlike(const AnnoyScanTask *task, const AnnoyScanProgress *progress,
				 AnnoyRound *next)
{
	if (next->done == 0)
	{
		next->done = INFINITY;
		next->most = next->effort;
	}
	next->bound = Max(next->most, last_effort(task));
	next->most_keep = next->keep;
	while (next->most_keep < ANNOY_MOST_UNLIKE * next->keep &&
		   !exceeds_memory(task, progress, 2 * next->most_keep))
		next->most_keep *= 2;
}

/*
 * The next round is to have the effort, and to be for the rows, that it has been
 * given, and to keep as many candidates at least.  Is it made, or has draining
 * become cheaper, or does it take less memory?
 */
static AnnoyScanStep
make_round(const AnnoyScanTask *task, const AnnoyRound *last,
		   const AnnoyScanProgress *progress, AnnoyRound *next)
{
	/* manhattan: what is not kept is not found */
	double		part = task->tests ? progress->sifted : 1;	/* of the entries */
	double		rows = task->metric == ANNOY_L1 ? part * next->enough_for : 0;
	int			least = Max(next->keep, AnnoySearchKeep(task->metric, task->n_entries, 0, rows));
	bool		replaces = next->limit < last->limit;

	if (last->effort > 0 && next->effort > last->effort && !replaces)
	{
		if (progress->complete || progress->scanned > last_effort(task))
			return ANNOY_STEP_DRAIN;
		if (next->effort > last_effort(task) && task->efforts.measured == 0)
			next->effort = task->efforts.all;
	}
	next->keep = Max(least, AnnoySearchKeep(task->metric, task->n_entries, part * next->effort,
											part * next->enough_for));
	while (next->keep > least && exceeds_memory(task, progress, next->keep))
		next->keep = Max(next->keep / 2, least);
	if (exceeds_memory(task, progress, next->keep))
		return ANNOY_STEP_DRAIN;
	if (next->done > 0 || (task->efforts.adapt && !task->tests))
		allow_for_unlike(task, progress, next);
	return ANNOY_STEP_ROUND;
}

/*
 * Will hardly more rows be taken than are known to be among the nearest in any case?
 * By manhattan distance, scores do not tell which these are.
 */
bool
AnnoyWantsFew(const AnnoyScanTask *task)
{
	const AnnoyDemand *demand = &task->demand;

	return demand->limit > 0 && demand->limit <= AnnoyCurveRows(0) && !demand->is_page &&
		!demand->filtered &&
		task->metric != ANNOY_L1;
}

/*
 * How many rows that meet the conditions in the index a round is for: as many as the
 * LIMIT says, if there is one.
 */
static inline double
rows_wanted(const AnnoyScanTask *task, const AnnoyScanProgress *progress)
{
	const AnnoyDemand *demand = &task->demand;
	double		limit = demand->is_page ? 0 : Min(demand->limit, DEEP_ROWS);

	return Max(progress->returned + 1, Max(limit, FILTER_ROWS));
}

/* More rows are searched for than those that are demanded. */
static inline double
rows_searched_for(const AnnoyEfforts *efforts, const AnnoyScanProgress *progress, double rows)
{
	double		margin;

	if (progress->sifted == 1)
		return FILTER_MARGIN * rows;
	/* the nearest few are found more often than those farther down */
	margin = 1 + (SIFTED_MARGIN - 1) *
		Min(Max(log(rows / AnnoyCurveRows(0)), 0) / log(SIFTED_ROWS / AnnoyCurveRows(0)), 1);
	/* efforts for more than was measured have a margin of their own */
	if (efforts->measured > 0)
		return Max(Min(margin * rows, AnnoyCurveRows(efforts->measured - 1)),
				   Min(margin, FILTER_MARGIN) * rows);
	return margin * rows;
}

/* The effort for so many rows, those that fail included. */
static double
effort_past_failures(const AnnoyEfforts *efforts, double rows)
{
	double		effort = AnnoyEffortForRows(efforts, rows);

	/* the farther down nothing was measured, the less does it tell */
	if (efforts->measured > 0)
		effort *= pow(Max(rows / AnnoyCurveRows(efforts->measured - 1), 1), DEEP_POWER);
	return effort;
}

/*
 * Search for what rows that fail the conditions in the index demand as well as
 * those that are returned.
 */
static AnnoyScanStep
search_past_failures(const AnnoyScanTask *task, const AnnoyRound *last,
					 const AnnoyScanProgress *progress, AnnoyRound *next)
{
	const AnnoyEfforts *efforts = &task->efforts;
	double		wanted = rows_wanted(task, progress);
	double		rows = wanted / progress->passing;
	double		scored = Min(ANNOY_BLOCK_ENTRIES * progress->sifted, 1);	/* blocks */
	double		demanded;
	double		keep;
	double		tests;

	/*
	 * if there are fewer rows than are wanted, the search will not find the
	 * last
	 */
	if (last->effort > 0 && efforts->items * progress->passing < wanted)
		return ANNOY_STEP_DRAIN;
	rows = Max(rows_searched_for(efforts, progress, rows), FILTER_GROWTH * last->enough_for);
	while (progress->guesses && rows > AnnoyCurveRows(0) &&
		   effort_past_failures(efforts, rows) > GUESS_EFFORT * efforts->all)
		rows /= 2;
	tests = progress->sifted * Min(rows, efforts->items);
	keep = Max(FILTER_KEEP * tests, last->keep);
	next->effort = Max(effort_past_failures(efforts, rows), last->effort);
	next->goes_on = last->effort > 0 && progress->kept_all;
	if (next->effort <= last->effort && (next->goes_on || keep <= last->keep))
		next->effort = EFFORT_GROWTH * last->effort;
	if (Max(next->effort, keep) > FILTER_LAST_EFFORT * efforts->all)
	{
		/* all entries can be scanned, but once */
		if (progress->complete)
			return ANNOY_STEP_DRAIN;
		next->effort = efforts->all;
		rows = Max(rows, efforts->items);
	}
	if (efforts->items * (task->walk_sift_cost + progress->sifted * task->walk_cost +
						  progress->passing * DISTANCE_COST) <
		next->effort * (SIFT_COST + (1 - SIFT_COST) * scored) +
		tests * TEST_COST)
		return ANNOY_STEP_DRAIN;
	next->enough_for = rows;
	next->keep = (int) Min(keep, MAX_KEEP);
	next->close = last->effort == 0 && AnnoyWantsFew(task) && rows <= CLOSE_ROWS &&
		progress->passing >= SURE_PART * progress->sifted;
	demanded = wanted / progress->passing / AnnoyCurveRows(0);
	if (next->close && efforts->done > 0 && wanted / progress->passing <= DONE_ROWS)
	{
		next->done = efforts->done * pow(demanded, DONE_POWER);
		next->most = next->effort;
	}
	return make_round(task, last, progress, next);
}

/*
 * The first round.  If it is known how many rows will be taken at most, it is for
 * so many.
 *
 * With an OFFSET, this is one of several pages, which should fit together.  So
 * rounds do not depend on where it ends: all pages but the first take their rows
 * from the same sequence.
 */
static AnnoyScanStep
first_round(const AnnoyScanTask *task, const AnnoyRound *last,
			const AnnoyScanProgress *progress, AnnoyRound *next)
{
	const AnnoyEfforts *efforts = &task->efforts;
	const AnnoyDemand *demand = &task->demand;
	double		share = 1;
	double		limit;

	if (demand->merged >= MANY_MERGED && !demand->filtered && !demand->relies)
		share = MERGE_SHARE / demand->merged;
	limit = share * demand->limit;
	/* rows that conditions take are an estimate, which may be far off */
	if (demand->filtered)
		limit = Min(limit, DEEP_ROWS);
	if (limit > FIRST_ROWS && efforts->measured > 0 && !demand->is_page)
	{
		next->effort = AnnoyEffortForRows(efforts, limit);
		next->enough_for = LIMIT_MARGIN * limit;
		next->limit = share * demand->limit;
	}
	else
	{
		next->effort = AnnoyNextEffort(efforts, 0, demand->is_page ? PAGE_ROWS : 1, 1,
									   &next->enough_for);
		if (!demand->is_page && efforts->done > 0)
		{
			next->effort = efforts->average;
			next->done = efforts->done;
			next->most = efforts->most;
		}
		else if (task->learns && efforts->guessed)
		{
			next->done = LEARNT_DONE;
			next->most = next->effort;
		}
	}
	if (demand->filtered && efforts->measured > 0 && next->enough_for > FIRST_ROWS)
		next->effort *= DEEP_EFFORT;
	next->close = next->done > 0 || AnnoyWantsFew(task);
	next->effort = Min(next->effort, efforts->all);
	return make_round(task, last, progress, next);
}

/*
 * How many rows have been asked for.  Those that are dead to everybody do not
 * count, unless they are the most.
 */
static inline double
rows_demanded(const AnnoyScanProgress *progress)
{
	return progress->returned - Min(progress->dead, floor(MOST_DEAD * progress->returned));
}

/*
 * If many rows turn out to be dead, the rows that are wanted are farther down than
 * the round is for.  Search for these as soon as that is known: what is found when
 * farther rows have been returned is late.  Returns true if the next round does.
 */
static bool
searches_past_dead(const AnnoyScanTask *task, const AnnoyRound *last,
				   const AnnoyScanProgress *progress, AnnoyRound *next)
{
	double		rows = Max(last->limit, AnnoyCurveRows(0));
	double		effort;

	if (last->knows_dead || progress->dead < MIN_DEAD ||
		progress->dead < MANY_DEAD * progress->returned ||
		task->efforts.measured == 0 || task->tests)
		return false;
	next->knows_dead = true;
	effort = AnnoyEffortForRows(&task->efforts,
								rows * progress->returned / rows_demanded(progress));
	if (task->demand.filtered)
		effort *= DEEP_EFFORT;

	/*
	 * after a round of more than half comes everything, which is too much
	 * here
	 */
	if (effort <= last->effort || progress->scanned > last_effort(task))
		return false;
	next->effort = effort;
	if (last->limit > 0)
		next->enough_for /= 1 - MOST_DEAD;
	return true;
}

/*
 * Does the next row take more effort than the round's?  With conditions it is
 * not the next one but as far down as rows that fail come before it; wait until
 * it is known how many these are.
 */
static bool
is_short(const AnnoyScanTask *task, const AnnoyRound *last,
		 const AnnoyScanProgress *progress)
{
	if (!task->tests)
		return (last->limit > 0 ? progress->returned : rows_demanded(progress)) >=
			last->enough_for;
	return (progress->row_is_next || progress->tested >= FILTER_SAMPLE) &&
		(progress->returned + 1) / progress->passing > last->enough_for;
}

/*
 * Search harder, if the next row takes that: returns true if the next round does.
 * If not, the last one is good for more rows than was thought.
 */
static bool
searches_harder(const AnnoyScanTask *task, const AnnoyRound *last,
				const AnnoyScanProgress *progress, AnnoyRound *next)
{
	const AnnoyEfforts *efforts = &task->efforts;
	double		rows = rows_demanded(progress);
	double		effort;

	effort = AnnoyNextEffort(efforts, efforts->measured > 0 ? 0 : last->effort,
							 rows + 1, progress->returned / rows, &next->enough_for);
	if (efforts->measured > 0 && (task->demand.filtered || rows >= DEEP_ROWS))
		effort *= DEEP_EFFORT;
	if (effort <= last->effort)
		return false;
	next->effort = effort;

	/*
	 * If there is a LIMIT, but too many items are no rows, replace the round,
	 * as if it had been known.
	 */
	next->limit = 0;
	return true;
}

/*
 * What a scan does next.  *next is what becomes of the round with that step: if
 * it is ANNOY_STEP_ROUND, another one.
 */
AnnoyScanStep
AnnoyNextStep(const AnnoyScanTask *task, const AnnoyRound *last,
			  const AnnoyScanProgress *progress, AnnoyRound *next)
{
	*next = *last;
	next->done = 0;
	next->close = false;
	next->goes_on = false;

	if (last->effort == 0)
	{
		if (AnnoyTaskIsForAll(task))
			return ANNOY_STEP_DRAIN;
		if (task->tests)
			return search_past_failures(task, last, progress, next);
		return first_round(task, last, progress, next);
	}

	if (searches_past_dead(task, last, progress, next))
		return make_round(task, last, progress, next);

	/* all that are near enough are too few, or not searched for hard enough */
	if (is_short(task, last, progress))
	{
		if (task->tests)
			return search_past_failures(task, last, progress, next);
		/* what further rounds find too late is lost: let there be one */
		if (task->demand.relies)
			return ANNOY_STEP_DRAIN;
		if (searches_harder(task, last, progress, next))
			return make_round(task, last, progress, next);
	}

	if (progress->row_is_next)
		return ANNOY_STEP_RETURN;
	if (progress->candidates_left)
		return ANNOY_STEP_LOOK;
	if (task->tests)
		return search_past_failures(task, last, progress, next);

	/* if a round has not kept all candidates, it is repeated to get them */
	if (!progress->kept_all && last->keep < last_effort(task))
	{
		next->keep = Min(last->keep, MAX_KEEP / KEEP_GROWTH) * KEEP_GROWTH;
		next->done = last->done;
	}
	else
		next->effort = EFFORT_GROWTH * last->effort;
	return make_round(task, last, progress, next);
}
