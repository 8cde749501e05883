/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.c - the page allocator: buddies, watermarks, and what happens when memory is short.
 *
 * Free frames lie in blocks of 2^order frames aligned to their size. A block's buddy is the other
 * half of the block it was split from, found by flipping one bit of its frame number; when both are
 * free they become one again. So the free lists after everything has been freed are
 * those of the beginning, whatever happened in between (I5).
 *
 * Single frames come and go by the thousand, a page out for each page in. So a few that were freed last are kept
 * apart (zone.recent) and given out again, last in, first out, without being joined and split each time. They are free
 * like all others, and joined before anybody asks for, or looks at, a larger block.
 *
 * One zone, one lock. Three marks on the number of free frames:
 *
 *	high	kswapd goes to sleep
 *	low	kswapd is woken
 *	min	ordinary allocations stop here and reclaim for themselves
 *	0	what is below min belongs to reclaim, which needs a frame to free many
 *
 * See derive_watermarks() for their values, and alloc_slowly() for the order in which things
 * are tried when memory is short: kswapd's work, one's own, the end of the largest workload.
 *
 * Debug builds fill frames with a pattern when they are freed, and look whether it is still there
 * when they are allocated: a write through a stale pointer is found with the address it hit.
 */
#include "mm/alloc.h"

#include "lib/lock.h"
#include "lib/math.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/lru.h"
#include "mm/oom.h"
#include "mm/stats.h"
#include "mm/vmscan.h"

#define NR_ORDERS  (MAX_ORDER + 1)
#define ORDER_TAIL 0xff /* page->order of a block's frames after the first */

#define POISON_FREE  0xfefefefefefefefeUL /* in frames on the free lists */
#define POISON_FRESH 0xcdcdcdcdcdcdcdcdUL /* in frames just allocated: not zero by luck */

/* Rounds of reclaim without a frame in between before it counts as no progress. */
#define MAX_RECLAIM_ROUNDS   256
/* Rounds of no progress before a workload must end; for orders above 0, before giving up. */
#define MAX_FRUITLESS_ROUNDS 4
/* How long, and how often, to wait for an ended workload's memory. */
#define OOM_WAIT_NS	     (10 * NSEC_PER_MSEC)
#define MAX_OOM_WAITS	     6000

/* So many frames at most are not joined; when there are more, half of them are. */
#define MAX_RECENT   64
/* And when there are none, a block of that order is taken apart. */
#define REFILL_ORDER 4

struct free_list {
	u32 head; /* index into memmap, NO_PAGE when empty; linked through page->next, prev */
	u64 nr_blocks;
};

static struct zone {
	struct spinlock lock; /* free, nr_free, and the struct pages of free frames; irq-safe */
	struct free_list free[NR_ORDERS];
	struct free_list
		recent; /* frames that have not been joined; linked through page->next alone */
	u64 nr_free;	/* frames, recent ones too; read without the lock where a guess will do */
	u64 watermarks[NR_WMARKS]; /* frames; set once */
	u64 nr_atomic_calls;	   /* A: for alloc_fail_every */
} zone = { .lock = SPINLOCK_INIT("zone") };

u64 alloc_fail_every;

/*
 * All three marks, from the size of memory alone.
 *
 * What the reserve must carry is work in flight: batches of pages being written, the store frames
 * that take their contents, tables on the way. That grows with memory, but slower than memory,
 * hence the square root. Twice the root of the number of frames is 1.6 % of 64 MiB and 0.8 % of
 * 256 MiB, and never less than one batch of reclaim. The distances from min to low and from low
 * to high are head starts: while kswapd works, allocations go on between the marks. A quarter of
 * min each, and at least half a batch.
 */
static void derive_watermarks(u64 nr_frames)
{
	u64 min = MAX(2 * square_root(nr_frames), (u64)SWAP_CLUSTER);
	u64 gap = MAX(min / 4, (u64)SWAP_CLUSTER / 2);

	zone.watermarks[WMARK_MIN] = min;
	zone.watermarks[WMARK_LOW] = min + gap;
	zone.watermarks[WMARK_HIGH] = min + 2 * gap;
}

u64 watermark_frames(enum watermark mark)
{
	return zone.watermarks[mark];
}

u64 nr_free_frames(void)
{
	return READ_ONCE(zone.nr_free);
}

static u32 index_of(const struct page *page)
{
	return (u32)(page - mem_layout.memmap);
}

static struct page *page_at(u32 index)
{
	return &mem_layout.memmap[index];
}

static inline void push_block(struct page *page, u32 order)
{
	struct free_list *list = &zone.free[order];

	page->order = (u8)order;
	page->prev = NO_PAGE;
	page->next = list->head;
	if (list->head != NO_PAGE)
		page_at(list->head)->prev = index_of(page);
	list->head = index_of(page);
	list->nr_blocks++;
}

static inline void unlink_block(struct page *page, u32 order)
{
	struct free_list *list = &zone.free[order];

	ASSERT_PAGE(page->state == FRAME_FREE && page->order == order, page);
	if (page->next != NO_PAGE)
		page_at(page->next)->prev = page->prev;
	if (page->prev != NO_PAGE)
		page_at(page->prev)->next = page->next;
	else
		list->head = page->next;
	list->nr_blocks--;
	page->next = NO_PAGE;
	page->prev = NO_PAGE;
	page->order = ORDER_TAIL;
}

/* The buddy if it is a free block of that order, or NULL. */
static struct page *free_buddy(const struct page *page, u32 order)
{
	u64 pfn = page_to_pfn(page) ^ BIT(order);
	struct page *buddy;

	if (!pfn_is_managed(pfn))
		return NULL;
	buddy = pfn_to_page(pfn);
	return buddy->state == FRAME_FREE && buddy->order == order ? buddy : NULL;
}

/* Put a block whose frames are FRAME_FREE on the lists, joined with its buddies. */
static void insert_block(struct page *page, u32 order)
{
	page->order = ORDER_TAIL;
	while (order < MAX_ORDER) {
		struct page *buddy = free_buddy(page, order);

		if (!buddy)
			break;
		unlink_block(buddy, order);
		if (buddy < page)
			page = buddy;
		order++;
	}
	push_block(page, order);
}

static inline void push_recent(struct page *page)
{
	page->order = ORDER_TAIL; /* nobody's buddy */
	page->next = zone.recent.head;
	zone.recent.head = index_of(page);
	zone.recent.nr_blocks++;
}

static inline struct page *pop_recent(void)
{
	struct page *page = page_at(zone.recent.head);

	ASSERT_PAGE(page->state == FRAME_FREE && page->order == ORDER_TAIL, page);
	zone.recent.head = page->next;
	zone.recent.nr_blocks--;
	return page;
}

/* Join recent frames until there are so many. */
static void join_recent(u64 left)
{
	while (zone.recent.nr_blocks > left)
		insert_block(pop_recent(), 0);
}

/* Frames that are FRAME_FREE now, to where they belong. */
static inline void put_block(struct page *page, u32 order)
{
	zone.nr_free += BIT(order);
	if (order) {
		insert_block(page, order);
		return;
	}
	push_recent(page);
	if (unlikely(zone.recent.nr_blocks > MAX_RECENT))
		join_recent(MAX_RECENT / 2);
}

/* A block of exactly 2^order joined frames off the lists; NULL if none is large enough. */
static struct page *split_off(u32 order)
{
	struct page *page;
	u32 from = order;

	while (from < NR_ORDERS && zone.free[from].head == NO_PAGE)
		from++;
	if (from == NR_ORDERS)
		return NULL;
	page = page_at(zone.free[from].head);
	unlink_block(page, from);
	while (from > order) {
		from--;
		push_block(page + BIT(from), from);
	}
	return page;
}

/* Some frames to give out, the lowest first, from one block. */
static __cold_path void refill_recent(void)
{
	struct page *page = NULL;
	u32 order = REFILL_ORDER;

	while (!(page = split_off(order)) && order)
		order--;
	for (u64 i = page ? BIT(order) : 0; i; i--)
		push_recent(page + i - 1);
}

/* 2^order frames, no longer counted as free; NULL if there is no such block. */
static __inlined struct page *remove_block(u32 order)
{
	struct page *page;

	if (!order) {
		if (unlikely(!zone.recent.nr_blocks))
			refill_recent();
		page = zone.recent.nr_blocks ? pop_recent() : NULL;
	} else {
		join_recent(0);
		page = split_off(order);
	}
	if (page)
		zone.nr_free -= BIT(order);
	return page;
}

static void check_poison(const struct page *page)
{
	const u64 *word = page_address(page);
	u64 filling;

	if (likely(page_is_same_filled(word, &filling) && filling == POISON_FREE))
		return;
	for (u32 i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
		if (word[i] == POISON_FREE)
			continue;
		page_dump(page, "written to while it was free");
		panic("frame %#lx: written to while free: byte %#lx holds %#lx", page_to_pfn(page),
		      i * sizeof(*word), word[i]);
	}
}

static void poison_block(struct page *page, u32 order)
{
	for (u64 i = 0; CONFIG_DEBUG && i < BIT(order); i++)
		fill_page(page_address(page + i), POISON_FREE);
}

/* Poison is checked and contents are made outside the zone lock: the frames are the caller's. */
static void prepare_contents(struct page *page, u32 flags, u32 order)
{
	for (u64 i = 0; CONFIG_DEBUG && i < BIT(order); i++) {
		check_poison(page + i);
		fill_page(page_address(page + i), POISON_FRESH);
	}
	for (u64 i = 0; (flags & ALLOC_ZERO) && i < BIT(order); i++)
		clear_page(page_address(page + i));
}

static inline void prepare_page(struct page *page, enum frame_state state)
{
	ASSERT_PAGE(page->refs == 0, page);
	page->flags = 0;
	page->mapcount = 0;
	page->key = 0;
	page->private = 0;
	page->next = NO_PAGE;
	page->prev = NO_PAGE;
	page->order = ORDER_TAIL;
	frame_set_state(page, state);
}

/* One try: a block, leaving at least floor frames free; or NULL. Any context. */
static __inlined struct page *take_block(u32 order, enum frame_state state, u64 floor_frames)
{
	struct page *page = NULL;
	bool reserve = false;
	u64 irq;

	irq = spin_lock_irqsave(&zone.lock);
	if (zone.nr_free >= floor_frames + BIT(order))
		page = remove_block(order);
	if (page) {
		for (u64 i = 0; i < BIT(order); i++)
			prepare_page(page + i, state);
		page->order = (u8)order;
		WRITE_ONCE(page->refs, 1);
		reserve = zone.nr_free < zone.watermarks[WMARK_MIN];
	}
	spin_unlock_irqrestore(&zone.lock, irq);
	if (reserve)
		count_vm_events(EV_alloc_reserve, BIT(order));
	return page;
}

/*
 * Memory is short and the caller may wait. Each round reclaims and tries again. Progress that
 * others eat up is progress all the same, but not for ever: MAX_RECLAIM_ROUNDS. When there is no
 * progress, an order above 0 fails (its caller has a plan without it), and for a single frame the
 * largest workload ends, whose memory we wait for. A killed workload's own threads do not
 * wait: with a part of the reserve they can reach their end, or they get NULL.
 */
static __cold_path struct page *alloc_slowly(u32 order, enum frame_state state)
{
	u64 min = zone.watermarks[WMARK_MIN];
	u32 fruitless = 0, rounds = 0, oom_waits = 0;

	count_vm_event(EV_allocstall);
	while (oom_waits < MAX_OOM_WAITS) {
		bool killed = env_killed();
		struct page *page = take_block(order, state, killed ? min / 2 : min);

		if (page || killed)
			return page;
		if (reclaim_direct(order) > 0 && ++rounds < MAX_RECLAIM_ROUNDS) {
			fruitless = 0;
			env_yield();
			continue;
		}
		if (++fruitless < MAX_FRUITLESS_ROUNDS && rounds < MAX_RECLAIM_ROUNDS) {
			kswapd_wake();
			env_yield();
			continue;
		}
		if (order > 0 || !oom_kill())
			return take_block(order, state, min);
		env_sleep_ns(OOM_WAIT_NS);
		fruitless = 0;
		rounds = 0;
		oom_waits++;
	}
	return NULL;
}

/* Tests ask for failures where callers must be ready for them. */
static bool injected_failure(u32 flags)
{
	u64 every = READ_ONCE(alloc_fail_every);

	if (likely(every == 0) || (flags & ALLOC_WAIT))
		return false;
	return atomic_add_return(&zone.nr_atomic_calls, 1) % every == 0;
}

static __inlined struct page *alloc(u32 flags, u32 order, enum frame_state state)
{
	const struct mm_context *context = env_context();
	bool reclaiming = context->flags & MMC_RECLAIM;
	u64 floor = reclaiming || (flags & ALLOC_RESERVE) ? 0 : zone.watermarks[WMARK_MIN];
	struct page *page = NULL;

	ASSERT(order <= MAX_ORDER);
	if (!injected_failure(flags))
		page = take_block(order, state, floor);
	if (nr_free_frames() < zone.watermarks[WMARK_LOW] && !(context->flags & MMC_KSWAPD))
		kswapd_wake();
	/* A reclaimer that has not even the reserve must not wait for itself. */
	if (!page && (flags & ALLOC_WAIT) && !reclaiming)
		page = alloc_slowly(order, state);
	if (!page) {
		count_vm_event(flags & ALLOC_WAIT ? EV_alloc_failed : EV_alloc_declined);
		return NULL;
	}
	count_vm_events(EV_pgalloc, BIT(order));
	prepare_contents(page, flags, order);
	return page;
}

struct page *alloc_pages(u32 flags, u32 order, enum frame_state state)
{
	return alloc(flags, order, state);
}

/* The same once more, made for one frame: nearly all there is to do. */
struct page *alloc_page(u32 flags, enum frame_state state)
{
	return alloc(flags, 0, state);
}

static __inlined void release(struct page *page, u32 order)
{
	const u16 busy = BIT(PG_LOCKED) | BIT(PG_WRITEBACK);
	u64 irq;

	/* The last reference is either gone (put_page) or the caller's. */
	ASSERT_PAGE(page->state != FRAME_FREE, page);
	ASSERT_PAGE(order <= MAX_ORDER && page->order == order, page);
	ASSERT_PAGE(page->refs <= 1 && page->mapcount == 0 && !(page->flags & busy), page);
	WRITE_ONCE(page->refs, 0);
	poison_block(page, order);
	count_vm_events(EV_pgfree, BIT(order));
	irq = spin_lock_irqsave(&zone.lock);
	for (u64 i = 0; i < BIT(order); i++) {
		page[i].flags = 0;
		frame_set_state(page + i, FRAME_FREE);
	}
	put_block(page, order);
	spin_unlock_irqrestore(&zone.lock, irq);
}

void free_pages(struct page *page, u32 order)
{
	release(page, order);
}

void free_page(struct page *page)
{
	release(page, 0);
}

struct page *alloc_frames(u32 flags, u32 nr, enum frame_state state)
{
	u32 order = 0;
	struct page *page;

	while (BIT(order) < nr)
		order++;
	page = alloc_pages(flags, order, state);
	if (!page)
		return NULL;
	for (u32 i = 0; i < BIT(order); i++) {
		page[i].order = 0;
		WRITE_ONCE(page[i].refs, 1);
	}
	for (u32 i = nr; i < BIT(order); i++)
		free_pages(page + i, 0);
	return page;
}

int largest_free_order(void)
{
	int order;
	u64 irq = spin_lock_irqsave(&zone.lock);

	join_recent(0);
	for (order = MAX_ORDER; order >= 0; order--) {
		if (zone.free[order].head != NO_PAGE)
			break;
	}
	spin_unlock_irqrestore(&zone.lock, irq);
	return order;
}

void page_alloc_init(void)
{
	u64 irq;

	page_init();
	ASSERT(mem_layout.nr_frames < NO_PAGE);
	derive_watermarks(mem_layout.nr_frames);
	irq = spin_lock_irqsave(&zone.lock);
	for (u32 order = 0; order < NR_ORDERS; order++)
		zone.free[order] = (struct free_list){ .head = NO_PAGE };
	zone.recent = (struct free_list){ .head = NO_PAGE };
	zone.nr_free = mem_layout.nr_frames;
	for (u64 i = 0; i < mem_layout.nr_frames; i++)
		mem_layout.memmap[i].order = ORDER_TAIL;
	/* Joining finds the largest aligned blocks. */
	for (u64 i = 0; i < mem_layout.nr_frames; i++) {
		poison_block(page_at(i), 0);
		insert_block(page_at(i), 0);
	}
	spin_unlock_irqrestore(&zone.lock, irq);
}

/* One free block: whole, aligned, and not to be joined with its buddy. */
static void verify_block(const struct page *page, u32 order)
{
	ASSERT_PAGE(page->order == order, page);
	ASSERT_PAGE((page_to_pfn(page) & (BIT(order) - 1)) == 0, page);
	for (u64 i = 0; i < BIT(order); i++) {
		const struct page *frame = page + i;

		ASSERT_PAGE(pfn_is_managed(page_to_pfn(frame)), frame);
		ASSERT_PAGE(frame->state == FRAME_FREE && frame->refs == 0, frame); /* I5 */
		ASSERT_PAGE(i == 0 || frame->order == ORDER_TAIL, frame);
	}
	ASSERT_PAGE(order == MAX_ORDER || !free_buddy(page, order), page);
}

/* Frames that have not been joined. */
static u64 verify_recent(void)
{
	u64 walked = 0;

	for (u32 at = zone.recent.head; at != NO_PAGE && walked <= MAX_RECENT;
	     at = page_at(at)->next) {
		const struct page *page = page_at(at);

		ASSERT_PAGE(page->state == FRAME_FREE && page->refs == 0, page); /* I5 */
		ASSERT_PAGE(page->order == ORDER_TAIL, page);
		walked++;
	}
	ASSERT(walked == zone.recent.nr_blocks && walked <= MAX_RECENT);
	return walked;
}

void page_alloc_verify(void)
{
	u64 irq, listed, censused = 0;

	irq = spin_lock_irqsave(&zone.lock);
	listed = verify_recent();
	for (u32 order = 0; order < NR_ORDERS; order++) {
		u64 blocks = 0;
		u32 prev = NO_PAGE;

		for (u32 at = zone.free[order].head; at != NO_PAGE; at = page_at(at)->next) {
			ASSERT_PAGE(page_at(at)->prev == prev, page_at(at));
			verify_block(page_at(at), order);
			prev = at;
			blocks++;
		}
		ASSERT(blocks == zone.free[order].nr_blocks);
		listed += blocks << order;
	}
	for (u64 i = 0; i < mem_layout.nr_frames; i++)
		censused += mem_layout.memmap[i].state == FRAME_FREE;
	if (listed != zone.nr_free || listed != censused || listed != frame_count(FRAME_FREE))
		panic("I5: free frames: %lu on the lists, %lu counted, %lu in the census, %lu by state",
		      listed, zone.nr_free, censused, frame_count(FRAME_FREE));
	spin_unlock_irqrestore(&zone.lock, irq);
}
