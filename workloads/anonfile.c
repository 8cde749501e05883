/* SPDX-License-Identifier: MIT */
/*
 * anonfile.c - anon memory, then files, then the same anon memory: the balance must swing, and swing back.
 *
 *   anon   the footprint in anon pages is written, then visited by a zipfian law
 *   file   as much in files is read three times over, while the anon pages rest
 *   anon   the anon pages are visited as before, then verified
 *
 * A line tells when each phase began, for plots.
 */
#include <stdio.h>

#include "workloads/pages.h"
#include "workloads/workloads.h"

#define UPDATES_PCT 5
#define OPS_A_PAGE  2

static void phase_begins(const struct options *options, const char *name)
{
	printf("%s: phase %s at %lu ns\n", options->name, name, clock_ns());
}

int anonfile_main(int argc, char **argv)
{
	struct options options;
	struct page_set set;

	options_parse(&options, argc, argv);
	phase_begins(&options, "anon");
	page_set_map(&set, &options, 0, options.footprint_bytes);
	page_set_write_all(&set, "write");
	page_set_serve(&set, 5, set.nr_pages * OPS_A_PAGE, UPDATES_PCT, "serve");

	phase_begins(&options, "file");
	scan_read_run(&options);

	phase_begins(&options, "anon");
	page_set_corrupt(&set);
	page_set_serve(&set, 6, set.nr_pages * OPS_A_PAGE, UPDATES_PCT, "serve again");
	page_set_check_all(&set, "verify");
	return finish(&options);
}
