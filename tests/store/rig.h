/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what a store is measured over: frames, references and a swap disk that are plain arrays.
 *
 * A key names a reference. What a reference stands for is one page, made from a number
 * (rig_config.fill), and every page that comes back, from the store or from swap, is compared
 * with that. One thread only; freestanding, so that the kernel measures what the host does.
 */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "compress/codec.h"
#include "compress/zstore.h"
#include "lib/list.h"

struct rig_config {
	struct zstore_config store;
	u32 nr_frames, nr_refs, nr_blocks;
	bool poison; /* find out about writes to frames that were given back */
	void (*fill)(void *fill_ctx, u64 number, void *page);
	void *fill_ctx;
};

enum rig_where { RIG_NOWHERE, RIG_IN_STORE, RIG_ON_SWAP, RIG_ON_SWAP_AS_PAGE, RIG_DROPPED };

#define RIG_NO_FRAME UINT32_MAX

struct rig_ref {
	struct list_head link; /* on rig.stored[type] while it is in the store, oldest first */
	enum rig_where where;
	enum ztype type;
	bool transit; /* somebody has taken the reference */
	u8 owner;     /* the bench's: a number below RIG_OWNERS */
	u32 stamp;
	u32 size_bytes; /* of its zpage; 0: same-filled */
	u64 number;	/* of its page */
	zhandle_t handle;
	struct zblock_ref block;
	/* At the last census: the frames its bytes were in; RIG_NO_FRAME: none. */
	u32 frame[2];
};

#define RIG_OWNERS 2

struct rig_frame {
	struct list_head link; /* on rig.frames[type] (oldest first) or rig.free */
	u64 word;
	bool taken;
	enum ztype type;
	bool marked;		   /* the bench's */
	u32 nr_zpages[RIG_OWNERS]; /* at the last census, by owner */
};

struct rig_io {
	u64 requests, blocks;
};

struct rig {
	struct rig_config config;
	struct zstore *zs;
	size_t store_bytes;
	u8 *pool, *blocks;	       /* frames and blocks, a page each */
	u8 *page, *expect, *buffer[2]; /* a page each */
	struct rig_frame *frame;
	struct rig_ref *ref; /* keys from 1 */
	u16 *uses;	     /* of blocks, from 1 */
	struct list_head free, frames[NR_ZTYPES], stored[NR_ZTYPES];
	u64 held[NR_ZTYPES]; /* frames */
	u64 nr_free;	     /* frames */
	u32 next_block;
	u64 next_number;
	u64 census_zpages;
	struct rig_io written, read;
	u64 op_ns; /* by env_now_ns(): of the last call of the store */
	u64 mismatches;
};

/* Memory that a rig needs, page aligned. */
size_t rig_bytes(const struct rig_config *config);
void rig_init(struct rig *rig, void *memory, const struct rig_config *config);

/* Frames of the store's own memory. */
u64 rig_fixed_frames(const struct rig *rig);

/* Store a new page under the key, which must be nowhere. ZS_OK: *size_bytes as zstore_store() says. */
enum zresult rig_store(struct rig *rig, enum ztype type, u32 key, u32 *size_bytes);
/* Have it back from wherever it is, compare it, and forget it. adopt: keep its block's neighbours. */
void rig_load(struct rig *rig, u32 key, bool adopt);
/* Forget it, wherever it is. */
void rig_drop(struct rig *rig, u32 key);

/*
 * zstore_verify(), and the rig's own idea of all counts and references. Sets rig_ref.frame and
 * rig_frame.nr_zpages.
 */
void rig_census(struct rig *rig);

#endif
