/* SPDX-License-Identifier: MIT */
/*
 * lifetable.h - how long pages stay away: for each type, the rate of return at each age.
 */
#ifndef MM_LIFETABLE_H
#define MM_LIFETABLE_H

#include "lib/types.h"
#include "mm/lru.h"
#include "mm/policy.h"

void lifetable_init(void);

/* A page leaves residency at that tick (the shadow's clock, workingset.c). Under workingset's lock. */
void lifetable_left(enum page_type type, u64 tick);
/* It is asked for again, distance ticks later. Any context, no lock. */
void lifetable_back(enum page_type type, u64 tick, u64 distance);
/* It is away no more, and nobody asked for it: its owner freed it. Any context, no lock. */
void lifetable_forget(enum page_type type, u64 tick, u64 distance);
/* The clock has reached now. resting: BIT(type) of those that stand still meanwhile. Under workingset's lock. */
void lifetable_tick(u64 now, u32 resting);

/* back and away of a policy's snapshot. Under workingset's lock. */
void lifetable_snapshot(enum page_type type, struct type_snapshot *out);

#endif
