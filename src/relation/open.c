/*-------------------------------------------------------------------------
 *
 * open.c
 *	  An index that a function is called with: how it is opened, and closed.
 *
 * All functions that take an index from SQL open it here, so that they agree on
 * what they accept, whom they let, and what they lock.  A function says what it
 * wants in an AnnoyRequest, and gets an AnnoyAccess.  What holds for all of them:
 *
 * Kind.  The OID, which mostly comes from a name, must be that of an index of
 * this access method (42809), or else it does not exist (42704).  A partitioned
 * index has no contents, and is refused with a message of its own.  An index
 * that is not valid (55000), that belongs to another session's temporary table
 * (0A000), or that is unlogged, during recovery (0A000), has none that could be
 * read.
 *
 * Privileges.  They are the calling user's, and the request says which.  Where
 * rows or vectors go to the user, row-level security must not apply to him: a
 * policy needs a query that it can be added to (0A000, as for COPY).  A function
 * that changes something does so neither during recovery nor in a transaction
 * that is read-only (25006).
 *
 * Locks.  The table is locked before the index: the order that everybody keeps
 * to.  All of the above is looked up in the catalogs twice: before anything is
 * locked, since who may not use an index must not wait for others that lock it,
 * nor have them wait for him; and when the locks are held, since until then it
 * may be dropped, altered, or have its privileges revoked, and its OID may even
 * be that of something else.  What functions return that read and report is a
 * thing of the past when it is returned, so these give their locks back.  But
 * rows are referred to later, by their TIDs, and changes are not to be undone by
 * others before they are committed: those locks stay until the transaction ends,
 * as a query's and a command's do.
 *
 * Rows.  A function that looks at rows of the table is given a snapshot, which
 * must not be older than what the index knows (40001).  Until the index is
 * closed it runs as the owner of the table, who made the expressions of the index
 * that it may evaluate; with a safe search_path, and without doing things that
 * last beyond that.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/open.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "relation/relation.h"
#include "storage/storage.h"

static void
no_such_index(Oid oid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("index with OID %u does not exist", oid)));
}

/*
 * Raise an error unless a relation is an index of this access method.
 */
static void
check_kind(Form_pg_class class)
{
	const char *name = NameStr(class->relname);
	char		kind = class->relkind;

	if ((kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX) ||
		class->relam != get_index_am_oid("annoy", false))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an annoy index", name),
				 kind == RELKIND_RELATION || kind == RELKIND_MATVIEW ||
				 kind == RELKIND_PARTITIONED_TABLE ?
				 errhint("Give the name of an index on it.") : 0));
	if (kind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", name),
				 errdetail("It has no contents of its own."),
				 errhint("Use the indexes of its partitions.")));
}

/*
 * Raise an error unless the user has the right to do what he wants with an index.
 */
static void
check_right(AnnoyRight right, Form_pg_class class, Oid table)
{
	Oid			user = GetUserId();
	char	   *table_name = get_rel_name(table);
	ObjectType	table_type = get_relkind_objtype(get_rel_relkind(table));
	bool		is_missing = false;
	AclResult	acl;

	if (table_name == NULL)
		no_such_index(class->oid);
	switch (right)
	{
		case ANNOY_MAY_EXECUTE:
			break;
		case ANNOY_MAY_SELECT:
			acl = pg_class_aclcheck_ext(table, user, ACL_SELECT, &is_missing);
			if (is_missing)
				no_such_index(class->oid);
			if (acl != ACLCHECK_OK)
				aclcheck_error(acl, table_type, table_name);
			break;
		case ANNOY_MAY_MAINTAIN:
		case ANNOY_OWNS_INDEX:
			if (right == ANNOY_MAY_MAINTAIN &&
				pg_class_aclcheck_ext(table, user, ACL_MAINTAIN, &is_missing) == ACLCHECK_OK)
				break;
			if (!has_privs_of_role(user, class->relowner))
				aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, NameStr(class->relname));
			break;
		case ANNOY_OWNS_TABLE:
			/* they have the same owner, but that is what is altered */
			if (!has_privs_of_role(user, class->relowner))
				aclcheck_error(ACLCHECK_NOT_OWNER, table_type, table_name);
			break;
	}
}

/*
 * Raise an error unless the contents of an index can be used.
 */
static void
check_contents(Form_pg_class class, Form_pg_index index)
{
	const char *name = NameStr(class->relname);

	if (class->relpersistence == RELPERSISTENCE_TEMP &&
		!isTempOrTempToastNamespace(class->relnamespace))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary index \"%s\" of another session", name)));
	if (class->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access unlogged index \"%s\" during recovery", name),
				 errdetail("What is unlogged is not there on a standby.")));

	/* one that is valid and not ready, or not live, is about to be dropped */
	if (!index->indisvalid || !index->indisready || !index->indislive)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", name),
				 errhint("REINDEX or drop it, unless it is being built or dropped at the moment.")));
}

/*
 * Raise an error unless an index is what is requested.  Returns the OID of its
 * table.
 *
 * This looks at the catalogs only, and takes no locks.  So unless the caller
 * holds some, all that may have changed when it returns.
 */
static Oid
check_request(Oid oid, const AnnoyRequest *request)
{
	HeapTuple	class_tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	HeapTuple	index_tuple;
	Form_pg_class class;
	Oid			table;

	if (!HeapTupleIsValid(class_tuple))
		no_such_index(oid);
	class = (Form_pg_class) GETSTRUCT(class_tuple);
	check_kind(class);
	index_tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(index_tuple))
		no_such_index(oid);
	table = ((Form_pg_index) GETSTRUCT(index_tuple))->indrelid;
	check_right(request->right, class, table);
	check_contents(class, (Form_pg_index) GETSTRUCT(index_tuple));
	if (request->returns_rows && check_enable_rls(table, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows of table \"%s\", which has row-level security, cannot be taken from index \"%s\"",
						get_rel_name(table), NameStr(class->relname)),
				 errhint("Use SELECT with ORDER BY and LIMIT instead, or a role to which row-level security does not apply.")));
	ReleaseSysCache(index_tuple);
	ReleaseSysCache(class_tuple);
	return table;
}

/*
 * Take the snapshot whose rows are looked at.
 *
 * An index that was made while there were old versions of rows does not know the
 * values of all of them.  Who has a snapshot of the time before may see these.  A
 * snapshot that is taken now does not, unless it is the transaction's only one.
 */
static Snapshot
take_snapshot(Relation rel, AnnoySnapshot which)
{
	bool		is_new = which == ANNOY_NEW_SNAPSHOT;
	Snapshot	snapshot = RegisterSnapshot(is_new ? GetTransactionSnapshot() :
											GetActiveSnapshot());

	if (rel->rd_index->indcheckxmin && (!is_new || IsolationUsesXactSnapshot()) &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(rel->rd_indextuple->t_data),
							   snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("index \"%s\" cannot be used with this transaction's snapshot",
						RelationGetRelationName(rel)),
				 errdetail("The snapshot may see rows that had been changed before the index was created."),
				 errhint("Try again in a new transaction.")));
	return snapshot;
}

/*
 * Become the owner of the table, until the index is closed: for whoever may evaluate
 * the index's expressions.
 */
void
AnnoyBecomeOwner(AnnoyAccess *access)
{
	access->is_owner = true;
	GetUserIdAndSecContext(&access->user, &access->security_context);
	SetUserIdAndSecContext(access->heap->rd_rel->relowner,
						   access->security_context | SECURITY_RESTRICTED_OPERATION);
	access->nestlevel = NewGUCNestLevel();
	AnnoyRestrictSearchPath();
}

/*
 * Open an index by its OID, or raise an error: see the head of this file.  What
 * is filled in of *access is the caller's until AnnoyCloseIndex(); after an error
 * it need not be called.
 */
void
AnnoyOpenIndex(Oid oid, const AnnoyRequest *request, AnnoyAccess *access)
{
	Oid			table;

	if (request->changes != NULL)
	{
		PreventCommandDuringRecovery(request->changes);
		PreventCommandIfReadOnly(request->changes);
		PreventCommandIfParallelMode(request->changes);
	}

	table = check_request(oid, request);
	access->heap_lock = request->heap_lock != NoLock ? request->heap_lock : AccessShareLock;
	access->lock = request->lock != NoLock ? request->lock : AccessShareLock;
	access->heap = try_relation_open(table, access->heap_lock);
	access->rel = try_relation_open(oid, access->lock);
	if (check_request(oid, request) != table ||
		access->heap == NULL || access->rel == NULL)
		no_such_index(oid);
	if (request->changes != NULL || request->returns_rows)
		access->heap_lock = access->lock = NoLock;

	access->index = request->any_format ? NULL : AnnoyOpen(access->rel);
	access->snapshot = NULL;
	access->is_owner = false;
	if (request->snapshot != ANNOY_NO_SNAPSHOT)
	{
		access->snapshot = take_snapshot(access->rel, request->snapshot);
		AnnoyBecomeOwner(access);
	}
}

/*
 * Close an index, and be again who we were.
 */
void
AnnoyCloseIndex(AnnoyAccess *access)
{
	if (access->is_owner)
	{
		AtEOXact_GUC(false, access->nestlevel);
		SetUserIdAndSecContext(access->user, access->security_context);
	}
	if (access->snapshot != NULL)
		UnregisterSnapshot(access->snapshot);
	relation_close(access->rel, access->lock);
	relation_close(access->heap, access->heap_lock);
}

static void
no_such_relation(Oid oid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", oid)));
}

/*
 * Raise an error unless the user may read a column of a relation at least.
 */
static void
check_may_read(Oid oid)
{
	char		kind = get_rel_relkind(oid);
	char	   *name = get_rel_name(oid);
	bool		is_missing = false;

	if (kind == '\0' || name == NULL)
		no_such_relation(oid);
	if (pg_class_aclcheck_ext(oid, GetUserId(), ACL_SELECT, &is_missing) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(oid, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), name);
}

/*
 * Open another relation that a function is called with, which it reads by a
 * query.  The query finds out whether the user may read all that it reads; but
 * who may read nothing of it is not to lock it.
 *
 * It is for the caller to close it, and to keep the AccessShareLock until the
 * query has been planned.
 */
Relation
AnnoyOpenQueried(Oid oid)
{
	Relation	rel;

	check_may_read(oid);
	rel = try_relation_open(oid, AccessShareLock);
	if (rel == NULL)
		no_such_relation(oid);
	check_may_read(oid);
	return rel;
}
