/* SPDX-License-Identifier: MIT */
/* sim_run.h - one run of the simulator: see sim_run.c. */
#ifndef TESTS_HOST_SIM_RUN_H
#define TESTS_HOST_SIM_RUN_H

#include "lib/types.h"

struct sim_report {
	u64 steps, verifies, words_checked, ooms, processes, io_errors;
};

/* Panics on any failure, after saying at which step. */
void sim_run(u64 seed, u64 steps, struct sim_report *report);

#endif
