/*-------------------------------------------------------------------------
 *
 * bits.c
 *	  Sets of numbers, as bits in memory.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/bits.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bits.h"

/*
 * Add a number to a set.  Returns false if it was there before.
 */
bool
AnnoyBitsAdd(AnnoyBits *bits, uint64 n)
{
	uint8		mask = 1 << n % 8;

	if (n / 8 >= bits->size)
	{
		uint64		size = Max(Max(n / 8 + 1, 2 * bits->size), 1024);

		bits->bytes = bits->bytes == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext, size) :
			repalloc_huge(bits->bytes, size);
		memset(bits->bytes + bits->size, 0, size - bits->size);
		bits->size = size;
	}
	if ((bits->bytes[n / 8] & mask) != 0)
		return false;
	bits->bytes[n / 8] |= mask;
	return true;
}

/*
 * Empty a set, and give back its memory.
 */
void
AnnoyBitsFree(AnnoyBits *bits)
{
	if (bits->bytes != NULL)
		pfree(bits->bytes);
	memset(bits, 0, sizeof(AnnoyBits));
}
