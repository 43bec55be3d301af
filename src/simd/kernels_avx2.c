/*-------------------------------------------------------------------------
 *
 * kernels_avx2.c
 *	  The inner loops of the search space for AVX2.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/kernels_avx2.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "simd/simd.h"

#ifdef ANNOY_HAVE_X86

#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL(name) name##_avx2
#define WIDEN8(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) (p)))))
#define WIDEN16(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *) (p)))))

/* Two tiles. */
typedef __m256i Tiles;

#define INTERLEAVE_LOW(a, b)	_mm256_unpacklo_epi8(a, b)
#define INTERLEAVE_HIGH(a, b)	_mm256_unpackhi_epi8(a, b)
#define LOAD_TILES(p, n) \
	((n) > 16 ? _mm256_loadu_si256((const __m256i *) (p)) : \
	 _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *) (p))))
#define STORE_TILE(p, x, tile) \
	_mm_storeu_si128((__m128i *) (p), _mm256_extracti128_si256(x, (tile) & 1));

#include "simd/kernels_impl.h"

/* Eight components as integers. */
KERNEL_TARGET static inline __m256i
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
KERNEL_TARGET static inline __m256i
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

KERNEL_TARGET static int
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
KERNEL_TARGET static inline __m256
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
KERNEL_TARGET static inline __m256i
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
KERNEL_TARGET static inline void
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
KERNEL_TARGET static inline int
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
	mask &= block_mask(scoring, first) & first_entries(count - first);
	if (mask != 0)
	{
		float		block_scores[ANNOY_BLOCK_ENTRIES];

		_mm256_storeu_ps(block_scores, score_low);
		_mm256_storeu_ps(block_scores + 8, score_high);
		nhits = append_hits(mask, first, block_scores, 0, hits, scores);
	}
	return nhits;
}

KERNEL_TARGET static inline __m256i
low_words_avx2(__m256i sums)
{
	return _mm256_cvtepu16_epi32(_mm256_castsi256_si128(sums));
}

KERNEL_TARGET static inline __m256i
high_words_avx2(__m256i sums)
{
	return _mm256_cvtepu16_epi32(_mm256_extracti128_si256(sums, 1));
}

KERNEL_TARGET static int
score_avx2(const uint8 *blocks, int count, const AnnoyScoring *scoring,
		   float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;
	Size		plane_size = scoring->plane_bytes * ANNOY_BLOCK_ENTRIES;
	Size		block_size = scoring->block_size;
	const __m256 limit8 = _mm256_set1_ps(limit);

	if (scoring->planes == 1)
	{
		for (int first = 0; first < count; first += 2 * ANNOY_BLOCK_ENTRIES)
		{
			bool		two = count - first > ANNOY_BLOCK_ENTRIES;
			const uint8 *next = two ? blocks + block_size : blocks;
			__m256i		a;
			__m256i		b;

			if (block_mask(scoring, first) == 0 &&
				(!two || block_mask(scoring, first + ANNOY_BLOCK_ENTRIES) == 0))
			{
				blocks = next + block_size;
				continue;
			}
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

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, blocks += block_size)
	{
		const uint8 *plane = blocks;
		__m256i		sums_low = _mm256_setzero_si256();
		__m256i		sums_high = _mm256_setzero_si256();

		if (block_mask(scoring, first) == 0)
			continue;
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
	}
	return nhits;
}

/*
 * Two look-ups give the rows of a table in which the bit is, one for values below
 * 128, and one for the others, whose highest bit selects it.
 */
KERNEL_TARGET static int
sift_avx2(const uint8 *signatures, int count, Size block_size,
		  const AnnoySieve * sieve, uint16 *masks)
{
	const __m128i nibble = _mm_set1_epi8(15);
	const __m128i bits = _mm_set1_epi64x(INT64CONST(0x8040201008040201));
	int			passed = 0;

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, signatures += block_size)
	{
		uint32		mask = first_entries(count - first);

		for (int i = 0; i < sieve->n; i++)
		{
			__m128i		bytes = _mm_loadu_si128((const __m128i *) (signatures +
																   sieve->byte[i] * ANNOY_BLOCK_ENTRIES));
			__m128i		low = _mm_and_si128(bytes, nibble);
			__m128i		high = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
			__m128i		rows = _mm_blendv_epi8(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) sieve->table[i]), low),
											   _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) sieve->table[i] + 1), low),
											   bytes);

			rows = _mm_and_si128(rows, _mm_shuffle_epi8(bits, high));
			mask &= ~_mm_movemask_epi8(_mm_cmpeq_epi8(rows, _mm_setzero_si128()));
		}
		masks[first / ANNOY_BLOCK_ENTRIES] = mask;
		passed += __builtin_popcount(mask);
	}
	return passed;
}

const AnnoyKernels annoy_kernels_avx2 = {
	l2_avx2, dot_avx2, l2_four_avx2, dot_from_avx2,
	centre_l2_avx2, centre_dot_avx2,
	centre16_l2_avx2, centre16_dot_avx2, add_avx2,
	add_whole_avx2, residual_avx2, hadamard_avx2, fit_avx2, levels_avx2,
	lut_avx2, multiply_avx2, score_avx2,
	sift_avx2, transpose_avx2
};

#endif							/* ANNOY_HAVE_X86 */
