/* SPDX-License-Identifier: MIT */
/* vmscan.h - reclaim: kswapd, direct reclaim and the shrinking of the six lists. */
#ifndef MM_VMSCAN_H
#define MM_VMSCAN_H

#include "lib/types.h"
#include "mm/lru.h"

/* One request to reclaim, from the decision to the result. On the reclaimer's stack. */
struct scan_control {
	s64 nr_to_reclaim; /* frames wanted on the free list */
	s64 nr_reclaimed;  /* frames that reached it, net of frames the store took */
	u64 nr_scanned;	   /* pages looked at */
	s32 priority;	   /* 12 down to 0: how desperate */
	bool kswapd;
	u32 barren;	/* BIT(list): has given nothing at this priority */
	u64 keep_pages; /* so many resident ones are not taken */
	u32 nr_refused; /* anon pages that the store refused, of the last batch */
	u32 nr_too_young; /* refused by it, and passed over as not old enough for the disk: the same */
	u32 many_too_young; /* so many: there are hardly any others; 0: so it was lately */
	bool store_at_target[NR_PAGE_TYPES]; /* a page was refused for it: shrink first */
	struct page *written;		     /* a file page whose write-back this request started */
};
#define DEF_PRIORITY 12

/* Most pages handled as one batch: one request to the disk. */
#define SWAP_CLUSTER 32

/* Any context that may take a spinlock. Wakes kswapd if it sleeps. */
void kswapd_wake(void);
/* The CPU has nothing to do: its time is free now. Any context. */
void kswapd_idle(void);
void kswapd_start(void);
void vmscan_init(void);
/* What kswapd does when woken: reclaim until the high watermark is met. True if it was met. */
bool kswapd_balance(void);

/*
 * Reclaim for an allocation of 2^order frames. Returns the frames brought to the free list;
 * 0: no progress. Thread context; sleeps; sets MMC_RECLAIM meanwhile.
 */
u64 reclaim_direct(u32 order);

/* What the next free frame costs, by the last decision of the policy; 0 before the first. */
u64 reclaim_frame_cost_ns(void);

/* The last decision, for the log: list NR_LRU_LISTS if there was none. */
struct reclaim_choice {
	enum lru_list list;
	bool compress;
	u64 cost_ns[NR_LRU_LISTS];
	const char *why; /* may be NULL */
};
void reclaim_last_choice(struct reclaim_choice *out);

/* Reclaim nr frames from one list now, for tests and the monitor. Returns frames freed, net. */
u64 reclaim_list(enum lru_list list, u64 nr_frames);

#endif
