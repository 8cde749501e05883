/* SPDX-License-Identifier: MIT */
/*
 * zplace.c - which frame a zpage goes to.
 *
 * Two wishes pull apart. Age: shrink evicts whole frames, oldest first, so
 * zpages of one age should share frames. Density: loads leave holes all over, and a
 * store that never fills them ends up with one zpage a frame, worse than no compression.
 *
 * So new zpages go to a few open frames, best fit, and frames are closed in the order they
 * were opened, more or less: a frame's zpages were compressed within a few frames of each
 * other. Holes of closed frames are filled by old zpages, not by new ones: when
 * holes exceed ZSTORE_TIDY_PCT, the sparsest frames are emptied into the holes of others before
 * another frame is taken, up to ZSTORE_TIDY_FRAMES of them: with two zpages to a frame and as many
 * loads as stores, each new frame goes with up to two that are left half empty, so one at a time
 * would fall behind. Only when no frame can be had (target reached, or the MM has
 * none) does a new zpage go to an old frame: a mixed frame is better than a young page sent to
 * disk while old ones stay.
 *
 * Closed frames lie on lists by room, so finding a hole is a bit scan, and
 * every step here is bounded: ZSTORE_OPEN_FRAMES, ZSTORE_FIT_TRIES, the slots of
 * one frame, two copies of one frame. All under the store's lock.
 */
#include "compress/zstore_impl.h"

static u32 bin_of(u32 room)
{
	return MIN(room / ZSTORE_BIN_BYTES, ZSTORE_BINS - 1U);
}

static struct ztype_state *state_of(struct zstore *zs, const struct zframe *frame)
{
	return &zs->type[frame->type];
}

/* --- The three places a frame can be in --- */

static void bin_insert(struct zstore *zs, struct zframe *frame)
{
	struct ztype_state *ts = state_of(zs, frame);

	frame->where = ZF_CLOSED;
	frame->bin = (u8)bin_of(zframe_room(frame));
	list_add_tail(&frame->link, &ts->bin[frame->bin]);
	ts->bins_nonempty |= 1U << frame->bin;
	ts->closed_frames++;
	ts->closed_used_bytes += zframe_used_bytes(frame);
}

/* used_bytes: as they were when it was inserted. */
static void bin_remove(struct zstore *zs, struct zframe *frame, u32 used_bytes)
{
	struct ztype_state *ts = state_of(zs, frame);

	list_del(&frame->link);
	if (list_empty(&ts->bin[frame->bin]))
		ts->bins_nonempty &= ~(1U << frame->bin);
	ts->closed_frames--;
	ts->closed_used_bytes -= used_bytes;
}

/* After a change of what is in it. Its place on the list stays if the list does. */
static void bin_update(struct zstore *zs, struct zframe *frame, u32 old_used_bytes)
{
	struct ztype_state *ts = state_of(zs, frame);

	if (frame->where != ZF_CLOSED)
		return;
	if (frame->bin != bin_of(zframe_room(frame))) {
		bin_remove(zs, frame, old_used_bytes);
		bin_insert(zs, frame);
	} else {
		ts->closed_used_bytes += zframe_used_bytes(frame);
		ts->closed_used_bytes -= old_used_bytes;
	}
}

static void open_remove(struct ztype_state *ts, const struct zframe *frame)
{
	u32 i = 0;

	while (i < ZSTORE_OPEN_FRAMES && ts->open[i] != frame)
		i++;
	ASSERT(i < ZSTORE_OPEN_FRAMES);
	ts->open[i] = NULL;
}

/* Take it from wherever it is. */
static void unlink_frame(struct zstore *zs, struct zframe *frame)
{
	switch ((enum zframe_where)frame->where) {
	case ZF_OPEN:
		open_remove(state_of(zs, frame), frame);
		break;
	case ZF_CLOSED:
		bin_remove(zs, frame, zframe_used_bytes(frame));
		break;
	case ZF_VICTIM:
		list_del(&frame->link);
		break;
	}
}

/* Into a free place, or into that of the open frame with least room, which is closed. */
static void open_insert(struct zstore *zs, struct zframe *frame)
{
	struct ztype_state *ts = state_of(zs, frame);
	u32 place = 0;

	for (u32 i = 0; i < ZSTORE_OPEN_FRAMES; i++) {
		if (!ts->open[i]) {
			place = i;
			break;
		}
		if (zframe_room(ts->open[i]) < zframe_room(ts->open[place]))
			place = i;
	}
	if (ts->open[place])
		bin_insert(zs, ts->open[place]);
	ts->open[place] = frame;
}

void zplace_set_victim(struct zstore *zs, struct zframe *frame)
{
	unlink_frame(zs, frame);
	frame->where = ZF_VICTIM;
	list_add_tail(&frame->link, &state_of(zs, frame)->victims);
}

void zplace_clear_victim(struct zstore *zs, struct zframe *frame)
{
	ASSERT(frame->where == ZF_VICTIM && !frame->writing);
	list_del(&frame->link);
	bin_insert(zs, frame);
}

bool zplace_release(struct zstore *zs, struct zframe *frame)
{
	struct ztype_state *ts = state_of(zs, frame);
	enum ztype type = (enum ztype)frame->type;

	if (frame->nr_used || frame->writing)
		return false;
	ASSERT(!frame->pins && ts->stats.backing_frames);
	unlink_frame(zs, frame);
	frame->magic = 0;
	*zs->env->frame_word(zs->ctx, frame) = 0;
	WRITE_ONCE(ts->stats.backing_frames, ts->stats.backing_frames - 1);
	zs->env->frame_put(zs->ctx, type, frame);
	return true;
}

/* --- Adding and freeing --- */

u32 zplace_add(struct zstore *zs, struct zframe *frame, u64 key, u32 stamp, const void *data,
	       u32 size)
{
	struct ztype_state *ts = state_of(zs, frame);
	u32 old_used = zframe_used_bytes(frame);
	u32 index = zframe_add(frame, key, stamp, data, size);

	ts->stats.stored_pages++;
	ts->stats.compressed_bytes += size;
	bin_update(zs, frame, old_used);
	return index;
}

void zplace_free(struct zstore *zs, struct zframe *frame, u32 index)
{
	struct ztype_state *ts = state_of(zs, frame);
	u32 old_used = zframe_used_bytes(frame);

	ts->stats.stored_pages--;
	ts->stats.compressed_bytes -= frame->slots[index].size;
	zframe_free(frame, index);
	bin_update(zs, frame, old_used);
	zplace_release(zs, frame);
}

/* --- Finding a place --- */

/* Can it take size bytes now? Closes holes up if that is what it needs. */
static bool make_gap(struct zstore *zs, struct zframe *frame, u32 size)
{
	ASSERT(!frame->writing); /* it would be a victim, and those are never candidates */
	if (zframe_room(frame) < size)
		return false;
	if (zframe_gap(frame) >= size)
		return true;
	if (frame->pins)
		return false;
	zframe_close_holes(frame, zs->scratch);
	state_of(zs, frame)->stats.inplace_compactions++;
	return true;
}

static struct zframe *find_open(struct zstore *zs, enum ztype type, u32 size)
{
	struct ztype_state *ts = &zs->type[type];
	struct zframe *best = NULL;

	for (u32 i = 0; i < ZSTORE_OPEN_FRAMES; i++) {
		struct zframe *frame = ts->open[i];

		if (!frame || zframe_room(frame) < size)
			continue;
		if (frame->pins && zframe_gap(frame) < size)
			continue;
		if (!best || zframe_room(frame) < zframe_room(best))
			best = frame;
	}
	return best && make_gap(zs, best, size) ? best : NULL;
}

/* Good fit among closed frames: the lists of least sufficient room first. */
static struct zframe *find_hole(struct zstore *zs, enum ztype type, u32 size)
{
	struct ztype_state *ts = &zs->type[type];
	u32 bins = ts->bins_nonempty & ~0U << bin_of(size);
	u32 tries = ZSTORE_FIT_TRIES;

	for (; bins; bins &= bins - 1) {
		struct list_head *bin = &ts->bin[__builtin_ctz(bins)];
		u32 tries_here = ZSTORE_FIT_TRIES / 2;
		struct zframe *frame;

		list_for_each_entry(frame, bin, link) {
			if (make_gap(zs, frame, size))
				return frame;
			if (!--tries)
				return NULL;
			if (!--tries_here)
				break;
		}
	}
	return NULL;
}

static struct zframe *new_frame(struct zstore *zs, enum ztype type)
{
	struct ztype_state *ts = &zs->type[type];
	struct zframe *frame = zs->env->frame_get(zs->ctx, type);

	if (!frame)
		return NULL;
	zframe_init(frame, type);
	*zs->env->frame_word(zs->ctx, frame) = zframe_word(frame, type);
	open_insert(zs, frame);
	WRITE_ONCE(ts->stats.backing_frames, ts->stats.backing_frames + 1);
	return frame;
}

/* Are there so many holes that emptying a frame into them is likely and worth it? */
static bool holes_abound(const struct ztype_state *ts)
{
	u64 capacity = ts->closed_frames * ZFRAME_CAPACITY;

	return capacity - ts->closed_used_bytes > capacity / 100 * ZSTORE_TIDY_PCT;
}

/*
 * Would a new frame for these bytes gain nothing? A zpage of more than half a frame pays only
 * if smaller ones come to lie beside it. If every open frame waits for them with one
 * zpage in it, they do not come: the frame closed now would hold one page, as it
 * would without us.
 */
static bool is_pointless(const struct ztype_state *ts, u32 size)
{
	if (2 * (size + sizeof(struct zslot)) <= ZFRAME_CAPACITY)
		return false;
	for (u32 i = 0; i < ZSTORE_OPEN_FRAMES; i++)
		if (!ts->open[i] || ts->open[i]->nr_used > 1)
			return false;
	return true;
}

/* When no open frame will do. */
static enum zresult find_elsewhere(struct zstore *zs, enum ztype type, u32 size,
				   struct zframe **frame)
{
	struct ztype_state *ts = &zs->type[type];
	bool pointless = is_pointless(ts, size), at_target;

	for (u32 i = 0; i < ZSTORE_TIDY_FRAMES && holes_abound(ts); i++)
		if (!zplace_compact(zs, type))
			break;
	at_target = ts->stats.backing_frames >= ts->stats.target_frames;
	if (!at_target && !pointless)
		*frame = new_frame(zs, type);
	if (!*frame)
		*frame = find_hole(zs, type, size);
	if (*frame)
		return ZS_OK;
	if (pointless)
		return ZS_POOR;
	return at_target ? ZS_TARGET : ZS_NO_FRAME;
}

enum zresult zplace_find(struct zstore *zs, enum ztype type, u32 size, struct zframe **frame)
{
	ASSERT_HELD(&zs->lock);
	*frame = find_open(zs, type, size);
	return *frame ? ZS_OK : find_elsewhere(zs, type, size, frame);
}

u32 zplace_limit(const struct zstore *zs, enum ztype type)
{
	const struct ztype_state *ts = &zs->type[type];
	u32 room = 0;

	if (ts->stats.backing_frames < ts->stats.target_frames || holes_abound(ts))
		return ZPAGE_MAX_BYTES;
	if (ts->bins_nonempty)
		room = (32 - (u32)__builtin_clz(ts->bins_nonempty)) * ZSTORE_BIN_BYTES - 1;
	for (u32 i = 0; i < ZSTORE_OPEN_FRAMES; i++)
		if (ts->open[i])
			room = MAX(room, zframe_room(ts->open[i]));
	return room < ZPAGE_MIN_BYTES ? 0 : MIN(room, ZPAGE_MAX_BYTES + 0U);
}

/* --- Compaction --- */

/* A hole for a zpage that moves: in a closed frame, else in an open one. */
static struct zframe *find_move_target(struct zstore *zs, enum ztype type, u32 size)
{
	struct zframe *frame = find_hole(zs, type, size);

	return frame ? frame : find_open(zs, type, size);
}

/* Copy, have the reference changed, free the old one; or undo. */
static bool move_zpage(struct zstore *zs, struct zframe *from, u32 index, struct zframe *to)
{
	const struct zslot *slot = &from->slots[index];
	struct zmove move = {
		.kind = ZMOVE_HANDLE,
		.type = (enum ztype)from->type,
		.key = slot->key,
		.from = zhandle_make(from, index),
		.stamp = slot->stamp,
	};
	u32 new_index =
		zplace_add(zs, to, slot->key, slot->stamp, zframe_data(from, slot), slot->size);

	move.to = zhandle_make(to, new_index);
	if (!zs->env->retarget(zs->ctx, &move)) {
		zplace_free(zs, to, new_index);
		return false;
	}
	zs->type[move.type].stats.moved_pages++;
	return true;
}

/*
 * Move everything out of a frame that is in no list of candidates. Stops at the first
 * zpage for which there is no hole; one in transit is passed over. The last zpage
 * stays in the directory until the end so that the frame is released by the caller.
 */
static bool empty_frame(struct zstore *zs, struct zframe *frame)
{
	struct ztype_state *ts = state_of(zs, frame);
	enum ztype type = (enum ztype)frame->type;

	for (u32 i = frame->nr_slots; i-- > 0;) {
		struct zframe *to;

		if (!frame->slots[i].size)
			continue;
		to = find_move_target(zs, type, frame->slots[i].size);
		if (!to)
			return false;
		if (!move_zpage(zs, frame, i, to))
			continue;
		ts->stats.stored_pages--;
		ts->stats.compressed_bytes -= frame->slots[i].size;
		zframe_free(frame, i);
	}
	return !frame->nr_used;
}

/* The emptiest closed frame that nobody is reading; NULL if the bound is met first. */
static struct zframe *find_sparsest(struct ztype_state *ts)
{
	u32 bins = ts->bins_nonempty, tries = ZSTORE_FIT_TRIES;

	while (bins) {
		u32 bin = 31 - (u32)__builtin_clz(bins);
		struct zframe *frame;

		list_for_each_entry(frame, &ts->bin[bin], link) {
			if (!frame->pins)
				return frame;
			if (!--tries)
				return NULL;
		}
		bins &= ~(1U << bin);
	}
	return NULL;
}

bool zplace_compact(struct zstore *zs, enum ztype type)
{
	struct ztype_state *ts = &zs->type[type];
	struct zframe *frame = find_sparsest(ts);
	u64 capacity;
	bool emptied;

	ASSERT_HELD(&zs->lock);
	if (!frame)
		return false;
	/* Out of the lists, so that it is not its own target. */
	bin_remove(zs, frame, zframe_used_bytes(frame));
	frame->where = ZF_VICTIM;
	list_add_tail(&frame->link, &ts->victims);

	capacity = (ts->closed_frames + ZSTORE_OPEN_FRAMES) * ZFRAME_CAPACITY;
	emptied = ts->closed_used_bytes + zframe_used_bytes(frame) <= capacity &&
		  find_move_target(zs, type, zframe_largest(frame)) && empty_frame(zs, frame);
	if (!emptied) {
		zplace_clear_victim(zs, frame);
		return false;
	}
	zplace_release(zs, frame);
	ts->stats.compact_freed_frames++;
	return true;
}

/* --- Verification --- */

static u64 verify_frame(struct zstore *zs, enum ztype type, struct zframe *frame,
			struct zstore_type_stats *sum,
			void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	zframe_verify(frame, type);
	ASSERT(*zs->env->frame_word(zs->ctx, frame) == zframe_word(frame, type)); /* Z4 */
	ASSERT(frame->nr_used || frame->writing);				  /* Z5 */
	ASSERT(frame->pins <= frame->nr_used && (!frame->writing || frame->where == ZF_VICTIM));
	sum->backing_frames++;
	sum->stored_pages += frame->nr_used;
	sum->compressed_bytes += frame->data_bytes;
	for (u32 i = 0; visit && i < frame->nr_slots; i++)
		if (frame->slots[i].size)
			visit(zs->ctx, type, frame->slots[i].key, zhandle_make(frame, i));
	return zframe_used_bytes(frame);
}

static void verify_bins(struct zstore *zs, enum ztype type, struct zstore_type_stats *sum,
			void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	struct ztype_state *ts = &zs->type[type];
	u64 frames = 0, used = 0;
	struct zframe *frame;

	for (u32 bin = 0; bin < ZSTORE_BINS; bin++) {
		ASSERT(list_empty(&ts->bin[bin]) == !(ts->bins_nonempty >> bin & 1));
		list_for_each_entry(frame, &ts->bin[bin], link) {
			ASSERT(frame->where == ZF_CLOSED && frame->bin == bin); /* Z6 */
			ASSERT(bin_of(zframe_room(frame)) == bin);
			used += verify_frame(zs, type, frame, sum, visit);
			frames++;
		}
	}
	ASSERT(frames == ts->closed_frames && used == ts->closed_used_bytes);
}

void zplace_verify(struct zstore *zs, enum ztype type,
		   void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	struct ztype_state *ts = &zs->type[type];
	struct zstore_type_stats sum = { 0 };
	struct zframe *frame;

	verify_bins(zs, type, &sum, visit);
	for (u32 i = 0; i < ZSTORE_OPEN_FRAMES; i++) {
		if (!ts->open[i])
			continue;
		ASSERT(ts->open[i]->where == ZF_OPEN);
		verify_frame(zs, type, ts->open[i], &sum, visit);
	}
	list_for_each_entry(frame, &ts->victims, link) {
		ASSERT(frame->where == ZF_VICTIM && ts->nr_shrinkers);
		verify_frame(zs, type, frame, &sum, visit);
	}
	ASSERT(sum.backing_frames == ts->stats.backing_frames); /* Z7 */
	ASSERT(sum.stored_pages == ts->stats.stored_pages);
	ASSERT(sum.compressed_bytes == ts->stats.compressed_bytes);
}
