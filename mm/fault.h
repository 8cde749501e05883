/* SPDX-License-Identifier: MIT */
/* fault.h - between fault.c, area.c and reclaim; the public part is in mm.h. */
#ifndef MM_FAULT_H
#define MM_FAULT_H

#include "mm/mm.h"

/* The area that covers addr, or NULL. areas_lock held. */
struct area *area_find(struct mm *mm, u64 addr);
void area_init(void);

/*
 * An anon page whose entry has been cleared: give back the swap block that holds a clean copy of it,
 * if any, and the entry's reference.
 */
void anon_page_unused(struct page *page);

/* MADV_COLD: make the pages of the range the next candidates for reclaim. */
int madvise_cold(struct mm *mm, u64 start, u64 end);

/* For stats and verify, under env_exclusive(): fn may not sleep. */
void mm_for_each_exclusive(void (*fn)(struct mm *mm, void *arg), void *arg);

#endif
