/* SPDX-License-Identifier: MIT */
/*
 * shrink.c - the promise of the store, put to the test: told to reduce the frames of a type, it does.
 *
 * A state is some hundred random stores, loads and drops of both types. Then orders follow. Old is what
 * belongs to the oldest tenth of the zpages of the type, or shared a frame with one of them
 * before the call: those have to go too when the frame goes.
 */
#include "tests/store/shrink.h"

#include "lib/prng.h"
#include "tests/store/bench.h"

#define FRAMES	      256
#define REFS	      768
#define BLOCKS	      768
#define MAX_STEPS     5
#define MAX_STORES    250
#define ORDERS	      3
#define STORES_BEYOND 40

/* One running case. */
struct run {
	struct rig *rig;
	struct shrink_tally *tally;
	const struct shrink_case *c;
	struct prng rng;
};

/* What the order must leave alone, and what it is measured by. */
struct before {
	u64 other_sum, other_frames, free_frames, old_frames;
	struct zstore_type_stats stats;
};

static void expect(struct run *r, bool good, const char *what)
{
	if (good || r->tally->wrong)
		return;
	r->tally->wrong = what;
	r->tally->wrong_seed = r->c->seed;
}

static struct rig_config config_of(const struct shrink_case *c)
{
	struct rig_config config = {
		.store = { .kind = c->kind,
			   .codec = &codec_sized,
			   .nr_cpus = 1,
			   .checksums = c->checksums,
			   .evict_pages = c->evict_pages },
		.nr_frames = FRAMES,
		.nr_refs = REFS,
		.nr_blocks = BLOCKS,
		.poison = true,
		.fill = sized_fill,
	};

	return config;
}

size_t shrink_bytes(const struct zstore_kind *kind)
{
	struct rig_config config =
		config_of(&(struct shrink_case){ .kind = kind, .evict_pages = true });

	return rig_bytes(&config);
}

/* --- A random state --- */

static enum ztype random_type(struct run *r)
{
	return prng_chance(&r->rng, 60) ? Z_ANON : Z_FILE;
}

/* Store up to nr pages; a few stay with one type, as reclaim works by batches. */
static void store_some(struct run *r, u64 nr)
{
	enum ztype type = random_type(r);
	u32 size;

	for (u32 key = 1; key <= REFS && nr; key++) {
		if (r->rig->ref[key].where != RIG_NOWHERE)
			continue;
		if (prng_chance(&r->rng, 5))
			type = random_type(r);
		rig_store(r->rig, type, key, &size);
		nr--;
	}
}

static void lose_some(struct run *r, u32 pct, bool load)
{
	for (u32 key = 1; key <= REFS; key++) {
		if (r->rig->ref[key].where == RIG_NOWHERE || !prng_chance(&r->rng, pct))
			continue;
		if (load)
			rig_load(r->rig, key, prng_chance(&r->rng, 50));
		else
			rig_drop(r->rig, key);
	}
}

static void random_state(struct run *r)
{
	u64 steps = 1 + prng_below(&r->rng, MAX_STEPS);

	while (steps--) {
		store_some(r, 1 + prng_below(&r->rng, MAX_STORES));
		if (prng_chance(&r->rng, 60))
			lose_some(r, (u32)prng_below(&r->rng, 60), prng_chance(&r->rng, 50));
		if (prng_chance(&r->rng, 20))
			zstore_compact(r->rig->zs, random_type(r), prng_below(&r->rng, 4),
				       ZCOMPACT_CLOSELY);
	}
}

/* --- One order --- */

static u64 sum_of_type(const struct rig *rig, enum ztype type)
{
	u64 sum = 0;

	for (u32 key = 1; key <= REFS; key++) {
		const struct rig_ref *ref = &rig->ref[key];

		if (ref->where != RIG_NOWHERE && ref->type == type)
			sum = (sum ^ (ref->handle + key + ref->where)) * 0x9e3779b97f4a7c15UL;
	}
	return sum;
}

static u64 mark_frame(struct rig *rig, u32 frame)
{
	bool news = frame != RIG_NO_FRAME && !rig->frame[frame].marked;

	if (news)
		rig->frame[frame].marked = true;
	return news;
}

/* Mark the frames that hold any of the oldest tenth; how many. After a census. */
static u64 mark_old(struct rig *rig, enum ztype type)
{
	u64 nr = 0, frames = 0;
	struct rig_ref *ref;

	for (u32 i = 0; i < FRAMES; i++)
		rig->frame[i].marked = false;
	list_for_each_entry(ref, &rig->stored[type], link)
		nr += ref->frame[0] != RIG_NO_FRAME;
	nr = DIV_ROUND_UP(nr, 10UL);
	list_for_each_entry(ref, &rig->stored[type], link) {
		if (ref->frame[0] == RIG_NO_FRAME)
			continue;
		if (!nr--)
			break;
		frames += mark_frame(rig, ref->frame[0]) + mark_frame(rig, ref->frame[1]);
	}
	return frames;
}

static void look_before(struct run *r, enum ztype type, struct before *before)
{
	rig_census(r->rig);
	before->other_sum = sum_of_type(r->rig, !type);
	before->other_frames = r->rig->held[!type];
	before->free_frames = r->rig->nr_free;
	before->old_frames = mark_old(r->rig, type);
	zstore_get_stats(r->rig->zs, type, &before->stats);
}

/* Of those that were in frames then and have been evicted since, how many were old. */
static void judge_age(struct run *r, enum ztype type)
{
	struct rig *rig = r->rig;

	for (u32 key = 1; key <= REFS; key++) {
		const struct rig_ref *ref = &rig->ref[key];

		if (ref->type != type || ref->frame[0] == RIG_NO_FRAME ||
		    ref->where == RIG_IN_STORE)
			continue;
		r->tally->judged_pages++;
		r->tally->old_pages +=
			rig->frame[ref->frame[0]].marked ||
			(ref->frame[1] != RIG_NO_FRAME && rig->frame[ref->frame[1]].marked);
	}
}

static void look_after(struct run *r, enum ztype type, u64 nr, u64 freed,
		       const struct before *before)
{
	struct shrink_tally *tally = r->tally;
	struct zstore_type_stats stats;
	u64 moved, evicted;

	zstore_get_stats(r->rig->zs, type, &stats);
	moved = stats.moved_pages - before->stats.moved_pages;
	evicted = stats.evicted_pages - before->stats.evicted_pages;
	expect(r, freed >= nr || !stats.backing_frames,
	       "fewer frames than asked for, and some left");
	expect(r, freed == r->rig->nr_free - before->free_frames,
	       "returned another number than reached the free list");
	expect(r, sum_of_type(r->rig, !type) == before->other_sum,
	       "zpages of the other type changed");
	expect(r, r->rig->held[!type] == before->other_frames, "frames of the other type changed");
	expect(r, before->stats.stored_pages - stats.stored_pages == evicted,
	       "zpages that left are not those counted as evicted");
	if (nr <= before->old_frames)
		judge_age(r, type);
	rig_census(r->rig);
	tally->calls++;
	tally->asked_frames += nr;
	tally->freed_frames += freed;
	tally->short_calls += freed < nr;
	tally->moved_pages += moved;
	tally->evicted_pages += evicted;
	if (freed)
		tally->max_work_e2 = MAX(tally->max_work_e2, (moved + evicted) * 100 / freed);
}

static void order(struct run *r)
{
	enum ztype type = random_type(r);
	u64 held = r->rig->held[type], nr = 1;
	struct before before;

	if (prng_chance(&r->rng, 60))
		nr = 1 + prng_below(&r->rng, held / 4 + 1);
	else if (prng_chance(&r->rng, 10))
		nr = 1 + prng_below(&r->rng, held + 10);
	look_before(r, type, &before);
	look_after(r, type, nr, zstore_shrink(r->rig->zs, type, nr), &before);
}

/* A target is reached by the call, and kept by whatever is stored later. */
static void order_target(struct run *r)
{
	enum ztype type = random_type(r);
	struct rig *rig = r->rig;
	u64 target = prng_below(&r->rng, rig->held[type] + 2), freed;
	struct before before;
	u32 size, stores = STORES_BEYOND;

	look_before(r, type, &before);
	freed = zstore_set_target(rig->zs, type, target);
	expect(r, rig->held[type] <= target, "target not reached within one call");
	expect(r, freed == rig->nr_free - before.free_frames,
	       "set_target returned another number than reached the free list");
	expect(r, sum_of_type(rig, !type) == before.other_sum, "set_target changed the other type");
	for (u32 key = 1; key <= REFS && stores; key++) {
		if (rig->ref[key].where != RIG_NOWHERE)
			continue;
		rig_store(rig, type, key, &size);
		expect(r, rig->held[type] <= target, "target not held when storing");
		stores--;
	}
	rig_census(rig);
	zstore_set_target(rig->zs, type, UINT64_MAX);
}

void shrink_case_run(struct rig *rig, const struct shrink_case *c, struct shrink_tally *tally)
{
	struct sized_pages pages = { c->law, c->seed };
	struct rig_config config = config_of(c);
	struct run r = { .rig = rig, .tally = tally, .c = c };

	prng_seed(&r.rng, c->seed);
	config.fill_ctx = &pages;
	rig_init(rig, c->memory, &config);
	random_state(&r);
	for (u32 i = 0; i < ORDERS; i++) {
		order(&r);
		store_some(&r, prng_below(&r.rng, 20));
	}
	order_target(&r);
	lose_some(&r, 50, true);
	order(&r);
	lose_some(&r, 100, true);
	rig_census(rig);
	expect(&r, !rig->held[Z_ANON] && !rig->held[Z_FILE], "an empty store holds frames");
	expect(&r, !rig->mismatches, "a page came back wrong");
	for (u32 slot = 1; slot <= BLOCKS; slot++)
		expect(&r, !rig->uses[slot], "a block of swap is still used");
}

/* --- The phase --- */

void bench_shrink(struct bench *b, const struct zstore_kind *kind)
{
	b->kind = kind;
	for (u32 law = 0; law < nr_sized_laws; law++) {
		const char *name = sized_laws[law].name;
		struct shrink_tally t = { 0 };

		for (u32 seed = 0; seed < b->shrink_seeds; seed++) {
			struct shrink_case c = { .kind = kind,
						 .law = &sized_laws[law],
						 .seed = b->seed * 1000003 + seed,
						 .checksums = b->checksums,
						 .memory = b->memory };

			shrink_case_run(&b->rig, &c, &t);
		}
		row_begin(b, name, "shrink");
		row_no_density(b);
		row_number(b, "seeds", b->shrink_seeds);
		row_number(b, "calls", t.calls);
		row_number(b, "asked_frames", t.asked_frames);
		row_number(b, "freed_frames", t.freed_frames);
		row_number(b, "short_calls", t.short_calls);
		row_ratio(b, "work_per_frame_max", t.max_work_e2, 100);
		row_ratio(b, "work_per_frame_mean", t.moved_pages + t.evicted_pages,
			  t.freed_frames);
		row_ratio(b, "evicted_per_frame_mean", t.evicted_pages, t.freed_frames);
		row_number(b, "judged_pages", t.judged_pages);
		row_ratio(b, "old_share", t.old_pages, t.judged_pages);
		row_text(b, "wrong", t.wrong ? t.wrong : "");
		if (t.wrong)
			row_number(b, "wrong_seed", t.wrong_seed);
		row_end(b);
		bench_must(b, !t.wrong, name, t.wrong);
		bench_gate(b, ratio_at_least_e4(t.old_pages, t.judged_pages, SHRINK_OLD_E4), name,
			   "95 % of what shrink evicts is old");
		bench_gate(b, t.max_work_e2 <= SHRINK_MAX_WORK * 100, name,
			   "bounded work for each frame freed");
	}
}
