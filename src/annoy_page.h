/*-------------------------------------------------------------------------
 *
 * annoy_page.h
 *	  The on-disk format.
 *
 * An index consists of
 *
 *	block 0			the metapage
 *	1 .. n_trees	the roots of the trees; they never move
 *	the rest		means, items, NULLs, attributes, tree nodes and free pages, in
 *					any order
 *
 * Every page starts with AnnoyPageTag, right behind the page header: there, and
 * not in a special space, because checking it then costs no cache miss of its
 * own.  Everything is in native byte order, like the rest of a PostgreSQL
 * cluster.
 *
 * Whoever changes anything here raises ANNOY_FORMAT_VERSION.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/annoy_page.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_PAGE_H
#define ANNOY_PAGE_H

#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"

#define ANNOY_MAGIC				0x414E4E59	/* "ANNY" */
#define ANNOY_FORMAT_VERSION	3

#define ANNOY_METAPAGE_BLKNO	0
#define ANNOY_FIRST_ROOT_BLKNO	1

/* Limits that the format sets. */
#define ANNOY_MAX_TREES			100
#define ANNOY_MAX_LEVEL			8	/* levels are 0 (leaf) to 7 */

/*
 * What every page starts with.
 */
typedef struct AnnoyPageTag
{
	uint16		page_id;		/* ANNOY_PAGE_ID */
	uint16		kind;			/* AnnoyPageKind */
	BlockNumber next_free;		/* of a page of NULLs, of attributes, or that
								 * is free: the next one in its list */
} AnnoyPageTag;

#define ANNOY_PAGE_ID			0xFFA9

/*
 * Each of these three kinds of page has one list, see list.c: of pages of NULLs with
 * free slots, from the metapage's `null_free'; of pages of attributes with room,
 * from `attributes_free'; and of free pages, from `node_free'.  They go on over the
 * tags' `next_free', and end with InvalidBlockNumber.  Pages that are in no list
 * have this instead.
 */
#define ANNOY_NOT_LISTED		0

typedef enum AnnoyPageKind
{
	ANNOY_PAGE_META = 1,
	ANNOY_PAGE_MEAN = 2,		/* float4 mean, continued on the next block */
	ANNOY_PAGE_NODE = 3,		/* a node of a tree, inner or leaf */
	ANNOY_PAGE_ITEM = 4,		/* first page of an item group */
	ANNOY_PAGE_ITEM_DATA = 5,	/* a further page of an item group */
	ANNOY_PAGE_NULLS = 6,		/* slots of rows whose vector is NULL */
	ANNOY_PAGE_ATTRIBUTES = 7,	/* values of further columns */
	ANNOY_PAGE_FREE = 8,		/* may become a node */
	ANNOY_PAGE_BOUNDS = 9		/* values that divide those of further columns */
} AnnoyPageKind;

#define AnnoyPageGetTag(page) ((AnnoyPageTag *) PageGetContents(page))
#define AnnoyPageGetData(page) (PageGetContents(page) + sizeof(AnnoyPageTag))

/*
 * Nodes for the longest vectors, and the metapage, need a page of this size.
 */
#if BLCKSZ < 8192
#error "annoy needs a block size of at least 8 kB"
#endif

/* Bytes behind the tag. */
#define ANNOY_PAGE_CAPACITY \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(AnnoyPageTag))

/*
 * The recall curve: which part of the 10, 100 and 1,000 nearest items a search
 * found on average, at a ladder of efforts; see calibrate.c.
 */
#define ANNOY_CURVE_RANKS		3
#define ANNOY_CURVE_POINTS		24

#define AnnoyCurveRows(rank)	((rank) == 0 ? 10 : (rank) == 1 ? 100 : 1000)

typedef struct AnnoyCurve
{
	double		items;			/* vectors in the index when it was measured,
								 * in vain if there are no points; 0 = never */
	BlockNumber blocks;			/* its size */
	uint32		points;			/* 0 = there is no curve */
	uint32		queries[ANNOY_CURVE_RANKS]; /* 0 = no such recall is known */
	uint32		removed;		/* items that VACUUM has removed since then */
	float		effort[ANNOY_CURVE_POINTS]; /* entries scanned, ascending */
	float		recall[ANNOY_CURVE_RANKS][ANNOY_CURVE_POINTS];

	/*
	 * For ten rows, searches may end when they have done so much (see
	 * AnnoySearchDone), ascending, or have scanned so many entries at most;
	 * it takes so many on average, and finds such a part.  0 = no more
	 * points. Queries that are less `like' the rows take more; see
	 * AnnoySearchUnlike.
	 */
	float		like;
	float		done[ANNOY_CURVE_POINTS];
	float		most[ANNOY_CURVE_POINTS];
	float		average[ANNOY_CURVE_POINTS];
	float		found[ANNOY_CURVE_POINTS];
} AnnoyCurve;

/*
 * What an entry of a leaf tells of its item's attributes: a byte or more for each of
 * the first further columns, see signature.c.  Those of all entries have the same
 * length, of these at most.
 */
#define ANNOY_MAX_SIGNATURE		8

typedef struct AnnoySignature
{
	uint8		bytes[ANNOY_MAX_SIGNATURE];
}			AnnoySignature;

#define ANNOY_SIGNATURE_COLUMN(byte)	((byte) & 0x7f)
#define ANNOY_SIGNATURE_HASHED			0x80

/*
 * What VACUUM is at, see vacuum.c.  What a crash, or a VACUUM that was cancelled,
 * leaves here is for the next VACUUM.
 */
typedef enum AnnoyVacuumPhase
{
	ANNOY_VACUUM_DONE = 0,		/* no slot is ANNOY_SLOT_DEAD */
	ANNOY_VACUUM_BEGUN = 1,		/* there may be such, or other things to do */
	ANNOY_VACUUM_DROPS = 2		/* it drops the entries of such items */
} AnnoyVacuumPhase;

/*
 * The metapage.
 *
 * Written when the index is built.  These things change later:
 *
 *	dim				when the first vector comes to an index without vectors; it
 *					is 0 until then
 *	scale and mean	when such an index first splits a root; `mean' is invalid until
 *					then
 *	leftmost		when any root is split
 *	attributes		when a page of attributes is added
 *	bounds			when trees are made anew
 *	lists of pages	(null_free, attributes_free, node_free) when a page joins or
 *					leaves one
 *	curve			when it is measured anew
 *	vacuum			as VACUUM goes on, which also counts what it has removed
 *	adapt, moves	as VACUUM adapts trees
 *
 * When VACUUM finds no vectors any more, it makes nearly all of this what it was
 * in an index without rows.  When it finds that scale and mean fit no longer, it
 * replaces them, and all trees.
 */
typedef struct AnnoyMetaPageData
{
	uint32		magic;			/* ANNOY_MAGIC */
	uint32		version;		/* ANNOY_FORMAT_VERSION */
	uint16		metric;			/* AnnoyMetric */
	uint16		dtype;			/* AnnoyDtype of the items' vectors */
	uint16		n_trees;
	uint16		flags;			/* ANNOY_META_* */
	uint64		seed;			/* of the rotation and of all random choices */
	int32		dim;			/* dimensions of the vectors; 0 = not known */
	/* all that is above has been there in every version of the format */
	int32		scale_exponent; /* search-space image = 2^this * vector */
	BlockNumber mean;			/* first page of the mean, or invalid */
	uint32		n_mean;			/* number of consecutive mean pages */
	double		built_items;	/* vectors when the index was built; 0 if the
								 * trees have grown from nothing */
	uint32		resets;			/* how often dimensions were forgotten, or
								 * trees replaced */
	BlockNumber leftover;		/* blocks below may be of before that; 0 =
								 * none */
	BlockNumber null_free;		/* first page with free slots for NULLs, or
								 * invalid */
	uint32		null_changes;	/* counts changes of null_free, but for those
								 * by a reset */
	BlockNumber attributes;		/* last page of attributes made, or invalid */
	BlockNumber attributes_free;	/* first one in the list of those with
									 * room, or invalid */
	uint32		attributes_changes; /* counts changes of these two */
	uint32		vacuum;			/* AnnoyVacuumPhase */
	uint32		vacuum_changes; /* counts changes of it, and of node_free */
	uint32		generation;		/* of the trees' nodes */
	double		grown_from;		/* items when trees were made, or the search
								 * space was found to fit; 0 = neither */
	BlockNumber node_free;		/* first one in the list of free pages, or
								 * invalid */
	uint32		removed;		/* items that VACUUM has removed since
								 * grown_from was set */
	BlockNumber bounds;			/* first page of bounds, or invalid */
	uint32		n_bounds;		/* number of consecutive such pages */

	/*
	 * The further column that each byte of signatures is for, counted from 1,
	 * and whether there were hashes of its values when the index was made; 0
	 * behind the last one.
	 */
	uint8		signature_columns[ANNOY_MAX_SIGNATURE];

	/* VACUUM adapts trees to what has come, see adapt.c */
	double		adapt_from;		/* items when it was last computed how many
								 * entries are due */
	double		adapt_due;		/* entries that are to be looked at */
	uint32		adapt_removed;	/* items that VACUUM has removed since then */
	BlockNumber adapt_next;		/* node above leaves to go on with, or
								 * invalid: from the first one on */
	uint32		moves;			/* counts moves of entries to leaves that may
								 * have another parent */

	/*
	 * Leftmost node of each level of each tree: where the walk along right
	 * links that finds a node's parent starts.  Invalid above the root.
	 */
	BlockNumber leftmost[ANNOY_MAX_TREES][ANNOY_MAX_LEVEL];

	AnnoyCurve	curve;
} AnnoyMetaPageData;

typedef AnnoyMetaPageData *AnnoyMetaPage;

/* There may be pages of NULLs. */
#define ANNOY_META_NULLS		0x01

/* There may be nodes of another generation than the trees': pages to be freed. */
#define ANNOY_META_OLD_NODES	0x02

/* Items have second entries. */
#define ANNOY_META_SECOND		0x04

/* Items' vectors are not stored; they are in the table. */
#define ANNOY_META_IN_TABLE		0x08

/* The dtype, and that flag, were not declared: they are decided with the dimensions. */
#define ANNOY_META_AUTO_DTYPE	0x10

StaticAssertDecl(sizeof(AnnoyMetaPageData) <= ANNOY_PAGE_CAPACITY,
				 "metapage does not fit a page");

/* Powers of two that a scale can be, and its inverse, as a double. */
#define ANNOY_MAX_SCALE_EXPONENT	1022

#define AnnoyPageGetMeta(page) ((AnnoyMetaPage) AnnoyPageGetData(page))

/* Floats of the mean on one page. */
#define ANNOY_MEAN_PER_PAGE		((int) (ANNOY_PAGE_CAPACITY / sizeof(float)))

/* Number of pages that a mean takes. */
static inline uint32
AnnoyMeanPages(int dim)
{
	return (dim + ANNOY_MEAN_PER_PAGE - 1) / ANNOY_MEAN_PER_PAGE;
}

/*
 * A node of a tree, inner or leaf.
 *
 * The header is followed by the node's centre (two bytes, one byte or half a
 * byte per dimension, the fewer the more dimensions there are) and by blocks of
 * ANNOY_BLOCK_ENTRIES entries.  A centre is *defined* as centre_scale times
 * the stored integers, so quantising it loses nothing: codes are relative to
 * exactly this point.
 *
 * One block of entries holds, in this order and each for all its entries,
 *
 *	uint8	code[bytes of a code][ANNOY_BLOCK_ENTRIES]
 *	float	offset[]			|r|^2; with ANNOY_NODE_NEAR, + 2 alpha S(c)
 *	float	slope[]				2 alpha
 *	uint16	error[]				2 |e| / sqrt(D - 1), upper half of a float,
 *								rounded up
 *	AnnoyPointer pointer[]
 *	uint8	signature[bytes of a signature][ANNOY_BLOCK_ENTRIES], in a leaf
 *
 * See codec.c for what the factors mean.  Bytes of unused entries of the last
 * block are zero.
 *
 * Until it is full, the last block has all but the signatures in rows instead of
 * columns, which are as large,
 *
 *	uint8	code[bytes of a code]
 *	AnnoyRowTail				not aligned
 *
 * for an insertion to change one place of the page for them, and not one for each byte
 * of the code and each factor.
 */
#define ANNOY_BLOCK_ENTRIES		16

typedef struct AnnoyNodeData
{
	uint8		tree;			/* which tree, from 0 */
	uint8		generation;		/* low bits of the metapage's, or it is old */
	uint8		level;			/* 0 = leaf */
	uint8		flags;			/* ANNOY_NODE_* */
	uint16		count;			/* number of entries */
	uint16		room;			/* with so many, it is to be split */
	uint32		changes;		/* counts changes of this page */
	uint32		nsn;			/* split sequence number, see src/README */
	uint32		child_nsn;		/* highest nsn given to a child so far; of a
								 * leaf see AnnoyLeafMoves */
	BlockNumber right;			/* right sibling on the same level */
	float		centre_scale;
	float		centre_norm2;	/* |centre|^2 */
} AnnoyNodeData;

typedef AnnoyNodeData *AnnoyNode;

/*
 * A leaf, which has no children, counts there how often it has exchanged entries with
 * a sibling in a record that leaves their parent as it is.
 */
#define AnnoyLeafMoves(leaf)	((leaf)->child_nsn)

/* All vectors in this leaf are identical: a search counts it as one entry. */
#define ANNOY_NODE_UNIFORM		0x01

/*
 * The centre is not much farther from the origin than the entries' points are
 * from the centre: the look-up tables of a query serve for this node as they
 * are, and offsets have S(c) in them.
 */
#define ANNOY_NODE_NEAR			0x02

/*
 * A root that is a leaf, and was one before it was decided in which space vectors
 * are compared: its entries have pointers only, all else is zero.
 */
#define ANNOY_NODE_PLAIN		0x04

/*
 * Of the children of this node, which are leaves, some may have no entries: VACUUM has
 * seen that.  A split of another one uses such a leaf instead of a new one.
 */
#define ANNOY_NODE_EMPTY_CHILD	0x08

#define AnnoyPageGetNode(page) ((AnnoyNode) AnnoyPageGetData(page))
#define AnnoyNodeCentre(node) \
	((char *) (node) + MAXALIGN(sizeof(AnnoyNodeData)))

/*
 * What an entry points to.  In an inner node, the child: its block, and, in the
 * place of an offset, its spread if the index is for inner product: the upper half of
 * a float.  For other metrics that is InvalidOffsetNumber.  In a leaf, the item: the
 * first block of its group, and its slot, counted from FirstOffsetNumber.  There the
 * highest bits of the slot tell of the entry: an item may have two in a tree, in
 * different leaves.
 */
typedef ItemPointerData AnnoyPointer;

/*
 * Are two pointers the same?  On a damaged page a pointer may be none that is valid.
 */
static inline bool
AnnoyPointersEqual(const AnnoyPointer *a, const AnnoyPointer *b)
{
	return memcmp(a, b, sizeof(AnnoyPointer)) == 0;
}

#define ANNOY_ENTRY_SECOND		0x8000	/* it is the item's second one */
#define ANNOY_ENTRY_PAIRED		0x4000	/* the item has two */
#define ANNOY_ENTRY_FLAGS		(ANNOY_ENTRY_SECOND | ANNOY_ENTRY_PAIRED)

StaticAssertDecl(BLCKSZ / sizeof(uint64) < ANNOY_ENTRY_PAIRED,
				 "a page has more slots than pointers to items can tell from flags");

/* What follows a code in a row. */
typedef struct AnnoyRowTail
{
	float		offset;
	float		slope;
	uint16		error;
	AnnoyPointer pointer;
} AnnoyRowTail;

StaticAssertDecl(sizeof(AnnoyRowTail) == 2 * sizeof(float) + sizeof(uint16) + sizeof(AnnoyPointer),
				 "rows are as large as columns");

/* Bytes of a row whose code has that many. */
#define ANNOY_ROW_SIZE(code_bytes) ((int) ((code_bytes) + sizeof(AnnoyRowTail)))

/* Where the pointers of a block of entries with codes of that many bytes begin. */
#define ANNOY_BLOCK_POINTERS(code_bytes) \
	(ANNOY_BLOCK_ENTRIES * ((code_bytes) + 2 * sizeof(float) + sizeof(uint16)))

/* Where the signatures begin. */
#define ANNOY_BLOCK_SIGNATURES(code_bytes) \
	(ANNOY_BLOCK_POINTERS(code_bytes) + ANNOY_BLOCK_ENTRIES * sizeof(AnnoyPointer))

/* One such block. */
#define ANNOY_BLOCK_SIZE(code_bytes, signature_bytes) \
	(ANNOY_BLOCK_SIGNATURES(code_bytes) + ANNOY_BLOCK_ENTRIES * (signature_bytes))

/*
 * Item groups.
 *
 * A group is one or more consecutive pages.  The first page starts with the
 * headers of all slots; in an index with further columns, pointers to the
 * attributes of all slots are next.  The vectors follow, as a stream of bytes
 * that runs on over the capacities of the group's pages, one vector after the
 * other, each `item_size' bytes.  A vector may straddle pages, a component never
 * does.  With ANNOY_META_IN_TABLE there are none, and a group is a page of slots.
 */
typedef struct AnnoySlotData
{
	ItemPointerData tid;		/* heap tuple */
	uint16		state;			/* ANNOY_SLOT_* */
} AnnoySlotData;

typedef AnnoySlotData *AnnoySlot;

#define ANNOY_SLOT_FREE			0x00
#define ANNOY_SLOT_LIVE			0x01
#define ANNOY_SLOT_DEAD			0x02	/* VACUUM is about to free it */
#define ANNOY_SLOT_STATE_MASK	0x03

/*
 * Pages of NULLs.
 *
 * Rows whose vector is NULL are in pages of slots alone.
 */
#define ANNOY_NULL_SLOTS	((int) (ANNOY_PAGE_CAPACITY / sizeof(AnnoySlotData)))

#define AnnoyPageGetSlots(page) ((AnnoySlot) AnnoyPageGetData(page))

/*
 * Pages of attributes: what an item has in the index's further columns, the
 * conditions on which a scan tests before it reads the vector.
 *
 * The attributes of an item are an IndexTuple of these columns, whose t_tid is
 * not the row's but the item's AnnoyPointer.  The item points back, by block and
 * number, counted from FirstOffsetNumber.  Tuples are at the end of the page,
 * without gaps.  A tuple that is deleted leaves its number, and the others theirs.
 *
 * The header is followed by blocks of ANNOY_BLOCK_ENTRIES numbers, each of which has
 *
 *	uint16	offset[]			where the tuple begins, or 0 if the number is free
 *	uint8	signature[bytes of a signature][ANNOY_BLOCK_ENTRIES]
 *
 * Signatures are those that entries of the items have, made by the bounds of a
 * generation.  If that is not the trees', they say nothing.  Those of numbers that are
 * free, and behind the last one, are zero.
 *
 * All pages of attributes are in one chain, from the metapage's `attributes' over
 * `next', the one made last being the first.
 */
typedef struct AnnoyAttributesData
{
	BlockNumber next;			/* page made before this one, or invalid */
	uint16		count;			/* of numbers; the last one is not free */
	uint16		start;			/* of the tuples, in bytes from the page's */
	uint8		signature_bytes;	/* of a signature */
	uint8		generation;		/* of signatures */
	uint16		unused[3];		/* zero */
} AnnoyAttributesData;

typedef AnnoyAttributesData *AnnoyAttributes;

#define AnnoyPageGetAttributes(page) ((AnnoyAttributes) AnnoyPageGetData(page))

/* A block of numbers, with signatures of so many bytes. */
#define ANNOY_NUMBERS_SIZE(signature_bytes) \
	((int) (ANNOY_BLOCK_ENTRIES * (sizeof(uint16) + (signature_bytes))))

/* As many such blocks are on a page, at most, if they have signatures. */
#define ANNOY_MAX_NUMBERS_BLOCKS \
	((int) (ANNOY_PAGE_CAPACITY / ANNOY_NUMBERS_SIZE(1)))

/* Room for tuples and their numbers on a page. */
#define ANNOY_ATTRIBUTES_CAPACITY \
	((int) (ANNOY_PAGE_CAPACITY - sizeof(AnnoyAttributesData)))

/* The longest attributes: a third of a page, nearly. */
#define ANNOY_MAX_ATTRIBUTES_SIZE \
	((int) MAXALIGN_DOWN(ANNOY_PAGE_CAPACITY / 3 - sizeof(uint16)))

/*
 * Pages of bounds: IndexTuples of the same columns as attributes, one after the other
 * and each aligned, up to the end of the page's used part.  Of each column, those that
 * are not NULL come first, and in the order of its type's default operator class for
 * B-trees.  There are so few that all values between them have a number of their own in a
 * signature.
 */
#define ANNOY_MOST_BOUNDS		254

#define AnnoySlotState(slot)	((slot)->state & ANNOY_SLOT_STATE_MASK)

#endif							/* ANNOY_PAGE_H */
