/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Planning the split of a node.
 *
 * A split is planned on a copy of the page, without any lock.  The points that the
 * entries stand for are read and divided by 2-means, and all parts are encoded into
 * new page images.
 *
 * A leaf is divided together with a sibling, if that will do: two leaves become
 * three.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "error.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* Neither half of a split node gets less than this part. */
#define MIN_PART		0.3

/* When two are divided in three, none gets fuller than this. */
#define THREE_FILL		0.65

/* Second entries have no say in a leaf where at least this part are none. */
#define DECIDING_PART	0.25

/*
 * Of some points of leaves, choose those that decide where centres are: the first
 * entries.  A leaf is a region of these; second ones come from all around it, and are
 * there as guests.  But where there are few others, all decide.  Returns their number.
 */
static int
deciding_points(const AnnoyPointer *pointers, const int *order, int count, int *deciding)
{
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		if ((pointers[order[i]].ip_posid & ANNOY_ENTRY_SECOND) == 0)
			deciding[n++] = order[i];
	}
	if (n >= DECIDING_PART * count)
		return n;
	memcpy(deciding, order, sizeof(int) * count);
	return count;
}

/*
 * Fill a page with a node that has the given points as entries: their
 * centre becomes the node's, and is returned in its quantised form.  points[],
 * pointers[] and, for a leaf, signatures[] are indexed by the elements of order[];
 * pointers are what the page is to have, with the flags of entries of leaves in their
 * offsets.  A leaf whose entries
 * are all the same is marked as uniform.  Returns what pointers to the node are to have
 * as their offset.
 */
OffsetNumber
AnnoyFillNode(const AnnoyIndex *index, Page page, int tree, int level,
			  const float *points, const int *order, int count,
			  const AnnoyPointer *pointers, const AnnoySignature * signatures,
			  float *centre)
{
	const AnnoyCodec *codec = level == 0 ? &index->leaf : &index->inner;
	AnnoyEntry	entry = {0};
	double		offsets = 0;
	double		fourth = 0;		/* powers of distances, in a leaf */
	double		farthest = 0;	/* squared, in an inner node */
	bool		uniform = level == 0 && count > 1;

	Assert(count <= codec->capacity);

	/* an inner node may have far clusters below it, in any proportion */
	if (level > 0)
		AnnoyRobustCentre(points, index->space_dim, order, count, centre);
	else
	{
		int		   *deciding = palloc(sizeof(int) * Max(count, 1));
		int			n = deciding_points(pointers, order, count, deciding);

		AnnoyCentre(points, index->space_dim, deciding, n, centre);
		pfree(deciding);
	}
	AnnoyNodeInit(page, index, tree, level, centre);
	for (int i = 0; i < count; i++)
	{
		double		offset = annoy_kernels->l2(points + (Size) order[i] * index->space_dim,
											   centre, index->space_dim);
		double		spread = level > 0 ? AnnoyPointerSpread(&pointers[order[i]]) : 0;

		offsets += offset;
		fourth += offset * offset;
		farthest = Max(farthest, offset + spread * spread);
	}
	AnnoyNodeSetNear(AnnoyPageGetNode(page), offsets / Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		AnnoyEncode(index, codec,
					points + (Size) order[i] * index->space_dim, centre, &entry);
		entry.pointer = pointers[order[i]];
		if (level == 0)
			entry.signature = signatures[order[i]];
		AnnoyNodeAppend(index, page, &entry);
		uniform = uniform && AnnoyNodeSameCode(index, AnnoyPageGetNode(page), 0, i);
	}
	if (uniform)
		AnnoyPageGetNode(page)->flags |= ANNOY_NODE_UNIFORM;
	return AnnoySpreadOffset(index, level > 0 ? sqrt(farthest) :
							 AnnoyLeafSpread(fourth, count));
}

/*
 * What the code of an entry of a leaf, at that block, tells of its point.  A plain leaf
 * has no codes, and its entries are taken for the origin.
 */
static void
decode_point(Relation rel, const AnnoyIndex *index, BlockNumber block, AnnoyNode node, int i,
			 float *point)
{
	float	   *centre = palloc(sizeof(float) * index->space_dim);
	AnnoyEntry	entry;

	AnnoyNodeReadCentre(index, node, centre);
	AnnoyNodeGet(index, node, i, &entry);
	AnnoyDecode(index, &index->leaf, &entry, centre, point);
	pfree(centre);

	/* distances from it have to be finite, which is not true of NaN either */
	if (!(annoy_kernels->dot(point, point, index->space_dim) <= FLT_MAX / 16))
		AnnoyReportCorruption(rel, block, "Entry %d of the node has the factor %g.",
							  i + 1, entry.slope);
}

/*
 * Read the point that an entry of a copied node, whose block that is, stands for: of a
 * leaf, the item; of an inner node, the child's centre.  Returns false if the item is
 * gone, which it may be if VACUUM has removed the entry since the page was copied.  If
 * vectors are in the table, and the item's row is gone, there is only the code to go by.
 */
bool
AnnoyReadPoint(Relation rel, const AnnoyIndex *index, AnnoyItemReader *reader,
			   BlockNumber block, AnnoyNode node, int i, float *point)
{
	AnnoyPointer pointer = AnnoyNodePointer(index, node, i);

	if (node->level == 0)
	{
		AnnoyItem	item;
		bool		found;

		AnnoyItemFetch(reader, AnnoyItemPin(reader, &pointer), &pointer, &item);
		found = AnnoySlotState(&item) != ANNOY_SLOT_FREE;
		if (item.vector.data != NULL)
		{
			AnnoyCheckVector(rel, &pointer, &item.vector);
			AnnoyMapItem(index, &item.vector, point);
		}
		else if (found)
			decode_point(rel, index, block, node, i, point);
		AnnoyItemRelease(reader);
		return found;
	}
	else
	{
		Buffer		buffer = AnnoyReadBuffer(rel, ItemPointerGetBlockNumberNoCheck(&pointer),
											 NULL);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		AnnoyCheckNode(rel, index, buffer);
		AnnoyNodeReadCentre(index, AnnoyPageGetNode(BufferGetPage(buffer)), point);
		UnlockReleaseBuffer(buffer);
		return true;
	}
}

/*
 * Read the points that the entries of a copied node stand for, and pointers and
 * signatures as the page has them.  Returns false if an item is gone.
 */
static bool
read_points(Relation rel, const AnnoyIndex *index, BlockNumber block, AnnoyNode node,
			float *points, AnnoyPointer *pointers, AnnoySignature * signatures)
{
	AnnoyVectorSource *source = NULL;
	AnnoyItemReader reader;
	bool		found = true;

	if (node->level == 0)
		source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReaderInit(&reader, rel, index, source, NULL);
	for (int i = 0; i < node->count && found; i++)
	{
		pointers[i] = AnnoyNodePointer(index, node, i);
		found = AnnoyReadPoint(rel, index, &reader, block, node, i,
							   points + (Size) i * index->space_dim);
		pointers[i].ip_posid |= AnnoyNodeEntryFlags(index, node, i);
		signatures[i] = AnnoyNodeSignature(index, node, i);
	}
	AnnoyItemReaderEnd(&reader);
	AnnoySourceClose(source);
	return found;
}

/*
 * Keep the two entries of an item in different parts of three: if both, one of each of
 * two leaves, were put into one part, the second goes to the next best.  The first leaf
 * has the first `first' of the `count' entries.
 */
static void
part_pairs(const AnnoyPointer *pointers, const float *points, int dim, int first,
		   int count, const float *centres, int *part)
{
	for (int i = 0; i < first; i++)
	{
		AnnoyPointer other = pointers[i];

		if ((other.ip_posid & ANNOY_ENTRY_PAIRED) == 0)
			continue;
		other.ip_posid ^= ANNOY_ENTRY_SECOND;
		for (int j = first; j < count; j++)
		{
			if (AnnoyPointersEqual(&pointers[j], &other))
			{
				int			second = (other.ip_posid & ANNOY_ENTRY_SECOND) != 0 ? j : i;

				if (part[i] == part[j])
					part[second] = AnnoyNearestCentre(points + (Size) second * dim, dim,
													  centres, 3, part[i]);
				break;
			}
		}
	}
}

/*
 * Plan to divide a leaf and its neighbour in three.  points[] has those of the
 * leaf, of which the first `first' of order[] are the left half of a plain
 * split; then those of the neighbour.  Returns false if that gives no three
 * parts of reasonable size.
 */
static bool
plan_three(const AnnoyIndex *index, AnnoyNode node, AnnoyNode neighbour,
		   const float *points, const AnnoyPointer *pointers,
		   const AnnoySignature * signatures, int *order, int first,
		   AnnoySplitPlan *plan)
{
	int			dim = index->space_dim;
	int			count = node->count + neighbour->count;
	int		   *part = palloc(sizeof(int) * count);
	float	   *centres = palloc(sizeof(float) * 3 * dim);
	int		   *numbers = palloc(sizeof(int) * count);
	int		   *deciding = palloc(sizeof(int) * count);
	int			sizes[3] = {0};
	bool		fits = true;
	int			n;

	AnnoyMean(points, dim, order, first, centres);
	AnnoyMean(points, dim, order + first, node->count - first, centres + dim);
	AnnoyNodeReadCentre(index, neighbour, centres + 2 * dim);

	for (int i = 0; i < count; i++)
	{
		part[i] = -1;
		numbers[i] = i;
	}
	n = deciding_points(pointers, numbers, count, deciding);
	AnnoyRefineParts(points, dim, deciding, n, 3, centres, part);
	for (int i = 0; i < count; i++)
	{
		if (part[i] < 0)
			part[i] = AnnoyNearestCentre(points + (Size) i * dim, dim, centres, 3, -1);
	}
	part_pairs(pointers, points, dim, node->count, count, centres, part);
	for (int i = 0; i < count; i++)
		sizes[part[i]]++;
	for (int j = 0; j < 3; j++)
		fits = fits && sizes[j] >= count / 8 &&
			sizes[j] <= index->leaf.capacity * THREE_FILL;
	if (fits)
	{
		n = 0;
		for (int j = 0; j < 3; j++)
		{
			for (int i = 0; i < count; i++)
			{
				if (part[i] == j)
					order[n++] = i;
			}
		}
		plan->left_spread =
			AnnoyFillNode(index, plan->left.data, node->tree, 0, points, order,
						  sizes[0], pointers, signatures, plan->left_centre);
		plan->right_spread =
			AnnoyFillNode(index, plan->right.data, node->tree, 0, points,
						  order + sizes[0], sizes[1], pointers, signatures,
						  plan->right_centre);
		plan->neighbour_spread =
			AnnoyFillNode(index, plan->neighbour_page.data, node->tree, 0, points,
						  order + sizes[0] + sizes[1], sizes[2], pointers, signatures,
						  plan->neighbour_centre);
	}
	pfree(part);
	pfree(centres);
	pfree(numbers);
	pfree(deciding);
	return fits;
}

/*
 * Plan the split of a copied node, together with a copied neighbour unless that
 * is NULL.  Returns false if an item is gone.
 *
 * A full page changes only by being split or vacuumed, when entries move away from it,
 * or, as an inner node, when a child's spread grows;
 * and its children's centres only by a change of this page; so if the page
 * still has the same change count when it is locked, what was read here is still true.
 */
bool
AnnoyPlanSplit(Relation rel, const AnnoyIndex *index, BlockNumber block, Page page,
			   Page neighbour, AnnoySplitPlan *plan)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	int			dim = index->space_dim;
	int			count = node->count;
	int			allocated = count;
	float	   *points;
	AnnoyPointer *pointers;
	AnnoySignature *signatures;
	int		   *order;
	AnnoyRandom random = index->seed ^ node->changes;
	int			first;
	bool		found;

	if (neighbour != NULL)
		allocated += AnnoyPageGetNode(neighbour)->count;
	points = palloc_extended(sizeof(float) * dim * allocated, MCXT_ALLOC_HUGE);
	pointers = palloc(sizeof(AnnoyPointer) * allocated);
	signatures = palloc(sizeof(AnnoySignature) * allocated);
	order = palloc(sizeof(int) * allocated);

	plan->tree = node->tree;
	plan->changes = node->changes;

	found = read_points(rel, index, block, node, points, pointers, signatures);
	if (found)
	{
		AnnoyPointSet all = {points, dim, dim};

		for (int i = 0; i < count; i++)
			order[i] = i;
		/* of use for a root only, which keeps it for a long time */
		if (plan->is_root)
			AnnoyRobustCentre(points, dim, order, count, plan->centre);
		first = AnnoyTwoMeans(&all, order, count,
							  Max(count * MIN_PART, 1), 0, &random, NULL, NULL);
		if (first == 0)
		{
			first = count / 2;	/* nothing to choose between them */
			neighbour = NULL;
		}
		if (neighbour == NULL ||
			!read_points(rel, index, plan->neighbour, AnnoyPageGetNode(neighbour),
						 points + (Size) count * dim, pointers + count, signatures + count) ||
			!plan_three(index, node, AnnoyPageGetNode(neighbour), points, pointers,
						signatures, order, first, plan))
		{
			plan->neighbour = InvalidBlockNumber;
			plan->left_spread =
				AnnoyFillNode(index, plan->left.data, node->tree, node->level, points,
							  order, first, pointers, signatures, plan->left_centre);
			plan->right_spread =
				AnnoyFillNode(index, plan->right.data, node->tree, node->level, points,
							  order + first, count - first, pointers, signatures,
							  plan->right_centre);
		}
	}
	pfree(points);
	pfree(pointers);
	pfree(signatures);
	pfree(order);
	return found;
}

/*
 * The middle of the first entries of a copied leaf, as far as codes tell: is it farther
 * from the centre than by that part of their mean squared distance?
 */
static bool
centre_may_move(const AnnoyIndex *index, AnnoyNode node, double part)
{
	int			dim = index->space_dim;
	float	   *centre = palloc0(sizeof(float) * 3 * dim);
	float	   *sum = centre + dim;
	float	   *point = sum + dim;
	double		distances = 0;
	int			n = 0;

	AnnoyNodeReadCentre(index, node, centre);
	for (int i = 0; i < node->count; i++)
	{
		AnnoyEntry	entry;

		if ((AnnoyNodeEntryFlags(index, node, i) & ANNOY_ENTRY_SECOND) != 0)
			continue;
		AnnoyNodeGet(index, node, i, &entry);
		AnnoyDecode(index, &index->leaf, &entry, centre, point);
		distances += annoy_kernels->l2(point, centre, dim);
		for (int j = 0; j < dim; j++)
			sum[j] += point[j];
		n++;
	}
	if (n < DECIDING_PART * node->count || n == 0)
		return node->count > 0;
	for (int j = 0; j < dim; j++)
		sum[j] /= n;
	return annoy_kernels->l2(sum, centre, dim) > part * distances / n;
}

/*
 * Plan to have the centre of a copied leaf go to the middle of its entries, if the
 * square of the way is more than that part of their mean squared distance.  Returns
 * false if it is not, or an item is gone.
 */
bool
AnnoyPlanCentre(Relation rel, const AnnoyIndex *index, BlockNumber block, Page page,
				double part, AnnoySplitPlan *plan)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	int			dim = index->space_dim;
	float	   *points;
	AnnoyPointer *pointers;
	AnnoySignature *signatures;
	float	   *old;
	int		   *order;
	double		distances = 0;

	if (!centre_may_move(index, node, 2 * part))
		return false;
	points = palloc_extended(sizeof(float) * dim * node->count, MCXT_ALLOC_HUGE);
	pointers = palloc(sizeof(AnnoyPointer) * node->count);
	signatures = palloc(sizeof(AnnoySignature) * node->count);
	order = palloc(sizeof(int) * node->count);
	old = palloc(sizeof(float) * dim);
	if (!read_points(rel, index, block, node, points, pointers, signatures))
		return false;
	for (int i = 0; i < node->count; i++)
		order[i] = i;
	plan->tree = node->tree;
	plan->changes = node->changes;
	plan->left_spread = AnnoyFillNode(index, plan->left.data, node->tree, 0, points, order,
									  node->count, pointers, signatures, plan->left_centre);
	AnnoyPageGetNode(plan->left.data)->room = node->room;
	AnnoyNodeReadCentre(index, node, old);
	for (int i = 0; i < node->count; i++)
		distances += annoy_kernels->l2(points + (Size) i * dim, old, dim);
	return annoy_kernels->l2(plan->left_centre, old, dim) > part * distances / node->count;
}
