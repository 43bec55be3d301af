/*-------------------------------------------------------------------------
 *
 * list.c
 *	  Lists of pages that somebody may use: those of NULLs with a free slot, those
 *	  of attributes with room, and free pages.
 *
 * Each of these kinds of page has one list.  It begins in the metapage and goes
 * on over the tags' `next_free'.  A page joins its list in front, and leaves it
 * when it is the first one.  (A reset, which is alone with the index, also takes
 * pages out of the middle.)  While that is done, page and metapage are locked
 * exclusively, and one WAL record changes both.  So a page says that it is in the
 * list if and only if it is.  The metapage is locked last, but see tree/free.c.
 *
 * Which pages join and leave, and when, is for others to decide:
 *
 *	nulls.c			exactly the pages that have a free slot are listed
 *	attributes.c	a page that is not listed may have room all the same
 *	tree/free.c		a free page is listed, unless a crash or an error has lost it;
 *					VACUUM finds such a page
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/list.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"

/* Where the list of a kind of page begins. */
static BlockNumber *
head_of(AnnoyMetaPage meta, AnnoyPageKind kind)
{
	Assert(kind == ANNOY_PAGE_NULLS || kind == ANNOY_PAGE_ATTRIBUTES ||
		   kind == ANNOY_PAGE_FREE);
	return kind == ANNOY_PAGE_NULLS ? &meta->null_free :
		kind == ANNOY_PAGE_ATTRIBUTES ? &meta->attributes_free : &meta->node_free;
}

/* How often it has changed; that of free pages with VACUUM's phase. */
static uint32 *
changes_of(AnnoyMetaPage meta, AnnoyPageKind kind)
{
	return kind == ANNOY_PAGE_NULLS ? &meta->null_changes :
		kind == ANNOY_PAGE_ATTRIBUTES ? &meta->attributes_changes : &meta->vacuum_changes;
}

static void
set_head(AnnoyMetaPage meta, AnnoyPageKind kind, BlockNumber block)
{
	*head_of(meta, kind) = block;
	(*changes_of(meta, kind))++;
}

/*
 * The first page in the list of a kind, or an invalid block.  If changes is not
 * NULL, it gets a number which has changed when the list has.
 */
BlockNumber
AnnoyListHead(Relation rel, AnnoyPageKind kind, uint32 *changes)
{
	AnnoyMetaPageData meta;

	AnnoyReadMeta(rel, &meta);
	if (changes != NULL)
		*changes = *changes_of(&meta, kind);
	return *head_of(&meta, kind);
}

/*
 * Put a page in front of the list of its kind, as a part of the WAL record in
 * which it was registered.  Returns the buffer of the metapage, which has become
 * a part of the record; the caller unlocks it when that is finished.
 */
Buffer
AnnoyListPut(Relation rel, GenericXLogState *xlog, Page page, BlockNumber block)
{
	AnnoyPageTag *tag = AnnoyPageGetTag(page);
	Buffer		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
	AnnoyMetaPage meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0));

	Assert(!AnnoyPageIsListed(page));
	tag->next_free = *head_of(meta, tag->kind);
	set_head(meta, tag->kind, block);
	return meta_buffer;
}

/*
 * Take a page off the list of its kind, as a part of the WAL record in which it
 * was registered.  The caller has an exclusive lock on the metapage, which becomes
 * a part of the record.  Returns false if the page is not the first one: then
 * nothing has changed.
 */
bool
AnnoyListTake(Relation rel, GenericXLogState *xlog, Buffer meta_buffer, Page page,
			  BlockNumber block)
{
	AnnoyPageTag *tag = AnnoyPageGetTag(page);
	AnnoyMetaPage meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0));
	BlockNumber next = tag->next_free;

	if (*head_of(meta, tag->kind) != block)
		return false;
	/* that includes a page which says that it is not listed */
	if (next < AnnoyRootBlock(meta->n_trees) ||
		(next != InvalidBlockNumber && !AnnoyBlockExists(rel, next)))
		AnnoyReportCorruption(rel, block,
							  "The page, of kind %u, is the first one in its list, which goes on at %u.",
							  tag->kind, next);
	set_head(meta, tag->kind, next);
	tag->next_free = ANNOY_NOT_LISTED;
	return true;
}

/*
 * Take the pages from a block on off the list of a kind, as they are about to be
 * cut off the file.  The caller has an AccessExclusiveLock on the index, so that
 * nobody needs to have this counted as a change.
 */
void
AnnoyListCut(Relation rel, AnnoyPageKind kind, BlockNumber end)
{
	BlockNumber before = ANNOY_METAPAGE_BLKNO;
	BlockNumber block = AnnoyListHead(rel, kind, NULL);
	BlockNumber steps = 0;

	while (block != InvalidBlockNumber)
	{
		Buffer		buffer;
		BlockNumber next;

		AnnoyCountStep(rel, block, &steps);
		buffer = AnnoyLockPage(rel, block, kind, BUFFER_LOCK_EXCLUSIVE, NULL);
		next = AnnoyPageGetTag(BufferGetPage(buffer))->next_free;
		if (!AnnoyPageIsListed(BufferGetPage(buffer)))
			AnnoyReportCorruption(rel, block,
								  "The page, of kind %d, is in a list, but says that it is in none.",
								  kind);
		if (block < end)
			before = block;
		else
		{
			bool		is_head = before == ANNOY_METAPAGE_BLKNO;
			Buffer		before_buffer = is_head ?
			AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE) :
			AnnoyLockPage(rel, before, kind, BUFFER_LOCK_EXCLUSIVE, NULL);
			GenericXLogState *xlog = GenericXLogStart(rel);
			Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
			Page		before_page = GenericXLogRegisterBuffer(xlog, before_buffer, 0);

			AnnoyPageGetTag(page)->next_free = ANNOY_NOT_LISTED;
			if (is_head)
				*head_of(AnnoyPageGetMeta(before_page), kind) = next;
			else
				AnnoyPageGetTag(before_page)->next_free = next;
			GenericXLogFinish(xlog);
			UnlockReleaseBuffer(before_buffer);
		}
		UnlockReleaseBuffer(buffer);
		block = next;
	}
}
