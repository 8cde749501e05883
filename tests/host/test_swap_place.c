/* SPDX-License-Identifier: MIT */
/*
 * test_swap_place.c - where pages lie on a swap disk that seeks: those that leave together lie together, though only some
 * of them had to be written; and what is known of those that were read ahead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/pagetable.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "tests/host/anon_area.h"

#define NR_FRAMES    4096
#define NR_PAGES     1024UL
#define UPDATE_EVERY 16
#define READ_NS	     100000

static struct anon_area t;

static void reclaim_all(void)
{
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
	reclaim_list(LRU_INACTIVE_ANON, NR_PAGES);
	mm_verify();
}

static void touch_all(void)
{
	for (u64 page = 0; page < NR_PAGES; page++)
		anon_area_touch(&t, page, false);
}

static u32 slot_of(u64 page)
{
	return entry_slot(*pt_find(t.mm, anon_area_va(&t, page)));
}

/* All pages have been on disk, and are resident with a good copy there. */
static void setup(bool seeks)
{
	anon_area_make(&t, NR_FRAMES, NR_PAGES, "none", seeks);
	for (u64 page = 0; page < NR_PAGES; page++)
		anon_area_touch(&t, page, true);
	reclaim_all();
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES);
	touch_all();
	assert_int_equal(t.mm->nr_swapped, 0);
}

static void update(void)
{
	for (u64 page = 0; page < NR_PAGES; page += UPDATE_EVERY)
		anon_area_touch(&t, page, true);
}

/* Nothing has changed: nothing is written, and all are where they were. */
static void test_clean(void **state)
{
	u64 writes;

	setup(true);
	writes = t.swap.dev.writes;
	reclaim_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(t.swap.dev.writes, writes);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES);
	assert_int_equal(swap_used_blocks(), NR_PAGES);
	anon_area_end(&t);
}

/* A few have: all are written, in as many requests, and still lie one behind the other. */
static void test_updated(void **state)
{
	u64 writes, reads;

	setup(true);
	update();
	writes = t.swap.dev.writes;
	reclaim_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(vm_event_total(EV_pswpout), 2 * NR_PAGES);
	assert_int_equal(t.swap.dev.writes - writes, NR_PAGES / SWAP_CLUSTER);
	assert_int_equal(swap_used_blocks(), NR_PAGES);
	for (u64 page = 1; page < NR_PAGES; page++)
		if (page % SWAP_CLUSTER)
			assert_int_equal(slot_of(page), slot_of(page - 1) + 1);
	reads = t.swap.dev.reads;
	touch_all();
	assert_in_range(t.swap.dev.reads - reads, NR_PAGES / 9, NR_PAGES / 7);
	anon_area_end(&t);
}

/* A disk that does not seek writes what must be written. */
static void test_no_seeks(void **state)
{
	setup(false);
	update();
	reclaim_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES + NR_PAGES / UPDATE_EVERY);
	anon_area_end(&t);
}

/* Pages of two streams leave together, one read and one written: those that were read stay where they are. */
static void test_two_streams(void **state)
{
	u32 slots[NR_PAGES / 2];

	setup(true);
	reclaim_all();
	for (u64 page = 0; page < NR_PAGES / 2; page++)
		slots[page] = slot_of(page);
	for (u64 page = 0; page < NR_PAGES / 2; page++) {
		anon_area_touch(&t, page, false);
		anon_area_touch(&t, page + NR_PAGES / 2, true);
	}
	reclaim_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES + NR_PAGES / 2);
	for (u64 page = 0; page < NR_PAGES / 2; page++)
		assert_int_equal(slot_of(page), slots[page]);
	anon_area_end(&t);
}

/* The disk cannot be written to: those with a copy leave all the same, the others stay. */
static void test_failed_writes(void **state)
{
	setup(true);
	update();
	t.swap.fail_write_percent = 100;
	reclaim_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES - NR_PAGES / UPDATE_EVERY);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES);
	t.swap.fail_write_percent = 0;
	touch_all();
	anon_area_end(&t);
}

/* What a page costs that the disk brings back: those read ahead make it cheap if they are used, and only then. */
static void test_ahead_used(void **state)
{
	setup(false);
	reclaim_all();
	t.swap.min_latency_ns = t.swap.max_latency_ns = READ_NS;
	touch_all();
	assert_int_equal(vm_event_total(EV_swap_ra_hit), 0);
	reclaim_list(LRU_INACTIVE_ANON, NR_PAGES);
	assert_in_range(vm_event_total(EV_swap_ra_hit), NR_PAGES * 3 / 4, NR_PAGES);
	assert_true(cost_ns(TYPE_ANON, COST_DISK_READ) < READ_NS / 4);
	assert_true(cost_ns(TYPE_ANON, COST_SWAP_READ) >= READ_NS / 2);
	anon_area_end(&t);
}

static void test_ahead_unused(void **state)
{
	setup(false);
	reclaim_all();
	t.swap.min_latency_ns = t.swap.max_latency_ns = READ_NS;
	/* The first two of 64: a stream goes on, and what is behind it is not wanted. */
	for (u64 page = 0; page < NR_PAGES; page += 64) {
		anon_area_touch(&t, page, false);
		anon_area_touch(&t, page + 1, false);
	}
	assert_true(vm_event_total(EV_swap_ra) > 0);
	reclaim_list(LRU_INACTIVE_ANON, NR_PAGES);
	assert_in_range(cost_ns(TYPE_ANON, COST_DISK_READ), READ_NS / 2, READ_NS * 2);
	anon_area_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),	      cmocka_unit_test(test_updated),
		cmocka_unit_test(test_no_seeks),      cmocka_unit_test(test_two_streams),
		cmocka_unit_test(test_failed_writes), cmocka_unit_test(test_ahead_used),
		cmocka_unit_test(test_ahead_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
