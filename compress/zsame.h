/* SPDX-License-Identifier: MIT */
/*
 * zsame.h - same-filled pages: one 64-bit word, repeated.
 *
 * They take no frame. The words are kept in a table of fixed size in the store's own
 * memory; a page is a use of an entry. Everything else that is known of the
 * page, its stamp, fits into its handle. All functions: store lock held.
 */
#ifndef COMPRESS_ZSAME_H
#define COMPRESS_ZSAME_H

#include "lib/types.h"

/* Sets of a few ways: a lookup looks at one set, so its cost is bounded. */
#define ZSAME_SETS    32
#define ZSAME_WAYS    8
#define ZSAME_ENTRIES (ZSAME_SETS * ZSAME_WAYS)
#define ZSAME_BITS    8
_Static_assert(ZSAME_ENTRIES == 1 << ZSAME_BITS, "an index must fit into a handle");

struct zsame_table {
	struct {
		u64 word;
		u64 uses; /* 0: the entry is free */
	} entry[ZSAME_ENTRIES];
	u64 uses; /* in all */
};

/* One more use of word: the entry's index, or -1 when its set is full. */
int zsame_get(struct zsame_table *table, u64 word);
/* The word of an entry in use. */
u64 zsame_word(const struct zsame_table *table, u32 index);
void zsame_put(struct zsame_table *table, u32 index);
/* Uses add up to expect; panics if not. */
void zsame_verify(const struct zsame_table *table, u64 expect);

#endif
