/* SPDX-License-Identifier: MIT */
/*
 * policy_zcache.c - both types compressed, each up to a static cap: Linux's proposals of 2013.
 *
 * The two halves are zswap as it was merged (Linux 3.11, mm/zswap.c, max_pool_percent 20) for anon
 * pages, and Bob Liu's zcache beside it (linux-mm, August 2013, mm/zcache.c, max_pool_percent 10) for
 * clean file pages; the zcache in drivers/staging before them was both in one.
 *
 *   - A pool below its cap takes what reclaim brings.
 *   - A pool at its cap gives its oldest, then takes: anon zpages are written back, decompressed, one page
 *     to a block (evicts_pages); file zpages are dropped. There is no accept threshold as
 *     in later zswap, and no page passes the pool by as long as something in it can go.
 *   - The file pool takes every clean page that is dropped, used once or more: cleancache's put did not
 *     say which. active_only=1 is the remedy that Bob Liu added: only pages that were active once.
 *
 * Which type gives is the balance of all baselines (policy_costs.h), with what the next frame of
 * that type would cost: compressing below the cap, giving from the pool at it.
 */
#include "mm/policy_costs.h"

enum { ANON_PCT, FILE_PCT, ACTIVE_ONLY, NR_SETTINGS };
static const struct policy_setting settings[NR_SETTINGS] = {
	[ANON_PCT] = { "anon_pct", 20, 0, 100, "percent of memory for the pool of anon pages" },
	[FILE_PCT] = { "file_pct", 10, 0, 100, "percent of memory for the pool of file pages" },
	[ACTIVE_ONLY] = { "active_only", 0, 0, 1, "1: file pages used only once are not taken" },
};

static void consider_type(const struct mm_snapshot *s, struct mm_decision *d, enum page_type type,
			  u64 pct)
{
	const struct type_snapshot *t = &s->type[type];
	enum lru_list inactive = lru_of(type, LRU_INACTIVE_ANON);
	enum lru_list pool = lru_of(type, LRU_COMPRESSED_ANON);

	if (t->compressed_frames < pct_of_memory(s, pct)) {
		consider(s, d, inactive, compress_cost(t));
		d->compress |= d->list == inactive;
	} else if (t->can_evict && may_give(s, pool)) {
		consider(s, d, pool, store_cost(t, type));
		d->compress &= d->list != pool;
	} else if (t->can_evict) {
		consider(s, d, inactive, evict_cost(t, type));
		d->compress &= d->list != inactive;
	}
}

static void zcache_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	decision_begin(s, d);
	d->used_once = !s->setting[ACTIVE_ONLY];
	consider_type(s, d, TYPE_ANON, s->setting[ANON_PCT]);
	consider_type(s, d, TYPE_FILE, s->setting[FILE_PCT]);
}

const struct policy policy_zcache = {
	.name = "zcache",
	.help = "anon and clean file pages compressed, each up to its share of memory",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.settings = settings,
	.nr_settings = NR_SETTINGS,
	.evicts_pages = true,
	.decide = zcache_decide,
};
