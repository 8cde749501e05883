/* SPDX-License-Identifier: MIT */
/*
 * swapin.c - a zpage comes back from swap, and what to do with those that were read with it.
 *
 * Problem. A block on the swap disk is a store frame as it was: a few zpages that grew cold
 * together. One of them is wanted, the disk reads all of them. When the wanted one has been taken
 * out, a frame is in hand that holds its neighbours in the form in which the store keeps zpages
 * anyway. To make it a store frame again (zstore_adopt()) saves a disk read for each neighbour that
 * is wanted while it is there. To free it saves a frame.
 *
 * The inequality. Keeping pays when
 *
 *     hit_share x (read - decompress)  >  size x (frame + (1 - hit_share) x write)
 *
 * for each neighbour, where
 *
 *   hit_share    how many neighbours that were kept are asked for before they leave again: measured
 *   read         a read from the swap disk, as measured; a hit still pays for its decompression
 *   size         what a zpage takes of a frame; the rest of the frame is holes, which compaction gives back
 *   frame        what the next free frame costs: the price of the class that the policy chose last;
 *                nothing while more than the high watermark is free: then nobody has to pay it
 *   write        what is kept gives up its place on the disk: written again if it leaves unasked for
 *
 * All are ns, and none is a constant that somebody must tune.
 *
 * The measurement. An entry whose zpage was kept has ENTRY_ADOPTED. Each such zpage settles once:
 * asked for (a hit), or evicted again, or dropped by its owner. hits / settled is the share, halved
 * in both when a quarter of memory has settled, so that it follows the workload. Only what is settled
 * counts: a neighbour that waits says nothing yet.
 *
 * What if the guess is wrong. While few have settled the share is drawn (PRIOR_PAGES of them)
 * towards the share of evicted zpages that came back, since neighbours left together with one that
 * did. When keeping does not seem to pay, every EXPLORE_READS-th block is kept all the same, so
 * that the share goes on being measured; that bounds what is lost by it to 1/64 of a frame a read.
 */
#include "mm/swapin.h"

#include "lib/errno.h"
#include "lib/lock.h"
#include "mm/alloc.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

#define EXPLORE_READS 64
#define PRIOR_PAGES   32

static struct {
	struct spinlock lock; /* settled, hits */
	u64 settled, hits;    /* neighbours that were kept, decayed */
	u64 declined;	      /* atomic: reads after which keeping did not seem to pay */
} swapin;

void swapin_init(void)
{
	spin_lock_init(&swapin.lock, "swapin");
	swapin.settled = 0;
	swapin.hits = 0;
	swapin.declined = 0;
}

void swapin_settled(bool hit)
{
	spin_lock(&swapin.lock);
	swapin.settled++;
	swapin.hits += hit;
	if (swapin.settled >= MAX(mem_layout.nr_frames / 4, 256UL)) {
		swapin.settled /= 2;
		swapin.hits /= 2;
	}
	spin_unlock(&swapin.lock);
	if (hit)
		count_vm_event(EV_zadopt_hit);
}

/* In COMEBACK_ONEs. */
static u64 hit_share(const struct type_snapshot *t)
{
	u64 left = t->left[LEFT_STORE];
	u64 prior =
		left ? MIN(t->came_back[LEFT_STORE] / left, (u64)COMEBACK_ONE) : COMEBACK_ONE / 2;
	u64 share;

	spin_lock(&swapin.lock);
	share = (swapin.hits * COMEBACK_ONE + PRIOR_PAGES * prior) / (swapin.settled + PRIOR_PAGES);
	spin_unlock(&swapin.lock);
	return share;
}

static bool keeping_pays(void)
{
	struct type_snapshot t;
	u64 share, gain_ns, frame_ns = 0;

	workingset_snapshot(TYPE_ANON, &t);
	share = hit_share(&t);
	gain_ns = share * (t.disk_read_ns - MIN(t.decompress_ns, t.disk_read_ns)) / COMEBACK_ONE;
	if (nr_free_frames() <= watermark_frames(WMARK_HIGH))
		frame_ns = reclaim_frame_cost_ns();
	frame_ns +=
		(COMEBACK_ONE - MIN(share, (u64)COMEBACK_ONE)) * t.evict_write_ns / COMEBACK_ONE;
	return gain_ns > frame_ns * t.zpage_bytes / PAGE_SIZE;
}

/* The block has been read, and the zpage of key taken out of it. True: the frame is the store's. */
static bool keep_neighbours(struct page *block, u32 slot, u64 key)
{
	if (swap_uses(slot) <= 1 || !policy_current()->compresses[TYPE_ANON])
		return false;
	if (!keeping_pays() && atomic_add_return(&swapin.declined, 1) % EXPLORE_READS)
		return false;
	return zpage_adopt(block, slot, key);
}

/* One request for the block, and the next one if the zpage goes on there. */
static int read_blocks(struct zblock_ref ref, struct page *block, struct page *next)
{
	void *frames[2] = { page_address(block), next ? page_address(next) : NULL };
	u64 start_ns = env_now_ns();
	int err = swap_read(ref.slot, frames, ref.spans ? 2 : 1);

	if (err)
		return err;
	cost_note_disk(TYPE_ANON, COST_DISK_READ, env_now_ns() - start_ns, 1);
	count_vm_events(EV_zpswpin, ref.spans ? 2 : 1);
	return 0;
}

int swapin_zpage(entry_t entry, u64 key, struct page *page)
{
	struct zblock_ref ref = entry_block(entry);
	struct page *block = alloc_page(ALLOC_WAIT, FRAME_ISOLATED_ANON);
	struct page *next = ref.spans && block ? alloc_page(ALLOC_WAIT, FRAME_ISOLATED_ANON) : NULL;
	int err = block && (next || !ref.spans) ? 0 : -ENOMEM;

	if (!err)
		err = read_blocks(ref, block, next);
	if (!err && !zpage_extract(block, next, ref, key, page))
		err = -EINVAL;
	if (next)
		put_page(next);
	if (block && (err || !keep_neighbours(block, ref.slot, key)))
		put_page(block);
	if (!err)
		swap_put_entry(entry);
	return err;
}
