/*-------------------------------------------------------------------------
 *
 * bits.h
 *	  Sets of numbers.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/bits.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_BITS_H
#define ANNOY_BITS_H

/* A set of numbers, as bits in memory.  It grows as needed. */
typedef struct AnnoyBits
{
	uint8	   *bytes;
	uint64		size;			/* bytes allocated */
} AnnoyBits;

static inline bool
AnnoyBitsTest(const AnnoyBits *bits, uint64 n)
{
	return n / 8 < bits->size && (bits->bytes[n / 8] & (1 << n % 8)) != 0;
}

extern bool AnnoyBitsAdd(AnnoyBits *bits, uint64 n);
extern void AnnoyBitsFree(AnnoyBits *bits);

#endif							/* ANNOY_BITS_H */
