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
	sift_portable, transpose_portable
};
