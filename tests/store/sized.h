/* SPDX-License-Identifier: MIT */
/*
 * sized.h - pages that say how long their zpage is, and a codec that believes them: thousands of
 * stores full of them cost what the store costs, and no compressor.
 */
#ifndef TESTS_STORE_SIZED_H
#define TESTS_STORE_SIZED_H

#include "compress/codec.h"

extern const struct codec codec_sized;

/* Laws of sizes. */
struct sized_law {
	const char *name;
	u32 min_bytes, max_bytes; /* evenly between; 0: the law of kernel2013 */
};
extern const struct sized_law sized_laws[];
extern const u32 nr_sized_laws;

/* What a page is made from. */
struct sized_pages {
	const struct sized_law *law;
	u64 seed;
};
/* Fill page (8-byte aligned) number; ctx: struct sized_pages. */
void sized_fill(void *ctx, u64 number, void *page);

#endif
