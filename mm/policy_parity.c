/* SPDX-License-Identifier: MIT */
/*
 * policy_parity.c - no more compressed frames of a type than resident ones: zcache's shrinker.
 *
 * The first answer in code to "how large may the store be?" without a number that a user sets: Dan
 * Magenheimer's shrink_zcache_memory(), Linux 3.9, drivers/staging/zcache/zcache-main.c. Both types are
 * compressed without a cap. Whenever reclaim calls the shrinkers, file first, then anon:
 *
 *   frames that hold zpages of the type  >  active + inactive frames of the type
 *
 * gives the excess back: file zpages are dropped, anon ones written back, decompressed (evicts_pages).
 *
 * As there, a pool that cannot give its excess (no swap left) takes more all the same, and every clean
 * file page is taken: the flag for "was active" that zcache looked for was never in Linux. Which type
 * gives below the border is the balance of all baselines (policy_costs.h). A shrinker in Linux runs after the
 * lists have been scanned; here it runs before, which only changes who is first.
 */
#include "mm/policy_costs.h"

static void parity_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	static const enum page_type order[NR_PAGE_TYPES] = { TYPE_FILE, TYPE_ANON };

	decision_begin(s, d);
	d->used_once = true;
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		const struct type_snapshot *t = &s->type[order[i]];
		enum lru_list store = lru_of(order[i], LRU_COMPRESSED_ANON);

		if (t->compressed_frames > t->active_frames + t->inactive_frames && t->can_evict &&
		    may_give(s, store)) {
			choose(d, store, store_cost(t, order[i]));
			return;
		}
	}
	consider(s, d, LRU_INACTIVE_ANON, compress_cost(&s->type[TYPE_ANON]));
	consider(s, d, LRU_INACTIVE_FILE, compress_cost(&s->type[TYPE_FILE]));
	d->compress = d->list != NR_LRU_LISTS;
}

const struct policy policy_parity = {
	.name = "parity",
	.help = "no more compressed frames of a type than resident ones, as zcache's shrinker",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.evicts_pages = true,
	.decide = parity_decide,
};
