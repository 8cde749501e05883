/* SPDX-License-Identifier: MIT */
/*
 * orders.c - one frame after another from a large store: how many zpages must each order move and evict?
 *
 * The store is full and has no holes, so that every frame must be had by evicting zpages, oldest first. What a kind can
 * promise shows here: how much the first order took, and the dearest.
 */
#include "tests/store/bench.h"

#define FREED_PCT 30
#define ORDERS	  64
#define WORK_BOUND \
	128 /* zpages for one frame: those of the seven frames that it may be gained from, and the edges */

static u64 work_of(const struct zstore_type_stats *stats)
{
	return stats->moved_pages + stats->evicted_pages;
}

void phase_orders(struct bench *b)
{
	struct rig *rig = &b->rig;
	u64 first = 0, most = 0, sum = 0, freed = 0, evicted = 0;
	u32 nr;

	bench_start(b, false);
	nr = bench_fill(b);
	for (u32 i = 0; i < ORDERS; i++) {
		struct zstore_type_stats before, after;
		u64 work, got;

		zstore_get_stats(rig->zs, Z_ANON, &before);
		got = zstore_shrink(rig->zs, Z_ANON, 1);
		zstore_get_stats(rig->zs, Z_ANON, &after);
		work = work_of(&after) - work_of(&before);
		bench_must(b, got >= 1, b->content->name, "a frame for an order of one");
		first = i ? first : work;
		most = MAX(most, work);
		sum += work;
		freed += got;
		evicted += after.evicted_pages - before.evicted_pages;
	}
	row_begin(b, b->content->name, "orders");
	row_no_density(b);
	row_number(b, "orders", ORDERS);
	row_number(b, "freed_frames", freed);
	row_number(b, "evicted_pages", evicted);
	row_number(b, "work_first", first);
	row_number(b, "work_max", most);
	row_ratio(b, "work_per_order_mean", sum, ORDERS);
	row_end(b);
	bench_gate(b, most <= WORK_BOUND, b->content->name,
		   "bounded work for an order of one frame");
	for (u32 key = 1; key <= nr; key++)
		if (rig->ref[key].where != RIG_NOWHERE)
			rig_load(rig, key, false);
	bench_end(b);
}
