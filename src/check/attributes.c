/*-------------------------------------------------------------------------
 *
 * attributes.c
 *	  annoy_index_check(): bounds, pages of attributes, and that items and attributes
 *	  point to each other.
 *
 * Items and attributes come and go together, under the locks on both pages.  So
 * they are compared under these.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/attributes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bits.h"
#include "check/check.h"
#include "storage/storage.h"

/*
 * Get to know what signatures have to be, and check that bounds are in order.
 */
void
AnnoyCheckSigner(AnnoyCheck *check)
{
	AnnoySigner *signer = AnnoyCanSign(check->rel, check->index) ?
		AnnoySignerMake(check->rel, check->index, NULL) : NULL;

	check->signer = signer;
	for (int i = 0; signer != NULL && i < signer->n; i++)
	{
		const		AnnoySigning *signing = &signer->signings[i];
		int			misplaced = signing->kind == ANNOY_SIGNS_ORDER ? AnnoyMisplacedBound(signing) : -1;

		if (misplaced >= 0)
			AnnoyReport(check, check->index->bounds_block, 0,
						"Bound %d of column %d is not above the one before it.",
						misplaced + 1, signing->attribute + 1);
	}
}

/*
 * Check that the signature of a number is that of its attributes, by the bounds of the
 * trees; if it is free, and that is NULL, there is to be none.
 */
static void
check_signature(const AnnoyCheck *check, BlockNumber block, AnnoyAttributes header,
				int number, IndexTuple attributes)
{
	AnnoySigner *signer = check->signer;
	const uint8 *bytes = AnnoyNumberSignature(header, number);
	AnnoySignature signature = {{0}};

	if (signer == NULL ||
		(attributes != NULL && header->generation != check->index->generation))
		return;
	if (attributes != NULL)
		signature = AnnoySign(signer, attributes);
	for (int i = 0; i < signer->n; i++)
	{
		if (bytes[i * ANNOY_BLOCK_ENTRIES] != signature.bytes[i])
			AnnoyReport(check, block, number + 1,
						"The attributes have the signature %02X for column %d instead of %02X.",
						bytes[i * ANNOY_BLOCK_ENTRIES], signer->signings[i].attribute + 1,
						signature.bytes[i]);
	}
}

/*
 * Check the header of a page of attributes.
 */
static void
check_header(const AnnoyCheck *check, BlockNumber block, Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);

	if (check->index->attributes_size == 0)
		AnnoyReport(check, block, 0, "The page has attributes, but the index no further columns.");
	if (header->signature_bytes != check->index->leaf.signature_bytes)
		AnnoyReport(check, block, 0, "The page has signatures of %u bytes instead of %d.",
					header->signature_bytes, check->index->leaf.signature_bytes);
	if (check->signer != NULL && !check->old_nodes &&
		header->generation != check->index->generation)
		AnnoyReport(check, block, 0, "The page has signatures of generation %u, but the trees are of %u.",
					header->generation, check->index->generation);
	if (header->start > BLCKSZ || AnnoyNumbersEnd(header) > page + header->start ||
		(header->count > 0 && *AnnoyNumberOffset(header, header->count - 1) == 0))
		AnnoyReport(check, block, 0, "The page has %u numbers for tuples that begin at %u.",
					header->count, header->start);
}

/*
 * Check what can be said of a page of attributes alone.
 */
void
AnnoyCheckAttributesPage(const AnnoyCheck *check, BlockNumber block, Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	TupleDesc	desc;
	int			used = 0;

	check_header(check, block, page);
	desc = AnnoyAttributesDesc(check->rel);
	for (char *free = AnnoyNumbersEnd(header); free < page + header->start; free++)
	{
		if (*free != 0)
			AnnoyReport(check, block, 0, "Free space of the page is in use at %d.",
						(int) (free - page));
	}

	for (int i = 0; AnnoyNumbersBlock(header, i) < AnnoyNumbersEnd(header); i++)
	{
		IndexTuple	tuple;

		if (*AnnoyNumberOffset(header, i) == 0)
		{
			check_signature(check, block, header, i, NULL);
			continue;
		}
		tuple = AnnoyAttributesGet(page, FirstOffsetNumber + i);
		if (tuple == NULL || IndexTupleSize(tuple) > ANNOY_MAX_ATTRIBUTES_SIZE)
			AnnoyReport(check, block, i + 1, "There are no attributes at %u.",
						*AnnoyNumberOffset(header, i));
		if (!AnnoyAttributesAreSound(desc, tuple))
			AnnoyReport(check, block, i + 1, "The attributes are not values of the index's columns.");
		used += MAXALIGN(IndexTupleSize(tuple));
		for (int j = 0; j < i; j++)
		{
			if (*AnnoyNumberOffset(header, j) == *AnnoyNumberOffset(header, i))
				AnnoyReport(check, block, i + 1, "The attributes are also those at offset %d.",
							j + 1);
		}
		check_signature(check, block, header, i, tuple);
	}
	FreeTupleDesc(desc);
	if (used != BLCKSZ - header->start)
		AnnoyReport(check, block, 0, "The page has %d bytes of attributes in %d.",
					used, BLCKSZ - header->start);
}

/*
 * Check that an item and attributes, of which one was seen to point to the other,
 * both do: the item if item_known, otherwise the attributes.  If that one does not
 * any more, it is another.
 */
static void
check_pair(const AnnoyCheck *check, const AnnoyPointer *item,
		   const AnnoyPointer *attributes, bool item_known)
{
	BlockNumber item_block = ItemPointerGetBlockNumberNoCheck(item);
	OffsetNumber item_offset = ItemPointerGetOffsetNumberNoCheck(item);
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(attributes);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(attributes);
	BlockNumber nblocks = RelationGetNumberOfBlocks(check->rel);
	bool		item_points = false;
	bool		tuple_points = false;

	if (item_block < nblocks && item_offset >= FirstOffsetNumber &&
		item_offset <= check->index->group_slots)
	{
		Buffer		buffer = ReadBufferExtended(check->rel, MAIN_FORKNUM, item_block,
												RBM_NORMAL, check->strategy);
		Page		page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (AnnoyPageIsValid(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM &&
			AnnoySlotState(AnnoyPageGetSlots(page) + item_offset - 1) != ANNOY_SLOT_FREE)
		{
			AnnoyPointer pointer = AnnoySlotAttributes(check->index, page, item_offset - 1);

			item_points = AnnoyPointersEqual(&pointer, attributes);
		}
		if (block < nblocks && block != item_block)
		{
			Buffer		attributes_buffer = ReadBufferExtended(check->rel, MAIN_FORKNUM, block,
															   RBM_NORMAL, check->strategy);
			Page		attributes_page = BufferGetPage(attributes_buffer);

			LockBuffer(attributes_buffer, BUFFER_LOCK_SHARE);
			if (AnnoyPageIsValid(attributes_page) &&
				AnnoyPageGetTag(attributes_page)->kind == ANNOY_PAGE_ATTRIBUTES)
			{
				IndexTuple	tuple = AnnoyAttributesGet(attributes_page, offset);

				tuple_points = tuple != NULL && AnnoyPointersEqual(&tuple->t_tid, item);
			}
			UnlockReleaseBuffer(attributes_buffer);
		}
		UnlockReleaseBuffer(buffer);
	}

	if (item_known && item_points && !tuple_points)
		AnnoyReport(check, item_block, item_offset,
					"The item has its attributes at (%u,%u), where there are none of it.",
					block, offset);
	if (!item_known && tuple_points && !item_points)
		AnnoyReport(check, block, offset,
					"The attributes are of item (%u,%u), which has others or does not exist.",
					item_block, item_offset);
}

/*
 * Does that tuple still say that it is of an item, which cannot be?
 */
static bool
still_there(const AnnoyCheck *check, BlockNumber block, OffsetNumber offset,
			const AnnoyPointer *item, PGAlignedBlock *page)
{
	IndexTuple	tuple;

	if (!AnnoyCheckReadPage(check, block, page->data))
		return false;
	tuple = AnnoyAttributesGet(page->data, offset);
	return tuple != NULL && AnnoyPointersEqual(&tuple->t_tid, item);
}

/*
 * Check the attributes on a page against their items.
 */
static void
check_tuples(const AnnoyCheck *check, BlockNumber block, PGAlignedBlock *page,
			 PGAlignedBlock *again)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page->data);

	for (int i = 0; i < header->count; i++)
	{
		IndexTuple	tuple = AnnoyAttributesGet(page->data, FirstOffsetNumber + i);
		AnnoyPointer attributes;

		if (tuple == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		ItemPointerSet(&attributes, block, FirstOffsetNumber + i);
		if (ItemPointerGetBlockNumberNoCheck(&tuple->t_tid) >= RelationGetNumberOfBlocks(check->rel) ||
			ItemPointerGetOffsetNumberNoCheck(&tuple->t_tid) < FirstOffsetNumber ||
			ItemPointerGetOffsetNumberNoCheck(&tuple->t_tid) > check->index->group_slots)
		{
			if (still_there(check, block, FirstOffsetNumber + i, &tuple->t_tid, again))
				AnnoyReport(check, block, i + 1, "The attributes are of item (%u,%u), which cannot exist.",
							ItemPointerGetBlockNumberNoCheck(&tuple->t_tid),
							ItemPointerGetOffsetNumberNoCheck(&tuple->t_tid));
			continue;
		}
		check_pair(check, &tuple->t_tid, &attributes, false);
	}
}

/*
 * Check the items of a group against their attributes.
 */
static void
check_items(const AnnoyCheck *check, BlockNumber block, Page page)
{
	for (int i = 0; i < check->index->group_slots; i++)
	{
		AnnoyPointer item;
		AnnoyPointer attributes;

		if (AnnoySlotState(AnnoyPageGetSlots(page) + i) == ANNOY_SLOT_FREE)
			continue;
		CHECK_FOR_INTERRUPTS();
		ItemPointerSet(&item, block, FirstOffsetNumber + i);
		attributes = AnnoySlotAttributes(check->index, page, i);
		check_pair(check, &item, &attributes, true);
	}
}

/*
 * Copy a page.  Returns false unless it is one of attributes.
 */
static bool
read_page(const AnnoyCheck *check, BlockNumber block, PGAlignedBlock *page)
{
	return block < RelationGetNumberOfBlocks(check->rel) &&
		AnnoyCheckReadPage(check, block, page->data) &&
		AnnoyPageGetTag(page->data)->kind == ANNOY_PAGE_ATTRIBUTES;
}

/*
 * Check that items and attributes point to each other.
 */
void
AnnoyCheckAttributes(const AnnoyCheck *check)
{
	PGAlignedBlock *page;
	PGAlignedBlock *again;

	if (check->index->attributes_size == 0 || check->index->dim == 0)
		return;
	page = palloc(sizeof(PGAlignedBlock));
	again = palloc(sizeof(PGAlignedBlock));
	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		if (AnnoyBitsTest(&check->attributes, block) && read_page(check, block, page))
			check_tuples(check, block, page, again);
		if (AnnoyBitsTest(&check->groups, block) &&
			AnnoyCheckReadPage(check, block, page->data))
			check_items(check, block, page->data);
	}
	pfree(page);
	pfree(again);
}
