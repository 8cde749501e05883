/* SPDX-License-Identifier: MIT */
/*
 * lru.h - the six lists: {anon, file} x {inactive, active, compressed}.
 *
 * The only file that touches LRU links and counts is lru.c. A list's count and its
 * head live in one struct. The compressed lists hold the struct pages of store frames, so
 * that reclaim meets them as it meets any other page.
 *
 * Each list runs from the young end (head, where pages enter) to the old end (tail).
 */
#ifndef MM_LRU_H
#define MM_LRU_H

#include "lib/lock.h"
#include "lib/types.h"
#include "mm/page.h"

enum page_type { TYPE_ANON, TYPE_FILE, NR_PAGE_TYPES };

/* In the order of the frame states, so that one is computed from the other. */
enum lru_list {
	LRU_INACTIVE_ANON,
	LRU_ACTIVE_ANON,
	LRU_COMPRESSED_ANON,
	LRU_INACTIVE_FILE,
	LRU_ACTIVE_FILE,
	LRU_COMPRESSED_FILE,
	NR_LRU_LISTS,
};

static inline enum lru_list lru_of(enum page_type type, enum lru_list anon_list)
{
	return anon_list + (type == TYPE_FILE ? LRU_INACTIVE_FILE : 0);
}

static inline enum page_type lru_type(enum lru_list list)
{
	return list < LRU_INACTIVE_FILE ? TYPE_ANON : TYPE_FILE;
}

static inline enum frame_state lru_state(enum lru_list list)
{
	return (enum frame_state)(FRAME_INACTIVE_ANON + list);
}
_Static_assert(FRAME_ACTIVE_ANON == FRAME_INACTIVE_ANON + LRU_ACTIVE_ANON, "list order");
_Static_assert(FRAME_COMPRESSED_FILE == FRAME_INACTIVE_ANON + LRU_COMPRESSED_FILE, "list order");

static inline bool page_on_lru(const struct page *page)
{
	return READ_ONCE(page->state) - FRAME_INACTIVE_ANON < NR_LRU_LISTS;
}

static inline bool page_is_anon(const struct page *page)
{
	return page->state == FRAME_ISOLATED_ANON || page->state == FRAME_INACTIVE_ANON ||
	       page->state == FRAME_ACTIVE_ANON;
}

/* One list. Guarded by lruvec.lock. */
struct lru {
	u32 head, tail; /* indexes into memmap; NO_PAGE when empty */
	u64 nr_frames;
	u64 most_frames; /* the largest nr_frames so far */
};
#define NO_PAGE UINT32_MAX

struct lruvec {
	struct spinlock lock; /* the lists and the links and states of pages on them */
	struct lru lists[NR_LRU_LISTS];
};
extern struct lruvec lruvec;

void lru_init(void);

/* Put an isolated page (or, compressed lists, a frame of that isolated type) at the young end. */
void lru_add(struct page *page, enum lru_list list);
/* Take a page off whatever list it is on; it becomes isolated. False if it was on none. */
bool lru_remove(struct page *page);
/*
 * Take up to nr pages from the old end, each with one reference for the caller (pages whose
 * last reference is gone are passed over). Returns how many.
 */
u32 lru_isolate(enum lru_list list, struct page **pages, u32 nr);
/* Frames on a list: the running count. */
static inline u64 lru_frames(enum lru_list list)
{
	return READ_ONCE(lruvec.lists[list].nr_frames);
}
u64 lru_most_frames(enum lru_list list);

/* Store frames: enter at the young end straight from allocation; leave for the free list. */
void lru_add_store_frame(struct page *page, enum lru_list list);
void lru_del_store_frame(struct page *page);
/* The younger neighbour of a frame on the list, NULL behind the youngest; of NULL: the oldest. */
struct page *lru_younger(enum lru_list list, const struct page *page);

/* Second reference: inactive to active. Any page; does nothing if it is not on an inactive list. */
void lru_activate(struct page *page);
/* To the old end of the inactive list: it goes next. Does nothing if it is on neither list of its type. */
void lru_deactivate(struct page *page);
/* The use of an unmapped file page by read or write: referenced, then activated. */
void mark_page_accessed(struct page *page);

/* Full walk: links, counts and states agree. */
void lru_verify(void);

#endif
