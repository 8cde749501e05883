/* SPDX-License-Identifier: MIT */
/*
 * swap.c - blocks on the swap disk.
 *
 * One byte a block counts its uses: 1 for a page as it is, the number of live zpages for a store
 * frame that was written whole; a zpage that spans into the next block counts in both.
 *
 * Allocation goes round the disk (next fit), looking for a run of the wanted length, so that pages
 * that leave together lie together and go out in one request. A short run is passed over as long as
 * a long enough one may be near: blocks come back one by one, and taking each small hole at once
 * would leave none that grows together with its neighbours. The search is bounded, and the longest
 * run that it met is taken when none was long enough. So holes are left to grow while there is room
 * elsewhere, and all of them are used when there is none.
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

#define SECTORS_PER_BLOCK (PAGE_SIZE / SECTOR_SIZE)

/* mkswap's header, version 1: in the first block of the disk. */
#define SWAP_HEADER_VERSION_OFFSET   1024
#define SWAP_HEADER_LAST_PAGE_OFFSET 1028
#define SWAP_SIGNATURE_OFFSET	     (PAGE_SIZE - 10)
static const char swap_signature[10] = "SWAPSPACE2";

#define SWAP_USES_MAX UINT8_MAX
/* Every zpage of a block, one that spans into it from the block before, and the writer's. */
_Static_assert(ZBLOCK_MAX_INDEX + 1 + 1 <= SWAP_USES_MAX, "uses of a block fit a byte");

static struct {
	struct block_device *dev; /* set once */
	struct spinlock lock;	  /* uses, used, next */
	u8 *uses;		  /* by block; block 0 is the header */
	u32 nr_blocks;		  /* header included */
	u32 used;
	u32 next;
} swap;

/* Requests in flight together, on the stack of who waits for them. */
struct swap_io {
	struct spinlock lock; /* pending, error; irq-safe */
	struct waitqueue wq;
	u32 pending;
	int error;
	u64 start_ns, end_ns; /* of all: whoever waits may get the CPU later */
};

void swap_init(void)
{
	memset(&swap, 0, sizeof(swap));
	spin_lock_init(&swap.lock, "swap");
}

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
	u64 bytes = dev->nr_sectors * SECTOR_SIZE, start_ns, read_ns;
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
	start_ns = env_now_ns();
	err = block_rw(dev, BIO_READ, 0, header, PAGE_SIZE);
	read_ns = env_now_ns() - start_ns;
	if (err)
		printk("swap disk \"%s\": cannot read its header: %s\n", dev->name,
		       error_name(-err));
	else
		err = check_header(dev, header, &blocks);
	kfree(header);
	if (err)
		return err;
	/* Of a small read it is all that is known before the first page comes back. */
	cost_note_disk(TYPE_ANON, COST_SWAP_READ, read_ns, 1);

	swap.uses = kzalloc(blocks, ALLOC_WAIT);
	if (!swap.uses) {
		printk("swap disk \"%s\": no memory for the map of its %u blocks\n", dev->name,
		       blocks);
		return -ENOMEM;
	}
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

struct run {
	u32 first, blocks;
};

/*
 * The first run of nr free blocks from swap.next on, or else the longest that was met. Beyond
 * SWAP_SEARCH_BLOCKS any run will do. Runs do not go over the end of the disk.
 */
static struct run find_run(u32 nr)
{
	struct run run = { 0, 0 }, longest = { 0, 0 };
	u32 at = swap.next;

	for (u32 seen = 1; seen < swap.nr_blocks && run.blocks < nr; seen++, at++) {
		if (at >= swap.nr_blocks) {
			at = 1;
			run.blocks = 0;
		}
		if (swap.uses[at]) {
			run.blocks = 0;
			if (longest.blocks && seen >= SWAP_SEARCH_BLOCKS)
				break;
			continue;
		}
		if (!run.blocks)
			run.first = at;
		if (++run.blocks > longest.blocks)
			longest = run;
	}
	return longest;
}

u32 swap_alloc(u32 nr, u32 *first)
{
	struct run run;

	if (!swap.dev || !nr)
		return 0;
	spin_lock(&swap.lock);
	run = find_run(nr);
	memset(swap.uses + run.first, 1, run.blocks);
	swap.used += run.blocks;
	if (run.blocks)
		swap.next = run.first + run.blocks < swap.nr_blocks ? run.first + run.blocks : 1;
	spin_unlock(&swap.lock);
	*first = run.first;
	return run.blocks;
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

void swap_put_entry(entry_t entry)
{
	ASSERT(entry_is(entry, ENTRY_SWAP) || entry_is(entry, ENTRY_ZSWAP));
	if (entry_is(entry, ENTRY_ZSWAP) && entry_block(entry).spans)
		swap_put(entry_slot(entry) + 1);
	swap_put(entry_slot(entry));
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
	io->start_ns = env_now_ns();
}

static void io_done(struct bio *bio)
{
	struct swap_io *io = bio->private;
	u64 flags = spin_lock_irqsave(&io->lock);

	if (bio->error)
		io->error = bio->error;
	io->pending--;
	io->end_ns = env_now_ns();
	wake_all(&io->wq);
	spin_unlock_irqrestore(&io->lock, flags);
	bio_free(bio);
}

static void start_io(struct swap_io *io, enum bio_op op, u32 first, void **frames, u32 nr)
{
	struct bio *bio = bio_alloc();
	u64 flags;

	ASSERT(nr && nr <= BIO_MAX_SEGS && first && first + nr <= swap.nr_blocks);
	bio->op = op;
	bio->sector = (u64)first * SECTORS_PER_BLOCK;
	bio->done = io_done;
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

static int wait_io(struct swap_io *io)
{
	u64 flags;
	int error;

	wait_event(&io->wq, READ_ONCE(io->pending) == 0);
	/* The last io_done() may still hold the lock: io is the caller's to reuse after this. */
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
		start_io(io, BIO_WRITE, first, frames + done, got);
		done += got;
	}
	return done;
}

u32 swap_write_frames(void **frames, u32 *slots, u32 nr, enum cost_kind cost)
{
	struct swap_io io;
	u32 done;

	ASSERT(nr <= BIO_MAX_SEGS);
	memset(slots, 0, nr * sizeof(*slots));
	swap_io_init(&io);
	done = start_writes(&io, frames, slots, nr);
	count_vm_events(EV_swap_full, nr - done);
	if (!wait_io(&io)) {
		cost_note_disk(TYPE_ANON, cost, io.end_ns - io.start_ns, done);
		return done;
	}
	count_vm_events(EV_swap_write_failed, done);
	for (u32 i = 0; i < done; i++) {
		swap_put(slots[i]);
		slots[i] = 0;
	}
	return 0;
}

/* One request for each run of consecutive blocks, all in flight together. */
static void start_reads(struct swap_io *io, const u32 *slots, void **frames, u32 nr)
{
	for (u32 done = 0, run; done < nr; done += run) {
		run = swap_run(slots + done, nr - done);
		start_io(io, BIO_READ, slots[done], frames + done, run);
	}
}

int swap_read(const u32 *slots, void **frames, u32 nr, u64 *took_ns)
{
	struct swap_io io;
	int error;

	ASSERT(nr && nr <= BIO_MAX_SEGS);
	swap_io_init(&io);
	start_reads(&io, slots, frames, nr);
	error = wait_io(&io);
	*took_ns = io.end_ns - io.start_ns;
	return error;
}

bool swap_seeks(void)
{
	return swap.dev && swap.dev->seeks;
}
