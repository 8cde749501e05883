/* SPDX-License-Identifier: MIT */
/*
 * swap.h - the swap disk: blocks of 4 KiB, each holding one page as it is or one
 * store frame full of zpages.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include "lib/blockdev.h"
#include "lib/types.h"
#include "mm/entry.h"
#include "mm/workingset.h"
#include "mm/page.h"

/* Smallest swap disk that is accepted. */
#define SWAP_MIN_BYTES (1 * MIB)

/* No swap disk yet. */
void swap_init(void);

/*
 * Use dev, which must bear mkswap's signature, for swap. On failure prints what is wrong
 * and returns -ENODEV, -EINVAL, -EIO or -ENOMEM. Boot time.
 */
int swap_attach(struct block_device *dev);

/* Blocks in all / in use now. */
u64 swap_total_blocks(void);
u64 swap_used_blocks(void);

/* How many blocks are looked at for a run that is long enough before a shorter one is taken. */
#define SWAP_SEARCH_BLOCKS 2048

/*
 * Up to nr consecutive blocks with one use each; returns how many (0: full) and the first in
 * *first. nr if there is such a run within SWAP_SEARCH_BLOCKS of where the last one ended; else the
 * longest there. No block is numbered 0.
 */
u32 swap_alloc(u32 nr, u32 *first);
/* One more use / one fewer; the block is free when its last use is gone. Spinlocks may be held. */
void swap_get(u32 slot);
void swap_put(u32 slot);
/* Give back what an entry of kind SWAP or ZSWAP holds: one use of its block, or of two. */
void swap_put_entry(entry_t entry);
/* Uses of a block now; a hint unless nobody can change them. */
u32 swap_uses(u32 slot);

/*
 * Write nr (<= BIO_MAX_SEGS) frames to fresh blocks and wait. slots[i]: the block of frames[i], with
 * one use, or 0 where there was no room; an error of one request counts for all. Returns how many
 * were written. Sleeps for the disk, never for memory.
 */
u32 swap_write_frames(void **frames, u32 *slots, u32 nr, enum cost_kind cost);

/* Of nr (> 0) blocks, how many from the first on lie one behind the other. */
static inline u32 swap_run(const u32 *slots, u32 nr)
{
	u32 run = 1;

	while (run < nr && slots[run] == slots[0] + run)
		run++;
	return run;
}

/*
 * Read nr (<= BIO_MAX_SEGS) blocks, one request for each run of consecutive ones; 0, or -EIO if any failed. *took_ns:
 * until the disk had answered all. Sleeps.
 */
int swap_read(const u32 *slots, void **frames, u32 nr, u64 *took_ns);
/* Is it a disk on which scattered requests wait for each other? */
bool swap_seeks(void);

#endif
