/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  The sample of vectors that the trees of an index are grown on.
 *
 * The hash of an item's heap TID decides whether it is taken; the hash differs
 * from tree to tree.  Participants find the sample in any order, then it is put
 * in the order of items.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/sample.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/build.h"
#include "simd/simd.h"
#include "space/space.h"

/* However little memory there is. */
#define MIN_SAMPLE			256

/* A larger sample than this per leaf only costs time. */
#define SAMPLE_PER_LEAF		32
#define MIN_LARGE_SAMPLE	131072

/* A smaller one makes poor divisions. */
#define GOOD_SAMPLE_PER_LEAF	4

/* The number of vectors taken varies; so many standard deviations fit. */
#define SAMPLE_DEVIATIONS	6

/* Vectors that have a say in the centre. */
#define MAX_PROBE			32768

/* Rows of the sample that a participant maps at a time. */
#define MAP_ROWS			1024

/* Rows that are moved or scaled between two reports of progress. */
#define REPORT_ROWS			1000

/* Bytes for each row beside it: key, exponent, order, cut, what 2-means needs. */
#define ROW_OVERHEAD		(sizeof(uint64) + 2 * sizeof(int) + 1 + 2 * sizeof(int))

/* Where in an index an item is, as a number. */
#define SLOT_BITS			16

/* Exponents of norms are between these; that of zero is none. */
#define MIN_EXPONENT		(DBL_MIN_EXP - DBL_MANT_DIG)
#define MAX_EXPONENT		(DBL_MAX_EXP + 1)
#define NO_EXPONENT			(MIN_EXPONENT - 1)

/* State of the walk that takes the sample. */
typedef struct Sampling
{
	AnnoyBuild *build;
	float	   *sample;
	uint64	   *keys;
	int		   *exponents;		/* of norms; NULL if images have their scale */
} Sampling;

/* AnnoyItemWalk callback. */
static void
sample_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	Sampling   *sampling = arg;
	AnnoyShared *shared = sampling->build->shared;
	const AnnoyIndex *index = sampling->build->index;
	AnnoyRandom state = (index->seed + shared->tree) ^
	((uint64) ItemPointerGetBlockNumber(&item->tid) << 16 |
	 ItemPointerGetOffsetNumber(&item->tid));
	uint64		row;
	float	   *x;

	if (item->vector.data == NULL || AnnoyRandomNext(&state) > shared->sample_limit)
		return;
	row = pg_atomic_fetch_add_u64(&shared->sample_found, 1);
	if (row >= (uint64) shared->sample_allocated)
		return;
	sampling->keys[row] = (uint64) ItemPointerGetBlockNumber(pointer) << SLOT_BITS |
		ItemPointerGetOffsetNumber(pointer);
	x = sampling->sample + (Size) row * index->space_dim;
	if (sampling->exponents != NULL)
	{
		int		   *exponent = &sampling->exponents[row];

		if (!AnnoyNormExponent(&item->vector, exponent))
			*exponent = NO_EXPONENT;
		AnnoyImage(index->metric,
				   *exponent == NO_EXPONENT ? 1.0 : ldexp(1.0, AnnoyScaleExponent(*exponent)),
				   &item->vector, x);
	}
	else
		AnnoyImage(index->metric, index->scale, &item->vector, x);
	memset(x + index->dim, 0, sizeof(float) * (index->space_dim - index->dim));
}

/*
 * Take part in taking the sample.
 */
void
AnnoyBuildTakeSample(AnnoyBuild *build)
{
	Sampling	sampling;

	sampling.build = build;
	sampling.sample = AnnoyBuildAddress(build, build->shared->sample);
	sampling.keys = AnnoyBuildAddress(build, build->shared->sample_key);
	sampling.exponents = build->shared->sample_exponent == 0 ? NULL :
		AnnoyBuildAddress(build, build->shared->sample_exponent);
	AnnoyBuildWalk(build, sample_item, &sampling);
}

/*
 * Take part in mapping the sample into the search space.
 */
void
AnnoyBuildMapSample(AnnoyBuild *build)
{
	float	   *sample = AnnoyBuildAddress(build, build->shared->sample);
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		int			end = Min((unit + 1) * MAP_ROWS, (uint64) build->shared->sample_count);

		for (int i = unit * MAP_ROWS; i < end; i++)
		{
			float	   *x = sample + (Size) i * build->index->space_dim;

			AnnoyMapImage(build->index, x, x);
		}
		AnnoyBuildAdvance(build, end - unit * MAP_ROWS, 0);
	}
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE int
#define ST_COMPARE(a, b, keys) ((keys)[*(a)] < (keys)[*(b)] ? -1 : (keys)[*(a)] > (keys)[*(b)])
#define ST_COMPARE_ARG_TYPE const uint64
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Put the sample in the order of items.
 */
static void
sort_sample(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	int			dim = build->index->space_dim;
	int			count = shared->sample_count;
	float	   *sample = AnnoyBuildAddress(build, shared->sample);
	int		   *order = AnnoyBuildAddress(build, shared->sample_order);
	float	   *moved = palloc(sizeof(float) * dim);
	int			n_moved = 0;

	for (int i = 0; i < count; i++)
		order[i] = i;
	sort_rows(order, count, AnnoyBuildAddress(build, shared->sample_key));

	/* row i is to become what row order[i] is: go through each cycle once */
	for (int i = 0; i < count; i++)
	{
		int			hole = i;

		if (order[i] == i)
			continue;
		memcpy(moved, sample + (Size) i * dim, sizeof(float) * dim);
		while (order[hole] != i)
		{
			int			from = order[hole];

			CHECK_FOR_INTERRUPTS();
			if (++n_moved % REPORT_ROWS == 0)
				AnnoyBuildProgress(REPORT_ROWS, REPORT_ROWS, build);
			memcpy(sample + (Size) hole * dim, sample + (Size) from * dim,
				   sizeof(float) * dim);
			order[hole] = hole;
			hole = from;
		}
		memcpy(sample + (Size) hole * dim, moved, sizeof(float) * dim);
		order[hole] = hole;
	}
	pfree(moved);
}

/*
 * Choose some rows of the sample, evenly.
 */
static int *
probe_sample(AnnoyBuild *build, int *count)
{
	int			n = build->shared->sample_count;
	int		   *rows;

	*count = Min(n, MAX_PROBE);
	rows = palloc(sizeof(int) * *count);
	for (int i = 0; i < *count; i++)
		rows[i] = (int) ((int64) i * n / *count);
	return rows;
}

/*
 * Median norm of some rows of the sample.
 */
static float
median_norm(AnnoyBuild *build, const int *rows, int count)
{
	const float *sample = AnnoyBuildAddress(build, build->shared->sample);
	int			dim = build->index->space_dim;
	float	   *norms = palloc(sizeof(float) * count);
	float		median;

	for (int i = 0; i < count; i++)
	{
		const float *x = sample + (Size) rows[i] * dim;

		norms[i] = sqrtf(annoy_kernels->dot(x, x, dim));
	}
	median = AnnoyMedian(norms, count);
	pfree(norms);
	return median;
}

/*
 * Decide the scale: that of the median norm, zeroes left out.  It does not depend
 * on the order of rows.  So far each row of the sample has a scale of its own,
 * and is brought to the common one.
 */
static void
set_scale(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	float	   *sample = AnnoyBuildAddress(build, shared->sample);
	int		   *exponents = AnnoyBuildAddress(build, shared->sample_exponent);
	int			dim = build->index->space_dim;
	int			counts[MAX_EXPONENT - MIN_EXPONENT + 1] = {0};
	int			total = 0;
	int			below = 0;
	int			median = MIN_EXPONENT;

	for (int i = 0; i < shared->sample_count; i++)
	{
		if (exponents[i] != NO_EXPONENT)
		{
			counts[exponents[i] - MIN_EXPONENT]++;
			total++;
		}
	}
	while (below + counts[median - MIN_EXPONENT] <= total / 2 && median < MAX_EXPONENT)
		below += counts[median++ - MIN_EXPONENT];
	shared->scale_exponent = total > 0 ? AnnoyScaleExponent(median) : 0;

	for (int i = 0; i < shared->sample_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (exponents[i] != NO_EXPONENT)
			AnnoyRescaleImage(sample + (Size) i * dim, dim,
							  shared->scale_exponent - AnnoyScaleExponent(exponents[i]));
		if ((i + 1) % REPORT_ROWS == 0)
			AnnoyBuildProgress(REPORT_ROWS, REPORT_ROWS, build);
	}
	AnnoyBuildFree(build, &shared->sample_exponent);
}

/*
 * Fix the origin of the search space: the centre of the sample, which has its
 * final scale and order.
 */
static void
set_origin(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	int			dim = build->index->space_dim;
	float	   *centre = palloc(sizeof(float) * dim);
	int			count;
	int		   *rows = probe_sample(build, &count);

	AnnoyRobustCentre(AnnoyBuildAddress(build, shared->sample), dim, rows, count, centre);
	memcpy(shared->mean, centre, sizeof(float) * build->index->dim);
	shared->index_version++;
	AnnoyBuildSyncIndex(build);
	pfree(rows);
	pfree(centre);
}

/*
 * Take a sample of vectors as large as memory allows.  With the first one, the
 * search space is fixed.
 */
void
AnnoyBuildSample(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	double		leaves = ceil(shared->item_count / (ANNOY_LEAF_FILL * index->leaf.capacity));
	double		enough = Max(MIN_LARGE_SAMPLE, leaves * SAMPLE_PER_LEAF);
	double		row_size = sizeof(float) * dim + ROW_OVERHEAD;
	double		room = Max(AnnoyBuildBytes(ANNOY_SAMPLE_MEMORY) / row_size, MIN_SAMPLE);
	int			count;
	int		   *rows;
	int			exponent;

	room = Min(Min(room, enough), PG_INT32_MAX / 2);
	room = Min(room, shared->item_count);
	if (shared->tree == 0 && annoy_verbose > -1 && !build->in_place && room < shared->item_count &&
		room < GOOD_SAMPLE_PER_LEAF * leaves)
		ereport(NOTICE,
				(errmsg("maintenance_work_mem is too small for a good sample of the vectors of index \"%s\"",
						RelationGetRelationName(build->rel)),
				 errdetail("The sample has %.0f of %.0f vectors, %.1f for each leaf of a tree.  "
						   "The build takes longer, and leaves are less compact, so that searches find less or take longer.",
						   room, shared->item_count, room / leaves),
				 errhint("Set maintenance_work_mem to %.0f MB or more.",
						 ceil(GOOD_SAMPLE_PER_LEAF * leaves * row_size /
							  (ANNOY_SAMPLE_MEMORY * 1024 * 1024)))));

	shared->sample_allocated = (int) room;
	shared->sample = AnnoyBuildAlloc(build, sizeof(float) * dim * (Size) room);
	shared->sample_key = AnnoyBuildAlloc(build, sizeof(uint64) * (Size) room);
	if (shared->tree == 0 && AnnoyIsScaled(index->metric))
		shared->sample_exponent = AnnoyBuildAlloc(build, sizeof(int) * (Size) room);
	shared->sample_limit = PG_UINT64_MAX;
	if (room < shared->item_count)
	{
		double		part = (room - SAMPLE_DEVIATIONS * sqrt(room)) / shared->item_count;

		shared->sample_limit = (uint64) (part * ldexp(1.0, 64));
	}

	for (;;)
	{
		uint64		found;

		AnnoyBuildPhase(build, ANNOY_PHASE_SAMPLE, 0,
						shared->end_items - shared->first_item);
		pg_atomic_write_u64(&shared->sample_found, 0);
		AnnoyBuildRun(build, ANNOY_STEP_SAMPLE, AnnoyBuildItemUnits(build));
		found = pg_atomic_read_u64(&shared->sample_found);
		shared->sample_count = (int) Min(found, (uint64) shared->sample_allocated);
		if (found > 0 && found <= (uint64) shared->sample_allocated)
			break;
		/* an unlikely sample */
		if (found > 0)
			shared->sample_limit -= shared->sample_limit / 8;
		else
			shared->sample_limit = PG_UINT64_MAX;
	}

	if (shared->sample_exponent != 0)
		set_scale(build);
	shared->sample_order = AnnoyBuildAlloc(build, sizeof(int) * (Size) shared->sample_count);
	sort_sample(build);
	AnnoyBuildFree(build, &shared->sample_key);
	if (shared->tree == 0)
		set_origin(build);
	AnnoyBuildProgress(shared->sample_count, 0, build);
	AnnoyBuildRun(build, ANNOY_STEP_MAP, (shared->sample_count + MAP_ROWS - 1) / MAP_ROWS);

	rows = probe_sample(build, &count);
	/* brings most points to unit size, see sum_component() in forest.c */
	(void) frexp(median_norm(build, rows, count), &exponent);
	shared->sum_unit = ldexp(1.0, -exponent);
	pfree(rows);
	AnnoyBuildPhaseDone(build, "taking a sample", shared->sample_count, "vectors");
}
