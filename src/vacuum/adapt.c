/*-------------------------------------------------------------------------
 *
 * adapt.c
 *	  VACUUM adapts trees to the rows that have come.
 *
 * Insertions put entries where they are best at the time, and leaves are divided where
 * they get full.  In an index that has grown to several times its size, or whose rows
 * were replaced by others, entries are then not where a build would put them.  VACUUM
 * visits leaf after leaf and moves what has a better place (relocate.c).
 *
 * What that takes is bounded by what has come: so many entries are due for each item
 * that has come since VACUUM computed it last, and no more than three times what there
 * are.  It begins when these are a fifth of all, and ends when little is left to move.
 * The metapage has how many are due, and where to go on; both are noted after each node
 * above leaves, so that a VACUUM which is cancelled, or meets a crash, loses what it has
 * done with one of these at most.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/adapt.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "recall/recall.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "vacuum/vacuum.h"

/*
 * For each item that has come, so many times the entries of an item are looked at; but
 * all of them so many times at most, since what has moved has others move, and less each
 * time.
 */
#define ITEMS_PER_ITEM		4
#define MOST_ROUNDS			3

/* A round that moves no more than this part of what it has looked at is the last. */
#define LEAST_MOVED			0.03

/* Nothing is done before this part of the entries is due. */
#define LEAST_DUE			0.2

/*
 * If more than all entries were looked at, the curve is that of other trees: as when
 * there are a third more rows, which calls for a new one anyway.
 */
#define MUCH				1.0

/*
 * How many entries are due, when there are so many items?
 */
static double
entries_due(const AnnoyIndex *index, const AnnoyMetaPageData *meta, double items)
{
	double		come = items - Max(meta->adapt_from - meta->adapt_removed, 0);
	double		entries = (double) index->n_entries * index->n_trees;

	return Min(meta->adapt_due + ITEMS_PER_ITEM * Max(come, 0) * entries,
			   MOST_ROUNDS * items * entries);
}

/*
 * Which part is that of what can be due at most?  None, in an index of which a search
 * scans the most anyway, as there is no curve.
 */
double
AnnoyStalePart(Relation rel, const AnnoyIndex *index, double items)
{
	AnnoyMetaPageData meta;

	if (items < ANNOY_CURVE_MIN_ITEMS)
		return 0;
	AnnoyReadMeta(rel, &meta);
	return entries_due(index, &meta, items) /
		(MOST_ROUNDS * items * index->n_entries * index->n_trees);
}

/* A walk over the nodes above leaves, of all trees. */
static void
begin_walk(AnnoyWalk *walk, Relation rel, const AnnoyIndex *index, BlockNumber next)
{
	int			tree = 0;
	AnnoyNode	node = AnnoyPageGetNode(walk->copy.data);

	if (next != InvalidBlockNumber)
	{
		AnnoyCopyNode(rel, index, next, walk->copy.data);
		/* the root may be on another level now */
		if (node->level == 1)
			tree = node->tree;
		else
			next = InvalidBlockNumber;
	}
	AnnoyWalkBegin(walk, rel, index, tree, 1);
	if (next != InvalidBlockNumber)
		walk->next = next;
}

/*
 * Relocate entries of the leaves below the node that the walk is at.  Returns their
 * number.
 */
static double
adapt_below(AnnoyRelocation *relocation, const AnnoyWalk *walk, AnnoyNode node)
{
	AnnoyPath	path;
	double		entries = 0;

	memset(path.count, 0, sizeof(path.count));
	path.count[1] = 1;
	path.block[1][0] = walk->block;
	path.nsn[1][0] = node->nsn;
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(walk->index, node, i);

		AnnoyVacuumDelay();
		entries += AnnoyRelocate(relocation, walk->tree, &pointer, &path);
	}
	return entries;
}

/* Where a walk goes on, in the next tree if it is at the end of one. */
static BlockNumber
next_block(const AnnoyWalk *walk)
{
	if (walk->next != InvalidBlockNumber || walk->tree + 1 == walk->index->n_trees)
		return walk->next;
	return AnnoyLeftmostNode(walk->rel, walk->tree + 1, 1);
}

/*
 * Look at the entries that are due, from a node on.  Returns how many were.
 */
static double
adapt(Relation rel, const AnnoyIndex *index, double due, BlockNumber next)
{
	AnnoyRelocation *relocation = AnnoyRelocationBegin(rel, index);
	AnnoyWalk  *walk = palloc(sizeof(AnnoyWalk));
	BlockNumber first = InvalidBlockNumber; /* node of each round */
	double		adapted = 0;
	double		before = 0;		/* the round: adapted, and moved */
	double		moved = 0;
	int			rounds = 0;
	int			ends = 0;		/* of trees, in this round */

	begin_walk(walk, rel, index, next);
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\": looking at %.0f entries from block %u on",
							 RelationGetRelationName(rel), due, walk->next)));
	while (adapted < due)
	{
		AnnoyNode	node = AnnoyWalkNext(walk);

		if (node == NULL)
		{
			/* trees without nodes above leaves have no end to the round */
			if (++ends > index->n_trees)
				break;
			AnnoyWalkBegin(walk, rel, index, (walk->tree + 1) % index->n_trees, 1);
			continue;
		}
		if (walk->block == first)
		{
			if (++rounds == MOST_ROUNDS ||
				AnnoyRelocated(relocation) - moved <= LEAST_MOVED * (adapted - before))
				break;
			before = adapted;
			moved = AnnoyRelocated(relocation);
			ends = 0;
		}
		if (first == InvalidBlockNumber)
			first = walk->block;
		adapted += adapt_below(relocation, walk, node);
		AnnoySetAdapted(rel, Max(due - adapted, 0), next_block(walk));
	}
	/* there is nothing left to do, however much seemed to be due */
	if (adapted < due)
		AnnoySetAdapted(rel, 0, next);
	return adapted;
}

/*
 * VACUUM has counted that many items, or estimates that there are: adapt trees to
 * those that have come.  Returns whether that has changed trees much.
 */
bool
AnnoyAdaptTrees(Relation rel, double items, bool estimated)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy adapt",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	const AnnoyIndex *index = AnnoyOpen(rel);
	AnnoyMetaPageData meta;
	double		entries;
	double		due;
	double		adapted = 0;

	AnnoyReadMeta(rel, &meta);

	/*
	 * PostgreSQL may think that there are far fewer rows than there were, since
	 * a VACUUM that was cancelled has left it no pages to look at, and no number
	 */
	if (estimated)
		items = Max(items, meta.adapt_from - meta.adapt_removed);
	entries = items * index->n_entries * index->n_trees;
	due = entries_due(index, &meta, items);
	if (index->has_space && items >= ANNOY_CURVE_MIN_ITEMS &&
		due > LEAST_DUE * entries)
	{
		AnnoySetDue(rel, items, due);
		adapted = adapt(rel, index, due, meta.adapt_next);
		ereport(DEBUG1,
				(errmsg_internal("index \"%s\": looked at %.0f of %.0f entries",
								 RelationGetRelationName(rel), adapted, entries)));
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return adapted > MUCH * entries;
}
