/*-------------------------------------------------------------------------
 *
 * search.c
 *	  One round of a search: from the roots to candidate items.
 *
 * Inner nodes are expanded level by level, best first, over all trees at once,
 * until many times more nodes of the next level are ranked than will be
 * visited: ranking a node costs a few nanoseconds, visiting the wrong one a
 * page.  Then the best leaves are scanned, until the effort is spent.
 *
 * A node may be split between the reading of its parent and its own: then its
 * split sequence number is higher than its parent knew, and what it has lost
 * is found by following its right link.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/scan/search.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "error.h"
#include "scan/scan.h"
#include "space/space.h"
#include "storage/storage.h"
#include "tree/tree.h"
#include "type/type.h"

/* Nodes ranked for each one visited. */
#define RANK_FACTOR		40

/*
 * Candidates kept: at least so many, and one for so many entries scanned, and so many
 * for each row that is wanted.
 */
#define MIN_KEEP		192
#define SCAN_PER_KEEP	96
#define KEEP_PER_ROW	4

/* The same for manhattan, where scores only hint at distances. */
#define MIN_KEEP_L1			256
#define SCAN_PER_KEEP_L1	16
#define KEEP_PER_ROW_L1		8

/*
 * So many visits ahead, the processor is told to fetch the descriptor of a
 * node's buffer, and the first bytes of the node; the rest of a page it foresees.
 */
#define DESCRIBE_AHEAD	8
#define FETCH_AHEAD		4
#define FETCH_BYTES		1024

/*
 * If these bytes are signatures, which hardly anything passes, so many visits ahead it
 * is seen what else there is to be fetched.
 */
#define SIFT_AHEAD		2

/* Bounds are wanted, not estimates. */
#define MIN_EPSILON		1e-6

/*
 * For inner product, children are ranked as if the best item below them was so many
 * standard deviations nearer than their centres.
 */
#define SPREAD_SIGMAS	2.0

/* How full nodes are, roughly, to guess how many must be visited. */
#define TYPICAL_FILL	0.4

/*
 * So many times the leaves that it takes on average are at hand in a round that ends
 * when it has done enough, and where a search is only followed.
 */
#define MOST_LEAVES		2
#define FOLLOWED_LEAVES	5

static inline BlockNumber
candidate_block(const AnnoyCandidate *candidate)
{
	return ItemPointerGetBlockNumberNoCheck(&candidate->pointer);
}

/* Lock a pinned node for reading and check it. */
static AnnoyNode
lock_node(AnnoySearch *search, Buffer buffer)
{
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	AnnoyCheckNode(search->rel, search->index, buffer);
	return AnnoyPageGetNode(BufferGetPage(buffer));
}

/*
 * The right sibling to visit as well, because the node was split after its
 * parent was read.
 */
static BlockNumber
split_sibling(AnnoyNode node, const AnnoyCandidate *candidate)
{
	return node->nsn > candidate->nsn ? node->right : InvalidBlockNumber;
}

static void
check_level(AnnoySearch *search, AnnoyNode node, BlockNumber block, int level)
{
	if (node->level != level)
		AnnoyReportCorruption(search->rel, block, "The node is on level %u instead of %d.",
							  node->level, level);
}

/*
 * For inner product, turn the scores of a node's children, at their centres, into
 * those that the best items below them may have: what a child's spread adds to a
 * centre's product with the query is about as large in any direction.  Returns the
 * number of those that are below the limit.
 */
static int
apply_spreads(AnnoySearch *search, AnnoyNode node, float limit, int nhits)
{
	float		width = 2 * SPREAD_SIGMAS * sqrt(search->target.norm2 / search->index->dim);
	int			n = 0;

	for (int i = 0; i < nhits; i++)
	{
		AnnoyPointer pointer = AnnoyNodePointer(search->index, node, search->hits[i]);
		float		score = search->scores[i] - width * AnnoyPointerSpread(&pointer);

		if (score < limit)
		{
			search->hits[n] = search->hits[i];
			search->scores[n++] = score;
		}
	}
	return n;
}

/*
 * Rank the children of an inner node.  Those whose scores are below no limit, not
 * even where there is none, will not be visited, however many nodes are wanted.
 */
static void
rank_children(AnnoySearch *search, AnnoyNode node, BlockNumber block)
{
	AnnoyCollector *children = &search->nodes[node->level - 1];
	bool		spreads = search->index->metric == ANNOY_IP;
	int			nhits;

	nhits = AnnoyNodeScore(&search->target, node, 0, spreads ? INFINITY : children->limit,
						   search->hits, search->scores);
	if (spreads)
		nhits = apply_spreads(search, node, children->limit, nhits);
	search->ranked[node->level - 1] += node->count;
	if (unlikely(nhits < node->count && children->limit == INFINITY))
	{
		AnnoyCheckEntries(search->rel, search->index, node, block);
		search->ranked[node->level - 1] -= node->count - nhits;
	}
	AnnoyCollect(children, search->index, node, nhits, search->hits, search->scores);
	search->stats.inner_nodes++;
}

/*
 * For how many entries a leaf counts.  Copies of one vector count once, lest they
 * use up the effort.
 */
int
AnnoySearchLeafEntries(AnnoyNode node)
{
	return (node->flags & ANNOY_NODE_UNIFORM) != 0 ? 1 : node->count;
}

/*
 * How much the query is unlike the rows, as far as the best tell that are known.  Those
 * that pass a sieve are not its neighbours, and do not tell.
 */
static inline double
unlike_rows(const AnnoySearch *search, const AnnoyBest *best)
{
	if (search->sieve != NULL)
		return 1;
	return AnnoySearchUnlike(best, search->target.norm2, search->index->curve.like);
}

/*
 * Note the estimates of entries of a leaf that are among the best.  An estimate is
 * not below its bound.  As the round gets to know how much the query is unlike the
 * rows, it goes on with fewer candidates; but not if it keeps only close ones.  Where
 * these are many, fewer would not do, and the round would be made again.
 */
static inline void
note_best(AnnoySearch *search, AnnoyNode node, int nhits)
{
	const AnnoyRound *round = search->round;
	AnnoyBest  *best = &search->best;
	const AnnoyBest *all = search->has_others ? &search->merged : best;
	float		tenth = AnnoyBestTenth(all);

	for (int i = 0; i < nhits; i++)
	{
		if (search->scores[i] < best->estimate[ANNOY_BEST - 1])
		{
			AnnoyPointer item = AnnoyNodePointer(search->index, node, search->hits[i]);
			float		estimate = AnnoyNodeEstimate(&search->target, node, search->hits[i],
													 search->scores[i]);

			AnnoyBestAdd(best, estimate, &item);
			if (search->has_others)
				AnnoyBestAdd(&search->merged, estimate, &item);
			/* nothing is known of entries without codes */
			if (estimate > search->scores[i])
				search->margin = Max(search->margin, estimate - search->scores[i]);
		}
	}
	if (round->done > 0 && AnnoyBestTenth(all) < tenth)
	{
		search->unlike = unlike_rows(search, all);
		if (!round->close)
			AnnoyCollectorKeep(&search->items,
							   (int) Min(search->unlike * round->keep, round->most_keep));
	}
	if (round->close && best->estimate[ANNOY_BEST - 1] > -INFINITY)
		search->items.limit = Min(search->items.limit,
								  best->estimate[ANNOY_BEST - 1] + search->margin);
}

/*
 * Scan the entries of a leaf for candidates.
 */
static inline void
scan_leaf(AnnoySearch *search, AnnoyNode node, double epsilon)
{
	int			nhits;

	nhits = AnnoyNodeScore(&search->target, node, epsilon,
						   search->items.limit, search->hits, search->scores);
	search->sifted += node->count;
	search->sieve_passed += search->target.passed;
	AnnoyCollect(&search->items, search->index, node, nhits, search->hits,
				 search->scores);
	if (search->round != NULL && (search->round->done > 0 || search->round->close))
		note_best(search, node, nhits);
	search->scanned += AnnoySearchLeafEntries(node);
	search->stats.leaves++;
	search->stats.entries += node->count;
}

/*
 * Visit a pinned node, and what was split off from it.
 */
static void
visit(AnnoySearch *search, const AnnoyCandidate *candidate, int level,
	  Buffer buffer)
{
	BlockNumber steps = 0;

	for (;;)
	{
		AnnoyNode	node = lock_node(search, buffer);
		BlockNumber sibling = split_sibling(node, candidate);

		if (!AnnoyNodeIsKnown(search->index, node))
		{
			search->space_decided = true;
			UnlockReleaseBuffer(buffer);
			break;
		}
		if (node->level != level &&
			BufferGetBlockNumber(buffer) < AnnoyRootBlock(search->index->n_trees))
		{
			/* a root that was a leaf has been split since: rank again */
			search->root_split = BufferGetBlockNumber(buffer);
			UnlockReleaseBuffer(buffer);
			break;
		}
		check_level(search, node, BufferGetBlockNumber(buffer), level);
		if (node->level > 0)
			rank_children(search, node, BufferGetBlockNumber(buffer));
		else
			scan_leaf(search, node, search->epsilon);
		UnlockReleaseBuffer(buffer);
		if (sibling == InvalidBlockNumber)
			break;
		AnnoyCountStep(search->rel, sibling, &steps);
		buffer = AnnoyReadBuffer(search->rel, sibling, NULL);
	}
}

/* How far the nodes of a level have been visited, best first. */
typedef struct Progress
{
	int			wanted;			/* so many will be, most likely */
	AnnoyAhead	described;
	int			fetched;
	int			sifted;
	int			visited;
} Progress;

/* Are the nodes of a level leaves of which hardly anything passes the sieve? */
static inline bool
passes_few(const AnnoySearch *search, int level)
{
	return level == 0 && search->sieve != NULL &&
		search->sieve_passed * ANNOY_BLOCK_ENTRIES < search->sifted;
}

/*
 * Have the processor fetch what is first needed of a node: of a leaf of which hardly
 * anything passes the sieve, only the signatures.
 */
static void
fetch_node(AnnoySearch *search, BlockNumber block, int level)
{
	const AnnoyCodec *codec = &search->index->leaf;
	int			header = MAXALIGN(SizeOfPageHeaderData) + sizeof(AnnoyNodeData);
	int			signatures = header + search->index->centre_bytes + ANNOY_BLOCK_SIGNATURES(codec->bytes);
	int			blocks = (int) (TYPICAL_FILL * codec->capacity / ANNOY_BLOCK_ENTRIES) + 1;

	if (!passes_few(search, level))
	{
		AnnoyPrefetchPage(search->rel, block, 0, FETCH_BYTES);
		return;
	}
	AnnoyPrefetchPage(search->rel, block, 0, header);
	signatures += search->sieve->byte[0] * ANNOY_BLOCK_ENTRIES;
	AnnoyPrefetchPlaces(search->rel, block, signatures, codec->block_size,
						signatures + blocks * codec->block_size);
}

/*
 * Of the next leaves, if hardly anything passes the sieve, have the processor fetch what
 * else there is to be scored, by signatures that have been fetched by now.
 */
static void
fetch_passing(AnnoySearch *search, int level, Progress *progress)
{
	const AnnoyCollector *leaves = &search->nodes[level];
	int			end = Min(progress->visited + SIFT_AHEAD, leaves->count);

	if (!passes_few(search, level))
		return;
	for (int i = Max(progress->sifted, progress->visited); i < end; i++)
	{
		Page		page = AnnoyRecentPage(search->rel, candidate_block(&leaves->candidates[i]));

		if (page != NULL)
			AnnoyNodePrefetchPassing(&search->target, page);
	}
	progress->sifted = end;
}

/* Visit the next node of a level, while the processor fetches those after it. */
static void
visit_next(AnnoySearch *search, int level, Progress *progress)
{
	const AnnoyCollector *nodes = &search->nodes[level];
	const AnnoyCandidate *next = &nodes->candidates[progress->visited];
	int			describe = Min(AnnoyPrefetchEnd(&progress->described, progress->visited,
												progress->wanted, DESCRIBE_AHEAD),
							   nodes->count);
	int			fetch = Min(progress->visited + FETCH_AHEAD, nodes->count);

	CHECK_FOR_INTERRUPTS();

	for (int i = progress->described.next; i < describe; i++)
		AnnoyPrefetchBuffer(search->rel, candidate_block(&nodes->candidates[i]));
	progress->described.next = Max(progress->described.next, describe);
	for (; progress->fetched < fetch; progress->fetched++)
		fetch_node(search, candidate_block(&nodes->candidates[progress->fetched]), level);
	fetch_passing(search, level, progress);
	visit(search, next, level, AnnoyReadBuffer(search->rel, candidate_block(next), NULL));
	progress->visited++;
}

/*
 * Visit the best nodes of a level above leaves, at least a number of them, until so
 * many nodes of the level below are ranked.  Returns true if that are all there are.
 */
static bool
visit_inner(AnnoySearch *search, int level, int at_least, double goal)
{
	Progress	progress = {0};

	progress.wanted = Max(at_least, (int) Min(goal / (TYPICAL_FILL * search->index->inner.capacity),
											  search->nodes[level].count));
	while (progress.visited < search->nodes[level].count)
	{
		if (progress.visited >= at_least && search->ranked[level - 1] >= goal)
			return false;
		visit_next(search, level, &progress);
	}
	return true;
}

/*
 * Has a round scanned as many entries as it may?
 */
static inline bool
is_spent(const AnnoySearch *search, const AnnoyRound *round)
{
	return search->scanned >=
		(round->done > 0 ? Min(search->unlike * round->most, round->bound) : round->effort);
}

/*
 * Has it done what it is to do, or is it spent, before a leaf with that score is
 * visited?
 */
static inline bool
is_done(AnnoySearch *search, const AnnoyRound *round, float next)
{
	if (round->done > 0 &&
		AnnoySearchDone(search->has_others ? &search->merged : &search->best,
						search->scanned, search->first, next) >=
		search->unlike * round->done)
		search->ended = ANNOY_END_DISTANCE;
	else if (is_spent(search, round))
		search->ended = ANNOY_END_EFFORT;
	return search->ended != ANNOY_END_NONE;
}

/* How many leaves a search with that effort will visit, roughly. */
static double
leaves_wanted(const AnnoyIndex *index, double effort)
{
	return ceil(effort / (TYPICAL_FILL * index->leaf.capacity)) + index->n_trees;
}

/*
 * Scan the leaves that are ranked, until the round is done.  Returns how many were
 * visited.
 */
static int
scan_leaves(AnnoySearch *search, const AnnoyRound *round)
{
	const AnnoyCollector *leaves = &search->nodes[0];
	Progress	progress = {0};

	progress.wanted = (int) Min(leaves_wanted(search->index, round->effort),
								leaves->count);
	while (progress.visited < leaves->count &&
		   !is_done(search, round, leaves->candidates[progress.visited].score))
		visit_next(search, 0, &progress);
	return progress.visited;
}

/*
 * Prepare the query for comparisons in the index's search space.
 */
static void
map_query(AnnoySearch *search)
{
	const AnnoyIndex *index = search->index;

	AnnoyTargetInit(&search->target, index, index->metric == ANNOY_IP);
	search->target.sieve = search->sieve;
	search->score_factor = AnnoyMapQuery(index, &search->query, search->target.x);
	AnnoyTargetSet(&search->target);
	/* the image of a zero query is not of unit length */
	if (index->metric == ANNOY_COSINE)
		search->score_factor = AnnoyVectorNorm(&search->query) > 0 ? 2 : 1;
	search->mean_shift = 0;
	if (index->metric == ANNOY_IP)
	{
		float	   *image = palloc(sizeof(float) * index->dim);

		AnnoyImage(index->metric, search->score_factor, &search->query, image);
		for (int i = 0; i < index->dim; i++)
			search->mean_shift += 2.0 * image[i] * index->mean[i];
		pfree(image);
	}
}

/*
 * If the search space was decided after the index was opened, open it again: what
 * was ranked or scanned is of no use then.
 */
static bool
open_again(AnnoySearch *search)
{
	if (!search->space_decided)
		return false;
	search->space_decided = false;
	search->index = AnnoyOpenSpace(search->rel);
	map_query(search);
	/* which were scores of another space */
	search->has_others = false;
	return true;
}

/*
 * Rank leaves as it takes to visit `wanted' of them, or as many as is worth while
 * anyway; the best `most' come out in order in nodes[0].  Returns true if that are all
 * leaves there are.
 */
static bool
rank_leaves(AnnoySearch *search, double wanted, double most)
{
	const AnnoyIndex *index = search->index;
	double		visits[ANNOY_MAX_LEVEL];	/* on each level */
	bool		all = true;

	visits[0] = Max(wanted, leaves_wanted(index, ANNOY_RANKED_EFFORT));
	for (int level = 1; level < ANNOY_MAX_LEVEL; level++)
		visits[level] = Max(ceil(RANK_FACTOR * visits[level - 1] /
								 (TYPICAL_FILL * index->inner.capacity)),
							2 * index->n_trees);
	for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
	{
		AnnoyCollectorReset(&search->nodes[level],
							level > 0 || most >= PG_INT32_MAX ? PG_INT32_MAX : (int) most);
		search->ranked[level] = 0;
	}

	/* roots are always expanded */
	for (int tree = 0; tree < index->n_trees; tree++)
	{
		Buffer		buffer = AnnoyReadBuffer(search->rel, AnnoyRootBlock(tree), NULL);
		AnnoyNode	node = lock_node(search, buffer);

		if (!AnnoyNodeIsKnown(index, node))
			search->space_decided = true;
		else if (node->level > 0)
			rank_children(search, node, BufferGetBlockNumber(buffer));
		else
		{
			AnnoyCandidate root;

			root.score = AnnoyNodeDistance(&search->target, node);
			root.nsn = PG_UINT32_MAX;
			ItemPointerSet(&root.pointer, AnnoyRootBlock(tree), InvalidOffsetNumber);
			AnnoyCollectorAdd(&search->nodes[0], &root);
			search->ranked[0]++;
		}
		UnlockReleaseBuffer(buffer);
	}

	for (int level = ANNOY_MAX_LEVEL - 1; level > 0; level--)
	{
		AnnoyCollector *nodes = &search->nodes[level];

		AnnoyCollectorFinish(nodes);
		if (!visit_inner(search, level, 2 * index->n_trees, RANK_FACTOR * visits[level - 1]))
			all = false;
	}

	AnnoyCollectorFinish(&search->nodes[0]);
	return all && search->nodes[0].count == search->ranked[0];
}

/*
 * Prepare searches for a query, in the current memory context: epsilon is how
 * far estimates may be off, in standard deviations.
 */
AnnoySearch *
AnnoySearchInit(Relation rel, const AnnoyIndex *index,
				const AnnoyVector *query, double epsilon)
{
	AnnoySearch *search = palloc0(sizeof(AnnoySearch));

	search->rel = rel;
	search->index = index;
	search->epsilon = Max(epsilon, MIN_EPSILON);
	search->query = *query;
	AnnoyBestReset(&search->best);
	map_query(search);
	AnnoyCollectorInit(&search->items);
	AnnoyCollectorInit(&search->visited);
	for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
		AnnoyCollectorInit(&search->nodes[level]);
	return search;
}

/*
 * Have searches pass over entries whose signatures do not pass a sieve.
 */
void
AnnoySearchSetSieve(AnnoySearch *search, const AnnoySieve * sieve)
{
	search->sieve = search->target.sieve = sieve;
}

/*
 * Let a search know what another one has found, and what that one knew of still
 * others: they are for the same query, in other indexes of the same metric, and only
 * the best ten of all are wanted.  So rounds that end when they have done enough count
 * from the first leaf of all, by the tenth item of all.  What such a round finds beyond
 * these need not be the best that there is.  Returns false if nothing is known.
 *
 * Scores are proportional to each other where there are such rounds: not by inner
 * product.
 */
bool
AnnoySearchLearn(AnnoySearch *search, const AnnoySearch *other)
{
	const AnnoyBest *best = other->has_others ? &other->merged : &other->best;
	float		margin = other->margin;
	double		ratio = AnnoySearchScore(search, 1) / AnnoySearchScore(other, 1);

	Assert(search->index->metric == other->index->metric);
	Assert(search->index->metric != ANNOY_IP && search->index->metric != ANNOY_L1);

	if (other->has_others)
		margin = Max(margin, other->others_margin);
	AnnoyBestReset(&search->others);
	for (int i = 0; i < ANNOY_BEST; i++)
		search->others.estimate[i] = ratio * best->estimate[i];
	search->others_margin = ratio * margin;
	search->others_first = ratio * other->first;
	search->has_others = isfinite(ratio) && ratio > 0 &&
		isfinite(search->others.estimate[0]) && isfinite(AnnoyBestTenth(&search->others));
	return search->has_others;
}

/*
 * How many candidates a search with that effort, for so many rows, usually needs: of
 * the nearest items, nearly all that have two entries are met twice.
 */
int
AnnoySearchKeep(AnnoyMetric metric, int n_entries, double effort, double rows)
{
	bool		l1 = metric == ANNOY_L1;
	double		keep = effort / (l1 ? SCAN_PER_KEEP_L1 : SCAN_PER_KEEP);

	keep = Max(keep, l1 ? MIN_KEEP_L1 : MIN_KEEP);
	keep = Max(keep, (l1 ? KEEP_PER_ROW_L1 : KEEP_PER_ROW) * rows);
	return Min(n_entries * keep, PG_INT32_MAX / 8);
}

/*
 * Give up what the last search has found, when there will be no other.
 */
void
AnnoySearchForget(AnnoySearch *search)
{
	AnnoyCollectorFree(&search->items);
	AnnoyCollectorFree(&search->visited);
	for (int level = 0; level < ANNOY_MAX_LEVEL; level++)
		AnnoyCollectorFree(&search->nodes[level]);
}

/*
 * Rank leaves as a search with that effort does.  Returns true if the result,
 * in search->nodes[0], has all leaves there are.
 */
bool
AnnoySearchRank(AnnoySearch *search, double effort)
{
	bool		all;

	do
	{
		double		wanted = leaves_wanted(search->index, effort);

		all = rank_leaves(search, wanted, FOLLOWED_LEAVES * wanted);
	}
	while (open_again(search));
	return all;
}

/*
 * Scan a leaf for candidates by their estimated distances, not by bounds of these.
 */
void
AnnoySearchEstimate(AnnoySearch *search, AnnoyNode node)
{
	scan_leaf(search, node, 0);
}

/* Forget what a round has scanned. */
static void
start_again(AnnoySearch *search)
{
	const AnnoyRound *round = search->round;

	AnnoyCollectorReset(&search->items, round->done > 0 ? round->most_keep : round->keep);
	AnnoyCollectorReset(&search->visited, PG_INT32_MAX);
	AnnoyBestReset(&search->best);
	search->merged = search->has_others ? search->others : search->best;
	search->unlike = unlike_rows(search, &search->merged);
	search->margin = 0;
	search->scanned = 0;
	search->sifted = search->sieve_passed = 0;
	search->scanned_before = search->sifted_before = search->passed_before = 0;
	search->first = search->has_others ? search->others_first : INFINITY;
	search->ended = ANNOY_END_NONE;
	search->root_split = InvalidBlockNumber;
}

/*
 * Leaves are going to be ranked again, and more of them.  Those that have been visited
 * are not to be visited again.
 */
static void
note_visited(AnnoySearch *search, int count)
{
	for (int i = 0; i < count; i++)
		AnnoyCollectorAdd(&search->visited, &search->nodes[0].candidates[i]);
	AnnoyCollectorFinish(&search->visited);
}

/* Keep what the last round has scanned. */
static void
go_on(AnnoySearch *search)
{
	search->scanned_before = search->scanned;
	search->sifted_before = search->sifted;
	search->passed_before = search->sieve_passed;
	search->items.keep = Max(search->items.keep, search->round->keep);
	search->ended = ANNOY_END_NONE;
	note_visited(search, search->n_visited);
}

/*
 * Search one round.  It ends when it has scanned as many entries as its effort says.
 * If it has something to do, it ends when that is done, and at the latest when it has
 * scanned the most that it may; if the query is unlike the rows, some times as much,
 * and with more candidates.
 * Few queries then need more than MOST_LEAVES times the average: leaves are ranked
 * again for these.
 *
 * Afterwards search->items has up to round->keep candidates in order of their lower
 * bounds; items not among them have bounds of at least items.limit, or were not
 * scanned.
 */
void
AnnoySearchForest(AnnoySearch *search, const AnnoyRound *round)
{
	double		wanted = leaves_wanted(search->index, round->effort);
	AnnoyCollector *leaves = &search->nodes[0];
	int			visited = 0;
	int			roots_split = 0;

	search->round = round;
	search->stats.effort = round->effort;
	search->stats.is_average = round->done > 0 && round->done < INFINITY;
	if (round->goes_on)
		go_on(search);
	else
		start_again(search);
	while (search->ended == ANNOY_END_NONE)
	{
		instr_time	start;
		instr_time	ranked;
		instr_time	scanned;
		bool		all;

		INSTR_TIME_SET_CURRENT(start);
		all = rank_leaves(search, wanted, round->done > 0 ? MOST_LEAVES * wanted : wanted);
		AnnoyCollectorSubtract(leaves, &search->visited);
		if (leaves->count > 0)
			search->first = Min(search->first, leaves->candidates[0].score);
		INSTR_TIME_SET_CURRENT(ranked);
		visited = scan_leaves(search, round);
		INSTR_TIME_SET_CURRENT(scanned);
		INSTR_TIME_ACCUM_DIFF(search->stats.routing, ranked, start);
		INSTR_TIME_ACCUM_DIFF(search->stats.scanning, scanned, ranked);

		if (open_again(search))
			start_again(search);
		else if (search->root_split != InvalidBlockNumber)
		{
			/* each root is a leaf but once */
			if (++roots_split > search->index->n_trees)
				AnnoyReportCorruption(search->rel, search->root_split,
									  "A node points to this root.");
			start_again(search);
		}
		else if (visited == leaves->count && all)
			search->ended = ANNOY_END_EVERYTHING;
		else if (search->ended == ANNOY_END_NONE &&
				 (is_spent(search, round) || wanted >= PG_INT32_MAX))
			search->ended = ANNOY_END_EFFORT;
		else if (search->ended == ANNOY_END_NONE)
		{
			note_visited(search, visited);
			wanted *= 4;
		}
	}
	search->round = NULL;
	search->n_visited = visited;
	if (search->stats.rounds < ANNOY_NOTED_ROUNDS)
		search->stats.ends[search->stats.rounds] = search->ended;
	search->stats.ended[search->ended]++;
	search->stats.rounds++;
	AnnoyCollectorFinish(&search->items);
}
