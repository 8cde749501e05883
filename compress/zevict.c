/* SPDX-License-Identifier: MIT */
/*
 * zevict.c - eviction zpage by zpage: file zpages are dropped, anon ones written to swap as the pages that they
 * were, one to a block.
 *
 * That is what kinds without whole frames can do, and what Linux's zswap does; the default store does it when it is
 * told to (config.evict_pages), so that the difference can be measured.
 *
 * A victim is held by its kind: its bytes stay, and its handle is given to no other zpage, until it is let go
 * of. So that a page written from it is the page that its reference means follows from env->retarget() alone: if the
 * reference still names the handle, nobody has loaded it meanwhile.
 */
#include "compress/zstore_impl.h"
#include "lib/string.h"

static void drop_victims(struct shrink *s, u32 nr)
{
	struct zstore *zs = s->zs;

	for (u32 i = 0; i < nr; i++) {
		const struct zvictim *v = &zs->evict.victims[i];
		struct zmove move = {
			.kind = ZMOVE_DROPPED,
			.type = s->type,
			.key = v->key,
			.stamp = v->stamp,
			.from = v->handle,
		};
		u32 freed = 0;

		zstore_evict_one(zs, &move, &freed);
		s->freed += freed;
	}
}

/* Decompress a victim into page k. False: its owner has it, or it is corrupt, which he shall be told. */
static bool unpack_victim(struct shrink *s, const struct zvictim *v, u32 k)
{
	struct zstore *zs = s->zs;
	struct zobject object;
	bool there;

	spin_lock(&zs->lock);
	there = zs->kind->find(zs, s->type, v->handle, v->key, &object);
	spin_unlock(&zs->lock);
	return there && zstore_unpack(zs, &object, zs->evict.pages[k]);
}

/*
 * Write up to ZEVICT_PAGES victims and have their references changed. No lock held. False: there was something to
 * write, and nothing was.
 */
static bool write_victims(struct shrink *s, const struct zvictim *victims, u32 nr)
{
	struct zstore *zs = s->zs;
	const struct zvictim *sent[ZEVICT_PAGES];
	void *pages[ZEVICT_PAGES];
	u32 slots[ZEVICT_PAGES] = { 0 }, k = 0, written = 0;

	for (u32 i = 0; i < nr; i++) {
		if (!unpack_victim(s, &victims[i], k))
			continue;
		sent[k] = &victims[i];
		pages[k] = zs->evict.pages[k];
		k++;
	}
	if (!k)
		return true;
	zs->env->blocks_write(zs->ctx, pages, slots, k, true);
	spin_lock(&zs->lock);
	for (u32 i = 0; i < k; i++) {
		struct zmove move = {
			.kind = ZMOVE_PAGE,
			.type = s->type,
			.key = sent[i]->key,
			.stamp = sent[i]->stamp,
			.from = sent[i]->handle,
			.to_block.slot = slots[i],
		};
		u32 freed = 0;

		if (slots[i])
			zstore_evict_one(zs, &move, &freed);
		s->freed += freed;
		written += slots[i] != 0;
	}
	spin_unlock(&zs->lock);
	for (u32 i = 0; i < k; i++)
		if (slots[i])
			zs->env->block_put(zs->ctx, slots[i]);
	return written;
}

/*
 * The victims of one step: enough for one write, but no more than the order may need, or it would evict more than it
 * says. A kind that evicts by frames is asked for so many; of others, as many zpages as lie in so many on average.
 */
static u32 choose(struct shrink *s)
{
	const struct zstore_type_stats *stats = &s->zs->type[s->type].stats;
	struct zevict *evict = &s->zs->evict;
	u64 calls = s->wanted - s->freed;
	u32 nr = 0, got;

	if (!s->zs->kind->victims_by_frame && stats->backing_frames)
		calls = MAX(calls * stats->stored_pages / stats->backing_frames, 1UL);
	do {
		got = s->zs->kind->victims(s->zs, s->type, evict->victims + nr);
		nr += got;
	} while (got && --calls && nr < ZEVICT_PAGES);
	return nr;
}

/* Write them all; false: nothing could be written. No lock held. */
static bool write_all(struct shrink *s, u32 nr)
{
	bool written = false;

	for (u32 i = 0; i < nr; i += ZEVICT_PAGES)
		written |=
			write_victims(s, s->zs->evict.victims + i, MIN(nr - i, ZEVICT_PAGES + 0U));
	return written;
}

void zevict_step(struct shrink *s)
{
	struct zstore *zs = s->zs;
	struct zevict *evict = &zs->evict;
	u32 nr;

	spin_unlock(&zs->lock);
	mutex_lock(&evict->lock);
	spin_lock(&zs->lock);
	nr = choose(s);
	if (!nr) {
		s->nothing_left = true;
	} else if (s->type == Z_FILE) {
		drop_victims(s, nr);
	} else {
		spin_unlock(&zs->lock);
		s->nothing_left = !write_all(s, nr);
		spin_lock(&zs->lock);
	}
	for (u32 i = 0; i < nr; i++)
		s->freed += zs->kind->victim_done(zs, s->type, &evict->victims[i]);
	spin_unlock(&zs->lock);
	mutex_unlock(&evict->lock);
	spin_lock(&zs->lock);
}
