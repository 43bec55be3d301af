/*-------------------------------------------------------------------------
 *
 * space.h
 *	  The search space: images of vectors, codes of points, and dividing points.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/space/space.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_SPACE_H
#define ANNOY_SPACE_H

#include "annoy.h"
#include "simd/simd.h"

/* Of the rotation, see space.c. */
#define ANNOY_ROTATION_ROUNDS	4

/* Components of images are not beyond this: their squares still are finite. */
#define ANNOY_MAX_COMPONENT		1e15

/*
 * Nor is a centre's scale beyond this: rotation makes a component at most as
 * large as the norm, and there are at least 3 bits for it.
 */
#define ANNOY_MAX_CENTRE_SCALE	1e17f

#define ANNOY_MAX_CODE_BYTES	256

/* An entry of a node, outside of a page. */
typedef struct AnnoyEntry
{
	float		offset;
	float		shift;			/* of the offset, in nodes near the origin */
	float		slope;
	uint16		error;
	uint16		flags;			/* ANNOY_ENTRY_*, of a leaf */
	AnnoyPointer pointer;
	AnnoySignature signature;	/* likewise */
	uint8		code[ANNOY_MAX_CODE_BYTES];
} AnnoyEntry;

/* Look-up tables of a point, good for codes of any number of bits. */
typedef struct AnnoyLut
{
	uint8	   *low;
	uint8	   *high;
	float		unit;			/* what 1 in the tables stands for */
	int			sum;			/* of the magnitudes of components, in units */
} AnnoyLut;

/*
 * A point of the search space prepared for comparison with nodes: a query, or
 * a vector that looks for its leaf.
 */
typedef struct AnnoyTarget
{
	const AnnoyIndex *index;
	bool		inner_product;	/* score is -2 <x, .>, not squared distance */
	float	   *x;				/* space_dim floats */
	float		norm2;			/* |x|^2 */
	AnnoyLut	lut;			/* of x */
	AnnoyLut	node_lut;		/* of x less a node's centre */
	float	   *residual;		/* work space for that */
	int8	   *centre;			/* work space to unpack 4-bit centres */
	float		width;			/* of the bounds of the node scored last ... */
	float		rounding;		/* ... and what they leave for rounding */
	const		AnnoySieve *sieve;	/* that entries of leaves have to pass, or
									 * NULL */
	int			passed;			/* entries of the node scored last that have */
} AnnoyTarget;

/* The second entry of an item goes to one of so many leaves near it. */
#define ANNOY_SECOND_CANDIDATES	12

/* With fewer leaves than this an item gets one entry. */
#define ANNOY_MIN_SECOND_LEAVES	2

/*
 * How bad a leaf is for the second entry of a point x whose first one is in a leaf
 * with the centre c.  Its own centre c' is to be near x, and x should not lie in the
 * same direction from both, as a query that misses one leaf would miss the other,
 * too:
 *
 *	|r'|^2 + (r . r')^2 / |r|^2		with r = x - c, r' = x - c'
 *
 * (SOAR: Sun, Simcha, Dopson, Guo, Kumar, "SOAR: Improved Indexing for Approximate
 * Nearest Neighbor Search", NeurIPS 2023).  Takes the squared distances |r|^2, |r'|^2
 * and |c - c'|^2.  The result is between |r'|^2 and twice that, also where rounding
 * would make it anything.
 */
static inline float
AnnoySecondScore(float first, float second, float between)
{
	float		product = (first + second - between) / 2;

	return first > 0 ? second + Min(product * (product / first), second) : second;
}

/* space.c */
extern int	AnnoySpaceDim(int dim);
extern void AnnoyMakeSigns(uint64 seed, int space_dim, float *signs);
extern bool AnnoyIsScaled(AnnoyMetric metric);
extern bool AnnoyNormExponent(const AnnoyVector *vec, int *exponent);
extern int	AnnoyScaleExponent(int norm_exponent);
extern int	AnnoyMedianExponent(int *exponents, int count);
extern void AnnoyImage(AnnoyMetric metric, double scale, const AnnoyVector *vec,
					   float *image);
extern void AnnoyRescaleImage(float *image, int dim, int exponent);
extern void AnnoyMapImage(const AnnoyIndex *index, const float *image,
						  float *x);
extern void AnnoyMapItem(const AnnoyIndex *index, const AnnoyVector *vec,
						 float *x);
extern double AnnoyMapQuery(const AnnoyIndex *index, const AnnoyVector *vec,
							float *x);

/* codec.c */
extern void AnnoyEncode(const AnnoyIndex *index, const AnnoyCodec *codec,
						const float *x, const float *centre,
						AnnoyEntry *entry);
extern void AnnoyDecode(const AnnoyIndex *index, const AnnoyCodec *codec,
						const AnnoyEntry *entry, const float *centre, float *x);
extern float AnnoyQuantise(const AnnoyIndex *index, float *centre,
						   int16 *quantised);
extern void AnnoyTargetInit(AnnoyTarget *target, const AnnoyIndex *index,
							bool inner_product);
extern void AnnoyTargetSet(AnnoyTarget *target);
extern void AnnoyLutFill(AnnoyLut *lut, const AnnoyIndex *index,
						 const float *x);
extern void AnnoyLutScoring(const AnnoyLut *lut, const AnnoyCodec *codec,
							bool bound, AnnoyScoring *scoring);

/* kmeans.c */
typedef struct AnnoyPieces
{
	int			count;
	int			allocated;
	int		   *start;			/* start[count] is the number of points */
	AnnoyProgress progress;		/* counts the points of each division; or NULL */
	void	   *progress_arg;
} AnnoyPieces;

/* Points to be divided: rows of `stride' floats, of which the first `dim' count. */
typedef struct AnnoyPointSet
{
	const float *points;
	int			stride;
	int			dim;
} AnnoyPointSet;

extern int	AnnoyTwoMeans(const AnnoyPointSet *rows, int *order, int count,
						  int min_part, double granule, AnnoyRandom *random,
						  AnnoyProgress progress, void *progress_arg);
extern int	AnnoyNearestCentre(const float *point, int dim, const float *centres,
							   int count, int without);
extern void AnnoyRefineParts(const float *points, int dim, const int *order,
							 int count, int parts, float *centres, int *part);
extern int	AnnoyDivide(const AnnoyPointSet *rows, int *order, int start,
						int count, double max_piece, bool pack, uint64 seed,
						AnnoyProgress progress, void *progress_arg);
extern void AnnoyPartition(const AnnoyPointSet *rows, int *order, int start,
						   int count, double max_piece, bool pack,
						   uint64 seed, AnnoyPieces *pieces);
extern void AnnoyMean(const float *points, int dim, const int *order,
					  int count, float *mean);
extern double AnnoyNthValue(double *values, int count, int n);
extern double AnnoyMedian(double *values, int count);
extern void AnnoyCentre(const float *points, int dim, const int *order,
						int count, float *centre);
extern void AnnoyRobustCentre(const float *points, int dim, const int *order,
							  int count, float *centre);

#endif							/* ANNOY_SPACE_H */
