/* SPDX-License-Identifier: MIT */
/* test_policy.c - policies are pure functions: a snapshot in, a decision out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/prng.h"
#include "mm/policy.h"
#include "tests/host/policy_snapshots.h"

#define CAP	 2000 /* a fifth: the default of zswap, and of zcache for anon pages */
#define ACCEPT	 1800
#define FILE_CAP 1000 /* a tenth: zcache */

/*
 * Up to the cap anon pages are compressed. From there down to the threshold the pool refuses: one
 * round writes its oldest back, the next sends cold pages past it to disk.
 */
static void test_zswap_cap(void **state)
{
	static const struct {
		u64 pool;
		bool was_full, full;
	} cases[] = {
		{ 0, false, false },	 { 0, true, false },	       { CAP - 1, false, false },
		{ CAP, false, true },	 { CAP - 1, true, true },      { ACCEPT + 1, true, true },
		{ ACCEPT, true, false }, { ACCEPT + 1, false, false },
	};

	for (u32 i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const bool full = cases[i / 2].full, turn = i % 2;
		struct mm_snapshot s = policy_snapshot(&policy_zswap, cases[i / 2].pool);

		s.was_refusing = cases[i / 2].was_full ? BIT(TYPE_ANON) : 0;
		s.round = i;
		assert_int_equal(policy_answer(&policy_zswap, &s).refusing,
				 full ? BIT(TYPE_ANON) : 0);
		expect_choice(&policy_zswap, &s,
			      full && turn ? LRU_COMPRESSED_ANON : LRU_INACTIVE_ANON, !full);
	}
}

/* A full pool that cannot be written back refuses; what it refuses needs room on the disk. */
static void test_zswap_full(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_zswap, CAP);

	s.round = 1;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect_choice(&policy_zswap, &s, LRU_INACTIVE_ANON, false);
	s.type[TYPE_ANON].can_evict = false;
	s.barren = 0;
	expect_choice(&policy_zswap, &s, LRU_INACTIVE_FILE, false);
	s.barren = BIT(LRU_INACTIVE_FILE);
	expect_choice(&policy_zswap, &s, NR_LRU_LISTS, false);
	/* When nothing else can give, the pool does without its turn. */
	s = policy_snapshot(&policy_zswap, CAP);
	s.barren = BIT(LRU_INACTIVE_FILE) | BIT(LRU_INACTIVE_ANON);
	expect_choice(&policy_zswap, &s, LRU_COMPRESSED_ANON, false);
	/* Below the cap anon pages need no disk. */
	s = policy_snapshot(&policy_zswap, CAP - 1);
	s.type[TYPE_ANON].can_evict = false;
	expect_choice(&policy_zswap, &s, LRU_INACTIVE_ANON, true);
}

static void randomise(struct prng *rng, struct mm_snapshot *s)
{
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s->type[type];

		t->inactive_frames = prng_below(rng, 2) * prng_below(rng, 2000);
		t->compressed_frames = prng_below(rng, 2) * prng_below(rng, 4000);
		t->stored_pages = t->compressed_frames * (1 + prng_below(rng, 4));
		t->same_pages = prng_below(rng, 1000);
		t->zpage_bytes = prng_below(rng, PAGE_SIZE + 1);
		t->near_hits = prng_below(rng, 2) * prng_below(rng, 1000);
		t->far_hits = prng_below(rng, 2) * prng_below(rng, 1000);
		t->usual_inactive = prng_below(rng, 2) * prng_below(rng, 2000);
		t->store_age = prng_below(rng, BIT(prng_below(rng, 23)));
		t->stored_share = prng_below(rng, STORED_SHARE_ONE + 1);
		t->evict_write_ns = prng_below(rng, 1000000);
		for (u32 b = 0; b < AGE_BUCKETS; b++) {
			t->away[b] = prng_below(rng, 2) * prng_below(rng, 20000);
			t->back[b] = prng_below(rng, 2) * prng_below(rng, 20000);
		}
		for (u32 path = 0; path < NR_LEAVE_PATHS; path++) {
			t->left[path] = prng_below(rng, 1000);
			t->came_back[path] = prng_below(rng, 1 + t->left[path]) * COMEBACK_ONE;
		}
	}
	s->type[TYPE_ANON].can_evict = prng_chance(rng, 70);
	s->barren = (u32)prng_below(rng, BIT(NR_LRU_LISTS)) & (u32)prng_next(rng);
	s->was_refusing = (u32)prng_below(rng, BIT(NR_PAGE_TYPES));
	s->round = prng_next(rng);
	s->price_ns = prng_below(rng, 1000000);
	s->leisure_ns = prng_below(rng, 2) * prng_below(rng, 1000000);
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		s->type[type].resting = prng_chance(rng, 30);
		s->type[type].others_lost_ns = prng_below(rng, BIT(prng_below(rng, 45)));
	}
}

/* A policy that never evicts, or never compresses, has no such line in its decision. */
static void test_none_and_zram_never_evict(void **state)
{
	struct prng rng;

	prng_seed(&rng, 2);
	for (u32 round = 0; round < 10000; round++) {
		const struct policy *policy = round % 2 ? &policy_none : &policy_zram;
		struct mm_snapshot s = policy_snapshot(policy, 0);
		enum lru_list list;

		randomise(&rng, &s);
		list = policy_answer(policy, &s).list;
		assert_true(list != LRU_COMPRESSED_ANON && list != LRU_COMPRESSED_FILE);
	}
}

/* A cap of nothing is no compression, whatever the machine looks like. */
static void test_cap_zero_is_none(void **state)
{
	static const struct policy *const capped[] = { &policy_zswap, &policy_zcache };
	struct prng rng;

	prng_seed(&rng, 3);
	for (u32 round = 0; round < 10000; round++) {
		const struct policy *policy = capped[round % ARRAY_SIZE(capped)];
		struct mm_snapshot s = policy_snapshot(policy, 0);
		struct mm_decision d, none;

		randomise(&rng, &s);
		for (u32 type = 0; type < NR_PAGE_TYPES; type++)
			s.type[type].compressed_frames = 0;
		s.setting[0] = 0;
		if (policy == &policy_zcache)
			s.setting[1] = 0;
		d = policy_answer(policy, &s);
		none = policy_answer(&policy_none, &s);
		assert_false(d.compress);
		/* A file page needs no room on a disk; an anon page that has none stays. */
		assert_int_equal(d.list, none.list);
		assert_int_equal(d.spill, none.spill);
	}
}

/* The device counts pages, same-filled ones too; full, it sends anon pages on, or they stay. */
static void test_zram(void **state)
{
	static const struct {
		u64 stored, same, size_pct, disk, room;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, 50, 1, 1, LRU_INACTIVE_ANON, true },
		{ 4000, 999, 50, 1, 1, LRU_INACTIVE_ANON, true },
		{ 4000, 1000, 50, 1, 1, LRU_INACTIVE_ANON, false },
		{ 5000, 0, 50, 0, 1, LRU_INACTIVE_FILE, false },
		{ 5000, 0, 50, 1, 0, LRU_INACTIVE_FILE, false },
		{ 4999, 0, 50, 0, 0, LRU_INACTIVE_ANON, true },
		{ 39999, 0, 400, 0, 0, LRU_INACTIVE_ANON, true },
		{ 0, 0, 0, 1, 1, LRU_INACTIVE_ANON, false },
		{ 0, 0, 0, 0, 1, LRU_INACTIVE_FILE, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = policy_snapshot(&policy_zram, cases[i].stored / 3);

		s.type[TYPE_ANON].stored_pages = cases[i].stored;
		s.type[TYPE_ANON].same_pages = cases[i].same;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		s.setting[0] = cases[i].size_pct;
		s.setting[1] = cases[i].disk;
		expect_choice(&policy_zram, &s, cases[i].list, cases[i].compress);
		assert_int_equal(policy_answer(&policy_zram, &s).spill, cases[i].disk);
		/* Nothing else can give: out of memory. */
		s.barren = BIT(cases[i].list);
		if (cases[i].list == LRU_INACTIVE_FILE)
			expect_choice(&policy_zram, &s, NR_LRU_LISTS, false);
	}
}

/* A comeback from the device weighs as one from disk does: that it is cheap is not known. */
static void test_zram_is_blind(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_zram, 100);

	s.type[TYPE_ANON].left[LEFT_TO_STORE] = 1000;
	s.type[TYPE_ANON].came_back[LEFT_TO_STORE] = 1000 * COMEBACK_ONE;
	expect_choice(&policy_zram, &s, LRU_INACTIVE_FILE, false);
	s.setting[2] = 180;
	expect_choice(&policy_zram, &s, LRU_INACTIVE_ANON, true);
	s.setting[2] = 0;
	s.type[TYPE_ANON].came_back[LEFT_TO_STORE] = 0;
	expect_choice(&policy_zram, &s, LRU_INACTIVE_FILE, false);
}

/* Each pool up to its own cap; at it the oldest go. */
static void test_zcache(void **state)
{
	static const struct {
		u64 anon, file, barren;
		bool room;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, BIT(LRU_INACTIVE_FILE), true, LRU_INACTIVE_ANON, true },
		{ CAP - 1, 0, BIT(LRU_INACTIVE_FILE), true, LRU_INACTIVE_ANON, true },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE), true, LRU_COMPRESSED_ANON, false },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE) | BIT(LRU_COMPRESSED_ANON), true,
		  LRU_INACTIVE_ANON, false },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE), false, NR_LRU_LISTS, false },
		{ 0, FILE_CAP - 1, BIT(LRU_INACTIVE_ANON), true, LRU_INACTIVE_FILE, true },
		{ 0, FILE_CAP, BIT(LRU_INACTIVE_ANON), true, LRU_COMPRESSED_FILE, false },
		{ 0, FILE_CAP, BIT(LRU_INACTIVE_ANON) | BIT(LRU_COMPRESSED_FILE), true,
		  LRU_INACTIVE_FILE, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = policy_snapshot(&policy_zcache, cases[i].anon);

		s.type[TYPE_FILE].compressed_frames = cases[i].file;
		s.type[TYPE_FILE].stored_pages = 2 * cases[i].file;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		s.barren = (u32)cases[i].barren;
		expect_choice(&policy_zcache, &s, cases[i].list, cases[i].compress);
		assert_true(policy_answer(&policy_zcache, &s).used_once);
		s.setting[2] = 1;
		assert_false(policy_answer(&policy_zcache, &s).used_once);
	}
}

/* As many compressed frames as resident ones are allowed, for each type by itself, file first. */
static void test_parity(void **state)
{
	static const struct {
		u64 anon, file;
		bool room;
		enum lru_list list;
	} cases[] = {
		{ 2000, 2000, true, LRU_INACTIVE_ANON },  { 2001, 0, true, LRU_COMPRESSED_ANON },
		{ 0, 2001, true, LRU_COMPRESSED_FILE },	  { 2001, 2001, true, LRU_COMPRESSED_FILE },
		{ 2001, 2000, false, LRU_INACTIVE_ANON },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = policy_snapshot(&policy_parity, cases[i].anon);

		s.type[TYPE_FILE].compressed_frames = cases[i].file;
		s.type[TYPE_FILE].left[LEFT_TO_STORE] = 1000;
		s.type[TYPE_FILE].came_back[LEFT_TO_STORE] = 900 * COMEBACK_ONE;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		expect_choice(&policy_parity, &s, cases[i].list,
			      cases[i].list == LRU_INACTIVE_ANON);
	}
}

/* A far hit saves 188 us, a near one loses 52: growth up to 47 near hits on 13 far ones. */
static void test_twoqueue(void **state)
{
	static const struct {
		u64 pool, near_anon, far_anon, near_file, far_file;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, 0, 0, 0, LRU_INACTIVE_ANON, true },
		{ 500, 47, 13, 0, 0, LRU_INACTIVE_ANON, true },
		{ 500, 48, 13, 0, 0, LRU_COMPRESSED_ANON, false },
		/* One store: what file pages gain, anon pages may lose. */
		{ 500, 48, 13, 0, 1, LRU_INACTIVE_ANON, true },
		{ 500, 47, 13, 1, 0, LRU_COMPRESSED_ANON, false },
		/* Nothing left to shrink: cold pages go to disk. */
		{ 0, 48, 13, 0, 0, LRU_INACTIVE_ANON, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = policy_snapshot(&policy_twoqueue, cases[i].pool);

		s.type[TYPE_ANON].near_hits = cases[i].near_anon;
		s.type[TYPE_ANON].far_hits = cases[i].far_anon;
		s.type[TYPE_FILE].near_hits = cases[i].near_file;
		s.type[TYPE_FILE].far_hits = cases[i].far_file;
		expect_choice(&policy_twoqueue, &s, cases[i].list, cases[i].compress);
	}
}

/* Clean pages that were compressed for nothing switch that off, for clean pages alone. */
static void test_twoqueue_clean(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_twoqueue, 500);

	s.barren = BIT(LRU_INACTIVE_ANON);
	expect_choice(&policy_twoqueue, &s, LRU_INACTIVE_FILE, true);
	s.type[TYPE_FILE].departures_to_store = 1000;
	expect_choice(&policy_twoqueue, &s, LRU_INACTIVE_FILE, false);
	s.type[TYPE_FILE].far_hits = 300;
	expect_choice(&policy_twoqueue, &s, LRU_INACTIVE_FILE, true);
	s.type[TYPE_FILE].far_hits = 0;
	s.barren = 0;
	expect_choice(&policy_twoqueue, &s, LRU_INACTIVE_ANON, true);
}

/* Any snapshot: what is chosen can give, and what the policy does not compress is not compressed. */
static void test_any_snapshot(void **state)
{
	const struct policy *const policies[] = {
		&policy_integrated, &policy_none,   &policy_zram,     &policy_zswap,
		&policy_zcache,	    &policy_parity, &policy_twoqueue,
	};
	struct prng rng;

	prng_seed(&rng, 1);
	for (u32 round = 0; round < 70000; round++) {
		const struct policy *policy = policies[round % ARRAY_SIZE(policies)];
		struct mm_snapshot s = policy_snapshot(policy, 0);
		const u64 *frames[NR_LRU_LISTS] = {
			[LRU_INACTIVE_ANON] = &s.type[TYPE_ANON].inactive_frames,
			[LRU_COMPRESSED_ANON] = &s.type[TYPE_ANON].compressed_frames,
			[LRU_INACTIVE_FILE] = &s.type[TYPE_FILE].inactive_frames,
			[LRU_COMPRESSED_FILE] = &s.type[TYPE_FILE].compressed_frames,
		};
		struct mm_decision d;

		randomise(&rng, &s);
		for (u32 i = 0; i < policy->nr_settings; i++)
			s.setting[i] = policy->settings[i].min +
				       prng_below(&rng, policy->settings[i].max -
								policy->settings[i].min + 1);
		d = policy_answer(policy, &s);
		if (d.list == NR_LRU_LISTS)
			continue;
		assert_true(frames[d.list] && *frames[d.list]);
		assert_false(s.barren & BIT(d.list));
		assert_true(d.cost_ns[d.list] < UINT64_MAX);
		if (d.compress)
			assert_true(policy->compresses[d.list >= LRU_INACTIVE_FILE]);
	}
}

/* A file with cold pages always has something to give: no policy runs out while one can be dropped. */
static void test_file_pages_can_always_give(void **state)
{
	static const struct policy *const policies[] = {
		&policy_integrated, &policy_none,   &policy_zram,     &policy_zswap,
		&policy_zcache,	    &policy_parity, &policy_twoqueue,
	};
	struct prng rng;

	prng_seed(&rng, 4);
	for (u32 round = 0; round < 20000; round++) {
		const struct policy *policy = policies[round % ARRAY_SIZE(policies)];
		struct mm_snapshot s = policy_snapshot(policy, 0);

		randomise(&rng, &s);
		s.type[TYPE_FILE].inactive_frames++;
		s.barren &= ~BIT(LRU_INACTIVE_FILE);
		assert_int_not_equal(policy_answer(policy, &s).list, NR_LRU_LISTS);
	}
}

static const struct {
	const char *text, *error; /* NULL: fine */
} texts[] = {
	{ "zswap", NULL },
	{ "zram,size_pct=400,disk=0,swappiness=180", NULL },
	{ "zcache,file_pct=0,active_only=1", NULL },
	{ "zra",
	  "no such policy; allowed: integrated, none, zram, zswap, zcache, parity, twoqueue" },
	{ "zram,", "settings of zram: size_pct, disk, swappiness" },
	{ "zram,size_pct", "a setting is name=number" },
	{ "zram,size_pct=", "a setting is name=number" },
	{ "zram,size_pct=9x", "a setting is name=number" },
	{ "zram,max_pool_pct=9", "settings of zram: size_pct, disk, swappiness" },
	{ "parity,max_pool_pct=9", "settings of parity: none" },
	{ "zram,disk=2", "disk is from 0 to 1: 1: what finds the device full" },
	{ "zswap,max_pool_pct=101", "max_pool_pct is from 0 to 100: percent of memory" },
	{ "zswap,max_pool_pct=18446744073709551617", "max_pool_pct is from 0 to 100" },
};

static void test_parse(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct policy_choice choice;
		char error[256] = "";

		assert_int_equal(policy_parse(texts[i].text, &choice, error, sizeof(error)),
				 !texts[i].error);
		if (texts[i].error && !strstr(error, texts[i].error))
			fail_msg("%s: \"%s\"", texts[i].text, error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zswap_cap),
		cmocka_unit_test(test_zswap_full),
		cmocka_unit_test(test_none_and_zram_never_evict),
		cmocka_unit_test(test_cap_zero_is_none),
		cmocka_unit_test(test_zram),
		cmocka_unit_test(test_zram_is_blind),
		cmocka_unit_test(test_zcache),
		cmocka_unit_test(test_parity),
		cmocka_unit_test(test_twoqueue),
		cmocka_unit_test(test_twoqueue_clean),
		cmocka_unit_test(test_any_snapshot),
		cmocka_unit_test(test_file_pages_can_always_give),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
