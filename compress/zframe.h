/* SPDX-License-Identifier: MIT */
/*
 * zframe.h - the layout inside one frame of the log, and of a zpage that spans two.
 *
 *	0       40                                                           4096
 *	+--------+--------+--------+----~ gap ~----+------+------+-----------+
 *	| header | slot 0 | slot 1 |  ->        <- | zp 1 | zp 0 | the rest of |
 *	+--------+--------+--------+---------------+------+------+ the zpage  |
 *	                           |               |             | that began  |
 *	                  end of directory     data_start        | before here |
 *	                                                         +-------------+
 *
 * The directory grows up, data grows down. What the gap cannot hold of the last zpage goes on at the
 * end of another frame, the next of the log: it spans. So a full frame has no rest. A frame has at most one such zpage going
 * out, its lowest, and one coming in; the frame where a zpage begins has its slot.
 *
 * A freed zpage leaves a hole in the data and a free slot (size 0). Slot numbers are parts of
 * handles and never change, so zframe_close_holes() moves data only.
 *
 * A frame written to swap as it is can be read without the store: the directory lies in it, and of a
 * spanning zpage the rest is where the next block ends.
 *
 * Pure functions of frames, no locks: the caller holds the store's lock, or has the frames to
 * itself. Context: any; nothing sleeps.
 */
#ifndef COMPRESS_ZFRAME_H
#define COMPRESS_ZFRAME_H

#include "compress/zstore_impl.h"

#define ZFRAME_MAGIC 0x475a4148U /* "HAZG" in memory */

/* Index 127 is not used, so that a place in a swap entry has 7 bits. */
#define ZFRAME_MAX_SLOTS ZBLOCK_MAX_INDEX

/* A zpage goes on elsewhere only if at least so much of it lies here: less is not worth a second frame. */
#define ZFRAME_MIN_PIECE 32

/* One zpage that begins in the frame. 12 bytes; entry i belongs to index i of handles. */
struct zslot {
	u32 key_low;
	u32 key_high : 14;
	u32 offset : 12; /* of the first byte, from the start of the frame */
	u32 stamp_low : 6;
	u32 stamp_high : 19;
	u32 spans : 1;
	u32 size : 12; /* bytes, its checksum included; 0: the slot is free */
};
_Static_assert(sizeof(struct zslot) == 12, "a zpage costs 12 bytes of directory");
_Static_assert(ZKEY_BITS == 32 + 14 && ZSTAMP_BITS == 6 + 19, "keys and stamps fit");
_Static_assert(ZOBJECT_MAX_BYTES < 1 << 12, "sizes fit");

enum zframe_flags {
	ZF_OPEN = BIT(0),   /* new zpages go here */
	ZF_VICTIM = BIT(1), /* a shrinker has chosen it; not again until shrinkers are gone */
	ZF_SPARSE = BIT(2), /* counted in nr_sparse of the log */
};

/*
 * The first bytes of a frame. All fields: the store's lock. Of a block on swap only magic,
 * nr_slots, in_bytes, out_bytes and the slots mean anything.
 */
struct zframe {
	u32 magic;
	u8 type;	/* enum ztype */
	u8 flags;	/* enum zframe_flags */
	u8 nr_slots;	/* directory length, free slots included */
	u8 nr_used;	/* slots in use */
	u16 data_start; /* lowest byte of data */
	u16 data_bytes; /* of zpages that lie here, in whole or in part; holes not included */
	u16 in_bytes;	/* of these, of the zpage that comes in */
	u16 out_bytes;	/* of these, of the zpage that goes out */
	u8 out_index;	/* its slot */
	u8 writers; /* shrinkers whose I/O or reading needs the bytes: they stay, the frame stays */
	u16 pins;   /* loads that read it without the lock: bytes stay */
	u32 born_ms;	   /* when it was opened */
	struct zframe *in; /* where the zpage that comes in begins; NULL: none does */
	struct zframe *out;
	struct zslot slots[];
};
#define ZFRAME_HEADER_BYTES 40
_Static_assert(sizeof(struct zframe) == ZFRAME_HEADER_BYTES, "the header is 40 bytes");

#define ZFRAME_CAPACITY (PAGE_SIZE - ZFRAME_HEADER_BYTES)

static inline u64 zslot_key(const struct zslot *slot)
{
	return (u64)slot->key_high << 32 | slot->key_low;
}

static inline u32 zslot_stamp(const struct zslot *slot)
{
	return slot->stamp_high << 6 | slot->stamp_low;
}

/* Empty and closed. */
void zframe_init(struct zframe *frame, enum ztype type, u32 born_ms);

static inline u32 zframe_directory_end(const struct zframe *frame)
{
	return ZFRAME_HEADER_BYTES + frame->nr_slots * (u32)sizeof(struct zslot);
}

/* Most bytes that one more zpage may have here. */
static inline u32 zframe_gap(const struct zframe *frame)
{
	u32 slots = frame->nr_slots + (frame->nr_used == frame->nr_slots);
	u32 end = ZFRAME_HEADER_BYTES + slots * (u32)sizeof(struct zslot);

	if (slots > ZFRAME_MAX_SLOTS || end >= frame->data_start)
		return 0;
	return frame->data_start - end;
}

/* Bytes in use: data and slots, without the header. */
static inline u32 zframe_used_bytes(const struct zframe *frame)
{
	return frame->data_bytes + frame->nr_used * (u32)sizeof(struct zslot);
}

static inline bool zframe_is_empty(const struct zframe *frame)
{
	return !frame->nr_used && !frame->in;
}

/* The index that the next zpage gets. */
static inline u32 zframe_next_index(const struct zframe *frame)
{
	u32 index = 0;

	if (likely(frame->nr_used == frame->nr_slots))
		return frame->nr_slots;
	while (frame->slots[index].size)
		index++;
	return index;
}

/* The slot in use that a handle of ours names; NULL if it does not. For what comes from a disk: zframe_find(). */
static inline const struct zslot *zframe_slot(const struct zframe *frame, u32 index, u64 key)
{
	const struct zslot *slot = &frame->slots[index];

	if (unlikely(frame->magic != ZFRAME_MAGIC || index >= frame->nr_slots || !slot->size ||
		     slot->key_low != (u32)key || slot->key_high != key >> 32))
		return NULL;
	return slot;
}

/*
 * Add a zpage, in one or two pieces. The gap must hold it; or, with next (which nothing comes into yet, and has the room
 * at its end: it is empty, or zframe_close_holes() made it), what the gap does not hold goes there. Returns its index.
 */
u32 zframe_add(struct zframe *frame, struct zframe *next, const struct zobject *object);

/* Free a slot in use of a zpage that spans, and the part of it in the other frame. */
void zframe_free_spanning(struct zframe *frame, u32 index);

/* Without zpages of its own the whole frame is gap, but for what comes in. */
static inline void zframe_widen_gap(struct zframe *frame)
{
	if (!frame->nr_used)
		frame->data_start = (u16)(PAGE_SIZE - frame->in_bytes);
}

/* A slot in use whose bytes here are so many is free. */
static inline void zframe_clear_slot(struct zframe *frame, u32 index, u32 here_bytes)
{
	struct zslot *slot = &frame->slots[index];

	frame->data_bytes -= here_bytes;
	frame->nr_used--;
	/* The newest zpage's bytes join the gap at once. */
	if (slot->offset == frame->data_start)
		frame->data_start += here_bytes;
	slot->size = 0;
	while (frame->nr_slots && !frame->slots[frame->nr_slots - 1].size)
		frame->nr_slots--;
	zframe_widen_gap(frame);
}

/* Free a slot in use. */
static inline void zframe_free(struct zframe *frame, u32 index)
{
	if (unlikely(frame->slots[index].spans))
		zframe_free_spanning(frame, index);
	else
		zframe_clear_slot(frame, index, frame->slots[index].size);
}

/* Where the bytes are and what is known of them. The slot is in use. */
static inline void zframe_object(const struct zframe *frame, u32 index, struct zobject *object)
{
	const struct zslot *slot = &frame->slots[index];

	object->key = zslot_key(slot);
	object->stamp = zslot_stamp(slot);
	object->size = slot->size;
	object->born_ms = frame->born_ms;
	object->data = (const u8 *)frame + slot->offset;
	object->data_bytes = slot->size;
	object->more_bytes = 0;
	object->more = NULL;
	if (unlikely(slot->spans)) {
		object->data_bytes = frame->out_bytes;
		object->more_bytes = object->size - frame->out_bytes;
		object->more = (const u8 *)frame->out + PAGE_SIZE - object->more_bytes;
	}
}

/*
 * Close holes up, leaving end_bytes free at the end where nothing may come in. scratch: 4 KiB.
 * No pins, no writers. Returns how many zpages have moved.
 */
u32 zframe_close_holes(struct zframe *frame, u32 end_bytes, void *scratch);

/*
 * Bring here what the gap can hold of the zpage that goes out; when it is whole, the other frame is free of
 * it. No pins, no writers in either. True if any byte moved.
 */
bool zframe_pull(struct zframe *frame);

/*
 * The slot, after checking that all it says lies within the frame; NULL if not, if the slot is
 * free, or if its key is another. Safe on any 4 KiB whatever they contain.
 */
const struct zslot *zframe_find(const struct zframe *frame, u32 index, u64 key);

/*
 * The object of a slot of a block from swap, brought together if it spans: false if the two blocks do
 * not fit together. Safe on any bytes.
 */
bool zframe_object_of_blocks(const struct zframe *block, struct zframe *next_block,
			     const struct zslot *slot, struct zobject *object);

/* Everything in the frame and with its neighbours agrees (Z1 to Z4 in zlog.c); panics if not. */
void zframe_verify(const struct zframe *frame, enum ztype type);

#endif
