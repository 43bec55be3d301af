/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Storage parameters and settings.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/options.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"

#include "annoy.h"
#include "simd/simd.h"
#include "type/type.h"

int			annoy_search_k = -1;
double		annoy_target_recall = ANNOY_DEFAULT_RECALL;
bool		annoy_target_recall_is_set = false;
double		annoy_epsilon = ANNOY_DEFAULT_EPSILON;
bool		annoy_strict_order = true;
int			annoy_verbose = 0;
int			annoy_simd = ANNOY_SIMD_AUTO;
int			annoy_n_neighbors = ANNOY_DEFAULT_NEIGHBORS;
bool		annoy_n_neighbors_is_set = false;
int			annoy_default_dtype = ANNOY_DTYPE_AUTO;

static relopt_kind annoy_relopt_kind;

/*
 * Read a seed: a decimal number that fits in 64 bits.
 */
static bool
parse_seed(const char *value, uint64 *seed)
{
	char	   *end;
	unsigned long long number;

	if (value[0] < '0' || value[0] > '9')
		return false;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*seed = number;
	return true;
}

static void
validate_seed(const char *value)
{
	uint64		seed;

	if (value != NULL && value[0] != '\0' && !parse_seed(value, &seed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"seed\": \"%s\"", value),
				 errdetail("Valid values are whole numbers between 0 and " UINT64_FORMAT ".",
						   PG_UINT64_MAX)));
}

/* What may be declared of the dtype, and the values of annoy.default_dtype. */
static const struct config_enum_entry dtype_options[] = {
	{"auto", ANNOY_DTYPE_AUTO, false},
	{"none", ANNOY_DTYPE_NONE, false},
	{"int8", ANNOY_INT8, false},
	{"float16", ANNOY_FLOAT16, false},
	{"float32", ANNOY_FLOAT32, false},
	{"float64", ANNOY_FLOAT64, false},
	{"bit", ANNOY_BIT, false},
	{NULL, 0, false}
};

/*
 * Read what is declared of the dtype.  The word bit without quotes arrives as the
 * name of SQL's type, with its schema.
 */
static bool
parse_dtype(const char *value, int *dtype)
{
	const struct config_enum_entry *option = dtype_options;

	if (strcmp(value, "pg_catalog.bit") == 0)
		value = "bit";
	while (option->name != NULL && pg_strcasecmp(value, option->name) != 0)
		option++;
	*dtype = option->val;
	return option->name != NULL;
}

/*
 * Other libraries have wider types than double precision, which is PostgreSQL's
 * widest.  SQL's types have other names than Annoy's, and arrive under those that
 * the catalog has: float as pg_catalog.float8.
 */
static void
validate_dtype(const char *value)
{
	static const char *const too_wide[] = {
		"float80", "float96", "float128", "longdouble", "long double"
	};
	static const struct
	{
		const char *catalog;
		const char *sql;
		const char *hint;
	}			types[] = {
		{"pg_catalog.float8", "float", "In SQL this is double precision: \"float64\". What is called real is \"float32\"."},
		{"pg_catalog.float4", "real", "This is \"float32\"."},
		{"pg_catalog.int2", "smallint", NULL},
		{"pg_catalog.int4", "integer", NULL},
		{"pg_catalog.int8", "bigint", NULL},
		{"pg_catalog.numeric", "numeric", NULL},
	};
	const char *hint = "Valid values are \"int8\", \"float16\", \"float32\" and \"float64\", \"bit\" for Hamming distance, and \"none\".";
	int			dtype;

	if (value == NULL || value[0] == '\0' || parse_dtype(value, &dtype))
		return;
	for (int i = 0; i < (int) lengthof(too_wide); i++)
	{
		if (pg_strcasecmp(value, too_wide[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("dtype \"%s\" is wider than float64, the widest that PostgreSQL has",
							value),
					 errhint("Use \"float64\", which is double precision.")));
	}
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if (strcmp(value, types[i].catalog) == 0)
		{
			value = types[i].sql;
			if (types[i].hint != NULL)
				hint = types[i].hint;
			break;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"dtype\": \"%s\"", value),
			 errhint("%s", hint)));
}

/*
 * annoy.search_k: -1 or a positive number.
 */
static bool
check_search_k(int *newval, void **extra pg_attribute_unused(),
			   GucSource source pg_attribute_unused())
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("Valid values are -1 and those between 1 and %d.", INT_MAX);
	return false;
}

/*
 * Note whether somebody has set a setting, since that comes before an index's storage
 * parameter, which comes before the default.
 */
static bool
note_whether_set(void **extra, GucSource source)
{
	bool	   *is_set;

	if (source <= PGC_S_DYNAMIC_DEFAULT)
		return true;
	is_set = AnnoyGucAlloc(sizeof(bool));
	if (is_set == NULL)
		return false;
	*is_set = true;
	*extra = is_set;
	return true;
}

/*
 * annoy.target_recall and annoy.n_neighbors
 */
static bool
check_target_recall(double *newval pg_attribute_unused(), void **extra,
					GucSource source)
{
	return note_whether_set(extra, source);
}

static bool
check_n_neighbors(int *newval pg_attribute_unused(), void **extra,
				  GucSource source)
{
	return note_whether_set(extra, source);
}

static void
assign_target_recall(double newval pg_attribute_unused(), void *extra)
{
	annoy_target_recall_is_set = extra != NULL;
}

static void
assign_n_neighbors(int newval pg_attribute_unused(), void *extra)
{
	annoy_n_neighbors_is_set = extra != NULL;
}

/*
 * annoy.verbose: as in Annoy, a number beyond the last level is that level.
 */
static bool
check_verbose(int *newval, void **extra pg_attribute_unused(),
			  GucSource source pg_attribute_unused())
{
	*newval = Max(-2, Min(2, *newval));
	return true;
}

/*
 * annoy.simd: kernels and metrics are those of one path.
 */
void
AnnoyAssignSimd(int newval, void *extra pg_attribute_unused())
{
	AnnoyMetricUse(AnnoySimdUse(newval));
}

/*
 * Module load.
 */
void
AnnoyDefineOptions(void)
{
	annoy_relopt_kind = add_reloption_kind();
	add_int_reloption(annoy_relopt_kind, "n_trees",
					  "Number of trees in the forest, -1 for automatic",
					  -1, -1, ANNOY_MAX_TREES, AccessExclusiveLock);
	add_int_reloption(annoy_relopt_kind, "n_entries",
					  "Number of entries of a row in each tree, 1 or 2, -1 for automatic",
					  -1, -1, 2, AccessExclusiveLock);
	add_int_reloption(annoy_relopt_kind, "signatures",
					  "Bytes that an entry has for conditions on further columns, 0 for none, -1 for automatic",
					  -1, -1, ANNOY_MAX_SIGNATURE, AccessExclusiveLock);
	add_int_reloption(annoy_relopt_kind, "search_k",
					  "Effort of a search: number of entries it scans, -1 for automatic",
					  -1, -1, INT_MAX, ShareUpdateExclusiveLock);
	add_real_reloption(annoy_relopt_kind, "target_recall",
					   "Recall that searches aim at, -1 for the setting's value",
					   -1, -1, 1, ShareUpdateExclusiveLock);
	add_int_reloption(annoy_relopt_kind, "n_neighbors",
					  "Number of rows that the functions named after Annoy's return if they are not told, -1 for the setting's value",
					  -1, -1, INT_MAX, ShareUpdateExclusiveLock);
	add_int_reloption(annoy_relopt_kind, "dimensions",
					  "Number of dimensions, 0 to take it from the first row",
					  0, 0, ANNOY_MAX_DIMENSIONS, AccessExclusiveLock);
	add_string_reloption(annoy_relopt_kind, "seed",
						 "Seed of all random choices, 0 for the default",
						 "", validate_seed, AccessExclusiveLock);
	add_string_reloption(annoy_relopt_kind, "dtype",
						 "Type of the components of stored vectors, or none to store none; by default the column's",
						 "", validate_dtype, AccessExclusiveLock);

	DefineCustomRealVariable("annoy.target_recall",
							 "Sets the part of the nearest rows that a search aims to find.",
							 "The effort this takes is what the index has measured by itself. "
							 "1 reads all rows. "
							 "Where search_k is set, for the session or the index, that counts instead.",
							 &annoy_target_recall, ANNOY_DEFAULT_RECALL,
							 ANNOY_MIN_RECALL, 1.0, PGC_USERSET, GUC_EXPLAIN,
							 check_target_recall, assign_target_recall, NULL);
	DefineCustomIntVariable("annoy.search_k",
							"Sets the effort of a search: how many entries of the trees it scans before it returns a row.",
							"More entries give higher recall and take longer. "
							"-1 leaves it to the index's storage parameter, or else to annoy.target_recall. "
							"Searches that are asked for many rows scan more by themselves.",
							&annoy_search_k, -1, -1, INT_MAX,
							PGC_USERSET, GUC_EXPLAIN, check_search_k, NULL, NULL);
	DefineCustomRealVariable("annoy.epsilon",
							 "Sets how far estimated distances may be off before a search misses a row, in standard deviations.",
							 "A row is looked at unless its estimated distance is worse by more than this. "
							 "Higher values give higher recall and look at more rows.",
							 &annoy_epsilon, ANNOY_DEFAULT_EPSILON, 0.0, 10.0,
							 PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	DefineCustomBoolVariable("annoy.strict_order",
							 "Returns rows in the exact order of their distances until a scan has read all.",
							 "A search that goes on to look further may find rows nearer than those it has returned. "
							 "They are kept for the end of the scan, or returned at once if this is off.",
							 &annoy_strict_order, true,
							 PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	DefineCustomIntVariable("annoy.n_neighbors",
							"Sets how many rows the functions named after Annoy's return if they are not told.",
							"It comes before the index's storage parameter of that name.",
							&annoy_n_neighbors, ANNOY_DEFAULT_NEIGHBORS, 1, INT_MAX,
							PGC_USERSET, GUC_EXPLAIN, check_n_neighbors, assign_n_neighbors, NULL);
	DefineCustomIntVariable("annoy.verbose",
							"Sets how much a build tells about its progress.",
							"1 reports each phase with counts and times, 2 each tree too; "
							"-1 leaves out notices, -2 warnings as well.",
							&annoy_verbose, 0, -INT_MAX, INT_MAX,
							PGC_USERSET, 0, check_verbose, NULL, NULL);
	DefineCustomEnumVariable("annoy.simd",
							 "Sets which instructions of the processor are used.",
							 "\"auto\" takes the best that this machine has. "
							 "All give the same results, at different speed.",
							 &annoy_simd, ANNOY_SIMD_AUTO, annoy_simd_options,
							 PGC_USERSET, GUC_EXPLAIN, AnnoyCheckSimd, AnnoyAssignSimd, NULL);
	DefineCustomEnumVariable("annoy.default_dtype",
							 "Sets the dtype of new indexes that were declared without one.",
							 "It is for tests; where an operator class does not allow that dtype, it does nothing.",
							 &annoy_default_dtype, ANNOY_DTYPE_AUTO, dtype_options,
							 PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	MarkGUCPrefixReserved("annoy");
}

/* With the fields' names, as there are more of them since 18. */
#define OPTION(name, type, field) \
	{.optname = (name), .opttype = (type), .offset = offsetof(AnnoyOptions, field)}

/*
 * Parameters of other indexes on vectors, and of the Annoy library, have an error that
 * says what to do.
 */
static void
check_foreign_options(Datum reloptions)
{
	static const char *const nothing = "Leave it out: an annoy index needs none in its place.";
	static const char *const recall = "Set annoy.target_recall, or the storage parameter \"target_recall\": it says the recall, not the effort.";
	const struct
	{
		const char *name;
		const char *of;
		const char *hint;
	}			foreign[] = {
		{"lists", "a parameter of ivfflat", nothing},
		{"m", "a parameter of hnsw", nothing},
		{"ef_construction", "a parameter of hnsw", nothing},
		{"ef_search", "a setting of hnsw", recall},
		{"probes", "a setting of ivfflat", recall},
		{"metric", "a parameter of the Annoy library", "Name an operator class behind the column, such as real_cosine_ops."},
		{"f", "a parameter of the Annoy library", "Here it is \"dimensions\"."},
		{"n_jobs", "a parameter of the Annoy library", "Set max_parallel_maintenance_workers."},
		{"verbose", "a parameter of the Annoy library", "Set annoy.\"verbose\"."},
	};
	ListCell   *cell;

	foreach(cell, untransformRelOptions(reloptions))
	{
		const char *name = ((DefElem *) lfirst(cell))->defname;

		for (int i = 0; i < (int) lengthof(foreign); i++)
		{
			if (strcmp(name, foreign[i].name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("unrecognized parameter \"%s\"", name),
						 errdetail("It is %s.", foreign[i].of),
						 errhint("%s", foreign[i].hint)));
		}
	}
}

/*
 * Parse and validate storage parameters.
 */
bytea *
annoyoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt tab[] = {
		OPTION("n_trees", RELOPT_TYPE_INT, n_trees),
		OPTION("n_entries", RELOPT_TYPE_INT, n_entries),
		OPTION("signatures", RELOPT_TYPE_INT, signatures),
		OPTION("search_k", RELOPT_TYPE_INT, search_k),
		OPTION("target_recall", RELOPT_TYPE_REAL, target_recall),
		OPTION("n_neighbors", RELOPT_TYPE_INT, n_neighbors),
		OPTION("dimensions", RELOPT_TYPE_INT, dimensions),
		OPTION("seed", RELOPT_TYPE_STRING, seed_offset),
		OPTION("dtype", RELOPT_TYPE_STRING, dtype_offset),
	};
	AnnoyOptions *options;

	if (validate)
		check_foreign_options(reloptions);
	options = (AnnoyOptions *) build_reloptions(reloptions, validate,
												annoy_relopt_kind,
												sizeof(AnnoyOptions),
												tab, lengthof(tab));

	/* these ranges have holes, which those of reloptions cannot have */
	if (validate && options != NULL)
	{
		if (options->n_trees == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value 0 out of bounds for option \"n_trees\""),
					 errdetail("Valid values are -1 and those between 1 and %d.",
							   ANNOY_MAX_TREES)));
		if (options->n_entries == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value 0 out of bounds for option \"n_entries\""),
					 errdetail("Valid values are -1, 1 and 2.")));
		if (options->search_k == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value 0 out of bounds for option \"search_k\""),
					 errdetail("Valid values are -1 and those between 1 and %d.",
							   INT_MAX)));
		if (options->n_neighbors == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value 0 out of bounds for option \"n_neighbors\""),
					 errdetail("Valid values are -1 and those between 1 and %d.",
							   INT_MAX)));
		if (options->target_recall != -1 && options->target_recall < ANNOY_MIN_RECALL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value %g out of bounds for option \"target_recall\"",
							options->target_recall),
					 errdetail("Valid values are -1 and those between %g and 1.",
							   ANNOY_MIN_RECALL)));
	}
	return (bytea *) options;
}

/*
 * The index's own search_k, or -1.
 */
int
AnnoyOptionSearchK(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->search_k : -1;
}

/*
 * The recall that the index's searches are to reach, or -1.
 */
double
AnnoyOptionTargetRecall(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->target_recall : -1;
}

/*
 * How many neighbours the index was declared to return, or -1.
 */
int
AnnoyOptionNeighbors(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->n_neighbors : -1;
}

/*
 * The number of dimensions that the index was declared with, or 0.
 */
int
AnnoyOptionDimensions(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->dimensions : 0;
}

/*
 * The number of trees to build, or -1.
 */
int
AnnoyOptionTrees(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->n_trees : -1;
}

/*
 * The number of entries that a row is to have in each tree, or -1.
 */
int
AnnoyOptionEntries(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->n_entries : -1;
}

/*
 * The bytes that an entry is to have for conditions on further columns, or -1.
 */
int
AnnoyOptionSignatures(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;

	return options != NULL ? options->signatures : -1;
}

/*
 * The seed that an index was declared with, or the default.  As in Annoy, an
 * explicit 0 means the default, of which the caller may warn.
 */
uint64
AnnoyOptionSeed(Relation rel, bool *is_zero)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;
	const char *value = options != NULL ? GET_STRING_RELOPTION(options, seed_offset) : NULL;
	uint64		seed;

	*is_zero = false;
	if (value == NULL || value[0] == '\0' || !parse_seed(value, &seed))
		return ANNOY_DEFAULT_SEED;
	*is_zero = seed == 0;
	return seed == 0 ? ANNOY_DEFAULT_SEED : seed;
}

/*
 * What an index was declared to store: an AnnoyDtype, ANNOY_DTYPE_NONE if it is not
 * to store vectors, or ANNOY_DTYPE_AUTO.
 */
int
AnnoyOptionDtype(Relation rel)
{
	AnnoyOptions *options = (AnnoyOptions *) rel->rd_options;
	const char *value = options != NULL ? GET_STRING_RELOPTION(options, dtype_offset) : NULL;
	int			dtype;

	if (value == NULL || value[0] == '\0' || !parse_dtype(value, &dtype))
		return ANNOY_DTYPE_AUTO;
	return dtype;
}
