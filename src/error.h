/*-------------------------------------------------------------------------
 *
 * error.h
 *	  How damage to an index is reported.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/error.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_ERROR_H
#define ANNOY_ERROR_H

#include "storage/block.h"
#include "utils/relcache.h"

#include "compat.h"

/* not pg_attribute_printf(): it names a format that clang does not know */
pg_noreturn extern void AnnoyReportCorruptionV(Relation rel, BlockNumber block,
											   int offset, const char *format,
											   va_list args)
			__attribute__((format(printf, 4, 0)));
pg_noreturn extern void AnnoyReportCorruption(Relation rel, BlockNumber block,
											  const char *format,...)
			__attribute__((format(printf, 3, 4)));

#endif							/* ANNOY_ERROR_H */
