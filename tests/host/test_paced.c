/* SPDX-License-Identifier: MIT */
/*
 * test_paced.c - the paced disk over one that answers sooner, later, out of order and wrongly.
 *
 * A second model, fed with times that are never later than the paced disk's, gives a lower bound for the
 * end of each request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/paced.h"
#include "lib/errno.h"
#include "tests/host/disk.h"
#include "tests/host/env.h"

#define NR_FRAMES   512
#define DISK_BYTES  (4 * MIB)
#define NR_REQUESTS 2000

/* --- what drivers ask of the kernel, on the simulated machine --- */

struct expiry {
	struct host_event event;
	struct platform_timer *timer;
};

u64 platform_now_ns(void)
{
	return env_now_ns();
}

/* A timer that was started again since has another time, and this expiry is void. */
static void expire(void *arg)
{
	struct expiry *expiry = arg;
	struct platform_timer *timer = expiry->timer;
	bool valid = timer->armed && timer->expires_ns == expiry->event.due_ns;

	free(expiry);
	if (valid) {
		timer->armed = false;
		timer->fn(timer->arg);
	}
}

void platform_timer_start(struct platform_timer *timer, u64 expires_ns)
{
	struct expiry *expiry = calloc(1, sizeof(*expiry));

	assert_non_null(expiry);
	timer->armed = true;
	timer->expires_ns = expires_ns;
	expiry->timer = timer;
	host_event_add(&expiry->event, expires_ns, expire, expiry);
}

/* --- requests that know when they may end --- */

static struct host_disk lower;
static struct paced_disk front;
static struct block_device *const paced = &front.blk;
static struct disk_model bound;
static u32 nr_done, nr_failed;
static u8 scratch[NR_REQUESTS][SECTOR_SIZE];

static const struct disk_pace quick = { "quick", 100 * NSEC_PER_USEC, 100000000, 4, false, "" };

static void make_disks(u64 seed, u64 min_latency_ns, u64 max_latency_ns)
{
	host_boot(NR_FRAMES, seed);
	block_reset();
	host_disk_create(&lower, "data", DISK_BYTES);
	lower.min_latency_ns = min_latency_ns;
	lower.max_latency_ns = max_latency_ns;
	paced_init(&front, &lower.dev, &quick);
	assert_ptr_equal(block_find("data"), paced);
	disk_model_init(&bound, &quick);
	nr_done = nr_failed = 0;
}

static void remove_disks(void)
{
	host_drain_events();
	host_set_preemption(0, false);
	host_disk_destroy(&lower);
}

static void ended(struct bio *bio)
{
	u64 earliest_ns = (u64)bio->private;

	assert_ptr_equal(bio->dev, paced);
	if (env_now_ns() < earliest_ns)
		fail_msg("done at %lu, which is before %lu", env_now_ns(), earliest_ns);
	nr_failed += bio->error != 0;
	nr_done++;
	bio_free(bio);
}

static void send(enum bio_op op, u64 sector, void *addr, bool timed)
{
	struct bio *bio = bio_alloc();
	u64 earliest_ns = 0;

	bio->op = op;
	bio->sector = sector;
	bio->done = ended;
	if (op != BIO_FLUSH)
		assert_true(bio_add(bio, addr, SECTOR_SIZE));
	if (timed)
		earliest_ns = disk_model_submit(&bound, op, sector, bio_bytes(bio), env_now_ns());
	bio->private = (void *)earliest_ns;
	bio_submit(paced, bio);
}

static void wait_for(u32 nr)
{
	u64 limit_ns = env_now_ns() + 100 * NSEC_PER_SEC;

	while (nr_done < nr && env_now_ns() < limit_ns)
		env_sleep_ns(NSEC_PER_MSEC);
	assert_int_equal(nr_done, nr);
}

static void send_many(u64 seed, u64 min_latency_ns, u64 max_latency_ns)
{
	make_disks(seed, min_latency_ns, max_latency_ns);
	host_set_preemption(20, seed & 1);
	for (u32 i = 0; i < NR_REQUESTS; i++) {
		send((enum bio_op)prng_below(&host_rng, 3), i % 4096, scratch[i], true);
		if (!prng_below(&host_rng, 50))
			env_sleep_ns(prng_below(&host_rng, 4 * NSEC_PER_MSEC));
	}
	wait_for(NR_REQUESTS);
	assert_int_equal(nr_failed, 0);
	assert_int_equal(paced->reads + paced->writes + paced->flushes, NR_REQUESTS);
	assert_int_equal(paced->reads, lower.dev.reads);
	assert_int_equal(paced->writes, lower.dev.writes);
	assert_true(paced->read_ns >= lower.dev.read_ns);
	assert_true(paced->read_ns >= paced->reads * quick.access_ns);
	remove_disks();
}

/* Below much faster, about the same, slower. */
static void test_never_early(void **state)
{
	send_many(1, 0, 1000);
	send_many(2, 10 * NSEC_PER_USEC, 400 * NSEC_PER_USEC);
	send_many(3, 10 * NSEC_PER_USEC, 400 * NSEC_PER_USEC);
}

/* Nothing is added to what the slower of the two needs. */
static void test_never_late(void **state)
{
	u64 start_ns, took_ns;

	make_disks(4, NSEC_PER_MSEC, NSEC_PER_MSEC);
	start_ns = env_now_ns();
	assert_int_equal(block_rw(paced, BIO_READ, 0, scratch, SECTOR_SIZE), 0);
	took_ns = env_now_ns() - start_ns;
	assert_in_range(took_ns, NSEC_PER_MSEC, NSEC_PER_MSEC + 20 * NSEC_PER_USEC);
	lower.min_latency_ns = lower.max_latency_ns = 0;
	start_ns = env_now_ns();
	assert_int_equal(block_rw(paced, BIO_READ, 0, scratch, SECTOR_SIZE), 0);
	took_ns = env_now_ns() - start_ns;
	assert_in_range(took_ns, quick.access_ns, quick.access_ns + 30 * NSEC_PER_USEC);
	remove_disks();
}

static void sender(void *arg)
{
	for (u32 i = 0; i < 200; i++)
		send(i & 1 ? BIO_READ : BIO_WRITE, (u64)arg, scratch[(u64)arg], false);
}

/* More senders than there are requests, at once: all come back. */
static void test_many_threads(void **state)
{
	for (u64 seed = 5; seed < 9; seed++) {
		make_disks(seed, 0, 200 * NSEC_PER_USEC);
		host_set_preemption(30, seed & 1);
		for (u64 i = 0; i < 8; i++)
			env_start_thread("sender", sender, (void *)i);
		wait_for(8 * 200);
		assert_int_equal(paced->reads + paced->writes, 8 * 200);
		remove_disks();
	}
}

/* Contents arrive; errors too, counted once on each disk; a bad request does not get below. */
static void test_contents_and_errors(void **state)
{
	static u8 out[64 * KIB], in[64 * KIB];
	struct prng rng;

	make_disks(9, 0, 200 * NSEC_PER_USEC);
	prng_seed(&rng, 9);
	prng_fill(&rng, out, sizeof(out));
	assert_int_equal(block_rw(paced, BIO_WRITE, 7, out, sizeof(out)), 0);
	assert_int_equal(block_rw(paced, BIO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(block_rw(paced, BIO_READ, 7, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	lower.fail_read_percent = 100;
	assert_int_equal(block_rw(paced, BIO_READ, 7, in, SECTOR_SIZE), -EIO);
	assert_int_equal(paced->errors, 1);
	assert_int_equal(lower.dev.errors, 1);
	assert_int_equal(block_rw(paced, BIO_READ, DISK_BYTES >> SECTOR_SHIFT, in, SECTOR_SIZE),
			 -EIO);
	assert_int_equal(paced->errors, 2);
	assert_int_equal(lower.dev.errors, 1);
	assert_int_equal(paced->reads, 1);
	remove_disks();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_early),
		cmocka_unit_test(test_never_late),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_contents_and_errors),
	};

	return cmocka_run_group_tests_name("paced", tests, NULL, NULL);
}
