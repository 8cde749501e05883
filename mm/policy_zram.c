/* SPDX-License-Identifier: MIT */
/*
 * policy_zram.c - a fixed-size compressed swap device in RAM: Linux drivers/block/zram.
 *
 *   - Anon pages only. The device holds size_pct of memory (its disksize), counted in the pages
 *     that it stores, same-filled ones too, not in the frames that hold them.
 *   - Full means full: nothing in it is ever written back. (Linux can be told to, from user
 *     space, with a backing device; nothing there does it by itself.)
 *   - disk=1: a disk swap of lower priority takes what finds the device full. So the oldest pages
 *     keep the RAM and the young ones go to disk. disk=0: anon pages then stay, and only file pages
 *     can give. A run that ends out of memory then is a result, not an accident.
 *   - The MM does not know what its swap device is made of. Every comeback counts as one read, be
 *     it from disk or by decompression, in both types at the price of a file page's; and the frames that the
 *     device takes are invisible to the balance. That is why file pages are squeezed under
 *     zram. swappiness is Linux's knob against that: 100 weighs both types alike, 200 is anon pages only
 *     while there are any; Linux starts with 60, distributions that use zram go up to 180.
 *
 * Different here: zram keeps an incompressible page as it is, in a frame of the device's own. The store
 * refuses it. With disk=0 it stays resident, which takes the same frame but does not count as
 * stored, and is offered again; with disk=1 it goes to disk, which zram would do only when full.
 */
#include "mm/policy_costs.h"

enum { SIZE_PCT, DISK, SWAPPINESS, NR_SETTINGS };
static const struct policy_setting settings[NR_SETTINGS] = {
	[SIZE_PCT] = { "size_pct", 50, 0, 400, "pages the device holds, in percent of memory" },
	[DISK] = { "disk", 1, 0, 1, "1: what finds the device full goes to a disk swap" },
	[SWAPPINESS] = { "swappiness", 100, 0, 200, "weight of anon reclaim; 100: as file pages" },
};

static bool device_is_full(const struct mm_snapshot *s)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON];

	return anon->stored_pages + anon->same_pages >= pct_of_memory(s, s->setting[SIZE_PCT]);
}

/* What an anon frame costs to who takes the device for a disk. */
static u64 anon_cost(const struct mm_snapshot *s)
{
	const struct type_snapshot *anon = &s->type[TYPE_ANON];
	u64 share = costs_share(anon->came_back[LEFT_TO_DISK] + anon->came_back[LEFT_TO_STORE],
				anon->left[LEFT_TO_DISK] + anon->left[LEFT_TO_STORE]);
	u64 cost = anon->disk_write_ns + share * s->type[TYPE_FILE].disk_read_ns / COMEBACK_ONE;

	return cost * 100 / MAX(s->setting[SWAPPINESS], 1UL);
}

static u64 file_cost(const struct mm_snapshot *s)
{
	return evict_cost(&s->type[TYPE_FILE], TYPE_FILE) * 100 /
	       MAX(200 - s->setting[SWAPPINESS], 1UL);
}

static void zram_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	bool full = device_is_full(s), disk = s->setting[DISK];

	decision_begin(s, d);
	d->spill = disk;
	if (!full || (disk && s->type[TYPE_ANON].can_evict))
		consider(s, d, LRU_INACTIVE_ANON, anon_cost(s));
	consider(s, d, LRU_INACTIVE_FILE, file_cost(s));
	d->compress = !full && d->list == LRU_INACTIVE_ANON;
}

const struct policy policy_zram = {
	.name = "zram",
	.help = "anon pages to a compressed device of fixed size, as Linux's zram",
	.compresses = { [TYPE_ANON] = true },
	.settings = settings,
	.nr_settings = NR_SETTINGS,
	.decide = zram_decide,
};
