/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  Rows that a scan is going to return, and the items it has looked at: see
 *	  rows.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/rows.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_ROWS_H
#define ANNOY_SCAN_ROWS_H

#include "executor/tuptable.h"
#include "utils/tuplesort.h"

#include "storage/storage.h"

/* What kinds of rows there are, in the order in which a scan returns them. */
typedef enum AnnoyRowKind
{
	ANNOY_ROW_IN_ORDER,			/* by its distance */
	ANNOY_ROW_NULL,				/* has no distance */
	ANNOY_ROW_LATE				/* nearer than a row that was returned before
								 * it was found */
} AnnoyRowKind;

/* A row to be returned. */
typedef struct AnnoyRow
{
	double		distance;		/* 0 if it is NULL */
	ItemPointerData tid;
	uint8		kind;			/* AnnoyRowKind */
	bool		prefetched:1;	/* has its page of the table been asked for? */
	bool		is_bound:1;		/* the distance is a lower bound; see settle.c */
} AnnoyRow;

/*
 * Rows that were not returned yet, in the order of their kinds, then of their
 * distances.  Those in memory are a heap; if `sort' is not NULL, others are being
 * sorted, or have been.
 */
typedef struct AnnoyRows
{
	AnnoyRow   *rows;
	int			count;
	int			allocated;
	bool		bounds;			/* distances of sorted rows may be bounds */
	Tuplesortstate *sort;
	bool		has_sorted;		/* the next of the sorted rows is known ... */
	AnnoyRow	sorted;			/* ... and is this one */
	TupleTableSlot *get_slot;
	TupleTableSlot *put_slot;
} AnnoyRows;

/* Items looked at: a hash table of pointers. */
#define SH_PREFIX			seen
#define SH_ELEMENT_TYPE		SeenEntry
#define SH_KEY_TYPE			uint64
#define SH_KEY				key
#define SH_HASH_KEY(tb, key) ((uint32) (((key) * UINT64CONST(0x9E3779B97F4A7C15)) >> 32))
#define SH_EQUAL(tb, a, b)	((a) == (b))
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
typedef struct SeenEntry
{
	uint64		key;
	char		status;
} SeenEntry;
#include "lib/simplehash.h"

extern void AnnoyRowsAdd(AnnoyRows *rows, const AnnoyRow *row);
extern void AnnoyRowsPutBack(AnnoyRows *rows, const AnnoyRow *row);
extern void AnnoyRowsBeginSort(AnnoyRows *rows, int memory);
extern void AnnoyRowsSort(AnnoyRows *rows);
extern bool AnnoyRowsNext(AnnoyRows *rows, AnnoyRow *row);
extern void AnnoyRowsEndSort(AnnoyRows *rows);

#endif							/* ANNOY_SCAN_ROWS_H */
