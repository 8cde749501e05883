/* SPDX-License-Identifier: MIT */
/*
 * paging.c - build the kernel's page tables once, and change little afterwards.
 *
 * The direct map uses 2 MiB pages wherever a whole one is RAM and holds nothing of the kernel
 * image, 4 KiB pages elsewhere. What is not RAM is not in it: a stray access faults instead of
 * poking a device.
 */
#include "kernel/paging.h"

#include "kernel/bootmem.h"
#include "kernel/cpu.h"
#include "kernel/stack.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/entry.h"
#include "mm/env.h"

#define ENTRIES	      512
#define ROOT_KERNEL   256		/* first root entry of the kernel's half */
#define PTE_CACHE_OFF (BIT(3) | BIT(4)) /* write-through, cache-disable */
#define PTE_LARGE     BIT(7)
#define LARGE_BYTES   (2 * MIB)
#define LEVEL_LARGE   2 /* levels count 4 (root) to 1 */

static struct {
	u64 *root;	   /* 0 */
	struct mutex lock; /* tables added below the root; mmio_next */
	u64 mmio_next;
} paging = { .mmio_next = MMIO_REGION };

static u32 index_at(u64 va, u32 level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

static u64 *table_alloc(void)
{
	struct page *page;

	if (!mem_layout.nr_frames)
		return bootmem_alloc(PAGE_SIZE);
	page = alloc_page(ALLOC_WAIT | ALLOC_ZERO, FRAME_PAGE_TABLE);
	return page ? page_address(page) : NULL;
}

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & PTE_PFN_MASK);
}

/* The entry for va at a level, making tables on the way down. NULL: no memory. */
static u64 *find_or_make(u64 va, u32 level)
{
	u64 *table = paging.root;

	for (u32 at = 4; at > level; at--) {
		u64 *entry = &table[index_at(va, at)];

		if (!(*entry & PTE_PRESENT)) {
			u64 *next = table_alloc();

			if (!next)
				return NULL;
			*entry = virt_to_phys(next) | PTE_PRESENT | PTE_WRITE;
		}
		ASSERT(!(*entry & PTE_LARGE));
		table = table_of(*entry);
	}
	return &table[index_at(va, level)];
}

static u64 make_entry(u64 phys, u32 flags)
{
	u64 entry = phys | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

	ASSERT(!(flags & PAGING_WRITE) || !(flags & PAGING_EXEC));
	if (flags & PAGING_WRITE)
		entry |= PTE_WRITE;
	if (!(flags & PAGING_EXEC))
		entry |= PTE_NX;
	if (flags & PAGING_UNCACHED)
		entry |= PTE_CACHE_OFF;
	return entry;
}

static bool map_at(u64 va, u64 phys, u32 flags, u32 level)
{
	u64 *entry = find_or_make(va, level);

	if (!entry)
		return false;
	ASSERT(!(*entry & PTE_PRESENT));
	*entry = make_entry(phys, flags) | (level == LEVEL_LARGE ? PTE_LARGE : 0);
	return true;
}

bool paging_map(u64 va, u64 phys, u32 flags)
{
	bool ok;

	mutex_lock(&paging.lock);
	ok = map_at(va, phys, flags, 1);
	mutex_unlock(&paging.lock);
	return ok;
}

u64 paging_lookup(u64 va, u64 *bytes)
{
	const u64 *table = paging.root;

	for (u32 level = 4; level; level--) {
		u64 entry = table[index_at(va, level)];

		*bytes = PAGE_SIZE << 9 * (level - 1);
		if (!(entry & PTE_PRESENT))
			return 0;
		if (level == 1 || entry & PTE_LARGE)
			return entry;
		table = table_of(entry);
	}
	return 0;
}

u64 paging_unmap(u64 va)
{
	u64 *table = paging.root, old;

	for (u32 level = 4; level > 1; level--)
		table = table_of(table[index_at(va, level)]);
	old = table[index_at(va, 1)];
	ASSERT(old & PTE_PRESENT);
	table[index_at(va, 1)] = 0;
	invlpg(va);
	return old & PTE_PFN_MASK;
}

/* ------------------------------------------------------------------ boot */

/* Is it text or constants of the image (or the boot part, whose work is done)? */
static bool is_constant(u64 phys)
{
	return phys >= (u64)__kernel_phys_start && phys < (u64)__rodata_end - KERNEL_VMA;
}

/* Whole large pages that touch the image are mapped by small ones. */
static bool holds_image(u64 phys)
{
	return phys + LARGE_BYTES > (u64)__kernel_phys_start && phys < (u64)__kernel_phys_end;
}

static void map_direct(const struct boot_range *range)
{
	u64 phys = range->start;

	while (phys < range->end) {
		bool large = phys % LARGE_BYTES == 0 && range->end - phys >= LARGE_BYTES &&
			     !holds_image(phys);

		map_at((u64)phys_to_virt(phys), phys, is_constant(phys) ? 0 : PAGING_WRITE,
		       large ? LEVEL_LARGE : 1);
		phys += large ? LARGE_BYTES : PAGE_SIZE;
	}
}

static void map_image(const u8 *start, const u8 *end, u32 flags)
{
	for (u64 va = (u64)start; va < (u64)end; va += PAGE_SIZE)
		if (!stack_is_guard(va))
			map_at(va, va - KERNEL_VMA, flags, 1);
}

void paging_init(const struct boot_info *info)
{
	mutex_init(&paging.lock, "kernel page tables");
	paging.root = bootmem_alloc(PAGE_SIZE);
	for (u32 i = 0; i < info->ram.nr; i++)
		map_direct(&info->ram.range[i]);
	map_image(__text_start, __text_end, PAGING_EXEC);
	map_image(__rodata_start, __rodata_end, 0);
	map_image(__data_start, __data_end, PAGING_WRITE);
	map_image(__bss_start, __bss_end, PAGING_WRITE);
	if (!find_or_make(STACK_REGION, 3) || !find_or_make(MMIO_REGION, 3))
		panic("no memory for page tables");
	write_cr3(virt_to_phys(paging.root));
	this_cpu()->loaded_root = virt_to_phys(paging.root);
}

u64 paging_kernel_root(void)
{
	return virt_to_phys(paging.root);
}

void paging_copy_kernel_half(u64 *root)
{
	memcpy(root + ROOT_KERNEL, paging.root + ROOT_KERNEL,
	       (ENTRIES - ROOT_KERNEL) * sizeof(u64));
}

volatile void *paging_map_mmio(u64 phys, u64 bytes)
{
	u64 first = ALIGN_DOWN(phys, PAGE_SIZE), end = ALIGN_UP(phys + bytes, PAGE_SIZE), va;

	mutex_lock(&paging.lock);
	va = paging.mmio_next;
	if (end <= first || end - first > MMIO_REGION + MMIO_BYTES - va) {
		mutex_unlock(&paging.lock);
		return NULL;
	}
	/* One page between two devices stays unmapped. */
	paging.mmio_next += end - first + PAGE_SIZE;
	mutex_unlock(&paging.lock);
	for (u64 at = first; at < end; at += PAGE_SIZE)
		if (!paging_map(va + at - first, at, PAGING_WRITE | PAGING_UNCACHED))
			return NULL;
	return (volatile u8 *)va + (phys - first);
}

/* ------------------------------------------------------------------ for tests */

struct visit {
	void (*fn)(u64 va, u64 entry, u64 bytes, void *arg);
	void *arg;
};

/* At most four deep. */
static void visit_table(const u64 *table, u32 level, u64 base, const struct visit *visit)
{
	u64 bytes = PAGE_SIZE << 9 * (level - 1);

	for (u32 i = level == 4 ? ROOT_KERNEL : 0; i < ENTRIES; i++) {
		u64 va = base + i * bytes;

		if (!(table[i] & PTE_PRESENT))
			continue;
		if (level == 1 || table[i] & PTE_LARGE)
			visit->fn(va, table[i], bytes, visit->arg);
		else
			visit_table(table_of(table[i]), level - 1, va, visit);
	}
}

void paging_for_each(void (*fn)(u64 va, u64 entry, u64 bytes, void *arg), void *arg)
{
	const struct visit visit = { fn, arg };

	visit_table(paging.root, 4, 0xffff000000000000UL, &visit);
}
