/* SPDX-License-Identifier: MIT */
/*
 * life_curve.h - when pages that are away come back: the rates of a life table, and walks along them. life_curve.c.
 *
 * Pure: all that is asked of is a snapshot's. Times are in ticks, which are departures of pages (lifetable.c).
 */
#ifndef MM_LIFE_CURVE_H
#define MM_LIFE_CURVE_H

#include "mm/policy.h"

#define ONE 65536UL /* a probability, or a frame */

/* In multiples of memory: how long a page's stay is looked at; and as a part of it, the shortest time to keep one. */
#define HORIZON_FRAMES 8
#define SHORTEST_STAY  32

/* One that is away at a time's start. */
struct step {
	u64 stays; /* the chance that it does not come back meanwhile, in ONEs */
	u64 ticks; /* until then, or until the end: expected, in ONEs */
};

/* A walk along the curve. */
struct outlook {
	u64 ticks;     /* until it comes back, or until the end of what was looked at: expected */
	u64 survivors; /* the chance that it is still away, in ONEs */
};

/* What becomes of a page in each bucket of age, were it put back at once. */
struct life_curve {
	u64 returns[AGE_BUCKETS]; /* in the whole bucket: a rate, in ONEs */
	struct step whole[AGE_BUCKETS];
	u64 frames; /* managed */
	/* The walk over the first buckets, in which it is too soon for anything to be told apart; whole[] begins behind them. */
	struct outlook young;
	u32 young_buckets;
	struct outlook stay; /* as far as one looks at all, if it has just left */
};

/* The same, and how often a frame was needed again at best, had one stopped there: ONEs in managed_frames ticks. */
struct prospect {
	struct outlook end;
	u64 best_rate;
};

/* doubt: a part of what has been seen counts as not known, as of pages that depend on each other. */
void life_curve_of(const struct mm_snapshot *s, enum page_type type, bool doubt,
		   struct life_curve *curve);

/* A page away since `from`, as far as `reach` further. */
struct prospect life_prospect(const struct life_curve *curve, u64 from, u64 reach);

/*
 * Pages left one after the other, and those still away are at most `oldest` ticks old: so old is the oldest of that share (ONEs)
 * of them which left last.
 */
u64 life_age_of_share(const struct life_curve *curve, u64 oldest, u64 share);

/* How much of what the prior brings back within memory has come, in ONEs. Nothing at first. */
u64 life_seen_of_prior(const struct mm_snapshot *s, enum page_type type);

/* What becomes of a page that has just left, if so much of the prior (ONEs) is believed for stays longer than memory. */
struct outlook life_stay_as_seen(const struct mm_snapshot *s, enum page_type type,
				 const struct life_curve *curve, u64 seen);

#endif
