/*-------------------------------------------------------------------------
 *
 * queries.c
 *	  A user's own queries, read from a table or view of his.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/recall/queries.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "recall/recall.h"
#include "relation/relation.h"
#include "type/type.h"

/* Queries read at a time. */
#define FETCH_QUERIES		100

/*
 * Can values of that type be compared with the indexed column?
 */
static bool
is_query_type(Relation rel, Oid type)
{
	Oid			column = rel->rd_opcintype[0];

	type = getBaseType(type);
	if (column == BITOID || column == VARBITOID)
		return type == BITOID || type == VARBITOID;
	if (AnnoyIndexLayout(rel) != ANNOY_LAYOUT_NATIVE)
		return type == column;
	return type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID ||
		type == NUMERICARRAYOID || type == INT2ARRAYOID ||
		type == INT4ARRAYOID || type == INT8ARRAYOID;
}

/*
 * Has a relation rows that are where their ctid says, all in one table?
 */
static inline bool
has_tids(Relation rel)
{
	return (rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relhassubclass) ||
		rel->rd_rel->relkind == RELKIND_MATVIEW;
}

/*
 * The SQL that reads the queries of a table: its first column of a type that
 * fits; and where each is, if that is wanted, and known.
 */
static char *
queries_sql(Relation rel, Oid table, bool with_tids)
{
	Relation	queries = AnnoyOpenQueried(table);
	TupleDesc	desc = RelationGetDescr(queries);
	const char *tid = with_tids && has_tids(queries) ? ", ctid" : "";
	char	   *sql = NULL;

	for (int i = 0; i < desc->natts && sql == NULL; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && is_query_type(rel, attribute->atttypid))
		{
			const char *name = quote_identifier(NameStr(attribute->attname));

			sql = psprintf("SELECT %s%s FROM %s WHERE %s IS NOT NULL", name, tid,
						   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(queries)),
													  RelationGetRelationName(queries)),
						   name);
		}
	}
	if (sql == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("relation \"%s\" has no column of queries for index \"%s\"",
						RelationGetRelationName(queries), RelationGetRelationName(rel)),
				 errhint("The first column of vectors of a type that can be compared with the indexed column is taken.")));
	relation_close(queries, NoLock);
	return sql;
}

/* Where a query that was read is, if that was asked for. */
static ItemPointerData
query_tid(SPITupleTable * table, uint64 i)
{
	ItemPointerData tid;
	bool		isnull;

	ItemPointerSetInvalid(&tid);
	if (table->tupdesc->natts > 1)
		tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(table->vals[i], table->tupdesc,
														   2, &isnull));
	return tid;
}

/*
 * Read a user's queries from a table or view: all, or a sample of them.  There is room
 * for ANNOY_MOST_ASKED.  If tids is not NULL, it is set to where they are, which is
 * invalid for those of a view.  Returns their number; there being none is an error.
 *
 * To be called as the user, whose privileges count.
 */
int
AnnoyReadQueries(Relation rel, const AnnoyIndex *index, Oid table, AnnoyVector *queries,
				 ItemPointerData *tids)
{
	const char *sql = queries_sql(rel, table, tids != NULL);
	MemoryContext context = CurrentMemoryContext;
	MemoryContext row_context;
	AnnoyRandom random = index->seed;
	uint32		seen = 0;
	SPIPlanPtr	plan;
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "annoy query",
										ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_QUERIES);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(SPI_tuptable->vals[i],
											  SPI_tuptable->tupdesc, 1, &isnull);
			uint32		place = seen < ANNOY_MOST_ASKED ? seen : AnnoyRandomBelow(&random, seen + 1);
			MemoryContext old_context = MemoryContextSwitchTo(row_context);
			AnnoyVector query = AnnoyReadColumn(rel, value);

			/* detoasting and converting leave copies */
			AnnoyCheckDimensions(rel, index, &query);
			seen++;
			if (place < ANNOY_MOST_ASKED)
			{
				if (index->metric == ANNOY_HAMMING)
					query = AnnoyConvertVector(&query, ANNOY_BIT);
				if (seen > ANNOY_MOST_ASKED)
					pfree(unconstify(void *, queries[place].data));
				MemoryContextSwitchTo(context);
				queries[place] = AnnoyCopyVector(&query);
				if (tids != NULL)
					tids[place] = query_tid(SPI_tuptable, i);
			}
			MemoryContextSwitchTo(old_context);
			MemoryContextReset(row_context);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (seen == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation \"%s\" contains no queries", get_rel_name(table))));
	return Min(seen, ANNOY_MOST_ASKED);
}
