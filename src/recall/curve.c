/*-------------------------------------------------------------------------
 *
 * curve.c
 *	  When an index measures its recall curve anew (calibrate.c does it).
 *
 * A curve is advice.  One that cannot be used, for whatever reason, is as good as
 * none, and no reason not to use the index: AnnoyCurveIsValid() decides, both
 * before a curve is stored and when it is read.
 *
 * VACUUM measures it when the index has grown, or lost much of what it had, be it
 * replaced by other rows or not.  Until
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

#include "utils/memutils.h"

#include "annoy.h"
#include "recall/recall.h"
#include "storage/storage.h"
#include "tree/tree.h"

/* To VACUUM, a curve is old when there are so many times the vectors. */
#define GROWN				1.3
#define SHRUNK				0.6

/*
 * With so many items, is there no curve where one should be, or one that is out of
 * date?  What the curve was measured with may be gone, and others have come.  What
 * has been measured in vain is not measured again before much has changed.
 */
static bool
curve_is_due(const AnnoyCurve *curve, double items)
{
	if (curve->items == 0)
		return items >= ANNOY_CURVE_MIN_ITEMS;
	return items >= GROWN * (curve->items - curve->removed) ||
		items <= SHRUNK * curve->items;
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
 * VACUUM has counted the items of an index, and may have changed its trees.  Measure
 * the curve anew if so, if there is none, or if there are many more vectors than there
 * were, or much fewer; in an index that has become too small for one, forget it.
 */
void
AnnoyRefreshCurve(Relation rel, double items, bool changed)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "annoy curve",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	const AnnoyIndex *index = AnnoyOpen(rel);
	const AnnoyCurve *curve = &index->curve;

	/* items may be NULLs, so count only if it seems to be worth while */
	changed = changed && items >= ANNOY_CURVE_MIN_ITEMS;
	if (index->dim > 0 && (changed || curve_is_due(curve, items)))
	{
		AnnoyCalibration calibration = {.vectors = AnnoyCountVectors(rel, index)};

		if (changed || curve_is_due(curve, calibration.vectors))
		{
			AnnoyCalibrate(rel, &calibration);
			AnnoyStoreCurve(rel, &calibration.curve);
			AnnoyWarnOfDoubt(rel, &calibration, "Please REINDEX it.");
		}
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
