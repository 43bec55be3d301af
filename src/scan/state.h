/*-------------------------------------------------------------------------
 *
 * state.h
 *	  What a scan knows: see scan.c and drain.c.
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

#include "scan/filter.h"
#include "scan/step.h"
#include "scan/rows.h"
#include "scan/scan.h"

/*
 * Items that are looked at together: the pages of all are pinned, and fetched
 * into the processor's cache, before the first is read.
 */
#define ANNOY_LOOK_BATCH	8

/* What other code of ours has asked a scan for, whatever is set. */
typedef struct AnnoyScanChoice
{
	int			search_k;		/* -1 = as set */
	bool		relaxed;		/* rows found late come at once */
} AnnoyScanChoice;

typedef struct AnnoyScanState
{
	MemoryContext context;		/* of the search: a workspace, or NULL if it
								 * has not begun */
	AnnoyScanChoice choice;		/* kept by a rescan */
	bool		started;

	/* the search */
	AnnoyScanTask task;			/* see step.h */
	AnnoyRound	round;			/* the last one */
	AnnoySearch *search;		/* NULL if the index has no vectors */
	AnnoyVector query;			/* data are NULL if the query is */
	bool		zero_query;		/* nothing has a distance from it */
	AnnoyItemReader reader;
	AnnoyVectorSource *source;	/* of vectors, if they are in the table */
	double		visible;		/* rows that had a vector there ... */
	double		unseen;			/* ... and others, which nobody may see */
	AnnoyFilter *filter;		/* NULL if there are no conditions */
	double		scanned;		/* entries, in all rounds */
	int			next;			/* candidate to look at next */
	AnnoyAhead	ahead;			/* candidates prefetched so far */
	int			rows_prefetched;	/* of so many, also the rows, whose
									 * vectors are in the table */
	seen_hash  *seen;

	/* conditions that the vector is within a distance */
	bool		ends;			/* behind the last row within the radius */
	double		radius;
	bool		ended;			/* but for rows that were found late */
	bool		retest;			/* the executor is to test these conditions */

	AnnoyRows	rows;
	bool		strict;			/* rows found late are kept for the end ... */
	bool		has_late;		/* ... and there were some */
	AnnoyVectorSource *settler; /* of rows to be settled; NULL if distances
								 * are exact */
	double		query_norm;		/* if rows are settled */
	double		slack;			/* no item's distance was farther above its
								 * lower bound */
	double		returned;
	double		dead;			/* of these, rows that nobody sees any more */
	double		last_distance;

	/* when all items have been walked over */
	bool		drained;
	bool		nulls_follow;	/* rows without a vector are to come */
	bool		recheck;		/* the rows left are of those */

	/* items that have passed, whose pages are prefetched together */
	AnnoyPointer passed[8 * ANNOY_LOOK_BATCH];
	int			n_passed;

	/* blocks that the scan has found in shared buffers, and not */
	int64		hits;
	int64		reads;
	int64		reads_returned; /* by the session, when a row was returned
								 * last */

	AnnoyScanReport *past;		/* of searches that have ended; kept by a
								 * rescan */
} AnnoyScanState;

/*
 * Note that an item has been looked at.  Returns true if it was already.
 */
static inline bool
AnnoyScanSee(AnnoyScanState *state, const AnnoyPointer *pointer)
{
	uint64		key = AnnoyPointerKey(pointer);
	bool		found;

	(void) seen_insert(state->seen, key, &found);
	return found;
}

/* Has an item been looked at? */
static inline bool
AnnoyScanHasSeen(const AnnoyScanState *state, const AnnoyPointer *pointer)
{
	return state->seen != NULL &&
		seen_lookup(state->seen, AnnoyPointerKey(pointer)) != NULL;
}

/* workspace.c */
extern MemoryContext AnnoyWorkspaceTake(MemoryContext parent);
extern void AnnoyWorkspaceGiveBack(MemoryContext workspace);
extern Size AnnoyWorkspaceMemory(MemoryContext workspace);

/* stats.c */
extern void AnnoyNoteSearch(AnnoyScanState *state);

/* rows.c */
extern bool AnnoyScanPlace(AnnoyScanState *state, AnnoyRow *row);
extern void AnnoyScanAdd(AnnoyScanState *state, const AnnoyPointer *pointer,
						 const AnnoyItem *item);
extern void AnnoyScanAddItems(AnnoyScanState *state, AnnoyPointer *pointers,
							  const Buffer *buffers, int n);

/* scan.c */
extern bool AnnoySameVector(const AnnoyVector *x, const AnnoyVector *y);

/* merge.c */
extern void AnnoyMergeLearn(IndexScanDesc scan);
extern void AnnoyMergeDoubt(AnnoyScanState *state);

/* settle.c */
extern bool AnnoySettleRow(AnnoyScanState *state, AnnoyRow *row);

/* drain.c */
extern void AnnoyDrain(Relation rel, AnnoyScanState *state,
					   const AnnoyIndex *index);
extern bool AnnoyNextDrained(Relation rel, AnnoyScanState *state, AnnoyRow *row);

#endif							/* ANNOY_SCAN_STATE_H */
