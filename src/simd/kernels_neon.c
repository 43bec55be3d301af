/*-------------------------------------------------------------------------
 *
 * kernels_neon.c
 *	  The inner loops of the search space for NEON.
 *
 * NEON is part of every 64-bit ARM processor, so the common bodies use it
 * without being asked to.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/kernels_neon.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "simd/simd.h"

#ifdef ANNOY_HAVE_NEON

#include <arm_neon.h>

#define KERNEL_TARGET
#define KERNEL(name) name##_neon
#include "simd/kernels_impl.h"

/* Four components as integers. */
static inline int32x4_t
round4_neon(const float *x, float32x4_t inverse)
{
	float32x4_t scaled = vmulq_f32(vld1q_f32(x), inverse);
	int32x4_t	cut = vcvtq_s32_f32(vaddq_f32(scaled, vdupq_n_f32(LUT_SHIFT + 0.5f)));

	return vsubq_s32(cut, vdupq_n_s32(LUT_SHIFT));
}

static int
lut_neon(const float *x, int n, uint8 *low, uint8 *high, float *unit)
{
	const uint8x16_t bytes0 = vld1q_u8(component_bytes[0]);
	const uint8x16_t bytes1 = vld1q_u8(component_bytes[1]);
	const uint8x16_t bytes2 = vld1q_u8(component_bytes[2]);
	const uint8x16_t bytes3 = vld1q_u8(component_bytes[3]);
	float32x4_t largest4 = vdupq_n_f32(0);
	int32x4_t	sum4 = vdupq_n_s32(0);
	float32x4_t inverse4;
	float		largest;

	for (int i = 0; i < n; i += 16)
	{
		/* adding up neighbours twice leaves the sums of four */
		float32x4_t pairs0 = vpaddq_f32(vabsq_f32(vld1q_f32(x + i)),
										vabsq_f32(vld1q_f32(x + i + 4)));
		float32x4_t pairs1 = vpaddq_f32(vabsq_f32(vld1q_f32(x + i + 8)),
										vabsq_f32(vld1q_f32(x + i + 12)));

		largest4 = vmaxq_f32(largest4, vpaddq_f32(pairs0, pairs1));
	}
	largest = vmaxvq_f32(largest4);
	inverse4 = vdupq_n_f32(largest > LUT_LEAST ? LUT_LEVELS / largest : 0);
	*unit = largest > LUT_LEAST ? largest / LUT_LEVELS : 0;

	for (int i = 0; i < n; i += 4)
	{
		int32x4_t	components = round4_neon(x + i, inverse4);
		int32x4_t	magnitudes = vabsq_s32(components);
		uint8x16_t	bytes = vreinterpretq_u8_s32(components);
		uint8x16_t	table;

		sum4 = vaddq_s32(sum4, magnitudes);

		/* the magnitudes of negative ones; from here on modulo 256 */
		table = vdupq_n_u8((uint8) (vaddvq_s32(vsubq_s32(magnitudes, components)) / 2));
		table = vaddq_u8(table, vqtbl1q_u8(bytes, bytes0));
		table = vaddq_u8(table, vqtbl1q_u8(bytes, bytes1));
		table = vaddq_u8(table, vqtbl1q_u8(bytes, bytes2));
		table = vaddq_u8(table, vqtbl1q_u8(bytes, bytes3));
		vst1q_u8((i % 8 == 0 ? low : high) + i / 8 * 16, table);
	}
	return vaddvq_s32(sum4);
}

/* The tail of score_neon: four scores from four sums. */
static inline float32x4_t
score4_neon(uint32x4_t sums, const float *offset, const float *slope,
			const uint16 *error, const AnnoyScoring *scoring)
{
	float32x4_t s = vcvtq_f32_u32(sums);
	float32x4_t e = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(error), 16));
	float32x4_t score;

	s = vaddq_f32(vmulq_f32(vdupq_n_f32(scoring->lut_scale), s),
				  vdupq_n_f32(scoring->lut_bias));
	score = vaddq_f32(vdupq_n_f32(scoring->base),
					  vmulq_f32(vdupq_n_f32(scoring->use_offset), vld1q_f32(offset)));
	score = vsubq_f32(score, vmulq_f32(vld1q_f32(slope), s));
	return vsubq_f32(score, vmulq_f32(vdupq_n_f32(scoring->width), e));
}

/*
 * A plane's sums fit in 16 bits.
 */
static int
score_neon(const uint8 *blocks, int count, const AnnoyScoring *scoring,
		   float limit, uint16 *hits, float *scores)
{
	static const uint16 bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
	int			nhits = 0;
	int			plane_bytes = scoring->plane_bytes;
	const uint8x16_t nibble = vdupq_n_u8(15);
	const float32x4_t limit4 = vdupq_n_f32(limit);

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, blocks += scoring->block_size)
	{
		const uint8 *codes = blocks;
		BlockFactors f = block_factors(blocks, scoring);
		uint32x4_t	sums[4] = {vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0)};
		uint16x4_t	below[4];
		float		block_scores[ANNOY_BLOCK_ENTRIES];
		uint32		mask;

		if (block_mask(scoring, first) == 0)
			continue;
		for (int plane = 0; plane < scoring->planes; plane++)
		{
			const int32x4_t shift = vdupq_n_s32(plane);
			uint16x8_t	plane_low = vdupq_n_u16(0);
			uint16x8_t	plane_high = vdupq_n_u16(0);

			for (int i = 0; i < plane_bytes; i++)
			{
				uint8x16_t	code = vld1q_u8(codes + i * 16);
				uint8x16_t	low = vqtbl1q_u8(vld1q_u8(scoring->lut_low + i * 16),
											 vandq_u8(code, nibble));
				uint8x16_t	high = vqtbl1q_u8(vld1q_u8(scoring->lut_high + i * 16),
											  vshrq_n_u8(code, 4));

				plane_low = vaddq_u16(plane_low,
									  vaddl_u8(vget_low_u8(low), vget_low_u8(high)));
				plane_high = vaddq_u16(plane_high, vaddl_high_u8(low, high));
			}
			sums[0] = vaddq_u32(sums[0], vshlq_u32(vmovl_u16(vget_low_u16(plane_low)), shift));
			sums[1] = vaddq_u32(sums[1], vshlq_u32(vmovl_high_u16(plane_low), shift));
			sums[2] = vaddq_u32(sums[2], vshlq_u32(vmovl_u16(vget_low_u16(plane_high)), shift));
			sums[3] = vaddq_u32(sums[3], vshlq_u32(vmovl_high_u16(plane_high), shift));
			codes += plane_bytes * ANNOY_BLOCK_ENTRIES;
		}

		for (int i = 0; i < 4; i++)
		{
			float32x4_t score = score4_neon(sums[i], f.offset + i * 4,
											f.slope + i * 4, f.error + i * 4, scoring);

			vst1q_f32(block_scores + i * 4, score);
			below[i] = vmovn_u32(vcltq_f32(score, limit4));
		}
		mask = vaddvq_u16(vandq_u16(vcombine_u16(below[0], below[1]), vld1q_u16(bits)));
		mask |= (uint32) vaddvq_u16(vandq_u16(vcombine_u16(below[2], below[3]),
											  vld1q_u16(bits))) << 8;
		mask &= block_mask(scoring, first) & first_entries(count - first);
		nhits = append_hits(mask, first, block_scores, nhits, hits, scores);
	}
	return nhits;
}

/*
 * Tables of 32 bytes are looked up at once: the highest bit of a value comes to the
 * place of the one that selects the second half.
 */
static int
sift_neon(const uint8 *signatures, int count, Size block_size,
		  const AnnoySieve * sieve, uint16 *masks)
{
	static const uint8 bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	const uint8x16_t lanes = vld1q_u8(bits);
	const uint8x16_t nibble = vdupq_n_u8(15);
	int			passed = 0;

	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, signatures += block_size)
	{
		uint8x16_t	pass = vdupq_n_u8(255);
		uint32		mask;

		for (int i = 0; i < sieve->n; i++)
		{
			uint8x16_t	bytes = vld1q_u8(signatures + sieve->byte[i] * ANNOY_BLOCK_ENTRIES);
			uint8x16_t	low = vorrq_u8(vandq_u8(bytes, nibble),
									   vshlq_n_u8(vshrq_n_u8(bytes, 7), 4));
			uint8x16x2_t table = {{vld1q_u8(sieve->table[i]), vld1q_u8(sieve->table[i] + 16)}};

			pass = vandq_u8(pass, vtstq_u8(vqtbl2q_u8(table, low),
										   vqtbl1q_u8(lanes, vshrq_n_u8(bytes, 4))));
		}
		pass = vandq_u8(pass, lanes);
		mask = vaddv_u8(vget_low_u8(pass)) | (uint32) vaddv_u8(vget_high_u8(pass)) << 8;
		mask &= first_entries(count - first);
		masks[first / ANNOY_BLOCK_ENTRIES] = mask;
		passed += __builtin_popcount(mask);
	}
	return passed;
}

const AnnoyKernels annoy_kernels_neon = {
	l2_neon, dot_neon, l2_four_neon, dot_from_neon,
	centre_l2_neon, centre_dot_neon,
	centre16_l2_neon, centre16_dot_neon, add_neon,
	add_whole_neon, residual_neon, hadamard_neon, fit_neon, levels_neon,
	lut_neon, multiply_neon, score_neon,
	sift_neon, transpose_neon
};

#endif							/* ANNOY_HAVE_NEON */
