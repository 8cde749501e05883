/* SPDX-License-Identifier: MIT */
/*
 * zstore_model.c - the environment under the store in its tests.
 *
 * Frames that the store does not hold are poisoned for the address sanitizer, so that a
 * touch after frame_put() is found at once. Written blocks are taken in two halves with other
 * threads in between: a disk reads a page of memory while its owner goes on.
 */
#include "tests/host/zstore_model.h"

#include <stdio.h>
#include <stdlib.h>

#include <sanitizer/asan_interface.h>

#include "lib/assert.h"
#include "lib/string.h"

struct model m;

/* --- The environment --- */

static struct model_frame *frame_of(const void *addr)
{
	u64 index = (u64)((const u8 *)addr - m.ram) / PAGE_SIZE;

	ASSERT((const u8 *)addr >= m.ram && index < MODEL_FRAMES);
	return &m.frame[index];
}

void *model_frame_address(const struct model_frame *frame)
{
	return m.ram + (u64)(frame - m.frame) * PAGE_SIZE;
}

/* A free frame, filled with rubbish, on no list yet. */
static struct model_frame *take_frame(enum ztype type)
{
	u32 start = (u32)prng_below(&m.rng, MODEL_FRAMES);

	for (u32 i = 0; i < MODEL_FRAMES; i++) {
		struct model_frame *frame = &m.frame[(start + i) % MODEL_FRAMES];

		if (frame->taken)
			continue;
		ASAN_UNPOISON_MEMORY_REGION(model_frame_address(frame), PAGE_SIZE);
		memset(model_frame_address(frame), 0xa5, PAGE_SIZE);
		*frame = (struct model_frame){ .taken = true, .type = type };
		return frame;
	}
	return NULL;
}

static void put_on_list(struct model_frame *frame)
{
	list_add_tail(&frame->link, &m.lru[frame->type]);
	m.held[frame->type]++;
}

static void *fake_frame_get(void *ctx, enum ztype type)
{
	struct model_frame *frame;

	if (++m.gets == m.get_fail_nth || prng_chance(&m.rng, m.get_fail_pct))
		return NULL;
	frame = take_frame(type);
	if (!frame)
		return NULL;
	put_on_list(frame);
	return model_frame_address(frame);
}

void *model_take_frame(enum ztype type)
{
	struct model_frame *frame = take_frame(type);

	return frame ? model_frame_address(frame) : NULL;
}

void model_return_frame(void *addr)
{
	frame_of(addr)->taken = false;
	ASAN_POISON_MEMORY_REGION(addr, PAGE_SIZE);
}

static void fake_frame_adopt(void *ctx, enum ztype type, void *addr)
{
	ASSERT(frame_of(addr)->taken && frame_of(addr)->type == type);
	put_on_list(frame_of(addr));
}

static void fake_frame_put(void *ctx, enum ztype type, void *addr)
{
	struct model_frame *frame = frame_of(addr);

	ASSERT(frame->taken && frame->type == type);
	list_del(&frame->link);
	frame->taken = false;
	m.held[type]--;
	ASAN_POISON_MEMORY_REGION(addr, PAGE_SIZE);
}

static u64 *fake_frame_word(void *ctx, void *addr)
{
	return &frame_of(addr)->word;
}

static void *fake_frame_younger(void *ctx, enum ztype type, void *addr)
{
	struct list_head *at = addr ? &frame_of(addr)->link : &m.lru[type];

	ASSERT(!addr || (frame_of(addr)->taken && frame_of(addr)->type == type));
	if (at->next == &m.lru[type])
		return NULL;
	return model_frame_address(list_entry(at->next, struct model_frame, link));
}

static void use_block(u32 slot)
{
	ASSERT(slot >= 1 && slot <= NR_BLOCKS && m.uses[slot]);
	m.uses[slot]++;
}

void model_ref_put(const struct model_ref *ref)
{
	model_block_put(NULL, ref->block.slot);
	if (ref->where == ON_SWAP && ref->block.spans)
		model_block_put(NULL, ref->block.slot + 1);
}

/* Does the reference name what the move says, so that it can be changed? */
static bool names_it(const struct model_ref *ref, const struct zmove *move)
{
	if (ref->transit || prng_chance(&m.rng, m.refuse_pct))
		return false;
	if (move->kind == ZMOVE_ADOPTED)
		return ref->where == ON_SWAP && ref->block.slot == move->from_block.slot &&
		       ref->block.index == move->from_block.index &&
		       ref->block.spans == move->from_block.spans;
	return ref->where == IN_STORE && ref->handle == move->from;
}

static bool fake_retarget(void *ctx, const struct zmove *move)
{
	struct model_ref *ref = &m.ref[move->key % (NR_KEYS + 1)];

	/* A damaged block names any key. */
	if (move->kind == ZMOVE_ADOPTED &&
	    (!move->key || move->key > NR_KEYS || type_of(move->key) != move->type ||
	     move->stamp != ref->stamp))
		return false;
	ASSERT(move->key >= 1 && move->key <= NR_KEYS);
	ASSERT(move->type == type_of(move->key));
	if (!names_it(ref, move))
		return false;
	ASSERT(move->stamp == ref->stamp);
	ASSERT(move->type == (move->kind == ZMOVE_DROPPED ? Z_FILE : Z_ANON) ||
	       move->kind == ZMOVE_HANDLE);
	switch (move->kind) {
	case ZMOVE_HANDLE:
		ref->handle = move->to;
		break;
	case ZMOVE_SWAPPED:
		use_block(move->to_block.slot);
		if (move->to_block.spans)
			use_block(move->to_block.slot + 1);
		ref->where = ON_SWAP;
		ref->block = move->to_block;
		break;
	case ZMOVE_PAGE:
		use_block(move->to_block.slot);
		ref->where = PAGE_ON_SWAP;
		ref->block = move->to_block;
		break;
	case ZMOVE_DROPPED:
		ref->where = DROPPED;
		break;
	case ZMOVE_ADOPTED:
		model_ref_put(ref);
		ref->where = IN_STORE;
		ref->handle = move->to;
		break;
	}
	return true;
}

/* A free block near the last one, most often the next. */
static u32 find_block(u32 after)
{
	for (u32 i = 1; i <= NR_BLOCKS; i++) {
		u32 slot = 1 + (after + i - 1) % NR_BLOCKS;

		if (!m.uses[slot])
			return slot;
	}
	return 0;
}

static void fake_blocks_write(void *ctx, void **frames, u32 *slots, u32 nr, bool pages)
{
	u32 slot = (u32)prng_below(&m.rng, NR_BLOCKS);

	ASSERT(nr >= 1 && nr <= ZSTORE_EVICT_BATCH);
	for (u32 i = 0; i < nr; i++) {
		u32 found = find_block(slot);

		if (!found || prng_chance(&m.rng, m.write_fail_pct))
			continue;
		slot = found;
		m.uses[slot] = 1;
		memcpy(m.block[slot], frames[i], PAGE_SIZE / 2);
		if (m.sleepy)
			env_sleep_ns(prng_below(&m.rng, 3000));
		/* The second half as it is later: the disk is in no hurry. */
		memcpy(m.block[slot] + PAGE_SIZE / 2, (u8 *)frames[i] + PAGE_SIZE / 2,
		       PAGE_SIZE / 2);
		slots[i] = slot;
	}
}

void model_block_put(void *ctx, u32 slot)
{
	ASSERT(m.uses[slot] > 0);
	m.uses[slot]--;
}

static const struct zstore_env fake_env = {
	.frame_get = fake_frame_get,
	.frame_put = fake_frame_put,
	.frame_word = fake_frame_word,
	.frame_younger = fake_frame_younger,
	.frame_adopt = fake_frame_adopt,
	.retarget = fake_retarget,
	.blocks_write = fake_blocks_write,
	.block_put = model_block_put,
};

struct zstore_config model_config;

bool model_next_config(u32 i)
{
	static const struct {
		const char *kind;
		bool checksums, evict_pages;
	} configs[] = {
		{ "log", true, false },	 { "log", false, true },      { "log", false, false },
		{ "zbud", true, false }, { "zsmalloc", true, false },
	};

	if (i == ARRAY_SIZE(configs))
		return false;
	model_config = (struct zstore_config){
		.kind = zstore_kind_find(configs[i].kind),
		.codec = &codec_lz4,
		.nr_cpus = 2,
		.checksums = configs[i].checksums,
		.evict_pages = configs[i].evict_pages,
	};
	return model_config.kind || model_next_config(i + 1);
}

void model_init(u64 seed)
{
	if (!model_config.kind)
		model_next_config(0);
	host_boot(16, seed);
	host_set_preemption(0, false);
	memset(&m, 0, sizeof(m));
	prng_seed(&m.rng, seed);
	m.ram = aligned_alloc(PAGE_SIZE, MODEL_FRAMES * PAGE_SIZE);
	ASAN_POISON_MEMORY_REGION(m.ram, MODEL_FRAMES * PAGE_SIZE);
	for (u32 i = 0; i < NR_ZTYPES; i++)
		list_init(&m.lru[i]);
	m.config = model_config;
	m.memory = aligned_alloc(PAGE_SIZE, ALIGN_UP(zstore_bytes(&m.config), PAGE_SIZE));
	memset(m.memory, 0, zstore_bytes(&m.config));
	m.zs = zstore_init(m.memory, &m.config, &fake_env, &m);
	for (u32 key = 1; key <= NR_KEYS; key++)
		m.ref[key].copy = calloc(1, PAGE_SIZE);
}

void model_exit(void)
{
	ASAN_UNPOISON_MEMORY_REGION(m.ram, MODEL_FRAMES * PAGE_SIZE);
	free(m.ram);
	free(m.memory);
	for (u32 key = 1; key <= NR_KEYS; key++)
		free(m.ref[key].copy);
}

/* --- Page contents --- */

static void fill_sparse(u8 *page)
{
	memset(page, 0, PAGE_SIZE);
	for (u32 i = 0; i < 1 + prng_below(&m.rng, 40); i++)
		page[prng_below(&m.rng, PAGE_SIZE)] = (u8)prng_next(&m.rng);
}

/* A heap of small objects: header word, two pointers nearby, a counter. */
static void fill_pointers(u8 *page)
{
	u64 *p = (u64 *)page, base = 0x7f0000000000UL + prng_below(&m.rng, 1 << 20) * PAGE_SIZE;

	for (u32 i = 0; i < PAGE_SIZE / 8; i += 4) {
		p[i] = 0x21;
		p[i + 1] = base + prng_below(&m.rng, 1 << 14) * 32;
		p[i + 2] = base + prng_below(&m.rng, 1 << 14) * 32;
		p[i + 3] = prng_below(&m.rng, 100);
	}
}

static void fill_text(u8 *page, bool json)
{
	static const char *const words[] = { "frame", "page",	 "memory",  "cold",   "the",
					     "of",    "reclaim", "balance", "active", "store" };
	char line[128];
	u32 at = 0;

	while (at < PAGE_SIZE) {
		const char *a = words[prng_below(&m.rng, ARRAY_SIZE(words))];
		const char *b = words[prng_below(&m.rng, ARRAY_SIZE(words))];
		u64 x = prng_next(&m.rng);
		int len;

		if (json)
			len = snprintf(
				line, sizeof(line),
				"{\"id\":%u,\"name\":\"%s-%04x\",\"tags\":[\"%s\"],\"ok\":%s},",
				(u32)x % 100000, a, (u32)(x >> 32) % 65536, b,
				x >> 60 & 1 ? "true" : "false");
		else
			len = snprintf(line, sizeof(line), "%s the %s of %c%s, ", a, b,
				       (char)('a' + x % 26), a);
		for (int i = 0; i < len && at < PAGE_SIZE; i++)
			page[at++] = (u8)line[i];
	}
}

void fill_kind(u8 *page, enum kind kind)
{
	switch (kind) {
	case ZERO:
		clear_page(page);
		break;
	case SAME:
		fill_page(page, prng_below(&m.rng, 400) * 0x0101010101010101UL);
		break;
	case SPARSE:
		fill_sparse(page);
		break;
	case POINTERS:
		fill_pointers(page);
		break;
	case TEXT:
	case JSON:
		fill_text(page, kind == JSON);
		break;
	case HALF_RANDOM:
		clear_page(page);
		prng_fill(&m.rng, page, PAGE_SIZE / 2);
		break;
	default:
		prng_fill(&m.rng, page, PAGE_SIZE);
		break;
	}
}
