/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  Conditions of a scan on the index's columns.
 *
 * A condition on a further column is tested by calling the operator's function
 * with what the index has stored and the value asked for: whatever operator
 * there is in the operator class.  Operators are taken for strict, as everywhere
 * in indexes.
 *
 * Where entries have signatures, most of those that fail are sifted out by these
 * before (sieve.c).
 *
 * The vector itself can be asked for IS NULL and IS NOT NULL, and for being within a
 * distance, which the scan sees to (start_search); NULL is not.  Rows whose vector
 * is NULL have no attributes in the index: whether they qualify, the executor
 * finds out.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "error.h"
#include "scan/filter.h"
#include "scan/step.h"
#include "simd/simd.h"
#include "storage/storage.h"

/*
 * Pages of attributes of which a sample consists, and attempts to find them.
 */
#define SAMPLE_PAGES		4
#define SAMPLE_ATTEMPTS		24

/*
 * Where there is a sieve, so many leaves tell what part passes it, and so do the pages
 * of attributes of some of their items, until as many tests as there are to be have told
 * which part of that meets the conditions.
 */
#define SAMPLE_LEAVES		8
#define SAMPLE_LEAF_ITEMS	2
#define SAMPLE_TESTS		32

/*
 * As many tests as the sample counts for, at most, beside those of the scan; what is
 * supposed without any test counts as so many.
 */
#define SAMPLE_WEIGHT		32
#define GUESS_WEIGHT		4

/* With fewer entries in the sample that pass the sieve, their part is a guess. */
#define FEW_PASS			3

/*
 * What a test takes in a walk over all attributes, in entries scanned: in any case, or
 * if tuples need not be taken apart; for each byte of these; and for each condition by the
 * kind of its value, or if its function need not be called.
 */
#define WALK_COST			1.2
#define WALK_WHOLE_COST		0.2
#define WALK_BYTE_COST		0.006
#define WALK_FIXED_COST		0.3
#define WALK_VARLENA_COST	5.0
#define WALK_ARRAY_COST		25.0
#define WALK_NUMBER_COST	0.05
#define WALK_ELEMENTS_COST	1.0

/* So many pages behind the next one are thought to be where they are in a build. */
#define WALK_AHEAD			3

/*
 * Read the values that a condition on a further column has.  Returns false if there are
 * none.
 */
static bool
read_values(AnnoyFilter *filter, ScanKey scan_key, AnnoyFilterKey *key)
{
	key->call = palloc0(SizeForFunctionCallInfo(2));
	InitFunctionCallInfoData(*key->call, &scan_key->sk_func, 2, scan_key->sk_collation,
							 NULL, NULL);
	if ((scan_key->sk_flags & SK_SEARCHARRAY) != 0)
	{
		ArrayType  *array = DatumGetArrayTypeP(scan_key->sk_argument);
		Oid			type = ARR_ELEMTYPE(array);
		int16		length;
		bool		by_value;
		char		align;
		bool	   *nulls;
		int			n;

		get_typlenbyvalalign(type, &length, &by_value, &align);
		deconstruct_array(array, type, length, by_value, align, &key->values, &nulls, &n);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				key->values[key->n_values++] = key->values[i];
		}
		return key->n_values > 0;
	}

	key->values = palloc(sizeof(Datum));
	key->values[0] = scan_key->sk_argument;
	key->n_values = 1;
	/* not anew for each item */
	if (get_typlen(OidIsValid(scan_key->sk_subtype) ? scan_key->sk_subtype :
				   filter->rel->rd_opcintype[scan_key->sk_attno - 1]) == -1)
		key->values[0] = PointerGetDatum(PG_DETOAST_DATUM(key->values[0]));
	return true;
}

/*
 * Add a condition on a further column.  Returns false if nothing can meet it.
 */
static bool
add_key(AnnoyFilter *filter, ScanKey scan_key, int number)
{
	AnnoyFilterKey *key = &filter->keys[filter->n_keys++];

	key->number = number;
	key->attribute = scan_key->sk_attno - 1;
	key->tests_null = (scan_key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)) != 0;
	key->wants_null = (scan_key->sk_flags & SK_SEARCHNULL) != 0;
	if (key->tests_null)
		return true;
	if ((scan_key->sk_flags & SK_ISNULL) != 0)
		return false;
	if (!read_values(filter, scan_key, key))
		return false;
	AnnoyQuickMake(filter, scan_key, key);
	return true;
}

/*
 * What testing a condition takes in a walk.
 */
static double
key_cost(const AnnoyFilter *filter, const AnnoyFilterKey *key)
{
	Form_pg_attribute attribute = TupleDescAttr(filter->desc, key->attribute - 1);
	double		cost = WALK_FIXED_COST;

	if (key->tests_null)
		return 0;
	if (key->quick.kind == ANNOY_QUICK_ELEMENTS)
		cost = WALK_ELEMENTS_COST;
	else if (key->quick.kind != ANNOY_QUICK_NONE)
		cost = WALK_NUMBER_COST;
	else if (OidIsValid(get_base_element_type(attribute->atttypid)))
		cost = WALK_ARRAY_COST;
	else if (attribute->attlen < 0)
		cost = WALK_VARLENA_COST;
	return cost * key->n_values;
}

/*
 * Prepare the conditions of a scan, in the current memory context.  NULL if there
 * are none.  They point to the scan's keys and their values.
 */
AnnoyFilter *
AnnoyFilterMake(IndexScanDesc scan, const AnnoyIndex *index)
{
	AnnoyFilter *filter;

	if (scan->numberOfKeys == 0)
		return NULL;
	filter = palloc0(sizeof(AnnoyFilter));
	filter->rel = scan->indexRelation;
	filter->index = index;
	filter->keys = palloc0(sizeof(AnnoyFilterKey) * scan->numberOfKeys);
	filter->context = AllocSetContextCreate(CurrentMemoryContext, "annoy filter",
											ALLOCSET_SMALL_SIZES);
	if (index->attributes_size > 0)
		filter->desc = AnnoyAttributesDesc(filter->rel);
	filter->vectors = true;
	filter->nulls = true;
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey		key = &scan->keyData[i];

		if (key->sk_attno > 1)
		{
			if (!add_key(filter, key, i))
				filter->vectors = filter->nulls = false;
		}
		else if ((key->sk_flags & SK_SEARCHNULL) != 0)
			filter->vectors = false;
		else if ((key->sk_flags & SK_SEARCHNOTNULL) != 0)
			filter->nulls = false;
		else if (AnnoyKeyIsWithin(key))
			filter->nulls = false;
		else
			elog(ERROR, "unexpected condition on the vector of annoy index \"%s\"",
				 RelationGetRelationName(filter->rel));
	}
	filter->quick_size = AnnoyQuickSize(filter);
	filter->walk_cost = (filter->quick_size > 0 ? WALK_WHOLE_COST : WALK_COST) +
		WALK_BYTE_COST * index->attributes_size;
	for (int i = 0; i < filter->n_keys; i++)
		filter->walk_cost += key_cost(filter, &filter->keys[i]);
	if (filter->n_keys > 0 && filter->vectors && index->dim > 0)
		AnnoySieveMake(filter, scan);
	if (filter->sieve.n > 0)
		filter->walk_sift_cost = AnnoyWalkSiftCost(index->attributes_size);
	return filter;
}

/*
 * Does a value of a column meet a condition?
 */
static bool
value_passes(AnnoyFilterKey *key, Datum value)
{
	FunctionCallInfo call = key->call;
	bool		passes;

	if (AnnoyQuickPasses(key, value, &passes))
		return passes;
	call->args[0].value = value;
	for (int i = 0; i < key->n_values; i++)
	{
		Datum		result;

		call->args[1].value = key->values[i];
		call->isnull = false;
		result = FunctionCallInvoke(call);
		if (!call->isnull && DatumGetBool(result))
			return true;
	}
	return false;
}

/*
 * Do attributes meet all conditions?  Operators may leave something in the
 * current memory context.
 */
static inline bool
tuple_passes(AnnoyFilter *filter, IndexTuple tuple)
{
	bool		passes = true;

	if (filter->quick_size > 0 && !IndexTupleHasNulls(tuple) &&
		(int) IndexTupleSize(tuple) >= filter->quick_size)
		return AnnoyQuickTuplePasses(filter, tuple);
	if (unlikely(!AnnoyAttributesAreSound(filter->desc, tuple)))
		AnnoyReportCorruption(filter->rel, InvalidBlockNumber,
							  "The attributes of the item in slot %u of block %u are not values of the index's columns.",
							  ItemPointerGetOffsetNumberNoCheck(&tuple->t_tid),
							  ItemPointerGetBlockNumberNoCheck(&tuple->t_tid));
	for (int i = 0; i < filter->n_keys && passes; i++)
	{
		AnnoyFilterKey *key = &filter->keys[i];
		bool		isnull;
		Datum		value = index_getattr(tuple, key->attribute, filter->desc, &isnull);

		if (key->tests_null)
			passes = isnull == key->wants_null;
		else
			passes = !isnull && value_passes(key, value);
	}
	return passes;
}

/*
 * Where a page of attributes has a number, from 0: in bytes from the page's beginning.
 */
static inline int
attributes_number_at(const AnnoyIndex *index, int number)
{
	return (int) (MAXALIGN(SizeOfPageHeaderData) + sizeof(AnnoyPageTag) + sizeof(AnnoyAttributesData) +
				  number / ANNOY_BLOCK_ENTRIES * ANNOY_NUMBERS_SIZE(index->leaf.signature_bytes) +
				  number % ANNOY_BLOCK_ENTRIES * sizeof(uint16));
}

/*
 * Have the processor fetch what AnnoyFilterItem will need: where the attributes of
 * an item whose group's first page is pinned are, most likely.  That is exact on
 * pages that were written in a build, if all columns are of fixed length.
 */
void
AnnoyFilterPrefetch(AnnoyFilter *filter, Buffer buffer, const AnnoyPointer *item)
{
	const AnnoyIndex *index = filter->index;
	int			slot_no = ItemPointerGetOffsetNumberNoCheck(item) - FirstOffsetNumber;
	Page		page = BufferGetPage(buffer);
	bool		is_live;
	AnnoyPointer pointer;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	is_live = AnnoyPageIsValid(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM &&
		AnnoySlotState(AnnoyPageGetSlots(page) + slot_no) == ANNOY_SLOT_LIVE;
	if (is_live)
		pointer = AnnoySlotAttributes(index, page, slot_no);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);

	if (is_live)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&pointer);
		OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&pointer);
		int			number_at =
		attributes_number_at(index, offset - FirstOffsetNumber);
		int			tuple_at = BLCKSZ - offset * (index->attributes_size - (int) sizeof(uint16));

		AnnoyPrefetchBuffer(filter->rel, block);
		AnnoyPrefetchPage(filter->rel, block, 0, 1);
		if (number_at < BLCKSZ)
			AnnoyPrefetchPage(filter->rel, block, number_at, 1);
		if (tuple_at > number_at)
			AnnoyPrefetchPage(filter->rel, block, tuple_at, 1);
	}
}

/*
 * Does an item whose group's first page is pinned meet the conditions on
 * attributes?  Not if it is not live.
 *
 * Both pages are locked, in this order, so that item and attributes belong
 * together.
 */
bool
AnnoyFilterItem(AnnoyFilter *filter, Buffer buffer, const AnnoyPointer *item)
{
	int			slot_no = ItemPointerGetOffsetNumberNoCheck(item) - FirstOffsetNumber;
	Page		page = BufferGetPage(buffer);
	MemoryContext old_context = MemoryContextSwitchTo(filter->context);
	bool		passes = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckPage(filter->rel, buffer, ANNOY_PAGE_ITEM);
	if (AnnoySlotState(AnnoyPageGetSlots(page) + slot_no) == ANNOY_SLOT_LIVE)
	{
		AnnoyPointer pointer = AnnoySlotAttributes(filter->index, page, slot_no);
		Buffer		attributes_buffer =
		AnnoyAttributesLock(filter->rel, ItemPointerGetBlockNumberNoCheck(&pointer),
							ItemPointerGetBlockNumberNoCheck(item), BUFFER_LOCK_SHARE);
		IndexTuple	tuple = AnnoyAttributesGet(BufferGetPage(attributes_buffer),
											   ItemPointerGetOffsetNumberNoCheck(&pointer));

		if (tuple == NULL || !AnnoyPointersEqual(&tuple->t_tid, item))
			AnnoyReportAttributes(filter->rel, item, &pointer);
		passes = tuple_passes(filter, tuple);
		filter->tested++;
		filter->passed += passes;
		UnlockReleaseBuffer(attributes_buffer);
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(filter->context);
	return passes;
}

/*
 * Test all attributes of a page that has been copied, and call a function, if there is
 * one, for those that meet the conditions.  They follow one another, in whatever order.
 */
static void
test_page(AnnoyFilter *filter, BlockNumber block, Page page,
		  AnnoyFilterCallback callback, void *arg)
{
	MemoryContext old_context = MemoryContextSwitchTo(filter->context);
	Size		start = AnnoyPageGetAttributes(page)->start;
	int			tested = 0;
	int			passed = 0;

	while (start < BLCKSZ)
	{
		IndexTuple	tuple = (IndexTuple) (page + start);
		Size		size = MAXALIGN(IndexTupleSize(tuple));

		if (IndexTupleSize(tuple) < sizeof(IndexTupleData) || start + size > BLCKSZ)
			AnnoyReportCorruption(filter->rel, block, "Attributes at %zu are said to take %zu bytes.",
								  start, size);
		tested++;
		if (tuple_passes(filter, tuple))
		{
			passed++;
			Assert(AnnoySievePassesAttributes(filter, tuple));
			if (callback != NULL)
			{
				MemoryContextSwitchTo(old_context);
				callback(&tuple->t_tid, arg);
				MemoryContextSwitchTo(filter->context);
			}
		}
		start += size;
	}
	filter->tested += tested;
	filter->passed += passed;
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(filter->context);
}

/*
 * Are the signatures on a page of attributes those that the sieve is for?
 */
static bool
is_signed(const AnnoyFilter *filter, AnnoyAttributes header)
{
	return filter->sieve.n > 0 && header->generation == filter->index->generation;
}

/*
 * Copy a page of attributes, but only those that pass the sieve, and not more than
 * `most'.  Returns how many pass it.  Reads nothing of the others but signatures.
 */
static int
copy_sifted(const AnnoyFilter *filter, BlockNumber block, Page page, Page copy, int most)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	AnnoyAttributes copied = AnnoyPageGetAttributes(copy);
	uint16		masks[ANNOY_MAX_NUMBERS_BLOCKS];
	int			passed = 0;

	if (header->signature_bytes != filter->index->leaf.signature_bytes)
		AnnoyReportCorruption(filter->rel, block, "The page has signatures of %u bytes instead of %d.",
							  header->signature_bytes, filter->index->leaf.signature_bytes);
	*copied = *header;
	copied->start = BLCKSZ;
	if (annoy_kernels->sift(AnnoyNumberSignature(header, 0), header->count,
							ANNOY_NUMBERS_SIZE(header->signature_bytes), &filter->sieve, masks) == 0)
		return 0;
	for (int first = 0; first < header->count; first += ANNOY_BLOCK_ENTRIES)
	{
		for (uint32 mask = masks[first / ANNOY_BLOCK_ENTRIES]; mask != 0; mask &= mask - 1)
		{
			IndexTuple	tuple = AnnoyAttributesGet(page, FirstOffsetNumber + first +
												   pg_rightmost_one_pos32(mask));
			Size		size;

			/* numbers that are free have signatures, too */
			if (tuple == NULL || passed++ >= most)
				continue;
			size = MAXALIGN(IndexTupleSize(tuple));
			if (size > copied->start - (Size) ((char *) (copied + 1) - copy))
				AnnoyReportCorruption(filter->rel, block, "Attributes take more than the page.");
			copied->start -= size;
			memcpy(copy + copied->start, tuple, size);
		}
	}
	return passed;
}

/*
 * Copy the page of attributes that some item of a group has its own on, for a sample.  If
 * there is a sieve, count what passes it, and copy no more of that than is left to be
 * tested.  Returns false if there is no such group, or if its page tells nothing of that.
 */
static bool
copy_attributes_of(AnnoyFilter *filter, BlockNumber block, Page copy)
{
	Buffer		buffer = AnnoyReadBuffer(filter->rel, block, NULL);
	Page		page = BufferGetPage(buffer);
	AnnoyPointer pointer;
	bool		found = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (AnnoyPageIsValid(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM)
	{
		for (int i = 0; i < filter->index->group_slots && !found; i++)
		{
			found = AnnoySlotState(AnnoyPageGetSlots(page) + i) == ANNOY_SLOT_LIVE;
			if (found)
				pointer = AnnoySlotAttributes(filter->index, page, i);
		}
	}
	if (found)
	{
		Buffer		attributes_buffer =
		AnnoyAttributesLock(filter->rel, ItemPointerGetBlockNumberNoCheck(&pointer),
							block, BUFFER_LOCK_SHARE);
		Page		attributes = BufferGetPage(attributes_buffer);
		AnnoyAttributes header = AnnoyPageGetAttributes(attributes);

		if (filter->sieve.n == 0)
			memcpy(copy, attributes, BLCKSZ);
		else if (is_signed(filter, header))
		{
			for (int i = 0; i < header->count; i++)
				filter->sifted += *AnnoyNumberOffset(header, i) != 0;
			filter->sieve_passed += copy_sifted(filter, ItemPointerGetBlockNumberNoCheck(&pointer),
												attributes, copy, SAMPLE_TESTS - (int) filter->tested);
		}
		else
			found = false;
		UnlockReleaseBuffer(attributes_buffer);
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Sift the entries of a leaf chosen at random, on the way down from a root.  Some of its
 * items go to items[], if it has any.
 */
static void
sample_leaf(AnnoyFilter *filter, AnnoyRandom *random, AnnoyPointer *items)
{
	const AnnoyIndex *index = filter->index;
	BlockNumber block = AnnoyRootBlock(0);

	for (int level = ANNOY_MAX_LEVEL; level > 0;)
	{
		Buffer		buffer = AnnoyReadBuffer(filter->rel, block, NULL);
		AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
		uint16		masks[ANNOY_MAX_ENTRIES / ANNOY_BLOCK_ENTRIES];

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		AnnoyCheckNode(filter->rel, index, buffer);
		if (node->level >= level)
			AnnoyReportCorruption(filter->rel, block, "The node is on level %u, below level %d.",
								  node->level, level);
		level = node->level;

		/*
		 * a search will notice if the node has codes, and the description no
		 * space
		 */
		if (node->count == 0 || !AnnoyNodeIsKnown(index, node))
			level = 0;
		else if (level > 0)
		{
			AnnoyPointer child = AnnoyNodePointer(index, node, AnnoyRandomBelow(random, node->count));

			block = ItemPointerGetBlockNumberNoCheck(&child);
		}
		else
		{
			filter->sifted += node->count;
			filter->sieve_passed +=
				annoy_kernels->sift(AnnoyNodeBlocks(index, node) + ANNOY_BLOCK_SIGNATURES(index->leaf.bytes),
									node->count, index->leaf.block_size, &filter->sieve, masks);
			for (int i = 0; i < SAMPLE_LEAF_ITEMS; i++)
				items[i] = AnnoyNodePointer(index, node, AnnoyRandomBelow(random, node->count));
		}
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Sample leaves, and pages of attributes that some of their items have their own on.
 */
static void
sample_leaves(AnnoyFilter *filter, AnnoyRandom *random, Page copy)
{
	AnnoyPointer items[SAMPLE_LEAVES * SAMPLE_LEAF_ITEMS];

	for (int i = 0; i < (int) lengthof(items); i++)
		ItemPointerSetInvalid(&items[i]);
	for (int i = 0; i < (int) lengthof(items); i += SAMPLE_LEAF_ITEMS)
		sample_leaf(filter, random, &items[i]);
	for (int i = 0; i < (int) lengthof(items) && filter->tested < SAMPLE_TESTS; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&items[i]);

		if (ItemPointerIsValid(&items[i]) && copy_attributes_of(filter, block, copy))
			test_page(filter, block, copy, NULL, NULL);
	}
}

/*
 * Sample pages of attributes.
 */
static void
sample_pages(AnnoyFilter *filter, AnnoyRandom *random, Page copy)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(filter->rel);
	int			pages = 0;

	for (int i = 0; i < SAMPLE_ATTEMPTS && pages < SAMPLE_PAGES; i++)
	{
		BlockNumber block = AnnoyRandomBelow(random, nblocks);

		if (copy_attributes_of(filter, block, copy))
		{
			test_page(filter, block, copy, NULL, NULL);
			pages++;
		}
	}
}

/*
 * Learn what part of the items passes the sieve, and what part of these meets the
 * conditions, from a few leaves and pages of attributes.
 */
void
AnnoyFilterSample(AnnoyFilter *filter)
{
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	AnnoyRandom random = filter->index->seed;

	if (filter->sieve.n > 0)
		sample_leaves(filter, &random, copy->data);
	else
		sample_pages(filter, &random, copy->data);
	pfree(copy);
	filter->sample_sieve_rate = (filter->sieve_passed + 0.5) / (filter->sifted + 1);
	filter->guesses = filter->sieve.n > 0 && filter->sieve_passed < FEW_PASS;
	filter->sample_weight = Min(filter->tested + GUESS_WEIGHT, SAMPLE_WEIGHT);

	/*
	 * most of what passes a sieve meets the conditions, unless it turns out
	 * otherwise
	 */
	filter->sample_rate = (filter->passed + (filter->sieve.n > 0 ? 0.9 : 0.5)) / (filter->tested + 1);
	filter->sifted = filter->sieve_passed = filter->tested = filter->passed = 0;
}

/*
 * The part of the items that passes the sieve, as far as is known: of those near the
 * query, rather than of all.
 */
double
AnnoyFilterSieveRate(const AnnoyFilter *filter)
{
	if (filter->sieve.n == 0)
		return 1;
	return (filter->sieve_passed + SAMPLE_WEIGHT * filter->sample_sieve_rate) /
		(filter->sifted + SAMPLE_WEIGHT);
}

/*
 * The part of these that meets the conditions, likewise.
 */
double
AnnoyFilterRate(const AnnoyFilter *filter)
{
	return (filter->passed + filter->sample_weight * filter->sample_rate) /
		(filter->tested + filter->sample_weight);
}

/*
 * Have the processor fetch so many bytes of the page that is next to be walked over,
 * and of another one behind it, if they are as far apart as those two.
 */
static void
prefetch_attributes(const AnnoyFilter *filter, BlockNumber block, BlockNumber next, int bytes)
{
	BlockNumber ahead = next - WALK_AHEAD * (block - next);

	if (next == InvalidBlockNumber)
		return;
	AnnoyPrefetchBuffer(filter->rel, next);
	AnnoyPrefetchBuffer(filter->rel, ahead);
	AnnoyPrefetchPage(filter->rel, ahead, 0, bytes);
}

/*
 * Call a function for every item whose attributes meet the conditions, live or
 * dead.  No locks are held meanwhile: by then there may be another item, of a row
 * that our snapshot does not see.  Returns how many there are, about.
 */
double
AnnoyFilterWalk(AnnoyFilter *filter, AnnoyFilterCallback callback, void *arg)
{
	Relation	rel = filter->rel;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	BlockNumber block = AnnoyAttributesFirst(rel);
	BlockNumber steps = 0;
	double		count = 0;

	while (block != InvalidBlockNumber)
	{
		AnnoyAttributes header;
		BlockNumber next;
		Buffer		buffer;
		bool		sifts;

		AnnoyCountStep(rel, block, &steps);
		buffer = AnnoyAttributesLock(rel, block, InvalidBlockNumber, BUFFER_LOCK_SHARE);
		header = AnnoyPageGetAttributes(BufferGetPage(buffer));
		count += header->count;
		next = header->next;
		sifts = is_signed(filter, header);
		prefetch_attributes(filter, block, next,
							sifts ? AnnoyNumbersEnd(header) - BufferGetPage(buffer) : BLCKSZ);
		if (sifts)
			(void) copy_sifted(filter, block, BufferGetPage(buffer), copy->data, PG_INT32_MAX);
		else
			memcpy(copy->data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		test_page(filter, block, copy->data, callback, arg);
		block = next;
	}
	pfree(copy);
	return count;
}
