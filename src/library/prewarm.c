/*-------------------------------------------------------------------------
 *
 * prewarm.c
 *	  annoy_prewarm(): read an index into shared buffers.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/prewarm.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "library/library.h"
#include "relation/relation.h"
#include "storage/storage.h"
#include "tree/tree.h"

/*
 * Read all blocks, in their order.  Returns their number.
 */
static int64
read_all(Relation rel)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);

	for (BlockNumber block = 0; block < nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		ReleaseBuffer(ReadBuffer(rel, block));
	}
	return nblocks;
}

/*
 * Read the nodes of a level, from left to right.  Returns their number.
 */
static int64
read_level(Relation rel, const AnnoyIndex *index, int tree, int level)
{
	AnnoyWalk	walk;
	int64		blocks = 0;

	AnnoyWalkBegin(&walk, rel, index, tree, level);
	while (AnnoyWalkNext(&walk) != NULL)
		blocks++;
	return blocks;
}

/*
 * Read the metapage and the trees, but not the items.  Returns the number of
 * blocks.
 */
static int64
read_trees(Relation rel, const AnnoyIndex *index)
{
	int64		blocks = 1;

	/* the highest levels last: they are what all searches need */
	for (int level = 0; level < ANNOY_MAX_LEVEL && index->dim > 0; level++)
	{
		for (int tree = 0; tree < index->n_trees; tree++)
			blocks += read_level(rel, index, tree, level);
	}
	return blocks;
}

PG_FUNCTION_INFO_V1(annoy_prewarm);

/*
 * Reads an index, or its trees, into shared buffers.  Returns the number of blocks.
 */
Datum
annoy_prewarm(PG_FUNCTION_ARGS)
{
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(1));
	static const AnnoyRequest request = {.right = ANNOY_MAY_SELECT};
	AnnoyAccess access;
	int64		blocks;

	if (strcmp(what, "all") != 0 && strcmp(what, "trees") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized part of an index: \"%s\"", what),
				 errdetail("Valid values are \"all\" and \"trees\".")));
	AnnoyOpenIndex(PG_GETARG_OID(0), &request, &access);
	blocks = strcmp(what, "all") == 0 ? read_all(access.rel) :
		read_trees(access.rel, access.index);
	AnnoyCloseIndex(&access);
	PG_RETURN_INT64(blocks);
}
