/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Building an index, and making the trees of one in use anew.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/build.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_BUILD_H
#define ANNOY_BUILD_H

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

#include "annoy.h"

/* Phases of a build, as pg_stat_progress_create_index shows them. */
#define ANNOY_PHASE_LOAD		2
#define ANNOY_PHASE_SAMPLE		3
#define ANNOY_PHASE_SKELETON	4
#define ANNOY_PHASE_REFINE		5
#define ANNOY_PHASE_ASSIGN		6
#define ANNOY_PHASE_SORT		7
#define ANNOY_PHASE_WRITE		8
#define ANNOY_PHASE_CALIBRATE	9
#define ANNOY_PHASE_LOG			10

/* Trees being made for an index in use. */
typedef struct AnnoyRebuild AnnoyRebuild;

/* build.c */
extern IndexBuildResult *annoybuild(Relation heap, Relation rel,
									IndexInfo *index_info);
extern void annoybuildempty(Relation rel);

/* rebuild.c */
extern AnnoyRebuild *AnnoyRebuildBegin(Relation rel, const AnnoyIndex *index);
extern void AnnoyRebuildFinish(AnnoyRebuild *rebuild, double items);
extern void AnnoyRebuildCancel(AnnoyRebuild *rebuild);

/* parallel.c */
extern PGDLLEXPORT void annoy_build_worker(dsm_segment *segment, shm_toc *toc);

#endif							/* ANNOY_BUILD_H */
