/* SPDX-License-Identifier: MIT */
/* oom.h - out of memory ends the largest workload, never the kernel. */
#ifndef MM_OOM_H
#define MM_OOM_H

#include "lib/types.h"

/*
 * Reclaim has made no progress: print a report of who holds what and end the largest workload.
 * True: a victim has been told, one is still dying, or memory has become free: wait and try again. False: there is no
 * workload to end. Thread context.
 */
bool oom_kill(void);

#endif
