/*-------------------------------------------------------------------------
 *
 * assign.c
 *	  Assigning items to the leaves of a skeleton.
 *
 * A walk over the items places every item, or chooses among the leaves that refine.c
 * has found near it, encodes it relative to its leaf's centre and passes the entry to
 * a sort by leaf; likewise its second entry, if it gets one.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/build/assign.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "annoy.h"
#include "build/state.h"
#include "relation/relation.h"
#include "space/space.h"
#include "tree/tree.h"

/* A sort key has the leaf, and behind it that many bits of the item's number. */
#define ITEM_BITS			39

StaticAssertDecl(ANNOY_MAX_LEAVES - 1 <= PG_INT64_MAX >> ITEM_BITS, "a leaf fits the key");

/* State of the walk that assigns items to leaves. */
typedef struct Assignment
{
	AnnoyBuild *build;
	AnnoySkeleton skeleton;
	AnnoyTarget target;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	char	   *payload;		/* a bytea with an AnnoyEntry */
	AnnoySigner *signer;		/* of attributes, or NULL */
	AnnoySignature signature;	/* of the item at work */
	uint64		items;			/* since progress was reported */
} Assignment;

/*
 * A sort has no more memory than that, in kB, whatever there is: while it sorts
 * what it has in memory, or writes it to a file, it shows no progress.
 */
#define MAX_SORT_MEMORY		(256 * 1024)

/*
 * The number of an item, by which entries of a leaf are sorted: numbers of
 * successive items increase.
 */
int64
AnnoyItemNumber(AnnoyBuild *build, const AnnoyPointer *pointer)
{
	const AnnoyIndex *index = build->index;
	uint64		block = ItemPointerGetBlockNumberNoCheck(pointer) - build->shared->items.first;
	uint64		number = block * index->group_slots / index->group_pages +
	ItemPointerGetOffsetNumberNoCheck(pointer) - FirstOffsetNumber;

	if (number >> ITEM_BITS != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an annoy index cannot be built on more than %lld rows",
						1LL << ITEM_BITS)));
	return (int64) number;
}

/*
 * Note that an item gets its entry.  Returns false if it has one already.
 */
static bool
include_item(AnnoyBuild *build, int64 number)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	bool		result = AnnoyBitsAdd(&build->in_place->included, number);

	MemoryContextSwitchTo(old_context);
	return result;
}

/*
 * Pass an entry of an item, whose point is the target, to the sort.
 */
static void
put_entry(Assignment *assignment, const AnnoyPointer *pointer, int64 number,
		  int leaf, uint16 flags)
{
	const AnnoyIndex *index = assignment->build->index;
	TupleTableSlot *slot = assignment->slot;
	AnnoyEntry	entry;

	AnnoyEncode(index, &index->leaf, assignment->target.x,
				assignment->skeleton.centres + (Size) leaf * index->space_dim, &entry);
	entry.pointer = *pointer;
	entry.flags = flags;
	entry.signature = assignment->signature;
	memcpy(VARDATA(assignment->payload), &entry,
		   offsetof(AnnoyEntry, code) + index->leaf.bytes);

	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum(((int64) leaf << ITEM_BITS) | number);
	slot->tts_values[1] = PointerGetDatum(assignment->payload);
	slot->tts_isnull[0] = false;
	slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(assignment->sort, slot);
}

/*
 * AnnoyBuildWalkPoints callback: place an item, and pass its entries to the sort.
 */
static void
assign_item(const AnnoyPointer *pointer, const float *x, void *arg)
{
	Assignment *assignment = arg;
	AnnoyBuild *build = assignment->build;
	AnnoySkeleton *skeleton = &assignment->skeleton;
	AnnoyTarget *target = &assignment->target;
	int64		number;
	int			found[1 + ANNOY_SECOND_CANDIDATES];
	const int  *candidates;
	int			first;
	int			second = -1;

	number = AnnoyItemNumber(build, pointer);
	if (build->in_place != NULL && !include_item(build, number))
		return;
	if (assignment->signer != NULL &&
		!AnnoySignItem(assignment->signer, pointer,
					   build->in_place == NULL && build->shared->tree.number == 0,
					   &assignment->signature))
		AnnoyReportCorruption(build->rel, ItemPointerGetBlockNumberNoCheck(pointer),
							  "The item in slot %u has lost its attributes.",
							  ItemPointerGetOffsetNumberNoCheck(pointer));
	memcpy(target->x, x, sizeof(float) * skeleton->dim);
	candidates = AnnoyKeptCandidates(skeleton, number);
	if (candidates == NULL || candidates[0] < 0)
	{
		AnnoyPlaceItem(skeleton, target, found);
		candidates = found;
	}
	if (AnnoyItemEntries(build) > 1)
		first = AnnoyChooseLeaves(skeleton, target->x, candidates, &second);
	else
		first = AnnoyChooseLeaf(skeleton, target->x, candidates);
	if (second < 0)
		put_entry(assignment, pointer, number, first, 0);
	else
	{
		put_entry(assignment, pointer, number, first,
				  ANNOY_ENTRY_PAIRED | (first < second ? ANNOY_ENTRY_EARLIER : 0));
		put_entry(assignment, pointer, number, second,
				  ANNOY_ENTRY_PAIRED | ANNOY_ENTRY_SECOND |
				  (second < first ? ANNOY_ENTRY_EARLIER : 0));
	}
	if (++assignment->items == ANNOY_REPORT_ITEMS)
	{
		AnnoyBuildAdvance(build, assignment->items, 0);
		assignment->items = 0;
	}
}

static TupleDesc
entry_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "entry", BYTEAOID, -1, 0);
	TupleDescFinalize(desc);
	return desc;
}

/*
 * Begin a sort that shares its memory with others.
 */
static Tuplesortstate *
begin_sort(TupleDesc desc, int sorts, SortCoordinate coordinate)
{
	int			memory = Min(ANNOY_SORT_MEMORY * maintenance_work_mem / sorts,
							 MAX_SORT_MEMORY);
	AttrNumber	attribute = 1;
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;

	return tuplesort_begin_heap(desc, 1, &attribute, &less, &collation, &nulls_first,
								Max(memory, 64), coordinate, ANNOY_TUPLESORT_NONE);
}

/*
 * Take part in the assignment.  If there are several participants, the state is a
 * Sharedsort.  Each sorts what it has assigned, and the leader will merge that.
 */
void
AnnoyStepAssign(AnnoyBuild *build, void *state)
{
	Size		payload_size = VARHDRSZ + offsetof(AnnoyEntry, code) + build->index->leaf.bytes;
	Assignment	assignment = {.build = build};
	TupleDesc	desc = entry_desc();

	AnnoyGetSkeleton(build, &assignment.skeleton);
	AnnoyTargetInit(&assignment.target, build->index, false);
	assignment.payload = palloc0(payload_size);
	SET_VARSIZE(assignment.payload, payload_size);
	assignment.signer = AnnoySignerMake(build->rel, build->index, NULL);
	assignment.slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	if (build->participants > 1)
	{
		SortCoordinateData coordinate = {.isWorker = true,.nParticipants = -1,.sharedsort = state};

		if (build->is_worker)
			tuplesort_attach_shared(state, AnnoyBuildSegment(build, build->shared->team.state));
		assignment.sort = begin_sort(desc, build->participants, &coordinate);
	}
	else
		assignment.sort = build->sort;

	AnnoyBuildWalkPoints(build, assign_item, &assignment);
	AnnoyBuildAdvance(build, assignment.items, 0);

	if (build->participants > 1)
	{
		tuplesort_performsort(assignment.sort);
		tuplesort_end(assignment.sort);
	}
	ExecDropSingleTupleTableSlot(assignment.slot);
}

/*
 * Assign items that have come since all were.
 */
void
AnnoyAssignMore(AnnoyBuild *build)
{
	AnnoyBuildRun(build, ANNOY_STEP_ASSIGN, build->shared_sort, AnnoyBuildPointUnits(build));
}

/*
 * Assign all items to leaves.
 */
void
AnnoyAssignItems(AnnoyBuild *build)
{
	AnnoyShared *shared = build->shared;

	AnnoyBuildPhase(build, ANNOY_PHASE_ASSIGN, shared->items.count,
					shared->sample.whole ? 0 : shared->items.end - shared->items.first);
	if (build->participants == 1)
		build->sort = begin_sort(entry_desc(), build->in_place != NULL ? build->index->n_trees : 1, NULL);
	else
	{
		build->shared_sort = AnnoyBuildAlloc(build, tuplesort_estimate_shared(build->participants));
		tuplesort_initialize_shared(AnnoyBuildAddress(build, build->shared_sort),
									build->participants,
									AnnoyBuildSegment(build, build->shared_sort));
	}
	AnnoyAssignMore(build);
	build->n_sorts = shared->team.joined + 1;
	AnnoyBuildPhaseDone(build, "assigning items", shared->items.count, "items");
}

/*
 * Sort the entries of the tree at work, leaf by leaf.
 */
void
AnnoySortEntries(AnnoyBuild *build, AnnoyEntries *entries)
{
	AnnoyShared *shared = build->shared;
	TupleDesc	desc = entry_desc();
	double		count = shared->items.count * AnnoyItemEntries(build);

	AnnoyBuildPhase(build, ANNOY_PHASE_SORT, count, 0);
	if (build->participants > 1)
	{
		SortCoordinateData coordinate = {
			.isWorker = false,
			.nParticipants = build->n_sorts,
			.sharedsort = AnnoyBuildAddress(build, build->shared_sort)
		};

		build->sort = begin_sort(desc, 1, &coordinate);
	}
	tuplesort_performsort(build->sort);
	entries->sort = build->sort;
	entries->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	AnnoyBuildPhaseDone(build, "sorting", count, "entries");
}

/*
 * The next entry, as bytes of an AnnoyEntry, and its leaf.  Returns false if there
 * are no more.
 */
bool
AnnoyNextEntry(AnnoyEntries *entries, int *leaf, const char **entry)
{
	TupleTableSlot *slot = entries->slot;
	bool		isnull;

	if (!tuplesort_gettupleslot(entries->sort, true, false, slot, NULL))
		return false;
	*leaf = (int) (DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> ITEM_BITS);
	*entry = VARDATA_ANY(DatumGetByteaPP(slot_getattr(slot, 2, &isnull)));
	return true;
}

/*
 * Forget the entries, and the files that they may be in.
 */
void
AnnoyEndEntries(AnnoyBuild *build, AnnoyEntries *entries)
{
	ExecDropSingleTupleTableSlot(entries->slot);
	tuplesort_end(entries->sort);
	build->sort = NULL;
	AnnoyBuildFree(build, &build->shared_sort);
}
