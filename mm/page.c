/* SPDX-License-Identifier: MIT */
/*
 * page.c - the one function that changes a frame's state, and what can be done to any page.
 *
 * The six quantities are worth what their counts are worth. So a frame's state is written in one
 * place, which first looks the change up in a table of legal transitions and then moves one frame
 * from one count to another. A count can be wrong only if a state is; a state can be
 * wrong only by a transition that the table allows; and the census (I2) finds the rest.
 *
 * The states form a star around "isolated", the state of a page in somebody's hands:
 *
 *	FREE --alloc_pages--> ISOLATED_x --lru_add--> INACTIVE_x, ACTIVE_x
 *	  ^                    |  ^  |                     |
 *	  +-----free_pages-----+  |  |                     |
 *	                          +--|-----lru_remove------+
 *	                          |  +--lru_add_store_frame--> COMPRESSED_x
 *	                          +-----lru_del_store_frame--------+
 *
 * There is no shortcut between two lists: a page that moves is off all lists for a moment, under
 * the lock of both. A donated frame (a page whose own frame becomes the store's) needs no rule of
 * its own: it is isolated when the store takes it. Kernel memory knows only FREE and its own
 * kind.
 *
 * Waiting for a page uses a small table of wait queues shared by all pages, since almost no page is
 * ever waited for. PG_WAITERS says that somebody may be there:
 *
 *	waiter                                  unlocker
 *	enqueue
 *	set PG_WAITERS
 *	PG_LOCKED still set?
 *	                                        clear PG_LOCKED and PG_WAITERS at once
 *	                                        PG_WAITERS was set: wake the queue
 *	sleep, or find itself woken
 *
 * All are changes of one word, so one of the two sees the other. Whoever clears PG_WAITERS
 * wakes everybody in the queue; those who must go on waiting set it again. The unlocker does not
 * touch the page after its one change: by then it may be free.
 */
#include "mm/page.h"

#include "lib/lock.h"
#include "lib/print.h"
#include "mm/alloc.h"
#include "mm/lru.h"

#define WAIT_QUEUES 64 /* a power of two */

struct mem_layout mem_layout;

static struct {
	u64 frames[NR_FRAME_STATES]; /* A: frames in each state */
} census;

static struct waitqueue page_waits[WAIT_QUEUES];

#define KERNEL_STATES                                                       \
	(BIT(FRAME_SLAB) | BIT(FRAME_PAGE_TABLE) | BIT(FRAME_CACHE_INDEX) | \
	 BIT(FRAME_KERNEL_STACK) | BIT(FRAME_STORE_META) | BIT(FRAME_KERNEL))
#define ANON_LISTS (BIT(FRAME_INACTIVE_ANON) | BIT(FRAME_ACTIVE_ANON) | BIT(FRAME_COMPRESSED_ANON))
#define FILE_LISTS (BIT(FRAME_INACTIVE_FILE) | BIT(FRAME_ACTIVE_FILE) | BIT(FRAME_COMPRESSED_FILE))

/* legal_next[from]: the states that may follow. */
static const u32 legal_next[NR_FRAME_STATES] = {
	[FRAME_FREE] = BIT(FRAME_ISOLATED_ANON) | BIT(FRAME_ISOLATED_FILE) | KERNEL_STATES,
	[FRAME_ISOLATED_ANON] = BIT(FRAME_FREE) | ANON_LISTS,
	[FRAME_ISOLATED_FILE] = BIT(FRAME_FREE) | FILE_LISTS,
	[FRAME_INACTIVE_ANON] = BIT(FRAME_ISOLATED_ANON),
	[FRAME_ACTIVE_ANON] = BIT(FRAME_ISOLATED_ANON),
	[FRAME_COMPRESSED_ANON] = BIT(FRAME_ISOLATED_ANON),
	[FRAME_INACTIVE_FILE] = BIT(FRAME_ISOLATED_FILE),
	[FRAME_ACTIVE_FILE] = BIT(FRAME_ISOLATED_FILE),
	[FRAME_COMPRESSED_FILE] = BIT(FRAME_ISOLATED_FILE),
	[FRAME_SLAB] = BIT(FRAME_FREE),
	[FRAME_PAGE_TABLE] = BIT(FRAME_FREE),
	[FRAME_CACHE_INDEX] = BIT(FRAME_FREE),
	[FRAME_KERNEL_STACK] = BIT(FRAME_FREE),
	[FRAME_STORE_META] = BIT(FRAME_FREE),
	[FRAME_KERNEL] = BIT(FRAME_FREE),
};

#define X(state, gauge, text) { #state, #gauge },
static const struct {
	const char *name, *gauge;
} state_names[NR_FRAME_STATES] = { FRAME_STATE_TABLE(X) };
#undef X

static const char *const flag_names[NR_PAGE_FLAGS] = {
	[PG_LOCKED] = "locked",
	[PG_WAITERS] = "waiters",
	[PG_UPTODATE] = "uptodate",
	[PG_ERROR] = "error",
	[PG_DIRTY] = "dirty",
	[PG_WRITEBACK] = "writeback",
	[PG_REFERENCED] = "referenced",
	[PG_WORKINGSET] = "workingset",
	[PG_INCOMPRESSIBLE] = "incompressible",
};

void page_init(void)
{
	for (u32 i = 0; i < WAIT_QUEUES; i++)
		waitqueue_init(&page_waits[i], "page");
	for (u32 state = 0; state < NR_FRAME_STATES; state++)
		census.frames[state] = 0;
	for (u64 i = 0; i < mem_layout.nr_frames; i++)
		mem_layout.memmap[i] = (struct page){ .next = NO_PAGE, .prev = NO_PAGE };
	census.frames[FRAME_FREE] = mem_layout.nr_frames;
}

static __cold_path void refuse_state(const struct page *page, enum frame_state to)
{
	page_dump(page, "illegal change of state");
	panic("frame %#lx: illegal change of state from %s to %s", page_to_pfn(page),
	      frame_state_name((enum frame_state)page->state), frame_state_name(to));
}

void frame_set_state(struct page *page, enum frame_state to)
{
	enum frame_state from = (enum frame_state)page->state;

	if (unlikely(from >= NR_FRAME_STATES || to >= NR_FRAME_STATES ||
		     !(legal_next[from] & BIT(to)))) {
		refuse_state(page, to);
		return;
	}
	WRITE_ONCE(page->state, (u8)to);
	atomic_sub(&census.frames[from], 1); /* I1 */
	atomic_add(&census.frames[to], 1);
}

const char *frame_state_name(enum frame_state state)
{
	return state < NR_FRAME_STATES ? state_names[state].name : "(no such state)";
}

const char *frame_state_gauge(enum frame_state state)
{
	return state < NR_FRAME_STATES ? state_names[state].gauge : "(no such state)";
}

u64 frame_count(enum frame_state state)
{
	ASSERT(state < NR_FRAME_STATES);
	return atomic_read(&census.frames[state]);
}

/* "locked|dirty", or "none". */
static void format_flags(u16 flags, char *buf, size_t size)
{
	size_t used = 0;

	ksnprintf(buf, size, "none");
	for (u32 flag = 0; flag < 16 && used < size; flag++) {
		const char *name = flag < NR_PAGE_FLAGS ? flag_names[flag] : "(unknown)";

		if (flags & BIT(flag))
			used += (size_t)ksnprintf(buf + used, size - used, "%s%s", used ? "|" : "",
						  name);
	}
}

void page_dump(const struct page *page, const char *why)
{
	char flags[160];

	if (page < mem_layout.memmap || page >= mem_layout.memmap + mem_layout.nr_frames) {
		printk("page %p is not a managed frame's (%s)\n", (const void *)page, why);
		return;
	}
	format_flags(page->flags, flags, sizeof(flags));
	printk("page: frame %#lx (index %lu) %s: %s\n", page_to_pfn(page),
	       (u64)(page - mem_layout.memmap), frame_state_name((enum frame_state)page->state),
	       why);
	printk("page: flags %s (%#x), refs %u, mapcount %u, order %u\n", flags, page->flags,
	       page->refs, page->mapcount, page->order);
	printk("page: key %#lx, private %#lx, next %#x, prev %#x\n", page->key, page->private,
	       page->next, page->prev);
}

static struct waitqueue *page_waitqueue(const struct page *page)
{
	u64 index = (u64)(page - mem_layout.memmap);

	/* Neighbours are often waited for together: spread them. */
	return &page_waits[index & (WAIT_QUEUES - 1)];
}

/* Clear a flag and wake those who may wait for that. The page may be free afterwards. */
static void clear_and_wake(struct page *page, enum page_flag flag)
{
	struct waitqueue *wq = page_waitqueue(page);
	u16 before = atomic_fetch_and(&page->flags, (u16) ~(BIT(flag) | BIT(PG_WAITERS)));

	if (unlikely(!(before & BIT(flag))))
		panic("frame %#lx: %s cleared twice", page_to_pfn(page), flag_names[flag]);
	if (before & BIT(PG_WAITERS))
		wake_all(wq);
}

/* Announce a waiter first, then look: see the race above. (Conditions may be tried twice.) */
static bool wait_over(struct page *page, enum page_flag flag)
{
	page_set(page, PG_WAITERS);
	return !page_test(page, flag);
}

bool trylock_page(struct page *page)
{
	return !page_test_and_set(page, PG_LOCKED);
}

void lock_page(struct page *page)
{
	while (unlikely(!trylock_page(page)))
		wait_event(page_waitqueue(page), wait_over(page, PG_LOCKED));
}

void unlock_page(struct page *page)
{
	clear_and_wake(page, PG_LOCKED);
}

void wait_on_page_locked(struct page *page)
{
	if (page_test(page, PG_LOCKED))
		wait_event(page_waitqueue(page), wait_over(page, PG_LOCKED));
}

void wait_on_page_writeback(struct page *page)
{
	if (page_test(page, PG_WRITEBACK))
		wait_event(page_waitqueue(page), wait_over(page, PG_WRITEBACK));
}

void end_page_writeback(struct page *page)
{
	clear_and_wake(page, PG_WRITEBACK);
}

void get_page(struct page *page)
{
	u16 now = __atomic_add_fetch(&page->refs, 1, __ATOMIC_RELAXED);

	/* 1: it had none, so nobody may know it. 0: too many. */
	ASSERT_PAGE(now > 1, page);
}

bool get_page_unless_zero(struct page *page)
{
	u16 refs = atomic_read(&page->refs);

	while (refs != 0) {
		ASSERT_PAGE(refs != UINT16_MAX, page);
		if (__atomic_compare_exchange_n(&page->refs, &refs, (u16)(refs + 1), true,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

void put_page(struct page *page)
{
	u16 now = atomic_sub_return(&page->refs, (u16)1);

	ASSERT_PAGE(now != UINT16_MAX, page);
	if (now != 0)
		return;
	/* From here on nobody can take a reference, nor put the page on a list: finders use get_page_unless_zero(). */
	if (page_on_lru(page))
		lru_remove(page);
	free_page(page);
}
