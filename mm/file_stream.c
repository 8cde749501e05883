/* SPDX-License-Identifier: MIT */
/*
 * file_stream.c - a file's page that came in a stream of others: does it go to the store?
 *
 * Problem. A page of a file that is read from end to end costs a tenth of what a small file or a single page of it does.
 * Both come by in turn, and what a read costs on the average tells what the last ones were, not what the page is that is about
 * to leave. So after some small files those of a stream were compressed, each for the price of two or three reads.
 *
 * How. A page whose neighbours in the file are here, or left just now, came with them and will come back with them. What
 * that costs is the least that the average has come down to lately (cost_note_file_drop()). Whether it is worth the store is the policy's
 * answer.
 *
 * What if it is wrong. Neighbours that were read one by one are taken for a stream, and come back for what single reads cost; where
 * all reads are such, the average, and so the price of a stream, is that of single reads.
 */
#include "mm/file_stream.h"

#include "mm/leisure.h"
#include "mm/owner.h"
#include "mm/pagecache.h"
#include "mm/policy.h"
#include "mm/workingset.h"

/* Just now: since then not more pages than these have left. */
#define JUST_LEFT 128

/* A hint: the slot may change meanwhile. */
static bool is_here_or_just_left(struct address_space *mapping, u64 index)
{
	entry_t *slot = mapping_slot(mapping, index), entry = slot ? READ_ONCE(*slot) : 0;

	if (entry_is(entry, ENTRY_SHADOW))
		return workingset_distance(entry_shadow(entry)) < JUST_LEFT;
	return entry;
}

static bool is_of_stream(const struct page *page)
{
	u64 index = page_index(page);
	struct address_space *mapping;
	struct ref ref;
	bool both;

	mapping = ref_hold(TYPE_FILE, page->key, &ref);
	if (!mapping)
		return false;
	both = is_here_or_just_left(mapping, index - 1) && is_here_or_just_left(mapping, index + 1);
	ref_release(&ref);
	return both;
}

enum zresult file_compress(struct page *page, entry_t *entry, bool *donated)
{
	const struct policy *policy = policy_current();
	struct stream_costs costs = {
		.compress_ns = cost_ns(TYPE_FILE, COST_COMPRESS),
		.leisure_ns = env_context()->flags & MMC_KSWAPD ? leisure_ns() : 0,
		.decompress_ns = cost_ns(TYPE_FILE, COST_DECOMPRESS),
		.stored_share = cost_ns(TYPE_FILE, COST_STORED_SHARE),
		.read_ns = cost_ns(TYPE_FILE, COST_FILE_STREAM),
	};

	if (policy->stores_streams && !policy->stores_streams(&costs) && is_of_stream(page)) {
		cost_note_file_drop();
		return ZS_NO_FRAME;
	}
	return zpage_compress(page, TYPE_FILE, entry, donated);
}
