/*-------------------------------------------------------------------------
 *
 * share.c
 *	  The items nearest to queries, found by several processes.
 *
 * Each process finds the nearest of some of the queries, as nearest.c does, and puts
 * them where all can read them.  What is found for a query does not depend on who has
 * asked it, nor on what else was asked.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/share.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"

#include "annoy.h"
#include "recall/calibrate.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "type/type.h"

/* Room for what is found, as a multiple of the entries kept: there may be ties. */
#define ROOM_PER_KEPT	1.25

/* A query, and what was found. */
typedef struct SharedQuery
{
	AnnoyPointer self;
	bool		quick;
	bool		done;			/* there was room */
	int			rank;
	int			ncandidates;
	int			nneighbours;
	uint64		first;			/* of its candidates, and of its neighbours */
} SharedQuery;

/*
 * What processes share.  The caller of AnnoyShareNearest() sets it.  Each query, and
 * what is found for it, then belongs to the process that has claimed the query's unit.
 */
typedef struct SharedNearest
{
	double		items;			/* in the index, about */
	int			units;			/* every so many'th query is in the same one */
	int			nqueries;
	int			nthorough;		/* are asked thoroughly: the first ones */
	uint64		room;			/* for so many candidates and neighbours */
	pg_atomic_uint64 used;
	Size		candidates;		/* where they are in the memory */
	Size		neighbours;
	SharedQuery queries[FLEXIBLE_ARRAY_MEMBER];
} SharedNearest;

static AnnoyCandidate *
shared_candidates(SharedNearest *shared)
{
	return (AnnoyCandidate *) ((char *) shared + shared->candidates);
}

static AnnoyNeighbour *
shared_neighbours(SharedNearest *shared)
{
	return (AnnoyNeighbour *) ((char *) shared + shared->neighbours);
}

/*
 * Copy what was found for a query to where others can read it, if there is room.
 */
static void
put_result(SharedNearest *shared, SharedQuery *to, const AnnoySampleQuery *query)
{
	const AnnoyCollector *nearest = &query->search->items;
	uint64		first = pg_atomic_fetch_add_u64(&shared->used, nearest->count);

	Assert(query->nneighbours <= nearest->count);
	if (first + nearest->count > shared->room)
		return;
	to->first = first;
	to->ncandidates = nearest->count;
	to->nneighbours = query->nneighbours;
	memcpy(shared_candidates(shared) + first, nearest->candidates,
		   sizeof(AnnoyCandidate) * nearest->count);
	memcpy(shared_neighbours(shared) + first, query->neighbours,
		   sizeof(AnnoyNeighbour) * query->nneighbours);
	to->done = true;
}

/*
 * Ask the queries of a unit, but for those whose rows have gone meanwhile.
 */
static void
ask_unit(Relation rel, const AnnoyIndex *index, SharedNearest *shared, int unit)
{
	AnnoyCalibration task = {0};
	AnnoyMeasurement part = {.rel = rel,.index = index,.task = &task,.items = shared->items};
	AnnoyVectorSource *source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReader reader;
	SharedQuery **asked = palloc(sizeof(SharedQuery *) * shared->nqueries);

	part.leaves = AnnoyLeavesMake(RelationGetNumberOfBlocks(rel));
	part.queries = palloc0(sizeof(AnnoySampleQuery) * shared->nqueries);
	AnnoyItemReaderInit(&reader, rel, index, source, NULL);
	for (int i = unit; i < shared->nqueries; i += shared->units)
	{
		SharedQuery *from = &shared->queries[i];
		AnnoySampleQuery *query = &part.queries[part.nqueries];
		AnnoyItem	item;

		AnnoyItemFetch(&reader, AnnoyItemPin(&reader, &from->self), &from->self, &item);
		if (item.vector.data != NULL)
		{
			query->vector = AnnoyCopyVector(&item.vector);
			query->self = from->self;
			query->quick = from->quick;
			query->rank = from->rank;
			asked[part.nqueries++] = from;
			part.nthorough += i < shared->nthorough;
		}
		AnnoyItemRelease(&reader);
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);

	AnnoyFindNearest(&part);
	AnnoyMeasureNearest(&part);
	for (int i = 0; i < part.nqueries; i++)
	{
		put_result(shared, asked[i], &part.queries[i]);
		AnnoySearchForget(part.queries[i].search);
	}
}

/*
 * Help to find the nearest items of queries: in the memory of a team that has been told
 * to run, while there is something to claim.
 */
void
AnnoyCurveHelp(Relation rel, void *memory, bool (*claim) (void *arg, uint64 *unit), void *arg)
{
	const AnnoyIndex *index = AnnoyOpen(rel);
	uint64		unit;

	while (claim(arg, &unit))
		ask_unit(rel, index, memory, (int) unit);
}

/*
 * Take what was found for a query.
 */
static void
take_result(const AnnoyMeasurement *measurement, SharedNearest *shared, const SharedQuery *from,
			AnnoySampleQuery *query)
{
	query->search = AnnoySearchInit(measurement->rel, measurement->index, &query->vector,
									ANNOY_DEFAULT_EPSILON);
	AnnoyCollectorReset(&query->search->items, PG_INT32_MAX);
	for (int i = 0; i < from->ncandidates; i++)
		AnnoyCollectorAdd(&query->search->items, &shared_candidates(shared)[from->first + i]);
	query->neighbours = shared_neighbours(shared) + from->first;
	query->nneighbours = from->nneighbours;
}

/*
 * Ask those queries that there was no room for, and count items and entries, and note
 * leaves, which each process has done for itself.
 */
static void
ask_rest(AnnoyMeasurement *measurement, const SharedNearest *shared)
{
	AnnoyMeasurement part = *measurement;

	part.queries = palloc(sizeof(AnnoySampleQuery) * measurement->nqueries);
	part.nqueries = 0;
	part.nthorough = 0;
	for (int i = 0; i < measurement->nqueries; i++)
	{
		if (shared->queries[i].done)
			continue;
		part.queries[part.nqueries++] = measurement->queries[i];
		part.nthorough += i < measurement->nthorough;
	}
	AnnoyFindNearest(&part);
	AnnoyMeasureNearest(&part);
	for (int i = measurement->nqueries - 1; i >= 0; i--)
	{
		if (!shared->queries[i].done)
			measurement->queries[i] = part.queries[--part.nqueries];
	}
	measurement->items = part.items;
	measurement->entries = part.entries;
	pfree(part.queries);
}

/*
 * Do what AnnoyFindNearest and AnnoyMeasureNearest do, with the help of other processes,
 * if there are any and they have enough memory.  Returns false if not.
 */
bool
AnnoyShareNearest(AnnoyMeasurement *measurement)
{
	const AnnoyCurveTeam *team = measurement->task->team;
	int			n = measurement->nqueries;
	Size		size = MAXALIGN(offsetof(SharedNearest, queries) + sizeof(SharedQuery) * n);
	Size		room = 0;
	SharedNearest *shared;

	if (team == NULL || measurement->leaves == NULL || n == 0)
		return false;
	for (int i = 0; i < n; i++)
		room += ROOM_PER_KEPT * AnnoyNeighboursKept(measurement->index,
													AnnoyCurveRows(measurement->queries[i].rank));
	shared = team->alloc(size + MAXALIGN(sizeof(AnnoyCandidate) * room) +
						 sizeof(AnnoyNeighbour) * room, team->arg);
	if (shared == NULL)
		return false;

	shared->items = measurement->items;
	shared->units = team->participants;
	shared->nqueries = n;
	shared->nthorough = measurement->nthorough;
	shared->room = room;
	pg_atomic_init_u64(&shared->used, 0);
	shared->candidates = size;
	shared->neighbours = size + MAXALIGN(sizeof(AnnoyCandidate) * room);
	for (int i = 0; i < n; i++)
	{
		shared->queries[i].self = measurement->queries[i].self;
		shared->queries[i].quick = measurement->queries[i].quick;
		shared->queries[i].rank = measurement->queries[i].rank;
		shared->queries[i].done = false;
	}
	team->run(shared->units, team->arg);

	for (int i = 0; i < n; i++)
	{
		if (shared->queries[i].done)
			take_result(measurement, shared, &shared->queries[i], &measurement->queries[i]);
	}
	ask_rest(measurement, shared);
	return true;
}
