/* SPDX-License-Identifier: MIT */
/*
 * ramdisk.c - the deterministic disk.
 *
 * A host's disk answers when the host pleases, so no run with one repeats. This one is memory that
 * the kernel does not manage. It answers before bio_submit() returns, and so as soon as a copy can
 * be made; drivers/paced.c in front of it gives it the time that a disk would take, in virtual
 * time. Under QEMU's -icount a run is then a function of its inputs alone.
 *
 * The copy is made by the thread that asks, in its own time, which the model's access time, counted
 * from before it, overlaps. So interrupts are on while tens of thousands of instructions a request
 * are executed. Each request takes effect as a whole in the order of submission. Two CPUs that
 * submit requests for the same sectors at once get no promise about their order from any disk.
 */
#include "drivers/ramdisk.h"

#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAX_RAMDISKS 4

#define SWAP_VERSION_OFFSET  1024
#define SWAP_SIGNATURE	     "SWAPSPACE2"
#define SWAP_SIGNATURE_BYTES 10

#define LOAD_CHUNK ((u32)(1 * MIB))

/* Constant once registered. */
struct ramdisk {
	struct block_device blk;
	u8 *base;
};

static struct ramdisk ramdisks[MAX_RAMDISKS]; /* boot time */
static u32 nr_ramdisks;

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

static void ramdisk_submit(struct block_device *dev, struct bio *bio)
{
	if (bio->op != BIO_FLUSH)
		transfer(dev->driver, bio);
	bio_complete(bio, 0);
}

static const struct block_device_ops ramdisk_ops = { .submit = ramdisk_submit };

int ramdisk_init(const char *name, void *base, u64 bytes)
{
	struct ramdisk *disk = &ramdisks[nr_ramdisks];

	if (!bytes || bytes % SECTOR_SIZE) {
		printk("disk \"%s\": %lu bytes are not whole sectors\n", name, bytes);
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
	};
	nr_ramdisks++;
	block_register(&disk->blk);
	printk("disk \"%s\": %lu MiB of memory\n", name, bytes / MIB);
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
