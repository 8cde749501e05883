/* SPDX-License-Identifier: MIT */
/*
 * entry.h - the 64-bit word that says where a page's bytes are.
 *
 * One format serves both references: a level-1 page-table entry (anon pages, and mappings
 * of file pages) and a page-cache slot (file pages). Bit 0 is the CPU's present bit; what follows for
 * a word without it is ours:
 *
 *   kind    bits 1-3   payload (bits 4-63)
 *   NONE    0          0: nothing here yet
 *   BUSY    1          pfn: one thread has the page in its hands; wait for its PG_LOCKED
 *   ZPAGE   2          handle of the compressed store, and whether it was adopted (swapin.c)
 *   SWAP    3          swap slot and shadow: a page as it is
 *   ZSWAP   4          swap slot, place in the block, and shadow: a zpage on disk
 *   SHADOW  5          file page, only on disk; when it was evicted
 *   LOADING 6          a zpage or swapped page that a fault is bringing in; pfn of the frame
 *   LOST    7          anon page whose compressed copy was found corrupt: whoever touches it is told
 *
 * LOADING differs from BUSY in that the frame does not yet hold the page's bytes.
 */
#ifndef MM_ENTRY_H
#define MM_ENTRY_H

#include "compress/zstore.h"
#include "lib/types.h"

typedef u64 entry_t;

/* The CPU's bits. */
#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_NX	     BIT(63)
#define PTE_PFN_MASK 0x000ffffffffff000UL

enum entry_kind {
	ENTRY_NONE,
	ENTRY_BUSY,
	ENTRY_ZPAGE,
	ENTRY_SWAP,
	ENTRY_ZSWAP,
	ENTRY_SHADOW,
	ENTRY_LOADING,
	ENTRY_LOST,
};

static inline bool entry_present(entry_t e)
{
	return e & PTE_PRESENT;
}

/* Of an entry that is not present. */
static inline enum entry_kind entry_kind(entry_t e)
{
	return (enum entry_kind)((e >> 1) & 7);
}

/* Is it that kind (and so not present)? */
static inline bool entry_is(entry_t e, enum entry_kind kind)
{
	return (e & 0xf) == (u64)kind << 1;
}

/* Compressed, or on the swap disk: its page's bytes can be brought back. */
static inline bool entry_is_away(entry_t e)
{
	return entry_is(e, ENTRY_ZPAGE) || entry_is(e, ENTRY_SWAP) || entry_is(e, ENTRY_ZSWAP);
}

static inline u64 entry_pfn(entry_t e)
{
	return (e & PTE_PFN_MASK) >> PAGE_SHIFT;
}

static inline entry_t entry_make(enum entry_kind kind, u64 payload)
{
	return payload << 4 | (u64)kind << 1;
}

static inline entry_t entry_make_pfn(enum entry_kind kind, u64 pfn)
{
	return pfn << PAGE_SHIFT | (u64)kind << 1;
}

/* Of a ZPAGE entry: it was read from swap as a neighbour, and nobody has asked for it since. */
#define ENTRY_ADOPTED BIT(63)
_Static_assert(4 + ZHANDLE_BITS < 63, "a handle leaves room for the flag");

static inline entry_t entry_make_zpage(zhandle_t handle)
{
	return entry_make(ENTRY_ZPAGE, handle);
}

static inline zhandle_t entry_zhandle(entry_t e)
{
	return (e >> 4) & (BIT(ZHANDLE_BITS) - 1);
}

/*
 * From bit 4 on: a slot of 27 bits (512 GiB of swap), one bit for a zpage that spans into the next
 * block, an index of 7 bits, a shadow of 25 bits.
 */
#define SHADOW_BITS    25
#define SWAP_SLOT_BITS 27
_Static_assert(SHADOW_BITS <= ZSTAMP_BITS, "the store keeps a shadow as a zpage's stamp");
_Static_assert(ZBLOCK_MAX_INDEX <= BIT(7), "an index has 7 bits");

static inline entry_t entry_make_swap(u32 slot, u32 shadow)
{
	return entry_make(ENTRY_SWAP, (u64)shadow << 35 | slot);
}

static inline entry_t entry_make_zswap(struct zblock_ref block, u32 shadow)
{
	return entry_make(ENTRY_ZSWAP, (u64)shadow << 35 | (u64)block.index << 28 |
					       (u64)block.spans << SWAP_SLOT_BITS | block.slot);
}

static inline entry_t entry_make_shadow(u32 shadow)
{
	return entry_make(ENTRY_SHADOW, (u64)shadow << 35);
}

static inline u32 entry_slot(entry_t e)
{
	return (e >> 4) & (BIT(SWAP_SLOT_BITS) - 1);
}

/* Of a ZSWAP entry. */
static inline struct zblock_ref entry_block(entry_t e)
{
	return (struct zblock_ref){
		.slot = entry_slot(e),
		.index = (e >> 32) & 0x7f,
		.spans = (e >> (4 + SWAP_SLOT_BITS)) & 1,
	};
}

static inline u32 entry_shadow(entry_t e)
{
	return (u32)(e >> 39);
}

#endif
