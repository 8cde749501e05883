/* SPDX-License-Identifier: MIT */
/* loader.h - from the embedded program image to a workload's address space. */
#ifndef KERNEL_LOADER_H
#define KERNEL_LOADER_H

#include "lib/types.h"

struct mm;

/*
 * Map every segment of the image; *entry is where to start. 0, -ENOMEM, or -EINVAL with a
 * message when the image is damaged. Sleeps.
 */
int loader_map(struct mm *mm, u64 *entry);

#endif
