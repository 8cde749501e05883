/* SPDX-License-Identifier: MIT */
/*
 * swapout.c - anon zpages on their way to swap and back: as frames, many zpages to a block, or one page
 * decompressed to each; and what that costs in blocks and requests.
 */
#include "tests/store/bench.h"

/* Part of the frames that has to go. */
#define EVICTED_PCT 50

static bool on_swap(const struct rig_ref *ref)
{
	return ref->where == RIG_ON_SWAP || ref->where == RIG_ON_SWAP_AS_PAGE;
}

/* Have all back; in the order of keys, as a workload that goes through its memory. */
static void read_back(struct rig *rig, u32 nr, bool adopt)
{
	for (u32 key = 1; key <= nr; key++)
		if (rig->ref[key].where != RIG_NOWHERE)
			rig_load(rig, key, adopt);
}

static u64 evict(struct bench *b, u32 *nr)
{
	struct rig *rig = &b->rig;
	u64 want, evicted = 0;

	*nr = bench_fill(b);
	want = zstore_frames(rig->zs, Z_ANON) * EVICTED_PCT / 100;
	bench_must(b, zstore_shrink(rig->zs, Z_ANON, want) >= want, b->content->name,
		   "half of all frames given back to swap");
	rig_census(rig);
	for (u32 key = 1; key <= *nr; key++)
		evicted += on_swap(&rig->ref[key]);
	return evicted;
}

void phase_swap(struct bench *b, bool evict_pages)
{
	struct rig *rig = &b->rig;
	u64 evicted;
	u32 nr;

	bench_start(b, evict_pages);
	evicted = evict(b, &nr);
	row_begin(b, b->content->name, "swap");
	row_text(b, "evict", evict_pages ? "pages" : "frames");
	row_no_density(b);
	row_number(b, "evicted_pages", evicted);
	row_number(b, "written_bytes", rig->written.blocks * PAGE_SIZE);
	row_number(b, "written_requests", rig->written.requests);
	row_ratio(b, "written_bytes_per_page", rig->written.blocks * PAGE_SIZE, evicted);
	row_ratio(b, "written_requests_per_page", rig->written.requests, evicted);
	read_back(rig, nr, false);
	row_ratio(b, "read_bytes_per_page", rig->read.blocks * PAGE_SIZE, evicted);
	row_ratio(b, "read_requests_per_page", rig->read.requests, evicted);
	bench_end(b);
	bench_start(b, evict_pages);
	evict(b, &nr);
	read_back(rig, nr, true);
	row_ratio(b, "adopting_read_bytes_per_page", rig->read.blocks * PAGE_SIZE, evicted);
	row_ratio(b, "adopting_read_requests_per_page", rig->read.requests, evicted);
	row_end(b);
	bench_end(b);
}
