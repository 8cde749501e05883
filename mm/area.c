/* SPDX-License-Identifier: MIT */
/*
 * area.c - what the addresses of a workload mean: making, splitting and removing areas, and the
 * address spaces themselves.
 *
 * Areas say what may be there; page-table entries say what is. A change to areas takes areas_lock for
 * writing, so no fault is in progress in this address space meanwhile; reclaim may be, and is met
 * as a BUSY entry, for which zap_entry() waits.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/fault.h"
#include "mm/lru.h"
#include "mm/mm.h"
#include "mm/owner.h"
#include "mm/pagetable.h"
#include "mm/swap.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

static struct {
	struct mutex lock; /* list */
	struct list_head list;
} mms;

void area_init(void)
{
	mutex_init(&mms.lock, "mms");
	list_init(&mms.list);
}

struct mm_link {
	struct mm mm;
	struct list_head link; /* mms.lock */
};

struct mm *mm_create(const char *name, void *owner)
{
	struct mm_link *node = kzalloc(sizeof(*node), ALLOC_WAIT);
	struct mm *mm = &node->mm;
	struct page *root;

	if (!node)
		return NULL;
	root = alloc_page(ALLOC_WAIT | ALLOC_ZERO, FRAME_PAGE_TABLE);
	if (!root) {
		kfree(node);
		return NULL;
	}
	mm->root = page_address(root);
	env_init_root_table(mm->root);
	rwsem_init(&mm->areas_lock, "mm.areas");
	spin_lock_init(&mm->pt_lock, "mm.pt");
	list_init(&mm->areas);
	mm->brk = USER_HEAP_BASE;
	mm->mmap_next = USER_MMAP_BASE;
	mm->name = name;
	mm->owner = owner;
	mm->id = owner_register(TYPE_ANON, mm, &mm->users);
	if (!mm->id) {
		put_page(root);
		kfree(node);
		return NULL;
	}
	mutex_lock(&mms.lock);
	list_add_tail(&node->link, &mms.list);
	mutex_unlock(&mms.lock);
	return mm;
}

void mm_for_each(void (*fn)(struct mm *mm, void *arg), void *arg)
{
	struct mm_link *node;

	mutex_lock(&mms.lock);
	list_for_each_entry(node, &mms.list, link)
		fn(&node->mm, arg);
	mutex_unlock(&mms.lock);
}

void mm_for_each_exclusive(void (*fn)(struct mm *mm, void *arg), void *arg)
{
	struct mm_link *node;

	list_for_each_entry(node, &mms.list, link)
		fn(&node->mm, arg);
}

/* Clear one entry and free what it names. pt_lock held; dropped to free. False: look at it again. */
static bool zap_entry(struct mm *mm, u64 va, entry_t *entry, void *arg)
{
	entry_t e = *entry;
	u64 key = key_make(mm->id, va >> PAGE_SHIFT);

	if (entry_is(e, ENTRY_BUSY)) {
		spin_unlock(&mm->pt_lock);
		wait_on_page_locked(pfn_to_page(entry_pfn(e)));
		spin_lock(&mm->pt_lock);
		return false;
	}
	ASSERT(!entry_is(e, ENTRY_LOADING)); /* faults are held off */
	pt_set(mm, entry, 0);
	if (entry_present(e)) {
		struct page *page = pfn_to_page(entry_pfn(e));

		env_tlb_flush_page(mm, va);
		if (atomic_read(&page->mapcount)) {
			atomic_sub(&page->mapcount, 1);
			return true;
		}
		spin_unlock(&mm->pt_lock);
		anon_page_unused(page);
	} else if (entry_is(e, ENTRY_ZPAGE)) {
		spin_unlock(&mm->pt_lock);
		zpage_drop(TYPE_ANON, e, key);
	} else if (!entry_is(e, ENTRY_LOST)) {
		spin_unlock(&mm->pt_lock);
		workingset_forget(TYPE_ANON, entry_shadow(e));
		swap_put_entry(e);
	} else {
		return true;
	}
	spin_lock(&mm->pt_lock);
	return true;
}

static void zap_range(struct mm *mm, u64 start, u64 end)
{
	pt_for_each(mm, start, end, zap_entry, NULL);
}

/* Mostly it is the area of the fault before. */
struct area *area_find(struct mm *mm, u64 addr)
{
	struct area *area = READ_ONCE(mm->last_found);

	if (likely(area && addr - area->start < area->end - area->start))
		return area;
	list_for_each_entry(area, &mm->areas, link) {
		if (addr < area->start)
			return NULL;
		if (addr < area->end) {
			WRITE_ONCE(mm->last_found, area);
			return area;
		}
	}
	return NULL;
}

/* Keep the list in the order of addresses. */
static void area_insert(struct mm *mm, struct area *area)
{
	struct area *at;

	list_for_each_entry(at, &mm->areas, link)
		if (at->start > area->start)
			break;
	list_add_tail(&area->link, &at->link);
	if (area->mapping) {
		down_write(&area->mapping->areas_lock);
		list_add_tail(&area->mapping_link, &area->mapping->areas);
		up_write(&area->mapping->areas_lock);
	}
}

static void area_free(struct area *area)
{
	list_del(&area->link);
	area->mm->last_found = NULL;
	if (area->mapping) {
		down_write(&area->mapping->areas_lock);
		list_del(&area->mapping_link);
		up_write(&area->mapping->areas_lock);
	}
	kfree(area);
}

static bool range_is_free(struct mm *mm, u64 start, u64 end)
{
	struct area *area;

	list_for_each_entry(area, &mm->areas, link)
		if (area->start < end && start < area->end)
			return false;
	return true;
}

static bool range_is_valid(u64 start, u64 bytes)
{
	return !(start & (PAGE_SIZE - 1)) && bytes && !(bytes & (PAGE_SIZE - 1)) &&
	       start >= USER_BASE && bytes <= USER_TOP && start <= USER_TOP - bytes;
}

/* First fit for bytes, with one page left unmapped before it as a guard. 0: no room. */
static u64 find_room(struct mm *mm, u64 bytes)
{
	u64 at = USER_MMAP_BASE + PAGE_SIZE;
	struct area *area;

	list_for_each_entry(area, &mm->areas, link) {
		if (area->end <= at)
			continue;
		if (area->start >= at + bytes + PAGE_SIZE)
			break;
		at = area->end + PAGE_SIZE;
	}
	return bytes < USER_MMAP_TOP && at <= USER_MMAP_TOP - bytes ? at : 0;
}

static struct area *area_new(struct mm *mm, u64 start, u64 bytes, u32 flags, const char *name)
{
	struct area *area = kzalloc(sizeof(*area), ALLOC_WAIT);

	if (!area)
		return NULL;
	area->start = start;
	area->end = start + bytes;
	area->flags = flags;
	area->mm = mm;
	area->name = name;
	list_init(&area->link);
	list_init(&area->mapping_link);
	return area;
}

int mm_map_image(struct mm *mm, u64 start, u64 bytes, u32 flags, const u8 *image, u64 image_bytes)
{
	struct area *area;
	int err = 0;

	if (!range_is_valid(start, bytes) || image_bytes > bytes)
		return -EINVAL;
	area = area_new(mm, start, bytes, flags, flags & AREA_EXEC ? "text" : "data");
	if (!area)
		return -ENOMEM;
	area->image = image;
	area->image_bytes = image_bytes;
	down_write(&mm->areas_lock);
	if (range_is_free(mm, area->start, area->end))
		area_insert(mm, area);
	else
		err = -EEXIST;
	up_write(&mm->areas_lock);
	if (err)
		kfree(area);
	return err;
}

s64 mm_mmap(struct mm *mm, u64 addr, u64 bytes, u32 flags, struct address_space *mapping,
	    u64 file_index, const char *name)
{
	struct area *area;
	s64 result;

	if (!bytes || bytes & (PAGE_SIZE - 1) || (addr && !range_is_valid(addr, bytes)))
		return -EINVAL;
	area = area_new(mm, addr, bytes, flags, name);
	if (!area)
		return -ENOMEM;
	area->mapping = mapping;
	area->file_index = file_index;
	down_write(&mm->areas_lock);
	if (!addr)
		addr = find_room(mm, bytes);
	result = (s64)addr;
	if (!addr)
		result = -ENOMEM;
	else if (!range_is_free(mm, addr, addr + bytes))
		result = -EEXIST;
	if (result > 0) {
		area->start = addr;
		area->end = addr + bytes;
		area_insert(mm, area);
	}
	up_write(&mm->areas_lock);
	if (result < 0)
		kfree(area);
	return result;
}

/* Cut an area in two at addr. areas_lock held for writing. */
static int area_split(struct mm *mm, struct area *area, u64 addr)
{
	struct area *upper = area_new(mm, addr, area->end - addr, area->flags, area->name);
	u64 cut = addr - area->start;

	if (!upper)
		return -ENOMEM;
	upper->mapping = area->mapping;
	upper->file_index = area->file_index + (cut >> PAGE_SHIFT);
	if (area->image && area->image_bytes > cut) {
		upper->image = area->image + cut;
		upper->image_bytes = area->image_bytes - cut;
		area->image_bytes = cut;
	}
	/*
	 * In this order: reverse mapping may look on at any moment, and must find each entry in some area. In two
	 * is harmless; in none, a writable entry of a clean page is missed.
	 */
	area_insert(mm, upper);
	WRITE_ONCE(area->end, addr);
	return 0;
}

/* Split so that start and end are borders of areas. areas_lock held for writing. */
static int split_at_borders(struct mm *mm, u64 start, u64 end)
{
	u64 borders[2] = { start, end };

	for (u32 i = 0; i < 2; i++) {
		struct area *area = area_find(mm, borders[i]);
		int err;

		if (!area || area->start == borders[i])
			continue;
		err = area_split(mm, area, borders[i]);
		if (err)
			return err;
	}
	return 0;
}

int mm_munmap(struct mm *mm, u64 start, u64 bytes)
{
	struct area *area, *next;
	int err;

	if (!range_is_valid(start, bytes))
		return -EINVAL;
	down_write(&mm->areas_lock);
	err = split_at_borders(mm, start, start + bytes);
	if (!err) {
		list_for_each_entry_safe(area, next, &mm->areas, link) {
			if (area->start < start || area->end > start + bytes)
				continue;
			zap_range(mm, area->start, area->end);
			area_free(area);
		}
	}
	up_write(&mm->areas_lock);
	return err;
}

static struct area *heap_area(struct mm *mm)
{
	struct area *area;

	list_for_each_entry(area, &mm->areas, link)
		if (area->flags & AREA_HEAP)
			return area;
	return NULL;
}

s64 mm_brk(struct mm *mm, s64 increment)
{
	struct area *heap, *fresh;
	u64 old, new_brk, new_end;

	fresh = area_new(mm, USER_HEAP_BASE, 0, AREA_READ | AREA_WRITE | AREA_HEAP, "heap");
	if (!fresh)
		return -ENOMEM;
	down_write(&mm->areas_lock);
	heap = heap_area(mm);
	if (!heap) {
		area_insert(mm, fresh);
		heap = fresh;
		fresh = NULL;
	}
	old = mm->brk;
	new_brk = old + (u64)increment;
	if ((increment > 0 && (new_brk < old || new_brk > USER_HEAP_TOP)) ||
	    (increment < 0 && (new_brk > old || new_brk < USER_HEAP_BASE))) {
		up_write(&mm->areas_lock);
		kfree(fresh);
		return -ENOMEM;
	}
	new_end = ALIGN_UP(new_brk, PAGE_SIZE);
	if (new_end < heap->end)
		zap_range(mm, new_end, heap->end);
	heap->end = new_end;
	mm->brk = new_brk;
	up_write(&mm->areas_lock);
	kfree(fresh);
	return (s64)old;
}

int mm_madvise(struct mm *mm, u64 start, u64 bytes, enum madvice advice)
{
	struct area *area;

	if (!range_is_valid(start, bytes) || advice >= NR_MADVICES)
		return -EINVAL;
	if (advice == MADV_WILLNEED) {
		for (u64 va = start; va < start + bytes; va += PAGE_SIZE)
			if (mm_fault(mm, va, 0) != FAULT_OK)
				return -ENOMEM;
		return 0;
	}
	if (advice == MADV_COLD)
		return madvise_cold(mm, start, start + bytes);
	down_write(&mm->areas_lock);
	list_for_each_entry(area, &mm->areas, link) {
		u64 from = MAX(area->start, start), to = MIN(area->end, start + bytes);

		if (from < to)
			zap_range(mm, from, to);
	}
	up_write(&mm->areas_lock);
	return 0;
}

int mm_msync(struct mm *mm, u64 start, u64 bytes)
{
	struct area *area;
	int err = 0;

	if (!range_is_valid(start, bytes))
		return -EINVAL;
	down_read(&mm->areas_lock);
	list_for_each_entry(area, &mm->areas, link) {
		if (area->start >= start + bytes || area->end <= start || !area->mapping ||
		    !(area->flags & AREA_SHARED))
			continue;
		err = file_sync(area->mapping);
		if (err)
			break;
	}
	up_read(&mm->areas_lock);
	return err;
}

void mm_destroy(struct mm *mm)
{
	struct mm_link *node = container_of(mm, struct mm_link, mm);
	struct area *area, *next;

	/* It stays on the list meanwhile: who finds no memory waits for that which is being freed here (oom.c). */
	if (!mm->dying_since_ns)
		WRITE_ONCE(mm->dying_since_ns, env_now_ns());
	down_write(&mm->areas_lock);
	list_for_each_entry_safe(area, next, &mm->areas, link) {
		zap_range(mm, area->start, area->end);
		area_free(area);
	}
	up_write(&mm->areas_lock);
	owner_unregister(TYPE_ANON, mm->id);
	/* Frames that only its zpages held are free by now; those it shared have holes. */
	zpage_compact(TYPE_ANON, UINT64_MAX, ZCOMPACT_CLOSELY);
	ASSERT(!mm->nr_resident && !mm->nr_compressed && !mm->nr_swapped &&
	       !mm->nr_in_transit); /* I5 */
	mutex_lock(&mms.lock);
	list_del(&node->link);
	mutex_unlock(&mms.lock);
	pt_free_tables(mm);
	put_page(virt_to_page(mm->root));
	kfree(node);
}
