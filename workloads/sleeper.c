/* SPDX-License-Identifier: MIT */
/*
 * sleeper.c - memory of somebody who is away: written, left alone while others work, and wanted again.
 *
 * It sleeps until it is the only workload that still runs, so what it finds is what the others left it.
 * One at a time: two would wait for each other.
 */
#include <stdio.h>

#include "workloads/pages.h"
#include "workloads/workloads.h"

#define STEP_NS (10 * 1000 * 1000UL)

static bool is_alone(const struct options *options)
{
	struct sys_info info;

	if (system_info(&info) < 0)
		fail(options, "sysinfo");
	return info.running == 1;
}

int sleeper_main(int argc, char **argv)
{
	struct options options;
	struct page_set set;
	uint64_t start_ns;

	options_parse(&options, argc, argv);
	page_set_map(&set, &options, 0, options.footprint_bytes);
	page_set_write_all(&set, "write");
	page_set_corrupt(&set);
	start_ns = clock_ns();
	while (!is_alone(&options))
		sleep_ns(STEP_NS);
	printf("%s: slept %lu ns\n", options.name, clock_ns() - start_ns);
	page_set_check_all(&set, "verify");
	return finish(&options);
}
