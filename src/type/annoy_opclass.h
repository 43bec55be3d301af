/*-------------------------------------------------------------------------
 *
 * annoy_opclass.h
 *	  What the author of an operator class for annoy needs to know.
 *
 * An operator class has one ordering operator (strategy 1), which returns the
 * distance as double precision, and one support function (number 1), which
 * takes no argument and returns the metric as an integer.  The indexed type
 * is real[], double precision[] or bit.  Further operators of strategy 1 with
 * another right-hand type may join the family as long as the right-hand type
 * can be read as a vector (see type.h).
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/annoy_opclass.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_OPCLASS_H
#define ANNOY_OPCLASS_H

#define ANNOY_DISTANCE_STRATEGY		1
#define ANNOY_METRIC_PROC			1

/* Values of the support function.  They are stored in the metapage. */
typedef enum AnnoyMetric
{
	ANNOY_L2 = 1,				/* euclidean, <-> */
	ANNOY_COSINE = 2,			/* 1 - cos, <=> */
	ANNOY_IP = 3,				/* negative inner product, <#> */
	ANNOY_L1 = 4,				/* manhattan, <+> */
	ANNOY_HAMMING = 5			/* <~> on arrays, <~~> on bit strings */
} AnnoyMetric;

#endif							/* ANNOY_OPCLASS_H */
