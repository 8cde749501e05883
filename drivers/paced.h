/* SPDX-License-Identifier: MIT */
/* paced.h - a disk in front of another one, which answers no sooner than a slower disk would. */
#ifndef DRIVERS_PACED_H
#define DRIVERS_PACED_H

#include "drivers/disk_model.h"
#include "drivers/platform.h"
#include "lib/blockdev.h"
#include "lib/list.h"
#include "lib/lock.h"

#define PACED_REQUESTS 64 /* there are only so many bios */

/* A request below us, and what its bio bore when it came. Set before it goes down; then constant. */
struct paced_request {
	struct paced_disk *disk;
	struct bio *bio;
	void (*done)(struct bio *bio);
	void *private;
	u64 submit_ns;
	u64 due_ns;
	struct list_head link; /* disk->free, disk->held, or a list of the due; disk->lock */
};

/* The memory is the caller's. */
struct paced_disk {
	struct block_device blk;
	struct block_device *lower; /* constant */
	struct spinlock lock;	    /* all below but wq; irq-safe */
	struct disk_model model;
	struct list_head free;	     /* requests */
	struct list_head held;	     /* done below, but not due; by due_ns */
	struct platform_timer timer; /* armed when something is held */
	struct paced_request requests[PACED_REQUESTS];
	struct waitqueue wq; /* for a free request */
};

/*
 * Put a paced disk in front of lower and register it under lower's name, in lower's place. From then
 * on only the paced disk may be used; both count requests, and those of the paced disk are the
 * ones that users of the name see. All three must live on. Boot time.
 */
void paced_init(struct paced_disk *disk, struct block_device *lower, const struct disk_pace *pace);

#endif
