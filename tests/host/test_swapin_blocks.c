/* SPDX-License-Identifier: MIT */
/*
 * test_swapin_blocks.c - zpages on swap come back in the order of their addresses, wherever their blocks lie; a disk that
 * seeks passes over what lies between; who jumps about gets what it asks for; and what happens when blocks ahead cannot be had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/pagetable.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/zpage.h"
#include "tests/host/anon_area.h"

#define NR_FRAMES 4096
#define NR_PAGES  1024UL
#define WORDS	  (PAGE_SIZE / sizeof(u64))

static struct anon_area t;

static u64 in_order(u64 i)
{
	return i;
}

static u64 scattered(u64 i)
{
	return i * 389 % NR_PAGES;
}

/* The two halves in turn, as a merge leaves them. */
static u64 in_turn(u64 i)
{
	return i % 2 * (NR_PAGES / 2) + i / 2;
}

/* Three eighths are noise: two to three zpages a frame. */
static u64 word_of(u64 page, u64 i)
{
	return i < WORDS * 3 / 8 ? (page + 1) * (i + 1) * 0x9e3779b97f4a7c15UL : page;
}

static void fill_page(u64 page)
{
	for (u64 i = 0; i < WORDS; i++) {
		u64 value = word_of(page, i);

		assert_int_equal(sim_touch(t.mm, anon_area_va(&t, page) + i * 8, true, &value),
				 FAULT_OK);
	}
}

static enum fault_result check_page(u64 page)
{
	for (u64 i = 0; i < WORDS; i++) {
		u64 value = 0;
		enum fault_result result =
			sim_touch(t.mm, anon_area_va(&t, page) + i * 8, false, &value);

		if (result != FAULT_OK)
			return result;
		assert_true(value == word_of(page, i));
	}
	return FAULT_OK;
}

static entry_t entry_of(u64 page)
{
	return *pt_find(t.mm, anon_area_va(&t, page));
}

/* All pages in frames of the store on a disk of that kind, compressed in that order. */
static void setup(u64 (*order)(u64 i), bool seeks)
{
	anon_area_make(&t, NR_FRAMES, NR_PAGES, "integrated", seeks);
	for (u64 i = 0; i < NR_PAGES; i++) {
		fill_page(order(i));
		/* Few at a time: madvise() would put all of them into the order of addresses. */
		if (i % 4 == 3) {
			assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD),
					 0);
			reclaim_list(LRU_INACTIVE_ANON, 4);
		}
	}
	zpage_shrink(TYPE_ANON, UINT64_MAX);
	for (u64 page = 0; page < NR_PAGES; page++)
		assert_true(entry_is(entry_of(page), ENTRY_ZSWAP));
	mm_verify();
}

static void read_pages(u64 nr, u64 (*order)(u64 i))
{
	for (u64 i = 0; i < nr; i++)
		assert_int_equal(check_page(order(i)), FAULT_OK);
	mm_verify();
}

/* Nothing is held any more: with the area goes the last use of every block. */
static void teardown(void)
{
	anon_area_end(&t);
	assert_int_equal(swap_used_blocks(), 0);
}

static void test_wherever_they_lie(void **state)
{
	setup(scattered, false);
	read_pages(NR_PAGES, in_order);
	/* Alone each page would be waited for, but for the neighbours that chance puts into its block. */
	assert_true(vm_event_total(EV_pgmajfault) < NR_PAGES / 4);
	/* Requests of several blocks are in flight together. */
	assert_true(t.swap.dev.reads > vm_event_total(EV_pgmajfault) * 2);
	teardown();
}

static void test_left_in_order(void **state)
{
	setup(in_order, false);
	read_pages(NR_PAGES, in_order);
	assert_true(vm_event_total(EV_pgmajfault) < NR_PAGES / 12);
	/* Blocks that lie together are one request. */
	assert_true(t.swap.dev.reads < vm_event_total(EV_pgmajfault) * 5 / 4);
	teardown();
}

/* A disk that seeks goes once for each fault, and reads as far as that reaches whatever it passes over. */
static void expect_faults(u64 (*order)(u64 i), u64 nr, u64 most)
{
	u64 reads;

	setup(order, true);
	reads = t.swap.dev.reads;
	read_pages(nr, in_order);
	assert_true(vm_event_total(EV_pgmajfault) < most);
	assert_int_equal(t.swap.dev.reads - reads, vm_event_total(EV_pgmajfault));
	teardown();
}

static void test_arm(void **state)
{
	expect_faults(in_order, NR_PAGES, NR_PAGES / 40);
	expect_faults(in_turn, NR_PAGES / 2, NR_PAGES / 40);
	expect_faults(scattered, NR_PAGES, NR_PAGES / 10);
}

static void test_no_order(void **state)
{
	u64 wanted = 0;

	setup(in_order, false);
	for (u64 i = 0; i < NR_PAGES / 8; i++)
		wanted += 1 + entry_block(entry_of(scattered(i))).spans;
	read_pages(NR_PAGES / 8, scattered);
	assert_true(vm_event_total(EV_zpswpin) < wanted * 5 / 4);
	teardown();
}

/* A zpage that spans two brings its neighbours in both: who asks for pages as they left need not read the second again. */
static void test_both_blocks_stay(void **state)
{
	setup(scattered, false);
	read_pages(NR_PAGES, scattered);
	assert_true(vm_event_total(EV_zpswpin) < NR_PAGES);
	assert_true(vm_event_total(EV_pgmajfault) < NR_PAGES * 5 / 8);
	teardown();
}

/* Those ahead that cannot be had at once are done without. */
static void test_no_frames(void **state)
{
	setup(scattered, false);
	alloc_fail_every = 3;
	read_pages(NR_PAGES, in_order);
	alloc_fail_every = 0;
	assert_in_range(vm_event_total(EV_pgmajfault), NR_PAGES / 4, NR_PAGES * 3 / 4);
	teardown();
}

/* A block ahead is bad: only who wants its zpages is told. */
static void test_bad_block(void **state)
{
	u64 failed = 0;
	u32 bad;

	setup(scattered, false);
	bad = entry_block(entry_of(NR_PAGES / 2)).slot;
	t.swap.bad_block = bad;
	for (u64 page = 0; page < NR_PAGES; page++) {
		bool in_it = zpage_is_in_block(entry_of(page), bad);

		assert_int_equal(check_page(page), in_it ? FAULT_IO : FAULT_OK);
		failed += in_it;
	}
	assert_in_range(failed, 2, 6);
	t.swap.bad_block = 0;
	read_pages(NR_PAGES, in_order);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wherever_they_lie),
		cmocka_unit_test(test_left_in_order),
		cmocka_unit_test(test_arm),
		cmocka_unit_test(test_no_order),
		cmocka_unit_test(test_both_blocks_stay),
		cmocka_unit_test(test_no_frames),
		cmocka_unit_test(test_bad_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
