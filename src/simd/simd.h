/*-------------------------------------------------------------------------
 *
 * simd.h
 *	  Instruction sets that there is code for, and the choice among them.
 *
 * A path is the code for one instruction set: kernels (kernels.h) and exact
 * metrics (metric.c).  All give the same bits, so the choice changes nothing
 * but the speed.
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

#include "utils/guc.h"

/* Paths that this build has, besides the portable one. */
#if defined(__x86_64__)
#define ANNOY_HAVE_X86
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(WORDS_BIGENDIAN)
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

/* simd.c */
extern const struct config_enum_entry annoy_simd_options[];
extern bool AnnoySimdAvailable(AnnoySimd path);
extern bool AnnoyCheckSimd(int *newval, void **extra, GucSource source);
extern void AnnoyAssignSimd(int newval, void *extra);

/* metric.c */
extern void AnnoyMetricUse(AnnoySimd path);

#endif							/* ANNOY_SIMD_H */
