/* SPDX-License-Identifier: MIT */
/*
 * zspage.h - the layout of a zspage: slots of one size in a chain of frames (zsmalloc.c).
 *
 *	frame 0                              frame 1                   ...  the last frame
 *	+--------+--------+--------+--------:--------+--------+----~   ~----+--------+------+
 *	| header | slot 0 | slot 1 | slot 2 : slot 2 | slot 3 |             | slot n | lost |
 *	+--------+--------+--------+--------:--------+--------+----~   ~----+--------+------+
 *
 * Frames of a chain need not lie side by side, so a slot may be in two pieces. Slots lie at multiples of 16
 * bytes and start with 32 bytes about their object, in two halves of 16: either half is
 * whole in one frame, though not always in the same one.
 *
 * Pure functions of frames, no locks: the caller holds the store's lock. Any context.
 */
#ifndef COMPRESS_ZSPAGE_H
#define COMPRESS_ZSPAGE_H

#include "compress/zstore_impl.h"
#include "lib/list.h"

#define ZSPAGE_MAGIC	    0x6d737a21U
#define ZSPAGE_MAX_FRAMES   8
#define ZSPAGE_STEP_BYTES   16UL
#define ZSPAGE_HEADER_BYTES 64UL
#define ZSPAGE_OBJECT_BYTES 32UL /* about an object, at the start of its slot */

/*
 *	free -> live	zspage_take()
 *	live -> held	zsmalloc_victims(): its bytes are read without the lock
 *	held -> live	zsmalloc_victim_done(): it was not evicted
 *	held -> dead	zsmalloc_free(): it was loaded, dropped or evicted; the bytes stay
 *	live, dead -> free    zspage_release()
 */
enum zspage_state { ZSP_FREE, ZSP_LIVE, ZSP_HELD, ZSP_DEAD };

union zspage_links {
	struct list_head lru; /* of an object; in no list if dead */
	u32 next_free;	      /* of a free slot: the next; behind the last, nr_slots */
};

struct zspage_info {
	u64 key : ZKEY_BITS;
	u64 size : 13; /* bytes */
	u64 state : 2; /* enum zspage_state */
	u32 stamp;
	u32 born_ms;
};
_Static_assert(sizeof(union zspage_links) == ZSPAGE_STEP_BYTES, "either half is in one frame");
_Static_assert(sizeof(struct zspage_info) == ZSPAGE_STEP_BYTES, "either half is in one frame");

/* The first bytes of the first frame. All fields: the store's lock. */
struct zspage {
	u32 magic;
	u8 type, class_index; /* the store's */
	u16 slot_bytes, nr_slots;
	u16 inuse; /* slots that are not free */
	u16 busy;  /* of these, held or dead */
	u16 free;  /* the first free slot; nr_slots: there is none */
	u8 nr_frames;
	s32 part[ZSPAGE_MAX_FRAMES - 1]; /* the other frames, by their distance in frames */
	struct list_head link;		 /* the store's */
};
_Static_assert(sizeof(struct zspage) <= ZSPAGE_HEADER_BYTES, "the header is 64 bytes");

struct zspage_geometry {
	u16 slot_bytes, nr_slots, nr_frames;
};

struct zspage_slot {
	struct zspage *zspage;
	u32 index;
	union zspage_links *links;
	struct zspage_info *info;
};

/* How many frames to chain for slots of that size. */
struct zspage_geometry zspage_best_geometry(u32 slot_bytes);

/* All slots free. */
struct zspage *zspage_init(void **frames, const struct zspage_geometry *geometry);

void *zspage_frame(struct zspage *zspage, u32 part);

struct zspage_slot zspage_slot(struct zspage *zspage, u32 index);
/* The slot that starts there in a frame of the zspage; false if none does. */
bool zspage_find(struct zspage *zspage, u32 part, u32 offset, struct zspage_slot *slot);

/* The first free slot, which there is, into use; info: its object. */
struct zspage_slot zspage_take(struct zspage *zspage, const struct zspage_info *info);
void zspage_release(const struct zspage_slot *slot);

/* What a slot holds: size and data, whole or in two pieces. */
void zspage_object(const struct zspage_slot *slot, struct zobject *object);
/* Put bytes into a slot, from the at-th of its object on. */
void zspage_write(const struct zspage_slot *slot, u32 at, const u8 *data, u32 bytes);

/* C2 and C3 of zsmalloc.c; panics if not. */
void zspage_verify(struct zspage *zspage);

#endif
