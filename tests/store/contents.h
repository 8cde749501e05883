/* SPDX-License-Identifier: MIT */
/*
 * contents.h - pages to store, by what is in them.
 *
 * A page follows from content, seed and number alone, so that whoever gets it back makes it again
 * and compares, and nobody keeps a copy.
 */
#ifndef TESTS_STORE_CONTENTS_H
#define TESTS_STORE_CONTENTS_H

#include "lib/prng.h"
#include "lib/types.h"

/* Real blocks of 4 KiB, for the content "file". */
struct block_source {
	u64 nr_blocks;
	/* False: it cannot be read. */
	bool (*read)(void *ctx, u64 block, void *page);
	void *ctx;
};

struct content {
	const char *name, *help;
	void (*fill)(const struct block_source *source, u64 seed, u64 number, u8 *page);
};

extern const struct content contents[];
extern const u32 nr_contents;

/* NULL if there is none of that name. */
const struct content *content_find(const char *name);

/* Page (8-byte aligned) number of the content. source: for "file", else NULL will do. */
static inline void content_page(const struct content *content, const struct block_source *source,
				u64 seed, u64 number, void *page)
{
	content->fill(source, seed, number, page);
}

/* A compressed size in bytes, drawn from the law of "kernel2013". */
u32 content_kernel_size(struct prng *rng);

#endif
