/* SPDX-License-Identifier: MIT */
/*
 * disk_model.h - when a disk of a given kind would have finished a request.
 *
 * Arithmetic only: no clock, no timer, no lock. Whoever paces a disk asks it, and the host tests it.
 */
#ifndef DRIVERS_DISK_MODEL_H
#define DRIVERS_DISK_MODEL_H

#include "lib/blockdev.h"
#include "lib/types.h"

#define DISK_MODEL_MAX_DEPTH 32

/* How slow a disk is, in virtual time. */
struct disk_pace {
	const char *name;
	u64 access_ns;	      /* before the first byte of a random access */
	u64 bytes_per_second; /* of the one path that all transfers share; 0: no limit */
	u32 queue_depth;      /* accesses that overlap; 1 to DISK_MODEL_MAX_DEPTH */
	bool seeks;	      /* one that starts where the last one ended has no access time */
	const char *text;     /* for messages */
};

/* The pace of that name, or NULL. disk_pace_list(): all names, comma separated. */
const struct disk_pace *disk_pace_find(const char *name);
int disk_pace_list(char *buf, size_t size);
/* "none": nothing takes time, so there is nothing to model. */
bool disk_pace_is_none(const struct disk_pace *pace);

/* The state of one disk. Its owner's lock guards it. */
struct disk_model {
	const struct disk_pace *pace;
	u64 servers[DISK_MODEL_MAX_DEPTH]; /* when each is free */
	u64 path_free_ns;
	u64 next_sector; /* behind the last access */
};

/* An idle disk. pace must live on. */
void disk_model_init(struct disk_model *model, const struct disk_pace *pace);

/*
 * A request for that many bytes from sector on comes at now_ns: returns when it is done. Never less
 * than now_ns, nor than what an earlier call returned. Any context.
 */
u64 disk_model_submit(struct disk_model *model, enum bio_op op, u64 sector, u64 bytes, u64 now_ns);

#endif
