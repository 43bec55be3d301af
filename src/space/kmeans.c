/*-------------------------------------------------------------------------
 *
 * kmeans.c
 *	  Dividing points by 2-means, as Annoy's trees do.
 *
 * Annoy moves two random points towards their followers in 200 online steps.
 * A few Lloyd iterations on up to 1,024 points cost the same and divide
 * better; see docs/measurements.md.
 *
 * Points are rows of `dim' floats, dim a multiple of ANNOY_DIM_ALIGN; they are
 * named by their row numbers, and it is arrays of row numbers that get
 * rearranged.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/space/kmeans.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "annoy.h"
#include "simd/simd.h"
#include "space/space.h"

#define SAMPLE_POINTS		1024	/* points that decide a division */
#define LLOYD_ITERATIONS	8
#define REFINE_ITERATIONS	4
#define SEED_TRIES			8	/* draws for a second seed far from the first */
#define SPLIT_TRIES			3	/* attempts at a division that divides */

#define REPORT_POINTS		1000	/* between two reports of progress */

/* Smallest piece that AnnoyPartition makes, as a part of the largest. */
#define MIN_PIECE			0.35

/*
 * Two parts are clearly apart if their centres are so many times as far from each
 * other as points are from their centre.  Then either of them may be smaller than
 * was asked for, by that factor.
 */
#define CLEAR_DISTANCE		8
#define CLEAR_PART			0.25

/*
 * Points more than so many times as far from the mean as the median are left
 * out of a centre, in so many iterations, where there are so many.
 */
#define TRIM_DISTANCE		4
#define TRIM_ITERATIONS		3
#define MIN_TRIM			5

/* Points of which the medians of components are taken. */
#define MEDIAN_POINTS		1024

#define POINT(i) (points + (Size) (i) * dim)

/* A point that is divided. */
static inline const float *
row_point(const AnnoyPointSet *rows, int i)
{
	return rows->points + (Size) i * rows->stride;
}

/* The border between two centres. */
typedef struct Border
{
	const float *from;			/* the first centre */
	float	   *line;			/* from there to the other one */
	float		half;			/* of the square of the line's length */
} Border;

/*
 * Mean of some points.
 */
void
AnnoyMean(const float *points, int dim, const int *order, int count,
		  float *mean)
{
	double	   *sum = palloc0(sizeof(double) * dim);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		annoy_kernels->add(sum, POINT(order[i]), dim);
	}
	for (int i = 0; i < dim; i++)
		mean[i] = count > 0 ? (float) (sum[i] / count) : 0;
	pfree(sum);
}

/*
 * Move the values from `low' on, up to `high', that are below a pivot, or as low,
 * before the others, without branches that a processor cannot foresee.  Returns where
 * the others begin.
 */
static inline int
move_low(double *values, int low, int high, double pivot, bool or_equal)
{
	int			end = low;

	for (int i = low; i <= high; i++)
	{
		double		value = values[i];

		values[i] = values[end];
		values[end] = value;
		end += or_equal ? value <= pivot : value < pivot;
	}
	return end;
}

/*
 * Find the n'th of values, none of which is NaN.  They come into an order in which
 * none before it is above it, and none behind it is below.
 */
double
AnnoyNthValue(double *values, int count, int n)
{
	int			low = 0;
	int			high = count - 1;

	Assert(n > 0 && n <= count);
	for (;;)
	{
		double		a = values[low];
		double		b = values[low + (high - low) / 2];
		double		c = values[high];
		double		pivot = Max(Min(a, b), Min(Max(a, b), c));
		int			start = move_low(values, low, high, pivot, false);

		if (n <= start)
			high = start - 1;
		else
		{
			low = move_low(values, start, high, pivot, true);
			if (n <= low)
				return pivot;
		}
	}
}

/*
 * Median of some numbers, likewise.
 */
double
AnnoyMedian(double *values, int count)
{
	return AnnoyNthValue(values, count, count / 2 + 1);
}

/*
 * Choose the points that are not several times as far from a centre as most.
 * Returns their number.  With `distinct', points at the centre itself say nothing
 * about how far most are.
 */
static int
near_points(const float *points, int dim, const int *order, int count,
			const float *centre, bool distinct, int *near)
{
	float	   *distances = palloc_extended(sizeof(float) * count, MCXT_ALLOC_HUGE);
	double	   *values = palloc_extended(sizeof(double) * count, MCXT_ALLOC_HUGE);
	int			n_values = 0;
	float		limit = 0;
	int			kept = 0;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		distances[i] = annoy_kernels->l2(POINT(order[i]), centre, dim);
		if (!distinct || distances[i] > 0)
			values[n_values++] = distances[i];
	}
	if (n_values > 0)
		limit = TRIM_DISTANCE * TRIM_DISTANCE * AnnoyMedian(values, n_values);
	for (int i = 0; i < count; i++)
	{
		if (distances[i] <= limit)
			near[kept++] = order[i];
	}
	pfree(distances);
	pfree(values);
	return kept;
}

/*
 * Centre of some points: their mean, but without those that are several times
 * as far from it as most.  One point far away would take the mean away from all
 * others, and what is encoded relative to it loses its precision.
 */
void
AnnoyCentre(const float *points, int dim, const int *order, int count,
			float *centre)
{
	int		   *near;

	AnnoyMean(points, dim, order, count, centre);
	if (count < MIN_TRIM)
		return;

	near = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
	for (int try = 0; try < TRIM_ITERATIONS; try++)
	{
		int			kept = near_points(points, dim, order, count, centre, false, near);

		if (kept == count)
			break;
		AnnoyMean(points, dim, near, kept, centre);
	}
	pfree(near);
}

/*
 * Likewise for the origin of the search space, which has to do for all data: what
 * is far away may be up to half of the points, and at any distance.  So this does
 * not begin with the mean, but with the median of each component.
 */
void
AnnoyRobustCentre(const float *points, int dim, const int *order, int count,
				  float *centre)
{
	int			n = Min(count, MEDIAN_POINTS);
	double	   *values = palloc(sizeof(double) * Max(n, 1));
	int		   *near = palloc_extended(sizeof(int) * Max(count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < dim; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n; j++)
			values[j] = POINT(order[(int64) j * count / n])[i];
		centre[i] = n > 0 ? AnnoyMedian(values, n) : 0;
	}
	for (int try = 0; try < TRIM_ITERATIONS; try++)
	{
		int			kept = near_points(points, dim, order, count, centre, true, near);

		AnnoyMean(points, dim, near, kept, centre);
		if (kept == count)
			break;
	}
	pfree(values);
	pfree(near);
}

/*
 * The line from a centre to another one, by which points are told apart.
 */
static void
make_border(int dim, const float *a, const float *b, Border *border)
{
	for (int i = 0; i < dim; i++)
		border->line[i] = b[i] - a[i];
	border->from = a;
	border->half = annoy_kernels->dot(border->line, border->line, dim) / 2;
}

/*
 * How far beyond the border between two centres a point is: below 0, it is nearer to
 * the first one.  That is half the difference of the squared distances, for the price
 * of one of them.
 */
static inline float
beyond_border(const float *x, int dim, const Border *border)
{
	return annoy_kernels->dot_from(x, border->from, border->line, dim) - border->half;
}

/*
 * Lloyd's iterations from two centres, until no point changes sides.
 *
 * What has come to the first centre, and what has gone from it, is added up: after
 * the first iteration these are few points.
 */
static void
improve_centres(const AnnoyPointSet *rows, const int *order, int count,
				float *a, float *b)
{
	int			dim = rows->dim;
	double	   *all = palloc0(sizeof(double) * dim);
	double	   *came = palloc0(sizeof(double) * dim);
	double	   *went = palloc0(sizeof(double) * dim);
	bool	   *is_first = palloc0(sizeof(bool) * count);
	Border		border = {.line = palloc(sizeof(float) * dim)};
	int			first = 0;

	for (int i = 0; i < count; i++)
		annoy_kernels->add(all, row_point(rows, order[i]), dim);
	for (int iteration = 0; iteration < LLOYD_ITERATIONS; iteration++)
	{
		int			changed = 0;

		CHECK_FOR_INTERRUPTS();
		make_border(dim, a, b, &border);
		for (int i = 0; i < count; i++)
		{
			const float *x = row_point(rows, order[i]);
			bool		nearer = beyond_border(x, dim, &border) < 0;

			if (nearer == is_first[i])
				continue;
			annoy_kernels->add(nearer ? came : went, x, dim);
			first += nearer ? 1 : -1;
			is_first[i] = nearer;
			changed++;
		}
		if (changed == 0 || first == 0 || first == count)
			break;
		for (int i = 0; i < dim; i++)
		{
			double		sum = came[i] - went[i];

			a[i] = (float) (sum / first);
			b[i] = (float) ((all[i] - sum) / (count - first));
		}
	}

	pfree(all);
	pfree(came);
	pfree(went);
	pfree(is_first);
	pfree(border.line);
}

/*
 * Find two centres among some points.  Returns false if the points drawn do
 * not differ.
 */
static bool
find_centres(const AnnoyPointSet *rows, const int *order, int count,
			 AnnoyRandom *random, float *a, float *b)
{
	int			dim = rows->dim;
	int			n = Min(count, SAMPLE_POINTS);
	int		   *sample = palloc(sizeof(int) * n);
	float		farthest = 0;
	int			first;
	int			second = -1;

	for (int i = 0; i < n; i++)
		sample[i] = count <= SAMPLE_POINTS ? order[i] :
			order[AnnoyRandomBelow(random, count)];

	first = sample[AnnoyRandomBelow(random, n)];
	for (int try = 0; try < SEED_TRIES; try++)
	{
		int			other = sample[AnnoyRandomBelow(random, n)];
		float		distance = annoy_kernels->l2(row_point(rows, first), row_point(rows, other), dim);

		if (distance > farthest)
		{
			farthest = distance;
			second = other;
		}
	}
	/* unlucky draws, or nearly all points are the same: look at all of them */
	for (int i = 0; second < 0 && i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (annoy_kernels->l2(row_point(rows, first), row_point(rows, order[i]), dim) > 0)
			second = order[i];
	}

	if (second >= 0)
	{
		memcpy(a, row_point(rows, first), sizeof(float) * dim);
		memcpy(b, row_point(rows, second), sizeof(float) * dim);
		improve_centres(rows, sample, n, a, b);
	}

	pfree(sample);
	return second >= 0;
}

/* A point and which of two centres it is nearer to: below 0, the first. */
typedef struct Margin
{
	float		margin;
	int			point;
	int			place;			/* of equal ones, the first stays first */
} Margin;

static int
compare_margins(const void *a, const void *b)
{
	const Margin *x = a;
	const Margin *y = b;

	if (x->margin != y->margin)
		return x->margin < y->margin ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/*
 * The number of the centre that is nearest to a point, but for one of them, if
 * `without' is not -1.
 */
int
AnnoyNearestCentre(const float *point, int dim, const float *centres, int count,
				   int without)
{
	int			best = -1;
	float		best_distance = 0;

	for (int j = 0; j < count; j++)
	{
		float		distance;

		if (j == without)
			continue;
		distance = annoy_kernels->l2(point, centres + (Size) j * dim, dim);
		if (best < 0 || distance < best_distance)
		{
			best = j;
			best_distance = distance;
		}
	}
	return best;
}

/*
 * Lloyd's iterations from given centres: for each i of order[], part[i] becomes the
 * number of the centre that point i belongs to, and centres the means of their points.
 */
void
AnnoyRefineParts(const float *points, int dim, const int *order, int count, int parts,
				 float *centres, int *part)
{
	int		   *sizes = palloc(sizeof(int) * parts);
	double	   *sums = palloc(sizeof(double) * parts * dim);

	for (int try = 0; try < REFINE_ITERATIONS; try++)
	{
		CHECK_FOR_INTERRUPTS();

		memset(sizes, 0, sizeof(int) * parts);
		memset(sums, 0, sizeof(double) * parts * dim);
		for (int n = 0; n < count; n++)
		{
			int			i = order[n];

			part[i] = AnnoyNearestCentre(POINT(i), dim, centres, parts, -1);
			sizes[part[i]]++;
			annoy_kernels->add(sums + part[i] * dim, POINT(i), dim);
		}
		for (int j = 0; j < parts; j++)
		{
			for (int i = 0; i < dim && sizes[j] > 0; i++)
				centres[j * dim + i] = (float) (sums[j * dim + i] / sizes[j]);
		}
	}
	pfree(sizes);
	pfree(sums);
}

/*
 * Divide points in two by 2-means: rearranges order[], and returns how many
 * points, from the front, make the first part.  Neither part has less than
 * min_part points: where 2-means leaves fewer to one side, those nearest to the
 * border join them.  Likewise with granule > 0, which the first part's size is
 * to be a multiple of, unless the parts are clearly apart: codes of points of
 * both, in one node, could not tell those of one of them from each other.
 *
 * Returns 0 if there is nothing to divide by, because all points are the same.
 * progress, unless it is NULL, is told of each point once.
 */
int
AnnoyTwoMeans(const AnnoyPointSet *rows, int *order, int count,
			  int min_part, double granule, AnnoyRandom *random,
			  AnnoyProgress progress, void *progress_arg)
{
	int			dim = rows->dim;
	float	   *a = palloc(sizeof(float) * dim);
	float	   *b = palloc(sizeof(float) * dim);
	Margin	   *margins = palloc_extended(sizeof(Margin) * Max(count, 1),
										  MCXT_ALLOC_HUGE);
	Border		border = {.line = palloc(sizeof(float) * dim)};
	int			first = 0;
	double		within = 0;		/* squared distances from the nearer centre */
	int			reported = 0;

	Assert(dim % ANNOY_DIM_ALIGN == 0);
	Assert(min_part > 0 && min_part <= count / 2);

	for (int try = 0; try < SPLIT_TRIES && (first == 0 || first == count); try++)
	{
		if (!find_centres(rows, order, count, random, a, b))
			break;
		make_border(dim, a, b, &border);
		first = 0;
		within = 0;
		for (int i = 0; i < count; i++)
		{
			const float *x = row_point(rows, order[i]);

			CHECK_FOR_INTERRUPTS();
			margins[i].point = order[i];
			margins[i].place = i;
			margins[i].margin = beyond_border(x, dim, &border);
			if (granule > 0)
				within += annoy_kernels->l2(x, a, dim) - Max(2 * margins[i].margin, 0);
			if (margins[i].margin < 0)
				first++;
			if (progress != NULL && i == reported + REPORT_POINTS)
			{
				progress(REPORT_POINTS, REPORT_POINTS, progress_arg);
				reported = i;
			}
		}
	}
	if (progress != NULL)
		progress(count - reported, count - reported, progress_arg);

	if (first == count)
		first = 0;
	if (first > 0)
	{
		int			left = 0;
		int			right = first;
		int			wanted = first;

		if (granule > 0 &&
			annoy_kernels->l2(a, b, dim) * count > CLEAR_DISTANCE * CLEAR_DISTANCE * within)
			min_part = (int) ceil(CLEAR_PART * min_part);
		else if (granule > 0)
			wanted = (int) rint(rint(first / granule) * granule);
		wanted = Min(Max(wanted, min_part), count - min_part);
		if (wanted != first)
		{
			first = wanted;
			qsort(margins, count, sizeof(Margin), compare_margins);
			for (int i = 0; i < count; i++)
				order[i] = margins[i].point;
		}
		else
		{
			for (int i = 0; i < count; i++)
				order[margins[i].margin < 0 ? left++ : right++] = margins[i].point;
		}
	}

	pfree(a);
	pfree(b);
	pfree(border.line);
	pfree(margins);
	return first;
}

static void
add_piece(AnnoyPieces *pieces, int start)
{
	/* one more for the end that AnnoyPartition sets */
	if (pieces->count + 1 >= pieces->allocated)
	{
		pieces->allocated = Max(64, pieces->allocated * 2);
		pieces->start = pieces->start == NULL ?
			palloc(sizeof(int) * pieces->allocated) :
			repalloc_huge(pieces->start, sizeof(int) * pieces->allocated);
	}
	pieces->start[pieces->count++] = start;
}

/*
 * Divide order[start] and the following ones, `count' in all, in two, as part
 * of a division into pieces of at most max_piece points, as few and as full as
 * possible if `pack' is set.  Random numbers depend on the part and on nothing
 * that was divided before.  Returns the size of the first of the two, or 0 if
 * the part is not to be divided any more.
 */
int
AnnoyDivide(const AnnoyPointSet *rows, int *order, int start, int count,
			double max_piece, bool pack, uint64 seed,
			AnnoyProgress progress, void *progress_arg)
{
	AnnoyRandom random = seed ^ ((uint64) start << 32 | (uint32) count);
	double		granule = pack ? count / ceil(count / max_piece) : 0;

	if (count <= max_piece)
		return 0;
	random = AnnoyRandomNext(&random);
	return AnnoyTwoMeans(rows, order + start, count,
						 Max(pack ? granule : MIN_PIECE * max_piece, 1),
						 granule, &random, progress, progress_arg);
}

/*
 * Divide a part of order[] again and again until no piece has more than
 * max_piece points, or its points are all the same; other pieces are not very
 * small either.  Rearranges order[] so that pieces are contiguous.  `pieces'
 * must be zeroed or come from an earlier call.
 *
 * Works with a stack of its own: the depth of unfortunate divisions is not
 * bounded by anything reasonable.
 */
void
AnnoyPartition(const AnnoyPointSet *rows, int *order, int start, int count,
			   double max_piece, bool pack, uint64 seed, AnnoyPieces *pieces)
{
	int			allocated = 64;
	int			depth = 0;
	struct
	{
		int			start;
		int			count;
	}		   *stack = palloc(sizeof(*stack) * allocated);

	pieces->count = 0;
	stack[depth].start = start;
	stack[depth++].count = count;
	while (depth > 0)
	{
		int			part_start = stack[--depth].start;
		int			part_count = stack[depth].count;
		int			first;

		CHECK_FOR_INTERRUPTS();

		first = AnnoyDivide(rows, order, part_start, part_count, max_piece,
							pack, seed, pieces->progress, pieces->progress_arg);
		if (first == 0)
		{
			add_piece(pieces, part_start);
			continue;
		}
		if (depth + 2 > allocated)
		{
			allocated *= 2;
			stack = repalloc(stack, sizeof(*stack) * allocated);
		}
		/* the first part is on top, so that pieces come out in order */
		stack[depth].start = part_start + first;
		stack[depth++].count = part_count - first;
		stack[depth].start = part_start;
		stack[depth++].count = first;
	}
	pieces->start[pieces->count] = start + count;
	pfree(stack);
}
