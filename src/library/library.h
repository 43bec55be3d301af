/*-------------------------------------------------------------------------
 *
 * library.h
 *	  What the files with Annoy's methods share.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/library.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_LIBRARY_H
#define ANNOY_LIBRARY_H

#include "relation/relation.h"
#include "scan/scan.h"

/* access.c */

/* Rows of the table, read one after the other. */
typedef struct AnnoyRowReader
{
	const AnnoyAccess *access;
	struct IndexInfo *info;
	struct EState *estate;
	struct ExprState *predicate;
	TupleTableSlot *slot;		/* where the caller puts the row */
} AnnoyRowReader;

/* Searches in an index, one after the other. */
typedef struct AnnoyNearest
{
	const AnnoyAccess *access;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	RegProcedure distance;
} AnnoyNearest;

extern void AnnoyOpenForRows(Oid oid, AnnoyAccess *access);
extern void AnnoyRowReaderInit(AnnoyRowReader *reader,
							   const AnnoyAccess *access);
extern bool AnnoyReadRow(AnnoyRowReader *reader, AnnoyDtype dtype,
						 AnnoyVector *vec);
extern void AnnoyRowReaderEnd(AnnoyRowReader *reader);
extern bool AnnoyFetchRow(const AnnoyAccess *access, ItemPointer tid,
						  AnnoyVector *vec);
extern void AnnoyBeginNearest(AnnoyNearest *nearest, const AnnoyAccess *access,
							  int search_k);
extern void AnnoyAskNearest(AnnoyNearest *nearest, Datum query);
extern bool AnnoyNextNearest(AnnoyNearest *nearest, double *distance,
							 ItemPointer tid);
extern void AnnoyEndNearest(AnnoyNearest *nearest);

#endif							/* ANNOY_LIBRARY_H */
