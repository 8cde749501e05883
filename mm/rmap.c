/* SPDX-License-Identifier: MIT */
/*
 * rmap.c - from a file page to the page-table entries that map it.
 *
 * An anon page needs none of this: its key is its one entry (owner.h). A file page may be mapped by
 * any area on its mapping's list, at the address that its index gives.
 *
 * Lock order: mapping->areas_lock (read), then mm->pt_lock of one address space at a time. The page
 * is locked, so that it stays the mapping's.
 */
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/pagetable.h"

enum rmap_action { RMAP_UNMAP, RMAP_REFERENCED, RMAP_CLEAN };

/* One area: act on its entry if it maps the page. True if it had been used. */
static bool act_on_area(struct area *area, struct page *page, enum rmap_action action)
{
	struct mm *mm = area->mm;
	u64 index = page_index(page), va;
	entry_t *entry, e;
	bool accessed = false;

	if (index < area->file_index)
		return false;
	va = area->start + ((index - area->file_index) << PAGE_SHIFT);
	if (va >= area->end)
		return false;
	entry = pt_find(mm, va);
	if (!entry)
		return false;
	spin_lock(&mm->pt_lock);
	e = *entry;
	if (entry_present(e) && entry_pfn(e) == page_to_pfn(page)) {
		if (action == RMAP_UNMAP) {
			e = pt_set(mm, entry, 0);
			env_tlb_flush_page(mm, va);
			atomic_sub(&page->mapcount, 1);
		} else {
			e = pt_clear_bits(mm, va, entry,
					  action == RMAP_REFERENCED ? PTE_ACCESSED
								    : PTE_WRITE | PTE_DIRTY);
		}
		accessed = e & PTE_ACCESSED;
	}
	spin_unlock(&mm->pt_lock);
	return accessed;
}

static bool for_each_area(struct address_space *mapping, struct page *page, enum rmap_action action)
{
	struct area *area;
	bool accessed = false;

	ASSERT_PAGE(page_test(page, PG_LOCKED), page);
	if (!atomic_read(&page->mapcount))
		return false;
	down_read(&mapping->areas_lock);
	list_for_each_entry(area, &mapping->areas, mapping_link)
		accessed |= act_on_area(area, page, action);
	up_read(&mapping->areas_lock);
	return accessed;
}

bool rmap_unmap_file(struct address_space *mapping, struct page *page)
{
	return for_each_area(mapping, page, RMAP_UNMAP);
}

bool rmap_referenced_file(struct address_space *mapping, struct page *page)
{
	return for_each_area(mapping, page, RMAP_REFERENCED);
}

void rmap_clean_file(struct address_space *mapping, struct page *page)
{
	for_each_area(mapping, page, RMAP_CLEAN);
}
