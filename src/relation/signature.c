/*-------------------------------------------------------------------------
 *
 * signature.c
 *	  Signatures: what entries of leaves tell of their items' attributes.
 *
 * They are beside the attributes, too, for whoever walks over all of these.
 *
 * A signature has a byte for each of the first further columns; for an array there
 * may be several.  A search compares them, many at a time, with what conditions ask
 * for (scan/sieve.c), before it has a look at codes.  What passes is tested, so a
 * signature decides nothing by itself; but it must never fail a row that meets the
 * conditions.
 *
 * A byte is 0 for NULL.  Otherwise the first for a column is one of these:
 *
 *	order		The number of the first of some bounds that is not below the value,
 *				by the default operator class for B-trees of the column's type.
 *				A build takes the bounds from its rows (build/bounds.c) so that about
 *				as many are between any two, and a value that many rows have is
 *				alone.  This serves = and < and the like.
 *	hash		A hash of the value, by the type's default operator class for hash
 *				indexes, if there are no bounds: because the index was empty when it was
 *				made, values are long, or the type has no order.  Serves =.
 *	elements	Of an array, a bit for each element, by a hash of it.
 *
 * A second byte for a column is a hash, of other bits; further bytes for arrays have
 * other bits of their elements.
 *
 * Which columns have bytes is in the metapage, and of which of these there were hashes.
 * What is in a byte follows from that, from the column's type, and from whether there are
 * bounds.  A type that gets hashes later has none here until REINDEX.  One that has lost
 * what bytes were made by is not asked for any more, and no row is added.  Whoever changes
 * the order of a type, its hashes or, say, a collation has to REINDEX, as for other
 * indexes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/signature.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "error.h"
#include "relation/relation.h"
#include "storage/storage.h"

/*
 * Bytes that are automatic, and with more of them for arrays: with two bytes, one array
 * of four elements in six passes by mistake, and with four, one in thirty-five.
 */
#define AUTOMATIC_BYTES		4
#define WITH_ARRAYS_BYTES	6

/* The most bytes of an array; another column has two. */
#define ARRAY_BYTES			4

/* The type of the elements of a further column, or InvalidOid. */
static Oid
element_type(Relation rel, AttrNumber attribute)
{
	return get_base_element_type(TupleDescAttr(RelationGetDescr(rel), attribute)->atttypid);
}

static bool
is_immutable(Oid function)
{
	return OidIsValid(function) && func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

/*
 * The type of a further column if its values can be put in order, or else NULL: arrays
 * are not, as that is not what they are asked for.
 */
TypeCacheEntry *
AnnoyOrderedType(Relation rel, AttrNumber attribute)
{
	TypeCacheEntry *type;

	if (OidIsValid(element_type(rel, attribute)))
		return NULL;
	type = lookup_type_cache(TupleDescAttr(RelationGetDescr(rel), attribute)->atttypid,
							 TYPECACHE_CMP_PROC_FINFO | TYPECACHE_BTREE_OPFAMILY);
	return is_immutable(type->cmp_proc) ? type : NULL;
}

/*
 * The type of a further column, or of its elements if it is an array, if there are
 * hashes of it; or else NULL.
 *
 * Hashes have to be of what the type's equality takes for equal.  The type cache makes
 * sure of that only if it knows the operator: so ask for it, lest the answer depend on
 * what the session has done before.
 */
static TypeCacheEntry *
hashed_type(Relation rel, AttrNumber attribute)
{
	Oid			type_id = element_type(rel, attribute);
	TypeCacheEntry *type;

	if (!OidIsValid(type_id))
		type_id = TupleDescAttr(RelationGetDescr(rel), attribute)->atttypid;
	type = lookup_type_cache(type_id, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC_FINFO |
							 TYPECACHE_HASH_OPFAMILY);
	return is_immutable(type->hash_proc) ? type : NULL;
}

/*
 * Choose what the bytes of signatures of a new index are for: each of the first
 * further columns that can have one; then, in turn, arrays, whose bytes tell less; and
 * then the others.
 */
void
AnnoyChooseSignatures(Relation rel, uint8 *columns)
{
	int			natts = IndexRelationGetNumberOfAttributes(rel);
	int			wanted = AnnoyOptionSignatures(rel);
	int			with_arrays = wanted;
	int			n = 0;
	int			n_columns;

	memset(columns, 0, ANNOY_MAX_SIGNATURE);
	if (wanted < 0)
	{
		wanted = AUTOMATIC_BYTES;
		with_arrays = WITH_ARRAYS_BYTES;
	}
	for (int i = 1; i < natts && n < wanted; i++)
	{
		if (hashed_type(rel, i) != NULL)
			columns[n++] = i | ANNOY_SIGNATURE_HASHED;
		else if (AnnoyOrderedType(rel, i) != NULL)
			columns[n++] = i;
	}
	n_columns = n;
	for (int round = 1; round < ARRAY_BYTES; round++)
	{
		for (int i = 0; i < n_columns && n < with_arrays; i++)
		{
			if (OidIsValid(element_type(rel, ANNOY_SIGNATURE_COLUMN(columns[i]))))
				columns[n++] = columns[i];
		}
	}
	for (int i = 0; i < n_columns && n < wanted; i++)
	{
		if (!OidIsValid(element_type(rel, ANNOY_SIGNATURE_COLUMN(columns[i]))) &&
			(columns[i] & ANNOY_SIGNATURE_HASHED) != 0)
			columns[n++] = columns[i];
	}
}

/*
 * A value of bounds, in the column that a byte is for.
 */
static Datum
bound_value(const AnnoySigning * signing, int i, bool *isnull)
{
	const		AnnoySigner *signer = signing->signer;
	const AnnoyIndex *index = signer->index;

	Assert(i >= 0 && i < index->bound_count);

	return index_getattr((IndexTuple) (index->bounds + index->bound_starts[i]),
						 signing->attribute, signer->desc, isnull);
}

/*
 * How many bounds there are for a column: those of others follow NULL.
 */
static int
count_bounds(const AnnoySigning * signing)
{
	int			low = 0;
	int			high = signing->signer->index->bound_count;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		bool		isnull;

		(void) bound_value(signing, middle, &isnull);
		if (isnull)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * Learn what a byte is for.
 */
static void
make_signing(AnnoySigner * signer, AnnoySigning * signing, int byte)
{
	const uint8 *columns = signer->index->signature_columns;
	int			column = ANNOY_SIGNATURE_COLUMN(columns[byte]);
	bool		is_hashed = (columns[byte] & ANNOY_SIGNATURE_HASHED) != 0;

	signing->signer = signer;
	signing->attribute = column;
	signing->collation = signer->rel->rd_indcollation[column];
	for (int i = 0; i < byte; i++)
		signing->variant += columns[i] == columns[byte];
	if (is_hashed)
		signing->type = hashed_type(signer->rel, column);
	if (OidIsValid(element_type(signer->rel, column)))
		signing->kind = ANNOY_SIGNS_ELEMENTS;
	else
	{
		if (signing->variant == 0)
			signing->n_bounds = count_bounds(signing);
		if (signing->n_bounds > 0)
		{
			signing->type = AnnoyOrderedType(signer->rel, column);
			signing->kind = ANNOY_SIGNS_ORDER;
		}
		else if (is_hashed)
			signing->kind = ANNOY_SIGNS_HASH;
	}
	if (signing->kind != ANNOY_SIGNS_NULL && signing->type == NULL)
	{
		signing->kind = ANNOY_SIGNS_NULL;
		signing->is_lost = true;
	}
}

/*
 * Raise an error if there is no way to make a byte any more.
 */
static void
check_signing(const AnnoySigner * signer, const AnnoySigning * signing)
{
	if (signing->is_lost)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the type of column %d of index \"%s\" has no longer the default operator class that its signatures were made with",
						signing->attribute + 1, RelationGetRelationName(signer->rel)),
				 errhint("REINDEX the index, or restore the operator class.")));
}

/*
 * Prepare to sign attributes, in the current memory context: what there is of them for
 * the columns of the attributes' row type, counted from 1, for which columns[] is true.
 * If that is NULL, of all, to make entries; then there has to be a way to make each byte.
 * The description has to stay.  Returns NULL if the index has no signatures.
 */
AnnoySigner *
AnnoySignerMake(Relation rel, const AnnoyIndex *index, const bool *columns)
{
	AnnoySigner *signer;

	if (index->leaf.signature_bytes == 0)
		return NULL;
	signer = palloc0(sizeof(AnnoySigner));
	signer->rel = rel;
	signer->index = index;
	signer->desc = AnnoyAttributesDesc(rel);
	signer->context = AllocSetContextCreate(CurrentMemoryContext, "annoy signature",
											ALLOCSET_SMALL_SIZES);
	signer->n = index->leaf.signature_bytes;
	for (int i = 0; i < signer->n; i++)
	{
		if (columns == NULL || columns[ANNOY_SIGNATURE_COLUMN(index->signature_columns[i])])
			make_signing(signer, &signer->signings[i], i);
		if (columns == NULL)
			check_signing(signer, &signer->signings[i]);
	}
	return signer;
}

/*
 * Is there a way to make each byte of signatures?  If not, REINDEX is due, and until
 * then nothing can be signed.
 */
bool
AnnoyCanSign(Relation rel, const AnnoyIndex *index)
{
	bool		columns[INDEX_MAX_KEYS];
	AnnoySigner *signer;

	memset(columns, true, sizeof(columns));
	signer = AnnoySignerMake(rel, index, columns);
	for (int i = 0; signer != NULL && i < signer->n; i++)
	{
		if (signer->signings[i].is_lost)
			return false;
	}
	return true;
}

/*
 * The i-th bound of a byte that tells of order, from 0.
 */
Datum
AnnoyBound(const AnnoySigning * signing, int i)
{
	bool		isnull;
	Datum		value;

	Assert(i < signing->n_bounds);

	value = bound_value(signing, i, &isnull);
	/* count_bounds has not looked at all of them */
	if (unlikely(isnull))
		AnnoyReportCorruption(signing->signer->rel, signing->signer->index->bounds_block,
							  "Bound %d of column %d is missing.", i + 1, signing->attribute + 1);
	return value;
}

/*
 * The number of the first bound that is not above the one before it, or that follows a
 * NULL; or -1 if there is none.
 */
int
AnnoyMisplacedBound(const AnnoySigning * signing)
{
	for (int i = 0; i < signing->signer->index->bound_count; i++)
	{
		bool		isnull;
		Datum		value = bound_value(signing, i, &isnull);

		if (i >= signing->n_bounds ? !isnull :
			(isnull || (i > 0 && DatumGetInt32(FunctionCall2Coll(&signing->type->cmp_proc_finfo, signing->collation,
																 AnnoyBound(signing, i - 1), value)) >= 0)))
			return i;
	}
	return -1;
}

/*
 * The number of the first bound that is not below a value, from 0; there may be none.
 * The function compares bounds with such values.
 */
int
AnnoyFirstBound(const AnnoySigning * signing, FmgrInfo *compare, Datum value)
{
	int			low = 0;
	int			high = signing->n_bounds;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (DatumGetInt32(FunctionCall2Coll(compare, signing->collation,
											AnnoyBound(signing, middle), value)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A byte from a hash: not that of NULL. */
uint8
AnnoySignHash(const AnnoySigning * signing, uint32 hash)
{
	AnnoyRandom state = ((uint64) signing->variant << 32) | hash;

	return ANNOY_SIGNATURE_VALUE + AnnoyRandomBelow(&state, PG_UINT8_MAX);
}

/*
 * The bits of an array's elements.  NULL is none.
 */
uint8
AnnoySignElements(const AnnoySigning * signing, Datum array)
{
	ArrayType  *elements = DatumGetArrayTypeP(array);
	ArrayIterator iterator = array_create_iterator(elements, 0, NULL);
	Datum		value;
	bool		isnull;
	uint8		bits = 0;

	while (array_iterate(iterator, &value, &isnull))
	{
		AnnoyRandom state;

		if (isnull)
			continue;
		state = DatumGetUInt32(FunctionCall1Coll(&signing->type->hash_proc_finfo,
												 signing->collation, value));
		bits |= 1 << (AnnoyRandomNext(&state) >> (8 * (signing->variant % 8)) & 7);
	}
	return bits;
}

static uint8
sign_value(const AnnoySigning * signing, Datum value)
{
	switch (signing->kind)
	{
		case ANNOY_SIGNS_NULL:
			break;
		case ANNOY_SIGNS_ORDER:
			return ANNOY_SIGNATURE_VALUE +
				AnnoyFirstBound(signing, &signing->type->cmp_proc_finfo, value);
		case ANNOY_SIGNS_HASH:
			return AnnoySignHash(signing,
								 DatumGetUInt32(FunctionCall1Coll(&signing->type->hash_proc_finfo,
																  signing->collation, value)));
		case ANNOY_SIGNS_ELEMENTS:
			return AnnoySignElements(signing, value);
	}
	return ANNOY_SIGNATURE_VALUE;
}

/*
 * One byte of the signature of attributes.  Functions may leave something in the
 * current memory context.
 */
uint8
AnnoySignByte(AnnoySigner * signer, int byte, IndexTuple attributes)
{
	const		AnnoySigning *signing = &signer->signings[byte];
	bool		isnull;
	Datum		value = index_getattr(attributes, signing->attribute, signer->desc, &isnull);

	return isnull ? ANNOY_SIGNATURE_NULL : sign_value(signing, value);
}

/*
 * The signature of attributes.
 */
AnnoySignature
AnnoySign(AnnoySigner * signer, IndexTuple attributes)
{
	MemoryContext old_context = MemoryContextSwitchTo(signer->context);
	AnnoySignature signature = {{0}};

	for (int i = 0; i < signer->n; i++)
		signature.bytes[i] = AnnoySignByte(signer, i, attributes);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(signer->context);
	return signature;
}

/*
 * Where the attributes of an item are.  Returns false if its slot is free.
 */
static bool
find_attributes(AnnoySigner * signer, const AnnoyPointer *item, AnnoyPointer *attributes)
{
	int			slot_no = ItemPointerGetOffsetNumberNoCheck(item) - FirstOffsetNumber;
	Buffer		buffer = AnnoyLockPage(signer->rel, ItemPointerGetBlockNumberNoCheck(item),
									   ANNOY_PAGE_ITEM, BUFFER_LOCK_SHARE, NULL);
	Page		page = BufferGetPage(buffer);
	bool		found = AnnoySlotState(AnnoyPageGetSlots(page) + slot_no) != ANNOY_SLOT_FREE;

	Assert(slot_no >= 0 && slot_no < signer->index->group_slots);

	if (found)
		*attributes = AnnoySlotAttributes(signer->index, page, slot_no);
	UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Raise an error unless the values of attributes are within them.
 */
static void
check_attributes(const AnnoySigner * signer, BlockNumber block, IndexTuple attributes)
{
	if (!AnnoyAttributesAreSound(signer->desc, attributes))
		AnnoyReportCorruption(signer->rel, block,
							  "The attributes of the item in slot %u of block %u are not values of the index's columns.",
							  ItemPointerGetOffsetNumberNoCheck(&attributes->t_tid),
							  ItemPointerGetBlockNumberNoCheck(&attributes->t_tid));
}

/*
 * The signature of an item.  The caller holds no lock.  Returns false if it has no
 * attributes: it is gone, then, or has lost them.  A build has it kept beside these,
 * which is not logged.
 */
bool
AnnoySignItem(AnnoySigner * signer, const AnnoyPointer *item, bool keep,
			  AnnoySignature * signature)
{
	AnnoyPointer attributes;
	BlockNumber block;
	Buffer		buffer;
	IndexTuple	tuple;
	PGAlignedBlock copy;

	if (!find_attributes(signer, item, &attributes))
		return false;
	block = ItemPointerGetBlockNumberNoCheck(&attributes);
	buffer = AnnoyAttributesLock(signer->rel, block, InvalidBlockNumber, BUFFER_LOCK_SHARE);
	tuple = AnnoyAttributesGet(BufferGetPage(buffer),
							   ItemPointerGetOffsetNumberNoCheck(&attributes));
	if (tuple != NULL && AnnoyPointersEqual(&tuple->t_tid, item))
		tuple = memcpy(copy.data, tuple, IndexTupleSize(tuple));
	else
		tuple = NULL;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (tuple != NULL)
	{
		check_attributes(signer, block, tuple);
		*signature = AnnoySign(signer, tuple);
		if (keep)
		{
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			AnnoyAttributesSign(BufferGetPage(buffer),
								ItemPointerGetOffsetNumberNoCheck(&attributes), signature);
			MarkBufferDirty(buffer);
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
	}
	ReleaseBuffer(buffer);
	return tuple != NULL;
}

/*
 * Sign all attributes on a copy of a page anew, by the bounds that there are now.  This
 * calls functions of types, so the caller holds no lock.
 */
void
AnnoySignPage(AnnoySigner * signer, BlockNumber block, Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);

	if (header->signature_bytes != signer->n)
		AnnoyReportCorruption(signer->rel, block, "The page has signatures of %u bytes instead of %d.",
							  header->signature_bytes, signer->n);
	for (int i = 0; i < header->count; i++)
	{
		IndexTuple	tuple = AnnoyAttributesGet(page, FirstOffsetNumber + i);
		AnnoySignature signature;

		if (tuple == NULL)
			continue;
		check_attributes(signer, block, tuple);
		signature = AnnoySign(signer, tuple);
		AnnoyAttributesSign(page, FirstOffsetNumber + i, &signature);
	}
	header->generation = signer->index->generation;
}
