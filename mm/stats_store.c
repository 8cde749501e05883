/* SPDX-License-Identifier: MIT */
/*
 * stats_store.c - what the store holds, how well, and what became of it.
 *
 * Each figure stands once in a table; JSON has all of them, people get the few that matter.
 */
#include "mm/stats_store.h"

#include "lib/math.h"
#include "lib/print.h"
#include "mm/zpage.h"

/* X(name, expression over struct zstore_type_stats *z, what it is) */
#define STORE_FIGURE_TABLE(X)                                                           \
	X(stored_pages, z->stored_pages, "zpages in frames")                            \
	X(same_pages, z->same_pages, "same-filled pages, no frame")                     \
	X(backing_frames, z->backing_frames, "frames that hold zpages")                 \
	X(compressed_bytes, z->compressed_bytes, "bytes of the zpages")                 \
	X(size_mean, size_mean(z), "bytes of a zpage")                                  \
	X(size_deviation, size_deviation(z), "standard deviation, bytes")               \
	X(density_permille, density_permille(z), "bytes of zpages by bytes of frames")  \
	X(stores, z->stores, "pages compressed")                                        \
	X(loads, z->loads, "pages decompressed")                                        \
	X(drops, z->drops, "zpages whose owner let go of them")                         \
	X(evicted_pages, z->evicted_pages, "zpages evicted")                            \
	X(refused_poor, z->results[ZS_POOR], "pages refused: they compress too poorly") \
	X(refused_no_frame, z->results[ZS_NO_FRAME], "pages refused: no frame")         \
	X(refused_target, z->results[ZS_TARGET], "pages refused: at the target")        \
	X(corrupt, z->results[ZS_CORRUPT], "zpages that were not what was stored")      \
	X(moved_pages, z->moved_pages, "zpages moved in memory")                        \
	X(compact_freed_frames, z->compact_freed_frames, "frames gained by moving")     \
	X(shrink_calls, z->shrink_calls, "orders to give frames back")                  \
	X(shrink_asked_frames, z->shrink_asked_frames, "frames asked for")              \
	X(shrink_freed_frames, z->shrink_freed_frames, "frames given")                  \
	X(evict_failed_frames, z->evict_failed_frames, "frames that could not leave")   \
	X(adopted_frames, z->adopted_frames, "blocks kept that were read from swap")    \
	X(adopted_pages, z->adopted_pages, "zpages kept in them")

/* X(name, member, buckets, what they are) */
#define STORE_HISTOGRAM_TABLE(X)                                                           \
	X(sizes, size_buckets, ZSTORE_SIZE_BUCKETS, "held, by size in steps of 256 bytes") \
	X(ages, age_buckets, ZSTORE_AGE_BUCKETS, "left after less than 1, 2, 4, ... ms")

static u64 size_mean(const struct zstore_type_stats *z)
{
	return z->stored_pages ? z->compressed_bytes / z->stored_pages : 0;
}

static u64 size_deviation(const struct zstore_type_stats *z)
{
	u64 mean_x16, square_x256;

	if (!z->stored_pages)
		return 0;
	mean_x16 = z->compressed_bytes * 16 / z->stored_pages;
	square_x256 = z->compressed_squares * 256 / z->stored_pages;
	return square_root(square_x256 - MIN(mean_x16 * mean_x16, square_x256)) / 16;
}

static u64 density_permille(const struct zstore_type_stats *z)
{
	return z->backing_frames ? 1000 * z->compressed_bytes / (z->backing_frames * PAGE_SIZE) : 0;
}

/* The length of the whole, however much of it found room. */
static int append(char *buf, size_t size, int length, const char *fmt, ...) __printf(4, 5);
static int append(char *buf, size_t size, int length, const char *fmt, ...)
{
	size_t used = MIN((size_t)length, size);
	va_list args;
	int more;

	va_start(args, fmt);
	more = kvsnprintf(buf + used, size - used, fmt, args);
	va_end(args);
	return length + more;
}

static int append_buckets(char *buf, size_t size, int n, const char *name, const u64 *buckets,
			  u32 nr)
{
	n = append(buf, size, n, ",\"%s\":[", name);
	for (u32 i = 0; i < nr; i++)
		n = append(buf, size, n, "%s%lu", i ? "," : "", buckets[i]);
	return append(buf, size, n, "]");
}

int store_json(const struct zstore_type_stats *z, const char *type, char *buf, size_t size, int n)
{
	n = append(buf, size, n, ",\"%s_store\":{\"kind\":\"%s\"", type, zpage_store_name());
#define X(name, expression, text) n = append(buf, size, n, ",\"%s\":%lu", #name, expression);
	STORE_FIGURE_TABLE(X)
#undef X
#define X(name, member, nr, text) n = append_buckets(buf, size, n, #name, z->member, nr);
	STORE_HISTOGRAM_TABLE(X)
#undef X
	return append(buf, size, n, "}");
}

/* One row, as far as there is something. */
static void print_buckets(const char *text, const u64 *buckets, u32 nr)
{
	char row[256];
	int n = 0;

	while (nr && !buckets[nr - 1])
		nr--;
	if (!nr)
		return;
	row[0] = '\0';
	for (u32 i = 0; i < nr; i++)
		n = append(row, sizeof(row), n, " %lu", buckets[i]);
	printk("    %s:%s\n", text, row);
}

void store_print(const struct zstore_type_stats *z, const char *type, bool histograms)
{
	u64 per_frame = z->backing_frames ? 100 * z->stored_pages / z->backing_frames : 0;
	u64 density = density_permille(z);

	printk("  %s store: %lu zpages (%lu same-filled) in %lu frames, %lu.%02lu a frame, density "
	       "%lu.%03lu; %lu +- %lu bytes each\n",
	       type, z->stored_pages + z->same_pages, z->same_pages, z->backing_frames,
	       per_frame / 100, per_frame % 100, density / 1000, density % 1000, size_mean(z),
	       size_deviation(z));
	if (!z->stores)
		return;
	printk("    refused %lu poor, %lu no frame, %lu at target; %lu corrupt; %lu zpages moved, %lu "
	       "frames by that; %lu of %lu frames given; %lu adopted\n",
	       z->results[ZS_POOR], z->results[ZS_NO_FRAME], z->results[ZS_TARGET],
	       z->results[ZS_CORRUPT], z->moved_pages, z->compact_freed_frames,
	       z->shrink_freed_frames, z->shrink_asked_frames, z->adopted_pages);
	if (!histograms)
		return;
#define X(name, member, nr, text) print_buckets(text, z->member, nr);
	STORE_HISTOGRAM_TABLE(X)
#undef X
}
