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

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/syscache.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "type/type.h"

/* The planner is told that a search returns so many rows, if n is no constant. */
#define TYPICAL_ROWS	10

/* How the query of a search is given. */
typedef enum QueryForm
{
	QUERY_ARRAY,
	QUERY_BITS,
	QUERY_VECTOR,				/* pgvector's type of that name */
	QUERY_HALFVEC,				/* likewise */
	QUERY_TEXT,					/* a value of the indexed column */
	QUERY_ROW,					/* the TID of a row */
} QueryForm;

/* What a call of one of the search functions asks for. */
typedef struct NearestCall
{
	AnnoyAccess access;
	int64		n;				/* so many rows at most, 0 = as many as is set
								 * for session or index, ... */
	double		radius;			/* ... within this distance, the operator's.
								 * NaN is greater than any */
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
		 float8_le(distance, call->radius); i++)
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
 * The second argument as a value that the index can be searched for.  Returns
 * false if it is a row that has no vector.
 */
static bool
query_argument(FunctionCallInfo fcinfo, const AnnoyAccess *access, QueryForm form,
			   Datum *query)
{
	Oid			type = access->rel->rd_opcintype[0];

	if (form == QUERY_ROW)
	{
		AnnoyVector vec;

		if (!AnnoyFetchRow(access, (ItemPointer) PG_GETARG_POINTER(1), &vec))
			return false;
		*query = AnnoyMakeColumn(access->rel, &vec);
	}
	else if (form == QUERY_TEXT)
		*query = AnnoyReadText(type, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	else
	{
		Datum		argument = PG_GETARG_DATUM(1);
		AnnoyLayout layout = form == QUERY_VECTOR ? ANNOY_LAYOUT_VECTOR :
		form == QUERY_HALFVEC ? ANNOY_LAYOUT_HALFVEC : ANNOY_LAYOUT_NATIVE;

		if (is_bits(type) != (form == QUERY_BITS))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the query is %s, but index \"%s\" is on %s",
							form == QUERY_BITS ? "a bit string" :
							form == QUERY_ARRAY ? "an array" : "a vector",
							RelationGetRelationName(access->rel),
							is_bits(type) ? "bit strings" :
							AnnoyIndexLayout(access->rel) == ANNOY_LAYOUT_NATIVE ?
							"arrays" : "vectors")));
		if (AnnoyIndexLayout(access->rel) == layout)
			*query = argument;
		else
		{
			AnnoyVector vec = layout == ANNOY_LAYOUT_NATIVE ? AnnoyReadArray(argument) :
			AnnoyReadLayout(argument, layout);

			*query = AnnoyMakeColumn(access->rel, &vec);
		}
	}
	return true;
}

/*
 * Open the index that a call is about, and search it.  Here are the arguments
 * that all searches have; the result is empty if one is NULL that has no default,
 * other than an item.
 */
static Datum
search(FunctionCallInfo fcinfo, NearestCall *call, QueryForm form)
{
	Datum		query;

	call->search_k = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT32(3);
	if (call->search_k != -1)
		check_positive("search_k", call->search_k);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (PG_ARGISNULL(1))
	{
		if (form == QUERY_ROW)
			AnnoyNoItem();
		return (Datum) 0;
	}
	AnnoyOpenForRows(PG_GETARG_OID(0), &call->access);
	if (call->n == 0)
		call->n = AnnoyDefaultNeighbors(call->access.rel);
	if (query_argument(fcinfo, &call->access, form, &query))
		return_nearest(fcinfo, call, query);
	AnnoyCloseIndex(&call->access);
	return (Datum) 0;
}

/*
 * Search for a number of rows.
 */
static Datum
search_nearest(FunctionCallInfo fcinfo, QueryForm form)
{
	NearestCall call = {.radius = get_float8_nan(),.native = true};

	AnnoyInitSet(fcinfo);
	if (!PG_ARGISNULL(2))
	{
		check_positive("n", PG_GETARG_INT32(2));
		call.n = PG_GETARG_INT32(2);
	}
	return search(fcinfo, &call, form);
}

/*
 * Search for all rows within a distance.  Both this distance and those that are
 * returned are the operator's.
 */
static Datum
search_radius(FunctionCallInfo fcinfo, QueryForm form)
{
	NearestCall call = {.n = PG_INT64_MAX};

	AnnoyInitSet(fcinfo);
	if (PG_ARGISNULL(2))
		return (Datum) 0;
	call.radius = PG_GETARG_FLOAT8(2);
	if (isnan(call.radius))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("radius must not be NaN")));
	return search(fcinfo, &call, form);
}

/*
 * The functions that SQL calls: Annoy's get_nns_by_vector and get_nns_by_item,
 * for which the row itself is among the results, and the search within a radius.
 */

PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_bit);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_text);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_vector);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_vector_halfvec);
PG_FUNCTION_INFO_V1(annoy_get_nns_by_item);
PG_FUNCTION_INFO_V1(annoy_search_radius);
PG_FUNCTION_INFO_V1(annoy_search_radius_bit);
PG_FUNCTION_INFO_V1(annoy_search_radius_text);
PG_FUNCTION_INFO_V1(annoy_search_radius_vector);
PG_FUNCTION_INFO_V1(annoy_search_radius_halfvec);

Datum
annoy_get_nns_by_vector(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_ARRAY);
}

Datum
annoy_get_nns_by_vector_bit(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_BITS);
}

Datum
annoy_get_nns_by_vector_text(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_TEXT);
}

Datum
annoy_get_nns_by_vector_vector(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_VECTOR);
}

Datum
annoy_get_nns_by_vector_halfvec(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_HALFVEC);
}

Datum
annoy_get_nns_by_item(PG_FUNCTION_ARGS)
{
	return search_nearest(fcinfo, QUERY_ROW);
}

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

Datum
annoy_search_radius_vector(PG_FUNCTION_ARGS)
{
	return search_radius(fcinfo, QUERY_VECTOR);
}

Datum
annoy_search_radius_halfvec(PG_FUNCTION_ARGS)
{
	return search_radius(fcinfo, QUERY_HALFVEC);
}

/*
 * What the catalog tells of an index: how many rows a search returns that is not told,
 * and how many rows there are, negative if that is not known.  A plan is no reason to
 * open or lock the index, which may be none, or a parameter.
 */
static void
look_up_index(Node *index, double *n_neighbors, double *rows)
{
	HeapTuple	tuple = NULL;

	*n_neighbors = annoy_n_neighbors;
	*rows = -1;
	if (IsA(index, Const) && !((Const *) index)->constisnull)
		tuple = SearchSysCache1(RELOID, ((Const *) index)->constvalue);
	if (!HeapTupleIsValid(tuple))
		return;
	if (((Form_pg_class) GETSTRUCT(tuple))->relkind == RELKIND_INDEX)
	{
		bool		isnull;
		Datum		declared = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
		AnnoyOptions *options = isnull ? NULL : (AnnoyOptions *) annoyoptions(declared, false);

		if (options != NULL && options->n_neighbors > 0 && !annoy_n_neighbors_is_set)
			*n_neighbors = options->n_neighbors;
		*rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	}
	ReleaseSysCache(tuple);
}

PG_FUNCTION_INFO_V1(annoy_nns_support);

/*
 * Planner support: tells that a search returns n rows, which is the third argument; and
 * a graph k for each row, which is the second and last.
 */
Datum
annoy_nns_support(PG_FUNCTION_ARGS)
{
	SupportRequestRows *request = (SupportRequestRows *) PG_GETARG_POINTER(0);
	List	   *args;
	bool		graph;
	Node	   *n;
	double		n_neighbors;
	double		rows;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	args = ((FuncExpr *) request->node)->args;
	Assert(list_length(args) >= 2);
	graph = list_length(args) == 2;
	n = list_nth(args, graph ? 1 : 2);
	look_up_index(linitial(args), &n_neighbors, &rows);
	if (!IsA(n, Const))
		n_neighbors = TYPICAL_ROWS;
	else if (!((Const *) n)->constisnull)
		n_neighbors = Max(DatumGetInt32(((Const *) n)->constvalue), 1);
	if (graph && rows < 0)
		PG_RETURN_POINTER(NULL);
	request->rows = graph ? Max(rows * n_neighbors, 1) : n_neighbors;
	PG_RETURN_POINTER(request);
}

PG_FUNCTION_INFO_V1(annoy_get_distance);

/*
 * Returns the distance of two rows, as Annoy's get_distance() does.
 */
Datum
annoy_get_distance(PG_FUNCTION_ARGS)
{
	AnnoyAccess access;
	AnnoyVector x;
	AnnoyVector y;
	bool		found;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		AnnoyNoItem();
	AnnoyOpenForRows(PG_GETARG_OID(0), &access);
	found = AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(1), &x);
	found &= AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(2), &y);
	AnnoyCloseIndex(&access);
	if (!found)
		PG_RETURN_NULL();
	if (access.index->zeros_last && (AnnoyIsZero(&x) || AnnoyIsZero(&y)))
		PG_RETURN_FLOAT8(get_float8_nan());
	PG_RETURN_FLOAT8(AnnoyNativeDistance(access.index->metric,
										 AnnoyDistance(access.index->metric, &x, &y)));
}

/*
 * A vector of an index as a value of a type that the user has chosen.
 */
static Datum
vector_as(Relation rel, Oid type, const AnnoyVector *vec)
{
	AnnoyVector converted = *vec;

	if (type == rel->rd_opcintype[0] && AnnoyIndexLayout(rel) != ANNOY_LAYOUT_NATIVE)
		return AnnoyMakeColumn(rel, vec);
	if (type == FLOAT4ARRAYOID)
		converted = AnnoyConvertVector(vec, ANNOY_FLOAT32);
	else if (type == FLOAT8ARRAYOID)
		converted = AnnoyConvertVector(vec, ANNOY_FLOAT64);
	else if (!is_bits(type) || vec->dtype != ANNOY_BIT)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a vector stored as %s cannot be returned as %s",
						AnnoyDtypeName(vec->dtype), format_type_be(type))));
	return AnnoyMakeDatum(type, ANNOY_LAYOUT_NATIVE, &converted);
}

PG_FUNCTION_INFO_V1(annoy_get_item);

/*
 * Returns the vector of a row as it is stored, as Annoy's get_item() does: an array
 * of double precision, which has room for all that is stored, or a value of the
 * type of a third argument.
 */
Datum
annoy_get_item(PG_FUNCTION_ARGS)
{
	Oid			type = PG_NARGS() < 3 ? FLOAT8ARRAYOID :
	get_fn_expr_argtype(fcinfo->flinfo, 2);
	AnnoyAccess access;
	AnnoyVector vec;
	Datum		result = (Datum) 0;
	bool		found;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		AnnoyNoItem();
	AnnoyOpenForRows(PG_GETARG_OID(0), &access);
	found = AnnoyFetchRow(&access, (ItemPointer) PG_GETARG_POINTER(1), &vec);
	if (found)
		result = vector_as(access.rel, type, &vec);
	AnnoyCloseIndex(&access);
	if (!found)
		PG_RETURN_NULL();
	return result;
}
