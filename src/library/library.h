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

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "relation/relation.h"

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

extern void AnnoyOpenForRows(Oid oid, AnnoyAccess *access);
extern int	AnnoyDefaultNeighbors(Relation rel);
pg_noreturn extern void AnnoyNoItem(void);
extern void AnnoyRowReaderInit(AnnoyRowReader *reader,
							   const AnnoyAccess *access);
extern bool AnnoyReadRow(AnnoyRowReader *reader, AnnoyDtype dtype,
						 AnnoyVector *vec);
extern void AnnoyRowReaderEnd(AnnoyRowReader *reader);
extern bool AnnoyFetchRow(const AnnoyAccess *access, ItemPointer tid,
						  AnnoyVector *vec);

/* params.c */
extern char *AnnoyParamsJson(const AnnoyAccess *access);
extern List *AnnoyReadParams(const AnnoyAccess *access, Jsonb *json);
extern void AnnoyAppendOptions(StringInfo sql, List *options);
extern Oid	AnnoyFindOpclass(Oid am, Oid type, AnnoyMetric metric);
extern char *AnnoyOpclassName(Oid opclass);
extern void AnnoyExecute(const char *sql);

/* info.c */
extern int64 AnnoyCountLiveVectors(Relation rel, const AnnoyIndex *index);

#endif							/* ANNOY_LIBRARY_H */
