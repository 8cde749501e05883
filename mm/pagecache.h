/* SPDX-License-Identifier: MIT */
/*
 * pagecache.h - file pages: the interface between mm/ and a file system.
 *
 * An address_space holds the pages of one file. Each page of it has one slot
 * (an entry, see entry.h) that says where its bytes are: in a frame, in the
 * compressed store, or only on disk (empty, or a shadow of its eviction).
 */
#ifndef MM_PAGECACHE_H
#define MM_PAGECACHE_H

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "mm/page.h"

struct address_space;

struct mapping_ops {
	/*
	 * Start reading nr (<= BIO_MAX_SEGS) pages with consecutive indexes, all
	 * locked and not up to date. Bytes beyond the end of the file are zeroed. Each page is finished
	 * by page_read_done(), in any context, also on error. Thread context; may sleep on the disk's
	 * queue, never on memory.
	 */
	void (*read_pages)(struct address_space *mapping, struct page **pages, u32 nr);
	/*
	 * Start writing nr pages with consecutive indexes, all marked PG_WRITEBACK and no longer
	 * dirty. Each is finished by page_write_done(). Same context; needs no memory.
	 */
	void (*write_pages)(struct address_space *mapping, struct page **pages, u32 nr);
};

#define CACHE_SLOTS_PER_FRAME 512

struct address_space {
	u32 id;	   /* in keys; see owner.h */
	u32 users; /* A */
	const struct mapping_ops *ops;
	void *host;	      /* the file system's inode */
	u64 size_bytes;	      /* fixed: files are written in place */
	struct spinlock lock; /* slots, nr_* */
	u64 **slot_frames; /* DIV_ROUND_UP(pages, 512) pointers; each to a frame of slots or NULL */
	u64 nr_pages;	   /* slots by kind, kept by slot_set(): pages resident */
	u64 nr_compressed; /* pages in the store */
	u64 nr_dirty;	   /* pages resident and dirty */
	int write_error;   /* first failure since the last sync */
	struct rwsem areas_lock; /* areas that map this file */
	struct list_head areas;
	struct list_head link; /* all mappings, under mappings_lock */
	const char *name;      /* for reports */
};

/* Sequential reading, one for each open file; the reader's own. */
struct file_ra {
	u64 next_index;	  /* where a sequential reader would go on */
	u32 window_pages; /* how much to read at once */
	u64 ahead_index;  /* first page not yet asked for */
	u64 last_plus_1;  /* page last marked accessed + 1: a page read in pieces is one use */
};

/* 0 or -ENOMEM. Thread context. */
int mapping_init(struct address_space *mapping, const char *name, u64 size_bytes,
		 const struct mapping_ops *ops, void *host);
/* Forget every page (dirty ones are written first), zpage and slot. Unmapped by now. Sleeps. */
void mapping_destroy(struct address_space *mapping);

/*
 * Copy from or to the file, within its size: bytes done (0 at the end), or
 * -EIO, -ENOMEM, -EFAULT (the user buffer), -EROFS. copy is
 * copy_to_user-like: it may fault, and returns false on a bad address.
 */
typedef bool (*copy_fn)(void *to, const void *from, size_t bytes);
s64 file_read(struct address_space *mapping, u64 offset, void *buf, u64 bytes, struct file_ra *ra,
	      copy_fn copy);
s64 file_write(struct address_space *mapping, u64 offset, const void *buf, u64 bytes, copy_fn copy);
/* Write every dirty page (mapped writers included) and wait. 0 or the first error since last time. */
int file_sync(struct address_space *mapping);

/* The file system's answers. Any context. error: 0 or -EIO. */
void page_read_done(struct page *page, int error);
void page_write_done(struct page *page, int error);

/* Index of a file page within its mapping. */
u64 page_index(const struct page *page);

/* --- for mm/ itself --- */

/* The slot of a page, if its frame of slots exists; NULL otherwise. Any context. */
u64 *mapping_slot(struct address_space *mapping, u64 index);
/* Change a slot and the counts by kind with it. mapping->lock held. The only writer of slots. */
void slot_set(struct address_space *mapping, u64 *slot, u64 to);
/*
 * The page, up to date, with a reference for the caller; read from disk (with what ra says should
 * be read along; NULL: alone) or decompressed if need be. NULL with *err: -EIO, -ENOMEM, -ERANGE
 * (beyond the end), -EINVAL (corrupt). Sets *major if it waited for a disk. Sleeps.
 */
struct page *pagecache_get(struct address_space *mapping, u64 index, struct file_ra *ra, int *err,
			   bool *major);
/* Mark dirty: to be written before it is forgotten. The caller holds a reference. */
void set_page_dirty(struct address_space *mapping, struct page *page);
/*
 * Take the page out of the mapping, leaving entry in its slot. False if somebody else uses it (extra_refs: the
 * caller's own besides the slot's), it is dirty, under writeback, or its slot does not name it. The
 * slot's reference goes to the caller.
 */
bool pagecache_replace(struct address_space *mapping, struct page *page, u16 extra_refs, u64 entry);

/*
 * writeback.c. Start writing dirty pages among nr pages from index; returns how many. sync: also those
 * under an earlier write, after it. Sleeps on the disk's queue.
 */
u64 mapping_writeback(struct address_space *mapping, u64 index, u64 nr, bool sync);
/* Start writing one locked dirty page found by reclaim; unlocks it. */
void writeback_page(struct address_space *mapping, struct page *page);
void flusher_start(void);

/* All mappings, for the flusher, stats and verify. fn may sleep. */
void mapping_for_each(void (*fn)(struct address_space *mapping, void *arg), void *arg);
/* The same under env_exclusive(): fn may not sleep. */
void mapping_for_each_exclusive(void (*fn)(struct address_space *mapping, void *arg), void *arg);
void pagecache_init(void);

/* rmap.c. Remove every PTE of a locked file page; true if one had been used since last asked. */
bool rmap_unmap_file(struct address_space *mapping, struct page *page);
/* Clear the accessed bits; true if one was set. */
bool rmap_referenced_file(struct address_space *mapping, struct page *page);
/* Make every PTE read-only, so that the next write is seen. */
void rmap_clean_file(struct address_space *mapping, struct page *page);

#endif
