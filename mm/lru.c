/* SPDX-License-Identifier: MIT */
/*
 * lru.c - the six lists.
 *
 * Links are indexes into the memmap, so that two of them take eight bytes. A page's state, its place on
 * a list and the list's count change in one critical section: a walk at any other moment finds
 * them equal (I3).
 */
#include "mm/lru.h"

#include "mm/stats.h"

struct lruvec lruvec;

void lru_init(void)
{
	spin_lock_init(&lruvec.lock, "lruvec");
	for (u32 i = 0; i < NR_LRU_LISTS; i++)
		lruvec.lists[i] = (struct lru){ .head = NO_PAGE, .tail = NO_PAGE };
}

static u32 index_of(const struct page *page)
{
	return (u32)(page - mem_layout.memmap);
}

static struct page *page_at(u32 index)
{
	return index == NO_PAGE ? NULL : &mem_layout.memmap[index];
}

static enum lru_list list_of(const struct page *page)
{
	return (enum lru_list)(page->state - FRAME_INACTIVE_ANON);
}

static enum frame_state isolated_state(enum lru_list list)
{
	return list < LRU_INACTIVE_FILE ? FRAME_ISOLATED_ANON : FRAME_ISOLATED_FILE;
}

static inline void link_locked(struct page *page, enum lru_list which, bool young)
{
	struct lru *list = &lruvec.lists[which];
	u32 index = index_of(page);

	frame_set_state(page, lru_state(which));
	page->next = young ? list->head : NO_PAGE;
	page->prev = young ? NO_PAGE : list->tail;
	if (page->next != NO_PAGE)
		page_at(page->next)->prev = index;
	else
		list->tail = index;
	if (page->prev != NO_PAGE)
		page_at(page->prev)->next = index;
	else
		list->head = index;
	list->nr_frames++;
	list->most_frames = MAX(list->most_frames, list->nr_frames);
}

static void unlink_locked(struct page *page)
{
	enum lru_list which = list_of(page);
	struct lru *list = &lruvec.lists[which];

	if (page->next != NO_PAGE)
		page_at(page->next)->prev = page->prev;
	else
		list->tail = page->prev;
	if (page->prev != NO_PAGE)
		page_at(page->prev)->next = page->next;
	else
		list->head = page->next;
	list->nr_frames--;
	frame_set_state(page, isolated_state(which));
}

void lru_add(struct page *page, enum lru_list list)
{
	spin_lock(&lruvec.lock);
	link_locked(page, list, true);
	spin_unlock(&lruvec.lock);
}

bool lru_remove(struct page *page)
{
	bool was_on;

	spin_lock(&lruvec.lock);
	was_on = page_on_lru(page);
	if (was_on)
		unlink_locked(page);
	spin_unlock(&lruvec.lock);
	return was_on;
}

u32 lru_isolate(enum lru_list list, struct page **pages, u32 nr)
{
	u32 taken = 0;

	spin_lock(&lruvec.lock);
	/* A page whose last reference is gone waits for its freer, who will take it off. */
	for (u32 tries = 2 * nr, at = lruvec.lists[list].tail; at != NO_PAGE && taken < nr && tries;
	     tries--) {
		struct page *page = page_at(at);

		at = page->prev;
		if (!get_page_unless_zero(page))
			continue;
		unlink_locked(page);
		pages[taken++] = page;
	}
	spin_unlock(&lruvec.lock);
	return taken;
}

u64 lru_most_frames(enum lru_list list)
{
	return READ_ONCE(lruvec.lists[list].most_frames);
}

void lru_add_store_frame(struct page *page, enum lru_list list)
{
	ASSERT_PAGE(list == LRU_COMPRESSED_ANON || list == LRU_COMPRESSED_FILE, page);
	lru_add(page, list);
}

void lru_del_store_frame(struct page *page)
{
	spin_lock(&lruvec.lock);
	ASSERT_PAGE(page->state == FRAME_COMPRESSED_ANON || page->state == FRAME_COMPRESSED_FILE,
		    page);
	unlink_locked(page);
	spin_unlock(&lruvec.lock);
}

struct page *lru_younger(enum lru_list list, const struct page *page)
{
	struct page *younger;

	spin_lock(&lruvec.lock);
	if (page)
		ASSERT_PAGE(page->state == lru_state(list), page);
	younger = page_at(page ? page->prev : lruvec.lists[list].tail);
	spin_unlock(&lruvec.lock);
	return younger;
}

void lru_activate(struct page *page)
{
	spin_lock(&lruvec.lock);
	if (page->state == FRAME_INACTIVE_ANON || page->state == FRAME_INACTIVE_FILE) {
		enum lru_list list = list_of(page);

		unlink_locked(page);
		link_locked(page, list + (LRU_ACTIVE_ANON - LRU_INACTIVE_ANON), true);
		page_set(page, PG_WORKINGSET);
		count_vm_event(EV_pgactivate);
	}
	spin_unlock(&lruvec.lock);
}

void lru_deactivate(struct page *page)
{
	spin_lock(&lruvec.lock);
	if (page->state == FRAME_ACTIVE_ANON || page->state == FRAME_INACTIVE_ANON ||
	    page->state == FRAME_ACTIVE_FILE || page->state == FRAME_INACTIVE_FILE) {
		bool anon = list_of(page) < LRU_INACTIVE_FILE;

		unlink_locked(page);
		link_locked(page, anon ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE, false);
		count_vm_event(EV_pgdeactivate);
	}
	spin_unlock(&lruvec.lock);
}

void mark_page_accessed(struct page *page)
{
	if (!page_test_and_set(page, PG_REFERENCED))
		return;
	if (page->state == FRAME_INACTIVE_FILE || page->state == FRAME_INACTIVE_ANON) {
		page_clear(page, PG_REFERENCED);
		lru_activate(page);
	}
}

void lru_verify(void)
{
	spin_lock(&lruvec.lock);
	for (u32 which = 0; which < NR_LRU_LISTS; which++) {
		const struct lru *list = &lruvec.lists[which];
		u64 walked = 0;
		u32 prev = NO_PAGE;

		for (u32 at = list->head; at != NO_PAGE; at = page_at(at)->next) {
			const struct page *page = page_at(at);

			ASSERT_PAGE(page->state == lru_state(which), page); /* I3 */
			ASSERT_PAGE(page->prev == prev, page);
			ASSERT_PAGE(walked < mem_layout.nr_frames, page);
			prev = at;
			walked++;
		}
		if (list->tail != prev || walked != list->nr_frames ||
		    walked != frame_count(lru_state(which)))
			panic("I3: list %s: walked %lu, list count %lu, state count %lu",
			      frame_state_gauge(lru_state(which)), walked, list->nr_frames,
			      frame_count(lru_state(which)));
	}
	spin_unlock(&lruvec.lock);
}
