/*-------------------------------------------------------------------------
 *
 * rowerror.c
 *	  Which row is it?  What an error of a build says besides.
 *
 * One vector in a million that is too short makes CREATE INDEX fail.  So that it
 * can be found, errors that are raised while a row is read get a line of context
 * that names the row; and if its vector is at fault, a hint with the query that
 * lists all such rows, as the next attempt would fail at the next one.
 *
 * That query uses nothing but functions that take any value without an error, but
 * for an expression of the index itself.  It says no more of the table than its
 * owner, or who may build its indexes, could ask anyway.
 *
 * An insertion names no row: the one that failed is not there to be looked at.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/rowerror.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "annoy.h"
#include "relation/relation.h"

/* Doubles from here on are infinite if rounded to a real: 2^128 - 2^103. */
#define FLOAT4_OVERFLOW		"3.4028235677973366e38"

/* Likewise for halves. */
#define FLOAT16_OVERFLOW	"65520"

/*
 * Prepare to name rows of a table in errors.  This looks at the catalog, which
 * is not to be done once there is an error.
 */
AnnoyRowErrors *
AnnoyRowErrorsMake(Relation heap, Relation rel)
{
	AnnoyRowErrors *errors = palloc0(sizeof(AnnoyRowErrors));
	List	   *names = deparse_context_for(RelationGetRelationName(heap),
											RelationGetRelid(heap));
	AttrNumber	column = rel->rd_index->indkey.values[0];
	List	   *predicate = RelationGetIndexPredicate(rel);

	errors->heap = heap;
	errors->table_name = pstrdup(RelationGetRelationName(heap));
	errors->table = AnnoyQualifiedName(RelationGetRelid(heap));
	errors->type = rel->rd_opcintype[0];
	errors->is_other = AnnoyIndexLayout(rel) != ANNOY_LAYOUT_NATIVE;
	errors->context = CurrentMemoryContext;
	if (column > 0)
		errors->column = pstrdup(quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(heap),
																		column - 1)->attname)));
	else
		errors->column = psprintf("(%s)",
								  deparse_expression(linitial(RelationGetIndexExpressions(rel)),
													 names, false, false));
	if (predicate != NIL)
		errors->predicate = deparse_expression((Node *) make_ands_explicit(predicate),
											   names, false, false);
	return errors;
}

/*
 * The condition that vectors meet which cannot be in the index.  If no dimensions
 * are known, any will do.
 */
static char *
misfit_condition(const AnnoyRowErrors *errors)
{
	const char *column = errors->column;
	const char *limit = "'Infinity'";
	char	   *length = errors->dim > 0 ? psprintf("<> %d", errors->dim) :
	psprintf("NOT BETWEEN 1 AND %d", ANNOY_MAX_DIMENSIONS);

	if (errors->type == BITOID || errors->type == VARBITOID)
		return psprintf("length(%s) %s", column, length);

	if (errors->dtype == ANNOY_FLOAT32 && errors->type == FLOAT8ARRAYOID)
		limit = FLOAT4_OVERFLOW;
	else if (errors->dtype == ANNOY_FLOAT16)
		limit = FLOAT16_OVERFLOW;

	/* pgvector's types, or types like these, have a cast to this one */
	if (errors->is_other)
		column = psprintf("%s::real[]", column);

	/* NaN is greater than any number */
	return psprintf("cardinality(%s) %s OR array_ndims(%s) > 1 OR EXISTS (SELECT FROM unnest(%s) x WHERE x IS NULL OR abs(x) >= %s)",
					column, length, column, column, limit);
}

/*
 * Add the query to the current error's hint.
 */
static void
add_hint(const AnnoyRowErrors *errors)
{
	char	   *condition = misfit_condition(errors);
	ErrorData  *error = CopyErrorData();

	/* what the predicate excludes, the expression may not be able to take */
	if (errors->predicate != NULL)
		condition = psprintf("CASE WHEN %s THEN %s END", errors->predicate, condition);
	errhint("%s%sThis finds all rows that do not fit: SELECT ctid FROM %s WHERE %s;",
			error->hint != NULL ? error->hint : "", error->hint != NULL ? " " : "",
			errors->table, condition);
}

/*
 * Error context callback.
 */
static void
row_error_callback(void *arg)
{
	AnnoyRowErrors *errors = arg;
	ItemPointerData tid = errors->tid;
	int			code = geterrcode();

	/*
	 * a fault of the row, of which our own code has told: all else is in
	 * order
	 */
	if (ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION ||
		code == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
	{
		MemoryContext old_context = MemoryContextSwitchTo(errors->context);

		/*
		 * an index knows a row by the first of its HOT chain: find the last
		 * one
		 */
		(void) table_index_fetch_tuple_check(errors->heap, &tid, SnapshotSelf, NULL);
		if (errors->in_vector)
			add_hint(errors);
		MemoryContextSwitchTo(old_context);
	}
	errcontext("row (%u,%u) of table \"%s\"",
			   ItemPointerGetBlockNumberNoCheck(&tid),
			   ItemPointerGetOffsetNumberNoCheck(&tid), errors->table_name);
}

/*
 * From here on an error is about that row, or about its vector.  The index is
 * what the vector has to fit.
 */
void
AnnoyRowErrorsBegin(AnnoyRowErrors *errors, Relation rel, const AnnoyIndex *index,
					const ItemPointerData *tid, bool in_vector)
{
	errors->tid = *tid;
	errors->in_vector = in_vector;
	errors->dim = index->dim > 0 ? index->dim : AnnoyOptionDimensions(rel);
	errors->dtype = index->dtype;
	errors->callback.callback = row_error_callback;
	errors->callback.arg = errors;
	errors->callback.previous = error_context_stack;
	error_context_stack = &errors->callback;
}

/*
 * No longer.
 */
void
AnnoyRowErrorsEnd(AnnoyRowErrors *errors)
{
	Assert(error_context_stack == &errors->callback);
	error_context_stack = errors->callback.previous;
}
