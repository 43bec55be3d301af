/*-------------------------------------------------------------------------
 *
 * check.c
 *	  annoy_index_check(): is an index what it should be?
 *
 * A check goes in four steps.  It reads all pages in the order of blocks, and
 * looks at each by itself: is it a page that may be there, and are its contents
 * possible?  It remembers which blocks are tree nodes, and which slots are in
 * use.  Then it walks over the trees (tree.c) and the list of pages with
 * free slots for NULLs (nulls.c).  Then it looks for TIDs that are there
 * twice (rows.c).  Last, if asked to, it scans the table, and looks for
 * each row and its values in a Bloom filter made from the items.
 *
 * All that is done under AccessShareLocks and must not mistake for damage what
 * others are doing at the same time.  There are three arguments for that:
 *
 * A page that is locked is consistent in itself.  What a node says of others,
 * its children or items, is true as long as the node does not change, since
 * whoever changes them changes the node before (VACUUM) or with them (splits).
 * So we look at a copy of the node, then at the others, and believe that
 * something is wrong only if the node's change counter still is the same.
 *
 * A node that was there when we began is found along the right links exactly
 * once, and so is an entry of an inner node: splits move it to the right only,
 * behind the link that we remember.  An entry of a leaf may also go from one child
 * to another of the leaves' parent, with a change of the parent.  So we collect
 * the entries of all leaves below a parent, and believe what we have if the
 * parent's change counter still is the same: then it is what was there at any
 * time between, and the parent is met exactly once.
 *
 * A row that is visible to a snapshot taken before had all its entries by then,
 * and VACUUM does not touch it.  So what is wrong with an item as a whole, such
 * as an entry that is missing, is reported only if the snapshot sees its row.
 * Rows of unfinished and failed transactions may lack entries, after all.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "lib/bloomfilter.h"
#include "utils/memutils.h"

#include "bits.h"
#include "check/check.h"
#include "error.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "type/type.h"

/*
 * The Bloom filter is made for so many times the number of items: with ten hash
 * functions and 64 bits for each item, it takes a missing row for one that is
 * there once in 10^8 times, as long as maintenance_work_mem has room for it.
 */
#define BLOOM_ROOM		4

/* What all steps need. */

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
		tag->kind < ANNOY_PAGE_META || tag->kind > ANNOY_PAGE_FREE)
		AnnoyReport(check, block, 0, "The page has the tag %04X, kind %u, %u.",
					tag->page_id, tag->kind, tag->next_free);
	return true;
}

static void
check_end(const AnnoyCheck *check, BlockNumber block, Page page, int end,
		  bool exact)
{
	int			lower = ((PageHeader) page)->pd_lower;

	if (lower < end || (exact && lower > end))
		AnnoyReport(check, block, 0,
					"The used part of the page is said to end at %d, but ends at %d.",
					lower, end);
}

/* Step 1: pages by themselves. */

static void
check_meta_page(AnnoyCheck *check, Page page)
{
	const AnnoyIndex *index = check->index;
	AnnoyMetaPage meta = AnnoyPageGetMeta(page);

	/* pages of old trees come about only while nobody else has a lock */
	check->old_nodes = (meta->flags & ANNOY_META_OLD_NODES) != 0;

	check->leftover = meta->leftover;

	/* AnnoyOpen has looked at what decides on how to read the index */
	check_end(check, ANNOY_METAPAGE_BLKNO, page, (char *) (meta + 1) - page, true);
	if ((meta->flags & ~(ANNOY_META_NULLS | ANNOY_META_OLD_NODES)) != 0)
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0, "The metapage has the flags %04X.",
					meta->flags);
	if (meta->node_free != InvalidBlockNumber)
		AnnoyCheckFreeList(check, meta->node_free);
	if (meta->mean == InvalidBlockNumber && meta->built_items > 0)
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage knows no mean of an index that was built.");
	if (meta->dim == 0 && (meta->mean != InvalidBlockNumber || meta->n_mean != 0))
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage knows a mean, but no dimensions.");
	if (!AnnoyCurveIsValid(&meta->curve))
		AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
					"The metapage has a recall curve that cannot be used, and is not.");
	for (int tree = index->n_trees; tree < ANNOY_MAX_TREES; tree++)
	{
		for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
		{
			if (meta->leftmost[tree][level] != InvalidBlockNumber)
				AnnoyReport(check, ANNOY_METAPAGE_BLKNO, 0,
							"The metapage knows a node of tree %d, but there are %d trees.",
							tree, index->n_trees);
		}
	}
}

static void
check_mean_page(const AnnoyCheck *check, BlockNumber block, Page page)
{
	const float *mean = (const float *) AnnoyPageGetData(page);
	int			n = (((PageHeader) page)->pd_lower - ((char *) mean - page)) / sizeof(float);

	for (int i = 0; i < n; i++)
	{
		if (!isfinite(mean[i]))
			AnnoyReport(check, block, 0, "Component %d of the mean is not finite.", i);
	}
}

/*
 * Check what can be said of a node's page alone.  If the search space was decided
 * since we began, learn what it is.
 */
void
AnnoyCheckNodePage(AnnoyCheck *check, BlockNumber block, Page page)
{
	const AnnoyIndex *index;
	AnnoyNode	node = AnnoyPageGetNode(page);
	const AnnoyCodec *codec;
	AnnoyEntry	entry;
	int			used;

	if (!AnnoyNodeIsKnown(check->index, node))
		check->index = AnnoyOpen(check->rel);
	index = check->index;
	if (!AnnoyNodeIsKnown(index, node))
		AnnoyReport(check, block, 0, "The node has codes, but the metapage knows no mean.");
	if (!AnnoyNodeIsCurrent(index, node))
		AnnoyReport(check, block, 0, "The node is of generation %u, but the trees are of %u.",
					node->generation, index->generation);
	if (node->tree >= index->n_trees)
		AnnoyReport(check, block, 0, "The node belongs to tree %u, but there are %d trees.",
					node->tree, index->n_trees);
	if (node->level >= ANNOY_MAX_LEVEL)
		AnnoyReport(check, block, 0, "The node is on level %u.", node->level);
	codec = AnnoyNodeCodec(index, node);
	if (node->count > codec->capacity || (node->level > 0 && node->count == 0))
		AnnoyReport(check, block, 0, "The node on level %u has %u entries, of at most %d.",
					node->level, node->count, codec->capacity);
	if ((node->flags & ~(ANNOY_NODE_UNIFORM | ANNOY_NODE_NEAR | ANNOY_NODE_PLAIN)) != 0 ||
		(node->level > 0 && (node->flags & ANNOY_NODE_UNIFORM) != 0) ||
		((node->flags & ANNOY_NODE_PLAIN) != 0 &&
		 (node->flags != ANNOY_NODE_PLAIN || node->level > 0 ||
		  block != AnnoyRootBlock(node->tree) || node->centre_scale != 0)))
		AnnoyReport(check, block, 0, "The node on level %u has the flags %02X.",
					node->level, node->flags);
	if (node->room < ANNOY_MIN_ROOM || node->room > codec->capacity)
		AnnoyReport(check, block, 0, "The node on level %u has room for %u entries, of at most %d.",
					node->level, node->room, codec->capacity);
	if (!AnnoyCentreIsSound(node))
		AnnoyReport(check, block, 0, "The node's centre has the scale %g and the squared norm %g.",
					node->centre_scale, node->centre_norm2);
	check_end(check, block, page, AnnoyNodeEnd(index, page), true);

	used = TYPEALIGN(ANNOY_BLOCK_ENTRIES, node->count);
	for (int i = node->count; i < used; i++)
	{
		static const AnnoyEntry zero;

		AnnoyNodeGet(index, node, i, &entry);
		if (memcmp(&entry, &zero, offsetof(AnnoyEntry, code) + codec->bytes) != 0)
			AnnoyReport(check, block, i + 1, "The node has %u entries, but the next is in use.",
						node->count);
	}
	if ((node->flags & ANNOY_NODE_UNIFORM) != 0)
	{
		for (int i = 1; i < node->count; i++)
		{
			if (!AnnoyNodeSameCode(index, node, 0, i))
				AnnoyReport(check, block, i + 1,
							"The codes of a leaf of identical vectors differ.");
		}
	}
}

/*
 * May the table have a row with that TID?
 */
static bool
row_possible(AnnoyCheck *check, const ItemPointerData *tid)
{
	ItemPointerData copy = *tid;

	if (AnnoyIsHeap(check->heap) &&
		ItemPointerGetOffsetNumberNoCheck(&copy) > MaxHeapTuplesPerPage)
		return false;
	if (table_tuple_tid_valid(check->tids, &copy))
		return true;

	/*
	 * The table may have grown since the scan began.  But nobody cuts off its
	 * end while it is locked.
	 */
	table_endscan(check->tids);
	check->tids = table_beginscan_tid(check->heap, check->snapshot);
	return table_tuple_tid_valid(check->tids, &copy);
}

/*
 * Check the slots of a page of NULLs, or of the first page of a group.
 */
static void
check_slots(AnnoyCheck *check, BlockNumber block, Page page)
{
	bool		nulls = AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NULLS;
	AnnoySlot	slots = AnnoyPageGetSlots(page);
	int			nslots = AnnoyPageSlotCount(check->index, page);

	for (int i = 0; i < nslots; i++)
	{
		static const AnnoySlotData zero;
		AnnoySlot	slot = &slots[i];
		BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(&slot->tid);
		OffsetNumber heap_offset = ItemPointerGetOffsetNumberNoCheck(&slot->tid);

		if (AnnoySlotState(slot) == ANNOY_SLOT_FREE)
		{
			if (memcmp(slot, &zero, sizeof(AnnoySlotData)) != 0)
				AnnoyReport(check, block, i + 1, "The slot is free, but not empty: state %04X, row (%u,%u).",
							slot->state, heap_block, heap_offset);
			continue;
		}
		if (slot->state != ANNOY_SLOT_LIVE && slot->state != ANNOY_SLOT_DEAD)
			AnnoyReport(check, block, i + 1, "The slot is in the state %04X.", slot->state);

		if (!row_possible(check, &slot->tid))
			AnnoyReport(check, block, i + 1, "The slot is that of row (%u,%u), which cannot exist.",
						heap_block, heap_offset);
		if (AnnoySlotState(slot) != ANNOY_SLOT_LIVE)
		{
			check->dead_block = block;
			check->dead_offset = i + 1;
			continue;
		}
		check->live++;
		if (!nulls)
			(void) AnnoyBitsAdd(&check->items,
								AnnoyCheckItemNumber(check, block, FirstOffsetNumber + i));
	}
}

/*
 * Check that the vectors on one page of an item group are within its used part.
 */
static void
check_vectors(const AnnoyCheck *check, BlockNumber block, Page page,
			  Page first, int page_no)
{
	AnnoySlot	slots = AnnoyPageGetSlots(first);
	int			nslots = check->index->group_slots;
	int			end = page_no == 0 ?
	(char *) AnnoyPageGetData(first) + check->index->group_head - first : 0;

	for (int i = 0; i < nslots; i++)
	{
		if (AnnoySlotState(&slots[i]) != ANNOY_SLOT_FREE)
			end = Max(end, AnnoyItemEnd(check->index, page, page_no, i));
	}
	check_end(check, block, page, end, false);
}

/*
 * Has an index that had no dimensions got them meanwhile?
 */
static bool
dimensions_set(const AnnoyCheck *check)
{
	return check->index->dim == 0 && AnnoyOpen(check->rel)->dim > 0;
}

/*
 * Check the first page of a group or a page that belongs to none.  Returns
 * false if that cannot be done because the index has got its dimensions
 * meanwhile.
 */
static bool
check_page(AnnoyCheck *check, BlockNumber block, Page page)
{
	const AnnoyIndex *index = check->index;
	AnnoyPageKind kind = AnnoyPageGetTag(page)->kind;
	bool		is_root = block >= ANNOY_FIRST_ROOT_BLKNO && block < AnnoyRootBlock(index->n_trees);

	if ((block == ANNOY_METAPAGE_BLKNO) != (kind == ANNOY_PAGE_META) ||
		(is_root && kind != ANNOY_PAGE_NODE))
		AnnoyReport(check, block, 0, "A page of kind %d cannot be there.", kind);

	/* what a reset has left over is nothing to anybody */
	if (index->dim == 0 && block >= AnnoyRootBlock(index->n_trees) &&
		block < check->leftover && kind != ANNOY_PAGE_NULLS)
		return true;

	switch (kind)
	{
		case ANNOY_PAGE_META:
			check_meta_page(check, page);
			break;
		case ANNOY_PAGE_MEAN:
			/* one that is not used may be left over from a crash */
			check_mean_page(check, block, page);
			break;
		case ANNOY_PAGE_NODE:
			/* replaced by trees that were made anew, and not freed yet */
			if (check->old_nodes && !is_root &&
				!AnnoyNodeIsCurrent(index, AnnoyPageGetNode(page)))
				break;
			/* roots are empty as long as there are no dimensions */
			if (index->dim > 0)
				AnnoyCheckNodePage(check, block, page);
			else if (!is_root)
				return false;
			if (!is_root)
				(void) AnnoyBitsAdd(&check->nodes[AnnoyPageGetNode(page)->tree], block);
			break;
		case ANNOY_PAGE_ITEM:
			if (index->dim == 0)
				return false;
			(void) AnnoyBitsAdd(&check->groups, block);
			check_slots(check, block, page);
			check_vectors(check, block, page, page, 0);
			break;
		case ANNOY_PAGE_NULLS:
			(void) AnnoyBitsAdd(&check->nulls, block);
			check_slots(check, block, page);
			check_end(check, block, page,
					  (char *) (AnnoyPageGetSlots(page) + ANNOY_NULL_SLOTS) - page, true);
			break;
		case ANNOY_PAGE_ATTRIBUTES:
			if (index->dim == 0)
				return false;
			AnnoyCheckAttributesPage(check, block, page);
			(void) AnnoyBitsAdd(&check->attributes, block);
			check_end(check, block, page, BLCKSZ, true);
			break;
		case ANNOY_PAGE_FREE:
			check_end(check, block, page, (char *) AnnoyPageGetData(page) - page, true);
			break;
		case ANNOY_PAGE_ITEM_DATA:
			break;
	}
	return true;
}

/*
 * Check all pages in the order of blocks.  Returns false if the index has got
 * its dimensions meanwhile.
 */
static bool
check_pages(AnnoyCheck *check)
{
	AnnoyVacuumPhase phase;
	uint32		changes;
	uint32		changes_after;
	int			group_pages = check->index->group_pages;
	PGAlignedBlock *page = palloc(sizeof(PGAlignedBlock));
	PGAlignedBlock *first = palloc(sizeof(PGAlignedBlock));
	int			page_no = 0;	/* in a group; 0 = outside */
	int			unfinished = 0; /* pages that may belong to a group which a
								 * crash has left without its first page */

	phase = AnnoyGetVacuumPhase(check->rel, &changes);
	check->dead_block = InvalidBlockNumber;
	check->nblocks = RelationGetNumberOfBlocks(check->rel);
	for (BlockNumber block = 0;; block++)
	{
		bool		is_new;

		if (block >= check->nblocks)
		{
			if (page_no == 0)
				break;
			/* somebody is about to add the group's last pages */
			check->nblocks = RelationGetNumberOfBlocks(check->rel);
			if (block >= check->nblocks)
				AnnoyReport(check, block - page_no, 0,
							"The index ends before the item group that begins there.");
		}

		is_new = !AnnoyCheckReadPage(check, block, page->data);
		if (page_no > 0)
		{
			if (is_new || AnnoyPageGetTag(page->data)->kind != ANNOY_PAGE_ITEM_DATA)
				AnnoyReport(check, block, 0, "The page is not page %d of the item group that begins at block %u.",
							page_no, block - page_no);
			check_vectors(check, block, page->data, first->data, page_no);
			page_no = (page_no + 1) % group_pages;
			continue;
		}
		if (is_new)
		{
			/* a crash may leave one, but not where there has to be a page */
			if (block < AnnoyRootBlock(check->index->n_trees))
				AnnoyReport(check, block, 0, "The page is all zeroes.");
			unfinished = group_pages;
			continue;
		}
		if (AnnoyPageGetTag(page->data)->kind == ANNOY_PAGE_ITEM_DATA)
		{
			if (dimensions_set(check))
				return false;
			if (check->index->dim == 0 && block < check->leftover)
				continue;
			if (--unfinished <= 0)
				AnnoyReport(check, block, 0, "The page belongs to no item group.");
			continue;
		}
		unfinished = 0;
		if (!check_page(check, block, page->data))
		{
			if (dimensions_set(check))
				return false;
			AnnoyReport(check, block, 0, "A page of kind %u cannot be in an index without dimensions.",
						AnnoyPageGetTag(page->data)->kind);
		}
		if (AnnoyPageGetTag(page->data)->kind == ANNOY_PAGE_ITEM && group_pages > 1)
		{
			memcpy(first->data, page->data, BLCKSZ);
			page_no = 1;
		}
	}

	/*
	 * marks come after VACUUM has said so, and are gone before it says it
	 * again
	 */
	if (check->dead_block != InvalidBlockNumber && phase == ANNOY_VACUUM_DONE &&
		AnnoyGetVacuumPhase(check->rel, &changes_after) == ANNOY_VACUUM_DONE &&
		changes_after == changes)
		AnnoyReport(check, check->dead_block, check->dead_offset,
					"The slot is marked by VACUUM, which is said to be done.");

	pfree(page);
	pfree(first);
	return true;
}

/* Step 4: each row of the table. */

typedef struct HeapCheck
{
	const AnnoyCheck *check;
	bloom_filter *filter;
	MemoryContext context;		/* of one row */
	uint8	   *element;		/* of the filter: a TID, a hash of the
								 * attributes and a vector's bytes */
	Size		vector_size;
	TupleDesc	attributes_desc;	/* NULL if there are no further columns */
} HeapCheck;

/*
 * Make an element of the filter.  data is NULL for a NULL, of which there are no
 * attributes.  Returns its size.
 */
static Size
make_element(HeapCheck *state, const ItemPointerData *tid, const void *data,
			 uint64 attributes)
{
	uint8	   *end = state->element;

	memcpy(end, tid, sizeof(ItemPointerData));
	end += sizeof(ItemPointerData);
	if (data != NULL)
	{
		memcpy(end, &attributes, sizeof(attributes));
		end += sizeof(attributes);
		memcpy(end, data, state->vector_size);
		end += state->vector_size;
	}
	return end - state->element;
}

/* AnnoyItemWalk callback. */
static void
add_item(AnnoyPointer *pointer, const AnnoyItem *item, void *arg)
{
	HeapCheck  *state = arg;
	uint64		attributes = 0;
	MemoryContext old_context;

	if ((item->state & ANNOY_SLOT_STATE_MASK) != ANNOY_SLOT_LIVE)
		return;
	old_context = MemoryContextSwitchTo(state->context);
	/* what has lost its attributes meanwhile is no row that we see */
	if (state->attributes_desc == NULL || item->vector.data == NULL ||
		AnnoyCheckHashItem(state->check, state->attributes_desc, pointer, item, &attributes))
		bloom_add_element(state->filter, state->element,
						  make_element(state, &item->tid, item->vector.data, attributes));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->context);
}

/* Callback of the scan of the table. */
static void
check_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive pg_attribute_unused(), void *arg)
{
	HeapCheck  *state = arg;
	const AnnoyIndex *index = state->check->index;
	MemoryContext old_context = MemoryContextSwitchTo(state->context);
	const void *data = NULL;
	uint64		attributes = 0;
	bool		found = true;

	CHECK_FOR_INTERRUPTS();

	if (!isnull[0])
	{
		AnnoyVector vec = AnnoyReadColumn(rel, values[0]);

		found = vec.dim == index->dim && AnnoyVectorFits(&vec, index->dtype);
		if (found)
			data = AnnoyConvertVector(&vec, index->dtype).data;
		if (state->attributes_desc != NULL)
			attributes = AnnoyCheckHash(state->attributes_desc, values + 1, isnull + 1);
	}
	if (!found ||
		bloom_lacks_element(state->filter, state->element,
							make_element(state, tid, data, attributes)))
		AnnoyReportCorruption(rel, InvalidBlockNumber,
							  "It lacks row (%u,%u) of table \"%s\": there is no item for it that has its values.",
							  ItemPointerGetBlockNumber(tid),
							  ItemPointerGetOffsetNumber(tid),
							  RelationGetRelationName(state->check->heap));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->context);
}

/*
 * Check that all rows that our snapshot sees are in the index, with the values
 * that the table has.
 */
static void
check_heap(AnnoyCheck *check)
{
	const AnnoyIndex *index = check->index;
	IndexInfo  *info = BuildIndexInfo(check->rel);
	HeapCheck	state = {0};
	TableScanDesc scan;
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		elog(ERROR, "could not generate a random number");
	state.check = check;
	state.vector_size = index->dim > 0 ? AnnoyVectorSize(index->dtype, index->dim) : 0;
	state.element = palloc(sizeof(ItemPointerData) + sizeof(uint64) + state.vector_size);
	if (index->attributes_size > 0)
		state.attributes_desc = AnnoyAttributesDesc(check->rel);
	state.context = AllocSetContextCreate(CurrentMemoryContext, "annoy check row",
										  ALLOCSET_DEFAULT_SIZES);
	state.filter = bloom_create(Max(check->live, 1) * BLOOM_ROOM, maintenance_work_mem, seed);
	AnnoyItemWalk(check->rel, index, check->strategy, add_item, &state);

	/* as in CREATE INDEX CONCURRENTLY: what a snapshot sees */
	info->ii_Concurrent = true;
	scan = AnnoyBeginTableScan(check->heap, check->snapshot);
	(void) table_index_build_scan(check->heap, check->rel, info, true, false,
								  check_row, &state, scan);
	bloom_free(state.filter);
	MemoryContextDelete(state.context);
}

/* The function. */

/*
 * Do all the steps.  Returns false if the index has got its dimensions
 * meanwhile, and the check has to start again.
 */
static bool
check_index(const AnnoyAccess *access, bool heapallindexed)
{
	Relation	rel = access->rel;
	AnnoyCheck	check = {0};
	bool		complete;

	/* what is cached is not what we want to know about */
	if (rel->rd_amcache != NULL)
	{
		pfree(rel->rd_amcache);
		rel->rd_amcache = NULL;
	}
	check.heap = access->heap;
	check.rel = rel;
	check.index = AnnoyOpen(rel);
	check.snapshot = access->snapshot;
	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	check.nodes = palloc0(sizeof(AnnoyBits) * check.index->n_trees);
	check.tids = table_beginscan_tid(access->heap, access->snapshot);
	if (check.index->dim > 0)
		check.numbers_per_block = (check.index->group_slots + check.index->group_pages - 1) /
			check.index->group_pages;

	complete = check_pages(&check);
	table_endscan(check.tids);
	if (!complete)
		return false;
	if (check.index->dim > 0)
		AnnoyCheckTrees(&check);
	AnnoyCheckNulls(&check);
	AnnoyCheckAttributes(&check);
	AnnoyCheckRows(&check);
	if (heapallindexed)
		check_heap(&check);
	return true;
}

PG_FUNCTION_INFO_V1(annoy_index_check);

Datum
annoy_index_check(PG_FUNCTION_ARGS)
{
	/* an older snapshot may see versions of rows that the index never had */
	static const AnnoyRequest request = {
		.right = ANNOY_MAY_EXECUTE,
		.snapshot = ANNOY_NEW_SNAPSHOT,
	};
	bool		heapallindexed = PG_GETARG_BOOL(1);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	AnnoyAccess access;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	old_context = MemoryContextSwitchTo(context);
	while (!check_index(&access, heapallindexed))
		MemoryContextReset(context);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	AnnoyCloseIndex(&access);
	PG_RETURN_VOID();
}
