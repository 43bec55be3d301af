/*-------------------------------------------------------------------------
 *
 * kernels.c
 *	  The inner loops of the search space, and the choice among them.
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
 *	  src/kernels.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "annoy.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float v4f __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8f __attribute__((vector_size(32), aligned(4), may_alias));
typedef double v4d __attribute__((vector_size(32), aligned(8), may_alias));
typedef int v8i __attribute__((vector_size(32), aligned(4), may_alias));
typedef short v8s __attribute__((vector_size(16), aligned(2), may_alias));
typedef signed char v8b __attribute__((vector_size(8), aligned(1), may_alias));

#define SUM8(v) \
	((((v)[0] + (v)[4]) + ((v)[2] + (v)[6])) + \
	 (((v)[1] + (v)[5]) + ((v)[3] + (v)[7])))

#define KERNEL_TARGET
#define KERNEL(name) name##_portable
#include "kernels_impl.h"
#undef KERNEL_TARGET
#undef KERNEL

/* Factors of a block of entries; see annoy_page.h for the layout. */
typedef struct BlockFactors
{
	const float *offset;
	const float *slope;
	const uint16 *error;
} BlockFactors;

static inline BlockFactors
block_factors(const uint8 *block, int code_bytes)
{
	BlockFactors f;

	f.offset = (const float *) (block + code_bytes * ANNOY_BLOCK_ENTRIES);
	f.slope = f.offset + ANNOY_BLOCK_ENTRIES;
	f.error = (const uint16 *) (f.slope + ANNOY_BLOCK_ENTRIES);
	return f;
}

static int
score_portable(const uint8 *blocks, int count, const AnnoyScoring *scoring,
			   float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;
	Size		block_size = ANNOY_BLOCK_SIZE(scoring->code_bytes);

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES)
	{
		const uint8 *code = blocks;
		BlockFactors f = block_factors(blocks, scoring->code_bytes);
		int			n = Min(count - first, ANNOY_BLOCK_ENTRIES);
		uint16		sums[ANNOY_BLOCK_ENTRIES] = {0};

		for (int i = 0; i < scoring->code_bytes; i++)
		{
			const uint8 *low = scoring->lut_low + i * 16;
			const uint8 *high = scoring->lut_high + i * 16;

			for (int j = 0; j < ANNOY_BLOCK_ENTRIES; j++, code++)
				sums[j] += low[*code & 15] + high[*code >> 4];
		}

		for (int j = 0; j < n; j++)
		{
			float		s = scoring->lut_scale * (float) sums[j] + scoring->lut_bias;
			float		score;

			score = scoring->base + scoring->use_offset * f.offset[j];
			score -= f.slope[j] * s;
			score -= scoring->width * AnnoyErrorToFloat(f.error[j]);
			if (score < limit)
			{
				hits[nhits] = first + j;
				scores[nhits] = score;
				nhits++;
			}
		}
		blocks += block_size;
	}
	return nhits;
}

static const AnnoyKernels portable_kernels = {
	"portable", l2_portable, dot_portable, centre_l2_portable,
	centre_dot_portable, centre16_l2_portable, centre16_dot_portable,
	add_portable, hadamard_portable, fit_portable,
	tables_portable, multiply_portable, score_portable
};

#if defined(__x86_64__)

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL(name) name##_avx2
#include "kernels_impl.h"

/* The tail of score_avx2: eight scores from eight sums. */
__attribute__((target("avx2"))) static inline __m256
score8_avx2(__m128i sums, const float *offset, const float *slope,
			const uint16 *error, const AnnoyScoring *scoring)
{
	__m256		s = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(sums));
	__m256		e;
	__m256		score;

	s = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(scoring->lut_scale), s),
					  _mm256_set1_ps(scoring->lut_bias));
	e = _mm256_castsi256_ps(_mm256_slli_epi32(
											  _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) error)), 16));
	score = _mm256_add_ps(_mm256_set1_ps(scoring->base),
						  _mm256_mul_ps(_mm256_set1_ps(scoring->use_offset),
										_mm256_loadu_ps(offset)));
	score = _mm256_sub_ps(score, _mm256_mul_ps(_mm256_loadu_ps(slope), s));
	return _mm256_sub_ps(score, _mm256_mul_ps(_mm256_set1_ps(scoring->width), e));
}

/*
 * One register holds two byte positions of a block, one in each half.  Bytes
 * are summed as 16-bit lanes: "even" collects the sums of even entries plus
 * 256 times those of odd ones, "odd" those of odd entries alone; subtracting
 * at the end takes the surplus out again, modulo 2^16.
 */
__attribute__((target("avx2"))) static int
score_avx2(const uint8 *blocks, int count, const AnnoyScoring *scoring,
		   float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;
	int			code_bytes = scoring->code_bytes;
	Size		block_size = ANNOY_BLOCK_SIZE(code_bytes);
	const __m256i nibble = _mm256_set1_epi8(15);
	const __m256 limit8 = _mm256_set1_ps(limit);

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES)
	{
		BlockFactors f = block_factors(blocks, code_bytes);
		__m256i		even = _mm256_setzero_si256();
		__m256i		odd = _mm256_setzero_si256();
		__m128i		sum_even;
		__m128i		sum_odd;
		__m256		score_low;
		__m256		score_high;
		uint32		mask;

		for (int i = 0; i < code_bytes; i += 2)
		{
			__m256i		code = _mm256_loadu_si256((const __m256i *) (blocks + i * 16));
			__m256i		low = _mm256_loadu_si256((const __m256i *) (scoring->lut_low + i * 16));
			__m256i		high = _mm256_loadu_si256((const __m256i *) (scoring->lut_high + i * 16));

			low = _mm256_shuffle_epi8(low, _mm256_and_si256(code, nibble));
			high = _mm256_shuffle_epi8(high,
									   _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble));
			even = _mm256_add_epi16(even, _mm256_add_epi16(low, high));
			odd = _mm256_add_epi16(odd, _mm256_add_epi16(_mm256_srli_epi16(low, 8),
														 _mm256_srli_epi16(high, 8)));
		}
		even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
		sum_even = _mm_add_epi16(_mm256_castsi256_si128(even),
								 _mm256_extracti128_si256(even, 1));
		sum_odd = _mm_add_epi16(_mm256_castsi256_si128(odd),
								_mm256_extracti128_si256(odd, 1));

		score_low = score8_avx2(_mm_unpacklo_epi16(sum_even, sum_odd),
								f.offset, f.slope, f.error, scoring);
		score_high = score8_avx2(_mm_unpackhi_epi16(sum_even, sum_odd),
								 f.offset + 8, f.slope + 8, f.error + 8, scoring);
		mask = _mm256_movemask_ps(_mm256_cmp_ps(score_low, limit8, _CMP_LT_OQ));
		mask |= _mm256_movemask_ps(_mm256_cmp_ps(score_high, limit8, _CMP_LT_OQ)) << 8;
		if (count - first < ANNOY_BLOCK_ENTRIES)
			mask &= (1U << (count - first)) - 1;
		if (mask != 0)
		{
			float		block_scores[ANNOY_BLOCK_ENTRIES];

			_mm256_storeu_ps(block_scores, score_low);
			_mm256_storeu_ps(block_scores + 8, score_high);
			do
			{
				int			j = pg_rightmost_one_pos32(mask);

				hits[nhits] = first + j;
				scores[nhits] = block_scores[j];
				nhits++;
				mask &= mask - 1;
			} while (mask != 0);
		}
		blocks += block_size;
	}
	return nhits;
}

static const AnnoyKernels avx2_kernels = {
	"avx2", l2_avx2, dot_avx2, centre_l2_avx2, centre_dot_avx2,
	centre16_l2_avx2, centre16_dot_avx2, add_avx2,
	hadamard_avx2, fit_avx2, tables_avx2, multiply_avx2, score_avx2
};

#endif							/* __x86_64__ */

const AnnoyKernels *annoy_kernels = &portable_kernels;

/*
 * Choose the kernels for this machine.
 */
void
AnnoyKernelsInit(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		annoy_kernels = &avx2_kernels;
#endif
}
