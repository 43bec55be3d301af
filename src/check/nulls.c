/*-------------------------------------------------------------------------
 *
 * nulls.c
 *	  The part of annoy_index_check() that checks the list of pages with free
 *	  slots for NULLs.
 *
 * Pages join and leave the list at its head all the time, and a page that was
 * passed may be met again, behind one that has come back.  Whoever changes the
 * list changes the metapage's counter with it.  So what looks wrong is believed
 * if the counter still is what it was when the walk began.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/nulls.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bits.h"
#include "check/check.h"
#include "storage/storage.h"

typedef struct NullsCheck
{
	AnnoyCheck *check;
	PGAlignedBlock *page;
	uint32		changes;		/* of the list, when the walk began */
	AnnoyBits	listed;
} NullsCheck;

/*
 * Report that the list is corrupted at a block, unless it has changed since the
 * walk began.
 */
#define NULLS_FAULT(state, ...) \
	(list_unchanged(state) ? AnnoyReport((state)->check, __VA_ARGS__) : (void) 0)

static uint32
read_head(const AnnoyCheck *check, BlockNumber *head)
{
	Buffer		buffer = AnnoyLockMeta(check->rel, BUFFER_LOCK_SHARE);
	AnnoyMetaPage meta = AnnoyPageGetMeta(BufferGetPage(buffer));
	uint32		changes;

	*head = meta->null_free;
	changes = meta->null_changes;
	UnlockReleaseBuffer(buffer);
	return changes;
}

static bool
list_unchanged(const NullsCheck *state)
{
	BlockNumber head;

	return read_head(state->check, &head) == state->changes;
}

/*
 * Copy a page.  Returns false unless it is one of NULLs that says it is listed.
 */
static bool
read_listed(NullsCheck *state, BlockNumber block)
{
	AnnoyPageTag *tag = AnnoyPageGetTag(state->page->data);

	return AnnoyCheckReadPage(state->check, block, state->page->data) &&
		tag->kind == ANNOY_PAGE_NULLS && tag->next_free != ANNOY_NOT_LISTED;
}

static bool
has_free_slot(Page page)
{
	for (int i = 0; i < ANNOY_NULL_SLOTS; i++)
	{
		if (AnnoySlotState(AnnoyPageGetSlots(page) + i) == ANNOY_SLOT_FREE)
			return true;
	}
	return false;
}

/*
 * Walk along the list.  Returns false if it has changed meanwhile in a way that
 * matters.
 */
static bool
walk_list(NullsCheck *state)
{
	AnnoyCheck *check = state->check;
	BlockNumber before = ANNOY_METAPAGE_BLKNO;
	BlockNumber block;

	AnnoyBitsReset(&state->listed);
	state->changes = read_head(check, &block);
	while (block != InvalidBlockNumber)
	{
		if (block >= RelationGetNumberOfBlocks(check->rel) ||
			!read_listed(state, block) || !AnnoyBitsAdd(&state->listed, block))
		{
			NULLS_FAULT(state, before, 0,
						"The page points to block %u, which does not follow in the list of pages of NULLs.",
						block);
			return false;
		}
		before = block;
		block = AnnoyPageGetTag(state->page->data)->next_free;
	}
	return true;
}

/*
 * Check that pages which say they are listed are, and have free slots.  Returns
 * false if the list has changed meanwhile in a way that matters.
 */
static bool
check_listed(NullsCheck *state)
{
	AnnoyCheck *check = state->check;

	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		if (!AnnoyBitsTest(&check->nulls, block) || !read_listed(state, block))
			continue;
		if (!has_free_slot(state->page->data))
			AnnoyReport(check, block, 0,
						"The page is in the list of pages of NULLs with free slots, but has none.");
		if (!AnnoyBitsTest(&state->listed, block))
		{
			NULLS_FAULT(state, block, 0, "The page is missing in the list of pages of NULLs.");
			return false;
		}
	}
	return true;
}

void
AnnoyCheckNulls(AnnoyCheck *check)
{
	NullsCheck	state = {0};

	state.check = check;
	state.page = palloc(sizeof(PGAlignedBlock));
	while (!walk_list(&state) || !check_listed(&state))
		CHECK_FOR_INTERRUPTS();
	pfree(state.page);
}

/*
 * Check that the list of free pages begins with one.  It may have been taken since
 * the metapage was read.
 */
void
AnnoyCheckFreeList(const AnnoyCheck *check, BlockNumber block)
{
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	bool		is_free = false;

	if (block < RelationGetNumberOfBlocks(check->rel))
	{
		is_free = AnnoyCheckReadPage(check, block, copy->data) &&
			AnnoyPageGetTag(copy->data)->kind == ANNOY_PAGE_FREE;
	}
	if (!is_free)
	{
		(void) AnnoyCheckReadPage(check, ANNOY_METAPAGE_BLKNO, copy->data);
		if (AnnoyPageGetMeta(copy->data)->node_free == block)
			AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
						"The list of free pages begins with block %u, which is none.", block);
	}
	pfree(copy);
}
