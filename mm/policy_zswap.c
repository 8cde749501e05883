/* SPDX-License-Identifier: MIT */
/*
 * policy_zswap.c - what Linux has: a compressed cache of anon pages before the swap disk, with a
 * static cap.
 *
 * The rules are those of zswap_store() and shrink_worker() in Linux mm/zswap.c (6.x), with its
 * defaults:
 *
 *   - Anon pages on their way to swap are compressed; file pages are not (they go as under none).
 *   - A pool that has reached max_pool_pct of memory is full, and stays full until it is no larger
 *     than accept_pct of that (zswap_check_limits()).
 *   - While it is full, each page is refused and goes to disk itself, so young pages pass the old
 *     ones in the pool by: the ageing inversion. Each refusal also queues the shrink worker,
 *     which writes the oldest zpages back until the pool accepts again.
 *   - Written back means decompressed, one page to a block (evicts_pages).
 *
 * Worker and reclaim run side by side in Linux, at rates that the scheduler decides. Here
 * they take turns: every other round of a full pool writes back, whatever that costs; the
 * others reclaim as under none. A cap of 0 therefore is none. The worker also runs on when no memory
 * is wanted; here the rest of its work waits for the next request.
 *
 * More lenient than Linux: a page in the pool occupies no swap block; and where nothing else can give, because a large
 * cap has left the programs hardly a page, the pool is written back before it is full. Not here: the dynamic
 * shrinker (shrinker_enabled, off by default).
 */
#include "mm/policy_costs.h"

enum { MAX_POOL_PCT, ACCEPT_PCT, NR_SETTINGS };
static const struct policy_setting settings[NR_SETTINGS] = {
	[MAX_POOL_PCT] = { "max_pool_pct", 20, 0, 100, "percent of memory the pool may take" },
	[ACCEPT_PCT] = { "accept_pct", 90, 1, 100,
			 "percent of the cap at which a full pool accepts again" },
};

static bool pool_is_full(const struct mm_snapshot *s)
{
	u64 cap = pct_of_memory(s, s->setting[MAX_POOL_PCT]);
	u64 pool = s->type[TYPE_ANON].compressed_frames;
	bool was_full = s->was_refusing & BIT(TYPE_ANON);

	return pool >= cap || (was_full && pool > cap * s->setting[ACCEPT_PCT] / 100);
}

static void zswap_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON], *file = &s->type[TYPE_FILE];
	bool full = pool_is_full(s);
	bool writeback = anon->can_evict && may_give(s, LRU_COMPRESSED_ANON);

	decision_begin(s, d);
	d->refusing = full ? BIT(TYPE_ANON) : 0;
	if (!full)
		consider(s, d, LRU_INACTIVE_ANON, compress_cost(anon));
	else if (anon->can_evict)
		consider(s, d, LRU_INACTIVE_ANON, evict_cost(anon, TYPE_ANON));
	consider(s, d, LRU_INACTIVE_FILE, evict_cost(file, TYPE_FILE));
	if (writeback && ((full && s->round % 2) || d->list == NR_LRU_LISTS))
		choose(d, LRU_COMPRESSED_ANON, store_cost(anon, TYPE_ANON));
	d->compress = !full && d->list == LRU_INACTIVE_ANON;
}

const struct policy policy_zswap = {
	.name = "zswap",
	.help = "anon pages compressed up to a share of memory, as Linux's zswap",
	.compresses = { [TYPE_ANON] = true },
	.settings = settings,
	.nr_settings = NR_SETTINGS,
	.evicts_pages = true,
	.decide = zswap_decide,
};
