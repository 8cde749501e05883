/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h - sets of small numbers, 64 to a word.
 *
 * The caller gives the number of bits with each call that could run beyond
 * the end; bits of the last word beyond it are never looked at. Not atomic:
 * the lock is the caller's.
 */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include "lib/types.h"

#define BITMAP_WORDS(bits) DIV_ROUND_UP((bits), 64UL)

static inline void bitmap_set(u64 *map, u64 bit)
{
	map[bit / 64] |= 1UL << (bit % 64);
}

static inline void bitmap_clear(u64 *map, u64 bit)
{
	map[bit / 64] &= ~(1UL << (bit % 64));
}

static inline bool bitmap_test(const u64 *map, u64 bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

/* First bit in [from, bits) that is set (value true) or clear; bits if none. */
static inline u64 bitmap_find_next(const u64 *map, u64 bits, u64 from, bool value)
{
	u64 flip = value ? 0 : UINT64_MAX;

	while (from < bits) {
		u64 word = (map[from / 64] ^ flip) >> (from % 64);

		if (word) {
			from += (u64)__builtin_ctzll(word);
			return MIN(from, bits);
		}
		from = (from / 64 + 1) * 64;
	}
	return bits;
}

static inline u64 bitmap_find_next_zero(const u64 *map, u64 bits, u64 from)
{
	return bitmap_find_next(map, bits, from, false);
}

static inline u64 bitmap_find_next_set(const u64 *map, u64 bits, u64 from)
{
	return bitmap_find_next(map, bits, from, true);
}

/* First of nr clear bits in a row within [from, bits); bits if there is none. */
static inline u64 bitmap_find_zero_run(const u64 *map, u64 bits, u64 from, u64 nr)
{
	while (from < bits) {
		u64 start = bitmap_find_next_zero(map, bits, from);
		u64 end = bitmap_find_next_set(map, bits, start);

		if (end - start >= nr && start < bits)
			return start;
		from = end;
	}
	return bits;
}

/* How many bits are set below bits. */
static inline u64 bitmap_count(const u64 *map, u64 bits)
{
	u64 n = 0;

	for (u64 bit = bitmap_find_next_set(map, bits, 0); bit < bits;
	     bit = bitmap_find_next_set(map, bits, bit + 1))
		n++;
	return n;
}

#endif
