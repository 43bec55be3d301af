/*-------------------------------------------------------------------------
 *
 * simd.c
 *	  annoy_simd_check(): do all paths give the same bits?
 *
 * Results of searches would hardly tell, as they are ordered by exact distances.
 * So everything that kernels and metrics compute from the nodes of an index and
 * some made-up points is written down, byte by byte, for each path that this
 * machine has.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/simd.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "annoy.h"
#include "check/check.h"
#include "relation/relation.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "type/type.h"

/* Points that are compared with each node: see make_point(). */
#define CHECK_POINTS	5

typedef struct SimdCheck
{
	const AnnoyIndex *index;
	AnnoyTarget distance;		/* for scores that are squared distances */
	AnnoyTarget product;		/* for scores that are inner products */
	float	   *centre;			/* of the node */
	float	   *point;
	float	   *mapped;			/* space_dim floats of work space */
	double	   *wide;			/* the same, of doubles */
	double	   *wide_centre;
	int64	   *whole;
} SimdCheck;

static void
init_check(SimdCheck *check, const AnnoyIndex *index)
{
	check->index = index;
	AnnoyTargetInit(&check->distance, index, false);
	AnnoyTargetInit(&check->product, index, true);
	check->centre = palloc(sizeof(float) * index->space_dim);
	check->point = palloc(sizeof(float) * index->space_dim);
	check->mapped = palloc(sizeof(float) * index->space_dim);
	check->wide = palloc(sizeof(double) * index->space_dim);
	check->wide_centre = palloc(sizeof(double) * index->space_dim);
	check->whole = palloc(sizeof(int64) * index->space_dim);
}

/*
 * Choose a point: the node's centre itself, whose look-up tables are all
 * zeroes; one that differs from it in four components alone, which fills one
 * table to the brim; one in the node's midst; one far away; and the origin.
 */
static void
make_point(SimdCheck *check, AnnoyNode node, int which, AnnoyRandom *random)
{
	const AnnoyIndex *index = check->index;
	float		spread = 0;

	for (int i = 0; i < node->count; i++)
	{
		AnnoyEntry	entry;

		AnnoyNodeGet(index, node, i, &entry);
		spread = Max(spread, entry.slope);
	}

	for (int i = 0; i < index->space_dim; i++)
	{
		float		number = (int32) AnnoyRandomBelow(random, 1 << 24) / (float) (1 << 23) - 1;

		if (which == 0)
			number = 0;
		else if (which == 1)
			number = i / 4 == index->space_dim / 8 ? spread : 0;
		else if (which == 2)
			number *= spread;
		else if (which == 3)
			number *= 1e15f;
		else
			number = -check->centre[i];
		check->point[i] = check->centre[i] + number;
	}
}

static void
record_lut(StringInfo record, const AnnoyIndex *index, const AnnoyLut *lut)
{
	appendBinaryStringInfo(record, (char *) lut->low, index->leaf.dims * 2);
	appendBinaryStringInfo(record, (char *) lut->high, index->leaf.dims * 2);
	appendBinaryStringInfo(record, (char *) &lut->unit, sizeof(float));
	appendBinaryStringInfo(record, (char *) &lut->sum, sizeof(int));
}

/* Write down the scores of a node's first entries. */
static void
record_scores(StringInfo record, AnnoyTarget *target, AnnoyNode node,
			  int count, float epsilon)
{
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	float		limits[] = {INFINITY, -INFINITY, 0};
	int			whole = node->count;

	node->count = count;
	for (int i = 0; i < (int) lengthof(limits); i++)
	{
		int			nhits = AnnoyNodeScore(target, node, epsilon, limits[i],
										   hits, scores);

		appendBinaryStringInfo(record, (char *) &nhits, sizeof(nhits));
		appendBinaryStringInfo(record, (char *) hits, sizeof(hits[0]) * nhits);
		appendBinaryStringInfo(record, (char *) scores, sizeof(scores[0]) * nhits);

		/* in the end a limit that is some entry's score */
		if (i == 0 && nhits > 0)
			limits[2] = scores[nhits / 2];
	}
	node->count = whole;
}

/*
 * Write down what the kernels make of a point and a node.
 */
static void
record_kernels(StringInfo record, SimdCheck *check, AnnoyNode node)
{
	const AnnoyIndex *index = check->index;
	int			dim = index->space_dim;
	AnnoyTarget *targets[] = {&check->distance, &check->product};
	const float *vectors[] = {check->centre, check->point, check->mapped, check->centre};
	uint8		flags = node->flags;
	AnnoyEntry	entry;
	float		distances[4];
	float		result;

	for (int i = 0; i < (int) lengthof(targets); i++)
	{
		AnnoyTarget *target = targets[i];

		memcpy(target->x, check->point, sizeof(float) * dim);
		AnnoyTargetSet(target);
		record_scores(record, target, node, node->count, 0);
		for (int count = node->count; count > 0; count /= 2)
			record_scores(record, target, node, count, ANNOY_DEFAULT_EPSILON);
		record_scores(record, target, node, 0, 0);
		record_lut(record, index, &target->lut);
	}

	/* now as if the node were far from the origin: with tables of its own */
	node->flags &= ~ANNOY_NODE_NEAR;
	record_scores(record, &check->distance, node, node->count, 0);
	node->flags = flags;
	record_lut(record, index, &check->distance.node_lut);
	appendBinaryStringInfo(record, (char *) check->distance.residual,
						   sizeof(float) * dim);

	for (int level = 0; level < 2; level++)
	{
		const AnnoyCodec *codec = level == 0 ? &index->leaf : &index->inner;

		AnnoyEncode(index, codec, check->point, check->centre, &entry);
		memset(&entry.pointer, 0, sizeof(entry.pointer));
		appendBinaryStringInfo(record, (char *) &entry.offset, sizeof(float));
		appendBinaryStringInfo(record, (char *) &entry.shift, sizeof(float));
		appendBinaryStringInfo(record, (char *) &entry.slope, sizeof(float));
		appendBinaryStringInfo(record, (char *) &entry.error, sizeof(uint16));
		appendBinaryStringInfo(record, (char *) entry.code, codec->bytes);
	}

	AnnoyMapImage(index, check->point, check->mapped);
	appendBinaryStringInfo(record, (char *) check->mapped, sizeof(float) * dim);
	result = annoy_kernels->l2(check->mapped, check->centre, dim);
	appendBinaryStringInfo(record, (char *) &result, sizeof(result));
	annoy_kernels->l2_four(check->mapped, vectors, dim, distances);
	appendBinaryStringInfo(record, (char *) distances, sizeof(distances));
	result = annoy_kernels->dot_from(check->mapped, check->point, check->centre, dim);
	appendBinaryStringInfo(record, (char *) &result, sizeof(result));
	memset(check->wide, 0, sizeof(double) * dim);
	annoy_kernels->add(check->wide, check->mapped, dim);
	annoy_kernels->add(check->wide, check->point, dim);
	appendBinaryStringInfo(record, (char *) check->wide, sizeof(double) * dim);
	memset(check->whole, 0, sizeof(int64) * dim);
	annoy_kernels->add_whole(check->whole, check->mapped, dim, 1e6, ldexp(1.0, 50));
	annoy_kernels->add_whole(check->whole, check->centre, dim, 1e6, 1e6);
	appendBinaryStringInfo(record, (char *) check->whole, sizeof(int64) * dim);
}

/*
 * Write down the exact distances of a point and a node's centre, as vectors of
 * every type.
 */
static void
record_metrics(StringInfo record, SimdCheck *check)
{
	int			dim = check->index->dim;
	AnnoyVector points[] = {
		{ANNOY_FLOAT32, dim, check->point}, {ANNOY_FLOAT64, dim, check->wide}
	};
	AnnoyVector centres[] = {
		{ANNOY_FLOAT32, dim, check->centre}, {ANNOY_FLOAT64, dim, check->wide_centre}
	};
	AnnoyVector small[4];
	AnnoyVector bits[] = {
		{ANNOY_BIT, dim, check->point}, {ANNOY_BIT, dim, check->centre}
	};
	double		distance;

	for (int i = 0; i < dim; i++)
	{
		check->wide[i] = check->point[i] * M_PI;
		check->wide_centre[i] = check->centre[i] / M_PI;
	}
	for (int i = 0; i < 4; i++)
		small[i] = AnnoyConvertVector(i < 2 ? &points[i] : &centres[i - 2], ANNOY_INT8);
	for (AnnoyMetric metric = ANNOY_L2; metric < ANNOY_HAMMING; metric++)
	{
		for (int i = 0; i < 4; i++)
		{
			const AnnoyVector *others[] = {&points[0], &points[1], &centres[0], &centres[1], &small[1]};

			for (int j = 0; j < (int) lengthof(others); j++)
			{
				double		bound = AnnoyLowerBound(metric, &small[i], others[j],
													AnnoyVectorNorm(others[j]), &distance);

				appendBinaryStringInfo(record, (char *) &bound, sizeof(bound));
				appendBinaryStringInfo(record, (char *) &distance, sizeof(distance));
			}
		}
	}
	for (int i = 0; i < 4; i++)
		pfree(unconstify(void *, small[i].data));
	for (AnnoyMetric metric = ANNOY_L2; metric <= ANNOY_HAMMING; metric++)
	{
		for (int i = 0; i < 4; i++)
		{
			distance = AnnoyDistance(metric, &points[i / 2], &centres[i % 2]);
			appendBinaryStringInfo(record, (char *) &distance, sizeof(distance));
		}
	}
	distance = AnnoyDistance(ANNOY_HAMMING, &bits[0], &bits[1]);
	appendBinaryStringInfo(record, (char *) &distance, sizeof(distance));
}

/*
 * Compare what the paths of this machine make of a node.
 */
static void
check_node(Relation rel, SimdCheck *check, BlockNumber block, AnnoyNode node)
{
	AnnoyRandom random = block;
	StringInfoData portable;
	StringInfoData other;

	initStringInfo(&portable);
	initStringInfo(&other);
	AnnoyNodeReadCentre(check->index, node, check->centre);
	for (int which = 0; which < CHECK_POINTS; which++)
	{
		make_point(check, node, which, &random);
		for (AnnoySimd path = ANNOY_SIMD_PORTABLE; path <= ANNOY_SIMD_LAST; path++)
		{
			StringInfo	record = path == ANNOY_SIMD_PORTABLE ? &portable : &other;

			if (!AnnoySimdAvailable(path))
				continue;
			AnnoyAssignSimd(path, NULL);
			resetStringInfo(record);
			record_kernels(record, check, node);
			record_metrics(record, check);
			if (path != ANNOY_SIMD_PORTABLE &&
				(other.len != portable.len ||
				 memcmp(other.data, portable.data, other.len) != 0))
				ereport(ERROR,
						(errcode(ERRCODE_INTERNAL_ERROR),
						 errmsg("instructions of \"%s\" give other results than portable code for block %u of index \"%s\"",
								annoy_simd_options[path].name, block,
								RelationGetRelationName(rel)),
						 errhint("Set annoy.simd to \"portable\".")));
		}
	}
	pfree(portable.data);
	pfree(other.data);
}

/*
 * Check all nodes of an index.  Leaves a path chosen.
 */
static pg_noinline int64
check_nodes(Relation rel, const AnnoyIndex *index)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	SimdCheck	check;
	PGAlignedBlock copy;
	int64		nodes = 0;

	init_check(&check, index);
	for (BlockNumber block = ANNOY_FIRST_ROOT_BLKNO; block < nblocks; block++)
	{
		Buffer		buffer;
		Page		page;
		bool		is_node;

		CHECK_FOR_INTERRUPTS();

		buffer = ReadBuffer(rel, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		is_node = !PageIsNew(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_NODE &&
			AnnoyNodeIsCurrent(index, AnnoyPageGetNode(page));
		if (is_node)
		{
			AnnoyCheckNode(rel, index, buffer);
			memcpy(copy.data, page, BLCKSZ);
		}
		UnlockReleaseBuffer(buffer);
		if (is_node)
		{
			AnnoyCheckEntries(rel, index, AnnoyPageGetNode(copy.data), block);
			check_node(rel, &check, block, AnnoyPageGetNode(copy.data));
			nodes++;
		}
	}
	return nodes;
}

PG_FUNCTION_INFO_V1(annoy_simd_check);

/*
 * Raise an error if paths differ.  Returns the number of nodes looked at.
 */
Datum
annoy_simd_check(PG_FUNCTION_ARGS)
{
	static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess access;
	volatile int64 nodes = 0;

	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	PG_TRY();
	{
		if (access.index->dim > 0)
			nodes = check_nodes(access.rel, access.index);
	}
	PG_FINALLY();
	{
		AnnoyAssignSimd(annoy_simd, NULL);
	}
	PG_END_TRY();

	AnnoyCloseIndex(&access);
	PG_RETURN_INT64(nodes);
}
