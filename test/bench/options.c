/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The command line of annoybench.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/options.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "annoybench.h"

/* Names and operators of the metrics, in their order. */
const char *const metric_names[] = {
	"l2", "cosine", "ip", "l1", "hamming", NULL
};
static const char *const metric_operators[] = {
	"<->", "<=>", "<#>", "<+>", "<~>"
};

static void
usage(void)
{
	printf("annoybench loads vectors, builds an index, and measures recall and speed of queries.\n\n"
		   "Usage:\n"
		   "  annoybench [OPTION]...\n\n"
		   "Connection (the PG... environment variables, PGOPTIONS among them, count too):\n"
		   "  -d, --dbname=CONNINFO    database name or connection string\n\n"
		   "Files (TEXMEX format):\n"
		   "  -b, --base=FILE          base vectors, .fvecs or .bvecs\n"
		   "  -n, --rows=N             use only the first N base vectors\n"
		   "  -q, --queries=FILE       query vectors, .fvecs or .bvecs\n"
		   "      --max-queries=N      use only the first N queries\n"
		   "      --truth=FILE         exact neighbours, .ivecs of row numbers from 0;\n"
		   "                           otherwise they are computed by brute force\n"
		   "      --truth-cache=FILE   keep what brute force found in this file\n"
		   "      --threads=N          threads for brute force (default: one per CPU)\n\n"
		   "Table (names are taken as SQL, so quote them and give a schema as needed):\n"
		   "  -t, --table=NAME         default: annoybench\n"
		   "      --column=NAME        column of vectors (default: embedding)\n"
		   "      --id=NAME            column of row numbers from 0 (default: id)\n"
		   "      --type=TYPE          real or double: of the column and the parameter (default: real)\n\n"
		   "Loading:\n"
		   "  -l, --load               create the table and copy the base vectors into it\n"
		   "      --drop               drop an old table, or an old index, of that name first\n"
		   "      --id-type=TYPE       integer or bigint (default: integer)\n"
		   "      --storage=STORAGE    plain, external, extended or main (default: external)\n\n"
		   "Index:\n"
		   "  -i, --create-index       create an index\n"
		   "      --index-name=NAME    default: TABLE_METHOD_idx\n"
		   "      --method=METHOD      access method (default: annoy)\n"
		   "      --opclass=NAME       operator class (default for annoy: by type and metric;\n"
		   "                           otherwise the method's own)\n"
		   "      --with=OPTIONS       storage parameters, as in \"n_trees = 2, seed = 7\"\n\n"
		   "Queries (run if there is --queries):\n"
		   "  -m, --metric=METRIC      l2, cosine, ip, l1 or hamming (default: l2)\n"
		   "      --operator=OP        default: <->, <=>, <#>, <+> or <~>\n"
		   "      --parameter=EXPR     what to compare with (default: $1), e.g. $1::vector\n"
		   "  -k, --limit=K            rows to ask for (default: 10)\n"
		   "  -s, --set=NAME           a setting to vary, e.g. annoy.search_k or hnsw.ef_search\n"
		   "  -v, --values=LIST        its values, separated by commas\n"
		   "  -c, --clients=N          connections at work at once (default: 1)\n"
		   "      --passes=N           times each client runs all queries (default: 1)\n"
		   "      --warmup=N           passes before those that count (default: 1)\n"
		   "      --explain            print the plan\n"
		   "      --require-index      fail unless the plan is an ordered index scan\n\n"
		   "Output:\n"
		   "      --csv=FILE           write the figures to this file too\n"
		   "  -h, --help               show this help\n\n"
		   "Exit status: 0 success, 1 wrong options, 2 database error, 3 unfit file or table,\n"
		   "4 plan without index, 5 out of memory or threads.\n");
}

/*
 * Parses a number in an option, which must be in a range.
 */
static int
parse_number(const char *option, const char *text, int min, int max)
{
	char	   *end;
	long		value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		fatal(EXIT_USAGE, "--%s must be a number from %d to %d, not \"%s\"",
			  option, min, max, text);
	return value;
}

/*
 * Parses a word in an option.  Returns its place in a list that ends in NULL.
 */
static int
parse_word(const char *option, const char *text, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	fatal(EXIT_USAGE, "unknown --%s \"%s\" (try --help)", option, text);
}

static void
parse_values(Options *options, const char *list)
{
	char	   *copy = format("%s", list);
	char	   *save;

	free(options->values);
	options->values = allocate(strlen(list) + 1, sizeof(char *));
	options->nvalues = 0;
	for (char *value = strtok_r(copy, ",", &save); value != NULL;
		 value = strtok_r(NULL, ",", &save))
		options->values[options->nvalues++] = value;
}

/*
 * Names an index after its table, the schema left out, and its method.
 */
static char *
default_index_name(const Options *options)
{
	const char *dot = strrchr(options->table, '.');
	const char *table = dot != NULL ? dot + 1 : options->table;
	int			length = strlen(table);

	if (length > 2 && table[0] == '"' && table[length - 1] == '"')
	{
		table++;
		length -= 2;
	}
	return format("%.*s_%s_idx", length, table, options->method);
}

/*
 * Reads the command line.  The options have their defaults already.
 */
void
parse_options(Options *options, int argc, char **argv)
{
	enum
	{
		OPT_MAX_QUERIES = 256, OPT_TRUTH, OPT_TRUTH_CACHE, OPT_THREADS,
		OPT_COLUMN, OPT_ID, OPT_TYPE, OPT_DROP, OPT_ID_TYPE, OPT_STORAGE,
		OPT_INDEX_NAME, OPT_METHOD, OPT_OPCLASS, OPT_WITH, OPT_OPERATOR,
		OPT_PARAMETER, OPT_PASSES, OPT_WARMUP, OPT_EXPLAIN, OPT_REQUIRE_INDEX,
		OPT_CSV
	};
	static const struct option long_options[] = {
		{"dbname", required_argument, NULL, 'd'},
		{"base", required_argument, NULL, 'b'},
		{"rows", required_argument, NULL, 'n'},
		{"queries", required_argument, NULL, 'q'},
		{"max-queries", required_argument, NULL, OPT_MAX_QUERIES},
		{"truth", required_argument, NULL, OPT_TRUTH},
		{"truth-cache", required_argument, NULL, OPT_TRUTH_CACHE},
		{"threads", required_argument, NULL, OPT_THREADS},
		{"table", required_argument, NULL, 't'},
		{"column", required_argument, NULL, OPT_COLUMN},
		{"id", required_argument, NULL, OPT_ID},
		{"type", required_argument, NULL, OPT_TYPE},
		{"load", no_argument, NULL, 'l'},
		{"drop", no_argument, NULL, OPT_DROP},
		{"id-type", required_argument, NULL, OPT_ID_TYPE},
		{"storage", required_argument, NULL, OPT_STORAGE},
		{"create-index", no_argument, NULL, 'i'},
		{"index-name", required_argument, NULL, OPT_INDEX_NAME},
		{"method", required_argument, NULL, OPT_METHOD},
		{"opclass", required_argument, NULL, OPT_OPCLASS},
		{"with", required_argument, NULL, OPT_WITH},
		{"metric", required_argument, NULL, 'm'},
		{"operator", required_argument, NULL, OPT_OPERATOR},
		{"parameter", required_argument, NULL, OPT_PARAMETER},
		{"limit", required_argument, NULL, 'k'},
		{"set", required_argument, NULL, 's'},
		{"values", required_argument, NULL, 'v'},
		{"clients", required_argument, NULL, 'c'},
		{"passes", required_argument, NULL, OPT_PASSES},
		{"warmup", required_argument, NULL, OPT_WARMUP},
		{"explain", no_argument, NULL, OPT_EXPLAIN},
		{"require-index", no_argument, NULL, OPT_REQUIRE_INDEX},
		{"csv", required_argument, NULL, OPT_CSV},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	static const char *const types[] = {"real", "double", NULL};
	static const char *const id_types[] = {"integer", "bigint", NULL};
	static const char *const storages[] = {"plain", "external", "extended", "main", NULL};
	int			c;

	while ((c = getopt_long(argc, argv, "d:b:n:q:t:lim:k:s:v:c:h",
							long_options, NULL)) != -1)
	{
		switch (c)
		{
			case 'd':
				options->conninfo = optarg;
				break;
			case 'b':
				options->base = optarg;
				break;
			case 'n':
				options->rows = parse_number("rows", optarg, 1, INT32_MAX);
				break;
			case 'q':
				options->queries = optarg;
				break;
			case OPT_MAX_QUERIES:
				options->max_queries = parse_number("max-queries", optarg, 1, INT32_MAX);
				break;
			case OPT_TRUTH:
				options->truth = optarg;
				break;
			case OPT_TRUTH_CACHE:
				options->truth_cache = optarg;
				break;
			case OPT_THREADS:
				options->threads = parse_number("threads", optarg, 1, 1024);
				break;
			case 't':
				options->table = optarg;
				break;
			case OPT_COLUMN:
				options->column = optarg;
				break;
			case OPT_ID:
				options->id = optarg;
				break;
			case OPT_TYPE:
				options->is_double = parse_word("type", optarg, types) == 1;
				break;
			case 'l':
				options->load = true;
				break;
			case OPT_DROP:
				options->drop = true;
				break;
			case OPT_ID_TYPE:
				options->id_bigint = parse_word("id-type", optarg, id_types) == 1;
				break;
			case OPT_STORAGE:
				options->storage = storages[parse_word("storage", optarg, storages)];
				break;
			case 'i':
				options->create_index = true;
				break;
			case OPT_INDEX_NAME:
				options->index_name = optarg;
				break;
			case OPT_METHOD:
				options->method = optarg;
				break;
			case OPT_OPCLASS:
				options->opclass = optarg;
				break;
			case OPT_WITH:
				options->with = optarg;
				break;
			case 'm':
				options->metric = parse_word("metric", optarg, metric_names);
				break;
			case OPT_OPERATOR:
				options->operator = optarg;
				break;
			case OPT_PARAMETER:
				options->parameter = optarg;
				break;
			case 'k':
				options->k = parse_number("limit", optarg, 1, 1000000);
				break;
			case 's':
				options->setting = optarg;
				break;
			case 'v':
				parse_values(options, optarg);
				break;
			case 'c':
				options->clients = parse_number("clients", optarg, 1, 1024);
				break;
			case OPT_PASSES:
				options->passes = parse_number("passes", optarg, 1, 1000);
				break;
			case OPT_WARMUP:
				options->warmup = parse_number("warmup", optarg, 0, 1000);
				break;
			case OPT_EXPLAIN:
				options->explain = true;
				break;
			case OPT_REQUIRE_INDEX:
				options->require_index = true;
				break;
			case OPT_CSV:
				options->csv = optarg;
				break;
			case 'h':
				usage();
				exit(0);
			default:
				fatal(EXIT_USAGE, "try --help");
		}
	}
	if (optind < argc)
		fatal(EXIT_USAGE, "unexpected argument \"%s\" (try --help)", argv[optind]);
	if (options->base == NULL)
		fatal(EXIT_USAGE, "no base vectors: give --base (try --help)");
	if (!options->load && !options->create_index && options->queries == NULL)
		fatal(EXIT_USAGE, "nothing to do: give --load, --create-index or --queries (try --help)");
	if (options->queries == NULL && options->truth != NULL)
		fatal(EXIT_USAGE, "--truth needs --queries");
	if (options->truth != NULL && options->truth_cache != NULL)
		fatal(EXIT_USAGE, "--truth and --truth-cache exclude each other");
	if ((options->setting != NULL) != (options->nvalues > 0))
		fatal(EXIT_USAGE, "--set and --values need each other");
	if (options->operator == NULL)
		options->operator = metric_operators[options->metric];
	if (options->index_name == NULL)
		options->index_name = default_index_name(options);
	if (options->opclass == NULL && strcmp(options->method, "annoy") == 0)
		options->opclass = format("%s_%s_ops",
								  options->is_double ? "double" : "real",
								  metric_names[options->metric]);
	else if (options->opclass == NULL)
		options->opclass = "";
}
