/*-------------------------------------------------------------------------
 *
 * skeleton.c
 *	  The skeleton of a tree: centres of leaves, and inner nodes over them.
 *
 * The sample is divided by 2-means until the pieces would fit a page each.  The
 * pieces' means are the first centres of leaves, see lloyd.c.
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

/* Beam when items are placed, and when the neighbours of a leaf are looked for. */
#define BUILD_BEAM			8
#define NEIGHBOUR_BEAM		16

/* Leaves whose distance to an item is computed exactly, to choose the nearest. */
#define BUILD_EXACT			4

/* Leaves whose neighbours one participant finds, at a time. */
#define UNIT_LEAVES			64

/*
 * Bytes that a leaf takes in a skeleton beside its centre: mostly its neighbours,
 * while the centres are improved, and its entry.
 */
#define LEAF_OVERHEAD		(160 + sizeof(AnnoyNearLeaf) * ANNOY_NEIGHBOURS)

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
	AnnoyPointSet points = AnnoyDividedPoints(build->index,
											  AnnoyBuildAddress(build, shared->sample.points));
	int		   *order = AnnoyBuildAddress(build, shared->sample.order);
	char	   *cuts = AnnoyBuildAddress(build, division->cuts);
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

			first = AnnoyDivide(&points, order, range.start, range.count,
								division->max_piece, false, seed,
								counts ? count_divided : NULL, build);
		}
		if (first == 0)
		{
			AnnoyPartition(&points, order, range.start, range.count,
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

	/* each vector counts in each division, and in the steps of lloyd.c */
	AnnoyBuildPhase(build, ANNOY_PHASE_SKELETON,
					(division->divisions + (double) ANNOY_LLOYD_STEPS) * n, 0);
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
 * Divide the sample into the leaves of a skeleton.  Returns shared memory with the
 * leaf of each row.
 */
AnnoyShare
AnnoyDivideSample(AnnoyBuild *build)
{
	const AnnoySharedSample *sample = &build->shared->sample;
	AnnoyShare	cuts_share = divide_sample(build);
	const char *cuts = AnnoyBuildAddress(build, cuts_share);
	const int  *order = AnnoyBuildAddress(build, sample->order);
	AnnoyShare	share = AnnoyBuildAlloc(build, sizeof(int) * (Size) sample->count);
	int		   *leaves = AnnoyBuildAddress(build, share);
	int			n_leaves = 0;

	for (int i = 0; i < sample->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		n_leaves += cuts[i];
		leaves[order[i]] = n_leaves - 1;
	}
	AnnoyBuildFree(build, &cuts_share);
	build->shared->tree.n_leaves = n_leaves;
	return share;
}

/*
 * How many leaves near an item AnnoyPlaceItem() finds.
 */
int
AnnoyCandidates(const AnnoyBuild *build)
{
	return build->index->n_entries > 1 ? 1 + ANNOY_SECOND_CANDIDATES : BUILD_EXACT;
}

/*
 * Make the skeleton of the tree at work ready for use, in this process and until
 * the end of the step.
 */
void
AnnoyGetSkeleton(AnnoyBuild *build, AnnoySkeleton *skeleton)
{
	const AnnoySharedTree *tree = &build->shared->tree;

	skeleton->rel = build->rel;
	skeleton->dim = build->index->space_dim;
	skeleton->n_leaves = tree->n_leaves;
	skeleton->n_candidates = AnnoyCandidates(build);
	skeleton->centres = AnnoyBuildAddress(build, tree->centres);
	skeleton->neighbours = tree->neighbours == 0 ? NULL :
		AnnoyBuildAddress(build, tree->neighbours);
	skeleton->candidates = tree->n_kept == 0 ? NULL :
		AnnoyBuildAddress(build, tree->candidates);
	skeleton->n_kept = tree->n_kept;
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
 * Find the neighbours of a leaf.
 */
static void
find_neighbours(AnnoySkeleton *skeleton, AnnoyTarget *target, int leaf)
{
	AnnoyNearLeaf *neighbours = skeleton->neighbours + (Size) leaf * ANNOY_NEIGHBOURS;
	const float *centre = leaf_centre(skeleton, leaf);
	int			n = 0;

	if (skeleton->n_leaves > 1)
	{
		memcpy(target->x, centre, sizeof(float) * skeleton->dim);
		AnnoyTargetSet(target);
		/* one more, as the leaf itself will be among them */
		AnnoyPlace(skeleton->rel, target, skeleton->root, NEIGHBOUR_BEAM,
				   ANNOY_NEIGHBOURS + 1, read_skeleton, skeleton, &skeleton->nearest);
		for (int i = 0; i < skeleton->nearest.count && n < ANNOY_NEIGHBOURS; i++)
		{
			AnnoyNearLeaf new;
			int			place;

			new.leaf = candidate_leaf(skeleton, i);
			if (new.leaf == leaf)
				continue;
			new.distance = annoy_kernels->l2(centre, leaf_centre(skeleton, new.leaf),
											 skeleton->dim);
			for (place = n++; place > 0 && neighbours[place - 1].distance > new.distance; place--)
				neighbours[place] = neighbours[place - 1];
			neighbours[place] = new;
		}
	}
	for (; n < ANNOY_NEIGHBOURS; n++)
		neighbours[n].leaf = -1;
}

/*
 * Take part in finding the neighbours of all leaves.
 */
void
AnnoyStepNeighbours(AnnoyBuild *build, void *state pg_attribute_unused())
{
	AnnoySkeleton skeleton;
	AnnoyTarget target;
	uint64		unit;

	AnnoyGetSkeleton(build, &skeleton);
	AnnoyTargetInit(&target, build->index, false);
	while (AnnoyBuildClaim(build, &unit))
	{
		int			end = Min((unit + 1) * UNIT_LEAVES, (uint64) skeleton.n_leaves);

		for (int i = unit * UNIT_LEAVES; i < end; i++)
			find_neighbours(&skeleton, &target, i);
	}
}

/*
 * Find the neighbours of all leaves of the skeleton, whose inner nodes are made.
 */
void
AnnoyFindNeighbours(AnnoyBuild *build)
{
	AnnoySharedTree *tree = &build->shared->tree;

	tree->neighbours = AnnoyBuildAlloc(build, sizeof(AnnoyNearLeaf) * ANNOY_NEIGHBOURS *
									   (Size) tree->n_leaves);
	AnnoyBuildRun(build, ANNOY_STEP_NEIGHBOURS, 0,
				  (tree->n_leaves + UNIT_LEAVES - 1) / UNIT_LEAVES);
}

/*
 * The squared distances of a point from the centres of some leaves.
 */
static void
leaf_distances(const AnnoySkeleton *skeleton, const float *x, const int *leaves, int count,
			   float *distances)
{
	int			done;

	for (done = 0; done + 4 <= count; done += 4)
	{
		const float *centres[4];

		for (int i = 0; i < 4; i++)
			centres[i] = leaf_centre(skeleton, leaves[done + i]);
		annoy_kernels->l2_four(x, centres, skeleton->dim, distances + done);
	}
	for (; done < count; done++)
		distances[done] = annoy_kernels->l2(x, leaf_centre(skeleton, leaves[done]),
											skeleton->dim);
}

/*
 * The leaf of a skeleton whose centre is nearest to a point, given one that is near:
 * of that and its neighbours; and if one of these is nearer, of the neighbours of the
 * nearest, and so on.
 *
 * By the triangle inequality, a neighbour that is far enough from the leaf is farther
 * from the point than the nearest one found.  Centres may have moved a little since
 * their neighbours were found: then that holds nearly.
 */
int
AnnoyNearestLeaf(const AnnoySkeleton *skeleton, const float *x, int leaf)
{
	float		distance = annoy_kernels->l2(x, leaf_centre(skeleton, leaf), skeleton->dim);

	for (;;)
	{
		const AnnoyNearLeaf *neighbours = skeleton->neighbours + (Size) leaf * ANNOY_NEIGHBOURS;
		float		radius = sqrtf(distance);
		float		limit = 4 * distance;	/* (radius + the least distance)^2 */
		int			best = leaf;
		int			leaves[4];
		float		distances[4];
		int			n;

		for (int i = 0; i < ANNOY_NEIGHBOURS; i += n)
		{
			for (n = 0; n < 4 && neighbours[i + n].leaf >= 0 &&
				 neighbours[i + n].distance < limit; n++)
				leaves[n] = neighbours[i + n].leaf;
			if (n == 0)
				break;
			leaf_distances(skeleton, x, leaves, n, distances);
			for (int j = 0; j < n; j++)
			{
				if (distances[j] < distance)
				{
					best = leaves[j];
					distance = distances[j];
					limit = (radius + sqrtf(distance)) * (radius + sqrtf(distance));
				}
			}
		}
		if (best == leaf)
			return leaf;
		leaf = best;
	}
}

StaticAssertDecl(ANNOY_NEIGHBOURS % 4 == 0, "neighbours are looked at by fours");

/*
 * The candidates that are kept of the item with that number, or NULL if there is no
 * room for them.  The first is -1 if none were found yet.
 */
int *
AnnoyKeptCandidates(const AnnoySkeleton *skeleton, int64 number)
{
	return number < skeleton->n_kept ?
		skeleton->candidates + number * skeleton->n_candidates : NULL;
}

/*
 * The candidates of an item: the leaves whose centres are nearest to the target by
 * estimate, nearest first.  There are n_candidates of them; where there are not so
 * many leaves, -1 is behind the last one.
 */
void
AnnoyPlaceItem(AnnoySkeleton *skeleton, AnnoyTarget *target, int *candidates)
{
	int			n = 1;

	if (skeleton->n_leaves == 1)
		candidates[0] = 0;
	else
	{
		AnnoyTargetSet(target);
		AnnoyPlace(skeleton->rel, target, skeleton->root, BUILD_BEAM,
				   Max(skeleton->n_candidates, BUILD_BEAM), read_skeleton, skeleton,
				   &skeleton->nearest);
		n = Min(skeleton->nearest.count, skeleton->n_candidates);
		for (int i = 0; i < n; i++)
			candidates[i] = candidate_leaf(skeleton, i);
	}
	for (; n < skeleton->n_candidates; n++)
		candidates[n] = -1;
}

/*
 * Compute the squared distances of a point from its candidates, at most so many.
 * *count is set to how many these are.  Returns the number of the nearest.
 */
static int
nearest_candidate(const AnnoySkeleton *skeleton, const float *x, const int *candidates,
				  int most, float *distances, int *count)
{
	int			nearest = 0;
	int			n = 0;

	while (n < most && candidates[n] >= 0)
		n++;
	leaf_distances(skeleton, x, candidates, n, distances);
	for (int i = 1; i < n; i++)
	{
		if (distances[i] < distances[nearest])
			nearest = i;
	}
	*count = n;
	return nearest;
}

/*
 * The leaf of an item, given its point and its candidates: that of the first few of
 * them whose centre is nearest.
 */
int
AnnoyChooseLeaf(const AnnoySkeleton *skeleton, const float *x, const int *candidates)
{
	float		distances[BUILD_EXACT];
	int			n;

	return candidates[nearest_candidate(skeleton, x, candidates, BUILD_EXACT, distances, &n)];
}

/*
 * Likewise, of all candidates; and the leaf for its second entry, or -1 if there is
 * no other one.
 */
int
AnnoyChooseLeaves(const AnnoySkeleton *skeleton, const float *x, const int *candidates,
				  int *second)
{
	float		distances[1 + ANNOY_SECOND_CANDIDATES];
	float		best_score = INFINITY;
	int			n;
	int			first = nearest_candidate(skeleton, x, candidates, skeleton->n_candidates,
										  distances, &n);
	const float *centre;

	centre = leaf_centre(skeleton, candidates[first]);
	*second = -1;
	for (int i = 0; i < n; i++)
	{
		float		score;

		/* a score is at least the squared distance */
		if (i == first || (*second >= 0 && distances[i] >= best_score))
			continue;
		score = AnnoySecondScore(distances[first], distances[i],
								 annoy_kernels->l2(centre, leaf_centre(skeleton, candidates[i]),
												   skeleton->dim));
		if (*second < 0 || score < best_score)
		{
			*second = candidates[i];
			best_score = score;
		}
	}
	return candidates[first];
}
