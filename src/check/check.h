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
	AnnoySigner *signer;		/* of attributes, or NULL */
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
	AnnoyBits	free;			/* free pages */
	AnnoyBits  *nodes;			/* of each tree, but for its root */
	AnnoyBits	items;			/* live items with a vector, by number */
	int			numbers_per_block;	/* see AnnoyCheckItemNumber */

	/* of the trees */
	AnnoyBits	linked;			/* nodes met along the right links */
	AnnoyBits	children;		/* nodes that an inner node points to */

	/* of the current tree: items that have ... */
	AnnoyBits	entries;		/* an entry that is not a second one */
	AnnoyBits	paired;			/* such an entry, which says that there is a
								 * second one */
	AnnoyBits	seconds;		/* a second entry */
} AnnoyCheck;

/* report.c */

/* not pg_attribute_printf(): it names a format that clang does not know */
pg_noreturn extern void AnnoyReport(const AnnoyCheck *check, BlockNumber block,
									int offset, const char *format,...)
			__attribute__((format(printf, 4, 5)));
extern bool AnnoyCheckRowVisible(const AnnoyCheck *check, const ItemPointerData *tid);
extern uint64 AnnoyCheckItemNumber(const AnnoyCheck *check, BlockNumber block,
								   OffsetNumber offset);
extern bool AnnoyCheckReadPage(const AnnoyCheck *check, BlockNumber block,
							   Page copy);
extern void AnnoyCheckEnd(const AnnoyCheck *check, BlockNumber block, Page page,
						  int end, bool exact);

/* tree.c */
extern void AnnoyCheckNodePage(AnnoyCheck *check, BlockNumber block,
							   Page page);
extern void AnnoyCheckTrees(AnnoyCheck *check);

/* attributes.c */
extern void AnnoyCheckSigner(AnnoyCheck *check);
extern void AnnoyCheckAttributesPage(const AnnoyCheck *check, BlockNumber block,
									 Page page);
extern void AnnoyCheckAttributes(const AnnoyCheck *check);

/* pages.c */
extern bool AnnoyCheckPages(AnnoyCheck *check);

/* list.c */
extern void AnnoyCheckLists(const AnnoyCheck *check);

/* rows.c */
extern void AnnoyCheckRows(const AnnoyCheck *check);
extern void AnnoyCheckHeap(const AnnoyCheck *check);

#endif							/* ANNOY_CHECK_H */
