/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what a policy is: a pure function of a snapshot.
 *
 * Reclaim (vmscan.c) is mechanism: it takes a snapshot of the six classes, asks the policy which
 * class should give the next batch of frames and what becomes of its cold pages, does it, and asks
 * again. A policy takes no lock, touches no list and reads no clock. A new policy is one file with
 * one struct policy, and one line in policy.c's table.
 */
#ifndef MM_POLICY_H
#define MM_POLICY_H

#include "lib/types.h"
#include "mm/lru.h"

/* What is known of one type (anon, file) at the moment of the decision. */
struct type_snapshot {
	u64 active_frames, inactive_frames, compressed_frames;
	u64 stored_pages; /* zpages in those compressed frames */
	/*
	 * Of the pages that lately left a class at its cold end, how many (decayed counts), and how
	 * many came back, each weighed by how soon, in COMEBACK_ONEs: workingset.c. By path.
	 */
	u64 left[3], came_back[3];
	/* Measured on this machine, this type's pages, ns a page (moving averages). */
	u64 compress_ns, decompress_ns;
	u64 disk_read_ns;  /* a comeback from disk, readahead included */
	u64 disk_write_ns; /* writing one page out, its share of a larger write */
	u64 zpage_bytes; /* moving average: what a page takes when compressed, refused ones as whole */
	bool can_evict; /* a place to evict to exists: swap has room; always true for file */
};
#define COMEBACK_ONE 1024
enum leave_path { LEFT_TO_DISK, LEFT_TO_STORE, LEFT_STORE, NR_LEAVE_PATHS };

struct mm_snapshot {
	u64 managed_frames, free_frames;
	u64 low_frames, high_frames; /* watermarks */
	struct type_snapshot type[NR_PAGE_TYPES];
	s32 priority; /* of the scan: lower is more desperate */
	u32 barren;   /* BIT(enum lru_list): has given nothing at this priority: choose another */
	u64 round;    /* counts decisions: for policies that try the other way now and then */
	enum lru_list previous; /* the list that the last decision chose; NR_LRU_LISTS: none yet */
};

/* The next batch. */
struct mm_decision {
	enum lru_list
		list;  /* inactive or compressed, of either type; NR_LRU_LISTS: none can give */
	bool compress; /* cold pages of an inactive list go to the store */
	bool age_anon,
		age_file; /* move pages from active to inactive first where that list is short */
	u64 cost_ns
		[NR_LRU_LISTS]; /* what the policy thinks a frame costs there; UINT64_MAX: cannot give */
};

struct policy {
	const char *name;
	const char *help;
	bool compresses[NR_PAGE_TYPES]; /* pages of that type may go to the store */
	/* Its zpages go to swap decompressed, one a block, unless the command line says otherwise. */
	bool evicts_pages;
	void (*decide)(const struct mm_snapshot *snapshot, struct mm_decision *decision);
};

extern const struct policy policy_none;
extern const struct policy policy_integrated;
extern const struct policy policy_zswap;

const struct policy *policy_find(const char *name); /* NULL if there is none */
int policy_list(char *buf, size_t size);	    /* names, comma separated */
void policy_set(const struct policy *policy);	    /* boot, and between runs */
const struct policy *policy_current(void);

#endif
