/* SPDX-License-Identifier: MIT */
/* ramdisk.h - the deterministic disk: memory that answers as late as a disk would. */
#ifndef DRIVERS_RAMDISK_H
#define DRIVERS_RAMDISK_H

#include "lib/blockdev.h"
#include "lib/types.h"

/* How slow it is, in virtual time. */
struct ramdisk_timing {
	const char *name;
	u64 access_ns;	      /* before the first byte of a random access */
	u64 bytes_per_second; /* of the one path that all transfers share */
	u32 queue_depth;      /* accesses that overlap; at most RAMDISK_MAX_DEPTH */
	bool seeks;	      /* one that starts where the last one ended has no access time */
	const char *text;     /* for messages */
};
#define RAMDISK_MAX_DEPTH 32

/* The preset of that name ("nvme", "ssd", "hdd"), or NULL. ramdisk_presets(): their names. */
const struct ramdisk_timing *ramdisk_preset(const char *name);
const char *ramdisk_presets(void);

/*
 * Make [base, base + bytes) a disk and register it; its content is what lies there. name and timing
 * must live on. 0, -EINVAL (not whole sectors, depth out of range) or -ENOMEM (no disk left); says
 * why. Boot time.
 */
int ramdisk_init(const char *name, void *base, u64 bytes, const struct ramdisk_timing *timing);

/*
 * Write the header that mkswap would write, so that swap_attach() accepts the disk. bytes: at
 * least two pages.
 */
void ramdisk_format_swap(void *base, u64 bytes);

/*
 * Fill memory with the content of another disk, as far as both go; 0 or -EIO. Thread context;
 * sleeps. To take the place of that disk afterwards, ramdisk_init() with its name.
 */
int ramdisk_load(void *base, u64 bytes, struct block_device *from);

#endif
