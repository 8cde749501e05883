/* SPDX-License-Identifier: MIT */
/*
 * life_curve.c - when pages that are away come back: the rates of a life table, and walks along them.
 *
 * Problem. A life table counts, for each age, how many pages were away and how many came back. A policy asks what that says
 * of one page: will it come back, and how long does it stay away until then, or until nobody looks any longer.
 *
 * How. Within a bucket of age the rate is the same all over, so one step takes a page across it, and the steps of a walk multiply.
 * Ages far below the shortest time to keep a page are one step: nothing can be told apart there.
 *
 * The prior. Where nothing has been seen, each doubling of the time away brings back half of the anon pages that are left, and
 * a quarter of the files', many of which are read once; less for times far shorter than memory. It weighs as much as so
 * many departures: of anon pages few, which are wanted one by one; of files more, since they come in streams, each of
 * which is one event however long it is. (Four for files, too, learned more from a first pass than there was in it: mix of 1.5
 * times memory on the ssd was .6 to .9 % slower, over sixty seeds. Sixty-four for anon pages, too: zpages of kv that were wanted were
 * evicted, and kv as large as memory on nvme was 2 % slower, over fifteen.)
 */
#include "mm/life_curve.h"

/* Departures that stand for what is not known, and how many of those left come back in each doubling of the time. */
static const struct prior {
	u64 pages, returns;
} priors[NR_PAGE_TYPES] = {
	[TYPE_ANON] = { 4, ONE * 69 / 100 >> AGE_BUCKET_BITS },	 /* -ln(1/2) a doubling */
	[TYPE_FILE] = { 64, ONE * 29 / 100 >> AGE_BUCKET_BITS }, /* -ln(3/4) */
};

/*
 * Pages of one set do not come back independently of each other: many that did not say less about the next than so many would.
 * Where a mistake is paid for at once, by all of the set, one in so many of what is known stays unknown.
 */
#define DOUBT 16

/* For stays longer than memory: so many returns count as expected that did not come; how far one looks, in multiples of memory. */
#define UNSEEN_RETURNS 256
#define UNSEEN_HORIZON 6

/*
 * So many ticks with the same rate all over; x: returns meanwhile. The chance is 1 - exp(-x), and the time until then
 * (1 - exp(-x)) / x of the ticks; with exp(x) = 1 + x n one division does for both.
 */
static inline struct step step_of(u64 x, u64 ticks)
{
	u64 n, inverse;

	x = MIN(x, 16 * ONE);
	n = ONE + x * (ONE / 2 + x * (ONE / 6) / ONE) / ONE;
	inverse = ONE * ONE / (ONE + x * n / ONE);
	return (struct step){ inverse, ticks * (n * inverse / ONE) };
}

/* A part of a bucket, which all of has so many returns. */
static inline struct step part_of(u64 returns, u32 b, u64 ticks)
{
	return step_of(returns * ticks / age_bucket_ticks(b), ticks);
}

/* One step further. */
static inline void look_further(struct outlook *o, struct step step)
{
	o->ticks += o->survivors * step.ticks / ONE / ONE;
	o->survivors = o->survivors * step.stays / ONE;
}

/*
 * Of the pages that stand for the prior, how many it brings back in a bucket, for each tick of its age up to that of memory; in
 * ONEs squared.
 */
static inline u64 prior_slope(enum page_type type, u64 frames)
{
	return priors[type].pages * priors[type].returns * ONE / frames;
}

/* prior: returns of as many pages as it weighs; with doubt, of one in DOUBT of all that was seen, if that is more. */
static inline u64 returns_in(const struct type_snapshot *t, u32 b, u64 prior, u64 weight,
			     bool doubt)
{
	u64 known = t->away[b] + weight;

	if (doubt)
		prior *= MAX(known / (weight * DOUBT), 1UL);
	return (t->back[b] * ONE + prior) / known;
}

void life_curve_of(const struct mm_snapshot *s, enum page_type type, bool doubt,
		   struct life_curve *curve)
{
	const struct type_snapshot *t = &s->type[type];
	u64 frames = s->managed_frames, weight = priors[type].pages;
	u64 horizon = HORIZON_FRAMES * frames, end = MAX(t->store_age, frames) + horizon;
	u64 prior = prior_slope(type, frames), start = 0, next, x = 0;
	u32 b = 0, last = age_bucket(horizon);
	struct outlook o = { 1, ONE };

	curve->frames = frames;
	while ((next = start + age_bucket_ticks(b)) < frames / SHORTEST_STAY) {
		curve->returns[b] = returns_in(t, b, prior * next / ONE, weight, doubt);
		x += curve->returns[b++];
		start = next;
	}
	look_further(&o, step_of(x, start));
	curve->young = o;
	curve->young_buckets = b;
	for (; b < AGE_BUCKETS && start <= end; start = next, b++) {
		next = start + age_bucket_ticks(b);
		curve->returns[b] =
			returns_in(t, b, prior * MIN(next, frames) / ONE, weight, doubt);
		curve->whole[b] = step_of(curve->returns[b], next - start);
		if (b == last) {
			curve->stay = o;
			look_further(&curve->stay, part_of(curve->returns[b], b, horizon - start));
		}
		look_further(&o, curve->whole[b]);
	}
}

/* The rate so far may be the best. */
static inline void note_rate(const struct life_curve *curve, struct prospect *p)
{
	p->best_rate = MAX(p->best_rate, (ONE - p->end.survivors) * curve->frames / p->end.ticks);
}

struct prospect life_prospect(const struct life_curve *curve, u64 from, u64 reach)
{
	u64 at = from, end = from + reach;
	u32 b = age_bucket(from), last = age_bucket(end), decides;
	struct prospect p = { { 1, ONE }, 0 };

	if (b < curve->young_buckets) {
		p.end = curve->young;
		b = decides = curve->young_buckets;
		at = age_bucket_start(b);
	} else {
		decides = age_bucket(from + curve->frames / SHORTEST_STAY);
		if (b < last) {
			at = age_bucket_start(b + 1);
			look_further(&p.end, part_of(curve->returns[b], b, at - from));
			if (b++ >= decides)
				note_rate(curve, &p);
		}
	}
	for (; b < last; b++) {
		look_further(&p.end, curve->whole[b]);
		if (b >= decides)
			note_rate(curve, &p);
		at += age_bucket_ticks(b);
	}
	look_further(&p.end, part_of(curve->returns[last], last, end - at));
	note_rate(curve, &p);
	return p;
}

/* What becomes of a page that has just left, until it is so old. */
static struct outlook outlook_at(const struct life_curve *curve, u64 age)
{
	u32 last = age_bucket(age);
	struct outlook o = curve->young;

	for (u32 b = curve->young_buckets; b < last; b++)
		look_further(&o, curve->whole[b]);
	look_further(&o, part_of(curve->returns[last], last, age - age_bucket_start(last)));
	return o;
}

/* Of each age there are as many as stay away for so long: their number is the time that one is expected to stay, up to there. */
u64 life_age_of_share(const struct life_curve *curve, u64 oldest, u64 share)
{
	u32 b = curve->young_buckets, last = age_bucket(oldest);
	u64 start = age_bucket_start(b), before = 0, wanted;
	struct outlook o = curve->young;

	if (oldest <= start)
		return oldest * share / ONE;
	wanted = outlook_at(curve, oldest).ticks * share / ONE;
	if (wanted <= o.ticks)
		return start * wanted / o.ticks;
	for (; b <= last && o.ticks < wanted; b++) {
		start = age_bucket_start(b);
		before = o.ticks;
		look_further(&o, curve->whole[b]);
	}
	start += age_bucket_ticks(b - 1) * (wanted - before) / MAX(o.ticks - before, 1UL);
	return MIN(start, oldest);
}

u64 life_seen_of_prior(const struct mm_snapshot *s, enum page_type type)
{
	const struct type_snapshot *t = &s->type[type];
	u64 slope = priors[type].returns * ONE / s->managed_frames;
	u64 expected = UNSEEN_RETURNS * ONE, seen = 0, start = 0, next;

	for (u32 b = 0; (next = start + age_bucket_ticks(b)) <= s->managed_frames;
	     start = next, b++) {
		expected += t->away[b] * (slope * next / ONE);
		seen += t->back[b] * ONE;
	}
	return MIN(seen, expected) / (expected / ONE + 1);
}

struct outlook life_stay_as_seen(const struct mm_snapshot *s, enum page_type type,
				 const struct life_curve *curve, u64 seen)
{
	u64 prior = prior_slope(type, curve->frames) * curve->frames / ONE * seen / ONE;
	u64 end = UNSEEN_HORIZON * curve->frames, next;
	u64 start = age_bucket_start(curve->young_buckets);
	struct outlook o = curve->young;

	for (u32 b = curve->young_buckets; start < end; start = next, b++) {
		u64 returns = curve->returns[b];

		next = start + age_bucket_ticks(b);
		if (next > curve->frames)
			returns = returns_in(&s->type[type], b, prior, priors[type].pages, false);
		look_further(&o, part_of(returns, b, MIN(next, end) - start));
	}
	return o;
}
