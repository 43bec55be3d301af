/*-------------------------------------------------------------------------
 *
 * simd.c
 *	  annoy.simd: the choice of an instruction set.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/simd.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "simd/simd.h"

#ifdef ANNOY_HAVE_X86
#include <cpuid.h>
#endif

/* In the order of AnnoySimd. */
const struct config_enum_entry annoy_simd_options[] = {
	{"auto", ANNOY_SIMD_AUTO, false},
	{"portable", ANNOY_SIMD_PORTABLE, false},
	{"avx2", ANNOY_SIMD_AVX2, false},
	{"avx512", ANNOY_SIMD_AVX512, false},
	{"neon", ANNOY_SIMD_NEON, false},
	{NULL, 0, false}
};

const AnnoyKernels *annoy_kernels = &annoy_kernels_portable;

/* The kernels of a path, or NULL if this build does not have them. */
static const AnnoyKernels *
path_kernels(AnnoySimd path)
{
	switch (path)
	{
		case ANNOY_SIMD_PORTABLE:
			return &annoy_kernels_portable;
#ifdef ANNOY_HAVE_X86
		case ANNOY_SIMD_AVX2:
			return &annoy_kernels_avx2;
		case ANNOY_SIMD_AVX512:
			return &annoy_kernels_avx512;
#endif
#ifdef ANNOY_HAVE_NEON
		case ANNOY_SIMD_NEON:
			return &annoy_kernels_neon;
#endif
		default:
			return NULL;
	}
}

#ifdef ANNOY_HAVE_X86
/*
 * Can the processor convert halves?  Not every compiler that has
 * __builtin_cpu_supports() lets it be asked.
 */
static bool
has_f16c(void)
{
	unsigned int eax;
	unsigned int ebx;
	unsigned int ecx;
	unsigned int edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

/*
 * Has this build the path, and can this machine run it?  That takes an
 * operating system, too, that saves the registers: the compiler's function
 * looks at both.
 */
bool
AnnoySimdAvailable(AnnoySimd path)
{
#ifdef ANNOY_HAVE_X86
	if (path == ANNOY_SIMD_AVX2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
			has_f16c();
	if (path == ANNOY_SIMD_AVX512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
			__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
			__builtin_cpu_supports("popcnt") && has_f16c();
#endif
	return path_kernels(path) != NULL;
}

/*
 * annoy.simd: refuse a path that cannot be run.
 */
bool
AnnoyCheckSimd(int *newval, void **extra pg_attribute_unused(),
			   GucSource source pg_attribute_unused())
{
	StringInfoData available;

	if (*newval == ANNOY_SIMD_AUTO || AnnoySimdAvailable(*newval))
		return true;

	initStringInfo(&available);
	appendStringInfoString(&available, annoy_simd_options[ANNOY_SIMD_AUTO].name);
	for (int path = ANNOY_SIMD_PORTABLE; path <= ANNOY_SIMD_LAST; path++)
		if (AnnoySimdAvailable(path))
			appendStringInfo(&available, ", %s", annoy_simd_options[path].name);
	if (path_kernels(*newval) == NULL)
		GUC_check_errdetail("The code for these instructions is for another processor architecture.");
	else
		GUC_check_errdetail("This machine does not have these instructions.");
	GUC_check_errhint("Available values: %s.", available.data);
	pfree(available.data);
	return false;
}

/*
 * Use a path, or the best that this machine has.  Returns which one that is.
 */
AnnoySimd
AnnoySimdUse(AnnoySimd path)
{
	if (path == ANNOY_SIMD_AUTO)
	{
		path = ANNOY_SIMD_LAST;
		while (!AnnoySimdAvailable(path))
			path--;
	}
	annoy_kernels = path_kernels(path);
	return path;
}

PG_FUNCTION_INFO_V1(annoy_simd_paths);

/*
 * The paths that annoy.simd can be set to.
 */
Datum
annoy_simd_paths(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	AnnoySimd  *next;

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		next = MemoryContextAlloc(context->multi_call_memory_ctx, sizeof(AnnoySimd));
		*next = ANNOY_SIMD_PORTABLE;
		context->user_fctx = next;
	}

	context = SRF_PERCALL_SETUP();
	next = context->user_fctx;
	while (*next <= ANNOY_SIMD_LAST && !AnnoySimdAvailable(*next))
		(*next)++;
	if (*next <= ANNOY_SIMD_LAST)
		SRF_RETURN_NEXT(context, CStringGetTextDatum(annoy_simd_options[(*next)++].name));
	SRF_RETURN_DONE(context);
}
