/* SPDX-License-Identifier: MIT */
/* leisure.h - the CPU's time that nobody wants, and what reclaim makes of it. */
#ifndef MM_LEISURE_H
#define MM_LEISURE_H

#include "lib/types.h"

void leisure_init(void);

/* The CPU has nothing to do: are frames to be made ready meanwhile? Any context. */
bool leisure_wants_frames(void);

/* Measure. Reclaim calls it once a round. Thread context, no spinlock held. */
void leisure_look(void);

/* Of the CPU's time what nobody wanted, or only kswapd, for each page that left: ns, moving average. Any context. */
u64 leisure_ns(void);

#endif
