/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  From lower bounds to distances: rows whose vectors the index has rounded.
 *
 * An index with the dtype int8 knows a lower bound of a row's distance, which is what
 * its rows wait by.  Before such a row is returned, its vector is read from the table,
 * and it waits on, by its distance.  So rows come in the order of distances, and few
 * are read from the table that are not returned.
 *
 * PostgreSQL's executor could put rows in order, too, if it was given lower bounds.
 * But then nobody would know how many of the rows that it has taken it still holds
 * back; and a scan searches as hard as the number of rows says that are wanted.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/settle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/instrument.h"

#include "relation/relation.h"
#include "scan/state.h"

/*
 * Replace the lower bound of a row's distance by the distance.  Returns false if the
 * row is not to be returned.  Then it is late, and no such rows are wanted; or the
 * snapshot does not see it, and it counts like one that the executor finds to be so.
 */
bool
AnnoySettleRow(AnnoyScanState *state, AnnoyRow *row)
{
	AnnoyVectorSource *table = state->settler;
	int64		reads = pgBufferUsage.shared_blks_read;
	AnnoyVector vec;
	bool		found = table->read(table, NULL, &row->tid, &vec);

	AnnoyNoteRows(1, pgBufferUsage.shared_blks_read > reads);
	if (!found)
	{
		state->returned++;
		state->dead++;
		return false;
	}
	row->distance = AnnoyItemDistance(state->search->index, &vec, &state->query);
	row->is_bound = false;
	return AnnoyScanPlace(state, row);
}
