/*-------------------------------------------------------------------------
 *
 * meta.c
 *	  What an index is, from its metapage; and when that changes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/meta.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "miscadmin.h"

#include "error.h"
#include "storage/storage.h"
#include "type/type.h"

/*
 * Read the mean from its pages.  Those that a build or the first vector has
 * written have its components and no more.
 */
static float *
read_mean(Relation rel, BlockNumber first, int dim)
{
	float	   *mean = palloc(sizeof(float) * dim);

	for (int done = 0; done < dim; done += ANNOY_MEAN_PER_PAGE)
	{
		BlockNumber block = first + done / ANNOY_MEAN_PER_PAGE;
		Buffer		buffer = AnnoyLockPage(rel, block, ANNOY_PAGE_MEAN,
										   BUFFER_LOCK_SHARE, NULL);
		int			n = Min(dim - done, ANNOY_MEAN_PER_PAGE);
		Page		page = BufferGetPage(buffer);
		int			end = (char *) ((float *) AnnoyPageGetData(page) + n) - page;

		if (((PageHeader) page)->pd_lower != end)
			AnnoyReportCorruption(rel, block, "The mean of %d dimensions should end at %d, not at %u.",
								  dim, end, ((PageHeader) page)->pd_lower);
		memcpy(mean + done, AnnoyPageGetData(page), sizeof(float) * n);
		UnlockReleaseBuffer(buffer);
		for (int i = done; i < done + n; i++)
		{
			/* nor if it is NaN */
			if (!(fabsf(mean[i]) <= ANNOY_MAX_COMPONENT))
				AnnoyReportCorruption(rel, block, "Component %d of the mean is %g.",
									  i + 1, mean[i]);
		}
	}
	return mean;
}

/*
 * Copy a description to a new piece of memory in a context.
 */
static AnnoyIndex *
copy_index(const AnnoyIndex *index, MemoryContext context)
{
	Size		size = AnnoyIndexSize(index);
	AnnoyIndex *copy = MemoryContextAlloc(context, size);

	memcpy(copy, index, size);
	AnnoyIndexSetPointers(copy);
	return copy;
}

/*
 * The description of an index, in the current memory context.
 *
 * A copy is cached with the relation, except that of an index which does not
 * know its dimensions yet: that may change.  The cached copy itself is not for
 * callers, since an invalidation message may free it at any time.
 *
 * The dimensions may also be forgotten, the search space be decided, and the curve
 * be measured anew.  There is no invalidation message for that: it would be sent by
 * a transaction that may abort, and then never reach a standby.  So the copy is
 * compared with the metapage.  What is returned stays true as long as the caller has
 * any lock on the index, but for the curve, and for a search space that is not
 * known: whoever comes to a node that takes one has to call this again.
 */
const AnnoyIndex *
AnnoyOpen(Relation rel)
{
	AnnoyMetaPageData meta;
	AnnoyIndex	declared = {0};
	AnnoyIndex *index;
	float	   *mean = NULL;

	AnnoyReadMeta(rel, &meta);
	if (!AnnoyCurveIsValid(&meta.curve))
		memset(&meta.curve, 0, sizeof(AnnoyCurve));

	if (rel->rd_amcache != NULL)
	{
		index = (AnnoyIndex *) rel->rd_amcache;
		if (index->resets == meta.resets &&
			index->has_space == (meta.mean != InvalidBlockNumber))
		{
			index->curve = meta.curve;
			index->has_old_nodes = (meta.flags & ANNOY_META_OLD_NODES) != 0;
			index->grown_from = meta.grown_from;
			index->removed = meta.removed;
			return copy_index(index, CurrentMemoryContext);
		}
		rel->rd_amcache = NULL;
		pfree(index);
	}

	if (meta.metric != AnnoyIndexMetric(rel))
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has the metric \"%s\", but the operator class \"%s\".",
							  AnnoyMetricName(meta.metric),
							  AnnoyMetricName(AnnoyIndexMetric(rel)));
	if (meta.mean != InvalidBlockNumber &&
		(uint64) meta.mean + meta.n_mean > RelationGetNumberOfBlocks(rel))
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has a mean at %u of %u pages, but the index ends at %u.",
							  meta.mean, meta.n_mean, RelationGetNumberOfBlocks(rel));
	for (int i = 0; i < ANNOY_MAX_SIGNATURE; i++)
	{
		int			column = ANNOY_SIGNATURE_COLUMN(meta.signature_columns[i]);

		if (column >= IndexRelationGetNumberOfAttributes(rel))
			AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
								  "The metapage has signatures of column %d behind the vector, of %d.",
								  column,
								  IndexRelationGetNumberOfAttributes(rel) - 1);
	}
	if (meta.dim > 0 && meta.mean != InvalidBlockNumber)
		mean = read_mean(rel, meta.mean, meta.dim);
	declared.metric = meta.metric;
	declared.dtype = meta.dtype;
	declared.in_table = (meta.flags & ANNOY_META_IN_TABLE) != 0;
	declared.auto_dtype = (meta.flags & ANNOY_META_AUTO_DTYPE) != 0;
	if (declared.auto_dtype && meta.dim == 0)
	{
		/* the dimensions were forgotten, and so is what was decided with them */
		declared.dtype = AnnoyColumnDtype(rel);
		declared.in_table = false;
	}
	declared.zeros_last = AnnoyZerosAreLast(rel);
	declared.n_trees = meta.n_trees;
	declared.n_entries = (meta.flags & ANNOY_META_SECOND) != 0 ? 2 : 1;
	declared.seed = meta.seed;
	declared.attributes_size = AnnoyAttributesSize(rel);
	memcpy(declared.signature_columns, meta.signature_columns, ANNOY_MAX_SIGNATURE);
	index = AnnoyMakeIndex(&declared, meta.dim, meta.scale_exponent, mean);
	if (meta.dim > 0)
		index = AnnoyAttachBounds(rel, index, meta.bounds, meta.n_bounds);
	index->built_items = meta.built_items;
	index->grown_from = meta.grown_from;
	index->removed = meta.removed;
	index->has_old_nodes = (meta.flags & ANNOY_META_OLD_NODES) != 0;
	index->resets = meta.resets;
	index->generation = (uint8) meta.generation;
	index->curve = meta.curve;
	if (mean != NULL)
		pfree(mean);
	if (index->dim > 0)
		rel->rd_amcache = copy_index(index, rel->rd_indexcxt);
	return index;
}

/*
 * The same, for whoever has met a node that takes a search space.
 */
const AnnoyIndex *
AnnoyOpenSpace(Relation rel)
{
	const AnnoyIndex *index = AnnoyOpen(rel);

	if (!index->has_space)
		AnnoyReportCorruption(rel, ANNOY_METAPAGE_BLKNO,
							  "The metapage has no mean, but there are nodes that take one.");
	return index;
}

/*
 * Fill in a new metapage.  Where the mean is, and the leftmost nodes, is for
 * the caller to add.
 */
void
AnnoyInitMetaPage(Page page, const AnnoyIndex *index)
{
	AnnoyMetaPage meta;

	AnnoyPageInit(page, ANNOY_PAGE_META);
	meta = AnnoyPageGetMeta(page);
	memset(meta, 0, sizeof(AnnoyMetaPageData));
	meta->magic = ANNOY_MAGIC;
	meta->version = ANNOY_FORMAT_VERSION;
	meta->metric = index->metric;
	meta->dtype = index->dtype;
	meta->n_trees = index->n_trees;
	meta->flags = (index->n_entries > 1 ? ANNOY_META_SECOND : 0) |
		(index->in_table ? ANNOY_META_IN_TABLE : 0) |
		(index->auto_dtype ? ANNOY_META_AUTO_DTYPE : 0);
	meta->seed = index->seed;
	meta->dim = index->dim;
	meta->scale_exponent = index->scale_exponent;
	meta->mean = InvalidBlockNumber;
	meta->built_items = index->built_items;
	meta->grown_from = index->built_items;
	meta->adapt_from = index->built_items;
	meta->adapt_next = InvalidBlockNumber;
	meta->resets = index->resets;
	meta->generation = index->generation;
	meta->node_free = InvalidBlockNumber;
	meta->null_free = InvalidBlockNumber;
	meta->attributes = InvalidBlockNumber;
	meta->attributes_free = InvalidBlockNumber;
	meta->bounds = index->bounds_block;
	meta->n_bounds = index->n_bounds;
	memcpy(meta->signature_columns, index->signature_columns, ANNOY_MAX_SIGNATURE);
	for (int tree = 0; tree < ANNOY_MAX_TREES; tree++)
	{
		for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
			meta->leftmost[tree][level] = InvalidBlockNumber;
		if (tree < index->n_trees)
			meta->leftmost[tree][0] = AnnoyRootBlock(tree);
	}
	AnnoyPageSetEnd(page, meta + 1);
}

/*
 * Write the mean to new pages.
 */
void
AnnoyWriteMean(Relation rel, const AnnoyIndex *index, BlockNumber *first,
			   uint32 *count)
{
	Buffer		first_buffer;

	*count = AnnoyMeanPages(index->dim);
	first_buffer = AnnoyExtend(rel, MAIN_FORKNUM, *count);
	*first = BufferGetBlockNumber(first_buffer);
	for (uint32 i = 0; i < *count; i++)
	{
		int			done = i * ANNOY_MEAN_PER_PAGE;
		int			n = Min(index->dim - done, ANNOY_MEAN_PER_PAGE);
		Buffer		buffer = first_buffer;
		GenericXLogState *state;
		Page		page;

		if (i > 0)
		{
			buffer = ReadBuffer(rel, *first + i);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		}
		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
		AnnoyPageInit(page, ANNOY_PAGE_MEAN);
		memcpy(AnnoyPageGetData(page), index->mean + done, sizeof(float) * n);
		AnnoyPageSetEnd(page, (float *) AnnoyPageGetData(page) + n);
		GenericXLogFinish(state);
		if (i > 0)
			UnlockReleaseBuffer(buffer);
	}
	UnlockReleaseBuffer(first_buffer);
}

/*
 * Make an empty page of NULLs of every page that a reset has left over.
 *
 * As long as the dimensions are unknown, nobody looks at what these pages
 * contain.  Once they are known, which they may be any time, somebody else has
 * done all this, and pages of the same kinds may be in use.
 */
static void
clear_leftover(Relation rel, const AnnoyIndex *index)
{
	AnnoyMetaPageData meta;
	BlockNumber end;
	bool		done = false;

	AnnoyReadMeta(rel, &meta);
	end = Min(RelationGetNumberOfBlocks(rel), meta.leftover);

	for (BlockNumber block = AnnoyRootBlock(index->n_trees); block < end && !done; block++)
	{
		Buffer		buffer = ReadBuffer(rel, block);
		Page		page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);

		/* new pages are about to be used, and means are not in the way */
		if (!PageIsNew(page) &&
			AnnoyPageGetTag(page)->kind != ANNOY_PAGE_NULLS &&
			AnnoyPageGetTag(page)->kind != ANNOY_PAGE_MEAN)
		{
			GenericXLogState *state = GenericXLogStart(rel);
			Buffer		meta_buffer;

			page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
			meta_buffer = AnnoyNullsAdd(rel, state, page, block);
			done = AnnoyPageGetMeta(BufferGetPage(meta_buffer))->dim > 0;
			if (done)
				GenericXLogAbort(state);
			else
				GenericXLogFinish(state);
			UnlockReleaseBuffer(meta_buffer);
		}
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Give an index that has no vectors its dimensions, from the first one.  The
 * search space is decided when there are enough to fill a page, see decide.c.
 *
 * The metapage is changed last and stays locked while the roots are.  Until then
 * the dimensions are unknown to everybody and nobody touches the roots, so a
 * crash halfway leaves an empty index and at worst a few unused pages.
 */
const AnnoyIndex *
AnnoySetDimensions(Relation rel, const AnnoyVector *vec)
{
	const AnnoyIndex *unset = AnnoyOpen(rel);
	AnnoyIndex	declared = *unset;
	AnnoyIndex *index;
	Buffer		meta_buffer;
	GenericXLogState *state;
	AnnoyMetaPage meta;

	if (unset->dim > 0)
		return unset;

	AnnoyChooseDtype(rel, &declared, AnnoyVectorIsInRow(rel, vec));
	index = AnnoyMakeIndex(&declared, vec->dim, 0, NULL);
	index->generation = unset->generation;
	clear_leftover(rel, index);

	meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
	meta = AnnoyPageGetMeta(BufferGetPage(meta_buffer));
	if (meta->dim == 0)
	{
		for (int tree = 0; tree < index->n_trees; tree++)
		{
			Buffer		buffer = ReadBuffer(rel, AnnoyRootBlock(tree));
			float	   *centre = palloc0(sizeof(float) * index->space_dim);
			Page		page;

			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			AnnoyCheckPage(rel, buffer, ANNOY_PAGE_NODE);
			/* what has entries has dimensions, but for what a reset left over */
			if (meta->leftover == 0 &&
				AnnoyPageGetNode(BufferGetPage(buffer))->count > 0)
				AnnoyReportCorruption(rel, AnnoyRootBlock(tree),
									  "The root has %u entries, but the metapage no dimensions.",
									  AnnoyPageGetNode(BufferGetPage(buffer))->count);
			state = GenericXLogStart(rel);
			page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
			AnnoyNodeInit(page, index, tree, 0, centre);
			AnnoyPageGetNode(page)->flags |= ANNOY_NODE_PLAIN;
			GenericXLogFinish(state);
			UnlockReleaseBuffer(buffer);
			pfree(centre);
		}

		state = GenericXLogStart(rel);
		meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(state, meta_buffer, 0));
		meta->dim = index->dim;
		meta->dtype = index->dtype;
		if (index->in_table)
			meta->flags |= ANNOY_META_IN_TABLE;
		else
			meta->flags &= ~ANNOY_META_IN_TABLE;
		meta->leftover = 0;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(meta_buffer);

	pfree(index);
	return AnnoyOpen(rel);
}

/*
 * Tell an index its search space, unless it has got one meanwhile.  The metapage
 * is changed last: a crash before, or somebody else who was faster, leaves pages
 * of a mean that are not used.
 */
void
AnnoySetSpace(Relation rel, int scale_exponent, const float *mean)
{
	const AnnoyIndex *unset = AnnoyOpen(rel);
	AnnoyIndex *index;
	BlockNumber mean_block;
	uint32		mean_pages;
	AnnoyMetaChange change;
	AnnoyMetaPage meta;
	bool		is_first;

	if (unset->has_space)
		return;
	index = AnnoyMakeIndex(unset, unset->dim, scale_exponent, mean);
	AnnoyWriteMean(rel, index, &mean_block, &mean_pages);

	meta = AnnoyMetaBegin(rel, &change);
	is_first = meta->mean == InvalidBlockNumber;
	if (is_first)
	{
		meta->scale_exponent = index->scale_exponent;
		meta->mean = mean_block;
		meta->n_mean = mean_pages;
	}
	AnnoyMetaEnd(&change, is_first);
	pfree(index);
}

/*
 * Note that the search space fits the items, of which there are so many.
 */
void
AnnoySpaceFits(Relation rel, double items)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);

	meta->grown_from = items;
	meta->removed = 0;
	AnnoyMetaEnd(&change, true);
}

/*
 * Note that there may be nodes that are not part of a tree, or that there are none
 * any more.  Returns whether it was noted before.
 */
bool
AnnoyMarkOldNodes(Relation rel, bool set)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);
	bool		was_set = (meta->flags & ANNOY_META_OLD_NODES) != 0;

	if (was_set != set)
		meta->flags ^= ANNOY_META_OLD_NODES;
	AnnoyMetaEnd(&change, was_set != set);
	return was_set;
}

/*
 * Put new trees in the place of the old ones: the pages of their roots, and in the
 * metapage what a new description has and where their nodes begin.  All in one WAL
 * record, so that there always are complete trees of one kind.  The caller has an
 * AccessExclusiveLock on the index, and has written and logged all other nodes.
 *
 * The curve is of the old trees, and is forgotten.
 */
void
AnnoyReplaceTrees(Relation rel, const AnnoyIndex *index,
				  BlockNumber leftmost[][ANNOY_MAX_LEVEL], const char *roots)
{
	BlockNumber count = AnnoyRootBlock(index->n_trees);
	Buffer		buffers[ANNOY_MAX_REPLACED_TREES + 1];
	BlockNumber mean_block;
	uint32		mean_pages;
	AnnoyMetaPage meta;

	Assert(index->n_trees <= ANNOY_MAX_REPLACED_TREES);

	AnnoyWriteMean(rel, index, &mean_block, &mean_pages);
	for (BlockNumber block = 0; block < count; block++)
	{
		buffers[block] = ReadBuffer(rel, block);
		LockBuffer(buffers[block], BUFFER_LOCK_EXCLUSIVE);
	}
	AnnoyCheckMeta(rel, buffers[0]);
	meta = AnnoyPageGetMeta(BufferGetPage(buffers[0]));
	if (RelationNeedsWAL(rel))
		XLogEnsureRecordSpace(count, 0);

	START_CRIT_SECTION();
	meta->scale_exponent = index->scale_exponent;
	meta->mean = mean_block;
	meta->n_mean = mean_pages;
	meta->bounds = index->bounds_block;
	meta->n_bounds = index->n_bounds;
	meta->generation = index->generation;
	meta->grown_from = index->grown_from;
	meta->removed = 0;
	meta->adapt_from = index->grown_from;
	meta->adapt_due = 0;
	meta->adapt_removed = 0;
	meta->adapt_next = InvalidBlockNumber;
	meta->resets++;
	memset(&meta->curve, 0, sizeof(AnnoyCurve));
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		memcpy(meta->leftmost[tree], leftmost[tree], sizeof(meta->leftmost[tree]));
		memcpy(BufferGetPage(buffers[AnnoyRootBlock(tree)]), roots + (Size) tree * BLCKSZ,
			   BLCKSZ);
	}
	for (BlockNumber block = 0; block < count; block++)
		MarkBufferDirty(buffers[block]);
	if (RelationNeedsWAL(rel))
	{
		XLogRecPtr	lsn;

		/* generic WAL has room for four pages only, but whole images will do */
		XLogBeginInsert();
		for (BlockNumber block = 0; block < count; block++)
			XLogRegisterBuffer(block, buffers[block], REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
		lsn = XLogInsert(RM_XLOG_ID, XLOG_FPI);
		for (BlockNumber block = 0; block < count; block++)
			PageSetLSN(BufferGetPage(buffers[block]), lsn);
	}
	END_CRIT_SECTION();

	for (BlockNumber block = 0; block < count; block++)
		UnlockReleaseBuffer(buffers[block]);
}

/*
 * Make metapage and roots again what they are in an index that was built on an
 * empty table.  The caller has an AccessExclusiveLock on the index, and goes on
 * to truncate it.
 *
 * The metapage is changed first: then the roots do not matter, and if a crash
 * comes before the rest is gone, AnnoySetDimensions knows where to find it.
 */
void
AnnoyForgetDimensions(Relation rel)
{
	const AnnoyIndex *index = AnnoyOpen(rel);
	AnnoyIndex *empty = AnnoyMakeIndex(index, 0, 0, NULL);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);

	empty->resets = index->resets + 1;
	empty->generation = index->generation;
	for (BlockNumber block = ANNOY_METAPAGE_BLKNO;
		 block <= AnnoyRootBlock(index->n_trees - 1); block++)
	{
		Buffer		buffer = ReadBuffer(rel, block);
		GenericXLogState *state;
		Page		page;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		state = GenericXLogStart(rel);
		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
		if (block == ANNOY_METAPAGE_BLKNO)
		{
			AnnoyMetaPageData old = *AnnoyPageGetMeta(page);

			AnnoyInitMetaPage(page, empty);
			AnnoyPageGetMeta(page)->leftover = nblocks;
			AnnoyPageGetMeta(page)->flags = old.flags;
			AnnoyPageGetMeta(page)->null_free = old.null_free;
			AnnoyPageGetMeta(page)->vacuum = old.vacuum;
			AnnoyPageGetMeta(page)->vacuum_changes = old.vacuum_changes;
		}
		else
			AnnoyPageInit(page, ANNOY_PAGE_NODE);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * For VACUUM, after AnnoyForgetDimensions: do what would otherwise be left to the
 * first vector.  Others may use the index meanwhile, and that vector may come.
 */
void
AnnoyClearLeftover(Relation rel)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta;

	clear_leftover(rel, AnnoyOpen(rel));

	meta = AnnoyMetaBegin(rel, &change);
	if (meta->dim == 0)
		meta->leftover = 0;
	AnnoyMetaEnd(&change, meta->dim == 0);
}

/*
 * Store a recall curve, or that there is none.  All sessions look at the metapage
 * for it.  A build does not do this, but writes its curve to the metapage before
 * that is logged.
 */
void
AnnoyStoreCurve(Relation rel, const AnnoyCurve *curve)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);
	bool		differs = memcmp(&meta->curve, curve, sizeof(AnnoyCurve)) != 0;

	Assert(AnnoyCurveIsValid(curve));

	meta->curve = *curve;
	AnnoyMetaEnd(&change, differs);
}

/*
 * VACUUM has removed so many items: count them, as those that have come in their
 * places may be of another kind.
 */
void
AnnoyCountRemoved(Relation rel, double removed)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);

	meta->removed = (uint32) Min(meta->removed + removed, PG_UINT32_MAX);
	meta->curve.removed = (uint32) Min(meta->curve.removed + removed, PG_UINT32_MAX);
	meta->adapt_removed = (uint32) Min(meta->adapt_removed + removed, PG_UINT32_MAX);
	AnnoyMetaEnd(&change, true);
}

/*
 * Note, when there are so many items, how many entries VACUUM has still to look at.
 */
void
AnnoySetDue(Relation rel, double items, double due)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);

	meta->adapt_from = items;
	meta->adapt_removed = 0;
	meta->adapt_due = due;
	AnnoyMetaEnd(&change, true);
}

/*
 * Note how far VACUUM has come with that.
 */
void
AnnoySetAdapted(Relation rel, double due, BlockNumber next)
{
	AnnoyMetaChange change;
	AnnoyMetaPage meta = AnnoyMetaBegin(rel, &change);

	meta->adapt_due = due;
	meta->adapt_next = next;
	AnnoyMetaEnd(&change, true);
}
