/* SPDX-License-Identifier: MIT */
/* pages.c - sets of anonymous pages: written, checked, and visited by their popularity. */
#include "workloads/pages.h"

#define ZIPF_THETA 0.99
/* A prime above any number of pages: rank times this, modulo that number, meets every page once. */
#define SCATTER	   2654435761UL

static enum page_kind kind_of(uint64_t number)
{
	return mix64(number) % 4 ? PAGE_TEXT : PAGE_HALF;
}

void page_set_map(struct page_set *set, const struct options *options, uint64_t first,
		  uint64_t bytes)
{
	set->options = options;
	set->first = first;
	set->nr_pages = bytes / PAGE_BYTES;
	set->memory = map_anon(options, bytes);
	set->versions = map_anon(options, set->nr_pages * sizeof(*set->versions));
}

void page_set_unmap(struct page_set *set)
{
	if (munmap(set->memory, set->nr_pages * PAGE_BYTES) < 0 ||
	    munmap(set->versions, set->nr_pages * sizeof(*set->versions)) < 0)
		fail(set->options, "munmap");
}

void page_set_write(struct page_set *set, uint64_t page)
{
	uint64_t number = set->first + page;

	page_fill(page_set_words(set, page), kind_of(number), set->options->seed, number,
		  ++set->versions[page]);
	tally_add(1, 0);
}

void page_set_check(const struct page_set *set, uint64_t page)
{
	uint64_t number = set->first + page;

	page_check(set->options, page_set_words(set, page), kind_of(number), number,
		   set->versions[page]);
	tally_add(1, 0);
}

void page_set_write_all(struct page_set *set, const char *what)
{
	struct progress progress;

	progress_start(&progress, set->options, what, set->nr_pages);
	for (uint64_t page = 0; page < set->nr_pages; page++) {
		page_set_write(set, page);
		progress_at(&progress, page + 1);
	}
}

void page_set_check_all(const struct page_set *set, const char *what)
{
	struct progress progress;

	progress_start(&progress, set->options, what, set->nr_pages);
	for (uint64_t page = 0; page < set->nr_pages; page++) {
		page_set_check(set, page);
		progress_at(&progress, page + 1);
	}
}

void page_set_corrupt(struct page_set *set)
{
	if (set->options->corrupt)
		page_set_words(set, set->nr_pages / 2)[PAGE_WORDS / 2] ^= 1UL << 40;
}

void popularity_init(struct popularity *popularity, const struct page_set *set, uint64_t stream)
{
	popularity->set = set;
	popularity->rng.state = mix64(set->options->seed + stream);
	zipf_init(&popularity->zipf, set->nr_pages, ZIPF_THETA);
}

uint64_t popularity_next(struct popularity *popularity)
{
	uint64_t rank = zipf_next(&popularity->zipf, &popularity->rng);

	return (rank + 1) * SCATTER % popularity->set->nr_pages;
}

void page_set_serve(struct page_set *set, uint64_t stream, uint64_t ops, unsigned int updates_pct,
		    const char *what)
{
	struct popularity popularity;
	struct progress progress;

	popularity_init(&popularity, set, stream);
	progress_start(&progress, set->options, what, ops);
	for (uint64_t op = 0; op < ops; op++) {
		uint64_t page = popularity_next(&popularity);

		page_set_check(set, page);
		if (rng_below(&popularity.rng, 100) < updates_pct)
			page_set_write(set, page);
		progress_at(&progress, op + 1);
	}
}
