/*-------------------------------------------------------------------------
 *
 * curve.c
 *	  Recall curves: which can be used, and when an index measures its own anew
 *	  (calibrate.c does it).
 *
 * A curve is advice.  One that cannot be used, for whatever reason, is as good as
 * none, and no reason not to use the index: AnnoyCurveIsValid() decides, both
 * before a curve is stored and when it is read.
 *
 * VACUUM measures it when the index has grown, or lost much of what it had.  Until
 * VACUUM comes, searches go by the curve there is, and by how much the index has
 * grown since (effort.c).
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/curve.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "annoy.h"

/* To VACUUM, a curve is old when there are so many times the vectors. */
#define GROWN				1.3
#define SHRUNK				0.6

/* No index has more vectors: a pointer to an item has so many bits. */
#define MOST_ITEMS			ldexp(1.0, 48)

/*
 * Can a recall curve be used?  One without points is none, which is no fault.
 */
bool
AnnoyCurveIsValid(const AnnoyCurve *curve)
{
	if (curve->points == 0)
		return true;
	if (curve->points > ANNOY_CURVE_POINTS ||
		!(curve->items > 0 && curve->items <= MOST_ITEMS) ||
		curve->blocks == 0 || curve->queries[0] == 0)
		return false;
	for (int rank = 1; rank < ANNOY_CURVE_RANKS; rank++)
	{
		if (curve->queries[rank] > curve->queries[rank - 1])
			return false;
	}
	for (uint32 i = 0; i < curve->points; i++)
	{
		/* the last is everything, in all trees, but for rounding */
		if (!(curve->effort[i] >= 1 &&
			  curve->effort[i] <= 1.001 * ANNOY_MAX_TREES * curve->items) ||
			(i > 0 && !(curve->effort[i] > curve->effort[i - 1])))
			return false;
		for (int rank = 0; rank < ANNOY_CURVE_RANKS; rank++)
		{
			const float *recall = curve->recall[rank];

			if (!(recall[i] >= 0 && recall[i] <= 1) ||
				(i > 0 && !(recall[i] >= recall[i - 1])))
				return false;
		}
	}
	return true;
}

static bool
curve_is_old(const AnnoyCurve *curve, double items)
{
	return items >= GROWN * curve->items || items <= SHRUNK * curve->items;
}

/* The leaf with which the walk over the leaves of the first tree begins. */
BlockNumber
AnnoyFirstLeaf(Relation rel)
{
	return AnnoyLeftmostNode(rel, 0, 0);
}

/*
 * Copy a leaf.  Returns NULL if it is a root that has been split meanwhile, and
 * is no leaf any more: the walk then starts again.
 */
AnnoyNode
AnnoyReadLeaf(Relation rel, const AnnoyIndex *index, BlockNumber block,
			  PGAlignedBlock *copy, BlockNumber *steps)
{
	AnnoyNode	node = AnnoyPageGetNode(copy->data);

	AnnoyVacuumDelay();
	AnnoyCopyNode(rel, index, block, copy->data);
	if ((*steps)++ > RelationGetNumberOfBlocks(rel))
		AnnoyReportCorruption(rel, block, "Right links form a circle.");
	return node->level == 0 ? node : NULL;
}

/*
 * Count the vectors of an index: the entries of the first tree.
 */
double
AnnoyCountVectors(Relation rel, const AnnoyIndex *index)
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
 * Warn that what was measured is not to be believed, if so.
 */
void
AnnoyWarnOfDoubt(Relation rel, const AnnoyCalibration *calibration, const char *hint)
{
	if (calibration->result == ANNOY_CURVE_DOUBTFUL && annoy_verbose > -2)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("recall of index \"%s\" could not be measured",
						RelationGetRelationName(rel)),
				 errdetail("Of the nearest rows of some queries, it finds %.0f %%, and was expected to find %.0f %%.",
						   100 * calibration->found, 100 * calibration->predicted),
				 errhint("%s", hint)));
}

/*
 * VACUUM has counted the items of an index.  Measure the curve anew if there is
 * none, or if there are many more vectors than there were, or much fewer; in an
 * index that has become too small for one, forget it.
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
		AnnoyCalibration calibration = {.vectors = AnnoyCountVectors(rel, index)};

		if (curve->points == 0 || curve_is_old(curve, calibration.vectors))
		{
			AnnoyCalibrate(rel, &calibration);
			AnnoyStoreCurve(rel, &calibration.curve);
			AnnoyWarnOfDoubt(rel, &calibration, "Please REINDEX it.");
		}
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
