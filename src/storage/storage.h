/*-------------------------------------------------------------------------
 *
 * storage.h
 *	  Pages: what annoy_page.h lays out, read and changed.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/storage.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_STORAGE_H
#define ANNOY_STORAGE_H

#include "access/generic_xlog.h"
#include "access/genam.h"
#include "access/itup.h"

#include "annoy.h"
#include "space/space.h"

/* More entries than this a node never has. */
#define ANNOY_MAX_ENTRIES		512

/*
 * More trees than this are not replaced together: their roots and the metapage
 * are in one WAL record.
 */
#define ANNOY_MAX_REPLACED_TREES	31

/* Pages of a group of items, at most. */
#define ANNOY_MAX_GROUP_PAGES	32

/* With fewer entries than this a node cannot be split. */
#define ANNOY_MIN_ROOM			2

/* What a processor fetches at a time. */
#define ANNOY_CACHE_LINE	64

#define AnnoyNodeCodec(index, node) \
	((node)->level == 0 ? &(index)->leaf : &(index)->inner)
#define AnnoyRootBlock(tree) ((BlockNumber) (ANNOY_FIRST_ROOT_BLKNO + (tree)))

/*
 * Can a node be understood with a description of the index?  Not if it has codes,
 * and the description is from before the search space was decided; then
 * AnnoyOpen gives a new one.
 */
static inline bool
AnnoyNodeIsKnown(const AnnoyIndex *index, AnnoyNode node)
{
	return index->has_space || (node->flags & ANNOY_NODE_PLAIN) != 0;
}

/* Is a node part of a tree, and not one that was replaced? */
static inline bool
AnnoyNodeIsCurrent(const AnnoyIndex *index, AnnoyNode node)
{
	return node->generation == index->generation;
}

/* The blocks of a node's entries. */
static inline uint8 *
AnnoyNodeBlocks(const AnnoyIndex *index, AnnoyNode node)
{
	return (uint8 *) AnnoyNodeCentre(node) + index->centre_bytes;
}

/* The block that entry i of a node is in. */
static inline uint8 *
AnnoyNodeBlock(const AnnoyIndex *index, AnnoyNode node, int i)
{
	return AnnoyNodeBlocks(index, node) +
		(Size) (i / ANNOY_BLOCK_ENTRIES) * AnnoyNodeCodec(index, node)->block_size;
}

/* The number of entries in blocks that are full. */
static inline int
AnnoyNodeFullCount(AnnoyNode node)
{
	return node->count - node->count % ANNOY_BLOCK_ENTRIES;
}

/* The pointer of entry i, in a leaf with its flags. */
static inline const AnnoyPointer *
AnnoyNodeRawPointer(const AnnoyIndex *index, AnnoyNode node, int i)
{
	int			code_bytes = AnnoyNodeCodec(index, node)->bytes;
	int			lane = i % ANNOY_BLOCK_ENTRIES;
	const uint8 *block = AnnoyNodeBlock(index, node, i);

	if (i < AnnoyNodeFullCount(node))
		return (const AnnoyPointer *) (block + ANNOY_BLOCK_POINTERS(code_bytes)) + lane;
	return (const AnnoyPointer *) (block + lane * ANNOY_ROW_SIZE(code_bytes) + code_bytes +
								   offsetof(AnnoyRowTail, pointer));
}

/*
 * What entry i of a node points to: in an inner node, with the child's spread.
 */
static inline AnnoyPointer
AnnoyNodePointer(const AnnoyIndex *index, AnnoyNode node, int i)
{
	AnnoyPointer pointer = *AnnoyNodeRawPointer(index, node, i);

	if (node->level == 0)
		pointer.ip_posid &= ~ANNOY_ENTRY_FLAGS;
	return pointer;
}

/* What a node stores as the offset of an entry. */
static inline float
AnnoyNodeOffset(AnnoyNode node, const AnnoyEntry *entry)
{
	return (node->flags & ANNOY_NODE_NEAR) ? entry->offset + entry->shift :
		entry->offset;
}

/* Offsets of pointers to nodes from this on would be infinite spreads. */
#define ANNOY_INFINITE_SPREAD	0x7F80

/*
 * What a pointer to a node has as its offset: the node's spread, rounded down, in an
 * index for inner product.
 */
static inline OffsetNumber
AnnoySpreadOffset(const AnnoyIndex *index, float spread)
{
	union
	{
		float		f;
		uint32		i;
	}			u;

	if (index->metric != ANNOY_IP)
		return InvalidOffsetNumber;
	u.f = spread;
	return Min(u.i >> 16, ANNOY_INFINITE_SPREAD - 1);
}

/* Can a pointer to a node have that offset? */
static inline bool
AnnoySpreadIsSound(const AnnoyIndex *index, OffsetNumber offset)
{
	return offset == InvalidOffsetNumber ||
		(index->metric == ANNOY_IP && offset < ANNOY_INFINITE_SPREAD);
}

/* The spread of the node that a pointer points to; 0 if that is damaged. */
static inline float
AnnoyPointerSpread(const AnnoyPointer *pointer)
{
	return pointer->ip_posid < ANNOY_INFINITE_SPREAD ?
		AnnoyErrorToFloat(pointer->ip_posid) : 0;
}

/* A pointer to an item as one number. */
static inline uint64
AnnoyPointerKey(const AnnoyPointer *pointer)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(pointer) << 16 |
		ItemPointerGetOffsetNumberNoCheck(pointer);
}

/*
 * An item, as read.
 *
 * If vectors are read from the table, and the item's row is gone, the state is
 * ANNOY_SLOT_DEAD, whether VACUUM has marked the item or not.
 */
typedef struct AnnoyItem
{
	ItemPointerData tid;
	uint16		state;
	bool		is_null;		/* it is a NULL */
	AnnoyPointer attributes;	/* if the index has further columns and the
								 * item a vector */
	AnnoyVector vector;			/* data are NULL if it is a NULL, if the slot
								 * is free, if the row is gone, or if vectors
								 * are in the table and nobody asked for them */
} AnnoyItem;

/*
 * Where the vectors of items are if the index does not store them: in the table
 * (relation/row.c), or, while an index is built, in a file.
 */
typedef struct AnnoyVectorSource AnnoyVectorSource;

struct AnnoyVectorSource
{
	/*
	 * Read the vector of an item of a row.  Returns false if the row is gone.
	 * The data live until the next one is read.  The caller holds no locks.
	 */
	bool		(*read) (AnnoyVectorSource *source, const AnnoyPointer *pointer,
						 const ItemPointerData *tid, AnnoyVector *vec);
	void		(*close) (AnnoyVectorSource *source);
};

typedef struct AnnoyItemReader
{
	Relation	rel;
	const AnnoyIndex *index;
	AnnoyVectorSource *source;	/* of vectors that are not stored; NULL = they
								 * are, or are not wanted */
	BufferAccessStrategy strategy;
	Buffer		buffer;			/* locked first page of the group */
	char	   *scratch;		/* for vectors that straddle pages */
	bool		tests_first;	/* most items' vectors are not wanted */
} AnnoyItemReader;

/* What a walk over all items calls for each slot in use. */
typedef void (*AnnoyItemCallback) (AnnoyPointer *pointer,
								   const AnnoyItem *item, void *arg);

/* describe.c */
extern AnnoyIndex *AnnoyMakeIndex(const AnnoyIndex *declared, int dim,
								  int scale_exponent, const float *mean);
extern AnnoyMetric AnnoyIndexMetric(Relation rel);
extern AnnoyLayout AnnoyIndexLayout(Relation rel);
extern AnnoyDtype AnnoyColumnDtype(Relation rel);
extern void AnnoyDeclareDtype(Relation rel, AnnoyIndex *index);
extern bool AnnoyVectorIsInRow(Relation rel, const AnnoyVector *vec);
extern void AnnoyChooseDtype(Relation rel, AnnoyIndex *index, bool in_row);
extern const char *AnnoyStoredName(AnnoyDtype dtype, bool in_table);
extern bool AnnoyZerosAreLast(Relation rel);
extern double AnnoyEstimateItems(const AnnoyIndex *index, BlockNumber nblocks);
extern bool AnnoyCurveIsValid(const AnnoyCurve *curve);

/* metapage.c */

/* A change of the metapage under way. */
typedef struct AnnoyMetaChange
{
	Buffer		buffer;
	GenericXLogState *xlog;
} AnnoyMetaChange;

extern void AnnoyCheckMeta(Relation rel, Buffer buffer);
extern bool AnnoyHasOtherFormat(Relation rel, AnnoyMetaPageData *meta);
extern Buffer AnnoyLockMeta(Relation rel, int mode);
extern AnnoyMetaPage AnnoyMetaBegin(Relation rel, AnnoyMetaChange *change);
extern void AnnoyMetaEnd(AnnoyMetaChange *change, bool changed);
extern void AnnoyReadMeta(Relation rel, AnnoyMetaPageData *meta);
extern BlockNumber AnnoyLeftmostNode(Relation rel, int tree, int level);
extern AnnoyVacuumPhase AnnoyGetVacuumPhase(Relation rel);
extern void AnnoySetVacuumPhase(Relation rel, AnnoyVacuumPhase phase);

/* meta.c */
extern const AnnoyIndex *AnnoyOpen(Relation rel);
extern const AnnoyIndex *AnnoyOpenSpace(Relation rel);
extern void AnnoyInitMetaPage(Page page, const AnnoyIndex *index);
extern void AnnoyWriteMean(Relation rel, const AnnoyIndex *index,
						   BlockNumber *first, uint32 *count);
extern const AnnoyIndex *AnnoySetDimensions(Relation rel,
											const AnnoyVector *vec);
extern void AnnoySetSpace(Relation rel, int scale_exponent, const float *mean);
extern void AnnoySpaceFits(Relation rel, double items);
extern bool AnnoyMarkOldNodes(Relation rel, bool set);
extern void AnnoyReplaceTrees(Relation rel, const AnnoyIndex *index,
							  BlockNumber leftmost[][ANNOY_MAX_LEVEL],
							  const char *roots);
extern void AnnoyForgetDimensions(Relation rel);
extern void AnnoyClearLeftover(Relation rel);
extern void AnnoyStoreCurve(Relation rel, const AnnoyCurve *curve);
extern void AnnoyCountRemoved(Relation rel, double removed);
extern void AnnoySetDue(Relation rel, double items, double due);
extern void AnnoySetAdapted(Relation rel, double due, BlockNumber next);

/*
 * Does a page look like one of ours?  What it says of its used part is checked
 * as well, lest whoever changes the page writes beyond its end.
 */
static inline bool
AnnoyPageIsValid(Page page)
{
	PageHeader	header = (PageHeader) page;

	return header->pd_upper == BLCKSZ && header->pd_special == BLCKSZ &&
		AnnoyPageGetTag(page)->page_id == ANNOY_PAGE_ID;
}

/* Is a page in the list of its kind? */
static inline bool
AnnoyPageIsListed(Page page)
{
	return AnnoyPageGetTag(page)->next_free != ANNOY_NOT_LISTED;
}

/* How far pages that are read one after the other have been prefetched. */
typedef struct AnnoyAhead
{
	int			next;			/* the first one that was not */
	bool		asked;			/* those before were asked for from the
								 * operating system */
} AnnoyAhead;

/* page.c */
extern void AnnoyPageInit(Page page, AnnoyPageKind kind);
extern void AnnoyPageSetEnd(Page page, const void *end);
pg_noreturn extern void AnnoyReportPage(Relation rel, BlockNumber block,
										Page page, int kind);
extern void AnnoyCheckPage(Relation rel, Buffer buffer, AnnoyPageKind kind);
extern bool AnnoyBlockExists(Relation rel, BlockNumber block);
extern Buffer AnnoyReadBuffer(Relation rel, BlockNumber block,
							  BufferAccessStrategy strategy);
extern Buffer AnnoyLockPage(Relation rel, BlockNumber block, AnnoyPageKind kind,
							int mode, BufferAccessStrategy strategy);
extern void AnnoyCountStep(Relation rel, BlockNumber block, BlockNumber *steps);
extern int	AnnoyPrefetchEnd(AnnoyAhead *ahead, int read, int wanted, int usual);
extern void AnnoyAskForPage(Relation rel, BlockNumber block);
extern void AnnoyPrefetchBuffer(Relation rel, BlockNumber block);
extern void AnnoyPrefetchPlaces(Relation rel, BlockNumber block, int offset, int step,
								int end);
extern void AnnoyPrefetchPage(Relation rel, BlockNumber block, int offset,
							  int bytes);
extern Page AnnoyRecentPage(Relation rel, BlockNumber block);
extern Buffer AnnoyExtend(Relation rel, ForkNumber fork, int pages);

/* node.c */
extern void AnnoyNodeInit(Page page, const AnnoyIndex *index, int tree,
						  int level, float *centre);
extern void AnnoyNodeSetNear(AnnoyNode node, double mean_offset);
extern bool AnnoyCentreIsSound(AnnoyNode node);
extern void AnnoyCheckNode(Relation rel, const AnnoyIndex *index,
						   Buffer buffer);
extern void AnnoyCheckEntries(Relation rel, const AnnoyIndex *index,
							  AnnoyNode node, BlockNumber block);
extern bool AnnoyNodeIsFull(const AnnoyIndex *index, AnnoyNode node);
extern void AnnoyNodeMakeRoom(const AnnoyIndex *index, AnnoyNode node);
extern void AnnoyCopyNode(Relation rel, const AnnoyIndex *index,
						  BlockNumber block, Page copy);
extern void AnnoyNodeReadCentre(const AnnoyIndex *index, AnnoyNode node,
								float *centre);
extern float AnnoyNodeEstimate(const AnnoyTarget *target, AnnoyNode node, int i, float bound);
extern uint16 AnnoyNodeEntryFlags(const AnnoyIndex *index, AnnoyNode node,
								  int i);
extern AnnoySignature AnnoyNodeSignature(const AnnoyIndex *index,
										 AnnoyNode node, int i);
extern int	AnnoyNodeFindChild(const AnnoyIndex *index, AnnoyNode node,
							   BlockNumber child);
extern bool AnnoyNodeSameCode(const AnnoyIndex *index, AnnoyNode node, int i,
							  int j);
extern int	AnnoyNodeEnd(const AnnoyIndex *index, Page page);
extern void AnnoyNodeGet(const AnnoyIndex *index, AnnoyNode node, int i,
						 AnnoyEntry *entry);
extern void AnnoyNodePut(const AnnoyIndex *index, Page page, int i,
						 const AnnoyEntry *entry);
extern void AnnoyNodeAppend(const AnnoyIndex *index, Page page,
							const AnnoyEntry *entry);
extern void AnnoyNodeRemove(const AnnoyIndex *index, Page page, int i);
extern float AnnoyNodeDistance(AnnoyTarget *target, AnnoyNode node);
extern int	AnnoyNodeScore(AnnoyTarget *target, AnnoyNode node, float epsilon,
						   float limit, uint16 *hits, float *scores);
extern void AnnoyNodePrefetchPassing(const AnnoyTarget *target, Page page);

/* The pointers to the attributes of a group's items, on its first page. */
static inline AnnoyPointer *
AnnoyAttributePointers(const AnnoyIndex *index, Page page)
{
	Assert(index->attributes_size > 0);
	return (AnnoyPointer *) (AnnoyPageGetSlots(page) + index->group_slots);
}

/* Where the attributes of the item in a slot (from 0) are. */
static inline AnnoyPointer
AnnoySlotAttributes(const AnnoyIndex *index, Page page, int slot_no)
{
	return AnnoyAttributePointers(index, page)[slot_no];
}

/* The block that has a number (from 0) of a page of attributes. */
static inline char *
AnnoyNumbersBlock(AnnoyAttributes header, int number)
{
	return (char *) (header + 1) +
		number / ANNOY_BLOCK_ENTRIES * ANNOY_NUMBERS_SIZE(header->signature_bytes);
}

/* Where these blocks end. */
static inline char *
AnnoyNumbersEnd(AnnoyAttributes header)
{
	return AnnoyNumbersBlock(header, header->count + ANNOY_BLOCK_ENTRIES - 1);
}

/* Where the tuple with a number begins, or 0. */
static inline uint16 *
AnnoyNumberOffset(AnnoyAttributes header, int number)
{
	return (uint16 *) AnnoyNumbersBlock(header, number) + number % ANNOY_BLOCK_ENTRIES;
}

/* Its signature, of which bytes are ANNOY_BLOCK_ENTRIES apart. */
static inline uint8 *
AnnoyNumberSignature(AnnoyAttributes header, int number)
{
	return (uint8 *) AnnoyNumbersBlock(header, number) +
		ANNOY_BLOCK_ENTRIES * sizeof(uint16) + number % ANNOY_BLOCK_ENTRIES;
}

/* The page of a group, from 0, on which the vector of a slot (from 0) begins. */
static inline int
AnnoyItemFirstPage(const AnnoyIndex *index, int slot_no)
{
	return (slot_no * index->item_size + index->group_head) / (int) ANNOY_PAGE_CAPACITY;
}

/* The one on which it ends. */
static inline int
AnnoyItemLastPage(const AnnoyIndex *index, int slot_no)
{
	int			end = (slot_no + 1) * index->item_size;

	return (end - 1 + index->group_head) / (int) ANNOY_PAGE_CAPACITY;
}

/* slot.c */
extern void AnnoySlotSet(const AnnoyIndex *index, Page page, int slot_no,
						 const ItemPointerData *tid,
						 const AnnoyPointer *attributes);
extern void AnnoySlotClear(const AnnoyIndex *index, Page page, int slot_no);
extern void AnnoyItemRecordFree(Relation rel, BlockNumber block);
extern AnnoyPointer AnnoyItemInsert(Relation rel, const AnnoyIndex *index,
									ItemPointer tid, const AnnoyVector *vec,
									IndexTuple attributes,
									const AnnoySignature * signature);

/* item.c */
extern void AnnoyItemGeometry(AnnoyIndex *index);
extern int	AnnoyPageSlotCount(const AnnoyIndex *index, Page page);
extern void AnnoyItemPut(const AnnoyIndex *index, Page page, int page_no,
						 int slot, const AnnoyVector *vec);
extern int	AnnoyItemEnd(const AnnoyIndex *index, Page page, int page_no,
						 int slot);
extern void AnnoyItemReaderInit(AnnoyItemReader *reader, Relation rel,
								const AnnoyIndex *index,
								AnnoyVectorSource *source,
								BufferAccessStrategy strategy);
extern bool AnnoyItemMayExist(Relation rel, const AnnoyIndex *index,
							  const AnnoyPointer *pointer);
extern void AnnoyCheckVector(Relation rel, const AnnoyPointer *pointer,
							 const AnnoyVector *vec);
extern void AnnoyItemPrefetch(AnnoyItemReader *reader,
							  const AnnoyPointer *pointer);
extern Buffer AnnoyItemPin(AnnoyItemReader *reader, const AnnoyPointer *pointer);
extern void AnnoyItemFetch(AnnoyItemReader *reader, Buffer buffer,
						   const AnnoyPointer *pointer, AnnoyItem *item);
extern void AnnoyItemRelease(AnnoyItemReader *reader);
extern void AnnoyItemReaderEnd(AnnoyItemReader *reader);
extern void AnnoyItemWalkRange(Relation rel, const AnnoyIndex *index,
							   AnnoyVectorSource *source,
							   BufferAccessStrategy strategy,
							   BlockNumber first, BlockNumber end,
							   AnnoyItemCallback callback, void *arg);
extern void AnnoyItemWalk(Relation rel, const AnnoyIndex *index,
						  AnnoyVectorSource *source,
						  BufferAccessStrategy strategy,
						  AnnoyItemCallback callback, void *arg);

/* bounds.c */
extern void AnnoyWriteBounds(Relation rel, const IndexTuple *tuples, int count,
							 BlockNumber *first, uint32 *pages);
extern AnnoyIndex *AnnoyAttachBounds(Relation rel, AnnoyIndex *index,
									 BlockNumber first, uint32 pages);
extern Size AnnoyIndexSize(const AnnoyIndex *index);
extern void AnnoyIndexSetPointers(AnnoyIndex *index);

/* list.c */
extern BlockNumber AnnoyListHead(Relation rel, AnnoyPageKind kind,
								 uint32 *changes);
extern Buffer AnnoyListPut(Relation rel, GenericXLogState *xlog, Page page,
						   BlockNumber block);
extern bool AnnoyListTake(Relation rel, GenericXLogState *xlog,
						  Buffer meta_buffer, Page page, BlockNumber block);
extern void AnnoyListCut(Relation rel, AnnoyPageKind kind, BlockNumber end);

/* nulls.c */
extern void AnnoyNullsInit(Page page);
extern Buffer AnnoyNullsAdd(Relation rel, GenericXLogState *xlog, Page page,
							BlockNumber block);
extern void AnnoyNullsInsert(Relation rel, ItemPointer tid);
extern void AnnoyNullsWalk(Relation rel, BufferAccessStrategy strategy,
						   AnnoyItemCallback callback, void *arg);

/* attributes.c */
extern void AnnoyCheckColumns(Relation rel);
extern int	AnnoyAttributesSize(Relation rel);
extern TupleDesc AnnoyAttributesDesc(Relation rel);
extern IndexTuple AnnoyFormAttributes(Relation rel, TupleDesc desc,
									  Datum *values, bool *isnull);
extern void AnnoyAttributesInit(const AnnoyIndex *index, Page page);
extern bool AnnoyAttributesFit(Page page, IndexTuple tuple);
extern OffsetNumber AnnoyAttributesAdd(Page page, IndexTuple tuple,
									   const AnnoySignature * signature);
extern void AnnoyAttributesSign(Page page, OffsetNumber offset,
								const AnnoySignature * signature);
extern void AnnoyAttributesTakeSignatures(Page page, Page copy);
extern IndexTuple AnnoyAttributesGet(Page page, OffsetNumber offset);
extern BlockNumber AnnoyAttributesFirst(Relation rel);
extern Buffer AnnoyAttributesRoom(Relation rel, IndexTuple tuple, BlockNumber locked,
								  BlockNumber before);
extern Buffer AnnoyAttributesPut(Relation rel, const AnnoyIndex *index,
								 GenericXLogState *xlog, Buffer buffer,
								 IndexTuple tuple, const AnnoySignature * signature,
								 AnnoyPointer *pointer);
extern Buffer AnnoyAttributesLock(Relation rel, BlockNumber block,
								  BlockNumber locked, int mode);
extern Buffer AnnoyAttributesDelete(Relation rel, GenericXLogState *xlog,
									Page page, BlockNumber block,
									OffsetNumber offset,
									const AnnoyPointer *item);
pg_noreturn extern void AnnoyReportAttributes(Relation rel,
											  const AnnoyPointer *item,
											  const AnnoyPointer *attributes);
extern bool AnnoyAttributesAreSound(TupleDesc desc, IndexTuple tuple);

#endif							/* ANNOY_STORAGE_H */
