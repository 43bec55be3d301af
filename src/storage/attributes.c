/*-------------------------------------------------------------------------
 *
 * attributes.c
 *	  Pages of attributes: what items have in the index's further columns.
 *
 * The attributes of an item are written and deleted in the WAL record that sets
 * or frees its slot, under the lock on its group's first page.  So an item that
 * is not free points to a tuple which points back to it, and no tuple is without
 * an item, whenever a crash comes.
 *
 * All pages of attributes are in a chain that only grows, by new pages at its head.
 * Those with room are in a list besides (list.c).  An insertion tries the page that
 * the item before it in its group went to, then the list's first one.
 * If that has no room for what it has, it leaves the list, however much is left,
 * until VACUUM has made it worth another try.  If somebody else is at work on it, a page
 * is added: so those who insert at the same time, and have a group each, come to have a
 * page of attributes each.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/attributes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/toast_compression.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "error.h"
#include "storage/storage.h"

/* With so much free space, VACUUM puts a page into the list. */
#define WORTH_LISTING		(ANNOY_ATTRIBUTES_CAPACITY / 4)

/* Compression makes a value no smaller than one of so many parts. */
#define MAX_COMPRESSION		256

/* What a value of a type of variable length is thought to take. */
#define TYPICAL_VARLENA		16

/*
 * What to do about a first column that is no vector, as a hint: arrays of other numbers
 * can be cast.
 */
static const char *
first_column_hint(Relation rel)
{
	Oid			type = getBaseType(TupleDescAttr(RelationGetDescr(rel), 0)->atttypid);
	char	   *column;

	if (type != INT2ARRAYOID && type != INT4ARRAYOID && type != INT8ARRAYOID &&
		type != NUMERICARRAYOID)
		return "Name the vector first, then the columns for conditions.";

	column = TextDatumGetCString(DirectFunctionCall3(pg_get_indexdef_ext,
													 ObjectIdGetDatum(RelationGetRelid(rel)),
													 Int32GetDatum(1), BoolGetDatum(true)));
	return psprintf("Cast it, in the index and in queries: USING annoy ((%s::real[])), ORDER BY %s::real[] <-> query.",
					column, column);
}

/*
 * Raise an error unless the index has one vector, which comes first.
 */
void
AnnoyCheckColumns(Relation rel)
{
	for (int i = 1; i <= IndexRelationGetNumberOfAttributes(rel); i++)
	{
		bool		is_vector = OidIsValid(index_getprocid(rel, i, ANNOY_METRIC_PROC));

		if (i == 1 && !is_vector)
		{
			/* looks at the catalog, so it is made before there is an error */
			const char *hint = first_column_hint(rel);

			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("the first column of annoy index \"%s\" is not a vector",
							RelationGetRelationName(rel)),
					 errdetail("Vectors are of type real[], double precision[] or bit."),
					 errhint("%s", hint)));
		}
		if (i > 1 && is_vector)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("annoy index \"%s\" has more than one vector",
							RelationGetRelationName(rel)),
					 errdetail("The operator class of column %d is one for vectors.", i),
					 errhint("Create an index for each vector.")));
	}
}

/*
 * How many bytes the attributes of an item take, roughly; 0 if the index has no
 * further columns.
 */
int
AnnoyAttributesSize(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Size		size = sizeof(IndexTupleData);

	if (desc->natts == 1)
		return 0;
	for (int i = 1; i < desc->natts; i++)
	{
		int			length = TupleDescAttr(desc, i)->attlen;

		size += length > 0 ? length : TYPICAL_VARLENA;
	}
	return MAXALIGN(size) + sizeof(uint16);
}

/*
 * The row type of attributes: that of the index without the vector.
 */
TupleDesc
AnnoyAttributesDesc(Relation rel)
{
	TupleDesc	all = RelationGetDescr(rel);
	TupleDesc	desc = CreateTemplateTupleDesc(all->natts - 1);

	for (int i = 1; i < all->natts; i++)
		TupleDescCopyEntry(desc, i, all, i + 1);
	TupleDescFinalize(desc);
	return desc;
}

/*
 * Make the attributes of a row from the values of all columns of the index.
 */
IndexTuple
AnnoyFormAttributes(Relation rel, TupleDesc desc, Datum *values, bool *isnull)
{
	IndexTuple	tuple = index_form_tuple(desc, values + 1, isnull + 1);

	if (IndexTupleSize(tuple) > ANNOY_MAX_ATTRIBUTES_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("columns of a row take %zu bytes in index \"%s\", of at most %d",
						IndexTupleSize(tuple), RelationGetRelationName(rel),
						ANNOY_MAX_ATTRIBUTES_SIZE),
				 errdetail("The limit is for all columns but the vector together."),
				 errhint("Index a shorter expression, or leave a column out.")));
	return tuple;
}

/* Pages. */

/*
 * Make an empty page of attributes.  All of it counts as used, since it is
 * filled from both ends.
 */
void
AnnoyAttributesInit(const AnnoyIndex *index, Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);

	AnnoyPageInit(page, ANNOY_PAGE_ATTRIBUTES);
	header->next = InvalidBlockNumber;
	header->start = BLCKSZ;
	header->signature_bytes = index->leaf.signature_bytes;
	header->generation = index->generation;
	AnnoyPageSetEnd(page, page + BLCKSZ);
}

static int
free_space(Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);

	return page + header->start - AnnoyNumbersEnd(header);
}

/* The number that the next tuple gets, from 0. */
static int
free_number(AnnoyAttributes header)
{
	int			number = 0;

	while (number < header->count && *AnnoyNumberOffset(header, number) != 0)
		number++;
	return number;
}

/*
 * Does a page have room for a tuple?
 */
bool
AnnoyAttributesFit(Page page, IndexTuple tuple)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	int			size = MAXALIGN(IndexTupleSize(tuple));

	/* does it take another block? */
	if (AnnoyNumbersBlock(header, free_number(header)) == AnnoyNumbersEnd(header))
		size += ANNOY_NUMBERS_SIZE(header->signature_bytes);
	return free_space(page) >= size;
}

/*
 * Note the signature of a tuple, or make it zero.
 */
static void
set_signature(AnnoyAttributes header, int number, const AnnoySignature * signature)
{
	uint8	   *bytes = AnnoyNumberSignature(header, number);

	for (int i = 0; i < header->signature_bytes; i++)
		bytes[i * ANNOY_BLOCK_ENTRIES] = signature != NULL ? signature->bytes[i] : 0;
}

/*
 * Put a tuple on a page that has room for it, with its signature, or without if that
 * comes later.  Returns its number, counted from FirstOffsetNumber.
 */
OffsetNumber
AnnoyAttributesAdd(Page page, IndexTuple tuple, const AnnoySignature * signature)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	int			number = free_number(header);
	Size		size = MAXALIGN(IndexTupleSize(tuple));

	Assert(AnnoyAttributesFit(page, tuple));
	if (number == header->count)
		header->count++;
	header->start -= size;
	*AnnoyNumberOffset(header, number) = header->start;
	set_signature(header, number, signature);
	memset(page + header->start, 0, size);
	memcpy(page + header->start, tuple, IndexTupleSize(tuple));
	return FirstOffsetNumber + number;
}

/*
 * Note the signature of the tuple with a number, which there is.
 */
void
AnnoyAttributesSign(Page page, OffsetNumber offset, const AnnoySignature * signature)
{
	set_signature(AnnoyPageGetAttributes(page), offset - FirstOffsetNumber, signature);
}

/*
 * A copy of a page has been signed anew meanwhile: have the page's tuples have the same
 * signatures, and the page the copy's generation.  A tuple that is not in the copy has
 * come since then, and whoever has added it has signed it.
 */
void
AnnoyAttributesTakeSignatures(Page page, Page copy)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	AnnoyAttributes signed_header = AnnoyPageGetAttributes(copy);

	for (int i = 0; i < header->count; i++)
	{
		IndexTuple	tuple = AnnoyAttributesGet(page, FirstOffsetNumber + i);
		IndexTuple	same = AnnoyAttributesGet(copy, FirstOffsetNumber + i);

		if (tuple == NULL || same == NULL || IndexTupleSize(tuple) != IndexTupleSize(same) ||
			memcmp(tuple, same, IndexTupleSize(tuple)) != 0)
			continue;
		for (int j = 0; j < header->signature_bytes; j++)
			AnnoyNumberSignature(header, i)[j * ANNOY_BLOCK_ENTRIES] =
				AnnoyNumberSignature(signed_header, i)[j * ANNOY_BLOCK_ENTRIES];
	}
	header->generation = signed_header->generation;
}

/*
 * The tuple with a number.  NULL if there is none, or if that cannot be one.
 */
IndexTuple
AnnoyAttributesGet(Page page, OffsetNumber offset)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	Size		start;
	IndexTuple	tuple;

	if (offset < FirstOffsetNumber || offset > header->count)
		return NULL;
	start = *AnnoyNumberOffset(header, offset - FirstOffsetNumber);
	if (start < header->start || start != MAXALIGN(start) ||
		start > BLCKSZ - sizeof(IndexTupleData))
		return NULL;
	tuple = (IndexTuple) (page + start);
	if (IndexTupleSize(tuple) < sizeof(IndexTupleData) ||
		start + MAXALIGN(IndexTupleSize(tuple)) > BLCKSZ)
		return NULL;
	return tuple;
}

/*
 * Where a value of variable length ends that begins at an address, which is aligned
 * for its type or not.  NULL if it would end behind `end', or is none that an index
 * tuple may have.  What compression could not have made so small, no memory is to be
 * allocated for.
 */
static const char *
varlena_end(const char *value, bool aligned, const char *end)
{
	Size		size;

	if (value >= end || VARATT_IS_EXTERNAL(value) ||
		(!VARATT_IS_SHORT(value) && (!aligned || end - value < VARHDRSZ)))
		return NULL;
	size = VARSIZE_ANY(value);
	if (size > (Size) (end - value) ||
		size < (VARATT_IS_SHORT(value) ? VARHDRSZ_SHORT : VARHDRSZ) ||
		(VARATT_IS_COMPRESSED(value) &&
		 (size < VARHDRSZ_COMPRESSED ||
		  VARDATA_COMPRESSED_GET_COMPRESS_METHOD(value) > TOAST_LZ4_COMPRESSION_ID ||
		  VARDATA_COMPRESSED_GET_EXTSIZE(value) > MAX_COMPRESSION * size)))
		return NULL;
	return value + size;
}

/*
 * Are all values of a tuple within it?  Then they can be read without harm, if
 * their types' functions do none whatever the bytes of a value are.
 */
bool
AnnoyAttributesAreSound(TupleDesc desc, IndexTuple tuple)
{
	const uint8 *nulls = IndexTupleHasNulls(tuple) ?
	(const uint8 *) (tuple + 1) : NULL;
	const char *start = (const char *) tuple + IndexInfoFindDataOffset(tuple->t_info);
	const char *end = (const char *) tuple + IndexTupleSize(tuple);
	const char *at = start;

	for (int i = 0; i < desc->natts && at <= end; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (nulls != NULL && att_isnull(i, nulls))
			continue;
		if (attribute->attlen == -1)
		{
			const char *aligned = start + att_align_nominal(at - start, attribute->attalign);

			/* bytes of padding are zero, and a short value needs none */
			if (at >= end || *at == 0)
				at = aligned;
			at = IndexTupleHasVarwidths(tuple) ? varlena_end(at, at == aligned, end) : NULL;
			if (at == NULL)
				return false;
		}
		else if (attribute->attlen == -2)
		{
			at = IndexTupleHasVarwidths(tuple) && at < end ? memchr(at, 0, end - at) : NULL;
			if (at == NULL)
				return false;
			at++;
		}
		else
			at = start + att_align_nominal(at - start, attribute->attalign) +
				attribute->attlen;
	}
	return at <= end;
}

/*
 * Remove a tuple, and close the gap.
 */
static void
remove_tuple(Page page, OffsetNumber offset, IndexTuple tuple)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);
	int			number = offset - FirstOffsetNumber;
	int			start = (char *) tuple - page;
	int			size = MAXALIGN(IndexTupleSize(tuple));

	memmove(page + header->start + size, page + header->start, start - header->start);
	memset(page + header->start, 0, size);
	*AnnoyNumberOffset(header, number) = 0;
	set_signature(header, number, NULL);
	header->start += size;
	for (int i = 0; i < header->count; i++)
	{
		uint16	   *other = AnnoyNumberOffset(header, i);

		if (*other != 0 && *other < start)
			*other += size;
	}
	while (header->count > 0 && *AnnoyNumberOffset(header, header->count - 1) == 0)
		header->count--;
}

/* The index. */

/*
 * The first page of the chain, or an invalid block.
 */
BlockNumber
AnnoyAttributesFirst(Relation rel)
{
	AnnoyMetaPageData meta;

	AnnoyReadMeta(rel, &meta);
	return meta.attributes;
}

/*
 * Is the page's header in order, as far as its use is concerned?
 */
static bool
header_is_valid(Page page)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(page);

	return header->start <= BLCKSZ && header->start == MAXALIGN(header->start) &&
		header->signature_bytes <= ANNOY_MAX_SIGNATURE &&
		AnnoyNumbersEnd(header) <= page + header->start;
}

/*
 * Pin the page of attributes that another page points to.  The caller holds the lock of
 * the page `locked', or that is invalid: were it the same, we would wait for ourselves.
 */
static Buffer
pin_attributes(Relation rel, BlockNumber block, BlockNumber locked)
{
	if (block == locked)
		AnnoyReportCorruption(rel, block, "The page, which has items, is said to have attributes.");
	return AnnoyReadBuffer(rel, block, NULL);
}

/* Check such a page, which is locked now. */
static void
check_attributes(Relation rel, Buffer buffer)
{
	AnnoyAttributes header = AnnoyPageGetAttributes(BufferGetPage(buffer));

	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_ATTRIBUTES);
	if (!header_is_valid(BufferGetPage(buffer)))
		AnnoyReportCorruption(rel, BufferGetBlockNumber(buffer),
							  "The page has %u numbers for attributes that begin at %u, and signatures of %u bytes.",
							  header->count, header->start, header->signature_bytes);
}

/*
 * Lock the page of attributes that another page points to, and check it.  `locked' is
 * as above.
 */
Buffer
AnnoyAttributesLock(Relation rel, BlockNumber block, BlockNumber locked, int mode)
{
	Buffer		buffer = pin_attributes(rel, block, locked);

	LockBuffer(buffer, mode);
	check_attributes(rel, buffer);
	return buffer;
}

/*
 * Take a page off the list, if it is the first one.  The caller holds an
 * exclusive lock on it.
 */
static void
unlist(Relation rel, Buffer buffer)
{
	Buffer		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);
	GenericXLogState *xlog = GenericXLogStart(rel);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);

	if (AnnoyListTake(rel, xlog, meta_buffer, page, BufferGetBlockNumber(buffer)))
		GenericXLogFinish(xlog);
	else
		GenericXLogAbort(xlog);
	UnlockReleaseBuffer(meta_buffer);
}

/*
 * Find a page with room for a tuple: that of the item before, if it is known, or another
 * one.  Returns its buffer, locked exclusively; if the page is new, it is all zeroes and
 * becomes one of attributes by AnnoyAttributesPut.  The caller holds the lock of the
 * page `locked'.
 */
Buffer
AnnoyAttributesRoom(Relation rel, IndexTuple tuple, BlockNumber locked, BlockNumber before)
{
	Buffer		buffer;

	if (before != InvalidBlockNumber)
	{
		buffer = AnnoyAttributesLock(rel, before, locked, BUFFER_LOCK_EXCLUSIVE);
		if (AnnoyAttributesFit(BufferGetPage(buffer), tuple))
			return buffer;
		UnlockReleaseBuffer(buffer);
	}
	for (;;)
	{
		BlockNumber block = AnnoyListHead(rel, ANNOY_PAGE_ATTRIBUTES, NULL);

		if (block == InvalidBlockNumber)
			return AnnoyExtend(rel, MAIN_FORKNUM, 1);

		buffer = pin_attributes(rel, block, locked);
		if (!ConditionalLockBuffer(buffer))
		{
			ReleaseBuffer(buffer);
			return AnnoyExtend(rel, MAIN_FORKNUM, 1);
		}
		check_attributes(rel, buffer);
		if (AnnoyAttributesFit(BufferGetPage(buffer), tuple))
			return buffer;

		/*
		 * Somebody else may have done so meanwhile.  This comes to an end
		 * even if the list is a circle: what was taken off is noticed.
		 */
		unlist(rel, buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Put a tuple and its signature on a page found by AnnoyAttributesRoom, as a part of a
 * WAL record.  Returns the metapage's buffer, locked, if it is part of the record too.
 */
Buffer
AnnoyAttributesPut(Relation rel, const AnnoyIndex *index, GenericXLogState *xlog,
				   Buffer buffer, IndexTuple tuple, const AnnoySignature * signature,
				   AnnoyPointer *pointer)
{
	bool		is_new = PageIsNew(BufferGetPage(buffer));
	BlockNumber block = BufferGetBlockNumber(buffer);
	Page		page = GenericXLogRegisterBuffer(xlog, buffer,
												 is_new ? GENERIC_XLOG_FULL_IMAGE : 0);
	Buffer		meta_buffer = InvalidBuffer;

	if (is_new)
	{
		AnnoyMetaPage meta;

		AnnoyAttributesInit(index, page);
		meta_buffer = AnnoyListPut(rel, xlog, page, block);
		meta = AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0));
		AnnoyPageGetAttributes(page)->next = meta->attributes;
		meta->attributes = block;
	}
	ItemPointerSet(pointer, block, AnnoyAttributesAdd(page, tuple, signature));
	return meta_buffer;
}

/*
 * Delete the attributes of an item, as a part of the WAL record in which their
 * page was registered.  Returns the metapage's buffer, locked, if it has become
 * part of the record because the page joins the list.
 */
Buffer
AnnoyAttributesDelete(Relation rel, GenericXLogState *xlog, Page page,
					  BlockNumber block, OffsetNumber offset,
					  const AnnoyPointer *item)
{
	IndexTuple	tuple = AnnoyAttributesGet(page, offset);

	if (tuple == NULL || !AnnoyPointersEqual(&tuple->t_tid, item))
	{
		AnnoyPointer pointer;

		ItemPointerSet(&pointer, block, offset);
		AnnoyReportAttributes(rel, item, &pointer);
	}
	remove_tuple(page, offset, tuple);
	if (AnnoyPageIsListed(page) || free_space(page) < WORTH_LISTING)
		return InvalidBuffer;
	return AnnoyListPut(rel, xlog, page, block);
}

/*
 * Raise an error because an item's attributes are not where they should be.
 */
void
AnnoyReportAttributes(Relation rel, const AnnoyPointer *item,
					  const AnnoyPointer *attributes)
{
	AnnoyReportCorruption(rel, ItemPointerGetBlockNumberNoCheck(item),
						  "The item in slot %u has lost its attributes, which should be at (%u,%u).",
						  ItemPointerGetOffsetNumberNoCheck(item),
						  ItemPointerGetBlockNumberNoCheck(attributes),
						  ItemPointerGetOffsetNumberNoCheck(attributes));
}
