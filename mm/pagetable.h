/* SPDX-License-Identifier: MIT */
/*
 * pagetable.h - the lower half's page tables: four levels of 512 entries.
 *
 * Tables are added when first needed and freed with the address space, never between, so a
 * walk takes no lock; the entries of the last level are guarded by mm->pt_lock.
 */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include "lib/types.h"
#include "mm/entry.h"
#include "mm/mm.h"

#define PT_ENTRIES 512 /* of a table */

/* The last-level entry for va; NULL if its table does not exist. Any context. */
entry_t *pt_find(const struct mm *mm, u64 va);
/* The same, making tables as needed; NULL: no memory. Thread context, sleeps. */
entry_t *pt_find_or_make(struct mm *mm, u64 va);
/*
 * Change an entry and the address space's counts by kind with it (I5); returns what was there, with the
 * CPU's latest accessed and dirty bits. pt_lock held. The only writer of entries; flushing is the
 * caller's.
 */
entry_t pt_set(struct mm *mm, entry_t *entry, entry_t to);
/* Clear bits of a present entry and flush it; returns what was there. pt_lock held. */
entry_t pt_clear_bits(struct mm *mm, u64 va, entry_t *entry, u64 bits);
/* Free all tables but the root's own frame; every entry is empty by now. */
void pt_free_tables(struct mm *mm);

/*
 * Call fn for every entry in [start, end) that is not 0 in a table that exists. pt_lock is held during
 * the call; fn may drop and take it again, and returns false to have the same entry shown once more.
 */
typedef bool (*pt_visit_fn)(struct mm *mm, u64 va, entry_t *entry, void *arg);
void pt_for_each(struct mm *mm, u64 start, u64 end, pt_visit_fn fn, void *arg);

#endif
