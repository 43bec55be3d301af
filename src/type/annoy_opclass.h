/*-------------------------------------------------------------------------
 *
 * annoy_opclass.h
 *	  What the author of an operator class for annoy needs to know.
 *
 * An operator class has one ordering operator (strategy 1), which returns the
 * distance as double precision, and a support function (number 1), which takes
 * no argument and returns the metric as an integer.
 *
 * If the indexed type is real[], double precision[] or bit, this is all.  Further
 * operators of strategy 1 with another right-hand type may join the family as
 * long as the right-hand type can be read as a vector (see type.h).
 *
 * A class for any other type has a second support function (number 2), which takes
 * no argument and returns as an integer what the type's values look like.  The
 * operators have that type on both sides.
 *
 * Another operator with the same two types and the same distance may join the family
 * as strategy 2; and as strategy 3 one with a record on the right, which says of what
 * the vector is to be within: by it an index knows annoy_within(), see within.c.
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
#define ANNOY_SAME_DISTANCE_STRATEGY 2
#define ANNOY_WITHIN_STRATEGY		3

#define ANNOY_METRIC_PROC			1
#define ANNOY_LAYOUT_PROC			2
#define ANNOY_NUM_PROCS				2

/* Values of the first support function.  They are stored in the metapage. */
typedef enum AnnoyMetric
{
	ANNOY_L2 = 1,				/* euclidean, <-> */
	ANNOY_COSINE = 2,			/* 1 - cos, <=> */
	ANNOY_IP = 3,				/* negative inner product, <#> */
	ANNOY_L1 = 4,				/* manhattan, <+> */
	ANNOY_HAMMING = 5			/* <~> on arrays, <~~> on bit strings */
} AnnoyMetric;

/*
 * Values of the second support function.  The value has a header of four bytes
 * behind its length: the dimensions and a zero, as an int16 each.  By cosine, a
 * value of zeros has no distance from anything: it is NaN, and sorts last.
 */
typedef enum AnnoyLayout
{
	ANNOY_LAYOUT_NATIVE = 0,	/* an array or a bit string: there is no
								 * support function */
	ANNOY_LAYOUT_VECTOR = 1,	/* then components as float4: pgvector's
								 * vector */
	ANNOY_LAYOUT_HALFVEC = 2	/* or in half precision: pgvector's halfvec */
} AnnoyLayout;

#endif							/* ANNOY_OPCLASS_H */
