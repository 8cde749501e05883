/* SPDX-License-Identifier: MIT */
/*
 * bench_paths.c - instructions of the two hot paths, from end to end.
 *
 *   fault     from the instruction of a workload (workloads/touch.c) that touches a compressed page until it has been
 *             executed: the trap and the way back to ring 3, the look-up, a frame, the load from the store, the entry,
 *             the list
 *   compress  reclaim of a list of cold pages, divided by them: isolation, look at the accessed bit, the entry, the
 *             store, its frames, and the page's frame on the free list
 *
 * and beside each the codec alone, LZ4_decompress_safe() and LZ4_compress_default(), on the same pages. Run under QEMU's
 * -icount shift=0, where the TSC counts instructions. tools/bench-paths shows which steps they are.
 */
#include "compress/lz4_config.h"

#include <lz4.h>

#include "compress/zstore_impl.h"
#include "kernel/proc.h"
#include "kernel/x86.h"
#include "lib/print.h"
#include "mm/alloc.h"
#include "mm/fault.h"
#include "mm/pagetable.h"
#include "mm/stats.h"
#include "mm/vmscan.h"
#include "tests/guest/guest_mm.h"
#include "tests/guest/ktap.h"
#include "tests/store/contents.h"

#define PATH_PAGES SYS_TOUCH_PAGES
#define FILL_TRIES (8 * PATH_PAGES)
/* Frames asked for when compressing is measured: so few that all come from the pages, not the rest of the workload. */
#define OUT_FRAMES (PATH_PAGES / 4)
#define TSC_READS  16
#define SEED	   1
/* Seldom, because a look in the middle of the measurement would be measured too. */
#define POLL_NS	   (20 * NSEC_PER_MSEC)
#define MAX_POLLS  3000 /* whoever steps through the kernel makes time pass */

static const char *const measured[] = { "json", "struct", "text",	"sparse",
					"mix",	"file",	  "kernel2013", "zero" };

static struct {
	struct mm *mm; /* of the workload */
	u64 box;       /* where it waits; the pages follow */
	u64 tsc;       /* from one read of it to the next */
	/* The codec alone, for each page. */
	u32 compress_insns[PATH_PAGES], decompress_insns[PATH_PAGES];
	u8 zpage[ZOBJECT_MAX_BYTES] __aligned(8);
	u8 page[PAGE_SIZE] __aligned(8);
} paths;

/* What one path took, over so many pages. */
struct figures {
	u64 insns, codec_insns, pages;
};

static u64 page_va(u64 page)
{
	return paths.box + (1 + page) * PAGE_SIZE;
}

static u64 since(u64 start)
{
	return rdtsc() - start - paths.tsc;
}

static void measure_tsc(void)
{
	u64 best = UINT64_MAX;

	paths.tsc = 0;
	for (u32 i = 0; i < TSC_READS; i++) {
		u64 start = rdtsc();

		best = MIN(best, since(start));
	}
	paths.tsc = best;
}

/* The codec alone, on one page. False: the store would refuse it. */
static bool measure_codec(u64 page, const void *words)
{
	u64 word, start;
	int size;

	paths.compress_insns[page] = 0;
	paths.decompress_insns[page] = 0;
	if (page_is_same_filled(words, &word))
		return true;
	start = rdtsc();
	size = LZ4_compress_default(words, (char *)paths.zpage, PAGE_SIZE, ZPAGE_MAX_BYTES);
	paths.compress_insns[page] = (u32)since(start);
	if (size <= 0)
		return false;
	start = rdtsc();
	size = LZ4_decompress_safe((const char *)paths.zpage, (char *)paths.page, size, PAGE_SIZE);
	paths.decompress_insns[page] = (u32)since(start);
	return size == PAGE_SIZE;
}

/* Pages that the store will take, each its own. */
static const char *fill(const struct content *content, const struct block_source *source)
{
	u64 number = 0;

	for (u64 page = 0; page < PATH_PAGES; page++) {
		u64 *words = guest_touch(paths.mm, page_va(page), true);

		EXPECT(words);
		do {
			EXPECT(number < FILL_TRIES);
			content_page(content, source, SEED, number++, words);
		} while (!measure_codec(page, words));
	}
	return NULL;
}

/* Those that are in the store now, and what the codec takes for them. */
static u64 count_stored(const u32 *codec_insns, u64 *sum)
{
	u64 stored = 0;

	*sum = 0;
	for (u64 page = 0; page < PATH_PAGES; page++) {
		if (!entry_is(*pt_find(paths.mm, page_va(page)), ENTRY_ZPAGE))
			continue;
		stored++;
		*sum += codec_insns[page];
	}
	return stored;
}

/* Some of the pages to the store: those that are cold go first. */
static const char *compress_out(struct figures *f)
{
	u64 before = vm_event_total(EV_zstore_anon), start;

	madvise_cold(paths.mm, page_va(0), page_va(PATH_PAGES));
	start = rdtsc();
	reclaim_list(LRU_INACTIVE_ANON, OUT_FRAMES);
	f->insns = since(start);
	f->pages = count_stored(paths.compress_insns, &f->codec_insns);
	EXPECT(f->pages >= OUT_FRAMES && f->pages == vm_event_total(EV_zstore_anon) - before);
	return NULL;
}

static const char *give_order(enum sys_touch_order order)
{
	u64 *word = guest_touch(paths.mm, paths.box, true);

	EXPECT(word);
	*word = order;
	return NULL;
}

/* The workload touches all of them. */
static const char *fault_in(struct figures *f)
{
	const struct sys_touch *box;
	const char *wrong;

	reclaim_list(LRU_INACTIVE_ANON, PATH_PAGES);
	f->pages = count_stored(paths.decompress_insns, &f->codec_insns);
	EXPECT(f->pages == PATH_PAGES);
	wrong = give_order(SYS_TOUCH_GO);
	if (wrong)
		return wrong;
	for (u32 i = 0; i < MAX_POLLS; i++) {
		env_sleep_ns(POLL_NS);
		box = (const void *)guest_touch(paths.mm, paths.box, false);
		EXPECT(box);
		if (box->order != SYS_TOUCH_WAIT)
			continue;
		f->insns = box->insns;
		return NULL;
	}
	return "the workload does not answer";
}

static void print_path(const char *path, const char *content, const struct figures *f)
{
	u64 insns = f->insns / f->pages, codec_insns = f->codec_insns / f->pages;
	u64 ratio = codec_insns ? insns * 1000 / codec_insns : 0;

	printk("@path {\"path\":\"%s\",\"content\":\"%s\",\"pages\":%lu,\"total_insns\":%lu,"
	       "\"codec_insns\":%lu,\"ratio\":",
	       path, content, f->pages, insns, codec_insns);
	if (ratio)
		printk("%lu.%03lu}\n", ratio / 1000, ratio % 1000);
	else
		printk("null}\n");
}

static const char *run_content(const char *name, const struct block_source *source)
{
	struct figures out, in;
	const char *wrong = fill(content_find(name), source);

	if (!wrong)
		wrong = compress_out(&out);
	if (!wrong)
		wrong = fault_in(&in);
	if (wrong)
		return wrong;
	print_path("fault", name, &in);
	print_path("compress", name, &out);
	return NULL;
}

/* The workload, up to where it waits. */
static const char *start_touch(struct proc **proc)
{
	char name[] = "touch", *argv[] = { name };

	*proc = proc_start(1, argv);
	EXPECT(*proc);
	for (u32 i = 0; i < MAX_POLLS && !READ_ONCE((*proc)->report.ops); i++)
		env_sleep_ns(POLL_NS);
	paths.mm = (*proc)->mm;
	paths.box = (*proc)->report.ops;
	EXPECT(paths.box);
	return NULL;
}

const char *bench_paths(void)
{
	struct block_source source;
	struct proc *proc;
	const char *wrong;

	EXPECT(bench_data_blocks(&source));
	measure_tsc();
	wrong = start_touch(&proc);
	for (u32 i = 0; !wrong && i < ARRAY_SIZE(measured); i++)
		wrong = run_content(measured[i], &source);
	if (wrong)
		return wrong;
	wrong = give_order(SYS_TOUCH_END);
	proc_wait(proc);
	if (!wrong && proc->status != PROC_OK)
		wrong = "the workload has failed";
	proc_free(proc);
	return wrong;
}
