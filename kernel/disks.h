/* SPDX-License-Identifier: MIT */
/* disks.h - from the command line to a data disk, a swap disk and a mounted file system. */
#ifndef KERNEL_DISKS_H
#define KERNEL_DISKS_H

#include "boot/bootinfo.h"
#include "kernel/cmdline.h"

/*
 * Find the disks, or make them in RAM beside the managed memory; attach swap; mount. False: a line
 * on the console says what is missing or wrong. Thread context; sleeps. Boot, once.
 */
bool disks_init(const struct cmdline *cmdline, const struct boot_info *info);

#endif
