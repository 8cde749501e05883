/* SPDX-License-Identifier: MIT */
/*
 * zstore.c - the compressed store: interface, codec and accounting; what all kinds share.
 *
 * Why frames
 *   The MM balances page frames. A store that counted zpages, or bytes, would be told to
 *   give back one thing and give back another: freeing a zpage usually frees no frame. So
 *   the unit of everything here that lasts is the frame. It is never shared between
 *   types, so nr_compressed_anon and nr_compressed_file are exact, and it goes to the free list the moment its
 *   last zpage leaves.
 *
 * Who does what
 *   This file compresses, decompresses, checks and counts. Where the bytes lie is a kind's
 *   business (zstore_impl.h): zlog.c, the default, has the essay on that; zbud.c and zsmalloc.c are there to be
 *   compared with. zshrink.c serves orders to give frames back, zevict.c those of them that are served
 *   zpage by zpage. zsame.c has pages that need no frame.
 *
 * Checksums
 *   With config.checksums each zpage carries 32 bits over its bytes and its key, stored behind them, so they are
 *   with it in memory and on swap and a block in the wrong place is found as surely as a flipped bit.
 *
 * Locks
 *   zs->lock (spin) guards all layout and accounting. It is not held while a codec runs
 *   nor during a write. A context's mutex guards its buffers for compression, its join_lock the one for
 *   decompression; zevict's mutex its pages. Mutexes come before zs->lock, join_lock is taken without it.
 *   References are locked by env->retarget() inside zs->lock.
 */
#include "compress/zframe.h"
#include "lib/clock.h"
#include "lib/print.h"
#include "lib/string.h"

/* --- Kinds --- */

static const struct zstore_kind *const kinds[] = { &zstore_log, &zstore_zbud, &zstore_zsmalloc };

const struct zstore_kind *zstore_kind_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

int zstore_kind_list(char *buf, size_t size)
{
	int length = 0;

	if (size)
		buf[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t used = MIN((size_t)length, size);

		length += ksnprintf(buf + used, size - used, "%s%s", i ? ", " : "", kinds[i]->name);
	}
	return length;
}

const char *zstore_kind_name(const struct zstore_kind *kind)
{
	return kind->name;
}

/* --- Memory --- */

/* Where the parts lie in the memory that the MM gives. */
struct layout {
	size_t state, state_bytes, kind, evict, end;
};

static struct layout layout_of(const struct zstore_config *config)
{
	bool pages = config->evict_pages || !config->kind->evict_frames;
	struct layout at;

	at.state = ALIGN_UP(sizeof(struct zstore) + config->nr_cpus * sizeof(struct zcontext), 16);
	at.state_bytes = ALIGN_UP((size_t)config->codec->state_bytes, 16);
	at.kind = ALIGN_UP(at.state + config->nr_cpus * at.state_bytes, PAGE_SIZE);
	at.end = at.kind + config->kind->state_bytes;
	at.evict = ALIGN_UP(at.end, PAGE_SIZE);
	if (pages)
		at.end = at.evict + ZEVICT_PAGES * PAGE_SIZE;
	return at;
}

size_t zstore_bytes(const struct zstore_config *config)
{
	return layout_of(config).end;
}

struct zstore *zstore_init(void *memory, const struct zstore_config *config,
			   const struct zstore_env *env, void *ctx)
{
	struct layout at = layout_of(config);
	struct zstore *zs = memory;
	u8 *base = memory;

	ASSERT(config->nr_cpus >= 1 && config->nr_cpus <= MAX_CPUS);
	ASSERT(((uintptr_t)memory & ~PAGE_MASK) == 0);
	spin_lock_init(&zs->lock, "zstore");
	zs->config = *config;
	zs->kind = config->kind;
	zs->codec = config->codec;
	zs->env = env;
	zs->ctx = ctx;
	zs->kind_state = base + at.kind;
	for (u32 i = 0; i < NR_ZTYPES; i++) {
		waitqueue_init(&zs->type[i].shrink_wq, "zstore shrink");
		zs->type[i].stats.target_frames = UINT64_MAX;
	}
	for (u32 i = 0; i < config->nr_cpus; i++) {
		mutex_init(&zs->context[i].lock, "zstore context");
		zs->context[i].state = base + at.state + i * at.state_bytes;
		spin_lock_init(&zs->context[i].join_lock, "zstore join");
	}
	mutex_init(&zs->evict.lock, "zstore evict");
	zs->evict.pages = (void *)(base + at.evict);
	if (zs->kind->init)
		zs->kind->init(zs);
	return zs;
}

/* A context to compress with; sleeps if all are in use. */
static struct zcontext *context_get(struct zstore *zs)
{
	u32 first = atomic_add_return(&zs->next_context, 1U), nr = zs->config.nr_cpus;
	struct zcontext *context;

	for (u32 i = 0; i < nr; i++) {
		context = &zs->context[(first + i) % nr];
		if (mutex_trylock(&context->lock))
			return context;
	}
	context = &zs->context[first % nr];
	mutex_lock(&context->lock);
	return context;
}

/* A context whose join_lock is now held. */
static struct zcontext *join_get(struct zstore *zs)
{
	u32 nr = zs->config.nr_cpus, first = atomic_add_return(&zs->next_join, 1U) % nr;
	struct zcontext *context = &zs->context[first];

	if (likely(spin_trylock(&context->join_lock)))
		return context;
	for (u32 i = 1; i < nr; i++)
		if (spin_trylock(&zs->context[(first + i) % nr].join_lock))
			return &zs->context[(first + i) % nr];
	spin_lock(&context->join_lock);
	return context;
}

/* --- Counting; the lock is held --- */

u32 zstore_now_ms(void)
{
	return (u32)(env_now_ns() / NSEC_PER_MSEC);
}

static u32 zpage_bytes(const struct zstore *zs, u32 object_bytes)
{
	return zs->config.checksums ? object_bytes - ZCHECK_BYTES : object_bytes;
}

static inline void count_in(struct zstore *zs, enum ztype type, u32 object_bytes)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	u64 bytes = zpage_bytes(zs, object_bytes);

	stats->stored_pages++;
	stats->compressed_bytes += bytes;
	stats->compressed_squares += bytes * bytes;
	stats->size_buckets[bytes / ZSTORE_SIZE_BUCKET_BYTES]++;
}

void zstore_count_in(struct zstore *zs, enum ztype type, u32 object_bytes)
{
	count_in(zs, type, object_bytes);
}

static inline void count_out(struct zstore *zs, enum ztype type, u32 object_bytes, u32 born_ms)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	u64 bytes = zpage_bytes(zs, object_bytes);
	u32 age_ms = zstore_now_ms() - born_ms;
	u32 bucket = age_ms ? 32 - (u32)__builtin_clz(age_ms) : 0;

	stats->stored_pages--;
	stats->compressed_bytes -= bytes;
	stats->compressed_squares -= bytes * bytes;
	stats->size_buckets[bytes / ZSTORE_SIZE_BUCKET_BYTES]--;
	stats->age_buckets[MIN(bucket, ZSTORE_AGE_BUCKETS - 1U)]++;
}

void zstore_count_out(struct zstore *zs, enum ztype type, u32 object_bytes, u32 born_ms)
{
	count_out(zs, type, object_bytes, born_ms);
}

static void set_backing(struct zstore_type_stats *stats, u64 frames)
{
	WRITE_ONCE(stats->backing_frames, frames);
}

void *zstore_frame_get(struct zstore *zs, enum ztype type)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	void *frame = zs->env->frame_get(zs->ctx, type);

	if (frame)
		set_backing(stats, stats->backing_frames + 1);
	return frame;
}

void zstore_frame_put(struct zstore *zs, enum ztype type, void *frame)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;

	ASSERT(stats->backing_frames);
	set_backing(stats, stats->backing_frames - 1);
	zs->env->frame_put(zs->ctx, type, frame);
}

void zstore_frame_adopt(struct zstore *zs, enum ztype type, void *frame)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;

	zs->env->frame_adopt(zs->ctx, type, frame);
	set_backing(stats, stats->backing_frames + 1);
}

bool zstore_at_target(const struct zstore *zs, enum ztype type)
{
	const struct zstore_type_stats *stats = &zs->type[type].stats;

	return stats->backing_frames >= stats->target_frames;
}

/* --- Changing references; the lock is held --- */

bool zstore_retarget_handle(struct zstore *zs, enum ztype type, u64 key, u32 stamp, zhandle_t from,
			    zhandle_t to)
{
	struct zmove move = {
		.kind = ZMOVE_HANDLE,
		.type = type,
		.key = key,
		.stamp = stamp,
		.from = from,
		.to = to,
	};

	return zs->env->retarget(zs->ctx, &move);
}

bool zstore_evict_one(struct zstore *zs, struct zmove *move, u32 *freed)
{
	struct zobject object;

	if (!zs->env->retarget(zs->ctx, move))
		return false;
	if (!zs->kind->find(zs, move->type, move->from, move->key, &object))
		panic("zstore: zpage %lx of key %lx is evicted, but not there", move->from,
		      move->key);
	count_out(zs, move->type, object.size, object.born_ms);
	zs->type[move->type].stats.evicted_pages++;
	*freed += zs->kind->free(zs, move->type, move->from);
	return true;
}

/* --- Bytes to pages --- */

/* Bytes need not be aligned, nor be words otherwise. */
typedef u64 __attribute__((may_alias, aligned(1))) loose_u64;
typedef u32 __attribute__((may_alias, aligned(1))) loose_u32;

/* A multiplicative hash over words; seven instructions each. */
u32 zstore_checksum(const void *data, u32 bytes, u64 key)
{
	const u64 factor = 0x9e3779b97f4a7c15UL;
	u64 hash = (key + bytes) * factor;
	const u8 *p = data;

	for (; bytes >= sizeof(u64); bytes -= sizeof(u64), p += sizeof(u64)) {
		hash = (hash ^ *(const loose_u64 *)p) * factor;
		hash ^= hash >> 32;
	}
	for (; bytes; bytes--)
		hash = (hash ^ *p++) * factor;
	return (u32)(hash >> 32);
}

static __noinline bool unpack_checked(const struct codec *codec, const u8 *data, u32 bytes, u64 key,
				      void *page)
{
	if (bytes <= ZCHECK_BYTES)
		return false;
	bytes -= ZCHECK_BYTES;
	if (*(const loose_u32 *)(data + bytes) != zstore_checksum(data, bytes, key))
		return false;
	return codec->decompress(data, bytes, page);
}

static inline bool unpack(const struct zstore *zs, const u8 *data, u32 bytes, u64 key, void *page)
{
	if (zs->config.checksums)
		return unpack_checked(zs->codec, data, bytes, key, page);
	return zs->codec->decompress(data, bytes, page);
}

static __noinline bool unpack_joined(struct zstore *zs, const struct zobject *object, void *page)
{
	struct zcontext *context = join_get(zs);
	bool good;

	zobject_join(context->joined, object);
	good = unpack(zs, context->joined, object->size, object->key, page);
	spin_unlock(&context->join_lock);
	return good;
}

bool zstore_unpack(struct zstore *zs, const struct zobject *object, void *page)
{
	if (object->more)
		return unpack_joined(zs, object, page);
	return unpack(zs, object->data, object->size, object->key, page);
}

enum zresult zstore_extract(const struct zstore *zs, const void *block, void *next_block,
			    struct zblock_ref ref, u64 key, void *page)
{
	const struct zframe *frame = block;
	const struct zslot *slot = zframe_find(frame, ref.index, key);
	struct zobject object;

	if (!slot || slot->spans != ref.spans ||
	    !zframe_object_of_blocks(frame, next_block, slot, &object))
		return ZS_CORRUPT;
	if (!unpack(zs, object.data, object.size, key, page))
		return ZS_CORRUPT;
	return ZS_OK;
}

/* --- Same-filled pages --- */

static bool store_same(struct zstore *zs, enum ztype type, u64 word, u32 stamp, zhandle_t *handle)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	int index;

	spin_lock(&zs->lock);
	index = zsame_get(&zs->same, word);
	if (index >= 0) {
		*handle = ZHANDLE_SAME | (u64)stamp << ZSAME_BITS | (u32)index;
		stats->same_pages++;
		stats->stores++;
		stats->results[ZS_OK]++;
	}
	spin_unlock(&zs->lock);
	return index >= 0;
}

static u32 same_index(zhandle_t handle)
{
	return handle & (ZSAME_ENTRIES - 1);
}

/* Ends one use; the word it stood for. Lock held. */
static u64 free_same(struct zstore *zs, enum ztype type, zhandle_t handle)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	u64 word = zsame_word(&zs->same, same_index(handle));

	ASSERT(stats->same_pages);
	stats->same_pages--;
	zsame_put(&zs->same, same_index(handle));
	return word;
}

static u32 same_stamp(zhandle_t handle)
{
	return (u32)(handle >> ZSAME_BITS) & (BIT(ZSTAMP_BITS) - 1);
}

static void load_same(struct zstore *zs, enum ztype type, zhandle_t handle, void *page, u32 *stamp)
{
	u64 word;

	spin_lock(&zs->lock);
	word = free_same(zs, type, handle);
	zs->type[type].stats.loads++;
	spin_unlock(&zs->lock);
	*stamp = same_stamp(handle);
	fill_page(page, word);
}

/* --- Store --- */

/* Compress into the context's buffer. Bytes of the object, or 0: it would have more than limit. */
static u32 pack(struct zstore *zs, struct zcontext *context, const void *page, u64 key, u32 limit)
{
	u32 extra = zs->config.checksums ? ZCHECK_BYTES : 0, bytes;

	if (limit <= extra)
		return 0;
	limit = MIN(limit - extra, ZPAGE_MAX_BYTES + 0U);
	bytes = zs->codec->compress(context->state, page, context->out, limit);
	if (!bytes || !extra)
		return bytes;
	*(loose_u32 *)(context->out + bytes) = zstore_checksum(context->out, bytes, key);
	return bytes + extra;
}

/*
 * The page is read for the last time by the codec: frame_get() may hand out the very
 * frame that it lies in.
 */
static enum zresult store_compressed(struct zstore *zs, enum ztype type, const void *page, u64 key,
				     u32 stamp, zhandle_t *handle, u32 *size_bytes)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	struct zcontext *context = context_get(zs);
	struct zobject object = { .key = key, .stamp = stamp, .data = context->out };
	u32 limit = ZOBJECT_MAX_BYTES;
	enum zresult result;

	/* At the target the codec need not go on beyond the largest place. */
	if (unlikely(zstore_at_target(zs, type))) {
		spin_lock(&zs->lock);
		limit = zs->kind->limit(zs, type);
		spin_unlock(&zs->lock);
	}
	object.size = pack(zs, context, page, key, limit);
	object.data_bytes = object.size;
	spin_lock(&zs->lock);
	if (object.size)
		result = zs->kind->add(zs, type, &object, handle);
	else
		result = limit >= ZOBJECT_MAX_BYTES ? ZS_POOR : ZS_TARGET;
	stats->results[result]++;
	if (result == ZS_OK) {
		stats->stores++;
		count_in(zs, type, object.size);
		*size_bytes = zpage_bytes(zs, object.size);
	}
	spin_unlock(&zs->lock);
	mutex_unlock(&context->lock);
	return result;
}

enum zresult zstore_store(struct zstore *zs, enum ztype type, const void *page, u64 key, u32 stamp,
			  zhandle_t *handle, u32 *size_bytes)
{
	u64 word;

	DEBUG_ASSERT(key < BIT(ZKEY_BITS) && stamp < BIT(ZSTAMP_BITS));
	if (page_is_same_filled(page, &word) && store_same(zs, type, word, stamp, handle)) {
		*size_bytes = 0;
		return ZS_OK;
	}
	return store_compressed(zs, type, page, key, stamp, handle, size_bytes);
}

bool zstore_try(struct zstore *zs, const void *page, u32 *size_bytes)
{
	struct zcontext *context;
	u32 bytes;
	u64 word;

	*size_bytes = 0;
	if (page_is_same_filled(page, &word))
		return true;
	context = context_get(zs);
	bytes = pack(zs, context, page, 0, ZOBJECT_MAX_BYTES);
	mutex_unlock(&context->lock);
	if (!bytes)
		return false;
	*size_bytes = zpage_bytes(zs, bytes);
	return true;
}

/* --- Load and drop --- */

/* A wrong handle is a broken kernel, not bad luck. */
static __cold_path void wrong_handle(zhandle_t handle, u64 key)
{
	panic("zstore: handle %lx does not name the zpage of key %lx", handle, key);
}

enum zresult zstore_load(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key, void *page,
			 u32 *stamp)
{
	struct zobject object;
	bool good;

	if (handle & ZHANDLE_SAME) {
		load_same(zs, type, handle, page, stamp);
		return ZS_OK;
	}
	spin_lock(&zs->lock);
	if (unlikely(!zs->kind->hold(zs, type, handle, key, &object)))
		wrong_handle(handle, key);
	spin_unlock(&zs->lock);

	good = zstore_unpack(zs, &object, page);

	spin_lock(&zs->lock);
	count_out(zs, type, object.size, object.born_ms);
	zs->type[type].stats.loads++;
	zs->kind->let_go(zs, type, handle);
	spin_unlock(&zs->lock);
	*stamp = object.stamp;
	return good ? ZS_OK : ZS_CORRUPT;
}

u32 zstore_drop(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key)
{
	struct zobject object;

	spin_lock(&zs->lock);
	if (handle & ZHANDLE_SAME) {
		object.stamp = same_stamp(handle);
		free_same(zs, type, handle);
	} else {
		if (unlikely(!zs->kind->find(zs, type, handle, key, &object)))
			wrong_handle(handle, key);
		count_out(zs, type, object.size, object.born_ms);
		zs->kind->free(zs, type, handle);
	}
	zs->type[type].stats.drops++;
	spin_unlock(&zs->lock);
	return object.stamp;
}

u32 zstore_adopt(struct zstore *zs, enum ztype type, void *const *blocks, u32 nr, u32 first_slot,
		 u64 not_key)
{
	struct zstore_type_stats *stats = &zs->type[type].stats;
	u32 adopted = 0, pages = 0;

	ASSERT(nr <= ZSTORE_ADOPT_BLOCKS);
	if (!zs->kind->adopt)
		return 0;
	spin_lock(&zs->lock);
	if (nr <= stats->target_frames - MIN(stats->target_frames, stats->backing_frames))
		adopted = zs->kind->adopt(zs, type, blocks, nr, first_slot, not_key, &pages);
	stats->adopted_pages += pages;
	for (u32 left = adopted; left; left &= left - 1)
		stats->adopted_frames++;
	spin_unlock(&zs->lock);
	return adopted;
}

/* --- Figures and verification --- */

void zstore_get_stats(struct zstore *zs, enum ztype type, struct zstore_type_stats *out)
{
	spin_lock(&zs->lock);
	*out = zs->type[type].stats;
	out->has_oldest = zs->kind->oldest(zs, type, &out->oldest_stamp);
	spin_unlock(&zs->lock);
}

u64 zstore_frames(const struct zstore *zs, enum ztype type)
{
	return READ_ONCE(zs->type[type].stats.backing_frames);
}

void zstore_verify(struct zstore *zs,
		   void (*visit)(void *ctx, enum ztype type, u64 key, zhandle_t handle))
{
	u64 same = 0;

	spin_lock(&zs->lock);
	for (u32 i = 0; i < NR_ZTYPES; i++) {
		const struct zstore_type_stats *stats = &zs->type[i].stats;
		u64 check_bytes = zs->config.checksums ? ZCHECK_BYTES * stats->stored_pages : 0;
		struct zstore_type_stats sum = { 0 };

		zs->kind->verify(zs, (enum ztype)i, &sum, visit);
		ASSERT(sum.backing_frames == stats->backing_frames);
		ASSERT(sum.stored_pages == stats->stored_pages);
		ASSERT(sum.compressed_bytes == stats->compressed_bytes + check_bytes);
		same += stats->same_pages;
	}
	zsame_verify(&zs->same, same);
	spin_unlock(&zs->lock);
}
