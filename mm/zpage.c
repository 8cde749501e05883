/* SPDX-License-Identifier: MIT */
/*
 * zpage.c - the MM's side of the contract with the store.
 *
 * The store asks for frames; they come from the page allocator's reserve, and their struct pages go
 * on the compressed list of their type. If not even the reserve has one, the frame of the very page
 * that is being compressed is given: its bytes are already in the store's buffer by then. So
 * compressing makes progress with no free frame at all, and each batch gains: the first page of it
 * donates its frame, the next ones free theirs. A store that takes several frames at once may find
 * that the donor was not enough, and gives it back with its bytes as they were.
 *
 * The store asks for references to be changed; retarget() finds them by key (owner.h) and changes them only
 * if they still name the zpage. Lock order: store, owners table, then page table or mapping.
 */
#include "mm/zpage.h"

#include "compress/codec.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/pagecache.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/swapin.h"
#include "mm/workingset.h"

static struct zstore *zstore;  /* set once */
static const char *store_name; /* set once */
static bool store_checksums;   /* set once */

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
	context->donated = page;
	ASSERT_PAGE(page->state == (type == Z_ANON ? FRAME_ISOLATED_ANON : FRAME_ISOLATED_FILE),
		    page);
	return page;
}

/* An isolated page becomes a store frame, at the young end. */
static void enter_store(struct page *page, enum ztype type)
{
	page->private = 0;
	page->key = 0;
	lru_add_store_frame(page, compressed_list(type));
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
	enter_store(page, type);
	return page_address(page);
}

static void store_frame_put(void *ctx, enum ztype type, void *frame)
{
	struct mm_context *context = env_context();
	struct page *page = virt_to_page(frame);

	lru_del_store_frame(page);
	if (page == context->donated) { /* not needed after all, and still the caller's */
		context->donated = NULL;
		context->donor = page;
		return;
	}
	context->store_frames--;
	put_page(page);
}

static u64 *store_frame_word(void *ctx, void *frame)
{
	return &virt_to_page(frame)->private;
}

static void *store_frame_younger(void *ctx, enum ztype type, void *frame)
{
	struct page *page = lru_younger(compressed_list(type), frame ? virt_to_page(frame) : NULL);

	return page ? page_address(page) : NULL;
}

/* Its one reference was the caller's, and is the store's from now on. */
static void store_frame_adopt(void *ctx, enum ztype type, void *frame)
{
	env_context()->store_frames++;
	enter_store(virt_to_page(frame), type);
}

/* Does the reference still name what is to move? */
static bool names_moved(entry_t entry, const struct zmove *move)
{
	struct zblock_ref block;

	if (move->kind != ZMOVE_ADOPTED)
		return entry_is(entry, ENTRY_ZPAGE) && entry_zhandle(entry) == move->from;
	if (!entry_is(entry, ENTRY_ZSWAP))
		return false;
	block = entry_block(entry);
	return block.slot == move->from_block.slot && block.index == move->from_block.index &&
	       block.spans == move->from_block.spans;
}

/* What the reference is to be, counted and with the uses of swap blocks that go with it. */
static entry_t evicted_entry(const struct zmove *move)
{
	enum page_type type = (enum page_type)move->type;
	u32 shadow = workingset_leave_store(type, move->stamp);

	if (move->kind == ZMOVE_DROPPED) {
		ASSERT(type == TYPE_FILE);
		count_vm_event(EV_zevict_file);
		return entry_make_shadow(shadow);
	}
	ASSERT(type == TYPE_ANON);
	swap_get(move->to_block.slot);
	if (move->kind == ZMOVE_PAGE) {
		count_vm_event(EV_zwriteback);
		count_vm_event(EV_pswpout);
		return entry_make_swap(move->to_block.slot, shadow);
	}
	if (move->to_block.spans)
		swap_get(move->to_block.slot + 1);
	count_vm_event(EV_zevict_anon);
	return entry_make_zswap(move->to_block, shadow);
}

static void retarget_locked(struct ref *ref, const struct zmove *move)
{
	entry_t was = *ref->entry;

	switch (move->kind) {
	case ZMOVE_HANDLE:
		ref_set(ref, entry_make_zpage(move->to) | (was & ENTRY_ADOPTED));
		break;
	case ZMOVE_ADOPTED:
		ref_set(ref, entry_make_zpage(move->to) | ENTRY_ADOPTED);
		swap_put_entry(was);
		count_vm_event(EV_zadopt);
		break;
	case ZMOVE_SWAPPED:
	case ZMOVE_PAGE:
	case ZMOVE_DROPPED:
		ref_set(ref, evicted_entry(move));
		if (was & ENTRY_ADOPTED)
			swapin_settled(false);
		break;
	}
}

static bool store_retarget(void *ctx, const struct zmove *move)
{
	struct ref ref;
	bool ours;

	if (!ref_lock((enum page_type)move->type, move->key, &ref))
		return false;
	ours = names_moved(*ref.entry, move);
	if (ours)
		retarget_locked(&ref, move);
	ref_unlock(&ref);
	return ours;
}

static void store_blocks_write(void *ctx, void **frames, u32 *slots, u32 nr, bool pages)
{
	u32 written = swap_write_frames(frames, slots, nr, COST_EVICT_WRITE);

	/* Pages count where they arrive: ZMOVE_PAGE. */
	if (!pages)
		count_vm_events(EV_zpswpout, written);
}

static void store_block_put(void *ctx, u32 slot)
{
	swap_put(slot);
}

static const struct zstore_env store_env = {
	.frame_get = store_frame_get,
	.frame_put = store_frame_put,
	.frame_word = store_frame_word,
	.frame_younger = store_frame_younger,
	.frame_adopt = store_frame_adopt,
	.retarget = store_retarget,
	.blocks_write = store_blocks_write,
	.block_put = store_block_put,
};

void zpage_init(const struct mm_config *config)
{
	const struct zstore_config store = {
		.kind = config->store_kind ? config->store_kind : zstore_kind_find("log"),
		.codec = &codec_lz4,
		.nr_cpus = config->nr_cpus,
		.checksums = config->store_checksums,
		.evict_pages = config->store_evicts_pages,
	};
	size_t bytes = zstore_bytes(&store);
	struct page *page =
		alloc_frames(ALLOC_ZERO, (u32)DIV_ROUND_UP(bytes, PAGE_SIZE), FRAME_STORE_META);

	if (!page)
		panic("no %lu KiB for the compressed store's tables", bytes / KIB);
	store_name = zstore_kind_name(store.kind);
	store_checksums = store.checksums;
	zstore = zstore_init(page_address(page), &store, &store_env, NULL);
}

const char *zpage_store_name(void)
{
	return store_name;
}

bool zpage_has_checksums(void)
{
	return store_checksums;
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
	u64 start_ns = env_now_ns(), key = page->key, private = page->private;
	enum zresult result;
	zhandle_t handle;
	u32 size_bytes, shadow;

	ASSERT_PAGE(page_test(page, PG_LOCKED) && !page_test(page, PG_DIRTY), page);
	shadow = workingset_now(was_workingset, false);
	context->donor = page;
	result = zstore_store(zstore, (enum ztype)type, page_address(page), key, shadow, &handle,
			      &size_bytes);
	*donated = context->donated;
	context->donor = NULL;
	context->donated = NULL;
	if (result == ZS_OK || result == ZS_POOR)
		cost_note_tried(type, result == ZS_OK, size_bytes);
	if (result != ZS_OK) {
		ASSERT_PAGE(!*donated, page);
		/* It may have been a store frame for a moment. */
		page->key = key;
		page->private = private;
		count_vm_event(reject_event[result]);
		return result;
	}
	count_vm_events(EV_zdonated, *donated);
	workingset_leave(type, LEFT_TO_STORE, shadow);
	cost_note_cpu(type, COST_COMPRESS, env_now_ns() - start_ns);
	count_vm_event(type == TYPE_ANON ? EV_zstore_anon : EV_zstore_file);
	*entry = entry_make_zpage(handle);
	return ZS_OK;
}

bool zpage_try(const struct page *page, enum page_type type)
{
	u64 start_ns = env_now_ns();
	u32 size_bytes;
	bool good = zstore_try(zstore, page_address(page), &size_bytes);

	cost_note_tried(type, good, size_bytes);
	if (good)
		cost_note_cpu(type, COST_COMPRESS, env_now_ns() - start_ns);
	count_vm_event(EV_ztry);
	return good;
}

bool zpage_decompress(enum page_type type, entry_t entry, u64 key, struct page *page,
		      bool *activate)
{
	u64 start_ns = env_now_ns();
	u32 shadow = 0;

	if (zstore_load(zstore, (enum ztype)type, entry_zhandle(entry), key, page_address(page),
			&shadow) != ZS_OK)
		return false;
	cost_note_cpu(type, COST_DECOMPRESS, env_now_ns() - start_ns);
	count_vm_event(type == TYPE_ANON ? EV_zswpin : EV_zfilein);
	if (shadow & SHADOW_WORKINGSET)
		page_set(page, PG_WORKINGSET);
	if (entry & ENTRY_ADOPTED)
		swapin_settled(true);
	*activate = workingset_comeback(type, LEFT_TO_STORE, shadow);
	return true;
}

void zpage_drop(enum page_type type, entry_t entry, u64 key)
{
	u32 shadow = zstore_drop(zstore, (enum ztype)type, entry_zhandle(entry), key);

	workingset_forget(type, shadow);
	if (entry & ENTRY_ADOPTED)
		swapin_settled(false);
}

bool zpage_extract(struct page *block, struct page *next, struct zblock_ref ref, u64 key,
		   struct page *page)
{
	return zstore_extract(zstore, page_address(block), next ? page_address(next) : NULL, ref,
			      key, page_address(page)) == ZS_OK;
}

u32 zpage_adopt(struct page *const *blocks, u32 nr, u32 first_slot, u64 not_key)
{
	void *frames[ZSTORE_ADOPT_BLOCKS];

	ASSERT(nr <= ARRAY_SIZE(frames));
	for (u32 i = 0; i < nr; i++)
		frames[i] = page_address(blocks[i]);
	return zstore_adopt(zstore, Z_ANON, frames, nr, first_slot, not_key);
}

u64 zpage_shrink(enum page_type type, u64 nr_frames)
{
	return zstore_shrink(zstore, (enum ztype)type, nr_frames);
}

u64 zpage_compact(enum page_type type, u64 nr_frames, enum zeffort effort)
{
	return zstore_compact(zstore, (enum ztype)type, nr_frames, effort);
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
