/* SPDX-License-Identifier: MIT */
/*
 * prng.c - xoshiro256** (Blackman, Vigna 2018), its state filled by splitmix64.
 *
 * 256 bits of state so that several generators of one run, seeded from one
 * another, do not meet; a rotate, a shift and two multiplications a number, so
 * that tests and simulations spend their time in what they test.
 */
#include "lib/prng.h"

#include "lib/assert.h"
#include "lib/string.h"

static u64 rotate_left(u64 x, u32 bits)
{
	return x << bits | x >> (64 - bits);
}

/* Spreads a seed over the state; neighbouring seeds give unrelated states. */
static u64 splitmix64(u64 *x)
{
	u64 z = *x += 0x9e3779b97f4a7c15UL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

void prng_seed(struct prng *rng, u64 seed)
{
	for (u32 i = 0; i < 4; i++)
		rng->s[i] = splitmix64(&seed);
}

u64 prng_next(struct prng *rng)
{
	u64 *s = rng->s;
	u64 result = rotate_left(s[1] * 5, 7) * 9;
	u64 t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

/* Draws again for the few values that would make small results likelier. */
u64 prng_below(struct prng *rng, u64 bound)
{
	u64 uneven, x;

	ASSERT(bound > 0);
	uneven = -bound % bound;
	do {
		x = prng_next(rng);
	} while (x < uneven);
	return x % bound;
}

bool prng_chance(struct prng *rng, u32 pct)
{
	return prng_below(rng, 100) < pct;
}

void prng_fill(struct prng *rng, void *buf, size_t bytes)
{
	u8 *p = buf;

	while (bytes) {
		u64 x = prng_next(rng);
		size_t n = MIN(bytes, sizeof(x));

		memcpy(p, &x, n);
		p += n;
		bytes -= n;
	}
}
