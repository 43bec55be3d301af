/*-------------------------------------------------------------------------
 *
 * vectors.c
 *	  The vectors of an index that does not store them, while it is built.
 *
 * A build reads every vector several times.  Where these are not stored with the items,
 * the load writes them to a temporary file, in the order of items; what is in the TOAST
 * table is read but once.  Besides, a build so sees the same vectors from its beginning
 * to its end, also of rows that are dead but that old snapshots may see.
 *
 * When trees are made anew for an index in use, there has been no load, and vectors
 * come from the table.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/vectors.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "commands/tablespace.h"
#include "storage/sharedfileset.h"
#include "utils/wait_event.h"

#include "annoy.h"
#include "build/state.h"
#include "relation/relation.h"

#define FILE_NAME		"vectors"

/* Bytes written at a time, and read, if vectors are read one after the other. */
#define BUFFER_BYTES	((Size) 64 * 1024)

/* The file as a source of vectors. */
typedef struct FileSource
{
	AnnoyVectorSource source;
	AnnoyBuild *build;
	File		file;
	const uint32 *ranks;
	Size		size;			/* of a vector */
	char	   *buffer;
	int64		first;			/* vectors in it: from that number on ... */
	int64		count;			/* ... so many */
	int64		last;			/* that was asked for, or -1 */
} FileSource;

/* How many vectors a buffer has room for. */
static int64
buffer_room(Size size)
{
	return Max(BUFFER_BYTES / size, 1);
}

static Size
vector_size(const AnnoyBuild *build)
{
	return AnnoyVectorSize(build->index->dtype, build->index->dim);
}

/*
 * Open the file, as one participant of several, or return that of the only one.
 */
static File
open_file(AnnoyBuild *build)
{
	AnnoyShare	files = build->shared->vectors.files;
	SharedFileSet *fileset;

	if (build->participants == 1)
		return build->vectors_file;
	fileset = AnnoyBuildAddress(build, files);
	if (build->is_worker)
		SharedFileSetAttach(fileset, AnnoyBuildSegment(build, files));
	return AnnoyFileSetOpen(fileset, FILE_NAME, O_RDWR);
}

static void
close_file(AnnoyBuild *build, File file)
{
	if (build->participants > 1)
		FileClose(file);
}

/*
 * Make the file, before the first vector is loaded, if the index is not to store
 * them.
 */
void
AnnoyVectorsBegin(AnnoyBuild *build)
{
	AnnoySharedVectors *vectors = &build->shared->vectors;
	SharedFileSet *fileset;

	if (!build->index->in_table)
		return;
	if (build->participants == 1)
	{
		PrepareTempTablespaces();
		build->vectors_file = OpenTemporaryFile(false);
		return;
	}
	vectors->files = AnnoyBuildAlloc(build, sizeof(SharedFileSet));
	fileset = AnnoyBuildAddress(build, vectors->files);
	SharedFileSetInit(fileset, AnnoyBuildSegment(build, vectors->files));
	FileClose(AnnoyFileSetCreate(fileset, FILE_NAME));
}

/*
 * Write what is in the buffer.
 */
static void
flush_buffer(AnnoyVectorWriter *writer)
{
	Size		size = vector_size(writer->build);
	Size		bytes = writer->count * size;

	if (bytes == 0)
		return;
	if (FileWrite(writer->file, writer->buffer, bytes, (off_t) (writer->first * size),
				  WAIT_EVENT_BUFFILE_WRITE) != (int) bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write to file \"%s\": %m", FilePathName(writer->file))));
	writer->count = 0;
}

/*
 * Write the vector of an item, given the number of items before it, if the index does
 * not store vectors.  Whose turn it is to write items may call this.
 */
void
AnnoyVectorsPut(AnnoyVectorWriter *writer, AnnoyBuild *build, int64 number,
				const AnnoyVector *vec)
{
	Size		size;
	int64		room;

	if (!build->index->in_table)
		return;
	size = vector_size(build);
	room = buffer_room(size);
	if (writer->buffer == NULL)
	{
		writer->build = build;
		writer->file = open_file(build);
		writer->buffer = MemoryContextAlloc(build->context, room * size);
	}
	if (writer->count == room || number != writer->first + writer->count)
		flush_buffer(writer);
	if (writer->count == 0)
		writer->first = number;
	memcpy(writer->buffer + writer->count * size, vec->data, size);
	writer->count++;
}

/*
 * Write the rest.
 */
void
AnnoyVectorsFlush(AnnoyVectorWriter *writer)
{
	if (writer->buffer == NULL)
		return;
	flush_buffer(writer);
	close_file(writer->build, writer->file);
	pfree(writer->buffer);
	writer->buffer = NULL;
}

/*
 * All items have been written: note how many groups of them, all but the last of which
 * are full, are before each block.
 */
void
AnnoyVectorsLoaded(AnnoyBuild *build)
{
	const AnnoySharedItems *items = &build->shared->items;
	uint32	   *ranks;
	uint32		rank = 0;

	if (!build->index->in_table)
		return;
	build->shared->vectors.ranks =
		AnnoyBuildAlloc(build, sizeof(uint32) * (Size) (items->end - items->first));
	ranks = AnnoyBuildAddress(build, build->shared->vectors.ranks);
	for (BlockNumber block = items->first; block < items->end; block++)
	{
		Buffer		buffer = ReadBuffer(build->rel, block);

		CHECK_FOR_INTERRUPTS();
		ranks[block - items->first] = rank;
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		rank += AnnoyPageGetTag(BufferGetPage(buffer))->kind == ANNOY_PAGE_ITEM;
		UnlockReleaseBuffer(buffer);
	}
}

/* AnnoyVectorSource's function: read a vector from the file. */
static bool
read_from_file(AnnoyVectorSource *source, const AnnoyPointer *pointer,
			   const ItemPointerData *tid pg_attribute_unused(), AnnoyVector *vec)
{
	FileSource *files = (FileSource *) source;
	const AnnoyIndex *index = files->build->index;
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(pointer) - files->build->shared->items.first;
	int64		number = (int64) files->ranks[block] * index->group_slots +
	ItemPointerGetOffsetNumberNoCheck(pointer) - FirstOffsetNumber;

	if (number < files->first || number >= files->first + files->count)
	{
		/* the last ones are fewer */
		int64		wanted = number == files->last + 1 ? buffer_room(files->size) : 1;
		int			bytes = FileRead(files->file, files->buffer, wanted * files->size,
									 (off_t) (number * files->size),
									 WAIT_EVENT_BUFFILE_READ);

		if (bytes < (int) files->size)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", FilePathName(files->file))));
		files->first = number;
		files->count = bytes / files->size;
	}
	files->last = number;
	vec->data = files->buffer + (number - files->first) * files->size;
	return true;
}

static void
close_file_source(AnnoyVectorSource *source)
{
	FileSource *files = (FileSource *) source;

	close_file(files->build, files->file);
	pfree(files->buffer);
	pfree(files);
}

/*
 * Where a participant gets the vectors of items from, in a step; NULL if they are with
 * the items.
 */
AnnoyVectorSource *
AnnoyBuildSource(AnnoyBuild *build)
{
	FileSource *files;

	if (build->shared->vectors.ranks == 0)
		return AnnoySourceOpen(build->rel, build->index, NULL);
	files = palloc0(sizeof(FileSource));
	files->source.read = read_from_file;
	files->source.close = close_file_source;
	files->build = build;
	files->file = open_file(build);
	files->ranks = AnnoyBuildAddress(build, build->shared->vectors.ranks);
	files->size = vector_size(build);
	files->buffer = palloc(buffer_room(files->size) * files->size);
	files->last = -1;
	return &files->source;
}

/*
 * Remove the file.
 */
void
AnnoyVectorsEnd(AnnoyBuild *build)
{
	AnnoySharedVectors *vectors = &build->shared->vectors;

	if (build->vectors_file != 0)
		FileClose(build->vectors_file);
	AnnoyBuildFree(build, &vectors->ranks);
	AnnoyBuildFree(build, &vectors->files);
}
