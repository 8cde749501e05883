/* SPDX-License-Identifier: MIT */
/*
 * zstore.h - the compressed store: the contract between MM and store.
 *
 * The MM decides how many page frames may hold anon zpages and how many may
 * hold file zpages; the store decides how zpages lie in them. Everything the
 * store tells the MM about size is in frames. A frame holds zpages of one
 * type only. Told to give frames back, the store gives them back.
 *
 * References. Each zpage is named by exactly one reference outside the store:
 * a page-table entry (anon) or a page-cache slot (file). The reference's
 * address is the zpage's key; the store keeps the key with the zpage, so that
 * it can have the reference changed when it moves or evicts the zpage. The
 * rule that makes this safe without a lock around everything:
 *
 *   Whoever takes the reference away (marks it busy or clears it) owns the
 *   zpage alone, and is the only one who may load or drop it. The store
 *   moves or evicts a zpage only if env->retarget() finds the reference still
 *   naming it, and changes it in the same critical section.
 *
 * Lock order: the store's lock, then the reference's lock (page table or
 * address space). Never call into the store with the latter held.
 *
 * Source of the idea: Dan Magenheimer, "Better integration of compression
 * with the broader linux-mm", linux-mm, 21 February 2013.
 */
#ifndef COMPRESS_ZSTORE_H
#define COMPRESS_ZSTORE_H

#include "lib/lock.h"
#include "lib/types.h"

struct codec;

enum ztype { Z_ANON, Z_FILE, NR_ZTYPES };

/* Names a zpage. 52 bits are used; 0 names nothing. Opaque to the MM. */
typedef u64 zhandle_t;
#define ZHANDLE_BITS 52

/* Why a page was not taken, or what became of a request. Counted by value. */
enum zresult {
	ZS_OK,
	ZS_POOR,     /* compresses to more than the limit */
	ZS_NO_FRAME, /* no frame to put it in */
	ZS_TARGET,   /* the type already has the frames it may have */
	ZS_CORRUPT,  /* the stored bytes are not what was stored */
	NR_ZRESULTS,
};

/* Where a zpage went when it left memory: a block on the swap disk, and its place in it. */
struct zblock_ref {
	u32 slot; /* swap slot, 4 KiB each */
	u8 index; /* which zpage of that block */
};

enum zmove_kind {
	ZMOVE_HANDLE,  /* it has a new handle: compaction */
	ZMOVE_SWAPPED, /* it is on the swap disk, still compressed */
	ZMOVE_DROPPED, /* it is gone; the file on disk has the data */
};

/* A reference is to name something else. */
struct zmove {
	enum zmove_kind kind;
	enum ztype type;
	u64 key;
	zhandle_t from;
	u32 stamp;		 /* as given to zstore_store() */
	zhandle_t to;		 /* ZMOVE_HANDLE */
	struct zblock_ref block; /* ZMOVE_SWAPPED */
};

/* What the store needs of the MM. No function may call back into the store. */
struct zstore_env {
	/*
	 * A frame to hold zpages, as a direct-map address; NULL if there is none.
	 * Never sleeps, and may use the memory reserved for reclaim. The MM puts
	 * its struct page at the young end of the compressed list of the type.
	 * Store lock held.
	 */
	void *(*frame_get)(void *ctx, enum ztype type);
	/* Give a frame to the free list. Store lock held. */
	void (*frame_put)(void *ctx, enum ztype type, void *frame);
	/* 64 bits in the frame's struct page that are the store's to use. */
	u64 *(*frame_word)(void *ctx, void *frame);
	/*
	 * The oldest frame of the type that is not yet marked as a victim, now
	 * marked; NULL if there is none. unmark() ends that (not called for a
	 * frame that was put). Store lock held.
	 */
	void *(*victim_mark)(void *ctx, enum ztype type);
	void (*victim_unmark)(void *ctx, enum ztype type, void *frame);
	/*
	 * Change the reference at move->key if it still names move->from. False:
	 * somebody has taken it; leave that zpage alone. Store lock held.
	 */
	bool (*retarget)(void *ctx, const struct zmove *move);
	/*
	 * Write nr frames (at most ZSTORE_EVICT_BATCH) to swap as they are. The
	 * slot of frames[i] goes to slots[i], 0 where there was no room or the
	 * write failed. A slot comes with one use count of the caller's; each
	 * ZMOVE_SWAPPED takes another; block_put() gives the caller's back. May sleep.
	 * No lock held.
	 */
	void (*blocks_write)(void *ctx, void **frames, u32 *slots, u32 nr);
	void (*block_put)(void *ctx, u32 slot);
};

#define ZSTORE_EVICT_BATCH 16

/* Per type, guarded by the store lock. */
struct zstore_type_stats {
	u64 stored_pages;     /* zpages held in frames */
	u64 same_pages;	      /* same-filled pages held without a frame */
	u64 backing_frames;   /* frames that hold zpages */
	u64 compressed_bytes; /* bytes of those zpages, without metadata */
	u64 target_frames;    /* the standing order; UINT64_MAX: none */
	u64 stores, loads, drops;
	u64 results[NR_ZRESULTS]; /* outcomes of zstore_store() */
	u64 shrink_calls, shrink_asked_frames, shrink_freed_frames;
	u64 evicted_pages, evicted_frames; /* by shrink: zpages retargeted; frames that left */
	u64 moved_pages, compact_freed_frames;
	u64 inplace_compactions; /* holes of one frame closed up */
	u64 evict_failed_frames; /* no swap, write error, or an owner in transit */
};

struct zstore; /* one file knows the layout */

/*
 * Bytes that a store with these CPUs needs; the MM provides the memory
 * (8-byte aligned, zeroed) before any pressure exists and counts its frames.
 */
size_t zstore_bytes(u32 nr_cpus, const struct codec *codec);
struct zstore *zstore_init(void *memory, u32 nr_cpus, const struct codec *codec,
			   const struct zstore_env *env, void *ctx);

/*
 * Compress a page and keep it. The page's bytes must not change meanwhile (the
 * caller has made its reference busy). stamp is the MM's (age at the time of
 * compression) and comes back at load. *handle and *size_bytes (0 for a
 * same-filled page) are set on ZS_OK. May sleep on a buffer, never on memory.
 */
enum zresult zstore_store(struct zstore *zs, enum ztype type, const void *page, u64 key, u32 stamp,
			  zhandle_t *handle, u32 *size_bytes);

/*
 * Decompress into page and free the zpage: a page is never both resident and
 * compressed. The caller has taken the reference. Never sleeps, takes no frame.
 * ZS_OK or ZS_CORRUPT (the zpage is freed either way). An emptied frame
 * goes back to the free list at once.
 */
enum zresult zstore_load(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key, void *page,
			 u32 *stamp);

/* Free the zpage. The caller has taken the reference. Never sleeps. */
void zstore_drop(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key);

/*
 * Give back nr_frames now, oldest first: compaction where holes allow, eviction
 * where not. Returns the frames that reached the free list, net of frames
 * taken; short only when nothing more can be evicted. May sleep. No lock held.
 */
u64 zstore_shrink(struct zstore *zs, enum ztype type, u64 nr_frames);

/*
 * Give back up to nr_frames by compaction alone: nothing is lost, some bytes are moved. Returns
 * the frames that reached the free list. Never sleeps.
 */
u64 zstore_compact(struct zstore *zs, enum ztype type, u64 nr_frames);

/*
 * The standing order: the store takes no frame beyond it, and shrinks to it
 * before this returns if it holds more. Returns the frames given back. May sleep.
 */
u64 zstore_set_target(struct zstore *zs, enum ztype type, u64 frames);

void zstore_get_stats(struct zstore *zs, enum ztype type, struct zstore_type_stats *out);

/* Backing frames of the type now; no lock. */
u64 zstore_frames(const struct zstore *zs, enum ztype type);

/*
 * Take one zpage out of a block that blocks_write() once wrote: pure function of
 * its bytes. key must be the one stored. Any context.
 */
enum zresult zblock_extract(const struct codec *codec, const void *block, u8 index, u64 key,
			    void *page);

/*
 * Full walk: layouts, counts, free space, handles. Panics on a difference.
 * visit (may be NULL) is called for every zpage so that the MM can check that the
 * reference names it (or is in transit). Store lock taken inside.
 */
void zstore_verify(struct zstore *zs,
		   void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle));

#endif
