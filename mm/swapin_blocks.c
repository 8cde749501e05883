/* SPDX-License-Identifier: MIT */
/*
 * swapin_blocks.c - which blocks of swap to read together for the sake of one zpage.
 *
 * Problem. Frames of the store go to swap in the order in which their zpages grew cold. Where a program walks through memory
 * and jumps about between two steps, as one that follows a table into records, or through several places in turn, as a
 * merge, that order is a mixture: pages that will be wanted one after the other lie in blocks far apart.
 *
 * How. Pages are looked for by their addresses, as those that went to swap as they are (fault.c): when a stream of comebacks goes
 * on (swap_stream.c), the references of the next pages say in which blocks they are, and these are read at the same time.
 *
 * A disk that seeks goes once, and reads all from the first block to the last: those between that hold nothing which is wanted soon
 * are passed over, into one frame, in a small part of the time of another access. For the same reason it reads as many as
 * that request reaches, however young the stream is.
 *
 * A block ahead is not its zpages' only: they may come back by themselves meanwhile, and the block be written anew. So
 * it is held by one use until all is done. Its zpages' references are asked again when the store takes it (zstore_adopt()).
 *
 * What if the guess is wrong. As with pages: what swap_stream.c says. On a disk that seeks even the first one ahead costs up to 32
 * blocks: their transfer is a tenth of the access, and frames are only for those that hold pages near by.
 */
#include "mm/swapin_blocks.h"

#include "mm/alloc.h"
#include "mm/owner.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/workingset.h"

/* So far behind the last page the next one on disk is looked for; so many further a stream still goes on. */
#define NEAR_PAGES    64
#define PAGES_BETWEEN 4

/* The zpage that is wanted lies in one block or two, as may the last of those ahead. */
_Static_assert(2 + SWAP_STREAM_MAX + 1 <= SWAPIN_BLOCKS_MAX, "room for a stream's blocks");

/* Down to so many. */
static void let_go(struct swapin_blocks *b, u32 nr)
{
	while (b->nr > nr) {
		b->nr--;
		if (b->nr >= b->wanted)
			swap_put(b->slots[b->nr]);
		if (b->pages[b->nr])
			put_page(b->pages[b->nr]);
	}
}

void swapin_blocks_put(struct swapin_blocks *b)
{
	let_go(b, 0);
	if (b->joined)
		put_page(b->joined);
	if (b->scrap)
		put_page(b->scrap);
}

static bool is_there(const struct swapin_blocks *b, u32 slot)
{
	for (u32 i = 0; i < b->nr; i++)
		if (b->slots[i] == slot)
			return true;
	return false;
}

static bool add(struct swapin_blocks *b, u32 slot, u32 flags)
{
	struct page *page = alloc_page(flags, FRAME_ISOLATED_ANON);
	u32 at = b->nr;

	if (!page)
		return false;
	for (; at > b->wanted && b->slots[at - 1] > slot; at--) {
		b->pages[at] = b->pages[at - 1];
		b->slots[at] = b->slots[at - 1];
	}
	b->pages[at] = page;
	b->slots[at] = slot;
	b->nr++;
	return true;
}

/* A block with a use for us, which add_held() takes over. False: there is no memory. */
static bool add_held(struct swapin_blocks *b, u32 slot)
{
	bool there = is_there(b, slot);

	if (!there && add(b, slot, ALLOC_ATOMIC))
		return true;
	swap_put(slot);
	return there;
}

/* Where the zpage of key is on disk, its blocks with one more use each; slot 0: it is not there. */
static struct zblock_ref hold_zpage(u64 key)
{
	struct zblock_ref block = { 0 };
	struct ref ref;

	if (!ref_lock(TYPE_ANON, key, &ref))
		return block;
	if (entry_is(*ref.entry, ENTRY_ZSWAP)) {
		block = entry_block(*ref.entry);
		swap_get(block.slot);
		if (block.spans)
			swap_get(block.slot + 1);
	}
	ref_unlock(&ref);
	return block;
}

/* Does one request reach the zpage, on a disk that seeks? */
static bool joins(const struct swapin_blocks *b, struct zblock_ref block)
{
	u32 last = block.slot + block.spans;

	if (!swap_seeks())
		return true;
	return b->scrap && block.slot >= b->slots[0] && last - b->slots[0] < BIO_MAX_SEGS;
}

/* What hold_zpage() returned. */
static void release_zpage(struct zblock_ref block)
{
	swap_put(block.slot);
	if (block.spans)
		swap_put(block.slot + 1);
}

/* The same; the uses are b's now. False: there is no room for all of it, or no memory. */
static bool add_zpage(struct swapin_blocks *b, struct zblock_ref block, u32 most)
{
	u32 more = !is_there(b, block.slot) + (block.spans && !is_there(b, block.slot + 1));
	bool added;

	if (more && b->nr + more > most) {
		release_zpage(block);
		return false;
	}
	added = add_held(b, block.slot);
	if (block.spans)
		added &= add_held(b, block.slot + 1);
	return added;
}

/* The blocks of the pages behind that of key which are on disk. */
static void add_ahead(struct swapin_blocks *b, u64 key)
{
	u32 ahead = swap_stream_ahead(key, 1, PAGES_BETWEEN);
	/* The last zpage may lie in two. */
	u32 most = b->wanted + (ahead ? ahead + 1 : 0);
	u64 last = key, goes_on = 0;

	if (ahead && swap_seeks()) {
		b->scrap = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_ANON);
		most = BIO_MAX_SEGS;
	}
	for (u64 next = key + 1; next <= last + NEAR_PAGES; next++) {
		struct zblock_ref block = hold_zpage(next);

		if (!block.slot)
			continue;
		if (!goes_on)
			goes_on = next;
		if (!joins(b, block)) {
			release_zpage(block);
			continue;
		}
		if (!add_zpage(b, block, most))
			break;
		goes_on = 0;
		last = next;
	}
	swap_stream_moved(key + 1 + ahead, goes_on ? goes_on : last + 1);
}

bool swapin_blocks_alloc(struct swapin_blocks *b, struct zblock_ref ref, u64 key, bool ahead)
{
	*b = (struct swapin_blocks){ .wanted = ref.spans ? 2 : 1 };
	while (b->nr < b->wanted)
		if (!add(b, ref.slot + b->nr, ALLOC_WAIT))
			return false;
	if (ref.spans)
		b->joined = alloc_page(ALLOC_ATOMIC, FRAME_ISOLATED_ANON);
	if (ahead)
		add_ahead(b, key);
	return true;
}

static int read_all(const struct swapin_blocks *b)
{
	void *frames[BIO_MAX_SEGS];
	u32 slots[BIO_MAX_SEGS], nr = 0;
	u64 took_ns;
	int err;

	for (u32 i = 0; i < b->nr; i++) {
		for (; b->scrap && nr && slots[nr - 1] + 1 < b->slots[i]; nr++) {
			frames[nr] = page_address(b->scrap);
			slots[nr] = slots[nr - 1] + 1;
		}
		frames[nr] = page_address(b->pages[i]);
		slots[nr++] = b->slots[i];
	}
	err = swap_read(slots, frames, nr, &took_ns);
	if (err)
		return err;
	cost_note_disk(TYPE_ANON, COST_SWAP_READ, took_ns, 1);
	cost_note_disk(TYPE_ANON, COST_EVICT_BACK, took_ns, 1);
	count_vm_events(EV_zpswpin, b->nr);
	return 0;
}

int swapin_blocks_read(struct swapin_blocks *b)
{
	int err = read_all(b);

	/* A bad block among those read ahead is no reason to fail. */
	if (!err || b->nr == b->wanted)
		return err;
	let_go(b, b->wanted);
	return read_all(b);
}
