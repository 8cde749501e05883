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

/* The other's reads put a type to rest and are added up, less what its own cost; from afar these say more. */
static void test_rest(void **state)
{
	start();
	assert_false(snapshot(TYPE_ANON).resting);
	for (u32 i = 0; i < 63; i++)
		come_back(TYPE_FILE, 1);
	assert_false(snapshot(TYPE_ANON).resting);
	come_back(TYPE_FILE, 1);
	assert_true(snapshot(TYPE_ANON).resting);
	assert_int_equal(snapshot(TYPE_ANON).others_lost_ns, 64 * READ_NS);
	for (u32 i = 0; i < 16; i++)
		come_back(TYPE_FILE, 1);
	assert_int_equal(snapshot(TYPE_ANON).others_lost_ns, 80 * READ_NS);
	come_back(TYPE_ANON, FRAMES / 4);
	assert_int_equal(snapshot(TYPE_ANON).others_lost_ns, 72 * READ_NS);
	assert_true(snapshot(TYPE_ANON).resting);
	come_back(TYPE_ANON, FRAMES);
	assert_int_equal(snapshot(TYPE_ANON).others_lost_ns, 60 * READ_NS);
	assert_false(snapshot(TYPE_ANON).resting);
	assert_false(snapshot(TYPE_FILE).resting);
	assert_int_equal(snapshot(TYPE_FILE).others_lost_ns, 2 * 8 * READ_NS);
}

/* One that comes back from the store so often that it pays as much does not rest beside another that reads now and then. */
static void test_busy_type_does_not_rest(void **state)
{
	start();
	assert_true(16 * cost_ns(TYPE_ANON, COST_DECOMPRESS) > READ_NS);
	for (u32 i = 0; i < 1000; i++) {
		come_back(TYPE_FILE, 1);
		for (u32 j = 0; j < 16; j++)
			workingset_comeback(TYPE_ANON, LEFT_TO_STORE, workingset_now(false, false));
		assert_false(snapshot(TYPE_ANON).resting);
	}
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

/* Of files' pages one in 1,024 once the first ones were tried. */
static void test_trials_of_files(void **state)
{
	u64 tried = 0, first = 0;

	start();
	for (u32 i = 0; i < 1 << 16; i++) {
		if (cost_note_file_drop()) {
			cost_note_tried(TYPE_FILE, true, 1000);
			tried++;
		}
		workingset_leave(TYPE_FILE, LEFT_TO_DISK, workingset_now(false, false));
		first += i == 511 ? tried : 0;
	}
	assert_int_equal(first, 16);
	assert_in_range(tried, 64, 65);
}

/*
 * The first sample takes the place of the guess. Later, one that met compaction must not turn the choice between store and
 * disk; many of them are what it costs.
 */
static void test_cpu_cost_is_steady(void **state)
{
	const u64 ns = 17 * 1000;

	start();
	cost_note_cpu(TYPE_ANON, COST_COMPRESS, ns);
	assert_int_equal(snapshot(TYPE_ANON).compress_ns, ns);
	cost_note_cpu(TYPE_ANON, COST_COMPRESS, 100 * ns);
	assert_in_range(snapshot(TYPE_ANON).compress_ns, ns + 1, ns + ns / 32);
	for (u32 i = 0; i < 512; i++)
		cost_note_cpu(TYPE_ANON, COST_COMPRESS, 2 * ns);
	assert_in_range(snapshot(TYPE_ANON).compress_ns, 2 * ns - ns / 32, 2 * ns);
}

/* The first, too: believed a hundred times as dear, the store was never used, so that nothing put it right. */
static void test_first_cpu_cost_is_doubted(void **state)
{
	const u64 ns = 60 * 1000;
	u64 guess;

	start();
	guess = snapshot(TYPE_ANON).compress_ns;
	cost_note_cpu(TYPE_ANON, COST_COMPRESS, 100 * guess);
	assert_in_range(snapshot(TYPE_ANON).compress_ns, guess + 1, guess * 5 / 2);
	for (u32 i = 0; i < 16; i++)
		cost_note_cpu(TYPE_ANON, COST_COMPRESS, ns);
	assert_in_range(snapshot(TYPE_ANON).compress_ns, ns, ns * 3 / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_busy_type_does_not_rest),
		cmocka_unit_test(test_both_alive),
		cmocka_unit_test(test_trials),
		cmocka_unit_test(test_trials_of_files),
		cmocka_unit_test(test_cpu_cost_is_steady),
		cmocka_unit_test(test_first_cpu_cost_is_doubted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
