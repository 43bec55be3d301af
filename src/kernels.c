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

#include <math.h>

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

/*
 * A table's bytes hold sums of four components, each rounded: up to two more
 * than LUT_LEVELS, then.  Two of them must fit one byte, see look_up_avx2().
 * Points whose components are smaller than LUT_LEAST are taken for zero, as
 * their inverse might be infinite.
 */
#define LUT_LEVELS		125.0f
#define LUT_LEAST		1e-30f

/* Conversion to integers cuts off: to make it round, make numbers positive. */
#define LUT_SHIFT		256

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
block_factors(const uint8 *block, const AnnoyScoring *scoring)
{
	int			code_bytes = scoring->planes * scoring->plane_bytes;
	BlockFactors f;

	f.offset = (const float *) (block + code_bytes * ANNOY_BLOCK_ENTRIES);
	f.slope = f.offset + ANNOY_BLOCK_ENTRIES;
	f.error = (const uint16 *) (f.slope + ANNOY_BLOCK_ENTRIES);
	return f;
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
	Size		block_size = ANNOY_BLOCK_SIZE(scoring->planes * scoring->plane_bytes);

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES)
	{
		const uint8 *code = blocks;
		BlockFactors f = block_factors(blocks, scoring);
		int			n = Min(count - first, ANNOY_BLOCK_ENTRIES);
		uint32		sums[ANNOY_BLOCK_ENTRIES] = {0};

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
	lut_portable, multiply_portable, score_portable
};

#if defined(__x86_64__)

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL(name) name##_avx2
#define WIDEN8(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) (p)))))
#define WIDEN16(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *) (p)))))
#include "kernels_impl.h"

/* Eight components as integers. */
__attribute__((target("avx2"))) static inline __m256i
round8_avx2(const float *x, __m256 inverse)
{
	__m256		scaled = _mm256_mul_ps(_mm256_loadu_ps(x), inverse);
	__m256i		cut = _mm256_cvttps_epi32(_mm256_add_ps(scaled,
														_mm256_set1_ps(LUT_SHIFT + 0.5f)));

	return _mm256_sub_epi32(cut, _mm256_set1_epi32(LUT_SHIFT));
}

/*
 * The tables of four components in either half of a register, in bytes 0 to 3:
 * shuffling with a negative number gives zero.
 */
__attribute__((target("avx2"))) static inline __m256i
table_avx2(__m256i components, __m256i base)
{
	const __m256i bit0 = _mm256_set1_epi16(0x0080);
	const __m256i bit1 = _mm256_set1_epi32(0x01018080);
	const __m256i bit2 = _mm256_set1_epi64x(INT64CONST(0x0202020280808080));
	const __m256i bit3 = _mm256_set_epi64x(INT64CONST(0x0303030303030303),
										   (int64) UINT64CONST(0x8080808080808080),
										   INT64CONST(0x0303030303030303),
										   (int64) UINT64CONST(0x8080808080808080));
	__m256i		low = _mm256_add_epi8(_mm256_shuffle_epi8(components, bit0),
									  _mm256_shuffle_epi8(components, bit1));
	__m256i		high = _mm256_add_epi8(_mm256_shuffle_epi8(components, bit2),
									   _mm256_shuffle_epi8(components, bit3));

	return _mm256_add_epi8(base, _mm256_add_epi8(low, high));
}

__attribute__((target("avx2"))) static int
lut_avx2(const float *x, int n, uint8 *low, uint8 *high, float *unit)
{
	const __m256 magnitude_bits = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
	const __m256i ones = _mm256_set1_epi16(1);
	__m256		largest8 = _mm256_setzero_ps();
	__m256i		sum8 = _mm256_setzero_si256();
	__m256		inverse8;
	__m128i		sum4;
	float		largest;

	for (int i = 0; i < n; i += 8)
	{
		__m256		four = _mm256_and_ps(_mm256_loadu_ps(x + i), magnitude_bits);

		four = _mm256_add_ps(four, _mm256_permute_ps(four, 0xB1));
		four = _mm256_add_ps(four, _mm256_permute_ps(four, 0x4E));
		largest8 = _mm256_max_ps(largest8, four);
	}
	largest = Max(_mm256_cvtss_f32(largest8),
				  _mm_cvtss_f32(_mm256_extractf128_ps(largest8, 1)));
	inverse8 = _mm256_set1_ps(largest > LUT_LEAST ? LUT_LEVELS / largest : 0);
	*unit = largest > LUT_LEAST ? largest / LUT_LEVELS : 0;

	for (int i = 0; i < n; i += 16)
	{
		__m256i		components;
		__m256i		magnitudes;
		__m256i		negative;
		__m256i		base;

		/* sixteen components as 16-bit integers, in order */
		components = _mm256_packs_epi32(round8_avx2(x + i, inverse8),
										round8_avx2(x + i + 8, inverse8));
		components = _mm256_permute4x64_epi64(components, 0xD8);

		magnitudes = _mm256_abs_epi16(components);
		sum8 = _mm256_add_epi32(sum8, _mm256_madd_epi16(magnitudes, ones));

		/* magnitudes of negative ones, summed up by fours */
		negative = _mm256_srli_epi16(_mm256_sub_epi16(magnitudes, components), 1);
		base = _mm256_madd_epi16(negative, ones);
		base = _mm256_add_epi32(base, _mm256_shuffle_epi32(base, 0xB1));

		/* as bytes, modulo 256: the first eight in both parts of the low half */
		components = _mm256_and_si256(components, _mm256_set1_epi16(0xFF));
		components = _mm256_packus_epi16(components, components);
		_mm256_storeu_si256((__m256i *) (low + i * 2),
							table_avx2(components,
									   _mm256_shuffle_epi8(base, _mm256_setzero_si256())));
		_mm256_storeu_si256((__m256i *) (high + i * 2),
							table_avx2(_mm256_srli_epi64(components, 32),
									   _mm256_shuffle_epi8(base, _mm256_set1_epi8(8))));
	}
	sum4 = _mm_add_epi32(_mm256_castsi256_si128(sum8), _mm256_extracti128_si256(sum8, 1));
	sum4 = _mm_add_epi32(sum4, _mm_shuffle_epi32(sum4, 0x4E));
	sum4 = _mm_add_epi32(sum4, _mm_shuffle_epi32(sum4, 0xB1));
	return _mm_cvtsi128_si32(sum4);
}

/* The tail of score_avx2: eight scores from eight sums. */
__attribute__((target("avx2"))) static inline __m256
score8_avx2(__m256i sums, const float *offset, const float *slope,
			const uint16 *error, const AnnoyScoring *scoring)
{
	__m256		s = _mm256_cvtepi32_ps(sums);
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

/* Sums of a plane as 16-bit integers, in the order of entries. */
__attribute__((target("avx2"))) static inline __m256i
plane_sums_avx2(__m256i even, __m256i odd)
{
	__m128i		sum_even;
	__m128i		sum_odd;

	even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
	sum_even = _mm_add_epi16(_mm256_castsi256_si128(even),
							 _mm256_extracti128_si256(even, 1));
	sum_odd = _mm_add_epi16(_mm256_castsi256_si128(odd),
							_mm256_extracti128_si256(odd, 1));
	return _mm256_set_m128i(_mm_unpackhi_epi16(sum_even, sum_odd),
							_mm_unpacklo_epi16(sum_even, sum_odd));
}

/*
 * Look up two planes, of the same block or of two.
 *
 * One register holds two byte positions, one in each half.  Bytes of two
 * tables fit one byte; those are summed as 16-bit lanes: "even" collects the sums of even entries plus 256 times those
 * of odd ones, "odd" those of odd entries alone; subtracting at the end takes
 * the surplus out again, modulo 2^16.
 */
__attribute__((target("avx2"))) static inline void
look_up_avx2(const uint8 *plane_a, const uint8 *plane_b,
			 const AnnoyScoring *scoring, __m256i *sums_a, __m256i *sums_b)
{
	const uint8 *lut_low = scoring->lut_low;
	const uint8 *lut_high = scoring->lut_high;
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i		even_a = _mm256_setzero_si256();
	__m256i		even_b = _mm256_setzero_si256();
	__m256i		odd_a = _mm256_setzero_si256();
	__m256i		odd_b = _mm256_setzero_si256();
	int			bytes = scoring->plane_bytes * ANNOY_BLOCK_ENTRIES;

	for (int i = 0; i < bytes; i += 32)
	{
		__m256i		low = _mm256_loadu_si256((const __m256i *) (lut_low + i));
		__m256i		high = _mm256_loadu_si256((const __m256i *) (lut_high + i));
		__m256i		a = _mm256_loadu_si256((const __m256i *) (plane_a + i));
		__m256i		b = _mm256_loadu_si256((const __m256i *) (plane_b + i));

		a = _mm256_add_epi8(_mm256_shuffle_epi8(low, _mm256_and_si256(a, nibble)),
							_mm256_shuffle_epi8(high,
												_mm256_and_si256(_mm256_srli_epi16(a, 4), nibble)));
		b = _mm256_add_epi8(_mm256_shuffle_epi8(low, _mm256_and_si256(b, nibble)),
							_mm256_shuffle_epi8(high,
												_mm256_and_si256(_mm256_srli_epi16(b, 4), nibble)));
		even_a = _mm256_add_epi16(even_a, a);
		odd_a = _mm256_add_epi16(odd_a, _mm256_srli_epi16(a, 8));
		even_b = _mm256_add_epi16(even_b, b);
		odd_b = _mm256_add_epi16(odd_b, _mm256_srli_epi16(b, 8));
	}
	*sums_a = plane_sums_avx2(even_a, odd_a);
	*sums_b = plane_sums_avx2(even_b, odd_b);
}

/*
 * From the sums of a block to scores, and to the hits among its entries.
 * Returns how many there are.
 */
__attribute__((target("avx2"))) static inline int
block_hits_avx2(const uint8 *block, __m256i sums_low, __m256i sums_high,
				const AnnoyScoring *scoring, __m256 limit8, int first, int count,
				uint16 *hits, float *scores)
{
	BlockFactors f = block_factors(block, scoring);
	__m256		score_low = score8_avx2(sums_low, f.offset, f.slope, f.error, scoring);
	__m256		score_high = score8_avx2(sums_high, f.offset + 8, f.slope + 8,
										 f.error + 8, scoring);
	uint32		mask;
	int			nhits = 0;

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
	return nhits;
}

__attribute__((target("avx2"))) static inline __m256i
low_words_avx2(__m256i sums)
{
	return _mm256_cvtepu16_epi32(_mm256_castsi256_si128(sums));
}

__attribute__((target("avx2"))) static inline __m256i
high_words_avx2(__m256i sums)
{
	return _mm256_cvtepu16_epi32(_mm256_extracti128_si256(sums, 1));
}

__attribute__((target("avx2"))) static int
score_avx2(const uint8 *blocks, int count, const AnnoyScoring *scoring,
		   float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;
	Size		plane_size = scoring->plane_bytes * ANNOY_BLOCK_ENTRIES;
	Size		block_size = ANNOY_BLOCK_SIZE(scoring->planes * scoring->plane_bytes);
	const __m256 limit8 = _mm256_set1_ps(limit);

	if (scoring->planes == 1)
	{
		for (int first = 0; first < count; first += 2 * ANNOY_BLOCK_ENTRIES)
		{
			bool		two = count - first > ANNOY_BLOCK_ENTRIES;
			const uint8 *next = two ? blocks + block_size : blocks;
			__m256i		a;
			__m256i		b;

			look_up_avx2(blocks, next, scoring, &a, &b);
			nhits += block_hits_avx2(blocks, low_words_avx2(a), high_words_avx2(a),
									 scoring, limit8, first, count,
									 hits + nhits, scores + nhits);
			if (two)
				nhits += block_hits_avx2(next, low_words_avx2(b), high_words_avx2(b),
										 scoring, limit8, first + ANNOY_BLOCK_ENTRIES,
										 count, hits + nhits, scores + nhits);
			blocks = next + block_size;
		}
		return nhits;
	}

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES)
	{
		const uint8 *plane = blocks;
		__m256i		sums_low = _mm256_setzero_si256();
		__m256i		sums_high = _mm256_setzero_si256();

		for (int shift = 0; shift < scoring->planes; shift += 2)
		{
			bool		two = shift + 1 < scoring->planes;
			__m256i		a;
			__m256i		b;

			look_up_avx2(plane, two ? plane + plane_size : plane, scoring, &a, &b);
			sums_low = _mm256_add_epi32(sums_low, _mm256_slli_epi32(low_words_avx2(a), shift));
			sums_high = _mm256_add_epi32(sums_high, _mm256_slli_epi32(high_words_avx2(a), shift));
			if (two)
			{
				sums_low = _mm256_add_epi32(sums_low, _mm256_slli_epi32(low_words_avx2(b), shift + 1));
				sums_high = _mm256_add_epi32(sums_high, _mm256_slli_epi32(high_words_avx2(b), shift + 1));
			}
			plane += 2 * plane_size;
		}
		nhits += block_hits_avx2(blocks, sums_low, sums_high, scoring, limit8, first,
								 count, hits + nhits, scores + nhits);
		blocks += block_size;
	}
	return nhits;
}

static const AnnoyKernels avx2_kernels = {
	"avx2", l2_avx2, dot_avx2, centre_l2_avx2, centre_dot_avx2,
	centre16_l2_avx2, centre16_dot_avx2, add_avx2,
	hadamard_avx2, fit_avx2, lut_avx2, multiply_avx2, score_avx2
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
