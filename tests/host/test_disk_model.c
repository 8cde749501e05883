/* SPDX-License-Identifier: MIT */
/* test_disk_model.c - when modelled disks finish: what overlaps, what does not, and what seeking costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/disk_model.h"
#include "lib/prng.h"

#define KB4 4096UL

static u64 read_at(struct disk_model *model, u64 sector, u64 bytes, u64 now_ns)
{
	return disk_model_submit(model, BIO_READ, sector, bytes, now_ns);
}

static void test_names(void **state)
{
	char list[64];

	assert_null(disk_pace_find("tape"));
	assert_true(disk_pace_is_none(disk_pace_find("none")));
	assert_false(disk_pace_is_none(disk_pace_find("hdd")));
	assert_int_equal(disk_pace_list(list, sizeof(list)), strlen("none, nvme, ssd, hdd"));
	assert_string_equal(list, "none, nvme, ssd, hdd");
	disk_pace_list(list, 8);
	assert_string_equal(list, "none, n");
}

static void test_none(void **state)
{
	struct disk_model model;

	disk_model_init(&model, disk_pace_find("none"));
	for (u64 now = 0; now < 1000; now += 10)
		assert_int_equal(read_at(&model, now, 128 * KIB, now), now);
}

/* Accesses: as many at once as the queue is deep; the next waits for the first to end. */
static void test_queue_depth(void **state)
{
	static const struct disk_pace pace = { "p", 1000, 0, 4, false, "" };
	struct disk_model model;

	disk_model_init(&model, &pace);
	for (u32 i = 0; i < 12; i++)
		assert_int_equal(read_at(&model, i * 100, KB4, 50), 50 + 1000 * (i / 4 + 1));
	assert_int_equal(read_at(&model, 0, KB4, 1000000), 1001000); /* idle again */
}

/* The path: one transfer after the other, whoever sends; it may work while accesses go on. */
static void test_path_is_shared(void **state)
{
	static const struct disk_pace pace = { "p", 1000, KB4 * 10 * 1000, 8, false, "" };
	const u64 page_ns = NSEC_PER_SEC / (10 * 1000);
	struct disk_model model;

	disk_model_init(&model, &pace);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(read_at(&model, i, KB4, 0), 1000 + page_ns * (i + 1));
	/* Servers are free long before the path is. */
	assert_int_equal(read_at(&model, 0, KB4, 2000), 1000 + page_ns * 9);
	assert_int_equal(read_at(&model, 0, 2 * KB4, NSEC_PER_SEC),
			 NSEC_PER_SEC + 1000 + 2 * page_ns);
}

static void test_seeks(void **state)
{
	static const struct disk_pace pace = {
		"p", 1000, SECTOR_SIZE * NSEC_PER_MSEC, 1, true, ""
	};
	struct disk_model model;
	u64 now;

	disk_model_init(&model, &pace); /* 1 us a sector */
	now = read_at(&model, 0, KB4, 0);
	assert_int_equal(now, 1000 + 8000); /* the arm is nowhere at first */
	assert_int_equal(read_at(&model, 8, KB4, now), now + 8000);
	now = read_at(&model, 16, KB4, now);
	assert_int_equal(now, 9000 + 16000);
	/* A flush moves neither arm nor data. */
	assert_int_equal(disk_model_submit(&model, BIO_FLUSH, 0, 0, now), now);
	assert_int_equal(disk_model_submit(&model, BIO_WRITE, 24, KB4, now), now + 8000);
	now += 8000;
	assert_int_equal(read_at(&model, 24, KB4, now), now + 1000 + 8000); /* back */
}

/* The shipped paces keep what their texts promise: latency of one, rate of many. */
static void test_presets(void **state)
{
	static const char *const names[] = { "nvme", "ssd", "hdd" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const struct disk_pace *pace = disk_pace_find(names[i]);
		u64 bytes = 128 * KIB, done = 0, sent = 0;
		struct disk_model model;

		disk_model_init(&model, pace);
		done = read_at(&model, 0, bytes, 0);
		assert_int_equal(done,
				 pace->access_ns + bytes * NSEC_PER_SEC / pace->bytes_per_second);
		for (sent = bytes; sent < 64 * MIB; sent += bytes)
			done = read_at(&model, sent >> SECTOR_SHIFT, bytes, done - 1);
		/* One at a time and in order: seeking disks stream, others pay each access. */
		assert_in_range(done, sent * NSEC_PER_SEC / pace->bytes_per_second,
				sent * NSEC_PER_SEC / pace->bytes_per_second +
					(pace->seeks ? 1 : sent / bytes) * pace->access_ns + 1024);
	}
}

/* Whatever comes: never before it came, and in the order in which it came. */
static void test_monotonic(void **state)
{
	static const char *const names[] = { "none", "nvme", "ssd", "hdd" };
	struct prng rng;

	prng_seed(&rng, 3);
	for (u32 round = 0; round < 200; round++) {
		struct disk_model model;
		u64 now = 0, last = 0;

		disk_model_init(&model, disk_pace_find(names[round % ARRAY_SIZE(names)]));
		for (u32 i = 0; i < 500; i++) {
			enum bio_op op = (enum bio_op)prng_below(&rng, 3);
			u64 bytes = op == BIO_FLUSH ? 0 : (1 + prng_below(&rng, 256)) * SECTOR_SIZE;
			u64 done;

			now += prng_below(&rng, 1 + prng_below(&rng, NSEC_PER_MSEC));
			done = disk_model_submit(&model, op, prng_below(&rng, 4) * 256, bytes, now);
			assert_true(done >= now && done >= last);
			last = done;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_none),
		cmocka_unit_test(test_queue_depth), cmocka_unit_test(test_path_is_shared),
		cmocka_unit_test(test_seeks),	    cmocka_unit_test(test_presets),
		cmocka_unit_test(test_monotonic),
	};

	return cmocka_run_group_tests_name("disk_model", tests, NULL, NULL);
}
