/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the machine's clock, as a declaration; like the locks it is implemented by the kernel
 * and by the host simulator.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include "lib/types.h"

/* Monotonic virtual time. Any context. */
u64 env_now_ns(void);

#endif
