/* SPDX-License-Identifier: MIT */
/*
 * zshrink.c - orders to give frames back: the half of the contract that makes the store part of the
 * MM rather than a hole in its memory.
 *
 * Compaction first: as long as it frees a whole frame, nothing need be lost. Then eviction, oldest first:
 * file zpages are clean and are simply dropped; anon ones go to swap, whole frames as they are if the
 * kind can, else page by page.
 *
 * What could not be evicted (no room on swap, a zpage in transit) stays chosen, so that the next choice is another
 * one; the last shrinker to leave lets go of it. That bounds a call by the frames of the type. A step that
 * could write nothing ends it: there is nothing left to evict to.
 *
 * Frames are counted when they reach the free list, also when it was a load that
 * took the last zpage from a frame under write. Shrinking takes no frame, so the count is net.
 */
#include "compress/zstore_impl.h"

/* One step towards the order. Lock held at entry and exit. */
static void shrink_step(struct shrink *s)
{
	struct zstore *zs = s->zs;

	if (s->compaction_helps) {
		u64 before = zs->type[s->type].stats.backing_frames, gained;

		s->compaction_helps = zs->kind->compact(zs, s->type, ZCOMPACT_CLOSELY);
		gained = before - zs->type[s->type].stats.backing_frames;
		zs->type[s->type].stats.compact_freed_frames += gained;
		s->freed += gained;
	} else if (s->type == Z_ANON && zs->kind->evict_frames && !zs->config.evict_pages) {
		zs->kind->evict_frames(s);
	} else {
		zevict_step(s);
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
		zs->kind->shrinkers_gone(zs, type);
	ts->stats.shrink_freed_frames += s.freed;
	ts->shrinks_ended++;
	spin_unlock(&zs->lock);
	wake_all(&ts->shrink_wq);
	return s.freed;
}

u64 zstore_compact(struct zstore *zs, enum ztype type, u64 nr_frames, enum zeffort effort)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	bool more = true;
	u64 freed = 0;

	while (more && freed < nr_frames) {
		u64 before, gained;

		spin_lock(&zs->lock);
		before = stats->backing_frames;
		more = zs->kind->compact(zs, type, effort);
		gained = before - stats->backing_frames;
		stats->compact_freed_frames += gained;
		spin_unlock(&zs->lock);
		freed += gained;
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
