/* SPDX-License-Identifier: MIT */
/*
 * workingset.c - refault distance, for three borders instead of one.
 *
 * Problem. Reclaim must choose among classes of pages without knowing the future. The only honest
 * evidence that a choice was wrong is a page that comes back, and how soon it does.
 *
 * Observation (Linux workingset.c, Johannes Weiner 2013). Count departures from residency with
 * one clock. A page that left at clock value E and is needed at clock value R would have stayed if
 * residency had been R - E frames larger: that difference is its refault distance. If it is no larger
 * than what other, less deserving pages occupy, the eviction was a mistake.
 *
 * Here a page can leave by three paths, and come back from three places:
 *
 *   LEFT_TO_DISK    resident -> disk         comes back by a disk read
 *   LEFT_TO_STORE   resident -> compressed   comes back by a decompression (a hit in the third class, not
 *                                            a refault)
 *   LEFT_STORE      compressed -> disk       comes back by a disk read and a decompression
 *
 * The clock ticks when a page leaves residency, by either of the first two paths; a zpage that is evicted
 * later keeps the stamp of its compression. So all distances are in one unit: frames of residency.
 *
 * left[] and came_back[] count, for each path, departures and comebacks. What a comeback costs in a unit of time
 * falls with the time it took, so a comeback at distance d counts COMEBACK_ONE x min(1, frames / d): fully when some
 * other division of the same memory could have saved it, and ever less beyond. Both are halved when
 * enough departures have been seen, so that came_back / left follows the workload.
 *
 * Beside these there is a life table of the pages that are away, whatever the path (lifetable.c), from which a
 * policy can tell what a path would do that it does not take.
 *
 * Rest. A type none of whose pages comes back from afar, while the other's do all the time, is not dead for that: its
 * program may be doing something else. So for each type it is added up what comebacks of the other one have cost since
 * (others_lost_ns), and what its own have cost is taken off: who pays as much itself is not left alone at the other's
 * expense. One of a page that had been away for half of memory or more takes off another sixteenth: what comes back sooner
 * is what pressure squeezes out of whoever runs. From REST_COMEBACKS of the other's reads on the type is at rest; a policy
 * then knows what has been paid so far for leaving it alone.
 *
 * What if the guess is wrong. A page activated by mistake is aged back like any other. What the store would make of
 * pages that all go past it is known because one in 256 is compressed for that and the zpage thrown away, more of the first
 * ones (cost_wants_trial()); kept, lone pages would be evicted one by one.
 *
 * Costs are measured where they arise, as moving averages with a weight of 1/64 for the newest sample: one that met
 * compaction, or was preempted, must not turn the choice between store and disk for the next batch (of the CPU's no sample
 * counts for more than twice the average), and one request of a disk may bring one page or many. What comes back, or
 * leaves, without a request of its own costs nothing and counts as well: a neighbour that was read with another, a page
 * whose copy on disk is good.
 */
#include "mm/workingset.h"

#include "lib/lock.h"
#include "lib/string.h"
#include "mm/lifetable.h"
#include "mm/sequence.h"
#include "mm/stats.h"

static struct {
	/* All of this but cost_ns; comebacks are added without it, atomically. */
	struct spinlock lock;
	u64 ticks; /* departures from residency */
	struct type_workingset {
		u64 left[NR_LEAVE_PATHS], came_back[NR_LEAVE_PATHS];
		u64 departures, stored, near_hits, far_hits; /* decayed together */
		/* Each written as a whole; of two samples at once one is lost. */
		u64 usual_inactive;
		u64 others_lost_ns;
		u64 departed, tried; /* pages; and those that were offered to the store */
		u64 cost_ns[NR_COSTS];
	} __aligned(256) type[NR_PAGE_TYPES]; /* found without a multiplication */
} workingset;

#define REST_COMEBACKS 64
#define REST_ENDS      16

/* A sample of many pages counts for each of them, as far as that makes a difference. */
#define COST_MAX_WEIGHT 32

/* What pages are like is guessed with the weight of so many. */
#define GUESS_PAGES 2

/*
 * One page in so many that leave is offered to the store in any case; of the first ones more. Of files fewer: where they are read
 * in streams from a fast disk they go by in masses, and each trial costs as much as two pages of the stream.
 */
#define TRY_FIRST_ONE_IN 32
#define TRY_FIRST	 16
#define TRY_ONE_IN	 256
#define TRY_FILE_ONE_IN	 1024

/* What a stream costs is forgotten by one part in so many with each page. */
#define STREAM_FORGET 4096

/* Until something has been measured: a guess for a disk of 4 ms and LZ4 under emulation. */
static const u64 first_guess_ns[NR_COSTS] = {
	[COST_COMPRESS] = 40000,
	[COST_DECOMPRESS] = 12000,
	[COST_DISK_READ] = 4000000,
	[COST_SWAP_READ] = 4000000,
	[COST_EVICT_BACK] = 4000000,
	[COST_DISK_WRITE] = 20000,
	[COST_EVICT_WRITE] = 20000,
	[COST_ZPAGE_BYTES] = PAGE_SIZE / 2,
	[COST_STORED_SHARE] = STORED_SHARE_ONE * 3 / 4,
};

void workingset_init(void)
{
	memset(&workingset, 0, sizeof(workingset));
	spin_lock_init(&workingset.lock, "workingset");
	lifetable_init();
	for (u32 type = 0; type < NR_PAGE_TYPES; type++)
		memcpy(workingset.type[type].cost_ns, first_guess_ns, sizeof(first_guess_ns));
}

static u32 stamp_now(void)
{
	return READ_ONCE(workingset.ticks) & SHADOW_AGE_MASK;
}

/* Departures since the one of that shadow. */
static u64 distance_of(u32 shadow)
{
	return (READ_ONCE(workingset.ticks) - shadow) & SHADOW_AGE_MASK;
}

static void note_left(enum page_type type, enum leave_path path)
{
	u64 window = MAX(mem_layout.nr_frames / 4, 256UL);

	if (++workingset.type[type].left[path] < window)
		return;
	workingset.type[type].left[path] /= 2;
	workingset.type[type].came_back[path] /= 2;
}

static void note_departure(enum page_type type, bool stored)
{
	struct type_workingset *w = &workingset.type[type];

	w->stored += stored;
	w->departed++;
	if (++w->departures < MAX(mem_layout.nr_frames, 256UL))
		return;
	w->departures /= 2;
	w->stored /= 2;
	w->near_hits /= 2;
	w->far_hits /= 2;
}

u32 workingset_now(bool was_workingset, bool incompressible)
{
	return stamp_now() | (was_workingset ? SHADOW_WORKINGSET : 0) |
	       (incompressible ? SHADOW_INCOMPRESSIBLE : 0);
}

static bool is_resting(enum page_type type)
{
	const struct type_workingset *other =
		&workingset.type[type == TYPE_ANON ? TYPE_FILE : TYPE_ANON];

	return READ_ONCE(workingset.type[type].others_lost_ns) >=
	       REST_COMEBACKS * READ_ONCE(other->cost_ns[COST_DISK_READ]);
}

void workingset_leave(enum page_type type, enum leave_path path, u32 shadow)
{
	spin_lock(&workingset.lock);
	note_left(type, path);
	note_departure(type, path == LEFT_TO_STORE);
	lifetable_left(type, shadow & SHADOW_AGE_MASK);
	lifetable_tick(++workingset.ticks,
		       is_resting(TYPE_ANON) << TYPE_ANON | is_resting(TYPE_FILE) << TYPE_FILE);
	spin_unlock(&workingset.lock);
}

void workingset_note_inactive(enum page_type type, u64 frames)
{
	u64 usual = READ_ONCE(workingset.type[type].usual_inactive);

	WRITE_ONCE(workingset.type[type].usual_inactive, usual ? (usual * 7 + frames) / 8 : frames);
}

void workingset_forget(enum page_type type, u32 shadow)
{
	lifetable_forget(type, shadow & SHADOW_AGE_MASK, distance_of(shadow));
}

u64 workingset_distance(u32 shadow)
{
	return distance_of(shadow);
}

u32 workingset_leave_store(enum page_type type, u32 shadow)
{
	spin_lock(&workingset.lock);
	note_left(type, LEFT_STORE);
	spin_unlock(&workingset.lock);
	return shadow | SHADOW_VIA_STORE;
}

/* Frames that a page of this type could have had instead, had it been known to be wanted. */
static u64 contested_frames(enum page_type type)
{
	u64 frames = lru_frames(LRU_ACTIVE_ANON) + lru_frames(LRU_ACTIVE_FILE) +
		     lru_frames(LRU_COMPRESSED_ANON) + lru_frames(LRU_COMPRESSED_FILE);

	if (type == TYPE_FILE)
		frames += lru_frames(LRU_INACTIVE_ANON);
	else
		frames += lru_frames(LRU_INACTIVE_FILE);
	return frames;
}

/* Read from the disk whither the store had sent it; a file's pages have one place there, whence they left. */
static enum cost_kind evicted_back(enum page_type type)
{
	return type == TYPE_ANON ? COST_EVICT_BACK : COST_DISK_READ;
}

static inline enum cost_kind back_cost(enum page_type type, enum leave_path path)
{
	if (path == LEFT_TO_STORE)
		return COST_DECOMPRESS;
	return path == LEFT_STORE ? evicted_back(type) : COST_DISK_READ;
}

/* Rest, as the top of the file has it. Of two at once one may be lost. */
static inline void note_lost(enum page_type type, enum leave_path path, u64 distance)
{
	struct type_workingset *w = &workingset.type[type];
	struct type_workingset *other = &workingset.type[type == TYPE_ANON ? TYPE_FILE : TYPE_ANON];
	u64 own_ns = w->cost_ns[back_cost(type, path)];
	u64 lost_ns = READ_ONCE(w->others_lost_ns);

	atomic_add(&other->others_lost_ns, own_ns);
	if (lost_ns) {
		lost_ns -= MIN(lost_ns, own_ns);
		if (distance > mem_layout.nr_frames / 2)
			lost_ns -= lost_ns / REST_ENDS;
		WRITE_ONCE(w->others_lost_ns, lost_ns);
	}
}

bool workingset_comeback(enum page_type type, enum leave_path path, u32 shadow)
{
	struct type_workingset *w = &workingset.type[type];
	u64 distance = distance_of(shadow), weight = COMEBACK_ONE;
	bool activate = distance <= contested_frames(type);

	/* This is on the path of every fault: atomic, and not under the lock. Halving may lose one. */
	if (distance > mem_layout.nr_frames)
		weight = COMEBACK_ONE * mem_layout.nr_frames / distance;
	atomic_add(&w->came_back[path], weight);
	note_lost(type, path, distance);
	lifetable_back(type, shadow & SHADOW_AGE_MASK, distance);
	if (path == LEFT_TO_STORE) {
		if (distance <= lru_frames(lru_of(type, LRU_COMPRESSED_ANON)))
			atomic_add(&w->near_hits, 1);
		else
			atomic_add(&w->far_hits, 1);
		return activate;
	}
	count_vm_event(type == TYPE_ANON ? EV_workingset_refault_anon : EV_workingset_refault_file);
	if (activate)
		count_vm_event(type == TYPE_ANON ? EV_workingset_activate_anon
						 : EV_workingset_activate_file);
	return activate;
}

void workingset_snapshot(enum page_type type, struct type_snapshot *out)
{
	spin_lock(&workingset.lock);
	for (u32 path = 0; path < NR_LEAVE_PATHS; path++) {
		out->left[path] = workingset.type[type].left[path];
		out->came_back[path] = workingset.type[type].came_back[path];
	}
	out->departures_to_store = workingset.type[type].stored;
	lifetable_snapshot(type, out);
	out->usual_inactive = workingset.type[type].usual_inactive;
	out->in_sequence = type == TYPE_ANON ? sequence_share() : 0;
	out->resting = is_resting(type);
	out->others_lost_ns = workingset.type[type].others_lost_ns;
	out->near_hits = workingset.type[type].near_hits;
	out->far_hits = workingset.type[type].far_hits;
	out->compress_ns = workingset.type[type].cost_ns[COST_COMPRESS];
	out->decompress_ns = workingset.type[type].cost_ns[COST_DECOMPRESS];
	out->disk_read_ns = workingset.type[type].cost_ns[COST_DISK_READ];
	out->swap_read_ns = workingset.type[type].cost_ns[COST_SWAP_READ];
	out->evict_back_ns = workingset.type[type].cost_ns[evicted_back(type)];
	out->disk_write_ns = workingset.type[type].cost_ns[COST_DISK_WRITE];
	out->evict_write_ns = workingset.type[type].cost_ns[COST_EVICT_WRITE];
	out->zpage_bytes = workingset.type[type].cost_ns[COST_ZPAGE_BYTES];
	out->stored_share = workingset.type[type].cost_ns[COST_STORED_SHARE];
	spin_unlock(&workingset.lock);
}

void cost_note_cpu(enum page_type type, enum cost_kind kind, u64 ns)
{
	u64 *cost = &workingset.type[type].cost_ns[kind];
	u64 average = READ_ONCE(*cost);

	/*
	 * What is measured may have taken in another thread's turn of the CPU, or the first run of some code. So neither the guess, which
	 * gives way to the first measurement, nor an average is believed to be wrong by much more than that again: a store that is
	 * thought a hundred times as dear is used no more, and nothing measures it again.
	 */
	ns = MIN(ns, 2 * average + NSEC_PER_USEC);
	if (unlikely(average == first_guess_ns[kind]))
		average = ns;
	OPAQUE(ns);
	WRITE_ONCE(*cost, average + (u64)((s64)(ns - average) / 64));
}

/* weight: of how many samples the new one is one. */
static void note_share(u64 *cost, u64 value, u64 weight)
{
	u64 average = READ_ONCE(*cost);

	WRITE_ONCE(*cost, average + (u64)((s64)(value - average) / (s64)weight));
}

void cost_note_tried(enum page_type type, bool stored, u32 size_bytes)
{
	struct type_workingset *w = &workingset.type[type];
	u64 weight = MIN(GUESS_PAGES + READ_ONCE(w->tried), 64UL);

	atomic_add(&w->tried, 1);
	note_share(&w->cost_ns[COST_STORED_SHARE], stored ? STORED_SHARE_ONE : 0, weight);
	if (stored)
		note_share(&w->cost_ns[COST_ZPAGE_BYTES], size_bytes, weight);
}

static inline bool is_tried_too_rarely(enum page_type type, u64 one_in)
{
	u64 tried = READ_ONCE(workingset.type[type].tried);

	return READ_ONCE(workingset.type[type].departed) >=
	       tried * (tried < TRY_FIRST ? TRY_FIRST_ONE_IN : one_in);
}

bool cost_wants_trial(enum page_type type)
{
	return is_tried_too_rarely(type, TRY_ONE_IN);
}

bool cost_note_file_drop(void)
{
	u64 *stream = &workingset.type[TYPE_FILE].cost_ns[COST_FILE_STREAM];
	u64 average = READ_ONCE(workingset.type[TYPE_FILE].cost_ns[COST_DISK_READ]);
	u64 least = READ_ONCE(*stream);

	WRITE_ONCE(*stream, MIN(average, least + least / STREAM_FORGET + 1));
	return is_tried_too_rarely(TYPE_FILE, TRY_FILE_ONE_IN);
}

/* One read of the swap disk says more of the others than a guess does. */
static void replace_swap_guesses(u64 sample_ns)
{
	static const enum cost_kind reads[] = { COST_DISK_READ, COST_SWAP_READ, COST_EVICT_BACK };

	for (u32 i = 0; i < ARRAY_SIZE(reads); i++) {
		u64 *cost = &workingset.type[TYPE_ANON].cost_ns[reads[i]];

		if (READ_ONCE(*cost) == first_guess_ns[reads[i]])
			WRITE_ONCE(*cost, sample_ns);
	}
}

void cost_note_disk(enum page_type type, enum cost_kind kind, u64 total_ns, u64 pages)
{
	u64 *cost = &workingset.type[type].cost_ns[kind];
	u64 average = READ_ONCE(*cost), sample;

	if (!pages)
		return;
	sample = total_ns / pages;
	/* A disk may be anything: the guess gives way to the first measurement. */
	if (unlikely(average == first_guess_ns[kind]) && sample) {
		average = sample;
		if (type == TYPE_ANON && (kind == COST_SWAP_READ || kind == COST_DISK_READ))
			replace_swap_guesses(sample);
	}
	for (u64 i = 0; i < MIN(pages, (u64)COST_MAX_WEIGHT); i++)
		average += (u64)((s64)(sample - average) / 64);
	WRITE_ONCE(*cost, average);
}

u64 cost_ns(enum page_type type, enum cost_kind kind)
{
	return READ_ONCE(workingset.type[type].cost_ns[kind]);
}
