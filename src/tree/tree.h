/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  Trees: descending to a leaf, walking over all, adding an entry.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/tree.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_TREE_H
#define ANNOY_TREE_H

#include "access/genam.h"
#include "nodes/execnodes.h"

#include "relation/relation.h"
#include "storage/storage.h"

/* Widest beam of AnnoyPlace. */
#define ANNOY_MAX_BEAM			16

/* A scored entry: a node to visit, or an item to look at. */
typedef struct AnnoyCandidate
{
	float		score;
	uint32		nsn;			/* nodes: parent's child_nsn when it was read */
	AnnoyPointer pointer;
} AnnoyCandidate;

/*
 * Collects the candidates with the lowest scores: appends what is below the
 * limit, and when the array is full keeps the best and lowers the limit.
 */
typedef struct AnnoyCollector
{
	AnnoyCandidate *candidates;
	int			count;
	int			keep;			/* how many are wanted */
	int			allocated;
	float		limit;			/* scores from here on are not wanted */
} AnnoyCollector;

/* collect.c */
extern void AnnoyCollectorInit(AnnoyCollector *collector);
extern void AnnoyCollectorKeep(AnnoyCollector *collector, int keep);
extern void AnnoyCollectorReset(AnnoyCollector *collector, int keep);
extern void AnnoyCollectorFree(AnnoyCollector *collector);
extern Size AnnoyCollectorMemory(int keep);
extern void AnnoyCollect(AnnoyCollector *collector, const AnnoyIndex *index,
						 AnnoyNode node, int nhits, const uint16 *hits,
						 const float *scores);
extern void AnnoyCollectorAdd(AnnoyCollector *collector,
							  const AnnoyCandidate *candidate);
extern void AnnoyCollectorFinish(AnnoyCollector *collector);
extern void AnnoyCollectorSubtract(AnnoyCollector *collector,
								   const AnnoyCollector *other);

/* place.c */
typedef AnnoyNode (*AnnoyReadNode) (BlockNumber block, void *arg);

extern void AnnoyPlace(Relation rel, AnnoyTarget *target, BlockNumber root, int beam,
					   int keep, AnnoyReadNode read_node, void *arg,
					   AnnoyCollector *leaves);

/* A walk over the nodes of a level of a tree. */
typedef struct AnnoyWalk
{
	Relation	rel;
	const AnnoyIndex *index;
	int			tree;
	int			level;
	BlockNumber block;			/* of the last node */
	BlockNumber next;			/* of the next one, or invalid */
	BlockNumber steps;
	PGAlignedBlock copy;		/* of the last node's page */
} AnnoyWalk;

/* walk.c */
extern void AnnoyWalkBegin(AnnoyWalk *walk, Relation rel,
						   const AnnoyIndex *index, int tree, int level);
extern AnnoyNode AnnoyWalkNext(AnnoyWalk *walk);
extern void AnnoyWalkAgain(AnnoyWalk *walk);
extern double AnnoyCountVectors(Relation rel, const AnnoyIndex *index);

/* insert.c */
extern int	AnnoyLeafFindItem(const AnnoyIndex *index, AnnoyNode leaf,
							  const AnnoyPointer *item);
extern bool annoyinsert(Relation rel, Datum *values, bool *isnull,
						ItemPointer tid, Relation heap,
						IndexUniqueCheck check_unique,
						bool index_unchanged,
						IndexInfo *index_info);

/* decide.c */
extern void AnnoyDecideSpace(Relation rel, const AnnoyIndex *index,
							 BlockNumber block);

/* free.c */
extern Buffer AnnoyNodeExtend(Relation rel);
extern void AnnoyFreePage(Relation rel, Buffer buffer);
extern void AnnoyFreeOldNodes(Relation rel);

/*
 * The nodes that a descent to a leaf has read.  A node that is split has its
 * parent among those of the level above, most likely.
 */
#define ANNOY_PATH_WIDTH	3	/* nodes of one level */

typedef struct AnnoyPath
{
	int			count[ANNOY_MAX_LEVEL];
	BlockNumber block[ANNOY_MAX_LEVEL][ANNOY_PATH_WIDTH];
	uint32		nsn[ANNOY_MAX_LEVEL][ANNOY_PATH_WIDTH]; /* as it was then */
} AnnoyPath;

/* plan.c */
extern OffsetNumber AnnoyFillNode(const AnnoyIndex *index, Page page, int tree,
								  int level, const float *points,
								  const int *order, int count,
								  const AnnoyPointer *pointers,
								  const AnnoySignature * signatures, float *centre);

/* spread.c */
extern float AnnoyLeafSpread(double fourth_powers, int count);
extern bool AnnoyIsOutlier(float distance2, const AnnoyPointer *pointer);
extern void AnnoyPreferWideLeaf(AnnoyTarget *target, BlockNumber root,
								AnnoyReadNode read_node, void *arg,
								AnnoyCollector *leaves);
extern void AnnoyGrowSpread(Relation rel, const AnnoyIndex *index, int tree,
							BlockNumber leaf, const AnnoyCollector *leaves,
							double offset, int count, const AnnoyPath *path);
extern void AnnoySetSpread(Relation rel, const AnnoyIndex *index, int tree,
						   BlockNumber leaf, double spread, const AnnoyPointer *wider,
						   const AnnoyPath *path);

/* split.c */
extern void AnnoySplitNode(Relation rel, const AnnoyIndex *index,
						   BlockNumber block, const AnnoyPath *path);

/* relocate.c */
typedef struct AnnoyRelocation AnnoyRelocation;

extern AnnoyRelocation *AnnoyRelocationBegin(Relation rel, const AnnoyIndex *index);
extern int	AnnoyRelocate(AnnoyRelocation *state, int tree,
						  const AnnoyPointer *pointer, const AnnoyPath *path);
extern double AnnoyRelocated(const AnnoyRelocation *state);

#endif							/* ANNOY_TREE_H */
