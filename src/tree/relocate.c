/*-------------------------------------------------------------------------
 *
 * relocate.c
 *	  Moving a leaf's entries to where they are best now.
 *
 * As rows come and go, leaves are made around an entry, or are divided, that would be
 * a better place for it.  Splits let first entries move between leaves with the same
 * parent (move.c), and nothing more.  VACUUM visits leaf after leaf, whatever their
 * parents are, and has
 *
 *	- a leaf's centre go to the middle of its first entries;
 *	- a first entry go to the leaf with the nearest centre; if the item's second entry
 *	  is there, the two change their roles;
 *	- a second entry go where an insertion would put it now.
 *
 * Which entries are to move is told by their codes, relative to the leaf's centre, for
 * all leaves around at once.  Only items that these take for misplaced are read, to
 * compare exact distances, and to be encoded.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/tree/relocate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/split.h"
#include "tree/tree.h"

/* Leaves around one that its entries may move to. */
#define LEAVES_AROUND	64

/* Others that are found for single items, by a search from the root. */
#define LEAVES_FOUND	64
#define FOUND_BEAM		8

/*
 * A second entry moves if that makes its score better by more than this: a little
 * better is not worth a record.
 */
#define BETTER_SECOND	0.95

/*
 * A leaf's spread is noted if it is more than before, or less than this part of it.
 */

/*
 * A centre moves if the square of the way is more than this part of the mean square
 * of the distances from it, which is by how much that would become less.
 */
#define CENTRE_MOVED	0.01

/* Slots of the table of a leaf's items: a power of two. */
#define TABLE_SIZE		(2 * ANNOY_MAX_ENTRIES)

/* A copied leaf. */
typedef struct Leaf
{
	BlockNumber block;
	AnnoyPointer pointer;		/* to it, with its spread; not of one that was
								 * found */
	AnnoyTarget target;			/* its centre */
	PGAlignedBlock copy;
} Leaf;

/* An entry that is to move to a leaf around, or to change roles with one there. */
typedef struct Move
{
	int			to;
	bool		swaps;
	uint16		flags;			/* as they are */
	AnnoyEntry	entry;			/* with the flags that it has in the end */
} Move;

struct AnnoyRelocation
{
	Relation	rel;
	const AnnoyIndex *index;
	MemoryContext context;		/* of what reading a leaf's items takes */
	AnnoyItemReader reader;
	float	   *point;
	PGAlignedBlock page;		/* of a node on the way down */
	AnnoyCollector leaves;
	AnnoyTarget target;			/* a point that leaves are searched for */
	float	   *centres;		/* of these: 1 + ANNOY_SECOND_CANDIDATES */
	Leaf		leaf;
	Leaf		around[LEAVES_AROUND + LEAVES_FOUND];
	int			n_around;
	int			n_found;		/* behind these */

	/* by the number of an entry of the leaf */
	float		own[ANNOY_MAX_ENTRIES]; /* estimated distance from the centre */
	float		distance[LEAVES_AROUND][ANNOY_MAX_ENTRIES]; /* from the others' */
	int16		other[ANNOY_MAX_ENTRIES];	/* the leaf around that has the
											 * item's other entry, or -1 */
	int16		table[TABLE_SIZE];	/* numbers, by a hash of the item; -1 = none */
	Move		moves[ANNOY_MAX_ENTRIES];
	int			n_moves;
	double		made;			/* moves, all in all */
};

/*
 * Begin to relocate entries.  What is allocated is in the current memory context.
 */
AnnoyRelocation *
AnnoyRelocationBegin(Relation rel, const AnnoyIndex *index)
{
	AnnoyRelocation *state = palloc(sizeof(AnnoyRelocation));

	state->rel = rel;
	state->index = index;
	state->made = 0;
	state->context = AllocSetContextCreate(CurrentMemoryContext, "annoy relocation",
										   ALLOCSET_DEFAULT_SIZES);
	state->point = palloc(sizeof(float) * index->space_dim);
	AnnoyCollectorInit(&state->leaves);
	AnnoyTargetInit(&state->leaf.target, index, false);
	AnnoyTargetInit(&state->target, index, false);
	state->centres = palloc(sizeof(float) * index->space_dim * (1 + ANNOY_SECOND_CANDIDATES));
	for (int i = 0; i < LEAVES_AROUND + LEAVES_FOUND; i++)
		AnnoyTargetInit(&state->around[i].target, index, false);
	return state;
}

/* Copy a leaf.  Returns false if it is none whose entries could move, or get others. */
static bool
read_leaf(AnnoyRelocation *state, Leaf *leaf, int tree, BlockNumber block)
{
	AnnoyNode	node = AnnoyPageGetNode(leaf->copy.data);

	leaf->block = block;
	AnnoyCopyNode(state->rel, state->index, block, leaf->copy.data);
	if (node->tree != tree || node->level > 0 || (node->flags & ANNOY_NODE_UNIFORM) != 0)
		return false;
	AnnoyNodeReadCentre(state->index, node, leaf->target.x);
	AnnoyTargetSet(&leaf->target);
	return true;
}

/* AnnoyReadNode callback */
static AnnoyNode
read_node(BlockNumber block, void *arg)
{
	AnnoyRelocation *state = arg;

	AnnoyCopyNode(state->rel, state->index, block, state->page.data);
	return AnnoyPageGetNode(state->page.data);
}

/* Estimate how far the leaf's entries are from a centre. */
static void
estimate(AnnoyRelocation *state, Leaf *centre, float *distances)
{
	AnnoyNode	node = AnnoyPageGetNode(state->leaf.copy.data);
	uint16		hits[ANNOY_MAX_ENTRIES];
	float		scores[ANNOY_MAX_ENTRIES];
	int			nhits = AnnoyNodeScore(&centre->target, node, 0, INFINITY, hits, scores);

	for (int i = 0; i < node->count; i++)
		distances[i] = INFINITY;
	for (int i = 0; i < nhits; i++)
		distances[hits[i]] = scores[i];
}

static inline uint32
item_hash(const AnnoyPointer *pointer)
{
	return ((uint32) (AnnoyPointerKey(pointer) * UINT64CONST(0x9E3779B97F4A7C15) >> 32)) %
		TABLE_SIZE;
}

/* Put the leaf's items that have two entries into the table. */
static void
fill_table(AnnoyRelocation *state)
{
	const AnnoyIndex *index = state->index;
	AnnoyNode	node = AnnoyPageGetNode(state->leaf.copy.data);

	memset(state->table, -1, sizeof(state->table));
	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, node, i);
		uint32		slot = item_hash(&pointer);

		state->other[i] = -1;
		if ((AnnoyNodeEntryFlags(index, node, i) & ANNOY_ENTRY_PAIRED) == 0)
			continue;
		while (state->table[slot] >= 0)
			slot = (slot + 1) % TABLE_SIZE;
		state->table[slot] = i;
	}
}

/* Note which of the leaf's items have their other entries in one of those around. */
static void
find_others(AnnoyRelocation *state, int around)
{
	const AnnoyIndex *index = state->index;
	AnnoyNode	node = AnnoyPageGetNode(state->leaf.copy.data);
	AnnoyNode	other = AnnoyPageGetNode(state->around[around].copy.data);

	for (int j = 0; j < other->count; j++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, other, j);

		for (uint32 slot = item_hash(&pointer); state->table[slot] >= 0;
			 slot = (slot + 1) % TABLE_SIZE)
		{
			AnnoyPointer item = AnnoyNodePointer(index, node, state->table[slot]);

			if (AnnoyPointersEqual(&item, &pointer))
			{
				state->other[state->table[slot]] = around;
				break;
			}
		}
	}
}

/*
 * Find the leaves around, and how far the leaf's entries are from their centres.
 */
static void
look_around(AnnoyRelocation *state)
{
	int			tree = AnnoyPageGetNode(state->leaf.copy.data)->tree;

	AnnoyPlace(state->rel, &state->leaf.target, AnnoyRootBlock(tree), ANNOY_MAX_BEAM,
			   LEAVES_AROUND + 1, read_node, state, &state->leaves);
	fill_table(state);
	estimate(state, &state->leaf, state->own);
	state->n_around = state->n_found = 0;
	for (int i = 0; i < state->leaves.count && state->n_around < LEAVES_AROUND; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&state->leaves.candidates[i].pointer);
		Leaf	   *leaf = &state->around[state->n_around];

		/* no root has a parent, but a damaged pointer may lead there */
		if (block == state->leaf.block || block < AnnoyRootBlock(state->index->n_trees) ||
			!read_leaf(state, leaf, tree, block))
			continue;
		leaf->pointer = state->leaves.candidates[i].pointer;
		estimate(state, leaf, state->distance[state->n_around]);
		find_others(state, state->n_around++);
	}
}

/* The exact distance of the point at hand from a leaf's centre. */
static inline float
exact(const AnnoyRelocation *state, const Leaf *leaf)
{
	return annoy_kernels->l2(state->point, leaf->target.x, state->index->space_dim);
}

static inline bool
has_room(Leaf *leaf)
{
	AnnoyNode	node = AnnoyPageGetNode(leaf->copy.data);

	return node->count < node->room;
}

/* Read the point of an entry of the leaf.  Returns false if the item is gone. */
static bool
read_point(AnnoyRelocation *state, int i)
{
	return AnnoyReadPoint(state->rel, state->index, &state->reader, state->leaf.block,
						  AnnoyPageGetNode(state->leaf.copy.data), i, state->point);
}

/*
 * Where a first entry is to go, or -1.  In an index for inner product, not where it would
 * be an outlier: see AnnoyPreferWideLeaf.
 */
static int
place_first(AnnoyRelocation *state, int i)
{
	bool		spreads = state->index->metric == ANNOY_IP;
	float		best = state->own[i];
	int			to = -1;

	for (int j = 0; j < state->n_around; j++)
	{
		Leaf	   *leaf = &state->around[j];

		if (state->distance[j][i] < best && (state->other[i] == j || has_room(leaf)) &&
			!(spreads && AnnoyIsOutlier(state->distance[j][i], &leaf->pointer)))
		{
			best = state->distance[j][i];
			to = j;
		}
	}
	if (to >= 0 && read_point(state, i) &&
		exact(state, &state->around[to]) < exact(state, &state->leaf))
		return to;
	return -1;
}

/* The score of a leaf for the second entry of the point at hand. */
static float
exact_second(const AnnoyRelocation *state, const Leaf *first, const Leaf *second)
{
	return AnnoySecondScore(exact(state, first), exact(state, second),
							annoy_kernels->l2(first->target.x, second->target.x,
											  state->index->space_dim));
}

/*
 * The number of a leaf that was found, among those around or behind them; -1 if it is
 * none that could get an entry, or there is no place for it.
 */
static int
leaf_number(AnnoyRelocation *state, BlockNumber block)
{
	int			n = state->n_around + state->n_found;
	Leaf	   *leaf = &state->around[n];

	for (int j = 0; j < n; j++)
	{
		if (state->around[j].block == block)
			return has_room(&state->around[j]) ? j : -1;
	}
	if (state->n_found == LEAVES_FOUND ||
		!read_leaf(state, leaf, AnnoyPageGetNode(state->leaf.copy.data)->tree, block) ||
		!has_room(leaf))
		return -1;
	state->n_found++;
	return n;
}

/*
 * Where a second entry is to go, or -1, if the first one is in none of the leaves around:
 * search for the leaves near its point, as an insertion does.
 */
static int
search_second(AnnoyRelocation *state, int i)
{
	const AnnoyIndex *index = state->index;
	int			dim = index->space_dim;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);
	AnnoyPointer pointer = AnnoyNodePointer(index, AnnoyPageGetNode(state->leaf.copy.data), i);
	const AnnoyCandidate *found;
	int			n;
	int			first = -1;
	float		distance;
	float		best;
	int			to = -1;

	if (!read_point(state, i))
		return -1;
	memcpy(state->target.x, state->point, sizeof(float) * dim);
	AnnoyTargetSet(&state->target);
	AnnoyPlace(state->rel, &state->target,
			   AnnoyRootBlock(AnnoyPageGetNode(state->leaf.copy.data)->tree), FOUND_BEAM,
			   1 + ANNOY_SECOND_CANDIDATES, read_node, state, &state->leaves);
	found = state->leaves.candidates;
	n = state->leaves.count;
	for (int j = 0; j < n && first < 0; j++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&found[j].pointer);

		if (block == state->leaf.block)
			continue;
		AnnoyCopyNode(state->rel, index, block, state->page.data);
		if (AnnoyLeafFindItem(index, node, &pointer) >= 0)
		{
			first = j;
			AnnoyNodeReadCentre(index, node, state->centres);
		}
	}
	if (first < 0)
		return -1;
	distance = annoy_kernels->l2(state->point, state->centres, dim);
	best = BETTER_SECOND *
		AnnoySecondScore(distance, exact(state, &state->leaf),
						 annoy_kernels->l2(state->centres, state->leaf.target.x, dim));
	for (int j = 0; j < n && found[j].score < best; j++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&found[j].pointer);
		float	   *centre = state->centres + dim;
		float		score;

		if (j == first || block == state->leaf.block)
			continue;
		AnnoyCopyNode(state->rel, index, block, state->page.data);
		if (node->count >= node->room || (node->flags & ANNOY_NODE_UNIFORM) != 0)
			continue;
		AnnoyNodeReadCentre(index, node, centre);
		score = AnnoySecondScore(distance, annoy_kernels->l2(state->point, centre, dim),
								 annoy_kernels->l2(state->centres, centre, dim));
		if (score < best)
		{
			best = score;
			to = j;
		}
	}
	return to < 0 ? -1 :
		leaf_number(state, ItemPointerGetBlockNumberNoCheck(&found[to].pointer));
}

/* Where a second entry is to go, or -1. */
static int
place_second(AnnoyRelocation *state, int i)
{
	int			dim = state->index->space_dim;
	int			first = state->other[i];
	const float *centre;
	float		distance;
	float		best;
	int			to = -1;

	if (first < 0)
		return search_second(state, i);
	centre = state->around[first].target.x;
	distance = state->distance[first][i];
	best = BETTER_SECOND *
		AnnoySecondScore(distance, state->own[i],
						 annoy_kernels->l2(centre, state->leaf.target.x, dim));
	for (int j = 0; j < state->n_around; j++)
	{
		float		score;

		/* the score is not less than the distance */
		if (j == first || state->distance[j][i] >= best || !has_room(&state->around[j]))
			continue;
		score = AnnoySecondScore(distance, state->distance[j][i],
								 annoy_kernels->l2(centre, state->around[j].target.x, dim));
		if (score < best)
		{
			best = score;
			to = j;
		}
	}
	if (to >= 0 && read_point(state, i) &&
		exact_second(state, &state->around[first], &state->around[to]) <
		BETTER_SECOND * exact_second(state, &state->around[first], &state->leaf))
		return to;
	return -1;
}

/*
 * Find which of the leaf's entries are to move, and where.
 */
static void
find_moves(AnnoyRelocation *state)
{
	const AnnoyIndex *index = state->index;
	AnnoyNode	node = AnnoyPageGetNode(state->leaf.copy.data);

	state->n_moves = 0;
	for (int i = 0; i < node->count; i++)
	{
		uint16		flags = AnnoyNodeEntryFlags(index, node, i);
		Move	   *move = &state->moves[state->n_moves];
		int			to;

		AnnoyVacuumDelay();
		to = (flags & ANNOY_ENTRY_SECOND) != 0 ? place_second(state, i) :
			place_first(state, i);
		if (to < 0)
			continue;
		state->n_moves++;
		move->to = to;
		move->flags = flags;
		move->swaps = state->other[i] == to;
		if (!move->swaps)
			AnnoyEncode(index, &index->leaf, state->point, state->around[to].target.x,
						&move->entry);
		move->entry.pointer = AnnoyNodePointer(index, node, i);
		move->entry.flags = flags;
		move->entry.signature = AnnoyNodeSignature(index, node, i);
	}
}

/*
 * The number of the entry of an item in a leaf, if it has these flags, or -1.
 */
static int
find_entry(const AnnoyIndex *index, AnnoyNode node, const AnnoyPointer *item, uint16 flags)
{
	int			i = AnnoyLeafFindItem(index, node, item);

	return i >= 0 && AnnoyNodeEntryFlags(index, node, i) == flags ? i : -1;
}

static void
set_flags(const AnnoyIndex *index, Page page, int i, uint16 flags)
{
	AnnoyEntry	entry;

	AnnoyNodeGet(index, AnnoyPageGetNode(page), i, &entry);
	entry.flags = flags;
	AnnoyNodePut(index, page, i, &entry);
}

/*
 * Make a move between two pages, if it still can be made.
 */
static bool
make_move(const AnnoyIndex *index, const Move *move, Page from, Page to)
{
	AnnoyNode	from_node = AnnoyPageGetNode(from);
	AnnoyNode	to_node = AnnoyPageGetNode(to);
	int			i = find_entry(index, from_node, &move->entry.pointer, move->flags);

	if (i < 0)
		return false;
	if (move->swaps)
	{
		uint16		other = move->flags ^ ANNOY_ENTRY_SECOND;
		int			j = find_entry(index, to_node, &move->entry.pointer, other);

		if (j < 0)
			return false;
		set_flags(index, from, i, other);
		set_flags(index, to, j, move->flags);
		return true;
	}
	/* a leaf without entries is VACUUM's to note */
	if (from_node->count == 1 || to_node->count >= to_node->room ||
		AnnoyLeafFindItem(index, to_node, &move->entry.pointer) >= 0)
		return false;
	AnnoyNodeAppend(index, to, &move->entry);
	AnnoyNodeRemove(index, from, i);
	return true;
}

/* Is a locked leaf still one with the centre, and the kind of codes, that it had? */
static bool
is_same(const AnnoyRelocation *state, Leaf *leaf, Buffer buffer)
{
	AnnoyNode	node = AnnoyPageGetNode(BufferGetPage(buffer));
	AnnoyNode	old = AnnoyPageGetNode(leaf->copy.data);

	AnnoyCheckNode(state->rel, state->index, buffer);
	return node->tree == old->tree && node->level == 0 && node->flags == old->flags &&
		node->centre_scale == old->centre_scale &&
		memcmp(AnnoyNodeCentre(node), AnnoyNodeCentre(old), state->index->centre_bytes) == 0;
}

/*
 * Make the moves to one of the leaves around.  The two are locked in the order of
 * blocks, then the metapage, by which the verifier learns that entries have moved.
 */
static void
make_moves(AnnoyRelocation *state, int to)
{
	Relation	rel = state->rel;
	Leaf	   *leaf = &state->leaf;
	Leaf	   *around = &state->around[to];
	Buffer		buffer = ReadBuffer(rel, leaf->block);
	Buffer		around_buffer = ReadBuffer(rel, around->block);

	LockBuffer(leaf->block < around->block ? buffer : around_buffer, BUFFER_LOCK_EXCLUSIVE);
	LockBuffer(leaf->block < around->block ? around_buffer : buffer, BUFFER_LOCK_EXCLUSIVE);
	if (is_same(state, leaf, buffer) && is_same(state, around, around_buffer))
	{
		GenericXLogState *xlog = GenericXLogStart(rel);
		Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);
		Page		around_page = GenericXLogRegisterBuffer(xlog, around_buffer, 0);
		int			made = 0;

		for (int i = 0; i < state->n_moves; i++)
			made += state->moves[i].to == to &&
				make_move(state->index, &state->moves[i], page, around_page);
		state->made += made;
		if (made > 0)
		{
			Buffer		meta_buffer = AnnoyLockMeta(rel, BUFFER_LOCK_EXCLUSIVE);

			AnnoyPageGetMeta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0))->moves++;
			GenericXLogFinish(xlog);
			UnlockReleaseBuffer(meta_buffer);
		}
		else
			GenericXLogAbort(xlog);
	}
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(around_buffer);
}

/*
 * In an index for inner product, note the leaf's spread, as it is now.
 */
static void
note_spread(AnnoyRelocation *state, int tree, const AnnoyPointer *pointer, const AnnoyPath *path)
{
	Leaf	   *leaf = &state->leaf;
	double		fourth_powers = 0;
	double		spread;
	int			count;

	if (!read_leaf(state, leaf, tree, leaf->block))
		return;
	count = AnnoyPageGetNode(leaf->copy.data)->count;
	if (count == 0)
		return;
	/* from its own centre, estimates are what they should be */
	estimate(state, leaf, state->own);
	for (int i = 0; i < count; i++)
	{
		if (isfinite(state->own[i]))
			fourth_powers += (double) state->own[i] * state->own[i];
	}
	spread = AnnoyLeafSpread(fourth_powers, count);
	/* few points tell less than those that are gone */
	AnnoySetSpread(state->rel, state->index, tree, leaf->block, spread,
				   count >= ANNOY_BLOCK_ENTRIES ? pointer : NULL, path);
}

/*
 * Relocate the entries of a leaf, if it is one, to which that pointer was in its parent,
 * which the path has.  Returns their number.  The caller holds no locks.
 */
int
AnnoyRelocate(AnnoyRelocation *state, int tree, const AnnoyPointer *pointer,
			  const AnnoyPath *path)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(pointer);
	Relation	rel = state->rel;
	const AnnoyIndex *index = state->index;
	MemoryContext old_context;
	AnnoyVectorSource *source;
	int			count;

	/* no root has a parent, but a damaged pointer may lead there */
	if (block < AnnoyRootBlock(index->n_trees))
		return 0;
	if (!read_leaf(state, &state->leaf, tree, block))
		return AnnoyPageGetNode(state->leaf.copy.data)->count;
	old_context = MemoryContextSwitchTo(state->context);
	if (AnnoyMoveCentre(rel, index, block, state->leaf.copy.data, CENTRE_MOVED, path) &&
		!read_leaf(state, &state->leaf, tree, block))
	{
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(state->context);
		return AnnoyPageGetNode(state->leaf.copy.data)->count;
	}
	MemoryContextSwitchTo(old_context);
	count = AnnoyPageGetNode(state->leaf.copy.data)->count;
	look_around(state);
	MemoryContextSwitchTo(state->context);
	source = AnnoySourceOpen(rel, index, NULL);
	AnnoyItemReaderInit(&state->reader, rel, index, source, NULL);
	find_moves(state);
	AnnoyItemReaderEnd(&state->reader);
	AnnoySourceClose(source);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->context);
	for (int i = 0; i < state->n_moves; i++)
	{
		int			to = state->moves[i].to;
		bool		made = false;

		for (int j = 0; j < i && !made; j++)
			made = state->moves[j].to == to;
		if (!made)
			make_moves(state, to);
	}
	if (index->metric == ANNOY_IP)
		note_spread(state, tree, pointer, path);
	return count;
}

/*
 * How many entries have moved so far.
 */
double
AnnoyRelocated(const AnnoyRelocation *state)
{
	return state->made;
}
