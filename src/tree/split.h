/*-------------------------------------------------------------------------
 *
 * split.h
 *	  What the files that split nodes share.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/split.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SPLIT_H
#define ANNOY_SPLIT_H

#include "storage/storage.h"
#include "tree/tree.h"

/* So many leaves a split leaves at most. */
#define ANNOY_SPLIT_LEAVES	3

/* A planned split of a node. */
typedef struct AnnoySplitPlan
{
	int			tree;
	BlockNumber right_block;	/* the new node, when it was made */

	/* a sibling without entries in the place of a new node, or invalid */
	BlockNumber empty;
	uint32		empty_changes;
	bool		none_empty;		/* there is none, although the parent says so */
	uint32		changes;		/* of the page the plan was made for */
	float	   *left_centre;
	float	   *right_centre;
	bool		is_root;
	float	   *centre;			/* of both together, for a root */
	PGAlignedBlock left;
	PGAlignedBlock right;
	OffsetNumber left_spread;	/* for pointers to them, see AnnoyFillNode */
	OffsetNumber right_spread;

	/* a sibling that takes part, or invalid */
	int			tries;			/* attempts with one that are left */
	BlockNumber neighbour;
	uint32		neighbour_changes;
	float	   *neighbour_centre;
	PGAlignedBlock neighbour_page;
	OffsetNumber neighbour_spread;
} AnnoySplitPlan;

/* plan.c */
extern bool AnnoyPlanSplit(Relation rel, const AnnoyIndex *index, BlockNumber block,
						   Page page, Page neighbour, AnnoySplitPlan *plan);
extern bool AnnoyPlanCentre(Relation rel, const AnnoyIndex *index, BlockNumber block,
							Page page, double part, AnnoySplitPlan *plan);
extern bool AnnoyReadPoint(Relation rel, const AnnoyIndex *index, AnnoyItemReader *reader,
						   BlockNumber block, AnnoyNode node, int i, float *point);

/* parent.c */
extern Buffer AnnoyFindParent(Relation rel, const AnnoyIndex *index, int tree,
							  int level, BlockNumber child,
							  const AnnoyPath *path, int mode);

/* split.c */
extern bool AnnoyLockUnchanged(Relation rel, const AnnoyIndex *index, Buffer buffer,
							   uint32 changes);
extern bool AnnoyMoveCentre(Relation rel, const AnnoyIndex *index, BlockNumber block,
							Page copy, double part, const AnnoyPath *path);

/* move.c */
extern void AnnoyMoveEntries(Relation rel, const AnnoyIndex *index, int tree,
							 const BlockNumber *leaves, int n_leaves, const AnnoyPath *path);

#endif							/* ANNOY_SPLIT_H */
