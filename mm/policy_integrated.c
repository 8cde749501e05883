/* SPDX-License-Identifier: MIT */
/*
 * policy_integrated.c - six classes, one cost language.
 */
#include "mm/policy.h"

#define ONE 65536UL /* a probability of 1 */

#define HORIZON_FRAMES	  8
#define SHORTEST_STAY	  32
#define PRIOR_PAGES	  8
#define PRIOR_HAZARD	  (ONE / 4)
#define EXPLORE_ROUNDS	  256
#define STORE_DENSITY_PCT 95

/* The chance that a page which has been away for 2^b ticks comes back before twice that. */
struct curve {
	u64 hazard[AGE_BUCKETS];
};

struct outlook {
	u64 chance; /* of coming back, in ONEs */
	u64 ticks;  /* until then, or until the end of what is looked at */
};

static u64 bucket_start(u32 bucket)
{
	return bucket ? BIT(bucket) : 0;
}

static void curve_of(const struct type_snapshot *t, u64 frames, struct curve *curve)
{
	u64 survivors = t->departures * ONE;

	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		u64 hits = t->back_at[b] * ONE, exposed = 0, prior;

		/* Only so many can have been away for that long. */
		if (t->observed_ticks > BIT(b))
			exposed = survivors / 256 *
				  ((t->observed_ticks - BIT(b)) * ONE / t->observed_ticks) / 256;
		exposed = MAX(exposed, hits);
		prior = PRIOR_PAGES * PRIOR_HAZARD * MIN(BIT(b) * 2, frames) / frames;
		curve->hazard[b] = (hits + prior) * ONE / (exposed + PRIOR_PAGES * ONE);
		survivors -= MIN(survivors, hits);
	}
}

static struct outlook look_ahead(const struct curve *curve, u64 from, u64 to)
{
	struct outlook out = { 0, 1 };
	u64 survivors = ONE;

	for (u32 b = age_bucket(from); b < AGE_BUCKETS && bucket_start(b) < to; b++) {
		u64 start = MAX(from, bucket_start(b)), end = MIN(to, BIT(b + 1));
		u64 chance = curve->hazard[b] * (end - start) / (BIT(b + 1) - bucket_start(b));

		out.chance += survivors * chance / ONE;
		out.ticks += survivors * (end - start) / ONE * (2 * ONE - chance) / (2 * ONE);
		survivors -= survivors * chance / ONE;
	}
	return out;
}

/*
 * What it is worth to keep a page that has been away for that long, in ns for each tick that it is
 * kept: the best ratio, over all times that one could keep it, of what is avoided to the time it takes.
 */
static u64 index_of(const struct mm_snapshot *s, const struct curve *curve, u64 from, u64 out_ns,
		    u64 in_ns)
{
	u64 end = HORIZON_FRAMES * s->managed_frames, chance = 0, ticks = 1, survivors = ONE,
	    best = 0;

	for (u32 b = age_bucket(from); b < AGE_BUCKETS && bucket_start(b) < from + end; b++) {
		u64 start = MAX(from, bucket_start(b)), stop = MIN(from + end, BIT(b + 1));
		u64 part = curve->hazard[b] * (stop - start) / (BIT(b + 1) - bucket_start(b));

		chance += survivors * part / ONE;
		ticks += survivors * (stop - start) / ONE * (2 * ONE - part) / (2 * ONE);
		survivors -= survivors * part / ONE;
		if (stop - from >= s->managed_frames / SHORTEST_STAY)
			best = MAX(best,
				   chance * (out_ns + in_ns) / ONE * s->managed_frames / ticks);
	}
	return MAX(best, (out_ns + chance * in_ns / ONE) * s->managed_frames / ticks);
}

struct type_costs {
	u64 direct_ns, compress_ns, evict_ns; /* UINT64_MAX: does not give */
	bool compress;			      /* the better of the first two */
};

/* For one page that the store takes; those that it refuses cost as much to try. */
static u64 compress_cost(const struct type_snapshot *t)
{
	return t->compress_ns * STORED_SHARE_ONE / MAX(t->stored_share, STORED_SHARE_ONE / 256UL);
}

/*
 * Is the store the better fate for a cold page? It keeps a part of the frame, which must be got elsewhere: at
 * the least by compressing more, or at the price at which the store itself has to give.
 */
static bool better_compressed(const struct mm_snapshot *s, const struct type_snapshot *t,
			      const struct curve *curve, u64 write_ns, u64 taken)
{
	struct outlook away = look_ahead(curve, 0, HORIZON_FRAMES * s->managed_frames);
	u64 direct = write_ns + away.chance * t->disk_read_ns / ONE;
	u64 compress = compress_cost(t) + away.chance * t->decompress_ns / ONE;
	u64 kept = MIN(s->price_ns, BIT(36)) * taken / ONE * away.ticks / s->managed_frames;

	return compress + MAX(kept, compress * taken / (ONE - taken)) < direct;
}

static struct type_costs costs_of(const struct mm_snapshot *s, enum page_type type)
{
	const struct type_snapshot *t = &s->type[type];
	u64 taken = MIN(t->zpage_bytes * ONE / PAGE_SIZE * 100 / STORE_DENSITY_PCT, ONE * 19 / 20);
	u64 write_ns = type == TYPE_ANON ? t->disk_write_ns : 0;
	u64 frames = MAX(t->compressed_frames, 1UL);
	u64 pages_x16 = MAX(t->stored_pages * 16 / frames, 16UL);
	struct type_costs c;
	struct curve curve;

	curve_of(t, s->managed_frames, &curve);
	c.direct_ns = index_of(s, &curve, 0, write_ns, t->disk_read_ns);
	c.compress_ns =
		index_of(s, &curve, 0, compress_cost(t), t->decompress_ns) * ONE / (ONE - taken);
	c.evict_ns = index_of(s, &curve, t->store_age, write_ns * 16 / pages_x16, t->disk_read_ns) *
		     pages_x16 / 16;
	c.compress = better_compressed(s, t, &curve, write_ns, taken);
	return c;
}

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
		struct type_costs c = costs_of(s, type);
		bool compress = c.compress || !t->can_evict;

		consider(s, d, &best, lru_of(type, LRU_INACTIVE_ANON), t->inactive_frames,
			 t->can_evict ? MIN(c.compress_ns, c.direct_ns) : c.compress_ns,
			 compress || explore);
		if (t->can_evict)
			consider(s, d, &best, lru_of(type, LRU_COMPRESSED_ANON),
				 t->compressed_frames, c.evict_ns, false);
	}
}

const struct policy policy_integrated = {
	.name = "integrated",
	.help = "six classes balanced by measured cost (the default)",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.decide = integrated_decide,
};
