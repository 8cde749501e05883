/* SPDX-License-Identifier: MIT */
/*
 * sim_run.c - one seeded run of the simulator.
 *
 * A small machine boots the real mm/ and compress/ with a swap disk and a few files. Some
 * processes with one or two threads each (workers) do what programs do; the first thread (the
 * operator) gives the orders that a person at the monitor or another policy could give, breaks
 * the disks for a while, and starts new processes for those that ended. Everything written is
 * also written into a plain copy, and everything read is compared with it.
 *
 * After each step mm_verify() walks the whole machine. At the end all contents are compared,
 * everything is taken down, and no frame, zpage or swap block may be missing.
 *
 * Sizes, disks, preemption and the mix of steps are drawn from the seed first; so is every step.
 * The same seed is the same run.
 */
#include "tests/host/sim_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/print.h"
#include "mm/alloc.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/zpage.h"
#include "tests/host/sim_mem.h"

#define MAX_WORKERS	 5
#define MAX_FILES	 4
#define MAX_PROC_THREADS 2
#define ARENA_PAGES	 24
#define BAD_ADDRESS	 (USER_MMAP_TOP + 64 * PAGE_SIZE)

struct sim_proc {
	struct host_proc host;
	u32 nr_threads, live_threads;
	struct sim_area *arena;
	bool quit; /* all its threads are to end of their own */
};

struct worker {
	u32 slot;
	struct sim_proc *proc;
	struct prng rng;
	struct sim_toucher touch;
	struct sim_area *areas;
	struct sim_area *heap; /* the first thread's */
	u64 pages;	       /* mapped by it */
	struct file_ra ra[MAX_FILES];
	bool running;
};

static struct {
	struct prng rng; /* the operator's */
	u64 seed, steps, max_steps;
	struct host_disk data, swap_disk;
	bool has_swap;
	struct sim_file files[MAX_FILES];
	u32 nr_files, nr_workers;
	struct worker workers[MAX_WORKERS];
	u64 pages_per_worker;
	bool hungry; /* more is wanted than there is: out of memory is met */
	u32 verify_percent;
	u64 breaks; /* odd: disk errors are being made, or may still be seen */
	bool stopping;
	u64 frames_before, bytes_before; /* free frames and objects before there were files */
	struct sim_report *report;
	char hint[80];
} sim;

/* ------------------------------------------------------------- areas of a worker */

static void area_link(struct worker *w, struct sim_area *area)
{
	area->next = w->areas;
	w->areas = area;
	w->pages += area->nr_pages;
}

/* A random one, or NULL; the young ones more often. */
static struct sim_area *area_pick(struct worker *w)
{
	struct sim_area *area = w->areas;

	while (area && area->next && prng_chance(&w->rng, 55))
		area = area->next;
	if (w->proc->arena && (!area || prng_chance(&w->rng, 15)))
		return w->proc->arena;
	return area;
}

static enum sim_fill random_fill(struct prng *rng)
{
	static const enum sim_fill mix[] = { FILL_TEXT,	  FILL_TEXT, FILL_TEXT, FILL_TEXT,
					     FILL_RANDOM, FILL_SAME, FILL_ZERO };

	return mix[prng_below(rng, ARRAY_SIZE(mix))];
}

static void step_mmap_anon(struct worker *w)
{
	u64 nr = 1 + prng_below(&w->rng, 1 + prng_below(&w->rng, sim.hungry ? 800 : 200));
	s64 start;

	if (w->pages + nr > sim.pages_per_worker)
		return;
	start = mm_mmap(w->touch.mm, 0, nr << PAGE_SHIFT, AREA_READ | AREA_WRITE, NULL, 0, "mmap");
	if (start < 0 && env_killed())
		return;
	if (start < 0)
		panic("mmap of %lu pages: %ld", nr, start);
	area_link(w, sim_area_new(SIM_ANON, (u64)start, nr, random_fill(&w->rng)));
}

static void step_mmap_file(struct worker *w)
{
	struct sim_file *file = &sim.files[prng_below(&w->rng, sim.nr_files)];
	u64 file_pages = DIV_ROUND_UP(file->mapping.size_bytes, PAGE_SIZE);
	u64 index = prng_below(&w->rng, file_pages);
	u64 nr = 1 + prng_below(&w->rng, file_pages - index);
	bool shared = prng_chance(&w->rng, 60);
	struct sim_area *area;
	s64 start;

	if (w->pages + nr > sim.pages_per_worker)
		return;
	start = mm_mmap(w->touch.mm, 0, nr << PAGE_SHIFT,
			AREA_READ | AREA_WRITE | (shared ? AREA_SHARED : 0), &file->mapping, index,
			"file");
	if (start < 0 && env_killed())
		return;
	if (start < 0)
		panic("mmap of %lu pages of a file: %ld", nr, start);
	area = sim_area_new(shared ? SIM_SHARED : SIM_PRIVATE, (u64)start, nr,
			    random_fill(&w->rng));
	area->file = file;
	area->file_index = index;
	area_link(w, area);
}

static void step_image(struct worker *w)
{
	u64 nr = 1 + prng_below(&w->rng, 12);
	u64 bytes = 1 + prng_below(&w->rng, nr << PAGE_SHIFT);
	u64 start = USER_TEXT_BASE + w->touch.turn * 1024 * PAGE_SIZE;
	struct sim_area *area = sim_area_new(SIM_IMAGE, start, nr, random_fill(&w->rng));
	int err;

	sim_image_make(area, bytes, &w->rng);
	err = mm_map_image(w->touch.mm, start, nr << PAGE_SHIFT, AREA_READ | AREA_WRITE,
			   area->image, bytes);
	if (!err) {
		area_link(w, area);
		return;
	}
	if (err != -EEXIST && !env_killed())
		panic("image of %lu pages: %d", nr, err);
	sim_area_free(area);
}

static bool all_gone(const struct sim_area *area)
{
	return memchr(area->gone, 0, area->nr_pages) == NULL;
}

static void area_drop(struct worker *w, struct sim_area *area)
{
	struct sim_area **at = &w->areas;

	while (*at != area)
		at = &(*at)->next;
	*at = area->next;
	w->pages -= area->nr_pages;
	sim_area_free(area);
}

/* A random range of pages of an area. */
static u64 random_range(struct worker *w, const struct sim_area *area, u64 *nr)
{
	u64 first = prng_below(&w->rng, area->nr_pages);

	*nr = 1 + prng_below(&w->rng, area->nr_pages - first);
	return first;
}

static void step_munmap(struct worker *w)
{
	struct sim_area *area = area_pick(w);
	u64 first = 0, nr;
	int err;

	if (!area || area->kind == SIM_ARENA || area->kind == SIM_HEAP)
		return;
	nr = area->nr_pages;
	/* Part of one only if nothing of it is gone: another area may lie in the hole. */
	if (prng_chance(&w->rng, 40))
		first = random_range(w, area, &nr);
	for (u64 i = first; i < first + nr; i++) {
		if (area->gone[i])
			return;
	}
	err = mm_munmap(w->touch.mm, area->start + (first << PAGE_SHIFT), nr << PAGE_SHIFT);
	if (err && env_killed())
		return;
	if (err)
		panic("munmap: %d", err);
	memset(area->gone + first, 1, nr);
	if (all_gone(area))
		area_drop(w, area);
}

static void step_madvise(struct worker *w)
{
	struct sim_area *area = area_pick(w);
	enum madvice advice = (enum madvice)prng_below(&w->rng, NR_MADVICES);
	u64 first, nr;
	int err;

	if (!area || area->kind == SIM_ARENA || area->kind == SIM_HEAP)
		return;
	first = random_range(w, area, &nr);
	for (u64 i = first; i < first + nr; i++) {
		if (area->gone[i])
			return;
	}
	/* The advice may take pages that its owner does not expect to find changed: the copy first. */
	err = mm_madvise(w->touch.mm, area->start + (first << PAGE_SHIFT), nr << PAGE_SHIFT,
			 advice);
	if (!err && advice == MADV_DONTNEED)
		sim_area_forget(area, first, nr);
	if (err && !env_killed() && !(advice == MADV_WILLNEED && sim_lenient(&w->touch)))
		panic("madvise(%d): %d", advice, err);
}

/* Only the first thread of a process moves the end of the heap. */
static void step_brk(struct worker *w)
{
	u64 max = sim.pages_per_worker / 2;
	struct sim_area *heap = w->heap;
	u64 now, want;
	s64 old;

	if (w->touch.turn != 0)
		return;
	if (!heap) {
		heap = sim_area_new(SIM_HEAP, USER_HEAP_BASE, max, random_fill(&w->rng));
		memset(heap->gone, 1, max);
		heap->next = w->areas;
		w->areas = heap;
		w->heap = heap;
	}
	for (now = 0; now < max && !heap->gone[now]; now++)
		;
	want = prng_below(&w->rng, max + 1);
	old = mm_brk(w->touch.mm, ((s64)want - (s64)now) * (s64)PAGE_SIZE);
	if (old < 0) {
		if (!env_killed())
			panic("brk: %ld", old);
		return;
	}
	if ((u64)old != USER_HEAP_BASE + (now << PAGE_SHIFT))
		panic("brk: old end %#lx, should be %#lx", (u64)old,
		      (u64)(USER_HEAP_BASE + (now << PAGE_SHIFT)));
	memset(heap->gone, 0, want);
	memset(heap->gone + want, 1, max - want);
	if (want < now)
		sim_area_forget(heap, want, now - want);
}

/* ------------------------------------------------------------- touching */

/* A word with locality: most touches go to the first eighth of the area. */
static u64 random_word(struct worker *w, const struct sim_area *area)
{
	u64 words = area->nr_pages * WORDS_PER_PAGE;

	if (area->nr_pages > 8 && prng_chance(&w->rng, 70))
		words /= 8;
	return prng_below(&w->rng, words);
}

static void step_touch(struct worker *w)
{
	u32 touches = 1 + (u32)prng_below(&w->rng, 60);

	for (u32 i = 0; i < touches; i++) {
		struct sim_area *area = area_pick(w);
		u64 word;

		if (!area)
			return;
		word = random_word(w, area);
		if (prng_chance(&w->rng, 50) ? !sim_area_read(&w->touch, area, word)
					     : !sim_area_write(&w->touch, area, word))
			return;
	}
}

static void step_fill(struct worker *w)
{
	struct sim_area *area = area_pick(w);
	u64 first, nr;

	if (!area)
		return;
	first = random_range(w, area, &nr);
	nr = MIN(nr, sim.hungry ? 400UL : 40UL);
	for (u64 page = first; page < first + nr; page++) {
		if (!sim_area_fill(&w->touch, area, page))
			return;
	}
}

static void step_check_area(struct worker *w)
{
	struct sim_area *area = area_pick(w);

	if (area)
		sim_area_check_all(&w->touch, area);
}

static void expect_fault(struct worker *w, u64 va, bool write, enum fault_result expected)
{
	u64 value = 0;
	enum fault_result result = sim_touch(w->touch.mm, va, write, &value);

	if (result != expected && !env_killed())
		panic("touch at %#lx: %s, should be: %s", va, fault_result_text(result),
		      fault_result_text(expected));
}

static void step_bad_touch(struct worker *w)
{
	expect_fault(w, 8 * prng_below(&w->rng, 512), prng_chance(&w->rng, 50), FAULT_NULL);
	expect_fault(w, BAD_ADDRESS, prng_chance(&w->rng, 50), FAULT_NO_AREA);
	expect_fault(w, USER_TOP, false, FAULT_NO_AREA);
}

/* ------------------------------------------------------------- files */

/* Short only by an error of a broken disk, or because the workload is to end. */
static void check_io(struct worker *w, const char *what, s64 result, u64 bytes)
{
	if (result == (s64)bytes || env_killed())
		return;
	if (!sim_lenient(&w->touch) || (result < 0 && result != -EIO))
		panic("%s of %lu bytes of a file: %ld", what, bytes, result);
	w->touch.io_errors++;
}

static void step_file_read(struct worker *w)
{
	u32 number = (u32)prng_below(&w->rng, sim.nr_files);
	struct sim_file *file = &sim.files[number];
	struct file_ra *ra = &w->ra[number];
	u64 first = prng_below(&w->rng, file->nr_words);
	u64 nr = 1 + prng_below(&w->rng, MIN(file->nr_words - first, 12 * WORDS_PER_PAGE));

	if (prng_chance(&w->rng, 60)) { /* go on where it stopped */
		first = MIN(ra->next_index * WORDS_PER_PAGE, file->nr_words - 1);
		nr = MIN(file->nr_words - first, (u64)(4 * WORDS_PER_PAGE));
	}
	check_io(w, "read", sim_file_read(file, first, nr, w->slot, ra), nr * sizeof(u64));
}

static void step_file_write(struct worker *w)
{
	struct sim_file *file = &sim.files[prng_below(&w->rng, sim.nr_files)];
	u32 writes = 1 + (u32)prng_below(&w->rng, 10);

	for (u32 i = 0; i < writes; i++) {
		u64 granules = file->nr_words / FILE_GRANULE / file->nr_workers;
		u64 index =
			(prng_below(&w->rng, granules) * file->nr_workers + w->slot) * FILE_GRANULE;

		check_io(w, "write", sim_file_write(file, index, w->slot),
			 FILE_GRANULE * sizeof(u64));
	}
}

static void step_sync(struct worker *w)
{
	struct sim_file *file = &sim.files[prng_below(&w->rng, sim.nr_files)];
	int err = prng_chance(&w->rng, 20) ? mm_sync() : file_sync(&file->mapping);

	if (err && !(sim_lenient(&w->touch) && err == -EIO))
		panic("fsync: %d", err);
}

static void step_msync(struct worker *w)
{
	struct sim_area *area = area_pick(w);
	int err;

	if (!area || area->kind != SIM_SHARED)
		return;
	err = mm_msync(w->touch.mm, area->start, area->nr_pages << PAGE_SHIFT);
	if (err && !(sim_lenient(&w->touch) && err == -EIO))
		panic("msync: %d", err);
}

/* ------------------------------------------------------------- workers */

static const struct {
	void (*step)(struct worker *w);
	u32 weight;
} worker_steps[] = {
	{ step_touch, 40 },    { step_fill, 12 },      { step_mmap_anon, 10 },
	{ step_mmap_file, 5 }, { step_image, 1 },      { step_munmap, 5 },
	{ step_madvise, 5 },   { step_brk, 3 },	       { step_check_area, 4 },
	{ step_bad_touch, 1 }, { step_file_read, 10 }, { step_file_write, 6 },
	{ step_sync, 1 },      { step_msync, 1 },
};

static void random_step(struct worker *w)
{
	u32 total = 0, draw, i = 0;

	for (u32 s = 0; s < ARRAY_SIZE(worker_steps); s++)
		total += worker_steps[s].weight;
	for (draw = (u32)prng_below(&w->rng, total); draw >= worker_steps[i].weight; i++)
		draw -= worker_steps[i].weight;
	w->touch.breaks_before = sim.breaks;
	worker_steps[i].step(w);
}

/* Called after every step of anybody. */
static void count_step(void)
{
	sim.steps++;
	sim.report->steps++;
	if (!prng_chance(&sim.rng, sim.verify_percent))
		return;
	mm_verify();
	sim.report->verifies++;
}

/* The last thread of a process looks at everything once more, unless it was killed, and ends it. */
static void end_process(struct worker *w)
{
	struct sim_proc *proc = w->proc;

	env_context()->mm = NULL;
	sim_tlb_flush_all();
	if (proc->host.killed)
		sim.report->ooms++;
	mm_destroy(proc->host.mm);
	sim_area_free(proc->arena);
	free(proc);
}

static void check_everything(struct worker *w)
{
	w->touch.breaks_before = sim.breaks;
	for (struct sim_area *area = w->areas; area && !w->touch.end; area = area->next)
		sim_area_check_all(&w->touch, area);
	if (!w->touch.end)
		sim_area_check_all(&w->touch, w->proc->arena);
}

static void worker_main(void *arg)
{
	struct worker *w = arg;
	struct sim_proc *proc = w->proc;

	env_context()->mm = proc->host.mm;
	while (!proc->quit && !sim.stopping && !env_killed()) {
		random_step(w);
		count_step();
		env_yield();
	}
	if (!env_killed())
		check_everything(w);
	sim.report->words_checked += w->touch.checked;
	sim.report->io_errors += w->touch.io_errors;
	while (w->areas) {
		struct sim_area *area = w->areas;

		w->areas = area->next;
		sim_area_free(area);
	}
	if (--proc->live_threads == 0)
		end_process(w);
	env_context()->mm = NULL;
	w->running = false;
}

static void worker_start(struct worker *w, struct sim_proc *proc, u32 turn)
{
	u32 slot = (u32)(w - sim.workers);

	memset(w, 0, sizeof(*w));
	w->slot = slot;
	w->proc = proc;
	prng_seed(&w->rng, prng_next(&sim.rng));
	w->touch = (struct sim_toucher){ .mm = proc->host.mm,
					 .rng = &w->rng,
					 .slot = slot,
					 .turn = turn,
					 .turns = proc->nr_threads,
					 .breaks = &sim.breaks };
	w->running = true;
	env_start_thread("worker", worker_main, w);
}

/* ------------------------------------------------------------- the operator */

static struct worker *idle_worker(void)
{
	for (u32 i = 0; i < sim.nr_workers; i++) {
		if (!sim.workers[i].running)
			return &sim.workers[i];
	}
	return NULL;
}

/* A new process on idle workers. */
static void op_start_process(void)
{
	u32 idle = 0;
	struct sim_proc *proc;
	s64 arena;

	for (u32 i = 0; i < sim.nr_workers; i++)
		idle += !sim.workers[i].running;
	if (!idle)
		return;
	proc = calloc(1, sizeof(*proc));
	proc->host.mm = mm_create("sim", &proc->host);
	if (!proc->host.mm)
		panic("mm_create failed");
	arena = mm_mmap(proc->host.mm, 0, ARENA_PAGES << PAGE_SHIFT, AREA_READ | AREA_WRITE, NULL,
			0, "arena");
	ASSERT(arena > 0);
	proc->arena = sim_area_new(SIM_ARENA, (u64)arena, ARENA_PAGES, random_fill(&sim.rng));
	proc->nr_threads = 1 + (u32)prng_below(&sim.rng, MIN(idle, (u32)MAX_PROC_THREADS));
	proc->live_threads = proc->nr_threads;
	for (u32 turn = 0; turn < proc->nr_threads; turn++)
		worker_start(idle_worker(), proc, turn);
	sim.report->processes++;
}

static void op_end_process(void)
{
	struct worker *w = &sim.workers[prng_below(&sim.rng, sim.nr_workers)];

	if (w->running && prng_chance(&sim.rng, 30))
		w->proc->quit = true;
}

static void op_shrink(void)
{
	enum page_type type = (enum page_type)prng_below(&sim.rng, NR_PAGE_TYPES);
	u64 nr = 1 + prng_below(&sim.rng, 1 + prng_below(&sim.rng, 100));

	zpage_shrink(type, nr);
}

/* With a swap disk that works and has room, an order must be met, not just tried. */
static void op_set_target(void)
{
	enum page_type type = (enum page_type)prng_below(&sim.rng, NR_PAGE_TYPES);
	u64 frames = prng_chance(&sim.rng, 40) ? UINT64_MAX : prng_below(&sim.rng, 150);
	bool room = swap_used_blocks() + 200 < swap_total_blocks();
	struct zstore_type_stats before, after;

	zpage_stats(type, &before);
	zpage_set_target(type, frames);
	zpage_stats(type, &after);
	if (after.target_frames != frames)
		panic("set_target: %lu asked, %lu set", frames, after.target_frames);
	if (!(sim.breaks & 1) && (type == TYPE_FILE || room) && after.backing_frames > frames &&
	    after.evict_failed_frames == before.evict_failed_frames)
		panic("set_target(%d, %lu): %lu frames remain", type, frames, after.backing_frames);
}

static void op_reclaim(void)
{
	static const enum lru_list lists[] = { LRU_INACTIVE_ANON, LRU_COMPRESSED_ANON,
					       LRU_INACTIVE_FILE, LRU_COMPRESSED_FILE };

	reclaim_list(lists[prng_below(&sim.rng, ARRAY_SIZE(lists))], prng_below(&sim.rng, 64));
}

static void op_policy(void)
{
	static const char *const choices[] = { "integrated",
					       "integrated",
					       "none",
					       "zswap",
					       "zswap,max_pool_pct=3",
					       "zram",
					       "zram,disk=0",
					       "zcache",
					       "zcache,anon_pct=4,file_pct=2",
					       "parity",
					       "twoqueue" };

	policy_use_name(choices[prng_below(&sim.rng, ARRAY_SIZE(choices))]);
}

static void set_errors(u32 percent)
{
	sim.data.fail_read_percent = percent;
	sim.data.fail_write_percent = percent;
	sim.swap_disk.fail_read_percent = percent;
	sim.swap_disk.fail_write_percent = percent;
}

/* Errors stop at once, but those already made may be reported later: breaking ends after a sync. */
static void op_errors(void)
{
	if (!(sim.breaks++ & 1)) {
		set_errors(5 + (u32)prng_below(&sim.rng, 40));
		return;
	}
	sim.breaks--;
	set_errors(0);
	host_drain_events();
	mm_sync();
	if (mm_sync())
		panic("sync fails though the disks work");
	sim.breaks++;
}

static void op_alloc_failures(void)
{
	alloc_fail_every = prng_chance(&sim.rng, 50) ? 0 : 2 + prng_below(&sim.rng, 30);
}

static void op_kswapd(void)
{
	kswapd_wake();
}

static void op_set_preemption(void)
{
	static const u32 percents[] = { 0, 1, 5, 25 };

	host_set_preemption(percents[prng_below(&sim.rng, ARRAY_SIZE(percents))],
			    prng_chance(&sim.rng, 50));
}

static const struct {
	void (*op)(void);
	u32 weight;
} orders[] = {
	{ op_start_process, 10 }, { op_end_process, 4 },    { op_shrink, 8 },
	{ op_set_target, 4 },	  { op_reclaim, 8 },	    { op_policy, 2 },
	{ op_errors, 2 },	  { op_alloc_failures, 2 }, { op_kswapd, 3 },
	{ op_set_preemption, 2 },
};

static void random_order(void)
{
	u32 total = 0, draw, i = 0;

	for (u32 o = 0; o < ARRAY_SIZE(orders); o++)
		total += orders[o].weight;
	for (draw = (u32)prng_below(&sim.rng, total); draw >= orders[i].weight; i++)
		draw -= orders[i].weight;
	orders[i].op();
}

/* ------------------------------------------------------------- a run */

static void make_disks(void)
{
	u64 sector = 0;

	sim.has_swap = prng_chance(&sim.rng, 85);
	host_disk_create(&sim.swap_disk, "swap", MIB + PAGE_SIZE * prng_below(&sim.rng, 1500));
	host_disk_make_swap(&sim.swap_disk);
	if (sim.has_swap && swap_attach(&sim.swap_disk.dev))
		panic("swap_attach failed");
	sim.frames_before = nr_free_frames();
	sim.bytes_before = kmalloc_bytes();
	host_disk_create(&sim.data, "data", 8 * MIB);
	sim.nr_files = 1 + (u32)prng_below(&sim.rng, MAX_FILES);
	for (u32 i = 0; i < sim.nr_files; i++) {
		u64 bytes = 2048 + 8 * prng_below(&sim.rng, 1 + prng_below(&sim.rng, 160 * KIB));

		sim_file_create(&sim.files[i], i + 1, &sim.data, sector, bytes, sim.nr_workers);
		sector += ALIGN_UP(bytes, PAGE_SIZE) / SECTOR_SIZE;
	}
}

static u64 swap_pages(void)
{
	return sim.has_swap ? swap_total_blocks() : 0;
}

/* Every kind of store, every way to swap, with and without checksums. */
static void random_store(struct sim_store *store)
{
	static const char *const kinds[] = { "log", "log", "zbud", "zsmalloc" };

	store->kind = kinds[prng_below(&sim.rng, ARRAY_SIZE(kinds))];
	store->checksums = prng_chance(&sim.rng, 70);
	store->evicts_pages = prng_chance(&sim.rng, 30);
}

static void boot(u64 seed, u64 steps, struct sim_report *report)
{
	struct sim_store store;
	u64 nr_frames;

	memset(&sim, 0, sizeof(sim));
	memset(report, 0, sizeof(*report));
	sim.report = report;
	sim.seed = seed;
	sim.max_steps = steps;
	prng_seed(&sim.rng, seed);
	snprintf(sim.hint, sizeof(sim.hint), "make sim SEED=%lu STEPS=%lu", seed, steps);
	host_replay_hint = sim.hint;
	nr_frames = 320 + prng_below(&sim.rng, 700);
	random_store(&store);
	sim_boot_store(nr_frames, prng_next(&sim.rng), &store);
	sim.nr_workers = 1 + (u32)prng_below(&sim.rng, MAX_WORKERS);
	sim.verify_percent = 100;
	make_disks();
	sim.hungry = prng_chance(&sim.rng, 25);
	sim.pages_per_worker = (nr_frames + swap_pages()) *
			       (sim.hungry ? 300 : 30 + prng_below(&sim.rng, 90)) / 100 /
			       sim.nr_workers;
	op_policy();
	op_set_preemption();
	mm_start_threads();
}

static void stop_workers(void)
{
	bool busy = true;

	sim.stopping = true;
	while (busy) {
		busy = false;
		for (u32 i = 0; i < sim.nr_workers; i++)
			busy |= sim.workers[i].running;
		env_sleep_ns(NSEC_PER_MSEC);
	}
}

/* Nothing is left: no zpage, no swap block, no object, no frame but those of the kernel itself. */
static void check_nothing_left(void)
{
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct zstore_type_stats z;

		zpage_stats((enum page_type)type, &z);
		if (z.stored_pages || z.same_pages || z.backing_frames)
			panic("at the end %lu zpages, %lu same-filled, %lu frames remain in the store",
			      z.stored_pages, z.same_pages, z.backing_frames);
	}
	if (swap_used_blocks())
		panic("at the end %lu swap blocks remain in use", swap_used_blocks());
	if (kmalloc_bytes() != sim.bytes_before)
		panic("at the end %lu bytes of objects, %lu at the beginning", kmalloc_bytes(),
		      sim.bytes_before);
	for (u32 state = FRAME_INACTIVE_ANON; state < NR_FRAME_STATES; state++) {
		if (state != FRAME_SLAB && state != FRAME_STORE_META && state != FRAME_KERNEL &&
		    frame_count((enum frame_state)state))
			panic("at the end %lu frames remain %s",
			      frame_count((enum frame_state)state),
			      frame_state_name((enum frame_state)state));
	}
	/* One empty slab of each class may stay. */
	if (nr_free_frames() + 16 < sim.frames_before)
		panic("at the end %lu frames free, %lu at the beginning", nr_free_frames(),
		      sim.frames_before);
}

void sim_run(u64 seed, u64 steps, struct sim_report *report)
{
	boot(seed, steps, report);
	op_start_process();
	while (sim.steps < sim.max_steps) {
		env_sleep_ns(prng_below(&sim.rng, 300 * NSEC_PER_USEC));
		random_order();
		count_step();
	}
	if (sim.breaks & 1)
		op_errors();
	alloc_fail_every = 0;
	stop_workers();
	for (u32 i = 0; i < sim.nr_files; i++)
		sim_file_destroy(&sim.files[i]);
	host_drain_events();
	mm_verify();
	check_nothing_left();
	host_disk_destroy(&sim.data);
	host_disk_destroy(&sim.swap_disk);
}
