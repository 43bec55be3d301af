/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Finding the leaf where a vector belongs.
 *
 * Both the build and an insertion place a vector in the leaf whose centre is
 * nearest, as found by a beam search down the tree: on each level the few best
 * nodes are expanded.  A single path from the root would miss the nearest leaf
 * often, and a search for the vector would look for it in the wrong place.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/place.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"
#include "storage/storage.h"
#include "tree/tree.h"

/*
 * Collect the `keep' best leaves for a target, nearest first by estimate, from
 * `beam' nodes above the leaves and half as many on the levels above those.
 * read_node gives access to a node, until it is called again.  The collector
 * comes back empty if the root is itself a leaf.  rel is what an error is about.
 */
void
AnnoyPlace(Relation rel, AnnoyTarget *target, BlockNumber root, int beam, int keep,
		   AnnoyReadNode read_node, void *arg, AnnoyCollector *leaves)
{
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	BlockNumber blocks[ANNOY_MAX_BEAM] = {root};
	int			nblocks = 1;
	int			expected = -1;	/* level; that of the root is not known */

	Assert(beam > 0 && beam <= ANNOY_MAX_BEAM && keep >= beam);

	for (;;)
	{
		int			level = 0;

		AnnoyCollectorReset(leaves, keep);
		for (int i = 0; i < nblocks; i++)
		{
			AnnoyNode	node = read_node(blocks[i], arg);
			int			nhits;

			level = node->level;
			if (expected >= 0 && level != expected)
				AnnoyReportCorruption(rel, blocks[i],
									  "The node, in the tree with root %u, is on level %d instead of %d.",
									  root, level, expected);
			if (level == 0)
				break;
			nhits = AnnoyNodeScore(target, node, 0, leaves->limit, hits, scores);
			AnnoyCollect(leaves, target->index, node, nhits, hits, scores);
		}
		AnnoyCollectorFinish(leaves);
		/* none, or nothing but NaN */
		if (level > 0 && leaves->count == 0)
			AnnoyReportCorruption(rel, blocks[0],
								  "The node, in the tree with root %u, is on level %d, but has no entries that can be used.",
								  root, level);
		if (level <= 1)
			return;

		expected = level - 1;
		nblocks = Min(leaves->count, expected > 1 ? (beam + 1) / 2 : beam);
		for (int i = 0; i < nblocks; i++)
			blocks[i] = ItemPointerGetBlockNumberNoCheck(&leaves->candidates[i].pointer);
	}
}
