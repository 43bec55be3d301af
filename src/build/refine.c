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
#include "simd/simd.h"
#include "space/space.h"
#include "tree/tree.h"

/* Leaves with a smaller part of what fits a page are dropped. */
#define MIN_LEAF			0.3

/*
 * Sums are of integers, since these do not depend on the order in which they are made.
 * Components of points have SUM_BITS at most, and as many fewer as let all items be
 * added; that is what 2^CUT_BITS times the norm of most points takes.  What is farther
 * away, and would draw the mean from all others, is cut off.
 */
#define SUM_BITS			50
#define CUT_BITS			9

/* Locks of the sums: each is that of many leaves. */
#define SUM_LOCKS			256

/*
 * What participants share in the step.  The leader makes it; sums and counts of a leaf
 * are changed under its lock.
 */
typedef struct Sums
{
	double		unit;			/* what 1 in a point is in sums */
	double		max;			/* of a component */
	AnnoyShare	sums;			/* space_dim int64 for each leaf */
	AnnoyShare	counts;			/* int64 for each leaf: of items */
	slock_t		locks[SUM_LOCKS];
} Sums;

/* State of the walk that adds up items. */
typedef struct Refinement
{
	AnnoyBuild *build;
	AnnoySkeleton skeleton;
	AnnoyTarget target;
	Sums	   *shared;
	int64	   *sums;
	int64	   *counts;
	uint64		items;			/* since progress was reported */
} Refinement;

/*
 * Add a point to the sums of its leaf.
 */
static void
add_point(Refinement *refinement, const float *x, int leaf)
{
	Sums	   *shared = refinement->shared;
	int			dim = refinement->skeleton.dim;
	slock_t    *lock = &shared->locks[leaf % SUM_LOCKS];

	/* a few hundred additions: too few to sleep for */
	SpinLockAcquire(lock);
	annoy_kernels->add_whole(refinement->sums + (Size) leaf * dim, x, dim, shared->unit,
							 shared->max);
	refinement->counts[leaf]++;
	SpinLockRelease(lock);
}

/* AnnoyBuildWalkPoints callback: add an item to the sums of its leaf. */
static void
refine_item(const AnnoyPointer *pointer, const float *x, void *arg)
{
	Refinement *refinement = arg;
	AnnoyTarget *target = &refinement->target;
	int			found[1 + ANNOY_SECOND_CANDIDATES];
	int		   *candidates;

	memcpy(target->x, x, sizeof(float) * refinement->skeleton.dim);
	candidates = AnnoyKeptCandidates(&refinement->skeleton,
									 AnnoyItemNumber(refinement->build, pointer));
	if (candidates == NULL)
		candidates = found;
	AnnoyPlaceItem(&refinement->skeleton, target, candidates);
	add_point(refinement, target->x,
			  AnnoyChooseLeaf(&refinement->skeleton, target->x, candidates));
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

	AnnoyGetSkeleton(build, &refinement.skeleton);
	AnnoyTargetInit(&refinement.target, build->index, false);
	refinement.shared = shared;
	refinement.sums = AnnoyBuildAddress(build, shared->sums);
	refinement.counts = AnnoyBuildAddress(build, shared->counts);
	AnnoyBuildWalkPoints(build, refine_item, &refinement);
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
	const int64 *sums = AnnoyBuildAddress(build, shared->sums);
	const int64 *counts = AnnoyBuildAddress(build, shared->counts);
	int		   *numbers = palloc_extended(sizeof(int) * (Size) tree->n_leaves,
										  MCXT_ALLOC_HUGE);
	int			fullest = 0;
	int			kept = 0;

	for (int i = 1; i < tree->n_leaves; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (counts[i] > counts[fullest])
			fullest = i;
	}
	for (int i = 0; i < tree->n_leaves; i++)
	{
		int64		count = counts[i];
		float	   *to = centres + (Size) kept * dim;

		CHECK_FOR_INTERRUPTS();
		numbers[i] = -1;
		if (count <= enough && i != fullest)
			continue;
		numbers[i] = kept;
		for (int j = 0; j < dim; j++)
			to[j] = (float) (sums[(Size) i * dim + j] * inverse / count);
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

	/* the sums for all items have no more than 63 */
	int			bits = Min(62 - pg_leftmost_one_pos64((uint64) items->count) - 1, SUM_BITS);

	AnnoyBuildPhase(build, ANNOY_PHASE_REFINE, items->count,
					build->shared->sample.whole ? 0 : items->end - items->first);
	shared->unit = ldexp(1.0, bits - CUT_BITS - build->shared->sample.norm_exponent);
	shared->max = ldexp(1.0, bits);
	shared->sums = AnnoyBuildAllocZero(build, sizeof(int64) * dim * (Size) tree->n_leaves);
	shared->counts = AnnoyBuildAllocZero(build, sizeof(int64) * (Size) tree->n_leaves);
	for (int i = 0; i < SUM_LOCKS; i++)
		SpinLockInit(&shared->locks[i]);
	begin_candidates(build);
	AnnoyBuildRun(build, ANNOY_STEP_REFINE, state, AnnoyBuildPointUnits(build));
	move_centres(build, shared);
	AnnoyBuildFree(build, &shared->sums);
	AnnoyBuildFree(build, &shared->counts);
	AnnoyBuildFree(build, &state);
	AnnoyMakeSkeletonInner(build);
	AnnoyBuildPhaseDone(build, "refining leaf centres", tree->n_leaves, "leaves");
}
