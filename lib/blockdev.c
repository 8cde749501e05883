/* SPDX-License-Identifier: MIT */
/*
 * blockdev.c - what all disks have in common: requests, checks, counts, names.
 *
 * Writing pages out is how memory is made, so a request must never need memory: requests
 * come from a pool that is part of the program's data, and who finds it empty sleeps until one
 * comes back. That cannot deadlock as long as nobody waits for a second request while holding
 * one that has not been started; a started one comes back by itself.
 *
 * Every request to every disk passes bio_submit() on its way in and bio_complete() on its
 * way out. Those two therefore check and count, and drivers only move data.
 */
#include "lib/blockdev.h"

#include "lib/assert.h"
#include "lib/clock.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

#define NR_BIOS		  64
#define MAX_BLOCKDEVS	  8
#define BLOCKDEV_NAME_MAX 32

/* The largest single request of block_rw(): others get their turn in between. */
#define RW_MAX_BYTES ((u32)(128 * KIB))

static struct {
	struct spinlock lock;  /* free, nr_fresh; irq-safe */
	struct list_head free; /* used before, and given back */
	u32 nr_fresh;	       /* bios[nr_fresh ...] have never been used */
	struct bio bios[NR_BIOS];
	struct waitqueue wq; /* for a free one */
} pool = {
	.lock = SPINLOCK_INIT("bio pool"),
	.free = LIST_HEAD_INIT(pool.free),
	.wq = WAITQUEUE_INIT(pool.wq, "bio pool waiters"),
};

/*
 * All sleepers of block_rw(). One queue for all, and not one on each sleeper's stack, so that the
 * waker touches nothing of the sleeper's once it has said that it is finished.
 */
static struct waitqueue rw_wq = WAITQUEUE_INIT(rw_wq, "block_rw");

/* Names are copied, so that an entry can be replaced when its device is no more. */
static struct {
	struct spinlock lock;
	u32 nr;
	struct {
		char name[BLOCKDEV_NAME_MAX];
		struct block_device *dev;
	} entries[MAX_BLOCKDEVS];
} registry = { .lock = SPINLOCK_INIT("block devices") };

static struct bio *pool_take(void)
{
	u64 flags = spin_lock_irqsave(&pool.lock);
	struct bio *bio = NULL;

	if (!list_empty(&pool.free)) {
		bio = list_first_entry(&pool.free, struct bio, link);
		list_del(&bio->link);
	} else if (pool.nr_fresh < NR_BIOS) {
		bio = &pool.bios[pool.nr_fresh++];
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	return bio;
}

struct bio *bio_alloc(void)
{
	struct bio *bio = NULL;

	wait_event(&pool.wq, bio || (bio = pool_take()));
	memset(bio, 0, sizeof(*bio));
	list_init(&bio->link);
	return bio;
}

void bio_free(struct bio *bio)
{
	u64 flags = spin_lock_irqsave(&pool.lock);

	DEBUG_ASSERT(bio >= pool.bios && bio < pool.bios + NR_BIOS);
	list_add(&bio->link, &pool.free);
	spin_unlock_irqrestore(&pool.lock, flags);
	wake_one(&pool.wq);
}

bool bio_add(struct bio *bio, void *addr, u32 len_bytes)
{
	if (bio->nr_segs == BIO_MAX_SEGS)
		return false;
	bio->segs[bio->nr_segs++] = (struct bio_seg){ addr, len_bytes };
	return true;
}

u64 bio_bytes(const struct bio *bio)
{
	u64 bytes = 0;

	for (u32 i = 0; i < bio->nr_segs; i++)
		bytes += bio->segs[i].len_bytes;
	return bytes;
}

/* What is wrong with a request; NULL: nothing. */
static const char *bio_fault(const struct block_device *dev, const struct bio *bio)
{
	u64 sectors = bio_bytes(bio) >> SECTOR_SHIFT;

	if (bio->op == BIO_FLUSH)
		return bio->nr_segs ? "a flush carries data" : NULL;
	if (!bio->nr_segs)
		return "it carries no data";
	for (u32 i = 0; i < bio->nr_segs; i++)
		if (!bio->segs[i].len_bytes || bio->segs[i].len_bytes % SECTOR_SIZE)
			return "a segment is not whole sectors";
	if (bio->sector > dev->nr_sectors || sectors > dev->nr_sectors - bio->sector)
		return "beyond the end of the disk";
	if (bio->op == BIO_WRITE && dev->read_only)
		return "the disk is read-only";
	return NULL;
}

void bio_submit(struct block_device *dev, struct bio *bio)
{
	const char *fault = bio_fault(dev, bio);

	bio->dev = dev;
	bio->error = 0;
	bio->submit_ns = env_now_ns();
	if (fault) {
		printk("disk \"%s\": refused to %s %lu bytes at sector %lu of %lu: %s\n", dev->name,
		       bio->op == BIO_READ ? "read" : "write", bio_bytes(bio), bio->sector,
		       dev->nr_sectors, fault);
		bio_complete(bio, -EIO);
		return;
	}
	dev->ops->submit(dev, bio);
}

static void count_completed(struct block_device *dev, const struct bio *bio)
{
	u64 sectors = bio_bytes(bio) >> SECTOR_SHIFT;
	u64 ns = env_now_ns() - bio->submit_ns;

	switch (bio->op) {
	case BIO_READ:
		atomic_add(&dev->reads, 1);
		atomic_add(&dev->read_sectors, sectors);
		atomic_add(&dev->read_ns, ns);
		break;
	case BIO_WRITE:
		atomic_add(&dev->writes, 1);
		atomic_add(&dev->write_sectors, sectors);
		atomic_add(&dev->write_ns, ns);
		break;
	case BIO_FLUSH:
		atomic_add(&dev->flushes, 1);
		break;
	}
}

void bio_complete(struct bio *bio, int error)
{
	ASSERT(error <= 0);
	if (error)
		atomic_add(&bio->dev->errors, 1);
	else
		count_completed(bio->dev, bio);
	bio->error = error;
	bio->done(bio);
}

/* One synchronous request, on the stack of who waits for it. */
struct rw_request {
	int error;
	bool finished;
};

static void rw_done(struct bio *bio)
{
	struct rw_request *request = bio->private;

	request->error = bio->error;
	bio_free(bio);
	__atomic_store_n(&request->finished, true, __ATOMIC_RELEASE);
	wake_all(&rw_wq);
}

static int rw_one(struct block_device *dev, enum bio_op op, u64 sector, void *addr, u32 len_bytes)
{
	struct rw_request request = { .finished = false };
	struct bio *bio = bio_alloc();

	bio->op = op;
	bio->sector = sector;
	bio->done = rw_done;
	bio->private = &request;
	if (len_bytes)
		bio_add(bio, addr, len_bytes);
	bio_submit(dev, bio);
	wait_event(&rw_wq, __atomic_load_n(&request.finished, __ATOMIC_ACQUIRE));
	return request.error;
}

int block_rw(struct block_device *dev, enum bio_op op, u64 sector, void *addr, u32 len_bytes)
{
	int err;

	do {
		u32 bytes = MIN(len_bytes, RW_MAX_BYTES);

		err = rw_one(dev, op, sector, addr, bytes);
		addr = (u8 *)addr + bytes;
		sector += bytes >> SECTOR_SHIFT;
		len_bytes -= bytes;
	} while (!err && len_bytes);
	return err;
}

void block_register(struct block_device *dev)
{
	u32 i;

	spin_lock(&registry.lock);
	for (i = 0; i < registry.nr && strcmp(registry.entries[i].name, dev->name); i++)
		;
	if (i == MAX_BLOCKDEVS)
		panic("more than %u disks", MAX_BLOCKDEVS);
	if (i == registry.nr)
		registry.nr++;
	kstrlcpy(registry.entries[i].name, dev->name, sizeof(registry.entries[i].name));
	registry.entries[i].dev = dev;
	spin_unlock(&registry.lock);
}

struct block_device *block_find(const char *name)
{
	struct block_device *dev = NULL;

	spin_lock(&registry.lock);
	for (u32 i = 0; i < registry.nr; i++)
		if (!strcmp(registry.entries[i].name, name))
			dev = registry.entries[i].dev;
	spin_unlock(&registry.lock);
	return dev;
}

void block_reset(void)
{
	spin_lock_init(&pool.lock, "bio pool");
	list_init(&pool.free);
	pool.nr_fresh = 0;
	waitqueue_init(&pool.wq, "bio pool waiters");
	waitqueue_init(&rw_wq, "block_rw");
	spin_lock_init(&registry.lock, "block devices");
	registry.nr = 0;
}
