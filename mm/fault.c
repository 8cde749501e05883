/* SPDX-License-Identifier: MIT */
/*
 * fault.c - making an address accessible.
 *
 * The entry says where the page's bytes are (entry.h), and so what to do:
 *
 *   NONE     first touch: zero, or the program's image, or the file's page
 *   ZPAGE    decompress: a hit in the third class
 *   SWAP     read the block; keep it as a clean copy until the page is written to
 *   ZSWAP    read the block, take the one zpage out of it
 *   BUSY     reclaim has it. If it is only being written out, take it back at once: see below
 *   LOADING  another thread is bringing it in: wait, look again
 *   LOST     its bytes are gone: say so, to every thread, until the owner ends
 *   present  a write to a page that is mapped read-only: mark dirty, or copy
 *
 * Bringing in. The frame is allocated first, with no lock held, because that may reclaim. Then the entry is made
 * LOADING under pt_lock if it is still what it was; that makes this thread the only owner of the zpage
 * or block. It is loaded with no lock held, and made present.
 *
 * Pages behind a swapped one are brought in with it when they seem to be read in order. They are made LOADING one by one in
 * the same way, and present without the accessed bit: nobody has used them yet.
 *
 * A page touched while it is being written out:
 *
 *     reclaim                              fault
 *     entry := BUSY, page under writeback
 *     write in flight ...                  finds BUSY and PG_WRITEBACK:
 *                                          entry := present again, goes on
 *     write done; entry is not BUSY:
 *     frees the block, keeps the page
 *
 * The write only reads the frame, so the touch cannot harm it; what reached the disk is forgotten.
 * A page being compressed is waited for instead: that takes microseconds, and the bytes must not
 * change meanwhile.
 *
 * The CPU's dirty bit says that a page was written to since reclaim or a fault last looked at it. A
 * page read from a swap block keeps the block (page->private) as a clean copy: reclaim drops the
 * page without writing as long as that bit stays clear. A page that the store refused
 * (PG_INCOMPRESSIBLE) is not tried again as long as it stays clear.
 */
#include "mm/fault.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/owner.h"
#include "mm/pagetable.h"
#include "mm/sequence.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/swap_stream.h"
#include "mm/swapin.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

#define X(name, text) [name] = text,
static const char *const result_texts[NR_FAULT_RESULTS] = { FAULT_RESULT_TABLE(X) };
#undef X

const char *fault_result_text(enum fault_result result)
{
	return result < NR_FAULT_RESULTS ? result_texts[result] : "unknown";
}

/* One fault, as its handlers see it. */
struct fault {
	struct mm *mm;
	struct area *area; /* areas_lock is held for reading */
	u64 va;		   /* of the page */
	u32 access;
	entry_t *entry;
	entry_t seen; /* what the entry was when it was read */
	bool retry;   /* something changed: look again */
	bool major;   /* waited for a disk */
};

static u64 fault_key(const struct fault *f)
{
	return key_make(f->mm->id, f->va >> PAGE_SHIFT);
}

static u64 prot_bits(const struct area *area)
{
	u64 bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED;

	if (!(area->flags & AREA_EXEC))
		bits |= PTE_NX;
	return bits;
}

/* The entry for an anon page; dirty: its bytes are not those that reclaim or the disk last saw. */
static entry_t anon_entry(const struct fault *f, const struct page *page, bool dirty)
{
	entry_t e = page_to_pfn(page) << PAGE_SHIFT | prot_bits(f->area);

	if (f->area->flags & AREA_WRITE)
		e |= PTE_WRITE;
	if (dirty)
		e |= PTE_DIRTY;
	return e;
}

static enum fault_result no_memory(void)
{
	return env_killed() ? FAULT_KILLED : FAULT_OOM;
}

void anon_page_unused(struct page *page)
{
	u32 slot = (u32)READ_ONCE(page->private);

	/* Reclaim may hold the page, locked; it finds the entry gone and leaves private to us. */
	page->private = 0;
	if (slot)
		swap_put(slot);
	put_page(page);
}

/* Replace the entry if it is still what was seen. */
static bool entry_exchange(struct fault *f, entry_t to)
{
	bool same;

	spin_lock(&f->mm->pt_lock);
	same = *f->entry == f->seen;
	if (same)
		pt_set(f->mm, f->entry, to);
	spin_unlock(&f->mm->pt_lock);
	if (!same)
		f->retry = true;
	return same;
}

/* Copy what the program's image has of this page; the rest stays zero. */
static void fill_from_image(const struct fault *f, struct page *page)
{
	u64 offset = f->va - f->area->start;

	if (f->area->image && offset < f->area->image_bytes)
		memcpy(page_address(page), f->area->image + offset,
		       MIN(PAGE_SIZE, f->area->image_bytes - offset));
}

static enum fault_result fault_anon_new(struct fault *f)
{
	struct page *page = alloc_page(ALLOC_WAIT | ALLOC_ZERO, FRAME_ISOLATED_ANON);

	if (!page)
		return no_memory();
	fill_from_image(f, page);
	page->key = fault_key(f);
	page->private = 0;
	if (!entry_exchange(f, anon_entry(f, page, true))) {
		put_page(page);
		return FAULT_OK;
	}
	count_vm_event(EV_pgzerofill);
	lru_add(page, LRU_INACTIVE_ANON);
	return FAULT_OK;
}

/*
 * A frame, locked, with the entry made LOADING: from here on the zpage or block is ours. NULL: memory or
 * retry, as f->retry says.
 */
static struct page *begin_loading(struct fault *f, u32 flags)
{
	struct page *page = alloc_page(flags, FRAME_ISOLATED_ANON);

	if (!page)
		return NULL;
	page->key = fault_key(f);
	page->private = 0;
	page_set(page, PG_LOCKED);
	if (entry_exchange(f, entry_make_pfn(ENTRY_LOADING, page_to_pfn(page))))
		return page;
	page_clear(page, PG_LOCKED);
	put_page(page);
	return NULL;
}

static void finish_loading(struct fault *f, struct page *page, bool dirty, bool activate)
{
	spin_lock(&f->mm->pt_lock);
	pt_set(f->mm, f->entry, anon_entry(f, page, dirty));
	spin_unlock(&f->mm->pt_lock);
	if (activate)
		page_set(page, PG_WORKINGSET);
	sequence_comeback(page->key);
	unlock_page(page);
	lru_add(page, activate ? LRU_ACTIVE_ANON : LRU_INACTIVE_ANON);
}

/* Give up: the entry becomes what it was, or says that the bytes are lost. */
static void abort_loading(struct fault *f, struct page *page, entry_t to)
{
	spin_lock(&f->mm->pt_lock);
	pt_set(f->mm, f->entry, to);
	spin_unlock(&f->mm->pt_lock);
	unlock_page(page);
	put_page(page);
}

static enum fault_result fault_zpage(struct fault *f)
{
	struct page *page = begin_loading(f, ALLOC_WAIT);
	bool activate;

	if (!page)
		return f->retry ? FAULT_OK : no_memory();
	if (!zpage_decompress(TYPE_ANON, f->seen, page->key, page, &activate)) {
		abort_loading(f, page, entry_make(ENTRY_LOST, 0));
		return FAULT_CORRUPT;
	}
	finish_loading(f, page, true, activate);
	return FAULT_OK;
}

/* The history in a shadow: flags for the page, and whether it goes straight to the active list. */
static bool apply_shadow(struct page *page, u32 shadow)
{
	if (shadow & SHADOW_WORKINGSET)
		page_set(page, PG_WORKINGSET);
	if (shadow & SHADOW_INCOMPRESSIBLE)
		page_set(page, PG_INCOMPRESSIBLE);
	return workingset_comeback(TYPE_ANON, shadow_path(shadow), shadow);
}

/* What is read together: the page that is wanted, and those behind it that are on swap too. */
struct swap_pages {
	struct fault of[1 + SWAP_STREAM_MAX];
	struct page *pages[1 + SWAP_STREAM_MAX];
	u32 nr;
	u32 nr_blocks; /* on a disk that seeks: from the first one's to the last one's */
	/* Where those between are read to that nobody wants; NULL: there are none. */
	struct page *scrap;
};

/* So far behind the last one the next that is on swap is looked for: pages between that are elsewhere do not end a stream. */
#define NEAR_PAGES    128
/* Nor does it end where it goes on some pages further. */
#define PAGES_BETWEEN 4

/*
 * Can the disk read the block with the others? One that seeks reads all from the first to the last in one go: hundreds
 * that nobody wants take no longer than to seek once more.
 */
static bool joins(struct swap_pages *s, u32 slot)
{
	u32 first = entry_slot(s->of[0].seen), next = first + s->nr_blocks;

	if (!swap_seeks())
		return true;
	if (slot < next || slot - first >= BIO_MAX_SEGS)
		return false;
	if (slot > next && !s->scrap)
		s->scrap = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_ANON);
	if (slot > next && !s->scrap)
		return false;
	s->nr_blocks = slot - first + 1;
	return true;
}

/* The next one that is on swap, within *left entries. */
static bool find_swapped(struct fault *next, u32 *left)
{
	for (; *left; --*left) {
		next->va += PAGE_SIZE;
		next->entry++;
		/* The table's end, or the area's. */
		if (!(next->va & (PAGE_SIZE * PT_ENTRIES - 1)) || next->va >= next->area->end)
			return false;
		next->seen = READ_ONCE(*next->entry);
		if (entry_is(next->seen, ENTRY_SWAP))
			return true;
	}
	return false;
}

/*
 * The same for the pages that will be wanted next, as it seems (swap_stream.c), as far as there is memory at once. The stream
 * goes on where the next page on swap is: where most are in the store, only those that it refused are there.
 */
static void add_ahead(struct swap_pages *s)
{
	struct fault next = s->of[0];
	u64 key = fault_key(&next), goes_on = 0;
	u32 ahead = swap_stream_ahead(key, 1, PAGES_BETWEEN), left = NEAR_PAGES;

	while (find_swapped(&next, &left)) {
		if (!goes_on)
			goes_on = fault_key(&next);
		if (s->nr > ahead)
			break;
		if (!joins(s, entry_slot(next.seen)))
			continue;
		s->pages[s->nr] = begin_loading(&next, ALLOC_ATOMIC);
		if (!s->pages[s->nr])
			break;
		s->of[s->nr++] = next;
		left = NEAR_PAGES;
		goes_on = 0;
	}
	swap_stream_moved(key + 1 + ahead, goes_on ? goes_on : fault_key(&s->of[s->nr - 1]) + 1);
}

static int read_swap_pages(const struct swap_pages *s)
{
	void *frames[BIO_MAX_SEGS];
	u32 slots[BIO_MAX_SEGS], nr = 0;
	u64 took_ns;
	int err;

	for (u32 i = 0; i < s->nr; i++) {
		u32 slot = entry_slot(s->of[i].seen);

		for (; s->scrap && nr && slots[nr - 1] + 1 < slot; nr++) {
			frames[nr] = page_address(s->scrap);
			slots[nr] = slots[nr - 1] + 1;
		}
		frames[nr] = page_address(s->pages[i]);
		slots[nr++] = slot;
	}
	err = swap_read(slots, frames, nr, &took_ns);
	if (err)
		return err;
	/* Those ahead count once they are used (page_accessed()): many are not, where pages are wanted at random. */
	cost_note_disk(TYPE_ANON, COST_DISK_READ, took_ns, 1);
	cost_note_disk(TYPE_ANON, COST_SWAP_READ, took_ns, 1);
	if (shadow_path(entry_shadow(s->of[0].seen)) == LEFT_STORE)
		cost_note_disk(TYPE_ANON, COST_EVICT_BACK, took_ns, s->nr);
	count_vm_events(EV_pswpin, s->nr);
	count_vm_events(EV_swap_ra, s->nr - 1);
	return 0;
}

/* Nobody has asked for it yet. */
static void finish_ahead(struct fault *f, struct page *page)
{
	apply_shadow(page, entry_shadow(f->seen));
	page_set(page, PG_AHEAD);
	sequence_comeback(page->key);
	spin_lock(&f->mm->pt_lock);
	pt_set(f->mm, f->entry, anon_entry(f, page, false) & ~PTE_ACCESSED);
	spin_unlock(&f->mm->pt_lock);
	unlock_page(page);
	lru_add(page, LRU_INACTIVE_ANON);
}

static void abort_ahead(struct swap_pages *s)
{
	while (s->nr > 1) {
		s->nr--;
		abort_loading(&s->of[s->nr], s->pages[s->nr], s->of[s->nr].seen);
	}
}

static enum fault_result fault_swap(struct fault *f)
{
	struct swap_pages s = { .of = { *f }, .nr = 1, .nr_blocks = 1 };
	/* A clean copy saves a write later; not worth it once the disk fills up. */
	bool keep_copy = swap_used_blocks() * 2 < swap_total_blocks();
	int err;

	s.pages[0] = begin_loading(f, ALLOC_WAIT);
	if (!s.pages[0])
		return f->retry ? FAULT_OK : no_memory();
	f->major = true;
	add_ahead(&s);
	err = read_swap_pages(&s);
	if (err && s.nr > 1) {
		/* A bad block behind it is not the wanted page's. */
		abort_ahead(&s);
		err = read_swap_pages(&s);
	}
	if (s.scrap)
		put_page(s.scrap);
	if (err) {
		abort_loading(f, s.pages[0], f->seen);
		return FAULT_IO;
	}
	for (u32 i = 0; i < s.nr; i++) {
		u32 slot = entry_slot(s.of[i].seen);

		if (keep_copy)
			s.pages[i]->private = slot;
		else
			swap_put(slot);
		if (i)
			finish_ahead(&s.of[i], s.pages[i]);
	}
	finish_loading(f, s.pages[0], f->access & FAULT_WRITE,
		       apply_shadow(s.pages[0], entry_shadow(f->seen)));
	return FAULT_OK;
}

static enum fault_result fault_zswap(struct fault *f)
{
	struct page *page = begin_loading(f, ALLOC_WAIT);
	int err;

	if (!page)
		return f->retry ? FAULT_OK : no_memory();
	f->major = true;
	err = swapin_zpage(f->seen, page->key, page);
	if (err == -EINVAL) {
		swap_put_entry(f->seen);
		abort_loading(f, page, entry_make(ENTRY_LOST, 0));
		return FAULT_CORRUPT;
	}
	if (err) {
		abort_loading(f, page, f->seen);
		return err == -EIO ? FAULT_IO : no_memory();
	}
	finish_loading(f, page, true, apply_shadow(page, entry_shadow(f->seen)));
	return FAULT_OK;
}

/* See the top: a page under writeback is taken back, one being compressed is waited for. */
static void fault_busy(struct fault *f)
{
	struct page *page = pfn_to_page(entry_pfn(f->seen));

	f->retry = true;
	spin_lock(&f->mm->pt_lock);
	if (*f->entry == f->seen && page_test(page, PG_WRITEBACK)) {
		pt_set(f->mm, f->entry, anon_entry(f, page, f->access & FAULT_WRITE));
		spin_unlock(&f->mm->pt_lock);
		return;
	}
	spin_unlock(&f->mm->pt_lock);
	wait_on_page_locked(page);
}

/* A private copy of a file page replaces what the entry has (nothing, or the page read-only). */
static enum fault_result fault_copy(struct fault *f, struct page *file_page)
{
	struct page *page = alloc_page(ALLOC_WAIT, FRAME_ISOLATED_ANON);

	if (!page)
		return no_memory();
	copy_page(page_address(page), page_address(file_page));
	page->key = fault_key(f);
	page->private = 0;
	if (!entry_exchange(f, anon_entry(f, page, true))) {
		put_page(page);
		return FAULT_OK;
	}
	if (entry_present(f->seen)) {
		env_tlb_flush_page(f->mm, f->va);
		atomic_sub(&file_page->mapcount, 1);
	}
	count_vm_event(EV_pgcow);
	lru_add(page, LRU_INACTIVE_ANON);
	return FAULT_OK;
}

static enum fault_result file_error(int err)
{
	switch (err) {
	case -ERANGE:
		return FAULT_BEYOND_FILE;
	case -ENOMEM:
		return no_memory();
	case -EINVAL:
		return FAULT_CORRUPT;
	default:
		return FAULT_IO;
	}
}

static enum fault_result fault_file(struct fault *f)
{
	struct area *area = f->area;
	u64 index = area->file_index + ((f->va - area->start) >> PAGE_SHIFT);
	bool write = f->access & FAULT_WRITE;
	entry_t e = prot_bits(area);
	struct page *page;
	int err;

	page = pagecache_get(area->mapping, index, &area->ra, &err, &f->major);
	if (!page)
		return file_error(err);
	area->ra.next_index = index + 1;
	if (write && !(area->flags & AREA_SHARED)) {
		enum fault_result result = fault_copy(f, page);

		put_page(page);
		return result;
	}
	if (write)
		e |= PTE_WRITE;
	atomic_add(&page->mapcount, 1);
	/* Dirty after it is writable: a write-back in between would make it clean, yet writable. */
	if (!entry_exchange(f, page_to_pfn(page) << PAGE_SHIFT | e))
		atomic_sub(&page->mapcount, 1);
	else if (write)
		set_page_dirty(area->mapping, page);
	put_page(page);
	return FAULT_OK;
}

/* A write to a present, read-only entry of a writable area. */
static enum fault_result fault_write_protected(struct fault *f)
{
	struct page *page = pfn_to_page(entry_pfn(f->seen));
	enum fault_result result = FAULT_OK;
	bool mapped_file;

	spin_lock(&f->mm->pt_lock);
	if (*f->entry != f->seen) {
		spin_unlock(&f->mm->pt_lock);
		f->retry = true;
		return FAULT_OK;
	}
	get_page(page);
	mapped_file = atomic_read(&page->mapcount);
	spin_unlock(&f->mm->pt_lock);

	if (mapped_file && !(f->area->flags & AREA_SHARED)) {
		result = fault_copy(f, page);
	} else {
		if (entry_exchange(f, f->seen | PTE_WRITE | PTE_ACCESSED)) {
			env_tlb_flush_page(f->mm, f->va);
			if (mapped_file) /* after, as in fault_file() */
				set_page_dirty(f->area->mapping, page);
		}
	}
	put_page(page);
	return result;
}

static enum fault_result fault_present(struct fault *f)
{
	if ((f->access & FAULT_WRITE) && !(f->seen & PTE_WRITE))
		return fault_write_protected(f);
	return FAULT_OK; /* another thread was faster, or the TLB was behind */
}

static enum fault_result fault_page(struct fault *f)
{
	/* Without the lock: whoever acts on what it says looks again. */
	f->seen = READ_ONCE(*f->entry);
	f->retry = false;
	if (entry_present(f->seen))
		return fault_present(f);
	switch (entry_kind(f->seen)) {
	case ENTRY_NONE:
		return f->area->mapping ? fault_file(f) : fault_anon_new(f);
	case ENTRY_ZPAGE:
		return fault_zpage(f);
	case ENTRY_SWAP:
		return fault_swap(f);
	case ENTRY_ZSWAP:
		return fault_zswap(f);
	case ENTRY_BUSY:
		fault_busy(f);
		return FAULT_OK;
	case ENTRY_LOADING:
		f->retry = true;
		wait_on_page_locked(pfn_to_page(entry_pfn(f->seen)));
		return FAULT_OK;
	case ENTRY_LOST:
		return FAULT_CORRUPT;
	case ENTRY_SHADOW:
		break;
	}
	panic("entry %lx of %s at %lx is of no kind that a page table has", f->seen, f->mm->name,
	      f->va);
}

/* No area: say what the program probably did. */
static enum fault_result explain_no_area(struct mm *mm, u64 addr)
{
	struct area *above;

	if (addr < USER_BASE)
		return FAULT_NULL;
	if (addr >= USER_TOP)
		return FAULT_NO_AREA;
	list_for_each_entry(above, &mm->areas, link) {
		if (above->start <= addr)
			continue;
		if ((above->flags & AREA_STACK) && above->start - addr <= 16 * PAGE_SIZE)
			return FAULT_STACK_OVERFLOW;
		break;
	}
	return FAULT_NO_AREA;
}

static enum fault_result check_access(const struct area *area, u32 access)
{
	if ((access & FAULT_WRITE) && !(area->flags & AREA_WRITE))
		return FAULT_READ_ONLY;
	if ((access & FAULT_EXEC) && !(area->flags & AREA_EXEC))
		return FAULT_NO_EXEC;
	if (!(area->flags & (AREA_READ | AREA_WRITE | AREA_EXEC)))
		return FAULT_NO_READ;
	return FAULT_OK;
}

enum fault_result mm_fault(struct mm *mm, u64 addr, u32 access)
{
	enum fault_result result;
	struct fault f;

	if (!mm)
		return FAULT_NO_AREA;
	f.mm = mm;
	f.va = addr & PAGE_MASK;
	f.access = access;
	f.retry = false;
	f.major = false;
	down_read(&mm->areas_lock);
	f.area = addr < USER_TOP ? area_find(mm, addr) : NULL;
	result = f.area ? check_access(f.area, access) : explain_no_area(mm, addr);
	if (result == FAULT_OK) {
		f.entry = pt_find_or_make(mm, addr);
		if (!f.entry)
			result = no_memory();
	}
	if (result == FAULT_OK) {
		do {
			result = fault_page(&f);
		} while (result == FAULT_OK && f.retry && !env_killed());
		if (result == FAULT_OK && f.retry)
			result = FAULT_KILLED;
	}
	up_read(&mm->areas_lock);
	if (result == FAULT_OK) {
		count_vm_event(EV_pgfault);
		if (f.major) {
			count_vm_event(EV_pgmajfault);
			atomic_add(&mm->nr_major_faults, 1);
		}
		atomic_add(&mm->nr_faults, 1);
	}
	return result;
}

static bool cool_entry(struct mm *mm, u64 va, entry_t *entry, void *arg)
{
	struct page *page;

	if (!entry_present(*entry))
		return true;
	page = pfn_to_page(entry_pfn(*entry));
	pt_clear_bits(mm, va, entry, PTE_ACCESSED);
	page_clear(page, PG_REFERENCED);
	if (!atomic_read(&page->mapcount))
		lru_deactivate(page);
	return true;
}

int madvise_cold(struct mm *mm, u64 start, u64 end)
{
	down_read(&mm->areas_lock);
	pt_for_each(mm, start, end, cool_entry, NULL);
	up_read(&mm->areas_lock);
	return 0;
}
