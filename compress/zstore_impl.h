/* SPDX-License-Identifier: MIT */
/*
 * zstore_impl.h - the store's insides: what all kinds share, and what a kind must offer.
 *
 * zstore.c has the interface, the codec, checksums and accounting; zshrink.c serves orders to give
 * frames back; zevict.c evicts zpages one by one. A kind (zlog.c, zbud.c, zsmalloc.c) knows where
 * zpages lie.
 */
#ifndef COMPRESS_ZSTORE_IMPL_H
#define COMPRESS_ZSTORE_IMPL_H

#include "compress/codec.h"
#include "compress/zsame.h"
#include "compress/zstore.h"
#include "lib/assert.h"
#include "lib/string.h"

/*
 * The acceptance limit, three quarters of a page; a larger zpage is refused as poor. A page compressed to s bytes
 * frees about 1 - s/4066 of a frame, so the work to free one frame is a compression divided by that, and as many
 * decompressions later. Frames gained by storing a set of pages (of 100; a refused one keeps its own), and
 * compressions for each frame that the last 256 bytes of the limit gain:
 *
 *	limit			2560	2816	3072	3328	3584
 *	C headers		59.3	59.8	59.8	59.8	59.8
 *	shared libraries	28.5	30.8	33.8	38.0	39.6
 *	JSON (iso-codes)	77.0	77.0	77.0	77.0	77.0
 *	compressions a frame	 2.5	 3.0	 3.7	 4.7	 6.3
 *
 * At 3.7 compressions, some 200 thousand instructions, a frame costs about what an eviction to a fast disk does
 * (DESIGN.md section 6: 160 thousand and the write); beyond, the disk is cheaper.
 */
#define ZPAGE_MAX_BYTES 3072

#define ZCHECK_BYTES	  4 /* of a checksum, stored behind the zpage's bytes */
/* The most bytes a kind is asked to keep as one object. */
#define ZOBJECT_MAX_BYTES (ZPAGE_MAX_BYTES + ZCHECK_BYTES)

/* How often an order to shrink to a target looks again after others have finished. */
#define ZSTORE_TARGET_TRIES 16

/* A zpage with its checksum, if there is one: what a kind keeps. */
struct zobject {
	u64 key;
	u32 stamp;
	u32 size; /* bytes */
	/* Where they are: whole, or in two pieces. Given to add(): one piece. */
	const u8 *data, *more;
	u32 data_bytes, more_bytes;
	u32 born_ms; /* when it, or the oldest beside it, came; find() only */
};

/* Copy an object's bytes, bringing its pieces together. */
static inline void zobject_join(u8 *to, const struct zobject *object)
{
	memcpy(to, object->data, object->data_bytes);
	if (object->more)
		memcpy(to + object->data_bytes, object->more, object->more_bytes);
}

/* A zpage chosen for eviction, and what the kind needs to let go of it. */
struct zvictim {
	zhandle_t handle;
	u64 key;
	u32 stamp;
	void *hold[2]; /* the kind's */
};

#define ZVICTIMS_MAX (ZBLOCK_MAX_INDEX + 1)

/* One order to give frames back, on the caller's stack. */
struct shrink {
	struct zstore *zs;
	enum ztype type;
	u64 wanted, freed;     /* frames */
	bool compaction_helps; /* until it fails once */
	bool nothing_left;
};

/* What a kind offers. The store's lock is held unless something else is said. */
struct zstore_kind {
	const char *name, *help;
	bool victims_by_frame;		 /* victims() gives the zpages of one frame */
	size_t state_bytes;		 /* memory at zs->kind_state, page aligned, zeroed */
	void (*init)(struct zstore *zs); /* NULL: zeroed memory will do */
	/* Keep an object. ZS_OK and its handle, ZS_POOR, ZS_NO_FRAME or ZS_TARGET. */
	enum zresult (*add)(struct zstore *zs, enum ztype type, const struct zobject *object,
			    zhandle_t *handle);
	/* Most bytes an object stored now could have (an upper bound). 0: there is no place for any. */
	u32 (*limit)(const struct zstore *zs, enum ztype type);
	/* The object that a handle names; false if it names none of that key and type. */
	bool (*find)(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
		     struct zobject *object);
	/* Forget an object. Returns the frames that reached the free list. */
	u32 (*free)(struct zstore *zs, enum ztype type, zhandle_t handle);
	/*
	 * find() for a load: the bytes stay where they are, to be read without the lock, until let_go(), which is
	 * free() for an object that is held.
	 */
	bool (*hold)(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key,
		     struct zobject *object);
	u32 (*let_go)(struct zstore *zs, enum ztype type, zhandle_t handle);
	/* Free one frame by moving zpages. False: holes do not allow it, or not with so little effort. */
	bool (*compact)(struct zstore *zs, enum ztype type, enum zeffort effort);
	/*
	 * The oldest zpages that no shrinker has chosen yet, now chosen and held: all of the oldest frame, at
	 * most ZVICTIMS_MAX, or what the kind evicts at a time; 0: there are none. Their bytes stay, and no
	 * other object gets such a handle, until victim_done(), which returns frames that reached the
	 * free list by that. shrinkers_gone(): zpages that were chosen and not evicted may be chosen again.
	 */
	u32 (*victims)(struct zstore *zs, enum ztype type, struct zvictim *victims);
	u32 (*victim_done)(struct zstore *zs, enum ztype type, const struct zvictim *victim);
	void (*shrinkers_gone)(struct zstore *zs, enum ztype type);
	/* The stamp of a zpage at the old end. False: there is none that may be chosen. */
	bool (*oldest)(struct zstore *zs, enum ztype type, u32 *stamp);
	/*
	 * Write one batch of the oldest anon frames to swap as they are. NULL: not this kind. The lock is
	 * let go of meanwhile.
	 */
	void (*evict_frames)(struct shrink *s);
	/* zstore_adopt(). NULL: not this kind. */
	u32 (*adopt)(struct zstore *zs, enum ztype type, void *const *blocks, u32 nr,
		     u32 first_slot, u64 not_key, u32 *pages);
	/* Walk all of a type, add up stored_pages, compressed_bytes (with checksums) and backing_frames. */
	void (*verify)(struct zstore *zs, enum ztype type, struct zstore_type_stats *sum,
		       void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle));
};

extern const struct zstore_kind zstore_log, zstore_zbud, zstore_zsmalloc;

struct ztype_state {
	u32 nr_shrinkers;	    /* threads inside zstore_shrink() */
	u64 shrinks_ended;	    /* calls of it that have returned */
	struct waitqueue shrink_wq; /* woken by each */
	struct zstore_type_stats stats;
};

/* Buffers for one compression and one decompression at a time. */
struct zcontext {
	struct mutex lock; /* state, out */
	void *state;	   /* codec's */
	u8 out[ZOBJECT_MAX_BYTES] __aligned(8);
	struct spinlock join_lock;		   /* joined */
	u8 joined[ZOBJECT_MAX_BYTES] __aligned(8); /* an object that lies in two pieces */
};

/* zevict.c: pages on their way to swap decompressed. All fields: lock. */
#define ZEVICT_PAGES 16
struct zevict {
	struct mutex lock;
	struct zvictim victims[ZEVICT_PAGES + ZVICTIMS_MAX];
	u8 (*pages)[PAGE_SIZE]; /* ZEVICT_PAGES of them; page aligned */
};

struct zstore {
	struct spinlock lock;		/* everything but contexts and what never changes */
	struct zstore_config config;	/* never changes */
	const struct zstore_kind *kind; /* never changes */
	const struct codec *codec;	/* never changes */
	const struct zstore_env *env;	/* never changes */
	void *ctx;			/* never changes */
	void *kind_state;		/* never changes; what it points to is guarded by lock */
	u32 next_context, next_join;	/* atomic: where to look for a free one first */
	struct ztype_state type[NR_ZTYPES];
	struct zsame_table same;
	struct zevict evict;
	struct zcontext context[];
};

/*
 * Handles. A kind's: the number of a frame << 8 | 8 bits of the kind's, not 0 in all. A same-filled
 * page: a flag, its stamp and its word's entry.
 */
#define ZHANDLE_LOW_BITS 8
#define ZHANDLE_SAME	 BIT(ZHANDLE_BITS - 1)

static inline zhandle_t zhandle_make(const void *frame, u32 low)
{
	/* 48 bits of address less 12: sign extension is put back by zhandle_frame(). */
	u64 number = (u64)(uintptr_t)frame << 16 >> 28;

	return number << ZHANDLE_LOW_BITS | low;
}

static inline void *zhandle_frame(zhandle_t handle)
{
	s64 number = (s64)(handle >> ZHANDLE_LOW_BITS << 28);

	return (void *)(uintptr_t)(number >> 16);
}

static inline u32 zhandle_low(zhandle_t handle)
{
	return handle & (BIT(ZHANDLE_LOW_BITS) - 1);
}

/* --- zstore.c, for kinds and the others; the store's lock is held --- */

/* A frame of the type for the kind, counted; NULL: none can be had. Ask zstore_at_target() first. */
void *zstore_frame_get(struct zstore *zs, enum ztype type);
void zstore_frame_put(struct zstore *zs, enum ztype type, void *frame);
/* A frame that the kind has from elsewhere is the store's now (zstore_adopt()). */
void zstore_frame_adopt(struct zstore *zs, enum ztype type, void *frame);
bool zstore_at_target(const struct zstore *zs, enum ztype type);
/* An object came, or went for good. Moves are neither. object_bytes: with its checksum. */
void zstore_count_in(struct zstore *zs, enum ztype type, u32 object_bytes);
void zstore_count_out(struct zstore *zs, enum ztype type, u32 object_bytes, u32 born_ms);
/* The clock of born_ms. */
u32 zstore_now_ms(void);
/*
 * Have the reference of a zpage changed (move: kind and where to are filled in) because it is evicted, and
 * forget it. frees: frames that reached the free list. False: the reference is in transit.
 */
bool zstore_evict_one(struct zstore *zs, struct zmove *move, u32 *frees);
/* Have a zpage's reference changed to a new handle. False: in transit. */
bool zstore_retarget_handle(struct zstore *zs, enum ztype type, u64 key, u32 stamp, zhandle_t from,
			    zhandle_t to);
/* The page that an object holds: checked and decompressed. Its bytes must stay; no lock is needed. */
bool zstore_unpack(struct zstore *zs, const struct zobject *object, void *page);
/* The checksum of a zpage: of its bytes and its key. */
u32 zstore_checksum(const void *data, u32 bytes, u64 key);

/* --- zevict.c --- */

/* One step of an order by zpages: drop them (file) or write them as pages (anon). Lock held at entry and exit. */
void zevict_step(struct shrink *s);

#endif
