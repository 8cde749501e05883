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
 *   frame        what a free frame costs for as long as a zpage stays, by the age of the oldest: the price of the
 *                class that the policy chose last, which is for the time of managed_frames departures;
 *                nothing while more than the high watermark is free: then nobody has to pay it
 *   write        what is kept gives up its place on the disk: written again if it leaves unasked for
 *
 * All are ns, and none is a constant that somebody must tune.
 *
 * Where swap_stream.c has read ahead, all blocks are kept whatever that says: the order in which they are asked for is
 * better evidence. Only then are there two blocks in hand one behind the other, and a zpage that spans both can stay whole.
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
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/swapin_blocks.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

#define EXPLORE_READS 64
#define PRIOR_PAGES   32
/* One in so many. */
#define STREAM_HITS   4

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
	if (!hit)
		return;
	count_vm_event(EV_zadopt_hit);
	cost_note_disk(TYPE_ANON, COST_EVICT_BACK, 0, 1);
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

/* A stream is not believed where hardly any of the zpages that were kept was asked for before it left again. */
static bool streams_pay(void)
{
	bool pay;

	spin_lock(&swapin.lock);
	pay = (swapin.hits + PRIOR_PAGES) * STREAM_HITS >= swapin.settled;
	spin_unlock(&swapin.lock);
	return pay || atomic_add_return(&swapin.declined, 1) % EXPLORE_READS == 0;
}

/* For how many departures a zpage stays: as long as the oldest has, at least for a memory. */
static u64 zpages_stay(void)
{
	struct zstore_type_stats z;

	zpage_stats(TYPE_ANON, &z);
	return MAX(z.has_oldest ? workingset_distance(z.oldest_stamp) : 0, mem_layout.nr_frames);
}

static bool keeping_pays(void)
{
	struct type_snapshot t;
	u64 share, gain_ns, frame_ns = 0;

	workingset_snapshot(TYPE_ANON, &t);
	share = hit_share(&t);
	gain_ns = share * (t.swap_read_ns - MIN(t.decompress_ns, t.swap_read_ns)) / COMEBACK_ONE;
	if (nr_free_frames() <= watermark_frames(WMARK_HIGH))
		frame_ns = reclaim_frame_cost_ns() * zpages_stay() / mem_layout.nr_frames;
	frame_ns +=
		(COMEBACK_ONE - MIN(share, (u64)COMEBACK_ONE)) * t.evict_write_ns / COMEBACK_ONE;
	return gain_ns > frame_ns * t.zpage_bytes / PAGE_SIZE;
}

static bool extract(struct swapin_blocks *b, struct zblock_ref ref, u64 key, struct page *page)
{
	struct page *next = ref.spans ? b->pages[1] : NULL;

	if (b->joined) {
		copy_page(page_address(b->joined), page_address(next));
		next = b->joined;
	}
	return zpage_extract(b->pages[0], next, ref, key, page);
}

/* Is there anything but the one that was taken out? */
static bool have_others(const struct swapin_blocks *b)
{
	for (u32 i = 0; i < b->nr; i++)
		if (swap_uses(b->slots[i]) > 1)
			return true;
	return false;
}

/* The zpage of key has been taken out. How many of the blocks the store is to have, as far as it can use them. */
static u32 blocks_to_keep(const struct swapin_blocks *b, struct zblock_ref ref)
{
	bool spoilt = ref.spans && !b->joined;

	if (!policy_current()->compresses[TYPE_ANON])
		return 0;
	if (b->nr == b->wanted && !have_others(b))
		return 0;
	if (b->nr > b->wanted || keeping_pays() ||
	    atomic_add_return(&swapin.declined, 1) % EXPLORE_READS == 0)
		return spoilt ? 1 : b->nr;
	return 0;
}

static void keep(struct swapin_blocks *b, struct zblock_ref ref, u64 key)
{
	u32 nr = blocks_to_keep(b, ref), kept = 0;

	for (u32 i = 0, run; i < nr; i += run) {
		run = swap_run(b->slots + i, nr - i);
		kept |= zpage_adopt(b->pages + i, run, b->slots[i], key) << i;
	}
	/* Those are the store's now. */
	for (u32 i = 0; i < b->nr; i++)
		if (kept & BIT(i))
			b->pages[i] = NULL;
	swapin_blocks_put(b);
}

int swapin_zpage(entry_t entry, u64 key, struct page *page)
{
	bool ahead = policy_current()->compresses[TYPE_ANON] && streams_pay();
	struct zblock_ref ref = entry_block(entry);
	struct swapin_blocks b;
	int err = swapin_blocks_alloc(&b, ref, key, ahead) ? swapin_blocks_read(&b) : -ENOMEM;

	if (!err && !extract(&b, ref, key, page))
		err = -EINVAL;
	if (err) {
		swapin_blocks_put(&b);
		return err;
	}
	keep(&b, ref, key);
	swap_put_entry(entry);
	return 0;
}
