/* SPDX-License-Identifier: MIT */
/*
 * cost.c - instructions a page of store, load and drop, without the codec.
 *
 * On a machine whose clock counts instructions (QEMU -icount shift=0: a virtual ns is one) the time between two
 * reads of the clock is what was executed between them, and the reads themselves cost the
 * same each time. The codec is wrapped in one that measures itself, and is subtracted.
 */
#include "lib/clock.h"
#include "lib/string.h"
#include "tests/store/bench.h"

#define CLOCK_READS 32

/* The wrapped codec: what it has taken in all, by the clock, and in how many calls. */
static const struct codec *inner;
static u64 codec_ns, codec_calls;

static u32 timed_compress(void *state, const void *page, void *out, u32 limit_bytes)
{
	u64 start = env_now_ns();
	u32 size = inner->compress(state, page, out, limit_bytes);

	codec_ns += env_now_ns() - start;
	codec_calls++;
	return size;
}

static bool timed_decompress(const void *in, u32 len_bytes, void *page)
{
	u64 start = env_now_ns();
	bool good = inner->decompress(in, len_bytes, page);

	codec_ns += env_now_ns() - start;
	codec_calls++;
	return good;
}

static struct codec timed = {
	.name = "timed",
	.compress = timed_compress,
	.decompress = timed_decompress,
};

/* From one read of the clock to the next. */
static u64 clock_ns(void)
{
	u64 best = UINT64_MAX;

	for (u32 i = 0; i < CLOCK_READS; i++) {
		u64 start = env_now_ns();

		best = MIN(best, env_now_ns() - start);
	}
	return best;
}

/* What one kind of call has taken. */
struct meter {
	u64 calls, ns, codec_ns, max_ns;
	u64 clock_ns; /* one read */
};

/* Before a call. */
static void meter_start(void)
{
	codec_ns = 0;
	codec_calls = 0;
}

/*
 * After it. The interval holds one read of the clock, and two for each call of the codec, of
 * which one is already in the codec's own figure.
 */
static void meter_stop(struct meter *m, u64 op_ns)
{
	u64 own = op_ns - m->clock_ns - codec_ns - codec_calls * m->clock_ns;

	m->calls++;
	m->ns += own;
	m->codec_ns += codec_ns - codec_calls * m->clock_ns;
	m->max_ns = MAX(m->max_ns, own);
}

/* What copying so many bytes takes: no store can do without. */
static void measure_copy(struct bench *b, struct meter *m, u32 bytes)
{
	u64 start = env_now_ns();

	memcpy(b->rig.expect, b->rig.page, bytes);
	meter_start();
	meter_stop(m, env_now_ns() - start);
}

static u32 measure_stores(struct bench *b, struct meter *m, struct meter *copy, u32 nr)
{
	u32 key = 1, size;

	for (u32 tries = 0; tries < 2 * nr && key <= nr; tries++) {
		if (b->rig.ref[key].where != RIG_NOWHERE) {
			key++;
			continue;
		}
		meter_start();
		if (rig_store(&b->rig, Z_ANON, key, &size) != ZS_OK || !size)
			continue;
		meter_stop(m, b->rig.op_ns);
		measure_copy(b, copy, size);
	}
	return key - 1;
}

static void measure_leaving(struct bench *b, struct meter *m, u32 nr, u32 pct, bool load)
{
	struct rig *rig = &b->rig;

	for (u32 key = 1; key <= nr; key++) {
		if (rig->ref[key].where != RIG_IN_STORE || !prng_chance(&b->rng, pct))
			continue;
		meter_start();
		if (load)
			rig_load(rig, key, false);
		else
			rig_drop(rig, key);
		if (rig->ref[key].size_bytes)
			meter_stop(m, rig->op_ns);
	}
}

static void row_meter(struct bench *b, const char *name, const char *max_name,
		      const struct meter *m)
{
	row_ratio(b, name, m->ns, m->calls);
	row_number(b, max_name, m->max_ns);
}

/*
 * Stores into an empty store, loads of a random half, stores into what has holes now, drops of a random half,
 * and so on to the end.
 */
void bench_cost(struct bench *b, const struct zstore_kind *kind, const struct content *content)
{
	struct meter store = { .clock_ns = clock_ns() }, again = store, copy = store;
	struct meter load = store, drop = store;
	u32 nr;

	b->kind = kind;
	b->content = content;
	inner = &codec_lz4;
	timed.state_bytes = inner->state_bytes;
	bench_start_timed(b, &timed);
	nr = measure_stores(b, &store, &copy, b->frames);
	measure_leaving(b, &load, nr, 50, true);
	measure_stores(b, &again, &copy, nr);
	measure_leaving(b, &drop, nr, 50, false);
	measure_leaving(b, &load, nr, 100, true);
	row_begin(b, content->name, "cost");
	row_no_density(b);
	row_text(b, "checks", b->checksums ? "on" : "off");
	row_number(b, "pages", nr);
	row_meter(b, "store_instructions", "store_max", &store);
	row_meter(b, "store_into_holes_instructions", "store_into_holes_max", &again);
	row_meter(b, "load_instructions", "load_max", &load);
	row_meter(b, "drop_instructions", "drop_max", &drop);
	row_ratio(b, "copy_instructions", copy.ns, copy.calls);
	row_ratio(b, "compress_instructions", store.codec_ns, store.calls);
	row_ratio(b, "decompress_instructions", load.codec_ns, load.calls);
	row_end(b);
	bench_end(b);
}
