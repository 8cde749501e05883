/* SPDX-License-Identifier: MIT */
/* swap_stream.h - is swap being read in order? How many blocks to read beyond what is wanted. */
#ifndef MM_SWAP_STREAM_H
#define MM_SWAP_STREAM_H

#include "lib/types.h"

#define SWAP_STREAM_MAX 8 /* blocks */

void swap_stream_init(void);

/*
 * wanted blocks from slot on are about to be read. Returns how many behind them will be wanted next, as it seems: at
 * most SWAP_STREAM_MAX; the caller reads them too, or some of them. Any context.
 */
u32 swap_stream_ahead(u32 slot, u32 wanted);

#endif
