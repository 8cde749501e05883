/* SPDX-License-Identifier: MIT */
/*
 * disk.c (host) - the simulated disk.
 *
 * A device may fetch the bytes of a write at any moment between submission and completion; which
 * one is a throw of the dice here, so that a page changed while it is written out without anyone
 * noticing ends in a difference of contents sooner or later.
 */
#include "tests/host/disk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/print.h"
#include "tests/host/env_internal.h"

/* One request in flight. */
struct flight {
	struct host_event event;
	struct host_disk *disk;
	struct bio *bio;
	bool copied;
};

static void transfer(const struct flight *flight)
{
	const struct bio *bio = flight->bio;
	u8 *at = flight->disk->data + (bio->sector << SECTOR_SHIFT);

	for (u32 i = 0; i < bio->nr_segs; i++) {
		if (bio->op == BIO_READ)
			memcpy(bio->segs[i].addr, at, bio->segs[i].len_bytes);
		else
			memcpy(at, bio->segs[i].addr, bio->segs[i].len_bytes);
		at += bio->segs[i].len_bytes;
	}
}

static bool fails(const struct host_disk *disk, const struct bio *bio)
{
	u32 percent = bio->op == BIO_READ    ? disk->fail_read_percent
		      : bio->op == BIO_WRITE ? disk->fail_write_percent
					     : 0;
	u64 bad = disk->bad_block ? disk->bad_block * (PAGE_SIZE / SECTOR_SIZE) : UINT64_MAX;

	if (bio->op == BIO_READ && bad >= bio->sector &&
	    bad < bio->sector + bio_bytes(bio) / SECTOR_SIZE)
		return true;
	return prng_chance(&host_rng, percent);
}

static void request_done(void *arg)
{
	struct flight *flight = arg;
	struct bio *bio = flight->bio;
	int error = 0;

	if (fails(flight->disk, bio))
		error = -EIO;
	else if (!flight->copied && bio->op != BIO_FLUSH)
		transfer(flight);
	flight->disk->in_flight--;
	free(flight);
	bio_complete(bio, error);
}

static void submit(struct block_device *dev, struct bio *bio)
{
	struct host_disk *disk = dev->driver;
	struct flight *flight = calloc(1, sizeof(*flight));
	u64 spread = disk->max_latency_ns - disk->min_latency_ns;

	host_may_sleep("bio_submit");
	if (!flight)
		panic("host: no memory for a request");
	flight->disk = disk;
	flight->bio = bio;
	if (bio->op == BIO_WRITE && prng_chance(&host_rng, 50)) {
		transfer(flight);
		flight->copied = true;
	}
	disk->in_flight++;
	host_event_add(&flight->event,
		       env_now_ns() + disk->min_latency_ns + prng_below(&host_rng, spread + 1),
		       request_done, flight);
	host_preempt_point();
}

static const struct block_device_ops host_disk_ops = { .submit = submit };

void host_disk_create(struct host_disk *disk, const char *name, u64 bytes)
{
	*disk = (struct host_disk){
		.dev = { .name = name,
			 .ops = &host_disk_ops,
			 .driver = disk,
			 .nr_sectors = bytes >> SECTOR_SHIFT },
		.data = calloc(1, bytes),
		.min_latency_ns = 20 * NSEC_PER_USEC,
		.max_latency_ns = 400 * NSEC_PER_USEC,
	};
	if (!disk->data)
		panic("host: no memory for disk %s", name);
	block_register(&disk->dev);
}

void host_disk_destroy(struct host_disk *disk)
{
	free(disk->data);
	disk->data = NULL;
}

void host_disk_make_swap(struct host_disk *disk)
{
	/* Version 1, the number of the last page, no bad pages: what mkswap writes. */
	u32 header[3] = { 1, (u32)((disk->dev.nr_sectors << SECTOR_SHIFT) / PAGE_SIZE) - 1, 0 };

	memcpy(disk->data + 1024, header, sizeof(header));
	memcpy(disk->data + PAGE_SIZE - 10, "SWAPSPACE2", 10);
}
