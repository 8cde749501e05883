/* SPDX-License-Identifier: MIT */
/*
 * prng.h - a small seeded generator, so that every run can be had again from
 * its seed. Not for secrets. Any context; the state is the caller's.
 */
#ifndef LIB_PRNG_H
#define LIB_PRNG_H

#include "lib/types.h"

struct prng {
	u64 s[4];
};

/* Every seed is good, 0 included. */
void prng_seed(struct prng *rng, u64 seed);
u64 prng_next(struct prng *rng);
/* 0 .. bound-1, evenly; bound > 0. */
u64 prng_below(struct prng *rng, u64 bound);
/* True in pct of 100 cases. */
bool prng_chance(struct prng *rng, u32 pct);
/* Fill memory with random bytes. */
void prng_fill(struct prng *rng, void *buf, size_t bytes);

#endif
