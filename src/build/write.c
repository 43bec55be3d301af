/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Writing a tree being made, from sorted entries.
 *
 * Entries come leaf by leaf.  Those that fit a page make one.  Of a leaf with
 * more, only the pointers are kept: the items are read again and divided by
 * 2-means into leaves that fit.  Of a leaf with more than fit into memory, the
 * pointers go to a temporary file; a sample of the items decides how to divide
 * them into several files, each of which is then treated like that.  Copies of
 * one vector make leaves of their own as they are read.
 *
 * The two entries of an item come with different leaves of the skeleton, and so they
 * are never on one page, however these are divided.  Copies of one vector that get
 * uniform leaves have one entry each.  They are all in the same two leaves of the
 * skeleton.  What becomes of them is decided where the first of the two is written,
 * and remembered for the other one: a leaf may get copies in which these are mixed
 * with other items.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "annoy.h"
#include "build/state.h"
#include "simd/simd.h"
#include "space/space.h"
#include "storage/storage.h"

/* Points divided in memory, at most: more would only be slow. */
#define MAX_POINTS			65536

/* Parts that a leaf too large for memory is divided into: about that many. */
#define FILE_PARTS			8

/* Points read again between two reports of progress. */
#define REPORT_POINTS		1000

/* After so many divisions by files, leaves are cut as the items come. */
#define MAX_FILE_DEPTH		24

/* An item of a leaf that is divided. */
typedef struct Member
{
	AnnoyPointer pointer;
	uint16		flags;			/* ANNOY_ENTRY_* */
} Member;

/* A tree being written. */
typedef struct Writer
{
	AnnoyBuild *build;
	AnnoySink	sink;
	AnnoyLevel	level;			/* of leaves */
	AnnoyRandom random;
	AnnoyVectorSource *source;	/* of vectors, if they are not stored */
	AnnoyItemReader reader;
	AnnoyTreeStats *stats;
	PGAlignedBlock page;		/* leaf being made */
	float	   *centre;			/* its centre */
	AnnoyBits	single;			/* numbers of items that lose an entry */

	/* the leaf that entries are read for */
	const float *leaf_centre;
	int64		count;
	AnnoyEntry *entries;		/* if they fit a page */
	Member	   *members;		/* if they fit into memory */
	BufFile    *file;			/* of members, if not */

	/* dividing it */
	int			max_points;
	float	   *points;
	AnnoyPointSet rows;			/* these */
	AnnoyPointer *pointers;
	int		   *order;
	AnnoyPieces pieces;
	int			n_read;			/* points, since progress was reported */
} Writer;

static void divide_file(Writer *writer, BufFile *file, int64 count, int depth);

/*
 * Write the page that was made.
 */
static void
add_leaf(Writer *writer, OffsetNumber spread)
{
	AnnoyPointer pointer = AnnoySinkAdd(&writer->sink, writer->page.data, spread);

	AnnoyLevelAdd(&writer->level, writer->build->index->space_dim, writer->centre,
				  &pointer);
	writer->stats->leaves++;
	writer->stats->entries += AnnoyPageGetNode(writer->page.data)->count;
}

/*
 * A member of a leaf becomes one of a uniform leaf, and loses an entry, unless that
 * has been decided otherwise.  Returns false if this is the entry that it loses.
 */
static bool
make_single(Writer *writer, Member *member)
{
	bool		is_second = (member->flags & ANNOY_ENTRY_SECOND) != 0;

	if ((member->flags & ANNOY_ENTRY_EARLIER) == 0)
		return true;
	(void) AnnoyBitsAdd(&writer->single, AnnoyItemNumber(writer->build, &member->pointer));
	member->flags = 0;
	return !is_second;
}

/*
 * Likewise for the entries of a uniform leaf that was made, if it was:
 * order[] has the numbers of its members.
 */
static void
make_page_single(Writer *writer, const int *order)
{
	const AnnoyIndex *index = writer->build->index;
	AnnoyNode	node = AnnoyPageGetNode(writer->page.data);

	if ((node->flags & ANNOY_NODE_UNIFORM) == 0)
		return;

	/* an entry that is removed is replaced by one that was looked at */
	for (int i = node->count - 1; i >= 0; i--)
	{
		Member	   *member = &writer->members[order[i]];
		AnnoyEntry	entry;

		if (!make_single(writer, member))
			AnnoyNodeRemove(index, writer->page.data, i);
		else
		{
			AnnoyNodeGet(index, node, i, &entry);
			entry.flags = member->flags & ANNOY_ENTRY_FLAGS;
			AnnoyNodePut(index, writer->page.data, i, &entry);
		}
	}
}

/*
 * Read the point of an item.  If vectors are in the table, and the item's row has gone
 * since it was assigned, nobody will look for it: it is in the middle of its leaf.
 */
static void
read_point(Writer *writer, const AnnoyPointer *pointer, float *point)
{
	const AnnoyIndex *index = writer->build->index;
	const float *sampled = AnnoySamplePoint(writer->build, pointer);
	AnnoyItem	item;

	CHECK_FOR_INTERRUPTS();
	if (sampled != NULL)
		memcpy(point, sampled, sizeof(float) * index->space_dim);
	else
	{
		AnnoyItemFetch(&writer->reader, AnnoyItemPin(&writer->reader, pointer), pointer,
					   &item);
		if (item.vector.data != NULL)
			AnnoyMapItem(index, &item.vector, point);
		else
			memcpy(point, writer->leaf_centre, sizeof(float) * index->space_dim);
		AnnoyItemRelease(&writer->reader);
	}
	if (++writer->n_read == REPORT_POINTS)
	{
		AnnoyBuildProgress(REPORT_POINTS, REPORT_POINTS, writer->build);
		writer->n_read = 0;
	}
}

/*
 * What an entry of a member points to, with its flags as a page has them.
 */
static AnnoyPointer
member_pointer(const Member *member)
{
	AnnoyPointer pointer = member->pointer;

	pointer.ip_posid |= member->flags & ANNOY_ENTRY_FLAGS;
	return pointer;
}

/*
 * Write leaves for the members in memory.
 */
static void
divide_points(Writer *writer, int count)
{
	const AnnoyIndex *index = writer->build->index;
	int			dim = index->space_dim;
	int			capacity = index->leaf.capacity;

	for (int i = 0; i < count; i++)
	{
		read_point(writer, &writer->members[i].pointer, writer->points + (Size) i * dim);
		writer->pointers[i] = member_pointer(&writer->members[i]);
		writer->order[i] = i;
	}
	AnnoyPartition(&writer->rows, writer->order, 0, count,
				   count <= capacity ? capacity : capacity * ANNOY_LEAF_FILL, false,
				   AnnoyRandomNext(&writer->random), &writer->pieces);
	for (int i = 0; i < writer->pieces.count; i++)
	{
		int			end = writer->pieces.start[i + 1];

		/* only vectors that are all the same make a piece too large */
		for (int start = writer->pieces.start[i]; start < end; start += capacity)
		{
			OffsetNumber spread = AnnoyFillNode(index, writer->page.data, writer->build->shared->tree.number, 0,
												writer->points, writer->order + start,
												Min(end - start, capacity), writer->pointers,
												writer->centre);

			make_page_single(writer, writer->order + start);
			if (AnnoyPageGetNode(writer->page.data)->count > 0)
				add_leaf(writer, spread);
		}
	}
}

/*
 * Write a leaf of copies of one vector, the members in memory.
 */
static void
write_copies(Writer *writer, const float *point, int count)
{
	const AnnoyIndex *index = writer->build->index;
	AnnoyEntry	entry = {0};

	if (count == 0)
		return;
	memcpy(writer->centre, point, sizeof(float) * index->space_dim);
	AnnoyNodeInit(writer->page.data, index, writer->build->shared->tree.number, 0, writer->centre);
	AnnoyEncode(index, &index->leaf, point, writer->centre, &entry);
	for (int i = 0; i < count; i++)
	{
		entry.pointer = writer->members[i].pointer;
		entry.flags = writer->members[i].flags & ANNOY_ENTRY_FLAGS;
		AnnoyNodeAppend(index, writer->page.data, &entry);
	}
	if (count > 1)
		AnnoyPageGetNode(writer->page.data)->flags |= ANNOY_NODE_UNIFORM;
	add_leaf(writer, AnnoySpreadOffset(index, 0));
}

/*
 * Write leaves for all points in a file that equal a given one, and put the
 * others into a new file.  Returns the number of these.
 */
static int64
divide_copies(Writer *writer, BufFile *file, int64 count, const float *copy,
			  BufFile *others)
{
	int			dim = writer->build->index->space_dim;
	int			capacity = writer->build->index->leaf.capacity;
	float	   *point = palloc(sizeof(float) * dim);
	int			n_copies = 0;
	int64		n_others = 0;

	AnnoyRewindFile(file);
	for (int64 i = 0; i < count; i++)
	{
		Member		member;

		AnnoyReadFile(file, &member, sizeof(member));
		read_point(writer, &member.pointer, point);
		if (memcmp(point, copy, sizeof(float) * dim) != 0)
		{
			AnnoyWriteFile(others, &member, sizeof(member));
			n_others++;
			continue;
		}
		if (make_single(writer, &member))
			writer->members[n_copies++] = member;
		if (n_copies == capacity)
		{
			write_copies(writer, copy, n_copies);
			n_copies = 0;
		}
	}
	write_copies(writer, copy, n_copies);
	pfree(point);
	return n_others;
}

/*
 * Distribute the points in a file to files, by the nearest of some centres.
 */
static void
distribute_points(Writer *writer, BufFile *file, int64 count,
				  const float *centres, int n, BufFile **parts, int64 *counts)
{
	int			dim = writer->build->index->space_dim;
	float	   *point = palloc(sizeof(float) * dim);

	AnnoyRewindFile(file);
	for (int64 i = 0; i < count; i++)
	{
		Member		member;
		int			best = 0;
		float		best_distance = 0;

		AnnoyReadFile(file, &member, sizeof(member));
		read_point(writer, &member.pointer, point);
		for (int j = 0; j < n; j++)
		{
			float		distance = annoy_kernels->l2(point, centres + (Size) j * dim, dim);

			if (j == 0 || distance < best_distance)
			{
				best = j;
				best_distance = distance;
			}
		}
		AnnoyWriteFile(parts[best], &member, sizeof(member));
		counts[best]++;
	}
	pfree(point);
}

/*
 * Read a sample of the points in a file into memory, evenly.
 */
static void
sample_file(Writer *writer, BufFile *file, int64 count, int n)
{
	int			taken = 0;

	AnnoyRewindFile(file);
	for (int64 i = 0; taken < n; i++)
	{
		Member		member;

		AnnoyReadFile(file, &member, sizeof(member));
		if (i < taken * count / n)
			continue;
		read_point(writer, &member.pointer,
				   writer->points + (Size) taken * writer->build->index->space_dim);
		writer->order[taken] = taken;
		taken++;
	}
}

/*
 * Distribute the points in a file, of which a sample has been divided, to files,
 * and write leaves for these; the file is closed then.  Returns false if all points
 * would be in one of them.
 */
static bool
divide_in_parts(Writer *writer, BufFile *file, int64 count, int depth)
{
	const AnnoyPieces *pieces = &writer->pieces;
	int			n_parts = pieces->count;
	int			dim = writer->build->index->space_dim;
	float	   *centres = palloc(sizeof(float) * dim * n_parts);
	BufFile   **parts = palloc(sizeof(BufFile *) * n_parts);
	int64	   *counts = palloc0(sizeof(int64) * n_parts);
	bool		divided = false;

	for (int i = 0; i < n_parts; i++)
	{
		AnnoyMean(writer->points, dim, writer->order + pieces->start[i],
				  pieces->start[i + 1] - pieces->start[i],
				  centres + (Size) i * dim);
		parts[i] = BufFileCreateTemp(false);
	}
	distribute_points(writer, file, count, centres, n_parts, parts, counts);
	pfree(centres);
	for (int i = 0; i < n_parts; i++)
		divided = divided || (counts[i] > 0 && counts[i] < count);
	if (divided)
		BufFileClose(file);
	for (int i = 0; i < n_parts; i++)
	{
		if (divided && counts[i] > 0)
			divide_file(writer, parts[i], counts[i], depth + 1);
		else
			BufFileClose(parts[i]);
	}
	pfree(parts);
	pfree(counts);
	return divided;
}

/*
 * Write leaves for the points whose members are in a file, which is closed.
 */
static void
divide_file(Writer *writer, BufFile *file, int64 count, int depth)
{
	int			dim = writer->build->index->space_dim;
	int			n = writer->max_points;

	if (count > n && depth < MAX_FILE_DEPTH)
	{
		sample_file(writer, file, count, n);
		AnnoyPartition(&writer->rows, writer->order, 0, n,
					   Max((double) n / FILE_PARTS, 1), false,
					   AnnoyRandomNext(&writer->random), &writer->pieces);
		if (writer->pieces.count == 1)
		{
			float	   *copy = palloc(sizeof(float) * dim);
			BufFile    *others = BufFileCreateTemp(false);

			memcpy(copy, writer->points, sizeof(float) * dim);
			count = divide_copies(writer, file, count, copy, others);
			pfree(copy);
			BufFileClose(file);
			divide_file(writer, others, count, depth + 1);
			return;
		}
		if (divide_in_parts(writer, file, count, depth))
			return;
	}

	/* few enough points, or there is no way to divide them */
	AnnoyRewindFile(file);
	for (int64 done = 0; done < count; done += n)
	{
		int			part = Min(count - done, n);

		AnnoyReadFile(file, writer->members, sizeof(Member) * part);
		divide_points(writer, part);
	}
	BufFileClose(file);
}

/*
 * Has an item lost its other entry, or is it to lose this one?
 */
static bool
is_decided(Writer *writer, const Member *member)
{
	return (member->flags & ANNOY_ENTRY_PAIRED) != 0 &&
		(member->flags & ANNOY_ENTRY_EARLIER) == 0 &&
		writer->single.bytes != NULL &&
		AnnoyBitsTest(&writer->single, AnnoyItemNumber(writer->build, &member->pointer));
}

/*
 * Add an entry to the leaf that is being read, unless the item has lost it.
 */
static void
add_entry(Writer *writer, const char *data)
{
	const AnnoyIndex *index = writer->build->index;
	AnnoyEntry	entry;
	Member		member;

	memcpy(&entry, data, offsetof(AnnoyEntry, code) + index->leaf.bytes);
	member.pointer = entry.pointer;
	member.flags = entry.flags;
	if (is_decided(writer, &member))
	{
		if ((member.flags & ANNOY_ENTRY_SECOND) != 0)
			return;
		member.flags = 0;
	}
	entry.flags = member.flags & ANNOY_ENTRY_FLAGS;
	if (writer->count < index->leaf.capacity)
		writer->entries[writer->count] = entry;
	if (writer->count == writer->max_points)
	{
		writer->file = BufFileCreateTemp(false);
		AnnoyWriteFile(writer->file, writer->members,
					   sizeof(Member) * writer->count);
	}
	if (writer->count < writer->max_points)
		writer->members[writer->count] = member;
	else
		AnnoyWriteFile(writer->file, &member, sizeof(member));
	writer->count++;
}

/*
 * Write the leaf whose entries have been read, or the leaves it is divided
 * into.
 */
static void
finish_leaf(Writer *writer, const float *centre)
{
	const AnnoyIndex *index = writer->build->index;
	double		offsets = 0;
	double		fourth = 0;

	/* all entries may have been second ones of copies */
	if (writer->count == 0)
		return;
	writer->leaf_centre = centre;
	if (writer->count <= index->leaf.capacity)
	{
		/* quantising what was quantised changes nothing */
		memcpy(writer->centre, centre, sizeof(float) * index->space_dim);
		AnnoyNodeInit(writer->page.data, index, writer->build->shared->tree.number, 0, writer->centre);
		for (int i = 0; i < writer->count; i++)
		{
			double		offset = writer->entries[i].offset;

			offsets += offset;
			fourth += offset * offset;
		}
		AnnoyNodeSetNear(AnnoyPageGetNode(writer->page.data),
						 offsets / Max(writer->count, 1));
		for (int i = 0; i < writer->count; i++)
			AnnoyNodeAppend(index, writer->page.data, &writer->entries[i]);
		add_leaf(writer, AnnoySpreadOffset(index, AnnoyLeafSpread(fourth, writer->count)));
	}
	else if (writer->file == NULL)
	{
		divide_points(writer, writer->count);
		writer->stats->divided++;
	}
	else
	{
		divide_file(writer, writer->file, writer->count, 0);
		writer->file = NULL;
		writer->stats->divided++;
	}
	AnnoyBuildAdvance(writer->build, writer->count, 0);
	writer->count = 0;
}

/*
 * Finish a tree whose leaves are all written but for the one that waits.
 */
static void
finish_tree(Writer *writer)
{
	AnnoySink  *sink = &writer->sink;
	double		leaves;

	if (writer->stats->leaves == 0)
	{
		/* nothing has an entry: an empty leaf, as VACUUM leaves behind */
		memset(writer->centre, 0, sizeof(float) * writer->build->index->space_dim);
		AnnoyNodeInit(writer->page.data, writer->build->index,
					  writer->build->shared->tree.number, 0, writer->centre);
		add_leaf(writer, AnnoySpreadOffset(writer->build->index, 0));
	}
	if (writer->stats->leaves > 1)
	{
		AnnoySinkFlush(sink, InvalidBlockNumber);
		leaves = sink->written;
		(void) AnnoyMakeInnerLevels(sink, &writer->level, &writer->random);
		writer->stats->inner = sink->written - leaves + 1;
	}
	else
	{
		/* a single leaf, still waiting: the root, then */
		Assert(sink->waiting);
		sink->waiting = false;
		(void) AnnoySinkAddRoot(sink, sink->page.data);
		AnnoyLevelFree(&writer->level);
	}
	for (int i = 0; i < ANNOY_MAX_LEVEL; i++)
	{
		if (sink->leftmost[i] != InvalidBlockNumber)
			writer->stats->height = i + 1;
	}
}

/*
 * Write the tree at work from the sorted entries.
 */
void
AnnoyWriteTree(AnnoyBuild *build, AnnoyEntries *entries, BlockNumber *leftmost,
			   AnnoyTreeStats *stats)
{
	const AnnoyIndex *index = build->index;
	int			dim = index->space_dim;
	const float *centres = AnnoyBuildAddress(build, build->shared->tree.centres);
	Writer	   *writer = palloc0(sizeof(Writer));
	double		room = AnnoyBuildBytes(ANNOY_LEAF_MEMORY) /
	(sizeof(float) * dim + sizeof(Member) + sizeof(AnnoyPointer) + 3 * sizeof(int));
	int			leaf = -1;
	int			next;
	const char *entry;

	writer->max_points = Min(Max(room, 2 * index->leaf.capacity), MAX_POINTS);
	writer->build = build;
	writer->stats = stats;
	writer->random = (index->seed + build->shared->tree.number) ^ 1;
	writer->entries = palloc(sizeof(AnnoyEntry) * index->leaf.capacity);
	writer->members = palloc(sizeof(Member) * writer->max_points);
	writer->pointers = palloc(sizeof(AnnoyPointer) * writer->max_points);
	writer->points = palloc_extended(sizeof(float) * dim * writer->max_points,
									 MCXT_ALLOC_HUGE);
	writer->rows = AnnoyDividedPoints(index, writer->points);
	writer->order = palloc(sizeof(int) * writer->max_points);
	writer->centre = palloc(sizeof(float) * dim);
	writer->level.max = AnnoyLevelMax(index);
	writer->pieces.progress = AnnoyBuildProgress;
	writer->pieces.progress_arg = build;
	writer->source = AnnoyBuildSource(build);
	AnnoyItemReaderInit(&writer->reader, build->rel, index, writer->source, NULL);
	writer->sink.build = build;
	memset(writer->sink.leftmost, 0xFF, sizeof(writer->sink.leftmost));
	writer->sink.end = RelationGetNumberOfBlocks(build->rel);

	while (AnnoyNextEntry(entries, &next, &entry))
	{
		CHECK_FOR_INTERRUPTS();
		if (leaf >= 0 && next != leaf)
			finish_leaf(writer, centres + (Size) leaf * dim);
		leaf = next;
		add_entry(writer, entry);
	}
	if (leaf >= 0)
		finish_leaf(writer, centres + (Size) leaf * dim);
	finish_tree(writer);
	memcpy(leftmost, writer->sink.leftmost, sizeof(writer->sink.leftmost));

	AnnoyItemReaderEnd(&writer->reader);
	AnnoySourceClose(writer->source);
}
