/* SPDX-License-Identifier: MIT */
/* swapin.h - reading a zpage back from swap, and whether its neighbours stay: see swapin.c. */
#ifndef MM_SWAPIN_H
#define MM_SWAPIN_H

#include "mm/entry.h"
#include "mm/page.h"

void swapin_init(void);

/*
 * Read the zpage of an entry of kind ENTRY_ZSWAP, which the caller has made LOADING, into page. 0,
 * -EIO, -ENOMEM, or -EINVAL: corrupt. On 0 the entry's uses of its blocks are given back. Sleeps.
 */
int swapin_zpage(entry_t entry, u64 key, struct page *page);

/* A zpage that was kept as a neighbour has been asked for (hit), or has left without. Any context. */
void swapin_settled(bool hit);

#endif
