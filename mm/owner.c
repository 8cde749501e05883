/* SPDX-License-Identifier: MIT */
/*
 * owner.c - from a key to the reference it stands for.
 *
 * One table a type, one lock over both: look-ups are a few instructions, and registration is rare.
 * A look-up takes a use of the owner before it lets go of the table, so that an owner being
 * torn down waits for those who still look at its page tables or slots.
 */
#include "mm/owner.h"

#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/pagetable.h"

static struct {
	struct spinlock lock;
	struct {
		void *owner;
		u32 *users;
	} slots[NR_PAGE_TYPES][MAX_OWNERS]; /* [0] stays empty: no key is 0 */
	u32 next[NR_PAGE_TYPES]; /* ids go round, so that a stale key rarely meets a new owner */
} owners = { .lock = SPINLOCK_INIT("owners") };

void owner_init(void)
{
	spin_lock(&owners.lock);
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		for (u32 id = 0; id < MAX_OWNERS; id++) {
			owners.slots[type][id].owner = NULL;
			owners.slots[type][id].users = NULL;
		}
		owners.next[type] = 0;
	}
	spin_unlock(&owners.lock);
}

u32 owner_register(enum page_type type, void *owner, u32 *users)
{
	u32 found = 0;

	*users = 1;
	spin_lock(&owners.lock);
	for (u32 i = 1; i < MAX_OWNERS && !found; i++) {
		u32 id = (owners.next[type] + i) % MAX_OWNERS;

		if (id == 0 || owners.slots[type][id].owner)
			continue;
		owners.slots[type][id].owner = owner;
		owners.slots[type][id].users = users;
		owners.next[type] = id;
		found = id;
	}
	spin_unlock(&owners.lock);
	return found;
}

void owner_unregister(enum page_type type, u32 id)
{
	u32 *users;

	spin_lock(&owners.lock);
	users = owners.slots[type][id].users;
	owners.slots[type][id].owner = NULL;
	owners.slots[type][id].users = NULL;
	spin_unlock(&owners.lock);
	/* A look-up holds its use for one critical section only. */
	while (atomic_read(users) > 1)
		env_yield();
}

static void *owner_get(enum page_type type, u32 id, u32 **users)
{
	void *owner = NULL;

	if (id == 0 || id >= MAX_OWNERS)
		return NULL;
	spin_lock(&owners.lock);
	if (owners.slots[type][id].owner) {
		owner = owners.slots[type][id].owner;
		*users = owners.slots[type][id].users;
		atomic_add(*users, 1);
	}
	spin_unlock(&owners.lock);
	return owner;
}

void *ref_hold(enum page_type type, u64 key, struct ref *ref)
{
	ref->type = type;
	ref->owner = owner_get(type, key_owner(key), &ref->users);
	return ref->owner;
}

void ref_release(struct ref *ref)
{
	atomic_sub(ref->users, 1);
}

bool ref_lock(enum page_type type, u64 key, struct ref *ref)
{
	if (!ref_hold(type, key, ref))
		return false;
	if (type == TYPE_ANON) {
		struct mm *mm = ref->owner;

		ref->entry = pt_find(mm, key_index(key) << PAGE_SHIFT);
		ref->lock = &mm->pt_lock;
	} else {
		struct address_space *mapping = ref->owner;

		ref->entry = mapping_slot(mapping, key_index(key));
		ref->lock = &mapping->lock;
	}
	if (!ref->entry) {
		ref_release(ref);
		return false;
	}
	spin_lock(ref->lock);
	return true;
}

entry_t ref_set(struct ref *ref, entry_t to)
{
	entry_t was = *ref->entry;

	if (ref->type == TYPE_ANON)
		return pt_set(ref->owner, ref->entry, to);
	slot_set(ref->owner, ref->entry, to);
	return was;
}

void ref_unlock(struct ref *ref)
{
	spin_unlock(ref->lock);
	ref_release(ref);
}
