/* SPDX-License-Identifier: MIT */
/*
 * mm.h - address spaces: areas, faults, and the life of a workload's memory.
 *
 * Each workload has the lower half to itself; the kernel's half is shared.
 * Nothing is allocated until it is touched.
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "mm/page.h"
#include "mm/pagecache.h"

/* A workload's addresses: [USER_BASE, USER_TOP). Page 0 and its surroundings stay unmapped. */
#define USER_BASE 0x10000UL
#define USER_TOP  0x0000008000000000UL /* 512 GiB: one root entry */

#define USER_TEXT_BASE 0x0000000000400000UL /* the program, linked here */
#define USER_HEAP_BASE 0x0000001000000000UL
#define USER_HEAP_TOP  0x0000002000000000UL
#define USER_MMAP_BASE 0x0000002000000000UL
#define USER_MMAP_TOP  0x0000007000000000UL

enum area_flags {
	AREA_READ = BIT(0),
	AREA_WRITE = BIT(1),
	AREA_EXEC = BIT(2),
	AREA_SHARED = BIT(3), /* file: writes reach the file */
	AREA_STACK = BIT(4),  /* for reports: a fault just below it is an overflow */
	AREA_HEAP = BIT(5),   /* the one that mm_brk() moves */
};

/* A run of addresses with one meaning. Guarded by mm->areas_lock. */
struct area {
	u64 start, end; /* bytes, page aligned, [start, end) */
	u32 flags;
	struct mm *mm;
	struct list_head link; /* mm->areas, by address */
	/*
	 * File mappings: page (start >> PAGE_SHIFT) is page file_index of mapping. Only the
	 * first image_bytes come from an image in kernel memory (a program's text and data).
	 */
	struct address_space *mapping;
	u64 file_index;
	struct file_ra ra;	       /* sequential faults; a hint, races are harmless */
	struct list_head mapping_link; /* mapping->areas, under its areas_lock */
	const u8 *image;
	u64 image_bytes;
	const char *name; /* for reports: "heap", "stack", "mmap" */
};

struct mm {
	u32 id;			 /* in keys; see owner.h */
	u32 users;		 /* A: the workload, and transient lookups */
	u64 *root;		 /* level-4 table, direct-map address */
	struct rwsem areas_lock; /* read: faults; write: changes to areas */
	struct list_head areas;
	struct area *last_found; /* atomic: by area_find(), under either kind of areas_lock */
	struct spinlock pt_lock; /* contents of page-table entries */
	u64 brk;
	u64 mmap_next; /* where to look for room first */
	/* Entries by kind, kept by pt_set() under pt_lock. */
	u64 nr_resident;     /* pages present, file pages included */
	u64 nr_compressed;   /* pages in the store */
	u64 nr_swapped;	     /* pages on the swap disk */
	u64 nr_in_transit;   /* pages in the hands of a fault or reclaim */
	u64 nr_faults;	     /* A */
	u64 nr_major_faults; /* A: those that waited for a disk */
	u64 dying_since_ns; /* A: when it was told to end, or began to give back its memory; 0: neither */
	const char *name; /* for reports */
	void *owner;	  /* the kernel's struct proc */
};

/* NULL when there is no memory. Thread context. */
struct mm *mm_create(const char *name, void *owner);
/* Free every page, zpage and swap slot, then the tables. No thread may be using it. Sleeps. */
void mm_destroy(struct mm *mm);

/*
 * Areas. All take areas_lock for writing and sleep. Addresses are page aligned;
 * 0 or a negative error (-EINVAL, -ENOMEM, -EEXIST).
 */
/* The program's text or data: private, filled from image, the rest zero. */
int mm_map_image(struct mm *mm, u64 start, u64 bytes, u32 flags, const u8 *image, u64 image_bytes);
/* addr 0: anywhere. Returns the address, or an error as a negative number. mapping NULL: anon. */
s64 mm_mmap(struct mm *mm, u64 addr, u64 bytes, u32 flags, struct address_space *mapping,
	    u64 file_index, const char *name);
int mm_munmap(struct mm *mm, u64 start, u64 bytes);
/* Move the end of the heap; returns the old end or -ENOMEM. */
s64 mm_brk(struct mm *mm, s64 increment);

enum madvice { MADV_DONTNEED, MADV_COLD, MADV_WILLNEED, NR_MADVICES };
int mm_madvise(struct mm *mm, u64 start, u64 bytes, enum madvice advice);
/* Start writing the dirty pages of shared file mappings in the range, wait, report errors. */
int mm_msync(struct mm *mm, u64 start, u64 bytes);

/* What the CPU said of a fault. */
enum fault_access {
	FAULT_WRITE = BIT(0),
	FAULT_EXEC = BIT(1),
	FAULT_PRESENT = BIT(2), /* protection, not absence */
};

#define FAULT_RESULT_TABLE(X)                                            \
	X(FAULT_OK, "handled")                                           \
	X(FAULT_NO_AREA, "no memory is mapped there")                    \
	X(FAULT_NULL, "null pointer dereference")                        \
	X(FAULT_STACK_OVERFLOW, "stack overflow")                        \
	X(FAULT_READ_ONLY, "write to read-only memory")                  \
	X(FAULT_NO_EXEC, "execution of data")                            \
	X(FAULT_NO_READ, "read of unreadable memory")                    \
	X(FAULT_IO, "the disk failed to read the page")                  \
	X(FAULT_BEYOND_FILE, "access beyond the end of the mapped file") \
	X(FAULT_CORRUPT, "the compressed copy of the page is corrupt")   \
	X(FAULT_OOM, "out of memory")                                    \
	X(FAULT_KILLED, "the workload has been killed")
#define X(name, text) name,
enum fault_result { FAULT_RESULT_TABLE(X) NR_FAULT_RESULTS };
#undef X
const char *fault_result_text(enum fault_result result);

/*
 * Make addr accessible, or say why not. Thread context, interrupts on, no
 * spinlock held; sleeps.
 */
enum fault_result mm_fault(struct mm *mm, u64 addr, u32 access);

/* All address spaces, for reports and the choice of an OOM victim. */
void mm_for_each(void (*fn)(struct mm *mm, void *arg), void *arg);

/* Set up frames, allocator, store, LRU. Order 1 of kmain() after the memory map is known. */
struct zstore_kind;
struct mm_config {
	u64 first_pfn, nr_frames;
	struct page *memmap; /* nr_frames entries */
	u32 nr_cpus;
	/* The compressed store: zstore.h. */
	const struct zstore_kind *store_kind; /* NULL: log */
	bool store_checksums, store_evicts_pages;
};
void mm_init(const struct mm_config *config);
/* Start kswapd and the flusher; threads must exist. */
void mm_start_threads(void);
/* Write every dirty file page and wait. 0 or the first error. */
int mm_sync(void);

#endif
