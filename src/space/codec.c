/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  Short codes of points, from which distances are estimated with a bound.
 *
 * After RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors
 * with a Theoretical Error Bound for Approximate Nearest Neighbor Search",
 * SIGMOD 2024.
 *
 * Let c be the centre of a node, x a point below it and r = x - c.  The code
 * of x is a vector u of small odd integers with about the direction of r: with
 * one bit per dimension, the signs of r; with b bits, integers between
 * -(2^b - 1) and 2^b - 1.  Only the leading `dims' coordinates are coded, u is
 * zero in the others; as the space is rotated at random, any coordinates will
 * do.  With S(v) = <u, v> and alpha = |r|^2 / S(r), alpha u is an unbiased
 * stand-in for r: it equals r + e with e perpendicular to r.  So
 *
 *	<q - c, r> = alpha S(q - c) - <q - c, e>
 *
 *	|q - x|^2 = |q - c|^2 + |r|^2 - 2 <q - c, r>
 *			  ~ |q - c|^2 + |r|^2 - 2 alpha S(q - c)
 *
 * and, e having no preferred direction in the hyperplane perpendicular to r,
 * the error 2 <q - c, e> is normally distributed with standard deviation
 * 2 |q - c| |e| / sqrt(D - 1), |e|^2 = alpha^2 |u|^2 - |r|^2.  For inner
 * products the same alpha serves: -2 <q, x> ~ -2 <q, c> - 2 alpha S(q), with
 * |q| instead of |q - c| in the error.
 *
 * S(v) is looked up, four dimensions at a time.  With b bits u is the sum of b
 * vectors of signs times powers of two, which makes a code b bit planes: with
 * B(p) the sum of the components of v where plane p has a one,
 *
 *	S(v) = 2 sum_p 2^p B(p) - (2^b - 1) sum_i v_i
 *
 * and one set of tables serves all planes, and leaves and inner nodes alike.
 * Tables hold integers: components are rounded to a unit that makes the
 * largest sum of four fit half a byte's range.
 *
 * S is linear: S(q - c) = S(q) - S(c), and 2 alpha S(c) is a constant of the
 * entry, added to |r|^2 in the nodes marked with ANNOY_NODE_NEAR.  For those,
 * the query's own tables do.  But their rounding is in proportion to |q|; so
 * nodes that are small, compared with their distance from the origin, get a set
 * of tables of q - c for each visit.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/space/codec.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "simd/simd.h"
#include "space/space.h"

/* Rounding of a table's components moves S by at most this many sigmas. */
#define LUT_SIGMAS	3.0f

/* Upper half of a float, rounded up so that a bound stays one. */
static uint16
error_from_float(float value)
{
	union
	{
		float		f;
		uint32		i;
	}			u;

	Assert(value >= 0);
	u.f = value;
	return (uint16) ((u.i + 0xFFFF) >> 16);
}

/*
 * The inverse of the quantiser's step for a residual, given its largest component.
 *
 * With more than one bit the step is a matter of choice: a smaller one represents the
 * many small components better and cuts off the few large ones.  Try some, and keep
 * the one whose u is nearest to r in direction.  One bit is the sign, whatever the
 * step.
 */
static float
choose_step(const AnnoyCodec *codec, const float *r, float largest)
{
	int			top = (1 << codec->bits) - 1;
	float		best = -1;
	float		best_inverse = 0;

	/* less than this would make the steps' inverses overflow */
	if (codec->bits == 1 || !(largest > FLT_MIN * (top + 1)))
		return 0;

	for (int try = 0; try < 7; try++)
	{
		float		inverse = (top + 1) / (2.0f * largest * (1.0f - 0.1f * try));
		float		ru;
		float		uu;

		annoy_kernels->fit(r, codec->dims, inverse, top, &ru, &uu);
		if (ru > best * sqrtf(uu))
		{
			best = ru / sqrtf(uu);
			best_inverse = inverse;
		}
	}
	return best_inverse;
}

/*
 * Pack one bit of each level, 8 to a byte, the first being the lowest.
 */
static void
pack_plane(const uint8 *levels, int plane, int dims, uint8 *code)
{
	for (int i = 0; i < dims; i += 8)
	{
		uint64		bits;

		/* one bit in each byte, which the product gathers in the highest one */
		memcpy(&bits, levels + i, sizeof(bits));
		bits = (bits >> plane) & UINT64CONST(0x0101010101010101);
		code[i / 8] = (bits * UINT64CONST(0x0102040810204080)) >> 56;
	}
}

/*
 * Encode a point relative to the centre of a node.  The caller fills in the
 * pointer.
 */
void
AnnoyEncode(const AnnoyIndex *index, const AnnoyCodec *codec, const float *x,
			const float *centre, AnnoyEntry *entry)
{
	float		r[ANNOY_MAX_DIMENSIONS];
	uint8		levels[ANNOY_MAX_CODE_BYTES * 8];
	int			top = (1 << codec->bits) - 1;
	double		sums[3];
	float		largest;
	double		rr;
	double		ru;
	double		uu;
	double		alpha;
	double		ee;

	Assert(codec->bytes <= ANNOY_MAX_CODE_BYTES);

	rr = annoy_kernels->residual(x, centre, index->space_dim, r, &largest);
	memset(entry, 0, offsetof(AnnoyEntry, code) + codec->bytes);
	if (!(rr > 0))
		return;

	annoy_kernels->levels(r, centre, codec->dims, choose_step(codec, r, largest), top,
						  levels, sums);
	ru = sums[0];
	uu = sums[2];
	for (int plane = 0; plane < codec->bits; plane++)
		pack_plane(levels, plane, codec->dims, entry->code + plane * codec->dims / 8);

	/* all of r may lie in the coordinates that are not coded, or nearly so */
	if (ru <= 1e-6 * sqrt(rr * uu))
	{
		memset(entry->code, 0, codec->bytes);
		entry->offset = rr;
		entry->error = error_from_float(2.0f * sqrtf(rr));
		return;
	}

	alpha = rr / ru;
	ee = Max(alpha * alpha * uu - rr, 0.0);
	entry->offset = rr;
	entry->slope = 2 * alpha;
	entry->shift = 2 * alpha * sums[1];
	entry->error = error_from_float(2 * sqrt(ee / (index->space_dim - 1)));
}

/*
 * The point that an entry stands for, as far as its code tells: the centre and
 * alpha u.  Coordinates that are not coded are the centre's.
 */
void
AnnoyDecode(const AnnoyIndex *index, const AnnoyCodec *codec, const AnnoyEntry *entry,
			const float *centre, float *x)
{
	int			top = (1 << codec->bits) - 1;

	memcpy(x, centre, sizeof(float) * index->space_dim);
	for (int i = 0; i < codec->dims; i++)
	{
		int			level = 0;

		for (int plane = 0; plane < codec->bits; plane++)
			level |= (entry->code[(plane * codec->dims + i) / 8] >> (i % 8) & 1) << plane;
		x[i] += entry->slope / 2 * (2 * level - top);
	}
}

/*
 * Round a positive float up to one with a mantissa of 12 bits, so that its
 * products with small integers are exact.
 */
static float
round_scale(float scale)
{
	union
	{
		float		f;
		uint32		i;
	}			u;

	u.f = scale;
	u.i = (u.i + 0xFFF) & ~(uint32) 0xFFF;
	return u.f;
}

/*
 * Quantise a centre.  Returns the scale, fills in the integers, and replaces
 * the centre by what they stand for.  Quantising the result again gives the
 * same.
 */
float
AnnoyQuantise(const AnnoyIndex *index, float *centre, int16 *quantised)
{
	int			top = (1 << (index->centre_bits - 1)) - 1;
	float		largest = 0;
	float		scale;

	for (int i = 0; i < index->space_dim; i++)
		largest = Max(largest, fabsf(centre[i]));

	if (index->centre_bits == 16)
	{
		int			exponent;

		/* the least power of two that will do */
		(void) frexpf(largest, &exponent);
		scale = largest > 0 ? ldexpf(1.0f, exponent - 15) : 0;
		if (scale > 0 && rintf(largest / scale) > top)
			scale *= 2;
	}
	else
		scale = round_scale(largest / top);

	for (int i = 0; i < index->space_dim; i++)
	{
		float		level = scale > 0 ? rintf(centre[i] / scale) : 0;

		quantised[i] = (int16) Min(Max(level, -top), top);
		centre[i] = scale * quantised[i];
	}
	return scale;
}

/*
 * Make the look-up tables of a point.  The table of a nibble holds, for each
 * value of its four bits, the sum of the components where it has ones, plus the
 * magnitudes of the negative components, which makes it positive.
 */
void
AnnoyLutFill(AnnoyLut *lut, const AnnoyIndex *index, const float *x)
{
	lut->sum = annoy_kernels->lut(x, index->leaf.dims, lut->low, lut->high,
								  &lut->unit);
}

/*
 * Fill in the part of a scoring that turns look-ups into S; for a lower bound
 * of scores, an upper one of S.
 *
 * With T(p) the sum of the look-ups for plane p, and N that of the magnitudes
 * of negative components, B(p) = T(p) - N, so that
 *
 *	S = 2 sum_p 2^p T(p) - (2^b - 1) (2 N + sum_i v_i)
 *
 * where the last term is the sum of all magnitudes.
 */
void
AnnoyLutScoring(const AnnoyLut *lut, const AnnoyCodec *codec, bool bound,
				AnnoyScoring *scoring)
{
	int			top = (1 << codec->bits) - 1;

	scoring->lut_low = lut->low;
	scoring->lut_high = lut->high;
	scoring->planes = codec->bits;
	scoring->plane_bytes = codec->dims / 8;
	scoring->lut_scale = 2 * lut->unit;
	scoring->lut_bias = -top * (lut->unit * lut->sum);

	/* each component is off by up to half a unit, times a level up to `top' */
	scoring->rounding = bound ? LUT_SIGMAS * lut->unit *
		sqrtf(codec->dims * (top * (top + 2.0f) / 3) / 12) : 0;
	scoring->lut_bias += scoring->rounding;
}

static void
lut_init(AnnoyLut *lut, const AnnoyIndex *index)
{
	lut->low = palloc(index->leaf.dims * 2);
	lut->high = palloc(index->leaf.dims * 2);
}

/*
 * Allocate a target in the current memory context.  The caller then writes
 * target->x and calls AnnoyTargetSet, as often as it likes.
 */
void
AnnoyTargetInit(AnnoyTarget *target, const AnnoyIndex *index,
				bool inner_product)
{
	Assert(index->leaf.dims == index->inner.dims);

	target->index = index;
	target->inner_product = inner_product;
	target->x = palloc0(sizeof(float) * index->space_dim);
	lut_init(&target->lut, index);
	lut_init(&target->node_lut, index);
	target->residual = palloc(sizeof(float) * index->space_dim);
	target->centre = palloc(index->space_dim);
}

/*
 * Prepare for comparisons after target->x was written.
 */
void
AnnoyTargetSet(AnnoyTarget *target)
{
	const AnnoyIndex *index = target->index;

	target->norm2 = annoy_kernels->dot(target->x, target->x, index->space_dim);
	AnnoyLutFill(&target->lut, index, target->x);
}
