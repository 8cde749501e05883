/* SPDX-License-Identifier: MIT */
/*
 * zstore_impl.h - the store's insides, shared by zstore.c (interface), zplace.c (which
 * frame a zpage goes to) and zshrink.c (giving frames back). Not for others.
 */
#ifndef COMPRESS_ZSTORE_IMPL_H
#define COMPRESS_ZSTORE_IMPL_H

#include "compress/codec.h"
#include "compress/zframe.h"
#include "compress/zsame.h"
#include "compress/zstore.h"

/*
 * Frames of a type that new zpages are spread over, best fit. More of them fill better (C headers:
 * 1, 2, 4, 8, 16 open frames gain 42.1, 44.7, 47.4, 49.4, 51.3 % of the frames) and mix ages a
 * little more; open frames are no sources of compaction either.
 */
#define ZSTORE_OPEN_FRAMES 8

/* Closed frames are listed by room, 128 bytes a list. */
#define ZSTORE_BIN_BYTES 128
#define ZSTORE_BINS	 32

/* A frame that could take a zpage but cannot now (pins): look at so many others. */
#define ZSTORE_FIT_TRIES 8

/*
 * When closed frames are holes to this percentage, a zpage that needs a new frame first has one
 * emptied into holes. After random loads and stores of C headers, 25, 20, 15, 10 % leave
 * 1.73, 1.84, 1.95, 2.07 pages to a frame, for one move to 6, 5, 4, 4 stores: a move costs a
 * twentieth of a compression. Where no hole fits, finding that out is a look at a bit map.
 */
#define ZSTORE_TIDY_PCT	   10
#define ZSTORE_TIDY_FRAMES 4

/* How often an order to shrink to a target looks again after others have finished. */
#define ZSTORE_TARGET_TRIES 16

struct ztype_state {
	struct zframe *open[ZSTORE_OPEN_FRAMES]; /* NULL: place free */
	struct list_head bin[ZSTORE_BINS];	 /* closed frames by room */
	struct list_head victims;		 /* frames marked by shrink */
	u64 closed_frames, closed_used_bytes;	 /* of the frames in bins */
	u32 bins_nonempty;			 /* bit b: bin[b] is not empty */
	u32 nr_shrinkers;			 /* threads inside zstore_shrink() */
	u64 shrinks_ended;			 /* calls of it that have returned */
	struct waitqueue shrink_wq;		 /* woken by each */
	struct zstore_type_stats stats;
};

/* Buffers for one compression at a time. All fields: lock. */
struct zcontext {
	struct mutex lock;
	void *state; /* codec's */
	u8 out[ZPAGE_MAX_BYTES];
};

struct zstore {
	struct spinlock lock;	      /* everything but contexts and what never changes */
	const struct codec *codec;    /* never changes */
	const struct zstore_env *env; /* never changes */
	void *ctx;		      /* never changes */
	u32 nr_contexts;	      /* never changes */
	u32 next_context;	      /* atomic: where to look for a free one first */
	struct ztype_state type[NR_ZTYPES];
	struct zsame_table same;
	u64 scratch[PAGE_SIZE / sizeof(u64)]; /* for closing holes */
	struct zcontext context[];
};

/*
 * Handles. A zpage in a frame: frame number << 8 | index. A same-filled page: a flag, its
 * stamp and its word's entry.
 */
#define ZHANDLE_INDEX_BITS 8
#define ZHANDLE_SAME	   BIT(ZHANDLE_BITS - 1)

static inline zhandle_t zhandle_make(const struct zframe *frame, u32 index)
{
	/* 48 bits of address less 12: sign extension is put back by zhandle_frame(). */
	u64 number = (u64)(uintptr_t)frame << 16 >> 28;

	return number << ZHANDLE_INDEX_BITS | index;
}

static inline struct zframe *zhandle_frame(zhandle_t handle)
{
	s64 number = (s64)(handle >> ZHANDLE_INDEX_BITS << 28);

	return (struct zframe *)(uintptr_t)(number >> 16);
}

static inline u32 zhandle_index(zhandle_t handle)
{
	return handle & (BIT(ZHANDLE_INDEX_BITS) - 1);
}

/* What the frame's word in struct page holds while it is the store's. */
static inline u64 zframe_word(const struct zframe *frame, enum ztype type)
{
	return ((u64)(uintptr_t)frame ^ (u64)ZFRAME_MAGIC << 32) + type;
}

/* --- zplace.c; the store's lock is held --- */

/* A frame with a gap for size bytes, or NULL and why not. After ZS_OK, zframe_add() must follow. */
enum zresult zplace_find(struct zstore *zs, enum ztype type, u32 size, struct zframe **frame);
/*
 * Most bytes a zpage stored now could have (an upper bound). 0: it is certain that there is no
 * place for any.
 */
u32 zplace_limit(const struct zstore *zs, enum ztype type);
/* Add and free, keeping lists and counts; freeing the last zpage puts the frame, if it may. */
u32 zplace_add(struct zstore *zs, struct zframe *frame, u64 key, u32 stamp, const void *data,
	       u32 size);
void zplace_free(struct zstore *zs, struct zframe *frame, u32 index);
/* Give the frame back if it is empty and nothing holds it. True if it went. */
bool zplace_release(struct zstore *zs, struct zframe *frame);
/* Move it to the victims, or from there back to the closed ones. */
void zplace_set_victim(struct zstore *zs, struct zframe *frame);
void zplace_clear_victim(struct zstore *zs, struct zframe *frame);
/* Empty the sparsest closed frame into holes of others. True: one frame was freed. */
bool zplace_compact(struct zstore *zs, enum ztype type);
/* Lists, bins and counts of one type; panics. visit as in zstore_verify(). */
void zplace_verify(struct zstore *zs, enum ztype type,
		   void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle));

#endif
