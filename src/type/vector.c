/*-------------------------------------------------------------------------
 *
 * vector.c
 *	  Reading vectors from SQL values, checking them and converting them.
 *
 * A vector comes as a one-dimensional array of numbers, as a bit string, or as a
 * value of a type that pgvector defines or that looks alike (see annoy_opclass.h).
 * What can be used where it lies is not copied: the views made here point
 * into the (detoasted) argument.
 *
 * Whether the components are finite is not checked on reading, because the
 * distance functions find that out at no cost (see metric.c).  Whoever stores
 * a vector calls AnnoyCheckFinite.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/vector.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "type/type.h"

/* Numbers from here on are infinite if rounded to a half. */
#define HALF_OVERFLOW		65520.0

/* The least step of a vector of ANNOY_INT8 is 2 to this. */
#define INT8_MIN_EXPONENT	(-1020)

/* The smallest half with all its digits, 2^-14. */
#define HALF_MIN_NORMAL		(1.0 / (1 << 14))

typedef struct MetricName
{
	const char *name;
	AnnoyMetric metric;
} MetricName;

/* All names of the metrics: Annoy's own one first, then those it also takes. */
static const MetricName metric_names[] = {
	{"angular", ANNOY_COSINE},
	{"cosine", ANNOY_COSINE},
	{"euclidean", ANNOY_L2},
	{"l2", ANNOY_L2},
	{"lstsq", ANNOY_L2},
	{"manhattan", ANNOY_L1},
	{"l1", ANNOY_L1},
	{"cityblock", ANNOY_L1},
	{"taxicab", ANNOY_L1},
	{"dot", ANNOY_IP},
	{"@", ANNOY_IP},
	{".", ANNOY_IP},
	{"dotproduct", ANNOY_IP},
	{"inner", ANNOY_IP},
	{"innerproduct", ANNOY_IP},
	{"hamming", ANNOY_HAMMING}
};

/* What a value of pgvector's types begins with. */
typedef struct LayoutHeader
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;
	int16		unused;			/* always zero */
} LayoutHeader;

static void check_dimension_limit(int dim);
static double *read_numbers(ArrayType *array, int dim);
static AnnoyHalf *convert_to_halves(const AnnoyVector *vec);
static float4 *convert_to_float4(const AnnoyVector *vec);
static float8 *convert_to_float8(const AnnoyVector *vec);
static void *convert_to_int8(const AnnoyVector *vec);
static uint8 *convert_to_bits(const AnnoyVector *vec);

/*
 * The metric's name, as Annoy spells it.
 */
const char *
AnnoyMetricName(AnnoyMetric metric)
{
	for (int i = 0; i < (int) lengthof(metric_names); i++)
	{
		if (metric_names[i].metric == metric)
			return metric_names[i].name;
	}

	elog(ERROR, "unrecognized annoy metric: %d", (int) metric);
	return NULL;				/* keep compiler quiet */
}

/*
 * The metric of that name: one that Annoy takes, in any case, with blanks around
 * it or not.  Raises an error that lists the names if there is none.
 */
AnnoyMetric
AnnoyMetricFromName(const char *name)
{
	const char *start = name;
	const char *end = name + strlen(name);
	StringInfoData names;

	while (start < end && scanner_isspace(*start))
		start++;
	while (end > start && scanner_isspace(end[-1]))
		end--;

	for (int i = 0; i < (int) lengthof(metric_names); i++)
	{
		if (strlen(metric_names[i].name) == (size_t) (end - start) &&
			pg_strncasecmp(metric_names[i].name, start, end - start) == 0)
			return metric_names[i].metric;
	}

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(metric_names); i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", metric_names[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized metric \"%s\"", name),
			 errdetail("Valid names are %s.", names.data)));
	return ANNOY_L2;			/* keep compiler quiet */
}

const char *
AnnoyDtypeName(AnnoyDtype dtype)
{
	switch (dtype)
	{
		case ANNOY_FLOAT16:
			return "float16";
		case ANNOY_INT8:
			return "int8";
		case ANNOY_FLOAT32:
			return "float32";
		case ANNOY_FLOAT64:
			return "float64";
		case ANNOY_BIT:
			return "bit";
	}

	elog(ERROR, "unrecognized annoy dtype: %d", (int) dtype);
	return NULL;				/* keep compiler quiet */
}

/*
 * Bytes of data that a vector of this many dimensions has.
 */
Size
AnnoyVectorSize(AnnoyDtype dtype, int dim)
{
	switch (dtype)
	{
		case ANNOY_FLOAT16:
			return (Size) dim * sizeof(AnnoyHalf);
		case ANNOY_INT8:
			return sizeof(AnnoyInt8Head) + (Size) dim;
		case ANNOY_FLOAT32:
			return (Size) dim * sizeof(float4);
		case ANNOY_FLOAT64:
			return (Size) dim * sizeof(float8);
		case ANNOY_BIT:
			return ((Size) dim + 7) / 8;
	}

	elog(ERROR, "unrecognized annoy dtype: %d", (int) dtype);
	return 0;					/* keep compiler quiet */
}

/*
 * The first element.  This is ARR_DATA_PTR, but compiles under -Wsign-compare.
 */
static inline const void *
array_elements(ArrayType *array)
{
	Size		offset = ARR_OVERHEAD_NONULLS(ARR_NDIM(array));

	if (ARR_HASNULL(array))
		offset = array->dataoffset;

	return (const char *) array + offset;
}

static void
check_dimension_limit(int dim)
{
	if (dim > ANNOY_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("vector cannot have more than %d dimensions",
						ANNOY_MAX_DIMENSIONS),
				 errdetail("The vector has %d dimensions.", dim)));
}

/*
 * View an array of numbers as a vector.
 *
 * Any array is accepted whose elements are real, double precision, or a type
 * that constants are likely to have (numeric and the integers); the latter
 * are converted to double precision.  Errors out unless the array has one
 * dimension, from 1 to ANNOY_MAX_DIMENSIONS elements, and no null.
 *
 * The data live as long as the argument, or else in the current context.
 */
AnnoyVector
AnnoyReadArray(Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	AnnoyVector vec;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("vector must be a one-dimensional array"),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array))));

	/* An empty array has no dimensions, rather than one of length 0. */
	if (ARR_NDIM(array) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_ZERO_LENGTH_CHARACTER_STRING),
				 errmsg("vector must have at least one dimension")));

	vec.dim = ARR_DIMS(array)[0];
	check_dimension_limit(vec.dim);

	/* A null bitmap may be there though no null is left. */
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("vector must not contain nulls")));

	switch (ARR_ELEMTYPE(array))
	{
		case FLOAT4OID:
			vec.dtype = ANNOY_FLOAT32;
			vec.data = array_elements(array);
			break;
		case FLOAT8OID:
			vec.dtype = ANNOY_FLOAT64;
			vec.data = array_elements(array);
			break;
		default:
			vec.dtype = ANNOY_FLOAT64;
			vec.data = read_numbers(array, vec.dim);
			break;
	}

	return vec;
}

/*
 * Convert an array of numeric or integer elements to double precision.
 */
static double *
read_numbers(ArrayType *array, int dim)
{
	double	   *result = palloc(sizeof(double) * dim);

	switch (ARR_ELEMTYPE(array))
	{
		case INT2OID:
			{
				const int16 *elem = array_elements(array);

				for (int i = 0; i < dim; i++)
					result[i] = elem[i];
				break;
			}
		case INT4OID:
			{
				const int32 *elem = array_elements(array);

				for (int i = 0; i < dim; i++)
					result[i] = elem[i];
				break;
			}
		case INT8OID:
			{
				const int64 *elem = array_elements(array);

				for (int i = 0; i < dim; i++)
					result[i] = (double) elem[i];
				break;
			}
		case NUMERICOID:
			{
				Datum	   *elem;
				int			nelems;

				deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT,
								  &elem, NULL, &nelems);
				Assert(nelems == dim);
				for (int i = 0; i < dim; i++)
					result[i] = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
																   elem[i]));
				break;
			}
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("array of type %s cannot be used as a vector",
							format_type_be(ARR_ELEMTYPE(array)))));
	}

	return result;
}

/*
 * View a bit or bit varying value as a vector.
 */
AnnoyVector
AnnoyReadBits(Datum value)
{
	VarBit	   *bits = DatumGetVarBitP(value);
	AnnoyVector vec;

	if (VARBITLEN(bits) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_ZERO_LENGTH_CHARACTER_STRING),
				 errmsg("vector must have at least one dimension")));
	check_dimension_limit(VARBITLEN(bits));

	vec.dtype = ANNOY_BIT;
	vec.dim = VARBITLEN(bits);
	vec.data = VARBITS(bits);
	return vec;
}

static AnnoyDtype
layout_dtype(AnnoyLayout layout)
{
	Assert(layout != ANNOY_LAYOUT_NATIVE);
	return layout == ANNOY_LAYOUT_HALFVEC ? ANNOY_FLOAT16 : ANNOY_FLOAT32;
}

/*
 * View a value of another type as a vector, which the type's author says has that
 * layout.  Errors out if it does not.
 */
AnnoyVector
AnnoyReadLayout(Datum value, AnnoyLayout layout)
{
	const LayoutHeader *header = (const LayoutHeader *) PG_DETOAST_DATUM(value);
	Size		size = VARSIZE(header);
	AnnoyVector vec = {.dtype = layout_dtype(layout)};

	if (size < sizeof(LayoutHeader) || header->unused != 0 || header->dim < 0 ||
		size != sizeof(LayoutHeader) + AnnoyVectorSize(vec.dtype, header->dim))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("value is not what its operator class says vectors are"),
				 size < sizeof(LayoutHeader) ?
				 errdetail("It has %zu bytes.", size - VARHDRSZ) :
				 header->unused != 0 ?
				 errdetail("It has %d where there should be 0.", header->unused) :
				 errdetail("It has %zu bytes, and %d as the number of dimensions.",
						   size - VARHDRSZ, header->dim)));
	if (header->dim == 0)
		ereport(ERROR,
				(errcode(ERRCODE_ZERO_LENGTH_CHARACTER_STRING),
				 errmsg("vector must have at least one dimension")));
	check_dimension_limit(header->dim);

	vec.dim = header->dim;
	vec.data = header + 1;
	return vec;
}

/*
 * The dimensions that a value of any layout says it has.
 */
int
AnnoyLayoutDimensions(Datum value)
{
	const LayoutHeader *header = (const LayoutHeader *) PG_DETOAST_DATUM(value);

	return VARSIZE(header) < sizeof(LayoutHeader) ? 0 : header->dim;
}

/*
 * Are all components zero?
 */
bool
AnnoyIsZero(const AnnoyVector *vec)
{
	for (int i = 0; i < vec->dim; i++)
	{
		if (AnnoyVectorComponent(vec, i) != 0)
			return false;
	}
	return true;
}

/*
 * The first component that is NaN or infinite, counted from 0, and its value;
 * or -1.
 */
int
AnnoyFindNotFinite(const AnnoyVector *vec, double *value)
{
	if (vec->dtype == ANNOY_FLOAT32)
	{
		const float4 *data = vec->data;

		for (int i = 0; i < vec->dim; i++)
		{
			*value = data[i];
			if (!isfinite(*value))
				return i;
		}
	}
	else if (vec->dtype == ANNOY_FLOAT64)
	{
		const float8 *data = vec->data;

		for (int i = 0; i < vec->dim; i++)
		{
			*value = data[i];
			if (!isfinite(*value))
				return i;
		}
	}
	else if (vec->dtype == ANNOY_FLOAT16 || vec->dtype == ANNOY_INT8)
	{
		for (int i = 0; i < vec->dim; i++)
		{
			*value = AnnoyVectorComponent(vec, i);
			if (!isfinite(*value))
				return i;
		}
	}
	return -1;
}

/*
 * Error out if a component is NaN or infinite.
 */
void
AnnoyCheckFinite(const AnnoyVector *vec)
{
	double		value;
	int			i = AnnoyFindNotFinite(vec, &value);

	if (i >= 0)
		ereport(ERROR,
				(errcode(isnan(value) ? ERRCODE_INVALID_TEXT_REPRESENTATION :
						 ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("vector must not contain NaN or infinity"),
				 errdetail("Component %d is %s.",
						   i + 1, float8out_internal(value))));
}

void
AnnoyCheckSameDimensions(const AnnoyVector *x, const AnnoyVector *y)
{
	if (x->dim != y->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d",
						x->dim, y->dim)));
}

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
 * Copy a vector into the current memory context.
 */
AnnoyVector
AnnoyCopyVector(const AnnoyVector *vec)
{
	Size		size = AnnoyVectorSize(vec->dtype, vec->dim);
	AnnoyVector copy = *vec;

	copy.data = memcpy(palloc(size), vec->data, size);
	return copy;
}

/*
 * A vector as a value of a type with that layout.
 */
static Datum
make_layout(AnnoyLayout layout, const AnnoyVector *vec)
{
	AnnoyVector converted = AnnoyConvertVector(vec, layout_dtype(layout));
	Size		data_size = AnnoyVectorSize(converted.dtype, converted.dim);
	LayoutHeader *header = palloc(sizeof(LayoutHeader) + data_size);

	SET_VARSIZE(header, sizeof(LayoutHeader) + data_size);
	header->dim = converted.dim;
	header->unused = 0;
	memcpy(header + 1, converted.data, data_size);
	return PointerGetDatum(header);
}

/*
 * A vector as a value of a type that columns have: an array of real or double
 * precision, or for bits also a bit string; or one of that layout.
 */
Datum
AnnoyMakeDatum(Oid type, AnnoyLayout layout, const AnnoyVector *vec)
{
	if (layout != ANNOY_LAYOUT_NATIVE)
		return make_layout(layout, vec);
	if (type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID)
	{
		bool		is_float4 = type == FLOAT4ARRAYOID;
		Datum	   *values = palloc(sizeof(Datum) * vec->dim);
		ArrayType  *array;

		for (int i = 0; i < vec->dim; i++)
		{
			double		value = AnnoyVectorComponent(vec, i);

			values[i] = is_float4 ? Float4GetDatum((float) value) : Float8GetDatum(value);
		}
		array = is_float4 ?
			construct_array(values, vec->dim, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT) :
			construct_array(values, vec->dim, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
							TYPALIGN_DOUBLE);
		pfree(values);
		return PointerGetDatum(array);
	}
	else
	{
		VarBit	   *bits = palloc(VARBITTOTALLEN(vec->dim));

		Assert(vec->dtype == ANNOY_BIT);
		SET_VARSIZE(bits, VARBITTOTALLEN(vec->dim));
		VARBITLEN(bits) = vec->dim;
		memcpy(VARBITS(bits), vec->data, VARBITBYTES(bits));
		return PointerGetDatum(bits);
	}
}
