/* SPDX-License-Identifier: MIT */
/*
 * policy_twoqueue.c - the store grows while its hits are worth it: de Castro, do Lago, da Silva.
 *
 * "Adaptive Compressed Caching: Design and Implementation", SBAC-PAD 2003, doi 10.1109/CAHPC.2003.1250316;
 * its code is mm/comp_cache/adaptivity.c (1.40, September 2002) of the linuxcompressed project, whose
 * change log states the rule. One store for both types. Its zpages, in order of age, are cut in two:
 *
 *   near  as many as the store's frames would hold uncompressed: these would be in memory
 *         had there been no store, so each hit on them is a loss, a decompression (and compression)
 *   far   the rest: what the store gains; each hit on them saves a read from disk
 *
 * While far hits gain at least what near hits lose, the store grows on demand: all cold pages, of
 * both types, used once or more, are compressed. When they lose, growth is blocked and the store
 * shrinks on demand: what reclaim wants comes from the store's oldest, which go to swap still
 * compressed (so no evicts_pages). Compressing clean pages is switched off by itself while that alone does
 * not pay. Nothing is set by a user.
 *
 * What the sources leave open, and what is done here. They block first and shrink later, after
 * more near hits; a decision here has no such memory, and the counts (decayed averages, which
 * their code keeps as well) do both at once. Gains and losses are weighed by what hits and reads
 * measurably cost. The cut is at a distance of as many departures as the type has store frames, which is
 * what the position in the queue stood for. The type whose store frames are cheaper gives.
 */
#include "mm/policy_costs.h"

/* What the hits of a type saved: a decompression instead of a read. */
static u64 gain_of(const struct type_snapshot *t)
{
	return t->far_hits * (t->disk_read_ns - MIN(t->decompress_ns, t->disk_read_ns));
}

static u64 loss_of(const struct type_snapshot *t)
{
	return t->near_hits * (t->compress_ns + t->decompress_ns);
}

static bool growth_pays(const struct mm_snapshot *s)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON], *file = &s->type[TYPE_FILE];

	return gain_of(anon) + gain_of(file) >= loss_of(anon) + loss_of(file);
}

/* Most clean pages are never asked for again: compressing them was for nothing. */
static bool clean_pages_pay(const struct type_snapshot *file)
{
	return gain_of(file) + COSTS_PRIOR_PAGES * file->disk_read_ns >=
	       loss_of(file) + file->departures_to_store * file->compress_ns;
}

static void consider_store(const struct mm_snapshot *s, struct mm_decision *d)
{
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum page_type type = (enum page_type)i;

		if (s->type[type].can_evict)
			consider(s, d, lru_of(type, LRU_COMPRESSED_ANON),
				 store_cost(&s->type[type], type));
	}
}

static void twoqueue_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON], *file = &s->type[TYPE_FILE];
	bool grow = growth_pays(s), clean = grow && clean_pages_pay(file);

	decision_begin(s, d);
	d->used_once = true;
	if (!grow)
		consider_store(s, d);
	if (d->list != NR_LRU_LISTS)
		return;
	if (grow || anon->can_evict)
		consider(s, d, LRU_INACTIVE_ANON,
			 grow ? compress_cost(anon) : evict_cost(anon, TYPE_ANON));
	consider(s, d, LRU_INACTIVE_FILE,
		 clean ? compress_cost(file) : evict_cost(file, TYPE_FILE));
	d->compress =
		(d->list == LRU_INACTIVE_ANON && grow) || (d->list == LRU_INACTIVE_FILE && clean);
	if (d->list == NR_LRU_LISTS)
		consider_store(s, d);
}

const struct policy policy_twoqueue = {
	.name = "twoqueue",
	.help = "the store grows while hits beyond its own frames outweigh the others",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.decide = twoqueue_decide,
};
