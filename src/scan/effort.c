/*-------------------------------------------------------------------------
 *
 * effort.c
 *	  How hard to search: the number of entries to scan.
 *
 * What an index knows about itself is its recall curve (see calibrate.c): at a
 * ladder of efforts, which part of the 10, 100 and 1,000 nearest a search
 * finds.  From it comes the effort for the recall that is wanted, unless
 * search_k says what to do, or there is no curve.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/effort.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "annoy.h"
#include "scan/step.h"
#include "storage/storage.h"

/* Without a curve, the first effort is good for this many rows ... */
#define ROWS_PER_EFFORT		40

/* ... and by so much a round's effort exceeds that of the one before. */
#define EFFORT_GROWTH		4

/*
 * The effort measured for so many rows serves for a few more: those that are
 * not visible, or that are not what a condition wants.
 */
#define ROWS_TOLERANCE		1.2

/* Beyond what is measured, effort grows with this power of the rows wanted. */
#define MIN_ROWS_POWER		0.3
#define MAX_ROWS_POWER		0.8

/*
 * In an index that has grown since its curve was measured, effort grows with a
 * power of its size: this one if the effort is a small part of everything, and
 * up to 1 if it is all.  And by some entries more, until it is twice as large:
 * where a few leaves are enough, one more or less makes a difference, and the
 * curve knows least.  See docs/measurements.md.
 */
#define SIZE_POWER			0.7
#define GROWN_EFFORT		ANNOY_LEAST_EFFORT

/*
 * Without a curve, the default effort is good for this recall; for more, it is
 * multiplied by this power of how many times fewer rows may be missed.
 */
#define DEFAULT_RECALL		0.95
#define MISSED_POWER		0.5

/*
 * The recall to aim at is above the one wanted by a part of what is missing to
 * 1, but by no more than a constant: queries that are not rows are a little
 * harder, and users notice rather what is below.
 */
#define MARGIN_PART			0.3
#define MAX_MARGIN			0.015

/*
 * Where all is found, the logit of the recall says nothing about the efforts
 * below.  Then this stands for it.
 */
#define ALL_FOUND			0.998

static double
logit(double p)
{
	return log(p / (1 - p));
}

/* The highest recall that the curve can tell from 1. */
static double
most_recall(const AnnoyCurve *curve, int rank)
{
	return 1 - 0.5 / ((double) curve->queries[rank] * AnnoyCurveRows(rank));
}

static double
recall_to_aim_at(double recall, double most)
{
	return Min(recall + Min(MARGIN_PART * (1 - recall), MAX_MARGIN), most);
}

/*
 * A place on a curve: so far from the point before towards a point, by logarithms of
 * efforts.  For the first one it is that point.
 */
typedef struct Place
{
	int			point;
	double		part;
} Place;

/*
 * Where do recalls, which never decrease, reach the one to be aimed at for `recall'?
 * Between points, the logit of the recall is nearly linear in the logarithm of the
 * effort.  Returns false if they do not reach it.
 */
static bool
find_place(const float *recalls, int points, double recall, double most, Place *place)
{
	double		goal = recall_to_aim_at(recall, most);
	double		before;
	double		reached;
	int			i = 0;

	while (i < points && recalls[i] < goal)
		i++;
	if (i == points)
		return false;
	place->point = i;
	place->part = 1;
	if (i == 0 || recalls[i - 1] <= 0)
		return true;
	before = recalls[i - 1];
	reached = recalls[i];
	if (reached >= most)
		reached = Max(goal, Min(most, ALL_FOUND));
	place->part = (logit(goal) - logit(before)) / (logit(reached) - logit(before));
	return true;
}

/* What is at a place, of values that belong to the points. */
static double
value_at(const float *values, const Place *place)
{
	int			i = place->point;

	if (place->part == 1)
		return values[i];
	return values[i - 1] * pow(values[i] / values[i - 1], place->part);
}

/*
 * What was an effort before the index became so many times as large: at least
 * as much is to be found by what is returned.
 */
static double
effort_when_grown(double effort, double growth, double all)
{
	double		part = Min(effort / all, 1);

	if (growth <= 1)
		return effort;
	return (effort + GROWN_EFFORT * Min(growth - 1, 1)) *
		pow(growth, SIZE_POWER + (1 - SIZE_POWER) * part);
}

/* At how many points is known what searches take that end by themselves? */
static int
points_of_averages(const AnnoyCurve *curve)
{
	int			points = 0;

	while (points < ANNOY_CURVE_POINTS && curve->done[points] > 0)
		points++;
	return points;
}

/*
 * For ten rows, the search may end when it has done enough: choose so much, and what
 * it takes on average, as the curve tells.
 */
static void
choose_average(const AnnoyCurve *curve, double recall, double growth, AnnoyEfforts *efforts)
{
	double		all = curve->effort[curve->points - 1];
	Place		place;
	double		measured;
	double		average;

	if (!find_place(curve->found, points_of_averages(curve), recall, most_recall(curve, 0),
					&place))
		return;
	measured = value_at(curve->average, &place);
	average = effort_when_grown(measured, growth, all);
	efforts->average = Max(average, ANNOY_LEAST_EFFORT);

	/* where it has grown, more is to be scanned of leaves as far away */
	efforts->done = average / measured * value_at(curve->done, &place);
	efforts->most = average / measured * value_at(curve->most, &place);
}

/*
 * How many entries a search scans if nobody says, and the index has no recall
 * curve: the square root of their number times a factor that gives a recall@10
 * of at least 0.95 on all data that we have, but not fewer than take a fraction
 * of a millisecond anyway.
 * Inner products are harder to find: where vectors differ in length, the best
 * ones are spread over more leaves.
 */
static int
default_search_k(const AnnoyIndex *index, double items)
{
	double		factor = index->metric == ANNOY_IP ? 65 : 25;

	return (int) Min(Max(ceil(factor * sqrt(items)), ANNOY_MIN_SEARCH_K * index->n_entries), 1e9);
}

/*
 * The effort that finds the part of the nearest that is wanted, where the index
 * does not know itself.
 */
static double
effort_without_curve(const AnnoyIndex *index, double items, double recall)
{
	double		effort = default_search_k(index, items);

	if (recall > DEFAULT_RECALL)
		effort *= pow((1 - DEFAULT_RECALL) / (1 - recall), MISSED_POWER);
	return effort;
}

/*
 * Choose efforts for the recall that is wanted from the curve.
 */
static void
efforts_for_recall(const AnnoyCurve *curve, double recall, double growth,
				   AnnoyEfforts *efforts)
{
	double		all = curve->effort[curve->points - 1];
	double		power = 0;

	efforts->measured = 0;
	for (int rank = 0; rank < ANNOY_CURVE_RANKS && curve->queries[rank] > 0; rank++)
	{
		double		effort = efforts->all;
		Place		place;

		if (find_place(curve->recall[rank], (int) curve->points, recall,
					   most_recall(curve, rank), &place))
			effort = value_at(curve->effort, &place);
		effort = effort_when_grown(effort, growth, all);
		effort = Max(effort, rank == 0 ? ANNOY_LEAST_EFFORT : efforts->effort[rank - 1]);
		if (rank > 0)
			power = log10(effort / efforts->effort[rank - 1]);
		efforts->effort[efforts->measured++] = effort;
	}
	efforts->power = power <= MAX_ROWS_POWER ?
		Max(power, MIN_ROWS_POWER) : MAX_ROWS_POWER;
}

/*
 * The search_k that a caller wants, or if that is -1 the one set for the session,
 * or else for the index, or -1.
 */
static int
chosen_search_k(Relation rel, int search_k)
{
	if (search_k > 0)
		return search_k;
	return annoy_search_k > 0 ? annoy_search_k : AnnoyOptionSearchK(rel);
}

/*
 * The recall that is wanted: as the session says, or else the index.
 */
static double
chosen_recall(Relation rel)
{
	double		recall = AnnoyOptionTargetRecall(rel);

	return annoy_target_recall_is_set || recall < 0 ? annoy_target_recall : recall;
}

/*
 * Choose how hard to search an index of that many blocks.  search_k is -1, or
 * comes before settings.
 */
void
AnnoyChooseEfforts(Relation rel, const AnnoyIndex *index, BlockNumber blocks,
				   int search_k, AnnoyEfforts *efforts)
{
	const AnnoyCurve *curve = &index->curve;
	double		items = AnnoyEstimateItems(index, blocks);

	search_k = chosen_search_k(rel, search_k);
	memset(efforts, 0, sizeof(AnnoyEfforts));
	efforts->items = Max(items, index->built_items);
	efforts->all = efforts->items * index->n_trees * index->n_entries;
	efforts->recall = search_k > 0 ? 0 : chosen_recall(rel);
	efforts->growth = curve->points > 0 ? (double) blocks / curve->blocks : 1;
	if (search_k > 0)
		efforts->first = search_k;
	else if (efforts->recall >= 1)
		efforts->first = INFINITY;
	else if (curve->points > 0)
	{
		efforts_for_recall(curve, efforts->recall, efforts->growth, efforts);
		choose_average(curve, efforts->recall, efforts->growth, efforts);
		efforts->adapt = curve->like > 0;
		efforts->first = efforts->effort[0];
	}
	else
	{
		efforts->first = effort_without_curve(index, items, efforts->recall);
		efforts->guessed = true;
	}
	if (efforts->first < INFINITY)
		efforts->first = Min(efforts->first, efforts->all);
}

/*
 * The effort of the next round, before a row is returned, if `effort' was that
 * of the last, and so many items have been a row so far (1, unless some are
 * dead).  *enough_for is set to the number of rows it will be good for.
 */
double
AnnoyNextEffort(const AnnoyEfforts *efforts, double effort, double row,
				double items_per_row, double *enough_for)
{
	double		rows = 10 * ROWS_TOLERANCE;
	int			rank = 0;
	double		wanted;

	if (efforts->measured == 0)
	{
		wanted = Max(row / ROWS_PER_EFFORT, 1) * efforts->first;
		if (wanted > effort)
			effort = Max(wanted, effort * EFFORT_GROWTH);
		*enough_for = Max(floor(effort / efforts->first * ROWS_PER_EFFORT), row);
		return effort;
	}

	/*
	 * what ten rows take serves for a few more; after that, misses would add
	 * up
	 */
	while (rows < row)
	{
		rows *= 10;
		rank++;
	}
	wanted = rank == 0 ? efforts->effort[0] : AnnoyEffortForRows(efforts, rows);
	*enough_for = rows;
	return Max(wanted * pow(items_per_row, efforts->power), effort);
}

/*
 * The effort that finds so many of the nearest rows: between those that are
 * known, its logarithm is taken to be linear in that of the rows.
 */
double
AnnoyEffortForRows(const AnnoyEfforts *efforts, double rows)
{
	double		rank = log10(Max(rows / AnnoyCurveRows(0), 1));
	int			below = (int) rank;
	double		enough_for;

	if (efforts->measured == 0)
		return AnnoyNextEffort(efforts, 0, rows, 1, &enough_for);
	if (below >= efforts->measured - 1)
		return efforts->effort[efforts->measured - 1] *
			pow(10, efforts->power * (rank - (efforts->measured - 1)));
	return efforts->effort[below] *
		pow(efforts->effort[below + 1] / efforts->effort[below], rank - below);
}

/*
 * The recall at an effort, likewise from points of the curve, or NaN if the effort is
 * below all of them.
 */
static double
recall_at(const float *efforts, const float *recalls, int points, double effort,
		  double growth, double all, double most)
{
	double		before = 0;
	double		here = 0;
	double		low;
	double		high;
	double		part;
	int			i = 0;

	for (; i < points; i++)
	{
		here = effort_when_grown(efforts[i], growth, all);
		if (here >= effort)
			break;
		before = here;
	}
	if (i == points)
		return points > 0 ? recalls[points - 1] : get_float8_nan();
	if (i == 0)
		return here == effort ? recalls[0] : get_float8_nan();
	part = log(effort / before) / log(here / before);
	low = Min(recalls[i - 1], most);
	high = Min(recalls[i], Max(Min(most, ALL_FOUND), low));
	if (low <= 0)
		return part * high;
	return 1 / (1 + exp(-(1 - part) * logit(low) - part * logit(high)));
}

/*
 * The part of so many of the nearest rows that is found with an effort, as far as the
 * curve tells, or NaN.  It may be what a search takes on average that ends when it has
 * done enough.  Between ranks, the logit is taken to be linear in the logarithm of the
 * rows.
 */
double
AnnoyRecallOf(const AnnoyCurve *curve, double growth, double effort, bool is_average,
			  double rows)
{
	double		rank = rows <= AnnoyCurveRows(0) * ROWS_TOLERANCE ? 0 : log10(rows / AnnoyCurveRows(0));
	double		recalls[2];
	double		all;
	double		part;
	int			measured = 0;
	int			below;

	while (measured < ANNOY_CURVE_RANKS && curve->queries[measured] > 0)
		measured++;
	if (curve->points == 0 || measured == 0 ||
		rows > AnnoyCurveRows(measured - 1) * ROWS_TOLERANCE)
		return get_float8_nan();
	all = curve->effort[curve->points - 1];
	if (is_average && rank == 0)
		return recall_at(curve->average, curve->found, points_of_averages(curve), effort,
						 growth, all, most_recall(curve, 0));
	rank = Min(rank, measured - 1);
	below = (int) rank;
	part = rank - below;
	for (int i = 0; i < (part > 0 ? 2 : 1); i++)
		recalls[i] = recall_at(curve->effort, curve->recall[below + i], (int) curve->points,
							   effort, growth, all, most_recall(curve, below + i));
	if (part == 0 || recalls[0] >= 1 || recalls[1] <= 0)
		return recalls[0];
	if (recalls[1] >= 1)
		return recalls[1];
	return 1 / (1 + exp(-(1 - part) * logit(recalls[0]) - part * logit(recalls[1])));
}
