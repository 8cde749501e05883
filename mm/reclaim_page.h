/* SPDX-License-Identifier: MIT */
/*
 * reclaim_page.h - what becomes of one cold page: compressed, written to swap, dropped, or kept.
 * Between vmscan.c, which chooses pages, and reclaim_page.c, which moves their bytes.
 */
#ifndef MM_RECLAIM_PAGE_H
#define MM_RECLAIM_PAGE_H

#include "mm/policy.h"
#include "mm/vmscan.h"

/* Pages on their way to swap together; finished by swap_batch_finish(). */
struct swap_batch {
	struct page *pages[SWAP_CLUSTER];
	u64 entries[SWAP_CLUSTER]; /* what their entries were */
	u32 nr;
};

/*
 * Try to free one isolated page (the caller's reference comes along and is gone afterwards). The page goes
 * to the free list, into the batch, into the store, or back on a list. Returns frames freed now.
 */
u32 reclaim_page(struct scan_control *sc, struct page *page, enum page_type type,
		 const struct mm_decision *d, struct swap_batch *batch);
/* Write the batch and wait. Returns frames freed. */
u32 swap_batch_finish(struct swap_batch *batch);
/* Has the page been used through its page-table entries since last asked? Locked. Settles PG_AHEAD. */
bool page_accessed(struct page *page, enum page_type type);

#endif
