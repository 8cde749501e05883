/* SPDX-License-Identifier: MIT */
/* test_life_curve.c - walks along a life table: against the closed form, without data, and with as much as there can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/string.h"
#include "mm/life_curve.h"

#define FRAMES 2048UL

static struct mm_snapshot empty(void)
{
	struct mm_snapshot s;

	memset(&s, 0, sizeof(s));
	s.managed_frames = FRAMES;
	return s;
}

/* The same chance to come back in every tick, seen of so many pages that the prior does not matter. */
static void same_rate(struct type_snapshot *t, u64 mean)
{
	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		t->away[b] = 1000 * 1000;
		t->back[b] = t->away[b] * age_bucket_ticks(b) / mean;
	}
}

/* exp(-1) of them are still away after the mean, which kept them for 1 - exp(-1) of it; whatever their age. */
static void test_same_rate(void **state)
{
	struct mm_snapshot s = empty();
	struct life_curve curve;

	same_rate(&s.type[TYPE_ANON], FRAMES);
	life_curve_of(&s, TYPE_ANON, false, &curve);
	for (u64 from = 0; from <= 4 * FRAMES; from += FRAMES / 2 + 7) {
		struct prospect p = life_prospect(&curve, from, FRAMES);

		assert_in_range(p.end.survivors, ONE * 36 / 100, ONE * 38 / 100);
		assert_in_range(p.end.ticks, FRAMES * 61 / 100, FRAMES * 65 / 100);
		/* Each frame is needed again once in memory's turn, however soon one stops. */
		assert_in_range(p.best_rate, ONE * 97 / 100, ONE * 105 / 100);
	}
	assert_in_range(curve.stay.ticks, FRAMES * 97 / 100, FRAMES * 103 / 100);
	assert_true(curve.stay.survivors < ONE / 1000);
}

/* Without data, half of the anon pages and a quarter of the files' come back as the time away doubles beyond memory. */
static void test_prior(void **state)
{
	struct mm_snapshot s = empty();
	struct life_curve curve;
	u64 left;

	for (u64 from = FRAMES; from <= 4 * FRAMES; from += FRAMES) {
		life_curve_of(&s, TYPE_ANON, false, &curve);
		left = life_prospect(&curve, from, from).end.survivors;
		assert_in_range(left, ONE * 47 / 100, ONE * 53 / 100);
		life_curve_of(&s, TYPE_FILE, false, &curve);
		left = life_prospect(&curve, from, from).end.survivors;
		assert_in_range(left, ONE * 72 / 100, ONE * 78 / 100);
	}
}

/* A hundred that did not come back end the prior for anon pages; for those of files they are one event, or two. */
static void test_weight_of_the_prior(void **state)
{
	struct mm_snapshot s = empty();
	struct life_curve curve;

	for (u32 type = 0; type < NR_PAGE_TYPES; type++)
		for (u32 b = 0; b < AGE_BUCKETS; b++)
			s.type[type].away[b] = 100;
	life_curve_of(&s, TYPE_ANON, false, &curve);
	assert_true(life_prospect(&curve, FRAMES, FRAMES).end.survivors > ONE * 96 / 100);
	life_curve_of(&s, TYPE_FILE, false, &curve);
	assert_in_range(life_prospect(&curve, FRAMES, FRAMES).end.survivors, ONE * 85 / 100,
			ONE * 92 / 100);
	/* With doubt a sixteenth of what is known is not, however much it is. */
	for (u32 b = 0; b < AGE_BUCKETS; b++)
		s.type[TYPE_ANON].away[b] = 100 * 1000;
	life_curve_of(&s, TYPE_ANON, false, &curve);
	assert_true(life_prospect(&curve, FRAMES, FRAMES).end.survivors > ONE * 999 / 1000);
	life_curve_of(&s, TYPE_ANON, true, &curve);
	assert_in_range(life_prospect(&curve, FRAMES, FRAMES).end.survivors, ONE * 94 / 100,
			ONE * 97 / 100);
}

/* Nothing is believed before something came back; all of it once as many did as were expected; never more. */
static void test_seen_of_prior(void **state)
{
	struct mm_snapshot s = empty();
	struct type_snapshot *t = &s.type[TYPE_FILE];

	assert_int_equal(life_seen_of_prior(&s, TYPE_FILE), 0);
	same_rate(t, FRAMES);
	assert_in_range(life_seen_of_prior(&s, TYPE_FILE), ONE * 99 / 100, ONE);
	for (u32 b = 0; b < AGE_BUCKETS; b++)
		t->back[b] = 0;
	assert_int_equal(life_seen_of_prior(&s, TYPE_FILE), 0);
	/* Only what came back within memory counts: the rest is what is asked about. */
	t->back[AGE_BUCKETS - 1] = t->away[AGE_BUCKETS - 1];
	assert_int_equal(life_seen_of_prior(&s, TYPE_FILE), 0);
}

/* The less of the prior is believed, the longer a page stays away: from what the curve says of six times memory to what it says of one. */
static void test_stay_as_seen(void **state)
{
	struct mm_snapshot s = empty();
	struct outlook stay = { 0, 0 };
	struct life_curve curve;
	u64 all, none;

	life_curve_of(&s, TYPE_ANON, false, &curve);
	all = life_prospect(&curve, 0, 6 * FRAMES).end.survivors;
	none = life_prospect(&curve, 0, FRAMES).end.survivors;
	assert_true(none > 4 * all);
	for (u32 eighths = 9; eighths--;) {
		struct outlook before = stay;

		stay = life_stay_as_seen(&s, TYPE_ANON, &curve, ONE * eighths / 8);
		assert_true(stay.survivors > before.survivors);
		assert_true(stay.ticks > before.ticks);
		if (eighths == 8)
			assert_in_range(stay.survivors, all * 95 / 100, all * 105 / 100);
	}
	assert_in_range(stay.survivors, none * 90 / 100, none * 110 / 100);
}

/* Every count and age as large as it can be: no sum overflows, no chance exceeds one. */
/* Of pages that left one after the other: how old is the oldest of a share of those still away? */
static void test_age_of_share(void **state)
{
	struct mm_snapshot s = empty();
	struct type_snapshot *t = &s.type[TYPE_ANON];
	struct life_curve curve;
	u64 last = 0;

	/* There are exp(-age) of each age: as many younger than ln 2 as older. */
	same_rate(t, FRAMES);
	life_curve_of(&s, TYPE_ANON, false, &curve);
	assert_in_range(life_age_of_share(&curve, 8 * FRAMES, ONE / 2), FRAMES * 66 / 100,
			FRAMES * 72 / 100);
	/* As many of each, where nobody comes back. */
	memset(t->back, 0, sizeof(t->back));
	t->store_age = 6 * FRAMES;
	life_curve_of(&s, TYPE_ANON, false, &curve);
	assert_in_range(life_age_of_share(&curve, 6 * FRAMES, ONE * 3 / 4), FRAMES * 44 / 10,
			FRAMES * 46 / 10);
	for (u64 share = 0; share <= ONE; share += ONE / 16) {
		u64 age = life_age_of_share(&curve, 6 * FRAMES, share);

		assert_in_range(age, last, 6 * FRAMES);
		last = age;
	}
	assert_true(last > 59 * FRAMES / 10);
	/* Too young for anything to be told apart, and none at all. */
	assert_int_equal(life_age_of_share(&curve, 4, ONE / 2), 2);
	assert_int_equal(life_age_of_share(&curve, 0, ONE), 0);
	/* A loop, and a straggler six times as old: hardly any other is older than the loop is long. */
	t->back[age_bucket(FRAMES)] = t->away[age_bucket(FRAMES)] * 8;
	life_curve_of(&s, TYPE_ANON, false, &curve);
	assert_in_range(life_age_of_share(&curve, 6 * FRAMES, ONE * 9 / 10), FRAMES / 2,
			age_bucket_start(age_bucket(FRAMES) + 1));
}

static void test_extremes(void **state)
{
	struct mm_snapshot s = empty();
	struct life_curve curve;

	s.managed_frames = BIT(20);
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s.type[type];

		t->store_age = BIT(24);
		for (u32 b = 0; b < AGE_BUCKETS; b++)
			t->away[b] = t->back[b] = BIT(24);
		life_curve_of(&s, (enum page_type)type, false, &curve);
		for (u64 from = 0; from <= t->store_age; from = 3 * from + 1) {
			struct prospect p =
				life_prospect(&curve, from, HORIZON_FRAMES * s.managed_frames);

			assert_true(p.end.survivors < ONE / 100);
			assert_in_range(p.end.ticks, 1, HORIZON_FRAMES * s.managed_frames);
		}
		assert_true(life_seen_of_prior(&s, (enum page_type)type) <= ONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_rate),
		cmocka_unit_test(test_prior),
		cmocka_unit_test(test_weight_of_the_prior),
		cmocka_unit_test(test_seen_of_prior),
		cmocka_unit_test(test_stay_as_seen),
		cmocka_unit_test(test_age_of_share),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
