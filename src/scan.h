/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  What a scan knows: see scan.c, rows.c and drain.c.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SCAN_H
#define ANNOY_SCAN_H

#include "utils/tuplesort.h"

#include "annoy.h"
#include "filter.h"
#include "search.h"

/*
 * Items that are looked at together: the pages of all are pinned, and fetched
 * into the processor's cache, before the first is read.
 */
#define ANNOY_LOOK_BATCH	8

/* A row whose distance is known. */
typedef struct AnnoyRow
{
	double		distance;
	ItemPointerData tid;
	bool		prefetched;		/* has its page of the table been asked for? */
} AnnoyRow;

/*
 * Rows that were not returned yet.  Those in memory are a heap; if `sort' is not
 * NULL, others are being sorted, or have been.
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

typedef struct AnnoyScanState
{
	MemoryContext context;		/* of the search, reset by a rescan */
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
	double		returned;
	double		dead;			/* of these, rows that nobody sees any more */
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

/* The exact distance of an item from the query. */
static inline double
AnnoyScanDistance(AnnoyScanState *state, const AnnoyItem *item)
{
	state->search->stats.items++;
	return AnnoyDistance(state->search->index->metric, &item->vector, &state->query);
}

/* rows.c */
extern void AnnoyRowsPush(AnnoyRows *rows, const AnnoyRow *row);
extern AnnoyRow AnnoyRowsPop(AnnoyRows *rows);
extern void AnnoyRowsBeginSort(AnnoyRows *rows);
extern void AnnoyRowsPut(AnnoyRows *rows, const ItemPointerData *tid,
						 const double *distance);
extern void AnnoyRowsSort(AnnoyRows *rows);
extern bool AnnoyRowsNext(AnnoyRows *rows, AnnoyRow *row, bool *isnull);
extern void AnnoyRowsEndSort(AnnoyRows *rows);

/* drain.c */
extern void AnnoyDrain(Relation rel, AnnoyScanState *state,
					   const AnnoyIndex *index);
extern bool AnnoyNextDrained(Relation rel, AnnoyScanState *state, AnnoyRow *row,
							 bool *isnull);

#endif							/* ANNOY_SCAN_H */
