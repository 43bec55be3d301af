/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  Deciding on the search space of an index that was made before its rows.
 *
 * Scale and origin of the search space come from many vectors, so that no single
 * one matters.  An index that is made before its rows has none when the first of
 * them come.  It does not need a space then: as long as a tree is a single leaf,
 * a search looks at all items in it, and its entries are plain pointers.  When
 * that leaf, the root, is full, its vectors decide, and the split is the first to
 * encode them.
 *
 * Whether the space still fits what comes later is for VACUUM to see (respace.c).
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/decide.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/*
 * Choose scale and origin for some vectors, as a build does for its sample.
 * Their images are what they are in that scale: space_dim floats each.
 */
static void
choose_space(const AnnoyIndex *index, const AnnoyVector *vectors, int count,
			 int *scale_exponent, float *mean, float *images)
{
	int		   *numbers = palloc(sizeof(int) * Max(count, 1));
	int			n = 0;

	*scale_exponent = 0;
	for (int i = 0; AnnoyIsScaled(index->metric) && i < count; i++)
		n += AnnoyNormExponent(&vectors[i], &numbers[n]);
	if (n > 0)
		*scale_exponent = AnnoyScaleExponent(AnnoyMedianExponent(numbers, n));
	for (int i = 0; i < count; i++)
	{
		float	   *image = images + (Size) i * index->space_dim;

		AnnoyImage(index->metric, ldexp(1.0, *scale_exponent), &vectors[i], image);
		memset(image + index->dim, 0, sizeof(float) * (index->space_dim - index->dim));
		numbers[i] = i;
	}
	AnnoyRobustCentre(images, index->space_dim, numbers, count, mean);
	pfree(numbers);
}

/*
 * Decide on the search space, from the items of a plain leaf that is full.  The
 * caller holds no locks, and opens the index again.
 */
void
AnnoyDecideSpace(Relation rel, const AnnoyIndex *index, BlockNumber block)
{
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	AnnoyNode	node = AnnoyPageGetNode(copy->data);
	AnnoyVectorSource *source;
	AnnoyItemReader reader;
	AnnoyVector *vectors;
	float	   *images;
	float	   *mean;
	int			scale_exponent;
	int			count = 0;

	AnnoyCopyNode(rel, index, block, copy->data);
	/* somebody else may have decided, and split it */
	if ((node->flags & ANNOY_NODE_PLAIN) == 0)
	{
		pfree(copy);
		return;
	}
	vectors = palloc(sizeof(AnnoyVector) * node->count);
	source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReaderInit(&reader, rel, index, source, NULL);
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, node, i);
		AnnoyItem	item;

		/* VACUUM may have removed it since, or its row is gone */
		AnnoyItemFetch(&reader, AnnoyItemPin(&reader, &pointer), &pointer, &item);
		if (item.vector.data != NULL)
			vectors[count++] = AnnoyCopyVector(&item.vector);
		AnnoyItemRelease(&reader);
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);

	images = palloc_extended(sizeof(float) * index->space_dim * Max(count, 1),
							 MCXT_ALLOC_HUGE);
	mean = palloc(sizeof(float) * index->space_dim);
	choose_space(index, vectors, count, &scale_exponent, mean, images);
	AnnoySetSpace(rel, scale_exponent, mean);

	for (int i = 0; i < count; i++)
		pfree(unconstify(void *, vectors[i].data));
	pfree(vectors);
	pfree(images);
	pfree(mean);
	pfree(copy);
}
