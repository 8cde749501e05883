/* SPDX-License-Identifier: MIT */
/* sim.c - `sim SEED [STEPS [RUNS]]`: seeded runs of the simulator, one line each. See sim_run.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mm/stats.h"
#include "mm/zpage.h"
#include "tests/host/env.h"
#include "tests/host/sim_run.h"

#define DEFAULT_STEPS 1000
#define MAX_SECONDS   600 /* of host time a run: beyond it counts as hanging */

static void run_one(u64 seed, u64 steps)
{
	struct sim_report report;

	alarm(MAX_SECONDS);
	sim_run(seed, steps, &report);
	printf("sim seed %lu: ok: %lu steps, %lu words checked, %lu processes, %lu OOM, %lu I/O errors, "
	       "%lu+%lu compressed in %s, %lu+%lu evicted, %lu adopted, %lu swapped, %lu rescued, "
	       "%lu written back\n",
	       seed, report.steps, report.words_checked, report.processes, report.ooms,
	       report.io_errors, vm_event_total(EV_zstore_anon), vm_event_total(EV_zstore_file),
	       zpage_store_name(), vm_event_total(EV_zevict_anon), vm_event_total(EV_zevict_file),
	       vm_event_total(EV_zadopt), vm_event_total(EV_pswpout),
	       vm_event_total(EV_reclaim_rescued), vm_event_total(EV_pgfileout));
	fflush(stdout);
}

/* A machine a process: threads of an earlier one cannot interfere. */
static bool run_in_child(u64 seed, u64 steps)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();

	if (child == 0) {
		run_one(seed, steps);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return false;
	if (status)
		printf("sim seed %lu: FAILED (%s %d); again with: make sim SEED=%lu STEPS=%lu\n",
		       seed, WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), seed, steps);
	return status == 0;
}

int main(int argc, char **argv)
{
	u64 seed, steps = DEFAULT_STEPS, runs = 1, failed = 0;

	if (argc > 1 && !strcmp(argv[1], "-v")) {
		host_verbose = true;
		argc--;
		argv++;
	}
	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: sim [-v] SEED [STEPS [RUNS]]\n");
		return 2;
	}
	seed = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		steps = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		runs = strtoul(argv[3], NULL, 0);
	for (u64 i = 0; i < runs; i++)
		failed += !run_in_child(seed + i, steps);
	return failed ? 1 : 0;
}
