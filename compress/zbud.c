/* SPDX-License-Identifier: MIT */
/*
 * zbud.c - two zpages to a frame: a comparison store.
 *
 * What it stands for
 *   Linux's mm/zbud.c, the allocator that zswap was born with. It buys simple eviction with low
 *   density: a frame holds at most two zpages, so two evictions free one for certain, and
 *   the memory for two pages never shrinks below a frame.
 *
 * What was kept
 *   A frame is cut into chunks of 64 bytes, and the first chunk is its header. The first buddy lies
 *   behind the header, the last one at the end, so that what is between them, or left by one that is
 *   gone, is one free run. Frames with one buddy are on lists by free chunks; a new zpage goes to the
 *   first frame of the smallest list that suffices, else to a new frame. Frames are evicted oldest
 *   first, both buddies together, as until 2023, when zswap took eviction over. Nothing is
 *   ever moved, so there is no compaction.
 *
 * What was left out, and what that changes
 *   Linux put a frame at the young end again when its second buddy came. Here a frame keeps the age of
 *   its first: the list is the MM's. A few young zpages leave early instead of a few old ones late; the
 *   price of a frame, which is what is measured, is the same.
 *   Linux kept key, size and age in a zswap_entry outside, some 60 bytes a zpage. Here the
 *   header's chunk has room for them, so they cost nothing, which errs in zbud's favor.
 *
 * A buddy's states
 *   free -> live    add()
 *   live -> held    victims(): its bytes are read without the lock
 *   held -> tried   victim_done(): its reference was in transit, or the disk was full
 *   tried -> live   shrinkers_gone()
 *   live, tried -> free, held -> dead    free(): loaded, dropped or evicted
 *   dead -> free    victim_done()
 *
 * Invariants, checked by zbud_verify()
 *   B1 A frame's word says that it is zbud's and of which type; its header agrees.
 *   B2 A frame has a buddy that is not free; both fit behind the header.
 *   B3 A frame is on the list of its free chunks if one buddy is live and the other free: there a
 *      zpage may join. Otherwise it is on none: it is full, or on its way out.
 */
#include "compress/zstore_impl.h"
#include "lib/list.h"
#include "lib/string.h"

#define ZBUD_MAGIC	 0x6475627aU
#define ZBUD_CHUNK_BYTES 64
#define ZBUD_CHUNKS	 (PAGE_SIZE / ZBUD_CHUNK_BYTES - 1) /* behind the header */

enum zbuddy_state { ZB_FREE, ZB_LIVE, ZB_HELD, ZB_TRIED, ZB_DEAD };
enum { ZB_FIRST, ZB_LAST };

struct zbuddy {
	u64 key : ZKEY_BITS;
	u64 size : 13; /* bytes */
	u64 state : 3;
	u32 stamp;
	u32 born_ms;
};

/* The first chunk of a frame. All fields: the store's lock. */
struct zbud {
	u32 magic;
	u32 type;
	struct list_head link; /* on unbuddied[free chunks], or empty */
	struct zbuddy buddy[2];
};
_Static_assert(sizeof(struct zbud) <= ZBUD_CHUNK_BYTES, "the header is one chunk");
_Static_assert(ZOBJECT_MAX_BYTES <= ZBUD_CHUNKS * ZBUD_CHUNK_BYTES, "every object fits a frame");

struct zbud_pool {
	struct list_head unbuddied[ZBUD_CHUNKS];
	u64 tried; /* buddies in that state */
};

static struct zbud_pool *pool_of(const struct zstore *zs, enum ztype type)
{
	return (struct zbud_pool *)zs->kind_state + type;
}

static void zbud_init(struct zstore *zs)
{
	for (u32 type = 0; type < NR_ZTYPES; type++)
		for (u32 i = 0; i < ZBUD_CHUNKS; i++)
			list_init(&pool_of(zs, type)->unbuddied[i]);
}

/* --- One frame --- */

static u64 frame_word(enum ztype type)
{
	return (u64)ZBUD_MAGIC << 32 | type;
}

static u32 chunks_of(u32 bytes)
{
	return DIV_ROUND_UP(bytes, ZBUD_CHUNK_BYTES);
}

static u32 used_chunks(const struct zbuddy *buddy)
{
	return buddy->state == ZB_FREE ? 0 : chunks_of(buddy->size);
}

static u32 free_chunks(const struct zbud *frame)
{
	return ZBUD_CHUNKS - used_chunks(&frame->buddy[0]) - used_chunks(&frame->buddy[1]);
}

static u8 *buddy_data(struct zbud *frame, u32 index)
{
	u32 chunk = index == ZB_FIRST ? 1 : 1 + ZBUD_CHUNKS - chunks_of(frame->buddy[ZB_LAST].size);

	return (u8 *)frame + chunk * ZBUD_CHUNK_BYTES;
}

/* B3 */
static bool may_join(const struct zbud *frame)
{
	u32 first = frame->buddy[0].state, last = frame->buddy[1].state;

	return (first == ZB_LIVE && last == ZB_FREE) || (first == ZB_FREE && last == ZB_LIVE);
}

static bool is_empty(const struct zbud *frame)
{
	return frame->buddy[0].state == ZB_FREE && frame->buddy[1].state == ZB_FREE;
}

/* After each change of a buddy: the list that the frame belongs on now. */
static void relink(struct zstore *zs, struct zbud *frame)
{
	list_del(&frame->link);
	if (may_join(frame))
		list_add(&frame->link, &pool_of(zs, frame->type)->unbuddied[free_chunks(frame)]);
}

static void set_state(struct zstore *zs, struct zbud *frame, u32 index, enum zbuddy_state state)
{
	struct zbud_pool *pool = pool_of(zs, frame->type);

	pool->tried -= frame->buddy[index].state == ZB_TRIED;
	pool->tried += state == ZB_TRIED;
	frame->buddy[index].state = state;
	relink(zs, frame);
}

/* A buddy is gone for good. Returns the frames that this frees. */
static u32 buddy_release(struct zstore *zs, struct zbud *frame, u32 index)
{
	enum ztype type = frame->type;

	set_state(zs, frame, index, ZB_FREE);
	if (!is_empty(frame))
		return 0;
	frame->magic = 0;
	*zs->env->frame_word(zs->ctx, frame) = 0;
	zstore_frame_put(zs, type, frame);
	return 1;
}

/* The frame that a handle names, if it is ours, with a buddy there. */
static struct zbud *frame_find(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	struct zbud *frame = zhandle_frame(handle);

	if (zhandle_low(handle) > ZB_LAST ||
	    *zs->env->frame_word(zs->ctx, frame) != frame_word(type))
		return NULL;
	ASSERT(frame->magic == ZBUD_MAGIC && frame->type == type); /* B1 */
	return frame;
}

/* --- What a kind offers --- */

static enum zresult frame_new(struct zstore *zs, enum ztype type, struct zbud **frame)
{
	if (zstore_at_target(zs, type))
		return ZS_TARGET;
	*frame = zstore_frame_get(zs, type);
	if (!*frame)
		return ZS_NO_FRAME;
	**frame = (struct zbud){ .magic = ZBUD_MAGIC, .type = type };
	list_init(&(*frame)->link);
	*zs->env->frame_word(zs->ctx, *frame) = frame_word(type);
	return ZS_OK;
}

static enum zresult zbud_add(struct zstore *zs, enum ztype type, const struct zobject *object,
			     zhandle_t *handle)
{
	struct list_head *unbuddied = pool_of(zs, type)->unbuddied;
	struct zbud *frame = NULL;
	u32 index;

	ASSERT(object->size && object->size <= ZOBJECT_MAX_BYTES);
	for (u32 i = chunks_of(object->size); i < ZBUD_CHUNKS && !frame; i++)
		if (!list_empty(&unbuddied[i]))
			frame = list_first_entry(&unbuddied[i], struct zbud, link);
	if (!frame) {
		enum zresult result = frame_new(zs, type, &frame);

		if (result != ZS_OK)
			return result;
	}
	index = frame->buddy[ZB_FIRST].state == ZB_FREE ? ZB_FIRST : ZB_LAST;
	frame->buddy[index] = (struct zbuddy){
		.key = object->key,
		.size = object->size,
		.stamp = object->stamp,
		.born_ms = zstore_now_ms(),
	};
	memcpy(buddy_data(frame, index), object->data, object->size);
	set_state(zs, frame, index, ZB_LIVE);
	*handle = zhandle_make(frame, index);
	return ZS_OK;
}

static u32 zbud_limit(const struct zstore *zs, enum ztype type)
{
	const struct list_head *unbuddied = pool_of(zs, type)->unbuddied;

	if (!zstore_at_target(zs, type))
		return ZOBJECT_MAX_BYTES;
	for (u32 i = ZBUD_CHUNKS - 1; i > 0; i--)
		if (!list_empty(&unbuddied[i]))
			return MIN(i * ZBUD_CHUNK_BYTES, ZOBJECT_MAX_BYTES);
	return 0;
}

static bool zbud_find(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
		      struct zobject *object)
{
	struct zbud *frame = frame_find(zs, type, handle);
	u32 index = zhandle_low(handle);
	const struct zbuddy *buddy;

	if (!frame)
		return false;
	buddy = &frame->buddy[index];
	if (buddy->state == ZB_FREE || buddy->state == ZB_DEAD || buddy->key != key)
		return false;
	*object = (struct zobject){
		.key = key,
		.stamp = buddy->stamp,
		.size = buddy->size,
		.data = buddy_data(frame, index),
		.data_bytes = buddy->size,
		.born_ms = buddy->born_ms,
	};
	return true;
}

static u32 zbud_free(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	struct zbud *frame = frame_find(zs, type, handle);
	u32 index = zhandle_low(handle);

	ASSERT(frame);
	ASSERT(frame->buddy[index].state != ZB_FREE && frame->buddy[index].state != ZB_DEAD);
	if (frame->buddy[index].state != ZB_HELD)
		return buddy_release(zs, frame, index);
	set_state(zs, frame, index, ZB_DEAD);
	return 0;
}

static bool zbud_compact(struct zstore *zs, enum ztype type, enum zeffort effort)
{
	return false;
}

/* Frames chosen before have no buddy that is live. */
static u32 zbud_victims(struct zstore *zs, enum ztype type, struct zvictim *victims)
{
	struct zbud *frame = zs->env->frame_younger(zs->ctx, type, NULL);
	u32 nr = 0;

	for (; frame && !nr; frame = zs->env->frame_younger(zs->ctx, type, frame)) {
		for (u32 i = 0; i < 2; i++) {
			const struct zbuddy *buddy = &frame->buddy[i];

			if (buddy->state != ZB_LIVE)
				continue;
			victims[nr++] = (struct zvictim){
				.handle = zhandle_make(frame, i),
				.key = buddy->key,
				.stamp = buddy->stamp,
			};
			set_state(zs, frame, i, ZB_HELD);
		}
	}
	return nr;
}

static bool zbud_oldest(struct zstore *zs, enum ztype type, u32 *stamp)
{
	const struct zbud *frame = zs->env->frame_younger(zs->ctx, type, NULL);

	for (u32 i = 0; frame && i < 2; i++) {
		if (frame->buddy[i].state != ZB_LIVE)
			continue;
		*stamp = frame->buddy[i].stamp;
		return true;
	}
	return false;
}

static u32 zbud_victim_done(struct zstore *zs, enum ztype type, const struct zvictim *victim)
{
	struct zbud *frame = frame_find(zs, type, victim->handle);
	u32 index = zhandle_low(victim->handle);

	ASSERT(frame);
	if (frame->buddy[index].state == ZB_DEAD)
		return buddy_release(zs, frame, index);
	ASSERT(frame->buddy[index].state == ZB_HELD);
	set_state(zs, frame, index, ZB_TRIED);
	return 0;
}

/* Those that were tried are the oldest, so the walk is about as long as they are many. */
static void zbud_shrinkers_gone(struct zstore *zs, enum ztype type)
{
	struct zbud_pool *pool = pool_of(zs, type);
	struct zbud *frame = zs->env->frame_younger(zs->ctx, type, NULL);

	for (; frame && pool->tried; frame = zs->env->frame_younger(zs->ctx, type, frame))
		for (u32 i = 0; i < 2; i++)
			if (frame->buddy[i].state == ZB_TRIED)
				set_state(zs, frame, i, ZB_LIVE);
	ASSERT(!pool->tried);
}

/* --- Full walk --- */

static void verify_lists(struct zstore *zs, enum ztype type, u64 expect)
{
	struct zbud_pool *pool = pool_of(zs, type);
	struct zbud *frame;
	u64 listed = 0;

	for (u32 i = 0; i < ZBUD_CHUNKS; i++) {
		list_for_each_entry(frame, &pool->unbuddied[i], link) {
			ASSERT(frame->magic == ZBUD_MAGIC && frame->type == type);
			ASSERT(may_join(frame) && free_chunks(frame) == i); /* B3 */
			ASSERT(++listed <= expect);
		}
	}
	ASSERT(listed == expect); /* B3 */
}

static void zbud_verify(struct zstore *zs, enum ztype type, struct zstore_type_stats *sum,
			void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	struct zbud *frame = zs->env->frame_younger(zs->ctx, type, NULL);
	u64 joinable = 0, tried = 0;

	for (; frame; frame = zs->env->frame_younger(zs->ctx, type, frame)) {
		ASSERT(*zs->env->frame_word(zs->ctx, frame) == frame_word(type)); /* B1 */
		ASSERT(frame->magic == ZBUD_MAGIC && frame->type == type);	  /* B1 */
		ASSERT(!is_empty(frame));					  /* B2 */
		ASSERT(used_chunks(&frame->buddy[0]) + used_chunks(&frame->buddy[1]) <=
		       ZBUD_CHUNKS); /* B2 */
		sum->backing_frames++;
		joinable += may_join(frame);
		for (u32 i = 0; i < 2; i++) {
			const struct zbuddy *buddy = &frame->buddy[i];

			ASSERT(buddy->state <= ZB_DEAD);
			tried += buddy->state == ZB_TRIED;
			if (buddy->state == ZB_FREE || buddy->state == ZB_DEAD)
				continue;
			sum->stored_pages++;
			sum->compressed_bytes += buddy->size;
			if (visit)
				visit(zs->ctx, type, buddy->key, zhandle_make(frame, i));
		}
	}
	ASSERT(tried == pool_of(zs, type)->tried);
	verify_lists(zs, type, joinable);
}

const struct zstore_kind zstore_zbud = {
	.name = "zbud",
	.help = "two zpages to a frame, as Linux's zbud",
	.victims_by_frame = true,
	.state_bytes = NR_ZTYPES * sizeof(struct zbud_pool),
	.init = zbud_init,
	.add = zbud_add,
	.limit = zbud_limit,
	.find = zbud_find,
	.hold = zbud_find, /* nothing here moves, and a buddy goes only by its owner, who is the reader */
	.free = zbud_free,
	.let_go = zbud_free,
	.compact = zbud_compact,
	.victims = zbud_victims,
	.oldest = zbud_oldest,
	.victim_done = zbud_victim_done,
	.shrinkers_gone = zbud_shrinkers_gone,
	.verify = zbud_verify,
};
