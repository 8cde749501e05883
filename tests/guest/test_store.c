/* SPDX-License-Identifier: MIT */
/*
 * test_store.c - the compressed store on the real machine: orders in frames, swap and back, broken
 * bytes, pages that do not compress. What concerns the running store's kind and configuration is
 * asked, so that the tests hold under every store=, check= and evict=.
 */
#include "kernel/proc.h"
#include "lib/blockdev.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"
#include "mm/lru.h"
#include "mm/pagetable.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/zpage.h"
#include "tests/guest/guest_mm.h"
#include "tests/guest/ktap.h"

/* TEST_PAGES pages, filled and compressed; NULL: that did not work. */
static struct mm *compressed_mm(u64 *start)
{
	struct mm *mm = guest_mm(TEST_PAGES, start);

	if (!mm)
		return NULL;
	if (guest_fill(mm, *start, TEST_PAGES)) {
		mm_destroy(mm);
		return NULL;
	}
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, TEST_PAGES);
	return mm;
}

/* The same on swap, by way of the store. */
static struct mm *swapped_mm(u64 *start)
{
	struct mm *mm = compressed_mm(start);

	if (mm)
		zpage_shrink(TYPE_ANON, UINT64_MAX);
	return mm;
}

/* The contract: a target is reached at once, and a shrink gives what it says. */
const char *test_store_target(void)
{
	struct zstore_type_stats z;
	const char *wrong;
	u64 held, free, start;
	struct mm *mm = compressed_mm(&start);

	EXPECT(mm);
	held = frame_count(FRAME_COMPRESSED_ANON);
	EXPECT(held > 16);
	free = nr_free_frames();
	EXPECT(zpage_shrink(TYPE_ANON, 5) >= 5);
	EXPECT(frame_count(FRAME_COMPRESSED_ANON) <= held - 5);
	EXPECT(nr_free_frames() >= free + 5);
	zpage_set_target(TYPE_ANON, 8);
	EXPECT(frame_count(FRAME_COMPRESSED_ANON) <= 8);
	zpage_set_target(TYPE_ANON, UINT64_MAX);
	zpage_stats(TYPE_ANON, &z);
	EXPECT(z.backing_frames == frame_count(FRAME_COMPRESSED_ANON));
	wrong = guest_check(mm, start, TEST_PAGES);
	mm_destroy(mm);
	return wrong;
}

/* An owner that ends gives its frames back at once. */
const char *test_store_exit(void)
{
	u64 held = frame_count(FRAME_COMPRESSED_ANON), start;
	struct mm *mm = compressed_mm(&start);

	EXPECT(mm);
	EXPECT(mm->nr_compressed > TEST_PAGES / 2);
	EXPECT(frame_count(FRAME_COMPRESSED_ANON) > held + 16);
	mm_destroy(mm);
	EXPECT(frame_count(FRAME_COMPRESSED_ANON) <= held);
	return NULL;
}

/* Everything evicted and read back; a zpage that spans blocks is read in one request. */
const char *test_store_swap(void)
{
	const struct block_device *dev = block_find("swap");
	u64 start, zpages = 0, spanning = 0, blocks = swap_used_blocks(), reads;
	struct mm *mm = swapped_mm(&start);
	const char *wrong;

	EXPECT(mm && dev);
	EXPECT(mm->nr_swapped > TEST_PAGES / 2);
	blocks = swap_used_blocks() - blocks;
	for (u64 page = 0; page < TEST_PAGES; page++) {
		entry_t e = *pt_find(mm, start + page * PAGE_SIZE);

		zpages += entry_is(e, ENTRY_ZSWAP);
		spanning += entry_is(e, ENTRY_ZSWAP) && entry_block(e).spans;
	}
	/* Pages one to a block, or zpages many to a block. */
	if (zpages)
		EXPECT(blocks < mm->nr_swapped * 3 / 4);
	else
		EXPECT(blocks == mm->nr_swapped);
	printk("# store_swap: store %s: %lu of %lu as zpages in %lu blocks, %lu spanning\n",
	       zpage_store_name(), zpages, mm->nr_swapped, blocks, spanning);
	reads = atomic_read(&dev->reads);
	wrong = guest_check(mm, start, TEST_PAGES);
	if (!wrong)
		EXPECT(atomic_read(&dev->reads) - reads <= TEST_PAGES);
	mm_destroy(mm);
	return wrong;
}

/* Touch every page. With checksums exactly so many are lost; all others are as they were. */
static const char *check_corrupt(struct mm *mm, u64 start, u64 expected)
{
	u64 corrupt = 0, wrong = 0;

	for (u64 page = 0; page < TEST_PAGES; page++) {
		u64 *words = NULL;
		enum fault_result result = guest_fault(mm, start + page * PAGE_SIZE, false, &words);

		EXPECT(result == FAULT_OK || result == FAULT_CORRUPT);
		corrupt += result == FAULT_CORRUPT;
		wrong += result == FAULT_OK && !guest_page_is_good(words, page);
	}
	if (zpage_has_checksums()) {
		EXPECT(corrupt == expected && !wrong);
	} else {
		/* The codec notices some of it; nobody else's page is harmed by the rest. */
		printk("# corruption without checksums: %lu found, %lu not\n", corrupt, wrong);
		EXPECT(corrupt + wrong <= expected);
	}
	return NULL;
}

const char *test_corrupt_memory(void)
{
	const char *wrong;
	u64 start, i = 0;
	struct mm *mm = compressed_mm(&start);

	EXPECT(mm);
	while (i < mem_layout.nr_frames && mem_layout.memmap[i].state != FRAME_COMPRESSED_ANON)
		i++;
	EXPECT(i < mem_layout.nr_frames);
	((u8 *)page_address(&mem_layout.memmap[i]))[3000] ^= 0x10;
	wrong = check_corrupt(mm, start, 1);
	mm_destroy(mm);
	return wrong;
}

/* A byte of a block on the disk. Of a page that was written as it is, nobody can tell. */
const char *test_corrupt_swap(void)
{
	struct block_device *dev = block_find("swap");
	u8 *block = kmalloc(PAGE_SIZE, ALLOC_WAIT);
	u64 start, sector;
	struct mm *mm = swapped_mm(&start);
	const char *wrong = NULL;
	entry_t e;

	EXPECT(mm && dev && block);
	e = *pt_find(mm, start + TEST_PAGES / 2 * PAGE_SIZE);
	if (entry_is(e, ENTRY_ZSWAP)) {
		sector = (u64)entry_slot(e) * (PAGE_SIZE / SECTOR_SIZE);
		EXPECT(!block_rw(dev, BIO_READ, sector, block, PAGE_SIZE));
		block[3000] ^= 0x10;
		EXPECT(!block_rw(dev, BIO_WRITE, sector, block, PAGE_SIZE));
		wrong = check_corrupt(mm, start, 1);
	} else {
		printk("# corrupt_swap: store %s swaps pages, not zpages: nothing to check\n",
		       zpage_store_name());
	}
	kfree(block);
	mm_destroy(mm);
	return wrong;
}

/* A byte in each store frame, behind whatever describes its layout. */
static void damage_all(void)
{
	for (u64 i = 0; i < mem_layout.nr_frames; i++)
		if (mem_layout.memmap[i].state == FRAME_COMPRESSED_ANON)
			((u8 *)page_address(&mem_layout.memmap[i]))[3000] ^= 0x10;
}

/* A workload that meets a corrupt page is ended with a report that says so; the kernel goes on. */
const char *test_corrupt_owner(void)
{
	char words[2][8] = { "kv", "4" };
	char *argv[] = { words[0], words[1] };
	struct proc *proc;
	bool told;

	if (!zpage_has_checksums() || strcmp(zpage_store_name(), "log")) {
		printk("# corrupt_owner: no checksums, or another layout: nothing to check\n");
		return NULL;
	}
	proc = proc_start(2, argv);
	EXPECT(proc);
	while (!READ_ONCE(proc->done)) {
		reclaim_list(LRU_INACTIVE_ANON, 512);
		damage_all();
		env_sleep_ns(NSEC_PER_MSEC);
	}
	proc_wait(proc);
	told = proc->status == PROC_FAULT && strstr(proc->reason, "corrupt");
	proc_free(proc);
	EXPECT(told);
	return NULL;
}

/* Noise is tried once; after a round trip to swap it is known, and not tried again. */
const char *test_incompressible(void)
{
	const char *was = policy_current()->name;
	u64 start, poor, skipped, value = 1;
	struct mm *mm = guest_mm(TEST_PAGES, &start);

	EXPECT(mm);
	policy_use_name("integrated");
	for (u64 page = 0; page < TEST_PAGES; page++) {
		u64 *words = guest_touch(mm, start + page * PAGE_SIZE, true);

		EXPECT(words);
		for (u64 i = 0; i < 512; i++)
			words[i] = value = value * 6364136223846793005UL + 1442695040888963407UL;
	}
	poor = vm_event_total(EV_zreject_poor);
	skipped = vm_event_total(EV_zskip_incompressible);
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, TEST_PAGES);
	EXPECT(mm->nr_swapped == TEST_PAGES);
	EXPECT(vm_event_total(EV_zreject_poor) == poor + TEST_PAGES);
	EXPECT(vm_event_total(EV_zskip_incompressible) == skipped);
	for (u64 page = 0; page < TEST_PAGES; page++)
		EXPECT(guest_touch(mm, start + page * PAGE_SIZE, false));
	EXPECT(!mm_madvise(mm, start, TEST_PAGES * PAGE_SIZE, MADV_COLD));
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, TEST_PAGES);
	EXPECT(mm->nr_swapped == TEST_PAGES);
	EXPECT(vm_event_total(EV_zreject_poor) == poor + TEST_PAGES);
	EXPECT(vm_event_total(EV_zskip_incompressible) == skipped + TEST_PAGES);
	mm_destroy(mm);
	policy_use_name(was);
	return NULL;
}

/* What the figures of a dump add up to. */
const char *test_store_figures(void)
{
	u64 start, sizes = 0, ages = 0, left;
	struct mm *mm = compressed_mm(&start);
	struct zstore_type_stats z;

	EXPECT(mm);
	zpage_stats(TYPE_ANON, &z);
	for (u32 i = 0; i < ZSTORE_SIZE_BUCKETS; i++)
		sizes += z.size_buckets[i];
	for (u32 i = 0; i < ZSTORE_AGE_BUCKETS; i++)
		ages += z.age_buckets[i];
	EXPECT(sizes == z.stored_pages);
	EXPECT(z.compressed_bytes <= z.backing_frames * PAGE_SIZE);
	EXPECT(z.compressed_squares * z.stored_pages >= z.compressed_bytes * z.compressed_bytes);
	left = ages;
	mm_destroy(mm);
	zpage_stats(TYPE_ANON, &z);
	ages = 0;
	for (u32 i = 0; i < ZSTORE_AGE_BUCKETS; i++)
		ages += z.age_buckets[i];
	EXPECT(ages == left + sizes);
	return NULL;
}

/* Copies, fills and overlapping moves of every small length and alignment, against loops. */
const char *test_string(void)
{
	static u8 got[512], want[512];

	for (u32 length = 0; length <= 160; length++) {
		for (u32 from = 0; from < 24; from++) {
			u32 to = (from * 7 + length) % 24;

			for (u32 i = 0; i < sizeof(got); i++)
				got[i] = want[i] = (u8)(i * 31 + length);
			memmove(got + to, got + from, length);
			for (u32 i = 0; i < length; i++)
				want[to + i] = (u8)((from + i) * 31 + length);
			EXPECT(!memcmp(got, want, sizeof(got)));
			memcpy(got + 256 + to, got + from, length);
			memcpy(want + 256 + to, want + from, length);
			for (u32 i = 0; i < length; i++)
				EXPECT(got[256 + to + i] == want[from + i]);
			EXPECT(!memcmp(got, want, sizeof(got)));
			memset(got + from, (int)to, length);
			for (u32 i = 0; i < sizeof(got); i++)
				EXPECT(got[i] == (i >= from && i < from + length ? to : want[i]));
		}
	}
	return NULL;
}
