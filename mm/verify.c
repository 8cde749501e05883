/* SPDX-License-Identifier: MIT */
/*
 * verify.c - the census and the full walks. docs/invariants.md lists the numbers.
 *
 * All of it runs under env_exclusive(): what is seen is a state between critical sections. So a
 * page in somebody's hands is in one of the states that say so, and nothing needs to be guessed.
 */
#include "lib/print.h"
#include "mm/alloc.h"
#include "mm/fault.h"
#include "mm/lru.h"
#include "mm/owner.h"
#include "mm/pagecache.h"
#include "mm/pagetable.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/zpage.h"

/* I1, I2: each frame is in one state; the counts say how many; they add up. */
static void census(void)
{
	u64 seen[NR_FRAME_STATES] = { 0 }, sum = 0;

	for (u64 i = 0; i < mem_layout.nr_frames; i++) {
		const struct page *page = &mem_layout.memmap[i];

		ASSERT_PAGE(page->state < NR_FRAME_STATES, page);
		seen[page->state]++;
	}
	for (u32 state = 0; state < NR_FRAME_STATES; state++) {
		if (seen[state] != frame_count((enum frame_state)state))
			panic("I2: census: %lu frames are %s, the counter says %lu", seen[state],
			      frame_state_gauge((enum frame_state)state),
			      frame_count((enum frame_state)state));
		sum += frame_count((enum frame_state)state);
	}
	if (sum != mem_layout.nr_frames)
		panic("I1: the states add up to %lu frames, %lu are managed", sum,
		      mem_layout.nr_frames);
	for (u32 list = 0; list < NR_LRU_LISTS; list++)
		if (lru_frames((enum lru_list)list) != frame_count(lru_state((enum lru_list)list)))
			panic("I3: list %s counts %lu frames, the states %lu",
			      frame_state_gauge(lru_state((enum lru_list)list)),
			      lru_frames((enum lru_list)list),
			      frame_count(lru_state((enum lru_list)list)));
}

void stats_census(void)
{
	census();
}

struct tally {
	u64 resident, compressed, swapped, in_transit;
};

/*
 * I4: a present entry and its page name each other. I7: a swapped entry's block, and the next if its
 * zpage goes on there, are in use.
 */
static bool check_entry(struct mm *mm, u64 va, entry_t *entry, void *arg)
{
	struct tally *tally = arg;
	entry_t e = *entry;

	if (entry_present(e)) {
		struct page *page = pfn_to_page(entry_pfn(e));

		tally->resident++;
		if (!page->mapcount) {
			ASSERT_PAGE(page->key == key_make(mm->id, va >> PAGE_SHIFT), page); /* I4 */
			ASSERT_PAGE(page_is_anon(page) && page->refs, page);
		}
		return true;
	}
	switch (entry_kind(e)) {
	case ENTRY_ZPAGE:
		tally->compressed++;
		break;
	case ENTRY_SWAP:
	case ENTRY_ZSWAP:
		tally->swapped++;
		if (!swap_uses(entry_slot(e)))
			panic("I7: entry %lx of %s at %lx names swap block %u, which is free", e,
			      mm->name, va, entry_slot(e));
		if (entry_is(e, ENTRY_ZSWAP) && entry_block(e).spans &&
		    !swap_uses(entry_slot(e) + 1))
			panic("I7: entry %lx of %s at %lx goes on in swap block %u, which is free",
			      e, mm->name, va, entry_slot(e) + 1);
		break;
	case ENTRY_LOST:
		break;
	default:
		tally->in_transit++;
	}
	return true;
}

/* I5: the counts of an address space are those of its entries. */
static void check_mm(struct mm *mm, void *arg)
{
	struct tally *total = arg, tally = { 0 };

	pt_for_each(mm, USER_BASE, USER_TOP, check_entry, &tally);
	if (tally.resident != mm->nr_resident || tally.compressed != mm->nr_compressed ||
	    tally.swapped != mm->nr_swapped || tally.in_transit != mm->nr_in_transit)
		panic("I5: %s: walked %lu resident, %lu compressed, %lu swapped, %lu in transit; "
		      "counted %lu, %lu, %lu, %lu",
		      mm->name, tally.resident, tally.compressed, tally.swapped, tally.in_transit,
		      mm->nr_resident, mm->nr_compressed, mm->nr_swapped, mm->nr_in_transit);
	total->compressed += tally.compressed;
}

/* I4, I5 for files. */
static void check_mapping(struct address_space *mapping, void *arg)
{
	struct tally *total = arg, tally = { 0 };

	for (u64 index = 0; index < DIV_ROUND_UP(mapping->size_bytes, PAGE_SIZE); index++) {
		u64 *slot = mapping_slot(mapping, index);

		if (!slot || !*slot)
			continue;
		if (entry_present(*slot)) {
			struct page *page = pfn_to_page(entry_pfn(*slot));

			tally.resident++;
			ASSERT_PAGE(page->key == key_make(mapping->id, index), page); /* I4 */
			ASSERT_PAGE(page->refs, page);
		} else if (entry_is(*slot, ENTRY_ZPAGE)) {
			tally.compressed++;
		}
	}
	if (tally.resident != mapping->nr_pages || tally.compressed != mapping->nr_compressed)
		panic("I5: file %s: walked %lu resident, %lu compressed; counted %lu, %lu",
		      mapping->name, tally.resident, tally.compressed, mapping->nr_pages,
		      mapping->nr_compressed);
	total->compressed += tally.compressed;
}

static u64 stored(enum page_type type)
{
	struct zstore_type_stats z;

	zpage_stats(type, &z);
	if (z.backing_frames != lru_frames(lru_of(type, LRU_COMPRESSED_ANON)))
		panic("I6: the store backs its zpages with %lu frames, list %s has %lu",
		      z.backing_frames,
		      frame_state_gauge(lru_state(lru_of(type, LRU_COMPRESSED_ANON))),
		      lru_frames(lru_of(type, LRU_COMPRESSED_ANON)));
	return z.stored_pages + z.same_pages;
}

static void verify_exclusive(void *arg)
{
	struct tally anon = { 0 }, file = { 0 };

	census();
	lru_verify();
	page_alloc_verify();
	kmalloc_verify();
	mm_for_each_exclusive(check_mm, &anon);
	mapping_for_each_exclusive(check_mapping, &file);
	zpage_verify();
	/* I6: no reference without a zpage; a zpage without one is in transit. */
	if (anon.compressed > stored(TYPE_ANON) || file.compressed > stored(TYPE_FILE))
		panic("I6: %lu anon and %lu file references, %lu and %lu zpages", anon.compressed,
		      file.compressed, stored(TYPE_ANON), stored(TYPE_FILE));
}

void mm_verify(void)
{
	env_exclusive(verify_exclusive, NULL);
}
