/* SPDX-License-Identifier: MIT */
/*
 * test_swap.c - blocks on the swap disk against a plain model: uses are exact, runs are found,
 * space that is freed is used again without falling to pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "mm/alloc.h"
#include "mm/swap.h"
#include "tests/host/disk.h"
#include "tests/host/env.h"

#define MAX_BLOCKS 16384
#define MAX_RUN	   BIO_MAX_SEGS

static struct {
	struct host_disk disk;
	u32 nr_blocks; /* with block 0 */
	u8 uses[MAX_BLOCKS];
	u32 used, next;
} model;

static void attach(u32 nr_blocks, u64 seed)
{
	memset(&model, 0, sizeof(model));
	sim_boot(1024, seed);
	host_disk_create(&model.disk, "swap", nr_blocks * PAGE_SIZE);
	host_disk_make_swap(&model.disk);
	assert_int_equal(swap_attach(&model.disk.dev), 0);
	model.nr_blocks = nr_blocks;
	model.next = 1;
}

static void check_uses(void)
{
	for (u32 block = 0; block < model.nr_blocks; block++)
		assert_int_equal(swap_uses(block), model.uses[block]);
	assert_int_equal(swap_used_blocks(), model.used);
	assert_int_equal(swap_total_blocks(), model.nr_blocks - 1);
}

/* The longest free run, at most nr, among so many blocks from where the last one ended. */
static u32 longest_near(u32 nr, u32 blocks)
{
	u32 longest = 0, length = 0, at = model.next;

	for (u32 i = 0; i < MIN(blocks, model.nr_blocks - 1); i++, at++) {
		if (at == model.nr_blocks) {
			at = 1;
			length = 0;
		}
		length = model.uses[at] ? 0 : length + 1;
		longest = MAX(longest, length);
	}
	return MIN(longest, nr);
}

static u32 take(u32 nr)
{
	u32 near = longest_near(nr, SWAP_SEARCH_BLOCKS), anywhere = longest_near(nr, UINT32_MAX);
	u32 first = 0, got = swap_alloc(nr, &first);

	assert_true(got <= nr && got >= near);
	assert_true(!got == !anywhere);
	for (u32 i = 0; i < got; i++) {
		assert_true(first && first + i < model.nr_blocks && !model.uses[first + i]);
		model.uses[first + i] = 1;
	}
	model.used += got;
	if (got)
		model.next = first + got < model.nr_blocks ? first + got : 1;
	return got;
}

static void give(u32 block)
{
	swap_put(block);
	model.used -= --model.uses[block] == 0;
}

/* A random block in use, or 0. */
static u32 some_block(struct prng *rng)
{
	u32 from = (u32)prng_below(rng, model.nr_blocks);

	for (u32 i = 0; i < model.nr_blocks; i++) {
		if (model.uses[(from + i) % model.nr_blocks])
			return (from + i) % model.nr_blocks;
	}
	return 0;
}

static void random_steps(struct prng *rng, u32 steps, u32 fill_pct)
{
	for (u32 step = 0; step < steps; step++) {
		bool below = model.used * 100 < (model.nr_blocks - 1) * fill_pct;
		u32 block = some_block(rng);

		if (prng_chance(rng, below ? 40 : 5)) {
			take(1 + (u32)prng_below(rng, MAX_RUN));
		} else if (block && prng_chance(rng, 20) && model.uses[block] < 129) {
			swap_get(block);
			model.uses[block]++;
		} else if (block) {
			for (u32 i = 0; i < 16 && block + i < model.nr_blocks; i++) {
				if (model.uses[block + i])
					give(block + i);
			}
		}
		if (step % 64 == 0)
			check_uses();
	}
}

/* Disks that are one search long, several, and hardly anything; half full and full. */
static void test_against_model(void **state)
{
	static const u32 sizes[] = { 256, 257, 2048, 5000, MAX_BLOCKS };

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct prng rng;

		attach(sizes[i], i);
		prng_seed(&rng, i);
		random_steps(&rng, 2000, 50);
		random_steps(&rng, 2000, 100);
		while (model.used)
			give(some_block(&rng));
		check_uses();
		host_disk_destroy(&model.disk);
	}
}

static void test_full(void **state)
{
	u32 got;

	attach(300, 1);
	do {
		got = take(MAX_RUN);
	} while (got);
	assert_int_equal(model.used, 299);
	give(7);
	assert_int_equal(take(MAX_RUN), 1);
	assert_int_equal(model.uses[7], 1);
	assert_int_equal(take(1), 0);
	check_uses();
	host_disk_destroy(&model.disk);
}

/* Round the end of the disk: no run goes over it. */
static void test_wrap(void **state)
{
	u32 first;

	attach(256, 1);
	for (u32 i = 0; i < 7; i++)
		assert_int_equal(take(MAX_RUN), MAX_RUN);
	/* 31 blocks remain at the end, and the beginning is free again. */
	for (u32 block = 1; block <= MAX_RUN; block++)
		give(block);
	assert_int_equal(swap_alloc(MAX_RUN, &first), MAX_RUN);
	assert_int_equal(first, 1);
	assert_int_equal(swap_alloc(MAX_RUN, &first), 31);
	assert_int_equal(first, 225);
	host_disk_destroy(&model.disk);
}

/*
 * A long life: single blocks and whole runs come and go on a disk three quarters full, the singles
 * in no order. Requests for a run go on being served whole.
 */
static void test_no_decay(void **state)
{
	static u32 starts[MAX_BLOCKS], lengths[MAX_BLOCKS];
	u32 nr = 0, whole[2] = { 0 }, asked[2] = { 0 };
	struct prng rng;

	attach(8192, 1);
	prng_seed(&rng, 1);
	for (u32 step = 0; step < 60000; step++) {
		u32 want = prng_chance(&rng, 30) ? MAX_RUN : 1;

		while (model.used > 6144) {
			u32 victim = (u32)prng_below(&rng, nr);

			for (u32 i = 0; i < lengths[victim]; i++)
				give(starts[victim] + i);
			nr--;
			starts[victim] = starts[nr];
			lengths[victim] = lengths[nr];
		}
		lengths[nr] = swap_alloc(want, &starts[nr]);
		assert_true(lengths[nr]);
		for (u32 i = 0; i < lengths[nr]; i++)
			model.uses[starts[nr] + i] = 1;
		model.used += lengths[nr];
		if (want == MAX_RUN) {
			asked[step >= 30000]++;
			whole[step >= 30000] += lengths[nr] == MAX_RUN;
		}
		nr++;
	}
	/* The second half of its life is no worse than the first. */
	assert_true(whole[0] * 100 >= asked[0] * 80);
	assert_true(whole[1] * 100 >= asked[1] * 80);
	host_disk_destroy(&model.disk);
}

/* What is written together lies together, goes out in one request, and is read in one. */
static void test_read_write(void **state)
{
	void *frames[MAX_RUN], *back[3];
	u32 slots[MAX_RUN];
	u64 took_ns;

	attach(512, 1);
	for (u32 i = 0; i < MAX_RUN; i++) {
		frames[i] = kmalloc(PAGE_SIZE, ALLOC_WAIT);
		memset(frames[i], (int)i, PAGE_SIZE);
	}
	assert_int_equal(swap_write_frames(frames, slots, MAX_RUN, COST_DISK_WRITE), MAX_RUN);
	assert_int_equal(model.disk.dev.writes, 1);
	for (u32 i = 1; i < MAX_RUN; i++)
		assert_int_equal(slots[i], slots[0] + i);
	for (u32 i = 0; i < ARRAY_SIZE(back); i++)
		back[i] = kmalloc(PAGE_SIZE, ALLOC_WAIT);
	assert_int_equal(swap_read(&slots[5], back, 2, &took_ns), 0);
	assert_int_equal(model.disk.dev.reads, 2); /* the header was one */
	assert_memory_equal(back[0], frames[5], PAGE_SIZE);
	assert_memory_equal(back[1], frames[6], PAGE_SIZE);
	/* Scattered: a request for each run, all under way together. */
	model.disk.min_latency_ns = model.disk.max_latency_ns = NSEC_PER_MSEC;
	assert_int_equal(swap_read((u32[]){ slots[8], slots[2], slots[3] }, back, 3, &took_ns), 0);
	assert_int_equal(model.disk.dev.reads, 4);
	assert_in_range(took_ns, NSEC_PER_MSEC, NSEC_PER_MSEC * 3 / 2);
	assert_memory_equal(back[0], frames[8], PAGE_SIZE);
	assert_memory_equal(back[1], frames[2], PAGE_SIZE);
	assert_memory_equal(back[2], frames[3], PAGE_SIZE);
	model.disk.bad_block = slots[3];
	assert_int_equal(swap_read((u32[]){ slots[8], slots[3] }, back, 2, &took_ns), -EIO);
	assert_int_equal(swap_read(&slots[4], back, 1, &took_ns), 0);
	model.disk.fail_read_percent = 100;
	assert_int_equal(swap_read(&slots[5], back, 1, &took_ns), -EIO);
	model.disk.fail_write_percent = 100;
	assert_int_equal(swap_write_frames(frames, slots, MAX_RUN, COST_DISK_WRITE), 0);
	assert_int_equal(swap_used_blocks(), MAX_RUN);
	host_disk_destroy(&model.disk);
}

/* Entries give back one block or two; more uses than can be counted are a panic. */
static void test_entries(void **state)
{
	struct zblock_ref spanning = { .slot = 1, .index = 126, .spans = true };
	entry_t e = entry_make_zswap(spanning, BIT(SHADOW_BITS) - 1);
	u32 first;

	assert_true(entry_is(e, ENTRY_ZSWAP) && entry_block(e).spans);
	assert_int_equal(entry_block(e).slot, 1);
	assert_int_equal(entry_block(e).index, 126);
	assert_int_equal(entry_shadow(e), BIT(SHADOW_BITS) - 1);
	spanning = (struct zblock_ref){ .slot = BIT(SWAP_SLOT_BITS) - 1 };
	assert_int_equal(entry_slot(entry_make_zswap(spanning, 0)), BIT(SWAP_SLOT_BITS) - 1);
	assert_false(entry_block(entry_make_zswap(spanning, 0)).spans);

	attach(256, 1);
	assert_int_equal(swap_alloc(3, &first), 3);
	swap_put_entry(e);
	assert_int_equal(swap_used_blocks(), 1);
	swap_put_entry(entry_make_swap(3, 0));
	assert_int_equal(swap_used_blocks(), 0);
	assert_int_equal(swap_alloc(1, &first), 1);
	for (u32 i = 1; i < UINT8_MAX; i++)
		swap_get(first);
	EXPECT_PANIC(swap_get(first), "swap");
	EXPECT_PANIC(swap_put(first + 1), "swap");
	host_disk_destroy(&model.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model), cmocka_unit_test(test_full),
		cmocka_unit_test(test_wrap),	      cmocka_unit_test(test_no_decay),
		cmocka_unit_test(test_read_write),    cmocka_unit_test(test_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
