/* SPDX-License-Identifier: MIT */
/*
 * pagetable.c - walking and making the four levels.
 *
 * The level-1 tables double as our record of pages that are not present: see entry.h.
 */
#include "mm/pagetable.h"

#include "mm/alloc.h"

#define PT_LEVELS 4

static u32 pt_index(u64 va, u32 level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & PTE_PFN_MASK);
}

static inline entry_t *walk(const struct mm *mm, u64 va)
{
	u64 *table = mm->root;

	if (va >= USER_TOP)
		return NULL;
		/* Unrolled, each level is a load and five instructions. */
#pragma GCC unroll 3
	for (u32 level = PT_LEVELS; level > 1; level--) {
		u64 e = READ_ONCE(table[pt_index(va, level)]);

		if (!(e & PTE_PRESENT))
			return NULL;
		table = table_of(e);
	}
	return &table[pt_index(va, 1)];
}

entry_t *pt_find(const struct mm *mm, u64 va)
{
	return walk(mm, va);
}

/* Where in struct mm an entry is counted, by its lowest four bits: present, and else the kind. 0: nowhere. */
#define COUNTED_AT(field) ((u16)offsetof(struct mm, field))
static const u16 counter_at[16] = {
	[1] = COUNTED_AT(nr_resident),
	[3] = COUNTED_AT(nr_resident),
	[5] = COUNTED_AT(nr_resident),
	[7] = COUNTED_AT(nr_resident),
	[9] = COUNTED_AT(nr_resident),
	[11] = COUNTED_AT(nr_resident),
	[13] = COUNTED_AT(nr_resident),
	[15] = COUNTED_AT(nr_resident),
	[ENTRY_ZPAGE << 1] = COUNTED_AT(nr_compressed),
	[ENTRY_SWAP << 1] = COUNTED_AT(nr_swapped),
	[ENTRY_ZSWAP << 1] = COUNTED_AT(nr_swapped),
	[ENTRY_BUSY << 1] = COUNTED_AT(nr_in_transit),
	[ENTRY_LOADING << 1] = COUNTED_AT(nr_in_transit),
};

static inline void count_entry(struct mm *mm, entry_t e, u64 n)
{
	u32 at = counter_at[e & 0xf];

	if (at)
		*(u64 *)((u8 *)mm + at) += n;
}

entry_t pt_set(struct mm *mm, entry_t *entry, entry_t to)
{
	entry_t was;

	DEBUG_ASSERT(spin_is_held(&mm->pt_lock));
	was = atomic_xchg(entry, to);
	count_entry(mm, was, -1UL);
	count_entry(mm, to, 1);
	return was;
}

entry_t pt_clear_bits(struct mm *mm, u64 va, entry_t *entry, u64 bits)
{
	entry_t was;

	DEBUG_ASSERT(spin_is_held(&mm->pt_lock) && entry_present(*entry));
	was = atomic_fetch_and(entry, ~bits);
	if (was & bits)
		env_tlb_flush_page(mm, va);
	return was;
}

/* Hang a new table into *slot unless another thread was faster. */
static bool make_table(struct mm *mm, u64 *slot)
{
	struct page *page = alloc_page(ALLOC_WAIT | ALLOC_ZERO, FRAME_PAGE_TABLE);

	if (!page)
		return false;
	spin_lock(&mm->pt_lock);
	if (!(*slot & PTE_PRESENT)) {
		WRITE_ONCE(*slot,
			   page_to_pfn(page) << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_USER);
		page = NULL;
	}
	spin_unlock(&mm->pt_lock);
	if (page)
		free_pages(page, 0);
	return true;
}

static __cold_path entry_t *make_entry(struct mm *mm, u64 va)
{
	u64 *table = mm->root;

	ASSERT(va < USER_TOP);
	for (u32 level = PT_LEVELS; level > 1; level--) {
		u64 *slot = &table[pt_index(va, level)];

		if (!(READ_ONCE(*slot) & PTE_PRESENT) && !make_table(mm, slot))
			return NULL;
		table = table_of(READ_ONCE(*slot));
	}
	return &table[pt_index(va, 1)];
}

entry_t *pt_find_or_make(struct mm *mm, u64 va)
{
	entry_t *entry = walk(mm, va);

	return likely(entry) ? entry : make_entry(mm, va);
}

static void free_level(u64 *table, u32 level)
{
	for (u32 i = 0; i < PT_ENTRIES; i++) {
		if (!(table[i] & PTE_PRESENT))
			continue;
		if (level > 2)
			free_level(table_of(table[i]), level - 1);
		free_pages(virt_to_page(table_of(table[i])), 0);
		table[i] = 0;
	}
}

void pt_free_tables(struct mm *mm)
{
	/* Only root entry 0 is the workload's: USER_TOP. */
	u64 entry = mm->root[0];

	_Static_assert(USER_TOP == 1UL << (PAGE_SHIFT + 27), "one root entry");
	if (!(entry & PTE_PRESENT))
		return;
	free_level(table_of(entry), PT_LEVELS - 1);
	free_pages(virt_to_page(table_of(entry)), 0);
	mm->root[0] = 0;
}

/* The first address after va's missing table, so that a hole costs one step. */
static u64 skip_missing(const struct mm *mm, u64 va)
{
	const u64 *table = mm->root;

	for (u32 level = PT_LEVELS; level > 1; level--) {
		u64 e = READ_ONCE(table[pt_index(va, level)]);
		u64 span = PAGE_SIZE << (9 * (level - 1));

		if (!(e & PTE_PRESENT))
			return ALIGN_DOWN(va, span) + span;
		table = table_of(e);
	}
	return va + PAGE_SIZE;
}

void pt_for_each(struct mm *mm, u64 start, u64 end, pt_visit_fn fn, void *arg)
{
	u64 va = start;

	while (va < end) {
		entry_t *entry = pt_find(mm, va);
		u64 table_end =
			MIN(end, ALIGN_DOWN(va, PAGE_SIZE * PT_ENTRIES) + PAGE_SIZE * PT_ENTRIES);

		if (!entry) {
			va = skip_missing(mm, va);
			continue;
		}
		spin_lock(&mm->pt_lock);
		for (; va < table_end; va += PAGE_SIZE, entry++) {
			while (*entry && !fn(mm, va, entry, arg))
				;
		}
		spin_unlock(&mm->pt_lock);
	}
}
