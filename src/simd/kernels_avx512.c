/*-------------------------------------------------------------------------
 *
 * kernels_avx512.c
 *	  The inner loops of the search space for AVX-512.
 *
 * Wider registers serve the loops over integers, whose sums do not depend on
 * their order, and four sums of floats at once.  Single sums of floats have eight
 * or sixteen lanes, depend on the latency of additions, and are left to the common
 * bodies.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/kernels_avx512.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "simd/simd.h"

#ifdef ANNOY_HAVE_X86

#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target(ANNOY_TARGET_AVX512)))
#define KERNEL(name) name##_avx512
#define WIDEN8(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) (p)))))
#define WIDEN16(p) \
	((v8f) _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *) (p)))))
#define OWN_L2_FOUR

/* Four tiles. */
typedef __m512i Tiles;

#define INTERLEAVE_LOW(a, b)	_mm512_unpacklo_epi8(a, b)
#define INTERLEAVE_HIGH(a, b)	_mm512_unpackhi_epi8(a, b)
#define LOAD_TILES(p, n) \
	_mm512_maskz_loadu_epi64((n) > 48 ? 0xFF : (1 << ((n) + 15) / 16 * 2) - 1, p)
#define STORE_TILE(p, x, tile) \
	_mm_storeu_si128((__m128i *) (p), _mm512_extracti32x4_epi32(x, tile));

#include "simd/kernels_impl.h"

/* The sum of sixteen lanes, in the order of two sums of eight. */
KERNEL_TARGET static inline float
sum16_avx512(__m512 lanes)
{
	v8f			sum = (v8f) _mm256_add_ps(_mm512_castps512_ps256(lanes),
										  _mm512_extractf32x8_ps(lanes, 1));

	return SUM8(sum);
}

/*
 * Four sums of sixteen lanes: as there are four, wide registers serve here.
 */
KERNEL_TARGET static void
l2_four_avx512(const float *x, const float *const *y, int n, float *distances)
{
	const float *y0 = y[0];
	const float *y1 = y[1];
	const float *y2 = y[2];
	const float *y3 = y[3];
	__m512		sum0 = _mm512_setzero_ps();
	__m512		sum1 = sum0;
	__m512		sum2 = sum0;
	__m512		sum3 = sum0;

	for (int i = 0; i < n; i += 16)
	{
		__m512		a = _mm512_loadu_ps(x + i);
		__m512		d0 = _mm512_sub_ps(a, _mm512_loadu_ps(y0 + i));
		__m512		d1 = _mm512_sub_ps(a, _mm512_loadu_ps(y1 + i));
		__m512		d2 = _mm512_sub_ps(a, _mm512_loadu_ps(y2 + i));
		__m512		d3 = _mm512_sub_ps(a, _mm512_loadu_ps(y3 + i));

		sum0 = _mm512_add_ps(sum0, _mm512_mul_ps(d0, d0));
		sum1 = _mm512_add_ps(sum1, _mm512_mul_ps(d1, d1));
		sum2 = _mm512_add_ps(sum2, _mm512_mul_ps(d2, d2));
		sum3 = _mm512_add_ps(sum3, _mm512_mul_ps(d3, d3));
	}
	distances[0] = sum16_avx512(sum0);
	distances[1] = sum16_avx512(sum1);
	distances[2] = sum16_avx512(sum2);
	distances[3] = sum16_avx512(sum3);
}

/* Sixteen bytes in each quarter of a register. */
KERNEL_TARGET static inline __m512i
quarters_avx512(const uint8 *bytes)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *) bytes));
}

/* The sums of absolute values of each four floats, in all four places. */
KERNEL_TARGET static inline __m512
fours_avx512(const float *x)
{
	__m512		four = _mm512_abs_ps(_mm512_loadu_ps(x));

	four = _mm512_add_ps(four, _mm512_permute_ps(four, 0xB1));
	return _mm512_add_ps(four, _mm512_permute_ps(four, 0x4E));
}

/*
 * Sixteen components make four tables, which are one register.
 */
KERNEL_TARGET static int
lut_avx512(const float *x, int n, uint8 *low, uint8 *high, float *unit)
{
	const __m512i bytes0 = quarters_avx512(component_bytes[0]);
	const __m512i bytes1 = quarters_avx512(component_bytes[1]);
	const __m512i bytes2 = quarters_avx512(component_bytes[2]);
	const __m512i bytes3 = quarters_avx512(component_bytes[3]);
	__m512		largest16 = _mm512_setzero_ps();
	__m512i		sum16 = _mm512_setzero_si512();
	__m512		inverse16;
	float		largest;

	for (int i = 0; i < n; i += 16)
		largest16 = _mm512_max_ps(largest16, fours_avx512(x + i));
	largest = _mm512_reduce_max_ps(largest16);
	inverse16 = _mm512_set1_ps(largest > LUT_LEAST ? LUT_LEVELS / largest : 0);
	*unit = largest > LUT_LEAST ? largest / LUT_LEVELS : 0;

	for (int i = 0; i < n; i += 16)
	{
		__m512		scaled = _mm512_mul_ps(_mm512_loadu_ps(x + i), inverse16);
		__m512i		components;
		__m512i		magnitudes;
		__m512i		base;
		__m512i		table;

		components = _mm512_cvttps_epi32(_mm512_add_ps(scaled,
													   _mm512_set1_ps(LUT_SHIFT + 0.5f)));
		components = _mm512_sub_epi32(components, _mm512_set1_epi32(LUT_SHIFT));

		magnitudes = _mm512_abs_epi32(components);
		sum16 = _mm512_add_epi32(sum16, magnitudes);

		/* magnitudes of negative ones, summed up by fours */
		base = _mm512_srli_epi32(_mm512_sub_epi32(magnitudes, components), 1);
		base = _mm512_add_epi32(base, _mm512_shuffle_epi32(base, (_MM_PERM_ENUM) 0xB1));
		base = _mm512_add_epi32(base, _mm512_shuffle_epi32(base, (_MM_PERM_ENUM) 0x4E));

		/* from here on as bytes, modulo 256 */
		table = _mm512_shuffle_epi8(base, _mm512_setzero_si512());
		table = _mm512_add_epi8(table, _mm512_shuffle_epi8(components, bytes0));
		table = _mm512_add_epi8(table, _mm512_shuffle_epi8(components, bytes1));
		table = _mm512_add_epi8(table, _mm512_shuffle_epi8(components, bytes2));
		table = _mm512_add_epi8(table, _mm512_shuffle_epi8(components, bytes3));

		/* the first and the third table are those of low nibbles */
		table = _mm512_shuffle_i32x4(table, table, 0xD8);
		_mm256_storeu_si256((__m256i *) (low + i * 2),
							_mm512_castsi512_si256(table));
		_mm256_storeu_si256((__m256i *) (high + i * 2),
							_mm512_extracti64x4_epi64(table, 1));
	}
	return _mm512_reduce_add_epi32(sum16);
}

/* Sums of look-ups: see score_avx2, which "even" and "odd" are from. */
typedef struct LookupSums
{
	__m512i		even;
	__m512i		odd;
} LookupSums;

/*
 * Add what the look-ups of up to four byte positions of a block give, one in
 * each quarter of a register.
 */
KERNEL_TARGET static inline void
look_up_avx512(__m512i code, __m512i low, __m512i high, LookupSums *sums)
{
	const __m512i nibble = _mm512_set1_epi8(15);

	low = _mm512_shuffle_epi8(low, _mm512_and_si512(code, nibble));
	high = _mm512_shuffle_epi8(high,
							   _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble));
	sums->even = _mm512_add_epi16(sums->even, _mm512_add_epi16(low, high));
	sums->odd = _mm512_add_epi16(sums->odd,
								 _mm512_add_epi16(_mm512_srli_epi16(low, 8),
												  _mm512_srli_epi16(high, 8)));
}

/* The sum of the quarters. */
KERNEL_TARGET static inline __m128i
fold_avx512(__m512i v)
{
	__m256i		half = _mm256_add_epi16(_mm512_castsi512_si256(v),
										_mm512_extracti64x4_epi64(v, 1));

	return _mm_add_epi16(_mm256_castsi256_si128(half),
						 _mm256_extracti128_si256(half, 1));
}

/*
 * The sums of one plane of a block's codes, in the order of entries.
 */
KERNEL_TARGET static inline __m512i
plane_avx512(const uint8 *codes, const AnnoyScoring *scoring)
{
	const uint8 *low = scoring->lut_low;
	const uint8 *high = scoring->lut_high;
	LookupSums	sums = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	__m128i		even;
	__m128i		odd;
	int			i;

	for (i = 0; i + 4 <= scoring->plane_bytes; i += 4)
		look_up_avx512(_mm512_loadu_si512(codes + i * 16),
					   _mm512_loadu_si512(low + i * 16),
					   _mm512_loadu_si512(high + i * 16), &sums);

	/* two positions may be left; those that are missing look up zeroes */
	if (i < scoring->plane_bytes)
		look_up_avx512(_mm512_maskz_loadu_epi64(0x0F, codes + i * 16),
					   _mm512_maskz_loadu_epi64(0x0F, low + i * 16),
					   _mm512_maskz_loadu_epi64(0x0F, high + i * 16), &sums);

	even = fold_avx512(_mm512_sub_epi16(sums.even, _mm512_slli_epi16(sums.odd, 8)));
	odd = fold_avx512(sums.odd);
	return _mm512_cvtepu16_epi32(_mm256_set_m128i(_mm_unpackhi_epi16(even, odd),
												  _mm_unpacklo_epi16(even, odd)));
}

/*
 * One register holds four byte positions of a block, and then the sums or
 * scores of all its entries.
 */
KERNEL_TARGET static int
score_avx512(const uint8 *blocks, int count, const AnnoyScoring *scoring,
			 float limit, uint16 *hits, float *scores)
{
	int			nhits = 0;
	int			plane_size = scoring->plane_bytes * ANNOY_BLOCK_ENTRIES;
	const __m512i numbers = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8,
											 7, 6, 5, 4, 3, 2, 1, 0);

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, blocks += scoring->block_size)
	{
		BlockFactors f = block_factors(blocks, scoring);
		uint32		counts = block_mask(scoring, first);
		__m512i		sum = _mm512_setzero_si512();
		__m512		s;
		__m512		error;
		__m512		score;
		__mmask16	mask;

		if (counts == 0)
			continue;
		for (int plane = 0; plane < scoring->planes; plane++)
			sum = _mm512_add_epi32(sum,
								   _mm512_sll_epi32(plane_avx512(blocks + plane * plane_size, scoring),
													_mm_cvtsi32_si128(plane)));

		s = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(scoring->lut_scale),
										_mm512_cvtepi32_ps(sum)),
						  _mm512_set1_ps(scoring->lut_bias));
		error = _mm512_castsi512_ps(_mm512_slli_epi32(
													  _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) f.error)), 16));
		score = _mm512_add_ps(_mm512_set1_ps(scoring->base),
							  _mm512_mul_ps(_mm512_set1_ps(scoring->use_offset),
											_mm512_loadu_ps(f.offset)));
		score = _mm512_sub_ps(score, _mm512_mul_ps(_mm512_loadu_ps(f.slope), s));
		score = _mm512_sub_ps(score, _mm512_mul_ps(_mm512_set1_ps(scoring->width), error));

		mask = _mm512_cmp_ps_mask(score, _mm512_set1_ps(limit), _CMP_LT_OQ);
		mask &= counts & first_entries(count - first);
		if (mask != 0)
		{
			__m512i		entries = _mm512_add_epi32(_mm512_set1_epi32(first), numbers);

			/* what follows the hits has room, as nhits is not above first */
			entries = _mm512_maskz_compress_epi32(mask, entries);
			_mm256_storeu_si256((__m256i *) (hits + nhits),
								_mm512_cvtepi32_epi16(entries));
			_mm512_storeu_ps(scores + nhits, _mm512_maskz_compress_ps(mask, score));
			nhits += __builtin_popcount(mask);
		}
	}
	return nhits;
}

KERNEL_TARGET static int
sift_avx512(const uint8 *signatures, int count, Size block_size,
			const AnnoySieve * sieve, uint16 *masks)
{
	const __m128i nibble = _mm_set1_epi8(15);
	const __m128i bits = _mm_set1_epi64x(INT64CONST(0x8040201008040201));
	int			passed = 0;

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, signatures += block_size)
	{
		__mmask16	mask = first_entries(count - first);

		for (int i = 0; i < sieve->n; i++)
		{
			__m128i		bytes = _mm_loadu_si128((const __m128i *) (signatures +
																   sieve->byte[i] * ANNOY_BLOCK_ENTRIES));
			__m128i		low = _mm_and_si128(bytes, nibble);
			__m128i		high = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
			__m128i		rows = _mm_mask_blend_epi8(_mm_movepi8_mask(bytes),
												   _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) sieve->table[i]), low),
												   _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) sieve->table[i] + 1), low));

			mask = _mm_mask_test_epi8_mask(mask, rows, _mm_shuffle_epi8(bits, high));
		}
		masks[first / ANNOY_BLOCK_ENTRIES] = mask;
		passed += __builtin_popcount(mask);
	}
	return passed;
}

const AnnoyKernels annoy_kernels_avx512 = {
	l2_avx512, dot_avx512, l2_four_avx512, dot_from_avx512,
	centre_l2_avx512, centre_dot_avx512,
	centre16_l2_avx512, centre16_dot_avx512, add_avx512,
	add_whole_avx512, residual_avx512, hadamard_avx512, fit_avx512, levels_avx512,
	lut_avx512, multiply_avx512, score_avx512,
	sift_avx512, transpose_avx512
};

#endif							/* ANNOY_HAVE_X86 */
