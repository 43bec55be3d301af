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

#include "pgstat.h"
#include "utils/memutils.h"

#include "annoy.h"

/*
 * AnnoyReadBuffer remembers so many buffers, and looks up one page of so many in
 * the ordinary way.
 */
#define RECENT_BUFFERS		65536
#define RECENT_SPREAD		7919
#define RECENT_READS		16

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
 * Pin a page that another page points to, which may be damaged: an invalid
 * block number would extend the index.
 *
 * Try first in which buffer the page was the last time.  A search reads
 * hundreds of pages, and looking up each in the table of buffers, with a cache
 * miss or two that nothing can hide, is a fifth of it.  Pages that are found in
 * this way do not gain usage, as far as the replacement of buffers is concerned,
 * so now and then take the ordinary way.
 */
Buffer
AnnoyReadBuffer(Relation rel, BlockNumber block, BufferAccessStrategy strategy)
{
	static Buffer *recent = NULL;
	static uint32 reads = 0;
	Buffer	   *hint;

	if (block == InvalidBlockNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains an invalid block number",
						RelationGetRelationName(rel)),
				 errhint("Please REINDEX it.")));
	if (strategy != NULL || RelationUsesLocalBuffers(rel))
		return ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

	if (recent == NULL)
		recent = MemoryContextAllocZero(TopMemoryContext,
										sizeof(Buffer) * RECENT_BUFFERS);
	hint = &recent[(rel->rd_id * RECENT_SPREAD + block) % RECENT_BUFFERS];
	if (*hint != InvalidBuffer && reads++ % RECENT_READS != 0 &&
		ReadRecentBuffer(AnnoyRelationFile(rel), MAIN_FORKNUM, block, *hint))
	{
		pgstat_count_buffer_read(rel);
		pgstat_count_buffer_hit(rel);
	}
	else
		*hint = ReadBuffer(rel, block);
	return *hint;
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
