/* SPDX-License-Identifier: MIT */
/* test_lifetable.c - rates of return that are known beforehand, and what the table says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/prng.h"
#include "mm/lifetable.h"
#include "mm/mm.h"

#define FRAMES	  4096UL
#define MEMORIES  40
#define NR_TICKS  (MEMORIES * FRAMES)
#define MEAN_LIFE 4096UL /* ticks, of pages that return */
#define ENOUGH	  100	 /* pages, for a rate to be near its law */

static struct {
	struct prng rng;
	bool never[NR_TICKS]; /* the page that left at that tick will not return */
	s64 next[NR_TICKS];   /* another page that is due at the same tick */
	s64 due[NR_TICKS];    /* the first that is due then, or -1 */
} law;

/* The same chance of returning in each 16 ticks, whatever the age. */
static u64 draw_life(void)
{
	u64 life = 1;

	while (prng_below(&law.rng, MEAN_LIFE / 16) && life < NR_TICKS)
		life += 16;
	return life + prng_below(&law.rng, 16);
}

/* One page leaves each tick; so many of a hundred never return, and are forgotten if that is asked for. */
static void live(u32 never_pct, bool forget)
{
	mem_layout.nr_frames = FRAMES;
	lifetable_init();
	prng_seed(&law.rng, never_pct + 1);
	memset(law.due, 0xff, sizeof(law.due));
	for (u64 tick = 0; tick < NR_TICKS; tick++) {
		bool never = prng_chance(&law.rng, never_pct);
		u64 due = tick + (never ? 2 * FRAMES : draw_life());

		law.never[tick] = never;
		lifetable_left(TYPE_ANON, tick);
		lifetable_tick(tick + 1, 0);
		if (due < NR_TICKS && (!never || forget)) {
			law.next[tick] = law.due[due];
			law.due[due] = (s64)tick;
		}
		for (s64 page = law.due[tick]; page >= 0; page = law.next[page]) {
			if (law.never[page])
				lifetable_forget(TYPE_ANON, (u64)page, tick - (u64)page);
			else
				lifetable_back(TYPE_ANON, (u64)page, tick - (u64)page);
		}
	}
}

static struct type_snapshot table(void)
{
	struct type_snapshot t;

	memset(&t, 0, sizeof(t));
	lifetable_snapshot(TYPE_ANON, &t);
	return t;
}

/* Buckets have no gaps, and each distance lies in its own. */
static void test_buckets(void **state)
{
	for (u32 b = 0; b + 1 < AGE_BUCKETS; b++) {
		assert_int_equal(age_bucket(age_bucket_start(b)), b);
		assert_int_equal(age_bucket(age_bucket_start(b + 1) - 1), b);
		assert_int_equal(age_bucket_start(b) + age_bucket_ticks(b),
				 age_bucket_start(b + 1));
	}
	assert_int_equal(age_bucket(UINT32_MAX), AGE_BUCKETS - 1);
}

/* Who returns at the same rate at any age is said to: to a fifth, where there are enough. */
static void test_constant_rate(void **state)
{
	struct type_snapshot t;
	u32 checked = 0;

	live(0, false);
	t = table();
	for (u32 b = age_bucket(128); b < AGE_BUCKETS; b++) {
		u64 want = t.away[b] * age_bucket_ticks(b) / MEAN_LIFE;

		if (t.away[b] < ENOUGH || want < ENOUGH)
			continue;
		if (t.back[b] * 5 < want * 4 || t.back[b] * 5 > want * 6)
			fail_msg("at %lu ticks: %lu of %lu came back, want about %lu",
				 age_bucket_start(b), t.back[b], t.away[b], want);
		checked++;
	}
	assert_true(checked >= 6);
}

/* Pages that lie away for good count at every age that they reach, long after they left. */
static void test_dead_pages_count(void **state)
{
	struct type_snapshot t;
	u32 checked = 0;

	live(25, false);
	t = table();
	for (u32 b = age_bucket(5 * MEAN_LIFE); age_bucket_start(b + 1) < 15 * FRAMES; b++) {
		u64 law_of_others = t.away[b] * age_bucket_ticks(b) / MEAN_LIFE;

		assert_true(t.away[b] >= ENOUGH);
		assert_true(t.back[b] * 10 < law_of_others);
		checked++;
	}
	assert_true(checked >= 2);
}

/* What its owner has freed is away no more. */
static void test_forgotten_pages_do_not(void **state)
{
	struct type_snapshot t;

	live(25, true);
	t = table();
	for (u32 b = age_bucket(8 * FRAMES); b < AGE_BUCKETS; b++)
		assert_true(t.away[b] < ENOUGH / 2);
}

/* While a type rests nothing is counted against its pages, and nothing of it is forgotten. */
static void test_rest_stands_still(void **state)
{
	struct type_snapshot before, after;

	live(25, false);
	before = table();
	for (u64 tick = NR_TICKS; tick < NR_TICKS + 4 * FRAMES; tick++) {
		lifetable_left(TYPE_FILE, tick);
		lifetable_tick(tick + 1, BIT(TYPE_ANON));
	}
	after = table();
	assert_memory_equal(before.back, after.back, sizeof(after.back));
	assert_memory_equal(before.away, after.away, sizeof(after.away));
	for (u64 tick = NR_TICKS + 4 * FRAMES; tick < NR_TICKS + 8 * FRAMES; tick++)
		lifetable_tick(tick + 1, 0);
	after = table();
	for (u32 b = age_bucket(128); b < AGE_BUCKETS; b++)
		assert_true(after.back[b] <= before.back[b] / 8);
}

/* Without departures nothing is known; with them of one type, nothing of the other. */
static void test_types_apart(void **state)
{
	struct type_snapshot t;

	live(0, false);
	memset(&t, 0, sizeof(t));
	lifetable_snapshot(TYPE_FILE, &t);
	for (u32 b = 0; b < AGE_BUCKETS; b++)
		assert_true(!t.away[b] && !t.back[b]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_constant_rate),
		cmocka_unit_test(test_dead_pages_count),
		cmocka_unit_test(test_forgotten_pages_do_not),
		cmocka_unit_test(test_rest_stands_still),
		cmocka_unit_test(test_types_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
