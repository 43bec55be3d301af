/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  annoy_index_check(): the trees.
 *
 * A tree is walked over from the root down, and each level from its leftmost
 * node along the right links.  What a node says of its children or items is
 * compared with those.  Which items have entries is learnt together with the
 * parents of leaves, as splits move entries between leaves with the same parent.
 * See check.c for why that is right while others change the trees.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/check/tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bits.h"
#include "check/check.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"

/* A tree is checked so many times more while VACUUM moves its entries. */
#define TREE_TRIES		5

/* An entry of a leaf. */
typedef struct LeafEntry
{
	AnnoyPointer pointer;
	uint16		flags;
	uint16		number;			/* in the leaf, from 0 */
	BlockNumber leaf;
} LeafEntry;

/* State of the walk over one tree. */
typedef struct TreeCheck
{
	AnnoyCheck *check;
	int			tree;
	BlockNumber block;			/* the node being checked */
	PGAlignedBlock page;		/* a copy of it */
	PGAlignedBlock child;		/* a copy of one of its children */
	LeafEntry  *entries;		/* of its leaves, if they are its children */
	int			nentries;
	uint32		leaf_moves[ANNOY_MAX_ENTRIES];	/* of these leaves */
	AnnoyVectorSource *source;	/* of vectors, if they are in the table */
	AnnoyItemReader reader;
	uint32		moves;			/* the metapage's when the tree was begun */
	bool		moved;			/* it is another number now, and that matters */
	float	   *centre;			/* of the node */
	float	   *point;			/* that an entry stands for */
} TreeCheck;

/*
 * Check which entries of items a leaf has: none of an item twice, and with flags that
 * can be.
 */
static void
check_items(const AnnoyCheck *check, BlockNumber block, AnnoyNode node)
{
	const AnnoyIndex *index = check->index;

	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(index, node, i);
		uint16		flags = AnnoyNodeEntryFlags(index, node, i);

		if (flags == ANNOY_ENTRY_SECOND || (flags != 0 && index->n_entries == 1))
			AnnoyReport(check, block, i + 1, "The entry for (%u,%u) has the flags %04X.",
						ItemPointerGetBlockNumberNoCheck(&pointer),
						ItemPointerGetOffsetNumberNoCheck(&pointer), flags);
		for (int j = 0; j < i; j++)
		{
			AnnoyPointer other = AnnoyNodePointer(index, node, j);

			if (AnnoyPointersEqual(&pointer, &other))
				AnnoyReport(check, block, i + 1,
							"The leaf has another entry for item (%u,%u).",
							ItemPointerGetBlockNumberNoCheck(&pointer),
							ItemPointerGetOffsetNumberNoCheck(&pointer));
		}
	}
}

/*
 * Check what can be said of a node's page alone.  If the search space was decided
 * since we began, learn what it is.
 */
void
AnnoyCheckNodePage(AnnoyCheck *check, BlockNumber block, Page page)
{
	const AnnoyIndex *index;
	AnnoyNode	node = AnnoyPageGetNode(page);
	const AnnoyCodec *codec;
	AnnoyEntry	entry;
	int			used;

	if (!AnnoyNodeIsKnown(check->index, node))
		check->index = AnnoyOpen(check->rel);
	index = check->index;
	if (!AnnoyNodeIsKnown(index, node))
		AnnoyReport(check, block, 0, "The node has codes, but the metapage knows no mean.");
	if (!AnnoyNodeIsCurrent(index, node))
		AnnoyReport(check, block, 0, "The node is of generation %u, but the trees are of %u.",
					node->generation, index->generation);
	if (node->tree >= index->n_trees)
		AnnoyReport(check, block, 0, "The node belongs to tree %u, but there are %d trees.",
					node->tree, index->n_trees);
	if (node->level >= ANNOY_MAX_LEVEL)
		AnnoyReport(check, block, 0, "The node is on level %u.", node->level);
	codec = AnnoyNodeCodec(index, node);
	if (node->count > codec->capacity || (node->level > 0 && node->count == 0))
		AnnoyReport(check, block, 0, "The node on level %u has %u entries, of at most %d.",
					node->level, node->count, codec->capacity);
	if ((node->flags & ~(ANNOY_NODE_UNIFORM | ANNOY_NODE_NEAR | ANNOY_NODE_PLAIN |
						 ANNOY_NODE_EMPTY_CHILD)) != 0 ||
		(node->level > 0 && (node->flags & ANNOY_NODE_UNIFORM) != 0) ||
		(node->level != 1 && (node->flags & ANNOY_NODE_EMPTY_CHILD) != 0) ||
		((node->flags & ANNOY_NODE_PLAIN) != 0 &&
		 (node->flags != ANNOY_NODE_PLAIN || node->level > 0 ||
		  block != AnnoyRootBlock(node->tree) || node->centre_scale != 0)))
		AnnoyReport(check, block, 0, "The node on level %u has the flags %02X.",
					node->level, node->flags);
	if (node->room < ANNOY_MIN_ROOM || node->room > codec->capacity)
		AnnoyReport(check, block, 0, "The node on level %u has room for %u entries, of at most %d.",
					node->level, node->room, codec->capacity);
	if (!AnnoyCentreIsSound(node))
		AnnoyReport(check, block, 0, "The node's centre has the scale %g and the squared norm %g.",
					node->centre_scale, node->centre_norm2);
	AnnoyCheckEnd(check, block, page, AnnoyNodeEnd(index, page), true);

	used = TYPEALIGN(ANNOY_BLOCK_ENTRIES, node->count);
	for (int i = node->count; i < used; i++)
	{
		static const AnnoyEntry zero;

		AnnoyNodeGet(index, node, i, &entry);
		if (memcmp(&entry, &zero, offsetof(AnnoyEntry, code) + codec->bytes) != 0)
			AnnoyReport(check, block, i + 1, "The node has %u entries, but the next is in use.",
						node->count);
	}
	if (node->level == 0)
		check_items(check, block, node);
	if ((node->flags & ANNOY_NODE_UNIFORM) != 0)
	{
		for (int i = 1; i < node->count; i++)
		{
			if (!AnnoyNodeSameCode(index, node, 0, i))
				AnnoyReport(check, block, i + 1,
							"The codes of a leaf of identical vectors differ.");
		}
	}
}

/*
 * Something is wrong with the copied node, unless the node has changed since it
 * was copied: then this returns false.
 */
#define NODE_FAULT(state, offset, ...) \
	(node_changed(state) ? false : \
	 (AnnoyReport((state)->check, (state)->block, offset, __VA_ARGS__), false))

/*
 * Look at a node's header once more.  Returns false if the page is new again.
 */
static bool
read_header(const TreeCheck *state, BlockNumber block, AnnoyNodeData *header)
{
	Buffer		buffer = ReadBuffer(state->check->rel, block);
	Page		page = BufferGetPage(buffer);
	bool		in_use;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	in_use = !PageIsNew(page);
	*header = *AnnoyPageGetNode(page);
	UnlockReleaseBuffer(buffer);
	return in_use;
}

static bool
node_changed(TreeCheck *state)
{
	AnnoyNodeData now;

	return !read_header(state, state->block, &now) ||
		now.changes != AnnoyPageGetNode(state->page.data)->changes;
}

/*
 * Has one of the leaves below the copied node exchanged entries with another one since
 * its entries were collected?
 */
static bool
leaves_have_moved(TreeCheck *state)
{
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);

	for (int i = 0; i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(state->check->index, node, i);
		AnnoyNodeData now;

		if (!read_header(state, ItemPointerGetBlockNumberNoCheck(&pointer), &now) ||
			AnnoyLeafMoves(&now) != state->leaf_moves[i])
			return true;
	}
	return false;
}

/*
 * Is there a page with that number?  The index may have grown since we began.
 */
static bool
block_exists(const AnnoyCheck *check, BlockNumber block)
{
	return block < check->nblocks ||
		(block != InvalidBlockNumber && block < RelationGetNumberOfBlocks(check->rel));
}

/*
 * Does an entry of a leaf point to a slot of an item group?
 */
static bool
is_slot(const AnnoyCheck *check, const AnnoyPointer *pointer)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(pointer);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(pointer);
	PGAlignedBlock page;

	if (offset < FirstOffsetNumber || offset > check->index->group_slots)
		return false;
	if (AnnoyBitsTest(&check->groups, block))
		return true;
	return block_exists(check, block) &&
		AnnoyCheckReadPage(check, block, page.data) &&
		AnnoyPageGetTag(page.data)->kind == ANNOY_PAGE_ITEM;
}

/*
 * Check that an entry of the node is what encoding a point gives.
 */
static bool
check_code(TreeCheck *state, int i, const AnnoyEntry *entry)
{
	const AnnoyIndex *index = state->check->index;
	const AnnoyCodec *codec = AnnoyNodeCodec(index, AnnoyPageGetNode(state->page.data));
	AnnoyEntry	expected;
	float		offset;

	if ((AnnoyPageGetNode(state->page.data)->flags & ANNOY_NODE_PLAIN) != 0)
		memset(&expected, 0, sizeof(expected));
	else
		AnnoyEncode(index, codec, state->point, state->centre, &expected);
	if (memcmp(entry->code, expected.code, codec->bytes) != 0)
		return NODE_FAULT(state, i + 1, "The entry for (%u,%u) has a wrong code.",
						  ItemPointerGetBlockNumberNoCheck(&entry->pointer),
						  ItemPointerGetOffsetNumberNoCheck(&entry->pointer));
	offset = AnnoyNodeOffset(AnnoyPageGetNode(state->page.data), &expected);
	if (memcmp(&entry->offset, &offset, sizeof(float)) != 0 ||
		memcmp(&entry->slope, &expected.slope, sizeof(float)) != 0 ||
		entry->error != expected.error)
		return NODE_FAULT(state, i + 1,
						  "The entry for (%u,%u) has the factors %g, %g, %g instead of %g, %g, %g.",
						  ItemPointerGetBlockNumberNoCheck(&entry->pointer),
						  ItemPointerGetOffsetNumberNoCheck(&entry->pointer),
						  entry->offset, entry->slope, AnnoyErrorToFloat(entry->error),
						  offset, expected.slope, AnnoyErrorToFloat(expected.error));
	return true;
}

/*
 * Check that the signature of an entry of the leaf is that of its item's attributes.
 * That there are any is AnnoyCheckAttributes' to say.
 */
static bool
check_signature(TreeCheck *state, int i, const AnnoyEntry *entry)
{
	AnnoySigner *signer = state->check->signer;
	AnnoySignature signature;

	if (signer == NULL ||
		!AnnoySignItem(signer, &entry->pointer, false, &signature))
		return true;
	for (int j = 0; j < signer->n; j++)
	{
		if (entry->signature.bytes[j] != signature.bytes[j])
			return NODE_FAULT(state, i + 1,
							  "The entry for (%u,%u) has the signature %02X for column %d instead of %02X.",
							  ItemPointerGetBlockNumberNoCheck(&entry->pointer),
							  ItemPointerGetOffsetNumberNoCheck(&entry->pointer),
							  entry->signature.bytes[j], signer->signings[j].attribute + 1,
							  signature.bytes[j]);
	}
	return true;
}

/*
 * Check an entry of a leaf against its item.  Returns false if the leaf has
 * changed.  If vectors are in the table, and the item's row is gone, there is nothing
 * to compare the code with.
 */
static bool
check_leaf_entry(TreeCheck *state, int i)
{
	const AnnoyIndex *index = state->check->index;
	AnnoyEntry	entry;
	BlockNumber block;
	OffsetNumber offset;
	AnnoyItem	item;
	bool		has_vector;

	AnnoyNodeGet(index, AnnoyPageGetNode(state->page.data), i, &entry);
	block = ItemPointerGetBlockNumberNoCheck(&entry.pointer);
	offset = ItemPointerGetOffsetNumberNoCheck(&entry.pointer);
	if (!is_slot(state->check, &entry.pointer))
		return NODE_FAULT(state, i + 1, "The entry points to (%u,%u), which is not a slot.",
						  block, offset);

	AnnoyItemFetch(&state->reader, AnnoyItemPin(&state->reader, &entry.pointer),
				   &entry.pointer, &item);
	has_vector = item.vector.data != NULL;
	if (has_vector)
	{
		AnnoyCheckVector(state->check->rel, &entry.pointer, &item.vector);
		AnnoyMapItem(index, &item.vector, state->point);
	}
	AnnoyItemRelease(&state->reader);
	if (!has_vector)
		return AnnoySlotState(&item) != ANNOY_SLOT_FREE ? true :
			NODE_FAULT(state, i + 1, "The entry points to slot (%u,%u), which is free.",
					   block, offset);
	return check_code(state, i, &entry) && check_signature(state, i, &entry);
}

/*
 * Remember the entries of a leaf: of the root, or of a child of the node.
 */
static void
collect_entries(TreeCheck *state, BlockNumber leaf, Page page)
{
	const AnnoyIndex *index = state->check->index;
	AnnoyNode	node = AnnoyPageGetNode(page);

	for (int i = 0; i < node->count; i++)
	{
		LeafEntry  *entry = &state->entries[state->nentries++];

		entry->pointer = AnnoyNodePointer(index, node, i);
		entry->flags = AnnoyNodeEntryFlags(index, node, i);
		entry->number = i;
		entry->leaf = leaf;
	}
}

/*
 * Check an entry of an inner node against the child.  Returns false if the
 * node has changed.
 */
static bool
check_inner_entry(TreeCheck *state, int i)
{
	AnnoyCheck *check = state->check;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);
	AnnoyNode	child = AnnoyPageGetNode(state->child.data);
	AnnoyEntry	entry;
	BlockNumber block;

	AnnoyNodeGet(check->index, node, i, &entry);
	block = ItemPointerGetBlockNumberNoCheck(&entry.pointer);
	if (!AnnoySpreadIsSound(check->index, ItemPointerGetOffsetNumberNoCheck(&entry.pointer)) ||
		block < AnnoyRootBlock(check->index->n_trees) ||
		!block_exists(check, block) ||
		!AnnoyCheckReadPage(check, block, state->child.data) ||
		AnnoyPageGetTag(state->child.data)->kind != ANNOY_PAGE_NODE)
		return NODE_FAULT(state, i + 1, "The entry points to (%u,%u), which is not a tree node.",
						  block, ItemPointerGetOffsetNumberNoCheck(&entry.pointer));
	if (child->tree != node->tree || child->level + 1 != node->level)
		return NODE_FAULT(state, i + 1,
						  "A node on level %u of tree %u points to block %u, which is on level %u of tree %u.",
						  node->level, node->tree, block, child->level, child->tree);
	if (child->nsn > node->child_nsn)
		return NODE_FAULT(state, i + 1,
						  "Block %u, a child, has the split sequence number %u, but the node says they end at %u.",
						  block, child->nsn, node->child_nsn);
	AnnoyNodeReadCentre(check->index, child, state->point);
	if (!check_code(state, i, &entry))
		return false;
	if (child->level == 0)
	{
		AnnoyCheckNodePage(check, block, state->child.data);
		state->leaf_moves[i] = AnnoyLeafMoves(child);
		collect_entries(state, block, state->child.data);
	}
	return true;
}

/*
 * Has VACUUM moved entries to leaves with other parents since we have begun with the
 * tree?  Then it cannot be told which entries an item has.
 */
static bool
entries_moved(TreeCheck *state)
{
	AnnoyMetaPageData meta;

	AnnoyReadMeta(state->check->rel, &meta);
	state->moved = state->moved || meta.moves != state->moves;
	return state->moved;
}

/*
 * Note that an item has an entry in a leaf, and check that it has no other of that
 * kind, first or second, in the tree.
 */
static void
add_leaf_entry(TreeCheck *state, LeafEntry *entry)
{
	AnnoyCheck *check = state->check;
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(&entry->pointer);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&entry->pointer);
	bool		second = (entry->flags & ANNOY_ENTRY_SECOND) != 0;
	uint64		number;
	AnnoyItem	item;

	/* items do not move, so nobody can have changed that meanwhile */
	if (!is_slot(check, &entry->pointer))
		AnnoyReport(check, entry->leaf, entry->number + 1,
					"The entry points to (%u,%u), which is not a slot.", block, offset);
	number = AnnoyCheckItemNumber(check, block, offset);
	if (entry->flags == ANNOY_ENTRY_PAIRED)
		(void) AnnoyBitsAdd(&check->paired, number);
	if (AnnoyBitsAdd(second ? &check->seconds : &check->entries, number))
		return;

	/* the slot may have belonged to another item when it was seen first */
	AnnoyItemFetch(&state->reader, AnnoyItemPin(&state->reader, &entry->pointer),
				   &entry->pointer, &item);
	AnnoyItemRelease(&state->reader);
	if ((item.state & ANNOY_SLOT_STATE_MASK) == ANNOY_SLOT_LIVE &&
		AnnoyCheckRowVisible(check, &item.tid) && !entries_moved(state))
		AnnoyReport(check, entry->leaf, entry->number + 1,
					"There is another %s entry in tree %d for item (%u,%u).",
					second ? "second" : "first", state->tree, block, offset);
}

/*
 * Remember what a checked node, and leaves below it, point to, and check that
 * nothing else in the tree does.
 */
static void
add_entries(TreeCheck *state)
{
	AnnoyCheck *check = state->check;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);

	for (int i = 0; node->level > 0 && i < node->count; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(check->index, node, i);
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&pointer);

		if (!AnnoyBitsAdd(&check->children, block))
			AnnoyReport(check, state->block, i + 1,
						"The entry is the second one that points to block %u.", block);
	}
	for (int i = 0; i < state->nentries; i++)
		add_leaf_entry(state, &state->entries[i]);
}

/*
 * Copy a node, and check it and its entries; again, if it changes meanwhile.
 * What was collected from leaves below it counts only if the node is unchanged
 * after that, and they have made no moves: then no entry has gone from one to the
 * other.
 */
static void
check_node(TreeCheck *state, BlockNumber block)
{
	AnnoyCheck *check = state->check;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);
	float		norm2;
	bool		done = false;

	state->block = block;
	while (!done)
	{
		if (!AnnoyCheckReadPage(check, block, state->page.data) ||
			AnnoyPageGetTag(state->page.data)->kind != ANNOY_PAGE_NODE)
			AnnoyReport(check, block, 0, "The page is not a tree node.");
		AnnoyCheckNodePage(check, block, state->page.data);
		AnnoyNodeReadCentre(check->index, node, state->centre);
		norm2 = annoy_kernels->dot(state->centre, state->centre, check->index->space_dim);
		if (memcmp(&norm2, &node->centre_norm2, sizeof(float)) != 0)
			AnnoyReport(check, block, 0, "The node's centre has the squared norm %g instead of %g.",
						node->centre_norm2, norm2);
		state->nentries = 0;
		done = true;
		for (int i = 0; i < node->count && done; i++)
			done = node->level > 0 ? check_inner_entry(state, i) : check_leaf_entry(state, i);
		if (done && node->level == 1)
			done = !node_changed(state) && !leaves_have_moved(state);
		if (done && node->level == 0 && block == AnnoyRootBlock(state->tree))
			collect_entries(state, block, state->page.data);
	}
}

/*
 * Check the root, and whether the metapage has the right levels.  Returns
 * false if the root has changed meanwhile.
 */
static bool
check_root(TreeCheck *state)
{
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);
	BlockNumber root = AnnoyRootBlock(state->tree);

	check_node(state, root);
	if (node->tree != state->tree || node->right != InvalidBlockNumber || node->nsn != 0)
		return NODE_FAULT(state, 0,
						  "The root of tree %d belongs to tree %u, has the right sibling %u and the split sequence number %u.",
						  state->tree, node->tree, node->right, node->nsn);
	for (int level = node->level; level < ANNOY_MAX_LEVEL; level++)
	{
		BlockNumber expected = level == node->level ? root : InvalidBlockNumber;
		BlockNumber leftmost = AnnoyLeftmostNode(state->check->rel, state->tree, level);

		if (leftmost != expected)
			return NODE_FAULT(state, 0,
							  "The metapage has block %u as leftmost node on level %d of tree %d, which has its root on level %u.",
							  leftmost, level, state->tree, node->level);
	}
	add_entries(state);
	return true;
}

/*
 * Walk over one level of a tree below the root.  (AnnoyWalkNext would not say which
 * link it is that leads astray.)
 */
static void
check_level(TreeCheck *state, int level)
{
	AnnoyCheck *check = state->check;
	AnnoyNode	node = AnnoyPageGetNode(state->page.data);
	BlockNumber from = ANNOY_METAPAGE_BLKNO;
	BlockNumber block = AnnoyLeftmostNode(check->rel, state->tree, level);

	do
	{
		if (block < AnnoyRootBlock(check->index->n_trees) || !block_exists(check, block))
			AnnoyReport(check, from, 0, "The link to block %u on level %d of tree %d leads nowhere.",
						block, level, state->tree);
		if (!AnnoyBitsAdd(&check->linked, block))
			AnnoyReport(check, from, 0,
						"The link to block %u on level %d of tree %d is the second one to that block.",
						block, level, state->tree);
		check_node(state, block);
		if (node->tree != state->tree || node->level != level)
			AnnoyReport(check, block, 0,
						"The node is on level %u of tree %u, but linked from block %u on level %d of tree %d.",
						node->level, node->tree, from, level, state->tree);
		add_entries(state);
		from = block;
		block = node->right;
	} while (block != InvalidBlockNumber);
}

/*
 * Check that the nodes that were there before have been met in the walk over
 * their tree.
 */
static void
check_nodes(const TreeCheck *state)
{
	const AnnoyCheck *check = state->check;

	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		if (!AnnoyBitsTest(&check->nodes[state->tree], block))
			continue;
		if (!AnnoyBitsTest(&check->linked, block))
			AnnoyReport(check, block, 0, "The node is not linked to the others of its level.");
		if (!AnnoyBitsTest(&check->children, block))
			AnnoyReport(check, block, 0, "The node has no entry on the level above.");
	}
}

/*
 * What is wrong with the entries that an item was found to have in the tree that we
 * have just walked over?  Returns NULL if nothing is.
 */
static const char *
entries_fault(const AnnoyCheck *check, uint64 number)
{
	bool		second = AnnoyBitsTest(&check->seconds, number);

	if (!AnnoyBitsTest(&check->entries, number))
		return second ? "a second entry, but no first one," : "no entry";
	if (AnnoyBitsTest(&check->paired, number))
		return second ? NULL : "no second entry, which the first one tells of,";
	return second ? "a second entry, which the first one does not tell of," : NULL;
}

/*
 * Check that the items that were there before have their entries in the tree that we
 * have just walked over.
 */
static void
check_entries(TreeCheck *state)
{
	const AnnoyCheck *check = state->check;

	for (BlockNumber block = 0; block < check->nblocks; block++)
	{
		if (!AnnoyBitsTest(&check->groups, block))
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int offset = FirstOffsetNumber; offset <= check->index->group_slots; offset++)
		{
			uint64		number = AnnoyCheckItemNumber(check, block, offset);
			const char *fault;
			AnnoyPointer pointer;
			AnnoyItem	item;

			if (!AnnoyBitsTest(&check->items, number))
				continue;
			fault = entries_fault(check, number);
			if (fault == NULL)
				continue;
			ItemPointerSet(&pointer, block, offset);
			AnnoyItemFetch(&state->reader, AnnoyItemPin(&state->reader, &pointer),
						   &pointer, &item);
			AnnoyItemRelease(&state->reader);
			if ((item.state & ANNOY_SLOT_STATE_MASK) == ANNOY_SLOT_LIVE &&
				AnnoyCheckRowVisible(check, &item.tid) && !entries_moved(state))
				AnnoyReport(check, block, offset, "The item has %s in tree %d.",
							fault, state->tree);
		}
	}
}

/*
 * Check the tree that the state is for.
 */
static void
check_tree(TreeCheck *state)
{
	AnnoyCheck *check = state->check;
	AnnoyMetaPageData meta;

	AnnoyReadMeta(check->rel, &meta);
	state->moves = meta.moves;
	state->moved = false;
	AnnoyBitsFree(&check->entries);
	AnnoyBitsFree(&check->paired);
	AnnoyBitsFree(&check->seconds);
	while (!check_root(state))
		CHECK_FOR_INTERRUPTS();
	for (int level = AnnoyPageGetNode(state->page.data)->level - 1; level >= 0; level--)
		check_level(state, level);
	check_nodes(state);
	check_entries(state);
}

static AnnoyBits
copy_bits(const AnnoyBits *bits)
{
	AnnoyBits	copy = *bits;

	if (bits->size > 0)
	{
		copy.bytes = MemoryContextAllocHuge(CurrentMemoryContext, bits->size);
		memcpy(copy.bytes, bits->bytes, bits->size);
	}
	return copy;
}

/*
 * Check a tree; once more, if VACUUM has moved entries meanwhile, but not for ever.
 */
static void
try_tree(TreeCheck *state)
{
	AnnoyCheck *check = state->check;
	AnnoyBits	linked = copy_bits(&check->linked);
	AnnoyBits	children = copy_bits(&check->children);

	check_tree(state);
	for (int i = 0; i < TREE_TRIES && state->moved; i++)
	{
		AnnoyBitsFree(&check->linked);
		AnnoyBitsFree(&check->children);
		check->linked = copy_bits(&linked);
		check->children = copy_bits(&children);
		check_tree(state);
	}
	AnnoyBitsFree(&linked);
	AnnoyBitsFree(&children);
	if (state->moved)
		ereport(NOTICE,
				(errmsg("VACUUM is moving entries of tree %d of index \"%s\"",
						state->tree, RelationGetRelationName(check->rel)),
				 errdetail("It cannot be told whether each item has its entries.")));
}

/*
 * Check all trees of an index that has dimensions.
 */
void
AnnoyCheckTrees(AnnoyCheck *check)
{
	const AnnoyIndex *index = check->index;
	TreeCheck  *state = palloc(sizeof(TreeCheck));

	state->check = check;
	state->centre = palloc(sizeof(float) * index->space_dim);
	state->point = palloc(sizeof(float) * index->space_dim);
	state->entries = palloc(sizeof(LeafEntry) * index->inner.capacity * index->leaf.capacity);
	state->source = AnnoySourceOpen(check->rel, index, NULL);
	AnnoyItemReaderInit(&state->reader, check->rel, index, state->source, NULL);
	for (state->tree = 0; state->tree < index->n_trees; state->tree++)
		try_tree(state);
	AnnoyItemReaderEnd(&state->reader);
	AnnoySourceClose(state->source);
	pfree(state->entries);
	pfree(state->centre);
	pfree(state->point);
	pfree(state);
}
