/*-------------------------------------------------------------------------
 *
 * vector.c
 *	  Reading vectors from SQL values, and checking them.
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
