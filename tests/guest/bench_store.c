/* SPDX-License-Identifier: MIT */
/*
 * bench_store.c - the bench of the stores inside the kernel: the same rows as on the host, and instructions a page.
 *
 * It has stores of its own over memory of its own; the kernel's store is not touched. Run with
 * QEMU's -icount shift=0, where a virtual ns is an instruction.
 */
#include "lib/blockdev.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/mm.h"
#include "tests/guest/ktap.h"
#include "tests/store/bench.h"

/* Small enough for a minute of emulation. */
#define FRAMES	     512
#define SHRINK_SEEDS 20
#define MAX_BLOCKS   32
#define BLOCK_BYTES  (PAGE_SIZE << MAX_ORDER)

static struct bench bench; /* too large for a stack */

/* Largest blocks of the page allocator, in a row. */
static struct {
	struct page *block[MAX_BLOCKS];
	u32 nr;
} memory;

static bool read_block(void *ctx, u64 block, void *page)
{
	return !block_rw(ctx, BIO_READ, block * (PAGE_SIZE / SECTOR_SIZE), page, PAGE_SIZE);
}

bool bench_data_blocks(struct block_source *source)
{
	struct block_device *disk = block_find("data");

	if (!disk)
		return false;
	*source = (struct block_source){
		.nr_blocks = disk->nr_sectors / (PAGE_SIZE / SECTOR_SIZE),
		.read = read_block,
		.ctx = disk,
	};
	return true;
}

/* Put a block in its place by address. */
static void insert_block(struct page *block)
{
	u32 at = memory.nr++;

	for (; at && memory.block[at - 1] > block; at--)
		memory.block[at] = memory.block[at - 1];
	memory.block[at] = block;
}

/* So many bytes in a row; NULL: there are none, now. */
static void *take_memory(size_t bytes)
{
	u32 want = (u32)DIV_ROUND_UP(bytes, BLOCK_BYTES), run = 1;

	while (memory.nr < MAX_BLOCKS) {
		struct page *block = alloc_pages(0, MAX_ORDER, FRAME_KERNEL);

		if (!block)
			break;
		insert_block(block);
	}
	for (u32 i = 0; i < memory.nr; i++) {
		run = i && memory.block[i] - memory.block[i - 1] == 1 << MAX_ORDER ? run + 1 : 1;
		if (run >= want)
			return page_address(memory.block[i + 1 - want]);
	}
	return NULL;
}

static void give_memory(void)
{
	while (memory.nr)
		free_pages(memory.block[--memory.nr], MAX_ORDER);
}

static void run_kind(const struct zstore_kind *kind)
{
	static const char *const costs[] = { "json", "kernel2013", "mix" };

	for (u32 i = 0; i < nr_contents; i++)
		bench_packing(&bench, kind, &contents[i]);
	bench_shrink(&bench, kind);
	for (u32 i = 0; i < ARRAY_SIZE(costs); i++) {
		for (u32 checks = 0; checks < 2; checks++) {
			bench.checksums = checks;
			bench_cost(&bench, kind, content_find(costs[i]));
		}
	}
	bench.checksums = false;
}

const char *bench_store(void)
{
	const struct zstore_kind *kinds[BENCH_MAX_KINDS];
	u32 nr = bench_all_kinds(kinds);
	struct block_source source;

	EXPECT(bench_data_blocks(&source));
	bench = (struct bench){
		.where = "guest",
		.source = &source,
		.seed = 1,
		.frames = FRAMES,
		.shrink_seeds = SHRINK_SEEDS,
		.memory = take_memory(bench_bytes(FRAMES, kinds, nr)),
	};
	if (!bench.memory) {
		give_memory();
		return "not enough memory in a row; give mem=128M";
	}
	for (u32 i = 0; i < nr; i++)
		run_kind(kinds[i]);
	bench_table(&bench);
	give_memory();
	printk("# bench-store: %u gates missed\n", bench.nr_failed);
	return bench.nr_failed ? "gates were missed (see above)" : NULL;
}
