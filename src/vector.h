/*-------------------------------------------------------------------------
 *
 * vector.h
 *	  Vectors as they come from SQL, and the exact metrics on them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vector.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_VECTOR_H
#define ANNOY_VECTOR_H

#include "annoy_opclass.h"

/* More dimensions than this are refused. */
#define ANNOY_MAX_DIMENSIONS	8192

/* Representation of a vector's components.  Stored in the metapage. */
typedef enum AnnoyDtype
{
	ANNOY_FLOAT32 = 1,
	ANNOY_FLOAT64 = 2,
	ANNOY_BIT = 3
} AnnoyDtype;

/*
 * A vector in memory: a view, which does not own its data.
 *
 * The data are float4[dim], float8[dim], or (dim + 7) / 8 bytes of bits, most
 * significant bit first, with the unused bits of the last byte zero, as in a
 * VarBit.  Data need only the alignment of one component.
 */
typedef struct AnnoyVector
{
	AnnoyDtype	dtype;
	int			dim;
	const void *data;
} AnnoyVector;

/* vector.c */
extern const char *AnnoyMetricName(AnnoyMetric metric);
extern AnnoyMetric AnnoyMetricFromName(const char *name);
extern const char *AnnoyDtypeName(AnnoyDtype dtype);
extern Size AnnoyVectorSize(AnnoyDtype dtype, int dim);
extern AnnoyVector AnnoyReadArray(Datum value);
extern AnnoyVector AnnoyReadBits(Datum value);
extern int	AnnoyFindNotFinite(const AnnoyVector *vec, double *value);
extern void AnnoyCheckFinite(const AnnoyVector *vec);
extern void AnnoyCheckSameDimensions(const AnnoyVector *x, const AnnoyVector *y);
extern AnnoyVector AnnoyConvertVector(const AnnoyVector *vec, AnnoyDtype dtype);

/* metric.c */
extern double AnnoyDistance(AnnoyMetric metric, const AnnoyVector *x,
							const AnnoyVector *y);
extern double AnnoyNativeDistance(AnnoyMetric metric, double distance);
extern double AnnoyVectorNorm(const AnnoyVector *vec);
extern void AnnoyMetricInit(bool use_simd);

#endif							/* ANNOY_VECTOR_H */
