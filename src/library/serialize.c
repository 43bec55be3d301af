/*-------------------------------------------------------------------------
 *
 * serialize.c
 *	  An index as one value, which is all that it takes to make it anew
 *	  elsewhere: annoy_serialize(), annoy_deserialize() and annoy_restore_bytes();
 *	  and in JSON, annoy_state() and annoy_restore().
 *
 * A value has
 *
 *	header		see ValueHeader
 *	parameters	JSON in UTF-8: those of the index, and the type of its column
 *	numbers		of the items, ascending: int64
 *	file		what a file of the Annoy library has, whose items are numbered
 *				from 0 in that order; nothing if there are none
 *
 * with integers in the byte order of the machine, as in files.  The digest tells
 * damage, but whoever makes a value can make its digest, too: nothing in it is
 * used as a size before it has been compared with that of the value.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/library/serialize.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "common/base64.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "annoy.h"
#include "library/annfile.h"
#include "library/library.h"
#include "relation/relation.h"
#include "type/type.h"

#define VALUE_MAGIC			"annoyidx"
#define VALUE_BYTE_ORDER	0x01020304
#define VALUE_VERSION		1
#define METRIC_SIZE			16

/* All its fields are where a compiler puts them. */
typedef struct ValueHeader
{
	char		magic[8];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];	/* of all that follows it */
	uint32		byte_order;
	uint32		schema_version;
	char		metric[METRIC_SIZE];	/* Annoy's name, then zeros */
	uint32		f;				/* 0 = not known yet */
	uint32		items;
	uint64		params_size;
	uint64		file_size;
} ValueHeader;

StaticAssertDecl(sizeof(ValueHeader) == 88, "the header has 88 bytes");

#define DIGEST_END	(offsetof(ValueHeader, digest) + PG_SHA256_DIGEST_LENGTH)

/* The parts of a value. */
typedef struct ValueParts
{
	ValueHeader header;
	AnnoyMetric metric;
	const char *params;
	const char *numbers;
	const char *file;
} ValueParts;

pg_noreturn static void bad_value(const char *detail);

static void
bad_value(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("value is not one that annoy_serialize() has returned"),
			 errdetail_internal("%s", detail)));
}

/*
 * Compute the digest of a value.
 */
static void
compute_digest(const char *value, Size size, uint8 *digest)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) value + DIGEST_END, size - DIGEST_END) < 0 ||
		pg_cryptohash_final(context, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a digest");
	pg_cryptohash_free(context);
}

static bool
find_metric(const char *field, AnnoyMetric *metric)
{
	for (*metric = ANNOY_L2; *metric <= ANNOY_HAMMING; (*metric)++)
	{
		char		name[METRIC_SIZE] = {0};

		strlcpy(name, AnnoyMetricName(*metric), METRIC_SIZE);
		if (memcmp(field, name, METRIC_SIZE) == 0)
			return true;
	}
	return false;
}

/*
 * Look at a value, and raise an error unless it is one.  What the file in it has is
 * left to whoever reads it.
 */
static void
open_value(const bytea *bytes, ValueParts *value)
{
	const char *data = VARDATA_ANY(bytes);
	Size		size = VARSIZE_ANY_EXHDR(bytes);
	ValueHeader *header = &value->header;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	int64		before = 0;

	if (size < sizeof(ValueHeader))
		bad_value("It is shorter than a header.");
	memcpy(header, data, sizeof(ValueHeader));
	if (memcmp(header->magic, VALUE_MAGIC, sizeof(header->magic)) != 0)
		bad_value("It begins otherwise.");
	if (header->byte_order != VALUE_BYTE_ORDER)
		bad_value("The byte order is that of another machine.");
	compute_digest(data, size, digest);
	if (memcmp(header->digest, digest, sizeof(digest)) != 0)
		bad_value("It has changed since: the digest is another one.");
	if (header->schema_version != VALUE_VERSION)
		bad_value(psprintf("It has schema version %u, and only %d is known.",
						   header->schema_version, VALUE_VERSION));
	if (!find_metric(header->metric, &value->metric))
		bad_value("There is no such metric.");
	if (header->f > ANNOY_MAX_DIMENSIONS || (header->f == 0 && header->items > 0))
		bad_value(psprintf("It has %u dimensions.", header->f));

	/* each part is compared with what is left */
	size -= sizeof(ValueHeader);
	if (header->items > PG_INT32_MAX || header->params_size > size ||
		header->items > (size - header->params_size) / sizeof(int64) ||
		header->file_size != size - header->params_size - header->items * sizeof(int64) ||
		(header->items == 0 && header->file_size > 0))
		bad_value("The sizes of its parts are not what it has.");
	value->params = data + sizeof(ValueHeader);
	value->numbers = value->params + header->params_size;
	value->file = value->numbers + header->items * sizeof(int64);
	if (memchr(value->params, '\0', header->params_size) != NULL)
		bad_value("There is a zero among its parameters.");

	for (uint32 i = 0; i < header->items; i++)
	{
		int64		number;

		memcpy(&number, value->numbers + i * sizeof(int64), sizeof(int64));
		if (i > 0 && number <= before)
			bad_value("The numbers of its items are not in order.");
		before = number;
	}
}

/*
 * Make the value of an export whose rows have been read: for itself, or for JSON.
 */
static bytea *
make_value(AnnExport *export, bool for_jsonb)
{
	const AnnoyAccess *access = &export->access;
	const AnnForest *forest = &export->forest;
	ValueHeader header = {0};
	AnnWriter  *writer = AnnMakeValueWriter(forest->format.node_size, for_jsonb);
	StringInfoData params;
	char	   *json;
	Size		json_size;
	bytea	   *value;
	Size		before_file;

	initStringInfo(&params);
	appendStringInfoString(&params, "{\"type\":");
	escape_json(&params, format_type_be(access->rel->rd_opcintype[0]));
	appendStringInfo(&params, ",\"params\":%s}", AnnoyParamsJson(access));
	json = pg_server_to_any(params.data, params.len, PG_UTF8);
	json_size = strlen(json);

	memcpy(header.magic, VALUE_MAGIC, sizeof(header.magic));
	header.byte_order = VALUE_BYTE_ORDER;
	header.schema_version = VALUE_VERSION;
	strlcpy(header.metric, AnnoyMetricName(access->index->metric), sizeof(header.metric));
	header.f = access->index->dim;
	header.items = forest->rows;
	header.params_size = json_size;
	AnnWriteHead(writer, &header, sizeof(header));
	AnnWriteHead(writer, json, json_size);
	for (int32 i = 0; i < forest->rows; i++)
		AnnWriteHead(writer, &export->numbers[forest->order[i]], sizeof(int64));
	before_file = sizeof(header) + json_size + sizeof(int64) * (Size) forest->rows;
	if (forest->rows > 0)
		AnnWriteForest(export, writer);
	value = AnnFinishValue(writer);

	header.file_size = VARSIZE(value) - VARHDRSZ - before_file;
	memcpy(VARDATA(value), &header, sizeof(header));
	compute_digest(VARDATA(value), VARSIZE(value) - VARHDRSZ, header.digest);
	memcpy(VARDATA(value), &header, sizeof(header));
	return value;
}

/*
 * Read the rows for a value: the index, the column of item numbers, and the number
 * of trees in the file are the arguments.  Returns false if one is NULL that must
 * not be.
 */
static bool
read_for_value(AnnExport *export, FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		return false;
	AnnReadRows(export, PG_GETARG_OID(0),
				PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1)),
				PG_GETARG_INT32(2), ANN_LAYOUT_ANNOY, true);
	return true;
}

PG_FUNCTION_INFO_V1(annoy_serialize);
PG_FUNCTION_INFO_V1(annoy_deserialize);
PG_FUNCTION_INFO_V1(annoy_state);
PG_FUNCTION_INFO_V1(annoy_restore);
PG_FUNCTION_INFO_V1(annoy_restore_bytes);

/*
 * Returns an index as a value.
 */
Datum
annoy_serialize(PG_FUNCTION_ARGS)
{
	AnnExport	export;
	bytea	   *value;

	if (!read_for_value(&export, fcinfo))
		PG_RETURN_NULL();
	value = make_value(&export, false);
	AnnoyCloseIndex(&export.access);
	PG_RETURN_BYTEA_P(value);
}

/*
 * Returns the items of such a value.
 */
Datum
annoy_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	ValueParts	value;

	open_value(bytes, &value);
	if (value.header.items == 0)
		AnnoyInitSet(fcinfo);
	else
		AnnReturnItems(fcinfo, value.metric, value.header.f, value.file,
					   value.header.file_size, value.numbers, value.header.items);
	return (Datum) 0;
}

/*
 * Append bytes to JSON, as a string in base64.
 */
static void
append_base64(StringInfo json, const char *bytes, Size size)
{
	int			needed = pg_b64_enc_len((int) size);
	int			length;

	Assert(size <= ANN_MAX_IN_JSONB);
	enlargeStringInfo(json, needed + 2);
	appendStringInfoChar(json, '"');
	length = pg_b64_encode((const void *) bytes, (int) size, json->data + json->len, needed);
	Assert(length >= 0);
	json->len += length;
	appendStringInfoChar(json, '"');
}

/*
 * Returns the state of an index as JSON, as Annoy's serialize() and to_dict() do.
 */
Datum
annoy_state(PG_FUNCTION_ARGS)
{
	AnnExport	export;
	StringInfoData json;
	bytea	   *value;

	if (!read_for_value(&export, fcinfo))
		PG_RETURN_NULL();
	value = make_value(&export, true);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"schema_version\":%d,\"type\":", VALUE_VERSION);
	escape_json(&json, format_type_be(export.access.rel->rd_opcintype[0]));
	appendStringInfo(&json, ",\"params\":%s,\"n_items\":%d,\"n_trees\":%d,\"index_data\":",
					 AnnoyParamsJson(&export.access), export.forest.rows,
					 export.forest.rows > 0 ? export.n_trees : 0);
	AnnoyCloseIndex(&export.access);
	append_base64(&json, VARDATA(value), VARSIZE(value) - VARHDRSZ);
	pfree(value);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * Get a field of a JSON object that must be there, and of that kind.
 */
static JsonbValue *
state_field(Jsonb *state, const char *name, enum jbvType type)
{
	JsonbValue *value = NULL;

	if (JB_ROOT_IS_OBJECT(state))
		value = getKeyJsonValueFromContainer(&state->root, name, strlen(name), NULL);
	if (value == NULL || value->type != type)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state is not one that annoy_state() has returned"),
				 errdetail("It has no \"%s\".", name)));
	return value;
}

/* What restored items look like. */
typedef struct ColumnType
{
	Oid			type;
	char	   *name;			/* in SQL */
	const char *expression;		/* from `vector' */
} ColumnType;

/*
 * Choose the type of the column of vectors: that which the index was on, if it is
 * one of ours.
 */
static ColumnType
choose_type(Jsonb *state, const ValueParts *value)
{
	JsonbValue *field = state_field(state, "type", jbvString);
	char	   *name = pnstrdup(field->val.string.val, field->val.string.len);
	ColumnType	result = {FLOAT4ARRAYOID, "real[]", "vector"};

	if (strcmp(name, "double precision[]") == 0)
	{
		result.type = FLOAT8ARRAYOID;
		result.name = name;
		result.expression = "vector::double precision[]";
	}
	else if (strcmp(name, "bit") == 0 && value->metric == ANNOY_HAMMING)
	{
		result.type = BITOID;
		result.name = value->header.f == 0 ? "bit varying" :
			psprintf("bit(%u)", value->header.f);
		result.expression = psprintf("pg_catalog.array_to_string(vector, '')::%s", result.name);
	}
	return result;
}

/*
 * The name of the table to be created, in SQL, with its schema.
 */
static char *
table_name(text * name)
{
	RangeVar   *table = makeRangeVarFromNameList(textToQualifiedNameList(name));

	return quote_qualified_identifier(get_namespace_name(RangeVarGetCreationNamespace(table)),
									  table->relname);
}

/*
 * Insert the items of a value.  All names are qualified or keywords.
 */
static void
insert_items(FunctionCallInfo fcinfo, const char *table, const ColumnType *type, bytea *bytes)
{
	char	   *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	char	   *sql = psprintf("INSERT INTO %s SELECT item, %s FROM %s($1) ORDER BY item", table,
							   type->expression,
							   quote_qualified_identifier(schema, "annoy_deserialize"));
	Oid			types[] = {BYTEAOID};
	Datum		values[] = {PointerGetDatum(bytes)};
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	result = SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);
	if (result != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	SPI_finish();
}

/*
 * The annoy index of a table that has just been made.
 */
static Oid
find_index(const char *table)
{
	Oid			oid = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(table)));
	Relation	heap = relation_open(oid, NoLock);
	Oid			am = get_index_am_oid("annoy", false);
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(heap))
	{
		Relation	rel = relation_open(lfirst_oid(cell), AccessShareLock);

		if (rel->rd_rel->relam == am)
			found = lfirst_oid(cell);
		relation_close(rel, AccessShareLock);
	}
	relation_close(heap, NoLock);
	return found;
}

/*
 * Make a table with the items of a value, and an index on them with the parameters
 * in a state.  Table and index are the second and third argument; the index gets a
 * name if there is none.  Returns the index.
 *
 * All this is done by commands of the user, who has to be allowed to.
 */
static Datum
restore(FunctionCallInfo fcinfo, Jsonb *state, bytea *bytes)
{
	char	   *table = table_name(PG_GETARG_TEXT_PP(1));
	JsonbValue *params = state_field(state, "params", jbvBinary);
	List	   *options = NIL;
	ValueParts	value;
	AnnoyMetric metric;
	ColumnType	type;
	StringInfoData sql;
	ListCell   *cell;

	open_value(bytes, &value);
	metric = value.metric;
	type = choose_type(state, &value);
	foreach(cell, AnnoyReadParams(NULL, JsonbValueToJsonb(params)))
	{
		DefElem    *param = lfirst(cell);

		if (strcmp(param->defname, "metric") == 0 && param->arg != NULL)
			metric = AnnoyMetricFromName(strVal(param->arg));
		else if (strcmp(param->defname, "verbose") != 0 &&
				 (param->arg == NULL || strcmp(strVal(param->arg), "-1") != 0))
			options = lappend(options, param);	/* -1 is the same as none */
	}

	AnnoyExecute(psprintf("CREATE TABLE %s (item bigint PRIMARY KEY, embedding %s)",
						  table, type.name));
	insert_items(fcinfo, table, &type, bytes);
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE INDEX %s ON %s USING annoy (embedding %s)",
					 PG_ARGISNULL(2) ? "" :
					 quote_identifier(text_to_cstring(PG_GETARG_TEXT_PP(2))), table,
					 AnnoyOpclassName(AnnoyFindOpclass(get_index_am_oid("annoy", false),
													   type.type, metric)));
	AnnoyAppendOptions(&sql, options);
	AnnoyExecute(sql.data);
	PG_RETURN_OID(find_index(table));
}

/*
 * Makes a table and an index of what annoy_state() has returned, as Annoy's
 * deserialize() and from_dict() do.
 */
Datum
annoy_restore(PG_FUNCTION_ARGS)
{
	Jsonb	   *state;
	JsonbValue *data;
	text	   *base64;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	state = PG_GETARG_JSONB_P(0);
	data = state_field(state, "index_data", jbvString);
	base64 = cstring_to_text_with_len(data->val.string.val, data->val.string.len);
	return restore(fcinfo, state,
				   DatumGetByteaPP(DirectFunctionCall2(binary_decode, PointerGetDatum(base64),
													   CStringGetTextDatum("base64"))));
}

/*
 * Likewise, of what annoy_serialize() has returned.
 */
Datum
annoy_restore_bytes(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	ValueParts	value;
	char	   *params;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	bytes = PG_GETARG_BYTEA_PP(0);
	open_value(bytes, &value);
	params = pg_any_to_server(pnstrdup(value.params, value.header.params_size),
							  value.header.params_size, PG_UTF8);
	return restore(fcinfo, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(params))),
				   bytes);
}
