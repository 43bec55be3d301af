/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Workers of a build, and what they share with the leader.
 *
 * The leader goes through the build; where there is work to share it announces
 * a step, in which all participants take units of work until none are left,
 * and waits for the workers to be done with it.  Workers that start late, or
 * not at all, do no harm: they join what step there is when they come.
 *
 * Nothing in an index depends on who did what.  Items are written in the order
 * of the table (see build.c), the sample is put in the order of items, divisions
 * draw their random numbers from what they divide, sums are of integers, and
 * the sort has unique keys.
 *
 * Without workers the same code runs in the leader alone, and what would be in
 * shared memory is in its own.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/parallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_proc.h"
#include "commands/progress.h"
#include "executor/instrument.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "annoy.h"
#include "build/build.h"
#include "storage/storage.h"

/* Keys of the table of contents. */
#define KEY_SHARED			UINT64CONST(0xA500000000000001)
#define KEY_SORTS			UINT64CONST(0xA500000000000002)
#define KEY_ITEMS			UINT64CONST(0xA500000000000003)
#define KEY_QUERY			UINT64CONST(0xA500000000000004)
#define KEY_WAL_USAGE		UINT64CONST(0xA500000000000005)
#define KEY_BUFFER_USAGE	UINT64CONST(0xA500000000000006)

/* maintenance_work_mem that makes a participant worth while, in kB: as btree */
#define MEMORY_PER_PARTICIPANT	32768

/* Longest silence while the leader waits, in milliseconds. */
#define PROGRESS_INTERVAL	200

/* Memory that is zeroed between two looks for interrupts. */
#define ZERO_BYTES			((Size) 64 * 1024 * 1024)

/* Room for any group of items. */
#define ITEMS_SIZE			((Size) ANNOY_MAX_GROUP_PAGES * BLCKSZ)

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
	BlockNumber blocks = build->shared->heap_blocks;
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
 * Set up the state of the build, which the caller has filled in, in shared
 * memory, and start workers.
 */
static void
begin_parallel(AnnoyBuild *build, int workers)
{
	ParallelContext *parallel;
	AnnoyShared *shared;
	Size		sort_size = tuplesort_estimate_shared(workers + 1);
	char	   *sorts;
	int			query_size = debug_query_string ? strlen(debug_query_string) + 1 : 1;
	char	   *query;

	EnterParallelMode();
	parallel = CreateParallelContext("annoy", "annoy_build_worker", workers);

	shm_toc_estimate_chunk(&parallel->estimator, sizeof(AnnoyShared));
	shm_toc_estimate_chunk(&parallel->estimator, mul_size(sort_size, build->index->n_trees));
	shm_toc_estimate_chunk(&parallel->estimator, ITEMS_SIZE);
	shm_toc_estimate_chunk(&parallel->estimator, query_size);
	shm_toc_estimate_chunk(&parallel->estimator, mul_size(sizeof(WalUsage), workers));
	shm_toc_estimate_chunk(&parallel->estimator, mul_size(sizeof(BufferUsage), workers));
	shm_toc_estimate_keys(&parallel->estimator, 6);
	InitializeParallelDSM(parallel);

	/* no shared memory to be had */
	if (parallel->seg == NULL)
	{
		DestroyParallelContext(parallel);
		ExitParallelMode();
		return;
	}

	shared = shm_toc_allocate(parallel->toc, sizeof(AnnoyShared));
	memcpy(shared, build->shared, sizeof(AnnoyShared));
	pfree(build->shared);
	build->shared = shared;
	shared->max_participants = workers + 1;
	shm_toc_insert(parallel->toc, KEY_SHARED, shared);

	/* trees are sorted one after the other, but a file set has one life only */
	sorts = shm_toc_allocate(parallel->toc, sort_size * build->index->n_trees);
	build->sorts = palloc(sizeof(Sharedsort *) * build->index->n_trees);
	for (int i = 0; i < build->index->n_trees; i++)
	{
		build->sorts[i] = (Sharedsort *) (sorts + i * sort_size);
		tuplesort_initialize_shared(build->sorts[i], workers + 1, parallel->seg);
	}
	shm_toc_insert(parallel->toc, KEY_SORTS, sorts);

	build->items = shm_toc_allocate(parallel->toc, ITEMS_SIZE);
	shm_toc_insert(parallel->toc, KEY_ITEMS, build->items);

	query = shm_toc_allocate(parallel->toc, query_size);
	memcpy(query, debug_query_string ? debug_query_string : "", query_size);
	shm_toc_insert(parallel->toc, KEY_QUERY, query);
	shm_toc_insert(parallel->toc, KEY_WAL_USAGE,
				   shm_toc_allocate(parallel->toc, sizeof(WalUsage) * workers));
	shm_toc_insert(parallel->toc, KEY_BUFFER_USAGE,
				   shm_toc_allocate(parallel->toc, sizeof(BufferUsage) * workers));

	build->parallel = parallel;
	build->participants = workers + 1;
	LaunchParallelWorkers(parallel);
	if (annoy_verbose >= 1)
		ereport(INFO,
				(errmsg("index \"%s\": %d of %d workers launched",
						RelationGetRelationName(build->rel),
						parallel->nworkers_launched, workers)));
}

/*
 * Begin a build: make the state, and start workers if it is large enough.  VACUUM,
 * which makes trees anew, works alone, and shows progress of its own.
 */
void
AnnoyBuildBegin(AnnoyBuild *build)
{
	AnnoyShared *shared = palloc_extended(sizeof(AnnoyShared),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			workers;

	shared->index_oid = RelationGetRelid(build->rel);
	if (!build->in_place)
	{
		shared->heap_oid = RelationGetRelid(build->heap);
		shared->heap_blocks = RelationGetNumberOfBlocks(build->heap);
		shared->concurrent = build->index_info->ii_Concurrent;
	}
	shared->max_participants = 1;
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->changed);
	pg_atomic_init_u64(&shared->next_unit, 0);
	pg_atomic_init_u64(&shared->tuples_done, 0);
	pg_atomic_init_u64(&shared->blocks_done, 0);
	pg_atomic_init_u64(&shared->sample_found, 0);
	shared->n_trees = build->index->n_trees;
	shared->seed = build->index->seed;
	shared->null_free = InvalidBlockNumber;
	shared->attributes_block = InvalidBlockNumber;
	shared->last_attributes = InvalidBlockNumber;

	build->shared = shared;
	build->participants = 1;
	workers = build->in_place ? 0 : choose_workers(build);
	if (workers > 0)
		begin_parallel(build, workers);
	if (build->items == NULL)
		build->items = palloc(ITEMS_SIZE);
}

/*
 * Send the workers home.
 */
void
AnnoyBuildEnd(AnnoyBuild *build)
{
	ParallelContext *parallel = build->parallel;
	WalUsage   *wal_usage;
	BufferUsage *buffer_usage;

	if (parallel == NULL)
		return;

	SpinLockAcquire(&build->shared->mutex);
	build->shared->finished = true;
	SpinLockRelease(&build->shared->mutex);
	ConditionVariableBroadcast(&build->shared->changed);

	WaitForParallelWorkersToFinish(parallel);
	wal_usage = shm_toc_lookup(parallel->toc, KEY_WAL_USAGE, false);
	buffer_usage = shm_toc_lookup(parallel->toc, KEY_BUFFER_USAGE, false);
	for (int i = 0; i < parallel->nworkers_launched; i++)
		InstrAccumParallelQuery(&buffer_usage[i], &wal_usage[i]);

	DestroyParallelContext(parallel);
	ExitParallelMode();
	build->parallel = NULL;
	build->shared = NULL;
}

/*
 * Begin a phase, as pg_stat_progress_create_index shows it.
 */
void
AnnoyBuildPhase(AnnoyBuild *build, int phase, double tuples, double blocks)
{
	static const int params[] = {
		PROGRESS_CREATEIDX_SUBPHASE,
		PROGRESS_CREATEIDX_TUPLES_TOTAL,
		PROGRESS_CREATEIDX_TUPLES_DONE,
		PROGRESS_SCAN_BLOCKS_TOTAL,
		PROGRESS_SCAN_BLOCKS_DONE
	};
	int64		values[] = {phase, (int64) tuples, 0, (int64) blocks, 0};

	if (!build->in_place)
		pgstat_progress_update_multi_param(lengthof(params), params, values);
	build->tuples_total = (uint64) tuples;
	pg_atomic_write_u64(&build->shared->tuples_done, 0);
	pg_atomic_write_u64(&build->shared->blocks_done, 0);
	INSTR_TIME_SET_CURRENT(build->phase_start);
}

/*
 * Log the end of a phase.
 */
void
AnnoyBuildPhaseDone(AnnoyBuild *build, const char *what, double count,
					const char *unit)
{
	instr_time	now;

	if (annoy_verbose < 1)
		return;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, build->phase_start);
	ereport(INFO,
			(errmsg("index \"%s\": %s: %.0f %s in %.3f s",
					RelationGetRelationName(build->rel), what, count, unit,
					INSTR_TIME_GET_DOUBLE(now))));
}

static void
report_progress(AnnoyBuild *build)
{
	static const int params[] = {
		PROGRESS_CREATEIDX_TUPLES_DONE,
		PROGRESS_SCAN_BLOCKS_DONE
	};
	int64		values[2];

	if (build->in_place)
		return;
	values[0] = (int64) pg_atomic_read_u64(&build->shared->tuples_done);
	values[1] = (int64) pg_atomic_read_u64(&build->shared->blocks_done);
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

/*
 * Count what has been done.
 */
void
AnnoyBuildAdvance(AnnoyBuild *build, uint64 tuples, uint64 blocks)
{
	pg_atomic_fetch_add_u64(&build->shared->tuples_done, tuples);
	pg_atomic_fetch_add_u64(&build->shared->blocks_done, blocks);
	if (!build->is_worker)
		report_progress(build);
}

/*
 * An AnnoyProgress of the leader.  Work that was not foreseen is counted on both
 * sides, so that what is done is never more than the total.
 */
void
AnnoyBuildProgress(uint64 more, uint64 done, void *arg)
{
	AnnoyBuild *build = arg;

	Assert(!build->is_worker);
	if (more > 0)
	{
		build->tuples_total += more;
		if (!build->in_place)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
										 (int64) build->tuples_total);
	}
	AnnoyBuildAdvance(build, done, 0);
}

/*
 * Wait until another participant has done something.
 */
void
AnnoyBuildWait(AnnoyBuild *build)
{
	(void) ConditionVariableTimedSleep(&build->shared->changed, PROGRESS_INTERVAL,
									   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	if (!build->is_worker)
		report_progress(build);
}

/*
 * Take part in the current step.
 */
static void
do_step(AnnoyBuild *build)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->step_context);

	AnnoyBuildSyncIndex(build);
	switch (build->shared->step)
	{
		case ANNOY_STEP_LOAD:
			AnnoyBuildLoad(build);
			break;
		case ANNOY_STEP_SAMPLE:
			AnnoyBuildTakeSample(build);
			break;
		case ANNOY_STEP_MAP:
			AnnoyBuildMapSample(build);
			break;
		case ANNOY_STEP_DIVIDE:
			AnnoyBuildDivide(build);
			break;
		case ANNOY_STEP_REFINE:
			AnnoyBuildRefine(build);
			break;
		case ANNOY_STEP_ASSIGN:
			AnnoyBuildAssign(build);
			break;
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->step_context);
}

/*
 * Have all participants do a step of that many units.
 */
void
AnnoyBuildRun(AnnoyBuild *build, AnnoyStep step, uint64 units)
{
	AnnoyShared *shared = build->shared;

	SpinLockAcquire(&shared->mutex);
	shared->round++;
	shared->step = step;
	shared->units = units;
	shared->joined = 0;
	pg_atomic_write_u64(&shared->next_unit, 0);
	shared->open = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->changed);

	do_step(build);

	for (;;)
	{
		int			working;

		SpinLockAcquire(&shared->mutex);
		shared->open = false;
		working = shared->working;
		SpinLockRelease(&shared->mutex);
		if (working == 0)
			break;
		AnnoyBuildWait(build);
	}
	ConditionVariableCancelSleep();
}

/*
 * Take a unit of the current step.  Returns false if there are no more.
 */
bool
AnnoyBuildClaim(AnnoyBuild *build, uint64 *unit)
{
	CHECK_FOR_INTERRUPTS();
	*unit = pg_atomic_fetch_add_u64(&build->shared->next_unit, 1);
	return *unit < build->shared->units;
}

/*
 * The number of units of a walk over the items.
 */
uint64
AnnoyBuildItemUnits(AnnoyBuild *build)
{
	uint64		blocks = build->shared->end_items - build->shared->first_item;

	return (blocks + ANNOY_UNIT_BLOCKS - 1) / ANNOY_UNIT_BLOCKS;
}

/*
 * Walk over the items, together with the other participants.
 */
void
AnnoyBuildWalk(AnnoyBuild *build, AnnoyItemCallback callback, void *arg)
{
	AnnoyShared *shared = build->shared;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		BlockNumber first = shared->first_item + unit * ANNOY_UNIT_BLOCKS;
		BlockNumber end = first + Min(ANNOY_UNIT_BLOCKS, shared->end_items - first);

		if (build->in_place && !build->locked)
			AnnoyVacuumDelay();

		AnnoyItemWalkRange(build->rel, build->index, strategy, first, end,
						   callback, arg);
		AnnoyBuildAdvance(build, 0, end - first);
	}
	FreeAccessStrategy(strategy);
}

/*
 * Allocate memory for all participants.  Only the leader does.
 */
AnnoyShare
AnnoyBuildAlloc(AnnoyBuild *build, Size size)
{
	dsm_segment *segment;

	Assert(!build->is_worker);
	size = Max(size, 1);
	if (build->participants == 1)
		return (AnnoyShare) (uintptr_t)
			MemoryContextAllocExtended(build->context, size, MCXT_ALLOC_HUGE);

	/* segments of their own, because a dsa_area keeps what it once had */
	segment = dsm_create(size, 0);
	for (int i = 0; i < ANNOY_MAX_SHARES; i++)
	{
		AnnoyAttachment *attached = &build->attached[i];

		if (attached->segment == NULL)
		{
			attached->segment = segment;
			attached->share = dsm_segment_handle(segment);
			return attached->share;
		}
	}
	elog(ERROR, "too many shared segments in a build");
	return 0;					/* keep compiler quiet */
}

/*
 * Likewise, filled with zeroes.
 */
AnnoyShare
AnnoyBuildAllocZero(AnnoyBuild *build, Size size)
{
	AnnoyShare	share = AnnoyBuildAlloc(build, size);
	char	   *memory = AnnoyBuildAddress(build, share);

	for (Size done = 0; done < size; done += ZERO_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		memset(memory + done, 0, Min(size - done, ZERO_BYTES));
	}
	return share;
}

/*
 * Where shared memory is in this process.  In a worker that holds until the end
 * of the step.
 */
void *
AnnoyBuildAddress(AnnoyBuild *build, AnnoyShare share)
{
	AnnoyAttachment *unused = NULL;

	if (build->participants == 1)
		return (void *) (uintptr_t) share;
	for (int i = 0; i < ANNOY_MAX_SHARES; i++)
	{
		AnnoyAttachment *attached = &build->attached[i];

		if (attached->segment == NULL)
			unused = attached;
		else if (attached->share == share)
			return dsm_segment_address(attached->segment);
	}

	if (unused == NULL)
		elog(ERROR, "too many shared segments in a build");
	unused->segment = dsm_attach((dsm_handle) share);
	if (unused->segment == NULL)
		elog(ERROR, "could not map dynamic shared memory segment");
	unused->share = share;
	return dsm_segment_address(unused->segment);
}

void
AnnoyBuildFree(AnnoyBuild *build, AnnoyShare *share)
{
	if (*share == 0)
		return;
	if (build->participants == 1)
		pfree((void *) (uintptr_t) *share);
	else
	{
		for (int i = 0; i < ANNOY_MAX_SHARES; i++)
		{
			if (build->attached[i].segment != NULL && build->attached[i].share == *share)
			{
				dsm_detach(build->attached[i].segment);
				build->attached[i].segment = NULL;
			}
		}
	}
	*share = 0;
}

/*
 * At the end of a step, a worker lets go of shared memory, so that it is gone
 * when the leader frees it.
 */
static void
detach_shares(AnnoyBuild *build)
{
	for (int i = 0; i < ANNOY_MAX_SHARES; i++)
	{
		if (build->attached[i].segment != NULL)
			dsm_detach(build->attached[i].segment);
		build->attached[i].segment = NULL;
	}
}

/*
 * Make a participant's AnnoyIndex what the shared state says.
 */
void
AnnoyBuildSyncIndex(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;
	MemoryContext old_context;
	AnnoyDtype	dtype;

	if (build->index_version == shared->index_version)
		return;
	old_context = MemoryContextSwitchTo(build->context);
	/* trees that are made anew keep the items' type, whatever is declared */
	dtype = build->index != NULL ? build->index->dtype : AnnoyDeclaredDtype(build->rel);
	if (build->index != NULL)
		pfree(build->index);
	build->index = AnnoyMakeIndex(AnnoyIndexMetric(build->rel),
								  dtype, shared->dim,
								  shared->n_trees, shared->seed, shared->scale_exponent,
								  shared->mean, AnnoyAttributesSize(build->rel));
	build->index->generation = shared->generation;
	build->index_version = shared->index_version;
	MemoryContextSwitchTo(old_context);
}

/*
 * Main function of a worker.
 */
void
annoy_build_worker(dsm_segment *segment, shm_toc *toc)
{
	AnnoyShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	char	   *sorts = shm_toc_lookup(toc, KEY_SORTS, false);
	Size		sort_size = tuplesort_estimate_shared(shared->max_participants);
	WalUsage   *wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	LOCKMODE	heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE	index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	AnnoyBuild *build = palloc0(sizeof(AnnoyBuild));
	uint64		round = 0;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	build->is_worker = true;
	build->heap = table_open(shared->heap_oid, heap_lock);
	build->rel = index_open(shared->index_oid, index_lock);
	build->index_info = BuildIndexInfo(build->rel);
	build->index_info->ii_Concurrent = shared->concurrent;
	build->shared = shared;
	build->participants = shared->max_participants;
	build->items = shm_toc_lookup(toc, KEY_ITEMS, false);
	build->context = CurrentMemoryContext;
	build->step_context = AllocSetContextCreate(CurrentMemoryContext, "annoy build step",
												ALLOCSET_DEFAULT_SIZES);
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "annoy build row",
											   ALLOCSET_DEFAULT_SIZES);
	build->index_version = shared->index_version - 1;
	if (IndexRelationGetNumberOfAttributes(build->rel) > 1)
		build->attributes_desc = AnnoyAttributesDesc(build->rel);
	build->sorts = palloc(sizeof(Sharedsort *) * shared->n_trees);
	for (int i = 0; i < shared->n_trees; i++)
	{
		build->sorts[i] = (Sharedsort *) (sorts + i * sort_size);
		tuplesort_attach_shared(build->sorts[i], segment);
	}

	InstrStartParallelQuery();
	for (;;)
	{
		bool		joined = false;
		bool		finished;

		SpinLockAcquire(&shared->mutex);
		finished = shared->finished;
		if (shared->open && shared->round != round)
		{
			round = shared->round;
			shared->working++;
			shared->joined++;
			joined = true;
		}
		SpinLockRelease(&shared->mutex);

		if (finished)
			break;
		if (!joined)
		{
			ConditionVariableSleep(&shared->changed,
								   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
			continue;
		}
		ConditionVariableCancelSleep();
		do_step(build);
		detach_shares(build);

		SpinLockAcquire(&shared->mutex);
		shared->working--;
		SpinLockRelease(&shared->mutex);
		ConditionVariableBroadcast(&shared->changed);
	}
	ConditionVariableCancelSleep();
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber],
						  &wal_usage[ParallelWorkerNumber]);

	index_close(build->rel, index_lock);
	table_close(build->heap, heap_lock);
}
