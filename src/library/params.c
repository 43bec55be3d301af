/*-------------------------------------------------------------------------
 *
 * params.c
 *	  The parameters of an index, as Annoy's get_params() shows them:
 *	  annoy_index_params() and annoy_repr(); what set_params() and clone() do
 *	  with them: annoy_set_params() and annoy_clone_index().
 *
 * The last two make an ALTER INDEX or CREATE INDEX, which checks that it makes
 * sense.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/params.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_opclass.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "annoy.h"
#include "library/library.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/* A parameter and its value, NULL if there is none. */
typedef struct AnnoyParam
{
	const char *name;
	char	   *value;
	bool		is_string;
} AnnoyParam;

#define MAX_PARAMS	16

typedef struct AnnoyParams
{
	int			count;
	AnnoyParam	list[MAX_PARAMS];
} AnnoyParams;

/* Integers beyond are not the same to readers of JSON that have only doubles. */
#define MAX_SAFE_INTEGER	(UINT64CONST(1) << 53)

static void
add_param(AnnoyParams *params, const char *name, char *value, bool is_string)
{
	AnnoyParam *param = &params->list[params->count++];

	Assert(params->count <= MAX_PARAMS);
	param->name = name;
	param->value = value;
	param->is_string = is_string;
}

static void
add_number(AnnoyParams *params, const char *name, int value)
{
	add_param(params, name, psprintf("%d", value), false);
}

/*
 * The parameters of an index: those it has been declared with, or defaults.  But for
 * `verbose', they do not depend on settings.
 */
static void
get_params(const AnnoyAccess *access, AnnoyParams *params)
{
	Relation	rel = access->rel;
	int			dim = access->index->dim;
	bool		is_zero;
	uint64		seed = AnnoyOptionSeed(rel, &is_zero);
	int			n_neighbors = AnnoyOptionNeighbors(rel);
	int			declared = AnnoyOptionDtype(rel);
	const char *dtype;

	/* what is automatic is decided with the dimensions */
	if (declared != ANNOY_DTYPE_AUTO)
		dtype = AnnoyStoredName(declared, declared == ANNOY_DTYPE_NONE);
	else if (access->index->auto_dtype && dim == 0)
		dtype = "auto";
	else
		dtype = AnnoyStoredName(access->index->dtype, access->index->in_table);
	if (dim == 0)
		dim = AnnoyOptionDimensions(rel);
	params->count = 0;
	add_param(params, "f", dim > 0 ? psprintf("%d", dim) : NULL, false);
	add_param(params, "metric", pstrdup(AnnoyMetricName(AnnoyIndexMetric(rel))), true);
	add_param(params, "dtype", pstrdup(dtype), true);
	add_number(params, "n_trees", AnnoyOptionTrees(rel));
	add_number(params, "n_entries", AnnoyOptionEntries(rel));
	add_number(params, "signatures", AnnoyOptionSignatures(rel));
	add_param(params, "seed", psprintf(UINT64_FORMAT, seed), seed > MAX_SAFE_INTEGER);
	add_number(params, "search_k", AnnoyOptionSearchK(rel));
	add_param(params, "target_recall", float8out_internal(AnnoyOptionTargetRecall(rel)), false);
	add_number(params, "n_neighbors", n_neighbors > 0 ? n_neighbors : ANNOY_DEFAULT_NEIGHBORS);
	add_number(params, "verbose", annoy_verbose);
}

/*
 * The parameters of an index as JSON.
 */
char *
AnnoyParamsJson(const AnnoyAccess *access)
{
	AnnoyParams params;
	StringInfoData json;

	get_params(access, &params);
	initStringInfo(&json);
	for (int i = 0; i < params.count; i++)
	{
		const AnnoyParam *param = &params.list[i];

		appendStringInfoString(&json, i == 0 ? "{" : ",");
		escape_json(&json, param->name);
		appendStringInfoChar(&json, ':');
		if (param->value == NULL)
			appendStringInfoString(&json, "null");
		else if (param->is_string)
			escape_json(&json, param->value);
		else
			appendStringInfoString(&json, param->value);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

PG_FUNCTION_INFO_V1(annoy_index_params);

/*
 * Returns the parameters of an index, as Annoy's get_params() does.
 */
Datum
annoy_index_params(PG_FUNCTION_ARGS)
{
	static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess access;
	char	   *json;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	json = AnnoyParamsJson(&access);
	AnnoyCloseIndex(&access);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

PG_FUNCTION_INFO_V1(annoy_repr);

/*
 * Returns an index in one line, as Python's repr() shows one of Annoy's: with the
 * parameters, but the number of trees that there are, and with items and memory.
 * It reads every page.
 */
Datum
annoy_repr(PG_FUNCTION_ARGS)
{
	static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess access;
	AnnoyParams params;
	StringInfoData line;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	get_params(&access, &params);
	initStringInfo(&line);
	appendStringInfo(&line, "Annoy(index=%s",
					 quote_literal_cstr(RelationGetRelationName(access.rel)));
	for (int i = 0; i < params.count; i++)
	{
		const AnnoyParam *param = &params.list[i];

		if (strcmp(param->name, "n_trees") == 0)
			appendStringInfo(&line, ", n_trees=%d", access.index->n_trees);
		else
			appendStringInfo(&line, ", %s=%s", param->name,
							 param->value == NULL ? "None" :
							 param->is_string ? quote_literal_cstr(param->value) :
							 param->value);
	}
	appendStringInfo(&line, ", n_items=" INT64_FORMAT ", memory_mb=%.2f)",
					 AnnoyCountLiveVectors(access.rel, access.index),
					 (double) RelationGetNumberOfBlocks(access.rel) * BLCKSZ / (1024 * 1024));
	AnnoyCloseIndex(&access);
	PG_RETURN_TEXT_P(cstring_to_text(line.data));
}

/*
 * The value of a parameter that a user wants to change, as text; NULL to have
 * the default.
 */
static char *
scalar_text(const char *name, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			/* whose only numbers are doubles may write 10 as 10.0 */
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   DirectFunctionCall1(numeric_trim_scale,
																		   NumericGetDatum(value->val.numeric))));
		case jbvBool:
			/* Annoy takes verbose as a level or a switch */
			if (strcmp(name, "verbose") == 0)
				return pstrdup(value->val.boolean ? "1" : "0");
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value of parameter \"%s\" must be a number, a string or null",
							name)));
	}
	return NULL;				/* keep compiler quiet */
}

/* Is a value what a parameter is already? */
static bool
is_unchanged(const AnnoyParams *params, const char *name, const char *value)
{
	for (int i = 0; i < params->count; i++)
	{
		const AnnoyParam *param = &params->list[i];

		if (strcmp(param->name, name) == 0)
			return value == NULL ? param->value == NULL :
				param->value != NULL && strcmp(param->value, value) == 0;
	}
	return false;
}

/*
 * Read parameters: a list of DefElem with the names that storage parameters have,
 * and "metric" and "verbose".  The argument of one that is to have its default is
 * NULL.  Those that an index has already are left out, if there is one.
 */
List *
AnnoyReadParams(const AnnoyAccess *access, Jsonb *json)
{
	List	   *result = NIL;
	AnnoyParams params = {0};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters must be a JSON object")));
	if (access != NULL)
		get_params(access, &params);
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *name;
		char	   *text;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		text = scalar_text(name, &value);
		if (strcmp(name, "metric") == 0 && text != NULL)
			text = pstrdup(AnnoyMetricName(AnnoyMetricFromName(text)));
		if (is_unchanged(&params, name, text))
			continue;
		if (strcmp(name, "f") == 0)
			name = "dimensions";
		result = lappend(result, makeDefElem(name, text ? (Node *) makeString(text) : NULL, -1));
	}
	return result;
}

/*
 * Take `verbose' out of parameters.  It is no storage parameter, but a setting, which
 * gets its value here, for the session or until the GUC nest level ends.
 */
static List *
set_verbose(List *params, GucAction action)
{
	ListCell   *cell;

	foreach(cell, params)
	{
		DefElem    *param = lfirst(cell);

		if (strcmp(param->defname, "verbose") != 0)
			continue;
		(void) set_config_option("annoy.verbose", param->arg ? strVal(param->arg) : NULL,
								 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
		params = foreach_delete_current(params, cell);
	}
	return params;
}

/*
 * Append a storage parameter and its value, in a list.
 */
static void
append_option(StringInfo sql, const DefElem *option, bool first)
{
	appendStringInfo(sql, "%s%s = %s", first ? "" : ", ", quote_identifier(option->defname),
					 quote_literal_cstr(strVal(option->arg)));
}

/*
 * Do what a command says.
 */
void
AnnoyExecute(const char *sql)
{
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	result = SPI_execute(sql, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	SPI_finish();
}

PG_FUNCTION_INFO_V1(annoy_set_params);

/*
 * Does what Annoy's set_params() does: ALTER INDEX SET, and RESET for those
 * parameters that are null.
 */
Datum
annoy_set_params(PG_FUNCTION_ARGS)
{
	/* nobody else changes them, or the name, while we do */
	static const AnnoyRequest request = {
		.right = ANNOY_OWNS_INDEX,
		.changes = "annoy_set_params()",
		.lock = ShareUpdateExclusiveLock,
	};
	AnnoyAccess access;
	char	   *name;
	List	   *changes;
	StringInfoData set;
	StringInfoData reset;
	ListCell   *cell;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(access.rel)),
									  RelationGetRelationName(access.rel));
	changes = set_verbose(AnnoyReadParams(&access, PG_GETARG_JSONB_P(1)), GUC_ACTION_SET);
	initStringInfo(&set);
	initStringInfo(&reset);
	foreach(cell, changes)
	{
		DefElem    *change = lfirst(cell);

		if (strcmp(change->defname, "metric") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("metric of index \"%s\" cannot be changed",
							RelationGetRelationName(access.rel)),
					 errhint("Create another index, for example with annoy_clone_index().")));
		if (change->arg != NULL)
			append_option(&set, change, set.len == 0);
		else
			appendStringInfo(&reset, "%s%s", reset.len == 0 ? "" : ", ",
							 quote_identifier(change->defname));
	}
	AnnoyCloseIndex(&access);

	if (set.len > 0)
		AnnoyExecute(psprintf("ALTER INDEX %s SET (%s)", name, set.data));
	if (reset.len > 0)
		AnnoyExecute(psprintf("ALTER INDEX %s RESET (%s)", name, reset.data));
	PG_RETURN_VOID();
}

/*
 * The operator class for a type and a metric.
 */
Oid
AnnoyFindOpclass(Oid am, Oid type, AnnoyMetric metric)
{
	CatCList   *classes = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(am));
	Oid			found = InvalidOid;

	for (int i = 0; i < classes->n_members; i++)
	{
		Form_pg_opclass class = (Form_pg_opclass) GETSTRUCT(&classes->members[i]->tuple);
		Oid			proc;

		if (class->opcintype != type)
			continue;
		proc = get_opfamily_proc(class->opcfamily, type, type, ANNOY_METRIC_PROC);
		if (OidIsValid(proc) && DatumGetInt32(OidFunctionCall0(proc)) == (int) metric &&
			(!OidIsValid(found) || class->oid < found))
			found = class->oid;
	}
	ReleaseSysCacheList(classes);
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no operator class for type %s and metric \"%s\"",
						format_type_be(type), AnnoyMetricName(metric))));
	return found;
}

/*
 * The name of an operator class, in SQL.
 */
char *
AnnoyOpclassName(Oid opclass)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Form_pg_opclass class;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for opclass %u", opclass);
	class = (Form_pg_opclass) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(class->opcnamespace),
									  NameStr(class->opcname));
	ReleaseSysCache(tuple);
	return name;
}

/*
 * Append a column of an index as CREATE INDEX has it.
 */
static void
append_column(StringInfo sql, Relation rel, int i, Oid opclass)
{
	Datum		column = OidFunctionCall3(F_PG_GET_INDEXDEF_OID_INT4_BOOL,
										  ObjectIdGetDatum(RelationGetRelid(rel)),
										  Int32GetDatum(i + 1), BoolGetDatum(false));

	appendStringInfoString(sql, TextDatumGetCString(column));
	if (i >= IndexRelationGetNumberOfKeyAttributes(rel))
		return;
	if (OidIsValid(rel->rd_indcollation[i]))
		appendStringInfo(sql, " COLLATE %s",
						 generate_collation_name(rel->rd_indcollation[i]));
	appendStringInfo(sql, " %s", AnnoyOpclassName(opclass));
}

/*
 * Append the columns of an index.  The first, with the vectors, may get another
 * operator class.
 */
static void
append_columns(StringInfo sql, Relation rel, Oid opclass)
{
	oidvector  *opclasses;
	bool		isnull;

	opclasses = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, rel->rd_indextuple,
										Anum_pg_index_indclass, &isnull));
	Assert(!isnull);
	for (int i = 0; i < IndexRelationGetNumberOfAttributes(rel); i++)
	{
		if (i > 0)
			appendStringInfoString(sql, i == IndexRelationGetNumberOfKeyAttributes(rel) ?
								   ") INCLUDE (" : ", ");
		append_column(sql, rel, i, i == 0 && OidIsValid(opclass) ? opclass :
					  i < opclasses->dim1 ? opclasses->values[i] : InvalidOid);
	}
}

/*
 * Append WITH and storage parameters, but those without a value.
 */
void
AnnoyAppendOptions(StringInfo sql, List *options)
{
	bool		first = true;
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		if (option->arg == NULL)
			continue;
		if (first)
			appendStringInfoString(sql, " WITH (");
		append_option(sql, option, first);
		first = false;
	}
	if (!first)
		appendStringInfoChar(sql, ')');
}

/*
 * Append the storage parameters of an index, with a user's changes.
 */
static void
append_options(StringInfo sql, Relation rel, List *changes)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(RelationGetRelid(rel)));
	bool		isnull;
	Datum		declared;
	List	   *options;
	ListCell   *cell;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", RelationGetRelid(rel));
	declared = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	options = isnull ? NIL : untransformRelOptions(declared);
	ReleaseSysCache(tuple);

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);
		ListCell   *other;
		bool		changed = false;

		foreach(other, changes)
			changed |= strcmp(((DefElem *) lfirst(other))->defname, option->defname) == 0;
		if (changed)
			options = foreach_delete_current(options, cell);
	}
	AnnoyAppendOptions(sql, list_concat(options, changes));
}

/*
 * The CREATE INDEX for an index like another.
 */
static char *
clone_sql(Relation heap, Relation rel, const char *name, List *changes)
{
	Oid			tablespace = rel->rd_rel->reltablespace;
	List	   *predicate = RelationGetIndexPredicate(rel);
	Oid			opclass = InvalidOid;
	List	   *options = NIL;
	StringInfoData sql;
	ListCell   *cell;

	foreach(cell, changes)
	{
		DefElem    *change = lfirst(cell);

		if (strcmp(change->defname, "metric") != 0)
			options = lappend(options, change);
		else if (change->arg != NULL)
			opclass = AnnoyFindOpclass(rel->rd_rel->relam, rel->rd_opcintype[0],
									   AnnoyMetricFromName(strVal(change->arg)));
	}

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE INDEX %s ON %s USING %s (", quote_identifier(name),
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(heap)),
												RelationGetRelationName(heap)),
					 quote_identifier(get_am_name(rel->rd_rel->relam)));
	append_columns(&sql, rel, opclass);
	appendStringInfoChar(&sql, ')');
	append_options(&sql, rel, options);
	if (!OidIsValid(tablespace))
		tablespace = MyDatabaseTableSpace;
	appendStringInfo(&sql, " TABLESPACE %s",
					 quote_identifier(get_tablespace_name(tablespace)));
	if (predicate != NIL)
	{
		List	   *context = deparse_context_for(RelationGetRelationName(heap),
												  RelationGetRelid(heap));

		appendStringInfo(&sql, " WHERE %s",
						 deparse_expression((Node *) make_ands_explicit(predicate),
											context, false, false));
	}
	return sql.data;
}

PG_FUNCTION_INFO_V1(annoy_clone_index);

/*
 * Does what Annoy's clone() does: creates an index like another, with changed
 * parameters.
 */
Datum
annoy_clone_index(PG_FUNCTION_ARGS)
{
	/* what the command is made from stays as it is while it runs */
	static const AnnoyRequest request = {
		.right = ANNOY_OWNS_TABLE,
		.changes = "annoy_clone_index()",
		.heap_lock = ShareLock, /* that of CREATE INDEX */
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	AnnoyAccess access;
	Oid			namespace;
	int			nestlevel = NewGUCNestLevel();
	List	   *changes;
	char	   *sql;

	truncate_identifier(name, strlen(name), true);
	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	namespace = RelationGetNamespace(access.heap);
	changes = set_verbose(AnnoyReadParams(&access, PG_GETARG_JSONB_P(2)), GUC_ACTION_SAVE);
	sql = clone_sql(access.heap, access.rel, name, changes);
	AnnoyCloseIndex(&access);
	AnnoyExecute(sql);
	AtEOXact_GUC(true, nestlevel);
	PG_RETURN_OID(get_relname_relid(name, namespace));
}
