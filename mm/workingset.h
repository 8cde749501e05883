/* SPDX-License-Identifier: MIT */
/*
 * workingset.h - what leaving and coming back tells: shadows, distances, rates, costs.
 */
#ifndef MM_WORKINGSET_H
#define MM_WORKINGSET_H

#include "lib/types.h"
#include "mm/lru.h"
#include "mm/policy.h"

/* A shadow (SHADOW_BITS of entry.h): when a page left residency, and how. */
#define SHADOW_AGE_BITS	      22
#define SHADOW_AGE_MASK	      (BIT(SHADOW_AGE_BITS) - 1)
#define SHADOW_WORKINGSET     BIT(22) /* PG_WORKINGSET: it was used more than once */
#define SHADOW_VIA_STORE      BIT(23) /* it was compressed before it left memory */
#define SHADOW_INCOMPRESSIBLE BIT(24) /* the store refused it */

void workingset_init(void);

/* The shadow of a page that is about to leave residency. */
u32 workingset_now(bool was_workingset, bool incompressible);
/* It has left, by that path: the clock advances. */
void workingset_leave(enum page_type type, enum leave_path path, u32 shadow);
/* Pages are about to leave the inactive list of that length (frames). */
void workingset_note_inactive(enum page_type type, u64 frames);
/* The shadow's page is freed by its owner, unasked for. */
void workingset_forget(enum page_type type, u32 shadow);
/* Departures since the one that the shadow tells of. */
u64 workingset_distance(u32 shadow);
/* A compressed page leaves memory. Takes the shadow from its compression, returns the one to keep. */
u32 workingset_leave_store(enum page_type type, u32 shadow);
/*
 * A page is needed again. path says where it was found. Returns whether it comes back so soon that it
 * belongs on the active list.
 */
bool workingset_comeback(enum page_type type, enum leave_path path, u32 shadow);
/* Where an evicted page had been when it left memory. */
static inline enum leave_path shadow_path(u32 shadow)
{
	return shadow & SHADOW_VIA_STORE ? LEFT_STORE : LEFT_TO_DISK;
}

/* The rates for a policy's snapshot. */
void workingset_snapshot(enum page_type type, struct type_snapshot *out);

/* Measured costs, moving averages in ns a page. */
enum cost_kind {
	COST_COMPRESS,
	COST_DECOMPRESS,
	COST_DISK_READ,
	COST_SWAP_READ,			   /* anon */
	COST_FILE_STREAM = COST_SWAP_READ, /* file: of a page that is read with many others */
	COST_EVICT_BACK,
	COST_DISK_WRITE,
	COST_EVICT_WRITE, /* of a store frame */
	/* Not times: what a page takes in the store; how many of those tried the store takes. */
	COST_ZPAGE_BYTES,
	COST_STORED_SHARE,
	NR_COSTS,
};
void cost_note_cpu(enum page_type type, enum cost_kind kind, u64 ns);
void cost_note_disk(enum page_type type, enum cost_kind kind, u64 total_ns, u64 pages);
/* A page was offered to the store, which took it, in so many bytes, or refused it as too poor. */
void cost_note_tried(enum page_type type, bool stored, u32 size_bytes);
/* So few were lately that a page which is about to leave by another way should be tried: zpage_try(). */
bool cost_wants_trial(enum page_type type);
/*
 * The same for a file's page. What a stream costs is noted: the least that the average of reads has come down to lately, because
 * every stream brings it down to its own price, and what is read one by one keeps it above.
 */
bool cost_note_file_drop(void);
u64 cost_ns(enum page_type type, enum cost_kind kind);

#endif
