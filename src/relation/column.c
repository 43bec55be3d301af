/*-------------------------------------------------------------------------
 *
 * column.c
 *	  Vectors of the indexed column, and queries for it.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/column.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varbit.h"

#include "annoy.h"
#include "error.h"
#include "relation/relation.h"
#include "type/type.h"

/*
 * Read a value that the indexed column has in a row of the index.  This may detoast,
 * so it may process invalidation messages.
 */
AnnoyVector
AnnoyReadIndexed(Relation rel, Datum value)
{
	Oid			type = rel->rd_opcintype[0];
	AnnoyLayout layout = AnnoyIndexLayout(rel);

	if (type == BITOID || type == VARBITOID)
		return AnnoyReadBits(value);
	return layout == ANNOY_LAYOUT_NATIVE ? AnnoyReadArray(value) : AnnoyReadLayout(value, layout);
}

/*
 * Read a value of the indexed column, or a query for it: an array (of any type
 * that an operator of the family takes), a bit string, or what the operator class
 * says.  All that can be wrong with it raises an error, except its length.
 */
AnnoyVector
AnnoyReadColumn(Relation rel, Datum value)
{
	AnnoyVector vec = AnnoyReadIndexed(rel, value);

	if (vec.dtype != ANNOY_BIT)
		AnnoyCheckFinite(&vec);
	return vec;
}

/*
 * A vector as a value of the indexed column, or a query for it.
 */
Datum
AnnoyMakeColumn(Relation rel, const AnnoyVector *vec)
{
	return AnnoyMakeDatum(rel->rd_opcintype[0], AnnoyIndexLayout(rel), vec);
}

/*
 * Could that value of the column be in the index?  The same as AnnoyReadColumn,
 * AnnoyCheckDimensions and AnnoyConvertVector, without errors.
 */
bool
AnnoyColumnFits(Relation rel, const AnnoyIndex *index, Datum value)
{
	Oid			type = rel->rd_opcintype[0];
	int			expected = index->dim > 0 ? index->dim : AnnoyOptionDimensions(rel);
	AnnoyLayout layout = AnnoyIndexLayout(rel);
	AnnoyVector vec;
	double		component;

	if (type == BITOID || type == VARBITOID)
	{
		int			bits = VARBITLEN(DatumGetVarBitP(value));

		return bits > 0 && bits <= ANNOY_MAX_DIMENSIONS &&
			(expected == 0 || bits == expected);
	}
	else if (layout != ANNOY_LAYOUT_NATIVE)
	{
		/* the type sees to it that its values are sound */
		int			dim = AnnoyLayoutDimensions(value);

		if (dim < 1 || dim > ANNOY_MAX_DIMENSIONS || (expected > 0 && dim != expected))
			return false;
		vec = AnnoyReadLayout(value, layout);
		return AnnoyFindNotFinite(&vec, &component) < 0 &&
			AnnoyVectorFits(&vec, index->dtype);
	}
	else
	{
		ArrayType  *array = DatumGetArrayTypeP(value);

		if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] > ANNOY_MAX_DIMENSIONS ||
			(expected > 0 && ARR_DIMS(array)[0] != expected) ||
			array_contains_nulls(array))
			return false;
		vec = AnnoyReadArray(PointerGetDatum(array));
		return AnnoyFindNotFinite(&vec, &component) < 0 &&
			AnnoyVectorFits(&vec, index->dtype);
	}
}

/*
 * The vector of an item as a query for the column, which it has to be a value of, as
 * it once was: what a damaged page makes of it may not be.
 */
Datum
AnnoyItemAsQuery(Relation rel, const AnnoyIndex *index, const AnnoyPointer *pointer,
				 const AnnoyVector *vec)
{
	Datum		value = AnnoyMakeColumn(rel, vec);

	if (!AnnoyColumnFits(rel, index, value))
		AnnoyReportCorruption(rel, ItemPointerGetBlockNumberNoCheck(pointer),
							  "The vector in slot %u is none of the column.",
							  ItemPointerGetOffsetNumberNoCheck(pointer));
	return value;
}

/*
 * SQL for a table or an index.
 */
char *
AnnoyQualifiedName(Oid oid)
{
	return quote_qualified_identifier(get_namespace_name_or_temp(get_rel_namespace(oid)),
									  get_rel_name(oid));
}

/*
 * A hint for those who want other dimensions than an index has, whose rows are
 * gone or will be.  What is said works whatever else there is: VACUUM may pass
 * over indexes in which little is dead, and cannot lock an index while it has
 * workers.
 */
int
AnnoyHintForget(Relation rel, int dim)
{
	return errhint("When no row with %d dimensions is left, others can follow after VACUUM (INDEX_CLEANUP ON, PARALLEL 0) %s, or REINDEX INDEX %s.",
				   dim, AnnoyQualifiedName(rel->rd_index->indrelid),
				   AnnoyQualifiedName(RelationGetRelid(rel)));
}

/*
 * Raise an error unless a vector has the dimensions of the index: those of its
 * items or, if it has none yet, those it was declared with.  To miss the latter
 * is like storing '101' in a column of type bit(4), and has that SQLSTATE.
 * `inserted' tells that the vector is that of a new row.
 */
static void
check_dimensions(Relation rel, const AnnoyIndex *index, const AnnoyVector *vec,
				 bool inserted)
{
	int			declared = AnnoyOptionDimensions(rel);
	int			expected = index->dim > 0 ? index->dim : declared;

	if (expected > 0 && vec->dim != expected)
		ereport(ERROR,
				(errcode(declared == expected ? ERRCODE_STRING_DATA_LENGTH_MISMATCH :
						 ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", expected, vec->dim),
				 declared == expected ?
				 errdetail("Index \"%s\" was created with the storage parameter dimensions = %d.",
						   RelationGetRelationName(rel), declared) :
				 errdetail("All vectors in index \"%s\" have the same number of dimensions.",
						   RelationGetRelationName(rel)),
				 inserted && declared != expected ? AnnoyHintForget(rel, expected) : 0));
}

/*
 * The same for a query, or for a row in a build.
 */
void
AnnoyCheckDimensions(Relation rel, const AnnoyIndex *index,
					 const AnnoyVector *vec)
{
	check_dimensions(rel, index, vec, false);
}

/*
 * The same for a row that is inserted.
 */
void
AnnoyCheckNewDimensions(Relation rel, const AnnoyIndex *index,
						const AnnoyVector *vec)
{
	check_dimensions(rel, index, vec, true);
}
