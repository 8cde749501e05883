/* SPDX-License-Identifier: MIT */
/*
 * zstore_model.h - what the tests of the compressed store run it over: frames, references and a
 * swap disk that are plain arrays, with faults from a seed, and pages of several kinds.
 */
#ifndef TESTS_HOST_ZSTORE_MODEL_H
#define TESTS_HOST_ZSTORE_MODEL_H

#include "compress/codec.h"
#include "compress/zframe.h"
#include "tests/host/env.h"

#define MODEL_FRAMES 256
#define NR_KEYS	     384
#define NR_BLOCKS    400

/* Keys 1..NR_KEYS; the type is the key's parity. */
/* ON_SWAP: a zpage in a block; PAGE_ON_SWAP: the page itself. */
enum where { RESIDENT, IN_STORE, ON_SWAP, PAGE_ON_SWAP, DROPPED };

struct model_ref {
	enum where where;
	bool transit; /* somebody has taken the reference */
	zhandle_t handle;
	struct zblock_ref block;
	u32 stamp;
	u8 *copy; /* what the page must contain */
};

struct model_frame {
	struct list_head link; /* on lru[type], oldest first */
	u64 word;
	bool taken;
	enum ztype type;
};

struct model {
	struct zstore *zs;
	struct zstore_config config;
	void *memory;
	u8 *ram;
	struct model_frame frame[MODEL_FRAMES + 1];
	struct list_head lru[NR_ZTYPES];
	u64 held[NR_ZTYPES];
	struct model_ref ref[NR_KEYS + 1];
	u8 block[NR_BLOCKS + 1][PAGE_SIZE];
	u32 uses[NR_BLOCKS + 1];
	u64 zpages_seen;
	struct prng rng;
	/* Faults, in percent of calls; the n-th frame asked for, from 1. */
	u32 get_fail_pct, write_fail_pct, refuse_pct;
	u64 gets, get_fail_nth;
	bool sleepy; /* writes take time */
	u32 threads_running;
};
extern struct model m;

static inline enum ztype type_of(u64 key)
{
	return key % 2 ? Z_FILE : Z_ANON;
}

/* What the next store is to be; all kinds in turn for model_next_config(), from 0 on; false: no more. */
extern struct zstore_config model_config;
bool model_next_config(u32 i);

/* A fresh machine, model and store of model_config; every page is resident and zero. */
void model_init(u64 seed);
void model_exit(void);

/* The address of a frame, and one use of a block fewer. */
void *model_frame_address(const struct model_frame *frame);
void model_block_put(void *ctx, u32 slot);
/* The uses of blocks that a reference to one stands for, given back. */
void model_ref_put(const struct model_ref *ref);
/* A frame of the model that no list has, for zstore_adopt(), or NULL; and back. */
void *model_take_frame(enum ztype type);
void model_return_frame(void *addr);

enum kind { ZERO, SAME, SPARSE, POINTERS, TEXT, JSON, HALF_RANDOM, RANDOM, NR_KINDS };
void fill_kind(u8 *page, enum kind kind);

#endif
