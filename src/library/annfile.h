/*-------------------------------------------------------------------------
 *
 * annfile.h
 *	  Files of the Annoy library, ".ann".
 *
 * A file is an array of nodes of one size, in the byte order of the machine
 * that wrote it, and nothing else:
 *
 *	items		node i is item i; holes in the numbering are all zero
 *	trees		nodes of trees, a child always before its parent
 *	roots		copies of the roots, for whoever opens the file
 *
 * A node starts with the number of its descendants: 1 for an item, 0 for a
 * hole, that of all items, holes included, for a root.  If there are at most
 * `leaf_ids' of them, a node of a tree is a list of items; otherwise it has two
 * children and the normal of the plane between them.  The list begins where the
 * children are and runs on over the vector.
 *
 * scikit-plots puts a header of its own before the nodes.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/annfile.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_ANNFILE_H
#define ANNOY_ANNFILE_H

#include "library/library.h"
#include "type/type.h"

/* Where the fields of a node are, in bytes from its start. */
typedef struct AnnFormat
{
	AnnoyMetric metric;
	int			dim;
	int			words;			/* hamming: 64-bit words of a vector */
	int			extra_at;		/* angular: squared norm of an item; euclidean
								 * and manhattan: offset of a plane; dot:
								 * component that makes norms equal */
	int			children_at;
	int			vector_at;
	int			vector_size;
	int			node_size;
	int			leaf_ids;		/* what fits from children_at on */
} AnnFormat;

/* "dot" has two more fields since version 1.17.3. */
#define ANN_DOT_NORM_AT			16
#define ANN_DOT_BUILT_AT		20

#define AnnNodeCount(node)		(*(int32 *) (node))
#define AnnNodeFloat(node, at)	(*(float *) ((char *) (node) + (at)))
#define AnnNodeChildren(node, format) \
	((int32 *) ((char *) (node) + (format)->children_at))
#define AnnNodeVector(node, format) \
	((float *) ((char *) (node) + (format)->vector_at))
#define AnnNodeWords(node, format) \
	((uint64 *) ((char *) (node) + (format)->vector_at))

/* Layouts of files; but for "dot", the first two are the same. */
typedef enum AnnLayout
{
	ANN_LAYOUT_ANNOY,
	ANN_LAYOUT_OLD,				/* before version 1.17.3 */
	ANN_LAYOUT_SCIKIT_PLOTS		/* with its header */
} AnnLayout;

/* Header of scikit-plots.  All its fields are where a compiler puts them. */
typedef struct AnnHeader
{
	uint32		magic;
	uint16		version;
	uint8		component_size;
	uint8		id_size;
	uint32		node_size;
	uint32		dim;
	uint64		items;
	uint32		metric_hash;
	uint32		zeros[9];
} AnnHeader;

StaticAssertDecl(sizeof(AnnHeader) == 64, "the header has 64 bytes");

#define ANN_HEADER_MAGIC		0x414E4958	/* "ANIX" */
#define ANN_HEADER_VERSION		1

/* annfile.c */

/*
 * Bytes that may become a part of a value of type jsonb.  That has 0x0FFFFFFF bytes at
 * most, and base64 makes four of three.
 */
#define ANN_MAX_IN_JSONB		(191 * 1024 * 1024)

/* A file that is being written, or a value. */
typedef struct AnnWriter AnnWriter;

extern void AnnFormatInit(AnnFormat *format, AnnoyMetric metric, int dim,
						  bool old_dot);
extern uint8 AnnComponentSize(AnnoyMetric metric);
extern uint32 AnnMetricHash(AnnoyMetric metric);
extern void AnnCheckTarget(const char *name);
extern AnnWriter *AnnMakeWriter(const char *name, int node_size);
extern AnnWriter *AnnMakeValueWriter(int node_size, bool for_jsonb);
extern void AnnCreateFile(AnnWriter *writer);
extern void AnnWriteHead(AnnWriter *writer, const void *bytes, Size size);
extern int32 AnnWriteNode(AnnWriter *writer, const void *node);
extern void AnnCopyNode(AnnWriter *writer, int32 number);
extern void AnnFinishFile(AnnWriter *writer);
extern bytea *AnnFinishValue(AnnWriter *writer);
extern void AnnRemoveFile(int code, Datum arg);

/* export_tree.c */

/* The rows that trees are made of, and the file that gets them. */
typedef struct AnnForest
{
	AnnFormat	format;
	int			row_dim;		/* floats of a row in memory, padded */
	int			row_size;		/* its bytes */
	int			chunk_rows;		/* a power of two */
	char	  **chunks;			/* vectors, by number of row */
	int32	   *ids;			/* the same for the items' numbers */
	int32	   *order;			/* numbers of rows; trees put it in theirs */
	int32		rows;
	int32		items;			/* largest id + 1 */
	AnnWriter  *writer;
} AnnForest;

static inline void *
AnnForestRow(const AnnForest *forest, int32 row)
{
	return forest->chunks[row / forest->chunk_rows] +
		(Size) (row % forest->chunk_rows) * forest->row_size;
}

extern int32 AnnMakeTree(AnnForest *forest, uint64 seed);

/* export.c */

/* An index whose rows are exported. */
typedef struct AnnExport
{
	AnnoyAccess access;
	int			n_trees;
	AnnLayout	layout;
	AttrNumber	item_column;	/* invalid if rows are just counted */
	Oid			item_type;
	bool		renumber;		/* the file's items have numbers of its own */
	AnnForest	forest;
	int64	   *numbers;		/* of items, by number of row */
	Size		memory;			/* taken by rows so far */
	Size		allowed;
	int32		chunks_allocated;
	int32		ids_allocated;
} AnnExport;

extern void AnnReadRows(AnnExport *export, Oid oid, const char *column, int n_trees,
						AnnLayout layout, bool renumber);
extern void AnnWriteForest(AnnExport *export, AnnWriter *writer);

/* import.c */
extern void AnnReturnItems(FunctionCallInfo fcinfo, AnnoyMetric metric, int dim,
						   const char *bytes, Size size, const char *numbers,
						   int32 items);

#endif							/* ANNOY_ANNFILE_H */
