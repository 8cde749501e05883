/* SPDX-License-Identifier: MIT */
/* panic.h - the end. panic() itself is in lib/assert.h. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/trap.h"
#include "lib/types.h"

/* panic() with the registers and stack of a trap instead of the caller's. Any context. */
void panic_trap(const struct trap_frame *frame, const char *fmt, ...) __printf(2, 3) __noreturn;

/* A panic is being reported: locks are broken where they are in the way. */
bool panic_in_progress(void);

#endif
