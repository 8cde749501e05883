/* SPDX-License-Identifier: MIT */
/*
 * swap_stream.c - reading ahead on swap.
 *
 * Problem. A disk reads nine blocks for little more than one. But a block that nobody wants takes a frame from
 * somebody who does.
 *
 * Observation. Who goes through memory in order, as a scan, a loop or a merge does, comes back for page after page; who jumps
 * about does not. A merge reads many places in turn, each in order. Pages that went to swap can be found by their
 * addresses, wherever their blocks lie (Linux: swap_vma_readahead()).
 *
 * How. Remember the keys at which the last NR_STREAMS reads ended. One that begins at such an end, or a little before, goes on
 * with that stream, and reads ahead twice as many as the last time there; any other begins a stream, in place of that which
 * has not been used for longest, and reads nothing ahead. (Linux doubles the window of a file's readahead so,
 * mm/readahead.c; its swap readahead counts how many of those read were used.)
 *
 * What if the guess is wrong. At random a read meets one of 32 ends among thousands now and then, which costs
 * FIRST_AHEAD blocks; nothing follows, and the stream is forgotten.
 */
#include "mm/swap_stream.h"

#include "lib/lock.h"
#include "lib/string.h"

#define NR_STREAMS  32
#define FIRST_AHEAD 2
#define BEFORE_END  4

static struct {
	struct spinlock lock; /* all of it */
	u64 reads;
	struct stream {
		u64 end;   /* behind the last one read, or where it goes on beyond; 0: none was */
		u32 ahead; /* blocks read beyond what was wanted, last time */
		u64 read;  /* the number of that read */
	} of[NR_STREAMS];
} streams;

void swap_stream_init(void)
{
	memset(&streams, 0, sizeof(streams));
	spin_lock_init(&streams.lock, "swap_stream");
}

static bool goes_on(const struct stream *s, u64 at, u32 wanted, u32 between)
{
	return s->end && at + BEFORE_END >= s->end && at <= s->end + wanted + between;
}

/* The one that goes on at at, or else the one to give up; which is it? */
static struct stream *find(u64 at, u32 wanted, u32 between, bool *known)
{
	struct stream *oldest = &streams.of[0];

	*known = true;
	for (u32 i = 0; i < NR_STREAMS; i++) {
		struct stream *s = &streams.of[i];

		if (goes_on(s, at, wanted, between))
			return s;
		if (s->read < oldest->read)
			oldest = s;
	}
	*known = false;
	return oldest;
}

u32 swap_stream_ahead(u64 at, u32 wanted, u32 between)
{
	struct stream *s;
	u32 ahead = 0;
	bool known;

	spin_lock(&streams.lock);
	s = find(at, wanted, between, &known);
	if (known)
		ahead = s->ahead ? MIN(s->ahead * 2, (u32)SWAP_STREAM_MAX) : FIRST_AHEAD;
	*s = (struct stream){ .end = at + wanted + ahead, .ahead = ahead, .read = ++streams.reads };
	spin_unlock(&streams.lock);
	return ahead;
}

void swap_stream_moved(u64 from, u64 to)
{
	spin_lock(&streams.lock);
	for (u32 i = 0; i < NR_STREAMS; i++)
		if (streams.of[i].end == from)
			streams.of[i].end = to;
	spin_unlock(&streams.lock);
}
