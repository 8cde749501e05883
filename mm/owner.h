/* SPDX-License-Identifier: MIT */
/*
 * owner.h - keys: which page of which owner, in 64 bits.
 *
 * A key names a logical page for as long as it lives, wherever its bytes are: it
 * is in struct page while the page is resident and in the store's directory while it is
 * compressed. From a key one finds the reference (page-table entry or cache slot) that says
 * where the bytes are. This is the whole reverse mapping of anon memory: no page is shared
 * between address spaces, so one key is enough.
 *
 * A key can outlive its owner in the hands of a reclaimer. That is harmless: the
 * reference found through it then does not name the page, and the reclaimer lets go.
 */
#ifndef MM_OWNER_H
#define MM_OWNER_H

#include "lib/lock.h"
#include "lib/types.h"
#include "mm/entry.h"
#include "mm/lru.h"

#define KEY_INDEX_BITS 36
#define MAX_OWNERS     1024
_Static_assert(KEY_INDEX_BITS + 10 <= ZKEY_BITS && MAX_OWNERS <= BIT(10),
	       "the store keeps a key with each zpage");

static inline u64 key_make(u32 owner_id, u64 index)
{
	return (u64)owner_id << KEY_INDEX_BITS | index;
}

static inline u32 key_owner(u64 key)
{
	return (u32)(key >> KEY_INDEX_BITS);
}

static inline u64 key_index(u64 key)
{
	return key & (BIT(KEY_INDEX_BITS) - 1);
}

/*
 * Numbers for address spaces (anon) and mappings (file). users points at the owner's own count, of
 * which lookups take one. Returns 0 when all numbers are in use.
 */
u32 owner_register(enum page_type type, void *owner, u32 *users);
/* No lookup finds it any more; waits until lookups in progress are over. Sleeps. */
void owner_unregister(enum page_type type, u32 id);
void owner_init(void);

/*
 * Find and lock the reference that a key stands for. *lock is held on true; false: the owner is gone or
 * has no such slot. ref_unlock() ends it. No call into the store in between.
 */
struct ref {
	entry_t *entry;
	struct spinlock *lock;
	void *owner; /* struct mm or struct address_space */
	u32 *users;
	enum page_type type;
};
/* Find and hold the owner of a key without locking; NULL: it is gone. ref_release() ends it. */
void *ref_hold(enum page_type type, u64 key, struct ref *ref);
void ref_release(struct ref *ref);
bool ref_lock(enum page_type type, u64 key, struct ref *ref);
void ref_unlock(struct ref *ref);
/* Change it, counts included; returns what was there. Between lock and unlock. */
entry_t ref_set(struct ref *ref, entry_t to);

#endif
