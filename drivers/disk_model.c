/* SPDX-License-Identifier: MIT */
/*
 * disk_model.c - how long disks take.
 *
 * The model has two parts, as disks have: accesses, of which queue_depth overlap, and one path
 * over which data moves at bytes_per_second, one request after the other.
 *
 *     start  = when one of queue_depth servers is free
 *     ready  = start + access_ns         (nothing, for a seeking disk already in place)
 *     done   = max(ready, path free) + bytes / bytes_per_second
 *
 * All three are known at submission. Since the path serves in the order of submission, requests
 * also finish in that order. A flush is an access without data; by that order it ends no sooner
 * than every write before it.
 *
 * Paces. A virtual nanosecond is an instruction, about an eighth of a real one, so times are
 * eight times and rates an eighth of a real disk's. Depths follow from what such disks are known to
 * reach with many small requests in flight, depth = rate of 4 KiB reads x access time:
 *
 *     nvme   20 us, 3.2 GB/s: about 800,000 reads/s x 20 us = 16
 *     ssd    100 us, 550 MB/s on SATA: about 80,000 reads/s x 100 us = 8
 *     hdd    8 ms, 160 MB/s, one arm: 1
 */
#include "drivers/disk_model.h"

#include "lib/assert.h"
#include "lib/print.h"
#include "lib/string.h"

static const struct disk_pace paces[] = {
	{ "none", 0, 0, 1, false, "as fast as it can" },
	{ "nvme", 160 * NSEC_PER_USEC, 400000000, 16, false, "160 us, 400 MB/s" },
	{ "ssd", 800 * NSEC_PER_USEC, 68750000, 8, false, "800 us, 69 MB/s" },
	{ "hdd", 64 * NSEC_PER_MSEC, 20000000, 1, true, "64 ms, 20 MB/s" },
};

const struct disk_pace *disk_pace_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(paces); i++)
		if (!strcmp(paces[i].name, name))
			return &paces[i];
	return NULL;
}

int disk_pace_list(char *buf, size_t size)
{
	int n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(paces); i++) {
		size_t used = MIN((size_t)n, size);

		n += ksnprintf(buf + used, size - used, "%s%s", i ? ", " : "", paces[i].name);
	}
	return n;
}

bool disk_pace_is_none(const struct disk_pace *pace)
{
	return !pace->access_ns && !pace->bytes_per_second;
}

void disk_model_init(struct disk_model *model, const struct disk_pace *pace)
{
	ASSERT(pace->queue_depth >= 1 && pace->queue_depth <= DISK_MODEL_MAX_DEPTH);
	*model = (struct disk_model){ .pace = pace, .next_sector = UINT64_MAX };
}

/* The server that is free first takes the access. Returns when its data can move. */
static u64 serve(struct disk_model *model, bool in_place, u64 now_ns)
{
	u64 *server = &model->servers[0];

	for (u32 i = 1; i < model->pace->queue_depth; i++)
		if (model->servers[i] < *server)
			server = &model->servers[i];
	*server = MAX(*server, now_ns) + (in_place ? 0 : model->pace->access_ns);
	return *server;
}

u64 disk_model_submit(struct disk_model *model, enum bio_op op, u64 sector, u64 bytes, u64 now_ns)
{
	const struct disk_pace *pace = model->pace;
	bool in_place = pace->seeks && (op == BIO_FLUSH || sector == model->next_sector);
	u64 ready_ns = serve(model, in_place, now_ns);
	u64 transfer_ns = 0;

	if (pace->bytes_per_second)
		transfer_ns = bytes * NSEC_PER_SEC / pace->bytes_per_second;
	model->path_free_ns = MAX(model->path_free_ns, ready_ns) + transfer_ns;
	if (op != BIO_FLUSH)
		model->next_sector = sector + (bytes >> SECTOR_SHIFT);
	return model->path_free_ns;
}
