/* SPDX-License-Identifier: MIT */
/* session.h - what one boot is for: run the workloads of the command line, report, and end. */
#ifndef KERNEL_SESSION_H
#define KERNEL_SESSION_H

#include "kernel/cmdline.h"

/*
 * Start every run= workload, dump stats at the interval, wait, print "@result {json}" for each.
 * True if every status is ok. Thread context; disks and file system are up.
 */
bool session_run(const struct cmdline *cmdline);

#endif
