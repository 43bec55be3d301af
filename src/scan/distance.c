/*-------------------------------------------------------------------------
 *
 * distance.c
 *	  What a distance costs, as the planner is told.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/distance.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "scan/scan.h"

/*
 * Calling a distance function; for each dimension; fetching a value that is
 * stored out of line.
 */
#define CALL_COST		20.0
#define DISTANCE_COST	0.2
#define TOAST_COST		500.0

/* Values of more bytes are stored out of line if nobody knows better. */
#define TOASTED_BYTES	2000
#define TOASTED_WIDTH	18		/* of what is in the row then */
#define ARRAY_HEADER	24

/*
 * Cost of a distance of so many dimensions whose arguments are in memory.
 */
Cost
AnnoyDistanceCost(double dims)
{
	return cpu_operator_cost * (CALL_COST + DISTANCE_COST * dims);
}

/*
 * Cost of having a value of a column in memory that has so many bytes.
 */
Cost
AnnoyColumnCost(Oid table, AttrNumber attribute, double bytes)
{
	double		width;
	double		toasted;

	if (bytes <= ARRAY_HEADER + TOASTED_WIDTH)
		return 0;
	width = get_attavgwidth(table, attribute);
	if (width <= 0)
		width = bytes > TOASTED_BYTES ? TOASTED_WIDTH : bytes;
	/* part of the rows where it is not in the row */
	toasted = Min(Max((bytes - width) / (bytes - TOASTED_WIDTH), 0), 1);
	if (toasted < 0.05)
		return 0;
	return toasted * (TOAST_COST * cpu_operator_cost + seq_page_cost * bytes / BLCKSZ);
}

/*
 * The table of an argument that is a column, or NULL.
 */
static RangeTblEntry *
column_table(PlannerInfo *root, Node *arg)
{
	Var		   *var = (Var *) arg;
	RangeTblEntry *rte;

	if (!IsA(arg, Var) || var->varlevelsup > 0 || var->varattno <= 0 ||
		var->varno <= 0 || (int) var->varno >= root->simple_rel_array_size)
		return NULL;
	rte = planner_rt_fetch(var->varno, root);
	return rte != NULL && rte->rtekind == RTE_RELATION ? rte : NULL;
}

/*
 * Bytes of a component of a vector of that type, or 0.
 */
static int
component_bytes(Oid type)
{
	switch (getBaseType(type))
	{
		case FLOAT4ARRAYOID:
			return sizeof(float4);
		case FLOAT8ARRAYOID:
			return sizeof(float8);
		default:
			return 0;
	}
}

/*
 * The dimensions of a constant, or 0.  Functions are not called to find out: that
 * may take long, and we are asked many times.
 */
static double
constant_dims(Node *arg)
{
	ArrayType  *array;

	if (!IsA(arg, Const) || ((Const *) arg)->constisnull ||
		!OidIsValid(get_base_element_type(exprType(arg))))
		return 0;
	array = DatumGetArrayTypeP(((Const *) arg)->constvalue);
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

/*
 * The dimensions of a column, or 0 if they are not known: what there is room for
 * in it, or else, if it is stored out of line, those of an index on it.
 */
static double
column_dims(PlannerInfo *root, Node *arg)
{
	RangeTblEntry *rte = column_table(root, arg);
	Var		   *var = (Var *) arg;
	int			bytes = component_bytes(exprType(arg));
	RelOptInfo *rel;
	double		width;
	ListCell   *cell;

	if (rte == NULL || bytes == 0)
		return 0;
	width = get_attavgwidth(rte->relid, var->varattno);
	if (width > ARRAY_HEADER)
		return (width - ARRAY_HEADER) / bytes;

	rel = root->simple_rel_array[var->varno];
	foreach(cell, rel != NULL ? rel->indexlist : NIL)
	{
		IndexOptInfo *info = lfirst(cell);

		if (info->amcostestimate == annoycostestimate && !info->hypothetical &&
			info->indexkeys[0] == var->varattno)
			return AnnoyPlannedDims(info);
	}
	return 0;
}

/*
 * Cost of having an argument of so many dimensions in memory, for each call.
 */
static Cost
read_cost(PlannerInfo *root, Node *arg, double dims)
{
	RangeTblEntry *rte = column_table(root, arg);

	return rte == NULL ? 0 :
		AnnoyColumnCost(rte->relid, ((Var *) arg)->varattno,
					ARRAY_HEADER + dims * component_bytes(exprType(arg)));
}

PG_FUNCTION_INFO_V1(annoy_distance_support);

/*
 * Planner support: what a distance costs.  The planner knows nothing of
 * dimensions, nor of values that are stored out of line.
 */
Datum
annoy_distance_support(PG_FUNCTION_ARGS)
{
	SupportRequestCost *request = (SupportRequestCost *) PG_GETARG_POINTER(0);
	List	   *args = NIL;
	double		dims = 0;
	ListCell   *cell;

	if (!IsA(request, SupportRequestCost) || request->root == NULL || request->node == NULL)
		PG_RETURN_POINTER(NULL);
	if (IsA(request->node, OpExpr))
		args = ((OpExpr *) request->node)->args;
	else if (IsA(request->node, FuncExpr))
		args = ((FuncExpr *) request->node)->args;

	foreach(cell, args)
		dims = Max(dims, constant_dims(lfirst(cell)));
	if (dims == 0)
	{
		foreach(cell, args)
			dims = Max(dims, column_dims(request->root, lfirst(cell)));
	}
	if (dims == 0)
		PG_RETURN_POINTER(NULL);

	request->startup = 0;
	request->per_tuple = AnnoyDistanceCost(dims);
	foreach(cell, args)
		request->per_tuple += read_cost(request->root, lfirst(cell), dims);
	PG_RETURN_POINTER(request);
}
