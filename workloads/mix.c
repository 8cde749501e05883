/* SPDX-License-Identifier: MIT */
/*
 * mix.c - a store in memory and readers of files at once: the balance between anon and file
 * memory is what is asked for. kv in one thread, scan in another, half the footprint each.
 */
#include "workloads/util.h"
#include "workloads/workloads.h"

static void run_scan(void *arg)
{
	scan_run(arg);
}

int mix_main(int argc, char **argv)
{
	struct options options, kv, scan;
	struct thread *thread;

	options_parse(&options, argc, argv);
	kv = options;
	kv.name = "mix/kv";
	kv.footprint_bytes = options.footprint_bytes / 2;
	scan = options;
	scan.name = "mix/scan";
	scan.footprint_bytes = options.footprint_bytes - kv.footprint_bytes;
	scan.corrupt = false;

	thread = thread_create(run_scan, &scan);
	if (!thread)
		fail(&options, "thread_create");
	kv_run(&kv);
	if (thread_join(thread) < 0)
		fail(&options, "thread_join");
	return finish(&options);
}
