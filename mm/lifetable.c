/* SPDX-License-Identifier: MIT */
/*
 * lifetable.c - how long pages stay away.
 *
 * Problem. A policy wants to know what a page is worth that has been away for so long: how likely it comes back soon.
 * Counting comebacks by distance is half of the answer. The other half is how many pages were there to come
 * back: a store full of pages that nobody asks for must count against them for as long as they lie there,
 * and not only once, when they left.
 *
 * Observation. It is the question of an insurer: of those alive at an age, how many die before they are a year older? A
 * life table divides deaths by years lived at that age (exposure). Here a page that leaves residency is born, and dies
 * when it is asked for again; its age is counted in ticks of the refault clock; a page that is freed meanwhile is
 * withdrawn. Pages on disk and in the store count alike, so that what is learnt does not hang on the path taken.
 *
 * How. Pages are counted by the time of their departure, in cohorts of a sixteenth of memory; a comeback finds its
 * cohort by the shadow's tick. Whenever a cohort is full each cohort's pages have lived through one more of its length,
 * which is added to the exposure at their age. Ages shorter than a few cohorts need no such care: there it is enough to count how
 * many departed and how many of them came back sooner.
 *
 * Returns and exposures are halved every managed_frames ticks, so that the table follows the workload.
 *
 * All this takes pages for independent of each other. When a whole type falls silent at once, because the program that
 * uses it does something else, that is one event and not a thousand deaths: while a type rests (workingset.c), its
 * pages grow older, but nothing is counted against them.
 *
 * Guard: workingset's lock for departures and the clock; the rest is atomic. What a race may lose is one count.
 */
#include "mm/lifetable.h"

#include "lib/string.h"
#include "mm/mm.h"
#include "mm/workingset.h"

#define COHORTS_A_MEMORY 16
#define NR_COHORTS	 256

static struct {
	u32 shift;     /* a cohort has BIT(shift) ticks; set once */
	u64 halved_at; /* ticks */
	struct type_table {
		u64 left;		/* departures, decayed */
		s32 away[NR_COHORTS];	/* of the last so many cohorts, who is still away; a ring */
		s64 older;		/* the same, of all cohorts before */
		u64 back[AGE_BUCKETS];	/* returns, decayed */
		u64 lived[AGE_BUCKETS]; /* pages x cohorts, decayed */
	} type[NR_PAGE_TYPES];
} tables;

void lifetable_init(void)
{
	u64 ticks = MAX(mem_layout.nr_frames / COHORTS_A_MEMORY, 16UL);

	memset(&tables, 0, sizeof(tables));
	tables.shift = 63 - (u32)__builtin_clzll(ticks);
	/* All that the ring holds must be younger than the clock's wrap. */
	tables.shift = MIN(tables.shift, SHADOW_AGE_BITS - 9U);
}

static s32 *cohort_of(struct type_table *t, u64 tick)
{
	return &t->away[(tick >> tables.shift) % NR_COHORTS];
}

void lifetable_left(enum page_type type, u64 tick)
{
	tables.type[type].left++;
	atomic_add(cohort_of(&tables.type[type], tick), 1);
}

void lifetable_forget(enum page_type type, u64 tick, u64 distance)
{
	struct type_table *t = &tables.type[type];

	if (distance >> tables.shift < NR_COHORTS - 1)
		atomic_sub(cohort_of(t, tick), 1);
	else
		atomic_sub(&t->older, 1);
}

void lifetable_back(enum page_type type, u64 tick, u64 distance)
{
	lifetable_forget(type, tick, distance);
	atomic_add(&tables.type[type].back[age_bucket(distance)], 1);
}

static void halve(struct type_table *t)
{
	t->left /= 2;
	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		t->back[b] /= 2;
		t->lived[b] /= 2;
	}
}

/* Each cohort has lived for one more cohort's length; the oldest makes room for the next. */
static void cohort_full(struct type_table *t, u64 now, bool resting)
{
	s32 *oldest = cohort_of(t, now);

	for (u64 i = 1; i < NR_COHORTS; i++) {
		s32 away = *cohort_of(t, now - (i << tables.shift));

		if (away > 0 && !resting)
			t->lived[age_bucket((2 * i - 1) << tables.shift >> 1)] += (u64)away;
	}
	t->older += *oldest;
	*oldest = 0;
	if (t->older > 0 && !resting)
		t->lived[age_bucket((u64)NR_COHORTS << tables.shift)] += (u64)t->older;
}

void lifetable_tick(u64 now, u32 resting)
{
	bool halving = now - tables.halved_at >= mem_layout.nr_frames;

	if (now & (BIT(tables.shift) - 1))
		return;
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		cohort_full(&tables.type[type], now, resting & BIT(type));
		if (halving && !(resting & BIT(type)))
			halve(&tables.type[type]);
	}
	if (halving)
		tables.halved_at = now;
}

void lifetable_snapshot(enum page_type type, struct type_snapshot *out)
{
	const struct type_table *t = &tables.type[type];
	u64 still_away = t->left;

	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		u64 ticks = age_bucket_ticks(b), back = READ_ONCE(t->back[b]);

		out->back[b] = back;
		/* Within a cohort: half of those that return are there for half of the time, say. */
		if (ticks < BIT(tables.shift))
			out->away[b] = still_away - MIN(still_away, back / 2);
		else
			out->away[b] = (t->lived[b] << tables.shift) / ticks;
		still_away -= MIN(still_away, back);
	}
}
