/*-------------------------------------------------------------------------
 *
 * vacuum.h
 *	  VACUUM, and what it does besides removing the dead.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/vacuum.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_VACUUM_H
#define ANNOY_VACUUM_H

#include "access/genam.h"

#include "bits.h"
#include "storage/storage.h"

/* vacuum.c */
extern IndexBulkDeleteResult *annoybulkdelete(IndexVacuumInfo *info,
											  IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback,
											  void *callback_state);
extern IndexBulkDeleteResult *annoyvacuumcleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);

/* adapt.c */
extern double AnnoyStalePart(Relation rel, const AnnoyIndex *index, double items);
extern bool AnnoyAdaptTrees(Relation rel, double items, bool estimated);

/* empty.c */
extern void AnnoyTellParents(Relation rel, const AnnoyIndex *index, const AnnoyBits *empty);
extern bool AnnoyLeavesAreEmpty(Relation rel, const AnnoyIndex *index, BlockNumber empty);

/* reset.c */
extern bool AnnoyLockAlone(Relation rel);
extern bool AnnoyResetIfEmpty(Relation rel, BufferAccessStrategy strategy);

/* respace.c */
extern void AnnoyCorrectSpace(Relation rel, double items, BlockNumber empty);

#endif							/* ANNOY_VACUUM_H */
