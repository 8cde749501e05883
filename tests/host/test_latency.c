/* SPDX-License-Identifier: MIT */
/* test_latency.c - buckets without gaps, and quantiles against the sorted times themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/latency.h"
#include "lib/prng.h"
#include "lib/string.h"

/* Each bucket begins where the one before ends, at most a quarter further on. */
static void test_buckets(void **state)
{
	assert_int_equal(latency_bucket(0), 0);
	for (u32 i = 1; i < LATENCY_BUCKETS; i++) {
		u64 from = latency_bucket_ns(i), before = latency_bucket_ns(i - 1);

		assert_int_equal(latency_bucket(from), i);
		assert_int_equal(latency_bucket(from - 1), i - 1);
		if (i > LATENCY_STEPS)
			assert_true((from - before) * LATENCY_STEPS <= before);
	}
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void test_none_and_one(void **state)
{
	struct latency latency = { 0 };

	assert_int_equal(latency_ops(&latency), 0);
	assert_int_equal(latency_quantile_ns(&latency, 999), 0);
	latency_add(&latency, 1000);
	assert_int_equal(latency_ops(&latency), 1);
	assert_in_range(latency_quantile_ns(&latency, 500), 896, 1000);
	assert_int_equal(latency_quantile_ns(&latency, 999), latency_quantile_ns(&latency, 1));
	assert_int_equal(latency.max_ns, 1000);
}

/* What is longer than the last bucket's beginning is known by the maximum alone. */
static void test_beyond_the_last(void **state)
{
	struct latency latency = { 0 };

	latency_add(&latency, UINT64_MAX);
	latency_add(&latency, 1);
	assert_int_equal(latency_quantile_ns(&latency, 500), 1);
	assert_true(latency_quantile_ns(&latency, 999) == UINT64_MAX);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Times of every size: within a bucket's width of the true quantile. */
static void test_quantiles(void **state)
{
	enum { TIMES = 5000 };
	static const u32 permilles[] = { 1, 10, 250, 500, 900, 990, 999, 1000 };
	struct latency latency = { 0 };
	static u64 times[TIMES];
	struct prng rng;

	prng_seed(&rng, 11);
	for (u32 i = 0; i < TIMES; i++) {
		times[i] = prng_next(&rng) >> (24 + prng_below(&rng, 40));
		latency_add(&latency, times[i]);
	}
	qsort(times, TIMES, sizeof(*times), compare);
	assert_int_equal(latency_ops(&latency), TIMES);
	assert_int_equal(latency.max_ns, times[TIMES - 1]);
	for (u32 i = 0; i < ARRAY_SIZE(permilles); i++) {
		u64 ns = latency_quantile_ns(&latency, permilles[i]);
		u64 exact = times[TIMES * permilles[i] / 1000 - 1];

		assert_int_equal(latency_bucket(ns), latency_bucket(exact));
		assert_true(ns <= latency.max_ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_none_and_one),
		cmocka_unit_test(test_beyond_the_last),
		cmocka_unit_test(test_quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
