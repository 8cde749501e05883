/* SPDX-License-Identifier: MIT */
/*
 * zshrink.c - giving frames back: the half of the contract that makes the store part of the
 * MM rather than a hole in its memory.
 *
 * Compaction first: as long as emptying the sparsest frame into other frames' holes frees a whole
 * frame, nothing need be lost. Then eviction: the MM names victims from the old end of
 * the compressed list of the type; file zpages are clean and are simply dropped; anon
 * frames are written to swap as they are, ZSTORE_EVICT_BATCH at a time, and then each reference
 * is pointed at its place in the block.
 *
 * A frame stays marked as a victim when it could not be freed (no room on swap, a
 * zpage in transit), so that the next choice is another one; the last shrinker
 * to leave unmarks them. That bounds a call by the frames of the type. A batch of which
 * nothing could be written ends it: there is nothing left to evict to.
 *
 * Frames are counted when they reach the free list, also when it was a load that
 * took the last zpage from a frame under write. Shrinking takes no frame, so the count is net.
 */
#include "compress/zstore_impl.h"

/* One call, from the order to the result. On the caller's stack. */
struct shrink {
	struct zstore *zs;
	enum ztype type;
	u64 wanted;
	u64 freed;
	bool compaction_helps; /* until it fails once */
	bool nothing_left;
};

/* The next victim, or NULL. Frames somebody is reading are marked and passed over. */
static struct zframe *next_victim(struct shrink *s)
{
	struct zstore *zs = s->zs;
	struct zframe *frame;

	for (;;) {
		frame = zs->env->victim_mark(zs->ctx, s->type);
		if (!frame)
			return NULL;
		ASSERT(frame->magic == ZFRAME_MAGIC && frame->type == s->type);
		zplace_set_victim(zs, frame);
		if (!frame->pins)
			return frame;
		zs->type[s->type].stats.evict_failed_frames++;
	}
}

/*
 * Point every reference away from the frame and free it. move: kind and block are
 * filled in. True if the frame is now free.
 */
static bool retarget_all(struct shrink *s, struct zframe *frame, struct zmove *move)
{
	struct zstore *zs = s->zs;
	struct zstore_type_stats *stats = &zs->type[s->type].stats;

	move->type = s->type;
	for (u32 i = frame->nr_slots; i-- > 0;) {
		struct zslot *slot = &frame->slots[i];

		if (!slot->size)
			continue;
		move->key = slot->key;
		move->from = zhandle_make(frame, i);
		move->stamp = slot->stamp;
		move->block.index = (u8)i;
		if (!zs->env->retarget(zs->ctx, move))
			continue;
		stats->evicted_pages++;
		stats->stored_pages--;
		stats->compressed_bytes -= slot->size;
		zframe_free(frame, i);
	}
	if (!zplace_release(zs, frame)) {
		stats->evict_failed_frames++;
		return false;
	}
	stats->evicted_frames++;
	s->freed++;
	return true;
}

/* Drop the zpages of one old frame; the file on disk has the data. Lock held. */
static void drop_one(struct shrink *s)
{
	struct zframe *frame = next_victim(s);
	struct zmove move = { .kind = ZMOVE_DROPPED };

	if (!frame)
		s->nothing_left = true;
	else
		retarget_all(s, frame, &move);
}

/* The write is over; the lock is held again. slot 0: it was not written. */
static void finish_write(struct shrink *s, struct zframe *frame, u32 slot)
{
	struct zmove move = { .kind = ZMOVE_SWAPPED, .block.slot = slot };

	frame->writing = false;
	if (slot)
		retarget_all(s, frame, &move);
	else if (zplace_release(s->zs, frame)) /* emptied by its owners meanwhile */
		s->freed++;
	else
		s->zs->type[s->type].stats.evict_failed_frames++;
}

/* Write one batch of old frames. Lock held at entry and exit, not in between. */
static void write_batch(struct shrink *s)
{
	struct zstore *zs = s->zs;
	void *frames[ZSTORE_EVICT_BATCH];
	u32 slots[ZSTORE_EVICT_BATCH] = { 0 };
	u64 want = MIN(s->wanted - s->freed, (u64)ZSTORE_EVICT_BATCH);
	u32 nr = 0, written = 0;

	while (nr < want) {
		struct zframe *frame = next_victim(s);

		if (!frame)
			break;
		frame->writing = true;
		frames[nr++] = frame;
	}
	if (!nr) {
		s->nothing_left = true;
		return;
	}
	spin_unlock(&zs->lock);
	zs->env->blocks_write(zs->ctx, frames, slots, nr);
	spin_lock(&zs->lock);
	for (u32 i = 0; i < nr; i++) {
		finish_write(s, frames[i], slots[i]);
		written += slots[i] != 0;
	}
	spin_unlock(&zs->lock);
	for (u32 i = 0; i < nr; i++)
		if (slots[i])
			zs->env->block_put(zs->ctx, slots[i]);
	spin_lock(&zs->lock);
	if (!written)
		s->nothing_left = true;
}

static void unmark_all(struct zstore *zs, enum ztype type)
{
	struct list_head *victims = &zs->type[type].victims;

	while (!list_empty(victims)) {
		struct zframe *frame = list_first_entry(victims, struct zframe, link);

		zplace_clear_victim(zs, frame);
		zs->env->victim_unmark(zs->ctx, type, frame);
	}
}

/* One step towards the order: compaction, or an eviction. Lock held. */
static void shrink_step(struct shrink *s)
{
	if (s->compaction_helps) {
		s->compaction_helps = zplace_compact(s->zs, s->type);
		s->freed += s->compaction_helps;
	} else if (s->type == Z_FILE) {
		drop_one(s);
	} else {
		write_batch(s);
	}
}

u64 zstore_shrink(struct zstore *zs, enum ztype type, u64 nr_frames)
{
	struct ztype_state *ts = &zs->type[type];
	struct shrink s = { .zs = zs, .type = type, .wanted = nr_frames, .compaction_helps = true };

	spin_lock(&zs->lock);
	ts->stats.shrink_calls++;
	ts->stats.shrink_asked_frames += nr_frames;
	ts->nr_shrinkers++;
	while (s.freed < nr_frames && !s.nothing_left) {
		shrink_step(&s);
		/* A moment for others: the lock is held for one step at most. */
		spin_unlock(&zs->lock);
		spin_lock(&zs->lock);
	}
	if (!--ts->nr_shrinkers)
		unmark_all(zs, type);
	ts->stats.shrink_freed_frames += s.freed;
	ts->shrinks_ended++;
	spin_unlock(&zs->lock);
	wake_all(&ts->shrink_wq);
	return s.freed;
}

u64 zstore_compact(struct zstore *zs, enum ztype type, u64 nr_frames)
{
	bool more = true;
	u64 freed = 0;

	while (more && freed < nr_frames) {
		spin_lock(&zs->lock);
		more = zplace_compact(zs, type);
		spin_unlock(&zs->lock);
		freed += more;
	}
	return freed;
}

/* Frames above the target. Also how many shrinkers there are, and how many have ended. */
static u64 excess_frames(struct zstore *zs, struct ztype_state *ts, u32 *active, u64 *ended)
{
	u64 excess = 0;

	spin_lock(&zs->lock);
	if (ts->stats.backing_frames > ts->stats.target_frames)
		excess = ts->stats.backing_frames - ts->stats.target_frames;
	*active = ts->nr_shrinkers;
	*ended = ts->shrinks_ended;
	spin_unlock(&zs->lock);
	return excess;
}

/*
 * Frames that another shrinker is writing are its victims, not ours; an order that waits for nobody
 * would miss them. So when nothing else is left, wait for one of the others and look again.
 */
u64 zstore_set_target(struct zstore *zs, enum ztype type, u64 frames)
{
	struct ztype_state *ts = &zs->type[type];
	u64 freed = 0, excess, ended;
	u32 active;

	spin_lock(&zs->lock);
	ts->stats.target_frames = frames;
	spin_unlock(&zs->lock);
	for (u32 tries = 0; tries < ZSTORE_TARGET_TRIES; tries++) {
		u64 got;

		excess = excess_frames(zs, ts, &active, &ended);
		if (!excess)
			break;
		got = zstore_shrink(zs, type, excess);
		freed += got;
		excess = excess_frames(zs, ts, &active, &ended);
		if (!excess || (!got && !active))
			break;
		if (!got)
			wait_event(&ts->shrink_wq, READ_ONCE(ts->shrinks_ended) != ended);
	}
	return freed;
}
