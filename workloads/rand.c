/* SPDX-License-Identifier: MIT */
/*
 * rand.c - incompressible data: no store can win here, so the question is what trying costs.
 *
 * Pages of random words are written once, then read at random and sometimes written again.
 */
#include "workloads/util.h"
#include "workloads/workloads.h"

#define UPDATES_PCT 5
#define MIN_OPS	    4096

static void rand_serve(const struct options *options, uint64_t *memory, uint32_t *versions,
		       uint64_t nr_pages)
{
	struct rng rng = { mix64(options->seed + 2) };
	uint64_t ops = nr_pages / 2 > MIN_OPS ? nr_pages / 2 : MIN_OPS;
	struct progress progress;

	progress_start(&progress, options, "serve", ops);
	for (uint64_t op = 0; op < ops; op++) {
		uint64_t page = rng_below(&rng, nr_pages);
		uint64_t *words = memory + page * PAGE_WORDS;

		page_check(options, words, PAGE_RANDOM, page, versions[page]);
		if (rng_below(&rng, 100) < UPDATES_PCT)
			page_fill(words, PAGE_RANDOM, options->seed, page, ++versions[page]);
		tally_add(1, 0);
		progress_at(&progress, op + 1);
	}
}

int rand_main(int argc, char **argv)
{
	struct options options;
	struct progress progress;
	uint64_t *memory, nr_pages;
	uint32_t *versions;

	options_parse(&options, argc, argv);
	nr_pages = options.footprint_bytes / PAGE_BYTES;
	memory = map_anon(&options, options.footprint_bytes);
	versions = map_anon(&options, nr_pages * sizeof(*versions));

	progress_start(&progress, &options, "write", nr_pages);
	for (uint64_t page = 0; page < nr_pages; page++) {
		page_fill(memory + page * PAGE_WORDS, PAGE_RANDOM, options.seed, page, 0);
		tally_add(1, 0);
		progress_at(&progress, page + 1);
	}
	if (options.corrupt)
		((uint8_t *)memory)[options.footprint_bytes / 2 + 100] ^= 0x80;
	rand_serve(&options, memory, versions, nr_pages);
	progress_start(&progress, &options, "verify", nr_pages);
	for (uint64_t page = 0; page < nr_pages; page++) {
		page_check(&options, memory + page * PAGE_WORDS, PAGE_RANDOM, page, versions[page]);
		progress_at(&progress, page + 1);
	}
	return finish(&options);
}
