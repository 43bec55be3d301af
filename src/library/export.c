/*-------------------------------------------------------------------------
 *
 * export.c
 *	  Write what a file of the Annoy library has: annoy_export() writes one,
 *	  and annoy_export_bytes() returns the same as a value, for who may not
 *	  write files of the server.
 *
 * The rows are those of the table that the statement's snapshot sees, not the
 * items of the index, which is asked for its metric, dimensions and seed only:
 * Annoy's trees have nothing in common with ours.  Vectors are kept in memory
 * while trees are made of them, within maintenance_work_mem; nodes are written
 * as they come.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/export.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "storage/ipc.h"
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

/* Bytes of the numbers that a row has: its item's, also in the file, and its place. */
#define ROW_NUMBERS			((int) (sizeof(int64) + 2 * sizeof(int32)))

/* Bytes of one piece of memory with rows. */
#define CHUNK_SIZE			(1024 * 1024)

/* A file has room for all items up to the largest: so many for one row. */
#define MAX_SPARSENESS		16
#define MIN_SPARSE_ITEMS	10000

/* What users call the layouts. */
static const char *const layout_names[] = {
	[ANN_LAYOUT_ANNOY] = "annoy",
	[ANN_LAYOUT_OLD] = "annoy-1.16",
	[ANN_LAYOUT_SCIKIT_PLOTS] = "scikit-plots"
};

static void
no_vectors(const AnnExport *export)
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
take_memory(AnnExport *export, Size size)
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
					   forest->row_size + ROW_NUMBERS, forest->rows),
			 errhint("For about %.0f rows, set maintenance_work_mem to %.0f MB.", rows,
					 ceil(1.2 * rows * (forest->row_size + ROW_NUMBERS) / (1024 * 1024)) + 4)));
}

/*
 * Fetch the number of an item.  It is one that Annoy can have, unless items are to
 * be numbered anew.
 */
static int64
read_number(const AnnExport *export, TupleTableSlot *slot)
{
	const char *column;
	bool		isnull;
	Datum		value;
	int64		id;

	if (export->item_column == InvalidAttrNumber)
		return export->forest.rows;
	column = NameStr(TupleDescAttr(RelationGetDescr(export->access.heap),
								   export->item_column - 1)->attname);
	value = slot_getattr(slot, export->item_column, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("item number in column \"%s\" is null", column),
				 errdetail("Row (%u,%u) has a vector, but no item number.",
						   ItemPointerGetBlockNumber(&slot->tts_tid),
						   ItemPointerGetOffsetNumber(&slot->tts_tid))));
	id = export->item_type == INT8OID ? DatumGetInt64(value) :
		export->item_type == INT4OID ? DatumGetInt32(value) : DatumGetInt16(value);
	if (!export->renumber && (id < 0 || id >= PG_INT32_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("item number %lld in column \"%s\" is out of range",
						(long long) id, column),
				 errdetail("Annoy numbers items from 0 to %d.", PG_INT32_MAX - 1)));
	return id;
}

/*
 * Keep a row.
 */
static void
add_row(AnnExport *export, int64 number, const AnnoyVector *vec)
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

		/* the order and the items in the file, too, which are made later */
		take_memory(export, ROW_NUMBERS * (Size) (more - export->ids_allocated));
		export->numbers = export->numbers == NULL ? palloc(sizeof(int64) * more) :
			repalloc_huge(export->numbers, sizeof(int64) * (Size) more);
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

	export->numbers[forest->rows] = number;
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
read_rows(AnnExport *export)
{
	const AnnoyAccess *access = &export->access;
	AnnoyDtype	dtype = export->forest.format.metric == ANNOY_HAMMING ? ANNOY_BIT : ANNOY_FLOAT32;
	TableScanDesc scan = AnnoyBeginTableScan(access->heap, access->snapshot);
	AnnoyRowReader reader;

	AnnoyRowReaderInit(&reader, access);
	while (table_scan_getnextslot(scan, ForwardScanDirection, reader.slot))
	{
		AnnoyVector vec;

		CHECK_FOR_INTERRUPTS();

		if (AnnoyReadRow(&reader, dtype, &vec) && vec.data != NULL)
			add_row(export, read_number(export, reader.slot), &vec);
	}
	AnnoyRowReaderEnd(&reader);
	table_endscan(scan);
}

static int
compare_numbers(const void *a, const void *b, void *arg)
{
	const AnnExport *export = arg;
	int64		x = export->numbers[*(const int32 *) a];
	int64		y = export->numbers[*(const int32 *) b];

	return x < y ? -1 : x > y;
}

/*
 * Put the rows in the order of their items, and check that these are what a
 * file can be made of.
 */
static void
order_rows(AnnExport *export)
{
	AnnForest  *forest = &export->forest;
	const int64 *numbers = export->numbers;

	forest->ids = MemoryContextAllocHuge(CurrentMemoryContext,
										 sizeof(int32) * (Size) forest->rows);
	forest->order = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(int32) * (Size) forest->rows);
	for (int32 i = 0; i < forest->rows; i++)
		forest->order[i] = i;
	qsort_arg(forest->order, forest->rows, sizeof(int32), compare_numbers, export);
	for (int32 i = 0; i < forest->rows; i++)
	{
		int32		row = forest->order[i];

		if (i > 0 && numbers[row] == numbers[forest->order[i - 1]])
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("item number %lld is not unique", (long long) numbers[row]),
					 errdetail("Several rows with a vector have it.")));
		forest->ids[row] = export->renumber ? i : (int32) numbers[row];
	}
	forest->items = forest->ids[forest->order[forest->rows - 1]] + 1;
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
 *
 * An item of "angular" has no norm, as it had none in early versions: a library
 * that finds 0 there computes it, in the order of additions that the compiler and
 * the machine have given it, which is not for us to know.  With a norm of ours the
 * distance of an item from itself would be up to 0.0008.
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
			if (format->metric == ANNOY_IP)
			{
				AnnNodeFloat(node, format->extra_at) = x[format->dim];
				if (format->vector_at > ANN_DOT_BUILT_AT)
				{
					AnnNodeFloat(node, ANN_DOT_NORM_AT) = largest * largest;
					node[ANN_DOT_BUILT_AT] = 1;
				}
			}
		}
		(void) AnnWriteNode(forest->writer, node);
	}
	pfree(node);
}

/*
 * Write the trees, and their roots again.  Without a number of trees, there are
 * as many as it takes to have as many nodes of trees as items.  Returns how many.
 */
static int
write_trees(AnnForest *forest, int n_trees, uint64 seed)
{
	int32	   *roots = palloc(sizeof(int32) * MAX_EXPORT_TREES);
	AnnoyRandom random = seed;
	int			n = 0;

	/* a root is the last node of its tree */
	while (n_trees > 0 ? n < n_trees :
		   n == 0 || (n < MAX_EXPORT_TREES && roots[n - 1] + 1 < 2 * (int64) forest->items))
		roots[n++] = AnnMakeTree(forest, AnnoyRandomNext(&random));
	for (int i = 0; i < n; i++)
		AnnCopyNode(forest->writer, roots[i]);
	pfree(roots);
	return n;
}

/*
 * Write the header of scikit-plots.
 */
static void
write_header(const AnnForest *forest)
{
	const AnnFormat *format = &forest->format;
	AnnHeader	header = {
		.magic = ANN_HEADER_MAGIC,
		.version = ANN_HEADER_VERSION,
		.component_size = AnnComponentSize(format->metric),
		.id_size = sizeof(int32),
		.node_size = format->node_size,
		.dim = format->metric == ANNOY_HAMMING ? format->words : format->dim,
		.items = forest->items,
		.metric_hash = AnnMetricHash(format->metric),
	};

	AnnWriteHead(forest->writer, &header, sizeof(header));
}

/*
 * Write items and trees, of whose number export->n_trees is told.
 */
void
AnnWriteForest(AnnExport *export, AnnWriter *writer)
{
	export->forest.writer = writer;
	if (export->layout == ANN_LAYOUT_SCIKIT_PLOTS)
		write_header(&export->forest);
	write_items(&export->forest);
	export->n_trees = write_trees(&export->forest, export->n_trees,
								  export->access.index->seed);
}

static void
write_file(AnnExport *export, const char *name)
{
	AnnWriter  *writer = AnnMakeWriter(name, export->forest.format.node_size);

	PG_ENSURE_ERROR_CLEANUP(AnnRemoveFile, PointerGetDatum(writer));
	{
		AnnCreateFile(writer);
		AnnWriteForest(export, writer);
		AnnFinishFile(writer);
	}
	PG_END_ENSURE_ERROR_CLEANUP(AnnRemoveFile, PointerGetDatum(writer));
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Find the column of item numbers: the one of that name, or else the primary key,
 * if it is one integer.  Without one, item_column remains invalid.
 */
static void
choose_column(AnnExport *export, const char *name)
{
	Relation	heap = export->access.heap;
	Oid			table = RelationGetRelid(heap);
	char		generated;

	if (name == NULL)
	{
		Bitmapset  *key = RelationGetIndexAttrBitmap(heap, INDEX_ATTR_BITMAP_PRIMARY_KEY);
		int			member;

		if (bms_get_singleton_member(key, &member))
			export->item_column = member + FirstLowInvalidHeapAttributeNumber;
		if (export->item_column != InvalidAttrNumber)
			export->item_type = getBaseType(get_atttype(table, export->item_column));
		if (!is_integer(export->item_type))
			export->item_column = InvalidAttrNumber;
		return;
	}
	export->item_column = get_attnum(table, name);
	if (export->item_column == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(heap))));
	export->item_type = getBaseType(get_atttype(table, export->item_column));
	if (export->item_column < 0 || !is_integer(export->item_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is not of an integer type", name)));
	generated = TupleDescAttr(RelationGetDescr(heap), export->item_column - 1)->attgenerated;
	if (generated != '\0' && generated != ATTRIBUTE_GENERATED_STORED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" is generated and not stored", name),
				 errhint("Use another column, or one that is GENERATED ALWAYS AS (...) STORED.")));
}

/*
 * Decide how the rows of the index are kept in memory.
 */
static void
init_forest(AnnExport *export)
{
	AnnForest  *forest = &export->forest;
	const AnnoyIndex *index = export->access.index;
	AnnoyMetric metric = index->metric;
	int			dim = index->dim;

	AnnFormatInit(&forest->format, metric, dim, export->layout == ANN_LAYOUT_OLD);
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

/*
 * Open an index and read the rows to be exported, with the numbers that items have
 * in that column, or see choose_column.  With `renumber' these may be any, and the
 * file's items are numbered from 0 in their order.
 *
 * It is for the caller to close the index.
 */
void
AnnReadRows(AnnExport *export, Oid oid, const char *column, int n_trees,
			AnnLayout layout, bool renumber)
{
	if (n_trees != -1 && (n_trees < 1 || n_trees > MAX_EXPORT_TREES))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n_trees must be between 1 and %d, or -1", MAX_EXPORT_TREES)));

	memset(export, 0, sizeof(AnnExport));
	export->n_trees = n_trees;
	export->layout = layout;
	export->renumber = renumber;
	export->allowed = (Size) maintenance_work_mem * 1024;
	AnnoyOpenForRows(oid, &export->access);
	choose_column(export, column);
	if (export->access.index->dim == 0)
		return;
	init_forest(export);
	read_rows(export);
	if (export->forest.rows > 0)
		order_rows(export);
}

static AnnLayout
layout_argument(const char *name)
{
	for (AnnLayout layout = ANN_LAYOUT_ANNOY; layout <= ANN_LAYOUT_SCIKIT_PLOTS; layout++)
	{
		if (strcmp(name, layout_names[layout]) == 0)
			return layout;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized layout \"%s\"", name),
			 errhint("Layouts are \"%s\", \"%s\" for versions before 1.17.3, which have another one for \"dot\", and \"%s\".",
					 layout_names[ANN_LAYOUT_ANNOY], layout_names[ANN_LAYOUT_OLD],
					 layout_names[ANN_LAYOUT_SCIKIT_PLOTS])));
	return ANN_LAYOUT_ANNOY;	/* keep compiler quiet */
}

/*
 * Read the rows for a file, of which there must be one at least.
 */
static void
read_for_file(AnnExport *export, FunctionCallInfo fcinfo, int n_trees, const char *layout)
{
	AnnReadRows(export, PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), n_trees,
				layout_argument(layout), false);
	if (export->forest.rows == 0)
		no_vectors(export);
}

PG_FUNCTION_INFO_V1(annoy_export);
PG_FUNCTION_INFO_V1(annoy_export_bytes);

/*
 * Writes a file that the Annoy library can load, of the rows of an index.
 * Returns their number.
 */
Datum
annoy_export(PG_FUNCTION_ARGS)
{
	AnnExport	export;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));

	AnnCheckTarget(name);
	/* version 1.0 of the extension declares no layout */
	read_for_file(&export, fcinfo, PG_GETARG_INT32(3),
				  PG_NARGS() > 4 ? text_to_cstring(PG_GETARG_TEXT_PP(4)) : "annoy");
	write_file(&export, name);
	AnnoyCloseIndex(&export.access);
	PG_RETURN_INT64(export.forest.rows);
}

/*
 * Returns what annoy_export() writes.
 */
Datum
annoy_export_bytes(PG_FUNCTION_ARGS)
{
	AnnExport	export;
	AnnWriter  *writer;

	read_for_file(&export, fcinfo, PG_GETARG_INT32(2), text_to_cstring(PG_GETARG_TEXT_PP(3)));
	writer = AnnMakeValueWriter(export.forest.format.node_size, false);
	AnnWriteForest(&export, writer);
	AnnoyCloseIndex(&export.access);
	PG_RETURN_BYTEA_P(AnnFinishValue(writer));
}
