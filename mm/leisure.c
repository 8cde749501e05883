/* SPDX-License-Identifier: MIT */
/*
 * leisure.c - the CPU's time that nobody wants, and what reclaim makes of it.
 *
 * Problem. While programs wait for a disk the CPU has nothing to do, and what kswapd does then costs nobody anything. But
 * watermarks know nothing of that: kswapd is woken by whoever takes a frame, at the moment when that one is about to ask the
 * disk for something, and rests while the CPU does.
 *
 * How. When the CPU has nothing to do, frames are made ready: as many above the min watermark as were taken lately between two
 * such moments, and no more, because each that lies ready is one less to use. And it is measured how much of such time there is for
 * each page that leaves, so that a policy can tell what it may spend on them.
 *
 * What if it is wrong. What was not made ready is reclaimed by whoever needs it, as ever. When a program that waited goes on to
 * compute, its time is thought to be nobody's for some 64 pages more.
 */
#include "mm/leisure.h"

#include "lib/lock.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/workingset.h"

/* The largest burst is forgotten by one part in so many at each moment of leisure. */
#define BURST_FADES 16

/* Departures between two measurements, and over how many the average goes. */
#define LOOK_AFTER 16
#define WINDOW	   64

/* More than that for one page, many times what it takes to compress it, counts as much: a long rest says nothing of what follows. */
#define MOST_NS (200 * NSEC_PER_USEC)

/* Frames. Each word: atomic. */
static struct {
	u64 free;  /* when the CPU had nothing to do last */
	u64 burst; /* taken between two such moments: the most, lately */
} ready;

static struct {
	struct spinlock lock;
	u64 kswapd_ns;		/* lock: that thread's time so far */
	u64 until_ns;		/* lock: all such time up to the last measurement */
	u32 since;		/* lock: stamp of that one */
	u64 sum_ns, departures; /* lock: decayed together */
	u64 average_ns;		/* atomic */
} leisure;

void leisure_init(void)
{
	memset(&ready, 0, sizeof(ready));
	memset(&leisure, 0, sizeof(leisure));
	spin_lock_init(&leisure.lock, "leisure");
}

bool leisure_wants_frames(void)
{
	u64 free = nr_free_frames(), before = READ_ONCE(ready.free), burst = READ_ONCE(ready.burst);
	u64 taken = before - MIN(before, free);

	burst = MAX(taken, burst - DIV_ROUND_UP(burst, BURST_FADES));
	WRITE_ONCE(ready.free, free);
	WRITE_ONCE(ready.burst, burst);
	return free < MIN(watermark_frames(WMARK_MIN) + burst, watermark_frames(WMARK_HIGH));
}

static void measure(u64 departures)
{
	u64 until_ns = env_idle_ns() + leisure.kswapd_ns;

	leisure.sum_ns += MIN(until_ns - leisure.until_ns, departures * MOST_NS);
	leisure.departures += departures;
	leisure.until_ns = until_ns;
	leisure.since = workingset_now(false, false);
	while (leisure.departures >= WINDOW) {
		leisure.departures /= 2;
		leisure.sum_ns /= 2;
	}
	WRITE_ONCE(leisure.average_ns, leisure.sum_ns / leisure.departures);
}

void leisure_look(void)
{
	bool kswapd = env_context()->flags & MMC_KSWAPD;
	u64 own_ns = kswapd ? env_thread_ns() : 0, departures;

	spin_lock(&leisure.lock);
	if (kswapd)
		leisure.kswapd_ns = own_ns;
	departures = workingset_distance(leisure.since);
	if (departures >= LOOK_AFTER)
		measure(departures);
	spin_unlock(&leisure.lock);
}

u64 leisure_ns(void)
{
	return READ_ONCE(leisure.average_ns);
}
