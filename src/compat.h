/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 14 and 19, in one place.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_COMPAT_H
#define ANNOY_COMPAT_H

#include "access/reloptions.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"

/* 13 has no lib/sort_template.h */
#if PG_VERSION_NUM < 140000
#error "annoy needs PostgreSQL 14 or later"
#endif

/*
 * With less, distances are not passed by value, and the processor may compute
 * with more digits than a type has, so that the pages would not be the same.
 */
#if SIZEOF_VOID_P < 8
#error "annoy needs a machine with 64-bit addresses"
#endif

/* Tables of codes are made by shuffles of the bytes of integers. */
#ifdef WORDS_BIGENDIAN
#error "annoy needs a little-endian machine"
#endif

/*
 * The compiler is told of functions that do not return by a word in front of
 * their declaration since 18.
 */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* a module tells its version since 18 */
#ifdef PG_MODULE_MAGIC_EXT
#define ANNOY_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "annoy", .version = ANNOY_VERSION)
#else
#define ANNOY_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/*
 * A handler returns a constant since 19; before, its caller may free what it
 * returns.
 */
#if PG_VERSION_NUM >= 190000
#define AnnoyReturnRoutine(routine) PG_RETURN_POINTER(routine)
#else
#define AnnoyReturnRoutine(routine) \
	do { \
		IndexAmRoutine *copy_ = makeNode(IndexAmRoutine); \
		*copy_ = *(routine); \
		PG_RETURN_POINTER(copy_); \
	} while (0)
#endif

/* a row type has to be told when it has all its columns since 19 */
#if PG_VERSION_NUM < 190000
#define TupleDescFinalize(desc) ((void) 0)
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM >= 150000
#define AnnoyInitSet(fcinfo)	InitMaterializedSRF(fcinfo, 0)
#else
extern void AnnoyInitSet(FunctionCallInfo fcinfo);
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#if PG_VERSION_NUM >= 180000
#define AnnoyVacuumDelay()	vacuum_delay_point(false)
#else
#define AnnoyVacuumDelay()	vacuum_delay_point()
#endif

/* the privilege to maintain a table is there since 17; before, nobody has it */
#if PG_VERSION_NUM < 170000
#define ACL_MAINTAIN	ACL_NO_RIGHTS
#endif

/* what runs as another user looks for names in safe places only, since 17 */
#if PG_VERSION_NUM >= 170000
#define AnnoyRestrictSearchPath()	RestrictSearchPath()
#else
#define AnnoyRestrictSearchPath()	((void) 0)
#endif

#if PG_VERSION_NUM >= 190000
#define AnnoyBeginScan(heap, rel, snapshot, nkeys, norderbys) \
	index_beginscan(heap, rel, snapshot, NULL, nkeys, norderbys, SO_NONE)
#elif PG_VERSION_NUM >= 180000
#define AnnoyBeginScan(heap, rel, snapshot, nkeys, norderbys) \
	index_beginscan(heap, rel, snapshot, NULL, nkeys, norderbys)
#else
#define AnnoyBeginScan(heap, rel, snapshot, nkeys, norderbys) \
	index_beginscan(heap, rel, snapshot, nkeys, norderbys)
#endif

/* scans of tables have flags since 19, too, and so has fetching rows for an index */
#if PG_VERSION_NUM >= 190000
#define AnnoyBeginFetch(heap) table_index_fetch_begin(heap, SO_NONE)
#define AnnoyBeginTableScan(heap, snapshot) \
	table_beginscan(heap, snapshot, 0, NULL, SO_NONE)
#else
#define AnnoyBeginFetch(heap) table_index_fetch_begin(heap)
#define AnnoyBeginTableScan(heap, snapshot) table_beginscan(heap, snapshot, 0, NULL)
#endif

/* the files of a shared set are those of a set since 15 */
#if PG_VERSION_NUM >= 150000
#define AnnoyFileSetCreate(fileset, name) FileSetCreate(&(fileset)->fs, name)
#define AnnoyFileSetOpen(fileset, name, mode) FileSetOpen(&(fileset)->fs, name, mode)
#else
#define AnnoyFileSetCreate(fileset, name) SharedFileSetCreate(fileset, name)
#define AnnoyFileSetOpen(fileset, name, mode) SharedFileSetOpen(fileset, name, mode)
#endif

/* the state of a buffer, which is locked by it since 19, and so has grown */
#if PG_VERSION_NUM >= 190000
#define AnnoyBufferUsage(buffer) \
	BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u64(&GetBufferDescriptor((buffer) - 1)->state))
#else
#define AnnoyBufferUsage(buffer) \
	BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(&GetBufferDescriptor((buffer) - 1)->state))
#endif

/* a boolean, whether to copy what is by reference, is among the arguments since 16 */
#if PG_VERSION_NUM >= 160000
#define AnnoyGetSorted(sort, value, isnull) \
	tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define AnnoyGetSorted(sort, value, isnull) \
	tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* what a check hook returns as extra, since 16 */
#if PG_VERSION_NUM >= 160000
#define AnnoyGucAlloc(size)	guc_malloc(LOG, size)
#else
#define AnnoyGucAlloc(size)	malloc(size)
#endif

#if PG_VERSION_NUM >= 160000
#define AnnoyRelationFile(rel) ((rel)->rd_locator)
#else
#define AnnoyRelationFile(rel) ((rel)->rd_node)
#endif

#if PG_VERSION_NUM >= 170000
#define AnnoyIsAutovacuumWorker()	AmAutoVacuumWorkerProcess()
#else
#define AnnoyIsAutovacuumWorker()	IsAutoVacuumWorkerProcess()
#endif

/*
 * Make a path worse than any other, a sequential scan that is disabled included:
 * since 18, costs do not count if another has fewer disabled nodes.
 */
#if PG_VERSION_NUM >= 180000
#define AnnoyDisablePath(path)	((path)->disabled_nodes = 2)
#else
#define AnnoyDisablePath(path)	((void) (path))
#endif

/* may a window stop before it has read all rows?  (since 15) */
#if PG_VERSION_NUM >= 150000
#define AnnoyWindowMayStop(node) (((WindowAggState *) (node))->runcondition != NULL)
#else
#define AnnoyWindowMayStop(node) false
#endif

/* ExecutorRun's last parameter is gone since 18 */
#if PG_VERSION_NUM >= 180000
#define ANNOY_RUN_ONCE_PARAMETER
#define ANNOY_RUN_ONCE
#else
#define ANNOY_RUN_ONCE_PARAMETER	, bool execute_once
#define ANNOY_RUN_ONCE	, execute_once
#endif

/*
 * Make a memory context that keeps its first block, of that size, when it is reset,
 * and puts pieces of up to that size into blocks.    There is none before 15, where
 * large pieces of memory come from the operating system, and go back to it.
 */
#if PG_VERSION_NUM >= 150000
#define AnnoyKeepingContextCreate(parent, name, size) \
	GenerationContextCreate(parent, name, size, (size) / 8, 8 * (size))
#else
#define AnnoyKeepingContextCreate(parent, name, size) \
	AllocSetContextCreate(parent, name, ALLOCSET_DEFAULT_SIZES)
#endif

/* tuplesort_begin_heap takes flags instead of a boolean since 15 */
#if PG_VERSION_NUM >= 150000
#define ANNOY_TUPLESORT_NONE TUPLESORT_NONE
#else
#define ANNOY_TUPLESORT_NONE false
#endif

/*
 * An option of EXPLAIN, since 18; since 19 a boolean one says so, as auto_explain has it
 * in a setting.
 */
#if PG_VERSION_NUM >= 190000
#define AnnoyRegisterExplainOption(name, handler) \
	RegisterExtensionExplainOption(name, handler, GUCCheckBooleanExplainOption)
#elif PG_VERSION_NUM >= 180000
#define AnnoyRegisterExplainOption(name, handler) \
	RegisterExtensionExplainOption(name, handler)
#endif

/* what EXPLAIN ANALYZE shows as index searches, since 18 */
#if PG_VERSION_NUM >= 180000
#define AnnoyCountScan(scan) \
	do { \
		pgstat_count_index_scan((scan)->indexRelation); \
		if ((scan)->instrument) \
			(scan)->instrument->nsearches++; \
	} while (0)
#else
#define AnnoyCountScan(scan) pgstat_count_index_scan((scan)->indexRelation)
#endif

#endif							/* ANNOY_COMPAT_H */
