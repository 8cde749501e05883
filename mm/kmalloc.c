/* SPDX-License-Identifier: MIT */
/*
 * kmalloc.c - small objects for the kernel.
 *
 * A slab is one frame cut into objects of one size class. There is no header in the frame:
 * what must be known of it (class, objects in use, first free object) is packed into
 * page->private, and the free objects are linked through their own first word. An object's frame
 * is found by its address, so kfree() needs no size.
 *
 * Each class keeps its slabs on two lists, those with a free object and those without, and at
 * most one slab that is wholly free; further ones go back to the page allocator, so that a burst
 * of objects does not become a permanent loss of frames.
 *
 * The first word of a free object carries a magic number beside the link. It costs nothing, and it
 * catches most double frees and overruns in every build; debug builds fill the rest of the
 * object with a pattern and check that too.
 */
#include "mm/alloc.h"

#include "lib/lock.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/lru.h"

#define MAX_SMALL 2048
#define NO_OBJECT 0xffff

#define POISON_OBJECT 0x6b
#define FREE_MAGIC    0x5f72656564ab0000UL /* low 16 bits: the next free object */

static const u16 class_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048 };
#define NR_CLASSES ARRAY_SIZE(class_sizes)

/* page->private of a slab. Guarded by the lock of its class, whose number never changes. */
union slab_word {
	u64 word;
	struct {
		u16 class;
		u16 in_use;
		u16 first_free; /* object number, NO_OBJECT when full */
		u16 full;	/* which list it is on */
	};
};
_Static_assert(sizeof(union slab_word) == sizeof(u64), "fits page->private");

struct slab_list {
	u32 head; /* index into memmap, NO_PAGE when empty */
	u64 nr_slabs;
};

/* All guarded by lock (irq-safe), but bytes, which never changes. */
static struct size_class {
	struct spinlock lock;
	u32 bytes;
	struct slab_list partial, full;
	u64 nr_empty;	/* slabs without any object, among the partial ones: 0 or 1 */
	u64 nr_objects; /* live */
} classes[NR_CLASSES];

static u64 large_bytes; /* A: in live objects of whole frames */

void kmalloc_init(void)
{
	for (u32 i = 0; i < NR_CLASSES; i++) {
		struct size_class *class = &classes[i];

		spin_lock_init(&class->lock, "kmalloc");
		class->bytes = class_sizes[i];
		class->partial = (struct slab_list){ .head = NO_PAGE };
		class->full = (struct slab_list){ .head = NO_PAGE };
		class->nr_empty = 0;
		class->nr_objects = 0;
	}
	large_bytes = 0;
}

static struct size_class *class_for(size_t bytes)
{
	for (u32 i = 0; i < NR_CLASSES; i++) {
		if (bytes <= class_sizes[i])
			return &classes[i];
	}
	return NULL;
}

static u32 objects_per_slab(const struct size_class *class)
{
	return (u32)PAGE_SIZE / class->bytes;
}

static void *object_at(const struct size_class *class, const struct page *page, u32 number)
{
	return (u8 *)page_address(page) + number * class->bytes;
}

static u32 object_number(const struct size_class *class, const struct page *page,
			 const void *object)
{
	u64 offset = (u64)((const u8 *)object - (const u8 *)page_address(page));

	if (offset % class->bytes || offset / class->bytes >= objects_per_slab(class))
		panic("kfree: %p is not the start of an object of %u bytes", object, class->bytes);
	return (u32)(offset / class->bytes);
}

static union slab_word slab_get(const struct page *page)
{
	return (union slab_word){ .word = page->private };
}

static void slab_link(struct page *page, struct slab_list *list)
{
	u32 index = (u32)(page - mem_layout.memmap);

	page->prev = NO_PAGE;
	page->next = list->head;
	if (list->head != NO_PAGE)
		mem_layout.memmap[list->head].prev = index;
	list->head = index;
	list->nr_slabs++;
}

static void slab_unlink(struct page *page, struct slab_list *list)
{
	if (page->next != NO_PAGE)
		mem_layout.memmap[page->next].prev = page->prev;
	if (page->prev != NO_PAGE)
		mem_layout.memmap[page->prev].next = page->next;
	else
		list->head = page->next;
	page->next = NO_PAGE;
	page->prev = NO_PAGE;
	list->nr_slabs--;
}

static void poison_object(const struct size_class *class, void *object)
{
	if (CONFIG_DEBUG)
		memset((u8 *)object + sizeof(u64), POISON_OBJECT, class->bytes - sizeof(u64));
}

/* A free object's link; panics if the object was written to. */
static u16 free_link(const struct size_class *class, const void *object)
{
	const u8 *byte = object;
	u64 word = *(const u64 *)object;

	if ((word & ~0xffffUL) != FREE_MAGIC)
		panic("kmalloc: object %p of %u bytes written to while free: first word %#lx",
		      object, class->bytes, word);
	for (u32 i = sizeof(u64); CONFIG_DEBUG && i < class->bytes; i++) {
		if (byte[i] != POISON_OBJECT)
			panic("kmalloc: object %p of %u bytes written to while free: byte %u is %#x",
			      object, class->bytes, i, byte[i]);
	}
	return (u16)word;
}

static void set_free_link(const struct size_class *class, void *object, u16 next)
{
	*(u64 *)object = FREE_MAGIC | next;
	poison_object(class, object);
}

/* A new slab, not yet on any list. */
static struct page *slab_create(const struct size_class *class, u32 flags)
{
	struct page *page = alloc_page(flags & ~(u32)ALLOC_ZERO, FRAME_SLAB);
	u32 nr = objects_per_slab(class);
	union slab_word slab = { .class = (u16)(class - classes) };

	if (!page)
		return NULL;
	for (u32 i = 0; i < nr; i++)
		set_free_link(class, object_at(class, page, i),
			      i + 1 < nr ? (u16)(i + 1) : NO_OBJECT);
	page->private = slab.word;
	return page;
}

/* An object of the first slab with room, or NULL. Class lock held. */
static void *object_take(struct size_class *class)
{
	struct page *page;
	union slab_word slab;
	void *object;

	if (class->partial.head == NO_PAGE)
		return NULL;
	page = &mem_layout.memmap[class->partial.head];
	slab = slab_get(page);
	ASSERT_PAGE(page->state == FRAME_SLAB && slab.first_free != NO_OBJECT, page);
	object = object_at(class, page, slab.first_free);
	slab.first_free = free_link(class, object);
	if (slab.in_use++ == 0)
		class->nr_empty--;
	if (slab.first_free == NO_OBJECT) {
		slab_unlink(page, &class->partial);
		slab_link(page, &class->full);
		slab.full = 1;
	}
	page->private = slab.word;
	class->nr_objects++;
	return object;
}

static void *alloc_small(struct size_class *class, u32 flags)
{
	u64 irq = spin_lock_irqsave(&class->lock);
	void *object = object_take(class);
	struct page *page;

	spin_unlock_irqrestore(&class->lock, irq);
	if (object)
		return object;
	page = slab_create(class, flags);
	if (!page)
		return NULL;
	irq = spin_lock_irqsave(&class->lock);
	slab_link(page, &class->partial);
	class->nr_empty++;
	object = object_take(class);
	spin_unlock_irqrestore(&class->lock, irq);
	return object;
}

static void *alloc_large(size_t bytes, u32 flags)
{
	u32 order = 0;
	struct page *page;

	while (order <= MAX_ORDER && (PAGE_SIZE << order) < bytes)
		order++;
	if (order > MAX_ORDER)
		return NULL;
	page = alloc_pages(flags, order, FRAME_KERNEL);
	if (!page)
		return NULL;
	atomic_add(&large_bytes, PAGE_SIZE << order);
	return page_address(page);
}

void *kmalloc(size_t bytes, u32 flags)
{
	struct size_class *class;
	void *object;

	if (bytes > MAX_SMALL)
		return alloc_large(bytes, flags);
	class = class_for(bytes);
	object = alloc_small(class, flags);
	if (object && (flags & ALLOC_ZERO))
		memset(object, 0, class->bytes);
	return object;
}

void *kzalloc(size_t bytes, u32 flags)
{
	return kmalloc(bytes, flags | ALLOC_ZERO);
}

/*
 * The magic in the first word of an object being freed: a double free, or bytes that the owner
 * happened to write. Only the free list can tell. Class lock held.
 */
static void check_double_free(const struct size_class *class, const struct page *page, u32 number)
{
	union slab_word slab = slab_get(page);
	const u64 *object = object_at(class, page, number);
	u32 at = slab.first_free;

	if (likely((*object & ~0xffffUL) != FREE_MAGIC))
		return;
	for (u32 i = 0; at != NO_OBJECT && i < objects_per_slab(class); i++) {
		if (at == number)
			panic("kfree: object %p of %u bytes is already free", (const void *)object,
			      class->bytes);
		at = free_link(class, object_at(class, page, at));
	}
}

/* Returns the slab if it is to be given back. */
static struct page *object_give(struct size_class *class, struct page *page, void *object)
{
	union slab_word slab = slab_get(page);
	u32 number = object_number(class, page, object);

	check_double_free(class, page, number);
	ASSERT_PAGE(slab.in_use > 0, page);
	set_free_link(class, object, slab.first_free);
	slab.first_free = (u16)number;
	slab.in_use--;
	class->nr_objects--;
	if (slab.full) {
		slab_unlink(page, &class->full);
		slab_link(page, &class->partial);
		slab.full = 0;
	}
	page->private = slab.word;
	if (slab.in_use > 0)
		return NULL;
	if (class->nr_empty == 0) {
		class->nr_empty = 1;
		return NULL;
	}
	slab_unlink(page, &class->partial);
	return page;
}

static void free_large(struct page *page, const void *object)
{
	if (object != page_address(page) || page->refs != 1)
		panic("kfree: %p is not the start of an object", object);
	atomic_sub(&large_bytes, PAGE_SIZE << page->order);
	free_pages(page, page->order);
}

void kfree(void *object)
{
	struct page *page;
	struct size_class *class;
	u64 irq;

	if (!object)
		return;
	if (!pfn_is_managed(virt_to_phys(object) >> PAGE_SHIFT))
		panic("kfree: %p is not in managed memory", object);
	page = virt_to_page(object);
	if (page->state == FRAME_KERNEL) {
		free_large(page, object);
		return;
	}
	ASSERT_PAGE(page->state == FRAME_SLAB && slab_get(page).class < NR_CLASSES, page);
	class = &classes[slab_get(page).class];
	irq = spin_lock_irqsave(&class->lock);
	page = object_give(class, page, object);
	spin_unlock_irqrestore(&class->lock, irq);
	if (page)
		free_pages(page, 0);
}

u64 kmalloc_bytes(void)
{
	u64 bytes = atomic_read(&large_bytes);

	for (u32 i = 0; i < NR_CLASSES; i++)
		bytes += READ_ONCE(classes[i].nr_objects) * classes[i].bytes;
	return bytes;
}

/* Walk one slab's free list; returns its objects in use. Class lock held. */
static u32 verify_slab(const struct size_class *class, const struct page *page, bool full)
{
	union slab_word slab = slab_get(page);
	u32 nr = objects_per_slab(class), nr_free = 0;

	ASSERT_PAGE(page->state == FRAME_SLAB && page->refs == 1, page);
	ASSERT_PAGE(&classes[slab.class] == class && slab.full == full, page);
	for (u32 at = slab.first_free; at != NO_OBJECT; nr_free++) {
		ASSERT_PAGE(at < nr && nr_free < nr, page);
		at = free_link(class, object_at(class, page, at));
	}
	ASSERT_PAGE(nr_free + slab.in_use == nr && full == (nr_free == 0), page);
	return slab.in_use;
}

/* Returns the live objects of a list; adds its empty slabs to *nr_empty. */
static u64 verify_list(const struct size_class *class, const struct slab_list *list, bool full,
		       u64 *nr_empty)
{
	u64 live = 0, slabs = 0;

	for (u32 at = list->head; at != NO_PAGE; at = mem_layout.memmap[at].next) {
		u32 in_use = verify_slab(class, &mem_layout.memmap[at], full);

		*nr_empty += in_use == 0;
		live += in_use;
		slabs++;
		ASSERT(slabs <= list->nr_slabs);
	}
	ASSERT(slabs == list->nr_slabs);
	return live;
}

void kmalloc_verify(void)
{
	for (u32 i = 0; i < NR_CLASSES; i++) {
		struct size_class *class = &classes[i];
		u64 irq = spin_lock_irqsave(&class->lock);
		u64 empty = 0;
		u64 live = verify_list(class, &class->partial, false, &empty) +
			   verify_list(class, &class->full, true, &empty);

		if (live != class->nr_objects || empty != class->nr_empty)
			panic("kmalloc: class of %u bytes: %lu objects live, %lu counted; %lu empty slabs, "
			      "%lu counted",
			      class->bytes, live, class->nr_objects, empty, class->nr_empty);
		spin_unlock_irqrestore(&class->lock, irq);
	}
}
