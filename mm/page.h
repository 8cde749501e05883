/* SPDX-License-Identifier: MIT */
/*
 * page.h - struct page: what is known of each managed frame, and the one
 * function that changes its state.
 *
 * Every managed frame is in exactly one state. States change only through
 * frame_set_state(), along the table of legal transitions in page.c, which also
 * moves the counts; so the counts add up to the number of managed frames at
 * every moment (I1), and a census of all struct pages agrees with them (I2).
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "lib/assert.h"
#include "lib/types.h"
#include "mm/env.h"

/*
 * X(state, gauge, what it holds). The gauge is the name in stats dumps, as
 * in /proc/vmstat; always frames.
 */
#define FRAME_STATE_TABLE(X)                                                                      \
	X(FRAME_FREE, nr_free_pages, "on the buddy allocator's free lists")                       \
	X(FRAME_INACTIVE_ANON, nr_inactive_anon, "anon page, on the inactive list")               \
	X(FRAME_ACTIVE_ANON, nr_active_anon, "anon page, on the active list")                     \
	X(FRAME_COMPRESSED_ANON, nr_compressed_anon, "anon zpages, on the compressed list")       \
	X(FRAME_INACTIVE_FILE, nr_inactive_file, "file page, on the inactive list")               \
	X(FRAME_ACTIVE_FILE, nr_active_file, "file page, on the active list")                     \
	X(FRAME_COMPRESSED_FILE, nr_compressed_file, "file zpages, on the compressed list")       \
	X(FRAME_ISOLATED_ANON, nr_isolated_anon, "anon page in somebody's hands: fault, reclaim") \
	X(FRAME_ISOLATED_FILE, nr_isolated_file, "file page in somebody's hands: I/O, reclaim")   \
	X(FRAME_SLAB, nr_slab, "small kernel objects")                                            \
	X(FRAME_PAGE_TABLE, nr_page_table_pages, "page tables")                                   \
	X(FRAME_CACHE_INDEX, nr_cache_index, "page-cache slots: 512 to a frame")                  \
	X(FRAME_KERNEL_STACK, nr_kernel_stack, "kernel stacks")                                   \
	X(FRAME_STORE_META, nr_store_meta, "the compressed store's buffers and tables")           \
	X(FRAME_KERNEL, nr_kernel_misc, "other kernel memory: rings, tables, large objects")

#define X(state, gauge, text) state,
enum frame_state { FRAME_STATE_TABLE(X) NR_FRAME_STATES };
#undef X

/* Page flags. Set and cleared atomically; who may do so is named. */
enum page_flag {
	PG_LOCKED,	   /* one thread has the page: identity and content are its business */
	PG_WAITERS,	   /* somebody waits for PG_LOCKED or PG_WRITEBACK to clear */
	PG_UPTODATE,	   /* file: content read from disk without error */
	PG_ERROR,	   /* the last I/O failed */
	PG_DIRTY,	   /* file: must be written before it is forgotten */
	PG_WRITEBACK,	   /* a write of its content is in flight */
	PG_REFERENCED,	   /* used once since it was last looked at (second chance) */
	PG_WORKINGSET,	   /* has been on the active list, or came back from disk */
	PG_INCOMPRESSIBLE, /* the store refused it; cleared when it is written to */
	PG_AHEAD, /* anon: read from swap with another page, and not known to have been used since */
	NR_PAGE_FLAGS,
};

/*
 * Locks of the fields:
 *   L  the lock of the list that the state names: zone->lock (FREE), lruvec.lock
 *      (the six); the owner alone otherwise
 *   S  frame_set_state(), under the locks of both the old and the new list
 *   A  atomic
 *   P  PG_LOCKED, or the owner alone while the page is not yet visible
 *
 * refs: one for the reference that names the page (a PTE of an anon page, a cache slot of a
 * file page, or the kernel owner), one for each transient user. At zero the
 * frame is freed.
 */
struct page {
	u32 next, prev; /* L: neighbours on the list, as indexes into memmap */
	u8 state;	/* S: enum frame_state */
	u8 order;	/* L: of a free block's or an allocation's first frame */
	u16 flags;	/* A: BIT(enum page_flag) */
	u16 refs;	/* A */
	u16 mapcount;	/* A: PTEs that map a file page */
	u64 key;	/* P: which page of which owner: owner.h */
	u64 private; /* anon: swap block, unused since; file: the fs's; slab: its cache; store: its word */
};
_Static_assert(sizeof(struct page) == 32, "struct page should stay two to a cache line");

/*
 * The managed frames are one run of nr_frames from first_pfn; memmap[i] describes frame
 * first_pfn + i. Set once by mm_init().
 */
struct mem_layout {
	u64 first_pfn;
	u64 nr_frames;
	struct page *memmap;
};
extern struct mem_layout mem_layout;

static inline u64 page_to_pfn(const struct page *page)
{
	return mem_layout.first_pfn + (u64)(page - mem_layout.memmap);
}

static inline bool pfn_is_managed(u64 pfn)
{
	return pfn - mem_layout.first_pfn < mem_layout.nr_frames;
}

static inline struct page *pfn_to_page(u64 pfn)
{
	DEBUG_ASSERT(pfn_is_managed(pfn));
	return &mem_layout.memmap[pfn - mem_layout.first_pfn];
}

static inline void *page_address(const struct page *page)
{
	return phys_to_virt(page_to_pfn(page) << PAGE_SHIFT);
}

/* addr: a direct-map address anywhere in the frame. */
static inline struct page *virt_to_page(const void *addr)
{
	return pfn_to_page(virt_to_phys(addr) >> PAGE_SHIFT);
}

static inline bool page_test(const struct page *page, enum page_flag flag)
{
	return READ_ONCE(page->flags) & BIT(flag);
}

static inline void page_set(struct page *page, enum page_flag flag)
{
	atomic_fetch_or(&page->flags, (u16)BIT(flag));
}

static inline void page_clear(struct page *page, enum page_flag flag)
{
	atomic_fetch_and(&page->flags, (u16)~BIT(flag));
}

static inline bool page_test_and_set(struct page *page, enum page_flag flag)
{
	return atomic_fetch_or(&page->flags, (u16)BIT(flag)) & BIT(flag);
}

static inline bool page_test_and_clear(struct page *page, enum page_flag flag)
{
	return atomic_fetch_and(&page->flags, (u16)~BIT(flag)) & BIT(flag);
}

/* Every struct page and count to "free". Called once, by page_alloc_init(). */
void page_init(void);

/* Change the state of one frame; panics on an illegal transition. */
void frame_set_state(struct page *page, enum frame_state to);

const char *frame_state_name(enum frame_state state);
const char *frame_state_gauge(enum frame_state state);
/* Frames in a state now: the running count. Atomic read. */
u64 frame_count(enum frame_state state);

/* Print all that is known of a frame. Any context. */
void page_dump(const struct page *page, const char *why);

#define ASSERT_PAGE(cond, page)                                                              \
	do {                                                                                 \
		if (unlikely(!(cond))) {                                                     \
			page_dump((page), #cond);                                            \
			panic("%s:%d: %s: failed: %s", __FILE__, __LINE__, __func__, #cond); \
		}                                                                            \
	} while (0)

/*
 * The page lock. lock_page() sleeps; thread context. unlock and the end of writeback
 * wake the waiters; any context.
 */
void lock_page(struct page *page);
bool trylock_page(struct page *page);
void unlock_page(struct page *page);
void wait_on_page_locked(struct page *page);
void wait_on_page_writeback(struct page *page);
void end_page_writeback(struct page *page);

/* References. get_page_unless_zero() is for finders that hold no reference. */
void get_page(struct page *page);
bool get_page_unless_zero(struct page *page);
/* Drops one; frees the frame (taking it off its LRU list) with the last. Thread context. */
void put_page(struct page *page);

#endif
