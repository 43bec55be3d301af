/*-------------------------------------------------------------------------
 *
 * node.c
 *	  Nodes of trees: pages that hold a centre and entries relative to it.
 *
 * Functions here work on pages in memory: a registered copy of a buffer's
 * page, a page the build is filling, or, for those that do not change
 * anything, a buffer's page under a share lock.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/storage/node.c
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

/*
 * How full nodes get by inserts: not completely, which leaves them as full, on
 * average, as a build does.  Fuller ones are coarser, and a search would find
 * less in as many entries.
 */
#define LEAF_SPLIT_FILL		0.7
#define INNER_SPLIT_FILL	0.6

/*
 * A node is near the origin if its centre is at most so many times as far from
 * it as its points are from the centre.
 */
#define NEAR_FACTOR			8.0

/* Room that a build gives a node, in relation to the number of its entries. */
#define BUILT_ROOM			1.25

/* Where an entry's code and signature are. */
typedef struct EntryPlace
{
	uint8	   *code;
	int			step;			/* from one byte of the code to the next */
	uint8	   *signature;		/* bytes are ANNOY_BLOCK_ENTRIES apart */
} EntryPlace;

static EntryPlace
entry_place(const AnnoyIndex *index, AnnoyNode node, int i)
{
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);
	int			lane = i % ANNOY_BLOCK_ENTRIES;
	uint8	   *block;
	EntryPlace	place;

	Assert(i >= 0 && i < codec->capacity);

	block = AnnoyNodeBlock(index, node, i);
	if (i < AnnoyNodeFullCount(node))
	{
		place.code = block + lane;
		place.step = ANNOY_BLOCK_ENTRIES;
	}
	else
	{
		place.code = block + lane * ANNOY_ROW_SIZE(codec->bytes);
		place.step = 1;
	}
	place.signature = block + ANNOY_BLOCK_SIGNATURES(codec->bytes) + lane;
	return place;
}

/* Put the factors and the pointer of an entry into the columns of a block. */
static void
put_columns(uint8 *block, int code_bytes, int lane, const AnnoyRowTail *tail)
{
	float	   *factors = (float *) (block + code_bytes * ANNOY_BLOCK_ENTRIES);
	uint16	   *errors = (uint16 *) (factors + 2 * ANNOY_BLOCK_ENTRIES);

	factors[lane] = tail->offset;
	factors[ANNOY_BLOCK_ENTRIES + lane] = tail->slope;
	errors[lane] = tail->error;
	((AnnoyPointer *) (block + ANNOY_BLOCK_POINTERS(code_bytes)))[lane] = tail->pointer;
}

/* Take them from there. */
static AnnoyRowTail
get_columns(const uint8 *block, int code_bytes, int lane)
{
	const float *factors = (const float *) (block + code_bytes * ANNOY_BLOCK_ENTRIES);
	const uint16 *errors = (const uint16 *) (factors + 2 * ANNOY_BLOCK_ENTRIES);
	AnnoyRowTail tail;

	tail.offset = factors[lane];
	tail.slope = factors[ANNOY_BLOCK_ENTRIES + lane];
	tail.error = errors[lane];
	tail.pointer = ((const AnnoyPointer *) (block + ANNOY_BLOCK_POINTERS(code_bytes)))[lane];
	return tail;
}

/* The factors and the pointer of entry i. */
static AnnoyRowTail
get_tail(const AnnoyIndex *index, AnnoyNode node, int i)
{
	int			bytes = AnnoyNodeCodec(index, node)->bytes;
	AnnoyRowTail tail;

	if (i < AnnoyNodeFullCount(node))
		return get_columns(AnnoyNodeBlock(index, node, i), bytes, i % ANNOY_BLOCK_ENTRIES);
	/* rows are not aligned */
	memcpy(&tail, entry_place(index, node, i).code + bytes, sizeof(tail));
	return tail;
}

static void
put_tail(const AnnoyIndex *index, AnnoyNode node, int i, const AnnoyRowTail *tail)
{
	int			bytes = AnnoyNodeCodec(index, node)->bytes;

	if (i < AnnoyNodeFullCount(node))
		put_columns(AnnoyNodeBlock(index, node, i), bytes, i % ANNOY_BLOCK_ENTRIES, tail);
	else
		memcpy(entry_place(index, node, i).code + bytes, tail, sizeof(AnnoyRowTail));
}

/*
 * Where on its page a node ends.
 */
int
AnnoyNodeEnd(const AnnoyIndex *index, Page page)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	int			blocks = (node->count + ANNOY_BLOCK_ENTRIES - 1) / ANNOY_BLOCK_ENTRIES;

	return (char *) AnnoyNodeBlocks(index, node) - page +
		blocks * AnnoyNodeCodec(index, node)->block_size;
}

/* Set the number of entries and the end of the page's used part. */
static void
set_count(const AnnoyIndex *index, Page page, int count)
{
	AnnoyNode	node = AnnoyPageGetNode(page);

	node->count = count;
	node->changes++;
	AnnoyPageSetEnd(page, page + AnnoyNodeEnd(index, page));
}

/*
 * Make a page an empty node with that centre, which is replaced by its
 * quantised form.
 */
void
AnnoyNodeInit(Page page, const AnnoyIndex *index, int tree, int level,
			  float *centre)
{
	AnnoyNode	node;
	int16		quantised[ANNOY_MAX_DIMENSIONS];
	int8	   *stored;

	AnnoyPageInit(page, ANNOY_PAGE_NODE);
	node = AnnoyPageGetNode(page);
	memset(node, 0, sizeof(AnnoyNodeData));
	node->tree = tree;
	node->generation = index->generation;
	node->level = level;
	node->room = AnnoyNodeCodec(index, node)->capacity *
		(level == 0 ? LEAF_SPLIT_FILL : INNER_SPLIT_FILL);
	node->right = InvalidBlockNumber;
	stored = (int8 *) AnnoyNodeCentre(node);
	node->centre_scale = AnnoyQuantise(index, centre, quantised);
	node->centre_norm2 = annoy_kernels->dot(centre, centre, index->space_dim);
	if (index->centre_bits == 16)
		memcpy(stored, quantised, sizeof(int16) * index->space_dim);
	else if (index->centre_bits == 8)
	{
		for (int i = 0; i < index->space_dim; i++)
			stored[i] = (int8) quantised[i];
	}
	else
	{
		for (int i = 0; i < index->space_dim; i += 2)
			stored[i / 2] = (int8) ((quantised[i] + 8) | (quantised[i + 1] + 8) << 4);
	}
	set_count(index, page, 0);
}

/*
 * Is a node's centre one that can be?  What is computed from it and from points
 * is finite then.
 */
bool
AnnoyCentreIsSound(AnnoyNode node)
{
	/* not so if they are NaN */
	return node->centre_scale >= 0 && node->centre_scale <= ANNOY_MAX_CENTRE_SCALE &&
		node->centre_norm2 >= 0 && node->centre_norm2 <= FLT_MAX;
}

/*
 * Raise an error unless the page is a node that can be read without harm.  The
 * caller holds a lock on the buffer.
 *
 * Where it points to is checked when that is read.  Factors of entries are not
 * checked, as each visit would have to look at all of them: the scores that
 * come from NaN are not below any limit, so such an entry is passed over, and
 * see AnnoyCheckEntries.
 */
void
AnnoyCheckNode(Relation rel, const AnnoyIndex *index, Buffer buffer)
{
	AnnoyNode	node;

	AnnoyCheckPage(rel, buffer, ANNOY_PAGE_NODE);
	node = AnnoyPageGetNode(BufferGetPage(buffer));
	if (node->tree >= index->n_trees ||
		!AnnoyNodeIsCurrent(index, node) ||
		((node->flags & ANNOY_NODE_PLAIN) != 0 &&
		 (node->level > 0 ||
		  BufferGetBlockNumber(buffer) != AnnoyRootBlock(node->tree))) ||
		node->level >= ANNOY_MAX_LEVEL ||
		node->count > AnnoyNodeCodec(index, node)->capacity ||
		node->room < ANNOY_MIN_ROOM || node->room > AnnoyNodeCodec(index, node)->capacity ||
		!AnnoyCentreIsSound(node))
		AnnoyReportCorruption(rel, BufferGetBlockNumber(buffer),
							  "The node is of tree %u and generation %u, on level %u, with %u entries and room for %u; its centre has the scale %g and the squared norm %g.",
							  node->tree, node->generation, node->level, node->count, node->room,
							  node->centre_scale, node->centre_norm2);
}

/*
 * Raise an error if an entry of a node, whose block that is, has factors that are
 * not finite.  This is for when a score suggests it.
 */
void
AnnoyCheckEntries(Relation rel, const AnnoyIndex *index, AnnoyNode node,
				  BlockNumber block)
{
	for (int i = 0; i < node->count; i++)
	{
		AnnoyRowTail tail = get_tail(index, node, i);
		float		error = AnnoyErrorToFloat(tail.error);

		if (!isfinite(tail.offset) || !isfinite(tail.slope) || !isfinite(error))
			AnnoyReportCorruption(rel, block, "Entry %d of the node has the factors %g, %g, %g.",
								  i + 1, tail.offset, tail.slope, error);
	}
}

/*
 * Copy a node's page, so that it can be read without a lock.  The caller holds
 * none on it.
 */
void
AnnoyCopyNode(Relation rel, const AnnoyIndex *index, BlockNumber block,
			  Page copy)
{
	Buffer		buffer = AnnoyReadBuffer(rel, block, NULL);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckNode(rel, index, buffer);
	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

/*
 * Is a node to be split before it gets another entry?  Copies of one vector may
 * fill a leaf.
 */
bool
AnnoyNodeIsFull(const AnnoyIndex *index, AnnoyNode node)
{
	int			capacity = AnnoyNodeCodec(index, node)->capacity;

	return node->count >= ((node->flags & ANNOY_NODE_UNIFORM) ? capacity : node->room);
}

/*
 * Give a node that is being built room for as many entries as it has, and some.
 * Otherwise, when all rows are deleted and inserted again, those nodes would be
 * split that a build has made fuller than inserts do.
 */
void
AnnoyNodeMakeRoom(const AnnoyIndex *index, AnnoyNode node)
{
	int			capacity = AnnoyNodeCodec(index, node)->capacity;

	node->room = Max(node->room, Min(BUILT_ROOM * node->count, capacity));
}

/*
 * The integers of a centre of at most 8 bits, one int8 per dimension: in place,
 * or unpacked into the work space.
 */
static const int8 *
centre_int8(const AnnoyIndex *index, AnnoyNode node, int8 *work)
{
	const uint8 *stored = (const uint8 *) AnnoyNodeCentre(node);

	Assert(index->centre_bits <= 8);
	if (index->centre_bits == 8)
		return (const int8 *) stored;
	for (int i = 0; i < index->space_dim; i += 2)
	{
		work[i] = (stored[i / 2] & 15) - 8;
		work[i + 1] = (stored[i / 2] >> 4) - 8;
	}
	return work;
}

/*
 * Copy out a node's centre: space_dim floats.
 */
void
AnnoyNodeReadCentre(const AnnoyIndex *index, AnnoyNode node, float *centre)
{
	if (index->centre_bits == 16)
	{
		const int16 *quantised = (const int16 *) AnnoyNodeCentre(node);

		for (int i = 0; i < index->space_dim; i++)
			centre[i] = node->centre_scale * quantised[i];
	}
	else
	{
		int8		work[ANNOY_MAX_DIMENSIONS];
		const int8 *quantised = centre_int8(index, node, work);

		for (int i = 0; i < index->space_dim; i++)
			centre[i] = node->centre_scale * quantised[i];
	}
}

/*
 * The flags of entry i, which only those of leaves have.
 */
uint16
AnnoyNodeEntryFlags(const AnnoyIndex *index, AnnoyNode node, int i)
{
	if (node->level > 0)
		return 0;
	return AnnoyNodeRawPointer(index, node, i)->ip_posid & ANNOY_ENTRY_FLAGS;
}

/*
 * The signature of entry i, which only those of leaves have.
 */
AnnoySignature
AnnoyNodeSignature(const AnnoyIndex *index, AnnoyNode node, int i)
{
	int			bytes = AnnoyNodeCodec(index, node)->signature_bytes;
	EntryPlace	place = entry_place(index, node, i);
	AnnoySignature signature = {{0}};

	for (int b = 0; b < bytes; b++)
		signature.bytes[b] = place.signature[b * ANNOY_BLOCK_ENTRIES];
	return signature;
}

/*
 * The estimated distance of entry i from the target, whose last scoring was of the
 * node and has given it that lower bound.
 */
float
AnnoyNodeEstimate(const AnnoyTarget *target, AnnoyNode node, int i, float bound)
{
	AnnoyRowTail tail;

	if (target->width == 0)
		return bound;
	tail = get_tail(target->index, node, i);
	return bound + target->width * AnnoyErrorToFloat(tail.error) + target->rounding * tail.slope;
}

/*
 * The number of the entry of an inner node that points to a child, or -1.
 */
int
AnnoyNodeFindChild(const AnnoyIndex *index, AnnoyNode node, BlockNumber child)
{
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, node, i);

		if (ItemPointerGetBlockNumberNoCheck(&pointer) == child)
			return i;
	}
	return -1;
}

/*
 * Do two entries have the same code and factors?  Entries of identical vectors
 * do.
 */
bool
AnnoyNodeSameCode(const AnnoyIndex *index, AnnoyNode node, int i, int j)
{
	int			bytes = AnnoyNodeCodec(index, node)->bytes;
	EntryPlace	a = entry_place(index, node, i);
	EntryPlace	b = entry_place(index, node, j);
	AnnoyRowTail a_tail = get_tail(index, node, i);
	AnnoyRowTail b_tail = get_tail(index, node, j);

	for (int k = 0; k < bytes; k++)
	{
		if (a.code[k * a.step] != b.code[k * b.step])
			return false;
	}
	return a_tail.offset == b_tail.offset && a_tail.slope == b_tail.slope &&
		a_tail.error == b_tail.error;
}

/*
 * Read entry i.
 */
void
AnnoyNodeGet(const AnnoyIndex *index, AnnoyNode node, int i, AnnoyEntry *entry)
{
	int			bytes = AnnoyNodeCodec(index, node)->bytes;
	EntryPlace	place = entry_place(index, node, i);
	AnnoyRowTail tail = get_tail(index, node, i);

	for (int b = 0; b < bytes; b++)
		entry->code[b] = place.code[b * place.step];
	entry->offset = tail.offset;
	entry->shift = 0;
	entry->slope = tail.slope;
	entry->error = tail.error;
	entry->pointer = AnnoyNodePointer(index, node, i);
	entry->flags = AnnoyNodeEntryFlags(index, node, i);
	entry->signature = AnnoyNodeSignature(index, node, i);
}

/*
 * Overwrite entry i.
 */
void
AnnoyNodePut(const AnnoyIndex *index, Page page, int i,
			 const AnnoyEntry *entry)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);
	EntryPlace	place = entry_place(index, node, i);
	AnnoyRowTail tail;

	Assert(i < node->count);

	for (int b = 0; b < codec->bytes; b++)
		place.code[b * place.step] = entry->code[b];
	for (int b = 0; b < codec->signature_bytes; b++)
		place.signature[b * ANNOY_BLOCK_ENTRIES] = entry->signature.bytes[b];
	tail.offset = AnnoyNodeOffset(node, entry);
	tail.slope = entry->slope;
	tail.error = entry->error;
	tail.pointer = entry->pointer;
	tail.pointer.ip_posid |= entry->flags;
	put_tail(index, node, i, &tail);
	node->changes++;
}

/* Put what the last block has in rows into the columns of a block that is full. */
static void
rows_to_columns(const AnnoyCodec *codec, const uint8 *rows, uint8 *block)
{
	int			row_size = ANNOY_ROW_SIZE(codec->bytes);

	/* what it writes behind the codes is overwritten */
	annoy_kernels->transpose(rows, row_size, codec->bytes, block);
	for (int i = 0; i < ANNOY_BLOCK_ENTRIES; i++)
	{
		AnnoyRowTail tail;

		memcpy(&tail, rows + i * row_size + codec->bytes, sizeof(tail));
		put_columns(block, codec->bytes, i, &tail);
	}
}

/* Put its columns back into rows, as it is full no longer. */
static void
columns_to_rows(const AnnoyCodec *codec, const uint8 *block, uint8 *rows)
{
	for (int i = 0; i < ANNOY_BLOCK_ENTRIES; i++)
	{
		uint8	   *row = rows + i * ANNOY_ROW_SIZE(codec->bytes);
		AnnoyRowTail tail = get_columns(block, codec->bytes, i);

		for (int b = 0; b < codec->bytes; b++)
			row[b] = block[b * ANNOY_BLOCK_ENTRIES + i];
		memcpy(row + codec->bytes, &tail, sizeof(tail));
	}
}

/*
 * Add an entry.  The caller has made sure that there is room.
 */
void
AnnoyNodeAppend(const AnnoyIndex *index, Page page, const AnnoyEntry *entry)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);

	Assert(node->count < codec->capacity);

	/* a block of entries starts out as zeroes */
	if (node->count % ANNOY_BLOCK_ENTRIES == 0)
		memset(AnnoyNodeBlocks(index, node) +
			   node->count / ANNOY_BLOCK_ENTRIES * codec->block_size,
			   0, codec->block_size);
	set_count(index, page, node->count + 1);
	if (node->count % ANNOY_BLOCK_ENTRIES == 0)
	{
		uint8	   *block = AnnoyNodeBlock(index, node, node->count - 1);
		PGAlignedBlock rows;

		memcpy(rows.data, block, codec->block_size);
		rows_to_columns(codec, (uint8 *) rows.data, block);
	}
	AnnoyNodePut(index, page, node->count - 1, entry);
}

/*
 * Mark a node without entries as near the origin, if it is, considering the
 * mean |r|^2 of the points it is made for.
 */
void
AnnoyNodeSetNear(AnnoyNode node, double mean_offset)
{
	Assert(node->count == 0);

	if (node->centre_norm2 <= NEAR_FACTOR * NEAR_FACTOR * mean_offset)
		node->flags |= ANNOY_NODE_NEAR;
}

/*
 * Remove entry i; the last entry takes its place.
 */
void
AnnoyNodeRemove(const AnnoyIndex *index, Page page, int i)
{
	AnnoyNode	node = AnnoyPageGetNode(page);
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);
	int			last = node->count - 1;
	EntryPlace	place = entry_place(index, node, last);
	const AnnoyRowTail no_tail = {0};
	AnnoyEntry	entry;

	Assert(i <= last);

	AnnoyNodeGet(index, node, last, &entry);
	for (int b = 0; b < codec->bytes; b++)
		place.code[b * place.step] = 0;
	for (int b = 0; b < codec->signature_bytes; b++)
		place.signature[b * ANNOY_BLOCK_ENTRIES] = 0;
	put_tail(index, node, last, &no_tail);
	if (i < last)
		AnnoyNodePut(index, page, i, &entry);
	set_count(index, page, last);
	if (last % ANNOY_BLOCK_ENTRIES == ANNOY_BLOCK_ENTRIES - 1)
	{
		uint8	   *block = AnnoyNodeBlock(index, node, last);
		PGAlignedBlock columns;

		memcpy(columns.data, block, codec->block_size);
		columns_to_rows(codec, (uint8 *) columns.data, block);
	}
}

/* Inner product of a target and a node's centre. */
static float
centre_product(AnnoyTarget *target, AnnoyNode node)
{
	const AnnoyIndex *index = target->index;

	if (index->centre_bits == 16)
		return annoy_kernels->centre16_dot(target->x,
										   (const int16 *) AnnoyNodeCentre(node),
										   node->centre_scale, index->space_dim);
	return annoy_kernels->centre_dot(target->x, centre_int8(index, node, target->centre),
									 node->centre_scale, index->space_dim);
}

/*
 * Squared distance of a target and a node's centre.  Leaves the target
 * relative to the centre in target->residual.
 */
static float
centre_distance(AnnoyTarget *target, AnnoyNode node)
{
	const AnnoyIndex *index = target->index;

	if (index->centre_bits == 16)
		return annoy_kernels->centre16_l2(target->x,
										  (const int16 *) AnnoyNodeCentre(node),
										  node->centre_scale, index->space_dim,
										  target->residual);
	return annoy_kernels->centre_l2(target->x, centre_int8(index, node, target->centre),
									node->centre_scale, index->space_dim,
									target->residual);
}

/*
 * Score of a node's centre for a target: squared distance, or -2 times the
 * inner product.
 */
float
AnnoyNodeDistance(AnnoyTarget *target, AnnoyNode node)
{
	return target->inner_product ? -2 * centre_product(target, node) :
		centre_distance(target, node);
}

/*
 * Nothing is known of entries without codes: each may be the nearest that counts,
 * as masks[] says, or of all if that is NULL.
 */
static int
score_plain(AnnoyNode node, const uint16 *masks, float limit, uint16 *hits,
			float *scores)
{
	int			nhits = 0;

	if (limit == -INFINITY)
		return 0;
	for (int i = 0; i < node->count; i++)
	{
		if (masks != NULL &&
			(masks[i / ANNOY_BLOCK_ENTRIES] >> (i % ANNOY_BLOCK_ENTRIES) & 1) == 0)
			continue;
		hits[nhits] = i;
		scores[nhits++] = -INFINITY;
	}
	return nhits;
}

/*
 * Score the entries of all blocks, those of the last one in a copy that has columns.
 */
static int
score_blocks(const AnnoyIndex *index, AnnoyNode node, AnnoyScoring *scoring,
			 float limit, uint16 *hits, float *scores)
{
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);
	int			full = AnnoyNodeFullCount(node);
	int			nhits = annoy_kernels->score(AnnoyNodeBlocks(index, node), full, scoring,
											 limit, hits, scores);
	int			last_hits;
	PGAlignedBlock block;

	if (full == node->count ||
		(scoring->masks != NULL && scoring->masks[full / ANNOY_BLOCK_ENTRIES] == 0))
		return nhits;

	rows_to_columns(codec, AnnoyNodeBlock(index, node, full), (uint8 *) block.data);
	if (scoring->masks != NULL)
		scoring->masks += full / ANNOY_BLOCK_ENTRIES;
	last_hits = annoy_kernels->score((uint8 *) block.data, node->count - full, scoring,
									 limit, hits + nhits, scores + nhits);
	for (int i = 0; i < last_hits; i++)
		hits[nhits + i] += full;
	return nhits + last_hits;
}

/*
 * Score all entries of a node.  With epsilon 0 scores are estimates; otherwise
 * they are lower bounds, with epsilon as the number of standard deviations.
 * Returns the number of entries below the limit, where NaN is not; hits[] and
 * scores[] need ANNOY_MAX_ENTRIES elements.  Entries of a leaf that do not pass the
 * target's sieve do not count; how many do is in target->passed afterwards.
 */
int
AnnoyNodeScore(AnnoyTarget *target, AnnoyNode node, float epsilon,
			   float limit, uint16 *hits, float *scores)
{
	const AnnoyIndex *index = target->index;
	const AnnoyLut *lut = &target->lut;
	const AnnoyCodec *codec = AnnoyNodeCodec(index, node);
	uint16		masks[ANNOY_MAX_ENTRIES / ANNOY_BLOCK_ENTRIES];
	AnnoyScoring scoring;

	target->width = target->rounding = 0;
	target->passed = node->count;
	scoring.masks = NULL;
	if (target->sieve != NULL && node->level == 0)
	{
		target->passed =
			annoy_kernels->sift(AnnoyNodeBlocks(index, node) + ANNOY_BLOCK_SIGNATURES(codec->bytes),
								node->count, codec->block_size, target->sieve, masks);
		if (target->passed == 0)
			return 0;
		scoring.masks = masks;
	}
	if ((node->flags & ANNOY_NODE_PLAIN) != 0)
		return score_plain(node, scoring.masks, limit, hits, scores);
	if (target->inner_product)
	{
		scoring.base = -2 * centre_product(target, node);
		scoring.width = epsilon * sqrtf(target->norm2);
	}
	else
	{
		if (node->flags & ANNOY_NODE_NEAR)
			scoring.base = Max(target->norm2 + node->centre_norm2 -
							   2 * centre_product(target, node), 0);
		else
		{
			scoring.base = centre_distance(target, node);
			AnnoyLutFill(&target->node_lut, index, target->residual);
			lut = &target->node_lut;
		}
		scoring.width = epsilon * sqrtf(scoring.base);
	}
	AnnoyLutScoring(lut, codec, epsilon > 0, &scoring);
	target->width = scoring.width;
	target->rounding = scoring.rounding;
	scoring.use_offset = target->inner_product ? 0 : 1;

	return score_blocks(index, node, &scoring, limit, hits, scores);
}

/*
 * Have the processor fetch what AnnoyNodeScore takes for the entries of a leaf that pass
 * the target's sieve.  The page is not locked: what is read here may be wrong.
 */
void
AnnoyNodePrefetchPassing(const AnnoyTarget *target, Page page)
{
	const AnnoyIndex *index = target->index;
	const AnnoyCodec *codec = &index->leaf;
	AnnoyNode	node = AnnoyPageGetNode(page);
	const uint8 *block = AnnoyNodeBlocks(index, node);
	/* it may change at any time, so it is read once */
	int			count = *(volatile uint16 *) &node->count;
	uint16		masks[ANNOY_MAX_ENTRIES / ANNOY_BLOCK_ENTRIES];

	count = Min(count, codec->capacity);
	if (annoy_kernels->sift(block + ANNOY_BLOCK_SIGNATURES(codec->bytes), count,
							codec->block_size, target->sieve, masks) == 0)
		return;
	for (int i = 0; i < index->centre_bytes; i += ANNOY_CACHE_LINE)
		__builtin_prefetch((char *) AnnoyNodeCentre(node) + i);
	for (int first = 0; first < count; first += ANNOY_BLOCK_ENTRIES, block += codec->block_size)
	{
		if (masks[first / ANNOY_BLOCK_ENTRIES] == 0)
			continue;
		for (int i = 0; i < (int) ANNOY_BLOCK_SIGNATURES(codec->bytes); i += ANNOY_CACHE_LINE)
			__builtin_prefetch(block + i);
	}
}
