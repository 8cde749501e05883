/* SPDX-License-Identifier: MIT */
/* guest_mm.c - see guest_mm.h. */
#include "tests/guest/guest_mm.h"

#include "mm/pagetable.h"
#include "tests/guest/ktap.h"

enum fault_result guest_fault(struct mm *mm, u64 va, bool write, u64 **word)
{
	entry_t *entry = pt_find(mm, va);
	enum fault_result result;

	if (!entry || !entry_present(*entry) || (write && !(*entry & PTE_WRITE))) {
		result = mm_fault(mm, va, write ? FAULT_WRITE : 0);
		if (result != FAULT_OK)
			return result;
		entry = pt_find(mm, va);
	}
	/* Nobody reclaims between the fault and this, but in a test that is short of memory. */
	if (!entry_present(*entry))
		return FAULT_OOM;
	*word = (u64 *)((u8 *)page_address(pfn_to_page(entry_pfn(*entry))) +
			(va & (PAGE_SIZE - 1)));
	return FAULT_OK;
}

u64 *guest_touch(struct mm *mm, u64 va, bool write)
{
	u64 *word = NULL;

	guest_fault(mm, va, write, &word);
	return word;
}

struct mm *guest_mm(u64 pages, u64 *start)
{
	struct mm *mm = mm_create("test", NULL);
	s64 va;

	if (!mm)
		return NULL;
	va = mm_mmap(mm, 0, pages * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, "test");
	*start = (u64)va;
	if (va > 0)
		return mm;
	mm_destroy(mm);
	return NULL;
}

/* A pattern that compresses, and a quarter that does not: each page is its own. */
static u64 word_of(u64 page, u64 i)
{
	return i % 4 ? page : (page + 1) * (i + 1) * 0x9e3779b97f4a7c15UL;
}

const char *guest_fill(struct mm *mm, u64 start, u64 pages)
{
	for (u64 page = 0; page < pages; page++) {
		u64 *words = guest_touch(mm, start + page * PAGE_SIZE, true);

		EXPECT(words);
		for (u64 i = 0; i < 512; i++)
			words[i] = word_of(page, i);
	}
	return NULL;
}

bool guest_page_is_good(const u64 *words, u64 page)
{
	for (u64 i = 0; i < 512; i++)
		if (words[i] != word_of(page, i))
			return false;
	return true;
}

const char *guest_check(struct mm *mm, u64 start, u64 pages)
{
	for (u64 page = 0; page < pages; page++) {
		const u64 *words = guest_touch(mm, start + page * PAGE_SIZE, false);

		EXPECT(words);
		EXPECT(guest_page_is_good(words, page));
	}
	return NULL;
}
