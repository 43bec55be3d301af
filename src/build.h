/*-------------------------------------------------------------------------
 *
 * build.h
 *	  What the files of the build share: build.c loads items and the sample,
 *	  forest.c makes the trees.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_BUILD_H
#define ANNOY_BUILD_H

#include <math.h>

#include "executor/tuptable.h"
#include "utils/tuplestore.h"

typedef struct AnnoyBuild
{
	Relation	rel;
	IndexInfo  *index_info;
	AnnoyIndex *index;			/* dim 0 until the first vector of a live row */
	MemoryContext row_context;
	Tuplestorestate *dead_rows; /* TID and vector, while dim is 0; or NULL */
	TupleTableSlot *dead_slot;

	/* items */
	double		item_count;		/* vectors, without NULLs */
	double		null_count;
	char	   *items;			/* the group being filled */
	int			items_used;		/* slots */
	PGAlignedBlock nulls;		/* the page of NULLs being filled */
	int			nulls_used;
	BlockNumber null_free;		/* the page of NULLs with free slots */

	/*
	 * Sample: rows of space_dim floats.  Images of vectors until the scan is
	 * over, points of the search space then.
	 */
	float	   *sample;
	uint64	   *sample_hash;
	uint64		sample_limit;	/* hashes from here on are not taken */
	int			sample_count;
	int			sample_allocated;
	int			sample_max;
} AnnoyBuild;

/* build.c */
extern BlockNumber AnnoyBuildWrite(Relation rel, const char *pages, int n);
extern void AnnoyBuildEmpty(Relation rel, const AnnoyIndex *index,
							ForkNumber fork);

/* forest.c */
extern void AnnoyBuildForest(AnnoyBuild *build);

#endif							/* ANNOY_BUILD_H */
