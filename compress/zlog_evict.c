/* SPDX-License-Identifier: MIT */
/*
 * zlog_evict.c - frames of the log to swap as they are, and back.
 *
 * Eviction takes the frames at the old end, writes them in one go, and points each zpage's reference at its
 * place in its block. A zpage that spans two frames of the batch spans two blocks; that they are consecutive
 * blocks is all that reading it back needs.
 *
 * The zpage that spans out of the last frame into one that stays cannot go like that. It is copied into an image, a
 * frame of its own that is written behind the others, and so is one that spans into the batch from a frame that could not
 * go earlier. So an order for n frames evicts what is in the n oldest frames, one zpage that they share with the next, and
 * nothing else, takes no frame, and writes n + 1 blocks. Where swap is so fragmented that blocks are not
 * consecutive, zpages that would span them go into images as well.
 *
 * Adoption is the way back: blocks read for the sake of one zpage become frames of the log again, with the others that are
 * still wanted in them. One that spans comes back if both of its blocks do; else it is left on disk.
 */
#include "compress/zlog.h"
#include "lib/string.h"

/* Frames under one write, and the image behind them. On the stack. */
struct batch {
	struct zframe *frames[ZSTORE_EVICT_BATCH];
	u32 slots[ZSTORE_EVICT_BATCH];
	u32 nr, written;
	bool at_blocks;	      /* they have been written: slots are known */
	struct zframe *image; /* NULL: none is free */
	struct {
		struct zframe *home;
		u32 index;
	} aside[ZFRAME_MAX_SLOTS]; /* of each zpage in the image: where it is */
	u32 nr_aside;
};

static void choose(struct zlog_type *lt, struct zframe *frame)
{
	frame->flags |= ZF_VICTIM;
	lt->nr_victims++;
	if (lt->open == frame)
		zlog_set_open(lt, NULL);
	if (lt->sink == frame)
		lt->sink = NULL;
}

/* Up to max of the oldest frames not chosen yet, now chosen. */
static u32 choose_victims(struct zstore *zs, enum ztype type, struct zframe **frames, u32 max)
{
	struct zlog_type *lt = zlog_type(zs, type);
	struct zframe *frame = zs->env->frame_younger(zs->ctx, type, NULL);
	u32 nr = 0;

	for (; frame && nr < max; frame = zs->env->frame_younger(zs->ctx, type, frame)) {
		if (frame->flags & ZF_VICTIM)
			continue;
		choose(lt, frame);
		frames[nr++] = frame;
	}
	return nr;
}

/* --- What spans --- */

static bool in_batch(const struct batch *b, const struct zframe *frame)
{
	for (u32 i = 0; i < b->nr; i++)
		if (b->frames[i] == frame)
			return true;
	return false;
}

/*
 * Frames that a zpage spans one behind the other: compaction lets zpages span over frames that it steps over, so the
 * order of age is not always that. Bounded by the batch.
 */
static void follow_spans(struct batch *b)
{
	struct zframe *ordered[ZSTORE_EVICT_BATCH];
	u32 nr = 0;

	for (u32 i = 0; i < b->nr; i++) {
		struct zframe *frame = b->frames[i];

		if (frame->in && in_batch(b, frame->in))
			continue; /* it comes with that one */
		for (; frame && in_batch(b, frame); frame = frame->out)
			ordered[nr++] = frame;
	}
	ASSERT(nr == b->nr);
	memcpy(b->frames, ordered, nr * sizeof(ordered[0]));
}

/* Is, or will be, what spans out of frame i in the next block? */
static bool spans_well(const struct batch *b, u32 i)
{
	return i + 1 < b->nr && b->frames[i + 1] == b->frames[i]->out &&
	       (!b->at_blocks || (b->slots[i] && b->slots[i + 1] == b->slots[i] + 1));
}

/* Copy a zpage into the image, if it has room. */
static void set_aside(struct batch *b, struct zframe *home, u32 index)
{
	struct zobject object;

	zframe_object(home, index, &object);
	if (zframe_gap(b->image) < object.size)
		return;
	zframe_add(b->image, NULL, &object);
	b->aside[b->nr_aside].home = home;
	b->aside[b->nr_aside].index = index;
	b->nr_aside++;
	/* Its slot means this zpage until point_aside(). */
	home->writers++;
}

/* A new image of all that cannot go with its frame. True if there is anything in it. */
static bool make_image(struct shrink *s, struct batch *b)
{
	b->nr_aside = 0;
	if (!b->image)
		return false;
	zframe_init(b->image, s->type, 0);
	for (u32 i = 0; i < b->nr; i++) {
		struct zframe *frame = b->frames[i];

		if (frame->in && !in_batch(b, frame->in))
			set_aside(b, frame->in, frame->in->out_index);
		if (frame->out && !spans_well(b, i))
			set_aside(b, frame, frame->out_index);
	}
	return b->nr_aside;
}

static void take_image(struct shrink *s, struct batch *b)
{
	struct zlog *log = zlog_of(s->zs);

	for (u32 i = 0; i < ZLOG_IMAGES && !b->image; i++) {
		if (log->images_used & BIT(i))
			continue;
		log->images_used |= BIT(i);
		b->image = (struct zframe *)log->images[i];
	}
}

static void give_image(struct shrink *s, struct batch *b)
{
	struct zlog *log = zlog_of(s->zs);

	for (u32 i = 0; i < ZLOG_IMAGES; i++)
		if (b->image == (struct zframe *)log->images[i])
			log->images_used &= ~BIT(i);
}

/* --- To swap --- */

/* Point the references of one written frame at its block. All of the batch is still held. */
static void point_at_block(struct shrink *s, const struct batch *b, u32 i)
{
	struct zframe *frame = b->frames[i];
	u32 none = 0;

	for (u32 index = frame->nr_slots; index-- > 0;) {
		const struct zslot *slot = &frame->slots[index];
		struct zmove move = {
			.kind = ZMOVE_SWAPPED,
			.type = s->type,
			.key = zslot_key(slot),
			.stamp = zslot_stamp(slot),
			.from = zhandle_make(frame, index),
			.to_block = { b->slots[i], (u8)index, slot->spans },
		};

		if (slot->size && (!slot->spans || spans_well(b, i)))
			zstore_evict_one(s->zs, &move, &none);
	}
	ASSERT(!none);
}

/* The same for the zpages of the image; block 0: it was not written. Returns how many have gone. */
static u32 point_aside(struct shrink *s, struct batch *b, u32 block)
{
	u32 gone = 0;

	for (u32 i = 0; i < b->nr_aside; i++) {
		const struct zslot *slot = &b->image->slots[i];
		struct zframe *home = b->aside[i].home;
		struct zmove move = {
			.kind = ZMOVE_SWAPPED,
			.type = s->type,
			.key = zslot_key(slot),
			.stamp = zslot_stamp(slot),
			.from = zhandle_make(home, b->aside[i].index),
			.to_block = { block, (u8)i, false },
		};
		u32 freed = 0;

		gone += block && zstore_evict_one(s->zs, &move, &freed);
		home->writers--;
		s->freed += freed + zlog_release(s->zs, home);
	}
	return gone;
}

/* Write frames, and the image if there is one, whose block is returned (0: it was not written). Lock held at entry and exit. */
static u32 write(struct shrink *s, struct batch *b, u32 nr)
{
	struct zstore *zs = s->zs;
	void *frames[ZSTORE_EVICT_BATCH];
	u32 slots[ZSTORE_EVICT_BATCH] = { 0 }, total = nr + (b->nr_aside != 0);

	for (u32 i = 0; i < nr; i++)
		frames[i] = b->frames[i];
	if (b->nr_aside)
		frames[nr] = b->image;
	spin_unlock(&zs->lock);
	zs->env->blocks_write(zs->ctx, frames, slots, total, false);
	spin_lock(&zs->lock);
	for (u32 i = 0; i < nr; i++)
		b->slots[i] = slots[i];
	for (u32 i = 0; i < total; i++)
		b->written += slots[i] != 0;
	return b->nr_aside ? slots[nr] : 0;
}

/* What did not go because its blocks came apart, or the image was full. Each turn that goes on takes zpages out. */
static void write_more_images(struct shrink *s, struct batch *b)
{
	u32 gone = 1;

	while (gone && make_image(s, b)) {
		u32 block = write(s, b, 0);

		gone = point_aside(s, b, block);
		if (!block)
			return;
		spin_unlock(&s->zs->lock);
		s->zs->env->block_put(s->zs->ctx, block);
		spin_lock(&s->zs->lock);
	}
}

/* All that can be pointed at blocks has been; free what is empty. */
static void let_go(struct shrink *s, struct batch *b)
{
	for (u32 i = 0; i < b->nr; i++) {
		b->frames[i]->writers--;
		if (zlog_release(s->zs, b->frames[i]))
			s->freed++;
		else
			s->zs->type[s->type].stats.evict_failed_frames++;
	}
}

void zlog_evict_frames(struct shrink *s)
{
	struct zstore *zs = s->zs;
	struct batch b = { .nr = 0 };
	u32 block;

	b.nr = choose_victims(zs, s->type, b.frames,
			      (u32)MIN(s->wanted - s->freed, ZSTORE_EVICT_FRAMES + 0UL));
	if (!b.nr) {
		s->nothing_left = true;
		return;
	}
	follow_spans(&b);
	for (u32 i = 0; i < b.nr; i++)
		b.frames[i]->writers++;
	take_image(s, &b);
	make_image(s, &b);
	block = write(s, &b, b.nr);
	b.at_blocks = true;
	point_aside(s, &b, block);
	for (u32 i = 0; i < b.nr; i++)
		if (b.slots[i])
			point_at_block(s, &b, i);
	spin_unlock(&zs->lock);
	for (u32 i = 0; i < b.nr; i++)
		if (b.slots[i])
			zs->env->block_put(zs->ctx, b.slots[i]);
	if (block)
		zs->env->block_put(zs->ctx, block);
	spin_lock(&zs->lock);
	if (b.written)
		write_more_images(s, &b);
	let_go(s, &b);
	give_image(s, &b);
	if (!b.written)
		s->nothing_left = true;
}

/* --- One zpage at a time (zevict.c) --- */

static void hold(struct zvictim *v, struct zframe *home, u32 index)
{
	const struct zslot *slot = &home->slots[index];

	*v = (struct zvictim){
		.handle = zhandle_make(home, index),
		.key = zslot_key(slot),
		.stamp = zslot_stamp(slot),
		.hold = { home, slot->spans ? home->out : NULL },
	};
	home->writers++;
	if (slot->spans)
		home->out->writers++;
}

/* The zpages of a chosen frame, and the one that comes into it unless it has had its turn. */
static u32 hold_all(struct zvictim *victims, struct zframe *frame)
{
	u32 nr = 0;

	if (frame->in && !(frame->in->flags & ZF_VICTIM))
		hold(&victims[nr++], frame->in, frame->in->out_index);
	for (u32 index = 0; index < frame->nr_slots; index++)
		if (frame->slots[index].size)
			hold(&victims[nr++], frame, index);
	return nr;
}

u32 zlog_victims(struct zstore *zs, enum ztype type, struct zvictim *victims)
{
	struct zframe *frame;
	u32 nr = 0;

	while (!nr && choose_victims(zs, type, &frame, 1))
		nr = hold_all(victims, frame);
	return nr;
}

u32 zlog_victim_done(struct zstore *zs, enum ztype type, const struct zvictim *victim)
{
	struct zframe *home = victim->hold[0], *other = victim->hold[1];
	u32 freed = 0;

	home->writers--;
	if (other) {
		other->writers--;
		freed = zlog_release(zs, other);
	}
	return freed + zlog_release(zs, home);
}

/* Victims lie at the old end, so the walk is as long as they are many, more or less. */
void zlog_shrinkers_gone(struct zstore *zs, enum ztype type)
{
	struct zlog_type *lt = zlog_type(zs, type);
	struct zframe *frame = NULL;

	while (lt->nr_victims) {
		frame = zs->env->frame_younger(zs->ctx, type, frame);
		zlog_forgive(lt, frame);
	}
}

/* --- Back from swap --- */

/* Blocks read together. What comes from a disk may be anything. */
struct returning {
	struct zstore *zs;
	enum ztype type;
	void *const *blocks;
	u32 nr, first_slot;
	u64 not_key;
};

/* Bytes of a zpage in the frame where it begins. */
static u32 bytes_here(const struct zframe *frame, const struct zslot *slot)
{
	return slot->spans ? frame->out_bytes : slot->size;
}

static bool is_block(const struct zframe *frame)
{
	return frame->magic == ZFRAME_MAGIC && frame->nr_slots <= ZFRAME_MAX_SLOTS;
}

/* Do the bytes of a slot lie apart from those of all before it, and from what comes in? */
static bool lies_apart(const struct zframe *frame, u32 index, u32 in_bytes)
{
	const struct zslot *slot = &frame->slots[index];
	u32 end = slot->offset + bytes_here(frame, slot);

	for (u32 i = 0; i < index; i++) {
		const struct zslot *other = &frame->slots[i];

		if (other->size && slot->offset < other->offset + bytes_here(frame, other) &&
		    other->offset < end)
			return false;
	}
	return end <= PAGE_SIZE - in_bytes;
}

/* Is the next block there, with the rest of the zpage that spans? */
static bool rest_is_there(const struct zframe *frame, const struct zslot *slot,
			  const struct zframe *next)
{
	u32 rest = slot->size - frame->out_bytes;

	return next && is_block(next) && rest && next->in_bytes == rest &&
	       zframe_directory_end(next) + rest <= PAGE_SIZE;
}

/* May the zpage in a slot of a block come back? */
static bool can_return(const struct returning *r, u32 i, u32 index, u32 in_bytes)
{
	const struct zframe *frame = r->blocks[i];
	const struct zslot *slot = &frame->slots[index];

	return slot->size && zslot_key(slot) != r->not_key &&
	       zframe_find(frame, index, zslot_key(slot)) && lies_apart(frame, index, in_bytes) &&
	       (!slot->spans ||
		rest_is_there(frame, slot, i + 1 < r->nr ? r->blocks[i + 1] : NULL));
}

static bool return_one(const struct returning *r, u32 i, u32 index)
{
	const struct zframe *frame = r->blocks[i];
	struct zmove move = {
		.kind = ZMOVE_ADOPTED,
		.type = r->type,
		.key = zslot_key(&frame->slots[index]),
		.stamp = zslot_stamp(&frame->slots[index]),
		.to = zhandle_make(frame, index),
		.from_block = { r->first_slot + i, (u8)index, frame->slots[index].spans },
	};

	return r->zs->env->retarget(r->zs->ctx, &move);
}

/*
 * Block i becomes a frame of the log if a zpage of its own returns, or the rest of one from in. The frame is the
 * caller's until then. *pages counts those that have returned.
 */
static bool return_frame(const struct returning *r, u32 i, struct zframe *in, u32 *pages)
{
	struct zframe *frame = r->blocks[i];
	u32 in_bytes = in ? frame->in_bytes : 0;
	struct zframe header = {
		.magic = ZFRAME_MAGIC,
		.type = (u8)r->type,
		.data_start = (u16)(PAGE_SIZE - in_bytes),
		.data_bytes = (u16)in_bytes,
		.in = in,
		.in_bytes = (u16)in_bytes,
		.born_ms = zstore_now_ms(),
	};

	for (u32 index = 0; index < frame->nr_slots; index++) {
		struct zslot *slot = &frame->slots[index];

		if (!can_return(r, i, index, in_bytes) || !return_one(r, i, index)) {
			slot->size = 0;
			continue;
		}
		header.nr_slots = (u8)(index + 1);
		header.nr_used++;
		header.data_bytes += bytes_here(frame, slot);
		header.data_start = (u16)MIN(header.data_start, slot->offset + 0U);
		if (slot->spans) {
			header.out = r->blocks[i + 1];
			header.out_bytes = frame->out_bytes;
			header.out_index = (u8)index;
		}
		zstore_count_in(r->zs, r->type, slot->size);
	}
	*pages += header.nr_used;
	if (!header.nr_used && !in)
		return false;
	*frame = header;
	return true;
}

u32 zlog_adopt(struct zstore *zs, enum ztype type, void *const *blocks, u32 nr, u32 first_slot,
	       u64 not_key, u32 *pages)
{
	struct returning r = { zs, type, blocks, nr, first_slot, not_key };
	struct zframe *in = NULL;
	u32 adopted = 0;

	for (u32 i = 0; i < nr; i++) {
		struct zframe *frame = blocks[i];

		if (!is_block(frame) || !return_frame(&r, i, in, pages)) {
			in = NULL;
			continue;
		}
		adopted |= BIT(i);
		in = frame->out ? frame : NULL;
	}
	/* All links are whole now: what follows may look at any frame. */
	for (u32 i = 0; i < nr; i++) {
		if (!(adopted & BIT(i)))
			continue;
		zstore_frame_adopt(zs, type, blocks[i]);
		zlog_changed(zlog_type(zs, type), blocks[i], 0);
	}
	return adopted;
}
