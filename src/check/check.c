/*-------------------------------------------------------------------------
 *
 * check.c
 *	  annoy_index_check(): is an index what it should be?
 *
 * A check goes in these steps:
 *
 *	pages		All pages are read in the order of blocks, and each is looked at by
 *				itself: is it a page that may be there, and are its contents
 *				possible?  It is remembered which blocks are of what kind, and which
 *				slots are in use (pages.c).
 *	trees		Each tree is walked over, and each entry is compared with what it
 *				stands for (tree.c).
 *	lists		Lists have the pages that they should have (list.c).
 *	attributes	Items and attributes point to each other (attributes.c).
 *	rows		No TID is there twice; and, if asked to, the table is scanned, and
 *				each row and its values are looked for in a Bloom filter made from
 *				the items (rows.c).
 *
 * All that is done under AccessShareLocks and must not mistake for damage what
 * others are doing at the same time.  There are four arguments for that:
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
 * to another of the leaves' parent, with a change of the parent (splits) or of both
 * leaves' counts of moves.  So we collect the entries of all leaves below a parent, and
 * believe what we have if the parent's change counter and these counts still are the
 * same: then it is what was there at any time between, and the parent is met exactly
 * once.
 *
 * VACUUM also moves entries to leaves with other parents, and counts that in the
 * metapage.  If it has meanwhile, a tree in which an item seems to lack an entry, or
 * to have one too many, is checked once more; a few times, then nothing is said.
 *
 * Lists change together with the metapage, see list.c.
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

#include "access/tableam.h"
#include "utils/memutils.h"

#include "bits.h"
#include "check/check.h"
#include "relation/relation.h"
#include "storage/storage.h"

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

	AnnoyCheckSigner(&check);
	complete = AnnoyCheckPages(&check);
	table_endscan(check.tids);
	if (!complete)
		return false;
	if (check.index->dim > 0)
		AnnoyCheckTrees(&check);
	AnnoyCheckLists(&check);
	AnnoyCheckAttributes(&check);
	AnnoyCheckRows(&check);
	if (heapallindexed)
		AnnoyCheckHeap(&check);
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
