/* SPDX-License-Identifier: MIT */
/*
 * policy_costs.h - what the baseline policies share: one cost language, one way to choose.
 *
 * A baseline is a published rule for how large the store may be. How Linux weighs anon against file
 * pages is not what is being compared, so all baselines use the same estimate of it: virtual ns for a
 * frame, from what the snapshot measured. Linux itself counts refaults and weighs them by
 * swappiness, and scans both types in proportion; here the cheaper one gives the next batch.
 */
#ifndef MM_POLICY_COSTS_H
#define MM_POLICY_COSTS_H

#include "mm/policy.h"

/* Departures that stand for what is not yet known: half of them came back. */
#define COSTS_PRIOR_PAGES 16

/* came_back of left, in COMEBACK_ONEs. */
static inline u64 costs_share(u64 came_back, u64 left)
{
	return (came_back + COSTS_PRIOR_PAGES * COMEBACK_ONE / 2) / (left + COSTS_PRIOR_PAGES);
}

/* Share of the pages that left by a path and came back, weighed by how soon. */
static inline u64 comeback_share(const struct type_snapshot *t, enum leave_path path)
{
	return costs_share(t->came_back[path], t->left[path]);
}

/* A frame by evicting a resident page to disk; a clean file page needs no write. */
static inline u64 evict_cost(const struct type_snapshot *t, enum page_type type)
{
	u64 write_ns = type == TYPE_ANON ? t->disk_write_ns : 0;

	return write_ns + comeback_share(t, LEFT_TO_DISK) * t->disk_read_ns / COMEBACK_ONE;
}

/*
 * A frame by compressing: a page frees what it does not take in the store, at least a twentieth; those
 * that it refuses cost as much to try.
 */
static inline u64 compress_cost(const struct type_snapshot *t)
{
	u64 page_ns = t->compress_ns * STORED_SHARE_ONE / MAX(t->stored_share, 64UL) +
		      comeback_share(t, LEFT_TO_STORE) * t->decompress_ns / COMEBACK_ONE;

	return page_ns * PAGE_SIZE / (PAGE_SIZE - MIN(t->zpage_bytes, PAGE_SIZE * 19 / 20));
}

/* A frame by evicting all zpages in it: anon ones are decompressed and written, file ones dropped. */
static inline u64 store_cost(const struct type_snapshot *t, enum page_type type)
{
	u64 write_ns = type == TYPE_ANON ? t->decompress_ns + t->disk_write_ns : 0;
	u64 page_ns = write_ns + comeback_share(t, LEFT_STORE) * t->evict_back_ns / COMEBACK_ONE;

	return page_ns * MAX(t->stored_pages, 1UL) / MAX(t->compressed_frames, 1UL);
}

static inline bool list_is_inactive(enum lru_list list)
{
	return list == LRU_INACTIVE_ANON || list == LRU_INACTIVE_FILE;
}

/* Has the list something to give? For inactive and compressed lists. */
static inline bool may_give(const struct mm_snapshot *s, enum lru_list list)
{
	const struct type_snapshot *t = &s->type[lru_type(list)];

	if (s->barren & BIT(list))
		return false;
	return list_is_inactive(list) ? t->inactive_frames : t->compressed_frames;
}

/* Nothing chosen, nothing compressed, refused pages go to disk, lists aged as Linux does. */
static inline void decision_begin(const struct mm_snapshot *s, struct mm_decision *d)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON], *file = &s->type[TYPE_FILE];

	*d = (struct mm_decision){ .list = NR_LRU_LISTS, .spill = true };
	d->age_anon = anon->inactive_frames < anon->active_frames;
	d->age_file = file->inactive_frames < file->active_frames;
	for (u32 list = 0; list < NR_LRU_LISTS; list++)
		d->cost_ns[list] = UINT64_MAX;
}

/* Choose the list if it can give, and cheaper than what is chosen so far. */
static inline void consider(const struct mm_snapshot *s, struct mm_decision *d, enum lru_list list,
			    u64 cost_ns)
{
	d->cost_ns[list] = cost_ns;
	if (may_give(s, list) && (d->list == NR_LRU_LISTS || cost_ns < d->cost_ns[d->list]))
		d->list = list;
}

/* Choose the list whatever it costs. */
static inline void choose(struct mm_decision *d, enum lru_list list, u64 cost_ns)
{
	d->list = list;
	d->cost_ns[list] = cost_ns;
}

static inline u64 pct_of_memory(const struct mm_snapshot *s, u64 pct)
{
	return s->managed_frames * pct / 100;
}

#endif
