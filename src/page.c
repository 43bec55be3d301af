/*-------------------------------------------------------------------------
 *
 * page.c
 *	  What all pages of an index have in common.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/page.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "annoy.h"

/*
 * Make an empty page of a kind.
 */
void
AnnoyPageInit(Page page, AnnoyPageKind kind)
{
	PageInit(page, BLCKSZ, 0);
	AnnoyPageGetTag(page)->page_id = ANNOY_PAGE_ID;
	AnnoyPageGetTag(page)->kind = kind;
	AnnoyPageSetEnd(page, AnnoyPageGetData(page));
}

/*
 * Say where the used part of a page ends.  Generic WAL does not log what lies
 * behind.
 */
void
AnnoyPageSetEnd(Page page, const void *end)
{
	Size		lower = (const char *) end - (const char *) page;

	Assert(lower >= SizeOfPageHeaderData);
	Assert(lower <= ((PageHeader) page)->pd_special);
	((PageHeader) page)->pd_lower = lower;
}

/*
 * Raise an error unless a page is what we expect it to be.  The caller holds a
 * lock on the buffer.
 */
void
AnnoyCheckPage(Relation rel, Buffer buffer, AnnoyPageKind kind)
{
	Page		page = BufferGetPage(buffer);

	if (PageIsNew(page))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains an unexpected zero page at block %u",
						RelationGetRelationName(rel),
						BufferGetBlockNumber(buffer)),
				 errhint("Please REINDEX it.")));
	if (!AnnoyPageIsValid(page) || AnnoyPageGetTag(page)->kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains a corrupted page at block %u",
						RelationGetRelationName(rel),
						BufferGetBlockNumber(buffer)),
				 errhint("Please REINDEX it.")));
}

/*
 * Read a page that another one points to.  An invalid block number is refused
 * here, since the buffer manager takes it for a request to extend the index.
 */
Buffer
AnnoyReadBuffer(Relation rel, BlockNumber block, BufferAccessStrategy strategy)
{
	if (block == InvalidBlockNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains an invalid block number",
						RelationGetRelationName(rel)),
				 errhint("Please REINDEX it.")));
	return ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
}

/*
 * Add consecutive pages to an index.  Returns the first one's buffer, locked
 * exclusively; the page is all zeroes, as are those after it.
 */
Buffer
AnnoyExtend(Relation rel, ForkNumber fork, int pages)
{
	Buffer		first;

	LockRelationForExtension(rel, ExclusiveLock);
	first = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
	for (int i = 1; i < pages; i++)
		ReleaseBuffer(ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL));
	UnlockRelationForExtension(rel, ExclusiveLock);

	LockBuffer(first, BUFFER_LOCK_EXCLUSIVE);
	return first;
}
