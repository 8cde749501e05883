/* SPDX-License-Identifier: MIT */
/*
 * zlog.c - the default store: a log of frames.
 *
 * The layout
 *   zpages are put into one open frame a type, in the order in which they come; what the frame cannot hold
 *   of the last one goes on in the next frame (zframe.h). So age follows frames exactly, no frame has a rest, and a
 *   zpage costs its bytes, 12 of directory and its share of a header of 40: a density of 0.98 for pages
 *   of 1,775 bytes, two of which leave an eighth of a self-contained frame empty. A frame is filled
 *   once. The holes that loads and drops leave are not filled again but closed, by sliding what
 *   survives towards the old end (zlog_compact.c), which keeps the order.
 *
 * Why a log and not segments, or slots with best fit
 *   Segments of a few frames end somewhere, and what they waste there is half a zpage each; an
 *   order for one frame would still evict a segment. In a log without ends, freeing any frame
 *   concerns the zpages in it and the two that cross its edges, whatever the size of the log. Best fit
 *   over self-contained frames reaches 0.87 for pages of 1,775 bytes, and fills holes with zpages of another age.
 *
 * What is bounded by what
 *   store     one compression, one copy; at most ZLOG_TIDY_FRAMES frames freed by compaction
 *   load      one decompression; and a copy if the zpage spans
 *   compact   a frame: the zpages of the sparse frames it is gained from, at most 7 frames of them, and
 *             a look at no more than all frames (ZLOG_SPARSE_SHARE)
 *   shrink    a frame: its own zpages and two that cross its edges
 *   memory    the store's own, given at boot; compaction and shrink take no frame
 *
 * Holes
 *   ZLOG_TIDY_PCT is a trade of moves for frames; measured by `make bench-store`, phase churn.
 *
 * Who may touch bytes (the store's lock is held for every change; codec and disk work without it)
 *   pins      loads that read the bytes: they are not moved within the frame. A zpage being loaded
 *             cannot leave the frame either, since its reference is taken.
 *   writers   a write to swap, or a shrinker that decompresses: bytes stay, slots are not used again, the
 *             frame is not freed. Loads go on; a slot freed meanwhile is simply found free afterwards:
 *
 *     shrink                              loader
 *     ------                              ------
 *     lock; writers++; unlock
 *     blocks_write() sleeps               takes the reference; loads from memory;
 *                                         frees the slot (the frame stays: writers)
 *     lock; slot is free: nothing to do   .
 *     other slots: retarget() to the block
 *     empty: frame_put; unlock
 *
 *   And a zpage whose owner comes in between write and retarget:
 *
 *     lock; retarget() says no            has the reference, not yet called load
 *     slot stays, frame stays; unlock     load finds it as ever; last one puts the frame
 *
 * Invariants, checked by zlog_verify() and zframe_verify()
 *   Z1 nr_used and data_bytes of a frame are those of its slots in use and of what comes in.
 *   Z2 No two pieces overlap; all lie between data_start and the end.
 *   Z3 The directory does not reach data_start.
 *   Z4 A zpage that spans: both frames name each other, and the pieces are the whole.
 *   Z5 An empty frame exists only while somebody holds it.
 *   Z6 ZF_SPARSE, the sums of the log and of the store are those of its frames.
 */
#include "compress/zlog.h"

#include "lib/string.h"

void zlog_set_open(struct zlog_type *lt, struct zframe *frame)
{
	struct zframe *was = lt->open;

	if (was) {
		was->flags &= (u8)~ZF_OPEN;
		zlog_changed(lt, was, zframe_used_bytes(was));
	}
	if (frame) {
		frame->flags |= ZF_OPEN;
		zlog_changed(lt, frame, zframe_used_bytes(frame));
	}
	lt->open = frame;
}

/* --- Frames come and go --- */

static struct zframe *new_frame(struct zstore *zs, enum ztype type)
{
	struct zframe *frame = zstore_frame_get(zs, type);

	if (!frame)
		return NULL;
	zframe_init(frame, type, zstore_now_ms());
	zlog_changed(zlog_type(zs, type), frame, 0);
	return frame;
}

/* No pointer to it stays behind. */
static void forget_frame(struct zstore *zs, struct zlog_type *lt, struct zframe *frame)
{
	enum ztype type = (enum ztype)frame->type;

	if (lt->open == frame)
		zlog_set_open(lt, NULL);
	if (lt->sink == frame)
		lt->sink = NULL;
	if (lt->cursor == frame)
		lt->cursor = zs->env->frame_younger(zs->ctx, type, frame);
}

u32 zlog_release(struct zstore *zs, struct zframe *frame)
{
	enum ztype type = (enum ztype)frame->type;
	struct zlog_type *lt = zlog_type(zs, type);

	if (!zframe_is_empty(frame) || frame->writers)
		return 0;
	ASSERT(!frame->pins && !frame->out);
	forget_frame(zs, lt, frame);
	zlog_forgive(lt, frame);
	if (frame->flags & ZF_SPARSE)
		lt->nr_sparse--;
	frame->magic = 0;
	zstore_frame_put(zs, type, frame);
	return 1;
}

static __noinline u32 free_spanning(struct zstore *zs, struct zframe *frame, u32 index)
{
	struct zlog_type *lt = zlog_type(zs, (enum ztype)frame->type);
	struct zframe *other = frame->out;
	u32 before = zframe_used_bytes(frame), other_before = zframe_used_bytes(other), freed;

	zframe_free_spanning(frame, index);
	zlog_changed(lt, frame, before);
	zlog_changed(lt, other, other_before);
	freed = zlog_release(zs, other);
	return freed + zlog_release(zs, frame);
}

u32 zlog_free_slot(struct zstore *zs, struct zframe *frame, u32 index)
{
	u32 before = zframe_used_bytes(frame);

	if (unlikely(frame->slots[index].spans))
		return free_spanning(zs, frame, index);
	zframe_clear_slot(frame, index, frame->slots[index].size);
	zlog_changed(zlog_type(zs, (enum ztype)frame->type), frame, before);
	return unlikely(zframe_is_empty(frame)) ? zlog_release(zs, frame) : 0;
}

bool zlog_may_change(const struct zframe *frame)
{
	return !frame->pins && !frame->writers && !(frame->flags & ZF_VICTIM);
}

bool zlog_move(struct zstore *zs, struct zframe *from, u32 index, struct zframe *to, u32 *freed)
{
	enum ztype type = (enum ztype)from->type;
	struct zlog_type *lt = zlog_type(zs, type);
	struct zobject object;
	u32 before;

	zframe_object(from, index, &object);
	if (!zstore_retarget_handle(zs, type, object.key, object.stamp, zhandle_make(from, index),
				    zhandle_make(to, zframe_next_index(to))))
		return false;
	before = zframe_used_bytes(to);
	zframe_add(to, NULL, &object);
	zlog_changed(lt, to, before);
	zs->type[type].stats.moved_pages++;
	*freed += zlog_free_slot(zs, from, index);
	return true;
}

/* --- Adding --- */

/* Are there so many holes that a new frame should not be taken before some are closed? */
static bool holes_abound(const struct zstore *zs, enum ztype type)
{
	u64 capacity = zs->type[type].stats.backing_frames * ZFRAME_CAPACITY;

	return capacity - zlog_type(zs, type)->used_bytes > capacity / 100 * ZLOG_TIDY_PCT;
}

/* next: a fresh frame, or NULL. */
static zhandle_t add_to(struct zlog_type *lt, struct zframe *frame, struct zframe *next,
			const struct zobject *object)
{
	u32 before = zframe_used_bytes(frame), index = zframe_add(frame, next, object);

	zlog_changed(lt, frame, before);
	if (next)
		zlog_changed(lt, next, 0);
	return zhandle_make(frame, index);
}

/* The open frame is full: go on in a new one. */
static enum zresult add_behind(struct zstore *zs, enum ztype type, const struct zobject *object,
			       zhandle_t *handle)
{
	struct zlog_type *lt = zlog_type(zs, type);
	struct zframe *open, *frame = NULL;

	for (u32 i = 0; i < ZLOG_TIDY_FRAMES && holes_abound(zs, type); i++)
		if (!zlog_compact(zs, type, ZCOMPACT_CLOSELY))
			break;
	if (!zstore_at_target(zs, type)) {
		frame = new_frame(zs, type);
		if (!frame)
			return ZS_NO_FRAME;
	} else if (lt->sink && zlog_may_change(lt->sink) && zframe_gap(lt->sink) >= object->size &&
		   !lt->sink->out) {
		/* A frame of mixed ages is better than a young page on disk while old ones stay. */
		*handle = add_to(lt, lt->sink, NULL, object);
		return ZS_OK;
	} else {
		return ZS_TARGET;
	}
	open = lt->open;
	zlog_set_open(lt, frame);
	if (open && !open->writers && zframe_gap(open) >= ZFRAME_MIN_PIECE)
		*handle = add_to(lt, open, frame, object);
	else
		*handle = add_to(lt, frame, NULL, object);
	return ZS_OK;
}

static enum zresult log_add(struct zstore *zs, enum ztype type, const struct zobject *object,
			    zhandle_t *handle)
{
	struct zlog_type *lt = zlog_type(zs, type);

	if (!lt->open || zframe_gap(lt->open) < object->size)
		return add_behind(zs, type, object, handle);
	*handle = add_to(lt, lt->open, NULL, object);
	return ZS_OK;
}

static u32 log_limit(const struct zstore *zs, enum ztype type)
{
	const struct zlog_type *lt = zlog_type(zs, type);
	u32 gap = 0;

	if (!zstore_at_target(zs, type) || holes_abound(zs, type))
		return ZOBJECT_MAX_BYTES;
	if (lt->open)
		gap = zframe_gap(lt->open);
	if (lt->sink)
		gap = MAX(gap, zframe_gap(lt->sink));
	return gap;
}

/* --- Finding and freeing --- */

static inline bool find_object(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
			       struct zobject *object)
{
	struct zframe *frame = zhandle_frame(handle);

	if (!zframe_slot(frame, zhandle_low(handle), key) || frame->type != type)
		return false;
	zframe_object(frame, zhandle_low(handle), object);
	return true;
}

static bool log_find(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
		     struct zobject *object)
{
	return find_object(zs, type, handle, key, object);
}

static u32 log_free(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	return zlog_free_slot(zs, zhandle_frame(handle), zhandle_low(handle));
}

static bool log_hold(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
		     struct zobject *object)
{
	struct zframe *frame = zhandle_frame(handle);

	if (!find_object(zs, type, handle, key, object))
		return false;
	frame->pins++;
	if (object->more)
		frame->out->pins++;
	return true;
}

/* The zpage has not moved meanwhile, nor has what it spans. */
static u32 log_let_go(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	struct zframe *frame = zhandle_frame(handle);
	u32 index = zhandle_low(handle);

	ASSERT(frame->pins);
	frame->pins--;
	if (frame->slots[index].spans)
		frame->out->pins--;
	return zlog_free_slot(zs, frame, index);
}

/* --- Verification --- */

static void verify_frame(struct zstore *zs, enum ztype type, struct zframe *frame,
			 struct zlog_type *sum)
{
	struct zlog_type *lt = zlog_type(zs, type);
	u32 used = zframe_used_bytes(frame);
	bool sparse = !(frame->flags & ZF_OPEN) && used <= ZLOG_SPARSE_BYTES;

	zframe_verify(frame, type);
	ASSERT(!zframe_is_empty(frame) || frame->writers); /* Z5 */
	ASSERT(!(frame->flags & ZF_OPEN) == (lt->open != frame));
	ASSERT(!(frame->flags & ZF_VICTIM) || zs->type[type].nr_shrinkers);
	ASSERT(!frame->writers || zs->type[type].nr_shrinkers);
	ASSERT(!(frame->flags & ZF_SPARSE) == !sparse); /* Z6 */
	sum->nr_victims += (frame->flags & ZF_VICTIM) != 0;
	sum->used_bytes += used;
	sum->nr_sparse += sparse;
	sum->sparse_bytes += sparse ? used : 0;
}

static bool log_oldest(struct zstore *zs, enum ztype type, u32 *stamp)
{
	const struct zframe *frame = zs->env->frame_younger(zs->ctx, type, NULL);

	for (u32 i = 0; frame && i < frame->nr_slots; i++) {
		if (!frame->slots[i].size)
			continue;
		*stamp = zslot_stamp(&frame->slots[i]);
		return true;
	}
	return false;
}

static void log_verify(struct zstore *zs, enum ztype type, struct zstore_type_stats *sum,
		       void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	struct zlog_type *lt = zlog_type(zs, type), total = { .open = NULL };
	struct zframe *frame = zs->env->frame_younger(zs->ctx, type, NULL);

	for (; frame; frame = zs->env->frame_younger(zs->ctx, type, frame)) {
		verify_frame(zs, type, frame, &total);
		sum->backing_frames++;
		sum->stored_pages += frame->nr_used;
		for (u32 i = 0; i < frame->nr_slots; i++) {
			const struct zslot *slot = &frame->slots[i];

			sum->compressed_bytes += slot->size;
			if (visit && slot->size)
				visit(zs->ctx, type, zslot_key(slot), zhandle_make(frame, i));
		}
	}
	ASSERT(total.used_bytes == lt->used_bytes && total.nr_sparse == lt->nr_sparse);
	ASSERT(total.sparse_bytes == lt->sparse_bytes && total.nr_victims == lt->nr_victims);
}

const struct zstore_kind zstore_log = {
	.name = "log",
	.help = "a log of frames: dense, in age order, evicted as it is (the default)",
	.victims_by_frame = true,
	.state_bytes = sizeof(struct zlog),
	.add = log_add,
	.limit = log_limit,
	.find = log_find,
	.free = log_free,
	.hold = log_hold,
	.let_go = log_let_go,
	.compact = zlog_compact,
	.victims = zlog_victims,
	.oldest = log_oldest,
	.victim_done = zlog_victim_done,
	.shrinkers_gone = zlog_shrinkers_gone,
	.evict_frames = zlog_evict_frames,
	.adopt = zlog_adopt,
	.verify = log_verify,
};
