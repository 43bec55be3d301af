/*-------------------------------------------------------------------------
 *
 * exact.h
 *	  The right answers to queries: see exact.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/exact.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RECALL_EXACT_H
#define ANNOY_RECALL_EXACT_H

#include "storage/storage.h"

/* The smallest of some distances. */
typedef struct AnnoyDistances
{
	int			wanted;
	int			count;
	double	   *heap;			/* the largest first */
} AnnoyDistances;

/* A query, and the distances of its nearest items. */
typedef struct AnnoyAsked
{
	AnnoyVector vector;
	AnnoyPointer self;			/* does not count; invalid if it is not an
								 * item */
	AnnoyDistances nearest;
} AnnoyAsked;

/* Does an item count? */
typedef bool (*AnnoyItemCounts) (const AnnoyItem *item, void *arg);

extern void AnnoyDistancesInit(AnnoyDistances *nearest, int wanted);
extern void AnnoyDistancesAdd(AnnoyDistances *nearest, double distance);
extern void AnnoyFindAnswers(Relation rel, const AnnoyIndex *index, AnnoyAsked *asked,
							 int n, AnnoyItemCounts counts, void *arg);

static inline bool
AnnoyDistancesAreFull(const AnnoyDistances *nearest)
{
	return nearest->count == nearest->wanted;
}

/* Is a pointer that of the item that is asked, which may be none? */
static inline bool
AnnoyAskedIs(const AnnoyAsked *asked, const AnnoyPointer *pointer)
{
	return ItemPointerIsValid(&asked->self) && AnnoyPointersEqual(&asked->self, pointer);
}

#endif							/* ANNOY_RECALL_EXACT_H */
