/*-------------------------------------------------------------------------
 *
 * follow.c
 *	  What a search finds, and when it ends, without making it.
 *
 * A search visits leaves in the order in which they are ranked, and ends when it
 * has done enough (AnnoySearchDone), which depends on the leaves' distances and on
 * the best of the entries that it has met.  These are known from a walk over all
 * leaves, as are the leaves of a query's neighbours.  So leaves need only be ranked
 * and counted.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/follow.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "recall/calibrate.h"
#include "scan/scan.h"
#include "storage/storage.h"

/* One of so many queries is less like the rows than those that count as such ... */
#define LESS_LIKE			200

/*
 * ... or is, anyway, if it is as far from the middle as half of them, and not so many
 * times as far as from its tenth neighbour.
 */
#define MOST_LIKE			1.5

/* So many queries tell what searches with an effort have done. */
#define GOAL_QUERIES		25

/* An entry scored by estimate, and its leaf's place among those ranked. */
typedef struct Estimate
{
	int			place;
	float		score;
	AnnoyPointer item;
} Estimate;

#define ST_SORT sort_estimates
#define ST_ELEMENT_TYPE Estimate
#define ST_COMPARE(a, b) ((a)->place < (b)->place ? -1 : (a)->place > (b)->place)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_by_place
#define ST_ELEMENT_TYPE AnnoyNeighbour
#define ST_COMPARE(a, b) ((a)->place < (b)->place ? -1 : (a)->place > (b)->place)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_doubles
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A search that is followed over the leaves ranked. */
typedef struct Follow
{
	const AnnoyLeaves *leaves;
	const AnnoySearch *search;
	Estimate   *estimates;		/* of the best entries, by place */
	int			nestimates;
	int			next;			/* of these, in a leaf not visited yet */
	double		scanned;		/* entries */
	float		like;			/* see AnnoyCurve */
	AnnoyBest	best;
} Follow;

/* Begin to follow a search from the first leaf on. */
static void
restart(Follow *follow)
{
	follow->next = 0;
	follow->scanned = 0;
	AnnoyBestReset(&follow->best);
}

/*
 * Rank leaves as for that effort, to follow searches over them.  Returns true if
 * these are all.
 */
static bool
begin(Follow *follow, const AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
	  double effort)
{
	const AnnoyCollector *nearest = &query->search->items;
	bool		all = AnnoyLeavesRank(measurement->leaves, query->search, effort);

	follow->leaves = measurement->leaves;
	follow->like = measurement->curve.like;
	follow->search = query->search;
	if (follow->estimates == NULL)
		follow->estimates = palloc(sizeof(Estimate) * Max(nearest->count, 1));
	follow->nestimates = 0;
	for (int i = 0; i < nearest->count; i++)
	{
		const AnnoyCandidate *candidate = &nearest->candidates[i];
		Estimate   *estimate = &follow->estimates[follow->nestimates];

		if (AnnoyPointerKey(&candidate->pointer) == AnnoyPointerKey(&query->self))
			continue;
		estimate->place = AnnoyLeavesPlace(follow->leaves, follow->search, candidate->nsn);
		estimate->score = candidate->score;
		estimate->item = candidate->pointer;
		follow->nestimates++;
	}
	sort_estimates(follow->estimates, follow->nestimates);
	restart(follow);
	return all;
}

/*
 * What has been done before the leaf in a place, for a query that is so much unlike
 * the rows.
 */
static inline double
done_before(const Follow *follow, int place, double unlike)
{
	const AnnoyCandidate *ranked = follow->search->nodes[0].candidates;

	return AnnoySearchDone(&follow->best, follow->scanned, ranked[0].score,
						   ranked[place].score) / unlike;
}

/* How much the query is unlike the rows, as far as the search knows. */
static inline double
unlike_rows(const Follow *follow)
{
	return AnnoySearchUnlike(&follow->best, follow->search->target.norm2, follow->like);
}

/* Visit the leaf in a place. */
static inline void
visit(Follow *follow, int place)
{
	follow->scanned += AnnoyLeavesEntries(follow->leaves, follow->search, place);
	for (; follow->next < follow->nestimates &&
		 follow->estimates[follow->next].place == place; follow->next++)
		AnnoyBestAdd(&follow->best, follow->estimates[follow->next].score,
					 &follow->estimates[follow->next].item);
}

/*
 * How like the rows are nearly all queries?  Their nearest entries are known.
 */
static float
choose_like(const AnnoyMeasurement *measurement)
{
	int			n = measurement->nqueries;
	double	   *like = palloc(sizeof(double) * n);
	double	   *norm2 = palloc(sizeof(double) * n);
	float		chosen;

	for (int i = 0; i < n; i++)
	{
		const AnnoySampleQuery *query = &measurement->queries[i];
		const AnnoyCollector *nearest = &query->search->items;
		AnnoyBest	best;

		AnnoyBestReset(&best);
		for (int j = 0; j < nearest->count; j++)
		{
			if (AnnoyPointerKey(&nearest->candidates[j].pointer) != AnnoyPointerKey(&query->self))
				AnnoyBestAdd(&best, nearest->candidates[j].score,
							 &nearest->candidates[j].pointer);
		}
		norm2[i] = query->search->target.norm2;
		like[i] = AnnoySearchLike(&best, norm2[i]);
	}
	sort_doubles(like, n);
	sort_doubles(norm2, n);
	chosen = Min(like[n / LESS_LIKE], MOST_LIKE * norm2[n / 2] * norm2[n / 2]);
	pfree(like);
	pfree(norm2);
	return chosen;
}

/*
 * Choose what searches are to have done when they end: the median of what some
 * queries' have done when they have scanned as many entries as the efforts of the
 * curve say.
 */
void
AnnoyChooseGoals(AnnoyMeasurement *measurement)
{
	AnnoyCurve *curve = &measurement->curve;
	int			n = Min(measurement->nqueries, GOAL_QUERIES);
	int			points = (int) curve->points - 1;
	double	   *done = palloc0(sizeof(double) * n * points);
	int			kept = 0;

	if (n == 0)
		return;
	curve->like = choose_like(measurement);
	for (int i = 0; i < n; i++)
	{
		const AnnoySampleQuery *query = &measurement->queries[i];
		const AnnoyCollector *ranked = &query->search->nodes[0];
		Follow		follow = {0};
		int			point = 0;

		(void) begin(&follow, measurement, query, INFINITY);
		for (int place = 0; place < ranked->count && point < points; place++)
		{
			for (; point < points && follow.scanned >= curve->effort[point]; point++)
				done[point * n + i] = done_before(&follow, place, unlike_rows(&follow));
			visit(&follow, place);
		}
		pfree(follow.estimates);
	}

	for (int point = 0; point < points; point++)
	{
		float		goal;

		sort_doubles(&done[point * n], n);
		goal = done[point * n + n / 2];
		if (goal > (kept > 0 ? curve->done[kept - 1] : 0) && isfinite(goal))
		{
			/* about so much, until it is measured */
			curve->average[kept] = curve->effort[point];
			curve->most[kept] = ANNOY_MOST_EFFORT * curve->effort[point];
			curve->done[kept++] = goal;
		}
	}
	pfree(done);
}

/* Find the places of the leaves of neighbours, and sort these by them. */
static void
place_neighbours(const Follow *follow, AnnoyNeighbour *neighbours, int count)
{
	for (int i = 0; i < count; i++)
		neighbours[i].place = Min(AnnoyLeavesPlace(follow->leaves, follow->search,
												   neighbours[i].leaves[0]),
								  AnnoyLeavesPlace(follow->leaves, follow->search,
												   neighbours[i].leaves[1]));
	sort_by_place(neighbours, count);
}

/* The points that a search is followed for: those from the next one on. */
typedef struct Points
{
	int			next;
	int			end;			/* ranked for */
	const float *effort;
	const float *done;			/* or NULL, if as many are scanned as the
								 * effort */
	const float *most;
} Points;

/*
 * Follow a search over leaves that have been ranked for the efforts of some points,
 * and add what it has scanned and found at each.
 */
static void
follow_points(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, Follow *follow,
			  const AnnoyNeighbour *neighbours, int count, bool all_ranked, Points *points,
			  AnnoyFound *found)
{
	const AnnoyCollector *ranked = &query->search->nodes[0];
	int			neighbour = 0;

	restart(follow);
	memset(found->count, 0, sizeof(found->count));
	for (int place = 0; points->next < points->end; place++)
	{
		bool		last = place == ranked->count;
		double		unlike = points->done != NULL ? unlike_rows(follow) : 1;
		double		done = points->done != NULL && !last ? done_before(follow, place, unlike) : 0;

		for (; points->next < points->end; points->next++)
		{
			int			i = points->next;

			if (points->done == NULL)
			{
				if (follow->scanned < points->effort[i] && !(last && all_ranked))
					break;
				AnnoyAddPoint(measurement, query, i, found);
			}
			else
			{
				if (done < points->done[i] &&
					follow->scanned < unlike * points->most[i] &&
					!(last && (all_ranked || follow->scanned >= points->effort[i])))
					break;
				measurement->scanned[i] += follow->scanned;
				measurement->found[i] += AnnoyFoundPart(found, 0);
			}
		}
		if (last)
			break;
		visit(follow, place);
		for (; neighbour < count && neighbours[neighbour].place == place; neighbour++)
		{
			for (int rank = 0; rank <= query->rank; rank++)
				found->count[rank] += neighbours[neighbour].distance <= found->cutoff[rank];
		}
	}
}

/*
 * Follow a query's searches, and add what they scan and find.  Leaves are ranked for
 * each effort, or nearly so, as a search does it.
 */
void
AnnoyFollowQuery(AnnoyMeasurement *measurement, const AnnoySampleQuery *query,
				 AnnoyNeighbour *neighbours, int count, AnnoyFound *found)
{
	AnnoyCurve *curve = &measurement->curve;
	int			last = (int) curve->points - 1;
	Points		fixed = {.effort = curve->effort};
	Points		easy = {.effort = curve->average,.done = curve->done,.most = curve->most};
	int			goals = 0;
	Follow		follow = {0};

	for (; goals < ANNOY_CURVE_POINTS && curve->done[goals] > 0; goals++)
	{
		/* the average of what queries so far have scanned, and what was thought */
		double		scanned = measurement->scanned[goals] + GOAL_QUERIES * curve->average[goals];

		curve->most[goals] = ANNOY_MOST_EFFORT * scanned / (curve->queries[0] - 1 + GOAL_QUERIES);
	}
	for (double effort = ANNOY_RANKED_EFFORT; fixed.next < last || easy.next < goals;
		 effort *= 2)
	{
		bool		all;

		AnnoyVacuumDelay();
		all = begin(&follow, measurement, query, effort);
		place_neighbours(&follow, neighbours, count);
		while (fixed.end < last && (all || fixed.effort[fixed.end] < M_SQRT2 * effort))
			fixed.end++;
		while (easy.end < goals && (all || easy.effort[easy.end] < M_SQRT2 * effort))
			easy.end++;
		follow_points(measurement, query, &follow, neighbours, count, all, &fixed, found);
		follow_points(measurement, query, &follow, neighbours, count, all, &easy, found);
	}

	/* the last one is everything */
	for (int rank = 0; rank <= query->rank; rank++)
		found->count[rank] = found->wanted[rank];
	AnnoyAddPoint(measurement, query, last, found);
}
