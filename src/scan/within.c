/*-------------------------------------------------------------------------
 *
 * within.c
 *	  annoy_within(): is a vector within a distance of a query?
 *
 * An index can be asked for the rows of which this is true, since its planner
 * support makes another condition of it, one with an operator:
 *
 *		vector <<@ ROW(query, radius, metric)
 *
 * The operator is in the operator classes, as ANNOY_WITHIN_STRATEGY, and says the
 * same.  An operator has two arguments, so what the index is asked for is in a record.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/within.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "scan/scan.h"
#include "scan/within.h"
#include "type/type.h"

/* Fields of the record. */
#define WITHIN_FIELDS	3

/*
 * The part of the rows that a condition is thought to be true for.  The operator's
 * estimator, areasel, says the same.
 */
#define WITHIN_SELECTIVITY	0.005

/*
 * A query that is not used as it comes, and what it was converted to.  Kept in
 * fn_extra.
 */
typedef struct QueryCache
{
	struct varlena *value;
	AnnoyVector vec;
} QueryCache;

/*
 * Read a query of some type, for a column of one that has that layout.
 */
static AnnoyVector
read_query(Oid column, AnnoyLayout layout, Oid type, Datum value)
{
	AnnoyVector vec;

	if (type == TEXTOID)
	{
		value = AnnoyReadText(column, TextDatumGetCString(value));
		type = column;
	}
	if (type == BITOID || type == VARBITOID)
		return AnnoyReadBits(value);
	if (OidIsValid(get_element_type(type)))
		vec = AnnoyReadArray(value);
	else if (type == column && layout != ANNOY_LAYOUT_NATIVE)
		vec = AnnoyReadLayout(value, layout);
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a value of type %s cannot be compared with vectors of type %s",
						format_type_be(type), format_type_be(column))));
	AnnoyCheckFinite(&vec);
	return vec;
}

/*
 * The same for a function that is called for one row after the other, most likely
 * with the same query.
 */
static AnnoyVector
read_query_once(FmgrInfo *flinfo, Oid column, AnnoyLayout layout, Oid type, Datum value)
{
	QueryCache *cache = flinfo->fn_extra;
	struct varlena *detoasted;
	AnnoyVector vec;
	MemoryContext old_context;

	if (type != TEXTOID && type != NUMERICARRAYOID)
		return read_query(column, layout, type, value);

	detoasted = PG_DETOAST_DATUM(value);
	if (cache != NULL && VARSIZE(cache->value) == VARSIZE(detoasted) &&
		memcmp(cache->value, detoasted, VARSIZE(detoasted)) == 0)
		return cache->vec;

	vec = read_query(column, layout, type, PointerGetDatum(detoasted));
	old_context = MemoryContextSwitchTo(flinfo->fn_mcxt);
	if (cache != NULL)
	{
		pfree(cache->value);
		pfree(unconstify(void *, cache->vec.data));
	}
	else
		cache = palloc(sizeof(QueryCache));
	flinfo->fn_extra = NULL;
	cache->value = memcpy(palloc(VARSIZE(detoasted)), detoasted, VARSIZE(detoasted));
	cache->vec = AnnoyCopyVector(&vec);
	flinfo->fn_extra = cache;
	MemoryContextSwitchTo(old_context);
	return cache->vec;
}

static void
check_radius(double radius)
{
	if (isnan(radius))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("radius must not be NaN")));
}

/*
 * Is a value of the column within?
 */
static bool
is_within(Oid column, AnnoyLayout layout, Datum value, const AnnoyWithin *within)
{
	AnnoyVector vec;

	if (layout != ANNOY_LAYOUT_NATIVE)
		vec = AnnoyReadLayout(value, layout);
	else if (column == BITOID || column == VARBITOID)
		vec = AnnoyReadBits(value);
	else
		vec = AnnoyReadArray(value);

	if ((vec.dtype == ANNOY_BIT || within->query.dtype == ANNOY_BIT) &&
		(vec.dtype != within->query.dtype || within->metric != ANNOY_HAMMING))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bit strings have no %s distance", AnnoyMetricName(within->metric)),
				 errhint("Their metric is \"hamming\".")));
	AnnoyCheckSameDimensions(&vec, &within->query);

	/* see AnnoyItemDistance */
	if (layout != ANNOY_LAYOUT_NATIVE && within->metric == ANNOY_COSINE &&
		(AnnoyIsZero(&vec) || AnnoyIsZero(&within->query)))
		return false;
	return AnnoyDistance(within->metric, &vec, &within->query) <= within->radius;
}

/*
 * Read the record, for a column of a type that has that layout.  Returns false if
 * there is a NULL in it, so that nothing is within.
 */
bool
AnnoyReadWithin(Oid column, AnnoyLayout layout, Datum value, AnnoyWithin *within)
{
	/*
	 * Macros for this call functions that the newest minor releases alone have,
	 * and what is compiled there is to be loaded by the others, too.
	 */
	HeapTupleHeader header = (HeapTupleHeader) PG_DETOAST_DATUM(value);
	const DatumTupleFields *fields = &header->t_choice.t_datum;
	TupleDesc	desc = lookup_rowtype_tupdesc(fields->datum_typeid, fields->datum_typmod);
	HeapTupleData tuple;
	Datum		values[WITHIN_FIELDS];
	bool		nulls[WITHIN_FIELDS];
	Oid			type;

	if (desc->natts != WITHIN_FIELDS ||
		TupleDescAttr(desc, 1)->atttypid != FLOAT8OID ||
		TupleDescAttr(desc, 2)->atttypid != TEXTOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a vector can only be within a record of query, radius and metric"),
				 errhint("Use annoy_within(), which makes such a record.")));
	type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	tuple.t_len = VARSIZE(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);
	if (nulls[0] || nulls[1] || nulls[2])
		return false;

	within->query = read_query(column, layout, type, values[0]);
	within->radius = DatumGetFloat8(values[1]);
	within->metric = AnnoyMetricFromName(TextDatumGetCString(values[2]));
	check_radius(within->radius);
	return true;
}

/*
 * The type of an argument; the first one's is the column's.  Callers without an
 * expression, such as the fast path of the protocol, do not tell: then nothing is read
 * as what it might not be.
 */
static Oid
argument_type(FunctionCallInfo fcinfo, int n)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, n);

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of an argument of annoy_within()")));
	return getBaseType(type);
}

/*
 * The function, with vector, query, radius and metric.
 */
static Datum
within_arguments(FunctionCallInfo fcinfo, AnnoyLayout layout)
{
	Oid			column = argument_type(fcinfo, 0);
	Oid			type = argument_type(fcinfo, 1);
	AnnoyWithin within;

	within.query = read_query_once(fcinfo->flinfo, column, layout, type, PG_GETARG_DATUM(1));
	within.radius = PG_GETARG_FLOAT8(2);
	within.metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	check_radius(within.radius);
	PG_RETURN_BOOL(is_within(column, layout, PG_GETARG_DATUM(0), &within));
}

/*
 * The operator, with vector and record.
 */
static Datum
within_record(FunctionCallInfo fcinfo, AnnoyLayout layout)
{
	Oid			column = argument_type(fcinfo, 0);
	AnnoyWithin within;

	if (!AnnoyReadWithin(column, layout, PG_GETARG_DATUM(1), &within))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(is_within(column, layout, PG_GETARG_DATUM(0), &within));
}

/* The functions that SQL calls. */

PG_FUNCTION_INFO_V1(annoy_within);
PG_FUNCTION_INFO_V1(annoy_within_vector);
PG_FUNCTION_INFO_V1(annoy_within_halfvec);
PG_FUNCTION_INFO_V1(annoy_within_record);
PG_FUNCTION_INFO_V1(annoy_within_record_vector);
PG_FUNCTION_INFO_V1(annoy_within_record_halfvec);

Datum
annoy_within(PG_FUNCTION_ARGS)
{
	return within_arguments(fcinfo, ANNOY_LAYOUT_NATIVE);
}

Datum
annoy_within_vector(PG_FUNCTION_ARGS)
{
	return within_arguments(fcinfo, ANNOY_LAYOUT_VECTOR);
}

Datum
annoy_within_halfvec(PG_FUNCTION_ARGS)
{
	return within_arguments(fcinfo, ANNOY_LAYOUT_HALFVEC);
}

Datum
annoy_within_record(PG_FUNCTION_ARGS)
{
	return within_record(fcinfo, ANNOY_LAYOUT_NATIVE);
}

Datum
annoy_within_record_vector(PG_FUNCTION_ARGS)
{
	return within_record(fcinfo, ANNOY_LAYOUT_VECTOR);
}

Datum
annoy_within_record_halfvec(PG_FUNCTION_ARGS)
{
	return within_record(fcinfo, ANNOY_LAYOUT_HALFVEC);
}

/*
 * The condition for an index, or NULL if the index cannot be asked: it has another
 * metric, or what it would be asked for is not known before it is scanned.  Which of
 * the two vectors is the column makes no difference: distances are symmetric.
 */
static List *
index_condition(SupportRequestIndexCondition *request)
{
	List	   *args = is_funcclause(request->node) ? ((FuncExpr *) request->node)->args : NIL;
	Oid			type = request->index->opcintype[request->indexcol];
	Oid			operator = get_opfamily_member(request->opfamily, type, RECORDOID,
											   ANNOY_WITHIN_STRATEGY);
	Oid			proc = get_opfamily_proc(request->opfamily, type, type, ANNOY_METRIC_PROC);
	RowExpr    *row;
	Const	   *metric;

	if (list_length(args) != 1 + WITHIN_FIELDS || request->indexarg > 1 ||
		!OidIsValid(operator) || !OidIsValid(proc))
		return NIL;
	metric = lfourth(args);
	if (!IsA(metric, Const) || metric->constisnull ||
		(int) AnnoyMetricFromName(TextDatumGetCString(metric->constvalue)) !=
		DatumGetInt32(OidFunctionCall0(proc)))
		return NIL;

	row = makeNode(RowExpr);
	row->args = list_make3(list_nth(args, 1 - request->indexarg), lthird(args), metric);
	row->row_typeid = RECORDOID;
	row->row_format = COERCE_EXPLICIT_CALL;
	row->colnames = list_make3(makeString("query"), makeString("radius"), makeString("metric"));
	row->location = -1;
	if (!is_pseudo_constant_for_index(request->root, (Node *) row, request->index))
		return NIL;
	request->lossy = false;
	return list_make1(make_opclause(operator, BOOLOID, false,
									list_nth(args, request->indexarg), (Expr *) row,
									InvalidOid, InvalidOid));
}

PG_FUNCTION_INFO_V1(annoy_within_support);

/*
 * Planner support of annoy_within().
 */
Datum
annoy_within_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestIndexCondition))
		PG_RETURN_POINTER(index_condition((SupportRequestIndexCondition *) request));
	if (IsA(request, SupportRequestSelectivity))
	{
		((SupportRequestSelectivity *) request)->selectivity = WITHIN_SELECTIVITY;
		PG_RETURN_POINTER(request);
	}
	/* what a distance costs, this does as well */
	return annoy_distance_support(fcinfo);
}
