/* SPDX-License-Identifier: MIT */
/*
 * zstore.h - the compressed store: the contract between MM and store.
 *
 * The MM decides how many page frames may hold anon zpages and how many may
 * hold file zpages; the store decides how zpages lie in them. Everything the
 * store tells the MM about size is in frames. A frame holds zpages of one
 * type only. Told to give frames back, the store gives them back.
 *
 *	zstore_store		take a page, compress it, keep it; or refuse, with a reason
 *	zstore_load		decompress a zpage and free it
 *	zstore_drop		free a zpage
 *	zstore_shrink		give back so many frames now, oldest first
 *	zstore_set_target	never hold more than so many frames
 *	zstore_compact		give back what holes hold; nothing is lost
 *	zstore_adopt		take a block that was read back from swap as a store frame again
 *
 * Which store does the packing is chosen by name (struct zstore_kind): "log", the default, and
 * "zbud" and "zsmalloc", which stand for what Linux has and are there to be measured against.
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

/* Keys and stamps are the MM's; so many bits of them are kept. */
#define ZKEY_BITS   46
#define ZSTAMP_BITS 25

/* Why a page was not taken, or what became of a request. Counted by value. */
enum zresult {
	ZS_OK,
	ZS_POOR,     /* compresses to more than the limit */
	ZS_NO_FRAME, /* no frame to put it in */
	ZS_TARGET,   /* the type already has the frames it may have */
	ZS_CORRUPT,  /* the stored bytes are not what was stored */
	NR_ZRESULTS,
};

/*
 * Where a zpage went when it left memory: its place in a block on the swap disk (4 KiB), which is
 * a store frame as it was. One that spans goes on in the next block; both are read in one request.
 */
struct zblock_ref {
	u32 slot;
	u8 index; /* below ZBLOCK_MAX_INDEX */
	bool spans;
};
#define ZBLOCK_MAX_INDEX 127

enum zmove_kind {
	ZMOVE_HANDLE,  /* it has a new handle: compaction */
	ZMOVE_SWAPPED, /* it is on the swap disk, still compressed: to_block */
	ZMOVE_PAGE,    /* it is on the swap disk, decompressed, alone in to_block.slot */
	ZMOVE_DROPPED, /* it is gone; the file on disk has the data */
	ZMOVE_ADOPTED, /* from from_block it is back in memory, under the handle to */
};

/* A reference is to name something else. */
struct zmove {
	enum zmove_kind kind;
	enum ztype type;
	u64 key;
	u32 stamp;	/* as given to zstore_store() */
	zhandle_t from; /* all but ZMOVE_ADOPTED */
	zhandle_t to;	/* ZMOVE_HANDLE, ZMOVE_ADOPTED */
	struct zblock_ref to_block, from_block;
};

/* What the store needs of the MM. No function may call back into the store. */
struct zstore_env {
	/*
	 * A frame to hold zpages, as a direct-map address; NULL if there is none.
	 * Never sleeps, and may use the memory reserved for reclaim. The MM puts
	 * its struct page at the young end of the compressed list of the type. It can be the
	 * frame of the very page that is being stored, so it is not written to before it is sure
	 * that the page stays; put back before that, it is the caller's again.
	 * Store lock held.
	 */
	void *(*frame_get)(void *ctx, enum ztype type);
	/* Give a frame to the free list. Store lock held. */
	void (*frame_put)(void *ctx, enum ztype type, void *frame);
	/* 64 bits in the frame's struct page that are the store's to use. */
	u64 *(*frame_word)(void *ctx, void *frame);
	/*
	 * The frame's younger neighbour on the compressed list of the type, NULL behind the
	 * youngest; of NULL: the oldest. Store lock held, so no frame of the type comes or goes.
	 */
	void *(*frame_younger)(void *ctx, enum ztype type, void *frame);
	/* The caller's frame becomes a store frame, at the young end (zstore_adopt()). Store lock held. */
	void (*frame_adopt)(void *ctx, enum ztype type, void *frame);
	/*
	 * Change the reference at move->key if it still names move->from (or, ZMOVE_ADOPTED,
	 * move->from_block). False: somebody has taken it; leave that zpage alone. A reference to a
	 * block holds one use of it, one that spans also of the next. Store lock held.
	 */
	bool (*retarget)(void *ctx, const struct zmove *move);
	/*
	 * Write nr frames (at most ZSTORE_EVICT_BATCH) to swap, into consecutive blocks as
	 * far as there are any: frames of zpages as they are, or pages. The slot of frames[i] goes to slots[i], 0 where there was no room
	 * or the write failed. A slot comes with one use of the caller's, given back by block_put().
	 * May sleep. No lock held.
	 */
	void (*blocks_write)(void *ctx, void **frames, u32 *slots, u32 nr, bool pages);
	void (*block_put)(void *ctx, u32 slot);
};

#define ZSTORE_EVICT_BATCH  32
/* The largest order to zstore_shrink() that a store which writes frames as they are serves with one write. */
#define ZSTORE_EVICT_FRAMES (ZSTORE_EVICT_BATCH - 1)

#define ZSTORE_SIZE_BUCKETS	 16
#define ZSTORE_SIZE_BUCKET_BYTES 256
#define ZSTORE_AGE_BUCKETS	 20

/* Per type, guarded by the store lock. */
struct zstore_type_stats {
	u64 stored_pages;	/* zpages held in frames */
	u64 same_pages;		/* same-filled pages held without a frame */
	u64 backing_frames;	/* frames that hold zpages */
	bool has_oldest;	/* there is a zpage at the old end, */
	u32 oldest_stamp;	/* with this stamp */
	u64 compressed_bytes;	/* bytes of those zpages, without metadata */
	u64 compressed_squares; /* sum of the squares of their sizes */
	u64 target_frames;	/* the standing order; UINT64_MAX: none */
	u64 stores, loads, drops;
	u64 results[NR_ZRESULTS]; /* outcomes of zstore_store() */
	u64 shrink_calls, shrink_asked_frames, shrink_freed_frames;
	u64 evicted_pages; /* zpages that left by shrink */
	u64 moved_pages;   /* zpages whose bytes were moved, by compaction or to clear a frame */
	u64 compact_freed_frames;
	u64 evict_failed_frames; /* of those written as they are: write error, or an owner in transit */
	u64 adopted_frames, adopted_pages;
	/* Zpages held now by size; [i] from i * ZSTORE_SIZE_BUCKET_BYTES on. */
	u64 size_buckets[ZSTORE_SIZE_BUCKETS];
	/* Zpages that left by load, drop or shrink, by ms since they came: [i] below 2^i, the last all others. */
	u64 age_buckets[ZSTORE_AGE_BUCKETS];
};

struct zstore;	    /* one file knows it */
struct zstore_kind; /* a way to pack */

/* NULL if there is none of that name; names, comma separated, the default first. */
const struct zstore_kind *zstore_kind_find(const char *name);
int zstore_kind_list(char *buf, size_t size);
const char *zstore_kind_name(const struct zstore_kind *kind);

struct zstore_config {
	const struct zstore_kind *kind;
	const struct codec *codec;
	u32 nr_cpus;
	bool checksums; /* each zpage carries one, in memory and on swap */
	/* Anon zpages go to swap decompressed, one to a block. Kinds without whole frames always do. */
	bool evict_pages;
};

/*
 * Bytes that a store needs; the MM provides the memory (page aligned, zeroed) before any pressure exists and
 * counts its frames.
 */
size_t zstore_bytes(const struct zstore_config *config);
struct zstore *zstore_init(void *memory, const struct zstore_config *config,
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
 * Would the page be kept, room aside, and in how many bytes (0: same-filled)? Costs what zstore_store() costs, keeps
 * nothing. The page's bytes must not change meanwhile. May sleep on a buffer.
 */
bool zstore_try(struct zstore *zs, const void *page, u32 *size_bytes);

/*
 * Decompress into page and free the zpage: a page is never both resident and
 * compressed. The caller has taken the reference. Never sleeps, takes no frame.
 * ZS_OK or ZS_CORRUPT (the zpage is freed either way). An emptied frame
 * goes back to the free list at once.
 */
enum zresult zstore_load(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key, void *page,
			 u32 *stamp);

/* Free the zpage. The caller has taken the reference. Returns its stamp. Never sleeps. */
u32 zstore_drop(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key);

/*
 * Give back nr_frames now, oldest first: compaction where holes allow, eviction
 * where not. Returns the frames that reached the free list, net of frames
 * taken; short only when nothing more can be evicted. May sleep. No lock held.
 */
u64 zstore_shrink(struct zstore *zs, enum ztype type, u64 nr_frames);

/* Loosely, holes are left until they are many, and about half as many bytes are moved. A kind may know but one effort. */
enum zeffort { ZCOMPACT_LOOSELY, ZCOMPACT_CLOSELY };

/*
 * Give back up to nr_frames by compaction alone: nothing is lost, some bytes are moved. Returns
 * the frames that reached the free list. Never sleeps.
 */
u64 zstore_compact(struct zstore *zs, enum ztype type, u64 nr_frames, enum zeffort effort);

/*
 * The standing order: the store takes no frame beyond it, and shrinks to it
 * before this returns if it holds more. Returns the frames given back. May sleep.
 */
u64 zstore_set_target(struct zstore *zs, enum ztype type, u64 frames);

/*
 * nr (<= ZSTORE_ADOPT_BLOCKS) consecutive blocks of swap, from first_slot on, were read into frames of the caller's: keep
 * those of their zpages that references still name, except the one of key not_key, as zpages in memory. Those that span
 * stay whole if both blocks are there. Returns a bit for each block that is the store's frame from now on
 * (env->frame_adopt() has been called); the others are the caller's as before. Never sleeps.
 */
#define ZSTORE_ADOPT_BLOCKS 32
u32 zstore_adopt(struct zstore *zs, enum ztype type, void *const *blocks, u32 nr, u32 first_slot,
		 u64 not_key);

void zstore_get_stats(struct zstore *zs, enum ztype type, struct zstore_type_stats *out);

/* Backing frames of the type now; no lock. */
u64 zstore_frames(const struct zstore *zs, enum ztype type);

/*
 * Take one zpage out of a block that this store once wrote as it is: a function of the bytes alone, whatever they
 * are. next_block: the one after it, if ref says that the zpage spans; both are the caller's copies, and
 * the second is written to. key must be the one stored. ZS_OK or ZS_CORRUPT. Any context, no lock.
 */
enum zresult zstore_extract(const struct zstore *zs, const void *block, void *next_block,
			    struct zblock_ref ref, u64 key, void *page);

/*
 * Full walk: layouts, counts, free space, handles. Panics on a difference.
 * visit (may be NULL) is called for every zpage so that the MM can check that the
 * reference names it (or is in transit). Store lock taken inside.
 */
void zstore_verify(struct zstore *zs,
		   void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle));

#endif
