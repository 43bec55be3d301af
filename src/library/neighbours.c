/*-------------------------------------------------------------------------
 *
 * neighbours.c
 *	  The functions that do what Annoy's methods of nearly the same names do:
 *	  annoy_get_nns_by_vector() and annoy_get_nns_by_item() search an index,
 *	  annoy_get_item() and annoy_get_distance() look at its rows.  And
 *	  annoy_search_radius(), which Annoy does not have.
 *
 * Where Annoy has numbers of items, these have the rows' TIDs.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/neighbours.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "type/type.h"

/* Rows that a search returns, for the planner, if n is not a constant. */
#define TYPICAL_ROWS	10

/* How the query of a search is given. */
typedef enum QueryForm
{
	QUERY_ARRAY,
	QUERY_BITS,
	QUERY_TEXT,					/* a value of the indexed column */
} QueryForm;

/* What a call of one of the search functions asks for. */
typedef struct NearestCall
{
	AnnoyAccess access;
	int64		n;				/* so many rows at most ... */
	double		radius;			/* ... within this distance, the operator's */
	bool		native;			/* return Annoy's distances */
	int			search_k;		/* -1 = as set for session or index */
} NearestCall;

static void
check_positive(const char *name, int value)
{
	if (value < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d", name, PG_INT32_MAX)));
}

/*
 * Read the arguments that all searches have, and open the index.  Returns false
 * if the result is empty because an argument is NULL.
 */
static bool
begin_call(FunctionCallInfo fcinfo, NearestCall *call)
{
	call->search_k = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT32(3);
	if (call->search_k != -1)
		check_positive("search_k", call->search_k);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	AnnoyOpenForRows(PG_GETARG_OID(0), &call->access);
	return true;
}

/*
 * Begin a call for a number of rows.
 */
static bool
begin_nearest(FunctionCallInfo fcinfo, NearestCall *call)
{
	int			n = PG_ARGISNULL(2) ? annoy_n_neighbors : PG_GETARG_INT32(2);

	AnnoyInitSet(fcinfo);
	check_positive("n", n);
	call->n = n;
	call->radius = INFINITY;
	call->native = true;
	return begin_call(fcinfo, call);
}

/*
 * Begin a call for the rows within a distance.
 */
static bool
begin_radius(FunctionCallInfo fcinfo, NearestCall *call)
{
	AnnoyInitSet(fcinfo);
	if (PG_ARGISNULL(2))
		return false;
	call->n = PG_INT64_MAX;
	call->radius = PG_GETARG_FLOAT8(2);
	call->native = false;
	if (isnan(call->radius))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("radius must not be NaN")));
	return begin_call(fcinfo, call);
}

/*
 * Sort the rows that a search finds, those that it finds late included.
 *
 * When it returns a row beyond the radius, it has searched as hard as it takes
 * to find that many rows, and has returned all that are nearer: going on would
 * find no more of them than a higher recall does.
 */
static Tuplesortstate *
sort_nearest(const NearestCall *call, Datum query, TupleTableSlot *row)
{
	AttrNumber	attributes[] = {1, 2};
	Oid			operators[] = {Float8LessOperator, TIDLessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	Tuplesortstate *sort;
	AnnoyNearest nearest;
	double		distance;
	ItemPointerData tid;

	sort = tuplesort_begin_heap(row->tts_tupleDescriptor, 2, attributes, operators,
								collations, nulls_first, work_mem, NULL,
								ANNOY_TUPLESORT_NONE);
	AnnoyBeginNearest(&nearest, &call->access, call->search_k);
	AnnoyScanRelax(nearest.scan);
	AnnoyAskNearest(&nearest, query);
	for (int64 i = 0; i < call->n && AnnoyNextNearest(&nearest, &distance, &tid) &&
		 distance <= call->radius; i++)
	{
		ExecClearTuple(row);
		row->tts_values[0] = Float8GetDatum(distance);
		row->tts_values[1] = PointerGetDatum(&tid);
		row->tts_isnull[0] = row->tts_isnull[1] = false;
		ExecStoreVirtualTuple(row);
		tuplesort_puttupleslot(sort, row);
	}
	AnnoyEndNearest(&nearest);
	tuplesort_performsort(sort);
	return sort;
}

/*
 * Search, and return what is found: the nearest first.
 */
static void
return_nearest(FunctionCallInfo fcinfo, const NearestCall *call, Datum query)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	TupleTableSlot *row;
	TupleTableSlot *sorted;
	Tuplesortstate *sort;

	TupleDescInitEntry(desc, 1, "distance", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "item", TIDOID, -1, 0);
	TupleDescFinalize(desc);
	row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	sorted = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	sort = sort_nearest(call, query, row);
	while (tuplesort_gettupleslot(sort, true, false, sorted, NULL))
	{
		Datum		values[2];
		bool		nulls[2];

		values[0] = slot_getattr(sorted, 2, &nulls[0]);
		values[1] = slot_getattr(sorted, 1, &nulls[1]);
		if (call->native)
			values[1] = Float8GetDatum(AnnoyNativeDistance(call->access.index->metric,
														   DatumGetFloat8(values[1])));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	tuplesort_end(sort);
	ExecDropSingleTupleTableSlot(sorted);
	ExecDropSingleTupleTableSlot(row);
}

static bool
is_bits(Oid type)
{
	return type == BITOID || type == VARBITOID;
}

/*
 * The second argument as a value that the index can be searched for.
 */
static Datum
query_argument(FunctionCallInfo fcinfo, const NearestCall *call, QueryForm form)
{
	Relation	rel = call->access.rel;
	Oid			type = rel->rd_opcintype[0];

	if (form == QUERY_TEXT)
	{
		Oid			input;
		Oid			io_param;

		getTypeInputInfo(type, &input, &io_param);
		return OidInputFunctionCall(input, text_to_cstring(PG_GETARG_TEXT_PP(1)),
									io_param, -1);
	}
	if (is_bits(type) != (form == QUERY_BITS))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the query is %s, but index \"%s\" is on %s",
						form == QUERY_BITS ? "a bit string" : "an array",
						RelationGetRelationName(rel),
						form == QUERY_BITS ? "arrays" : "bit strings")));
	return PG_GETARG_DATUM(1);
}

/*
 * Annoy's get_nns_by_vector.
 */
static Datum
nns_by_vector(FunctionCallInfo fcinfo, QueryForm form)
{
	NearestCall call;

	if (begin_nearest(fcinfo, &call))
	{
		return_nearest(fcinfo, &call, query_argument(fcinfo, &call, form));
		AnnoyCloseIndex(&call.access);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_bit);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_text);

Datum
annoy_get_nns_by_vector(PG_FUNCTION_ARGS)
{
	return nns_by_vector(fcinfo, QUERY_ARRAY);
}

Datum
annoy_get_nns_by_vector_bit(PG_FUNCTION_ARGS)
{
	return nns_by_vector(fcinfo, QUERY_BITS);
}

Datum
annoy_get_nns_by_vector_text(PG_FUNCTION_ARGS)
{
	return nns_by_vector(fcinfo, QUERY_TEXT);
}

/*
 * All rows within a distance of a vector.  Both this distance and those that are
 * returned are the operator's.
 */
static Datum
search_radius(FunctionCallInfo fcinfo, QueryForm form)
{
	NearestCall call;

	if (begin_radius(fcinfo, &call))
	{
		return_nearest(fcinfo, &call, query_argument(fcinfo, &call, form));
		AnnoyCloseIndex(&call.access);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(annoy_search_radius);
PG_FUNCTION_INFO_V1(annoy_search_radius_bit);
PG_FUNCTION_INFO_V1(annoy_search_radius_text);

Datum
annoy_search_radius(PG_FUNCTION_ARGS)
{
	return search_radius(fcinfo, QUERY_ARRAY);
}

Datum
annoy_search_radius_bit(PG_FUNCTION_ARGS)
{
	return search_radius(fcinfo, QUERY_BITS);
}

Datum
annoy_search_radius_text(PG_FUNCTION_ARGS)
{
	return search_radius(fcinfo, QUERY_TEXT);
}

PG_FUNCTION_INFO_V1(annoy_get_nns_by_item);

/*
 * Annoy's get_nns_by_item.  The row itself is among the results.
 */
Datum
annoy_get_nns_by_item(PG_FUNCTION_ARGS)
{
	NearestCall call;
	AnnoyVector vec;

	if (!begin_nearest(fcinfo, &call))
		return (Datum) 0;
	if (AnnoyFetchRow(&call.access, (ItemPointer) PG_GETARG_POINTER(1), &vec))
		return_nearest(fcinfo, &call,
					   AnnoyMakeDatum(call.access.rel->rd_opcintype[0], &vec));
	AnnoyCloseIndex(&call.access);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(annoy_nns_support);

/*
 * Planner support: a search returns n rows.
 */
Datum
annoy_nns_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;
		List	   *args = is_funcclause(rows->node) ? ((FuncExpr *) rows->node)->args : NIL;
		Node	   *n = list_length(args) > 2 ? list_nth(args, 2) : NULL;

		if (n == NULL || !IsA(n, Const))
			rows->rows = TYPICAL_ROWS;
		else if (((Const *) n)->constisnull)
			rows->rows = annoy_n_neighbors;
		else
			rows->rows = Max(DatumGetInt32(((Const *) n)->constvalue), 1);
		PG_RETURN_POINTER(request);
	}
	PG_RETURN_POINTER(NULL);
}

PG_FUNCTION_INFO_V1(annoy_get_distance);

/*
 * Annoy's get_distance: that of two rows.
 */
Datum
annoy_get_distance(PG_FUNCTION_ARGS)
{
	AnnoyAccess access;
	AnnoyVector x;
	AnnoyVector y;
	bool		found;

	AnnoyOpenForRows(PG_GETARG_OID(0), &access);
	found = AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(1), &x);
	found &= AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(2), &y);
	AnnoyCloseIndex(&access);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(AnnoyNativeDistance(access.index->metric,
										 AnnoyDistance(access.index->metric, &x, &y)));
}

/*
 * A vector as a value of a type that the user has chosen.
 */
static Datum
vector_as(Oid type, const AnnoyVector *vec)
{
	AnnoyVector converted = *vec;

	if (type == FLOAT4ARRAYOID)
		converted = AnnoyConvertVector(vec, ANNOY_FLOAT32);
	else if (type == FLOAT8ARRAYOID)
		converted = AnnoyConvertVector(vec, ANNOY_FLOAT64);
	else if (!is_bits(type) || vec->dtype != ANNOY_BIT)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a vector stored as %s cannot be returned as %s",
						AnnoyDtypeName(vec->dtype), format_type_be(type))));
	return AnnoyMakeDatum(type, &converted);
}

PG_FUNCTION_INFO_V1(annoy_get_item);

/*
 * Annoy's get_item: the vector of a row, as it is stored.  That is an array of
 * double precision, which has room for all that is stored, or of the type of a
 * third argument.
 */
Datum
annoy_get_item(PG_FUNCTION_ARGS)
{
	Oid			type = PG_NARGS() < 3 ? FLOAT8ARRAYOID :
	get_fn_expr_argtype(fcinfo->flinfo, 2);
	AnnoyAccess access;
	AnnoyVector vec;
	bool		found;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	AnnoyOpenForRows(PG_GETARG_OID(0), &access);
	found = AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(1), &vec);
	AnnoyCloseIndex(&access);
	if (!found)
		PG_RETURN_NULL();
	return vector_as(type, &vec);
}
