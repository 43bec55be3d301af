/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Searching: rows in the order of their distance from a query.
 *
 * A search goes in rounds.  A round ranks leaves by the estimated distance of
 * their centres, over all trees at once, and scans the best of them until it
 * has scanned as many entries as its effort says (search.c).  Entries compete
 * by a lower bound of their distance.  In the order of these bounds, items are
 * then read and their exact distances computed; a row is returned as soon as
 * its exact distance is no more than the smallest bound left.
 *
 * Nobody tells an access method how many rows are wanted.  So effort follows
 * demand: before the r-th row is returned, the effort must have been what r rows
 * take (effort.c), and a round that runs out of candidates is followed by
 * another with several times the effort.  When all entries have been scanned,
 * the scan walks over all items, computes all remaining distances and sorts
 * them (drain.c), which leaves nothing out: a scan does not run dry while a row
 * is left.
 *
 * Conditions on the index's further columns are tested before the vector is read
 * (filter.c).  Rows that fail are demanded as well as those that are returned:
 * how many of them there will be, the part that passes of a sample tells, and
 * then the part that has passed.  As soon as it is cheaper to test all items
 * there are, the scan does that, and computes the distances of those that pass.
 *
 * No pins or locks are held between calls, and no position in a tree: a round
 * starts from the roots.  What connects rounds is the set of items that were
 * looked at, so that none is returned twice.
 *
 * PostgreSQL takes the order of the rows for exact.  So a row that a round finds
 * when a farther one has been returned comes at the very end: who reads that far
 * gets all rows, and who does not gets them in order.  If all rows will be read,
 * the scan drains the index at once, and all are in order; if groups are made of
 * them below a LIMIT, late rows are left out, lest a group comes twice (executor.c).
 * annoy.strict_order = off returns them at once.
 *
 * What a scan knows takes memory.  When another round might need more than
 * work_mem, the scan drains the index instead, and sorts in what is left of it.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "annoy.h"
#include "relation/relation.h"
#include "scan/state.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* By how much to search harder if all candidates have been returned. */
#define EFFORT_GROWTH		4

/* Likewise for the candidates kept, when those of a round did not do. */
#define KEEP_GROWTH			4

/* At most that part of the rows returned need not count because it is dead. */
#define MOST_DEAD			0.5

/* With so many dead rows, and that part of all, more will be. */
#define MIN_DEAD			2
#define MANY_DEAD			0.2

/*
 * With conditions: as many times the rows of the round before are searched for at
 * least, and as many candidates kept for each; before so many tests what part
 * passes is not known better than by the sample.
 */
#define FILTER_GROWTH		3
#define FILTER_KEEP			3
#define FILTER_SAMPLE		100

/*
 * What testing one of the items demanded takes, and one in a walk, and a
 * distance, in entries scanned: see docs/measurements.md.
 */
#define TEST_COST			400.0
#define WALK_COST			1.5
#define DISTANCE_COST		90.0

/* As many rows as a LIMIT says may turn out to be too few: some are not visible. */
#define LIMIT_MARGIN		1.2

/* So many rows the first round is for if it is not known that more are wanted. */
#define FIRST_ROWS			(AnnoyCurveRows(0) * LIMIT_MARGIN)

/* The first round of a page behind an OFFSET is for so many rows, at least. */
#define PAGE_ROWS			100

/* Working memory of a scan in kB, if work_mem is less. */
#define MIN_SCAN_MEMORY		4096

/*
 * After a page of the table that was not in shared buffers, more of that kind are
 * expected among those of so many rows returned next; then the pages of so many
 * rows that are not yet wanted are asked for from the operating system.
 */
#define COLD_ROWS			40
#define TABLE_AHEAD			10

static int	cold_rows = 0;

/* Of the last scan that this session has ended. */
static AnnoyScanStats last_scan;

/*
 * What is known of the scores of items not looked at yet in this round: they
 * are not below this.
 *
 * Scores say nothing certain about manhattan distances.  For those, all
 * candidates of a round are looked at before a row is returned.
 */
static inline double
score_bound(const AnnoyScanState *state)
{
	const AnnoyCollector *items = &state->search->items;

	if (state->search->index->metric == ANNOY_L1)
		return state->next < items->count ? -INFINITY : INFINITY;
	if (state->next < items->count)
		return items->candidates[state->next].score;
	return items->limit;
}

/*
 * Prefetch what the next call of look_at_next will need, or more.
 */
static void
prefetch_items(AnnoyScanState *state)
{
	const AnnoyCollector *items = &state->search->items;
	int			end = Min(items->count, state->next + AnnoyPrefetchDistance(ANNOY_LOOK_BATCH));

	for (; state->prefetched < end; state->prefetched++)
		AnnoyItemPrefetch(&state->reader, &items->candidates[state->prefetched].pointer);
}

/*
 * Add an item's row to those to be returned: with its exact distance from the
 * query, or without one if either is NULL.
 */
void
AnnoyScanAdd(AnnoyScanState *state, const AnnoyPointer *pointer,
			 const AnnoyItem *item)
{
	AnnoyRow	row = {.tid = item->tid,.kind = ANNOY_ROW_NULL};

	if (item->vector.data != NULL && state->query.data != NULL)
	{
		state->search->stats.items++;
		row.distance = AnnoyStoredDistance(state->search->index->metric,
										   &item->vector, &state->query);
		if (unlikely(isnan(row.distance)))
			AnnoyCheckVector(state->search->rel, pointer, &item->vector);
		row.kind = state->strict && state->returned > 0 &&
			row.distance < state->last_distance ?
			ANNOY_ROW_LATE : ANNOY_ROW_IN_ORDER;
		if (row.kind == ANNOY_ROW_LATE && state->demand.relies)
			return;
	}
	AnnoyRowsAdd(&state->rows, &row);
}

/*
 * Look at the next candidates: compute the exact distances of those that meet
 * the conditions.
 */
static void
look_at_next(AnnoyScanState *state)
{
	const AnnoyCollector *items = &state->search->items;
	AnnoyPointer pointers[ANNOY_LOOK_BATCH];
	Buffer		buffers[ANNOY_LOOK_BATCH];
	int			n = 0;
	AnnoyScanStats *stats = &state->search->stats;
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	while (n < ANNOY_LOOK_BATCH && state->next < items->count)
	{
		pointers[n] = items->candidates[state->next++].pointer;
		if (!AnnoyScanSee(state, &pointers[n]))
		{
			buffers[n] = AnnoyItemPin(&state->reader, &pointers[n]);
			n++;
		}
	}
	prefetch_items(state);
	if (AnnoyScanTests(state))
	{
		for (int i = 0; i < n; i++)
			AnnoyFilterPrefetch(state->filter, buffers[i], &pointers[i]);
	}

	for (int i = 0; i < n; i++)
	{
		AnnoyItem	item;

		if (AnnoyScanTests(state) &&
			!AnnoyFilterItem(state->filter, buffers[i], &pointers[i]))
		{
			ReleaseBuffer(buffers[i]);
			continue;
		}
		AnnoyItemFetch(&state->reader, buffers[i], &pointers[i], &item);
		if ((item.state & ANNOY_SLOT_STATE_MASK) == ANNOY_SLOT_LIVE)
			AnnoyScanAdd(state, &pointers[i], &item);
		AnnoyItemRelease(&state->reader);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(stats->reranking, end, start);
}

/*
 * Might a scan that keeps so many more candidates use too much memory?
 */
static bool
exceeds_memory(const AnnoyScanState *state, int keep)
{
	/* hash table and heap double when they are full */
	Size		per_candidate = 2 * (2 * sizeof(SeenEntry) + sizeof(AnnoyRow));

	return MemoryContextMemAllocated(state->context, true) +
		AnnoyCollectorMemory(keep) + keep * per_candidate >
		Max(work_mem, MIN_SCAN_MEMORY) * (Size) 1024;
}

/*
 * Begin the next round, or drain the index when that has become cheaper, or takes
 * less memory.
 */
static void
next_round(Relation rel, AnnoyScanState *state, double effort)
{
	AnnoySearch *search = state->search;
	double		last = ANNOY_LAST_EFFORT * state->efforts.all;
	int			least = Max(state->keep, AnnoySearchKeep(search->index, 0, state->enough_for));
	int			keep;

	if (state->effort > 0 && effort > state->effort)
	{
		if (search->complete || state->effort > last)
		{
			AnnoyDrain(rel, state, search->index);
			return;
		}
		if (effort > last && state->efforts.measured == 0)
			effort = state->efforts.all;
	}
	keep = Max(least, AnnoySearchKeep(search->index, effort, state->enough_for));
	while (keep > least && exceeds_memory(state, keep))
		keep = Max(keep / 2, least);
	if (exceeds_memory(state, keep))
	{
		AnnoyDrain(rel, state, search->index);
		return;
	}
	state->keep = keep;
	state->effort = effort;
	state->next = 0;
	AnnoySearchForest(search, effort, state->keep);
	state->scanned += search->scanned;
	state->prefetched = 0;
	prefetch_items(state);
}

/*
 * Begin the first round.  If it is known how many rows will be taken at most, it
 * is for so many.
 *
 * With an OFFSET, this is one of several pages, which should fit together.  So
 * rounds do not depend on where it ends: all pages but the first take their rows
 * from the same sequence.
 */
static void
first_round(Relation rel, AnnoyScanState *state)
{
	const AnnoyEfforts *efforts = &state->efforts;
	double		limit = state->demand.limit;
	double		effort;

	/* rows that conditions take are an estimate, which may be far off */
	if (state->demand.filtered)
		limit = Min(limit, ANNOY_DEEP_ROWS);
	if (limit > AnnoyCurveRows(0) && efforts->measured > 0 && !state->demand.is_page)
	{
		effort = AnnoyEffortForRows(efforts, limit);
		state->enough_for = LIMIT_MARGIN * limit;
	}
	else
	{
		effort = AnnoyNextEffort(efforts, 0, state->demand.is_page ? PAGE_ROWS : 1, 1,
								 &state->enough_for);
		state->demand.limit = 0;
	}
	if (state->demand.filtered && efforts->measured > 0 &&
		state->enough_for > FIRST_ROWS)
		effort *= ANNOY_DEEP_EFFORT;
	next_round(rel, state, Min(effort, efforts->all));
}

/*
 * Search for what rows that fail demand as well as those that are returned.
 * Begins a round, or drains the index if that is cheaper.
 */
static void
search_past_failures(Relation rel, AnnoyScanState *state)
{
	const AnnoyIndex *index = state->search->index;
	double		items = state->efforts.all / index->n_trees;
	double		rate = AnnoyFilterRate(state->filter);
	double		rows = Max(state->returned + 1, ANNOY_FILTER_ROWS) / rate;
	double		effort;
	double		keep;

	rows = Max(ANNOY_FILTER_MARGIN * rows, FILTER_GROWTH * state->enough_for);
	effort = Max(AnnoyEffortForRows(&state->efforts, rows), state->effort);
	keep = Max(FILTER_KEEP * rows, state->keep);
	if (effort <= state->effort && keep <= state->keep)
		effort = EFFORT_GROWTH * state->effort;
	if (Max(effort, keep) > ANNOY_LAST_EFFORT * state->efforts.all ||
		items * (WALK_COST + rate * DISTANCE_COST) < effort + rows * TEST_COST)
	{
		AnnoyDrain(rel, state, index);
		return;
	}
	state->enough_for = rows;
	state->keep = (int) Min(keep, PG_INT32_MAX / 8);
	next_round(rel, state, effort);
}

/*
 * How many rows have been asked for.  Those that are dead to everybody do not
 * count, unless they are the most.
 */
static inline double
rows_demanded(const AnnoyScanState *state)
{
	return state->returned - Min(state->dead, floor(MOST_DEAD * state->returned));
}

/*
 * If many rows turn out to be dead, the rows that are wanted are farther down than
 * the round is for.  Search for these as soon as that is known: what is found when
 * farther rows have been returned is late.  Returns false if there is no need.
 */
static bool
search_past_dead(Relation rel, AnnoyScanState *state)
{
	double		rows = Max(state->demand.limit, AnnoyCurveRows(0));
	double		effort;

	if (state->knows_dead || state->dead < MIN_DEAD ||
		state->dead < MANY_DEAD * state->returned ||
		state->efforts.measured == 0 || AnnoyScanTests(state))
		return false;
	state->knows_dead = true;
	effort = AnnoyEffortForRows(&state->efforts,
								rows * state->returned / rows_demanded(state));
	if (state->demand.filtered)
		effort *= ANNOY_DEEP_EFFORT;

	/*
	 * after a round of more than half comes everything, which is too much
	 * here
	 */
	if (effort <= state->effort || state->effort > ANNOY_LAST_EFFORT * state->efforts.all)
		return false;
	if (state->demand.limit > 0)
		state->enough_for /= 1 - MOST_DEAD;
	next_round(rel, state, effort);
	return true;
}

/*
 * Does the next row take more effort than the round's?  With conditions it is
 * not the next one but as far down as rows that fail come before it; wait until
 * it is known how many these are.
 */
static bool
is_short(const AnnoyScanState *state, bool row_is_next)
{
	if (!AnnoyScanTests(state))
		return (state->demand.limit > 0 ? state->returned : rows_demanded(state)) >=
			state->enough_for;
	return (row_is_next || state->filter->tested >= FILTER_SAMPLE) &&
		(state->returned + 1) / AnnoyFilterRate(state->filter) > state->enough_for;
}

/*
 * Search harder, if the next row takes that.  Returns false if not.
 */
static bool
search_harder(Relation rel, AnnoyScanState *state)
{
	double		effort;
	double		per_row;

	if (AnnoyScanTests(state))
	{
		search_past_failures(rel, state);
		return true;
	}
	if (state->demand.relies)
	{
		/* what further rounds find too late is lost: let there be one */
		AnnoyDrain(rel, state, state->search->index);
		return true;
	}
	per_row = state->returned / rows_demanded(state);
	effort = AnnoyNextEffort(&state->efforts,
							 state->efforts.measured > 0 ? 0 : state->effort,
							 rows_demanded(state) + 1, per_row, &state->enough_for);
	if (state->efforts.measured > 0 &&
		(state->demand.filtered || rows_demanded(state) >= ANNOY_DEEP_ROWS))
		effort *= ANNOY_DEEP_EFFORT;
	if (effort <= state->effort)
		return false;
	if (state->demand.limit > 0)
	{
		/*
		 * There is a LIMIT, but too many items are no rows: replace the
		 * round, as if it had been known.
		 */
		state->demand.limit = 0;
		state->effort = 0;
	}
	next_round(rel, state, effort);
	return true;
}

/*
 * All candidates of a round have been looked at.  If there were more that were
 * not kept, repeat the round to get them; otherwise search harder.
 */
static void
more_candidates(Relation rel, AnnoyScanState *state)
{
	if (AnnoyScanTests(state))
		search_past_failures(rel, state);
	else if (state->search->items.limit < INFINITY &&
			 state->keep < ANNOY_LAST_EFFORT * state->efforts.all)
	{
		state->keep = Min(state->keep, PG_INT32_MAX / 8 / KEEP_GROWTH) * KEEP_GROWTH;
		next_round(rel, state, state->effort);
	}
	else
		next_round(rel, state, state->effort * EFFORT_GROWTH);
}

/*
 * Find the next row.  Returns false if there is none.
 */
static bool
next_row(Relation rel, AnnoyScanState *state, AnnoyRow *row)
{
	while (!state->drained)
	{
		const AnnoyRow *nearest = state->rows.count > 0 ? &state->rows.rows[0] : NULL;
		double		bound;
		bool		is_next;

		CHECK_FOR_INTERRUPTS();

		if (search_past_dead(rel, state))
			continue;
		bound = score_bound(state);
		is_next = nearest != NULL && nearest->kind == ANNOY_ROW_IN_ORDER &&
			(bound == INFINITY ||
			 (bound > -INFINITY &&
			  AnnoySearchScore(state->search, nearest->distance) <= bound));

		/*
		 * all that are near enough are too few, or not searched for hard
		 * enough
		 */
		if (is_short(state, is_next) && search_harder(rel, state))
			continue;
		if (is_next)
			return AnnoyRowsNext(&state->rows, row);
		if (state->next < state->search->items.count)
			look_at_next(state);
		else
			more_candidates(rel, state);
	}
	return AnnoyNextDrained(rel, state, row);
}

/*
 * Prepare a search for the query of the scan.  Runs, like everything that
 * belongs to the search, in the search's memory context.
 */
static void
start_search(IndexScanDesc scan)
{
	AnnoyScanState *state = scan->opaque;
	Relation	rel = scan->indexRelation;
	ScanKey		key = &scan->orderByData[0];
	AnnoyVector query = {0};
	const AnnoyIndex *index;

	if ((key->sk_flags & SK_ISNULL) == 0)
	{
		Size		size;
		void	   *copy;

		query = AnnoyReadColumn(rel, key->sk_argument);
		if (AnnoyIndexMetric(rel) == ANNOY_HAMMING)
			query = AnnoyConvertVector(&query, ANNOY_BIT);
		size = AnnoyVectorSize(query.dtype, query.dim);
		copy = palloc(size);
		memcpy(copy, query.data, size);
		query.data = copy;
	}
	state->query = query;
	state->strict = annoy_strict_order && !state->choice.relaxed;

	index = AnnoyOpen(rel);
	if (query.data != NULL)
		AnnoyCheckDimensions(rel, index, &query);

	state->filter = AnnoyFilterMake(scan, index);
	if (index->dim > 0)
	{
		AnnoyItemReaderInit(&state->reader, rel, index, NULL);
		state->reader.tests_first = AnnoyScanTests(state);
	}

	if (query.data == NULL || index->dim == 0 ||
		(state->filter != NULL && !state->filter->vectors))
		AnnoyDrain(rel, state, index);
	else
	{
		AnnoyChooseEfforts(rel, index, RelationGetNumberOfBlocks(rel),
						   state->choice.search_k, &state->efforts);
		state->search = AnnoySearchInit(rel, index, &query, annoy_epsilon);
		state->seen = seen_create(state->context, 512, NULL);
		if (state->efforts.first == INFINITY || state->demand.everything)
			AnnoyDrain(rel, state, index);
		else if (AnnoyScanTests(state))
		{
			AnnoyFilterSample(state->filter);
			search_past_failures(rel, state);
		}
		else
			first_round(rel, state);
	}
}

IndexScanDesc
annoybeginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(rel, nkeys, norderbys);
	AnnoyScanState *state = palloc0(sizeof(AnnoyScanState));

	state->context = AllocSetContextCreate(CurrentMemoryContext, "annoy scan",
										   ALLOCSET_DEFAULT_SIZES);
	state->choice.search_k = -1;
	scan->opaque = state;
	if (norderbys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = palloc(sizeof(bool) * norderbys);
		/* where float8 is a pointer, there is none yet to be freed */
		memset(scan->xs_orderbynulls, true, sizeof(bool) * norderbys);
	}
	return scan;
}

/* Blocks accessed by this session so far. */
static void
count_blocks(int64 *hits, int64 *reads)
{
	*hits = pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit;
	*reads = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
}

/* Note what a scan has done, for annoy_last_scan(). */
static void
note_stats(const AnnoyScanState *state)
{
	int64		hits;
	int64		reads;

	count_blocks(&hits, &reads);
	if (state->search != NULL)
		last_scan = state->search->stats;
	else
		memset(&last_scan, 0, sizeof(last_scan));
	last_scan.rows = state->returned;
	last_scan.walked = state->drained;
	last_scan.pages_read = reads - state->reads_before;
	last_scan.pages = hits - state->hits_before + last_scan.pages_read;
}

/*
 * What the last scan of this session that ended has done.
 */
const AnnoyScanStats *
AnnoyLastScan(void)
{
	return &last_scan;
}

/* Give up what a search holds, and forget it. */
static void
end_search(AnnoyScanState *state)
{
	MemoryContext context = state->context;
	AnnoyScanChoice choice = state->choice;

	if (state->started)
		note_stats(state);
	AnnoyRowsEndSort(&state->rows);
	MemoryContextReset(context);
	memset(state, 0, sizeof(AnnoyScanState));
	state->context = context;
	state->choice = choice;
}

/*
 * Have the searches of a scan look at so many entries, whatever is set for the
 * session and the index; -1 leaves it to these.  From the next rescan on.
 */
void
AnnoyScanSetSearchK(IndexScanDesc scan, int search_k)
{
	AnnoyScanState *state = scan->opaque;

	Assert(search_k == -1 || search_k > 0);
	state->choice.search_k = search_k;
}

/*
 * Have a scan return rows that it finds late at once, for a caller who sorts
 * them.
 */
void
AnnoyScanRelax(IndexScanDesc scan)
{
	((AnnoyScanState *) scan->opaque)->choice.relaxed = true;
}

void
annoyrescan(IndexScanDesc scan, ScanKey keys, int nkeys pg_attribute_unused(),
			ScanKey orderbys, int norderbys pg_attribute_unused())
{
	AnnoyScanState *state = scan->opaque;

	end_search(state);
	state->demand = AnnoyAskExecutor(orderbys);
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys,
				scan->numberOfOrderBys * sizeof(ScanKeyData));
}

/*
 * Have the table's pages read that the executor is about to want, if it has
 * lately had to wait for one: those of rows at the top of the heap, which come
 * next unless nearer ones are found.
 */
static void
prefetch_table(IndexScanDesc scan, AnnoyRows *rows)
{
	int			ahead = Min(rows->count, TABLE_AHEAD);

	/*
	 * A table of another access method need not have the row in the block of
	 * that number, or in that file, and there is no call to ask it to
	 * prefetch a row.
	 */
	if (cold_rows == 0 ||
		!AnnoyIsHeap(scan->heapRelation))
		return;
	for (int i = 0; i < ahead; i++)
	{
		AnnoyRow   *row = &rows->rows[i];
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&row->tid);

		if (!row->prefetched && row->kind == ANNOY_ROW_IN_ORDER &&
			AnnoyRowMayExist(scan->heapRelation, &row->tid))
			(void) PrefetchBuffer(scan->heapRelation, MAIN_FORKNUM, block);
		row->prefetched = true;
	}
}

/*
 * Raise an error if a scan cannot be done.  The planner asks for no such thing,
 * see annoycostestimate; other code may.
 */
static void
check_scan(IndexScanDesc scan)
{
	const char *name = RelationGetRelationName(scan->indexRelation);

	if (scan->numberOfOrderBys != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("annoy index \"%s\" can only be scanned in the order of one distance operator, not of %d",
						name, scan->numberOfOrderBys)));

	/*
	 * A slot that VACUUM has freed may have another row by the time that its
	 * old one is returned; only an MVCC snapshot does not see that one.
	 */
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("annoy index \"%s\" can only be scanned with an MVCC snapshot",
						name)));
}

bool
annoygettuple(IndexScanDesc scan, ScanDirection dir PG_USED_FOR_ASSERTS_ONLY)
{
	AnnoyScanState *state = scan->opaque;
	IndexOrderByDistance distance;
	Oid			distance_type = FLOAT8OID;
	MemoryContext old_context = MemoryContextSwitchTo(state->context);
	AnnoyRow	row;
	bool		found;
	int64		hits;
	int64		reads;

	Assert(ScanDirectionIsForward(dir));

	if (!state->started)
	{
		check_scan(scan);
		AnnoyCountScan(scan);
		count_blocks(&state->hits_before, &state->reads_before);
		start_search(scan);
		state->started = true;
	}

	if (scan->kill_prior_tuple)
		state->dead++;
	if (state->returned > 0)
	{
		/* mostly the table is what has been read since */
		count_blocks(&hits, &reads);
		if (reads > state->reads_returned)
			cold_rows = COLD_ROWS;
		else if (cold_rows > 0)
			cold_rows--;
	}

	found = next_row(scan->indexRelation, state, &row);
	MemoryContextSwitchTo(old_context);
	if (!found)
		return false;
	AnnoyCheckRow(scan->indexRelation, scan->heapRelation, &row.tid);
	prefetch_table(scan, &state->rows);
	count_blocks(&hits, &state->reads_returned);
	state->returned++;
	if (row.kind == ANNOY_ROW_IN_ORDER)
		state->last_distance = row.distance;
	scan->xs_heaptid = row.tid;
	scan->xs_recheck = state->recheck;
	distance.value = row.distance;
	distance.isnull = row.kind == ANNOY_ROW_NULL;
	index_store_float8_orderby_distances(scan, &distance_type, &distance, false);
	return true;
}

/*
 * How many entries a scan has looked at so far; items, if it has walked over
 * all of them.
 */
double
AnnoyScanEntries(IndexScanDesc scan)
{
	AnnoyScanState *state = scan->opaque;

	return state->scanned;
}

void
annoyendscan(IndexScanDesc scan)
{
	AnnoyScanState *state = scan->opaque;

	end_search(state);
	MemoryContextDelete(state->context);
	pfree(state);
}
