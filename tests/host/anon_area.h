/* SPDX-License-Identifier: MIT */
/* anon_area.h - a machine with a swap disk and one process, which has one area of anon pages. */
#ifndef TESTS_HOST_ANON_AREA_H
#define TESTS_HOST_ANON_AREA_H

#include "mm/entry.h"
#include "tests/host/disk.h"
#include "tests/host/env.h"

struct anon_area {
	struct host_disk swap; /* four times as large as the area */
	struct host_proc proc;
	struct mm *mm;
	u64 start;
};

/* Under that policy; seeks: the disk has an arm. */
void anon_area_make(struct anon_area *area, u64 nr_frames, u64 nr_pages, const char *policy,
		    bool seeks);
/* Nothing is left behind. */
void anon_area_end(struct anon_area *area);

u64 anon_area_va(const struct anon_area *area, u64 page);
/* Does the entry name a zpage on swap of which there is a part in that block? */
bool zpage_is_in_block(entry_t e, u32 slot);
/* Write page's first word, which tells the page, or read and check it. */
void anon_area_touch(struct anon_area *area, u64 page, bool write);

#endif
