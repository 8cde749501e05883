/* SPDX-License-Identifier: MIT */
/*
 * zpage.h - the MM's side of the contract with the compressed store: frames, references and swap
 * for it, and the three things that happen to a page there.
 */
#ifndef MM_ZPAGE_H
#define MM_ZPAGE_H

#include "compress/zstore.h"
#include "lib/types.h"
#include "mm/lru.h"
#include "mm/mm.h"
#include "mm/owner.h"

/* Make the store, its memory reserved once and counted as FRAME_STORE_META. Boot. */
void zpage_init(const struct mm_config *config);
/* The name of its kind. */
const char *zpage_store_name(void);
bool zpage_has_checksums(void);

/*
 * Compress a page whose reference the caller has made BUSY. On ZS_OK the reference is to become
 * *entry, and the frame is the caller's to free unless *donated: then it has become a store frame
 * and the caller forgets it. Thread context with MMC_RECLAIM; sleeps, needs no free frame.
 */
enum zresult zpage_compress(struct page *page, enum page_type type, entry_t *entry, bool *donated);

/*
 * Compress a page that goes elsewhere, so that what that costs is known, and throw the zpage away. False: the store would
 * refuse it. The page's bytes must not change meanwhile. Sleeps, takes no frame.
 */
bool zpage_try(const struct page *page, enum page_type type);

/*
 * Decompress the zpage of a reference that the caller has made LOADING into page. True and *activate, or
 * false: corrupt. Does not sleep.
 */
bool zpage_decompress(enum page_type type, entry_t entry, u64 key, struct page *page,
		      bool *activate);
/* Free the zpage of a reference that the caller has cleared. */
void zpage_drop(enum page_type type, entry_t entry, u64 key);
/*
 * block, and next (else NULL) if ref says that the zpage spans, were read from swap: decompress the zpage of key into page.
 * next is written to. False: it is corrupt.
 */
bool zpage_extract(struct page *block, struct page *next, struct zblock_ref ref, u64 key,
		   struct page *page);
/*
 * nr frames (isolated anon) hold consecutive blocks of swap, from first_slot on: their zpages but that of not_key become
 * zpages in memory where entries still name them, each with ENTRY_ADOPTED. Returns a bit for each frame that is the
 * store's now; the others are the caller's as before.
 */
u32 zpage_adopt(struct page *const *blocks, u32 nr, u32 first_slot, u64 not_key);

/* Frames given back by the store; the contract's shrink and standing order, by page type. Sleep. */
u64 zpage_shrink(enum page_type type, u64 nr_frames);
u64 zpage_compact(enum page_type type, u64 nr_frames, enum zeffort effort);
u64 zpage_set_target(enum page_type type, u64 frames);
void zpage_stats(enum page_type type, struct zstore_type_stats *out);

/* Every zpage's reference names it, or is in transit; the store's own walk. Others are stopped. */
void zpage_verify(void);

#endif
