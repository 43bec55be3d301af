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
 * What comes next, another round or rows or more items, and with how much effort,
 * step.c decides.  In the end the scan may drain the index: it walks over all
 * items, computes all remaining distances and sorts them (drain.c), which leaves
 * nothing out.  So a scan does not run dry while a row is left.
 *
 * Conditions on the index's further columns are tested before the vector is read
 * (filter.c), and before codes are looked at as far as signatures tell (sieve.c).  A
 * condition that the vector is within a distance of the query ends the scan there;
 * without ORDER BY, its query is the scan's.
 *
 * No pins or locks are held between calls, and no position in a tree: a round
 * starts from the roots.  What connects rounds is the set of items that were
 * looked at, so that none is returned twice.
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
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "annoy.h"
#include "relation/relation.h"
#include "scan/state.h"
#include "scan/within.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Working memory of a scan in kB, if work_mem is less. */
#define MIN_SCAN_MEMORY		4096

/*
 * So many items are looked at, usually, and so many more for each row, of which so many
 * are wanted if there is no LIMIT.
 */
#define USUAL_ITEMS			25
#define ITEMS_PER_ROW		2
#define USUAL_ROWS			10

/* The pages of at most so many rows are asked for together. */
#define MOST_ROWS_AHEAD		500

/* If vectors are in the table, so many candidates ahead. */
#define ROWS_AHEAD			32

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
 * Prefetch rows of candidates whose vectors are in the table: those of the first
 * `wanted' candidates, and when these have been looked at, of some more at a time.
 */
static void
prefetch_rows(AnnoyScanState *state, int wanted)
{
	const AnnoyCollector *items = &state->search->items;
	int			end = Min(items->count, Max(wanted, state->next + ROWS_AHEAD));

	for (int i = Max(state->rows_prefetched, state->next); i < end; i++)
	{
		const AnnoyPointer *pointer = &items->candidates[i].pointer;
		AnnoyItem	item;

		AnnoyItemFetch(&state->reader, AnnoyItemPin(&state->reader, pointer), pointer, &item);
		if (AnnoySlotState(&item) == ANNOY_SLOT_LIVE)
			AnnoySourcePrefetch(state->source, &item.tid);
		AnnoyItemRelease(&state->reader);
	}
	state->rows_prefetched = Max(state->rows_prefetched, end);
}

/*
 * Prefetch what the next call of look_at_next will need, or more.
 */
static void
prefetch_items(AnnoyScanState *state)
{
	const AnnoyCollector *items = &state->search->items;
	double		rows = Max(state->task.demand.limit, USUAL_ROWS);
	double		wanted = state->task.n_entries * (USUAL_ITEMS + ITEMS_PER_ROW * rows);
	int			end = AnnoyPrefetchEnd(&state->ahead, state->next,
									   (int) Min(wanted, items->count), ANNOY_LOOK_BATCH);

	end = Min(items->count, end);
	for (int i = state->ahead.next; i < end; i++)
		AnnoyItemPrefetch(&state->reader, &items->candidates[i].pointer);
	state->ahead.next = Max(state->ahead.next, end);
	/* with conditions, it is not known yet which rows will be read */
	if (state->source != NULL && !state->task.tests && AnnoyRowsAreCold())
		prefetch_rows(state, (int) Min(wanted, items->count));
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
		/* items met before do not count as one of these */
		if (unlikely(state->next >= state->ahead.next))
			prefetch_items(state);
		pointers[n] = items->candidates[state->next++].pointer;
		if (!AnnoyScanSee(state, &pointers[n]))
		{
			buffers[n] = AnnoyItemPin(&state->reader, &pointers[n]);
			n++;
		}
	}
	prefetch_items(state);
	if (state->task.tests)
	{
		int			passing = 0;

		for (int i = 0; i < n; i++)
			AnnoyFilterPrefetch(state->filter, buffers[i], &pointers[i]);
		for (int i = 0; i < n; i++)
		{
			if (AnnoyFilterItem(state->filter, buffers[i], &pointers[i]))
			{
				pointers[passing] = pointers[i];
				buffers[passing++] = buffers[i];
			}
			else
				ReleaseBuffer(buffers[i]);
		}
		n = passing;
	}
	AnnoyScanAddItems(state, pointers, buffers, n);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(stats->reranking, end, start);
}

/* Begin another round. */
static void
begin_round(AnnoyScanState *state)
{
	AnnoySearch *search = state->search;

	AnnoySearchForest(search, &state->round);
	state->scanned += search->scanned - search->scanned_before;
	if (state->task.tests)
	{
		state->filter->sifted += search->sifted - search->sifted_before;
		state->filter->sieve_passed += search->sieve_passed - search->passed_before;
	}

	/*
	 * an average says less than what it was for a query that is like the
	 * rows; rounds to come take more for one that is not.  It has been a round
	 * even if all leaves were empty.
	 */
	if (state->round.done == INFINITY)
		state->round.effort = Max(state->round.effort, search->scanned / search->unlike);
	else if (state->round.done > 0)
		state->round.effort = Max(search->scanned / search->unlike, 1);
	state->next = 0;
	memset(&state->ahead, 0, sizeof(state->ahead));
	state->rows_prefetched = 0;
	prefetch_items(state);
}

/*
 * Has a row no distance?  Such rows come when all others have.
 */
static inline bool
has_no_distance(const AnnoyScanState *state, const AnnoyRow *row)
{
	return state->search->index->zeros_last && row->distance == INFINITY;
}

/*
 * Have the table's pages read that are about to be wanted, if they have to be read:
 * those of rows at the top of the heap, which come next unless nearer ones are found; as
 * many as the LIMIT has.
 */
static void
prefetch_table(IndexScanDesc scan, AnnoyScanState *state)
{
	AnnoyRows  *rows = &state->rows;
	double		wanted = Max(state->task.demand.limit, state->returned + USUAL_ROWS);
	int			ahead = (int) Min(Min(wanted - state->returned, MOST_ROWS_AHEAD), rows->count);

	/* vectors in the table have been read from there */
	if (state->source != NULL || !AnnoyRowsAreCold())
		return;
	for (int i = 0; i < ahead; i++)
	{
		AnnoyRow   *row = &rows->rows[i];

		if (!row->prefetched && row->kind == ANNOY_ROW_IN_ORDER)
			AnnoyPrefetchRow(scan->heapRelation, &row->tid);
		row->prefetched = true;
	}
}

/*
 * Will no row be nearer than one with that distance, as far as the search can tell?
 * Not if there may be one as near, where vectors are rounded: these may all be zero.
 */
static inline bool
is_next(const AnnoyScanState *state, double distance)
{
	double		bound = score_bound(state);
	double		score;

	if (!isfinite(bound))
		return bound > 0;
	score = AnnoySearchScore(state->search, distance);
	return state->slack > 0 ? score < bound : score <= bound;
}

/*
 * Settle rows until the nearest is settled, or none may be the next one.
 */
static void
settle_nearest(IndexScanDesc scan, AnnoyScanState *state)
{
	AnnoyRows  *rows = &state->rows;

	while (rows->count > 0 && rows->rows[0].is_bound && is_next(state, rows->rows[0].distance))
	{
		AnnoyRow	row;

		prefetch_table(scan, state);
		(void) AnnoyRowsNext(rows, &row);
		if (AnnoySettleRow(state, &row))
			AnnoyRowsPutBack(rows, &row);
	}
}

/*
 * What the scan has come to, as far as it matters for what it does next.
 */
static void
note_progress(const AnnoyScanState *state, AnnoyScanProgress *progress)
{
	const AnnoySearch *search = state->search;
	const AnnoyRow *nearest = state->rows.count > 0 ? &state->rows.rows[0] : NULL;

	progress->returned = state->returned;
	progress->dead = state->dead;
	if (state->unseen > 0 && state->visible > 0)
	{
		/* that part would have been returned, had it not been noticed here */
		double		unseen = state->returned * state->unseen / state->visible;

		progress->returned += unseen;
		progress->dead += unseen;
	}
	if (state->task.tests)
	{
		progress->tested = state->filter->tested;
		progress->sifted = AnnoyFilterSieveRate(state->filter);
		progress->passing = progress->sifted * AnnoyFilterRate(state->filter);
		progress->guesses = state->filter->guesses && state->round.effort == 0;
	}

	/*
	 * scores are those of stored vectors; if these are rounded, rows may be
	 * nearer than they by as much as others have been
	 */
	progress->row_is_next = nearest != NULL && nearest->kind == ANNOY_ROW_IN_ORDER &&
		!nearest->is_bound && is_next(state, nearest->distance + state->slack) &&
		(search->ended == ANNOY_END_EVERYTHING || state->zero_query ||
		 !has_no_distance(state, nearest));
	progress->candidates_left = state->next < search->items.count;
	progress->kept_all = search->items.limit == INFINITY;
	progress->complete = search->ended == ANNOY_END_EVERYTHING;
	progress->scanned = search->scanned;
	progress->memory = AnnoyWorkspaceMemory(state->context);
	progress->memory_limit = Max(work_mem, MIN_SCAN_MEMORY) * (Size) 1024;
}

/*
 * Find the next row.  Returns false if there is none.
 */
static bool
next_row(IndexScanDesc scan, AnnoyScanState *state, AnnoyRow *row)
{
	Relation	rel = scan->indexRelation;

	while (!state->drained)
	{
		AnnoyScanProgress progress = {0};
		AnnoyRound	last;

		CHECK_FOR_INTERRUPTS();

		if (state->settler != NULL)
			settle_nearest(scan, state);
		AnnoyMergeDoubt(state);
		last = state->round;
		note_progress(state, &progress);
		switch (AnnoyNextStep(&state->task, &last, &progress, &state->round))
		{
			case ANNOY_STEP_RETURN:
				return AnnoyRowsNext(&state->rows, row);
			case ANNOY_STEP_LOOK:
				look_at_next(state);
				break;
			case ANNOY_STEP_ROUND:
				begin_round(state);
				break;
			case ANNOY_STEP_DRAIN:
				AnnoyDrain(rel, state, state->search->index);
				break;
		}
	}
	while (AnnoyNextDrained(rel, state, row))
	{
		if (!row->is_bound)
			return true;
		if (AnnoySettleRow(state, row))
			AnnoyRowsPutBack(&state->rows, row);
	}
	return false;
}

/*
 * The same, within the radius if there is one.  Who asks for as many rows as that are
 * has them searched for as hard as for that many.
 */
static bool
next_row_within(IndexScanDesc scan, AnnoyScanState *state, AnnoyRow *row)
{
	if (!state->ends)
		return next_row(scan, state, row);
	if (!state->ended)
	{
		if (!next_row(scan, state, row))
			return false;
		if (row->kind != ANNOY_ROW_NULL && row->distance <= state->radius &&
			!has_no_distance(state, row))
			return true;
		state->ended = true;
	}

	/* what is nearer now was found late */
	while (state->has_late && AnnoyRowsNext(&state->rows, row))
	{
		if (row->kind == ANNOY_ROW_LATE && row->distance <= state->radius)
			return true;
	}
	return false;
}

/* Are two vectors the same numbers? */
bool
AnnoySameVector(const AnnoyVector *x, const AnnoyVector *y)
{
	if (x->dim != y->dim)
		return false;
	for (int i = 0; i < x->dim; i++)
	{
		if (AnnoyVectorComponent(x, i) != AnnoyVectorComponent(y, i))
			return false;
	}
	return true;
}

/*
 * Read the conditions that the vector is within a distance of some query.  If this is
 * the scan's query, the scan ends there; one without an order takes the first.  What
 * else there is the executor tests.  Returns false if nothing can be within.
 */
static bool
read_conditions(IndexScanDesc scan, AnnoyVector *query)
{
	AnnoyScanState *state = scan->opaque;
	Relation	rel = scan->indexRelation;
	AnnoyMetric metric = AnnoyIndexMetric(rel);

	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey		key = &scan->keyData[i];
		AnnoyWithin within;

		if (!AnnoyKeyIsWithin(key))
			continue;
		if ((key->sk_flags & SK_ISNULL) != 0)
			return false;
		/* within one or another: there may be more beyond */
		if ((key->sk_flags & SK_SEARCHARRAY) != 0)
		{
			state->retest = true;
			continue;
		}
		if (!AnnoyReadWithin(rel->rd_opcintype[0], AnnoyIndexLayout(rel),
							 key->sk_argument, &within))
			return false;
		if (metric == ANNOY_HAMMING)
			within.query = AnnoyConvertVector(&within.query, ANNOY_BIT);
		if (scan->numberOfOrderBys == 0 && query->data == NULL &&
			within.metric == metric)
			*query = within.query;
		if (query->data == NULL || within.metric != metric ||
			!AnnoySameVector(query, &within.query))
			state->retest = true;
		else
		{
			state->radius = state->ends ? Min(state->radius, within.radius) : within.radius;
			state->ends = true;
		}
	}
	return true;
}

/*
 * Read the query of the scan, and what it is to be within.  Returns false if nothing
 * can be within that.
 */
static bool
read_query(IndexScanDesc scan)
{
	AnnoyScanState *state = scan->opaque;
	Relation	rel = scan->indexRelation;
	ScanKey		key = scan->numberOfOrderBys > 0 ? &scan->orderByData[0] : NULL;
	AnnoyVector query = {0};
	bool		possible;

	if (key != NULL && (key->sk_flags & SK_ISNULL) == 0)
	{
		query = AnnoyReadColumn(rel, key->sk_argument);
		if (AnnoyIndexMetric(rel) == ANNOY_HAMMING)
			query = AnnoyConvertVector(&query, ANNOY_BIT);
	}
	possible = read_conditions(scan, &query);
	if (query.data != NULL)
		query = AnnoyCopyVector(&query);
	state->query = query;
	return possible;
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
	bool		possible = read_query(scan);
	AnnoyVector query = state->query;
	const AnnoyIndex *index;

	state->strict = annoy_strict_order && !state->choice.relaxed &&
		scan->numberOfOrderBys > 0;
	state->last_distance = -INFINITY;

	/* while the metapage is read */
	AnnoyPrefetchBuffer(rel, ANNOY_FIRST_ROOT_BLKNO);
	index = AnnoyOpen(rel);
	if (query.data != NULL)
		AnnoyCheckDimensions(rel, index, &query);

	if (!possible)
	{
		state->drained = true;
		return;
	}

	state->filter = AnnoyFilterMake(scan, index);
	/* who wants all rows within the radius does not want all rows */
	if (state->ends)
		state->task.demand.everything = false;
	if (state->ends || state->retest)
		state->retest |= index->dtype != ANNOY_BIT && index->dtype != AnnoyColumnDtype(rel);
	state->task.tests = state->filter != NULL && state->filter->n_keys > 0;
	if (state->task.tests)
	{
		state->task.walk_cost = state->filter->walk_cost;
		state->task.walk_sift_cost = state->filter->walk_sift_cost;
	}
	if (index->dim > 0)
	{
		/* the rows of items that are looked at together are read together */
		AnnoyItemReaderInit(&state->reader, rel, index, NULL, NULL);
		state->reader.tests_first = state->task.tests;
		if (query.data != NULL)
			state->source = AnnoySourceOpen(rel, index, scan->xs_snapshot);
	}
	if (query.data != NULL && index->dtype == ANNOY_INT8)
	{
		state->settler = AnnoySourceOpenTable(rel, index, scan->xs_snapshot);
		state->query_norm = AnnoyVectorNorm(&query);
	}

	if (query.data == NULL || index->dim == 0 ||
		(state->filter != NULL && !state->filter->vectors))
		AnnoyDrain(rel, state, index);
	else
	{
		AnnoyChooseEfforts(rel, index, RelationGetNumberOfBlocks(rel),
						   state->choice.search_k, &state->task.efforts);
		state->task.metric = index->metric;
		state->task.n_entries = index->n_entries;
		state->search = AnnoySearchInit(rel, index, &query, annoy_epsilon);
		state->zero_query = index->zeros_last && AnnoyIsZero(&query);
		state->seen = seen_create(state->context, 512, NULL);
		AnnoyMergeLearn(scan);
		if (state->task.tests && !AnnoyTaskIsForAll(&state->task))
		{
			AnnoyFilterSample(state->filter);
			if (state->filter->sieve.n > 0)
				AnnoySearchSetSieve(state->search, &state->filter->sieve);
		}
	}
}

IndexScanDesc
annoybeginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(rel, nkeys, norderbys);
	AnnoyScanState *state = palloc0(sizeof(AnnoyScanState));

	state->choice.search_k = -1;
	state->past = palloc0(sizeof(AnnoyScanReport));
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

/* Give up what a search holds, and forget it. */
static void
end_search(AnnoyScanState *state)
{
	AnnoyScanChoice choice = state->choice;
	AnnoyScanReport *past = state->past;

	if (state->started)
		AnnoyNoteSearch(state);
	AnnoyRowsEndSort(&state->rows);
	AnnoySourceClose(state->source);
	AnnoySourceClose(state->settler);
	if (state->context != NULL)
		AnnoyWorkspaceGiveBack(state->context);
	memset(state, 0, sizeof(AnnoyScanState));
	state->choice = choice;
	state->past = past;
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
	if (scan->numberOfOrderBys > 0)
		state->task.demand = AnnoyAskExecutor(orderbys);
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys,
				scan->numberOfOrderBys * sizeof(ScanKeyData));
}

/*
 * Raise an error if a scan cannot be done.  The planner asks for no such thing,
 * see annoycostestimate; other code may.
 */
static void
check_scan(IndexScanDesc scan)
{
	const char *name = RelationGetRelationName(scan->indexRelation);
	bool		has_query = scan->numberOfOrderBys == 1;

	for (int i = 0; i < scan->numberOfKeys && scan->numberOfOrderBys == 0; i++)
		has_query |= AnnoyKeyIsWithin(&scan->keyData[i]);
	if (!has_query)
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
	MemoryContext old_context;
	AnnoyRow	row;
	bool		found;
	int64		hits_before;
	int64		reads_before;
	int64		hits;
	int64		reads;

	Assert(ScanDirectionIsForward(dir));

	if (state->context == NULL)
		state->context = AnnoyWorkspaceTake(GetMemoryChunkContext(state));
	old_context = MemoryContextSwitchTo(state->context);
	count_blocks(&hits_before, &reads_before);
	if (!state->started)
	{
		check_scan(scan);
		AnnoyCountScan(scan);
		start_search(scan);
		state->started = true;
	}

	if (scan->kill_prior_tuple)
		state->dead++;
	/* mostly the table is what has been read since */
	if (state->returned > 0 && state->source == NULL && state->settler == NULL)
		AnnoyNoteRows(1, reads_before > state->reads_returned);

	found = next_row_within(scan, state, &row);
	if (state->settler != NULL)
		AnnoySourcePause(state->settler);
	MemoryContextSwitchTo(old_context);
	count_blocks(&hits, &reads);
	state->hits += hits - hits_before;
	state->reads += reads - reads_before;
	if (!found)
		return false;
	AnnoyCheckRow(scan->indexRelation, scan->heapRelation, &row.tid);
	state->reads_returned = reads;
	/* if the index was not in shared buffers, the table is not, most likely */
	if (state->returned == 0 && state->reads > 0)
		AnnoyNoteRows(1, true);
	prefetch_table(scan, state);
	state->returned++;
	if (row.kind == ANNOY_ROW_IN_ORDER)
		state->last_distance = row.distance;
	scan->xs_heaptid = row.tid;
	scan->xs_recheck = state->recheck || state->retest;
	distance.value = row.distance;
	if (state->search != NULL && has_no_distance(state, &row))
		distance.value = get_float8_nan();
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
	pfree(state->past);
	pfree(state);
}
