/*-------------------------------------------------------------------------
 *
 * kernels.c
 *	  The inner loops of the search space, for any processor.
 *
 * Scoring entries is where a search spends its time.  It follows FastScan
 * (Andre, Kermarrec, Le Scouarnec: "Cache locality is not enough", VLDB 2015):
 * four bits of a code select one of the 16 bytes of a table that fits in a
 * register, so one byte shuffle looks up as many entries as a register has
 * bytes.  Codes are stored transposed, a byte position of ANNOY_BLOCK_ENTRIES
 * entries side by side, which makes every load contiguous.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/kernels.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "port/pg_bitutils.h"

#include "simd/simd.h"

#define KERNEL_TARGET
#define KERNEL(name) name##_portable
#include "simd/kernels_impl.h"

typedef uint8 v16b __attribute__((vector_size(16), aligned(1), may_alias));

/* The lower halves of two registers, byte by byte in turn; the upper halves. */
#ifdef __clang__
#define INTERLEAVE(a, b, ...)	__builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define INTERLEAVE(a, b, ...)	__builtin_shuffle(a, b, (v16b) {__VA_ARGS__})
#endif
#define INTERLEAVE_LOW(a, b) \
	INTERLEAVE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH(a, b) \
	INTERLEAVE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/*
 * Transpose ANNOY_BLOCK_ENTRIES codes of so many bytes, one after the other, into the
 * columns that are scored.  Reads up to 15 bytes behind the codes.
 *
 * Of a byte's eight bits of address, row and column, each round moves the highest of
 * the row to the end of the column, and the highest of the column to the end of the row.
 */
void
AnnoyTransposeCodes(const uint8 *codes, int bytes, uint8 *columns)
{
	StaticAssertStmt(ANNOY_BLOCK_ENTRIES == sizeof(v16b), "a block is as wide as a register");

	for (int first = 0; first < bytes; first += sizeof(v16b))
	{
		v16b		rows[ANNOY_BLOCK_ENTRIES];
		v16b		mixed[ANNOY_BLOCK_ENTRIES];
		int			n = Min(bytes - first, (int) sizeof(v16b));

		for (int i = 0; i < ANNOY_BLOCK_ENTRIES; i++)
			rows[i] = *(const v16b *) (codes + i * bytes + first);
		for (int round = 0; round < 4; round++)
		{
			for (int i = 0; i < ANNOY_BLOCK_ENTRIES / 2; i++)
			{
				v16b		low = rows[i];
				v16b		high = rows[i + ANNOY_BLOCK_ENTRIES / 2];

				mixed[2 * i] = INTERLEAVE_LOW(low, high);
				mixed[2 * i + 1] = INTERLEAVE_HIGH(low, high);
			}
			memcpy(rows, mixed, sizeof(rows));
		}
		memcpy(columns + first * ANNOY_BLOCK_ENTRIES, rows, n * sizeof(v16b));
	}
}

static int
lut_portable(const float *x, int n, uint8 *low, uint8 *high, float *unit)
{
	float		largest = 0;
	float		inverse;
	int			sum = 0;

	for (int i = 0; i < n; i += 4)
	{
		float		four = (fabsf(x[i]) + fabsf(x[i + 1])) +
		(fabsf(x[i + 2]) + fabsf(x[i + 3]));

		largest = Max(largest, four);
	}
	inverse = largest > LUT_LEAST ? LUT_LEVELS / largest : 0;
	*unit = largest > LUT_LEAST ? largest / LUT_LEVELS : 0;

	for (int i = 0; i < n; i += 4)
	{
		uint8	   *table = (i % 8 == 0 ? low : high) + i / 8 * 16;
		int			component[4];
		int			base = 0;

		for (int j = 0; j < 4; j++)
		{
			component[j] = (int) (x[i + j] * inverse + (LUT_SHIFT + 0.5f)) - LUT_SHIFT;
			base += Max(-component[j], 0);
			sum += abs(component[j]);
		}
		for (int bits = 0; bits < 16; bits++)
			table[bits] = base +
				(bits & 1 ? component[0] : 0) + (bits & 2 ? component[1] : 0) +
				(bits & 4 ? component[2] : 0) + (bits & 8 ? component[3] : 0);
	}
	return sum;
}

static int
score_portable(const uint8 *blocks, int count, const AnnoyScoring *scoring,
			   float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, blocks += scoring->block_size)
	{
		uint32		mask = block_mask(scoring, first);
		const uint8 *code = blocks;
		BlockFactors f = block_factors(blocks, scoring);
		int			n = Min(count - first, ANNOY_BLOCK_ENTRIES);
		uint32		sums[ANNOY_BLOCK_ENTRIES] = {0};

		if (mask == 0)
			continue;

		for (int plane = 0; plane < scoring->planes; plane++)
		{
			for (int i = 0; i < scoring->plane_bytes; i++)
			{
				const uint8 *low = scoring->lut_low + i * 16;
				const uint8 *high = scoring->lut_high + i * 16;

				for (int j = 0; j < ANNOY_BLOCK_ENTRIES; j++, code++)
					sums[j] += (uint32) (low[*code & 15] + high[*code >> 4]) << plane;
			}
		}

		for (int j = 0; j < n; j++)
		{
			float		s = scoring->lut_scale * (float) sums[j] + scoring->lut_bias;
			float		score;

			score = scoring->base + scoring->use_offset * f.offset[j];
			score -= f.slope[j] * s;
			score -= scoring->width * AnnoyErrorToFloat(f.error[j]);
			if (score < limit && (mask >> j & 1) != 0)
			{
				hits[nhits] = first + j;
				scores[nhits] = score;
				nhits++;
			}
		}
	}
	return nhits;
}

static int
sift_portable(const uint8 *signatures, int count, Size block_size,
			  const AnnoySieve * sieve, uint16 *masks)
{
	int			passed = 0;

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, signatures += block_size)
	{
		uint32		mask = first_entries(count - first);

		for (int i = 0; i < sieve->n; i++)
		{
			const uint8 *bytes = signatures + sieve->byte[i] * ANNOY_BLOCK_ENTRIES;

			for (int j = 0; j < ANNOY_BLOCK_ENTRIES; j++)
			{
				if (!AnnoySievePasses(sieve->table[i], bytes[j]))
					mask &= ~(1U << j);
			}
		}
		masks[first / ANNOY_BLOCK_ENTRIES] = mask;
		passed += pg_popcount32(mask);
	}
	return passed;
}

const AnnoyKernels annoy_kernels_portable = {
	l2_portable, dot_portable, l2_four_portable, dot_from_portable,
	centre_l2_portable, centre_dot_portable,
	centre16_l2_portable, centre16_dot_portable, add_portable,
	add_whole_portable, residual_portable, hadamard_portable, fit_portable, levels_portable,
	lut_portable, multiply_portable, score_portable,
	sift_portable
};
