/*-------------------------------------------------------------------------
 *
 * space.c
 *	  The search space: where vectors of every metric become points that are
 *	  compared by squared Euclidean distance (or inner product).
 *
 * A vector goes through three steps.
 *
 *	image		cosine: normalised; hamming: 0/1 per component; others: times
 *				a power of two that brings the data near unit size, so that
 *				squares neither overflow nor vanish in single precision
 *	centring	minus the mean of the data
 *	rotation	random orthogonal, so that residuals have no preferred
 *				directions and codes of them keep the error bound of RaBitQ
 *
 * A query for inner product is not centred: <q, x - mean> differs from <q, x>
 * by a constant.  It is also scaled by itself.
 *
 * The rotation alternates random signs with Walsh-Hadamard transforms of the
 * largest power of two P <= D, in turn of the first and of the last P
 * coordinates; this costs O(D log D) and needs no padding to a power of two.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/space/space.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "annoy.h"
#include "simd/simd.h"
#include "space/space.h"
#include "type/type.h"

/*
 * Dimensions of the search space for vectors of that many dimensions.
 */
int
AnnoySpaceDim(int dim)
{
	return TYPEALIGN(ANNOY_DIM_ALIGN, dim);
}

/*
 * Derive the signs of a rotation from the seed, scaled so that each round,
 * sign and transform, keeps lengths.
 */
void
AnnoyMakeSigns(uint64 seed, int space_dim, float *signs)
{
	AnnoyRandom random = seed;
	int			size = 1 << pg_leftmost_one_pos32(space_dim);
	float		unit = (float) (1.0 / sqrt(size));

	for (int round = 0; round < ANNOY_ROTATION_ROUNDS; round++)
	{
		int			first = (round % 2 == 0) ? 0 : space_dim - size;

		for (int i = 0; i < space_dim; i++)
		{
			bool		inside = i >= first && i < first + size;
			float		magnitude = inside ? unit : 1.0f;
			bool		negative = (AnnoyRandomNext(&random) >> 63) != 0;

			signs[round * space_dim + i] = negative ? -magnitude : magnitude;
		}
	}
}

/*
 * Are images of that metric scaled?  Others have about unit size by themselves.
 */
bool
AnnoyIsScaled(AnnoyMetric metric)
{
	return metric != ANNOY_COSINE && metric != ANNOY_HAMMING;
}

/*
 * The exponent e of a vector's norm, which is at least 2^(e-1) and less than
 * 2^e.  Returns false if the norm is zero, which says nothing about scale.
 */
bool
AnnoyNormExponent(const AnnoyVector *vec, int *exponent)
{
	double		norm = AnnoyVectorNorm(vec);

	if (norm == 0)
		return false;
	if (isfinite(norm))
		(void) frexp(norm, exponent);
	else
		*exponent = DBL_MAX_EXP + 1;	/* finite components, infinite norm */
	return true;
}

/*
 * The exponent of the scale for data whose norms mostly have that exponent: it
 * brings them near 1.  Scales are powers of two, so that scaling is exact, and
 * never zero or infinite.
 */
int
AnnoyScaleExponent(int norm_exponent)
{
	return -Min(Max(norm_exponent, -ANNOY_MAX_SCALE_EXPONENT),
				ANNOY_MAX_SCALE_EXPONENT);
}

static int
compare_ints(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/*
 * The median of some exponents of norms, at least one, which are sorted.
 */
int
AnnoyMedianExponent(int *exponents, int count)
{
	Assert(count > 0);
	qsort(exponents, count, sizeof(int), compare_ints);
	return exponents[count / 2];
}

static void
rotate(const AnnoyIndex *index, float *x)
{
	int			size = 1 << pg_leftmost_one_pos32(index->space_dim);

	for (int round = 0; round < ANNOY_ROTATION_ROUNDS; round++)
	{
		int			first = (round % 2 == 0) ? 0 : index->space_dim - size;

		annoy_kernels->multiply(x, index->signs + round * index->space_dim,
								index->space_dim);
		annoy_kernels->hadamard(x + first, size);
	}
}

static inline float
clamp_component(double v)
{
	return (float) Min(Max(v, -ANNOY_MAX_COMPONENT), ANNOY_MAX_COMPONENT);
}

/*
 * The image for cosine of a vector whose norm, or its inverse, is out of range.
 */
static void
normalise_extreme(const AnnoyVector *vec, float *image)
{
	double		largest = 0;
	double		sum = 0;
	int			exponent;

	for (int i = 0; i < vec->dim; i++)
		largest = Max(largest, fabs(AnnoyVectorComponent(vec, i)));
	(void) frexp(largest, &exponent);
	for (int i = 0; i < vec->dim; i++)
	{
		double		v = ldexp(AnnoyVectorComponent(vec, i), -exponent);

		sum += v * v;
	}
	for (int i = 0; i < vec->dim; i++)
		image[i] = (float) (ldexp(AnnoyVectorComponent(vec, i), -exponent) / sqrt(sum));
}

/*
 * The image of a vector: dim floats.  They are finite, whatever the scale.
 */
void
AnnoyImage(AnnoyMetric metric, double scale, const AnnoyVector *vec,
		   float *image)
{
	double		factor = scale;

	if (metric == ANNOY_COSINE)
	{
		double		norm = AnnoyVectorNorm(vec);

		factor = norm > 0 ? 1.0 / norm : 0.0;
		if (norm > 0 && !(norm >= DBL_MIN && factor >= DBL_MIN))
		{
			normalise_extreme(vec, image);
			return;
		}
	}

	switch (vec->dtype)
	{
		case ANNOY_FLOAT16:
			{
				const AnnoyHalf *x = vec->data;

				for (int i = 0; i < vec->dim; i++)
					image[i] = clamp_component(AnnoyHalfToFloat(x[i]) * factor);
				break;
			}
		case ANNOY_INT8:
			{
				AnnoyInt8Head head = AnnoyInt8ReadHead(vec->data);
				const uint8 *x = (const uint8 *) vec->data + sizeof(head);
				double		step = AnnoyInt8Step(&head);

				for (int i = 0; i < vec->dim; i++)
					image[i] = clamp_component(step * (x[i] - head.zero) * factor);
				break;
			}
		case ANNOY_FLOAT32:
			{
				const float *x = vec->data;

				for (int i = 0; i < vec->dim; i++)
					image[i] = clamp_component(x[i] * factor);
				break;
			}
		case ANNOY_FLOAT64:
			{
				const double *x = vec->data;

				for (int i = 0; i < vec->dim; i++)
					image[i] = clamp_component(x[i] * factor);
				break;
			}
		case ANNOY_BIT:
			{
				const uint8 *x = vec->data;

				for (int i = 0; i < vec->dim; i++)
					image[i] = (x[i / 8] >> (7 - i % 8)) & 1;
				break;
			}
	}
}

/*
 * Multiply an image, of at most unit length, by a power of two.
 */
void
AnnoyRescaleImage(float *image, int dim, int exponent)
{
	/* more would be cut off anyway, but for zeroes */
	double		factor = ldexp(1.0, Min(exponent, ANNOY_MAX_SCALE_EXPONENT));

	for (int i = 0; i < dim; i++)
		image[i] = clamp_component(image[i] * factor);
}

/*
 * Map an image into the search space, as that of a stored vector: space_dim
 * floats.
 */
void
AnnoyMapImage(const AnnoyIndex *index, const float *image, float *x)
{
	for (int i = 0; i < index->dim; i++)
		x[i] = image[i] - index->mean[i];
	for (int i = index->dim; i < index->space_dim; i++)
		x[i] = 0;
	rotate(index, x);
}

/*
 * Map a stored vector into the search space: space_dim floats.
 */
void
AnnoyMapItem(const AnnoyIndex *index, const AnnoyVector *vec, float *x)
{
	Assert(vec->dim == index->dim);
	AnnoyImage(index->metric, index->scale, vec, x);
	AnnoyMapImage(index, x, x);
}

/*
 * Map a query into the search space: space_dim floats.  Returns the scale of its
 * image.  For inner product the query has one of its own, since the order of rows does
 * not depend on its length, which may be far from theirs.
 */
double
AnnoyMapQuery(const AnnoyIndex *index, const AnnoyVector *vec, float *x)
{
	double		scale = 1;
	int			exponent;

	if (index->metric != ANNOY_IP)
	{
		AnnoyMapItem(index, vec, x);
		return index->scale;
	}

	Assert(vec->dim == index->dim);
	if (AnnoyNormExponent(vec, &exponent))
		scale = ldexp(1.0, AnnoyScaleExponent(exponent));
	AnnoyImage(index->metric, scale, vec, x);
	for (int i = index->dim; i < index->space_dim; i++)
		x[i] = 0;
	rotate(index, x);
	return scale;
}
