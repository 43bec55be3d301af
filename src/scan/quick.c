/*-------------------------------------------------------------------------
 *
 * quick.c
 *	  Testing conditions without calling their operators' functions.
 *
 * A walk over all attributes tests a million rows for one query.  To get at a value
 * and to call a function takes ten times as long as what there is to be compared.  So
 * for the most common conditions it is known here what their operators say:
 *
 *	numbers		Values of types that are compared as numbers are.  A condition is that
 *				the value is within an interval of whole numbers, to which those of
 *				float types are mapped in their order.
 *	elements	&& and @> of arrays whose elements are equal if their bytes are.
 *
 * If all conditions are of the first kind, on columns behind others of fixed length,
 * a tuple without NULLs need not even be taken apart.
 *
 * What cannot be told here, because of what a value looks like, the function is asked.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/quick.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/tupmacs.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "scan/filter.h"

/* Elements of arrays that a condition asks for, at most. */
#define MOST_ELEMENTS	64

/*
 * Which numbers a type's values are; ANNOY_QUICK_NONE if they are not.
 */
static AnnoyQuickKind
number_kind(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return ANNOY_QUICK_BOOL;
		case INT2OID:
			return ANNOY_QUICK_INT2;
		case INT4OID:
		case DATEOID:
			return ANNOY_QUICK_INT4;
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return ANNOY_QUICK_INT8;
		case FLOAT4OID:
			return ANNOY_QUICK_FLOAT4;
		case FLOAT8OID:
			return ANNOY_QUICK_FLOAT8;
		default:
			return ANNOY_QUICK_NONE;
	}
}

/*
 * Are values of two types compared as the same numbers?  Dates and timestamps are not.
 */
static bool
are_same_numbers(Oid left, Oid right)
{
	bool		is_integer = left == INT2OID || left == INT4OID || left == INT8OID;
	bool		is_float = left == FLOAT4OID || left == FLOAT8OID;

	return left == right ||
		(is_integer && (right == INT2OID || right == INT4OID || right == INT8OID)) ||
		(is_float && (right == FLOAT4OID || right == FLOAT8OID));
}

/*
 * A whole number for a float, in the order of floats: zeros are equal, and so are
 * NaNs, which are above all others.
 */
static inline int64
float_number(float8 value)
{
	int64		bits;

	if (isnan(value))
		return PG_INT64_MAX;
	if (value == 0)
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT64_MAX : bits;
}

static inline int64
number(AnnoyQuickKind kind, Datum value)
{
	switch (kind)
	{
		case ANNOY_QUICK_BOOL:
			return DatumGetBool(value);
		case ANNOY_QUICK_INT2:
			return DatumGetInt16(value);
		case ANNOY_QUICK_INT4:
			return DatumGetInt32(value);
		case ANNOY_QUICK_INT8:
			return DatumGetInt64(value);
		case ANNOY_QUICK_FLOAT4:
			return float_number(DatumGetFloat4(value));
		case ANNOY_QUICK_FLOAT8:
			return float_number(DatumGetFloat8(value));
		default:
			pg_unreachable();
	}
}

/*
 * The numbers for which a comparison with another one is true.
 */
static AnnoyInterval
make_interval(int strategy, int64 with)
{
	AnnoyInterval interval = {PG_INT64_MIN, PG_INT64_MAX};
	bool		is_none = false;

	switch (strategy)
	{
		case BTLessStrategyNumber:
			is_none = with == PG_INT64_MIN;
			if (!is_none)
				interval.high = with - 1;
			break;
		case BTLessEqualStrategyNumber:
			interval.high = with;
			break;
		case BTEqualStrategyNumber:
			interval.low = interval.high = with;
			break;
		case BTGreaterEqualStrategyNumber:
			interval.low = with;
			break;
		case BTGreaterStrategyNumber:
			is_none = with == PG_INT64_MAX;
			if (!is_none)
				interval.low = with + 1;
			break;
	}
	if (is_none)
	{
		interval.low = 1;
		interval.high = 0;
	}
	return interval;
}

/*
 * Where a column's values are in tuples without NULLs, or -1 if not all columns
 * before it are of fixed length.
 */
static int
column_offset(TupleDesc desc, AttrNumber number)
{
	int			offset = 0;

	for (int i = 0; i < number; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attlen < 0)
			return -1;
		offset = att_align_nominal(offset, attribute->attalign);
		if (i < number - 1)
			offset += attribute->attlen;
	}
	return MAXALIGN(sizeof(IndexTupleData)) + offset;
}

/*
 * A condition on numbers: returns false if it is none.
 */
static bool
make_numbers(const AnnoyFilter *filter, Oid operator, Oid left, Oid right, AnnoyFilterKey *key)
{
	Form_pg_attribute attribute = TupleDescAttr(filter->desc, key->attribute - 1);
	AnnoyQuick *quick = &key->quick;
	int			strategy;

	if (number_kind(left) == ANNOY_QUICK_NONE || !are_same_numbers(left, right) ||
		!attribute->attbyval || !get_typbyval(right))
		return false;
	strategy = get_op_opfamily_strategy(operator,
										lookup_type_cache(left, TYPECACHE_BTREE_OPFAMILY)->btree_opf);
	if (strategy == InvalidStrategy)
		return false;
	quick->kind = number_kind(left);
	quick->offset = column_offset(filter->desc, key->attribute);
	quick->length = attribute->attlen;
	quick->intervals = palloc(sizeof(AnnoyInterval) * key->n_values);
	for (int i = 0; i < key->n_values; i++)
		quick->intervals[i] = make_interval(strategy, number(number_kind(right), key->values[i]));
	return true;
}

/*
 * Are values of a type equal if, and only if, their bytes are?  Not those of character,
 * as blanks at the end do not count: not all versions of its operator class know that.
 */
static bool
is_equal_by_bytes(const TypeCacheEntry *type, Oid collation)
{
	Oid			function;

	if (!OidIsValid(type->btree_opf) || type->btree_opintype == BPCHAROID)
		return false;
	function = get_opfamily_proc(type->btree_opf, type->btree_opintype, type->btree_opintype,
								 BTEQUALIMAGE_PROC);
	return OidIsValid(function) &&
		DatumGetBool(OidFunctionCall1Coll(function, collation,
										  ObjectIdGetDatum(type->btree_opintype)));
}

/*
 * A condition on the elements of an array: returns false if it is none.
 */
static bool
make_elements(Oid operator, Oid collation, AnnoyFilterKey *key)
{
	AnnoyQuick *quick = &key->quick;
	TypeCacheEntry *type;
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	if ((operator != OID_ARRAY_OVERLAP_OP && operator != OID_ARRAY_CONTAINS_OP) ||
		key->n_values != 1)
		return false;
	array = DatumGetArrayTypeP(key->values[0]);
	type = lookup_type_cache(ARR_ELEMTYPE(array), TYPECACHE_BTREE_OPFAMILY);
	if (type->typlen < -1 || !is_equal_by_bytes(type, collation))
		return false;
	deconstruct_array(array, type->type_id, type->typlen, type->typbyval, type->typalign,
					  &values, &nulls, &n);
	if (n > MOST_ELEMENTS)
		return false;
	quick->elements = palloc0(sizeof(AnnoyElement) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		AnnoyElement *element = &quick->elements[quick->n_elements];

		/* NULL is no element of anything */
		if (nulls[i] && operator == OID_ARRAY_CONTAINS_OP)
			return false;
		if (nulls[i])
			continue;
		quick->n_elements++;
		if (type->typlen == -1)
		{
			element->bytes = VARDATA_ANY(DatumGetPointer(values[i]));
			element->length = VARSIZE_ANY_EXHDR(DatumGetPointer(values[i]));
			continue;
		}
		element->length = type->typlen;
		element->bytes = DatumGetPointer(values[i]);
		if (type->typbyval)
		{
			char	   *bytes = palloc(sizeof(Datum));

			store_att_byval(bytes, values[i], type->typlen);
			element->bytes = bytes;
		}
	}
	quick->kind = ANNOY_QUICK_ELEMENTS;
	quick->offset = -1;
	quick->length = type->typlen;
	quick->type = type;
	quick->wants_all = operator == OID_ARRAY_CONTAINS_OP;
	return true;
}

/*
 * See whether a condition can be tested here, with the values that it has.
 */
void
AnnoyQuickMake(const AnnoyFilter *filter, ScanKey scan_key, AnnoyFilterKey *key)
{
	Oid			left = filter->rel->rd_opcintype[scan_key->sk_attno - 1];
	Oid			right;
	Oid			operator = AnnoyConditionOperator(filter->rel, scan_key, &right);

	if (OidIsValid(operator) && !make_numbers(filter, operator, left, right, key))
		(void) make_elements(operator, scan_key->sk_collation, key);
}

/*
 * Can all conditions be tested without taking tuples apart?  Then, how long a tuple
 * has to be for that, or else 0.
 */
int
AnnoyQuickSize(const AnnoyFilter *filter)
{
	int			size = 0;

	for (int i = 0; i < filter->n_keys; i++)
	{
		const AnnoyQuick *quick = &filter->keys[i].quick;

		if (quick->kind == ANNOY_QUICK_NONE || quick->offset < 0)
			return 0;
		size = Max(size, quick->offset + quick->length);
	}
	return size;
}

static inline bool
number_passes(const AnnoyFilterKey *key, Datum value)
{
	int64		n = number(key->quick.kind, value);
	const AnnoyInterval *intervals = key->quick.intervals;

	for (int i = 0; i < key->n_values; i++)
	{
		if (n >= intervals[i].low && n <= intervals[i].high)
			return true;
	}
	return false;
}

/*
 * Does a tuple pass that has no NULLs, and the size that it takes?
 */
bool
AnnoyQuickTuplePasses(const AnnoyFilter *filter, IndexTuple tuple)
{
	for (int i = 0; i < filter->n_keys; i++)
	{
		const AnnoyFilterKey *key = &filter->keys[i];

		if (!number_passes(key, fetch_att((char *) tuple + key->quick.offset, true,
										  key->quick.length)))
			return false;
	}
	return true;
}

/*
 * The element of an array that begins at an offset, or behind, if it ends within so
 * many bytes.  The array may be anywhere in memory.  Returns where it ends, or 0.
 */
static inline Size
next_element(const AnnoyQuick *quick, const char *array, Size size, Size at,
			 AnnoyElement *element)
{
	union
	{
		uint32		word;
		char		bytes[VARHDRSZ];
	}			header;

	at = att_align_nominal(at, quick->type->typalign);
	if (quick->length >= 0)
	{
		element->bytes = array + at;
		element->length = quick->length;
		return at + quick->length <= size ? at + quick->length : 0;
	}
	if (at + VARHDRSZ > size)
		return 0;
	memcpy(header.bytes, array + at, VARHDRSZ);
	if (!VARATT_IS_4B_U(header.bytes) || VARSIZE_4B(header.bytes) < VARHDRSZ ||
		VARSIZE_4B(header.bytes) > size - at)
		return 0;
	element->bytes = array + at + VARHDRSZ;
	element->length = VARSIZE_4B(header.bytes) - VARHDRSZ;
	return at + VARHDRSZ + element->length;
}

/*
 * Does an array pass?  Returns false if that cannot be told here.
 */
static bool
elements_pass(const AnnoyQuick *quick, const char *value, bool *passes)
{
	uint64		all = quick->n_elements == MOST_ELEMENTS ? PG_UINT64_MAX :
	(UINT64CONST(1) << quick->n_elements) - 1;
	uint64		found = 0;
	ArrayType	header;
	const char *array;
	Size		size;
	Size		at = ARR_OVERHEAD_NONULLS(1);
	int			n = 0;

	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
		return false;
	/* as if its header were a long one */
	array = VARDATA_ANY(value) - VARHDRSZ;
	size = VARSIZE_ANY_EXHDR(value) + VARHDRSZ;
	if (size < sizeof(ArrayType))
		return false;
	memcpy((char *) &header + VARHDRSZ, array + VARHDRSZ, sizeof(ArrayType) - VARHDRSZ);
	if (header.elemtype != quick->type->type_id || header.dataoffset != 0 ||
		header.ndim < 0 || header.ndim > 1 || (header.ndim == 1 && size < at))
		return false;
	if (header.ndim == 1)
		memcpy(&n, array + sizeof(ArrayType), sizeof(n));
	for (int i = 0; i < n; i++)
	{
		AnnoyElement element;

		at = next_element(quick, array, size, at, &element);
		if (at == 0)
			return false;
		for (int j = 0; j < quick->n_elements; j++)
		{
			if (element.length == quick->elements[j].length &&
				memcmp(element.bytes, quick->elements[j].bytes, element.length) == 0)
				found |= UINT64CONST(1) << j;
		}
		if (!quick->wants_all && found != 0)
			break;
	}
	*passes = quick->wants_all ? found == all : found != 0;
	return true;
}

/*
 * Does a value meet a condition?  Returns false if that cannot be told here.
 */
bool
AnnoyQuickPasses(const AnnoyFilterKey *key, Datum value, bool *passes)
{
	if (key->quick.kind == ANNOY_QUICK_NONE)
		return false;
	if (key->quick.kind == ANNOY_QUICK_ELEMENTS)
		return elements_pass(&key->quick, DatumGetPointer(value), passes);
	*passes = number_passes(key, value);
	return true;
}
