/*-------------------------------------------------------------------------
 *
 * describe.c
 *	  What is known of an index from a few numbers: the shape of its nodes, codes
 *	  and items, and how many of these there may be.
 *
 * meta.c reads and writes the numbers.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/describe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/heaptoast.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "annoy.h"
#include "space/space.h"
#include "storage/storage.h"
#include "type/type.h"

/*
 * Codes of about this many bits per entry: fewer dimensions get more bits
 * each, more dimensions get one.  See docs/measurements.md.
 */
#define LEAF_CODE_BITS		256
#define INNER_CODE_BITS		256
#define MAX_CODE_BITS_PER_DIM	8

/*
 * Up to here a centre takes two bytes per dimension, which keeps codes sharp
 * in clusters that are small and far apart.
 */
#define MEDIUM_DIM			256

/*
 * From here on a centre takes half a byte per dimension instead of one, and
 * codes cover only so many dimensions, so that a node keeps its fan-out.
 */
#define LARGE_DIM			1024

/* No index has more vectors: a pointer to an item has so many bits. */
#define MOST_ITEMS			ldexp(1.0, 48)

static void
set_codec(AnnoyIndex *index, AnnoyCodec *codec, int code_bits, int signature_bytes)
{
	Size		space = ANNOY_PAGE_CAPACITY - MAXALIGN(sizeof(AnnoyNodeData)) -
	index->centre_bytes;

	codec->bits = Min(Max(code_bits / index->space_dim, 1), MAX_CODE_BITS_PER_DIM);
	codec->dims = Min(index->space_dim, LARGE_DIM);
	codec->bytes = codec->bits * codec->dims / 8;
	codec->signature_bytes = signature_bytes;
	codec->block_size = ANNOY_BLOCK_SIZE(codec->bytes, signature_bytes);
	codec->capacity = space / codec->block_size * ANNOY_BLOCK_ENTRIES;
	codec->capacity = Min(codec->capacity, ANNOY_MAX_ENTRIES);
	Assert(codec->capacity >= ANNOY_BLOCK_ENTRIES);
	Assert(codec->bytes <= ANNOY_MAX_CODE_BYTES && codec->bytes % 2 == 0);
}

/*
 * Make the description of an index that was declared like that one, as one piece of
 * memory in the current context.  With dim = 0, only what does not depend on it is
 * filled in.  Without a mean, the search space is not known.  There are no bounds, until
 * they are attached.
 */
AnnoyIndex *
AnnoyMakeIndex(const AnnoyIndex *declared, int dim, int scale_exponent, const float *mean)
{
	int			space_dim = dim > 0 ? AnnoySpaceDim(dim) : 0;
	AnnoyIndex *index;

	index = palloc0(MAXALIGN(sizeof(AnnoyIndex)) +
					MAXALIGN(sizeof(float) * space_dim * (ANNOY_ROTATION_ROUNDS + 1)));
	index->metric = declared->metric;
	index->dtype = declared->dtype;
	index->in_table = declared->in_table;
	index->auto_dtype = declared->auto_dtype;
	index->zeros_last = declared->zeros_last;
	index->n_trees = declared->n_trees;
	index->n_entries = declared->n_entries;
	index->seed = declared->seed;
	index->attributes_size = declared->attributes_size;
	memcpy(index->signature_columns, declared->signature_columns, ANNOY_MAX_SIGNATURE);
	index->dim = dim;
	while (index->leaf.signature_bytes < ANNOY_MAX_SIGNATURE &&
		   index->signature_columns[index->leaf.signature_bytes] != 0)
		index->leaf.signature_bytes++;
	index->bounds_block = InvalidBlockNumber;
	if (dim <= 0)
		return index;

	index->space_dim = space_dim;
	index->scale_exponent = scale_exponent;
	index->scale = ldexp(1.0, scale_exponent);
	AnnoyIndexSetPointers(index);
	index->has_space = mean != NULL;
	if (mean != NULL)
		memcpy(index->mean, mean, sizeof(float) * dim);
	AnnoyMakeSigns(index->seed, space_dim, index->signs);

	index->centre_bits = space_dim > LARGE_DIM ? 4 : space_dim > MEDIUM_DIM ? 8 : 16;
	index->centre_bytes = space_dim * index->centre_bits / 8;
	set_codec(index, &index->leaf, LEAF_CODE_BITS, index->leaf.signature_bytes);
	set_codec(index, &index->inner, INNER_CODE_BITS, 0);
	AnnoyItemGeometry(index);
	return index;
}

/*
 * What a support function of an index's operator class returns, which has to be one of a
 * range of numbers; `what' they stand for.
 */
static int32
support_value(Relation rel, int function, int32 least, int32 most, const char *what)
{
	int32		value = DatumGetInt32(FunctionCall0Coll(index_getprocinfo(rel, 1, function),
														InvalidOid));

	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("support function %d of the operator class of index \"%s\" returned %d, which is no %s",
						function, RelationGetRelationName(rel), value, what)));
	return value;
}

/*
 * The metric of an index's operator class.
 */
AnnoyMetric
AnnoyIndexMetric(Relation rel)
{
	return support_value(rel, ANNOY_METRIC_PROC, ANNOY_L2, ANNOY_HAMMING, "metric");
}

/*
 * How values of the indexed column are read.
 */
AnnoyLayout
AnnoyIndexLayout(Relation rel)
{
	Oid			type = rel->rd_opcintype[0];

	if (type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID ||
		type == BITOID || type == VARBITOID)
		return ANNOY_LAYOUT_NATIVE;
	if (!OidIsValid(index_getprocid(rel, 1, ANNOY_LAYOUT_PROC)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("access method \"annoy\" cannot index type %s", format_type_be(type)),
				 errdetail("The operator class of index \"%s\" has no support function %d.",
						   RelationGetRelationName(rel), ANNOY_LAYOUT_PROC)));
	return support_value(rel, ANNOY_LAYOUT_PROC, ANNOY_LAYOUT_VECTOR, ANNOY_LAYOUT_HALFVEC,
						 "layout");
}

/*
 * The type of the components of values of the indexed column.
 */
AnnoyDtype
AnnoyColumnDtype(Relation rel)
{
	switch (AnnoyIndexLayout(rel))
	{
		case ANNOY_LAYOUT_VECTOR:
			return ANNOY_FLOAT32;
		case ANNOY_LAYOUT_HALFVEC:
			return ANNOY_FLOAT16;
		case ANNOY_LAYOUT_NATIVE:
			break;
	}
	switch (rel->rd_opcintype[0])
	{
		case FLOAT4ARRAYOID:
			return ANNOY_FLOAT32;
		case FLOAT8ARRAYOID:
			return ANNOY_FLOAT64;
		default:
			return ANNOY_BIT;
	}
}

/*
 * The type in which a new index is to store vectors: what it was declared with.
 * Without that, it is decided with the dimensions; until then, the type is that of the
 * column.  For hamming only one bit of each component counts, whatever the column's
 * type.
 *
 * If an index is not to store vectors, the type is that of the column, to which they are
 * converted when they have been read from the table.
 */
void
AnnoyDeclareDtype(Relation rel, AnnoyIndex *index)
{
	bool		hamming = AnnoyIndexMetric(rel) == ANNOY_HAMMING;
	AnnoyDtype	native = AnnoyColumnDtype(rel);
	int			declared = AnnoyOptionDtype(rel);

	if (native == ANNOY_BIT && !hamming)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("access method \"annoy\" cannot index type %s with metric \"%s\"",
						format_type_be(rel->rd_opcintype[0]),
						AnnoyMetricName(AnnoyIndexMetric(rel)))));

	if (declared == ANNOY_DTYPE_AUTO &&
		(annoy_default_dtype == ANNOY_DTYPE_NONE ||
		 (annoy_default_dtype == ANNOY_BIT) == hamming))
		declared = annoy_default_dtype;
	index->auto_dtype = declared == ANNOY_DTYPE_AUTO && !hamming;
	index->in_table = declared == ANNOY_DTYPE_NONE;
	index->dtype = hamming ? ANNOY_BIT : native;
	if (declared == ANNOY_DTYPE_AUTO || declared == ANNOY_DTYPE_NONE)
		return;
	index->dtype = declared;
	if ((index->dtype == ANNOY_BIT) != hamming)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("index \"%s\" cannot store vectors as %s",
						RelationGetRelationName(rel), AnnoyDtypeName(index->dtype)),
				 hamming ?
				 errdetail("For Hamming distance, vectors are stored as bits.") :
				 errdetail("Only Hamming distance can be computed from bits."),
				 hamming ?
				 errhint("Leave out the storage parameter dtype.") :
				 errhint("Valid values of dtype are \"int8\", \"float16\", \"float32\", \"float64\" and \"none\" here.")));
}

/*
 * Will a vector be in its row, rather than out of line?  There, PostgreSQL puts the
 * longest value first when a row is too long.  What else is in the row is not known.
 */
bool
AnnoyVectorIsInRow(Relation rel, const AnnoyVector *vec)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), 0);
	Size		size = VARHDRSZ + AnnoyVectorSize(vec->dtype, vec->dim);

	if (AnnoyIndexLayout(rel) == ANNOY_LAYOUT_NATIVE)
		size += ARR_OVERHEAD_NONULLS(1) - VARHDRSZ;
	if (column->attstorage == TYPSTORAGE_PLAIN)
		return true;
	return MAXALIGN(SizeofHeapTupleHeader) + size <=
		(column->attstorage == TYPSTORAGE_MAIN ? TOAST_TUPLE_TARGET_MAIN : TOAST_TUPLE_THRESHOLD);
}

/*
 * Decide what an index stores whose dtype is automatic.  A vector that is in its row is
 * read from there at little cost.  One that is out of line takes several pages, and the
 * value of an expression is computed; so of these the index has what makes it read a few
 * only.  See docs/measurements.md.
 */
void
AnnoyChooseDtype(Relation rel, AnnoyIndex *index, bool in_row)
{
	if (!index->auto_dtype)
		return;
	index->in_table = in_row && rel->rd_index->indkey.values[0] != 0;
	index->dtype = index->in_table ? AnnoyColumnDtype(rel) : ANNOY_INT8;
}

/*
 * What an index is said to store: the name of a dtype, or "none".
 */
const char *
AnnoyStoredName(AnnoyDtype dtype, bool in_table)
{
	return in_table ? "none" : AnnoyDtypeName(dtype);
}

/*
 * Has a vector of zeros no distance?  So it is by cosine with layouts of others.
 */
bool
AnnoyZerosAreLast(Relation rel)
{
	return AnnoyIndexMetric(rel) == ANNOY_COSINE &&
		AnnoyIndexLayout(rel) != ANNOY_LAYOUT_NATIVE;
}

/*
 * Estimate the number of items from the size of the index.
 */
double
AnnoyEstimateItems(const AnnoyIndex *index, BlockNumber nblocks)
{
	double		bytes_per_item;

	if (index->dim == 0)
		return 0;

	/* nodes are about 60 % full */
	bytes_per_item = (double) index->group_pages * BLCKSZ / index->group_slots +
		index->n_trees * index->n_entries * BLCKSZ / (0.6 * index->leaf.capacity) +
		index->attributes_size;
	return Max((nblocks - index->n_trees - 2.0) * BLCKSZ / bytes_per_item, 1);
}

/*
 * Can a recall curve be used?  One without points is none, which is no fault.
 */
bool
AnnoyCurveIsValid(const AnnoyCurve *curve)
{
	if (curve->points == 0)
		return curve->items >= 0 && curve->items <= MOST_ITEMS;
	if (curve->points > ANNOY_CURVE_POINTS ||
		!(curve->items > 0 && curve->items <= MOST_ITEMS) ||
		curve->blocks == 0 || curve->queries[0] == 0)
		return false;
	for (int rank = 1; rank < ANNOY_CURVE_RANKS; rank++)
	{
		if (curve->queries[rank] > curve->queries[rank - 1])
			return false;
	}
	for (uint32 i = 0; i < curve->points; i++)
	{
		/* the last is all entries, in all trees, but for rounding */
		if (!(curve->effort[i] >= 1 &&
			  curve->effort[i] <= 2.001 * ANNOY_MAX_TREES * curve->items) ||
			(i > 0 && !(curve->effort[i] > curve->effort[i - 1])))
			return false;
		for (int rank = 0; rank < ANNOY_CURVE_RANKS; rank++)
		{
			const float *recall = curve->recall[rank];

			if (!(recall[i] >= 0 && recall[i] <= 1) ||
				(i > 0 && !(recall[i] >= recall[i - 1])))
				return false;
		}
	}
	if (!(curve->like >= 0 && isfinite(curve->like)))
		return false;
	for (int i = 0; i < ANNOY_CURVE_POINTS && curve->done[i] != 0; i++)
	{
		if (!(curve->done[i] > 0 && isfinite(curve->done[i]) &&
			  curve->most[i] >= curve->average[i] && isfinite(curve->most[i]) &&
			  curve->average[i] >= 1 && curve->average[i] <= curve->effort[curve->points - 1] &&
			  curve->found[i] >= 0 && curve->found[i] <= 1))
			return false;
		if (i > 0 && !(curve->done[i] > curve->done[i - 1] &&
					   curve->most[i] > curve->most[i - 1] &&
					   curve->average[i] > curve->average[i - 1] &&
					   curve->found[i] >= curve->found[i - 1]))
			return false;
	}
	return true;
}
