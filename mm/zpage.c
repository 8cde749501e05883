/* SPDX-License-Identifier: MIT */
/*
 * zpage.c - the MM's side of the contract with the store.
 *
 * The store asks for frames; they come from the page allocator's reserve, and their struct pages
 * go on the compressed list of their type. If not even the reserve has one, the frame of the very page that
 * is being compressed is given: its bytes are already in the store's buffer by then. So
 * compressing makes progress with no free frame at all, and each batch gains: the first page of it
 * donates its frame, the next ones free theirs.
 *
 * The store asks for references to be changed; retarget() finds them by key (owner.h) and changes them only
 * if they still name the zpage. Lock order: store, owners table, then page table or mapping.
 */
#include "mm/zpage.h"

#include "compress/codec.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/pagecache.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/workingset.h"

static struct zstore *zstore; /* set once */

_Static_assert((int)Z_ANON == (int)TYPE_ANON && (int)Z_FILE == (int)TYPE_FILE, "one numbering");

static enum lru_list compressed_list(enum ztype type)
{
	return type == Z_ANON ? LRU_COMPRESSED_ANON : LRU_COMPRESSED_FILE;
}

/* The page being compressed gives its own frame: see the top. */
static struct page *take_donor(enum ztype type)
{
	struct mm_context *context = env_context();
	struct page *page = context->donor;

	if (!page)
		return NULL;
	context->donor = NULL;
	ASSERT_PAGE(page->state == (type == Z_ANON ? FRAME_ISOLATED_ANON : FRAME_ISOLATED_FILE),
		    page);
	count_vm_event(EV_zdonated);
	return page;
}

static void *store_frame_get(void *ctx, enum ztype type)
{
	struct page *page = alloc_page(ALLOC_RESERVE,
				       type == Z_ANON ? FRAME_ISOLATED_ANON : FRAME_ISOLATED_FILE);

	if (page)
		env_context()->store_frames++;
	else
		page = take_donor(type);
	if (!page)
		return NULL;
	page->private = 0;
	page->key = 0;
	lru_add_store_frame(page, compressed_list(type));
	return page_address(page);
}

static void store_frame_put(void *ctx, enum ztype type, void *frame)
{
	struct page *page = virt_to_page(frame);

	lru_del_store_frame(page);
	env_context()->store_frames--;
	put_page(page);
}

static u64 *store_frame_word(void *ctx, void *frame)
{
	return &virt_to_page(frame)->private;
}

static void *store_victim_mark(void *ctx, enum ztype type)
{
	struct page *page = lru_mark_victim(compressed_list(type));

	return page ? page_address(page) : NULL;
}

static void store_victim_unmark(void *ctx, enum ztype type, void *frame)
{
	page_clear(virt_to_page(frame), PG_VICTIM);
}

static bool store_retarget(void *ctx, const struct zmove *move)
{
	enum page_type type = (enum page_type)move->type;
	struct ref ref;
	bool ours;

	if (!ref_lock(type, move->key, &ref))
		return false;
	ours = entry_is(*ref.entry, ENTRY_ZPAGE) && entry_zhandle(*ref.entry) == move->from;
	if (ours) {
		switch (move->kind) {
		case ZMOVE_HANDLE:
			ref_set(&ref, entry_make_zpage(move->to));
			break;
		case ZMOVE_SWAPPED:
			swap_get(move->block.slot);
			ref_set(&ref, entry_make_zswap(move->block,
						       workingset_leave_store(type, move->stamp)));
			count_vm_event(EV_zevict_anon);
			break;
		case ZMOVE_DROPPED:
			ASSERT(type == TYPE_FILE);
			ref_set(&ref, entry_make_shadow(workingset_leave_store(type, move->stamp)));
			count_vm_event(EV_zevict_file);
			break;
		}
	}
	ref_unlock(&ref);
	return ours;
}

static void store_blocks_write(void *ctx, void **frames, u32 *slots, u32 nr)
{
	count_vm_events(EV_zpswpout, swap_write_frames(frames, slots, nr));
}

static void store_block_put(void *ctx, u32 slot)
{
	swap_put(slot);
}

static const struct zstore_env store_env = {
	.frame_get = store_frame_get,
	.frame_put = store_frame_put,
	.frame_word = store_frame_word,
	.victim_mark = store_victim_mark,
	.victim_unmark = store_victim_unmark,
	.retarget = store_retarget,
	.blocks_write = store_blocks_write,
	.block_put = store_block_put,
};

void zpage_init(u32 nr_cpus)
{
	size_t bytes = zstore_bytes(nr_cpus, &codec_lz4);
	u32 order = 0;
	struct page *page;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	page = alloc_pages(ALLOC_ZERO, order, FRAME_STORE_META);
	if (!page)
		panic("no %lu KiB for the compressed store's tables", bytes / KIB);
	zstore = zstore_init(page_address(page), nr_cpus, &codec_lz4, &store_env, NULL);
}

static const enum vm_event reject_event[NR_ZRESULTS] = {
	[ZS_POOR] = EV_zreject_poor,
	[ZS_NO_FRAME] = EV_zreject_no_frame,
	[ZS_TARGET] = EV_zreject_target,
};

enum zresult zpage_compress(struct page *page, enum page_type type, entry_t *entry, bool *donated)
{
	struct mm_context *context = env_context();
	bool was_workingset = page_test(page, PG_WORKINGSET);
	u64 start_ns = env_now_ns();
	enum zresult result;
	zhandle_t handle;
	u32 size_bytes, shadow;

	ASSERT_PAGE(page_test(page, PG_LOCKED) && !page_test(page, PG_DIRTY), page);
	shadow = workingset_now(was_workingset);
	context->donor = page;
	result = zstore_store(zstore, (enum ztype)type, page_address(page), page->key, shadow,
			      &handle, &size_bytes);
	*donated = !context->donor;
	context->donor = NULL;
	if (result == ZS_OK || result == ZS_POOR)
		cost_note(type, COST_ZPAGE_BYTES, result == ZS_OK ? size_bytes : PAGE_SIZE, 1);
	if (result != ZS_OK) {
		ASSERT_PAGE(!*donated, page);
		count_vm_event(reject_event[result]);
		return result;
	}
	workingset_leave(type, LEFT_TO_STORE, was_workingset, false);
	cost_note(type, COST_COMPRESS, env_now_ns() - start_ns, 1);
	count_vm_event(type == TYPE_ANON ? EV_zstore_anon : EV_zstore_file);
	*entry = entry_make_zpage(handle);
	return ZS_OK;
}

bool zpage_decompress(enum page_type type, entry_t entry, u64 key, struct page *page,
		      bool *activate)
{
	u64 start_ns = env_now_ns();
	u32 shadow = 0;

	if (zstore_load(zstore, (enum ztype)type, entry_zhandle(entry), key, page_address(page),
			&shadow) != ZS_OK)
		return false;
	cost_note(type, COST_DECOMPRESS, env_now_ns() - start_ns, 1);
	count_vm_event(type == TYPE_ANON ? EV_zswpin : EV_zfilein);
	if (shadow & SHADOW_WORKINGSET)
		page_set(page, PG_WORKINGSET);
	*activate = workingset_comeback(type, LEFT_TO_STORE, shadow);
	return true;
}

void zpage_drop(enum page_type type, entry_t entry, u64 key)
{
	zstore_drop(zstore, (enum ztype)type, entry_zhandle(entry), key);
}

int zpage_read_swapped(entry_t entry, u64 key, struct page *page)
{
	struct page *block = alloc_page(ALLOC_WAIT, FRAME_KERNEL);
	enum zresult result;
	int err;

	if (!block)
		return -ENOMEM;
	err = swap_read(entry_slot(entry), page_address(block));
	if (!err) {
		count_vm_event(EV_zpswpin);
		result = zblock_extract(&codec_lz4, page_address(block), entry_block_index(entry),
					key, page_address(page));
		err = result == ZS_OK ? 0 : -EINVAL;
	}
	put_page(block);
	if (!err)
		swap_put(entry_slot(entry));
	return err;
}

u64 zpage_shrink(enum page_type type, u64 nr_frames)
{
	return zstore_shrink(zstore, (enum ztype)type, nr_frames);
}

u64 zpage_compact(enum page_type type, u64 nr_frames)
{
	return zstore_compact(zstore, (enum ztype)type, nr_frames);
}

u64 zpage_set_target(enum page_type type, u64 frames)
{
	return zstore_set_target(zstore, (enum ztype)type, frames);
}

void zpage_stats(enum page_type type, struct zstore_type_stats *out)
{
	zstore_get_stats(zstore, (enum ztype)type, out);
}

/* I6: each zpage is named by its reference, unless a fault or reclaim has it in hand. */
static void check_zpage(void *ctx, enum ztype type, u64 key, zhandle_t handle)
{
	struct ref ref;

	if (!ref_lock((enum page_type)type, key, &ref))
		return; /* the owner is going: it has cleared the reference and will drop the zpage */
	if (entry_is(*ref.entry, ENTRY_ZPAGE) && entry_zhandle(*ref.entry) != handle)
		panic("I6: key %lx: reference names zpage %lx, the store has it as %lx", key,
		      entry_zhandle(*ref.entry), handle);
	ref_unlock(&ref);
}

void zpage_verify(void)
{
	zstore_verify(zstore, check_zpage);
}
