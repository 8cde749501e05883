/* SPDX-License-Identifier: MIT */
/*
 * test_zstore.c - the compressed store against a model.
 *
 * The model keeps a plain copy of every page and one reference for each: where the store, or a
 * block on the pretended swap disk, is said to have it. The environment under the store
 * refuses frames, fails writes and claims references to be in transit, at random but
 * from a seed. After every step zstore_verify() walks the store, and every zpage it finds must be
 * named by its reference; frames taken less frames given back must be what it holds.
 *
 * With several threads (the host machine's, switched at lock operations) the same model checks the
 * races: loads during writes, compaction under a load, owners between write and retarget. What runs
 * in threads is checked by ASSERT(), whose panic shows every thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/assert.h"
#include "lib/string.h"
#include "tests/host/zstore_model.h"

/* --- Steps --- */

static void visit_zpage(void *ctx, enum ztype type, u64 key, zhandle_t handle)
{
	const struct model_ref *ref = &m.ref[key];

	ASSERT(key >= 1 && key <= NR_KEYS);
	ASSERT(type == type_of(key));
	if (!ref->transit)
		ASSERT(ref->where == IN_STORE && ref->handle == handle);
	m.zpages_seen++;
}

/* Everything agrees. exact: no thread is in the middle of something. */
static void check(bool exact)
{
	struct zstore_type_stats stats[NR_ZTYPES];
	u64 in_store[NR_ZTYPES] = { 0 };

	m.zpages_seen = 0;
	zstore_verify(m.zs, visit_zpage);
	if (!exact)
		return;
	for (u32 key = 1; key <= NR_KEYS; key++)
		in_store[type_of(key)] += m.ref[key].where == IN_STORE;
	for (u32 i = 0; i < NR_ZTYPES; i++) {
		zstore_get_stats(m.zs, (enum ztype)i, &stats[i]);
		ASSERT(stats[i].backing_frames == m.held[i]);
		ASSERT(zstore_frames(m.zs, (enum ztype)i) == m.held[i]);
		ASSERT(stats[i].stored_pages + stats[i].same_pages == in_store[i]);
	}
	ASSERT(m.zpages_seen == stats[0].stored_pages + stats[1].stored_pages);
}

static enum zresult do_store(u64 key)
{
	struct model_ref *ref = &m.ref[key];
	zhandle_t handle = 0;
	u32 size = 12345, stamp = (u32)prng_below(&m.rng, BIT(ZSTAMP_BITS));
	enum zresult result;

	ASSERT(ref->where == RESIDENT);
	ref->transit = true;
	result = zstore_store(m.zs, type_of(key), ref->copy, key, stamp, &handle, &size);
	if (result == ZS_OK) {
		ASSERT(handle != 0 && handle >> ZHANDLE_BITS == 0);
		ASSERT(size <= ZPAGE_MAX_BYTES);
		ref->handle = handle;
		ref->stamp = stamp;
		ref->where = IN_STORE;
	}
	ref->transit = false;
	return result;
}

static void do_load(u64 key)
{
	struct model_ref *ref = &m.ref[key];
	u8 *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	u32 stamp = 0;

	ref->transit = true;
	ASSERT(zstore_load(m.zs, type_of(key), ref->handle, key, page, &stamp) == ZS_OK);
	ASSERT(!memcmp(page, ref->copy, PAGE_SIZE));
	ASSERT(stamp == ref->stamp);
	ref->where = RESIDENT;
	ref->transit = false;
	free(page);
}

static void do_drop(u64 key)
{
	struct model_ref *ref = &m.ref[key];

	ref->transit = true;
	zstore_drop(m.zs, type_of(key), ref->handle, key);
	ref->where = RESIDENT;
	ref->transit = false;
}

/* What the disk would read: a block, and the next if the zpage spans, in frames of the caller's. */
static void read_blocks(const struct model_ref *ref, void *block, void *next)
{
	copy_page(block, m.block[ref->block.slot]);
	if (ref->block.spans)
		copy_page(next, m.block[ref->block.slot + 1]);
}

/* The block, and those behind it on disk, whatever they are by now. */
static u32 take_blocks(const struct model_ref *ref, void **blocks, u32 most)
{
	u32 nr = 0;

	while (nr < most && ref->block.slot + nr <= NR_BLOCKS) {
		blocks[nr] = model_take_frame(Z_ANON);
		if (!blocks[nr])
			break;
		copy_page(blocks[nr], m.block[ref->block.slot + nr]);
		nr++;
	}
	return nr;
}

static void do_refault(u64 key)
{
	struct model_ref *ref = &m.ref[key];
	u8 *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE), *next = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	void *blocks[4];
	u32 slot = ref->block.slot, kept = 0, nr;

	ASSERT(type_of(key) == Z_ANON);
	nr = take_blocks(ref, blocks, 1 + (u32)prng_below(&m.rng, ARRAY_SIZE(blocks)));
	ref->transit = true;
	if (nr) {
		if (ref->block.spans)
			copy_page(next, m.block[slot + 1]);
		ASSERT(zstore_extract(m.zs, blocks[0], next, ref->block, key, page) == ZS_OK);
		ASSERT(!memcmp(page, ref->copy, PAGE_SIZE));
		if (prng_chance(&m.rng, 50))
			kept = zstore_adopt(m.zs, Z_ANON, blocks, nr, slot, key);
		for (u32 i = 0; i < nr; i++)
			if (!(kept & BIT(i)))
				model_return_frame(blocks[i]);
		model_ref_put(ref);
		ref->where = RESIDENT;
	}
	ref->transit = false;
	free(page);
	free(next);
}

static void do_refault_page(u64 key)
{
	struct model_ref *ref = &m.ref[key];

	ASSERT(!memcmp(m.block[ref->block.slot], ref->copy, PAGE_SIZE));
	model_ref_put(ref);
	ref->where = RESIDENT;
}

static void do_shrink(void)
{
	enum ztype type = prng_chance(&m.rng, 50) ? Z_ANON : Z_FILE;
	u64 before = m.held[type], want = prng_below(&m.rng, 40), freed;

	freed = zstore_shrink(m.zs, type, want);
	if (m.threads_running)
		return;
	ASSERT(before - m.held[type] == freed);
	if (!m.write_fail_pct && !m.refuse_pct)
		ASSERT(freed >= MIN(want, before) || type == Z_ANON);
}

static void do_target(void)
{
	enum ztype type = prng_chance(&m.rng, 50) ? Z_ANON : Z_FILE;
	bool none = prng_chance(&m.rng, 50);
	u64 target = none ? UINT64_MAX : prng_below(&m.rng, 120), freed, before = m.held[type];

	freed = zstore_set_target(m.zs, type, target);
	if (m.threads_running)
		return;
	ASSERT(before - m.held[type] == freed);
	if (!m.write_fail_pct && !m.refuse_pct && type == Z_FILE)
		ASSERT(m.held[type] <= target);
}

/* One thing done to one page. */
static void page_step(u64 key)
{
	struct model_ref *ref = &m.ref[key];

	switch (ref->where) {
	case RESIDENT:
		if (prng_chance(&m.rng, 50))
			fill_kind(ref->copy, (enum kind)prng_below(&m.rng, NR_KINDS));
		do_store(key);
		break;
	case IN_STORE:
		if (prng_chance(&m.rng, 25))
			do_drop(key);
		else if (prng_chance(&m.rng, 60))
			do_load(key);
		break;
	case ON_SWAP:
		do_refault(key);
		break;
	case PAGE_ON_SWAP:
		do_refault_page(key);
		break;
	case DROPPED:
		ref->where = RESIDENT;
		break;
	}
}

static void any_step(void)
{
	u64 dice = prng_below(&m.rng, 1000);

	if (dice < 12)
		do_shrink();
	else if (dice < 16)
		do_target();
	else
		page_step(1 + prng_below(&m.rng, NR_KEYS));
}

static void load_everything(void)
{
	for (u64 key = 1; key <= NR_KEYS; key++) {
		if (m.ref[key].where == IN_STORE)
			do_load(key);
		else if (m.ref[key].where == PAGE_ON_SWAP)
			do_refault_page(key);
	}
	/* Adopted blocks bring zpages back into the store: again until none is left. */
	for (u64 key = 1; key <= NR_KEYS; key++) {
		if (m.ref[key].where == ON_SWAP)
			do_refault(key);
		for (u64 other = 1; other <= NR_KEYS; other++)
			if (m.ref[other].where == IN_STORE)
				do_load(other);
	}
	check(true);
	assert_int_equal(m.held[Z_ANON] + m.held[Z_FILE], 0);
	for (u32 slot = 1; slot <= NR_BLOCKS; slot++)
		assert_int_equal(m.uses[slot], 0);
}

static void random_steps(u64 seed)
{
	model_init(seed);
	if (seed % 2) {
		m.get_fail_pct = (u32)prng_below(&m.rng, 30);
		m.write_fail_pct = (u32)prng_below(&m.rng, 30);
		m.refuse_pct = (u32)prng_below(&m.rng, 30);
	}
	for (u32 step = 0; step < 2000; step++) {
		any_step();
		check(true);
	}
	m.refuse_pct = 0;
	load_everything();
	model_exit();
}

static void test_random_steps(void **state)
{
	for (u32 config = 0; model_next_config(config); config++)
		for (u64 seed = 1; seed <= 24; seed++)
			random_steps(seed);
	model_next_config(0);
}

/* The n-th frame is refused, for every n until none is asked for any more. */
static void every_frame_refused(void)
{
	u64 nth = 1, gets;

	do {
		model_init(77);
		m.get_fail_nth = nth++;
		for (u32 step = 0; step < 600; step++) {
			page_step(1 + prng_below(&m.rng, NR_KEYS));
			if (step % 100 == 99)
				do_shrink();
		}
		check(true);
		gets = m.gets;
		load_everything();
		model_exit();
	} while (nth <= gets);
}

static void test_every_frame_refused(void **state)
{
	for (u32 config = 0; model_next_config(config); config++)
		every_frame_refused();
	model_next_config(0);
}

/* --- Threads --- */

#define NR_THREADS 4

static void thread_owner(void *arg)
{
	u64 me = (u64)(uintptr_t)arg;

	for (u32 step = 0; step < 1500; step++) {
		page_step(1 + me + NR_THREADS * prng_below(&m.rng, NR_KEYS / NR_THREADS));
		if (prng_chance(&m.rng, 10))
			env_yield();
	}
	m.threads_running--;
}

static void thread_shrinker(void *arg)
{
	while (m.threads_running > 2) {
		if (prng_chance(&m.rng, 80))
			do_shrink();
		else
			do_target();
		env_sleep_ns(prng_below(&m.rng, 20000));
	}
	m.threads_running--;
}

static void run_threads(u64 seed, bool smp)
{
	model_init(seed);
	m.sleepy = true;
	m.write_fail_pct = (u32)prng_below(&m.rng, 20);
	host_set_preemption(30, smp);
	m.threads_running = NR_THREADS + 2;
	for (u64 i = 0; i < NR_THREADS; i++)
		env_start_thread("owner", thread_owner, (void *)(uintptr_t)i);
	env_start_thread("shrinker", thread_shrinker, NULL);
	env_start_thread("shrinker", thread_shrinker, NULL);
	while (m.threads_running) {
		env_sleep_ns(5000);
		check(false);
	}
	host_set_preemption(0, false);
	check(true);
	load_everything();
	model_exit();
}

static void test_threads(void **state)
{
	for (u32 config = 0; model_next_config(config); config++)
		for (u64 seed = 1; seed <= 8; seed++)
			run_threads(seed, seed % 2);
	model_next_config(0);
}

/* --- Single cases --- */

static void store_kind(u64 key, enum kind kind, enum zresult expect)
{
	fill_kind(m.ref[key].copy, kind);
	assert_int_equal(do_store(key), expect);
	check(true);
}

static void test_same_filled_takes_no_frame(void **state)
{
	model_init(5);
	zstore_set_target(m.zs, Z_ANON, 0);
	m.get_fail_pct = 100;
	for (u64 key = 2; key <= 200; key += 2)
		store_kind(key, ZERO, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 0);
	assert_int_equal(zstore_shrink(m.zs, Z_ANON, 10), 0);
	load_everything();
	model_exit();
}

/* More different words than the table holds: the rest is compressed. */
static void test_same_filled_table_full(void **state)
{
	struct zstore_type_stats stats;

	model_init(6);
	for (u64 key = 2; key <= NR_KEYS; key += 2) {
		fill_page(m.ref[key].copy, key * 0x123456789abcdfUL);
		assert_int_equal(do_store(key), ZS_OK);
		fill_page(m.ref[key - 1].copy, key * 0x3456789abcdfUL + 1);
		assert_int_equal(do_store(key - 1), ZS_OK);
	}
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_true(stats.same_pages > 50 && stats.stored_pages > 0);
	check(true);
	load_everything();
	model_exit();
}

static void test_refusals(void **state)
{
	struct zstore_type_stats stats;

	model_init(7);
	store_kind(2, RANDOM, ZS_POOR);
	m.get_fail_pct = 100;
	store_kind(4, JSON, ZS_NO_FRAME);
	m.get_fail_pct = 0;
	zstore_set_target(m.zs, Z_ANON, 1);
	store_kind(6, HALF_RANDOM, ZS_OK);
	store_kind(8, HALF_RANDOM, ZS_TARGET);
	store_kind(10, SPARSE, ZS_OK); /* there is room for a small one */
	assert_int_equal(m.held[Z_ANON], 1);
	zstore_set_target(m.zs, Z_ANON, 0);
	assert_int_equal(m.held[Z_ANON], 0);
	store_kind(12, SPARSE, ZS_TARGET);
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_int_equal(stats.results[ZS_TARGET], 2);
	assert_int_equal(stats.results[ZS_POOR], 1);
	assert_int_equal(stats.results[ZS_NO_FRAME], 1);
	load_everything();
	model_exit();
}

/* What zstore_store() would say, and nothing is kept. */
static void test_try(void **state)
{
	static const struct {
		enum kind kind;
		bool good;
	} cases[] = { { JSON, true }, { SPARSE, true }, { ZERO, true }, { RANDOM, false } };
	struct zstore_type_stats before, after;
	u8 page[PAGE_SIZE];

	model_init(16);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 key = 2 + 2 * i;
		u32 bytes = 1;

		fill_kind(page, cases[i].kind);
		zstore_get_stats(m.zs, Z_ANON, &before);
		assert_int_equal(zstore_try(m.zs, page, &bytes), cases[i].good);
		zstore_get_stats(m.zs, Z_ANON, &after);
		assert_memory_equal(&before, &after, sizeof(before));
		memcpy(m.ref[key].copy, page, PAGE_SIZE);
		assert_int_equal(do_store(key), cases[i].good ? ZS_OK : ZS_POOR);
		zstore_get_stats(m.zs, Z_ANON, &after);
		assert_int_equal(after.compressed_bytes - before.compressed_bytes,
				 cases[i].good ? bytes : 0);
	}
	check(true);
	load_everything();
	model_exit();
}

/* Bytes that do not compress, then zeros: compressed to a few bytes more than that. */
static void fill_partly(u8 *page, u32 bytes)
{
	fill_kind(page, RANDOM);
	memset(page + bytes, 0, PAGE_SIZE - bytes);
}

static void test_the_limit(void **state)
{
	model_init(15);
	fill_partly(m.ref[2].copy, ZPAGE_MAX_BYTES - 40);
	assert_int_equal(do_store(2), ZS_OK);
	fill_partly(m.ref[4].copy, ZPAGE_MAX_BYTES + 1);
	assert_int_equal(do_store(4), ZS_POOR);
	check(true);
	load_everything();
	model_exit();
}

/* Dense frames: eviction takes the oldest, to the frame what was asked. */
static void test_shrink_is_exact_and_oldest_first(void **state)
{
	for (u32 type = 0; type < NR_ZTYPES; type++) {
		u64 first = type == Z_ANON ? 2 : 1, gone = 0, last_gone = 0, before;

		model_init(8);
		for (u64 key = first; key <= NR_KEYS; key += 2)
			store_kind(key, JSON, ZS_OK);
		before = m.held[type];
		assert_int_equal(zstore_shrink(m.zs, (enum ztype)type, 20), 20);
		assert_int_equal(m.held[type], before - 20);
		check(true);
		for (u64 key = first; key <= NR_KEYS; key += 2) {
			if (m.ref[key].where == IN_STORE)
				continue;
			gone++;
			last_gone = key;
		}
		/* No younger one has gone before an older, but for the two or three in the rest. */
		assert_true(gone >= 20 && last_gone <= first + 2 * (gone + 3));
		assert_int_equal(zstore_shrink(m.zs, (enum ztype)type, 1000), before - 20);
		assert_int_equal(m.held[type], 0);
		load_everything();
		model_exit();
	}
}

/* One frame at a time costs not many more blocks than frames, and always gives the frame. */
static void test_shrink_frame_by_frame(void **state)
{
	u64 frames, blocks = 0;

	model_init(16);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		store_kind(key, JSON, ZS_OK);
	frames = m.held[Z_ANON];
	for (u64 i = 0; i < frames; i++) {
		assert_int_equal(zstore_shrink(m.zs, Z_ANON, 1), 1);
		check(true);
	}
	for (u32 slot = 1; slot <= NR_BLOCKS; slot++)
		blocks += m.uses[slot] != 0;
	print_message("%lu frames, one at a time: %lu blocks\n", frames, blocks);
	assert_int_equal(m.held[Z_ANON], 0);
	assert_in_range(blocks, frames, frames * 2);
	load_everything();
	model_exit();
}

/* Sparse frames: compaction alone must give back what holes allow; nothing is evicted. */
static void test_shrink_compacts_before_it_evicts(void **state)
{
	struct zstore_type_stats stats;
	u64 before;

	model_init(9);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		store_kind(key, JSON, ZS_OK);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		if (prng_chance(&m.rng, 60))
			do_drop(key);
	check(true);
	before = m.held[Z_ANON];
	assert_int_equal(zstore_shrink(m.zs, Z_ANON, before / 4), before / 4);
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_int_equal(stats.compact_freed_frames, before / 4);
	assert_int_equal(stats.evicted_pages, 0);
	check(true);
	load_everything();
	model_exit();
}

/*
 * Compaction alone: gives what holes allow, and then nothing; no zpage leaves, and no half-empty frame
 * remains that another could have taken.
 */
static void test_compaction_alone(void **state)
{
	struct zstore_type_stats stats;
	u64 before, freed;

	model_init(11);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		store_kind(key, JSON, ZS_OK);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_CLOSELY), 0);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		if (prng_chance(&m.rng, 60))
			do_drop(key);
	before = m.held[Z_ANON];
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 3, ZCOMPACT_CLOSELY), 3);
	freed = 3 + zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_CLOSELY);
	check(true);
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_int_equal(m.held[Z_ANON], before - freed);
	assert_int_equal(stats.evicted_pages, 0);
	/* Dense: what is left lies in nine tenths of its frames, but for the last sink and the open frame. */
	assert_true(stats.compressed_bytes * 10 >= (stats.backing_frames - 2) * PAGE_SIZE * 9);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_CLOSELY), 0);
	assert_int_equal(zstore_compact(m.zs, Z_FILE, 1000, ZCOMPACT_CLOSELY), 0);
	load_everything();
	model_exit();
}

/* Told to work loosely it leaves the holes of one frame in eight, which closely it would close, and closes those of half. */
static void test_compaction_loosely(void **state)
{
	model_init(12);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		store_kind(key, JSON, ZS_OK);
	for (u64 key = 2; key <= NR_KEYS / 8; key += 4)
		do_drop(key);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_LOOSELY), 0);
	assert_true(zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_CLOSELY) > 0);
	for (u64 key = NR_KEYS / 8 / 4 * 4 + 2; key <= NR_KEYS / 2; key += 4)
		do_drop(key);
	assert_true(zstore_compact(m.zs, Z_ANON, 1000, ZCOMPACT_LOOSELY) > 0);
	check(true);
	load_everything();
	model_exit();
}

static void thread_evict_all(void *arg)
{
	zstore_shrink(m.zs, Z_ANON, 1000);
	m.threads_running--;
}

/* A target of nothing, given while another shrinker has the victims and waits for its disk, is met all the same. */
static void test_target_waits_for_others(void **state)
{
	model_init(12);
	for (u64 key = 2; key <= ZSTORE_EVICT_BATCH; key += 2)
		store_kind(key, JSON, ZS_OK);
	assert_in_range(m.held[Z_ANON], 2, ZSTORE_EVICT_BATCH);
	m.sleepy = true;
	m.threads_running = 1;
	env_start_thread("shrinker", thread_evict_all, NULL);
	env_yield();
	zstore_set_target(m.zs, Z_ANON, 0);
	assert_int_equal(m.held[Z_ANON], 0);
	while (m.threads_running)
		env_sleep_ns(1000);
	check(true);
	load_everything();
	model_exit();
}

static void test_swap_full(void **state)
{
	model_init(10);
	for (u64 key = 2; key <= NR_KEYS; key += 2)
		store_kind(key, JSON, ZS_OK);
	m.write_fail_pct = 100;
	assert_int_equal(zstore_shrink(m.zs, Z_ANON, 5), 0);
	check(true);
	m.write_fail_pct = 0;
	m.refuse_pct = 100;
	assert_int_equal(zstore_shrink(m.zs, Z_ANON, 5), 0);
	check(true);
	m.refuse_pct = 0;
	assert_int_equal(zstore_shrink(m.zs, Z_ANON, 5), 5);
	load_everything();
	model_exit();
}

/* Blocks from a disk may be anything: no byte outside, never a wrong key, never a wrong page. */
static void mutate_and_extract(u8 *blocks[2], u8 *page, u32 *good)
{
	u64 key = 2 + 2 * prng_below(&m.rng, 60);
	const struct model_ref *ref = &m.ref[key];
	struct zblock_ref wrong = { 1, (u8)prng_below(&m.rng, 128), prng_chance(&m.rng, 50) };
	u32 header = prng_chance(&m.rng, 60) ? 200 : (u32)PAGE_SIZE;

	assert_int_equal(ref->where, ON_SWAP);
	read_blocks(ref, blocks[0], blocks[1]);
	for (u32 i = 0; i < prng_below(&m.rng, 8); i++)
		blocks[prng_below(&m.rng, 2)][prng_below(&m.rng, header)] = (u8)prng_next(&m.rng);
	if (zstore_extract(m.zs, blocks[0], blocks[1], ref->block, key, page) == ZS_OK) {
		assert_true(!memcmp(page, ref->copy, PAGE_SIZE));
		*good += 1;
	}
	assert_int_equal(zstore_extract(m.zs, blocks[0], blocks[1], wrong, 9999, page), ZS_CORRUPT);
	prng_fill(&m.rng, blocks[0], PAGE_SIZE);
	((struct zframe *)blocks[0])->magic = ZFRAME_MAGIC;
	zstore_extract(m.zs, blocks[0], blocks[1], ref->block, key, page);
	/* Nor may such a block be adopted: no reference names what it says it has. */
	assert_int_equal(zstore_adopt(m.zs, Z_ANON, (void **)blocks, 2, 9999, 0), 0);
}

static void test_mutated_blocks(void **state)
{
	u8 *blocks[2], *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	u32 good = 0;

	model_init(11);
	for (u32 i = 0; i < 2; i++)
		blocks[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	for (u64 key = 2; key <= 120; key += 2)
		store_kind(key, (enum kind)(SPARSE + key / 2 % 4), ZS_OK);
	zstore_shrink(m.zs, Z_ANON, 1000);
	for (u32 round = 0; round < 30000; round++)
		mutate_and_extract(blocks, page, &good);
	assert_in_range(good, 1000, 29000);
	load_everything();
	free(blocks[0]);
	free(blocks[1]);
	free(page);
	model_exit();
}

static void test_corrupt_bytes_are_reported(void **state)
{
	u8 page[PAGE_SIZE] __aligned(8);
	u32 stamp;

	model_init(12);
	store_kind(2, JSON, ZS_OK);
	memset((u8 *)model_frame_address(
		       list_first_entry(&m.lru[Z_ANON], struct model_frame, link)) +
		       PAGE_SIZE - 64,
	       0xff, 64);
	assert_int_equal(zstore_load(m.zs, Z_ANON, m.ref[2].handle, 2, page, &stamp), ZS_CORRUPT);
	m.ref[2].where = RESIDENT;
	check(true);
	assert_int_equal(m.held[Z_ANON], 0);
	model_exit();
}

static void test_wrong_handles_panic(void **state)
{
	model_init(13);
	store_kind(2, JSON, ZS_OK);
	store_kind(4, JSON, ZS_OK);
	EXPECT_PANIC(zstore_drop(m.zs, Z_ANON, m.ref[2].handle, 4), "does not name");
	EXPECT_PANIC(zstore_drop(m.zs, Z_FILE, m.ref[2].handle, 2), "does not name");
	EXPECT_PANIC(zstore_drop(m.zs, Z_ANON, m.ref[2].handle + 7, 2), "does not name");
	do_drop(2);
	EXPECT_PANIC(zstore_drop(m.zs, Z_ANON, m.ref[2].handle, 2), "does not name");
	load_everything();
	model_exit();
}

static u64 density_pct(const struct zstore_type_stats *z)
{
	return 100 * z->compressed_bytes / (z->backing_frames * PAGE_SIZE);
}

/*
 * How full the frames are, after the pages came in and again after loads have punched holes and new pages
 * have come for a while.
 */
static void test_density(void **state)
{
	static const struct {
		const char *name;
		enum kind kind[4];
	} mix[] = {
		{ "json", { JSON, JSON, JSON, JSON } },
		{ "text", { TEXT, TEXT, TEXT, TEXT } },
		{ "pointers", { POINTERS, POINTERS, POINTERS, POINTERS } },
		{ "mixed", { JSON, TEXT, POINTERS, SPARSE } },
	};

	for (u32 i = 0; i < ARRAY_SIZE(mix); i++) {
		struct zstore_type_stats fresh, churned;

		model_init(14);
		for (u64 key = 2; key <= NR_KEYS; key += 2)
			store_kind(key, mix[i].kind[prng_below(&m.rng, 4)], ZS_OK);
		zstore_get_stats(m.zs, Z_ANON, &fresh);
		for (u32 step = 0; step < 5000; step++) {
			u64 key = 2 + 2 * prng_below(&m.rng, NR_KEYS / 2);

			if (m.ref[key].where == IN_STORE && prng_chance(&m.rng, 50))
				do_load(key);
			else if (m.ref[key].where == RESIDENT)
				store_kind(key, mix[i].kind[prng_below(&m.rng, 4)], ZS_OK);
		}
		zstore_get_stats(m.zs, Z_ANON, &churned);
		print_message("%s: density %lu%% fresh, %lu%% churned, mean zpage %lu\n",
			      mix[i].name, density_pct(&fresh), density_pct(&churned),
			      fresh.compressed_bytes / fresh.stored_pages);
		assert_true(density_pct(&fresh) >= 94 && density_pct(&churned) >= 80);
		load_everything();
		model_exit();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_filled_takes_no_frame),
		cmocka_unit_test(test_same_filled_table_full),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_try),
		cmocka_unit_test(test_the_limit),
		cmocka_unit_test(test_shrink_frame_by_frame),
		cmocka_unit_test(test_shrink_is_exact_and_oldest_first),
		cmocka_unit_test(test_shrink_compacts_before_it_evicts),
		cmocka_unit_test(test_compaction_alone),
		cmocka_unit_test(test_compaction_loosely),
		cmocka_unit_test(test_target_waits_for_others),
		cmocka_unit_test(test_swap_full),
		cmocka_unit_test(test_corrupt_bytes_are_reported),
		cmocka_unit_test(test_wrong_handles_panic),
		cmocka_unit_test(test_mutated_blocks),
		cmocka_unit_test(test_density),
		cmocka_unit_test(test_every_frame_refused),
		cmocka_unit_test(test_random_steps),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("zstore", tests, NULL, NULL);
}
