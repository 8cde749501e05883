/* SPDX-License-Identifier: MIT */
/*
 * test_zpage.c - anon pages through store and swap, one path at a time: what the simulator does by
 * chance is done here on purpose, and counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/oom.h"
#include "mm/pagetable.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "mm/zpage.h"
#include "tests/host/anon_area.h"
#include "tests/host/disk.h"
#include "tests/host/env.h"
#include "tests/host/sim_file.h"

#define WORDS	  (PAGE_SIZE / sizeof(u64))
#define NR_FRAMES 4096
#define NR_PAGES  1000

static struct {
	struct host_disk swap;
	struct host_proc proc;
	struct mm *mm;
	u64 start;
	u64 events[NR_VM_EVENTS];
} t;

static void mark_events(void)
{
	for (u32 event = 0; event < NR_VM_EVENTS; event++)
		t.events[event] = vm_event_total((enum vm_event)event);
}

/* Since mark_events(). */
static u64 events(enum vm_event event)
{
	return vm_event_total(event) - t.events[event];
}

static struct mm *make_mm(u64 pages, u64 *start)
{
	struct mm *mm = mm_create("test", &t.proc);
	s64 va;

	assert_non_null(mm);
	va = mm_mmap(mm, 0, pages * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, "test");
	assert_true(va > 0);
	*start = (u64)va;
	return mm;
}

static void setup(const struct sim_store *store, u64 swap_blocks)
{
	memset(&t, 0, sizeof(t));
	sim_boot_store(NR_FRAMES, 1, store);
	policy_use_name("integrated");
	if (swap_blocks) {
		host_disk_create(&t.swap, "swap", swap_blocks * PAGE_SIZE);
		host_disk_make_swap(&t.swap);
		assert_int_equal(swap_attach(&t.swap.dev), 0);
	}
	t.mm = make_mm(NR_PAGES, &t.start);
	mark_events();
}

static void setup_log(void)
{
	setup(&(struct sim_store){ "log", true, false }, 4096);
}

static void teardown(void)
{
	sim_tlb_flush_all();
	mm_destroy(t.mm);
	mm_verify();
	assert_int_equal(frame_count(FRAME_COMPRESSED_ANON), 0);
	assert_int_equal(swap_used_blocks(), 0);
	host_disk_destroy(&t.swap);
}

static u64 va_of(u64 page)
{
	return t.start + page * PAGE_SIZE;
}

/* A quarter to a half of each page is noise. */
static u64 word_of(u64 page, u64 i)
{
	return i < WORDS / 4 + page % (WORDS / 4) ? (page + 1) * (i + 1) * 0x9e3779b97f4a7c15UL
						  : page;
}

static u64 noise(u64 page, u64 i)
{
	u64 x = (page * WORDS + i + 1) * 0x9e3779b97f4a7c15UL;

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9UL;
	return x ^ x >> 32;
}

static void fill(u64 nr, u64 (*word)(u64 page, u64 i))
{
	for (u64 page = 0; page < nr; page++) {
		for (u64 i = 0; i < WORDS; i++) {
			u64 value = word(page, i);

			assert_int_equal(sim_touch(t.mm, va_of(page) + i * 8, true, &value),
					 FAULT_OK);
		}
	}
}

/* Read one page. Content is as written, or (FAULT_CORRUPT) it is said not to be. */
static enum fault_result check_page(u64 page, u64 (*word)(u64 page, u64 i))
{
	for (u64 i = 0; i < WORDS; i++) {
		u64 value = 0;
		enum fault_result result = sim_touch(t.mm, va_of(page) + i * 8, false, &value);

		if (result != FAULT_OK)
			return result;
		assert_true(value == word(page, i));
	}
	return FAULT_OK;
}

static void check(u64 nr, u64 (*word)(u64 page, u64 i))
{
	for (u64 page = 0; page < nr; page++)
		assert_int_equal(check_page(page, word), FAULT_OK);
}

/* Out of their frames: the store if it takes them, or else swap. */
static void compress_all(void)
{
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, NR_PAGES);
}

/* Everything through the store to swap. */
static void swap_out_all(void)
{
	compress_all();
	zpage_shrink(TYPE_ANON, UINT64_MAX);
	assert_int_equal(frame_count(FRAME_COMPRESSED_ANON), 0);
	mm_verify();
}

static entry_t entry_of(u64 page)
{
	return *pt_find(t.mm, va_of(page));
}

/* ------------------------------------------------------------- to swap and back */

static void test_spanning(void **state)
{
	u64 spanning = 0, blocks;

	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	blocks = swap_used_blocks();
	for (u64 page = 0; page < NR_PAGES; page++) {
		assert_true(entry_is(entry_of(page), ENTRY_ZSWAP));
		spanning += entry_block(entry_of(page)).spans;
	}
	/* Most frames end in the middle of a zpage. */
	assert_true(spanning > blocks / 2);
	assert_true(blocks < NR_PAGES * 7 / 10);
	check(NR_PAGES, word_of);
	teardown();
}

/* A zpage in two blocks is read in one request. */
static void test_one_request(void **state)
{
	u64 spanned = 0;

	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	policy_use_name("none"); /* keeps no neighbours */
	for (u64 page = 0; page < NR_PAGES; page++) {
		bool spans = entry_block(entry_of(page)).spans;
		u64 reads = t.swap.dev.reads, sectors = t.swap.dev.read_sectors;

		assert_int_equal(check_page(page, word_of), FAULT_OK);
		assert_int_equal(t.swap.dev.reads, reads + 1);
		assert_int_equal(t.swap.dev.read_sectors - sectors, spans ? 16 : 8);
		spanned += spans;
	}
	assert_true(spanned);
	assert_int_equal(events(EV_zadopt), 0);
	assert_int_equal(events(EV_zpswpin), NR_PAGES + spanned);
	teardown();
}

/* Pages that left together come back together: one is waited for, and the rest are hits. */
static void test_neighbours_kept(void **state)
{
	u64 reads;

	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	reads = t.swap.dev.reads;
	check(NR_PAGES, word_of);
	reads = t.swap.dev.reads - reads;
	assert_true(events(EV_zadopt) > NR_PAGES / 3);
	assert_int_equal(events(EV_zadopt), events(EV_zadopt_hit));
	assert_int_equal(events(EV_pgmajfault) + events(EV_zadopt), NR_PAGES);
	/* Blocks that lie apart are requests of their own, in flight together. */
	assert_true(reads < NR_PAGES / 5);
	assert_true(events(EV_pgmajfault) < NR_PAGES / 10);
	teardown();
}

/*
 * Neighbours that leave again before anybody asks for them: the measurement sees it, though the pages
 * do come back, and though frames cost nothing.
 */
static void test_neighbours_not_kept(void **state)
{
	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	for (u64 page = 0; page < NR_PAGES; page++) {
		assert_int_equal(check_page(page, word_of), FAULT_OK);
		zpage_shrink(TYPE_ANON, UINT64_MAX);
	}
	assert_int_equal(events(EV_zadopt_hit), 0);
	assert_true(events(EV_zadopt) > 0);
	assert_true(events(EV_zadopt) < NR_PAGES / 5);
	teardown();
}

/* The host's clock hardly moves while it compresses: as much as on the machine. */
static void let_compression_cost(u64 ns)
{
	while (cost_ns(TYPE_ANON, COST_COMPRESS) < ns * 9 / 10)
		cost_note_cpu(TYPE_ANON, COST_COMPRESS, ns);
}

/* A few pages of many are wanted, and frames are scarce: most blocks are not kept. */
static void test_neighbours_cost_a_frame(void **state)
{
	struct zstore_type_stats z;

	setup_log();
	sim_come_back(32 * 32, NR_PAGES);
	fill(NR_PAGES, word_of);
	swap_out_all();
	for (u32 round = 0; round < 30; round++) {
		while (nr_free_frames() > watermark_frames(WMARK_LOW))
			assert_non_null(alloc_page(ALLOC_ATOMIC, FRAME_KERNEL));
		let_compression_cost(40 * NSEC_PER_USEC);
		kswapd_balance();
		for (u64 page = round % 8; page < NR_PAGES; page += 32)
			assert_int_equal(check_page(page, word_of), FAULT_OK);
		swap_out_all();
	}
	/* kswapd sends some of them straight to the disk. Each touch was a read, or found a neighbour that had been kept. */
	assert_true(events(EV_zpswpin) + events(EV_pswpin) + events(EV_zadopt_hit) >=
		    30 * (NR_PAGES / 32));
	assert_true(events(EV_zpswpin) > 300);
	/*
	 * A frame costs no more than compressing others for it, and a read 270 us: a neighbour in five that is wanted pays for
	 * the others. Still most are not kept.
	 */
	zpage_stats(TYPE_ANON, &z);
	assert_true(z.adopted_frames < events(EV_zpswpin) / 2);
	sim_tlb_flush_all();
	mm_destroy(t.mm);
	host_disk_destroy(&t.swap);
}

/* A bad block is read ahead of its time: who wants others than its zpages does not notice. */
static void test_bad_block(void **state)
{
	u64 failed = 0;
	u32 bad;

	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	bad = entry_block(entry_of(NR_PAGES / 2)).slot;
	t.swap.bad_block = bad;
	for (u64 page = 0; page < NR_PAGES; page++) {
		bool in_it = zpage_is_in_block(entry_of(page), bad);

		assert_int_equal(check_page(page, word_of), in_it ? FAULT_IO : FAULT_OK);
		failed += in_it;
	}
	assert_in_range(failed, 2, 6);
	/* Some of the others came ahead of their time: there were streams. */
	assert_true(events(EV_zpswpin) > t.swap.dev.reads * 2);
	t.swap.bad_block = 0;
	check(NR_PAGES, word_of);
	teardown();
}

static void test_evict_pages(void **state)
{
	setup(&(struct sim_store){ "log", true, true }, 4096);
	fill(NR_PAGES, word_of);
	swap_out_all();
	for (u64 page = 0; page < NR_PAGES; page++)
		assert_true(entry_is(entry_of(page), ENTRY_SWAP));
	assert_int_equal(events(EV_zwriteback), NR_PAGES);
	assert_int_equal(events(EV_pswpout), NR_PAGES);
	assert_int_equal(events(EV_zpswpout), 0);
	assert_int_equal(events(EV_zevict_anon), 0);
	assert_int_equal(swap_used_blocks(), NR_PAGES);
	check(NR_PAGES, word_of);
	teardown();
}

/* ------------------------------------------------------------- broken bytes */

/* Reads all pages. Returns how many are lost; the others are what they were. */
static u64 count_corrupt(u64 nr)
{
	u64 corrupt = 0;

	for (u64 page = 0; page < nr; page++) {
		enum fault_result result = check_page(page, word_of);

		if (result != FAULT_OK) {
			assert_int_equal(result, FAULT_CORRUPT);
			/* For good: never zeroes instead. */
			assert_int_equal(check_page(page, word_of), FAULT_CORRUPT);
			corrupt++;
		}
	}
	return corrupt;
}

static const struct page *frame_of(enum frame_state state)
{
	for (u64 i = 0; i < NR_FRAMES; i++)
		if (mem_layout.memmap[i].state == state)
			return &mem_layout.memmap[i];
	fail_msg("no frame is %s", frame_state_name(state));
	return NULL;
}

/* One byte of one store frame: one page is lost, with a report, and no other. */
static void test_corrupt_memory(void **state)
{
	struct zstore_type_stats z;

	setup_log();
	fill(NR_PAGES, word_of);
	compress_all();
	((u8 *)page_address(frame_of(FRAME_COMPRESSED_ANON)))[3000] ^= 0x10;
	assert_int_equal(count_corrupt(NR_PAGES), 1);
	zpage_stats(TYPE_ANON, &z);
	assert_int_equal(z.stored_pages, 0);
	teardown();
}

/* The same on the disk, where a second page of the same block must still come back. */
static void test_corrupt_swap(void **state)
{
	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	t.swap.data[(u64)entry_slot(entry_of(NR_PAGES / 2)) * PAGE_SIZE + 3000] ^= 0x10;
	assert_int_equal(count_corrupt(NR_PAGES), 1);
	teardown();
}

/* Noise all over a block: those in it are lost, and nothing else happens. */
static void test_corrupt_block(void **state)
{
	u64 lost = 0;
	u32 slot;

	setup_log();
	fill(NR_PAGES, word_of);
	swap_out_all();
	slot = entry_slot(entry_of(NR_PAGES / 2));
	for (u64 page = 0; page < NR_PAGES; page++) {
		struct zblock_ref ref = entry_block(entry_of(page));

		lost += ref.slot == slot || (ref.spans && ref.slot + 1 == slot);
	}
	for (u64 i = 0; i < WORDS; i++)
		((u64 *)(t.swap.data + (u64)slot * PAGE_SIZE))[i] = noise(7, i);
	assert_int_equal(count_corrupt(NR_PAGES), lost);
	teardown();
}

#define FILE_PAGES 64

static s64 read_file_page(struct sim_file *file, u64 page)
{
	struct file_ra ra = { 0 };

	return sim_file_read(file, page * WORDS, WORDS, 0, &ra);
}

/* All pages of a file into the store: used twice, then cold. */
static void compress_file(struct sim_file *file)
{
	for (u32 round = 0; round < 2; round++) {
		for (u64 page = 0; page < FILE_PAGES; page++)
			assert_int_equal(read_file_page(file, page), PAGE_SIZE);
		for (u64 i = 0; i < NR_FRAMES; i++)
			if (mem_layout.memmap[i].state == FRAME_ACTIVE_FILE)
				lru_deactivate(&mem_layout.memmap[i]);
		for (u32 i = 0; i < 4; i++)
			reclaim_list(LRU_INACTIVE_FILE, FILE_PAGES);
	}
}

/* A clean file page whose zpage is broken: the reader is told once, then the disk has it. */
static void test_corrupt_file(void **state)
{
	struct host_disk data;
	struct sim_file file;
	u64 corrupt = 0;

	setup_log();
	host_disk_create(&data, "data", MIB);
	sim_file_create(&file, 1, &data, 0, FILE_PAGES * PAGE_SIZE, 1);
	compress_file(&file);
	assert_int_equal(file.mapping.nr_compressed, FILE_PAGES);
	((u8 *)page_address(frame_of(FRAME_COMPRESSED_FILE)))[3000] ^= 0x10;
	for (u64 page = 0; page < FILE_PAGES; page++) {
		s64 got = read_file_page(&file, page);

		if (got == PAGE_SIZE)
			continue;
		assert_int_equal(got, -EINVAL);
		assert_int_equal(read_file_page(&file, page), PAGE_SIZE);
		corrupt++;
	}
	assert_int_equal(corrupt, 1);
	sim_file_destroy(&file);
	host_disk_destroy(&data);
	teardown();
}

/* ------------------------------------------------------------- incompressible pages */

#define NR_NOISE 100

static void touch_all(u64 nr, bool write)
{
	for (u64 page = 0; page < nr; page++) {
		u64 value = noise(page, 0);

		assert_int_equal(sim_touch(t.mm, va_of(page), write, &value), FAULT_OK);
	}
}

/* Each page is tried once, wherever it has been meanwhile, until it has been written to. */
static void incompressible(u64 swap_blocks)
{
	setup(&(struct sim_store){ "log", true, false }, swap_blocks);
	fill(NR_NOISE, noise);
	compress_all();
	assert_int_equal(events(EV_zreject_poor), NR_NOISE);
	for (u32 round = 1; round <= 3; round++) {
		u64 skipped = events(EV_zskip_incompressible);

		touch_all(NR_NOISE, false);
		compress_all();
		assert_int_equal(events(EV_zreject_poor), NR_NOISE);
		assert_true(events(EV_zskip_incompressible) >= skipped + NR_NOISE);
	}
	touch_all(NR_NOISE, true);
	compress_all();
	assert_int_equal(events(EV_zreject_poor), 2 * NR_NOISE);
	check(NR_NOISE, noise);
	teardown();
}

/* Swap so large that a clean copy stays there. */
static void test_incompressible_copy(void **state)
{
	incompressible(4096);
}

/* More than half full: the block is given back when the page is read. */
static void test_incompressible_no_copy(void **state)
{
	u32 first;

	setup(&(struct sim_store){ "log", true, false }, 512);
	for (u32 i = 0; i < 10; i++)
		swap_alloc(32, &first);
	fill(NR_NOISE, noise);
	compress_all();
	assert_int_equal(events(EV_zreject_poor), NR_NOISE);
	assert_int_equal(t.mm->nr_swapped, NR_NOISE);
	touch_all(NR_NOISE, false);
	assert_int_equal(swap_used_blocks(), 320);
	compress_all();
	assert_int_equal(t.mm->nr_swapped, NR_NOISE);
	assert_int_equal(events(EV_zreject_poor), NR_NOISE);
	sim_tlb_flush_all();
	mm_destroy(t.mm);
	host_disk_destroy(&t.swap);
}

/* No swap: they stay in memory. */
static void test_incompressible_kept(void **state)
{
	incompressible(0);
}

static u64 half_noise(u64 page, u64 i)
{
	return page % 2 ? noise(page, i) : word_of(page, i);
}

/* A disk would have to bring back those that the store refuses: they leave when there are no others, and not before. */
static void until_refused_leave(void)
{
	setup_log();
	sim_come_back(32 * 32, NR_PAGES);
	for (u32 i = 0; i < 100; i++)
		cost_note_disk(TYPE_ANON, COST_DISK_READ, 8000 * 1000, 1);
	/* This machine's CPU takes no time: what it is guessed to take would make the disk look fast, for a batch. */
	cost_note_cpu(TYPE_ANON, COST_COMPRESS, 0);
	cost_note_cpu(TYPE_ANON, COST_DECOMPRESS, 0);
	fill(NR_PAGES, half_noise);
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
	while (!events(EV_pswpout))
		assert_true(reclaim_direct(0));
	assert_in_range(events(EV_zstore_anon), NR_PAGES / 2 - 16, NR_PAGES / 2);
}

/* Then they do. */
static void test_refused_leave_last(void **state)
{
	until_refused_leave();
	while (events(EV_pswpout) < NR_PAGES / 4)
		assert_true(reclaim_direct(0));
	check(NR_PAGES, half_noise);
	teardown();
}

/* And the next ones need no search through all of them. */
static void test_refused_go_on_leaving(void **state)
{
	u64 scanned, left;

	until_refused_leave();
	scanned = events(EV_pgscan_direct);
	left = events(EV_pswpout);
	assert_true(reclaim_direct(0));
	left = events(EV_pswpout) - left;
	assert_in_range(left, SWAP_CLUSTER, 2 * SWAP_CLUSTER);
	assert_in_range(events(EV_pgscan_direct) - scanned, left, left + 8);
	check(NR_PAGES, half_noise);
	teardown();
}

/* Pages go past the store to a disk that is as fast as memory: some are tried, none is kept, and what they showed stays. */
static void trials(u64 (*word)(u64 page, u64 i), bool poor)
{
	struct type_snapshot t_anon;

	setup_log();
	for (u32 i = 0; i < 100; i++) {
		cost_note_disk(TYPE_ANON, COST_DISK_READ, 32 * 100, 32);
		cost_note_disk(TYPE_ANON, COST_SWAP_READ, 100, 1);
	}
	fill(NR_PAGES, word);
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
	/* Who waits for a frame tries none; kswapd does. */
	while (events(EV_pswpout) < NR_PAGES / 4)
		assert_true(reclaim_direct(0));
	assert_int_equal(events(EV_ztry), 0);
	env_context()->flags |= MMC_KSWAPD;
	while (events(EV_pswpout) < NR_PAGES * 3 / 4)
		assert_true(reclaim_direct(0));
	env_context()->flags &= ~MMC_KSWAPD;
	assert_in_range(events(EV_ztry), 10, 20);
	assert_int_equal(frame_count(FRAME_COMPRESSED_ANON), 0);
	assert_int_equal(t.mm->nr_compressed, 0);
	workingset_snapshot(TYPE_ANON, &t_anon);
	assert_in_range(t_anon.stored_share, poor ? 0 : STORED_SHARE_ONE * 9 / 10,
			poor ? STORED_SHARE_ONE / 5 : STORED_SHARE_ONE);
	check(NR_PAGES, word);
	/* What was refused in a trial is not offered again. */
	compress_all();
	assert_int_equal(events(EV_zskip_incompressible) + events(EV_zreject_poor),
			 poor ? NR_PAGES : 0);
	assert_int_equal(events(EV_zskip_incompressible), poor ? events(EV_ztry) : 0);
	teardown();
}

static void test_trials(void **state)
{
	trials(word_of, false);
}

static void test_trials_refused(void **state)
{
	trials(noise, true);
}

/* Nor is anybody asked whose policy has no use for it. */
static void test_no_trials(void **state)
{
	setup_log();
	policy_use_name("none");
	fill(NR_PAGES, word_of);
	swap_out_all();
	assert_int_equal(t.mm->nr_swapped, NR_PAGES);
	assert_int_equal(events(EV_ztry), 0);
	teardown();
}

/*
 * Reclaim leaves a program the pages of one instruction (kv in 24 MiB on 8 took no step for half an hour, when the store
 * had all frames but four): it says that there is nothing more, and whoever wants to take them all still can.
 */
static void test_some_stay(void **state)
{
	u64 resident;

	setup_log();
	fill(NR_PAGES, word_of);
	assert_int_equal(mm_madvise(t.mm, t.start, NR_PAGES * PAGE_SIZE, MADV_COLD), 0);
	while (reclaim_direct(0))
		;
	resident = lru_frames(LRU_ACTIVE_ANON) + lru_frames(LRU_INACTIVE_ANON);
	assert_int_equal(resident, 16);
	assert_int_equal(t.mm->nr_resident, 16);
	assert_int_equal(frame_count(FRAME_COMPRESSED_ANON), 0);
	compress_all();
	assert_int_equal(t.mm->nr_resident, 0);
	check(NR_PAGES, word_of);
	teardown();
}

/* ------------------------------------------------------------- the end of an owner */

/* What only the dead held is free at once, and the holes among the others' are closed. */
static void test_destroy_gives_back(void **state)
{
	struct mm *other;
	u64 start, compressed, mine = t.start;
	struct mm *first;

	setup_log();
	first = t.mm;
	mine = t.start;
	other = make_mm(NR_PAGES, &start);
	/* By turns, so that the frames are shared. */
	for (u64 page = 0; page < NR_PAGES; page++) {
		for (u32 which = 0; which < 2; which++) {
			for (u64 i = 0; i < WORDS; i++) {
				u64 value = word_of(page, i);
				u64 va = (which ? start : mine) + page * PAGE_SIZE + i * 8;

				assert_int_equal(sim_touch(which ? other : first, va, true, &value),
						 FAULT_OK);
			}
		}
	}
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, 2 * NR_PAGES);
	compressed = frame_count(FRAME_COMPRESSED_ANON);
	assert_int_equal(first->nr_compressed + other->nr_compressed, 2 * NR_PAGES);
	sim_tlb_flush_all();
	mm_destroy(other);
	assert_true(frame_count(FRAME_COMPRESSED_ANON) * 100 <= compressed * 60);
	check(NR_PAGES, word_of);
	teardown();
}

static struct page *taken[NR_FRAMES];
static u32 nr_taken;

static void take_all(void)
{
	while (nr_free_frames() > watermark_frames(WMARK_MIN)) {
		taken[nr_taken] = alloc_page(ALLOC_RESERVE, FRAME_KERNEL);
		assert_non_null(taken[nr_taken++]);
	}
}

static void give_back(void)
{
	while (nr_taken)
		put_page(taken[--nr_taken]);
}

/*
 * Who finds no memory and comes to end a workload when another one's has just become free must let
 * it live: two allocators can run out together, and the first one's victim is then enough.
 */
static void test_oom_looks_again(void **state)
{
	setup_log();
	fill(8, word_of);
	assert_true(oom_kill());
	assert_false(t.proc.killed);
	take_all();
	assert_true(oom_kill());
	assert_true(t.proc.killed);
	give_back();
	teardown();
}

static void destroy(void *mm)
{
	mm_destroy(mm);
}

/*
 * So must who comes while another one's memory is being given back, however long that takes to begin; only not for ever. (Taken
 * off the list first, it left a while in which nothing was seen to end and nothing was free.)
 */
static void test_oom_waits_for_an_exit(void **state)
{
	struct host_proc proc = { 0 };
	struct mm *other;
	u64 start;

	setup_log();
	fill(8, word_of);
	other = make_mm(8, &start);
	other->owner = &proc;
	take_all();
	down_read(&other->areas_lock);
	env_start_thread("reaper", destroy, other);
	env_yield();
	assert_true(oom_kill());
	assert_false(t.proc.killed);
	assert_false(proc.killed);
	env_sleep_ns(6 * NSEC_PER_SEC);
	assert_true(oom_kill());
	assert_true(t.proc.killed);
	assert_false(proc.killed);
	up_read(&other->areas_lock);
	while (host_nr_threads())
		env_yield();
	give_back();
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spanning),
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_neighbours_kept),
		cmocka_unit_test(test_neighbours_not_kept),
		cmocka_unit_test(test_neighbours_cost_a_frame),
		cmocka_unit_test(test_bad_block),
		cmocka_unit_test(test_evict_pages),
		cmocka_unit_test(test_corrupt_memory),
		cmocka_unit_test(test_corrupt_swap),
		cmocka_unit_test(test_corrupt_block),
		cmocka_unit_test(test_corrupt_file),
		cmocka_unit_test(test_incompressible_copy),
		cmocka_unit_test(test_incompressible_no_copy),
		cmocka_unit_test(test_incompressible_kept),
		cmocka_unit_test(test_refused_leave_last),
		cmocka_unit_test(test_refused_go_on_leaving),
		cmocka_unit_test(test_trials),
		cmocka_unit_test(test_trials_refused),
		cmocka_unit_test(test_no_trials),
		cmocka_unit_test(test_some_stay),
		cmocka_unit_test(test_destroy_gives_back),
		cmocka_unit_test(test_oom_looks_again),
		cmocka_unit_test(test_oom_waits_for_an_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
