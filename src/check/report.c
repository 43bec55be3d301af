/*-------------------------------------------------------------------------
 *
 * report.c
 *	  annoy_index_check(): what all its parts need to look at a page, and to report
 *	  what is wrong.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/report.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"

#include "check/check.h"
#include "error.h"
#include "storage/storage.h"

/*
 * Report corruption, with a sentence that says what is wrong.  offset is the
 * number, counted from one, of a slot or of a node's entry; or zero.
 */
void
AnnoyReport(const AnnoyCheck *check, BlockNumber block, int offset,
			const char *format,...)
{
	va_list		args;

	va_start(args, format);
	AnnoyReportCorruptionV(check->rel, block, offset, format, args);
}

/*
 * Does our snapshot see a row?
 */
bool
AnnoyCheckRowVisible(const AnnoyCheck *check, const ItemPointerData *tid)
{
	ItemPointerData copy = *tid;

	return table_index_fetch_tuple_check(check->heap, &copy, check->snapshot, NULL);
}

/*
 * Items are numbered by block and slot, leaving no more gaps than groups of
 * several pages need.
 */
uint64
AnnoyCheckItemNumber(const AnnoyCheck *check, BlockNumber block, OffsetNumber offset)
{
	return (uint64) block * check->numbers_per_block + offset - FirstOffsetNumber;
}

/*
 * Copy a page, and check what all kinds have in common.  Returns false if the
 * page is all zeroes.
 */
bool
AnnoyCheckReadPage(const AnnoyCheck *check, BlockNumber block, Page copy)
{
	Buffer		buffer = ReadBufferExtended(check->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, check->strategy);
	PageHeader	header = (PageHeader) copy;
	AnnoyPageTag *tag = AnnoyPageGetTag(copy);

	CHECK_FOR_INTERRUPTS();

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);

	if (PageIsNew(copy))
		return false;
	if (PageGetPageSize(copy) != BLCKSZ ||
		PageGetPageLayoutVersion(copy) != PG_PAGE_LAYOUT_VERSION ||
		header->pd_special != BLCKSZ || header->pd_upper != BLCKSZ ||
		header->pd_lower > BLCKSZ ||
		header->pd_lower < (char *) AnnoyPageGetData(copy) - copy)
		AnnoyReport(check, block, 0, "The page header is not that of a page of this index.");
	if (tag->page_id != ANNOY_PAGE_ID ||
		(tag->next_free != ANNOY_NOT_LISTED && tag->kind != ANNOY_PAGE_NULLS &&
		 tag->kind != ANNOY_PAGE_ATTRIBUTES && tag->kind != ANNOY_PAGE_FREE) ||
		tag->kind < ANNOY_PAGE_META || tag->kind > ANNOY_PAGE_BOUNDS)
		AnnoyReport(check, block, 0, "The page has the tag %04X, kind %u, %u.",
					tag->page_id, tag->kind, tag->next_free);
	return true;
}

/*
 * Check where the used part of a page ends: there, or if that is not exact, there or
 * later.
 */
void
AnnoyCheckEnd(const AnnoyCheck *check, BlockNumber block, Page page, int end,
			  bool exact)
{
	int			lower = ((PageHeader) page)->pd_lower;

	if (lower < end || (exact && lower > end))
		AnnoyReport(check, block, 0,
					"The used part of the page is said to end at %d, but ends at %d.",
					lower, end);
}
