/*-------------------------------------------------------------------------
 *
 * team.c
 *	  Participants of a build, at work together.
 *
 * The leader goes through the build; where there is work to share it announces a
 * step, in which all participants take units of work until none are left, and
 * waits for the workers to be done with it.  Workers that start late, or not at
 * all, do no harm: they join what step there is when they come.
 *
 * Without workers the same code runs in the leader alone, and what would be in
 * shared memory is in its own.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/team.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "annoy.h"
#include "build/state.h"
#include "space/space.h"
#include "storage/storage.h"

/* Longest silence while the leader waits, in milliseconds. */
#define PROGRESS_INTERVAL	200

/* Memory that is zeroed between two looks for interrupts. */
#define ZERO_BYTES			((Size) 64 * 1024 * 1024)

/* Blocks of the index that a participant takes at a time, and rows of the sample. */
#define UNIT_BLOCKS			64
#define UNIT_POINTS			512

/* Progress. */

/*
 * Begin a phase, as pg_stat_progress_create_index shows it.  Only the leader does.
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

	if (build->in_place == NULL)
		pgstat_progress_update_multi_param(lengthof(params), params, values);
	build->tuples_total = (uint64) tuples;
	pg_atomic_write_u64(&build->shared->team.tuples_done, 0);
	pg_atomic_write_u64(&build->shared->team.blocks_done, 0);
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

	/* VACUUM shows progress of its own */
	if (build->in_place != NULL)
		return;
	values[0] = (int64) pg_atomic_read_u64(&build->shared->team.tuples_done);
	values[1] = (int64) pg_atomic_read_u64(&build->shared->team.blocks_done);
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

/*
 * Count what any participant has done.
 */
void
AnnoyBuildAdvance(AnnoyBuild *build, uint64 tuples, uint64 blocks)
{
	pg_atomic_fetch_add_u64(&build->shared->team.tuples_done, tuples);
	pg_atomic_fetch_add_u64(&build->shared->team.blocks_done, blocks);
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
		if (build->in_place == NULL)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
										 (int64) build->tuples_total);
	}
	AnnoyBuildAdvance(build, done, 0);
}

/* Shared memory. */

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
 * Shared memory as this process has attached it.  If there are no workers, there
 * is no segment.
 */
static AnnoyAttachment *
attach_share(AnnoyBuild *build, AnnoyShare share)
{
	AnnoyAttachment *unused = NULL;

	Assert(build->participants > 1);
	for (int i = 0; i < ANNOY_MAX_SHARES; i++)
	{
		AnnoyAttachment *attached = &build->attached[i];

		if (attached->segment == NULL)
			unused = attached;
		else if (attached->share == share)
			return attached;
	}

	if (unused == NULL)
		elog(ERROR, "too many shared segments in a build");
	unused->segment = dsm_attach((dsm_handle) share);
	if (unused->segment == NULL)
		elog(ERROR, "could not map dynamic shared memory segment");
	unused->share = share;
	return unused;
}

/*
 * Where shared memory is in this process.  In a worker that holds until the end
 * of the step.
 */
void *
AnnoyBuildAddress(AnnoyBuild *build, AnnoyShare share)
{
	if (build->participants == 1)
		return (void *) (uintptr_t) share;
	return dsm_segment_address(attach_share(build, share)->segment);
}

/*
 * The segment of shared memory, if there are workers.
 */
dsm_segment *
AnnoyBuildSegment(AnnoyBuild *build, AnnoyShare share)
{
	return attach_share(build, share)->segment;
}

static void
detach_share(AnnoyAttachment *attached)
{
	if (attached->segment != NULL)
		dsm_detach(attached->segment);
	attached->segment = NULL;
}

/*
 * Free shared memory, if there is any.  Only the leader does, between steps.
 */
void
AnnoyBuildFree(AnnoyBuild *build, AnnoyShare *share)
{
	Assert(!build->is_worker);
	if (*share == 0)
		return;
	if (build->participants == 1)
		pfree((void *) (uintptr_t) *share);
	else
		detach_share(attach_share(build, *share));
	*share = 0;
}

/* Steps. */

/*
 * Make a participant's AnnoyIndex what the shared state says.
 */
void
AnnoyBuildSyncIndex(AnnoyBuild *build)
{
	const AnnoySharedIndex *shared = &build->shared->index;
	MemoryContext old_context;

	if (build->index != NULL)
	{
		if (build->index_version == shared->version)
			return;
		pfree(build->index);
	}
	old_context = MemoryContextSwitchTo(build->context);
	build->index = AnnoyMakeIndex(&shared->declared, shared->dim,
								  shared->scale_exponent, shared->mean);
	build->index = AnnoyAttachBounds(build->rel, build->index, shared->bounds, shared->n_bounds);
	build->index->generation = shared->generation;
	build->index_version = shared->version;
	MemoryContextSwitchTo(old_context);
}

/*
 * Wait until another participant has done something.
 */
void
AnnoyBuildWait(AnnoyBuild *build)
{
	(void) ConditionVariableTimedSleep(&build->shared->team.changed, PROGRESS_INTERVAL,
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
	AnnoySharedTeam *team = &build->shared->team;
	MemoryContext old_context = MemoryContextSwitchTo(build->step_context);

	AnnoyBuildSyncIndex(build);
	build->steps[team->step] (build, team->state == 0 ? NULL :
							  AnnoyBuildAddress(build, team->state));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->step_context);
}

/*
 * Begin a step of that many units, which workers join.  Only the leader does, and may
 * do something else before it joins, too.
 */
void
AnnoyBuildOpen(AnnoyBuild *build, AnnoyStep step, AnnoyShare state, uint64 units)
{
	AnnoySharedTeam *team = &build->shared->team;

	SpinLockAcquire(&team->mutex);
	team->round++;
	team->step = step;
	team->state = state;
	team->units = units;
	team->joined = 0;
	pg_atomic_write_u64(&team->next_unit, 0);
	team->open = true;
	SpinLockRelease(&team->mutex);
	ConditionVariableBroadcast(&team->changed);
}

/*
 * Take part in the step that the leader has begun, and return when all have done what
 * they have begun.
 */
void
AnnoyBuildJoin(AnnoyBuild *build)
{
	AnnoySharedTeam *team = &build->shared->team;

	do_step(build);

	for (;;)
	{
		int			working;

		SpinLockAcquire(&team->mutex);
		team->open = false;
		working = team->working;
		SpinLockRelease(&team->mutex);
		if (working == 0)
			break;
		AnnoyBuildWait(build);
	}
	ConditionVariableCancelSleep();
}

/*
 * Have all participants do a step of that many units.  Only the leader does.
 */
void
AnnoyBuildRun(AnnoyBuild *build, AnnoyStep step, AnnoyShare state, uint64 units)
{
	AnnoyBuildOpen(build, step, state, units);
	AnnoyBuildJoin(build);
}

/*
 * What a worker does: it takes part in the steps that it comes to know of, until
 * the leader says that there are no more.
 */
void
AnnoyBuildWork(AnnoyBuild *build)
{
	AnnoySharedTeam *team = &build->shared->team;
	uint64		round = 0;

	for (;;)
	{
		bool		joined = false;
		bool		finished;

		SpinLockAcquire(&team->mutex);
		finished = team->finished;
		if (team->open && team->round != round)
		{
			round = team->round;
			team->working++;
			team->joined++;
			joined = true;
		}
		SpinLockRelease(&team->mutex);

		if (finished)
			break;
		if (!joined)
		{
			ConditionVariableSleep(&team->changed,
								   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
			continue;
		}
		ConditionVariableCancelSleep();
		do_step(build);

		/* what the leader frees is to be gone */
		for (int i = 0; i < ANNOY_MAX_SHARES; i++)
			detach_share(&build->attached[i]);

		SpinLockAcquire(&team->mutex);
		team->working--;
		SpinLockRelease(&team->mutex);
		ConditionVariableBroadcast(&team->changed);
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
	*unit = pg_atomic_fetch_add_u64(&build->shared->team.next_unit, 1);
	return *unit < build->shared->team.units;
}

/*
 * The number of units of a walk over the items.
 */
uint64
AnnoyBuildItemUnits(AnnoyBuild *build)
{
	uint64		blocks = build->shared->items.end - build->shared->items.first;

	return (blocks + UNIT_BLOCKS - 1) / UNIT_BLOCKS;
}

/*
 * Walk over the items, together with the other participants; see AnnoyItemWalkRange.
 */
void
AnnoyBuildWalk(AnnoyBuild *build, AnnoyVectorSource *source, AnnoyItemCallback callback,
			   void *arg)
{
	const AnnoySharedItems *items = &build->shared->items;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		BlockNumber first = items->first + unit * UNIT_BLOCKS;
		BlockNumber end = first + Min(UNIT_BLOCKS, items->end - first);

		if (build->in_place != NULL && !build->in_place->locked)
			AnnoyVacuumDelay();

		AnnoyItemWalkRange(build->rel, build->index, source, strategy, first, end,
						   callback, arg);
		AnnoyBuildAdvance(build, 0, end - first);
	}
	FreeAccessStrategy(strategy);
}

/*
 * The number of units of a walk over the points of items.
 */
uint64
AnnoyBuildPointUnits(AnnoyBuild *build)
{
	const AnnoySharedSample *sample = &build->shared->sample;

	return sample->whole ? ((uint64) sample->count + UNIT_POINTS - 1) / UNIT_POINTS :
		AnnoyBuildItemUnits(build);
}

/* A walk over points that reads the items. */
typedef struct PointWalk
{
	const AnnoyIndex *index;
	float	   *x;
	AnnoyPointCallback callback;
	void	   *arg;
} PointWalk;

/* AnnoyItemWalk callback. */
static void
map_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	PointWalk  *walk = arg;

	if (item->vector.data == NULL)
		return;
	AnnoyMapItem(walk->index, &item->vector, walk->x);
	walk->callback(pointer, walk->x, walk->arg);
}

/*
 * Walk over the points of all items, together with the other participants: those of
 * the sample, if it has all, and otherwise those of the items as they are stored.  This
 * is where steps behind the sample have vectors from.
 */
void
AnnoyBuildWalkPoints(AnnoyBuild *build, AnnoyPointCallback callback, void *arg)
{
	const AnnoySharedSample *sample = &build->shared->sample;
	int			dim = build->index->space_dim;
	const float *points;
	const uint64 *keys;
	const int  *sorted;
	uint64		unit;

	if (!sample->whole)
	{
		PointWalk	walk = {build->index, palloc(sizeof(float) * dim), callback, arg};
		AnnoyVectorSource *source = AnnoyBuildSource(build);

		AnnoyBuildWalk(build, source, map_item, &walk);
		AnnoySourceClose(source);
		pfree(walk.x);
		return;
	}
	points = AnnoyBuildAddress(build, sample->points);
	keys = AnnoyBuildAddress(build, sample->keys);
	sorted = AnnoyBuildAddress(build, sample->sorted);
	while (AnnoyBuildClaim(build, &unit))
	{
		int			end = Min((unit + 1) * UNIT_POINTS, (uint64) sample->count);

		for (int i = unit * UNIT_POINTS; i < end; i++)
		{
			AnnoyPointer pointer = AnnoySamplePointer(keys[sorted[i]]);

			CHECK_FOR_INTERRUPTS();
			callback(&pointer, points + (Size) sorted[i] * dim, arg);
		}
	}
}
