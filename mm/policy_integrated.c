/* SPDX-License-Identifier: MIT */
/*
 * policy_integrated.c - six classes, one cost language.
 *
 * The question of each round: which class can give the next frame most cheaply? "Cheaply" is virtual ns
 * for each frame that reaches the free list: the work to free it, plus the work that its pages cause when
 * they come back, weighed with how often they do.
 *
 *   evict a resident page      write + p_disk x read
 *   compress a resident page   (compress + p_store x decompress) / (1 - ratio)
 *   evict a compressed frame   write + n x p_evict x (read + decompress),  n = stored / frames
 *
 * for anon and file apart; a clean file page needs no write. p is the share of pages that left by that path
 * and came back, each weighed by how soon (workingset.c); ratio is what a page takes when compressed; these and every cost
 * are measured on the running machine. So with a fast disk little is compressed, with a slow one nearly
 * everything, and nobody sets a knob.
 *
 * What if an estimate is wrong. A path that is not taken is not measured, so every EXPLORE_ROUNDS-th round
 * compresses where the policy would evict and the other way round: 1/64 of the frames buys the
 * knowledge, and bounds what is spent on it. A share that rests on few departures is drawn towards the one
 * of the neighbouring path (PRIOR_PAGES of them), so that a class is not condemned by its first page.
 *
 * What bounds the loss. Each batch is SWAP_CLUSTER pages, after which the question is asked again with
 * fresh figures: the shares of a class rise as it is squeezed, and another becomes the cheapest.
 *
 * This is the first version: one cost a class, not yet a curve over its age.
 */
#include "mm/policy.h"

#define EXPLORE_ROUNDS 64
#define PRIOR_PAGES    32

/* What the store's own structure costs beside the bytes of the zpages: measured: `make bench-store`, live runs. */
#define STORE_DENSITY_PCT 95

/* Share of departures by path that came back, drawn towards prior while there are few. */
static u64 share(const struct type_snapshot *t, enum leave_path path, u64 prior)
{
	return (t->came_back[path] + PRIOR_PAGES * prior) / (t->left[path] + PRIOR_PAGES);
}

struct type_costs {
	u64 evict_ns;	   /* a frame by evicting a resident page */
	u64 compress_ns;   /* a frame by compressing */
	u64 compressed_ns; /* a frame by evicting from the store */
};

/* Percent of a frame that compressing a page frees; at least 5, so that the cost stays a number. */
static u64 gain_pct(const struct type_snapshot *t)
{
	u64 taken_pct = t->zpage_bytes * 100 / PAGE_SIZE * 100 / STORE_DENSITY_PCT;

	return 100 - MIN(taken_pct, 95UL);
}

static struct type_costs costs_of(const struct type_snapshot *t, enum page_type type)
{
	u64 write_ns = type == TYPE_ANON ? t->disk_write_ns : 0;
	u64 p_disk = share(t, LEFT_TO_DISK, COMEBACK_ONE / 2);
	u64 p_store = share(t, LEFT_TO_STORE, p_disk);
	u64 p_evict = share(t, LEFT_STORE, MIN(p_disk, p_store));
	struct type_costs c;

	c.evict_ns = write_ns + p_disk * t->disk_read_ns / COMEBACK_ONE;
	c.compress_ns =
		(t->compress_ns + p_store * t->decompress_ns / COMEBACK_ONE) * 100 / gain_pct(t);
	c.compressed_ns = UINT64_MAX;
	if (t->compressed_frames) {
		u64 pages_x16 = MAX(t->stored_pages * 16 / t->compressed_frames, 16UL);

		c.compressed_ns = write_ns + pages_x16 * p_evict / COMEBACK_ONE *
						     (t->disk_read_ns + t->decompress_ns) / 16;
	}
	return c;
}

/* Is the list a candidate, and cheaper than the best so far? */
static void consider(const struct mm_snapshot *s, struct mm_decision *d, u64 *best,
		     enum lru_list list, u64 frames, u64 cost_ns, bool compress)
{
	d->cost_ns[list] = cost_ns;
	if (!frames || s->barren & BIT(list) || cost_ns >= *best)
		return;
	*best = cost_ns;
	d->list = list;
	d->compress = compress;
}

static void integrated_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	bool explore = s->round % EXPLORE_ROUNDS == 0;
	u64 best = UINT64_MAX;

	d->list = NR_LRU_LISTS;
	d->spill = true;
	d->age_anon = s->type[TYPE_ANON].inactive_frames < s->type[TYPE_ANON].active_frames;
	d->age_file = s->type[TYPE_FILE].inactive_frames < s->type[TYPE_FILE].active_frames;
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum page_type type = (enum page_type)i;
		const struct type_snapshot *t = &s->type[type];
		struct type_costs c = costs_of(t, type);
		bool compress = c.compress_ns < c.evict_ns || !t->can_evict;

		consider(s, d, &best, lru_of(type, LRU_INACTIVE_ANON), t->inactive_frames,
			 compress ? c.compress_ns : c.evict_ns,
			 t->can_evict && explore ? !compress : compress);
		if (t->can_evict)
			consider(s, d, &best, lru_of(type, LRU_COMPRESSED_ANON),
				 t->compressed_frames, c.compressed_ns, false);
	}
}

const struct policy policy_integrated = {
	.name = "integrated",
	.help = "six classes balanced by measured cost (the default)",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.decide = integrated_decide,
};
