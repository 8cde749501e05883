/* SPDX-License-Identifier: MIT */
/*
 * pagecache.c - the pages of files.
 *
 * Each page has a slot with the same word as a page-table entry (entry.h). What a reader finds there
 * and does:
 *
 *   present   take a reference; if it is not up to date, wait for the read in progress
 *   BUSY      reclaim is compressing it: wait, look again
 *   LOADING   another reader is decompressing it: wait, look again
 *   ZPAGE     make it LOADING, decompress, make it present: a hit in the third class
 *   NONE      never read: read it, and what lies ahead
 *   SHADOW    evicted earlier: the same, and the distance tells whether it goes straight to the active list
 *
 * Reading ahead. A reader that goes on where it stopped doubles its window from 4 pages to
 * RA_MAX_PAGES; another starts again at one page. Pages are put into their slots locked, the file system is
 * asked for them in one call, and its answer unlocks them. Pages read ahead are taken only from memory
 * that is there without reclaim.
 *
 * A file page is dirty from the first write to the moment its write-back starts. While it is mapped writable
 * it is dirty: write-back makes its PTEs read-only, so that the next write faults (writeback.c).
 */
#include "mm/pagecache.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/owner.h"
#include "mm/stats.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

#define RA_MIN_PAGES 4
#define RA_MAX_PAGES 32

static struct mutex mappings_lock; /* the list */
static struct list_head mappings;

void pagecache_init(void)
{
	mutex_init(&mappings_lock, "mappings");
	list_init(&mappings);
}

static u64 mapping_pages(const struct address_space *mapping)
{
	return DIV_ROUND_UP(mapping->size_bytes, PAGE_SIZE);
}

int mapping_init(struct address_space *mapping, const char *name, u64 size_bytes,
		 const struct mapping_ops *ops, void *host)
{
	u64 nr_frames = DIV_ROUND_UP(DIV_ROUND_UP(size_bytes, PAGE_SIZE), CACHE_SLOTS_PER_FRAME);

	memset(mapping, 0, sizeof(*mapping));
	mapping->name = name;
	mapping->size_bytes = size_bytes;
	mapping->ops = ops;
	mapping->host = host;
	spin_lock_init(&mapping->lock, "mapping");
	rwsem_init(&mapping->areas_lock, "mapping.areas");
	list_init(&mapping->areas);
	if (nr_frames) {
		mapping->slot_frames = kzalloc(nr_frames * sizeof(u64 *), ALLOC_WAIT);
		if (!mapping->slot_frames)
			return -ENOMEM;
	}
	mapping->id = owner_register(TYPE_FILE, mapping, &mapping->users);
	if (!mapping->id) {
		kfree(mapping->slot_frames);
		return -ENOMEM;
	}
	mutex_lock(&mappings_lock);
	list_add_tail(&mapping->link, &mappings);
	mutex_unlock(&mappings_lock);
	return 0;
}

void mapping_for_each(void (*fn)(struct address_space *mapping, void *arg), void *arg)
{
	struct address_space *mapping;

	mutex_lock(&mappings_lock);
	list_for_each_entry(mapping, &mappings, link)
		fn(mapping, arg);
	mutex_unlock(&mappings_lock);
}

void mapping_for_each_exclusive(void (*fn)(struct address_space *mapping, void *arg), void *arg)
{
	struct address_space *mapping;

	list_for_each_entry(mapping, &mappings, link)
		fn(mapping, arg);
}

u64 page_index(const struct page *page)
{
	return key_index(page->key);
}

u64 *mapping_slot(struct address_space *mapping, u64 index)
{
	u64 *slots;

	if (index >= mapping_pages(mapping))
		return NULL;
	slots = READ_ONCE(mapping->slot_frames[index / CACHE_SLOTS_PER_FRAME]);
	return slots ? &slots[index % CACHE_SLOTS_PER_FRAME] : NULL;
}

static u64 *slot_counter(struct address_space *mapping, entry_t e)
{
	if (entry_present(e))
		return &mapping->nr_pages;
	return entry_is(e, ENTRY_ZPAGE) ? &mapping->nr_compressed : NULL;
}

void slot_set(struct address_space *mapping, u64 *slot, u64 to)
{
	u64 *count = slot_counter(mapping, *slot);

	DEBUG_ASSERT(spin_is_held(&mapping->lock));
	if (count)
		(*count)--;
	WRITE_ONCE(*slot, to);
	count = slot_counter(mapping, to);
	if (count)
		(*count)++;
}

static u64 *slot_make(struct address_space *mapping, u64 index)
{
	u64 **frame = &mapping->slot_frames[index / CACHE_SLOTS_PER_FRAME];
	struct page *page;

	if (READ_ONCE(*frame))
		return mapping_slot(mapping, index);
	page = alloc_page(ALLOC_WAIT | ALLOC_ZERO, FRAME_CACHE_INDEX);
	if (!page)
		return NULL;
	spin_lock(&mapping->lock);
	if (!*frame) {
		WRITE_ONCE(*frame, page_address(page));
		page = NULL;
	}
	spin_unlock(&mapping->lock);
	if (page)
		put_page(page);
	return mapping_slot(mapping, index);
}

/*
 * Put a fresh page, locked, into a slot that still holds expected. The slot takes the allocation's
 * reference; the caller gets one of its own.
 */
static bool install_locked(struct address_space *mapping, u64 index, entry_t expected,
			   struct page *page, enum entry_kind kind)
{
	entry_t *slot = mapping_slot(mapping, index);
	bool installed;

	page->key = key_make(mapping->id, index);
	page_set(page, PG_LOCKED);
	spin_lock(&mapping->lock);
	installed = *slot == expected;
	if (installed) {
		get_page(page);
		slot_set(mapping, slot,
			 kind == ENTRY_LOADING ? entry_make_pfn(ENTRY_LOADING, page_to_pfn(page))
					       : page_to_pfn(page) << PAGE_SHIFT | PTE_PRESENT);
	}
	spin_unlock(&mapping->lock);
	if (!installed) {
		page_clear(page, PG_LOCKED);
		put_page(page);
	}
	return installed;
}

/* The slot held a zpage: bring it in. Returns the page with a reference, or NULL to look again. */
static struct page *load_zpage(struct address_space *mapping, u64 index, entry_t entry, int *err)
{
	struct page *page = alloc_page(ALLOC_WAIT, FRAME_ISOLATED_FILE);
	bool activate = false, ok;

	if (!page) {
		*err = -ENOMEM;
		return NULL;
	}
	if (!install_locked(mapping, index, entry, page, ENTRY_LOADING))
		return NULL;
	ok = zpage_decompress(TYPE_FILE, entry, page->key, page, &activate);
	spin_lock(&mapping->lock);
	/* If the copy is corrupt: it was clean, so the disk has it, but the reader shall know. */
	slot_set(mapping, mapping_slot(mapping, index),
		 ok ? page_to_pfn(page) << PAGE_SHIFT | PTE_PRESENT : 0);
	spin_unlock(&mapping->lock);
	if (!ok) {
		unlock_page(page);
		put_page(page);
		put_page(page);
		*err = -EINVAL;
		return NULL;
	}
	page_set(page, PG_UPTODATE);
	unlock_page(page);
	if (activate)
		page_set(page, PG_WORKINGSET);
	lru_add(page, activate ? LRU_ACTIVE_FILE : LRU_INACTIVE_FILE);
	return page;
}

/* Should the slot's page be read from disk? */
static bool entry_on_disk_only(entry_t entry)
{
	return !entry || entry_is(entry, ENTRY_SHADOW);
}

/* A fresh page enters the lists as its history says. */
static void add_read_page(struct page *page, entry_t entry)
{
	bool activate = false;

	if (entry_is(entry, ENTRY_SHADOW)) {
		u32 shadow = entry_shadow(entry);

		/* It has been wanted again: not a page that is used once. */
		page_set(page, PG_WORKINGSET);
		if (shadow & SHADOW_INCOMPRESSIBLE)
			page_set(page, PG_INCOMPRESSIBLE);
		activate = workingset_comeback(TYPE_FILE, shadow_path(shadow), shadow);
	}
	lru_add(page, activate ? LRU_ACTIVE_FILE : LRU_INACTIVE_FILE);
}

static u32 readahead_window(struct address_space *mapping, u64 index, struct file_ra *ra)
{
	u64 left = mapping_pages(mapping) - index;

	if (!ra)
		return 1;
	if (index == ra->next_index || index == ra->ahead_index)
		ra->window_pages = ra->window_pages ? MIN(ra->window_pages * 2, (u32)RA_MAX_PAGES)
						    : RA_MIN_PAGES;
	else
		ra->window_pages = 1;
	ra->ahead_index = index + ra->window_pages;
	return (u32)MIN((u64)ra->window_pages, left);
}

/*
 * Start reading the page at index and up to window - 1 after it. 1: the first is under way; 0: its slot has
 * changed meanwhile; or -ENOMEM.
 */
static int start_read(struct address_space *mapping, u64 index, u32 window)
{
	struct page *pages[RA_MAX_PAGES];
	u32 nr = 0;

	for (u32 i = 0; i < window; i++) {
		entry_t *slot = i ? mapping_slot(mapping, index + i) : slot_make(mapping, index);
		entry_t entry = slot ? READ_ONCE(*slot) : 0;
		struct page *page;

		if ((i && !slot) || (slot && !entry_on_disk_only(entry)))
			break;
		page = slot ? alloc_page(i ? ALLOC_ATOMIC : ALLOC_WAIT, FRAME_ISOLATED_FILE) : NULL;
		if (!page && !i)
			return -ENOMEM;
		if (!page || !install_locked(mapping, index + i, entry, page, ENTRY_NONE))
			break;
		add_read_page(page, entry);
		pages[nr++] = page;
	}
	if (!nr)
		return 0;
	count_vm_events(EV_pgfilein, nr);
	mapping->ops->read_pages(mapping, pages, nr);
	for (u32 i = 0; i < nr; i++)
		put_page(pages[i]);
	return 1;
}

/* A page that could not be read is not worth keeping: the next reader tries again. */
static void drop_failed_page(struct address_space *mapping, struct page *page)
{
	lock_page(page);
	if (page_test(page, PG_ERROR) && !page_test(page, PG_UPTODATE) &&
	    pagecache_replace(mapping, page, 1, 0))
		put_page(page);
	unlock_page(page);
}

/* The slot's page, if it is there: with a reference. Otherwise the entry says what to do. */
static struct page *find_resident(struct address_space *mapping, u64 index, entry_t *entry)
{
	entry_t *slot = mapping_slot(mapping, index);
	struct page *page = NULL;

	*entry = 0;
	if (!slot)
		return NULL;
	spin_lock(&mapping->lock);
	*entry = *slot;
	if (entry_present(*entry)) {
		page = pfn_to_page(entry_pfn(*entry));
		get_page(page);
	}
	spin_unlock(&mapping->lock);
	return page;
}

/* Wait for a read in progress; up to date, or an error. */
static int wait_uptodate(struct address_space *mapping, struct page *page, bool *major)
{
	if (page_test(page, PG_UPTODATE))
		return 0;
	*major = true;
	wait_on_page_locked(page);
	if (page_test(page, PG_UPTODATE))
		return 0;
	/* The read may have been one ahead, long ago: its failure is not our answer. */
	lock_page(page);
	if (page_test(page, PG_UPTODATE)) {
		unlock_page(page);
		return 0;
	}
	page_clear(page, PG_ERROR);
	mapping->ops->read_pages(mapping, &page, 1); /* unlocks */
	wait_on_page_locked(page);
	if (page_test(page, PG_UPTODATE))
		return 0;
	drop_failed_page(mapping, page);
	return -EIO;
}

struct page *pagecache_get(struct address_space *mapping, u64 index, struct file_ra *ra, int *err,
			   bool *major)
{
	u64 start_ns = env_now_ns(), pages_read = 0;

	*err = 0;
	*major = false;
	if (index >= mapping_pages(mapping)) {
		*err = -ERANGE;
		return NULL;
	}
	for (;;) {
		entry_t entry;
		struct page *page = find_resident(mapping, index, &entry);

		if (page) {
			*err = wait_uptodate(mapping, page, major);
			if (*err) {
				put_page(page);
				return NULL;
			}
			if (pages_read)
				cost_note_disk(TYPE_FILE, COST_DISK_READ, env_now_ns() - start_ns,
					       pages_read);
			else if (!*major)
				count_vm_event(EV_pgfilehit);
			return page;
		}
		if (entry_is(entry, ENTRY_BUSY) || entry_is(entry, ENTRY_LOADING)) {
			wait_on_page_locked(pfn_to_page(entry_pfn(entry)));
		} else if (entry_is(entry, ENTRY_ZPAGE)) {
			page = load_zpage(mapping, index, entry, err);
			if (page || *err)
				return page;
		} else {
			u32 window = readahead_window(mapping, index, ra);

			*err = start_read(mapping, index, window);
			if (*err < 0)
				return NULL;
			pages_read = *err ? window : 0;
			*err = 0;
		}
	}
}

bool pagecache_replace(struct address_space *mapping, struct page *page, u16 extra_refs, u64 entry)
{
	entry_t *slot = mapping_slot(mapping, page_index(page));
	bool replaced;

	spin_lock(&mapping->lock);
	replaced = entry_present(*slot) && entry_pfn(*slot) == page_to_pfn(page) &&
		   atomic_read(&page->refs) == extra_refs + 1 && !atomic_read(&page->mapcount) &&
		   !page_test(page, PG_DIRTY) && !page_test(page, PG_WRITEBACK);
	if (replaced)
		slot_set(mapping, slot, entry);
	spin_unlock(&mapping->lock);
	return replaced;
}

void set_page_dirty(struct address_space *mapping, struct page *page)
{
	spin_lock(&mapping->lock);
	if (!page_test_and_set(page, PG_DIRTY))
		mapping->nr_dirty++;
	page_clear(page, PG_INCOMPRESSIBLE);
	spin_unlock(&mapping->lock);
}

void page_read_done(struct page *page, int error)
{
	page_set(page, error ? PG_ERROR : PG_UPTODATE);
	unlock_page(page);
}

s64 file_read(struct address_space *mapping, u64 offset, void *buf, u64 bytes, struct file_ra *ra,
	      copy_fn copy)
{
	u64 done = 0;

	if (offset >= mapping->size_bytes)
		return 0;
	bytes = MIN(bytes, mapping->size_bytes - offset);
	while (done < bytes) {
		u64 index = (offset + done) >> PAGE_SHIFT;
		u64 in_page = (offset + done) & (PAGE_SIZE - 1);
		u64 n = MIN(bytes - done, PAGE_SIZE - in_page);
		struct page *page;
		bool major, copied;
		int err;

		page = pagecache_get(mapping, index, ra, &err, &major);
		if (!page)
			return done ? (s64)done : err;
		if (ra && ra->last_plus_1 != index + 1)
			mark_page_accessed(page);
		copied = copy((u8 *)buf + done, (u8 *)page_address(page) + in_page, n);
		put_page(page);
		if (!copied)
			return done ? (s64)done : -EFAULT;
		if (ra) {
			ra->last_plus_1 = index + 1;
			ra->next_index = index + 1;
		}
		done += n;
	}
	return (s64)done;
}

s64 file_write(struct address_space *mapping, u64 offset, const void *buf, u64 bytes, copy_fn copy)
{
	u64 done = 0;

	if (offset >= mapping->size_bytes)
		return 0;
	bytes = MIN(bytes, mapping->size_bytes - offset);
	while (done < bytes) {
		u64 in_page = (offset + done) & (PAGE_SIZE - 1);
		u64 n = MIN(bytes - done, PAGE_SIZE - in_page);
		struct page *page;
		bool major, copied;
		int err;

		page = pagecache_get(mapping, (offset + done) >> PAGE_SHIFT, NULL, &err, &major);
		if (!page)
			return done ? (s64)done : err;
		/* Dirty before and after: a write-back in between may see half of the copy. */
		set_page_dirty(mapping, page);
		copied = copy((u8 *)page_address(page) + in_page, (const u8 *)buf + done, n);
		set_page_dirty(mapping, page);
		mark_page_accessed(page);
		put_page(page);
		if (!copied)
			return done ? (s64)done : -EFAULT;
		done += n;
	}
	return (s64)done;
}

static void forget_dirty(struct address_space *mapping, struct page *page)
{
	spin_lock(&mapping->lock);
	if (page_test_and_clear(page, PG_DIRTY))
		mapping->nr_dirty--;
	spin_unlock(&mapping->lock);
}

/* Every page out: none is mapped, none dirty unless its write failed for good. */
static void drop_slot(struct address_space *mapping, u64 index)
{
	for (;;) {
		entry_t *slot = mapping_slot(mapping, index);
		entry_t entry;

		spin_lock(&mapping->lock);
		entry = *slot;
		if (!entry || entry_is(entry, ENTRY_SHADOW) || entry_is(entry, ENTRY_ZPAGE)) {
			slot_set(mapping, slot, 0);
			spin_unlock(&mapping->lock);
			if (entry_is(entry, ENTRY_ZPAGE))
				zpage_drop(TYPE_FILE, entry, key_make(mapping->id, index));
			else if (entry)
				workingset_forget(TYPE_FILE, entry_shadow(entry));
			return;
		}
		if (entry_present(entry)) {
			struct page *page = pfn_to_page(entry_pfn(entry));

			get_page(page);
			spin_unlock(&mapping->lock);
			lock_page(page);
			wait_on_page_writeback(page);
			forget_dirty(mapping, page);
			if (pagecache_replace(mapping, page, 1, 0))
				put_page(page);
			unlock_page(page);
			put_page(page);
			env_yield();
			continue;
		}
		spin_unlock(&mapping->lock);
		wait_on_page_locked(pfn_to_page(entry_pfn(entry)));
	}
}

void mapping_destroy(struct address_space *mapping)
{
	u64 nr_pages = mapping_pages(mapping);

	ASSERT(list_empty(&mapping->areas));
	file_sync(mapping);
	mutex_lock(&mappings_lock);
	list_del(&mapping->link);
	mutex_unlock(&mappings_lock);
	for (u64 first = 0; first < nr_pages; first += CACHE_SLOTS_PER_FRAME) {
		u64 *slots = mapping->slot_frames[first / CACHE_SLOTS_PER_FRAME];

		if (!slots)
			continue;
		for (u64 i = 0; i < CACHE_SLOTS_PER_FRAME && first + i < nr_pages; i++)
			drop_slot(mapping, first + i);
	}
	owner_unregister(TYPE_FILE, mapping->id);
	for (u64 first = 0; first < nr_pages; first += CACHE_SLOTS_PER_FRAME) {
		u64 *slots = mapping->slot_frames[first / CACHE_SLOTS_PER_FRAME];

		if (slots)
			put_page(virt_to_page(slots));
	}
	kfree(mapping->slot_frames);
	mapping->slot_frames = NULL;
}
