/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the page allocator: a buddy allocator over the managed frames
 * with watermarks and a reserve for reclaim, and small objects on top.
 */
#ifndef MM_ALLOC_H
#define MM_ALLOC_H

#include "lib/types.h"
#include "mm/page.h"

#define MAX_ORDER 10 /* largest block: 2^10 frames, 4 MiB */

enum alloc_flags {
	/* Without ALLOC_WAIT the call never sleeps and fails below WMARK_MIN. */
	ALLOC_ATOMIC = 0,
	/*
	 * May reclaim (and so sleep) to get frames. Thread context, no spinlock
	 * held. Order 0 fails only when the caller's workload has been killed or memory
	 * cannot be had at all; orders above 0 may fail.
	 */
	ALLOC_WAIT = BIT(0),
	/* May go below WMARK_MIN. Implied for threads with MMC_RECLAIM. */
	ALLOC_RESERVE = BIT(1),
	ALLOC_ZERO = BIT(2),
};

/*
 * 2^order frames, contiguous and aligned to their size, in the given state, with
 * one reference on the first page. NULL on failure. Debug builds check that
 * free frames still hold their poison, and fill new ones with another.
 */
struct page *alloc_pages(u32 flags, u32 order, enum frame_state state);
void free_pages(struct page *page, u32 order);

/*
 * nr frames in a row, as if each had been allocated alone (one reference, order 0); at most
 * 2^MAX_ORDER. What a block of that size has beyond them is given back at once.
 */
struct page *alloc_frames(u32 flags, u32 nr, enum frame_state state);

/* One frame. */
struct page *alloc_page(u32 flags, enum frame_state state);
void free_page(struct page *page);

/* Free frames below which: only reclaim allocates / kswapd wakes / kswapd rests. */
enum watermark { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARKS };
u64 watermark_frames(enum watermark mark);
u64 nr_free_frames(void);
/* Largest order with a free block now; -1 if none. For tests and dumps. */
int largest_free_order(void);

/* Put the managed frames on the free lists. Called once by mm_init(). */
void page_alloc_init(void);
/* Walk the free lists and check them against the states and counts. */
void page_alloc_verify(void);

/*
 * Small kernel objects: size classes of 16 to 2048 bytes; more takes whole
 * frames. 16-byte aligned. kmalloc: flags as above. Any context with
 * ALLOC_ATOMIC. Debug builds poison freed objects and check the poison.
 */
void *kmalloc(size_t bytes, u32 flags);
void *kzalloc(size_t bytes, u32 flags);
void kfree(void *object); /* NULL is allowed */
void kmalloc_init(void);
/* Bytes in live objects; and a full walk of the slabs. */
u64 kmalloc_bytes(void);
void kmalloc_verify(void);

/* Fault injection for tests: every n-th call of alloc_pages() without ALLOC_WAIT fails; 0: off. */
extern u64 alloc_fail_every;

#endif
