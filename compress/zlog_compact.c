/* SPDX-License-Identifier: MIT */
/*
 * zlog_compact.c - closing the holes of the log, in its order.
 *
 * Loads and drops leave holes in closed frames. Compaction walks the log from the old end, in laps, and lets what
 * survives in sparse frames slide towards the old end:
 *
 *	sink            F                           sink
 *	[a b c    ]     [ d   e   f]                [a b c d e]   ->   F is empty: freed
 *	[a b c    ]     [ d   e   f g h]            [a b c d e-]  ->   [-e f g h    ]: the next sink
 *
 * The sink is the last frame that was looked at and still has a gap. Zpages of F fill it, oldest first, the last one
 * spanning into F if it must; when F is empty it is given back, otherwise its holes are closed up in
 * place and it is the next sink. Nothing passes anything older, except that dense frames between sink and F are
 * stepped over: an old zpage ends up older by at most the dense frames that its sink and F have between them.
 * No frame is taken, so compaction works when there is none.
 *
 * A zpage whose reference is in transit stays where it is; a frame that is being read is left for the next lap.
 */
#include "compress/zlog.h"
#include "lib/string.h"

/* Two frames, and how much of it came to an end. */
struct slide {
	struct zstore *zs;
	struct zlog_type *lt;
	struct zframe *from, *sink;
	u32 freed;	/* frames */
	bool from_gone; /* one of them was it */
};

/*
 * Can it pay to walk? At least a frame's worth of holes in sparse frames, a quarter more for what cannot be
 * used, and sparse frames often enough.
 */
static bool worth_a_walk(const struct zstore *zs, enum ztype type, enum zeffort effort)
{
	const struct zlog_type *lt = zlog_type(zs, type);
	u64 share = effort == ZCOMPACT_LOOSELY ? ZLOG_LOOSE_SHARE : ZLOG_SPARSE_SHARE;
	u64 holes = lt->nr_sparse * ZFRAME_CAPACITY - lt->sparse_bytes;

	return lt->nr_sparse >= 2 && holes >= ZFRAME_CAPACITY * 5 / 4 &&
	       lt->nr_sparse * share >= zs->type[type].stats.backing_frames;
}

/* What spans out of the sink comes first: make it whole. True: the sink can take more. */
static bool complete_sink(struct slide *s)
{
	struct zframe *sink = s->sink, *other = sink->out;
	u32 before, other_before, went;

	if (!other)
		return true;
	if (!zlog_may_change(sink) || !zlog_may_change(other))
		return false;
	before = zframe_used_bytes(sink);
	other_before = zframe_used_bytes(other);
	s->zs->type[sink->type].stats.moved_pages += zframe_pull(sink);
	zlog_changed(s->lt, sink, before);
	zlog_changed(s->lt, other, other_before);
	went = zlog_release(s->zs, other);
	s->freed += went;
	s->from_gone |= went && other == s->from;
	return !sink->out;
}

/* Move a zpage that is in from, or comes into it, whole. */
static void move_whole(struct slide *s, struct zframe *home, u32 index)
{
	const struct zframe *from = s->from;
	bool last = home == from ? from->nr_used == 1 && !from->in : from->nr_used == 0;

	if (zlog_move(s->zs, home, index, s->sink, &s->freed))
		s->from_gone = last;
}

/* Let a zpage span from the sink's gap into from, whose holes are closed for that. False: no. */
static bool move_spanning(struct slide *s, u32 index)
{
	struct zlog *log = zlog_of(s->zs);
	struct zframe *from = s->from, *sink = s->sink;
	struct zframe *other = from->slots[index].spans ? from->out : NULL;
	u32 before[3] = { zframe_used_bytes(from), zframe_used_bytes(sink), 0 };
	u32 gap = zframe_gap(sink), here, end, rest;
	struct zobject object;

	zframe_object(from, index, &object);
	here = object.data_bytes;
	rest = object.size - gap;
	end = zframe_directory_end(from);
	if (from->in || gap < ZFRAME_MIN_PIECE || !zlog_may_change(from) ||
	    end + from->data_bytes - here + rest > PAGE_SIZE)
		return false;
	if (!zstore_retarget_handle(s->zs, (enum ztype)from->type, object.key, object.stamp,
				    zhandle_make(from, index),
				    zhandle_make(sink, zframe_next_index(sink))))
		return false;
	zobject_join(log->object, &object);
	object.data = log->object;
	object.data_bytes = object.size;
	before[2] = other ? zframe_used_bytes(other) : 0;
	zframe_free(from, index);
	s->zs->type[from->type].stats.moved_pages +=
		1 + zframe_close_holes(from, rest, log->scratch);
	zframe_add(sink, from, &object);
	zlog_changed(s->lt, from, before[0]);
	zlog_changed(s->lt, sink, before[1]);
	if (other) {
		zlog_changed(s->lt, other, before[2]);
		s->freed += zlog_release(s->zs, other);
	}
	return true;
}

/* Fill the sink's gap from the oldest end of from. */
static void fill_sink(struct slide *s)
{
	struct zframe *from = s->from, *home = from->in;

	if (!complete_sink(s) || s->from_gone)
		return;
	if (home && home != s->sink && home->slots[home->out_index].size <= zframe_gap(s->sink))
		move_whole(s, home, home->out_index);
	for (u32 i = 0; !s->from_gone && i < from->nr_slots; i++) {
		u32 size = from->slots[i].size;

		if (size && size <= zframe_gap(s->sink))
			move_whole(s, from, i);
		else if (size && move_spanning(s, i))
			return;
	}
}

static bool is_source(const struct zlog_type *lt, const struct zframe *frame)
{
	return (frame->flags & ZF_SPARSE) && frame != lt->sink && zlog_may_change(frame);
}

/* One sparse frame. Returns the frames that were freed by it. */
static u32 slide(struct zstore *zs, struct zframe *from)
{
	struct zlog_type *lt = zlog_type(zs, (enum ztype)from->type);
	struct slide s = { .zs = zs, .lt = lt, .from = from, .sink = lt->sink };

	if (s.sink && !s.sink->writers && !(s.sink->flags & (ZF_VICTIM | ZF_OPEN)))
		fill_sink(&s);
	if (s.from_gone)
		return s.freed;
	zs->type[from->type].stats.moved_pages += zframe_close_holes(from, 0, zlog_of(zs)->scratch);
	lt->sink = from;
	return s.freed;
}

bool zlog_compact(struct zstore *zs, enum ztype type, enum zeffort effort)
{
	struct zlog_type *lt = zlog_type(zs, type);
	u64 looks = zs->type[type].stats.backing_frames;
	u32 freed = 0;

	ASSERT_HELD(&zs->lock);
	if (!worth_a_walk(zs, type, effort))
		return false;
	while (looks-- && !freed) {
		struct zframe *frame = lt->cursor;

		if (!frame) {
			/* A new lap: what is old must not slide into what is young. */
			frame = zs->env->frame_younger(zs->ctx, type, NULL);
			lt->sink = NULL;
		}
		lt->cursor = zs->env->frame_younger(zs->ctx, type, frame);
		if (is_source(lt, frame))
			freed += slide(zs, frame);
	}
	return freed;
}
