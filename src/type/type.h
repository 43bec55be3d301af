/*-------------------------------------------------------------------------
 *
 * type.h
 *	  Vectors as they come from SQL, and the exact metrics on them.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/type.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_TYPE_H
#define ANNOY_TYPE_H

#include "simd/simd.h"
#include "type/annoy_opclass.h"

/* More dimensions than this are refused. */
#define ANNOY_MAX_DIMENSIONS	8192

/* Representation of a vector's components.  Stored in the metapage. */
typedef enum AnnoyDtype
{
	ANNOY_FLOAT32 = 1,
	ANNOY_FLOAT64 = 2,
	ANNOY_BIT = 3,
	ANNOY_FLOAT16 = 4			/* of no type of PostgreSQL's own */
} AnnoyDtype;

/* A number in half precision, IEEE 754's binary16: the bits of it. */
typedef uint16 AnnoyHalf;

/*
 * A vector in memory: a view, which does not own its data.
 *
 * The data are float4[dim], float8[dim], AnnoyHalf[dim], or (dim + 7) / 8 bytes
 * of bits, most significant bit first, with the unused bits of the last byte
 * zero, as in a VarBit.  Data need only the alignment of one component.
 */
typedef struct AnnoyVector
{
	AnnoyDtype	dtype;
	int			dim;
	const void *data;
} AnnoyVector;

/*
 * A half as a float, which is the same number.
 *
 * It is written with masks so that compilers vectorise it, and without
 * arithmetic on subnormal floats, which a library may have switched off.
 */
static inline float
AnnoyHalfToFloat(AnnoyHalf half)
{
	union
	{
		uint32		i;
		float		f;
	}			normal,
				subnormal;
	int32		digits = (half & 0x7FFF) << 13;
	uint32		is_subnormal = -(uint32) (digits < 0x0400 << 13);
	uint32		is_infinite = -(uint32) (digits >= 0x7C00 << 13);

	/* the exponent's bias is 127 instead of 15 */
	normal.i = digits + ((127 - 15) << 23);
	subnormal.i = digits + ((127 - 14) << 23);
	subnormal.f -= 1.0f / (1 << 14);
	normal.i = (normal.i & ~is_subnormal) | (subnormal.i & is_subnormal) |
		(is_infinite & 0x7F800000) | (uint32) (half & 0x8000) << 16;
	return normal.f;
}

/*
 * A component of any vector, counted from 0.
 */
static inline double
AnnoyVectorComponent(const AnnoyVector *vec, int i)
{
	switch (vec->dtype)
	{
		case ANNOY_FLOAT16:
			return AnnoyHalfToFloat(((const AnnoyHalf *) vec->data)[i]);
		case ANNOY_FLOAT32:
			return ((const float4 *) vec->data)[i];
		case ANNOY_FLOAT64:
			return ((const float8 *) vec->data)[i];
		case ANNOY_BIT:
			return (((const uint8 *) vec->data)[i / 8] >> (7 - i % 8)) & 1;
	}
	return 0;					/* keep compiler quiet */
}

/* vector.c */
extern const char *AnnoyMetricName(AnnoyMetric metric);
extern AnnoyMetric AnnoyMetricFromName(const char *name);
extern const char *AnnoyDtypeName(AnnoyDtype dtype);
extern Size AnnoyVectorSize(AnnoyDtype dtype, int dim);
extern AnnoyVector AnnoyReadArray(Datum value);
extern AnnoyVector AnnoyReadBits(Datum value);
extern int	AnnoyLayoutDimensions(Datum value);
extern AnnoyVector AnnoyReadLayout(Datum value, AnnoyLayout layout);
extern bool AnnoyIsZero(const AnnoyVector *vec);
extern int	AnnoyFindNotFinite(const AnnoyVector *vec, double *value);
extern void AnnoyCheckFinite(const AnnoyVector *vec);
extern void AnnoyCheckSameDimensions(const AnnoyVector *x, const AnnoyVector *y);
extern bool AnnoyVectorFits(const AnnoyVector *vec, AnnoyDtype dtype);
extern AnnoyVector AnnoyConvertVector(const AnnoyVector *vec, AnnoyDtype dtype);
extern AnnoyVector AnnoyCopyVector(const AnnoyVector *vec);
extern Datum AnnoyMakeDatum(Oid type, AnnoyLayout layout, const AnnoyVector *vec);

/* metric.c */
extern double AnnoyDistance(AnnoyMetric metric, const AnnoyVector *x,
							const AnnoyVector *y);
extern double AnnoyStoredDistance(AnnoyMetric metric, const AnnoyVector *x,
								  const AnnoyVector *y);
extern double AnnoyNativeDistance(AnnoyMetric metric, double distance);
extern double AnnoyVectorNorm(const AnnoyVector *vec);
extern void AnnoyMetricUse(AnnoySimd path);

/* validate.c */
extern bool annoyvalidate(Oid opclassoid);

#endif							/* ANNOY_TYPE_H */
