/* SPDX-License-Identifier: MIT */
/*
 * test_swap_ahead.c - pages that went to swap as they are come back in order, and are read ahead; out of order, and
 * are not; and what happens to the others when a block cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/pagetable.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "tests/host/anon_area.h"

#define NR_FRAMES 4096
#define NR_PAGES  1024UL

static struct anon_area t;

/* In which order pages are touched, and so leave. */
static u64 in_order(u64 i)
{
	return i;
}

/* Two streams in turn, as a merge reads one place and writes another. */
static u64 two_streams(u64 i)
{
	return i / 2 + i % 2 * (NR_PAGES / 2);
}

static u64 scattered(u64 i)
{
	return i * 389 % NR_PAGES;
}

static void cool(void)
{
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
}

/* All pages on a disk of that kind, in batches as they were touched. */
static void setup(u64 (*order)(u64 i), bool seeks)
{
	anon_area_make(&t, NR_FRAMES, NR_PAGES, "none", seeks);
	/* A batch at a time: madvise() would put all of them into the order of addresses. */
	for (u64 i = 0; i < NR_PAGES; i++) {
		anon_area_touch(&t, order(i), true);
		if (i % SWAP_CLUSTER == SWAP_CLUSTER - 1) {
			cool();
			reclaim_list(LRU_INACTIVE_ANON, SWAP_CLUSTER);
		}
	}
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES);
}

/* Read that many pages in that order; returns the requests to the disk. */
static u64 read_pages(u64 nr, u64 (*order)(u64 i))
{
	u64 reads = t.swap.dev.reads;

	for (u64 i = 0; i < nr; i++)
		anon_area_touch(&t, order(i), false);
	mm_verify();
	return t.swap.dev.reads - reads;
}

/* Every page is read once, eight of nine before they are wanted, and its block stays as a copy. */
static void test_in_order(void **state)
{
	u64 reads, used;

	setup(in_order, false);
	used = swap_used_blocks();
	reads = read_pages(NR_PAGES, in_order);
	assert_in_range(reads, NR_PAGES / 9, NR_PAGES / 7);
	assert_int_equal(vm_event_total(EV_pswpin), NR_PAGES);
	assert_int_equal(vm_event_total(EV_swap_ra), NR_PAGES - vm_event_total(EV_pgmajfault));
	assert_int_equal(swap_used_blocks(), used);
	/* So that they leave again for nothing. */
	cool();
	reclaim_list(LRU_INACTIVE_ANON, NR_PAGES);
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(vm_event_total(EV_pswpout), NR_PAGES);
	anon_area_end(&t);
}

/* Batches are written in the order of addresses, so a disk with an arm reads each stream in one go. */
static void test_two_streams(void **state)
{
	setup(two_streams, true);
	assert_true(read_pages(NR_PAGES / 2, in_order) < NR_PAGES / 2 / 5);
	anon_area_end(&t);
}

static u64 evens(u64 i)
{
	return i * 2;
}

static u64 sevenths(u64 i)
{
	return i * 7;
}

/* The others are resident, or in the store: those that it refused still come back in order. */
static void test_pages_between(void **state)
{
	const u64 nr = NR_PAGES / 7;

	anon_area_make(&t, NR_FRAMES, NR_PAGES, "none", true);
	for (u64 i = 0; i < nr; i++)
		anon_area_touch(&t, sevenths(i), true);
	cool();
	reclaim_list(LRU_INACTIVE_ANON, nr);
	for (u64 page = 0; page < NR_PAGES; page++)
		if (page % 7)
			anon_area_touch(&t, page, true);
	assert_int_equal(t.mm->nr_swapped, nr);
	assert_true(read_pages(nr, sevenths) < nr / 5);
	assert_int_equal(vm_event_total(EV_pswpin), nr);
	anon_area_end(&t);
}

/* An arm reads on over blocks that nobody wants: here those of pages that are gone. */
static void test_blocks_between(void **state)
{
	u64 reads;

	setup(in_order, true);
	for (u64 page = 1; page < NR_PAGES; page += 2)
		assert_int_equal(mm_madvise(t.mm, anon_area_va(&t, page), PAGE_SIZE, MADV_DONTNEED),
				 0);
	assert_int_equal(t.mm->nr_swapped, NR_PAGES / 2);
	reads = read_pages(NR_PAGES / 2, evens);
	assert_in_range(reads, NR_PAGES / 2 / 9, NR_PAGES / 2 / 7);
	assert_int_equal(vm_event_total(EV_pswpin), NR_PAGES / 2);
	anon_area_end(&t);
}

/* Where they lie does not matter to a disk that works on many requests at once: as few waits, more requests. */
static void test_scattered_blocks(void **state)
{
	u64 reads;

	setup(scattered, false);
	assert_true(read_pages(NR_PAGES, in_order) > NR_PAGES / 2);
	assert_true(vm_event_total(EV_pgmajfault) < NR_PAGES / 7);
	anon_area_end(&t);

	/* An arm would have to go to each, so only those that lie close behind are read, which left together. */
	setup(scattered, true);
	reads = read_pages(NR_PAGES, in_order);
	assert_int_equal(reads + vm_event_total(EV_swap_ra), NR_PAGES);
	assert_in_range(vm_event_total(EV_swap_ra), NR_PAGES / 2, NR_PAGES * 3 / 4);
	anon_area_end(&t);
}

/* Who jumps about gets what it asks for, and little else. */
static void test_no_order(void **state)
{
	setup(in_order, false);
	read_pages(NR_PAGES / 4, scattered);
	assert_in_range(vm_event_total(EV_pswpin), NR_PAGES / 4, NR_PAGES / 4 * 5 / 4);
	anon_area_end(&t);
}

/* A page that is read ahead has not been used: it is the first to leave again. */
static void test_unused(void **state)
{
	setup(in_order, false);
	read_pages(16, in_order);
	for (u64 page = 0; page < NR_PAGES; page++) {
		entry_t e = *pt_find(t.mm, anon_area_va(&t, page));

		if (entry_present(e))
			assert_int_equal(e & PTE_ACCESSED ? 1 : 0, page < 16);
	}
	assert_true(t.mm->nr_resident > 16);
	anon_area_end(&t);
}

/* One block is bad: who wants that page is told, all others are read, those beside it too. */
static void test_bad_block(void **state)
{
	const u64 bad = 101;
	u64 value;

	setup(in_order, false);
	t.swap.bad_block = entry_slot(*pt_find(t.mm, anon_area_va(&t, bad)));
	for (u64 page = 0; page < NR_PAGES; page++)
		if (page != bad)
			anon_area_touch(&t, page, false);
	assert_int_equal(sim_touch(t.mm, anon_area_va(&t, bad), false, &value), FAULT_IO);
	mm_verify();
	t.swap.bad_block = 0;
	anon_area_touch(&t, bad, false);
	anon_area_end(&t);
}

/* Frames that cannot be had at once are done without. */
static void test_no_frames(void **state)
{
	setup(in_order, false);
	alloc_fail_every = 3;
	read_pages(NR_PAGES, in_order);
	alloc_fail_every = 0;
	assert_int_equal(vm_event_total(EV_pswpin), NR_PAGES);
	assert_in_range(vm_event_total(EV_swap_ra), NR_PAGES / 4, NR_PAGES * 4 / 5);
	anon_area_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),	 cmocka_unit_test(test_two_streams),
		cmocka_unit_test(test_pages_between),	 cmocka_unit_test(test_blocks_between),
		cmocka_unit_test(test_scattered_blocks), cmocka_unit_test(test_no_order),
		cmocka_unit_test(test_unused),		 cmocka_unit_test(test_bad_block),
		cmocka_unit_test(test_no_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
