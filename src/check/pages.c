/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  annoy_index_check(): all pages, in the order of blocks, each by itself.
 *
 * This also notes which blocks are of what kind, and which slots are in use, for
 * the steps that follow.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/pages.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tableam.h"

#include "bits.h"
#include "check/check.h"
#include "relation/relation.h"
#include "storage/storage.h"

static void
check_meta_page(AnnoyCheck *check, Page page)
{
	const AnnoyIndex *index = check->index;
	AnnoyMetaPage meta = AnnoyPageGetMeta(page);

	/* pages of old trees come about only while nobody else has a lock */
	check->old_nodes = (meta->flags & ANNOY_META_OLD_NODES) != 0;

	check->leftover = meta->leftover;

	/* AnnoyOpen has looked at what decides on how to read the index */
	AnnoyCheckEnd(check, ANNOY_METAPAGE_BLKNO, page, (char *) (meta + 1) - page, true);
	if ((meta->flags & ~(ANNOY_META_NULLS | ANNOY_META_OLD_NODES | ANNOY_META_SECOND |
						 ANNOY_META_IN_TABLE | ANNOY_META_AUTO_DTYPE)) != 0)
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0, "The metapage has the flags %04X.",
					meta->flags);
	if (meta->mean == InvalidBlockNumber && meta->built_items > 0)
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage knows no mean of an index that was built.");
	if (meta->dim == 0 && (meta->mean != InvalidBlockNumber || meta->n_mean != 0))
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage knows a mean, but no dimensions.");
	if (!AnnoyCurveIsValid(&meta->curve))
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage has a recall curve that cannot be used, and is not.");
	for (int tree = index->n_trees; tree < ANNOY_MAX_TREES; tree++)
	{
		for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
		{
			if (meta->leftmost[tree][level] != InvalidBlockNumber)
				AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
							"The metapage knows a node of tree %d, but there are %d trees.",
							tree, index->n_trees);
		}
	}
}

static void
check_mean_page(const AnnoyCheck *check, BlockNumber block, Page page)
{
	const float *mean = (const float *) AnnoyPageGetData(page);
	int			n = (((PageHeader) page)->pd_lower - ((char *) mean - page)) / sizeof(float);

	for (int i = 0; i < n; i++)
	{
		if (!isfinite(mean[i]))
			AnnoyReport(check, block, 0, "Component %d of the mean is not finite.", i);
	}
}

/*
 * May the table have a row with that TID?
 */
static bool
row_possible(AnnoyCheck *check, const ItemPointerData *tid)
{
	ItemPointerData copy = *tid;

	if (AnnoyIsHeap(check->heap) &&
		ItemPointerGetOffsetNumberNoCheck(&copy) > MaxHeapTuplesPerPage)
		return false;
	if (table_tuple_tid_valid(check->tids, &copy))
		return true;

	/*
	 * The table may have grown since the scan began.  But nobody cuts off its
	 * end while it is locked.
	 */
	table_endscan(check->tids);
	check->tids = table_beginscan_tid(check->heap, check->snapshot);
	return table_tuple_tid_valid(check->tids, &copy);
}

/*
 * Check the slots of a page of NULLs, or of the first page of a group.
 */
static void
check_slots(AnnoyCheck *check, BlockNumber block, Page page)
{
	bool		nulls = AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(check->index, page);

	for (int i = 0; i < nslots; i++)
	{
		static const AnnoySlotData zero;
		AnnoySlot	slot = &slots[i];
		BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(&slot->tid);
		OffsetNumber heap_offset = ItemPointerGetOffsetNumberNoCheck(&slot->tid);

		if (AnnoySlotState(slot) == ANNOY_SLOT_FREE)
		{
			if (memcmp(slot, &zero, sizeof(AnnoySlotData)) != 0)
				AnnoyReport(check, block, i + 1, "The slot is free, but not empty: state %04X, row (%u,%u).",
							slot->state, heap_block, heap_offset);
			continue;
		}
		if (slot->state != ANNOY_SLOT_LIVE && slot->state != ANNOY_SLOT_DEAD)
			AnnoyReport(check, block, i + 1, "The slot is in the state %04X.", slot->state);

		if (!row_possible(check, &slot->tid))
			AnnoyReport(check, block, i + 1, "The slot is that of row (%u,%u), which cannot exist.",
						heap_block, heap_offset);
		if (AnnoySlotState(slot) != ANNOY_SLOT_LIVE)
		{
			check->dead_block = block;
			check->dead_offset = i + 1;
			continue;
		}
		check->live++;
		if (!nulls)
			(void) AnnoyBitsAdd(&check->items,
								AnnoyCheckItemNumber(check, block, FirstOffsetNumber + i));
	}
}

/*
 * Check that the vectors on one page of an item group are within its used part.
 */
static void
check_vectors(const AnnoyCheck *check, BlockNumber block, Page page,
			  Page first, int page_no)
{
	AnnoySlot	slots = AnnoyPageGetSlots(first);
	int			nslots = check->index->group_slots;
	int			end = page_no == 0 ?
	(char *) AnnoyPageGetData(first) + check->index->group_head - first : 0;

	for (int i = 0; i < nslots; i++)
	{
		if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_FREE)
			end = Max(end, AnnoyItemEnd(check->index, page, page_no, i));
	}
	AnnoyCheckEnd(check, block, page, end, false);
}

/*
 * Has an index that had no dimensions got them meanwhile?
 */
static bool
dimensions_set(const AnnoyCheck *check)
{
	return check->index->dim == 0 && AnnoyOpen(check->rel)->dim > 0;
}

/*
 * Check the first page of a group or a page that belongs to none.  Returns
 * false if that cannot be done because the index has got its dimensions
 * meanwhile.
 */
static bool
check_page(AnnoyCheck *check, BlockNumber block, Page page)
{
	const AnnoyIndex *index = check->index;
	AnnoyPageKind kind = AnnoyPageGetTag(page)->kind;
	bool		is_root = block >= ANNOY_FIRST_ROOT_BLKNO && block < AnnoyRootBlock(index->n_trees);

	if ((block == ANNOY_METAPAGE_BLKNO) != (kind == ANNOY_PAGE_META) ||
		(is_root && kind != ANNOY_PAGE_NODE))
		AnnoyReport(check, block, 0, "A page of kind %d cannot be there.", kind);

	/* what a reset has left over is nothing to anybody */
	if (index->dim == 0 && block >= AnnoyRootBlock(index->n_trees) &&
		block < check->leftover && kind != ANNOY_PAGE_NULLS)
		return true;

	switch (kind)
	{
		case ANNOY_PAGE_META:
			check_meta_page(check, page);
			break;
		case ANNOY_PAGE_MEAN:
			/* one that is not used may be left over from a crash */
			check_mean_page(check, block, page);
			break;
		case ANNOY_PAGE_BOUNDS:
			/* likewise; AnnoyOpen has looked at those that are */
			break;
		case ANNOY_PAGE_NODE:
			/* replaced by trees that were made anew, and not freed yet */
			if (check->old_nodes && !is_root &&
				!AnnoyNodeIsCurrent(index, AnnoyPageGetNode(page)))
				break;
			/* roots are empty as long as there are no dimensions */
			if (index->dim > 0)
				AnnoyCheckNodePage(check, block, page);
			else if (!is_root)
				return false;
			if (!is_root)
				(void) AnnoyBitsAdd(&check->nodes[AnnoyPageGetNode(page)->tree], block);
			break;
		case ANNOY_PAGE_ITEM:
			if (index->dim == 0)
				return false;
			(void) AnnoyBitsAdd(&check->groups, block);
			check_slots(check, block, page);
			check_vectors(check, block, page, page, 0);
			break;
		case ANNOY_PAGE_NULLS:
			(void) AnnoyBitsAdd(&check->nulls, block);
			check_slots(check, block, page);
			AnnoyCheckEnd(check, block, page,
						  (char *) (AnnoyPageGetSlots(page) + ANNOY_NULL_SLOTS) - page, true);
			break;
		case ANNOY_PAGE_ATTRIBUTES:
			if (index->dim == 0)
				return false;
			AnnoyCheckAttributesPage(check, block, page);
			(void) AnnoyBitsAdd(&check->attributes, block);
			AnnoyCheckEnd(check, block, page, BLCKSZ, true);
			break;
		case ANNOY_PAGE_FREE:
			(void) AnnoyBitsAdd(&check->free, block);
			AnnoyCheckEnd(check, block, page, (char *) AnnoyPageGetData(page) - page, true);
			break;
		case ANNOY_PAGE_ITEM_DATA:
			break;
	}
	return true;
}

/*
 * Check all pages in the order of blocks.  Returns false if the index has got
 * its dimensions meanwhile.
 */
bool
AnnoyCheckPages(AnnoyCheck *check)
{
	AnnoyMetaPageData before;
	AnnoyMetaPageData after;
	int			group_pages = check->index->group_pages;
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	PGAlignedBlock *first = palloc(sizeof(PGAlignedBlock));
	int			page_no = 0;	/* in a group; 0 = outside */
	int			unfinished = 0; /* pages that may belong to a group which a
								 * crash has left without its first page */

	AnnoyReadMeta(check->rel, &before);
	check->dead_block = InvalidBlockNumber;
	check->nblocks = RelationGetNumberOfBlocks(check->rel);
	for (BlockNumber block = 0;; block++)
	{
		bool		is_new;

		if (block >= check->nblocks)
		{
			if (page_no == 0)
				break;
			/* somebody is about to add the group's last pages */
			check->nblocks = RelationGetNumberOfBlocks(check->rel);
			if (block >= check->nblocks)
				AnnoyReport(check, block - page_no, 0,
							"The index ends before the item group that begins there.");
		}

		is_new = !AnnoyCheckReadPage(check, block, page->data);
		if (page_no > 0)
		{
			if (is_new || AnnoyPageGetTag(page->data)->kind != ANNOY_PAGE_ITEM_DATA)
				AnnoyReport(check, block, 0, "The page is not page %d of the item group that begins at block %u.",
							page_no, block - page_no);
			check_vectors(check, block, page->data, first->data, page_no);
			page_no = (page_no + 1) % group_pages;
			continue;
		}
		if (is_new)
		{
			/* a crash may leave one, but not where there has to be a page */
			if (block < AnnoyRootBlock(check->index->n_trees))
				AnnoyReport(check, block, 0, "The page is all zeroes.");
			unfinished = group_pages;
			continue;
		}
		if (AnnoyPageGetTag(page->data)->kind == ANNOY_PAGE_ITEM_DATA)
		{
			if (dimensions_set(check))
				return false;
			if (check->index->dim == 0 && block < check->leftover)
				continue;
			if (--unfinished <= 0)
				AnnoyReport(check, block, 0, "The page belongs to no item group.");
			continue;
		}
		unfinished = 0;
		if (!check_page(check, block, page->data))
		{
			if (dimensions_set(check))
				return false;
			AnnoyReport(check, block, 0, "A page of kind %u cannot be in an index without dimensions.",
						AnnoyPageGetTag(page->data)->kind);
		}
		if (AnnoyPageGetTag(page->data)->kind == ANNOY_PAGE_ITEM && group_pages > 1)
		{
			memcpy(first->data, page->data, BLCKSZ);
			page_no = 1;
		}
	}

	/*
	 * marks come after VACUUM has said so, and are gone before it says it
	 * again
	 */
	AnnoyReadMeta(check->rel, &after);
	if (check->dead_block != InvalidBlockNumber && before.vacuum == ANNOY_VACUUM_DONE &&
		after.vacuum == ANNOY_VACUUM_DONE && after.vacuum_changes == before.vacuum_changes)
		AnnoyReport(check, check->dead_block, check->dead_offset,
					"The slot is marked by VACUUM, which is said to be done.");

	pfree(page);
	pfree(first);
	return true;
}
