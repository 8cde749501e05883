/* SPDX-License-Identifier: MIT */
/*
 * blockdev.h - the block interface: what a disk driver offers and what the
 * file system and swap use. The host simulator implements it in memory.
 */
#ifndef LIB_BLOCKDEV_H
#define LIB_BLOCKDEV_H

#include "lib/lock.h"
#include "lib/types.h"

#define SECTOR_SIZE  512UL
#define SECTOR_SHIFT 9

/* The most segments (and so, with whole pages, pages) in one request. */
#define BIO_MAX_SEGS 32

enum bio_op { BIO_READ, BIO_WRITE, BIO_FLUSH };

struct block_device;

/* One contiguous piece of memory; a direct-map address, sector multiple. */
struct bio_seg {
	void *addr;
	u32 len_bytes;
};

/*
 * One request: consecutive sectors, scattered memory. Filled by the caller,
 * owned by the device between bio_submit() and done().
 */
struct bio {
	enum bio_op op;
	u32 nr_segs;
	u64 sector;
	struct bio_seg segs[BIO_MAX_SEGS];
	int error; /* 0 or -EIO, valid in done() */
	/* Called once, in any context including interrupt; may not sleep. */
	void (*done)(struct bio *bio);
	void *private; /* the caller's */
	struct block_device *dev;
	struct list_head link; /* the device's queue, or the pool's */
	u64 driver_word;       /* the driver's */
	u64 submit_ns;	       /* set by bio_submit() */
};

struct block_device_ops {
	/* Start a request; may sleep for a place in the queue. Thread context. */
	void (*submit)(struct block_device *dev, struct bio *bio);
};

struct block_device {
	const char *name; /* "data", "swap" */
	const struct block_device_ops *ops;
	void *driver;
	u64 nr_sectors;
	bool read_only;
	bool seeks; /* one arm: requests that are not consecutive wait for each other */
	/* Requests and sectors completed, and requests failed; atomic. */
	u64 reads, writes, flushes, read_sectors, write_sectors, errors;
	/* Sum over completed requests of ns from submit to done; atomic. */
	u64 read_ns, write_ns;
};

/*
 * Requests come from a fixed pool so that writing a page out never needs
 * memory; bio_alloc() sleeps until one is free. Thread context.
 */
struct bio *bio_alloc(void);
void bio_free(struct bio *bio); /* any context */

/* Append memory; false when the request is full. */
bool bio_add(struct bio *bio, void *addr, u32 len_bytes);
u64 bio_bytes(const struct bio *bio);

/*
 * Check against the device's size (a request beyond its end completes with
 * -EIO) and start. Thread context; may sleep.
 */
void bio_submit(struct block_device *dev, struct bio *bio);
/* Drivers: the request is finished. Counts, then calls done(). Any context. */
void bio_complete(struct bio *bio, int error);

/* Synchronous helper: 0 or a negative error. Thread context; sleeps. */
int block_rw(struct block_device *dev, enum bio_op op, u64 sector, void *addr, u32 len_bytes);

/*
 * Registry, filled at boot before threads run. A device takes the place of an older one of the same
 * name. block_find(): NULL if there is none.
 */
void block_register(struct block_device *dev);
struct block_device *block_find(const char *name);

/*
 * Back to an empty registry and a full pool: for simulators that boot more than once. The state
 * of a program that has just started is this one already.
 */
void block_reset(void);

#endif
