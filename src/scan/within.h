/*-------------------------------------------------------------------------
 *
 * within.h
 *	  Conditions that a vector is within a distance of a query: see within.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/within.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_WITHIN_H
#define ANNOY_SCAN_WITHIN_H

#include "type/type.h"

/* What a vector is to be within. */
typedef struct AnnoyWithin
{
	AnnoyVector query;
	double		radius;
	AnnoyMetric metric;
} AnnoyWithin;

extern bool AnnoyReadWithin(Oid column, AnnoyLayout layout, Datum value,
							AnnoyWithin *within);

#endif							/* ANNOY_SCAN_WITHIN_H */
