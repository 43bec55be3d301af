/*-------------------------------------------------------------------------
 *
 * any.c
 *	  annoy_any(): is a value one of an array?
 *
 * It says what = ANY (array) says.  But before version 17 the planner does not ask an
 * index for that if it wants its order, unless it is for the index's first column.  A
 * function the planner does not know so well: its planner support makes the condition
 * of it, and there is nothing left to stand in the way.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/any.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/typcache.h"

#include "scan/scan.h"

PG_FUNCTION_INFO_V1(annoy_any);

/*
 * The function, with value and array, by the default equality of their type.
 */
Datum
annoy_any(PG_FUNCTION_ARGS)
{
	Datum		value = PG_GETARG_DATUM(0);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	TypeCacheEntry *type = fcinfo->flinfo->fn_extra;
	ArrayIterator iterator;
	Datum		element;
	bool		isnull;
	bool		has_null = false;

	if (type == NULL || type->type_id != ARR_ELEMTYPE(array))
	{
		type = lookup_type_cache(ARR_ELEMTYPE(array), TYPECACHE_EQ_OPR_FINFO);
		if (!OidIsValid(type->eq_opr_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify an equality operator for type %s",
							format_type_be(ARR_ELEMTYPE(array)))));
		fcinfo->flinfo->fn_extra = type;
	}

	iterator = array_create_iterator(array, 0, NULL);
	while (array_iterate(iterator, &element, &isnull))
	{
		if (isnull)
			has_null = true;
		else if (DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, PG_GET_COLLATION(),
												value, element)))
			PG_RETURN_BOOL(true);
	}
	array_free_iterator(iterator);
	if (has_null)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(false);
}

/*
 * The same condition with the operator, or NULL if the type has none.
 */
static ScalarArrayOpExpr *
with_operator(List *args, Oid collation)
{
	ScalarArrayOpExpr *result;
	Oid			type;

	if (list_length(args) != 2)
		return NULL;
	type = get_base_element_type(exprType(lsecond(args)));
	if (!OidIsValid(type))
		return NULL;
	result = makeNode(ScalarArrayOpExpr);
	result->opno = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	if (!OidIsValid(result->opno))
		return NULL;
	result->opfuncid = get_opcode(result->opno);
	result->useOr = true;
	result->inputcollid = collation;
	result->args = args;
	result->location = -1;
	return result;
}

/*
 * The condition for an index, or NULL if it has no such operator, or another collation,
 * or if the array is not known before it is scanned.
 *
 * B-trees are not asked for it: before PostgreSQL 17, the planner takes their rows to be
 * in order unless it sees that the clause itself is an array's.
 */
static List *
index_condition(SupportRequestIndexCondition *request)
{
	FuncExpr   *call = (FuncExpr *) request->node;
	Oid			collation = request->index->indexcollations[request->indexcol];
	ScalarArrayOpExpr *clause;

	if (!is_funcclause(call) || request->index->amcostestimate != annoycostestimate)
		return NIL;
	clause = with_operator(call->args, call->inputcollid);
	if (clause == NULL || request->indexarg != 0 || !request->index->amsearcharray ||
		!op_in_opfamily(clause->opno, request->opfamily) ||
		(OidIsValid(collation) && collation != clause->inputcollid) ||
		!is_pseudo_constant_for_index(request->root, lsecond(clause->args), request->index))
		return NIL;
	request->lossy = false;
	return list_make1(clause);
}

PG_FUNCTION_INFO_V1(annoy_any_support);

/*
 * Planner support of annoy_any().
 */
Datum
annoy_any_support(PG_FUNCTION_ARGS)
{
	Node	   *node = (Node *) PG_GETARG_POINTER(0);

	if (IsA(node, SupportRequestIndexCondition))
		PG_RETURN_POINTER(index_condition((SupportRequestIndexCondition *) node));
	if (IsA(node, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *request = (SupportRequestSelectivity *) node;
		ScalarArrayOpExpr *clause = with_operator(request->args, request->inputcollid);

		if (clause == NULL)
			PG_RETURN_POINTER(NULL);
		request->selectivity = scalararraysel(request->root, clause, request->is_join,
											  request->varRelid, request->jointype, request->sjinfo);
		PG_RETURN_POINTER(request);
	}
	PG_RETURN_POINTER(NULL);
}
