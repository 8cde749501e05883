/* SPDX-License-Identifier: MIT */
/*
 * zsmalloc.c - size classes over zspages of several frames: a comparison store.
 *
 * What it stands for
 *   Linux's mm/zsmalloc.c under zswap: the densest packing that Linux has. Objects of nearly one size
 *   share a zspage, so next to nothing is lost between them. But a zspage goes to the free
 *   list only when its last object goes, and zswap evicts objects in the order they came, which
 *   is not how they lie: how many evictions free one frame, nobody can say beforehand. That price is
 *   what is measured here.
 *
 * What was kept
 *   Classes 16 bytes apart from 32 bytes up; a zspage of 1 to 8 frames, as many as waste least (zspage.c);
 *   classes whose zspages hold as many objects in as many frames are one. A new object goes to
 *   the fullest zspage of its class that is not full, by tenths. When the holes of a class make up a
 *   zspage, compaction moves the objects of the sparsest into the fullest. Eviction takes one object at
 *   a time, the oldest.
 *
 * What was left out, and what that changes
 *   Handles. Linux names an object by a table entry that compaction rewrites: 8 bytes outside the
 *   object and 8 inside. Here the reference itself is rewritten, as for all kinds.
 *   zswap's entry. Linux has 56 bytes a zpage outside (key, size, age, LRU). Here each object
 *   starts with 32 bytes of that, counted in frames like everything else; about half of what
 *   Linux spends, which errs in zsmalloc's favor.
 *   Objects beyond three quarters of a page, a frame each: the store refuses such pages.
 *   Second chances in zswap's LRU: each object gets one, so their order is the same.
 *
 * Chosen for eviction
 *   victims() puts an object on the list `tried` and holds it. Not evicted, it stays there until the
 *   shrinkers are gone, so that others are chosen meanwhile. Freed while held, it is dead: its bytes stay
 *   until victim_done(). A zspage with such objects is busy and not a source of compaction.
 *
 * Pins
 *   Only compaction moves bytes, and only of objects whose reference can be changed. Who reads an
 *   object has taken its reference, or holds it: hold() has nothing to do.
 *
 * Invariants, checked by zsmalloc_verify() and zspage_verify()
 *   C1 The word of a frame says that it is zsmalloc's, of which type, which zspage and which part of it.
 *   C2 inuse of a zspage counts its slots that are not free, not 0; busy those held or dead.
 *   C3 The free list of a zspage holds each of its free slots once.
 *   C4 A zspage is in the group of its fullness; a class's counts are the sums over its zspages.
 *   C5 The live and held objects of a type are on `tried`, or, live, on `lru`, once, by age.
 */
#include "compress/zspage.h"

#define ZSM_MIN_BYTES	 32UL
#define ZSM_MAX_BYTES	 ALIGN_UP(ZOBJECT_MAX_BYTES + ZSPAGE_OBJECT_BYTES, ZSPAGE_STEP_BYTES)
#define ZSM_SIZES	 ((ZSM_MAX_BYTES - ZSM_MIN_BYTES) / ZSPAGE_STEP_BYTES + 1)
#define ZSM_CLASSES	 128 /* room for what is left when equal ones are merged: 126 today */
#define ZSM_GROUPS	 11  /* of fullness, by tenths; full ones have the last to themselves */
/* How many zspages of a class compaction tries to empty in one call. */
#define ZSM_SOURCE_TRIES 4

struct size_class {
	struct list_head group[ZSM_GROUPS];
	u64 slots, inuse; /* of all its zspages */
};

struct zpool {
	struct list_head lru;	/* objects, oldest first */
	struct list_head tried; /* chosen since there are shrinkers; older than those on lru */
	struct size_class classes[ZSM_CLASSES];
};

/* At zs->kind_state. What is said of classes never changes. */
struct zsmalloc {
	u32 nr_classes;
	struct zspage_geometry geometry[ZSM_CLASSES]; /* largest first */
	u8 class_of[ZSM_SIZES];
	struct zpool pool[NR_ZTYPES];
};

static struct zsmalloc *state_of(const struct zstore *zs)
{
	return zs->kind_state;
}

static struct size_class *class_of(const struct zstore *zs, const struct zspage *zspage)
{
	return &state_of(zs)->pool[zspage->type].classes[zspage->class_index];
}

static u32 class_for(const struct zstore *zs, u32 object_bytes)
{
	u64 above = object_bytes + ZSPAGE_OBJECT_BYTES - ZSM_MIN_BYTES;

	ASSERT(object_bytes && object_bytes <= ZOBJECT_MAX_BYTES);
	return state_of(zs)->class_of[DIV_ROUND_UP(above, ZSPAGE_STEP_BYTES)];
}

static void init_pool(struct zpool *pool)
{
	list_init(&pool->lru);
	list_init(&pool->tried);
	for (u32 index = 0; index < ZSM_CLASSES; index++)
		for (u32 i = 0; i < ZSM_GROUPS; i++)
			list_init(&pool->classes[index].group[i]);
}

/* Sizes go down, so that a class has the largest of the sizes merged in it. */
static void zsmalloc_init(struct zstore *zs)
{
	struct zsmalloc *state = state_of(zs);
	struct zspage_geometry last = { 0 };

	for (u32 i = ZSM_SIZES; i-- > 0;) {
		struct zspage_geometry g =
			zspage_best_geometry(ZSM_MIN_BYTES + i * ZSPAGE_STEP_BYTES);

		if (g.nr_frames != last.nr_frames || g.nr_slots != last.nr_slots) {
			ASSERT(state->nr_classes < ZSM_CLASSES);
			state->geometry[state->nr_classes++] = last = g;
		}
		state->class_of[i] = state->nr_classes - 1;
	}
	for (u32 type = 0; type < NR_ZTYPES; type++)
		init_pool(&state->pool[type]);
}

/* --- From frames and handles to zspages and slots --- */

#define WORD_MAGIC 0xa50UL
_Static_assert(ZSPAGE_MAX_FRAMES <= 8 && NR_ZTYPES <= 2, "the word has 3 bits and 1 for them");

/* C1 */
static u64 word_of(const struct zspage *zspage, enum ztype type, u32 part)
{
	return (u64)(uintptr_t)zspage | WORD_MAGIC | (u64)type << 3 | part;
}

/* The zspage that the frame at an address is a part of; NULL if none of the type. */
static struct zspage *zspage_of(struct zstore *zs, enum ztype type, u64 address, u32 *part)
{
	void *frame = (void *)(uintptr_t)(address & PAGE_MASK);
	u64 word = *zs->env->frame_word(zs->ctx, frame);
	struct zspage *zspage = (struct zspage *)(uintptr_t)(word & PAGE_MASK);

	*part = word % ZSPAGE_MAX_FRAMES;
	if (!zspage || word != word_of(zspage, type, *part))
		return NULL;
	ASSERT(zspage->magic == ZSPAGE_MAGIC && zspage->type == type);
	return zspage;
}

static bool slot_at(struct zstore *zs, enum ztype type, u64 address, struct zspage_slot *slot)
{
	u32 part;
	struct zspage *zspage = zspage_of(zs, type, address, &part);

	return zspage && zspage_find(zspage, part, address % PAGE_SIZE, slot);
}

static bool slot_find(struct zstore *zs, enum ztype type, zhandle_t handle,
		      struct zspage_slot *slot)
{
	return slot_at(zs, type,
		       (u64)(uintptr_t)zhandle_frame(handle) +
			       zhandle_low(handle) * ZSPAGE_STEP_BYTES,
		       slot);
}

static zhandle_t slot_handle(const struct zspage_slot *slot)
{
	u64 address = (u64)(uintptr_t)slot->links;

	return zhandle_make(slot->links, address % PAGE_SIZE / ZSPAGE_STEP_BYTES);
}

/* --- Zspages come and go --- */

/* C4. After a change of inuse. */
static u32 group_of(const struct zspage *zspage)
{
	return zspage->inuse * (ZSM_GROUPS - 1U) / zspage->nr_slots;
}

static void relink(struct zstore *zs, struct zspage *zspage)
{
	list_del(&zspage->link);
	list_add(&zspage->link, &class_of(zs, zspage)->group[group_of(zspage)]);
}

/* A zspage of the class that is not full, the fullest or the sparsest; NULL: there is none. */
static struct zspage *not_full(struct size_class *sc, bool fullest)
{
	for (u32 i = 0; i < ZSM_GROUPS - 1; i++) {
		struct list_head *group = &sc->group[fullest ? ZSM_GROUPS - 2 - i : i];

		if (!list_empty(group))
			return list_first_entry(group, struct zspage, link);
	}
	return NULL;
}

static enum zresult frames_get(struct zstore *zs, enum ztype type, void **frames, u32 nr)
{
	const struct zstore_type_stats *stats = &zs->type[type].stats;

	if (zstore_at_target(zs, type) || stats->target_frames - stats->backing_frames < nr)
		return ZS_TARGET;
	for (u32 i = 0; i < nr; i++) {
		frames[i] = zstore_frame_get(zs, type);
		if (frames[i])
			continue;
		while (i-- > 0)
			zstore_frame_put(zs, type, frames[i]);
		return ZS_NO_FRAME;
	}
	return ZS_OK;
}

static enum zresult new_zspage(struct zstore *zs, enum ztype type, u32 index, struct zspage **out)
{
	const struct zspage_geometry *geometry = &state_of(zs)->geometry[index];
	void *frames[ZSPAGE_MAX_FRAMES];
	enum zresult result = frames_get(zs, type, frames, geometry->nr_frames);
	struct zspage *zspage;

	if (result != ZS_OK)
		return result;
	zspage = zspage_init(frames, geometry);
	zspage->type = type;
	zspage->class_index = index;
	for (u32 i = 0; i < geometry->nr_frames; i++)
		*zs->env->frame_word(zs->ctx, frames[i]) = word_of(zspage, type, i);
	class_of(zs, zspage)->slots += zspage->nr_slots;
	relink(zs, zspage);
	*out = zspage;
	return ZS_OK;
}

/* The frame of the header goes last. Returns how many went. */
static u32 free_zspage(struct zstore *zs, struct zspage *zspage)
{
	u32 nr_frames = zspage->nr_frames;
	enum ztype type = zspage->type;

	ASSERT(!zspage->inuse && !zspage->busy);
	list_del(&zspage->link);
	class_of(zs, zspage)->slots -= zspage->nr_slots;
	for (u32 i = nr_frames; i-- > 0;) {
		void *frame = zspage_frame(zspage, i);

		*zs->env->frame_word(zs->ctx, frame) = 0;
		zstore_frame_put(zs, type, frame);
	}
	return nr_frames;
}

static struct zspage_slot take_slot(struct zstore *zs, struct zspage *zspage,
				    const struct zspage_info *info)
{
	struct zspage_slot slot = zspage_take(zspage, info);

	class_of(zs, zspage)->inuse++;
	relink(zs, zspage);
	return slot;
}

/* An object is gone for good. Returns the frames that went with it. */
static u32 free_slot(struct zstore *zs, const struct zspage_slot *slot)
{
	zspage_release(slot);
	class_of(zs, slot->zspage)->inuse--;
	if (!slot->zspage->inuse)
		return free_zspage(zs, slot->zspage);
	relink(zs, slot->zspage);
	return 0;
}

/* --- What a kind offers --- */

static enum zresult zsmalloc_add(struct zstore *zs, enum ztype type, const struct zobject *object,
				 zhandle_t *handle)
{
	const struct zspage_info info = {
		.key = object->key,
		.size = object->size,
		.state = ZSP_LIVE,
		.stamp = object->stamp,
		.born_ms = zstore_now_ms(),
	};
	struct zpool *pool = &state_of(zs)->pool[type];
	u32 index = class_for(zs, object->size);
	struct zspage *zspage = not_full(&pool->classes[index], true);
	struct zspage_slot slot;

	if (!zspage) {
		enum zresult result = new_zspage(zs, type, index, &zspage);

		if (result != ZS_OK)
			return result;
	}
	slot = take_slot(zs, zspage, &info);
	list_add_tail(&slot.links->lru, &pool->lru);
	zspage_write(&slot, 0, object->data, object->size);
	*handle = slot_handle(&slot);
	return ZS_OK;
}

static u32 zsmalloc_limit(const struct zstore *zs, enum ztype type)
{
	const struct zsmalloc *state = state_of(zs);
	const struct size_class *classes = state->pool[type].classes;
	u32 i = 0;

	if (!zstore_at_target(zs, type))
		return ZOBJECT_MAX_BYTES;
	while (i < ZSM_CLASSES && classes[i].inuse == classes[i].slots)
		i++;
	if (i == ZSM_CLASSES)
		return 0;
	return MIN(state->geometry[i].slot_bytes - (u32)ZSPAGE_OBJECT_BYTES,
		   (u32)ZOBJECT_MAX_BYTES);
}

static bool zsmalloc_find(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
			  struct zobject *object)
{
	struct zspage_slot slot;

	if (!slot_find(zs, type, handle, &slot) || slot.info->key != key)
		return false;
	if (slot.info->state != ZSP_LIVE && slot.info->state != ZSP_HELD)
		return false;
	*object = (struct zobject){
		.key = key,
		.stamp = slot.info->stamp,
		.born_ms = slot.info->born_ms,
	};
	zspage_object(&slot, object);
	return true;
}

static u32 zsmalloc_free(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	struct zspage_slot slot;

	ASSERT(slot_find(zs, type, handle, &slot));
	ASSERT(slot.info->state == ZSP_LIVE || slot.info->state == ZSP_HELD);
	list_del(&slot.links->lru);
	if (slot.info->state == ZSP_LIVE)
		return free_slot(zs, &slot);
	slot.info->state = ZSP_DEAD;
	return 0;
}

/* --- Compaction --- */

/* Move an object, if its reference can be changed. It keeps its age and its place by age. */
static bool move_object(struct zstore *zs, const struct zspage_slot *from, struct zspage *zspage)
{
	struct zspage_slot to = zspage_slot(zspage, zspage->free);
	struct zobject object;

	if (!zstore_retarget_handle(zs, zspage->type, from->info->key, from->info->stamp,
				    slot_handle(from), slot_handle(&to)))
		return false;
	take_slot(zs, zspage, from->info);
	list_add_tail(&to.links->lru, &from->links->lru);
	list_del(&from->links->lru);
	zspage_object(from, &object);
	zspage_write(&to, 0, object.data, object.data_bytes);
	zspage_write(&to, object.data_bytes, object.more, object.more_bytes);
	zspage_release(from);
	class_of(zs, zspage)->inuse--;
	zs->type[zspage->type].stats.moved_pages++;
	return true;
}

/* True if the zspage, which is in no group, is empty now. */
static bool empty_zspage(struct zstore *zs, struct zspage *zspage)
{
	if (zspage->busy)
		return false;
	for (u32 i = 0; i < zspage->nr_slots && zspage->inuse; i++) {
		struct zspage_slot slot = zspage_slot(zspage, i);
		struct zspage *to = not_full(class_of(zs, zspage), true);

		if (slot.info->state != ZSP_FREE && (!to || !move_object(zs, &slot, to)))
			return false;
	}
	return true;
}

/* The sparsest zspage, or one of the next, where owners are in transit or shrinkers hold something. */
static bool compact_class(struct zstore *zs, struct size_class *sc, u32 nr_slots)
{
	struct list_head stuck = LIST_HEAD_INIT(stuck);
	bool freed = false;

	for (u32 i = 0; i < ZSM_SOURCE_TRIES && !freed; i++) {
		struct zspage *zspage = not_full(sc, false);

		if (!zspage || sc->slots - sc->inuse < nr_slots)
			break;
		list_del(&zspage->link);
		freed = empty_zspage(zs, zspage);
		if (freed)
			free_zspage(zs, zspage);
		else
			list_add(&zspage->link, &stuck);
	}
	while (!list_empty(&stuck))
		relink(zs, list_first_entry(&stuck, struct zspage, link));
	return freed;
}

/* Large objects first, as in Linux: these are the fewest moves. */
static bool zsmalloc_compact(struct zstore *zs, enum ztype type, enum zeffort effort)
{
	struct zsmalloc *state = state_of(zs);

	for (u32 i = 0; i < ZSM_CLASSES; i++)
		if (compact_class(zs, &state->pool[type].classes[i], state->geometry[i].nr_slots))
			return true;
	return false;
}

/* --- Eviction --- */

static u32 zsmalloc_victims(struct zstore *zs, enum ztype type, struct zvictim *victims)
{
	struct zpool *pool = &state_of(zs)->pool[type];
	struct zspage_slot slot;

	if (list_empty(&pool->lru))
		return 0;
	ASSERT(slot_at(zs, type, (u64)(uintptr_t)pool->lru.next, &slot));
	ASSERT(slot.info->state == ZSP_LIVE);
	slot.info->state = ZSP_HELD;
	slot.zspage->busy++;
	list_del(&slot.links->lru);
	list_add_tail(&slot.links->lru, &pool->tried);
	*victims = (struct zvictim){
		.handle = slot_handle(&slot),
		.key = slot.info->key,
		.stamp = slot.info->stamp,
	};
	return 1;
}

static bool zsmalloc_oldest(struct zstore *zs, enum ztype type, u32 *stamp)
{
	struct zpool *pool = &state_of(zs)->pool[type];
	struct zspage_slot slot;

	if (list_empty(&pool->lru))
		return false;
	ASSERT(slot_at(zs, type, (u64)(uintptr_t)pool->lru.next, &slot));
	*stamp = slot.info->stamp;
	return true;
}

static u32 zsmalloc_victim_done(struct zstore *zs, enum ztype type, const struct zvictim *victim)
{
	struct zspage_slot slot;

	ASSERT(slot_find(zs, type, victim->handle, &slot));
	ASSERT(slot.info->state == ZSP_HELD || slot.info->state == ZSP_DEAD);
	slot.zspage->busy--;
	if (slot.info->state == ZSP_DEAD)
		return free_slot(zs, &slot);
	slot.info->state = ZSP_LIVE;
	return 0;
}

/* What was tried goes back to the old end as it was. */
static void zsmalloc_shrinkers_gone(struct zstore *zs, enum ztype type)
{
	struct zpool *pool = &state_of(zs)->pool[type];

	while (!list_empty(&pool->tried)) {
		struct list_head *youngest = pool->tried.prev;

		list_del(youngest);
		list_add(youngest, &pool->lru);
	}
}

/* --- Full walk --- */

/* Returns the objects that must be on a list by age. */
static u64 verify_objects(struct zstore *zs, struct zspage *zspage, struct zstore_type_stats *sum,
			  void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	u64 nr = 0;

	zspage_verify(zspage);
	ASSERT(zspage->inuse); /* C2 */
	for (u32 i = 0; i < zspage->nr_slots; i++) {
		struct zspage_slot slot = zspage_slot(zspage, i);

		if (slot.info->state != ZSP_LIVE && slot.info->state != ZSP_HELD)
			continue;
		ASSERT(class_for(zs, slot.info->size) == zspage->class_index);
		nr++;
		sum->compressed_bytes += slot.info->size;
		if (visit)
			visit(zs->ctx, zspage->type, slot.info->key, slot_handle(&slot));
	}
	sum->stored_pages += nr;
	return nr;
}

/* C4. Returns the frames of the class. */
static u64 verify_class(struct zstore *zs, enum ztype type, u32 index)
{
	struct size_class *sc = &state_of(zs)->pool[type].classes[index];
	u64 slots = 0, inuse = 0, frames = 0;
	struct zspage *zspage;

	for (u32 i = 0; i < ZSM_GROUPS; i++) {
		list_for_each_entry(zspage, &sc->group[i], link) {
			ASSERT(class_of(zs, zspage) == sc && group_of(zspage) == i);
			slots += zspage->nr_slots;
			frames += zspage->nr_frames;
			inuse += zspage->inuse;
			ASSERT(slots <= sc->slots);
		}
	}
	ASSERT(slots == sc->slots && inuse == sc->inuse);
	return frames;
}

/* C5 */
static void verify_ages(struct zstore *zs, enum ztype type, u64 expect)
{
	struct zpool *pool = &state_of(zs)->pool[type];
	struct list_head *lists[] = { &pool->tried, &pool->lru };
	struct zspage_slot slot;
	u32 born_ms = 0;
	u64 nr = 0;

	for (u32 i = 0; i < ARRAY_SIZE(lists); i++) {
		for (struct list_head *at = lists[i]->next; at != lists[i]; at = at->next) {
			ASSERT(slot_at(zs, type, (u64)(uintptr_t)at, &slot));
			ASSERT(slot.info->state == ZSP_LIVE ||
			       (slot.info->state == ZSP_HELD && lists[i] == &pool->tried));
			ASSERT(!nr || (s32)(slot.info->born_ms - born_ms) >= 0);
			born_ms = slot.info->born_ms;
			ASSERT(++nr <= expect);
		}
	}
	ASSERT(nr == expect);
}

static void zsmalloc_verify(struct zstore *zs, enum ztype type, struct zstore_type_stats *sum,
			    void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	void *frame = zs->env->frame_younger(zs->ctx, type, NULL);
	u64 objects = 0, nr_frames = 0, in_classes = 0;

	for (; frame; frame = zs->env->frame_younger(zs->ctx, type, frame)) {
		u32 part;
		struct zspage *zspage = zspage_of(zs, type, (u64)(uintptr_t)frame, &part);

		ASSERT(zspage && part < zspage->nr_frames);  /* C1 */
		ASSERT(zspage_frame(zspage, part) == frame); /* C1 */
		nr_frames++;
		if (!part)
			objects += verify_objects(zs, zspage, sum, visit);
	}
	for (u32 i = 0; i < ZSM_CLASSES; i++)
		in_classes += verify_class(zs, type, i);
	ASSERT(in_classes == nr_frames);
	sum->backing_frames += nr_frames;
	verify_ages(zs, type, objects);
}

const struct zstore_kind zstore_zsmalloc = {
	.name = "zsmalloc",
	.help = "size classes over zspages of up to 8 frames, as Linux's zsmalloc",
	.state_bytes = sizeof(struct zsmalloc),
	.init = zsmalloc_init,
	.add = zsmalloc_add,
	.limit = zsmalloc_limit,
	.find = zsmalloc_find,
	.hold = zsmalloc_find,
	.free = zsmalloc_free,
	.let_go = zsmalloc_free,
	.compact = zsmalloc_compact,
	.victims = zsmalloc_victims,
	.oldest = zsmalloc_oldest,
	.victim_done = zsmalloc_victim_done,
	.shrinkers_gone = zsmalloc_shrinkers_gone,
	.verify = zsmalloc_verify,
};
