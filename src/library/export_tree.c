/*-------------------------------------------------------------------------
 *
 * export_tree.c
 *	  Trees of a file of the Annoy library, built as it builds them: two
 *	  centroids are moved by 200 vectors drawn at random, and the plane between
 *	  them divides the rows, until a node can list what is left.
 *
 * Where it differs: the first two vectors are never equal, as long as there are
 * two that differ.  With many copies of one vector they mostly would be, and
 * without a plane the other rows are strewn over the tree.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/export_tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "annoy.h"
#include "library/annfile.h"
#include "simd/simd.h"

#define TWO_MEANS_STEPS		200
#define SPLIT_ATTEMPTS		3
#define BIT_ATTEMPTS		20

/* A division that leaves more than that on one side is tried again, ... */
#define MAX_IMBALANCE		0.95

/* ... and taken all the same, if need be, down to this level. */
#define MAX_CROOKED_DEPTH	100

typedef struct Tree
{
	AnnForest  *forest;
	AnnoyRandom random;
	float	   *p;				/* centroids, then the normal of the plane in
								 * p */
	float	   *q;
	float		offset;
	int			bit;			/* hamming: what the current division goes by */
} Tree;

static const float *
row_vector(const Tree *tree, int32 row)
{
	return AnnForestRow(tree->forest, row);
}

static void
swap_rows(int32 *order, int32 i, int32 j)
{
	int32		row = order[i];

	order[i] = order[j];
	order[j] = row;
}

/*
 * Which of the rows order[start ...] differs from the vector of row order[at]?
 * Looks at all of them from a random one on.  Returns -1 if none does.
 */
static int32
find_other(Tree *tree, int32 start, int32 count, int32 at)
{
	const AnnForest *forest = tree->forest;
	const int32 *order = forest->order + start;
	int32		from = AnnoyRandomBelow(&tree->random, count);
	const void *vector = row_vector(tree, order[at]);

	for (int32 i = 0; i < count; i++)
	{
		int32		other = (int32) (((int64) from + i) % count);

		if (memcmp(vector, row_vector(tree, order[other]), forest->row_size) != 0)
			return other;
	}
	return -1;
}

/*
 * Distance for the choice of the nearer centroid.
 */
static float
centroid_distance(const AnnForest *forest, const float *centroid, float centroid_norm,
				  const float *x, float norm)
{
	int			n = forest->row_dim;
	float		sum = 0;

	switch (forest->format.metric)
	{
		case ANNOY_L2:
			return annoy_kernels->l2(centroid, x, n);
		case ANNOY_L1:
			for (int i = 0; i < n; i++)
				sum += fabsf(centroid[i] - x[i]);
			return sum;
		default:
			if (!(centroid_norm * norm > 0))
				return 2;
			return 2 - 2 * annoy_kernels->dot(centroid, x, n) / sqrtf(centroid_norm * norm);
	}
}

static void
normalise(float *x, int n)
{
	float		norm = sqrtf(annoy_kernels->dot(x, x, n));

	if (norm > 0 && isfinite(norm))
	{
		for (int i = 0; i < n; i++)
			x[i] /= norm;
	}
	else
		memset(x, 0, sizeof(float) * n);
}

/*
 * Find a plane that divides rows: its normal in tree->p, and its offset.
 * Returns false if all rows are equal.
 */
static bool
find_plane(Tree *tree, int32 start, int32 count)
{
	const AnnForest *forest = tree->forest;
	const int32 *order = forest->order + start;
	AnnoyMetric metric = forest->format.metric;
	bool		cosine = metric == ANNOY_COSINE || metric == ANNOY_IP;
	int			n = forest->row_dim;
	int32		first = AnnoyRandomBelow(&tree->random, count);
	int32		second = find_other(tree, start, count, first);
	float	   *centroid[2] = {tree->p, tree->q};
	float		norms[2] = {0, 0};
	int			counts[2] = {1, 1};

	if (second < 0)
		return false;
	memcpy(tree->p, row_vector(tree, order[first]), forest->row_size);
	memcpy(tree->q, row_vector(tree, order[second]), forest->row_size);
	for (int i = 0; cosine && i < 2; i++)
	{
		normalise(centroid[i], n);
		norms[i] = annoy_kernels->dot(centroid[i], centroid[i], n);
	}

	for (int step = 0; step < TWO_MEANS_STEPS; step++)
	{
		const float *x = row_vector(tree, order[AnnoyRandomBelow(&tree->random, count)]);
		float		norm = cosine ? annoy_kernels->dot(x, x, n) : 1;
		float		distances[2];
		float		scale;
		int			side;

		if (!(norm > 0 && isfinite(norm)))
			continue;
		for (int i = 0; i < 2; i++)
			distances[i] = counts[i] * centroid_distance(forest, centroid[i], norms[i], x, norm);
		if (distances[0] == distances[1])
			continue;
		side = distances[0] < distances[1] ? 0 : 1;
		scale = 1 / sqrtf(norm);
		for (int i = 0; i < n; i++)
			centroid[side][i] = (centroid[side][i] * counts[side] + x[i] * scale) /
				(counts[side] + 1);
		counts[side]++;
		if (cosine)
			norms[side] = annoy_kernels->dot(centroid[side], centroid[side], n);
	}

	/* q becomes the point half-way, p the normal */
	for (int i = 0; i < n; i++)
	{
		float		p = tree->p[i];
		float		q = tree->q[i];

		tree->p[i] = p - q;
		tree->q[i] = p / 2 + q / 2;
	}
	normalise(tree->p, n);
	tree->offset = cosine ? 0 : -annoy_kernels->dot(tree->p, tree->q, n);
	if (!isfinite(tree->offset))
		tree->offset = 0;
	return true;
}

/*
 * A bit of a row of "hamming".  Annoy counts them from each word's most
 * significant one for its divisions.
 */
static bool
row_bit(const Tree *tree, int32 row, int bit)
{
	const uint64 *words = AnnForestRow(tree->forest, row);

	return (words[bit / 64] >> (63 - bit % 64)) & 1;
}

/*
 * Find a bit that not all rows have in common: tree->bit.  Returns false if
 * all rows are equal.
 */
static bool
find_bit(Tree *tree, int32 start, int32 count)
{
	const AnnForest *forest = tree->forest;
	const int32 *order = forest->order + start;
	int			bits = forest->format.words * 64;
	int32		first;
	int32		second;

	for (int attempt = 0; attempt < BIT_ATTEMPTS; attempt++)
	{
		int32		ones = 0;

		tree->bit = AnnoyRandomBelow(&tree->random, bits);
		for (int32 i = 0; i < count; i++)
			ones += row_bit(tree, order[i], tree->bit);
		if (ones > 0 && ones < count)
			return true;
	}

	first = AnnoyRandomBelow(&tree->random, count);
	second = find_other(tree, start, count, first);
	if (second < 0)
		return false;
	tree->bit = AnnoyRandomBelow(&tree->random, bits);
	while (row_bit(tree, order[first], tree->bit) == row_bit(tree, order[second], tree->bit))
		tree->bit = (tree->bit + 1) % bits;
	return true;
}

/*
 * The child that a row belongs to.
 */
static bool
row_side(Tree *tree, int32 row)
{
	float		margin;

	if (tree->forest->format.metric == ANNOY_HAMMING)
		return row_bit(tree, row, tree->bit);
	margin = annoy_kernels->dot(tree->p, row_vector(tree, row), tree->forest->row_dim) +
		tree->offset;
	if (margin != 0)
		return margin > 0;
	return AnnoyRandomNext(&tree->random) & 1;
}

/*
 * Divide rows: put those of the second child behind those of the first.
 * Returns the number of the first's.  Without a plane, or if it does not
 * divide them, halves are taken at random, and the plane is empty.
 */
static int32
divide(Tree *tree, int32 start, int32 count, int depth)
{
	AnnForest  *forest = tree->forest;
	int32	   *order = forest->order + start;
	bool		hamming = forest->format.metric == ANNOY_HAMMING;
	int32		left = 0;

	for (int attempt = 0; attempt < SPLIT_ATTEMPTS; attempt++)
	{
		if (!(hamming ? find_bit(tree, start, count) : find_plane(tree, start, count)))
		{
			left = 0;
			break;
		}
		left = 0;
		for (int32 i = 0; i < count; i++)
		{
			if (i % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			if (!row_side(tree, order[i]))
				swap_rows(order, i, left++);
		}
		if (Max(left, count - left) < MAX_IMBALANCE * count)
			return left;
	}
	if (left > 0 && left < count && depth < MAX_CROOKED_DEPTH)
		return left;

	tree->bit = 0;
	tree->offset = 0;
	if (!hamming)
		memset(tree->p, 0, forest->row_size);
	for (int32 i = count - 1; i > 0; i--)
		swap_rows(order, i, AnnoyRandomBelow(&tree->random, i + 1));
	return count / 2;
}

/*
 * Write the tree of some rows, and return the number of its root's node.
 */
static int32
make_node(Tree *tree, int32 start, int32 count, int depth)
{
	AnnForest  *forest = tree->forest;
	const AnnFormat *format = &forest->format;
	const int32 *order = forest->order + start;
	bool		root = depth == 0;
	char	   *node;
	int32	   *children;
	int32		number;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	if (count == 1 && !root)
		return forest->ids[order[0]];

	node = palloc0(format->node_size);
	children = AnnNodeChildren(node, format);
	AnnNodeCount(node) = root ? forest->items : count;

	/*
	 * A reader tells a list from a division by the number of descendants, and
	 * of a root that is the number of items, holes included: it may look like
	 * a division.  If it has one row only, it is one, into that row and item
	 * 0.
	 */
	if (count == 1 || (count <= format->leaf_ids &&
					   (!root || forest->items <= format->leaf_ids)))
	{
		for (int32 i = 0; i < count; i++)
			children[i] = forest->ids[order[i]];
	}
	else
	{
		int32		left = divide(tree, start, count, depth);

		/* further divisions use the same memory */
		if (format->metric == ANNOY_HAMMING)
			AnnNodeWords(node, format)[0] = tree->bit;
		else
		{
			memcpy(AnnNodeVector(node, format), tree->p, format->vector_size);
			AnnNodeFloat(node, format->extra_at) =
				format->metric == ANNOY_IP ? tree->p[format->dim] : tree->offset;
		}

		/* the smaller one first, as Annoy does, so that nodes are near */
		if (left <= count - left)
			children[0] = make_node(tree, start, left, depth + 1);
		children[1] = make_node(tree, start + left, count - left, depth + 1);
		if (left > count - left)
			children[0] = make_node(tree, start, left, depth + 1);
	}
	number = AnnWriteNode(forest->writer, node);
	pfree(node);
	return number;
}

/*
 * Write a tree of all rows, and return the number of its root's node.
 */
int32
AnnMakeTree(AnnForest *forest, uint64 seed)
{
	Tree		tree = {0};
	int32		root;

	tree.forest = forest;
	tree.random = seed;
	tree.p = palloc(forest->row_size);
	tree.q = palloc(forest->row_size);
	root = make_node(&tree, 0, forest->rows, 0);
	pfree(tree.p);
	pfree(tree.q);
	return root;
}
