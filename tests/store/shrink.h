/* SPDX-License-Identifier: MIT */
/*
 * shrink.h - orders to give frames back, put to stores in random states, and what the contract says about each.
 *
 * Of every kind: an order for n frames returns n, or everything that can be evicted; it returns what
 * reached the free list, no more and no less; the other type is not touched; a target is
 * reached within one call and held. Of the default store also: what is evicted is old, and the
 * work for each frame is bounded.
 */
#ifndef TESTS_STORE_SHRINK_H
#define TESTS_STORE_SHRINK_H

#include "tests/store/rig.h"
#include "tests/store/sized.h"

struct shrink_case {
	const struct zstore_kind *kind;
	const struct sized_law *law;
	u64 seed;
	bool checksums, evict_pages;
	void *memory; /* shrink_bytes() of it, page aligned */
};

/* Summed up over cases. */
struct shrink_tally {
	u64 calls, asked_frames, freed_frames;
	u64 short_calls; /* returned less, with nothing left to evict */
	u64 moved_pages, evicted_pages;
	u64 max_work_e2; /* zpages moved or evicted for each frame freed, hundredths: the worst call */
	/* Of calls for no more frames than hold the oldest tenth. */
	u64 judged_pages, old_pages;
	/* What failed first; NULL: nothing. */
	const char *wrong;
	u64 wrong_seed;
};

size_t shrink_bytes(const struct zstore_kind *kind);

/* One store, from empty over a random state to empty again. */
void shrink_case_run(struct rig *rig, const struct shrink_case *c, struct shrink_tally *tally);

/* Least part of what a judged call evicts that must be old: see struct shrink_tally. */
#define SHRINK_OLD_E4	9500
/* Most zpages moved or evicted for each frame that a call frees. */
#define SHRINK_MAX_WORK 256

#endif
