/*-------------------------------------------------------------------------
 *
 * error.c
 *	  How damage to an index is reported: with one SQLSTATE, one form of message
 *	  and one hint, whoever finds it.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/error.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/rel.h"

#include "error.h"

/* What was found is a sentence or two. */
#define MAX_DETAIL	512

/*
 * Report corruption of an index at a block, or of no block in particular if that
 * is invalid.  offset is the number, counted from one, of a slot or of a node's
 * entry; or zero.  What was found is said in a sentence.
 */
void
AnnoyReportCorruptionV(Relation rel, BlockNumber block, int offset,
					   const char *format, va_list args)
{
	char		detail[MAX_DETAIL];

	vsnprintf(detail, sizeof(detail), format, args);
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 block == InvalidBlockNumber ?
			 errmsg("index \"%s\" is corrupted", RelationGetRelationName(rel)) :
			 offset > 0 ?
			 errmsg("index \"%s\" is corrupted at block %u, offset %d",
					RelationGetRelationName(rel), block, offset) :
			 errmsg("index \"%s\" is corrupted at block %u",
					RelationGetRelationName(rel), block),
			 errdetail_internal("%s", detail),
			 errhint("Please REINDEX it.")));
}

/*
 * The same for a block as a whole.
 */
void
AnnoyReportCorruption(Relation rel, BlockNumber block, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	AnnoyReportCorruptionV(rel, block, 0, format, args);
}
