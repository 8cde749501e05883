/* SPDX-License-Identifier: MIT */
/*
 * test_page_alloc.c - the page allocator and struct page against a model: every frame has at most
 * one owner, contents stay, everything joins again; marks, reserve, poison, page locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/stats.h"
#include "mm/vmscan.h"
#include "tests/host/env.h"

#define NR_FRAMES 3000 /* not a power of two: an odd end */
#define MAX_LIVE  400

static void boot_allocator(u64 nr_frames, u64 seed)
{
	host_boot(nr_frames, seed);
	mem_layout = (struct mem_layout){ HOST_FIRST_PFN, nr_frames, host_memmap() };
	vmscan_init();
	page_alloc_init();
	kmalloc_init();
	lru_init();
	alloc_fail_every = 0;
}

static int boot(void **state)
{
	boot_allocator(NR_FRAMES, 1);
	return 0;
}

/* After everything was freed: all frames free, joined as at the beginning. */
static void assert_all_free(void)
{
	page_alloc_verify();
	assert_int_equal(nr_free_frames(), mem_layout.nr_frames);
	assert_int_equal(frame_count(FRAME_FREE), mem_layout.nr_frames);
}

static void test_begins_joined(void **state)
{
	for (u64 nr = 1; nr < 3000; nr += 1 + nr / 7) {
		boot_allocator(nr, nr);
		assert_all_free();
	}
	boot_allocator(1 << 12, 1);
	assert_int_equal(largest_free_order(), MAX_ORDER);
}

struct block {
	struct page *page;
	u32 order;
	u64 stamp;
};

static void block_fill(const struct block *block)
{
	u64 *word = page_address(block->page);

	for (u64 i = 0; i < (PAGE_SIZE << block->order) / sizeof(*word); i += 61)
		word[i] = block->stamp + i;
}

static void block_check(const struct block *block)
{
	const u64 *word = page_address(block->page);

	for (u64 i = 0; i < (PAGE_SIZE << block->order) / sizeof(*word); i += 61)
		assert_int_equal(word[i], block->stamp + i);
}

static void model_alloc(struct prng *rng, struct block *block, u8 *owned)
{
	u32 order = (u32)prng_below(rng, 1 + prng_below(rng, MAX_ORDER + 1));
	u64 first;

	block->page = alloc_pages(ALLOC_ATOMIC, order, FRAME_KERNEL);
	if (!block->page)
		return;
	block->order = order;
	block->stamp = prng_next(rng);
	first = (u64)(block->page - mem_layout.memmap);
	assert_int_equal(page_to_pfn(block->page) % (1UL << order), 0);
	assert_int_equal(block->page->refs, 1);
	for (u64 i = first; i < first + (1UL << order); i++) {
		assert_false(owned[i]);
		owned[i] = 1;
		assert_int_equal(mem_layout.memmap[i].state, FRAME_KERNEL);
	}
	block_fill(block);
}

static void model_free(struct block *block, u8 *owned)
{
	block_check(block);
	memset(owned + (block->page - mem_layout.memmap), 0, 1UL << block->order);
	free_pages(block->page, block->order);
	block->page = NULL;
}

static void test_random_against_model(void **state)
{
	for (u64 seed = 1; seed <= 8; seed++) {
		struct block live[MAX_LIVE] = { 0 };
		u8 owned[NR_FRAMES] = { 0 };
		struct prng rng;

		boot_allocator(NR_FRAMES, seed);
		prng_seed(&rng, seed);
		for (u32 step = 0; step < 4000; step++) {
			struct block *block = &live[prng_below(&rng, MAX_LIVE)];

			if (block->page)
				model_free(block, owned);
			else
				model_alloc(&rng, block, owned);
			if (step % 64 == 0)
				page_alloc_verify();
		}
		for (u32 i = 0; i < MAX_LIVE; i++) {
			if (live[i].page)
				model_free(&live[i], owned);
		}
		assert_all_free();
	}
}

/* Take single frames until there are no more; returns how many. Linked through page->private. */
static u64 take_all(u32 flags, u64 *chain)
{
	u64 taken = 0;
	struct page *page;

	while ((page = alloc_page(flags, FRAME_KERNEL))) {
		page->private = *chain;
		*chain = page_to_pfn(page);
		taken++;
	}
	return taken;
}

static void give_back(u64 chain)
{
	while (chain) {
		struct page *page = pfn_to_page(chain);

		chain = page->private;
		free_pages(page, 0);
	}
}

static void test_marks_and_reserve(void **state)
{
	u64 min = watermark_frames(WMARK_MIN), chain = 0;
	u64 reserve_before = vm_event_total(EV_alloc_reserve);
	u64 failed_before = vm_event_total(EV_alloc_declined);

	assert_true(0 < min && min < watermark_frames(WMARK_LOW));
	assert_true(watermark_frames(WMARK_LOW) < watermark_frames(WMARK_HIGH));
	assert_true(watermark_frames(WMARK_HIGH) < NR_FRAMES / 4);

	assert_int_equal(take_all(ALLOC_ATOMIC, &chain), NR_FRAMES - min);
	assert_int_equal(nr_free_frames(), min);
	assert_int_equal(vm_event_total(EV_alloc_reserve), reserve_before);
	assert_int_equal(vm_event_total(EV_alloc_declined), failed_before + 1);

	/* Below min: those who say so, and those who reclaim. */
	assert_non_null(alloc_page(ALLOC_RESERVE, FRAME_STORE_META));
	env_context()->flags = MMC_RECLAIM;
	assert_int_equal(take_all(ALLOC_WAIT, &chain), min - 1);
	env_context()->flags = 0;
	assert_int_equal(nr_free_frames(), 0);
	assert_int_equal(vm_event_total(EV_alloc_reserve), reserve_before + min);
	assert_int_equal(largest_free_order(), -1);

	give_back(chain);
	page_alloc_verify();
	assert_int_equal(nr_free_frames(), NR_FRAMES - 1);
}

static void test_counts_events(void **state)
{
	u64 allocated = vm_event_total(EV_pgalloc), freed = vm_event_total(EV_pgfree);
	struct page *page = alloc_pages(ALLOC_ATOMIC, 4, FRAME_KERNEL_STACK);

	assert_int_equal(vm_event_total(EV_pgalloc), allocated + 16);
	assert_int_equal(frame_count(FRAME_KERNEL_STACK), 16);
	free_pages(page, 4);
	assert_int_equal(vm_event_total(EV_pgfree), freed + 16);
	assert_int_equal(frame_count(FRAME_KERNEL_STACK), 0);
}

static void test_zero(void **state)
{
	static const u8 zero[PAGE_SIZE];

	for (u32 i = 0; i < 100; i++) {
		struct page *page = alloc_pages(ALLOC_ZERO, 1, FRAME_KERNEL);

		assert_memory_equal(page_address(page), zero, PAGE_SIZE);
		assert_memory_equal(page_address(page + 1), zero, PAGE_SIZE);
		memset(page_address(page), 0x5a, 2 * PAGE_SIZE);
		free_pages(page, 1);
	}
}

/* Frames in a row of any number: each is its own, and what a block has beyond them stays free. */
static void test_rows(void **state)
{
	static const u32 rows[] = { 1, 2, 3, 50, 64, 65, 127 };

	for (u32 r = 0; r < ARRAY_SIZE(rows); r++) {
		u64 free = nr_free_frames();
		struct page *page = alloc_frames(ALLOC_ZERO, rows[r], FRAME_STORE_META);

		assert_non_null(page);
		assert_int_equal(nr_free_frames(), free - rows[r]);
		assert_int_equal(frame_count(FRAME_STORE_META), rows[r]);
		page_alloc_verify();
		for (u32 i = 0; i < rows[r]; i++) {
			assert_int_equal(*(u64 *)page_address(page + i), 0);
			put_page(page + i);
		}
		page_alloc_verify();
		assert_int_equal(nr_free_frames(), free);
	}
}

static void test_failure_injection(void **state)
{
	u64 failed = vm_event_total(EV_alloc_declined);
	u32 nulls = 0;

	alloc_fail_every = 3;
	for (u32 i = 0; i < 30; i++)
		nulls += alloc_page(ALLOC_ATOMIC, FRAME_KERNEL) == NULL;
	assert_int_equal(nulls, 10);
	assert_int_equal(vm_event_total(EV_alloc_declined), failed + 10);
	for (u32 i = 0; i < 30; i++)
		assert_non_null(alloc_page(ALLOC_WAIT, FRAME_KERNEL));
	alloc_fail_every = 0;
}

static void test_poison_tells_of_late_writes(void **state)
{
	struct page *page = alloc_page(ALLOC_ATOMIC, FRAME_KERNEL);
	u8 *bytes = page_address(page);

	free_pages(page, 0);
	bytes[1234] = 7;
	/* The frame freed last is the next to go out, unless joining buried it in a block. */
	EXPECT_PANIC(for (u32 i = 0; i < NR_FRAMES; i++) alloc_page(ALLOC_RESERVE, FRAME_KERNEL),
		     "written to while free: byte 0x4d0");
}

static void test_refuses_bad_frees(void **state)
{
	struct page *page = alloc_pages(ALLOC_ATOMIC, 2, FRAME_KERNEL);
	struct page *locked = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_ANON);

	EXPECT_PANIC(free_pages(page, 1), "page->order == order");
	EXPECT_PANIC(free_pages(page + 1, 0), "page->order == order");
	lock_page(locked);
	EXPECT_PANIC(put_page(locked), "busy");
	unlock_page(locked);
	EXPECT_PANIC(unlock_page(locked), "cleared twice");
	free_pages(page, 2);
	EXPECT_PANIC(free_pages(page, 2), "FRAME_FREE");
}

static void test_refuses_illegal_transitions(void **state)
{
	static const enum frame_state never[][2] = {
		{ FRAME_ISOLATED_ANON, FRAME_INACTIVE_FILE },
		{ FRAME_ISOLATED_ANON, FRAME_ISOLATED_FILE },
		{ FRAME_ISOLATED_FILE, FRAME_COMPRESSED_ANON },
		{ FRAME_SLAB, FRAME_KERNEL },
		{ FRAME_PAGE_TABLE, FRAME_ISOLATED_ANON },
		{ FRAME_KERNEL, FRAME_KERNEL },
	};

	for (volatile u32 i = 0; i < ARRAY_SIZE(never); i++) {
		struct page *page = alloc_page(ALLOC_ATOMIC, never[i][0]);

		EXPECT_PANIC(frame_set_state(page, never[i][1]), "illegal change of state");
		put_page(page);
	}
	assert_all_free();
}

static void test_last_reference_leaves_the_list(void **state)
{
	struct page *page = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_FILE);

	lru_add(page, LRU_INACTIVE_FILE);
	assert_int_equal(frame_count(FRAME_INACTIVE_FILE), 1);
	get_page(page);
	put_page(page);
	assert_int_equal(frame_count(FRAME_INACTIVE_FILE), 1);
	put_page(page);
	assert_false(get_page_unless_zero(page));
	assert_int_equal(lru_frames(LRU_INACTIVE_FILE), 0);
	lru_verify();
	assert_all_free();
	EXPECT_PANIC(get_page(page), "now > 1");
}

/* ------------------------------------------------------------- page locks */

static struct {
	struct page *page;
	u32 inside, entered, finished;
} shared;

static void lock_many_times(void *arg)
{
	for (u32 i = 0; i < 200; i++) {
		lock_page(shared.page);
		assert_int_equal(shared.inside++, 0);
		env_yield();
		shared.entered++;
		assert_int_equal(--shared.inside, 0);
		unlock_page(shared.page);
	}
	shared.finished++;
}

static void test_page_lock_excludes(void **state)
{
	for (u64 seed = 1; seed < 6; seed++) {
		boot_allocator(64, seed);
		host_set_preemption(20, seed & 1);
		memset(&shared, 0, sizeof(shared));
		shared.page = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_FILE);
		for (u32 i = 0; i < 4; i++)
			env_start_thread("locker", lock_many_times, NULL);
		while (shared.finished < 4)
			env_sleep_ns(NSEC_PER_MSEC);
		assert_int_equal(shared.entered, 800);
		put_page(shared.page);
	}
}

static void write_ends(void *arg)
{
	end_page_writeback(arg);
}

static void test_writeback_ends_in_an_interrupt(void **state)
{
	struct page *page = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_FILE);
	struct host_event event;

	host_set_preemption(50, true);
	for (u32 i = 0; i < 100; i++) {
		page_set(page, PG_WRITEBACK);
		host_event_add(&event, env_now_ns() + prng_below(&host_rng, 2000), write_ends,
			       page);
		wait_on_page_writeback(page);
		assert_false(page_test(page, PG_WRITEBACK));
	}
	put_page(page);
}

static void test_deadlock_is_found(void **state)
{
	struct page *page = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_FILE);

	lock_page(page);
	EXPECT_PANIC(lock_page(page), "deadlock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_begins_joined, boot),
		cmocka_unit_test_setup(test_random_against_model, boot),
		cmocka_unit_test_setup(test_marks_and_reserve, boot),
		cmocka_unit_test_setup(test_counts_events, boot),
		cmocka_unit_test_setup(test_zero, boot),
		cmocka_unit_test_setup(test_rows, boot),
		cmocka_unit_test_setup(test_failure_injection, boot),
		cmocka_unit_test_setup(test_poison_tells_of_late_writes, boot),
		cmocka_unit_test_setup(test_refuses_bad_frees, boot),
		cmocka_unit_test_setup(test_refuses_illegal_transitions, boot),
		cmocka_unit_test_setup(test_last_reference_leaves_the_list, boot),
		cmocka_unit_test_setup(test_page_lock_excludes, boot),
		cmocka_unit_test_setup(test_writeback_ends_in_an_interrupt, boot),
		cmocka_unit_test_setup(test_deadlock_is_found, boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
