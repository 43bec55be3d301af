/*-------------------------------------------------------------------------
 *
 * import.c
 *	  annoy_import_items(): the items of a file of the Annoy library;
 *	  annoy_import_bytes(): those of a value that is what such a file has.
 *
 * Only the items are of use.  The trees behind them are read all the same,
 * since they tell whether the file is whole, and whether it is one of that
 * metric and those dimensions: a file has no other sign of what it is.  Nothing
 * found in it is used as a size or an address without having been compared with
 * the file's size, and one piece of it is in memory at a time, whatever it says.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/import.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "port/pg_bswap.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "library/annfile.h"
#include "library/library.h"
#include "type/type.h"

/* Bytes read at a time, if a node is not larger. */
#define READ_SIZE		(256 * 1024)

/* The squared norm of an item that Annoy computes in single precision. */
#define NORM_TOLERANCE	1e-3

typedef struct Import
{
	const char *name;			/* of the file; NULL for a value: */
	const char *bytes;
	int			fd;
	struct stat stat;			/* when it was opened */
	off_t		size;
	AnnFormat	format;
	off_t		start;			/* of the first node */
	int64		nodes;
	int32		items;			/* holes included */
	char	   *buffer;
	int			buffer_nodes;	/* it has room for */

	/* of the trees */
	int64		roots;			/* with their copies */
	uint64		root_hash;		/* sum over them */

	/* what is returned */
	ReturnSetInfo *result;
	ArrayType  *array;
	const char *numbers;		/* of items, if not those of the file: int64,
								 * not aligned */
} Import;

pg_noreturn static void bad_file(const Import *import, off_t offset,
								 const char *format,...)
			__attribute__((format(printf, 3, 4)));
pg_noreturn static void file_changed(const Import *import);

/*
 * Raise the error that the file is not what it is said to be.
 */
static void
bad_file(const Import *import, off_t offset, const char *format,...)
{
	StringInfoData detail;
	int			needed;

	initStringInfo(&detail);
	do
	{
		va_list		args;

		va_start(args, format);
		needed = appendStringInfoVA(&detail, format, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&detail, needed);
	} while (needed > 0);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 import->name != NULL ?
			 errmsg("file \"%s\" is not an Annoy index of metric \"%s\" with %d dimensions",
					import->name, AnnoyMetricName(import->format.metric), import->format.dim) :
			 errmsg("value is not an Annoy index of metric \"%s\" with %d dimensions",
					AnnoyMetricName(import->format.metric), import->format.dim),
			 errdetail_internal("At byte %lld: %s", (long long) offset, detail.data),
			 errhint("Metric and number of dimensions must be those of the index that was saved, and what it was saved to complete.")));
}

static void
file_changed(const Import *import)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("file \"%s\" changed while it was read", import->name),
			 errhint("Save the index to another name and rename it.")));
}

static off_t
node_offset(const Import *import, int64 node)
{
	return import->start + (off_t) node * import->format.node_size;
}

/*
 * Read a part of the file whose size says that it is there.
 */
static void
read_part(const Import *import, void *to, size_t size, off_t offset)
{
	size_t		done = 0;

	if (import->bytes != NULL)
	{
		CHECK_FOR_INTERRUPTS();

		memcpy(to, import->bytes + offset, size);
		return;
	}
	while (done < size)
	{
		ssize_t		n = pg_pread(import->fd, (char *) to + done, size - done,
								 offset + done);

		CHECK_FOR_INTERRUPTS();

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", import->name)));
		if (n == 0)
			file_changed(import);
		done += n;
	}
}

/*
 * Open a file under the rules of COPY FROM.  What is not a regular file, such
 * as a FIFO without a writer, must not make us wait.
 */
static void
open_file(Import *import)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a file of the server"),
				 errdetail("Only superusers and roles with privileges of the \"%s\" role may do so.",
						   "pg_read_server_files")));

	import->fd = OpenTransientFile(import->name, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (import->fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", import->name),
				 errhint("The file is read by the server process, on the server's machine.")));
	if (fstat(import->fd, &import->stat) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", import->name)));
	if (!S_ISREG(import->stat.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 S_ISDIR(import->stat.st_mode) ?
				 errmsg("\"%s\" is a directory", import->name) :
				 errmsg("\"%s\" is not a regular file", import->name)));
	import->size = import->stat.st_size;
}

/*
 * Close the file, which must not have changed.
 */
static void
close_file(Import *import)
{
	struct stat now;

	if (fstat(import->fd, &now) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", import->name)));
	if (now.st_size != import->stat.st_size ||
		now.st_mtim.tv_sec != import->stat.st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != import->stat.st_mtim.tv_nsec)
		file_changed(import);
	CloseTransientFile(import->fd);
}

/*
 * Look for the header of scikit-plots.  Returns the size of nodes that it tells
 * and sets *items, both to 0 if there is none.
 */
static int64
read_header(Import *import, uint64 *items)
{
	const AnnFormat *format = &import->format;
	bool		hamming = format->metric == ANNOY_HAMMING;
	int			component_size = AnnComponentSize(format->metric);
	uint32		hash = AnnMetricHash(format->metric);
	AnnHeader	header;

	*items = 0;
	if (import->size < (off_t) sizeof(header))
		return 0;
	read_part(import, &header, sizeof(header), 0);
	if (header.magic == pg_bswap32(ANN_HEADER_MAGIC))
		bad_file(import, 0, "the byte order is that of another machine.");
	if (header.magic != ANN_HEADER_MAGIC)
		return 0;
	import->start = sizeof(header);

	if (header.version != ANN_HEADER_VERSION)
		bad_file(import, offsetof(AnnHeader, version),
				 "the header has version %u, and only %d is known.",
				 header.version, ANN_HEADER_VERSION);
	if (header.component_size != component_size)
		bad_file(import, offsetof(AnnHeader, component_size),
				 "components have %u bytes instead of %d.",
				 header.component_size, component_size);
	if (header.id_size != sizeof(int32))
		bad_file(import, offsetof(AnnHeader, id_size),
				 "numbers of items have %u bytes instead of %d.",
				 header.id_size, (int) sizeof(int32));
	if (header.dim != (uint32) (hamming ? format->words : format->dim))
		bad_file(import, offsetof(AnnHeader, dim), "the header says %u %s.",
				 header.dim, hamming ? "words of 64 bits" : "dimensions");
	/* its writer takes 0 for unknown */
	if (header.metric_hash != hash && header.metric_hash != 0)
		bad_file(import, offsetof(AnnHeader, metric_hash),
				 "the header has %08X for the name of the metric instead of %08X.",
				 header.metric_hash, hash);
	for (size_t i = 0; i < lengthof(header.zeros); i++)
	{
		if (header.zeros[i] != 0)
			bad_file(import, offsetof(AnnHeader, zeros) + i * sizeof(uint32),
					 "%08X instead of zero.", header.zeros[i]);
	}
	if (header.node_size == 0)
		bad_file(import, offsetof(AnnHeader, node_size), "nodes have no size.");
	*items = header.items;
	return header.node_size;
}

/*
 * Could the file have nodes of that format?  Looks at its size, and at the
 * first and last node.
 */
static bool
format_is_possible(Import *import, int64 header_node_size)
{
	int			node_size = import->format.node_size;
	off_t		size = import->size - import->start;
	int32		first;
	int32		last;

	if ((header_node_size > 0 && header_node_size != node_size) ||
		size < 2 * node_size || size % node_size != 0)
		return false;
	read_part(import, &first, sizeof(first), node_offset(import, 0));
	read_part(import, &last, sizeof(last), node_offset(import, size / node_size - 1));
	return (first == 0 || first == 1) && last > 0 && last < size / node_size;
}

/*
 * Find out how the file is laid out.
 */
static void
choose_format(Import *import)
{
	AnnFormat  *format = &import->format;
	uint64		header_items;
	int64		header_node_size = read_header(import, &header_items);
	off_t		size = import->size - import->start;

	if (format->metric == ANNOY_IP && !format_is_possible(import, header_node_size))
	{
		AnnFormatInit(format, ANNOY_IP, format->dim, true);
		if (!format_is_possible(import, header_node_size))
			AnnFormatInit(format, ANNOY_IP, format->dim, false);
	}
	if (header_node_size > 0 && header_node_size != format->node_size)
		bad_file(import, offsetof(AnnHeader, node_size),
				 "nodes have %lld bytes instead of %d.", (long long) header_node_size, format->node_size);
	if (size == 0 || size % format->node_size != 0)
		bad_file(import, import->size,
				 "the file ends after %lld nodes of %d bytes, and %lld bytes.",
				 (long long) (size / format->node_size), format->node_size,
				 (long long) (size % format->node_size));

	import->nodes = size / format->node_size;
	read_part(import, &import->items, sizeof(import->items),
			  node_offset(import, import->nodes - 1));
	if (import->items < 1 || import->items >= import->nodes)
		bad_file(import, node_offset(import, import->nodes - 1),
				 "the last of %lld nodes, a root, has %d descendants.",
				 (long long) import->nodes, import->items);
	if (header_node_size > 0 && header_items != (uint64) import->items)
		bad_file(import, offsetof(AnnHeader, items),
				 "the header says %llu items, and the last root %d.",
				 (unsigned long long) header_items, import->items);
}

/*
 * Check an item.  Returns false if it is absent.
 */
static bool
check_item(const Import *import, const char *node, int64 number)
{
	const AnnFormat *format = &import->format;
	const int32 *children = AnnNodeChildren(node, format);
	const char *vector = node + format->vector_at;
	off_t		offset = node_offset(import, number);
	double		norm = 0;

	if (AnnNodeCount(node) == 0)
	{
		if (number == import->items - 1)
			bad_file(import, offset, "the last item, %lld, is absent.", (long long) number);
		for (int i = 0; i < format->vector_size; i++)
		{
			if (vector[i] != 0)
				bad_file(import, offset + format->vector_at + i,
						 "item %lld is absent, but has a vector.", (long long) number);
		}
		return false;
	}
	if (AnnNodeCount(node) != 1)
		bad_file(import, offset, "item %lld has %d descendants.",
				 (long long) number, AnnNodeCount(node));
	/* the first child's place is that of the norm in "angular" */
	if ((children[0] != 0 && format->metric != ANNOY_COSINE) || children[1] != 0)
		bad_file(import, offset + format->children_at, "item %lld has the children %d and %d.",
				 (long long) number, children[0], children[1]);

	if (format->metric == ANNOY_HAMMING)
	{
		const uint64 *words = AnnNodeWords(node, format);

		if (format->dim % 64 != 0 && words[format->words - 1] >> (format->dim % 64) != 0)
			bad_file(import, offset + format->node_size - sizeof(uint64),
					 "item %lld has bits beyond its dimensions.", (long long) number);
		return true;
	}
	for (int i = 0; i < format->dim; i++)
	{
		float		x = AnnNodeVector(node, format)[i];

		if (!isfinite(x))
			bad_file(import, offset + format->vector_at + i * sizeof(float),
					 "component %d of item %lld is not finite.", i, (long long) number);
		norm += (double) x * x;
	}
	if (format->metric == ANNOY_COSINE)
	{
		float		stored = AnnNodeFloat(node, format->extra_at);

		/* old versions did not store it */
		if (stored != 0 && !(norm > FLT_MAX && isinf(stored)) &&
			!(fabs(stored - norm) <= NORM_TOLERANCE * norm + FLT_MIN))
			bad_file(import, offset + format->extra_at,
					 "item %lld has the squared norm %g instead of %g.",
					 (long long) number, stored, norm);
	}
	return true;
}

/*
 * Check a node of a tree.
 */
static void
check_tree_node(Import *import, const char *node, int64 number)
{
	const AnnFormat *format = &import->format;
	const int32 *children = AnnNodeChildren(node, format);
	int32		count = AnnNodeCount(node);
	bool		list = count <= format->leaf_ids;
	int64		end = list ? import->items : number;

	/* an item alone is not in a list, unless there is no other */
	if (count < Min(2, import->items) || count > import->items)
		bad_file(import, node_offset(import, number), "node %lld has %d descendants, of %d.",
				 (long long) number, count, import->items);
	for (int i = 0; i < (list ? count : 2); i++)
	{
		if (children[i] < 0 || children[i] >= end)
			bad_file(import, node_offset(import, number) + format->children_at + i * sizeof(int32),
					 "node %lld has %s %d, which is not below %lld.",
					 (long long) number, list ? "item" : "child", children[i], (long long) end);
	}
	if (count == import->items)
	{
		import->roots++;
		import->root_hash += hash_bytes_extended((const unsigned char *) node,
												 format->node_size, 0);
	}
}

/*
 * Return an item.
 */
static void
put_item(Import *import, const char *node, int64 number)
{
	const AnnFormat *format = &import->format;
	float	   *vector = (float *) ARR_DATA_PTR(import->array);
	Datum		values[2];
	bool		nulls[2] = {0};

	if (format->metric != ANNOY_HAMMING)
		memcpy(vector, AnnNodeVector(node, format), format->vector_size);
	else
	{
		const uint64 *words = AnnNodeWords(node, format);

		for (int i = 0; i < format->dim; i++)
			vector[i] = (words[i / 64] >> (i % 64)) & 1;
	}
	if (import->numbers != NULL)
		memcpy(&number, import->numbers + number * sizeof(int64), sizeof(int64));
	values[0] = Int64GetDatum(number);
	values[1] = PointerGetDatum(import->array);
	tuplestore_putvalues(import->result->setResult, import->result->setDesc, values, nulls);
}

/*
 * Read nodes, as many as the buffer has room for and as there are before `end'.
 * Returns their number.
 */
static int
read_nodes(Import *import, int64 first, int64 end)
{
	int			n = Min(import->buffer_nodes, end - first);

	read_part(import, import->buffer, (size_t) n * import->format.node_size,
			  node_offset(import, first));
	return n;
}

/*
 * The last nodes must be copies of the roots, which makes sure that the end of
 * the file is its end.
 */
static void
check_copies(Import *import)
{
	int			node_size = import->format.node_size;
	int64		first = import->nodes - import->roots / 2;
	uint64		hash = 0;

	if (import->roots % 2 == 0)
	{
		for (int64 node = first, n; node < import->nodes; node += n)
		{
			n = read_nodes(import, node, import->nodes);
			for (int i = 0; i < n; i++)
				hash += hash_bytes_extended((unsigned char *) import->buffer + (Size) i * node_size,
											node_size, 0);
		}
	}
	if (import->roots % 2 != 0 || 2 * hash != import->root_hash)
		bad_file(import, node_offset(import, first),
				 "the last nodes are not copies of the roots, of which there are %lld.",
				 (long long) import->roots);
}

static void
read_all(Import *import)
{
	int			node_size = import->format.node_size;

	import->buffer_nodes = Max(READ_SIZE / node_size, 1);
	import->buffer = palloc((Size) import->buffer_nodes * node_size);
	for (int64 node = 0, n; node < import->nodes; node += n)
	{
		n = read_nodes(import, node, import->nodes);
		for (int i = 0; i < n; i++)
		{
			char	   *data = import->buffer + (Size) i * node_size;

			if (node + i >= import->items)
				check_tree_node(import, data, node + i);
			else if (check_item(import, data, node + i))
				put_item(import, data, node + i);
		}
	}
	check_copies(import);
}

/*
 * The array that all items are returned in, one after the other.
 */
static ArrayType *
make_array(int dim)
{
	ArrayType  *array = palloc0(ARR_OVERHEAD_NONULLS(1) + sizeof(float) * dim);

	SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + sizeof(float) * dim);
	array->ndim = 1;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = dim;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/*
 * Prepare to return items of a metric and dimensions.
 */
static void
begin_import(Import *import, FunctionCallInfo fcinfo, AnnoyMetric metric, int dim)
{
	memset(import, 0, sizeof(Import));
	AnnFormatInit(&import->format, metric, dim, false);
	AnnoyInitSet(fcinfo);
	import->result = (ReturnSetInfo *) fcinfo->resultinfo;
	import->array = make_array(dim);
}

/*
 * Return the items in some bytes that are what a file has.  If there are numbers
 * for them, there must be just so many items.
 */
void
AnnReturnItems(FunctionCallInfo fcinfo, AnnoyMetric metric, int dim,
			   const char *bytes, Size size, const char *numbers, int32 items)
{
	Import		import;

	begin_import(&import, fcinfo, metric, dim);
	import.bytes = bytes;
	import.size = size;
	import.numbers = numbers;
	choose_format(&import);
	if (numbers != NULL && import.items != items)
		bad_file(&import, import.size, "there are %d items, of which %d have numbers.",
				 import.items, items);
	read_all(&import);
}

static int
dimensions_argument(FunctionCallInfo fcinfo)
{
	int			dim = PG_GETARG_INT32(2);

	if (dim < 1 || dim > ANNOY_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("f must be between 1 and %d", ANNOY_MAX_DIMENSIONS)));
	return dim;
}

PG_FUNCTION_INFO_V1(annoy_import_items);
PG_FUNCTION_INFO_V1(annoy_import_bytes);

/*
 * Returns the items of a file of the Annoy library.
 */
Datum
annoy_import_items(PG_FUNCTION_ARGS)
{
	Import		import;
	AnnoyMetric metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	begin_import(&import, fcinfo, metric, dimensions_argument(fcinfo));
	import.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	open_file(&import);
	choose_format(&import);
	read_all(&import);
	close_file(&import);
	return (Datum) 0;
}

/*
 * Returns the items of a value that is what such a file has.
 */
Datum
annoy_import_bytes(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	AnnoyMetric metric = AnnoyMetricFromName(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	AnnReturnItems(fcinfo, metric, dimensions_argument(fcinfo),
				   VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), NULL, 0);
	return (Datum) 0;
}
