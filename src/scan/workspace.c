/*-------------------------------------------------------------------------
 *
 * workspace.c
 *	  The memory of scans, which the session keeps.
 *
 * A search takes some 200 kB, and is over in a tenth of a millisecond.  If it gave
 * its memory back to the operating system and asked for it again, a part of that
 * time would go into page faults.  So what a scan allocates is in a memory context,
 * its workspace, which does not give its first block back when it is reset.  What
 * the scan needs beyond that block is freed with the search.  A workspace that is
 * not needed any more waits for the next scan.
 *
 * What is freed before the search ends is not used again, as a rule, so what a scan
 * allocates for each item it has to allocate in another context.
 *
 * In use, a workspace is a child of the memory context of its scan, and dies with
 * that one.  So nothing has to be done after an error: what was in use is freed like
 * any other memory of the query, and only what a scan has given back is ever used
 * again.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/workspace.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "scan/state.h"

/* The size of the first block. */
#define KEPT_SIZE		(2 * 1024 * 1024)

/*
 * So many workspaces wait at most.  Queries that have more scans at the same time
 * get the others from the operating system.
 */
#define MAX_WAITING		4

static MemoryContext waiting[MAX_WAITING];
static int	n_waiting = 0;

/*
 * Get a workspace, an empty memory context.  It is deleted with its parent, unless
 * it is given back before.
 */
MemoryContext
AnnoyWorkspaceTake(MemoryContext parent)
{
	MemoryContext workspace;

	if (n_waiting == 0)
		return AnnoyKeepingContextCreate(parent, "annoy scan", KEPT_SIZE);
	workspace = waiting[--n_waiting];
	MemoryContextSetParent(workspace, parent);
	return workspace;
}

/*
 * Give a workspace back, with all that is in it.
 */
void
AnnoyWorkspaceGiveBack(MemoryContext workspace)
{
	if (n_waiting == MAX_WAITING)
	{
		MemoryContextDelete(workspace);
		return;
	}
	MemoryContextReset(workspace);
	MemoryContextSetParent(workspace, TopMemoryContext);
	waiting[n_waiting++] = workspace;
}

/*
 * How many bytes a workspace takes beside the block that the session keeps anyway.
 */
Size
AnnoyWorkspaceMemory(MemoryContext workspace)
{
	Size		allocated = MemoryContextMemAllocated(workspace, true);

	return Max(allocated, KEPT_SIZE) - KEPT_SIZE;
}
