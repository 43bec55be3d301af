/*-------------------------------------------------------------------------
 *
 * convert.c
 *	  Vectors with components of another type.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/convert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"

#include "type/type.h"

/* Numbers from here on are infinite if rounded to a half. */
#define HALF_OVERFLOW		65520.0

/* The least step of a vector of ANNOY_INT8 is 2 to this. */
#define INT8_MIN_EXPONENT	(-1020)

/* The smallest half with all its digits, 2^-14. */
#define HALF_MIN_NORMAL		(1.0 / (1 << 14))

/*
 * Would a number that is rounded to that type be infinite?
 */
static inline bool
is_out_of_range(double value, AnnoyDtype dtype)
{
	switch (dtype)
	{
		case ANNOY_FLOAT16:
			return fabs(value) >= HALF_OVERFLOW;
		case ANNOY_FLOAT32:
			return isinf((float4) value);
		case ANNOY_FLOAT64:
		case ANNOY_INT8:
		case ANNOY_BIT:
			break;
	}
	return false;
}

/*
 * Can a vector be converted to that type?
 */
bool
AnnoyVectorFits(const AnnoyVector *vec, AnnoyDtype dtype)
{
	if (vec->dtype == dtype)
		return true;
	for (int i = 0; i < vec->dim; i++)
	{
		if (is_out_of_range(AnnoyVectorComponent(vec, i), dtype))
			return false;
	}
	return true;
}

/*
 * A component, counted from 0, that is to be converted.
 */
static inline double
component_in_range(const AnnoyVector *vec, int i, AnnoyDtype dtype)
{
	double		value = AnnoyVectorComponent(vec, i);

	if (unlikely(is_out_of_range(value, dtype)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range for %s",
						vec->dtype == ANNOY_FLOAT64 ? float8out_internal(value) :
						psprintf("%.9g", value),
						AnnoyDtypeName(dtype)),
				 errdetail("It is component %d of a vector that is to be stored in an index as %s.",
						   i + 1, AnnoyDtypeName(dtype)),
				 errhint("An index with the storage parameter dtype = %s can store it.",
						 AnnoyDtypeName(is_out_of_range(value, ANNOY_FLOAT32) ?
										ANNOY_FLOAT64 : ANNOY_FLOAT32))));
	return value;
}

/*
 * The nearest half, of a number that is not out of range.
 */
static inline AnnoyHalf
double_to_half(double value)
{
	union
	{
		uint64		i;
		double		f;
	}			u;
	AnnoyHalf	sign;

	u.f = value;
	sign = (u.i >> 63) << 15;
	u.f = fabs(value);

	/* subnormal halves are multiples of 2^-24 */
	if (u.f < HALF_MIN_NORMAL)
		return sign | (AnnoyHalf) rint(u.f * (1 << 24));

	/* 42 of the 52 digits go; those that remain may carry into the exponent */
	u.i -= (uint64) (1023 - 15) << 52;
	u.i += (UINT64CONST(1) << 41) - 1 + ((u.i >> 42) & 1);
	return sign | (AnnoyHalf) (u.i >> 42);
}

static AnnoyHalf *
convert_to_halves(const AnnoyVector *vec)
{
	AnnoyHalf  *result = palloc(AnnoyVectorSize(ANNOY_FLOAT16, vec->dim));

	for (int i = 0; i < vec->dim; i++)
		result[i] = double_to_half(component_in_range(vec, i, ANNOY_FLOAT16));

	return result;
}

static float4 *
convert_to_float4(const AnnoyVector *vec)
{
	float4	   *result = palloc(AnnoyVectorSize(ANNOY_FLOAT32, vec->dim));

	for (int i = 0; i < vec->dim; i++)
		result[i] = (float4) component_in_range(vec, i, ANNOY_FLOAT32);

	return result;
}

static float8 *
convert_to_float8(const AnnoyVector *vec)
{
	float8	   *result = palloc(AnnoyVectorSize(ANNOY_FLOAT64, vec->dim));

	for (int i = 0; i < vec->dim; i++)
		result[i] = AnnoyVectorComponent(vec, i);

	return result;
}

/*
 * If all components are whole multiples of a power of two, and there is a byte for
 * each, return that as a step, and the byte for zero; otherwise 0.  They are between
 * lowest and highest, and zero is.  So whole numbers lose nothing, as long as these
 * two differ by 255 at most.
 */
static double
exact_step(const double *x, int dim, double lowest, double highest, uint8 *zero)
{
	double		digits;
	double		step;
	double		inverse;
	int			exponent;

	/* the least power of two of which the range has at most 255 */
	digits = frexp(highest / 2 - lowest / 2, &exponent);
	exponent -= digits <= 255.0 / 256 ? 7 : 6;
	exponent = Max(exponent, INT8_MIN_EXPONENT);
	step = ldexp(1.0, exponent);
	inverse = ldexp(1.0, -exponent);

	for (int i = 0; i < dim; i++)
	{
		double		steps = x[i] * inverse;

		if (steps != (int) steps || steps * step != x[i])
			return 0;
	}
	*zero = (uint8) (-lowest * inverse);
	return step;
}

/*
 * A number of at most 16 digits that is not below a positive one, or slightly above.
 */
static double
round_step(double value)
{
	const uint64 rest = (UINT64CONST(1) << 37) - 1;
	union
	{
		uint64		i;
		double		f;
	}			u;

	u.f = Max(value, ldexp(1.0, INT8_MIN_EXPONENT));
	u.i = (u.i + rest) & ~rest;
	return u.f;
}

/*
 * Round components to multiples of a step, each to the nearest but for one that
 * would become larger than `largest'.  Fills in all but the head's step and zero.
 */
static void
round_to_steps(const double *x, int dim, double largest, AnnoyInt8Head *head, uint8 *bytes)
{
	double		step = AnnoyInt8Step(head);
	double		inverse = 1 / step;
	double		sum = 0;
	bool		exact = true;

	for (int i = 0; i < dim; i++)
	{
		int			byte = (int) (x[i] * inverse + head->zero + 0.5);
		double		off;

		byte = Min(Max(byte, 0), UINT8_MAX);
		while (fabs((byte - head->zero) * step) > largest)
			byte += x[i] > 0 ? -1 : 1;
		bytes[i] = byte;
		off = x[i] - (byte - head->zero) * step;
		exact &= off == 0;
		off *= inverse;
		sum += off * off;
	}

	/* what this sum may have lost to rounding is far less than is added here */
	head->error = exact ? 0 :
		Min((int) (sqrt(sum / dim) * (1 + 1e-9) * 65536) + 1, UINT16_MAX);
}

/*
 * Each vector has a step, and a byte for zero, of its own: steps divide the range from
 * its least to its greatest component, zero included.  That was measured to be off by
 * as little as what a search for the best step finds; see docs/measurements.md.
 */
static void *
convert_to_int8(const AnnoyVector *vec)
{
	int			dim = vec->dim;
	double	   *x = convert_to_float8(vec);
	char	   *result = palloc(AnnoyVectorSize(ANNOY_INT8, dim));
	AnnoyInt8Head head = {0};
	double		lowest = 0;
	double		highest = 0;
	double		step = 1;
	union
	{
		uint64		i;
		double		f;
	}			u;

	for (int i = 0; i < dim; i++)
	{
		lowest = Min(lowest, x[i]);
		highest = Max(highest, x[i]);
	}
	if (highest > lowest)
	{
		step = exact_step(x, dim, lowest, highest, &head.zero);
		if (step == 0)
		{
			/* one less than there are, since zero has a byte of its own */
			step = round_step(highest / 254 - lowest / 254);
			head.zero = (uint8) (-lowest / step + 0.5);
		}
	}
	u.f = step;
	head.step = u.i >> 32;
	round_to_steps(x, dim, Max(highest, -lowest) <= FLT_MAX ? FLT_MAX : DBL_MAX, &head,
				   (uint8 *) result + sizeof(head));
	memcpy(result, &head, sizeof(head));
	pfree(x);
	return result;
}

static uint8 *
convert_to_bits(const AnnoyVector *vec)
{
	uint8	   *result = palloc0(AnnoyVectorSize(ANNOY_BIT, vec->dim));

	for (int i = 0; i < vec->dim; i++)
		result[i / 8] |= (AnnoyVectorComponent(vec, i) > 0.5) << (7 - i % 8);

	return result;
}

/*
 * View a vector with components of the given type.
 *
 * The data are those of the argument if the type is the same, and converted
 * in the current context if not: rounded to the nearest, and of two that are
 * equally near to the even one; for ANNOY_INT8 see there.  A bit is whether the
 * component is greater than 0.5, and as a number it is 0 or 1.  Errors out if a
 * number is too large; one that is too small becomes zero.
 */
AnnoyVector
AnnoyConvertVector(const AnnoyVector *vec, AnnoyDtype dtype)
{
	AnnoyVector result;

	if (vec->dtype == dtype)
		return *vec;

	result.dtype = dtype;
	result.dim = vec->dim;
	result.data = NULL;

	switch (dtype)
	{
		case ANNOY_FLOAT16:
			result.data = convert_to_halves(vec);
			break;
		case ANNOY_FLOAT32:
			result.data = convert_to_float4(vec);
			break;
		case ANNOY_FLOAT64:
			result.data = convert_to_float8(vec);
			break;
		case ANNOY_INT8:
			result.data = convert_to_int8(vec);
			break;
		case ANNOY_BIT:
			result.data = convert_to_bits(vec);
			break;
	}

	return result;
}
