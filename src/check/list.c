/*-------------------------------------------------------------------------
 *
 * list.c
 *	  annoy_index_check(): lists of pages, and the chain of all pages of
 *	  attributes.
 *
 * Pages join and leave a list at its head all the time, and a page that was
 * passed may be met again, behind one that has come back.  Whoever changes a list
 * changes the metapage with it: its head, and a counter.  So what looks wrong is
 * believed if both still are what they were when the walk began.
 *
 * The chain only grows, at its head.  So the pages that were there when the pages
 * of the index were read are met once, and what looks wrong is wrong.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/list.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bits.h"
#include "check/check.h"
#include "storage/storage.h"

typedef struct ListCheck
{
	const AnnoyCheck *check;
	const char *name;
	AnnoyPageKind kind;
	bool		is_chain;
	const AnnoyBits *pages;		/* of that kind */
	PGAlignedBlock *page;		/* a copy of the one looked at */
	BlockNumber head;			/* when the walk began ... */
	uint32		changes;		/* ... and how often that had changed */
	AnnoyBits	met;
} ListCheck;

/*
 * Report that the list is corrupted at a block, unless it has changed since the
 * walk began: then this returns false.
 */
#define LIST_FAULT(state, block, ...) \
	(list_changed(state) ? false : \
	 (AnnoyReport((state)->check, block, 0, __VA_ARGS__), false))

static bool
list_changed(const ListCheck *state)
{
	uint32		changes;

	return !state->is_chain &&
		(AnnoyListHead(state->check->rel, state->kind, &changes) != state->head ||
		 changes != state->changes);
}

/*
 * Copy a page.  Returns false unless it is of the kind that the list is of, and
 * says that it is in the list.
 */
static bool
read_listed(ListCheck *state, BlockNumber block)
{
	Page		page = state->page->data;

	return block < RelationGetNumberOfBlocks(state->check->rel) &&
		AnnoyCheckReadPage(state->check, block, page) &&
		AnnoyPageGetTag(page)->kind == state->kind &&
		(state->is_chain || AnnoyPageIsListed(page));
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
walk_list(ListCheck *state)
{
	const AnnoyCheck *check = state->check;
	Page		page = state->page->data;
	BlockNumber before = ANNOY_METAPAGE_BLKNO;
	BlockNumber block;

	AnnoyBitsFree(&state->met);
	state->head = state->is_chain ? AnnoyAttributesFirst(check->rel) :
		AnnoyListHead(check->rel, state->kind, &state->changes);
	block = state->head;
	while (block != InvalidBlockNumber)
	{
		if (!read_listed(state, block) || !AnnoyBitsAdd(&state->met, block))
			return LIST_FAULT(state, before,
							  "The page points to block %u, which does not follow in the %s.",
							  block, state->name);
		if (state->kind == ANNOY_PAGE_NULLS && !has_free_slot(page))
			AnnoyReport(check, block, 0,
						"The page is in the list of pages of NULLs with free slots, but has none.");
		before = block;
		block = state->is_chain ? AnnoyPageGetAttributes(page)->next :
			AnnoyPageGetTag(page)->next_free;
	}
	return true;
}

/*
 * Check that the pages which should have been met have been.  Returns false if the
 * list has changed meanwhile in a way that matters.
 */
static bool
check_met(ListCheck *state)
{
	for (BlockNumber block = 0; block < state->check->nblocks; block++)
	{
		if (AnnoyBitsTest(state->pages, block) && !AnnoyBitsTest(&state->met, block) &&
			read_listed(state, block))
			return LIST_FAULT(state, block, "The page is missing in the %s.", state->name);
	}
	return true;
}

static void
check_list(const AnnoyCheck *check, AnnoyPageKind kind, bool is_chain,
		   const AnnoyBits *pages, const char *name)
{
	ListCheck	state = {0};

	state.check = check;
	state.name = name;
	state.kind = kind;
	state.is_chain = is_chain;
	state.pages = pages;
	state.page = palloc(sizeof(PGAlignedBlock));
	while (!walk_list(&state) || !check_met(&state))
		CHECK_FOR_INTERRUPTS();
	AnnoyBitsFree(&state.met);
	pfree(state.page);
}

/*
 * Check that each list has the pages that say they are in it, and no others.
 */
void
AnnoyCheckLists(const AnnoyCheck *check)
{
	check_list(check, ANNOY_PAGE_NULLS, false, &check->nulls, "list of pages of NULLs");
	check_list(check, ANNOY_PAGE_FREE, false, &check->free, "list of free pages");
	check_list(check, ANNOY_PAGE_ATTRIBUTES, false, &check->attributes,
			   "list of pages of attributes");
	check_list(check, ANNOY_PAGE_ATTRIBUTES, true, &check->attributes,
			   "chain of pages of attributes");
}
