/* SPDX-License-Identifier: MIT */
/*
 * zlog.h - the log's own, shared by zlog.c (adding and freeing), zlog_compact.c (holes) and
 * zlog_evict.c (to swap and back). The store's lock is held everywhere.
 */
#ifndef COMPRESS_ZLOG_H
#define COMPRESS_ZLOG_H

#include "compress/zframe.h"

/*
 * A closed frame no fuller than this is sparse: a source of compaction. Freeing a frame from frames that are u full
 * moves u / (1 - u) frames of zpages: 7 at seven eighths. A move costs about a twentieth of a compression, so the fullest
 * sources are cheap only where frames are dear: whoever asks says how much effort that is worth (enum zeffort).
 */
#define ZLOG_SPARSE_BYTES (ZFRAME_CAPACITY * 7 / 8)

/*
 * Compaction walks the log; when fewer than one frame in so many is sparse, it does not: the walk per
 * frame gained is bounded by that, and so are the holes that stay. Loosely, frames have the time to become emptier until
 * they are sources, and fewer others are met on the way: in kv of 1.5 times memory 3.2 moves for each zpage stored, and a
 * density of 0.89, where walks that began at a thirty-second made 5.9 and 0.95.
 */
#define ZLOG_SPARSE_SHARE 16
#define ZLOG_LOOSE_SHARE  4

/*
 * When all frames together are holes to this percentage, a zpage that needs a new frame first has up to
 * ZLOG_TIDY_FRAMES freed by compaction. See zlog.c for what other values cost.
 */
#define ZLOG_TIDY_PCT	 12
#define ZLOG_TIDY_FRAMES 4

struct zlog_type {
	struct zframe *open; /* where new zpages go */
	struct zframe
		*sink; /* where compaction puts the next survivors: behind it, older, it is done */
	struct zframe *cursor; /* the next frame that compaction looks at; NULL: the oldest */
	u64 nr_victims;	       /* frames with ZF_VICTIM */
	u64 used_bytes;	       /* zframe_used_bytes() of all frames */
	u64 nr_sparse;	       /* frames with ZF_SPARSE */
	u64 sparse_bytes;      /* zframe_used_bytes() of those */
};

/* Frames' worth of zpages that are written apart from their frames, by so many shrinkers at once. */
#define ZLOG_IMAGES 4

struct zlog {
	u8 images[ZLOG_IMAGES][PAGE_SIZE] __aligned(
		PAGE_SIZE); /* whose bit is set in images_used */
	u64 images_used;
	struct zlog_type type[NR_ZTYPES];
	u8 scratch[PAGE_SIZE] __aligned(8);	   /* for closing holes */
	u8 object[ZOBJECT_MAX_BYTES] __aligned(8); /* one on its way */
};

static inline struct zlog *zlog_of(const struct zstore *zs)
{
	return zs->kind_state;
}

static inline struct zlog_type *zlog_type(const struct zstore *zs, enum ztype type)
{
	return &zlog_of(zs)->type[type];
}

/* No longer chosen by a shrinker. */
static inline void zlog_forgive(struct zlog_type *lt, struct zframe *frame)
{
	if (!(frame->flags & ZF_VICTIM))
		return;
	frame->flags &= (u8)~ZF_VICTIM;
	lt->nr_victims--;
}

/*
 * After every change of what a frame holds or of ZF_OPEN: the sums follow. before_bytes: zframe_used_bytes() as it
 * was. A frame enters the sums with 0.
 */
static inline void zlog_changed(struct zlog_type *lt, struct zframe *frame, u32 before_bytes)
{
	u32 used = zframe_used_bytes(frame);
	bool was = frame->flags & ZF_SPARSE;
	bool is = !(frame->flags & ZF_OPEN) && used <= ZLOG_SPARSE_BYTES;

	lt->used_bytes += (u64)used - before_bytes;
	if (likely(!was && !is))
		return;
	lt->nr_sparse += (u64)is - was;
	lt->sparse_bytes += (u64)(is ? used : 0) - (was ? before_bytes : 0);
	frame->flags = (u8)((frame->flags & ~ZF_SPARSE) | (is ? ZF_SPARSE : 0));
}

/* This frame becomes the open frame in place of another; either may be NULL. */
void zlog_set_open(struct zlog_type *lt, struct zframe *frame);

/* Give the frame back if it is empty and nobody holds it. Returns 1 if it went. */
u32 zlog_release(struct zstore *zs, struct zframe *frame);
/* Free a slot, releasing what becomes empty. Returns the frames that went. */
u32 zlog_free_slot(struct zstore *zs, struct zframe *frame, u32 index);
/* May bytes in the frame be moved, and zpages be added? */
bool zlog_may_change(const struct zframe *frame);
/*
 * Move a zpage into the gap of another frame, which has room for it. False: its reference is in transit.
 * *freed grows by the frames that went.
 */
bool zlog_move(struct zstore *zs, struct zframe *from, u32 index, struct zframe *to, u32 *freed);

/* The kind's operations in the other two files. */
bool zlog_compact(struct zstore *zs, enum ztype type, enum zeffort effort);
u32 zlog_victims(struct zstore *zs, enum ztype type, struct zvictim *victims);
u32 zlog_victim_done(struct zstore *zs, enum ztype type, const struct zvictim *victim);
void zlog_shrinkers_gone(struct zstore *zs, enum ztype type);
void zlog_evict_frames(struct shrink *s);
u32 zlog_adopt(struct zstore *zs, enum ztype type, void *const *blocks, u32 nr, u32 first_slot,
	       u64 not_key, u32 *pages);

#endif
