/*-------------------------------------------------------------------------
 *
 * metric.c
 *	  The exact metrics.
 *
 * There is one distance function, for the operators as well as for what an
 * index returns, so that both agree to the last bit.  For this the result
 * depends on nothing but the components' values: not on whether they are given
 * as bytes, halves, float4 or float8, nor on the processor.  Components are widened to
 * double and added up in an order that is the same for every instruction set
 * (see metric_impl.h), and multiply and add are never fused.
 *
 * Sums of halves and float4 components cannot overflow or lose bits to underflow in
 * double precision, but those of others can.  When the sums are
 * outside the range in which they can be trusted, which hardly ever happens,
 * they are computed again from scaled components.  So the result is infinite
 * only if the true one is out of range, and is never NaN.
 *
 * Components that are not finite are an error.  They are not looked for
 * beforehand, since they always make a sum infinite or NaN.
 *
 * This relies on the GNU C extensions for vectors, which gcc and clang have.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/metric.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "type/type.h"

/* What -ffp-contract=off says to gcc; this file is also compiled for JIT. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Partial sums that run in parallel; part of the result's definition. */
#define METRIC_LANES	8

/*
 * Sums of squares (and the products of two such sums) in this range have
 * lost nothing to overflow or underflow.  Sums of squares of float4 that are
 * not zero are all within.
 */
#define MIN_SAFE_SQUARE		1e-100
#define MAX_SAFE_SQUARE		1e100

#define SquareIsSafe(sum) \
	((sum) >= MIN_SAFE_SQUARE && (sum) <= MAX_SAFE_SQUARE)

/* What the components of an argument are, the narrowest first. */
typedef enum MetricType
{
	TYPE_INT8,
	TYPE_HALF,
	TYPE_FLOAT,
	TYPE_DOUBLE
} MetricType;

#define NUM_TYPES	(TYPE_DOUBLE + 1)

/* Computes the sums that a metric needs, see metric_impl.h. */
typedef void (*MetricSums) (const void *x, const void *y, int dim, double *sum);

/* The implementation for one instruction set. */
typedef struct MetricKernels
{
	/* by the types of x and y, of which y's is not narrower */
	MetricSums	sums[ANNOY_HAMMING + 1][NUM_TYPES][NUM_TYPES];
	int			(*count_bits) (const void *x, const void *y, int dim);
} MetricKernels;

#define METRIC_NAME(name)	CppConcat(portable_, name)
#define METRIC_TARGET
#define METRIC_WIDTH		2
#ifdef __x86_64__
#define METRIC_WIDEN(from)	_mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *) (from))))
#endif
#include "type/metric_impl.h"

#ifdef __x86_64__
#define METRIC_NAME(name)	CppConcat(avx2_, name)
#define METRIC_TARGET		__attribute__((target("avx2,f16c,popcnt")))
#define METRIC_WIDTH		4
#define METRIC_WIDEN(from)	_mm256_cvtps_pd(_mm_loadu_ps(from))
#define METRIC_WIDEN_HALVES(from, to) \
	_mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (from))))
#define METRIC_WIDEN_BYTES(from, zero, to) \
	_mm256_storeu_ps(to, _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) (from))), _mm256_set1_epi32(zero))))
#include "type/metric_impl.h"

#define METRIC_NAME(name)	CppConcat(avx512_, name)
#define METRIC_TARGET		__attribute__((target(ANNOY_TARGET_AVX512)))
#define METRIC_WIDTH		8
#define METRIC_WIDEN(from)	_mm512_cvtps_pd(_mm256_loadu_ps(from))
#define METRIC_WIDEN_HALVES(from, to) \
	_mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (from))))
#define METRIC_WIDEN_BYTES(from, zero, to) \
	_mm256_storeu_ps(to, _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) (from))), _mm256_set1_epi32(zero))))
#include "type/metric_impl.h"
#endif

static const MetricKernels *kernels = &portable_kernels;

static double rescue_distance(AnnoyMetric metric, const AnnoyVector *x,
							  const AnnoyVector *y, const double *sum, bool stored);
static double scaled_euclidean(const AnnoyVector *x, const AnnoyVector *y);
static double scaled_product(const AnnoyVector *x, int xexp,
							 const AnnoyVector *y, int yexp);
static bool largest_exponent(const AnnoyVector *vec, int *exponent);

/*
 * Use the implementation of a path that this machine has.  Without a call, it
 * is the portable one, which is also that for NEON: any aarch64 has it.
 */
void
AnnoyMetricUse(AnnoySimd path)
{
	switch (path)
	{
#ifdef __x86_64__
		case ANNOY_SIMD_AVX2:
			kernels = &avx2_kernels;
			break;
		case ANNOY_SIMD_AVX512:
			kernels = &avx512_kernels;
			break;
#endif
		default:
			kernels = &portable_kernels;
			break;
	}
}

/*
 * The cosine distance from the sums.  It is never negative, and 0 if the vectors
 * are the same.
 */
static inline double
cosine_distance(double xy, double xx, double yy)
{
	double		cosine = xy / sqrt(xx * yy);

	/* Rounding may have taken it out of range. */
	return 1.0 - Max(Min(cosine, 1.0), -1.0);
}

static inline MetricType
type_of(const AnnoyVector *vec)
{
	Assert(vec->dtype != ANNOY_BIT);
	return vec->dtype == ANNOY_INT8 ? TYPE_INT8 :
		vec->dtype == ANNOY_FLOAT16 ? TYPE_HALF :
		vec->dtype == ANNOY_FLOAT32 ? TYPE_FLOAT : TYPE_DOUBLE;
}

/*
 * What AnnoyDistance returns, or AnnoyStoredDistance if `stored' is true.  sum[]
 * gets what the metric needs (see metric_impl.h); if x has narrower components than
 * y, sums of x come first.
 */
static inline double
distance_of(AnnoyMetric metric, const AnnoyVector *x, const AnnoyVector *y, bool stored,
			double sum[3])
{
	MetricType	xtype;
	MetricType	ytype;

	Assert(x->dim == y->dim);

	if (x->dtype == ANNOY_BIT)
	{
		Assert(y->dtype == ANNOY_BIT && metric == ANNOY_HAMMING);
		return kernels->count_bits(x->data, y->data, x->dim);
	}

	memset(sum, 0, 3 * sizeof(double));

	/* Every metric is symmetric. */
	xtype = type_of(x);
	ytype = type_of(y);
	if (xtype <= ytype)
		kernels->sums[metric][xtype][ytype] (x->data, y->data, x->dim, sum);
	else
		kernels->sums[metric][ytype][xtype] (y->data, x->data, x->dim, sum);

	switch (metric)
	{
		case ANNOY_L2:
			if (likely(SquareIsSafe(sum[0])))
				return sqrt(sum[0]);
			break;
		case ANNOY_COSINE:
			if (likely(SquareIsSafe(sum[1]) && SquareIsSafe(sum[2])))
				return cosine_distance(sum[0], sum[1], sum[2]);
			break;
		case ANNOY_IP:
			/* Subtract, because the negative of zero would show as -0. */
			if (likely(isfinite(sum[0])))
				return 0.0 - sum[0];
			break;
		case ANNOY_L1:
			if (likely(isfinite(sum[0])))
				return sum[0];
			break;
		case ANNOY_HAMMING:
			if (likely(isfinite(sum[1])))
				return sum[0];
			break;
	}

	return rescue_distance(metric, x, y, sum, stored);
}

/*
 * The distance of two vectors of the same number of dimensions.
 *
 * Either both are bits, and the metric is ANNOY_HAMMING, or none is.  Errors
 * out if a component is not finite.
 */
double
AnnoyDistance(AnnoyMetric metric, const AnnoyVector *x, const AnnoyVector *y)
{
	double		sum[3];

	return distance_of(metric, x, y, false, sum);
}

/*
 * The same for a vector x that an index has stored.  If a component of that one
 * is not finite, the result is NaN: it is not the user who is to be told that his
 * vector is wrong.
 */
double
AnnoyStoredDistance(AnnoyMetric metric, const AnnoyVector *x, const AnnoyVector *y)
{
	double		sum[3];

	return distance_of(metric, x, y, true, sum);
}

/*
 * The sum of the squares of a vector of ANNOY_INT8, in steps.
 */
static double
sum_squared_bytes(const AnnoyVector *vec)
{
	AnnoyInt8Head head = AnnoyInt8ReadHead(vec->data);
	const uint8 *bytes = (const uint8 *) vec->data + sizeof(head);
	int			sum = 0;

	for (int i = 0; i < vec->dim; i++)
		sum += (bytes[i] - head.zero) * (bytes[i] - head.zero);
	return sum;
}

/*
 * A lower bound of the distance of y from the vector that x was made of when it was
 * stored, as AnnoyDistance computes it.  It is no more than that of x, which *distance
 * becomes.  `norm' is that of y.  NaN if a component of x is not finite.
 *
 * With e the difference of the two vectors, of which |e| is known, the distance
 * differs by |e| at most; by sqrt(dim) |e| for manhattan; and by |e| |y| for inner
 * products.  The angle differs by that whose sine is |e| / |x|.  Besides, there is
 * what either computation may have rounded.
 */
double
AnnoyLowerBound(AnnoyMetric metric, const AnnoyVector *x, const AnnoyVector *y,
				double norm, double *distance)
{
	AnnoyInt8Head head;
	double		sum[3];
	double		rounding = 4 * (x->dim + 16) * DBL_EPSILON;
	double		step;
	double		error;			/* |e|, in steps */
	double		slack;

	*distance = distance_of(metric, x, y, true, sum);
	if (x->dtype != ANNOY_INT8 || isnan(*distance))
		return *distance;
	head = AnnoyInt8ReadHead(x->data);
	if (head.error == 0)
		return *distance;
	step = AnnoyInt8Step(&head);
	error = head.error / 65536.0 * sqrt(x->dim);

	if (metric == ANNOY_COSINE)
	{
		double		squares = SquareIsSafe(sum[1]) ? sum[1] / step / step :
		sum_squared_bytes(x);
		double		sine = error / sqrt(squares) * (1 + rounding);
		double		cosine = Min(1 - *distance + rounding, 1);
		double		across;

		/* if the vectors may point in the same direction, so they do */
		if (!(sine < 1))
			return 0;
		across = sqrt((1 - sine) * (1 + sine));
		if (cosine >= across)
			return 0;
		return Max(1 - cosine * across - sqrt((1 - cosine) * (1 + cosine)) * sine - rounding, 0);
	}

	if (metric == ANNOY_IP)
		slack = (norm + DBL_MIN) * (error + rounding * UINT8_MAX * sqrt(x->dim)) * step;
	else
		slack = (metric == ANNOY_L1 ? sqrt(x->dim) : 1) * error * step + rounding * *distance;
	slack = Min(*distance, DBL_MAX) - (slack + DBL_MIN);
	return metric == ANNOY_IP ? slack : Max(slack, 0);
}

/* Do squares of components that are not zero remain so? */
static inline bool
has_float_range(const AnnoyVector *vec)
{
	return vec->dtype == ANNOY_FLOAT32 || vec->dtype == ANNOY_FLOAT16;
}

/*
 * The distance when the sums may not be what they ought to be.
 *
 * As above, this must not depend on the type of components.
 */
static double
rescue_distance(AnnoyMetric metric, const AnnoyVector *x, const AnnoyVector *y,
				const double *sum, bool stored)
{
	int			xexp;
	int			yexp;

	if (!isfinite(sum[0]) || !isfinite(sum[1]) || !isfinite(sum[2]))
	{
		double		value;

		if (!stored)
			AnnoyCheckFinite(x);
		else if (AnnoyFindNotFinite(x, &value) >= 0)
			return NAN;
		AnnoyCheckFinite(y);
	}

	switch (metric)
	{
		case ANNOY_L2:
			/* This is what identical vectors come to, so be quick. */
			if (sum[0] == 0.0 && has_float_range(x) && has_float_range(y))
				return 0.0;
			return scaled_euclidean(x, y);

		case ANNOY_COSINE:
			/* Zero vectors are defined to be at right angles to all others. */
			if (!largest_exponent(x, &xexp) || !largest_exponent(y, &yexp))
				return 1.0;
			return cosine_distance(scaled_product(x, xexp, y, yexp),
								   scaled_product(x, xexp, x, xexp),
								   scaled_product(y, yexp, y, yexp));

		case ANNOY_IP:
			if (!largest_exponent(x, &xexp) || !largest_exponent(y, &yexp))
				return 0.0;
			return 0.0 - ldexp(scaled_product(x, xexp, y, yexp), xexp + yexp);

		case ANNOY_L1:
		case ANNOY_HAMMING:
			break;
	}

	/* A sum of nonnegative numbers is right, or infinite if out of range. */
	return sum[0];
}

/*
 * What Annoy returns where ours is that distance: for angular the Euclidean
 * distance of the normalized vectors, for dot the product itself.
 */
double
AnnoyNativeDistance(AnnoyMetric metric, double distance)
{
	switch (metric)
	{
		case ANNOY_COSINE:
			return sqrt(2.0 * distance);
		case ANNOY_IP:
			/* Subtract, because the negative of zero would show as -0. */
			return 0.0 - distance;
		default:
			return distance;
	}
}

/*
 * The vector's Euclidean norm.  Errors out if a component is not finite.
 */
double
AnnoyVectorNorm(const AnnoyVector *vec)
{
	double		sum[3];
	MetricType	type;

	if (vec->dtype == ANNOY_BIT)
	{
		/* Every bit that differs from its absence is one that is set. */
		uint8	   *zero = palloc0(AnnoyVectorSize(ANNOY_BIT, vec->dim));
		int			count = kernels->count_bits(vec->data, zero, vec->dim);

		pfree(zero);
		return sqrt(count);
	}

	type = type_of(vec);
	kernels->sums[ANNOY_IP][type][type] (vec->data, vec->data, vec->dim, sum);
	if (likely(SquareIsSafe(sum[0])))
		return sqrt(sum[0]);

	if (!isfinite(sum[0]))
		AnnoyCheckFinite(vec);
	return scaled_euclidean(vec, NULL);
}

/* A component of x - y, or of x if y is NULL. */
static inline double
difference(const AnnoyVector *x, const AnnoyVector *y, int i)
{
	return AnnoyVectorComponent(x, i) - (y ? AnnoyVectorComponent(y, i) : 0.0);
}

/*
 * The Euclidean distance of x and y, or the norm of x if y is NULL, of any
 * size.  Infinite if it is out of range.
 */
static double
scaled_euclidean(const AnnoyVector *x, const AnnoyVector *y)
{
	double		largest = 0;
	double		sum = 0;
	int			exponent;

	for (int i = 0; i < x->dim; i++)
	{
		double		diff = difference(x, y, i);

		largest = Max(largest, fabs(diff));
	}
	if (largest == 0 || isinf(largest))
		return largest;

	(void) frexp(largest, &exponent);
	for (int i = 0; i < x->dim; i++)
	{
		double		diff = difference(x, y, i);

		diff = ldexp(diff, -exponent);
		sum += diff * diff;
	}

	return ldexp(sqrt(sum), exponent);
}

/*
 * The inner product of x * 2^-xexp and y * 2^-yexp.
 */
static double
scaled_product(const AnnoyVector *x, int xexp, const AnnoyVector *y, int yexp)
{
	double		sum = 0;

	for (int i = 0; i < x->dim; i++)
		sum += ldexp(AnnoyVectorComponent(x, i), -xexp) *
			ldexp(AnnoyVectorComponent(y, i), -yexp);

	return sum;
}

/*
 * The exponent e of the largest component, so that |component| < 2^e for all.
 * Returns false if all components are zero.
 */
static bool
largest_exponent(const AnnoyVector *vec, int *exponent)
{
	double		largest = 0;

	for (int i = 0; i < vec->dim; i++)
		largest = Max(largest, fabs(AnnoyVectorComponent(vec, i)));

	(void) frexp(largest, exponent);
	return largest > 0;
}
