/* SPDX-License-Identifier: MIT */
/*
 * policy_none.c - no compression: four lists, reclaim to disk only.
 *
 * The baseline that every claim for compression is measured against, so it is given its
 * best: the type whose evicted pages come back least often gives first, weighed by what each comeback and
 * each write costs. That is Linux's balance of anon and file by refault cost, without swappiness.
 */
#include "mm/policy_costs.h"

static void none_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	decision_begin(s, d);
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum page_type type = (enum page_type)i;

		if (s->type[type].can_evict)
			consider(s, d, lru_of(type, LRU_INACTIVE_ANON),
				 evict_cost(&s->type[type], type));
	}
}

const struct policy policy_none = {
	.name = "none",
	.help = "no compression: reclaim to disk only",
	.decide = none_decide,
};
