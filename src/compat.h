/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 14 and 18, in one place.
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

/* what runs as another user looks for names in safe places only, since 17 */
#if PG_VERSION_NUM >= 170000
#define AnnoyRestrictSearchPath()	RestrictSearchPath()
#else
#define AnnoyRestrictSearchPath()	((void) 0)
#endif

#if PG_VERSION_NUM >= 180000
#define AnnoyBeginScan(heap, rel, snapshot, nkeys, norderbys) \
	index_beginscan(heap, rel, snapshot, NULL, nkeys, norderbys)
#else
#define AnnoyBeginScan(heap, rel, snapshot, nkeys, norderbys) \
	index_beginscan(heap, rel, snapshot, nkeys, norderbys)
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

/* tuplesort_begin_heap takes flags instead of a boolean since 15 */
#if PG_VERSION_NUM >= 150000
#define ANNOY_TUPLESORT_NONE TUPLESORT_NONE
#else
#define ANNOY_TUPLESORT_NONE false
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
