/*-------------------------------------------------------------------------
 *
 * handler.c
 *	  The access method's handler, and what is done when the module is loaded.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/handler.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"

#include "annoy.h"
#include "build/build.h"
#include "relation/relation.h"
#include "scan/scan.h"
#include "tree/tree.h"
#include "type/type.h"
#include "vacuum/vacuum.h"

ANNOY_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/*
 * Module load.
 */
void
_PG_init(void)
{
	AnnoyDefineOptions();
	AnnoyWatchOptions();
	AnnoyWatchExecutor();
	AnnoyDefineExplain();
}

/*
 * The distance operator of the first column can order a scan: what
 * pg_index_column_has_property says of distance_orderable.
 */
static bool
annoyproperty(Oid index_oid pg_attribute_unused(), int attno, IndexAMProperty prop,
			  const char *propname pg_attribute_unused(),
			  bool *res, bool *isnull pg_attribute_unused())
{
	if (prop != AMPROP_DISTANCE_ORDERABLE || attno == 0)
		return false;
	*res = attno == 1;
	return true;
}

static char *
annoybuildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case ANNOY_PHASE_LOAD:
			return "storing items";
		case ANNOY_PHASE_SAMPLE:
			return "taking a sample";
		case ANNOY_PHASE_SKELETON:
			return "growing trees on a sample";
		case ANNOY_PHASE_REFINE:
			return "refining leaf centres";
		case ANNOY_PHASE_ASSIGN:
			return "assigning items to leaves";
		case ANNOY_PHASE_SORT:
			return "sorting entries";
		case ANNOY_PHASE_WRITE:
			return "writing trees";
		case ANNOY_PHASE_CALIBRATE:
			return "measuring recall";
		case ANNOY_PHASE_LOG:
			return "writing WAL";
		default:
			return NULL;
	}
}

PG_FUNCTION_INFO_V1(annoyhandler);

/*
 * The access method's routines and properties.
 */
Datum
annoyhandler(PG_FUNCTION_ARGS pg_attribute_unused())
{
	static const IndexAmRoutine routine = {
		.type = T_IndexAmRoutine,

		/* classes for conditions have operators with any strategy number */
		.amstrategies = 0,
		.amsupport = ANNOY_NUM_PROCS,
		.amoptsprocnum = 0,
		.amcanorder = false,
		.amcanorderbyop = true,
		.amcanbackward = false,
		.amcanunique = false,
		.amcanmulticol = true,
		.amoptionalkey = true,
		.amsearcharray = true,
		.amsearchnulls = true,
		.amstorage = false,
		.amclusterable = false,
		.ampredlocks = false,
		.amcanparallel = false,
#if PG_VERSION_NUM >= 170000
		.amcanbuildparallel = true,
#endif
		.amcaninclude = false,
		.amusemaintenanceworkmem = true,
		.amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL |
		VACUUM_OPTION_PARALLEL_COND_CLEANUP,
		.amkeytype = InvalidOid,

		.ambuild = annoybuild,
		.ambuildempty = annoybuildempty,
		.aminsert = annoyinsert,
		.ambulkdelete = annoybulkdelete,
		.amvacuumcleanup = annoyvacuumcleanup,
		.amcanreturn = NULL,
		.amcostestimate = annoycostestimate,
		.amoptions = annoyoptions,
		.amproperty = annoyproperty,
		.ambuildphasename = annoybuildphasename,
		.amvalidate = annoyvalidate,
		.ambeginscan = annoybeginscan,
		.amrescan = annoyrescan,
		.amgettuple = annoygettuple,
		.amgetbitmap = NULL,
		.amendscan = annoyendscan,
		.ammarkpos = NULL,
		.amrestrpos = NULL,
		.amestimateparallelscan = NULL,
		.aminitparallelscan = NULL,
		.amparallelrescan = NULL,
	};

	AnnoyReturnRoutine(&routine);
}
