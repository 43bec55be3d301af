/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  The participants of a build: a leader, and workers if it is large.
 *
 * This is above the steps, since a worker must know what they are; how they are
 * worked at together is in team.c, below them.
 *
 * Nothing in an index depends on who did what.  Items are written in the order
 * of the table (load.c), the sample is put in the order of items, divisions
 * draw their random numbers from what they divide, sums are of integers, and
 * the sort has unique keys.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/parallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_proc.h"
#include "executor/instrument.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/state.h"

/* Keys of the table of contents. */
#define KEY_SHARED			UINT64CONST(0xA500000000000001)
#define KEY_QUERY			UINT64CONST(0xA500000000000002)
#define KEY_WAL_USAGE		UINT64CONST(0xA500000000000003)
#define KEY_BUFFER_USAGE	UINT64CONST(0xA500000000000004)

/* maintenance_work_mem that makes a participant worth while, in kB: as btree */
#define MEMORY_PER_PARTICIPANT	32768

/* What they do together. */
static const AnnoyStepFunction steps[] = {
	[ANNOY_STEP_LOAD] = AnnoyStepLoad,
	[ANNOY_STEP_SAMPLE] = AnnoyStepSample,
	[ANNOY_STEP_MAP] = AnnoyStepMap,
	[ANNOY_STEP_DIVIDE] = AnnoyStepDivide,
	[ANNOY_STEP_NEIGHBOURS] = AnnoyStepNeighbours,
	[ANNOY_STEP_MOVE] = AnnoyStepMove,
	[ANNOY_STEP_MEANS] = AnnoyStepMeans,
	[ANNOY_STEP_REFINE] = AnnoyStepRefine,
	[ANNOY_STEP_ASSIGN] = AnnoyStepAssign,
	[ANNOY_STEP_LOG] = AnnoyStepLog,
	[ANNOY_STEP_CURVE] = AnnoyStepCurve
};

/*
 * May workers evaluate the index's expressions and predicate?
 */
static bool
is_safe(AnnoyBuild *build)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->parse = makeNode(Query);
	root->parse->commandType = CMD_SELECT;
	root->glob = makeNode(PlannerGlobal);
	root->glob->maxParallelHazard = PROPARALLEL_UNSAFE;

	return is_parallel_safe(root, (Node *) RelationGetIndexExpressions(build->rel)) &&
		is_parallel_safe(root, (Node *) RelationGetIndexPredicate(build->rel));
}

/*
 * How many workers to ask for.  By the rules of the planner for B-trees; but
 * what is in the TOAST table, where long vectors are, counts as well.
 */
static int
choose_workers(AnnoyBuild *build)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
	int			workers = RelationGetParallelWorkers(build->heap, -1);

	if (max_parallel_maintenance_workers == 0 || IsInParallelMode() ||
		!IsNormalProcessingMode() ||
		RelationUsesLocalBuffers(build->rel) || !is_safe(build))
		return 0;

	if (workers < 0)
	{
		BlockNumber enough = Max(min_parallel_table_scan_size, 1);

		if (OidIsValid(build->heap->rd_rel->reltoastrelid))
		{
			Relation	toast = table_open(build->heap->rd_rel->reltoastrelid,
										   AccessShareLock);

			blocks += RelationGetNumberOfBlocks(toast);
			table_close(toast, AccessShareLock);
		}
		for (workers = 0; blocks >= enough; enough *= 3)
		{
			workers++;
			if (enough > InvalidBlockNumber / 3)
				break;
		}
		while (workers > 0 &&
			   maintenance_work_mem / (workers + 1) < MEMORY_PER_PARTICIPANT)
			workers--;
	}
	return Min(workers, max_parallel_maintenance_workers);
}

/*
 * Make what a participant has of its own.
 */
static AnnoyBuild *
make_participant(Relation heap, Relation rel, IndexInfo *index_info)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy build",
												  ALLOCSET_DEFAULT_SIZES);
	AnnoyBuild *build = MemoryContextAllocZero(context, sizeof(AnnoyBuild));

	build->heap = heap;
	build->rel = rel;
	build->index_info = index_info;
	build->context = context;
	build->step_context = AllocSetContextCreate(context, "annoy build step",
												ALLOCSET_DEFAULT_SIZES);
	build->steps = steps;
	return build;
}

/*
 * Set up shared memory for workers, and return that for the state of the build,
 * which the caller fills in before it launches them.  Returns NULL if there is no
 * shared memory to be had; the leader then is alone.
 */
static AnnoyShared *
begin_parallel(AnnoyBuild *build, int workers)
{
	ParallelContext *parallel;
	AnnoyShared *shared;
	int			query_size = debug_query_string ? strlen(debug_query_string) + 1 : 1;
	char	   *query;

	EnterParallelMode();
	parallel = CreateParallelContext("annoy", "annoy_build_worker", workers);

	shm_toc_estimate_chunk(&parallel->estimator, sizeof(AnnoyShared));
	shm_toc_estimate_chunk(&parallel->estimator, query_size);
	shm_toc_estimate_chunk(&parallel->estimator, mul_size(sizeof(WalUsage), workers));
	shm_toc_estimate_chunk(&parallel->estimator, mul_size(sizeof(BufferUsage), workers));
	shm_toc_estimate_keys(&parallel->estimator, 4);
	InitializeParallelDSM(parallel);
	if (parallel->seg == NULL)
	{
		DestroyParallelContext(parallel);
		ExitParallelMode();
		return NULL;
	}

	shared = shm_toc_allocate(parallel->toc, sizeof(AnnoyShared));
	shm_toc_insert(parallel->toc, KEY_SHARED, shared);
	query = shm_toc_allocate(parallel->toc, query_size);
	memcpy(query, debug_query_string ? debug_query_string : "", query_size);
	shm_toc_insert(parallel->toc, KEY_QUERY, query);
	shm_toc_insert(parallel->toc, KEY_WAL_USAGE,
				   shm_toc_allocate(parallel->toc, sizeof(WalUsage) * workers));
	shm_toc_insert(parallel->toc, KEY_BUFFER_USAGE,
				   shm_toc_allocate(parallel->toc, sizeof(BufferUsage) * workers));

	build->parallel = parallel;
	build->participants = workers + 1;
	return shared;
}

/*
 * Begin a build of an index that is described so: make the state of the leader, and
 * start workers if it is large enough.  VACUUM, which makes trees anew, comes
 * without a table, and works alone.
 */
AnnoyBuild *
AnnoyBuildBegin(Relation heap, Relation rel, IndexInfo *index_info,
				const AnnoyIndex *index)
{
	AnnoyBuild *build = make_participant(heap, rel, index_info);
	int			workers = heap != NULL ? choose_workers(build) : 0;
	AnnoyShared *shared = NULL;

	build->participants = 1;
	if (workers > 0)
		shared = begin_parallel(build, workers);
	if (shared == NULL)
		shared = MemoryContextAlloc(build->context, sizeof(AnnoyShared));
	build->shared = shared;

	memset(shared, 0, sizeof(AnnoyShared));
	shared->task.index_oid = RelationGetRelid(rel);
	if (heap != NULL)
	{
		shared->task.heap_oid = RelationGetRelid(heap);
		shared->task.concurrent = index_info->ii_Concurrent;
	}
	shared->task.participants = build->participants;
	SpinLockInit(&shared->team.mutex);
	ConditionVariableInit(&shared->team.changed);
	pg_atomic_init_u64(&shared->team.next_unit, 0);
	pg_atomic_init_u64(&shared->team.tuples_done, 0);
	pg_atomic_init_u64(&shared->team.blocks_done, 0);
	shared->index.declared = *index;
	shared->index.bounds = InvalidBlockNumber;
	AnnoyBuildSyncIndex(build);

	if (build->parallel != NULL)
	{
		LaunchParallelWorkers(build->parallel);
		if (annoy_verbose >= 1)
			ereport(INFO,
					(errmsg("index \"%s\": %d of %d workers launched",
							RelationGetRelationName(rel),
							build->parallel->nworkers_launched, workers)));
	}
	return build;
}

/*
 * Send the workers home, and free the memory of the build, which the caller is not
 * in any more.
 */
void
AnnoyBuildEnd(AnnoyBuild *build)
{
	AnnoySharedTeam *team = &build->shared->team;
	ParallelContext *parallel = build->parallel;

	AnnoyVectorsEnd(build);
	if (parallel != NULL)
	{
		WalUsage   *wal_usage = shm_toc_lookup(parallel->toc, KEY_WAL_USAGE, false);
		BufferUsage *buffer_usage = shm_toc_lookup(parallel->toc, KEY_BUFFER_USAGE, false);

		SpinLockAcquire(&team->mutex);
		team->finished = true;
		SpinLockRelease(&team->mutex);
		ConditionVariableBroadcast(&team->changed);

		WaitForParallelWorkersToFinish(parallel);
		for (int i = 0; i < parallel->nworkers_launched; i++)
			InstrAccumParallelQuery(&buffer_usage[i], &wal_usage[i]);

		DestroyParallelContext(parallel);
		ExitParallelMode();
	}
	MemoryContextDelete(build->context);
}

/*
 * Main function of a worker.
 */
void
annoy_build_worker(dsm_segment *segment pg_attribute_unused(), shm_toc *toc)
{
	AnnoyShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	WalUsage   *wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	const AnnoySharedTask *task = &shared->task;
	LOCKMODE	heap_lock = task->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE	index_lock = task->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	Relation	heap;
	Relation	rel;
	AnnoyBuild *build;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	heap = table_open(task->heap_oid, heap_lock);
	rel = index_open(task->index_oid, index_lock);
	build = make_participant(heap, rel, BuildIndexInfo(rel));
	build->index_info->ii_Concurrent = task->concurrent;
	build->is_worker = true;
	build->participants = task->participants;
	build->shared = shared;

	InstrStartParallelQuery();
	AnnoyBuildWork(build);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber],
						  &wal_usage[ParallelWorkerNumber]);

	index_close(rel, index_lock);
	table_close(heap, heap_lock);
}
