/*-------------------------------------------------------------------------
 *
 * simd.h
 *	  Instruction sets that there is code for, and the choice among them.
 *
 * A path is the code for one instruction set: kernels, which are the inner loops
 * of the search space, and exact metrics (type/metric.c).  All give the same bits,
 * so the choice changes nothing but the speed, and an index does not depend on the
 * machine that built it.  Lengths that kernels are given are multiples of
 * ANNOY_DIM_ALIGN.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/simd.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SIMD_H
#define ANNOY_SIMD_H

#include "port/pg_bitutils.h"
#include "utils/guc.h"

#include "annoy_page.h"

/* Paths that this build has, besides the portable one. */
#if defined(__x86_64__)
#define ANNOY_HAVE_X86
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define ANNOY_HAVE_NEON
#endif

/* What the path of that name takes; see also AnnoySimdAvailable(). */
#define ANNOY_TARGET_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,f16c,popcnt"

/* Values of annoy.simd; of two paths that a machine has, the later is faster. */
typedef enum AnnoySimd
{
	ANNOY_SIMD_AUTO,
	ANNOY_SIMD_PORTABLE,
	ANNOY_SIMD_AVX2,
	ANNOY_SIMD_AVX512,
	ANNOY_SIMD_NEON
} AnnoySimd;

#define ANNOY_SIMD_LAST ANNOY_SIMD_NEON

/* Search-space vectors are padded with zeros to a multiple of this. */
#define ANNOY_DIM_ALIGN		16

/*
 * What signatures of entries have to be, for conditions to be met: a byte passes if
 * its bit is set in its table, where bit b of byte i of the first half is for the value
 * 16 * b + i, and of the second half for 128 more.
 */
typedef struct AnnoySieve
{
	int			n;				/* bytes that there is a table for */
	int			byte[ANNOY_MAX_SIGNATURE];	/* of the signature */
	uint8		table[ANNOY_MAX_SIGNATURE][32];
}			AnnoySieve;

/* Does a value of a byte pass? */
static inline bool
AnnoySievePasses(const uint8 *table, uint8 value)
{
	return (table[(value & 15) + (value >> 7) * 16] >> ((value >> 4) & 7) & 1) != 0;
}

/*
 * How to score the entries of a node:
 *
 *	S		= lut_scale * (sum over planes p of 2^p look-ups) + lut_bias
 *	score	= base + use_offset * offset - slope * S - width * error
 *
 * See codec.c for where the terms come from.
 */
typedef struct AnnoyScoring
{
	const uint8 *lut_low;		/* 16 bytes per byte of a plane: its low
								 * nibble */
	const uint8 *lut_high;		/* the same for the high nibble */
	int			planes;			/* bit planes of a code */
	int			plane_bytes;	/* bytes of one, even, at most 128 */
	Size		block_size;
	const uint16 *masks;		/* entries of each block that count; NULL =
								 * all */
	float		lut_scale;
	float		lut_bias;
	float		base;
	float		use_offset;		/* 1 or 0 */
	float		width;
	float		rounding;		/* part of lut_bias that makes S an upper
								 * bound */
} AnnoyScoring;

typedef struct AnnoyKernels
{
	/* squared distance and inner product of two vectors */
	float		(*l2) (const float *x, const float *y, int n);
	float		(*dot) (const float *x, const float *y, int n);

	/* the squared distances of x from four vectors */
	void		(*l2_four) (const float *x, const float *const *y, int n,
							float *distances);

	/* <x - from, y> */
	float		(*dot_from) (const float *x, const float *from,
							 const float *y, int n);

	/* the same with y = scale * centre; the first stores x - y, too */
	float		(*centre_l2) (const float *x, const int8 *centre, float scale,
							  int n, float *residual);
	float		(*centre_dot) (const float *x, const int8 *centre, float scale,
							   int n);
	float		(*centre16_l2) (const float *x, const int16 *centre,
								float scale, int n, float *residual);
	float		(*centre16_dot) (const float *x, const int16 *centre,
								 float scale, int n);

	/* sum += x */
	void		(*add) (double *sum, const float *x, int n);

	/*
	 * sum += x * unit, rounded to integers; what is beyond max, at most 2^50,
	 * is cut off.
	 */
	void		(*add_whole) (int64 *sum, const float *x, int n, double unit,
							  double max);

	/*
	 * residual = x - centre; returns its square, and the largest magnitude of
	 * a component.
	 */
	float		(*residual) (const float *x, const float *centre, int n,
							 float *residual, float *largest);

	/* one butterfly transform in place, not normalised; n a power of two */
	void		(*hadamard) (float *x, int n);

	/*
	 * Quantise the magnitudes of x to odd integers u <= top: the sums of |x|
	 * u and of u^2.
	 */
	void		(*fit) (const float *x, int n, float inverse_step, int top,
						float *xu, float *uu);

	/*
	 * Quantise x likewise, with signs: levels[] become (u + top) / 2, and
	 * sums[] those of x u, centre u and u^2.
	 */
	void		(*levels) (const float *x, const float *centre, int n,
						   float inverse_step, int top, uint8 *levels,
						   double *sums);

	/*
	 * Look-up tables of a point, see codec.c: for each four dimensions, 16
	 * bytes to low[] and high[] in turn, in units of *unit.  Returns the sum
	 * of the magnitudes of the components, as rounded to that unit.
	 */
	int			(*lut) (const float *x, int n, uint8 *low, uint8 *high,
						float *unit);

	/* element-wise x *= y */
	void		(*multiply) (float *x, const float *y, int n);

	/*
	 * Score `count' entries stored in consecutive blocks; the numbers of
	 * those with a score below the limit go to hits[], their scores to
	 * scores[]. Both arrays need room for a multiple of ANNOY_BLOCK_ENTRIES.
	 * Returns the number of hits.
	 */
	int			(*score) (const uint8 *blocks, int count,
						  const AnnoyScoring *scoring, float limit,
						  uint16 *hits, float *scores);

	/*
	 * Tell for each block which of `count' entries pass a sieve, by bits of
	 * masks[].  The first one's signatures are given, those of each further
	 * one are so many bytes behind.  Returns how many entries pass.
	 */
	int			(*sift) (const uint8 *signatures, int count, Size block_size,
						 const AnnoySieve * sieve, uint16 *masks);

	/*
	 * Transpose ANNOY_BLOCK_ENTRIES codes of so many bytes, which are that far
	 * apart, into the columns that are scored.  Reads up to 15 bytes behind each
	 * code, and as many columns are written behind the last one.
	 */
	void		(*transpose) (const uint8 *codes, int apart, int bytes, uint8 *columns);
} AnnoyKernels;

/* One for each file; those for other processors are not defined. */
extern const AnnoyKernels annoy_kernels_portable;
extern const AnnoyKernels annoy_kernels_avx2;
extern const AnnoyKernels annoy_kernels_avx512;
extern const AnnoyKernels annoy_kernels_neon;

/* Those to use, see simd.c. */
extern const AnnoyKernels *annoy_kernels;

/* The error factor is the upper half of a float. */
static inline float
AnnoyErrorToFloat(uint16 error)
{
	union
	{
		uint32		i;
		float		f;
	}			u;

	u.i = (uint32) error << 16;
	return u.f;
}

/* simd.c */
extern const struct config_enum_entry annoy_simd_options[];
extern bool AnnoySimdAvailable(AnnoySimd path);
extern bool AnnoyCheckSimd(int *newval, void **extra, GucSource source);
extern AnnoySimd AnnoySimdUse(AnnoySimd path);

#endif							/* ANNOY_SIMD_H */
