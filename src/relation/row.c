/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows of the table, as far as an item's TID tells; and their vectors, if the
 *	  index does not store these.
 *
 * An item's TID is that of the first member of a HOT chain.  Whoever has a snapshot
 * reads the member that it sees.  Others (insertions that split a leaf, VACUUM, the
 * verifier) want the vector that the item's entries were made of.  All members have
 * the same, as an update that changes the indexed value is not HOT, but those from
 * before the index was made; so they read a member that is live, or would be if a
 * transaction under way came to another end than it seems: one that is being inserted
 * or deleted, by us as well.  Otherwise the row is gone, and nobody will miss it.  What
 * is dead to all new snapshots is not read although an old one may see it, since
 * VACUUM may have removed its parts in the TOAST table.
 *
 * A TID is not used for another row as long as there is an item with it: VACUUM
 * removes that first.  So what is read for an item is its row or nothing, unless the
 * item has been removed meanwhile; then that of a scan's snapshot is not visible, and
 * others notice that the item's entries have changed.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "error.h"
#include "relation/relation.h"
#include "storage/storage.h"

/*
 * May there be a row with a TID that an item has?  A table access method of
 * another kind may number its rows as it likes.
 */
bool
AnnoyRowMayExist(Relation heap, const ItemPointerData *tid)
{
	if (!ItemPointerIsValid(tid) ||
		ItemPointerGetBlockNumberNoCheck(tid) == InvalidBlockNumber)
		return false;
	return !AnnoyIsHeap(heap) ||
		AnnoyBlockExists(heap, ItemPointerGetBlockNumberNoCheck(tid));
}

/*
 * Raise an error unless there may be a row with a TID that an item has.
 */
void
AnnoyCheckRow(Relation rel, Relation heap, const ItemPointerData *tid)
{
	if (unlikely(!AnnoyRowMayExist(heap, tid)))
		AnnoyReportCorruption(rel, InvalidBlockNumber,
							  "There is an item of row (%u,%u), which cannot exist.",
							  ItemPointerGetBlockNumberNoCheck(tid),
							  ItemPointerGetOffsetNumberNoCheck(tid));
}

/*
 * After a row whose page of the table was not in shared buffers, more of that kind are
 * expected among so many that are read next.
 */
#define COLD_ROWS		40

static int	cold_rows = 0;

/*
 * Note that so many rows were read, and whether a page had to be for that.
 */
void
AnnoyNoteRows(int rows, bool were_cold)
{
	cold_rows = were_cold ? COLD_ROWS : Max(cold_rows - rows, 0);
}

/*
 * Is it worth while to ask for the pages of rows before they are wanted?
 */
bool
AnnoyRowsAreCold(void)
{
	return cold_rows > 0;
}

/*
 * Have the operating system read the page of the table that has a row, unless it is in
 * shared buffers.  What the row has out of line is not known before its page is read.
 *
 * A table of another access method need not have the row in the block of that number, or
 * in that file, and there is no call to ask it to prefetch a row.
 */
void
AnnoyPrefetchRow(Relation heap, const ItemPointerData *tid)
{
	if (AnnoyIsHeap(heap) && AnnoyRowMayExist(heap, tid))
		AnnoyAskForPage(heap, ItemPointerGetBlockNumberNoCheck(tid));
}

/* What the processor fetches at a time, and of a row at most. */
#define PREFETCH_BYTES		64
#define MOST_PREFETCHED		2048

/* The table as a source of vectors. */
typedef struct TableSource
{
	AnnoyVectorSource source;
	Relation	heap;
	Relation	rel;
	int			dim;
	AnnoyDtype	dtype;			/* of the vectors that are read */
	Snapshot	snapshot;		/* NULL = rows that are not gone */
	bool		is_heap;		/* see AnnoyIsHeap */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	MemoryContext context;		/* of one row */

	/* the indexed value: a column, or 0 for an expression */
	AttrNumber	column;
	IndexInfo  *info;
	EState	   *estate;
} TableSource;

/*
 * Is the row in a slot deleted by our own transaction, which may undo that yet?  Of
 * tables of other access methods we do not know.
 */
static bool
is_deleted_by_us(TupleTableSlot *slot)
{
	HeapTupleHeader header;

	if (!TTS_IS_BUFFERTUPLE(slot))
		return false;
	header = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_data;
	return (header->t_infomask & HEAP_XMAX_INVALID) == 0 &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

/*
 * Put the member of a HOT chain that a snapshot sees into the slot.  Returns false if
 * there is none.
 *
 * For PostgreSQL's own kind of tables this is what table_index_fetch_tuple() does, but
 * for pruning; but it knows in which buffer the page was the last time.
 */
static bool
fetch_visible(TableSource *table, const ItemPointerData *tid, Snapshot snapshot)
{
	ItemPointerData copy = *tid;
	BufferHeapTupleTableSlot *slot;
	Buffer		buffer;
	bool		found;

	if (!table->is_heap)
	{
		bool		call_again = false;

		return table_index_fetch_tuple(table->fetch, &copy, snapshot, table->slot,
									   &call_again, NULL);
	}

	slot = (BufferHeapTupleTableSlot *) table->slot;
	ExecClearTuple(table->slot);
	buffer = AnnoyReadBuffer(table->heap, ItemPointerGetBlockNumberNoCheck(tid), NULL);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(&copy, table->heap, buffer, snapshot, &slot->base.tupdata,
								   NULL, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (found)
		ExecStorePinnedBufferHeapTuple(&slot->base.tupdata, table->slot, buffer);
	else
		ReleaseBuffer(buffer);
	return found;
}

/*
 * Put the row with a TID into the slot.  Returns false if it is gone, or if the
 * source's snapshot does not see it.
 */
static bool
fetch_row(TableSource *table, const ItemPointerData *tid)
{
	ItemPointerData copy;
	bool		call_again;
	SnapshotData dirty;

	if (table->snapshot != NULL)
		return fetch_visible(table, tid, table->snapshot);

	InitDirtySnapshot(dirty);
	if (fetch_visible(table, tid, &dirty))
		return true;

	copy = *tid;
	call_again = false;
	do
	{
		if (!table_index_fetch_tuple(table->fetch, &copy, SnapshotAny, table->slot,
									 &call_again, NULL))
			return false;
		if (is_deleted_by_us(table->slot))
			return true;
	} while (call_again);
	return false;
}

/*
 * The indexed value of the row in the slot.
 */
static Datum
indexed_value(TableSource *table, bool *isnull)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	ExprContext *econtext;

	if (table->column > 0)
		return slot_getattr(table->slot, table->column, isnull);

	econtext = GetPerTupleExprContext(table->estate);
	ResetExprContext(econtext);
	econtext->ecxt_scantuple = table->slot;
	FormIndexDatum(table->info, table->slot, table->estate, values, nulls);
	*isnull = nulls[0];
	return values[0];
}

/* AnnoyVectorSource's function: read a vector from the table. */
static bool
read_from_table(AnnoyVectorSource *source, const AnnoyPointer *pointer pg_attribute_unused(),
				const ItemPointerData *tid, AnnoyVector *vec)
{
	TableSource *table = (TableSource *) source;
	MemoryContext old_context;
	bool		found;

	AnnoyCheckRow(table->rel, table->heap, tid);
	MemoryContextReset(table->context);
	old_context = MemoryContextSwitchTo(table->context);
	found = fetch_row(table, tid);
	if (found)
	{
		bool		isnull;
		Datum		value = indexed_value(table, &isnull);

		/* a function that has changed may return anything by now */
		found = !isnull;
		if (found)
		{
			*vec = AnnoyReadIndexed(table->rel, value);
			found = vec->dim == table->dim;
			*vec = AnnoyConvertVector(vec, table->dtype);
		}
	}
	MemoryContextSwitchTo(old_context);
	return found;
}

/* AnnoyVectorSource's function. */
static void
close_table(AnnoyVectorSource *source)
{
	TableSource *table = (TableSource *) source;

	ExecDropSingleTupleTableSlot(table->slot);
	table_index_fetch_end(table->fetch);
	if (table->estate != NULL)
		FreeExecutorState(table->estate);
	table_close(table->heap, NoLock);
	MemoryContextDelete(table->context);
	pfree(table);
}

/*
 * Prepare to read vectors from an index's table: of rows that a snapshot sees, or,
 * without one, that are not gone.  They have the dtype of the column, or are bits if it
 * is these that the index compares.  The caller has the table locked.  Memory is taken
 * in the current context.
 */
AnnoyVectorSource *
AnnoySourceOpenTable(Relation rel, const AnnoyIndex *index, Snapshot snapshot)
{
	TableSource *table = palloc0(sizeof(TableSource));

	table->source.read = read_from_table;
	table->source.close = close_table;
	table->heap = table_open(rel->rd_index->indrelid, NoLock);
	table->rel = rel;
	table->dim = index->dim;
	table->dtype = index->metric == ANNOY_HAMMING ? ANNOY_BIT : AnnoyColumnDtype(rel);
	table->snapshot = snapshot;
	table->is_heap = AnnoyIsHeap(table->heap);
	table->fetch = AnnoyBeginFetch(table->heap);
	table->slot = table_slot_create(table->heap, NULL);
	table->context = AllocSetContextCreate(CurrentMemoryContext, "annoy vector of a row",
										   ALLOCSET_DEFAULT_SIZES);
	table->column = rel->rd_index->indkey.values[0];
	if (table->column == 0)
	{
		table->info = BuildIndexInfo(rel);
		table->estate = CreateExecutorState();
	}
	return &table->source;
}

/*
 * The same if the index does not store its vectors.  Returns NULL if it does.
 */
AnnoyVectorSource *
AnnoySourceOpen(Relation rel, const AnnoyIndex *index, Snapshot snapshot)
{
	return index->in_table && index->dim > 0 ? AnnoySourceOpenTable(rel, index, snapshot) : NULL;
}

/*
 * Have a row's page be read from the disk, if it is not in shared buffers, for a
 * vector that will be wanted soon.
 */
void
AnnoySourcePrefetch(AnnoyVectorSource *source, const ItemPointerData *tid)
{
	TableSource *table = (TableSource *) source;

	AnnoyPrefetchRow(table->heap, tid);
}

/*
 * Pin a row's page, and have the processor fetch what it begins with: several pages
 * that are pinned before a row is read take little longer than one.  The buffer may be
 * invalid.
 */
Buffer
AnnoySourcePin(AnnoyVectorSource *source, const ItemPointerData *tid)
{
	TableSource *table = (TableSource *) source;
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);
	Buffer		buffer;

	if (!table->is_heap || !AnnoyRowMayExist(table->heap, tid))
		return InvalidBuffer;
	buffer = AnnoyReadBuffer(table->heap, ItemPointerGetBlockNumberNoCheck(tid), NULL);
	__builtin_prefetch(BufferGetPage(buffer));
	if (offset <= MaxHeapTuplesPerPage)
		__builtin_prefetch(PageGetItemId(BufferGetPage(buffer), offset));
	return buffer;
}

/*
 * Have the processor fetch a row whose page was pinned, if it is where its line pointer
 * says, which may change as long as the page is not locked.
 */
void
AnnoySourceTouch(Buffer buffer, const ItemPointerData *tid)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);
	ItemIdData	id;
	unsigned int end;

	if (!BufferIsValid(buffer) || offset > MaxHeapTuplesPerPage)
		return;
	id = *PageGetItemId(BufferGetPage(buffer), offset);
	end = Min(ItemIdGetOffset(&id) + Min(ItemIdGetLength(&id), MOST_PREFETCHED), BLCKSZ);
	for (unsigned int i = ItemIdGetOffset(&id); i < end; i += PREFETCH_BYTES)
		__builtin_prefetch(BufferGetPage(buffer) + i);
}

/*
 * Let go of the page of the row that was read last, and of its vector.
 */
void
AnnoySourcePause(AnnoyVectorSource *source)
{
	TableSource *table = (TableSource *) source;

	ExecClearTuple(table->slot);
	table_index_fetch_reset(table->fetch);
}

/*
 * Close a source; NULL is none.
 */
void
AnnoySourceClose(AnnoyVectorSource *source)
{
	if (source != NULL)
		source->close(source);
}
