/* SPDX-License-Identifier: MIT */
/*
 * zstore.c - the compressed store: interface and accounting.
 *
 * Why frames
 *   The MM balances page frames. A store that counted zpages, or bytes, would be told to
 *   give back one thing and give back another: freeing a zpage usually frees no frame. So
 *   the unit of everything here that lasts is the frame: zpages of one type
 *   and about one age fill it, it is evicted as a whole, written to swap as it is, and it
 *   goes to the free list the moment its last zpage leaves. It is never shared between
 *   types, so nr_compressed_anon and nr_compressed_file are exact.
 *
 * Where things are
 *   zframe.c knows the layout inside a frame, zplace.c which frame a zpage goes to and how
 *   frames are emptied into each other's holes, zshrink.c how frames are given back, zsame.c
 *   pages that need no frame. A handle is frame number and slot index; a slot index never
 *   changes while the slot is in use.
 *
 * What is bounded by what
 *   store     one compression; a look at 8 open frames, at most 8 closed ones, one frame
 *             emptied (at most 127 moves, one frame of bytes) and one closing of holes per
 *             zpage moved
 *   load      one decompression; drop: one slot
 *   shrink    a frame a turn: one frame emptied, or one sixteenth of a write
 *   memory    zstore_bytes(), given at boot; then only frames from frame_get()
 *
 * Locks
 *   zs->lock (spin) guards all layout and accounting. It is not held while a codec runs
 *   nor during a write. A context's mutex guards its buffers, taken before zs->lock. References
 *   are locked by env->retarget() inside zs->lock.
 *
 * Races
 *   A load runs the codec without the lock. Its zpage cannot move: the loader took the reference,
 *   so retarget() refuses. The bytes around it could, so the frame is pinned:
 *
 *     loader                              somebody storing
 *     ------                              ----------------
 *     lock; check slot; pin; unlock
 *     decompress from the frame           lock; frame has room but no gap
 *                                         pinned: its holes are not closed up; next frame
 *     lock; unpin; free slot; unlock
 *
 *   A frame under write keeps its bytes, and its slots are not used again:
 *
 *     shrink                              loader
 *     ------                              ------
 *     lock; mark writing; unlock
 *     blocks_write() sleeps               takes the reference; loads from memory;
 *                                         frees the slot (the frame stays: writing)
 *     lock; slot is free: nothing to do   .
 *     other slots: retarget() to the block
 *     empty: frame_put; unlock
 *
 *   And a zpage whose owner comes in between write and retarget:
 *
 *     lock; retarget() says no            has the reference, not yet called load
 *     slot stays, frame stays; unlock     load finds it as ever; last one puts the frame
 *
 * Invariants, checked by zstore_verify()
 *   Z1 nr_used and data_bytes of a frame are those of its slots in use.
 *   Z2 No two zpages overlap; all lie between data_start and the end.
 *   Z3 The directory does not reach data_start.
 *   Z4 The frame's word says that it is the store's, and of which type.
 *   Z5 A frame without zpages exists only while it is being written.
 *   Z6 Each frame is in exactly one place: open, closed (in the list of its room), victim.
 *   Z7 Stored pages, bytes and frames of a type are the sums over its frames.
 */
#include "compress/zstore_impl.h"
#include "lib/string.h"

/* --- Memory --- */

static size_t fixed_bytes(u32 nr_cpus)
{
	return ALIGN_UP(sizeof(struct zstore) + nr_cpus * sizeof(struct zcontext), 16);
}

static size_t state_bytes(const struct codec *codec)
{
	return ALIGN_UP((size_t)codec->state_bytes, 16);
}

size_t zstore_bytes(u32 nr_cpus, const struct codec *codec)
{
	return fixed_bytes(nr_cpus) + nr_cpus * state_bytes(codec);
}

static void init_type(struct ztype_state *ts)
{
	for (u32 i = 0; i < ZSTORE_BINS; i++)
		list_init(&ts->bin[i]);
	list_init(&ts->victims);
	waitqueue_init(&ts->shrink_wq, "zstore shrink");
	ts->stats.target_frames = UINT64_MAX;
}

struct zstore *zstore_init(void *memory, u32 nr_cpus, const struct codec *codec,
			   const struct zstore_env *env, void *ctx)
{
	struct zstore *zs = memory;
	u8 *state = (u8 *)memory + fixed_bytes(nr_cpus);

	ASSERT(nr_cpus >= 1 && nr_cpus <= MAX_CPUS);
	spin_lock_init(&zs->lock, "zstore");
	zs->codec = codec;
	zs->env = env;
	zs->ctx = ctx;
	zs->nr_contexts = nr_cpus;
	for (u32 i = 0; i < NR_ZTYPES; i++)
		init_type(&zs->type[i]);
	for (u32 i = 0; i < nr_cpus; i++) {
		mutex_init(&zs->context[i].lock, "zstore context");
		zs->context[i].state = state + i * state_bytes(codec);
	}
	return zs;
}

/* A context to compress with; sleeps if all are in use. */
static struct zcontext *context_get(struct zstore *zs)
{
	u32 first = atomic_add_return(&zs->next_context, 1U);
	struct zcontext *context;

	for (u32 i = 0; i < zs->nr_contexts; i++) {
		context = &zs->context[(first + i) % zs->nr_contexts];
		if (mutex_trylock(&context->lock))
			return context;
	}
	context = &zs->context[first % zs->nr_contexts];
	mutex_lock(&context->lock);
	return context;
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

static void load_same(struct zstore *zs, enum ztype type, zhandle_t handle, void *page, u32 *stamp)
{
	u64 word;

	spin_lock(&zs->lock);
	word = free_same(zs, type, handle);
	zs->type[type].stats.loads++;
	spin_unlock(&zs->lock);
	*stamp = (u32)(handle >> ZSAME_BITS);
	fill_page(page, word);
}

/* --- Store --- */

static enum zresult count_result(struct zstore *zs, enum ztype type, enum zresult result)
{
	ASSERT_HELD(&zs->lock);
	zs->type[type].stats.results[result]++;
	if (result == ZS_OK)
		zs->type[type].stats.stores++;
	return result;
}

/* Find a place for the compressed bytes and put them there. */
static enum zresult place(struct zstore *zs, enum ztype type, const void *data, u32 size, u64 key,
			  u32 stamp, zhandle_t *handle)
{
	struct zframe *frame;
	enum zresult result = zplace_find(zs, type, size, &frame);

	if (result == ZS_OK)
		*handle = zhandle_make(frame, zplace_add(zs, frame, key, stamp, data, size));
	return result;
}

/*
 * The page is read for the last time by the codec: frame_get() may hand out the very
 * frame that it lies in.
 */
static enum zresult store_compressed(struct zstore *zs, enum ztype type, const void *page, u64 key,
				     u32 stamp, zhandle_t *handle, u32 *size_bytes)
{
	struct zcontext *context = context_get(zs);
	enum zresult result = ZS_TARGET;
	u32 limit, size = 0;

	spin_lock(&zs->lock);
	limit = zplace_limit(zs, type);
	spin_unlock(&zs->lock);

	/* At the target the codec need not go on beyond the largest hole. */
	if (limit) {
		size = zs->codec->compress(context->state, page, context->out, limit);
		if (!size && limit == ZPAGE_MAX_BYTES)
			result = ZS_POOR;
	}
	spin_lock(&zs->lock);
	if (size)
		result = place(zs, type, context->out, size, key, stamp, handle);
	count_result(zs, type, result);
	spin_unlock(&zs->lock);
	mutex_unlock(&context->lock);
	if (result == ZS_OK)
		*size_bytes = size;
	return result;
}

enum zresult zstore_store(struct zstore *zs, enum ztype type, const void *page, u64 key, u32 stamp,
			  zhandle_t *handle, u32 *size_bytes)
{
	u64 word;

	if (page_is_same_filled(page, &word) && store_same(zs, type, word, stamp, handle)) {
		*size_bytes = 0;
		return ZS_OK;
	}
	return store_compressed(zs, type, page, key, stamp, handle, size_bytes);
}

/* --- Load and drop --- */

/* The slot that a reference names. A wrong handle is a broken kernel, not bad luck. */
static const struct zslot *resolve(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key)
{
	struct zframe *frame = zhandle_frame(handle);
	const struct zslot *slot;

	ASSERT_HELD(&zs->lock);
	ASSERT(*zs->env->frame_word(zs->ctx, frame) == zframe_word(frame, type));
	slot = zframe_find(frame, zhandle_index(handle), key);
	ASSERT(slot);
	return slot;
}

enum zresult zstore_load(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key, void *page,
			 u32 *stamp)
{
	struct zframe *frame = zhandle_frame(handle);
	struct zslot slot;
	bool good;

	if (handle & ZHANDLE_SAME) {
		load_same(zs, type, handle, page, stamp);
		return ZS_OK;
	}
	spin_lock(&zs->lock);
	slot = *resolve(zs, type, handle, key);
	frame->pins++;
	spin_unlock(&zs->lock);

	good = zframe_check(frame, &slot) &&
	       zs->codec->decompress(zframe_data(frame, &slot), slot.size, page);

	spin_lock(&zs->lock);
	frame->pins--;
	zplace_free(zs, frame, zhandle_index(handle));
	zs->type[type].stats.loads++;
	spin_unlock(&zs->lock);
	*stamp = slot.stamp;
	return good ? ZS_OK : ZS_CORRUPT;
}

void zstore_drop(struct zstore *zs, enum ztype type, zhandle_t handle, u64 key)
{
	spin_lock(&zs->lock);
	if (handle & ZHANDLE_SAME) {
		free_same(zs, type, handle);
	} else {
		resolve(zs, type, handle, key);
		zplace_free(zs, zhandle_frame(handle), zhandle_index(handle));
	}
	zs->type[type].stats.drops++;
	spin_unlock(&zs->lock);
}

enum zresult zblock_extract(const struct codec *codec, const void *block, u8 index, u64 key,
			    void *page)
{
	const struct zframe *frame = block;
	const struct zslot *slot = zframe_find(frame, index, key);

	if (!slot || !zframe_check(frame, slot))
		return ZS_CORRUPT;
	if (!codec->decompress(zframe_data(frame, slot), slot->size, page))
		return ZS_CORRUPT;
	return ZS_OK;
}

/* --- Figures and verification --- */

void zstore_get_stats(struct zstore *zs, enum ztype type, struct zstore_type_stats *out)
{
	spin_lock(&zs->lock);
	*out = zs->type[type].stats;
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
		zplace_verify(zs, (enum ztype)i, visit);
		same += zs->type[i].stats.same_pages;
	}
	zsame_verify(&zs->same, same);
	spin_unlock(&zs->lock);
}
