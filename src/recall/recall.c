/*-------------------------------------------------------------------------
 *
 * recall.c
 *	  Functions about recall: annoy_recall() measures that of an index,
 *	  annoy_calibrate() renews the curve from which searches choose their
 *	  effort, and annoy_recall_curve() shows it.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/recall.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "annoy.h"
#include "recall/exact.h"
#include "recall/recall.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* The most that annoy_recall takes. */
#define MAX_ROWS			10000
#define MAX_QUERIES			10000

/*
 * A query: a row of the table, or one of the user's.
 */
typedef struct RecallQuery
{
	ItemPointerData item_tid;	/* invalid if it is the user's */
	ItemPointerData tid;		/* of the version that is visible; or where
								 * the user's is, if that is known */

	/* what came of it */
	double		wanted;
	double		found;
	double		entries;
	double		milliseconds;
} RecallQuery;

typedef struct RecallState
{
	Relation	heap;
	Relation	rel;
	const AnnoyIndex *index;
	Snapshot	snapshot;
	int			rows;			/* k */
	int			search_k;		/* -1 = as set for session or index */
	RecallQuery *queries;
	AnnoyAsked *asked;			/* the same ones */
	int			nqueries;

	/* if stored vectors are rounded: to compute distances from the table's */
	bool		rounded;
	IndexInfo  *info;
	EState	   *estate;
	MemoryContext row_context;

	/* sums over all queries */
	RecallQuery sum;
} RecallState;

/*
 * Does the snapshot see the row of an item?  If so, *tid becomes that of the
 * visible version.
 */
static bool
row_visible(const RecallState *state, ItemPointer tid)
{
	return table_index_fetch_tuple_check(state->heap, tid, state->snapshot, NULL);
}

/*
 * Take rows as queries.
 */
static void
choose_queries(RecallState *state, int wanted)
{
	AnnoySample *sample = AnnoySampleItems(state->rel, state->index,
										   state->index->seed + 3, wanted,
										   false);

	state->queries = palloc0(sizeof(RecallQuery) * Max(sample->count, 1));
	state->asked = palloc0(sizeof(AnnoyAsked) * Max(sample->count, 1));
	for (int i = 0; i < sample->count; i++)
	{
		RecallQuery *query = &state->queries[state->nqueries];
		AnnoyAsked *asked = &state->asked[state->nqueries];

		query->item_tid = sample->items[i].tid;
		query->tid = query->item_tid;
		AnnoyCheckRow(state->rel, state->heap, &query->tid);
		if (!row_visible(state, &query->tid))
			continue;
		(void) AnnoyItemAsQuery(state->rel, state->index, &sample->items[i].pointer,
								&sample->items[i].vector);
		asked->vector = sample->items[i].vector;
		asked->self = sample->items[i].pointer;
		AnnoyDistancesInit(&asked->nearest, state->rows);
		state->nqueries++;
	}
}

/* AnnoyItemCounts callback: is it the item of a row that the snapshot sees? */
static bool
item_visible(const AnnoyItem *item, void *arg)
{
	RecallState *state = arg;
	ItemPointerData tid = item->tid;

	AnnoyCheckRow(state->rel, state->heap, &tid);
	return row_visible(state, &tid);
}

/*
 * Does the index store less than the column has?  If it stores no vectors, it does.
 */
static bool
is_rounded(Relation rel, const AnnoyIndex *index)
{
	if (index->in_table || index->dtype == ANNOY_INT8)
		return true;
	switch (AnnoyColumnDtype(rel))
	{
		case ANNOY_FLOAT64:
			return index->dtype == ANNOY_FLOAT32 || index->dtype == ANNOY_FLOAT16;
		case ANNOY_FLOAT32:
			return index->dtype == ANNOY_FLOAT16;
		default:
			return false;
	}
}

/*
 * Read a vector of the table, as it is compared with queries.
 */
static AnnoyVector
read_vector(const RecallState *state, Datum value)
{
	AnnoyVector vec = AnnoyReadColumn(state->rel, value);

	return state->index->metric == ANNOY_HAMMING ? AnnoyConvertVector(&vec, ANNOY_BIT) : vec;
}

/*
 * Take queries of the user's, as values of the column: that is what an operator compares.
 */
static void
take_queries(RecallState *state, const AnnoyVector *vectors, const ItemPointerData *tids, int n)
{
	state->queries = palloc0(sizeof(RecallQuery) * n);
	state->asked = palloc0(sizeof(AnnoyAsked) * n);
	for (int i = 0; i < n; i++)
	{
		state->queries[i].tid = tids[i];
		state->asked[i].vector = read_vector(state, AnnoyMakeColumn(state->rel, &vectors[i]));
		AnnoyDistancesInit(&state->asked[i].nearest, state->rows);
	}
	state->nqueries = n;
}

/*
 * Callback of the scan of the table: compare a row with all queries.
 */
static void
compare_row(Relation rel pg_attribute_unused(), ItemPointer tid, Datum *values, bool *isnull,
			bool alive pg_attribute_unused(), void *arg)
{
	RecallState *state = arg;
	MemoryContext old_context;
	AnnoyVector vec;

	CHECK_FOR_INTERRUPTS();

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(state->row_context);
	vec = read_vector(state, values[0]);
	AnnoyCheckDimensions(state->rel, state->index, &vec);
	for (int i = 0; i < state->nqueries; i++)
	{
		AnnoyAsked *asked = &state->asked[i];
		ItemPointer self = &state->queries[i].item_tid;

		if (!ItemPointerIsValid(self) || !ItemPointerEquals(tid, self))
			AnnoyDistancesAdd(&asked->nearest,
							  AnnoyItemDistance(state->index, &vec, &asked->vector));
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
}

/*
 * Find the exact answers.  They are those that a sequential scan would give: if
 * the index has rounded vectors, they come from the table.
 */
static void
find_answers(RecallState *state)
{
	TableScanDesc scan;

	if (!state->rounded)
	{
		AnnoyFindAnswers(state->rel, state->index, state->asked, state->nqueries,
						 item_visible, state);
		return;
	}

	/* as in CREATE INDEX CONCURRENTLY: what a snapshot sees */
	state->info->ii_Concurrent = true;
	scan = AnnoyBeginTableScan(state->heap, state->snapshot);
	(void) table_index_build_scan(state->heap, state->rel, state->info, true, false,
								  compare_row, state, scan);
}

/*
 * The distance of a row of the table from a query.
 */
static double
row_distance(RecallState *state, const AnnoyVector *query, ItemPointer tid,
			 TupleTableSlot *slot)
{
	MemoryContext old_context = MemoryContextSwitchTo(state->row_context);
	double		distance = INFINITY;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	if (!table_tuple_fetch_row_version(state->heap, tid, state->snapshot, slot))
		elog(ERROR, "could not fetch a row that was found before");
	GetPerTupleExprContext(state->estate)->ecxt_scantuple = slot;
	FormIndexDatum(state->info, slot, state->estate, values, isnull);
	if (!isnull[0])
	{
		AnnoyVector vec = read_vector(state, values[0]);

		distance = AnnoyItemDistance(state->index, &vec, query);
	}
	ResetPerTupleExprContext(state->estate);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
	return distance;
}

/*
 * Ask the index, and count what it finds within the distance of the last of the
 * exact answers.
 */
static void
search_queries(RecallState *state, const AnnoyAccess *access)
{
	AnnoyNearest search;
	TupleTableSlot *slot = table_slot_create(state->heap, NULL);
	ItemPointerData *found = palloc(sizeof(ItemPointerData) * state->rows);

	AnnoyBeginNearest(&search, access, state->search_k);
	for (int i = 0; i < state->nqueries; i++)
	{
		const AnnoyAsked *asked = &state->asked[i];
		RecallQuery *result = &state->queries[i];
		bool		is_row = ItemPointerIsValid(&result->item_tid);
		double		cutoff = asked->nearest.count > 0 ? asked->nearest.heap[0] : 0;
		Datum		query = AnnoyMakeColumn(state->rel, &asked->vector);
		ItemPointerData tid;
		double		distance;
		instr_time	start;
		instr_time	end;
		int			seen = 0;

		INSTR_TIME_SET_CURRENT(start);
		AnnoyAskNearest(&search, query);
		while (seen < asked->nearest.count && AnnoyNextNearest(&search, &distance, &tid))
		{
			if (is_row && ItemPointerEquals(&tid, &result->tid))
				continue;
			found[seen++] = tid;
			/* rows without a distance are infinitely far away */
			if (!state->rounded && (distance <= cutoff || cutoff == INFINITY))
				result->found++;
		}
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, start);
		result->milliseconds = INSTR_TIME_GET_MILLISEC(end);
		result->entries = AnnoyScanEntries(search.scan);
		result->wanted = asked->nearest.count;
		for (int j = 0; state->rounded && j < seen; j++)
			result->found += row_distance(state, &asked->vector, &found[j], slot) <= cutoff;
		state->sum.wanted += result->wanted;
		state->sum.found += result->found;
		state->sum.entries += result->entries;
		state->sum.milliseconds += result->milliseconds;
		pfree(DatumGetPointer(query));
	}
	AnnoyEndNearest(&search);
	ExecDropSingleTupleTableSlot(slot);
	pfree(found);
}

/*
 * Measure the recall of the queries that have been taken.
 */
static void
measure(RecallState *state, const AnnoyAccess *access)
{
	state->rounded = is_rounded(state->rel, state->index);
	state->info = BuildIndexInfo(state->rel);
	state->estate = CreateExecutorState();
	state->row_context = AllocSetContextCreate(CurrentMemoryContext, "annoy recall row",
											   ALLOCSET_DEFAULT_SIZES);
	find_answers(state);
	search_queries(state, access);
	MemoryContextDelete(state->row_context);
	FreeExecutorState(state->estate);
}

static void
check_argument(const char *name, int value, int most)
{
	if (value < 1 || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d", name, most)));
}

/*
 * Does a text say how many rows are to be asked, and not which relation has the queries?
 * So do numbers of clients that do not tell types.  No relation has such a name, but in
 * quotes.
 */
static bool
is_number(const char *text, int *number)
{
	char	   *end;
	long		value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0')
		return false;
	*number = errno == 0 && value >= 0 && value <= PG_INT32_MAX ? (int) value : 0;
	return true;
}

/*
 * Ask an index, and compare what it finds with the exact answers.  The arguments are
 * the index, k, queries, and search_k.  If the queries are text, they are in the relation
 * of that name; otherwise so many rows of the table are asked, each without itself.
 *
 * The result is in the current memory context.
 */
static void
ask_queries(FunctionCallInfo fcinfo, bool text_queries, bool returns_rows, RecallState *state)
{
	Oid			oid = PG_GETARG_OID(0);
	AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess reading;		/* the user's queries, as the user */
	AnnoyAccess asking;			/* as the table's owner */
	const char *relation = NULL;
	AnnoyVector *vectors = NULL;
	ItemPointerData *tids = NULL;
	int			queries = 0;
	int			dim;

	memset(state, 0, sizeof(RecallState));
	state->rows = PG_GETARG_INT32(1);
	state->search_k = PG_GETARG_INT32(3);
	check_argument("k", state->rows, MAX_ROWS);
	if (text_queries)
		relation = text_to_cstring(PG_GETARG_TEXT_PP(2));
	else
		queries = PG_GETARG_INT32(2);
	if (relation != NULL && is_number(relation, &queries))
		relation = NULL;
	if (relation == NULL)
		check_argument("queries", queries, MAX_QUERIES);
	if (state->search_k != -1)
		check_argument("search_k", state->search_k, PG_INT32_MAX);

	if (relation != NULL)
	{
		Oid			table = DatumGetObjectId(OidInputFunctionCall(F_REGCLASSIN,
																  unconstify(char *, relation),
																  InvalidOid, -1));

		AnnoyOpenIndex(oid, &request, &reading);
		vectors = palloc(sizeof(AnnoyVector) * ANNOY_MOST_ASKED);
		tids = palloc(sizeof(ItemPointerData) * ANNOY_MOST_ASKED);
		queries = AnnoyReadQueries(reading.rel, reading.index, table, vectors,
								   returns_rows ? tids : NULL);
		for (int i = 0; !returns_rows && i < queries; i++)
			ItemPointerSetInvalid(&tids[i]);
	}
	request.snapshot = ANNOY_STATEMENT_SNAPSHOT;
	request.returns_rows = returns_rows && relation == NULL;
	AnnoyOpenIndex(oid, &request, &asking);
	state->heap = asking.heap;
	state->rel = asking.rel;
	state->index = asking.index;
	state->snapshot = asking.snapshot;

	/*
	 * the user's queries have the dimensions that the index had when they
	 * were read
	 */
	dim = relation != NULL ? reading.index->dim : state->index->dim;
	if (dim > 0)
	{
		if (relation != NULL)
			take_queries(state, vectors, tids, queries);
		else
			choose_queries(state, queries);
		measure(state, &asking);
	}
	AnnoyCloseIndex(&asking);
	if (relation != NULL)
		AnnoyCloseIndex(&reading);
}

/* What annoy_recall() returns. */
static Datum
recall_of_queries(FunctionCallInfo fcinfo, bool text_queries)
{
	RecallState state;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	ask_queries(fcinfo, text_queries, false, &state);
	nulls[0] = state.sum.wanted == 0;
	values[0] = Float8GetDatum(state.sum.wanted == 0 ? 0 : state.sum.found / state.sum.wanted);
	nulls[1] = nulls[2] = state.nqueries == 0;
	values[1] = Float8GetDatum(state.sum.milliseconds / Max(state.nqueries, 1));
	values[2] = Float8GetDatum(state.sum.entries / Max(state.nqueries, 1));
	values[3] = Int32GetDatum(state.nqueries);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* What annoy_recall_queries() returns: a row for each query. */
static Datum
recall_of_each(FunctionCallInfo fcinfo, bool text_queries)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	RecallState state;

	AnnoyInitSet(fcinfo);
	ask_queries(fcinfo, text_queries, true, &state);
	for (int i = 0; i < state.nqueries; i++)
	{
		RecallQuery *query = &state.queries[i];
		Datum		values[4];
		bool		nulls[4] = {0};

		nulls[0] = !ItemPointerIsValid(&query->tid);
		values[0] = PointerGetDatum(&query->tid);
		nulls[1] = query->wanted == 0;
		values[1] = Float8GetDatum(query->wanted == 0 ? 0 : query->found / query->wanted);
		values[2] = Float8GetDatum(query->milliseconds);
		values[3] = Float8GetDatum(query->entries);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The functions, for numbers of rows, and for queries of the user's. */

PG_FUNCTION_INFO_V1(annoy_recall);
PG_FUNCTION_INFO_V1(annoy_recall_table);
PG_FUNCTION_INFO_V1(annoy_recall_queries);
PG_FUNCTION_INFO_V1(annoy_recall_queries_table);

Datum
annoy_recall(PG_FUNCTION_ARGS)
{
	return recall_of_queries(fcinfo, false);
}

Datum
annoy_recall_table(PG_FUNCTION_ARGS)
{
	return recall_of_queries(fcinfo, true);
}

Datum
annoy_recall_queries(PG_FUNCTION_ARGS)
{
	return recall_of_each(fcinfo, false);
}

Datum
annoy_recall_queries_table(PG_FUNCTION_ARGS)
{
	return recall_of_each(fcinfo, true);
}

/*
 * Tell why there is no new curve, if so.
 */
static void
report_calibration(Relation rel, const AnnoyCalibration *calibration)
{
	const char *name = RelationGetRelationName(rel);

	switch (calibration->result)
	{
		case ANNOY_CURVE_MEASURED:
			break;
		case ANNOY_CURVE_TOO_SMALL:
			if (annoy_verbose > -1)
				ereport(NOTICE,
						(errmsg("index \"%s\" is too small for a recall curve", name),
						 errdetail("It has %.0f vectors; with fewer than %d, a search looks at all of them.",
								   calibration->vectors, ANNOY_CURVE_MIN_ITEMS)));
			break;
		case ANNOY_CURVE_NO_ANSWERS:
			if (annoy_verbose > -1)
				ereport(NOTICE,
						(errmsg("recall of index \"%s\" could not be measured", name),
						 errdetail("No query has a nearest row, at a finite distance.")));
			break;
		case ANNOY_CURVE_DOUBTFUL:
			AnnoyWarnOfDoubt(rel, calibration,
							 calibration->queries == NULL ? "Please REINDEX it." :
							 "The curve is as before. Queries unlike the rows may take a higher annoy.search_k; "
							 "annoy_calibrate() without queries tells whether a REINDEX does.");
			break;
	}
}

PG_FUNCTION_INFO_V1(annoy_calibrate);

/*
 * Measures the recall curve anew.  Returns the number of queries that it comes
 * from, which is 0 if there is none.  A user's queries of which nothing can be
 * learned are no reason to forget what has been.
 */
Datum
annoy_calibrate(PG_FUNCTION_ARGS)
{
	/* does not conflict with reading, writing, or VACUUM, but with itself */
	static const AnnoyRequest request = {
		.right = ANNOY_MAY_MAINTAIN,
		.changes = "annoy_calibrate()",
		.lock = ShareUpdateExclusiveLock,
	};
	AnnoyAccess access;
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyCalibration calibration = {.try_searches = true};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	rel = access.rel;
	index = access.index;
	if (!PG_ARGISNULL(1))
	{
		AnnoyVector *queries = palloc(sizeof(AnnoyVector) * ANNOY_MOST_ASKED);

		calibration.nqueries = AnnoyReadQueries(rel, index, PG_GETARG_OID(1), queries, NULL);
		calibration.queries = queries;
	}
	/* vectors may come from an expression; the user's queries have been read */
	AnnoyBecomeOwner(&access);
	if (index->dim > 0)
		calibration.vectors = AnnoyCountVectors(rel, index);
	AnnoyCalibrate(rel, &calibration);
	report_calibration(rel, &calibration);
	if (calibration.curve.points > 0 || calibration.queries == NULL ||
		calibration.result == ANNOY_CURVE_TOO_SMALL)
		AnnoyStoreCurve(rel, &calibration.curve);
	AnnoyCloseIndex(&access);

	/* a transaction without an ID is not flushed otherwise */
	ForceSyncCommit();
	PG_RETURN_INT32(calibration.curve.queries[0]);
}

PG_FUNCTION_INFO_V1(annoy_recall_curve);

/*
 * The points of the recall curve.
 */
Datum
annoy_recall_curve(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	AnnoyCurve *curve;
	uint64		n;

	if (SRF_IS_FIRSTCALL())
	{
		static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
		AnnoyAccess access;
		MemoryContext old_context;

		context = SRF_FIRSTCALL_INIT();
		old_context = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &context->tuple_desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context->tuple_desc = BlessTupleDesc(context->tuple_desc);
		AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
		curve = palloc(sizeof(AnnoyCurve));
		*curve = access.index->curve;
		context->user_fctx = curve;
		for (int rank = 0; rank < ANNOY_CURVE_RANKS; rank++)
			context->max_calls += curve->queries[rank] > 0 ? curve->points : 0;
		MemoryContextSwitchTo(old_context);
		AnnoyCloseIndex(&access);
	}

	context = SRF_PERCALL_SETUP();
	curve = context->user_fctx;
	n = context->call_cntr;
	if (n < context->max_calls)
	{
		int			rank = n / curve->points;
		int			point = n % curve->points;
		Datum		values[4];
		bool		nulls[4] = {0};

		values[0] = Int32GetDatum(AnnoyCurveRows(rank));
		values[1] = Int32GetDatum((int32) Min(curve->effort[point], 2147483520.0f));
		values[2] = Float8GetDatum(curve->recall[rank][point]);
		values[3] = Int32GetDatum((int32) curve->queries[rank]);
		SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc,
																   values, nulls)));
	}
	SRF_RETURN_DONE(context);
}
