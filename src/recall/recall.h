/*-------------------------------------------------------------------------
 *
 * recall.h
 *	  The recall curve: measuring it, and when.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/recall.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RECALL_H
#define ANNOY_RECALL_H

#include "scan/scan.h"

/* pick.c */

/* Some items of an index, see AnnoySampleItems. */
typedef struct AnnoySample
{
	int			count;
	struct
	{
		AnnoyPointer pointer;
		ItemPointerData tid;
		AnnoyVector vector;
	}			items[FLEXIBLE_ARRAY_MEMBER];
} AnnoySample;

extern AnnoySample *AnnoySampleItems(Relation rel, const AnnoyIndex *index,
									 uint64 seed, int wanted, bool distinct);

/* calibrate.c */

/* What comes of measuring a recall curve. */
typedef enum AnnoyCurveResult
{
	ANNOY_CURVE_MEASURED,
	ANNOY_CURVE_TOO_SMALL,		/* there are too few vectors */
	ANNOY_CURVE_NO_ANSWERS,		/* no query has a nearest vector */
	ANNOY_CURVE_DOUBTFUL		/* it is not what searches find */
} AnnoyCurveResult;

/*
 * Other processes that help.  They share memory, and each of them, the caller included,
 * calls AnnoyCurveHelp() with it while the team runs.
 */
typedef struct AnnoyCurveTeam
{
	int			participants;
	void	   *(*alloc) (Size size, void *arg);	/* NULL if it is too much */
	void		(*run) (uint64 units, void *arg);
	void	   *arg;
} AnnoyCurveTeam;

typedef struct AnnoyCalibration
{
	/* set by the caller */
	double		vectors;		/* in the index, about */
	const AnnoyVector *queries; /* NULL = ask items */
	int			nqueries;
	bool		try_searches;	/* look at every item, to be sure */
	AnnoyProgress progress;		/* counts items and queries; or NULL */
	void	   *progress_arg;
	const AnnoyCurveTeam *team; /* NULL if there is none; with items only */

	/* results */
	AnnoyCurve	curve;			/* without points unless it was measured */
	AnnoyCurveResult result;
	double		predicted;		/* doubtful: the recall that was expected ... */
	double		found;			/* ... and the one there is */
} AnnoyCalibration;

extern void AnnoyCalibrate(Relation rel, AnnoyCalibration *calibration);

/* queries.c */

/* So many of a user's queries are asked at most. */
#define ANNOY_MOST_ASKED		1000

extern int	AnnoyReadQueries(Relation rel, const AnnoyIndex *index, Oid table,
							 AnnoyVector *queries, ItemPointerData *tids);

/* share.c */
extern void AnnoyCurveHelp(Relation rel, void *memory,
						   bool (*claim) (void *arg, uint64 *unit), void *arg);

/* curve.c */

/*
 * Indexes with fewer vectors have no curve: without one, a search scans at
 * least as many.
 */
#define ANNOY_CURVE_MIN_ITEMS	8000

extern void AnnoyWarnOfDoubt(Relation rel, const AnnoyCalibration *calibration,
							 const char *hint);
extern void AnnoyRefreshCurve(Relation rel, double items, bool changed);

#endif							/* ANNOY_RECALL_H */
