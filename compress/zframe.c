/* SPDX-License-Identifier: MIT */
/*
 * zframe.c - the one file that knows how zpages lie in a frame.
 *
 * Two readers with different trust: the store, whose frames are intact unless
 * the kernel is broken (asserts), and zblock_extract(), whose 4 KiB come
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

static u32 directory_end(const struct zframe *frame)
{
	return (u32)(ZFRAME_HEADER_BYTES + frame->nr_slots * sizeof(struct zslot));
}

/* Eight bits of a multiplicative hash over words; debug builds only. */
static u32 checksum(const void *data, u32 size)
{
	const u8 *p = data;
	u64 hash = size, word = 0;

	if (!CONFIG_DEBUG)
		return 0;
	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15UL;
		hash ^= hash >> 32;
	}
	for (; size; size--)
		hash = (hash ^ *p++) * 0x9e3779b97f4a7c15UL;
	return (u32)(hash >> 56);
}

void zframe_init(struct zframe *frame, enum ztype type)
{
	ASSERT(((uintptr_t)frame & ~PAGE_MASK) == 0);
	*frame = (struct zframe){
		.magic = ZFRAME_MAGIC,
		.type = (u8)type,
		.where = ZF_OPEN,
		.data_start = PAGE_SIZE,
	};
	list_init(&frame->link);
}

/* Of free bytes, what one more zpage may have: it may need a slot as well. */
static u32 less_slot(const struct zframe *frame, u32 free)
{
	if (frame->nr_used < frame->nr_slots)
		return free;
	if (frame->nr_slots == ZFRAME_MAX_SLOTS || free < sizeof(struct zslot))
		return 0;
	return free - (u32)sizeof(struct zslot);
}

u32 zframe_room(const struct zframe *frame)
{
	return less_slot(frame, (u32)PAGE_SIZE - directory_end(frame) - frame->data_bytes);
}

u32 zframe_gap(const struct zframe *frame)
{
	return less_slot(frame, frame->data_start - directory_end(frame));
}

u32 zframe_used_bytes(const struct zframe *frame)
{
	return (u32)(frame->data_bytes + frame->nr_used * sizeof(struct zslot));
}

static u32 take_slot(struct zframe *frame)
{
	u32 index = 0;

	if (frame->nr_used == frame->nr_slots)
		return frame->nr_slots++;
	while (frame->slots[index].size)
		index++;
	return index;
}

u32 zframe_add(struct zframe *frame, u64 key, u32 stamp, const void *data, u32 size)
{
	u32 index;

	ASSERT(size && size <= ZPAGE_MAX_BYTES && size <= zframe_gap(frame));
	index = take_slot(frame);
	frame->data_start -= size;
	frame->data_bytes += size;
	frame->nr_used++;
	frame->slots[index] = (struct zslot){
		.key = key,
		.stamp = stamp,
		.offset = frame->data_start,
		.size = size,
		.check = checksum(data, size),
	};
	memcpy((u8 *)frame + frame->data_start, data, size);
	return index;
}

/* A copy instead of a sort by offset: two bounded moves of less than a page. */
void zframe_close_holes(struct zframe *frame, void *scratch)
{
	u8 *base = (u8 *)frame, *old = scratch;
	u32 at = PAGE_SIZE;

	ASSERT(!frame->pins && !frame->writing);
	memcpy(old + frame->data_start, base + frame->data_start, PAGE_SIZE - frame->data_start);
	for (u32 i = 0; i < frame->nr_slots; i++) {
		struct zslot *slot = &frame->slots[i];

		if (!slot->size)
			continue;
		at -= slot->size;
		memcpy(base + at, old + slot->offset, slot->size);
		slot->offset = at;
	}
	frame->data_start = (u16)at;
	ASSERT(at + frame->data_bytes == PAGE_SIZE);
}

void zframe_free(struct zframe *frame, u32 index)
{
	struct zslot *slot = &frame->slots[index];

	ASSERT(index < frame->nr_slots && slot->size);
	frame->data_bytes -= slot->size;
	frame->nr_used--;
	/* The newest zpage's bytes join the gap at once. */
	if (slot->offset == frame->data_start)
		frame->data_start += slot->size;
	slot->size = 0;
	while (frame->nr_slots && !frame->slots[frame->nr_slots - 1].size)
		frame->nr_slots--;
	if (!frame->nr_used)
		frame->data_start = PAGE_SIZE;
}

u32 zframe_largest(const struct zframe *frame)
{
	u32 largest = 0;

	for (u32 i = 0; i < frame->nr_slots; i++)
		largest = MAX(largest, (u32)frame->slots[i].size);
	return largest;
}

const struct zslot *zframe_find(const struct zframe *frame, u32 index, u64 key)
{
	const struct zslot *slot = &frame->slots[index];

	if (frame->magic != ZFRAME_MAGIC || frame->nr_slots > ZFRAME_MAX_SLOTS)
		return NULL;
	if (index >= frame->nr_slots || slot->key != key)
		return NULL;
	if (!slot->size || slot->size > ZPAGE_MAX_BYTES)
		return NULL;
	if (slot->offset < directory_end(frame) || slot->offset + slot->size > PAGE_SIZE)
		return NULL;
	return slot;
}

bool zframe_check(const struct zframe *frame, const struct zslot *slot)
{
	return slot->check == checksum(zframe_data(frame, slot), slot->size);
}

void zframe_verify(const struct zframe *frame, enum ztype type)
{
	u64 taken[BITMAP_WORDS(PAGE_SIZE)] = { 0 };
	u32 used = 0, bytes = 0;

	ASSERT(frame->magic == ZFRAME_MAGIC && frame->type == type);
	ASSERT(frame->nr_slots <= ZFRAME_MAX_SLOTS && frame->data_start >= directory_end(frame));
	for (u32 i = 0; i < frame->nr_slots; i++) {
		const struct zslot *slot = &frame->slots[i];
		u32 end = slot->offset + slot->size;

		if (!slot->size)
			continue;
		ASSERT(zframe_find(frame, i, slot->key) && slot->offset >= frame->data_start);
		ASSERT(bitmap_find_next_set(taken, end, slot->offset) == end); /* Z2 */
		for (u32 bit = slot->offset; bit < end; bit++)
			bitmap_set(taken, bit);
		ASSERT(zframe_check(frame, slot));
		used++;
		bytes += slot->size;
	}
	ASSERT(used == frame->nr_used && bytes == frame->data_bytes); /* Z1 */
	ASSERT(!frame->nr_slots || frame->slots[frame->nr_slots - 1].size);
}
