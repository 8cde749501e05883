/* SPDX-License-Identifier: MIT */
/*
 * leisure.c - the CPU's time that nobody wants, and what reclaim makes of it.
 *
 * Problem. While a program waits for a disk the CPU has nothing to do, and what kswapd does then costs nobody anything. But a
 * watermark knows nothing of that: kswapd was woken by whoever took a frame, at the moment when that one was about to ask
 * the disk for something, and rested when the CPU did.
 *
 * How. When the CPU has nothing else to do, frames are made ready: as many above the min watermark as were taken lately between two
 * such moments, and no more, because each that lies ready is one less to use. And how much of such time there is for each page that
 * leaves is measured: a page that is compressed in it costs as much less.
 *
 * What if it is wrong. What was not made ready is reclaimed by whoever needs it, as ever. Time that is gone when the program goes
 * on to compute was counted for 256 pages more, each of which costs what it would have cost without this file.
 */
#include "mm/leisure.h"

#include "lib/lock.h"
#include "lib/math.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/workingset.h"

/* The largest burst is forgotten by one part in so many at each moment of leisure. */
#define BURST_FADES 16

/* Departures over which time is counted, and the most that counts for one of them: many times what a page's compression takes. */
#define WINDOW 64
#define MOST_NS (200 * NSEC_PER_USEC)

/* Each word is written as a whole; what is lost between two CPUs does no harm. */
static struct {
	u64 free;  /* frames, when the CPU had nothing to do last */
	u64 burst; /* frames taken between two such moments, at most, lately */
} idle;

static struct {
	struct spinlock lock; /* all of it */
	u64 kswapd_ns;	      /* that thread's time so far */
	u64 until_ns;	      /* time without use up to the last look */
	u32 since;	      /* stamp of the last look */
	u64 spare_ns, departures; /* decayed together */
} spare;

void leisure_init(void)
{
	memset(&idle, 0, sizeof(idle));
	memset(&spare, 0, sizeof(spare));
	spin_lock_init(&spare.lock, "leisure");
}

bool leisure_wants_frames(void)
{
	u64 free = nr_free_frames(), taken = idle.free - MIN(idle.free, free);
	u64 burst = MAX(taken, idle.burst - idle.burst / BURST_FADES);

	WRITE_ONCE(idle.free, free);
	WRITE_ONCE(idle.burst, burst);
	return free < MIN(watermark_frames(WMARK_MIN) + burst, watermark_frames(WMARK_HIGH));
}

void leisure_look(void)
{
	bool kswapd = env_context()->flags & MMC_KSWAPD;
	u64 kswapd_ns = kswapd ? env_thread_ns() : 0, departures, now_ns;

	spin_lock(&spare.lock);
	if (kswapd)
		spare.kswapd_ns = kswapd_ns;
	departures = workingset_distance(spare.since);
	if (departures >= 16) {
		now_ns = env_idle_ns() + spare.kswapd_ns;
		spare.spare_ns += MIN(now_ns - spare.until_ns, departures * MOST_NS);
		spare.departures += departures;
		spare.until_ns = now_ns;
		spare.since = workingset_now(false, false);
		while (spare.departures >= WINDOW) {
			spare.departures /= 2;
			spare.spare_ns /= 2;
		}
	}
	spin_unlock(&spare.lock);
}

u64 leisure_ns(void)
{
	return spare.departures ? spare.spare_ns / spare.departures : 0;
}
