/* SPDX-License-Identifier: MIT */
/* test_policy_integrated.c - what integrated decides, and where the borders are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/host/policy_snapshots.h"

/* A type whose pages come back after mean ticks on average, whatever their age, but for those older than dead. */
static void life(struct type_snapshot *t, u64 mean, u64 dead)
{
	for (u32 b = 0; b < AGE_BUCKETS; b++) {
		t->away[b] = 4000;
		t->back[b] = age_bucket_start(b) < dead ? 4000 * age_bucket_ticks(b) / mean : 0;
	}
}

static void set_write(struct type_snapshot *t, u64 write_ns)
{
	t->disk_write_ns = t->evict_write_ns = write_ns;
}

/* Anon pages alone, half of them compressed. */
static struct mm_snapshot anon_snapshot(u64 disk_ns)
{
	struct mm_snapshot s = policy_snapshot(&policy_integrated, 5000);

	s.round = 1;
	s.type[TYPE_FILE].inactive_frames = 0;
	snapshot_set_disk(&s.type[TYPE_ANON], disk_ns);
	s.type[TYPE_ANON].usual_inactive = s.type[TYPE_ANON].inactive_frames;
	return s;
}

/* The disk decides whether to compress; a page in the store is brought back for less than the slow one costs. */
static void test_integrated_knows_the_disk(void **state)
{
	struct mm_snapshot s = anon_snapshot(10 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	snapshot_set_disk(&s.type[TYPE_ANON], 8000 * 1000);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].stored_share = 0; /* it would refuse them */
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
}

/* A fast disk is cheaper than the store where pages come back in order, and only there: both come back in any case. */
static void test_integrated_knows_order(void **state)
{
	struct mm_snapshot s = anon_snapshot(400 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].in_sequence = SEQUENCE_ONE;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	snapshot_set_disk(&s.type[TYPE_ANON], 8000 * 1000);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* What a frame costs by the disk: reads of a page cost measured_ns lately, single requests single_ns. The store refuses all. */
static u64 by_disk_ns(u64 measured_ns, u64 in_sequence, u64 single_ns)
{
	struct mm_snapshot s = anon_snapshot(single_ns);
	struct type_snapshot *t = &s.type[TYPE_ANON];

	life(t, MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	t->stored_share = 0;
	set_write(t, 0);
	t->disk_read_ns = measured_ns;
	t->in_sequence = in_sequence;
	return policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_ANON];
}

/*
 * What was measured and what the order lets expect are both believed: a fast disk's page costs what lies between. The lower one
 * alone is believed of a slow disk, where the difference is many turns through the store. Nothing is cheaper than a stream.
 */
static void test_integrated_half_believes_order(void **state)
{
	u64 single_ns = by_disk_ns(180 * 1000, 0, 180 * 1000);
	u64 stream_ns = by_disk_ns(30 * 1000, SEQUENCE_ONE, 180 * 1000);
	u64 slow_stream_ns = by_disk_ns(10 * 1000 * 1000, SEQUENCE_ONE, 60 * 1000 * 1000);

	assert_in_range(stream_ns, single_ns / 7, single_ns / 5);
	assert_in_range(by_disk_ns(100 * 1000, SEQUENCE_ONE, 180 * 1000), single_ns * 64 / 180,
			single_ns * 66 / 180);
	assert_in_range(by_disk_ns(100 * 1000, 0, 180 * 1000), single_ns * 139 / 180,
			single_ns * 141 / 180);
	assert_in_range(by_disk_ns(60 * 1000 * 1000, SEQUENCE_ONE, 60 * 1000 * 1000),
			slow_stream_ns, slow_stream_ns * 101 / 100);
	assert_in_range(by_disk_ns(10 * 1000 * 1000, 0, 60 * 1000 * 1000), slow_stream_ns,
			slow_stream_ns * 101 / 100);
	/* Many read ahead were found to be used just now, and count as free. */
	assert_in_range(by_disk_ns(0, SEQUENCE_ONE, 180 * 1000), stream_ns * 99 / 100,
			stream_ns * 101 / 100);
}

/* Nobody waits for a write: it hardly counts against the store. It does against files, which need none. */
static void test_integrated_hardly_counts_writes(void **state)
{
	struct mm_snapshot s = anon_snapshot(120 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	u64 free_ns;

	life(t, MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	set_write(t, 500 * 1000);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	/* But where both ways cost nearly as much. */
	snapshot_set_disk(t, 155 * 1000);
	set_write(t, 0);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	set_write(t, 20 * 1000);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	snapshot_set_disk(t, 120 * 1000);
	t->stored_share = 0;
	set_write(t, 0);
	free_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_ANON];
	set_write(t, 120 * 1000);
	/* As much as its read, and more often: not all that leave come back. */
	assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_ANON],
			free_ns * 2, free_ns * 3);
}

/* Of pages that have been away for less than memory takes to turn over so many came back; of older ones nothing is known. */
static void young_life(struct type_snapshot *t, u64 away, u64 mean)
{
	for (u32 b = 0; age_bucket_start(b) + age_bucket_ticks(b) <= MANAGED; b++) {
		t->away[b] = away;
		t->back[b] = mean ? away * age_bucket_ticks(b) / mean : 0;
	}
}

/*
 * That pages come back of which none has so far is believed where the disk is slow. Where a mistake costs little it is, if so many
 * came back sooner.
 */
static void test_integrated_believes_what_it_sees(void **state)
{
	struct mm_snapshot s = anon_snapshot(500 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];

	s.barren = BIT(LRU_COMPRESSED_ANON);
	t->zpage_bytes = PAGE_SIZE * 2 / 3;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	young_life(t, 4000, 0);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	young_life(t, 4000, MANAGED);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	/* A few say nothing. */
	young_life(t, 10, MANAGED);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	young_life(t, 4000, 0);
	/* Or lately, whatever filled the table before. */
	t->left[LEFT_TO_DISK] = 500;
	t->left[LEFT_TO_STORE] = 500;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	t->came_back[LEFT_TO_DISK] = 500 * COMEBACK_ONE;
	t->came_back[LEFT_TO_STORE] = 500 * COMEBACK_ONE;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	t->left[LEFT_TO_DISK] = t->left[LEFT_TO_STORE] = 5;
	t->came_back[LEFT_TO_DISK] = t->came_back[LEFT_TO_STORE] = 5 * COMEBACK_ONE;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	snapshot_set_disk(t, 8000 * 1000);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* A file's page costs half as much to compress in time that nobody wants. Whether it was used once makes no difference. */
static void test_integrated_knows_leisure(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_integrated, 0);
	struct type_snapshot *file = &s.type[TYPE_FILE];

	s.type[TYPE_ANON].inactive_frames = 0;
	snapshot_set_disk(file, 130 * 1000);
	life(file, MANAGED, UINT64_MAX);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
	s.leisure_ns = file->compress_ns / 8;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
	s.leisure_ns = file->compress_ns;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_FILE, true);
	assert_true(policy_answer(&policy_integrated, &s).used_once);
	/* However much there is of it. */
	snapshot_set_disk(file, 90 * 1000);
	s.leisure_ns = NSEC_PER_SEC;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_FILE, false);
}

/* After a run of small files a frame of files' pages is worth half of what they cost, since the next one may be of a stream. */
static void test_integrated_remembers_streams(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_integrated, 0);
	struct type_snapshot *file = &s.type[TYPE_FILE];
	u64 small_ns, small_zpages_ns, both_ns;

	s.type[TYPE_ANON].inactive_frames = 0;
	life(file, MANAGED, UINT64_MAX);
	snapshot_set_disk(file, 80 * 1000);
	small_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE];
	file->swap_read_ns = 16 * 1000;
	both_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE];
	assert_in_range(both_ns, small_ns * 58 / 100, small_ns * 62 / 100);
	/* So are its zpages: nothing is known of what they were part of, either. */
	s.barren = BIT(LRU_INACTIVE_FILE);
	file->compressed_frames = 1000;
	file->stored_pages = 2000;
	file->swap_read_ns = 80 * 1000;
	small_zpages_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_FILE];
	file->swap_read_ns = 16 * 1000;
	both_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_FILE];
	assert_in_range(both_ns, small_zpages_ns * 58 / 100, small_zpages_ns * 62 / 100);
	s.barren = 0;
	/* A stream's price cannot be the higher one. */
	file->swap_read_ns = 800 * 1000;
	assert_int_equal(policy_answer(&policy_integrated, &s).cost_ns[LRU_INACTIVE_FILE],
			 small_ns);
}

/* Anon pages are compressed for the whole price. */
static void test_integrated_needs_frames_soon(void **state)
{
	struct mm_snapshot s = anon_snapshot(130 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, UINT64_MAX);
	s.barren = BIT(LRU_COMPRESSED_ANON);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	s.leisure_ns = NSEC_PER_SEC;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
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
	d = policy_answer(&policy_integrated, &s);
	assert_true(d.list == LRU_INACTIVE_ANON && !d.compress);
	assert_true(d.paid_ns < d.cost_ns[LRU_INACTIVE_ANON] / 2);
	s.price_ns = d.cost_ns[LRU_INACTIVE_ANON];
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, false);
	s.price_ns = d.paid_ns;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.price_ns = policy_answer(&policy_integrated, &s).paid_ns;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
}

/* Few holes are left where a frame costs less than the moves of keeping all zpages dense, and only there. */
static void test_integrated_leaves_holes(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];

	life(t, 8 * MANAGED, UINT64_MAX);
	t->departures_to_store = MANAGED;
	assert_int_equal(policy_answer(&policy_integrated, &s).leave_holes, BIT(TYPE_ANON));
	life(t, MANAGED / 8, UINT64_MAX);
	assert_int_equal(policy_answer(&policy_integrated, &s).leave_holes, 0);
	life(t, 8 * MANAGED, UINT64_MAX);
	t->departures_to_store = 0;
	assert_int_equal(policy_answer(&policy_integrated, &s).leave_holes, 0);
	t->departures_to_store = MANAGED;
	assert_int_equal(policy_answer(&policy_zswap, &s).leave_holes, 0);
}

/* Zpages that have lain longer than any that came back give; while they are wanted as much as others, they stay. */
static void test_integrated_lets_the_dead_go(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);

	life(&s.type[TYPE_ANON], MANAGED, 4 * MANAGED);
	s.type[TYPE_ANON].store_age = MANAGED;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	s.type[TYPE_ANON].store_age = 8 * MANAGED;
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
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
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	t->inactive_frames = 2000;
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
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
	assert_int_equal(policy_answer(&policy_integrated, &s).spill_age_alone, 0);
	for (u32 b = 0; age_bucket_start(b) < 500; b++)
		t->back[b] = 4000 * age_bucket_ticks(b) / 250;
	d = policy_answer(&policy_integrated, &s);
	assert_true(d.compress && d.spill);
	assert_in_range(d.spill_age_alone, 250, MANAGED);
	/* While there are others, and these cost less, for much longer: until they are worth no more than those. */
	assert_in_range(d.spill_age, 4 * d.spill_age_alone, 8 * MANAGED);
	/* Longer still alone while file pages, dearer than anon ones by the store, cost less than zpages. */
	dearer = d;
	life(file, MANAGED, UINT64_MAX);
	snapshot_set_disk(file, 8000 * 1000);
	file->stored_share = 0;
	file->inactive_frames = 1000;
	d = policy_answer(&policy_integrated, &s);
	assert_in_range(d.cost_ns[LRU_INACTIVE_FILE], d.cost_ns[LRU_INACTIVE_ANON] + 1,
			d.cost_ns[LRU_COMPRESSED_ANON] - 1);
	assert_int_equal(d.list, LRU_INACTIVE_ANON);
	assert_true(d.spill_age_alone > dearer.spill_age_alone);
	file->inactive_frames = 0;
	/* Where no other class has frames, what was paid lately tells. */
	s.type[TYPE_ANON].compressed_frames = 0;
	s.price_ns = d.cost_ns[LRU_INACTIVE_ANON];
	assert_true(policy_answer(&policy_integrated, &s).spill_age_alone > dearer.spill_age_alone);
	s.type[TYPE_ANON].compressed_frames = 5000;
	s.price_ns = 0;
	/* Unless hardly any other page could give its frame instead. */
	t->stored_share = STORED_SHARE_ONE / 20;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	d = policy_answer(&policy_integrated, &s);
	assert_true(d.compress && d.spill && !d.spill_age && !d.spill_age_alone);
	/* At such a price of frames nothing goes to the store, and nothing waits for it. */
	t->stored_share = STORED_SHARE_ONE;
	s.barren = 0;
	s.price_ns = 1000UL * 1000 * 1000;
	assert_int_equal(policy_answer(&policy_integrated, &s).spill_age, 0);
	assert_false(policy_answer(&policy_integrated, &s).compress);
}

/* On a slow disk each of them is a read, so they stay unless frames of the other type are worth clearly more. */
static void test_integrated_is_sure_of_what_is_refused(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON], *file = &s.type[TYPE_FILE];

	/* All pages are alike; those of a file have so many zpages in a frame, and there is no other class. */
	life(t, MANAGED, UINT64_MAX);
	life(file, MANAGED, UINT64_MAX);
	snapshot_set_disk(file, 8000 * 1000);
	set_write(t, 0);
	t->compressed_frames = 0;
	t->store_age = file->store_age = MANAGED;
	file->compressed_frames = 1000;
	file->stored_pages = 1800;
	assert_true(policy_answer(&policy_integrated, &s).spill_age_alone > 4 * MANAGED);
	file->stored_pages = 2400;
	assert_int_equal(policy_answer(&policy_integrated, &s).spill_age_alone, 0);
	/* Frames of their own set are known as well as theirs: a little more is enough. */
	t->compressed_frames = 1000;
	t->stored_pages = 1300;
	assert_int_equal(policy_answer(&policy_integrated, &s).spill_age_alone, 0);
	/* And so it is where a read costs few turns through the store. */
	t->compressed_frames = 0;
	snapshot_set_disk(t, 1000 * 1000);
	snapshot_set_disk(file, 1000 * 1000);
	file->stored_pages = 1300;
	assert_true(policy_answer(&policy_integrated, &s).compress);
	assert_int_equal(policy_answer(&policy_integrated, &s).spill_age_alone, 0);
	/* They are read one by one, whatever the order of those around them. */
	snapshot_set_disk(t, 8000 * 1000);
	snapshot_set_disk(file, 8000 * 1000);
	t->disk_read_ns /= 6;
	t->in_sequence = SEQUENCE_ONE;
	file->stored_pages = 1800;
	assert_true(policy_answer(&policy_integrated, &s).spill_age_alone > 4 * MANAGED);
}

/*
 * Pages of one set come back together or not at all: that ten thousand did not is no reason to send on those that the store
 * refuses as if none ever would. What goes to the store may be thought so: that is cheap to undo.
 */
static void test_integrated_doubts_what_is_one_event(void **state)
{
	struct mm_snapshot s = anon_snapshot(640 * 1000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON], *file = &s.type[TYPE_FILE];
	struct mm_decision few, many;

	s.barren = BIT(LRU_COMPRESSED_ANON);
	t->compressed_frames = 0;
	/* So slow that the store is the cheaper way for the dead, too. */
	set_write(t, 4000 * 1000);
	for (u32 b = 0; b < AGE_BUCKETS; b++)
		t->away[b] = 60;
	/* Files' frames cost more than the write, and less than one read in sixteen. */
	life(file, MANAGED, UINT64_MAX);
	snapshot_set_disk(file, 6000 * 1000);
	file->stored_share = 0;
	file->inactive_frames = 1000;
	few = policy_answer(&policy_integrated, &s);
	for (u32 b = 0; b < AGE_BUCKETS; b++)
		t->away[b] = 10 * 1000;
	many = policy_answer(&policy_integrated, &s);
	assert_true(few.compress && many.compress);
	assert_true(few.spill_age_alone > 0);
	assert_int_equal(many.spill_age_alone, few.spill_age_alone);
}

/* Zpages in sequence are read together, as plain pages are: a store full of them is not worth what single reads cost. */
static void test_integrated_evicts_what_is_in_order(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	u64 single_ns, ordered_ns;

	life(t, MANAGED, UINT64_MAX);
	t->store_age = MANAGED;
	single_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	t->in_sequence = SEQUENCE_ONE;
	ordered_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	assert_in_range(ordered_ns, single_ns / 7, single_ns / 5);
	/* Or less, if those that were evicted have shown it. */
	t->evict_back_ns = 400 * 1000;
	assert_true(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON] <
		    ordered_ns / 2);
}

/* Frames of the store that are wanted soon cost many reads, but count as a few of what goes to disk: refusing does not last long. */
static void test_integrated_bounds_the_price(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	struct mm_decision d;
	u64 disk_ns;

	life(t, MANAGED / 64, UINT64_MAX);
	t->store_age = MANAGED;
	t->stored_share = 0;
	s.barren = BIT(LRU_COMPRESSED_ANON);
	d = policy_answer(&policy_integrated, &s);
	assert_int_equal(d.list, LRU_INACTIVE_ANON);
	assert_false(d.compress);
	disk_ns = d.paid_ns;
	s.barren = BIT(LRU_INACTIVE_ANON);
	t->stored_pages = 16 * t->compressed_frames;
	d = policy_answer(&policy_integrated, &s);
	assert_int_equal(d.list, LRU_COMPRESSED_ANON);
	assert_int_equal(d.paid_ns, 3 * disk_ns);
	assert_true(d.cost_ns[LRU_COMPRESSED_ANON] > 3 * disk_ns);
	/* What costs less is believed. */
	t->evict_back_ns = 4000;
	t->stored_pages = t->compressed_frames;
	assert_true(policy_answer(&policy_integrated, &s).paid_ns < disk_ns);
}

/* Of what nothing is known, a frame unused for a time is worth what its page costs to get back over that time; of files two fifths. */
static void test_integrated_breaks_even(void **state)
{
	for (u64 age = MANAGED; age <= 4 * MANAGED; age *= 2)
		for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
			struct mm_snapshot s = policy_snapshot(&policy_integrated, 0);
			enum lru_list inactive = lru_of((enum page_type)i, LRU_INACTIVE_ANON);
			u64 even_ns = (i == TYPE_ANON ? 220UL : 82UL) * 1000 * MANAGED / age;

			s.type[i].usual_inactive = 1;
			s.type[i].inactive_frames = 1 + age;
			s.type[i].compress_ns = NSEC_PER_SEC;
			assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[inactive],
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
	oldest_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	assert_in_range(oldest_ns, 1, UINT64_MAX / 2);
	for (u32 times = 2; times <= 32; times *= 2) {
		t->store_age = times * age_bucket_start(AGE_BUCKETS - 1);
		assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON],
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
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	anon->resting = true;
	assert_int_not_equal(policy_answer(&policy_integrated, &s).list, LRU_COMPRESSED_ANON);
	s.barren = BIT(LRU_INACTIVE_FILE);
	expect_choice(&policy_integrated, &s, LRU_INACTIVE_ANON, true);
	assert_true(policy_answer(&policy_integrated, &s).spill_age > 4 * MANAGED);
	assert_true(policy_answer(&policy_integrated, &s).spill_age_alone > 4 * MANAGED);
	s.barren |= BIT(LRU_INACTIVE_ANON); /* there is nothing else */
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	dear_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	s.barren = 0;
	anon->others_lost_ns = anon->stored_pages * anon->evict_back_ns;
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_ANON, false);
	anon->others_lost_ns *= 10;
	assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON],
			dear_ns / 11, dear_ns / 9);
	/* Also where all the sums are large. */
	anon->compressed_frames *= 1000 * 1000;
	anon->stored_pages *= 1000 * 1000;
	anon->others_lost_ns *= 1000 * 1000;
	assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON],
			dear_ns / 11, dear_ns / 9);
}

/* Behind a straggler that nobody wants there are zpages that are wanted soon: their frames leave together. */
static void test_integrated_looks_behind_a_straggler(void **state)
{
	struct mm_snapshot s = anon_snapshot(8000 * 1000);
	struct type_snapshot *t = &s.type[TYPE_ANON];
	u64 loop_ns, alone_ns;

	/* Nearly all come back when memory has turned over once. */
	life(t, MANAGED, 0);
	t->back[age_bucket(MANAGED)] = 4000 * 8;
	t->store_age = 6 * MANAGED;
	t->compressed_frames = 300;
	t->stored_pages = 600;
	loop_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	/* As it would be were all as old as that one: none comes back. */
	t->back[age_bucket(MANAGED)] = 0;
	alone_ns = policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON];
	assert_true(loop_ns > 4 * alone_ns);
	/* A store that leaves as a whole is as old as its middle. */
	t->back[age_bucket(MANAGED)] = 4000 * 8;
	t->compressed_frames = 1;
	t->stored_pages = 2;
	assert_in_range(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_ANON],
			loop_ns / 12, loop_ns / 5);
}

/* Files' zpages are left alone at rest as far as such pages came back before: a stream that nobody reads again is no set. */
static void test_integrated_knows_who_rests(void **state)
{
	struct mm_snapshot s = policy_snapshot(&policy_integrated, 0);
	struct type_snapshot *file = &s.type[TYPE_FILE];

	snapshot_set_disk(file, 8000 * 1000);
	file->compressed_frames = 1000;
	file->stored_pages = 4000;
	file->inactive_frames = 0;
	file->store_age = MANAGED;
	file->resting = true;
	file->others_lost_ns = file->stored_pages * file->evict_back_ns / 2;
	life(file, MANAGED, UINT64_MAX);
	assert_true(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_FILE] ==
		    UINT64_MAX);
	/* What is brought back as a whole is read in a stream: that has been paid for. */
	file->swap_read_ns = file->evict_back_ns / 4;
	assert_true(policy_answer(&policy_integrated, &s).cost_ns[LRU_COMPRESSED_FILE] <
		    UINT64_MAX);
	file->swap_read_ns = file->evict_back_ns;
	life(file, MANAGED, 0);
	expect_choice(&policy_integrated, &s, LRU_COMPRESSED_FILE, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integrated_knows_the_disk),
		cmocka_unit_test(test_integrated_knows_order),
		cmocka_unit_test(test_integrated_half_believes_order),
		cmocka_unit_test(test_integrated_hardly_counts_writes),
		cmocka_unit_test(test_integrated_believes_what_it_sees),
		cmocka_unit_test(test_integrated_knows_leisure),
		cmocka_unit_test(test_integrated_remembers_streams),
		cmocka_unit_test(test_integrated_needs_frames_soon),
		cmocka_unit_test(test_integrated_leaves_the_disk),
		cmocka_unit_test(test_integrated_leaves_holes),
		cmocka_unit_test(test_integrated_lets_the_dead_go),
		cmocka_unit_test(test_integrated_sees_a_list_grow),
		cmocka_unit_test(test_integrated_spares_what_is_refused),
		cmocka_unit_test(test_integrated_is_sure_of_what_is_refused),
		cmocka_unit_test(test_integrated_doubts_what_is_one_event),
		cmocka_unit_test(test_integrated_evicts_what_is_in_order),
		cmocka_unit_test(test_integrated_bounds_the_price),
		cmocka_unit_test(test_integrated_breaks_even),
		cmocka_unit_test(test_integrated_beyond_the_last_age),
		cmocka_unit_test(test_integrated_leaves_rest_alone),
		cmocka_unit_test(test_integrated_knows_who_rests),
		cmocka_unit_test(test_integrated_looks_behind_a_straggler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
