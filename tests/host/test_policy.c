/* SPDX-License-Identifier: MIT */
/* test_policy.c - policies are pure functions: a snapshot in, a decision out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/prng.h"
#include "mm/policy.h"

#define MANAGED	 10000
#define CAP	 2000 /* a fifth: the default of zswap, and of zcache for anon pages */
#define ACCEPT	 1800
#define FILE_CAP 1000 /* a tenth: zcache */

static void set_disk(struct type_snapshot *t, u64 read_ns)
{
	t->disk_read_ns = read_ns;
	t->swap_read_ns = read_ns;
	t->evict_back_ns = read_ns;
}

/*
 * A machine where both types have cold pages, and file pages cost more to lose: unless the policy has a
 * reason, anon pages give.
 */
static struct mm_snapshot snapshot(const struct policy *policy, u64 pool)
{
	struct mm_snapshot s = { .managed_frames = MANAGED, .priority = 12 };

	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s.type[type];

		t->active_frames = 1000;
		t->inactive_frames = 1000;
		t->compress_ns = 40000;
		t->decompress_ns = 12000;
		set_disk(t, 200000);
		t->disk_write_ns = 20000;
		t->evict_write_ns = 20000;
		t->zpage_bytes = PAGE_SIZE / 2;
		t->stored_share = STORED_SHARE_ONE;
		t->can_evict = true;
	}
	for (u32 i = 0; i < policy->nr_settings; i++)
		s.setting[i] = policy->settings[i].initial;
	s.type[TYPE_ANON].compressed_frames = pool;
	s.type[TYPE_ANON].stored_pages = 2 * pool;
	s.type[TYPE_FILE].left[LEFT_TO_DISK] = 1000;
	s.type[TYPE_FILE].came_back[LEFT_TO_DISK] = 900 * COMEBACK_ONE;
	return s;
}

static struct mm_decision decide(const struct policy *policy, const struct mm_snapshot *s)
{
	struct mm_decision d;

	memset(&d, 0, sizeof(d));
	policy->decide(s, &d);
	return d;
}

static void expect(const struct policy *policy, const struct mm_snapshot *s, enum lru_list list,
		   bool compress)
{
	struct mm_decision d = decide(policy, s);

	if (d.list != list || d.compress != compress)
		fail_msg("%s chose list %d, %s; not %d, %s", policy->name, d.list,
			 d.compress ? "compresses" : "does not", list,
			 compress ? "compresses" : "does not");
}

/*
 * Up to the cap anon pages are compressed. From there down to the threshold the pool refuses: one
 * round writes its oldest back, the next sends cold pages past it to disk.
 */
static void test_zswap_cap(void **state)
{
	static const struct {
		u64 pool;
		bool was_full, full;
	} cases[] = {
		{ 0, false, false },	 { 0, true, false },	       { CAP - 1, false, false },
		{ CAP, false, true },	 { CAP - 1, true, true },      { ACCEPT + 1, true, true },
		{ ACCEPT, true, false }, { ACCEPT + 1, false, false },
	};

	for (u32 i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const bool full = cases[i / 2].full, turn = i % 2;
		struct mm_snapshot s = snapshot(&policy_zswap, cases[i / 2].pool);

		s.was_refusing = cases[i / 2].was_full ? BIT(TYPE_ANON) : 0;
		s.round = i;
		assert_int_equal(decide(&policy_zswap, &s).refusing, full ? BIT(TYPE_ANON) : 0);
		expect(&policy_zswap, &s, full && turn ? LRU_COMPRESSED_ANON : LRU_INACTIVE_ANON,
		       !full);
	}
}

/* A full pool that cannot be written back refuses; what it refuses needs room on the disk. */
static void test_zswap_full(void **state)
{
	struct mm_snapshot s = snapshot(&policy_zswap, CAP);

	s.round = 1;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect(&policy_zswap, &s, LRU_INACTIVE_ANON, false);
	s.type[TYPE_ANON].can_evict = false;
	s.barren = 0;
	expect(&policy_zswap, &s, LRU_INACTIVE_FILE, false);
	s.barren = BIT(LRU_INACTIVE_FILE);
	expect(&policy_zswap, &s, NR_LRU_LISTS, false);
	/* When nothing else can give, the pool does without its turn. */
	s = snapshot(&policy_zswap, CAP);
	s.barren = BIT(LRU_INACTIVE_FILE) | BIT(LRU_INACTIVE_ANON);
	expect(&policy_zswap, &s, LRU_COMPRESSED_ANON, false);
	/* Below the cap anon pages need no disk. */
	s = snapshot(&policy_zswap, CAP - 1);
	s.type[TYPE_ANON].can_evict = false;
	expect(&policy_zswap, &s, LRU_INACTIVE_ANON, true);
}

static void randomise(struct prng *rng, struct mm_snapshot *s)
{
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s->type[type];

		t->inactive_frames = prng_below(rng, 2) * prng_below(rng, 2000);
		t->compressed_frames = prng_below(rng, 2) * prng_below(rng, 4000);
		t->stored_pages = t->compressed_frames * (1 + prng_below(rng, 4));
		t->same_pages = prng_below(rng, 1000);
		t->zpage_bytes = prng_below(rng, PAGE_SIZE + 1);
		t->near_hits = prng_below(rng, 2) * prng_below(rng, 1000);
		t->far_hits = prng_below(rng, 2) * prng_below(rng, 1000);
		t->usual_inactive = prng_below(rng, 2) * prng_below(rng, 2000);
		t->store_age = prng_below(rng, BIT(prng_below(rng, 23)));
		t->stored_share = prng_below(rng, STORED_SHARE_ONE + 1);
		t->evict_write_ns = prng_below(rng, 1000000);
		for (u32 b = 0; b < AGE_BUCKETS; b++) {
			t->away[b] = prng_below(rng, 2) * prng_below(rng, 20000);
			t->back[b] = prng_below(rng, 2) * prng_below(rng, 20000);
		}
		for (u32 path = 0; path < NR_LEAVE_PATHS; path++) {
			t->left[path] = prng_below(rng, 1000);
			t->came_back[path] = prng_below(rng, 1 + t->left[path]) * COMEBACK_ONE;
		}
	}
	s->type[TYPE_ANON].can_evict = prng_chance(rng, 70);
	s->barren = (u32)prng_below(rng, BIT(NR_LRU_LISTS)) & (u32)prng_next(rng);
	s->was_refusing = (u32)prng_below(rng, BIT(NR_PAGE_TYPES));
	s->round = prng_next(rng);
	s->price_ns = prng_below(rng, 1000000);
	s->leisure_ns = prng_below(rng, 2) * prng_below(rng, 1000000);
	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		s->type[type].resting = prng_chance(rng, 30);
		s->type[type].others_lost_ns = prng_below(rng, BIT(prng_below(rng, 45)));
	}
}

/* A policy that never evicts, or never compresses, has no such line in its decision. */
static void test_none_and_zram_never_evict(void **state)
{
	struct prng rng;

	prng_seed(&rng, 2);
	for (u32 round = 0; round < 10000; round++) {
		const struct policy *policy = round % 2 ? &policy_none : &policy_zram;
		struct mm_snapshot s = snapshot(policy, 0);
		enum lru_list list;

		randomise(&rng, &s);
		list = decide(policy, &s).list;
		assert_true(list != LRU_COMPRESSED_ANON && list != LRU_COMPRESSED_FILE);
	}
}

/* A cap of nothing is no compression, whatever the machine looks like. */
static void test_cap_zero_is_none(void **state)
{
	static const struct policy *const capped[] = { &policy_zswap, &policy_zcache };
	struct prng rng;

	prng_seed(&rng, 3);
	for (u32 round = 0; round < 10000; round++) {
		const struct policy *policy = capped[round % ARRAY_SIZE(capped)];
		struct mm_snapshot s = snapshot(policy, 0);
		struct mm_decision d, none;

		randomise(&rng, &s);
		for (u32 type = 0; type < NR_PAGE_TYPES; type++)
			s.type[type].compressed_frames = 0;
		s.setting[0] = 0;
		if (policy == &policy_zcache)
			s.setting[1] = 0;
		d = decide(policy, &s);
		none = decide(&policy_none, &s);
		assert_false(d.compress);
		/* A file page needs no room on a disk; an anon page that has none stays. */
		assert_int_equal(d.list, none.list);
		assert_int_equal(d.spill, none.spill);
	}
}

/* The device counts pages, same-filled ones too; full, it sends anon pages on, or they stay. */
static void test_zram(void **state)
{
	static const struct {
		u64 stored, same, size_pct, disk, room;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, 50, 1, 1, LRU_INACTIVE_ANON, true },
		{ 4000, 999, 50, 1, 1, LRU_INACTIVE_ANON, true },
		{ 4000, 1000, 50, 1, 1, LRU_INACTIVE_ANON, false },
		{ 5000, 0, 50, 0, 1, LRU_INACTIVE_FILE, false },
		{ 5000, 0, 50, 1, 0, LRU_INACTIVE_FILE, false },
		{ 4999, 0, 50, 0, 0, LRU_INACTIVE_ANON, true },
		{ 39999, 0, 400, 0, 0, LRU_INACTIVE_ANON, true },
		{ 0, 0, 0, 1, 1, LRU_INACTIVE_ANON, false },
		{ 0, 0, 0, 0, 1, LRU_INACTIVE_FILE, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = snapshot(&policy_zram, cases[i].stored / 3);

		s.type[TYPE_ANON].stored_pages = cases[i].stored;
		s.type[TYPE_ANON].same_pages = cases[i].same;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		s.setting[0] = cases[i].size_pct;
		s.setting[1] = cases[i].disk;
		expect(&policy_zram, &s, cases[i].list, cases[i].compress);
		assert_int_equal(decide(&policy_zram, &s).spill, cases[i].disk);
		/* Nothing else can give: out of memory. */
		s.barren = BIT(cases[i].list);
		if (cases[i].list == LRU_INACTIVE_FILE)
			expect(&policy_zram, &s, NR_LRU_LISTS, false);
	}
}

/* A comeback from the device weighs as one from disk does: that it is cheap is not known. */
static void test_zram_is_blind(void **state)
{
	struct mm_snapshot s = snapshot(&policy_zram, 100);

	s.type[TYPE_ANON].left[LEFT_TO_STORE] = 1000;
	s.type[TYPE_ANON].came_back[LEFT_TO_STORE] = 1000 * COMEBACK_ONE;
	expect(&policy_zram, &s, LRU_INACTIVE_FILE, false);
	s.setting[2] = 180;
	expect(&policy_zram, &s, LRU_INACTIVE_ANON, true);
	s.setting[2] = 0;
	s.type[TYPE_ANON].came_back[LEFT_TO_STORE] = 0;
	expect(&policy_zram, &s, LRU_INACTIVE_FILE, false);
}

/* Each pool up to its own cap; at it the oldest go. */
static void test_zcache(void **state)
{
	static const struct {
		u64 anon, file, barren;
		bool room;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, BIT(LRU_INACTIVE_FILE), true, LRU_INACTIVE_ANON, true },
		{ CAP - 1, 0, BIT(LRU_INACTIVE_FILE), true, LRU_INACTIVE_ANON, true },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE), true, LRU_COMPRESSED_ANON, false },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE) | BIT(LRU_COMPRESSED_ANON), true,
		  LRU_INACTIVE_ANON, false },
		{ CAP, 0, BIT(LRU_INACTIVE_FILE), false, NR_LRU_LISTS, false },
		{ 0, FILE_CAP - 1, BIT(LRU_INACTIVE_ANON), true, LRU_INACTIVE_FILE, true },
		{ 0, FILE_CAP, BIT(LRU_INACTIVE_ANON), true, LRU_COMPRESSED_FILE, false },
		{ 0, FILE_CAP, BIT(LRU_INACTIVE_ANON) | BIT(LRU_COMPRESSED_FILE), true,
		  LRU_INACTIVE_FILE, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = snapshot(&policy_zcache, cases[i].anon);

		s.type[TYPE_FILE].compressed_frames = cases[i].file;
		s.type[TYPE_FILE].stored_pages = 2 * cases[i].file;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		s.barren = (u32)cases[i].barren;
		expect(&policy_zcache, &s, cases[i].list, cases[i].compress);
		assert_true(decide(&policy_zcache, &s).used_once);
		s.setting[2] = 1;
		assert_false(decide(&policy_zcache, &s).used_once);
	}
}

/* As many compressed frames as resident ones are allowed, for each type by itself, file first. */
static void test_parity(void **state)
{
	static const struct {
		u64 anon, file;
		bool room;
		enum lru_list list;
	} cases[] = {
		{ 2000, 2000, true, LRU_INACTIVE_ANON },  { 2001, 0, true, LRU_COMPRESSED_ANON },
		{ 0, 2001, true, LRU_COMPRESSED_FILE },	  { 2001, 2001, true, LRU_COMPRESSED_FILE },
		{ 2001, 2000, false, LRU_INACTIVE_ANON },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = snapshot(&policy_parity, cases[i].anon);

		s.type[TYPE_FILE].compressed_frames = cases[i].file;
		s.type[TYPE_FILE].left[LEFT_TO_STORE] = 1000;
		s.type[TYPE_FILE].came_back[LEFT_TO_STORE] = 900 * COMEBACK_ONE;
		s.type[TYPE_ANON].can_evict = cases[i].room;
		expect(&policy_parity, &s, cases[i].list, cases[i].list == LRU_INACTIVE_ANON);
	}
}

/* A far hit saves 188 us, a near one loses 52: growth up to 47 near hits on 13 far ones. */
static void test_twoqueue(void **state)
{
	static const struct {
		u64 pool, near_anon, far_anon, near_file, far_file;
		enum lru_list list;
		bool compress;
	} cases[] = {
		{ 0, 0, 0, 0, 0, LRU_INACTIVE_ANON, true },
		{ 500, 47, 13, 0, 0, LRU_INACTIVE_ANON, true },
		{ 500, 48, 13, 0, 0, LRU_COMPRESSED_ANON, false },
		/* One store: what file pages gain, anon pages may lose. */
		{ 500, 48, 13, 0, 1, LRU_INACTIVE_ANON, true },
		{ 500, 47, 13, 1, 0, LRU_COMPRESSED_ANON, false },
		/* Nothing left to shrink: cold pages go to disk. */
		{ 0, 48, 13, 0, 0, LRU_INACTIVE_ANON, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_snapshot s = snapshot(&policy_twoqueue, cases[i].pool);

		s.type[TYPE_ANON].near_hits = cases[i].near_anon;
		s.type[TYPE_ANON].far_hits = cases[i].far_anon;
		s.type[TYPE_FILE].near_hits = cases[i].near_file;
		s.type[TYPE_FILE].far_hits = cases[i].far_file;
		expect(&policy_twoqueue, &s, cases[i].list, cases[i].compress);
	}
}

/* Clean pages that were compressed for nothing switch that off, for clean pages alone. */
static void test_twoqueue_clean(void **state)
{
	struct mm_snapshot s = snapshot(&policy_twoqueue, 500);

	s.barren = BIT(LRU_INACTIVE_ANON);
	expect(&policy_twoqueue, &s, LRU_INACTIVE_FILE, true);
	s.type[TYPE_FILE].departures_to_store = 1000;
	expect(&policy_twoqueue, &s, LRU_INACTIVE_FILE, false);
	s.type[TYPE_FILE].far_hits = 300;
	expect(&policy_twoqueue, &s, LRU_INACTIVE_FILE, true);
	s.type[TYPE_FILE].far_hits = 0;
	s.barren = 0;
	expect(&policy_twoqueue, &s, LRU_INACTIVE_ANON, true);
}

/* A type whose pages come back after mean ticks on average, whatever their age, but for those older than dead. */
static void life(struct type_snapshot *t, u64 mean, u64 dead)
{
	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		t->away[b] = 4000;
		t->back[b] = age_bucket_start(b) < dead ? 4000 * age_bucket_ticks(b) / mean : 0;
	}
}

/* Anon pages alone, half of them compressed. */
static struct mm_snapshot anon_snapshot(u64 disk_ns)
{
	struct mm_snapshot s = snapshot(&policy_integrated, 5000);

	s.round = 1;
	s.type[TYPE_FILE].inactive_frames = 0;
	set_disk(&s.type[TYPE_ANON], disk_ns);
	s.type[TYPE_ANON].usual_inactive = s.type[TYPE_ANON].inactive_frames;
	return s;
}

/* The disk decides whether to compress; a page in the store is brought back for less than the slow one costs. */
static void test_integrated_knows_the_disk(void **state)
{
	struct mm_snapshot s = anon_snapshot(10 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	set_disk(&s.type[TYPE_ANON], 8000 * 1000);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].stored_share = 0; /* it would refuse them */
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
}

/* A fast disk is cheaper than the store where pages come back in order, and only there: both come back in any case. */
static void test_integrated_knows_order(void **state)
{
	struct mm_snapshot s = anon_snapshot(400 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].in_sequence = SEQUENCE_ONE;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	set_disk(&s.type[TYPE_ANON], 8000 * 1000);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* A file's page costs half as much to compress in time that nobody wants. Whether it was used once makes no difference. */
static void test_integrated_knows_leisure(void **state)
{
	struct mm_snapshot s = snapshot(&policy_integrated, 0);
	struct type_snapshot *file = &s.type[TYPE_FILE];

	s.type[TYPE_ANON].inactive_frames = 0;
	set_disk(file, 130 * 1000);
	life(file, MANAGED, UINT64_MAX);
	expect(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
	s.leisure_ns = file->compress_ns / 8;
	expect(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
	s.leisure_ns = file->compress_ns;
	expect(&policy_integrated, &s, LRU_INACTIVE_FILE, true);
	assert_true(decide(&policy_integrated, &s).used_once);
	/* However much there is of it. */
	set_disk(file, 90 * 1000);
	s.leisure_ns = NSEC_PER_SEC;
	expect(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
}

/* After a run of small files a frame of files' pages is worth half of what they cost, since the next one may be of a stream. */
static void test_integrated_remembers_streams(void **state)
{
	struct mm_snapshot s = snapshot(&policy_integrated, 0);
	struct type_snapshot *file = &s.type[TYPE_FILE];
	u64 small_ns, both_ns;

	s.type[TYPE_ANON].inactive_frames = 0;
	life(file, MANAGED, UINT64_MAX);
	set_disk(file, 80 * 1000);
	small_ns = decide(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE];
	file->swap_read_ns = 16 * 1000;
	both_ns = decide(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE];
	assert_in_range(both_ns, small_ns * 58 / 100, small_ns * 62 / 100);
	/* A stream's price cannot be the higher one. */
	file->swap_read_ns = 800 * 1000;
	assert_int_equal(decide(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE], small_ns);
}

/* Anon pages are compressed for the whole price. */
static void test_integrated_needs_frames_soon(void **state)
{
	struct mm_snapshot s = anon_snapshot(130 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	s.leisure_ns = NSEC_PER_SEC;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
}

/*
 * Many pages come back at once, few late; the disk costs a little more than the store with the frames that it keeps. By
 * the price that is paid the store is taken, even when all went to the disk so far; the index would keep it there.
 */
static void test_integrated_leaves_the_disk(void **state)
{
	struct mm_snapshot s = anon_snapshot(220 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	struct mm_decision d;

	life(t, 2 * MANAGED, UINT64_MAX);
	for (u32 b = 0; age_bucket_start(b) < 500; b++)
		t->back[b] = 4000 * age_bucket_ticks(b) / 1000;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	s.price_ns = 1000 * 1000;
	d = decide(&policy_integrated, &s);
	assert_true(d.list == LRU_INACTIVE_ANON && !d.compress);
	assert_true(d.paid_ns < d.cost_ns[LRU_INACTIVE_ANON] / 2);
	s.price_ns = d.cost_ns[LRU_INACTIVE_ANON];
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	s.price_ns = d.paid_ns;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.price_ns = decide(&policy_integrated, &s).paid_ns;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* Few holes are left where a frame costs less than the moves of keeping all zpages dense, and only there. */
static void test_integrated_leaves_holes(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];

	life(t, 8 * MANAGED, UINT64_MAX);
	t->departures_to_store = MANAGED;
	assert_int_equal(decide(&policy_integrated, &s).leave_holes, BIT(TYPE_ANON));
	life(t, MANAGED / 8, UINT64_MAX);
	assert_int_equal(decide(&policy_integrated, &s).leave_holes, 0);
	life(t, 8 * MANAGED, UINT64_MAX);
	t->departures_to_store = 0;
	assert_int_equal(decide(&policy_integrated, &s).leave_holes, 0);
	t->departures_to_store = MANAGED;
	assert_int_equal(decide(&policy_zswap, &s).leave_holes, 0);
}

/* Zpages that have lain longer than any that came back give; while they are wanted as much as others, they stay. */
static void test_integrated_lets_the_dead_go(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, 4 * MANAGED);
	s.type[TYPE_ANON].store_age = MANAGED;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].store_age = 8 * MANAGED;
	expect(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
}

/* Residents that come back at once are not squeezed; at the end of a list that has grown others lie. */
static void test_integrated_sees_a_list_grow(void **state)
{
	struct mm_snapshot s = anon_snapshot(200 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];

	life(t, 20000, UINT64_MAX);
	for (u32 b = 0; age_bucket_start(b) < 500; b++)
		t->back[b] = 4000 * age_bucket_ticks(b) / 250;
	t->store_age = MANAGED;
	t->usual_inactive = 100;
	t->inactive_frames = 100;
	expect(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	t->inactive_frames = 2000;
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* What the store refuses stays while the disk would bring it back too often for what other frames are worth. */
static void test_integrated_spares_what_is_refused(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	struct type_snapshot *file = &s.type[TYPE_FILE];
	struct mm_decision d, dearer;

	life(t, MANAGED, UINT64_MAX);
	t->store_age = MANAGED;
	assert_int_equal(decide(&policy_integrated, &s).spill_age_alone, 0);
	for (u32 b = 0; age_bucket_start(b) < 500; b++)
		t->back[b] = 4000 * age_bucket_ticks(b) / 250;
	d = decide(&policy_integrated, &s);
	assert_true(d.compress && d.spill);
	assert_in_range(d.spill_age_alone, 250, MANAGED);
	/* While there are others, and these cost less, for much longer: until they are worth no more than those. */
	assert_in_range(d.spill_age, 4 * d.spill_age_alone, 8 * MANAGED);
	/* Longer still alone while file pages, dearer than anon ones by the store, cost less than zpages. */
	dearer = d;
	life(file, MANAGED, UINT64_MAX);
	set_disk(file, 8000 * 1000);
	file->stored_share = 0;
	file->inactive_frames = 1000;
	d = decide(&policy_integrated, &s);
	assert_in_range(d.cost_ns[LRU_INACTIVE_FILE], d.cost_ns[LRU_INACTIVE_ANON] + 1,
			d.cost_ns[LRU_COMPRESSED_ANON] - 1);
	assert_int_equal(d.list, LRU_INACTIVE_ANON);
	assert_true(d.spill_age_alone > dearer.spill_age_alone);
	file->inactive_frames = 0;
	/* Where no other class has frames, what was paid lately tells. */
	s.type[TYPE_ANON].compressed_frames = 0;
	s.price_ns = d.cost_ns[LRU_INACTIVE_ANON];
	assert_true(decide(&policy_integrated, &s).spill_age_alone > dearer.spill_age_alone);
	s.type[TYPE_ANON].compressed_frames = 5000;
	s.price_ns = 0;
	/* Unless hardly any other page could give its frame instead. */
	t->stored_share = STORED_SHARE_ONE / 20;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	d = decide(&policy_integrated, &s);
	assert_true(d.compress && d.spill && !d.spill_age && !d.spill_age_alone);
	/* At such a price of frames nothing goes to the store, and nothing waits for it. */
	t->stored_share = STORED_SHARE_ONE;
	s.barren = 0;
	s.price_ns = 1000UL * 1000 * 1000;
	assert_int_equal(decide(&policy_integrated, &s).spill_age, 0);
	assert_false(decide(&policy_integrated, &s).compress);
}

/* Zpages in sequence are read together, as plain pages are: a store full of them is not worth what single reads cost. */
static void test_integrated_evicts_what_is_in_order(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	u64 single_ns, ordered_ns;

	life(t, MANAGED, UINT64_MAX);
	t->store_age = MANAGED;
	single_ns = decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	t->in_sequence = SEQUENCE_ONE;
	ordered_ns = decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	assert_in_range(ordered_ns, single_ns / 7, single_ns / 5);
	/* Or less, if those that were evicted have shown it. */
	t->evict_back_ns = 400 * 1000;
	assert_true(decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON] < ordered_ns / 2);
}

/* Of what nothing is known, a frame unused for a time is worth what its page costs to get back over that time; of files two fifths. */
static void test_integrated_breaks_even(void **state)
{
	for (u64 age = MANAGED; age <= 4 * MANAGED; age *= 2)
		for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
			struct mm_snapshot s = snapshot(&policy_integrated, 0);
			enum lru_list inactive = lru_of((enum page_type)i, LRU_INACTIVE_ANON);
			u64 even_ns = (i == TYPE_ANON ? 220UL : 82UL) * 1000 * MANAGED / age;

			s.type[i].usual_inactive = 1;
			s.type[i].inactive_frames = 1 + age;
			s.type[i].compress_ns = NSEC_PER_SEC;
			assert_in_range(decide(&policy_integrated, &s).cost_ns[inactive],
					even_ns * 4 / 5, even_ns * 6 / 5);
		}
}

/* Zpages older than the table of ages goes are worth what the oldest ages in it say. */
static void test_integrated_beyond_the_last_age(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	u64 oldest_ns;

	life(t, 64 * MANAGED, UINT64_MAX);
	t->store_age = age_bucket_start(AGE_BUCKETS - 1);
	oldest_ns = decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	assert_in_range(oldest_ns, 1, UINT64_MAX / 2);
	for (u32 times = 2; times <= 32; times *= 2) {
		t->store_age = times * age_bucket_start(AGE_BUCKETS - 1);
		assert_in_range(decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON],
				oldest_ns * 9 / 10, oldest_ns * 11 / 10);
	}
}

/*
 * A type at rest gives nothing to the disk until the other has paid what it would cost to bring it back; squeezing it is
 * another matter. Then its worth falls.
 */
static void test_integrated_leaves_rest_alone(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *anon = &s.type[TYPE_ANON], *file = &s.type[TYPE_FILE];
	u64 dear_ns;

	life(anon, MANAGED, 4 * MANAGED);
	life(file, MANAGED, UINT64_MAX);
	anon->store_age = 8 * MANAGED;
	file->inactive_frames = 1000;
	expect(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	anon->resting = true;
	assert_int_not_equal(decide(&policy_integrated, &s).list, LRU_COMPRESSED_ANON);
	s.barren = BIT(LRU_INACTIVE_FILE);
	expect(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	assert_true(decide(&policy_integrated, &s).spill_age > 4 * MANAGED);
	assert_true(decide(&policy_integrated, &s).spill_age_alone > 4 * MANAGED);
	s.barren |= BIT(LRU_INACTIVE_ANON); /* there is nothing else */
	expect(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	dear_ns = decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	s.barren = 0;
	anon->others_lost_ns = anon->stored_pages * anon->evict_back_ns;
	expect(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	anon->others_lost_ns *= 10;
	assert_in_range(decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON], dear_ns / 11,
			dear_ns / 9);
	/* Also where all the sums are large. */
	anon->compressed_frames *= 1000 * 1000;
	anon->stored_pages *= 1000 * 1000;
	anon->others_lost_ns *= 1000 * 1000;
	assert_in_range(decide(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON], dear_ns / 11,
			dear_ns / 9);
}

/* Any snapshot: what is chosen can give, and what the policy does not compress is not compressed. */
static void test_any_snapshot(void **state)
{
	const struct policy *const policies[] = {
		&policy_integrated, &policy_none,   &policy_zram,     &policy_zswap,
		&policy_zcache,	    &policy_parity, &policy_twoqueue,
	};
	struct prng rng;

	prng_seed(&rng, 1);
	for (u32 round = 0; round < 70000; round++) {
		const struct policy *policy = policies[round % ARRAY_SIZE(policies)];
		struct mm_snapshot s = snapshot(policy, 0);
		const u64 *frames[NR_LRU_LISTS] = {
			[LRU_INACTIVE_ANON] = &s.type[TYPE_ANON].inactive_frames,
			[LRU_COMPRESSED_ANON] = &s.type[TYPE_ANON].compressed_frames,
			[LRU_INACTIVE_FILE] = &s.type[TYPE_FILE].inactive_frames,
			[LRU_COMPRESSED_FILE] = &s.type[TYPE_FILE].compressed_frames,
		};
		struct mm_decision d;

		randomise(&rng, &s);
		for (u32 i = 0; i < policy->nr_settings; i++)
			s.setting[i] = policy->settings[i].min +
				       prng_below(&rng, policy->settings[i].max -
								policy->settings[i].min + 1);
		d = decide(policy, &s);
		if (d.list == NR_LRU_LISTS)
			continue;
		assert_true(frames[d.list] && *frames[d.list]);
		assert_false(s.barren & BIT(d.list));
		assert_true(d.cost_ns[d.list] < UINT64_MAX);
		if (d.compress)
			assert_true(policy->compresses[d.list >= LRU_INACTIVE_FILE]);
	}
}

/* A file with cold pages always has something to give: no policy runs out while one can be dropped. */
static void test_file_pages_can_always_give(void **state)
{
	static const struct policy *const policies[] = {
		&policy_integrated, &policy_none,   &policy_zram,     &policy_zswap,
		&policy_zcache,	    &policy_parity, &policy_twoqueue,
	};
	struct prng rng;

	prng_seed(&rng, 4);
	for (u32 round = 0; round < 20000; round++) {
		const struct policy *policy = policies[round % ARRAY_SIZE(policies)];
		struct mm_snapshot s = snapshot(policy, 0);

		randomise(&rng, &s);
		s.type[TYPE_FILE].inactive_frames++;
		s.barren &= ~BIT(LRU_INACTIVE_FILE);
		assert_int_not_equal(decide(policy, &s).list, NR_LRU_LISTS);
	}
}

static const struct {
	const char *text, *error; /* NULL: fine */
} texts[] = {
	{ "zswap", NULL },
	{ "zram,size_pct=400,disk=0,swappiness=180", NULL },
	{ "zcache,file_pct=0,active_only=1", NULL },
	{ "zra",
	  "no such policy; allowed: integrated, none, zram, zswap, zcache, parity, twoqueue" },
	{ "zram,", "settings of zram: size_pct, disk, swappiness" },
	{ "zram,size_pct", "a setting is name=number" },
	{ "zram,size_pct=", "a setting is name=number" },
	{ "zram,size_pct=9x", "a setting is name=number" },
	{ "zram,max_pool_pct=9", "settings of zram: size_pct, disk, swappiness" },
	{ "parity,max_pool_pct=9", "settings of parity: none" },
	{ "zram,disk=2", "disk is from 0 to 1: 1: what finds the device full" },
	{ "zswap,max_pool_pct=101", "max_pool_pct is from 0 to 100: percent of memory" },
	{ "zswap,max_pool_pct=18446744073709551617", "max_pool_pct is from 0 to 100" },
};

static void test_parse(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct policy_choice choice;
		char error[256] = "";

		assert_int_equal(policy_parse(texts[i].text, &choice, error, sizeof(error)),
				 !texts[i].error);
		if (texts[i].error && !strstr(error, texts[i].error))
			fail_msg("%s: \"%s\"", texts[i].text, error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zswap_cap),
		cmocka_unit_test(test_zswap_full),
		cmocka_unit_test(test_none_and_zram_never_evict),
		cmocka_unit_test(test_cap_zero_is_none),
		cmocka_unit_test(test_zram),
		cmocka_unit_test(test_zram_is_blind),
		cmocka_unit_test(test_zcache),
		cmocka_unit_test(test_parity),
		cmocka_unit_test(test_twoqueue),
		cmocka_unit_test(test_twoqueue_clean),
		cmocka_unit_test(test_integrated_knows_the_disk),
		cmocka_unit_test(test_integrated_knows_order),
		cmocka_unit_test(test_integrated_knows_leisure),
		cmocka_unit_test(test_integrated_remembers_streams),
		cmocka_unit_test(test_integrated_needs_frames_soon),
		cmocka_unit_test(test_integrated_leaves_the_disk),
		cmocka_unit_test(test_integrated_leaves_holes),
		cmocka_unit_test(test_integrated_lets_the_dead_go),
		cmocka_unit_test(test_integrated_sees_a_list_grow),
		cmocka_unit_test(test_integrated_spares_what_is_refused),
		cmocka_unit_test(test_integrated_evicts_what_is_in_order),
		cmocka_unit_test(test_integrated_breaks_even),
		cmocka_unit_test(test_integrated_beyond_the_last_age),
		cmocka_unit_test(test_integrated_leaves_rest_alone),
		cmocka_unit_test(test_any_snapshot),
		cmocka_unit_test(test_file_pages_can_always_give),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
