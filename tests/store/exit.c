/* SPDX-License-Identifier: MIT */
/*
 * exit.c - a workload ends beside another one: what only its zpages held must be free at
 * once, and compaction returns the rest.
 */
#include "tests/store/bench.h"

#define DENSITY_E4  9000
#define MAX_RUN	    64
#define RUNS_CHANCE 50

/* One page in turn, or a run of one owner: as two workloads that are reclaimed from together. */
static void deal_owners(struct bench *b)
{
	u8 owner = 0;

	for (u32 key = 1; key <= b->rig.config.nr_refs;) {
		u32 run = prng_chance(&b->rng, RUNS_CHANCE) ? 1 + (u32)prng_below(&b->rng, MAX_RUN)
							    : 1;

		for (; run && key <= b->rig.config.nr_refs; run--, key++)
			b->rig.ref[key].owner = owner;
		owner = !owner;
	}
}

static u64 exclusive_frames(const struct rig *rig)
{
	u64 nr = 0;

	for (u32 i = 0; i < rig->config.nr_frames; i++)
		nr += rig->frame[i].taken && rig->frame[i].nr_zpages[1] &&
		      !rig->frame[i].nr_zpages[0];
	return nr;
}

void phase_exit(struct bench *b)
{
	struct rig *rig = &b->rig;
	u64 before, exclusive, at_once, gained;
	u32 nr;

	bench_start(b, false);
	deal_owners(b);
	nr = bench_fill(b);
	rig_census(rig);
	exclusive = exclusive_frames(rig);
	before = zstore_frames(rig->zs, Z_ANON);
	for (u32 key = 1; key <= nr; key++)
		if (rig->ref[key].owner == 1)
			rig_drop(rig, key);
	at_once = before - zstore_frames(rig->zs, Z_ANON);
	gained = zstore_compact(rig->zs, Z_ANON, UINT64_MAX, ZCOMPACT_CLOSELY);
	rig_census(rig);
	row_begin(b, b->content->name, "exit");
	row_density(b, b->content->name, "exit");
	row_number(b, "exclusive_frames", exclusive);
	row_number(b, "freed_at_once_frames", at_once);
	row_number(b, "compaction_freed_frames", gained);
	row_end(b);
	bench_gate(b, at_once >= exclusive, b->content->name,
		   "what only one owner held is free at once when it ends");
	bench_gate(b, bench_density_at_least(b, DENSITY_E4), b->content->name,
		   "density 0.90 after one of two owners has ended");
	for (u32 key = 1; key <= nr; key++)
		if (rig->ref[key].where != RIG_NOWHERE)
			rig_load(rig, key, false);
	bench_end(b);
}
