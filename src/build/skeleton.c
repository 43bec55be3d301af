/*-------------------------------------------------------------------------
 *
 * skeleton.c
 *	  The skeleton of a tree: centres of leaves, and inner nodes over them.
 *
 * The sample is divided by 2-means until the pieces would fit a page each.  The
 * pieces' means are the centres of leaves.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/skeleton.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "annoy.h"
#include "build/state.h"
#include "simd/simd.h"
#include "space/space.h"
#include "tree/tree.h"

/* Beam when items are placed, and leaves whose distance is computed exactly. */
#define BUILD_BEAM			8
#define BUILD_EXACT			4

/* Bytes that a leaf takes in a skeleton beside its centre: mostly its entry. */
#define LEAF_OVERHEAD		160

/* Pieces of a division, as parts of the largest: most are larger than this. */
#define SMALL_PIECE			0.5

/* A part of the sample that remains to be divided. */
typedef struct Range
{
	int			start;
	int			count;
	int			depth;			/* divisions that have led to it */
} Range;

#define MAX_RANGES			1024

/*
 * What participants share while they divide the sample.  The order of the sample
 * within a range, and the cuts there, belong to whoever has taken the range.
 */
typedef struct Division
{
	/* set by the leader, before the step */
	double		max_piece;
	int			divisions;		/* of a point, in most cases; for progress */
	int			small_range;	/* up to here, a participant does the rest */
	AnnoyShare	cuts;			/* whether a piece starts there, bytes */

	/* under the team's mutex */
	int			busy;			/* participants that divide */
	int			n_ranges;
	Range		ranges[MAX_RANGES];
} Division;

/* An AnnoyProgress of all participants, for points that have been foreseen. */
static void
count_divided(uint64 more pg_attribute_unused(), uint64 done, void *arg)
{
	AnnoyBuildAdvance(arg, done, 0);
}

/*
 * Leave a range to whoever is free.  In a step, the caller has the mutex.
 */
static void
add_range(Division *division, int start, int count, int depth)
{
	Range	   *range = &division->ranges[division->n_ranges++];

	Assert(division->n_ranges <= MAX_RANGES);
	range->start = start;
	range->count = count;
	range->depth = depth;
}

/*
 * Take a range.  Returns false if there is none, because all are divided or others
 * are at it, which `busy' tells.  Also tells whether there is room for two ranges
 * from each participant that is busy.
 */
static bool
take_range(AnnoySharedTeam *team, Division *division, Range *range, bool *busy,
		   bool *room)
{
	bool		found;

	SpinLockAcquire(&team->mutex);
	found = division->n_ranges > 0;
	if (found)
	{
		*range = division->ranges[--division->n_ranges];
		division->busy++;
	}
	*busy = division->busy > 0;
	*room = division->n_ranges + 2 * division->busy <= MAX_RANGES;
	SpinLockRelease(&team->mutex);
	return found;
}

/*
 * Take part in dividing the sample.  Ranges that are large are divided once,
 * and whoever is free takes the parts.
 */
void
AnnoyStepDivide(AnnoyBuild *build, void *state)
{
	AnnoyShared *shared = build->shared;
	AnnoySharedTeam *team = &shared->team;
	Division   *division = state;
	float	   *sample = AnnoyBuildAddress(build, shared->sample.points);
	int		   *order = AnnoyBuildAddress(build, shared->sample.order);
	char	   *cuts = AnnoyBuildAddress(build, division->cuts);
	int			dim = build->index->space_dim;
	uint64		seed = build->index->seed + shared->tree.number;
	AnnoyPieces pieces = {0};

	for (;;)
	{
		Range		range;
		bool		room;
		bool		busy;
		int			first = 0;

		CHECK_FOR_INTERRUPTS();
		if (!take_range(team, division, &range, &busy, &room))
		{
			if (!busy)
				break;
			AnnoyBuildWait(build);
			continue;
		}
		ConditionVariableCancelSleep();

		if (room && range.count > Max(division->small_range, division->max_piece))
		{
			bool		counts = range.depth++ < division->divisions;

			first = AnnoyDivide(sample, dim, order, range.start, range.count,
								division->max_piece, false, seed,
								counts ? count_divided : NULL, build);
		}
		if (first == 0)
		{
			AnnoyPartition(sample, dim, order, range.start, range.count,
						   division->max_piece, false, seed, &pieces);
			for (int i = 0; i < pieces.count; i++)
				cuts[pieces.start[i]] = 1;
			AnnoyBuildAdvance(build, (uint64) range.count *
							  Max(division->divisions - range.depth, 0), 0);
		}

		SpinLockAcquire(&team->mutex);
		if (first > 0)
		{
			add_range(division, range.start + first, range.count - first, range.depth);
			add_range(division, range.start, first, range.depth);
		}
		division->busy--;
		SpinLockRelease(&team->mutex);
		ConditionVariableBroadcast(&team->changed);
	}
	ConditionVariableCancelSleep();
}

/*
 * The size of the largest piece of the sample that makes a leaf.
 */
static double
largest_piece(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	const AnnoyIndex *index = build->index;
	int			n = shared->sample.count;
	double		entries = shared->items.count * index->n_entries;
	double		room = AnnoyBuildBytes(ANNOY_SKELETON_MEMORY) /
	(sizeof(float) * index->space_dim + LEAF_OVERHEAD);
	double		max_piece;

	/* a table that fits one page needs no division */
	if (shared->items.count <= index->leaf.capacity)
		return n;

	/* those of all trees are kept until the trees are written */
	if (build->in_place != NULL)
		room /= index->n_trees;
	room = Min(Max(room, 2), ANNOY_MAX_LEAVES);
	max_piece = ANNOY_LEAF_FILL * index->leaf.capacity * n / entries;
	max_piece = Max(max_piece, n / (SMALL_PIECE * room));
	return Max(max_piece, 1);
}

/*
 * Divide the sample.  Its order is that of pieces then.  Returns shared memory
 * with a byte for each place in that order, which tells whether a piece starts
 * there; behind the end one does.
 */
static AnnoyShare
divide_sample(AnnoyBuild *build)
{
	int			n = build->shared->sample.count;
	AnnoyShare	state = AnnoyBuildAllocZero(build, sizeof(Division));
	Division   *division = AnnoyBuildAddress(build, state);
	AnnoyShare	cuts = AnnoyBuildAllocZero(build, (Size) n + 1);

	division->max_piece = largest_piece(build);
	division->divisions = (int) ceil(log2(n / division->max_piece));
	division->small_range = n / (MAX_RANGES / 2);
	division->cuts = cuts;
	add_range(division, 0, n, 0);

	/* each vector counts in each division, and in the mean of a piece */
	AnnoyBuildPhase(build, ANNOY_PHASE_SKELETON, (division->divisions + 1.0) * n, 0);
	AnnoyBuildRun(build, ANNOY_STEP_DIVIDE, state, 0);
	AnnoyBuildFree(build, &state);
	((char *) AnnoyBuildAddress(build, cuts))[n] = 1;
	return cuts;
}

/*
 * Make the inner nodes over the leaves of the skeleton, whose centres are
 * quantised on the way.  Those that there were are freed.
 */
void
AnnoyMakeSkeletonInner(AnnoyBuild *build)
{
	AnnoySharedTree *tree = &build->shared->tree;
	int			dim = build->index->space_dim;
	int16	   *quantised = palloc(sizeof(int16) * dim);
	float	   *centres = AnnoyBuildAddress(build, tree->centres);
	AnnoyLevel	level = {0};

	for (int i = 0; i < tree->n_leaves; i++)
		(void) AnnoyQuantise(build->index, centres + (Size) i * dim, quantised);
	pfree(quantised);

	AnnoyBuildFree(build, &tree->inner);
	if (tree->n_leaves > 1)
	{
		AnnoySink  *sink = palloc0(sizeof(AnnoySink));
		AnnoyRandom random = build->index->seed + tree->number;

		level.count = tree->n_leaves;
		level.borrowed = true;
		level.centres = centres;
		level.pointers = palloc_extended(sizeof(AnnoyPointer) * level.count,
										 MCXT_ALLOC_HUGE);
		for (int i = 0; i < level.count; i++)
			ItemPointerSet(&level.pointers[i], i, InvalidOffsetNumber);
		sink->build = build;
		sink->in_memory = true;
		tree->root = AnnoyMakeInnerLevels(sink, &level, &random);

		tree->inner = AnnoyBuildAlloc(build, (Size) sink->count * BLCKSZ);
		memcpy(AnnoyBuildAddress(build, tree->inner), sink->pages,
			   (Size) sink->count * BLCKSZ);
		pfree(sink->pages);
		pfree(sink);
	}
}

/*
 * Make the skeleton of a tree from the sample, which is freed.
 */
void
AnnoyMakeSkeleton(AnnoyBuild *build)
{
	AnnoySharedSample *sample = &build->shared->sample;
	AnnoySharedTree *tree = &build->shared->tree;
	int			dim = build->index->space_dim;
	float	   *points = AnnoyBuildAddress(build, sample->points);
	int		   *order = AnnoyBuildAddress(build, sample->order);
	AnnoyShare	share = divide_sample(build);
	char	   *cuts = AnnoyBuildAddress(build, share);
	float	   *centres;

	tree->n_leaves = 0;
	for (int i = 0; i < sample->count; i++)
		tree->n_leaves += cuts[i];
	tree->centres = AnnoyBuildAlloc(build, sizeof(float) * dim * (Size) tree->n_leaves);
	centres = AnnoyBuildAddress(build, tree->centres);
	for (int start = 0; start < sample->count;)
	{
		int			end = start + 1;

		while (!cuts[end])
			end++;
		AnnoyMean(points, dim, order + start, end - start, centres);
		AnnoyBuildAdvance(build, end - start, 0);
		centres += dim;
		start = end;
	}
	AnnoyBuildFree(build, &sample->points);
	AnnoyBuildFree(build, &sample->order);
	AnnoyBuildFree(build, &share);
	AnnoyMakeSkeletonInner(build);
	AnnoyBuildPhaseDone(build, "growing a tree on the sample", tree->n_leaves, "leaves");
}

/*
 * Make the skeleton of the tree at work ready for AnnoyNearestLeaf(), in this
 * process and until the end of the step.
 */
void
AnnoyGetSkeleton(AnnoyBuild *build, AnnoySkeleton *skeleton)
{
	const AnnoySharedTree *tree = &build->shared->tree;

	skeleton->rel = build->rel;
	skeleton->dim = build->index->space_dim;
	skeleton->n_leaves = tree->n_leaves;
	skeleton->centres = AnnoyBuildAddress(build, tree->centres);
	skeleton->inner = tree->n_leaves > 1 ? AnnoyBuildAddress(build, tree->inner) : NULL;
	skeleton->root = tree->root;
	AnnoyCollectorInit(&skeleton->nearest);
}

/*
 * How many entries an item gets in the tree at work, whose skeleton is complete.
 */
int
AnnoyItemEntries(const AnnoyBuild *build)
{
	return build->shared->tree.n_leaves < ANNOY_MIN_SECOND_LEAVES ? 1 : build->index->n_entries;
}

static AnnoyNode
read_skeleton(BlockNumber block, void *arg)
{
	AnnoySkeleton *skeleton = arg;

	return AnnoyPageGetNode(skeleton->inner + (Size) block * BLCKSZ);
}

static inline int
candidate_leaf(const AnnoySkeleton *skeleton, int i)
{
	return ItemPointerGetBlockNumberNoCheck(&skeleton->nearest.candidates[i].pointer);
}

static inline const float *
leaf_centre(const AnnoySkeleton *skeleton, int leaf)
{
	return skeleton->centres + (Size) leaf * skeleton->dim;
}

/*
 * The leaf of a skeleton whose centre is nearest to the target.  The collector has
 * the `keep' leaves that are nearest by estimate then, and is empty if there is
 * only one leaf.
 */
static int
nearest_leaf(AnnoySkeleton *skeleton, AnnoyTarget *target, int keep, float *nearest)
{
	AnnoyCollector *leaves = &skeleton->nearest;
	int			best = 0;

	*nearest = 0;
	if (skeleton->n_leaves == 1)
		return 0;
	AnnoyPlace(skeleton->rel, target, skeleton->root, BUILD_BEAM, keep,
			   read_skeleton, skeleton, leaves);
	for (int i = 0; i < Min(leaves->count, BUILD_EXACT); i++)
	{
		int			leaf = candidate_leaf(skeleton, i);
		float		distance = annoy_kernels->l2(target->x, leaf_centre(skeleton, leaf),
												 skeleton->dim);

		if (i == 0 || distance < *nearest)
		{
			best = leaf;
			*nearest = distance;
		}
	}
	return best;
}

/*
 * The number of the leaf of a skeleton whose centre is nearest to the target.
 */
int
AnnoyNearestLeaf(AnnoySkeleton *skeleton, AnnoyTarget *target)
{
	float		distance;

	return nearest_leaf(skeleton, target, BUILD_BEAM, &distance);
}

/*
 * Likewise, and the number of the leaf for the item's second entry, or -1 if no
 * other leaf was found.
 */
int
AnnoyNearestLeaves(AnnoySkeleton *skeleton, AnnoyTarget *target, int *second)
{
	const AnnoyCollector *leaves = &skeleton->nearest;
	float		distance;
	int			first = nearest_leaf(skeleton, target,
									 1 + ANNOY_SECOND_CANDIDATES, &distance);
	const float *centre = leaf_centre(skeleton, first);
	float		best = INFINITY;

	*second = -1;
	for (int i = 0; i < leaves->count; i++)
	{
		int			leaf = candidate_leaf(skeleton, i);
		const float *other = leaf_centre(skeleton, leaf);
		float		score;

		if (leaf == first)
			continue;

		/* a score is at least the squared distance, which increases, nearly */
		if (*second >= 0 && leaves->candidates[i].score >= best)
			break;
		score = AnnoySecondScore(distance, annoy_kernels->l2(target->x, other, skeleton->dim),
								 annoy_kernels->l2(centre, other, skeleton->dim));
		if (*second < 0 || score < best)
		{
			*second = leaf;
			best = score;
		}
	}
	return first;
}
