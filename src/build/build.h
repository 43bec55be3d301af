/*-------------------------------------------------------------------------
 *
 * build.h
 *	  What the files of the build share; build.c has the overview.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/build.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_BUILD_H
#define ANNOY_BUILD_H

#include <math.h>

#include "access/genam.h"
#include "access/parallel.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "portability/instr_time.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/spin.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "tree/tree.h"

/* Phases of a build, as pg_stat_progress_create_index shows them. */
#define ANNOY_PHASE_LOAD		2
#define ANNOY_PHASE_SAMPLE		3
#define ANNOY_PHASE_SKELETON	4
#define ANNOY_PHASE_REFINE		5
#define ANNOY_PHASE_ASSIGN		6
#define ANNOY_PHASE_SORT		7
#define ANNOY_PHASE_WRITE		8
#define ANNOY_PHASE_CALIBRATE	9
#define ANNOY_PHASE_LOG			10

/*
 * Parts of maintenance_work_mem.  What is in use at the same time: sample and
 * skeleton; skeleton and sums; skeleton, sort, levels and leaf.
 */
#define ANNOY_SAMPLE_MEMORY		0.7
#define ANNOY_SKELETON_MEMORY	0.25	/* sums take twice as much */
#define ANNOY_SORT_MEMORY		0.5
#define ANNOY_LEVEL_MEMORY		0.0625	/* of which two are in use */
#define ANNOY_LEAF_MEMORY		0.125
#define ANNOY_LOAD_MEMORY		0.5

#define AnnoyBuildBytes(part)	((part) * maintenance_work_mem * 1024.0)

/* Blocks of the index that a participant takes at a time. */
#define ANNOY_UNIT_BLOCKS		64

/* Steps of the build that all participants work at together. */
typedef enum AnnoyStep
{
	ANNOY_STEP_LOAD,
	ANNOY_STEP_SAMPLE,
	ANNOY_STEP_MAP,
	ANNOY_STEP_DIVIDE,
	ANNOY_STEP_REFINE,
	ANNOY_STEP_ASSIGN
} AnnoyStep;

/*
 * Memory that all participants reach: the handle of a segment of dynamic shared
 * memory, or an address if there is but one.  0 if there is none.
 */
typedef uint64 AnnoyShare;

#define ANNOY_MAX_SHARES		8

/* Shared memory as one participant has attached it. */
typedef struct AnnoyAttachment
{
	AnnoyShare	share;
	dsm_segment *segment;
} AnnoyAttachment;

/* A part of the sample that remains to be divided. */
typedef struct AnnoyRange
{
	int			start;
	int			count;
	int			depth;			/* divisions that have led to it */
} AnnoyRange;

#define ANNOY_MAX_RANGES		1024

/*
 * The state of the build.  In dynamic shared memory if there are workers.
 */
typedef struct AnnoyShared
{
	/* for the workers to begin with */
	Oid			heap_oid;
	Oid			index_oid;
	bool		concurrent;
	int			max_participants;

	/* the step under way */
	slock_t		mutex;			/* of this part, and of the ranges below */
	ConditionVariable changed;
	uint64		round;			/* counts steps */
	AnnoyStep	step;
	bool		open;			/* may be joined */
	bool		finished;		/* there will be no more */
	int			working;		/* workers that are at it */
	int			joined;			/* workers that have been */
	uint64		units;			/* of work in the step */
	pg_atomic_uint64 next_unit;
	pg_atomic_uint64 tuples_done;
	pg_atomic_uint64 blocks_done;

	/* the index: what AnnoyMakeIndex needs */
	uint32		index_version;	/* changes whenever these do */
	int			n_trees;
	uint64		seed;
	uint8		generation;
	int			dim;
	int			scale_exponent;
	float		mean[ANNOY_MAX_DIMENSIONS];

	/*
	 * Loading.  The participant whose turn it is writes items; what follows
	 * is its alone.
	 */
	BlockNumber heap_blocks;
	BlockNumber chunk_blocks;	/* of the table */
	uint64		n_chunks;
	uint64		first_chunk;	/* that is the workers' too */
	uint64		turn;			/* the unit whose items are next */
	double		heap_tuples;
	bool		broken_hot_chain;
	double		item_count;		/* vectors, without NULLs */
	double		null_count;
	BlockNumber items_block;	/* of the group being filled */
	int			items_used;		/* slots of it */
	PGAlignedBlock nulls;		/* the page of NULLs being filled */
	int			nulls_used;
	BlockNumber null_free;		/* the page of NULLs with free slots */
	PGAlignedBlock attributes;	/* the page of attributes being filled */
	BlockNumber attributes_block;	/* or invalid */
	BlockNumber last_attributes;	/* the one before, or invalid */

	BlockNumber first_item;		/* blocks of the index that hold items: */
	BlockNumber end_items;		/* up to here */

	/*
	 * The sample: rows of space_dim floats.  Images of vectors at first,
	 * points of the search space then.
	 */
	AnnoyShare	sample;
	AnnoyShare	sample_key;		/* where each comes from */
	AnnoyShare	sample_exponent;	/* of norms, until the scale is decided */
	AnnoyShare	sample_order;	/* row numbers */
	AnnoyShare	sample_cuts;	/* whether a piece starts there, bytes */
	uint64		sample_limit;	/* higher hashes are not taken */
	int			sample_allocated;
	int			sample_count;
	pg_atomic_uint64 sample_found;

	/* dividing it */
	double		max_piece;
	int			divisions;		/* of a point, in most cases; for progress */
	int			small_range;	/* up to here, a participant does the rest */
	int			busy;			/* participants that divide */
	int			n_ranges;
	AnnoyRange	ranges[ANNOY_MAX_RANGES];

	/* the tree at work */
	int			tree;
	int			n_leaves;
	AnnoyShare	centres;		/* of leaves: floats */
	AnnoyShare	inner;			/* pages of inner nodes */
	BlockNumber root;			/* which of them is the root */
	AnnoyShare	sums;			/* int64, see forest.c */
	AnnoyShare	counts;			/* int64 */
	double		sum_unit;
} AnnoyShared;

/* State of one participant. */
typedef struct AnnoyBuild
{
	Relation	heap;
	Relation	rel;
	IndexInfo  *index_info;
	AnnoyShared *shared;
	AnnoyIndex *index;			/* dim 0 until the first vector of a live row */
	uint32		index_version;
	MemoryContext context;		/* for the whole build */
	MemoryContext step_context;
	MemoryContext row_context;
	TupleDesc	attributes_desc;	/* NULL if there are no further columns */
	AnnoyRowErrors *errors;
	bool		is_worker;
	Tuplestorestate *dead_rows; /* TID and vector, while dim is 0; or NULL */
	TupleTableSlot *dead_slot;

	/* if there are several participants */
	ParallelContext *parallel;	/* leader only */
	AnnoyAttachment attached[ANNOY_MAX_SHARES];
	Sharedsort **sorts;			/* one for each tree */
	int			participants;

	char	   *items;			/* the group being filled, shared */

	/* trees of an index that has been in use, see respace.c */
	bool		in_place;
	bool		locked;			/* others wait for us */
	char	   *roots;			/* their pages, until all trees are complete */
	uint8	   *included;		/* a bit for each item that has an entry */
	Size		included_size;	/* bytes */

	/* rows that wait for their turn to be written, see build.c */
	uint64		unit;
	bool		has_turn;
	char	   *waiting;
	Size		waiting_used;
	Size		waiting_size;

	/* entries of the tree at work, if there is one participant only */
	Tuplesortstate *sort;

	/* progress */
	uint64		tuples_total;	/* leader only */
	int			rows_loaded;	/* since progress was reported */

	/* for the log */
	instr_time	phase_start;
} AnnoyBuild;

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
	struct BufFile *file;
} AnnoyLevel;

/*
 * Where the pages of a tree go: to memory for a skeleton, in which a node's
 * block number is its place in the array; to the index otherwise.
 */
typedef struct AnnoySink
{
	AnnoyBuild *build;
	int			tree;
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
	double		leaves;
	double		divided;		/* leaves of the skeleton */
	double		inner;
	int			height;
} AnnoyTreeStats;

/* build.c */
extern IndexBuildResult *annoybuild(Relation heap, Relation rel,
									IndexInfo *index_info);
extern void annoybuildempty(Relation rel);
extern BlockNumber AnnoyBuildWrite(Relation rel, const char *pages, int n);
extern void AnnoyBuildWriteLogged(Relation rel, BlockNumber block,
								  const char *page);
extern void AnnoyBuildEmpty(Relation rel, const AnnoyIndex *index,
							ForkNumber fork);
extern void AnnoyBuildLoad(AnnoyBuild *build);

/* parallel.c */
extern void AnnoyBuildBegin(AnnoyBuild *build);
extern void AnnoyBuildEnd(AnnoyBuild *build);
extern void AnnoyBuildPhase(AnnoyBuild *build, int phase, double tuples,
							double blocks);
extern void AnnoyBuildPhaseDone(AnnoyBuild *build, const char *what,
								double count, const char *unit);
extern void AnnoyBuildRun(AnnoyBuild *build, AnnoyStep step, uint64 units);
extern bool AnnoyBuildClaim(AnnoyBuild *build, uint64 *unit);
extern uint64 AnnoyBuildItemUnits(AnnoyBuild *build);
extern void AnnoyBuildAdvance(AnnoyBuild *build, uint64 tuples, uint64 blocks);
extern void AnnoyBuildProgress(uint64 more, uint64 done, void *arg);
extern void AnnoyBuildWait(AnnoyBuild *build);
extern void AnnoyBuildWalk(AnnoyBuild *build, AnnoyItemCallback callback,
						   void *arg);
extern AnnoyShare AnnoyBuildAlloc(AnnoyBuild *build, Size size);
extern AnnoyShare AnnoyBuildAllocZero(AnnoyBuild *build, Size size);
extern void *AnnoyBuildAddress(AnnoyBuild *build, AnnoyShare share);
extern void AnnoyBuildFree(AnnoyBuild *build, AnnoyShare *share);
extern void AnnoyBuildSyncIndex(AnnoyBuild *build);
extern PGDLLEXPORT void annoy_build_worker(dsm_segment *segment, shm_toc *toc);

/* sample.c */
extern void AnnoyBuildSample(AnnoyBuild *build);
extern void AnnoyBuildTakeSample(AnnoyBuild *build);
extern void AnnoyBuildMapSample(AnnoyBuild *build);

/* forest.c */
extern void AnnoyBuildForest(AnnoyBuild *build);
extern void AnnoyGrowTree(AnnoyBuild *build, int tree);
extern void AnnoyFinishTree(AnnoyBuild *build, BlockNumber *leftmost);
extern void AnnoyBuildDivide(AnnoyBuild *build);
extern void AnnoyBuildRefine(AnnoyBuild *build);
extern void AnnoyBuildAssign(AnnoyBuild *build);

/* write.c */
extern BlockNumber AnnoyMakeInnerLevels(AnnoySink *sink, AnnoyLevel *level,
										AnnoyRandom *random);
extern void AnnoyWriteTree(AnnoyBuild *build, Tuplesortstate *sort,
						   TupleDesc desc, BlockNumber *leftmost,
						   AnnoyTreeStats *stats);

/* Parts of a sort key: leaf, and the item's number. */
#define ANNOY_KEY_ITEM_BITS		39
#define ANNOY_MAX_LEAVES		(1 << 24)

/* How full, at most, divisions of the sample make leaves. */
#define ANNOY_LEAF_FILL			0.8

#endif							/* ANNOY_BUILD_H */
