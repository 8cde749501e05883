/* SPDX-License-Identifier: MIT */
/* leisure.h - the CPU's time that nobody wants, and what reclaim makes of it. */
#ifndef MM_LEISURE_H
#define MM_LEISURE_H

#include "lib/types.h"

void leisure_init(void);

/* The CPU has nothing to do: are frames to be made ready meanwhile? Any context. */
bool leisure_wants_frames(void);

/* Reclaim calls it once a round. Thread context. */
void leisure_look(void);

/* Of the CPU's time, what nobody wanted or kswapd had, for each page that left: ns, moving average. */
u64 leisure_ns(void);

#endif
