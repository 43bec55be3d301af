/*-------------------------------------------------------------------------
 *
 * state.h
 *	  What the files of the build share; build.c has the overview.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_BUILD_STATE_H
#define ANNOY_BUILD_STATE_H

#include <math.h>

#include "access/parallel.h"
#include "port/atomics.h"
#include "portability/instr_time.h"
#include "storage/buffile.h"
#include "storage/condition_variable.h"
#include "storage/fd.h"
#include "storage/spin.h"
#include "utils/tuplesort.h"

#include "bits.h"
#include "build/build.h"
#include "storage/storage.h"
#include "tree/tree.h"

/*
 * Parts of maintenance_work_mem.  What is in use at the same time: sample and
 * skeleton; skeleton, sums and candidates; skeleton, candidates and sort; skeleton,
 * sort, levels and leaf.
 */
#define ANNOY_SAMPLE_MEMORY		0.7
#define ANNOY_SKELETON_MEMORY	0.25	/* sums take twice as much */
#define ANNOY_CANDIDATES_MEMORY	0.25
#define ANNOY_SORT_MEMORY		0.5
#define ANNOY_LEVEL_MEMORY		0.0625	/* of which two are in use */
#define ANNOY_LEAF_MEMORY		0.125
#define ANNOY_LOAD_MEMORY		0.5
#define ANNOY_CURVE_MEMORY		0.5

#define AnnoyBuildBytes(part)	((part) * maintenance_work_mem * 1024.0)

/* How full, at most, divisions of the sample make leaves. */
#define ANNOY_LEAF_FILL			0.8

/*
 * Points are divided by that many of their coordinates at most: as the space is rotated
 * at random, the first ones are a random projection.
 */
#define ANNOY_DIVIDED_DIM		512

/* Lloyd steps over the sample. */
#define ANNOY_LLOYD_STEPS		2

/* Leaves of a skeleton, at most. */
#define ANNOY_MAX_LEAVES		(1 << 24)

/*
 * A flag of an entry on its way from the assignment to its page: the item's other
 * entry is in a later leaf of the skeleton.
 */
#define ANNOY_ENTRY_EARLIER		0x0001

/* Items that are placed between two reports of progress. */
#define ANNOY_REPORT_ITEMS		1000

/*
 * Memory that all participants reach: the handle of a segment of dynamic shared
 * memory, or an address if there is but one.  0 if there is none.
 */
typedef uint64 AnnoyShare;

#define ANNOY_MAX_SHARES		14

/* Shared memory as one participant has attached it. */
typedef struct AnnoyAttachment
{
	AnnoyShare	share;
	dsm_segment *segment;
} AnnoyAttachment;

/*
 * Steps of the build that all participants work at together.  A step is a number,
 * since a function need not have the same address in all of them.
 */
typedef enum AnnoyStep
{
	ANNOY_STEP_LOAD,
	ANNOY_STEP_SAMPLE,
	ANNOY_STEP_MAP,
	ANNOY_STEP_DIVIDE,
	ANNOY_STEP_NEIGHBOURS,
	ANNOY_STEP_MOVE,
	ANNOY_STEP_MEANS,
	ANNOY_STEP_REFINE,
	ANNOY_STEP_ASSIGN,
	ANNOY_STEP_LOG,
	ANNOY_STEP_CURVE
} AnnoyStep;

typedef struct AnnoyBuild AnnoyBuild;

/*
 * Take part in a step.  The state is shared memory that only this step knows, or
 * NULL.  Memory that is allocated in the current context is freed afterwards.
 */
typedef void (*AnnoyStepFunction) (AnnoyBuild *build, void *state);

/*
 * Called with an item and its point in the search space, space_dim floats.
 */
typedef void (*AnnoyPointCallback) (const AnnoyPointer *pointer, const float *x, void *arg);

/* What a worker begins with.  It does not change once there are workers. */
typedef struct AnnoySharedTask
{
	Oid			heap_oid;
	Oid			index_oid;
	bool		concurrent;
	int			participants;	/* if all workers come */
} AnnoySharedTask;

/* The step under way. */
typedef struct AnnoySharedTeam
{
	slock_t		mutex;			/* also of what a step's own state says */
	ConditionVariable changed;	/* what is under the mutex has */

	/* read and written under the mutex, by all */
	uint64		round;			/* counts steps */
	bool		open;			/* may be joined */
	bool		finished;		/* there will be no more */
	int			working;		/* workers that are at it */
	int			joined;			/* workers that have been */

	/* set by the leader when it opens the step */
	AnnoyStep	step;
	AnnoyShare	state;			/* the step's own */
	uint64		units;			/* of work */

	/* of all participants, without the mutex */
	pg_atomic_uint64 next_unit;
	pg_atomic_uint64 tuples_done;
	pg_atomic_uint64 blocks_done;
} AnnoySharedTeam;

/* The index: what AnnoyMakeIndex needs.  Whoever changes it raises the version. */
typedef struct AnnoySharedIndex
{
	uint32		version;
	AnnoyIndex	declared;		/* of this, only what was declared, or follows */
	uint8		generation;
	int			dim;			/* 0 until the first vector of a live row */
	int			scale_exponent;
	BlockNumber bounds;			/* first page, or invalid */
	uint32		n_bounds;
	float		mean[ANNOY_MAX_DIMENSIONS];
} AnnoySharedIndex;

/*
 * The items, when they have been loaded.  When trees are made anew, there may be
 * more of them later on.
 */
typedef struct AnnoySharedItems
{
	double		count;			/* vectors, without NULLs */
	BlockNumber first;			/* blocks of the index that hold items: */
	BlockNumber end;			/* up to here */
} AnnoySharedItems;

/* The file of vectors, if the index does not store them; see vectors.c. */
typedef struct AnnoySharedVectors
{
	AnnoyShare	files;			/* the set it is in, if there are workers */
	AnnoyShare	ranks;			/* of each block that holds items: how many
								 * groups are before it */
} AnnoySharedVectors;

/*
 * The sample.  In a step, each point belongs to one participant, as the step says,
 * and so does its place in the order.
 */
typedef struct AnnoySharedSample
{
	int			count;
	bool		whole;			/* all items, which are read no more */
	AnnoyShare	keys;			/* where each row is from, see AnnoySampleKey */
	AnnoyShare	points;			/* rows of space_dim floats: images of vectors
								 * at first, points of the search space then */
	AnnoyShare	sorted;			/* row numbers, in the order of items */
	AnnoyShare	order;			/* row numbers: so at first, then rearranged */
	int			norm_exponent;	/* of the median norm of points */
} AnnoySharedSample;

/* An item's pointer as a number, in the order of items; and back. */
static inline uint64
AnnoySampleKey(const AnnoyPointer *pointer)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(pointer) << 16 |
		ItemPointerGetOffsetNumberNoCheck(pointer);
}

static inline AnnoyPointer
AnnoySamplePointer(uint64 key)
{
	AnnoyPointer pointer;

	ItemPointerSet(&pointer, (BlockNumber) (key >> 16), (OffsetNumber) key);
	return pointer;
}

/*
 * A leaf of the skeleton that is near to another one.  The neighbours of a leaf are
 * in the order of distance; behind the last one the leaf is -1.
 */
typedef struct AnnoyNearLeaf
{
	int			leaf;
	float		distance;		/* of the centres, squared */
} AnnoyNearLeaf;

#define ANNOY_NEIGHBOURS		32

/* The tree at work. */
typedef struct AnnoySharedTree
{
	int			number;
	int			n_leaves;		/* of the skeleton */
	AnnoyShare	centres;		/* of leaves: floats */
	AnnoyShare	neighbours;		/* of each leaf, ANNOY_NEIGHBOURS; 0 if not
								 * known */
	AnnoyShare	inner;			/* pages of inner nodes, if there is any */
	BlockNumber root;			/* which of them is the root */

	/*
	 * The candidates of the items with the lowest numbers, so many as there
	 * is memory for.  In a step they belong to whoever walks over the item.
	 */
	int64		n_kept;
	AnnoyShare	candidates;
} AnnoySharedTree;

/*
 * The state of the build that all participants reach, in dynamic shared memory if
 * there are workers.  What only one step needs is in the step's own state.
 *
 * But for the team, the leader alone writes here, and only between steps; in a step
 * all may read.  The mutex, which is taken to join a step and to leave it, sees to
 * it that everybody sees what was written before.
 */
typedef struct AnnoyShared
{
	AnnoySharedTask task;
	AnnoySharedTeam team;
	AnnoySharedIndex index;
	AnnoySharedItems items;
	AnnoySharedVectors vectors;
	AnnoySharedSample sample;
	AnnoySharedTree tree;
} AnnoyShared;

/* What is different about trees for an index in use, see rebuild.c. */
typedef struct AnnoyInPlace
{
	bool		locked;			/* others wait for us */
	char	   *roots;			/* their pages, until all trees are complete */
	AnnoyBits	included;		/* numbers of items that have an entry */
} AnnoyInPlace;

/* The state of one participant, which nobody else reaches. */
struct AnnoyBuild
{
	Relation	heap;			/* NULL for an index in use */
	Relation	rel;
	IndexInfo  *index_info;		/* likewise */
	MemoryContext context;		/* for the whole build */
	MemoryContext step_context;

	/* the others */
	bool		is_worker;
	int			participants;
	const AnnoyStepFunction *steps;
	AnnoyShared *shared;
	AnnoyAttachment attached[ANNOY_MAX_SHARES];

	/* what shared->index says, when it had this version */
	AnnoyIndex *index;
	uint32		index_version;

	/* the rest is the leader's */
	AnnoyInPlace *in_place;		/* NULL in a build */
	File		vectors_file;	/* if it is alone; or 0 */
	ParallelContext *parallel;	/* NULL if it is alone */

	AnnoyShare	curve;			/* memory for measuring it, or 0 */

	/* blocks of the index that are WAL-logged, or being logged */
	BlockNumber logged;
	AnnoyShare	log;			/* state of the step that is under way, or 0 */

	/* entries of the tree at work: which of these there is, see assign.c */
	Tuplesortstate *sort;
	AnnoyShare	shared_sort;
	int			n_sorts;		/* that are merged */

	/* progress, and the log */
	uint64		tuples_total;
	instr_time	phase_start;
};

/* Writes vectors to the file: see vectors.c. */
typedef struct AnnoyVectorWriter
{
	AnnoyBuild *build;
	File		file;
	char	   *buffer;			/* NULL if nothing was written */
	int64		first;			/* vectors in it: from that number on ... */
	int64		count;			/* ... so many */
} AnnoyVectorWriter;

/* What the load tells, beside the items. */
typedef struct AnnoyLoadResult
{
	double		heap_tuples;
	double		null_count;
	BlockNumber null_free;		/* the page of NULLs with free slots */
	BlockNumber attributes;		/* the last page of attributes */
} AnnoyLoadResult;

/* The skeleton of a tree, as a participant sees it in a step. */
typedef struct AnnoySkeleton
{
	Relation	rel;
	int			dim;
	int			n_leaves;
	int			n_candidates;	/* of an item */
	float	   *centres;
	AnnoyNearLeaf *neighbours;	/* NULL if they are not known */
	int		   *candidates;		/* that are kept, of n_kept items */
	int64		n_kept;
	char	   *inner;			/* pages */
	BlockNumber root;
	AnnoyCollector nearest;		/* work space */
} AnnoySkeleton;

/* The sorted entries of a tree, being read. */
typedef struct AnnoyEntries
{
	Tuplesortstate *sort;
	TupleTableSlot *slot;
} AnnoyEntries;

/*
 * Nodes of one level of a tree that is being made: their centres, as
 * quantised, and pointers to them.  If there are more than `max', the rest is
 * in a temporary file.
 */
typedef struct AnnoyLevel
{
	int			count;
	int			allocated;
	int			max;
	bool		borrowed;		/* centres belong to somebody else */
	float	   *centres;
	AnnoyPointer *pointers;
	int			n_runs;			/* in the file, of `max' nodes each */
	BufFile    *file;
} AnnoyLevel;

/* Points that are divided, by their first coordinates. */
static inline AnnoyPointSet
AnnoyDividedPoints(const AnnoyIndex *index, const float *points)
{
	AnnoyPointSet rows = {points, index->space_dim, Min(index->space_dim, ANNOY_DIVIDED_DIM)};

	return rows;
}

/*
 * Where the pages of a tree go: to memory for a skeleton, in which a node's
 * block number is its place in the array; to the index otherwise.
 */
typedef struct AnnoySink
{
	AnnoyBuild *build;
	bool		in_memory;

	/* in memory */
	char	   *pages;
	int			count;
	int			allocated;

	/* in the index: a page waits until it is known which one follows */
	bool		waiting;
	PGAlignedBlock page;
	BlockNumber block;			/* that the page will get */
	BlockNumber end;			/* of the pages so far, if they are new ones */
	double		written;		/* pages */
	BlockNumber leftmost[ANNOY_MAX_LEVEL];
} AnnoySink;

/* What write.c tells of a tree. */
typedef struct AnnoyTreeStats
{
	double		entries;
	double		leaves;
	double		divided;		/* leaves of the skeleton */
	double		inner;
	int			height;
} AnnoyTreeStats;

/* The files from the top down: each calls those below it. */

/* build.c */
extern void AnnoyStepCurve(AnnoyBuild *build, void *state);

/* parallel.c */
extern AnnoyBuild *AnnoyBuildBegin(Relation heap, Relation rel,
								   IndexInfo *index_info,
								   const AnnoyIndex *index);
extern void AnnoyBuildEnd(AnnoyBuild *build);

/* grow.c */
extern void AnnoyGrowTree(AnnoyBuild *build, int number);
extern void AnnoyFinishTree(AnnoyBuild *build, BlockNumber *leftmost);

/* load.c */
extern void AnnoyLoadItems(AnnoyBuild *build, AnnoyLoadResult *result);
extern void AnnoyStepLoad(AnnoyBuild *build, void *state);

/* bounds.c */
extern void AnnoyChooseBounds(AnnoyBuild *build);

/* sample.c */
extern void AnnoyTakeSample(AnnoyBuild *build);
extern const float *AnnoySamplePoint(AnnoyBuild *build, const AnnoyPointer *pointer);
extern void AnnoyFreeSample(AnnoyBuild *build);
extern void AnnoyStepSample(AnnoyBuild *build, void *state);
extern void AnnoyStepMap(AnnoyBuild *build, void *state);

/* assign.c */
extern void AnnoyAssignItems(AnnoyBuild *build);
extern void AnnoyAssignMore(AnnoyBuild *build);
extern int64 AnnoyItemNumber(AnnoyBuild *build, const AnnoyPointer *pointer);
extern void AnnoySortEntries(AnnoyBuild *build, AnnoyEntries *entries);
extern bool AnnoyNextEntry(AnnoyEntries *entries, int *leaf, const char **entry);
extern void AnnoyEndEntries(AnnoyBuild *build, AnnoyEntries *entries);
extern void AnnoyStepAssign(AnnoyBuild *build, void *state);

/* refine.c */
extern void AnnoyRefineSkeleton(AnnoyBuild *build);
extern void AnnoyStepRefine(AnnoyBuild *build, void *state);

/* lloyd.c */
extern void AnnoyMakeSkeleton(AnnoyBuild *build);
extern void AnnoyStepMove(AnnoyBuild *build, void *state);
extern void AnnoyStepMeans(AnnoyBuild *build, void *state);

/* skeleton.c */
extern AnnoyShare AnnoyDivideSample(AnnoyBuild *build);
extern void AnnoyMakeSkeletonInner(AnnoyBuild *build);
extern void AnnoyGetSkeleton(AnnoyBuild *build, AnnoySkeleton *skeleton);
extern int	AnnoyItemEntries(const AnnoyBuild *build);
extern void AnnoyFindNeighbours(AnnoyBuild *build);
extern int	AnnoyNearestLeaf(const AnnoySkeleton *skeleton, const float *x, int leaf);
extern int	AnnoyCandidates(const AnnoyBuild *build);
extern int *AnnoyKeptCandidates(const AnnoySkeleton *skeleton, int64 number);
extern void AnnoyPlaceItem(AnnoySkeleton *skeleton, AnnoyTarget *target, int *candidates);
extern int	AnnoyChooseLeaf(const AnnoySkeleton *skeleton, const float *x,
							const int *candidates);
extern int	AnnoyChooseLeaves(const AnnoySkeleton *skeleton, const float *x,
							  const int *candidates, int *second);
extern void AnnoyStepNeighbours(AnnoyBuild *build, void *state);
extern void AnnoyStepDivide(AnnoyBuild *build, void *state);

/* write.c */
extern void AnnoyWriteTree(AnnoyBuild *build, AnnoyEntries *entries,
						   BlockNumber *leftmost, AnnoyTreeStats *stats);

/* levels.c */
extern int	AnnoyLevelMax(const AnnoyIndex *index);
extern void AnnoyLevelAdd(AnnoyLevel *level, int dim, const float *centre,
						  const AnnoyPointer *pointer);
extern void AnnoyLevelFree(AnnoyLevel *level);
extern BlockNumber AnnoyMakeInnerLevels(AnnoySink *sink, AnnoyLevel *level,
										AnnoyRandom *random);

/* output.c */
extern bool AnnoyLogsEarly(const AnnoyBuild *build);
extern void AnnoyLogBlocks(AnnoyBuild *build, BlockNumber end);
extern void AnnoyLogWait(AnnoyBuild *build);
extern void AnnoyStepLog(AnnoyBuild *build, void *state);
extern BlockNumber AnnoyReserveBlocks(Relation rel, int n);
extern void AnnoyWritePages(Relation rel, BlockNumber first, const char *pages,
							int n);
extern BlockNumber AnnoyWriteNewPage(Relation rel, const char *page);
extern void AnnoyWriteFile(BufFile *file, const void *data, Size size);
extern void AnnoyReadFile(BufFile *file, void *data, Size size);
extern void AnnoyRewindFile(BufFile *file);
extern AnnoyPointer AnnoySinkAdd(AnnoySink *sink, Page page,
								 OffsetNumber spread);
extern BlockNumber AnnoySinkAddRoot(AnnoySink *sink, Page page);
extern void AnnoySinkFlush(AnnoySink *sink, BlockNumber right);

/* vectors.c */
extern void AnnoyVectorsBegin(AnnoyBuild *build);
extern void AnnoyVectorsPut(AnnoyVectorWriter *writer, AnnoyBuild *build, int64 number,
							const AnnoyVector *vec);
extern void AnnoyVectorsFlush(AnnoyVectorWriter *writer);
extern void AnnoyVectorsLoaded(AnnoyBuild *build);
extern AnnoyVectorSource *AnnoyBuildSource(AnnoyBuild *build);
extern void AnnoyVectorsEnd(AnnoyBuild *build);

/* team.c */
extern void AnnoyBuildRun(AnnoyBuild *build, AnnoyStep step, AnnoyShare state,
						  uint64 units);
extern void AnnoyBuildOpen(AnnoyBuild *build, AnnoyStep step, AnnoyShare state,
						   uint64 units);
extern void AnnoyBuildJoin(AnnoyBuild *build);
extern void AnnoyBuildWork(AnnoyBuild *build);
extern bool AnnoyBuildClaim(AnnoyBuild *build, uint64 *unit);
extern void AnnoyBuildWait(AnnoyBuild *build);
extern uint64 AnnoyBuildItemUnits(AnnoyBuild *build);
extern uint64 AnnoyBuildPointUnits(AnnoyBuild *build);
extern void AnnoyBuildWalkPoints(AnnoyBuild *build, AnnoyPointCallback callback,
								 void *arg);
extern void AnnoyBuildWalk(AnnoyBuild *build, AnnoyVectorSource *source,
						   AnnoyItemCallback callback, void *arg);
extern void AnnoyBuildSyncIndex(AnnoyBuild *build);
extern AnnoyShare AnnoyBuildAlloc(AnnoyBuild *build, Size size);
extern AnnoyShare AnnoyBuildAllocZero(AnnoyBuild *build, Size size);
extern void *AnnoyBuildAddress(AnnoyBuild *build, AnnoyShare share);
extern dsm_segment *AnnoyBuildSegment(AnnoyBuild *build, AnnoyShare share);
extern void AnnoyBuildFree(AnnoyBuild *build, AnnoyShare *share);
extern void AnnoyBuildPhase(AnnoyBuild *build, int phase, double tuples,
							double blocks);
extern void AnnoyBuildPhaseDone(AnnoyBuild *build, const char *what,
								double count, const char *unit);
extern void AnnoyBuildAdvance(AnnoyBuild *build, uint64 tuples, uint64 blocks);
extern void AnnoyBuildProgress(uint64 more, uint64 done, void *arg);

#endif							/* ANNOY_BUILD_STATE_H */
