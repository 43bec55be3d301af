/*-------------------------------------------------------------------------
 *
 * respace.c
 *	  The search space of an index in use: correcting it.
 *
 * The search space is decided by a build, or by the first vectors that come to an
 * index that was made before its rows (decide.c).
 *
 * What comes later may be elsewhere.  An origin far from the data costs precision:
 * centres of nodes are quantised in proportion to their distance from it.  So does
 * a root's centre, relative to which the centres below are encoded.  VACUUM looks
 * at a sample of the items.  If most are so far off that it matters, it makes the
 * trees anew, in a space that is chosen as a build chooses it (rebuild.c).  Only to
 * write the new trees, it locks the index against everybody else, if it can have
 * the lock soon.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/vacuum/respace.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "build/build.h"
#include "recall/recall.h"
#include "relation/relation.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "vacuum/vacuum.h"

/* Items that tell whether the search space fits, and without which none do. */
#define SAMPLE_ITEMS		300
#define MIN_SAMPLE_ITEMS	50

/*
 * The space is looked at again when there are so many times the items that are
 * left, at least, of those there were when trees were made, or when it was looked
 * at last; or so few.  If less than a fifth are misplaced, others are the most by
 * far, and it is corrected at once; if more are, and are deleted, a fifth is gone,
 * whatever has come in their place.
 */
#define GROWN				1.2
#define SHRUNK				0.8

/*
 * It does not fit if so many more of the items are out of reach than would be
 * otherwise: all of them, or nearly, if they are in one place.  If they are in
 * several, no place is better.
 */
#define MISPLACED			0.5

/*
 * Bounds of further columns are chosen anew when this part of the items is beyond the
 * last one.  So if values always increase, that is when there are twice as many items.
 */
#define BEYOND_BOUNDS		0.5

/* In powers of two: so far from unit size, squares are out of range, nearly. */
#define MAX_MAGNITUDE		40

/*
 * An origin so many times as far from the items as these are from their centre,
 * for each step of a quantised centre, blurs it; see docs/measurements.md.
 */
#define ORIGIN_REACH		0.08
#define MIN_REACH			2.0

/* As long as this VACUUM tries to lock the index, as often, in ms. */
#define LOCK_TIMEOUT		5000
#define LOCK_INTERVAL		50

/*
 * Which part of some points is farther from a centre than the distance whose
 * square is given?
 */
static double
part_out_of_reach(const float *points, int dim, int count, const float *centre,
				  double reach2)
{
	int			n = 0;

	for (int i = 0; i < count; i++)
		n += annoy_kernels->l2(points + (Size) i * dim, centre, dim) > reach2;
	return (double) n / count;
}

/*
 * The square of how far most points are from their centre, but for those at the
 * centre itself.
 */
static double
typical_distance2(const float *points, int dim, int count, const float *centre)
{
	double	   *distances = palloc(sizeof(double) * count);
	int			n = 0;
	double		result;

	for (int i = 0; i < count; i++)
	{
		distances[n] = annoy_kernels->l2(points + (Size) i * dim, centre, dim);
		n += distances[n] > 0;
	}
	result = n > 0 ? AnnoyMedian(distances, n) : 0;
	pfree(distances);
	return result;
}

/*
 * How far from a root's centre, in typical distances, points may be, squared: see
 * docs/measurements.md.
 */
static double
root_reach2(const AnnoyCodec *codec)
{
	return Max(0.133 * sqrt(codec->dims) * (1 << (codec->bits - 1)), MIN_REACH);
}

/*
 * Are most vectors of a size for which the scale is wrong, while there is one that
 * is right?
 */
static bool
scale_has_drifted(const AnnoyIndex *index, const AnnoySample *sample)
{
	int		   *exponents = palloc(sizeof(int) * sample->count);
	int			n = 0;
	int			bad = 0;
	int			better;

	for (int i = 0; AnnoyIsScaled(index->metric) && i < sample->count; i++)
		n += AnnoyNormExponent(&sample->items[i].vector, &exponents[n]);
	if (n > 0)
	{
		better = AnnoyScaleExponent(AnnoyMedianExponent(exponents, n));
		for (int i = 0; i < n; i++)
		{
			bad += abs(exponents[i] + index->scale_exponent) > MAX_MAGNITUDE;
			bad -= abs(exponents[i] + better) > MAX_MAGNITUDE;
		}
	}
	pfree(exponents);
	return n > 0 && bad > MISPLACED * n;
}

/* Do any two items of a sample have different vectors? */
static bool
have_different_vectors(const AnnoySample *sample)
{
	for (int i = 1; i < sample->count; i++)
	{
		const AnnoyVector *vec = &sample->items[i].vector;

		if (memcmp(vec->data, sample->items[0].vector.data,
				   AnnoyVectorSize(vec->dtype, vec->dim)) != 0)
			return true;
	}
	return false;
}

/*
 * Are origin, or the centre of a root, far from most items?
 */
static bool
place_has_drifted(Relation rel, const AnnoyIndex *index, const AnnoySample *sample)
{
	int			dim = index->space_dim;
	int			count = sample->count;
	float	   *points = palloc_extended(sizeof(float) * dim * count, MCXT_ALLOC_HUGE);
	int		   *order = palloc(sizeof(int) * count);
	float	   *centre = palloc(sizeof(float) * dim);
	float	   *other = palloc0(sizeof(float) * dim);	/* the origin first */
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	double		typical2;
	double		reach;
	bool		drifted;

	for (int i = 0; i < count; i++)
	{
		AnnoyMapItem(index, &sample->items[i].vector, points + (Size) i * dim);
		order[i] = i;
	}
	AnnoyRobustCentre(points, dim, order, count, centre);
	typical2 = typical_distance2(points, dim, count, centre);
	if (typical2 == 0)
	{
		/* so far from the origin that all are one point, as float4 has it */
		return have_different_vectors(sample);
	}

	reach = Max(ORIGIN_REACH * (1 << index->centre_bits), MIN_REACH);
	reach = reach * reach * typical2;
	drifted = part_out_of_reach(points, dim, count, other, reach) >
		part_out_of_reach(points, dim, count, centre, reach) + MISPLACED;

	reach = root_reach2(&index->inner) * typical2;
	for (int tree = 0; tree < index->n_trees && !drifted; tree++)
	{
		AnnoyCopyNode(rel, index, AnnoyRootBlock(tree), copy->data);
		if (AnnoyPageGetNode(copy->data)->level == 0)
			continue;
		AnnoyNodeReadCentre(index, AnnoyPageGetNode(copy->data), other);
		drifted = part_out_of_reach(points, dim, count, other, reach) >
			part_out_of_reach(points, dim, count, centre, reach) + MISPLACED;
	}
	pfree(points);
	pfree(order);
	pfree(centre);
	pfree(other);
	pfree(copy);
	return drifted;
}

/*
 * Does the search space no longer fit what is in the index, as far as a sample
 * tells?
 */
static bool
has_drifted(Relation rel, const AnnoyIndex *index, const AnnoySample *sample)
{
	return scale_has_drifted(index, sample) || place_has_drifted(rel, index, sample);
}

/*
 * Are values in a further column above all bounds for most items?  Then signatures no
 * longer tell these apart.
 */
static bool
bounds_have_drifted(Relation rel, const AnnoyIndex *index, const AnnoySample *sample)
{
	AnnoySigner *signer = AnnoySignerMake(rel, index, NULL);
	int			beyond[ANNOY_MAX_SIGNATURE] = {0};
	bool		drifted = false;

	for (int i = 0; signer != NULL && i < sample->count; i++)
	{
		AnnoySignature signature;

		if (!AnnoySignItem(signer, &sample->items[i].pointer, false, &signature))
			continue;
		for (int j = 0; j < signer->n; j++)
		{
			const		AnnoySigning *signing = &signer->signings[j];

			beyond[j] += signing->kind == ANNOY_SIGNS_ORDER &&
				signature.bytes[j] == ANNOY_SIGNATURE_VALUE + signing->n_bounds;
			drifted = drifted || beyond[j] > BEYOND_BOUNDS * sample->count;
		}
	}
	return drifted;
}

/*
 * Sign all attributes by the bounds of the trees.  Insertions of this generation do so
 * themselves, and scans test attributes that are signed by others' bounds.
 *
 * Functions of types may take their time, raise an error or read this index, so they are
 * called for a copy of a page, while no lock is held.
 */
static void
sign_again(Relation rel)
{
	const AnnoyIndex *index = AnnoyOpen(rel);
	AnnoySigner *signer = AnnoySignerMake(rel, index, NULL);
	BlockNumber block = signer != NULL ? AnnoyAttributesFirst(rel) : InvalidBlockNumber;
	BlockNumber steps = 0;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	AnnoyAttributes header = AnnoyPageGetAttributes(copy->data);

	for (; block != InvalidBlockNumber; block = header->next)
	{
		Buffer		buffer;

		AnnoyVacuumDelay();
		AnnoyCountStep(rel, block, &steps);
		buffer = AnnoyAttributesLock(rel, block, InvalidBlockNumber, BUFFER_LOCK_SHARE);
		memcpy(copy->data, BufferGetPage(buffer), BLCKSZ);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);

		/* no other VACUUM is here, and nobody else signs a page */
		if (header->generation != index->generation)
		{
			GenericXLogState *xlog;

			AnnoySignPage(signer, block, copy->data);
			LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
			xlog = GenericXLogStart(rel);
			AnnoyAttributesTakeSignatures(GenericXLogRegisterBuffer(xlog, buffer, 0), copy->data);
			GenericXLogFinish(xlog);
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	pfree(copy);
}

/*
 * Sign attributes again and free pages, as is left to do when trees have been made anew,
 * or an attempt has failed.
 */
static void
clean_up(Relation rel)
{
	sign_again(rel);
	AnnoyFreeOldNodes(rel);
}

/*
 * Lock the index against everybody else, if that can be done soon.
 */
static bool
lock_soon(Relation rel)
{
	for (int waited = 0; waited < LOCK_TIMEOUT; waited += LOCK_INTERVAL)
	{
		CHECK_FOR_INTERRUPTS();
		if (AnnoyLockAlone(rel))
			return true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOCK_INTERVAL, WAIT_EVENT_VACUUM_DELAY);
		ResetLatch(MyLatch);
	}
	return false;
}

/*
 * Tell that the search space does not fit, and cannot be corrected by this VACUUM:
 * because it has workers, because others are using the index all the time, or
 * because there are too many trees.
 */
static void
warn_of_drift(Relation rel)
{
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("index \"%s\" was made for vectors elsewhere than those it has now",
					RelationGetRelationName(rel)),
			 errdetail("Searches find less, or take longer."),
			 errhint("Please REINDEX it, or try VACUUM (PARALLEL 0) %s when the index is not in use.",
					 AnnoyQualifiedName(rel->rd_index->indrelid))));
}

/*
 * Make the trees anew.  Returns false if others use the index all the time.
 */
static bool
make_trees(Relation rel, const AnnoyIndex *index, double items)
{
	AnnoyRebuild *rebuild;

	ereport(DEBUG1,
			(errmsg_internal("index \"%s\": making trees anew",
							 RelationGetRelationName(rel))));
	rebuild = AnnoyRebuildBegin(rel, index);
	if (!lock_soon(rel))
	{
		AnnoyRebuildCancel(rebuild);
		return false;
	}
	AnnoyRebuildFinish(rebuild, items);
	UnlockRelation(rel, AccessExclusiveLock);
	clean_up(rel);
	return true;
}

/*
 * VACUUM has counted that many items, and leaves without entries: correct the search
 * space if it no longer fits the items, and make the trees anew if most leaves are
 * empty, or bounds no longer fit.  Also does what an earlier attempt that failed has left.
 */
void
AnnoyCorrectSpace(Relation rel, double items, BlockNumber empty)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "annoy space",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	const AnnoyIndex *index = AnnoyOpen(rel);
	bool		can_sign = AnnoyCanSign(rel, index);

	if (!can_sign)
		ereport(WARNING,
				(errmsg("the trees of index \"%s\" cannot be made anew", RelationGetRelationName(rel)),
				 errdetail("A column's type has no longer the default operator class that signatures were made with."),
				 errhint("REINDEX the index, or restore the operator class.")));
	else if (index->has_old_nodes)
		clean_up(rel);
	if (index->has_space && can_sign)
	{
		bool		emptied = AnnoyLeavesAreEmpty(rel, index, empty);

		if (emptied || items >= GROWN * (index->grown_from - index->removed) ||
			items <= SHRUNK * index->grown_from)
		{
			AnnoySample *sample = AnnoySampleItems(rel, index, index->seed + 3, SAMPLE_ITEMS, false);
			bool		can = !IsInParallelMode() && index->n_trees <= ANNOY_MAX_REPLACED_TREES;

			if (sample->count < MIN_SAMPLE_ITEMS)
				;				/* too few to tell, or to matter */
			else if (has_drifted(rel, index, sample))
			{
				if (!can || !make_trees(rel, index, items))
					warn_of_drift(rel);
			}
			else if (!(emptied || bounds_have_drifted(rel, index, sample)) || !can ||
					 !make_trees(rel, index, items))
				AnnoySpaceFits(rel, items);
		}
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
