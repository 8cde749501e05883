/* SPDX-License-Identifier: MIT */
/*
 * test_zkinds.c - what is special to the stores to be compared with, zbud and zsmalloc. What they have
 * in common with the default is in test_zstore.c, which runs its model over all kinds.
 *
 * A codec that cuts off the zeros at the end of a page gives zpages of any size that a test wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compress/zspage.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "tests/host/zstore_model.h"

static u32 cut_compress(void *state, const void *page, void *out, u32 limit_bytes)
{
	const u8 *p = page;
	u32 bytes = PAGE_SIZE;

	while (bytes && !p[bytes - 1])
		bytes--;
	if (bytes > limit_bytes)
		return 0;
	memcpy(out, page, bytes);
	return bytes;
}

static bool cut_decompress(const void *in, u32 bytes, void *page)
{
	memcpy(page, in, bytes);
	memset((u8 *)page + bytes, 0, PAGE_SIZE - bytes);
	return true;
}

static const struct codec codec_cut = {
	.name = "cut",
	.state_bytes = 8,
	.compress = cut_compress,
	.decompress = cut_decompress,
};

static void begin(const char *kind)
{
	model_config = (struct zstore_config){
		.kind = zstore_kind_find(kind),
		.codec = &codec_cut,
		.nr_cpus = 1,
	};
	assert_non_null(model_config.kind);
	model_init(1);
}

static void visit(void *ctx, enum ztype type, u64 key, zhandle_t handle)
{
	assert_int_equal(type, type_of(key));
	assert_int_equal(m.ref[key].where, IN_STORE);
	assert_int_equal(m.ref[key].handle, handle);
}

static void check(void)
{
	zstore_verify(m.zs, visit);
	assert_int_equal(zstore_frames(m.zs, Z_ANON), m.held[Z_ANON]);
	assert_int_equal(zstore_frames(m.zs, Z_FILE), m.held[Z_FILE]);
}

/* Store a page that compresses to exactly so many bytes. */
static void store(u64 key, u32 bytes, enum zresult expect)
{
	struct model_ref *ref = &m.ref[key];
	zhandle_t handle = 0;
	u32 size = 0;

	assert_int_equal(ref->where, RESIDENT);
	clear_page(ref->copy);
	for (u32 i = 0; i < bytes; i++)
		ref->copy[i] = (u8)(1 + (key * 31 + i * 7 + i / 251) % 255);
	assert_int_equal(zstore_store(m.zs, type_of(key), ref->copy, key, (u32)key, &handle, &size),
			 expect);
	if (expect == ZS_OK) {
		assert_int_equal(size, bytes);
		ref->handle = handle;
		ref->stamp = (u32)key;
		ref->where = IN_STORE;
	}
	check();
}

static void load(u64 key)
{
	struct model_ref *ref = &m.ref[key];
	u8 page[PAGE_SIZE] __aligned(8);
	u32 stamp = 0;

	ref->where = RESIDENT;
	assert_int_equal(zstore_load(m.zs, type_of(key), ref->handle, key, page, &stamp), ZS_OK);
	assert_int_equal(stamp, ref->stamp);
	assert_memory_equal(page, ref->copy, PAGE_SIZE);
	check();
}

static void end(void)
{
	for (u64 key = 1; key <= NR_KEYS; key++)
		if (m.ref[key].where == IN_STORE)
			load(key);
	assert_int_equal(m.held[Z_ANON] + m.held[Z_FILE], 0);
	model_exit();
	model_next_config(0);
}

static void *frame_of_key(u64 key)
{
	return zhandle_frame(m.ref[key].handle);
}

static u64 nr_in_store(void)
{
	u64 nr = 0;

	for (u64 key = 1; key <= NR_KEYS; key++)
		nr += m.ref[key].where == IN_STORE;
	return nr;
}

/* As a shrinker does, step by step. */
static u32 victims(enum ztype type, struct zvictim *out)
{
	u32 nr;

	spin_lock(&m.zs->lock);
	nr = m.zs->kind->victims(m.zs, type, out);
	spin_unlock(&m.zs->lock);
	return nr;
}

static u32 victim_done(enum ztype type, const struct zvictim *victim)
{
	u32 freed;

	spin_lock(&m.zs->lock);
	freed = m.zs->kind->victim_done(m.zs, type, victim);
	spin_unlock(&m.zs->lock);
	return freed;
}

static void shrinkers_gone(enum ztype type)
{
	spin_lock(&m.zs->lock);
	m.zs->kind->shrinkers_gone(m.zs, type);
	spin_unlock(&m.zs->lock);
}

/* --- zbud --- */

static void test_zbud_two_to_a_frame(void **state)
{
	begin("zbud");
	store(2, 100, ZS_OK);
	store(4, 100, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 1);
	store(6, 100, ZS_OK); /* whatever is left between the two */
	assert_int_equal(m.held[Z_ANON], 2);
	store(1, 100, ZS_OK); /* and never with another type */
	assert_int_equal(m.held[Z_FILE], 1);
	load(2);
	store(8, 3000, ZS_OK); /* in the place of the first, and all that is between */
	assert_ptr_equal(frame_of_key(8), frame_of_key(4));
	load(4);
	assert_int_equal(m.held[Z_ANON], 2);
	load(8);
	assert_int_equal(m.held[Z_ANON], 1);
	end();
}

static void test_zbud_chunks(void **state)
{
	begin("zbud");
	store(2, 31 * 64, ZS_OK);
	store(4, 32 * 64 + 1, ZS_OK); /* 31 + 33 of 63 */
	assert_int_equal(m.held[Z_ANON], 2);
	store(6, 32 * 64, ZS_OK); /* 31 + 32: both frames have a buddy that */
	store(8, 30 * 64, ZS_OK); /* fits to the chunk */
	assert_int_equal(m.held[Z_ANON], 2);
	assert_ptr_equal(frame_of_key(6), frame_of_key(2));
	assert_ptr_equal(frame_of_key(8), frame_of_key(4));
	end();
}

static void test_zbud_first_fit_from_the_smallest(void **state)
{
	begin("zbud");
	store(2, 2600, ZS_OK);
	store(4, 2900, ZS_OK);
	store(6, 2300, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 3);
	store(8, 1300, ZS_OK);
	assert_ptr_equal(frame_of_key(8), frame_of_key(2));
	store(10, 900, ZS_OK);
	assert_ptr_equal(frame_of_key(10), frame_of_key(4));
	zstore_set_target(m.zs, Z_ANON, 3);
	store(12, 1800, ZS_TARGET);
	store(12, 1700, ZS_OK);
	assert_ptr_equal(frame_of_key(12), frame_of_key(6));
	store(14, 1, ZS_TARGET);
	zstore_set_target(m.zs, Z_ANON, UINT64_MAX);
	m.get_fail_pct = 100;
	store(14, 1, ZS_NO_FRAME);
	end();
}

static void test_zbud_evicts_by_frames(void **state)
{
	begin("zbud");
	for (u64 key = 1; key <= 41; key += 2)
		store(key, 1500, ZS_OK);
	for (u64 n = 1; n <= 5; n++) {
		assert_int_equal(zstore_shrink(m.zs, Z_FILE, 1), 1);
		check();
		assert_int_equal(nr_in_store(), 21 - 2 * n);
		assert_int_equal(m.ref[4 * n - 1].where, DROPPED);
		assert_int_equal(m.ref[4 * n + 1].where, IN_STORE);
	}
	load(23);
	assert_int_equal(zstore_compact(m.zs, Z_FILE, 10, ZCOMPACT_CLOSELY), 0);
	end();
}

/* A chosen frame takes no zpage, and stays when its zpages go. */
static void test_zbud_held(void **state)
{
	struct zvictim v[ZVICTIMS_MAX];

	begin("zbud");
	store(2, 1000, ZS_OK);
	store(4, 1000, ZS_OK);
	assert_int_equal(victims(Z_ANON, v), 2);
	assert_int_equal(victims(Z_ANON, v), 0);
	load(2);
	store(6, 500, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 2);
	load(4);
	assert_int_equal(m.held[Z_ANON], 2);
	assert_int_equal(victim_done(Z_ANON, &v[0]), 0);
	assert_int_equal(victim_done(Z_ANON, &v[1]), 1);
	shrinkers_gone(Z_ANON);
	check();

	store(8, 500, ZS_OK); /* beside 6 */
	load(8);
	assert_int_equal(victims(Z_ANON, v), 1);
	assert_int_equal(victim_done(Z_ANON, v), 0);
	assert_int_equal(victims(Z_ANON, v + 1), 0);
	store(8, 500, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 2);
	shrinkers_gone(Z_ANON);
	store(10, 2500, ZS_OK);
	store(12, 2500, ZS_OK); /* 6 and 8 may be joined again */
	assert_int_equal(m.held[Z_ANON], 2);
	end();
}

/* --- zsmalloc --- */

#define MAX_SLOT_BYTES ALIGN_UP(ZOBJECT_MAX_BYTES + ZSPAGE_OBJECT_BYTES, ZSPAGE_STEP_BYTES)

static u32 used_pct(u32 slot_bytes, u32 slots, u32 frames)
{
	return slots * slot_bytes * 100 / (frames * (u32)PAGE_SIZE);
}

/* No other length of the chain is better; print what is lost. */
static void test_zsmalloc_geometry(void **state)
{
	static const struct zspage_geometry known[] = {
		{ 48, 169, 2 },	 { 1008, 4, 1 },  { 1024, 27, 7 },
		{ 1776, 16, 7 }, { 2048, 15, 8 }, { 3120, 9, 7 },
	};
	u32 nr = 0, permille = 0;

	for (u32 bytes = 32; bytes <= MAX_SLOT_BYTES; bytes += ZSPAGE_STEP_BYTES, nr++) {
		struct zspage_geometry g = zspage_best_geometry(bytes);
		u32 lost = 1000 - g.nr_slots * bytes * 1000 / (g.nr_frames * (u32)PAGE_SIZE);

		assert_int_equal(g.slot_bytes, bytes);
		assert_in_range(g.nr_frames, 1, ZSPAGE_MAX_FRAMES);
		for (u32 frames = 1; frames <= ZSPAGE_MAX_FRAMES; frames++) {
			u32 room = frames * PAGE_SIZE - ZSPAGE_HEADER_BYTES;
			u32 pct = used_pct(bytes, room / bytes, frames);

			assert_true(pct <= used_pct(bytes, g.nr_slots, g.nr_frames));
			if (frames < g.nr_frames)
				assert_true(pct < used_pct(bytes, g.nr_slots, g.nr_frames));
		}
		assert_in_range(lost, 0, 63);
		permille += lost;
		if (bytes % 256 == 48)
			print_message("slots of %4u bytes: %3u in %u frames, %2u.%u%% lost\n",
				      bytes, g.nr_slots, g.nr_frames, lost / 10, lost % 10);
	}
	print_message("mean of %u sizes: %u.%u%% lost\n", nr, permille / nr / 10,
		      permille / nr % 10);
	assert_in_range(permille / nr, 0, 15);
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		struct zspage_geometry g = zspage_best_geometry(known[i].slot_bytes);

		assert_memory_equal(&g, &known[i], sizeof(g));
	}
}

/* 11 objects to 8 frames: slots of 2928, 2944 and 2960 bytes are one class. */
static void test_zsmalloc_merged_classes(void **state)
{
	begin("zsmalloc");
	for (u64 i = 0; i < 11; i++)
		store(2 + 2 * i, (u32)(2881 + 4 * i), ZS_OK);
	assert_int_equal(m.held[Z_ANON], 8);
	store(24, 2928, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 16);
	store(26, 2880, ZS_OK); /* a slot of 2912 is of another */
	assert_int_equal(m.held[Z_ANON], 16 + 5);
	store(28, 2929, ZS_OK); /* so is one of 2976 */
	assert_int_equal(m.held[Z_ANON], 16 + 5 + 3);
	store(1, 2928, ZS_OK); /* and one of the other type */
	assert_int_equal(m.held[Z_FILE], 8);
	end();
}

/* Every place in a zspage, for sizes all over: read back whole, in two pieces or in one. */
static void test_zsmalloc_objects_cross_frames(void **state)
{
	u32 in_two = 0;

	for (u32 bytes = 1; bytes <= ZPAGE_MAX_BYTES; bytes += 41) {
		begin("zsmalloc");
		for (u64 key = 2; key <= 40; key += 2) {
			struct zobject object;

			store(key, bytes, ZS_OK);
			assert_true(
				m.zs->kind->find(m.zs, Z_ANON, m.ref[key].handle, key, &object));
			assert_int_equal(object.data_bytes + object.more_bytes, bytes);
			assert_int_equal(object.more != NULL, object.more_bytes != 0);
			in_two += object.more != NULL;
		}
		end();
	}
	print_message("%u objects of %lu in two pieces\n", in_two, ZPAGE_MAX_BYTES / 41 * 20UL);
	assert_true(in_two > 100);
}

/* Objects of 976 bytes: 4 to a zspage, which is a frame. */
#define QUARTER 976

static void test_zsmalloc_fullest_first(void **state)
{
	begin("zsmalloc");
	for (u64 key = 2; key <= 24; key += 2)
		store(key, QUARTER, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 3);
	load(2);
	load(10);
	load(12);
	load(18);
	load(20);
	load(22);
	store(2, QUARTER, ZS_OK);
	assert_ptr_equal(frame_of_key(2), frame_of_key(4));
	store(10, QUARTER, ZS_OK);
	assert_ptr_equal(frame_of_key(10), frame_of_key(14));
	store(12, QUARTER, ZS_OK);
	assert_ptr_equal(frame_of_key(12), frame_of_key(14));
	store(18, QUARTER, ZS_OK);
	assert_ptr_equal(frame_of_key(18), frame_of_key(24));
	end();
}

static void test_zsmalloc_refused_frames(void **state)
{
	begin("zsmalloc");
	for (u64 nth = 1; nth <= 7; nth++) {
		m.gets = 0;
		m.get_fail_nth = nth;
		store(2, 3072, ZS_NO_FRAME); /* 7 frames, or none */
		assert_int_equal(m.gets, nth);
		assert_int_equal(m.held[Z_ANON], 0);
	}
	m.get_fail_nth = 0;
	zstore_set_target(m.zs, Z_ANON, 6);
	store(2, 3072, ZS_TARGET);
	assert_int_equal(m.held[Z_ANON], 0);
	zstore_set_target(m.zs, Z_ANON, 7);
	for (u64 key = 2; key <= 18; key += 2)
		store(key, 3072, ZS_OK);
	store(20, 16, ZS_TARGET);
	load(18);
	store(18, 16, ZS_TARGET); /* not its class, though there is room */
	store(18, 3072, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 7);
	end();
}

static void test_zsmalloc_compaction(void **state)
{
	struct zstore_type_stats stats;
	u64 moved;

	begin("zsmalloc");
	for (u64 key = 2; key <= 72; key += 2) /* 4 zspages of 9, 7 frames each */
		store(key, 3072, ZS_OK);
	assert_int_equal(m.held[Z_ANON], 28);
	for (u64 key = 2; key <= 72; key += 2) /* 2, 3, 2 and 2 leave: 9 in all */
		if (key % 8 == 4)
			load(key);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 1, ZCOMPACT_CLOSELY), 7);
	check();
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_int_equal(stats.compact_freed_frames, 7);
	assert_int_equal(stats.moved_pages, 6); /* the sparsest */
	assert_int_equal(stats.stored_pages, 27);
	load(6); /* two holes, not 9 */
	load(70);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 100, ZCOMPACT_CLOSELY), 0);
	moved = stats.moved_pages;
	zstore_get_stats(m.zs, Z_ANON, &stats);
	assert_int_equal(stats.moved_pages, moved); /* nor for nothing */

	for (u64 key = 40; key <= 72; key += 2)
		if (m.ref[key].where == IN_STORE)
			load(key);
	m.refuse_pct = 100; /* owners everywhere: nothing moves */
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 100, ZCOMPACT_CLOSELY), 0);
	check();
	m.refuse_pct = 50; /* what moves stays moved, and in the end there is enough */
	for (u32 i = 0; i < 100; i++) {
		zstore_compact(m.zs, Z_ANON, 100, ZCOMPACT_CLOSELY);
		check();
	}
	assert_int_equal(m.held[Z_ANON], 14);
	m.refuse_pct = 0;
	end();
}

/* Moved or not, objects leave in the order they came; a frame goes when a zspage is empty. */
static void test_zsmalloc_evicts_by_age(void **state)
{
	struct zstore_type_stats stats;
	u64 left = 0;

	begin("zsmalloc");
	for (u64 key = 1; key <= 191; key += 2)
		store(key, QUARTER, ZS_OK);
	assert_int_equal(m.held[Z_FILE], 24);
	for (u64 key = 1; key <= 191; key += 2) {
		if (prng_chance(&m.rng, 55))
			load(key);
		left += m.ref[key].where == IN_STORE;
	}
	assert_true(zstore_compact(m.zs, Z_FILE, 100, ZCOMPACT_CLOSELY) > 2);
	assert_int_equal(m.held[Z_FILE], DIV_ROUND_UP(left, 4));
	check();
	while (m.held[Z_FILE]) {
		u64 before = m.held[Z_FILE], key = 1, freed = zstore_shrink(m.zs, Z_FILE, 1);

		/* As many at a time as lie in a frame: they can be the last ones of two. */
		assert_in_range(freed, 1, 2);
		assert_int_equal(m.held[Z_FILE], before - freed);
		check();
		while (key <= 191 && m.ref[key].where != IN_STORE)
			key += 2;
		for (; key <= 191; key += 2)
			assert_int_not_equal(m.ref[key].where, DROPPED);
	}
	zstore_get_stats(m.zs, Z_FILE, &stats);
	assert_int_equal(stats.evicted_pages, left);
	end();
}

/* Held: the slot is not used again and the zspage does not go, whatever becomes of the object. */
static void test_zsmalloc_held(void **state)
{
	struct zvictim v[5];

	begin("zsmalloc");
	for (u64 key = 2; key <= 8; key += 2)
		store(key, QUARTER, ZS_OK);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(victims(Z_ANON, &v[i]), 1);
		assert_int_equal(v[i].key, 2 + 2 * i);
		check();
	}
	assert_int_equal(victims(Z_ANON, &v[4]), 0);
	load(2);
	load(6);
	store(10, QUARTER, ZS_OK); /* there is no place where 2 was */
	assert_int_equal(m.held[Z_ANON], 2);
	assert_int_equal(victim_done(Z_ANON, &v[0]), 0);
	store(2, QUARTER, ZS_OK); /* now there is */
	assert_int_equal(m.held[Z_ANON], 2);
	assert_ptr_equal(frame_of_key(2), frame_of_key(4));
	assert_int_equal(victim_done(Z_ANON, &v[1]), 0);
	check();
	load(2);
	load(4);
	load(8);
	assert_int_equal(m.held[Z_ANON], 2);
	assert_int_equal(victim_done(Z_ANON, &v[3]), 0);
	assert_int_equal(victim_done(Z_ANON, &v[2]), 1);
	shrinkers_gone(Z_ANON);
	check();
	end();
}

/* The sparsest zspage would be the source, but for what is held in it: the next is. */
static void test_zsmalloc_held_stays(void **state)
{
	struct zvictim v;
	zhandle_t handle;

	begin("zsmalloc");
	for (u64 key = 2; key <= 24; key += 2)
		store(key, QUARTER, ZS_OK);
	assert_int_equal(victims(Z_ANON, &v), 1);
	handle = m.ref[2].handle;
	load(24);
	for (u64 key = 14; key >= 4; key -= 2) /* 2 and 16 alone, and 2 comes first */
		load(key);
	assert_int_equal(m.held[Z_ANON], 3);
	assert_int_equal(zstore_compact(m.zs, Z_ANON, 100, ZCOMPACT_CLOSELY), 1);
	check();
	assert_int_equal(m.ref[2].handle, handle);
	assert_ptr_equal(frame_of_key(16), frame_of_key(18));
	assert_int_equal(victim_done(Z_ANON, &v), 0);
	shrinkers_gone(Z_ANON);
	end();
}

/* What was not evicted is the oldest again when the shrinkers are gone, in its order. */
static void test_zsmalloc_tried_again(void **state)
{
	struct zvictim v;

	begin("zsmalloc");
	for (u64 key = 2; key <= 16; key += 2)
		store(key, QUARTER, ZS_OK);
	for (u64 round = 0; round < 2; round++) {
		for (u64 key = 2; key <= 6; key += 2) {
			assert_int_equal(victims(Z_ANON, &v), 1);
			assert_int_equal(v.key, key);
			assert_int_equal(victim_done(Z_ANON, &v), 0);
		}
		check();
		shrinkers_gone(Z_ANON);
		check();
	}
	end();
}

static void expect_unknown(enum ztype type, zhandle_t handle, u64 key)
{
	EXPECT_PANIC(zstore_drop(m.zs, type, handle, key), "does not name");
}

static void test_wrong_handles(void **state)
{
	static const char *const names[] = { "zbud", "zsmalloc" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		zhandle_t handle;

		begin(names[i]);
		store(2, 1000, ZS_OK);
		store(1, 1000, ZS_OK);
		handle = m.ref[2].handle;
		for (u32 low = 0; low < BIT(ZHANDLE_LOW_BITS); low++)
			if (low != zhandle_low(handle))
				expect_unknown(Z_ANON, zhandle_make(frame_of_key(2), low), 2);
		expect_unknown(Z_ANON, handle, 4);
		expect_unknown(Z_FILE, handle, 2);
		expect_unknown(Z_ANON, m.ref[1].handle, 2);
		load(2);
		expect_unknown(Z_ANON, handle, 2);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zbud_two_to_a_frame),
		cmocka_unit_test(test_zbud_chunks),
		cmocka_unit_test(test_zbud_first_fit_from_the_smallest),
		cmocka_unit_test(test_zbud_evicts_by_frames),
		cmocka_unit_test(test_zbud_held),
		cmocka_unit_test(test_zsmalloc_geometry),
		cmocka_unit_test(test_zsmalloc_merged_classes),
		cmocka_unit_test(test_zsmalloc_objects_cross_frames),
		cmocka_unit_test(test_zsmalloc_fullest_first),
		cmocka_unit_test(test_zsmalloc_refused_frames),
		cmocka_unit_test(test_zsmalloc_compaction),
		cmocka_unit_test(test_zsmalloc_evicts_by_age),
		cmocka_unit_test(test_zsmalloc_held),
		cmocka_unit_test(test_zsmalloc_held_stays),
		cmocka_unit_test(test_zsmalloc_tried_again),
		cmocka_unit_test(test_wrong_handles),
	};

	return cmocka_run_group_tests_name("zkinds", tests, NULL, NULL);
}
