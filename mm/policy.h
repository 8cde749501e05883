/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what a policy is: a pure function of a snapshot.
 *
 * Reclaim (vmscan.c) is mechanism: it takes a snapshot of the six classes, asks the policy which
 * class should give the next batch of frames and what becomes of its cold pages, does it, and asks
 * again. A policy takes no lock, touches no list and reads no clock. A new policy is one file with
 * one struct policy, and one line in policy.c's table: docs/experiments.md shows one in full.
 */
#ifndef MM_POLICY_H
#define MM_POLICY_H

#include "lib/types.h"
#include "mm/lru.h"

#define POLICY_MAX_SETTINGS 4
#define AGE_BUCKET_BITS	    1 /* each doubling of the age has 2^this buckets */
#define AGE_BUCKETS	    ((22U - AGE_BUCKET_BITS) << AGE_BUCKET_BITS)

/* What is known of one type (anon, file) at the moment of the decision. */
struct type_snapshot {
	u64 active_frames, inactive_frames, compressed_frames;
	u64 usual_inactive; /* frames of the inactive list when pages left it: moving average; 0: none did */
	u64 stored_pages; /* zpages in those compressed frames */
	u64 same_pages;	  /* stored without a frame: same-filled */
	/*
	 * Of the pages that lately left a class at its cold end, how many (decayed counts), and how
	 * many came back, each weighed by how soon, in COMEBACK_ONEs: workingset.c. By path.
	 */
	u64 left[3], came_back[3];
	/*
	 * The life table of pages that left, whatever the path (lifetable.c). Bucket age_bucket(d):
	 * how many came back after d departures of either type; and how many were away for the whole
	 * time from the bucket's start to its end, parts added up. Decayed together.
	 */
	u64 back[AGE_BUCKETS], away[AGE_BUCKETS];
	u64 departures_to_store; /* decayed */
	/*
	 * What comebacks of the other type have cost since this one had any to speak of. resting: so much that
	 * this one is at rest; its life table stands still. workingset.c.
	 */
	u64 others_lost_ns;
	bool resting;
	/*
	 * Hits in the store: on pages that would have been resident anyway, had the store's frames been
	 * pages', and on others. Decayed.
	 */
	u64 near_hits, far_hits;
	u64 store_age; /* of the oldest zpage, in departures since its own */
	/* Measured on this machine, this type's pages, ns a page (moving averages). */
	u64 compress_ns, decompress_ns;
	u64 disk_read_ns;   /* a comeback from disk, readahead included */
	u64 swap_read_ns;   /* a request to read from swap; file: a page of a stream, read again */
	u64 in_sequence;    /* comebacks in the order of addresses, in SEQUENCE_ONEs */
	u64 evict_back_ns;  /* a comeback of an evicted zpage: its share of those */
	u64 disk_write_ns;  /* writing one page out, its share of a larger write */
	u64 evict_write_ns; /* writing one store frame out, the same */
	u64 zpage_bytes;    /* moving average: what a page takes in the store */
	u64 stored_share; /* of the pages that were tried, how many it took, in STORED_SHARE_ONEs */
	bool can_evict;	  /* a place to evict to exists: swap has room; always true for file */
};
#define SEQUENCE_ONE	 1024
#define COMEBACK_ONE	 1024
#define STORED_SHARE_ONE 16384
/* Buckets of equal width within each doubling of distance + 2^AGE_BUCKET_BITS; the first ones are of width 1. */
static inline u32 age_bucket(u64 distance)
{
	u64 d = distance + BIT(AGE_BUCKET_BITS);
	u32 shift = 63 - AGE_BUCKET_BITS - (u32)__builtin_clzll(d);

	return MIN(((shift - 1) << AGE_BUCKET_BITS) + (u32)(d >> shift), AGE_BUCKETS - 1);
}
static inline u64 age_bucket_start(u32 bucket)
{
	u64 mantissa = BIT(AGE_BUCKET_BITS) | (bucket & (BIT(AGE_BUCKET_BITS) - 1));

	return (mantissa << (bucket >> AGE_BUCKET_BITS)) - BIT(AGE_BUCKET_BITS);
}
static inline u64 age_bucket_ticks(u32 bucket)
{
	return BIT(bucket >> AGE_BUCKET_BITS);
}
enum leave_path { LEFT_TO_DISK, LEFT_TO_STORE, LEFT_STORE, NR_LEAVE_PATHS };

struct mm_snapshot {
	u64 managed_frames, free_frames;
	u64 low_frames, high_frames; /* watermarks */
	struct type_snapshot type[NR_PAGE_TYPES];
	s32 priority; /* of the scan: lower is more desperate */
	u32 barren;   /* BIT(enum lru_list): has given nothing at this priority: choose another */
	u64 round;    /* counts decisions: for policies that take turns */
	u32 was_refusing; /* what the last decision said of itself */
	u64 leisure_ns; /* the CPU's time that nobody else wants, for each page that leaves; 0: a program reclaims */
	u64 price_ns; /* what was paid for frames lately: the average, or more if the store gave a dearer one; fades */
	u64 setting[POLICY_MAX_SETTINGS]; /* of the policy, in the order of its table */
};

/* The next batch. */
struct mm_decision {
	enum lru_list
		list;  /* inactive or compressed, of either type; NR_LRU_LISTS: none can give */
	bool compress; /* cold pages of an inactive list go to the store */
	bool spill;    /* anon pages that do not, or that it refuses, go to disk; else they stay */
	u64 spill_age; /* those that it refuses: once unused for so many departures ... */
	u64 spill_age_alone; /* ... or for so many, no more, once the list has hardly any others, or had none lately */
	u32 refusing;	 /* BIT(type): full until smaller; policies have no other memory */
	u32 leave_holes; /* BIT(type): few holes among its zpages are not worth closing for a frame */
	bool used_once; /* file pages that were never on the active list go to the store too */
	bool age_anon,
		age_file; /* move pages from active to inactive first where that list is short */
	u64 cost_ns
		[NR_LRU_LISTS]; /* what the policy thinks a frame costs there; UINT64_MAX: cannot give */
	u64 paid_ns;		/* what putting its pages away costs for a frame; 0: as much */
	const char *why;	/* for the log; NULL: the policy does not say */
};

/* A number that the command line may set: policy=zswap,max_pool_pct=35. */
struct policy_setting {
	const char *name;
	u64 initial, min, max;
	const char *help;
};

/* Files' pages, ns a page: measured. read_ns: to read one back with many others. Share in STORED_SHARE_ONEs. */
struct stream_costs {
	u64 compress_ns, decompress_ns, stored_share, read_ns;
	u64 leisure_ns; /* as in the snapshot */
};

struct policy {
	const char *name;
	const char *help;
	const struct policy_setting *settings;
	u32 nr_settings;		/* at most POLICY_MAX_SETTINGS */
	bool compresses[NR_PAGE_TYPES]; /* pages of that type may go to the store */
	/* Its zpages go to swap decompressed, one a block, unless the command line says otherwise. */
	bool evicts_pages;
	void (*decide)(const struct mm_snapshot *snapshot, struct mm_decision *decision);
	/*
	 * The decision sends files' pages to the store: those of a stream too (file_stream.c)? Asked page by page: one batch has
	 * both kinds. As pure as decide(); NULL: all.
	 */
	bool (*stores_streams)(const struct stream_costs *costs);
};

extern const struct policy policy_integrated;
extern const struct policy policy_none;
extern const struct policy policy_parity;
extern const struct policy policy_twoqueue;
extern const struct policy policy_zcache;
extern const struct policy policy_zram;
extern const struct policy policy_zswap;

/* A policy with its settings' values. */
struct policy_choice {
	const struct policy *policy;
	u64 setting[POLICY_MAX_SETTINGS];
};

/* "name" or "name,setting=value,...". False: error says what is wrong and what is allowed. */
bool policy_parse(const char *text, struct policy_choice *choice, char *error, size_t bytes);
void policy_use(const struct policy_choice *choice); /* boot, and between runs */
/* With the initial settings; the name must be known. */
void policy_use_name(const char *name);
const struct policy *policy_current(void);
/* "a=1,b=2" of the current one. */
void policy_settings_text(char *buf, size_t size);

/* Fill in the settings and ask the current policy. Any context that may take a spinlock. */
void policy_decide(struct mm_snapshot *snapshot, struct mm_decision *decision);

#endif
