/* SPDX-License-Identifier: MIT */
/* test_swap_stream.c - reads in order are recognised, also many in turn; others are not taken for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/prng.h"
#include "mm/swap_stream.h"

/* The first read is alone, the next ones reach ever farther, up to the limit. */
static void test_one_stream(void **state)
{
	u32 at = 1000, ahead;

	swap_stream_init();
	assert_int_equal(swap_stream_ahead(at, 1, 0), 0);
	at++;
	for (u32 want = 2; want <= 2 * SWAP_STREAM_MAX; want *= 2) {
		ahead = swap_stream_ahead(at, 1, 0);
		assert_int_equal(ahead, want < SWAP_STREAM_MAX ? want : SWAP_STREAM_MAX);
		at += 1 + ahead;
	}
	/* The last block once more, for a zpage that spans: the same stream. */
	assert_int_equal(swap_stream_ahead(at - 1, 2, 0), SWAP_STREAM_MAX);
	/* Somewhere else: another one. Backwards is no order. */
	assert_int_equal(swap_stream_ahead(50, 1, 0), 0);
	assert_int_equal(swap_stream_ahead(40, 1, 0), 0);
}

/* A merge of many runs: each is a stream. */
static void test_many_in_turn(void **state)
{
	u32 at[24];

	swap_stream_init();
	for (u32 run = 0; run < 24; run++)
		at[run] = 1 + run * 256;
	for (u32 round = 0; round < 20; round++)
		for (u32 run = 0; run < 24; run++) {
			u32 ahead = swap_stream_ahead(at[run], 1, 0);

			if (round >= 3)
				assert_int_equal(ahead, SWAP_STREAM_MAX);
			at[run] += 1 + ahead;
		}
}

/* More streams than are remembered, and no order at all: little is read ahead. */
static void test_no_order(void **state)
{
	struct prng rng;
	u64 ahead = 0;

	swap_stream_init();
	for (u32 round = 0; round < 20; round++)
		for (u32 run = 0; run < 100; run++)
			assert_int_equal(swap_stream_ahead(1 + run * 256 + round, 1, 0), 0);
	prng_seed(&rng, 1);
	for (u32 i = 0; i < 10000; i++)
		ahead += swap_stream_ahead(1 + (u32)prng_below(&rng, 4000), 1, 0);
	assert_in_range(ahead, 1, 10000 / 4);
}

/* Who has read less far than was foretold, or farther, says so, and goes on from there. */
static void test_moved(void **state)
{
	u32 ahead;

	swap_stream_init();
	assert_int_equal(swap_stream_ahead(1000, 1, 0), 0);
	ahead = swap_stream_ahead(1001, 1, 0);
	assert_true(ahead);
	swap_stream_moved(1001 + 1 + ahead, 1040);
	assert_int_equal(swap_stream_ahead(1040, 1, 0), 2 * ahead);
	/* A few pages that are elsewhere do not end it, if one says so. */
	assert_int_equal(swap_stream_ahead(1041 + 2 * ahead + 4, 1, 0), 0);
	assert_true(swap_stream_ahead(1041 + 2 * ahead + 4 + 5, 1, 4) > 0);
	/* It is there no more. */
	assert_int_equal(swap_stream_ahead(1002 + ahead, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_stream),
		cmocka_unit_test(test_many_in_turn),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_no_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
