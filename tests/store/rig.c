/* SPDX-License-Identifier: MIT */
/*
 * rig.c - the environment under the store when it is measured.
 *
 * Everything the store calls here takes a few instructions, as it does in the kernel, so that
 * the bench's figures are the store's.
 */
#include "tests/store/rig.h"

#include "compress/zstore_impl.h"
#include "lib/assert.h"
#include "lib/clock.h"
#include "lib/print.h"
#include "lib/string.h"

#define POISON_WORD 0xdeadfa11deadfa11UL

/* --- Frames --- */

static struct rig_frame *frame_of(struct rig *rig, const void *address)
{
	u64 index = (u64)((const u8 *)address - rig->pool) / PAGE_SIZE;

	ASSERT((const u8 *)address >= rig->pool && index < rig->config.nr_frames);
	return &rig->frame[index];
}

static void *frame_address(struct rig *rig, const struct rig_frame *frame)
{
	return rig->pool + (u64)(frame - rig->frame) * PAGE_SIZE;
}

static struct rig_frame *take_frame(struct rig *rig)
{
	struct rig_frame *frame;
	u64 word;

	if (list_empty(&rig->free))
		return NULL;
	frame = list_first_entry(&rig->free, struct rig_frame, link);
	list_del(&frame->link);
	ASSERT(!frame->taken);
	if (rig->config.poison)
		ASSERT(page_is_same_filled(frame_address(rig, frame), &word) &&
		       word == POISON_WORD);
	frame->taken = true;
	rig->nr_free--;
	return frame;
}

static void give_frame(struct rig *rig, struct rig_frame *frame)
{
	ASSERT(frame->taken);
	if (rig->config.poison)
		fill_page(frame_address(rig, frame), POISON_WORD);
	frame->taken = false;
	list_add(&frame->link, &rig->free);
	rig->nr_free++;
}

static void join_type(struct rig *rig, struct rig_frame *frame, enum ztype type)
{
	frame->type = type;
	frame->word = 0;
	list_add_tail(&frame->link, &rig->frames[type]);
	rig->held[type]++;
}

static void *rig_frame_get(void *ctx, enum ztype type)
{
	struct rig *rig = ctx;
	struct rig_frame *frame = take_frame(rig);

	if (!frame)
		return NULL;
	join_type(rig, frame, type);
	return frame_address(rig, frame);
}

static void rig_frame_put(void *ctx, enum ztype type, void *address)
{
	struct rig *rig = ctx;
	struct rig_frame *frame = frame_of(rig, address);

	ASSERT(frame->taken && frame->type == type);
	list_del(&frame->link);
	rig->held[type]--;
	give_frame(rig, frame);
}

static u64 *rig_frame_word(void *ctx, void *address)
{
	return &frame_of(ctx, address)->word;
}

static void *rig_frame_younger(void *ctx, enum ztype type, void *address)
{
	struct rig *rig = ctx;
	struct list_head *link = address ? &frame_of(rig, address)->link : &rig->frames[type];

	if (link->next == &rig->frames[type])
		return NULL;
	return frame_address(rig, list_entry(link->next, struct rig_frame, link));
}

static void rig_frame_adopt(void *ctx, enum ztype type, void *address)
{
	join_type(ctx, frame_of(ctx, address), type);
}

/* --- The swap disk --- */

static void use_blocks(struct rig *rig, const struct zblock_ref *ref, bool more)
{
	for (u32 slot = ref->slot; slot <= ref->slot + ref->spans; slot++) {
		ASSERT(slot >= 1 && slot <= rig->config.nr_blocks && rig->uses[slot]);
		rig->uses[slot] += more ? 1 : -1;
	}
}

/* The next free block from there on, round the end; 0: none. */
static u32 free_block(const struct rig *rig, u32 from)
{
	for (u32 i = 0; i < rig->config.nr_blocks; i++) {
		u32 slot = (from - 1 + i) % rig->config.nr_blocks + 1;

		if (!rig->uses[slot])
			return slot;
	}
	return 0;
}

/* The start of nr free blocks in a row; where there are none, of any free one. */
static u32 free_run(const struct rig *rig, u32 nr)
{
	u32 run = 0;

	for (u32 i = 0; i < rig->config.nr_blocks; i++) {
		u32 slot = (rig->next_block - 1 + i) % rig->config.nr_blocks + 1;

		if (slot == 1)
			run = 0;
		run = rig->uses[slot] ? 0 : run + 1;
		if (run == nr)
			return slot - nr + 1;
	}
	return free_block(rig, rig->next_block);
}

static void rig_blocks_write(void *ctx, void **frames, u32 *slots, u32 nr, bool pages)
{
	struct rig *rig = ctx;
	u32 slot = free_run(rig, nr), last = 0;

	ASSERT(nr >= 1 && nr <= ZSTORE_EVICT_BATCH);
	for (u32 i = 0; i < nr; i++) {
		slots[i] = 0;
		if (slot)
			slot = free_block(rig, slot);
		if (!slot)
			continue;
		memcpy(rig->blocks + (slot - 1) * PAGE_SIZE, frames[i], PAGE_SIZE);
		rig->uses[slot] = 1;
		rig->written.blocks++;
		rig->written.requests += slot != last + 1 || !last;
		slots[i] = last = slot;
	}
	if (last)
		rig->next_block = last % rig->config.nr_blocks + 1;
}

static void rig_block_put(void *ctx, u32 slot)
{
	use_blocks(ctx, &(struct zblock_ref){ .slot = slot }, false);
}

/* Into rig->buffer, as the page or as the block it is in. */
static void read_blocks(struct rig *rig, const struct zblock_ref *ref)
{
	rig->read.requests++;
	for (u32 i = 0; i <= ref->spans; i++) {
		rig->read.blocks++;
		memcpy(rig->buffer[i], rig->blocks + (ref->slot - 1 + i) * PAGE_SIZE, PAGE_SIZE);
	}
}

/* --- References --- */

static void leave_store(struct rig_ref *ref, enum rig_where where)
{
	list_del(&ref->link);
	ref->where = where;
}

static bool same_block(const struct zblock_ref *a, const struct zblock_ref *b)
{
	return a->slot == b->slot && a->index == b->index && a->spans == b->spans;
}

/* Its neighbour was read, and it is in memory again. */
static bool retarget_adopted(struct rig *rig, struct rig_ref *ref, const struct zmove *move)
{
	if (ref->where != RIG_ON_SWAP || !same_block(&ref->block, &move->from_block))
		return false;
	use_blocks(rig, &ref->block, false);
	ref->where = RIG_IN_STORE;
	ref->handle = move->to;
	list_add_tail(&ref->link, &rig->stored[ref->type]);
	return true;
}

static bool rig_retarget(void *ctx, const struct zmove *move)
{
	struct rig *rig = ctx;
	struct rig_ref *ref = &rig->ref[move->key];

	ASSERT(move->key >= 1 && move->key <= rig->config.nr_refs);
	if (ref->transit)
		return false;
	if (move->kind == ZMOVE_ADOPTED)
		return retarget_adopted(rig, ref, move);
	if (ref->where != RIG_IN_STORE || ref->handle != move->from)
		return false;
	ASSERT(move->type == ref->type && move->stamp == ref->stamp);
	switch (move->kind) {
	case ZMOVE_HANDLE:
		ref->handle = move->to;
		break;
	case ZMOVE_SWAPPED:
	case ZMOVE_PAGE:
		ASSERT(move->type == Z_ANON);
		ref->block = move->to_block;
		use_blocks(rig, &ref->block, true);
		leave_store(ref, move->kind == ZMOVE_PAGE ? RIG_ON_SWAP_AS_PAGE : RIG_ON_SWAP);
		break;
	case ZMOVE_DROPPED:
		ASSERT(move->type == Z_FILE);
		leave_store(ref, RIG_DROPPED);
		break;
	case ZMOVE_ADOPTED:
		return false;
	}
	return true;
}

static const struct zstore_env rig_env = {
	.frame_get = rig_frame_get,
	.frame_put = rig_frame_put,
	.frame_word = rig_frame_word,
	.frame_younger = rig_frame_younger,
	.frame_adopt = rig_frame_adopt,
	.retarget = rig_retarget,
	.blocks_write = rig_blocks_write,
	.block_put = rig_block_put,
};

/* --- Set-up --- */

static void *carve(u8 **at, size_t bytes)
{
	void *start = *at;

	*at += ALIGN_UP(bytes, PAGE_SIZE);
	return start;
}

/* Lay the arrays out from memory on; returns the bytes. NULL: only count. */
static size_t lay_out(struct rig *rig, void *memory, const struct rig_config *config, void **store)
{
	u8 *at = memory;

	rig->pool = carve(&at, config->nr_frames * PAGE_SIZE);
	rig->blocks = carve(&at, config->nr_blocks * PAGE_SIZE);
	rig->page = carve(&at, PAGE_SIZE);
	rig->expect = carve(&at, PAGE_SIZE);
	rig->buffer[0] = carve(&at, PAGE_SIZE);
	rig->buffer[1] = carve(&at, PAGE_SIZE);
	rig->frame = carve(&at, config->nr_frames * sizeof(struct rig_frame));
	rig->ref = carve(&at, (config->nr_refs + 1) * sizeof(struct rig_ref));
	rig->uses = carve(&at, (config->nr_blocks + 1) * sizeof(u16));
	*store = carve(&at, zstore_bytes(&config->store));
	return (size_t)(at - (u8 *)memory);
}

size_t rig_bytes(const struct rig_config *config)
{
	struct rig rig;
	void *store;

	return lay_out(&rig, NULL, config, &store);
}

void rig_init(struct rig *rig, void *memory, const struct rig_config *config)
{
	size_t bytes;
	void *store;

	memset(rig, 0, sizeof(*rig));
	bytes = lay_out(rig, memory, config, &store);
	memset(rig->frame, 0, bytes - (size_t)((u8 *)rig->frame - (u8 *)memory));
	rig->config = *config;
	rig->next_block = 1;
	list_init(&rig->free);
	for (u32 i = 0; i < NR_ZTYPES; i++) {
		list_init(&rig->frames[i]);
		list_init(&rig->stored[i]);
	}
	for (u32 i = config->nr_frames; i-- > 0;) {
		rig->frame[i].taken = true;
		give_frame(rig, &rig->frame[i]);
	}
	rig->store_bytes = zstore_bytes(&config->store);
	rig->zs = zstore_init(store, &rig->config.store, &rig_env, rig);
}

u64 rig_fixed_frames(const struct rig *rig)
{
	return DIV_ROUND_UP(rig->store_bytes, PAGE_SIZE);
}

/* --- Pages in and out --- */

enum zresult rig_store(struct rig *rig, enum ztype type, u32 key, u32 *size_bytes)
{
	struct rig_ref *ref = &rig->ref[key];
	zhandle_t handle = 0;
	enum zresult result;
	u64 start;

	ASSERT(key >= 1 && key <= rig->config.nr_refs && ref->where == RIG_NOWHERE);
	ref->type = type;
	ref->number = rig->next_number++;
	ref->stamp = ref->number & (BIT(ZSTAMP_BITS) - 1);
	ref->transit = true;
	rig->config.fill(rig->config.fill_ctx, ref->number, rig->page);
	start = env_now_ns();
	result = zstore_store(rig->zs, type, rig->page, key, ref->stamp, &handle, size_bytes);
	rig->op_ns = env_now_ns() - start;
	if (result == ZS_OK) {
		ASSERT(handle && handle >> ZHANDLE_BITS == 0);
		ref->handle = handle;
		ref->size_bytes = *size_bytes;
		ref->where = RIG_IN_STORE;
		list_add_tail(&ref->link, &rig->stored[type]);
	}
	ref->transit = false;
	return result;
}

static void compare(struct rig *rig, u32 key, bool good)
{
	struct rig_ref *ref = &rig->ref[key];
	u32 at = 0;

	rig->config.fill(rig->config.fill_ctx, ref->number, rig->expect);
	if (good && !memcmp(rig->page, rig->expect, PAGE_SIZE))
		return;
	while (at < PAGE_SIZE - 1 && rig->page[at] == rig->expect[at])
		at++;
	rig->mismatches++;
	printk("MISMATCH: key %u, page %lu, %s%s: byte %u is 0x%02x, not 0x%02x\n", key,
	       ref->number, ref->where == RIG_IN_STORE ? "loaded" : "read from swap",
	       good ? "" : " (reported corrupt)", at, rig->page[at], rig->expect[at]);
}

static void load_from_store(struct rig *rig, u32 key)
{
	struct rig_ref *ref = &rig->ref[key];
	u64 start = env_now_ns();
	enum zresult result;
	u32 stamp = 0;

	result = zstore_load(rig->zs, ref->type, ref->handle, key, rig->page, &stamp);
	rig->op_ns = env_now_ns() - start;
	ASSERT(stamp == ref->stamp);
	compare(rig, key, result == ZS_OK);
	list_del(&ref->link);
}

/* Offer the block in rig->buffer[0] to the store, and the next where one is wanted that spans into it. */
static void adopt_blocks(struct rig *rig, struct zblock_ref ref, u32 not_key)
{
	struct rig_frame *frames[2];
	void *blocks[2];
	u32 nr = 0, kept;

	while (nr < 1U + ref.spans) {
		frames[nr] = take_frame(rig);
		if (!frames[nr])
			break;
		blocks[nr] = frame_address(rig, frames[nr]);
		memcpy(blocks[nr], rig->buffer[nr], PAGE_SIZE);
		nr++;
	}
	kept = zstore_adopt(rig->zs, Z_ANON, blocks, nr, ref.slot, not_key);
	for (u32 i = 0; i < nr; i++)
		if (!(kept & BIT(i)))
			give_frame(rig, frames[i]);
}

static void load_from_swap(struct rig *rig, u32 key, bool adopt)
{
	struct rig_ref *ref = &rig->ref[key];
	bool good = true;

	read_blocks(rig, &ref->block);
	if (ref->where == RIG_ON_SWAP_AS_PAGE) {
		memcpy(rig->page, rig->buffer[0], PAGE_SIZE);
		adopt = false;
	} else {
		good = zstore_extract(rig->zs, rig->buffer[0],
				      ref->block.spans ? rig->buffer[1] : NULL, ref->block, key,
				      rig->page) == ZS_OK;
	}
	compare(rig, key, good);
	if (adopt) {
		read_blocks(rig, &ref->block); /* putting a zpage together spoils the second */
		adopt_blocks(rig, ref->block, key);
	}
	use_blocks(rig, &ref->block, false);
}

void rig_load(struct rig *rig, u32 key, bool adopt)
{
	struct rig_ref *ref = &rig->ref[key];

	ref->transit = true;
	if (ref->where == RIG_IN_STORE)
		load_from_store(rig, key);
	else if (ref->where == RIG_ON_SWAP || ref->where == RIG_ON_SWAP_AS_PAGE)
		load_from_swap(rig, key, adopt);
	else
		ASSERT(ref->where == RIG_DROPPED);
	ref->where = RIG_NOWHERE;
	ref->transit = false;
}

void rig_drop(struct rig *rig, u32 key)
{
	struct rig_ref *ref = &rig->ref[key];
	u64 start;

	ref->transit = true;
	if (ref->where == RIG_IN_STORE) {
		start = env_now_ns();
		zstore_drop(rig->zs, ref->type, ref->handle, key);
		rig->op_ns = env_now_ns() - start;
		list_del(&ref->link);
	} else if (ref->where == RIG_ON_SWAP || ref->where == RIG_ON_SWAP_AS_PAGE) {
		use_blocks(rig, &ref->block, false);
	}
	ref->where = RIG_NOWHERE;
	ref->transit = false;
}

/* --- Census --- */

static u32 note_frame(struct rig *rig, const struct rig_ref *ref, const u8 *data)
{
	struct rig_frame *frame = frame_of(rig, data);

	ASSERT(frame->taken && frame->type == ref->type);
	frame->nr_zpages[ref->owner]++;
	return (u32)(frame - rig->frame);
}

static void visit(void *ctx, enum ztype type, u64 key, zhandle_t handle)
{
	struct rig *rig = ctx;
	struct rig_ref *ref = &rig->ref[key];
	struct zobject object;

	ASSERT(key >= 1 && key <= rig->config.nr_refs);
	ASSERT(ref->where == RIG_IN_STORE && ref->handle == handle && ref->type == type);
	ASSERT(ref->frame[0] == RIG_NO_FRAME);
	ASSERT(rig->zs->kind->find(rig->zs, type, handle, key, &object));
	ref->frame[0] = note_frame(rig, ref, object.data);
	if (object.more_bytes)
		ref->frame[1] = note_frame(rig, ref, object.more);
	rig->census_zpages++;
}

void rig_census(struct rig *rig)
{
	struct zstore_type_stats stats;
	u64 zpages = 0;

	for (u32 i = 0; i < rig->config.nr_frames; i++)
		memset(rig->frame[i].nr_zpages, 0, sizeof(rig->frame[i].nr_zpages));
	for (u32 key = 1; key <= rig->config.nr_refs; key++)
		rig->ref[key].frame[0] = rig->ref[key].frame[1] = RIG_NO_FRAME;
	rig->census_zpages = 0;
	zstore_verify(rig->zs, visit);
	for (u32 type = 0; type < NR_ZTYPES; type++) {
		u64 in_store = 0;
		struct rig_ref *ref;

		zstore_get_stats(rig->zs, (enum ztype)type, &stats);
		list_for_each_entry(ref, &rig->stored[type], link)
			in_store++;
		ASSERT(stats.stored_pages + stats.same_pages == in_store);
		ASSERT(stats.backing_frames == rig->held[type]);
		ASSERT(zstore_frames(rig->zs, (enum ztype)type) == rig->held[type]);
		zpages += stats.stored_pages;
	}
	ASSERT(zpages == rig->census_zpages);
}
