/*-------------------------------------------------------------------------
 *
 * reset.c
 *	  Forgetting the dimensions of an index that has no vectors any more.
 *
 * An index that was created on an empty table gets its dimensions from the
 * first vector inserted, whatever becomes of the row; one that was built, from
 * the rows there were.  When no vector is left, VACUUM makes it what it would be
 * had the table been truncated: then vectors of other dimensions may come.
 *
 * Nobody but VACUUM does that.  When it has removed the last item, snapshots that
 * see the row are gone, on standbys too: before VACUUM touches an index, the
 * table's page has been pruned, and the WAL record of that, whoever wrote it, is
 * not replayed on a standby as long as somebody there sees the row.  To look at
 * the rows themselves, as an insertion could, tells nothing of standbys.
 *
 * This happens under an AccessExclusiveLock, taken only if nobody waits for it
 * and nobody has to wait long.  So there is no other user of the index, on a
 * standby either, to whom its dimensions could change.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/reset.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/storage.h"

#include "storage/storage.h"
#include "vacuum/vacuum.h"

/* Blocks that are read before asking whether somebody waits for the lock. */
#define CHECK_WAITERS_BLOCKS	64

/*
 * Is there no vector in the index, not even of a row that is dead?  Then *end is
 * the first block that is not needed for NULLs, which may stay.  `locked' tells
 * that others may be waiting for us: if so, the answer is no.
 *
 * Items are at the front of an index, so this does not read much if there are
 * some.
 */
static bool
has_no_vectors(Relation rel, BufferAccessStrategy strategy, bool locked,
			   BlockNumber *end)
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

		if (!locked)
			AnnoyVacuumDelay();
		CHECK_FOR_INTERRUPTS();
		if (locked && block % CHECK_WAITERS_BLOCKS == 0 &&
			LockHasWaitersRelation(rel, AccessExclusiveLock))
		{
			found = true;
			break;
		}

		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
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
			else
				found = true;
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
 * Reset the index if it still has no vectors now that we have locked it.  Returns
 * false if not.
 *
 * A crash in between is for the next VACUUM to deal with: pages of NULLs that
 * have left their list may still be there.
 */
static bool
reset_locked(Relation rel, BufferAccessStrategy strategy)
{
	BlockNumber end;

	if (!has_no_vectors(rel, strategy, true, &end))
		return false;
	AnnoySetVacuumPhase(rel, ANNOY_VACUUM_BEGUN);
	AnnoyListCut(rel, ANNOY_PAGE_NULLS, end);
	AnnoyForgetDimensions(rel);
	if (end < RelationGetNumberOfBlocks(rel))
		RelationTruncate(rel, end);
	return true;
}

/*
 * Is there anything to be forgotten, or given back, if all that is needed ends
 * before a block?
 */
static bool
has_remains(Relation rel, BlockNumber end)
{
	AnnoyMetaPageData meta;

	AnnoyReadMeta(rel, &meta);
	return meta.dim > 0 || meta.leftover > 0 || end < RelationGetNumberOfBlocks(rel);
}

/*
 * For VACUUM, when it has removed what is dead: if no vector is left, reset the
 * index, unless somebody uses it, and give its pages back.  Returns whether no
 * vector is left.
 */
bool
AnnoyResetIfEmpty(Relation rel, BufferAccessStrategy strategy)
{
	BlockNumber end;
	bool		done;

	/* without the lock first, to leave others alone in the usual case */
	if (!has_no_vectors(rel, strategy, false, &end))
		return false;
	if (!has_remains(rel, end) || !AnnoyLockAlone(rel))
		return true;
	done = reset_locked(rel, strategy);
	UnlockRelation(rel, AccessExclusiveLock);
	if (done)
	{
		AnnoyClearLeftover(rel);
		AnnoySetVacuumPhase(rel, ANNOY_VACUUM_DONE);
	}
	return true;
}
