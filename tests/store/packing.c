/* SPDX-License-Identifier: MIT */
/*
 * packing.c - how densely a store holds pages: when filled, after much coming and going, and when
 * nearly all are gone.
 */
#include "lib/assert.h"
#include "lib/math.h"
#include "tests/store/bench.h"

#define CHURN_ROUNDS	    10
#define CHURN_FREED_PCT	    50
#define SPARSE_FREED_PCT    90
#define FILL_DENSITY_E4	    9500
#define CHURN_DENSITY_E4    9000
#define KERNEL_PER_FRAME_E4 53000
#define KERNEL_MEAN_BYTES   694
#define KERNEL_SD_BYTES	    474
#define KERNEL_SLACK_PCT    3

static bool near(u64 value, u64 aim)
{
	return value * 100 >= aim * (100 - KERNEL_SLACK_PCT) &&
	       value * 100 <= aim * (100 + KERNEL_SLACK_PCT);
}

static void row_sizes(struct bench *b, const struct zstore_type_stats *stats)
{
	u64 n = stats->stored_pages, mean, sd;

	if (!n)
		return;
	mean = stats->compressed_bytes / n;
	sd = square_root((stats->compressed_squares - stats->compressed_bytes * mean) / n);
	row_number(b, "mean_bytes", mean);
	row_number(b, "sd_bytes", sd);
	if (b->content != content_find("kernel2013"))
		return;
	bench_gate(b, near(mean, KERNEL_MEAN_BYTES) && near(sd, KERNEL_SD_BYTES), "kernel2013",
		   "sizes of mean 694 and deviation 474 bytes within 3 %");
	bench_gate(b, ratio_at_least_e4(n, stats->backing_frames, KERNEL_PER_FRAME_E4),
		   "kernel2013", "5.3 zpages a frame");
}

static u32 fill(struct bench *b)
{
	u32 nr = bench_fill(b);
	struct zstore_type_stats stats;

	rig_census(&b->rig);
	zstore_get_stats(b->rig.zs, Z_ANON, &stats);
	row_begin(b, b->content->name, "fill");
	row_density(b, b->content->name, "fill");
	row_number(b, "pages", nr);
	row_number(b, "same_pages", stats.same_pages);
	row_number(b, "rejected_poor", stats.results[ZS_POOR]);
	row_number(b, "rejected_no_frame", stats.results[ZS_NO_FRAME]);
	row_number(b, "rejected_target", stats.results[ZS_TARGET]);
	row_sizes(b, &stats);
	row_end(b);
	bench_gate(b, bench_density_at_least(b, FILL_DENSITY_E4), b->content->name,
		   "density 0.95 after fill");
	return nr;
}

/* Free a random part of the nr pages, every other one by a load. How many went. */
static u32 free_some(struct bench *b, u32 nr, u32 pct)
{
	u32 freed = 0;

	for (u32 key = 1; key <= nr; key++) {
		if (b->rig.ref[key].where == RIG_NOWHERE || !prng_chance(&b->rng, pct))
			continue;
		if (freed++ % 2)
			rig_drop(&b->rig, key);
		else
			rig_load(&b->rig, key, false);
	}
	return freed;
}

/* Store new pages under the keys that are free. */
static void refill(struct bench *b, u32 nr)
{
	u32 key = 1, size;

	for (u32 tries = 0; tries < 4 * nr && key <= nr; tries++) {
		while (key <= nr && b->rig.ref[key].where != RIG_NOWHERE)
			key++;
		if (key <= nr)
			rig_store(&b->rig, Z_ANON, key, &size);
	}
}

static void churn(struct bench *b, u32 nr)
{
	struct zstore_type_stats before, refilled, after;
	u64 freed = 0, fixed = rig_fixed_frames(&b->rig), gained;

	zstore_get_stats(b->rig.zs, Z_ANON, &before);
	for (u32 round = 0; round < CHURN_ROUNDS; round++) {
		freed += free_some(b, nr, CHURN_FREED_PCT);
		refill(b, nr);
	}
	rig_census(&b->rig);
	zstore_get_stats(b->rig.zs, Z_ANON, &refilled);
	gained = zstore_compact(b->rig.zs, Z_ANON, UINT64_MAX, ZCOMPACT_CLOSELY);
	rig_census(&b->rig);
	zstore_get_stats(b->rig.zs, Z_ANON, &after);
	row_begin(b, b->content->name, "churn");
	row_density(b, b->content->name, "churn");
	row_ratio(b, "density_before_compaction", refilled.compressed_bytes,
		  (refilled.backing_frames + fixed) * PAGE_SIZE);
	row_number(b, "refilled_pages", freed);
	row_number(b, "compaction_freed_frames", gained);
	row_number(b, "moved_pages", after.moved_pages - before.moved_pages);
	row_ratio(b, "moved_per_refill", after.moved_pages - before.moved_pages, freed);
	row_end(b);
	bench_gate(b, bench_density_at_least(b, CHURN_DENSITY_E4), b->content->name,
		   "density 0.90 after ten rounds and compaction");
}

static void sparse(struct bench *b, u32 nr)
{
	struct zstore_type_stats stats;
	u64 before = zstore_frames(b->rig.zs, Z_ANON), at_once, gained;

	free_some(b, nr, SPARSE_FREED_PCT);
	at_once = before - zstore_frames(b->rig.zs, Z_ANON);
	gained = zstore_compact(b->rig.zs, Z_ANON, UINT64_MAX, ZCOMPACT_CLOSELY);
	rig_census(&b->rig);
	zstore_get_stats(b->rig.zs, Z_ANON, &stats);
	row_begin(b, b->content->name, "sparse90");
	row_density(b, b->content->name, "sparse90");
	row_number(b, "freed_at_once_frames", at_once);
	row_number(b, "compaction_freed_frames", gained);
	row_end(b);
	bench_gate(b, stats.stored_pages >= stats.backing_frames, b->content->name,
		   "never fewer stored pages than backing frames with 90 % freed");
	for (u32 key = 1; key <= nr; key++)
		if (b->rig.ref[key].where != RIG_NOWHERE)
			rig_load(&b->rig, key, false);
	bench_must(b, !zstore_frames(b->rig.zs, Z_ANON), b->content->name,
		   "no frames when all pages are gone");
}

void bench_packing(struct bench *b, const struct zstore_kind *kind, const struct content *content)
{
	u32 nr;

	b->kind = kind;
	b->content = content;
	bench_start(b, false);
	nr = fill(b);
	if (zstore_frames(b->rig.zs, Z_ANON)) {
		churn(b, nr);
		sparse(b, nr);
		bench_end(b);
		phase_exit(b);
		phase_orders(b);
		phase_swap(b, false);
		phase_swap(b, true);
	} else {
		bench_end(b);
	}
}
