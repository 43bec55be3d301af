/*-------------------------------------------------------------------------
 *
 * lloyd.c
 *	  The centres of a skeleton's leaves, improved by Lloyd steps over the sample.
 *
 * The divisions from the top down have cut through what belongs together.  In a
 * Lloyd step, each vector of the sample moves to the nearest leaf, and the centres
 * become the means of the leaves' vectors.  Few vectors move far, so a step looks for
 * the nearest leaf among the neighbours of the one where the vector was.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/lloyd.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "annoy.h"
#include "build/state.h"
#include "space/space.h"

/* Leaves that a participant takes at a time. */
#define UNIT_LEAVES			64

/* Bytes that a leaf takes above its centre, and an entry in a sort beside its code. */
#define LEAF_ENTRY			160
#define SORT_OVERHEAD		128

/* What participants share. */
typedef struct Lloyd
{
	AnnoyShare	leaves;			/* of each row of the sample, its leaf */
	AnnoyShare	starts;			/* of each leaf, where its rows start in the
								 * sample's order; behind the last one, the
								 * end */
} Lloyd;

/*
 * Take part in moving the sample to the nearest leaves: leaf by leaf, as the rows of
 * one meet the same few centres.
 */
void
AnnoyStepMove(AnnoyBuild *build, void *state)
{
	Lloyd	   *lloyd = state;
	const AnnoySharedSample *sample = &build->shared->sample;
	const float *points = AnnoyBuildAddress(build, sample->points);
	const int  *order = AnnoyBuildAddress(build, sample->order);
	const int  *starts = AnnoyBuildAddress(build, lloyd->starts);
	int		   *leaves = AnnoyBuildAddress(build, lloyd->leaves);
	AnnoySkeleton skeleton;
	uint64		unit;

	AnnoyGetSkeleton(build, &skeleton);
	while (AnnoyBuildClaim(build, &unit))
	{
		int			start = starts[unit * UNIT_LEAVES];
		int			end = starts[Min((unit + 1) * UNIT_LEAVES, (uint64) skeleton.n_leaves)];

		for (int i = start; i < end; i++)
		{
			int			row = order[i];

			leaves[row] = AnnoyNearestLeaf(&skeleton, points + (Size) row * skeleton.dim,
										   leaves[row]);
		}
		AnnoyBuildAdvance(build, end - start, 0);
	}
}

/*
 * Take part in making centres the means of the leaves' vectors.
 */
void
AnnoyStepMeans(AnnoyBuild *build, void *state)
{
	Lloyd	   *lloyd = state;
	const AnnoySharedSample *sample = &build->shared->sample;
	const AnnoySharedTree *tree = &build->shared->tree;
	const float *points = AnnoyBuildAddress(build, sample->points);
	const int  *order = AnnoyBuildAddress(build, sample->order);
	const int  *starts = AnnoyBuildAddress(build, lloyd->starts);
	float	   *centres = AnnoyBuildAddress(build, tree->centres);
	int			dim = build->index->space_dim;
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		int			end = Min((unit + 1) * UNIT_LEAVES, (uint64) tree->n_leaves);

		for (int i = unit * UNIT_LEAVES; i < end; i++)
		{
			/* a leaf that has lost all its vectors stays where it was */
			if (starts[i] < starts[i + 1])
				AnnoyMean(points, dim, order + starts[i], starts[i + 1] - starts[i],
						  centres + (Size) i * dim);
		}
	}
}

/*
 * Put the sample in the order of leaves, and within them in that of items.
 */
static void
order_sample(AnnoyBuild *build, const Lloyd *lloyd)
{
	const AnnoySharedSample *sample = &build->shared->sample;
	int			n_leaves = build->shared->tree.n_leaves;
	const int  *leaves = AnnoyBuildAddress(build, lloyd->leaves);
	const int  *sorted = AnnoyBuildAddress(build, sample->sorted);
	int		   *order = AnnoyBuildAddress(build, sample->order);
	int		   *starts = AnnoyBuildAddress(build, lloyd->starts);

	memset(starts, 0, sizeof(int) * ((Size) n_leaves + 1));
	for (int i = 0; i < sample->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		starts[leaves[i] + 1]++;
	}
	for (int i = 0; i < n_leaves; i++)
	{
		CHECK_FOR_INTERRUPTS();
		starts[i + 1] += starts[i];
	}
	for (int i = 0; i < sample->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		order[starts[leaves[sorted[i]]]++] = sorted[i];
	}
	/* each start has become that of the next leaf */
	memmove(starts + 1, starts, sizeof(int) * (Size) n_leaves);
	starts[0] = 0;
}

/* Run a step over the leaves. */
static void
run_step(AnnoyBuild *build, AnnoyStep step, AnnoyShare state)
{
	AnnoyBuildRun(build, step, state,
				  (build->shared->tree.n_leaves + UNIT_LEAVES - 1) / UNIT_LEAVES);
}

/*
 * Make the centres of leaves, given the leaf of each row of the sample, which changes,
 * as does the order of the sample.
 *
 * Neighbours are those before the first step: to find them takes longer than a step.
 */
static void
make_centres(AnnoyBuild *build, AnnoyShare leaves)
{
	AnnoySharedTree *tree = &build->shared->tree;
	AnnoyShare	state = AnnoyBuildAlloc(build, sizeof(Lloyd));
	Lloyd	   *lloyd = AnnoyBuildAddress(build, state);

	lloyd->leaves = leaves;
	lloyd->starts = AnnoyBuildAlloc(build, sizeof(int) * ((Size) tree->n_leaves + 1));
	tree->centres = AnnoyBuildAlloc(build, sizeof(float) * build->index->space_dim *
									(Size) tree->n_leaves);
	order_sample(build, lloyd);
	run_step(build, ANNOY_STEP_MEANS, state);
	AnnoyMakeSkeletonInner(build);
	AnnoyFindNeighbours(build);
	for (int i = 0; i < ANNOY_LLOYD_STEPS; i++)
	{
		run_step(build, ANNOY_STEP_MOVE, state);
		order_sample(build, lloyd);
		run_step(build, ANNOY_STEP_MEANS, state);
	}
	AnnoyBuildFree(build, &tree->neighbours);
	AnnoyBuildFree(build, &lloyd->starts);
	AnnoyBuildFree(build, &state);
}

/*
 * Is the sample to stay, as the points of all items?  So it is if it has all, and if
 * there is room for it beside what the steps to come take: leaves; candidates with sums,
 * or with the sort; the sort with what is written.  More items may come to an index in
 * use.
 */
static bool
sample_stays(AnnoyBuild *build)
{
	const AnnoyShared *shared = build->shared;
	const AnnoyIndex *index = build->index;
	double		count = shared->sample.count;
	double		leaves = shared->tree.n_leaves;
	double		points = count * (sizeof(float) * index->space_dim + sizeof(uint64) + sizeof(int));
	double		centres = leaves * (sizeof(float) * index->space_dim + LEAF_ENTRY);
	double		sums = leaves * index->space_dim * sizeof(int64);
	double		sort = Min(count * index->n_entries * (index->leaf.bytes + SORT_OVERHEAD),
						   AnnoyBuildBytes(ANNOY_SORT_MEMORY));
	double		written = AnnoyBuildBytes(2 * ANNOY_LEVEL_MEMORY + ANNOY_LEAF_MEMORY);
	double		candidates = Min(count * sizeof(int) * AnnoyCandidates(build),
								 AnnoyBuildBytes(ANNOY_CANDIDATES_MEMORY));

	return build->in_place == NULL && count == shared->items.count &&
		points + centres + Max(candidates + Max(sums, sort), sort + written) <=
		AnnoyBuildBytes(1);
}

/*
 * Make the skeleton of a tree from the sample, which is freed unless it is the points
 * of all items.
 */
void
AnnoyMakeSkeleton(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;
	AnnoyShare	leaves = AnnoyDivideSample(build);

	make_centres(build, leaves);
	AnnoyBuildFree(build, &leaves);
	AnnoyBuildFree(build, &sample->order);
	sample->whole = sample_stays(build);
	if (!sample->whole)
		AnnoyFreeSample(build);
	AnnoyMakeSkeletonInner(build);
	AnnoyBuildPhaseDone(build, "growing a tree on the sample",
						build->shared->tree.n_leaves, "leaves");
}
