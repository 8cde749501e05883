/* SPDX-License-Identifier: MIT */
/* swap_stream.h - is swap being read in order? How much to read beyond what is wanted. */
#ifndef MM_SWAP_STREAM_H
#define MM_SWAP_STREAM_H

#include "lib/types.h"

#define SWAP_STREAM_MAX 8 /* blocks or pages */

void swap_stream_init(void);

/*
 * The page of key `at` is about to be read, and wanted - 1 behind it. Returns how many behind them will be wanted next, as it
 * seems: at most SWAP_STREAM_MAX; the caller reads them too, or some of them, or more where that costs nothing. between: so
 * many pages after the end of a stream still go on with it. Any context.
 */
u32 swap_stream_ahead(u64 at, u32 wanted, u32 between);

/* A stream does not go on at from, as was foretold, but at to: what was read ended there, or what lies before it is elsewhere. */
void swap_stream_moved(u64 from, u64 to);

#endif
