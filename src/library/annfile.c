/*-------------------------------------------------------------------------
 *
 * annfile.c
 *	  Files of the Annoy library: what their nodes look like, and how one is
 *	  written, on disk or as a value of type bytea.
 *
 * A file gets its name when it is complete and on disk.  Until then it has a
 * temporary one, which AnnRemoveFile() removes if anything goes wrong.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/annfile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "library/annfile.h"

/* Bytes written at a time. */
#define WRITE_SIZE			(256 * 1024)

struct AnnWriter
{
	const char *name;			/* NULL if a value is written */
	char		temporary[MAXPGPATH];	/* empty if there is none */
	int			fd;
	int			node_size;
	Size		start;			/* bytes before the first node */
	int32		nodes;			/* written so far */
	char	   *buffer;			/* what is not in the file yet; the value */
	Size		used;
	Size		allocated;
	Size		most;			/* bytes that a value may have */
};

/*
 * Where the fields of a file's nodes are.
 */
void
AnnFormatInit(AnnFormat *format, AnnoyMetric metric, int dim, bool old_dot)
{
	format->metric = metric;
	format->dim = dim;
	format->words = (dim + 63) / 64;
	format->vector_size = sizeof(float) * dim;
	format->children_at = 4;
	switch (metric)
	{
		case ANNOY_COSINE:
			format->extra_at = 4;
			format->vector_at = 12;
			break;
		case ANNOY_L2:
		case ANNOY_L1:
			format->extra_at = 4;
			format->children_at = 8;
			format->vector_at = 16;
			break;
		case ANNOY_IP:
			format->extra_at = 12;
			format->vector_at = old_dot ? 16 : 24;
			break;
		case ANNOY_HAMMING:
			format->extra_at = 0;
			format->vector_at = 16;
			format->vector_size = sizeof(uint64) * format->words;
			break;
	}
	format->node_size = format->vector_at + format->vector_size;
	format->leaf_ids = (format->node_size - format->children_at) / sizeof(int32);
}

/*
 * What scikit-plots' header has for a metric: the bytes of a component, and a hash
 * of the name, which is FNV-1a.
 */
uint8
AnnComponentSize(AnnoyMetric metric)
{
	return metric == ANNOY_HAMMING ? sizeof(uint64) : sizeof(float);
}

uint32
AnnMetricHash(AnnoyMetric metric)
{
	uint32		hash = 2166136261U;

	for (const char *c = AnnoyMetricName(metric); *c != '\0'; c++)
		hash = (hash ^ (uint8) *c) * 16777619U;
	return hash;
}

/*
 * Check who wants to write where.  The rules are those of COPY TO.
 */
void
AnnCheckTarget(const char *name)
{
	struct stat st;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write a file of the server"),
				 errdetail("Only superusers and roles with privileges of the \"%s\" role may do so.",
						   "pg_write_server_files")));
	if (!is_absolute_path(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("relative path not allowed for a file of the server")));
	/* the file is replaced, which a device would not be glad of */
	if (stat(name, &st) == 0 && !S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 S_ISDIR(st.st_mode) ? errmsg("\"%s\" is a directory", name) :
				 errmsg("\"%s\" is not a regular file", name)));
}

/*
 * Prepare to write a file of that name with nodes of that size.
 */
AnnWriter *
AnnMakeWriter(const char *name, int node_size)
{
	AnnWriter  *writer = palloc0(sizeof(AnnWriter));

	writer->name = name;
	writer->node_size = node_size;
	writer->allocated = WRITE_SIZE;
	writer->buffer = palloc(writer->allocated);
	return writer;
}

/*
 * Prepare to write a value, which is to become a part of one of type jsonb, or is of
 * type bytea.
 */
AnnWriter *
AnnMakeValueWriter(int node_size, bool for_jsonb)
{
	AnnWriter  *writer = AnnMakeWriter(NULL, node_size);

	writer->used = writer->start = VARHDRSZ;
	writer->most = for_jsonb ? VARHDRSZ + ANN_MAX_IN_JSONB : MaxAllocSize;
	return writer;
}

/*
 * Create the temporary file, in the same directory.  As with COPY TO, everybody
 * may read it.
 */
void
AnnCreateFile(AnnWriter *writer)
{
	char		temporary[MAXPGPATH];
	mode_t		mask;

	if (snprintf(temporary, MAXPGPATH, "%s.%d.tmp", writer->name, MyProcPid) >= MAXPGPATH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("file name \"%s\" is too long", writer->name)));

	/* one of that name is what a crash has left of a process of this number */
	(void) unlink(temporary);
	mask = umask(S_IWGRP | S_IWOTH);
	PG_TRY();
	{
		writer->fd = OpenTransientFilePerm(temporary, O_RDWR | O_CREAT | O_EXCL | PG_BINARY,
										   S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
	}
	PG_FINALLY();
	{
		umask(mask);
	}
	PG_END_TRY();
	if (writer->fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", temporary),
				 errhint("The file is written by the server process, on the server's machine.")));
	strlcpy(writer->temporary, temporary, sizeof(writer->temporary));
}

static void
flush_writer(AnnWriter *writer)
{
	Size		done = 0;

	while (done < writer->used)
	{
		ssize_t		n;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		n = write(writer->fd, writer->buffer + done, writer->used - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			/* if nothing is said of it, the disk is full */
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write file \"%s\": %m", writer->temporary)));
		}
		done += n;
	}
	writer->used = 0;
}

/*
 * Make room for more bytes of a value.  One that becomes too large is not made to its
 * end, which may be far away.
 */
static void
enlarge_value(AnnWriter *writer, Size size)
{
	Size		wanted = writer->used + size;

	if (size > writer->most || wanted > writer->most)
	{
		bool		for_jsonb = writer->most < MaxAllocSize;

		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an Annoy index of more than %s cannot be a value of type %s",
						for_jsonb ? "191 MB" : "1 GB", for_jsonb ? "jsonb" : "bytea"),
				 for_jsonb ?
				 errhint("Ask for fewer trees, or use annoy_serialize() and annoy_restore_bytes().") :
				 errhint("Ask for fewer trees, or write a file with annoy_export().")));
	}
	writer->allocated = Min(Max(2 * writer->allocated, wanted), writer->most);
	writer->buffer = repalloc(writer->buffer, writer->allocated);
}

static void
append(AnnWriter *writer, const void *bytes, Size size)
{
	if (writer->used + size > writer->allocated)
	{
		if (writer->name == NULL)
			enlarge_value(writer, size);
		else
			flush_writer(writer);
	}
	memcpy(writer->buffer + writer->used, bytes, size);
	writer->used += size;
}

/*
 * Append something that comes before the nodes; to a file no more than a header.
 */
void
AnnWriteHead(AnnWriter *writer, const void *bytes, Size size)
{
	Assert(writer->nodes == 0);
	append(writer, bytes, size);
	writer->start += size;
}

/*
 * Append a node.  Returns its number.
 */
int32
AnnWriteNode(AnnWriter *writer, const void *node)
{
	if (writer->nodes == PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an Annoy index cannot have more than %d nodes", PG_INT32_MAX),
				 errhint("Export fewer trees.")));
	append(writer, node, writer->node_size);
	return writer->nodes++;
}

/*
 * Append a copy of a node that has been written.
 */
void
AnnCopyNode(AnnWriter *writer, int32 number)
{
	Size		offset = writer->start + (Size) number * writer->node_size;
	char	   *node = palloc(writer->node_size);
	ssize_t		n;

	if (writer->name == NULL)
		memcpy(node, writer->buffer + offset, writer->node_size);
	else
	{
		flush_writer(writer);
		errno = 0;
		n = pg_pread(writer->fd, node, writer->node_size, (off_t) offset);
		if (n != writer->node_size)
			ereport(ERROR,
					(n < 0 ? errcode_for_file_access() : errcode(ERRCODE_IO_ERROR),
					 n < 0 ? errmsg("could not read file \"%s\": %m", writer->temporary) :
					 errmsg("could not read file \"%s\": read %zd of %d bytes",
							writer->temporary, n, writer->node_size)));
	}
	(void) AnnWriteNode(writer, node);
	pfree(node);
}

/*
 * Return the value that has been written.
 */
bytea *
AnnFinishValue(AnnWriter *writer)
{
	SET_VARSIZE(writer->buffer, writer->used);
	return (bytea *) writer->buffer;
}

/*
 * Give the file its name, for good.
 */
void
AnnFinishFile(AnnWriter *writer)
{
	flush_writer(writer);
	if (CloseTransientFile(writer->fd) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", writer->temporary)));
	(void) durable_rename(writer->temporary, writer->name, ERROR);
	writer->temporary[0] = '\0';
}

/*
 * What to do with a writer, `arg', if the file is not completed, because of an
 * error or the end of the process.
 */
void
AnnRemoveFile(int code pg_attribute_unused(), Datum arg)
{
	AnnWriter  *writer = (AnnWriter *) DatumGetPointer(arg);

	if (writer->temporary[0] != '\0')
		(void) unlink(writer->temporary);
	writer->temporary[0] = '\0';
}
