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

/* One of so many queries is less like the rows than those that count as such ... */
#define LESS_LIKE			200

/*
 * ... or is, anyway, if it is as far from the middle as half of them, and not so many
 * times as far as from its tenth neighbour.
 */
#define MOST_LIKE			1.5

/* So many queries tell what searches with an effort have done. */
#define GOAL_QUERIES		25

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
	int		   *first;			/* for each place, the first in a list of the
								 * best entries there, or -1 */
	int		   *next;			/* in the list, for each of these entries */
	double		scanned;		/* entries */
	float		like;			/* see AnnoyCurve */
	AnnoyBest	best;
} Follow;

/* Lists of what is in the leaves ranked: each begins with -1. */
static int *
make_lists(const Follow *follow)
{
	Size		size = sizeof(int) * Max(follow->search->nodes[0].count, 1);

	return memset(MemoryContextAllocHuge(CurrentMemoryContext, size), -1, size);
}

/*
 * Rank leaves as for that effort, to follow a search over them from the first one
 * on.  Returns true if these are all.
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
	follow->scanned = 0;
	AnnoyBestReset(&follow->best);
	follow->first = make_lists(follow);
	follow->next = palloc(sizeof(int) * Max(nearest->count, 1));
	for (int i = 0; i < nearest->count; i++)
	{
		int			place = AnnoyLeavesPlace(follow->leaves, follow->search,
											 nearest->candidates[i].nsn);

		if (place < PG_INT32_MAX)
		{
			follow->next[i] = follow->first[place];
			follow->first[place] = i;
		}
	}
	return all;
}

/* Give up what begin() has allocated. */
static void
end(Follow *follow)
{
	pfree(follow->first);
	pfree(follow->next);
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
	const AnnoyCandidate *nearest = follow->search->items.candidates;

	follow->scanned += AnnoyLeavesEntries(follow->leaves, follow->search, place);
	for (int i = follow->first[place]; i >= 0; i = follow->next[i])
		AnnoyBestAdd(&follow->best, nearest[i].score, &nearest[i].pointer);
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
			AnnoyBestAdd(&best, nearest->candidates[j].score, &nearest->candidates[j].pointer);
		norm2[i] = query->search->target.norm2;
		like[i] = AnnoySearchLike(&best, norm2[i]);
	}
	sort_doubles(like, n);
	sort_doubles(norm2, n);
	chosen = Min(Min(like[n / LESS_LIKE], MOST_LIKE * norm2[n / 2] * norm2[n / 2]), FLT_MAX);
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
		Follow		follow;
		int			point = 0;

		(void) begin(&follow, measurement, query, INFINITY);
		for (int place = 0; place < ranked->count && point < points; place++)
		{
			for (; point < points && follow.scanned >= curve->effort[point]; point++)
				done[point * n + i] = done_before(&follow, place, unlike_rows(&follow));
			visit(&follow, place);
		}
		end(&follow);
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

/*
 * List the neighbours in each place: where the first of the leaves that have one is.
 * Returns the first in each list, or -1.
 */
static int *
place_neighbours(const Follow *follow, AnnoyNeighbour *neighbours, int count)
{
	int		   *first = make_lists(follow);

	for (int i = 0; i < count; i++)
	{
		int			place = Min(AnnoyLeavesPlace(follow->leaves, follow->search,
												 neighbours[i].leaves[0]),
								AnnoyLeavesPlace(follow->leaves, follow->search,
												 neighbours[i].leaves[1]));

		if (place < PG_INT32_MAX)
		{
			neighbours[i].next = first[place];
			first[place] = i;
		}
	}
	return first;
}

/* The points that a search is followed for: those from the next one on. */
typedef struct Points
{
	int			next;
	int			end;			/* ranked for */
} Points;

/*
 * Follow a search over leaves that have been ranked for the efforts of some points,
 * and add what it has scanned and found at each: at those of a search that scans as
 * much as the effort, and at those of one that ends when it has done enough.
 */
static void
follow_points(AnnoyMeasurement *measurement, const AnnoySampleQuery *query, Follow *follow,
			  const AnnoyNeighbour *neighbours, const int *first, bool all_ranked,
			  Points *fixed, Points *easy, AnnoyFound *found)
{
	const AnnoyCurve *curve = &measurement->curve;
	const AnnoyCollector *ranked = &query->search->nodes[0];

	memset(found->count, 0, sizeof(found->count));
	for (int place = 0; fixed->next < fixed->end || easy->next < easy->end; place++)
	{
		bool		last = place == ranked->count;

		for (; fixed->next < fixed->end; fixed->next++)
		{
			if (follow->scanned < curve->effort[fixed->next] && !(last && all_ranked))
				break;
			AnnoyAddPoint(measurement, query, fixed->next, found);
		}
		if (easy->next < easy->end)
		{
			double		unlike = unlike_rows(follow);
			double		done = last ? 0 : done_before(follow, place, unlike);

			for (; easy->next < easy->end; easy->next++)
			{
				int			i = easy->next;

				if (done < curve->done[i] && follow->scanned < unlike * curve->most[i] &&
					!(last && (all_ranked || follow->scanned >= curve->average[i])))
					break;
				AnnoyAddEnded(measurement, query, i, found, follow->scanned);
			}
		}
		if (last)
			break;
		visit(follow, place);
		for (int i = first[place]; i >= 0; i = neighbours[i].next)
		{
			for (int rank = 0; rank <= query->rank; rank++)
				found->count[rank] += neighbours[i].distance <= found->cutoff[rank];
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
	Points		fixed = {0};
	Points		easy = {0};
	int			goals = 0;

	for (; goals < ANNOY_CURVE_POINTS && curve->done[goals] > 0; goals++)
	{
		/*
		 * the average of what queries so far have scanned, and what was
		 * thought
		 */
		double		scanned = measurement->scanned[goals] + GOAL_QUERIES * curve->average[goals];

		curve->most[goals] = ANNOY_MOST_EFFORT * scanned / (curve->queries[0] - 1 + GOAL_QUERIES);
	}
	for (double effort = ANNOY_RANKED_EFFORT; fixed.next < last || easy.next < goals;
		 effort *= 2)
	{
		Follow		follow;
		bool		all;
		int		   *first;

		AnnoyVacuumDelay();
		all = begin(&follow, measurement, query, effort);
		first = place_neighbours(&follow, neighbours, count);
		while (fixed.end < last && (all || curve->effort[fixed.end] < M_SQRT2 * effort))
			fixed.end++;
		while (easy.end < goals && (all || curve->average[easy.end] < M_SQRT2 * effort))
			easy.end++;
		follow_points(measurement, query, &follow, neighbours, first, all, &fixed, &easy, found);
		pfree(first);
		end(&follow);
	}

	/* the last one is everything */
	for (int rank = 0; rank <= query->rank; rank++)
		found->count[rank] = found->wanted[rank];
	AnnoyAddPoint(measurement, query, last, found);
}
