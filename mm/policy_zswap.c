/* SPDX-License-Identifier: MIT */
/*
 * policy_zswap.c - what Linux has: a compressed cache of anon pages before the swap disk, with a
 * static cap.
 *
 * The rules are those of Linux mm/zswap.c (6.x) with its defaults:
 *
 *   - Anon pages on their way to swap are compressed; file pages are not (they go as under none).
 *   - The pool may take max_pool_pct of memory. When it is that large it is full, until its oldest
 *     zpages have been written back and it is down to accept_pct of the cap: the accept threshold.
 *   - Written back means decompressed, one page to a block (evicts_pages).
 *
 * Which type gives is decided as under none, in the same cost language, so that what differs from
 * the other policies is the static cap and the one-sidedness, not how well the costs are known.
 * Where the pool is full the oldest zpages go first whatever they cost: that is what a cap means.
 *
 * "Full until" needs a memory, and a policy has none: it is the snapshot that says what the last
 * decision chose. While that was the pool and the pool is above the accept threshold, it goes on.
 */
#include "mm/policy.h"

enum { MAX_POOL_PCT, ACCEPT_PCT, NR_SETTINGS };
static const struct policy_setting settings[NR_SETTINGS] = {
	[MAX_POOL_PCT] = { "max_pool_pct", 20, 0, 100, "percent of memory the pool may take" },
	[ACCEPT_PCT] = { "accept_pct", 90, 1, 100,
			 "percent of the cap at which a full pool accepts again" },
};

/* Departures that stand for what is not yet known. */
#define PRIOR_PAGES 16

/* Share of the pages that left by a path and came back, weighed by how soon; a half until known. */
static u64 comeback_share(const struct type_snapshot *t, enum leave_path path)
{
	return (t->came_back[path] + PRIOR_PAGES * COMEBACK_ONE / 2) /
	       (t->left[path] + PRIOR_PAGES);
}

static u64 disk_cost(const struct type_snapshot *t, enum page_type type)
{
	u64 cost = comeback_share(t, LEFT_TO_DISK) * t->disk_read_ns / COMEBACK_ONE;

	return type == TYPE_ANON ? cost + t->disk_write_ns : cost;
}

/* A frame by compressing anon pages: a page frees what it does not take in the pool. */
static u64 compress_cost(const struct type_snapshot *t)
{
	u64 page_ns =
		t->compress_ns + comeback_share(t, LEFT_TO_STORE) * t->decompress_ns / COMEBACK_ONE;

	return page_ns * PAGE_SIZE / (PAGE_SIZE - MIN(t->zpage_bytes, PAGE_SIZE * 19 / 20));
}

/* A frame by writing back all the zpages in it. */
static u64 writeback_cost(const struct type_snapshot *t)
{
	u64 page_ns = t->decompress_ns + t->disk_write_ns +
		      comeback_share(t, LEFT_STORE) * t->disk_read_ns / COMEBACK_ONE;

	return page_ns * MAX(t->stored_pages, 1UL) / MAX(t->compressed_frames, 1UL);
}

static bool pool_is_full(const struct mm_snapshot *s)
{
	u64 cap = s->managed_frames * s->setting[MAX_POOL_PCT] / 100;
	u64 pool = s->type[TYPE_ANON].compressed_frames;

	return pool >= cap ||
	       (s->previous == LRU_COMPRESSED_ANON && pool > cap * s->setting[ACCEPT_PCT] / 100);
}

static bool may_give(const struct mm_snapshot *s, enum lru_list list, u64 frames)
{
	return frames && !(s->barren & BIT(list));
}

static void zswap_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON], *file = &s->type[TYPE_FILE];
	bool full = pool_is_full(s);

	d->list = NR_LRU_LISTS;
	d->age_anon = anon->inactive_frames < anon->active_frames;
	d->age_file = file->inactive_frames < file->active_frames;
	d->compress = !full;
	d->spill = true;
	d->cost_ns[LRU_INACTIVE_ANON] = full ? disk_cost(anon, TYPE_ANON) : compress_cost(anon);
	d->cost_ns[LRU_INACTIVE_FILE] = disk_cost(file, TYPE_FILE);
	d->cost_ns[LRU_COMPRESSED_ANON] = writeback_cost(anon);

	if (full && anon->can_evict && may_give(s, LRU_COMPRESSED_ANON, anon->compressed_frames)) {
		d->list = LRU_COMPRESSED_ANON;
		return;
	}
	/* A full pool refuses, and what it refuses goes to the disk, if there is room. */
	if (may_give(s, LRU_INACTIVE_ANON, anon->inactive_frames) && (!full || anon->can_evict))
		d->list = LRU_INACTIVE_ANON;
	if (may_give(s, LRU_INACTIVE_FILE, file->inactive_frames) &&
	    (d->list == NR_LRU_LISTS ||
	     d->cost_ns[LRU_INACTIVE_FILE] < d->cost_ns[LRU_INACTIVE_ANON]))
		d->list = LRU_INACTIVE_FILE;
	if (d->list == LRU_INACTIVE_FILE)
		d->compress = false;
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
