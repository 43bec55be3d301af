/*-------------------------------------------------------------------------
 *
 * reset.c
 *	  Forgetting the dimensions of an index that has no vectors any more.
 *
 * An index that was created on an empty table gets its dimensions from the
 * first vector inserted, whatever becomes of the row.  When no vector is left,
 * the index is made again what it was before: by VACUUM, or by an insertion of
 * a vector with other dimensions which finds nothing but dead rows.  The latter
 * does so to an index that was built, too; VACUUM leaves that its trees.
 *
 * Both happen under an AccessExclusiveLock, taken only if nobody waits for it
 * and nobody has to wait long.  So there is no other user of the index, on a
 * standby either, to whom its dimensions could change.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/reset.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/storage.h"
#include "utils/snapmgr.h"

#include "annoy.h"

/* Blocks that are read before asking whether somebody waits for the lock. */
#define CHECK_WAITERS_BLOCKS	64

/*
 * May anybody see a version of that row, now or later?  Not if all are dead to
 * every snapshot, as those of an aborted transaction are.
 */
static bool
may_be_seen(Relation heap, ItemPointer tid)
{
	SnapshotData snapshot;
	bool		all_dead;

	InitDirtySnapshot(snapshot);
	return table_index_fetch_tuple_check(heap, tid, &snapshot, &all_dead) ||
		!all_dead;
}

/*
 * Is there no vector in the index, or, if we are given the table, none but of
 * dead rows?  Then *end is the first block that is not needed for NULLs, which
 * may stay.  `locked' tells that others may be waiting for us: if so, the
 * answer is no.
 */
static bool
has_no_vectors(Relation rel, Relation heap, bool locked, BlockNumber *end)
{
	const AnnoyIndex *index = AnnoyOpen(rel);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	bool		found = false;

	*end = AnnoyRootBlock(index->n_trees);
	for (BlockNumber block = *end; block < nblocks && !found; block++)
	{
		Buffer		buffer;
		AnnoySlot	slots = AnnoyPageGetSlots(copy->data);
		int			nslots;

		CHECK_FOR_INTERRUPTS();
		if (locked && block % CHECK_WAITERS_BLOCKS == 0 &&
			LockHasWaitersRelation(rel, AccessExclusiveLock))
		{
			found = true;
			break;
		}

		buffer = ReadBuffer(rel, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(copy->data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);

		nslots = AnnoyPageSlotCount(index, copy->data);
		for (int i = 0; i < nslots && !found; i++)
		{
			if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_FREE)
				continue;
			if (AnnoyPageGetTag(copy->data)->kind == ANNOY_PAGE_NULLS)
				*end = block + 1;
			else if (AnnoySlotState(&slots[i]) == ANNOY_SLOT_LIVE)
				found = heap == NULL || may_be_seen(heap, &slots[i].tid);
		}
	}
	pfree(copy);
	return !found;
}

/*
 * Lock the index against everybody else, unless it is in use: by others, or by
 * a scan or a statement of our own besides the one that calls us.
 */
bool
AnnoyLockAlone(Relation rel)
{
	return rel->rd_refcnt == 1 && !IsInParallelMode() &&
		ConditionalLockRelation(rel, AccessExclusiveLock);
}

/*
 * Reset the index if it still has no vectors now that we have locked it.
 */
static bool
reset_locked(Relation rel, Relation heap)
{
	BlockNumber end;

	if (!has_no_vectors(rel, heap, true, &end))
		return false;
	AnnoyNullsCut(rel, end);
	AnnoyForgetDimensions(rel);
	if (end < RelationGetNumberOfBlocks(rel))
		RelationTruncate(rel, end);
	return true;
}

/*
 * For VACUUM, when it has counted no items: reset the index, and give its pages
 * back.
 */
void
AnnoyResetIfEmpty(Relation rel)
{
	const AnnoyIndex *index = AnnoyOpen(rel);

	/* trees that were built are worth keeping for what comes */
	if (index->built_items > 0 ||
		RelationGetNumberOfBlocks(rel) <= AnnoyRootBlock(index->n_trees) ||
		!AnnoyLockAlone(rel))
		return;
	(void) reset_locked(rel, NULL);
	UnlockRelation(rel, AccessExclusiveLock);
}

/*
 * Is there a vector in the index whose row is not dead?
 */
bool
AnnoyHasVectors(Relation rel, Relation heap)
{
	BlockNumber end;

	return !has_no_vectors(rel, heap, false, &end);
}

/*
 * For an insertion that wants other dimensions than an index has from an
 * earlier one: reset the index if all vectors are of dead rows.  Returns true if
 * the dimensions may have changed.
 */
bool
AnnoyResetIfDead(Relation rel, Relation heap)
{
	BlockNumber end;
	bool		done = false;

	/* without the lock first, to leave others alone in the usual case */
	if (has_no_vectors(rel, heap, false, &end) && AnnoyLockAlone(rel))
	{
		done = reset_locked(rel, heap);
		UnlockRelation(rel, AccessExclusiveLock);
	}
	return done;
}
