/*-------------------------------------------------------------------------
 *
 * state.h
 *	  What a scan knows: see scan.c, rows.c and drain.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_STATE_H
#define ANNOY_SCAN_STATE_H

#include <math.h>

#include "utils/tuplesort.h"

#include "scan/filter.h"
#include "scan/scan.h"

/*
 * Items that are looked at together: the pages of all are pinned, and fetched
 * into the processor's cache, before the first is read.
 */
#define ANNOY_LOOK_BATCH	8

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
	bool		prefetched;		/* has its page of the table been asked for? */
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
	Tuplesortstate *sort;
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

/* What other code of ours has asked a scan for, whatever is set. */
typedef struct AnnoyScanChoice
{
	int			search_k;		/* -1 = as set */
	bool		relaxed;		/* rows found late come at once */
} AnnoyScanChoice;

typedef struct AnnoyScanState
{
	MemoryContext context;		/* of the search, reset by a rescan */
	AnnoyScanChoice choice;		/* kept by a rescan */
	bool		started;
	AnnoyDemand demand;			/* of the executor */

	/* the search */
	AnnoySearch *search;		/* NULL if the index has no vectors */
	AnnoyVector query;			/* data are NULL if the query is */
	AnnoyItemReader reader;
	AnnoyFilter *filter;		/* NULL if there are no conditions */
	AnnoyEfforts efforts;		/* what to choose an effort from */
	double		effort;			/* of the current round */
	double		enough_for;		/* rows that this effort is good for */
	double		scanned;		/* entries, in all rounds */
	int			keep;			/* candidates kept in a round */
	int			next;			/* candidate to look at next */
	int			prefetched;		/* candidates prefetched so far */
	seen_hash  *seen;

	AnnoyRows	rows;
	bool		strict;			/* rows found late are kept for the end */
	double		returned;
	double		dead;			/* of these, rows that nobody sees any more */
	bool		knows_dead;		/* the effort is for many of them */
	double		last_distance;

	/* when all items have been walked over */
	bool		drained;
	bool		nulls_follow;	/* rows without a vector are to come */
	bool		recheck;		/* the rows left are of those */

	/* items that have passed, to be looked at together */
	AnnoyPointer passed[ANNOY_LOOK_BATCH];
	int			n_passed;

	/* blocks that were found in shared buffers, and not, before this scan */
	int64		hits_before;
	int64		reads_before;
	int64		reads_returned; /* when a row was returned last */
} AnnoyScanState;

/* Are there conditions on attributes? */
static inline bool
AnnoyScanTests(const AnnoyScanState *state)
{
	return state->filter != NULL && state->filter->n_keys > 0;
}

/*
 * Note that an item has been looked at.  Returns true if it was already.
 */
static inline bool
AnnoyScanSee(AnnoyScanState *state, const AnnoyPointer *pointer)
{
	uint64		key = (uint64) ItemPointerGetBlockNumberNoCheck(pointer) << 16 |
	ItemPointerGetOffsetNumberNoCheck(pointer);
	bool		found;

	(void) seen_insert(state->seen, key, &found);
	return found;
}

/* Has an item been looked at? */
static inline bool
AnnoyScanHasSeen(const AnnoyScanState *state, const AnnoyPointer *pointer)
{
	uint64		key = (uint64) ItemPointerGetBlockNumberNoCheck(pointer) << 16 |
	ItemPointerGetOffsetNumberNoCheck(pointer);

	return state->seen != NULL && seen_lookup(state->seen, key) != NULL;
}

/* scan.c */
extern void AnnoyScanAdd(AnnoyScanState *state, const AnnoyPointer *pointer,
						 const AnnoyItem *item);

/* rows.c */
extern void AnnoyRowsAdd(AnnoyRows *rows, const AnnoyRow *row);
extern void AnnoyRowsBeginSort(AnnoyRows *rows, int memory);
extern void AnnoyRowsSort(AnnoyRows *rows);
extern bool AnnoyRowsNext(AnnoyRows *rows, AnnoyRow *row);
extern void AnnoyRowsEndSort(AnnoyRows *rows);

/* drain.c */
extern void AnnoyDrain(Relation rel, AnnoyScanState *state,
					   const AnnoyIndex *index);
extern bool AnnoyNextDrained(Relation rel, AnnoyScanState *state, AnnoyRow *row);

#endif							/* ANNOY_SCAN_STATE_H */
