/*-------------------------------------------------------------------------
 *
 * free.c
 *	  Pages of trees that were replaced, and their use for new nodes.
 *
 * When trees are made anew (respace.c), the nodes of the old ones stay where they
 * are.  They are told by their generation, and nothing leads to them any more.
 * VACUUM makes free pages of them, and of what a crash or an error has left (vacuum.c),
 * and puts these in a list (list.c), as does a split that had got a page in vain.  Splits
 * take pages from there first.
 *
 * They do not while VACUUM makes its passes, since a leaf that comes about on a
 * page which the second pass has left behind would keep its dead entries.  Who has
 * taken a page before holds its lock until it is a node, so the first pass waits
 * for that.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/free.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* The first free page that may be used, or invalid.  The metapage is locked. */
static BlockNumber
first_free(Page meta_page)
{
	AnnoyMetaPage meta = AnnoyPageGetMeta(meta_page);

	return meta->vacuum == ANNOY_VACUUM_DONE ? meta->node_free : InvalidBlockNumber;
}

/*
 * Take the first page off the list.  It and the metapage are locked exclusively.
 */
static void
take_free(Relation rel, Buffer meta_buffer, Buffer buffer)
{
	GenericXLogState *xlog;

	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_FREE);
	xlog = GenericXLogStart(rel);
	(void) AnnoyListTake(rel, xlog, meta_buffer, GenericXLogRegisterBuffer(xlog, buffer, 0),
						 BufferGetBlockNumber(buffer));
	GenericXLogFinish(xlog);
}

/*
 * Get a page for a new node: a free one, or one that is added to the index.
 * Returns its buffer, locked exclusively; what is on the page has to be
 * overwritten.  The caller may hold locks on tree pages, but not on the metapage.
 */
Buffer
AnnoyNodeExtend(Relation rel)
{
	Buffer		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_SHARE);
	Buffer		buffer = InvalidBuffer;
	BlockNumber block;

	block = first_free(BufferGetPage(meta_buffer));
	LockBuffer(meta_buffer, BUFFER_LOCK_UNLOCK);
	if (block != InvalidBlockNumber)
	{
		LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
		block = first_free(BufferGetPage(meta_buffer));
		if (block != InvalidBlockNumber)
		{
			/*
			 * should it be a page that we have locked, do not wait for
			 * ourselves
			 */
			buffer = AnnoyReadBuffer(rel, block, NULL);
			if (ConditionalLockBuffer(buffer))
				take_free(rel, meta_buffer, buffer);
			else
			{
				ReleaseBuffer(buffer);
				buffer = InvalidBuffer;
			}
		}
		LockBuffer(meta_buffer, BUFFER_LOCK_UNLOCK);
	}
	ReleaseBuffer(meta_buffer);
	return BufferIsValid(buffer) ? buffer : AnnoyExtend(rel, MAIN_FORKNUM, 1);
}

/*
 * Is that a page of a tree that was replaced, or of the mean or the bounds that went
 * with it?
 */
static bool
is_old(const AnnoyIndex *index, const AnnoyMetaPageData *meta, BlockNumber block,
	   Page page)
{
	if (!AnnoyPageIsValid(page))
		return false;
	switch (AnnoyPageGetTag(page)->kind)
	{
		case ANNOY_PAGE_NODE:
			return !AnnoyNodeIsCurrent(index, AnnoyPageGetNode(page));
		case ANNOY_PAGE_MEAN:
			return block < meta->mean || block - meta->mean >= meta->n_mean;
		case ANNOY_PAGE_BOUNDS:
			return block < meta->bounds || block - meta->bounds >= meta->n_bounds;
		default:
			return false;
	}
}

/*
 * Make a page that nothing leads to a free one, and list it.  The caller holds an
 * exclusive lock on it, and none on the metapage.
 */
void
AnnoyFreePage(Relation rel, Buffer buffer)
{
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
	Buffer		meta_buffer;

	AnnoyPageInit(page, ANNOY_PAGE_FREE);
	meta_buffer = AnnoyListPut(rel, xlog, page, BufferGetBlockNumber(buffer));
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(meta_buffer);
}

/*
 * Make free pages of all nodes that are not part of a tree, and of old means and
 * bounds.
 * Searches and insertions go on meanwhile: nothing leads to these pages.
 */
void
AnnoyFreeOldNodes(Relation rel)
{
	const AnnoyIndex *index = AnnoyOpen(rel);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	AnnoyMetaPageData meta;

	AnnoyReadMeta(rel, &meta);
	for (BlockNumber block = AnnoyRootBlock(index->n_trees); block < nblocks; block++)
	{
		Buffer		buffer;

		AnnoyVacuumDelay();
		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (is_old(index, &meta, block, BufferGetPage(buffer)))
		{
			/* nobody else changes it */
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			AnnoyFreePage(rel, buffer);
		}
		UnlockReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	(void) AnnoyMarkOldNodes(rel, false);
}
