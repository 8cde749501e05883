/* SPDX-License-Identifier: MIT */
/*
 * swap.h - the swap disk: blocks of 4 KiB, each holding one page as it is or one
 * store frame full of zpages.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include "lib/blockdev.h"
#include "lib/types.h"
#include "mm/page.h"

/* Smallest swap disk that is accepted. */
#define SWAP_MIN_BYTES (1 * MIB)

/*
 * Use dev, which must bear mkswap's signature, for swap. On failure prints what is wrong
 * and returns -ENODEV, -EINVAL, -EIO or -ENOMEM. Boot time.
 */
int swap_attach(struct block_device *dev);

/* Blocks in all / in use now. */
u64 swap_total_blocks(void);
u64 swap_used_blocks(void);

/*
 * Up to nr consecutive blocks with one use each; returns how many (0: full) and the first in
 * *first. No block is numbered 0.
 */
u32 swap_alloc(u32 nr, u32 *first);
/* One more use / one fewer; the block is free when its last use is gone. Spinlocks may be held. */
void swap_get(u32 slot);
void swap_put(u32 slot);
/* Uses of a block now, for verify. */
u32 swap_uses(u32 slot);

/*
 * Write nr (<= BIO_MAX_SEGS) frames to fresh blocks and wait. slots[i]: the block of frames[i], with
 * one use, or 0 where there was no room; an error of one request counts for all. Returns how many
 * were written. Sleeps for the disk, never for memory.
 */
u32 swap_write_frames(void **frames, u32 *slots, u32 nr);
/* Read one block; 0 or -EIO. Sleeps. */
int swap_read(u32 slot, void *frame);

#endif
