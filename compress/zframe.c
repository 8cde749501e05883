/* SPDX-License-Identifier: MIT */
/*
 * zframe.c - the one file that knows how zpages lie in a frame of the log.
 *
 * Two readers with different trust: the log, whose frames are intact unless
 * the kernel is broken (asserts), and zstore_extract(), whose blocks come
 * from a disk and may be anything (zframe_find() checks, and copies nothing
 * before).
 *
 * While a frame is being written to swap, loads and drops go on: they set sizes
 * to 0 and may shorten the directory. A block that caught such a change half
 * way is still good for every zpage that anybody has a reference to: those
 * slots, and their data, do not change during the write.
 */
#include "compress/zframe.h"

#include "lib/bitmap.h"
#include "lib/string.h"

void zframe_init(struct zframe *frame, enum ztype type, u32 born_ms)
{
	ASSERT(((uintptr_t)frame & ~PAGE_MASK) == 0);
	*frame = (struct zframe){
		.magic = ZFRAME_MAGIC,
		.type = (u8)type,
		.data_start = PAGE_SIZE,
		.born_ms = born_ms,
	};
}

/* Copy bytes [from, from + bytes) of an object in up to two pieces. */
static void copy_object(u8 *to, const struct zobject *object, u32 from, u32 bytes)
{
	u32 first = 0;

	if (from < object->data_bytes) {
		first = MIN(bytes, object->data_bytes - from);
		memcpy(to, object->data + from, first);
	}
	if (first < bytes)
		memcpy(to + first, object->more + from + first - object->data_bytes, bytes - first);
}

/* What the gap cannot hold goes to the end of next. */
static void add_rest(struct zframe *frame, struct zframe *next, const struct zobject *object,
		     u32 index, u32 here)
{
	u32 there = object->size - here;

	ASSERT(next && !frame->out && !next->in);
	frame->out = next;
	frame->out_bytes = (u16)here;
	frame->out_index = (u8)index;
	next->in = frame;
	next->in_bytes = (u16)there;
	next->data_bytes += there;
	next->data_start = (u16)MIN((u64)next->data_start, PAGE_SIZE - there);
	copy_object((u8 *)next + PAGE_SIZE - there, object, here, there);
}

u32 zframe_add(struct zframe *frame, struct zframe *next, const struct zobject *object)
{
	u32 size = object->size, here = MIN(size, zframe_gap(frame));
	u32 index = zframe_next_index(frame);

	ASSERT(size - 1 < ZOBJECT_MAX_BYTES);
	if (index == frame->nr_slots)
		frame->nr_slots++;
	frame->nr_used++;
	frame->data_start -= here;
	frame->data_bytes += here;
	frame->slots[index] = (struct zslot){
		.key_low = (u32)object->key,
		.key_high = (u32)(object->key >> 32),
		.offset = frame->data_start,
		.stamp_low = object->stamp,
		.stamp_high = object->stamp >> 6,
		.spans = here != size,
		.size = size,
	};
	if (likely(here <= object->data_bytes))
		memcpy((u8 *)frame + frame->data_start, object->data, here);
	else
		copy_object((u8 *)frame + frame->data_start, object, 0, here);
	if (here != size)
		add_rest(frame, next, object, index, here);
	return index;
}

/* Nothing comes into the frame any more. */
static void forget_in(struct zframe *frame)
{
	frame->data_bytes -= frame->in_bytes;
	frame->in_bytes = 0;
	frame->in = NULL;
	zframe_widen_gap(frame);
}

static void forget_out(struct zframe *frame)
{
	forget_in(frame->out);
	frame->out = NULL;
	frame->out_bytes = 0;
}

void zframe_free_spanning(struct zframe *frame, u32 index)
{
	u32 here = frame->out_bytes;

	ASSERT(frame->out && frame->out_index == index);
	forget_out(frame);
	zframe_clear_slot(frame, index, here);
}

/* A copy instead of a sort by offset: two bounded moves of less than a page. */
u32 zframe_close_holes(struct zframe *frame, u32 end_bytes, void *scratch)
{
	u8 *base = (u8 *)frame, *old = scratch;
	u32 at = (u32)PAGE_SIZE - (frame->in ? frame->in_bytes : end_bytes), moved = 0;

	ASSERT(!frame->pins && !(frame->in && end_bytes));
	memcpy(old + frame->data_start, base + frame->data_start, PAGE_SIZE - frame->data_start);
	/* The one that goes out stays the lowest, or it could not grow (zframe_pull()). */
	for (u32 i = 0; i < frame->nr_slots + (frame->out != NULL); i++) {
		bool last = i == frame->nr_slots;
		struct zslot *slot = &frame->slots[last ? frame->out_index : i];
		u32 here = last ? frame->out_bytes : slot->size;

		if (!slot->size || (slot->spans && !last))
			continue;
		at -= here;
		ASSERT(at >= zframe_directory_end(frame));
		memcpy(base + at, old + slot->offset, here);
		moved += slot->offset != at;
		slot->offset = at;
	}
	frame->data_start = (u16)at;
	return moved;
}

bool zframe_pull(struct zframe *frame)
{
	struct zframe *other = frame->out;
	struct zslot *slot = &frame->slots[frame->out_index];
	u32 gap = frame->data_start - zframe_directory_end(frame);
	u32 bytes = other ? MIN(gap, other->in_bytes + 0U) : 0;

	if (!bytes || slot->offset != frame->data_start)
		return false;
	ASSERT(!frame->pins && !other->pins);
	memmove((u8 *)frame + frame->data_start - bytes, (u8 *)frame + frame->data_start,
		frame->out_bytes);
	memcpy((u8 *)frame + frame->data_start - bytes + frame->out_bytes,
	       (u8 *)other + PAGE_SIZE - other->in_bytes, bytes);
	frame->data_start -= bytes;
	frame->data_bytes += bytes;
	frame->out_bytes += bytes;
	slot->offset = frame->data_start;
	other->in_bytes -= bytes;
	other->data_bytes -= bytes;
	if (!other->in_bytes) {
		slot->spans = false;
		forget_out(frame);
	}
	return true;
}

/* --- Reading what may not be ours --- */

const struct zslot *zframe_find(const struct zframe *frame, u32 index, u64 key)
{
	const struct zslot *slot = &frame->slots[index];
	u32 here;

	if (frame->magic != ZFRAME_MAGIC || frame->nr_slots > ZFRAME_MAX_SLOTS)
		return NULL;
	if (index >= frame->nr_slots || zslot_key(slot) != key)
		return NULL;
	if (!slot->size || slot->size > ZOBJECT_MAX_BYTES)
		return NULL;
	here = slot->spans ? frame->out_bytes : slot->size;
	if (!here || here > slot->size || (slot->spans && frame->out_index != index))
		return NULL;
	if (slot->offset < zframe_directory_end(frame) || slot->offset + here > PAGE_SIZE)
		return NULL;
	return slot;
}

/*
 * The second block is the caller's own copy and what lies before the rest of the zpage is not wanted, so
 * the beginning is put there.
 */
bool zframe_object_of_blocks(const struct zframe *block, struct zframe *next_block,
			     const struct zslot *slot, struct zobject *object)
{
	const u8 *data = (const u8 *)block + slot->offset;
	u32 rest = slot->spans ? slot->size - block->out_bytes : 0U;

	if (slot->spans) {
		u8 *joined;

		if (!next_block || next_block->magic != ZFRAME_MAGIC ||
		    next_block->in_bytes != rest)
			return false;
		joined = (u8 *)next_block + PAGE_SIZE - slot->size;
		memcpy(joined, data, block->out_bytes);
		data = joined;
	}
	*object = (struct zobject){
		.key = zslot_key(slot),
		.stamp = zslot_stamp(slot),
		.size = slot->size,
		.data = data,
		.data_bytes = slot->size,
	};
	return true;
}

/* --- Verification --- */

/* A piece lies in the frame, between data_start and the end, and on no other. */
static void verify_piece(const struct zframe *frame, u64 *taken, u32 offset, u32 bytes)
{
	u32 end = offset + bytes;

	ASSERT(bytes && offset >= frame->data_start && end <= PAGE_SIZE);
	ASSERT(bitmap_find_next_set(taken, end, offset) == end); /* Z2 */
	for (u32 bit = offset; bit < end; bit++)
		bitmap_set(taken, bit);
}

static void verify_links(const struct zframe *frame)
{
	const struct zslot *slot = &frame->slots[frame->out_index];

	ASSERT(!frame->in == !frame->in_bytes && !frame->out == !frame->out_bytes); /* Z4 */
	if (frame->in)
		ASSERT(frame->in->out == frame && frame->in->type == frame->type);
	if (!frame->out)
		return;
	ASSERT(frame->out->in == frame && frame->out_index < frame->nr_slots);
	ASSERT(slot->spans && slot->size == frame->out_bytes + frame->out->in_bytes);
}

void zframe_verify(const struct zframe *frame, enum ztype type)
{
	u64 taken[BITMAP_WORDS(PAGE_SIZE)] = { 0 };
	u32 used = 0, bytes = frame->in_bytes, spanning = 0;

	ASSERT(frame->magic == ZFRAME_MAGIC && frame->type == type);
	ASSERT(frame->nr_slots <= ZFRAME_MAX_SLOTS);
	ASSERT(frame->data_start >= zframe_directory_end(frame)); /* Z3 */
	verify_links(frame);
	if (frame->in)
		verify_piece(frame, taken, (u32)PAGE_SIZE - frame->in_bytes, frame->in_bytes);
	for (u32 i = 0; i < frame->nr_slots; i++) {
		const struct zslot *slot = &frame->slots[i];
		u32 here = slot->spans ? frame->out_bytes : slot->size;

		if (!slot->size)
			continue;
		ASSERT(zframe_find(frame, i, zslot_key(slot)));
		verify_piece(frame, taken, slot->offset, here);
		spanning += slot->spans;
		used++;
		bytes += here;
	}
	ASSERT(used == frame->nr_used && bytes == frame->data_bytes); /* Z1 */
	ASSERT(spanning == (frame->out != NULL));
	ASSERT(!frame->nr_slots || frame->slots[frame->nr_slots - 1].size);
}
