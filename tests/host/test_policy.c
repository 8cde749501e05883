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

#define MANAGED 10000
#define CAP	2000 /* a fifth */
#define ACCEPT	1800

/* A machine where both types have cold pages, and file pages cost more to lose. */
static struct mm_snapshot snapshot(u64 pool)
{
	struct mm_snapshot s = {
		.managed_frames = MANAGED,
		.priority = 12,
		.previous = NR_LRU_LISTS,
	};

	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s.type[type];

		t->active_frames = 1000;
		t->inactive_frames = 1000;
		t->compress_ns = 40000;
		t->decompress_ns = 12000;
		t->disk_read_ns = 200000;
		t->disk_write_ns = 20000;
		t->zpage_bytes = PAGE_SIZE / 2;
		t->can_evict = true;
	}
	s.setting[0] = policy_zswap.settings[0].initial;
	s.setting[1] = policy_zswap.settings[1].initial;
	s.type[TYPE_ANON].compressed_frames = pool;
	s.type[TYPE_ANON].stored_pages = 2 * pool;
	s.type[TYPE_FILE].left[LEFT_TO_DISK] = 1000;
	s.type[TYPE_FILE].came_back[LEFT_TO_DISK] = 900 * COMEBACK_ONE;
	return s;
}

static struct mm_decision decide(const struct policy *policy, const struct mm_snapshot *s)
{
	struct mm_decision d;

	memset(&d, 0, sizeof(d));
	policy->decide(s, &d);
	return d;
}

/* Up to the cap anon pages are compressed; from there to the threshold the oldest go to disk. */
static void test_zswap_cap(void **state)
{
	static const struct {
		u64 pool;
		enum lru_list previous, list;
	} cases[] = {
		{ 0, NR_LRU_LISTS, LRU_INACTIVE_ANON },
		{ CAP - 1, LRU_INACTIVE_ANON, LRU_INACTIVE_ANON },
		{ CAP, LRU_INACTIVE_ANON, LRU_COMPRESSED_ANON },
		{ CAP - 1, LRU_COMPRESSED_ANON, LRU_COMPRESSED_ANON },
		{ ACCEPT + 1, LRU_COMPRESSED_ANON, LRU_COMPRESSED_ANON },
		{ ACCEPT, LRU_COMPRESSED_ANON, LRU_INACTIVE_ANON },
		{ ACCEPT + 1, LRU_INACTIVE_ANON, LRU_INACTIVE_ANON },
		{ ACCEPT + 1, LRU_INACTIVE_FILE, LRU_INACTIVE_ANON },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = snapshot(cases[i].pool);
		struct mm_decision d;

		s.previous = cases[i].previous;
		d = decide(&policy_zswap, &s);
		assert_int_equal(d.list, cases[i].list);
		assert_int_equal(d.compress, cases[i].list == LRU_INACTIVE_ANON);
	}
}

/* A full pool that cannot be written back refuses; what it refuses needs room on the disk. */
static void test_zswap_full(void **state)
{
	struct mm_snapshot s = snapshot(CAP);
	struct mm_decision d;

	s.barren = BIT(LRU_COMPRESSED_ANON);
	d = decide(&policy_zswap, &s);
	assert_int_equal(d.list, LRU_INACTIVE_ANON);
	assert_false(d.compress);
	s.type[TYPE_ANON].can_evict = false;
	s.barren = 0;
	d = decide(&policy_zswap, &s);
	assert_int_equal(d.list, LRU_INACTIVE_FILE);
	s.barren = BIT(LRU_INACTIVE_FILE);
	d = decide(&policy_zswap, &s);
	assert_int_equal(d.list, NR_LRU_LISTS);
	/* Below the cap anon pages need no disk. */
	s = snapshot(CAP - 1);
	s.type[TYPE_ANON].can_evict = false;
	d = decide(&policy_zswap, &s);
	assert_int_equal(d.list, LRU_INACTIVE_ANON);
	assert_true(d.compress);
}

/* Any snapshot: what is chosen can give, and what the policy does not compress is not compressed. */
static void test_any_snapshot(void **state)
{
	const struct policy *const policies[] = { &policy_integrated, &policy_none, &policy_zswap };
	struct prng rng;

	prng_seed(&rng, 1);
	for (u32 round = 0; round < 30000; round++) {
		const struct policy *policy = policies[round % ARRAY_SIZE(policies)];
		struct mm_snapshot s = snapshot(prng_below(&rng, 2) * prng_below(&rng, 4000));
		const u64 *frames[NR_LRU_LISTS] = {
			[LRU_INACTIVE_ANON] = &s.type[TYPE_ANON].inactive_frames,
			[LRU_COMPRESSED_ANON] = &s.type[TYPE_ANON].compressed_frames,
			[LRU_INACTIVE_FILE] = &s.type[TYPE_FILE].inactive_frames,
			[LRU_COMPRESSED_FILE] = &s.type[TYPE_FILE].compressed_frames,
		};
		struct mm_decision d;

		for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
			struct type_snapshot *t = &s.type[type];

			t->inactive_frames = prng_below(&rng, 2) * prng_below(&rng, 2000);
			t->zpage_bytes = prng_below(&rng, PAGE_SIZE + 1);
			for (u32 path = 0; path < NR_LEAVE_PATHS; path++) {
				t->left[path] = prng_below(&rng, 1000);
				t->came_back[path] =
					prng_below(&rng, 1 + t->left[path]) * COMEBACK_ONE;
			}
		}
		s.type[TYPE_ANON].can_evict = prng_chance(&rng, 70);
		s.barren = (u32)prng_below(&rng, BIT(NR_LRU_LISTS)) & (u32)prng_next(&rng);
		s.previous = (enum lru_list)prng_below(&rng, NR_LRU_LISTS + 1);
		s.round = round;
		for (u32 i = 0; i < policy->nr_settings; i++)
			s.setting[i] = policy->settings[i].min +
				       prng_below(&rng, policy->settings[i].max -
								policy->settings[i].min + 1);
		d = decide(policy, &s);
		if (d.list == NR_LRU_LISTS)
			continue;
		assert_true(frames[d.list] && *frames[d.list]);
		assert_false(s.barren & BIT(d.list));
		assert_true(d.cost_ns[d.list] < UINT64_MAX);
		if (d.compress)
			assert_true(policy->compresses[d.list >= LRU_INACTIVE_FILE]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zswap_cap),
		cmocka_unit_test(test_zswap_full),
		cmocka_unit_test(test_any_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
