/* SPDX-License-Identifier: MIT */
/*
 * paced.c - a disk that takes its time.
 *
 * What compressing a page is worth is a ratio: what it costs against what the disk costs. An
 * emulated CPU is ten times slower than a real one, and even a solid-state disk, 100 us away on a
 * real machine, is as quick as ever when QEMU serves it from the host's page cache; RAM that plays
 * a disk is quicker still. A policy that measures both then never compresses, and is right. So a
 * paced disk stands in front of the fast one and holds each answer until the modelled disk
 * would have given it. It cannot make a slow disk fast: a late answer passes at once.
 *
 *     bio_submit(paced)     due = model; bio_submit(lower) with our done()
 *     lower is done         now < due: hold the request, by due time; the timer waits for the first
 *                           else: the end
 *     timer                 the end of all that are due
 *     the end               the caller's fields come back; bio_complete(paced)
 *
 * The same bio goes through both disks, for a copy would cost memory and time where memory is being
 * made. The lower one owns link, driver_word, dev, error and the times meanwhile, as of any bio, and
 * done and private are ours. What the caller had there waits in a record, and records come from a
 * pool in each disk, as large as the pool of all bios. Should it ever be empty, a request waits,
 * and that ends: only started requests have records, and they come back by themselves.
 *
 * A read holds its data, and a write has reached the disk, before either is told. Nobody can see
 * that: the memory of a request is the disk's until done(). A flush goes to the lower disk like the
 * rest, so that it covers every write whose end was told before.
 */
#include "drivers/paced.h"

#include "lib/assert.h"
#include "lib/list.h"
#include "lib/print.h"

/* A record for a request that comes now, with its due time; NULL: there is none free. */
static struct paced_request *take(struct paced_disk *disk, const struct bio *bio)
{
	struct paced_request *request = NULL;
	u64 flags = spin_lock_irqsave(&disk->lock);

	if (!list_empty(&disk->free)) {
		request = list_first_entry(&disk->free, struct paced_request, link);
		list_del(&request->link);
		request->due_ns = disk_model_submit(&disk->model, bio->op, bio->sector,
						    bio_bytes(bio), platform_now_ns());
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	return request;
}

/* The end. The record is given back first: done() may submit again, and find it. */
static void finish(struct paced_request *request)
{
	struct paced_disk *disk = request->disk;
	struct bio *bio = request->bio;
	u64 flags;

	bio->done = request->done;
	bio->private = request->private;
	bio->submit_ns = request->submit_ns;
	bio->dev = &disk->blk;
	flags = spin_lock_irqsave(&disk->lock);
	list_add(&request->link, &disk->free);
	spin_unlock_irqrestore(&disk->lock, flags);
	wake_one(&disk->wq);
	bio_complete(bio, bio->error);
}

/* Keep a request until it is due. disk->lock held. The lower disk may finish out of order. */
static void hold(struct paced_disk *disk, struct paced_request *request)
{
	struct list_head *at = disk->held.prev;

	ASSERT_HELD(&disk->lock);
	while (at != &disk->held &&
	       list_entry(at, struct paced_request, link)->due_ns > request->due_ns)
		at = at->prev;
	list_add(&request->link, at);
	if (at == &disk->held)
		platform_timer_start(&disk->timer, request->due_ns);
}

/* The lower disk's done(): any context. */
static void lower_done(struct bio *bio)
{
	struct paced_request *request = bio->private;
	struct paced_disk *disk = request->disk;
	u64 flags = spin_lock_irqsave(&disk->lock);
	bool due = platform_now_ns() >= request->due_ns;

	if (!due)
		hold(disk, request);
	spin_unlock_irqrestore(&disk->lock, flags);
	if (due)
		finish(request);
}

/* Timer interrupt: the first that is held is due. done() is called without the lock. */
static void paced_due(void *arg)
{
	struct paced_disk *disk = arg;
	struct list_head due = LIST_HEAD_INIT(due);
	u64 flags = spin_lock_irqsave(&disk->lock);
	u64 now_ns = platform_now_ns();
	struct paced_request *request, *next;

	list_for_each_entry_safe(request, next, &disk->held, link) {
		if (request->due_ns > now_ns) {
			platform_timer_start(&disk->timer, request->due_ns);
			break;
		}
		list_del(&request->link);
		list_add_tail(&request->link, &due);
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	list_for_each_entry_safe(request, next, &due, link) {
		list_del(&request->link);
		finish(request);
	}
}

static void paced_submit(struct block_device *dev, struct bio *bio)
{
	struct paced_disk *disk = dev->driver;
	struct paced_request *request = NULL;

	wait_event(&disk->wq, (request = take(disk, bio)));
	request->bio = bio;
	request->done = bio->done;
	request->private = bio->private;
	request->submit_ns = bio->submit_ns;
	bio->done = lower_done;
	bio->private = request;
	bio_submit(disk->lower, bio);
}

static const struct block_device_ops paced_ops = { .submit = paced_submit };

void paced_init(struct paced_disk *disk, struct block_device *lower, const struct disk_pace *pace)
{
	disk->blk = (struct block_device){ .name = lower->name,
					   .ops = &paced_ops,
					   .driver = disk,
					   .nr_sectors = lower->nr_sectors,
					   .read_only = lower->read_only,
					   .seeks = pace->seeks };
	disk->lower = lower;
	disk->timer = (struct platform_timer){ .fn = paced_due, .arg = disk };
	spin_lock_init(&disk->lock, "paced disk");
	waitqueue_init(&disk->wq, "paced disk");
	disk_model_init(&disk->model, pace);
	list_init(&disk->free);
	list_init(&disk->held);
	for (u32 i = 0; i < PACED_REQUESTS; i++) {
		disk->requests[i].disk = disk;
		list_add_tail(&disk->requests[i].link, &disk->free);
	}
	block_register(&disk->blk);
	printk("disk \"%s\": at the pace of %s: %s, %u at once\n", lower->name, pace->name,
	       pace->text, pace->queue_depth);
}
