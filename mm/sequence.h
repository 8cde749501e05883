/* SPDX-License-Identifier: MIT */
/* sequence.h - do pages come back in the order of their addresses? */
#ifndef MM_SEQUENCE_H
#define MM_SEQUENCE_H

#include "lib/types.h"
#include "mm/policy.h"

/* Each word: atomic. sequence.c. */
struct sequence {
	u64 awaited; /* key of a page that is away; 0: none, or it is back */
	u64 last;    /* key of the last page that came back; 0: none since the last look */
	u64 nr_next; /* comebacks next to the last one, since the last look */
};

/* So far behind the last one at most; those between may be resident. */
#define SEQUENCE_NEXT_PAGES 4

extern struct sequence sequence;

void sequence_init(void);

/* The anon page of key is back, from wherever. On the path of each fault. */
static inline void sequence_comeback(u64 key)
{
	if (key == READ_ONCE(sequence.awaited))
		WRITE_ONCE(sequence.awaited, 0);
	/* The last one is 1 to SEQUENCE_NEXT_PAGES before it. */
	if (READ_ONCE(sequence.last) - key >= -(u64)SEQUENCE_NEXT_PAGES)
		atomic_add(&sequence.nr_next, 1);
	WRITE_ONCE(sequence.last, key);
}

/* Look whether what is awaited has come, and await another. Reclaim calls it once a round; no spinlock held. */
void sequence_look(void);

/* Of the pages that came back, how many were soon followed by the next one that was away; in SEQUENCE_ONEs. */
u64 sequence_share(void);

#endif
