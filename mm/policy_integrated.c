/* SPDX-License-Identifier: MIT */
/*
 * policy_integrated.c - six classes, one cost language, no knob.
 *
 * Problem. Reclaim must take a frame from one of: inactive anon, inactive file (each by the store or by the disk),
 * compressed anon, compressed file; active pages become inactive first. Taking it from the inactive pages grows the
 * store, whose frames then must be weighed again: the question put to zswap in 2013.
 *
 * Observation. All that matters of a page is when it comes back. lifetable.c knows, for each type, how many pages are
 * away at each age and how many of them come back, whatever the path that they took. So for each type there is one curve:
 * the rate at which a page that has been away for so many departures (ticks) comes back. It is known without taking the
 * path that is being judged (Wilson, Kaplan, Smaragdakis 1999 keep such histograms; Linux's workingset.c the distances).
 *
 * The inequality. What it is worth to keep a page that has been away for `from` ticks is the best rate of return over
 * all times that it could be kept:
 *
 *     index(from) = max over t:  P(comes back within t) x (out + in)  /  E[ticks kept, at most t]
 *
 * with out and in what it costs to put it away and to bring it back, and t up to the time for which memory could hold
 * pages of its kind if it held nothing else. (This is Gittins' index of a bandit that pays once; a plain mean would give
 * hot and cold pages of one mixture the same worth, a hazard at one age would miss loops.) Per frame that the page gives:
 *
 *     resident, by the store   index(longer)     with compress, decompress     / (1 - what a zpage takes)
 *     resident, by the disk    index(longer)     with write, read
 *     compressed               index(batch)      with write / n, read          x n      n: zpages a frame
 *
 * where read lies between what reads have cost and what they would if pages that come back in the order of their
 * addresses, as on a loop or in a merge, were read together, however few of them went to disk so far (sequence.c), for
 * zpages the lesser of the two; batch is the age in the middle of those zpages that would leave together; and longer is by how
 * much the inactive list is longer than it was when pages left it: those at its end have been unused for that much
 * more. The class whose frame is worth least gives the next batch. File pages need no write. Costs, ratio, refusals and the
 * age of the oldest zpage are measured on the running machine, so with a fast disk little is compressed, with a slow one
 * nearly everything.
 *
 * By the store or by the disk is not a question of margins but of the whole stay. A page goes to the store if
 *
 *     (compress + P x decompress) x 3/2 + kept  <  min(write, compress / 2) + P x read
 *
 * where kept is what the part of a frame costs that its zpage keeps for as long as it stays, at the price that was paid for
 * frames lately, and at least what it costs to get that part by compressing others. So a page that a disk brings back
 * cheaply in a stream is not cached at the expense of others; and if the store had to give frames lately, their price
 * makes a store that is full of pages which are wanted soon refuse newcomers that are wanted later, as on a loop larger
 * than memory, where evicting the oldest would lose every time.
 *
 * Most of P is a guess at first: nothing has been away for longer than memory takes to turn over, and the prior (below) has nearly all
 * come back in the end. Where a page from disk costs many turns through the store the guess is right to make. Where it costs few,
 * dead pages filled the store by it, and for want of their frames it took live ones: a sort that hardly needed more than
 * memory was 15 % slower. So there the store must be the cheaper way, too, if of longer stays so much of the prior is believed as
 * came true for shorter ones, or lately, and if what is left of it comes back in order for the most part. A set that is used at
 * random comes back at all ages, and soon; what stays away is dead, or is swept in the end by a merge or a loop, for
 * which a stream from such a disk costs as little as the store. It is asked of anon pages alone: those of files, read again and again,
 * come back only after a whole turn, and what their first pass had to read again (mix 1x and 1.5x ssd +15 and +7 %) is more than
 * a stream read once saves (once 1.5x ssd -1).
 *
 * What the CPU does while all programs wait for a disk costs nobody anything (leisure.c). So kswapd counts half of what it takes
 * to compress a file's page, as far as there is such time. For anon pages nothing is taken off: the disk's way is written in
 * batches, which makes frames ready sooner, and under a set of three times memory programs waited for kswapd.
 *
 * File pages that were used once go there by the same inequality, not by a rule. That they do not come back is known once many have
 * not; until then, where they would come back from a slow disk, each costs a part of a read to keep, mostly in time that nobody
 * wants, and with a fast disk they stay out. With a rule that they do not enter, all but the first pass over a set of files
 * larger than memory began with reads that the store could have spared.
 *
 * A page of a file that came in a stream is asked about by itself, when its turn has come (file_stream.c): it goes to the store
 * only if that is cheaper than to read it again in a stream.
 *
 * The price is what putting pages away costs over their whole stay, by the way that is taken. It is not the index, which is
 * what the frame was worth to its page: where many come back at once and few late, as under a zipfian law, that is
 * several times as much. With it, pages that go to disk made frames look so dear that zpages, which keep them, looked dearer
 * than the disk: it was the right choice as long as it was made. Nor is an anon frame of the store believed to cost more than DEAREST
 * of those of pages that go to disk. Twice as much, more or less, and the store refuses all; what is above only says for how long it
 * goes on so. At a hundred times as much, which zpages that are wanted soon do cost on a slow disk, that was for a thousand
 * pages after each eviction, long after comebacks had made the room: loops went to and fro between store and disk.
 *
 * A nanosecond of the CPU counts for one and a half of waiting there. Who compresses keeps everybody else from running;
 * while somebody waits for a disk, the writes of kswapd, other programs and the disk itself go on. That decides only where
 * the two ways are nearly as dear, on the fastest disks; and there an estimate that is a little wrong would compress for
 * nothing, which without a store would not have happened.
 *
 * A write counts little there. Nobody waits for a batch but the reads that come meanwhile, and these only while it is
 * transferred; with all of it a merge compressed what it would hardly need again. It counts in full where it is asked which class
 * gives a frame, since those of files need none: else anon pages of a program that fits left for the sake of files read
 * once. So it does for zpages that go to disk: these have been paid for already, and with half as much for the write they
 * left too soon.
 *
 * Pages that the store refuses are on the same lists, where those that it takes leave early because they cost little
 * to bring back. They themselves would come back from disk. So they stay until unused for so long (spill_age) that they
 * are worth no more than those beside them. Once these are gone the question is another one: nobody's frame is as cheap any
 * more, and they leave when worth no more than a frame of any other class (spill_age_alone; reclaim_page.c). One age for both was too
 * young while all still fitted into memory and store, by hundreds of reads of a slow disk, or else too old where it did not, and
 * zpages that were wanted sooner left instead. On a slow disk, where each is a read of its own, frames of the other type must be
 * worth clearly more. Where the store refuses nearly all, they leave at once. Here a sixteenth of
 * what is known of them is doubted: a thousand of their kind that did not come back are one program that looked elsewhere, and
 * when it looks back each is a read.
 *
 * How dense the store is follows the same price. Holes that zpages leave are a seventh source of frames, which takes
 * nobody's page but moves the zpages around them, the more the fuller those frames still are (Rosenblum, Ousterhout 1992:
 * cleaning costs u / (1 - u)). Where a frame is cheap, as on a fast disk or while all fits, that was up to a sixth of a
 * run's time for a twentieth of the store; where every frame saves reads of a slow disk it pays many times.
 *
 * What if an estimate is wrong. Where nothing has been seen the curve is a guess (life_curve.c): each doubling of the time away brings back
 * half of the anon pages that are left, and a quarter of the files'. Half is the rule of who rents skis (below): an anon page
 * leaves when its frame has cost as much since the last use as getting the page back will. (With a quarter, the few pages of a
 * program that reads files went to swap at its second pass and came back, which cost more than their frames were worth.) Returns
 * and exposures are halved every managed_frames ticks, so the curve follows the workload. What a read costs is known since
 * the swap disk's header was read; what the store would make of pages that go past it, because some are tried
 * (zpage_try()).
 *
 * A change of phase. What no curve can know is whether a set that has fallen silent is dead or only rests. Bringing it back is
 * paid once, leaving it alone costs as long as it rests: whoever rents skis buys them when the rent paid has reached
 * the price, and pays at most twice what was necessary (Karlin, Manasse, Rudolph, Sleator 1988). So while a type rests
 * (workingset.c), nothing of it goes to disk until what the other type has paid for its comebacks has reached what it would
 * cost to bring back the store of the one at rest; from then on its worth falls as the other goes on paying. Within memory,
 * by the store, it is squeezed like any other: that is cheap to undo. Anon pages were all in use once. Those of files may have
 * been read by the way; so of their store only so much counts as has come back before.
 *
 * What bounds the loss. A batch is 32 pages, then all is asked again with fresh figures. A class that is squeezed
 * wrongly sends its pages back soon, which raises its index.
 */
#include "compress/zstore.h"
#include "mm/life_curve.h"
#include "mm/policy_costs.h"

/* What is not known to come back after longer than memory takes to turn over does so in order, that part of it. */
#define UNSEEN_IN_ORDER (ONE * 5 / 8)

/* So many that left lately, and did not come back, stand for what is not known of them. */
#define LATELY_PAGES 64

/* A mistake costs little where a page that leaves by the disk costs no more than so many turns through the store. */
#define LITTLE_TURNS 12

/* What a ns of the CPU counts, against one of waiting for a disk. */
#define CPU_WEIGHT(ns) ((ns)*3 / 2)

/* Pages read in order cost so many times less than single ones: SWAP_STREAM_MAX at a time, and their transfer. */
#define STREAM_GAIN 6

/* How much a frame of the store is believed to cost, in those of pages that go to disk: see the top. */
#define DEAREST 3

/*
 * On a disk where a read costs more turns through the store than that, refused pages leave for want of others only when their frame is
 * worth so many times less than one of the other type. Zpages of their own type are of the same set, and known as well; but what is
 * of another is weighed by guesses, where one of both rests, and each mistake is a read: anonfile as large as memory on hdd
 * was 8 % slower with frames that are worth as much. (For all others, as pages of tail that were out of use stayed: 15 %.)
 */
#define MANY_TURNS  24
#define SURELY_LESS 2

/* Where the store takes less than one page in so many, no others are left that could give frames in place of those refused. */
#define FEW_STORED 16

/*
 * Holes that stay where they are closed only when they are many: of a store's frames one in so many; and what each zpage
 * then costs less in moves. kv of 1.5 times memory: one in 13, and 58 %. Only their product counts; it is twice that one:
 * twice as much again made kv of 2 and 3 times memory 3 to 5 % slower on the ssd.
 */
#define HOLES_LEFT 25
#define MOVES_PCT  70 /* of its decompression */

/* What the store's own structure costs beside the bytes of zpages: measured, make bench-store. */
#define STORE_DENSITY_PCT 95

/* What it costs to put a page away, and to bring it back. */
struct way {
	u64 out_ns, in_ns;
};

/* What a page costs that is put away. */
static u64 cost_ns_of(const struct outlook *o, struct way way)
{
	return way.out_ns + (ONE - o->survivors) * way.in_ns / ONE;
}

/* The same for its frame: ns for each managed_frames ticks. */
static u64 paid_ns(const struct life_curve *curve, const struct outlook *o, struct way way)
{
	return cost_ns_of(o, way) * curve->frames / o->ticks;
}

/* index() of the top by one of the ways: ns for each managed_frames ticks. */
static u64 index_ns(const struct life_curve *curve, const struct prospect *p, struct way way)
{
	/* Kept to the end it need not be put away at all. */
	return MAX(p->best_rate * (way.out_ns + way.in_ns) / ONE, paid_ns(curve, &p->end, way));
}

/*
 * Are few holes in the store dearer to close than a frame of the cheapest class, for as long as it would be kept? Every zpage
 * that goes there makes room in the end by leaving a hole, so the moves are paid again for each.
 */
static bool holes_are_dear(const struct type_snapshot *t, u64 frame_ns)
{
	u64 moves_ns = t->decompress_ns * MOVES_PCT / 100;

	return t->departures_to_store * moves_ns > frame_ns * t->compressed_frames / HOLES_LEFT;
}

/* Part of a frame that a zpage takes, in ONEs; less than the whole, so that costs stay numbers. */
static u64 zpage_part(const struct type_snapshot *t)
{
	return MIN(t->zpage_bytes * ONE / PAGE_SIZE * 100 / STORE_DENSITY_PCT, ONE * 19 / 20);
}

/*
 * Compressing in time that nobody else wants. It makes a frame later ready than the disk would, so that it costs half even
 * where there is time enough for all pages.
 */
static u64 at_leisure(u64 compress_ns, u64 leisure_ns)
{
	return compress_ns - MIN(leisure_ns, compress_ns) / 2;
}

/* Pages that it refuses cost as much to try. */
static inline struct way through_store(u64 compress_ns, u64 decompress_ns, u64 stored_share)
{
	u64 share = MAX(stored_share, STORED_SHARE_ONE / 256UL);

	return (struct way){ compress_ns * STORED_SHARE_ONE / share, decompress_ns };
}

static u64 turn_ns(const struct type_snapshot *t)
{
	return t->compress_ns + t->decompress_ns;
}

static struct way by_store(const struct mm_snapshot *s, enum page_type type)
{
	const struct type_snapshot *t = &s->type[type];
	u64 compress_ns = t->compress_ns;

	if (type == TYPE_FILE)
		compress_ns = at_leisure(compress_ns, s->leisure_ns);
	return through_store(compress_ns, t->decompress_ns, t->stored_share);
}

/* A read from swap: those in sequence are made together, which is known without sending them there (sequence.c). */
static u64 expected_read_ns(const struct type_snapshot *t, u64 in_sequence)
{
	u64 in_sequence_ns = t->swap_read_ns * in_sequence / SEQUENCE_ONE;

	return t->swap_read_ns - in_sequence_ns * (STREAM_GAIN - 1) / STREAM_GAIN;
}

/*
 * A page from swap: what is expected of the order is wrong where few of the next pages are on disk, what was measured is old where
 * few pages were read, and low where those read ahead are found to be used, many at once: then none costs less than in a
 * stream. So it is taken to lie in the middle, but not to be dearer than the lesser of the two by more than a turn through the
 * store, which is all that a mistake costs on a fast disk. On a slow one those pages that come back in order must look cheap.
 */
static u64 swap_page_ns(const struct type_snapshot *t, u64 in_sequence)
{
	u64 measured_ns = MAX(t->disk_read_ns, t->swap_read_ns / STREAM_GAIN);
	u64 expected_ns = expected_read_ns(t, in_sequence),
	    least_ns = MIN(measured_ns, expected_ns);
	u64 apart_ns = MAX(measured_ns, expected_ns) - least_ns;

	return least_ns + MIN(apart_ns / 2, turn_ns(t));
}

/* Lone pages cost more to write than batches, which the store's orders tell the price of. */
static struct way by_disk(const struct type_snapshot *t, enum page_type type)
{
	if (type == TYPE_FILE)
		return (struct way){ 0, t->disk_read_ns };
	return (struct way){ MIN(t->disk_write_ns, t->evict_write_ns),
			     swap_page_ns(t, t->in_sequence) };
}

/*
 * What reads of files cost lately tells what was read last, a stream or small files. The page at the end of a list is one or the
 * other: half of each. (By the small files alone, anon pages that were in use went to swap after each run of them; and a store full
 * of a stream that nobody wanted any more looked so dear after the first ones that it took the frames of anon pages which
 * it refuses, each of them a read of a slow disk.)
 */
static u64 file_page_ns(const struct type_snapshot *t, u64 read_ns)
{
	return (read_ns + MIN(read_ns, t->swap_read_ns)) / 2;
}

static struct way by_disk_on_average(const struct type_snapshot *t, enum page_type type)
{
	struct way way = by_disk(t, type);

	if (type == TYPE_FILE)
		way.in_ns = file_page_ns(t, way.in_ns);
	return way;
}

/* In sixteenths: of one of its frames. */
static u64 zpages_x16(const struct type_snapshot *t)
{
	u64 frames = MAX(t->compressed_frames, 1UL);

	return MAX(t->stored_pages * 16 / frames, 16UL);
}

/* Of one of its zpages, from the store to the disk. The lesser price is believed: the doubt of swap_page_ns() gained nothing here. */
static struct way by_eviction(const struct type_snapshot *t, enum page_type type)
{
	if (type == TYPE_FILE)
		return (struct way){ 0, file_page_ns(t, t->evict_back_ns) };
	return (struct way){ t->evict_write_ns * 16 / zpages_x16(t),
			     MIN(t->evict_back_ns, expected_read_ns(t, t->in_sequence)) };
}

/*
 * By the disk, where the store is the other way. How much of a write is waited for, by reads that come meanwhile, nobody measures; not
 * all of it, and no more is believed than half of compressing. (An eighth of the write is the same on an ssd; on nvme, where the
 * write is that short, kv of all memory was 5 % slower with that.)
 */
static struct way by_disk_unwaited(const struct type_snapshot *t, enum page_type type)
{
	struct way way = by_disk(t, type);

	way.out_ns = MIN(way.out_ns, t->compress_ns / 2);
	return way;
}

/* The second inequality of the top, for such a stay. */
static bool store_is_cheaper(const struct mm_snapshot *s, enum page_type type, u64 disk_ns,
			     const struct outlook *stay)
{
	u64 part = zpage_part(&s->type[type]);
	u64 store = CPU_WEIGHT(cost_ns_of(stay, by_store(s, type)));
	u64 kept = MIN(s->price_ns, BIT(36)) * part / ONE * stay->ticks / s->managed_frames;

	return store + MAX(kept, store * part / (ONE - part)) < disk_ns;
}

/*
 * As much as came back within memory, of all that the life table remembers, or as came back lately, by either way. The latter
 * knows sooner when somebody has left who filled the table with pages that stay away: beside a sleeper as large as memory a hot
 * set was 8 % slower for long after it.
 */
static u64 believed_of_prior(const struct mm_snapshot *s)
{
	const struct type_snapshot *t = &s->type[TYPE_ANON];
	u64 left = t->left[LEFT_TO_DISK] + t->left[LEFT_TO_STORE] + LATELY_PAGES;
	u64 came_back = t->came_back[LEFT_TO_DISK] + t->came_back[LEFT_TO_STORE];
	u64 lately = MIN(came_back * (ONE / COMEBACK_ONE) / left, ONE);

	return MAX(life_seen_of_prior(s, TYPE_ANON), lately);
}

/* The second inequality for anon pages, with as much of the prior as what has been seen bears out. */
static bool store_is_cheaper_as_seen(const struct mm_snapshot *s, const struct life_curve *curve)
{
	const struct type_snapshot *t = &s->type[TYPE_ANON];
	u64 seen = believed_of_prior(s);
	struct outlook stay = life_stay_as_seen(s, TYPE_ANON, curve, seen);
	struct way disk = by_disk_unwaited(t, TYPE_ANON);
	u64 unseen_in_sequence =
		(SEQUENCE_ONE - t->in_sequence) * (ONE - seen) / ONE * UNSEEN_IN_ORDER / ONE;

	disk.in_ns = swap_page_ns(t, t->in_sequence + unseen_in_sequence);
	return store_is_cheaper(s, TYPE_ANON, cost_ns_of(&stay, disk), &stay);
}

/* By the prior; and where a mistake costs little, by what has been seen, too. */
static bool store_is_better(const struct mm_snapshot *s, enum page_type type,
			    const struct life_curve *curve)
{
	const struct type_snapshot *t = &s->type[type];
	u64 disk_ns = cost_ns_of(&curve->stay, by_disk_unwaited(t, type));

	if (!store_is_cheaper(s, type, disk_ns, &curve->stay))
		return false;
	return type == TYPE_FILE || disk_ns > LITTLE_TURNS * turn_ns(t) ||
	       store_is_cheaper_as_seen(s, curve);
}

/* For how long memory could keep pages of that kind, were it given to them alone. */
static u64 reach_of(const struct type_snapshot *t, const struct life_curve *curve, bool store)
{
	return store ? curve->frames * ONE / MAX(zpage_part(t), ONE / HORIZON_FRAMES)
		     : curve->frames;
}

/* What a frame of the type's resident pages is worth: by the cheaper of its two ways out. */
static u64 resident_ns(const struct mm_snapshot *s, enum page_type type,
		       const struct life_curve *curve, bool store)
{
	const struct type_snapshot *t = &s->type[type];
	u64 reach = reach_of(t, curve, store);
	/* Those at the end of a longer list than usual have not been used for longer. */
	u64 from = t->usual_inactive
			   ? t->inactive_frames - MIN(t->inactive_frames, t->usual_inactive)
			   : 0;
	struct prospect p = life_prospect(curve, from, reach);
	u64 store_ns = index_ns(curve, &p, by_store(s, type)) * ONE / (ONE - zpage_part(t));

	if (!t->can_evict)
		return store_ns;
	return MIN(store_ns, index_ns(curve, &p, by_disk_on_average(t, type)));
}

/*
 * What it would cost to bring back all that the store has of the type, once it were on disk. Of files so much as has come back
 * before: what was read once, and never again, is no set that rests; and at the price of a stream, since it is read as a whole.
 */
static u64 comeback_ns(const struct mm_snapshot *s, enum page_type type)
{
	const struct type_snapshot *t = &s->type[type];

	if (type == TYPE_ANON)
		return t->stored_pages * t->evict_back_ns;
	return t->stored_pages * MIN(t->evict_back_ns, t->swap_read_ns) / ONE *
	       life_seen_of_prior(s, type);
}

/* At rest, and the other type has not yet paid for that what it would save. */
static bool is_left_alone(const struct mm_snapshot *s, enum page_type type)
{
	const struct type_snapshot *t = &s->type[type];

	return t->resting && t->others_lost_ns < comeback_ns(s, type);
}

/*
 * Of the zpages that leave together, that of the one in their middle. Behind the oldest, which may be a straggler that nobody wants,
 * are those that a loop is about to come back for: by its age alone a loop that hardly needed more than memory had six of a
 * batch's thirty frames read again each time.
 */
static u64 batch_age(const struct type_snapshot *t, const struct life_curve *curve)
{
	u64 batch = ZSTORE_EVICT_FRAMES;
	u64 older = ONE * batch / (t->compressed_frames + batch) / 2;

	return life_age_of_share(curve, t->store_age, ONE - older);
}

static u64 compressed_ns(const struct mm_snapshot *s, enum page_type type,
			 const struct life_curve *curve)
{
	const struct type_snapshot *t = &s->type[type];
	struct prospect p = life_prospect(curve, batch_age(t, curve), reach_of(t, curve, true));
	u64 frame_ns = index_ns(curve, &p, by_eviction(t, type)) * zpages_x16(t) / 16;

	if (!t->resting || is_left_alone(s, type))
		return frame_ns;
	return frame_ns * (comeback_ns(s, type) / MAX(t->others_lost_ns / ONE, 1UL)) / ONE;
}

/* What a frame of another class costs; if none has any, what was paid lately. surely: see SURELY_LESS. */
static u64 other_frame_ns(const struct mm_snapshot *s, const struct mm_decision *d, bool surely)
{
	u64 least = UINT64_MAX;

	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum lru_list inactive = lru_of((enum page_type)i, LRU_INACTIVE_ANON);
		enum lru_list compressed = lru_of((enum page_type)i, LRU_COMPRESSED_ANON);
		u64 parts = surely && i != lru_type(d->list) ? SURELY_LESS : 1;

		if (inactive != d->list && may_give(s, inactive))
			least = MIN(least, d->cost_ns[inactive] / parts);
		if (may_give(s, compressed))
			least = MIN(least, d->cost_ns[compressed] / parts);
	}
	return least == UINT64_MAX ? s->price_ns : least;
}

/*
 * The ages at which a resident page that the store refuses is worth no more than one of those that it takes, beside which it
 * is; and, these being gone, than a frame of any other class.
 */
static void set_spill_ages(const struct mm_snapshot *s, enum page_type type, struct mm_decision *d)
{
	const struct type_snapshot *t = &s->type[type];
	u64 age, next = s->managed_frames / SHORTEST_STAY;
	bool dear = t->swap_read_ns > MANY_TURNS * turn_ns(t);
	u64 other_ns = other_frame_ns(s, d, dear);
	struct way disk = by_disk(t, type);
	struct life_curve curve;

	if (!is_left_alone(s, type) && t->stored_share < STORED_SHARE_ONE / FEW_STORED)
		return;
	d->spill_age = d->spill_age_alone = HORIZON_FRAMES * s->managed_frames;
	if (is_left_alone(s, type))
		return;
	/* They lie scattered among those that the store takes: each is a read of its own. */
	if (dear)
		disk.in_ns = t->swap_read_ns;
	life_curve_of(s, type, true, &curve);
	for (age = 0; age < d->spill_age; age = next, next *= 2) {
		struct prospect p = life_prospect(&curve, age, curve.frames);
		u64 frame_ns = index_ns(&curve, &p, disk);

		if (frame_ns <= other_ns)
			d->spill_age_alone = MIN(d->spill_age_alone, age);
		if (frame_ns <= d->cost_ns[d->list])
			d->spill_age = age;
	}
}

/* left_alone: those of types at rest, or the others. */
static void consider_compressed(const struct mm_snapshot *s, struct mm_decision *d,
				const struct life_curve *curves, bool left_alone)
{
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum page_type type = (enum page_type)i;
		const struct type_snapshot *t = &s->type[type];

		if (t->can_evict && is_left_alone(s, type) == left_alone &&
		    may_give(s, lru_of(type, LRU_COMPRESSED_ANON)))
			consider(s, d, lru_of(type, LRU_COMPRESSED_ANON),
				 compressed_ns(s, type, &curves[type]));
	}
}

/* What a frame of the chosen list costs by the chosen way. */
static u64 price_of(const struct mm_snapshot *s, const struct mm_decision *d,
		    const struct life_curve *curve)
{
	enum page_type type = lru_type(d->list);
	const struct type_snapshot *t = &s->type[type];
	struct prospect oldest;
	u64 frame_ns;

	if (!list_is_inactive(d->list)) {
		oldest = life_prospect(curve, t->store_age, HORIZON_FRAMES * curve->frames);
		frame_ns = paid_ns(curve, &oldest.end, by_eviction(t, type)) * zpages_x16(t) / 16;
		/* A read of a file tells what was read last, which is no measure of others. */
		if (type == TYPE_FILE)
			return frame_ns;
		return MIN(frame_ns, paid_ns(curve, &curve->stay, by_disk(t, type)) * DEAREST);
	}
	if (d->compress)
		return paid_ns(curve, &curve->stay, by_store(s, type)) * ONE /
		       (ONE - zpage_part(t));
	return paid_ns(curve, &curve->stay, by_disk(t, type));
}

static void integrated_decide(const struct mm_snapshot *s, struct mm_decision *d)
{
	bool store[NR_PAGE_TYPES];
	struct life_curve curve[NR_PAGE_TYPES];
	enum page_type chosen;

	decision_begin(s, d);
	for (u32 i = 0; i < NR_PAGE_TYPES; i++) {
		enum page_type type = (enum page_type)i;
		const struct type_snapshot *t = &s->type[type];

		if (!may_give(s, lru_of(type, LRU_INACTIVE_ANON)) &&
		    !may_give(s, lru_of(type, LRU_COMPRESSED_ANON)))
			continue;
		life_curve_of(s, type, false, &curve[type]);
		if (!may_give(s, lru_of(type, LRU_INACTIVE_ANON)))
			continue;
		store[type] = !t->can_evict || is_left_alone(s, type) ||
			      store_is_better(s, type, &curve[type]);
		consider(s, d, lru_of(type, LRU_INACTIVE_ANON),
			 resident_ns(s, type, &curve[type], store[type]));
		/* An active page has been used more often than the inactive ones that shield it. */
		d->cost_ns[lru_of(type, LRU_ACTIVE_ANON)] =
			d->cost_ns[lru_of(type, LRU_INACTIVE_ANON)];
	}
	consider_compressed(s, d, curve, false);
	if (d->list == NR_LRU_LISTS)
		consider_compressed(s, d, curve, true);
	if (d->list == NR_LRU_LISTS)
		return;
	for (u32 i = 0; i < NR_PAGE_TYPES; i++)
		if (holes_are_dear(&s->type[i], d->cost_ns[d->list]))
			d->leave_holes |= BIT(i);
	chosen = lru_type(d->list);
	d->compress = list_is_inactive(d->list) && store[chosen];
	d->used_once = true; /* the second inequality has said whether it pays */
	d->paid_ns = price_of(s, d, &curve[chosen]);
	if (!list_is_inactive(d->list))
		d->why = "its oldest zpages are worth least";
	else if (d->compress)
		d->why = "worth least; cheaper to bring back from the store";
	else
		d->why = "worth least; the disk costs less than the frames a zpage would keep";
	if (d->compress && chosen == TYPE_ANON)
		set_spill_ages(s, chosen, d);
}

/* Is a turn through the store cheaper than to read the page again with its neighbours, whatever its frame costs? */
static bool integrated_stores_streams(const struct stream_costs *c)
{
	struct way store = through_store(at_leisure(c->compress_ns, c->leisure_ns),
					 c->decompress_ns, c->stored_share);

	return CPU_WEIGHT(store.out_ns + store.in_ns) < c->read_ns;
}

const struct policy policy_integrated = {
	.name = "integrated",
	.help = "six classes balanced by measured cost (the default)",
	.compresses = { [TYPE_ANON] = true, [TYPE_FILE] = true },
	.decide = integrated_decide,
	.stores_streams = integrated_stores_streams,
};
