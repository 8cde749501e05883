/* SPDX-License-Identifier: MIT */
/* test_file_stream.c - pages of a file that came in a stream, and those that came alone, leave by different ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/entry.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "tests/host/env.h"
#include "tests/host/sim_file.h"

#define NR_FRAMES    4096
#define FILE_PAGES   512UL
#define STREAM_PAGES 128UL /* the file's first ones */
#define NR_SINGLES   16UL
#define CHEAP_NS     10000UL /* for a page in a stream */
#define SINGLE_NS    160000UL
#define DEAR_NS	     400000UL

static struct host_disk disk;
static struct sim_file file;

/* So far from each other, and from what is read ahead behind the stream, that none is another's neighbour. */
static u64 single(u64 i)
{
	return STREAM_PAGES + 64 + i * (FILE_PAGES - STREAM_PAGES - 64) / NR_SINGLES;
}

static void read_page(u64 page, struct file_ra *ra)
{
	assert_int_equal(sim_file_read(&file, page * WORDS_PER_PAGE, WORDS_PER_PAGE, 0, ra),
			 PAGE_SIZE);
}

static void read_all(void)
{
	struct file_ra ra = { 0 };

	for (u64 page = 0; page < STREAM_PAGES; page++)
		read_page(page, &ra);
	for (u64 i = 0; i < NR_SINGLES; i++)
		read_page(single(i), &ra);
}

/* What reads have cost for long. */
static void set_read_ns(u64 ns)
{
	for (u32 i = 0; i < 1000; i++)
		cost_note_disk(TYPE_FILE, COST_DISK_READ, ns, 1);
}

static void set_cpu_ns(u64 compress_ns, u64 decompress_ns)
{
	for (u32 i = 0; i < 2000; i++) {
		cost_note_cpu(TYPE_FILE, COST_COMPRESS, compress_ns);
		cost_note_cpu(TYPE_FILE, COST_DECOMPRESS, decompress_ns);
	}
}

static void reclaim_all(void)
{
	reclaim_list(LRU_INACTIVE_FILE, FILE_PAGES);
	assert_int_equal(file.mapping.nr_pages, 0);
	mm_verify();
}

static bool is_stored(u64 page)
{
	return entry_is(*mapping_slot(&file.mapping, page), ENTRY_ZPAGE);
}

static u64 stored_of_stream(void)
{
	u64 nr = 0;

	for (u64 page = 0; page < STREAM_PAGES; page++)
		nr += is_stored(page);
	return nr;
}

static u64 stored_singles(void)
{
	u64 nr = 0;

	for (u64 i = 0; i < NR_SINGLES; i++)
		nr += is_stored(single(i));
	return nr;
}

/*
 * All pages are resident and have been used more than once; a page of a stream costs stream_ns, and reads of late cost
 * SINGLE_NS.
 */
static void setup(const char *policy, u64 stream_ns)
{
	sim_boot(NR_FRAMES, 1);
	policy_use_name(policy);
	host_disk_create(&disk, "data", FILE_PAGES * PAGE_SIZE);
	sim_file_create(&file, 1, &disk, 0, FILE_PAGES * PAGE_SIZE, 1);
	read_all();
	/* Used once: they leave for the disk, and what a stream costs is seen as they do. */
	set_read_ns(stream_ns);
	reclaim_all();
	assert_int_equal(file.mapping.nr_compressed, 0);
	read_all();
	set_read_ns(SINGLE_NS);
	set_cpu_ns(30000, 10000);
}

static void teardown(void)
{
	read_all();
	sim_file_destroy(&file);
	mm_verify();
	host_disk_destroy(&disk);
}

/* Of the cheap stream only the ends may be stored, which have one neighbour; of the others all. */
static void test_cheap_stream_stays_out(void **state)
{
	setup("integrated", CHEAP_NS);
	reclaim_all();
	assert_int_equal(stored_singles(), NR_SINGLES);
	assert_in_range(stored_of_stream(), 0, 2);
	teardown();
}

/* Where a stream is dear too, it goes the same way. */
static void test_dear_stream_is_stored(void **state)
{
	setup("integrated", DEAR_NS);
	set_read_ns(DEAR_NS);
	reclaim_all();
	assert_int_equal(stored_singles(), NR_SINGLES);
	assert_int_equal(stored_of_stream(), STREAM_PAGES);
	teardown();
}

/* Policies that do not ask store all. */
static void test_others_store_all(void **state)
{
	setup("zcache", CHEAP_NS);
	reclaim_all();
	assert_int_equal(stored_singles(), NR_SINGLES);
	assert_int_equal(stored_of_stream(), STREAM_PAGES);
	teardown();
}

/* The price follows the average down at once, and up slowly. */
static void test_price_of_a_stream(void **state)
{
	sim_boot(NR_FRAMES, 1);
	set_read_ns(SINGLE_NS);
	cost_note_file_drop();
	assert_in_range(cost_ns(TYPE_FILE, COST_FILE_STREAM), SINGLE_NS * 9 / 10,
			SINGLE_NS * 11 / 10);
	set_read_ns(CHEAP_NS);
	cost_note_file_drop();
	assert_in_range(cost_ns(TYPE_FILE, COST_FILE_STREAM), CHEAP_NS * 9 / 10,
			CHEAP_NS * 11 / 10);
	set_read_ns(SINGLE_NS);
	for (u32 i = 0; i < 256; i++)
		cost_note_file_drop();
	assert_in_range(cost_ns(TYPE_FILE, COST_FILE_STREAM), CHEAP_NS, CHEAP_NS * 5 / 4);
	for (u32 i = 0; i < 1 << 14; i++)
		cost_note_file_drop();
	assert_in_range(cost_ns(TYPE_FILE, COST_FILE_STREAM), SINGLE_NS * 9 / 10,
			SINGLE_NS * 11 / 10);
}

/* The policy's answer: a turn through the store, dearer the more pages it refuses, against a read. */
static void test_integrated_answers(void **state)
{
	struct stream_costs costs = { 20000, 6000, STORED_SHARE_ONE, 40000, 0 };

	assert_true(policy_integrated.stores_streams(&costs));
	costs.read_ns = 38000;
	assert_false(policy_integrated.stores_streams(&costs));
	costs.read_ns = 40000;
	costs.stored_share = STORED_SHARE_ONE * 3 / 4;
	assert_false(policy_integrated.stores_streams(&costs));
}

/* Time that nobody wants takes off up to half of compressing, and nothing of decompressing. */
static void test_leisure_makes_streams_cheaper(void **state)
{
	struct stream_costs costs = { 20000, 6000, STORED_SHARE_ONE, 30000, 0 };

	assert_false(policy_integrated.stores_streams(&costs));
	costs.leisure_ns = 10000;
	assert_false(policy_integrated.stores_streams(&costs));
	costs.leisure_ns = 20000;
	assert_true(policy_integrated.stores_streams(&costs));
	costs.read_ns = 23000;
	costs.leisure_ns = NSEC_PER_SEC;
	assert_false(policy_integrated.stores_streams(&costs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cheap_stream_stays_out),
		cmocka_unit_test(test_dear_stream_is_stored),
		cmocka_unit_test(test_others_store_all),
		cmocka_unit_test(test_price_of_a_stream),
		cmocka_unit_test(test_integrated_answers),
		cmocka_unit_test(test_leisure_makes_streams_cheaper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
