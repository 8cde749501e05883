/* SPDX-License-Identifier: MIT */
/*
 * pages.h - a set of anonymous pages that know what they should hold.
 *
 * The content is compressible: text, and text mixed with random words. A version a page tells a lost
 * update from a damaged byte; it is kept apart from the page.
 */
#ifndef WORKLOADS_PAGES_H
#define WORKLOADS_PAGES_H

#include "workloads/util.h"

struct page_set {
	const struct options *options;
	uint64_t first; /* number of its first page; no two sets of a workload share numbers */
	uint64_t nr_pages;
	uint64_t *memory;
	uint32_t *versions; /* 0: never written */
};

void page_set_map(struct page_set *set, const struct options *options, uint64_t first,
		  uint64_t bytes);
void page_set_unmap(struct page_set *set);

/* Its next version. One operation. */
void page_set_write(struct page_set *set, uint64_t page);
/* Every byte of it. One operation. */
void page_set_check(const struct page_set *set, uint64_t page);

/* All pages in order, with progress; what: the name of that. */
void page_set_write_all(struct page_set *set, const char *what);
void page_set_check_all(const struct page_set *set, const char *what);
/* Change a byte in the middle, if that is what the options ask for. */
void page_set_corrupt(struct page_set *set);

static inline uint64_t *page_set_words(const struct page_set *set, uint64_t page)
{
	return set->memory + page * PAGE_WORDS;
}

/* A zipfian law over the pages of a set, its popular ranks scattered over all of them. */
struct popularity {
	const struct page_set *set;
	struct zipf zipf;
	struct rng rng;
};
void popularity_init(struct popularity *popularity, const struct page_set *set, uint64_t stream);
uint64_t popularity_next(struct popularity *popularity);

/* That many pages by popularity, each checked, updates_pct of them written. With progress. */
void page_set_serve(struct page_set *set, uint64_t stream, uint64_t ops, unsigned int updates_pct,
		    const char *what);

#endif
