/*-------------------------------------------------------------------------
 *
 * sieve.c
 *	  From conditions to what signatures have to be.
 *
 * Each byte of a signature gets a table of the values with which all conditions on its
 * column may be met.  What a condition asks of a byte is known for the operators of the
 * type's default operator classes for B-trees and hash indexes, and those of arrays.  A
 * condition with another operator, or with a function that is not immutable, asks
 * nothing.  So does one whose value is of a type for which the operator family has no
 * support function.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/sieve.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/nbtree.h"
#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "scan/filter.h"
#include "storage/storage.h"

/* Values of a byte that may pass. */
typedef struct ByteSet
{
	bool		has[PG_UINT8_MAX + 1];
}			ByteSet;

static void
add_range(ByteSet * set, int first, int last)
{
	for (int i = first; i <= last; i++)
		set->has[i] = true;
}

/*
 * The operator of a condition.  Its right operand is of *right.  InvalidOid if nothing
 * can be concluded from it.
 */
Oid
AnnoyConditionOperator(Relation rel, ScanKey key, Oid *right)
{
	Oid			left = rel->rd_opcintype[key->sk_attno - 1];
	Oid			operator;

	*right = OidIsValid(key->sk_subtype) ? key->sk_subtype : left;
	operator = get_opfamily_member(rel->rd_opfamily[key->sk_attno - 1], left, *right,
								   key->sk_strategy);
	if (!OidIsValid(operator) || get_opcode(operator) != key->sk_func.fn_oid ||
		func_volatile(key->sk_func.fn_oid) != PROVOLATILE_IMMUTABLE)
		return InvalidOid;
	return operator;
}

/*
 * Get the support function of an operator family for a type, which has to be
 * immutable.
 */
static bool
get_support(Oid family, Oid left, Oid right, int number, FmgrInfo *function)
{
	Oid			oid = get_opfamily_proc(family, left, right, number);

	if (!OidIsValid(oid) || func_volatile(oid) != PROVOLATILE_IMMUTABLE)
		return false;
	fmgr_info(oid, function);
	return true;
}

/*
 * What bytes may be that tell of order.  Returns false if that is anything.
 */
static bool
order_set(const AnnoySigning * signing, Oid operator, Oid right,
		  const AnnoyFilterKey *key, ByteSet * set)
{
	int			strategy = get_op_opfamily_strategy(operator, signing->type->btree_opf);
	int			last = ANNOY_SIGNATURE_VALUE + signing->n_bounds;
	FmgrInfo	compare;

	if (strategy == InvalidStrategy ||
		!get_support(signing->type->btree_opf, signing->type->btree_opintype, right,
					 BTORDER_PROC, &compare))
		return false;
	for (int i = 0; i < key->n_values; i++)
	{
		int			bound = AnnoyFirstBound(signing, &compare, key->values[i]);
		int			byte = ANNOY_SIGNATURE_VALUE + bound;
		bool		is_bound = bound < signing->n_bounds &&
		DatumGetInt32(FunctionCall2Coll(&compare, signing->collation, AnnoyBound(signing, bound),
										key->values[i])) == 0;

		switch (strategy)
		{
			case BTLessStrategyNumber:
			case BTLessEqualStrategyNumber:
				add_range(set, ANNOY_SIGNATURE_VALUE, byte);
				break;
			case BTEqualStrategyNumber:
				add_range(set, byte, byte);
				break;
			case BTGreaterEqualStrategyNumber:
				add_range(set, byte, last);
				break;
			case BTGreaterStrategyNumber:
				/* nothing above a bound has its number */
				add_range(set, byte + is_bound, last);
				break;
			default:
				return false;
		}
	}
	return true;
}

/*
 * Likewise, of bytes that are hashes.
 */
static bool
hash_set(const AnnoySigning * signing, Oid operator, Oid right,
		 const AnnoyFilterKey *key, ByteSet * set)
{
	FmgrInfo	hash;

	if (get_op_opfamily_strategy(operator, signing->type->hash_opf) != HTEqualStrategyNumber ||
		!get_support(signing->type->hash_opf, right, right, HASHSTANDARD_PROC, &hash))
		return false;
	for (int i = 0; i < key->n_values; i++)
	{
		uint8		byte = AnnoySignHash(signing,
										 DatumGetUInt32(FunctionCall1Coll(&hash, signing->collation,
																		  key->values[i])));

		add_range(set, byte, byte);
	}
	return true;
}

/*
 * Likewise, of bytes that tell of the elements of arrays.
 */
static bool
elements_set(const AnnoySigning * signing, Oid operator, const AnnoyFilterKey *key,
			 ByteSet * set)
{
	for (int i = 0; i < key->n_values; i++)
	{
		ArrayType  *array = DatumGetArrayTypeP(key->values[i]);
		uint8		bits;

		if (ARR_ELEMTYPE(array) != signing->type->type_id)
			return false;
		bits = AnnoySignElements(signing, PointerGetDatum(array));
		for (int byte = 0; byte <= PG_UINT8_MAX; byte++)
		{
			bool		passes;

			switch (operator)
			{
				case OID_ARRAY_OVERLAP_OP:
					passes = (byte & bits) != 0;
					break;
				case OID_ARRAY_CONTAINS_OP:
					passes = (byte & bits) == bits;
					break;
				case OID_ARRAY_CONTAINED_OP:
					passes = (byte & ~bits) == 0;
					break;
				case ARRAY_EQ_OP:
					passes = byte == bits;
					break;
				default:
					return false;
			}
			set->has[byte] |= passes;
		}
	}
	return true;
}

/*
 * What a byte may be if a condition is met.  Returns false if that is anything.
 */
static bool
condition_set(Relation rel, const AnnoySigning * signing, ScanKey scan_key,
			  const AnnoyFilterKey *key, ByteSet * set)
{
	Oid			operator;
	Oid			right;

	if (key->tests_null)
	{
		if (key->wants_null)
			add_range(set, ANNOY_SIGNATURE_NULL, ANNOY_SIGNATURE_NULL);
		else
			add_range(set, ANNOY_SIGNATURE_VALUE, PG_UINT8_MAX);
		/* an array without elements has no bits, and neither has NULL */
		return key->wants_null ||
			(signing->kind != ANNOY_SIGNS_ELEMENTS && !signing->is_lost);
	}
	operator = AnnoyConditionOperator(rel, scan_key, &right);
	if (!OidIsValid(operator) || scan_key->sk_collation != signing->collation)
		return false;
	switch (signing->kind)
	{
		case ANNOY_SIGNS_NULL:
			break;
		case ANNOY_SIGNS_ORDER:
			return order_set(signing, operator, right, key, set);
		case ANNOY_SIGNS_HASH:
			return hash_set(signing, operator, right, key, set);
		case ANNOY_SIGNS_ELEMENTS:
			return elements_set(signing, operator, key, set);
	}
	return false;
}

/*
 * Do bytes of a column of that type tell anything of a condition with the operator,
 * most likely?
 */
bool
AnnoySieveKnows(Oid type, Oid operator)
{
	TypeCacheEntry *entry;

	if (OidIsValid(get_base_element_type(type)))
		return operator == OID_ARRAY_OVERLAP_OP || operator == OID_ARRAY_CONTAINS_OP ||
			operator == OID_ARRAY_CONTAINED_OP || operator == ARRAY_EQ_OP;
	entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
	return (OidIsValid(entry->btree_opf) && op_in_opfamily(operator, entry->btree_opf)) ||
		(OidIsValid(entry->hash_opf) && op_in_opfamily(operator, entry->hash_opf));
}

/*
 * Make the sieve for the conditions of a scan.
 */
void
AnnoySieveMake(AnnoyFilter *filter, IndexScanDesc scan)
{
	AnnoySieve *sieve = &filter->sieve;
	bool	   *columns = palloc0(sizeof(bool) * (filter->desc->natts + 1));

	for (int i = 0; i < filter->n_keys; i++)
		columns[filter->keys[i].attribute] = true;
	filter->signer = AnnoySignerMake(filter->rel, filter->index, columns);
	pfree(columns);
	if (filter->signer == NULL)
		return;
	for (int byte = 0; byte < filter->signer->n; byte++)
	{
		const		AnnoySigning *signing = &filter->signer->signings[byte];
		ByteSet		all;
		bool		asks = false;

		memset(&all, true, sizeof(all));
		for (int i = 0; i < filter->n_keys; i++)
		{
			const AnnoyFilterKey *key = &filter->keys[i];
			ByteSet		set = {{false}};

			if (key->attribute != signing->attribute ||
				!condition_set(filter->rel, signing, &scan->keyData[key->number], key, &set))
				continue;
			asks = true;
			for (int j = 0; j <= PG_UINT8_MAX; j++)
				all.has[j] &= set.has[j];
		}
		if (!asks)
			continue;
		sieve->byte[sieve->n] = byte;
		memset(sieve->table[sieve->n], 0, sizeof(sieve->table[sieve->n]));
		for (int j = 0; j <= PG_UINT8_MAX; j++)
		{
			if (all.has[j])
				sieve->table[sieve->n][(j & 15) + (j >> 7) * 16] |= 1 << ((j >> 4) & 7);
		}
		sieve->n++;
	}
}

/*
 * Do attributes pass the sieve?  Functions may leave something in the current memory
 * context.
 */
bool
AnnoySievePassesAttributes(AnnoyFilter *filter, IndexTuple attributes)
{
	const		AnnoySieve *sieve = &filter->sieve;
	bool		passes = true;

	for (int i = 0; i < sieve->n && passes; i++)
		passes = AnnoySievePasses(sieve->table[i],
								  AnnoySignByte(filter->signer, sieve->byte[i], attributes));
	return passes;
}
