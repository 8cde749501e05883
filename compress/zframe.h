/* SPDX-License-Identifier: MIT */
/*
 * zframe.h - the layout inside one store frame.
 *
 * A frame is self-contained: no zpage crosses its edges, and its directory
 * lies in it. So it can be written to swap as it is and any zpage be taken out of
 * the block later without the store (zblock_extract()), and emptying one frame
 * frees exactly one frame.
 *
 *	0       32                                                  4096
 *	+--------+--------+--------+-----~ free ~-----+------+------+
 *	| header | slot 0 | slot 1 |  -> gap      <-  | zp 1 | zp 0 |
 *	+--------+--------+--------+------------------+------+------+
 *	                           dir end            data_start
 *
 * The directory grows up, data grows down. A freed zpage leaves a hole in the
 * data and a free slot (size 0) in the directory; slot numbers are parts of handles
 * and never change, so closing holes up moves data only.
 *
 * Pure functions of 4 KiB, no locks: the caller has the frame to itself, or
 * holds the store's lock. Context: any; nothing sleeps.
 */
#ifndef COMPRESS_ZFRAME_H
#define COMPRESS_ZFRAME_H

#include "compress/zstore.h"
#include "lib/assert.h"
#include "lib/list.h"

#define ZFRAME_MAGIC 0x465a4148U /* "HAZF" in memory */

/* A place in a swap entry has 7 bits (mm/entry.h). */
#define ZFRAME_MAX_SLOTS 127

/*
 * The acceptance limit, two thirds of a page; a larger zpage is refused as poor. What counts is
 * frames: a zpage of s bytes takes s + 16 of 4064, and the rest is worth something only if another
 * zpage fits into it. Measured as frames gained by storing a set of pages (a refused page
 * keeps its own frame), with limits of 2040, 2720, 3072, 3500 bytes:
 *
 *	C headers		40.2  49.4  49.4  49.4 %
 *	shared libraries	24.0  24.8  24.8  24.8 %
 *	JSON (iso-codes)	74.7  74.7  74.7  74.7 %
 *
 * Half a page refuses pages that pair well with smaller ones; beyond two thirds more pages
 * are stored (1.54 to a frame instead of 2.01 for the libraries) and not one frame more is gained:
 * codec runs for nothing.
 */
#define ZPAGE_MAX_BYTES 2720

/* No page that is not same-filled compresses to less, with any codec of ours. */
#define ZPAGE_MIN_BYTES 16

/* One zpage. 16 bytes; directory entry i belongs to index i of handles and zblock_refs. */
struct zslot {
	u64 key;
	u32 stamp;
	u32 offset : 12; /* of the first byte, from the start of the frame */
	u32 size : 12;	 /* bytes; 0: the slot is free */
	u32 check : 8;	 /* of the bytes in debug builds, else 0 */
};
_Static_assert(sizeof(struct zslot) == 16, "a zpage costs 16 bytes of directory");

/* Where the store has the frame; what its link is on. */
enum zframe_where {
	ZF_OPEN,   /* being filled: in zs->type[].open[]; not linked */
	ZF_CLOSED, /* on the list of its size of room */
	ZF_VICTIM, /* chosen by shrink: on the victims list */
};

/*
 * The first bytes of a frame. All fields: the store's lock, as long as the frame is
 * the store's. Of a block on swap only magic, nr_slots and the slots mean anything: the rest is
 * what it was at the moment of the write.
 */
struct zframe {
	u32 magic;
	u8 type;	/* enum ztype */
	u8 where;	/* enum zframe_where */
	u8 nr_slots;	/* directory length, free slots included */
	u8 nr_used;	/* slots in use */
	u16 data_start; /* lowest byte of data */
	u16 data_bytes; /* of the zpages, holes not included */
	u16 pins;	/* loads that read it without the lock */
	u8 writing;	/* under I/O: bytes must stay, frame must not be freed */
	u8 bin;		/* ZF_CLOSED: which list */
	struct list_head link;
	struct zslot slots[];
};
#define ZFRAME_HEADER_BYTES 32
_Static_assert(sizeof(struct zframe) == ZFRAME_HEADER_BYTES, "the header is 32 bytes");

#define ZFRAME_CAPACITY (PAGE_SIZE - ZFRAME_HEADER_BYTES)

void zframe_init(struct zframe *frame, enum ztype type);

/* Most data bytes that one more zpage may have, holes closed up / without that. */
u32 zframe_room(const struct zframe *frame);
u32 zframe_gap(const struct zframe *frame);

/* Bytes in use: data and slots, without the header. */
u32 zframe_used_bytes(const struct zframe *frame);

/* Add a zpage; zframe_gap() must allow it. Returns its index. */
u32 zframe_add(struct zframe *frame, u64 key, u32 stamp, const void *data, u32 size);

/* Close holes up: afterwards gap == room. scratch: 4 KiB. No pins, no I/O. */
void zframe_close_holes(struct zframe *frame, void *scratch);

/* Free a slot that is in use. */
void zframe_free(struct zframe *frame, u32 index);

/* Size of the largest zpage; 0 when there is none. */
u32 zframe_largest(const struct zframe *frame);

/*
 * The slot, after checking that all it says lies within the frame; NULL if not, if the slot is
 * free, or if its key is another. Safe on any 4 KiB whatever they contain.
 */
const struct zslot *zframe_find(const struct zframe *frame, u32 index, u64 key);

static inline const void *zframe_data(const struct zframe *frame, const struct zslot *slot)
{
	return (const u8 *)frame + slot->offset;
}

/* Do the bytes have the checksum they were stored with? Always true unless CONFIG_DEBUG. */
bool zframe_check(const struct zframe *frame, const struct zslot *slot);

/* Everything in the frame agrees (Z1 to Z3 in zstore.c); panics if not. */
void zframe_verify(const struct zframe *frame, enum ztype type);

#endif
