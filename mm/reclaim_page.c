/* SPDX-License-Identifier: MIT */
/*
 * reclaim_page.c - one cold page at a time.
 *
 * A page arrives isolated (off its list, one reference ours) and is taken through
 *
 *   lock -> unused since? -> reference := BUSY -> bytes moved -> reference := where they are -> free
 *
 * and can fall back at each step. Between the two changes of the reference nobody else can reach the
 * page: a fault that comes meanwhile finds BUSY (fault.c, top). The frame is freed only when the
 * reference says where the bytes are now.
 *
 * An anon page that goes to swap joins a batch, because one request to the disk should carry many; its
 * lock is held until the batch is written.
 */
#include "mm/reclaim_page.h"

#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/file_stream.h"
#include "mm/owner.h"
#include "mm/pagecache.h"
#include "mm/pagetable.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

/* So far apart are pages by their addresses that are still of one stream: those that lie between may be in the store. */
#define SAME_STREAM_PAGES 16

/* The page stays: back on a list, unlocked, our reference gone. */
static u32 keep_page(struct page *page, enum page_type type, enum lru_list anon_list)
{
	lru_add(page, lru_of(type, anon_list));
	unlock_page(page);
	put_page(page);
	return 0;
}

/* Both references are ours, and no reference names the page any more. */
static u32 free_reclaimed(struct page *page)
{
	unlock_page(page);
	put_page(page);
	put_page(page);
	return 1;
}

/*
 * The frame holds zpages now; the entry's reference is the store's. Ours has kept it from being freed and
 * used again before its lock was released.
 */
static u32 forget_donated(struct page *page)
{
	unlock_page(page);
	put_page(page);
	return 0;
}

bool page_accessed(struct page *page, enum page_type type)
{
	bool accessed = false;
	struct ref ref;

	if (type == TYPE_FILE) {
		struct address_space *mapping;

		if (!atomic_read(&page->mapcount))
			return false;
		mapping = ref_hold(TYPE_FILE, page->key, &ref);
		if (!mapping)
			return false;
		accessed = rmap_referenced_file(mapping, page);
		ref_release(&ref);
		return accessed;
	}
	if (!ref_lock(TYPE_ANON, page->key, &ref))
		return false;
	if (entry_present(*ref.entry) && entry_pfn(*ref.entry) == page_to_pfn(page))
		accessed = pt_clear_bits(ref.owner, key_index(page->key) << PAGE_SHIFT, ref.entry,
					 PTE_ACCESSED) &
			   PTE_ACCESSED;
	ref_unlock(&ref);
	/* One that was read ahead counts as brought back now: it cost no request of its own. */
	if (accessed && page_test_and_clear(page, PG_AHEAD)) {
		count_vm_event(EV_swap_ra_hit);
		cost_note_disk(TYPE_ANON, COST_DISK_READ, 0, 1);
	}
	return accessed;
}

/*
 * Make the entry BUSY if it names the page and only the entry and we hold it. *was: the entry
 * before, with its dirty bit.
 */
static bool take_anon(struct page *page, entry_t *was)
{
	u64 va = key_index(page->key) << PAGE_SHIFT;
	struct ref ref;
	bool taken;

	if (!ref_lock(TYPE_ANON, page->key, &ref))
		return false;
	taken = entry_present(*ref.entry) && entry_pfn(*ref.entry) == page_to_pfn(page) &&
		atomic_read(&page->refs) == 2;
	if (taken) {
		*was = ref_set(&ref, entry_make_pfn(ENTRY_BUSY, page_to_pfn(page)));
		env_tlb_flush_page(ref.owner, va);
	}
	ref_unlock(&ref);
	return taken;
}

/* Change the entry from BUSY. False: a fault has taken the page back. */
static bool settle_anon(struct page *page, entry_t to)
{
	struct ref ref;
	bool ours;

	/* Taken back by a fault, the page may have been unmapped and its owner ended since. */
	if (!ref_lock(TYPE_ANON, page->key, &ref))
		return false;
	ours = entry_is(*ref.entry, ENTRY_BUSY) && entry_pfn(*ref.entry) == page_to_pfn(page);
	if (ours)
		ref_set(&ref, to);
	ref_unlock(&ref);
	return ours;
}

/* The block on disk that still holds this page's bytes is of no use any more. */
static void drop_clean_copy(struct page *page)
{
	u32 slot = (u32)page->private;

	page->private = 0;
	if (slot)
		swap_put(slot);
}

/* A page leaves residency for the disk. Returns its shadow. */
static u32 leave_to_disk(const struct page *page, enum page_type type)
{
	u32 shadow =
		workingset_now(page_test(page, PG_WORKINGSET), page_test(page, PG_INCOMPRESSIBLE));

	workingset_leave(type, LEFT_TO_DISK, shadow);
	return shadow;
}

static entry_t swap_entry(const struct page *page, u32 slot)
{
	return entry_make_swap(slot, leave_to_disk(page, TYPE_ANON));
}

static enum zresult try_compress_anon(struct scan_control *sc, struct page *page, bool *donated)
{
	u32 slot = (u32)page->private;
	u64 key = page->key;
	enum zresult result;
	struct ref ref;
	entry_t entry;

	result = zpage_compress(page, TYPE_ANON, &entry, donated);
	if (result == ZS_POOR) {
		page_set(page, PG_INCOMPRESSIBLE);
		sc->nr_refused++;
	}
	if (result == ZS_TARGET)
		sc->store_at_target[TYPE_ANON] = true;
	if (result != ZS_OK)
		return result;
	if (!ref_lock(TYPE_ANON, key, &ref))
		panic("the owner of key %lx went away under a busy entry", key);
	/* Nobody takes a page back that is not under writeback. */
	ASSERT(entry_is(*ref.entry, ENTRY_BUSY) && entry_pfn(*ref.entry) == page_to_pfn(page));
	ref_set(&ref, entry);
	ref_unlock(&ref);
	if (slot)
		swap_put(slot);
	return ZS_OK;
}

/*
 * The store refuses the page. Those that it takes cost little to bring back, so they leave early; this one would
 * come back from disk, and has a right to be older: as old as the policy says, and less where many such pages were passed over
 * in search of others. The upper half of page->private tells since when nobody has used it.
 */
#define UNUSED_SINCE_SHIFT 32
#define UNUSED_SINCE_VALID BIT(31) /* so that a stamp is never 0 */

static u32 stamp(void)
{
	return workingset_now(false, false) | UNUSED_SINCE_VALID;
}

/*
 * When a list had been gone through in vain: a stamp; 0: never. Atomic.
 *
 * Until memory / LATELY has left thereafter the one age holds for all: these pages leave as they are met, in the order in
 * which they were used. With a search before each of them they left from wherever it had ended, and a loop that came back for
 * them found its stream in pieces: twice as large as memory, on a disk that seeks, it took a quarter more time. Longer
 * than that, a loop of which all but a little fits sent pages to disk for which there was room by then.
 */
static u32 gone_through;
#define LATELY 16

static bool was_gone_through_lately(void)
{
	u32 at = READ_ONCE(gone_through);

	return at && workingset_distance(at) < mem_layout.nr_frames / LATELY;
}

/* The first one that a batch passes over asks. Out of line: it is rare, and the way past it is every page's. */
static __noinline void pass_over(struct scan_control *sc)
{
	if (!sc->nr_too_young++ && was_gone_through_lately())
		sc->many_too_young = 0;
	if (sc->nr_too_young == sc->many_too_young)
		WRITE_ONCE(gone_through, stamp());
}

static bool is_too_young_for_disk(struct scan_control *sc, struct page *page,
				  const struct mm_decision *d)
{
	u32 since = (u32)(page->private >> UNUSED_SINCE_SHIFT);
	u64 age = sc->nr_too_young < sc->many_too_young ? d->spill_age : d->spill_age_alone;

	if (!age || sc->priority <= 1)
		return false;
	if (since && workingset_distance(since) >= age)
		return false;
	if (!since) {
		since = stamp();
		page->private |= (u64)since << UNUSED_SINCE_SHIFT;
	}
	pass_over(sc);
	return true;
}

/*
 * So it was found at a look since which nobody has used it: neither its bytes nor the answer can have changed. Such pages
 * come by again and again where those that the store takes have all left.
 */
static bool is_still_too_young(struct scan_control *sc, struct page *page,
			       const struct mm_decision *d)
{
	return d->compress && page_test(page, PG_INCOMPRESSIBLE) &&
	       page->private >> UNUSED_SINCE_SHIFT && is_too_young_for_disk(sc, page, d);
}

/*
 * In the order of addresses: pages that grew cold together belong to several streams as often as not, and who comes back
 * for one of these reads it in one go.
 */
static void swap_batch_add(struct swap_batch *batch, struct page *page, entry_t was)
{
	u32 at = batch->nr++;

	for (; at && batch->pages[at - 1]->key > page->key; at--) {
		batch->pages[at] = batch->pages[at - 1];
		batch->entries[at] = batch->entries[at - 1];
	}
	batch->pages[at] = page;
	batch->entries[at] = was;
}

/*
 * It leaves by the disk; but what the store would make of such pages is to be known. Who waits for a frame does not wait for
 * that too.
 */
static inline bool may_be_tried(const struct page *page, enum page_type type)
{
	return env_context()->flags & MMC_KSWAPD && policy_current()->compresses[type] &&
	       !page_test(page, PG_INCOMPRESSIBLE);
}

static bool wants_trial(const struct page *page)
{
	return may_be_tried(page, TYPE_ANON) && cost_wants_trial(TYPE_ANON);
}

static u32 reclaim_anon(struct scan_control *sc, struct page *page, const struct mm_decision *d,
			struct swap_batch *batch)
{
	bool donated = false;
	entry_t was;

	if (is_still_too_young(sc, page, d)) {
		count_vm_event(EV_zskip_incompressible);
		return keep_page(page, TYPE_ANON, LRU_INACTIVE_ANON);
	}
	if (!take_anon(page, &was)) {
		count_vm_event(EV_pgrotated);
		return keep_page(page, TYPE_ANON, LRU_INACTIVE_ANON);
	}
	if (was & PTE_DIRTY) {
		drop_clean_copy(page);
		page_clear(page, PG_INCOMPRESSIBLE);
	}
	if (d->compress && page_test(page, PG_INCOMPRESSIBLE)) {
		count_vm_event(EV_zskip_incompressible);
	} else if (d->compress) {
		enum zresult result = try_compress_anon(sc, page, &donated);

		if (result == ZS_OK)
			return donated ? forget_donated(page) : free_reclaimed(page);
		if (result != ZS_POOR) {
			settle_anon(page, was);
			return keep_page(page, TYPE_ANON, LRU_INACTIVE_ANON);
		}
	}
	if (!d->spill || (d->compress && is_too_young_for_disk(sc, page, d))) {
		/* That it was dirty has been seen: it has no copy on disk any more, if it was. */
		settle_anon(page, was & ~PTE_DIRTY);
		return keep_page(page, TYPE_ANON, LRU_INACTIVE_ANON);
	}
	if (wants_trial(page) && !zpage_try(page, TYPE_ANON))
		page_set(page, PG_INCOMPRESSIBLE);
	if ((u32)page->private && !swap_seeks()) {
		settle_anon(page, swap_entry(page, (u32)page->private));
		cost_note_disk(TYPE_ANON, COST_DISK_WRITE, 0, 1);
		page->private = 0;
		return free_reclaimed(page);
	}
	page_set(page, PG_WRITEBACK);
	swap_batch_add(batch, page, was);
	return 0;
}

/* The write of a batch's page is over. written 0: it was not; then it may have an older copy, else it stays. */
static u32 finish_written(struct page *page, entry_t was, u32 written)
{
	u32 copy = (u32)page->private, slot = written ? written : copy;
	bool ours;

	/* That it was dirty has been seen, and must not be taken for a write that comes later. */
	ours = settle_anon(page, slot ? swap_entry(page, slot) : was & ~PTE_DIRTY);
	if (ours && slot)
		page->private = 0;
	end_page_writeback(page);
	if (ours && slot) {
		if (written)
			count_vm_event(EV_pswpout);
		else
			cost_note_disk(TYPE_ANON, COST_DISK_WRITE, 0, 1);
		if (written && copy)
			swap_put(copy);
		return free_reclaimed(page);
	}
	if (written)
		swap_put(written);
	if (!ours)
		count_vm_event(EV_reclaim_rescued);
	return keep_page(page, TYPE_ANON, ours ? LRU_INACTIVE_ANON : LRU_ACTIVE_ANON);
}

/*
 * How many of the batch's pages, from that one on, are of one stream as far as their addresses tell; and is one of them to be
 * written? On a disk that seeks those with a good copy are in the batch too. A page that was changed alone would lie elsewhere
 * than the others of its stream from now on, and be a request of its own for whoever comes back for them. So its
 * neighbours are written with it, in the same request, and all lie together. (Where pages of several streams leave together,
 * each stream has its own groups: clean ones are not torn from theirs.)
 */
static u32 next_group(const struct swap_batch *batch, u32 first, bool *write)
{
	u32 at = first;

	*write = false;
	do
		*write |= !(u32)batch->pages[at++]->private;
	while (at < batch->nr &&
	       batch->pages[at]->key - batch->pages[at - 1]->key <= SAME_STREAM_PAGES);
	return at - first;
}

u32 swap_batch_finish(struct swap_batch *batch)
{
	void *frames[SWAP_CLUSTER];
	u32 slots[SWAP_CLUSTER], writes[SWAP_CLUSTER], nr_writes = 0, freed = 0;
	bool write;

	for (u32 i = 0, nr; i < batch->nr; i += nr) {
		nr = next_group(batch, i, &write);
		for (u32 j = i; write && j < i + nr; j++) {
			writes[nr_writes] = j;
			frames[nr_writes++] = page_address(batch->pages[j]);
		}
	}
	if (nr_writes)
		swap_write_frames(frames, slots, nr_writes, COST_DISK_WRITE);
	for (u32 i = 0, done = 0; i < batch->nr; i++) {
		bool written = done < nr_writes && writes[done] == i;

		freed += finish_written(batch->pages[i], batch->entries[i],
					written ? slots[done] : 0);
		done += written;
	}
	batch->nr = 0;
	return freed;
}

/* Put a BUSY slot's final word. */
static void settle_file(struct address_space *mapping, u64 index, entry_t to)
{
	u64 *slot = mapping_slot(mapping, index);

	spin_lock(&mapping->lock);
	slot_set(mapping, slot, to);
	spin_unlock(&mapping->lock);
}

static entry_t file_shadow(const struct page *page)
{
	return entry_make_shadow(leave_to_disk(page, TYPE_FILE));
}

/* The slot is BUSY and both references are ours. */
static u32 compress_file(struct scan_control *sc, struct address_space *mapping, struct page *page)
{
	u64 index = page_index(page);
	bool donated = false;
	entry_t entry;
	enum zresult result = file_compress(page, &entry, &donated);

	if (result == ZS_TARGET)
		sc->store_at_target[TYPE_FILE] = true;
	if (result == ZS_POOR)
		page_set(page, PG_INCOMPRESSIBLE);
	if (result == ZS_OK) {
		settle_file(mapping, index, entry);
		return donated ? forget_donated(page) : free_reclaimed(page);
	}
	/* It is clean: the disk has it. */
	settle_file(mapping, index, file_shadow(page));
	count_vm_event(EV_pgdrop_file);
	return free_reclaimed(page);
}

static u32 reclaim_clean_file(struct scan_control *sc, struct address_space *mapping,
			      struct page *page, const struct mm_decision *d)
{
	/* A pool full of pages that are used once is useless (Bob Liu, zcache, 2013). */
	bool deserves = (d->used_once || page_test(page, PG_WORKINGSET)) &&
			!page_test(page, PG_INCOMPRESSIBLE);
	entry_t busy = entry_make_pfn(ENTRY_BUSY, page_to_pfn(page));

	/* A page whose read failed and that nobody has asked for since. */
	if (!page_test(page, PG_UPTODATE) && pagecache_replace(mapping, page, 1, 0))
		return free_reclaimed(page);
	if (!page_test(page, PG_UPTODATE) || !pagecache_replace(mapping, page, 1, busy)) {
		count_vm_event(EV_pgrotated);
		return keep_page(page, TYPE_FILE, LRU_INACTIVE_ANON);
	}
	if (d->compress && deserves)
		return compress_file(sc, mapping, page);
	if (cost_note_file_drop() && may_be_tried(page, TYPE_FILE))
		zpage_try(page, TYPE_FILE);
	settle_file(mapping, page_index(page), file_shadow(page));
	count_vm_event(EV_pgdrop_file);
	return free_reclaimed(page);
}

static u32 reclaim_file(struct scan_control *sc, struct page *page, const struct mm_decision *d)
{
	struct address_space *mapping;
	struct ref ref;
	u32 freed = 0;

	mapping = ref_hold(TYPE_FILE, page->key, &ref);
	if (!mapping)
		return keep_page(page, TYPE_FILE, LRU_INACTIVE_ANON);
	if (page_test(page, PG_WRITEBACK)) {
		count_vm_event(EV_pgrotated);
		keep_page(page, TYPE_FILE, LRU_INACTIVE_ANON);
	} else {
		rmap_unmap_file(mapping, page);
		if (page_test(page, PG_DIRTY) ||
		    (page_test(page, PG_ERROR) && page_test(page, PG_UPTODATE))) {
			lru_add(page, LRU_INACTIVE_FILE);
			sc->written = page;
			writeback_page(mapping, page); /* unlocks */
			put_page(page);
		} else {
			freed = reclaim_clean_file(sc, mapping, page, d);
		}
	}
	ref_release(&ref);
	return freed;
}

u32 reclaim_page(struct scan_control *sc, struct page *page, enum page_type type,
		 const struct mm_decision *d, struct swap_batch *batch)
{
	if (!trylock_page(page)) {
		count_vm_event(EV_pgrotated);
		lru_add(page, lru_of(type, LRU_INACTIVE_ANON));
		put_page(page);
		return 0;
	}
	if (page_accessed(page, type)) {
		if (type == TYPE_ANON)
			page->private = (u32)page->private;
		/* Second chance first, then the active list; the most desperate scan grants neither. */
		if (page_test_and_set(page, PG_REFERENCED)) {
			page_clear(page, PG_REFERENCED);
			page_set(page, PG_WORKINGSET);
			count_vm_event(EV_pgactivate);
			return keep_page(page, type, LRU_ACTIVE_ANON);
		}
		if (sc->priority > 1)
			return keep_page(page, type, LRU_INACTIVE_ANON);
	}
	if (type == TYPE_ANON)
		return reclaim_anon(sc, page, d, batch);
	return reclaim_file(sc, page, d);
}
