/* SPDX-License-Identifier: MIT */
/*
 * sequence.c - do pages come back in the order of their addresses?
 *
 * Problem. A disk brings a page that is read in order for a small part of what a single one costs. Whether pages would be
 * read in order had they been sent there must be known before they are, and the path of a comeback from the store
 * has no instruction to spare.
 *
 * How. Once a round reclaim takes the page that came back last, looks for the next one behind it that is away, and awaits
 * it. All that a comeback does is to compare its key with that one, and to leave it behind as the last. If the
 * awaited page comes while memory turns over by a part, the answer is yes; else, or where all pages near by are
 * resident, it is no. The average of the answers is the share, whichever path the pages take.
 *
 * Several streams in turn, as in a merge, are no less in order for that: each awaited page belongs to one of them. One
 * stream alone is seen at once, since most pages come next to the last one: a round in which they do moves the average by half of
 * what is left. With one answer a round, a set that had been used at random was compressed for eight rounds after its
 * owner had begun to walk through it.
 *
 * Before the first answer half of them are thought to come in order. Were it none, what is written first would go to the store on
 * the fastest disk too, where single reads are hardly dearer than a turn through the store; a merge then takes it out page
 * by page. With disks that are much slower both ways of thinking end in the store; what lies between asks more of what has been seen
 * (policy_integrated.c).
 *
 * What if it is wrong. A round whose answer is still open gives none, so the average follows in some tens of rounds,
 * and a part of a page's stay is all that is asked for: readahead would have read that page too early otherwise.
 */
#include "mm/sequence.h"

#include "lib/lock.h"
#include "lib/string.h"
#include "mm/owner.h"
#include "mm/workingset.h"

/* How far behind a page the next one that is away is looked for; it comes back while memory / SOON leaves. */
#define NEAR_PAGES 32
#define SOON	   32

/* Half of the comebacks of a round, which frees 32 pages. */
#define MANY_NEXT 16

/* The weight of an answer. */
#define ANSWERS 8

struct sequence sequence;

static struct {
	struct spinlock lock; /* all of it */
	bool asked;
	u32 since; /* stamp of when awaited was set */
	u64 share;
} looks;

void sequence_init(void)
{
	memset(&sequence, 0, sizeof(sequence));
	memset(&looks, 0, sizeof(looks));
	looks.share = SEQUENCE_ONE / 2;
	spin_lock_init(&looks.lock, "sequence");
}

static void answer(u64 yes)
{
	looks.asked = false;
	looks.share += yes / ANSWERS - looks.share / ANSWERS;
}

static bool is_away(u64 key)
{
	struct ref ref;
	bool away;

	if (!ref_lock(TYPE_ANON, key, &ref))
		return false;
	away = entry_is_away(*ref.entry);
	ref_unlock(&ref);
	return away;
}

/* The next page behind the one that came last which is away; 0: there is none near by. */
static u64 next_away(u64 key)
{
	for (u64 next = key + 1; next <= key + NEAR_PAGES; next++)
		if (is_away(next))
			return next;
	return 0;
}

void sequence_look(void)
{
	u64 last, next;

	spin_lock(&looks.lock);
	if (looks.asked && !READ_ONCE(sequence.awaited))
		answer(SEQUENCE_ONE);
	else if (looks.asked && workingset_distance(looks.since) > mem_layout.nr_frames / SOON)
		answer(0);
	if (READ_ONCE(sequence.nr_next) >= MANY_NEXT)
		looks.share += (SEQUENCE_ONE - looks.share) / 2;
	WRITE_ONCE(sequence.nr_next, 0);
	last = READ_ONCE(sequence.last);
	if (!looks.asked && last) {
		WRITE_ONCE(sequence.last, 0);
		next = next_away(last);
		looks.asked = next;
		looks.since = workingset_now(false, false);
		WRITE_ONCE(sequence.awaited, next);
		if (!next)
			answer(0);
	}
	spin_unlock(&looks.lock);
}

u64 sequence_share(void)
{
	return READ_ONCE(looks.share);
}
