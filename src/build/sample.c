/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  The sample of vectors that the trees of an index are grown on.
 *
 * The hash of an item's heap TID decides whether it is taken; the hash differs
 * from tree to tree.  Participants find the sample in any order; what depends on order
 * goes by that of the items.
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

#include "annoy.h"
#include "build/state.h"
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
#define MAX_PROBE			8192

/* Rows of the sample that a participant maps at a time. */
#define MAP_ROWS			1024

/* Rows that are scaled between two reports of progress. */
#define REPORT_ROWS			1000

/* Bytes for each row beside it: key, exponent, orders, cut, what 2-means needs. */
#define ROW_OVERHEAD		(sizeof(uint64) + 3 * sizeof(int) + 1 + 3 * sizeof(int))

/* Exponents of norms are between these; that of zero is none. */
#define MIN_EXPONENT		(DBL_MIN_EXP - DBL_MANT_DIG)
#define MAX_EXPONENT		(DBL_MAX_EXP + 1)
#define NO_EXPONENT			(MIN_EXPONENT - 1)

/*
 * What participants share while they take the sample.  The leader sets it; each
 * row of the arrays belongs to whoever has found the vector.
 */
typedef struct Sampling
{
	uint64		limit;			/* higher hashes are not taken */
	int			allocated;		/* rows */
	pg_atomic_uint64 found;		/* may be more */
	AnnoyShare	exponents;		/* of norms; 0 if images have their scale */
} Sampling;

/* State of the walk that takes the sample. */
typedef struct Sampler
{
	AnnoyBuild *build;
	Sampling   *shared;
	float	   *points;
	uint64	   *keys;
	int		   *exponents;		/* NULL if images have their scale */
	AnnoyVectorSource *source;	/* of vectors, if they are not stored */
} Sampler;

/* AnnoyItemWalk callback. */
static void
sample_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	Sampler    *sampler = arg;
	Sampling   *shared = sampler->shared;
	const AnnoyIndex *index = sampler->build->index;
	AnnoyRandom state = (index->seed + sampler->build->shared->tree.number) ^
	((uint64) ItemPointerGetBlockNumberNoCheck(&item->tid) << 16 |
	 ItemPointerGetOffsetNumberNoCheck(&item->tid));
	AnnoyVector vec = item->vector;
	uint64		row;
	float	   *x;

	if (item->is_null || AnnoyRandomNext(&state) > shared->limit ||
		(sampler->source != NULL &&
		 !sampler->source->read(sampler->source, pointer, &item->tid, &vec)))
		return;
	row = pg_atomic_fetch_add_u64(&shared->found, 1);
	if (row >= (uint64) shared->allocated)
		return;
	sampler->keys[row] = AnnoySampleKey(pointer);
	x = sampler->points + (Size) row * index->space_dim;
	if (sampler->exponents != NULL)
	{
		int		   *exponent = &sampler->exponents[row];

		if (!AnnoyNormExponent(&vec, exponent))
			*exponent = NO_EXPONENT;
		AnnoyImage(index->metric,
				   *exponent == NO_EXPONENT ? 1.0 : ldexp(1.0, AnnoyScaleExponent(*exponent)),
				   &vec, x);
	}
	else
		AnnoyImage(index->metric, index->scale, &vec, x);
	memset(x + index->dim, 0, sizeof(float) * (index->space_dim - index->dim));
}

/*
 * Take part in taking the sample.
 */
void
AnnoyStepSample(AnnoyBuild *build, void *state)
{
	Sampling   *shared = state;
	Sampler		sampler = {.build = build,.shared = shared};

	sampler.points = AnnoyBuildAddress(build, build->shared->sample.points);
	sampler.keys = AnnoyBuildAddress(build, build->shared->sample.keys);
	if (shared->exponents != 0)
		sampler.exponents = AnnoyBuildAddress(build, shared->exponents);
	/* of the other items, no vectors are read */
	sampler.source = AnnoyBuildSource(build);
	AnnoyBuildWalk(build, NULL, sample_item, &sampler);
	AnnoySourceClose(sampler.source);
}

/*
 * Take part in mapping the sample into the search space.
 */
void
AnnoyStepMap(AnnoyBuild *build, void *state pg_attribute_unused())
{
	AnnoySharedSample *sample = &build->shared->sample;
	float	   *points = AnnoyBuildAddress(build, sample->points);
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		int			end = Min((unit + 1) * MAP_ROWS, (uint64) sample->count);

		for (int i = unit * MAP_ROWS; i < end; i++)
		{
			float	   *x = points + (Size) i * build->index->space_dim;

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
 * Find the order of items.  Rows stay where they are: they are long.
 */
static void
sort_sample(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;
	int			count = sample->count;
	int		   *sorted;

	sample->sorted = AnnoyBuildAlloc(build, sizeof(int) * (Size) count);
	sample->order = AnnoyBuildAlloc(build, sizeof(int) * (Size) count);
	sorted = AnnoyBuildAddress(build, sample->sorted);
	for (int i = 0; i < count; i++)
		sorted[i] = i;
	sort_rows(sorted, count, AnnoyBuildAddress(build, sample->keys));
	memcpy(AnnoyBuildAddress(build, sample->order), sorted, sizeof(int) * (Size) count);
}

/*
 * Choose some rows of the sample, evenly.
 */
static int *
probe_sample(AnnoyBuild *build, int *count)
{
	const AnnoySharedSample *sample = &build->shared->sample;
	const int  *sorted = AnnoyBuildAddress(build, sample->sorted);
	int		   *rows;

	*count = Min(sample->count, MAX_PROBE);
	rows = palloc(sizeof(int) * *count);
	for (int i = 0; i < *count; i++)
		rows[i] = sorted[(int64) i * sample->count / *count];
	return rows;
}

/*
 * The exponent of the median norm of points: divided by that power of two, most
 * are of unit size.
 */
static void
set_norm_exponent(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;
	const float *points = AnnoyBuildAddress(build, sample->points);
	int			dim = build->index->space_dim;
	int			count;
	int		   *rows = probe_sample(build, &count);
	double	   *norms = palloc(sizeof(double) * count);

	for (int i = 0; i < count; i++)
	{
		const float *x = points + (Size) rows[i] * dim;

		norms[i] = sqrtf(annoy_kernels->dot(x, x, dim));
	}
	(void) frexp(AnnoyMedian(norms, count), &sample->norm_exponent);
	pfree(norms);
	pfree(rows);
}

/*
 * Decide the scale: that of the median norm, zeroes left out.  It does not depend
 * on the order of rows.  So far each row of the sample has a scale of its own,
 * and is brought to the common one.
 */
static void
set_scale(AnnoyBuild *build, const int *exponents)
{
	AnnoyShared *shared = build->shared;
	float	   *points = AnnoyBuildAddress(build, shared->sample.points);
	int			dim = build->index->space_dim;
	int			counts[MAX_EXPONENT - MIN_EXPONENT + 1] = {0};
	int			total = 0;
	int			below = 0;
	int			median = MIN_EXPONENT;
	int			scale_exponent;

	for (int i = 0; i < shared->sample.count; i++)
	{
		if (exponents[i] != NO_EXPONENT)
		{
			counts[exponents[i] - MIN_EXPONENT]++;
			total++;
		}
	}
	while (below + counts[median - MIN_EXPONENT] <= total / 2 && median < MAX_EXPONENT)
		below += counts[median++ - MIN_EXPONENT];
	scale_exponent = total > 0 ? AnnoyScaleExponent(median) : 0;

	for (int i = 0; i < shared->sample.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (exponents[i] != NO_EXPONENT)
			AnnoyRescaleImage(points + (Size) i * dim, dim,
							  scale_exponent - AnnoyScaleExponent(exponents[i]));
		if ((i + 1) % REPORT_ROWS == 0)
			AnnoyBuildProgress(REPORT_ROWS, REPORT_ROWS, build);
	}
	shared->index.scale_exponent = scale_exponent;
}

/*
 * Fix the origin of the search space: the centre of the sample, which has its
 * final scale and order.  With it the search space is known to all.
 */
static void
set_origin(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	int			dim = build->index->space_dim;
	float	   *centre = palloc(sizeof(float) * dim);
	int			count;
	int		   *rows = probe_sample(build, &count);

	AnnoyRobustCentre(AnnoyBuildAddress(build, shared->sample.points), dim, rows, count, centre);
	memcpy(shared->index.mean, centre, sizeof(float) * build->index->dim);
	shared->index.version++;
	AnnoyBuildSyncIndex(build);
	pfree(rows);
	pfree(centre);
}

/*
 * How many rows the sample may have: as many as memory allows, and are of use.
 */
static double
sample_room(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	const AnnoyIndex *index = build->index;
	double		leaves = ceil(shared->items.count / (ANNOY_LEAF_FILL * index->leaf.capacity));
	double		enough = Max(MIN_LARGE_SAMPLE, leaves * SAMPLE_PER_LEAF);
	double		row_size = sizeof(float) * index->space_dim + ROW_OVERHEAD;
	double		room = Max(AnnoyBuildBytes(ANNOY_SAMPLE_MEMORY) / row_size, MIN_SAMPLE);

	room = Min(Min(room, enough), PG_INT32_MAX / 2);
	room = Min(room, shared->items.count);
	if (shared->tree.number == 0 && annoy_verbose > -1 && build->in_place == NULL &&
		room < shared->items.count && room < GOOD_SAMPLE_PER_LEAF * leaves)
		ereport(NOTICE,
				(errmsg("maintenance_work_mem is too small for a good sample of the vectors of index \"%s\"",
						RelationGetRelationName(build->rel)),
				 errdetail("The sample has %.0f of %.0f vectors, %.1f for each leaf of a tree.  "
						   "The build takes longer, and leaves are less compact, so that searches find less or take longer.",
						   room, shared->items.count, room / leaves),
				 errhint("Set maintenance_work_mem to %.0f MB or more.",
						 ceil(GOOD_SAMPLE_PER_LEAF * leaves * row_size /
							  (ANNOY_SAMPLE_MEMORY * 1024 * 1024)))));
	return room;
}

/*
 * Find the vectors of the sample, for which there is room, in any order.
 */
static void
find_sample(AnnoyBuild *build, AnnoyShare state, double room)
{
	AnnoyShared *shared = build->shared;
	Sampling   *sampling = AnnoyBuildAddress(build, state);
	uint64		found;

	sampling->limit = PG_UINT64_MAX;
	if (room < shared->items.count)
	{
		double		part = (room - SAMPLE_DEVIATIONS * sqrt(room)) / shared->items.count;

		sampling->limit = (uint64) (part * ldexp(1.0, 64));
	}
	for (;;)
	{
		AnnoyBuildPhase(build, ANNOY_PHASE_SAMPLE, 0,
						shared->items.end - shared->items.first);
		pg_atomic_write_u64(&sampling->found, 0);
		AnnoyBuildRun(build, ANNOY_STEP_SAMPLE, state, AnnoyBuildItemUnits(build));
		found = pg_atomic_read_u64(&sampling->found);
		if (found > 0 && found <= (uint64) sampling->allocated)
			break;
		/* rows of an index in use may go */
		if (found == 0 && sampling->limit == PG_UINT64_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("all rows of index \"%s\" have been deleted meanwhile",
							RelationGetRelationName(build->rel))));
		/* an unlikely sample */
		if (found > 0)
			sampling->limit -= sampling->limit / 8;
		else
			sampling->limit = PG_UINT64_MAX;
	}
	shared->sample.count = (int) found;
}

/*
 * Take a sample of vectors as large as memory allows.  With the first one, the
 * search space is fixed.
 */
void
AnnoyTakeSample(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;
	bool		is_first = build->shared->tree.number == 0;
	double		room = sample_room(build);
	AnnoyShare	state = AnnoyBuildAllocZero(build, sizeof(Sampling));
	Sampling   *sampling = AnnoyBuildAddress(build, state);

	pg_atomic_init_u64(&sampling->found, 0);
	sampling->allocated = (int) room;
	sample->keys = AnnoyBuildAlloc(build, sizeof(uint64) * (Size) room);
	if (is_first && AnnoyIsScaled(build->index->metric))
		sampling->exponents = AnnoyBuildAlloc(build, sizeof(int) * (Size) room);
	sample->points = AnnoyBuildAlloc(build, sizeof(float) * build->index->space_dim * (Size) room);
	find_sample(build, state, room);

	if (sampling->exponents != 0)
		set_scale(build, AnnoyBuildAddress(build, sampling->exponents));
	AnnoyBuildFree(build, &sampling->exponents);
	sort_sample(build);
	AnnoyBuildFree(build, &state);
	if (is_first)
		set_origin(build);
	AnnoyBuildProgress(sample->count, 0, build);
	AnnoyBuildRun(build, ANNOY_STEP_MAP, 0, (sample->count + MAP_ROWS - 1) / MAP_ROWS);
	set_norm_exponent(build);
	AnnoyBuildPhaseDone(build, "taking a sample", sample->count, "vectors");
}

/*
 * The point of an item, if the sample has all; NULL otherwise.
 */
const float *
AnnoySamplePoint(AnnoyBuild *build, const AnnoyPointer *pointer)
{
	const AnnoySharedSample *sample = &build->shared->sample;
	uint64		key = AnnoySampleKey(pointer);
	const uint64 *keys;
	const int  *sorted;
	int			low = 0;
	int			high = sample->count - 1;

	if (!sample->whole)
		return NULL;
	keys = AnnoyBuildAddress(build, sample->keys);
	sorted = AnnoyBuildAddress(build, sample->sorted);
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (keys[sorted[middle]] < key)
			low = middle + 1;
		else
			high = middle;
	}
	Assert(keys[sorted[low]] == key);
	return (const float *) AnnoyBuildAddress(build, sample->points) +
		(Size) sorted[low] * build->index->space_dim;
}

/*
 * Free what there is of the sample.
 */
void
AnnoyFreeSample(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;

	AnnoyBuildFree(build, &sample->keys);
	AnnoyBuildFree(build, &sample->points);
	AnnoyBuildFree(build, &sample->sorted);
	AnnoyBuildFree(build, &sample->order);
	sample->whole = false;
}
