/* SPDX-License-Identifier: MIT */
/*
 * swap.c - blocks on the swap disk.
 *
 * One byte a block counts its uses: 1 for a page as it is, the number of live zpages for a store frame
 * that was written whole. Allocation goes round the disk (next fit), looking for runs, so that
 * pages that leave together lie together and go out in one request.
 *
 * Nothing here allocates memory after swap_attach(): writing a page out is what makes memory.
 */
#include "mm/swap.h"

#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/entry.h"
#include "mm/stats.h"
#include "mm/workingset.h"

#define SECTORS_PER_BLOCK (PAGE_SIZE / SECTOR_SIZE)

/* mkswap's header, version 1: in the first block of the disk. */
#define SWAP_HEADER_VERSION_OFFSET   1024
#define SWAP_HEADER_LAST_PAGE_OFFSET 1028
#define SWAP_SIGNATURE_OFFSET	     (PAGE_SIZE - 10)
static const char swap_signature[10] = "SWAPSPACE2";

#define SWAP_USES_MAX UINT8_MAX

static struct {
	struct block_device *dev; /* set once */
	struct spinlock lock;	  /* uses, used, next */
	u8 *uses;		  /* by block; block 0 is the header */
	u32 nr_blocks;		  /* header included */
	u32 used;
	u32 next;
} swap;

/* Writes in flight together, on the writer's stack. */
struct swap_io {
	struct spinlock lock; /* pending, error; irq-safe */
	struct waitqueue wq;
	u32 pending;
	int error;
};

static int check_header(struct block_device *dev, const u8 *header, u32 *blocks)
{
	u32 version, last_page;
	u64 there = dev->nr_sectors / SECTORS_PER_BLOCK;

	if (memcmp(header + SWAP_SIGNATURE_OFFSET, swap_signature, sizeof(swap_signature))) {
		printk("swap disk \"%s\" has no swap signature: make it one with mkswap\n",
		       dev->name);
		return -EINVAL;
	}
	memcpy(&version, header + SWAP_HEADER_VERSION_OFFSET, sizeof(version));
	memcpy(&last_page, header + SWAP_HEADER_LAST_PAGE_OFFSET, sizeof(last_page));
	if (version != 1) {
		printk("swap disk \"%s\" has a header of version %u, expected 1\n", dev->name,
		       version);
		return -EINVAL;
	}
	if ((u64)last_page + 1 > there) {
		printk("swap disk \"%s\" is cut short: its header says %lu blocks, it has %lu\n",
		       dev->name, (u64)last_page + 1, there);
		return -EINVAL;
	}
	if ((u64)last_page + 1 >= BIT(SWAP_SLOT_BITS))
		last_page = BIT(SWAP_SLOT_BITS) - 2;
	*blocks = last_page + 1;
	return 0;
}

int swap_attach(struct block_device *dev)
{
	u64 bytes = dev->nr_sectors * SECTOR_SIZE;
	u32 blocks;
	u8 *header;
	int err;

	if (bytes < SWAP_MIN_BYTES) {
		printk("swap disk \"%s\" is too small: %lu KiB, at least %lu KiB are needed\n",
		       dev->name, bytes / KIB, SWAP_MIN_BYTES / KIB);
		return -EINVAL;
	}
	if (dev->read_only) {
		printk("swap disk \"%s\" is read-only\n", dev->name);
		return -EINVAL;
	}
	header = kmalloc(PAGE_SIZE, ALLOC_WAIT);
	if (!header)
		return -ENOMEM;
	err = block_rw(dev, BIO_READ, 0, header, PAGE_SIZE);
	if (err)
		printk("swap disk \"%s\": cannot read its header: %s\n", dev->name,
		       error_name(-err));
	else
		err = check_header(dev, header, &blocks);
	kfree(header);
	if (err)
		return err;

	swap.uses = kzalloc(blocks, ALLOC_WAIT);
	if (!swap.uses) {
		printk("swap disk \"%s\": no memory for the map of its %u blocks\n", dev->name,
		       blocks);
		return -ENOMEM;
	}
	spin_lock_init(&swap.lock, "swap");
	swap.nr_blocks = blocks;
	swap.used = 0;
	swap.next = 1;
	swap.dev = dev;
	printk("swap: %u blocks (%lu MiB) on disk \"%s\"\n", blocks - 1, blocks * PAGE_SIZE / MIB,
	       dev->name);
	return 0;
}

u64 swap_total_blocks(void)
{
	return swap.dev ? swap.nr_blocks - 1 : 0;
}

u64 swap_used_blocks(void)
{
	return READ_ONCE(swap.used);
}

u32 swap_alloc(u32 nr, u32 *first)
{
	u32 got = 0, at;

	if (!swap.dev || !nr)
		return 0;
	spin_lock(&swap.lock);
	at = swap.next;
	for (u32 seen = 1; seen < swap.nr_blocks && got < nr; seen++, at++) {
		if (at >= swap.nr_blocks) {
			at = 1;
			if (got)
				break;
		}
		if (swap.uses[at]) {
			if (got)
				break;
			continue;
		}
		if (!got)
			*first = at;
		swap.uses[at] = 1;
		got++;
	}
	swap.used += got;
	swap.next = at >= swap.nr_blocks ? 1 : at;
	spin_unlock(&swap.lock);
	return got;
}

void swap_get(u32 slot)
{
	spin_lock(&swap.lock);
	ASSERT(slot && slot < swap.nr_blocks && swap.uses[slot] && swap.uses[slot] < SWAP_USES_MAX);
	swap.uses[slot]++;
	spin_unlock(&swap.lock);
}

void swap_put(u32 slot)
{
	spin_lock(&swap.lock);
	ASSERT(slot && slot < swap.nr_blocks && swap.uses[slot]);
	if (--swap.uses[slot] == 0)
		swap.used--;
	spin_unlock(&swap.lock);
}

u32 swap_uses(u32 slot)
{
	return slot && slot < swap.nr_blocks ? swap.uses[slot] : 0;
}

static void swap_io_init(struct swap_io *io)
{
	spin_lock_init(&io->lock, "swap_io");
	waitqueue_init(&io->wq, "swap_io");
	io->pending = 0;
	io->error = 0;
}

static void write_done(struct bio *bio)
{
	struct swap_io *io = bio->private;
	u64 flags = spin_lock_irqsave(&io->lock);

	if (bio->error)
		io->error = bio->error;
	io->pending--;
	wake_all(&io->wq);
	spin_unlock_irqrestore(&io->lock, flags);
	bio_free(bio);
}

static void start_write(struct swap_io *io, u32 first, void **frames, u32 nr)
{
	struct bio *bio = bio_alloc();
	u64 flags;

	ASSERT(nr && nr <= BIO_MAX_SEGS && first && first + nr <= swap.nr_blocks);
	bio->op = BIO_WRITE;
	bio->sector = (u64)first * SECTORS_PER_BLOCK;
	bio->done = write_done;
	bio->private = io;
	for (u32 i = 0; i < nr; i++) {
		bool added = bio_add(bio, frames[i], PAGE_SIZE);

		ASSERT(added);
	}
	flags = spin_lock_irqsave(&io->lock);
	io->pending++;
	spin_unlock_irqrestore(&io->lock, flags);
	bio_submit(swap.dev, bio);
}

static int wait_writes(struct swap_io *io)
{
	u64 flags;
	int error;

	wait_event(&io->wq, READ_ONCE(io->pending) == 0);
	/* The last write_done() may still hold the lock: io is the caller's to reuse after this. */
	flags = spin_lock_irqsave(&io->lock);
	error = io->error;
	spin_unlock_irqrestore(&io->lock, flags);
	return error;
}

/* Start writing all that finds room, in as few requests as the runs of free blocks allow. */
static u32 start_writes(struct swap_io *io, void **frames, u32 *slots, u32 nr)
{
	u32 done = 0;

	while (done < nr) {
		u32 first, got = swap_alloc(nr - done, &first);

		if (!got)
			break;
		for (u32 i = 0; i < got; i++)
			slots[done + i] = first + i;
		start_write(io, first, frames + done, got);
		done += got;
	}
	return done;
}

u32 swap_write_frames(void **frames, u32 *slots, u32 nr)
{
	u64 start_ns = env_now_ns();
	struct swap_io io;
	u32 done;

	ASSERT(nr <= BIO_MAX_SEGS);
	memset(slots, 0, nr * sizeof(*slots));
	swap_io_init(&io);
	done = start_writes(&io, frames, slots, nr);
	count_vm_events(EV_swap_full, nr - done);
	if (!wait_writes(&io)) {
		cost_note(TYPE_ANON, COST_DISK_WRITE, env_now_ns() - start_ns, done);
		return done;
	}
	count_vm_events(EV_swap_write_failed, done);
	for (u32 i = 0; i < done; i++) {
		swap_put(slots[i]);
		slots[i] = 0;
	}
	return 0;
}

int swap_read(u32 slot, void *frame)
{
	return block_rw(swap.dev, BIO_READ, (u64)slot * SECTORS_PER_BLOCK, frame, PAGE_SIZE);
}
