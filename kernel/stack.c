/* SPDX-License-Identifier: MIT */
/*
 * stack.c - slots of the stack region.
 *
 * A slot's translation is removed when its stack is freed and set when it is reused, always by
 * the CPU that frees; a CPU that never ran the thread has no translation to forget. The frames are
 * single ones: a stack never needs contiguous memory.
 */
#include "kernel/stack.h"

#include "kernel/paging.h"
#include "lib/bitmap.h"
#include "lib/lock.h"
#include "mm/alloc.h"

static struct {
	struct spinlock lock; /* used */
	u64 used[BITMAP_WORDS(STACK_MAX)];
} stacks = { .lock = SPINLOCK_INIT("stacks") };

static u64 slot_base(u64 slot)
{
	return STACK_REGION + (slot * STACK_SLOT_PAGES + STACK_GUARD_PAGES) * PAGE_SIZE;
}

static u64 slot_take(void)
{
	u64 slot;

	spin_lock(&stacks.lock);
	slot = bitmap_find_next_zero(stacks.used, STACK_MAX, 0);
	if (slot < STACK_MAX)
		bitmap_set(stacks.used, slot);
	spin_unlock(&stacks.lock);
	return slot;
}

static void slot_give_back(u64 slot)
{
	spin_lock(&stacks.lock);
	bitmap_clear(stacks.used, slot);
	spin_unlock(&stacks.lock);
}

static void unmap_frames(u64 base, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		u64 phys = paging_unmap(base + i * PAGE_SIZE);

		free_pages(pfn_to_page(phys >> PAGE_SHIFT), 0);
	}
}

bool stack_alloc(u64 *base, u64 *top)
{
	u64 slot = slot_take();

	if (slot == STACK_MAX)
		return false;
	for (u32 i = 0; i < KERNEL_STACK_FRAMES; i++) {
		struct page *page = alloc_page(ALLOC_WAIT, FRAME_KERNEL_STACK);

		if (page && paging_map(slot_base(slot) + i * PAGE_SIZE,
				       page_to_pfn(page) << PAGE_SHIFT, PAGING_WRITE))
			continue;
		if (page)
			free_pages(page, 0);
		unmap_frames(slot_base(slot), i);
		slot_give_back(slot);
		return false;
	}
	*base = slot_base(slot);
	*top = *base + KERNEL_STACK_FRAMES * PAGE_SIZE;
	return true;
}

void stack_free(u64 base)
{
	unmap_frames(base, KERNEL_STACK_FRAMES);
	slot_give_back((base - STACK_REGION) / (STACK_SLOT_PAGES * PAGE_SIZE));
}

bool stack_is_guard(u64 addr)
{
	u64 page = (addr - STACK_REGION) / PAGE_SIZE % STACK_SLOT_PAGES;

	if (addr >= (u64)boot_stack_guard_low && addr < (u64)boot_stack_guard_end)
		return addr < (u64)boot_stack_base || addr >= (u64)boot_stack_top;
	if (addr < STACK_REGION || addr >= STACK_REGION + STACK_MAX * STACK_SLOT_PAGES * PAGE_SIZE)
		return false;
	return page < STACK_GUARD_PAGES || page >= STACK_GUARD_PAGES + KERNEL_STACK_FRAMES;
}
