/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  Choosing the bounds that divide the values of further columns.
 *
 * They come from the attributes of some items.  About as many of these are between
 * any two bounds.  A value that more of them have is a bound, and so is the one before
 * it: then no other value has the same signature.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/bounds.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "annoy.h"
#include "build/state.h"
#include "relation/relation.h"
#include "storage/storage.h"

/* Groups whose items are looked at, and attempts to find one. */
#define SAMPLE_GROUPS		4096
#define ATTEMPTS			8

/* The part of maintenance_work_mem that values may take, about. */
#define VALUES_MEMORY		0.25

/* A longer value is no bound; if more than that part are, there are none. */
#define MAX_VALUE_SIZE		64
#define MANY_LONG			0.1

/* The values of a column that were found. */
typedef struct Values
{
	TypeCacheEntry *type;		/* NULL if there are to be no bounds */
	Oid			collation;
	int			count;
	int			n_long;			/* not among them */
	Datum	   *values;			/* the bounds, in the end */
}			Values;

/* State of the choice. */
typedef struct Choice
{
	AnnoyBuild *build;
	TupleDesc	desc;			/* of attributes */
	int			max;			/* values of a column */
	Values	   *columns;		/* as in desc */
}			Choice;

/*
 * Add a value of a column.
 */
static void
add_value(Choice * choice, int column, Datum value)
{
	Form_pg_attribute attribute = TupleDescAttr(choice->desc, column);
	Values	   *values = &choice->columns[column];

	if (datumGetSize(value, attribute->attbyval, attribute->attlen) > MAX_VALUE_SIZE)
		values->n_long++;
	else if (values->count < choice->max)
		values->values[values->count++] = datumCopy(value, attribute->attbyval, attribute->attlen);
}

/*
 * Add the attributes of a live item whose group's page is locked.
 */
static void
add_item(Choice * choice, BlockNumber block, Page page, int slot)
{
	Relation	rel = choice->build->rel;
	AnnoyPointer pointer = AnnoySlotAttributes(choice->build->index, page, slot);
	Buffer		buffer = AnnoyAttributesLock(rel, ItemPointerGetBlockNumberNoCheck(&pointer),
											 block, BUFFER_LOCK_SHARE);
	IndexTuple	tuple = AnnoyAttributesGet(BufferGetPage(buffer),
										   ItemPointerGetOffsetNumberNoCheck(&pointer));
	AnnoyPointer item;

	ItemPointerSet(&item, block, FirstOffsetNumber + slot);
	if (tuple == NULL || !AnnoyAttributesAreSound(choice->desc, tuple))
		AnnoyReportAttributes(rel, &item, &pointer);
	for (int i = 0; i < choice->desc->natts; i++)
	{
		bool		isnull;
		Datum		value;

		if (choice->columns[i].type == NULL)
			continue;
		value = index_getattr(tuple, i + 1, choice->desc, &isnull);
		if (!isnull)
			add_value(choice, i, value);
	}
	UnlockReleaseBuffer(buffer);
}

/*
 * Add the attributes of the items of a group, if there is one at a block.
 */
static bool
add_group(Choice * choice, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(choice->build->rel, block);
	Page		page = BufferGetPage(buffer);
	bool		is_group;

	CHECK_FOR_INTERRUPTS();
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	is_group = AnnoyPageIsValid(page) && AnnoyPageGetTag(page)->kind == ANNOY_PAGE_ITEM;
	for (int i = 0; is_group && i < choice->build->index->group_slots; i++)
	{
		if (AnnoySlotState(AnnoyPageGetSlots(page) + i) == ANNOY_SLOT_LIVE)
			add_item(choice, block, page, i);
	}
	UnlockReleaseBuffer(buffer);
	return is_group;
}

/*
 * Find values: of all items if there are few, or else of groups chosen at random.  The
 * first ones would not do: values often increase from row to row.
 */
static void
find_values(Choice * choice)
{
	AnnoyBuild *build = choice->build;
	const AnnoySharedItems *items = &build->shared->items;
	AnnoyRandom random = build->index->seed ^ 2;
	int			groups = 0;

	if (items->end - items->first <= SAMPLE_GROUPS && items->count <= choice->max)
	{
		for (BlockNumber block = items->first; block < items->end; block++)
			(void) add_group(choice, block);
		return;
	}
	for (int i = 0; i < ATTEMPTS * SAMPLE_GROUPS && groups < SAMPLE_GROUPS; i++)
		groups += add_group(choice, items->first +
							AnnoyRandomBelow(&random, items->end - items->first));
}

static int
compare_values(const void *a, const void *b, void *arg)
{
	Values	   *values = arg;

	return DatumGetInt32(FunctionCall2Coll(&values->type->cmp_proc_finfo, values->collation,
										   *(const Datum *) a, *(const Datum *) b));
}

/*
 * Choose bounds from sorted values, `share' of which are to be between two of them.
 * Returns their number; if that is too large, not all are chosen.
 */
static int
choose(const Values * values, double share, int *bounds)
{
	int			n = 0;
	int			open = 0;		/* values behind the last bound */
	int			end;

	for (int start = 0; start < values->count && n <= ANNOY_MOST_BOUNDS; start = end)
	{
		for (end = start + 1; end < values->count; end++)
		{
			if (compare_values(&values->values[start], &values->values[end],
							   unconstify(Values *, values)) != 0)
				break;
		}
		if (end - start >= share && open > 0)
		{
			bounds[n++] = start - 1;
			open = 0;
		}
		open += end - start;
		if (open >= share && n <= ANNOY_MOST_BOUNDS)
		{
			bounds[n++] = start;
			open = 0;
		}
	}
	return n;
}

/*
 * Make the bounds of a column of its values.
 */
static void
make_bounds(Values * values)
{
	int			bounds[ANNOY_MOST_BOUNDS + 2];
	double		share = 1;		/* each value that there is, if they are few */
	int			n;

	if (values->n_long > MANY_LONG * (values->count + values->n_long))
	{
		values->count = 0;
		return;
	}
	qsort_arg(values->values, values->count, sizeof(Datum), compare_values, values);
	while ((n = choose(values, share, bounds)) > ANNOY_MOST_BOUNDS)
	{
		CHECK_FOR_INTERRUPTS();
		share = Max((double) values->count / ANNOY_MOST_BOUNDS, 1.02 * share);
	}
	for (int i = 0; i < n; i++)
		values->values[i] = values->values[bounds[i]];
	values->count = n;
}

/*
 * Write the bounds of all columns, and tell all participants.
 */
static void
write_bounds(Choice * choice)
{
	AnnoyBuild *build = choice->build;
	AnnoySharedIndex *shared = &build->shared->index;
	Datum	   *values = palloc0(sizeof(Datum) * choice->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * choice->desc->natts);
	IndexTuple	tuples[ANNOY_MOST_BOUNDS];
	int			count = 0;

	for (int i = 0; i < choice->desc->natts; i++)
		count = Max(count, choice->columns[i].count);
	for (int j = 0; j < count; j++)
	{
		for (int i = 0; i < choice->desc->natts; i++)
		{
			nulls[i] = j >= choice->columns[i].count;
			if (!nulls[i])
				values[i] = choice->columns[i].values[j];
		}
		tuples[j] = index_form_tuple(choice->desc, values, nulls);
	}
	/* trees made anew may come to nothing, and then these pages are in vain */
	if (build->in_place != NULL)
		(void) AnnoyMarkOldNodes(build->rel, true);
	AnnoyWriteBounds(build->rel, tuples, count, &shared->bounds, &shared->n_bounds);
	shared->version++;
	AnnoyBuildSyncIndex(build);
}

/*
 * Choose bounds for the columns that signatures are for, when all items have been
 * stored.
 */
void
AnnoyChooseBounds(AnnoyBuild *build)
{
	const AnnoyIndex *index = build->index;
	MemoryContext context;
	MemoryContext old_context;
	Choice		choice = {.build = build};
	int			natts;

	if (index->leaf.signature_bytes == 0)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "annoy bounds",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	choice.desc = AnnoyAttributesDesc(build->rel);
	natts = choice.desc->natts;
	choice.columns = palloc0(sizeof(Values) * natts);
	choice.max = (int) (AnnoyBuildBytes(VALUES_MEMORY) /
						(index->leaf.signature_bytes * (sizeof(Datum) + 2 * MAX_VALUE_SIZE)));
	choice.max = Min(choice.max, SAMPLE_GROUPS * 32);
	for (int i = 0; i < index->leaf.signature_bytes; i++)
	{
		int			column = ANNOY_SIGNATURE_COLUMN(index->signature_columns[i]);
		Values	   *values = &choice.columns[column - 1];

		values->type = AnnoyOrderedType(build->rel, column);
		values->collation = build->rel->rd_indcollation[column];
		if (values->type != NULL)
			values->values = palloc(sizeof(Datum) * choice.max);
	}
	find_values(&choice);
	for (int i = 0; i < natts; i++)
	{
		if (choice.columns[i].type != NULL)
			make_bounds(&choice.columns[i]);
	}
	MemoryContextSwitchTo(build->context);
	write_bounds(&choice);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
