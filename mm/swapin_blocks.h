/* SPDX-License-Identifier: MIT */
/* swapin_blocks.h - the blocks of swap that are read together for the sake of one zpage. */
#ifndef MM_SWAPIN_BLOCKS_H
#define MM_SWAPIN_BLOCKS_H

#include "lib/blockdev.h"
#include "mm/entry.h"
#include "mm/page.h"
#include "mm/swap_stream.h"

/* As many as a disk that seeks reads in one go. */
#define SWAPIN_BLOCKS_MAX BIO_MAX_SEGS

struct swapin_blocks {
	/* In the order of their numbers behind those that are wanted. pages[i]: NULL: somebody has taken it. */
	struct page *pages[SWAPIN_BLOCKS_MAX];
	u32 slots[SWAPIN_BLOCKS_MAX];
	u32 wanted, nr;
	/* A frame where a zpage that spans two blocks can be put together; NULL: none, or it does not. */
	struct page *joined;
	/* On a disk that seeks: where those between are read to that nobody wants; NULL: there are none. */
	struct page *scrap;
};

/*
 * Frames for the blocks of the zpage of key, which its owner holds, and, if ahead, for those of the zpages that will be
 * wanted next, as far as there is memory at once. False: not even for the first. Sleeps.
 */
bool swapin_blocks_alloc(struct swapin_blocks *b, struct zblock_ref ref, u64 key, bool ahead);
/* Read them; those ahead are given up if that fails. 0 or -EIO. Sleeps. */
int swapin_blocks_read(struct swapin_blocks *b);
void swapin_blocks_put(struct swapin_blocks *b);

#endif
