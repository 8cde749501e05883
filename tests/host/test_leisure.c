/* SPDX-License-Identifier: MIT */
/* test_leisure.c - frames are made ready for bursts while the CPU rests, and its rest is measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc.h"
#include "mm/env.h"
#include "mm/leisure.h"
#include "mm/stats.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "tests/host/env.h"

#define NR_FRAMES 2048

static struct page *taken[NR_FRAMES];
static u32 nr_taken;

/* Until only so many are free above the min watermark. */
static void take_until(u64 free)
{
	while (nr_free_frames() > watermark_frames(WMARK_MIN) + free) {
		struct page *page = alloc_page(ALLOC_ATOMIC, FRAME_KERNEL);

		assert_non_null(page);
		taken[nr_taken++] = page;
	}
}

/* A machine with that many free frames above it, which have been that many for long. */
static void setup(u64 free)
{
	sim_boot(NR_FRAMES, 1);
	nr_taken = 0;
	take_until(free);
	for (u32 i = 0; i < 1000; i++)
		leisure_wants_frames();
}

static void teardown(void)
{
	while (nr_taken)
		free_page(taken[--nr_taken]);
	mm_verify();
}

/* As many are to be ready as a program took before it rested ... */
static void test_as_many_as_were_taken(void **state)
{
	setup(40);
	assert_false(leisure_wants_frames());
	take_until(21);
	assert_false(leisure_wants_frames());
	take_until(15);
	assert_true(leisure_wants_frames());
	teardown();
}

/* ... but not more than the high watermark, however many that were. */
static void test_no_more_than_high(void **state)
{
	u64 high;

	setup(1000);
	high = watermark_frames(WMARK_HIGH) - watermark_frames(WMARK_MIN);
	take_until(high);
	assert_false(leisure_wants_frames());
	take_until(high - 1);
	assert_true(leisure_wants_frames());
	teardown();
}

/* A burst is remembered for some moments of rest, not for ever. */
static void test_bursts_fade(void **state)
{
	u32 moments = 0;

	setup(110);
	take_until(10);
	while (leisure_wants_frames())
		assert_in_range(++moments, 1, 100);
	assert_in_range(moments, 8, 100);
	teardown();
}

/* Pages leave, and after each the machine rests for so long. */
static void leave(u32 nr, u64 rest_ns)
{
	for (u32 i = 0; i < nr; i++) {
		workingset_leave(TYPE_FILE, LEFT_TO_DISK, workingset_now(false, false));
		if (rest_ns)
			env_sleep_ns(rest_ns);
		leisure_look();
	}
}

/* So much for each page, whether it rests after each or once for all; and nothing where it does not. */
static void test_rest_is_measured(void **state)
{
	sim_boot(NR_FRAMES, 1);
	assert_int_equal(leisure_ns(), 0);
	leave(1000, 50 * NSEC_PER_USEC);
	assert_in_range(leisure_ns(), 45 * NSEC_PER_USEC, 50 * NSEC_PER_USEC);
	for (u32 i = 0; i < 100; i++) {
		env_sleep_ns(16 * 50 * NSEC_PER_USEC);
		leave(16, 0);
	}
	assert_in_range(leisure_ns(), 45 * NSEC_PER_USEC, 50 * NSEC_PER_USEC);
	leave(1000, 0);
	assert_in_range(leisure_ns(), 0, NSEC_PER_USEC);
}

/* A night's rest is no promise for the morning. */
static void test_long_rest(void **state)
{
	sim_boot(NR_FRAMES, 1);
	leave(1000, 0);
	env_sleep_ns(3600 * NSEC_PER_SEC);
	leave(16, 0);
	assert_in_range(leisure_ns(), 20 * NSEC_PER_USEC, 200 * NSEC_PER_USEC);
	leave(256, 0);
	assert_in_range(leisure_ns(), 0, 10 * NSEC_PER_USEC);
}

/* What kswapd does is done in nobody's time. */
static void test_kswapd_rests_too(void **state)
{
	u64 before;

	sim_boot(NR_FRAMES, 1);
	env_context()->flags |= MMC_KSWAPD;
	leave(100, 0);
	before = leisure_ns();
	env_context()->flags &= ~MMC_KSWAPD;
	assert_true(before > 0);
	leave(1000, 0);
	assert_true(leisure_ns() < before / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_many_as_were_taken),
		cmocka_unit_test(test_no_more_than_high),
		cmocka_unit_test(test_bursts_fade),
		cmocka_unit_test(test_rest_is_measured),
		cmocka_unit_test(test_long_rest),
		cmocka_unit_test(test_kswapd_rests_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
