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

#include "relation/relation.h"
#include "scan/scan.h"

/* How conditions are tested without their operators' functions: see quick.c. */
typedef enum AnnoyQuickKind
{
	ANNOY_QUICK_NONE,			/* they are not */
	ANNOY_QUICK_BOOL,			/* numbers */
	ANNOY_QUICK_INT2,
	ANNOY_QUICK_INT4,
	ANNOY_QUICK_INT8,
	ANNOY_QUICK_FLOAT4,
	ANNOY_QUICK_FLOAT8,
	ANNOY_QUICK_ELEMENTS		/* of an array */
} AnnoyQuickKind;

/* Numbers, both ends included. */
typedef struct AnnoyInterval
{
	int64		low;
	int64		high;
} AnnoyInterval;

/* An element of an array. */
typedef struct AnnoyElement
{
	const char *bytes;
	Size		length;
} AnnoyElement;

typedef struct AnnoyQuick
{
	AnnoyQuickKind kind;
	int			offset;			/* of the value in a tuple without NULLs, or
								 * -1 */
	int			length;			/* of values, or of elements; -1 if it varies */
	AnnoyInterval *intervals;	/* for each of the condition's values */

	/* of arrays: elements that are asked for */
	TypeCacheEntry *type;
	AnnoyElement *elements;
	int			n_elements;
	bool		wants_all;		/* not just one of them */
} AnnoyQuick;

/* One condition on one of the further columns. */
typedef struct AnnoyFilterKey
{
	int			number;			/* of the scan's key */
	AttrNumber	attribute;		/* of the attributes' row type */
	bool		tests_null;		/* IS NULL or IS NOT NULL */
	bool		wants_null;
	FunctionCallInfo call;		/* otherwise: of column and value */
	int			n_values;		/* one has to make it true */
	Datum	   *values;
	AnnoyQuick	quick;
} AnnoyFilterKey;

typedef struct AnnoyFilter
{
	Relation	rel;
	const AnnoyIndex *index;
	TupleDesc	desc;			/* of attributes */
	MemoryContext context;		/* of one test */
	int			n_keys;			/* on attributes */
	AnnoyFilterKey *keys;
	int			quick_size;		/* of a tuple that quick tests do for, or 0 */
	bool		vectors;		/* may rows with a vector qualify? */
	bool		nulls;			/* and those without? */

	/* what signatures of entries have to be */
	AnnoySigner *signer;		/* NULL if there are none */
	AnnoySieve	sieve;

	/*
	 * Parts of the items, in a sample, that pass the sieve, and of these that
	 * meet the conditions; and what came of it so far: entries that were
	 * sifted, and items that have passed the sieve and were tested.
	 */
	double		sample_sieve_rate;
	double		sample_rate;
	double		sample_weight;	/* of the latter, in tests */
	bool		guesses;		/* hardly anything in it has passed the sieve */
	double		walk_cost;		/* of a test in a walk, in entries scanned */
	double		walk_sift_cost; /* of sifting before, or 0 if it does not */
	double		sifted;
	double		sieve_passed;
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
extern double AnnoyFilterSieveRate(const AnnoyFilter *filter);
extern double AnnoyFilterRate(const AnnoyFilter *filter);
extern void AnnoyFilterPrefetch(AnnoyFilter *filter, Buffer buffer,
								const AnnoyPointer *item);
extern bool AnnoyFilterItem(AnnoyFilter *filter, Buffer buffer,
							const AnnoyPointer *item);
extern double AnnoyFilterWalk(AnnoyFilter *filter, AnnoyFilterCallback callback,
							  void *arg);

/* quick.c */
extern void AnnoyQuickMake(const AnnoyFilter *filter, ScanKey scan_key, AnnoyFilterKey *key);
extern int	AnnoyQuickSize(const AnnoyFilter *filter);
extern bool AnnoyQuickTuplePasses(const AnnoyFilter *filter, IndexTuple tuple);
extern bool AnnoyQuickPasses(const AnnoyFilterKey *key, Datum value, bool *passes);

/* sieve.c */
extern Oid	AnnoyConditionOperator(Relation rel, ScanKey key, Oid *right);
extern void AnnoySieveMake(AnnoyFilter *filter, IndexScanDesc scan);
extern bool AnnoySievePassesAttributes(AnnoyFilter *filter, IndexTuple attributes);

#endif							/* ANNOY_FILTER_H */
