/* SPDX-License-Identifier: MIT */
/* test_sequence.c - comebacks in the order of addresses are recognised, whatever the path; others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/prng.h"
#include "mm/alloc.h"
#include "mm/policy.h"
#include "mm/sequence.h"
#include "mm/vmscan.h"
#include "tests/host/anon_area.h"

#define NR_FRAMES 2048
#define NR_PAGES  4096UL

static struct anon_area t;

static void touch(u64 page)
{
	anon_area_touch(&t, page % NR_PAGES, true);
	if (nr_free_frames() < watermark_frames(WMARK_LOW))
		kswapd_balance();
}

/* Twice as many pages as frames, under that policy, written once. */
static void setup(const char *policy)
{
	anon_area_make(&t, NR_FRAMES, NR_PAGES, policy, false);
	for (u64 page = 0; page < NR_PAGES; page++)
		touch(page);
	/* Nothing has come back yet. */
	assert_int_equal(sequence_share(), SEQUENCE_ONE / 2);
}

static void in_order(const char *policy)
{
	setup(policy);
	for (u64 i = 0; i < 2 * NR_PAGES; i++)
		touch(i);
	assert_true(sequence_share() > SEQUENCE_ONE * 9 / 10);
	anon_area_end(&t);
}

static void test_from_disk(void **state)
{
	in_order("none");
}

static void test_from_store(void **state)
{
	in_order("zram");
}

/* A merge of sixteen runs. Where a run begins the next page that is away may be far off. */
static void test_many_in_turn(void **state)
{
	setup("zram");
	for (u64 i = 0; i < 2 * NR_PAGES; i++)
		touch(i % 16 * (NR_PAGES / 16) + i / 16 % (NR_PAGES / 16));
	assert_true(sequence_share() > SEQUENCE_ONE / 2);
	anon_area_end(&t);
}

static void at_random(struct prng *rng)
{
	setup("zram");
	prng_seed(rng, 1);
	for (u64 i = 0; i < 4 * NR_PAGES; i++)
		touch(prng_below(rng, NR_PAGES));
	assert_true(sequence_share() < SEQUENCE_ONE / 5);
}

static void test_at_random(void **state)
{
	struct prng rng;

	at_random(&rng);
	/* And soon seen when that changes, both ways. */
	for (u64 i = 0; i < NR_PAGES; i++)
		touch(i);
	assert_true(sequence_share() > SEQUENCE_ONE * 3 / 4);
	for (u64 i = 0; i < 2 * NR_PAGES; i++)
		touch(prng_below(&rng, NR_PAGES));
	assert_true(sequence_share() < SEQUENCE_ONE / 4);
	anon_area_end(&t);
}

/* After pages at random, one stream is seen before it has gone through a twentieth of memory. */
static void test_one_stream_is_seen_at_once(void **state)
{
	struct prng rng;

	at_random(&rng);
	for (u64 i = 0; i < NR_FRAMES / 20; i++)
		touch(i);
	assert_true(sequence_share() > SEQUENCE_ONE / 2);
	anon_area_end(&t);
}

/* The other way round is no order in which a disk could be read ahead here. */
static void test_backwards(void **state)
{
	setup("zram");
	for (u64 i = 2 * NR_PAGES; i-- > 0;)
		touch(i);
	assert_true(sequence_share() < SEQUENCE_ONE / 5);
	anon_area_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_disk),
		cmocka_unit_test(test_from_store),
		cmocka_unit_test(test_many_in_turn),
		cmocka_unit_test(test_at_random),
		cmocka_unit_test(test_one_stream_is_seen_at_once),
		cmocka_unit_test(test_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
