/* SPDX-License-Identifier: MIT */
/*
 * ageing.c - cold data first, then a hot set: who goes to disk once the memory is full?
 *
 * A store that fills up with what came first and then sends what comes later to disk turns the order of
 * ages upside down: the coldest is kept and the warmest pays. To see it, the footprint is written in data
 * that nobody asks for any more, then as much again is visited by a zipfian law in ten windows. A hit
 * is an operation that waited for no disk. With --no-fill there is no cold data: the hits of the last windows
 * should come near to what they are then.
 */
#include <stdio.h>

#include "workloads/pages.h"
#include "workloads/workloads.h"

#define NR_WINDOWS  10
#define UPDATES_PCT 5

static uint64_t major_faults(const struct options *options)
{
	struct sys_info info;

	if (system_info(&info) < 0)
		fail(options, "sysinfo");
	return info.major_faults;
}

static void run_window(struct page_set *set, struct popularity *popularity, int window)
{
	const struct options *options = set->options;
	uint64_t ops = set->nr_pages / 2, hits = 0, start_ns = clock_ns();
	uint64_t start_faults = major_faults(options), faults = start_faults;

	for (uint64_t op = 0; op < ops; op++) {
		uint64_t page = popularity_next(popularity), before = faults;

		page_set_check(set, page);
		if (rng_below(&popularity->rng, 100) < UPDATES_PCT)
			page_set_write(set, page);
		faults = major_faults(options);
		hits += faults == before;
	}
	printf("%s: window %d: %lu ops, %lu ns, %lu major faults, %lu hits\n", options->name,
	       window, ops, clock_ns() - start_ns, faults - start_faults, hits);
}

int ageing_main(int argc, char **argv)
{
	bool no_fill = false;
	struct options options;
	struct page_set cold, hot;
	struct popularity popularity;

	options_parse_with(&options, argc, argv, "--no-fill", &no_fill);
	page_set_map(&hot, &options, 0, options.footprint_bytes);
	page_set_map(&cold, &options, hot.nr_pages, options.footprint_bytes);
	if (!no_fill) {
		page_set_write_all(&cold, "fill");
		page_set_corrupt(&cold);
	}
	page_set_write_all(&hot, "write");
	page_set_corrupt(&hot);
	popularity_init(&popularity, &hot, 9);
	for (int window = 1; window <= NR_WINDOWS; window++)
		run_window(&hot, &popularity, window);
	page_set_check_all(&hot, "verify hot");
	if (!no_fill)
		page_set_check_all(&cold, "verify cold");
	return finish(&options);
}
