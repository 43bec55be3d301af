/*-------------------------------------------------------------------------
 *
 * annoy.h
 *	  What the files of the access method share.  Private; authors of operator
 *	  classes want annoy_opclass.h.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/annoy.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_H
#define ANNOY_H

#include "access/amapi.h"
#include "access/genam.h"
#include "access/itup.h"
#include "access/generic_xlog.h"
#include "access/tableam.h"
#include "commands/progress.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "portability/instr_time.h"
#include "port/pg_bitutils.h"
#include "utils/relcache.h"

#include "annoy_page.h"
#include "compat.h"
#include "simd/kernels.h"
#include "simd/simd.h"
#include "type/type.h"

/* Components of images are not beyond this: their squares still are finite. */
#define ANNOY_MAX_COMPONENT		1e15

/*
 * Nor is a centre's scale beyond this: rotation makes a component at most as
 * large as the norm, and there are at least 3 bits for it.
 */
#define ANNOY_MAX_CENTRE_SCALE	1e17f

#define ANNOY_DEFAULT_SEED		UINT64CONST(1234567890987654321)
#define ANNOY_DEFAULT_EPSILON	2.5
#define ANNOY_DEFAULT_RECALL	0.95
#define ANNOY_MIN_RECALL		0.5
#define ANNOY_DEFAULT_NEIGHBORS	5

/* Storage parameters, see handler.c. */
typedef struct AnnoyOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int			n_trees;		/* -1 = automatic */
	int			search_k;		/* -1 = automatic */
	int			dimensions;		/* 0 = from the first row */
	int			seed_offset;	/* string: a 64-bit number, 0 = default */
	int			dtype_offset;	/* string: an AnnoyDtype, empty = the column's */
	double		target_recall;	/* -1 = as set */
} AnnoyOptions;

/* Phases of a build, as pg_stat_progress_create_index shows them. */
#define ANNOY_PHASE_LOAD		2
#define ANNOY_PHASE_SAMPLE		3
#define ANNOY_PHASE_SKELETON	4
#define ANNOY_PHASE_REFINE		5
#define ANNOY_PHASE_ASSIGN		6
#define ANNOY_PHASE_SORT		7
#define ANNOY_PHASE_WRITE		8
#define ANNOY_PHASE_CALIBRATE	9
#define ANNOY_PHASE_LOG			10

/* Settings, see handler.c. */
extern int	annoy_search_k;
extern double annoy_target_recall;
extern bool annoy_target_recall_is_set;
extern double annoy_epsilon;
extern bool annoy_strict_order;
extern int	annoy_verbose;
extern int	annoy_simd;
extern int	annoy_n_neighbors;

/*
 * Shape of the codes in one kind of node.  A code is `bits' planes of `dims'
 * bits each: the most significant plane last.
 */
typedef struct AnnoyCodec
{
	int			bits;			/* per dimension */
	int			dims;			/* leading dimensions that are coded */
	int			bytes;			/* bits * dims / 8 */
	int			capacity;		/* entries a node has room for */
} AnnoyCodec;

#define ANNOY_MAX_CODE_BYTES	256

/* One block of entries with codes of that many bytes; see annoy_page.h. */
#define ANNOY_BLOCK_SIZE(code_bytes) \
	(ANNOY_BLOCK_ENTRIES * \
	 ((code_bytes) + 2 * sizeof(float) + sizeof(uint16) + sizeof(AnnoyPointer)))

/* Widest beam of AnnoyPlace. */
#define ANNOY_MAX_BEAM			16

/* More entries than this a node never has. */
#define ANNOY_MAX_ENTRIES		512

/*
 * More trees than this are not replaced together: their roots and the metapage
 * are in one WAL record.
 */
#define ANNOY_MAX_REPLACED_TREES	31

/* With fewer entries than this a node cannot be split. */
#define ANNOY_MIN_ROOM			2

/*
 * Everything about an index that does not change once its dimensions are
 * known.  Lives in rd_amcache as one piece of memory.
 */
typedef struct AnnoyIndex
{
	AnnoyMetric metric;
	AnnoyDtype	dtype;			/* of the stored vectors */
	int			dim;			/* dimensions, 0 = not known yet */
	int			n_trees;
	uint64		seed;
	double		built_items;
	uint32		resets;			/* the metapage's, to know a stale copy */
	uint8		generation;		/* of nodes */
	double		grown_from;		/* see the metapage */
	bool		has_old_nodes;	/* as of when it was opened */
	AnnoyCurve	curve;

	/* the search space; if it is not known yet, nothing is compared in it */
	bool		has_space;
	int			space_dim;		/* dim padded to ANNOY_DIM_ALIGN */
	int			scale_exponent;
	double		scale;			/* image = scale * vector; 2^scale_exponent */
	float	   *mean;			/* dim floats */
	float	   *signs;			/* ANNOY_ROTATION_ROUNDS * space_dim floats */

	/* nodes */
	int			centre_bits;	/* per dimension: 16, 8 or 4 */
	int			centre_bytes;
	AnnoyCodec	leaf;
	AnnoyCodec	inner;

	/* item groups */
	int			item_size;		/* bytes of a stored vector, aligned */
	int			group_slots;
	int			group_pages;
	int			group_head;		/* bytes before the first vector */

	/* further columns */
	int			attributes_size;	/* of an item on average, by the types; 0
									 * = there are none */
} AnnoyIndex;

#define ANNOY_ROTATION_ROUNDS	4
#define ANNOY_MAX_GROUP_PAGES	32

#define AnnoyNodeCodec(index, node) \
	((node)->level == 0 ? &(index)->leaf : &(index)->inner)
#define AnnoyRootBlock(tree) ((BlockNumber) (ANNOY_FIRST_ROOT_BLKNO + (tree)))

/* An entry of a node, outside of a page. */
typedef struct AnnoyEntry
{
	float		offset;
	float		shift;			/* of the offset, in nodes near the origin */
	float		slope;
	uint16		error;
	AnnoyPointer pointer;
	uint8		code[ANNOY_MAX_CODE_BYTES];
} AnnoyEntry;

/*
 * Can a node be understood with a description of the index?  Not if it has codes,
 * and the description is from before the search space was decided; then
 * AnnoyOpen gives a new one.
 */
static inline bool
AnnoyNodeIsKnown(const AnnoyIndex *index, AnnoyNode node)
{
	return index->has_space || (node->flags & ANNOY_NODE_PLAIN) != 0;
}

/* Is a node part of a tree, and not one that was replaced? */
static inline bool
AnnoyNodeIsCurrent(const AnnoyIndex *index, AnnoyNode node)
{
	return node->generation == index->generation;
}

/* What a node stores as the offset of an entry. */
static inline float
AnnoyNodeOffset(AnnoyNode node, const AnnoyEntry *entry)
{
	return (node->flags & ANNOY_NODE_NEAR) ? entry->offset + entry->shift :
		entry->offset;
}

/* Look-up tables of a point, good for codes of any number of bits. */
typedef struct AnnoyLut
{
	uint8	   *low;
	uint8	   *high;
	float		unit;			/* what 1 in the tables stands for */
	int			sum;			/* of the magnitudes of components, in units */
} AnnoyLut;

/*
 * A point of the search space prepared for comparison with nodes: a query, or
 * a vector that looks for its leaf.
 */
typedef struct AnnoyTarget
{
	const AnnoyIndex *index;
	bool		inner_product;	/* score is -2 <x, .>, not squared distance */
	float	   *x;				/* space_dim floats */
	float		norm2;			/* |x|^2 */
	AnnoyLut	lut;			/* of x */
	AnnoyLut	node_lut;		/* of x less a node's centre */
	float	   *residual;		/* work space for that */
	int8	   *centre;			/* work space to unpack 4-bit centres */
} AnnoyTarget;

/* A scored entry: a node to visit, or an item to look at. */
typedef struct AnnoyCandidate
{
	float		score;
	uint32		nsn;			/* nodes: parent's child_nsn when it was read */
	AnnoyPointer pointer;
} AnnoyCandidate;

/*
 * Collects the candidates with the lowest scores: appends what is below the
 * limit, and when the array is full keeps the best and lowers the limit.
 */
typedef struct AnnoyCollector
{
	AnnoyCandidate *candidates;
	int			count;
	int			keep;			/* how many are wanted */
	int			allocated;
	float		limit;			/* scores from here on are not wanted */
} AnnoyCollector;

/* An item as read by AnnoyItemFetch. */
typedef struct AnnoyItem
{
	ItemPointerData tid;
	uint16		state;
	AnnoyPointer attributes;	/* if the index has further columns and the
								 * item a vector */
	AnnoyVector vector;			/* data are NULL if the vector is */
} AnnoyItem;

typedef struct AnnoyItemReader
{
	Relation	rel;
	const AnnoyIndex *index;
	BufferAccessStrategy strategy;
	Buffer		buffer;			/* locked first page of the group */
	char	   *scratch;		/* for vectors that straddle pages */
	bool		tests_first;	/* most items' vectors are not wanted */
} AnnoyItemReader;

/* What a walk over all items calls for each slot in use. */
typedef void (*AnnoyItemCallback) (AnnoyPointer *pointer,
								   const AnnoyItem *item, void *arg);

/* What a scan has done; see annoy_last_scan(). */
typedef struct AnnoyScanStats
{
	int64		rounds;
	int64		inner_nodes;	/* visited, roots included */
	int64		leaves;
	int64		entries;		/* of leaves */
	int64		items;			/* whose exact distance was computed */
	int64		rows;			/* returned */
	bool		walked;			/* over all items in the end */
	int64		pages;			/* of the index and of the server's buffers */
	int64		pages_read;		/* of these, not found in shared buffers */
	instr_time	routing;		/* ranking leaves */
	instr_time	scanning;		/* leaves */
	instr_time	reranking;		/* items */
} AnnoyScanStats;

/* Random numbers: SplitMix64.  Part of the format: seeds must keep meaning. */
typedef uint64 AnnoyRandom;

static inline uint64
AnnoyRandomNext(AnnoyRandom *state)
{
	uint64		z = (*state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A random number below n; the bias is far below anything that matters. */
static inline uint32
AnnoyRandomBelow(AnnoyRandom *state, uint32 n)
{
	return (uint32) (((AnnoyRandomNext(state) >> 32) * n) >> 32);
}

/* The error factor is the upper half of a float. */
static inline float
AnnoyErrorToFloat(uint16 error)
{
	union
	{
		uint32		i;
		float		f;
	}			u;

	u.i = (uint32) error << 16;
	return u.f;
}

/* error.c */

/* not pg_attribute_printf(): it names a format that clang does not know */
extern void AnnoyReportCorruptionV(Relation rel, BlockNumber block, int offset,
								   const char *format, va_list args)
			__attribute__((format(printf, 4, 0))) pg_attribute_noreturn();
extern void AnnoyReportCorruption(Relation rel, BlockNumber block,
								  const char *format,...)
			__attribute__((format(printf, 3, 4))) pg_attribute_noreturn();

/* handler.c */
extern int	AnnoyOptionSearchK(Relation rel);
extern double AnnoyOptionTargetRecall(Relation rel);
extern int	AnnoyOptionDimensions(Relation rel);
extern int	AnnoyOptionTrees(Relation rel);
extern uint64 AnnoyOptionSeed(Relation rel, bool *is_zero);
extern bool AnnoyOptionDtype(Relation rel, AnnoyDtype *dtype);

/* describe.c */
extern AnnoyIndex *AnnoyMakeIndex(AnnoyMetric metric, AnnoyDtype dtype, int dim,
								  int n_trees, uint64 seed, int scale_exponent,
								  const float *mean, int attributes_size);
extern AnnoyMetric AnnoyIndexMetric(Relation rel);
extern AnnoyDtype AnnoyDeclaredDtype(Relation rel);
extern double AnnoyEstimateItems(const AnnoyIndex *index, BlockNumber nblocks);

/* meta.c */
extern const AnnoyIndex *AnnoyOpen(Relation rel);
extern const AnnoyIndex *AnnoyOpenSpace(Relation rel);
extern void AnnoyCheckMeta(Relation rel, Buffer buffer);
extern Buffer AnnoyLockMeta(Relation rel, int mode);
extern BlockNumber AnnoyLeftmostNode(Relation rel, int tree, int level);
extern void AnnoyInitMetaPage(Page page, const AnnoyIndex *index);
extern void AnnoyWriteMean(Relation rel, const AnnoyIndex *index,
						   BlockNumber *first, uint32 *count);
extern const AnnoyIndex *AnnoySetDimensions(Relation rel,
											const AnnoyVector *vec);
extern void AnnoySetSpace(Relation rel, int scale_exponent, const float *mean);
extern void AnnoySpaceFits(Relation rel, double items);
extern bool AnnoyMarkOldNodes(Relation rel, bool set);
extern void AnnoyReplaceTrees(Relation rel, const AnnoyIndex *index,
							  BlockNumber leftmost[][ANNOY_MAX_LEVEL],
							  const char *roots);
extern void AnnoyForgetDimensions(Relation rel);
extern void AnnoyClearLeftover(Relation rel);
extern void AnnoyStoreCurve(Relation rel, const AnnoyCurve *curve);

/*
 * Does a page look like one of ours?  What it says of its used part is checked
 * as well, lest whoever changes the page writes beyond its end.
 */
static inline bool
AnnoyPageIsValid(Page page)
{
	PageHeader	header = (PageHeader) page;

	return header->pd_upper == BLCKSZ && header->pd_special == BLCKSZ &&
		AnnoyPageGetTag(page)->page_id == ANNOY_PAGE_ID;
}

/* page.c */
extern void AnnoyPageInit(Page page, AnnoyPageKind kind);
extern void AnnoyPageSetEnd(Page page, const void *end);
extern void AnnoyReportPage(Relation rel, BlockNumber block, Page page, int kind)
			pg_attribute_noreturn();
extern void AnnoyCheckPage(Relation rel, Buffer buffer, AnnoyPageKind kind);
extern bool AnnoyBlockExists(Relation rel, BlockNumber block);
extern Buffer AnnoyReadBuffer(Relation rel, BlockNumber block,
							  BufferAccessStrategy strategy);
extern int	AnnoyPrefetchDistance(int ahead);
extern void AnnoyPrefetchBuffer(Relation rel, BlockNumber block);
extern void AnnoyPrefetchPage(Relation rel, BlockNumber block, int offset,
							  int bytes);
extern Buffer AnnoyExtend(Relation rel, ForkNumber fork, int pages);

/* space.c */
extern int	AnnoySpaceDim(int dim);
extern void AnnoyMakeSigns(uint64 seed, int space_dim, float *signs);
extern bool AnnoyIsScaled(AnnoyMetric metric);
extern bool AnnoyNormExponent(const AnnoyVector *vec, int *exponent);
extern int	AnnoyScaleExponent(int norm_exponent);
extern void AnnoyImage(AnnoyMetric metric, double scale, const AnnoyVector *vec,
					   float *image);
extern void AnnoyRescaleImage(float *image, int dim, int exponent);
extern void AnnoyMapImage(const AnnoyIndex *index, const float *image,
						  float *x);
extern void AnnoyMapItem(const AnnoyIndex *index, const AnnoyVector *vec,
						 float *x);
extern void AnnoyMapQuery(const AnnoyIndex *index, const AnnoyVector *vec,
						  float *x);

/* codec.c */
extern void AnnoyEncode(const AnnoyIndex *index, const AnnoyCodec *codec,
						const float *x, const float *centre,
						AnnoyEntry *entry);
extern float AnnoyQuantise(const AnnoyIndex *index, float *centre,
						   int16 *quantised);
extern void AnnoyTargetInit(AnnoyTarget *target, const AnnoyIndex *index,
							bool inner_product);
extern void AnnoyTargetSet(AnnoyTarget *target);
extern void AnnoyLutFill(AnnoyLut *lut, const AnnoyIndex *index,
						 const float *x);
extern void AnnoyLutScoring(const AnnoyLut *lut, const AnnoyCodec *codec,
							bool bound, AnnoyScoring *scoring);

/* node.c */
extern void AnnoyNodeInit(Page page, const AnnoyIndex *index, int tree,
						  int level, float *centre);
extern void AnnoyNodeSetNear(AnnoyNode node, double mean_offset);
extern bool AnnoyCentreIsSound(AnnoyNode node);
extern void AnnoyCheckNode(Relation rel, const AnnoyIndex *index,
						   Buffer buffer);
extern void AnnoyCheckEntries(Relation rel, const AnnoyIndex *index,
							  AnnoyNode node, BlockNumber block);
extern bool AnnoyNodeIsFull(const AnnoyIndex *index, AnnoyNode node);
extern void AnnoyNodeMakeRoom(const AnnoyIndex *index, AnnoyNode node);
extern void AnnoyCopyNode(Relation rel, const AnnoyIndex *index,
						  BlockNumber block, Page copy);
extern void AnnoyNodeReadCentre(const AnnoyIndex *index, AnnoyNode node,
								float *centre);
extern AnnoyPointer *AnnoyNodePointer(const AnnoyIndex *index, AnnoyNode node,
									  int i);
extern int	AnnoyNodeFindChild(const AnnoyIndex *index, AnnoyNode node,
							   BlockNumber child);
extern bool AnnoyNodeSameCode(const AnnoyIndex *index, AnnoyNode node, int i,
							  int j);
extern int	AnnoyNodeEnd(const AnnoyIndex *index, Page page);
extern void AnnoyNodeGet(const AnnoyIndex *index, AnnoyNode node, int i,
						 AnnoyEntry *entry);
extern void AnnoyNodePut(const AnnoyIndex *index, Page page, int i,
						 const AnnoyEntry *entry);
extern void AnnoyNodeAppend(const AnnoyIndex *index, Page page,
							const AnnoyEntry *entry);
extern void AnnoyNodeRemove(const AnnoyIndex *index, Page page, int i);
extern float AnnoyNodeDistance(AnnoyTarget *target, AnnoyNode node);
extern int	AnnoyNodeScore(AnnoyTarget *target, AnnoyNode node, float epsilon,
						   float limit, uint16 *hits, float *scores);

/* collect.c */
extern void AnnoyCollectorInit(AnnoyCollector *collector);
extern void AnnoyCollectorReset(AnnoyCollector *collector, int keep);
extern void AnnoyCollectorFree(AnnoyCollector *collector);
extern Size AnnoyCollectorMemory(int keep);
extern void AnnoyCollect(AnnoyCollector *collector, const AnnoyIndex *index,
						 AnnoyNode node, int nhits, const uint16 *hits,
						 const float *scores);
extern void AnnoyCollectorAdd(AnnoyCollector *collector,
							  const AnnoyCandidate *candidate);
extern void AnnoyCollectorFinish(AnnoyCollector *collector);

/* Is told how much there is to do on top of what was known, and what is done. */
typedef void (*AnnoyProgress) (uint64 more, uint64 done, void *arg);

/* kmeans.c */
typedef struct AnnoyPieces
{
	int			count;
	int			allocated;
	int		   *start;			/* start[count] is the number of points */
	AnnoyProgress progress;		/* counts the points of each division; or NULL */
	void	   *progress_arg;
} AnnoyPieces;

extern int	AnnoyTwoMeans(const float *points, int dim, int *order, int count,
						  int min_part, double granule, AnnoyRandom *random,
						  AnnoyProgress progress, void *progress_arg);
extern bool AnnoyRefineParts(const float *points, int dim, int count,
							 int parts, float *centres, int *part,
							 int min_part, int max_part);
extern int	AnnoyDivide(const float *points, int dim, int *order, int start,
						int count, double max_piece, bool pack, uint64 seed,
						AnnoyProgress progress, void *progress_arg);
extern void AnnoyPartition(const float *points, int dim, int *order, int start,
						   int count, double max_piece, bool pack,
						   uint64 seed, AnnoyPieces *pieces);
extern void AnnoyMean(const float *points, int dim, const int *order,
					  int count, float *mean);
extern float AnnoyMedian(float *values, int count);
extern void AnnoyCentre(const float *points, int dim, const int *order,
						int count, float *centre);
extern void AnnoyRobustCentre(const float *points, int dim, const int *order,
							  int count, float *centre);

/* item.c */
extern void AnnoyItemPut(const AnnoyIndex *index, Page page, int page_no,
						 int slot, const AnnoyVector *vec);
extern int	AnnoyItemEnd(const AnnoyIndex *index, Page page, int page_no,
						 int slot);
extern void AnnoyItemGeometry(AnnoyIndex *index);
extern void AnnoySlotSet(const AnnoyIndex *index, Page page, int slot_no,
						 const ItemPointerData *tid,
						 const AnnoyPointer *attributes);
extern void AnnoySlotClear(const AnnoyIndex *index, Page page, int slot_no);
extern AnnoyPointer AnnoySlotAttributes(const AnnoyIndex *index, Page page,
										int slot_no);
extern void AnnoyItemRecordFree(Relation rel, BlockNumber block);
extern AnnoyPointer AnnoyItemInsert(Relation rel, const AnnoyIndex *index,
									ItemPointer tid, const AnnoyVector *vec,
									IndexTuple attributes);
extern void AnnoyItemReaderInit(AnnoyItemReader *reader, Relation rel,
								const AnnoyIndex *index,
								BufferAccessStrategy strategy);
extern int	AnnoyPageSlotCount(const AnnoyIndex *index, Page page);
extern bool AnnoyItemMayExist(Relation rel, const AnnoyIndex *index,
							  const AnnoyPointer *pointer);
extern bool AnnoyRowMayExist(Relation heap, const ItemPointerData *tid);
extern void AnnoyCheckRow(Relation rel, Relation heap, const ItemPointerData *tid);
extern void AnnoyCheckVector(Relation rel, const AnnoyPointer *pointer,
							 const AnnoyVector *vec);
extern void AnnoyItemPrefetch(AnnoyItemReader *reader,
							  const AnnoyPointer *pointer);
extern Buffer AnnoyItemPin(AnnoyItemReader *reader, const AnnoyPointer *pointer);
extern void AnnoyItemFetch(AnnoyItemReader *reader, Buffer buffer,
						   const AnnoyPointer *pointer, AnnoyItem *item);
extern void AnnoyItemRelease(AnnoyItemReader *reader);
extern void AnnoyItemReaderEnd(AnnoyItemReader *reader);
extern void AnnoyItemWalkRange(Relation rel, const AnnoyIndex *index,
							   BufferAccessStrategy strategy,
							   BlockNumber first, BlockNumber end,
							   AnnoyItemCallback callback, void *arg);
extern void AnnoyItemWalk(Relation rel, const AnnoyIndex *index,
						  BufferAccessStrategy strategy,
						  AnnoyItemCallback callback, void *arg);

/* nulls.c */
extern void AnnoyNullsInit(Page page);
extern Buffer AnnoyNullsLink(Relation rel, GenericXLogState *xlog, Page page,
							 BlockNumber block);
extern void AnnoyNullsInsert(Relation rel, ItemPointer tid);
extern void AnnoyNullsCut(Relation rel, BlockNumber end);
extern void AnnoyNullsWalk(Relation rel, BufferAccessStrategy strategy,
						   AnnoyItemCallback callback, void *arg);

/* attributes.c */
extern void AnnoyCheckColumns(Relation rel);
extern int	AnnoyAttributesSize(Relation rel);
extern TupleDesc AnnoyAttributesDesc(Relation rel);
extern IndexTuple AnnoyFormAttributes(Relation rel, TupleDesc desc,
									  Datum *values, bool *isnull);
extern void AnnoyAttributesInit(Page page);
extern bool AnnoyAttributesFit(Page page, IndexTuple tuple);
extern OffsetNumber AnnoyAttributesAdd(Page page, IndexTuple tuple);
extern IndexTuple AnnoyAttributesGet(Page page, OffsetNumber offset);
extern BlockNumber AnnoyAttributesFirst(Relation rel);
extern Buffer AnnoyAttributesRoom(Relation rel, IndexTuple tuple, BlockNumber locked);
extern Buffer AnnoyAttributesPut(Relation rel, GenericXLogState *xlog,
								 Buffer buffer, IndexTuple tuple,
								 AnnoyPointer *pointer);
extern Buffer AnnoyAttributesLock(Relation rel, BlockNumber block,
								  BlockNumber locked, int mode);
extern Buffer AnnoyAttributesDelete(Relation rel, GenericXLogState *xlog,
									Page page, BlockNumber block,
									OffsetNumber offset,
									const AnnoyPointer *item);
extern void AnnoyReportAttributes(Relation rel, const AnnoyPointer *item,
								  const AnnoyPointer *attributes)
			pg_attribute_noreturn();
extern bool AnnoyAttributesAreSound(TupleDesc desc, IndexTuple tuple);

/* build.c */
extern IndexBuildResult *annoybuild(Relation heap, Relation rel,
									IndexInfo *index_info);
extern void annoybuildempty(Relation rel);

/* column.c */
extern AnnoyVector AnnoyReadColumn(Relation rel, Datum value);
extern bool AnnoyColumnFits(Relation rel, const AnnoyIndex *index,
							Datum value);
extern void AnnoyCheckDimensions(Relation rel, const AnnoyIndex *index,
								 const AnnoyVector *vec);
extern void AnnoyCheckNewDimensions(Relation rel, const AnnoyIndex *index,
									const AnnoyVector *vec);
extern char *AnnoyQualifiedName(Oid oid);
extern int	AnnoyHintForget(Relation rel, int dim);

/* What errors about a row of a table say; see rowerror.c. */
typedef struct AnnoyRowErrors
{
	Relation	heap;
	const char *table_name;
	const char *table;			/* SQL, as are these: */
	const char *column;
	const char *predicate;		/* NULL if there is none */
	Oid			type;			/* of the column */
	MemoryContext context;

	/* the row at work, and what it has to fit */
	ItemPointerData tid;
	bool		in_vector;
	int			dim;			/* 0 = any */
	AnnoyDtype	dtype;
	ErrorContextCallback callback;
}			AnnoyRowErrors;

/* rowerror.c */
extern AnnoyRowErrors * AnnoyRowErrorsMake(Relation heap, Relation rel);
extern void AnnoyRowErrorsBegin(AnnoyRowErrors * errors, Relation rel,
								const AnnoyIndex *index,
								const ItemPointerData *tid, bool in_vector);
extern void AnnoyRowErrorsEnd(AnnoyRowErrors * errors);

/* place.c */
typedef AnnoyNode (*AnnoyReadNode) (BlockNumber block, void *arg);

extern void AnnoyPlace(Relation rel, AnnoyTarget *target, BlockNumber root, int beam,
					   AnnoyReadNode read_node, void *arg,
					   AnnoyCollector *leaves);

/* insert.c */
extern bool annoyinsert(Relation rel, Datum *values, bool *isnull,
						ItemPointer tid, Relation heap,
						IndexUniqueCheck check_unique,
						bool index_unchanged,
						IndexInfo *index_info);

/*
 * The nodes that a descent to a leaf has read.  A node that is split has its
 * parent among those of the level above, most likely.
 */
#define ANNOY_PATH_WIDTH	3	/* nodes of one level */

typedef struct AnnoyPath
{
	int			count[ANNOY_MAX_LEVEL];
	BlockNumber block[ANNOY_MAX_LEVEL][ANNOY_PATH_WIDTH];
	uint32		nsn[ANNOY_MAX_LEVEL][ANNOY_PATH_WIDTH]; /* as it was then */
} AnnoyPath;

/* respace.c */
extern void AnnoyDecideSpace(Relation rel, const AnnoyIndex *index,
							 BlockNumber block);
extern void AnnoyCorrectSpace(Relation rel, double items);

/* free.c */
extern Buffer AnnoyNodeExtend(Relation rel);
extern void AnnoyFreeOldNodes(Relation rel);

/* split.c */
extern void AnnoyFillNode(const AnnoyIndex *index, Page page, int tree,
						  int level, const float *points, const int *order,
						  int count, const AnnoyPointer *pointers,
						  float *centre);
extern void AnnoySplitNode(Relation rel, const AnnoyIndex *index,
						   BlockNumber block, const AnnoyPath *path);

/* reset.c */
extern bool AnnoyLockAlone(Relation rel);
extern bool AnnoyResetIfEmpty(Relation rel, BufferAccessStrategy strategy);

/* scan.c */
extern IndexScanDesc annoybeginscan(Relation rel, int nkeys, int norderbys);
extern void annoyrescan(IndexScanDesc scan, ScanKey keys, int nkeys,
						ScanKey orderbys, int norderbys);
extern bool annoygettuple(IndexScanDesc scan, ScanDirection dir);
extern void annoyendscan(IndexScanDesc scan);
extern void AnnoyScanRelax(IndexScanDesc scan);
extern double AnnoyScanEntries(IndexScanDesc scan);
extern void AnnoyScanSetSearchK(IndexScanDesc scan, int search_k);
extern const AnnoyScanStats *AnnoyLastScan(void);

/* vacuum.c */
extern IndexBulkDeleteResult *annoybulkdelete(IndexVacuumInfo *info,
											  IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback,
											  void *callback_state);
extern IndexBulkDeleteResult *annoyvacuumcleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);
extern AnnoyVacuumPhase AnnoyGetVacuumPhase(Relation rel, uint32 *changes);
extern void AnnoySetVacuumPhase(Relation rel, AnnoyVacuumPhase phase);

/* cost.c */
extern void annoycostestimate(PlannerInfo *root, IndexPath *path,
							  double loop_count, Cost *startup_cost,
							  Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);
extern int	AnnoyDefaultSearchK(const AnnoyIndex *index, double items);

/* open.c */

/* What a user must be allowed to do who calls a function with an index. */
typedef enum AnnoyRight
{
	ANNOY_MAY_EXECUTE,			/* no more than to call the function */
	ANNOY_MAY_SELECT,			/* SELECT on the whole table */
	ANNOY_MAY_MAINTAIN,			/* owner, or MAINTAIN on the table (since 17) */
	ANNOY_OWNS_INDEX,
	ANNOY_OWNS_TABLE,
} AnnoyRight;

/* Which rows of the table a function looks at. */
typedef enum AnnoySnapshot
{
	ANNOY_NO_SNAPSHOT,			/* none */
	ANNOY_STATEMENT_SNAPSHOT,	/* those that the statement sees */
	ANNOY_NEW_SNAPSHOT,			/* those committed when the locks are held */
} AnnoySnapshot;

/* What a function wants to do with an index: see open.c. */
typedef struct AnnoyRequest
{
	AnnoyRight	right;
	AnnoySnapshot snapshot;
	bool		returns_rows;	/* rows or vectors go to the user */
	const char *changes;		/* name of a function that changes something */
	LOCKMODE	heap_lock;		/* on the table ... */
	LOCKMODE	lock;			/* ... and the index, if not AccessShareLock */
} AnnoyRequest;

/* An index that a function has opened. */
typedef struct AnnoyAccess
{
	Relation	heap;
	Relation	rel;
	const AnnoyIndex *index;
	Snapshot	snapshot;		/* NULL if none was asked for */

	/* for AnnoyCloseIndex() */
	LOCKMODE	heap_lock;		/* to be given back */
	LOCKMODE	lock;
	Oid			user;			/* the caller, and what goes with that */
	int			security_context;
	int			nestlevel;
} AnnoyAccess;

extern void AnnoyOpenIndex(Oid oid, const AnnoyRequest *request,
						   AnnoyAccess *access);
extern void AnnoyCloseIndex(AnnoyAccess *access);
extern Relation AnnoyOpenQueried(Oid oid);

/*
 * Is that a table as PostgreSQL's own access method stores it: in the main fork,
 * and each row in the block that its TID names?
 */
static inline bool
AnnoyIsHeap(Relation table)
{
	return table->rd_tableam == GetHeapamTableAmRoutine();
}

/* access.c */

/* Searches in an index, one after the other. */
typedef struct AnnoyNearest
{
	const AnnoyAccess *access;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	RegProcedure distance;
} AnnoyNearest;

extern void AnnoyOpenForRows(Oid oid, AnnoyAccess *access);
extern bool AnnoyFetchRow(const AnnoyAccess *access, ItemPointer tid,
						  AnnoyVector *vec);
extern Datum AnnoyMakeDatum(Oid type, const AnnoyVector *vec);
extern void AnnoyBeginNearest(AnnoyNearest *nearest, const AnnoyAccess *access,
							  int search_k);
extern void AnnoyAskNearest(AnnoyNearest *nearest, Datum query);
extern bool AnnoyNextNearest(AnnoyNearest *nearest, double *distance,
							 ItemPointer tid);
extern void AnnoyEndNearest(AnnoyNearest *nearest);

/* alter.c */
extern void AnnoyWatchOptions(void);
extern bool AnnoyOptionNeedsRebuild(const char *name);

/* executor.c */
typedef struct AnnoyDemand
{
	bool		filtered;		/* rows are tested for more conditions */
	double		limit;			/* rows at most; 0 if that is not known */
	bool		is_page;		/* the first of them are left out */
}			AnnoyDemand;

extern void AnnoyWatchExecutor(void);
extern AnnoyDemand AnnoyAskExecutor(ScanKey orderbys);

/* effort.c */

/* A round that would scan more than this part of all entries scans all. */
#define ANNOY_LAST_EFFORT		0.5

/*
 * With conditions in the index: rows that are thought to be wanted at first, and
 * as many times the rows that will be demanded are searched for.
 */
#define ANNOY_FILTER_ROWS		10
#define ANNOY_FILTER_MARGIN		1.5

/*
 * If the executor has conditions of its own, the rows it wants are as hard to
 * find as the last of all that it takes, so an effort that finds the wanted part
 * of all on average is not enough: search harder by a factor.  Who takes so many
 * rows has conditions, most likely, even if none are seen: in a join, say.
 */
#define ANNOY_DEEP_ROWS		1200
#define ANNOY_DEEP_EFFORT		2

typedef struct AnnoyEfforts
{
	double		first;			/* before any row; infinite = all items */
	double		all;			/* estimate of the entries in the forest */
	int			measured;		/* 0 = not from the curve */
	double		effort[ANNOY_CURVE_RANKS];	/* for AnnoyCurveRows */
	double		power;			/* of the rows, for more of them */
} AnnoyEfforts;

extern void AnnoyChooseEfforts(Relation rel, const AnnoyIndex *index,
							   BlockNumber blocks, int search_k,
							   AnnoyEfforts *efforts);
extern double AnnoyNextEffort(const AnnoyEfforts *efforts, double effort,
							  double row, double items_per_row,
							  double *enough_for);
extern double AnnoyEffortForRows(const AnnoyEfforts *efforts, double rows);

/* pick.c */

/* Some items of an index, see AnnoySampleItems. */
typedef struct AnnoySample
{
	int			count;
	struct
	{
		AnnoyPointer pointer;
		ItemPointerData tid;
		AnnoyVector vector;
	}			items[FLEXIBLE_ARRAY_MEMBER];
} AnnoySample;

extern AnnoyVector AnnoyCopyVector(const AnnoyVector *vec);
extern AnnoySample *AnnoySampleItems(Relation rel, const AnnoyIndex *index,
									 uint64 seed, int wanted, bool distinct);

/* calibrate.c */


/* What comes of measuring a recall curve. */
typedef enum AnnoyCurveResult
{
	ANNOY_CURVE_MEASURED,
	ANNOY_CURVE_TOO_SMALL,		/* there are too few vectors */
	ANNOY_CURVE_NO_ANSWERS,		/* no query has a nearest vector */
	ANNOY_CURVE_DOUBTFUL		/* it is not what searches find */
} AnnoyCurveResult;

typedef struct AnnoyCalibration
{
	/* set by the caller */
	double		vectors;		/* in the index, about */
	const AnnoyVector *queries; /* NULL = ask items */
	int			nqueries;
	bool		try_searches;	/* look at every item, to be sure */
	AnnoyProgress progress;		/* counts items and queries; or NULL */
	void	   *progress_arg;

	/* results */
	AnnoyCurve	curve;			/* without points unless it was measured */
	AnnoyCurveResult result;
	double		predicted;		/* doubtful: the recall that was expected ... */
	double		found;			/* ... and the one there is */
} AnnoyCalibration;

extern void AnnoyCalibrate(Relation rel, AnnoyCalibration *calibration);

/* trial.c */

/* So many queries are tried, for so many rows. */
#define ANNOY_TRIAL_QUERIES		20
#define ANNOY_TRIAL_ROWS		10

typedef struct AnnoyTrial
{
	AnnoyVector vector;
	AnnoyPointer self;			/* invalid if it is not an item */

	/* distances of its nearest items, in order */
	int			count;
	double		nearest[ANNOY_TRIAL_ROWS];
} AnnoyTrial;

extern void AnnoyTrialAnswers(Relation rel, const AnnoyIndex *index,
							  AnnoyTrial *trials, int n);
extern double AnnoyTrialRecall(Relation rel, const AnnoyIndex *index,
							   const AnnoyTrial *trial, double effort);

/* curve.c */

/*
 * Indexes with fewer vectors have no curve: without one, a search scans at
 * least as many.
 */
#define ANNOY_CURVE_MIN_ITEMS	8000

extern bool AnnoyCurveIsValid(const AnnoyCurve *curve);
extern BlockNumber AnnoyFirstLeaf(Relation rel);
extern AnnoyNode AnnoyReadLeaf(Relation rel, const AnnoyIndex *index,
							   BlockNumber block, PGAlignedBlock *copy,
							   BlockNumber *steps);
extern void AnnoyWarnOfDoubt(Relation rel, const AnnoyCalibration *calibration,
							 const char *hint);
extern double AnnoyCountVectors(Relation rel, const AnnoyIndex *index);
extern void AnnoyRefreshCurve(Relation rel, double items);

/* validate.c */
extern bool annoyvalidate(Oid opclassoid);

#endif							/* ANNOY_H */
