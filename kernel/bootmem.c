/* SPDX-License-Identifier: MIT */
/*
 * bootmem.c - from the loader's memory map to one contiguous run of managed frames.
 *
 * The managed run is one run because frame numbers are then indexes (mm/page.h), and it holds
 * exactly what mem= asks for, because experiments are about memory being short: page tables of
 * the direct map, struct pages and a RAM disk come from what lies beside it.
 *
 *   | low 1 MiB | kernel image | boot page tables | struct pages | managed run | rest |
 */
#include "kernel/bootmem.h"

#include "kernel/paging.h"
#include "lib/assert.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"

/* Below this, firmware and ISA devices have their say. */
#define LOW_MEMORY MIB
/* What the tables of boot.asm reach. */
#define BOOT_REACH (4 * GIB)
/* Blocks of the buddy allocator are then aligned in physical memory too. */
#define RUN_ALIGN  (PAGE_SIZE << MAX_ORDER)

static struct boot_ranges free_ram;

static void take(u64 start, u64 end)
{
	if (!boot_ranges_remove(&free_ram, ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE)))
		panic("the memory map is too fragmented: more than %u ranges", BOOT_MAX_RANGES);
}

void bootmem_init(const struct boot_info *info)
{
	free_ram = info->ram;
	take(0, LOW_MEMORY);
	take((u64)__kernel_phys_start, (u64)__kernel_phys_end);
	for (u32 i = 0; i < info->nr_modules; i++)
		take(info->modules[i].start, info->modules[i].start + info->modules[i].bytes);
}

void *bootmem_alloc(u64 bytes)
{
	const struct boot_range *range = boot_ranges_largest(&free_ram, BOOT_REACH);
	u64 start;

	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	if (!range || MIN(range->end, BOOT_REACH) - range->start < bytes)
		panic("no RAM for %lu KiB of boot memory", bytes / KIB);
	start = range->start;
	take(start, start + bytes);
	return memset(phys_to_virt(start), 0, bytes);
}

/* How many frames a range can hold beside their struct pages, which come first. */
static u64 frames_in(const struct boot_range *range)
{
	u64 frames = (range->end - range->start) / (PAGE_SIZE + sizeof(struct page));

	while (frames && ALIGN_UP(range->start + frames * sizeof(struct page), PAGE_SIZE) +
					 frames * PAGE_SIZE >
				 range->end)
		frames--;
	return frames;
}

bool bootmem_plan(u64 mem_bytes, struct mm_config *config, char *error, size_t error_bytes)
{
	const struct boot_range *range = boot_ranges_largest(&free_ram, UINT64_MAX);
	u64 there = range ? frames_in(range) : 0;
	u64 frames = mem_bytes ? mem_bytes / PAGE_SIZE : there;
	u64 map_bytes = ALIGN_UP(frames * sizeof(struct page), PAGE_SIZE);
	u64 map, first;

	if (frames > there) {
		ksnprintf(
			error, error_bytes,
			"mem=%luM: too large; this machine has %lu MiB in one run above the kernel",
			mem_bytes / MIB, there * PAGE_SIZE / MIB);
		return false;
	}
	if (frames < BOOTMEM_MIN_MANAGED / PAGE_SIZE) {
		ksnprintf(error, error_bytes,
			  "%lu MiB of memory to manage: too little; %lu are needed",
			  frames * PAGE_SIZE / MIB, BOOTMEM_MIN_MANAGED / MIB);
		return false;
	}
	map = range->start;
	first = ALIGN_UP(map + map_bytes, RUN_ALIGN);
	if (first + frames * PAGE_SIZE > range->end)
		first = map + map_bytes;
	config->memmap = memset(phys_to_virt(map), 0, map_bytes);
	config->first_pfn = first >> PAGE_SHIFT;
	config->nr_frames = frames;
	take(map, map + map_bytes);
	take(first, first + frames * PAGE_SIZE);
	return true;
}

u64 bootmem_take_rest(u64 *phys)
{
	const struct boot_range *range = boot_ranges_largest(&free_ram, UINT64_MAX);
	u64 bytes;

	if (!range)
		return 0;
	*phys = range->start;
	bytes = range->end - range->start;
	take(*phys, *phys + bytes);
	return bytes;
}
