/*-------------------------------------------------------------------------
 *
 * validate.c
 *	  Validation of annoy's operator classes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/validate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "type/type.h"

/* What is being validated, and what has come out so far. */
typedef struct ValidateState
{
	Oid			opfamilyoid;
	Oid			opcintype;
	char	   *opfamilyname;
	char	   *opclassname;
	bool		result;
} ValidateState;

/* Report a problem, and remember that there was one. */
#define ReportProblem(state, ...) \
	do { \
		ereport(INFO, \
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), \
				 errmsg(__VA_ARGS__))); \
		(state)->result = false; \
	} while (0)

static void validate_function(ValidateState *state, Form_pg_amproc procform);
static void validate_operator(ValidateState *state, Form_pg_amop oprform);
static void validate_groups(ValidateState *state, List *groups);
static bool has_layout(Oid type);
static bool is_vector_type(Oid type, Oid indexed);
static bool is_for_conditions(CatCList *oprlist, CatCList *proclist);
static void validate_conditions(ValidateState *state, CatCList *oprlist);

/*
 * Validator for an annoy opclass: one for vectors, or one for conditions on
 * further columns, which has neither ordering operators nor support functions.
 *
 * Reports every problem it finds, and returns whether there was none.  What
 * cannot be seen in the catalogs is not checked: neither that the metric is one
 * (the first use of an index finds out) nor that it is the operator's.
 */
bool
annoyvalidate(Oid opclassoid)
{
	ValidateState state;
	HeapTuple	classtup;
	HeapTuple	familytup;
	Form_pg_opclass classform;
	Form_pg_opfamily familyform;
	CatCList   *proclist;
	CatCList   *oprlist;

	/* Fetch opclass information */
	classtup = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	if (!HeapTupleIsValid(classtup))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	classform = (Form_pg_opclass) GETSTRUCT(classtup);

	state.opfamilyoid = classform->opcfamily;
	state.opcintype = classform->opcintype;
	state.opclassname = NameStr(classform->opcname);
	state.result = true;

	/* Fetch opfamily information */
	familytup = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(state.opfamilyoid));
	if (!HeapTupleIsValid(familytup))
		elog(ERROR, "cache lookup failed for operator family %u", state.opfamilyoid);
	familyform = (Form_pg_opfamily) GETSTRUCT(familytup);

	state.opfamilyname = NameStr(familyform->opfname);

	/* Fetch all operators and support functions of the opfamily */
	oprlist = SearchSysCacheList1(AMOPSTRATEGY,
								  ObjectIdGetDatum(state.opfamilyoid));
	proclist = SearchSysCacheList1(AMPROCNUM,
								   ObjectIdGetDatum(state.opfamilyoid));

	if (is_for_conditions(oprlist, proclist))
		validate_conditions(&state, oprlist);
	else
	{
		for (int i = 0; i < proclist->n_members; i++)
			validate_function(&state,
							  (Form_pg_amproc) GETSTRUCT(&proclist->members[i]->tuple));

		for (int i = 0; i < oprlist->n_members; i++)
			validate_operator(&state,
							  (Form_pg_amop) GETSTRUCT(&oprlist->members[i]->tuple));

		validate_groups(&state, identify_opfamily_groups(oprlist, proclist));
	}

	ReleaseCatCacheList(proclist);
	ReleaseCatCacheList(oprlist);
	ReleaseSysCache(familytup);
	ReleaseSysCache(classtup);

	return state.result;
}

/*
 * Check an individual support function.
 */
static void
validate_function(ValidateState *state, Form_pg_amproc procform)
{
	/* An index calls the one of its own type, so others would be of no use. */
	if (procform->amproclefttype != procform->amprocrighttype)
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains support function %s with different left and right input types",
					  state->opfamilyname, format_procedure(procform->amproc));

	if (procform->amprocnum != ANNOY_METRIC_PROC &&
		procform->amprocnum != ANNOY_LAYOUT_PROC)
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains function %s with invalid support number %d",
					  state->opfamilyname, format_procedure(procform->amproc), procform->amprocnum);
	else if (!check_amproc_signature(procform->amproc, INT4OID, true, 0, 0))
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains function %s with wrong signature for support number %d",
					  state->opfamilyname, format_procedure(procform->amproc), procform->amprocnum);

	if (procform->amprocnum == ANNOY_LAYOUT_PROC && !has_layout(procform->amproclefttype))
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains function %s, but type %s is read without support function %d",
					  state->opfamilyname, format_procedure(procform->amproc),
					  format_type_be(procform->amproclefttype), ANNOY_LAYOUT_PROC);
}

/*
 * Check an individual operator.
 */
static void
validate_operator(ValidateState *state, Form_pg_amop oprform)
{
	if (oprform->amopstrategy == ANNOY_WITHIN_STRATEGY)
	{
		if (oprform->amoppurpose != AMOP_SEARCH || oprform->amoprighttype != RECORDOID ||
			!check_amop_signature(oprform->amopopr, BOOLOID,
								  oprform->amoplefttype, oprform->amoprighttype))
			ReportProblem(state,
						  "operator family \"%s\" of access method annoy contains operator %s with wrong signature",
						  state->opfamilyname, format_operator(oprform->amopopr));
		return;
	}

	if (oprform->amopstrategy != ANNOY_DISTANCE_STRATEGY &&
		oprform->amopstrategy != ANNOY_SAME_DISTANCE_STRATEGY)
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains operator %s with invalid strategy number %d",
					  state->opfamilyname, format_operator(oprform->amopopr), oprform->amopstrategy);

	/* There is nothing to search for, only an order. */
	if (oprform->amoppurpose != AMOP_ORDER)
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains operator %s, which is not an ordering operator",
					  state->opfamilyname, format_operator(oprform->amopopr));
	else if (!opfamily_can_sort_type(oprform->amopsortfamily, FLOAT8OID))
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains incorrect ORDER BY opfamily specification for operator %s",
					  state->opfamilyname, format_operator(oprform->amopopr));

	/* Distances are double precision. */
	if (!check_amop_signature(oprform->amopopr, FLOAT8OID,
							  oprform->amoplefttype, oprform->amoprighttype))
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains operator %s with wrong signature",
					  state->opfamilyname, format_operator(oprform->amopopr));

	/* An index reads the right-hand value itself, not through the operator. */
	if (!is_vector_type(oprform->amoprighttype, oprform->amoplefttype))
		ReportProblem(state,
					  "operator family \"%s\" of access method annoy contains operator %s, whose right-hand type cannot be used as a vector",
					  state->opfamilyname, format_operator(oprform->amopopr));
}

/*
 * Check that the opclass's own type has its operator and its support functions.
 * Those of other types may be for other opclasses of the family.
 */
static void
validate_groups(ValidateState *state, List *groups)
{
	const uint64 distance_operator = UINT64CONST(1) << ANNOY_DISTANCE_STRATEGY;
	const uint64 metric_function = UINT64CONST(1) << ANNOY_METRIC_PROC;
	const uint64 layout_function = UINT64CONST(1) << ANNOY_LAYOUT_PROC;
	bool		has_operator = false;
	bool		has_function = false;
	bool		is_readable = !has_layout(state->opcintype);
	ListCell   *lc;

	foreach(lc, groups)
	{
		OpFamilyOpFuncGroup *group = (OpFamilyOpFuncGroup *) lfirst(lc);

		if (group->lefttype == state->opcintype &&
			group->righttype == state->opcintype)
		{
			has_operator = (group->operatorset & distance_operator) != 0;
			has_function = (group->functionset & metric_function) != 0;
			is_readable |= (group->functionset & layout_function) != 0;
		}
	}

	if (!has_operator)
		ReportProblem(state,
					  "operator class \"%s\" of access method annoy is missing operator %d",
					  state->opclassname, ANNOY_DISTANCE_STRATEGY);

	if (!has_function)
		ReportProblem(state,
					  "operator class \"%s\" of access method annoy is missing support function %d",
					  state->opclassname, ANNOY_METRIC_PROC);

	if (!is_readable)
		ReportProblem(state,
					  "operator class \"%s\" of access method annoy is for type %s, and is missing support function %d",
					  state->opclassname, format_type_be(state->opcintype),
					  ANNOY_LAYOUT_PROC);
}

/*
 * Are values of an indexed type read as its operator class says?
 */
static bool
has_layout(Oid type)
{
	return type != FLOAT4ARRAYOID && type != FLOAT8ARRAYOID && type != BITOID;
}

/*
 * Can a value of the type be compared with what an index on the other type
 * stores?  See AnnoyReadArray and AnnoyReadBits.
 */
static bool
is_vector_type(Oid type, Oid indexed)
{
	if (indexed == BITOID)
		return type == BITOID || type == VARBITOID;
	if (has_layout(indexed))
		return type == indexed;

	switch (get_element_type(type))
	{
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return true;
		default:
			return false;
	}
}

/*
 * Is the opfamily one for conditions?  It is for vectors if anything in it is.
 */
static bool
is_for_conditions(CatCList *oprlist, CatCList *proclist)
{
	for (int i = 0; i < oprlist->n_members; i++)
	{
		Form_pg_amop oprform = (Form_pg_amop) GETSTRUCT(&oprlist->members[i]->tuple);

		if (oprform->amoppurpose != AMOP_SEARCH)
			return false;
	}
	return oprlist->n_members > 0 && proclist->n_members == 0;
}

/*
 * Check the operators of an opfamily for conditions: all return boolean, and
 * some are for the opclass's own type.
 */
static void
validate_conditions(ValidateState *state, CatCList *oprlist)
{
	bool		has_operator = false;

	for (int i = 0; i < oprlist->n_members; i++)
	{
		Form_pg_amop oprform = (Form_pg_amop) GETSTRUCT(&oprlist->members[i]->tuple);

		if (oprform->amoplefttype == state->opcintype)
			has_operator = true;
		if (!check_amop_signature(oprform->amopopr, BOOLOID,
								  oprform->amoplefttype, oprform->amoprighttype))
			ReportProblem(state,
						  "operator family \"%s\" of access method annoy contains operator %s with wrong signature",
						  state->opfamilyname, format_operator(oprform->amopopr));
	}

	if (!has_operator)
		ReportProblem(state,
					  "operator class \"%s\" of access method annoy has no operator for its type",
					  state->opclassname);
}
