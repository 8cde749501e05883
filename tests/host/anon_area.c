/* SPDX-License-Identifier: MIT */
/* anon_area.c - see anon_area.h. */
#include "tests/host/anon_area.h"

#include "lib/assert.h"
#include "lib/string.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"

void anon_area_make(struct anon_area *area, u64 nr_frames, u64 nr_pages, const char *policy,
		    bool seeks)
{
	s64 va;

	memset(area, 0, sizeof(*area));
	sim_boot(nr_frames, 1);
	policy_use_name(policy);
	host_disk_create(&area->swap, "swap", 4 * nr_pages * PAGE_SIZE);
	host_disk_make_swap(&area->swap);
	area->swap.dev.seeks = seeks;
	va = swap_attach(&area->swap.dev);
	ASSERT(!va);
	area->mm = mm_create("test", &area->proc);
	ASSERT(area->mm);
	va = mm_mmap(area->mm, 0, nr_pages * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, "test");
	ASSERT(va > 0);
	area->start = (u64)va;
}

void anon_area_end(struct anon_area *area)
{
	sim_tlb_flush_all();
	mm_destroy(area->mm);
	mm_verify();
	ASSERT(!swap_used_blocks());
	host_disk_destroy(&area->swap);
}

u64 anon_area_va(const struct anon_area *area, u64 page)
{
	return area->start + page * PAGE_SIZE;
}

void anon_area_touch(struct anon_area *area, u64 page, bool write)
{
	u64 value = page + 1;
	enum fault_result result = sim_touch(area->mm, anon_area_va(area, page), write, &value);

	ASSERT(result == FAULT_OK && value == page + 1);
}

bool zpage_is_in_block(entry_t e, u32 slot)
{
	struct zblock_ref block;

	if (!entry_is(e, ENTRY_ZSWAP))
		return false;
	block = entry_block(e);
	return block.slot == slot || (block.spans && block.slot + 1 == slot);
}
