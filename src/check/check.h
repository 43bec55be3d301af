/*-------------------------------------------------------------------------
 *
 * check.h
 *	  What the files of annoy_index_check() share.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_CHECK_H
#define ANNOY_CHECK_H

#include "utils/snapshot.h"

#include "bits.h"
#include "relation/relation.h"
#include "storage/storage.h"

/* State of a check. */
typedef struct AnnoyCheck
{
	Relation	heap;
	Relation	rel;
	const AnnoyIndex *index;
	Snapshot	snapshot;		/* older than anything we read */
	BufferAccessStrategy strategy;
	BlockNumber nblocks;		/* of the index when its pages were read */
	TableScanDesc tids;			/* asked which TIDs the table may have */
	bool		old_nodes;		/* there may be nodes that are not in a tree */
	int64		live;			/* live items */
	BlockNumber leftover;		/* without dimensions, blocks below may
								 * contain anything */
	BlockNumber dead_block;		/* of a slot that VACUUM has marked, or
								 * invalid */
	int			dead_offset;

	/* of the pages, when they were read in the order of blocks */
	AnnoyBits	groups;			/* first pages of item groups */
	AnnoyBits	nulls;			/* pages of NULLs */
	AnnoyBits	attributes;		/* pages of attributes */
	AnnoyBits  *nodes;			/* of each tree, but for its root */
	AnnoyBits	items;			/* live items with a vector, by number */
	int			numbers_per_block;	/* see AnnoyCheckItemNumber */

	/* of the trees */
	AnnoyBits	linked;			/* nodes met along the right links */
	AnnoyBits	children;		/* nodes that an inner node points to */
	AnnoyBits	entries;		/* items with an entry in the current tree */
} AnnoyCheck;

/*
 * Items are numbered by block and slot, leaving no more gaps than groups of
 * several pages need.
 */
static inline uint64
AnnoyCheckItemNumber(const AnnoyCheck *check, BlockNumber block,
					 OffsetNumber offset)
{
	return (uint64) block * check->numbers_per_block + offset - FirstOffsetNumber;
}

/* check.c */

/* not pg_attribute_printf(): it names a format that clang does not know */
pg_noreturn extern void AnnoyReport(const AnnoyCheck *check, BlockNumber block,
									int offset, const char *format,...)
			__attribute__((format(printf, 4, 5)));
extern bool AnnoyCheckRowVisible(const AnnoyCheck *check, const ItemPointerData *tid);
extern bool AnnoyCheckReadPage(const AnnoyCheck *check, BlockNumber block,
							   Page copy);
extern void AnnoyCheckNodePage(AnnoyCheck *check, BlockNumber block,
							   Page page);

/* tree.c */
extern void AnnoyCheckTrees(AnnoyCheck *check);

/* nulls.c */
extern void AnnoyCheckFreeList(const AnnoyCheck *check, BlockNumber block);
extern void AnnoyCheckNulls(AnnoyCheck *check);

/* rows.c */
extern void AnnoyCheckRows(const AnnoyCheck *check);

/* attributes.c */
extern void AnnoyCheckAttributesPage(const AnnoyCheck *check, BlockNumber block,
									 Page page);
extern void AnnoyCheckAttributes(AnnoyCheck *check);
extern uint64 AnnoyCheckHash(TupleDesc desc, const Datum *values,
							 const bool *isnull);
extern bool AnnoyCheckHashItem(const AnnoyCheck *check, TupleDesc desc,
							   const AnnoyPointer *pointer,
							   const AnnoyItem *item, uint64 *hash);

#endif							/* ANNOY_CHECK_H */
