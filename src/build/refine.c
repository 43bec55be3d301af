/*-------------------------------------------------------------------------
 *
 * refine.c
 *	  Refining the skeleton of a tree: one Lloyd step over all items.
 *
 * Items are placed in the leaf whose centre is nearest, by the beam search of
 * place.c, and the centres become the means of what was placed there.  That repairs
 * what is random about a small sample; see docs/measurements.md for what it is worth.
 *
 * Placing an item is most of the work.  Centres move so little in this step that the
 * leaves found near an item, its candidates, do for the assignment.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/refine.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "annoy.h"
#include "build/state.h"
#include "space/space.h"
#include "tree/tree.h"

/* Leaves with a smaller part of what fits a page are dropped. */
#define MIN_LEAF			0.3

/*
 * Components of points are cut off at 2^CUT_BITS times the norm of most points,
 * see sum_component().
 */
#define CUT_BITS			9

/*
 * What participants share in the step.  The leader makes it; sums and counts are
 * added to by all, atomically.
 */
typedef struct Sums
{
	double		unit;			/* see sum_component() */
	double		max;
	AnnoyShare	sums;			/* space_dim int64 for each leaf */
	AnnoyShare	counts;			/* int64 for each leaf: of items */
} Sums;

/* State of the walk that adds up items. */
typedef struct Refinement
{
	AnnoyBuild *build;
	AnnoySkeleton skeleton;
	AnnoyTarget target;
	double		unit;
	double		max;
	pg_atomic_uint64 *sums;
	pg_atomic_uint64 *counts;
	uint64		items;			/* since progress was reported */
} Refinement;

/*
 * A component of a point as an integer, in which `unit' stands for 1.  Sums of
 * integers do not depend on the order in which they are made.  What is hundreds of
 * times as far away as most points, and would draw the mean from all others, is
 * cut off.
 */
static inline int64
sum_component(float x, double unit, double max)
{
	return (int64) rint(Min(Max(x * unit, -max), max));
}

/* AnnoyItemWalk callback: add an item to the sums of its leaf. */
static void
refine_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	Refinement *refinement = arg;
	AnnoyTarget *target = &refinement->target;
	int			dim = refinement->skeleton.dim;
	int			found[1 + ANNOY_SECOND_CANDIDATES];
	int		   *candidates;
	int			leaf;
	pg_atomic_uint64 *sums;

	if (item->vector.data == NULL)
		return;
	AnnoyMapItem(refinement->build->index, &item->vector, target->x);
	candidates = AnnoyKeptCandidates(&refinement->skeleton,
									 AnnoyItemNumber(refinement->build, pointer));
	if (candidates == NULL)
		candidates = found;
	AnnoyPlaceItem(&refinement->skeleton, target, candidates);
	leaf = AnnoyChooseLeaf(&refinement->skeleton, target->x, candidates);

	sums = refinement->sums + (Size) leaf * dim;
	if (refinement->build->participants > 1)
	{
		for (int i = 0; i < dim; i++)
			pg_atomic_fetch_add_u64(&sums[i], sum_component(target->x[i], refinement->unit,
															refinement->max));
		pg_atomic_fetch_add_u64(&refinement->counts[leaf], 1);
	}
	else
	{
		for (int i = 0; i < dim; i++)
			sums[i].value += sum_component(target->x[i], refinement->unit,
										   refinement->max);
		refinement->counts[leaf].value++;
	}
	if (++refinement->items == ANNOY_REPORT_ITEMS)
	{
		AnnoyBuildAdvance(refinement->build, refinement->items, 0);
		refinement->items = 0;
	}
}

/*
 * Take part in the Lloyd step.
 */
void
AnnoyStepRefine(AnnoyBuild *build, void *state)
{
	Sums	   *shared = state;
	Refinement	refinement = {.build = build};
	AnnoyVectorSource *source;

	AnnoyGetSkeleton(build, &refinement.skeleton);
	AnnoyTargetInit(&refinement.target, build->index, false);
	refinement.unit = shared->unit;
	refinement.max = shared->max;
	refinement.sums = AnnoyBuildAddress(build, shared->sums);
	refinement.counts = AnnoyBuildAddress(build, shared->counts);
	source = AnnoyBuildSource(build);
	AnnoyBuildWalk(build, source, refine_item, &refinement);
	AnnoySourceClose(source);
	AnnoyBuildAdvance(build, refinement.items, 0);
}

/*
 * Make room to keep the candidates of items, of none as yet.
 */
static void
begin_candidates(AnnoyBuild *build)
{
	AnnoySharedTree *tree = &build->shared->tree;
	int			n = AnnoyCandidates(build);
	double		room = AnnoyBuildBytes(ANNOY_CANDIDATES_MEMORY) / (sizeof(int) * n);
	AnnoyPointer end;
	int		   *candidates;

	ItemPointerSet(&end, build->shared->items.end, FirstOffsetNumber);
	tree->n_kept = Min(AnnoyItemNumber(build, &end), (int64) room);
	tree->candidates = AnnoyBuildAlloc(build, sizeof(int) * n * (Size) tree->n_kept);
	candidates = AnnoyBuildAddress(build, tree->candidates);
	for (int64 i = 0; i < tree->n_kept; i++)
	{
		CHECK_FOR_INTERRUPTS();
		candidates[i * n] = -1;
	}
}

/*
 * Put the new numbers of leaves, or -1 for those that were dropped, into the kept
 * candidates.  Of an item that has lost most of its candidates, none is kept: it
 * is to be placed once more.
 */
static void
renumber_candidates(AnnoyBuild *build, const int *numbers)
{
	AnnoySharedTree *tree = &build->shared->tree;
	int		   *candidates = AnnoyBuildAddress(build, tree->candidates);
	int			n = AnnoyCandidates(build);

	for (int64 i = 0; i < tree->n_kept; i++, candidates += n)
	{
		int			kept = 0;

		CHECK_FOR_INTERRUPTS();
		if (candidates[0] < 0)
			continue;
		for (int j = 0; j < n && candidates[j] >= 0; j++)
		{
			if (numbers[candidates[j]] >= 0)
				candidates[kept++] = numbers[candidates[j]];
		}
		if (kept <= n / 2)
			kept = 0;
		if (kept < n)
			candidates[kept] = -1;
	}
}

/*
 * Make the means of what was added up the centres of leaves.  Leaves that would
 * be nearly empty leave their points to others, if there are any.
 */
static void
move_centres(AnnoyBuild *build, const Sums *shared)
{
	AnnoySharedTree *tree = &build->shared->tree;
	int			dim = build->index->space_dim;
	double		enough = MIN_LEAF * ANNOY_LEAF_FILL * build->index->leaf.capacity /
	build->index->n_entries;
	double		inverse = 1.0 / shared->unit;
	float	   *centres = AnnoyBuildAddress(build, tree->centres);
	pg_atomic_uint64 *sums = AnnoyBuildAddress(build, shared->sums);
	pg_atomic_uint64 *counts = AnnoyBuildAddress(build, shared->counts);
	int		   *numbers = palloc_extended(sizeof(int) * (Size) tree->n_leaves,
										  MCXT_ALLOC_HUGE);
	int			fullest = 0;
	int			kept = 0;

	for (int i = 1; i < tree->n_leaves; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pg_atomic_read_u64(&counts[i]) > pg_atomic_read_u64(&counts[fullest]))
			fullest = i;
	}
	for (int i = 0; i < tree->n_leaves; i++)
	{
		uint64		count = pg_atomic_read_u64(&counts[i]);
		float	   *to = centres + (Size) kept * dim;

		CHECK_FOR_INTERRUPTS();
		numbers[i] = -1;
		if (count <= enough && i != fullest)
			continue;
		numbers[i] = kept;
		for (int j = 0; j < dim; j++)
			to[j] = (float) ((int64) pg_atomic_read_u64(&sums[(Size) i * dim + j]) *
							 inverse / count);
		kept++;
	}
	tree->n_leaves = kept;
	renumber_candidates(build, numbers);
	pfree(numbers);
}

/*
 * One Lloyd step over all leaves: their centres become the means of the items
 * that are nearest to them.  The candidates of items are kept for the assignment.
 */
void
AnnoyRefineSkeleton(AnnoyBuild *build)
{
	const AnnoySharedItems *items = &build->shared->items;
	AnnoySharedTree *tree = &build->shared->tree;
	int			dim = build->index->space_dim;
	AnnoyShare	state = AnnoyBuildAlloc(build, sizeof(Sums));
	Sums	   *shared = AnnoyBuildAddress(build, state);

	/* so many bits that the sums for all items have no more than 63 */
	int			bits = 62 - pg_leftmost_one_pos64((uint64) items->count) - 1;

	AnnoyBuildPhase(build, ANNOY_PHASE_REFINE, items->count, items->end - items->first);
	shared->unit = ldexp(1.0, bits - CUT_BITS - build->shared->sample.norm_exponent);
	shared->max = ldexp(1.0, bits);
	shared->sums = AnnoyBuildAllocZero(build, sizeof(pg_atomic_uint64) * dim * (Size) tree->n_leaves);
	shared->counts = AnnoyBuildAllocZero(build, sizeof(pg_atomic_uint64) * (Size) tree->n_leaves);
	begin_candidates(build);
	AnnoyBuildRun(build, ANNOY_STEP_REFINE, state, AnnoyBuildItemUnits(build));
	move_centres(build, shared);
	AnnoyBuildFree(build, &shared->sums);
	AnnoyBuildFree(build, &shared->counts);
	AnnoyBuildFree(build, &state);
	AnnoyMakeSkeletonInner(build);
	AnnoyBuildPhaseDone(build, "refining leaf centres", tree->n_leaves, "leaves");
}
