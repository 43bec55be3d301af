/*-------------------------------------------------------------------------
 *
 * curve.c
 *	  When an index measures its recall curve anew (calibrate.c does it).
 *
 * VACUUM does so when the index has grown, or lost much of what it had; and if
 * VACUUM does not come, the insertion at which the index has outgrown its curve.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/curve.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "annoy.h"

/* To VACUUM, a curve is old when there are so many times the vectors. */
#define GROWN				1.3
#define SHRUNK				0.6

/*
 * Insertions make a new one when the index has so many times the blocks.  With
 * default settings, autovacuum comes before that.
 */
#define OUTGROWN			1.5

static bool
curve_is_old(const AnnoyCurve *curve, double items)
{
	return items >= GROWN * curve->items || items <= SHRUNK * curve->items;
}

/*
 * Count the vectors of an index: the entries of the first tree.
 */
static double
count_vectors(Relation rel, const AnnoyIndex *index)
{
	BlockNumber block = AnnoyFirstLeaf(rel);
	BlockNumber steps = 0;
	double		vectors = 0;

	while (block != InvalidBlockNumber)
	{
		PGAlignedBlock copy;
		AnnoyNode	node = AnnoyReadLeaf(rel, index, block, &copy, &steps);

		if (node == NULL)
		{
			block = AnnoyFirstLeaf(rel);
			vectors = 0;
			continue;
		}
		vectors += node->count;
		block = node->right;
	}
	return vectors;
}

/*
 * VACUUM has counted the items of an index.  Measure the curve anew if there is
 * none, or if there are many more vectors than there were, or much fewer; in an
 * index that has become small, forget it.
 */
void
AnnoyRefreshCurve(Relation rel, double items)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy curve",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	const AnnoyIndex *index = AnnoyOpen(rel);
	const AnnoyCurve *curve = &index->curve;

	/* items may be NULLs, so count only if it seems to be worth while */
	if (index->dim > 0 &&
		(curve->points == 0 ? items >= ANNOY_CURVE_MIN_ITEMS : curve_is_old(curve, items)))
	{
		double		vectors = count_vectors(rel, index);

		if (curve->points == 0 || curve_is_old(curve, vectors))
			(void) AnnoyCalibrate(rel, vectors, NULL, 0, NULL, NULL);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

static bool
has_outgrown_curve(const AnnoyIndex *index, BlockNumber blocks)
{
	if (index->curve.points == 0)
		return AnnoyEstimateItems(index, blocks) >= ANNOY_CURVE_MIN_ITEMS;
	return blocks >= OUTGROWN * index->curve.blocks;
}

/*
 * An insertion has split a node.  Measure the curve anew if the index has
 * outgrown it.  Like the insertion into a GIN index that finds the pending list
 * too long, this one then takes longer: as long as some thousands of others.
 * Those of other sessions go on meanwhile.
 */
void
AnnoyCurveAfterSplit(Relation rel, const AnnoyIndex *index)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);

	if (!has_outgrown_curve(index, blocks) ||
		!ConditionalLockRelation(rel, ShareUpdateExclusiveLock))
		return;

	/* somebody else may have been faster */
	if (has_outgrown_curve(AnnoyOpen(rel), blocks))
		(void) AnnoyCalibrate(rel, AnnoyEstimateItems(index, blocks), NULL, 0, NULL, NULL);
	UnlockRelation(rel, ShareUpdateExclusiveLock);
}

/*
 * For others.
 */
double
AnnoyCountVectors(Relation rel, const AnnoyIndex *index)
{
	return count_vectors(rel, index);
}
