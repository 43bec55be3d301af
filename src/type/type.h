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
	ANNOY_FLOAT16 = 4,			/* of no type of PostgreSQL's own */
	ANNOY_INT8 = 5				/* as stored in an index; not of any SQL type */
} AnnoyDtype;

/* A number in half precision, IEEE 754's binary16: the bits of it. */
typedef uint16 AnnoyHalf;

/*
 * What a vector of ANNOY_INT8 begins with.  Then there is a byte for each
 * component, which is (byte - zero) * step.
 *
 * A step has at most 16 digits and is at least 2^-1020, so that components are
 * exact, and are floats unless they are too small.
 */
typedef struct AnnoyInt8Head
{
	uint32		step;			/* upper half of a double */
	uint16		error;			/* root mean square of what rounding has
								 * changed, in steps / 2^16, rounded up */
	uint8		zero;
	uint8		unused;
} AnnoyInt8Head;

/*
 * A vector in memory: a view, which does not own its data.
 *
 * The data are float4[dim], float8[dim], AnnoyHalf[dim], an AnnoyInt8Head and
 * uint8[dim], or (dim + 7) / 8 bytes of bits, most significant bit first, with the
 * unused bits of the last byte zero, as in a VarBit.  Data need only the alignment
 * of one component.
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

/* The head of a vector of ANNOY_INT8, whose data are not aligned. */
static inline AnnoyInt8Head
AnnoyInt8ReadHead(const void *data)
{
	AnnoyInt8Head head;

	memcpy(&head, data, sizeof(head));
	return head;
}

static inline double
AnnoyInt8Step(const AnnoyInt8Head *head)
{
	union
	{
		uint64		i;
		double		f;
	}			u;

	u.i = (uint64) head->step << 32;
	return u.f;
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
		case ANNOY_INT8:
			{
				AnnoyInt8Head head = AnnoyInt8ReadHead(vec->data);
				const uint8 *bytes = (const uint8 *) vec->data + sizeof(head);

				return AnnoyInt8Step(&head) * (bytes[i] - head.zero);
			}
		case ANNOY_FLOAT32:
			return ((const float4 *) vec->data)[i];
		case ANNOY_FLOAT64:
			return ((const float8 *) vec->data)[i];
		case ANNOY_BIT:
			return (((const uint8 *) vec->data)[i / 8] >> (7 - i % 8)) & 1;
	}
	return 0;					/* keep compiler quiet */
}

/*
 * Is that a vector of which only a part is stored, and so its distance a guess?  One of
 * halves, or of floats where the column has doubles, is taken for the vector itself.
 */
static inline bool
AnnoyVectorIsRounded(const AnnoyVector *vec)
{
	return vec->dtype == ANNOY_INT8 && AnnoyInt8ReadHead(vec->data).error != 0;
}

/* vector.c */
extern const char *AnnoyMetricName(AnnoyMetric metric);
extern AnnoyMetric AnnoyMetricFromName(const char *name);
extern const char *AnnoyDtypeName(AnnoyDtype dtype);
extern Size AnnoyVectorSize(AnnoyDtype dtype, int dim);
extern AnnoyVector AnnoyReadArray(Datum value);
extern AnnoyVector AnnoyReadBits(Datum value);
extern Datum AnnoyReadText(Oid type, char *text);
extern int	AnnoyLayoutDimensions(Datum value);
extern AnnoyVector AnnoyReadLayout(Datum value, AnnoyLayout layout);
extern bool AnnoyIsZero(const AnnoyVector *vec);
extern int	AnnoyFindNotFinite(const AnnoyVector *vec, double *value);
extern void AnnoyCheckFinite(const AnnoyVector *vec);
extern void AnnoyCheckSameDimensions(const AnnoyVector *x, const AnnoyVector *y);
extern AnnoyVector AnnoyCopyVector(const AnnoyVector *vec);
extern Datum AnnoyMakeDatum(Oid type, AnnoyLayout layout, const AnnoyVector *vec);

/* convert.c */
extern bool AnnoyVectorFits(const AnnoyVector *vec, AnnoyDtype dtype);
extern AnnoyVector AnnoyConvertVector(const AnnoyVector *vec, AnnoyDtype dtype);

/* metric.c */
extern double AnnoyDistance(AnnoyMetric metric, const AnnoyVector *x,
							const AnnoyVector *y);
extern double AnnoyStoredDistance(AnnoyMetric metric, const AnnoyVector *x,
								  const AnnoyVector *y);
extern double AnnoyLowerBound(AnnoyMetric metric, const AnnoyVector *x,
							  const AnnoyVector *y, double norm,
							  double *distance);
extern double AnnoyNativeDistance(AnnoyMetric metric, double distance);
extern double AnnoyVectorNorm(const AnnoyVector *vec);
extern void AnnoyMetricUse(AnnoySimd path);

/* validate.c */
extern bool annoyvalidate(Oid opclassoid);

#endif							/* ANNOY_TYPE_H */
