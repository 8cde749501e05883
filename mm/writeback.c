/* SPDX-License-Identifier: MIT */
/*
 * writeback.c - dirty file pages go to disk: by fsync, by the flusher, by reclaim.
 *
 * The order that makes it safe against writers, on one page, under its lock:
 *
 *     write-back                          writer
 *     clear PG_DIRTY, set PG_WRITEBACK    store through a PTE: faults, makes it writable,
 *     make PTEs read-only                 then marks the page dirty, or
 *     start the I/O                       write(): marks dirty after it has copied
 *
 * A store through a PTE that is still writable comes before the I/O starts and is in the bytes that
 * are written. One that comes later must fault first, and marks the page dirty after PG_DIRTY was
 * cleared, so it is written again. Were the two first steps the other way round, a fault between
 * them would find the page still dirty and leave it writable, but soon clean.
 *
 * An error leaves the page dirty and is remembered in the mapping for the next fsync: data is
 * kept as long as there is memory for it.
 */
#include "lib/blockdev.h"
#include "lib/errno.h"
#include "mm/alloc.h"
#include "mm/entry.h"
#include "mm/lru.h"
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/stats.h"

/* The flusher looks this often, and reclaim meets few dirty pages because of it. */
#define FLUSH_INTERVAL_NS NSEC_PER_SEC

/* I/O context: only what needs no lock beyond the page's own. */
void page_write_done(struct page *page, int error)
{
	if (error)
		page_set(page, PG_ERROR);
	end_page_writeback(page);
}

/* A write that failed is found when the page is next looked at, by a thread. */
static void note_write_error(struct address_space *mapping, struct page *page)
{
	if (!page_test(page, PG_UPTODATE) || !page_test_and_clear(page, PG_ERROR))
		return;
	WRITE_ONCE(mapping->write_error, -EIO);
	set_page_dirty(mapping, page);
}

/* Locked page: take it from dirty to writeback. False: there is nothing to write. */
static bool begin_writeback(struct address_space *mapping, struct page *page)
{
	bool dirty;

	if (page_test(page, PG_WRITEBACK))
		return false;
	note_write_error(mapping, page);
	if (!page_test(page, PG_DIRTY))
		return false;
	spin_lock(&mapping->lock);
	dirty = page_test_and_clear(page, PG_DIRTY);
	if (dirty) {
		mapping->nr_dirty--;
		page_set(page, PG_WRITEBACK);
	}
	spin_unlock(&mapping->lock);
	if (dirty)
		rmap_clean_file(mapping, page);
	return dirty;
}

void writeback_page(struct address_space *mapping, struct page *page)
{
	bool write = begin_writeback(mapping, page);

	unlock_page(page);
	if (!write)
		return;
	count_vm_event(EV_pgfileout);
	mapping->ops->write_pages(mapping, &page, 1);
}

/* The resident page of a slot, with a reference; NULL if it has none. */
static struct page *get_resident(struct address_space *mapping, u64 index)
{
	u64 *slot = mapping_slot(mapping, index);
	struct page *page = NULL;

	if (!slot || !(READ_ONCE(*slot) & PTE_PRESENT))
		return NULL;
	spin_lock(&mapping->lock);
	if (*slot & PTE_PRESENT) {
		page = pfn_to_page(entry_pfn(*slot));
		get_page(page);
	}
	spin_unlock(&mapping->lock);
	return page;
}

/* Pages under writeback with consecutive indexes, whose request has not been started yet. */
struct writeback_run {
	struct address_space *mapping;
	struct page *pages[BIO_MAX_SEGS];
	u32 nr;
};

static void submit_run(struct writeback_run *run)
{
	if (!run->nr)
		return;
	count_vm_events(EV_pgfileout, run->nr);
	run->mapping->ops->write_pages(run->mapping, run->pages, run->nr);
	run->nr = 0;
}

/*
 * For a sync, a write in flight may be of older bytes: wait for it and write again. Nobody waits while
 * holding back a run of its own, so two syncs cannot wait for each other.
 */
static bool lock_and_begin(struct writeback_run *run, struct page *page, bool sync)
{
	bool write;

	lock_page(page);
	if (sync && page_test(page, PG_WRITEBACK)) {
		submit_run(run);
		wait_on_page_writeback(page);
	}
	write = begin_writeback(run->mapping, page);
	unlock_page(page);
	return write;
}

u64 mapping_writeback(struct address_space *mapping, u64 index, u64 nr, bool sync)
{
	struct writeback_run run = { .mapping = mapping };
	u64 end = MIN(index + nr, DIV_ROUND_UP(mapping->size_bytes, PAGE_SIZE));
	u64 started = 0;

	for (; index < end; index++) {
		struct page *page = get_resident(mapping, index);
		bool write = page && (page_test(page, PG_DIRTY) || page_test(page, PG_ERROR)) &&
			     lock_and_begin(&run, page, sync);

		if (page)
			put_page(page);
		if (!write || run.nr == BIO_MAX_SEGS)
			submit_run(&run);
		if (write) {
			run.pages[run.nr++] = page;
			started++;
		}
	}
	submit_run(&run);
	return started;
}

int file_sync(struct address_space *mapping)
{
	u64 nr_pages = DIV_ROUND_UP(mapping->size_bytes, PAGE_SIZE);
	int err;

	mapping_writeback(mapping, 0, nr_pages, true);
	for (u64 index = 0; index < nr_pages; index++) {
		struct page *page = get_resident(mapping, index);

		if (!page)
			continue;
		wait_on_page_writeback(page);
		note_write_error(mapping, page);
		put_page(page);
	}
	err = READ_ONCE(mapping->write_error);
	WRITE_ONCE(mapping->write_error, 0);
	return err;
}

struct sync_all {
	bool wait;
	int err;
};

static void sync_mapping(struct address_space *mapping, void *arg)
{
	struct sync_all *all = arg;
	int err = 0;

	if (all->wait)
		err = file_sync(mapping);
	else if (READ_ONCE(mapping->nr_dirty))
		mapping_writeback(mapping, 0, DIV_ROUND_UP(mapping->size_bytes, PAGE_SIZE), false);
	if (err && !all->err)
		all->err = err;
}

int mm_sync(void)
{
	struct sync_all all = { .wait = true };

	mapping_for_each(sync_mapping, &all);
	return all.err;
}

static void flusher(void *arg)
{
	struct sync_all all = { .wait = false };

	for (;;) {
		env_sleep_ns(FLUSH_INTERVAL_NS);
		mapping_for_each(sync_mapping, &all);
	}
}

void flusher_start(void)
{
	env_start_thread("flusher", flusher, NULL);
}
