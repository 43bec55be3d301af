/*-------------------------------------------------------------------------
 *
 * operators.c
 *	  The SQL functions on vectors, most of them behind the operators.
 *
 * One C function serves all argument types of an SQL function, because an
 * array knows the type of its elements.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/operators.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "type/type.h"

/*
 * An argument of a distance function that is an array of numeric, or text, and what
 * it was converted to.  Kept in fn_extra.
 */
typedef struct ConvertedVector
{
	struct varlena *value;
	AnnoyVector vec;
} ConvertedVector;

PG_FUNCTION_INFO_V1(annoy_l2_distance);
PG_FUNCTION_INFO_V1(annoy_cosine_distance);
PG_FUNCTION_INFO_V1(annoy_negative_inner_product);
PG_FUNCTION_INFO_V1(annoy_l1_distance);
PG_FUNCTION_INFO_V1(annoy_hamming_distance);
PG_FUNCTION_INFO_V1(annoy_l2_distance_text);
PG_FUNCTION_INFO_V1(annoy_cosine_distance_text);
PG_FUNCTION_INFO_V1(annoy_negative_inner_product_text);
PG_FUNCTION_INFO_V1(annoy_l1_distance_text);
PG_FUNCTION_INFO_V1(annoy_hamming_distance_text);
PG_FUNCTION_INFO_V1(annoy_text_l2_distance);
PG_FUNCTION_INFO_V1(annoy_text_cosine_distance);
PG_FUNCTION_INFO_V1(annoy_text_negative_inner_product);
PG_FUNCTION_INFO_V1(annoy_text_l1_distance);
PG_FUNCTION_INFO_V1(annoy_text_hamming_distance);
PG_FUNCTION_INFO_V1(annoy_hamming_distance_bit);
PG_FUNCTION_INFO_V1(annoy_angular_distance);
PG_FUNCTION_INFO_V1(annoy_inner_product);
PG_FUNCTION_INFO_V1(annoy_metric);
PG_FUNCTION_INFO_V1(annoy_distance);
PG_FUNCTION_INFO_V1(annoy_distance_bit);
PG_FUNCTION_INFO_V1(annoy_norm);
PG_FUNCTION_INFO_V1(annoy_normalize);
PG_FUNCTION_INFO_V1(annoy_dims);
PG_FUNCTION_INFO_V1(annoy_dims_bit);

PG_FUNCTION_INFO_V1(annoy_l2_metric);
PG_FUNCTION_INFO_V1(annoy_cosine_metric);
PG_FUNCTION_INFO_V1(annoy_ip_metric);
PG_FUNCTION_INFO_V1(annoy_l1_metric);
PG_FUNCTION_INFO_V1(annoy_hamming_metric);

PG_FUNCTION_INFO_V1(annoy_vector_layout);
PG_FUNCTION_INFO_V1(annoy_halfvec_layout);

/*
 * Read a value that has to be converted, of which each call but the first is likely
 * to get the same: text as an array of elements of that type, or, without a type, an
 * array.
 */
static AnnoyVector
read_converted(FmgrInfo *flinfo, struct varlena *value, Oid element_type)
{
	ConvertedVector *cache = flinfo->fn_extra;
	Size		size = VARSIZE(value);
	AnnoyVector vec;
	MemoryContext old_context;

	if (cache != NULL && VARSIZE(cache->value) == size &&
		memcmp(cache->value, value, size) == 0)
		return cache->vec;

	/* This errors out, or leaves rubbish in the caller's short-lived context. */
	vec = AnnoyReadArray(OidIsValid(element_type) ?
						 AnnoyReadText(get_array_type(element_type),
									   text_to_cstring((text *) value)) :
						 PointerGetDatum(value));

	if (cache != NULL)
	{
		flinfo->fn_extra = NULL;
		pfree(cache->value);
		pfree((void *) cache->vec.data);
		pfree(cache);
	}

	old_context = MemoryContextSwitchTo(flinfo->fn_mcxt);
	cache = palloc(sizeof(ConvertedVector));
	cache->value = memcpy(palloc(size), value, size);
	cache->vec = AnnoyCopyVector(&vec);
	MemoryContextSwitchTo(old_context);
	flinfo->fn_extra = cache;

	return cache->vec;
}

/*
 * Read the second argument of a distance function.
 *
 * ARRAY[0.1, 0.2] is an array of numeric, and converting it takes far longer
 * than the distance does.  So do that once, not for each row.
 */
static AnnoyVector
read_right_array(FunctionCallInfo fcinfo)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);

	if (ARR_ELEMTYPE(array) == NUMERICOID && fcinfo->flinfo != NULL)
		return read_converted(fcinfo->flinfo, (struct varlena *) array, InvalidOid);

	return AnnoyReadArray(PointerGetDatum(array));
}

static double
array_distance(FunctionCallInfo fcinfo, AnnoyMetric metric)
{
	AnnoyVector x = AnnoyReadArray(PG_GETARG_DATUM(0));
	AnnoyVector y = read_right_array(fcinfo);

	AnnoyCheckSameDimensions(&x, &y);
	return AnnoyDistance(metric, &x, &y);
}

Datum
annoy_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_distance(fcinfo, ANNOY_L2));
}

Datum
annoy_cosine_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_distance(fcinfo, ANNOY_COSINE));
}

Datum
annoy_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_distance(fcinfo, ANNOY_IP));
}

Datum
annoy_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_distance(fcinfo, ANNOY_L1));
}

Datum
annoy_hamming_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(array_distance(fcinfo, ANNOY_HAMMING));
}

/*
 * The same with one argument that is text, which PostgreSQL takes a literal for, or a
 * parameter without a type: it is read as an array of the other one's type.  A distance
 * is the same in both directions, to the last bit.
 *
 * Each order of arguments has C functions of its own, as not every caller tells which
 * types they are of.
 */
static double
text_distance(FunctionCallInfo fcinfo, AnnoyMetric metric, int text_arg)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1 - text_arg);
	AnnoyVector x = AnnoyReadArray(PointerGetDatum(array));
	AnnoyVector y = read_converted(fcinfo->flinfo, PG_GETARG_TEXT_P(text_arg),
								   ARR_ELEMTYPE(array));

	AnnoyCheckSameDimensions(&x, &y);
	return AnnoyDistance(metric, &x, &y);
}

Datum
annoy_l2_distance_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_L2, 1));
}

Datum
annoy_cosine_distance_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_COSINE, 1));
}

Datum
annoy_negative_inner_product_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_IP, 1));
}

Datum
annoy_l1_distance_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_L1, 1));
}

Datum
annoy_hamming_distance_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_HAMMING, 1));
}

Datum
annoy_text_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_L2, 0));
}

Datum
annoy_text_cosine_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_COSINE, 0));
}

Datum
annoy_text_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_IP, 0));
}

Datum
annoy_text_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_L1, 0));
}

Datum
annoy_text_hamming_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(text_distance(fcinfo, ANNOY_HAMMING, 0));
}

Datum
annoy_hamming_distance_bit(PG_FUNCTION_ARGS)
{
	AnnoyVector x = AnnoyReadBits(PG_GETARG_DATUM(0));
	AnnoyVector y = AnnoyReadBits(PG_GETARG_DATUM(1));

	AnnoyCheckSameDimensions(&x, &y);
	PG_RETURN_FLOAT8(AnnoyDistance(ANNOY_HAMMING, &x, &y));
}

/*
 * What Annoy calls the angular distance: the Euclidean distance of the
 * normalized vectors.
 */
Datum
annoy_angular_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(AnnoyNativeDistance(ANNOY_COSINE, array_distance(fcinfo, ANNOY_COSINE)));
}

Datum
annoy_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(AnnoyNativeDistance(ANNOY_IP, array_distance(fcinfo, ANNOY_IP)));
}

/*
 * The name under which Annoy knows a metric.
 */
Datum
annoy_metric(PG_FUNCTION_ARGS)
{
	AnnoyMetric metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(AnnoyMetricName(metric)));
}

/*
 * The distance that Annoy returns for a metric that is given by its name.
 */
Datum
annoy_distance(PG_FUNCTION_ARGS)
{
	AnnoyMetric metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	AnnoyVector x = AnnoyReadArray(PG_GETARG_DATUM(1));
	AnnoyVector y = AnnoyReadArray(PG_GETARG_DATUM(2));

	AnnoyCheckSameDimensions(&x, &y);
	PG_RETURN_FLOAT8(AnnoyNativeDistance(metric, AnnoyDistance(metric, &x, &y)));
}

Datum
annoy_distance_bit(PG_FUNCTION_ARGS)
{
	AnnoyMetric metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	AnnoyVector x = AnnoyReadBits(PG_GETARG_DATUM(1));
	AnnoyVector y = AnnoyReadBits(PG_GETARG_DATUM(2));

	if (metric != ANNOY_HAMMING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bit strings have no %s distance", AnnoyMetricName(metric)),
				 errhint("Their metric is \"hamming\".")));
	AnnoyCheckSameDimensions(&x, &y);
	PG_RETURN_FLOAT8(AnnoyDistance(ANNOY_HAMMING, &x, &y));
}

Datum
annoy_norm(PG_FUNCTION_ARGS)
{
	AnnoyVector vec = AnnoyReadArray(PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(AnnoyVectorNorm(&vec));
}

/*
 * The vector divided by its norm, or the same vector if that is zero.
 */
Datum
annoy_normalize(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Oid			elemtype = ARR_ELEMTYPE(array);
	AnnoyVector vec = AnnoyReadArray(PointerGetDatum(array));
	double	   *data = palloc(AnnoyVectorSize(ANNOY_FLOAT64, vec.dim));
	double		largest = 0;
	double		norm;
	int			exponent;

	AnnoyCheckFinite(&vec);

	for (int i = 0; i < vec.dim; i++)
	{
		data[i] = AnnoyVectorComponent(&vec, i);
		largest = Max(largest, fabs(data[i]));
	}

	/* Scale it first, lest the norm be infinite or too small to divide by. */
	(void) frexp(largest, &exponent);
	for (int i = 0; i < vec.dim; i++)
		data[i] = ldexp(data[i], -exponent);

	vec.dtype = ANNOY_FLOAT64;
	vec.data = data;
	norm = AnnoyVectorNorm(&vec);
	if (norm == 0)
		norm = 1;

	for (int i = 0; i < vec.dim; i++)
		data[i] /= norm;

	PG_RETURN_DATUM(AnnoyMakeDatum(elemtype == FLOAT4OID ? FLOAT4ARRAYOID : FLOAT8ARRAYOID,
								   ANNOY_LAYOUT_NATIVE, &vec));
}

Datum
annoy_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(AnnoyReadArray(PG_GETARG_DATUM(0)).dim);
}

Datum
annoy_dims_bit(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(AnnoyReadBits(PG_GETARG_DATUM(0)).dim);
}

/*
 * Support functions of the operator classes, which only say what the metric
 * is, and what values of a type look like.
 */

Datum
annoy_l2_metric(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_L2);
}

Datum
annoy_cosine_metric(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_COSINE);
}

Datum
annoy_ip_metric(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_IP);
}

Datum
annoy_l1_metric(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_L1);
}

Datum
annoy_hamming_metric(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_HAMMING);
}

Datum
annoy_vector_layout(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_LAYOUT_VECTOR);
}

Datum
annoy_halfvec_layout(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT32(ANNOY_LAYOUT_HALFVEC);
}
