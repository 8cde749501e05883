/* SPDX-License-Identifier: MIT */
/*
 * loop.c - the same pages in the same order, again and again: the worst case of every LRU list.
 *
 * With more pages than memory, LRU evicts each just before it is wanted again; whoever keeps any fixed
 * part of them does better. And what is kept compressed is kept in larger number.
 *
 * In each pass every 16th page is updated, another one each time.
 */
#include "workloads/pages.h"
#include "workloads/workloads.h"

#define NR_PASSES    6
#define UPDATE_EVERY 16

static bool is_updated(uint64_t page, uint64_t pass)
{
	return page % UPDATE_EVERY == pass;
}

static void loop_pass(struct page_set *set, uint64_t pass, struct progress *progress)
{
	for (uint64_t page = 0; page < set->nr_pages; page++) {
		page_set_check(set, page);
		if (is_updated(page, pass))
			page_set_write(set, page);
		progress_at(progress, pass * set->nr_pages + page + 1);
	}
}

int loop_main(int argc, char **argv)
{
	struct options options;
	struct progress progress;
	struct page_set set;

	options_parse(&options, argc, argv);
	page_set_map(&set, &options, 0, options.footprint_bytes);
	page_set_write_all(&set, "write");
	page_set_corrupt(&set);
	progress_start(&progress, &options, "loop", NR_PASSES * set.nr_pages);
	for (uint64_t pass = 0; pass < NR_PASSES; pass++)
		loop_pass(&set, pass, &progress);
	/* Whatever else was written has been read back by a later pass. */
	for (uint64_t page = 0; page < set.nr_pages; page++)
		if (is_updated(page, NR_PASSES - 1))
			page_set_check(&set, page);
	return finish(&options);
}
