/*-------------------------------------------------------------------------
 *
 * metapage.c
 *	  The metapage: locked, checked, read and changed, and what it says of VACUUM.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/metapage.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"

/* There are no more than an index of all blocks has slots. */
#define MAX_ITEMS			1e14

/*
 * Check a metapage, but for the curve, which is only advice.  The caller holds a
 * lock on the buffer.
 *
 * Blocks are such that nobody who holds a lock on the metapage or a root comes
 * back to these.  Whether they exist, and what is there, is checked when they
 * are read.
 */
void
AnnoyCheckMeta(Relation rel, Buffer buffer)
{
	AnnoyMetaPage meta;

	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_META);
	meta = AnnoyPageGetMeta(BufferGetPage(buffer));
	if (meta->magic == ANNOY_MAGIC && meta->version != ANNOY_FORMAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has format version %u, but this version of annoy reads version %u",
						RelationGetRelationName(rel), meta->version,
						ANNOY_FORMAT_VERSION),
				 errhint("Please REINDEX it.")));
	if (meta->magic != ANNOY_MAGIC ||
		meta->metric < ANNOY_L2 || meta->metric > ANNOY_HAMMING ||
		meta->dtype < ANNOY_FLOAT32 || meta->dtype > ANNOY_INT8 ||
		(meta->dtype == ANNOY_BIT) != (meta->metric == ANNOY_HAMMING) ||
		meta->n_trees < 1 || meta->n_trees > ANNOY_MAX_TREES ||
		meta->dim < 0 || meta->dim > ANNOY_MAX_DIMENSIONS)
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has the magic number %08X, metric %u, type %u, %u trees and %d dimensions.",
							  meta->magic, meta->metric, meta->dtype, meta->n_trees, meta->dim);
	if (meta->null_free < AnnoyRootBlock(meta->n_trees) ||
		meta->attributes < AnnoyRootBlock(meta->n_trees) ||
		meta->attributes_free < AnnoyRootBlock(meta->n_trees) ||
		meta->node_free < AnnoyRootBlock(meta->n_trees))
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has the lists of pages of NULLs, of attributes and of free pages begin at %u, %u and %u, and the chain at %u.",
							  meta->null_free, meta->attributes_free, meta->node_free,
							  meta->attributes);
	if (meta->vacuum > ANNOY_VACUUM_DROPS)
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has VACUUM in phase %u.", meta->vacuum);
	if (!(meta->built_items >= 0 && meta->built_items <= MAX_ITEMS) ||
		!(meta->grown_from >= 0 && meta->grown_from <= MAX_ITEMS) ||
		!(meta->adapt_from >= 0 && meta->adapt_from <= MAX_ITEMS) ||
		!(meta->adapt_due >= 0) || meta->adapt_next == ANNOY_METAPAGE_BLKNO ||
		(meta->dim > 0 &&
		 (meta->scale_exponent < -ANNOY_MAX_SCALE_EXPONENT ||
		  meta->scale_exponent > ANNOY_MAX_SCALE_EXPONENT ||
		  meta->mean < AnnoyRootBlock(meta->n_trees) ||
		  meta->n_mean != (meta->mean == InvalidBlockNumber ? 0 : AnnoyMeanPages(meta->dim)))))
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has the scale 2^%d, %g items, grown from %g, adapted from %g, with %g entries due from %u on, and a mean at %u of %u pages.",
							  meta->scale_exponent, meta->built_items, meta->grown_from,
							  meta->adapt_from, meta->adapt_due, meta->adapt_next,
							  meta->mean, meta->n_mean);
}

/*
 * Does an index have another version of the format?  If so, *meta gets what is in
 * the same place in all of them; nothing of it has been checked.
 */
bool
AnnoyHasOtherFormat(Relation rel, AnnoyMetaPageData *meta)
{
	Buffer		buffer = ReadBuffer(rel, ANNOY_METAPAGE_BLKNO);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_META);
	memcpy(meta, AnnoyPageGetMeta(BufferGetPage(buffer)),
		   offsetof(AnnoyMetaPageData, scale_exponent));
	UnlockReleaseBuffer(buffer);
	return meta->magic == ANNOY_MAGIC && meta->version != ANNOY_FORMAT_VERSION;
}

/*
 * Pin, lock and check the metapage.
 */
Buffer
AnnoyLockMeta(Relation rel, int mode)
{
	Buffer		buffer = ReadBuffer(rel, ANNOY_METAPAGE_BLKNO);

	LockBuffer(buffer, mode);
	AnnoyCheckMeta(rel, buffer);
	return buffer;
}

/*
 * Begin a change of the metapage alone, which is one WAL record.  Returns a copy, to
 * be changed while the page is locked.
 */
AnnoyMetaPage
AnnoyMetaBegin(Relation rel, AnnoyMetaChange *change)
{
	change->buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
	change->xlog = GenericXLogStart(rel);
	return AnnoyPageGetMeta(GenericXLogRegisterBuffer(change->xlog, change->buffer, 0));
}

/*
 * End it, and unlock the metapage.  There is no record if nothing was changed.
 */
void
AnnoyMetaEnd(AnnoyMetaChange *change, bool changed)
{
	if (changed)
		GenericXLogFinish(change->xlog);
	else
		GenericXLogAbort(change->xlog);
	UnlockReleaseBuffer(change->buffer);
}

/*
 * Read the metapage, but for the leftmost nodes.
 */
void
AnnoyReadMeta(Relation rel, AnnoyMetaPageData *meta)
{
	Buffer		buffer = AnnoyLockMeta(rel, BUFFER_LOCK_SHARE);
	AnnoyMetaPage page = AnnoyPageGetMeta(BufferGetPage(buffer));

	memcpy(meta, page, offsetof(AnnoyMetaPageData, leftmost));
	meta->curve = page->curve;
	UnlockReleaseBuffer(buffer);
}

/*
 * The leftmost node of a level of a tree; an invalid block above the root.
 */
BlockNumber
AnnoyLeftmostNode(Relation rel, int tree, int level)
{
	Buffer		buffer = AnnoyLockMeta(rel, BUFFER_LOCK_SHARE);
	BlockNumber block = AnnoyPageGetMeta(BufferGetPage(buffer))->leftmost[tree][level];

	UnlockReleaseBuffer(buffer);
	return block;
}

/*
 * What VACUUM is at.
 */
AnnoyVacuumPhase
AnnoyGetVacuumPhase(Relation rel)
{
	AnnoyMetaPageData meta;

	AnnoyReadMeta(rel, &meta);
	return meta.vacuum;
}

/*
 * Say what VACUUM is at.  Nobody else does: the caller has a lock on the table
 * that one VACUUM at a time can have.
 */
void
AnnoySetVacuumPhase(Relation rel, AnnoyVacuumPhase phase)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);

	meta->vacuum = phase;
	meta->vacuum_changes++;
	AnnoyMetaEnd(&change, true);
}
