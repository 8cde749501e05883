/* SPDX-License-Identifier: MIT */
/*
 * disk.h (host) - a block device in host memory that answers late, out of order, and with errors
 * when told to.
 */
#ifndef TESTS_HOST_DISK_H
#define TESTS_HOST_DISK_H

#include "lib/blockdev.h"

struct host_disk {
	struct block_device dev;
	u8 *data;
	u32 fail_read_percent, fail_write_percent;
	u64 bad_block; /* of 4 KiB: reading it fails; 0: none does */
	u64 min_latency_ns, max_latency_ns;
	u32 in_flight;
};

/* Zeroed contents; enters the registry of block_find() under its name. */
void host_disk_create(struct host_disk *disk, const char *name, u64 bytes);
void host_disk_destroy(struct host_disk *disk);
/* Write mkswap's signature, so that swap_attach() accepts it. */
void host_disk_make_swap(struct host_disk *disk);

#endif
