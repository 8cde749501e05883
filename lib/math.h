/* SPDX-License-Identifier: MIT */
/* math.h - whole-number mathematics. */
#ifndef LIB_MATH_H
#define LIB_MATH_H

#include "lib/types.h"

/* The largest root whose square is at most n, for n below 2^64 - 2^33. */
static inline u64 square_root(u64 n)
{
	u64 root = 0;

	for (u64 bit = BIT(31); bit; bit >>= 1) {
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	}
	return root;
}

#endif
