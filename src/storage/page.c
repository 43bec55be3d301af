/*-------------------------------------------------------------------------
 *
 * page.c
 *	  What all pages of an index have in common.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/page.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/spccache.h"

#include "executor/instrument.h"
#include "storage/buf_internals.h"
#include "storage/smgr.h"

#include "error.h"
#include "storage/storage.h"

/*
 * In how many buffers at most a session remembers to have found pages, and how
 * it spreads pages of different indexes.
 */
#define MAX_RECENT		(1 << 18)
#define RECENT_SPREAD	7919

/*
 * With less usage than this a buffer is looked up in the ordinary way, which
 * makes it more.
 */
#define MIN_USAGE		2

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
 * Report a page that is not one of ours, or not of the kind that was expected.
 */
void
AnnoyReportPage(Relation rel, BlockNumber block, Page page, int kind)
{
	AnnoyPageTag *tag = AnnoyPageGetTag(page);

	if (PageIsNew(page))
		AnnoyReportCorruption(rel, block, "The page is all zeroes.");
	if (!AnnoyPageIsValid(page))
		AnnoyReportCorruption(rel, block, "The page has the tag %04X, kind %u, and ends at %u, %u.",
							  tag->page_id, tag->kind, ((PageHeader) page)->pd_upper,
							  ((PageHeader) page)->pd_special);
	AnnoyReportCorruption(rel, block, "The page is of kind %u instead of %d.",
						  tag->kind, kind);
}

/*
 * Raise an error unless a page is what we expect it to be.  The caller holds a
 * lock on the buffer.
 */
void
AnnoyCheckPage(Relation rel, Buffer buffer, AnnoyPageKind kind)
{
	Page		page = BufferGetPage(buffer);

	/* an all-zero page has no tag */
	if (unlikely(!AnnoyPageIsValid(page) || AnnoyPageGetTag(page)->kind != kind))
		AnnoyReportPage(rel, BufferGetBlockNumber(buffer), page, kind);
}

/*
 * Is a block within a relation?
 *
 * Nobody cuts off the end of what we have locked.  So a size that the storage
 * manager has seen is a size that the relation has at least, and asking the
 * operating system is only for blocks beyond, which are new or do not exist.
 */
bool
AnnoyBlockExists(Relation rel, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) ||
		block < RelationGetNumberOfBlocks(rel);
}

/* Will the replacement of buffers spare this one for a while? */
static inline bool
is_in_use(Buffer buffer)
{
	return AnnoyBufferUsage(buffer) >= MIN_USAGE;
}

/*
 * After a page that was not in shared buffers, more of that kind are expected
 * among so many read next, which is a few searches: in each of them, the upper levels
 * of trees will be found, and leaves and items may not be.  Then pages that are not
 * yet wanted are asked for from the operating system, at least so many at a time.
 */
#define COLD_READS		512
#define COLD_AHEAD		16

static int	cold_reads = 0;

/* In which buffers this session found pages the last time; a power of two. */
static Buffer *recent = NULL;
static uint32 recent_count;

static inline Buffer *
recent_buffer(Relation rel, BlockNumber block)
{
	return &recent[(rel->rd_id * RECENT_SPREAD + block) & (recent_count - 1)];
}

/* Raise an error if a block that a page points to does not exist. */
static inline void
check_block(Relation rel, BlockNumber block)
{
	if (unlikely(!AnnoyBlockExists(rel, block)))
		AnnoyReportCorruption(rel, InvalidBlockNumber,
							  "A page points to block %u, which does not exist.", block);
}

/*
 * Pin a page that another page points to, which may be damaged: the block is
 * one that exists, or an error is raised.  What the page is remains to be checked
 * when it has been locked.  The caller holds no lock on that page.
 *
 * Try first in which buffer the page was the last time.  A search reads
 * hundreds of pages, and looking up each in the table of buffers, with a cache
 * miss or two that nothing can hide, is a fifth of it.  Pages that are found in
 * this way do not gain usage, as far as the replacement of buffers is concerned,
 * so take the ordinary way when it has become low.
 */
Buffer
AnnoyReadBuffer(Relation rel, BlockNumber block, BufferAccessStrategy strategy)
{
	Buffer	   *hint;

	if (strategy != NULL || RelationUsesLocalBuffers(rel))
	{
		check_block(rel, block);
		return ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	}

	if (recent == NULL)
	{
		recent_count = pg_nextpower2_32(Min(NBuffers, MAX_RECENT));
		recent = MemoryContextAllocZero(TopMemoryContext,
										sizeof(Buffer) * recent_count);
	}
	hint = recent_buffer(rel, block);
	if (*hint != InvalidBuffer && is_in_use(*hint) &&
		ReadRecentBuffer(AnnoyRelationFile(rel), MAIN_FORKNUM, block, *hint))
	{
		pgstat_count_buffer_read(rel);
		pgstat_count_buffer_hit(rel);
#if PG_VERSION_NUM < 150000
		/* 14 does not do so itself */
		pgBufferUsage.shared_blks_hit++;
#endif
	}
	else
	{
		int64		reads = pgBufferUsage.shared_blks_read;

		check_block(rel, block);
		*hint = ReadBuffer(rel, block);
		if (pgBufferUsage.shared_blks_read > reads)
			cold_reads = COLD_READS;
		else if (cold_reads > 0)
			cold_reads--;
	}
	return *hint;
}

/*
 * Pin and lock a page that another page points to, and raise an error unless it is
 * of a kind.
 */
Buffer
AnnoyLockPage(Relation rel, BlockNumber block, AnnoyPageKind kind, int mode,
			  BufferAccessStrategy strategy)
{
	Buffer		buffer = AnnoyReadBuffer(rel, block, strategy);

	LockBuffer(buffer, mode);
	AnnoyCheckPage(rel, buffer, kind);
	return buffer;
}

/*
 * Count a step along links from page to page, to a block.  Whoever follows links
 * does so at each step, holding no lock: those that lead round in a circle are an
 * error, as soon as there were as many steps as there are pages.
 */
void
AnnoyCountStep(Relation rel, BlockNumber block, BlockNumber *steps)
{
	CHECK_FOR_INTERRUPTS();
	/* the metapage is never one of them */
	if (unlikely(!AnnoyBlockExists(rel, ++*steps)))
		AnnoyReportCorruption(rel, block, "Links between pages lead round in a circle.");
}

/*
 * Up to which of the pages that are going to be read one after the other to prefetch
 * now, from ahead->next on, when so many have been read.  `wanted' is how many that will
 * be in the end, most likely; `usual' is how far to look ahead while pages are found in
 * shared buffers.
 *
 * While they are not, all that are wanted are asked for together.  When these have been
 * read but for `usual', and it goes on, it is half as many again as have been read.  So
 * a process waits for the disk a few times, however many pages there are, and what it
 * has asked for in vain is a part of what it has read.
 */
int
AnnoyPrefetchEnd(AnnoyAhead *ahead, int read, int wanted, int usual)
{
	if (cold_reads == 0)
	{
		ahead->asked = false;
		return read + usual;
	}
	if (!ahead->asked)
		ahead->next = read;
	else if (ahead->next >= read + usual)
		return ahead->next;
	ahead->asked = true;
	return Max(wanted, read + Max(COLD_AHEAD, read / 2));
}

/*
 * Have the operating system read a page that will be wanted soon, unless it is in shared
 * buffers, or effective_io_concurrency says that it is of no use.  The caller has checked
 * that there is such a block.
 */
void
AnnoyAskForPage(Relation rel, BlockNumber block)
{
	if (get_tablespace_io_concurrency(rel->rd_rel->reltablespace) > 0)
		(void) PrefetchBuffer(rel, MAIN_FORKNUM, block);
}

/*
 * Have the processor fetch what AnnoyReadBuffer will need of a page, if the
 * page is where it was the last time: the descriptor of its buffer.  Where pages
 * have to be read, have the operating system read it.
 */
void
AnnoyPrefetchBuffer(Relation rel, BlockNumber block)
{
	if (cold_reads > 0)
	{
		/* who reads it reports one that does not exist */
		if (AnnoyBlockExists(rel, block))
			AnnoyAskForPage(rel, block);
		return;
	}
	if (recent != NULL && *recent_buffer(rel, block) != InvalidBuffer)
		__builtin_prefetch(GetBufferDescriptor(*recent_buffer(rel, block) - 1));
}

/*
 * The page that was a block's the last time, or NULL.  It is not pinned, and may be
 * another one at any time: for whoever wants to know what is worth fetching.
 */
Page
AnnoyRecentPage(Relation rel, BlockNumber block)
{
	Buffer		buffer = recent != NULL ? *recent_buffer(rel, block) : InvalidBuffer;

	return buffer != InvalidBuffer ? BufferGetPage(buffer) : NULL;
}

/*
 * Likewise of its content what is at an offset, and so many bytes farther on, and so
 * on, before the end.
 */
void
AnnoyPrefetchPlaces(Relation rel, BlockNumber block, int offset, int step, int end)
{
	Page		page = AnnoyRecentPage(rel, block);

	for (int i = offset; page != NULL && i < end; i += step)
		__builtin_prefetch(page + i);
}

/*
 * Likewise some bytes of it.
 */
void
AnnoyPrefetchPage(Relation rel, BlockNumber block, int offset, int bytes)
{
	AnnoyPrefetchPlaces(rel, block, offset, ANNOY_CACHE_LINE, offset + bytes);
}

/*
 * Add consecutive pages to an index.  Returns the first one's buffer, locked
 * exclusively; the page is all zeroes, as are those after it.
 *
 * The first page is locked before others can extend the index.  Whoever has been
 * able to do that, and then the lock, and finds the page still zeroes, knows that
 * nobody is about to use these pages any more: see vacuum.c.
 */
Buffer
AnnoyExtend(Relation rel, ForkNumber fork, int pages)
{
	Buffer		first;

	LockRelationForExtension(rel, ExclusiveLock);
	first = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
	for (int i = 1; i < pages; i++)
		ReleaseBuffer(ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL));
	LockBuffer(first, BUFFER_LOCK_EXCLUSIVE);
	UnlockRelationForExtension(rel, ExclusiveLock);
	return first;
}
