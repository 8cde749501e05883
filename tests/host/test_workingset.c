/* SPDX-License-Identifier: MIT */
/* test_workingset.c - when a type is at rest, and what is reckoned up for it meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/workingset.h"
#include "tests/host/env.h"

#define FRAMES	4096UL
#define READ_NS 100000UL

static struct type_snapshot snapshot(enum page_type type)
{
	struct type_snapshot t;

	workingset_snapshot(type, &t);
	return t;
}

/* One page leaves and comes back so many departures later, from the disk. */
static void come_back(enum page_type type, u64 distance)
{
	u32 shadow = workingset_now(false, false);

	for (u64 i = 0; i < distance; i++)
		workingset_leave(TYPE_FILE, LEFT_TO_DISK, workingset_now(false, false));
	workingset_comeback(type, LEFT_TO_DISK, shadow);
}

static void start(void)
{
	sim_boot(FRAMES, 1);
	cost_note_disk(TYPE_FILE, COST_DISK_READ, READ_NS, 1);
	cost_note_disk(TYPE_ANON, COST_DISK_READ, 8 * READ_NS, 1);
}

/* The other's reads put a type to rest and are added up; its own from near do not change that, from afar they do. */
static void test_rest(void **state)
{
	u64 lost_ns;

	start();
	assert_false(snapshot(TYPE_ANON).resting);
	for (u32 i = 0; i < 63; i++)
		come_back(TYPE_FILE, 1);
	assert_false(snapshot(TYPE_ANON).resting);
	come_back(TYPE_FILE, 1);
	assert_true(snapshot(TYPE_ANON).resting);
	assert_int_equal(snapshot(TYPE_ANON).others_lost_ns, 64 * READ_NS);
	come_back(TYPE_ANON, FRAMES / 4);
	assert_true(snapshot(TYPE_ANON).resting);
	come_back(TYPE_ANON, FRAMES);
	assert_false(snapshot(TYPE_ANON).resting);
	lost_ns = snapshot(TYPE_ANON).others_lost_ns;
	assert_int_equal(lost_ns, 60 * READ_NS);
	assert_false(snapshot(TYPE_FILE).resting);
	assert_int_equal(snapshot(TYPE_FILE).others_lost_ns, 2 * 8 * READ_NS);
}

/* Two types that come back all the time: neither rests, however long that goes on. */
static void test_both_alive(void **state)
{
	start();
	for (u32 i = 0; i < 1000; i++) {
		come_back(TYPE_ANON, FRAMES);
		come_back(TYPE_FILE, FRAMES);
		assert_false(snapshot(TYPE_ANON).resting);
		assert_false(snapshot(TYPE_FILE).resting);
	}
}

/* Some of those that go past the store are to be tried: more of the first ones, then one in 256. */
static void test_trials(void **state)
{
	u64 tried = 0, first = 0;

	start();
	for (u32 i = 0; i < 1 << 14; i++) {
		if (cost_wants_trial(TYPE_ANON)) {
			cost_note_tried(TYPE_ANON, tried % 2, 1000);
			tried++;
			assert_false(cost_wants_trial(TYPE_ANON) && tried > 1);
		}
		workingset_leave(TYPE_ANON, LEFT_TO_DISK, workingset_now(false, false));
		first += i == 511 ? tried : 0;
	}
	assert_int_equal(first, 16);
	assert_in_range(tried, 64, 65);
	/* What they showed has taken the place of the guess. */
	assert_in_range(snapshot(TYPE_ANON).stored_share, STORED_SHARE_ONE * 9 / 20,
			STORED_SHARE_ONE * 11 / 20);
	assert_in_range(snapshot(TYPE_ANON).zpage_bytes, 1000, 1300);
	assert_true(cost_wants_trial(TYPE_FILE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_both_alive),
		cmocka_unit_test(test_trials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
