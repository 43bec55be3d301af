/*-------------------------------------------------------------------------
 *
 * filter.h
 *	  Conditions of a scan on the index's columns: see filter.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_FILTER_H
#define ANNOY_FILTER_H

#include "access/relscan.h"

#include "scan/scan.h"

/* One condition on one of the further columns. */
typedef struct AnnoyFilterKey
{
	AttrNumber	attribute;		/* of the attributes' row type */
	bool		tests_null;		/* IS NULL or IS NOT NULL */
	bool		wants_null;
	FunctionCallInfo call;		/* otherwise: of column and value */
	int			n_values;		/* one has to make it true */
	Datum	   *values;
} AnnoyFilterKey;

typedef struct AnnoyFilter
{
	Relation	rel;
	const AnnoyIndex *index;
	TupleDesc	desc;			/* of attributes */
	MemoryContext context;		/* of one test */
	int			n_keys;			/* on attributes */
	AnnoyFilterKey *keys;
	bool		vectors;		/* may rows with a vector qualify? */
	bool		nulls;			/* and those without? */

	/* what came out of a sample, and so far */
	double		sample_rate;
	double		tested;
	double		passed;
} AnnoyFilter;

/* Is a condition of a scan that the vector is within a distance? */
static inline bool
AnnoyKeyIsWithin(const ScanKeyData *key)
{
	return key->sk_attno == 1 && key->sk_strategy == ANNOY_WITHIN_STRATEGY &&
		(key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)) == 0;
}

typedef void (*AnnoyFilterCallback) (const AnnoyPointer *item, void *arg);

extern AnnoyFilter *AnnoyFilterMake(IndexScanDesc scan, const AnnoyIndex *index);
extern void AnnoyFilterSample(AnnoyFilter *filter);
extern double AnnoyFilterRate(const AnnoyFilter *filter);
extern void AnnoyFilterPrefetch(AnnoyFilter *filter, Buffer buffer,
								const AnnoyPointer *item);
extern bool AnnoyFilterItem(AnnoyFilter *filter, Buffer buffer,
							const AnnoyPointer *item);
extern double AnnoyFilterWalk(AnnoyFilter *filter, AnnoyFilterCallback callback,
							  void *arg);

#endif							/* ANNOY_FILTER_H */
