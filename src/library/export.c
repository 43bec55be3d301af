/*-------------------------------------------------------------------------
 *
 * export.c
 *	  annoy_export(): write a file of the Annoy library.
 *
 * The rows are those of the table that the statement's snapshot sees, not the
 * items of the index, which is asked for its metric, dimensions and seed only:
 * Annoy's trees have nothing in common with ours.  Vectors are kept in memory
 * while trees are made of them, within maintenance_work_mem; nodes are written
 * as they come.  The file gets its name when it is complete and on disk.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/export.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "library/annfile.h"
#include "library/library.h"
#include "relation/relation.h"
#include "simd/simd.h"
#include "type/type.h"

#define MAX_EXPORT_TREES	10000

/* Bytes of one piece of memory with rows, and of what is written at a time. */
#define CHUNK_SIZE			(1024 * 1024)
#define WRITE_SIZE			(256 * 1024)

/* A file has room for all items up to the largest: so many for one row. */
#define MAX_SPARSENESS		16
#define MIN_SPARSE_ITEMS	10000

struct AnnWriter
{
	const char *name;
	char		temporary[MAXPGPATH];	/* empty if there is none */
	int			fd;
	int			node_size;
	int32		nodes;			/* written so far */
	char	   *buffer;
	Size		used;
};

/* The rows as they are read from the table. */
typedef struct Export
{
	AnnoyAccess access;
	AttrNumber	item_column;
	Oid			item_type;
	AnnForest	forest;
	Size		memory;			/* taken by rows so far */
	Size		allowed;
	int32		chunks_allocated;
	int32		ids_allocated;
} Export;

/* The file. */

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
 * Append a node to the file.  Returns its number.
 */
int32
AnnWriteNode(AnnWriter *writer, const void *node)
{
	if (writer->nodes == PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an Annoy index cannot have more than %d nodes", PG_INT32_MAX),
				 errhint("Export fewer trees.")));
	if (writer->used + writer->node_size > WRITE_SIZE)
		flush_writer(writer);
	memcpy(writer->buffer + writer->used, node, writer->node_size);
	writer->used += writer->node_size;
	return writer->nodes++;
}

/*
 * Append a copy of a node that has been written.
 */
static void
copy_node(AnnWriter *writer, int32 number, void *node)
{
	ssize_t		n;

	flush_writer(writer);
	errno = 0;
	n = pg_pread(writer->fd, node, writer->node_size, (off_t) number * writer->node_size);
	if (n != writer->node_size)
		ereport(ERROR,
				(n < 0 ? errcode_for_file_access() : errcode(ERRCODE_IO_ERROR),
				 n < 0 ? errmsg("could not read file \"%s\": %m", writer->temporary) :
				 errmsg("could not read file \"%s\": read %zd of %d bytes",
						writer->temporary, n, writer->node_size)));
	(void) AnnWriteNode(writer, node);
}

/*
 * Check who wants to write where.  The rules are those of COPY TO.
 */
static void
check_target(const char *name)
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
 * Create the temporary file, in the same directory.  As with COPY TO, everybody
 * may read it.
 */
static void
create_file(AnnWriter *writer)
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

/*
 * What to do if the file is not completed, because of an error or the end of
 * the process.
 */
static void
remove_file(int code pg_attribute_unused(), Datum arg)
{
	AnnWriter  *writer = (AnnWriter *) DatumGetPointer(arg);

	if (writer->temporary[0] != '\0')
		(void) unlink(writer->temporary);
	writer->temporary[0] = '\0';
}

/*
 * Give the file its name, for good.
 */
static void
finish_file(AnnWriter *writer)
{
	flush_writer(writer);
	if (CloseTransientFile(writer->fd) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", writer->temporary)));
	(void) durable_rename(writer->temporary, writer->name, ERROR);
	writer->temporary[0] = '\0';
}

/* The rows. */

static void
no_vectors(const Export *export)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" has no vectors to export",
					RelationGetRelationName(export->access.rel))));
}

/*
 * Count memory before it is allocated.
 */
static void
take_memory(Export *export, Size size)
{
	const AnnForest *forest = &export->forest;
	double		rows = Max((double) forest->rows + 1, export->access.heap->rd_rel->reltuples);

	export->memory += size;
	if (export->memory <= export->allowed)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("vectors to export do not fit into maintenance_work_mem"),
			 errdetail("All vectors are kept in memory while trees are made of them: %d bytes for each, and there is room for %d.",
					   forest->row_size + 2 * (int) sizeof(int32), forest->rows),
			 errhint("For about %.0f rows, set maintenance_work_mem to %.0f MB.", rows,
					 ceil(1.2 * rows * (forest->row_size + 2 * sizeof(int32)) / (1024 * 1024)) + 4)));
}

/*
 * Fetch the number of an item.
 */
static int32
read_id(const Export *export, TupleTableSlot *slot)
{
	const char *column = NameStr(TupleDescAttr(RelationGetDescr(export->access.heap),
											   export->item_column - 1)->attname);
	bool		isnull;
	Datum		value = slot_getattr(slot, export->item_column, &isnull);
	int64		id;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("item number in column \"%s\" is null", column),
				 errdetail("Row (%u,%u) has a vector, but no item number.",
						   ItemPointerGetBlockNumber(&slot->tts_tid),
						   ItemPointerGetOffsetNumber(&slot->tts_tid))));
	id = export->item_type == INT8OID ? DatumGetInt64(value) :
		export->item_type == INT4OID ? DatumGetInt32(value) : DatumGetInt16(value);
	if (id < 0 || id >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("item number %lld in column \"%s\" is out of range",
						(long long) id, column),
				 errdetail("Annoy numbers items from 0 to %d.", PG_INT32_MAX - 1)));
	return (int32) id;
}

/*
 * Keep a row.
 */
static void
add_row(Export *export, int32 id, const AnnoyVector *vec)
{
	AnnForest  *forest = &export->forest;
	const AnnFormat *format = &forest->format;
	void	   *row;

	if (forest->rows == PG_INT32_MAX - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an Annoy index cannot have more than %d items", PG_INT32_MAX - 1)));
	if (forest->rows == export->ids_allocated)
	{
		int32		more = (int32) Min((int64) export->ids_allocated + Max(export->ids_allocated / 8, 1024),
									   PG_INT32_MAX);

		/* the order, too, which is made later */
		take_memory(export, 2 * sizeof(int32) * (Size) (more - export->ids_allocated));
		forest->ids = forest->ids == NULL ? palloc(sizeof(int32) * more) :
			repalloc_huge(forest->ids, sizeof(int32) * (Size) more);
		export->ids_allocated = more;
	}
	if (forest->rows % forest->chunk_rows == 0)
	{
		int32		chunk = forest->rows / forest->chunk_rows;
		Size		size = (Size) forest->chunk_rows * forest->row_size;

		take_memory(export, size + sizeof(char *));
		if (chunk == export->chunks_allocated)
		{
			export->chunks_allocated = Max(2 * chunk, 64);
			forest->chunks = forest->chunks == NULL ?
				palloc(sizeof(char *) * export->chunks_allocated) :
				repalloc_huge(forest->chunks, sizeof(char *) * (Size) export->chunks_allocated);
		}
		forest->chunks[chunk] = palloc0(size);
	}

	forest->ids[forest->rows] = id;
	row = AnnForestRow(forest, forest->rows++);
	if (format->metric == ANNOY_HAMMING)
	{
		uint64	   *words = row;
		const uint8 *bits = vec->data;

		Assert(vec->dtype == ANNOY_BIT);
		for (int i = 0; i < format->dim; i++)
			words[i / 64] |= (uint64) ((bits[i / 8] >> (7 - i % 8)) & 1) << (i % 64);
	}
	else
	{
		Assert(vec->dtype == ANNOY_FLOAT32);
		memcpy(row, vec->data, format->vector_size);
	}
}

/*
 * Read the table: all rows that the snapshot sees, and that are in the index
 * and have a vector.
 */
static void
read_rows(Export *export)
{
	const AnnoyAccess *access = &export->access;
	IndexInfo  *info = BuildIndexInfo(access->rel);
	EState	   *estate = CreateExecutorState();
	ExprContext *econtext = GetPerTupleExprContext(estate);
	TupleTableSlot *slot = table_slot_create(access->heap, NULL);
	ExprState  *predicate = ExecPrepareQual(info->ii_Predicate, estate);
	AnnoyDtype	dtype = export->forest.format.metric == ANNOY_HAMMING ? ANNOY_BIT : ANNOY_FLOAT32;
	TableScanDesc scan = AnnoyBeginTableScan(access->heap, access->snapshot);

	econtext->ecxt_scantuple = slot;
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		Datum		values[INDEX_MAX_KEYS];
		bool		isnull[INDEX_MAX_KEYS];
		MemoryContext old_context;
		AnnoyVector vec;

		CHECK_FOR_INTERRUPTS();

		ResetExprContext(econtext);
		if (predicate != NULL && !ExecQual(predicate, econtext))
			continue;
		old_context = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		FormIndexDatum(info, slot, estate, values, isnull);
		if (!isnull[0])
		{
			int32		id = read_id(export, slot);

			vec = AnnoyReadColumn(access->rel, values[0]);
			AnnoyCheckDimensions(access->rel, access->index, &vec);
			vec = AnnoyConvertVector(&vec, dtype);
			MemoryContextSwitchTo(old_context);
			add_row(export, id, &vec);
		}
		MemoryContextSwitchTo(old_context);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

static int
compare_ids(const void *a, const void *b, void *arg)
{
	const AnnForest *forest = arg;
	int32		x = forest->ids[*(const int32 *) a];
	int32		y = forest->ids[*(const int32 *) b];

	return x < y ? -1 : x > y;
}

/*
 * Put the rows in the order of their items, and check that these are what a
 * file can be made of.
 */
static void
order_rows(Export *export)
{
	AnnForest  *forest = &export->forest;
	int32	   *ids = forest->ids;

	if (forest->rows == 0)
		no_vectors(export);
	forest->order = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(int32) * (Size) forest->rows);
	for (int32 i = 0; i < forest->rows; i++)
		forest->order[i] = i;
	qsort_arg(forest->order, forest->rows, sizeof(int32), compare_ids, forest);
	for (int32 i = 1; i < forest->rows; i++)
	{
		if (ids[forest->order[i]] == ids[forest->order[i - 1]])
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("item number %d is not unique", ids[forest->order[i]]),
					 errdetail("Several rows with a vector have it.")));
	}
	forest->items = ids[forest->order[forest->rows - 1]] + 1;
	if (forest->items > MIN_SPARSE_ITEMS &&
		forest->items > (int64) MAX_SPARSENESS * forest->rows)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("item number %d is too large for %d rows",
						forest->items - 1, forest->rows),
				 errdetail("Annoy needs room for all items up to the largest; at most %d are allowed for each row.",
						   MAX_SPARSENESS),
				 errhint("Number the rows without large gaps, in another column.")));
}

/*
 * What makes all norms equal for "dot": one more component.  Returns the
 * largest norm.
 */
static float
equalise_norms(AnnForest *forest)
{
	int			dim = forest->format.dim;
	double		largest = 0;

	for (int32 i = 0; i < forest->rows; i++)
	{
		float	   *x = AnnForestRow(forest, i);
		double		square = 0;

		for (int j = 0; j < dim; j++)
			square += (double) x[j] * x[j];
		largest = Max(largest, square);
	}
	for (int32 i = 0; i < forest->rows; i++)
	{
		float	   *x = AnnForestRow(forest, i);
		double		square = 0;

		for (int j = 0; j < dim; j++)
			square += (double) x[j] * x[j];
		x[dim] = (float) sqrt(largest - square);
	}
	return (float) sqrt(largest);
}

/*
 * Write the items.
 */
static void
write_items(AnnForest *forest)
{
	const AnnFormat *format = &forest->format;
	float		largest = format->metric == ANNOY_IP ? equalise_norms(forest) : 0;
	char	   *node = palloc(format->node_size);
	int32		next = 0;

	for (int32 item = 0; item < forest->items; item++)
	{
		memset(node, 0, format->node_size);
		if (item == forest->ids[forest->order[next]])
		{
			const float *x = AnnForestRow(forest, forest->order[next++]);

			AnnNodeCount(node) = 1;
			memcpy(AnnNodeVector(node, format), x, format->vector_size);
			if (format->metric == ANNOY_COSINE)
				AnnNodeFloat(node, format->extra_at) = annoy_kernels->dot(x, x, forest->row_dim);
			else if (format->metric == ANNOY_IP)
			{
				AnnNodeFloat(node, format->extra_at) = x[format->dim];
				AnnNodeFloat(node, ANN_DOT_NORM_AT) = largest * largest;
				node[ANN_DOT_BUILT_AT] = 1;
			}
		}
		(void) AnnWriteNode(forest->writer, node);
	}
	pfree(node);
}

/*
 * Write the trees, and their roots again.  Without a number of trees, there are
 * as many as it takes to have as many nodes of trees as items.
 */
static void
write_trees(AnnForest *forest, int n_trees, uint64 seed)
{
	AnnWriter  *writer = forest->writer;
	int32	   *roots = palloc(sizeof(int32) * MAX_EXPORT_TREES);
	char	   *node = palloc(writer->node_size);
	AnnoyRandom random = seed;
	int			n = 0;

	while (n_trees > 0 ? n < n_trees :
		   (n < MAX_EXPORT_TREES && writer->nodes < 2 * (int64) forest->items))
		roots[n++] = AnnMakeTree(forest, AnnoyRandomNext(&random));
	for (int i = 0; i < n; i++)
		copy_node(writer, roots[i], node);
	pfree(roots);
	pfree(node);
}

static void
write_file(AnnForest *forest, int n_trees, uint64 seed)
{
	AnnWriter  *writer = forest->writer;

	writer->node_size = forest->format.node_size;
	writer->buffer = palloc(WRITE_SIZE);
	PG_ENSURE_ERROR_CLEANUP(remove_file, PointerGetDatum(writer));
	{
		create_file(writer);
		write_items(forest);
		write_trees(forest, n_trees, seed);
		finish_file(writer);
	}
	PG_END_ENSURE_ERROR_CLEANUP(remove_file, PointerGetDatum(writer));
}

/*
 * Find the column of item numbers.
 */
static void
choose_column(Export *export, const char *name)
{
	Relation	heap = export->access.heap;
	Oid			table = RelationGetRelid(heap);

	export->item_column = get_attnum(table, name);
	if (export->item_column == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(heap))));
	export->item_type = getBaseType(get_atttype(table, export->item_column));
	if (export->item_column < 0 ||
		(export->item_type != INT2OID && export->item_type != INT4OID &&
		 export->item_type != INT8OID))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is not of an integer type", name)));
}

/*
 * Ask the index what its rows are, and decide how they are kept in memory.
 */
static void
init_forest(Export *export)
{
	AnnForest  *forest = &export->forest;
	const AnnoyIndex *index = export->access.index;
	AnnoyMetric metric = index->metric;
	int			dim = index->dim;

	if (dim == 0)
		no_vectors(export);
	AnnFormatInit(&forest->format, metric, dim, false);
	if (metric == ANNOY_HAMMING)
		forest->row_size = forest->format.vector_size;
	else
	{
		forest->row_dim = TYPEALIGN(ANNOY_DIM_ALIGN, metric == ANNOY_IP ? dim + 1 : dim);
		forest->row_size = sizeof(float) * forest->row_dim;
	}
	forest->chunk_rows = 1;
	while (2 * forest->chunk_rows * forest->row_size <= CHUNK_SIZE)
		forest->chunk_rows *= 2;
}

PG_FUNCTION_INFO_V1(annoy_export);

/*
 * Writes a file that the Annoy library can load, of the rows of an index.
 * Returns their number.
 */
Datum
annoy_export(PG_FUNCTION_ARGS)
{
	Export	   *export = palloc0(sizeof(Export));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int			n_trees = PG_GETARG_INT32(3);
	AnnWriter  *writer = palloc0(sizeof(AnnWriter));

	check_target(name);
	writer->name = name;
	if (n_trees != -1 && (n_trees < 1 || n_trees > MAX_EXPORT_TREES))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n_trees must be between 1 and %d, or -1", MAX_EXPORT_TREES)));

	AnnoyOpenForRows(PG_GETARG_OID(0), &export->access);
	choose_column(export, NameStr(*PG_GETARG_NAME(1)));
	init_forest(export);
	export->forest.writer = writer;
	export->allowed = (Size) maintenance_work_mem * 1024;
	read_rows(export);
	order_rows(export);
	write_file(&export->forest, n_trees, export->access.index->seed);
	AnnoyCloseIndex(&export->access);
	PG_RETURN_INT64(export->forest.rows);
}
