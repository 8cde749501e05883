/* SPDX-License-Identifier: MIT */
/*
 * ramdisk.c - the deterministic disk.
 *
 * A host's disk answers when the host pleases, so no run with one repeats. This one is memory that
 * the kernel does not manage, with the time that a disk would take, in virtual time: under
 * QEMU's -icount a run is then a function of its inputs alone.
 *
 * The model has two parts, as disks have: accesses, of which queue_depth overlap, and one path
 * over which data moves at bytes_per_second, one request after the other.
 *
 *     start  = when one of queue_depth servers is free
 *     ready  = start + access_ns         (nothing, for a seeking disk already in place)
 *     done   = max(ready, path free) + bytes / bytes_per_second
 *
 * All three are known at submission. Since the path serves in the order of submission, requests
 * also finish in that order: the queue is a list and needs one timer, for its head. A flush is an
 * access without data; by the order of the queue it ends after every write before it.
 *
 * When data moves. All of it at submission, for reads and writes alike: each request takes effect
 * as a whole in the order of submission, and completion only tells of it. That is right because the
 * memory of a request belongs to the disk until done(): a writer may change it but must then write
 * again, a reader may not look yet; both cannot tell when the copy was made. And it is better than
 * copying reads at completion, where tens of thousands of instructions a request would run with
 * interrupts off in the timer's interrupt, on top of the access time; here the copy is made by the
 * thread that asks, in its own time, and overlaps the access time, which is counted from before it.
 * Two CPUs that submit requests for the same sectors at once get no promise about their order from
 * any disk.
 *
 * Presets. A virtual nanosecond is an instruction, about an eighth of a real one, so times are
 * eight times and rates an eighth of a real disk's. Depths follow from what such disks are known to
 * reach with many small requests in flight, depth = rate of 4 KiB reads x access time:
 *
 *     nvme   20 us, 3.2 GB/s: about 800,000 reads/s x 20 us = 16
 *     ssd    100 us, 550 MB/s on SATA: about 80,000 reads/s x 100 us = 8
 *     hdd    8 ms, 160 MB/s, one arm: 1
 */
#include "drivers/ramdisk.h"

#include "drivers/platform.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAX_RAMDISKS 4

#define SWAP_VERSION_OFFSET  1024
#define SWAP_SIGNATURE	     "SWAPSPACE2"
#define SWAP_SIGNATURE_BYTES 10

#define LOAD_CHUNK ((u32)(1 * MIB))

static const struct ramdisk_timing presets[] = {
	{ "nvme", 160 * NSEC_PER_USEC, 400000000, 16, false, "160 us, 400 MB/s" },
	{ "ssd", 800 * NSEC_PER_USEC, 68750000, 8, false, "800 us, 69 MB/s" },
	{ "hdd", 64 * NSEC_PER_MSEC, 20000000, 1, true, "64 ms, 20 MB/s" },
};

struct ramdisk {
	struct block_device blk;
	u8 *base;
	const struct ramdisk_timing *timing;
	struct spinlock lock;		/* all below; irq-safe */
	struct list_head queue;		/* bios, by completion time (driver_word) */
	u64 servers[RAMDISK_MAX_DEPTH]; /* when each is free */
	u64 path_free_ns;
	u64 next_sector;	     /* behind the last access */
	struct platform_timer timer; /* armed when the queue is not empty */
};

static struct ramdisk ramdisks[MAX_RAMDISKS]; /* boot time */
static u32 nr_ramdisks;

const struct ramdisk_timing *ramdisk_preset(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(presets); i++)
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	return NULL;
}

const char *ramdisk_presets(void)
{
	return "nvme ssd hdd";
}

static void transfer(struct ramdisk *disk, const struct bio *bio)
{
	u8 *at = disk->base + (bio->sector << SECTOR_SHIFT);

	for (u32 i = 0; i < bio->nr_segs; i++) {
		if (bio->op == BIO_READ)
			memcpy(bio->segs[i].addr, at, bio->segs[i].len_bytes);
		else
			memcpy(at, bio->segs[i].addr, bio->segs[i].len_bytes);
		at += bio->segs[i].len_bytes;
	}
}

/* The server that is free first takes the access. Returns when its data can move. */
static u64 serve(struct ramdisk *disk, const struct bio *bio, u64 now_ns)
{
	const struct ramdisk_timing *timing = disk->timing;
	bool in_place = timing->seeks && (bio->op == BIO_FLUSH || bio->sector == disk->next_sector);
	u64 *server = &disk->servers[0];

	for (u32 i = 1; i < timing->queue_depth; i++)
		if (disk->servers[i] < *server)
			server = &disk->servers[i];
	*server = MAX(*server, now_ns) + (in_place ? 0 : timing->access_ns);
	return *server;
}

/* When a request that comes now is done. disk->lock held. */
static u64 schedule(struct ramdisk *disk, const struct bio *bio, u64 now_ns)
{
	u64 bytes = bio_bytes(bio);
	u64 ready_ns = serve(disk, bio, now_ns);

	ASSERT_HELD(&disk->lock);
	disk->path_free_ns = MAX(disk->path_free_ns, ready_ns) +
			     bytes * NSEC_PER_SEC / disk->timing->bytes_per_second;
	if (bio->op != BIO_FLUSH)
		disk->next_sector = bio->sector + (bytes >> SECTOR_SHIFT);
	return disk->path_free_ns;
}

static void ramdisk_submit(struct block_device *dev, struct bio *bio)
{
	struct ramdisk *disk = dev->driver;
	u64 now_ns = platform_now_ns();
	bool first;
	u64 flags;

	transfer(disk, bio);
	flags = spin_lock_irqsave(&disk->lock);
	first = list_empty(&disk->queue);
	bio->driver_word = schedule(disk, bio, now_ns);
	list_add_tail(&bio->link, &disk->queue);
	if (first)
		platform_timer_start(&disk->timer, bio->driver_word);
	spin_unlock_irqrestore(&disk->lock, flags);
}

/* Timer interrupt: the head of the queue is due. done() is called without the lock. */
static void ramdisk_due(void *arg)
{
	struct ramdisk *disk = arg;
	struct list_head finished = LIST_HEAD_INIT(finished);
	u64 flags = spin_lock_irqsave(&disk->lock);
	u64 now_ns = platform_now_ns();
	struct bio *bio, *next;

	list_for_each_entry_safe(bio, next, &disk->queue, link) {
		if (bio->driver_word > now_ns) {
			platform_timer_start(&disk->timer, bio->driver_word);
			break;
		}
		list_del(&bio->link);
		list_add_tail(&bio->link, &finished);
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	list_for_each_entry_safe(bio, next, &finished, link) {
		list_del(&bio->link);
		bio_complete(bio, 0);
	}
}

static const struct block_device_ops ramdisk_ops = { .submit = ramdisk_submit };

int ramdisk_init(const char *name, void *base, u64 bytes, const struct ramdisk_timing *timing)
{
	struct ramdisk *disk = &ramdisks[nr_ramdisks];

	if (!bytes || bytes % SECTOR_SIZE || !timing->bytes_per_second || !timing->queue_depth ||
	    timing->queue_depth > RAMDISK_MAX_DEPTH) {
		printk("disk \"%s\": %lu bytes with queue depth %u and %lu bytes/s cannot be\n",
		       name, bytes, timing->queue_depth, timing->bytes_per_second);
		return -EINVAL;
	}
	if (nr_ramdisks == MAX_RAMDISKS) {
		printk("disk \"%s\": there are %u disks in memory already\n", name, MAX_RAMDISKS);
		return -ENOMEM;
	}
	*disk = (struct ramdisk){
		.blk = { .name = name,
			 .ops = &ramdisk_ops,
			 .driver = disk,
			 .nr_sectors = bytes >> SECTOR_SHIFT },
		.base = base,
		.timing = timing,
		.next_sector = UINT64_MAX,
		.timer = { .fn = ramdisk_due, .arg = disk },
	};
	spin_lock_init(&disk->lock, "ramdisk");
	list_init(&disk->queue);
	nr_ramdisks++;
	block_register(&disk->blk);
	printk("disk \"%s\": %lu MiB, deterministic, %s: %s, %u at once\n", name, bytes / MIB,
	       timing->name, timing->text, timing->queue_depth);
	return 0;
}

void ramdisk_format_swap(void *base, u64 bytes)
{
	u32 header[] = { 1, (u32)(bytes / PAGE_SIZE - 1), 0 }; /* version, last page, bad pages */
	u8 *block = base;

	ASSERT(bytes >= 2 * PAGE_SIZE);
	memset(block, 0, PAGE_SIZE);
	memcpy(block + SWAP_VERSION_OFFSET, header, sizeof(header));
	memcpy(block + PAGE_SIZE - SWAP_SIGNATURE_BYTES, SWAP_SIGNATURE, SWAP_SIGNATURE_BYTES);
}

int ramdisk_load(void *base, u64 bytes, struct block_device *from)
{
	u64 end = MIN(bytes, from->nr_sectors << SECTOR_SHIFT);
	int err = 0;

	for (u64 at = 0; at < end && !err; at += LOAD_CHUNK)
		err = block_rw(from, BIO_READ, at >> SECTOR_SHIFT, (u8 *)base + at,
			       (u32)MIN(end - at, (u64)LOAD_CHUNK));
	return err;
}
