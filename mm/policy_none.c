/* SPDX-License-Identifier: MIT */
/*
 * policy_none.c - no compression: four lists, reclaim to disk only.
 *
 * The baseline that every claim for compression is measured against, so it is given its
 * best: the type whose evicted pages come back least often gives first, weighed by what each comeback and
 * each write costs. That is Linux's balance of anon and file by refault cost, without swappiness.
 */
#include "mm/policy.h"

/* Share of the pages that left for disk and came back, weighed by how soon; a half until known. */
static u64 comeback_share(const struct type_snapshot *t)
{
	return (t->came_back[LEFT_TO_DISK] + 16 * COMEBACK_ONE / 2) / (t->left[LEFT_TO_DISK] + 16);
}

static u64 cost_of(const struct type_snapshot *t, enum page_type type)
{
	u64 cost = comeback_share(t) * t->disk_read_ns / COMEBACK_ONE;

	if (type == TYPE_ANON)
		cost += t->disk_write_ns;
	return cost;
}

static void none_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	const enum lru_list lists[NR_PAGE_TYPES] = { LRU_INACTIVE_ANON, LRU_INACTIVE_FILE };
	u64 best = UINT64_MAX;

	d->list = NR_LRU_LISTS;
	d->spill = true;
	d->age_anon = s->type[TYPE_ANON].inactive_frames < s->type[TYPE_ANON].active_frames;
	d->age_file = s->type[TYPE_FILE].inactive_frames < s->type[TYPE_FILE].active_frames;
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		const struct type_snapshot *t = &s->type[type];
		u64 cost = cost_of(t, (enum page_type)type);

		d->cost_ns[lists[type]] = cost;
		if (!t->inactive_frames || !t->can_evict || s->barren & BIT(lists[type]))
			continue;
		if (cost < best) {
			best = cost;
			d->list = lists[type];
		}
	}
}

const struct policy policy_none = {
	.name = "none",
	.help = "no compression: reclaim to disk only",
	.decide = none_decide,
};
