/*-------------------------------------------------------------------------
 *
 * output.c
 *	  What a build writes: pages of the index, and temporary files.
 *
 * Pages of an index being built are not WAL-logged when they are written, but once,
 * when they do not change any more; those of an index in use are, one by one.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/output.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"

#include "annoy.h"
#include "build/state.h"
#include "storage/storage.h"

/* Pages that a participant logs at a time. */
#define LOG_BLOCKS			256

/* Pages. */

/*
 * Add blocks to the index.  Returns the first one.
 */
BlockNumber
AnnoyReserveBlocks(Relation rel, int n)
{
	Buffer		buffer = AnnoyExtend(rel, MAIN_FORKNUM, n);
	BlockNumber first = BufferGetBlockNumber(buffer);

	UnlockReleaseBuffer(buffer);
	return first;
}

/*
 * Write pages to blocks that the index has, and that nobody else uses.
 */
void
AnnoyWritePages(Relation rel, BlockNumber first, const char *pages, int n)
{
	for (int i = 0; i < n; i++)
	{
		Buffer		buffer = ReadBuffer(rel, first + i);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		memcpy(BufferGetPage(buffer), pages + (Size) i * BLCKSZ, BLCKSZ);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Write a page to a new block of the index, which is returned.
 */
BlockNumber
AnnoyWriteNewPage(Relation rel, const char *page)
{
	BlockNumber block = AnnoyReserveBlocks(rel, 1);

	AnnoyWritePages(rel, block, page, 1);
	return block;
}

/*
 * Write a page to a block of an index that others use, or will after a crash.
 */
static void
write_logged(Relation rel, BlockNumber block, const char *page)
{
	Buffer		buffer = ReadBuffer(rel, block);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

/* WAL. */

/* What participants share while they write WAL; the leader sets it. */
typedef struct Log
{
	BlockNumber first;
	BlockNumber end;
} Log;

/*
 * Take part in writing WAL: images of pages.
 */
void
AnnoyStepLog(AnnoyBuild *build, void *state)
{
	const Log  *log = state;
	uint64		unit;

	while (AnnoyBuildClaim(build, &unit))
	{
		BlockNumber first = log->first + unit * LOG_BLOCKS;
		BlockNumber count = Min(LOG_BLOCKS, log->end - first);

		log_newpage_range(build->rel, MAIN_FORKNUM, first, first + count, true);
		AnnoyBuildAdvance(build, 0, count);
	}
}

/*
 * Are there workers to write WAL while the leader does something else?
 */
bool
AnnoyLogsEarly(const AnnoyBuild *build)
{
	return build->parallel != NULL && build->parallel->nworkers_launched > 0 &&
		RelationNeedsWAL(build->rel);
}

/*
 * Begin to write WAL for the blocks before that one, as far as it is not written:
 * workers do, while the leader does what it alone can do.  From here on nobody may
 * change these blocks.
 */
void
AnnoyLogBlocks(AnnoyBuild *build, BlockNumber end)
{
	Log		   *log;

	Assert(build->log == 0 && build->logged <= end);
	build->log = AnnoyBuildAlloc(build, sizeof(Log));
	log = AnnoyBuildAddress(build, build->log);
	log->first = build->logged;
	log->end = end;
	build->logged = end;
	AnnoyBuildOpen(build, ANNOY_STEP_LOG, build->log,
				   ((uint64) log->end - log->first + LOG_BLOCKS - 1) / LOG_BLOCKS);
}

/*
 * Write what is left of the WAL that has been begun, if any, and wait for the workers.
 */
void
AnnoyLogWait(AnnoyBuild *build)
{
	if (build->log == 0)
		return;
	AnnoyBuildJoin(build);
	AnnoyBuildFree(build, &build->log);
}

/* Temporary files: any failure is an error. */

void
AnnoyWriteFile(BufFile *file, const void *data, Size size)
{
	BufFileWrite(file, unconstify(void *, data), size);
}

void
AnnoyReadFile(BufFile *file, void *data, Size size)
{
	if (BufFileRead(file, data, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file: %m")));
}

void
AnnoyRewindFile(BufFile *file)
{
	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind temporary file: %m")));
}

/* Sinks. */

/*
 * The block for the next page: in an index in use, a free one if there is any.
 */
static BlockNumber
sink_block(AnnoySink *sink)
{
	Buffer		buffer;
	BlockNumber block;

	if (sink->build->in_place == NULL)
		return sink->end++;
	buffer = AnnoyNodeExtend(sink->build->rel);
	block = BufferGetBlockNumber(buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

/*
 * Write out the page that waits, with a right sibling, or without one if that is
 * invalid.
 */
void
AnnoySinkFlush(AnnoySink *sink, BlockNumber right)
{
	if (!sink->waiting)
		return;
	AnnoyPageGetNode(sink->page.data)->right = right;
	if (sink->build->in_place != NULL)
		write_logged(sink->build->rel, sink->block, sink->page.data);
	else
	{
		BlockNumber block = AnnoyWriteNewPage(sink->build->rel, sink->page.data);

		if (block != sink->block)
			elog(ERROR, "unexpected block number %u instead of %u in new index",
				 block, sink->block);
	}
	AnnoyBuildAdvance(sink->build, 0, 1);
	sink->written++;
	sink->waiting = false;
}

/*
 * Take a page, which is not the root's.  Returns a pointer to it, with that offset.
 */
AnnoyPointer
AnnoySinkAdd(AnnoySink *sink, Page page, OffsetNumber spread)
{
	int			level = AnnoyPageGetNode(page)->level;
	BlockNumber block;
	AnnoyPointer pointer;

	AnnoyNodeMakeRoom(sink->build->index, AnnoyPageGetNode(page));
	if (sink->in_memory)
	{
		if (sink->count == sink->allocated)
		{
			sink->allocated = Max(16, 2 * sink->allocated);
			sink->pages = sink->pages == NULL ?
				palloc_extended((Size) BLCKSZ * sink->allocated, MCXT_ALLOC_HUGE) :
				repalloc_huge(sink->pages, (Size) BLCKSZ * sink->allocated);
		}
		memcpy(sink->pages + (Size) sink->count * BLCKSZ, page, BLCKSZ);
		block = sink->count++;
	}
	else
	{
		block = sink_block(sink);
		AnnoySinkFlush(sink, block);
		memcpy(sink->page.data, page, BLCKSZ);
		sink->waiting = true;
		sink->block = block;
		if (sink->leftmost[level] == InvalidBlockNumber)
			sink->leftmost[level] = block;
	}
	ItemPointerSet(&pointer, block, spread);
	return pointer;
}

/*
 * Take the root's page, when all others have been written.  Returns its block.
 */
BlockNumber
AnnoySinkAddRoot(AnnoySink *sink, Page page)
{
	AnnoyInPlace *in_place = sink->build->in_place;
	BlockNumber block = AnnoyRootBlock(sink->build->shared->tree.number);

	if (sink->in_memory)
	{
		AnnoyPointer pointer = AnnoySinkAdd(sink, page, InvalidOffsetNumber);

		return ItemPointerGetBlockNumberNoCheck(&pointer);
	}

	Assert(!sink->waiting);
	AnnoyNodeMakeRoom(sink->build->index, AnnoyPageGetNode(page));
	if (in_place != NULL)
		memcpy(in_place->roots + (Size) sink->build->shared->tree.number * BLCKSZ, page, BLCKSZ);
	else
		AnnoyWritePages(sink->build->rel, block, page, 1);
	sink->leftmost[AnnoyPageGetNode(page)->level] = block;
	return block;
}
