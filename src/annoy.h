/*-------------------------------------------------------------------------
 *
 * annoy.h
 *	  What all rooms above the vectors share: options, settings, and the
 *	  description of an index.
 *
 * Private; authors of operator classes want type/annoy_opclass.h.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/annoy.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_H
#define ANNOY_H

#include <math.h>

#include "utils/guc.h"
#include "utils/relcache.h"

#include "annoy_page.h"
#include "compat.h"
#include "error.h"
#include "type/type.h"

#define ANNOY_DEFAULT_SEED		UINT64CONST(1234567890987654321)
#define ANNOY_DEFAULT_EPSILON	2.5
#define ANNOY_DEFAULT_RECALL	0.95
#define ANNOY_MIN_RECALL		0.5
#define ANNOY_DEFAULT_NEIGHBORS	5

/* Storage parameters, see options.c. */
typedef struct AnnoyOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int			n_trees;		/* -1 = automatic */
	int			n_entries;		/* likewise */
	int			search_k;		/* -1 = automatic */
	int			dimensions;		/* 0 = from the first row */
	int			seed_offset;	/* string: a 64-bit number, 0 = default */
	int			dtype_offset;	/* string: see AnnoyOptionDtype */
	int			signatures;		/* bytes of an entry, -1 = automatic */
	double		target_recall;	/* -1 = as set */
	int			n_neighbors;	/* -1 = as set */
} AnnoyOptions;

/* Settings, see options.c. */
extern int	annoy_search_k;
extern double annoy_target_recall;
extern bool annoy_target_recall_is_set;
extern double annoy_epsilon;
extern bool annoy_strict_order;
extern int	annoy_verbose;
extern int	annoy_simd;
extern int	annoy_n_neighbors;
extern bool annoy_n_neighbors_is_set;
extern int	annoy_default_dtype;

/*
 * Shape of the codes in one kind of node.  A code is `bits' planes of `dims'
 * bits each: the most significant plane last.
 */
typedef struct AnnoyCodec
{
	int			bits;			/* per dimension */
	int			dims;			/* leading dimensions that are coded */
	int			bytes;			/* bits * dims / 8 */
	int			signature_bytes;	/* beside a code */
	Size		block_size;		/* of ANNOY_BLOCK_ENTRIES entries */
	int			capacity;		/* entries a node has room for */
} AnnoyCodec;

/*
 * Everything about an index that does not change once its dimensions are
 * known.  Lives in rd_amcache as one piece of memory.
 */
typedef struct AnnoyIndex
{
	AnnoyMetric metric;
	AnnoyDtype	dtype;			/* of the items' vectors ... */
	bool		in_table;		/* ... which are in the table only */
	bool		auto_dtype;		/* these two are decided with the dimensions */
	bool		zeros_last;		/* see AnnoyItemDistance */
	int			dim;			/* dimensions, 0 = not known yet */
	int			n_trees;
	int			n_entries;		/* of an item in each tree, at most: 1 or 2 */
	uint64		seed;
	double		built_items;
	uint32		resets;			/* the metapage's, to know a stale copy */
	uint8		generation;		/* of nodes */
	double		grown_from;		/* see the metapage */
	uint32		removed;		/* likewise */
	bool		has_old_nodes;	/* as of when it was opened */
	AnnoyCurve	curve;

	/* the search space; if it is not known yet, nothing is compared in it */
	bool		has_space;
	int			space_dim;		/* dim padded to ANNOY_DIM_ALIGN */
	int			scale_exponent;
	double		scale;			/* image = scale * vector; 2^scale_exponent */
	float	   *mean;			/* dim floats */
	float	   *signs;			/* ANNOY_ROTATION_ROUNDS * space_dim floats */

	/* nodes */
	int			centre_bits;	/* per dimension: 16, 8 or 4 */
	int			centre_bytes;
	AnnoyCodec	leaf;
	AnnoyCodec	inner;

	/* item groups */
	int			item_size;		/* bytes of a stored vector, or 0 */
	int			group_slots;
	int			group_pages;
	int			group_head;		/* bytes before the first vector */

	/* further columns */
	int			attributes_size;	/* of an item, by the types; 0 = none */
	uint8		signature_columns[ANNOY_MAX_SIGNATURE]; /* see the metapage */
	BlockNumber bounds_block;	/* first page of bounds, or invalid */
	uint32		n_bounds;		/* pages */
	Size		bounds_size;
	char	   *bounds;			/* what these pages have: tuples, ... */
	int			bound_count;	/* so many ... */
	uint32	   *bound_starts;	/* ... of which each begins there */
} AnnoyIndex;

/*
 * Has a stored vector no distance from a query, although the metric says that it has
 * this one?  So it is with vectors of zeros by cosine and the types of an extension.
 * With our own types, the distance is 1 then.
 */
static inline bool
AnnoyHasNoDistance(const AnnoyIndex *index, const AnnoyVector *item,
				   const AnnoyVector *query, double distance)
{
	return unlikely(index->zeros_last && distance == 1.0) &&
		(AnnoyIsZero(item) || AnnoyIsZero(query));
}

/*
 * The distance by which a stored vector is in order.  It is infinite if there is none;
 * cosine distances are 2 at most.
 */
static inline double
AnnoyItemDistance(const AnnoyIndex *index, const AnnoyVector *item,
				  const AnnoyVector *query)
{
	double		distance = AnnoyStoredDistance(index->metric, item, query);

	return AnnoyHasNoDistance(index, item, query, distance) ? INFINITY : distance;
}

/* Random numbers: SplitMix64.  Part of the format: seeds must keep meaning. */
typedef uint64 AnnoyRandom;

static inline uint64
AnnoyRandomNext(AnnoyRandom *state)
{
	uint64		z = (*state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A random number below n; the bias is far below anything that matters. */
static inline uint32
AnnoyRandomBelow(AnnoyRandom *state, uint32 n)
{
	return (uint32) (((AnnoyRandomNext(state) >> 32) * n) >> 32);
}

/* Is told how much there is to do on top of what was known, and what is done. */
typedef void (*AnnoyProgress) (uint64 more, uint64 done, void *arg);

/* Entries of an item in a tree that n_entries = -1 gives; see docs/measurements.md. */
#define ANNOY_AUTOMATIC_ENTRIES	2

/* What is declared if it is no AnnoyDtype: that no vectors are stored, or nothing. */
#define ANNOY_DTYPE_NONE		0
#define ANNOY_DTYPE_AUTO		(-1)

/* options.c */
extern int	AnnoyOptionSearchK(Relation rel);
extern double AnnoyOptionTargetRecall(Relation rel);
extern int	AnnoyOptionNeighbors(Relation rel);
extern int	AnnoyOptionDimensions(Relation rel);
extern int	AnnoyOptionTrees(Relation rel);
extern int	AnnoyOptionEntries(Relation rel);
extern int	AnnoyOptionSignatures(Relation rel);
extern uint64 AnnoyOptionSeed(Relation rel, bool *is_zero);
extern int	AnnoyOptionDtype(Relation rel);
extern void AnnoyDefineOptions(void);
extern bytea *annoyoptions(Datum reloptions, bool validate);
extern void AnnoyAssignSimd(int newval, void *extra);

#endif							/* ANNOY_H */
