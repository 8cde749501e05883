/* SPDX-License-Identifier: MIT */
/* ramdisk.h - memory as a disk; it answers as fast as the copy is made. */
#ifndef DRIVERS_RAMDISK_H
#define DRIVERS_RAMDISK_H

#include "lib/blockdev.h"
#include "lib/types.h"

/*
 * Make [base, base + bytes) a disk and register it; its content is what lies there. name must
 * live on. 0, -EINVAL (not whole sectors) or -ENOMEM (no disk left); says why. Boot time.
 */
int ramdisk_init(const char *name, void *base, u64 bytes);

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
