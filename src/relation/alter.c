/*-------------------------------------------------------------------------
 *
 * alter.c
 *	  ALTER INDEX SET: what takes effect only when the index is rebuilt, and
 *	  what cannot change.
 *
 * The access method is asked whether storage parameters are valid, but not told
 * of which index they are, nor what they were before.  So this looks at the
 * catalog after each change of a relation.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/alter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "annoy.h"
#include "relation/relation.h"
#include "storage/storage.h"

static object_access_hook_type next_hook = NULL;

/*
 * Does a storage parameter say how an index is built, rather than how it is
 * used?
 */
static bool
needs_rebuild(const char *name)
{
	return strcmp(name, "search_k") != 0 && strcmp(name, "target_recall") != 0 &&
		strcmp(name, "n_neighbors") != 0 && strcmp(name, "dimensions") != 0;
}

/*
 * The storage parameters of a pg_class row: a list of DefElem.
 *
 * Not by heap_getattr(): the one of 15.20 calls a function that 15.18 does not
 * have.
 */
static List *
row_options(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		options = fastgetattr(tuple, Anum_pg_class_reloptions, desc, &isnull);

	return isnull ? NIL : untransformRelOptions(options);
}

static const char *
option_value(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return NULL;
}

/*
 * Warn that an index is declared with a seed of 0, which, as in Annoy, is none.
 */
void
AnnoyWarnOfSeed(const char *index_name)
{
	if (annoy_verbose > -2)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("seed 0 is not used"),
				 errdetail("Index \"%s\" uses the default seed, " UINT64_FORMAT ".",
						   index_name, ANNOY_DEFAULT_SEED)));
}

/*
 * Vectors that are in the index cannot be declared to have other dimensions, nor any.
 */
static void
check_new_dimensions(Oid oid, const char *value)
{
	Relation	rel = index_open(oid, NoLock);
	int			dim = rel->rd_index->indisvalid ? AnnoyOpen(rel)->dim : 0;
	int			declared = value != NULL ? atoi(value) : dim;

	if (dim > 0 && declared != dim)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("dimensions of index \"%s\" cannot be changed from %d to %d",
						RelationGetRelationName(rel), dim, declared),
				 errdetail("There are vectors with %d dimensions in the index.", dim),
				 AnnoyHintForget(rel, dim)));
	index_close(rel, NoLock);
}

static void
option_changed(Oid oid, const char *index_name, const char *name, const char *value)
{
	if (strcmp(name, "dimensions") == 0)
		check_new_dimensions(oid, value);
	if (strcmp(name, "seed") == 0 && value != NULL && value[0] != '\0' &&
		strspn(value, "0") == strlen(value))
		AnnoyWarnOfSeed(index_name);
	if (needs_rebuild(name) && annoy_verbose > -1)
		ereport(NOTICE,
				(errmsg("storage parameter \"%s\" takes effect when index \"%s\" is rebuilt",
						name, index_name),
				 errhint("Use REINDEX INDEX.")));
}

/*
 * Compare the storage parameters that a command has given an index with those
 * it had.
 */
static void
compare_options(Oid oid, HeapTuple before, HeapTuple after, TupleDesc desc)
{
	const char *index_name = NameStr(((Form_pg_class) GETSTRUCT(after))->relname);
	List	   *old_options = row_options(before, desc);
	List	   *new_options = row_options(after, desc);
	ListCell   *cell;

	foreach(cell, new_options)
	{
		DefElem    *option = lfirst(cell);
		const char *value = defGetString(option);
		const char *old_value = option_value(old_options, option->defname);

		if (old_value == NULL || strcmp(old_value, value) != 0)
			option_changed(oid, index_name, option->defname, value);
	}
	foreach(cell, old_options)
	{
		DefElem    *option = lfirst(cell);

		if (option_value(new_options, option->defname) == NULL)
			option_changed(oid, index_name, option->defname, NULL);
	}
}

/*
 * A relation has been altered.  The change is not visible yet, so the caches
 * still have what was before.
 */
static void
relation_altered(Oid oid)
{
	HeapTuple	before = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Relation	classes;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	after;

	if (!HeapTupleIsValid(before))
		return;
	if (((Form_pg_class) GETSTRUCT(before))->relkind == RELKIND_INDEX &&
		((Form_pg_class) GETSTRUCT(before))->relam == get_index_am_oid("annoy", true))
	{
		classes = table_open(RelationRelationId, AccessShareLock);
		ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(oid));
		scan = systable_beginscan(classes, ClassOidIndexId, true, SnapshotSelf, 1, &key);
		after = systable_getnext(scan);
		if (HeapTupleIsValid(after))
			compare_options(oid, before, after, RelationGetDescr(classes));
		systable_endscan(scan);
		table_close(classes, AccessShareLock);
	}
	ReleaseSysCache(before);
}

static void
object_accessed(ObjectAccessType access, Oid class_id, Oid oid, int sub_id, void *arg)
{
	if (next_hook)
		next_hook(access, class_id, oid, sub_id, arg);
	if (access == OAT_POST_ALTER && class_id == RelationRelationId && sub_id == 0)
		relation_altered(oid);
}

/*
 * Module load.  ALTER INDEX has the module loaded, to validate the parameters,
 * before it gets here.
 */
void
AnnoyWatchOptions(void)
{
	next_hook = object_access_hook;
	object_access_hook = object_accessed;
}
